package naversearchad

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	"argo/tables"
	"argo/tables/fault"
	"argo/tables/rest"
)

// fileSheet is a table of a stat report: its columns in the order of the file.
type fileSheet struct {
	name, report, doc string
	kept              int // days that Naver keeps
	columns           []field
}

func (s fileSheet) costs() bool {
	return slices.ContainsFunc(s.columns, func(f field) bool { return f.Name == "cost" })
}

// places of a line that files share. Identifiers that do not apply are "-" in the
// file and here.
var (
	fCampaign  = id("campaign_id", "", "Campaign").never()
	fGroup     = id("ad_group_id", "", "Ad group").never()
	fKeyword   = id("keyword_id", "", "Keyword; - where there is none").never()
	fAd        = id("ad_id", "", "Ad").never()
	fChannel   = id("business_channel_id", "", "Business channel").never()
	fExtension = id("ad_extension_id", "", "Ad extension").never()
	fHour      = word("hours", "", "Hour in Korea, 00 to 23").never()
	fRegion    = word("region_code", "", "Code of the region").never()
	fMedia     = word("media_code", "", "Code of the media: master_media").never()
	fDevice    = word("pc_mobile_type", "", "P (PC) or M (mobile)").never()
	fTerm      = col("search_keyword", tables.Type{Kind: tables.ID, Length: 512}, "", "What was typed; - where it is not shown", "", readText).never()
	fCriterion = id("criterion_id", "", "ownerId~dictionaryCode: ad group and target (age, gender, hour …)").never()
	fMethod    = word("conversion_method", "", "1 direct, 2 indirect").never()
	fKind      = word("conversion_type", "", "purchase, sign_up, add_to_cart, lead, custom001 …; for days before 2024-07-03 a number: 1 purchase, 2 sign-up, 3 cart, 4 lead, 5 other").never()
)

func delivered(rank bool) []field {
	out := []field{count("impressions", "", "Impressions"), count("clicks", "", "Clicks"), won("cost", "", "Cost as the file has it: without VAT for days before 2026-03-30, with it from then on")}
	if rank {
		out = append(out, count("sum_of_ad_rank", "", "Sum of the positions: divided by impressions the average one"))
	}
	return append(out, count("view_count", "", "Video views"))
}

func converted() []field {
	return []field{fMethod, fKind, count("conversion_count", "", "Conversions"), won("sales_by_conversion", "", "Value of the conversions, as the advertiser's script sent it")}
}

func line(parts ...any) []field {
	var out []field
	for _, p := range parts {
		switch p := p.(type) {
		case field:
			out = append(out, p)
		case []field:
			out = append(out, p...)
		}
	}
	return out
}

