package naversearchad

import (
	"context"
	"iter"
	"net/url"
	"strings"
	"time"

	"argo/tables"
	"argo/tables/fault"
	"argo/tables/rest"
)

// freshBilling: a settled day does not move; today and yesterday may lack entries.
var freshBilling = tables.Freshness{Steps: []tables.Step{{Within: 1, Keep: 30 * time.Minute}, {Within: 3, Keep: 3 * time.Hour}, {Within: 10, Keep: 24 * time.Hour}}}

var bizmoney = []field{customer, won("bizmoney", "bizmoney", "Prepaid balance (비즈머니), with VAT"), flag("budget_lock", "budgetLock", "Whether ads stand still for want of balance"), flag("refund_lock", "refundLock", "Whether a refund is under way"), more, currency}

// historySheet is a table of the history of the balance.
type historySheet struct {
	name, path, doc, day string
	key                  []string
	fields               []field
}

var historySheets = []historySheet{
	{"bizmoney_exhaust", "exhaust", "What was taken from the balance, by day, campaign type and activity; amounts with VAT", "settleDt", []string{"campaign_tp", "activity_cd", "prod_info_cd"},
		[]field{dayField, customer, number("campaign_tp", "campaignTp", "Campaign type: 1 web site, 2 shopping, 3 power contents, 4 brand search, 6 place").never(), word("activity_cd", "activityCd", "Activity").never(), word("prod_info_cd", "prodInfoCd", "Product").never(),
			won("use_refundable_amt", "useRefundableAmt", "Of what was paid"), won("use_nonrefundable_amt", "useNonrefundableAmt", "Of what was given for free"), more, currency}},
	{"bizmoney_charge", "charge", "What was added to the balance, by day and way of payment; amounts with VAT. Several payments of a day may be several equal rows", "statDt", nil,
		[]field{dayField, customer, word("display_cd", "displayCd", "Way of payment"), text("display_name", "displayName", "Its name"), won("new_refundable_amt", "newRefundableAmt", "Paid"), won("new_non_refundable_amt", "newNonRefundableAmt", "Given for free"), more, currency}},
}

func (c *Client) billingTables(since tables.Day) []tables.Table {
	now := c.base("bizmoney", "Prepaid balance as it is now", nil, bizmoney)
	now.Calls = func(tables.Scan) (int, bool) { return 1, true }
	now.Units = func(x tables.Scan) map[string]int { return rest.Units(c.limits(x.Account, false)) }
	now.Scan = func(ctx context.Context, x tables.Scan) iter.Seq2[tables.Row, error] {
		x.Table = "bizmoney"
		return scan(ctx, x, pickObject(bizmoney, nil, x.Account), func(ctx context.Context, each func(object) (bool, error)) error {
			var o object
			if err := c.get(ctx, x.Account, "/billing/bizmoney", nil, &o); err != nil || o == nil {
				return err
			}
			tables.TraceOf(ctx).Fetched(1, 0)
			_, err := each(o)
			return err
		})
	}
	out := []tables.Table{now}
	for _, s := range historySheets {
		t := c.base(s.name, s.doc, s.key, s.fields)
		t.Day, t.Since, t.Fresh, t.MaxDays = "date", since, freshBilling, 31
		t.Clock = "day of settlement in Korea"
		t.Calls = func(x tables.Scan) (int, bool) { return len(x.Days.Chunks(t.MaxDays)), true }
		t.Units = now.Units
		t.Scan = func(ctx context.Context, x tables.Scan) iter.Seq2[tables.Row, error] {
			x.Table = s.name
			day := func(o object) (any, error) { return readDay(o[s.day]) }
			return scan(ctx, x, pickObject(s.fields, day, x.Account), func(ctx context.Context, each func(object) (bool, error)) error {
				for _, days := range x.Days.Chunks(31) {
					plain := func(d tables.Day) string { return strings.ReplaceAll(string(d), "-", "") }
					var all objects
					if err := c.get(ctx, x.Account, "/billing/bizmoney/histories/"+s.path, url.Values{"searchStartDt": {plain(days.From)}, "searchEndDt": {plain(days.To)}}, &all); err != nil {
						return err
					}
					tables.TraceOf(ctx).Fetched(int64(len(all)), 0)
					for _, o := range all {
						d, err := day(o)
						if err != nil {
							return fault.Wrap(fault.Broken, err, "Naver Search Ad account %s: an entry of bizmoney without a day", x.Account)
						}
						if !days.Contains(d.(tables.Day)) {
							continue
						}
						if more, err := each(o); err != nil || !more {
							return err
						}
					}
				}
				return nil
			})
		}
		out = append(out, t)
	}
	return out
}

// pickObject picks the columns of a JSON object; day may be nil.
func pickObject(fields []field, day picker[object], account string) func(string) picker[object] {
	return func(name string) picker[object] {
		f, ok := lookup(fields, name)
		switch {
		case name == "date":
			return day
		case name == "extra":
			return extra(fields)
		case ok && f.read != nil:
			return member(f, false)
		}
		return fixed[object](name, account)
	}
}
