package servertest_test

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"argo/server/servertest"
)

// asker writes statements of every shape over the simulated agency's tables.
type asker struct {
	*rand.Rand
	accounts map[string][]string
}

// sheet is a table that an asker reads.
type sheet struct {
	name, account, day string
	metrics            []string
}

var sheets = []sheet{
	{"google_ads.campaign_performance", "customer_id", "date", []string{"clicks", "impressions", "cost", "conversions", "conversions_value"}},
	{"google_ads.ad_group_performance", "customer_id", "date", []string{"clicks", "impressions", "cost"}},
	{"appsflyer.partners_by_date", "app_id", "date", []string{"installs", "clicks", "impressions"}},
}

func pick[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

// where restricts accounts and days, or one of them, or nothing.
func (a *asker) where(s sheet, alias string) string {
	var parts []string
	if alias != "" {
		alias += "."
	}
	ids := a.accounts[s.name]
	switch a.IntN(4) {
	case 0:
		parts = append(parts, fmt.Sprintf("%s%s = %s", alias, s.account, pick(a.Rand, ids)))
	case 1:
		parts = append(parts, fmt.Sprintf("%s%s IN (%s, %s)", alias, s.account, pick(a.Rand, ids), pick(a.Rand, ids)))
	}
	day := func() string {
		return time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, a.IntN(84)).Format("'2006-01-02'")
	}
	switch a.IntN(6) {
	case 0, 1:
		x, y := day(), day()
		parts = append(parts, fmt.Sprintf("%s%s BETWEEN %s AND %s", alias, s.day, min(x, y), max(x, y)))
	case 2:
		parts = append(parts, fmt.Sprintf("%s%s >= %s", alias, s.day, day()))
	case 3:
		parts = append(parts, fmt.Sprintf("(%s%s = %s OR %s%s = %s)", alias, s.day, day(), alias, s.day, day()))
	case 4:
		parts = append(parts, fmt.Sprintf("%s%s IN (%s, %s, %s)", alias, s.day, day(), day(), day()))
	}
	if len(parts) == 0 {
		return "1 = 1"
	}
	return strings.Join(parts, " AND ")
}

func (a *asker) statement() string {
	s := pick(a.Rand, sheets)
	metric := pick(a.Rand, s.metrics)
	sum := func(s sheet) string {
		return fmt.Sprintf("SELECT SUM(%s) AS v FROM %s WHERE %s", pick(a.Rand, s.metrics), s.name, a.where(s, ""))
	}
	switch a.IntN(10) {
	case 0:
		return fmt.Sprintf("SELECT * FROM %s LIMIT %d", s.name, 1+a.IntN(3000))
	case 1:
		return fmt.Sprintf("SELECT x.%[1]s, SUM(x.%[2]s), SUM(y.%[3]s) FROM %[4]s x JOIN %[4]s y USING (%[1]s) WHERE %[5]s AND %[6]s GROUP BY 1",
			s.account, metric, pick(a.Rand, s.metrics), s.name, a.where(s, "x"), a.where(s, "y"))
	case 2:
		return sum(s) + " UNION ALL " + sum(s) + " UNION ALL " + sum(pick(a.Rand, sheets))
	case 3:
		return fmt.Sprintf("SELECT (%s), (%s)", sum(s), sum(pick(a.Rand, sheets)))
	case 4:
		return fmt.Sprintf("SELECT COUNT(*) FROM %s WHERE %s AND %s > (%s) / 100", s.name, a.where(s, ""), metric, sum(s))
	case 5:
		return fmt.Sprintf("SELECT c.name, SUM(p.clicks) FROM google_ads.campaigns c JOIN google_ads.campaign_performance p ON p.campaign_id = c.id WHERE %s GROUP BY 1", a.where(sheets[0], "p"))
	case 6:
		return fmt.Sprintf("SELECT * FROM %s WHERE 1 = 0", s.name)
	case 7:
		return fmt.Sprintf("SELECT COUNT(*) FROM %s WHERE %s", s.name, a.where(s, ""))
	}
	return fmt.Sprintf("SELECT %s, SUM(%s) FROM %s WHERE %s GROUP BY 1 ORDER BY 2 DESC LIMIT 5", s.day, metric, s.name, a.where(s, ""))
}

