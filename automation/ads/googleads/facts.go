package googleads

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"argo/automation"
	"argo/tables"
	"argo/tables/ads/googleads"
	"argo/tables/fault"

	"github.com/cockroachdb/apd/v3"
)

// overDelivery is how much of a daily budget Google may spend on one day
// (support.google.com/google-ads/answer/2375423: "up to 2 times").
const overDelivery = "2"

// facts reads what guardrails want to know of changes: one query an account for
// what runs, one for what was spent, one a change for its results and edits.
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
	running    []campaign // that are enabled
	today      tables.Day
	spentToday int64 // micros
	spentMonth int64
	read       automation.Wants
}

type campaign struct {
	resource, budget string
	id               int64
	micros           int64
}

func (k kit) accountFacts(ctx context.Context, id string, wants automation.Wants) (*accountFacts, error) {
	list, err := k.c.Accounts(ctx)
	if err != nil {
		return nil, err
	}
	a := &accountFacts{read: wants}
	for _, x := range list {
		if x.ID == id {
			a.Account = x
		}
	}
	if a.ID == "" {
		return nil, fault.New(fault.NotFound, "the account %s is not there any more", id)
	}
	a.today = tables.DayOf(k.c.Now().In(a.Location()))
	if wants.Siblings || wants.Spend {
		q := "SELECT campaign.resource_name, campaign.id, campaign.status, campaign_budget.resource_name, campaign_budget.period, campaign_budget.amount_micros FROM campaign WHERE campaign.status = 'ENABLED'"
		for r, err := range k.c.Query(ctx, id, q) {
			if err != nil {
				return nil, err
			}
			n, err := whole(r, "campaign", "id")
			if err != nil {
				return nil, err
			}
			// A budget for a whole period has no amount a day: what it can spend in
			// one is not known.
			micros, err := whole(r, "campaignBudget", "amountMicros")
			if err != nil || word(r, "campaignBudget", "period") == "CUSTOM_PERIOD" {
				micros = -1
			}
			a.running = append(a.running, campaign{word(r, "campaign", "resourceName"), word(r, "campaignBudget", "resourceName"), n, micros})
		}
	}
	if wants.Spend {
		first := tables.Day(a.today[:8] + "01")
		q := fmt.Sprintf("SELECT segments.date, metrics.cost_micros FROM customer WHERE segments.date BETWEEN '%s' AND '%s'", first, a.today)
		for r, err := range k.c.Query(ctx, id, q) {
			if err != nil {
				return nil, err
			}
			n, err := whole(r, "metrics", "costMicros")
			if err != nil {
				return nil, err
			}
			if a.spentMonth += n; word(r, "segments", "date") == string(a.today) {
				a.spentToday += n
			}
		}
	}
	return a, nil
}

func (k kit) factsOf(ctx context.Context, a *accountFacts, c automation.Change, wants automation.Wants) (automation.Facts, error) {
	f := automation.Facts{Currency: a.Currency, Zone: a.Zone, Kind: "campaign", Over: overDelivery, On: enabled, Step: amountOf(minimumUnit(a.Currency))}
	var ids []int64 // of the campaigns that it touches
	id, err := strconv.ParseInt(c.Target[strings.LastIndexByte(c.Target, '/')+1:], 10, 64)
	if err != nil {
		return f, fault.New(fault.Internal, "%q does not name a campaign or a budget", c.Target)
	}
	if c.Field == fieldStatus {
		ids = []int64{id}
		f.Turns = map[string]string{paused: "off", enabled: "on"}[c.After]
		found, err := k.c.Campaign(ctx, a.Account, id)
		if err != nil {
			return f, err
		}
		if found != nil && found.Budget.Resource != "" && found.Budget.Micros > 0 {
			f.Budget, f.BudgetValue = found.Budget.Resource, amountOf(found.Budget.Micros)
		}
	} else {
		f.Kind = "budget"
		q := fmt.Sprintf("SELECT campaign.id FROM campaign WHERE campaign_budget.id = %d AND campaign.status != 'REMOVED'", id)
		for r, err := range k.c.Query(ctx, a.ID, q) {
			if err != nil {
				return f, err
			}
			n, err := whole(r, "campaign", "id")
			if err != nil {
				return f, err
			}
			ids = append(ids, n)
		}
	}
	for _, id := range ids {
		f.Campaigns = append(f.Campaigns, strconv.FormatInt(id, 10))
	}
	if wants.Siblings || wants.Spend {
		f.Siblings, f.Budgets = []string{}, map[string]string{}
		for _, r := range a.running {
			f.Siblings = append(f.Siblings, r.resource)
			if f.Budgets[r.budget] = ""; r.micros >= 0 {
				f.Budgets[r.budget] = amountOf(r.micros)
			}
		}
		_, f.Spends = f.Budgets[c.Target]
	}
	if wants.Spend {
		f.SpentToday, f.SpentMonth = amountOf(a.spentToday), amountOf(a.spentMonth)
		t := a.today.Time()
		f.DaysLeft = time.Date(t.Year(), t.Month()+1, 0, 0, 0, 0, 0, time.UTC).Day() - t.Day() + 1
	}
	if wants.Results {
		err = k.results(ctx, a, ids, &f)
	}
	if wants.Learning && err == nil {
		err = k.edited(ctx, a, ids, c.Target, &f)
	}
	return f, err
}

