package guardrails_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"argo/automation"
	"argo/automation/guardrails"
	"argo/tables/fault"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) // a Sunday

type list []automation.Policy

func (l list) Policies(context.Context, bool) ([]automation.Policy, error) { return l, nil }

func past(at time.Time, target, field, before, after string, s automation.State) automation.Past {
	return automation.Past{Run: "R0", Source: "google_ads", By: "kim", RunChange: automation.RunChange{State: s, At: at, Attempts: 1,
		Change: automation.Change{Account: "1", Target: target, Field: field, Before: before, After: after, Unit: "KRW"}}}
}

// question is about a budget of 100,000 won that becomes 110,000.
func question(with func(q *automation.Question)) automation.Question {
	q := automation.Question{Now: noon, Stage: "plan",
		Run: automation.Run{ID: "R1", Source: "google_ads", Action: "set_budget", By: "lee@10.0.0.1"},
		Change: automation.RunChange{State: automation.Proposed, Change: automation.Change{ID: "C1", Account: "1", Target: "b1", Field: "amount",
			Before: "100000", After: "110000", Unit: "KRW"}},
		Facts: automation.Facts{Known: true, Currency: "KRW", Campaigns: []string{"7"}, Kind: "budget", Step: "10", Zone: "Asia/Seoul", Over: "2", Spends: true,
			Siblings: []string{"c1", "c2", "c3", "c4", "c5"}, Budgets: map[string]string{"b1": "100000", "b2": "300000"},
			SpentToday: "50000", SpentMonth: "5000000", DaysLeft: 9, Edits: true, Conversions: "12.5", Spend30: "900000", TargetCPA: "30000"},
	}
	if with != nil {
		with(&q)
	}
	q.Run.Changes = append(q.Run.Changes, q.Change)
	return q
}

func pausing(q *automation.Question) {
	q.Run.Action = "pause_campaign"
	q.Change.Change = automation.Change{ID: "C1", Account: "1", Target: "c1", Field: "status", Before: "ENABLED", After: "PAUSED"}
	q.Facts.Kind, q.Facts.Turns = "campaign", "off"
}

func enabling(q *automation.Question) {
	q.Run.Action = "enable_campaign"
	q.Change.Change = automation.Change{ID: "C1", Account: "1", Target: "c9", Field: "status", Before: "PAUSED", After: "ENABLED"}
	q.Facts.Kind, q.Facts.Turns, q.Facts.Budget, q.Facts.BudgetValue = "campaign", "on", "b9", "50000"
}

func to(after string) func(*automation.Question) {
	return func(q *automation.Question) { q.Change.After = after }
}

func all(fs ...func(*automation.Question)) func(*automation.Question) {
	return func(q *automation.Question) {
		for _, f := range fs {
			f(q)
		}
	}
}

func with(p ...automation.Past) func(*automation.Question) {
	return func(q *automation.Question) { q.Past = append(q.Past, p...) }
}

func at(t time.Time) func(*automation.Question) {
	return func(q *automation.Question) { q.Now = t }
}

const hour = time.Hour

