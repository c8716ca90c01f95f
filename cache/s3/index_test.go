package s3

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"argo/cache"
	"argo/cache/cachetest"
	"argo/tables"
	"argo/tables/fault"
)

func TestIndexConformance(t *testing.T) {
	cachetest.TestIndex(t, func(t *testing.T) func() cache.Index {
		o := options(server(t))
		return func() cache.Index { return newIndex(t, open(t, o), IndexOptions{}) }
	})
}

// TestIndexConformanceBadDay: the same with a server that is busy for every
// third request, loses replies, and cuts bodies.
func TestIndexConformanceBadDay(t *testing.T) {
	cachetest.TestIndex(t, func(t *testing.T) func() cache.Index {
		s := server(t)
		var n atomic.Int64
		s.Before = func(w http.ResponseWriter, r *http.Request) bool { return n.Add(1)%3 == 0 && busy(w) }
		s.After = func(*http.Request) bool { return n.Add(1)%7 == 0 }
		s.Cut = func(r *http.Request, size int) int {
			if n.Add(1)%11 == 0 {
				return size / 2
			}
			return -1
		}
		o := options(s)
		return func() cache.Index { return newIndex(t, open(t, o), IndexOptions{}) }
	})
}

// claims is what a node does for a statement: it books the days that nobody
// has or books, and says which.
func claims(ctx context.Context, x *Index, owner string, want tables.Days, now time.Time) (mine []cache.Claim, err error) {
	err = x.Board(ctx, "ads", "perf", "1", now, func(live []cache.Segment, booked []cache.Claim, epoch int64) []cache.Claim {
		mine = nil
		for day := want.From; day <= want.To; day = day.Add(1) {
			taken := slices.ContainsFunc(live, func(s cache.Segment) bool { return s.Days.Contains(day) }) ||
				slices.ContainsFunc(booked, func(c cache.Claim) bool { return c.Days.Contains(day) })
			if !taken {
				mine = append(mine, cache.Claim{ID: newID(), Owner: owner, Until: now.Add(30 * time.Second),
					Span: cache.Span{Source: "ads", Table: "perf", Account: "1", Days: tables.Days{From: day, To: day}}})
			}
		}
		return mine
	})
	return mine, err
}

// TestRace: nodes that ask for overlapping days at the same time fetch each day
// once, and every one of them finds it then; replies are lost meanwhile.
func TestRace(t *testing.T) {
	s := server(t)
	var n atomic.Int64
	s.After = func(*http.Request) bool { return n.Add(1)%23 == 0 }
	o := options(s)
	ctx := t.Context()
	var mu sync.Mutex
	fetched := map[tables.Day]int{}
	now := time.Now()
	first, plans := tables.Day("2026-01-01"), 40
	if testing.Short() {
		plans = 12
	}
	var wg sync.WaitGroup
	for node := range 4 {
		x := newIndex(t, open(t, o), IndexOptions{})
		random := rand.New(rand.NewPCG(1, uint64(node)))
		for lane := range 2 {
			plan := make([]tables.Days, plans)
			for i := range plan {
				from := first.Add(random.IntN(120))
				plan[i] = tables.Days{From: from, To: from.Add(random.IntN(8))}
			}
			wg.Go(func() {
				for _, want := range plan {
					mine, err := claims(ctx, x, fmt.Sprint("node", node, lane), want, now)
					if err != nil {
						t.Error(err)
						return
					}
					for _, c := range mine {
						mu.Lock()
						fetched[c.Days.From]++
						mu.Unlock()
						if err := x.Extend(ctx, []string{c.ID}, now.Add(time.Minute)); err != nil {
							t.Error(err)
						}
						if err := x.Commit(ctx, cache.Change{Add: []cache.Segment{segment(c.ID, "1", c.Days.From, c.Days.To)}, Claims: []string{c.ID}}); err != nil {
							t.Error(err)
						}
					}
				}
			})
		}
	}
	wg.Wait()
	x := newIndex(t, open(t, o), IndexOptions{})
	live, err := x.Segments(ctx, "ads", "perf", "1")
	must(t, err)
	if len(live) != len(fetched) {
		t.Errorf("%d segments of %d days", len(live), len(fetched))
	}
	for day, times := range fetched {
		if times != 1 {
			t.Errorf("%s was fetched %d times", day, times)
		}
	}
	if left, err := x.Claims(ctx, "ads", "perf", "1", now); err != nil || len(left) > 0 {
		t.Errorf("claims are left: %v %v", left, err)
	}
}