var fileSheets = []fileSheet{
	{"stat_ad", "AD", "What was delivered by day, keyword, ad, media and device", 365, line(fCampaign, fGroup, fKeyword, fAd, fChannel, fMedia, fDevice, delivered(true))},
	{"stat_ad_detail", "AD_DETAIL", "What was delivered by day, hour, region, keyword, ad, media and device", 180, line(fCampaign, fGroup, fKeyword, fAd, fChannel, fHour, fRegion, fMedia, fDevice, delivered(true))},
	{"stat_ad_conversion", "AD_CONVERSION", "Conversions by day, keyword, ad, media, device, method and type", 365, line(fCampaign, fGroup, fKeyword, fAd, fChannel, fMedia, fDevice, converted())},
	{"stat_ad_conversion_detail", "AD_CONVERSION_DETAIL", "Conversions by day, hour, region, keyword, ad, media, device, method and type", 45, line(fCampaign, fGroup, fKeyword, fAd, fChannel, fHour, fRegion, fMedia, fDevice, converted())},
	{"stat_adextension", "ADEXTENSION", "What ad extensions delivered by day, keyword, ad, media and device; part of stat_ad, not on top of it", 365, line(fCampaign, fGroup, fKeyword, fAd, fExtension, fChannel, fMedia, fDevice, delivered(true))},
	{"stat_adextension_conversion", "ADEXTENSION_CONVERSION", "Conversions of ad extensions", 365, line(fCampaign, fGroup, fKeyword, fAd, fExtension, fChannel, fMedia, fDevice, converted())},
	{"stat_expkeyword", "EXPKEYWORD", "What people typed and what was delivered (파워링크 검색어), by day, media and device", 365,
		line(fCampaign, fGroup, fTerm, fMedia, fDevice, word("search_keyword_type", "", "0 and 5 exact, 1 expanded, 2 close variant").never(), delivered(false))},
	{"stat_shoppingkeyword_detail", "SHOPPINGKEYWORD_DETAIL", "What people typed in shopping search, by day, hour, region, ad, media and device", 180, line(fCampaign, fGroup, fTerm, fAd, fChannel, fHour, fRegion, fMedia, fDevice, delivered(true))},
	{"stat_shoppingkeyword_conversion_detail", "SHOPPINGKEYWORD_CONVERSION_DETAIL", "Conversions of shopping search by what people typed", 45, line(fCampaign, fGroup, fTerm, fAd, fChannel, fHour, fRegion, fMedia, fDevice, converted())},
	{"stat_shoppingbrandproduct", "SHOPPINGBRANDPRODUCT", "What products of shopping brand ads delivered. Clients of others know a sum of ad ranks before the last column; a line with one column more than documented is read so", 180,
		line(fCampaign, fGroup, id("nv_mid", "", "Product at Naver Shopping").never(), fChannel, fMedia, fDevice, delivered(false))},
	{"stat_shoppingbrandproduct_conversion", "SHOPPINGBRANDPRODUCT_CONVERSION", "Conversions of products of shopping brand ads", 180,
		line(fCampaign, fGroup, id("nv_mid", "", "Product at Naver Shopping").never(), fChannel, fMedia, fDevice, converted())},
	{"stat_criterion", "CRITERION", "What was delivered by day, target (age, gender, hour …) and device", 365, line(fCriterion, fDevice, delivered(false)[:3])},
	{"stat_criterion_conversion", "CRITERION_CONVERSION", "Conversions by day, target and device", 365, line(fCriterion, fDevice, converted())},
}

const filesDoc = ". From the file %s: one job for each day, from yesterday on (yesterday is complete between 06:00 and 09:00 in Korea), %d days back. A job takes about six requests; how often it is asked whether it is built depends on Naver"

// record is a line of a file with its day.
type record struct {
	fields []string
	day    tables.Day
}

func (c *Client) fileTable(s fileSheet, since tables.Day) tables.Table {
	fields := append([]field{dayField, customer}, s.columns...)
	if s.costs() {
		fields = append(fields, amounts()...)
	}
	fields = append(fields, more, currency)
	var key []string
	for _, f := range s.columns {
		if f.NotNull {
			key = append(key, f.Name)
		}
	}
	t := c.base(s.name, s.doc+fmt.Sprintf(filesDoc, s.report, s.kept), key, fields)
	t.Day, t.Since, t.Fresh, t.MaxDays = "date", since, freshFiles, 1
	t.Clock = "day in Korea; conversions on the day they happen"
	t.Units = func(x tables.Scan) map[string]int { return rest.Units(c.limits(x.Account, true)) }
	t.Calls = func(x tables.Scan) (int, bool) {
		days := c.past(x, s.kept)
		return 6 * days.Len(), days.Len() == 0
	}
	const lead = 2 // day and customer
	t.Scan = func(ctx context.Context, x tables.Scan) iter.Seq2[tables.Row, error] {
		x.Table = s.name
		return scan(ctx, x, func(name string) picker[record] {
			if name == "date" {
				return func(r record) (any, error) { return r.day, nil }
			}
			if p := fixed[record](name, x.Account); p != nil {
				return p
			}
			at := func(name string) int {
				return lead + slices.IndexFunc(s.columns, func(f field) bool { return f.Name == name })
			}
			switch {
			case name == "extra":
				n := lead + len(s.columns)
				return func(r record) (any, error) {
					if len(r.fields) <= n {
						return nil, nil
					}
					return readJSON(r.fields[n:])
				}
			case isAmount(name) && s.costs():
				i := at("cost")
				return func(r record) (any, error) { return amount(name, r.fields[i], r.day >= vatDay) }
			}
			f, ok := lookup(s.columns, name)
			if !ok {
				return nil
			}
			i := at(name)
			return func(r record) (any, error) {
				v, err := f.read(r.fields[i])
				if err == nil && v == nil && f.NotNull {
					return "-", nil
				}
				return v, err
			}
		}, func(ctx context.Context, each func(record) (bool, error)) error {
			return c.files(ctx, s, x, each)
		})
	}
	return t
}

