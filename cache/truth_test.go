package cache_test

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"iter"
	"log/slog"
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

	"github.com/cockroachdb/apd/v3"
)

// world is a source whose days are restated every three hours until they are
// three days old, whose accounts can be changed by an action, and which fails
// now and then; beside it is what it really was at any moment.
type world struct {
	mu     sync.Mutex
	r      *rand.Rand
	bumps  map[string][]time.Time // by account: changes
	down   time.Time              // until then
	untied bool                   // the totals are wrong
	calls  int
	final  map[string]int // finished readings of cells that were settled
}

// zones of the two accounts.
var zones = sync.OnceValue(func() map[string]*time.Location {
	return map[string]*time.Location{"1": tables.Account{Zone: "Asia/Seoul"}.Location(), "2": tables.Account{Zone: "America/Los_Angeles"}.Location()}
})

func zoneOf(account string) *time.Location { return zones()[account] }

// version of a day of an account at a moment.
func (w *world) version(account string, day tables.Day, at time.Time) int64 {
	start := time.Date(day.Time().Year(), day.Time().Month(), day.Time().Day(), 0, 0, 0, 0, zoneOf(account))
	n := int64(min(max(at.Sub(start), 0), 72*time.Hour) / (3 * time.Hour))
	for _, b := range w.bumps[account] {
		if !b.After(at) {
			n += 1000
		}
	}
	return n
}

// rows of a day in a version: some days have none.
func rowsOf(account string, day tables.Day, version int64) int {
	h := fnv.New32a()
	fmt.Fprint(h, account, day)
	if h.Sum32()%6 == 0 {
		return 0
	}
	fmt.Fprint(h, version)
	return 1 + int(h.Sum32()%3)
}

func (w *world) n(most int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.r.IntN(most)
}

func (w *world) scan(ctx context.Context, s tables.Scan) iter.Seq2[tables.Row, error] {
	return func(yield func(tables.Row, error) bool) {
		began := now()
		w.mu.Lock()
		w.calls++
		took := time.Duration(w.r.IntN(4000)) * time.Millisecond
		down, untied := began.Before(w.down), w.untied
		var rows []tables.Row
		clicks := int64(0)
		for _, day := range each(s.Days) {
			v := w.version(s.Account, day, began)
			for id := range rowsOf(s.Account, day, v) {
				row := make(tables.Row, len(s.Columns))
				for i, name := range s.Columns {
					switch name {
					case "account":
						row[i] = s.Account
					case "date":
						row[i] = day
					case "id":
						row[i] = int64(id)
					default:
						row[i] = v
					}
				}
				clicks += v
				rows = append(rows, row)
			}
		}
		w.mu.Unlock()
		select {
		case <-time.After(took):
		case <-ctx.Done():
			yield(nil, ctx.Err())
			return
		}
		for i, row := range rows {
			if down && i == len(rows)/2 {
				break
			}
			if !yield(row, nil) {
				return
			}
		}
		if down {
			yield(nil, fault.New(fault.Unavailable, "the source is down"))
			return
		}
		if s.Totals != nil && slices.Contains(s.Columns, "clicks") {
			if untied {
				clicks++
			}
			s.Totals(map[string]any{"clicks": clicks, "cost": apd.New(clicks*10, -1)})
		}
		tables.TraceOf(ctx).Fetched(int64(len(rows)), 0)
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, day := range each(s.Days) {
			if tables.DayOf(began.In(zoneOf(s.Account))).Sub(day) >= 6 {
				w.final[s.Account+string(day)]++
			}
		}
	}
}

func (w *world) table() tables.Table {
	return tables.Table{
		Name: "perf", Account: "account", Day: "date", Key: []string{"id"}, Since: "2026-01-01", MaxDays: 9,
		Columns: []tables.Column{{Name: "date", Type: tables.DateType}, {Name: "account", Type: tables.Ident}, {Name: "id", Type: tables.BigInt},
			{Name: "clicks", Type: tables.BigInt}, {Name: "sales", Type: tables.BigInt, Group: "late"}},
		Fresh:  tables.Freshness{Steps: []tables.Step{{Within: 1, Keep: 10 * time.Minute}, {Within: 4, Keep: 6 * time.Hour}}},
		Groups: map[string]tables.Freshness{"late": {Steps: []tables.Step{{Within: 1, Keep: time.Hour}, {Within: 6, Keep: 12 * time.Hour}}}},
		Scan:   w.scan,
		Accounts: func(context.Context) ([]tables.Account, error) {
			return []tables.Account{{ID: "1", Zone: "Asia/Seoul"}, {ID: "2", Zone: "America/Los_Angeles"}}, nil
		},
	}
}

var errKilled = errors.New("killed")