// dead is a node that dies at its nth request: it is not sent, or its reply
// never comes.
type dead struct {
	http.RoundTripper
	left  atomic.Int64
	after bool
}

var errDead = errors.New("the process has died")

func (d *dead) RoundTrip(r *http.Request) (*http.Response, error) {
	n := d.left.Add(-1)
	if n < 0 || n == 0 && !d.after {
		return nil, errDead
	}
	reply, err := d.RoundTripper.RoundTrip(r)
	if n == 0 && err == nil {
		reply.Body.Close()
		return nil, errDead
	}
	return reply, err
}

// TestKill: a node is killed before or after any of its requests. Whoever
// looks then finds a file for every segment, nothing half done, no cell that is
// booked for ever, and can go on.
func TestKill(t *testing.T) {
	ctx := t.Context()
	for _, after := range []bool{false, true} {
		for at := int64(1); ; at++ {
			o := options(server(t))
			healthy := open(t, o)
			x, store := newIndex(t, healthy, IndexOptions{}), newStore(t, healthy, t.TempDir(), StoreOptions{})
			must(t, put(ctx, x, store, "", "1"))
			before, err := x.Segments(ctx, "ads", "perf", "1")
			must(t, err)

			d := &dead{RoundTripper: http.DefaultTransport, after: after}
			d.left.Store(at)
			dying := o
			dying.HTTP = &http.Client{Transport: d}
			b := open(t, dying)
			y, err := NewIndex(b, IndexOptions{})
			must(t, err)
			dyingStore := newStore(t, b, t.TempDir(), StoreOptions{})
			life := func() error {
				if err := put(ctx, y, dyingStore, before[0].ID, "1"); err != nil {
					return err
				}
				if _, err := y.Forget(ctx, "ads", "perf", "1", time.Now()); err != nil {
					return err
				}
				return put(ctx, y, dyingStore, "", "1")
			}()

			next := newIndex(t, open(t, o), IndexOptions{})
			all, err := next.All(ctx)
			must(t, err)
			files, err := store.List(ctx)
			must(t, err)
			for _, s := range all {
				if !slices.Contains(files, s.ID) {
					t.Errorf("killed at %d: segment %s has no file", at, s.ID)
				}
			}
			live, err := next.Segments(ctx, "ads", "perf", "1")
			must(t, err)
			epoch, err := next.Epoch(ctx, "ads", "perf", "1")
			must(t, err)
			if want := 1; len(live) != want && !(epoch == 1 && len(live) == 0) {
				t.Errorf("killed at %d: %d live segments, epoch %d", at, len(live), epoch)
			}
			later := time.Now().Add(time.Minute)
			if left, err := next.Claims(ctx, "ads", "perf", "1", later); err != nil || len(left) > 0 {
				t.Errorf("killed at %d: booked for ever: %v %v", at, left, err)
			}
			must(t, put(ctx, next, store, "", "1"))
			if life == nil {
				if at < 10 {
					t.Errorf("a life of %d requests", at)
				}
				break
			}
		}
	}
}

// put is a fetch: claim, file, commit in place of an older one.
func put(ctx context.Context, x *Index, store *Store, old, account string) error {
	id := newID()
	var epoch int64
	c := cache.Claim{ID: id, Owner: "p", Until: time.Now().Add(30 * time.Second), Span: cache.Span{Source: "ads", Table: "perf", Account: account}}
	if err := x.Board(ctx, "ads", "perf", account, time.Now(), func(_ []cache.Segment, _ []cache.Claim, e int64) []cache.Claim {
		epoch = e
		return []cache.Claim{c}
	}); err != nil {
		return err
	}
	if _, _, err := store.Write(ctx, id, columns, rows(3)); err != nil {
		return err
	}
	s := segment(id, account, "2026-11-01", "2026-11-07")
	s.Epoch = epoch
	change := cache.Change{Add: []cache.Segment{s}, Claims: []string{id}, At: time.Now()}
	if old != "" {
		change.Retire = []string{old}
	}
	return x.Commit(ctx, change)
}

