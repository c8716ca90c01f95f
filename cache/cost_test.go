package cache

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"argo/tables"
)

// law is what a source really costs.
type law struct{ call, cell, kilo float64 } // ms

func (l law) fetch(cells, rows int64, columns int) Fetched {
	return Fetched{Cells: cells, Rows: rows, Columns: columns, Bytes: 4 * rows * int64(columns),
		Elapsed: millis(l.call + l.cell*float64(cells) + l.kilo*float64(rows)*float64(columns)/1000)}
}

func measured(l law, n int, r *rand.Rand) (c Costs) {
	for range n {
		cells := int64(1 + r.IntN(60))
		c = c.With(l.fetch(cells, cells*int64(20+r.IntN(5)), 3+r.IntN(20)))
	}
	return c
}

// near allows for the shrinking of shares that cannot be told apart.
func near(got time.Duration, ms float64) bool {
	return math.Abs(float64(got)/1e6-ms) <= 0.05*ms+1
}

func TestCostsAreFound(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for _, l := range []law{{400, 0, 0}, {400, 10, 0}, {400, 0, 5}, {100, 20, 8}, {0, 5, 0}, {2000, 1, 0.5}} {
		c := measured(l, 200, r)
		if !near(c.PerCall(), l.call) || !near(c.PerCell(), l.cell) || !near(c.PerKiloValue(), l.kilo) {
			t.Errorf("%+v was measured as %v, %v, %v", l, c.PerCall(), c.PerCell(), c.PerKiloValue())
		}
		if rows := c.RowsOf(100); rows < 1900 || rows > 2600 {
			t.Errorf("%d rows", rows)
		}
		if bytes := c.BytesOf(100, 10); bytes < 70_000 || bytes > 110_000 {
			t.Errorf("%d bytes", bytes)
		}
	}
}

func TestCostsOfFewMeasurements(t *testing.T) {
	var c Costs
	if c.Known() || c.Time(3, 100, 9) != 0 || c.RowsOf(5) != -1 || c.BytesOf(5, 5) != 0 {
		t.Errorf("nothing was measured: %+v", c)
	}
	for n := range 5 { // all alike: nothing says that the size matters
		c = c.With(law{call: 300}.fetch(7, 140, 9))
		if !c.Known() || !near(c.PerCall(), 300) || !near(c.Time(2, 700, 20), 600) {
			t.Errorf("after %d: %v, %v", n, c.PerCall(), c.Time(2, 700, 20))
		}
	}
	before := c.PerCall()
	if c = c.With(Fetched{Cells: 7, Rows: 140, Columns: 9, Elapsed: time.Hour}); c.PerCall() > 3*before { // it waited for its budget
		t.Errorf("one slow call made all of them %v", c.PerCall())
	}
	var zero Costs // simulated: no time passes
	for range 3 {
		zero = zero.With(Fetched{Cells: 3})
	}
	if zero.Time(1, 10, 10) != 0 || zero.RowsOf(10) != 0 {
		t.Errorf("%v, %d", zero.Time(1, 10, 10), zero.RowsOf(10))
	}
}

// Chance is not taken for a cost of the size.
func TestCostsOfNoise(t *testing.T) {
	narrow, off := 0, 0
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 4))
		var c Costs
		for n := range 60 {
			cells := int64(1 + r.IntN(9))
			c = c.With(Fetched{Cells: cells, Rows: 2 * cells, Columns: 4 + r.IntN(2), Elapsed: time.Duration(r.IntN(4000)) * time.Millisecond})
			if columns, _ := Widen(wide(12), []string{"c00", "c01"}, nil, 9, c); len(columns) < 12 {
				narrow++
			}
			if took := c.Time(1, 1, 5); n > 20 && (took < 500*time.Millisecond || took > 4*time.Second) {
				off++
			}
		}
	}
	if narrow > 0 || off > 10 {
		t.Errorf("of 18,000: %d times a handful of values seemed dear, %d times a call cheap", narrow, off)
	}
}

// Whatever is measured, a cost is never negative or infinite and grows with
// what is fetched.
func FuzzCosts(f *testing.F) {
	for s := range uint64(50) {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 9))
		var c, twin Costs
		for range r.IntN(30) {
			f := Fetched{Cells: int64(r.IntN(400)), Rows: r.Int64N(1 << r.IntN(40)), Columns: 1 + r.IntN(90),
				Bytes: r.Int64N(1 << 30), Elapsed: time.Duration(r.Int64N(1 << r.IntN(45)))}
			c, twin = c.With(f), twin.With(f)
			cells, columns := r.Int64N(1000), r.IntN(100)
			if c != twin {
				t.Fatal("the same measurements gave two costs")
			}
			for _, d := range []time.Duration{c.PerCall(), c.PerCell(), c.PerKiloValue(), c.Time(1, cells, columns)} {
				if d < 0 {
					t.Fatalf("%v of %+v", d, c)
				}
			}
			if c.Time(1, cells, columns) > c.Time(1, cells+5, columns+5) || c.Time(1, cells, columns) > c.Time(2, cells, columns) {
				t.Fatalf("less costs more: %+v", c)
			}
		}
	})
}

