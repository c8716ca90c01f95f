package tiktokads

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"strconv"
	"time"

	"argo/tables"
	"argo/tables/fault"
	"argo/tables/rest"
)

// entity is a table of objects.
type entity struct {
	name, doc, path string
	filter          map[string]any
	key             []string
	columns         []attribute
}

// attribute is a column of an object.
type attribute struct {
	tables.Column
	read func(any) (any, error)
}

func attr(name string, t tables.Type, doc string) attribute {
	a := attribute{Column: tables.Column{Name: name, Type: t, Doc: doc}}
	switch t.Kind {
	case tables.Int:
		a.read = readInt
	case tables.Decimal:
		a.Unit, a.read = "account currency", readDecimal
	case tables.JSON:
		a.read = func(v any) (any, error) {
			b, err := json.Marshal(v)
			return string(b), err
		}
	case tables.Bool:
		a.read = func(v any) (any, error) {
			if b, ok := v.(bool); ok {
				return b, nil
			}
			return nil, fmt.Errorf("%T is not true or false", v)
		}
	case tables.DateTime:
		a.read = func(v any) (any, error) {
			t, err := time.Parse(time.DateTime, readText(v))
			return t, err
		}
	default:
		a.read = func(v any) (any, error) { return readText(v), nil }
	}
	return a
}

func (a attribute) must() attribute { a.NotNull = true; return a }

var (
	operation = attr("operation_status", tables.Ident, "ENABLE, DISABLE …: what a user sets")
	secondary = attr("secondary_status", tables.Ident, "Whether it delivers, and why not")
	created   = attr("create_time", tables.Timestamp, "When it was made, taken to be UTC")
	modified  = attr("modify_time", tables.Timestamp, "When it was last changed, taken to be UTC")
	budgetOf  = attr("budget", tables.Money, "Budget; 0 where it has none of its own")
	modeOf    = attr("budget_mode", tables.Ident, "What the budget is of: BUDGET_MODE_DAY, BUDGET_MODE_TOTAL, BUDGET_MODE_INFINITE (none) …")
)

var entities = []entity{
	{"advertisers", "Advertisers (ad accounts) as they are now", "advertiser/info/", nil, nil, []attribute{
		attr("name", tables.Varchar, "Name").must(), attr("company", tables.Varchar, "Company"), attr("status", tables.Ident, "State, such as STATUS_ENABLE"),
		attr("country", tables.Ident, "Country, ISO 3166"), attr("timezone", tables.Ident, "Time zone of its days, such as Etc/GMT-9"),
		attr("display_timezone", tables.Ident, "The same, as IANA calls it"), attr("balance", tables.Money, "Money left")}},
	{"campaigns", "Campaigns as they are now, deleted ones too", "campaign/get/", map[string]any{"secondary_status": "CAMPAIGN_STATUS_ALL"}, []string{"campaign_id"}, []attribute{
		attr("campaign_id", tables.BigInt, "Campaign").must(), attr("campaign_name", tables.Varchar, "Name").must(),
		attr("objective_type", tables.Ident, "What it is for: TRAFFIC, APP_PROMOTION …"), operation, secondary, budgetOf, modeOf,
		attr("budget_optimize_on", tables.Boolean, "Whether the campaign has the budget and its ad groups share it"), attr("campaign_type", tables.Ident, "REGULAR_CAMPAIGN, IOS14_CAMPAIGN …"), created, modified}},
	{"adgroups", "Ad groups as they are now, deleted ones too", "adgroup/get/", map[string]any{"primary_status": "STATUS_ALL"}, []string{"adgroup_id"}, []attribute{
		attr("campaign_id", tables.BigInt, "Campaign").must(), attr("adgroup_id", tables.BigInt, "Ad group").must(), attr("adgroup_name", tables.Varchar, "Name").must(),
		operation, secondary, budgetOf, modeOf, attr("bid_type", tables.Ident, "BID_TYPE_NO_BID or BID_TYPE_CUSTOM"),
		attr("bid_price", tables.Money, "Bid where clicks, views or impressions are paid"), attr("conversion_bid_price", tables.Money, "Bid for a result"),
		attr("billing_event", tables.Ident, "What is paid for: CPC, CPM, OCPM, CPV"), attr("optimization_goal", tables.Ident, "What it is optimized for"),
		attr("placements", tables.Document, "Where it is shown, a JSON array"), created, modified}},
	{"ads", "Ads as they are now, deleted ones too", "ad/get/", map[string]any{"primary_status": "STATUS_ALL"}, []string{"ad_id"}, []attribute{
		attr("campaign_id", tables.BigInt, "Campaign").must(), attr("adgroup_id", tables.BigInt, "Ad group").must(), attr("ad_id", tables.BigInt, "Ad").must(),
		attr("ad_name", tables.Varchar, "Name").must(), operation, secondary, attr("ad_text", tables.LongText, "Text"), attr("ad_format", tables.Ident, "SINGLE_VIDEO, SINGLE_IMAGE …"),
		attr("landing_page_url", tables.LongText, "Landing page"), attr("call_to_action", tables.Ident, "Words of the button"), created, modified}},
}

