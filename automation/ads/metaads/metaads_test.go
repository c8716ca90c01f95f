package metaads_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"argo/automation"
	kit "argo/automation/ads/metaads"
	"argo/tables"
	"argo/tables/ads/metaads"
	"argo/tables/ads/metaads/metaadssim"
	"argo/tables/fault"
	"argo/tables/market"
	"argo/tables/tabletest"

	"github.com/cockroachdb/apd/v3"
)

// stage is a simulator whose changes are kept, and the actions on it.
type stage struct {
	*metaadssim.Sim
	clock   *market.VirtualClock
	server  *httptest.Server
	conn    *tables.Connection
	actions map[string]automation.Action

	mu   sync.Mutex
	sent []string
	// instead answers a change in Meta's place; false lets it through.
	instead func(w http.ResponseWriter) bool
}

func newStage(t *testing.T, o metaadssim.Options) *stage {
	t.Helper()
	s := &stage{clock: market.NewClock(time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)), actions: map[string]automation.Action{}}
	s.Sim = metaadssim.New(market.New(market.Options{Seed: 1, Start: "2026-09-23", Clock: s.clock}), o)
	s.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			q := r.URL.Query()
			if err := r.ParseForm(); err != nil {
				t.Error(err)
			}
			for k, v := range r.PostForm {
				q[k] = v
			}
			s.mu.Lock()
			s.sent = append(s.sent, r.URL.Path+"?"+q.Encode())
			f := s.instead
			s.mu.Unlock()
			if f != nil && f(w) {
				return
			}
			r.URL.RawQuery = q.Encode()
		}
		s.Sim.ServeHTTP(w, r)
	}))
	t.Cleanup(s.server.Close)
	env := tables.Env{
		Name: "meta_ads", Now: s.clock.Now,
		Decode: tabletest.Decode(map[string]any{"base_url": s.server.URL, "access_token": "env:TOKEN"}),
		Secret: func(context.Context, string) (string, error) { return s.Options().Token, nil },
		Sleep: func(ctx context.Context, d time.Duration) error {
			s.clock.Advance(d)
			return ctx.Err()
		},
	}
	var err error
	if s.conn, err = metaads.Source.Open(t.Context(), env); err != nil {
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

func (s *stage) take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.sent
	s.sent = nil
	return out
}

// pick gives the id of the first row of a table of an account that the condition
// holds for.
func (s *stage) pick(t *testing.T, table, account string, columns []string, ok func(row map[string]any) bool) string {
	t.Helper()
	columns = append([]string{"id"}, columns...)
	rows, err := tabletest.Rows(t.Context(), tabletest.Find(t, s.conn, table), tables.Scan{Account: account, Columns: columns})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		m := map[string]any{}
		for i, c := range columns {
			m[c] = r[i]
		}
		if ok(m) {
			return m["id"].(string)
		}
	}
	t.Fatalf("%s has no such row", table)
	return ""
}

const (
	korea = "1000001000000101" // KRW
	usa   = "1000001000000102" // USD
)

func is(column string, want any) func(map[string]any) bool {
	return func(r map[string]any) bool { return r[column] == want }
}

// withBudget are rows that are not deleted and have, or lack, a daily budget.
func withBudget(has bool) func(map[string]any) bool {
	return func(r map[string]any) bool { return r["status"] != "DELETED" && (r["daily_budget"] != nil) == has }
}

func decimal(s string) *apd.Decimal {
	d, _, err := apd.NewFromString(s)
	if err != nil {
		panic(err)
	}
	return d
}

