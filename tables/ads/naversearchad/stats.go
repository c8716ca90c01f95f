package naversearchad

import (
	"context"
	"encoding/json"
	"iter"
	"net/url"
	"slices"
	"strings"

	"argo/tables"
	"argo/tables/fault"
	"argo/tables/rest"
)

const (
	batch   = 100 // ids of one request: about 200 make the address too long
	longDay = 92  // days of one request
	history = 730 // days that /stats reaches back
	// bookedBack is how many days a breakdown of brand search and place reaches back.
	bookedBack = 120
)

// statSheet is a table of /stats: the entities of a level by day, whole or cut by
// a breakdown.
type statSheet struct {
	name, doc string
	kind      string // campaigns, adgroups, keywords, ads
	breakdown string
	part      field // column of the breakdown's name
	own       []field
}

// metrics of /stats. All are asked for: the rows must not depend on the columns.
func metrics() []field {
	out := []field{
		count("imp_cnt", "impCnt", "Impressions"), count("clk_cnt", "clkCnt", "Clicks"),
		won("sales_amt", "salesAmt", "Cost as Naver reports it: salesAmt is what was spent, not what was sold"),
	}
	out = append(out, amounts()...)
	return append(out,
		count("view_cnt", "viewCnt", "Video views"),
		count("ccnt", "ccnt", "Conversions of all types; with SmartStore carts since 2026-03-11"), won("conv_amt", "convAmt", "Value of the conversions, as the advertiser's script sent it"),
		count("purchase_ccnt", "purchaseCcnt", "Purchases"), won("purchase_conv_amt", "purchaseConvAmt", "Value of the purchases"),
		ratio("ctr", "ctr", "Clicks by impressions of this row in percent; for several rows divide the sums", "percent"),
		ratio("cpc", "cpc", "Cost by clicks of this row; for several rows divide the sums", "account currency"),
		ratio("avg_rnk", "avgRnk", "Average position of this row", "position"),
		ratio("crto", "crto", "Conversions by clicks of this row in percent", "percent"),
		ratio("ror", "ror", "Value by cost of this row in percent: 350 is 3.5 times", "percent"),
		ratio("cp_conv", "cpConv", "Cost by conversions of this row", "account currency"),
		ratio("purchase_ror", "purchaseRor", "Value of purchases by cost of this row in percent", "percent"),
		currency)
}

// askedFields is the JSON text of fields=.
var askedFields = func() string {
	var names []string
	for _, f := range metrics() {
		if f.from != "" {
			names = append(names, f.from)
		}
	}
	text, _ := json.Marshal(names) // texts always marshal
	return string(text)
}()

const statsDoc = ". Today's figures too; 2 years back. Rows without any figure are left out; entities that were deleted are not listed by Naver and have no rows here (stat_ad has them)"

var (
	campaignColumns = []field{id("campaign_id", "", "Campaign"), text("campaign_name", "", "Name of the campaign when the row was read")}
	groupColumns    = []field{id("campaign_id", "", "Campaign"), id("ad_group_id", "", "Ad group"), text("ad_group_name", "", "Name of the ad group when the row was read")}
	statSheets      = []statSheet{
		{name: "campaign_performance", doc: "What campaigns delivered by day", kind: "campaigns", own: campaignColumns},
		{name: "campaign_device_performance", doc: "What campaigns delivered by day and device", kind: "campaigns", breakdown: "pcMblTp", part: word("pc_mbl_tp", "name", "Device, in Naver's words"), own: campaignColumns},
		{name: "campaign_hour_performance", doc: "What campaigns delivered by day and hour in Korea", kind: "campaigns", breakdown: "hh24", part: word("hh24", "name", "Hour, in Naver's words"), own: campaignColumns},
		{name: "campaign_region_performance", doc: "What campaigns delivered by day and region", kind: "campaigns", breakdown: "regnNo", part: word("regn_no", "name", "Region, in Naver's words"), own: campaignColumns},
		{name: "ad_group_performance", doc: "What ad groups delivered by day", kind: "adgroups", own: groupColumns},
		{name: "ad_group_device_performance", doc: "What ad groups delivered by day and device", kind: "adgroups", breakdown: "pcMblTp", part: word("pc_mbl_tp", "name", "Device, in Naver's words"), own: groupColumns},
		{name: "keyword_performance", doc: "What keywords delivered by day. Accounts with many keywords are read in fewer requests by stat_ad", kind: "keywords",
			own: []field{id("campaign_id", "", "Campaign"), id("ad_group_id", "", "Ad group"), id("keyword_id", "", "Keyword"), text("keyword", "", "The keyword")}},
		{name: "ad_performance", doc: "What ads delivered by day. Accounts with many ads are read in fewer requests by stat_ad", kind: "ads",
			own: []field{id("ad_group_id", "", "Ad group"), id("ad_id", "", "Ad")}},
	}
)