// results are of the last 30 days before today: conversions that came until
// now, and the lowest target of the campaigns.
func (k kit) results(ctx context.Context, a *accountFacts, ids []int64, f *automation.Facts) error {
	conversions, cost, target := apd.New(0, 0), int64(0), int64(0)
	for _, id := range ids {
		q := fmt.Sprintf("SELECT campaign.id, campaign.maximize_conversions.target_cpa_micros, metrics.conversions, metrics.cost_micros FROM campaign WHERE campaign.id = %d AND segments.date BETWEEN '%s' AND '%s'",
			id, a.today.Add(-30), a.today.Add(-1))
		for r, err := range k.c.Query(ctx, a.ID, q) {
			if err != nil {
				return err
			}
			n, err := whole(r, "metrics", "costMicros")
			if err != nil {
				return err
			}
			cost += n
			d, _, err := apd.NewFromString(word(r, "metrics", "conversions"))
			if err != nil {
				return fault.New(fault.Broken, "Google Ads account %s: conversions of campaign %d cannot be read", a.ID, id)
			}
			if _, err := exact.Add(conversions, conversions, d); err != nil {
				return err
			}
			if o, ok := r["campaign"].(map[string]any); ok {
				m, _ := o["maximizeConversions"].(map[string]any)
				if n, err := strconv.ParseInt(fmt.Sprint(m["targetCpaMicros"]), 10, 64); err == nil && n > 0 && (target == 0 || n < target) {
					target = n
				}
			}
		}
	}
	f.Conversions, f.Spend30 = conversions.Text('f'), amountOf(cost)
	if target > 0 {
		f.TargetCPA = amountOf(target)
	}
	return nil
}

// edited is the last change of the campaigns or their budget by anybody that
// makes bidding learn anew: of a budget, a target or a strategy. Google does not
// give its learning state to a query of its own; what it gives is the change.
func (k kit) edited(ctx context.Context, a *accountFacts, ids []int64, target string, f *automation.Facts) error {
	f.Edits = true
	mine := map[string]bool{target: true}
	for _, id := range ids {
		mine[fmt.Sprintf("customers/%s/campaigns/%d", a.ID, id)] = true
	}
	if f.Budget != "" {
		mine[f.Budget] = true
	}
	q := fmt.Sprintf("SELECT change_event.change_date_time, change_event.change_resource_name, change_event.changed_fields FROM change_event WHERE change_event.change_date_time BETWEEN '%s' AND '%s 23:59:59' ORDER BY change_event.change_date_time DESC LIMIT 10000",
		a.today.Add(-7), a.today)
	for r, err := range k.c.Query(ctx, a.ID, q) {
		if err != nil {
			return err
		}
		if !mine[word(r, "changeEvent", "changeResourceName")] || !significant(word(r, "changeEvent", "changedFields")) {
			continue
		}
		at, err := time.ParseInLocation("2006-01-02 15:04:05", word(r, "changeEvent", "changeDateTime")[:19], a.Location())
		if err == nil && at.After(f.EditedAt) {
			f.EditedAt = at
		}
	}
	return nil
}

// significant says that one of the changed fields makes bidding learn anew.
func significant(mask string) bool {
	for _, name := range []string{"amount_micros", "amountMicros", "target", "bidding", "maximize", "campaign_budget", "campaignBudget"} {
		if strings.Contains(mask, name) {
			return true
		}
	}
	return false
}

func word(r googleads.Record, object, field string) string {
	o, _ := r[object].(map[string]any)
	switch v := o[field].(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}

// whole reads a number; one that is left out is 0, as Google leaves out zeros.
func whole(r googleads.Record, object, field string) (int64, error) {
	s := word(r, object, field)
	if s == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0, fault.New(fault.Broken, "Google Ads: %s.%s is %q, not a whole number", object, field, s)
	}
	return n, nil
}
