package appsflyer_test

import (
	"context"
	"net/http/httptest"
	"testing"
	"time"

	"argo/tables"
	"argo/tables/fault"
	"argo/tables/market"
	"argo/tables/mmp/appsflyer"
	"argo/tables/mmp/appsflyer/appsflyersim"
	"argo/tables/tabletest"
)

// simulated opens a connection to the simulator of a market with two months
// behind it. The simulator keeps the vendor's limits.
func simulated(t *testing.T, o appsflyersim.Options) (*tables.Connection, *appsflyersim.Sim, *market.VirtualClock) {
	t.Helper()
	clock := market.NewClock(time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC))
	world := market.New(market.Options{Seed: 1, Start: "2026-09-23", Clock: clock})
	o.Token = "t0ken"
	sim := appsflyersim.New(world, o)
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	var apps []map[string]any
	for _, a := range world.Apps() {
		apps = append(apps, map[string]any{"id": a.ID, "name": a.Name, "time_zone": a.Zone, "currency": a.Currency})
	}
	conn, err := appsflyer.Source.Open(t.Context(), tables.Env{
		Name: "appsflyer", Now: clock.Now,
		Decode: tabletest.Decode(map[string]any{"base_url": server.URL, "token": "env:TOKEN", "apps": apps}),
		Secret: func(context.Context, string) (string, error) { return "t0ken", nil },
		Sleep:  func(ctx context.Context, d time.Duration) error { clock.Advance(d); return ctx.Err() },
	})
	if err != nil {
		t.Fatal(err)
	}
	return conn, sim, clock
}

// TestConformance runs the suite over every table, against the simulator with
// the vendor's limits: the connector's own budget has to keep within them.
func TestConformance(t *testing.T) {
	for _, o := range []appsflyersim.Options{{}, {Redirect: true, SalesInAppCurrency: true, PlainErrors: true}} {
		conn, _, _ := simulated(t, o)
		for _, table := range conn.Tables {
			t.Run(table.Name, func(t *testing.T) {
				// Days that are settled: waiting for the limits moves the clock.
				tabletest.Conformance(t, table, tabletest.Options{Days: tables.Days{From: "2026-10-01", To: "2026-10-02"}})
			})
		}
	}
}

func TestSimFaults(t *testing.T) {
	for _, c := range []struct {
		plan  string
		days  tables.Days
		calls int64
		kind  fault.Kind
	}{
		{"", two, 1, ""},
		{"appsflyer 401", two, 1, fault.Auth},
		{"appsflyer denied", two, 1, fault.NotFound},
		{"appsflyer 429 nth=1", two, 2, ""},
		{"appsflyer 429", two, 2, fault.Throttled},
		{"appsflyer 429", month, 2, fault.Throttled},
		{"appsflyer 500 nth=1", two, 2, ""},
		{"appsflyer 503", two, 5, fault.Unavailable},
		{"appsflyer drop nth=1", two, 2, ""},
		{"appsflyer truncate nth=1 bytes=100", two, 2, ""},
	} {
		conn, sim, _ := simulated(t, appsflyersim.Options{})
		x := tabletest.Find(t, conn, "partners_by_date")
		accounts, err := x.Accounts(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := sim.Faults.Script(c.plan); err != nil {
			t.Fatal(err)
		}
		trace := &tables.Trace{}
		got, err := tabletest.Rows(tables.WithTrace(t.Context(), trace), x, tables.Scan{Account: accounts[0].ID, Days: c.days, Columns: x.Key})
		if n := trace.Cost().Calls; fault.KindOf(err) != c.kind || n != c.calls || err == nil && len(got) == 0 {
			t.Errorf("%q: %d rows, %d calls, %v; want %d calls, %q", c.plan, len(got), n, err, c.calls, c.kind)
		}
	}
}

// The app's currency and calendar are those of the configuration; check reaches
// every app once.
func TestSimCheck(t *testing.T) {
	conn, _, _ := simulated(t, appsflyersim.Options{})
	line, err := conn.Check(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if line == "0 apps" {
		t.Error(line)
	}
}