func TestPlan(t *testing.T) {
	s := newStage(t, metaadssim.Options{})
	budgets := []string{"status", "daily_budget"}
	won := s.pick(t, "campaigns", korea, budgets, withBudget(true))
	dollar := s.pick(t, "campaigns", usa, budgets, withBudget(true))
	below := s.pick(t, "campaigns", usa, budgets, withBudget(false)) // its ad sets have it
	set := s.pick(t, "ad_sets", usa, budgets, withBudget(true))
	child := s.pick(t, "ad_sets", usa, budgets, withBudget(false))
	gone := s.pick(t, "campaigns", korea, []string{"status"}, is("status", "DELETED"))
	bidding := s.pick(t, "ad_sets", usa, []string{"status", "bid_amount"}, func(r map[string]any) bool { return r["status"] != "DELETED" && r["bid_amount"] != nil })
	free := s.pick(t, "ad_sets", usa, []string{"status", "bid_amount"}, func(r map[string]any) bool { return r["status"] != "DELETED" && r["bid_amount"] == nil })
	ad := s.pick(t, "ads", korea, []string{"status"}, is("status", "ACTIVE"))
	number, err := strconv.ParseInt(won, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	campaign := func(v any, more ...any) automation.Args {
		a := automation.Args{"campaign_id": v}
		if len(more) > 0 {
			a["amount"] = more[0]
		}
		return a
	}
	adSet := func(v any, more ...any) automation.Args {
		a := campaign(v, more...)
		a["ad_set_id"] = a["campaign_id"]
		delete(a, "campaign_id")
		return a
	}
	for _, c := range []struct {
		action string
		args   automation.Args
		want   string // a pattern: account target field before after unit
		kind   fault.Kind
		says   string
	}{
		{"pause_campaign", campaign(won), korea + " campaign " + won + " status (ACTIVE|PAUSED) PAUSED ", "", ""},
		{"enable_campaign", campaign(number), korea + " campaign " + won + " status (ACTIVE|PAUSED) ACTIVE ", "", ""},
		{"pause_ad_set", adSet(set), usa + " ad set " + set + " status (ACTIVE|PAUSED) PAUSED ", "", ""},
		{"pause_ad", automation.Args{"ad_id": ad}, korea + " ad " + ad + " status ACTIVE PAUSED ", "", ""},
		{"pause_campaign", campaign(gone), "", fault.Invalid, "is deleted and cannot be changed"},
		{"pause_campaign", campaign(set), "", fault.NotFound, "reaches no campaign " + set},
		{"pause_ad_set", adSet(won), "", fault.NotFound, "reaches no ad set"},
		{"pause_ad", automation.Args{"ad_id": set}, "", fault.NotFound, "reaches no ad "},
		{"pause_campaign", campaign("120210009999999999"), "", fault.NotFound, "reaches no campaign"},
		{"pause_campaign", campaign(nil), "", fault.Invalid, "NULL"},
		{"pause_campaign", campaign("1 OR 1"), "", fault.Invalid, "not an id of Meta"},
		{"pause_campaign", campaign(decimal("1.5")), "", fault.Invalid, "not an id of Meta"},
		{"pause_campaign", campaign(int64(-1)), "", fault.Invalid, "not an id of Meta"},
		{"set_budget", campaign(won, int64(60000)), korea + " campaign " + won + ` daily_budget \d+ 60000 KRW`, "", ""},
		{"set_budget", campaign(won, decimal("60000.00")), korea + " campaign " + won + ` daily_budget \d+ 60000 KRW`, "", ""},
		{"set_budget", campaign(won, decimal("60000.5")), "", fault.Invalid, "not a multiple of 1 KRW"},
		{"set_budget", campaign(won, int64(1399)), "", fault.Invalid, "1399 is below 1400 KRW"},
		{"set_budget", campaign(dollar, "20.25"), usa + " campaign " + dollar + ` daily_budget [\d.]+ 20.25 USD`, "", ""},
		{"set_budget", campaign(dollar, decimal("1E+3")), usa + " campaign " + dollar + ` daily_budget [\d.]+ 1000 USD`, "", ""},
		{"set_budget", campaign(dollar, decimal("0.005")), "", fault.Invalid, "not a multiple of 0.01 USD"},
		{"set_budget", campaign(dollar, decimal("0.99")), "", fault.Invalid, "below 1 USD"},
		{"set_budget", campaign(dollar, int64(0)), "", fault.Invalid, "not above zero"},
		{"set_budget", campaign(dollar, decimal("1E+30")), "", fault.Invalid, "out of range"},
		{"set_budget", campaign(dollar, decimal("99999999999999")), "", fault.Invalid, "out of range"},
		{"set_budget", campaign(dollar, nil), "", fault.Invalid, "not an amount"},
		{"set_budget", campaign(below, int64(50)), "", fault.Invalid, "its ad sets have it"},
		{"set_ad_set_budget", adSet(set, int64(50)), usa + " ad set " + set + ` daily_budget [\d.]+ 50 USD`, "", ""},
		{"set_ad_set_budget", adSet(child, int64(50)), "", fault.Invalid, "has no budget of its own: campaign"},
		{"set_bid", adSet(bidding, decimal("1.25")), usa + " ad set " + bidding + ` bid_amount [\d.]+ 1.25 USD`, "", ""},
		{"set_bid", adSet(free, decimal("1.25")), "", fault.Invalid, "its bid strategy is LOWEST_COST_WITHOUT_CAP"},
	} {
		changes, err := s.actions[c.action].Plan(t.Context(), c.args)
		got := ""
		for _, x := range changes {
			got += strings.Join([]string{x.Account, x.Target, x.Field, x.Before, x.After, x.Unit}, " ")
		}
		if !regexp.MustCompile("^"+c.want+"$").MatchString(got) || fault.KindOf(err) != c.kind || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s %v: %q, %v; want %q, %s %q", c.action, c.args, got, err, c.want, c.kind, c.says)
		}
	}
	if sent := s.take(); sent != nil {
		t.Errorf("a plan changes something: %v", sent)
	}
}

