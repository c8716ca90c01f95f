package naversearchadsim

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"argo/tables"
	"argo/tables/market"
)

// vatDay is the first day whose files show cost with VAT.
const vatDay = tables.Day("2026-03-30")

// retention of stat reports in days.
var retention = map[string]int{"AD": 365, "AD_DETAIL": 180, "AD_CONVERSION": 365, "AD_CONVERSION_DETAIL": 45, "ADEXTENSION": 365, "ADEXTENSION_CONVERSION": 365, "EXPKEYWORD": 365,
	"SHOPPINGKEYWORD_DETAIL": 180, "SHOPPINGKEYWORD_CONVERSION_DETAIL": 45, "SHOPPINGBRANDPRODUCT": 180, "SHOPPINGBRANDPRODUCT_CONVERSION": 180, "CRITERION": 365, "CRITERION_CONVERSION": 365}

var masterItems = strings.Fields("Campaign CampaignBudget BusinessChannel Adgroup AdgroupBudget Keyword Ad AdExtension Qi Label LabelRef Media Biz SeasonalEvent ShoppingProduct ContentsAd PlaceAd CatalogAd AdQi ProductGroup ProductGroupRel BrandAd BrandThumbnailAd BrandBannerAd Criterion SharedBudget Asset AdAssetLink RsaAd HospitalAd")

// job of a report.
type job struct {
	kind   string // stat-reports, master-reports
	id     string
	report string // reportTp or item
	day    tables.Day
	from   time.Time // fromTime of a master report
	at     time.Time
	end    string // status that it ends in; "": by its rows
	token  string
	none   bool
	file   []byte
}

func (s *Sim) reports(w http.ResponseWriter, c *call, kind, id string) *refusal {
	switch {
	case c.Method == http.MethodPost && id == "":
		return s.submit(w, c, kind)
	case c.Method == http.MethodGet && id == "":
		var all []any
		for _, j := range s.of(c, kind) {
			all = append(all, s.show(c, j))
		}
		if len(all) == 0 {
			w.WriteHeader(http.StatusNoContent)
			return nil
		}
		return answer(w, all)
	case c.Method == http.MethodGet:
		for _, j := range s.of(c, kind) {
			if j.id == id {
				return answer(w, s.show(c, j))
			}
		}
		return gone(kind)
	case c.Method == http.MethodDelete:
		s.mu.Lock()
		defer s.mu.Unlock()
		key := c.Header.Get("X-Customer")
		n := len(s.jobs[key])
		s.jobs[key] = slices.DeleteFunc(s.jobs[key], func(j *job) bool { return j.kind == kind && (id == "" || j.id == id) })
		if id != "" && n == len(s.jobs[key]) {
			return gone(kind)
		}
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	return business(405, 1004, "Method Not Allowed")
}

func gone(kind string) *refusal {
	if kind == "stat-reports" {
		return statError(404, 20011, "보고서를 찾을 수 없습니다.")
	}
	return &refusal{status: 404, body: map[string]any{"name": "NotFound", "status": 404, "title": "Not Found", "detail": "report not found"}}
}

func (s *Sim) of(c *call, kind string) (out []*job) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, j := range s.jobs[c.Header.Get("X-Customer")] {
		if j.kind == kind {
			out = append(out, j)
		}
	}
	return out
}

