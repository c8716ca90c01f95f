package googleads

import (
	"slices"
	"time"

	"argo/tables"
	"argo/tables/rest"
)

// sheet is a table: its fields and the query behind them.
type sheet struct {
	name, doc string
	from      string // resource of the FROM clause
	where     string // condition that belongs to the table
	fields    []field
	key       []string
	day       bool
	maxDays   int
	anchors   []string // metrics that every query selects: see the package comment
	untied    bool     // the summary row is not that of the rows
}

// anchors of every performance table: wherever anything happened, one of them
// is not zero. all_conversions holds every conversion but the view-through ones;
// interactions are views and engagements where an ad has no clicks.
var anchors = []string{
	"metrics.impressions", "metrics.clicks", "metrics.interactions", "metrics.cost_micros",
	"metrics.all_conversions", "metrics.view_through_conversions",
}

// The groups of the columns of a performance table, by how they are restated.
const (
	delivery = "delivery"
	booked   = "conversions"
)

// freshDelivery is how long what was delivered and spent is good. Most
// statistics are less than three hours behind, and a day is complete at 03:00 of
// the next one in every time zone (support.google.com/google-ads/answer/2544985).
// Invalid traffic is taken off for some days, and once more when a month is
// closed: its first day is 31 days old by then, and the close takes some days.
// What is found after an invoice is a credit in the billing, not in the
// statistics (…/answer/16826168).
var freshDelivery = tables.Freshness{Steps: []tables.Step{
	{Within: 1, Keep: 15 * time.Minute},
	{Within: 3, Keep: time.Hour},
	{Within: 8, Keep: 6 * time.Hour},
	{Within: 36, Keep: 72 * time.Hour},
}}

// freshBooked is the same of conversions, which are booked to the day of the
// click and arrive until the window of their action has ended: 30 days unless it
// is set otherwise, 90 at most (…/answer/3123169). Models other than the last
// click take 15 hours more (…/answer/2544985).
var freshBooked = tables.Freshness{Steps: []tables.Step{
	{Within: 1, Keep: 15 * time.Minute},
	{Within: 3, Keep: time.Hour},
	{Within: 8, Keep: 6 * time.Hour},
	{Within: 32, Keep: 24 * time.Hour},
	{Within: 92, Keep: 7 * 24 * time.Hour},
}}

// freshEntity is how long what exists now is good. Argo's own actions forget
// what they change at once.
var freshEntity = tables.Freshness{Entity: 10 * time.Minute}

// freshChanges: an event never changes, and is seen within three minutes.
var freshChanges = tables.Freshness{Steps: []tables.Step{{Within: 1, Keep: 5 * time.Minute}, {Within: 2, Keep: time.Hour}}}

var (
	statusWords  = []string{"ENABLED", "PAUSED", "REMOVED"}
	deviceWords  = []string{"MOBILE", "TABLET", "DESKTOP", "CONNECTED_TV", "OTHER"}
	networkWords = []string{"SEARCH", "SEARCH_PARTNERS", "CONTENT", "MIXED", "YOUTUBE", "GOOGLE_TV", "GOOGLE_OWNED_CHANNELS", "GMAIL", "DISCOVER", "MAPS"}
	matchWords   = []string{"EXACT", "PHRASE", "BROAD"}
	channelWords = []string{"SEARCH", "DISPLAY", "SHOPPING", "HOTEL", "VIDEO", "MULTI_CHANNEL", "LOCAL", "SMART", "PERFORMANCE_MAX", "LOCAL_SERVICES", "TRAVEL", "DEMAND_GEN"}
)

func currency() field {
	return column("currency", tables.Ident, "Currency of every amount of the row: the account's, ISO 4217", "", readText, "customer.currency_code")
}

func customerField() field {
	f := column("customer_id", tables.BigInt, "Account (customer) of the row", "", nil)
	return f.notNull().pushed()
}

