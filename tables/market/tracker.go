package market

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"argo/tables"
)

// Origin says where a user of an app, or an order, came from.
type Origin string

// The origins. A partner is another network, without campaigns in this world's
// accounts.
const (
	FromAds     Origin = "ads"
	FromPartner Origin = "partner"
	FromNowhere Origin = "organic"
)

// Cohort is what a tracker counts of the users who installed an app on a day:
// their whole life so far, dated by the day of install in the app's calendar,
// money in the app's currency. Figures of a day grow for weeks.
type Cohort struct {
	App               string
	Day               tables.Day
	Origin            Origin
	Channel           string `json:",omitempty"` // of the account; "" for the first one
	Account, Campaign int64  // of FromAds
	Name              string // of the campaign; "" for organic
	Country           string // ISO 3166
	// Retargeting: the users had the app already; Installs are conversions.
	Retargeting         bool
	Impressions, Clicks int64
	Installs, Sessions  int64
	Loyal               int64 // users with three sessions or more
	Revenue, Cost       int64 // micros
	Events              []Event
}

// Event of an app, in the order of App.Events.
type Event struct {
	Users, Count int64
	Revenue      int64 // micros
}

// user is one person who came through an origin.
type user struct {
	origin            Origin
	channel           string
	account, campaign int64
	name, country     string
	retargeting       bool
	currency          string
	installed         int64 // Unix microseconds
	luck              float64
	orders            []bought
}

type bought struct{ at, value int64 }

// CohortQuery asks a tracker about an app.
type CohortQuery struct {
	App  string
	Days tables.Days    // of install
	Zone *time.Location // whose days; nil: the app's calendar
	AsOf time.Time      // as reported then; the zero time is now
}

// Tracker gives the cohorts of an app by day, origin, campaign and country. An
// unknown app has none. Impressions, clicks and cost come from the networks by
// their own days and do not move with Zone.
func (m *Market) Tracker(q CohortQuery) []Cohort {
	i := slices.IndexFunc(appList, func(a App) bool { return a.ID == q.App })
	if i < 0 {
		return nil
	}
	v, a := m.view(q.AsOf), appList[i]
	loc := q.Zone
	if loc == nil {
		loc = a.Location()
	}
	days, ok := q.Days.Intersect(tables.Days{From: v.s.Start, To: tables.DayOf(v.at.In(loc))})
	if !ok {
		return nil
	}
	type key struct {
		day      tables.Day
		origin   Origin
		campaign int64
		name     string
		country  string
	}
	cohorts := map[key]*Cohort{}
	cohort := func(day tables.Day, u user) *Cohort {
		k := key{day, u.origin, u.campaign, u.name, u.country}
		c, ok := cohorts[k]
		if !ok {
			c = &Cohort{App: q.App, Day: day, Origin: u.origin, Channel: u.channel, Account: u.account, Campaign: u.campaign, Name: u.name,
				Country: u.country, Retargeting: u.retargeting, Events: make([]Event, len(a.Events))}
			cohorts[k] = c
		}
		return c
	}
	loss := stream(v.s.Seed, int64(i), "", ofInstalls).between(0.05, 0.15)
	count := func(u user) {
		day := tables.DayOf(time.UnixMicro(u.installed).In(loc))
		if u.luck >= loss && u.installed <= v.now && days.Contains(day) {
			cohort(day, u).live(u, a, v.now)
		}
	}
	// A day of one zone meets up to two of another, and an install may come a
	// day after its click.
	v.clickers(a, tables.Days{From: days.From.Add(-3), To: days.To.Add(1)}, count)
	v.others(i, tables.Days{From: max(days.From.Add(-1), v.s.Start), To: days.To.Add(1)}, count)
	v.costs(i, a, days, func(day tables.Day, u user, f Figures) {
		c := cohort(day, u)
		c.Impressions += f.Impressions
		c.Clicks += f.Clicks
		c.Cost += f.Cost
	})
	out := make([]Cohort, 0, len(cohorts))
	for _, c := range cohorts {
		out = append(out, *c)
	}
	slices.SortFunc(out, func(x, y Cohort) int {
		return cmp.Or(cmp.Compare(x.Day, y.Day), cmp.Compare(x.Origin, y.Origin), cmp.Compare(x.Campaign, y.Campaign),
			cmp.Compare(x.Name, y.Name), cmp.Compare(x.Country, y.Country))
	})
	return out
}

