package cache_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"argo/cache"
	"argo/tables"
	"argo/tables/fault"
)

func TestSingleFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := setup(t, func(o *cache.Options, t *tables.Table) { t.MaxDays, o.Parallel = 7, 3 })
		f.before = func(context.Context, tables.Scan) { pass(time.Second) }
		var wg sync.WaitGroup
		var missed atomic.Int64
		for i := range 50 {
			wg.Go(func() {
				trace := &tables.Trace{}
				s := query(fmt.Sprint(1+i%2), tables.Days{From: tables.Day("2026-09-01").Add(i), To: tables.Day("2026-09-20").Add(i)}, "cost")
				files, release, err := f.table.Files(tables.WithTrace(context.Background(), trace), s)
				if err != nil {
					t.Error(err)
					return
				}
				defer release()
				if got := f.rows(files, "cost"); len(got) != answer(s.Days) {
					t.Errorf("%d rows: %q", len(got), got)
				}
				missed.Add(trace.Cost().CellsMissed)
			})
		}
		wg.Wait()
		cells := 0
		for cell, n := range f.fetched {
			cells++
			if n != 1 {
				t.Errorf("%s was fetched %d times", cell, n)
			}
		}
		if cells != 2*68 || missed.Load() != int64(cells) || f.most != 3 {
			t.Errorf("%d cells, %d missed, %d at once", cells, missed.Load(), f.most)
		}
	})
}

func TestTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := setup(t, func(o *cache.Options, t *tables.Table) { t.MaxDays, o.Parallel = 1, 1 })
		f.before = func(context.Context, tables.Scan) { pass(time.Second) }
		var wg sync.WaitGroup
		wg.Go(func() { f.must(query("1", days("10-01", "10-31"), "cost")) })
		pass(time.Millisecond)
		start := time.Now()
		f.must(query("2", days("11-02", "11-03"), "cost"))
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("two days waited %s behind a month", took)
		}
		wg.Wait()
	})
}

func TestFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := setup(t, func(_ *cache.Options, t *tables.Table) { t.MaxDays = 10 })
		cause := fault.New(fault.Unavailable, "page 2 failed")
		f.fail = func(s tables.Scan) error {
			pass(time.Second)
			if s.Days.From == "2026-11-01" {
				pass(time.Second)
				return cause
			}
			return nil
		}
		var wg sync.WaitGroup
		for i, d := range []tables.Days{days("11-01", "11-20"), days("11-03", "11-04")} {
			wg.Go(func() {
				pass(time.Duration(i) * time.Millisecond)
				if _, err := f.ask(query("1", d, "cost")); !errors.Is(err, cause) {
					t.Errorf("%v: %v", d, err)
				}
			})
		}
		wg.Wait()
		synctest.Wait()
		f.cache.Close()
		for cell := range f.fetched {
			if cell < "1 2026-11-11" {
				t.Errorf("%s was covered by a failed fetch", cell)
			}
		}
		f.fail = nil
		f.calls = nil
		if _, err := f.ask(query("1", days("11-01", "11-10"), "cost")); !fault.Is(err, fault.Unavailable) {
			t.Errorf("asked again at once: %v", err)
		}
		f.asked(t) // the source is left alone
		pass(time.Minute)
		f.must(query("1", days("11-01", "11-10"), "cost"))
		f.asked(t, "1 11-01..11-10 a,account,b,cost,date,id")

		// Every way to fail leaves nothing.
		for name, breakIt := range map[string]func() (mend func()){
			"store":  func() func() { f.store.Fail = only("Write"); return func() { f.store.Fail = nil } },
			"commit": func() func() { f.index.Fail = only("Commit"); return func() { f.index.Fail = nil } },
			"claim":  func() func() { f.index.Fail = only("Board"); return func() { f.index.Fail = nil } },
			"panic": func() func() {
				f.before = func(context.Context, tables.Scan) { panic("index out of range") }
				return func() { f.before = nil }
			},
			"short row": func() func() { f.extra = []tables.Row{{"1"}}; return func() { f.extra = nil } },
			"no day": func() func() {
				f.extra = []tables.Row{{"a", "1", "b", int64(1), nil, int64(1)}}
				return func() { f.extra = nil }
			},
			"no account": func() func() {
				f.extra = []tables.Row{{"a", nil, "b", int64(1), tables.Day("2026-10-03"), int64(1)}}
				return func() { f.extra = nil }
			},
		} {
			mend := breakIt()
			if _, err := f.ask(query("1", days("10-01", "10-10"), "cost")); err == nil {
				t.Errorf("%s: no error", name)
			}
			synctest.Wait()
			mend()
			f.stored(2)
		}
		f.calls = nil
		f.must(query("1", days("10-01", "10-10"), "cost"))
		f.asked(t, "1 10-01..10-10 a,account,b,cost,date,id")
	})
}

