package googleads_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"argo/automation"
	kit "argo/automation/ads/googleads"
	"argo/tables"
	"argo/tables/ads/googleads"
	"argo/tables/ads/googleads/googleadssim"
	"argo/tables/fault"
	"argo/tables/market"
)

type simulation struct {
	*market.Market
	clock   *market.VirtualClock
	sim     *googleadssim.Sim
	actions map[string]automation.Action
	tables  map[string]tables.Table
}

func simulate(t *testing.T) simulation {
	t.Helper()
	clock := market.NewClock(time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC))
	s := simulation{Market: market.New(market.Options{Seed: 1, Start: "2026-11-01", Clock: clock}), clock: clock, actions: map[string]automation.Action{}, tables: map[string]tables.Table{}}
	s.sim = googleadssim.New(s.Market, googleadssim.Options{})
	server := httptest.NewServer(googleadssim.Record(os.Getenv("ARGO_RECORD_DIR"), s.sim))
	t.Cleanup(server.Close)
	o := s.sim.Options()
	env := tables.Env{
		Name: "google_ads", Now: clock.Now,
		Decode: func(config any) error {
			return json.Unmarshal(fmt.Appendf(nil, `{"BaseURL":%q,"TokenURL":"%s/token","DeveloperToken":"d","ClientID":"i","ClientSecret":"s","RefreshToken":"r","LoginCustomerID":%q}`, server.URL, server.URL, o.ManagerID), config)
		},
		Secret: func(_ context.Context, ref string) (string, error) {
			return map[string]string{"d": o.DeveloperToken, "i": o.ClientID, "s": o.ClientSecret, "r": o.RefreshToken}[ref], nil
		},
		Sleep: func(ctx context.Context, d time.Duration) error { clock.Advance(d); return ctx.Err() },
	}
	conn, err := googleads.Source.Open(t.Context(), env)
	if err != nil {
		t.Fatal(err)
	}
	list, err := kit.Kit.Open(t.Context(), conn, env)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range list {
		s.actions[a.Name] = a
	}
	for _, x := range conn.Tables {
		s.tables[x.Name] = x
	}
	return s
}

// campaign gives one that is enabled and whose budget satisfies like.
func (s simulation) campaign(t *testing.T, currency string, like func(market.Budget) bool) (market.Campaign, market.Budget) {
	t.Helper()
	for _, a := range s.Accounts() {
		if a.Currency != currency || a.Status != market.Enabled {
			continue
		}
		for _, c := range s.Campaigns(a.ID) {
			if i := slices.IndexFunc(s.Budgets(a.ID), func(b market.Budget) bool { return b.ID == c.Budget }); c.Status == market.Enabled && i >= 0 && like(s.Budgets(a.ID)[i]) {
				return c, s.Budgets(a.ID)[i]
			}
		}
	}
	t.Fatalf("the market has no such campaign in %s", currency)
	return market.Campaign{}, market.Budget{}
}

func own(b market.Budget) bool    { return !b.Shared }
func shared(b market.Budget) bool { return b.Shared }

func TestSimPauseIsSeen(t *testing.T) {
	s := simulate(t)
	c, _ := s.campaign(t, "KRW", own)
	a := s.actions["pause_campaign"]
	changes, err := a.Plan(t.Context(), automation.Args{"campaign_id": c.ID})
	if err != nil || len(changes) != 1 || changes[0].Before != "ENABLED" || changes[0].Account != strconv.FormatInt(c.Account, 10) {
		t.Fatalf("%+v, %v", changes, err)
	}
	if err := a.Apply(t.Context(), changes[0]); err != nil {
		t.Fatal(err)
	}
	if got, err := a.ReadBack(t.Context(), changes[0]); got != "PAUSED" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	for row, err := range s.tables["campaigns"].Scan(t.Context(), tables.Scan{Account: changes[0].Account, Columns: []string{"id", "status"}}) {
		if err != nil {
			t.Fatal(err)
		}
		if row[0] == c.ID && row[1] != "PAUSED" {
			t.Errorf("the table says %v", row)
		}
	}
	seen := 0
	today := tables.Days{From: "2026-11-22", To: "2026-11-22"}
	for row, err := range s.tables["change_events"].Scan(t.Context(), tables.Scan{Account: changes[0].Account, Days: today, Columns: []string{"campaign_id", "change_resource_type", "client_type"}}) {
		if err != nil {
			t.Fatal(err)
		}
		if row[0] == c.ID && row[1] == "CAMPAIGN" && row[2] == "GOOGLE_ADS_API" {
			seen++
		}
	}
	if seen != 1 {
		t.Errorf("%d change events", seen)
	}
}