func (s statSheet) fields() []field {
	out := append([]field{dayField, customer}, s.own...)
	if s.breakdown != "" {
		out = append(out, s.part)
	}
	return append(out, metrics()...)
}

func (s statSheet) key() []string {
	own := map[string]string{"campaigns": "campaign_id", "adgroups": "ad_group_id", "keywords": "keyword_id", "ads": "ad_id"}[s.kind]
	if s.breakdown != "" {
		return []string{own, s.part.Name}
	}
	return []string{own}
}

// plan of a scan: batches of ids of one campaign type, asked day by day, or each
// id for up to 92 days.
type plan struct {
	batches [][]entityID
	chunks  []tables.Days
	byDay   bool
	ids     int
}

func (s statSheet) plan(ids []entityID, days tables.Days) plan {
	p := plan{ids: len(ids)}
	by := map[string][]entityID{}
	var order []string
	for _, x := range ids {
		if by[x.tp] == nil {
			order = append(order, x.tp)
		}
		by[x.tp] = append(by[x.tp], x)
	}
	for _, tp := range order {
		p.batches = append(p.batches, slices.Collect(slices.Chunk(by[tp], batch))...)
	}
	if days.Len() > 0 {
		p.chunks = days.Chunks(longDay)
	}
	p.byDay = s.breakdown != "" || len(p.batches)*days.Len() <= len(ids)*len(p.chunks)
	if p.byDay && days.Len() > 0 {
		p.chunks = days.Chunks(1)
	}
	return p
}

// calls of the plan; old days of breakdowns that do not reach so far are left out.
func (s statSheet) calls(p plan, today tables.Day) (n int) {
	for _, days := range p.chunks {
		if !p.byDay {
			n += p.ids
			continue
		}
		for _, b := range p.batches {
			if s.reaches(b[0].tp, days.From, today) {
				n++
			}
		}
	}
	return n
}

// reaches says whether a breakdown of the campaign type goes back to the day.
func (s statSheet) reaches(tp string, day, today tables.Day) bool {
	return s.breakdown == "" || tp != "04" && tp != "06" || day >= today.Add(-bookedBack)
}

// figures is a row of a reply with what it is about.
type figures struct {
	object
	of  entityID
	day tables.Day
}

