package s3

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"argo/cache"
	"argo/tables"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/errgroup"
)

// IndexOptions of an Index.
type IndexOptions struct {
	// Trust is how long what was read counts as what is there, for plans that
	// only read; 0: not at all. What decides a fetch is read anew each time.
	Trust time.Duration
	// ServerClock ends claims by the clock of the S3 server, so that nodes whose
	// clocks differ agree. Not in simulated time, which no server follows.
	ServerClock bool
	// KeepGone is how long a segment whose file was given up is remembered, at
	// least where something else might answer in its place; default 400 days.
	KeepGone time.Duration
	Log      *slog.Logger // default slog.Default
}

// Index implements cache.Index over a bucket. A change of one table and account
// is one conditional write, all of it or nothing; a change that spans several
// is seen one table and account after the other, those with segments to add
// first. A change that fails because the server no longer answers may have been
// made all the same. Safe for concurrent use and over every node on the bucket.
type Index struct {
	b         *Bucket
	o         IndexOptions
	manifests *lru.Cache[key, held]
	chunks    *lru.Cache[string, []cache.Segment] // by the object's key
	small     *lru.Cache[string, blob]            // accounts and costs
	turns     [64]chan struct{}                   // of changes of one manifest in this process

	mu      sync.Mutex
	tick    int64                       // counts reads and writes, to know which came later
	home    map[string]key              // of every segment and claim that was seen, until it is dropped here
	touched map[key]map[string]*touches // not yet written
	tidied  time.Time
}

// held is a manifest as it was read or written.
type held struct {
	*manifest
	etag  string // "": there is none
	at    time.Time
	began int64 // tick
}

type blob struct {
	body []byte
	etag string
	at   time.Time
}

type touches struct {
	at time.Time
	n  int64
}

const (
	// orphaned is from which age on an object of the history that no manifest
	// names is what a crash has left behind.
	orphaned = time.Hour
	// tidyAfter is how often the history is looked through for them.
	tidyAfter = 6 * time.Hour
	// slack is how much longer than it says a claim of another node counts,
	// since a Date header knows whole seconds only.
	slack = 2 * time.Second
)

