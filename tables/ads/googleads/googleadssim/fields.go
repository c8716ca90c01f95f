package googleadssim

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"argo/tables"
	"argo/tables/market"
)

// row is what one result row is about; what its resource does not have is nil.
type row struct {
	seed     int64 // the customer that was asked
	customer *customer
	client   *customer
	campaign *market.Campaign
	budget   *market.Budget
	sharers  int // campaigns on the budget
	group    *market.AdGroup
	ad       *market.Ad
	keyword  *market.Keyword
	term     *market.Term
	change   *change
	day      tables.Day
	device   market.Device
	network  market.Network
	market.Figures
}

// field of the query language: a name, what may be done with it, and its value
// in a row. A get gives nil (unset), string (also enums, dates, resource
// names), int64, int32, float64, bool, []string or raw.
type field struct {
	name     string
	resource string // its first part: "campaign", "metrics", "segments"
	typ      string // as GoogleAdsFieldDataType
	enum     []string
	repeated bool
	path     []string // the name's parts in lowerCamelCase
	get      func(*row) any
}

// raw is a JSON text.
type raw string

func (f *field) category() string {
	switch {
	case f.resource == "metrics":
		return "METRIC"
	case f.resource == "segments":
		return "SEGMENT"
	}
	return "ATTRIBUTE"
}

// core says whether it is one of the segments that give a date.
func (f *field) core() bool {
	return slices.Contains([]string{"segments.date", "segments.week", "segments.month", "segments.quarter", "segments.year"}, f.name)
}

// sortable and filterable: neither messages nor, for sorting, repeated fields.
func (f *field) sortable() bool   { return f.typ != "MESSAGE" && !f.repeated }
func (f *field) filterable() bool { return f.typ != "MESSAGE" }

// resource that FROM may name.
type resource struct {
	with     []string     // resources whose attributes may be selected along
	metrics  bool         // metrics and segments may be selected
	keywords bool         // segments.keyword and segments.search_term_match_type may be selected
	grain    market.Grain // of its facts
}

var resources = map[string]resource{
	"customer":           {nil, true, false, market.ByAdGroup},
	"customer_client":    {[]string{"customer"}, false, false, 0},
	"campaign":           {[]string{"campaign_budget", "customer"}, true, false, market.ByAdGroup},
	"campaign_budget":    {[]string{"customer"}, true, false, market.ByAdGroup},
	"ad_group":           {[]string{"campaign", "customer"}, true, false, market.ByAdGroup},
	"ad_group_ad":        {[]string{"ad_group", "campaign", "customer"}, true, false, market.ByAd},
	"ad_group_criterion": {[]string{"ad_group", "campaign", "customer"}, false, false, 0},
	"keyword_view":       {[]string{"ad_group_criterion", "ad_group", "campaign", "customer"}, true, false, market.ByKeyword},
	"search_term_view":   {[]string{"ad_group", "campaign", "customer"}, true, true, market.ByTerm},
	"change_event":       {[]string{"ad_group", "campaign", "customer"}, false, false, 0},
}

// unmodelled are fields that the API has and the world has no facts for: asking
// for them gives an honest 501 instead of a false UNRECOGNIZED_FIELD.
var unmodelled = map[string]bool{
	"segments.hour": true, "segments.click_type": true, "segments.slot": true, "segments.geo_target_country": true,
	"metrics.search_impression_share": true, "metrics.search_budget_lost_impression_share": true,
	"metrics.search_rank_lost_impression_share": true, "metrics.absolute_top_impression_percentage": true,
	"metrics.top_impression_percentage": true, "metrics.conversions_by_conversion_date": true,
	"metrics.conversions_value_by_conversion_date": true, "metrics.all_conversions_by_conversion_date": true,
	"metrics.all_conversions_value_by_conversion_date": true, "metrics.video_trueview_views": true,
	"metrics.video_trueview_view_rate": true, "metrics.trueview_average_cpv": true, "metrics.video_quartile_p25_rate": true,
	"metrics.video_quartile_p50_rate": true, "metrics.video_quartile_p75_rate": true, "metrics.video_quartile_p100_rate": true,
	"metrics.biddable_app_install_conversions": true, "metrics.phone_calls": true,
}