func TestApplyAndReadBack(t *testing.T) {
	s := newStage(t, metaadssim.Options{})
	budgets := []string{"status", "daily_budget"}
	campaign := s.pick(t, "campaigns", usa, budgets, withBudget(true))
	won := s.pick(t, "campaigns", korea, budgets, withBudget(true))
	set := s.pick(t, "ad_sets", usa, budgets, withBudget(true))
	bidding := s.pick(t, "ad_sets", usa, []string{"status", "bid_amount"}, func(r map[string]any) bool { return r["status"] != "DELETED" && r["bid_amount"] != nil })
	ad := s.pick(t, "ads", korea, []string{"status"}, is("status", "ACTIVE"))
	for _, c := range []struct {
		action string
		args   automation.Args
		want   string
	}{
		{"pause_campaign", automation.Args{"campaign_id": campaign}, "/v25.0/" + campaign + "?status=PAUSED"},
		{"enable_campaign", automation.Args{"campaign_id": campaign}, "/v25.0/" + campaign + "?status=ACTIVE"},
		{"set_budget", automation.Args{"campaign_id": campaign, "amount": decimal("20.25")}, "/v25.0/" + campaign + "?daily_budget=2025"},
		{"set_budget", automation.Args{"campaign_id": won, "amount": int64(70000)}, "/v25.0/" + won + "?daily_budget=70000"},
		{"pause_ad_set", automation.Args{"ad_set_id": set}, "/v25.0/" + set + "?status=PAUSED"},
		{"set_ad_set_budget", automation.Args{"ad_set_id": set, "amount": decimal("12.5")}, "/v25.0/" + set + "?daily_budget=1250"},
		{"set_bid", automation.Args{"ad_set_id": bidding, "amount": decimal("0.75")}, "/v25.0/" + bidding + "?bid_amount=75"},
		{"pause_ad", automation.Args{"ad_id": ad}, "/v25.0/" + ad + "?status=PAUSED"},
		{"enable_ad", automation.Args{"ad_id": ad}, "/v25.0/" + ad + "?status=ACTIVE"},
	} {
		a := s.actions[c.action]
		changes, err := a.Plan(t.Context(), c.args)
		if err != nil {
			t.Fatal(err)
		}
		before, err := a.ReadBack(t.Context(), changes[0])
		if before != changes[0].Before || err != nil {
			t.Errorf("%s: reads %q before, plan says %q (%v)", c.action, before, changes[0].Before, err)
		}
		if err := a.Apply(t.Context(), changes[0]); err != nil {
			t.Fatal(err)
		}
		if sent := s.take(); len(sent) != 1 || sent[0] != c.want {
			t.Errorf("%s sends %v, want %s", c.action, sent, c.want)
		}
		after, err := a.ReadBack(t.Context(), changes[0])
		if after != changes[0].After || err != nil {
			t.Errorf("%s: reads %q back, want %q (%v)", c.action, after, changes[0].After, err)
		}
		// Meta's own log has it.
		rows, err := tabletest.Rows(t.Context(), tabletest.Find(t, s.conn, "activities"), tables.Scan{Account: changes[0].Account, Days: tables.Days{From: "2026-11-21", To: "2026-11-22"}, Columns: []string{"object_id"}})
		if err != nil || len(rows) == 0 {
			t.Errorf("%s: %d activities, %v", c.action, len(rows), err)
		}
	}
}

