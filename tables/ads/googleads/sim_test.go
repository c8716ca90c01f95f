package googleads_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
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