func (s *Sim) submit(w http.ResponseWriter, c *call, kind string) *refusal {
	var ask struct {
		ReportTp, StatDt string
		Item, FromTime   string
	}
	if json.NewDecoder(c.Body).Decode(&ask) != nil {
		return business(400, 1007, "Invalid JSON")
	}
	now := s.m.Now()
	j := &job{kind: kind, at: now}
	if kind == "stat-reports" {
		days, known := retention[ask.ReportTp]
		var err error
		if j.day, err = tables.ParseDay(ask.StatDt); err != nil {
			var t time.Time
			if t, err = time.Parse("20060102", ask.StatDt); err != nil {
				t, err = time.Parse(time.RFC3339, ask.StatDt)
				t = t.In(seoul)
			}
			j.day = tables.DayOf(t)
		}
		local := now.In(seoul)
		today := tables.DayOf(local)
		switch {
		case !known || err != nil:
			return statError(400, 11001, "Invalid parameter format")
		case j.day >= today:
			return statError(400, 11001, "statDt has to be a past day")
		case j.day == today.Add(-1) && local.Hour() < s.o.Ready:
			return statError(400, 20007, "해당 일자의 데이터를 준비 중입니다.")
		case j.day < today.Add(-days):
			return statError(400, 20001, "조회 기간에 해당하는 데이터가 없습니다.")
		}
		j.report = ask.ReportTp
	} else {
		if !slices.Contains(masterItems, ask.Item) {
			return &refusal{status: 400, body: map[string]any{"name": "BadRequest", "status": 400, "title": "Bad Request", "detail": "item"}}
		}
		if ask.FromTime != "" {
			t, err := time.Parse(time.RFC3339, ask.FromTime)
			if err != nil || now.Sub(t) > 730*24*time.Hour {
				return &refusal{status: 400, body: map[string]any{"name": "BadRequest", "status": 400, "title": "Bad Request", "detail": "fromTime"}}
			}
			j.from = t
		}
		j.report = ask.Item
	}
	s.mu.Lock()
	key := c.Header.Get("X-Customer")
	count := 0
	for _, x := range s.jobs[key] {
		if x.kind == kind {
			count++
		}
	}
	if count >= s.o.Jobs {
		if kind == "master-reports" {
			s.mu.Unlock()
			return &refusal{status: 400, body: map[string]any{"name": "BadRequest", "status": 400, "title": "Bad Request", "detail": fmt.Sprintf("exceeded limit of '%d' numbers of 'job'", s.o.Jobs)}}
		}
		i := slices.IndexFunc(s.jobs[key], func(x *job) bool { return x.kind == kind })
		s.jobs[key] = slices.Delete(s.jobs[key], i, i+1)
	}
	s.serial++
	j.id = strconv.FormatInt(2_000_000_000+s.serial, 10)
	if kind == "master-reports" {
		j.id = fmt.Sprintf("%032X", hash(s.serial, key))
	}
	j.token = fmt.Sprintf("%x+%x/%x=", hash("token", s.serial), hash("x", s.serial), s.serial)
	s.posted[strings.TrimSuffix(kind, "-reports")]++
	if kind == "stat-reports" && len(s.ends) > 0 {
		j.end, s.ends = s.ends[0], s.ends[1:]
	}
	s.jobs[key] = append(s.jobs[key], j)
	s.mu.Unlock()
	rows := s.rows(c, j)
	j.none = len(rows) == 0
	var file bytes.Buffer
	out := bent(func() (all []any) {
		for _, r := range rows {
			all = append(all, r)
		}
		return all
	}(), c.fault)
	for _, r := range out {
		file.WriteString(strings.Join(r.([]string), "\t"))
		file.WriteByte('\n')
	}
	j.file = file.Bytes()
	return answer(w, s.show(c, j))
}

// status of a job by the time that has passed.
func (s *Sim) status(j *job) string {
	passed := s.m.Now().Sub(j.at)
	switch build := max(s.o.Build, 0); {
	case build > 0 && passed < build/4:
		return "REGIST"
	case passed < build/2:
		return "RUNNING"
	case passed < build && j.kind == "stat-reports":
		return "AGGREGATING"
	case passed < build:
		return "RUNNING"
	case j.end != "":
		return j.end
	case j.none:
		return "NONE"
	}
	return "BUILT"
}

func (s *Sim) show(c *call, j *job) map[string]any {
	status := s.status(j)
	link := ""
	if status == "BUILT" {
		scheme := "http"
		if c.TLS != nil {
			scheme = "https"
		}
		link = scheme + "://" + c.Host + "/report-download?authtoken=" + strings.NewReplacer("+", "%2B", "/", "%2F", "=", "%3D").Replace(j.token) + "&fileVersion=v2"
	}
	const layout = "2006-01-02T15:04:05Z"
	if j.kind == "master-reports" {
		out := map[string]any{"id": j.id, "item": j.report, "updateTime": j.at.UTC().Format(layout), "status": status, "downloadUrl": link, "fromTime": ""}
		if !j.from.IsZero() {
			out["fromTime"] = j.from.UTC().Format(layout)
		}
		return out
	}
	id, _ := strconv.ParseInt(j.id, 10, 64)
	return map[string]any{"reportJobId": id, "reportTp": j.report, "statDt": midnight(j.day).UTC().Format(layout), "status": status, "downloadUrl": link,
		"regTm": j.at.UTC().Format(layout), "updateTm": s.m.Now().UTC().Format(layout), "loginId": "agency:naver"}
}

