// Package naversearchad is the write side of Naver Search Ad: campaigns, ad groups,
// keywords and ads are paused and enabled (userLock), daily budgets of campaigns and
// the shared budgets behind them are set, and bids of ad groups and keywords.
//
// A plan reads the entity from Naver and gives absolute values; nothing is sent
// before Apply. A PUT names in fields= what it changes and repeats what belongs
// together: useDailyBudget with dailyBudget, without which the cap would be gone,
// and useGroupBidAmt with bidAmt. A PUT that was accepted may have changed nothing:
// ReadBack tells. Naver has no idempotency key; sending a value twice does no harm.
// The package knows no SQL, no ledger and no cache.
package naversearchad

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"argo/automation"
	"argo/tables"
	"argo/tables/ads/naversearchad"
	"argo/tables/fault"
	"argo/tables/rest"

	"github.com/cockroachdb/apd/v3"
)

// Kit is the actions of Naver Search Ad.
var Kit = automation.Kit{Source: "naver_searchad", Open: open}

// Fields, in the words of the tables, and words that stand for no amount.
const (
	fieldLock   = "user_lock"
	fieldBudget = "daily_budget"
	fieldBid    = "bid_amt"

	locked, unlocked = "true", "false"
	noCap            = "none"  // the daily budget is not used
	ofGroup          = "group" // the ad group's bid holds
)

// Limits of amounts in won, as documented.
const (
	step      = 10
	least     = 70
	mostBid   = 100_000
	mostSpend = 1_000_000_000
)

// level is a kind of entity that actions name.
type level struct {
	kind         naversearchad.Kind
	prefix, name string // of ids; in names of actions
	id           string // member
	touches      []string
}

var levels = []level{
	{naversearchad.Campaigns, "cmp-", "campaign", "nccCampaignId", []string{"campaigns", "ad_groups", "keywords", "ads", "master_campaign"}},
	{naversearchad.AdGroups, "grp-", "ad_group", "nccAdgroupId", []string{"ad_groups", "keywords", "ads", "master_adgroup"}},
	{naversearchad.Keywords, "nkw-", "keyword", "nccKeywordId", []string{"keywords", "master_keyword"}},
	{naversearchad.Ads, "nad-", "ad", "nccAdId", []string{"ads", "master_ad", "master_shopping_product"}},
}

func open(_ context.Context, conn *tables.Connection, env tables.Env) ([]automation.Action, error) {
	c, ok := conn.Handle.(*naversearchad.Client)
	if !ok {
		return nil, fault.New(fault.Internal, "connection %s is not Naver Search Ad", env.Name)
	}
	k := kit{c}
	var out []automation.Action
	add := func(a automation.Action) {
		a.Apply, a.ReadBack, a.Facts, a.Window = k.apply, k.readBack, k.facts, c.InFlightWindow()
		out = append(out, a)
	}
	for _, l := range levels {
		param := automation.Param{Name: l.name + "_id", Type: tables.Ident, Doc: fmt.Sprintf("%s…; every account of the connection is searched for it", l.prefix)}
		what := strings.ReplaceAll(l.name, "_", " ")
		if strings.HasPrefix(what, "a") {
			what = "an " + what
		} else {
			what = "a " + what
		}
		for _, v := range []struct{ verb, doc, lock string }{{"pause", "Pauses %s", locked}, {"enable", "Enables %s that is paused", unlocked}} {
			add(automation.Action{Name: v.verb + "_" + l.name, Doc: fmt.Sprintf(v.doc, what), Params: []automation.Param{param}, Touches: l.touches,
				Plan: func(ctx context.Context, args automation.Args) ([]automation.Change, error) {
					return k.planLock(ctx, l, args[param.Name], v.lock)
				}})
		}
	}
	amount := automation.Param{Name: "amount", Type: tables.Money, Doc: "Amount in won, without VAT, in steps of 10, 70 at least"}
	add(automation.Action{
		Name: "set_budget", Doc: "Sets the daily budget of a campaign. A shared budget changes for every campaign that spends it",
		Params: []automation.Param{{Name: "campaign_id", Type: tables.Ident, Doc: "cmp-…; every account of the connection is searched for it"}, amount},
		Plan:   k.planBudget, Touches: []string{"campaigns", "shared_budgets", "master_campaign_budget"},
	})
	add(automation.Action{
		Name: "set_bid", Doc: "Sets the bid for a click of an ad group, or of a keyword, which then no longer takes its ad group's",
		Params: []automation.Param{{Name: "id", Type: tables.Ident, Doc: "Ad group (grp-…) or keyword (nkw-…); every account of the connection is searched for it"}, amount},
		Plan:   k.planBid, Touches: []string{"ad_groups", "keywords", "master_adgroup", "master_keyword"},
	})
	return out, nil
}

type kit struct{ c *naversearchad.Client }

