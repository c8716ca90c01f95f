package main

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"argo/tables"
)

// price asks EXPLAIN FETCH what a statement would cost, runs the statement, and
// counts at the vendors what it did cost. Between statements time passes, so
// that some cells have grown too old.
func price(ctx context.Context, b *bench) error {
	v, err := newVendors(b, noon)
	if err != nil {
		return err
	}
	defer v.close()
	since := tables.DayOf(noon).Add(-100)
	accounts := threeAccounts()
	for _, g := range apiGrains {
		if _, err := v.addAPI(g.name, g.grain, law{seed: b.seed, settled: 28, items: 3}, accounts, since); err != nil {
			return err
		}
	}
	google, tracker := noLimits()
	if err := v.addMarket(since, google, tracker); err != nil {
		return err
	}
	config, err := v.configure("argo", "data", "cache: {warm: false}")
	if err != nil {
		return err
	}
	n, err := v.start(ctx, config)
	if err != nil {
		return err
	}
	g := &generator{rand: rand.New(rand.NewPCG(b.seed, 4)), today: tables.DayOf(noon)}
	count := cmp.Or(b.queries, pick(b, 200, 24))
	var predicted, actual, inexact, renewed, wrong, free int
	for i := range count {
		if i%50 == 49 {
			b.say("price: statement %d of %d", i+1, count)
		}
		text := g.statement()
		err := n.session(ctx, func(c *sql.Conn) error {
			rows, err := ask(ctx, c, "EXPLAIN FETCH "+text)
			if err != nil {
				return err
			}
			calls, exact, err := offered(rows)
			if err != nil {
				return err
			}
			if explained, lists, _ := v.taken(); explained > lists {
				b.demand(false, "EXPLAIN FETCH made %d calls: %s", explained-lists, text)
			}
			v.page.Advance(time.Millisecond)
			began := v.page.Now()
			if _, err := ask(ctx, c, text); err != nil {
				return err
			}
			seen, _, which := v.taken()
			behind, err := background(ctx, c, began)
			if err != nil {
				return err
			}
			seen -= behind
			renewed += behind
			predicted, actual = predicted+calls, actual+seen
			if !exact {
				inexact++
			}
			if calls == 0 {
				free++
			}
			if calls != seen {
				wrong++
				b.demand(false, "%d calls were predicted (exact: %v) and %d made by %s: %s", calls, exact, seen, text, strings.Join(which, ", "))
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("%s: %w", text, err)
		}
		if err := v.settle(ctx, 10*time.Millisecond); err != nil {
			return err
		}
		v.taken()
		v.page.Advance([]time.Duration{0, time.Minute, 20 * time.Minute, 3 * time.Hour, 26 * time.Hour}[g.rand.IntN(5)])
		g.today = tables.DayOf(v.page.Now())
	}
	b.section("statements")
	b.figure("statements", "%d, of which %d were to cost nothing", count, free)
	b.figure("calls predicted", "%d", predicted)
	b.figure("calls that reached a vendor", "%d (%d more renewed cells behind an answer)", actual, renewed)
	b.figure("predictions said to be uncertain", "%d", inexact)
	b.figure("predictions that were wrong", "%d (at most 0)", wrong)
	b.demand(predicted > count/2, "only %d calls: the statements show little", predicted)
	return nil
}

// taken takes what reached the vendors: how many calls, how many of them list
// accounts, and which they were.
func (v *vendors) taken() (calls, lists int, which []string) {
	for _, a := range v.apis {
		for _, c := range a.take() {
			which = append(which, strings.TrimSpace(fmt.Sprintf("%s %s %s %s..%s", a.name, c.table, c.account, c.days.From, c.days.To)))
			if c.table == "" {
				lists++
			}
		}
	}
	for _, c := range v.takeSims() {
		which = append(which, fmt.Sprintf("%s %d %.300s", c.path, c.status, c.body))
		if strings.Contains(c.body, "FROM customer_client") || strings.Contains(c.path, "listAccessibleCustomers") {
			lists++
		}
	}
	return len(which), lists, which
}

// offered reads the last row of EXPLAIN FETCH.
func offered(rows [][]string) (calls int, exact bool, err error) {
	if len(rows) == 0 || rows[len(rows)-1][0] != "total" {
		return 0, false, fmt.Errorf("EXPLAIN FETCH has no row total: %v", rows)
	}
	last := rows[len(rows)-1]
	calls, err = strconv.Atoi(last[6])
	return calls, last[7] == "1", err
}

// background counts the calls since a moment that nobody waited for.
func background(ctx context.Context, q querier, since time.Time) (int, error) {
	rows, err := ask(ctx, q, fmt.Sprintf("SELECT COUNT(*) FROM argo.fetches WHERE purpose IN ('refresh', 'backfill') AND started_at >= '%s'", since.Format("2006-01-02 15:04:05.000000")))
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(rows[0][0])
}

// generator makes statements over every connection.
type generator struct {
	rand  *rand.Rand
	today tables.Day
}

// benchSheet is a table of days as the generator knows it.
type benchSheet struct {
	name, account, label string
	numbers              []string
	ids                  []string
	quoted               bool
}

var priced = func() []benchSheet {
	var out []benchSheet
	for _, c := range []string{"daily", "weekly", "any"} {
		for _, t := range benchTables {
			out = append(out, benchSheet{c + "." + t, "account_id", "item_id", numbers, []string{"a1", "a2", "a3"}, true})
		}
	}
	google := []string{"impressions", "clicks", "cost", "conversions", "all_conversions", "view_through_conversions", "conversions_value"}
	for _, t := range []string{"campaign_performance", "ad_group_performance"} {
		out = append(out, benchSheet{"google_ads." + t, "customer_id", "campaign_id", google, []string{"1000000101", "1000000102", "1000000201", "1000000202"}, false})
	}
	return append(out, benchSheet{"appsflyer.partners_by_date", "app_id", "media_source", []string{"installs", "sessions", "clicks", "impressions"}, []string{"com.example.branda", "id900000002"}, true})
}()

func (g *generator) one(list []string) string { return list[g.rand.IntN(len(list))] }

// where is a condition on days and accounts; alias stands before the columns.
func (g *generator) where(s benchSheet, alias string) string {
	length := []int{1, 3, 7, 14, 30}[g.rand.IntN(5)]
	to := g.today
	if g.rand.IntN(2) == 0 {
		to = to.Add(-g.rand.IntN(60))
	}
	cond := fmt.Sprintf("%sdate BETWEEN '%s' AND '%s'", alias, to.Add(1-length), to)
	if g.rand.IntN(2) == 0 {
		return cond
	}
	var ids []string
	for _, i := range g.rand.Perm(len(s.ids))[:1+g.rand.IntN(2)] {
		if ids = append(ids, s.ids[i]); s.quoted {
			ids[len(ids)-1] = "'" + s.ids[i] + "'"
		}
	}
	return fmt.Sprintf("%s AND %s%s IN (%s)", cond, alias, s.account, strings.Join(ids, ", "))
}

func (g *generator) sum(s benchSheet) string {
	return fmt.Sprintf("SELECT SUM(%s), SUM(%s) FROM %s WHERE %s", g.one(s.numbers), g.one(s.numbers), s.name, g.where(s, ""))
}

// statement draws one: a sum, a table by its label, two tables one below the
// other, the same table twice, a join, a condition by a subquery, an entity.
func (g *generator) statement() string {
	s := priced[g.rand.IntN(len(priced))]
	switch g.rand.IntN(8) {
	case 0:
		return fmt.Sprintf("SELECT %s, %s, SUM(%s) FROM %s WHERE %s GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT 10", s.account, s.label, g.one(s.numbers), s.name, g.where(s, ""))
	case 1:
		return g.sum(s) + " UNION ALL " + g.sum(priced[g.rand.IntN(len(priced))])
	case 2:
		return fmt.Sprintf("SELECT a.n, b.n FROM (SELECT SUM(%s) AS n FROM %s WHERE %s) a, (SELECT SUM(%s) AS n FROM %s WHERE %s) b",
			g.one(s.numbers), s.name, g.where(s, ""), g.one(s.numbers), s.name, g.where(s, ""))
	case 3:
		p := priced[slices.IndexFunc(priced, func(s benchSheet) bool { return strings.HasPrefix(s.name, "google_ads.") })]
		return fmt.Sprintf("SELECT c.name, SUM(p.%s) FROM %s p JOIN google_ads.campaigns c ON c.id = p.campaign_id AND c.customer_id = p.customer_id WHERE %s GROUP BY 1 ORDER BY 1",
			g.one(p.numbers), p.name, g.where(p, "p."))
	case 4:
		return fmt.Sprintf("SELECT COUNT(*) FROM %[1]s WHERE %[2]s AND %[3]s IN (SELECT %[3]s FROM %[1]s WHERE %[4]s)", s.name, g.where(s, ""), s.label, g.where(s, ""))
	case 5:
		return "SELECT status, COUNT(*) FROM google_ads." + g.one([]string{"campaigns", "ad_groups", "campaign_budgets"}) + " GROUP BY 1 ORDER BY 1"
	}
	return g.sum(s)
}
