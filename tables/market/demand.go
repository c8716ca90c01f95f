package market

import (
	"math"
	"sort"
	"sync"

	"argo/tables"
)

// character is what the seed gives to an ad group for ever.
type character struct {
	form     Form
	demand   float64 // cost of a full day's potential, micros
	cpc      float64 // micros
	ctr      float64 // clicks per impression
	orders   float64 // orders per click
	basket   float64 // micros per order
	extra    float64 // claims per true order that no order stands behind
	installs float64 // installs per click that buy nothing
	phase    float64 // of the season
	bid, cpa float64 // in force at creation: the effect of a bid is relative to it
	slots    []slot
	unit     int64
}

// slot is a device in a network; weight is its share of impressions.
type slot struct {
	device  Device
	network Network
	part
}

// part is a share of a cell: of its impressions, with how well they are clicked
// and what a click costs, relative to the others.
type part struct{ weight, appeal, price float64 }

// forms gives ranges by form: click-through rate, US dollars per click, orders
// per click, extra claims, installs per click, networks with their shares.
var forms = map[Form]struct {
	ctr, cpc, orders [2]float64
	extra, installs  float64
	networks         []float64 // indexed by Network
	devices          []float64 // indexed by Device
	hours            [24]float64
}{
	Search:  {[2]float64{.035, .09}, [2]float64{.4, 1.3}, [2]float64{.025, .06}, .35, .02, []float64{.8, .2}, []float64{.62, .32, .06}, officeHours},
	Display: {[2]float64{.004, .009}, [2]float64{.15, .4}, [2]float64{.004, .009}, .7, .01, []float64{0, 0, 1}, []float64{.7, .22, .08}, eveningHours},
	Video:   {[2]float64{.005, .012}, [2]float64{.12, .3}, [2]float64{.003, .006}, .9, .01, []float64{0, 0, .15, .85}, []float64{.55, .15, .08, .22}, eveningHours},
	Demand:  {[2]float64{.008, .015}, [2]float64{.25, .55}, [2]float64{.006, .015}, .6, .015, []float64{0, 0, 0, .4, .6}, []float64{.8, .15, .05}, eveningHours},
	AppAds:  {[2]float64{.01, .025}, [2]float64{.2, .5}, [2]float64{.01, .03}, .5, .12, []float64{.25, 0, .45, .3}, []float64{.93, 0, .07}, eveningHours},
}

var (
	officeHours  = [24]float64{2, 1, 1, 1, 1, 1, 2, 3, 4, 6, 7, 7, 6, 6, 6, 6, 5, 5, 5, 6, 6, 6, 5, 3}
	eveningHours = [24]float64{3, 2, 1, 1, 1, 1, 2, 4, 5, 4, 4, 4, 6, 5, 4, 4, 4, 5, 6, 7, 9, 9, 8, 5}
)

// profiles are the cumulated hours of each form: profiles[f][h] is the share of
// a day before hour h.
var profiles = sync.OnceValue(func() map[Form][25]float64 {
	out := map[Form][25]float64{}
	for f, x := range forms {
		var cum [25]float64
		for h, w := range x.hours {
			cum[h+1] = cum[h] + w
		}
		for h := range cum {
			cum[h] /= cum[24]
		}
		cum[24] = 1
		out[f] = cum
	}
	return out
})

// share is the part of the day's traffic that has come after the fraction
// given of the day.
func share(cum *[25]float64, fraction float64) float64 {
	h := math.Min(math.Max(fraction, 0), 1) * 24
	i := min(int(h), 23)
	return cum[i] + (h-float64(i))*(cum[i+1]-cum[i])
}

// moment is the inverse of share.
func moment(cum *[25]float64, share float64) float64 {
	i := min(sort.Search(24, func(i int) bool { return cum[i+1] > share }), 23)
	return (float64(i) + (share-cum[i])/(cum[i+1]-cum[i])) / 24
}