func (s *Sim) download(w http.ResponseWriter, c *call) *refusal {
	q := c.URL.Query()
	for _, kind := range []string{"stat-reports", "master-reports"} {
		for _, j := range s.of(c, kind) {
			if j.token != q.Get("authtoken") || s.status(j) != "BUILT" {
				continue
			}
			if q.Get("fileVersion") != "v2" {
				return business(400, 4601, "Invalid report id.")
			}
			w.Header().Set("Content-Type", "text/tab-separated-values;charset=UTF-8")
			if s.o.Compress {
				z := gzip.NewWriter(w)
				_, _ = z.Write(j.file)
				_ = z.Close()
				return nil
			}
			_, _ = w.Write(j.file)
			return nil
		}
	}
	return business(404, 4601, "Invalid report id.")
}

// cost of a file's day: with VAT in won, or before vatDay without it and with
// decimals.
func cost(won int64, day tables.Day) string {
	if day >= vatDay {
		return strconv.FormatInt(won, 10)
	}
	hundredths := (won*1000 + 5) / 11
	return fmt.Sprintf("%d.%02d", hundredths/100, hundredths%100)
}

func whole(n int64) string { return strconv.FormatInt(n, 10) }

// table sums figures by their leading columns.
type table struct {
	sums map[string]*row
	keys []string
}

type row struct {
	head []string
	sum
	method int
}

func (t *table) at(head ...string) *row {
	key := strings.Join(head, "\t")
	if t.sums == nil {
		t.sums = map[string]*row{}
	}
	if t.sums[key] == nil {
		t.sums[key] = &row{head: head}
	}
	return t.sums[key]
}

func (t *table) sorted() (out []*row) {
	for _, k := range slices.Sorted(maps.Keys(t.sums)) {
		out = append(out, t.sums[k])
	}
	return out
}

// rows of the file.
func (s *Sim) rows(c *call, j *job) (out [][]string) {
	b := s.base(c.account)
	if j.kind == "master-reports" {
		return s.master(b, j)
	}
	asOf := j.at.Add(-c.fault.Delay)
	day := strings.ReplaceAll(string(j.day), "-", "")
	lead := []string{day, whole(c.customer)}
	device := func(w who) string { return string(rune(w.device)) }
	names := func(w who) (campaign, group, keyword, ad string) {
		f := b.form(w.campaign)
		keyword = "-"
		if w.keyword != 0 {
			keyword = keywordID(w.keyword)
		}
		return campaignID(f, w.campaign), groupID(f, w.group), keyword, adID(f, w.ad)
	}
	channel := channelID(c.account.ID)
	all := 24
	var t table
	detail := strings.HasSuffix(j.report, "_DETAIL")
	// head of a row by the layout of the report.
	head := func(w who, p place, more ...string) []string {
		campaign, group, keyword, ad := names(w)
		h := slices.Clone(lead)
		h = append(h, campaign, group)
		switch {
		case strings.HasPrefix(j.report, "ADEXTENSION"):
			h = append(h, keyword, ad, extensionID(w.group, int(hash(w.keyword, w.ad)%2)), channel, w.media, device(w))
		case strings.HasPrefix(j.report, "SHOPPINGKEYWORD"):
			h = append(h, shoppingTerm(w), ad, channel, fmt.Sprintf("%02d", p.hour), p.region, w.media, device(w))
		case detail:
			h = append(h, keyword, ad, channel, fmt.Sprintf("%02d", p.hour), p.region, w.media, device(w))
		default:
			h = append(h, keyword, ad, channel, w.media, device(w))
		}
		return append(h, more...)
	}
	criterion := func(w who) string {
		return groupID(b.form(w.campaign), w.group) + "~" + []string{"GNM", "GNF", "AG2029", "AG3039"}[hash(w.keyword, w.ad, w.media)%4]
	}
	use := func(w who) bool {
		switch {
		case strings.HasPrefix(j.report, "SHOPPINGBRAND"):
			return false
		case strings.HasPrefix(j.report, "SHOPPINGKEYWORD"):
			return b.form(w.campaign) == market.Display
		}
		return true
	}
	switch {
	case j.report == "EXPKEYWORD":
		return s.terms(b, j, lead, asOf)
	case strings.Contains(j.report, "CONVERSION"):
		for _, x := range s.sales(b, j.day, asOf) {
			if !use(x.who) || strings.HasPrefix(j.report, "ADEXTENSION") && hash(x.keyword, x.ad, x.media)%5 > 1 {
				continue
			}
			indirect := x.count / 4
			for method, n := range []int64{x.count - indirect, indirect} {
				if n == 0 {
					continue
				}
				value := x.value * indirect / x.count
				if method == 0 {
					value = x.value - value
				}
				tail := []string{strconv.Itoa(method + 1), typeOf(x.kind, j.day)}
				var r *row
				if strings.HasPrefix(j.report, "CRITERION") {
					r = t.at(append(append(slices.Clone(lead), criterion(x.who), device(x.who)), tail...)...)
				} else {
					r = t.at(head(x.who, placeOf(x.who, j.day, 0, all), tail...)...)
				}
				r.count += n
				r.value += value
			}
		}
		for _, r := range t.sorted() {
			out = append(out, append(r.head, whole(r.count), whole(r.value)))
		}
		return out
	}
	for _, x := range s.cells(b, j.day, asOf) {
		if !use(x.who) {
			continue
		}
		switch {
		case strings.HasPrefix(j.report, "CRITERION"):
			t.at(append(slices.Clone(lead), criterion(x.who), device(x.who))...).add(x)
		case strings.HasPrefix(j.report, "ADEXTENSION"):
			if x.impressions, x.views = x.impressions*2/5, x.views*2/5; x.impressions > 0 {
				x.clicks, x.cost, x.rank = min(x.clicks/5, x.impressions), x.cost/5, x.rank*2/5
				if x.clicks == 0 {
					x.cost = 0
				}
				t.at(head(x.who, place{})...).add(x)
			}
		case detail:
			places, parts := x.spread(j.day, all)
			for i, p := range parts {
				if p.impressions > 0 || p.cost > 0 {
					t.at(head(x.who, places[i])...).add(p)
				}
			}
		default:
			t.at(head(x.who, place{})...).add(x)
		}
	}
	for _, r := range t.sorted() {
		line := append(r.head, whole(r.impressions), whole(r.clicks), cost(r.cost, j.day))
		if !strings.HasPrefix(j.report, "CRITERION") {
			line = append(line, whole(r.rank), whole(r.views))
		}
		out = append(out, line)
	}
	return out
}

