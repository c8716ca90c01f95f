package metaadssim

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"argo/tables/market"
)

// The ids of the market, in Meta's shape.
const (
	accounts  = 1_000_000_000_000_000
	campaigns = 120_210_000_000_000_000
	adSets    = 120_220_000_000_000_000
	ads       = 120_230_000_000_000_000
	creatives = 120_240_000_000_000_000
	block     = 10_000_000_000_000
)

func accountID(id int64) string { return strconv.FormatInt(accounts+id, 10) }

func text(id int64) string { return strconv.FormatInt(id, 10) }

// object is what an id names.
type object struct {
	kind    string // account, campaign, adset, ad, creative
	account market.Account
	id      int64 // of the market
	values  map[string]any
}

// names of the nodes in refusals.
var nodeTypes = map[string]string{"account": "AdAccount", "campaign": "AdCampaignGroup", "adset": "AdCampaign", "ad": "Adgroup", "creative": "AdCreative"}

// fieldsOf a node; others are refused.
var fieldsOf = map[string][]string{
	"account": {"id", "account_id", "name", "account_status", "disable_reason", "currency", "timezone_name", "timezone_id", "timezone_offset_hours_utc", "amount_spent", "balance", "spend_cap",
		"min_daily_budget", "business", "created_time", "owner", "age", "business_name", "end_advertiser", "funding_source", "is_personal", "user_tasks"},
	"campaign": {"id", "account_id", "name", "objective", "status", "configured_status", "effective_status", "buying_type", "bid_strategy", "daily_budget", "lifetime_budget", "budget_remaining", "spend_cap",
		"special_ad_categories", "special_ad_category", "start_time", "stop_time", "created_time", "updated_time", "issues_info", "is_adset_budget_sharing_enabled", "smart_promotion_type", "promoted_object", "adlabels", "pacing_type", "source_campaign_id"},
	"adset": {"id", "account_id", "campaign_id", "campaign", "name", "status", "configured_status", "effective_status", "daily_budget", "lifetime_budget", "budget_remaining", "bid_amount", "bid_strategy", "bid_constraints",
		"billing_event", "optimization_goal", "attribution_spec", "promoted_object", "targeting", "start_time", "end_time", "created_time", "updated_time", "learning_stage_info", "destination_type", "issues_info", "adlabels", "pacing_type", "is_dynamic_creative"},
	"ad": {"id", "account_id", "campaign_id", "campaign", "adset_id", "adset", "name", "status", "configured_status", "effective_status", "creative", "bid_amount", "conversion_domain", "ad_review_feedback",
		"tracking_specs", "created_time", "updated_time", "preview_shareable_link", "issues_info", "adlabels", "source_ad_id"},
	"creative": {"id", "account_id", "name", "status", "title", "body", "object_type", "object_story_spec", "asset_feed_spec", "image_hash", "image_url", "video_id", "thumbnail_url", "link_url", "object_url", "url_tags",
		"call_to_action_type", "effective_object_story_id", "object_story_id", "effective_instagram_media_id", "actor_id", "adlabels"},
}

// status words.
func word(s market.Status) string {
	return map[market.Status]string{market.Enabled: "ACTIVE", market.Paused: "PAUSED", market.Deleted: "DELETED"}[s]
}

// offset of the minor units of a currency, and an amount in micros in them.
func offset(currency string) int64 {
	if currency == "KRW" || currency == "JPY" {
		return 1
	}
	return 100
}

func minor(micros int64, currency string) int64 { return micros * offset(currency) / 1_000_000 }

func micros(minor int64, currency string) int64 { return minor * 1_000_000 / offset(currency) }

// least daily budget, minor units.
func least(currency string) int64 {
	return map[string]int64{"KRW": 1400, "JPY": 150}[currency] + map[bool]int64{true: 100}[offset(currency) == 100]
}

const clock = "2006-01-02T15:04:05-0700"

// world is one account as it is now.
type world struct {
	market.Account
	campaigns []market.Campaign
	groups    []market.AdGroup
	ads       []market.Ad
	budgets   map[int64]market.Budget
	byID      map[int64]market.Campaign
	groupByID map[int64]market.AdGroup
	touched   map[string]time.Time // kind and id → its last action
	made      map[string]time.Time
	begin     time.Time
}