// performance is what every performance table has beside its own attributes.
func performance(own ...field) []field {
	day := column("date", tables.DateType, "Day in the account's time zone; conversions are booked to the day of the click", "", readDay, "segments.date")
	out := append([]field{day.notNull().pushed(), customerField()}, own...)
	return append(out,
		word("device", "segments.device", "Device: MOBILE, DESKTOP, TABLET, CONNECTED_TV, OTHER", deviceWords...),
		word("ad_network_type", "segments.ad_network_type", "Network: SEARCH, SEARCH_PARTNERS, CONTENT (display), YOUTUBE, DISCOVER …; MIXED for Performance Max", networkWords...),
		count("impressions", "metrics.impressions", "Times an ad was shown"),
		count("clicks", "metrics.clicks", "Clicks"),
		count("interactions", "metrics.interactions", "Main actions of the ad's format: clicks for text, views for video"),
		money("cost", "What was spent", "metrics.cost_micros").zeroed(),
		number("conversions", "metrics.conversions", "Conversions of the actions that bidding counts; fractions where credit is shared", "count").of(booked),
		number("conversions_value", "metrics.conversions_value", "Value of these conversions", "account currency").of(booked),
		number("all_conversions", "metrics.all_conversions", "Conversions of all actions, without view-through", "count").of(booked),
		number("all_conversions_value", "metrics.all_conversions_value", "Value of all conversions", "account currency").of(booked),
		count("view_through_conversions", "metrics.view_through_conversions", "Conversions after an impression without a click; not part of all_conversions").of(booked),
		ratio("ctr", "metrics.ctr", "Clicks by impressions of this row; for several rows divide the sums", "ratio 0..1"),
		average("average_cpc", "metrics.average_cpc", "Cost by clicks of this row; for several rows divide the sums"),
		average("average_cpm", "metrics.average_cpm", "Cost of 1,000 impressions of this row; for several rows divide the sums"),
		average("cost_per_conversion", "metrics.cost_per_conversion", "Cost by conversions of this row; for several rows divide the sums").of(booked),
		currency(),
	)
}

// campaignAttributes of a row of performance. What changes while a day stays
// settled is not among them, but for the name, which says so: a status from
// the day of the fetch would be taken for today's; the table campaigns has it.
func campaignAttributes() []field {
	return []field{
		id("campaign_id", "campaign.id", "Campaign"),
		text("campaign_name", "campaign.name", "Name of the campaign when the row was read"),
		word("advertising_channel_type", "campaign.advertising_channel_type", "SEARCH, DISPLAY, VIDEO, SHOPPING, PERFORMANCE_MAX, DEMAND_GEN …", channelWords...),
	}
}

func adGroupAttributes() []field {
	return append(campaignAttributes()[:2],
		id("ad_group_id", "ad_group.id", "Ad group"),
		text("ad_group_name", "ad_group.name", "Name of the ad group when the row was read"),
	)
}

// What every performance table says of itself.
const (
	restated = "Today's figures are up to three hours behind; clicks and cost are corrected until the month has been closed, conversions arrive for up to 90 days"
	price    = "an account and range of days is one operation of the developer token's 15,000 a day (basic access)"
)

