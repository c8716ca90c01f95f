package cache_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"argo/cache"
	"argo/tables"
	"argo/tables/fault"
)

// other is another process on the same index and store, with the same source.
func (f *fixture) other(change func(*cache.Options, *tables.Table)) *fixture {
	o := &fixture{T: f.T, source: f.source, index: f.index, store: f.store}
	o.start(change)
	return o
}

func TestTwoProcesses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		week := func(_ *cache.Options, t *tables.Table) { t.MaxDays = 7 }
		one := setup(t, week)
		two := one.other(week)
		one.before = func(context.Context, tables.Scan) { pass(time.Second) }
		one.roster = func() error { pass(time.Second); return nil }
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				f := []*fixture{one, two}[i%2]
				f.must(query(fmt.Sprint(1+i/2%2), tables.Days{From: tables.Day("2026-09-01").Add(i % 7), To: tables.Day("2026-09-20").Add(i)}, "cost"))
			})
		}
		wg.Wait()
		cells := 0
		for cell, n := range one.fetched {
			if cells++; n != 1 {
				t.Errorf("%s was fetched %d times", cell, n)
			}
		}
		if cells == 0 || one.rosters != 1 {
			t.Errorf("%d cells, the accounts were listed %d times", cells, one.rosters)
		}
		for _, account := range []string{"1", "2"} {
			if claims, _ := one.index.Claims(context.Background(), "ads", "perf", account, time.Time{}); len(claims) > 0 {
				t.Errorf("claims are left: %+v", claims)
			}
		}
	})
}

// A process that has died keeps nobody waiting for longer than its claim lives;
// one that lives keeps them waiting for as long as its fetch takes.
func TestClaims(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := setup(t, nil)
		ctx := context.Background()
		d := days("11-01", "11-04")
		claim := func() {
			f.must(query("2", days("11-01", "11-01"), "cost"))
			f.calls = nil
			err := f.index.Board(ctx, "ads", "perf", "1", now(), func([]cache.Segment, []cache.Claim, int64) []cache.Claim {
				return []cache.Claim{{ID: "01KAN000000000000000000000", Owner: "dead", Until: now().Add(30 * time.Second),
					Span: cache.Span{Source: "ads", Table: "perf", Account: "1", Days: d, Columns: []string{"a", "account", "b", "cost", "date", "id"}}}}
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		claim()
		start := time.Now()
		f.must(query("1", d, "cost"))
		f.asked(t, "1 11-01..11-04 a,account,b,cost,date,id")
		if took := time.Since(start); took < 30*time.Second || took > 33*time.Second {
			t.Errorf("waited %s for a dead process", took)
		}

		// Who cannot wait goes.
		d = days("11-20", "11-22")
		claim()
		short, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		if _, _, err := f.table.Files(short, query("1", d, "cost")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("under a deadline: %v", err)
		}
		if err := f.index.Release(ctx, []string{"01KAN000000000000000000000"}); err != nil {
			t.Fatal(err)
		}

		// A fetch of two minutes is waited for, and made once.
		two := f.other(nil)
		f.before = func(context.Context, tables.Scan) { pass(2 * time.Minute) }
		var wg sync.WaitGroup
		start = time.Now()
		for _, f := range []*fixture{f, two} {
			wg.Go(func() { f.must(query("1", days("10-01", "10-04"), "cost")) })
		}
		wg.Wait()
		if took := time.Since(start); took < 2*time.Minute || took > 2*time.Minute+time.Second {
			t.Errorf("took %s", took)
		}
		f.asked(t, "1 10-01..10-04 a,account,b,cost,date,id")

		// The cells of a fetch that failed elsewhere are tried here.
		f.fail = func(tables.Scan) error { return fault.New(fault.Broken, "half a page") }
		failed := 0
		for _, f := range []*fixture{f, two} {
			wg.Go(func() {
				if _, err := f.ask(query("1", days("09-01", "09-04"), "cost")); fault.Is(err, fault.Broken) {
					f.mu.Lock()
					defer f.mu.Unlock()
					failed++
				}
			})
		}
		wg.Wait()
		f.asked(t, "1 09-01..09-04 a,account,b,cost,date,id", "1 09-01..09-04 a,account,b,cost,date,id")
		if failed != 2 {
			t.Errorf("%d of 2 were told", failed)
		}
	})
}

// A claim that was lost while its fetch went on: what it brings is kept where
// nobody else has brought it.
func TestClaimLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one := setup(t, nil)
		two := one.other(nil)
		ctx := context.Background()
		s := query("1", days("11-01", "11-04"), "cost")
		one.before = func(context.Context, tables.Scan) { pass(time.Minute) }
		var wg sync.WaitGroup
		lose := func() {
			pass(time.Second)
			claims, _ := one.index.Claims(ctx, "ads", "perf", "1", now())
			for _, c := range claims {
				if err := one.index.Release(ctx, []string{c.ID}); err != nil {
					t.Error(err)
				}
			}
		}
		wg.Go(func() { one.must(s) })
		lose()
		wg.Wait()
		one.asked(t, "1 11-01..11-04 a,account,b,cost,date,id")
		one.must(s)
		one.asked(t)

		s = query("2", days("11-01", "11-04"), "cost")
		wg.Go(func() { one.must(s) })
		pass(time.Second)
		claims, _ := one.index.Claims(ctx, "ads", "perf", "2", now())
		if len(claims) != 1 || claims[0].Owner == "" {
			t.Fatalf("claims %+v", claims)
		}
		if err := one.index.Release(ctx, []string{claims[0].ID}); err != nil {
			t.Fatal(err)
		}
		wg.Go(func() { two.must(s) }) // reads it later, and commits later
		wg.Wait()
		two.must(s)
		one.must(s)
		if n := len(one.calls); n != 2 {
			t.Errorf("%d calls", n)
		}
		one.stored(2)
	})
}
