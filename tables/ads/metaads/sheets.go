package metaads

import (
	"slices"
	"strings"
	"time"

	"argo/tables"
	"argo/tables/rest"
)

// sheet is a table and the requests behind it.
type sheet struct {
	name, doc string
	fields    []field
	key       []string

	edge     string   // of the account, of an entity table
	statuses []string // effective_status that are asked for; empty: the edge has none

	level      string // of insights; "" of an entity table
	breakdowns []string
	maxDays    int
}

// The groups of the columns of insights, by how they are restated.
const (
	delivery = "delivery"
	booked   = "conversions"
)

// freshDelivery is how long what was delivered and spent is good. Insights are
// refreshed every 15 minutes and no longer change 28 days after they were reported
// (developers.facebook.com/docs/marketing-api/insights/best-practices).
var freshDelivery = tables.Freshness{Steps: []tables.Step{
	{Within: 1, Keep: 15 * time.Minute},
	{Within: 3, Keep: time.Hour},
	{Within: 8, Keep: 6 * time.Hour},
	{Within: 30, Keep: 24 * time.Hour},
}}

// freshBooked is the same of actions, which are booked to the day of the
// impression: the longest window is 28 days from the click, and SKAdNetwork and
// uploads take some days more.
var freshBooked = tables.Freshness{Steps: []tables.Step{
	{Within: 1, Keep: 15 * time.Minute},
	{Within: 3, Keep: time.Hour},
	{Within: 8, Keep: 6 * time.Hour},
	{Within: 36, Keep: 24 * time.Hour},
}}

// freshEntity is how long what exists now is good. Argo's own actions forget what
// they change at once.
var freshEntity = tables.Freshness{Entity: 10 * time.Minute}

// freshActivities: an event never changes, and is seen within minutes.
var freshActivities = tables.Freshness{Steps: []tables.Step{{Within: 1, Keep: 5 * time.Minute}, {Within: 2, Keep: time.Hour}}}

// The levels of insights, each with its own columns.
var levels = []struct {
	level, table, what string
	maxDays            int
}{
	{"account", "account_insights", "the ad account", 366},
	{"campaign", "campaign_insights", "campaigns", 92},
	{"adset", "ad_set_insights", "ad sets", 92},
	{"ad", "ad_insights", "ads", 31},
}

// breakdown of insights, as a table for campaigns and one for ads.
type breakdown struct {
	name, doc string
	fields    []field
	by        []string
	// onsite: off-Meta actions (pixel, app, offline) are not returned by it.
	onsite bool
	// counted: nothing is returned by it that counts people.
	counted bool
}

func breakdowns() []breakdown {
	return []breakdown{
		{name: "age_gender", doc: "by age and gender", by: []string{"age", "gender"}, fields: []field{
			word("age", "age", "Age: 13-17, 18-24 … 65+, unknown"), word("gender", "gender", "male, female or unknown")}},
		{name: "country", doc: "by country", by: []string{"country"}, fields: []field{
			word("country", "country", "Country of the person, ISO 3166")}},
		{name: "region", doc: "by region. Meta gives no off-Meta actions by region", by: []string{"region"}, onsite: true, fields: []field{
			column("region", tables.Type{Kind: tables.ID, Length: 255}, "region", "Region of the person, by name; regions of different countries may share one", "", readText, "unknown")}},
		{name: "placement", doc: "by placement", by: []string{"publisher_platform", "platform_position"}, fields: []field{
			word("publisher_platform", "publisher_platform", "facebook, instagram, audience_network, messenger, threads"),
			word("platform_position", "platform_position", "Position there: feed, story, instagram_reels, rewarded_video …")}},
		{name: "device", doc: "by platform and device", by: []string{"publisher_platform", "impression_device"}, fields: []field{
			word("publisher_platform", "publisher_platform", "facebook, instagram, audience_network, messenger, threads"),
			word("impression_device", "impression_device", "Device: android_smartphone, iphone, desktop, ipad …")}},
		{name: "hour", doc: "by hour of the account's time zone. Meta gives neither off-Meta actions nor reach by hour", by: []string{hourly}, onsite: true, counted: true, fields: []field{
			field{Column: tables.Column{Name: "hour", Type: tables.BigInt, Doc: "Hour of the account's day, 0 to 23", NotNull: true}, from: hourly,
				read: func(r Record, _ account) (any, error) {
					h, _, _ := strings.Cut(plain(r[hourly]), ":")
					return readInt(h, account{})
				}}}},
	}
}

