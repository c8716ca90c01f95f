package kakaokeywordsim

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

var groupsOfMetrics = []string{"BASIC", "ADDITION", "PIXEL_SDK_CONVERSION"}

// levels: the dimension that names what a report's rows are about.
var levels = map[string]string{"adAccounts": "adAccountId", "campaigns": "campaignId", "adGroups": "adGroupId", "keywords": "keywordId", "creatives": "creativeId"}

// question is a checked report.
type question struct {
	kind            string
	campaign, group int64       // 0: all
	days            tables.Days // empty: nothing is left
	byDay           bool
	dimension       string
	metrics         []string
}

func (c *call) report(kind string) *refusal {
	q, e := c.question(kind)
	if e != nil {
		return e
	}
	if e := c.pace(kind + "/report"); e != nil {
		return e
	}
	rows := c.rows(q)
	switch n := len(rows); {
	case n == 0:
	case c.fault.Kind == market.Missing:
		rows = slices.Delete(rows, n/2, n/2+1)
	case c.fault.Kind == market.Repeat:
		rows = slices.Insert(rows, 0, rows[:(n+1)/2]...)
	}
	return c.list("data", nil, rows)
}

func (c *call) question(kind string) (*question, *refusal) {
	if levels[kind] == "" {
		return nil, &refusal{status: 404, code: -2, text: "no such path"}
	}
	v := c.r.URL.Query()
	q := &question{kind: kind, dimension: v.Get("dimension")}
	if kind != "adAccounts" {
		n, err := strconv.ParseInt(v.Get("campaignId"), 10, 64)
		if err != nil || !slices.ContainsFunc(c.campaigns(), func(x market.Campaign) bool { return x.ID == n }) {
			return nil, bad("campaignId is not valid")
		}
		q.campaign = n
	}
	if g := v.Get("adGroupId"); g != "" {
		n, err := strconv.ParseInt(g, 10, 64)
		if err != nil {
			return nil, bad("adGroupId is not valid")
		}
		q.group = n
	}
	if v.Get("metricsGroups") == "" {
		return nil, bad("metricsGroups is required")
	}
	q.metrics = strings.Split(v.Get("metricsGroups"), ",")
	for _, m := range q.metrics {
		if !slices.Contains(groupsOfMetrics, m) {
			return nil, bad("metricsGroups is not valid: %s", m)
		}
	}
	if q.dimension != "" && parts[q.dimension] == nil {
		return nil, bad("dimension is not valid")
	}
	switch v.Get("timeUnit") {
	case "":
	case "DAY":
		q.byDay = true
	default:
		return nil, bad("timeUnit is not valid")
	}
	today := tables.DayOf(c.s.m.Now().In(kst))
	if v.Get("start") == "" && v.Get("end") == "" {
		days, ok := preset(cmp.Or(v.Get("datePreset"), "TODAY"), today)
		if !ok {
			return nil, bad("datePreset is not valid")
		}
		q.days = days
		return q, nil
	}
	for name, p := range map[string]*tables.Day{"start": &q.days.From, "end": &q.days.To} {
		t, err := time.Parse("20060102", v.Get(name))
		if err != nil {
			return nil, bad("%s is not valid", name)
		}
		*p = tables.DayOf(t)
	}
	switch {
	case q.days.From > q.days.To:
		return nil, bad("start is after end")
	case q.days.Len() > 31:
		return nil, bad("the period is longer than 31 days")
	}
	q.days.To = min(q.days.To, today.Add(-1)) // today is left out, without a word
	return q, nil
}

func preset(name string, today tables.Day) (tables.Days, bool) {
	first := tables.Day(string(today[:8]) + "01")
	d, ok := map[string]tables.Days{
		"TODAY": {From: today, To: today}, "YESTERDAY": {From: today.Add(-1), To: today.Add(-1)}, "LAST_7DAY": {From: today.Add(-7), To: today.Add(-1)},
		"LAST_14DAY": {From: today.Add(-14), To: today.Add(-1)}, "LAST_30DAY": {From: today.Add(-30), To: today.Add(-1)},
		"THIS_MONTH": {From: first, To: today.Add(-1)}, "LAST_MONTH": {From: tables.Day(string(first.Add(-1)[:8]) + "01"), To: first.Add(-1)},
	}[name]
	return d, ok
}

// figures of a row; they add up.
type figures struct {
	imp, click, cost             int64
	buys1, buys7, value1, value7 int64
	carts1, carts7, regs1, regs7 int64
	parts1, parts7, signs7, apps int64
	plays                        int64
}

func (f *figures) each(o *figures, do func(a *int64, b int64)) {
	do(&f.imp, o.imp)
	do(&f.click, o.click)
	do(&f.cost, o.cost)
	f.after(o, do)
}

