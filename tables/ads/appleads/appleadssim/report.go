package appleadssim

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"argo/tables"
	"argo/tables/market"
)

// figures that add up: impressions, taps, spend in micros, installs after a tap
// and after a view, and how many of these two are redownloads.
type figures [7]int64

const (
	impressions = iota
	taps
	spend
	tapInstalls
	viewInstalls
	tapAgain
	viewAgain
)

func (f *figures) add(g figures) {
	for i := range f {
		f[i] += g[i]
	}
}

// parts cuts f by weights; the parts add up to f to the last unit.
func (f figures) parts(weights []int64, unit int64) []figures {
	var all, before int64
	for _, w := range weights {
		all += w
	}
	out := make([]figures, len(weights))
	for i, w := range weights {
		for k, n := range f {
			u := int64(1)
			if k == spend {
				u = unit
			}
			out[i][k] = (n/u*(before+w)/all - n/u*before/all) * u
		}
		before += w
	}
	return out
}

// ask is a report of either version.
type ask struct {
	level     string
	campaigns []string // nil: all
	from, to  tables.Day
	grain     string // "" HOURLY DAILY WEEKLY MONTHLY
	utc       bool
	group     []string
	empty     bool
}

// line of a report.
type line struct {
	id    int64 // sorts it
	rank  string
	meta  object
	cells map[string]*figures // by date
	total figures
}

func (c *call) today(utc bool) tables.Day {
	if utc {
		return tables.DayOf(c.m.Now().UTC())
	}
	return tables.DayOf(c.m.Now().In(c.account.Location()))
}

// supported says which dimensions a level has.
func supported(level, grain string, group []string) *refusal {
	for _, g := range group {
		fine := slices.Contains([]string{"deviceClass", "ageRange", "gender", "countryCode", "adminArea", "locality", "countryOrRegion", "storefront"}, g)
		people := slices.Contains([]string{"ageRange", "gender", "countryCode", "adminArea", "locality"}, g)
		if !fine || people && (grain == "HOURLY" || level == "keywords" || level == "searchterms" || level == "ads") || level == "ads" && g == "deviceClass" {
			return invalid("INVALID_VALUE", "groupBy %s is not supported for this report.", g)
		}
	}
	return nil
}

var levelsOfReports = []string{"campaigns", "adgroups", "keywords", "searchterms", "ads"}