func (s *Sim) world(a market.Account) *world {
	w := &world{Account: a, campaigns: s.m.Campaigns(a.ID), groups: s.m.AdGroups(a.ID), ads: s.m.Ads(a.ID), budgets: map[int64]market.Budget{},
		byID: map[int64]market.Campaign{}, groupByID: map[int64]market.AdGroup{}, touched: map[string]time.Time{}, made: map[string]time.Time{}}
	for _, b := range s.m.Budgets(a.ID) {
		w.budgets[b.ID] = b
	}
	for _, c := range w.campaigns {
		w.byID[c.ID] = c
	}
	for _, g := range w.groups {
		w.groupByID[g.ID] = g
	}
	for _, x := range s.m.Actions() {
		if x.Account == a.ID {
			key := string(x.Kind) + text(x.ID)
			w.touched[key] = x.At
			if x.Op == market.Create {
				w.made[key] = x.At
			}
		}
	}
	w.begin = s.m.Start().Time()
	return w
}

// own says that the budget is the campaign's, not its ad sets'.
func (w *world) own(c market.Campaign) bool { return w.budgets[c.Budget].Shared || c.ID%2 == 0 }

// daily is the daily budget of an ad set whose campaign has none: its part of the
// campaign's budget in the market.
func (s *Sim) daily(w *world, c market.Campaign) map[int64]int64 {
	total := minor(w.budgets[c.Budget].Amount, w.Currency)
	var ids []int64
	for _, g := range w.groups {
		if g.Campaign == c.ID && g.Status != market.Deleted {
			ids = append(ids, g.ID)
		}
	}
	out, sum := map[int64]int64{}, int64(0)
	s.mu.Lock()
	for _, id := range ids {
		out[id] = s.split[id]
		sum += s.split[id]
	}
	s.mu.Unlock()
	if sum == total && sum > 0 {
		return out
	}
	for i, id := range ids { // in equal parts, the rest to the first ones
		out[id] = total / int64(len(ids))
		if int64(i) < total%int64(len(ids)) {
			out[id]++
		}
	}
	return out
}

func (w *world) times(kind market.Kind, id int64) (made, touched string) {
	at := func(m map[string]time.Time) time.Time {
		if t, ok := m[string(kind)+text(id)]; ok {
			return t
		}
		return w.begin
	}
	return at(w.made).In(w.Location()).Format(clock), at(w.touched).In(w.Location()).Format(clock)
}

func (s *Sim) campaign(w *world, c market.Campaign) *object {
	made, touched := w.times(market.KindCampaign, c.ID)
	v := map[string]any{
		"id": text(campaigns + c.ID), "account_id": accountID(w.ID), "name": c.Name, "status": word(c.Status), "configured_status": word(c.Status), "effective_status": word(c.Status),
		"objective":   map[market.Form]string{market.Search: "OUTCOME_TRAFFIC", market.Display: "OUTCOME_AWARENESS", market.Video: "OUTCOME_ENGAGEMENT", market.Demand: "OUTCOME_SALES", market.AppAds: "OUTCOME_APP_PROMOTION"}[c.Form],
		"buying_type": "AUCTION", "special_ad_categories": []string{}, "special_ad_category": "NONE", "created_time": made, "updated_time": touched, "is_adset_budget_sharing_enabled": false,
		"pacing_type": []string{"standard"}, "smart_promotion_type": "GUIDED_CREATION", "start_time": made, "budget_remaining": "0",
	}
	if c.Begin != "" {
		v["start_time"] = c.Begin.Time().Format(clock)
	}
	if c.End != "" {
		v["stop_time"] = c.End.Time().Format(clock)
	}
	if w.own(c) {
		amount := minor(w.budgets[c.Budget].Amount, w.Currency)
		v["daily_budget"], v["budget_remaining"], v["bid_strategy"] = text(amount), text(amount/2), "LOWEST_COST_WITHOUT_CAP"
	}
	return &object{"campaign", w.Account, c.ID, v}
}

