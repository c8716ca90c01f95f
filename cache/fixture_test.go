package cache_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"argo/cache"
	"argo/cache/cachetest"
	"argo/tables"
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

// grace of the files of the fixture.
const grace = time.Millisecond

// start begins a new life of the server on the same index and store.
func (f *fixture) start(change func(*cache.Options, *tables.Table)) {
	f.Helper()
	o := cache.Options{Index: f.index, Store: f.store, Now: now, Log: slog.New(slog.DiscardHandler), Grace: grace}
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
		rows, err := f.store.Rows(file.Path, append([]string{"date"}, columns...))
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

// stored says how many segments answer, that each segment has its file, and
// that there is no other once the grace is over.
func (f *fixture) stored(want int) {
	f.Helper()
	ctx := context.Background()
	for range 2 {
		if err := f.cache.Sweep(ctx); err != nil {
			f.Fatal(err)
		}
		pass(2 * grace)
	}
	if err := f.cache.Sweep(ctx); err != nil {
		f.Fatal(err)
	}
	files, _ := f.store.List(ctx)
	all, _ := f.index.All(ctx)
	var places []string
	live := 0
	for _, s := range all {
		places = append(places, place(s))
		if s.RetiredAt.IsZero() {
			live++
		}
	}
	slices.Sort(places)
	if live != want || !slices.Equal(files, places) {
		f.Errorf("%d segments answer, not %d; %d files of %d segments", live, want, len(files), len(places))
	}
}
