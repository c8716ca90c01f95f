package appleads

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"argo/tables"
	"argo/tables/rest"

	"github.com/cockroachdb/apd/v3"
)

// keptDaily is how many days a daily report goes back, today included; keptHourly
// of an hourly one, at v5 keptHourlyOld. Apple says "within the last 90, 7, 30
// days"; one day less is certain whoever's today is meant.
const (
	keptDaily     = 90
	keptHourly    = 7
	keptHourlyOld = 30
)

// freshDelivery: reports are up to three hours behind, and invalid taps are
// taken out for some days.
var freshDelivery = tables.Freshness{Steps: []tables.Step{
	{Within: 1, Keep: 15 * time.Minute},
	{Within: 3, Keep: time.Hour},
	{Within: 9, Keep: 6 * time.Hour},
}}

// freshInstalls: an install counts for the day of its tap or view and may come
// 30 days after the tap.
var freshInstalls = tables.Freshness{Steps: []tables.Step{
	{Within: 1, Keep: 15 * time.Minute},
	{Within: 3, Keep: time.Hour},
	{Within: 9, Keep: 6 * time.Hour},
	{Within: 32, Keep: 24 * time.Hour},
}}

var freshEntity = tables.Freshness{Entity: 10 * time.Minute}

const (
	delivery = "delivery"
	installs = "installs"
)

// sheet of a table of one account.
type sheet struct {
	name, doc string
	key       []string
	fields    []field
	// Of an entity: where it is listed; each says that v1 wants a campaign (and
	// v5 has it in the path: {c}).
	v1   string
	v5   []string
	each bool
	// Of a report: campaigns, adgroups, keywords, searchterms, ads.
	report string
	group  string // groupBy; "": none
	hourly bool
}

func accountField() field {
	f := id("ad_account_id", "Account; at version v5 the organisation", "account", "account")
	return f.pushed()
}

func currency() field {
	return word("currency", "Currency of the amounts, ISO 4217", "m.localSpend.currency currency", "m.localSpend.currency currency")
}

// count is a metric that adds up; NULL where Apple withholds it.
func count(name, doc, group, v1, v5 string) field {
	f := column(name, tables.BigInt, doc, "count", readInt, "m."+v1, "m."+v5)
	return f.of(group)
}

func same(name, doc, group, path string) field { return count(name, doc, group, path, path) }

func metrics() []field {
	rate := func(name, doc, group, path string) field {
		return column(name, tables.Float, doc, "ratio 0..1", readFloat, "m."+path, "m."+path).of(group).level()
	}
	average := func(name, doc, group, v1, v5 string) field {
		return money(name, doc, "m."+v1+".amount", "m."+v5+".amount").of(group).level()
	}
	return []field{
		same("impressions", "Times that ads were shown", delivery, "impressions"),
		same("taps", "Taps on ads", delivery, "taps"),
		money("local_spend", "Cost of the taps or impressions", "m.localSpend.amount", "m.localSpend.amount").of(delivery),
		same("tap_installs", "Downloads and redownloads within 30 days of a tap, by the day of the tap", installs, "tapInstalls"),
		same("view_installs", "Downloads and redownloads within a day of a view without a tap", installs, "viewInstalls"),
		same("total_installs", "tap_installs and view_installs", installs, "totalInstalls"),
		same("tap_new_downloads", "First downloads after a tap", installs, "tapNewDownloads"),
		same("view_new_downloads", "First downloads after a view", installs, "viewNewDownloads"),
		same("total_new_downloads", "First downloads", installs, "totalNewDownloads"),
		same("tap_redownloads", "Downloads after a tap by who had the app before", installs, "tapRedownloads"),
		same("view_redownloads", "Downloads after a view by who had the app before", installs, "viewRedownloads"),
		same("total_redownloads", "Downloads by who had the app before", installs, "totalRedownloads"),
		same("tap_pre_orders_placed", "Pre-orders after a tap", installs, "tapPreOrdersPlaced"),
		same("view_pre_orders_placed", "Pre-orders after a view", installs, "viewPreOrdersPlaced"),
		same("total_pre_orders_placed", "Pre-orders", installs, "totalPreOrdersPlaced"),
		rate("ttr", "taps for each impression", delivery, "ttr"),
		average("cpt", "local_spend for each tap", delivery, "cpt", "avgCPT"),
		average("cpm", "local_spend for 1,000 impressions", delivery, "cpm", "avgCPM"),
		rate("tap_install_rate", "tap_installs for each tap", installs, "tapInstallRate"),
		rate("total_install_rate", "total_installs for each tap", installs, "totalInstallRate"),
		average("tap_install_cpi", "local_spend for each tap install", installs, "tapInstallCPI", "tapInstallCPI"),
		average("total_avg_cpi", "local_spend for each install", installs, "totalAvgCPI", "totalAvgCPI"),
	}
}