func (e entity) table(c *Client) tables.Table {
	t := tables.Table{Name: e.name, Doc: e.doc, Key: e.key, Account: "advertiser_id", Accounts: c.Accounts, Roster: c.roster, Fresh: freshEntity, Whole: true,
		Columns: []tables.Column{{Name: "advertiser_id", Type: tables.BigInt, NotNull: true, Push: true, Doc: "Advertiser (ad account)"}},
		Units:   func(tables.Scan) map[string]int { return rest.Units(c.limits()) },
		Calls: func(s tables.Scan) (int, bool) { // a thousand to a page
			n, exact := c.currencyCalls(s.Account)
			return n + 1, exact && e.key == nil
		},
	}
	for _, a := range e.columns {
		t.Columns = append(t.Columns, a.Column)
	}
	t.Columns = append(t.Columns, tables.Column{Name: "other", Type: tables.Document, Doc: "What else TikTok says of it, a JSON object"},
		tables.Column{Name: "currency", Type: tables.Ident, Doc: "Currency of every amount of the row"})
	t.Scan = func(ctx context.Context, s tables.Scan) iter.Seq2[tables.Row, error] {
		return func(yield func(tables.Row, error) bool) {
			for _, d := range s.Where {
				if d.Empty() {
					return
				}
			}
			for _, name := range s.Columns {
				if t.Lookup(name) == nil {
					yield(nil, fault.New(fault.Internal, "the table tiktok_ads %s has no column %s", e.name, name))
					return
				}
			}
			ctx := rest.About(ctx, s)
			currency, err := c.currency(ctx, s.Account)
			var list []object
			switch {
			case err != nil:
			case e.key == nil:
				list, err = c.info(ctx, []string{s.Account})
			default:
				list, err = c.list(ctx, e.path, s.Account, e.filter)
			}
			if err != nil {
				yield(nil, err)
				return
			}
			seen := map[string]bool{}
			for _, o := range list {
				if len(e.key) > 0 {
					if id := readText(o[e.key[0]]); seen[id] {
						yield(nil, fault.New(fault.Unavailable, "%s: %s gives %s %s twice", about(s.Account), e.path, e.key[0], id))
						return
					} else {
						seen[id] = true
					}
				}
				line := make(tables.Row, len(s.Columns))
				for i, name := range s.Columns {
					if line[i], err = e.value(name, s.Account, currency, o); err != nil {
						yield(nil, fault.Wrap(fault.Broken, err, "%s: %s: the column %s cannot be read", about(s.Account), e.path, name))
						return
					}
				}
				if !yield(line, nil) {
					return
				}
			}
		}
	}
	return t
}

func (e entity) value(name, account, currency string, o object) (any, error) {
	switch name {
	case "advertiser_id":
		return strconv.ParseInt(account, 10, 64)
	case "currency":
		return currency, nil
	case "other":
		out := maps.Clone(o)
		for _, a := range e.columns {
			delete(out, a.Name)
		}
		delete(out, "advertiser_id")
		delete(out, "currency")
		if len(out) == 0 {
			return nil, nil
		}
		b, err := json.Marshal(out)
		return string(b), err
	}
	for _, a := range e.columns {
		if a.Name != name {
			continue
		}
		switch v := o[name]; {
		case v == nil && a.NotNull:
			return nil, fmt.Errorf("%s is missing", name)
		case v == nil:
			return nil, nil
		default:
			return a.read(v)
		}
	}
	return nil, fmt.Errorf("there is no such column")
}