func only(method string) func(string) error {
	return func(m string) error {
		if m == method {
			return errors.New(m + " does not work")
		}
		return nil
	}
}

func TestCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := setup(t, nil)
		ended := make(chan error, 1)
		f.before = func(ctx context.Context, _ tables.Scan) {
			select {
			case <-time.After(time.Minute):
			case <-ctx.Done():
				ended <- ctx.Err()
			}
		}
		s := query("1", days("11-01", "11-04"), "cost")
		first, cancel := context.WithCancel(context.Background())
		second, cancel2 := context.WithCancel(context.Background())
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, _, err := f.table.Files(first, s); !errors.Is(err, context.Canceled) {
				t.Errorf("the first: %v", err)
			}
		})
		pass(time.Second)
		wg.Go(func() {
			if _, _, err := f.table.Files(second, s); !errors.Is(err, context.Canceled) {
				t.Errorf("the second: %v", err)
			}
		})
		pass(time.Second)
		cancel() // the other one still waits
		synctest.Wait()
		if len(ended) != 0 {
			t.Error("the fetch ended with its first waiter")
		}
		cancel2() // now nobody does
		wg.Wait()
		f.cache.Close()
		if len(ended) != 1 {
			t.Error("the fetch goes on for nobody")
		}
		f.stored(0)

		// A scan that ends quietly when it is cancelled covers nothing.
		quiet := f.source.table()
		quiet.Scan = func(ctx context.Context, _ tables.Scan) iter.Seq2[tables.Row, error] {
			return func(func(tables.Row, error) bool) { <-ctx.Done() }
		}
		w := f.cache.Wrap("ads", quiet)
		third, cancel3 := context.WithTimeout(context.Background(), time.Second)
		defer cancel3()
		if _, _, err := w.Files(third, s); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the third: %v", err)
		}
		f.cache.Close()
		f.stored(0)
	})
}

func TestStarterGoesWaiterStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := setup(t, nil)
		f.before = func(context.Context, tables.Scan) { pass(time.Minute) }
		s := query("1", days("11-01", "11-04"), "cost")
		first, cancel := context.WithCancel(context.Background())
		go func() { _, _, _ = f.table.Files(first, s) }()
		pass(time.Second)
		var wg sync.WaitGroup
		wg.Go(func() { f.must(s) })
		pass(time.Second)
		cancel()
		wg.Wait()
		f.asked(t, "1 11-01..11-04 a,account,b,cost,date,id")
		f.stored(1)
	})
}