var catalogue = sync.OnceValue(func() map[string]*field {
	out := map[string]*field{}
	for _, f := range slices.Concat(customerFields(), campaignFields(), groupFields(), changeFields(), segmentFields(), metricFields()) {
		f.resource, _, _ = strings.Cut(f.name, ".")
		for _, part := range strings.Split(f.name, ".") {
			f.path = append(f.path, camel(part))
		}
		out[f.name] = f
	}
	return out
})

// camel is the lowerCamelCase form of a snake_case name.
func camel(s string) string {
	parts := strings.Split(s, "_")
	for i, p := range parts[1:] {
		if p != "" {
			parts[i+1] = strings.ToUpper(p[:1]) + p[1:]
		}
	}
	return strings.Join(parts, "")
}

func enum(name string, words string, get func(*row) any) *field {
	return &field{name: name, typ: "ENUM", enum: strings.Fields("UNSPECIFIED UNKNOWN " + words), get: get}
}

func plain(name, typ string, get func(*row) any) *field {
	return &field{name: name, typ: typ, get: get}
}

func list(f *field) *field {
	f.repeated = true
	return f
}

// never is the value of a field that nothing in the world has.
func never(*row) any { return nil }

func always(v any) func(*row) any { return func(*row) any { return v } }

// positive gives v, or nothing where it is zero.
func positive(v int64) any {
	if v == 0 {
		return nil
	}
	return v
}

const statuses = "ENABLED PAUSED REMOVED"

func upper[T ~string](s T) string { return strings.ToUpper(string(s)) }

// name is a resource name below the customer.
func name(customer int64, collection string, id ...int64) string {
	ids := make([]string, len(id))
	for i, x := range id {
		ids[i] = fmt.Sprint(x)
	}
	return fmt.Sprintf("customers/%d/%s/%s", customer, collection, strings.Join(ids, "~"))
}

func customerFields() []*field {
	var out []*field
	for prefix, of := range map[string]func(*row) *customer{
		"customer":        func(r *row) *customer { return r.customer },
		"customer_client": func(r *row) *customer { return r.client },
	} {
		out = append(out,
			plain(prefix+".id", "INT64", func(r *row) any { return of(r).id }),
			plain(prefix+".descriptive_name", "STRING", func(r *row) any { return of(r).name }),
			plain(prefix+".currency_code", "STRING", func(r *row) any { return of(r).currency }),
			plain(prefix+".time_zone", "STRING", func(r *row) any { return of(r).zone }),
			plain(prefix+".manager", "BOOLEAN", func(r *row) any { return of(r).manager }),
			plain(prefix+".test_account", "BOOLEAN", always(false)),
			enum(prefix+".status", "ENABLED CANCELED SUSPENDED CLOSED", func(r *row) any { return upper(of(r).status) }),
		)
	}
	return append(out,
		plain("customer.resource_name", "RESOURCE_NAME", func(r *row) any { return fmt.Sprintf("customers/%d", r.customer.id) }),
		plain("customer.auto_tagging_enabled", "BOOLEAN", always(true)),
		plain("customer_client.resource_name", "RESOURCE_NAME", func(r *row) any { return name(r.seed, "customerClients", r.client.id) }),
		plain("customer_client.client_customer", "RESOURCE_NAME", func(r *row) any { return fmt.Sprintf("customers/%d", r.client.id) }),
		plain("customer_client.level", "INT64", func(r *row) any { return r.client.level }),
		plain("customer_client.hidden", "BOOLEAN", always(false)),
		list(plain("customer_client.applied_labels", "RESOURCE_NAME", never)),
	)
}

