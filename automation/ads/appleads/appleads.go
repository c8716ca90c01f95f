// Package appleads is the write side of Apple Ads: pause and enable campaigns,
// ad groups, keywords and ads, set_budget of a campaign, set_bid of an ad group
// and set_keyword_bid.
//
// A plan reads the object from Apple Ads and gives absolute values; nothing is
// sent before Apply. An update names the changed field alone, so that sending
// one twice does no harm. Apple has no idempotency key and no dry run: an
// outcome that is not known is found out by ReadBack. Apple publishes no
// smallest budget or bid; amounts are multiples of the currency's smallest unit
// and have two decimals at most. The package knows no SQL, no ledger and no cache.
package appleads

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"argo/automation"
	"argo/tables"
	"argo/tables/ads/appleads"
	"argo/tables/fault"
	"argo/tables/rest"

	"github.com/cockroachdb/apd/v3"
)

// Kit is the actions of Apple Ads.
var Kit = automation.Kit{Source: "apple_ads", Open: open}

const (
	enabled = "ENABLED"
	paused  = "PAUSED"

	fieldStatus = "status"
	fieldAmount = "amount" // the daily budget
	fieldBid    = "bid"
)

// words of the kinds: the object, its parameter, its table.
var words = map[appleads.Kind]struct{ name, param, table string }{
	appleads.Campaigns: {"campaign", "campaign_id", "campaigns"},
	appleads.AdGroups:  {"ad group", "ad_group_id", "ad_groups"},
	appleads.Keywords:  {"keyword", "keyword_id", "keywords"},
	appleads.Ads:       {"ad", "ad_id", "ads"},
}

func open(ctx context.Context, conn *tables.Connection, env tables.Env) ([]automation.Action, error) {
	c, ok := conn.Handle.(*appleads.Client)
	if !ok {
		return nil, fault.New(fault.Internal, "connection %s is not Apple Ads", env.Name)
	}
	k := kit{c}
	action := func(name, doc string, kind appleads.Kind, plan func(context.Context, appleads.Kind, automation.Args) (automation.Change, error), more ...automation.Param) automation.Action {
		w := words[kind]
		return automation.Action{
			Name: name, Doc: doc,
			Params: append([]automation.Param{{Name: w.param, Type: tables.BigInt, Doc: strings.ToUpper(w.name[:1]) + w.name[1:] + "; every account of the connection is searched for it"}}, more...),
			Plan: func(ctx context.Context, args automation.Args) ([]automation.Change, error) {
				x, err := plan(ctx, kind, args)
				if err != nil {
					return nil, err
				}
				return []automation.Change{x}, nil
			},
			Apply: k.apply, ReadBack: k.readBack, Facts: k.facts, Window: c.InFlightWindow(), Touches: []string{w.table},
		}
	}
	status := func(word string) func(context.Context, appleads.Kind, automation.Args) (automation.Change, error) {
		return func(ctx context.Context, kind appleads.Kind, args automation.Args) (automation.Change, error) {
			return k.planStatus(ctx, kind, args, word)
		}
	}
	amount := automation.Param{Name: "amount", Type: tables.Money, Doc: "Amount in the account's currency, a multiple of its smallest unit"}
	return []automation.Action{
		action("pause_campaign", "Pauses a campaign", appleads.Campaigns, status(paused)),
		action("enable_campaign", "Enables a paused campaign", appleads.Campaigns, status(enabled)),
		action("set_budget", "Sets the daily budget of a campaign, in the account's currency", appleads.Campaigns, k.planBudget, amount),
		action("pause_ad_group", "Pauses an ad group", appleads.AdGroups, status(paused)),
		action("enable_ad_group", "Enables a paused ad group", appleads.AdGroups, status(enabled)),
		action("set_bid", "Sets the default bid of an ad group, in the account's currency; not where Apple bids (MAX_CONVERSIONS)", appleads.AdGroups, k.planBid, amount),
		action("pause_keyword", "Pauses a targeting keyword", appleads.Keywords, status(paused)),
		action("enable_keyword", "Enables a paused targeting keyword", appleads.Keywords, status(enabled)),
		action("set_keyword_bid", "Sets the bid of a targeting keyword, in the account's currency; not where Apple bids (MAX_CONVERSIONS)", appleads.Keywords, k.planBid, amount),
		action("pause_ad", "Pauses an ad", appleads.Ads, status(paused)),
		action("enable_ad", "Enables a paused ad", appleads.Ads, status(enabled)),
	}, nil
}