const hourly = "hourly_stats_aggregated_by_advertiser_time_zone"

// windows are those that every request asks for.
var windows = []string{"1d_click", "7d_click", "28d_click", "1d_view"}

// attributes of the rows of a level. Names are those of the day of reading.
func attributes(level string) (out []field, key []string) {
	campaign := []field{
		id("campaign_id", "campaign_id", "Campaign"), text("campaign_name", "campaign_name", "Name of the campaign when the row was read"),
		ident("objective", "objective", "Objective of the campaign: OUTCOME_SALES, OUTCOME_APP_PROMOTION …"),
		ident("buying_type", "buying_type", "AUCTION or RESERVED"),
	}
	set := []field{
		id("ad_set_id", "adset_id", "Ad set"), text("ad_set_name", "adset_name", "Name of the ad set when the row was read"),
		ident("optimization_goal", "optimization_goal", "What the ad set is delivered for: OFFSITE_CONVERSIONS, LINK_CLICKS …"),
		ident("attribution_setting", "attribution_setting", "Window of the ad set by which it is delivered; the columns are by their own windows"),
	}
	ad := []field{id("ad_id", "ad_id", "Ad"), text("ad_name", "ad_name", "Name of the ad when the row was read")}
	switch level {
	case "account":
		return nil, nil
	case "campaign":
		return campaign, []string{"campaign_id"}
	case "adset":
		return append(campaign, set...), []string{"ad_set_id"}
	}
	return slices.Concat(campaign, set, ad), []string{"ad_id"}
}

// The action types behind a column, the aggregated one first: Meta gives it
// whenever it gives one of its parts.
var (
	purchase = []string{"omni_purchase", "purchase", "offsite_conversion.fb_pixel_purchase", "app_custom_event.fb_mobile_purchase"}
	lead     = []string{"lead", "offsite_conversion.fb_pixel_lead", "onsite_conversion.lead_grouped"}
	install  = []string{"omni_app_install", "app_install", "mobile_app_install"}
	signup   = []string{"omni_complete_registration", "complete_registration", "offsite_conversion.fb_pixel_complete_registration"}
	cart     = []string{"omni_add_to_cart", "add_to_cart", "offsite_conversion.fb_pixel_add_to_cart"}
	checkout = []string{"omni_initiated_checkout", "initiate_checkout", "offsite_conversion.fb_pixel_initiate_checkout"}
)

