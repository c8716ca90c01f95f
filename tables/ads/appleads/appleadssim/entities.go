package appleadssim

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"argo/tables/market"
)

type object = map[string]any

// amount is micros as the APIs write money.
func (c *call) amount(micros int64) object {
	text := strconv.FormatInt(micros/1_000_000, 10)
	if c.account.Unit() < 1_000_000 {
		text = fmt.Sprintf("%d.%02d", micros/1_000_000, micros%1_000_000/10_000)
	}
	return object{"amount": text, "currency": c.account.Currency}
}

// adam is the App Store id of an app: its digits, else one made of its place.
func (c *call) adam(app string) int64 {
	if n, err := strconv.ParseInt(strings.TrimPrefix(app, "id"), 10, 64); err == nil {
		return n
	}
	return 800_000_001 + int64(slices.IndexFunc(c.m.Apps(), func(a market.App) bool { return a.ID == app }))
}

func status(s market.Status) string {
	if s == market.Enabled {
		return "ENABLED"
	}
	return "PAUSED"
}

// serving is what Apple makes of a status.
func serving(s market.Status) (system, display string, reasons []any) {
	switch s {
	case market.Enabled:
		return "RUNNING", "RUNNING", []any{}
	case market.Deleted:
		return "NOT_RUNNING", "DELETED", []any{"DELETED_BY_USER"}
	}
	return "NOT_RUNNING", "PAUSED", []any{"PAUSED_BY_USER"}
}

func strategy(c market.Campaign) string {
	if c.Bidding == "manual_cpc" {
		return "MANUAL_CPT"
	}
	return "MAX_CONVERSIONS"
}

var placement = map[market.Form]string{market.Search: "APPSTORE_SEARCH_RESULTS", market.AppAds: "APPSTORE_SEARCH_RESULTS", market.Display: "APPSTORE_SEARCH_TAB",
	market.Video: "APPSTORE_TODAY_TAB", market.Demand: "APPSTORE_PRODUCT_PAGES_BROWSE"}

func (c *call) times(o object) object {
	at := string(c.m.Start()) + "T00:00:00.000"
	o["creationTime"], o["modificationTime"] = at, at
	return o
}