// TestHistory: thousands of retired segments leave the manifest small, are
// listed, given up and dropped as those in it, and are forgotten when their
// time has come.
func TestHistory(t *testing.T) {
	s := server(t)
	o := options(s)
	now := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	o.Now = func() time.Time { return now }
	ctx := t.Context()
	x := newIndex(t, open(t, o), IndexOptions{})
	var ids []string
	const n = 600
	for i := range n {
		seg := segment(newID(), "1", "2026-11-01", "2026-11-07")
		seg.KnownAt = now
		c := cache.Change{Add: []cache.Segment{seg}, At: now}
		if i > 0 {
			c.Retire = ids[i-1:]
		}
		must(t, x.Commit(ctx, c))
		ids = append(ids, seg.ID)
		now = now.Add(time.Hour)
	}
	check := func(x *Index, rows, files int) {
		t.Helper()
		history, err := x.History(ctx, "ads", "perf", "1")
		must(t, err)
		all, err := x.All(ctx)
		must(t, err)
		live, err := x.Segments(ctx, "ads", "perf", "1")
		must(t, err)
		if len(history) != rows || len(all) != files || len(live) != 1 || live[0].ID != ids[len(ids)-1] {
			t.Errorf("%d rows, %d files, %d live; want %d, %d, 1", len(history), len(all), len(live), rows, files)
		}
		for _, s := range history {
			if s.RetiredAt.IsZero() != (s.ID == live[0].ID) {
				t.Errorf("%s was retired at %s", s.ID, s.RetiredAt)
			}
		}
	}
	check(x, n, n)
	again := newIndex(t, open(t, o), IndexOptions{})
	check(again, n, n)
	if body, _ := s.Object("cache/index/source=ads/table=perf/account=1.json.gz"); len(body) > 20_000 && s.Bucket == o.Bucket {
		t.Errorf("the manifest has %d bytes", len(body))
	}

	// Given up from one node, seen by the other, which has the chunks in memory.
	must(t, newIndex(t, open(t, o), IndexOptions{}).Commit(ctx, cache.Change{Empty: ids[:300], Drop: ids[300:310]}))
	check(again, n-10, n-310)
	check(x, n-10, n-310)

	now = now.AddDate(0, 0, 401)
	must(t, x.Commit(ctx, cache.Change{Empty: ids[310:311]}))
	check(x, n-311, n-311)
	check(again, n-311, n-311)
	must(t, x.Commit(ctx, cache.Change{Drop: ids[:n-1]}))
	check(again, 1, 1)
	if n := count(s, "cache/history/"); n != 0 && s.Bucket == o.Bucket {
		t.Errorf("%d chunks are left of nothing", n)
	}
}

func count(s interface{ Keys() []string }, prefix string) (n int) {
	for _, key := range s.Keys() {
		if strings.HasPrefix(key, prefix) {
			n++
		}
	}
	return n
}

// TestKillHistory: a node is killed while it gives up segments that lie in
// chunks. The history stays whole, and what was left behind goes in its time.
func TestKillHistory(t *testing.T) {
	ctx := t.Context()
	now := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	for _, after := range []bool{false, true} {
		for at := int64(1); ; at++ {
			s := s3testOnly(t)
			o := options(s)
			o.Now = func() time.Time { return now }
			x := newIndex(t, open(t, o), IndexOptions{})
			c := cache.Change{At: now}
			for range 2*maxRetired + 10 {
				seg := segment(newID(), "1", "2026-11-01", "2026-11-07")
				seg.RetiredAt = now
				c.Add, c.Empty = append(c.Add, seg), append(c.Empty, seg.ID)
			}
			must(t, x.Commit(ctx, cache.Change{Add: c.Add}))
			must(t, x.Commit(ctx, cache.Change{Add: []cache.Segment{segment(newID(), "1", "2026-11-01", "2026-11-07")}}))
			d := &dead{RoundTripper: http.DefaultTransport, after: after}
			d.left.Store(at)
			dying := o
			dying.HTTP = &http.Client{Transport: d}
			life := newIndex(t, open(t, dying), IndexOptions{}).Commit(ctx, cache.Change{Empty: c.Empty})

			for _, y := range []*Index{x, newIndex(t, open(t, o), IndexOptions{})} {
				history, err := y.History(ctx, "ads", "perf", "1")
				must(t, err)
				gone := 0
				for _, s := range history {
					if s.Gone {
						gone++
					}
				}
				if len(history) != len(c.Add)+1 || gone != 0 && gone != len(c.Add) {
					t.Errorf("killed at %d: %d segments, %d of them gone", at, len(history), gone)
				}
			}
			now = now.Add(48 * time.Hour)
			y := newIndex(t, open(t, o), IndexOptions{})
			if _, err := y.All(ctx); err != nil {
				t.Error(err)
			}
			m, err := y.read(ctx, key{"ads", "perf", "1"}, 0)
			must(t, err)
			if n := count(s, "cache/history/"); n != len(m.Chunks) || n == 0 {
				t.Errorf("killed at %d: %d chunks lie there, %d are known", at, n, len(m.Chunks))
			}
			s.Close()
			if life == nil {
				break
			}
		}
	}
}

