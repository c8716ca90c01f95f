package cache_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"argo/cache"
	"argo/cache/cachetest"
	"argo/tables"
	"argo/tables/fault"

	"github.com/oklog/ulid/v2"
)

// reading is a fetch that was committed, as the model has it.
type reading struct {
	fetched, known time.Time
	days           tables.Days
	columns        []string
	rows           map[tables.Day][]int64 // values of the rows, by key
}

// archive is an index and a store that are filled by hand, and a model of what
// was known when.
type archive struct {
	*testing.T
	index    *cachetest.Index
	store    *cachetest.Store
	cache    *cache.Cache
	table    tables.Table
	wrapped  tables.Table
	now      time.Time
	readings []reading
	forgets  []time.Time
	epoch    int64
	r        *rand.Rand
}

func newArchive(t *testing.T, seed uint64) *archive {
	a := &archive{T: t, index: cachetest.NewIndex(), store: cachetest.NewStore(), r: rand.New(rand.NewPCG(seed, 1)),
		now: time.Date(2026, 7, 1, 3, 0, 0, 0, time.UTC)}
	a.table = tables.Table{
		Name: "perf", Account: "account", Day: "date", Key: []string{"id"}, Since: "2026-01-01",
		Columns: []tables.Column{{Name: "id", Type: tables.BigInt}, {Name: "date", Type: tables.DateType}, {Name: "account", Type: tables.Ident},
			{Name: "cost", Type: tables.BigInt}, {Name: "clicks", Type: tables.BigInt}, {Name: "sales", Type: tables.BigInt}},
		Fresh:  tables.Freshness{Steps: []tables.Step{{Within: 1, Keep: 10 * time.Minute}, {Within: 4, Keep: 6 * time.Hour}}},
		Groups: map[string]tables.Freshness{"late": {Steps: []tables.Step{{Within: 6, Keep: 6 * time.Hour}}}},
		Scan:   newSource().scan,
	}
	a.open()
	return a
}