// measures of every table of insights.
func measures(level string, b *breakdown) []field {
	onsite, counted := b != nil && b.onsite, b != nil && b.counted
	out := []field{
		count("impressions", "impressions", "Times an ad was on screen"),
		count("clicks", "clicks", "Clicks of all kinds, likes and comments too"),
		count("inline_link_clicks", "inline_link_clicks", "Clicks on links of the ad"),
		action("outbound_clicks", "outbound_clicks", "value", "Clicks that lead away from Meta's apps", "count", "outbound_click"),
		amount("spend", "spend", "What was spent"),
		ratio("ctr", "ctr", "Clicks by impressions of this row, in percent; for several rows divide the sums", "percent"),
		average("cpc", "cpc", "Spend by clicks of this row; for several rows divide the sums"),
		average("cpm", "cpm", "Spend of 1,000 impressions of this row; for several rows divide the sums"),
	}
	if !counted {
		out = append(out,
			people("reach", "reach", "People who saw an ad; the same person counts in every row"),
			ratio("frequency", "frequency", "Impressions by reach of this row", "ratio"),
			people("unique_clicks", "unique_clicks", "People who clicked; the same person counts in every row"),
			action("video_thruplays", "video_thruplay_watched_actions", "value", "Plays of a video to its end or for 15 seconds", "count", "video_view"),
			action("video_p100_watched", "video_p100_watched_actions", "value", "Plays of a video to its end", "count", "video_view"))
	}
	for i := range out {
		out[i].Group = delivery
	}
	const usual = "; a click within 7 days or a view within one"
	by := []field{
		action("link_clicks", "actions", "value", "Actions link_click", "count", "link_click"),
		action("landing_page_views", "actions", "value", "Actions landing_page_view", "count", "landing_page_view"),
		action("post_engagements", "actions", "value", "Actions post_engagement", "count", "post_engagement"),
		action("video_views", "actions", "value", "Plays of a video for three seconds", "count", "video_view"),
	}
	if !onsite {
		for _, x := range []struct {
			name, list, doc, unit string
			types                 []string
			windows               bool
		}{
			{"purchases", "actions", "Purchases on websites, in apps and offline", "count", purchase, true},
			{"purchase_value", "action_values", "Value of these purchases", "account currency", purchase, true},
			{"leads", "actions", "Leads", "count", lead, true},
			{"app_installs", "actions", "Installs of an app", "count", install, true},
			{"complete_registrations", "actions", "Registrations", "count", signup, false},
			{"add_to_cart", "actions", "Additions to a cart", "count", cart, false},
			{"initiate_checkouts", "actions", "Checkouts begun", "count", checkout, false},
		} {
			by = append(by, action(x.name, x.list, "value", x.doc+usual, x.unit, x.types...))
			if !x.windows {
				continue
			}
			for _, w := range windows {
				by = append(by, action(x.name+"_"+w, x.list, w, x.doc+" by the window "+w, x.unit, x.types...))
			}
		}
		roas := action("purchase_roas", "purchase_roas", "value", "Value of purchases by spend of this row; for several rows divide the sums", "ratio", "omni_purchase")
		roas.NonAdditive = true
		by = append(by, roas)
	}
	by = append(by, document("actions", "actions", "All actions of the row, a JSON array of {action_type, value, and a key for each window}"))
	if !onsite {
		by = append(by, document("action_values", "action_values", "Values of all actions, as actions"))
	}
	for i := range by {
		by[i].Group = booked
	}
	return append(append(out, by...), currency("account_currency").of(delivery))
}

const restated = "Meta's own attribution; today is about 15 minutes behind, figures are corrected and actions arrive for 28 days"

// insightSheets are the tables of what was delivered.
func insightSheets() []sheet {
	day := field{Column: tables.Column{Name: "date", Type: tables.DateType, Doc: "Day in the account's time zone; actions are booked to the day of the impression", NotNull: true, Push: true},
		read: func(r Record, _ account) (any, error) { return tables.ParseDay(plain(r["date_start"])) }}
	make := func(name, doc, level string, maxDays int, b *breakdown) sheet {
		own, key := slices.Concat([]field{day}, []field{own()}), []string(nil)
		more, key := attributes(level)
		s := sheet{name: name, doc: doc + ". " + restated, level: level, maxDays: maxDays, key: key}
		s.fields = append(own, more...)
		if b != nil {
			s.breakdowns = b.by
			s.fields = append(s.fields, b.fields...)
			for _, f := range b.fields {
				s.key = append(s.key, f.Name)
			}
		}
		if len(s.key) == 0 {
			s.key = []string{"account_id"}
		}
		s.fields = append(s.fields, measures(level, b)...)
		s.fields = append(s.fields, extra(s.fields).of(booked))
		return s
	}
	var out []sheet
	for _, l := range levels {
		out = append(out, make(l.table, "What "+l.what+" delivered by day", l.level, l.maxDays, nil))
	}
	for _, b := range breakdowns() {
		out = append(out, make("campaign_insights_by_"+b.name, "What campaigns delivered by day, "+b.doc, "campaign", 31, &b))
		out = append(out, make("ad_insights_by_"+b.name, "What ads delivered by day, "+b.doc, "ad", 14, &b))
	}
	return out
}

// Words of effective_status. Meta leaves out what is archived and deleted unless
// it is asked for by its status.
var (
	common           = []string{"ACTIVE", "PAUSED", "DELETED", "ARCHIVED", "IN_PROCESS", "WITH_ISSUES"}
	adSetStatuses    = append(slices.Clone(common), "CAMPAIGN_PAUSED")
	adStatuses       = append(slices.Clone(adSetStatuses), "ADSET_PAUSED", "PENDING_REVIEW", "DISAPPROVED", "PREAPPROVED", "PENDING_BILLING_INFO")
	statusDoc        = "ACTIVE, PAUSED, ARCHIVED or DELETED: what an advertiser sets"
	effectiveDoc     = "What it comes to: ACTIVE, PAUSED, CAMPAIGN_PAUSED, ADSET_PAUSED, IN_PROCESS, WITH_ISSUES, PENDING_REVIEW, DISAPPROVED …"
	strategyDoc      = "LOWEST_COST_WITHOUT_CAP, LOWEST_COST_WITH_BID_CAP, COST_CAP, LOWEST_COST_WITH_MIN_ROAS"
	creativeStatuses []string // the edge has no such filter
)