func (s *Sim) adset(w *world, g market.AdGroup, daily map[int64]map[int64]int64) *object {
	c := w.byID[g.Campaign]
	made, touched := w.times(market.KindAdGroup, g.ID)
	status, effective := word(g.Status), word(g.Status)
	switch {
	case c.Status == market.Deleted:
		status, effective = "DELETED", "DELETED"
	case c.Status == market.Paused && effective == "ACTIVE":
		effective = "CAMPAIGN_PAUSED"
	}
	goal := map[market.Form]string{market.Search: "LINK_CLICKS", market.Display: "REACH", market.Video: "THRUPLAY", market.Demand: "OFFSITE_CONVERSIONS", market.AppAds: "APP_INSTALLS"}[c.Form]
	v := map[string]any{
		"id": text(adSets + g.ID), "account_id": accountID(w.ID), "campaign_id": text(campaigns + g.Campaign), "campaign": s.campaign(w, c), "name": g.Name, "status": status, "configured_status": status,
		"effective_status": effective, "billing_event": "IMPRESSIONS", "optimization_goal": goal, "destination_type": "UNDEFINED", "created_time": made, "updated_time": touched, "start_time": made,
		"attribution_spec": []any{map[string]any{"event_type": "CLICK_THROUGH", "window_days": 7}, map[string]any{"event_type": "VIEW_THROUGH", "window_days": 1}},
		"targeting":        map[string]any{"age_min": 18, "age_max": 65, "geo_locations": map[string]any{"countries": []string{w.Country}, "location_types": []string{"home", "recent"}}},
		"bid_strategy":     "LOWEST_COST_WITHOUT_CAP", "budget_remaining": "0", "pacing_type": []string{"standard"}, "is_dynamic_creative": false,
		"learning_stage_info": map[string]any{"status": "SUCCESS", "conversions": 50},
	}
	if bid := minor(g.Bid, w.Currency); bid > 0 {
		v["bid_amount"], v["bid_strategy"] = bid, "LOWEST_COST_WITH_BID_CAP"
	}
	if !w.own(c) {
		if daily[c.ID] == nil {
			daily[c.ID] = s.daily(w, c)
		}
		amount := daily[c.ID][g.ID]
		v["daily_budget"], v["budget_remaining"] = text(amount), text(amount/2)
	}
	return &object{"adset", w.Account, g.ID, v}
}

func (s *Sim) ad(w *world, a market.Ad, daily map[int64]map[int64]int64) *object {
	g := w.groupByID[a.AdGroup]
	c := w.byID[g.Campaign]
	made, touched := w.times(market.KindAd, a.ID)
	status, effective := word(a.Status), word(a.Status)
	switch {
	case c.Status == market.Deleted || g.Status == market.Deleted:
		status, effective = "DELETED", "DELETED"
	case effective != "ACTIVE":
	case c.Status == market.Paused:
		effective = "CAMPAIGN_PAUSED"
	case g.Status == market.Paused:
		effective = "ADSET_PAUSED"
	}
	return &object{"ad", w.Account, a.ID, map[string]any{
		"id": text(ads + a.ID), "account_id": accountID(w.ID), "campaign_id": text(campaigns + g.Campaign), "adset_id": text(adSets + g.ID), "campaign": s.campaign(w, c), "adset": s.adset(w, g, daily),
		"name": cmp.Or(a.Name, "Ad "+text(a.ID)), "status": status, "configured_status": status, "effective_status": effective, "created_time": made, "updated_time": touched,
		"creative": s.creative(w, a), "conversion_domain": "shop.example",
		"tracking_specs":         []any{map[string]any{"action.type": []string{"offsite_conversion"}, "fb_pixel": []string{"400000000000001"}}},
		"preview_shareable_link": "https://fb.me/preview/" + text(a.ID),
	}}
}

func (s *Sim) creative(w *world, a market.Ad) *object {
	first := func(list []string) string {
		if len(list) > 0 {
			return list[0]
		}
		return "Autumn"
	}
	return &object{"creative", w.Account, a.ID, map[string]any{
		"id": text(creatives + a.ID), "account_id": accountID(w.ID), "name": "Creative of " + cmp.Or(a.Name, text(a.ID)), "status": "ACTIVE", "title": first(a.Headlines), "body": first(a.Descriptions),
		"object_type": "SHARE", "call_to_action_type": "LEARN_MORE", "link_url": a.URL, "url_tags": "utm_source=facebook&utm_campaign={{campaign.name}}", "image_hash": fmt.Sprintf("%032x", a.ID),
		"thumbnail_url": "https://cdn.example/t/" + text(a.ID) + ".jpg", "effective_object_story_id": "500000000000001_" + text(a.ID),
		"object_story_spec": map[string]any{"page_id": "500000000000001", "link_data": map[string]any{"link": a.URL, "message": first(a.Descriptions), "name": first(a.Headlines)}},
	}}
}

