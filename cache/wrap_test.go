package cache_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
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
	"argo/cache/cachetest"
	"argo/tables"
	"argo/tables/fault"
)

// source is a channel of two accounts: a row for every day but those that end
// in 5, whose cost is the version of the account. It counts what is asked.
type source struct {
	mu       sync.Mutex
	calls    []string       // "account from..to columns"
	fetched  map[string]int // cells that a finished scan has read
	versions map[string]int64
	running  int
	most     int
	rosters  int

	fail   func(s tables.Scan) error // after the first row
	before func(ctx context.Context, s tables.Scan)
	roster func() error
	extra  []tables.Row
}

func newSource() *source {
	return &source{fetched: map[string]int{}, versions: map[string]int64{"1": 1, "2": 1}}
}

func (s *source) scan(ctx context.Context, q tables.Scan) iter.Seq2[tables.Row, error] {
	return func(yield func(tables.Row, error) bool) {
		s.mu.Lock()
		s.calls = append(s.calls, fmt.Sprintf("%s %s..%s %s", q.Account, short(q.Days.From), short(q.Days.To), strings.Join(q.Columns, ",")))
		s.running++
		s.most = max(s.most, s.running)
		version := s.versions[q.Account]
		before, fail := s.before, s.fail
		s.mu.Unlock()
		defer func() {
			s.mu.Lock()
			s.running--
			s.mu.Unlock()
		}()
		if len(q.Where) > 0 {
			yield(nil, errors.New("a fetch for the cache is narrowed"))
			return
		}
		if before != nil {
			before(ctx, q)
		}
		days := []tables.Day{""}
		if !q.Days.IsZero() {
			days = days[:0]
			for d := q.Days.From; d <= q.Days.To; d = d.Add(1) {
				days = append(days, d)
			}
		}
		for i, d := range days {
			if ctx.Err() != nil {
				yield(nil, ctx.Err())
				return
			}
			if i == len(days)/2 && fail != nil {
				if err := fail(q); err != nil {
					yield(nil, err)
					return
				}
			}
			if strings.HasSuffix(string(d), "5") {
				continue
			}
			row := make(tables.Row, len(q.Columns))
			for c, name := range q.Columns {
				switch name {
				case "account":
					row[c] = q.Account
				case "date":
					row[c] = d
				case "cost":
					row[c] = version
				case "id":
					row[c] = int64(7)
				default:
					row[c] = name
				}
			}
			tables.TraceOf(ctx).Fetched(1, 0)
			if !yield(row, nil) {
				return
			}
		}
		for _, row := range s.extra {
			if !yield(row, nil) {
				return
			}
		}
		s.mu.Lock()
		for _, d := range days {
			s.fetched[q.Account+" "+string(d)]++
		}
		s.mu.Unlock()
	}
}

func (s *source) version(account string, v int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.versions[account] = v
}

func short(d tables.Day) string {
	if d == "" {
		return ""
	}
	return string(d[5:])
}

// asked gives the scans since the last time, and that they are these.
func (s *source) asked(t *testing.T, want ...string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Equal(s.calls, want) {
		t.Errorf("asked %q, not %q", s.calls, want)
	}
	s.calls = nil
}

func (s *source) table() tables.Table {
	return tables.Table{
		Name: "perf", Account: "account", Day: "date", Key: []string{"id"}, Since: "2026-01-01",
		Columns: []tables.Column{{Name: "date", Type: tables.DateType}, {Name: "account", Type: tables.Ident}, {Name: "id", Type: tables.BigInt},
			{Name: "cost", Type: tables.BigInt}, {Name: "a", Type: tables.Varchar}, {Name: "b", Type: tables.Varchar}},
		Fresh: tables.Freshness{Steps: []tables.Step{{Within: 1, Keep: 10 * time.Minute}, {Within: 4, Keep: 6 * time.Hour}}, Entity: 15 * time.Minute},
		Scan:  s.scan,
		Accounts: func(context.Context) ([]tables.Account, error) {
			s.mu.Lock()
			s.rosters++
			roster := s.roster
			s.mu.Unlock()
			if roster != nil {
				if err := roster(); err != nil {
					return nil, err
				}
			}
			return []tables.Account{{ID: "1", Zone: "Asia/Seoul"}, {ID: "2", Zone: "America/Los_Angeles"}}, nil
		},
	}
}