func TestSimBudgets(t *testing.T) {
	s := simulate(t)
	a := s.actions["set_budget"]
	for _, currency := range []string{"KRW", "USD"} {
		for _, like := range []func(market.Budget) bool{own, shared} {
			var c market.Campaign
			var b market.Budget
			if !func() (ok bool) {
				for _, acc := range s.Accounts() {
					for _, x := range s.Budgets(acc.ID) {
						ok = ok || acc.Currency == currency && acc.Status == market.Enabled && like(x)
					}
				}
				return ok
			}() {
				continue
			}
			c, b = s.campaign(t, currency, like)
			amount := b.Amount/1_000_000 + 1000
			changes, err := a.Plan(t.Context(), automation.Args{"campaign_id": c.ID, "amount": amount})
			if err != nil || len(changes) != 1 || changes[0].After != strconv.FormatInt(amount, 10) || changes[0].Unit != currency {
				t.Fatalf("%s: %+v, %v", currency, changes, err)
			}
			if b.Shared != (changes[0].Note != "") {
				t.Errorf("%s: shared %v, note %q", currency, b.Shared, changes[0].Note)
			}
			if err := a.Apply(t.Context(), changes[0]); err != nil {
				t.Fatal(err)
			}
			if got, err := a.ReadBack(t.Context(), changes[0]); got != changes[0].After || err != nil {
				t.Errorf("%s: %q, %v", currency, got, err)
			}
		}
	}
}

// Whatever happens to the request, what Apply says and what ReadBack reads agree
// with what the channel did.
func TestSimFaults(t *testing.T) {
	for _, c := range []struct {
		plan string
		kind fault.Kind // "" is success
		then string
	}{
		{"", "", "PAUSED"},
		{"googleads 401 nth=1 path=:mutate", "", "PAUSED"},
		{"googleads 429 nth=1 retry=12s path=:mutate", "", "PAUSED"},
		{"googleads 429 retry=20h path=:mutate", fault.Refused, "ENABLED"},
		{"googleads denied path=:mutate", fault.Denied, "ENABLED"},
		{"googleads 503 nth=1 path=:mutate", fault.Unknown, "ENABLED"},
		{"googleads 503 nth=1 after path=:mutate", fault.Unknown, "PAUSED"},
		{"googleads 500 nth=1 after path=:mutate", fault.Unknown, "PAUSED"},
		{"googleads drop nth=1 path=:mutate", fault.Unknown, "ENABLED"},
		{"googleads drop nth=1 after path=:mutate", fault.Unknown, "PAUSED"},
		{"googleads truncate nth=1 bytes=5 path=:mutate", fault.Unknown, "PAUSED"},
	} {
		s := simulate(t)
		campaign, _ := s.campaign(t, "KRW", own)
		a := s.actions["pause_campaign"]
		changes, err := a.Plan(t.Context(), automation.Args{"campaign_id": campaign.ID})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.sim.Faults.Script(c.plan); err != nil {
			t.Fatal(err)
		}
		err = a.Apply(t.Context(), changes[0])
		s.sim.Faults.Clear()
		s.clock.Advance(20 * time.Hour) // what was parked is open again
		got, readErr := a.ReadBack(t.Context(), changes[0])
		if fault.KindOf(err) != c.kind || got != c.then || readErr != nil {
			t.Errorf("%q: %v (%s), reads %q, %v; want %q and %q", c.plan, err, fault.KindOf(err), got, readErr, c.kind, c.then)
		}
	}
}