// past are the days of a scan of which there is a file: from yesterday to as far as
// Naver keeps them.
func (c *Client) past(x tables.Scan, kept int) tables.Days {
	days, _ := c.clip(context.Background(), x, kept)
	days.To = min(days.To, tables.DayOf(c.now().In(seoul)).Add(-1))
	return days
}

func (c *Client) files(ctx context.Context, s fileSheet, x tables.Scan, each func(record) (bool, error)) error {
	if _, gone := c.clip(ctx, x, s.kept); gone {
		tables.TraceOf(ctx).Warn(fault.New(fault.Invalid, "Naver Search Ad account %s: Naver keeps the report %s for %d days; those before %s are gone", x.Account, s.report, s.kept, tables.DayOf(c.now().In(seoul)).Add(-s.kept)))
	}
	days := c.past(x, s.kept)
	if days.Len() == 0 {
		return nil
	}
	for _, day := range days.Chunks(1) {
		part := x
		part.Days = day
		want := strings.ReplaceAll(string(day.From), "-", "")
		stopped := false
		err := c.report(rest.About(ctx, part), Spec{x.Account, "stat-reports", s.report, day.From}, func(f []string) (bool, error) {
			// An older layout of brand products has a sum of ranks before the views.
			if s.report == "SHOPPINGBRANDPRODUCT" && len(f) == len(s.columns)+3 {
				f = append(f[:len(f)-2], f[len(f)-1], f[len(f)-2])
			}
			switch {
			case len(f) < len(s.columns)+2:
				return false, fault.New(fault.Broken, "Naver Search Ad account %s: a line of the report %s has %d columns, not %d", x.Account, s.report, len(f), len(s.columns)+2)
			case f[0] != want || f[1] != x.Account:
				return false, fault.New(fault.Broken, "Naver Search Ad account %s: the report %s of %s has a line of day %.20q and customer %.20q", x.Account, s.report, day.From, f[0], f[1])
			}
			more, err := each(record{f, day.From})
			stopped = !more
			return more, err
		})
		if err != nil || stopped {
			return err
		}
	}
	return nil
}

// masterSheet is a table of a master report: its columns in the order of the file.
type masterSheet struct {
	name, item, doc string
	key             []string
	least           int // columns of the oldest layout that is read
	columns         []field
}

var (
	mCustomer = field{tables.Column{Name: "-"}, "", nil} // the account: checked, not shown
	mReg      = when("reg_tm", "", "When it was made, UTC")
	mDel      = when("del_tm", "", "When it was deleted, UTC; NULL while it lives")
	mOff      = flag("off", "", "Whether it is switched off (ON/OFF 1)")
)