// report1 answers a report of v1.
func (c *call) report1(level string) *refusal {
	if !slices.Contains(levelsOfReports, level) {
		return refuse(404, "NOT_FOUND", "There is no such report.")
	}
	var q struct {
		Pagination *struct {
			Offset   int  `json:"offset"`
			PageSize *int `json:"pageSize"`
		} `json:"pagination"`
		Sorting []struct {
			Field string `json:"field"`
			Order string `json:"order"`
		} `json:"sorting"`
		Filters   []condition `json:"filters"`
		Fields    []string    `json:"fields"`
		GroupBy   []string    `json:"groupBy"`
		TimeRange *struct {
			Start       string  `json:"start"`
			End         string  `json:"end"`
			TimeZone    *string `json:"timeZone"`
			Granularity *string `json:"granularity"`
		} `json:"timeRange"`
		Options *struct {
			IncludeRows []string `json:"includeRows"`
		} `json:"options"`
	}
	if e := c.decode(&q); e != nil {
		return e
	}
	a := ask{level: level, group: q.GroupBy}
	at := slices.IndexFunc(q.Filters, func(x condition) bool { return x.Field == "campaignId" })
	if at < 0 {
		return invalid("MISSING_REQUIRED_FIELD", "A filter on campaignId is required.")
	}
	if x := q.Filters[at]; x.Operator != "IN" && x.Operator != "EQUALS" {
		return invalid("INVALID_VALUE", "The filter on campaignId takes EQUALS or IN.")
	}
	a.campaigns = q.Filters[at].list()
	if q.TimeRange == nil {
		return invalid("MISSING_REQUIRED_FIELD", "timeRange is required.")
	}
	var err1, err2 error
	a.from, err1 = tables.ParseDay(q.TimeRange.Start)
	a.to, err2 = tables.ParseDay(q.TimeRange.End)
	if err1 != nil || err2 != nil || a.from > a.to {
		return invalid("INVALID_VALUE", "timeRange: start and end are days, in this order.")
	}
	if z := q.TimeRange.TimeZone; z != nil {
		if a.utc = *z == "UTC"; *z != "UTC" && *z != "ORTZ" || a.utc && level == "searchterms" {
			return invalid("INVALID_VALUE", "timeZone %s is not supported for this report.", *z)
		}
	}
	today := c.today(a.utc)
	if g := q.TimeRange.Granularity; g != nil {
		a.grain = *g
	}
	switch {
	case a.grain == "HOURLY" && (level == "searchterms" || level == "ads"):
		return invalid("INVALID_VALUE", "HOURLY is not supported for this report.")
	case a.grain == "HOURLY" && a.from < today.Add(-7):
		return invalid("INVALID_DATE_RANGE", "HOURLY: start must be within the last 7 days.")
	case a.grain == "DAILY" && a.from < today.Add(-90):
		return invalid("INVALID_DATE_RANGE", "DAILY: start must be within the last 90 days.")
	case a.grain == "DAILY" && a.from == a.to:
		return invalid("INVALID_DATE_RANGE", "DAILY needs more than one day; leave granularity out.")
	case a.grain == "WEEKLY" && (a.from < today.Add(-365) || a.to > today.Add(-14)), a.grain == "MONTHLY" && a.to > today.Add(-90):
		return invalid("INVALID_DATE_RANGE", "The range is not one of %s.", a.grain)
	case !slices.Contains([]string{"", "HOURLY", "DAILY", "WEEKLY", "MONTHLY"}, a.grain):
		return invalid("INVALID_VALUE", "There is no granularity %s.", a.grain)
	case a.from < today.Add(-731):
		return invalid("INVALID_DATE_RANGE", "start must be within the last 24 months.")
	}
	if e := supported(level, a.grain, a.group); e != nil {
		return e
	}
	grand := false
	if q.Options != nil {
		for _, w := range q.Options.IncludeRows {
			if grand = grand || w == "GRAND_TOTAL"; level == "searchterms" || w != "GRAND_TOTAL" && w != "EMPTY_METRICS" {
				return invalid("INVALID_VALUE", "includeRows %s is not supported for this report.", w)
			}
			a.empty = a.empty || w == "EMPTY_METRICS"
		}
	}
	offset, size := 0, 100
	if p := q.Pagination; p != nil {
		if offset = p.Offset; p.PageSize != nil {
			size = *p.PageSize
		}
	}
	if offset < 0 || size < 1 || size > 5000 {
		return invalid("INVALID_VALUE", "The page size is 1 to 5000.")
	}
	lines := c.lines(a)
	if len(q.Sorting) > 0 {
		if q.Sorting[0].Field == "impressions" {
			slices.SortStableFunc(lines, func(x, y *line) int { return cmp.Compare(x.total[impressions], y.total[impressions]) })
		}
		if q.Sorting[0].Order == "DESC" {
			slices.Reverse(lines)
		}
	}
	var total figures
	for _, l := range lines {
		total.add(l.total)
	}
	rows := []any{}
	for _, l := range lines[min(offset, len(lines)):min(offset+size, len(lines))] {
		row := object{"metadata": l.meta, "totalMetrics": c.metrics(l.total, "", q.Fields)}
		if a.grain != "" {
			row["granularMetrics"] = c.granular(a, l, q.Fields)
		}
		rows = append(rows, row)
	}
	result := object{"rows": c.spoilReport(rows)}
	if grand {
		result["summary"] = object{"grandTotal": c.metrics(total, "", q.Fields)}
	}
	c.write(200, object{"result": result, "pagination": object{"offset": offset, "pageSize": size, "totalCount": len(lines)}})
	return nil
}

