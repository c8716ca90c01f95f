package naversearchad_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"argo/automation"
	kit "argo/automation/ads/naversearchad"
	"argo/tables"
	"argo/tables/ads/naversearchad"
	"argo/tables/ads/naversearchad/naversearchadsim"
	"argo/tables/fault"
	"argo/tables/market"
	"argo/tables/tabletest"

	"github.com/cockroachdb/apd/v3"
)

type stage struct {
	*market.Market
	clock   *market.VirtualClock
	sim     *naversearchadsim.Sim
	actions map[string]automation.Action
	conn    *tables.Connection

	mu   sync.Mutex
	puts []string
}

func simulate(t *testing.T) *stage {
	t.Helper()
	clock := market.NewClock(time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC))
	m := market.New(market.Options{Seed: 1, Start: "2026-11-10", Clock: clock, Channels: []market.Channel{{Name: "naver_searchad", Countries: []string{"KR"}, Accounts: 2}}})
	s := &stage{Market: m.On("naver_searchad"), clock: clock, actions: map[string]automation.Action{}}
	s.sim = naversearchadsim.New(s.Market, naversearchadsim.Options{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			s.mu.Lock()
			s.puts = append(s.puts, r.URL.RequestURI())
			s.mu.Unlock()
		}
		s.sim.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	o := s.sim.Options()
	env := tables.Env{
		Name: "naver_searchad", Now: clock.Now,
		Decode: tabletest.Decode(map[string]any{"base_url": server.URL, "api_key": "k", "secret_key": "s", "customer_id": strconv.FormatInt(o.CustomerID, 10)}),
		Secret: func(_ context.Context, ref string) (string, error) {
			return map[string]string{"k": o.APIKey, "s": o.SecretKey}[ref], nil
		},
		Sleep: func(ctx context.Context, d time.Duration) error { clock.Advance(d); return ctx.Err() },
	}
	var err error
	if s.conn, err = naversearchad.Source.Open(t.Context(), env); err != nil {
		t.Fatal(err)
	}
	list, err := kit.Kit.Open(t.Context(), s.conn, env)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range list {
		s.actions[a.Name] = a
	}
	return s
}

// ids of the second account, as the tables give them.
func (s *stage) ids(t *testing.T, table, column, where string) string {
	t.Helper()
	x := tabletest.Find(t, s.conn, table)
	rows, err := tabletest.Rows(t.Context(), x, tables.Scan{Account: s.account(), Columns: []string{column, where}})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		if v := r[1]; v != nil && v != false {
			return r[0].(string)
		}
	}
	t.Fatalf("%s: none with %s", table, where)
	return ""
}

func (s *stage) account() string { return strconv.FormatInt(s.Accounts()[1].ID, 10) }

func (s *stage) sent() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.puts
	s.puts = nil
	return out
}

func dec(text string) *apd.Decimal {
	d, _, err := apd.NewFromString(text)
	if err != nil {
		panic(err)
	}
	return d
}