var levels = map[string][]field{
	"campaigns": {
		id("campaign_id", "Campaign", "metadata.id", "metadata.campaignId").pushed(),
		text("campaign_name", "Name of the campaign", "campaign.name metadata.name", "campaign.name metadata.campaignName"),
		word("adam_id", "App Store id of the app", "campaign.promotedObjectId metadata.promotedObjectId", "campaign.adamId metadata.app.adamId").text(),
	},
	"adgroups": {
		id("ad_group_id", "Ad group", "metadata.id", "metadata.adGroupId"),
		text("ad_group_name", "Name of the ad group", "metadata.name", "metadata.adGroupName"),
	},
	"keywords": {
		id("ad_group_id", "Ad group", "metadata.adGroupId", "metadata.adGroupId"),
		text("ad_group_name", "Name of the ad group", "metadata.adGroup.name", "metadata.adGroupName"),
		id("keyword_id", "Keyword", "metadata.id", "metadata.keywordId"),
		text("keyword", "Text of the keyword", "metadata.text", "metadata.keyword"),
		word("match_type", "EXACT or BROAD", "metadata.matchType", "metadata.matchType"),
	},
	"searchterms": {
		id("ad_group_id", "Ad group", "metadata.adGroupId", "metadata.adGroupId"),
		text("ad_group_name", "Name of the ad group", "metadata.adGroup.name", "metadata.adGroupName"),
		column("keyword_id", tables.BigInt, "Keyword that matched; 0 where Search Match did", "", readInt, "metadata.keyword.id", "metadata.keywordId").notNull(int64(0)),
		text("keyword", "Text of the keyword", "metadata.keyword.text", "metadata.keyword"),
		word("match_type", "EXACT or BROAD; of v5 also AUTO", "metadata.keyword.matchType", "metadata.matchType"),
		word("search_term_source", "TARGETED (a keyword) or AUTO (Search Match)", "metadata.searchTermSource", "metadata.searchTermSource").notNull(""),
		column("search_term_text", tables.Type{Kind: tables.ID, Length: 1024}, "What was typed; empty for all terms too rare to be shown", "", readText, "metadata.searchTermText", "metadata.searchTermText").notNull(""),
	},
	"ads": {
		id("ad_group_id", "Ad group", "metadata.adGroupId", "metadata.adGroupId"),
		id("ad_id", "Ad", "metadata.id", "metadata.adId"),
		text("ad_name", "Name of the ad", "metadata.name", "metadata.adName"),
		number("creative_id", "Creative: creatives.id", "metadata.creative.id", "metadata.creativeId").of(delivery),
		word("creative_type", "CUSTOM_PRODUCT_PAGE or DEFAULT_PRODUCT_PAGE", "metadata.creative.creativeType", "metadata.creativeType"),
	},
}

// text takes a number as text too: v5 gives the app's id as a number.
func (f field) text() field {
	f.read = func(v any) (any, error) {
		if s := plain(v); s != "" {
			return s, nil
		}
		return readText(v)
	}
	return f
}

var levelNames = map[string]string{"campaigns": "campaign", "adgroups": "ad_group", "keywords": "keyword", "searchterms": "search_term", "ads": "ad"}

var levelKeys = map[string][]string{
	"campaigns": {"campaign_id"}, "adgroups": {"campaign_id", "ad_group_id"}, "keywords": {"campaign_id", "ad_group_id", "keyword_id"},
	"searchterms": {"campaign_id", "ad_group_id", "keyword_id", "search_term_source", "search_term_text"}, "ads": {"campaign_id", "ad_group_id", "ad_id"},
}