func TestKinds(t *testing.T) {
	for _, c := range []struct {
		kind, params string
		change       func(*automation.Question)
		decision     automation.Decision
		after, says  string
	}{
		{"max_change_pct", `{}`, to("120000"), automation.Allow, "", "20 %"},
		{"max_change_pct", `{}`, to("120001"), automation.Clamp, "120000", "from 100000"},
		{"max_change_pct", `{}`, to("79999"), automation.Clamp, "80000", ""},
		{"max_change_pct", `{"action_pct": 12.345}`, to("200000"), automation.Clamp, "112340", ""}, // down to a step of 10
		{"max_change_pct", `{"action_pct": 12.345}`, to("1"), automation.Clamp, "87660", ""},       // and up
		{"max_change_pct", `{}`, all(to("115000"), with(past(noon.Add(-23*hour), "b1", "amount", "80000", "100000", automation.Verified))), automation.Clamp, "104000", "from 80000"},
		{"max_change_pct", `{}`, all(to("115000"), with(past(noon.Add(-25*hour), "b1", "amount", "80000", "100000", automation.Verified))), automation.Allow, "", ""},
		{"max_change_pct", `{}`, all(to("115000"), with(past(noon.Add(-hour), "b1", "amount", "80000", "100000", automation.Failed))), automation.Allow, "", ""},
		{"max_change_pct", `{}`, all(to("115000"), with(past(noon.Add(-hour), "b2", "amount", "80000", "100000", automation.Verified))), automation.Allow, "", ""},
		{"max_change_pct", `{}`, all(to("101000"), with(past(noon.Add(-hour), "b1", "amount", "70000", "100000", automation.Verified))), automation.Deny, "", "already"},
		{"max_change_pct", `{}`, all(to("90000"), with(past(noon.Add(-hour), "b1", "amount", "70000", "100000", automation.Verified))), automation.Allow, "", ""},
		{"max_change_pct", `{}`, pausing, automation.Allow, "", ""},
		{"max_change_pct", `{"by": ["rule:*"]}`, to("900000"), automation.Allow, "", "other actions"},
		{"max_change_pct", `{"actions": ["set_*"]}`, to("900000"), automation.Clamp, "120000", ""},
		{"max_value", `{"amount": "105000", "currency": "KRW"}`, nil, automation.Clamp, "105000", ""},
		{"max_value", `{"amount": "105005", "currency": "KRW"}`, nil, automation.Clamp, "105000", ""},
		{"max_value", `{"amount": "90000", "currency": "KRW"}`, nil, automation.Deny, "", "already"},
		{"max_value", `{"amount": "90000", "currency": "KRW"}`, to("95000"), automation.Allow, "", ""}, // on its way down
		{"max_value", `{"amount": "10", "currency": "USD"}`, nil, automation.Allow, "", "other money"},
		{"max_value", `{"amount": "10", "currency": "KRW", "field": "cpc_bid"}`, nil, automation.Allow, "", ""},
		{"min_value", `{"amount": "95000", "currency": "KRW"}`, to("50000"), automation.Clamp, "95000", ""},
		{"min_value", `{"amount": "200000", "currency": "KRW"}`, to("50000"), automation.Deny, "", "already"},
		{"min_value", `{"amount": "200000", "currency": "KRW"}`, nil, automation.Allow, "", ""},
		{"cooldown", `{}`, with(past(noon.Add(-19*hour), "b1", "amount", "1", "2", automation.Verified)), automation.Deny, "", "by kim (run R0)"},
		{"cooldown", `{}`, with(past(noon.Add(-21*hour), "b1", "amount", "1", "2", automation.Verified)), automation.Allow, "", ""},
		{"cooldown", `{}`, with(past(noon.Add(-hour), "b1", "status", "1", "2", automation.Verified)), automation.Allow, "", ""},
		{"cooldown", `{}`, with(past(noon.Add(-hour), "b1", "amount", "1", "2", automation.Failed)), automation.Allow, "", ""},
		{"cooldown", `{}`, with(past(noon.Add(-hour), "b1", "amount", "1", "2", automation.Unknown)), automation.Deny, "", ""},
		{"cooldown", `{}`, all(with(past(noon.Add(-hour), "b1", "amount", "1", "2", automation.Verified)), func(q *automation.Question) { q.Run.UndoOf = "R0" }), automation.Allow, "", "need not wait"},
		{"flip_flop", `{}`, with(past(noon.Add(-100*hour), "b1", "amount", "120000", "100000", automation.Verified)), automation.Approve, "", "it reverses what kim did"},
		{"flip_flop", `{}`, with(past(noon.Add(-100*hour), "b1", "amount", "90000", "100000", automation.Verified)), automation.Allow, "", ""},
		{"flip_flop", `{"days": 4}`, with(past(noon.Add(-100*hour), "b1", "amount", "120000", "100000", automation.Verified)), automation.Allow, "", ""},
		{"flip_flop", `{"quorum": 2}`, all(pausing, with(past(noon.Add(-hour), "c1", "status", "PAUSED", "ENABLED", automation.Verified))), automation.Approve, "", ""},
		{"kill_switch", `{"reason": "feed"}`, nil, automation.Hold, "", "feed"},
		{"kill_switch", `{"until": "2026-11-22T11:00:00Z"}`, nil, automation.Allow, "", ""},
		{"kill_switch", `{"until": "2026-11-22T13:00:00Z"}`, nil, automation.Hold, "", ""},
		{"kill_switch", `{"allow_pause": true}`, pausing, automation.Allow, "", ""},
		{"kill_switch", `{"allow_pause": true}`, enabling, automation.Hold, "", ""},
		{"outage", `{"reason": "tracker"}`, pausing, automation.Deny, "", "tracker"},
		{"outage", `{"reason": "tracker"}`, to("90000"), automation.Deny, "", ""},
		{"outage", `{"reason": "tracker"}`, nil, automation.Allow, "", ""},
		{"outage", `{"until": "2026-11-22T11:00:00Z"}`, to("90000"), automation.Allow, "", ""},
		{"blackout", `{"windows": [{"days": "sun", "from": "20:00", "to": "23:00"}]}`, nil, automation.Hold, "", "2026-11-22 23:00 KST"}, // 21:00 in Seoul
		{"blackout", `{"windows": [{"days": "sun", "from": "20:00", "to": "23:00"}], "zone": "UTC"}`, nil, automation.Allow, "", ""},
		{"blackout", `{"windows": [{"days": "sat", "from": "20:00", "to": "23:00"}]}`, nil, automation.Allow, "", ""},
		{"blackout", `{"windows": [{"days": "sat", "from": "22:00", "to": "06:00"}]}`, at(time.Date(2026, 11, 21, 20, 59, 0, 0, time.UTC)), automation.Hold, "", "2026-11-22 06:00 KST"}, // Sunday 05:59
		{"blackout", `{"windows": [{"from": "22:00", "to": "24:00"}]}`, at(time.Date(2026, 11, 22, 15, 0, 0, 0, time.UTC)), automation.Allow, "", ""},                                    // midnight
		{"blackout", `{"windows": [], "dates": ["2026-11-22"]}`, nil, automation.Hold, "", "2026-11-23 00:00"},
		{"breaker", `{"of": 2}`, with(past(noon.Add(-hour), "b1", "amount", "1", "2", automation.Failed), past(noon, "b2", "amount", "1", "2", automation.Verified)), automation.Hold, "", "1 of the last 2"},
		{"breaker", `{"of": 3}`, with(past(noon.Add(-hour), "b1", "amount", "1", "2", automation.Failed), past(noon, "b2", "amount", "1", "2", automation.Verified)), automation.Allow, "", ""},
		{"breaker", `{"unknown": 1}`, with(past(noon, "b2", "amount", "1", "2", automation.Unknown)), automation.Hold, "", "not known"},
		{"breaker", `{"of": 2}`, with(past(noon.Add(-50*hour), "b1", "amount", "1", "2", automation.Failed), past(noon.Add(-49*hour), "b2", "amount", "1", "2", automation.Failed)), automation.Allow, "", ""}, // before it was set
		{"learning_phase", `{}`, func(q *automation.Question) { q.Facts.Learning = true; q.Change.After = "130000" }, automation.Deny, "", "still learning"},
		{"learning_phase", `{}`, func(q *automation.Question) { q.Facts.Learning = true }, automation.Allow, "", ""},
		{"learning_phase", `{}`, func(q *automation.Question) { q.Facts.EditedAt = noon.Add(-71 * hour); q.Change.After = "70000" }, automation.Deny, "", "edited at"},
		{"learning_phase", `{}`, func(q *automation.Question) { q.Facts.EditedAt = noon.Add(-73 * hour); q.Change.After = "70000" }, automation.Allow, "", ""},
		{"learning_phase", `{}`, func(q *automation.Question) { q.Facts.Edits = false }, automation.Deny, "", "not known"},
		{"spend_cap_day", `{"amount": "1", "currency": "KRW"}`, func(q *automation.Question) { q.Facts.Spends, q.Facts.Budgets = false, nil }, automation.Deny, "", "not known"},
		{"spend_cap_day", `{"amount": "900000", "currency": "KRW"}`, all(enabling, func(q *automation.Question) { q.Facts.Budget = "" }), automation.Deny, "", "not known"},
		{"learning_phase", `{}`, all(pausing, func(q *automation.Question) { q.Facts.Learning = true }), automation.Allow, "", ""},
		{"min_data", `{}`, nil, automation.Allow, "", "spent"},
		{"min_data", `{}`, func(q *automation.Question) { q.Facts.Spend30 = "89999" }, automation.Deny, "", "12.5 conversions"},
		{"min_data", `{}`, func(q *automation.Question) { q.Facts.Conversions, q.Facts.TargetCPA = "30", "" }, automation.Allow, "", ""},
		{"min_data", `{}`, func(q *automation.Question) { q.Facts.TargetCPA = "" }, automation.Deny, "", ""},
		{"min_data", `{}`, func(q *automation.Question) { q.Facts.Conversions = "" }, automation.Deny, "", "not known"},
		{"last_one_standing", `{}`, pausing, automation.Allow, "", "4 others"},
		{"last_one_standing", `{}`, all(pausing, func(q *automation.Question) { q.Facts.Siblings = []string{"c1"} }), automation.Deny, "", "would run any more"},
		{"last_one_standing", `{}`, all(pausing, func(q *automation.Question) { q.Facts.Siblings = []string{"c1", "c2"} }, with(past(noon, "c2", "status", "ENABLED", "PAUSED", automation.Executing))), automation.Deny, "", ""},
		{"last_one_standing", `{}`, all(pausing, func(q *automation.Question) { q.Facts.Siblings = nil }), automation.Deny, "", "not known"},
		{"last_one_standing", `{}`, nil, automation.Allow, "", ""},
		{"blast_radius", `{}`, pausing, automation.Allow, "", "1 of 5"},
		{"blast_radius", `{}`, all(pausing, with(past(noon.Add(-hour), "c9", "status", "ENABLED", "PAUSED", automation.Verified))), automation.Approve, "", "2 of 6"},
		{"blast_radius", `{}`, all(pausing, with(past(noon.Add(-25*hour), "c9", "status", "ENABLED", "PAUSED", automation.Verified))), automation.Allow, "", ""},
		{"blast_radius", `{}`, to("160000"), automation.Allow, "", "60000 of 400000"},
		{"blast_radius", `{}`, to("160010"), automation.Approve, "", "60010 KRW"},
		{"blast_radius", `{}`, all(to("130000"), with(past(noon.Add(-hour), "b2", "amount", "331000", "300000", automation.Verified))), automation.Approve, "", "61000 KRW"},
		{"blast_radius", `{"changes": 1, "quorum": 3}`, func(q *automation.Question) { q.Run.Changes = []automation.RunChange{{}} }, automation.Approve, "", "2 things at once"},
		{"spend_cap_day", `{"amount": "820000", "currency": "KRW"}`, nil, automation.Allow, "", "820000"},
		{"spend_cap_day", `{"amount": "819999", "currency": "KRW"}`, nil, automation.Clamp, "109990", "more than the cap"},
		{"spend_cap_day", `{"amount": "800000", "currency": "KRW"}`, nil, automation.Deny, "", ""},
		{"spend_cap_day", `{"amount": "1", "currency": "KRW"}`, to("90000"), automation.Allow, "", "raises no budget"},
		{"spend_cap_day", `{"amount": "1", "currency": "USD"}`, nil, automation.Allow, "", "other money"},
		{"spend_cap_day", `{"amount": "1", "currency": "KRW"}`, func(q *automation.Question) { q.Facts.Spends = false }, automation.Allow, "", "nothing that runs"},
		{"spend_cap_day", `{"amount": "900000", "currency": "KRW"}`, enabling, automation.Allow, "", ""},
		{"spend_cap_day", `{"amount": "899999", "currency": "KRW"}`, enabling, automation.Deny, "", "900000"},
		{"spend_cap_day", `{"amount": "830000", "currency": "KRW"}`, with(past(noon, "b2", "amount", "300000", "310000", automation.Executing)), automation.Clamp, "105000", ""},
		// 4,950,000 before today, 410,000 × 2 today, 410,000 × 8 after it.
		{"spend_cap_month", `{"amount": "9050000", "currency": "KRW"}`, nil, automation.Allow, "", "9050000"},
		{"spend_cap_month", `{"amount": "9049999", "currency": "KRW"}`, nil, automation.Clamp, "109990", ""},
		{"spend_cap_month", `{"amount": "8000000", "currency": "KRW"}`, nil, automation.Deny, "", "9050000"},
		{"spend_cap_month", `{}`, func(q *automation.Question) { q.Facts.SpentMonth = "" }, automation.Deny, "", "not known"},
		{"approval", `{"quorum": 2}`, nil, automation.Approve, "", "the approval of 2"},
		{"approval", `{"actions": ["pause_*"]}`, nil, automation.Allow, "", ""},
		{"approval", `{"above": "105000", "currency": "KRW"}`, nil, automation.Approve, "", "above 105000"},
		{"approval", `{"above": "9000", "currency": "KRW"}`, to("90000"), automation.Allow, "", ""},
		{"approval", `{"above": "110000", "currency": "KRW"}`, nil, automation.Allow, "", ""},
	} {
		p := automation.Policy{ID: "P", Kind: c.kind, ScopeKind: "global", Params: c.params, SetAt: noon.Add(-48 * hour)}
		if err := guardrails.Check(p); err != nil {
			t.Errorf("%s %s: %v", c.kind, c.params, err)
			continue
		}
		got, err := guardrails.Set{Policies: list{p}}.Judge(t.Context(), question(c.change))
		if err != nil || len(got) != 1 || got[0].Decision != c.decision || got[0].After != c.after || !strings.Contains(got[0].Sentence, c.says) || got[0].Sentence == "" {
			t.Errorf("%s %s: %+v, %v; want %s %s %q", c.kind, c.params, got, err, c.decision, c.after, c.says)
		}
	}
}