// live adds the user's life up to now.
func (c *Cohort) live(u user, a App, now int64) {
	age := float64(now-u.installed) / float64(24*hour)
	c.Installs++
	visits := 1 + int64(-5*math.Log(1-frac(u.luck*1009))*(1-math.Exp(-age/6)))
	c.Sessions += visits
	if visits >= 3 {
		c.Loyal++
	}
	for i, name := range a.Events {
		e := &c.Events[i]
		if name == "af_purchase" {
			n := int64(0)
			for _, o := range u.orders {
				if o.at <= now {
					value := convert(o.value, u.currency, a.Currency)
					n++
					e.Revenue += value
					c.Revenue += value
				}
			}
			if e.Count += n; n > 0 {
				e.Users++
			}
			continue
		}
		x := frac(u.luck * float64(7919*(i+1)))
		if len(u.orders) > 0 {
			x /= 2
		}
		if done := int64(age * 24 * (1 - x)); x < 0.45 && done > 0 {
			e.Users++
			e.Count++
			if strings.HasSuffix(name, "achieved") || strings.HasSuffix(name, "login") {
				e.Count += min(done/30, int64(x*40))
			}
		}
	}
}

func frac(x float64) float64 { return x - math.Floor(x) }

// convert an amount in micros, to whole units of the other currency.
func convert(micros int64, from, to string) int64 {
	if from == to {
		return micros
	}
	u := unitOf(to)
	return int64(float64(micros)/rate(from)*rate(to)/float64(u)) * u
}

var neighbours = map[string][]string{"KR": {"KR", "US", "JP"}, "JP": {"JP", "US", "KR"}, "US": {"US", "CA", "GB"}}

// countryShares are of the audience's country and its neighbours.
var countryShares = []part{{0.93, 1, 1}, {0.05, 1, 1}, {0.02, 1, 1}}

func countryOf(home string, luck float64) string {
	x := frac(luck * 613)
	for i, p := range countryShares {
		if x -= p.weight; x < 0 {
			return neighbours[home][i]
		}
	}
	return home
}

// clickers calls f for everybody who installed or ordered after a click in an
// account of the app, on the account's days given.
func (v *view) clickers(a App, days tables.Days, f func(user)) {
	for _, account := range v.s.accounts {
		if account.App != a.ID || account.Status != Enabled {
			continue
		}
		loc := account.Location()
		days, ok := days.Intersect(tables.Days{From: v.s.Start, To: tables.DayOf(v.at.In(loc))})
		if !ok {
			continue
		}
		for _, id := range v.s.campaigns.accounts[account.ID] {
			c := v.s.campaigns.byID[id].now()
			u := user{origin: FromAds, channel: account.Channel, account: account.ID, campaign: id, name: c.Name, currency: account.Currency,
				retargeting: strings.HasSuffix(c.Name, "Remarketing")}
			for _, group := range v.s.groups.parents[id] {
				for d := days.From; d <= days.To; d = d.Add(1) {
					v.clickersOf(u, account, group, d, midnight(d, loc).UnixMicro(), midnight(d.Add(1), loc).UnixMicro(), f)
				}
			}
		}
	}
}

func (v *view) clickersOf(u user, account Account, group int64, day tables.Day, begin, end int64, f func(user)) {
	c := v.m.group(v.s, group)
	pieces, volume, _ := v.delivery(group, c, day, begin, end)
	if volume == 0 {
		return
	}
	p := c.potential(v.s, group, day)
	clicks := math.Floor(p.clicks * volume)
	for i := 0; i < len(p.orders) && p.orders[i].click < clicks; i++ {
		o := p.orders[i]
		if !o.real || o.repeat {
			continue
		}
		at := clicked(c, p, pieces, o.click, begin, end)
		b := u
		b.luck, b.country = o.luck, countryOf(account.Country, o.luck)
		b.installed = at + min(o.delay, 20*minute)
		b.orders = []bought{{at + o.delay, o.value}}
		if i+1 < len(p.orders) && p.orders[i+1].repeat {
			b.orders = append(b.orders, bought{at + p.orders[i+1].delay, p.orders[i+1].value})
		}
		f(b)
	}
	for _, x := range p.installs {
		if x.click >= clicks {
			break
		}
		b := u
		b.luck, b.country = x.luck, countryOf(account.Country, x.luck)
		b.installed = clicked(c, p, pieces, x.click, begin, end) + x.delay
		f(b)
	}
}

