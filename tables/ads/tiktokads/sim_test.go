package tiktokads_test

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"argo/tables"
	"argo/tables/ads/tiktokads"
	"argo/tables/ads/tiktokads/tiktokadssim"
	"argo/tables/fault"
	"argo/tables/market"
	"argo/tables/tabletest"

	"github.com/cockroachdb/apd/v3"
)

const token = "t1ktokt0ken"

func simulated(t *testing.T, o tiktokadssim.Options, more map[string]any) (*tables.Connection, *tiktokadssim.Sim, *market.VirtualClock) {
	t.Helper()
	clock := market.NewClock(time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC))
	world := market.New(market.Options{Seed: 1, Start: "2026-09-23", Clock: clock,
		Channels: []market.Channel{{Name: "tiktok_ads", Countries: []string{"KR", "US"}, Accounts: 3}}})
	o.Token = token
	sim := tiktokadssim.New(world.On("tiktok_ads"), o)
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	options := map[string]any{"base_url": server.URL, "access_token": "env:TOKEN", "app_id": "7000000000000000001", "app_secret": "env:SECRET", "since": "2026-09-23"}
	for k, v := range more {
		options[k] = v
	}
	conn, err := tiktokads.Source.Open(t.Context(), tables.Env{
		Name: "tiktok_ads", Now: clock.Now, Decode: tabletest.Decode(options), Sleep: clock.Sleep,
		Secret: func(_ context.Context, ref string) (string, error) {
			if ref == "env:TOKEN" {
				return token, nil
			}
			return "secret", nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return conn, sim, clock
}

// The suite over every table.
func TestConformance(t *testing.T) {
	conn, _, _ := simulated(t, tiktokadssim.Options{}, nil)
	accounts, err := conn.Tables[0].Accounts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range conn.Tables {
		t.Run(table.Name, func(t *testing.T) {
			days := tables.Days{From: "2026-10-01", To: "2026-10-02"}
			if strings.Contains(table.Name, "ad_") || strings.Contains(table.Name, "group_") || strings.Contains(table.Name, "hour") || strings.Contains(table.Name, "age") {
				days.To = days.From
			}
			tabletest.Conformance(t, table, tabletest.Options{Days: days, Accounts: []string{accounts[0].ID}})
		})
	}
}

func sums(t *testing.T, x tables.Table, account string, days tables.Days, columns ...string) string {
	t.Helper()
	rows, err := tabletest.Rows(t.Context(), x, tables.Scan{Table: x.Name, Account: account, Days: days, Columns: columns})
	if err != nil {
		t.Fatal(x.Name, err)
	}
	var text []string
	for i := range columns {
		sum := new(apd.Decimal)
		for _, r := range rows {
			v, ok := r[i].(*apd.Decimal)
			if n, whole := r[i].(int64); whole {
				v, ok = apd.New(n, 0), true
			}
			if ok {
				if _, err := apd.BaseContext.WithPrecision(38).Add(sum, sum, v); err != nil {
					t.Fatal(err)
				}
			}
		}
		sum.Reduce(sum)
		text = append(text, sum.Text('f'))
	}
	return strings.Join(text, " ")
}

// Every grain adds up to the advertiser's own report, over more days than one
// report holds.
func TestGrainsAgree(t *testing.T) {
	conn, sim, _ := simulated(t, tiktokadssim.Options{}, nil)
	accounts, err := conn.Tables[0].Accounts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	columns := []string{"impressions", "clicks", "spend", "conversion"}
	for _, x := range conn.Tables {
		days := tables.Days{From: "2026-10-01", To: "2026-11-03"}
		if strings.Contains(x.Name, "hour") || strings.Contains(x.Name, "age") { // many rows
			days.To = "2026-10-02"
		}
		if x.Day != "" {
			want := sums(t, tabletest.Find(t, conn, "advertiser_performance"), accounts[0].ID, days, columns...)
			if strings.HasPrefix(want, "0 ") || strings.Contains(want, " 0") {
				t.Fatalf("the advertiser's figures are %s", want)
			}
			if got := sums(t, x, accounts[0].ID, days, columns...); got != want {
				t.Errorf("%s adds up to %s, the advertiser to %s", x.Name, got, want)
			}
		}
	}
	if n := sim.Exceeded(); n > 0 {
		t.Errorf("the limit was exceeded %d times", n)
	}
}

// A report that has as many ads as one covers is never taken for whole.
func TestCapped(t *testing.T) {
	conn, _, _ := simulated(t, tiktokadssim.Options{Ads: 3}, map[string]any{"report_ads": 3})
	x := tabletest.Find(t, conn, "ad_performance")
	accounts, err := x.Accounts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, err = tabletest.Rows(t.Context(), x, tables.Scan{Table: x.Name, Account: accounts[0].ID, Days: tables.Days{From: "2026-10-01", To: "2026-10-04"}, Columns: x.Key})
	if !fault.Is(err, fault.Unsupported) || !strings.Contains(err.Error(), "may be missing") {
		t.Error(err)
	}
}

func TestSimFaults(t *testing.T) {
	for _, c := range []struct {
		plan string
		kind fault.Kind
	}{
		{"", ""},
		{"tiktokads 401 path=report", fault.Auth},
		{"tiktokads denied path=report", fault.Denied},
		{"tiktokads 429 nth=1 path=report", ""},
		{"tiktokads 429 retry=20h path=report", fault.Throttled},
		{"tiktokads 500 nth=1 path=report", ""},
		{"tiktokads 503 path=report", fault.Unavailable},
		{"tiktokads drop times=2 path=report", ""},
		{"tiktokads truncate nth=1 bytes=100 path=report", ""},
		{"tiktokads midstream nth=1 path=report", ""},
		{"tiktokads missing nth=1 path=report", ""},
		{"tiktokads missing path=report", fault.Unavailable},
		{"tiktokads repeat nth=1 path=report", ""},
		{"tiktokads repeat path=report", fault.Unavailable},
	} {
		conn, sim, _ := simulated(t, tiktokadssim.Options{}, nil)
		x := tabletest.Find(t, conn, "campaign_performance")
		if err := sim.Faults.Script(c.plan); err != nil {
			t.Fatal(err)
		}
		accounts, err := x.Accounts(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got, err := tabletest.Rows(t.Context(), x, tables.Scan{Table: x.Name, Account: accounts[0].ID, Days: tables.Days{From: "2026-10-01", To: "2026-10-02"}, Columns: x.Key})
		if fault.KindOf(err) != c.kind || err == nil && len(got) == 0 || err != nil && (fault.As(err) == nil || strings.Contains(err.Error(), token)) {
			t.Errorf("%q: %d rows, %v; want %q", c.plan, len(got), err, c.kind)
		}
	}
}

// Wrong credentials are told apart, with the cure and without the secret.
func TestCheck(t *testing.T) {
	conn, _, _ := simulated(t, tiktokadssim.Options{}, nil)
	if line, err := conn.Check(t.Context()); line != "3 advertisers" || err != nil {
		t.Error(line, err)
	}
	for key, c := range map[string]struct {
		value any
		kind  fault.Kind
		hint  string
	}{
		"access_token": {"env:OTHER", fault.Auth, "approve the app again"},
		"app_secret":   {"env:TOKEN", fault.Config, "same app"},
		"advertisers":  {[]string{"7000000000000000009"}, fault.Denied, "scopes"},
	} {
		conn, _, _ := simulated(t, tiktokadssim.Options{}, map[string]any{key: c.value})
		_, err := conn.Check(t.Context())
		if f := fault.As(err); f == nil || f.Kind != c.kind || !strings.Contains(f.Hint, c.hint) || strings.Contains(f.Error(), token) {
			t.Errorf("%s: %v", key, err)
		}
	}
}