// An action that tells no facts gets through no guardrail that needs one.
func TestUnknown(t *testing.T) {
	unknown := func(q *automation.Question) { q.Facts = automation.Facts{} }
	for _, c := range []struct {
		kind, params, scope string
		change              func(*automation.Question)
		decision            automation.Decision
	}{
		{"last_one_standing", "{}", "", all(pausing, unknown), automation.Deny},
		{"blast_radius", "{}", "", unknown, automation.Deny},
		{"spend_cap_day", "{}", "", unknown, automation.Deny},
		{"spend_cap_month", "{}", "", all(enabling, unknown), automation.Deny},
		{"min_data", "{}", "", unknown, automation.Deny},
		{"learning_phase", "{}", "", unknown, automation.Deny},
		{"outage", "{}", "", all(pausing, unknown), automation.Deny},
		{"outage", "{}", "", unknown, automation.Allow}, // a raise
		{"blackout", `{"dates": ["2026-11-22"]}`, "", unknown, automation.Deny},
		{"blackout", `{"dates": ["2026-11-20"], "zone": "Asia/Seoul"}`, "", unknown, automation.Allow},
		{"kill_switch", `{"allow_pause": true}`, "", all(pausing, unknown), automation.Hold},
		{"max_change_pct", "{}", "", unknown, automation.Allow},
		{"approval", "{}", "another campaign", unknown, automation.Approve}, // nobody knows that it is another one
	} {
		p := automation.Policy{ID: "P", Kind: c.kind, ScopeKind: "global", Params: c.params, SetAt: noon}
		if c.scope != "" {
			p.ScopeKind, p.Scope = "campaign", c.scope
		}
		got, err := guardrails.Set{Policies: list{p}}.Judge(t.Context(), question(c.change))
		if err != nil || len(got) != 1 || got[0].Decision != c.decision {
			t.Errorf("%s %s: %+v, %v; want %s", c.kind, c.params, got, err, c.decision)
		}
	}
}

