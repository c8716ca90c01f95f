package cache

import (
	"fmt"
	"math"
	"slices"

	"argo/tables"
)

// wish is a scan as the cache sees it. It is not changed once it is made.
type wish struct {
	t    tables.Table
	want Span
	promise
	// renew fetches every cell anew, early those too that are due.
	renew, early bool
}

func (w *wish) key() key { return key{w.want.Source, w.want.Table, w.want.Account} }

// underway is a fetch that has not ended: of this process, or claimed by
// another one.
type underway struct {
	Span
	id     string // of the segment that it will make
	flight *flight
}

// survey is one look at what the cells of a wish are answered by. It decides in
// the same way for a scan that runs and for one that is estimated.
type survey struct {
	use     []Use
	board   []underway    // fetches that bring some of the others
	fetch   []Span        // the calls to make for the rest
	refused []tables.Days // what may not be fetched; nothing answers it as promised
	cached  int64         // cells that take no call, of those that were not refused
	missed  int64
	why     []string
}

// survey looks. good says what answers, no says what must not be fetched. It
// depends on nothing but its arguments.
func (w *wish) survey(have []Segment, ways []underway, costs Costs, good func(Segment, tables.Day) bool, no func(tables.Day) bool) (s survey) {
	use, gaps := Plan(w.want, have, good)
	s.use = use
	for _, u := range use {
		s.cached += count(u.Days)
	}
	var able []underway
	for _, u := range ways {
		if overlap(u.Days, w.want.Days) && superset(u.Columns, w.want.Columns) {
			able = append(able, u)
		}
	}
	var rest []tables.Days
	var held []string
	for _, g := range gaps {
		fetched := s.missed
		for day := range cells(g.Days) {
			if no(day) {
				s.refused = lengthen(s.refused, day)
				continue
			}
			if i := slices.IndexFunc(able, func(u underway) bool { return holds(u.Days, day) }); i >= 0 {
				if !slices.ContainsFunc(s.board, func(u underway) bool { return u.id == able[i].id }) {
					s.board = append(s.board, able[i])
				}
				s.cached++
				continue
			}
			rest = lengthen(rest, day)
			s.missed++
		}
		if s.missed > fetched {
			held = sorted(append(held, g.Columns...))
		}
	}
	if len(rest) == 0 {
		return s
	}
	s.depart(w, rest, held, ways, costs)
	return s
}

// depart packs the cells to be fetched into calls.
func (s *survey) depart(w *wish, rest []tables.Days, held []string, ways []underway, costs Costs) {
	longest := int64(0)
	for _, d := range rest {
		n := count(d)
		if w.t.MaxDays > 0 {
			n = min(n, int64(w.t.MaxDays))
		}
		longest = max(longest, n)
	}
	columns, why := Widen(w.t, w.want.Columns, held, longest, costs)
	s.because(why)
	if w.want.Days.IsZero() {
		span := w.want
		span.Columns = columns
		s.fetch = []Span{span}
		return
	}
	answered := func(day tables.Day, as func(Segment, tables.Day) bool) bool {
		for _, u := range s.use {
			if u.Days.Contains(day) {
				return as(u.Segment, day) && !slices.ContainsFunc(ways, func(o underway) bool { return o.Days.Contains(day) })
			}
		}
		return false
	}
	ranges, why := Bridge(rest, len(columns), w.t.MaxDays, costs, func(day tables.Day) bool { return answered(day, w.again) })
	s.because(why)
	along, fits := 0, func(n int) bool {
		fit := costs.fit()
		return costs.Known() && millis(costs.cellTime(fit, int64(n), len(columns))) < max(millis(fit[0]), callWorth)
	}
	for i := range ranges {
		along += takeAlong(&ranges[i], w.t.MaxDays, fits, func(day tables.Day) (worth int) {
			if slices.ContainsFunc(ranges, func(d tables.Days) bool { return d.Contains(day) }) {
				return closed
			}
			for _, u := range s.use {
				if u.Days.Contains(day) && !slices.ContainsFunc(ways, func(o underway) bool { return o.Days.Contains(day) }) {
					return w.worth(u.Segment, day)
				}
			}
			return closed
		})
	}
	if along > 0 {
		s.because(fmt.Sprintf("%s that would expire sooner or later renewed by the same calls", many(along, "day")))
	}
	for _, d := range ranges {
		for _, chunk := range d.Chunks(w.t.MaxDays) {
			span := w.want
			span.Days, span.Columns = chunk, columns
			s.fetch = append(s.fetch, span)
		}
	}
}

// What reading a cell along with others is worth.
const (
	closed = iota // it is not read: settled, not asked for, under way, or not there
	fresh         // it may be passed
	ripe          // half of its promised age is over: with a call that is made anyway
	due           // it would soon take a call of its own
)

// takeAlong makes a range longer by the days beside it that are worth it, as far
// as that takes no further call and the cells fit into the time of one: up to
// the last day that is due, or while the days are ripe. So days that were read
// one by one come to be read together.
func takeAlong(d *tables.Days, maxDays int, fits func(cells int) bool, worth func(tables.Day) int) (taken int) {
	most := math.MaxInt
	if maxDays > 0 {
		most = (d.Len() + maxDays - 1) / maxDays * maxDays
	}
	for _, step := range []int{-1, 1} {
		edge := &d.From
		if step > 0 {
			edge = &d.To
		}
		reach := 0
		for n := 1; d.Len()+n <= most && fits(taken+n); n++ {
			is := worth(edge.Add(step * n))
			if is == closed {
				break
			}
			if is == due || is == ripe && reach == n-1 {
				reach = n
			}
		}
		*edge = edge.Add(step * reach)
		taken += reach
	}
	return taken
}

func (s *survey) because(why string) {
	if why != "" {
		s.why = append(s.why, why)
	}
}

// lengthen adds a day to ranges that run from the newest to the oldest.
func lengthen(ranges []tables.Days, day tables.Day) []tables.Days {
	if n := len(ranges) - 1; n >= 0 && day != "" && ranges[n].From == day.Add(1) {
		ranges[n].From = day
		return ranges
	}
	return append(ranges, tables.Days{From: day, To: day})
}