var channels = map[market.Form]string{market.Search: "SEARCH", market.Display: "DISPLAY", market.Video: "VIDEO", market.Demand: "DEMAND_GEN", market.AppAds: "MULTI_CHANNEL"}

var biddings = map[string]string{"manual_cpc": "MANUAL_CPC", "maximize_conversions": "MAXIMIZE_CONVERSIONS", "maximize_conversion_value": "MAXIMIZE_CONVERSION_VALUE", "target_spend": "TARGET_SPEND"}

func campaignFields() []*field {
	c := func(get func(*market.Campaign) any) func(*row) any {
		return func(r *row) any {
			if r.campaign == nil {
				return nil
			}
			return get(r.campaign)
		}
	}
	bidding := func(strategy string, get func(*market.Campaign) any) func(*row) any {
		return c(func(c *market.Campaign) any {
			if c.Bidding != strategy {
				return nil
			}
			return get(c)
		})
	}
	network := func(forms ...market.Form) func(*row) any {
		return c(func(c *market.Campaign) any { return slices.Contains(forms, c.Form) })
	}
	b := func(get func(*row) any) func(*row) any {
		return func(r *row) any {
			if r.budget == nil {
				return nil
			}
			return get(r)
		}
	}
	return []*field{
		plain("campaign.resource_name", "RESOURCE_NAME", c(func(c *market.Campaign) any { return name(c.Account, "campaigns", c.ID) })),
		plain("campaign.id", "INT64", c(func(c *market.Campaign) any { return c.ID })),
		plain("campaign.name", "STRING", c(func(c *market.Campaign) any { return c.Name })),
		enum("campaign.status", statuses, c(func(c *market.Campaign) any { return upper(c.Status) })),
		enum("campaign.serving_status", "SERVING NONE ENDED PENDING SUSPENDED", c(func(c *market.Campaign) any {
			return map[market.Status]string{market.Enabled: "SERVING", market.Paused: "SUSPENDED", market.Deleted: "NONE"}[c.Status]
		})),
		enum("campaign.primary_status", "ELIGIBLE PAUSED REMOVED ENDED PENDING MISCONFIGURED LIMITED LEARNING NOT_ELIGIBLE", c(func(c *market.Campaign) any {
			return map[market.Status]string{market.Enabled: "ELIGIBLE", market.Paused: "PAUSED", market.Deleted: "REMOVED"}[c.Status]
		})),
		list(enum("campaign.primary_status_reasons", "CAMPAIGN_REMOVED CAMPAIGN_PAUSED CAMPAIGN_PENDING CAMPAIGN_ENDED BUDGET_CONSTRAINED", c(func(c *market.Campaign) any {
			if c.Status == market.Enabled {
				return nil
			}
			return []string{"CAMPAIGN_" + upper(c.Status)}
		}))),
		enum("campaign.advertising_channel_type", "SEARCH DISPLAY SHOPPING HOTEL VIDEO MULTI_CHANNEL LOCAL SMART PERFORMANCE_MAX LOCAL_SERVICES TRAVEL DEMAND_GEN",
			c(func(c *market.Campaign) any { return channels[c.Form] })),
		enum("campaign.advertising_channel_sub_type", "SEARCH_MOBILE_APP DISPLAY_MOBILE_APP APP_CAMPAIGN APP_CAMPAIGN_FOR_ENGAGEMENT VIDEO_ACTION", c(func(c *market.Campaign) any {
			if c.Form == market.AppAds {
				return "APP_CAMPAIGN"
			}
			return nil
		})),
		enum("campaign.bidding_strategy_type", "COMMISSION ENHANCED_CPC FIXED_CPM MANUAL_CPA MANUAL_CPC MANUAL_CPM MANUAL_CPV MAXIMIZE_CONVERSIONS MAXIMIZE_CONVERSION_VALUE PERCENT_CPC TARGET_CPA TARGET_CPM TARGET_IMPRESSION_SHARE TARGET_ROAS TARGET_SPEND",
			c(func(c *market.Campaign) any { return biddings[c.Bidding] })),
		plain("campaign.bidding_strategy", "RESOURCE_NAME", never),
		plain("campaign.campaign_budget", "RESOURCE_NAME", c(func(c *market.Campaign) any { return name(c.Account, "campaignBudgets", c.Budget) })),
		plain("campaign.campaign_group", "RESOURCE_NAME", never),
		list(plain("campaign.labels", "RESOURCE_NAME", never)),
		plain("campaign.start_date_time", "STRING", c(func(c *market.Campaign) any {
			if c.Begin == "" {
				return nil
			}
			return string(c.Begin) + " 00:00:00"
		})),
		plain("campaign.end_date_time", "STRING", c(func(c *market.Campaign) any {
			if c.End == "" {
				return nil
			}
			return string(c.End) + " 23:59:59"
		})),
		plain("campaign.manual_cpc.enhanced_cpc_enabled", "BOOLEAN", bidding("manual_cpc", func(*market.Campaign) any { return false })),
		plain("campaign.maximize_conversions.target_cpa_micros", "INT64", bidding("maximize_conversions", func(c *market.Campaign) any { return c.TargetCPA })),
		plain("campaign.maximize_conversion_value.target_roas", "DOUBLE", bidding("maximize_conversion_value", func(c *market.Campaign) any { return c.TargetROAS })),
		plain("campaign.target_spend.cpc_bid_ceiling_micros", "INT64", never),
		plain("campaign.target_cpa.target_cpa_micros", "INT64", never),
		plain("campaign.target_roas.target_roas", "DOUBLE", never),
		enum("campaign.contains_eu_political_advertising", "CONTAINS_EU_POLITICAL_ADVERTISING DOES_NOT_CONTAIN_EU_POLITICAL_ADVERTISING",
			c(func(*market.Campaign) any { return "DOES_NOT_CONTAIN_EU_POLITICAL_ADVERTISING" })),
		plain("campaign.network_settings.target_google_search", "BOOLEAN", network(market.Search, market.AppAds)),
		plain("campaign.network_settings.target_search_network", "BOOLEAN", network(market.Search)),
		plain("campaign.network_settings.target_content_network", "BOOLEAN", network(market.Display, market.Video, market.AppAds)),
		plain("campaign.tracking_url_template", "STRING", never),
		plain("campaign.final_url_suffix", "STRING", never),

		plain("campaign_budget.resource_name", "RESOURCE_NAME", b(func(r *row) any { return name(r.budget.Account, "campaignBudgets", r.budget.ID) })),
		plain("campaign_budget.id", "INT64", b(func(r *row) any { return r.budget.ID })),
		plain("campaign_budget.name", "STRING", b(func(r *row) any { return r.budget.Name })),
		plain("campaign_budget.amount_micros", "INT64", b(func(r *row) any { return r.budget.Amount })),
		plain("campaign_budget.total_amount_micros", "INT64", never),
		enum("campaign_budget.status", "ENABLED REMOVED", b(func(r *row) any { return upper(r.budget.Status) })),
		enum("campaign_budget.delivery_method", "STANDARD ACCELERATED", b(func(*row) any { return "STANDARD" })),
		plain("campaign_budget.explicitly_shared", "BOOLEAN", b(func(r *row) any { return r.budget.Shared })),
		plain("campaign_budget.reference_count", "INT64", b(func(r *row) any { return int64(r.sharers) })),
		enum("campaign_budget.period", "DAILY CUSTOM_PERIOD", b(func(*row) any { return "DAILY" })),
		enum("campaign_budget.type", "STANDARD FIXED_CPA SMART_CAMPAIGN LOCAL_SERVICES", b(func(*row) any { return "STANDARD" })),
		plain("campaign_budget.has_recommended_budget", "BOOLEAN", b(func(*row) any { return false })),
	}
}

