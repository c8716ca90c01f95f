package naversearchadsim

import (
	"encoding/json"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"argo/tables"
	"argo/tables/market"
)

var statFields = []string{"impCnt", "clkCnt", "salesAmt", "ctr", "cpc", "avgRnk", "ccnt", "recentAvgRnk", "recentAvgCpc", "pcNxAvgRnk", "mblNxAvgRnk", "crto", "convAmt", "ror", "cpConv", "viewCnt", "purchaseCcnt", "purchaseConvAmt", "purchaseRor"}

// sum of what /stats shows.
type sum struct {
	cell
	count, value, bought, boughtValue int64
}

func (x *sum) none() bool {
	return x.impressions == 0 && x.clicks == 0 && x.cost == 0 && x.count == 0
}

func (x *sum) add(c cell) {
	x.impressions += c.impressions
	x.clicks += c.clicks
	x.cost += c.cost
	x.rank += c.rank
	x.views += c.views
}

func (x *sum) sell(s sale) {
	x.count += s.count
	x.value += s.value
	if s.kind == "purchase" {
		x.bought += s.count
		x.boughtValue += s.value
	}
}

func round(a, b int64, scale, digits float64) float64 {
	if b == 0 {
		return 0
	}
	p := math.Pow(10, digits)
	return math.Round(float64(a)/float64(b)*scale*p) / p
}

func (x *sum) show(fields []string) map[string]any {
	all := map[string]any{"impCnt": x.impressions, "clkCnt": x.clicks, "salesAmt": x.cost, "viewCnt": x.views, "ccnt": x.count, "convAmt": x.value, "purchaseCcnt": x.bought, "purchaseConvAmt": x.boughtValue,
		"ctr": round(x.clicks, x.impressions, 100, 4), "cpc": round(x.cost, x.clicks, 1, 0), "avgRnk": round(x.rank, x.impressions, 1, 1), "crto": round(x.count, x.clicks, 100, 2), "ror": round(x.value, x.cost, 100, 2),
		"cpConv": round(x.cost, x.count, 1, 0), "purchaseRor": round(x.boughtValue, x.cost, 100, 2)}
	out := map[string]any{}
	for _, f := range fields {
		if out[f] = all[f]; all[f] == nil {
			out[f] = 0
		}
	}
	return out
}

// pick says which level an id is of, and how to find its rows.
func pick(id string) (prefix string, of func(who) int64) {
	switch {
	case strings.HasPrefix(id, "cmp-"):
		return "cmp-", func(w who) int64 { return w.campaign }
	case strings.HasPrefix(id, "grp-"):
		return "grp-", func(w who) int64 { return w.group }
	case strings.HasPrefix(id, "nkw-"):
		return "nkw-", func(w who) int64 { return w.keyword }
	case strings.HasPrefix(id, "nad-"):
		return "nad-", func(w who) int64 { return w.ad }
	}
	return "", nil
}