// pass waits on the clock of the bubble that the test runs in.
func pass(d time.Duration) { <-time.After(d) }

// fixture is a cache in memory on the virtual clock of a bubble, which begins
// at midnight UTC of 2000-01-01; now is 2026-11-22 08:00 UTC.
type fixture struct {
	*testing.T
	*source
	index *cachetest.Index
	store *cachetest.Store
	cache *cache.Cache
	table tables.Table
}

func now() time.Time {
	return time.Now().Add(time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC).Sub(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)))
}

func setup(t *testing.T, change func(*cache.Options, *tables.Table)) *fixture {
	f := &fixture{T: t, source: newSource(), index: cachetest.NewIndex(), store: cachetest.NewStore()}
	f.start(change)
	return f
}

// start begins a new life of the server on the same index and store.
func (f *fixture) start(change func(*cache.Options, *tables.Table)) {
	f.Helper()
	o := cache.Options{Index: f.index, Store: f.store, Now: now, Log: slog.New(slog.DiscardHandler)}
	t := f.source.table()
	if change != nil {
		change(&o, &t)
	}
	c, err := cache.New(o)
	if err != nil {
		f.Fatal(err)
	}
	if err := c.Sweep(context.Background()); err != nil {
		f.Fatal(err)
	}
	f.cache, f.table = c, c.Wrap("ads", t)
}

func days(from, to tables.Day) tables.Days {
	return tables.Days{From: "2026-" + from, To: "2026-" + to}
}

func query(account string, d tables.Days, columns ...string) tables.Scan {
	return tables.Scan{Table: "perf", Account: account, Days: d, Columns: columns}
}

// rows reads what the files hold, as the engine does: "account day cost".
func (f *fixture) rows(files []tables.File, columns ...string) (out []string) {
	f.Helper()
	for _, file := range files {
		rows, err := f.store.Read(file.Path, append([]string{"date"}, columns...))
		if err != nil {
			f.Fatal(err)
		}
		for _, r := range rows {
			if d, ok := r[0].(tables.Day); ok && file.Day != "" && !file.Days.Contains(d) {
				continue
			}
			out = append(out, strings.TrimSpace(fmt.Sprintln(r...)))
		}
	}
	slices.Sort(out)
	return out
}

// ask runs a scan to its end and gives its rows.
func (f *fixture) ask(s tables.Scan) ([]string, error) {
	f.Helper()
	files, release, err := f.table.Files(context.Background(), s)
	if err != nil {
		return nil, err
	}
	defer release()
	return f.rows(files, s.Columns...), nil
}

func (f *fixture) must(s tables.Scan) []string {
	f.Helper()
	rows, err := f.ask(s)
	if err != nil {
		f.Fatal(err)
	}
	if len(rows) != answer(s.Days) {
		f.Errorf("%d rows, not %d: %q", len(rows), answer(s.Days), rows)
	}
	return rows
}

// answer is the number of rows that the source has for these days.
func answer(d tables.Days) (n int) {
	if d.IsZero() {
		return 1
	}
	for day := d.From; day <= d.To; day = day.Add(1) {
		if !strings.HasSuffix(string(day), "5") {
			n++
		}
	}
	return n
}

// stored says how many files there are, and that the index knows each.
func (f *fixture) stored(want int) {
	f.Helper()
	files, _ := f.store.List(context.Background())
	all, _ := f.index.All(context.Background())
	var ids []string
	for _, s := range all {
		ids = append(ids, s.ID)
	}
	slices.Sort(ids)
	if len(files) != want || !slices.Equal(files, ids) {
		f.Errorf("%d files, not %d: %q; the index has %q", len(files), want, files, ids)
	}
}

func TestWhatIsAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one := func(o *cache.Options, t *tables.Table) { o.Parallel, t.MaxDays = 1, 5 }
		f := setup(t, one)
		f.must(query("1", days("11-10", "11-15"), "cost"))
		f.asked(t, "1 11-11..11-15 account,cost,date,id", "1 11-10..11-10 account,cost,date,id")
		f.must(query("1", days("11-10", "11-15"), "cost"))
		f.must(query("1", days("11-12", "11-13"), "date"))
		f.must(query("1", days("11-15", "11-15"))) // a day without rows
		f.asked(t)
		f.must(query("1", days("11-08", "11-17"), "cost")) // wider
		f.asked(t, "1 11-16..11-17 account,cost,date,id", "1 11-08..11-09 account,cost,date,id")
		f.must(query("1", days("11-14", "11-15"), "a")) // a new column takes the old ones along
		f.asked(t, "1 11-14..11-15 a,account,cost,date,id")
		f.must(query("1", days("11-08", "11-17"), "cost"))
		f.must(query("1", days("11-14", "11-15"), "a", "cost"))
		f.asked(t)
		f.must(query("2", days("11-14", "11-15"), "a")) // another account
		f.asked(t, "2 11-14..11-15 a,account,date,id")
		f.start(one) // a restart
		f.must(query("1", days("11-08", "11-17"), "cost"))
		f.asked(t)
		if f.rosters != 1 {
			t.Errorf("the accounts were listed %d times", f.rosters)
		}
		f.must(query("1", days("11-08", "11-17"), "a", "b", "cost")) // supersedes everything
		f.asked(t, "1 11-13..11-17 a,account,b,cost,date,id", "1 11-08..11-12 a,account,b,cost,date,id")
		f.stored(3)
	})
}

func TestFreshness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := setup(t, nil)
		today := days("11-17", "11-22") // in Seoul it is 17:00 of the 22nd
		f.must(query("1", today, "cost"))
		f.asked(t, "1 11-17..11-22 account,cost,date,id")
		pass(9 * time.Minute)
		f.must(query("1", today, "cost"))
		f.asked(t)
		pass(2 * time.Minute)
		f.must(query("1", today, "a"))
		f.asked(t, "1 11-17..11-22 a,account,cost,date,id")
		pass(11 * time.Minute)
		f.must(query("1", today, "cost")) // today alone, with every column it had
		f.asked(t, "1 11-22..11-22 a,account,cost,date,id")
		pass(6 * time.Hour) // 23:22 in Seoul
		f.must(query("1", today, "cost"))
		f.asked(t, "1 11-19..11-22 a,account,cost,date,id")
		s := query("1", today, "cost")
		s.MaxAge = time.Nanosecond // everything that is not settled
		f.must(s)
		f.asked(t)
		pass(time.Second)
		f.must(s)
		f.asked(t, "1 11-19..11-22 a,account,cost,date,id")
		pass(time.Second)
		f.must(s)
		f.asked(t, "1 11-19..11-22 a,account,cost,date,id")
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
		f.asked(t, "1 .. account,cost,id")
		pass(16 * time.Minute)
		f.must(query("1", tables.Days{}, "a"))
		f.asked(t, "1 .. a,account,cost,id")
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
		f.must(query("1", days("11-01", "11-10"), "cost"))
		f.asked(t, "1 11-01..11-10 account,cost,date,id")

		// Every way to fail leaves nothing.
		for name, breakIt := range map[string]func() (mend func()){
			"store":  func() func() { f.store.Fail = only("Write"); return func() { f.store.Fail = nil } },
			"commit": func() func() { f.index.Fail = only("Commit"); return func() { f.index.Fail = nil } },
			"epoch":  func() func() { f.index.Fail = only("Epoch"); return func() { f.index.Fail = nil } },
			"list":   func() func() { f.index.Fail = only("Segments"); return func() { f.index.Fail = nil } },
			"panic": func() func() {
				f.before = func(context.Context, tables.Scan) { panic("index out of range") }
				return func() { f.before = nil }
			},
			"short row": func() func() { f.extra = []tables.Row{{"1"}}; return func() { f.extra = nil } },
			"no day":    func() func() { f.extra = []tables.Row{{"1", int64(1), nil, int64(1)}}; return func() { f.extra = nil } },
			"no account": func() func() {
				f.extra = []tables.Row{{nil, int64(1), tables.Day("2026-10-03"), int64(1)}}
				return func() { f.extra = nil }
			},
		} {
			files, _ := f.store.List(context.Background())
			mend := breakIt()
			if _, err := f.ask(query("1", days("10-01", "10-10"), "cost")); err == nil {
				t.Errorf("%s: no error", name)
			}
			synctest.Wait()
			mend()
			f.stored(len(files))
		}
		f.calls = nil
		f.must(query("1", days("10-01", "10-10"), "cost"))
		f.asked(t, "1 10-01..10-10 account,cost,date,id")
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

