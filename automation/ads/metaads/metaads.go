// Package metaads is the write side of Meta: campaigns, ad sets and ads are paused
// and enabled, daily budgets are set where they live (in the campaign or in the ad
// set), and bids of ad sets.
//
// A plan reads the object from Meta and gives absolute values; nothing is sent
// before Apply. Updates are absolute, so that sending one twice does no harm. Meta
// has no idempotency key: an outcome that is not known is found out by ReadBack.
// The package knows no SQL, no ledger and no cache.
package metaads

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"argo/automation"
	"argo/tables"
	"argo/tables/ads/metaads"
	"argo/tables/fault"
	"argo/tables/rest"

	"github.com/cockroachdb/apd/v3"
)

// Kit is the actions of Meta.
var Kit = automation.Kit{Source: "meta_ads", Open: open}

const (
	active   = "ACTIVE"
	paused   = "PAUSED"
	archived = "ARCHIVED"
	deleted  = "DELETED"

	fieldStatus = "status"
	fieldBudget = "daily_budget"
	fieldBid    = "bid_amount"
)

func open(_ context.Context, conn *tables.Connection, env tables.Env) ([]automation.Action, error) {
	c, ok := conn.Handle.(*metaads.Client)
	if !ok {
		return nil, fault.New(fault.Internal, "connection %s is not Meta", env.Name)
	}
	k := kit{c}
	objects := []struct {
		kind    metaads.Kind
		name    string // in the names of actions and parameters
		touches []string
	}{
		{metaads.Campaign, "campaign", []string{"campaigns", "ad_sets", "ads", "activities"}},
		{metaads.AdSet, "ad_set", []string{"ad_sets", "ads", "activities"}},
		{metaads.Ad, "ad", []string{"ads", "activities"}},
	}
	var out []automation.Action
	add := func(a automation.Action) {
		a.Apply, a.ReadBack, a.Facts, a.Window = k.apply, k.readBack, k.facts, c.InFlightWindow()
		out = append(out, a)
	}
	for _, o := range objects {
		param := automation.Param{Name: o.name + "_id", Type: tables.Ident, Doc: strings.ToUpper(o.name[:1]) + strings.ReplaceAll(o.name[1:], "_", " ") + ", in any ad account of the connection"}
		for _, s := range []struct{ verb, doc, word string }{
			{"pause", "Pauses a %s: it stops to be delivered within minutes", paused},
			{"enable", "Makes a %s active that is paused", active},
		} {
			add(automation.Action{Name: s.verb + "_" + o.name, Doc: fmt.Sprintf(s.doc, o.kind), Params: []automation.Param{param}, Touches: o.touches,
				Plan: func(ctx context.Context, args automation.Args) ([]automation.Change, error) {
					return k.planStatus(ctx, o.kind, args[param.Name], param.Name, s.word)
				}})
		}
	}
	amount := automation.Param{Name: "amount", Type: tables.Money, Doc: "Amount a day in the account's currency, a multiple of its smallest unit"}
	add(automation.Action{
		Name: "set_budget", Doc: "Sets the daily budget of a campaign that has one of its own (Advantage campaign budget); where its ad sets have it, set_ad_set_budget does",
		Params: []automation.Param{{Name: "campaign_id", Type: tables.Ident, Doc: "Campaign, in any ad account of the connection"}, amount}, Touches: objects[0].touches,
		Plan: func(ctx context.Context, args automation.Args) ([]automation.Change, error) {
			return k.planBudget(ctx, metaads.Campaign, args["campaign_id"], "campaign_id", args["amount"])
		},
	})
	set := automation.Param{Name: "ad_set_id", Type: tables.Ident, Doc: "Ad set, in any ad account of the connection"}
	add(automation.Action{
		Name: "set_ad_set_budget", Doc: "Sets the daily budget of an ad set whose campaign has none. Meta takes four changes an hour",
		Params: []automation.Param{set, amount}, Touches: objects[1].touches,
		Plan: func(ctx context.Context, args automation.Args) ([]automation.Change, error) {
			return k.planBudget(ctx, metaads.AdSet, args["ad_set_id"], "ad_set_id", args["amount"])
		},
	})
	bid := amount
	bid.Doc = "Bid, or target cost where that is the bid strategy, in the account's currency, a multiple of its smallest unit"
	add(automation.Action{
		Name: "set_bid", Doc: "Sets the bid of an ad set whose bid strategy takes one", Params: []automation.Param{set, bid}, Touches: objects[1].touches, Plan: k.planBid,
	})
	return out, nil
}

