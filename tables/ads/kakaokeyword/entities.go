package kakaokeyword

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"

	"argo/tables"
	"argo/tables/fault"
	"argo/tables/rest"
)

// entity is a table of what a list holds.
type entity struct {
	name, doc string
	list      string
	depth     int // of the list: 1 campaigns, 2 ad groups, 3 what these hold
	columns   []attribute
}

// attribute is a column of an object: where it stands in it.
type attribute struct {
	tables.Column
	path []string
	read func(any) (any, error)
}

func attr(name string, t tables.Type, doc string, path ...string) attribute {
	a := attribute{tables.Column{Name: name, Type: t, Doc: doc}, path, nil}
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
	default:
		a.read = func(v any) (any, error) { return readText(v), nil }
	}
	return a
}

func (a attribute) must() attribute { a.NotNull = true; return a }

const configDoc = "ON, OFF or DEL: what a user sets"

// entities: of the status no words are published, it is kept as it comes.
var entities = []entity{
	{"campaigns", "Campaigns as they are now", "campaigns", 1, []attribute{
		attr("id", tables.BigInt, "Campaign", "id").must(),
		attr("name", tables.Varchar, "Name", "name").must(),
		attr("config", tables.Ident, configDoc, "config").must(),
		attr("status", tables.Document, "State in Kakao's words, a JSON array", "status"),
		attr("daily_budget_amount", tables.Money, "Amount a day; NULL: no limit", "dailyBudgetAmount"),
		attr("biz_channel_id", tables.BigInt, "Site that is advertised", "bizChannelId"),
	}},
	{"ad_groups", "Ad groups as they are now", "adGroups", 2, []attribute{
		attr("id", tables.BigInt, "Ad group", "id").must(),
		attr("name", tables.Varchar, "Name", "name").must(),
		attr("config", tables.Ident, configDoc, "config").must(),
		attr("status", tables.Document, "State in Kakao's words, a JSON array", "status"),
		attr("daily_budget_amount", tables.Money, "Amount a day; NULL: no limit", "dailyBudgetAmount"),
		attr("daily_budget_amount_over", tables.Boolean, "Whether today's budget is spent", "dailyBudgetAmountOver"),
		attr("bid_amount", tables.Money, "Bid for a click", "bidAmount"),
		attr("content_bid_amount", tables.Money, "Bid for a click in content", "contentBidAmount"),
		attr("mobile_bid_weight", tables.BigInt, "Bid on mobiles, in percent", "mobileBidWeight"),
		attr("pc_bid_weight", tables.BigInt, "Bid on PC, in percent", "pcBidWeight"),
		attr("keyword_extension_bid_weight", tables.BigInt, "Bid for keywords that Kakao adds, in percent", "keywordExtensionBidWeight"),
		attr("use_keyword_extension", tables.Boolean, "Whether Kakao adds keywords", "useKeywordExtension"),
		attr("exception_keywords", tables.Document, "Keywords that it does not add, a JSON array", "exceptionKeywords"),
		attr("placements", tables.Document, "Placements, a JSON array", "placements"),
		attr("device_types", tables.Document, "Devices, a JSON array", "deviceTypes"),
		attr("schedule", tables.Document, "When it runs, a JSON object", "schedule"),
	}},
	{"keywords", "Keywords of ad groups as they are now", "keywords", 3, []attribute{
		attr("id", tables.BigInt, "Keyword", "id").must(),
		{tables.Column{Name: "text", Type: tables.Varchar, Doc: "The keyword"}, []string{"text"}, func(v any) (any, error) { return readText(v), nil }},
		attr("config", tables.Ident, configDoc, "config"),
		attr("status", tables.Document, "State in Kakao's words, a JSON array", "status"),
		attr("bid_type", tables.Ident, "Whose bid holds, the keyword's or the ad group's", "bidType"),
		attr("bid_amount", tables.Money, "Bid for a click; NULL where the ad group's holds", "bidAmount"),
	}},
	{"creatives", "Creatives of ad groups as they are now", "creatives", 3, []attribute{
		attr("id", tables.BigInt, "Creative", "id").must(),
		attr("name", tables.Varchar, "Name", "name"),
		attr("config", tables.Ident, configDoc, "config"),
		attr("status", tables.Document, "State in Kakao's words, a JSON array", "status"),
		attr("review_status", tables.Ident, "Where its review stands", "reviewStatus"),
		attr("landing_url", tables.LongText, "Landing page", "rspvLandingUrl"),
	}},
}