// idOf reads an id, which says by its prefix what it is of.
func idOf(v any, want ...level) (string, level, error) {
	s, _ := v.(string)
	s = strings.TrimSpace(s)
	var prefixes []string
	for _, l := range want {
		if strings.HasPrefix(s, l.prefix) && len(s) <= 64 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == "" {
			return s, l, nil
		}
		prefixes = append(prefixes, strings.ReplaceAll(l.name, "_", " ")+" ("+l.prefix+"…)")
	}
	return "", level{}, fault.New(fault.Invalid, "%s is not the id of a %s", show(v), strings.Join(prefixes, " or a ")).
		WithHint("CALL naver_searchad.pause_campaign('cmp-a001-01-000000000000001')")
}

func show(v any) string {
	if v == nil {
		return "NULL"
	}
	return fmt.Sprintf("%.60q", fmt.Sprint(v))
}

// find gives the entity that v names; a deleted one cannot be changed.
func (k kit) find(ctx context.Context, v any, want ...level) (tables.Account, naversearchad.Entity, level, error) {
	id, l, err := idOf(v, want...)
	if err != nil {
		return tables.Account{}, nil, l, err
	}
	a, e, err := k.c.Find(ctx, l.kind, id)
	if f := fault.As(err); fault.Is(err, fault.NotFound) && f.Hint == "" {
		f.WithHint("SELECT * FROM %s.%ss", k.c.Name(), l.name)
	}
	if err == nil && e.Text("status") == "DELETED" {
		err = fault.New(fault.Invalid, "%s is deleted and cannot be changed", entity(l, e))
	}
	return a, e, l, err
}

func entity(l level, e naversearchad.Entity) string {
	name := e.Text("name")
	if l.kind == naversearchad.Keywords {
		name = e.Text("keyword")
	}
	out := strings.ReplaceAll(l.name, "_", " ") + " " + e.Text(l.id)
	if name != "" {
		out += " (" + name + ")"
	}
	return out
}

func target(kind naversearchad.Kind, id string) string { return string(kind) + "/" + id }

func lock(e naversearchad.Entity) string {
	if e.Flag("userLock") {
		return locked
	}
	return unlocked
}

func (k kit) planLock(ctx context.Context, l level, v any, after string) ([]automation.Change, error) {
	a, e, _, err := k.find(ctx, v, l)
	if err != nil {
		return nil, err
	}
	return []automation.Change{{Account: a.ID, Target: target(l.kind, e.Text(l.id)), Entity: entity(l, e), Field: fieldLock, Before: lock(e), After: after}}, nil
}

func budget(e naversearchad.Entity) string {
	if !e.Flag("useDailyBudget") {
		return noCap
	}
	return e.Text("dailyBudget")
}

func (k kit) planBudget(ctx context.Context, args automation.Args) ([]automation.Change, error) {
	amount, err := amountOf(args["amount"], mostSpend)
	if err != nil {
		return nil, err
	}
	a, e, l, err := k.find(ctx, args["campaign_id"], levels[0])
	if err != nil {
		return nil, err
	}
	shared := e.Text("sharedBudgetId")
	if shared == "" {
		return []automation.Change{{Account: a.ID, Target: target(l.kind, e.Text(l.id)), Entity: entity(l, e), Field: fieldBudget, Before: budget(e), After: amount, Unit: a.Currency}}, nil
	}
	b, err := k.c.Entity(ctx, a.ID, naversearchad.SharedBudgets, shared)
	if err != nil {
		return nil, err
	}
	if b == nil {
		return nil, fault.New(fault.NotFound, "the shared budget %s of %s is not there any more", shared, entity(l, e))
	}
	return []automation.Change{{Account: a.ID, Target: target(naversearchad.SharedBudgets, shared), Entity: fmt.Sprintf("shared budget %s (%s) of %s", shared, b.Text("name"), entity(l, e)),
		Field: fieldBudget, Before: b.Text("dailyBudget"), After: amount, Unit: a.Currency, Note: fmt.Sprintf("the budget %q is shared: %s spend it", b.Text("name"), b.Text("numberInUse"))}}, nil
}

func bid(kind naversearchad.Kind, e naversearchad.Entity) string {
	if kind == naversearchad.Keywords && e.Flag("useGroupBidAmt") {
		return ofGroup
	}
	return e.Text("bidAmt")
}

func (k kit) planBid(ctx context.Context, args automation.Args) ([]automation.Change, error) {
	amount, err := amountOf(args["amount"], mostBid)
	if err != nil {
		return nil, err
	}
	a, e, l, err := k.find(ctx, args["id"], levels[1], levels[2])
	if err != nil {
		return nil, err
	}
	change := automation.Change{Account: a.ID, Target: target(l.kind, e.Text(l.id)), Entity: entity(l, e), Field: fieldBid, Before: bid(l.kind, e), After: amount, Unit: a.Currency}
	if change.Before == ofGroup {
		change.Note = "the keyword took the bid of its ad group until now"
	}
	return []automation.Change{change}, nil
}

