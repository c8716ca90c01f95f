package appleads_test

import (
	"context"
	"fmt"
	"maps"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"argo/tables"
	"argo/tables/ads/appleads"
	"argo/tables/ads/appleads/appleadssim"
	"argo/tables/fault"
	"argo/tables/market"
	"argo/tables/tabletest"

	"github.com/cockroachdb/apd/v3"
)

// key is made once: the same one signs in every test.
var key = appleadssim.NewKey()

// versions of the API with the id of the first account.
var versions = map[string]string{"v1": "1000000102", "v5": "100000102"}

// simulated opens a connection to the simulator of a market with 60 days behind
// it, in the evening of 21 November in New York.
func simulated(t *testing.T, options map[string]any) (*tables.Connection, *appleadssim.Sim, *market.VirtualClock) {
	t.Helper()
	clock := market.NewClock(time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC))
	world := market.New(market.Options{Seed: 1, Start: "2026-09-23", Clock: clock})
	sim := appleadssim.New(world, appleadssim.Options{PrivateKey: key})
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	o := sim.Options()
	all := map[string]any{"base_url": server.URL, "token_url": server.URL + "/auth/oauth2/token", "client_id": o.ClientID, "team_id": o.TeamID, "key_id": o.KeyID,
		"private_key": "env:KEY", "since": "2026-09-23"}
	maps.Copy(all, options)
	conn, err := appleads.Source.Open(t.Context(), tables.Env{
		Name: "apple_ads", Decode: tabletest.Decode(all), Now: clock.Now,
		Secret: func(_ context.Context, ref string) (string, error) {
			return map[string]string{"env:KEY": key, "env:OTHER": appleadssim.NewKey()}[ref], nil
		},
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

// TestConformance runs the suite over every table of v1, and over those of v5
// whose requests or replies differ.
func TestConformance(t *testing.T) {
	for version, account := range versions {
		conn, _, _ := simulated(t, map[string]any{"version": version})
		small, _, _ := simulated(t, map[string]any{"version": version, "page_size": 3})
		for _, table := range conn.Tables {
			if version == "v5" && strings.Count(table.Name, "_") > 1 && strings.HasSuffix(table.Name, "_performance") && table.Name != "search_term_performance" {
				continue
			}
			if table.Name == "campaign_performance" || table.Name == "creatives" {
				table = tabletest.Find(t, small, table.Name)
			}
			t.Run(version+"/"+table.Name, func(t *testing.T) {
				t.Parallel()
				o := tabletest.Options{Days: tables.Days{From: "2026-11-19", To: "2026-11-20"}}
				if table.Account != "" {
					o.Accounts = []string{account}
				}
				if strings.Contains(table.Name, "hourly") || strings.HasPrefix(table.Name, "search_term") {
					o.Days.From = o.Days.To
				}
				tabletest.Conformance(t, table, o)
			})
		}
	}
}

// sums of a table's counts and money over an account and days.
func sums(t *testing.T, conn *tables.Connection, name, account string, days tables.Days) string {
	t.Helper()
	columns := []string{"impressions", "taps", "total_installs", "total_redownloads", "local_spend"}
	rows, err := tabletest.Rows(t.Context(), tabletest.Find(t, conn, name), tables.Scan{Account: account, Days: days, Columns: columns})
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	var n [4]int64
	spend := new(apd.Decimal)
	for _, r := range rows {
		for i := range n {
			n[i] += r[i].(int64)
		}
		if _, err := apd.BaseContext.WithPrecision(30).Add(spend, spend, r[4].(*apd.Decimal)); err != nil {
			t.Fatal(err)
		}
	}
	return fmt.Sprint(n, spend.Text('f'))
}

// Every grain adds up to the campaigns, and to the last unit; keywords and
// search terms to those that have any. Both versions tell the same.
func TestSimGrainsAgree(t *testing.T) {
	said := map[string]string{}
	for version, account := range versions {
		conn, _, _ := simulated(t, map[string]any{"version": version})
		days := tables.Days{From: "2026-11-17", To: "2026-11-19"}
		want := sums(t, conn, "campaign_performance", account, days)
		words := sums(t, conn, "keyword_performance", account, days)
		if strings.HasPrefix(want, "[0") || strings.HasPrefix(words, "[0") {
			t.Fatal("nothing was shown")
		}
		for _, table := range conn.Tables {
			if table.Day == "" {
				continue
			}
			of := want
			if strings.HasPrefix(table.Name, "keyword") || strings.HasPrefix(table.Name, "search_term") {
				of = words
			}
			got := sums(t, conn, table.Name, account, days)
			if got != of {
				t.Errorf("%s %s: %s, want %s", version, table.Name, got, of)
			}
			if other, ok := said[table.Name]; ok && other != got {
				t.Errorf("%s: the versions differ: %s, %s", table.Name, got, other)
			}
			said[table.Name] = got
		}
	}
}

// One day, many days, and days beyond the reach of daily reports are the same
// rows, whatever the requests.
func TestSimRanges(t *testing.T) {
	for version, account := range versions {
		conn, _, clock := simulated(t, map[string]any{"version": version})
		x := tabletest.Find(t, conn, "campaign_performance")
		read := func(days tables.Days) string {
			rows, err := tabletest.Rows(t.Context(), x, tables.Scan{Account: account, Days: days, Columns: []string{"date", "campaign_id", "impressions", "local_spend"}})
			if err != nil {
				t.Fatal(err)
			}
			var lines []string
			for _, r := range rows {
				lines = append(lines, fmt.Sprint(r[0], r[1], r[2], tabletest.Show(r[3])))
			}
			slices.Sort(lines)
			return strings.Join(lines, "\n")
		}
		clock.Advance(30 * 24 * time.Hour) // September is settled and 90 days ago
		whole := read(tables.Days{From: "2026-09-24", To: "2026-09-28"})
		var each []string
		for d := tables.Day("2026-09-24"); d <= "2026-09-28"; d = d.Add(1) {
			each = append(each, read(tables.Days{From: d, To: d}))
		}
		if whole != strings.Join(each, "\n") || whole == "" {
			t.Errorf("%s: days alone differ from days together", version)
		}
		clock.Advance(4 * 24 * time.Hour)
		if old := read(tables.Days{From: "2026-09-24", To: "2026-09-28"}); old != whole {
			t.Errorf("%s: days that are too old for daily reports differ:\n%s\nwant\n%s", version, old, whole)
		}
	}
}

// An hourly report is cut to what Apple has, and says so.
func TestSimHours(t *testing.T) {
	conn, _, _ := simulated(t, nil)
	x := tabletest.Find(t, conn, "campaign_hourly_performance")
	if x.Since != "2026-11-16" {
		t.Errorf("hours since %s", x.Since)
	}
	for days, want := range map[tables.Days]bool{{From: "2026-11-01", To: "2026-11-16"}: true, {From: "2026-10-01", To: "2026-10-02"}: false} {
		trace := &tables.Trace{}
		rows, err := tabletest.Rows(tables.WithTrace(t.Context(), trace), x, tables.Scan{Account: "1000000102", Days: days, Columns: x.Key})
		if err != nil || len(rows) > 0 != want || len(trace.Warnings()) != 1 {
			t.Errorf("%v: %d rows, %v, warnings %v", days, len(rows), err, trace.Warnings())
		}
	}
}

// What goes wrong for a while is not seen; what goes wrong for good is a fault
// and never a short answer.
func TestSimFaults(t *testing.T) {
	for version, account := range versions {
		read := func(t *testing.T, plan string) (int, tables.Cost, error) {
			conn, sim, _ := simulated(t, map[string]any{"accounts": []string{account}, "version": version})
			x := tabletest.Find(t, conn, "campaign_performance")
			if _, err := x.Accounts(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := sim.Faults.Script(plan); err != nil {
				t.Fatal(err)
			}
			trace := &tables.Trace{}
			got, err := tabletest.Rows(tables.WithTrace(t.Context(), trace), x, tables.Scan{Account: account, Days: tables.Days{From: "2026-11-01", To: "2026-11-10"}, Columns: x.Key})
			return len(got), trace.Cost(), err
		}
		want, cost, err := read(t, "")
		if err != nil || want == 0 || cost.Calls != 2 {
			t.Fatalf("%d rows, %+v, %v", want, cost, err)
		}
		for _, c := range []struct {
			plan  string
			calls int64
			kind  fault.Kind
		}{
			{"appleads 401 nth=2 path=find", 2, ""},
			{"appleads 401 nth=1 path=/reports/", 3, ""},
			{"appleads 401", 2, fault.Auth},
			{"appleads 429 nth=1 retry=12s", 3, ""},
			{"appleads 429 nth=1 retry=20h", 1, fault.Throttled},
			{"appleads 500 nth=1 path=/reports/", 3, ""},
			{"appleads 503 nth=1 times=2", 4, ""},
			{"appleads 503", 5, fault.Unavailable},
			{"appleads drop nth=1", 3, ""},
			{"appleads truncate nth=1 bytes=300", 3, ""},
			{"appleads truncate bytes=300", 5, fault.Unavailable},
			{"appleads denied path=/reports/", 2, fault.Denied},
			{"appleads slow delay=30s", 2, ""},
			{"appleads repeat path=/reports/", 2, fault.Unavailable},
			{"appleads missing nth=1", 2, fault.Unavailable}, // the list of campaigns is shorter than it says
		} {
			n, cost, err := read(t, c.plan)
			if c.plan == "appleads missing nth=1" { // asked for what it lacks, then it is known
				if fault.KindOf(err) != c.kind {
					t.Errorf("%s %s: %d rows, %v", version, c.plan, n, err)
				}
				continue
			}
			if fault.KindOf(err) != c.kind || cost.Calls != c.calls || err == nil && n != want {
				t.Errorf("%s %s: %d rows, %d calls, %v; want %d rows, %d calls, %q", version, c.plan, n, cost.Calls, err, want, c.calls, c.kind)
			}
		}
	}
}

// A row that is missing is seen in the totals.
func TestSimTotals(t *testing.T) {
	conn, sim, _ := simulated(t, nil)
	x := tabletest.Find(t, conn, "ad_group_performance")
	read := func() (taps int64, total any) {
		rows, err := tabletest.Rows(t.Context(), x, tables.Scan{Account: "1000000102", Days: tables.Days{From: "2026-11-18", To: "2026-11-20"}, Columns: []string{"taps", "ttr"},
			Totals: func(sums map[string]any) { total = sums["taps"] }})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			taps += r[0].(int64)
		}
		return taps, total
	}
	taps, total := read()
	if taps == 0 || total != taps {
		t.Errorf("%d taps, the total is %v", taps, total)
	}
	if err := sim.Faults.Script("appleads missing path=/reports/"); err != nil {
		t.Fatal(err)
	}
	if less, same := read(); less >= taps || same != total {
		t.Errorf("%d taps with a missing row, the total is %v", less, same)
	}
}

// After every plan there are the rows as they are, or a fault and nothing; what
// the reply does not show of itself shows in its totals, but for late data.
func TestSimPlans(t *testing.T) {
	conn, sim, clock := simulated(t, map[string]any{"accounts": []string{"1000000102"}})
	table := tabletest.Find(t, conn, "campaign_performance")
	scan := tables.Scan{Account: "1000000102", Days: tables.Days{From: "2026-10-01", To: "2026-10-10"}, Columns: append(slices.Clone(table.Key), "impressions", "local_spend")}
	var total map[string]any
	read := func() ([]tables.Row, error) {
		scan.Totals = func(x map[string]any) { total = x }
		total = nil
		return tabletest.Rows(t.Context(), table, scan)
	}
	want, err := read()
	if err != nil {
		t.Fatal(err)
	}
	seen := fmt.Sprint(total)
	for _, plan := range market.FaultPlans {
		if err := sim.Faults.Script(plan.Text); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			got, err := read()
			equal := tabletest.Print(scan.Columns, got) == tabletest.Print(scan.Columns, want)
			switch {
			case err != nil && fault.As(err) == nil:
				t.Errorf("%s: %v is no fault", plan.Name, err)
			case err == nil && !equal && !plan.Hidden:
				t.Errorf("%s: %d rows and no fault, there are %d", plan.Name, len(got), len(want))
			case err == nil && !equal && plan.Name != "late data" && fmt.Sprint(total) != seen:
				t.Errorf("%s: the totals are %v, without the plan %s", plan.Name, total, seen)
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

// A token that expires under way is renewed without a word, and the window of
// requests is kept: what is left is read before a 429 says it.
func TestSimExpiryAndLimit(t *testing.T) {
	conn, sim, clock := simulated(t, nil)
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
	for range 700 {
		if _, err := tabletest.Rows(t.Context(), x, tables.Scan{Account: accounts[0].ID, Columns: []string{"id"}}); err != nil {
			t.Fatal(err)
		}
	}
	if n := sim.Exceeded(); n > 0 {
		t.Errorf("the limit was exceeded %d times", n)
	}
}

// A wrong credential gives the cause, the cure, and no secret.
func TestSimWrongCredentials(t *testing.T) {
	for version, account := range versions {
		for option, value := range map[string]any{"client_id": "SEARCHADS.other", "team_id": "SEARCHADS.other", "key_id": "other", "private_key": "env:OTHER"} {
			conn, _, _ := simulated(t, map[string]any{option: value, "version": version})
			_, err := conn.Check(t.Context())
			f := fault.As(err)
			if f == nil || f.Kind != fault.Auth || !strings.Contains(f.Message, option) || !strings.Contains(f.Hint, "Account Settings") || strings.Contains(err.Error(), "PRIVATE KEY-") || strings.Contains(err.Error(), "eyJ") {
				t.Errorf("%s %s: %v", version, option, err)
			}
		}
		conn, _, _ := simulated(t, map[string]any{"version": version})
		if line, err := conn.Check(t.Context()); err != nil || line != "4 accounts" {
			t.Errorf("%s: %q, %v", version, line, err)
		}
		conn, _, _ = simulated(t, map[string]any{"version": version, "accounts": []string{versions[map[string]string{"v1": "v5", "v5": "v1"}[version]]}})
		if _, err := conn.Check(t.Context()); !fault.Is(err, fault.Config) || !strings.Contains(err.Error(), "does not reach") {
			t.Errorf("%s with the other version's id: %v", version, err)
		}
		conn, sim, _ := simulated(t, map[string]any{"version": version})
		if err := sim.Faults.Script("appleads denied account=" + account); err != nil {
			t.Fatal(err)
		}
		if _, err := tabletest.Rows(t.Context(), tabletest.Find(t, conn, "ads"), tables.Scan{Account: account, Columns: []string{"id"}}); !fault.Is(err, fault.Denied) || !strings.Contains(err.Error(), "role") {
			t.Errorf("%s: %v", version, err)
		}
	}
}
