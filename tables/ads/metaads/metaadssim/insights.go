package metaadssim

import (
	"cmp"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"argo/tables"
	"argo/tables/market"
)

// insightFields are the fields of AdsInsights (api_specs/specs/AdsInsights.json);
// of those that are not modelled rows have none.

func insightFields() map[string]bool {
	out := map[string]bool{}
	for _, f := range strings.Fields(`account_currency account_id account_name action_values actions ad_click_actions ad_id ad_impression_actions ad_name adset_end adset_id adset_name adset_start
attribution_setting auction_bid auction_competitiveness auction_max_competitor_bid average_purchases_conversion_value buying_type campaign_id campaign_name canvas_avg_view_percent canvas_avg_view_time
catalog_segment_actions catalog_segment_value clicks conversion_rate_ranking conversion_values conversions cost_per_action_type cost_per_conversion cost_per_inline_link_click
cost_per_inline_post_engagement cost_per_outbound_click cost_per_result cost_per_thruplay cost_per_unique_action_type cost_per_unique_click cost_per_unique_inline_link_click cost_per_unique_outbound_click
cpc cpm cpp created_time ctr date_start date_stop engagement_rate_ranking estimated_ad_recallers frequency full_view_impressions full_view_reach impressions inline_link_click_ctr inline_link_clicks
inline_post_engagement instant_experience_clicks_to_open instant_experience_outbound_clicks mobile_app_purchase_roas objective objective_results optimization_goal outbound_clicks outbound_clicks_ctr
purchase_roas quality_ranking reach results social_spend spend total_postbacks unique_actions unique_clicks unique_ctr unique_inline_link_click_ctr unique_inline_link_clicks unique_link_clicks_ctr
unique_outbound_clicks unique_outbound_clicks_ctr updated_time video_30_sec_watched_actions video_avg_time_watched_actions video_continuous_2_sec_watched_actions video_p100_watched_actions
video_p25_watched_actions video_p50_watched_actions video_p75_watched_actions video_p95_watched_actions video_play_actions video_play_curve_actions video_thruplay_watched_actions
video_time_watched_actions website_ctr website_purchase_roas wish_bid`) {
		out[f] = true
	}
	return out
}

const (
	hourAdvertiser = "hourly_stats_aggregated_by_advertiser_time_zone"
	hourAudience   = "hourly_stats_aggregated_by_audience_time_zone"
)

// combinations of breakdowns that go together (Insights API, Breakdowns).
var combinations = []string{"age", "gender", "age,gender", "country", "region", "publisher_platform", "impression_device,publisher_platform", "platform_position,publisher_platform",
	"impression_device,platform_position,publisher_platform", "device_platform,platform_position,publisher_platform", "device_platform", "impression_device", hourAdvertiser, hourAudience}

var windowWords = []string{"1d_view", "7d_view", "28d_view", "1d_click", "7d_click", "28d_click", "1d_ev", "dda", "default", "skan_click", "skan_view"}

var presets = map[string]func(today tables.Day) tables.Days{
	"today":     func(t tables.Day) tables.Days { return tables.Days{From: t, To: t} },
	"yesterday": func(t tables.Day) tables.Days { return tables.Days{From: t.Add(-1), To: t.Add(-1)} },
	"last_3d":   func(t tables.Day) tables.Days { return tables.Days{From: t.Add(-3), To: t.Add(-1)} },
	"last_7d":   func(t tables.Day) tables.Days { return tables.Days{From: t.Add(-7), To: t.Add(-1)} },
	"last_14d":  func(t tables.Day) tables.Days { return tables.Days{From: t.Add(-14), To: t.Add(-1)} },
	"last_28d":  func(t tables.Day) tables.Days { return tables.Days{From: t.Add(-28), To: t.Add(-1)} },
	"last_30d":  func(t tables.Day) tables.Days { return tables.Days{From: t.Add(-30), To: t.Add(-1)} },
	"last_90d":  func(t tables.Day) tables.Days { return tables.Days{From: t.Add(-90), To: t.Add(-1)} },
	"this_month": func(t tables.Day) tables.Days {
		return tables.Days{From: t[:8] + "01", To: t}
	},
	"maximum": func(t tables.Day) tables.Days { return tables.Days{From: t.Add(-1090), To: t} },
}