var masterSheets = []masterSheet{
	{"master_campaign", "Campaign", "Campaigns", []string{"campaign_id"}, 11, line(mCustomer, id("campaign_id", "", "Campaign"), text("name", "", "Name"), number("campaign_type", "", "1 web site, 2 shopping, 3 power contents, 4 brand search, 6 place"),
		number("delivery_method", "", "1 accelerated, 2 standard"), flag("use_period", "", "Whether it runs for a period only"), when("period_start", "", "Beginning, UTC"), when("period_end", "", "End, UTC"), mReg, mDel, mOff, id("shared_budget_id", "", "Shared budget"))},
	{"master_campaign_budget", "CampaignBudget", "Daily budgets of campaigns", []string{"campaign_id"}, 6, line(mCustomer, id("campaign_id", "", "Campaign"), flag("use_daily_budget", "", "Whether it caps"), won("daily_budget", "", "Budget a day, without VAT"), mReg, mDel)},
	{"master_adgroup", "Adgroup", "Ad groups", []string{"ad_group_id"}, 16, line(mCustomer, id("ad_group_id", "", "Ad group"), id("campaign_id", "", "Campaign"), text("name", "", "Name"), won("bid_amt", "", "Bid for a click, without VAT"), mOff,
		flag("use_cnts_network_bid_amt", "", "Whether the content network has a bid of its own"), won("contents_network_bid_amt", "", "That bid"), number("pc_network_bid_weight", "", "Weight of bids on PC in percent"), number("mobile_network_bid_weight", "", "Weight of bids on mobile devices in percent"),
		id("mobile_channel_id", "", "Business channel on mobile devices"), id("pc_channel_id", "", "Business channel on PC"), mReg, mDel, word("content_type", "", "Content type"), word("adgroup_type", "", "Type, a number"), id("shared_budget_id", "", "Shared budget"), flag("use_exp_search", "", "Whether keywords are expanded"))},
	{"master_adgroup_budget", "AdgroupBudget", "Daily budgets of ad groups", []string{"ad_group_id"}, 6, line(mCustomer, id("ad_group_id", "", "Ad group"), flag("use_daily_budget", "", "Whether it caps"), won("daily_budget", "", "Budget a day, without VAT"), mReg, mDel)},
	{"master_keyword", "Keyword", "Keywords", []string{"keyword_id"}, 12, line(mCustomer, id("ad_group_id", "", "Ad group"), id("keyword_id", "", "Keyword"), text("keyword", "", "The keyword"), won("bid_amt", "", "Bid for a click, without VAT"), text("landing_url_pc", "", "Landing page on PC"), text("landing_url_mobile", "", "Landing page on mobile devices"), mOff,
		word("inspect_status", "", "10 under review, 20 approved, 30 limited, 40 pending"), flag("use_group_bid_amt", "", "Whether the ad group's bid holds"), mReg, mDel, word("keyword_type", "", "Type, a number"))},
	{"master_ad", "Ad", "Text ads of web site campaigns", []string{"ad_id"}, 11, line(mCustomer, id("ad_group_id", "", "Ad group"), id("ad_id", "", "Ad"), word("inspect_status", "", "10 under review, 20 approved, 30 limited, 40 pending"), text("subject", "", "Headline"), text("description", "", "Description"), text("landing_url_pc", "", "Landing page on PC"), text("landing_url_mobile", "", "Landing page on mobile devices"), mOff, mReg, mDel)},
	{"master_shopping_product", "ShoppingProduct", "Product ads of shopping campaigns", []string{"ad_id"}, 21, line(mCustomer, id("ad_group_id", "", "Ad group"), id("ad_id", "", "Ad"), word("inspect_status", "", "10 under review, 20 approved, 30 limited, 40 pending"), mOff, text("ad_product_name", "", "Name in the ad"), text("ad_image_url", "", "Picture in the ad"),
		won("bid_amt", "", "Bid for a click, without VAT"), flag("use_group_bid_amt", "", "Whether the ad group's bid holds"), word("ad_link_status", "", "Link to the product, a number"), mReg, mDel, id("product_id", "", "Product"), id("product_id_of_mall", "", "Product of the mall"), text("product_name", "", "Name of the product"), text("product_image_url", "", "Picture"),
		text("landing_url_pc", "", "Landing page on PC"), text("landing_url_mobile", "", "Landing page on mobile devices"), won("price_pc", "", "Price on PC"), won("price_mobile", "", "Price on mobile devices"), won("delivery_fee", "", "Delivery fee"))},
	{"master_business_channel", "BusinessChannel", "Business channels", []string{"business_channel_id"}, 9, line(mCustomer, text("name", "", "Name"), id("business_channel_id", "", "Business channel"), word("channel_type", "", "Type"), text("channel_contents", "", "Address, number or name of it"), word("pc_inspect_status", "", "Review on PC"), word("mobile_inspect_status", "", "Review on mobile devices"), mReg, mDel)},
	{"master_qi", "Qi", "Quality index of keywords", []string{"ad_group_id", "keyword_id"}, 5, line(mCustomer, id("ad_group_id", "", "Ad group"), id("keyword_id", "", "Keyword"), text("keyword", "", "The keyword"), number("quality_index", "", "Quality index, 1 to 7"))},
	{"master_media", "Media", "Media that media_code of the reports names", []string{"media_code"}, 4, line(word("type", "", "Type, a number"), id("media_code", "", "Media"), text("name", "", "Name"), text("url", "", "Address"), word("naver_ad_network", "", "Whether of Naver's ad network"), word("portal_site", "", "Whether a portal"), word("pc_media", "", "Whether on PC"), word("mobile_media", "", "Whether on mobile devices"),
		word("search_ad_network", "", "Whether of the search network"), word("contents_ad_network", "", "Whether of the content network"), word("media_group_id", "", "Group"), word("contract_begin", "", "Day of the contract"), word("contract_end", "", "Day of its end"))},
	{"master_label", "Label", "Labels", []string{"label_id"}, 5, line(mCustomer, id("label_id", "", "Label"), text("name", "", "Name"), mReg, when("update_tm", "", "When it was changed last, UTC"))},
	{"master_label_ref", "LabelRef", "What has a label", []string{"label_id", "reference_id"}, 5, line(mCustomer, id("label_id", "", "Label"), id("reference_id", "", "What has it"), mReg, when("update_tm", "", "When it was changed last, UTC"))},
	{"master_criterion", "Criterion", "Targets of ad groups", []string{"dictionary_code", "type", "owner_id"}, 10, line(mCustomer, word("dictionary_code", "", "Target"), word("type", "", "Kind of target"), id("owner_id", "", "Ad group"), number("bid_weight", "", "Weight of bids in percent"), word("negative", "", "Whether it keeps ads away"), mOff, text("content_value", "", "Value"), mReg, mDel)},
}