var groupTypes = map[market.Form]string{market.Search: "SEARCH_STANDARD", market.Display: "DISPLAY_STANDARD", market.Video: "VIDEO_RESPONSIVE"}

var adTypes = map[market.Form]string{market.Search: "RESPONSIVE_SEARCH_AD", market.Display: "RESPONSIVE_DISPLAY_AD", market.Video: "VIDEO_RESPONSIVE_AD", market.Demand: "DEMAND_GEN_MULTI_ASSET_AD", market.AppAds: "APP_AD"}

func groupFields() []*field {
	g := func(get func(*market.AdGroup) any) func(*row) any {
		return func(r *row) any {
			if r.group == nil {
				return nil
			}
			return get(r.group)
		}
	}
	a := func(get func(*market.Ad) any) func(*row) any { return func(r *row) any { return get(r.ad) } }
	search := func(get func(*market.Ad) any) func(*row) any {
		return func(r *row) any {
			if r.campaign.Form != market.Search {
				return nil
			}
			return get(r.ad)
		}
	}
	k := func(get func(*market.Keyword) any) func(*row) any {
		return func(r *row) any { return get(r.keyword) }
	}
	positiveOnly := func(get func(*row) any) func(*row) any {
		return func(r *row) any {
			if r.keyword.Negative {
				return nil
			}
			return get(r)
		}
	}
	return []*field{
		plain("ad_group.resource_name", "RESOURCE_NAME", g(func(g *market.AdGroup) any { return name(g.Account, "adGroups", g.ID) })),
		plain("ad_group.id", "INT64", g(func(g *market.AdGroup) any { return g.ID })),
		plain("ad_group.name", "STRING", g(func(g *market.AdGroup) any { return g.Name })),
		enum("ad_group.status", statuses, g(func(g *market.AdGroup) any { return upper(g.Status) })),
		enum("ad_group.type", "SEARCH_STANDARD DISPLAY_STANDARD SHOPPING_PRODUCT_ADS VIDEO_RESPONSIVE VIDEO_BUMPER", func(r *row) any {
			if t, ok := groupTypes[r.campaign.Form]; ok {
				return t
			}
			return nil
		}),
		plain("ad_group.campaign", "RESOURCE_NAME", g(func(g *market.AdGroup) any { return name(g.Account, "campaigns", g.Campaign) })),
		plain("ad_group.cpc_bid_micros", "INT64", g(func(g *market.AdGroup) any { return positive(g.Bid) })),
		plain("ad_group.effective_cpc_bid_micros", "INT64", g(func(g *market.AdGroup) any { return positive(g.Bid) })),
		plain("ad_group.cpm_bid_micros", "INT64", never),
		plain("ad_group.cpv_bid_micros", "INT64", never),
		plain("ad_group.target_cpa_micros", "INT64", never),
		plain("ad_group.effective_target_cpa_micros", "INT64", func(r *row) any { return positive(r.campaign.TargetCPA) }),
		plain("ad_group.target_roas", "DOUBLE", never),
		list(plain("ad_group.labels", "RESOURCE_NAME", never)),

		plain("ad_group_ad.resource_name", "RESOURCE_NAME", a(func(a *market.Ad) any { return name(a.Account, "adGroupAds", a.AdGroup, a.ID) })),
		enum("ad_group_ad.status", statuses, a(func(a *market.Ad) any { return upper(a.Status) })),
		plain("ad_group_ad.ad_group", "RESOURCE_NAME", a(func(a *market.Ad) any { return name(a.Account, "adGroups", a.AdGroup) })),
		plain("ad_group_ad.ad.resource_name", "RESOURCE_NAME", a(func(a *market.Ad) any { return name(a.Account, "ads", a.ID) })),
		plain("ad_group_ad.ad.id", "INT64", a(func(a *market.Ad) any { return a.ID })),
		plain("ad_group_ad.ad.name", "STRING", a(func(a *market.Ad) any {
			if a.Name == "" {
				return nil
			}
			return a.Name
		})),
		enum("ad_group_ad.ad.type", "RESPONSIVE_SEARCH_AD RESPONSIVE_DISPLAY_AD VIDEO_RESPONSIVE_AD DEMAND_GEN_MULTI_ASSET_AD APP_AD EXPANDED_TEXT_AD IMAGE_AD VIDEO_AD",
			func(r *row) any { return adTypes[r.campaign.Form] }),
		list(plain("ad_group_ad.ad.final_urls", "STRING", a(func(a *market.Ad) any {
			if a.URL == "" {
				return nil
			}
			return []string{a.URL}
		}))),
		list(plain("ad_group_ad.ad.responsive_search_ad.headlines", "MESSAGE", search(func(a *market.Ad) any { return assets(a.Headlines) }))),
		list(plain("ad_group_ad.ad.responsive_search_ad.descriptions", "MESSAGE", search(func(a *market.Ad) any { return assets(a.Descriptions) }))),
		plain("ad_group_ad.ad.responsive_search_ad.path1", "STRING", never),
		plain("ad_group_ad.ad.responsive_search_ad.path2", "STRING", never),
		enum("ad_group_ad.policy_summary.approval_status", "DISAPPROVED APPROVED_LIMITED APPROVED AREA_OF_INTEREST_ONLY", always("APPROVED")),
		enum("ad_group_ad.policy_summary.review_status", "REVIEW_IN_PROGRESS REVIEWED UNDER_APPEAL ELIGIBLE_MAY_SERVE", always("REVIEWED")),
		list(plain("ad_group_ad.policy_summary.policy_topic_entries", "MESSAGE", never)),
		enum("ad_group_ad.ad_strength", "PENDING NO_ADS POOR AVERAGE GOOD EXCELLENT", search(func(a *market.Ad) any {
			return []string{"POOR", "AVERAGE", "GOOD", "EXCELLENT"}[a.ID%4]
		})),
		list(plain("ad_group_ad.labels", "RESOURCE_NAME", never)),

		plain("ad_group_criterion.resource_name", "RESOURCE_NAME", k(func(k *market.Keyword) any { return name(k.Account, "adGroupCriteria", k.AdGroup, k.ID) })),
		plain("ad_group_criterion.criterion_id", "INT64", k(func(k *market.Keyword) any { return k.ID })),
		enum("ad_group_criterion.status", statuses, k(func(k *market.Keyword) any { return upper(k.Status) })),
		enum("ad_group_criterion.type", "KEYWORD PLACEMENT AGE_RANGE GENDER USER_LIST TOPIC WEBPAGE", always("KEYWORD")),
		plain("ad_group_criterion.display_name", "STRING", k(func(k *market.Keyword) any { return k.Text })),
		plain("ad_group_criterion.ad_group", "RESOURCE_NAME", k(func(k *market.Keyword) any { return name(k.Account, "adGroups", k.AdGroup) })),
		plain("ad_group_criterion.keyword.text", "STRING", k(func(k *market.Keyword) any { return k.Text })),
		enum("ad_group_criterion.keyword.match_type", "EXACT PHRASE BROAD", k(func(k *market.Keyword) any { return upper(k.Match) })),
		plain("ad_group_criterion.negative", "BOOLEAN", k(func(k *market.Keyword) any { return k.Negative })),
		plain("ad_group_criterion.cpc_bid_micros", "INT64", k(func(k *market.Keyword) any { return positive(k.Bid) })),
		plain("ad_group_criterion.effective_cpc_bid_micros", "INT64", positiveOnly(func(r *row) any {
			if r.keyword.Bid > 0 {
				return r.keyword.Bid
			}
			return positive(r.group.Bid)
		})),
		plain("ad_group_criterion.bid_modifier", "DOUBLE", never),
		plain("ad_group_criterion.quality_info.quality_score", "INT32", positiveOnly(func(r *row) any {
			if r.keyword.Quality == 0 {
				return nil
			}
			return int32(r.keyword.Quality)
		})),
		plain("ad_group_criterion.position_estimates.first_page_cpc_micros", "INT64", never),
		list(plain("ad_group_criterion.final_urls", "STRING", never)),
		enum("ad_group_criterion.approval_status", "APPROVED DISAPPROVED PENDING_REVIEW UNDER_REVIEW", positiveOnly(func(*row) any { return "APPROVED" })),
		enum("ad_group_criterion.system_serving_status", "ELIGIBLE RARELY_SERVED", positiveOnly(func(*row) any { return "ELIGIBLE" })),
		list(plain("ad_group_criterion.labels", "RESOURCE_NAME", never)),
		plain("keyword_view.resource_name", "RESOURCE_NAME", k(func(k *market.Keyword) any { return name(k.Account, "keywordViews", k.AdGroup, k.ID) })),

		plain("search_term_view.resource_name", "RESOURCE_NAME", func(r *row) any {
			return name(r.group.Account, "searchTermViews", r.campaign.ID, r.group.ID) + "~" + base64.RawURLEncoding.EncodeToString([]byte(r.term.Text))
		}),
		plain("search_term_view.search_term", "STRING", func(r *row) any { return r.term.Text }),
		plain("search_term_view.ad_group", "RESOURCE_NAME", g(func(g *market.AdGroup) any { return name(g.Account, "adGroups", g.ID) })),
		enum("search_term_view.status", "ADDED EXCLUDED ADDED_EXCLUDED NONE", func(r *row) any {
			if r.term.Added {
				return "ADDED"
			}
			return "NONE"
		}),
	}
}