// sheets are the tables of one account each; the tree itself is accounts.
//
// The API states no longest range of days, and a query is one operation however
// long its reply is: maxDays is as much as may have to be read again when a
// stream breaks.
var sheets = []sheet{
	{
		name: "campaigns", from: "campaign", key: []string{"id"},
		doc: "Campaigns as they are now, removed ones too",
		fields: []field{
			customerField(),
			id("id", "campaign.id", "Campaign"),
			text("name", "campaign.name", "Name").notNull(),
			word("status", "campaign.status", "ENABLED, PAUSED or REMOVED: what an advertiser sets", statusWords...),
			word("serving_status", "campaign.serving_status", "SERVING, NONE, ENDED, PENDING, SUSPENDED: what the dates and the account make of it"),
			word("primary_status", "campaign.primary_status", "Why it serves or not, in one word: ELIGIBLE, PAUSED, REMOVED, ENDED, PENDING, MISCONFIGURED, LIMITED, LEARNING, NOT_ELIGIBLE"),
			list("primary_status_reasons", "campaign.primary_status_reasons", "Reasons of primary_status, a JSON array"),
			word("advertising_channel_type", "campaign.advertising_channel_type", "SEARCH, DISPLAY, VIDEO, SHOPPING, PERFORMANCE_MAX, DEMAND_GEN …", channelWords...),
			word("advertising_channel_sub_type", "campaign.advertising_channel_sub_type", "Refinement of advertising_channel_type"),
			word("bidding_strategy_type", "campaign.bidding_strategy_type", "MANUAL_CPC, MAXIMIZE_CONVERSIONS, TARGET_SPEND …"),
			bid("target_cpa", "Target cost of a conversion, of the bidding strategy of this campaign; NULL without one", "campaign.maximize_conversions.target_cpa_micros", "campaign.target_cpa.target_cpa_micros"),
			nonZero(column("target_roas", tables.Float, "Target return on ad spend (2 is 200 %), of the bidding strategy of this campaign; NULL without one", "ratio", readFloat, "campaign.maximize_conversion_value.target_roas", "campaign.target_roas.target_roas")),
			ref("campaign_budget_id", "campaign.campaign_budget", "Budget: campaign_budgets.id"),
			money("budget_amount", "Amount of the budget a day; of a shared budget the whole of it", "campaign_budget.amount_micros"),
			flag("budget_explicitly_shared", "campaign_budget.explicitly_shared", "Whether other campaigns may spend the same budget"),
			clock("start_date_time", "campaign.start_date_time", "Beginning"),
			clock("end_date_time", "campaign.end_date_time", "End; NULL where there is none"),
			list("labels", "campaign.labels", "Resource names of labels, a JSON array"),
			currency(),
		},
	},
	{
		name: "campaign_budgets", from: "campaign_budget", key: []string{"id"},
		doc: "Budgets as they are now; a shared one is spent by reference_count campaigns",
		fields: []field{
			customerField(),
			id("id", "campaign_budget.id", "Budget"),
			text("name", "campaign_budget.name", "Name"),
			word("status", "campaign_budget.status", "ENABLED or REMOVED", "ENABLED", "REMOVED"),
			money("amount", "Amount a day; NULL where the budget is for a whole period", "campaign_budget.amount_micros"),
			money("total_amount", "Amount for the whole period (period CUSTOM_PERIOD)", "campaign_budget.total_amount_micros"),
			word("period", "campaign_budget.period", "DAILY or CUSTOM_PERIOD"),
			word("delivery_method", "campaign_budget.delivery_method", "STANDARD (spread over the day) or ACCELERATED"),
			flag("explicitly_shared", "campaign_budget.explicitly_shared", "Whether several campaigns may use it"),
			count("reference_count", "campaign_budget.reference_count", "Campaigns that use it"),
			word("type", "campaign_budget.type", "STANDARD, FIXED_CPA, SMART_CAMPAIGN, LOCAL_SERVICES"),
			currency(),
		},
	},
	{
		name: "ad_groups", from: "ad_group", key: []string{"id"},
		doc: "Ad groups as they are now, removed ones too",
		fields: []field{
			customerField(),
			id("campaign_id", "campaign.id", "Campaign"),
			text("campaign_name", "campaign.name", "Name of the campaign"),
			id("id", "ad_group.id", "Ad group"),
			text("name", "ad_group.name", "Name").notNull(),
			word("status", "ad_group.status", "ENABLED, PAUSED or REMOVED; it serves only where the campaign is enabled too", statusWords...),
			word("type", "ad_group.type", "SEARCH_STANDARD, DISPLAY_STANDARD, VIDEO_RESPONSIVE …"),
			bid("cpc_bid", "Highest bid for a click; NULL where bidding is automatic", "ad_group.cpc_bid_micros"),
			bid("cpm_bid", "Highest bid for 1,000 viewable impressions", "ad_group.cpm_bid_micros"),
			bid("effective_target_cpa", "Target cost of a conversion that holds, the ad group's or the campaign's", "ad_group.effective_target_cpa_micros"),
			list("labels", "ad_group.labels", "Resource names of labels, a JSON array"),
			currency(),
		},
	},
	{
		name: "ads", from: "ad_group_ad", key: []string{"ad_group_id", "id"},
		doc: "Ads as they are now, removed ones too",
		fields: []field{
			customerField(),
			id("campaign_id", "campaign.id", "Campaign"),
			id("ad_group_id", "ad_group.id", "Ad group"),
			id("id", "ad_group_ad.ad.id", "Ad"),
			text("name", "ad_group_ad.ad.name", "Name; NULL for most text ads"),
			word("status", "ad_group_ad.status", "ENABLED, PAUSED or REMOVED; it serves only where the ad group and the campaign are enabled too", statusWords...),
			word("type", "ad_group_ad.ad.type", "RESPONSIVE_SEARCH_AD, RESPONSIVE_DISPLAY_AD, VIDEO_RESPONSIVE_AD, APP_AD …"),
			word("ad_strength", "ad_group_ad.ad_strength", "POOR, AVERAGE, GOOD, EXCELLENT, PENDING, NO_ADS"),
			word("approval_status", "ad_group_ad.policy_summary.approval_status", "APPROVED, APPROVED_LIMITED, AREA_OF_INTEREST_ONLY, DISAPPROVED"),
			word("review_status", "ad_group_ad.policy_summary.review_status", "REVIEWED, REVIEW_IN_PROGRESS, UNDER_APPEAL, ELIGIBLE_MAY_SERVE"),
			list("final_urls", "ad_group_ad.ad.final_urls", "Landing pages, a JSON array"),
			list("headlines", "ad_group_ad.ad.responsive_search_ad.headlines", "Headlines of a responsive search ad, a JSON array of {text, pinnedField}"),
			list("descriptions", "ad_group_ad.ad.responsive_search_ad.descriptions", "Descriptions of a responsive search ad, a JSON array of {text, pinnedField}"),
			list("labels", "ad_group_ad.labels", "Resource names of labels, a JSON array"),
		},
	},
	{
		name: "keywords", from: "ad_group_criterion", where: "ad_group_criterion.type = 'KEYWORD'", key: []string{"ad_group_id", "criterion_id"},
		doc: "Keywords of ad groups as they are now, negative and removed ones too",
		fields: []field{
			customerField(),
			id("campaign_id", "campaign.id", "Campaign"),
			id("ad_group_id", "ad_group.id", "Ad group"),
			id("criterion_id", "ad_group_criterion.criterion_id", "Keyword; unique within the ad group only: the same text has the same id everywhere"),
			text("text", "ad_group_criterion.keyword.text", "The keyword").notNull(),
			word("match_type", "ad_group_criterion.keyword.match_type", "EXACT, PHRASE or BROAD", matchWords...),
			flag("negative", "ad_group_criterion.negative", "Whether it keeps ads away"),
			word("status", "ad_group_criterion.status", "ENABLED, PAUSED or REMOVED", statusWords...),
			word("approval_status", "ad_group_criterion.approval_status", "APPROVED, DISAPPROVED, PENDING_REVIEW, UNDER_REVIEW"),
			word("system_serving_status", "ad_group_criterion.system_serving_status", "ELIGIBLE or RARELY_SERVED"),
			bid("cpc_bid", "Highest bid for a click, of the keyword itself; NULL where the ad group's holds", "ad_group_criterion.cpc_bid_micros"),
			bid("effective_cpc_bid", "Highest bid for a click that holds", "ad_group_criterion.effective_cpc_bid_micros"),
			column("quality_score", tables.BigInt, "Quality score 1 to 10; NULL where there was too little traffic", "", readInt, "ad_group_criterion.quality_info.quality_score").level(),
			list("final_urls", "ad_group_criterion.final_urls", "Landing pages of the keyword itself, a JSON array"),
			currency(),
		},
	},
	{
		name: "campaign_performance", from: "campaign", key: []string{"campaign_id", "device", "ad_network_type"}, day: true, maxDays: 366, anchors: anchors,
		doc:    "What campaigns delivered by day, device and network. Impression shares are no columns here: they do not add up over devices and networks. " + restated + "; " + price,
		fields: performance(campaignAttributes()...),
	},
	{
		name: "ad_group_performance", from: "ad_group", key: []string{"ad_group_id", "device", "ad_network_type"}, day: true, maxDays: 366, anchors: anchors,
		doc:    "What ad groups delivered by day, device and network. Performance Max campaigns have no ad groups: their figures are in campaign_performance. " + restated + "; " + price,
		fields: performance(adGroupAttributes()...),
	},
	{
		name: "ad_performance", from: "ad_group_ad", key: []string{"ad_group_id", "ad_id", "device", "ad_network_type"}, day: true, maxDays: 92, anchors: anchors,
		doc: "What ads delivered by day, device and network. Performance Max campaigns have no ads: their figures are in campaign_performance. " + restated + "; " + price,
		fields: performance(append(adGroupAttributes(),
			id("ad_id", "ad_group_ad.ad.id", "Ad"),
			text("ad_name", "ad_group_ad.ad.name", "Name of the ad; NULL for most text ads"),
			word("ad_type", "ad_group_ad.ad.type", "RESPONSIVE_SEARCH_AD, VIDEO_RESPONSIVE_AD …"))...),
	},
	{
		name: "keyword_performance", from: "keyword_view", key: []string{"ad_group_id", "criterion_id", "device", "ad_network_type"}, day: true, maxDays: 92, anchors: anchors,
		doc: "What keywords delivered by day, device and network. " + restated + "; " + price,
		fields: performance(append(adGroupAttributes(),
			id("criterion_id", "ad_group_criterion.criterion_id", "Keyword; unique within the ad group only"),
			text("keyword_text", "ad_group_criterion.keyword.text", "The keyword"),
			word("keyword_match_type", "ad_group_criterion.keyword.match_type", "EXACT, PHRASE or BROAD", matchWords...))...),
	},
	{
		name: "search_term_performance", from: "search_term_view", key: []string{"ad_group_id", "search_term", "search_term_match_type", "device", "ad_network_type"}, day: true, maxDays: 31, anchors: anchors, untied: true,
		doc: "What people typed and what came of it, by day, device and network. Rare terms are not shown by Google, so that sums are below those of campaign_performance; Performance Max is not part of it. " + restated + "; " + price,
		fields: performance(append(adGroupAttributes(),
			text("search_term", "search_term_view.search_term", "What was typed").notNull(),
			word("search_term_match_type", "segments.search_term_match_type", "How it matched: EXACT, NEAR_EXACT, PHRASE, NEAR_PHRASE, BROAD, AI_MAX"),
			word("status", "search_term_view.status", "Whether the term is a keyword: ADDED, EXCLUDED, ADDED_EXCLUDED, NONE"))...),
	},
}