func (c *Client) statTable(s statSheet, since tables.Day) tables.Table {
	fields := s.fields()
	t := c.base(s.name, s.doc+statsDoc, s.key(), fields)
	t.Day, t.Since, t.Fresh, t.MaxDays = "date", since, freshStats, longDay
	t.Clock = "day in Korea; conversions on the day they happen"
	if s.breakdown != "" {
		t.MaxDays = 7
		t.Doc += ". One request for each day and a hundred entities of a campaign type; brand search and place reach 120 days back"
	}
	t.Units = func(x tables.Scan) map[string]int { return rest.Units(c.limits(x.Account, false)) }
	t.Calls = func(x tables.Scan) (int, bool) {
		today := tables.DayOf(c.now().In(seoul))
		days, _ := c.clip(context.Background(), x, history)
		if days.Len() == 0 {
			return 0, true
		}
		if ids, ok := c.remembered(x.Account, s.kind); ok {
			return s.calls(s.plan(ids, days), today), true
		}
		n := c.listed(x.Account, s.kind)
		return c.listing(x.Account, s.kind) + max(1, min(n*len(days.Chunks(longDay)), (n/batch+1)*days.Len())), false
	}
	t.Scan = func(ctx context.Context, x tables.Scan) iter.Seq2[tables.Row, error] {
		x.Table = s.name
		return scan(ctx, x, func(name string) picker[figures] {
			f, ok := lookup(fields, name)
			switch {
			case !ok:
				return nil
			case name == "date":
				return func(r figures) (any, error) { return r.day, nil }
			case isAmount(name):
				return func(r figures) (any, error) { return amount(name, r.object["salesAmt"], c.statsVAT) }
			case f.from != "":
				read := member(f, t.Lookup(name).NotNull)
				return func(r figures) (any, error) { return read(r.object) }
			}
			own := map[string]func(entityID) string{
				"campaign_name": func(e entityID) string { return e.name }, "ad_group_name": func(e entityID) string { return e.name }, "keyword": func(e entityID) string { return e.name },
				"campaign_id": func(e entityID) string { return e.campaign }, "ad_group_id": func(e entityID) string { return e.group }, "keyword_id": func(e entityID) string { return e.id }, "ad_id": func(e entityID) string { return e.id },
			}[name]
			if own != nil {
				return func(r figures) (any, error) { return readText(own(r.of)) }
			}
			return fixed[figures](name, x.Account)
		}, func(ctx context.Context, each func(figures) (bool, error)) error {
			return c.stats(ctx, s, x, each)
		})
	}
	return t
}

// clip takes off the days that are before what Naver keeps, or yet to come. With a
// trace, the days that are gone are a warning.
func (c *Client) clip(ctx context.Context, x tables.Scan, kept int) (days tables.Days, gone bool) {
	today := tables.DayOf(c.now().In(seoul))
	days = tables.Days{From: max(x.Days.From, today.Add(-kept)), To: min(x.Days.To, today)}
	return days, days.From > x.Days.From
}

func (c *Client) stats(ctx context.Context, s statSheet, x tables.Scan, each func(figures) (bool, error)) error {
	days, gone := c.clip(ctx, x, history)
	if gone {
		tables.TraceOf(ctx).Warn(fault.New(fault.Invalid, "Naver Search Ad account %s: Naver keeps statistics of two years; those before %s are gone", x.Account, days.From))
	}
	if days.Len() == 0 {
		return nil
	}
	ids, err := c.idsOf(ctx, x.Account, s.kind, false)
	if err != nil {
		return err
	}
	today := tables.DayOf(c.now().In(seoul))
	p := s.plan(ids, days)
	for _, days := range p.chunks {
		if !p.byDay {
			for _, e := range ids {
				if more, err := c.daily(ctx, x.Account, e, days, each); err != nil || !more {
					return err
				}
			}
			continue
		}
		for _, b := range p.batches {
			if !s.reaches(b[0].tp, days.From, today) {
				tables.TraceOf(ctx).Warn(fault.New(fault.Invalid, "Naver Search Ad account %s: breakdowns of brand search and place campaigns reach %d days back; those of %s are gone", x.Account, bookedBack, days.From))
				continue
			}
			if more, err := c.sums(ctx, s, x.Account, b, days.From, each); err != nil || !more {
				return err
			}
		}
	}
	return nil
}

