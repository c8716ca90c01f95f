package cache_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"argo/cache"
	"argo/tables"
	"argo/tables/fault"
)

func TestWhatIsAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one := func(o *cache.Options, t *tables.Table) { o.Parallel, t.MaxDays = 1, 5 }
		f := setup(t, one)
		f.must(query("1", days("11-10", "11-15"), "cost"))
		f.asked(t, "1 11-11..11-15 a,account,b,cost,date,id", "1 11-10..11-10 a,account,b,cost,date,id")
		f.must(query("1", days("11-10", "11-15"), "cost"))
		f.must(query("1", days("11-12", "11-13"), "date"))
		f.must(query("1", days("11-15", "11-15"))) // a day without rows
		f.asked(t)
		f.must(query("1", days("11-08", "11-17"), "cost")) // wider
		f.asked(t, "1 11-16..11-17 a,account,b,cost,date,id", "1 11-08..11-09 a,account,b,cost,date,id")
		f.must(query("1", days("11-14", "11-15"), "a")) // the first fetch took every column
		f.must(query("1", days("11-08", "11-17"), "cost"))
		f.must(query("1", days("11-14", "11-15"), "a", "cost"))
		f.asked(t)
		f.must(query("2", days("11-14", "11-15"), "a")) // another account
		f.asked(t, "2 11-14..11-15 a,account,b,cost,date,id")
		f.start(one) // a restart
		f.must(query("1", days("11-08", "11-17"), "cost"))
		f.asked(t)
		if f.rosters != 1 {
			t.Errorf("the accounts were listed %d times", f.rosters)
		}
		again := query("1", days("11-08", "11-17"), "cost")
		again.Renew = true
		f.must(again) // supersedes everything
		f.asked(t, "1 11-13..11-17 a,account,b,cost,date,id", "1 11-08..11-12 a,account,b,cost,date,id")
		f.stored(3)
	})
}

func TestFreshness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := setup(t, nil)
		today := days("11-17", "11-22") // in Seoul it is 17:00 of the 22nd
		f.must(query("1", today, "cost"))
		f.asked(t, "1 11-17..11-22 a,account,b,cost,date,id")
		pass(9 * time.Minute)
		f.must(query("1", today, "cost"))
		f.asked(t)
		pass(2 * time.Minute)
		f.must(query("1", today, "a"))
		f.asked(t, "1 11-22..11-22 a,account,b,cost,date,id")
		pass(11 * time.Minute)
		f.must(query("1", today, "cost")) // today alone, with every column it had
		f.asked(t, "1 11-22..11-22 a,account,b,cost,date,id")
		pass(6 * time.Hour) // 23:22 in Seoul
		f.must(query("1", today, "cost"))
		f.asked(t, "1 11-19..11-22 a,account,b,cost,date,id")
		s := query("1", today, "cost")
		s.MaxAge = time.Nanosecond // everything that is not settled
		f.must(s)
		f.asked(t)
		pass(time.Second)
		f.must(s)
		f.asked(t, "1 11-19..11-22 a,account,b,cost,date,id")
		pass(time.Second)
		f.must(s)
		f.asked(t, "1 11-19..11-22 a,account,b,cost,date,id")
		f.stored(2)
	})
}

func TestTablesWithoutDays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := setup(t, func(_ *cache.Options, t *tables.Table) {
			t.Day = ""
			t.Columns = slices.DeleteFunc(t.Columns, func(c tables.Column) bool { return c.Name == "date" })
		})
		f.must(query("1", tables.Days{}, "cost"))
		f.must(query("1", tables.Days{}, "cost"))
		f.asked(t, "1 .. a,account,b,cost,id")
		pass(16 * time.Minute)
		f.must(query("1", tables.Days{}, "a"))
		f.asked(t, "1 .. a,account,b,cost,id")
		f.stored(1)
	})
}

func TestScansThatDoNotFit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := setup(t, nil)
		for _, s := range []tables.Scan{
			query("1", tables.Days{}, "cost"), query("1", days("11-02", "11-01"), "cost"), query("1", tables.Days{To: "2026-11-01"}, "cost"),
			query("1", days("11-01", "11-02"), "clicks"),
		} {
			if _, err := f.ask(s); !fault.Is(err, fault.Internal) {
				t.Errorf("%+v: %v", s, err)
			}
		}
		f.asked(t)
	})
}

func TestTrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := setup(t, nil)
		start := now()
		for _, c := range []struct {
			scan           tables.Scan
			cached, missed int64
			rows           int64
			age            time.Duration
		}{
			{query("1", days("11-01", "11-10"), "cost"), 0, 10, 9, 0},
			{query("1", days("11-06", "11-14"), "cost"), 5, 4, 4, time.Minute},
			{query("1", days("11-11", "11-14"), "cost"), 4, 0, 0, 2 * time.Minute},
		} {
			trace := &tables.Trace{}
			files, release, err := f.table.Files(tables.WithTrace(context.Background(), trace), c.scan)
			if err != nil {
				t.Fatal(err)
			}
			release()
			cost := trace.Cost()
			if cost.CellsCached != c.cached || cost.CellsMissed != c.missed || cost.RowsFetched != c.rows {
				t.Errorf("%+v", cost)
			}
			for _, file := range files {
				if file.AsOf.Before(cost.Oldest) {
					t.Errorf("the oldest is %s, a file is of %s", cost.Oldest, file.AsOf)
				}
			}
			if c.missed == 0 && !cost.Oldest.Equal(start.Add(time.Minute)) {
				t.Errorf("as of %s", cost.Oldest)
			}
			pass(time.Minute)
		}
	})
}

func TestRowsOutside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := setup(t, nil)
		f.extra = []tables.Row{{"a", "1", "b", int64(9), tables.Day("2026-10-20"), int64(1)}, {"a", "2", "b", int64(9), tables.Day("2026-11-02"), int64(1)}}
		f.must(query("1", days("11-01", "11-04"), "cost"))
		f.must(query("1", days("10-30", "11-04"), "cost"))
	})
}

func TestIncompatibleColumns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := setup(t, func(_ *cache.Options, t *tables.Table) {
			t.Incompatible = func(columns []string) error {
				if slices.Contains(columns, "a") && slices.Contains(columns, "b") {
					return errors.New("a and b do not go together")
				}
				return nil
			}
		})
		d := days("11-01", "11-04")
		f.must(query("1", d, "a"))
		f.must(query("1", d, "b"))
		f.asked(t, "1 11-01..11-04 a,account,cost,date,id", "1 11-01..11-04 account,b,cost,date,id")
		f.must(query("1", d, "a"))
		f.must(query("1", d, "b"))
		f.asked(t)
		// A column that the table has no longer is not asked for.
		f.start(func(_ *cache.Options, t *tables.Table) {
			t.Columns = slices.DeleteFunc(t.Columns, func(c tables.Column) bool { return c.Name == "a" })
		})
		f.must(query("1", days("11-01", "11-05"), "b", "cost"))
		f.asked(t, "1 11-05..11-05 account,b,cost,date,id")
	})
}

func TestAccounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		print := "a"
		options := func(o *cache.Options, _ *tables.Table) {
			o.Fingerprint = func(string) string { return print }
		}
		f := setup(t, options)
		list := func(want int, kind fault.Kind, warned int) {
			t.Helper()
			trace := &tables.Trace{}
			got, err := f.table.Accounts(tables.WithTrace(context.Background(), trace))
			if fault.KindOf(err) != kind || (err == nil) != (len(got) == 2) {
				t.Errorf("%v, %v", got, err)
			}
			if f.rosters != want || len(trace.Warnings()) != warned {
				t.Errorf("listed %d times, not %d; warnings %v", f.rosters, want, trace.Warnings())
			}
		}
		f.roster = func() error { return fault.New(fault.Unavailable, "down") }
		list(1, fault.Unavailable, 0)
		list(2, fault.Unavailable, 0)
		f.roster = func() error { pass(time.Second); return nil }
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() { _, _ = f.table.Accounts(context.Background()) })
		}
		wg.Wait()
		list(3, "", 0)
		pass(3*time.Hour + 59*time.Minute)
		list(3, "", 0)
		pass(2 * time.Minute)
		f.roster = func() error { return fault.New(fault.Throttled, "slow down") }
		list(4, "", 1)
		list(4, "", 1) // left alone for a minute
		f.start(options)
		list(5, "", 1)
		pass(2 * time.Minute)
		f.roster = func() error { return fault.New(fault.Auth, "revoked") }
		list(6, fault.Auth, 0)
		f.roster = nil
		list(7, "", 0)
		f.start(options)
		list(7, "", 0)
		print = "b" // another configuration
		if got, at, err := f.cache.Accounts(context.Background(), "ads"); len(got) != 0 || !at.IsZero() || err != nil {
			t.Errorf("remembered under another configuration: %v of %s, %v", got, at, err)
		}
		list(8, "", 0)
		if got, at, err := f.cache.Accounts(context.Background(), "ads"); len(got) != 2 || !at.Equal(now()) || err != nil {
			t.Errorf("remembered: %v of %s, %v", got, at, err)
		}
		// Days are those of the account: in Los Angeles it is the 22nd still.
		f.must(query("2", days("11-22", "11-22"), "cost"))
	})
}
