package metaads

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"time"

	"argo/automation"
	"argo/tables"
	"argo/tables/ads/metaads"
	"argo/tables/fault"

	"github.com/cockroachdb/apd/v3"
)

// overDelivery is how much of a daily budget Meta may spend on one day: 75 % more
// (Meta Business Help, About daily budgets; UNCONFIRMED).
const overDelivery = "1.75"

// facts reads what guardrails want to know of changes: for each account what runs
// and what was spent, for each change its object, results and learning.
func (k kit) facts(ctx context.Context, changes []automation.Change, wants automation.Wants) ([]automation.Facts, error) {
	known := map[string]*accountFacts{}
	out := make([]automation.Facts, len(changes))
	for i, c := range changes {
		a, ok := known[c.Account]
		if !ok {
			var err error
			if a, err = k.accountFacts(ctx, c.Account, wants); err != nil {
				return nil, err
			}
			known[c.Account] = a
		}
		f, err := k.factsOf(ctx, a, c, wants)
		if err != nil {
			return nil, err
		}
		out[i] = f
	}
	return out, nil
}

// accountFacts are those that the changes of an account share.
type accountFacts struct {
	tables.Account
	running                []running
	today                  tables.Day
	spentToday, spentMonth *apd.Decimal
}

// running is a campaign or an ad set that is delivered.
type running struct {
	target, parent string // parent is the id of an ad set's campaign
	daily          int64  // minor units; 0: its budget is elsewhere, -1: not known
}

