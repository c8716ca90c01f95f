package appleads_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"argo/automation"
	kit "argo/automation/ads/appleads"
	"argo/tables"
	"argo/tables/ads/appleads"
	"argo/tables/ads/appleads/appleadssim"
	"argo/tables/fault"
	"argo/tables/market"

	"github.com/cockroachdb/apd/v3"
)

type simulation struct {
	*market.Market
	sim     *appleadssim.Sim
	actions map[string]automation.Action
}

var key = appleadssim.NewKey()

func simulate(t *testing.T, version string) simulation {
	t.Helper()
	clock := market.NewClock(time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC))
	s := simulation{Market: market.New(market.Options{Seed: 1, Start: "2026-11-01", Clock: clock}), actions: map[string]automation.Action{}}
	s.sim = appleadssim.New(s.Market, appleadssim.Options{PrivateKey: key})
	server := httptest.NewServer(s.sim)
	t.Cleanup(server.Close)
	o := s.sim.Options()
	env := tables.Env{
		Name: "apple_ads", Now: clock.Now, Sleep: clock.Sleep,
		Decode: func(config any) error {
			return json.Unmarshal(fmt.Appendf(nil, `{"BaseURL":%q,"TokenURL":"%s/auth/oauth2/token","ClientID":%q,"TeamID":%q,"KeyID":%q,"PrivateKey":"k","Version":%q}`,
				server.URL, server.URL, o.ClientID, o.TeamID, o.KeyID, version), config)
		},
		Secret: func(context.Context, string) (string, error) { return key, nil },
	}
	conn, err := appleads.Source.Open(t.Context(), env)
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
	return s
}

const (
	japan = 201002     // manual bids, a shared budget, yen
	us    = 102001     // maximizes conversions, a budget of its own, dollars
	group = 10200201   // manual bids, dollars
	word  = 1020020150 // a keyword of it
	ad    = 1020020101
)

// Every action does what it says, at both versions: the plan reads what is, the
// change is sent once, and what is read back is the change.
func TestActions(t *testing.T) {
	for _, version := range []string{"v1", "v5"} {
		s := simulate(t, version)
		for _, c := range []struct {
			action        string
			param         string
			id            int64
			amount        any
			before, after string
		}{
			{"pause_campaign", "campaign_id", us, nil, "ENABLED", "PAUSED"},
			{"enable_campaign", "campaign_id", us, nil, "PAUSED", "ENABLED"},
			{"pause_ad_group", "ad_group_id", group, nil, "ENABLED", "PAUSED"},
			{"enable_ad_group", "ad_group_id", group, nil, "PAUSED", "ENABLED"},
			{"pause_keyword", "keyword_id", word, nil, "ENABLED", "PAUSED"},
			{"enable_keyword", "keyword_id", word, nil, "PAUSED", "ENABLED"},
			{"pause_ad", "ad_id", ad, nil, "ENABLED", "PAUSED"},
			{"enable_ad", "ad_id", ad, nil, "PAUSED", "ENABLED"},
			{"set_budget", "campaign_id", us, apd.New(12550, -2), "", "125.5"},
			{"set_budget", "campaign_id", us, int64(90), "125.5", "90"},
			{"set_bid", "ad_group_id", group, apd.New(11, -1), "", "1.1"},
			{"set_keyword_bid", "keyword_id", word, "0.90", "", "0.9"},
			{"set_keyword_bid", "keyword_id", word, apd.New(95, -2), "0.9", "0.95"},
		} {
			a := s.actions[c.action]
			plan, err := a.Plan(t.Context(), automation.Args{c.param: c.id, "amount": c.amount})
			if err != nil || len(plan) != 1 || plan[0].After != c.after || c.before != "" && plan[0].Before != c.before || plan[0].Before == "" && c.action == "set_budget" {
				t.Errorf("%s %s: %+v, %v", version, c.action, plan, err)
				continue
			}
			was := len(s.Actions())
			if got, err := a.ReadBack(t.Context(), plan[0]); err != nil || got != plan[0].Before {
				t.Errorf("%s %s: before %q, %v", version, c.action, got, err)
			}
			if n := len(s.Actions()); n != was {
				t.Errorf("%s %s: a plan changes %d things", version, c.action, n-was)
			}
			if err := a.Apply(t.Context(), plan[0]); err != nil {
				t.Errorf("%s %s: %v", version, c.action, err)
			}
			if n := len(s.Actions()); n != was+1 {
				t.Errorf("%s %s: %d changes were made", version, c.action, n-was)
			}
			if got, err := a.ReadBack(t.Context(), plan[0]); err != nil || got != c.after {
				t.Errorf("%s %s: %q, %v, want %s", version, c.action, got, err, c.after)
			}
		}
	}
}