func TestScopes(t *testing.T) {
	for _, c := range []struct {
		kind, scope string
		in          bool
	}{
		{"global", "", true}, {"channel", "google_ads", true}, {"channel", "meta_ads", false}, {"account", "1", true}, {"account", "2", false},
		{"campaign", "7", true}, {"campaign", "8", false},
	} {
		s := guardrails.Set{Policies: list{{ID: "P", Kind: "approval", ScopeKind: c.kind, Scope: c.scope}}}
		got, err := s.Judge(t.Context(), question(nil))
		if err != nil || (len(got) == 1) != c.in {
			t.Errorf("%s %s: %+v, %v", c.kind, c.scope, got, err)
		}
		if _, any, err := s.Wants(t.Context(), "google_ads"); err != nil || any != (c.scope != "meta_ads") {
			t.Errorf("%s %s: wanted: %v, %v", c.kind, c.scope, any, err)
		}
	}
}

// Every kind can be set with nothing or with what its sample says, refuses what
// it does not know, and says something about a change of anything.
func TestSamples(t *testing.T) {
	for _, k := range guardrails.Kinds() {
		if k.Doc == "" || strings.Contains(k.Doc, "\n") || !json.Valid([]byte(k.Sample)) {
			t.Errorf("%s: %q, %s", k.Name, k.Doc, k.Sample)
		}
		for _, params := range []string{"", k.Sample} {
			p := automation.Policy{ID: "P", Kind: k.Name, ScopeKind: "global", Params: params}
			if err := guardrails.Check(p); err != nil && k.Name != "blackout" { // which has to say when
				t.Errorf("%s %q: %v", k.Name, params, err)
			}
			for _, change := range []func(*automation.Question){nil, pausing, enabling, func(q *automation.Question) { q.Facts = automation.Facts{} }} {
				got, err := guardrails.Set{Policies: list{p}}.Judge(t.Context(), question(change))
				if err != nil || len(got) != 1 || got[0].Decision == "" || got[0].Sentence == "" {
					t.Errorf("%s: %+v, %v", k.Name, got, err)
				}
			}
		}
		for _, params := range []string{`{"no_such": 1}`, `[]`, `{} {}`, `{"by": ["["]}`, `{`} {
			if err := guardrails.Check(automation.Policy{Kind: k.Name, ScopeKind: "global", Params: params}); !fault.Is(err, fault.Invalid) || fault.As(err).Hint == "" {
				t.Errorf("%s %s: %v", k.Name, params, err)
			}
		}
	}
	for _, p := range []automation.Policy{
		{Kind: "no_such", ScopeKind: "global"}, {Kind: "approval", ScopeKind: "planet", Scope: "x"}, {Kind: "approval", ScopeKind: "global", Scope: "x"}, {Kind: "approval", ScopeKind: "account"},
		{Kind: "max_value", ScopeKind: "global", Params: `{"amount": "1/2", "currency": "KRW"}`}, {Kind: "max_value", ScopeKind: "global", Params: `{"amount": "5", "currency": "wons"}`},
		{Kind: "blackout", ScopeKind: "global", Params: `{"windows": [{"from": "25:00", "to": "26:00"}]}`}, {Kind: "blackout", ScopeKind: "global", Params: `{"dates": ["2026-02-30"]}`},
		{Kind: "blackout", ScopeKind: "global", Params: `{"windows": [{"days": "someday", "from": "01:00", "to": "02:00"}]}`}, {Kind: "blackout", ScopeKind: "global", Params: `{"dates": ["2026-02-03"], "zone": "Mars"}`},
		{Kind: "kill_switch", ScopeKind: "global", Params: `{"until": "tomorrow"}`},
	} {
		if err := guardrails.Check(p); !fault.Is(err, fault.Invalid) {
			t.Errorf("%+v: %v", p, err)
		}
	}
}

