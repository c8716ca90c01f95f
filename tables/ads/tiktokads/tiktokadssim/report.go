package tiktokadssim

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"argo/tables"
	"argo/tables/market"
)

// figures of a row; they add up.
type figures [8]int64 // impressions, clicks, units of the currency spent, results, plays, likes, payments, micros of purchases

// cuts of audience reports: their values, by weight.
var cuts = map[string][]struct {
	value  string
	weight int64
}{
	"age":          {{"AGE_18_24", 4}, {"AGE_25_34", 3}, {"AGE_35_44", 2}, {"AGE_45_54", 1}},
	"gender":       {{"FEMALE", 5}, {"MALE", 4}, {"NONE", 1}},
	"platform":     {{"ANDROID", 6}, {"IPHONE", 3}, {"IPAD", 1}},
	"country_code": {{"", 1}}, // the account's
}

var levels = map[string]string{"AUCTION_ADVERTISER": "advertiser_id", "AUCTION_CAMPAIGN": "campaign_id", "AUCTION_ADGROUP": "adgroup_id", "AUCTION_AD": "ad_id"}

var (
	everywhere = []string{"spend", "impressions", "clicks", "ctr", "cpc", "cpm", "conversion", "cost_per_conversion", "currency"}
	onlyBasic  = []string{"reach", "frequency", "video_play_actions", "likes", "comments", "shares", "follows", "complete_payment", "total_purchase_value"}
	names      = map[string][]string{"campaign_id": {"campaign_name"}, "adgroup_id": {"campaign_id", "campaign_name", "adgroup_name"},
		"ad_id": {"campaign_id", "campaign_name", "adgroup_id", "adgroup_name", "ad_name"}}
)

// split cuts n by weights into parts that add up.
func split(n int64, weights []int64) []int64 {
	sum, before, at := int64(0), int64(0), int64(0)
	for _, w := range weights {
		sum += w
	}
	out := make([]int64, len(weights))
	for i, w := range weights {
		at += w
		upTo := n/sum*at + n%sum*at/sum
		out[i], before = upTo-before, upTo
	}
	return out
}

func (c *call) report() *refusal {
	if v := cmp.Or(c.q.Get("service_type"), "AUCTION"); v != "AUCTION" {
		return bad("service_type: only AUCTION is played")
	}
	kind := c.q.Get("report_type")
	if kind != "BASIC" && kind != "AUDIENCE" {
		return bad("report_type: Must be one of BASIC, AUDIENCE.")
	}
	id, ok := levels[c.q.Get("data_level")]
	if !ok {
		return bad("data_level: Not a valid choice.")
	}
	dims, e := c.texts("dimensions")
	if e != nil {
		return e
	}
	asked, e := c.texts("metrics")
	if e != nil {
		return e
	}
	var days tables.Days
	var err, err2 error
	days.From, err = tables.ParseDay(c.q.Get("start_date"))
	days.To, err2 = tables.ParseDay(c.q.Get("end_date"))
	if err != nil || err2 != nil || days.From > days.To {
		return bad("start_date, end_date: Not a valid date range.")
	}
	time, cut := "", []string(nil)
	for _, d := range dims {
		switch {
		case d == id:
		case d == "stat_time_day" || d == "stat_time_hour" && kind == "BASIC":
			if time != "" {
				return bad("dimensions: at most one time dimension")
			}
			time = d
		case kind == "AUDIENCE" && cuts[d] != nil:
			cut = append(cut, d)
		default:
			return bad("dimensions: %s is not supported for report_type %s and data_level %s", d, kind, c.q.Get("data_level"))
		}
	}
	slices.Sort(cut)
	switch {
	case !slices.Contains(dims, id):
		return bad("dimensions: %s is required", id)
	case kind == "AUDIENCE" && len(cut) == 0:
		return bad("dimensions: an audience dimension is required")
	case len(cut) > 1 && !slices.Equal(cut, []string{"age", "gender"}):
		return bad("dimensions: %s cannot be combined", strings.Join(cut, ", "))
	case time == "stat_time_day" && days.Len() > 30:
		return bad("The maximum time span is 30 days when stat_time_day is in dimensions.")
	case time == "stat_time_hour" && days.Len() > 1:
		return bad("The maximum time span is 1 day when stat_time_hour is in dimensions.")
	case time == "" && days.Len() > 365:
		return bad("The maximum time span is 365 days.")
	}
	for _, m := range asked {
		if !slices.Contains(everywhere, m) && !slices.Contains(names[id], m) && (kind != "BASIC" || !slices.Contains(onlyBasic, m)) {
			return bad("metrics: %s is not supported", m)
		}
	}
	return c.paged(c.rows(id, kind, time, cut, dims, asked, days))
}

type key struct {
	id   int64
	time string
	cut  string
}