// nonZero makes a value of zero NULL.
func nonZero(f field) field {
	read := f.read
	f.read = func(v any) (any, error) {
		x, err := read(v)
		if x == 0.0 {
			return nil, err
		}
		return x, err
	}
	return f
}

func (s sheet) table(c *Client, since tables.Day) tables.Table {
	t := tables.Table{
		Name: s.name, Doc: s.doc, Key: s.key, Account: "customer_id", Accounts: c.Accounts, Roster: c.roster, Fresh: freshEntity,
		Scan: c.scanner(s), Calls: s.calls(c),
		Units: func(scan tables.Scan) map[string]int { return rest.Units(c.limits(scan.Account)) },
	}
	for _, f := range s.fields {
		t.Columns = append(t.Columns, f.Column)
	}
	if s.day {
		t.Day, t.MaxDays, t.Since = "date", s.maxDays, since
		t.Clock = "day in the account's time zone; conversions on the day of the click"
		t.Fresh, t.Groups = freshBooked, map[string]tables.Freshness{delivery: freshDelivery, booked: freshBooked}
		for i := range t.Columns {
			// A row is there from its first impression on: what it is called is as
			// settled as what it delivered.
			if x := &t.Columns[i]; x.Group == "" && x.Name != t.Day && x.Name != t.Account && !slices.Contains(t.Key, x.Name) {
				x.Group = delivery
			}
		}
	}
	return t
}

// calls: a stream is one request, however many rows it has. Without a
// login_customer_id the way to an account may have to be found first.
func (s sheet) calls(c *Client) func(tables.Scan) (int, bool) {
	return func(scan tables.Scan) (int, bool) {
		n := 1
		if s.day {
			n = len(scan.Days.Chunks(s.maxDays))
		}
		_, known := c.remembered(scan.Account)
		return n, c.login != "" || known
	}
}

func (c *Client) tables(since, today tables.Day) []tables.Table {
	out := []tables.Table{c.accountsTable()}
	for _, s := range sheets {
		out = append(out, s.table(c, since))
	}
	return append(out, c.changesTable(max(since, today.Add(1-keptDays))))
}
