package appleads

import (
	"context"
	"strconv"

	"argo/automation"
	"argo/tables"
	"argo/tables/ads/appleads"
	"argo/tables/fault"

	"github.com/cockroachdb/apd/v3"
)

// facts says of changes what guardrails want to know: the account, the kind, the
// campaign, what a status does, the step of an amount; and with
// Wants.Siblings the campaigns that run and their budgets. Of spend, results and
// learning nothing is known here: a guardrail that needs them denies. How far
// Apple may exceed a daily budget on one day is not among the pages read.
func (k kit) facts(ctx context.Context, changes []automation.Change, wants automation.Wants) ([]automation.Facts, error) {
	accounts, err := k.c.Accounts(ctx)
	if err != nil {
		return nil, err
	}
	running := map[string][]*appleads.Object{}
	out := make([]automation.Facts, len(changes))
	for i, c := range changes {
		o, err := appleads.ParseTarget(tables.Account{ID: c.Account}, c.Target)
		if err != nil {
			return nil, err
		}
		for _, a := range accounts {
			if a.ID == c.Account {
				o.Account = a
			}
		}
		if o.Account.Currency == "" {
			return nil, fault.New(fault.NotFound, "the account %s is not there any more", c.Account)
		}
		f := automation.Facts{Currency: o.Account.Currency, Zone: o.Account.Zone, On: enabled, Step: apd.New(1, -digits(o.Account.Currency)).Text('f')}
		f.Kind = map[appleads.Kind]string{appleads.Campaigns: "campaign", appleads.AdGroups: "ad_group", appleads.Keywords: "keyword", appleads.Ads: "ad"}[o.Kind]
		campaign := o.Campaign
		if o.Kind == appleads.Campaigns {
			campaign = o.ID
		}
		f.Campaigns = []string{strconv.FormatInt(campaign, 10)}
		switch c.Field {
		case fieldStatus:
			f.Turns = map[string]string{paused: "off", enabled: "on"}[c.After]
		case fieldAmount:
			f.Kind = "budget"
		}
		if wants.Siblings {
			if _, ok := running[c.Account]; !ok {
				if running[c.Account], err = k.c.Running(ctx, o.Account); err != nil {
					return nil, err
				}
			}
		}
		if wants.Siblings {
			f.Budgets = map[string]string{}
			for _, x := range running[c.Account] {
				if f.Kind == "campaign" {
					f.Siblings = append(f.Siblings, x.Target())
				}
				if x.Budget != "" {
					f.Budgets[x.Target()] = canonical(x.Budget)
				}
				f.Spends = f.Spends || c.Field == fieldAmount && x.Target() == c.Target
			}
		}
		if o.Kind == appleads.Campaigns && c.Field == fieldStatus {
			now, err := k.c.Read(ctx, o)
			if err != nil {
				return nil, err
			}
			if now != nil && now.Budget != "" {
				f.Budget, f.BudgetValue = now.Target(), canonical(now.Budget)
			}
		}
		out[i] = f
	}
	return out, nil
}
