package naversearchad

import (
	"context"
	"iter"
	"net/url"
	"strings"

	"argo/tables"
	"argo/tables/fault"
	"argo/tables/rest"
)

// entitySheet is a table of what exists now. under says what the lists are asked
// for: "" for one list of the account, campaigns, adgroups, or both.
type entitySheet struct {
	name, doc, kind string
	under           []string // kinds whose entities are asked for theirs
	by              string   // parameter that names the parent
	key             []string
	fields          []field
}

func state() []field {
	return []field{
		word("status", "status", "ELIGIBLE, PAUSED or DELETED: what the advertiser's switch, review and budget make of it"),
		word("status_reason", "statusReason", "Why: ELIGIBLE, …_PAUSED, …_LIMITED_BY_BUDGET, …_DISAPPROVED, …_UNDER_REVIEW and others"),
	}
}

func times() []field {
	return []field{when("reg_tm", "regTm", "When it was made, UTC"), when("edit_tm", "editTm", "When it was changed last, UTC")}
}

func locked() field { return flag("user_lock", "userLock", "Whether the advertiser has paused it") }

func sharedBudget() []field {
	return []field{
		id("shared_budget_id", "sharedBudgetId", "Shared budget that it spends; its own daily_budget then has no effect"),
		text("shared_budget_name", "sharedBudgetName", "Name of the shared budget"),
		won("shared_daily_budget", "sharedDailyBudget", "Shared budget a day, without VAT"),
		flag("shared_budget_lock", "sharedBudgetLock", "Whether the shared budget is used up"),
	}
}

func fieldsOf(parts ...any) []field {
	out := []field{customer}
	for _, p := range parts {
		switch p := p.(type) {
		case field:
			out = append(out, p)
		case []field:
			out = append(out, p...)
		}
	}
	return append(out, more, currency)
}