// objects lists a kind, by id, in the shape of the version.
func (c *call) objects(kind string) []object {
	a := c.account
	owner := "adAccountId"
	if c.v5 {
		owner = "orgId"
	}
	var out []object
	add := func(id int64, s market.Status, o object) {
		o["id"], o["deleted"] = id, s == market.Deleted
		if c.v5 {
			o[owner] = orgOf(a.ID)
		} else {
			o[owner] = a.ID
		}
		out = append(out, c.times(o))
	}
	campaigns := map[int64]market.Campaign{}
	for _, x := range c.m.Campaigns(a.ID) {
		campaigns[x.ID] = x
	}
	groups := map[int64]market.AdGroup{}
	for _, x := range c.m.AdGroups(a.ID) {
		groups[x.ID] = x
	}
	switch kind {
	case "campaigns":
		budgets := map[int64]market.Budget{}
		for _, b := range c.m.Budgets(a.ID) {
			budgets[b.ID] = b
		}
		for _, x := range c.m.Campaigns(a.ID) {
			system, display, reasons := serving(x.Status)
			o := object{"name": x.Name, "status": status(x.Status), "billingEvent": "TAPS", "paymentModel": "PAYG", "startTime": string(x.Begin) + "T00:00:00.000", "displayStatus": display}
			if x.End != "" {
				o["endTime"] = string(x.End) + "T00:00:00.000"
			}
			b := budgets[x.Budget]
			if c.v5 {
				o["servingStatus"], o["servingStateReasons"], o["adamId"], o["supplySources"] = system, reasons, c.adam(a.App), []any{placement[x.Form]}
				o["countriesOrRegions"], o["dailyBudgetAmount"], o["biddingStrategy"], o["adChannelType"] = []any{a.Country}, c.amount(b.Amount), strategy(x), "SEARCH"
			} else {
				o["systemStatus"], o["systemStatusReasons"], o["systemStatusLimitingReasons"] = system, reasons, []any{}
				o["promotedObjectType"], o["promotedObjectId"] = "APPSTORE_APP", strconv.FormatInt(c.adam(a.App), 10)
				o["targeting"] = object{"supplySource": object{"include": []any{"APPSTORE"}}, "supplyPlacement": object{"include": []any{placement[x.Form]}}, "countryOrRegion": object{"include": []any{a.Country}}}
				o["bidStrategy"] = object{"bidStrategyType": strategy(x)}
				if o["sharedBudgets"] = []any{}; b.Shared {
					o["sharedBudgets"] = []any{object{"budgetId": b.ID}}
				} else {
					o["dailyBudget"] = object{"value": c.amount(b.Amount)}
				}
			}
			add(x.ID, x.Status, o)
		}
	case "adgroups":
		for _, x := range c.m.AdGroups(a.ID) {
			system, display, reasons := serving(x.Status)
			o := object{"campaignId": x.Campaign, "name": x.Name, "status": status(x.Status), "displayStatus": display, "automatedKeywordsOptIn": campaigns[x.Campaign].Form == market.AppAds,
				"startTime": string(campaigns[x.Campaign].Begin) + "T00:00:00.000"}
			if c.v5 {
				o["servingStatus"], o["servingStateReasons"], o["pricingModel"], o["targetingDimensions"] = system, reasons, "CPC", nil
				o["defaultBidAmount"] = c.amount(x.Bid)
			} else {
				b := object{"bidStrategyType": strategy(campaigns[x.Campaign])}
				if x.Bid > 0 {
					b["bid"] = c.amount(x.Bid)
				}
				o["systemStatus"], o["systemStatusReasons"], o["systemStatusLimitingReasons"], o["pricingModel"], o["bidStrategy"] = system, reasons, []any{}, "CPT", b
			}
			add(x.ID, x.Status, o)
		}
	case "keywords", "negative-keywords":
		for _, x := range c.m.Keywords(a.ID) {
			if x.Negative != (kind == "negative-keywords") {
				continue
			}
			_, display, _ := serving(x.Status)
			o := object{"campaignId": groups[x.AdGroup].Campaign, "adGroupId": x.AdGroup, "text": x.Text, "matchType": match(x.Match), "status": c.keywordStatus(x.Status)}
			if !x.Negative {
				if o["displayStatus"] = display; x.Bid > 0 {
					o[map[bool]string{true: "bidAmount", false: "bid"}[c.v5]] = c.amount(x.Bid)
				}
			}
			add(x.ID, x.Status, o)
		}
	case "ads":
		for _, x := range c.m.Ads(a.ID) {
			system, display, reasons := serving(x.Status)
			o := object{"campaignId": groups[x.AdGroup].Campaign, "adGroupId": x.AdGroup, "name": x.Name, "status": status(x.Status), "creativeId": creative(a, x.ID)}
			if c.v5 {
				o["creativeType"], o["servingStatus"], o["servingStateReasons"] = creativeType(x.ID), system, reasons
			} else {
				o["systemStatus"], o["systemStatusReasons"], o["systemStatusLimitingReasons"], o["displayStatus"] = system, reasons, []any{}, display
			}
			add(x.ID, x.Status, o)
		}
	case "creatives":
		for i := range int64(2) {
			o := object{"name": []string{"Default page", "Custom page"}[i]}
			if c.v5 {
				o["type"], o["adamId"], o["state"] = creativeType(i), c.adam(a.App), "VALID"
			} else {
				spec := object{"adamId": strconv.FormatInt(c.adam(a.App), 10)}
				if i == 1 {
					spec["productPageId"] = "00000000-0000-0000-0000-000000000001"
				}
				o["creativeType"], o["creativeSpec"], o["systemStatus"], o["systemStatusReasons"] = creativeType(i), spec, "VALID", []any{}
			}
			add(creative(a, i), market.Enabled, o)
		}
	}
	return out
}