func (s *Sim) accountNode(a market.Account) *object {
	_, off := s.m.Now().In(a.Location()).Zone()
	status := 1
	if a.Status != market.Enabled {
		status = 101
	}
	zones := map[string]int{"Asia/Seoul": 79, "Asia/Tokyo": 70, "America/New_York": 7}
	return &object{"account", a, 0, map[string]any{
		"id": "act_" + accountID(a.ID), "account_id": accountID(a.ID), "name": a.Name, "account_status": status, "disable_reason": 0, "currency": a.Currency, "timezone_name": a.Zone, "timezone_id": zones[a.Zone],
		"timezone_offset_hours_utc": float64(off) / 3600, "amount_spent": text(a.ID % 100_000 * 10), "balance": text(a.ID % 1000), "spend_cap": "0", "min_daily_budget": least(a.Currency),
		"business": map[string]any{"id": s.o.Business, "name": "Agency"}, "created_time": s.m.Start().Time().Format(clock), "age": 120.5, "owner": s.o.Business, "is_personal": 0,
	}}
}

// object finds what an id names.
func (c *call) object(id string) (*object, error) {
	if digits, ok := strings.CutPrefix(id, "act_"); ok {
		n, err := strconv.ParseInt(digits, 10, 64)
		if a, ok := c.m.Account(n - accounts); err == nil && ok {
			return c.accountNode(a), nil
		}
		return nil, missing(id)
	}
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return nil, &apiError{status: 404, code: 803, kind: "OAuthException", message: "(#803) Some of the aliases you requested do not exist: " + id}
	}
	base := int64(0)
	for _, b := range []int64{campaigns, adSets, ads, creatives} {
		if n >= b && n < b+block {
			base = b
		}
	}
	if base == 0 {
		return nil, missing(id)
	}
	n -= base
	for _, a := range c.m.Accounts() {
		var found bool
		switch base {
		case campaigns:
			found = slices.ContainsFunc(c.m.Campaigns(a.ID), func(x market.Campaign) bool { return x.ID == n })
		case adSets:
			found = slices.ContainsFunc(c.m.AdGroups(a.ID), func(x market.AdGroup) bool { return x.ID == n })
		default:
			found = slices.ContainsFunc(c.m.Ads(a.ID), func(x market.Ad) bool { return x.ID == n })
		}
		if !found {
			continue
		}
		w, daily := c.world(a), map[int64]map[int64]int64{}
		switch base {
		case campaigns:
			return c.campaign(w, w.byID[n]), nil
		case adSets:
			return c.adset(w, w.groupByID[n], daily), nil
		}
		for _, x := range w.ads {
			if x.ID == n && base == ads {
				return c.ad(w, x, daily), nil
			} else if x.ID == n {
				return c.creative(w, x), nil
			}
		}
	}
	return nil, missing(id)
}

// selection is a parsed fields parameter: names with what is selected below them.
type selection struct {
	name  string
	below []selection
}

func parseFields(text string) ([]selection, error) {
	var out []selection
	depth, start := 0, 0
	add := func(part string) error {
		part = strings.TrimSpace(part)
		if part == "" {
			return nil
		}
		s := selection{name: part}
		if i := strings.IndexByte(part, '{'); i >= 0 {
			if !strings.HasSuffix(part, "}") {
				return &apiError{status: 400, code: 2500, kind: "OAuthException", message: "Syntax error \"Expected end of string instead of \"{\".\" at character " + strconv.Itoa(i)}
			}
			below, err := parseFields(part[i+1 : len(part)-1])
			if err != nil {
				return err
			}
			s = selection{part[:i], below}
		}
		out = append(out, s)
		return nil
	}
	for i := range len(text) {
		switch text[i] {
		case '{':
			depth++
		case '}':
			depth--
		case ',':
			if depth == 0 {
				if err := add(text[start:i]); err != nil {
					return nil, err
				}
				start = i + 1
			}
		}
	}
	return out, add(text[start:])
}