// TestVerbs: every verb plans what is, sends one PUT with its fields, and reads it
// back; the way back restores what was.
func TestVerbs(t *testing.T) {
	s := simulate(t)
	campaign := s.ids(t, "campaigns", "campaign_id", "use_daily_budget")
	shared := s.ids(t, "campaigns", "campaign_id", "shared_budget_id")
	group := s.ids(t, "ad_groups", "ad_group_id", "use_exp_search")
	keyword := s.ids(t, "keywords", "keyword_id", "use_group_bid_amt")
	ad := s.ids(t, "ads", "ad_id", "type")
	for _, c := range []struct {
		action        string
		args          automation.Args
		field, after  string
		before, put   string // before: "" is whatever it is
		note          string
		undo, touches string
	}{
		{"pause_campaign", automation.Args{"campaign_id": campaign}, "user_lock", "true", "false", "/ncc/campaigns/" + campaign + "?fields=userLock", "", "", "campaigns"},
		{"enable_campaign", automation.Args{"campaign_id": campaign}, "user_lock", "false", "false", "", "", "", "campaigns"},
		{"pause_ad_group", automation.Args{"ad_group_id": group}, "user_lock", "true", "false", "/ncc/adgroups/" + group + "?fields=userLock", "", "", "ad_groups"},
		{"pause_keyword", automation.Args{"keyword_id": keyword}, "user_lock", "true", "false", "/ncc/keywords/" + keyword + "?fields=userLock", "", "", "keywords"},
		{"enable_keyword", automation.Args{"keyword_id": " " + keyword + " "}, "user_lock", "false", "false", "", "", "", "keywords"},
		{"pause_ad", automation.Args{"ad_id": ad}, "user_lock", "true", "", "/ncc/ads/" + ad + "?fields=userLock", "", "", "ads"},
		{"set_budget", automation.Args{"campaign_id": campaign, "amount": int64(70000)}, "daily_budget", "70000", "", "/ncc/campaigns/" + campaign + "?fields=budget", "", "", "campaigns"},
		{"set_budget", automation.Args{"campaign_id": shared, "amount": dec("120000.00")}, "daily_budget", "120000", "", "/ncc/shared-budgets?fields=budget", "shared", "", "shared_budgets"},
		{"set_bid", automation.Args{"id": group, "amount": "350"}, "bid_amt", "350", "", "/ncc/adgroups/" + group + "?fields=bidAmt", "", "", "ad_groups"},
		{"set_bid", automation.Args{"id": keyword, "amount": int64(300)}, "bid_amt", "300", "group", "/ncc/keywords/" + keyword + "?fields=bidAmt", "ad group", "", "keywords"},
	} {
		a := s.actions[c.action]
		changes, err := a.Plan(t.Context(), c.args)
		if err != nil || len(changes) != 1 {
			t.Errorf("%s: %+v, %v", c.action, changes, err)
			continue
		}
		x := changes[0]
		if x.Account != s.account() || x.Field != c.field || x.After != c.after || c.before != "" && x.Before != c.before || !strings.Contains(x.Note, c.note) || len(s.sent()) > 0 ||
			c.field != "user_lock" && x.Unit != "KRW" {
			t.Errorf("%s: %+v", c.action, x)
		}
		if got, err := a.ReadBack(t.Context(), x); got != x.Before || err != nil {
			t.Errorf("%s: reads %q, %v before", c.action, got, err)
		}
		if err := a.Apply(t.Context(), x); err != nil {
			t.Errorf("%s: %v", c.action, err)
			continue
		}
		if sent := s.sent(); len(sent) != 1 || c.put != "" && sent[0] != c.put {
			t.Errorf("%s sends %v", c.action, sent)
		}
		if got, err := a.ReadBack(t.Context(), x); got != c.after || err != nil {
			t.Errorf("%s: reads %q, %v", c.action, got, err)
		}
		if err := a.Apply(t.Context(), x); err != nil { // twice does no harm
			t.Errorf("%s again: %v", c.action, err)
		}
		facts, err := a.Facts(t.Context(), changes, automation.Wants{Siblings: true, Spend: true})
		if err != nil || len(facts) != 1 || len(facts[0].Campaigns) == 0 || facts[0].SpentMonth == "0" || facts[0].DaysLeft != 9 {
			t.Errorf("%s: %+v, %v", c.action, facts, err)
		}
		x.Before, x.After = x.After, x.Before
		if err := a.Apply(t.Context(), x); err != nil {
			t.Errorf("%s back: %v", c.action, err)
		}
		if got, err := a.ReadBack(t.Context(), x); got != x.After || err != nil {
			t.Errorf("%s back: reads %q, %v", c.action, got, err)
		}
		if !strings.Contains(strings.Join(a.Touches, " "), c.touches) {
			t.Errorf("%s touches %v", c.action, a.Touches)
		}
		s.sent()
	}
}