func creative(a market.Account, ad int64) int64 { return a.ID*10 + ad%2 }

func creativeType(ad int64) string {
	if ad%2 == 1 {
		return "CUSTOM_PRODUCT_PAGE"
	}
	return "DEFAULT_PRODUCT_PAGE"
}

func match(m string) string {
	if m == "exact" {
		return "EXACT"
	}
	return "BROAD"
}

func (c *call) keywordStatus(s market.Status) string {
	if c.v5 && s == market.Enabled {
		return "ACTIVE"
	}
	return status(s)
}

// condition of a query or a report, of either version.
type condition struct {
	Field      string `json:"field"`
	Operator   string `json:"operator"`
	Value      any    `json:"value"`  // v1
	Values     []any  `json:"values"` // v5
	IgnoreCase *bool  `json:"ignoreCase"`
}

func (x condition) list() []string {
	var out []string
	all := x.Values
	switch v := x.Value.(type) {
	case nil:
	case []any:
		all = append(all, v...)
	default:
		all = append(all, v)
	}
	for _, v := range all {
		out = append(out, fmt.Sprint(v))
	}
	return out
}

// holds says whether a value meets the condition.
func (x condition) holds(v any) (bool, *refusal) {
	have, want := fmt.Sprint(v), x.list()
	if len(want) == 0 {
		return false, invalid("MISSING_REQUIRED_FIELD", "The condition on %s has no value.", x.Field)
	}
	switch x.Operator {
	case "EQUALS", "IN":
		if x.Operator == "EQUALS" && len(want) > 1 {
			return false, invalid("INVALID_VALUE", "EQUALS takes one value.")
		}
		return slices.Contains(want, have), nil
	case "NOT_EQUALS", "NOT_IN":
		return !slices.Contains(want, have), nil
	case "STARTS_WITH", "STARTSWITH":
		return strings.HasPrefix(have, want[0]), nil
	case "GREATER_THAN", "LESS_THAN":
		a, err1 := strconv.ParseInt(have, 10, 64)
		b, err2 := strconv.ParseInt(want[0], 10, 64)
		if err1 != nil || err2 != nil {
			return false, invalid("INVALID_VALUE", "%s is for numbers.", x.Operator)
		}
		return x.Operator == "GREATER_THAN" && a > b || x.Operator == "LESS_THAN" && a < b, nil
	}
	return false, invalid("INVALID_VALUE", "The operator %q is not supported for %s.", x.Operator, x.Field)
}

// selector is the body of a query (v1) or a find (v5).
type selector struct {
	Filters    []condition `json:"filters"`
	Conditions []condition `json:"conditions"`
	Sorting    []struct {
		Field string `json:"field"`
		Order string `json:"order"`
	} `json:"sorting"`
	OrderBy []struct {
		Field     string `json:"field"`
		SortOrder string `json:"sortOrder"`
	} `json:"orderBy"`
	Fields     any `json:"fields"`
	Pagination *struct {
		Offset          int   `json:"offset"`
		PageSize        *int  `json:"pageSize"`
		Limit           *int  `json:"limit"`
		FetchTotalCount *bool `json:"fetchTotalCount"`
	} `json:"pagination"`
}

// page reads the pagination, and refuses the words of the other version.
func (c *call) page(s selector, usual int) (offset, size int, total bool, e *refusal) {
	size, total = usual, c.v5
	most := 5000
	if c.v5 {
		most = 1000
	}
	if p := s.Pagination; p != nil {
		offset = p.Offset
		if p.PageSize != nil && c.v5 || p.Limit != nil && !c.v5 {
			return 0, 0, false, invalid("INVALID_VALUE", "The pagination is not that of this version.")
		}
		for _, n := range []*int{p.PageSize, p.Limit} {
			if n != nil {
				size = *n
			}
		}
		if p.FetchTotalCount != nil {
			total = *p.FetchTotalCount || c.v5
		}
	}
	if offset < 0 || size < 1 || size > most {
		return 0, 0, false, invalid("INVALID_VALUE", "The page size is 1 to %d.", most)
	}
	return offset, size, total, nil
}

