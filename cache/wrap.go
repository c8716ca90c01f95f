package cache

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"sync"
	"time"

	"argo/tables"
	"argo/tables/fault"

	"golang.org/x/sync/errgroup"
)

// Options of a Cache.
type Options struct {
	Index Index
	Store Store
	Now   func() time.Time // default time.Now
	Log   *slog.Logger     // default slog.Default
	// MaxBytes is the budget of all segments; 0: none. It is kept at every
	// commit and by Sweep; what is being read is spared.
	MaxBytes int64
	Parallel int // fetches of one source that run at once; default 4
	// Fingerprint, where non-nil, gives a text that changes with the
	// configuration of a source (a hash of its options): the accounts that were
	// remembered under another one are not taken for those of today.
	Fingerprint func(source string) string
}

// Cache keeps what was fetched from the tables that it wraps. It is safe for
// concurrent use. Several processes may share one Index and Store: what they
// commit is whole and what one forgets the other never brings back, but each
// has its own single flight, and a file that one drops is gone for a reader in
// the other, which then fetches it again.
type Cache struct {
	o     Options
	wg    sync.WaitGroup // fetches under way
	evict sync.Mutex     // one eviction at a time
	shelf shelf          // the tables as their sources gave them

	mu      sync.Mutex // guards everything below, and every flight
	books   map[key]*book
	lanes   map[string]*lane
	rosters map[string]*roster
	pins    map[string]int  // readers of a segment, and the fetch that writes it
	doomed  map[string]bool // dropped while pinned: removed with the last pin
	bytes   int64           // of all segments, as far as this process knows
}

type key struct{ source, table, account string }

// book serialises the index of one table and account within the process: what
// is read from the index and pinned under its lock is not removed.
type book struct {
	sync.Mutex
	flights []*flight // guarded by Cache.mu
}

// touchAfter is how coarse UsedAt is: a dashboard that reloads every minute
// should not write to the index every minute.
const touchAfter = 10 * time.Minute