// object is a reply about one thing.
type object map[string]any

// lookup follows path; nil where it does not lead to a value.
func (o object) lookup(path []string) any {
	var v any = map[string]any(o)
	for _, p := range path {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[p]
	}
	return v
}

// object reads one thing. It is a NotFound fault where Kakao says that there is
// none: it says so with the code of its every complaint.
func (c *Client) object(ctx context.Context, account, path string) (object, error) {
	var o object
	var broken error
	b, err := c.get(ctx, account, path, nil, one)
	if err == nil && len(b) == 0 {
		return nil, fault.New(fault.NotFound, "%s: there is no %s", about(account), path)
	}
	if err == nil {
		broken = decode(b, &o)
		if broken == nil && o["id"] == nil {
			broken = fault.New(fault.Broken, "%s is answered without an id", path)
		}
		err = named(account, broken)
	}
	if fault.Is(err, fault.Invalid) {
		f := *fault.As(err)
		f.Kind = fault.NotFound
		return nil, &f
	}
	return o, err
}

// rest gives the members that no column shows, as JSON.
func (e entity) rest(o object) (any, error) {
	out := maps.Clone(o)
	for _, a := range e.columns {
		delete(out, a.path[0])
	}
	if len(out) == 0 {
		return nil, nil
	}
	b, err := json.Marshal(out)
	return string(b), err
}