// open begins a new life of the server.
func (a *archive) open() {
	c, err := cache.New(cache.Options{Index: a.index, Store: a.store, Now: func() time.Time { return a.now }, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		a.Fatal(err)
	}
	a.cache, a.wrapped = c, c.Wrap("ads", a.table)
}

func sortedNames(names ...string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}

func within(wide, narrow []string) bool {
	return !slices.ContainsFunc(narrow, func(n string) bool { return !slices.Contains(wide, n) })
}

func part(s cache.Segment, day tables.Day) (fetched, known time.Time) {
	for _, p := range s.Parts {
		if p.Days.Contains(day) {
			return p.FetchedAt, p.KnownAt
		}
	}
	return s.FetchedAt, s.KnownAt
}

func place(s cache.Segment) string { return cmp.Or(s.Place, s.ID) }

func each(d tables.Days) (out []tables.Day) {
	for day := d.From; day <= d.To; day = day.Add(1) {
		out = append(out, day)
	}
	return out
}

// fetch commits a reading of days and columns that began before now.
func (a *archive) fetch(d tables.Days, before time.Duration, checks []cache.Check, columns ...string) cache.Segment {
	a.Helper()
	ctx := context.Background()
	columns = sortedNames(append(columns, "id", "date", "account")...)
	r := reading{fetched: a.now.Add(-before), known: a.now, days: d, columns: columns, rows: map[tables.Day][]int64{}}
	var rows []tables.Row
	for _, day := range each(d) {
		for id := range a.r.IntN(4) {
			value := a.r.Int64N(5)
			r.rows[day] = append(r.rows[day], value)
			row := make(tables.Row, len(columns))
			for i, name := range columns {
				switch name {
				case "id":
					row[i] = int64(id)
				case "date":
					row[i] = day
				case "account":
					row[i] = "1"
				default:
					row[i] = value
				}
			}
			rows = append(rows, row)
		}
	}
	a.r.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	s := cache.Segment{ID: ulid.MustNew(ulid.Timestamp(r.fetched), ulid.DefaultEntropy()).String(), FetchedAt: r.fetched, KnownAt: r.known, Epoch: a.epoch,
		Span: cache.Span{Source: "ads", Table: "perf", Account: "1", Days: d, Columns: columns}, Checks: checks}
	var err error
	if s.Rows, s.Bytes, err = a.store.Write(ctx, s.ID, a.columns(columns), func(yield func(tables.Row, error) bool) {
		for _, row := range rows {
			if !yield(row, nil) {
				return
			}
		}
	}); err != nil {
		a.Fatal(err)
	}
	live, err := a.index.Segments(ctx, "ads", "perf", "1")
	if err != nil {
		a.Fatal(err)
	}
	change := cache.Change{Add: []cache.Segment{s}, At: a.now}
	for _, old := range live {
		if !slices.ContainsFunc(each(old.Days), func(day tables.Day) bool {
			was, _ := part(old, day)
			return !slices.ContainsFunc(append(live, s), func(n cache.Segment) bool {
				is, _ := part(n, day)
				return n.Days.Contains(day) && within(n.Columns, old.Columns) && is.After(was)
			})
		}) {
			change.Retire = append(change.Retire, old.ID)
		}
	}
	if err := a.index.Commit(ctx, change); err != nil {
		a.Fatal(err)
	}
	a.readings = append(a.readings, r)
	return s
}

func (a *archive) forget() {
	if _, err := a.index.Forget(context.Background(), "ads", "perf", "1", a.now); err != nil {
		a.Fatal(err)
	}
	a.epoch++
	a.forgets = append(a.forgets, a.now)
}

func (a *archive) columns(names []string) (out []tables.Column) {
	for _, name := range names {
		out = append(out, *a.table.Lookup(name))
	}
	return out
}

// knew is what the model says was known of a day at a moment: "fetched: rows".
func (a *archive) knew(at time.Time, day tables.Day, columns []string) string {
	if best := a.best(at, day, columns); best != nil {
		return fmt.Sprint(best.fetched.Format(time.RFC3339), best.rows[day])
	}
	return "nothing"
}

// best is the reading that decided at a moment.
func (a *archive) best(at time.Time, day tables.Day, columns []string) (best *reading) {
	for i := range a.readings {
		r := &a.readings[i]
		if r.known.After(at) || !r.days.Contains(day) || !within(r.columns, columns) ||
			slices.ContainsFunc(a.forgets, func(f time.Time) bool { return !r.known.After(f) && !f.After(at) }) {
			continue
		}
		if best == nil || r.fetched.After(best.fetched) {
			best = r
		}
	}
	return best
}

// knows is what the segments say of it.
func (a *archive) knows(history []cache.Segment, at time.Time, day tables.Day, columns []string) string {
	var best *cache.Segment
	var bestFetched time.Time
	for i, s := range history {
		fetched, known := part(s, day)
		if known.After(at) || !s.RetiredAt.IsZero() && !s.RetiredAt.After(at) || !s.Days.Contains(day) || !within(s.Columns, columns) {
			continue
		}
		if best == nil || cmp.Or(fetched.Compare(bestFetched), cmp.Compare(s.ID, best.ID)) > 0 {
			best, bestFetched = &history[i], fetched
		}
	}
	switch {
	case best == nil:
		return "nothing"
	case best.Gone:
		return "given up: " + best.ID
	}
	type row struct{ id, value int64 }
	var rows []row
	for r, err := range a.store.Read(context.Background(), place(*best), a.columns([]string{"date", "id", "cost", "clicks", "sales", "account"})) {
		if err != nil {
			return err.Error()
		}
		if r[0] != day {
			continue
		}
		value := int64(-1)
		for i, name := range []string{"cost", "clicks", "sales"} {
			switch v := r[2+i].(type) {
			case int64:
				value = v
			case nil:
				if slices.Contains(columns, name) {
					return "a column of " + best.ID + " is unknown"
				}
			}
		}
		rows = append(rows, row{r[1].(int64), value})
	}
	slices.SortFunc(rows, func(a, b row) int { return cmp.Compare(a.id, b.id) })
	var values []int64
	for _, r := range rows {
		values = append(values, r.value)
	}
	return fmt.Sprint(bestFetched.Format(time.RFC3339), values)
}

// asOf compares what the cache answers as of a moment.
func (a *archive) asOf(when string, at time.Time, days tables.Days, columns []string) {
	a.Helper()
	q := tables.Scan{Table: "perf", Account: "1", Days: days, Columns: append([]string{"_fetched_at"}, columns...), AsOf: at}
	files, release, err := a.wrapped.Files(context.Background(), q)
	if fault.Is(err, fault.Gap) {
		files, release, err = nil, func() {}, nil
	}
	if err != nil {
		a.Fatalf("%s: as of %s: %v", when, at, err)
	}
	defer release()
	got := map[tables.Day][]string{}
	for _, f := range files {
		rows, err := a.store.Rows(f.Path, append([]string{"date", "id", "_fetched_at"}, columns...))
		if err != nil {
			a.Fatal(err)
		}
		for _, r := range rows {
			day := r[0].(tables.Day)
			if f.Day != "" && !f.Days.Contains(day) {
				continue
			}
			if c, ok := f.Const["_fetched_at"]; ok {
				r[2] = c
			}
			got[day] = append(got[day], fmt.Sprint(r[1:]...))
		}
	}
	for _, day := range each(q.Days) {
		var want []string
		if r := a.best(at, day, columns); r != nil {
			for id, value := range r.rows[day] {
				row := []any{int64(id), r.fetched}
				for range columns {
					row = append(row, value)
				}
				want = append(want, fmt.Sprint(row...))
			}
		}
		slices.Sort(got[day])
		if !slices.Equal(got[day], want) {
			a.Fatalf("%s: %s %q as of %s is answered with %q, not %q", when, day, columns, at, got[day], want)
		}
	}
}

// check compares the segments with the model, now and as of every moment at
// which something changed.
func (a *archive) check(when string) {
	a.Helper()
	ctx := context.Background()
	history, err := a.index.History(ctx, "ads", "perf", "1")
	if err != nil {
		a.Fatal(err)
	}
	moments := append([]time.Time{a.now}, a.forgets...)
	for _, r := range a.readings {
		moments = append(moments, r.known, r.known.Add(-time.Microsecond))
	}
	for len(moments) > 6 { // some of them
		i := 1 + a.r.IntN(len(moments)-1)
		moments = slices.Delete(moments, i, i+1)
	}
	for _, at := range moments {
		for _, columns := range [][]string{{"cost"}, {"clicks"}, {"sales"}, {"cost", "clicks"}, {"cost", "clicks", "sales"}} {
			to := tables.DayOf(a.now)
			a.asOf(when, at, tables.Days{From: to.Add(-200), To: to}, columns)
			for day := tables.DayOf(a.now).Add(-200); day <= tables.DayOf(a.now); day = day.Add(1) {
				if got, want := a.knows(history, at, day, columns), a.knew(at, day, columns); got != want {
					a.Fatalf("%s: %s %q as of %s is %s, not %s", when, day, columns, at, got, want)
				}
			}
		}
	}
	// What is known now of a single day is planned on whole segments.
	for range 20 {
		day := tables.DayOf(a.now).Add(-a.r.IntN(150))
		a.asOf(when, a.now, tables.Days{From: day, To: day}, [][]string{{"cost"}, {"clicks"}}[a.r.IntN(2)])
	}
	files, err := a.store.List(ctx)
	if err != nil {
		a.Fatal(err)
	}
	for _, s := range history {
		if !s.Gone && !slices.Contains(files, place(s)) {
			a.Fatalf("%s: segment %s has no file", when, s.ID)
		}
	}
}

// tidy says that the hive folders hold every settled cell of a month that is
// over once at most, sorted, and nothing that has been retired.
func (a *archive) tidy() {
	a.Helper()
	ctx := context.Background()
	history, err := a.index.History(ctx, "ads", "perf", "1")
	if err != nil {
		a.Fatal(err)
	}
	held := map[tables.Day]string{}
	for _, s := range history {
		if s.Gone {
			continue
		}
		month, ok := strings.CutPrefix(s.Place, "settled/source=ads/table=perf/account=1/month=")
		if !ok {
			if s.Place != "" {
				a.Errorf("%s lies in %s", s.ID, s.Place)
			}
			continue
		}
		if !s.RetiredAt.IsZero() {
			a.Errorf("%s is retired and lies in %s", s.ID, s.Place)
		}
		if month != string(s.Days.From[:7])+"/"+s.ID || month != string(s.Days.To[:7])+"/"+s.ID {
			a.Errorf("%s of %v lies in %s", s.ID, s.Days, s.Place)
		}
		for _, day := range each(s.Days) {
			if fetched, _ := part(s, day); tables.DayOf(fetched).Sub(day) < 6 {
				a.Errorf("%s holds %s, which was not settled", s.ID, day)
			}
			if held[day] != "" {
				a.Errorf("%s holds %s, and %s too", s.ID, day, held[day])
			}
			held[day] = s.ID
		}
		last := ""
		for row, err := range a.store.Read(ctx, s.Place, append(a.columns([]string{"date", "id"}), tables.Column{Name: "_fetched_at", Type: tables.Timestamp})) {
			if err != nil {
				a.Fatal(err)
			}
			if is := fmt.Sprint(row[0], row[1]); is <= last {
				a.Errorf("%s comes after %s", is, last)
			} else {
				last = is
			}
			if fetched, _ := part(s, row[0].(tables.Day)); (row[2] == nil) != (s.Parts == nil) || row[2] != nil && !row[2].(time.Time).Equal(fetched) {
				a.Errorf("%s says %v, not %v", s.ID, row[2], fetched)
			}
		}
		if !slices.IsSortedFunc(s.Parts, func(x, y cache.Part) int { return cmp.Compare(x.Days.From, y.Days.From) }) {
			a.Errorf("parts of %s are %+v", s.ID, s.Parts)
		}
	}
}

var errPulled = errors.New("the plug was pulled")

// crash makes the n-th call to the index or the store fail, and all after it.
func (a *archive) crash(n int) {
	fail := func(string) error {
		if n--; n < 0 {
			return errPulled
		}
		return nil
	}
	a.index.Fail, a.store.Fail = fail, fail
}

func (a *archive) mend() {
	a.index.Fail, a.store.Fail = nil, nil
	a.open()
}

// FuzzCompact: whatever was fetched, forgotten and compacted in whatever order,
// and wherever a process died meanwhile, every answer, now and as of any
// moment, is that of the model.
func FuzzCompact(f *testing.F) {
	for s := range uint64(16) {
		f.Add(s)
	}
	f.Add(uint64(142)) // a copy outside the hive of what is in place there
	f.Fuzz(func(t *testing.T, seed uint64) {
		a := newArchive(t, seed)
		ctx := context.Background()
		for round := range 4 {
			for range 1 + a.r.IntN(9) {
				a.now = a.now.Add(time.Duration(1+a.r.IntN(200)) * time.Hour)
				from := tables.DayOf(a.now).Add(-a.r.IntN(100))
				d := tables.Days{From: from, To: min(from.Add(a.r.IntN(50)), tables.DayOf(a.now))}
				columns := [][]string{{"cost"}, {"clicks"}, {"cost", "clicks"}, {"cost", "clicks"}, {"cost", "clicks", "sales"}}[a.r.IntN(5)]
				var checks []cache.Check
				if a.r.IntN(4) == 0 {
					checks = []cache.Check{{Column: "cost", Rows: "1", Source: "1", Break: a.r.IntN(6) == 0}}
				}
				a.fetch(d, time.Duration(a.r.IntN(300))*time.Minute, checks, columns...)
				if a.r.IntN(15) == 0 {
					a.now = a.now.Add(time.Minute)
					a.forget()
				}
			}
			a.now = a.now.Add(time.Duration(a.r.IntN(60*24)) * time.Hour)
			a.check("before")
			if a.r.IntN(2) == 0 {
				a.crash(a.r.IntN(25))
				_, err := a.cache.Compact(ctx, "ads", "perf", "1")
				if err != nil && !errors.Is(err, errPulled) {
					t.Fatal(err)
				}
				a.mend()
				a.check("after a crash")
				a.now = a.now.Add(time.Minute)
			}
			if _, err := a.cache.Compact(ctx, "", "", ""); err != nil {
				t.Fatal(err)
			}
			a.check(fmt.Sprint("after round ", round))
			a.now = a.now.Add(time.Minute)
			if moved, err := a.cache.Compact(ctx, "ads", "", ""); moved != 0 || err != nil {
				t.Fatalf("compacted again: %d cells, %v", moved, err)
			}
			a.check("after nothing")
			a.tidy()
		}
	})
}

// A crash at every single step.
func TestCompactDies(t *testing.T) {
	for n := 0; ; n++ {
		a := newArchive(t, 7)
		a.now = time.Date(2026, 10, 20, 3, 0, 0, 0, time.UTC)
		for i := range 5 {
			a.fetch(tables.Days{From: tables.Day("2026-08-28").Add(6 * i), To: tables.Day("2026-08-28").Add(6*i + 5)}, 0, nil, "cost")
			a.now = a.now.Add(time.Hour)
		}
		a.crash(n)
		moved, err := a.cache.Compact(context.Background(), "ads", "perf", "1")
		a.mend()
		a.check(fmt.Sprintf("after step %d", n))
		if err == nil {
			if moved != 30 || n < 10 {
				t.Errorf("%d cells in %d steps", moved, n)
			}
			return
		}
		a.now = a.now.Add(time.Minute)
		if _, err := a.cache.Compact(context.Background(), "ads", "perf", "1"); err != nil {
			t.Fatal(err)
		}
		a.check(fmt.Sprintf("mended after step %d", n))
		a.tidy()
	}
}

func TestCompact(t *testing.T) {
	a := newArchive(t, 3)
	ctx := context.Background()
	days := func(from, to tables.Day) tables.Days { return tables.Days{From: "2026-" + from, To: "2026-" + to} }
	compact := func(want int64) {
		t.Helper()
		if moved, err := a.cache.Compact(ctx, "ads", "perf", "1"); moved != want || err != nil {
			t.Errorf("%d cells, not %d: %v", moved, want, err)
		}
		a.check("now")
		a.tidy()
	}
	live := func(want ...string) {
		t.Helper()
		var got []string
		segments, _ := a.index.Segments(ctx, "ads", "perf", "1")
		for _, s := range segments {
			in := "hive"
			if s.Place == "" {
				in = "plain"
			}
			got = append(got, fmt.Sprint(in, " ", s.Days.From[5:], "..", s.Days.To[5:], " ", len(s.Parts), " ", cache.Quality(s.Checks)))
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("live are %q, not %q", got, want)
		}
	}
	tied := []cache.Check{{Column: "cost", Rows: "7", Source: "7"}}

	a.now = time.Date(2026, 10, 5, 3, 0, 0, 0, time.UTC)
	a.fetch(days("09-10", "10-05"), 0, nil, "cost") // of which 09-30 and later are provisional
	compact(0)                                      // the month is over, but not settled
	a.now = time.Date(2026, 10, 9, 3, 0, 0, 0, time.UTC)
	a.fetch(days("09-28", "10-08"), 0, tied, "cost")
	compact(21)
	live("hive 09-10..09-30 2 unchecked", "plain 09-28..10-08 0 ok") // the original holds days of October too
	compact(0)
	a.now = time.Date(2026, 10, 12, 3, 0, 0, 0, time.UTC)
	a.fetch(days("09-01", "09-09"), 0, tied, "cost")
	compact(30)
	live("hive 09-01..09-30 3 unchecked", "plain 09-28..10-08 0 ok")
	segments, _ := a.index.Segments(ctx, "ads", "perf", "1")
	for _, s := range segments {
		if len(s.Parts) == 3 && (s.Parts[0].Checks[0] != tied[0] || s.Parts[1].Checks != nil || s.Parts[2].Checks[0] != cache.Check{Column: "cost"}) {
			t.Errorf("the parts are %+v", s.Parts)
		}
	}

	// Read anew by hand: the version of before stays for AS OF, outside the hive.
	a.now = a.now.Add(time.Hour)
	a.fetch(days("09-05", "09-05"), 0, nil, "cost")
	compact(30)
	live("hive 09-01..09-30 5 unchecked", "plain 09-28..10-08 0 ok")

	// A wider one takes the days out of the file of the narrow ones.
	a.now = a.now.Add(time.Hour)
	a.fetch(days("09-20", "09-21"), 0, nil, "cost", "clicks")
	compact(30)
	live("hive 09-01..09-19 4 unchecked", "hive 09-20..09-21 0 unchecked", "hive 09-22..09-30 2 unchecked", "plain 09-28..10-08 0 ok")
	a.now = time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)
	a.fetch(days("10-01", "10-31"), 0, tied, "cost")
	compact(31)
	live("hive 09-01..09-19 4 unchecked", "hive 09-20..09-21 0 unchecked", "hive 09-22..09-30 2 unchecked", "hive 10-01..10-31 0 ok")

	// A break stays apart, and does not stand for anything.
	a.now = a.now.Add(time.Hour)
	a.fetch(days("09-20", "09-20"), 0, []cache.Check{{Column: "cost", Break: true}}, "cost")
	compact(0)
	a.now = a.now.Add(time.Hour)
	a.forget()
	compact(0)
	live()
	history, _ := a.index.History(ctx, "ads", "perf", "1")
	files, _ := a.store.List(ctx)
	for _, s := range history {
		if inHive := strings.HasPrefix(s.Place, "settled/"); inHive && !s.Gone {
			t.Errorf("%s stays in the hive", s.Place)
		}
	}
	if len(files) < 8 {
		t.Errorf("the files are %q", files)
	}
}

