package cache_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"argo/cache"
	"argo/tables"
)

func TestForget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := setup(t, nil)
		s := query("1", days("11-01", "11-04"), "cost")
		files, release, err := f.table.Files(context.Background(), s)
		if err != nil {
			t.Fatal(err)
		}
		f.must(query("2", days("11-01", "11-04"), "cost"))
		forget := func() {
			if err := f.cache.Forget(context.Background(), "ads", "perf", "1"); err != nil {
				t.Error(err)
			}
		}
		f.version("1", 2)
		forget()
		if got := f.rows(files, "cost"); len(got) != 4 { // still read
			t.Errorf("%q", got)
		}
		f.calls = nil
		if got := f.must(s); !strings.HasSuffix(got[0], " 2") {
			t.Errorf("%q", got)
		}
		f.must(query("2", days("11-01", "11-04"), "cost"))
		f.asked(t, "1 11-01..11-04 a,account,b,cost,date,id")
		release()
		release() // once is enough
		f.stored(2)

		// A fetch that began before is made once more for those who asked before.
		forget()
		f.before = func(context.Context, tables.Scan) { pass(time.Minute) }
		var wg sync.WaitGroup
		wg.Go(func() {
			if got := f.must(s); !strings.HasSuffix(got[0], " 3") {
				t.Errorf("who asked before: %q", got)
			}
		})
		pass(time.Second)
		f.version("1", 3)
		forget()
		if got := f.must(s); !strings.HasSuffix(got[0], " 3") {
			t.Errorf("who asked after: %q", got)
		}
		wg.Wait()
		synctest.Wait()
		f.stored(2)
		f.calls = nil

		// Another process forgets.
		wg.Go(func() { f.must(query("1", days("11-06", "11-09"), "cost")) })
		pass(time.Second)
		if _, err := f.index.Forget(context.Background(), "ads", "perf", "1", now()); err != nil {
			t.Error(err)
		}
		wg.Wait()
		synctest.Wait()
		f.asked(t, "1 11-06..11-09 a,account,b,cost,date,id", "1 11-06..11-09 a,account,b,cost,date,id")
		f.stored(2)
	})
}

func TestSupersededWhileRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := setup(t, nil)
		d := days("11-01", "11-04")
		files, release, err := f.table.Files(context.Background(), query("1", d, "cost"))
		if err != nil {
			t.Fatal(err)
		}
		again := query("1", d, "a")
		again.Renew = true
		f.must(again)
		if got := f.rows(files, "cost"); len(got) != 4 {
			t.Errorf("%q", got)
		}
		release()
		f.stored(1)
	})
}

func TestPartlySuperseded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := setup(t, nil)
		f.must(query("1", days("11-01", "11-14"), "cost"))
		f.version("1", 2)
		pass(time.Second)
		again := query("1", days("11-06", "11-08"), "a")
		again.Renew = true
		f.must(again)
		files, release, err := f.table.Files(context.Background(), query("1", days("11-01", "11-14"), "cost"))
		if err != nil {
			t.Fatal(err)
		}
		defer release()
		var restricted []string
		for _, file := range files {
			restricted = append(restricted, fmt.Sprint(file.Day, short(file.Days.From), short(file.Days.To)))
		}
		if got := strings.Join(restricted, " "); got != "date11-0911-14  date11-0111-05" {
			t.Errorf("the files are restricted to %q", got)
		}
		got := f.rows(files, "cost")
		if len(got) != 13 || strings.Count(strings.Join(got, " "), " 2 ") != 3 {
			t.Errorf("%q", got)
		}
	})
}

func TestEviction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// A day of six columns is 148 bytes in this store.
		f := setup(t, func(o *cache.Options, _ *tables.Table) { o.MaxBytes = 5 * 148 })
		day := func(n int) tables.Scan {
			d := tables.Day("2026-10-06").Add(n)
			return query("1", tables.Days{From: d, To: d}, "cost")
		}
		for n := range 5 {
			f.must(day(n))
			pass(time.Hour)
		}
		f.stored(5)
		f.must(day(0)) // used again
		files, release, err := f.table.Files(context.Background(), day(1))
		if err != nil {
			t.Fatal(err)
		}
		f.calls = nil
		f.must(day(5))
		synctest.Wait()
		f.stored(4)
		f.asked(t, "1 10-11..10-11 a,account,b,cost,date,id")
		for _, n := range []int{0, 1, 4, 5} {
			f.must(day(n))
		}
		f.asked(t)
		if len(f.rows(files, "cost")) != 1 {
			t.Error("what is read was evicted")
		}
		release()
		f.must(day(2))
		f.asked(t, "1 10-08..10-08 a,account,b,cost,date,id")
		f.start(func(o *cache.Options, _ *tables.Table) { o.MaxBytes = 2 * 148 })
		f.stored(1)
	})
}

func TestSweep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := setup(t, nil)
		ctx := context.Background()
		f.must(query("1", days("11-01", "11-04"), "cost"))
		f.must(query("2", days("11-01", "11-04"), "cost"))
		if _, _, err := f.store.Write(ctx, "orphan", nil, func(func(tables.Row, error) bool) {}); err != nil {
			t.Fatal(err)
		}
		one, _ := f.index.Segments(ctx, "ads", "perf", "1")
		if err := f.store.Remove(ctx, one[0].ID); err != nil {
			t.Fatal(err)
		}
		f.calls = nil
		f.start(nil)
		f.stored(1)
		f.must(query("2", days("11-01", "11-04"), "cost"))
		f.asked(t)
		f.must(query("1", days("11-01", "11-04"), "cost"))
		f.asked(t, "1 11-01..11-04 a,account,b,cost,date,id")

		// A file that goes missing while the server runs is fetched again.
		two, _ := f.index.Segments(ctx, "ads", "perf", "2")
		if err := f.store.Remove(ctx, two[0].ID); err != nil {
			t.Fatal(err)
		}
		f.must(query("2", days("11-03", "11-04"), "cost"))
		f.asked(t, "2 11-03..11-04 a,account,b,cost,date,id")

		// What is being written is no orphan.
		f.before = func(context.Context, tables.Scan) { pass(time.Second) }
		var wg sync.WaitGroup
		for n := range 20 {
			wg.Go(func() { f.must(query("1", days("10-01", "10-07").Chunks(7)[0], "cost")) })
			wg.Go(func() {
				pass(time.Duration(n) * 100 * time.Millisecond)
				if err := f.cache.Sweep(ctx); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		f.stored(3)
	})
}