// query of insights, as it was asked.
type query struct {
	account    market.Account
	fields     []string
	level      string
	days       tables.Days
	step       int // days of a row; 0: all
	breakdowns []string
	windows    []string
	conds      []condition
	summary    []string
	campaign   int64 // of the market, where the request is for one
	adset, ad  int64
	limit      string
}

func (q *query) by(names ...string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return slices.Contains(q.breakdowns, n) })
}

// parse reads the parameters of a request for insights.
func (c *call) parse(o *object) (*query, error) {
	q := &query{account: o.account, level: cmp.Or(c.form.Get("level"), o.kind)}
	switch o.kind {
	case "campaign":
		q.campaign = o.id
	case "adset":
		q.adset = o.id
	case "ad":
		q.ad = o.id
	case "creative":
		return nil, unknownPath("insights")
	}
	if !slices.Contains([]string{"account", "campaign", "adset", "ad"}, q.level) {
		return nil, invalid("level must be one of the following values: ad, adset, campaign, account")
	}
	var err error
	if q.fields, err = words(c.form.Get("fields")); err != nil {
		return nil, err
	}
	known := insightFields()
	for _, f := range q.fields {
		if !known[f] {
			return nil, invalid("%s is not valid for fields param. please check https://developers.facebook.com/docs/marketing-api/reference/ads-insights/ for all valid values", f)
		}
	}
	if len(q.fields) == 0 {
		q.fields = []string{"impressions", "spend", "account_id"}
	}
	if q.breakdowns, err = words(c.form.Get("breakdowns")); err != nil {
		return nil, err
	}
	if len(q.breakdowns) > 0 {
		for _, b := range q.breakdowns {
			if !strings.Contains(strings.Join(combinations, ","), b) {
				return nil, invalid("%s is not valid for breakdowns param. please check https://developers.facebook.com/docs/marketing-api/insights/breakdowns/ for all valid values", b)
			}
		}
		sorted := slices.Sorted(slices.Values(q.breakdowns))
		if !slices.Contains(combinations, strings.Join(sorted, ",")) {
			if slices.ContainsFunc(q.fields, func(f string) bool { return f == "actions" || f == "action_values" }) {
				sorted = append([]string{"action_type"}, sorted...)
			}
			return nil, invalid("Current combination of data breakdown columns (%s) is invalid", strings.Join(sorted, ", "))
		}
	}
	if q.by(hourAdvertiser, hourAudience) {
		for _, f := range q.fields {
			if f == "reach" || f == "frequency" || f == "cpp" || strings.HasPrefix(f, "unique_") || strings.HasPrefix(f, "cost_per_unique") || strings.HasPrefix(f, "video_") {
				return nil, invalid("Field %s is not available with hourly stats breakdowns", f)
			}
		}
	}
	if q.windows, err = words(c.form.Get("action_attribution_windows")); err != nil {
		return nil, err
	}
	for _, w := range q.windows {
		if !slices.Contains(windowWords, w) {
			return nil, invalid("action_attribution_windows[0] must be one of the following values: %s", strings.Join(windowWords, ", "))
		}
	}
	if t := c.form.Get("action_report_time"); t != "" && !slices.Contains([]string{"impression", "conversion", "mixed", "lifetime"}, t) {
		return nil, invalid("action_report_time must be one of the following values: conversion, impression, lifetime, mixed")
	}
	today := tables.DayOf(c.m.Now().In(o.account.Location()))
	switch text, preset := c.form.Get("time_range"), cmp.Or(c.form.Get("date_preset"), "last_30d"); {
	case text != "":
		var r struct{ Since, Until string }
		if json.Unmarshal([]byte(text), &r) != nil {
			return nil, invalid("param time_range must be a valid JSON object of since and until")
		}
		from, err1 := tables.ParseDay(r.Since)
		to, err2 := tables.ParseDay(r.Until)
		if err1 != nil || err2 != nil {
			return nil, invalid("time_range[since] and time_range[until] must be dates in format YYYY-MM-DD")
		}
		if from > to {
			return nil, invalid("since param cannot be greater than until param")
		}
		q.days = tables.Days{From: from, To: to}
	case presets[preset] == nil:
		return nil, invalid("date_preset must be one of the following values: today, yesterday, this_month, last_7d, last_30d, maximum …")
	default:
		q.days = presets[preset](today)
	}
	if q.days.From < tables.DayOf(today.Time().AddDate(0, -37, 0)) {
		return nil, &apiError{status: 400, code: 3018, kind: "OAuthException", message: "(#3018) The start date of the time range cannot be beyond 37 months from the current date"}
	}
	if len(q.breakdowns) > 0 && q.days.From < tables.DayOf(today.Time().AddDate(0, -13, 0)) && slices.Contains(q.fields, "reach") {
		return nil, invalid("Reach with breakdowns is available for the last 13 months only")
	}
	switch text := c.form.Get("time_increment"); text {
	case "", "all_days":
	default:
		if q.step, err = strconv.Atoi(text); err != nil || q.step < 1 || q.step > 90 {
			return nil, invalid("time_increment must be an integer from 1 to 90, monthly or all_days")
		}
	}
	if q.conds, err = c.filtering(); err != nil {
		return nil, err
	}
	for _, f := range q.conds {
		if !slices.Contains([]string{"campaign.id", "adset.id", "ad.id"}, f.Field) {
			return nil, invalid("Filtering field '%s' is not modelled", f.Field)
		}
	}
	if q.summary, err = words(c.form.Get("summary")); err != nil {
		return nil, err
	}
	for _, f := range q.summary {
		if !known[f] {
			return nil, invalid("%s is not valid for summary param", f)
		}
	}
	if d := c.form.Get("default_summary"); d == "true" || d == "1" {
		q.summary = q.fields
	}
	return q, nil
}