func (e entity) table(c *Client) tables.Table {
	above := []tables.Column{
		{Name: "ad_account_id", Type: tables.BigInt, NotNull: true, Push: true, Doc: "Ad account"},
		{Name: "campaign_id", Type: tables.BigInt, NotNull: true, Doc: "Campaign"},
		{Name: "ad_group_id", Type: tables.BigInt, NotNull: true, Doc: "Ad group"},
	}[:e.depth]
	t := tables.Table{Name: e.name, Doc: e.doc, Key: []string{"id"}, Account: "ad_account_id", Accounts: c.Accounts, Roster: c.roster, Fresh: freshEntity, Whole: true,
		Columns: slices.Clone(above),
		Units:   func(s tables.Scan) map[string]int { return rest.Units(c.limits(s.Account, e.list)) },
		Calls: func(s tables.Scan) (int, bool) {
			n, _, _ := c.listCalls(s.Account, e.list, true)
			return n, e.depth == 1
		},
	}
	for _, a := range e.columns {
		t.Columns = append(t.Columns, a.Column)
	}
	t.Columns = append(t.Columns,
		tables.Column{Name: "other", Type: tables.Document, Doc: "What else Kakao says of it, a JSON object"},
		tables.Column{Name: "currency", Type: tables.Ident, Doc: "Currency of every amount of the row: KRW"})
	t.Scan = func(ctx context.Context, s tables.Scan) iter.Seq2[tables.Row, error] {
		return func(yield func(tables.Row, error) bool) {
			for _, d := range s.Where {
				if d.Empty() {
					return
				}
			}
			for _, name := range s.Columns {
				if t.Lookup(name) == nil {
					yield(nil, fault.New(fault.Internal, "the table kakao_keyword %s has no column %s", e.name, name))
					return
				}
			}
			ctx := rest.About(ctx, s)
			read := map[string]func(context.Context, string, bool) ([]node, error){"campaigns": c.campaigns, "adGroups": c.groups, "keywords": c.keywords, "creatives": c.creatives}
			nodes, err := read[e.list](ctx, s.Account, true)
			if err != nil {
				yield(nil, err)
				return
			}
			for _, n := range nodes {
				line := make(tables.Row, len(s.Columns))
				for i, name := range s.Columns {
					if line[i], err = e.value(name, s.Account, n, n.object); err != nil {
						yield(nil, fault.Wrap(fault.Broken, err, "%s: %s/%s: the column %s cannot be read", about(s.Account), e.list, n.id, name))
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

func (e entity) value(name, account string, n node, o object) (any, error) {
	above := []string{n.parent, n.above} // nearest first
	switch {
	case name == "ad_account_id":
		return strconv.ParseInt(account, 10, 64)
	case name == "currency":
		return "KRW", nil
	case name == "other":
		return e.rest(o)
	case name == "campaign_id" && e.depth > 1:
		return strconv.ParseInt(above[e.depth-2], 10, 64)
	case name == "ad_group_id" && e.depth > 2:
		return strconv.ParseInt(above[0], 10, 64)
	}
	for _, a := range e.columns {
		if a.Name != name {
			continue
		}
		v := o.lookup(a.path)
		if v == nil && a.NotNull {
			return nil, fmt.Errorf("%s is missing", a.path[0])
		}
		if v == nil {
			return nil, nil
		}
		return a.read(v)
	}
	return nil, fmt.Errorf("there is no such column")
}

// accountsTable shows the accounts with what is left on them.
func (c *Client) accountsTable() tables.Table {
	columns := []attribute{
		attr("name", tables.Varchar, "Name", "name").must(),
		attr("config", tables.Ident, configDoc, "config"),
		attr("cash", tables.Money, "Money left in the wallet", "balance", "cash"),
		attr("free_cash", tables.Money, "Free money left in the wallet", "balance", "freeCash"),
	}
	e := entity{columns: append(slices.Clone(columns), attr("", tables.BigInt, "", "id"))}
	t := tables.Table{Name: "accounts", Doc: "Ad accounts of the token's user, and what is left in their wallets", Key: nil, Account: "ad_account_id", Fresh: freshEntity, Whole: true,
		Accounts: c.Accounts, Roster: c.roster, Calls: func(tables.Scan) (int, bool) { return 2, true },
		Units:   func(s tables.Scan) map[string]int { return rest.Units(c.limits(s.Account, "adAccounts")) },
		Columns: []tables.Column{{Name: "ad_account_id", Type: tables.BigInt, NotNull: true, Push: true, Doc: "Ad account"}},
	}
	for _, a := range columns {
		t.Columns = append(t.Columns, a.Column)
	}
	t.Columns = append(t.Columns, tables.Column{Name: "other", Type: tables.Document, Doc: "What else Kakao says of it, a JSON object"},
		tables.Column{Name: "currency", Type: tables.Ident, Doc: "Currency of every amount of the row: KRW"})
	t.Scan = func(ctx context.Context, s tables.Scan) iter.Seq2[tables.Row, error] {
		return func(yield func(tables.Row, error) bool) {
			for _, d := range s.Where {
				if d.Empty() {
					return
				}
			}
			for _, name := range s.Columns {
				if t.Lookup(name) == nil {
					yield(nil, fault.New(fault.Internal, "the table kakao_keyword accounts has no column %s", name))
					return
				}
			}
			ctx := rest.About(ctx, s)
			o, err := c.object(ctx, s.Account, "adAccounts/"+s.Account)
			if err == nil {
				var left object
				if left, err = c.object(ctx, s.Account, "adAccounts/balance"); err == nil {
					o["balance"] = map[string]any(left)
				}
			}
			line := make(tables.Row, len(s.Columns))
			for i, name := range s.Columns {
				if err == nil {
					if line[i], err = e.value(name, s.Account, node{}, o); err != nil {
						err = fault.Wrap(fault.Broken, err, "%s: the column %s cannot be read", about(s.Account), name)
					}
				}
			}
			if err != nil {
				line = nil
			}
			yield(line, err)
		}
	}
	return t
}
