package kakaomoment

import (
	"bytes"
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

// entity is a table of objects: a list, then each object for itself.
type entity struct {
	name, doc string
	path      string // of an object, and of its list
	depth     int
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

const (
	configDoc = "ON, OFF or DEL: what a user sets"
	systemDoc = "ON, ADMIN_STOP or EXTERNAL_SERVICE_STOP: whether Kakao lets it run"
)

var entities = []entity{
	{"campaigns", "Campaigns as they are now, deleted ones too; each takes a call", "campaigns", 1, []attribute{
		attr("id", tables.BigInt, "Campaign", "id").must(),
		attr("name", tables.Varchar, "Name", "name").must(),
		attr("config", tables.Ident, configDoc, "config").must(),
		attr("system_config", tables.Ident, systemDoc, "systemConfig"),
		attr("campaign_type", tables.Ident, "DISPLAY, TALK_BIZ_BOARD, VIDEO …", "campaignTypeGoal", "campaignType"),
		attr("goal", tables.Ident, "CONVERSION, VISITING, REACH, VIEW", "campaignTypeGoal", "goal"),
		attr("objective_type", tables.Ident, "What conversions are counted at, such as PIXEL_AND_SDK", "objective", "type"),
		attr("objective_value", tables.Ident, "Its id", "objective", "value"),
		attr("daily_budget_amount", tables.Money, "Amount a day; NULL: no limit of its own", "dailyBudgetAmount"),
		attr("is_daily_budget_amount_over", tables.Boolean, "Whether today's budget is spent", "isDailyBudgetAmountOver"),
		attr("track_id", tables.Ident, "Pixel or SDK that tracks it", "trackId"),
		attr("status_description", tables.Varchar, "State in Kakao's words", "statusDescription"),
	}},
	{"ad_groups", "Ad groups as they are now, deleted ones too; each takes a call", "adGroups", 2, []attribute{
		attr("id", tables.BigInt, "Ad group", "id").must(),
		attr("name", tables.Varchar, "Name", "name").must(),
		attr("config", tables.Ident, configDoc, "config").must(),
		attr("system_config", tables.Ident, systemDoc, "systemConfig"),
		attr("pricing_type", tables.Ident, "What is paid for: CPC, CPM, CPV, CPA …", "pricingType"),
		attr("pacing", tables.Ident, "How the budget is spread over the day", "pacing"),
		attr("bid_strategy", tables.Ident, "How bids are made: by hand or by Kakao (AUTOBID)", "bidStrategy"),
		attr("bid_amount", tables.Money, "Highest bid; NULL where Kakao bids", "bidAmount"),
		attr("daily_budget_amount", tables.Money, "Amount a day", "dailyBudgetAmount"),
		attr("is_daily_budget_amount_over", tables.Boolean, "Whether today's budget is spent", "isDailyBudgetAmountOver"),
		attr("device_types", tables.Document, "Devices, a JSON array", "deviceTypes"),
		attr("placements", tables.Document, "Placements, a JSON array", "placements"),
		attr("targeting", tables.Document, "Whom it is shown to, a JSON object", "targeting"),
		attr("schedule", tables.Document, "When it runs, a JSON object", "schedule"),
		attr("status_description", tables.Varchar, "State in Kakao's words", "statusDescription"),
	}},
	{"creatives", "Creatives as they are now, deleted ones too; each takes a call", "creatives", 3, []attribute{
		attr("id", tables.BigInt, "Creative within its ad group: what reports and changes name", "id").must(),
		attr("creative_id", tables.BigInt, "The creative itself, which several ad groups may use", "creativeId"),
		attr("name", tables.Varchar, "Name", "name").must(),
		attr("config", tables.Ident, configDoc, "config").must(),
		attr("system_config", tables.Ident, systemDoc, "systemConfig"),
		attr("type", tables.Ident, "DISPLAY, MESSAGE …", "type"),
		attr("format", tables.Ident, "IMAGE_BANNER, IMAGE_NATIVE, VIDEO_NATIVE, CATALOG_MANUAL …", "format"),
		attr("review_status", tables.Ident, "Where its review stands", "reviewStatus"),
		attr("creative_status", tables.Ident, "Whether it is shown", "creativeStatus"),
		attr("title", tables.Varchar, "Title", "title"),
		attr("description", tables.LongText, "Text", "description"),
		attr("pc_landing_url", tables.LongText, "Landing page on PC", "pcLandingUrl"),
		attr("mobile_landing_url", tables.LongText, "Landing page on mobiles", "mobileLandingUrl"),
		attr("status_description", tables.Varchar, "State in Kakao's words", "statusDescription"),
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
	delete(out, "userConfig")
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
		Units:   func(s tables.Scan) map[string]int { return rest.Units(c.limits(s.Account, e.path)) },
		Calls: func(s tables.Scan) (int, bool) {
			n, sizes, _ := c.listCalls(s.Account, e.depth, true)
			return n + sizes[e.depth], false // there may be more by now
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
					yield(nil, fault.New(fault.Internal, "the table kakao_moment %s has no column %s", e.name, name))
					return
				}
			}
			ctx := rest.About(ctx, s)
			nodes, err := []func(context.Context, string, bool) ([]node, error){c.campaigns, c.groups, c.creatives}[e.depth-1](ctx, s.Account, true)
			if err != nil {
				yield(nil, err)
				return
			}
			parent := map[string]string{} // ad group → campaign
			if e.depth == 3 {
				groups, err := c.groups(ctx, s.Account, false)
				if err != nil {
					yield(nil, err)
					return
				}
				for _, g := range groups {
					parent[g.id] = g.parent
				}
			}
			for _, n := range nodes {
				o, err := c.object(ctx, s.Account, e.path+"/"+n.id)
				if fault.Is(err, fault.NotFound) && n.config == "DEL" { // the list is all that is said of some that are deleted
					o, err = object{"id": json.Number(n.id), "name": n.name, "config": "DEL"}, nil
				}
				if err != nil {
					yield(nil, err)
					return
				}
				line := make(tables.Row, len(s.Columns))
				for i, name := range s.Columns {
					if line[i], err = e.value(name, s.Account, n, parent, o); err != nil {
						yield(nil, fault.Wrap(fault.Broken, err, "%s: %s/%s: the column %s cannot be read", about(s.Account), e.path, n.id, name))
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

func (e entity) value(name, account string, n node, parent map[string]string, o object) (any, error) {
	above := []string{n.parent, parent[n.parent]} // nearest first
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
		attr("type", tables.Ident, "BUSINESS or INDIVIDUAL", "type"),
		attr("config", tables.Ident, configDoc, "config"),
		attr("is_admin_stop", tables.Boolean, "Whether Kakao has stopped it", "isAdminStop"),
		attr("is_out_of_balance", tables.Boolean, "Whether nothing is left on it", "isOutOfBalance"),
		attr("status_description", tables.Varchar, "State in Kakao's words", "statusDescription"),
		attr("advertiser", tables.Varchar, "Name of the advertiser's company", "advertiser", "name"),
		attr("biz_wallet_id", tables.BigInt, "Wallet that it is paid from", "bizWalletId"),
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
					yield(nil, fault.New(fault.Internal, "the table kakao_moment accounts has no column %s", name))
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
					if line[i], err = e.value(name, s.Account, node{}, nil, o); err != nil {
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

// Object is a campaign, an ad group or a creative as it is now.
type Object struct {
	Account, Kind, ID    string // Kind is that of the path: "campaigns", "adGroups", "creatives"
	Name                 string
	Config, SystemConfig string
	BidStrategy          string
	Parent               string // campaign of an ad group, ad group of a creative
	DailyBudget, Bid     string // whole won; "" where there is none
}

// Get reads one object; NotFound where the account has none.
func (c *Client) Get(ctx context.Context, account, kind, id string) (*Object, error) {
	o, err := c.object(ctx, account, kind+"/"+id)
	if err != nil {
		return nil, err
	}
	out := &Object{Account: account, Kind: kind, ID: id, Name: readText(o["name"]), Config: readText(o["config"]), SystemConfig: readText(o["systemConfig"]), BidStrategy: readText(o["bidStrategy"])}
	if out.Parent = readText(o["adGroupId"]); out.Parent == "" {
		out.Parent = readText(o.lookup([]string{"campaign", "id"}))
	}
	for name, p := range map[string]*string{"dailyBudgetAmount": &out.DailyBudget, "bidAmount": &out.Bid} {
		n, err := readInt(o[name])
		if err != nil {
			return nil, fault.Wrap(fault.Broken, err, "%s: %s/%s: %s cannot be read", about(account), kind, id, name)
		}
		if n != nil {
			*p = fmt.Sprint(n)
		}
	}
	return out, nil
}

// Find looks for an object in every account of the connection.
func (c *Client) Find(ctx context.Context, kind, id string) (*Object, error) {
	if account, ok := c.owner.Load(kind + "/" + id); ok {
		return c.Get(ctx, account.(string), kind, id)
	}
	accounts, err := c.Accounts(ctx)
	if err != nil {
		return nil, err
	}
	var failed error // an account that could not be asked may be the one
	for _, a := range accounts {
		o, err := c.Get(ctx, a.ID, kind, id)
		if err == nil {
			c.owner.Store(kind+"/"+id, a.ID)
			return o, nil
		}
		if !fault.Is(err, fault.NotFound) {
			failed = err
		}
	}
	if failed != nil {
		return nil, failed
	}
	return nil, fault.New(fault.NotFound, "no ad account of connection %s has %s/%s", c.name, kind, id).
		WithHint("SELECT id, name FROM %s.%s", c.name, map[string]string{"campaigns": "campaigns", "adGroups": "ad_groups", "creatives": "creatives"}[kind])
}

// Change sets one value: PUT kind/verb. Nil says that Kakao took it. Faults:
// Refused, Denied, Auth and NotFound, or any fault with rest.ErrNotApplied in its
// chain, where it certainly did not; Unknown where the outcome is not known.
func (c *Client) Change(ctx context.Context, account, kind, verb string, body map[string]any) error {
	b, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("%w: %w", rest.ErrNotApplied, err)
	}
	r := c.request(account, kind+"/"+verb, nil)
	r.Method, r.Body, r.Write = "PUT", bytes.TrimSpace(b), true
	res, err := c.rest.Do(ctx, r)
	if err != nil {
		return err
	}
	return res.Body.Close()
}