func field(r metaads.Record, name string) string {
	switch v := r[name].(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}

func (k kit) accountFacts(ctx context.Context, id string, wants automation.Wants) (*accountFacts, error) {
	list, err := k.c.Accounts(ctx)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(list, func(a tables.Account) bool { return a.ID == id })
	if i < 0 {
		return nil, fault.New(fault.NotFound, "the ad account %s is not there any more", id)
	}
	a := &accountFacts{Account: list[i], spentToday: new(apd.Decimal), spentMonth: new(apd.Decimal)}
	a.today = tables.DayOf(k.c.Now().In(a.Location()))
	if wants.Siblings || wants.Spend {
		for _, edge := range []struct {
			path   string
			kind   metaads.Kind
			fields string
		}{{"campaigns", metaads.Campaign, "id,daily_budget,lifetime_budget"}, {"adsets", metaads.AdSet, "id,campaign_id,daily_budget,lifetime_budget"}} {
			params := url.Values{"fields": {edge.fields}, "effective_status": {`["ACTIVE"]`}}
			for r, err := range k.c.List(ctx, id, "act_"+id+"/"+edge.path, params) {
				if err != nil {
					return nil, err
				}
				x := running{target: string(edge.kind) + " " + field(r, "id"), parent: field(r, "campaign_id")}
				x.daily, _ = strconv.ParseInt(field(r, "daily_budget"), 10, 64)
				// A budget for the whole time has no amount a day: what it can spend in one
				// is not known.
				if n, _ := strconv.ParseInt(field(r, "lifetime_budget"), 10, 64); n > 0 {
					x.daily = -1
				}
				a.running = append(a.running, x)
			}
		}
	}
	if wants.Spend {
		params := url.Values{"level": {"account"}, "fields": {"spend"}, "time_increment": {"1"},
			"time_range": {fmt.Sprintf(`{"since":"%s01","until":%q}`, a.today[:8], a.today)}}
		for r, err := range k.c.List(ctx, id, "act_"+id+"/insights", params) {
			if err != nil {
				return nil, err
			}
			sums := []*apd.Decimal{a.spentMonth}
			if field(r, "date_start") == string(a.today) {
				sums = append(sums, a.spentToday)
			}
			if err := add(field(r, "spend"), sums...); err != nil {
				return nil, fault.New(fault.Broken, "Meta ad account %s: its spend cannot be read", id)
			}
		}
	}
	return a, nil
}

var exact = apd.BaseContext.WithPrecision(30)

// add adds a number that travels as text; "" is nothing.
func add(text string, sums ...*apd.Decimal) error {
	if text == "" {
		return nil
	}
	d, _, err := apd.NewFromString(text)
	if err != nil || d.Form != apd.Finite {
		return fmt.Errorf("not a number")
	}
	for _, s := range sums {
		if _, err := exact.Add(s, s, d); err != nil {
			return err
		}
	}
	return nil
}

func plain(d *apd.Decimal) string {
	r := new(apd.Decimal).Set(d)
	r.Reduce(r)
	return r.Text('f')
}

func (k kit) factsOf(ctx context.Context, a *accountFacts, c automation.Change, wants automation.Wants) (automation.Facts, error) {
	f := automation.Facts{Currency: a.Currency, Zone: a.Zone, Over: overDelivery, On: active, Step: amountOf(1, a.Currency)}
	kind, id, err := parse(c)
	if err != nil {
		return f, err
	}
	f.Kind = map[metaads.Kind]string{metaads.Campaign: "campaign", metaads.AdSet: "ad_group", metaads.Ad: "ad"}[kind]
	o, err := k.c.Find(ctx, kind, id)
	if err != nil {
		return f, err
	}
	set := o // whose budget may be its own, and which learns
	if kind == metaads.Ad {
		if set, err = k.c.Find(ctx, metaads.AdSet, o.Parent); err != nil {
			return f, err
		}
	}
	campaign := set.ID
	if set.Kind == metaads.AdSet {
		campaign = set.Parent
	}
	f.Campaigns = []string{campaign}
	switch c.Field {
	case fieldStatus:
		f.Turns = map[string]string{paused: "off", active: "on"}[c.After]
		if err := k.spends(ctx, a, set, &f); err != nil {
			return f, err
		}
	case fieldBudget:
		f.Minimum = amountOf(o.MinDaily, a.Currency)
	}
	if wants.Siblings || wants.Spend {
		f.Siblings, f.Budgets = []string{}, map[string]string{}
		for _, r := range a.running {
			isSet := r.parent != ""
			if kind == metaads.Campaign && !isSet || kind == metaads.AdSet && r.parent == campaign {
				f.Siblings = append(f.Siblings, r.target)
			}
			switch {
			case r.daily > 0:
				f.Budgets[r.target] = amountOf(r.daily, a.Currency)
			case r.daily < 0:
				f.Budgets[r.target] = ""
			}
		}
		if kind == metaads.Ad {
			for r, err := range k.c.List(ctx, a.ID, set.ID+"/ads", url.Values{"fields": {"id"}, "effective_status": {`["ACTIVE"]`}}) {
				if err != nil {
					return f, err
				}
				f.Siblings = append(f.Siblings, string(metaads.Ad)+" "+field(r, "id"))
			}
		}
		_, f.Spends = f.Budgets[c.Target]
	}
	if wants.Spend {
		f.SpentToday, f.SpentMonth = plain(a.spentToday), plain(a.spentMonth)
		t := a.today.Time()
		f.DaysLeft = time.Date(t.Year(), t.Month()+1, 0, 0, 0, 0, 0, time.UTC).Day() - t.Day() + 1
	}
	if wants.Results {
		err = k.results(ctx, a, campaign, &f)
	}
	if wants.Learning && err == nil {
		err = k.learning(ctx, a, campaign, set, &f)
	}
	return f, err
}

// spends names the budget that a change of status turns on or off: the object's
// own, its campaign's, or for a campaign without one those of its ad sets together.
func (k kit) spends(ctx context.Context, a *accountFacts, o *metaads.Object, f *automation.Facts) error {
	say := func(x *metaads.Object) {
		if f.Budget = target(x); x.Lifetime == 0 { // what a lifetime budget spends in a day is not known
			f.BudgetValue = amountOf(x.Daily, a.Currency)
		}
	}
	switch {
	case o.Daily > 0 || o.Lifetime > 0:
		say(o)
		return nil
	case o.Campaign != nil:
		say(o.Campaign)
		return nil
	case o.Kind != metaads.Campaign:
		return nil
	}
	sum, whole := int64(0), true
	params := url.Values{"fields": {"id,status,daily_budget"}, "effective_status": {`["ACTIVE","CAMPAIGN_PAUSED","IN_PROCESS","WITH_ISSUES"]`}}
	for r, err := range k.c.List(ctx, a.ID, o.ID+"/adsets", params) {
		if err != nil {
			return err
		}
		if field(r, "status") != active {
			continue
		}
		n, err := strconv.ParseInt(field(r, "daily_budget"), 10, 64)
		whole = whole && err == nil
		sum += n
	}
	if f.Budget = target(o); whole {
		f.BudgetValue = amountOf(sum, a.Currency)
	}
	return nil
}

// results are the campaign's of the last 30 days before today: purchases by the
// default attribution, and what was spent.
func (k kit) results(ctx context.Context, a *accountFacts, campaign string, f *automation.Facts) error {
	conversions, spend := new(apd.Decimal), new(apd.Decimal)
	params := url.Values{"fields": {"spend,actions"}, "action_report_time": {"impression"},
		"time_range": {fmt.Sprintf(`{"since":%q,"until":%q}`, a.today.Add(-30), a.today.Add(-1))}}
	for r, err := range k.c.List(ctx, a.ID, campaign+"/insights", params) {
		if err != nil {
			return err
		}
		bad := add(field(r, "spend"), spend)
		list, _ := r["actions"].([]any)
		value := map[string]string{}
		for _, item := range list {
			if x, ok := item.(map[string]any); ok {
				value[field(x, "action_type")] = field(x, "value")
			}
		}
		for _, name := range []string{"omni_purchase", "purchase"} {
			if v, ok := value[name]; ok && bad == nil {
				bad = add(v, conversions)
				break
			}
		}
		if bad != nil {
			return fault.New(fault.Broken, "Meta ad account %s: the results of campaign %s cannot be read", a.ID, campaign)
		}
	}
	f.Conversions, f.Spend30 = plain(conversions), plain(spend)
	return nil
}

// learning says whether an ad set that the change is about learns, and when one was
// edited significantly.
func (k kit) learning(ctx context.Context, a *accountFacts, campaign string, o *metaads.Object, f *automation.Facts) error {
	f.Edits = true
	for r, err := range k.c.List(ctx, a.ID, campaign+"/adsets", url.Values{"fields": {"id,learning_stage_info"}}) {
		if err != nil {
			return err
		}
		if o.Kind == metaads.AdSet && field(r, "id") != o.ID {
			continue
		}
		info, _ := r["learning_stage_info"].(map[string]any)
		f.Learning = f.Learning || field(info, "status") == "LEARNING"
		if n, err := strconv.ParseInt(field(info, "last_sig_edit_ts"), 10, 64); err == nil && n > 0 {
			if at := time.Unix(n, 0); at.After(f.EditedAt) {
				f.EditedAt = at
			}
		}
	}
	return nil
}