// report5 answers a report of v5.
func (c *call) report5(level string, campaign int64) *refusal {
	if !slices.Contains(levelsOfReports, level) {
		return refuse(404, "NOT_FOUND", "There is no such report.")
	}
	var q struct {
		StartTime   string   `json:"startTime"`
		EndTime     string   `json:"endTime"`
		Granularity *string  `json:"granularity"`
		TimeZone    string   `json:"timeZone"`
		GroupBy     []string `json:"groupBy"`
		Selector    *struct {
			OrderBy []struct {
				Field     string `json:"field"`
				SortOrder string `json:"sortOrder"`
			} `json:"orderBy"`
			Conditions []condition `json:"conditions"`
			Fields     any         `json:"fields"`
			Pagination *struct {
				Offset int `json:"offset"`
				Limit  int `json:"limit"`
			} `json:"pagination"`
		} `json:"selector"`
		Empty bool `json:"returnRecordsWithNoMetrics"`
		Rows  bool `json:"returnRowTotals"`
		Grand bool `json:"returnGrandTotals"`
	}
	if e := c.decode(&q); e != nil {
		return e
	}
	a := ask{level: level, group: q.GroupBy, utc: q.TimeZone == "UTC" || q.TimeZone == "", empty: q.Empty}
	if campaign != 0 {
		a.campaigns = []string{strconv.FormatInt(campaign, 10)}
		if c.find("campaigns", campaign) == nil {
			return refuse(404, "NOT_FOUND", "There is no such campaign.")
		}
	}
	var err1, err2 error
	a.from, err1 = tables.ParseDay(q.StartTime)
	a.to, err2 = tables.ParseDay(q.EndTime)
	if q.Granularity != nil {
		a.grain = *q.Granularity
	}
	today, n := c.today(a.utc), a.to.Sub(a.from)+1
	switch {
	case err1 != nil || err2 != nil || a.from > a.to:
		return invalid("startTime", "startTime and endTime are days, in this order.")
	case q.TimeZone != "" && q.TimeZone != "UTC" && q.TimeZone != "ORTZ":
		return invalid("timeZone", "There is no time zone %s.", q.TimeZone)
	case level == "searchterms" && (a.utc || a.empty || a.grain == "HOURLY"):
		return invalid("timeZone", "Search terms are in ORTZ, without hours and without records that have no metrics.")
	case a.grain == "HOURLY" && (level == "ads" || a.from < today.Add(-30) || n > 7):
		return invalid("startTime", "HOURLY: the last 30 days, 7 at once.")
	case a.grain == "DAILY" && (a.from < today.Add(-90) || n > 90):
		return invalid("startTime", "DAILY: the last 90 days.")
	case a.grain == "WEEKLY" && (n < 15 || n > 365), a.grain == "MONTHLY" && n < 92, a.from < today.Add(-731):
		return invalid("startTime", "The range is not one of %s.", a.grain)
	case !slices.Contains([]string{"", "HOURLY", "DAILY", "WEEKLY", "MONTHLY"}, a.grain):
		return invalid("granularity", "There is no granularity %s.", a.grain)
	case a.grain != "" && (q.Rows || q.Grand):
		return invalid("returnRowTotals", "With a granularity, returnRowTotals and returnGrandTotals must be false.")
	case q.Selector == nil || len(q.Selector.OrderBy) == 0:
		return invalid("selector", "The selector needs orderBy.")
	}
	if e := supported(level, a.grain, a.group); e != nil {
		return e
	}
	for _, x := range q.Selector.Conditions {
		if x.Field != "campaignId" || x.Operator != "IN" && x.Operator != "EQUALS" {
			return invalid(x.Field, "The field %q cannot be filtered.", x.Field)
		}
		a.campaigns = x.list()
	}
	offset, size := 0, 20
	if p := q.Selector.Pagination; p != nil {
		offset, size = p.Offset, p.Limit
	}
	if offset < 0 || size < 1 || size > 1000 {
		return invalid("limit", "The page size is 1 to 1000.")
	}
	lines := c.lines(a)
	var total figures
	for _, l := range lines {
		total.add(l.total)
	}
	rows := []any{}
	for _, l := range lines[min(offset, len(lines)):min(offset+size, len(lines))] {
		row := object{"other": false, "metadata": l.meta, "insights": nil}
		if a.grain != "" {
			row["granularity"] = c.granular(a, l, nil)
		}
		if q.Rows {
			row["total"] = c.metrics(l.total, "", nil)
		}
		rows = append(rows, row)
	}
	data := object{"row": c.spoilReport(rows)}
	if q.Grand {
		data["grandTotals"] = object{"other": false, "total": c.metrics(total, "", nil)}
	}
	c.write(200, object{"data": object{"reportingDataResponse": data}, "pagination": object{"totalResults": len(lines), "startIndex": offset, "itemsPerPage": len(rows)}, "error": nil})
	return nil
}

// spoilReport does to a page what a fault plan wants: a missing row is one entry
// of a day, which no count shows.
func (c *call) spoilReport(rows []any) []any {
	if !c.missing {
		return c.spoil(rows)
	}
	for _, r := range rows {
		row := r.(object)
		for _, name := range []string{"granularMetrics", "granularity"} {
			all, _ := row[name].([]any)
			for i, x := range all {
				if x.(object)["impressions"] != int64(0) {
					row[name] = slices.Delete(slices.Clone(all), i, i+1)
					return rows
				}
			}
		}
	}
	for _, r := range rows {
		for _, name := range []string{"totalMetrics", "total"} {
			if _, ok := r.(object)[name]; ok {
				r.(object)[name] = c.metrics(figures{}, "", nil)
				return rows
			}
		}
	}
	return rows
}

