package kakaomoment_test

import (
	"context"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"argo/automation"
	kit "argo/automation/ads/kakaomoment"
	"argo/tables"
	"argo/tables/ads/kakaomoment"
	"argo/tables/ads/kakaomoment/kakaomomentsim"
	"argo/tables/fault"
	"argo/tables/market"
	"argo/tables/tabletest"

	"github.com/cockroachdb/apd/v3"
)

type simulation struct {
	*market.Market
	clock   *market.VirtualClock
	sim     *kakaomomentsim.Sim
	actions map[string]automation.Action
	account int64 // of the market
}

func simulate(t *testing.T) simulation {
	t.Helper()
	clock := market.NewClock(time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC))
	world := market.New(market.Options{Seed: 1, Start: "2026-11-01", Clock: clock,
		Channels: []market.Channel{{Name: "kakao_moment", Countries: []string{"KR"}, Accounts: 3}}})
	s := simulation{Market: world.On("kakao_moment"), clock: clock, actions: map[string]automation.Action{}}
	s.sim = kakaomomentsim.New(s.Market, kakaomomentsim.Options{})
	server := httptest.NewServer(s.sim)
	t.Cleanup(server.Close)
	env := tables.Env{
		Name: "kakao_moment", Now: clock.Now, Sleep: clock.Sleep,
		Decode: tabletest.Decode(map[string]any{"base_url": server.URL, "business_token": "env:TOKEN"}),
		Secret: func(context.Context, string) (string, error) { return "token", nil },
	}
	conn, err := kakaomoment.Source.Open(t.Context(), env)
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
	s.account = s.Accounts()[1].ID
	return s
}

// ids of the market's entities: the first campaign, its first group and creative,
// and a group with a bid by hand.
func (s simulation) ids() (campaign, group, creative, manual int64) {
	campaign = s.Campaigns(s.account)[0].ID
	for _, g := range s.AdGroups(s.account) {
		if g.Campaign == campaign && group == 0 {
			group = g.ID
		}
		if g.Bid > 0 && manual == 0 {
			manual = g.ID
		}
	}
	for _, a := range s.Ads(s.account) {
		if a.AdGroup == group && creative == 0 {
			creative = a.ID
		}
	}
	return
}

// Every action changes what it says in the account that has the object, once, and
// reads it back.
func TestActions(t *testing.T) {
	s := simulate(t)
	campaign, group, creative, manual := s.ids()
	shared := s.Campaigns(s.account)[1].ID // no daily budget of its own
	for _, c := range []struct {
		action        string
		args          automation.Args
		before, after string
	}{
		{"pause_campaign", automation.Args{"campaign_id": campaign}, "ON", "OFF"},
		{"enable_campaign", automation.Args{"campaign_id": strconv.FormatInt(campaign, 10)}, "OFF", "ON"},
		{"enable_campaign", automation.Args{"campaign_id": campaign}, "ON", "ON"},
		{"pause_ad_group", automation.Args{"ad_group_id": group}, "ON", "OFF"},
		{"enable_ad_group", automation.Args{"ad_group_id": group}, "OFF", "ON"},
		{"pause_creative", automation.Args{"creative_id": creative}, "ON", "OFF"},
		{"enable_creative", automation.Args{"creative_id": creative}, "OFF", "ON"},
		{"set_budget", automation.Args{"campaign_id": campaign, "amount": int64(123450)}, "", "123450"},
		{"set_budget", automation.Args{"campaign_id": campaign, "amount": apd.New(6000000, -2)}, "123450", "60000"},
		{"set_budget", automation.Args{"campaign_id": shared, "amount": "77000"}, "none", "77000"},
		{"set_budget", automation.Args{"campaign_id": shared, "amount": int64(78000)}, "77000", "78000"},
		{"set_ad_group_budget", automation.Args{"ad_group_id": group, "amount": int64(10010)}, "", "10010"},
		{"set_bid", automation.Args{"ad_group_id": manual, "amount": int64(351)}, "", "351"},
	} {
		a := s.actions[c.action]
		changes, err := a.Plan(t.Context(), c.args)
		if err != nil || len(changes) != 1 || changes[0].After != c.after || c.before != "" && changes[0].Before != c.before || changes[0].Account != strconv.FormatInt(kakaomomentsim.AccountID(s.account), 10) {
			t.Errorf("%s %v: %+v, %v", c.action, c.args, changes, err)
			continue
		}
		facts, err := a.Facts(t.Context(), changes, automation.Wants{})
		if err != nil || len(facts) != 1 || facts[0].Currency != "KRW" || len(facts[0].Campaigns) != 1 || facts[0].Kind == "" || (facts[0].Turns == "") != (changes[0].Unit == "KRW") || (facts[0].Step == "") != (changes[0].Unit == "") {
			t.Errorf("%s: %+v, %v", c.action, facts, err)
		}
		if err := a.Apply(t.Context(), changes[0]); err != nil {
			t.Errorf("%s: %v", c.action, err)
		}
		if got, err := a.ReadBack(t.Context(), changes[0]); got != c.after || err != nil {
			t.Errorf("%s: reads %q, %v", c.action, got, err)
		}
	}
	if n := s.sim.Exceeded(); len(n) > 0 {
		t.Errorf("limits were exceeded: %v", n)
	}
}