// The metrics that add up, by place; those from claims on are conversions.
const (
	impressions = iota
	clicks
	cost // smallest units of the currency
	linkClicks
	outbound
	landing
	engagements
	videoViews
	thruplays
	finished
	offsite // what follows happens off Meta
)

// Conversions, each with the counts of its windows.
var conversions = []string{"purchase", "lead", "install", "registration", "cart", "checkout"}

// windows of a conversion, by place.
const (
	w1d = iota
	w7d
	w28d
	w1v
	windowsOf
)

const size = offsite + windowsOf*(6+1) // six counts and the value of purchases

func at(conversion, window int) int { return offsite + conversion*windowsOf + window }

const values = 6 // place of the value of purchases among conversions

// figures of a cell.
type figures [size]int64

func (f *figures) add(o *figures) {
	for i := range f {
		f[i] += o[i]
	}
}

func hash(parts ...any) uint64 {
	h := fnv.New64a()
	fmt.Fprint(h, parts...)
	x := h.Sum64()
	x ^= x >> 31
	x *= 0x9e3779b97f4a7c15
	return x ^ x>>29
}

// unit is the smallest unit of a currency in micros.
func unit(currency string) int64 { return 1_000_000 / offset(currency) }

// expand makes Meta's figures of what an ad delivered on a day.
func expand(f market.Fact, form market.Form, currency string) *figures {
	var out figures
	out[impressions], out[clicks], out[cost] = f.Impressions, f.Clicks, f.Cost/unit(currency)
	out[linkClicks] = f.Clicks - f.Clicks/10
	out[outbound] = out[linkClicks] - out[linkClicks]/20
	out[landing] = out[linkClicks] * 4 / 5
	out[engagements] = f.Clicks + f.Impressions/50
	if form == market.Video || form == market.Demand {
		out[videoViews] = f.Impressions / 4
		out[thruplays] = f.Impressions / 9
		out[finished] = f.Impressions / 14
	}
	n := f.AllConversions / 100
	for i := range n {
		h := hash(f.Ad, f.Day, i)
		w := w28d
		switch x := h % 100; {
		case x < 70:
			w = w1d
		case x < 90:
			w = w7d
		}
		kinds := []bool{true, h>>8%5 == 0, false, h>>12%6 == 0, true, true}
		if form == market.AppAds {
			kinds = []bool{h>>8%4 == 0, false, true, h>>12%2 == 0, h>>16%3 == 0, h>>20%4 == 0}
		}
		for k, is := range kinds {
			for j := w; is && j <= w28d; j++ {
				out[at(k, j)]++
			}
		}
	}
	for j := w1d; j <= w28d && n > 0; j++ {
		share := f.AllValue / unit(currency) / n
		out[at(values, j)] = share * out[at(0, j)]
	}
	out[at(0, w1v)] = f.ViewThrough
	out[at(values, w1v)] = f.ViewThrough * map[bool]int64{true: 2500, false: 30000}[offset(currency) == 100]
	return &out
}

// part of what an ad delivered.
type part struct {
	labels []string
	weight float64
}

