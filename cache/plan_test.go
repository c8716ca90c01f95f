package cache

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"argo/tables"
)

var epoch0 = time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)

// source of bytes for a fuzzed case; it never ends.
type bytesOf []byte

func (b *bytesOf) n(max int) int {
	if len(*b) == 0 {
		return 0
	}
	v := int((*b)[0]) % max
	*b = (*b)[1:]
	return v
}

func (b *bytesOf) columns() (out []string) {
	bits := b.n(8)
	for i, name := range []string{"a", "b", "c"} {
		if bits&(1<<i) != 0 {
			out = append(out, name)
		}
	}
	return out
}

func (b *bytesOf) span(days bool) Span {
	s := Span{Source: "s", Table: "t", Account: []string{"1", "1", "1", "2"}[b.n(4)], Columns: b.columns()}
	if days {
		from := b.n(12)
		s.Days = tables.Days{From: tables.Day("2026-02-25").Add(from), To: tables.Day("2026-02-25").Add(from + b.n(8))}
	}
	return s
}

// planCase is a wanted span, segments, and the cells for which each is good.
func planCase(data []byte) (want Span, have []Segment, good func(Segment, tables.Day) bool) {
	b := bytesOf(data)
	days := b.n(8) != 0
	want = b.span(days)
	want.Account = "1"
	bad := map[string]int{}
	for i := range b.n(8) {
		s := Segment{ID: fmt.Sprint("seg", i), Span: b.span(days != (b.n(10) == 9)), FetchedAt: epoch0.Add(time.Duration(b.n(4)) * time.Hour)}
		if n := s.Days.Len(); n > 1 && b.n(3) == 0 { // compacted: its parts were read at different times
			cut := s.Days.From.Add(b.n(n - 1))
			s.Parts = []Part{{Days: tables.Days{From: s.Days.From, To: cut}, FetchedAt: s.FetchedAt},
				{Days: tables.Days{From: cut.Add(1), To: s.Days.To}, FetchedAt: s.FetchedAt}}
			s.Parts[b.n(2)].FetchedAt = s.FetchedAt.Add(-time.Duration(b.n(3)) * time.Hour)
		}
		have = append(have, s)
		bad[s.ID] = b.n(256)
	}
	return want, have, func(s Segment, d tables.Day) bool {
		day := 0
		if d != "" {
			day = d.Sub("2026-02-25") % 8
		}
		return bad[s.ID]&(1<<day) == 0
	}
}

// FuzzPlan compares Plan with the same said cell by cell.
func FuzzPlan(f *testing.F) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		seed := make([]byte, 80)
		for i := range seed {
			seed[i] = byte(r.Uint32())
		}
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		want, have, good := planCase(data)
		use, gaps := Plan(want, have, good)
		fail := func(format string, args ...any) {
			t.Helper()
			t.Fatalf("%s\nwant %+v\nhave %+v\nuse %+v\ngaps %+v", fmt.Sprintf(format, args...), want, have, use, gaps)
		}

		// The model: what holds the cell, and which of these answers.
		type cell struct{ use, gap int }
		seen := map[tables.Day]*cell{}
		for day := range cells(want.Days) {
			seen[day] = &cell{-1, -1}
		}
		mark := func(i int, days tables.Days, gap bool) {
			for day := range cells(days) {
				c := seen[day]
				if c == nil || c.use >= 0 || c.gap >= 0 {
					fail("cell %q is outside or answered twice", day)
				}
				if gap {
					c.gap = i
				} else {
					c.use = i
				}
			}
		}
		for i, u := range use {
			mark(i, u.Days, false)
		}
		for i, g := range gaps {
			mark(i, g.Days, true)
		}
		held := make([][]string, len(gaps))
		for day, c := range seen {
			best := ""
			var at time.Time
			var newest Segment
			for _, s := range have {
				if s.Account != "1" || s.Days.IsZero() != (day == "") || day != "" && (day < s.Days.From || day > s.Days.To) {
					continue
				}
				if c.gap >= 0 {
					held[c.gap] = append(held[c.gap], s.Columns...)
				}
				all := true
				for _, name := range want.Columns {
					all = all && slices.Contains(s.Columns, name)
				}
				read := s.FetchedAt
				for _, p := range s.Parts {
					if p.Days.From <= day && day <= p.Days.To {
						read = p.FetchedAt
					}
				}
				if all && (best == "" || read.After(at) || read.Equal(at) && s.ID > best) {
					best, at, newest = s.ID, read, s
				}
			}
			if best != "" && !good(newest, day) {
				best = ""
			}
			switch {
			case best == "" && c.gap < 0:
				fail("cell %q is no gap", day)
			case best != "" && (c.use < 0 || use[c.use].Segment.ID != best):
				fail("cell %q is not answered by %s", day, best)
			}
		}
		for i, g := range gaps {
			columns := append(slices.Clone(want.Columns), held[i]...)
			slices.Sort(columns)
			if !slices.Equal(g.Columns, slices.Compact(columns)) || g.Source != "s" || g.Table != "t" || g.Account != "1" {
				fail("gap %d asks for %q, not %q", i, g.Columns, columns)
			}
			if i > 0 && g.Days.To.Add(1) >= gaps[i-1].Days.From {
				fail("gaps %d and %d are one, or not the newest first", i-1, i)
			}
		}
		for i := 1; i < len(use); i++ {
			a, b := use[i-1], use[i]
			if b.Days.To >= a.Days.From || b.Days.To.Add(1) == a.Days.From && a.Segment.ID == b.Segment.ID {
				fail("uses %d and %d are one, or not the newest first", i-1, i)
			}
		}

		// The order of the segments does not matter.
		slices.Reverse(have)
		if use2, gaps2 := Plan(want, have, good); !reflect.DeepEqual(use, use2) || !reflect.DeepEqual(gaps, gaps2) {
			fail("another order gives %+v, %+v", use2, gaps2)
		}
	})
}