type kit struct{ c *metaads.Client }

// find gives the object that an argument names; an archived or deleted one cannot
// be changed.
func (k kit) find(ctx context.Context, kind metaads.Kind, v any, name string) (*metaads.Object, error) {
	id, err := idOf(v, name)
	if err != nil {
		return nil, err
	}
	o, err := k.c.Find(ctx, kind, id)
	if err != nil {
		return nil, err
	}
	if o.Status == deleted || o.Status == archived {
		return nil, fault.New(fault.Invalid, "%s is %s and cannot be changed", entity(o), strings.ToLower(o.Status))
	}
	return o, nil
}

func entity(o *metaads.Object) string { return fmt.Sprintf("%s %s (%s)", o.Kind, o.ID, o.Name) }

// target names an object for Apply and ReadBack: "ad set 1202".
func target(o *metaads.Object) string { return string(o.Kind) + " " + o.ID }

func (k kit) planStatus(ctx context.Context, kind metaads.Kind, v any, name, word string) ([]automation.Change, error) {
	o, err := k.find(ctx, kind, v, name)
	if err != nil {
		return nil, err
	}
	return []automation.Change{{Account: o.Account.ID, Target: target(o), Entity: entity(o), Field: fieldStatus, Before: o.Status, After: word}}, nil
}

func (k kit) planBudget(ctx context.Context, kind metaads.Kind, v any, name string, amount any) ([]automation.Change, error) {
	d, err := decimalOf(amount)
	if err != nil {
		return nil, err
	}
	o, err := k.find(ctx, kind, v, name)
	if err != nil {
		return nil, err
	}
	minor, err := minorOf(d, o.Account.Currency)
	if err != nil {
		return nil, err
	}
	parent := o.Campaign
	switch {
	case o.Lifetime > 0:
		return nil, fault.New(fault.Invalid, "the budget of %s is for its whole time, not an amount a day", entity(o)).WithHint("change it in Ads Manager")
	case o.Daily == 0 && kind == metaads.Campaign:
		return nil, fault.New(fault.Invalid, "%s has no budget of its own: its ad sets have it", entity(o)).
			WithHint("SELECT id, name, daily_budget FROM meta_ads.ad_sets WHERE campaign_id = '%s'; then CALL meta_ads.set_ad_set_budget(…)", o.ID)
	case o.Daily == 0 && parent != nil && (parent.Daily > 0 || parent.Lifetime > 0):
		return nil, fault.New(fault.Invalid, "%s has no budget of its own: %s has it", entity(o), entity(parent)).
			WithHint("CALL meta_ads.set_budget('%s', …)", parent.ID)
	case o.Daily == 0:
		return nil, fault.New(fault.Invalid, "%s has no budget of its own", entity(o))
	case minor < o.MinDaily:
		return nil, fault.New(fault.Invalid, "amount: %s is below %s %s, the least daily budget of the ad account", d.Text('f'), amountOf(o.MinDaily, o.Account.Currency), o.Account.Currency)
	}
	return []automation.Change{{Account: o.Account.ID, Target: target(o), Entity: entity(o), Field: fieldBudget,
		Before: amountOf(o.Daily, o.Account.Currency), After: amountOf(minor, o.Account.Currency), Unit: o.Account.Currency}}, nil
}

func (k kit) planBid(ctx context.Context, args automation.Args) ([]automation.Change, error) {
	d, err := decimalOf(args["amount"])
	if err != nil {
		return nil, err
	}
	o, err := k.find(ctx, metaads.AdSet, args["ad_set_id"], "ad_set_id")
	if err != nil {
		return nil, err
	}
	minor, err := minorOf(d, o.Account.Currency)
	if err != nil {
		return nil, err
	}
	if o.Bid == 0 {
		return nil, fault.New(fault.Invalid, "%s has no bid: its bid strategy is %s", entity(o), strategy(o)).
			WithHint("choose a bid strategy with a cap in Ads Manager first")
	}
	change := automation.Change{Account: o.Account.ID, Target: target(o), Entity: entity(o), Field: fieldBid,
		Before: amountOf(o.Bid, o.Account.Currency), After: amountOf(minor, o.Account.Currency), Unit: o.Account.Currency}
	if strategy(o) == "COST_CAP" {
		change.Note = "the bid strategy is COST_CAP: the amount is the average cost of a result that is aimed at"
	}
	return []automation.Change{change}, nil
}

