package market

import (
	"cmp"
	"iter"
	"math"
	"slices"
	"time"

	"argo/tables"
)

// Law says how long the figures of a day go on moving. Zeros are the defaults.
type Law struct {
	Late   int `json:"late,omitempty"`   // days after it until the last conversion has arrived; 30
	Credit int `json:"credit,omitempty"` // days after it until the last credit has been given; 7
}

// Settled is from which age on, in days, a day does not move any more: one day
// more than the law says, since days end at different times in the world.
func (l Law) Settled() int {
	l = l.full()
	return max(l.Late, l.Credit) + 2
}

func (l Law) full() Law { return Law{cmp.Or(l.Late, usualLate), cmp.Or(l.Credit, 7)} }

// usualLate is the conversion window of the default law, which the delays of
// orders were made for; another law stretches them.
const usualLate = 30

// lastOrder is the longest time from a click to an order, in microseconds.
func (l Law) lastOrder() int64 { return int64(l.Late-1) * 24 * hour }

// stretch a time from a click to an order.
func (l Law) stretch(mean int64) float64 { return float64(mean) * (float64(l.Late) / usualLate) }

func (h header) law() Law { return h.Law.full() }

// Grain of facts.
type Grain uint8

// The grains. Keywords and terms have facts of search campaigns only, where
// their sums equal those of the ad groups.
const (
	ByAdGroup Grain = iota
	ByAd
	ByKeyword
	ByTerm
)

// Query of facts.
type Query struct {
	Account   int64
	Days      tables.Days // in the account's calendar
	Grain     Grain
	Split     bool    // by device and network
	Campaigns []int64 // nil: all
	// AsOf gives the facts as they were reported then; the zero time is now.
	AsOf time.Time
}

// Fact is one row: what was delivered on a day, as a channel reports it.
type Fact struct {
	Account, Campaign, AdGroup int64
	Ad, Keyword                int64 // of their grain; a term has its keyword
	Term                       Term
	Day                        tables.Day
	Device                     Device  // where split
	Network                    Network // where split
	Figures
}

// Figures add up.
type Figures struct {
	Impressions, Clicks int64
	Cost                int64 // micros, whole units of the currency
	Conversions         int64 // hundredths: credit may be fractional
	Value               int64 // micros, in proportion to the credit
	AllConversions      int64 // hundredths: each claim counts in full
	AllValue            int64
	ViewThrough         int64 // claims for a view, in none of the above
}

// Add sums f into g.
func (g *Figures) Add(f Figures) {
	g.Impressions += f.Impressions
	g.Clicks += f.Clicks
	g.Cost += f.Cost
	g.Conversions += f.Conversions
	g.Value += f.Value
	g.AllConversions += f.AllConversions
	g.AllValue += f.AllValue
	g.ViewThrough += f.ViewThrough
}

// Zero says that nothing was delivered and nothing claimed.
func (g Figures) Zero() bool { return g == Figures{} }

// Facts gives the rows of q that are not zero, by campaign, ad group, day,
// device and network, then entity. It answers for one state of the world: an
// action during the iteration is not seen.
func (m *Market) Facts(q Query) iter.Seq[Fact] {
	return func(yield func(Fact) bool) {
		v := m.view(q.AsOf)
		account, ok := v.s.account(q.Account)
		if !ok || account.Status != Enabled {
			return
		}
		loc := account.Location()
		days, ok := q.Days.Intersect(tables.Days{From: v.s.Start, To: tables.DayOf(v.at.In(loc))})
		if !ok {
			return
		}
		bounds := make([]int64, days.Len()+1)
		for i := range bounds {
			bounds[i] = midnight(days.From.Add(i), loc).UnixMicro()
		}
		for _, campaign := range v.s.campaigns.accounts[q.Account] {
			if q.Campaigns != nil && !slices.Contains(q.Campaigns, campaign) {
				continue
			}
			for _, group := range v.s.groups.parents[campaign] {
				e := emitter{v: v, q: q, group: group, cache: m.group(v.s, group), yield: yield}
				e.fact = Fact{Account: q.Account, Campaign: campaign, AdGroup: group}
				for i := range bounds[1:] {
					if !e.day(days.From.Add(i), bounds[i], bounds[i+1]) {
						return
					}
				}
			}
		}
	}
}

// view is the world as one call sees it.
type view struct {
	m   *Market
	s   *state
	at  time.Time
	now int64 // at in Unix microseconds
}

func (m *Market) view(at time.Time) *view {
	s := m.state.Load()
	now := m.clock.Now()
	if now.Before(s.last.At) { // the wall clock went back a little
		now = s.last.At
	}
	if at.IsZero() || at.After(now) {
		at = now
	}
	return &view{m, s, at, at.UnixMicro()}
}

// piece is a stretch of a day between two actions.
type piece struct {
	from      int64   // Unix microseconds
	share     float64 // of the day's traffic
	begin     float64 // traffic of the day before it
	delivered float64 // share of the potential delivered before it
	pace
}