// amountOf gives the canonical text of an amount in won that Naver takes.
func amountOf(v any, most int64) (string, error) {
	var d *apd.Decimal
	switch v := v.(type) {
	case int64:
		d = apd.New(v, 0)
	case *apd.Decimal:
		d = v
	case string:
		d, _, _ = apd.NewFromString(strings.TrimSpace(v))
	}
	if d == nil || d.Form != apd.Finite || d.NumDigits() > 30 || d.Exponent > 12 || d.Exponent < -12 {
		return "", fault.New(fault.Invalid, "amount: %s is not an amount", show(v)).WithHint("CALL naver_searchad.set_budget('cmp-a001-01-000000000000001', 50000)")
	}
	r := new(apd.Decimal)
	r.Reduce(d)
	n, err := r.Int64()
	switch {
	case err != nil || n%step != 0:
		return "", fault.New(fault.Invalid, "amount: %s is not in steps of %d won", d.Text('f'), step).WithHint("Naver takes multiples of %d", step)
	case n < least:
		return "", fault.New(fault.Invalid, "amount: %s is below %d won, the least that Naver takes", d.Text('f'), least).WithHint("CALL naver_searchad.pause_campaign(…) stops a campaign, pause_keyword(…) a keyword")
	case n > most:
		return "", fault.New(fault.Invalid, "amount: %s is above %d won, the most that Naver takes here", d.Text('f'), most)
	}
	return r.Text('f'), nil
}

// levelOf finds what a target names.
func levelOf(t string) (level, string, error) {
	kind, id, ok := strings.Cut(t, "/")
	if kind == string(naversearchad.SharedBudgets) && ok {
		return level{kind: naversearchad.SharedBudgets, name: "shared_budget", id: "sharedBudgetId"}, id, nil
	}
	for _, l := range levels {
		if kind == string(l.kind) && ok && strings.HasPrefix(id, l.prefix) {
			return l, id, nil
		}
	}
	return level{}, "", fault.New(fault.Internal, "%q names nothing at Naver", t)
}

// apply sends one change. What certainly had no effect is a Refused fault, unless a
// better word is known; everything else leaves the outcome open.
func (k kit) apply(ctx context.Context, c automation.Change) error {
	l, id, err := levelOf(c.Target)
	if err != nil {
		return err
	}
	body := map[string]any{l.id: id, "customerId": whole(c.Account)}
	if l.kind == naversearchad.AdGroups || l.kind == naversearchad.Keywords || l.kind == naversearchad.Ads {
		e, err := k.c.Entity(ctx, c.Account, l.kind, id) // its parents are part of the body
		if err != nil {
			return definite(fmt.Errorf("%w: %w", rest.ErrNotApplied, err))
		}
		if e == nil {
			return fault.New(fault.Refused, "nothing was changed: %s is not there any more", c.Entity)
		}
		for _, parent := range []string{"nccCampaignId", "nccAdgroupId"} {
			if v := e.Text(parent); v != "" {
				body[parent] = v
			}
		}
	}
	fields := ""
	switch c.Field {
	case fieldLock:
		fields, body["userLock"] = "userLock", c.After == locked
	case fieldBudget:
		fields = "budget"
		if l.kind == naversearchad.Campaigns {
			body["useDailyBudget"] = c.After != noCap
		}
		if body["dailyBudget"] = 0; c.After != noCap {
			n, err := amountOf(c.After, mostSpend)
			if err != nil {
				return err
			}
			body["dailyBudget"] = whole(n)
		}
	case fieldBid:
		fields = "bidAmt"
		if l.kind == naversearchad.Keywords {
			body["useGroupBidAmt"] = c.After == ofGroup
		}
		if body["bidAmt"] = least; c.After != ofGroup {
			n, err := amountOf(c.After, mostBid)
			if err != nil {
				return err
			}
			body["bidAmt"] = whole(n)
		}
	default:
		return fault.New(fault.Invalid, "Naver Search Ad has no field %q to change", c.Field)
	}
	return definite(k.c.Put(ctx, c.Account, l.kind, id, fields, body))
}

// whole is a number of digits; a customer id that is none stays as it is.
func whole(s string) any {
	d, _, err := apd.NewFromString(s)
	if err != nil {
		return s
	}
	n, err := d.Int64()
	if err != nil {
		return s
	}
	return n
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
	l, id, err := levelOf(c.Target)
	if err != nil {
		return "", err
	}
	e, err := k.c.Entity(ctx, c.Account, l.kind, id)
	if err != nil {
		return "", err
	}
	if e == nil {
		return "", fault.New(fault.NotFound, "%s is not there any more (account %s)", c.Entity, c.Account)
	}
	switch {
	case c.Field == fieldLock:
		return lock(e), nil
	case c.Field == fieldBid:
		return bid(l.kind, e), nil
	case l.kind == naversearchad.SharedBudgets:
		return e.Text("dailyBudget"), nil
	}
	return budget(e), nil
}
