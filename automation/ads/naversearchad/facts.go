package naversearchad

import (
	"context"
	"time"

	"argo/automation"
	"argo/tables"
	"argo/tables/ads/naversearchad"

	"github.com/cockroachdb/apd/v3"
)

var seoul = time.FixedZone("KST", 9*60*60)

// facts reads what guardrails want to know of changes: the campaigns of an account
// once, what they spent this month once, and each entity that is changed. Learning,
// labels and results are not read: a guardrail that needs them says so.
func (k kit) facts(ctx context.Context, changes []automation.Change, wants automation.Wants) ([]automation.Facts, error) {
	type account struct {
		campaigns    []naversearchad.Entity
		today, month *apd.Decimal
	}
	known := map[string]*account{}
	today := tables.DayOf(k.c.Now().In(seoul))
	out := make([]automation.Facts, len(changes))
	for i, c := range changes {
		a := known[c.Account]
		if a == nil {
			a = &account{}
			known[c.Account] = a
			var err error
			if a.campaigns, err = k.c.List(ctx, c.Account, naversearchad.Campaigns, ""); err != nil {
				return nil, err
			}
			if wants.Spend {
				a.today, a.month = new(apd.Decimal), new(apd.Decimal)
				spent, err := k.c.Spent(ctx, c.Account, tables.Days{From: today[:8] + "01", To: today})
				if err != nil {
					return nil, err
				}
				for day, d := range spent {
					if _, err := apd.BaseContext.WithPrecision(38).Add(a.month, a.month, d); err != nil {
						return nil, err
					}
					if day == today {
						a.today = d
					}
				}
			}
		}
		f := automation.Facts{Currency: "KRW", Zone: "Asia/Seoul", On: unlocked, Step: "10", Minimum: "70"}
		l, id, err := levelOf(c.Target)
		if err != nil {
			return nil, err
		}
		f.Kind = l.name
		if c.Field == fieldLock {
			f.Turns = map[string]string{locked: "off", unlocked: "on"}[c.After]
		}
		if c.Field == fieldBudget {
			f.Kind = "budget"
		}
		parent := ""
		switch l.kind {
		case naversearchad.Campaigns:
			f.Campaigns = []string{id}
		case naversearchad.SharedBudgets:
			for _, x := range a.campaigns {
				if x.Text("sharedBudgetId") == id {
					f.Campaigns = append(f.Campaigns, x.Text("nccCampaignId"))
				}
			}
		default:
			e, err := k.c.Entity(ctx, c.Account, l.kind, id)
			if err != nil {
				return nil, err
			}
			group := e.Text("nccAdgroupId")
			if parent = group; l.kind == naversearchad.AdGroups {
				parent = e.Text("nccCampaignId")
			}
			campaign := e.Text("nccCampaignId")
			if campaign == "" && group != "" { // an ad does not say it
				g, err := k.c.Entity(ctx, c.Account, naversearchad.AdGroups, group)
				if err != nil {
					return nil, err
				}
				campaign = g.Text("nccCampaignId")
			}
			if campaign != "" {
				f.Campaigns = []string{campaign}
			}
		}
		if wants.Siblings || wants.Spend {
			f.Siblings, f.Budgets = []string{}, map[string]string{}
			for _, x := range a.campaigns {
				own, value := target(naversearchad.Campaigns, x.Text("nccCampaignId")), budget(x)
				if shared := x.Text("sharedBudgetId"); shared != "" {
					own, value = target(naversearchad.SharedBudgets, shared), x.Text("sharedDailyBudget")
				}
				if value == noCap {
					value = ""
				}
				if x.Text("nccCampaignId") == id && c.Field == fieldLock {
					f.Budget, f.BudgetValue = own, value
				}
				if x.Flag("userLock") {
					continue
				}
				f.Budgets[own] = value
				if parent == "" {
					f.Siblings = append(f.Siblings, target(naversearchad.Campaigns, x.Text("nccCampaignId")))
				}
			}
			if parent != "" {
				beside, err := k.c.List(ctx, c.Account, l.kind, parent)
				if err != nil {
					return nil, err
				}
				for _, x := range beside {
					if !x.Flag("userLock") {
						f.Siblings = append(f.Siblings, target(l.kind, x.Text(l.id)))
					}
				}
			}
			_, f.Spends = f.Budgets[c.Target]
		}
		if wants.Spend {
			f.SpentToday, f.SpentMonth = a.today.Text('f'), a.month.Text('f')
			t := today.Time()
			f.DaysLeft = time.Date(t.Year(), t.Month()+1, 0, 0, 0, 0, 0, time.UTC).Day() - t.Day() + 1
		}
		out[i] = f
	}
	return out, nil
}