// show gives the selected fields of an object; what it does not have is left out.
func (o *object) show(sel []selection) (map[string]any, error) {
	out := map[string]any{"id": o.values["id"]}
	if len(sel) == 0 && o.kind == "account" {
		out["account_id"] = o.values["account_id"]
	}
	for _, s := range sel {
		if !slices.Contains(fieldsOf[o.kind], s.name) {
			return nil, invalid("Tried accessing nonexisting field (%s) on node type (%s)", s.name, nodeTypes[o.kind])
		}
		switch v := o.values[s.name].(type) {
		case nil:
		case *object:
			below, err := v.show(s.below)
			if err != nil {
				return nil, err
			}
			out[s.name] = below
		default:
			out[s.name] = v
		}
	}
	return out, nil
}

func (c *call) node(o *object) (any, error) {
	sel, err := parseFields(c.form.Get("fields"))
	if err != nil {
		return nil, err
	}
	return o.show(sel)
}

func (c *call) accounts(own bool) (any, error) {
	var list []*object
	if own {
		for _, a := range c.m.Accounts() {
			list = append(list, c.accountNode(a))
		}
	}
	return c.list(list)
}

// strings reads a list: a JSON array, or words between commas.
func words(text string) ([]string, error) {
	text = strings.TrimSpace(text)
	var out []string
	if strings.HasPrefix(text, "[") {
		if err := json.Unmarshal([]byte(text), &out); err != nil {
			return nil, invalid("a list is expected instead of %.60s", text)
		}
		return out, nil
	}
	for _, w := range strings.Split(text, ",") {
		if w = strings.Trim(strings.TrimSpace(w), `"'`); w != "" {
			out = append(out, w)
		}
	}
	return out, nil
}

// condition of a filtering parameter.
type condition struct {
	Field    string `json:"field"`
	Operator string `json:"operator"`
	Value    any    `json:"value"`
}

func (c *call) filtering() ([]condition, error) {
	text := c.form.Get("filtering")
	if text == "" {
		return nil, nil
	}
	var out []condition
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		return nil, invalid("param filtering must be an array.")
	}
	return out, nil
}

// holds says whether a value meets the condition.
func (f condition) holds(v string) (bool, error) {
	switch f.Operator {
	case "IN", "NOT_IN":
		list, ok := f.Value.([]any)
		if !ok {
			return false, invalid("Filtering field '%s' with operation '%s' needs a list", f.Field, strings.ToLower(f.Operator))
		}
		in := slices.ContainsFunc(list, func(x any) bool { return fmt.Sprint(x) == v })
		return in == (f.Operator == "IN"), nil
	case "EQUAL":
		return fmt.Sprint(f.Value) == v, nil
	case "CONTAIN":
		return strings.Contains(v, fmt.Sprint(f.Value)), nil
	}
	return false, invalid("Filtering field '%s' with operation '%s' is not supported", f.Field, strings.ToLower(f.Operator))
}