// groupCache remembers what never changes about an ad group.
type groupCache struct {
	character
	mu      sync.Mutex
	days    map[tables.Day]*potential
	settled map[tables.Day]*daily
	rates   map[int]pace // by number of actions in the account so far
}

// pace is how much of an ad group's potential is delivered, and what for.
type pace struct{ volume, price float64 }

func (m *Market) group(s *state, id int64) *groupCache {
	if c, ok := m.caches.Load(id); ok {
		return c.(*groupCache)
	}
	c, _ := m.caches.LoadOrStore(id, &groupCache{character: s.character(id),
		days: map[tables.Day]*potential{}, settled: map[tables.Day]*daily{}, rates: map[int]pace{}})
	return c.(*groupCache)
}

// character draws the ad group's character from the first versions of itself,
// its campaign and its budget, so that later actions do not change it.
func (s *state) character(id int64) character {
	group := s.groups.byID[id].versions[0].val
	versions := s.campaigns.byID[group.Campaign].versions
	c := versions[0].val
	account, _ := s.account(group.Account)
	f, ok := forms[c.Form]
	if !ok {
		f = forms[Search]
	}
	money := rate(account.Currency) * 1e6
	budget := float64(s.budgets.byID[c.Budget].versions[0].val.Amount)
	n := stream(s.Seed, c.ID, "", ofDemand)
	total := math.Min(budget, 500*money) * n.between(0.9, 2)
	if s.budgets.byID[c.Budget].versions[0].val.Shared {
		total *= 0.6
	}
	out := character{form: c.Form, unit: account.Unit(), extra: f.extra, phase: n.between(0, 2*math.Pi),
		bid: float64(group.Bid), cpa: float64(c.TargetCPA)}
	siblings := s.groups.parents[c.ID]
	sum := 0.0
	for i := range siblings {
		sum += 1 / float64(i+1)
	}
	for i, sibling := range siblings {
		if sibling == id {
			out.demand = total / float64(i+1) / sum
		}
	}
	n = stream(s.Seed, id, "", ofRates)
	out.ctr = n.between(f.ctr[0], f.ctr[1])
	out.cpc = n.between(f.cpc[0], f.cpc[1]) * money
	out.orders = n.between(f.orders[0], f.orders[1])
	out.basket = n.between(28, 70) * money
	out.installs = f.installs * n.between(0.8, 1.2)
	for network, w := range f.networks {
		for device, d := range f.devices {
			if w*d > 0 {
				out.slots = append(out.slots, slot{Device(device), Network(network),
					part{w * d * n.between(0.8, 1.2), n.between(0.7, 1.3), n.between(0.8, 1.2)}})
			}
		}
	}
	return out
}

// pace is the ad group's share of its potential at the moment, from what is
// enabled, the bids and the budget then. It is constant between two actions in
// the account and memoised by their number.
func (v *view) pace(id int64, at int64) pace {
	c := v.m.group(v.s, id)
	epoch := v.epoch(c.account(v.s, id), at)
	c.mu.Lock()
	p, ok := c.rates[epoch]
	c.mu.Unlock()
	if ok {
		return p
	}
	group := v.s.groups.byID[id].versions[0].val
	p = v.appetite(id, at)
	if campaign, ok := v.s.campaigns.byID[group.Campaign].at(at); ok && p.volume > 0 {
		wanted := 0.0
		for _, other := range v.s.campaigns.accounts[group.Account] {
			o, ok := v.s.campaigns.byID[other].at(at)
			if !ok || o.Budget != campaign.Budget {
				continue
			}
			for _, g := range v.s.groups.parents[other] {
				a := v.appetite(g, at)
				wanted += v.m.group(v.s, g).demand * a.volume * a.price
			}
		}
		budget, _ := v.s.budgets.byID[campaign.Budget].at(at)
		x := float64(budget.Amount) / wanted
		p.volume *= x / math.Cbrt(1+x*x*x)
	}
	c.mu.Lock()
	c.rates[epoch] = p
	c.mu.Unlock()
	return p
}