// granular gives an entry for each date, also for those without delivery.
func (c *call) granular(a ask, l *line, fields []string) []any {
	out := []any{}
	for _, date := range a.dates() {
		var f figures
		if x := l.cells[date]; x != nil {
			f = *x
		}
		out = append(out, c.metrics(f, date, fields))
	}
	return out
}

// dates of a report's entries.
func (a ask) dates() (out []string) {
	for d := a.from; d <= a.to; d = d.Add(1) {
		for h := range 24 {
			date := a.date(d, h)
			if len(out) == 0 || out[len(out)-1] != date {
				out = append(out, date)
			}
		}
	}
	return out
}

// date of the entry that an hour belongs to.
func (a ask) date(d tables.Day, hour int) string {
	switch a.grain {
	case "HOURLY":
		return fmt.Sprintf("%s %02d", d, hour)
	case "WEEKLY":
		return string(d.Add(-(int(d.Time().Weekday()) + 6) % 7))
	case "MONTHLY":
		return string(d[:8]) + "01"
	}
	return string(d)
}

// metrics of an entry or a total, in the words of the version. What would be
// divided by nothing is left out.
func (c *call) metrics(f figures, date string, fields []string) object {
	per := func(micros, n int64) any {
		if n == 0 {
			return nil
		}
		u := c.account.Unit()
		return c.amount((micros/n + u/2) / u * u)
	}
	rate := func(a, b int64) any {
		if b == 0 {
			return 0
		}
		return math.Round(float64(a)/float64(b)*10000) / 10000
	}
	cpt, cpm := "cpt", "cpm"
	if c.v5 {
		cpt, cpm = "avgCPT", "avgCPM"
	}
	total := f[tapInstalls] + f[viewInstalls]
	m := object{
		"impressions": f[impressions], "taps": f[taps], "ttr": rate(f[taps], f[impressions]), "localSpend": c.amount(f[spend]),
		cpt: per(f[spend], f[taps]), cpm: per(f[spend]*1000, f[impressions]),
		"tapInstalls": f[tapInstalls], "viewInstalls": f[viewInstalls], "totalInstalls": total,
		"tapNewDownloads": f[tapInstalls] - f[tapAgain], "viewNewDownloads": f[viewInstalls] - f[viewAgain], "totalNewDownloads": total - f[tapAgain] - f[viewAgain],
		"tapRedownloads": f[tapAgain], "viewRedownloads": f[viewAgain], "totalRedownloads": f[tapAgain] + f[viewAgain],
		"tapPreOrdersPlaced": 0, "viewPreOrdersPlaced": 0, "totalPreOrdersPlaced": 0,
		"tapInstallRate": rate(f[tapInstalls], f[taps]), "totalInstallRate": rate(total, f[taps]),
		"tapInstallCPI": per(f[spend], f[tapInstalls]), "totalAvgCPI": per(f[spend], total),
	}
	for k, v := range m {
		if v == nil || len(fields) > 0 && !slices.Contains(fields, k) {
			delete(m, k)
		}
	}
	if date != "" {
		m["date"] = date
	}
	return m
}

// regions by country of the audience; nil is where nobody knows.
var regions = map[string][]any{"KR": {"KR|11", "KR|26", nil}, "JP": {"JP|13", "JP|27", nil}, "US": {"US|CA", "US|NY", nil}}

// cells of a dimension and their weights.
func (c *call) dimension(name string, device market.Device) (values []any, weights []int64) {
	switch name {
	case "deviceClass":
		if device == market.Mobile {
			return []any{"IPHONE"}, []int64{1}
		}
		return []any{"IPAD"}, []int64{1}
	case "ageRange":
		return []any{"18-24", "25-34", "35-44", "45-54", "55-64", "65+", nil}, []int64{14, 22, 18, 12, 7, 4, 23}
	case "gender":
		return []any{"F", "M", nil}, []int64{39, 35, 26}
	case "adminArea", "locality":
		return regions[c.account.Country], []int64{46, 30, 24}
	}
	return []any{c.account.Country}, []int64{1}
}

// hourly weights of a day.
var hourly = []int64{3, 2, 1, 1, 1, 2, 3, 5, 6, 6, 5, 5, 6, 6, 5, 5, 5, 6, 7, 8, 9, 9, 8, 5}

