package naversearchadsim

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"argo/tables"
	"argo/tables/market"
)

var seoul = time.FixedZone("KST", 9*60*60)

// types of campaigns: the number in ids, the word, the word of ad groups, and the
// number in master reports.
var types = map[market.Form]struct {
	code, campaign, group string
	master                int
}{
	market.Search:  {"01", "WEB_SITE", "WEB_SITE", 1},
	market.Display: {"02", "SHOPPING", "SHOPPING", 2},
	market.Demand:  {"03", "POWER_CONTENTS", "INFORMATION", 3},
	market.Video:   {"04", "BRAND_SEARCH", "BRAND_SEARCH", 4},
	market.AppAds:  {"06", "PLACE", "PLACE", 6},
}

func campaignID(form market.Form, id int64) string {
	return fmt.Sprintf("cmp-a001-%s-%015d", types[form].code, id)
}
func groupID(form market.Form, id int64) string {
	return fmt.Sprintf("grp-a001-%s-%015d", types[form].code, id)
}
func adID(form market.Form, id int64) string {
	return fmt.Sprintf("nad-a001-%s-%015d", types[form].code, id)
}
func keywordID(id int64) string { return fmt.Sprintf("nkw-a001-01-%015d", id) }
func channelID(account int64) string {
	return fmt.Sprintf("bsn-a001-00-%015d", account)
}
func extensionID(group int64, n int) string { return fmt.Sprintf("ext-a001-00-%014d%d", group, n) }
func sharedID(id int64) string              { return fmt.Sprintf("sbg-a001-%015d", id) }

// number is the market's id in one of Naver's.
func number(id, prefix string) (int64, bool) {
	i := strings.LastIndexByte(id, '-')
	if !strings.HasPrefix(id, prefix) || i < 0 {
		return 0, false
	}
	n, err := strconv.ParseInt(id[i+1:], 10, 64)
	return n, err == nil
}

// base are the entities of an account by id.
type base struct {
	account   market.Account
	campaigns map[int64]market.Campaign
	groups    map[int64]market.AdGroup
	ads       map[int64][]market.Ad // by ad group
	keywords  map[int64][]market.Keyword
	budgets   map[int64]market.Budget
}

func (s *Sim) base(a market.Account) *base {
	b := &base{a, map[int64]market.Campaign{}, map[int64]market.AdGroup{}, map[int64][]market.Ad{}, map[int64][]market.Keyword{}, map[int64]market.Budget{}}
	for _, x := range s.m.Campaigns(a.ID) {
		b.campaigns[x.ID] = x
	}
	for _, x := range s.m.AdGroups(a.ID) {
		b.groups[x.ID] = x
	}
	for _, x := range s.m.Ads(a.ID) {
		b.ads[x.AdGroup] = append(b.ads[x.AdGroup], x)
	}
	for _, x := range s.m.Keywords(a.ID) {
		if !x.Negative {
			b.keywords[x.AdGroup] = append(b.keywords[x.AdGroup], x)
		}
	}
	for _, x := range s.m.Budgets(a.ID) {
		b.budgets[x.ID] = x
	}
	return b
}

func (b *base) form(campaign int64) market.Form { return b.campaigns[campaign].Form }

// hash of numbers, the same in every process.
func hash(parts ...any) uint64 {
	h := fnv.New64a()
	for _, p := range parts {
		switch p := p.(type) {
		case int64:
			_ = binary.Write(h, binary.LittleEndian, p)
		default:
			fmt.Fprint(h, p, "|")
		}
	}
	x := h.Sum64()
	x ^= x >> 31
	return x * 0x9e3779b97f4a7c15 >> 7
}

// who is where something happened: the finest grain but hour and region.
type who struct {
	campaign, group, keyword, ad int64
	media                        string
	device                       byte // P, M
}

// cell is what was delivered there on a day.
type cell struct {
	who
	impressions, clicks, cost, rank, views int64 // cost in won, VAT included
}