func TestRowsOutside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := setup(t, nil)
		f.extra = []tables.Row{{"1", int64(9), tables.Day("2026-10-20"), int64(1)}, {"2", int64(9), tables.Day("2026-11-02"), int64(1)}}
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
		f.asked(t, "1 11-01..11-04 a,account,date,id", "1 11-01..11-04 account,b,date,id")
		f.must(query("1", d, "a"))
		f.must(query("1", d, "b"))
		f.asked(t)
		// A column that the table has no longer is not asked for.
		f.start(func(_ *cache.Options, t *tables.Table) {
			t.Columns = slices.DeleteFunc(t.Columns, func(c tables.Column) bool { return c.Name == "a" })
		})
		f.must(query("1", d, "b", "cost"))
		f.asked(t, "1 11-01..11-04 account,b,cost,date,id")
	})
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
		f.asked(t, "1 11-01..11-04 account,cost,date,id")
		f.stored(1)
	})
}

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
		f.asked(t, "1 11-01..11-04 account,cost,date,id")
		release()
		release() // once is enough
		f.stored(2)

		// A fetch that began before is for those who asked before.
		forget()
		f.before = func(context.Context, tables.Scan) { pass(time.Minute) }
		var wg sync.WaitGroup
		wg.Go(func() {
			if got := f.must(s); !strings.HasSuffix(got[0], " 2") {
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

		// Another process forgets.
		wg.Go(func() { f.must(query("1", days("11-06", "11-09"), "cost")) })
		pass(time.Second)
		if _, err := f.index.Forget(context.Background(), "ads", "perf", "1"); err != nil {
			t.Error(err)
		}
		wg.Wait()
		synctest.Wait()
		if all, _ := f.index.All(context.Background()); len(all) != 1 {
			t.Errorf("the index has %+v", all)
		}
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
		f.must(query("1", d, "a"))
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
		f.must(query("1", days("11-06", "11-08"), "a"))
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
		// A day of four columns is 132 bytes in this store.
		f := setup(t, func(o *cache.Options, _ *tables.Table) { o.MaxBytes = 5 * 132 })
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
		f.asked(t, "1 10-11..10-11 account,cost,date,id")
		for _, n := range []int{0, 1, 4, 5} {
			f.must(day(n))
		}
		f.asked(t)
		if len(f.rows(files, "cost")) != 1 {
			t.Error("what is read was evicted")
		}
		release()
		f.must(day(2))
		f.asked(t, "1 10-08..10-08 account,cost,date,id")
		f.start(func(o *cache.Options, _ *tables.Table) { o.MaxBytes = 2 * 132 })
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
		f.asked(t, "1 11-01..11-04 account,cost,date,id")

		// A file that goes missing while the server runs is fetched again.
		two, _ := f.index.Segments(ctx, "ads", "perf", "2")
		if err := f.store.Remove(ctx, two[0].ID); err != nil {
			t.Fatal(err)
		}
		f.must(query("2", days("11-03", "11-04"), "cost"))
		f.asked(t, "2 11-03..11-04 account,cost,date,id")

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
		pass(59 * time.Minute)
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
							rows, err := f.store.Read(file.Path, append([]string{"date"}, columns...))
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
			f.cache.Close()
			f.before, f.fail, f.calls = nil, nil, nil
			f.must(query("1", days("09-01", "09-30"), "cost"))
			f.cache.Close()
			f.calls = nil
			f.must(query("1", days("09-01", "09-30"), "cost"))
			f.asked(t)
			files, _ := f.store.List(context.Background())
			f.stored(len(files))
		})
	}
}