// parts of a breakdown. They do not depend on anything but the account and,
// a little, on the ad and the day.
func (q *query) parts() []part {
	cross := func(a, b []part) (out []part) {
		for _, x := range a {
			for _, y := range b {
				out = append(out, part{slices.Concat(x.labels, y.labels), x.weight * y.weight})
			}
		}
		return out
	}
	list := func(pairs ...any) (out []part) {
		for i := 0; i < len(pairs); i += 2 {
			out = append(out, part{[]string{pairs[i].(string)}, pairs[i+1].(float64)})
		}
		return out
	}
	hours := func() (out []part) {
		for h := range 24 {
			w := 2.0
			if h >= 7 {
				w = 5
			}
			if h >= 19 {
				w = 8
			}
			out = append(out, part{[]string{fmt.Sprintf("%02d:00:00 - %02d:59:59", h, h)}, w})
		}
		return out
	}
	country := q.account.Country
	regions := map[string][]string{"KR": {"Seoul", "Gyeonggi-do", "Busan", "Incheon", "Daegu"}, "JP": {"Tokyo", "Osaka", "Kanagawa", "Aichi"}, "US": {"California", "Texas", "New York", "Florida", "Illinois"}}[country]
	places := list("facebook feed", .34, "facebook facebook_reels", .12, "facebook facebook_stories", .06, "instagram feed", .2, "instagram instagram_stories", .12, "instagram instagram_reels", .11, "audience_network an_classic", .04, "messenger messenger_inbox", .01)
	for i := range places {
		places[i].labels = strings.Fields(places[i].labels[0])
	}
	devices := list("android_smartphone", .45, "iphone", .4, "desktop", .1, "ipad", .05)
	names := slices.Sorted(slices.Values(q.breakdowns))
	var out []part
	order := names // of the labels
	switch strings.Join(names, ",") {
	case "age", "age,gender", "gender":
		ages := list("18-24", .18, "25-34", .31, "35-44", .24, "45-54", .15, "55-64", .08, "65+", .04)
		genders := list("female", .52, "male", .45, "unknown", .03)
		if out = cross(ages, genders); len(names) == 1 && names[0] == "age" {
			out = ages
		} else if len(names) == 1 {
			out = genders
		}
	case "country":
		others := map[string][]string{"KR": {"US", "JP"}, "JP": {"KR", "US"}, "US": {"CA", "MX"}}[country]
		out = list(country, .97, others[0], .02, others[1], .01)
	case "region":
		for i, r := range regions {
			out = append(out, part{[]string{r}, 1 / float64(i+1)})
		}
	case "publisher_platform":
		out = list("facebook", .52, "instagram", .43, "audience_network", .04, "messenger", .01)
	case "platform_position,publisher_platform":
		out, order = places, []string{"publisher_platform", "platform_position"}
	case "impression_device,publisher_platform":
		out, order = cross(list("facebook", .52, "instagram", .43, "audience_network", .04, "messenger", .01), devices), []string{"publisher_platform", "impression_device"}
	case "impression_device,platform_position,publisher_platform":
		out, order = cross(places, devices), []string{"publisher_platform", "platform_position", "impression_device"}
	case "device_platform,platform_position,publisher_platform":
		out, order = cross(places, list("mobile_app", .8, "mobile_web", .08, "desktop", .12)), []string{"publisher_platform", "platform_position", "device_platform"}
	case "device_platform":
		out = list("mobile_app", .8, "mobile_web", .08, "desktop", .12)
	case "impression_device":
		out = devices
	case hourAdvertiser, hourAudience:
		out = hours()
	}
	for i := range out { // labels in the order that was asked for
		labels := make([]string, len(q.breakdowns))
		for j, name := range q.breakdowns {
			labels[j] = out[i].labels[slices.Index(order, name)]
		}
		out[i].labels = labels
	}
	return out
}