// groups by name of the table, then the groupBy and the column.
var groups = []struct{ name, by, column, doc string }{
	{"country", "countryOrRegion", "country_or_region", "Country or region of the App Store, ISO 3166"},
	{"device", "deviceClass", "device_class", "IPHONE, IPAD or OTHER"},
	{"age", "ageRange", "age_range", "18-24, 25-34 …; empty where it is not known"},
	{"gender", "gender", "gender", "M or F; empty where it is not known"},
	{"region", "adminArea", "admin_area", "Administrative area of the user, such as US|CA; empty where it is not known"},
}

// performance makes the sheets of the reports. Which levels know which groupBy
// and hours is in Apple's pages: keywords and search terms have no age, gender
// and region, ads no device either, search terms and ads no hours.
func performance() (out []sheet) {
	for _, level := range []string{"campaigns", "adgroups", "keywords", "searchterms", "ads"} {
		name := levelNames[level]
		what := strings.ReplaceAll(name, "_", " ") + "s"
		doc := "What " + what + " delivered by day"
		end := ". Reports are up to three hours behind; installs arrive for 30 days"
		if level == "searchterms" {
			end += ". Rare terms are one row without a text"
		}
		add := func(s sheet, extra ...field) {
			s.report, s.key = level, slices.Clone(levelKeys[level])
			s.fields = []field{column("date", tables.DateType, "Day in the account's time zone", "", readDay, "date", "date").notNullable().pushed(), accountField()}
			campaign := slices.Clone(levels["campaigns"])
			if level != "campaigns" {
				campaign[0].v1 = []string{"metadata.campaignId"}
				s.fields = append(append(s.fields, campaign...), levels[level]...)
			} else {
				s.fields = append(s.fields, campaign...)
			}
			for _, f := range extra {
				s.key = append(s.key, f.Name)
			}
			s.fields = append(append(append(s.fields, extra...), metrics()...), currency())
			s.doc += end
			out = append(out, s)
		}
		add(sheet{name: name + "_performance", doc: doc})
		if level != "searchterms" && level != "ads" {
			add(sheet{name: name + "_hourly_performance", doc: "What " + what + " delivered by hour. Hours older than a week are gone (30 days at version v5)", hourly: true},
				column("hour", tables.BigInt, "Hour of the day, 0 to 23, in the account's time zone", "", readHour, "date", "date").notNullable().level())
		}
		for _, g := range groups {
			if g.name == "age" || g.name == "gender" || g.name == "region" {
				if level != "campaigns" && level != "adgroups" {
					continue
				}
			}
			if level == "ads" && g.name != "country" || level == "searchterms" && g.name != "country" {
				continue
			}
			add(sheet{name: name + "_" + g.name + "_performance", doc: doc + " and " + g.name, group: g.by},
				word(g.column, g.doc, "metadata."+g.by, "metadata."+g.by).notNull(""))
		}
	}
	return out
}

func (f field) notNullable() field { f.NotNull = true; return f }

// entity fields have their paths below the object.
func entity(fields ...field) []field {
	out := []field{accountField()}
	for _, f := range fields {
		for _, paths := range []*[]string{&f.v1, &f.v5} {
			*paths = slices.Clone(*paths)
			for i := range *paths {
				(*paths)[i] = "o." + (*paths)[i]
			}
		}
		out = append(out, f)
	}
	other := list("other", "What Apple gives beside these columns, a JSON object", "other", "other")
	return append(out, other, word("currency", "Currency of the account, ISO 4217", "currency", "currency"))
}

var (
	statusField   = word("status", "ENABLED or PAUSED: what an advertiser sets", "status", "status")
	servingField  = word("system_status", "RUNNING or NOT_RUNNING: what Apple makes of it (v5: servingStatus)", "systemStatus", "servingStatus")
	reasonsField  = list("system_status_reasons", "Why it does not run, a JSON array", "systemStatusReasons", "servingStateReasons")
	displayField  = word("display_status", "RUNNING, ON_HOLD, PAUSED, LIMITED, PROCESSING or DELETED", "displayStatus", "displayStatus")
	deletedField  = flag("deleted", "Whether it was deleted", "deleted", "deleted").notNull(false)
	createdField  = clock("creation_time", "When it was made, UTC", "creationTime", "creationTime")
	modifiedField = clock("modification_time", "When it was changed last, UTC", "modificationTime", "modificationTime")
	beginField    = clock("start_time", "Beginning, UTC", "startTime", "startTime")
	endField      = clock("end_time", "End, UTC; NULL where there is none", "endTime", "endTime")
)

