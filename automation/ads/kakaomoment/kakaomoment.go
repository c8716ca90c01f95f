// Package kakaomoment is the write side of Kakao Moment: campaigns, ad groups and
// creatives on and off, daily budgets of campaigns and ad groups, bids of ad
// groups.
//
// A plan reads the object from Kakao Moment and gives absolute values; nothing is
// sent before Apply. Kakao sets values and has no idempotency key: sending one
// twice does no harm, and an outcome that is not known is found out by ReadBack.
//
// Amounts (developers.kakao.com/docs, kakaomoment): a campaign takes 50,000 to
// 1,000,000,000 won a day, an ad group 10,000 to 500,000,000, both in steps of
// 10; a bid at most 100,000. A campaign may have no daily budget of its own
// ("none"). The package knows no SQL, no ledger and no cache.
package kakaomoment

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"argo/automation"
	"argo/tables"
	"argo/tables/ads/kakaomoment"
	"argo/tables/fault"
	"argo/tables/rest"

	"github.com/cockroachdb/apd/v3"
)

// Kit is the actions of Kakao Moment.
var Kit = automation.Kit{Source: "kakao_moment", Open: open}

// level of the tree: what it is called in SQL, in the API, and to a person.
type level struct{ param, kind, word, table string }

var (
	campaign = level{"campaign_id", "campaigns", "campaign", "campaigns"}
	adGroup  = level{"ad_group_id", "adGroups", "ad group", "ad_groups"}
	creative = level{"creative_id", "creatives", "creative", "creatives"}
)

// value is a number that can be set.
type value struct {
	field     string // of Change
	verb      string // of the path, and the name in the body
	low, high int64
	step      int64
}

var (
	campaignBudget = value{"daily_budget_amount", "dailyBudgetAmount", 50_000, 1_000_000_000, 10}
	groupBudget    = value{"daily_budget_amount", "dailyBudgetAmount", 10_000, 500_000_000, 10}
	bid            = value{"bid_amount", "bidAmount", 1, 100_000, 1}
)

func open(_ context.Context, conn *tables.Connection, env tables.Env) ([]automation.Action, error) {
	c, ok := conn.Handle.(*kakaomoment.Client)
	if !ok {
		return nil, fault.New(fault.Internal, "connection %s is not Kakao Moment", env.Name)
	}
	k := kit{c}
	action := func(name, doc string, l level, plan func(context.Context, automation.Args) ([]automation.Change, error), more ...automation.Param) automation.Action {
		return automation.Action{Name: name, Doc: doc, Plan: plan, Apply: k.apply, ReadBack: k.readBack, Facts: k.facts, Window: c.InFlightWindow(), Touches: []string{l.table},
			Params: append([]automation.Param{{Name: l.param, Type: tables.BigInt, Doc: "The " + l.word + "; every ad account of the connection is searched for it"}}, more...)}
	}
	var out []automation.Action
	for _, l := range []level{campaign, adGroup, creative} {
		name := strings.ReplaceAll(l.word, " ", "_")
		out = append(out,
			action("pause_"+name, "Switches a "+l.word+" off", l, k.onOff(l, "OFF")),
			action("enable_"+name, "Switches a "+l.word+" on", l, k.onOff(l, "ON")))
	}
	amount := func(doc string) automation.Param {
		return automation.Param{Name: "amount", Type: tables.Money, Doc: doc}
	}
	return append(out,
		action("set_budget", "Sets the daily budget of a campaign, in won", campaign, k.set(campaign, campaignBudget), amount("Won a day: 50,000 to 1,000,000,000 in steps of 10")),
		action("set_ad_group_budget", "Sets the daily budget of an ad group, in won", adGroup, k.set(adGroup, groupBudget), amount("Won a day: 10,000 to 500,000,000 in steps of 10")),
		action("set_bid", "Sets the highest bid of an ad group, in won", adGroup, k.set(adGroup, bid), amount("Won: at most 100,000")),
	), nil
}

const (
	fieldStatus = "status"
	deleted     = "DEL"
	none        = "none" // no daily budget of its own
)