func wide(n int) tables.Table {
	t := tables.Table{Name: "perf", Account: "account", Day: "date"}
	for i := range n {
		t.Columns = append(t.Columns, tables.Column{Name: fmt.Sprintf("c%02d", i)})
	}
	return t
}

func TestWiden(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 9))
	quick, slow, heavy := measured(law{400, 1, 0.1}, 50, r), measured(law{400, 1, 400}, 50, r), measured(law{10, 1, 900}, 50, r)
	want := []string{"c00", "c01"}
	for _, c := range []struct {
		name    string
		columns int
		held    []string
		cells   int64
		costs   Costs
		get     int
		why     string
	}{
		{"unknown", 12, nil, 30, Costs{}, 12, "all 12 columns that can be had together taken: it is the first fetch of perf, and another column later costs a call"},
		{"cheap", 12, nil, 30, quick, 12, "10 more columns taken along: that takes less than 1 ms, a call for it later about 400 ms"},
		{"nothing more", 2, nil, 30, quick, 2, ""},
		{"dear", 60, nil, 30, slow, 2, "58 other columns left out: that would take about 15 s, a call for it later about 400 ms"},
		{"dear but few cells", 12, nil, 1, slow, 12, "10 more columns taken along"},
		{"held", 60, []string{"c00", "c07", "c08", "gone"}, 30, slow, 4, "2 columns that the cache holds of these days renewed with the wanted ones, about 5"},
		{"held and very dear", 60, []string{"c07", "c08", "c09", "c10", "c11"}, 600, heavy, 2, "5 columns that the cache holds of these days not renewed: that would take about 5"},
	} {
		held := slices.Clone(c.held)
		got, why := Widen(wide(c.columns), want, c.held, c.cells, c.costs)
		if len(got) != c.get || !superset(got, want) || !strings.HasPrefix(why, c.why) || (c.why == "") != (why == "") || !slices.Equal(held, c.held) {
			t.Errorf("%s: %d columns, %q", c.name, len(got), why)
		}
	}
}

// What is fetched holds what is wanted, can be had together, and is of the
// table.
func FuzzWiden(f *testing.F) {
	for s := range uint64(100) {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 1))
		table := wide(2 + r.IntN(14))
		bad := map[[2]int]bool{} // pairs that exclude each other
		for range r.IntN(6) {
			bad[[2]int{r.IntN(16), r.IntN(16)}] = true
		}
		table.Incompatible = func(columns []string) error {
			for pair := range bad {
				if a, b := fmt.Sprintf("c%02d", pair[0]), fmt.Sprintf("c%02d", pair[1]); a != b && slices.Contains(columns, a) && slices.Contains(columns, b) {
					return errors.New("not together")
				}
			}
			return nil
		}
		some := func() (out []string) {
			for range r.IntN(5) {
				out = append(out, fmt.Sprintf("c%02d", r.IntN(16)))
			}
			return sorted(out)
		}
		want := slices.DeleteFunc(some(), func(c string) bool { return table.Lookup(c) == nil })
		if len(want) == 0 || !together(table, want) {
			return
		}
		held, costs := some(), measured(law{float64(r.IntN(500)), r.Float64() * 10, r.Float64() * 100}, r.IntN(9), r)
		got, why := Widen(table, want, held, int64(1+r.IntN(90)), costs)
		again, _ := Widen(table, want, held, int64(1+r.IntN(90)), Costs{})
		if !superset(got, want) || !together(table, got) || !slices.IsSorted(got) || !superset(again, got) && together(table, sorted(append(slices.Clone(again), got...))) {
			t.Fatalf("want %q, held %q: got %q (all: %q)", want, held, got, again)
		}
		for _, c := range got {
			if table.Lookup(c) == nil {
				t.Fatalf("%s is no column", c)
			}
		}
		if why == "" && len(again) > len(want) {
			t.Fatal("no reason is given")
		}
	})
}

