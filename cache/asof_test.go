package cache_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"argo/cache"
	"argo/tables"
	"argo/tables/fault"
)

// answered is what a scan gave: the rows in the order of the files, and the
// moment as of which it gives the same again.
func (f *fixture) answered(s tables.Scan) (rows []string, at time.Time, err error) {
	trace := &tables.Trace{}
	files, release, err := f.table.Files(tables.WithTrace(context.Background(), trace), s)
	if err != nil {
		return nil, at, err
	}
	defer release()
	for _, file := range files {
		got, err := f.store.Rows(file.Path, append([]string{"date"}, s.Columns...))
		if err != nil {
			return nil, at, err
		}
		for _, r := range got {
			if d := r[0].(tables.Day); file.Day != "" && !file.Days.Contains(d) {
				continue
			}
			rows = append(rows, fmt.Sprint(r...))
		}
	}
	for _, w := range trace.Warnings() {
		if fault.Is(w, fault.Gap) {
			return rows, trace.Cost().Known, w
		}
	}
	return rows, trace.Cost().Known, nil
}

func TestAsOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := setup(t, nil)
		s := query("1", days("11-17", "11-22"), "cost")
		type extract struct {
			at   time.Time
			rows []string
		}
		var extracts []extract
		for v := range int64(5) {
			f.version("1", v+1)
			rows, at, err := f.answered(s)
			if err != nil || at.IsZero() {
				t.Fatal(at, err)
			}
			extracts = append(extracts, extract{at, rows})
			pass(7 * time.Hour)
			if v == 2 {
				if err := f.cache.Forget(context.Background(), "ads", "perf", "1"); err != nil {
					t.Fatal(err)
				}
				pass(time.Second)
			}
		}
		f.calls = nil
		for i, e := range extracts {
			then := s
			then.AsOf = e.at
			rows, at, err := f.answered(then)
			if err != nil || !slices.Equal(rows, e.rows) || !at.Equal(e.at) {
				t.Errorf("extract %d: %q as of %s is %q of %s: %v", i, e.rows, e.at, rows, at, err)
			}
		}
		then := s
		then.AsOf = extracts[0].at.Add(-time.Microsecond)
		if _, _, err := f.answered(then); !fault.Is(err, fault.Gap) {
			t.Errorf("before anything was known: %v", err)
		}
		then.AsOf, then.Days = extracts[0].at, days("11-10", "11-22")
		if rows, _, err := f.answered(then); !fault.Is(err, fault.Gap) || len(rows) != 6 || !strings.Contains(err.Error(), "2026-11-10 to 2026-11-16 (7 days)") {
			t.Errorf("some days were known: %q, %v", rows, err)
		}
		then.Strict = true
		if rows, _, err := f.answered(then); !fault.Is(err, fault.Gap) || rows != nil {
			t.Errorf("strict: %q, %v", rows, err)
		}
		f.asked(t)
		if est, err := f.table.Estimate(context.Background(), then); err != nil || est.Calls != 0 || !est.Exact {
			t.Errorf("%+v, %v", est, err)
		}

		// What was given up is not answered by something else.
		f.start(func(o *cache.Options, _ *tables.Table) { o.History.Keep = 10 * time.Hour })
		then.AsOf, then.Days = extracts[0].at, s.Days
		if _, _, err := f.answered(then); !fault.Is(err, fault.NotFound) || !strings.Contains(err.Error(), "it is kept from 2026-11-2") {
			t.Errorf("given up: %v", err)
		}
		last := extracts[len(extracts)-1]
		then.AsOf = last.at
		if rows, _, err := f.answered(then); err != nil || !slices.Equal(rows, last.rows) {
			t.Errorf("the last: %q, %v", rows, err)
		}
		f.asked(t)
	})
}