var entities = []sheet{
	{name: "campaigns", key: []string{"id"}, doc: "Campaigns as they are now, deleted ones too", v1: "/campaigns/query", v5: []string{"/campaigns/find"}, fields: entity(
		id("id", "Campaign", "id", "id"), text("name", "Name", "name", "name"), statusField, servingField, reasonsField, displayField,
		word("adam_id", "App Store id of the app", "promotedObjectId", "adamId").text(),
		word("billing_event", "TAPS or IMPRESSIONS", "billingEvent", "billingEvent"),
		list("supply_sources", "Where ads are shown, a JSON array", "targeting.supplySource.include targeting.supplyPlacement.include", "supplySources"),
		list("countries_or_regions", "Where the App Store is, a JSON array", "targeting.countryOrRegion.include", "countriesOrRegions"),
		money("daily_budget", "Daily budget; NULL where the campaign spends a shared budget", "dailyBudget.value.amount", "dailyBudgetAmount.amount"),
		list("shared_budgets", "Shared budgets that it spends, a JSON array", "sharedBudgets", "budgetOrders"),
		word("bid_strategy_type", "MANUAL_CPT, MANUAL_CPM, MAX_CONVERSIONS …", "bidStrategy.bidStrategyType", "biddingStrategy"),
		beginField, endField, createdField, modifiedField, deletedField)},
	{name: "ad_groups", key: []string{"id"}, doc: "Ad groups as they are now, deleted ones too", v1: "/adgroups/query", v5: []string{"/adgroups/find"}, fields: entity(
		id("campaign_id", "Campaign", "campaignId", "campaignId"), id("id", "Ad group", "id", "id"), text("name", "Name", "name", "name"),
		statusField, servingField, reasonsField, displayField,
		word("pricing_model", "CPT, CPM (v5: CPC, CPM)", "pricingModel", "pricingModel"),
		word("bid_strategy_type", "MANUAL_CPT, MANUAL_CPM, MAX_CONVERSIONS …", "bidStrategy.bidStrategyType", "biddingStrategy"),
		money("bid", "Default bid; NULL where Apple bids", "bidStrategy.bid.amount", "defaultBidAmount.amount"),
		money("cpa_cap", "Highest cost of a conversion (v5: cpaGoal)", "cpaCap.value.amount", "cpaGoal.amount"),
		flag("automated_keywords_opt_in", "Whether Search Match finds terms", "automatedKeywordsOptIn", "automatedKeywordsOptIn"),
		list("targeting", "Who is to see it, a JSON object (v5: targetingDimensions)", "targeting", "targetingDimensions"),
		beginField, endField, createdField, modifiedField, deletedField)},
	{name: "keywords", key: []string{"id"}, each: true, doc: "Targeting keywords as they are now, deleted ones too", v1: "/keywords/query", v5: []string{"/campaigns/{c}/adgroups/targetingkeywords/find"}, fields: entity(
		id("campaign_id", "Campaign", "campaignId", "campaignId").pushed(), id("ad_group_id", "Ad group", "adGroupId", "adGroupId"), id("id", "Keyword", "id", "id"),
		text("text", "The keyword", "text", "text"), word("match_type", "EXACT or BROAD", "matchType", "matchType"),
		column("status", tables.Ident, "ENABLED or PAUSED (v5 says ACTIVE for ENABLED)", "", readWord, "status", "status"), displayField,
		money("bid", "Bid of its own; NULL where the ad group's holds", "bid.amount", "bidAmount.amount"),
		createdField, modifiedField, deletedField)},
	{name: "negative_keywords", key: []string{"id"}, each: true, doc: "Negative keywords of campaigns and ad groups as they are now", v1: "/negative-keywords/query",
		v5: []string{"/campaigns/{c}/negativekeywords/find", "/campaigns/{c}/adgroups/negativekeywords/find"}, fields: entity(
			id("campaign_id", "Campaign", "campaignId", "campaignId").pushed(), number("ad_group_id", "Ad group; NULL where it is the campaign's", "adGroupId", "adGroupId"),
			id("id", "Negative keyword", "id", "id"), text("text", "The keyword", "text", "text"), word("match_type", "EXACT or BROAD", "matchType", "matchType"),
			column("status", tables.Ident, "ENABLED or PAUSED", "", readWord, "status", "status"), createdField, modifiedField, deletedField)},
	{name: "ads", key: []string{"id"}, doc: "Ads as they are now, deleted ones too", v1: "/ads/query", v5: []string{"/ads/find"}, fields: entity(
		id("campaign_id", "Campaign", "campaignId", "campaignId"), id("ad_group_id", "Ad group", "adGroupId", "adGroupId"), id("id", "Ad", "id", "id"),
		text("name", "Name", "name", "name"), number("creative_id", "Creative: creatives.id", "creativeId", "creativeId"),
		statusField, servingField, reasonsField, createdField, modifiedField, deletedField)},
	{name: "creatives", key: []string{"id"}, doc: "Creatives: product pages that ads show", v1: "/creatives/query", v5: []string{"/creatives/find"}, fields: entity(
		id("id", "Creative", "id", "id"), text("name", "Name", "name", "name"),
		word("creative_type", "CUSTOM_PRODUCT_PAGE or DEFAULT_PRODUCT_PAGE", "creativeType", "type"),
		word("adam_id", "App Store id of the app", "creativeSpec.adamId", "adamId").text(),
		word("product_page_id", "Custom product page", "creativeSpec.productPageId", "productPageId"),
		word("system_status", "VALID or INVALID (v5: state)", "systemStatus", "state"), createdField, modifiedField, deletedField)},
}

