package kakaokeyword_test

import (
	"context"
	"iter"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"argo/tables"
	"argo/tables/ads/kakaokeyword"
	"argo/tables/ads/kakaokeyword/kakaokeywordsim"
	"argo/tables/fault"
	"argo/tables/market"
	"argo/tables/tabletest"

	"github.com/cockroachdb/apd/v3"
)

const token = "b1zt0ken"

// simulated opens a connection to the simulator, which keeps Kakao's limits.
func simulated(t *testing.T, o kakaokeywordsim.Options, more map[string]any) (*tables.Connection, *kakaokeywordsim.Sim, *market.VirtualClock) {
	t.Helper()
	clock := market.NewClock(time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)) // noon in Seoul
	world := market.New(market.Options{Seed: 1, Start: "2026-09-23", Clock: clock,
		Channels: []market.Channel{{Name: "kakao_keyword", Countries: []string{"KR", "US"}, Accounts: 3}}})
	o.Token = token
	sim := kakaokeywordsim.New(world.On("kakao_keyword"), o)
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	options := map[string]any{"base_url": server.URL, "business_token": "env:TOKEN", "since": "2026-09-23"}
	for k, v := range more {
		options[k] = v
	}
	conn, err := kakaokeyword.Source.Open(t.Context(), tables.Env{
		Name: "kakao_keyword", Now: clock.Now, Decode: tabletest.Decode(options),
		Secret: func(context.Context, string) (string, error) { return token, nil },
		Sleep:  clock.Sleep,
	})
	if err != nil {
		t.Fatal(err)
	}
	return conn, sim, clock
}

func accountOf(t *testing.T, conn *tables.Connection) string {
	t.Helper()
	accounts, err := conn.Tables[0].Accounts(t.Context())
	if err != nil || len(accounts) == 0 {
		t.Fatal(accounts, err)
	}
	return accounts[0].ID
}

// The suite over every table, against a simulator with Kakao's limits, and over
// some of them where lists are shaped in its other ways.
func TestConformance(t *testing.T) {
	for i, o := range []kakaokeywordsim.Options{{}, {Bare: true, NoContent: true, QuotaAs400: true}} {
		conn, _, _ := simulated(t, o, nil)
		account := accountOf(t, conn)
		for _, table := range conn.Tables {
			if i > 0 && !slices.Contains([]string{"accounts", "campaigns", "account_performance", "keyword_performance"}, table.Name) {
				continue
			}
			if table.Day != "" {
				table.Scan = inTurn(table.Scan)
			}
			t.Run(table.Name, func(t *testing.T) {
				// Days that are settled: waiting for the limits moves the clock.
				days := tables.Days{From: "2026-10-01", To: "2026-10-02"}
				if strings.Contains(table.Name, "age") || strings.Contains(table.Name, "hour") { // many rows
					days.To = days.From
				}
				tabletest.Conformance(t, table, tabletest.Options{Days: days, Accounts: []string{account}})
			})
		}
	}
}

// inTurn lets one scan go at a time: on a clock that whoever waits moves at once,
// waiting beside others passes hours before a request has arrived.
func inTurn(scan func(context.Context, tables.Scan) iter.Seq2[tables.Row, error]) func(context.Context, tables.Scan) iter.Seq2[tables.Row, error] {
	var turn sync.Mutex
	return func(ctx context.Context, s tables.Scan) iter.Seq2[tables.Row, error] {
		return func(yield func(tables.Row, error) bool) {
			turn.Lock()
			defer turn.Unlock()
			scan(ctx, s)(yield)
		}
	}
}

// sums adds up the columns of a scan.
func sums(t *testing.T, x tables.Table, account string, days tables.Days, columns ...string) string {
	t.Helper()
	rows, err := tabletest.Rows(t.Context(), x, tables.Scan{Table: x.Name, Account: account, Days: days, Columns: columns})
	if err != nil {
		t.Fatal(x.Name, err)
	}
	out := make([]*apd.Decimal, len(columns))
	for i := range out {
		out[i] = new(apd.Decimal)
		for _, r := range rows {
			v, ok := r[i].(*apd.Decimal)
			if n, whole := r[i].(int64); whole {
				v, ok = apd.New(n, 0), true
			}
			if ok {
				if _, err := apd.BaseContext.WithPrecision(38).Add(out[i], out[i], v); err != nil {
					t.Fatal(err)
				}
			}
		}
		out[i].Reduce(out[i])
	}
	var text []string
	for _, d := range out {
		text = append(text, d.Text('f'))
	}
	return strings.Join(text, " ")
}