// entitySheets are the tables of what exists now.
func entitySheets() []sheet {
	out := []sheet{
		{
			name: "campaigns", edge: "campaigns", statuses: common, key: []string{"id"},
			doc: "Campaigns as they are now, archived and deleted ones too. A budget is either here (Advantage campaign budget) or in ad_sets",
			fields: []field{
				own(), id("id", "id", "Campaign"), text("name", "name", "Name"),
				ident("objective", "objective", "OUTCOME_SALES, OUTCOME_LEADS, OUTCOME_TRAFFIC, OUTCOME_ENGAGEMENT, OUTCOME_AWARENESS, OUTCOME_APP_PROMOTION"),
				ident("status", "status", statusDoc), ident("effective_status", "effective_status", effectiveDoc),
				ident("buying_type", "buying_type", "AUCTION or RESERVED"), ident("bid_strategy", "bid_strategy", strategyDoc),
				minor("daily_budget", "daily_budget", "Budget a day; NULL where the ad sets have it"),
				minor("lifetime_budget", "lifetime_budget", "Budget for the whole time"),
				minor("budget_remaining", "budget_remaining", "What is left of the budget"),
				minor("spend_cap", "spend_cap", "Most that it may ever spend; NULL without one"),
				document("special_ad_categories", "special_ad_categories", "Special ad categories, a JSON array"),
				moment("start_time", "start_time", "Beginning"), moment("stop_time", "stop_time", "End; NULL where there is none"),
				moment("created_time", "created_time", "When it was made"), moment("updated_time", "updated_time", "When it was changed last"),
				document("issues_info", "issues_info", "What keeps it from being delivered, a JSON array"),
			},
		},
		{
			name: "ad_sets", edge: "adsets", statuses: adSetStatuses, key: []string{"id"},
			doc: "Ad sets as they are now, archived and deleted ones too",
			fields: []field{
				own(), id("id", "id", "Ad set"), id("campaign_id", "campaign_id", "Campaign"), text("name", "name", "Name"),
				ident("status", "status", statusDoc), ident("effective_status", "effective_status", effectiveDoc),
				minor("daily_budget", "daily_budget", "Budget a day; NULL where the campaign has it"),
				minor("lifetime_budget", "lifetime_budget", "Budget for the whole time"),
				minor("budget_remaining", "budget_remaining", "What is left of the budget"),
				minor("bid_amount", "bid_amount", "Bid or target, by bid_strategy; NULL without one"), ident("bid_strategy", "bid_strategy", strategyDoc),
				document("bid_constraints", "bid_constraints", "Least return on ad spend, a JSON object: roas_average_floor in ten thousandths"),
				ident("billing_event", "billing_event", "What is paid for: IMPRESSIONS, LINK_CLICKS …"),
				ident("optimization_goal", "optimization_goal", "What it is delivered for"),
				document("attribution_spec", "attribution_spec", "Attribution setting, a JSON array of {event_type, window_days}"),
				document("promoted_object", "promoted_object", "What is promoted, a JSON object"),
				document("targeting", "targeting", "Whom it is shown to, a JSON object"),
				ident("destination_type", "destination_type", "Where a click leads: WEBSITE, APP …"),
				document("learning_stage_info", "learning_stage_info", "Learning phase, a JSON object"),
				moment("start_time", "start_time", "Beginning"), moment("end_time", "end_time", "End; NULL where there is none"),
				moment("created_time", "created_time", "When it was made"), moment("updated_time", "updated_time", "When it was changed last"),
			},
		},
		{
			name: "ads", edge: "ads", statuses: adStatuses, key: []string{"id"},
			doc: "Ads as they are now, archived and deleted ones too",
			fields: []field{
				own(), id("id", "id", "Ad"), id("campaign_id", "campaign_id", "Campaign"), id("ad_set_id", "adset_id", "Ad set"), text("name", "name", "Name"),
				ident("status", "status", statusDoc), ident("effective_status", "effective_status", effectiveDoc),
				ident("creative_id", "creative{id}", "Creative: creatives.id"),
				minor("bid_amount", "bid_amount", "Bid of its own; NULL where the ad set's holds"),
				text("conversion_domain", "conversion_domain", "Domain where conversions happen"),
				document("ad_review_feedback", "ad_review_feedback", "Why it was disapproved, a JSON object"),
				document("tracking_specs", "tracking_specs", "What is tracked, a JSON array"),
				long("preview_shareable_link", "preview_shareable_link", "Link to a preview"),
				moment("created_time", "created_time", "When it was made"), moment("updated_time", "updated_time", "When it was changed last"),
			},
		},
		{
			name: "creatives", edge: "adcreatives", statuses: creativeStatuses, key: []string{"id"},
			doc: "Creatives of ads: texts, images, videos, links",
			fields: []field{
				own(), id("id", "id", "Creative"), text("name", "name", "Name"), ident("status", "status", "ACTIVE, IN_PROCESS, WITH_ISSUES, DELETED"),
				long("title", "title", "Headline"), long("body", "body", "Text"), ident("object_type", "object_type", "SHARE, VIDEO, PHOTO, APPLICATION …"),
				ident("call_to_action_type", "call_to_action_type", "LEARN_MORE, SHOP_NOW, INSTALL_MOBILE_APP …"),
				long("link_url", "link_url", "Landing page"), long("url_tags", "url_tags", "Parameters that are added to links"),
				ident("image_hash", "image_hash", "Image"), long("image_url", "image_url", "Image, a link that expires"), ident("video_id", "video_id", "Video"),
				long("thumbnail_url", "thumbnail_url", "Small image, a link that expires"),
				ident("effective_object_story_id", "effective_object_story_id", "Post behind the ad"),
				document("object_story_spec", "object_story_spec", "Content of the post, a JSON object"),
				document("asset_feed_spec", "asset_feed_spec", "Variants of the content, a JSON object"),
			},
		},
	}
	for i := range out {
		s := &out[i]
		money := slices.ContainsFunc(s.fields, func(f field) bool { return f.Unit != "" })
		if money {
			s.fields = append(s.fields, currency(""))
		}
		s.fields = append(s.fields, extra(s.fields))
	}
	return out
}