// TestForgettable: what was given up is remembered while something older would
// answer in its place.
func TestForgettable(t *testing.T) {
	day := func(n int) time.Time { return time.Date(2026, 1, n, 0, 0, 0, 0, time.UTC) }
	seg := func(known, retired int, from, to tables.Day) cache.Segment {
		s := segment("x", "1", from, to)
		s.KnownAt = day(known)
		if retired > 0 {
			s.RetiredAt = day(retired)
		}
		return s
	}
	gone := seg(10, 20, "2026-01-05", "2026-01-10")
	gone.Gone = true
	parts := seg(25, 0, "2026-01-01", "2026-01-31")
	parts.Parts = []cache.Part{{Days: tables.Days{From: "2026-01-07", To: "2026-01-08"}, KnownAt: day(5)}}
	same := seg(25, 0, "2026-01-01", "2026-01-31")
	same.Parts = []cache.Part{{Days: tables.Days{From: "2026-01-05", To: "2026-01-10"}, KnownAt: day(10)}}
	for i, c := range []struct {
		other cache.Segment
		want  bool
	}{
		{gone, true},
		{seg(5, 0, "2026-01-01", "2026-01-31"), false},
		{seg(5, 15, "2026-01-10", "2026-01-10"), false},
		{seg(5, 10, "2026-01-01", "2026-01-31"), true},
		{seg(5, 0, "2026-01-11", "2026-01-31"), true},
		{seg(15, 0, "2026-01-01", "2026-01-31"), true},
		{parts, false},
		{same, true},
	} {
		if got := forgettable(gone, []cache.Segment{c.other, gone}); got != c.want {
			t.Errorf("case %d: %v", i, got)
		}
	}
}

// TestTouch: uses are counted here, and reach the others with the next write
// or at the end.
func TestTouch(t *testing.T) {
	o := options(server(t))
	ctx := t.Context()
	a, b := newIndex(t, open(t, o), IndexOptions{}), newIndex(t, open(t, o), IndexOptions{})
	one, two := segment(newID(), "1", "2026-11-01", "2026-11-07"), segment(newID(), "2", "2026-11-01", "2026-11-07")
	must(t, a.Commit(ctx, cache.Change{Add: []cache.Segment{one, two}}))
	at := one.UsedAt.Add(time.Hour)
	uses := func(x *Index, account string) int64 {
		t.Helper()
		s, err := x.Segments(ctx, "ads", "perf", account)
		must(t, err)
		if s[0].Uses > 0 && !s[0].UsedAt.Equal(at) {
			t.Errorf("used at %s", s[0].UsedAt)
		}
		return s[0].Uses
	}
	uses(b, "1")
	for range 3 {
		must(t, a.Touch(ctx, []string{one.ID, two.ID, "nowhere"}, at))
	}
	must(t, b.Touch(ctx, []string{one.ID}, at))
	if uses(a, "1") != 3 || uses(b, "1") != 1 {
		t.Error(uses(a, "1"), uses(b, "1"))
	}
	must(t, a.Commit(ctx, cache.Change{Add: []cache.Segment{segment(newID(), "1", "2026-11-08", "2026-11-08")}}))
	if uses(a, "1") != 3 || uses(b, "1") != 4 || uses(b, "2") != 0 {
		t.Error(uses(a, "1"), uses(b, "1"), uses(b, "2"))
	}
	must(t, a.Close(ctx))
	must(t, b.Close(ctx))
	if uses(newIndex(t, open(t, o), IndexOptions{}), "1") != 4 || uses(b, "2") != 3 {
		t.Error(uses(b, "1"), uses(b, "2"))
	}
}