// query answers a list. scope are conditions of the path.
func (c *call) query(kind string, scope map[string]int64) *refusal {
	var s selector
	if e := c.decode(&s); e != nil {
		return e
	}
	conds := append(slices.Clone(s.Filters), s.Conditions...)
	if c.v5 && len(s.Filters)+len(s.Sorting) > 0 || !c.v5 && len(s.Conditions)+len(s.OrderBy) > 0 {
		return invalid("INVALID_VALUE", "The selector is not that of this version.")
	}
	named := func(f string) bool {
		return slices.ContainsFunc(conds, func(x condition) bool { return x.Field == f })
	}
	if !c.v5 && strings.HasSuffix(kind, "keywords") && !named("campaignId") && !named("adGroupId") {
		return invalid("MISSING_REQUIRED_FIELD", "A filter on campaignId or adGroupId is required.")
	}
	var rows []any
	for _, o := range c.objects(kind) {
		keep := o["deleted"] == false || named("deleted")
		for k, v := range scope {
			keep = keep && o[k] == v
		}
		for _, x := range conds {
			v, there := o[x.Field]
			if !there && !slices.Contains([]string{"adGroupId", "campaignId", "name", "status"}, x.Field) {
				return invalid("INVALID_VALUE", "The field %q cannot be filtered.", x.Field)
			}
			ok, e := x.holds(v)
			if e != nil {
				return e
			}
			keep = keep && ok
		}
		if keep {
			rows = append(rows, o)
		}
	}
	if len(s.Sorting) > 0 && s.Sorting[0].Order == "DESC" {
		slices.Reverse(rows)
	}
	usual := 20
	if !c.v5 {
		usual = 100
	}
	offset, size, total, e := c.page(s, usual)
	if e != nil {
		return e
	}
	n := len(rows)
	rows = c.spoil(rows[min(offset, n):min(offset+size, n)])
	if c.v5 {
		c.write(200, object{"data": rows, "pagination": object{"totalResults": n, "startIndex": offset, "itemsPerPage": len(rows)}, "error": nil})
		return nil
	}
	p := object{"offset": offset, "pageSize": size}
	if total {
		p["totalCount"] = n
	}
	c.write(200, object{"result": rows, "pagination": p})
	return nil
}

// spoil does to a page what a fault plan wants.
func (c *call) spoil(rows []any) []any {
	if rows == nil {
		rows = []any{}
	}
	switch {
	case c.missing && len(rows) > 0:
		return rows[1:]
	case c.repeat:
		return append(slices.Clone(rows), rows[:(len(rows)+1)/2]...)
	}
	return rows
}

// find gives one object of a kind; nil where there is none.
func (c *call) find(kind string, id int64) object {
	for _, o := range c.objects(kind) {
		if o["id"] == id {
			return o
		}
	}
	return nil
}

var kinds = map[string]market.Kind{"campaigns": market.KindCampaign, "adgroups": market.KindAdGroup, "keywords": market.KindKeyword, "ads": market.KindAd}