// NewIndex makes an index over the bucket; no request is sent.
func NewIndex(b *Bucket, o IndexOptions) (*Index, error) {
	if o.KeepGone <= 0 {
		o.KeepGone = 400 * 24 * time.Hour
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	x := &Index{b: b, o: o, home: map[string]key{}, touched: map[key]map[string]*touches{}}
	for i := range x.turns {
		x.turns[i] = make(chan struct{}, 1)
	}
	var err [3]error
	x.manifests, err[0] = lru.New[key, held](16384)
	x.chunks, err[1] = lru.New[string, []cache.Segment](2048)
	x.small, err[2] = lru.New[string, blob](1024)
	return x, errors.Join(err[:]...)
}

// Segments implements cache.Index; what it gives is up to Trust old.
func (x *Index) Segments(ctx context.Context, source, table, account string) ([]cache.Segment, error) {
	k := key{source, table, account}
	h, err := x.read(ctx, k, x.o.Trust)
	if err != nil {
		return nil, err
	}
	return x.overlay(k, slices.Clone(h.Live)), nil
}

// History implements cache.Index; what it gives is up to Trust old.
func (x *Index) History(ctx context.Context, source, table, account string) ([]cache.Segment, error) {
	k := key{source, table, account}
	trust := x.o.Trust
	for n := 1; ; n++ {
		h, err := x.read(ctx, k, trust)
		if err != nil {
			return nil, err
		}
		out, err := x.history(ctx, k, h.manifest)
		if errors.Is(err, fs.ErrNotExist) && n < attempts { // a chunk was replaced meanwhile
			trust = 0
			continue
		}
		return x.overlay(k, out), err
	}
}

// All implements cache.Index: a listing, and a read of every manifest that has
// changed since it was seen.
func (x *Index) All(ctx context.Context) ([]cache.Segment, error) {
	manifests, err := x.load(ctx)
	if err != nil {
		return nil, err
	}
	x.tidy(ctx, manifests)
	var out []cache.Segment
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(16)
	for k, m := range manifests {
		group.Go(func() (err error) {
			var all []cache.Segment
			if !slices.ContainsFunc(m.Chunks, func(c chunk) bool { return c.Files > 0 }) {
				all = append(slices.Clone(m.Retired), m.Live...)
			} else if all, err = x.history(ctx, k, m); errors.Is(err, fs.ErrNotExist) {
				all, err = x.History(ctx, k.source, k.table, k.account)
			}
			if err != nil {
				return err
			}
			all = x.overlay(k, slices.DeleteFunc(all, func(s cache.Segment) bool { return s.Gone }))
			mu.Lock()
			defer mu.Unlock()
			out = append(out, all...)
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	slices.SortFunc(out, func(a, b cache.Segment) int { return strings.Compare(a.ID, b.ID) })
	return out, nil
}

// homes groups ids by the manifest that they are in; an id that is nowhere is
// left out.
func (x *Index) homes(ctx context.Context, lists ...[]string) (map[key]bool, error) {
	keys := map[key]bool{}
	look := func() (unknown bool) {
		x.mu.Lock()
		defer x.mu.Unlock()
		for _, ids := range lists {
			for _, id := range ids {
				k, ok := x.home[id]
				unknown = unknown || !ok
				if ok {
					keys[k] = true
				}
			}
		}
		return unknown
	}
	if !look() {
		return keys, nil
	}
	manifests, err := x.load(ctx)
	if err != nil {
		return nil, err
	}
	for k, m := range manifests {
		if len(m.Chunks) > 0 {
			if _, err := x.History(ctx, k.source, k.table, k.account); err != nil {
				return nil, err
			}
		}
	}
	look()
	return keys, nil
}

// Commit implements cache.Index.
func (x *Index) Commit(ctx context.Context, c cache.Change) error {
	adds := map[key][]cache.Segment{}
	for _, s := range c.Add {
		s.Columns = slices.Clip(slices.Clone(s.Columns))
		k := key{s.Source, s.Table, s.Account}
		if slices.ContainsFunc(adds[k], func(o cache.Segment) bool { return o.ID == s.ID }) {
			return fmt.Errorf("segment %s is there already", s.ID)
		}
		adds[k] = append(adds[k], s)
	}
	keys, err := x.homes(ctx, c.Retire, c.Empty, c.Drop, c.Claims)
	if err != nil {
		return err
	}
	if len(adds) > 1 { // nothing is to be done where one of them is refused
		for k, add := range adds {
			h, err := x.read(ctx, k, 0)
			if err != nil {
				return err
			}
			if err := admissible(h.manifest, add); err != nil {
				return err
			}
		}
	}
	for k := range adds {
		delete(keys, k)
	}
	for _, k := range slices.Concat(slices.Collect(maps.Keys(adds)), slices.Collect(maps.Keys(keys))) {
		if err := x.change(ctx, k, false, func(m *manifest) (bool, error) { return x.apply(ctx, m, c, adds[k]) }); err != nil {
			return err
		}
	}
	x.mu.Lock()
	for _, id := range c.Drop {
		delete(x.home, id)
	}
	x.mu.Unlock()
	return nil
}

func admissible(m *manifest, add []cache.Segment) error {
	for _, s := range add {
		if s.Epoch != m.Epoch {
			return cache.ErrForgotten
		}
		if find(m.Live, s.ID) >= 0 || find(m.Retired, s.ID) >= 0 {
			return fmt.Errorf("segment %s is there already", s.ID)
		}
	}
	return nil
}

// apply makes the part of a change that is of one manifest.
func (x *Index) apply(ctx context.Context, m *manifest, c cache.Change, add []cache.Segment) (changed bool, err error) {
	if err := admissible(m, add); err != nil {
		return false, err
	}
	if len(add) > 0 && slices.ContainsFunc(c.Needs, func(id string) bool { return find(m.Live, id) < 0 }) {
		return false, cache.ErrForgotten
	}
	if c.Last && len(add) > 0 {
		var after time.Time
		for _, s := range slices.Concat(m.Live, m.Retired) {
			for _, t := range []time.Time{s.KnownAt, s.RetiredAt} {
				if t.After(after) {
					after = t
				}
			}
		}
		if !after.Before(c.At) {
			return false, &cache.LateError{After: after}
		}
	}
	changed = len(add) > 0
	for _, s := range add {
		if s.RetiredAt.IsZero() {
			m.Live = append(m.Live, s)
		} else {
			m.Retired = append(m.Retired, s)
		}
	}
	slices.SortFunc(m.Live, func(a, b cache.Segment) int { return strings.Compare(a.ID, b.ID) })
	gone := m.retire(c.At, func(s cache.Segment) bool { return slices.Contains(c.Retire, s.ID) })
	changed = changed || len(gone) > 0
	if len(c.Empty)+len(c.Drop) > 0 {
		empty, drop := set(c.Empty), set(c.Drop)
		n := len(m.Live)
		m.Live = slices.DeleteFunc(m.Live, func(s cache.Segment) bool { return drop[s.ID] })
		rewritten, err := x.rewrite(ctx, m, func(s *cache.Segment) (bool, bool) {
			gone := empty[s.ID] && !s.Gone
			s.Gone = s.Gone || gone
			return gone, !drop[s.ID]
		})
		if err != nil {
			return false, err
		}
		changed = changed || rewritten || len(m.Live) < n
	}
	if len(c.Empty) > 0 && changed {
		if err := x.prune(ctx, m); err != nil {
			return false, err
		}
	}
	n := len(m.Claims)
	m.Claims = slices.DeleteFunc(m.Claims, func(o cache.Claim) bool { return slices.Contains(c.Claims, o.ID) })
	return changed || len(m.Claims) < n, nil
}

func set(ids []string) map[string]bool {
	m := make(map[string]bool, len(ids))
	for _, id := range ids {
		m[id] = true
	}
	return m
}

// shift is how far the server's clock is ahead of ours, as far as it counts.
func (x *Index) shift() (ahead, more time.Duration) {
	if !x.o.ServerClock {
		return 0, 0
	}
	return time.Duration(x.b.ahead.Load()), slack
}

// booked gives the claims of a manifest that have not ended by now, their end
// by our clock.
func (x *Index) booked(m *manifest, now time.Time) (out []cache.Claim) {
	shift, slack := x.shift()
	for _, c := range m.Claims {
		if c.Until = c.Until.Add(-shift); c.Until.Add(slack).After(now) {
			out = append(out, c)
		}
	}
	return out
}

// Board implements cache.Index.
func (x *Index) Board(ctx context.Context, source, table, account string, now time.Time, decide func([]cache.Segment, []cache.Claim, int64) []cache.Claim) error {
	k := key{source, table, account}
	return x.change(ctx, k, true, func(m *manifest) (bool, error) {
		claims := x.booked(m, now)
		more := decide(x.overlay(k, slices.Clone(m.Live)), slices.Clone(claims), m.Epoch)
		if len(more) == 0 {
			return false, nil
		}
		m.Claims = slices.DeleteFunc(m.Claims, func(c cache.Claim) bool {
			return !slices.ContainsFunc(claims, func(o cache.Claim) bool { return o.ID == c.ID })
		})
		shift, _ := x.shift()
		for _, c := range more {
			c.Source, c.Table, c.Account, c.Until = source, table, account, c.Until.Add(shift)
			m.Claims = append(m.Claims, c)
		}
		slices.SortFunc(m.Claims, func(a, b cache.Claim) int { return strings.Compare(a.ID, b.ID) })
		return true, nil
	})
}

// Claims implements cache.Index.
func (x *Index) Claims(ctx context.Context, source, table, account string, now time.Time) ([]cache.Claim, error) {
	h, err := x.read(ctx, key{source, table, account}, 0)
	if err != nil {
		return nil, err
	}
	return x.booked(h.manifest, now), nil
}

// Extend implements cache.Index.
func (x *Index) Extend(ctx context.Context, ids []string, until time.Time) error {
	keys, err := x.homes(ctx, ids)
	if err != nil {
		return err
	}
	found := map[string]bool{}
	for k := range keys {
		var mine map[string]bool
		if err := x.change(ctx, k, false, func(m *manifest) (bool, error) {
			shift, _ := x.shift()
			mine = map[string]bool{}
			for i := range m.Claims {
				if slices.Contains(ids, m.Claims[i].ID) {
					m.Claims[i].Until = until.Add(shift)
					mine[m.Claims[i].ID] = true
				}
			}
			return len(mine) > 0, nil
		}); err != nil {
			return err
		}
		maps.Copy(found, mine)
	}
	if len(found) < len(set(ids)) {
		return cache.ErrClaimLost
	}
	return nil
}

// Release implements cache.Index.
func (x *Index) Release(ctx context.Context, ids []string) error {
	return x.Commit(ctx, cache.Change{Claims: ids})
}

// Epoch implements cache.Index.
func (x *Index) Epoch(ctx context.Context, source, table, account string) (int64, error) {
	h, err := x.read(ctx, key{source, table, account}, 0)
	if err != nil {
		return 0, err
	}
	return h.Epoch, nil
}

// Forget implements cache.Index.
func (x *Index) Forget(ctx context.Context, source, table, account string, at time.Time) (retired []cache.Segment, err error) {
	k := key{source, table, account}
	err = x.change(ctx, k, true, func(m *manifest) (bool, error) {
		retired = x.overlay(k, slices.Clone(m.Live))
		m.retire(at, func(cache.Segment) bool { return true })
		m.Claims = nil
		m.Epoch++
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	return retired, nil
}

// Touch implements cache.Index. It is remembered here and reaches the bucket
// with the next change of the manifest, or with Close.
func (x *Index) Touch(ctx context.Context, ids []string, at time.Time) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, id := range ids {
		k, ok := x.home[id]
		if !ok {
			continue
		}
		if x.touched[k] == nil {
			x.touched[k] = map[string]*touches{}
		}
		t := x.touched[k][id]
		if t == nil {
			t = &touches{}
			x.touched[k][id] = t
		}
		t.at, t.n = at, t.n+1
	}
	return context.Cause(ctx)
}

// overlay adds to segments, in place, what was touched and not yet written.
func (x *Index) overlay(k key, segments []cache.Segment) []cache.Segment {
	x.mu.Lock()
	defer x.mu.Unlock()
	if of := x.touched[k]; len(of) > 0 {
		for i := range segments {
			if t := of[segments[i].ID]; t != nil {
				segments[i].UsedAt, segments[i].Uses = t.at, segments[i].Uses+t.n
			}
		}
	}
	return segments
}

// note writes what was touched into a manifest, and noted takes it off once
// that is in the bucket.
func (x *Index) note(k key, m *manifest) map[string]touches {
	x.overlay(k, m.Live)
	x.overlay(k, m.Retired)
	x.mu.Lock()
	defer x.mu.Unlock()
	out := map[string]touches{}
	for id, t := range x.touched[k] {
		out[id] = *t
	}
	return out
}

func (x *Index) noted(k key, written map[string]touches) {
	x.mu.Lock()
	defer x.mu.Unlock()
	of := x.touched[k]
	for id, w := range written {
		if t := of[id]; t != nil {
			if t.n -= w.n; t.n <= 0 {
				delete(of, id)
			}
		}
	}
	if len(of) == 0 {
		delete(x.touched, k)
	}
}

// Close writes what was touched. The index stays usable.
func (x *Index) Close(ctx context.Context) error {
	x.mu.Lock()
	keys := slices.Collect(maps.Keys(x.touched))
	x.mu.Unlock()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(16)
	for _, k := range keys {
		group.Go(func() error {
			return x.change(ctx, k, false, func(m *manifest) (bool, error) {
				return len(m.Live)+len(m.Retired) > 0, nil
			})
		})
	}
	return group.Wait()
}

// Accounts implements cache.Index.
func (x *Index) Accounts(ctx context.Context, source string) ([]tables.Account, time.Time, error) {
	var saved roster
	err := x.blob(ctx, accountsOf(source), &saved)
	return saved.List, saved.At, err
}

// SaveAccounts implements cache.Index.
func (x *Index) SaveAccounts(ctx context.Context, source string, list []tables.Account, at time.Time) error {
	return x.saveBlob(ctx, accountsOf(source), roster{list, at})
}

func accountsOf(source string) string {
	folder, _, _ := strings.Cut(cache.Partition(source, "", ""), "/")
	return "accounts/" + folder
}

func costsOf(source, table string) string {
	folder := cache.Partition(source, table, "")
	return "costs/" + folder[:strings.LastIndexByte(folder, '/')]
}

type roster struct {
	List []tables.Account
	At   time.Time
}

// Costs implements cache.Index.
func (x *Index) Costs(ctx context.Context, source, table string) (costs []byte, err error) {
	err = x.blob(ctx, costsOf(source, table), &costs)
	return costs, err
}

// SaveCosts implements cache.Index.
func (x *Index) SaveCosts(ctx context.Context, source, table string, costs []byte) error {
	return x.saveBlob(ctx, costsOf(source, table), costs)
}

// blob reads a small object of which the last one written counts; into stays
// as it is where there is none.
func (x *Index) blob(ctx context.Context, name string, into any) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	known, ok := x.small.Get(name)
	now := x.b.o.Now()
	if age := now.Sub(known.at); !ok || x.o.Trust == 0 || age < 0 || age >= x.o.Trust {
		o, err := x.b.get(ctx, name+".json.gz", known.etag)
		switch {
		case errors.Is(err, errSame):
		case errors.Is(err, fs.ErrNotExist):
			x.small.Remove(name)
			return nil
		case err != nil:
			return err
		default:
			known.body, known.etag = o.body, o.etag
		}
		known.at = now
		x.small.Add(name, known)
	}
	return decode(x.b.Where()+name, known.body, into)
}

func (x *Index) saveBlob(ctx context.Context, name string, v any) error {
	body, err := encode(v)
	if err != nil {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	etag, err := x.b.put(ctx, name+".json.gz", body, anyETag)
	if err == nil {
		x.small.Add(name, blob{body: body, etag: etag, at: x.b.o.Now()})
	}
	return err
}