// process is one Argo. After it was killed nothing of it reaches what is shared.
type process struct {
	cache *cache.Cache
	table tables.Table
	dead  atomic.Bool
	ctx   context.Context
	kill  context.CancelFunc
}

type doomedIndex struct {
	*cachetest.Index
	p *process
}

type doomedStore struct {
	*cachetest.Store
	p *process
}

func (p *process) err() error {
	if p.dead.Load() {
		return errKilled
	}
	return nil
}

func (x doomedIndex) Segments(ctx context.Context, a, b, c string) ([]cache.Segment, error) {
	if err := x.p.err(); err != nil {
		return nil, err
	}
	return x.Index.Segments(ctx, a, b, c)
}

func (x doomedIndex) Version(ctx context.Context, a, b, c string) (int64, error) {
	if err := x.p.err(); err != nil {
		return 0, err
	}
	return x.Index.Version(ctx, a, b, c)
}

func (x doomedIndex) Commit(ctx context.Context, c cache.Change) error {
	if err := x.p.err(); err != nil {
		return err
	}
	return x.Index.Commit(ctx, c)
}

func (x doomedIndex) Board(ctx context.Context, a, b, c string, now time.Time, f func([]cache.Segment, []cache.Claim, int64) []cache.Claim) error {
	if err := x.p.err(); err != nil {
		return err
	}
	return x.Index.Board(ctx, a, b, c, now, f)
}

func (x doomedIndex) Extend(ctx context.Context, ids []string, until time.Time) error {
	if err := x.p.err(); err != nil {
		return err
	}
	return x.Index.Extend(ctx, ids, until)
}

func (x doomedIndex) Release(ctx context.Context, ids []string) error {
	if err := x.p.err(); err != nil {
		return err
	}
	return x.Index.Release(ctx, ids)
}

func (s doomedStore) Write(ctx context.Context, place string, columns []tables.Column, rows iter.Seq2[tables.Row, error]) (int64, int64, error) {
	if err := s.p.err(); err != nil {
		return 0, 0, err
	}
	return s.Store.Write(ctx, place, columns, func(yield func(tables.Row, error) bool) {
		for row, err := range rows {
			if err == nil {
				err = s.p.err()
			}
			if !yield(row, err) {
				return
			}
		}
		if err := s.p.err(); err != nil {
			yield(nil, err)
		}
	})
}

func (s doomedStore) Remove(ctx context.Context, place string) error {
	if err := s.p.err(); err != nil {
		return err
	}
	return s.Store.Remove(ctx, place)
}

// stage is two processes on one index and store, before one world.
type stage struct {
	*testing.T
	*world
	index     *cachetest.Index
	store     *cachetest.Store
	maxBytes  int64
	lossy     bool // cells may be read again although they are settled
	pure      bool // nothing happens that could make it so
	torn      bool // files vanish
	mu        sync.Mutex
	processes [2]*process
	forgotten map[string]time.Time // by account: when the last Forget had ended
	extracts  []extract
	asked     int
	stale     int
	failed    int
}

type extract struct {
	at      time.Time
	scan    tables.Scan
	rows    string
	unknown bool
}