func (c *call) rows(id, kind, time string, cut, dims, asked []string, days tables.Days) []any {
	group, campaign, ad := map[int64]market.AdGroup{}, map[int64]market.Campaign{}, map[int64]market.Ad{}
	for _, x := range c.s.m.AdGroups(c.account.ID) {
		group[x.ID] = x
	}
	for _, x := range c.s.m.Campaigns(c.account.ID) {
		campaign[x.ID] = x
	}
	for _, x := range c.s.m.Ads(c.account.ID) {
		ad[x.ID] = x
	}
	q := market.Query{Account: c.account.ID, Days: days, Grain: market.ByAd}
	if c.fault.Delay > 0 {
		q.AsOf = c.s.m.Now().Add(-c.fault.Delay)
	}
	now := c.s.m.Now().In(c.account.Location())
	sums, cutOf := map[key]*figures{}, map[key][]string{}
	add := func(k key, values []string, f figures) {
		if f == (figures{}) {
			return
		}
		if sums[k] == nil {
			sums[k], cutOf[k] = &figures{}, values
		}
		for i := range f {
			sums[k][i] += f[i]
		}
	}
	for x := range c.s.m.Facts(q) {
		results := x.AllConversions / 100
		f := figures{x.Impressions, x.Clicks, x.Cost / c.account.Unit(), results, x.Impressions / 4, x.Clicks / 9, (results + 1) / 2, x.AllValue}
		k := key{id: map[string]int64{"advertiser_id": c.account.ID, "campaign_id": x.Campaign, "adgroup_id": x.AdGroup, "ad_id": x.Ad}[id]}
		// What is cut is cut by weight: hours, or the parts of the audience.
		var weights []int64
		var parts []key
		var values [][]string
		switch {
		case time == "stat_time_hour":
			last := 23
			if x.Day == tables.DayOf(now) {
				last = now.Hour()
			}
			for h := range last + 1 {
				weights = append(weights, int64(1+min(h, 30-h)))
				parts, values = append(parts, key{k.id, fmt.Sprintf("%s %02d:00:00", x.Day, h), ""}), append(values, nil)
			}
		default:
			if time != "" {
				k.time = string(x.Day) + " 00:00:00"
			}
			weights, parts, values = []int64{1}, []key{k}, [][]string{nil}
			for _, name := range cut {
				var w []int64
				var p []key
				var v [][]string
				for i := range parts {
					for _, o := range cuts[name] {
						value := cmp.Or(o.value, c.account.Country)
						w, v = append(w, weights[i]*o.weight), append(v, append(slices.Clone(values[i]), value))
						p = append(p, key{parts[i].id, parts[i].time, parts[i].cut + " " + value})
					}
				}
				weights, parts, values = w, p, v
			}
		}
		pieces := make([]figures, len(parts))
		for i := range f {
			for j, n := range split(f[i], weights) {
				pieces[j][i] = n
			}
		}
		for j, p := range parts {
			add(p, values[j], pieces[j])
		}
	}
	keys := make([]key, 0, len(sums))
	for k := range sums {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b key) int {
		return cmp.Or(cmp.Compare(a.id, b.id), cmp.Compare(a.time, b.time), cmp.Compare(a.cut, b.cut))
	})
	shown := map[int64]bool{}
	var out []any
	for _, k := range keys {
		if !shown[k.id] && len(shown) >= c.s.o.Ads { // without a word
			continue
		}
		shown[k.id] = true
		d := map[string]any{}
		for _, name := range dims {
			switch i := slices.Index(cut, name); {
			case i >= 0:
				d[name] = cutOf[k][i]
			case name == id && kind == "BASIC":
				d[name] = ID(k.id)
			case name == id:
				d[name] = json.Number(ID(k.id)) // audience reports give numbers
			default:
				d[name] = k.time
			}
		}
		g := group[k.id]
		if id == "ad_id" {
			g = group[ad[k.id].AdGroup]
		}
		p := campaign[cmp.Or(g.Campaign, k.id)]
		m := map[string]any{}
		for _, name := range asked {
			m[name] = c.measure(name, *sums[k], p, g, ad[k.id])
		}
		out = append(out, map[string]any{"dimensions": d, "metrics": m})
	}
	return out
}

// measure gives a metric: most are texts, social counters numbers, and what
// cannot be divided is "-" or zero.
func (c *call) measure(name string, f figures, p market.Campaign, g market.AdGroup, a market.Ad) any {
	fixed := func(micros int64) string { return strconv.FormatFloat(float64(micros)/1e6, 'f', 2, 64) }
	per := func(a, b int64, times float64) string {
		if b == 0 {
			return "0.00"
		}
		return strconv.FormatFloat(float64(a)*times/float64(b), 'f', 2, 64)
	}
	reach := (f[0]*5 + 7) / 8
	f[2] *= c.account.Unit() // micros
	switch name {
	case "campaign_name":
		return p.Name
	case "campaign_id":
		return ID(p.ID)
	case "adgroup_name":
		return g.Name
	case "adgroup_id":
		return ID(g.ID)
	case "ad_name":
		return a.Name
	case "currency":
		return c.account.Currency
	case "spend":
		return fixed(f[2])
	case "impressions":
		return strconv.FormatInt(f[0], 10)
	case "clicks":
		return strconv.FormatInt(f[1], 10)
	case "ctr":
		return per(f[1], f[0], 100)
	case "cpc":
		return per(f[2], f[1], 1e-6)
	case "cpm":
		return per(f[2], f[0], 1e-3)
	case "conversion":
		return strconv.FormatInt(f[3], 10)
	case "cost_per_conversion":
		if f[3] == 0 {
			return "-"
		}
		return per(f[2], f[3], 1e-6)
	case "reach":
		return strconv.FormatInt(reach, 10)
	case "frequency":
		return per(f[0], reach, 1)
	case "video_play_actions":
		return f[4]
	case "likes":
		return f[5]
	case "complete_payment":
		return strconv.FormatInt(f[6], 10)
	case "total_purchase_value":
		return fixed(f[7])
	}
	return 0
}