// after are those that follow clicks.
func (f *figures) after(o *figures, do func(a *int64, b int64)) {
	a := []*int64{&f.buys1, &f.buys7, &f.value1, &f.value7, &f.carts1, &f.carts7, &f.regs1, &f.regs7, &f.parts1, &f.parts7, &f.signs7, &f.apps, &f.plays}
	b := []int64{o.buys1, o.buys7, o.value1, o.value7, o.carts1, o.carts7, o.regs1, o.regs7, o.parts1, o.parts7, o.signs7, o.apps, o.plays}
	for i := range a {
		do(a[i], b[i])
	}
}

// leaf is what a creative delivered on a day and a device.
type leaf struct {
	campaign, group, id int64
	day                 tables.Day
	device              market.Device
	network             market.Network
	figures
}

// leaves gives the account's days, each as it was reported at its own last
// moment, or now where that is still to come.
func (c *call) leaves(days tables.Days, grain market.Grain, only int64) []*leaf {
	now := c.s.m.Now().Add(-c.fault.Delay)
	searches := []int64{}
	for _, x := range c.campaigns() {
		if only == 0 || x.ID == only {
			searches = append(searches, x.ID)
		}
	}
	type key struct {
		id      int64
		device  market.Device
		network market.Network
	}
	var out []*leaf
	for day := days.From; day <= days.To; day = day.Add(1) {
		at := map[key]*leaf{}
		fixed := func(later int) time.Time {
			t := day.Add(later).Time()
			end := time.Date(t.Year(), t.Month(), t.Day(), 8, 0, 0, 0, kst)
			if end.After(now) {
				return now
			}
			return end
		}
		for pass, asOf := range []time.Time{fixed(1), fixed(2), fixed(8)} {
			for f := range c.s.m.Facts(market.Query{Account: c.account.ID, Days: tables.Days{From: day, To: day}, Grain: grain, Split: true, Campaigns: searches, AsOf: asOf}) {
				k := key{f.Ad + f.Keyword, f.Device, f.Network} // a fact has one of them
				x := at[k]
				if x == nil {
					x = &leaf{campaign: f.Campaign, group: f.AdGroup, id: f.Ad + f.Keyword, day: day, device: f.Device, network: f.Network}
					at[k] = x
					out = append(out, x)
				}
				buys, value := f.AllConversions/100, f.AllValue/1_000_000
				switch pass {
				case 0:
					x.imp, x.click, x.cost = f.Impressions, f.Clicks, f.Cost/1_000_000
					x.parts1, x.parts7, x.signs7 = 0, 0, 0
				case 1:
					x.buys1, x.value1, x.carts1, x.regs1 = buys, value, 3*buys, (buys+1)/2
				case 2:
					x.buys7, x.value7, x.carts7, x.regs7 = buys, value, 3*buys, (buys+1)/2
				}
			}
		}
	}
	return out
}

// part of a leaf with the values of a dimension.
type part struct {
	name   string // tells the parts apart
	values map[string]string
	weight float64
}

// parts cut a leaf by a dimension.
var parts = map[string]func(c *call, x *leaf) []part{
	"PLACEMENT": func(c *call, x *leaf) []part {
		return weighted("placement", []string{"DAUM", "KAKAO", "PARTNER"}, 5, 2, 3)
	},
	"DEVICE": func(c *call, x *leaf) []part {
		if x.device == market.Mobile {
			return one("device", "MOBILE")
		}
		return one("device", "PC")
	},
	"HOUR": func(c *call, x *leaf) []part {
		n := 24
		if now := c.s.m.Now().In(kst); x.day == tables.DayOf(now) {
			n = now.Hour() + 1
		}
		var names []string
		var weights []float64
		for h := range n {
			names = append(names, time.Date(2026, 1, 1, h, 0, 0, 0, kst).Format("15"))
			weights = append(weights, 1.2+math.Sin(float64(h-9)/24*2*math.Pi))
		}
		return weighted("hour", names, weights...)
	},
}

func one(name, value string) []part { return []part{{value, map[string]string{name: value}, 1}} }

func weighted(name string, values []string, weights ...float64) []part {
	sum := 0.0
	for _, w := range weights {
		sum += w
	}
	out := make([]part, len(values))
	for i, v := range values {
		out[i] = part{v, map[string]string{name: v}, weights[i] / sum}
	}
	return out
}