var entitySheets = []entitySheet{
	{name: "campaigns", doc: "Campaigns as they are now; deleted ones are not listed by Naver (stat_ad has what they delivered)", kind: "campaigns", key: []string{"campaign_id"},
		fields: fieldsOf(id("campaign_id", "nccCampaignId", "Campaign"), text("name", "name", "Name"),
			word("campaign_tp", "campaignTp", "WEB_SITE (파워링크), SHOPPING (쇼핑검색), POWER_CONTENTS, BRAND_SEARCH, PLACE"), locked(), state(),
			flag("use_daily_budget", "useDailyBudget", "Whether daily_budget caps what it spends"), won("daily_budget", "dailyBudget", "Budget a day, without VAT; 0 where it is not used"),
			word("delivery_method", "deliveryMethod", "ACCELERATED or STANDARD (spread over the day)"), flag("use_period", "usePeriod", "Whether it runs from period_start to period_end only"),
			when("period_start", "periodStartDt", "Beginning, UTC"), when("period_end", "periodEndDt", "End, UTC"), word("tracking_mode", "trackingMode", "TRACKING_DISABLED, AUTO_TRACKING_MODE, PASS_THROUGH_SITE_MODE"),
			text("tracking_url", "trackingUrl", "Tracking address"), sharedBudget(), times())},
	{name: "ad_groups", doc: "Ad groups as they are now; one request for each campaign", kind: "adgroups", under: []string{"campaigns"}, by: "nccCampaignId", key: []string{"ad_group_id"},
		fields: fieldsOf(id("campaign_id", "nccCampaignId", "Campaign"), id("ad_group_id", "nccAdgroupId", "Ad group"), text("name", "name", "Name"),
			word("adgroup_type", "adgroupType", "WEB_SITE, SHOPPING, INFORMATION, PRODUCT, BRAND_SEARCH, PLACE, CATALOG"), locked(), state(),
			won("bid_amt", "bidAmt", "Bid for a click, without VAT"), flag("use_cnts_network_bid_amt", "useCntsNetworkBidAmt", "Whether the content network has a bid of its own"), won("contents_network_bid_amt", "contentsNetworkBidAmt", "That bid"),
			number("pc_network_bid_weight", "pcNetworkBidWeight", "Weight of bids on PC in percent"), number("mobile_network_bid_weight", "mobileNetworkBidWeight", "Weight of bids on mobile devices in percent"),
			flag("use_daily_budget", "useDailyBudget", "Whether daily_budget caps what it spends"), won("daily_budget", "dailyBudget", "Budget a day, without VAT; 0 where it is not used"), flag("budget_lock", "budgetLock", "Whether the budget is used up"),
			id("pc_channel_id", "pcChannelId", "Business channel on PC"), id("mobile_channel_id", "mobileChannelId", "Business channel on mobile devices"),
			flag("use_exp_search", "useExpSearch", "Whether keywords are expanded"), word("ad_rolling_type", "adRollingType", "ROUND_ROBIN or PERFORMANCE"), word("system_bidding_type", "systemBiddingType", "NONE or ML"),
			document("autobid_strategy", "autobidStrategy", "Automatic bidding, as Naver has it"), document("targets", "targets", "Targets, as Naver has them"), sharedBudget(), times())},
	{name: "keywords", doc: "Keywords as they are now; one request for each ad group. master_keyword has them in one file", kind: "keywords", under: []string{"adgroups"}, by: "nccAdgroupId", key: []string{"keyword_id"},
		fields: fieldsOf(id("campaign_id", "nccCampaignId", "Campaign"), id("ad_group_id", "nccAdgroupId", "Ad group"), id("keyword_id", "nccKeywordId", "Keyword"), text("keyword", "keyword", "The keyword"), locked(), state(),
			won("bid_amt", "bidAmt", "Bid for a click, without VAT, where use_group_bid_amt is 0"), flag("use_group_bid_amt", "useGroupBidAmt", "Whether the ad group's bid holds"),
			word("inspect_status", "inspectStatus", "UNDER_REVIEW, APPROVED, ELIGIBLE, PENDING, DENIED"), document("ncc_qi", "nccQi", "Quality index: {qiGrade}"),
			number("ad_relevance_score", "adRelevanceScore", "Relevance of the ad"), number("expected_click_score", "expectedClickScore", "Expected clicks"), document("links", "links", "Landing pages of the keyword itself"), times())},
	{name: "ads", doc: "Ads as they are now; one request for each ad group. The shape of ad depends on its type", kind: "ads", under: []string{"adgroups"}, by: "nccAdgroupId", key: []string{"ad_id"},
		fields: fieldsOf(id("ad_group_id", "nccAdgroupId", "Ad group"), id("ad_id", "nccAdId", "Ad"), word("type", "type", "TEXT_45, RSA_AD, SHOPPING_PRODUCT_AD, CATALOG_AD, CONTENTS_AD_INFORMATION, BRAND_SEARCH_AD, PLACE_AD …"), locked(), state(),
			word("inspect_status", "inspectStatus", "UNDER_REVIEW, APPROVED, PENDING, DENIED"), document("ad", "ad", "The ad, as Naver has it"), document("ad_attr", "adAttr", "Bid of a shopping ad: {bidAmt, useGroupBidAmt}"),
			document("assets", "assets", "Assets of a responsive ad"), text("reference_key", "referenceKey", "Product of a shopping ad"), document("reference_data", "referenceData", "What is known of the product"), times())},
	{name: "ad_extensions", doc: "Ad extensions (확장소재) of campaigns and ad groups as they are now; one request for each of both", kind: "ad-extensions", under: []string{"campaigns", "adgroups"}, by: "ownerId", key: []string{"ad_extension_id"},
		fields: fieldsOf(id("ad_extension_id", "nccAdExtensionId", "Ad extension"), id("owner_id", "ownerId", "Campaign or ad group that it belongs to"), word("type", "type", "HEADLINE, DESCRIPTION, SUB_LINKS, PHONE, LOCATION, PRICE_LINKS …"), locked(), state(),
			word("inspect_status", "inspectStatus", "UNDER_REVIEW, APPROVED, PENDING, DENIED"), document("ad_extension", "adExtension", "The extension, as Naver has it"), id("pc_channel_id", "pcChannelId", "Business channel on PC"),
			id("mobile_channel_id", "mobileChannelId", "Business channel on mobile devices"), flag("use_period", "usePeriod", "Whether it runs for a period only"), when("period_start", "periodStartDt", "Beginning, UTC"), when("period_end", "periodEndDt", "End, UTC"), document("schedule", "schedule", "Hours of the week"), times())},
	{name: "business_channels", doc: "Business channels (비즈채널): sites, shops, places", kind: "channels", key: []string{"business_channel_id"},
		fields: fieldsOf(id("business_channel_id", "nccBusinessChannelId", "Business channel"), text("name", "name", "Name"), word("channel_tp", "channelTp", "SITE, PHONE, ADDRESS, BOOKING, TALK, MALL, CONTENTS, PLACE, CATALOG …"), text("channel_key", "channelKey", "Address, number or name of it"),
			document("business_info", "businessInfo", "What is known of it"), word("pc_inspect_status", "pcInspectStatus", "Review on PC"), word("mobile_inspect_status", "mobileInspectStatus", "Review on mobile devices"), state(), times())},
	{name: "shared_budgets", doc: "Shared budgets as they are now", kind: "shared-budgets", key: []string{"shared_budget_id"},
		fields: fieldsOf(id("shared_budget_id", "sharedBudgetId", "Shared budget"), text("name", "name", "Name"), won("daily_budget", "dailyBudget", "Amount a day, without VAT"), word("delivery_method", "deliveryMethod", "ACCELERATED or STANDARD"),
			word("owner_type", "ownerType", "What shares it: campaigns or ad groups"), flag("budget_lock", "budgetLock", "Whether it is used up"), count("number_in_use", "numberInUse", "How many share it"), won("expect_cost", "expectCost", "Expected cost"), state(), times())},
}