func (c *call) route1() *refusal {
	parts := strings.Split(c.path, "/")
	a := c.account
	if len(parts) == 2 && parts[0] == "ad-accounts" && c.r.Method == "GET" {
		if parts[1] != strconv.FormatInt(a.ID, 10) {
			return refuse(403, "FORBIDDEN", "The user has no access to this account.")
		}
		state := "ACTIVE"
		if a.Status != market.Enabled {
			state = "INACTIVE"
		}
		c.write(200, object{"result": c.times(object{"id": a.ID, "name": a.Name, "orgId": 1, "timezone": a.Zone, "currency": a.Currency, "paymentModel": "PAYG",
			"systemStatus": state, "systemStatusReasons": []any{}, "delegations": []any{}, "productFeatures": []any{}})})
		return nil
	}
	if len(parts) == 4 && parts[0] == "reports" && parts[1] == "apps" && parts[3] == "query" && c.r.Method == "POST" {
		return c.report1(parts[2])
	}
	if len(parts) == 2 && slices.Contains([]string{"campaigns", "adgroups", "keywords", "negative-keywords", "ads", "creatives"}, parts[0]) {
		switch {
		case parts[1] == "query" && c.r.Method == "POST":
			return c.query(parts[0], nil)
		case parts[0] == "keywords" && parts[1] == "bulk-update" && c.r.Method == "POST":
			return c.bulk()
		}
		id, err := strconv.ParseInt(parts[1], 10, 64)
		o := c.find(parts[0], id)
		switch {
		case err != nil || o == nil:
			return refuse(404, "NOT_FOUND", "There is no such object.")
		case c.r.Method == "GET":
			c.write(200, object{"result": o})
			return nil
		case c.r.Method == "PUT" && kinds[parts[0]] != "":
			var fields map[string]any
			if e := c.decode(&fields); e != nil {
				return e
			}
			if e := c.update(parts[0], o, fields); e != nil {
				return e
			}
			c.write(200, object{"result": c.find(parts[0], id)})
			return nil
		}
	}
	return refuse(404, "NOT_FOUND", "There is no such resource.")
}

func (c *call) bulk() *refusal {
	var body struct {
		AllowPartialSuccess bool `json:"allowPartialSuccess"`
		Items               []struct {
			CorrelationID int64          `json:"correlationId"`
			Data          map[string]any `json:"data"`
		} `json:"items"`
	}
	if e := c.decode(&body); e != nil {
		return e
	}
	var out []any
	for _, x := range body.Items {
		id, _ := strconv.ParseInt(fmt.Sprint(x.Data["id"]), 10, 64)
		delete(x.Data, "id")
		o := c.find("keywords", id)
		e := refuse(404, "NOT_FOUND", "There is no such keyword.")
		if o != nil {
			e = c.update("keywords", o, x.Data)
		}
		item := object{"correlationId": x.CorrelationID, "operation": "UPDATE", "success": e == nil}
		if e != nil {
			if !body.AllowPartialSuccess {
				return e
			}
			item["error"] = object{"code": e.code, "message": e.message}
		} else {
			item["result"] = c.find("keywords", id)
		}
		out = append(out, item)
	}
	c.write(200, object{"result": out})
	return nil
}