type kit struct{ c *appleads.Client }

// find gives the object that args name; a deleted one cannot be changed.
func (k kit) find(ctx context.Context, kind appleads.Kind, args automation.Args) (*appleads.Object, error) {
	w := words[kind]
	id, err := idOf(args[w.param])
	if err != nil {
		return nil, fault.New(fault.Invalid, "%s: %s is not the id of a %s", w.param, show(args[w.param]), w.name).WithHint("CALL apple_ads.pause_%s(123456789)", strings.TrimSuffix(w.param, "_id"))
	}
	found, err := k.c.Find(ctx, kind, id)
	if err != nil {
		return nil, err
	}
	if found.Deleted {
		return nil, fault.New(fault.Invalid, "%s is deleted and cannot be changed", entity(found))
	}
	return found, nil
}

func entity(o *appleads.Object) string {
	return fmt.Sprintf("%s %d (%s)", words[o.Kind].name, o.ID, o.Name)
}

func change(o *appleads.Object, field, before, after, unit string) automation.Change {
	return automation.Change{Account: o.Account.ID, Target: o.Target(), Entity: entity(o), Field: field, Before: before, After: after, Unit: unit}
}

func (k kit) planStatus(ctx context.Context, kind appleads.Kind, args automation.Args, word string) (automation.Change, error) {
	found, err := k.find(ctx, kind, args)
	if err != nil {
		return automation.Change{}, err
	}
	return change(found, fieldStatus, found.Status, word, ""), nil
}

func (k kit) planBudget(ctx context.Context, kind appleads.Kind, args automation.Args) (automation.Change, error) {
	amount, found, err := k.amount(ctx, kind, args)
	if err != nil {
		return automation.Change{}, err
	}
	switch {
	case found.Shared:
		return automation.Change{}, fault.New(fault.Invalid, "%s spends a shared budget and has none of its own", entity(found)).WithHint("change the shared budget in Apple Ads")
	case found.Budget == "":
		return automation.Change{}, fault.New(fault.Invalid, "%s has no daily budget", entity(found)).WithHint("change its budget in Apple Ads")
	}
	return change(found, fieldAmount, canonical(found.Budget), amount, found.Account.Currency), nil
}

func (k kit) planBid(ctx context.Context, kind appleads.Kind, args automation.Args) (automation.Change, error) {
	amount, found, err := k.amount(ctx, kind, args)
	if err != nil {
		return automation.Change{}, err
	}
	// Apple's own page: in campaigns that maximize conversions bids cannot be set.
	campaign, err := k.c.Read(ctx, &appleads.Object{Account: found.Account, Kind: appleads.Campaigns, ID: found.Campaign})
	if err != nil {
		return automation.Change{}, err
	}
	if campaign != nil && (strings.HasPrefix(campaign.Strategy, "MAX_") || strings.HasPrefix(found.Strategy, "MAX_")) {
		return automation.Change{}, fault.New(fault.Invalid, "Apple bids for %s itself (%s): a bid cannot be set", entity(found), campaign.Strategy)
	}
	x := change(found, fieldBid, canonical(found.Bid), amount, found.Account.Currency)
	if campaign != nil && campaign.Budget != "" && above(amount, campaign.Budget) {
		x.Note = fmt.Sprintf("the bid is above the campaign's daily budget of %s %s", canonical(campaign.Budget), found.Account.Currency)
	}
	return x, nil
}

// amount checks the amount before Apple is asked, and its unit when the currency
// is known.
func (k kit) amount(ctx context.Context, kind appleads.Kind, args automation.Args) (string, *appleads.Object, error) {
	d, err := decimalOf(args["amount"])
	if err != nil {
		return "", nil, err
	}
	found, err := k.find(ctx, kind, args)
	if err != nil {
		return "", nil, err
	}
	text, err := inUnits(d, found.Account.Currency)
	return text, found, err
}