func (c *Client) masterTable(s masterSheet) tables.Table {
	fields := []field{customer}
	for _, f := range s.columns {
		if f.Name != "-" {
			fields = append(fields, f)
		}
	}
	fields = append(fields, more, currency)
	t := c.base(s.name, s.doc+" as they are now, in one file (master report "+s.item+"); its columns are those that clients of others document", s.key, fields)
	t.Fresh = freshMaster
	t.Units = func(x tables.Scan) map[string]int { return rest.Units(c.limits(x.Account, true)) }
	t.Calls = func(tables.Scan) (int, bool) { return 6, false }
	t.Scan = func(ctx context.Context, x tables.Scan) iter.Seq2[tables.Row, error] {
		x.Table = s.name
		return scan(ctx, x, func(name string) picker[record] {
			if p := fixed[record](name, x.Account); p != nil {
				return p
			}
			if name == "extra" {
				return func(r record) (any, error) {
					if len(r.fields) <= len(s.columns) {
						return nil, nil
					}
					return readJSON(r.fields[len(s.columns):])
				}
			}
			i := slices.IndexFunc(s.columns, func(f field) bool { return f.Name == name })
			if i < 0 || name == "-" {
				return nil
			}
			f, key := s.columns[i], t.Lookup(name).NotNull
			return func(r record) (any, error) {
				if i >= len(r.fields) {
					return nil, nil // an older layout
				}
				v, err := f.read(r.fields[i])
				if err == nil && v == nil && key {
					err = errMissing(name)
				}
				return v, err
			}
		}, func(ctx context.Context, each func(record) (bool, error)) error {
			return c.report(ctx, Spec{x.Account, "master-reports", s.item, ""}, func(f []string) (bool, error) {
				switch {
				case len(f) < s.least:
					return false, fault.New(fault.Broken, "Naver Search Ad account %s: a line of the master report %s has %d columns, not %d", x.Account, s.item, len(f), len(s.columns))
				case s.columns[0].Name == "-" && f[0] != x.Account:
					return false, fault.New(fault.Broken, "Naver Search Ad account %s: the master report %s has a line of customer %.20q", x.Account, s.item, f[0])
				}
				return each(record{fields: f})
			})
		})
	}
	return t
}