// edge lists what belongs to an object.
func (c *call) edge(o *object, edge string) (any, error) {
	kind := map[string]string{"campaigns": "campaign", "adsets": "adset", "ads": "ad", "adcreatives": "creative"}[edge]
	if kind == "" || o.kind == "ad" && kind != "creative" || o.kind == "creative" || o.kind == "campaign" && kind == "campaign" || o.kind == "adset" && kind != "ad" && kind != "creative" {
		return nil, unknownPath(edge)
	}
	w, daily := c.world(o.account), map[int64]map[int64]int64{}
	var all []*object
	switch kind {
	case "campaign":
		for _, x := range w.campaigns {
			all = append(all, c.campaign(w, x))
		}
	case "adset":
		for _, x := range w.groups {
			all = append(all, c.adset(w, x, daily))
		}
	case "ad":
		for _, x := range w.ads {
			all = append(all, c.ad(w, x, daily))
		}
	case "creative":
		for _, x := range w.ads {
			all = append(all, c.creative(w, x))
		}
	}
	statuses := []string(nil)
	if text := c.form.Get("effective_status"); text != "" {
		var err error
		if statuses, err = words(text); err != nil {
			return nil, err
		}
		for _, s := range statuses {
			if !slices.Contains(effective, s) {
				return nil, invalid("Param effective_status[0] must be one of {%s}", strings.Join(effective, ", "))
			}
		}
	}
	conds, err := c.filtering()
	if err != nil {
		return nil, err
	}
	for _, f := range conds {
		if strings.TrimSuffix(f.Field, "_status") != f.Field && f.Field == "effective_status" {
			statuses = effective
		}
	}
	var out []*object
	for _, x := range all {
		state, _ := x.values["effective_status"].(string)
		keep := statuses == nil && state != "DELETED" && state != "ARCHIVED" || statuses != nil && (kind == "creative" || slices.Contains(statuses, state))
		if o.kind != "account" && kind != "creative" {
			keep = keep && x.values[o.kind+"_id"] == o.values["id"]
		}
		for _, f := range conds {
			name := f.Field
			if before, after, ok := strings.Cut(name, "."); ok {
				if name = before + "_id"; after != "id" {
					name = after
				}
				if before == kind {
					name = after
				}
			}
			v, known := x.values[name]
			if !known && !slices.Contains(fieldsOf[kind], name) {
				return nil, invalid("Filtering field '%s' is invalid", f.Field)
			}
			ok, err := f.holds(fmt.Sprint(v))
			if err != nil {
				return nil, err
			}
			keep = keep && ok
		}
		if keep {
			out = append(out, x)
		}
	}
	slices.Reverse(out) // the newest first
	return c.list(out)
}

var effective = []string{"ACTIVE", "PAUSED", "DELETED", "PENDING_REVIEW", "DISAPPROVED", "PREAPPROVED", "PENDING_BILLING_INFO", "CAMPAIGN_PAUSED", "ARCHIVED", "ADSET_PAUSED", "IN_PROCESS", "WITH_ISSUES"}

func (c *call) list(all []*object) (any, error) {
	sel, err := parseFields(c.form.Get("fields"))
	if err != nil {
		return nil, err
	}
	from, to, err := c.window(len(all))
	if err != nil {
		return nil, err
	}
	rows := []any{}
	for _, o := range all[from:to] {
		row, err := o.show(sel)
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return c.paged(rows, from, to, len(all)), nil
}

// window of the rows that the request is for: cursors are offsets.
func (c *call) window(n int) (from, to int, err error) {
	limit := 25
	if text := c.form.Get("limit"); text != "" {
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 {
			return 0, 0, invalid("Param limit must be an integer greater than 0")
		}
		if limit > 5000 {
			return 0, 0, &apiError{status: 500, code: 1, kind: "OAuthException", message: "Please reduce the amount of data you're asking for, then retry your request"}
		}
	}
	if after := c.form.Get("after"); after != "" {
		b, err := base64.RawURLEncoding.DecodeString(after)
		if err == nil {
			from, err = strconv.Atoi(string(b))
		}
		if err != nil || from < 0 {
			return 0, 0, invalid("Invalid cursors values: after cursor is invalid")
		}
	}
	from = min(from, n)
	return from, min(from+limit, n), nil
}

func cursor(n int) string { return base64.RawURLEncoding.EncodeToString([]byte(strconv.Itoa(n))) }

func (c *call) paged(rows []any, from, to, n int) map[string]any {
	out := map[string]any{"data": rows}
	if len(rows) == 0 {
		return out
	}
	paging := map[string]any{"cursors": map[string]any{"before": cursor(from), "after": cursor(to)}}
	if to < n {
		q := c.r.URL.Query()
		q.Set("after", cursor(to))
		q.Set("access_token", c.o.Token) // as the API does
		paging["next"] = "https://graph.facebook.com/" + version + "/" + strings.Join(c.path, "/") + "?" + q.Encode()
	}
	if from > 0 {
		paging["previous"] = "https://graph.facebook.com/" + version + "/" + strings.Join(c.path, "/") + "?before=" + cursor(from)
	}
	out["paging"] = paging
	return out
}