// assets is a list of AdTextAsset.
func assets(texts []string) any {
	if len(texts) == 0 {
		return nil
	}
	out := make([]string, len(texts))
	for i, t := range texts {
		out[i] = `{"text":` + quote(t) + `}`
	}
	return raw("[" + strings.Join(out, ",") + "]")
}

func segmentFields() []*field {
	k := func(get func(*market.Keyword) any) func(*row) any {
		return func(r *row) any {
			if r.keyword == nil {
				return nil
			}
			return get(r.keyword)
		}
	}
	return []*field{
		plain("segments.date", "DATE", func(r *row) any { return string(r.day) }),
		plain("segments.week", "DATE", func(r *row) any { return string(monday(r.day)) }),
		plain("segments.month", "DATE", func(r *row) any { return string(r.day[:8] + "01") }),
		plain("segments.quarter", "DATE", func(r *row) any { return string(quarter(r.day)) }),
		plain("segments.year", "INT32", func(r *row) any { return int32(r.day.Time().Year()) }),
		enum("segments.day_of_week", "MONDAY TUESDAY WEDNESDAY THURSDAY FRIDAY SATURDAY SUNDAY", func(r *row) any { return upper(r.day.Time().Weekday().String()) }),
		enum("segments.device", "MOBILE TABLET DESKTOP CONNECTED_TV OTHER", func(r *row) any {
			return []string{"MOBILE", "DESKTOP", "TABLET", "CONNECTED_TV"}[r.device]
		}),
		enum("segments.ad_network_type", "SEARCH SEARCH_PARTNERS CONTENT MIXED YOUTUBE GOOGLE_TV GOOGLE_OWNED_CHANNELS GMAIL DISCOVER MAPS", func(r *row) any {
			return []string{"SEARCH", "SEARCH_PARTNERS", "CONTENT", "YOUTUBE", "DISCOVER"}[r.network]
		}),
		plain("segments.keyword.info.text", "STRING", k(func(k *market.Keyword) any { return k.Text })),
		enum("segments.keyword.info.match_type", "EXACT PHRASE BROAD", k(func(k *market.Keyword) any { return upper(k.Match) })),
		plain("segments.keyword.ad_group_criterion", "RESOURCE_NAME", k(func(k *market.Keyword) any { return name(k.Account, "adGroupCriteria", k.AdGroup, k.ID) })),
		enum("segments.search_term_match_type", "BROAD EXACT PHRASE NEAR_EXACT NEAR_PHRASE AI_MAX PERFORMANCE_MAX", func(r *row) any { return upper(r.term.Match) }),
		plain("segments.conversion_action", "RESOURCE_NAME", func(r *row) any { return name(r.customer.id, "conversionActions", 1) }),
		plain("segments.conversion_action_name", "STRING", always("Purchase")),
		enum("segments.conversion_action_category", "DEFAULT PAGE_VIEW PURCHASE SIGNUP DOWNLOAD", always("PURCHASE")),
	}
}