// A policy that cannot be read any more denies.
func TestUnreadable(t *testing.T) {
	for _, p := range []automation.Policy{{ID: "P", Kind: "gone", ScopeKind: "global"}, {ID: "P", Kind: "approval", ScopeKind: "global", Params: "{"}, {ID: "P", Kind: "approval", ScopeKind: "planet", Scope: "x", Params: "{"}} {
		got, err := guardrails.Set{Policies: list{p}}.Judge(t.Context(), question(nil))
		if err != nil || len(got) != 1 || got[0].Decision != automation.Deny {
			t.Errorf("%+v: %+v, %v", p, got, err)
		}
	}
}

// FuzzCheck sets what anybody writes: it is refused or judges, and never panics.
func FuzzCheck(f *testing.F) {
	for _, k := range guardrails.Kinds() {
		f.Add(k.Name, k.Sample, "110000")
	}
	f.Add("blackout", `{"windows": [{"days": "sat", "from": "22:00", "to": "06:00"}], "zone": "Asia/Seoul"}`, "-1e9")
	f.Fuzz(func(t *testing.T, kind, params, after string) {
		p := automation.Policy{ID: "P", Kind: kind, ScopeKind: "global", Params: params}
		known := guardrails.Check(p) == nil
		got, err := guardrails.Set{Policies: list{p}}.Judge(t.Context(), question(to(after)))
		if err != nil || len(got) != 1 || !known && got[0].Decision != automation.Deny {
			t.Errorf("%s %s: %+v, %v", kind, params, got, err)
		}
	})
}