// TestPredictedCalls: what EXPLAIN FETCH says is what the statement then takes,
// whatever was asked before.
func TestPredictedCalls(t *testing.T) {
	setup := world(t)
	s := servertest.Start(t, setup.Options)
	c, err := s.Open(t, setup.User, setup.Ref, "", "").Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	a := &asker{rand.New(rand.NewPCG(4, 1)), map[string][]string{}}
	for _, x := range sheets {
		for _, r := range query(t, c, fmt.Sprintf("SELECT DISTINCT %s FROM %s WHERE date = '2026-09-03'", x.account, x.name)) {
			a.accounts[x.name] = append(a.accounts[x.name], "'"+r[0]+"'")
		}
	}
	const statements = 100
	var right, exact, total, repeated int
	for i := range statements {
		text := fmt.Sprintf("/* %d */ %s", i, a.statement())
		if a.IntN(4) == 0 {
			s.Clock.Advance(time.Duration(a.IntN(20)) * time.Hour)
		}
		if err := s.Cache.Calm(context.Background()); err != nil { // what the statement before renews behind its answer
			t.Fatal(err)
		}
		s.Calls.Take()
		offer := query(t, c, "EXPLAIN FETCH "+text)
		last := offer[len(offer)-1]
		if last[0] != "total" {
			t.Fatalf("%s: EXPLAIN FETCH gives %v", text, offer)
		}
		query(t, c, text)
		calls := map[string]string{}
		for _, r := range query(t, c, "SELECT statement, calls FROM argo.queries ORDER BY id DESC LIMIT 5") {
			calls[r[0]] = r[1]
		}
		if n := calls["EXPLAIN FETCH "+text]; n != "0" && n != "" {
			t.Errorf("EXPLAIN FETCH of %s makes %s calls", text, n)
		}
		n := calls[text]
		if n == "" {
			n = "0" // it touched nothing
		}
		if last[7] == "1" {
			exact++
		}
		if n != "0" {
			total++
		}
		sent := s.Calls.Take()
		again := len(sent) - len(slices.Compact(slices.Clone(sent))) // what the vendor put off was sent once more
		repeated += again
		made, _ := strconv.Atoi(n)
		switch {
		case last[6] == n || last[6] == strconv.Itoa(made-again):
			right++
		case last[7] == "1":
			t.Errorf("%s\ntakes %s calls, predicted were %s:\n%v\n%s", text, n, last[6], offer, strings.Join(sent, "\n"))
		default:
			t.Logf("%s takes %s calls, about %s were predicted", text, n, last[6])
		}
	}
	t.Logf("of %d predictions %d are right, %d were said to be exact; %d statements made calls; %d were put off and sent again", statements, right, exact, total, repeated)
	if right < statements*95/100 || exact < statements*7/10 || total < statements/4 {
		t.Errorf("of %d predictions %d are right, %d were said to be exact; %d statements made calls", statements, right, exact, total)
	}
}

// query gives the rows of a result as texts.
func query(t *testing.T, c *sql.Conn, text string) (out [][]string) {
	t.Helper()
	rows, err := c.QueryContext(context.Background(), text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		values, places := make([]sql.NullString, len(names)), make([]any, len(names))
		for i := range values {
			places[i] = &values[i]
		}
		if err := rows.Scan(places...); err != nil {
			t.Fatal(err)
		}
		words := make([]string, len(values))
		for i, v := range values {
			words[i] = v.String
		}
		out = append(out, words)
	}
	if err := rows.Err(); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return out
}