func (s sheet) table(c *Client, since tables.Day) tables.Table {
	t := tables.Table{
		Name: s.name, Doc: s.doc, Key: s.key, Account: "account_id", Accounts: c.Accounts, Roster: c.roster, Fresh: freshEntity,
		Calls: func(scan tables.Scan) (int, bool) {
			if s.level == "" {
				return 1, false
			}
			return len(scan.Days.Chunks(s.maxDays)), false
		},
		Units: func(scan tables.Scan) map[string]int { return rest.Units(c.limits(scan.Account, s.use(), false)) },
	}
	for _, f := range s.fields {
		t.Columns = append(t.Columns, f.Column)
	}
	if s.level == "" {
		t.Scan = c.entities(s)
		return t
	}
	t.Day, t.MaxDays, t.Since = "date", s.maxDays, since
	t.Clock = "day in the account's time zone; actions on the day of the impression"
	t.Fresh, t.Groups = freshBooked, map[string]tables.Freshness{delivery: freshDelivery, booked: freshBooked}
	for i := range t.Columns {
		if x := &t.Columns[i]; x.Group == "" && x.Name != t.Day && x.Name != t.Account && !slices.Contains(t.Key, x.Name) {
			x.Group = delivery
		}
	}
	t.Scan = c.insights(s)
	return t
}

// use is the use case whose limits the table's requests take from.
func (s sheet) use() string {
	if s.level != "" {
		return reporting
	}
	return management
}

func (c *Client) tables(since, today tables.Day) []tables.Table {
	out := []tables.Table{c.accountsTable()}
	for _, s := range entitySheets() {
		out = append(out, s.table(c, since))
	}
	out = append(out, c.activitiesTable(since))
	for _, s := range insightSheets() {
		out = append(out, s.table(c, since))
	}
	return out
}