// What cannot be done is said before anything is sent.
func TestRefused(t *testing.T) {
	s := simulate(t)
	campaign, group, _, _ := s.ids()
	removed := int64(0)
	for _, c := range s.Campaigns(s.account) {
		if c.Status == market.Deleted {
			removed = c.ID
		}
	}
	before := len(s.Actions())
	for _, c := range []struct {
		action string
		args   automation.Args
		kind   fault.Kind
		says   string
	}{
		{"set_budget", automation.Args{"campaign_id": campaign, "amount": int64(49990)}, fault.Invalid, "at least 50000 won"},
		{"set_budget", automation.Args{"campaign_id": campaign, "amount": int64(50005)}, fault.Invalid, "50000 or 50010"},
		{"set_budget", automation.Args{"campaign_id": campaign, "amount": int64(1_000_000_010)}, fault.Invalid, "at most 1000000000"},
		{"set_budget", automation.Args{"campaign_id": campaign, "amount": apd.New(600005, -1)}, fault.Invalid, "whole won"},
		{"set_budget", automation.Args{"campaign_id": campaign, "amount": nil}, fault.Invalid, "NULL is not an amount"},
		{"set_budget", automation.Args{"campaign_id": campaign, "amount": "1e9999999"}, fault.Invalid, "is not an amount"},
		{"set_ad_group_budget", automation.Args{"ad_group_id": group, "amount": int64(9990)}, fault.Invalid, "an ad group is at least 10000 won"},
		{"set_bid", automation.Args{"ad_group_id": group, "amount": int64(100_001)}, fault.Invalid, "at most 100000"},
		{"set_bid", automation.Args{"ad_group_id": group, "amount": int64(500)}, fault.Invalid, "Kakao bids (AUTOBID)"},
		{"pause_campaign", automation.Args{"campaign_id": removed}, fault.Invalid, "is deleted"},
		{"pause_campaign", automation.Args{"campaign_id": "x"}, fault.Invalid, "campaign_id"},
		{"pause_campaign", automation.Args{"campaign_id": int64(424242)}, fault.NotFound, "campaigns/424242"},
		{"pause_ad_group", automation.Args{"ad_group_id": campaign}, fault.NotFound, "adGroups"},
	} {
		changes, err := s.actions[c.action].Plan(t.Context(), c.args)
		if !fault.Is(err, c.kind) || !strings.Contains(err.Error(), c.says) || len(changes) > 0 {
			t.Errorf("%s %v: %+v, %v; want %s, %q", c.action, c.args, changes, err, c.kind, c.says)
		}
	}
	// What Kakao itself refuses has certainly not been done.
	for _, c := range []automation.Change{
		{Account: strconv.FormatInt(kakaomomentsim.AccountID(s.account), 10), Target: "campaigns/" + strconv.FormatInt(campaign, 10), Field: "daily_budget_amount", After: "100"},
		{Account: strconv.FormatInt(kakaomomentsim.AccountID(s.account), 10), Target: "campaigns/" + strconv.FormatInt(removed, 10), Field: "status", After: "ON"},
	} {
		if err := s.actions["set_budget"].Apply(t.Context(), c); !fault.Is(err, fault.Refused) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	if n := len(s.Actions()); n != before {
		t.Errorf("%d actions reached the market", n-before)
	}
}

// Whatever happens to the request, what Apply says and what ReadBack reads agree
// with what Kakao did.
func TestFaults(t *testing.T) {
	for _, c := range []struct {
		plan string
		kind fault.Kind // "" is success
		then string
	}{
		{"", "", "OFF"},
		{"kakaomoment 401 path=PUT", fault.Auth, "ON"},
		{"kakaomoment 429 nth=1 path=PUT", "", "OFF"},
		{"kakaomoment 429 nth=1 retry=12s path=PUT", "", "OFF"},
		{"kakaomoment 429 retry=20h path=PUT", fault.Refused, "ON"},
		{"kakaomoment denied path=PUT", fault.Denied, "ON"},
		{"kakaomoment 503 nth=1 path=PUT", fault.Unknown, "ON"},
		{"kakaomoment 503 nth=1 after path=PUT", fault.Unknown, "OFF"},
		{"kakaomoment 500 nth=1 after path=PUT", fault.Unknown, "OFF"},
		{"kakaomoment drop nth=1 path=PUT", fault.Unknown, "ON"},
		{"kakaomoment drop nth=1 after path=PUT", fault.Unknown, "OFF"},
	} {
		s := simulate(t)
		campaign, _, _, _ := s.ids()
		a := s.actions["pause_campaign"]
		changes, err := a.Plan(t.Context(), automation.Args{"campaign_id": campaign})
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