func (s *stage) start(i int) {
	p := &process{}
	p.ctx, p.kill = context.WithCancel(context.Background())
	c, err := cache.New(cache.Options{Index: doomedIndex{s.index, p}, Store: doomedStore{s.store, p}, Now: now, MaxBytes: s.maxBytes,
		Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		s.Fatal(err)
	}
	p.cache, p.table = c, c.Wrap("ads", s.table())
	if err := c.Sweep(context.Background()); err != nil {
		s.Error(err)
	}
	s.mu.Lock()
	s.processes[i] = p
	s.mu.Unlock()
}

// read gives the rows of files as text, each once, sorted.
func (s *stage) read(files []tables.File, columns []string) (rows []tables.Row, text string) {
	var lines []string
	for _, f := range files {
		got, err := s.store.Rows(f.Path, append([]string{"date", "id"}, columns...))
		if err != nil {
			if !s.torn {
				s.Errorf("a file that is being read: %v", err)
			}
			return nil, "torn"
		}
		for _, row := range got {
			if f.Day != "" && !f.Days.Contains(row[0].(tables.Day)) {
				continue
			}
			rows = append(rows, row)
			lines = append(lines, fmt.Sprint(row...))
		}
	}
	slices.Sort(lines)
	if n := len(lines); len(slices.Compact(lines)) != n {
		s.Errorf("a row is there twice: %q", lines)
	}
	return rows, strings.Join(lines, "\n")
}

// ask compares an answer with what the world was.
func (s *stage) ask(p *process, q tables.Scan) {
	s.mu.Lock()
	forgotten := s.forgotten[q.Account]
	s.asked++
	s.mu.Unlock()
	trace := &tables.Trace{}
	asked := now()
	files, release, err := p.table.Files(tables.WithTrace(p.ctx, trace), q)
	answered := now()
	if err != nil {
		if k := fault.KindOf(err); p.ctx.Err() == nil && !p.dead.Load() && k != fault.Unavailable {
			s.Errorf("%+v: %v", q, err)
		}
		s.mu.Lock()
		s.failed++
		s.mu.Unlock()
		return
	}
	defer release()
	<-time.After(time.Duration(s.n(60)) * time.Second) // it is read for a while
	rows, text := s.read(files, q.Columns)
	if text == "torn" {
		return // the engine begins anew
	}
	stale := slices.ContainsFunc(trace.Warnings(), func(w error) bool { return fault.Is(w, fault.Stale) })
	if stale {
		s.mu.Lock()
		s.stale++
		s.mu.Unlock()
	}
	byDay := map[tables.Day][]tables.Row{}
	for _, row := range rows {
		byDay[row[0].(tables.Day)] = append(byDay[row[0].(tables.Day)], row)
	}
	s.world.mu.Lock()
	defer s.world.mu.Unlock()
	table := s.table()
	for _, day := range each(q.Days) {
		earliest := forgotten
		if q.Renew {
			earliest = asked
		} else if !stale {
			earliest = s.earliest(table, q, day, asked, forgotten)
		}
		least, most := s.version(q.Account, day, earliest), s.version(q.Account, day, answered)
		got := byDay[day]
		delete(byDay, day)
		if len(got) == 0 {
			if rowsOf(q.Account, day, most) > 0 {
				s.Errorf("%s of %s at %s: no rows", day, q.Account, asked)
			}
			continue
		}
		v := got[0][2].(int64)
		for _, row := range got {
			for _, is := range row[2:] {
				if is != v {
					s.Errorf("%s of %s at %s: two versions: %v", day, q.Account, asked, got)
				}
			}
		}
		if len(got) != rowsOf(q.Account, day, v) || v < least || v > most {
			s.Errorf("%s of %s asked at %s, answered at %s (forgotten %s, stale %v, %q): version %d of %d to %d, %d rows", day, q.Account, asked, answered, forgotten, stale, q.Columns, v, least, most, len(got))
		}
	}
	if len(byDay) > 0 {
		s.Errorf("rows of other days: %v", byDay)
	}
}

// earliest is the earliest moment a reading of a day may be of.
func (s *stage) earliest(t tables.Table, q tables.Scan, day tables.Day, asked, forgotten time.Time) time.Time {
	good := func(at time.Time) bool {
		for _, c := range q.Columns {
			f := t.Fresh
			if c == "sales" {
				f = t.Groups["late"]
			}
			if !f.Good(at.In(zoneOf(q.Account)), day, asked.In(zoneOf(q.Account)), q.MaxAge) {
				return false
			}
		}
		return true
	}
	// Days go on for ever once they are settled.
	at := asked.Add(-13 * time.Hour)
	if settled := day.Add(8).Time().Add(24 * time.Hour); at.After(settled) {
		return later(forgotten, settled)
	}
	for !good(at) && at.Before(asked) {
		at = at.Add(time.Minute)
	}
	return later(forgotten, at.Add(-time.Minute))
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// then asks as of a moment.
func (s *stage) then(p *process, q tables.Scan, at time.Time) (string, bool) {
	q.AsOf = at
	files, release, err := p.table.Files(p.ctx, q)
	if fault.Is(err, fault.Gap) {
		return "", true
	}
	if (s.maxBytes > 0 || s.torn) && fault.Is(err, fault.NotFound) { // given up for its space
		return "", false
	}
	if err != nil {
		if p.ctx.Err() == nil && !p.dead.Load() {
			s.Errorf("as of %s: %v", at, err)
		}
		return "", false
	}
	defer release()
	_, text := s.read(files, q.Columns)
	return text, text != "torn"
}

func (s *stage) query() tables.Scan {
	account := []string{"1", "2"}[s.n(2)]
	to := tables.DayOf(now().In(zoneOf(account))).Add(-s.n(12) * (1 + s.n(5)))
	return tables.Scan{Table: "perf", Account: account, Days: tables.Days{From: to.Add(-s.n(15)), To: to},
		Columns: [][]string{{"clicks"}, {"sales"}, {"clicks", "sales"}}[s.n(3)]}
}

func (s *stage) act() {
	s.mu.Lock()
	p := s.processes[s.n(2)]
	s.mu.Unlock()
	switch n := s.n(40); {
	case n < 25, s.pure && (n == 27 || n == 28 || n == 35 || n == 39):
		s.ask(p, s.query())
	case n < 27:
		q := s.query()
		q.MaxAge = time.Minute
		s.ask(p, q)
	case n < 29:
		q := s.query()
		q.Renew = true
		s.ask(p, q)
	case n < 33:
		q, at := s.query(), now()
		<-time.After(time.Millisecond) // the moment is over
		if rows, ok := s.then(p, q, at); ok {
			s.mu.Lock()
			s.extracts = append(s.extracts, extract{at: at, scan: q, rows: rows})
			s.mu.Unlock()
		}
	case n == 33:
		s.again(p, s.n(1000))
	case n == 34:
		if files, err := s.store.List(context.Background()); s.torn && err == nil && len(files) > 0 {
			if err := s.store.Remove(context.Background(), files[s.n(len(files))]); err != nil {
				s.Error(err)
			}
		}
	case n == 35:
		account := []string{"1", "2"}[s.n(2)]
		s.world.mu.Lock()
		s.bumps[account] = append(s.bumps[account], now())
		s.lossy = true
		s.world.mu.Unlock()
		began := now()
		if err := p.cache.Forget(p.ctx, "ads", "perf", account); err == nil {
			s.mu.Lock()
			s.forgotten[account] = later(s.forgotten[account], began)
			s.mu.Unlock()
		}
	case n == 36:
		if err := p.cache.Sweep(p.ctx); err != nil && !p.dead.Load() && p.ctx.Err() == nil {
			s.Error(err)
		}
	case n == 37:
		if _, err := p.cache.Compact(p.ctx, "ads", "perf", ""); err != nil && !p.dead.Load() && p.ctx.Err() == nil {
			s.Error(err)
		}
	case n == 38:
		s.world.mu.Lock()
		s.down, s.untied = now().Add(time.Duration(s.r.IntN(300))*time.Minute), !s.pure && s.r.IntN(4) == 0
		s.lossy = s.lossy || s.untied
		s.world.mu.Unlock()
	default:
		i := s.n(2)
		s.mu.Lock()
		p := s.processes[i]
		s.mu.Unlock()
		if p.dead.CompareAndSwap(false, true) {
			p.kill()
			s.start(i)
		}
	}
}

// again asks for an extract of before once more.
func (s *stage) again(p *process, i int) {
	s.mu.Lock()
	if len(s.extracts) == 0 {
		s.mu.Unlock()
		return
	}
	e := s.extracts[i%len(s.extracts)]
	s.mu.Unlock()
	if rows, ok := s.then(p, e.scan, e.at); ok && rows != e.rows {
		s.Errorf("%s %v %q as of %s was\n%s\nand is now\n%s", e.scan.Account, e.scan.Days, e.scan.Columns, e.at, e.rows, rows)
	}
}

// FuzzTruth lets two processes answer from a source that restates, fails, is
// changed and gives wrong totals, while they are killed, compact, forget, sweep
// and evict: every answer is what the source was at a moment that the promise
// allows, and what was known at a moment stays what it was.
func FuzzTruth(f *testing.F) {
	for s := range uint64(12) {
		f.Add(s)
	}
	zones()
	f.Fuzz(func(t *testing.T, seed uint64) {
		synctest.Test(t, func(t *testing.T) {
			s := &stage{T: t, index: cachetest.NewIndex(), store: cachetest.NewStore(), forgotten: map[string]time.Time{},
				world: &world{r: rand.New(rand.NewPCG(seed, 3)), bumps: map[string][]time.Time{}, final: map[string]int{}}}
			switch seed % 3 {
			case 1:
				s.pure = true
			case 2:
				s.maxBytes, s.torn, s.lossy = 20_000, seed%2 == 0, true
			}
			s.start(0)
			s.start(1)
			var wg sync.WaitGroup
			for range 4 {
				wg.Go(func() {
					for range 100 {
						<-time.After(time.Duration(s.n([]int{4, 3 * 3600}[s.n(2)])) * time.Second)
						s.act()
					}
				})
			}
			wg.Wait()
			<-time.After(time.Hour)
			for i := range s.extracts {
				s.again(s.processes[i%2], i)
			}
			for cell, n := range s.final {
				if n > 1 && !s.lossy {
					t.Errorf("the settled cell %s was read %d times", cell, n)
				}
			}
			for _, p := range s.processes {
				p.cache.Close()
			}
			if s.asked == 0 || s.failed > s.asked/4*3 {
				t.Errorf("%d of %d failed", s.failed, s.asked)
			}
			t.Logf("%d asked, %d stale, %d failed, %d calls, %d extracts", s.asked, s.stale, s.failed, s.calls, len(s.extracts))
		})
	})
}
