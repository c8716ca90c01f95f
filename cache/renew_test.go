package cache_test

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"argo/cache"
	"argo/tables"
	"argo/tables/fault"

	"github.com/cockroachdb/apd/v3"
)

// Inside the promised age a cell is served as it is and renewed beside it.
func TestRenewedInThePromise(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := setup(t, nil)
		var purposes []tables.Purpose
		f.before = func(ctx context.Context, _ tables.Scan) {
			f.mu.Lock()
			purposes = append(purposes, tables.PurposeOf(ctx))
			f.mu.Unlock()
			if tables.TraceOf(ctx) != nil && tables.PurposeOf(ctx) == tables.Refreshing {
				t.Error("a renewal is on the account of a statement")
			}
			pass(5 * time.Second)
		}
		today := query("1", days("11-22", "11-22"), "cost") // good for ten minutes
		f.must(today)
		pass(7 * time.Minute)
		f.must(today)
		f.asked(t, "1 11-22..11-22 a,account,b,cost,date,id")
		pass(2*time.Minute + 50*time.Second) // 9:55, since it took five seconds
		f.version("1", 2)
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				start := time.Now()
				if got := f.must(today); got[0] != "2026-11-22 1" || time.Since(start) > 0 {
					t.Errorf("%q after %s", got, time.Since(start))
				}
			})
		}
		wg.Wait()
		pass(time.Minute)
		f.asked(t, "1 11-22..11-22 a,account,b,cost,date,id")
		if got := f.must(today); got[0] != "2026-11-22 2" {
			t.Errorf("%q", got)
		}
		f.asked(t)
		if !slices.Equal(purposes, []tables.Purpose{tables.Asking, tables.Refreshing}) {
			t.Errorf("calls for %q", purposes)
		}

		// A renewal that fails is nobody's failure, and is not tried on and on.
		f.fail = func(tables.Scan) error { return fault.New(fault.Unavailable, "down") }
		pass(8*time.Minute + 50*time.Second)
		for range 10 {
			f.must(today)
			pass(time.Second)
		}
		f.asked(t, "1 11-22..11-22 a,account,b,cost,date,id")

		// Close waits for what goes on in the background, and ends it.
		f.fail = nil
		pass(5 * time.Minute)
		f.must(today)
		pass(9*time.Minute + 50*time.Second)
		f.must(today)
		start := time.Now()
		f.cache.Close()
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("closing took %s", took)
		}
	})
}

// What was fetched at once does not expire at once, and nothing is ever older
// than promised.
func TestJitter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := setup(t, func(o *cache.Options, table *tables.Table) {
			var accounts []tables.Account
			for i := range 60 {
				accounts = append(accounts, tables.Account{ID: fmt.Sprint(i), Zone: "Asia/Seoul"})
			}
			table.Accounts = func(context.Context) ([]tables.Account, error) { return accounts, nil }
			o.Parallel = 60
		})
		for i := range 60 {
			f.must(query(fmt.Sprint(i), days("11-22", "11-22"), "cost"))
		}
		f.calls = nil
		minutes := map[int]int{}
		for m := 1; m < 10; m++ {
			pass(time.Minute)
			for i := range 60 {
				files, release, err := f.table.Files(context.Background(), query(fmt.Sprint(i), days("11-22", "11-22"), "cost"))
				if err != nil {
					t.Fatal(err)
				}
				if age := now().Sub(files[0].AsOf); age >= 10*time.Minute {
					t.Errorf("account %d is %s old", i, age)
				}
				release()
			}
			synctest.Wait()
			minutes[m] = len(f.calls)
			f.calls = nil
		}
		if minutes[7] > 0 || minutes[8] < 2 || minutes[9] < 8 || minutes[8] > 40 {
			t.Errorf("renewals by minute: %v", minutes)
		}
	})
}

// An hourly dashboard of 90 days takes little more calls than the promises ask
// for, whatever a call can hold: days that were read one by one come to be read
// together.
func TestPacking(t *testing.T) {
	// Of a day: today and two days each hour, four every six hours, 21 once; the
	// fixed window of 28 days each hour would be 672, 96 and 24 calls.
	for maxDays, most := range map[int]int{1: 122, 7: 32, 0: 25} {
		synctest.Test(t, func(t *testing.T) {
			f := setup(t, func(_ *cache.Options, t *tables.Table) {
				t.MaxDays = maxDays
				t.Fresh = tables.Freshness{Steps: []tables.Step{{Within: 1, Keep: 15 * time.Minute}, {Within: 3, Keep: time.Hour}, {Within: 7, Keep: 6 * time.Hour}, {Within: 28, Keep: 24 * time.Hour}}}
			})
			ask := func() {
				to := tables.DayOf(now().Add(9 * time.Hour))
				f.must(query("1", tables.Days{From: to.Add(-89), To: to}, "cost"))
				synctest.Wait()
			}
			ask()
			f.calls = nil
			const days = 8
			for range 24 * days {
				pass(time.Hour)
				ask()
			}
			if n := len(f.calls); n > most*days {
				t.Errorf("%d days a call: %d calls in %d days, more than %d", maxDays, n, days, most*days)
			}
		})
	}
}