type kit struct{ c *kakaomoment.Client }

func (k kit) onOff(l level, word string) func(context.Context, automation.Args) ([]automation.Change, error) {
	return func(ctx context.Context, args automation.Args) ([]automation.Change, error) {
		o, err := k.find(ctx, l, args)
		if err != nil {
			return nil, err
		}
		c := change(l, o, fieldStatus, o.Config, word)
		if o.SystemConfig != "" && o.SystemConfig != "ON" {
			c.Note = "Kakao itself has stopped it (" + o.SystemConfig + "): it does not run, whatever is set"
		}
		return []automation.Change{c}, nil
	}
}

func change(l level, o *kakaomoment.Object, field, before, after string) automation.Change {
	return automation.Change{Account: o.Account, Target: l.kind + "/" + o.ID, Entity: entity(l, o), Field: field, Before: before, After: after}
}

func entity(l level, o *kakaomoment.Object) string {
	return fmt.Sprintf("%s %s (%s)", l.word, o.ID, o.Name)
}

func (k kit) set(l level, v value) func(context.Context, automation.Args) ([]automation.Change, error) {
	return func(ctx context.Context, args automation.Args) ([]automation.Change, error) {
		n, err := v.amount(l, args["amount"])
		if err != nil {
			return nil, err
		}
		o, err := k.find(ctx, l, args)
		if err != nil {
			return nil, err
		}
		if v == bid && (o.Bid == "" || strings.HasPrefix(o.BidStrategy, "AUTO")) {
			return nil, fault.New(fault.Invalid, "%s has no bid of its own: Kakao bids (%s)", entity(l, o), cmp.Or(o.BidStrategy, "no bid_strategy")).
				WithHint("change the bidding strategy at moment.kakao.com")
		}
		c := change(l, o, v.field, v.of(o), strconv.FormatInt(n, 10))
		c.Unit = "KRW"
		return []automation.Change{c}, nil
	}
}

// of is the present value.
func (v value) of(o *kakaomoment.Object) string {
	if v.field == bid.field {
		return cmp.Or(o.Bid, none)
	}
	return cmp.Or(o.DailyBudget, none)
}

// amount checks a number of won.
func (v value) amount(l level, arg any) (int64, error) {
	what := map[string]string{"daily_budget_amount": "daily budget", "bid_amount": "bid"}[v.field] + " of " + article(l.word)
	var d *apd.Decimal
	switch x := arg.(type) {
	case int64:
		d = apd.New(x, 0)
	case *apd.Decimal:
		d = new(apd.Decimal).Set(x)
	case string:
		d, _, _ = apd.NewFromString(strings.TrimSpace(x))
	}
	if d == nil || d.Form != apd.Finite || d.Exponent > 15 || d.Exponent < -25 {
		return 0, fault.New(fault.Invalid, "amount: %s is not an amount", show(arg)).WithHint("write whole won: 100000")
	}
	if d.Exponent < 0 {
		d.Reduce(d)
	}
	n, err := d.Int64()
	switch {
	case err != nil:
		return 0, fault.New(fault.Invalid, "amount: %s is not a number of whole won", d.Text('f'))
	case n < v.low:
		return 0, fault.New(fault.Invalid, "amount: the %s is at least %d won, not %d", what, v.low, n)
	case n > v.high:
		return 0, fault.New(fault.Invalid, "amount: the %s is at most %d won, not %d", what, v.high, n)
	case n%v.step != 0:
		return 0, fault.New(fault.Invalid, "amount: the %s goes in steps of %d won: %d or %d, not %d", what, v.step, n-n%v.step, n-n%v.step+v.step, n)
	}
	return n, nil
}

func article(word string) string {
	if strings.HasPrefix(word, "a") {
		return "an " + word
	}
	return "a " + word
}