func TestBridge(t *testing.T) {
	c := measured(law{400, 20, 0}, 50, rand.New(rand.NewPCG(3, 3)))
	day := func(from, to tables.Day) tables.Days {
		return tables.Days{From: "2026-11-" + from, To: "2026-11-" + to}
	}
	young := func(d tables.Day) bool { return d >= "2026-11-10" }
	for _, k := range []struct {
		name    string
		gaps    []tables.Days
		maxDays int
		costs   Costs
		want    []tables.Days
		why     string
	}{
		{"none", nil, 0, c, nil, ""},
		{"near", []tables.Days{day("20", "21"), day("15", "16")}, 0, c, []tables.Days{day("15", "21")}, "3 days between fetched again, about"},
		{"settled", []tables.Days{day("20", "21"), day("05", "06")}, 0, c, []tables.Days{day("20", "21"), day("05", "06")}, ""},
		{"of three", []tables.Days{day("20", "21"), day("15", "16"), day("05", "06")}, 0, c, []tables.Days{day("15", "21"), day("05", "06")}, "3 days"},
		{"far", []tables.Days{day("30", "30"), day("10", "10")}, 0, measured(law{300, 20, 0}, 50, rand.New(rand.NewPCG(3, 3))), []tables.Days{day("30", "30"), day("10", "10")}, ""},
		{"no call is saved", []tables.Days{day("20", "26"), day("11", "17")}, 7, c, []tables.Days{day("20", "26"), day("11", "17")}, ""},
		{"one of three calls is saved", []tables.Days{day("20", "28"), day("11", "17")}, 9, c, []tables.Days{day("20", "28"), day("11", "17")}, ""},
		{"unknown", []tables.Days{day("20", "21"), day("15", "16")}, 0, Costs{}, []tables.Days{day("20", "21"), day("15", "16")}, ""},
	} {
		got, why := Bridge(k.gaps, 5, k.maxDays, k.costs, young)
		if !slices.Equal(got, k.want) || !strings.HasPrefix(why, k.why) || (why == "") != (k.why == "") {
			t.Errorf("%s: %v, %q", k.name, got, why)
		}
	}
}

// Bridges hold every gap, nothing that may not be fetched again, and never cost
// a call more.
func FuzzBridge(f *testing.F) {
	for s := range uint64(100) {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 2))
		var gaps []tables.Days
		state := map[tables.Day]int{} // 1: gap, 2: may be fetched again
		for to, d := tables.Day("2026-11-22"), 0; d < 60; {
			n := 1 + r.IntN(6)
			g := tables.Days{From: to.Add(-d - n + 1), To: to.Add(-d)}
			gaps = append(gaps, g)
			for day := range cells(g) {
				state[day] = 1
			}
			d += n
			for range 1 + r.IntN(6) {
				state[to.Add(-d)] = 2 * r.IntN(2)
				d++
			}
		}
		maxDays := r.IntN(12)
		costs := measured(law{float64(r.IntN(900)), r.Float64() * 90, r.Float64() * 9}, 1+r.IntN(20), r)
		got, _ := Bridge(gaps, 1+r.IntN(9), maxDays, costs, func(d tables.Day) bool { return state[d] == 2 })
		calls := func(all []tables.Days) (n int) {
			for _, d := range all {
				n += len(d.Chunks(maxDays))
			}
			return n
		}
		seen := map[tables.Day]bool{}
		last := tables.Day("9")
		for _, g := range got {
			for day := range cells(g) {
				if day >= last || state[day] == 0 {
					t.Fatalf("%s is out of order or may not be fetched: %v of %v", day, got, gaps)
				}
				last, seen[day] = day, true
			}
		}
		for day, s := range state {
			if s == 1 && !seen[day] {
				t.Fatalf("the gap at %s is lost: %v of %v", day, got, gaps)
			}
		}
		if saved := calls(gaps) - calls(got); saved < 0 || saved < len(gaps)-len(got) && maxDays == 0 {
			t.Fatalf("%d calls became %d", calls(gaps), calls(got))
		}
	})
}

// fakeCosts is an index that only keeps costs.
type fakeCosts struct {
	Index
	blob  []byte
	saves int
	err   error
}

func (x *fakeCosts) Costs(context.Context, string, string) ([]byte, error) { return x.blob, x.err }

func (x *fakeCosts) SaveCosts(_ context.Context, _, _ string, blob []byte) error {
	x.blob, x.saves = blob, x.saves+1
	return x.err
}

func TestMeter(t *testing.T) {
	ctx := context.Background()
	index, clock, warned := &fakeCosts{}, epoch0, 0
	open := func() *meter {
		return &meter{index: index, now: func() time.Time { return clock }, warn: func(context.Context, string, ...any) { warned++ }}
	}
	m := open()
	for range 100 {
		m.Add(ctx, "ads", "perf", law{call: 300}.fetch(1, 20, 5))
	}
	if index.saves != 8 {
		t.Errorf("saved %d times", index.saves)
	}
	clock = clock.Add(saveAfter)
	m.Add(ctx, "ads", "perf", law{call: 300}.fetch(1, 20, 5))
	if got := open().Costs(ctx, "ads", "perf"); got != m.Costs(ctx, "ads", "perf") || !near(got.PerCall(), 300) || index.saves != 9 {
		t.Errorf("a restart knows %+v", got)
	}
	index.blob = []byte("{")
	if got := open().Costs(ctx, "ads", "perf"); got.Known() || warned != 1 {
		t.Errorf("a damaged blob gave %+v", got)
	}
	index.err = errors.New("disk")
	m = open()
	m.Add(ctx, "ads", "perf", law{call: 300}.fetch(1, 20, 5))
	if got := m.Costs(ctx, "ads", "perf"); !got.Known() || warned != 3 {
		t.Errorf("an index that fails gave %+v, %d warnings", got, warned)
	}
}
