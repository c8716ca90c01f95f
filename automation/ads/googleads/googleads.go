// Package googleads is the write side of Google Ads: pause_campaign,
// enable_campaign, set_budget and change_budget.
//
// A plan reads the campaign and its budget from Google Ads and gives absolute
// values; nothing is sent before Apply. Updates are absolute and carry a field
// mask, so that sending one twice does no harm. Google Ads has no idempotency
// key: an outcome that is not known is found out by ReadBack. The package knows
// no SQL, no ledger and no cache.
package googleads

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"argo/automation"
	"argo/tables"
	"argo/tables/ads/googleads"
	"argo/tables/fault"
	"argo/tables/rest"

	"github.com/cockroachdb/apd/v3"
)

// Kit is the actions of Google Ads.
var Kit = automation.Kit{Source: "google_ads", Open: open}

func open(ctx context.Context, conn *tables.Connection, env tables.Env) ([]automation.Action, error) {
	c, ok := conn.Handle.(*googleads.Client)
	if !ok {
		return nil, fault.New(fault.Internal, "connection %s is not Google Ads", env.Name)
	}
	k := kit{c}
	campaign := automation.Param{Name: "campaign_id", Type: tables.BigInt, Doc: "Campaign; every account of the connection is searched for it"}
	status := func(name, doc, word string) automation.Action {
		return automation.Action{
			Name: name, Doc: doc, Params: []automation.Param{campaign},
			Plan: func(ctx context.Context, args automation.Args) ([]automation.Change, error) {
				return k.planStatus(ctx, args, word)
			},
			Apply: k.apply, ReadBack: k.readBack, Facts: k.facts, Window: c.InFlightWindow(),
			Touches: []string{"campaigns", "change_events"},
		}
	}
	return []automation.Action{
		status("pause_campaign", "Pauses a campaign: it stops to serve within minutes", paused),
		status("enable_campaign", "Enables a paused campaign", enabled),
		{
			Name: "set_budget", Doc: "Sets the daily budget of a campaign, in the account's currency. A shared budget changes for every campaign that uses it",
			Params: []automation.Param{campaign, {Name: "amount", Type: tables.Money, Doc: "Amount a day in the account's currency, a multiple of its smallest unit"}},
			Plan:   k.planBudget, Apply: k.apply, ReadBack: k.readBack, Facts: k.facts, Window: c.InFlightWindow(),
			Touches: []string{"campaigns", "campaign_budgets", "change_events"},
		},
		{
			Name: "change_budget", Doc: "Raises or cuts the daily budget of a campaign by a percentage of what it is now, to the nearest unit of the currency. A shared budget changes for every campaign that uses it",
			Params: []automation.Param{campaign, {Name: "percent", Type: percentage, Doc: "20 raises by a fifth, -20 cuts by a fifth"}},
			Plan:   k.planPercent, Apply: k.apply, ReadBack: k.readBack, Facts: k.facts, Window: c.InFlightWindow(),
			Touches: []string{"campaigns", "campaign_budgets", "change_events"},
		},
	}, nil
}

const (
	enabled = "ENABLED"
	paused  = "PAUSED"
	removed = "REMOVED"

	fieldStatus = "status"
	fieldAmount = "amount"
)

type kit struct{ c *googleads.Client }

func (k kit) planStatus(ctx context.Context, args automation.Args, word string) ([]automation.Change, error) {
	found, err := k.find(ctx, args)
	if err != nil {
		return nil, err
	}
	return []automation.Change{{
		Account: found.Account.ID, Target: found.Resource(), Entity: entity(found), Field: fieldStatus, Before: found.Status, After: word,
	}}, nil
}

func (k kit) planBudget(ctx context.Context, args automation.Args) ([]automation.Change, error) {
	amount, err := decimalOf(args["amount"])
	if err != nil {
		return nil, err
	}
	return k.planMicros(ctx, args, func(_ int64, currency string) (int64, error) { return microsOf(amount, currency) })
}

// percentage of a budget.
var percentage = tables.Type{Kind: tables.Decimal, Precision: 9, Scale: 4}