// Each group of columns has a promise of its own.
func TestGroups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := setup(t, func(_ *cache.Options, t *tables.Table) {
			t.Columns[t4(t, "a")].Group = "slow"
			t.Groups = map[string]tables.Freshness{"slow": {Steps: []tables.Step{{Within: 30, Keep: time.Hour}}}}
		})
		d := days("11-01", "11-04")
		f.must(query("1", d, "cost"))
		pass(2 * time.Hour)
		f.must(query("1", d, "cost"))
		f.must(query("1", d, "id", "_fetched_at"))
		f.asked(t, "1 11-01..11-04 a,account,b,cost,date,id")
		f.must(query("1", d, "a"))
		f.asked(t, "1 11-01..11-04 a,account,b,cost,date,id")
		files, release, err := f.table.Files(context.Background(), query("1", d, "cost", "_finality", "_final_on"))
		if err != nil {
			t.Fatal(err)
		}
		defer release()
		if c := files[0].Const["_finality"]; c != cache.Provisional || files[0].Later["_final_on"] != 30 {
			t.Errorf("a row is final with its slowest group: %v, %v", c, files[0].Later)
		}
	})
}

func t4(t *tables.Table, name string) int {
	return slices.IndexFunc(t.Columns, func(c tables.Column) bool { return c.Name == name })
}

func TestOwnColumns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := setup(t, nil)
		var names []string
		for _, c := range f.table.Columns {
			names = append(names, c.Name)
		}
		if got := strings.Join(names, " "); got != "date account id cost a b _fetched_at _finality _final_on _quality" {
			t.Errorf("the columns are %s", got)
		}
		ctx := context.Background()
		s := query("1", days("11-16", "11-22"), "cost", "_finality", "_fetched_at", "_final_on", "_quality")
		files, release, err := f.table.Files(ctx, s)
		if err != nil {
			t.Fatal(err)
		}
		release()
		var got []string
		for _, file := range files {
			got = append(got, fmt.Sprint(short(file.Days.From), " ", short(file.Days.To), " ", file.Const["_finality"], " ", file.Const["_quality"], " ", file.Later["_final_on"], " ", file.Rows))
			if at := file.Const["_fetched_at"]; at != now().UTC() || !file.AsOf.Equal(now()) {
				t.Errorf("read at %v, as of %s", at, file.AsOf)
			}
		}
		want := "11-22 11-22 partial_day unchecked 4 -1|11-19 11-21 provisional unchecked 4 -1|11-16 11-18 final unchecked 4 -1"
		if strings.Join(got, "|") != want {
			t.Errorf("files %s", strings.Join(got, "|"))
		}
		f.asked(t, "1 11-16..11-22 a,account,b,cost,date,id")
		for _, columns := range [][]string{{"cost"}, {"cost", "_fetched_at"}, {"_quality"}} { // not split without need
			s.Columns = columns
			if files, release, err = f.table.Files(ctx, s); err != nil || len(files) != 1 || files[0].Day != "" || files[0].Rows != 7 {
				t.Errorf("%q: %+v, %v", columns, files, err)
			}
			release()
		}
	})
}

// Totals that do not agree are asked for once more, kept, told and asked again
// soon.
func TestBreak(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		total, wrong := int64(3), 1
		f := setup(t, func(_ *cache.Options, t *tables.Table) {
			scan := t.Scan
			t.Scan = func(ctx context.Context, s tables.Scan) iter.Seq2[tables.Row, error] {
				return func(yield func(tables.Row, error) bool) {
					scan(ctx, s)(yield)
					sum := any(total)
					if wrong > 0 {
						wrong--
						sum = apd.New(total*10+9, -1)
					}
					s.Totals(map[string]any{"cost": sum, "unknown": int64(1)})
				}
			}
		})
		quality := func(d tables.Days) (string, int) {
			trace := &tables.Trace{}
			files, release, err := f.table.Files(tables.WithTrace(context.Background(), trace), query("1", d, "cost", "_quality"))
			if err != nil {
				t.Fatal(err)
			}
			defer release()
			return fmt.Sprint(files[0].Const["_quality"]), len(trace.Warnings())
		}
		total = 4
		wrong = 0
		d := days("11-01", "11-04")
		if q, n := quality(d); q != cache.QualityOK || n != 0 {
			t.Errorf("%s, %d warnings", q, n)
		}
		d, wrong = days("10-01", "10-04"), 1
		f.calls = nil
		if q, n := quality(d); q != cache.QualityOK || n != 0 || len(f.calls) != 2 {
			t.Errorf("right at the second time: %s, %d warnings, %d calls", q, n, len(f.calls))
		}
		d, wrong = days("11-19", "11-22"), 2
		f.calls = nil
		for range 2 {
			if q, n := quality(d); q != cache.QualityBreak || n != 1 || len(f.calls) != 2 {
				t.Errorf("wrong twice: %s, %d warnings, %d calls", q, n, len(f.calls))
			}
		}
		pass(16 * time.Minute)
		if q, n := quality(d); q != cache.QualityOK || n != 0 || len(f.calls) != 3 {
			t.Errorf("right later: %s, %d warnings, %d calls", q, n, len(f.calls))
		}
		f.stored(3)
		for r, err := range f.cache.Reconcile(context.Background(), cache.Filter{}) {
			if err != nil || r.Break || r.Rows != "4" {
				t.Errorf("%+v, %v", r, err)
			}
		}
	})
}