// TestClocks: nodes whose clocks differ by minutes agree on the end of a claim
// where they go by the server's clock.
func TestClocks(t *testing.T) {
	s := server(t)
	now := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	s.Now = func() time.Time { return now }
	ctx := t.Context()
	node := func(ahead time.Duration) (*Index, func() time.Time) {
		o := options(s)
		o.Endpoint, o.Bucket, o.Prefix, o.AccessKey, o.SecretKey = s.URL, s.Bucket, "cache", "argo-test", "not a secret"
		o.Now = func() time.Time { return now.Add(ahead) }
		return newIndex(t, open(t, o), IndexOptions{ServerClock: true}), o.Now
	}
	fast, fastNow := node(5 * time.Minute)
	slow, slowNow := node(-5 * time.Minute)
	days := tables.Days{From: "2026-11-01", To: "2026-11-01"}
	must(t, fast.Commit(ctx, cache.Change{Add: []cache.Segment{segment(newID(), "1", "2026-10-01", "2026-10-01")}}))
	if mine, err := claims(ctx, fast, "fast", days, fastNow()); err != nil || len(mine) != 1 {
		t.Fatal(mine, err)
	}
	now = now.Add(29 * time.Second)
	if mine, err := claims(ctx, slow, "slow", days, slowNow()); err != nil || len(mine) != 0 {
		t.Error("the slow one fetches beside the fast one", mine, err)
	}
	now = now.Add(4 * time.Second)
	if mine, err := claims(ctx, slow, "slow", days, slowNow()); err != nil || len(mine) != 1 {
		t.Error("the slow one waits for the dead", mine, err)
	}
	if mine, err := claims(ctx, fast, "fast", days, fastNow()); err != nil || len(mine) != 0 {
		t.Error("the fast one fetches beside the slow one", mine, err)
	}
}

// TestTrust: plans that only read ask the bucket once in a while; what decides
// a fetch is always asked, and what is unchanged is not sent again.
func TestTrust(t *testing.T) {
	s := server(t)
	o := options(s)
	now := time.Now()
	o.Now = func() time.Time { return now }
	ctx := t.Context()
	x := newIndex(t, open(t, o), IndexOptions{Trust: time.Second})
	must(t, newIndex(t, open(t, o), IndexOptions{}).Commit(ctx, cache.Change{Add: []cache.Segment{segment(newID(), "1", "2026-11-01", "2026-11-07")}}))
	requests := func(want int, what string) {
		t.Helper()
		if n := len(s.Requests()); n != want && s.URL == o.Endpoint {
			t.Errorf("%s: %d requests, not %d", what, n, want)
		}
	}
	s.Requests()
	for range 10 {
		if got, err := x.Segments(ctx, "ads", "perf", "1"); err != nil || len(got) != 1 {
			t.Fatal(got, err)
		}
	}
	requests(1, "ten plans in a second")
	now = now.Add(2 * time.Second)
	if _, err := x.Segments(ctx, "ads", "perf", "1"); err != nil {
		t.Fatal(err)
	}
	requests(1, "a plan after it")
	if mine, err := claims(ctx, x, "x", tables.Days{From: "2026-11-01", To: "2026-11-02"}, now); err != nil || len(mine) != 0 {
		t.Error(mine, err)
	}
	requests(1, "a board without a claim")
	if _, err := x.All(ctx); err != nil {
		t.Fatal(err)
	}
	requests(2, "all: a listing of manifests, one of the history, nothing read again")
	mine, err := claims(ctx, x, "x", tables.Days{From: "2026-12-01", To: "2026-12-01"}, now)
	must(t, err)
	must(t, x.Commit(ctx, cache.Change{Add: []cache.Segment{segment(mine[0].ID, "1", "2026-12-01", "2026-12-01")}, Claims: []string{mine[0].ID}}))
	requests(3, "a fetch: the board is read and written, the commit written")
}

