package googleads_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"argo/tables"
	"argo/tables/ads/googleads"
	"argo/tables/ads/googleads/googleadssim"
	"argo/tables/fault"
	"argo/tables/market"
	"argo/tables/tabletest"
)

// simulated opens a connection to the simulator of a market with 60 days behind
// it, at noon in Seoul.
func simulated(t *testing.T, options map[string]any) (*tables.Connection, *googleadssim.Sim, *market.VirtualClock) {
	t.Helper()
	clock := market.NewClock(time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC))
	world := market.New(market.Options{Seed: 1, Start: "2026-09-23", Clock: clock})
	sim := googleadssim.New(world, googleadssim.Options{})
	server := httptest.NewServer(googleadssim.Record(os.Getenv("ARGO_RECORD_DIR"), sim))
	t.Cleanup(server.Close)
	o := sim.Options()
	secrets := map[string]string{"env:DEV": o.DeveloperToken, "env:ID": o.ClientID, "env:SECRET": o.ClientSecret, "env:REFRESH": o.RefreshToken}
	all := map[string]any{
		"base_url": server.URL, "token_url": server.URL + "/token", "login_customer_id": o.ManagerID,
		"developer_token": "env:DEV", "client_id": "env:ID", "client_secret": "env:SECRET", "refresh_token": "env:REFRESH",
	}
	for k, v := range options {
		if all[k] = v; v == nil {
			delete(all, k)
		}
	}
	conn, err := googleads.Source.Open(t.Context(), tables.Env{
		Name: "google_ads", Decode: tabletest.Decode(all), Now: clock.Now,
		Secret: func(_ context.Context, ref string) (string, error) { return secrets[ref], nil },
		Sleep: func(ctx context.Context, d time.Duration) error {
			clock.Advance(d)
			return ctx.Err()
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return conn, sim, clock
}

// TestConformance runs the suite over every table, against the simulator.
func TestConformance(t *testing.T) {
	conn, _, _ := simulated(t, nil)
	for _, table := range conn.Tables {
		t.Run(table.Name, func(t *testing.T) {
			days := tables.Days{From: "2026-11-15", To: "2026-11-19"}
			if strings.Contains(table.Name, "_performance") && table.Name != "campaign_performance" {
				days.To = "2026-11-16"
			}
			tabletest.Conformance(t, table, tabletest.Options{Days: days})
		})
	}
}

// The same tree and rows are seen without a login_customer_id.
func TestSimWithoutManager(t *testing.T) {
	with, _, _ := simulated(t, nil)
	without, _, _ := simulated(t, map[string]any{"login_customer_id": nil})
	read := func(conn *tables.Connection) string {
		x := tabletest.Find(t, conn, "campaigns")
		accounts, err := x.Accounts(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got := fmt.Sprint(accounts)
		for _, a := range accounts {
			r, err := tabletest.Rows(t.Context(), x, tables.Scan{Account: a.ID, Columns: []string{"id", "name", "status"}})
			if err != nil {
				t.Fatal(err)
			}
			got += fmt.Sprint(r)
		}
		return got
	}
	if a, b := read(with), read(without); a != b || !strings.Contains(a, "ENABLED") {
		t.Errorf("with a manager %s\nwithout %s", a, b)
	}
}

// The grains agree: what campaigns spent is what their ad groups, ads, keywords
// and search terms spent, where they have any.
func TestSimGrainsAgree(t *testing.T) {
	conn, _, _ := simulated(t, nil)
	accounts, err := tabletest.Find(t, conn, "campaigns").Accounts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	days := tables.Days{From: "2026-11-10", To: "2026-11-12"}
	sum := func(name string) (clicks int64) {
		for _, a := range accounts {
			r, err := tabletest.Rows(t.Context(), tabletest.Find(t, conn, name), tables.Scan{Account: a.ID, Days: days, Columns: []string{"clicks"}})
			if err != nil {
				t.Fatal(err)
			}
			for _, x := range r {
				clicks += x[0].(int64)
			}
		}
		return clicks
	}
	campaigns := sum("campaign_performance")
	if campaigns == 0 {
		t.Fatal("nothing was clicked")
	}
	for _, name := range []string{"ad_group_performance", "ad_performance"} {
		if n := sum(name); n != campaigns {
			t.Errorf("%s has %d clicks, campaign_performance %d", name, n, campaigns)
		}
	}
}

// An access token that expires under way is renewed without a word.
func TestSimExpiry(t *testing.T) {
	conn, _, clock := simulated(t, nil)
	x := tabletest.Find(t, conn, "campaigns")
	accounts, err := x.Accounts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := tabletest.Rows(t.Context(), x, tables.Scan{Account: accounts[0].ID, Columns: []string{"id"}}); err != nil {
			t.Fatal(err)
		}
		clock.Advance(2 * time.Hour)
	}
}

// What goes wrong for a while is not seen; what goes wrong for good is a fault
// and never a short answer.
func TestSimFaults(t *testing.T) {
	read := func(t *testing.T, plan string) (int, tables.Cost, error) {
		conn, sim, _ := simulated(t, map[string]any{"customers": []string{"1000000101"}})
		x := tabletest.Find(t, conn, "campaign_performance")
		accounts, err := x.Accounts(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := sim.Faults.Script(plan); err != nil {
			t.Fatal(err)
		}
		trace := &tables.Trace{}
		got, err := tabletest.Rows(tables.WithTrace(t.Context(), trace), x, tables.Scan{Account: accounts[0].ID, Days: tables.Days{From: "2026-11-01", To: "2026-11-10"}, Columns: x.Key})
		return len(got), trace.Cost(), err
	}
	want, cost, err := read(t, "")
	if err != nil || want == 0 || cost.Calls != 1 || cost.RowsFetched != int64(want) {
		t.Fatalf("%d rows, %+v, %v", want, cost, err)
	}
	for _, c := range []struct {
		plan  string
		calls int64
		kind  fault.Kind
	}{
		{"googleads 401 times=1", 2, ""}, // the call and, with a new token, which is none, the call again
		{"googleads 429 nth=1 retry=12s", 2, ""},
		{"googleads 429 nth=1 retry=20h", 1, fault.Throttled},
		{"googleads 500 nth=1", 2, ""},
		{"googleads 503 nth=1 times=2", 3, ""},
		{"googleads 503", 5, fault.Unavailable},
		{"googleads drop nth=1", 2, ""},
		{"googleads truncate nth=1 bytes=300", 2, ""},
		{"googleads truncate bytes=300", 5, fault.Unavailable},
		{"googleads denied", 1, fault.Denied},
		{"googleads slow delay=30s", 1, ""},
		{"googleads midstream", 0, "any"},
	} {
		n, cost, err := read(t, c.plan)
		switch {
		case c.kind == "any":
			if fault.As(err) == nil {
				t.Errorf("%s: %d rows, %v", c.plan, n, err)
			}
		case fault.KindOf(err) != c.kind || cost.Calls != c.calls || err == nil && n != want:
			t.Errorf("%s: %d rows, %d calls, %v; want %d rows, %d calls, %q", c.plan, n, cost.Calls, err, want, c.calls, c.kind)
		}
	}
}

// Totals come with the rows, in the same reply, wherever Google's are those of
// the rows; a missing row and a repeated page are seen in them.
func TestSimTotals(t *testing.T) {
	conn, sim, _ := simulated(t, nil)
	read := func(table tables.Table, columns ...string) (sums map[string]any, rows []tables.Row, calls int64) {
		trace := &tables.Trace{}
		rows, err := tabletest.Rows(tables.WithTrace(t.Context(), trace), table, tables.Scan{Account: "1000000101", Days: tables.Days{From: "2026-11-18", To: "2026-11-20"}, Columns: columns,
			Totals: func(x map[string]any) { sums = x }})
		if err != nil {
			t.Fatal(err)
		}
		return sums, rows, trace.Cost().Calls
	}
	clicks := func(rows []tables.Row) (n int64) {
		for _, r := range rows {
			n += r[0].(int64)
		}
		return n
	}
	if _, err := tabletest.Find(t, conn, "campaigns").Accounts(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, table := range conn.Tables {
		if table.Day == "" || table.Name == "change_events" {
			continue
		}
		sums, rows, calls := read(table, "clicks", "cost", "conversions", "ctr", "campaign_name")
		if calls != 1 {
			t.Errorf("%s: %d calls", table.Name, calls)
		}
		if table.Name == "search_term_performance" {
			if sums != nil {
				t.Errorf("%s: %v", table.Name, sums)
			}
			continue
		}
		if len(sums) != 3 || sums["clicks"] != clicks(rows) || clicks(rows) == 0 {
			t.Errorf("%s: %v, the rows have %d clicks", table.Name, sums, clicks(rows))
		}
	}
	table := tabletest.Find(t, conn, "campaign_performance")
	_, truth, _ := read(table, "clicks", "cost")
	for plan, wrong := range map[string]func(int) bool{
		"googleads missing nth=1": func(n int) bool { return n == len(truth)-1 },
		"googleads repeat nth=1":  func(n int) bool { return n == len(truth)+(len(truth)+1)/2 },
	} {
		if err := sim.Faults.Script(plan); err != nil {
			t.Fatal(err)
		}
		sums, rows, _ := read(table, "clicks", "cost")
		if sums["clicks"] != clicks(truth) || !wrong(len(rows)) {
			t.Errorf("%s: %v and %d rows, in truth %d and %d", plan, sums, len(rows), clicks(truth), len(truth))
		}
		sim.Faults.Clear()
	}
}

// After every plan there are the rows as they are, or a fault and nothing; what
// the reply does not show of itself shows in its totals, but for late data.
func TestSimPlans(t *testing.T) {
	conn, sim, clock := simulated(t, map[string]any{"customers": []string{"1000000101"}})
	table := tabletest.Find(t, conn, "campaign_performance")
	scan := tables.Scan{Account: "1000000101", Days: tables.Days{From: "2026-11-01", To: "2026-11-10"}, Columns: append(slices.Clone(table.Key), "impressions", "cost")}
	var sums map[string]any
	read := func() ([]tables.Row, error) {
		scan.Totals = func(x map[string]any) { sums = x }
		sums = nil
		return tabletest.Rows(t.Context(), table, scan)
	}
	want, err := read()
	if err != nil {
		t.Fatal(err)
	}
	seen := fmt.Sprint(sums)
	for _, plan := range market.FaultPlans {
		if err := sim.Faults.Script(plan.Text); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			got, err := read()
			equal := len(got) == len(want) && fmt.Sprint(tabletest.Print(scan.Columns, got)) == fmt.Sprint(tabletest.Print(scan.Columns, want))
			switch {
			case err != nil && fault.As(err) == nil:
				t.Errorf("%s: %v is no fault", plan.Name, err)
			case err == nil && !equal && !plan.Hidden:
				t.Errorf("%s: %d rows and no fault, there are %d", plan.Name, len(got), len(want))
			case err == nil && !equal && plan.Name != "late data" && fmt.Sprint(sums) != seen:
				t.Errorf("%s: the totals are %v, without the plan %s", plan.Name, sums, seen)
			}
		}
		if plan.Text != "" && len(sim.Faults.Hits()) == 0 {
			t.Errorf("%s did not strike", plan.Name)
		}
		sim.Faults.Clear()
		clock.Advance(24 * time.Hour) // a budget may be parked for hours
		if got, err := read(); err != nil || len(got) != len(want) {
			t.Errorf("after %s: %d rows, %v", plan.Name, len(got), err)
		}
	}
}

// Late data is what was there before, and of today less.
func TestSimLateData(t *testing.T) {
	conn, sim, _ := simulated(t, nil)
	table := tabletest.Find(t, conn, "campaign_performance")
	read := func() (n int64) {
		rows, err := tabletest.Rows(t.Context(), table, tables.Scan{Account: "1000000101", Days: tables.Days{From: "2026-11-22", To: "2026-11-22"}, Columns: []string{"impressions"}})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			n += r[0].(int64)
		}
		return n
	}
	now := read()
	if err := sim.Faults.Script("googleads late delay=6h account=1000000101"); err != nil {
		t.Fatal(err)
	}
	if late := read(); late == 0 || late >= now {
		t.Errorf("%d impressions six hours late, %d now", late, now)
	}
}