// monday is the first day of the week.
func monday(d tables.Day) tables.Day { return d.Add(-(int(d.Time().Weekday()) + 6) % 7) }

func quarter(d tables.Day) tables.Day {
	t := d.Time()
	return tables.DayOf(time.Date(t.Year(), (t.Month()-1)/3*3+1, 1, 0, 0, 0, 0, time.UTC))
}

func metricFields() []*field {
	m := func(name, typ string, get func(*market.Figures) any) *field {
		return plain("metrics."+name, typ, func(r *row) any { return get(&r.Figures) })
	}
	// A ratio without a denominator is 0 for rates and unset for averages.
	rate := func(name string, num, den func(*market.Figures) float64) *field {
		return m(name, "DOUBLE", func(f *market.Figures) any {
			if den(f) == 0 {
				return float64(0)
			}
			return num(f) / den(f)
		})
	}
	average := func(name string, num, den func(*market.Figures) float64) *field {
		return m(name, "DOUBLE", func(f *market.Figures) any {
			if den(f) == 0 {
				return nil
			}
			return num(f) / den(f)
		})
	}
	impressions := func(f *market.Figures) float64 { return float64(f.Impressions) }
	clicks := func(f *market.Figures) float64 { return float64(f.Clicks) }
	cost := func(f *market.Figures) float64 { return float64(f.Cost) }
	conversions := func(f *market.Figures) float64 { return float64(f.Conversions) / 100 }
	all := func(f *market.Figures) float64 { return float64(f.AllConversions) / 100 }
	value := func(f *market.Figures) float64 { return float64(f.Value) / 1e6 }
	return []*field{
		m("impressions", "INT64", func(f *market.Figures) any { return f.Impressions }),
		m("clicks", "INT64", func(f *market.Figures) any { return f.Clicks }),
		m("cost_micros", "INT64", func(f *market.Figures) any { return f.Cost }),
		m("interactions", "INT64", func(f *market.Figures) any { return f.Clicks }),
		m("engagements", "INT64", func(*market.Figures) any { return int64(0) }),
		m("view_through_conversions", "INT64", func(f *market.Figures) any { return f.ViewThrough }),
		m("conversions", "DOUBLE", func(f *market.Figures) any { return conversions(f) }),
		m("conversions_value", "DOUBLE", func(f *market.Figures) any { return value(f) }),
		m("all_conversions", "DOUBLE", func(f *market.Figures) any { return all(f) }),
		m("all_conversions_value", "DOUBLE", func(f *market.Figures) any { return float64(f.AllValue) / 1e6 }),
		rate("ctr", clicks, impressions),
		rate("interaction_rate", clicks, impressions),
		rate("conversions_from_interactions_rate", conversions, clicks),
		average("average_cpc", cost, clicks),
		average("average_cost", cost, clicks),
		average("average_cpm", func(f *market.Figures) float64 { return float64(f.Cost) * 1000 }, impressions),
		average("cost_per_conversion", cost, conversions),
		average("cost_per_all_conversions", cost, all),
		average("value_per_conversion", value, conversions),
	}
}