// partition cuts figures over parts: every sum is that of the whole, and no part
// has more clicks than impressions.
func partition(whole *figures, parts []part, seed uint64) []figures {
	f := *whole
	f.apart()
	out := make([]figures, len(parts))
	cum, total := make([]float64, len(parts)+1), 0.0
	for i, p := range parts {
		total += p.weight * (1 + float64(hash(seed, i)%50)/100)
		cum[i+1] = total
	}
	for m := range f {
		last := int64(0)
		for i := range parts {
			next := int64(math.Floor(float64(f[m]) * cum[i+1] / total))
			if i == len(parts)-1 {
				next = f[m]
			}
			out[i][m] = next - last
			last = next
		}
	}
	carry := [2]int64{}
	for i := range out {
		out[i].together()
	}
	for range 2 { // clicks and link clicks where there is room for them
		for i := range parts {
			for j, m := range []int{clicks, linkClicks} {
				room := out[i][impressions]
				have := out[i][m] + carry[j]
				out[i][m] = min(have, room)
				carry[j] = have - out[i][m]
			}
		}
	}
	return out
}

// apart makes of each window what it has beyond the shorter one, together undoes
// it.
func (f *figures) apart() {
	for k := range values + 1 {
		for w := w28d; w > w1d; w-- {
			f[at(k, w)] -= f[at(k, w-1)]
		}
	}
}

func (f *figures) together() {
	for k := range values + 1 {
		for w := w7d; w <= w28d; w++ {
			f[at(k, w)] += f[at(k, w-1)]
		}
	}
}

// row of insights.
type row struct {
	from, to tables.Day
	campaign market.Campaign
	adset    market.AdGroup
	ad       market.Ad
	labels   []string
	figures
}

// rows gives the answer, which is kept for the moment: pages and other fields of
// it are asked for again and again.
func (c *call) rows(q *query, asOf time.Time) ([]*row, error) {
	now := c.m.Now()
	if asOf.After(now) {
		asOf = now
	}
	k := *q
	k.fields, k.windows, k.summary = nil, nil, nil
	key := fmt.Sprint(k, asOf, now, len(c.m.Actions()))
	c.mu.Lock()
	rows, ok := c.kept[key]
	c.mu.Unlock()
	if ok {
		return rows, nil
	}
	rows, err := c.compute(q, asOf)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.kept) >= 64 {
		clear(c.kept)
	}
	c.kept[key] = rows
	return rows, nil
}

// compute makes the rows, by day.
func (c *call) compute(q *query, asOf time.Time) ([]*row, error) {
	w := c.world(q.account)
	adByID := map[int64]market.Ad{}
	for _, a := range w.ads {
		adByID[a.ID] = a
	}
	parts := q.parts()
	late := c.m.Now()
	if !asOf.IsZero() {
		late = asOf
	}
	today, hour := tables.DayOf(late.In(q.account.Location())), late.In(q.account.Location()).Hour()
	byKey := map[string]*row{}
	var out []*row
	var campaignIDs []int64
	if q.campaign != 0 {
		campaignIDs = []int64{q.campaign}
	}
	for f := range c.m.Facts(market.Query{Account: q.account.ID, Days: q.days, Grain: market.ByAd, Campaigns: campaignIDs, AsOf: asOf}) {
		if q.adset != 0 && f.AdGroup != q.adset || q.ad != 0 && f.Ad != q.ad {
			continue
		}
		keep := true
		for _, cond := range q.conds {
			id := map[string]int64{"campaign.id": campaigns + f.Campaign, "adset.id": adSets + f.AdGroup, "ad.id": ads + f.Ad}[cond.Field]
			ok, err := cond.holds(text(id))
			if err != nil {
				return nil, err
			}
			keep = keep && ok
		}
		if !keep {
			continue
		}
		whole := expand(f, w.byID[f.Campaign].Form, q.account.Currency)
		cells, labels := []figures{*whole}, []part{{}}
		if len(parts) > 0 {
			labels = parts
			if q.by(hourAdvertiser, hourAudience) && f.Day == today {
				labels = parts[:hour+1]
			}
			cells = partition(whole, labels, hash(f.Ad, f.Day))
		}
		from, to := q.days.From, q.days.To
		if q.step > 0 {
			from = q.days.From.Add(f.Day.Sub(q.days.From) / q.step * q.step)
			to = min(from.Add(q.step-1), q.days.To)
		}
		var entity int64
		switch q.level {
		case "campaign":
			entity = f.Campaign
		case "adset":
			entity = f.AdGroup
		case "ad":
			entity = f.Ad
		}
		for i := range cells {
			if cells[i] == (figures{}) {
				continue
			}
			key := fmt.Sprint(from, entity, labels[i].labels)
			r := byKey[key]
			if r == nil {
				r = &row{from: from, to: to, labels: labels[i].labels, campaign: w.byID[f.Campaign], adset: w.groupByID[f.AdGroup], ad: adByID[f.Ad]}
				byKey[key] = r
				out = append(out, r)
			}
			r.add(&cells[i])
		}
	}
	slices.SortStableFunc(out, func(a, b *row) int { return cmp.Compare(a.from, b.from) })
	return out, nil
}