// Meta lets the budget of an ad set change four times an hour.
func TestBudgetChanges(t *testing.T) {
	s := newStage(t, metaadssim.Options{})
	set := s.pick(t, "ad_sets", usa, []string{"status", "daily_budget"}, withBudget(true))
	a := s.actions["set_ad_set_budget"]
	do := func(amount int64) error {
		changes, err := a.Plan(t.Context(), automation.Args{"ad_set_id": set, "amount": amount})
		if err != nil {
			t.Fatal(err)
		}
		return a.Apply(t.Context(), changes[0])
	}
	for i := range int64(4) {
		if err := do(50 + i); err != nil {
			t.Fatal(err)
		}
	}
	s.take()
	if err := do(60); !fault.Is(err, fault.Refused) || !strings.Contains(err.Error(), "four times an hour") || len(s.take()) != 1 {
		t.Errorf("a fifth change: %v", err)
	}
	s.clock.Advance(time.Hour)
	if err := do(60); err != nil {
		t.Error(err)
	}
}

// What Apply says decides whether a change is final: a definite refusal is
// Refused, Invalid, Denied or Auth, everything else leaves the outcome open.
func TestApplyFaults(t *testing.T) {
	envelope := func(status, code, subcode int) func(http.ResponseWriter) bool {
		return func(w http.ResponseWriter) bool {
			w.WriteHeader(status)
			fmt.Fprintf(w, `{"error":{"message":"It says no.","type":"OAuthException","code":%d,"error_subcode":%d}}`, code, subcode)
			return true
		}
	}
	for _, c := range []struct {
		name     string
		instead  func(http.ResponseWriter) bool
		plan     string
		kind     fault.Kind
		requests int
	}{
		{"too low", envelope(400, 100, 1885272), "", fault.Refused, 1},
		{"denied", envelope(403, 200, 0), "", fault.Denied, 1},
		{"token", envelope(401, 190, 463), "", fault.Auth, 1},
		{"gone", envelope(400, 100, 33), "", fault.Refused, 1},
		{"throttled", envelope(400, 17, 2446079), "", fault.Refused, 2}, // the account is left alone after a while
		{"500", envelope(500, 2, 0), "", fault.Unknown, 1},
		{"nonsense", func(w http.ResponseWriter) bool { fmt.Fprint(w, "<html>"); return true }, "", fault.Unknown, 1},
		{"no word", func(w http.ResponseWriter) bool { fmt.Fprint(w, `{}`); return true }, "", fault.Unknown, 1},
		{"not true", func(w http.ResponseWriter) bool { fmt.Fprint(w, `{"success":false}`); return true }, "", fault.Unknown, 1},
		{"lost after the effect", nil, "metaads drop nth=1 after path=POST", fault.Unknown, 1},
		{"500 after the effect", nil, "metaads 500 nth=1 after path=POST", fault.Unknown, 1},
	} {
		s := newStage(t, metaadssim.Options{})
		campaign := s.pick(t, "campaigns", korea, []string{"status"}, is("status", "ACTIVE"))
		a := s.actions["pause_campaign"]
		changes, err := a.Plan(t.Context(), automation.Args{"campaign_id": campaign})
		if err != nil {
			t.Fatal(err)
		}
		s.mu.Lock()
		s.instead = c.instead
		s.mu.Unlock()
		if err := s.Faults.Script(c.plan); err != nil {
			t.Fatal(err)
		}
		err = a.Apply(t.Context(), changes[0])
		n := len(s.take())
		if !fault.Is(err, c.kind) || n < 1 || n < c.requests || c.requests == 1 && n > 1 {
			t.Errorf("%s: %v (%s) after %d requests, want %s after %d", c.name, err, fault.KindOf(err), n, c.kind, c.requests)
		}
		if strings.HasSuffix(c.name, "after the effect") {
			if now, err := a.ReadBack(t.Context(), changes[0]); now != "PAUSED" || err != nil {
				t.Errorf("%s: it reads %q, %v", c.name, now, err)
			}
		}
	}
	s := newStage(t, metaadssim.Options{ReadOnly: true})
	campaign := s.pick(t, "campaigns", korea, []string{"status"}, is("status", "ACTIVE"))
	a := s.actions["pause_campaign"]
	changes, err := a.Plan(t.Context(), automation.Args{"campaign_id": campaign})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Apply(t.Context(), changes[0]); !fault.Is(err, fault.Denied) || !strings.Contains(err.Error(), "ads_management") {
		t.Errorf("a token that may only read: %v", err)
	}
	s.server.Close() // nothing was sent: definite
	if err := a.Apply(t.Context(), changes[0]); !fault.Is(err, fault.Refused) || !strings.Contains(err.Error(), "nothing was changed") {
		t.Errorf("unreachable: %v", err)
	}
}