func strategy(o *metaads.Object) string {
	switch {
	case o.BidStrategy != "":
		return o.BidStrategy
	case o.Campaign != nil && o.Campaign.BidStrategy != "":
		return o.Campaign.BidStrategy
	}
	return "LOWEST_COST_WITHOUT_CAP"
}

func idOf(v any, name string) (string, error) {
	id := ""
	switch v := v.(type) {
	case int64:
		id = strconv.FormatInt(v, 10)
	case string:
		id = strings.TrimSpace(v)
	case *apd.Decimal:
		if v.Form == apd.Finite && v.Exponent > -20 && v.Exponent < 20 {
			id = v.Text('f')
		}
	}
	if len(id) > 20 || id == "" || id == "0" || strings.Trim(id, "0123456789") != "" {
		return "", fault.New(fault.Invalid, "%s: %s is not an id of Meta", name, show(v)).WithHint("CALL meta_ads.pause_campaign('120210000000000001')")
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
		return nil, fault.New(fault.Invalid, "amount: %s is not an amount", show(v)).WithHint("CALL meta_ads.set_budget('120210000000000001', 50000)")
	}
	if d.Sign() <= 0 {
		return nil, fault.New(fault.Invalid, "amount: %s is not above zero", d.Text('f')).WithHint("CALL meta_ads.pause_campaign(…) stops a campaign")
	}
	return d, nil
}

// most is the largest amount in minor units that is sent.
const most = 1_000_000_000_000

// minorOf gives the amount in minor units; it has to be a multiple of one.
func minorOf(d *apd.Decimal, currency string) (int64, error) {
	far := fault.New(fault.Invalid, "amount: %s is out of range", d.String())
	if d.NumDigits() > 25 || d.Exponent > 15 || d.Exponent < -25 {
		return 0, far
	}
	var r apd.Decimal
	r.Set(d)
	if metaads.Offset(currency) == 100 {
		r.Exponent += 2
	}
	r.Reduce(&r)
	if r.Exponent < 0 {
		return 0, fault.New(fault.Invalid, "amount: %s is not a multiple of %s %s, the smallest unit of the currency", d.Text('f'), amountOf(1, currency), currency)
	}
	n, err := r.Int64()
	if err != nil || n > most {
		return 0, far
	}
	return n, nil
}

// amountOf is the canonical text of minor units: "50000", "12.5".
func amountOf(minor int64, currency string) string {
	d := apd.New(minor, 0)
	if metaads.Offset(currency) == 100 {
		d.Exponent = -2
	}
	d.Reduce(d)
	return d.Text('f')
}

// apply sends one change. What certainly had no effect is a Refused fault, unless
// a better word is known; everything else leaves the outcome open.
func (k kit) apply(ctx context.Context, c automation.Change) error {
	_, id, err := parse(c)
	if err != nil {
		return err
	}
	value := c.After
	switch c.Field {
	case fieldStatus:
	case fieldBudget, fieldBid:
		d, err := decimalOf(c.After)
		if err != nil {
			return err
		}
		n, err := minorOf(d, c.Unit)
		if err != nil {
			return err
		}
		value = strconv.FormatInt(n, 10)
	default:
		return fault.New(fault.Invalid, "Meta has no field %q to change", c.Field)
	}
	return definite(k.c.Update(ctx, c.Account, id, url.Values{c.Field: {value}}))
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

func parse(c automation.Change) (metaads.Kind, string, error) {
	for _, kind := range []metaads.Kind{metaads.Campaign, metaads.AdSet, metaads.Ad} {
		if id, ok := strings.CutPrefix(c.Target, string(kind)+" "); ok && strings.Trim(id, "0123456789") == "" {
			return kind, id, nil
		}
	}
	return "", "", fault.New(fault.Internal, "%q names no object of Meta", c.Target)
}

// readBack reads the present value in the form of Before and After.
func (k kit) readBack(ctx context.Context, c automation.Change) (string, error) {
	kind, id, err := parse(c)
	if err != nil {
		return "", err
	}
	o, err := k.c.Find(ctx, kind, id)
	if err != nil {
		return "", err
	}
	switch c.Field {
	case fieldBudget:
		return amountOf(o.Daily, o.Account.Currency), nil
	case fieldBid:
		return amountOf(o.Bid, o.Account.Currency), nil
	}
	return o.Status, nil
}