// typeOf is how a file of the day writes a conversion type: text since data of
// 2024-07-03, a number before.
func typeOf(kind string, day tables.Day) string {
	if day >= "2024-07-03" {
		return kind
	}
	return map[string]string{"purchase": "1", "add_to_cart": "3"}[kind]
}

func shoppingTerm(w who) string {
	return []string{"운동화", "가을 재킷", "니트", "코트", "패딩"}[hash(w.ad, w.media)%5]
}

// terms are the search terms of search campaigns; rare ones are "-".
func (s *Sim) terms(b *base, j *job, lead []string, asOf time.Time) (out [][]string) {
	var t table
	for f := range s.m.Facts(market.Query{Account: b.account.ID, Days: tables.Days{From: j.day, To: j.day}, Grain: market.ByTerm, Split: true, AsOf: asOf}) {
		if f.Impressions == 0 && f.Clicks == 0 && f.Cost == 0 {
			continue
		}
		kind := map[string]string{"exact": "0", "phrase": "2", "broad": "1"}[f.Term.Match]
		campaign, group := campaignID(market.Search, f.Campaign), groupID(market.Search, f.AdGroup)
		r := t.at(append(slices.Clone(lead), campaign, group, cmp.Or(f.Term.Text, "-"), mediaOf[f.Network], string(rune(deviceOf(f.Device))), cmp.Or(kind, "1"))...)
		r.impressions += f.Impressions
		r.clicks += f.Clicks
		r.cost += f.Cost / 1_000_000
	}
	for _, r := range t.sorted() {
		out = append(out, append(r.head, whole(r.impressions), whole(r.clicks), cost(r.cost, j.day), "0"))
	}
	return out
}