// partners are the campaigns in another network, each with about so many
// installs a day.
var partners = []string{"Partner | Autumn", "Partner | Lookalike"}

const partnerInstalls = 22

// home is the country of an app's organic users, by its currency.
var home = map[string]string{"KRW": "KR", "JPY": "JP", "USD": "US"}

// others calls f for organic users and those of partners, by day of install in
// the app's calendar.
func (v *view) others(app int, days tables.Days, f func(user)) {
	a := appList[app]
	loc := a.Location()
	cum := profiles()[AppAds]
	for d := days.From; d <= days.To; d = d.Add(1) {
		begin, end := midnight(d, loc).UnixMicro(), midnight(d.Add(1), loc).UnixMicro()
		add := func(n *noise, mean, buys float64, u user) {
			for range int(mean * n.between(0.8, 1.2)) {
				b := u
				b.currency, b.luck = a.Currency, n.unit()
				b.country = countryOf(home[a.Currency], b.luck)
				b.installed = begin + int64(moment(&cum, n.unit())*float64(end-begin))
				if n.unit() < buys {
					b.orders = []bought{{b.installed + n.delay(v.s.law()), price(40*math.Exp(0.4*n.normal()), a.Currency)}}
				}
				f(b)
			}
		}
		add(stream(v.s.Seed, int64(app), d, ofOrganic), 45, 0.06, user{origin: FromNowhere})
		for i, name := range partners {
			add(stream(v.s.Seed, int64(app*8+i), d, ofPartner), partnerInstalls, 0.04, user{origin: FromPartner, name: name})
		}
	}
}

// costs calls f for what networks report to the tracker about delivery: by the
// account's day, taken as the app's day of the same date.
func (v *view) costs(app int, a App, days tables.Days, f func(tables.Day, user, Figures)) {
	report := func(day tables.Day, u user, country string, whole Figures) {
		var cells [3]Figures
		partition(cells[:], whole, countryShares, unitOf(a.Currency))
		for i, cell := range cells {
			if u.country = neighbours[country][i]; !cell.Zero() {
				f(day, u, cell)
			}
		}
	}
	for _, account := range v.s.accounts {
		if account.App != a.ID || account.Status != Enabled {
			continue
		}
		type key struct {
			day      tables.Day
			campaign int64
		}
		sums := map[key]*Figures{}
		for fact := range v.m.Facts(Query{Account: account.ID, Days: days, AsOf: v.at}) {
			k := key{fact.Day, fact.Campaign}
			if sums[k] == nil {
				sums[k] = &Figures{}
			}
			sums[k].Add(fact.Figures)
		}
		for k, sum := range sums {
			name := v.s.campaigns.byID[k.campaign].now().Name
			u := user{origin: FromAds, channel: account.Channel, account: account.ID, campaign: k.campaign, name: name, retargeting: strings.HasSuffix(name, "Remarketing")}
			report(k.day, u, account.Country, Figures{Impressions: sum.Impressions, Clicks: sum.Clicks, Cost: convert(sum.Cost, account.Currency, a.Currency)})
		}
	}
	cum, loc := profiles()[AppAds], a.Location()
	for d := days.From; d <= days.To; d = d.Add(1) {
		begin, end := midnight(d, loc).UnixMicro(), midnight(d.Add(1), loc).UnixMicro()
		so := share(&cum, float64(v.now-begin)/float64(end-begin))
		for i, name := range partners {
			n := stream(v.s.Seed, int64(app*8+i), d, ofDemand)
			clicks := partnerInstalls * n.between(9, 15) * so
			report(d, user{origin: FromPartner, name: name}, home[a.Currency], Figures{
				Impressions: int64(clicks * n.between(60, 110)), Clicks: int64(clicks),
				Cost: price(partnerInstalls*n.between(1.6, 2.4)*so, a.Currency)})
		}
	}
}
