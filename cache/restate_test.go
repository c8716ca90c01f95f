package cache_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"argo/cache"
	"argo/tables"
)

// restated is what the model says of restatements.
func (a *archive) restated(f cache.Filter) (out []string) {
	readings := slices.Clone(a.readings)
	slices.SortStableFunc(readings, func(x, y reading) int { return x.known.Compare(y.known) })
	finality := func(r reading, day tables.Day) string {
		switch age := tables.DayOf(r.fetched).Sub(day); {
		case age <= 0:
			return "partial_day"
		case age < 6:
			return "provisional"
		}
		return "final"
	}
	for day := tables.DayOf(a.now).Add(-300); day <= tables.DayOf(a.now); day = day.Add(1) {
		if !f.Days.IsZero() && !f.Days.Contains(day) {
			continue
		}
		for _, column := range []string{"cost", "clicks", "sales"} {
			var last *reading
			for i, r := range readings {
				if !r.days.Contains(day) || !slices.Contains(r.columns, column) || last != nil && !r.fetched.After(last.fetched) {
					continue
				}
				if last != nil && !r.known.Before(f.SeenFrom) && (f.SeenBefore.IsZero() || r.known.Before(f.SeenBefore)) {
					old, is := last.rows[day], r.rows[day]
					for id := range max(len(old), len(is)) {
						what, o, n := "changed", any(nil), any(nil)
						if id < len(old) {
							o = old[id]
						} else {
							what = "appeared"
						}
						if id < len(is) {
							n = is[id]
						} else {
							what = "vanished"
						}
						if o != n {
							out = append(out, fmt.Sprintf(`%s {"id": %d} %s %v %v %s %s %s %s`, day, id, column, o, n, what, finality(*last, day), finality(r, day), r.known))
						}
					}
				}
				last = &readings[i]
			}
		}
	}
	slices.Sort(out)
	return out
}

func (a *archive) restatements(f cache.Filter) (out []string) {
	a.Helper()
	var seen time.Time
	for r, err := range a.cache.Restatements(context.Background(), f) {
		if err != nil {
			a.Fatal(err)
		}
		if r.SeenAt.Before(seen) {
			a.Fatal("an older one comes after a newer one")
		}
		seen = r.SeenAt
		out = append(out, fmt.Sprint(r.Day, " ", r.Entity, " ", r.Column, " ", r.Old, " ", r.New, " ", r.Row, " ", r.OldFinality, " ", r.NewFinality, " ", r.SeenAt))
	}
	slices.Sort(out)
	return out
}

// FuzzRestatements: whatever was read of a cell, the differences are those of
// the model, before and after it was compacted.
func FuzzRestatements(f *testing.F) {
	for s := range uint64(20) {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		a := newArchive(t, seed)
		for range 4 + a.r.IntN(16) {
			a.now = a.now.Add(time.Duration(1+a.r.IntN(100)) * time.Hour)
			from := tables.DayOf(a.now).Add(-a.r.IntN(30))
			columns := [][]string{{"cost"}, {"clicks"}, {"cost", "clicks"}, {"cost", "clicks"}, {"cost", "clicks", "sales"}}[a.r.IntN(5)]
			a.fetch(tables.Days{From: from, To: min(from.Add(a.r.IntN(20)), tables.DayOf(a.now))}, time.Duration(a.r.IntN(300))*time.Minute, nil, columns...)
			if a.r.IntN(12) == 0 {
				a.now = a.now.Add(time.Minute)
				a.forget()
			}
		}
		start, total := a.readings[0].known, a.now.Sub(a.readings[0].known)
		day := a.readings[len(a.readings)/2].days
		for _, when := range []string{"before", "after"} {
			for _, f := range []cache.Filter{
				{}, {Days: day}, {Days: tables.Days{From: day.From, To: day.From}},
				{SeenFrom: start.Add(total / 2)}, {SeenBefore: start.Add(total / 2)}, {SeenFrom: start.Add(total / 3), SeenBefore: start.Add(total / 2)},
			} {
				if got, want := a.restatements(f), a.restated(f); !slices.Equal(got, want) {
					i := 0
					for i < min(len(got), len(want)) && got[i] == want[i] {
						i++
					}
					t.Fatalf("%s, %+v: %d, not %d; first %q, not %q", when, f, len(got), len(want), append(got, "")[i], append(want, "")[i])
				}
			}
			a.now = a.now.AddDate(0, 2, 0)
			if _, err := a.cache.Compact(context.Background(), "", "", ""); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestRestatements(t *testing.T) {
	a := newArchive(t, 5)
	ctx := context.Background()
	d := tables.Days{From: "2026-09-01", To: "2026-09-10"}
	a.now = time.Date(2026, 9, 10, 3, 0, 0, 0, time.UTC)
	var first cache.Segment
	for i := range 3 {
		s := a.fetch(d, 0, nil, "cost")
		if i == 0 {
			first = s
		}
		a.now = a.now.Add(time.Hour)
	}
	if got := a.restatements(cache.Filter{Want: func(source, table, account string) bool { return account == "2" }}); len(got) != 0 {
		t.Errorf("%q", got)
	}
	for range a.cache.Restatements(ctx, cache.Filter{}) {
		break
	}
	// The first reading is given up: what changed is seen from the second on.
	if err := a.index.Commit(ctx, cache.Change{Empty: []string{first.ID}}); err != nil {
		t.Fatal(err)
	}
	a.readings = a.readings[1:]
	if got, want := a.restatements(cache.Filter{}), a.restated(cache.Filter{}); len(want) == 0 || !slices.Equal(got, want) {
		t.Errorf("%q\n%q", got, want)
	}
	// A file that has just gone is no error, another one is.
	segments, _ := a.index.Segments(ctx, "ads", "perf", "1")
	slices.SortFunc(segments, func(a, b cache.Segment) int { return cmp.Compare(a.ID, b.ID) })
	if err := a.store.Remove(ctx, segments[0].ID); err != nil {
		t.Fatal(err)
	}
	if got := a.restatements(cache.Filter{}); len(got) != 0 {
		t.Errorf("%q", got)
	}
	for _, method := range []string{"All", "Accounts", "History", "Read"} {
		fail := func(m string) error {
			if m == method {
				return errPulled
			}
			return nil
		}
		a.index.Fail, a.store.Fail = fail, fail
		n, last := 0, error(nil)
		for _, err := range a.cache.Restatements(ctx, cache.Filter{}) {
			n, last = n+1, err
		}
		if n != 1 || !errors.Is(last, errPulled) {
			t.Errorf("%s fails: %v after %d", method, last, n)
		}
	}
}