// master is a file of entities. Deleted ones are in it only where fromTime asks
// for what changed.
func (s *Sim) master(b *base, j *job) (out [][]string) {
	id := whole(b.account.ID)
	edited := s.edits(b.account.ID)
	onOff := func(st market.Status) string {
		if st == market.Paused {
			return "1"
		}
		return "0"
	}
	yes := func(v bool) string {
		if v {
			return "1"
		}
		return "0"
	}
	const reg = "2026-01-02T00:00:00Z"
	shown := func(kind market.Kind, n int64, deleted bool) (del string, ok bool) {
		at, changed := edited[entity{kind, n}]
		if !j.from.IsZero() && (!changed || at.Before(j.from)) {
			return "", false
		}
		if deleted && !j.from.IsZero() && changed {
			return at.UTC().Format("2006-01-02T15:04:05Z"), true
		}
		return "", !deleted
	}
	switch j.report {
	case "Campaign", "CampaignBudget":
		for _, n := range slices.Sorted(maps.Keys(b.campaigns)) {
			x := b.campaigns[n]
			del, ok := shown(market.KindCampaign, n, x.Status == market.Deleted)
			if !ok {
				continue
			}
			budget := b.budgets[x.Budget]
			if j.report == "CampaignBudget" {
				amount := budget.Amount / 1_000_000
				if budget.Shared {
					amount = 0
				}
				out = append(out, []string{id, campaignID(x.Form, n), yes(!budget.Shared), whole(amount), reg, del})
				continue
			}
			shared, end := "", ""
			if budget.Shared {
				shared = sharedID(budget.ID)
			}
			if x.End != "" {
				end = string(x.End) + "T00:00:00Z"
			}
			out = append(out, []string{id, campaignID(x.Form, n), x.Name, strconv.Itoa(types[x.Form].master), "2", yes(end != ""), "", end, reg, del, onOff(x.Status), shared})
		}
	case "Adgroup", "AdgroupBudget":
		for _, n := range slices.Sorted(maps.Keys(b.groups)) {
			x := b.groups[n]
			del, ok := shown(market.KindAdGroup, n, !b.lives(x))
			if !ok {
				continue
			}
			f := b.form(x.Campaign)
			if j.report == "AdgroupBudget" {
				out = append(out, []string{id, groupID(f, n), "0", "0", reg, del})
				continue
			}
			ch := channelID(b.account.ID)
			out = append(out, []string{id, groupID(f, n), campaignID(f, x.Campaign), x.Name, whole(bid(x.Bid)), onOff(x.Status), "0", "70", "100", "100", ch, ch, reg, del, "", strconv.Itoa(types[f].master), "", yes(f == market.Search)})
		}
	case "Keyword", "Qi":
		for _, g := range slices.Sorted(maps.Keys(b.groups)) {
			for _, k := range b.keywords[g] {
				del, ok := shown(market.KindKeyword, k.ID, k.Status == market.Deleted || !b.lives(b.groups[g]))
				if !ok {
					continue
				}
				group := groupID(b.form(b.groups[g].Campaign), g)
				if j.report == "Qi" {
					out = append(out, []string{id, group, keywordID(k.ID), k.Text, strconv.Itoa(max(1, min(7, k.Quality*7/10)))})
					continue
				}
				amount := int64(0)
				if k.Bid > 0 {
					amount = bid(k.Bid)
				}
				out = append(out, []string{id, group, keywordID(k.ID), k.Text, whole(amount), "", "", onOff(k.Status), "20", yes(k.Bid == 0), reg, del, "1"})
			}
		}
	case "Ad", "ShoppingProduct":
		for _, g := range slices.Sorted(maps.Keys(b.groups)) {
			f := b.form(b.groups[g].Campaign)
			if j.report == "Ad" && f != market.Search || j.report == "ShoppingProduct" && f != market.Display {
				continue
			}
			for _, a := range b.ads[g] {
				del, ok := shown(market.KindAd, a.ID, a.Status == market.Deleted || !b.lives(b.groups[g]))
				if !ok {
					continue
				}
				if j.report == "Ad" {
					out = append(out, []string{id, groupID(f, g), adID(f, a.ID), "20", first(a.Headlines), first(a.Descriptions), a.URL, a.URL, onOff(a.Status), reg, del})
					continue
				}
				out = append(out, []string{id, groupID(f, g), adID(f, a.ID), "20", onOff(a.Status), first(a.Headlines), "", "100", "1", "0", reg, del, whole(a.ID), "m" + whole(a.ID), a.Name, "", a.URL, a.URL, "39000", "39000", "3000",
					"패션의류", "아우터", "", "", "50000000", "50000167", "", "", "outer"})
			}
		}
	case "BusinessChannel":
		out = append(out, []string{id, b.account.Advertiser, channelID(b.account.ID), "1", "https://www.example.com", "20", "20", reg, ""})
	case "Media":
		for _, n := range order(mediaOf, func(a, b market.Network) int { return cmp.Compare(a, b) }) {
			out = append(out, []string{"1", mediaOf[n], "Media " + mediaOf[n], "https://media.example.com/" + mediaOf[n], "1", "1", "1", "1", yes(n != market.Content), yes(n == market.Content), "1", "2010-01-01", ""})
		}
	}
	return out
}