// delivery cuts the day from begin to end into pieces up to the view's moment.
func (v *view) delivery(id int64, c *groupCache, day tables.Day, begin, end int64) (pieces []piece, volume, cost float64) {
	group := v.s.groups.byID[id]
	campaign := v.s.campaigns.byID[group.versions[0].val.Campaign].now()
	if day < campaign.Begin || campaign.End != "" && day > campaign.End {
		return nil, 0, 0
	}
	cum := profiles()[c.form]
	stop := min(end, v.now)
	length := float64(end - begin)
	moments := v.s.moments[group.account]
	for from, i := begin, v.epoch(group.account, begin); from < stop; i++ {
		to := stop
		if i < len(moments) && moments[i] < stop {
			to = moments[i]
		}
		if to > from {
			b := share(&cum, float64(from-begin)/length)
			p := piece{from: from, begin: b, share: share(&cum, float64(to-begin)/length) - b, delivered: volume, pace: v.pace(id, from)}
			volume += p.share * p.volume
			cost += p.share * p.volume * p.price
			pieces = append(pieces, p)
		}
		from = to
	}
	return pieces, volume, cost
}

// daily is an evaluated day of an ad group.
type daily struct {
	cells  []Figures // by slot
	claims []claim
	pieces []piece
}

// claim is a conversion that the channel has reported by now.
type claim struct {
	slot  int
	click int64 // index among the clicks of its slot
	Figures
}

// evaluate gives the day as the view sees it, or nil where nothing was
// delivered. A settled day is kept.
func (v *view) evaluate(id int64, c *groupCache, day tables.Day, begin, end int64) *daily {
	settled := v.now >= end+int64(v.s.law().Settled())*24*hour
	if settled {
		c.mu.Lock()
		d, ok := c.settled[day]
		c.mu.Unlock()
		if ok {
			return d
		}
	}
	pieces, volume, cost := v.delivery(id, c, day, begin, end)
	var d *daily
	if volume > 0 {
		d = v.count(c, c.potential(v.s, id, day), pieces, volume, cost, begin, end)
	}
	if settled {
		c.mu.Lock()
		c.settled[day] = d
		c.mu.Unlock()
	}
	return d
}

func (v *view) count(c *groupCache, p *potential, pieces []piece, volume, cost float64, begin, end int64) *daily {
	impressions, clicks := int64(p.impressions*volume), int64(p.clicks*volume)
	if impressions == 0 {
		return nil
	}
	spent := 0.0
	if clicks > 0 {
		spent = p.cost * cost
	}
	units := int64(spent * (1 - p.credit*v.s.law().credited(v.now-end)) / float64(c.unit))
	d := &daily{cells: make([]Figures, len(c.slots)), pieces: pieces}
	partition(d.cells, Figures{Impressions: impressions, Clicks: clicks, Cost: units * c.unit}, p.parts, c.unit)
	for i := range p.orders {
		o := &p.orders[i]
		if o.click >= float64(clicks) {
			break
		}
		if o.credit == 0 || o.occurs(c, p, pieces, begin, end)+o.lag > v.now {
			continue
		}
		k := claim{click: int64(o.place * float64(clicks))}
		for k.click >= d.cells[k.slot].Clicks {
			k.click -= d.cells[k.slot].Clicks
			k.slot++
		}
		if o.view {
			k.ViewThrough = 1
		} else {
			k.Conversions, k.AllConversions = o.credit, 100
			k.Value, k.AllValue = o.value/100*o.credit, o.value
		}
		d.cells[k.slot].Add(k.Figures)
		d.claims = append(d.claims, k)
	}
	return d
}

// credited is the share of a day's credit that has been given, by age.
func (l Law) credited(age int64) float64 {
	switch days := age / (24 * hour); {
	case days >= int64(l.Credit)-1:
		return 1
	case days >= 3:
		return 0.8
	case days >= 1:
		return 0.5
	}
	return 0
}

// occurs is when the order was placed.
func (o *order) occurs(c *groupCache, p *potential, pieces []piece, begin, end int64) int64 {
	return clicked(c, p, pieces, o.click, begin, end) + o.delay
}

// clicked is when the click with the index was made.
func clicked(c *groupCache, p *potential, pieces []piece, click float64, begin, end int64) int64 {
	want := (click + 0.5) / p.clicks
	for i := len(pieces) - 1; i >= 0; i-- {
		if x := pieces[i]; x.volume > 0 && (x.delivered <= want || i == 0) {
			cum := profiles()[c.form]
			at := moment(&cum, math.Min(x.begin+(want-x.delivered)/x.volume, x.begin+x.share))
			return begin + int64(at*float64(end-begin))
		}
	}
	return begin
}

// partition cuts impressions, clicks and cost of a cell over parts: no part has
// more clicks than impressions or a cost without clicks.
func partition(dst []Figures, whole Figures, parts []part, unit int64) {
	var room [16]float64
	var ints [3][16]int64
	n := len(parts)
	w, imps, clicks, cost := room[:n], ints[0][:n], ints[1][:n], ints[2][:n]
	for i, p := range parts {
		w[i] = p.weight
	}
	split(imps, whole.Impressions, w)
	for i, p := range parts {
		w[i] = float64(imps[i]) * p.appeal
	}
	splitWithin(clicks, whole.Clicks, w, imps)
	for i, p := range parts {
		w[i] = float64(clicks[i]) * p.price
	}
	split(cost, whole.Cost/unit, w)
	for i := range parts {
		dst[i] = Figures{Impressions: imps[i], Clicks: clicks[i], Cost: cost[i] * unit}
	}
}