// New makes a cache; the caller runs Sweep once before the first scan.
func New(o Options) (*Cache, error) {
	if o.Index == nil || o.Store == nil {
		return nil, errors.New("cache: Index and Store must be given")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Parallel <= 0 {
		o.Parallel = 4
	}
	return &Cache{o: o, books: map[key]*book{}, lanes: map[string]*lane{}, rosters: map[string]*roster{},
		pins: map[string]int{}, doomed: map[string]bool{}}, nil
}

// Close waits for the fetches under way. A fetch ends soon after the last
// statement that waits for it has gone, so end the statements first.
func (c *Cache) Close() { c.wg.Wait() }

// Wrap puts the cache in front of a table of a source (the name of the
// connection). The table that comes back has Files instead of Scan; its files
// are whole segments that hold at least the columns of the scan, each
// restricted to the days that it answers (File.Days) where it holds more. A
// segment without rows is left out, so the list may be empty. Its Accounts are
// remembered for an hour.
//
// Files fails as the table's Scan fails, and as its Accounts; a scan that
// waits for a cell that another one fetches fails with that one's fault.
func (c *Cache) Wrap(source string, t tables.Table) tables.Table {
	if t.Scan == nil {
		return t
	}
	c.shelf.put(source, t)
	w := t
	w.Scan = nil
	if t.Accounts != nil {
		w.Accounts = func(ctx context.Context) ([]tables.Account, error) {
			return c.accounts(ctx, source, t.Accounts)
		}
		w.Roster = func(ctx context.Context) ([]tables.Account, int, error) { return c.remembered(ctx, source) }
	}
	w.Files = func(ctx context.Context, s tables.Scan) ([]tables.File, func(), error) {
		return c.files(ctx, source, t, s)
	}
	return w
}

// files answers one scan.
func (c *Cache) files(ctx context.Context, source string, t tables.Table, s tables.Scan) ([]tables.File, func(), error) {
	columns, err := wanted(t, s)
	if err != nil {
		return nil, nil, err
	}
	zone, err := c.calendar(ctx, source, t, s.Account)
	if err != nil {
		return nil, nil, err
	}
	now := c.o.Now().In(zone)
	q := &request{
		c: c, t: t, book: c.book(key{source, t.Name, s.Account}),
		want: Span{Source: source, Table: t.Name, Account: s.Account, Days: s.Days, Columns: columns},
		good: func(seg Segment, d tables.Day) bool {
			return t.Fresh.Good(seg.FetchedAt.In(zone), d, now, s.MaxAge)
		},
	}
	for try := 0; ; try++ {
		files, lost, err := q.answer(ctx)
		if err == nil {
			c.touch(ctx, q.used, now)
			return files, sync.OnceFunc(q.release), nil
		}
		q.release()
		// The index knows a file that is gone: somebody emptied the folder.
		// Forget the segment, so that its cells are gaps again.
		if !errors.Is(err, fs.ErrNotExist) || lost == "" || try == 3 {
			return nil, nil, err
		}
		c.o.Log.WarnContext(ctx, "a segment's file is gone; its cells are fetched again", "segment", lost, "table", t.Name)
		if err := c.o.Index.Commit(ctx, Change{Drop: []string{lost}}); err != nil {
			return nil, nil, fmt.Errorf("drop segment %s: %w", lost, err)
		}
	}
}

// wanted gives the sorted columns that a scan needs: those it asks for and
// those that every fetch holds.
func wanted(t tables.Table, s tables.Scan) ([]string, error) {
	if (t.Day != "") == s.Days.IsZero() || (s.Days.From == "") != (s.Days.To == "") || s.Days.From > s.Days.To {
		return nil, fault.New(fault.Internal, "a scan of %s asks for the days %q to %q", t.Name, s.Days.From, s.Days.To)
	}
	columns := append(slices.Clone(s.Columns), t.Key...)
	for _, name := range []string{t.Account, t.Day} {
		if name != "" {
			columns = append(columns, name)
		}
	}
	if t.Whole {
		for _, c := range t.Columns {
			columns = append(columns, c.Name)
		}
	}
	if len(columns) == 0 {
		columns = append(columns, t.Columns[0].Name) // COUNT(*) of a table without a key
	}
	for _, name := range columns {
		if t.Lookup(name) == nil {
			return nil, fault.New(fault.Internal, "the table %s has no column %s", t.Name, name)
		}
	}
	return sorted(columns), nil
}

// request is one scan on its way: what it has pinned and what it waits for.
type request struct {
	c    *Cache
	t    tables.Table
	book *book
	want Span
	good func(Segment, tables.Day) bool

	found   []Use     // what the index answers
	pinned  []Segment // its segments
	flights []*flight // fetches of the rest: own ones and joined ones
	used    []Segment // what answers in the end
}

// answer plans, fetches what is missing, and gives the files. With an error
// that is fs.ErrNotExist comes the segment that has lost its file.
func (q *request) answer(ctx context.Context) (files []tables.File, lost string, err error) {
	cached, missed, err := q.board(ctx)
	if err != nil {
		return nil, "", err
	}
	wait, waitCtx := errgroup.WithContext(ctx)
	for _, f := range q.flights {
		wait.Go(func() error { return f.wait(waitCtx) })
	}
	if err := wait.Wait(); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, "", err
	}
	use := q.found
	if len(q.flights) > 0 {
		// Every gap now lies in a segment of a flight, which answers however old
		// the statement wants its cells to be at most.
		have, fetched := slices.Clone(q.pinned), map[string]bool{}
		for _, f := range q.flights {
			have = append(have, f.segment)
			fetched[f.segment.ID] = true
		}
		var gaps []Span
		use, gaps = Plan(q.want, have, func(s Segment, d tables.Day) bool { return fetched[s.ID] || q.good(s, d) })
		if len(gaps) > 0 {
			return nil, "", fault.New(fault.Internal, "the days %s to %s of %s were fetched and are not there",
				gaps[0].Days.From, gaps[0].Days.To, q.t.Name)
		}
	}
	trace := tables.TraceOf(ctx)
	for _, u := range use {
		trace.AsOf(u.Segment.FetchedAt)
		q.used = append(q.used, u.Segment)
		if u.Segment.Rows == 0 {
			continue
		}
		path, err := q.c.o.Store.Path(ctx, u.Segment.ID)
		if err != nil {
			return nil, u.Segment.ID, fmt.Errorf("open segment %s: %w", u.Segment.ID, err)
		}
		f := tables.File{Path: path, Rows: u.Segment.Rows, Bytes: u.Segment.Bytes, AsOf: u.Segment.FetchedAt}
		if u.Days != u.Segment.Days {
			f.Day, f.Days, f.Rows = q.t.Day, u.Days, -1
		}
		files = append(files, f)
	}
	trace.Cells(cached, missed)
	return files, "", nil
}