func (c *groupCache) account(s *state, id int64) int64 { return s.groups.byID[id].account }

// epoch is the number of actions in the account up to the moment.
func (v *view) epoch(account, at int64) int {
	moments := v.s.moments[account]
	return sort.Search(len(moments), func(i int) bool { return moments[i] > at })
}

// appetite is the pace without any budget: nothing where the campaign, the
// group, all of its ads or all of its keywords are off; more for higher bids.
func (v *view) appetite(id int64, at int64) pace {
	s := v.s
	group, ok := s.groups.byID[id].at(at)
	if !ok || group.Status != Enabled {
		return pace{}
	}
	campaign, ok := s.campaigns.byID[group.Campaign].at(at)
	if !ok || campaign.Status != Enabled {
		return pace{}
	}
	on := false
	for _, ad := range s.ads.parents[id] {
		a, ok := s.ads.byID[ad].at(at)
		on = on || ok && a.Status == Enabled
	}
	if !on {
		return pace{}
	}
	c := v.m.group(s, id)
	p := pace{1, 1}
	if c.cpa > 0 && campaign.TargetCPA > 0 {
		x := float64(campaign.TargetCPA) / c.cpa
		p.volume, p.price = math.Pow(x, 0.4), math.Pow(x, 0.2)
	}
	if campaign.Form != Search {
		return p
	}
	active, all, cost := 0.0, 0.0, 0.0
	for _, id := range s.keywords.parents[id] {
		e := s.keywords.byID[id]
		if e.versions[0].val.Negative {
			continue
		}
		w := v.m.part(s, id, "").weight
		if e.versions[0].at == beforeAllTime {
			all += w
		}
		k, ok := e.at(at)
		if !ok || k.Status != Enabled {
			continue
		}
		x := 1.0
		if c.bid > 0 && group.Bid > 0 {
			x = float64(group.Bid) / c.bid
			if first := e.versions[0].val.Bid; k.Bid > 0 && first > 0 {
				x = float64(k.Bid) / float64(first)
			}
		}
		active += w * math.Sqrt(x)
		cost += w * math.Sqrt(x) * math.Pow(x, 0.35)
	}
	if active == 0 {
		return pace{}
	}
	if all == 0 { // the group was made by an action, with its keywords
		all = active
	}
	p.volume *= math.Min(active/all, 2)
	p.price *= cost / active
	return p
}

// part is the share of an ad, keyword or term among its siblings on a day.
func (m *Market) part(s *state, id int64, day tables.Day) part {
	n := stream(s.Seed, id, day, ofParts)
	if day == "" {
		return part{n.between(0.3, 1), n.between(0.6, 1.4), n.between(0.8, 1.2)}
	}
	return part{n.between(0.6, 1.4), n.between(0.8, 1.2), n.between(0.9, 1.1)}
}

// potential is what an ad group could deliver on a day, drawn once.
type potential struct {
	impressions, clicks float64 // whole numbers
	cost                float64 // micros, all clicks together
	credit              float64 // share of the cost given back later
	parts               []part  // of the slots
	orders              []order
	installs            []install
}

// order is a purchase after a click, or a claim that none stands behind.
type order struct {
	click  float64 // index of the click among the day's potential
	place  float64 // in [0, 1): where among the delivered clicks
	delay  int64   // microseconds from the click to the order
	lag    int64   // from the order to the channel's report
	value  int64   // micros of the account's currency
	credit int64   // hundredths that the channel claims; 0: missed
	real   bool    // an order stands behind it
	view   bool    // claimed for a view, not for a click
	repeat bool    // a later order of the buyer before it
	luck   float64 // of the buyer, as of an install
}

// install is a first start of the app by somebody who buys nothing.
type install struct {
	click float64
	delay int64
	luck  float64 // decides country, loyalty, events, and whether the tracker saw it
}

const (
	second = int64(1_000_000)
	minute = 60 * second
	hour   = 60 * minute
)