// lines computes a report. Every finer grain is a partition of the coarser one.
func (c *call) lines(a ask) []*line {
	all := map[string]*line{}
	acc := c.account
	loc := acc.Location()
	hours := a.grain == "HOURLY" || a.utc && acc.Zone != "UTC"
	days := tables.Days{From: a.from, To: a.to}
	if a.utc {
		days = tables.Days{From: a.from.Add(-1), To: a.to.Add(1)}
	}
	names := c.index()
	var wanted []int64
	if a.campaigns != nil {
		wanted = []int64{}
		for _, s := range a.campaigns {
			if n, err := strconv.ParseInt(s, 10, 64); err == nil {
				wanted = append(wanted, n)
			}
		}
	}
	for _, campaign := range c.m.Campaigns(acc.ID) {
		if wanted != nil && !slices.Contains(wanted, campaign.ID) {
			continue
		}
		grain := map[string]market.Grain{"keywords": market.ByKeyword, "searchterms": market.ByTerm, "ads": market.ByAd}[a.level]
		if hours && grain == market.ByAdGroup && campaign.Form == market.Search {
			grain = market.ByKeyword // hours are parts of what keywords had
		}
		again := strings.Contains(campaign.Name, "Remarketing")
		for f := range c.m.Facts(market.Query{Account: acc.ID, Days: days, Grain: grain, Split: hours || slices.Contains(a.group, "deviceClass"), Campaigns: []int64{campaign.ID}, AsOf: c.asOf}) {
			x := figures{f.Impressions, f.Clicks, f.Cost, f.AllConversions / 100, f.ViewThrough}
			if again {
				x[tapAgain], x[viewAgain] = x[tapInstalls], x[viewInstalls]
			}
			type piece struct {
				date string
				figures
			}
			pieces := []piece{{a.date(f.Day, 0), x}}
			if hours {
				pieces = nil
				for h, part := range x.parts(c.hoursOf(f.Day), acc.Unit()) {
					day, hour := f.Day, h
					if a.utc {
						d := f.Day.Time()
						at := time.Date(d.Year(), d.Month(), d.Day(), h, 0, 0, 0, loc).UTC()
						day, hour = tables.DayOf(at), at.Hour()
					}
					if day >= a.from && day <= a.to {
						pieces = append(pieces, piece{a.date(day, hour), part})
					}
				}
			}
			for _, p := range pieces {
				type split struct {
					key  []string
					dims object
					figures
				}
				splits := []split{{nil, object{}, p.figures}}
				for _, g := range a.group {
					var next []split
					for _, s := range splits {
						values, weights := c.dimension(g, f.Device)
						for i, part := range s.parts(weights, acc.Unit()) {
							dims := object{g: values[i]}
							for k, v := range s.dims {
								dims[k] = v
							}
							next = append(next, split{append(slices.Clone(s.key), fmt.Sprint(values[i])), dims, part})
						}
					}
					splits = next
				}
				for _, s := range splits {
					if s.figures == (figures{}) {
						continue
					}
					id, key := names.line(a.level, f)
					key += strings.Join(s.key, "|")
					l := all[key]
					if l == nil {
						l = &line{id: id, rank: key, meta: names.meta(c, a.level, f), cells: map[string]*figures{}}
						for k, v := range s.dims {
							l.meta[k] = v
						}
						all[key] = l
					}
					if l.cells[p.date] == nil {
						l.cells[p.date] = &figures{}
					}
					l.cells[p.date].add(s.figures)
					l.total.add(s.figures)
				}
			}
		}
		if a.empty && len(a.group) == 0 && a.level == "campaigns" {
			f := market.Fact{Campaign: campaign.ID}
			if id, key := names.line(a.level, f); all[key] == nil {
				all[key] = &line{id: id, rank: key, meta: names.meta(c, a.level, f), cells: map[string]*figures{}}
			}
		}
	}
	out := make([]*line, 0, len(all))
	for _, l := range all {
		out = append(out, l)
	}
	slices.SortFunc(out, func(x, y *line) int { return cmp.Or(cmp.Compare(x.id, y.id), cmp.Compare(x.rank, y.rank)) })
	return out
}

// hoursOf are the weights of a day's hours; of today those that have begun.
func (c *call) hoursOf(d tables.Day) []int64 {
	now := c.m.Now()
	if !c.asOf.IsZero() {
		now = c.asOf
	}
	now = now.In(c.account.Location())
	if tables.DayOf(now) != d {
		return hourly
	}
	out := make([]int64, 24)
	copy(out, hourly[:now.Hour()+1])
	return out
}