func TestSheet(t *testing.T) {
	s := newStage(t, metaadssim.Options{})
	if len(s.actions) != 9 {
		t.Errorf("%d actions", len(s.actions))
	}
	known := map[string]bool{}
	for _, x := range s.conn.Tables {
		known[x.Name] = true
	}
	for name, a := range s.actions {
		if !regexp.MustCompile(`^[a-z_]+$`).MatchString(name) || a.Doc == "" || len(a.Params) == 0 || len(a.Touches) == 0 || a.Window == 0 || !strings.HasSuffix(a.Params[0].Name, "_id") {
			t.Errorf("%+v", a)
		}
		for _, x := range a.Touches {
			if !known[x] {
				t.Errorf("%s touches %s, which there is not", name, x)
			}
		}
	}
}

// TestFacts: what guardrails are told of a change agrees with the tables.
func TestFacts(t *testing.T) {
	s := newStage(t, metaadssim.Options{})
	all := automation.Wants{Siblings: true, Spend: true, Results: true, Learning: true}
	budgets := []string{"effective_status", "daily_budget"}
	own := s.pick(t, "campaigns", usa, budgets, func(r map[string]any) bool { return r["effective_status"] == "ACTIVE" && r["daily_budget"] != nil })
	below := s.pick(t, "campaigns", usa, budgets, func(r map[string]any) bool { return r["effective_status"] == "ACTIVE" && r["daily_budget"] == nil })
	set := s.pick(t, "ad_sets", usa, budgets, func(r map[string]any) bool { return r["effective_status"] == "ACTIVE" && r["daily_budget"] != nil })
	child := s.pick(t, "ad_sets", usa, budgets, func(r map[string]any) bool { return r["effective_status"] == "ACTIVE" && r["daily_budget"] == nil })
	ad := s.pick(t, "ads", usa, []string{"effective_status"}, is("effective_status", "ACTIVE"))
	change := func(target, field, after string) automation.Change {
		return automation.Change{Account: usa, Target: target, Field: field, Before: "1", After: after, Unit: "USD"}
	}
	changes := []automation.Change{
		change("campaign "+own, "daily_budget", "200"), change("campaign "+own, "status", "PAUSED"), change("campaign "+below, "status", "ACTIVE"),
		change("ad set "+set, "daily_budget", "20"), change("ad set "+child, "status", "PAUSED"), change("ad "+ad, "status", "PAUSED"),
	}
	facts, err := s.actions["set_budget"].Facts(t.Context(), changes, all)
	if err != nil {
		t.Fatal(err)
	}
	month := apd.New(0, 0)
	rows, err := tabletest.Rows(t.Context(), tabletest.Find(t, s.conn, "account_insights"), tables.Scan{Account: usa, Days: tables.Days{From: "2026-11-01", To: "2026-11-21"}, Columns: []string{"spend"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		if _, err := apd.BaseContext.WithPrecision(30).Add(month, month, r[0].(*apd.Decimal)); err != nil {
			t.Fatal(err)
		}
	}
	for i, f := range facts {
		if f.Currency != "USD" || f.Over != "1.75" || f.On != "ACTIVE" || f.Step != "0.01" || len(f.Campaigns) != 1 || len(f.Siblings) == 0 || len(f.Budgets) < 5 ||
			f.Conversions == "" || f.Spend30 == "" || f.DaysLeft != 10 || decimal(f.SpentMonth).Cmp(month) != 0 { // it is the 21st in New York
			t.Errorf("%d: %+v, the month is %s", i, f, month)
		}
		if c := changes[i]; c.Field == "status" && (f.Turns == "" || f.Budget == "" || f.BudgetValue == "" || f.BudgetValue == "0") || c.Field == "daily_budget" && (!f.Spends || f.Minimum != "1") {
			t.Errorf("%s %s: %+v", c.Target, c.Field, f)
		}
	}
	if f := facts[4]; f.Budget != "campaign "+f.Campaigns[0] {
		t.Errorf("the budget of an ad set without one is %s", f.Budget)
	}
	if f := facts[3]; f.Budgets["ad set "+set] == "" {
		t.Errorf("budgets that run: %v", f.Budgets)
	}
}