// cut gives the figures of the parts: they add up to the whole, and no part has
// more clicks than impressions.
func cut(whole *figures, ps []part) []figures {
	out := make([]figures, len(ps))
	share := func(n, part, of int64) int64 { // of n, before the part-th of so many
		if of == 0 {
			return 0
		}
		return (n*part + of - 1) / of
	}
	sum, before, clicks := 0.0, int64(0), int64(0)
	for i, p := range ps {
		sum += p.weight
		upTo := int64(float64(whole.imp)*sum + 0.5)
		if i == len(ps)-1 {
			upTo = whole.imp
		}
		clicked := share(whole.click, upTo, whole.imp)
		out[i].imp, out[i].click = upTo-before, clicked-clicks
		out[i].cost = share(whole.cost, clicked, whole.click) - share(whole.cost, clicks, whole.click)
		out[i].after(whole, func(a *int64, b int64) {
			*a = share(b, clicked, whole.click) - share(b, clicks, whole.click)
		})
		before, clicks = upTo, clicked
	}
	// What nothing was clicked for belongs to the first part.
	rest := *whole
	for i := range out {
		rest.each(&out[i], func(a *int64, b int64) { *a -= b })
	}
	out[0].each(&rest, func(a *int64, b int64) { *a += b })
	return out
}

// rows of the report.
func (c *call) rows(q *question) []any {
	type key struct {
		id   int64
		day  tables.Day
		dims string
	}
	sums, dims := map[key]*figures{}, map[key]map[string]string{}
	add := func(k key, values map[string]string, f *figures) {
		if sums[k] == nil {
			sums[k], dims[k] = &figures{}, values
		}
		sums[k].each(f, func(a *int64, b int64) { *a += b })
	}
	grain := market.ByAd
	if q.kind == "keywords" {
		grain = market.ByKeyword
	}
	pieces := map[string][]part{} // by device and, where it counts, day
	for _, x := range c.leaves(q.days, grain, q.campaign) {
		if q.group != 0 && x.group != q.group {
			continue
		}
		k := key{id: map[string]int64{"adAccounts": AccountID(c.account.ID), "campaigns": x.campaign, "adGroups": x.group, "keywords": x.id, "creatives": x.id}[q.kind]}
		if q.byDay {
			k.day = x.day
		}
		if q.dimension == "" {
			add(k, nil, &x.figures)
			continue
		}
		kind := fmt.Sprint(x.device, x.day)
		if pieces[kind] == nil {
			pieces[kind] = parts[q.dimension](c, x)
		}
		ps := pieces[kind]
		for i, f := range cut(&x.figures, ps) {
			if (f == figures{}) {
				continue
			}
			k.dims = ps[i].name
			add(k, ps[i].values, &f)
		}
	}
	keys := make([]key, 0, len(sums))
	for k := range sums {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b key) int {
		return cmp.Or(cmp.Compare(a.id, b.id), cmp.Compare(a.day, b.day), cmp.Compare(a.dims, b.dims))
	})
	name := levels[q.kind]
	row := func(id int64, from, to tables.Day, values map[string]string, metrics map[string]any) any {
		d := map[string]any{name: strconv.FormatInt(id, 10)}
		for k, v := range values {
			d[k] = v
		}
		return map[string]any{"start": strings.ReplaceAll(string(from), "-", ""), "end": strings.ReplaceAll(string(to), "-", ""), "dimensions": d, "metrics": metrics}
	}
	var out []any
	for _, k := range keys {
		from, to := k.day, k.day
		if !q.byDay {
			from, to = q.days.From, q.days.To
		}
		out = append(out, row(k.id, from, to, dims[k], q.measure(sums[k])))
	}
	return out
}

// measure gives the metrics of the groups that were asked for.
func (q *question) measure(f *figures) map[string]any {
	out := map[string]any{}
	per := func(a, b, times int64) float64 {
		if b == 0 {
			return 0
		}
		return float64(a) * float64(times) / float64(b)
	}
	for _, g := range q.metrics {
		switch g {
		case "BASIC":
			out["imp"], out["click"], out["spending"], out["ctr"] = f.imp, f.click, f.cost, per(f.click, f.imp, 100)
		case "ADDITION":
			out["rimp"], out["ppc"], out["rank"] = f.imp+f.imp/9, per(f.cost, f.click, 1), 1.5
		case "PIXEL_SDK_CONVERSION":
			for name, n := range map[string]int64{
				"conv_purchase_1d": f.buys1, "conv_purchase_7d": f.buys7, "conv_purchase_p_1d": f.value1, "conv_purchase_p_7d": f.value7,
				"conv_view_cart_1d": f.carts1, "conv_view_cart_7d": f.carts7, "conv_cmpt_reg_1d": f.regs1, "conv_cmpt_reg_7d": f.regs7,
				"conv_participation_1d": f.parts1, "conv_participation_7d": f.parts7, "conv_signup_1d": f.signs7, "conv_signup_7d": f.signs7,
				"conv_app_install_1d": f.apps, "conv_app_install_7d": f.apps,
			} {
				out[name] = n
			}
		}
	}
	return out
}