func (c *call) route5() *refusal {
	parts := strings.Split(c.path, "/")
	numbers := map[string]int64{}
	for i, p := range parts {
		if n, err := strconv.ParseInt(p, 10, 64); err == nil && i > 0 {
			numbers[map[string]string{"campaigns": "campaignId", "adgroups": "adGroupId", "ads": "adId"}[parts[i-1]]] = n
			parts[i] = "*"
		}
	}
	shape := c.r.Method + " " + strings.Join(parts, "/")
	scope := func(names ...string) map[string]int64 {
		out := map[string]int64{}
		for _, n := range names {
			out[n] = numbers[n]
		}
		return out
	}
	one := func(kind string, id int64, wrap string) *refusal {
		o := c.find(kind, id)
		if o == nil || numbers["campaignId"] != 0 && kind != "campaigns" && o["campaignId"] != numbers["campaignId"] {
			return refuse(404, "NOT_FOUND", "There is no such object.")
		}
		if c.r.Method == "PUT" {
			var fields map[string]any
			if e := c.decode(&fields); e != nil {
				return e
			}
			if wrap != "" {
				inner, ok := fields[wrap].(map[string]any)
				if !ok {
					return invalid(wrap, "The body needs %q.", wrap)
				}
				fields = inner
			}
			if e := c.update(kind, o, fields); e != nil {
				return e
			}
			o = c.find(kind, id)
		}
		c.write(200, object{"data": o, "pagination": nil, "error": nil})
		return nil
	}
	switch shape {
	case "POST campaigns/find":
		return c.query("campaigns", nil)
	case "POST adgroups/find":
		return c.query("adgroups", nil)
	case "POST ads/find":
		return c.query("ads", nil)
	case "POST creatives/find":
		return c.query("creatives", nil)
	case "POST campaigns/*/adgroups/find":
		return c.query("adgroups", scope("campaignId"))
	case "POST campaigns/*/ads/find":
		return c.query("ads", scope("campaignId"))
	case "POST campaigns/*/adgroups/targetingkeywords/find":
		return c.query("keywords", scope("campaignId"))
	case "POST campaigns/*/adgroups/negativekeywords/find":
		return c.query("negative-keywords", scope("campaignId"))
	case "POST campaigns/*/negativekeywords/find":
		return c.query("creatives", map[string]int64{"none": 1}) // no campaign has any
	case "GET campaigns/*", "PUT campaigns/*":
		return one("campaigns", numbers["campaignId"], map[string]string{"PUT": "campaign"}[c.r.Method])
	case "GET campaigns/*/adgroups/*", "PUT campaigns/*/adgroups/*":
		return one("adgroups", numbers["adGroupId"], "")
	case "GET campaigns/*/adgroups/*/ads/*", "PUT campaigns/*/adgroups/*/ads/*":
		return one("ads", numbers["adId"], "")
	case "GET campaigns":
		return c.query("campaigns", nil)
	case "GET campaigns/*/adgroups":
		return c.query("adgroups", scope("campaignId"))
	case "GET campaigns/*/adgroups/*/targetingkeywords":
		return c.query("keywords", scope("campaignId", "adGroupId"))
	case "PUT campaigns/*/adgroups/*/targetingkeywords/bulk":
		var items []map[string]any
		if e := c.decode(&items); e != nil {
			return e
		}
		out := []any{}
		for _, x := range items {
			id, _ := strconv.ParseInt(fmt.Sprint(x["id"]), 10, 64)
			o := c.find("keywords", id)
			if o == nil || o["adGroupId"] != numbers["adGroupId"] {
				return refuse(404, "NOT_FOUND", "There is no such keyword.")
			}
			delete(x, "id")
			if e := c.update("keywords", o, x); e != nil {
				return e
			}
			out = append(out, c.find("keywords", id))
		}
		c.write(200, object{"data": out, "pagination": object{"totalResults": len(out), "startIndex": 0, "itemsPerPage": len(out)}, "error": nil})
		return nil
	case "POST reports/campaigns":
		return c.report5("campaigns", 0)
	}
	if len(parts) == 4 && c.r.Method == "POST" && parts[0] == "reports" && parts[1] == "campaigns" && parts[2] == "*" {
		return c.report5(parts[3], numbers["campaignId"])
	}
	return refuse(404, "NOT_FOUND", "There is no such resource.")
}

