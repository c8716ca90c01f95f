package cache_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"argo/cache"
	"argo/tables"
	"argo/tables/fault"
)

// What is predicted is what is asked, whatever is cached, expired, remembered
// as failing or fetched by somebody else.
func TestPredictedIsActual(t *testing.T) {
	for seed := range uint64(6) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 4))
			options := func(o *cache.Options, t *tables.Table) {
				t.MaxDays = []int{0, 1, 7}[seed%3]
				t.Incompatible = func(columns []string) error {
					if slices.Contains(columns, "a") && slices.Contains(columns, "b") {
						return errors.New("a and b do not go together")
					}
					return nil
				}
			}
			one := setup(t, options)
			two := one.other(options)
			bad := false
			one.fail = func(s tables.Scan) error {
				if bad {
					return fault.New(fault.Unavailable, "down")
				}
				return nil
			}
			one.before = func(_ context.Context, s tables.Scan) { pass(time.Duration(200+s.Days.Len()*10) * time.Millisecond) }
			if _, err := one.table.Accounts(context.Background()); err != nil {
				t.Fatal(err)
			}
			calls := 0
			for i := range 200 {
				if i%3 == 0 {
					pass(time.Duration(r.IntN(3*3600)) * time.Second)
				}
				bad = r.IntN(12) == 0
				p := []*fixture{one, two}[r.IntN(2)]
				to := tables.DayOf(now().Add(-9 * time.Hour)).Add(-r.IntN(20))
				s := query(fmt.Sprint(1+r.IntN(2)), tables.Days{From: to.Add(-r.IntN(40)), To: to},
					[][]string{{"cost"}, {"a"}, {"cost", "b"}, {"_fetched_at", "_finality"}}[r.IntN(4)]...)
				s.Renew = r.IntN(15) == 0
				if r.IntN(6) == 0 {
					s.MaxAge = time.Minute
				}
				one.mu.Lock()
				one.calls = nil
				one.mu.Unlock()
				ctx := tables.WithPurpose(context.Background(), tables.Backfilling) // renews nothing else
				est, err := p.table.Estimate(ctx, s)
				if err != nil {
					t.Fatal(err)
				}
				if len(one.calls) > 0 {
					t.Fatalf("an estimate has asked %q", one.calls)
				}
				trace := &tables.Trace{}
				_, release, err := p.table.Files(tables.WithTrace(ctx, trace), s)
				if err == nil {
					release()
					if cost := trace.Cost(); !bad && (cost.CellsCached != est.Cached || cost.CellsCached+cost.CellsMissed != est.Cells) {
						t.Errorf("query %d: %d of %d cells cached, not %d", i, cost.CellsCached, cost.CellsCached+cost.CellsMissed, est.Cached)
					}
				} else if !bad && !fault.Is(err, fault.Unavailable) {
					t.Fatal(err)
				}
				synctest.Wait()
				one.mu.Lock()
				asked := slices.Clone(one.calls)
				one.mu.Unlock()
				if got := len(asked); got != est.Calls && !(bad && got < est.Calls) || !est.Exact {
					t.Errorf("query %d: %d calls, not %d: %+v\n%q", i, got, est.Calls, s, asked)
				}
				calls += est.Calls
			}
			if calls < 20 {
				t.Errorf("only %d calls", calls)
			}
		})
	}
}

func TestEstimate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := setup(t, func(_ *cache.Options, t *tables.Table) {
			t.MaxDays = 7
			t.Calls = func(s tables.Scan) (int, bool) { return 1 + s.Days.Len()/3, s.Days.Len() < 5 }
		})
		ctx := context.Background()
		f.before = func(_ context.Context, s tables.Scan) { pass(time.Second) }
		f.must(query("1", days("11-01", "11-07"), "cost"))
		est, err := f.table.Estimate(ctx, query("1", days("11-01", "11-14"), "cost"))
		if err != nil || est.Calls != 3 || est.Exact || est.Cells != 14 || est.Cached != 7 || est.Rows != 6+6 || est.Elapsed < 500*time.Millisecond {
			t.Errorf("%+v, %v", est, err)
		}
		if est, err = f.table.Estimate(ctx, query("1", days("11-08", "11-10"), "cost")); err != nil || est.Calls != 2 || !est.Exact {
			t.Errorf("%+v, %v", est, err)
		}

		// What is being fetched is not counted twice.
		go func() { _, _ = f.ask(query("1", days("10-01", "10-04"), "cost")) }()
		pass(time.Millisecond)
		if est, err = f.table.Estimate(ctx, query("1", days("10-01", "10-04"), "cost")); err != nil || est.Calls != 0 || est.Cached != 4 || len(est.Why) != 1 {
			t.Errorf("%+v, %v", est, err)
		}
		if est, err = f.other(func(_ *cache.Options, t *tables.Table) {}).table.Estimate(ctx, query("1", days("10-01", "10-04"), "cost")); err != nil || est.Calls != 0 {
			t.Errorf("in another process %+v, %v", est, err)
		}
		pass(time.Minute)

		// The list of accounts too.
		if list, calls, err := f.table.Roster(ctx); err != nil || calls != 0 || len(list) != 2 {
			t.Errorf("%v, %d, %v", list, calls, err)
		}
	})
}