// FuzzAsOf: whatever is asked, restated, forgotten, refreshed by hand, evicted,
// compacted and restarted, in one process or two, AS OF the moment of an earlier
// answer gives that answer, in the order it had unless its cells were sorted
// since, or is an error.
func FuzzAsOf(f *testing.F) {
	for seed := range uint64(12) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 9))
			options := func(o *cache.Options, t *tables.Table) {
				t.MaxDays = []int{0, 3, 9}[seed%3]
				t.Groups = map[string]tables.Freshness{"slow": {Steps: []tables.Step{{Within: 9, Keep: 5 * time.Hour}}}}
				t.Columns[t4(t, "a")].Group = "slow"
				if seed%2 == 1 {
					t.Incompatible = func(columns []string) error {
						if slices.Contains(columns, "a") && slices.Contains(columns, "b") {
							return errors.New("a and b do not go together")
						}
						return nil
					}
				}
				if seed%4 > 1 {
					o.MaxBytes = 6000
				}
			}
			one := setup(t, options)
			all := []*fixture{one, one.other(options)}
			var mu sync.Mutex
			slow := rand.New(rand.NewPCG(seed, 11))
			one.before = func(context.Context, tables.Scan) {
				mu.Lock()
				d := time.Duration(slow.IntN(3000)) * time.Millisecond
				mu.Unlock()
				pass(d)
			}
			type extract struct {
				scan tables.Scan
				rows []string
				at   time.Time
			}
			var extracts []extract
			compacted := false
			lost, held := 0, 0
			check := func(n int) {
				for range n {
					if len(extracts) == 0 {
						return
					}
					e := extracts[r.IntN(len(extracts))]
					s := e.scan
					s.AsOf, s.Renew, s.MaxAge = e.at, false, 0
					rows, _, err := all[r.IntN(2)].answered(s)
					if err != nil {
						if !fault.Is(err, fault.NotFound) || seed%4 <= 1 {
							t.Fatalf("%+v as of %s: %v", e.scan, e.at, err)
						}
						lost++
						continue
					}
					held++
					want := slices.Clone(e.rows)
					if compacted {
						slices.Sort(rows)
						slices.Sort(want)
					}
					if !slices.Equal(rows, want) {
						t.Fatalf("%v %q as of %s was\n%q\nand is\n%q", e.scan.Days, e.scan.Columns, e.at, want, rows)
					}
				}
			}
			for range 60 {
				pass(time.Duration(r.IntN(6*3600)) * time.Second)
				if r.IntN(5) == 0 {
					pass(time.Duration(r.IntN(20)) * 24 * time.Hour)
				}
				p := all[r.IntN(2)]
				one.mu.Lock()
				one.versions["1"]++
				one.mu.Unlock()
				switch r.IntN(12) {
				case 0:
					if err := p.cache.Forget(context.Background(), "ads", "perf", "1"); err != nil {
						t.Fatal(err)
					}
					continue
				case 1:
					if _, err := p.cache.Compact(context.Background(), "", "", ""); err != nil {
						t.Fatal(err)
					}
					compacted = true
					continue
				case 2:
					if err := p.cache.Sweep(context.Background()); err != nil {
						t.Fatal(err)
					}
					continue
				case 3:
					p.start(options)
					continue
				}
				to := tables.DayOf(now().Add(9 * time.Hour)).Add(-r.IntN(12))
				s := query("1", tables.Days{From: to.Add(-r.IntN(10)), To: to}, [][]string{{"cost"}, {"cost", "a"}, {"cost", "b"}}[r.IntN(3)]...)
				s.Renew = r.IntN(8) == 0
				if r.IntN(6) == 0 {
					s.MaxAge = time.Minute
				}
				rows, at, err := p.answered(s)
				if err != nil {
					t.Fatal(err)
				}
				extracts = append(extracts, extract{s, rows, at})
				synctest.Wait()
				check(3)
			}
			pass(time.Hour)
			check(len(extracts))
			if held == 0 {
				t.Errorf("no extract is held, %d were lost", lost)
			}
			for _, p := range all {
				p.cache.Close()
			}
		})
	})
}

// The same while many ask at once: what a scan gives is what was known at one
// moment.
func TestAsOfAtOnce(t *testing.T) {
	for seed := range uint64(4) {
		synctest.Test(t, func(t *testing.T) {
			options := func(o *cache.Options, t *tables.Table) {
				t.MaxDays = 4
				t.Fresh = tables.Freshness{Steps: []tables.Step{{Within: 400, Keep: 20 * time.Second}}}
				if seed%2 == 1 {
					o.MaxBytes = 8000
				}
			}
			one := setup(t, options)
			all := []*fixture{one, one.other(options)}
			var mu sync.Mutex
			r := rand.New(rand.NewPCG(seed, 10))
			pick := func(n int) int { mu.Lock(); defer mu.Unlock(); return r.IntN(n) }
			one.before = func(context.Context, tables.Scan) {
				pass(time.Duration(pick(3000)) * time.Millisecond)
				one.mu.Lock()
				one.versions["1"]++
				one.mu.Unlock()
			}
			type extract struct {
				scan tables.Scan
				rows []string
				at   time.Time
			}
			var extracts []extract
			var wg sync.WaitGroup
			for range 10 {
				wg.Go(func() {
					for range 60 {
						pass(time.Duration(pick(4000)) * time.Millisecond)
						from := tables.Day("2026-11-01").Add(pick(12))
						s := query("1", tables.Days{From: from, To: from.Add(pick(8))}, "cost")
						s.Renew = pick(10) == 0
						rows, at, err := all[pick(2)].answered(s)
						if err != nil {
							t.Error(err)
							return
						}
						mu.Lock()
						extracts = append(extracts, extract{s, rows, at})
						mu.Unlock()
					}
				})
			}
			wg.Wait()
			lost := 0
			for _, e := range extracts {
				s := e.scan
				s.AsOf, s.Renew = e.at, false
				rows, _, err := all[0].answered(s)
				switch {
				case fault.Is(err, fault.NotFound) && seed%2 == 1:
					lost++
				case err != nil || !slices.Equal(rows, e.rows):
					t.Fatalf("%v as of %s was\n%q\nand is\n%q, %v", s.Days, e.at, e.rows, rows, err)
				}
			}
			if lost == len(extracts) {
				t.Error("nothing is left")
			}
			for _, p := range all {
				p.cache.Close()
			}
		})
	}
}