// A file that is gone, or a segment that another process has retired, while it
// is compacted: the rest goes on.
func TestCompactIsOvertaken(t *testing.T) {
	a := newArchive(t, 3)
	ctx := context.Background()
	a.now = time.Date(2026, 10, 20, 3, 0, 0, 0, time.UTC)
	a.fetch(tables.Days{From: "2026-09-01", To: "2026-09-10"}, 0, nil, "cost")
	a.now = a.now.Add(time.Hour)
	s := a.fetch(tables.Days{From: "2026-09-11", To: "2026-09-30"}, 0, nil, "cost")
	before, _ := a.store.List(ctx)
	once := false
	a.store.Fail = func(method string) error {
		if method == "Write" && !once {
			once = true
			a.fetch(tables.Days{From: "2026-09-01", To: "2026-09-10"}, 0, nil, "cost")
		}
		return nil
	}
	a.now = a.now.Add(time.Hour)
	if moved, err := a.cache.Compact(ctx, "ads", "perf", "1"); moved != 0 || err != nil {
		t.Errorf("%d, %v", moved, err)
	}
	a.check("overtaken")
	if files, _ := a.store.List(ctx); len(files) != len(before)+1 {
		t.Errorf("the files are %q", files)
	}
	a.store.Fail = nil
	if err := a.store.Remove(ctx, s.ID); err != nil {
		t.Fatal(err)
	}
	if moved, err := a.cache.Compact(ctx, "ads", "perf", "1"); moved != 0 || err != nil {
		t.Errorf("%d, %v", moved, err)
	}
	if files, _ := a.store.List(ctx); len(files) != len(before) {
		t.Errorf("the files are %q", files)
	}
	if _, err := a.store.Path(ctx, s.ID); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}