// sale is what was converted there on a day.
type sale struct {
	who
	kind         string // purchase, add_to_cart
	count, value int64
}

type dayKey struct {
	account int64
	day     tables.Day
	age     int // whole days since the day's end: credits come by it
}

var mediaOf = map[market.Network]string{market.SearchNetwork: "27758", market.SearchPartners: "8753", market.Content: "122875", market.VideoNetwork: "118495", market.Feed: "684"}

func deviceOf(d market.Device) byte {
	if d == market.Desktop || d == market.Television {
		return 'P'
	}
	return 'M'
}

// locate gives the place of a fact. Facts of keywords have no ad: one of the ad
// group's is theirs for the day.
func (b *base) locate(f market.Fact) who {
	w := who{f.Campaign, f.AdGroup, f.Keyword, f.Ad, mediaOf[f.Network], deviceOf(f.Device)}
	if f.Ad == 0 {
		if ads := b.ads[f.AdGroup]; len(ads) > 0 {
			w.ad = ads[hash(f.Keyword, string(f.Day))%uint64(len(ads))].ID
		}
	}
	return w
}

// facts gives the rows of both grains: keywords of search campaigns, ads of the
// others.
func (s *Sim) facts(b *base, days tables.Days, asOf time.Time, f func(market.Fact)) {
	for _, grain := range []market.Grain{market.ByKeyword, market.ByAd} {
		for x := range s.m.Facts(market.Query{Account: b.account.ID, Days: days, Grain: grain, Split: true, AsOf: asOf}) {
			if (b.form(x.Campaign) == market.Search) == (grain == market.ByKeyword) {
				f(x)
			}
		}
	}
}

func order[K comparable, V any](m map[K]V, less func(a, b K) int) []K {
	return slices.SortedFunc(maps.Keys(m), less)
}

func (w who) compare(o who) int {
	return cmp.Or(cmp.Compare(w.campaign, o.campaign), cmp.Compare(w.group, o.group), cmp.Compare(w.keyword, o.keyword),
		cmp.Compare(w.ad, o.ad), cmp.Compare(w.media, o.media), cmp.Compare(w.device, o.device))
}

// age of a day in whole days since its end, -1 while it lasts.
func (s *Sim) age(day tables.Day, at time.Time) int {
	d := at.Sub(midnight(day.Add(1)))
	if d < 0 {
		return -1
	}
	return int(d / (24 * time.Hour))
}

func midnight(d tables.Day) time.Time { return d.Time().Add(-9 * time.Hour) }

// keep is how many account days are kept ready.
const keep = 512

// cells of an account's day, as of a moment.
func (s *Sim) cells(b *base, day tables.Day, asOf time.Time) []cell {
	key := dayKey{b.account.ID, day, s.age(day, asOf)}
	s.mu.Lock()
	kept, ok := s.days[key]
	s.mu.Unlock()
	if ok && key.age >= 0 {
		return kept
	}
	sums := map[who]*cell{}
	s.facts(b, tables.Days{From: day, To: day}, asOf, func(f market.Fact) {
		w := b.locate(f)
		c := sums[w]
		if c == nil {
			c = &cell{who: w}
			sums[w] = c
		}
		c.impressions += f.Impressions
		c.clicks += f.Clicks
		c.cost += f.Cost / 1_000_000
	})
	out := make([]cell, 0, len(sums))
	for _, w := range order(sums, who.compare) {
		c := *sums[w]
		if c.impressions == 0 && c.clicks == 0 && c.cost == 0 {
			continue
		}
		c.rank = c.impressions + c.impressions*int64(hash(w.group, w.keyword, string(day))%30)/10
		if b.form(w.campaign) == market.Video {
			c.views = c.impressions / 3
		}
		out = append(out, c)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.days) >= keep {
		clear(s.days)
	}
	s.days[key] = out
	return out
}

