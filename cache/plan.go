package cache

import (
	"cmp"
	"slices"
	"time"

	"argo/tables"
)

// Plan says which segments answer the cells of want and which gaps remain.
//
// A segment can answer a cell if it is of want's source, table and account and
// holds the cell and every wanted column. Of several the one that read the cell
// last decides (I2): it answers where good says so, else the cell is a gap, so
// that no answer ever goes back behind one before. Uses and gaps run from the
// newest day to the oldest and are as long as they can be. good is asked once
// for each cell, with the day "" for a table without days.
//
// The columns of a gap are the wanted ones and those of every segment that
// holds one of its cells, good or not.
func Plan(want Span, have []Segment, good func(Segment, tables.Day) bool) (use []Use, gaps []Span) {
	var near []Segment
	for _, s := range have {
		if sameTable(s.Span, want) && overlap(s.Days, want.Days) {
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
		var read time.Time
		for _, i := range at {
			if by != none && near[i].FetchedAt.Before(read) {
				break // and so are its parts
			}
			if !wide[i] {
				continue
			}
			if is := fetchedAt(near[i], day); by == none || cmp.Or(is.Compare(read), cmp.Compare(near[i].ID, near[by].ID)) > 0 {
				by, read = i, is
			}
		}
		if by != none && !good(near[by], day) {
			by = none
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
// ones that read it later and overlap by.
func superseded(have []Segment, by Segment) (ids []string) {
	var near []Segment
	for _, s := range have {
		if sameTable(s.Span, by.Span) {
			near = append(near, s)
		}
	}
	near = append(near, by)
	for _, old := range near {
		if old.ID != by.ID && overlap(old.Days, by.Days) && stoodFor(old, near) {
			ids = append(ids, old.ID)
		}
	}
	return ids
}

// overtakes says that other segments have every cell and column of one that was
// just read, and read them later: then it is of no use to anybody.
func overtakes(have []Segment, s Segment) (by []string) {
	if !stoodFor(s, have) {
		return nil
	}
	for _, o := range have {
		if overlap(o.Days, s.Days) {
			by = append(by, o.ID)
		}
	}
	return by
}

// older gives the segments among have that hold a cell of one of from, read
// before it, and those that hold a cell of these, and so on. Where a segment
// is given up they must go with it: else the older reading would answer again.
func older(have, from []Segment) (out []Segment) {
	taken := map[string]bool{}
	for _, s := range from {
		taken[s.ID] = true
	}
	for queue := slices.Clone(from); len(queue) > 0; queue = queue[1:] {
		for _, s := range have {
			if !taken[s.ID] && overlap(s.Days, queue[0].Days) && readBefore(s, queue[0]) {
				taken[s.ID] = true
				out, queue = append(out, s), append(queue, s)
			}
		}
	}
	return out
}

// readBefore says that one of the cells that both hold was read by a before b.
func readBefore(a, b Segment) bool {
	if a.Parts == nil && b.Parts == nil {
		return newestFirst(b, a) < 0
	}
	for day := range cells(a.Days) {
		if holds(b.Days, day) && newestReading(reading{a, partOf(a, day)}, reading{b, partOf(b, day)}) < 0 {
			return true
		}
	}
	return false
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
