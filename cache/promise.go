package cache

import (
	"hash/fnv"
	"time"

	"argo/tables"
)

// promise says how old the cells of a scan may be: those of every group of
// columns that it asks for. zone is the calendar of the account, now the moment
// that it is asked at, in this calendar.
type promise struct {
	fresh   []tables.Freshness
	settled int // of the slowest group of the table
	zone    *time.Location
	now     time.Time
	maxAge  time.Duration
}

// keep is how long a segment's cell is good from its fetch on, for ever where
// it was settled. Rows that do not add up are read again soon.
func (p promise) keep(s Segment, day tables.Day) (at time.Time, keep time.Duration, forever bool) {
	part := partOf(s, day)
	at, forever = part.FetchedAt.In(p.zone), true
	shorten := func(by time.Duration) {
		if forever || by < keep {
			keep, forever = by, false
		}
	}
	for _, f := range p.fresh {
		if keep, settled := f.Keep(at, day); !settled {
			shorten(keep)
		}
	}
	if !forever && p.maxAge > 0 {
		shorten(p.maxAge)
	}
	if broken(part.Checks) {
		shorten(tiedFor(day != "" && tables.DayOf(at).Sub(day) >= p.settled))
	}
	return at, keep, forever
}

// good says that a cell is within its promised age.
func (p promise) good(s Segment, day tables.Day) bool {
	at, keep, forever := p.keep(s, day)
	return forever || p.now.Sub(at) < keep
}

// due says that a cell is good and is renewed before it no longer is: from a
// point in the last quarter of the promised age on that is drawn from the id of
// the segment, so that what was fetched together does not expire together.
func (p promise) due(s Segment, day tables.Day) bool {
	at, keep, forever := p.keep(s, day)
	age := p.now.Sub(at)
	return !forever && age < keep && age >= keep/4*3 && float64(age) >= float64(keep)*(0.75+0.25*draw(s.ID))
}

// worth says what reading a cell along with others is worth that is good.
func (p promise) worth(s Segment, day tables.Day) int {
	at, keep, forever := p.keep(s, day)
	switch age := p.now.Sub(at); {
	case forever || day != "" && tables.DayOf(at).Sub(day) >= p.settled:
		return closed
	case p.due(s, day):
		return due
	case age >= keep/2:
		return ripe
	}
	return fresh
}

// again says that a cell that is good may be read along with others to save a
// call: it may still be restated, and was not read just now.
func (p promise) again(s Segment, day tables.Day) bool {
	at, keep, forever := p.keep(s, day)
	return !forever && (day == "" || tables.DayOf(at).Sub(day) < p.settled) && p.now.Sub(at) >= keep/4
}

// draw gives a number from 0 to below 1 that depends on nothing but the text.
func draw(text string) float64 {
	h := fnv.New64a()
	h.Write([]byte(text))
	x := h.Sum64() // the last characters hardly reach the upper bits: mix them (splitmix64)
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return float64((x^x>>31)>>11) / (1 << 53)
}