// board pins what the index has and joins or starts a fetch for every cell
// that it has not.
func (q *request) board(ctx context.Context) (cached, missed int64, err error) {
	c := q.c
	q.book.Lock()
	defer q.book.Unlock()
	have, err := c.o.Index.Segments(ctx, q.want.Source, q.want.Table, q.want.Account)
	if err != nil {
		return 0, 0, fmt.Errorf("read the index of %s: %w", q.t.Name, err)
	}
	found, gaps := Plan(q.want, have, q.good)
	epoch := int64(0)
	if len(gaps) > 0 {
		if epoch, err = c.o.Index.Epoch(ctx, q.want.Source, q.want.Table, q.want.Account); err != nil {
			return 0, 0, fmt.Errorf("read the index of %s: %w", q.t.Name, err)
		}
	}

	c.mu.Lock()
	defer c.mu.Unlock()
	q.found, q.pinned, q.flights, q.used = found, nil, nil, nil
	pinned := map[string]bool{}
	for _, u := range found {
		if !pinned[u.Segment.ID] {
			pinned[u.Segment.ID] = true
			q.pinned = append(q.pinned, u.Segment)
			c.pins[u.Segment.ID]++
		}
		cached += count(u.Days)
	}
	var own []*flight
	for _, g := range gaps {
		rest, joined := q.join(g.Days)
		cached += joined
		for _, days := range rest {
			missed += count(days)
			for _, chunk := range days.Chunks(q.t.MaxDays) {
				span := g
				span.Days, span.Columns = chunk, q.columns(g.Columns)
				own = append(own, c.depart(ctx, q.book, q.t, span, epoch))
			}
		}
	}
	q.flights = append(q.flights, own...)
	c.schedule(q.want.Source, own)
	return cached, missed, nil
}

// join boards every flight under way that brings a cell of days with all
// wanted columns, and gives the ranges that none brings. c.mu is held.
func (q *request) join(days tables.Days) (rest []tables.Days, joined int64) {
	var able []*flight
	for _, f := range q.book.flights {
		if overlap(f.span.Days, days) && superset(f.span.Columns, q.want.Columns) {
			able = append(able, f)
		}
	}
	taken := true
	for day := range cells(days) {
		i := slices.IndexFunc(able, func(f *flight) bool { return holds(f.span.Days, day) })
		switch {
		case i >= 0:
			if f := able[i]; !slices.Contains(q.flights, f) {
				f.waiters++
				q.flights = append(q.flights, f)
			}
			joined++
		case taken:
			rest = append(rest, tables.Days{From: day, To: day})
		default:
			rest[len(rest)-1].From = day
		}
		taken = i >= 0
	}
	return rest, joined
}

// columns narrows those of a widened gap to what can be fetched together: the
// segments before may hold columns that the table has no longer, or that the
// source does not give beside the wanted ones.
func (q *request) columns(wide []string) []string {
	wide = slices.DeleteFunc(slices.Clone(wide), func(name string) bool { return q.t.Lookup(name) == nil })
	if q.t.Incompatible != nil && len(wide) > len(q.want.Columns) && q.t.Incompatible(wide) != nil {
		return q.want.Columns
	}
	return wide
}

// release lets go of everything; a segment that was dropped meanwhile is
// removed by its last reader.
func (q *request) release() {
	c := q.c
	c.mu.Lock()
	var gone []string
	for _, s := range q.pinned {
		gone = append(gone, c.unpin(s.ID)...)
	}
	for _, f := range q.flights {
		gone = append(gone, c.leave(f)...)
	}
	q.pinned, q.flights = nil, nil
	c.mu.Unlock()
	c.remove(gone)
}

// touch notes the use of segments for the eviction.
func (c *Cache) touch(ctx context.Context, used []Segment, now time.Time) {
	var ids []string
	for _, s := range used {
		if now.Sub(s.UsedAt) >= touchAfter && now.Sub(s.FetchedAt) >= touchAfter {
			ids = append(ids, s.ID)
		}
	}
	if len(ids) == 0 {
		return
	}
	if err := c.o.Index.Touch(ctx, ids, now.UTC()); err != nil && ctx.Err() == nil {
		c.o.Log.WarnContext(ctx, "the use of segments was not noted", "err", err)
	}
}

func (c *Cache) book(k key) *book {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := c.books[k]
	if b == nil {
		b = &book{}
		c.books[k] = b
	}
	return b
}