func TestStale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := setup(t, func(_ *cache.Options, t *tables.Table) { t.MaxDays = 3 })
		d := days("11-17", "11-22")
		f.must(query("1", d, "cost"))
		f.calls = nil
		pass(time.Hour)
		down := fault.New(fault.Throttled, "the quota of the day is used up")
		down.RetryAfter = 3 * time.Hour
		f.fail = func(tables.Scan) error { return down }
		ask := func(s tables.Scan) (warnings []error, outcomes []tables.Outcome, err error) {
			trace := &tables.Trace{}
			files, release, err := f.table.Files(tables.WithTrace(context.Background(), trace), s)
			if err == nil {
				defer release()
				if got := f.rows(files, "cost"); len(got) != answer(s.Days) {
					t.Errorf("%q", got)
				}
			}
			return trace.Warnings(), trace.Outcomes(), err
		}
		for i := range 3 {
			warnings, outcomes, err := ask(query("1", d, "cost"))
			if err != nil || len(warnings) != 1 || !fault.Is(warnings[0], fault.Stale) || !strings.Contains(warnings[0].Error(), "60 minutes old") {
				t.Errorf("%v, %v", warnings, err)
			}
			if len(outcomes) != 1 || outcomes[0].State != "stale" || !outcomes[0].AsOf.Equal(now().Add(-time.Hour)) || !fault.Is(outcomes[0].Err, fault.Throttled) || outcomes[0].Rows != 6 {
				t.Errorf("%+v", outcomes)
			}
			if n := len(f.calls); n != 1 {
				t.Errorf("ask %d: %d calls", i, n)
			}
		}
		strict := query("1", d, "cost")
		strict.Strict = true
		if _, _, err := ask(strict); !fault.Is(err, fault.Throttled) {
			t.Errorf("strict: %v", err)
		}
		if _, _, err := ask(query("1", days("11-10", "11-22"), "cost")); !fault.Is(err, fault.Throttled) { // never read
			t.Errorf("more days: %v", err)
		}
		if n := len(f.calls); n != 1 {
			t.Errorf("%d calls", n)
		}
		renew := query("1", d, "cost")
		renew.Renew = true
		if _, _, err := ask(renew); !fault.Is(err, fault.Throttled) {
			t.Errorf("by hand: %v", err)
		}
		if n := len(f.calls); n < 2 {
			t.Errorf("%d calls", n)
		}
		est, err := f.table.Estimate(context.Background(), query("1", d, "cost"))
		if err != nil || est.Calls != 0 {
			t.Errorf("%+v, %v", est, err)
		}
		f.fail, f.calls = nil, nil
		pass(3 * time.Hour)
		if warnings, outcomes, err := ask(query("1", d, "cost")); err != nil || len(warnings)+len(outcomes) != 0 || len(f.calls) != 1 {
			t.Errorf("resumed: %v, %v, %d calls", warnings, err, len(f.calls))
		}

		// Never after a Forget.
		if err := f.cache.Forget(context.Background(), "ads", "perf", "1"); err != nil {
			t.Fatal(err)
		}
		f.fail = func(tables.Scan) error { return fault.New(fault.Unavailable, "down") }
		if _, _, err := ask(query("1", d, "cost")); !fault.Is(err, fault.Unavailable) {
			t.Errorf("forgotten: %v", err)
		}
	})
}

func TestDeniedIsRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := setup(t, nil)
		f.fail = func(s tables.Scan) error {
			if s.Account == "2" {
				return fault.New(fault.Denied, "no access").WithHint("ask its owner")
			}
			return nil
		}
		s := query("2", days("11-01", "11-01"), "cost")
		for range 5 {
			if _, err := f.ask(s); !fault.Is(err, fault.Denied) || !strings.Contains(err.Error(), "ask its owner") {
				t.Errorf("%v", err)
			}
		}
		f.must(query("1", days("11-01", "11-01"), "cost"))
		f.asked(t, "2 11-01..11-01 a,account,b,cost,date,id", "1 11-01..11-01 a,account,b,cost,date,id")
		f.fail = nil
		s.Renew = true
		f.must(s)
		f.asked(t, "2 11-01..11-01 a,account,b,cost,date,id")
		f.must(query("2", days("11-02", "11-02"), "cost"))
		f.asked(t, "2 11-02..11-02 a,account,b,cost,date,id")
	})
}
