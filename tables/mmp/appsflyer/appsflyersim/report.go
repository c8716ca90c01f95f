package appsflyersim

import (
	"bufio"
	"cmp"
	"encoding/csv"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"argo/tables"
	"argo/tables/market"
)

// none is how a figure that a row cannot have is written.
const none = "N/A"

// line is a row of a report before it is formatted.
type line struct {
	day                       tables.Day
	country, source, campaign string
	organic                   bool
	impressions, clicks       int64
	installs, sessions, loyal int64
	revenue, cost             int64
	events                    []market.Event
}

// sourceOf is a media source by where users came from. The networks' names are
// those that the tracker gives them.
var sourceOf = map[market.Origin]string{market.FromAds: "googleadwords_int", market.FromPartner: "partner_int", market.FromNowhere: "Organic"}

// lines sums the market's cohorts, as of a moment, to the rows of the report.
func (s *Sim) lines(q *request, asOf time.Time) []*line {
	r := reports[q.report]
	type key struct {
		day                       tables.Day
		country, source, campaign string
	}
	sums := map[key]*line{}
	for _, c := range s.m.Tracker(market.CohortQuery{App: q.app.ID, Days: q.days, Zone: q.zone, AsOf: asOf}) {
		organic := c.Origin == market.FromNowhere
		source := sourceOf[c.Origin]
		if c.Retargeting != q.retargeting || q.source != "" && q.source != source || organic != (q.category == "organic") && q.category != "standard" ||
			q.category == "facebook" || q.category == "twitter" || q.views && organic {
			continue
		}
		k := key{source: source, campaign: cmp.Or(c.Name, "None")}
		if r.byDate {
			k.day = c.Day
		}
		if r.geo {
			k.country = c.Country
		}
		x, ok := sums[k]
		if !ok {
			x = &line{day: k.day, country: k.country, source: k.source, campaign: k.campaign, organic: organic, events: make([]market.Event, len(q.app.Events))}
			sums[k] = x
		}
		if q.views { // no views are attributed in this world
			continue
		}
		x.impressions += c.Impressions
		x.clicks += c.Clicks
		x.installs += c.Installs
		x.sessions += c.Sessions
		x.loyal += c.Loyal
		x.revenue += c.Revenue
		x.cost += c.Cost
		for i, e := range c.Events {
			x.events[i].Users += e.Users
			x.events[i].Count += e.Count
			x.events[i].Revenue += e.Revenue
		}
	}
	out := make([]*line, 0, len(sums))
	for _, x := range sums {
		if !q.views {
			out = append(out, x)
		}
	}
	slices.SortFunc(out, func(a, b *line) int {
		return cmp.Or(cmp.Compare(a.day, b.day), cmp.Compare(a.country, b.country), cmp.Compare(a.source, b.source), cmp.Compare(a.campaign, b.campaign))
	})
	return out
}

// events are those of the app that happened at all in the window: the columns
// of a report change with it.
func (q *request) events(lines []*line) []int {
	var out []int
	if reports[q.report].noRevenue {
		return nil
	}
	for i := range q.app.Events {
		if slices.ContainsFunc(lines, func(x *line) bool { return x.events[i].Count > 0 }) {
			out = append(out, i)
		}
	}
	return out
}

// header gives the published columns of the report.
func (q *request) header(events []int, currency string) []string {
	r := reports[q.report]
	var h []string
	if r.byDate {
		h = append(h, "Date")
	}
	if r.geo {
		h = append(h, "Country")
	}
	h = append(h, "Agency/PMD (af_prt)", "Media Source (pid)", "Campaign (c)")
	if q.retargeting {
		h = append(h, "Clicks", "Conversions", "Conversion Type")
	} else {
		h = append(h, "Impressions", "Clicks", "CTR", "Installs")
	}
	h = append(h, "Conversion Rate", "Sessions", "Loyal Users", "Loyal Users/Installs")
	if r.noRevenue {
		return append(h, "Total Cost", "Average eCPI")
	}
	h = append(h, "Total Revenue", "Total Cost", "ROI", "ARPU", "Average eCPI")
	for _, i := range events {
		e := q.app.Events[i]
		h = append(h, e+" (Unique users)", e+" (Event counter)", e+" (Sales in "+currency+")")
	}
	return h
}

// write answers with the report, or with what a fault plan makes of it; without
// rows it is the header alone.
func (s *Sim) write(w http.ResponseWriter, q *request, f market.Fault) {
	lines := s.lines(q, s.m.Now().Add(-f.Delay))
	switch n := len(lines); {
	case n == 0:
	case f.Kind == market.Missing:
		lines = slices.Delete(lines, n/2, n/2+1)
	case f.Kind == market.Repeat:
		lines = slices.Insert(lines, 0, lines[:(n+1)/2]...)
	}
	events := q.events(lines)
	currency := "USD"
	if s.o.SalesInAppCurrency {
		currency = q.app.Currency
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", fmt.Sprintf("%s_%s_%s_%s.csv", q.app.ID, q.report, q.days.From, q.days.To)))
	b := bufio.NewWriter(w)
	out := csv.NewWriter(b)
	_ = out.Write(q.header(events, currency)) // a reader that has gone is not our concern
	for _, x := range lines {
		_ = out.Write(q.record(x, events))
	}
	out.Flush()
	_ = b.Flush()
}

// record formats a row. What organic users and rows without a denominator
// cannot have is N/A.
func (q *request) record(x *line, events []int) []string {
	r := reports[q.report]
	var out []string
	if r.byDate {
		out = append(out, string(x.day))
	}
	if r.geo {
		out = append(out, x.country)
	}
	paid := func(v string) string {
		if x.organic {
			return none
		}
		return v
	}
	out = append(out, "", x.source, x.campaign)
	if q.retargeting {
		out = append(out, whole(x.clicks), whole(x.installs), "re-engagement")
	} else {
		out = append(out, paid(whole(x.impressions)), paid(whole(x.clicks)), paid(ratio(x.clicks, x.impressions)), whole(x.installs))
	}
	out = append(out, paid(ratio(x.installs, x.clicks)), whole(x.sessions), whole(x.loyal), ratio(x.loyal, x.installs))
	if r.noRevenue {
		return append(out, paid(money(x.cost)), paid(per(x.cost, x.installs)))
	}
	out = append(out, money(x.revenue), paid(money(x.cost)), paid(ratio(x.revenue-x.cost, x.cost)), per(x.revenue, x.installs), paid(per(x.cost, x.installs)))
	for _, i := range events {
		out = append(out, whole(x.events[i].Users), whole(x.events[i].Count), money(x.events[i].Revenue))
	}
	return out
}

func whole(n int64) string { return strconv.FormatInt(n, 10) }

// money writes micros with two decimals; cents are exact.
func money(micros int64) string {
	sign := ""
	if micros < 0 {
		sign, micros = "-", -micros
	}
	return fmt.Sprintf("%s%d.%02d", sign, micros/1_000_000, micros/10_000%100)
}

// ratio has four decimals.
func ratio(a, b int64) string {
	if b == 0 {
		return none
	}
	return strconv.FormatFloat(float64(a)/float64(b), 'f', 4, 64)
}

// per is an amount in micros for each of n.
func per(micros, n int64) string {
	if n == 0 {
		return none
	}
	return strconv.FormatFloat(float64(micros)/1e6/float64(n), 'f', 4, 64)
}