func (s *Sim) stats(w http.ResponseWriter, c *call) *refusal {
	q := c.URL.Query()
	bad := func(what string) *refusal { return statError(400, 11001, "Invalid parameter format: "+what) }
	for k := range q {
		if !slices.Contains([]string{"id", "ids", "fields", "timeRange", "datePreset", "timeIncrement", "breakdown", "statType"}, k) {
			return bad(k)
		}
	}
	if len(c.URL.RawQuery) > 8000 {
		return &refusal{status: 400, html: "400 Request Header Or Cookie Too Large"}
	}
	single := q.Get("id")
	ids := strings.Split(q.Get("ids"), ",")
	if single != "" {
		ids = []string{single}
	}
	if ids[0] == "" || single != "" && q.Get("ids") != "" {
		return bad("id")
	}
	b := s.base(c.account)
	wanted := map[int64]string{}
	prefix, of := pick(ids[0])
	for _, id := range ids {
		p, _ := pick(id)
		n, ok := number(id, p)
		if p == "" || !ok {
			return bad("ids")
		}
		if p != prefix || p != "nkw-" && len(id) > 11 && id[9:11] != ids[0][9:11] {
			return statError(400, 11003, "ids of different types")
		}
		wanted[n] = id
	}
	var fields []string
	if json.Unmarshal([]byte(q.Get("fields")), &fields) != nil {
		return bad("fields")
	}
	if len(fields) == 0 {
		return statError(400, 11003, "no metric")
	}
	for _, f := range fields {
		if !slices.Contains(statFields, f) {
			return bad("fields " + f)
		}
	}
	days, ok := s.span(q.Get("datePreset"), q.Get("timeRange"))
	now := s.m.Now()
	today := tables.DayOf(now.In(seoul))
	if !ok || days.Len() < 1 || days.Len() > 92 || days.From < today.Add(-730) {
		return bad("timeRange")
	}
	breakdown := q.Get("breakdown")
	if !slices.Contains([]string{"", "pcMblTp", "dayw", "hh24", "regnNo"}, breakdown) {
		return bad("breakdown")
	}
	booked := slices.Contains([]string{"04", "06"}, ids[0][min(9, len(ids[0])):min(11, len(ids[0]))])
	if breakdown != "" && (days.Len() > 7 && !booked || booked && days.From < today.Add(-120)) {
		return bad("timeRange with breakdown")
	}
	daily := q.Get("timeIncrement") == "1"
	if v := q.Get("timeIncrement"); v != "" && v != "1" && v != "allDays" || daily && single == "" {
		return bad("timeIncrement")
	}
	asOf := now.Add(-c.fault.Delay)
	type key struct {
		id   int64
		day  tables.Day
		part string
	}
	sums := map[key]*sum{}
	at := func(id int64, day tables.Day, part string) *sum {
		if !daily {
			day = ""
		}
		k := key{id, day, part}
		if sums[k] == nil {
			sums[k] = &sum{}
		}
		return sums[k]
	}
	for d := days.From; d <= min(days.To, today); d = d.Add(1) {
		part := func(w who, p place) string {
			switch breakdown {
			case "pcMblTp":
				return map[byte]string{'P': "PC", 'M': "모바일"}[w.device]
			case "dayw":
				return []string{"일", "월", "화", "수", "목", "금", "토"}[d.Time().Weekday()]
			case "hh24":
				return []string{"00", "01", "02", "03", "04", "05", "06", "07", "08", "09", "10", "11", "12", "13", "14", "15", "16", "17", "18", "19", "20", "21", "22", "23"}[p.hour] + "시"
			}
			return p.region
		}
		for _, x := range s.cells(b, d, asOf) {
			if wanted[of(x.who)] == "" || prefix == "nkw-" && b.form(x.campaign) != market.Search {
				continue
			}
			at(of(x.who), d, "").add(x)
			if breakdown != "" {
				places, parts := x.spread(d, hours(d, asOf))
				for i := range parts {
					at(of(x.who), d, part(x.who, places[i])).add(parts[i])
				}
			}
		}
		for _, x := range s.sales(b, d, asOf) {
			if wanted[of(x.who)] == "" {
				continue
			}
			at(of(x.who), d, "").sell(x)
			if breakdown != "" {
				at(of(x.who), d, part(x.who, placeOf(x.who, d, 0, hours(d, asOf)))).sell(x)
			}
		}
	}
	base := now.In(seoul).Format("200601021504")
	data := []any{}
	if daily {
		n, _ := number(single, prefix)
		for d := days.From; d <= min(days.To, today); d = d.Add(1) {
			if x := sums[key{n, d, ""}]; x != nil && !x.none() {
				row := x.show(fields)
				row["dateStart"], row["dateEnd"] = string(d), string(d)
				data = append(data, row)
			}
		}
		data = bent(data, c.fault)
		return answer(w, map[string]any{"data": data, "summary": map[string]any{"dateStart": days.From, "dateEnd": days.To}, "cycleBaseTm": base})
	}
	for _, id := range ids {
		n, _ := number(id, prefix)
		x := sums[key{n, "", ""}]
		if x == nil || x.none() {
			continue // ids without data have no row
		}
		row := x.show(fields)
		row["id"] = id
		if breakdown != "" {
			var parts []key
			for k := range sums {
				if k.id == n && k.part != "" {
					parts = append(parts, k)
				}
			}
			slices.SortFunc(parts, func(a, b key) int { return strings.Compare(a.part, b.part) })
			list := []any{}
			for _, k := range parts {
				if !sums[k].none() {
					p := sums[k].show(fields)
					p["name"] = k.part
					list = append(list, p)
				}
			}
			row["breakdowns"] = list
		}
		data = append(data, row)
	}
	data = bent(data, c.fault)
	return answer(w, map[string]any{"data": data, "cycleBaseTm": base})
}

// bent is a reply that looks right and is not.
func bent(rows []any, f market.Fault) []any {
	switch n := len(rows); {
	case n == 0:
	case f.Kind == market.Missing:
		return slices.Delete(rows, n/2, n/2+1)
	case f.Kind == market.Repeat:
		return slices.Insert(rows, 0, rows[:(n+1)/2]...)
	}
	return rows
}

func (s *Sim) span(preset, text string) (tables.Days, bool) {
	today := tables.DayOf(s.m.Now().In(seoul))
	switch preset {
	case "":
	case "today":
		return tables.Days{From: today, To: today}, true
	case "yesterday":
		return tables.Days{From: today.Add(-1), To: today.Add(-1)}, true
	case "last7days":
		return tables.Days{From: today.Add(-7), To: today.Add(-1)}, true
	case "last30days":
		return tables.Days{From: today.Add(-30), To: today.Add(-1)}, true
	default:
		return tables.Days{}, false
	}
	var r struct{ Since, Until string }
	if json.Unmarshal([]byte(text), &r) != nil {
		return tables.Days{}, false
	}
	from, err1 := time.Parse(time.DateOnly, r.Since)
	to, err2 := time.Parse(time.DateOnly, r.Until)
	return tables.Days{From: tables.DayOf(from), To: tables.DayOf(to)}, err1 == nil && err2 == nil
}