// ask /stats. No data is an empty reply.
func (c *Client) ask(ctx context.Context, account string, q url.Values, days tables.Days) ([]object, error) {
	q.Set("fields", askedFields)
	q.Set("timeRange", `{"since":"`+string(days.From)+`","until":"`+string(days.To)+`"}`)
	var reply struct {
		Data                *objects `json:"data"`
		DailyStatResponse   *struct{ Data objects }
		SummaryStatResponse *struct{ Data objects }
	}
	err := c.get(ctx, account, "/stats", q, &reply)
	switch n := Code(err); {
	case n == 10004 || n == 20001:
		return nil, nil
	case err != nil:
		return nil, err
	case reply.Data != nil:
		return *reply.Data, nil
	case reply.DailyStatResponse != nil: // as the Swagger has it
		return reply.DailyStatResponse.Data, nil
	case reply.SummaryStatResponse != nil:
		return reply.SummaryStatResponse.Data, nil
	}
	return nil, fault.New(fault.Broken, "Naver Search Ad account %s: /stats answers without data", account)
}

// daily is one entity day by day.
func (c *Client) daily(ctx context.Context, account string, e entityID, days tables.Days, each func(figures) (bool, error)) (bool, error) {
	rows, err := c.ask(ctx, account, url.Values{"id": {e.id}, "timeIncrement": {"1"}}, days)
	if err != nil {
		return false, err
	}
	seen := map[tables.Day]bool{}
	for _, o := range rows {
		v, err := readDay(o["dateStart"])
		day, _ := v.(tables.Day)
		if err != nil || !days.Contains(day) || seen[day] || str(o["dateEnd"]) != "" && str(o["dateEnd"]) != string(day) {
			return false, fault.New(fault.Broken, "Naver Search Ad account %s: /stats of %s answers %v twice, or for another day than was asked for", account, e.id, o["dateStart"])
		}
		seen[day] = true
		if more, err := give(figures{o, e, day}, each); err != nil || !more {
			return more, err
		}
	}
	return true, nil
}

// sums are those of several entities on one day, cut by the breakdown.
func (c *Client) sums(ctx context.Context, s statSheet, account string, b []entityID, day tables.Day, each func(figures) (bool, error)) (bool, error) {
	of := map[string]entityID{}
	list := make([]string, len(b))
	for i, e := range b {
		of[e.id], list[i] = e, e.id
	}
	q := url.Values{"ids": {strings.Join(list, ",")}}
	if s.breakdown != "" {
		q.Set("breakdown", s.breakdown)
	}
	rows, err := c.ask(ctx, account, q, tables.Days{From: day, To: day})
	if err != nil {
		return false, err
	}
	for _, o := range rows {
		e, ok := of[str(o["id"])]
		if !ok {
			return false, fault.New(fault.Broken, "Naver Search Ad account %s: /stats answers %v twice, or without being asked for it", account, o["id"])
		}
		delete(of, e.id)
		parts := []object{o}
		if s.breakdown != "" {
			parts = nil
			seen := map[string]bool{}
			all, _ := o["breakdowns"].([]any)
			for _, x := range all {
				part, _ := x.(map[string]any)
				if name := str(part["name"]); name == "" || seen[name] {
					return false, fault.New(fault.Broken, "Naver Search Ad account %s: /stats of %s has a breakdown without a name, or twice", account, e.id)
				} else {
					seen[name] = true
				}
				parts = append(parts, part)
			}
		}
		for _, part := range parts {
			if more, err := give(figures{part, e, day}, each); err != nil || !more {
				return more, err
			}
		}
	}
	return true, nil
}

// give leaves out rows in which nothing happened: only one of the two ways to ask
// has them.
func give(r figures, each func(figures) (bool, error)) (bool, error) {
	for _, name := range []string{"impCnt", "clkCnt", "salesAmt", "ccnt", "viewCnt", "convAmt", "purchaseCcnt"} {
		if v := str(r.object[name]); v != "" && strings.Trim(v, "0.") != "" {
			return each(r)
		}
	}
	return true, nil
}