// FuzzSuperseded fills the gaps of a plan and drops what that supersedes: every
// later plan is the same as with everything kept, and what is dropped is all
// that could be.
func FuzzSuperseded(f *testing.F) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		seed := make([]byte, 80)
		for i := range seed {
			seed[i] = byte(r.Uint32())
		}
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		want, have, _ := planCase(data)
		from := epoch0.Add(time.Duration(len(data)%4) * time.Hour)
		fresh := func(s Segment, day tables.Day) bool { return !fetchedAt(s, day).Before(from) } // the newer the better
		_, gaps := Plan(want, have, fresh)
		kept := slices.Clone(have)
		for i, g := range gaps {
			s := Segment{ID: fmt.Sprint("new", i), Span: g, FetchedAt: epoch0.Add(5 * time.Hour)}
			have = append(have, s)
			drop := superseded(kept, s)
			kept = slices.DeleteFunc(append(kept, s), func(s Segment) bool { return slices.Contains(drop, s.ID) })
			if again := superseded(slices.DeleteFunc(slices.Clone(kept), func(k Segment) bool { return k.ID == s.ID }), s); len(again) > 0 {
				t.Fatalf("dropped in two turns: %q, then %q", drop, again)
			}
		}
		if _, gaps := Plan(want, kept, fresh); len(gaps) > 0 {
			t.Fatalf("gaps are left: %+v", gaps)
		}
		for _, columns := range [][]string{nil, {"a"}, {"b"}, {"c"}, {"a", "b"}, {"a", "b", "c"}} {
			w := want
			w.Columns = columns
			if !w.Days.IsZero() {
				w.Days = tables.Days{From: "2026-02-20", To: "2026-03-20"}
			}
			use, gaps := Plan(w, have, fresh)
			use2, gaps2 := Plan(w, kept, fresh)
			if !reflect.DeepEqual(use, use2) || len(gaps) != len(gaps2) {
				t.Fatalf("%q: with all %+v\n%+v\nafter dropping %+v\n%+v", columns, use, gaps, use2, gaps2)
			}
		}
	})
}

func TestPlanOfNothing(t *testing.T) {
	none := func(Segment, tables.Day) bool { return true }
	if use, gaps := Plan(Span{Days: tables.Days{From: "2026-11-02", To: "2026-11-01"}}, nil, none); use != nil || gaps != nil {
		t.Errorf("%v, %v", use, gaps)
	}
	if use, gaps := Plan(Span{Table: "t"}, nil, none); use != nil || len(gaps) != 1 {
		t.Errorf("a table without days: %v, %v", use, gaps)
	}
}

// A year of single days and some stale history, as a dashboard leaves it.
func BenchmarkPlan(b *testing.B) {
	var have []Segment
	for i := range 365 {
		d := tables.Day("2025-11-23").Add(i)
		have = append(have, Segment{ID: fmt.Sprint(i), FetchedAt: epoch0.Add(time.Duration(i) * time.Hour), Span: Span{Table: "t", Days: tables.Days{From: d, To: d}, Columns: []string{"a", "b", "c"}}})
	}
	want := Span{Table: "t", Days: tables.Days{From: "2025-11-23", To: "2026-11-22"}, Columns: []string{"a", "c"}}
	fresh := tables.Freshness{Steps: []tables.Step{{Within: 1, Keep: time.Hour}, {Within: 28, Keep: 6 * time.Hour}}}
	for b.Loop() {
		Plan(want, have, func(s Segment, d tables.Day) bool { return fresh.Good(s.FetchedAt, d, epoch0, 0) })
	}
}