// idKey names a list of ids.
type idKey struct{ customer, kind string }

// idList is a list that is remembered.
type idList struct {
	at   int64 // Unix microseconds
	list []entityID
}

// entityID is an entity with what /stats has to know of it.
type entityID struct {
	id, campaign, group, name string
	tp                        string // type of the campaign, the third part of the id
}

// typeOf is the campaign type in an id: cmp-a001-01-… is 01.
func typeOf(id string) string {
	if p := strings.Split(id, "-"); len(p) == 4 {
		return p[2]
	}
	return ""
}

// walk gives the entities of a kind of an account, each list in its order.
func (c *Client) walk(ctx context.Context, account string, s entitySheet, each func(object) (bool, error)) error {
	queries := []url.Values{nil}
	if len(s.under) > 0 {
		queries = nil
	}
	for _, kind := range s.under {
		parents, err := c.idsOf(ctx, account, kind, true)
		if err != nil {
			return err
		}
		for _, p := range parents {
			queries = append(queries, url.Values{s.by: {p.id}})
		}
	}
	rows := int64(0)
	defer func() { tables.TraceOf(ctx).Fetched(rows, 0) }()
	for _, q := range queries {
		all, err := c.entities(ctx, account, s.kind, q)
		if fault.Is(err, fault.NotFound) && q != nil {
			continue // the parent was deleted meanwhile
		}
		if err != nil {
			return err
		}
		for _, o := range all {
			rows++
			if more, err := each(o); err != nil || !more {
				return err
			}
		}
	}
	return nil
}

// parents of the kinds, whose lists come first.
var parents = map[string]struct{ kind, by string }{"adgroups": {"campaigns", "nccCampaignId"}, "keywords": {"adgroups", "nccAdgroupId"}, "ads": {"adgroups", "nccAdgroupId"}}