// TestStorm asks, changes, forgets, fails, cancels, evicts and sweeps at once.
// Every answer has each day once and no row older than the last change before
// it was asked, and in the end every file is known and nothing is pinned.
func TestStorm(t *testing.T) {
	rounds := 400
	if testing.Short() {
		rounds = 80
	}
	for seed := range uint64(4) {
		synctest.Test(t, func(t *testing.T) {
			f := setup(t, func(o *cache.Options, t *tables.Table) {
				o.MaxBytes, o.Parallel, t.MaxDays = 20_000, 4, 9
				t.Fresh = tables.Freshness{Steps: []tables.Step{{Within: 365, Keep: 1000 * time.Hour}}}
			})
			r := rand.New(rand.NewPCG(seed, 1))
			var rmu sync.Mutex
			pick := func(n int) int { rmu.Lock(); defer rmu.Unlock(); return r.IntN(n) }
			f.before = func(ctx context.Context, _ tables.Scan) {
				select {
				case <-time.After(time.Duration(pick(2000)) * time.Millisecond):
				case <-ctx.Done():
				}
			}
			f.fail = func(tables.Scan) error {
				if pick(20) == 0 {
					return fault.New(fault.Unavailable, "a page failed")
				}
				return nil
			}
			told := map[string]*atomic.Int64{"1": {}, "2": {}}
			var wg sync.WaitGroup
			for range 12 {
				wg.Go(func() {
					for range rounds {
						account := fmt.Sprint(1 + pick(2))
						switch pick(12) {
						case 0: // a change
							f.mu.Lock()
							f.versions[account]++
							v := f.versions[account]
							f.mu.Unlock()
							if err := f.cache.Forget(context.Background(), "ads", "perf", account); err != nil {
								t.Error(err)
							}
							for old := told[account].Load(); old < v && !told[account].CompareAndSwap(old, v); old = told[account].Load() {
							}
							continue
						case 1:
							if err := f.cache.Sweep(context.Background()); err != nil {
								t.Error(err)
							}
							continue
						}
						ctx, cancel := context.WithCancel(context.Background())
						if pick(6) == 0 {
							ctx, cancel = context.WithTimeout(ctx, time.Duration(pick(1500))*time.Millisecond)
						}
						from := tables.Day("2026-09-01").Add(pick(60))
						d := tables.Days{From: from, To: from.Add(pick(20))}
						columns := []string{"cost"}
						for _, name := range []string{"a", "b"} {
							if pick(3) == 0 {
								columns = append(columns, name)
							}
						}
						since := told[account].Load()
						files, release, err := f.table.Files(ctx, query(account, d, columns...))
						if err != nil {
							if !fault.Is(err, fault.Unavailable) && ctx.Err() == nil {
								t.Error(err)
							}
							cancel()
							continue
						}
						pass(time.Duration(pick(500)) * time.Millisecond)
						seen := map[tables.Day]int{}
						for _, file := range files {
							rows, err := f.store.Rows(file.Path, append([]string{"date"}, columns...))
							if err != nil {
								t.Error(err)
							}
							for _, row := range rows {
								day := row[0].(tables.Day)
								if file.Day != "" && !file.Days.Contains(day) {
									continue
								}
								seen[day]++
								if row[1].(int64) < since {
									t.Errorf("version %d, %d was told", row[1], since)
								}
								if slices.Contains(row, nil) {
									t.Errorf("a column is missing: %v", row)
								}
							}
						}
						release()
						cancel()
						for day := d.From; day <= d.To; day = day.Add(1) {
							if want := map[bool]int{true: 0, false: 1}[strings.HasSuffix(string(day), "5")]; seen[day] != want {
								t.Errorf("%s stands %d times in the answer", day, seen[day])
							}
							delete(seen, day)
						}
						for day := range maps.Keys(seen) {
							t.Errorf("%s was not asked for", day)
						}
					}
				})
			}
			wg.Wait()
			synctest.Wait()
			f.before, f.fail, f.calls = nil, nil, nil
			pass(time.Minute) // what failed is remembered
			f.must(query("1", days("09-01", "09-30"), "cost"))
			synctest.Wait()
			f.calls = nil
			f.must(query("1", days("09-01", "09-30"), "cost"))
			f.asked(t)
			live := 0
			for _, account := range []string{"1", "2"} {
				have, _ := f.index.Segments(context.Background(), "ads", "perf", account)
				live += len(have)
			}
			f.stored(live)
			if claims, _ := f.index.Claims(context.Background(), "ads", "perf", "1", time.Time{}); len(claims) > 0 {
				t.Errorf("claims are left: %+v", claims)
			}
		})
	}
}