func (c *groupCache) potential(s *state, id int64, day tables.Day) *potential {
	c.mu.Lock()
	p, ok := c.days[day]
	c.mu.Unlock()
	if ok {
		return p
	}
	p = c.draw(s, id, day)
	c.mu.Lock()
	c.days[day] = p
	c.mu.Unlock()
	return p
}

func (c *groupCache) draw(s *state, id int64, day tables.Day) *potential {
	campaign := s.groups.byID[id].versions[0].val.Campaign
	season := stream(s.Seed, campaign, day, ofDay)
	t := day.Time()
	factor := 1 + 0.15*math.Sin(2*math.Pi*float64(t.YearDay())/365+c.phase)
	if wd := t.Weekday(); wd == 0 || wd == 6 {
		if factor *= 1.12; c.form == Search {
			factor *= 0.75
		}
	}
	factor = math.Min(math.Max(factor*math.Exp(0.14*season.normal()), 0.4), 1.8)
	n := stream(s.Seed, id, day, ofVolume)
	mean := c.demand * factor / c.cpc
	p := &potential{clicks: math.Floor(math.Max(mean+math.Sqrt(mean)*n.normal()*0.5, 0))}
	p.impressions = math.Floor(p.clicks/c.ctr*n.between(0.92, 1.08)) + p.clicks
	p.cost = p.clicks * c.cpc * n.between(0.93, 1.07)
	p.credit = n.between(0, 0.018)
	for _, x := range c.slots {
		p.parts = append(p.parts, part{x.weight * n.between(0.85, 1.15), x.appeal * n.between(0.9, 1.1), x.price * n.between(0.95, 1.05)})
	}
	c.drawOrders(s, id, day, p)
	return p
}

// drawOrders draws for 1.6 times the clicks, because bids and budgets may bring
// more than the potential.
func (c *groupCache) drawOrders(s *state, id int64, day tables.Day, p *potential) {
	n := stream(s.Seed, id, day, ofOrders)
	law := s.law()
	credits := []int64{100, 100, 100, 100, 100, 100, 100, 75, 67, 50}
	n.thin(p.clicks*1.6, c.orders*(1+c.extra), func(at float64) {
		o := order{click: at, place: n.unit(), delay: n.delay(law), lag: minute*20 + int64(n.unit()*float64(150*minute)),
			real: n.unit()*(1+c.extra) < 1, value: c.amount(n), luck: n.unit()}
		o.credit = credits[n.intn(len(credits))]
		if !o.real {
			o.view, o.credit = n.unit() < 0.3, 100
		} else if n.unit() < 0.03 {
			o.credit = 0
		}
		p.orders = append(p.orders, o)
		if o.real && n.unit() < 0.18 {
			again := order{click: at, place: o.place, delay: o.delay + int64(n.exp(law.stretch(6*24*hour))), lag: o.lag, value: c.amount(n), credit: o.credit, real: true, repeat: true, luck: o.luck}
			again.delay = min(again.delay, law.lastOrder())
			p.orders = append(p.orders, again)
		}
	})
	n = stream(s.Seed, id, day, ofInstalls)
	n.thin(p.clicks*1.6, c.installs, func(at float64) {
		p.installs = append(p.installs, install{at, min(int64(n.exp(float64(40*minute))), 36*hour), n.unit()})
	})
}

// delay: half of the orders come within hours, a third within days, the rest
// within weeks.
func (n *noise) delay(l Law) int64 {
	x := n.unit()
	mean := 2 * hour
	if x > 0.82 {
		mean = 8 * 24 * hour
	} else if x > 0.5 {
		mean = 36 * hour
	}
	return min(int64(n.exp(l.stretch(mean))), l.lastOrder())
}

// amount of an order, in whole units of the currency.
func (c *groupCache) amount(n *noise) int64 {
	units := c.basket * math.Exp(0.45*n.normal()) / float64(c.unit)
	if c.unit > 10_000 { // prices in won and yen end in a zero
		return max(int64(units/10), 1) * 10 * c.unit
	}
	return max(int64(units), 1) * c.unit
}