// show is the row as JSON; what is zero or not modelled is left out.
func (r *row) show(q *query, fields []string) map[string]any {
	out := map[string]any{"date_start": r.from, "date_stop": r.to}
	for i, b := range q.breakdowns {
		if len(r.labels) > i {
			out[b] = r.labels[i]
		}
	}
	level := slices.Index([]string{"account", "campaign", "adset", "ad"}, q.level)
	for _, f := range fields {
		if v := r.value(q, f, level); v != nil {
			out[f] = v
		}
	}
	return out
}

func (r *row) value(q *query, field string, level int) any {
	n := func(place int) any { return text(r.figures[place]) }
	some := func(ok bool, v string) any {
		if !ok {
			return nil
		}
		return v
	}
	off := q.account.Currency
	money := func(units float64) string { return strconv.FormatFloat(units/float64(offset(off)), 'f', 6, 64) }
	reach := int64(math.Ceil(math.Pow(float64(r.figures[impressions]), 0.97)))
	video := func(place int) any {
		if r.figures[place] == 0 {
			return nil
		}
		return []any{r.action(q, "video_view", place, false)}
	}
	switch field {
	case "account_id":
		return accountID(q.account.ID)
	case "account_name":
		return q.account.Name
	case "account_currency":
		return q.account.Currency
	case "campaign_id", "campaign_name", "objective", "buying_type":
		if level < 1 {
			return nil
		}
		return map[string]any{"campaign_id": text(campaigns + r.campaign.ID), "campaign_name": r.campaign.Name, "buying_type": "AUCTION",
			"objective": map[market.Form]string{market.Search: "OUTCOME_TRAFFIC", market.Display: "OUTCOME_AWARENESS", market.Video: "OUTCOME_ENGAGEMENT", market.Demand: "OUTCOME_SALES", market.AppAds: "OUTCOME_APP_PROMOTION"}[r.campaign.Form]}[field]
	case "adset_id", "adset_name", "attribution_setting", "optimization_goal":
		if level < 2 {
			return nil
		}
		return map[string]any{"adset_id": text(adSets + r.adset.ID), "adset_name": r.adset.Name, "attribution_setting": "7d_click_1d_view", "optimization_goal": "LINK_CLICKS"}[field]
	case "ad_id":
		return some(level > 2, text(ads+r.ad.ID))
	case "ad_name":
		return some(level > 2, cmp.Or(r.ad.Name, "Ad "+text(r.ad.ID)))
	case "impressions":
		return n(impressions)
	case "clicks":
		return n(clicks)
	case "inline_link_clicks":
		return some(r.figures[linkClicks] > 0, text(r.figures[linkClicks]))
	case "inline_post_engagement":
		return n(engagements)
	case "spend":
		return strings.TrimSuffix(strconv.FormatFloat(float64(r.figures[cost])/float64(offset(off)), 'f', map[int64]int{1: 0, 100: 2}[offset(off)], 64), ".00")
	case "reach":
		return text(reach)
	case "frequency":
		return some(reach > 0, strconv.FormatFloat(float64(r.figures[impressions])/float64(max(reach, 1)), 'f', 6, 64))
	case "unique_clicks":
		return text(int64(math.Ceil(float64(r.figures[clicks]) * 0.95)))
	case "ctr":
		return some(r.figures[impressions] > 0, strconv.FormatFloat(100*float64(r.figures[clicks])/float64(max(r.figures[impressions], 1)), 'f', 6, 64))
	case "cpc":
		return some(r.figures[clicks] > 0, money(float64(r.figures[cost])/float64(max(r.figures[clicks], 1))))
	case "cpm":
		return some(r.figures[impressions] > 0, money(1000*float64(r.figures[cost])/float64(max(r.figures[impressions], 1))))
	case "outbound_clicks":
		if r.figures[outbound] == 0 {
			return nil
		}
		return []any{r.action(q, "outbound_click", outbound, false)}
	case "video_play_actions":
		return video(videoViews)
	case "video_thruplay_watched_actions":
		return video(thruplays)
	case "video_p100_watched_actions":
		return video(finished)
	case "actions", "action_values", "purchase_roas":
		if list := r.actions(q, field); len(list) > 0 {
			return list
		}
	}
	return nil
}