// find gives the object that args name; a deleted one cannot be changed.
func (k kit) find(ctx context.Context, l level, args automation.Args) (*kakaomoment.Object, error) {
	v := args[l.param]
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
		return nil, fault.New(fault.Invalid, "%s: %s is not the id of %s", l.param, show(v), article(l.word)).WithHint("SELECT id, name FROM kakao_moment.%s", l.table)
	}
	o, err := k.c.Find(ctx, l.kind, strconv.FormatInt(id, 10))
	if err != nil {
		return nil, err
	}
	if o.Config == deleted {
		return nil, fault.New(fault.Invalid, "%s is deleted and cannot be changed", entity(l, o))
	}
	return o, nil
}

func show(v any) string {
	if v == nil {
		return "NULL"
	}
	return fmt.Sprintf("%.40q", fmt.Sprint(v))
}

// target takes a change's target apart.
func target(c automation.Change) (kind, id string, n int64, err error) {
	kind, id, _ = strings.Cut(c.Target, "/")
	if n, err = strconv.ParseInt(id, 10, 64); err != nil {
		err = fault.New(fault.Internal, "%q names nothing of Kakao Moment", c.Target)
	}
	return kind, id, n, err
}

// apply sends one change. What certainly had no effect is a Refused fault,
// unless a better word is known; everything else leaves the outcome open.
func (k kit) apply(ctx context.Context, c automation.Change) error {
	kind, _, id, err := target(c)
	if err != nil {
		return err
	}
	switch c.Field {
	case fieldStatus:
		return definite(k.c.Change(ctx, c.Account, kind, "onOff", map[string]any{"id": id, "config": c.After}))
	case campaignBudget.field, bid.field:
		verb := campaignBudget.verb
		if c.Field == bid.field {
			verb = bid.verb
		}
		n, err := strconv.ParseInt(c.After, 10, 64)
		if err != nil {
			return fault.New(fault.Invalid, "%q is not a number of won", c.After)
		}
		return definite(k.c.Change(ctx, c.Account, kind, verb, map[string]any{"id": id, verb: n}))
	}
	return fault.New(fault.Invalid, "Kakao Moment has no field %q to change", c.Field)
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
	kind, id, _, err := target(c)
	if err != nil {
		return "", err
	}
	o, err := k.c.Get(ctx, c.Account, kind, id)
	switch {
	case err != nil:
		return "", err
	case c.Field == fieldStatus:
		return o.Config, nil
	case c.Field == bid.field:
		return bid.of(o), nil
	}
	return campaignBudget.of(o), nil
}

// facts gives what guardrails may know of changes without a report: whose they
// are, which campaign they touch, steps and minima. What has been spent, what
// runs beside it and what it brought is not read: a guardrail that needs it
// says so.
func (k kit) facts(ctx context.Context, changes []automation.Change, _ automation.Wants) ([]automation.Facts, error) {
	out := make([]automation.Facts, len(changes))
	for i, c := range changes {
		kind, id, _, err := target(c)
		if err != nil {
			return nil, err
		}
		f := automation.Facts{Currency: "KRW", Zone: "Asia/Seoul", On: "ON", Kind: map[string]string{"campaigns": "campaign", "adGroups": "ad_group", "creatives": "ad"}[kind]}
		v := map[string]value{"campaigns": campaignBudget, "adGroups": groupBudget}[kind]
		switch c.Field {
		case fieldStatus:
			f.Turns = map[string]string{"ON": "on", "OFF": "off"}[c.After]
		case bid.field:
			v = bid
			fallthrough
		default:
			f.Step, f.Minimum = strconv.FormatInt(v.step, 10), strconv.FormatInt(v.low, 10)
		}
		o, err := k.c.Get(ctx, c.Account, kind, id)
		if err == nil && kind == creative.kind && o.Parent != "" {
			o, err = k.c.Get(ctx, c.Account, adGroup.kind, o.Parent)
		}
		if err != nil {
			return nil, err
		}
		switch {
		case kind == campaign.kind:
			f.Campaigns = []string{id}
		case o.Parent != "":
			f.Campaigns = []string{o.Parent}
		}
		if kind == campaign.kind && c.Field == fieldStatus && o.DailyBudget != "" {
			f.Budget, f.BudgetValue = c.Target, o.DailyBudget
		}
		out[i] = f
	}
	return out, nil
}