// What cannot be done is refused before anything is sent, with the reason.
func TestRefusals(t *testing.T) {
	for _, version := range []string{"v1", "v5"} {
		s := simulate(t, version)
		was := len(s.Actions())
		for _, c := range []struct {
			action, param string
			id, amount    any
			kind          fault.Kind
			says          string
		}{
			{"pause_campaign", "campaign_id", int64(77), nil, fault.NotFound, "none of the 4 accounts"},
			{"pause_campaign", "campaign_id", nil, nil, fault.Invalid, "NULL is not the id"},
			{"pause_campaign", "campaign_id", int64(102010), nil, fault.Invalid, "is deleted"},
			{"set_budget", "campaign_id", int64(us), int64(0), fault.Invalid, "not above zero"},
			{"set_budget", "campaign_id", int64(us), "x", fault.Invalid, "not an amount"},
			{"set_budget", "campaign_id", int64(us), apd.New(1001, -3), fault.Invalid, "multiple of 0.01 USD"},
			{"set_budget", "campaign_id", int64(201001), apd.New(15, -1), fault.Invalid, "multiple of 1 JPY"},
			{"set_budget", "campaign_id", int64(us), apd.New(1, 14), fault.Invalid, "out of range"},
			{"set_bid", "ad_group_id", int64(10200101), int64(1), fault.Invalid, "MAX_CONVERSIONS"},
			{"set_keyword_bid", "keyword_id", int64(1020010150), int64(1), fault.Invalid, "MAX_CONVERSIONS"},
		} {
			_, err := s.actions[c.action].Plan(t.Context(), automation.Args{c.param: c.id, "amount": c.amount})
			if fault.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s %s %v %v: %v", version, c.action, c.id, c.amount, err)
			}
		}
		_, err := s.actions["set_budget"].Plan(t.Context(), automation.Args{"campaign_id": int64(japan), "amount": int64(50000)})
		if version == "v1" && (!fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "shared budget")) || version == "v5" && err != nil {
			t.Errorf("%s: a shared budget: %v", version, err)
		}
		if n := len(s.Actions()); n != was {
			t.Errorf("%s: %d changes were made", version, n-was)
		}
	}
}

// What guardrails are told of a change.
func TestFacts(t *testing.T) {
	for _, version := range []string{"v1", "v5"} {
		s := simulate(t, version)
		for action, want := range map[string]string{"pause_campaign": "campaign off USD 0.01 [102001]", "set_budget": "budget  USD 0.01 [102001]"} {
			plan, err := s.actions[action].Plan(t.Context(), automation.Args{"campaign_id": int64(us), "amount": int64(50)})
			if err != nil {
				t.Fatal(err)
			}
			got, err := s.actions[action].Facts(t.Context(), plan, automation.Wants{Siblings: true})
			if err != nil || len(got) != 1 {
				t.Fatalf("%v, %v", got, err)
			}
			f := got[0]
			if text := fmt.Sprint(f.Kind, " ", f.Turns, " ", f.Currency, " ", f.Step, " ", f.Campaigns); text != want || f.Budgets[plan[0].Target] == "" || f.Zone != "America/New_York" {
				t.Errorf("%s %s: %s, %+v", version, action, text, f)
			}
			if paused := action == "pause_campaign"; paused != (f.BudgetValue != "") || paused == f.Spends || paused != (len(f.Siblings) > 5) {
				t.Errorf("%s %s: %+v", version, action, f)
			}
		}
	}
}

// A change whose reply is lost is never sent twice, and what certainly had no
// effect says so.
func TestFaults(t *testing.T) {
	for _, version := range []string{"v1", "v5"} {
		for _, c := range []struct {
			plan    string
			kind    fault.Kind
			changes int
		}{
			{"appleads drop nth=1 after", fault.Unknown, 1},
			{"appleads 500 nth=1 after", fault.Unknown, 1},
			{"appleads 503 nth=1", fault.Unknown, 0},
			{"appleads 401 nth=1", "", 1},
			{"appleads 429 nth=1 retry=5s", "", 1},
			{"appleads 429 retry=20h", fault.Refused, 0},
			{"appleads denied", fault.Denied, 0},
			{"appleads truncate nth=1 bytes=20", fault.Unknown, 1},
		} {
			s := simulate(t, version)
			a := s.actions["pause_campaign"]
			plan, err := a.Plan(t.Context(), automation.Args{"campaign_id": int64(us)})
			if err != nil {
				t.Fatal(err)
			}
			was := len(s.Actions())
			if err := s.sim.Faults.Script(c.plan); err != nil {
				t.Fatal(err)
			}
			err = a.Apply(t.Context(), plan[0])
			if n := len(s.Actions()) - was; fault.KindOf(err) != c.kind || n != c.changes {
				t.Errorf("%s %s: %d changes, %v", version, c.plan, n, err)
			}
			s.sim.Faults.Clear()
		}
	}
}

// Apple's own refusal is one: a campaign that was deleted after the plan.
func TestDeletedAfterPlan(t *testing.T) {
	for _, version := range []string{"v1", "v5"} {
		s := simulate(t, version)
		a := s.actions["pause_campaign"]
		plan, err := a.Plan(t.Context(), automation.Args{"campaign_id": int64(us)})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Apply("person@agency.example", "ui", market.Change{Op: market.Remove, Kind: market.KindCampaign, Account: 1000000102, ID: us}); err != nil {
			t.Fatal(err)
		}
		if err := a.Apply(t.Context(), plan[0]); !fault.Is(err, fault.Refused) {
			t.Errorf("%s: %v", version, err)
		}
		if _, err := a.ReadBack(t.Context(), plan[0]); !fault.Is(err, fault.NotFound) {
			t.Errorf("%s: %v", version, err)
		}
	}
}