func TestRefused(t *testing.T) {
	s := simulate(t)
	campaign := s.ids(t, "campaigns", "campaign_id", "use_daily_budget")
	group := s.ids(t, "ad_groups", "ad_group_id", "use_exp_search")
	for _, c := range []struct {
		action string
		args   automation.Args
		kind   fault.Kind
		says   string
	}{
		{"set_budget", automation.Args{"campaign_id": campaign, "amount": int64(60)}, fault.Invalid, "below 70"},
		{"set_budget", automation.Args{"campaign_id": campaign, "amount": int64(75)}, fault.Invalid, "steps of 10"},
		{"set_budget", automation.Args{"campaign_id": campaign, "amount": dec("70.5")}, fault.Invalid, "steps of 10"},
		{"set_budget", automation.Args{"campaign_id": campaign, "amount": dec("1e9")}, "", ""},
		{"set_budget", automation.Args{"campaign_id": campaign, "amount": dec("1000000010")}, fault.Invalid, "above"},
		{"set_budget", automation.Args{"campaign_id": campaign, "amount": nil}, fault.Invalid, "not an amount"},
		{"set_budget", automation.Args{"campaign_id": campaign, "amount": "NaN"}, fault.Invalid, "not an amount"},
		{"set_budget", automation.Args{"campaign_id": group, "amount": int64(70000)}, fault.Invalid, "campaign (cmp-…)"},
		{"set_bid", automation.Args{"id": group, "amount": int64(100010)}, fault.Invalid, "above 100000"},
		{"set_bid", automation.Args{"id": group, "amount": int64(-70)}, fault.Invalid, "below"},
		{"set_bid", automation.Args{"id": campaign, "amount": int64(100)}, fault.Invalid, "keyword (nkw-…)"},
		{"pause_campaign", automation.Args{"campaign_id": nil}, fault.Invalid, "NULL"},
		{"pause_campaign", automation.Args{"campaign_id": "cmp-a001/../x"}, fault.Invalid, "not the id"},
		{"pause_campaign", automation.Args{"campaign_id": "cmp-a001-01-000000000000009"}, fault.NotFound, "none of the 2 accounts"},
	} {
		changes, err := s.actions[c.action].Plan(t.Context(), c.args)
		if fault.KindOf(err) != c.kind || err != nil && (!strings.Contains(err.Error(), c.says) || len(changes) > 0) {
			t.Errorf("%s %v: %v, %v", c.action, c.args, changes, err)
		}
	}
	if sent := s.sent(); len(sent) > 0 {
		t.Errorf("a plan sent %v", sent)
	}
}

// Whatever happens to the request, what Apply says and what ReadBack reads agree
// with what Naver did.
func TestSimFaults(t *testing.T) {
	for _, c := range []struct {
		plan string
		kind fault.Kind // "" is success
		then string
	}{
		{"", "", "true"},
		{"naversearchad 401 nth=1 path=PUT", "", "true"},
		{"naversearchad 401 path=PUT", fault.Auth, "false"},
		{"naversearchad 429 nth=1 path=PUT", "", "true"},
		{"naversearchad 429 retry=20h path=PUT", fault.Refused, "false"},
		{"naversearchad denied path=PUT", fault.Denied, "false"},
		{"naversearchad 503 nth=1 path=PUT", fault.Unknown, "false"},
		{"naversearchad 503 nth=1 after path=PUT", fault.Unknown, "true"},
		{"naversearchad 500 nth=1 after path=PUT", fault.Unknown, "true"},
		{"naversearchad drop nth=1 path=PUT", fault.Unknown, "false"},
		{"naversearchad drop nth=1 after path=PUT", fault.Unknown, "true"},
		{"naversearchad truncate nth=1 bytes=5 path=PUT", fault.Unknown, "true"},
		{"naversearchad 503 path=/ncc/keywords/", fault.Refused, "false"}, // it is read before it is changed
	} {
		s := simulate(t)
		a := s.actions["pause_keyword"]
		changes, err := a.Plan(t.Context(), automation.Args{"keyword_id": s.ids(t, "keywords", "keyword_id", "use_group_bid_amt")})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.sim.Faults.Script(c.plan); err != nil {
			t.Fatal(err)
		}
		err = a.Apply(t.Context(), changes[0])
		s.sim.Faults.Clear()
		s.clock.Advance(21 * time.Hour) // what was parked is open again
		got, readErr := a.ReadBack(t.Context(), changes[0])
		if fault.KindOf(err) != c.kind || got != c.then || readErr != nil {
			t.Errorf("%q: %v (%s), reads %q, %v; want %q and %q", c.plan, err, fault.KindOf(err), got, readErr, c.kind, c.then)
		}
	}
}