// update changes an object as the fields say.
func (c *call) update(kind string, o object, fields map[string]any) *refusal {
	if o["deleted"] == true {
		return refuse(404, "NOT_FOUND", "The object was deleted.")
	}
	id := o["id"].(int64)
	change := market.Change{Op: market.Update, Kind: kinds[kind], Account: c.account.ID, ID: id}
	var changes []market.Change
	for name, v := range fields {
		switch {
		case name == "status":
			on := "ENABLED"
			if c.v5 && kind == "keywords" {
				on = "ACTIVE"
			}
			switch v {
			case on:
				change.Set = append(change.Set, market.Set{Name: "status", Value: string(market.Enabled)})
			case "PAUSED":
				change.Set = append(change.Set, market.Set{Name: "status", Value: string(market.Paused)})
			default:
				return invalid("INVALID_VALUE", "status: %v is not a status.", v)
			}
		case kind == "campaigns" && (name == "dailyBudget" && !c.v5 || name == "dailyBudgetAmount" && c.v5):
			if m, ok := v.(map[string]any); ok && !c.v5 {
				v = m["value"]
			}
			micros, e := c.money(name, v)
			if e != nil {
				return e
			}
			changes = append(changes, c.budget(id, micros)...)
		case kind == "adgroups" && (name == "bidStrategy" && !c.v5 || name == "defaultBidAmount" && c.v5), kind == "keywords" && (name == "bid" && !c.v5 || name == "bidAmount" && c.v5):
			if m, ok := v.(map[string]any); ok && name == "bidStrategy" {
				v = m["bid"]
			}
			campaign, _ := o["campaignId"].(int64)
			if i := slices.IndexFunc(c.m.Campaigns(c.account.ID), func(x market.Campaign) bool { return x.ID == campaign }); i >= 0 && strategy(c.m.Campaigns(c.account.ID)[i]) == "MAX_CONVERSIONS" {
				return invalid("INVALID_VALUE", "A bid cannot be set: the campaign maximizes conversions.")
			}
			micros, e := c.money(name, v)
			if e != nil {
				return e
			}
			change.Set = append(change.Set, market.Set{Name: "bid", Value: strconv.FormatInt(micros, 10)})
		case name == "name" && (kind == "campaigns" || kind == "adgroups" || kind == "ads"):
			change.Set = append(change.Set, market.Set{Name: "name", Value: fmt.Sprint(v)})
		default:
			return invalid("INVALID_VALUE", "The field %q cannot be changed.", name)
		}
	}
	if len(change.Set) > 0 {
		changes = append(changes, change)
	}
	if len(changes) == 0 {
		return nil
	}
	if _, err := c.m.Apply("api@agency.example", "api", changes...); err != nil {
		var gone *market.NotFound
		if errors.As(err, &gone) {
			return refuse(404, "NOT_FOUND", "%v", err)
		}
		return invalid("INVALID_VALUE", "%v", err)
	}
	return nil
}

// budget changes of a campaign: one that shares a budget gets one of its own.
func (c *call) budget(campaign, micros int64) []market.Change {
	var own market.Campaign
	for _, x := range c.m.Campaigns(c.account.ID) {
		if x.ID == campaign {
			own = x
		}
	}
	set := market.Set{Name: "amount", Value: strconv.FormatInt(micros, 10)}
	for _, b := range c.m.Budgets(c.account.ID) {
		if b.ID == own.Budget && !b.Shared {
			return []market.Change{{Op: market.Update, Kind: market.KindBudget, Account: c.account.ID, ID: b.ID, Set: []market.Set{set}}}
		}
	}
	return []market.Change{
		{Op: market.Create, Kind: market.KindBudget, Account: c.account.ID, ID: -1, Set: []market.Set{{Name: "name", Value: own.Name}, {Name: "status", Value: string(market.Enabled)}, set}},
		{Op: market.Update, Kind: market.KindCampaign, Account: c.account.ID, ID: campaign, Set: []market.Set{{Name: "budget", Value: "-1"}}},
	}
}

// money reads an amount: of the account's currency, above zero, of whole units.
func (c *call) money(name string, v any) (int64, *refusal) {
	m, _ := v.(map[string]any)
	text, ok := m["amount"].(string)
	if !ok {
		return 0, invalid("MISSING_REQUIRED_FIELD", "%s needs an amount, a text.", name)
	}
	if cur := cmp.Or(fmt.Sprint(m["currency"]), c.account.Currency); cur != c.account.Currency {
		return 0, invalid("INVALID_VALUE", "The currency of the account is %s.", c.account.Currency)
	}
	whole, part, _ := strings.Cut(text, ".")
	if len(part) > 6 || len(whole) > 12 {
		return 0, invalid("INVALID_VALUE", "%s: %q is not an amount.", name, text)
	}
	micros, err := strconv.ParseInt(whole+part+strings.Repeat("0", 6-len(part)), 10, 64)
	if err != nil || micros <= 0 || micros%c.account.Unit() != 0 {
		return 0, invalid("INVALID_VALUE", "%s: %q is not an amount above zero in whole units of %s.", name, text, c.account.Currency)
	}
	return micros, nil
}