func (k kit) planPercent(ctx context.Context, args automation.Args) ([]automation.Change, error) {
	p, ok := args["percent"].(*apd.Decimal)
	if !ok || p.Form != apd.Finite {
		return nil, fault.New(fault.Invalid, "percent: %s is not a percentage", show(args["percent"])).WithHint("CALL google_ads.change_budget(123456789, -20)")
	}
	if p.Cmp(apd.New(-100, 0)) <= 0 || p.Cmp(apd.New(10_000, 0)) > 0 {
		return nil, fault.New(fault.Invalid, "percent: %s is not above -100 and at most 10000", p.Text('f')).WithHint("CALL google_ads.pause_campaign(…) stops a campaign")
	}
	return k.planMicros(ctx, args, func(now int64, currency string) (int64, error) {
		// now × (100 + percent) / 100, to the nearest unit, halves away from zero.
		var d apd.Decimal
		unit := minimumUnit(currency)
		if _, err := exact.Add(&d, p, apd.New(100, 0)); err != nil {
			return 0, err
		}
		if _, err := exact.Mul(&d, &d, apd.New(now, 0)); err != nil {
			return 0, err
		}
		if _, err := exact.Quo(&d, &d, apd.New(100*unit, 0)); err != nil {
			return 0, err
		}
		if _, err := exact.RoundToIntegralValue(&d, &d); err != nil {
			return 0, err
		}
		n, err := d.Int64()
		if err != nil {
			return 0, fault.New(fault.Invalid, "percent: %s makes the budget too large", p.Text('f'))
		}
		return max(n, 1) * unit, nil
	})
}

// planMicros plans the budget that value gives for the one of now.
func (k kit) planMicros(ctx context.Context, args automation.Args, value func(now int64, currency string) (int64, error)) ([]automation.Change, error) {
	found, err := k.find(ctx, args)
	if err != nil {
		return nil, err
	}
	b := found.Budget
	micros := b.Micros
	if b.Micros > 0 {
		if micros, err = value(b.Micros, found.Account.Currency); err != nil {
			return nil, err
		}
	}
	switch {
	case b.ID == 0 || b.Resource == "":
		return nil, fault.New(fault.Invalid, "%s has no budget of its own", entity(found))
	case b.Period == "CUSTOM_PERIOD" || b.Micros == 0:
		return nil, fault.New(fault.Invalid, "the budget of %s is a total for its whole period, not an amount a day", entity(found)).
			WithHint("change it in Google Ads")
	}
	change := automation.Change{
		Account: found.Account.ID, Target: b.Resource, Entity: fmt.Sprintf("budget %d of %s", b.ID, entity(found)),
		Field: fieldAmount, Before: amountOf(b.Micros), After: amountOf(micros), Unit: found.Account.Currency,
	}
	if b.Shared || b.References > 1 {
		users, err := k.c.BudgetCampaigns(ctx, found.Account.ID, b.ID)
		if err != nil {
			return nil, err
		}
		change.Note = fmt.Sprintf("the budget %q is shared by %d campaigns: %s", b.Name, len(users), shortList(users))
	}
	return []automation.Change{change}, nil
}

// shortList names the first ten.
func shortList(names []string) string {
	if n := len(names); n > 10 {
		return strings.Join(names[:10], ", ") + fmt.Sprintf(" and %d more", n-10)
	}
	return strings.Join(names, ", ")
}

// find gives the campaign that args name; a removed one cannot be changed.
func (k kit) find(ctx context.Context, args automation.Args) (*googleads.Campaign, error) {
	id, err := campaignOf(args["campaign_id"])
	if err != nil {
		return nil, err
	}
	found, err := k.c.FindCampaign(ctx, id)
	if err != nil {
		return nil, err
	}
	if found.Status == removed {
		return nil, fault.New(fault.Invalid, "%s is removed and cannot be changed", entity(found))
	}
	return found, nil
}

func entity(c *googleads.Campaign) string { return fmt.Sprintf("campaign %d (%s)", c.ID, c.Name) }

func campaignOf(v any) (int64, error) {
	var id int64
	var err error
	switch v := v.(type) {
	case int64:
		id = v
	case string:
		id, err = strconv.ParseInt(strings.TrimSpace(v), 10, 64)
	case *apd.Decimal:
		id, err = v.Int64()
	default:
		err = errors.New("no number")
	}
	if err != nil || id <= 0 {
		return 0, fault.New(fault.Invalid, "campaign_id: %s is not a campaign id", show(v)).WithHint("CALL google_ads.pause_campaign(123456789)")
	}
	return id, nil
}

func show(v any) string {
	if v == nil {
		return "NULL"
	}
	return fmt.Sprintf("%.40q", fmt.Sprint(v))
}

