package cache

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"argo/tables"
	"argo/tables/fault"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/oklog/ulid/v2"
)

// Options of a Cache.
type Options struct {
	Index Index
	Store Store
	Now   func() time.Time // default time.Now
	Log   *slog.Logger     // default slog.Default
	// MaxBytes is the budget of all segments; 0: none. It is kept at every
	// commit and by Sweep; what is being read is spared. Files that were given up
	// stay for the Grace beside it.
	MaxBytes int64
	History  History
	// Grace is how long the file of a segment stays after the index has given it
	// up, for statements in other processes: longer than any of them. Default
	// 15 minutes.
	Grace    time.Duration
	Parallel int // fetches of one source that people wait for at once; default 16: most of them wait for a reply, or for a budget
	// Owner names the process in claims, unlike any other's; "": made up.
	Owner string
	// Alive, where non-nil, says whether the process of an owner lives, so that
	// nobody waits for one that has died; nil: its claims run out.
	Alive func(owner string) bool
	// Alone, where non-nil, says that no other process uses the Store now: a file
	// that a crash left behind then needs no grace.
	Alone func() bool
	// Fingerprint, where non-nil, gives a text that changes with the
	// configuration of a source (a hash of its options): the accounts that were
	// remembered under another one are not taken for those of today.
	Fingerprint func(source string) string
}

// History says how much is kept for AS OF of what a newer reading has replaced.
type History struct {
	Keep     time.Duration // since it was replaced; default 400 days, negative: nothing
	MaxBytes int64         // default a third of Options.MaxBytes, negative: no limit
}

// Cache keeps what was fetched from the tables that it wraps. It is safe for
// concurrent use. Several processes may share one Index and Store: what they
// commit is whole, what one forgets the other never brings back, and a cell that
// one is fetching the others wait for.
type Cache struct {
	o       Options
	ctx     context.Context // of what nobody waits for; ends with Close
	stop    context.CancelFunc
	wg      sync.WaitGroup // fetches and whatever else is under way
	evict   sync.Mutex     // one eviction at a time
	shelf   shelf          // the tables as their sources gave them
	lists   *lists
	meter   meter
	faults  faults
	zones   zones
	touched *lru.Cache[string, time.Time] // when the use of a segment was last noted

	mu       sync.Mutex // guards everything below, and every flight
	closed   bool
	books    map[key]*book
	lanes    map[string]*lane
	rosters  map[string]*roster
	pins     map[string]int       // readers of a segment, and the fetch that writes it
	claims   map[string]time.Time // of this process: their ends
	beating  chan struct{}        // closed when they need not be looked after any more; nil: there are none
	vigils   map[string]*vigil    // for claims of other processes
	renewing int                  // requests in the background
	calm     chan struct{}        // closed when there are none any more; nil: there are none
	orphans  map[string]orphan    // files that no segment needs
	tidying  bool
	tidied   time.Time
	bytes    int64 // of all segments, as far as this process knows
	history  int64 // of those that are retired
}

type key struct{ source, table, account string }

// book serialises the index of one table and account within the process: what
// is read from the index and pinned under its lock is not given up.
type book struct {
	sync.Mutex
	last     time.Time // of the changes that are known
	gaveUp   time.Time // when this process last gave up something that answered
	flights  []*flight // guarded by Cache.mu, as is the next one
	renewing bool      // in the background
}

// touchAfter is how coarse UsedAt is: a dashboard that reloads every minute
// should not write to the index every minute.
const touchAfter = 10 * time.Minute

// New makes a cache; the caller runs Sweep once before the first scan, and now
// and then.
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
		o.Parallel = 16
	}
	if o.Grace <= 0 {
		o.Grace = 15 * time.Minute
	}
	if o.Owner == "" {
		o.Owner = ulid.Make().String()
	}
	if o.History.Keep == 0 {
		o.History.Keep = 400 * 24 * time.Hour
	}
	if o.History.MaxBytes == 0 {
		o.History.MaxBytes = o.MaxBytes / 3
	}
	c := &Cache{o: o, books: map[key]*book{}, lanes: map[string]*lane{}, rosters: map[string]*roster{}, pins: map[string]int{},
		claims: map[string]time.Time{}, vigils: map[string]*vigil{}, orphans: map[string]orphan{},
		meter: meter{index: o.Index, now: o.Now, warn: o.Log.WarnContext}}
	c.ctx, c.stop = context.WithCancel(context.Background())
	var err, err2 error
	c.lists, err = newLists(o.Index)
	c.touched, err2 = lru.New[string, time.Time](65536)
	return c, errors.Join(err, err2)
}

// Close ends what goes on in the background and waits for the fetches under way.
// A fetch ends soon after the last statement that waits for it has gone, so end
// the statements first.
func (c *Cache) Close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.stop()
	c.wg.Wait()
}