// Every grain adds up to the account's own report, today and the past, over more
// days than one report holds.
func TestGrainsAgree(t *testing.T) {
	conn, sim, _ := simulated(t, kakaokeywordsim.Options{}, nil)
	account := accountOf(t, conn)
	columns := []string{"imp", "click", "spending", "conv_purchase_1d", "conv_purchase_7d", "conv_purchase_p_7d", "conv_view_cart_7d"}
	// Settled days only: what a report takes moves the clock.
	days := tables.Days{From: "2026-10-01", To: "2026-11-02"}
	want := sums(t, tabletest.Find(t, conn, "account_performance"), account, days, columns...)
	if strings.HasPrefix(want, "0 ") || strings.Contains(want, " 0 ") {
		t.Fatalf("the account's figures are %s", want)
	}
	for _, x := range conn.Tables {
		if x.Day != "" {
			if got := sums(t, x, account, days, columns...); got != want {
				t.Errorf("%s adds up to %s, the account to %s", x.Name, got, want)
			}
		}
	}
	if n := sim.Exceeded(); len(n) > 0 {
		t.Errorf("limits were exceeded: %v", n)
	}
}

// Today is not within start and end: it takes a call of its own, and it has rows.
func TestToday(t *testing.T) {
	conn, _, clock := simulated(t, kakaokeywordsim.Options{}, nil)
	account := accountOf(t, conn)
	x := tabletest.Find(t, conn, "account_performance")
	s := tables.Scan{Table: x.Name, Account: account, Days: tables.Days{From: "2026-10-20", To: "2026-11-22"}, Columns: []string{"date", "imp"}}
	n, exact := x.Calls(s)
	trace := &tables.Trace{}
	rows, err := tabletest.Rows(tables.WithTrace(t.Context(), trace), x, s)
	if err != nil || len(rows) != 34 || n != 3 || !exact || trace.Cost().Calls != 3 {
		t.Errorf("%d rows, %d calls (%d, %v predicted), %v", len(rows), trace.Cost().Calls, n, exact, err)
	}
	// A reply that arrives after midnight is of another day than was asked for.
	clock.Set(time.Date(2026, 11, 22, 14, 59, 59, 0, time.UTC))
	conn, sim, clock := simulated(t, kakaokeywordsim.Options{}, nil)
	x = tabletest.Find(t, conn, "account_performance")
	accountOf(t, conn)
	clock.Set(time.Date(2026, 11, 22, 14, 59, 55, 0, time.UTC))
	if err := sim.Faults.Script("kakaokeyword slow delay=10s path=report nth=1"); err != nil {
		t.Fatal(err)
	}
	s.Days = tables.Days{From: "2026-11-22", To: "2026-11-22"}
	rows, err = tabletest.Rows(t.Context(), x, s)
	if err != nil || len(rows) != 1 || rows[0][0] != tables.Day("2026-11-22") {
		t.Errorf("over midnight: %v, %v", rows, err)
	}
}

// A day is fixed at 08:00 of the next one, its conversions seven days later; by
// then the table says that they are final, and never before.
func TestSettling(t *testing.T) {
	conn, _, clock := simulated(t, kakaokeywordsim.Options{}, nil)
	account := accountOf(t, conn)
	x := tabletest.Find(t, conn, "account_performance")
	day := tables.Days{From: "2026-11-22", To: "2026-11-22"}
	last := map[string]string{}
	for days := range 40 {
		for group, columns := range map[string][]string{"delivery": {"imp", "click", "spending"}, "booked": {"conv_purchase_7d", "conv_purchase_p_7d"}} {
			now := sums(t, x, account, day, columns...)
			if days > x.Groups[group].Settled() && now != last[group] {
				t.Errorf("%s changed from %s to %s on day %d, and was settled after %d", group, last[group], now, days, x.Groups[group].Settled())
			}
			last[group] = now
		}
		clock.Set(time.Date(2026, 11, 23+days, 0, 0, 0, 0, time.FixedZone("", 9*60*60)))
	}
}