// window is how long after the click, in days, a conversion counts.
const window = 7

// sales that were booked on a day, whenever the click was.
func (s *Sim) sales(b *base, day tables.Day, asOf time.Time) []sale {
	key := dayKey{b.account.ID, day, min(s.age(day, asOf), 0)}
	s.mu.Lock()
	kept, ok := s.sold[key]
	s.mu.Unlock()
	if ok && key.age == 0 {
		return kept
	}
	type amounts struct{ count, value, carts int64 }
	sums := map[who]amounts{}
	add := func(days tables.Days, at time.Time, sign int64) {
		if at.After(asOf) {
			at = asOf
		}
		s.facts(b, days, at, func(f market.Fact) {
			w := b.locate(f)
			x := sums[w]
			x.count += sign * f.AllConversions
			x.value += sign * f.AllValue
			if sign > 0 && f.Day == day {
				x.carts += f.Clicks
			}
			sums[w] = x
		})
	}
	add(tables.Days{From: day.Add(-window), To: day}, midnight(day.Add(1)), 1)
	if asOf.After(midnight(day)) {
		add(tables.Days{From: day.Add(-window), To: day.Add(-1)}, midnight(day), -1)
	}
	var out []sale
	for _, w := range order(sums, who.compare) {
		x := sums[w]
		if n := x.count / 100; n > 0 {
			out = append(out, sale{w, "purchase", n, max(x.value/1_000_000, 0)})
		}
		if n := x.carts / 10; n > 0 {
			out = append(out, sale{w, "add_to_cart", n, 0})
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.sold) >= keep {
		clear(s.sold)
	}
	s.sold[key] = out
	return out
}

// place is an hour and a region of a cell.
type place struct {
	hour   int
	region string
}

var regions = []string{"01", "02", "03", "04", "05", "06", "07", "08", "09", "10", "11", "12", "13", "14", "15", "16", "17"}

// hours of a day that have begun.
func hours(day tables.Day, asOf time.Time) int {
	if tables.DayOf(asOf.In(seoul)) == day {
		return asOf.In(seoul).Hour() + 1
	}
	return 24
}

func placeOf(w who, day tables.Day, n, hours int) place {
	h := hash(w.campaign, w.group, w.keyword, w.ad, w.media, int64(w.device), string(day), n)
	return place{int(h % uint64(hours)), regions[h/24%uint64(len(regions))]}
}

// spread cuts a cell over three hours and regions; their sum is the cell.
func (c cell) spread(day tables.Day, hours int) (places []place, parts []cell) {
	weights := []int64{5, 3, 2}
	var given cell
	for i, w := range weights {
		p := cell{who: c.who, impressions: c.impressions * w / 10, clicks: c.clicks * w / 10, rank: c.rank * w / 10, views: c.views * w / 10}
		if i == len(weights)-1 {
			p.impressions, p.clicks, p.rank, p.views = c.impressions-given.impressions, c.clicks-given.clicks, c.rank-given.rank, c.views-given.views
		}
		given.impressions += p.impressions
		given.clicks += p.clicks
		given.rank += p.rank
		given.views += p.views
		parts = append(parts, p)
		places = append(places, placeOf(c.who, day, i, hours))
	}
	for i := range parts { // no more clicks than impressions
		for j := range parts {
			if more := parts[i].clicks - parts[i].impressions; more > 0 && i != j {
				n := min(more, max(parts[j].impressions-parts[j].clicks, 0))
				parts[i].clicks -= n
				parts[j].clicks += n
			}
		}
	}
	left, last := c.cost, -1
	for i := range parts {
		if parts[i].clicks > 0 {
			parts[i].cost = c.cost * parts[i].clicks / c.clicks
			left -= parts[i].cost
			last = i
		}
	}
	if last < 0 {
		last = 0
	}
	parts[last].cost += left
	return places, parts
}