// index finds entities by id.
type index struct {
	campaigns map[int64]market.Campaign
	groups    map[int64]market.AdGroup
	ads       map[int64]market.Ad
	keywords  map[int64]market.Keyword
}

func (c *call) index() *index {
	x := &index{map[int64]market.Campaign{}, map[int64]market.AdGroup{}, map[int64]market.Ad{}, map[int64]market.Keyword{}}
	for _, e := range c.m.Campaigns(c.account.ID) {
		x.campaigns[e.ID] = e
	}
	for _, e := range c.m.AdGroups(c.account.ID) {
		x.groups[e.ID] = e
	}
	for _, e := range c.m.Ads(c.account.ID) {
		x.ads[e.ID] = e
	}
	for _, e := range c.m.Keywords(c.account.ID) {
		x.keywords[e.ID] = e
	}
	return x
}

// line says to which line of a report a fact belongs.
func (x *index) line(level string, f market.Fact) (id int64, key string) {
	switch level {
	case "adgroups":
		id = f.AdGroup
	case "keywords":
		id = f.Keyword
	case "ads":
		id = f.Ad
	case "searchterms":
		return f.AdGroup, fmt.Sprintf("%d|%s|", f.Keyword, f.Term.Text)
	default:
		id = f.Campaign
	}
	return id, fmt.Sprintf("%d|", id)
}

func null(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// meta is the metadata of a line.
func (x *index) meta(c *call, level string, f market.Fact) object {
	campaign, group, word, ad := x.campaigns[f.Campaign], x.groups[f.AdGroup], x.keywords[f.Keyword], x.ads[f.Ad]
	a := c.account
	if c.v5 {
		o := object{"orgId": orgOf(a.ID), "campaignId": f.Campaign}
		switch level {
		case "campaigns":
			o["campaignName"], o["campaignStatus"], o["deleted"] = campaign.Name, status(campaign.Status), campaign.Status == market.Deleted
			o["app"] = object{"appName": a.Advertiser, "adamId": c.adam(a.App)}
			return o
		case "ads":
			o["adId"], o["adName"], o["creativeId"], o["creativeType"] = f.Ad, ad.Name, creative(a, f.Ad), creativeType(f.Ad)
		case "keywords", "searchterms":
			delete(o, "campaignId") // in the path
			o["keywordId"], o["keyword"], o["matchType"] = f.Keyword, word.Text, match(word.Match)
			if level == "keywords" {
				o["keywordStatus"] = c.keywordStatus(word.Status)
			} else {
				o["searchTermText"], o["searchTermSource"] = null(f.Term.Text), "TARGETED"
			}
		}
		o["adGroupId"], o["adGroupName"] = f.AdGroup, group.Name
		return o
	}
	o := object{"adAccountId": a.ID, "campaignId": f.Campaign}
	switch level {
	case "campaigns":
		delete(o, "campaignId")
		o["id"], o["name"], o["status"], o["deleted"] = f.Campaign, campaign.Name, status(campaign.Status), campaign.Status == market.Deleted
		o["promotedObjectType"], o["promotedObjectId"], o["promotedObject"] = "APPSTORE_APP", strconv.FormatInt(c.adam(a.App), 10), object{"name": a.Advertiser}
	case "adgroups":
		o["id"], o["name"], o["status"], o["deleted"] = f.AdGroup, group.Name, status(group.Status), group.Status == market.Deleted
	case "ads":
		o["adGroupId"], o["id"], o["name"], o["status"], o["deleted"] = f.AdGroup, f.Ad, ad.Name, status(ad.Status), ad.Status == market.Deleted
		o["creative"] = object{"id": creative(a, f.Ad), "creativeType": creativeType(f.Ad)}
	case "keywords":
		o["adGroupId"], o["adGroup"] = f.AdGroup, object{"name": group.Name, "deleted": group.Status == market.Deleted}
		for k, v := range x.word(word) {
			o[k] = v
		}
	case "searchterms":
		o["adGroupId"], o["adGroup"], o["keyword"] = f.AdGroup, object{"name": group.Name, "deleted": group.Status == market.Deleted}, x.word(word)
		o["searchTermText"], o["searchTermSource"] = null(f.Term.Text), "TARGETED"
	}
	return o
}

func (x *index) word(k market.Keyword) object {
	return object{"id": k.ID, "text": k.Text, "matchType": match(k.Match), "status": status(k.Status), "deleted": k.Status == market.Deleted}
}