// BenchmarkFetch is what the index costs a fetch, beside the server's time.
func BenchmarkFetch(b *testing.B) {
	o := options(server(b))
	x := newIndex(b, open(b, o), IndexOptions{})
	ctx := b.Context()
	var add []cache.Segment
	for i := range 500 {
		day := tables.Day("2024-01-01").Add(i)
		add = append(add, segment(newID(), "1", day, day))
	}
	must(b, x.Commit(ctx, cache.Change{Add: add}))
	now := time.Now()
	old := add[0].ID
	for b.Loop() {
		id := newID()
		must(b, x.Board(ctx, "ads", "perf", "1", now, func([]cache.Segment, []cache.Claim, int64) []cache.Claim {
			return []cache.Claim{{ID: id, Until: now.Add(time.Minute)}}
		}))
		must(b, x.Commit(ctx, cache.Change{Add: []cache.Segment{segment(id, "1", "2024-01-01", "2024-01-01")}, Claims: []string{id}, Retire: []string{old}, At: now}))
		old = id
	}
}

// TestMany: more tables and accounts than a page of a listing holds.
func TestMany(t *testing.T) {
	s := server(t)
	s.Page = 100
	o := options(s)
	many := 230
	if o.Endpoint != s.URL {
		many = 1030
	}
	ctx := t.Context()
	x := newIndex(t, open(t, o), IndexOptions{})
	var wg sync.WaitGroup
	queue := make(chan int)
	for range 8 {
		wg.Go(func() {
			for i := range queue {
				if err := x.Commit(ctx, cache.Change{Add: []cache.Segment{segment(newID(), fmt.Sprintf("가 %d/%d", i, i), "", "")}}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range many {
		queue <- i
	}
	close(queue)
	wg.Wait()
	all, err := newIndex(t, open(t, o), IndexOptions{}).All(ctx)
	if err != nil || len(all) != many {
		t.Errorf("%d segments: %v", len(all), err)
	}
}

// TestNewer: what a newer argo has written is not written over by one that
// would lose what it does not know.
func TestNewer(t *testing.T) {
	s := s3testOnly(t)
	o := options(s)
	ctx := t.Context()
	must(t, newIndex(t, open(t, o), IndexOptions{}).Commit(ctx, cache.Change{Add: []cache.Segment{segment(newID(), "1", "", "")}}))
	key := "cache/index/source=ads/table=perf/account=1.json.gz"
	for _, body := range []any{map[string]any{"Version": 2}, map[string]any{"Version": 1, "Sharded": true}, 7} {
		text, err := encode(body)
		must(t, err)
		s.Put(key, text)
		x := newIndex(t, open(t, o), IndexOptions{})
		err = x.Commit(ctx, cache.Change{Add: []cache.Segment{segment(newID(), "1", "", "")}})
		if !fault.Is(err, fault.Broken) || fault.As(err).Hint == "" {
			t.Error(err)
		}
		if _, err := x.All(ctx); !fault.Is(err, fault.Broken) {
			t.Error(err)
		}
	}
	s.Put(key, []byte("\x1f\x8b not a manifest"))
	if _, err := newIndex(t, open(t, o), IndexOptions{}).Segments(ctx, "ads", "perf", "1"); !fault.Is(err, fault.Broken) {
		t.Error(err)
	}
}

// TestEmptied: somebody has emptied the bucket under a running node.
func TestEmptied(t *testing.T) {
	s := s3testOnly(t)
	o := options(s)
	ctx := t.Context()
	x := newIndex(t, open(t, o), IndexOptions{})
	must(t, x.Commit(ctx, cache.Change{Add: []cache.Segment{segment(newID(), "1", "2026-11-01", "2026-11-07")}}))
	for _, key := range s.Keys() {
		s.Delete(key)
	}
	second := segment(newID(), "1", "2026-11-08", "2026-11-08")
	must(t, x.Commit(ctx, cache.Change{Add: []cache.Segment{second}}))
	if live, err := x.Segments(ctx, "ads", "perf", "1"); err != nil || len(live) != 1 || live[0].ID != second.ID {
		t.Error(live, err)
	}
}