// now is the moment as segments have it.
func (c *Cache) now() time.Time { return c.o.Now().UTC().Truncate(time.Microsecond) }

// Costs gives what the fetches of a table were measured to cost.
func (c *Cache) Costs(ctx context.Context, source, table string) Costs {
	return c.meter.Costs(ctx, source, table)
}

// Wrap puts the cache in front of a table of a source (the name of the
// connection). The table that comes back has Files instead of Scan; its files
// are segments that hold at least the columns of the scan, each restricted to
// the days that it answers (File.Days) where it holds more. A segment without
// rows is left out, so the list may be empty. At the end of its columns are the
// cache's own, OwnColumns. It answers AS OF, says what a scan would cost
// (Estimate, without a call), and remembers its Accounts for four hours.
//
// A cell answers for as long as the table promises for every group of the
// columns that are asked for; before that time is over it is renewed in the
// background. Where the source is down or throttled an older reading answers,
// with a warning, unless the scan is Strict.
//
// Files fails as the table's Scan fails, and as its Accounts; a scan that
// waits for a cell that another one fetches fails with that one's fault.
func (c *Cache) Wrap(source string, t tables.Table) tables.Table {
	if t.Scan == nil {
		return t
	}
	c.shelf.put(source, t)
	w := t
	w.Scan, w.History = nil, true
	w.Columns = append(slices.Clone(t.Columns), OwnColumns(t)...)
	if t.Accounts != nil {
		w.Accounts = func(ctx context.Context) ([]tables.Account, error) {
			return c.accounts(ctx, source, t.Accounts)
		}
		w.Roster = func(ctx context.Context) ([]tables.Account, int, error) { return c.remembered(ctx, source) }
	}
	if t.Incompatible != nil {
		w.Incompatible = func(columns []string) error { return t.Incompatible(fetched(columns)) }
	}
	if t.Describe != nil {
		w.Describe = func(ctx context.Context) ([]tables.Column, error) {
			columns, err := t.Describe(ctx)
			return append(slices.Clone(columns), OwnColumns(t)...), err
		}
	}
	w.Files = func(ctx context.Context, s tables.Scan) ([]tables.File, func(), error) {
		return c.scan(ctx, source, t, s)
	}
	w.Estimate = func(ctx context.Context, s tables.Scan) (tables.Estimate, error) {
		return c.estimate(ctx, source, t, s)
	}
	return w
}

// scan answers one scan.
func (c *Cache) scan(ctx context.Context, source string, t tables.Table, s tables.Scan) ([]tables.File, func(), error) {
	c.tidy()
	if !s.AsOf.IsZero() {
		return c.asOf(ctx, source, t, s)
	}
	zone, err := c.calendar(ctx, source, t, s.Account)
	if err != nil {
		return nil, nil, err
	}
	w, err := newWish(source, t, s, c.o.Now().In(zone))
	if err != nil {
		return nil, nil, err
	}
	q := &request{wish: w, c: c, book: c.book(w.key()), strict: s.Strict, took: map[string]bool{}}
	files, err := q.serve(ctx, own(s.Columns))
	if err != nil {
		q.release()
		return nil, nil, err
	}
	return files, sync.OnceFunc(q.release), nil
}

// wanted gives the sorted columns that a scan needs: those it asks for and
// those that every fetch holds.
func wanted(t tables.Table, s tables.Scan, asked []string) ([]string, error) {
	if (t.Day != "") == s.Days.IsZero() || (s.Days.From == "") != (s.Days.To == "") || s.Days.From > s.Days.To {
		return nil, fault.New(fault.Internal, "a scan of %s asks for the days %q to %q", t.Name, s.Days.From, s.Days.To)
	}
	columns := withKey(t, asked)
	if t.Whole {
		for _, c := range t.Columns {
			columns = append(columns, c.Name)
		}
	}
	for _, name := range columns {
		if t.Lookup(name) == nil {
			return nil, fault.New(fault.Internal, "the table %s has no column %s", t.Name, name)
		}
	}
	return sorted(columns), nil
}

// touch notes the use of segments for the eviction.
func (c *Cache) touch(ctx context.Context, use []Use) {
	now := c.now()
	var ids []string
	for _, u := range use {
		s := u.Segment
		if now.Sub(s.UsedAt) < touchAfter || now.Sub(s.FetchedAt) < touchAfter || slices.Contains(ids, s.ID) {
			continue
		}
		if at, ok := c.touched.Get(s.ID); ok && now.Sub(at) < touchAfter {
			continue
		}
		c.touched.Add(s.ID, now)
		ids = append(ids, s.ID)
	}
	if len(ids) == 0 {
		return
	}
	if err := c.o.Index.Touch(ctx, ids, now); err != nil && ctx.Err() == nil {
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