func idOf(v any) (id int64, err error) {
	switch v := v.(type) {
	case int64:
		id = v
	case string:
		id, err = strconv.ParseInt(strings.TrimSpace(v), 10, 64)
	case *apd.Decimal:
		id, err = v.Int64()
	}
	if err == nil && id <= 0 {
		err = errors.New("no id")
	}
	return id, err
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
	switch {
	case d == nil || d.Form != apd.Finite:
		return nil, fault.New(fault.Invalid, "amount: %s is not an amount", show(v)).WithHint("CALL apple_ads.set_budget(123456789, 50)")
	case d.NumDigits() > 25 || d.Exponent > 15 || d.Exponent < -25:
		return nil, fault.New(fault.Invalid, "amount: %s is out of range", d.String())
	case d.Sign() <= 0:
		return nil, fault.New(fault.Invalid, "amount: %s is not above zero", d.Text('f')).WithHint("CALL apple_ads.pause_campaign(…) stops a campaign")
	}
	return d, nil
}

// inUnits gives the amount as canonical text; it has to be a multiple of the
// smallest unit of the currency (ISO 4217), and Apple takes two decimals at most.
func inUnits(d *apd.Decimal, currency string) (string, error) {
	digits := digits(currency)
	var r apd.Decimal
	r.Reduce(d)
	if r.Exponent < -digits {
		return "", fault.New(fault.Invalid, "amount: %s is not a multiple of %s %s, the smallest unit of the currency", d.Text('f'), apd.New(1, -digits).Text('f'), currency)
	}
	if int64(r.Exponent)+r.NumDigits() > 12 {
		return "", fault.New(fault.Invalid, "amount: %s is out of range", d.Text('f'))
	}
	return r.Text('f'), nil
}

// digits of a currency's smallest unit that Apple takes.
func digits(currency string) int32 {
	switch currency {
	case "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF":
		return 0
	}
	return 2
}

// canonical is the text of an amount without zeros at its end: "50", "12.5"; ""
// where there is none.
func canonical(s string) string {
	d, _, err := apd.NewFromString(s)
	if err != nil {
		return s
	}
	d.Reduce(d)
	return d.Text('f')
}

func above(a, b string) bool {
	x, _, err1 := apd.NewFromString(a)
	y, _, err2 := apd.NewFromString(b)
	return err1 == nil && err2 == nil && x.Cmp(y) > 0
}

// apply sends one change. What certainly had no effect is a Refused fault,
// unless a better word is known; everything else leaves the outcome open.
func (k kit) apply(ctx context.Context, c automation.Change) error {
	o, err := appleads.ParseTarget(tables.Account{ID: c.Account}, c.Target)
	if err != nil {
		return err
	}
	switch c.Field {
	case fieldStatus:
		return definite(k.c.SetStatus(ctx, o, c.After))
	case fieldAmount:
		return definite(k.c.SetBudget(ctx, o, c.After, c.Unit))
	case fieldBid:
		return definite(k.c.SetBid(ctx, o, c.After, c.Unit))
	}
	return fault.New(fault.Invalid, "Apple Ads has no field %q to change", c.Field)
}

func definite(err error) error {
	f := fault.As(err)
	if f == nil {
		return err
	}
	switch f.Kind {
	case fault.Refused, fault.Invalid, fault.Denied, fault.Auth:
		return f
	}
	if errors.Is(err, rest.ErrNotApplied) {
		g := *f
		g.Kind, g.Message = fault.Refused, "nothing was changed: "+f.Message
		return &g
	}
	return err
}

// readBack reads the present value in the form of Before and After.
func (k kit) readBack(ctx context.Context, c automation.Change) (string, error) {
	o, err := appleads.ParseTarget(tables.Account{ID: c.Account}, c.Target)
	if err != nil {
		return "", err
	}
	found, err := k.c.Read(ctx, o)
	if err != nil {
		return "", err
	}
	if found == nil || found.Deleted {
		return "", fault.New(fault.NotFound, "%s is not there any more (account %s)", c.Entity, c.Account)
	}
	switch c.Field {
	case fieldAmount:
		return canonical(found.Budget), nil
	case fieldBid:
		return canonical(found.Bid), nil
	}
	return found.Status, nil
}
