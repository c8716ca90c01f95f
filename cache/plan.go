package cache

import (
	"cmp"
	"slices"

	"argo/tables"
)

// Plan says which segments answer the cells of want and which gaps remain.
//
// A segment can answer a cell if it is of want's source, table and account,
// holds the cell and every wanted column, and good says so; of several the
// newest does (I2). Uses and gaps run from the newest day to the oldest and
// are as long as they can be. good is asked for segments that could answer
// only, the newest first, with the day "" for a table without days.
//
// The columns of a gap are the wanted ones and those of every segment that
// holds one of its cells, good or not: the segment that fills the gap then
// supersedes them all. Otherwise two statements that ask different columns of
// the same days would fetch these days at every expiry once each, for ever,
// and the cells would lie in two files. A wider row costs some bytes, a second
// report costs a call, and calls are what runs out.
func Plan(want Span, have []Segment, good func(Segment, tables.Day) bool) (use []Use, gaps []Span) {
	var near []Segment
	for _, s := range have {
		if s.Source == want.Source && s.Table == want.Table && s.Account == want.Account && overlap(s.Days, want.Days) {
			near = append(near, s)
		}
	}
	slices.SortFunc(near, newestFirst)
	wide := make([]bool, len(near))
	for i, s := range near {
		wide[i] = superset(s.Columns, want.Columns)
	}

	// The days run backwards, so a segment comes in with its last day and goes
	// with its first; at holds those of the day, the newest fetched first.
	coming := make([]int, len(near))
	for i := range coming {
		coming[i] = i
	}
	slices.SortFunc(coming, func(a, b int) int { return cmp.Compare(near[b].Days.To, near[a].Days.To) })
	var at []int

	const none = -1
	last := none - 1 // what answered the cell before: a segment, none in a gap
	var held []int   // segments that hold a cell of the open gap
	closeGap := func() {
		slices.Sort(held)
		for _, i := range slices.Compact(held) {
			g := &gaps[len(gaps)-1]
			g.Columns = sorted(append(g.Columns, near[i].Columns...))
		}
		held = held[:0]
	}
	for day := range cells(want.Days) {
		for len(coming) > 0 && near[coming[0]].Days.To >= day {
			i, _ := slices.BinarySearch(at, coming[0])
			at = slices.Insert(at, i, coming[0])
			coming = coming[1:]
		}
		at = slices.DeleteFunc(at, func(i int) bool { return near[i].Days.From > day })
		by := none
		for _, i := range at {
			if wide[i] && good(near[i], day) {
				by = i
				break
			}
		}
		days := tables.Days{From: day, To: day}
		switch {
		case by == last && by == none:
			gaps[len(gaps)-1].Days.From = day
		case by == last:
			use[len(use)-1].Days.From = day
		case by == none:
			g := want
			g.Days, g.Columns = days, sorted(slices.Clone(want.Columns))
			gaps = append(gaps, g)
		default:
			closeGap()
			use = append(use, Use{Segment: near[by], Days: days})
		}
		if by == none {
			held = append(held, at...)
		}
		last = by
	}
	closeGap()
	return use, gaps
}

// superseded gives the ids of segments of which every cell and column is in
// newer ones that overlap by. What is newer is at least as good: no freshness
// prefers the older of two reads.
func superseded(have []Segment, by Segment) (ids []string) {
	all := append(slices.Clone(have), by)
	slices.SortFunc(all, newestFirst)
	for i, old := range all {
		if old.ID == by.ID || !sameTable(old.Span, by.Span) || !overlap(old.Days, by.Days) {
			continue
		}
		whole := true
		for day := range cells(old.Days) {
			whole = slices.ContainsFunc(all[:i], func(s Segment) bool {
				return sameTable(s.Span, old.Span) && holds(s.Days, day) && superset(s.Columns, old.Columns)
			})
			if !whole {
				break
			}
		}
		if whole {
			ids = append(ids, old.ID)
		}
	}
	return ids
}

// newestFirst orders by the time of the fetch, then by id, so that the choice
// between two segments never depends on the order they are listed in.
func newestFirst(a, b Segment) int {
	return cmp.Or(b.FetchedAt.Compare(a.FetchedAt), cmp.Compare(b.ID, a.ID))
}

func sameTable(a, b Span) bool {
	return a.Source == b.Source && a.Table == b.Table && a.Account == b.Account
}

// cells gives the days of a range from the newest to the oldest; the one cell
// of a table without days is "".
func cells(d tables.Days) func(yield func(tables.Day) bool) {
	return func(yield func(tables.Day) bool) {
		if d.IsZero() {
			yield("")
			return
		}
		for n, day := d.Len(), d.To; n > 0; n, day = n-1, day.Add(-1) {
			if !yield(day) {
				return
			}
		}
	}
}

// count is the number of cells.
func count(d tables.Days) int64 {
	if d.IsZero() {
		return 1
	}
	return int64(d.Len())
}

func holds(d tables.Days, day tables.Day) bool {
	return d.IsZero() == (day == "") && d.Contains(day)
}

func overlap(a, b tables.Days) bool {
	if a.IsZero() || b.IsZero() {
		return a.IsZero() && b.IsZero()
	}
	_, ok := a.Intersect(b)
	return ok
}

// superset says whether the sorted names in wide hold all of narrow.
func superset(wide, narrow []string) bool {
	for _, n := range narrow {
		if _, ok := slices.BinarySearch(wide, n); !ok {
			return false
		}
	}
	return true
}

// sorted sorts names in place and drops doubles.
func sorted(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}