// action is an item of a list of actions on Meta: whatever the window, it happens
// with the click or the view itself.
func (r *row) action(q *query, name string, place int, click bool) map[string]any {
	out := map[string]any{"action_type": name, "value": text(r.figures[place])}
	for _, w := range q.windows {
		if strings.HasSuffix(w, "_click") && click {
			out[w] = text(r.figures[place])
		}
	}
	return out
}

// actions is the list of actions, their values, or the return on ad spend.
func (r *row) actions(q *query, field string) (out []any) {
	if field == "actions" {
		for _, x := range []struct {
			name  string
			place int
		}{{"link_click", linkClicks}, {"landing_page_view", landing}, {"post_engagement", engagements}, {"video_view", videoViews}} {
			if r.figures[x.place] > 0 {
				out = append(out, r.action(q, x.name, x.place, true))
			}
		}
	}
	if q.by("region", hourAdvertiser, hourAudience) { // no off-Meta actions
		return out
	}
	item := func(name string, conversion int, show func(int64) string) {
		f := func(w int) int64 { return r.figures[at(conversion, w)] }
		if f(w28d)+f(w1v) == 0 {
			return
		}
		x := map[string]any{"action_type": name, "value": show(f(w7d) + f(w1v))}
		for i, w := range []string{"1d_click", "7d_click", "28d_click", "1d_view"} {
			if slices.Contains(q.windows, w) && f(i) > 0 {
				x[w] = show(f(i))
			}
		}
		out = append(out, x)
	}
	money := func(v int64) string {
		return strings.TrimSuffix(strconv.FormatFloat(float64(v)/float64(offset(q.account.Currency)), 'f', map[int64]int{1: 0, 100: 2}[offset(q.account.Currency)], 64), ".00")
	}
	switch field {
	case "actions":
		for k, names := range [][]string{{"omni_purchase", "purchase", "offsite_conversion.fb_pixel_purchase"}, {"lead", "offsite_conversion.fb_pixel_lead"}, {"omni_app_install", "mobile_app_install"},
			{"omni_complete_registration", "complete_registration"}, {"omni_add_to_cart", "add_to_cart"}, {"omni_initiated_checkout", "initiate_checkout"}} {
			for _, name := range names {
				item(name, k, text)
			}
		}
	case "action_values":
		for _, name := range []string{"omni_purchase", "purchase", "offsite_conversion.fb_pixel_purchase"} {
			item(name, values, money)
		}
	case "purchase_roas":
		if r.figures[cost] > 0 {
			item("omni_purchase", values, func(v int64) string { return strconv.FormatFloat(float64(v)/float64(r.figures[cost]), 'f', 6, 64) })
		}
	}
	return out
}

// insights answers in one request.
func (c *call) insights(o *object) (any, error) {
	q, err := c.parse(o)
	if err != nil {
		return nil, err
	}
	rows, err := c.rows(q, c.asOf)
	if err != nil {
		return nil, err
	}
	if len(rows) > c.o.SyncRows {
		return nil, tooMuch()
	}
	return c.page(q, rows)
}

func tooMuch() *apiError {
	return &apiError{status: 400, code: 100, subcode: 1487534, kind: "OAuthException", message: "(#100) Please reduce the amount of data you're asking for, then retry your request",
		title: "Query returns too much data", user: "Please reduce the amount of data you're asking for, then retry your request"}
}

// page is one page of rows.
func (c *call) page(q *query, rows []*row) (any, error) {
	from, to, err := c.window(len(rows))
	if err != nil {
		return nil, err
	}
	list := []any{}
	for _, r := range rows[from:to] {
		list = append(list, r.show(q, q.fields))
	}
	if c.missing && len(list) > 0 {
		list = slices.Delete(list, len(list)/2, len(list)/2+1)
	}
	if c.repeat {
		list = append(list, list[:(len(list)+1)/2]...)
	}
	out := c.paged(list, from, to, len(rows))
	if len(q.summary) > 0 {
		sum := &row{from: q.days.From, to: q.days.To}
		for _, r := range rows {
			sum.add(&r.figures)
		}
		out["summary"] = sum.show(&query{account: q.account, level: "account", windows: q.windows}, q.summary)
	}
	return out, nil
}