func TestSimFaults(t *testing.T) {
	for _, c := range []struct {
		plan  string
		calls int64
		kind  fault.Kind
	}{
		{"", 2, ""},
		{"kakaokeyword 401 path=report", 2, fault.Auth},
		{"kakaokeyword denied path=report", 2, fault.Denied},
		{"kakaokeyword 429 nth=1 path=report", 3, ""},
		{"kakaokeyword 429 retry=20h path=report", 2, fault.Throttled},
		{"kakaokeyword 500 nth=1 path=report", 3, ""},
		{"kakaokeyword 503 path=report", 6, fault.Unavailable},
		{"kakaokeyword drop nth=1 path=report", 2, ""}, // the transport itself asks again on a new connection
		{"kakaokeyword drop times=2 path=report", 3, ""},
		{"kakaokeyword truncate nth=1 bytes=100", 3, ""},
		{"kakaokeyword midstream nth=1 path=report", 3, ""},
		{"kakaokeyword slow delay=30s", 2, ""},
		{"kakaokeyword repeat nth=1 path=report", 2, fault.Broken},
	} {
		for _, o := range []kakaokeywordsim.Options{{}, {QuotaAs400: true}} {
			conn, sim, _ := simulated(t, o, nil)
			x := tabletest.Find(t, conn, "account_performance")
			if err := sim.Faults.Script(c.plan); err != nil {
				t.Fatal(err)
			}
			trace := &tables.Trace{}
			ctx := tables.WithTrace(t.Context(), trace)
			accounts, err := x.Accounts(ctx)
			var got []tables.Row
			if err == nil {
				got, err = tabletest.Rows(ctx, x, tables.Scan{Account: accounts[0].ID, Days: tables.Days{From: "2026-10-01", To: "2026-10-02"}, Columns: []string{"date", "imp"}})
			}
			if n := trace.Cost().Calls; fault.KindOf(err) != c.kind || n != c.calls || err == nil && len(got) == 0 || err != nil && (fault.As(err) == nil || strings.Contains(err.Error(), token)) {
				t.Errorf("%q: %d rows, %d calls, %v; want %d calls, %q", c.plan, len(got), n, err, c.calls, c.kind)
			}
		}
	}
}

// Somebody else who uses the account takes calls, too: Kakao's refusal is waited
// out.
func TestSharedAccount(t *testing.T) {
	a, sim, clock := simulated(t, kakaokeywordsim.Options{}, nil)
	account := accountOf(t, a)
	x := tabletest.Find(t, a, "account_performance")
	scan := tables.Scan{Account: account, Days: tables.Days{From: "2026-10-01", To: "2026-10-01"}, Columns: []string{"date", "imp"}}
	if _, err := tabletest.Rows(t.Context(), x, scan); err != nil {
		t.Fatal(err)
	}
	before := clock.Now()
	if err := sim.Faults.Script("kakaokeyword 429 times=2 path=report"); err != nil {
		t.Fatal(err)
	}
	rows, err := tabletest.Rows(t.Context(), x, scan)
	if err != nil || len(rows) != 1 || clock.Now().Sub(before) < 15*time.Second {
		t.Errorf("%v, %v after %s", rows, err, clock.Now().Sub(before))
	}
}

func TestSimCheck(t *testing.T) {
	conn, _, _ := simulated(t, kakaokeywordsim.Options{}, nil)
	if line, err := conn.Check(t.Context()); line != "2 ad accounts" || err != nil { // the third one is in dollars
		t.Error(line, err)
	}
	conn, _, _ = simulated(t, kakaokeywordsim.Options{}, map[string]any{"ad_accounts": []string{"987654"}})
	if _, err := conn.Check(t.Context()); !fault.Is(err, fault.Config) || !strings.Contains(err.Error(), "987654") {
		t.Error(err)
	}
	if n, err := strconv.Atoi(accountOf(t, conn)); n != 987654 || err != nil {
		t.Error(n, err)
	}
}