func decimalOf(v any) (*apd.Decimal, error) {
	var d *apd.Decimal
	switch v := v.(type) {
	case int64:
		d = apd.New(v, 0)
	case *apd.Decimal:
		d = v
	case string:
		d, _, _ = apd.NewFromString(strings.TrimSpace(v))
	}
	if d == nil || d.Form != apd.Finite {
		return nil, fault.New(fault.Invalid, "amount: %s is not an amount", show(v)).WithHint("CALL google_ads.set_budget(123456789, 50000)")
	}
	if d.Sign() <= 0 {
		return nil, fault.New(fault.Invalid, "amount: %s is not above zero", d.Text('f')).WithHint("CALL google_ads.pause_campaign(…) stops a campaign")
	}
	return d, nil
}

var exact = apd.BaseContext.WithPrecision(30)

// microsOf gives the amount in micros; it has to be a multiple of the smallest
// unit of the currency, which Google Ads would refuse otherwise.
func microsOf(d *apd.Decimal, currency string) (int64, error) {
	var r apd.Decimal
	if d.NumDigits() > 25 || d.Exponent > 15 || d.Exponent < -25 {
		return 0, fault.New(fault.Invalid, "amount: %s is out of range", d.String())
	}
	unit := minimumUnit(currency)
	r.Set(d)
	r.Exponent += 6
	micros, err := r.Int64()
	if err != nil {
		if r.Reduce(&r); r.Exponent >= 0 {
			return 0, fault.New(fault.Invalid, "amount: %s is out of range", d.Text('f'))
		}
		micros = 1 // a part of a micro is no multiple of anything
	}
	if micros%unit != 0 {
		return 0, fault.New(fault.Invalid, "amount: %s is not a multiple of %s %s, the smallest unit of the currency", d.Text('f'), amountOf(unit), currency)
	}
	return micros, nil
}

// minimumUnit is the smallest amount of a currency in micros: one of its minor
// unit by ISO 4217. Where Google bills in larger steps it refuses itself.
func minimumUnit(currency string) int64 {
	switch currency {
	case "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF":
		return 1_000_000
	case "BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND":
		return 1_000
	}
	return 10_000
}

// amountOf is the canonical text of micros: "50000", "12.5".
func amountOf(micros int64) string {
	d := apd.New(micros, -6)
	d.Reduce(d)
	return d.Text('f')
}

// apply sends one change. What certainly had no effect is a Refused fault,
// unless a better word is known; everything else leaves the outcome open.
func (k kit) apply(ctx context.Context, c automation.Change) error {
	var err error
	switch c.Field {
	case fieldStatus:
		err = k.c.Mutate(ctx, c.Account, "campaigns", map[string]any{"resourceName": c.Target, "status": c.After}, "status")
	case fieldAmount:
		d, err := decimalOf(c.After)
		if err != nil {
			return err
		}
		micros, err := microsOf(d, c.Unit)
		if err != nil {
			return err
		}
		return definite(k.c.Mutate(ctx, c.Account, "campaignBudgets",
			map[string]any{"resourceName": c.Target, "amountMicros": strconv.FormatInt(micros, 10)}, "amountMicros"))
	default:
		return fault.New(fault.Invalid, "Google Ads has no field %q to change", c.Field)
	}
	return definite(err)
}

func definite(err error) error {
	if err == nil {
		return nil
	}
	f := fault.As(err)
	switch fault.KindOf(err) {
	case fault.Refused, fault.Invalid, fault.Denied, fault.Auth:
		return f
	}
	if f != nil && errors.Is(err, rest.ErrNotApplied) {
		g := *f
		g.Kind, g.Message = fault.Refused, "nothing was changed: "+f.Message
		return &g
	}
	return err
}

// readBack reads the present value in the form of Before and After.
func (k kit) readBack(ctx context.Context, c automation.Change) (string, error) {
	_, last, _ := strings.Cut(strings.TrimPrefix(c.Target, "customers/"), "/")
	_, last, _ = strings.Cut(last, "/")
	id, err := strconv.ParseInt(last, 10, 64)
	if err != nil {
		return "", fault.New(fault.Internal, "%q does not name a campaign or a budget", c.Target)
	}
	missing := fault.New(fault.NotFound, "%s is not there any more (account %s)", c.Entity, c.Account)
	if c.Field == fieldAmount {
		b, err := k.c.Budget(ctx, c.Account, id)
		if err != nil {
			return "", err
		}
		if b == nil {
			return "", missing
		}
		return amountOf(b.Micros), nil
	}
	found, err := k.c.Campaign(ctx, tables.Account{ID: c.Account}, id)
	if err != nil {
		return "", err
	}
	if found == nil {
		return "", missing
	}
	return found.Status, nil
}