func (c *Client) tables(since, today tables.Day) []tables.Table {
	out := []tables.Table{c.accountsTable()}
	for _, s := range entities {
		out = append(out, c.entityTable(s))
	}
	for _, s := range performance() {
		out = append(out, c.reportTable(s, since, today))
	}
	return out
}

func (c *Client) base(s sheet) tables.Table {
	t := tables.Table{Name: s.name, Doc: s.doc, Key: s.key, Account: "ad_account_id", Accounts: c.Accounts, Roster: c.recall, Whole: true,
		Units: func(tables.Scan) map[string]int { return rest.Units(c.limits()) }}
	for _, f := range s.fields {
		t.Columns = append(t.Columns, f.Column)
	}
	return t
}

func (c *Client) entityTable(s sheet) tables.Table {
	t := c.base(s)
	t.Fresh = freshEntity
	t.Calls = func(scan tables.Scan) (int, bool) {
		switch {
		case !s.each:
			return 1, false
		case c.v5:
			return 1 + len(s.v5)*c.campaignCount(scan.Account), false
		}
		return 2, false
	}
	t.Scan = c.entityScan(s)
	return t
}

func (c *Client) reportTable(s sheet, since, today tables.Day) tables.Table {
	t := c.base(s)
	t.Day, t.Clock, t.Since = "date", "day in the account's time zone; installs count for the day of the tap or view", since
	t.Fresh, t.Groups = freshInstalls, map[string]tables.Freshness{delivery: freshDelivery, installs: freshInstalls}
	t.MaxDays = keptDaily
	if s.hourly {
		t.MaxDays, t.Since = keptHourly, max(since, today.Add(1-c.hours()))
	}
	t.Calls = func(scan tables.Scan) (int, bool) {
		n := 1
		if c.v5 && s.report != "campaigns" {
			n = c.campaignCount(scan.Account)
		}
		a, _ := c.remembered(scan.Account)
		return 1 + n*len(c.ranges(scan.Days, s.hourly, a)), false
	}
	t.Scan = c.reportScan(s)
	return t
}

func (c *Client) hours() int {
	if c.v5 {
		return keptHourlyOld
	}
	return keptHourly
}

// campaignCount is how many campaigns an account had last; 1 where nobody knows.
func (c *Client) campaignCount(account string) int {
	n, _ := c.campaigns.Load(account)
	count, _ := n.(int)
	return cmp.Or(count, 1)
}

// additive says that a field is a metric with a control total.
func (f field) additive() bool {
	return !f.NonAdditive && f.Group != "" && len(f.v1) == 1 && strings.HasPrefix(f.v1[0], "m.")
}

// zeroValue says that a metric shows nothing.
func zeroValue(v any) bool {
	switch v := v.(type) {
	case int64:
		return v == 0
	case *apd.Decimal:
		return v.IsZero()
	}
	return false
}