// idsOf lists the entities of a kind, remembered for a while unless fresh.
func (c *Client) idsOf(ctx context.Context, account, kind string, fresh bool) ([]entityID, error) {
	if list, ok := c.remembered(account, kind); ok && !fresh {
		return list, nil
	}
	at := c.now().UnixMicro()
	queries := []url.Values{nil}
	if p, ok := parents[kind]; ok {
		above, err := c.idsOf(ctx, account, p.kind, fresh)
		if err != nil {
			return nil, err
		}
		queries = nil
		for _, x := range above {
			queries = append(queries, url.Values{p.by: {x.id}})
		}
	}
	list := []entityID{}
	for _, q := range queries {
		all, err := c.entities(ctx, account, kind, q)
		if fault.Is(err, fault.NotFound) && q != nil {
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, o := range all {
			x := entityID{id: str(o[idNames[kind]]), campaign: str(o["nccCampaignId"]), group: str(o["nccAdgroupId"]), name: str(o["name"])}
			if kind == "keywords" {
				x.name = str(o["keyword"])
			}
			if x.tp = typeOf(x.id); kind == "keywords" {
				x.tp = typeOf(x.group)
			}
			if x.id == "" {
				return nil, fault.New(fault.Broken, "Naver Search Ad account %s: one of the %s has no id", account, kind)
			}
			list = append(list, x)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ids[idKey{account, kind}] = &idList{at, list}
	return list, nil
}

func (c *Client) remembered(account, kind string) ([]entityID, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	x := c.ids[idKey{account, kind}]
	if x == nil || c.now().UnixMicro()-x.at >= memo.Microseconds() {
		return nil, false
	}
	return x.list, true
}

// listed is how many there were when they were listed last.
func (c *Client) listed(account, kind string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if x := c.ids[idKey{account, kind}]; x != nil {
		return len(x.list)
	}
	return usual[kind]
}

// usual numbers of entities, until they were listed.
var usual = map[string]int{"campaigns": 5, "adgroups": 20, "keywords": 200, "ads": 60}

// listing is how many requests a list of a kind takes.
func (c *Client) listing(account, kind string) int {
	p, ok := parents[kind]
	if !ok {
		return 1 + c.listed(account, kind)/pageRows
	}
	return c.listing(account, p.kind) + c.listed(account, p.kind)
}

func (c *Client) entityTable(s entitySheet) tables.Table {
	t := c.base(s.name, s.doc, s.key, s.fields)
	t.Units = func(x tables.Scan) map[string]int { return rest.Units(c.limits(x.Account, false)) }
	t.Calls = func(x tables.Scan) (n int, exact bool) {
		if len(s.under) == 0 {
			return 1, s.kind != "campaigns" || c.listed(x.Account, s.kind) < pageRows
		}
		for _, kind := range s.under {
			n += c.listing(x.Account, kind) + c.listed(x.Account, kind)
		}
		return n, false // as many as there are campaigns and ad groups now
	}
	t.Scan = func(ctx context.Context, x tables.Scan) iter.Seq2[tables.Row, error] {
		x.Table = s.name
		return scan(ctx, x, func(name string) picker[object] {
			if name == "extra" {
				return extra(s.fields)
			}
			if f, ok := lookup(s.fields, name); ok && f.read != nil {
				return member(f, t.Lookup(name).NotNull)
			}
			return fixed[object](name, x.Account)
		}, func(ctx context.Context, each func(object) (bool, error)) error {
			return c.walk(ctx, x.Account, s, each)
		})
	}
	return t
}

// accountsTable is what the keys reach.
func (c *Client) accountsTable() tables.Table {
	type get struct {
		tables.Column
		value func(account) any
	}
	null := func(s string) any {
		if s == "" {
			return nil
		}
		return s
	}
	num := func(s string) any {
		if n, err := readInt(s); err == nil {
			return n
		}
		return nil
	}
	fields := []get{
		{tables.Column{Name: "customer_id", Type: tables.BigInt, NotNull: true, Doc: "Account (customer): customer_id of the other tables"}, func(a account) any { return num(a.ID) }},
		{tables.Column{Name: "ad_account_no", Type: tables.BigInt, Doc: "Number of the unified ad account, which is another one; NULL where the configuration names the account"}, func(a account) any { return num(a.No) }},
		{tables.Column{Name: "name", Type: tables.Varchar, Doc: "Name"}, func(a account) any { return null(a.Name) }},
		{tables.Column{Name: "role", Type: tables.Ident, Doc: "OWNER, MASTER or READ_ONLY"}, func(a account) any { return null(a.Role) }},
		{tables.Column{Name: "manager_account_no", Type: tables.BigInt, Doc: "Manager account through which it is reached; NULL for the login's own"}, func(a account) any { return num(a.Through) }},
		{tables.Column{Name: "currency", Type: tables.Ident, NotNull: true, Doc: "Currency of its amounts: KRW"}, func(account) any { return "KRW" }},
		{tables.Column{Name: "time_zone", Type: tables.Ident, NotNull: true, Doc: "Time zone of its days: Asia/Seoul"}, func(account) any { return "Asia/Seoul" }},
	}
	t := tables.Table{Name: "accounts", Doc: "Ad accounts that the keys reach, or those that the configuration names", Key: []string{"customer_id"}, Fresh: freshEntity,
		Calls: func(tables.Scan) (int, bool) {
			if len(c.only) > 0 {
				return 0, true
			}
			return c.listCalls()
		},
		Units: func(tables.Scan) map[string]int { return rest.Units(c.limits(c.customer, false)) }}
	for _, f := range fields {
		t.Columns = append(t.Columns, f.Column)
	}
	t.Scan = func(ctx context.Context, x tables.Scan) iter.Seq2[tables.Row, error] {
		x.Table = "accounts"
		return scan(ctx, x, func(name string) picker[account] {
			for _, f := range fields {
				if f.Name == name {
					return func(a account) (any, error) { return f.value(a), nil }
				}
			}
			return nil
		}, func(ctx context.Context, each func(account) (bool, error)) error {
			var all []account
			for _, id := range c.only {
				all = append(all, account{ID: id})
			}
			if len(c.only) == 0 {
				var err error
				if all, err = c.list(ctx, true); err != nil {
					return err
				}
			}
			for _, a := range all {
				if more, err := each(a); err != nil || !more {
					return err
				}
			}
			return nil
		})
	}
	return t
}
