package s3

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
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
	"github.com/oklog/ulid/v2"
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
// first. Safe for concurrent use and over every node on the bucket.
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

// read gives the manifest of k, read or confirmed after now less trust; an
// empty one where there is none.
func (x *Index) read(ctx context.Context, k key, trust time.Duration) (held, error) {
	if err := ctx.Err(); err != nil {
		return held{}, context.Cause(ctx)
	}
	h, ok := x.manifests.Get(k)
	if ok && trust > 0 {
		if age := x.b.o.Now().Sub(h.at); age >= 0 && age < trust {
			return h, nil
		}
	}
	at, began := x.b.o.Now(), x.next()
	o, err := x.b.get(ctx, k.object(), h.etag)
	switch {
	case errors.Is(err, errSame):
		h.at, h.began = at, began
	case errors.Is(err, fs.ErrNotExist):
		h = held{manifest: &manifest{Version: version, Source: k.source, Table: k.table, Account: k.account}, at: at, began: began}
	case err != nil:
		return held{}, err
	default:
		m := new(manifest)
		if err := decode(x.b.Where()+k.object(), o.body, m); err != nil {
			return held{}, err
		}
		if m.key() != k {
			return held{}, fmt.Errorf("%s%s is the manifest of another table: %q", x.b.Where(), k.object(), m.key())
		}
		h = held{manifest: m, etag: o.etag, at: at, began: began}
	}
	x.keep(k, h)
	return h, nil
}

func (x *Index) next() int64 {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.tick++
	return x.tick
}

// keep remembers a manifest, unless a later one is known already.
func (x *Index) keep(k key, h held) {
	x.mu.Lock()
	defer x.mu.Unlock()
	old, ok := x.manifests.Peek(k)
	if ok && old.began > h.began {
		return
	}
	if !ok || old.manifest != h.manifest {
		x.settleIn(k, h.Live)
		x.settleIn(k, h.Retired)
		for _, c := range h.Claims {
			x.home[c.ID] = k
		}
	}
	x.manifests.Add(k, h)
}

// settleIn notes where segments are at home; x.mu is held.
func (x *Index) settleIn(k key, segments []cache.Segment) {
	for _, s := range segments {
		x.home[s.ID] = k
	}
}

// change makes a change of one manifest: all of it or nothing. edit gets a copy
// to change and says whether it has; it may run more than once. Unless fresh is
// asked for, edit is tried on what is known already first: the write is refused
// where that is outdated, and what edit says of it then is not taken for the
// truth.
func (x *Index) change(ctx context.Context, k key, fresh bool, edit func(*manifest) (bool, error)) error {
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(k.object()))
	turn := x.turns[hash.Sum32()%uint32(len(x.turns))]
	select {
	case turn <- struct{}{}:
		defer func() { <-turn }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	write := ulid.Make().String()
	var noted map[string]touches
	var replaced []string
	done := func() {
		x.noted(k, noted)
		for _, id := range replaced { // one that stays is an orphan for tidy
			x.chunks.Remove(k.chunk(id))
			_ = x.b.remove(ctx, k.chunk(id))
		}
	}
	for n := 1; ; n++ {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		h, known := x.manifests.Get(k)
		guess := known && !fresh
		if !guess {
			var err error
			if h, err = x.read(ctx, k, 0); err != nil {
				return err
			}
			if slices.Contains(h.Writes, write) { // the reply to the write was lost, not the write
				done()
				return nil
			}
		}
		fresh = true // from now on
		m := h.clone()
		changed, err := edit(m)
		switch {
		case guess && (err != nil || !changed):
			continue
		case errors.Is(err, fs.ErrNotExist) && n < attempts: // a chunk was replaced meanwhile
			continue
		case err != nil || !changed:
			return err
		}
		if len(m.Retired) > maxRetired {
			if err := x.archive(ctx, m); err != nil {
				return err
			}
		}
		noted, replaced = x.note(k, m), m.replaced
		m.Writes = append(m.Writes, write)
		m.Writes = m.Writes[max(0, len(m.Writes)-maxWrites):]
		body, err := encode(m)
		if err != nil {
			return err
		}
		etag, err := x.b.put(ctx, k.object(), body, h.etag)
		switch {
		case err == nil:
			x.keep(k, held{manifest: m, etag: etag, at: x.b.o.Now(), began: x.next()})
			done()
			return nil
		case !errors.Is(err, errLost):
			return err
		}
		if err := x.b.o.Sleep(ctx, jitter(min(n, 4))); err != nil {
			return err
		}
	}
}

// archive moves the older half of the retired segments into a chunk.
func (x *Index) archive(ctx context.Context, m *manifest) error {
	half := len(m.Retired) / 2
	c, err := x.saveChunk(ctx, m.key(), m.Retired[:half])
	m.Retired = slices.Clone(m.Retired[half:])
	m.Chunks = append(m.Chunks, c)
	return err
}

func (x *Index) saveChunk(ctx context.Context, k key, segments []cache.Segment) (chunk, error) {
	id, err := ulid.New(ulid.Timestamp(x.b.o.Now()), ulid.DefaultEntropy())
	if err != nil {
		return chunk{}, err
	}
	c := chunk{ID: id.String(), Count: len(segments)}
	for _, s := range segments {
		if !s.Gone {
			c.Files++
		}
	}
	body, err := encode(segments)
	if err != nil {
		return chunk{}, err
	}
	if _, err := x.b.put(ctx, k.chunk(c.ID), body, anyETag); err != nil {
		return chunk{}, err
	}
	x.chunks.Add(k.chunk(c.ID), slices.Clone(segments))
	return c, nil
}

// chunk reads one; it never changes.
func (x *Index) chunk(ctx context.Context, k key, c chunk) ([]cache.Segment, error) {
	name := k.chunk(c.ID)
	if segments, ok := x.chunks.Get(name); ok {
		return segments, nil
	}
	o, err := x.b.get(ctx, name, "")
	if err != nil {
		return nil, err
	}
	var segments []cache.Segment
	if err := decode(x.b.Where()+name, o.body, &segments); err != nil {
		return nil, err
	}
	x.chunks.Add(name, segments)
	x.mu.Lock()
	x.settleIn(k, segments)
	x.mu.Unlock()
	return segments, nil
}

// history gives all segments of a manifest.
func (x *Index) history(ctx context.Context, k key, m *manifest) (out []cache.Segment, err error) {
	for _, c := range m.Chunks {
		segments, err := x.chunk(ctx, k, c)
		if err != nil {
			return nil, err
		}
		out = append(out, segments...)
	}
	return append(append(out, m.Retired...), m.Live...), nil
}

// rewrite changes retired segments, those in chunks too: edit says whether it
// has changed one and whether that stays at all.
func (x *Index) rewrite(ctx context.Context, m *manifest, edit func(*cache.Segment) (changed, keep bool)) (changed bool, err error) {
	apply := func(in []cache.Segment) (out []cache.Segment, touched bool) {
		for _, s := range in {
			c, keep := edit(&s)
			touched = touched || c || !keep
			if keep {
				out = append(out, s)
			}
		}
		return out, touched
	}
	if m.Retired, changed = apply(m.Retired); len(m.Chunks) == 0 {
		return changed, nil
	}
	k := m.key()
	var chunks []chunk
	for _, c := range m.Chunks {
		segments, err := x.chunk(ctx, k, c)
		if err != nil {
			return false, err
		}
		segments, touched := apply(segments)
		if touched {
			changed = true
			m.replaced = append(m.replaced, c.ID)
			if len(segments) == 0 {
				continue
			}
			if c, err = x.saveChunk(ctx, k, segments); err != nil {
				return false, err
			}
		}
		chunks = append(chunks, c)
	}
	m.Chunks = chunks
	return changed, nil
}

// prune forgets segments that were given up long ago, where nothing would
// answer in their place.
func (x *Index) prune(ctx context.Context, m *manifest) error {
	before := x.b.o.Now().Add(-x.o.KeepGone)
	all, err := x.history(ctx, m.key(), m)
	if err != nil {
		return err
	}
	old := func(s cache.Segment) bool { return s.Gone && s.RetiredAt.Before(before) }
	if !slices.ContainsFunc(all, old) {
		return nil
	}
	_, err = x.rewrite(ctx, m, func(s *cache.Segment) (bool, bool) { return false, !old(*s) || !forgettable(*s, all) })
	return err
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

// load gives every manifest as it is now.
func (x *Index) load(ctx context.Context) (map[key]*manifest, error) {
	at, began := x.b.o.Now(), x.next()
	objects, err := x.b.list(ctx, "index/")
	if err != nil {
		return nil, err
	}
	out := make(map[key]*manifest, len(objects))
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(16)
	for _, o := range objects {
		k, ok := keyOf(o.key)
		if !ok {
			continue
		}
		if h, ok := x.manifests.Get(k); ok && h.etag == o.etag {
			h.at, h.began = at, began
			x.keep(k, h)
			mu.Lock()
			out[k] = h.manifest
			mu.Unlock()
			continue
		}
		group.Go(func() error {
			h, err := x.read(ctx, k, 0)
			if err == nil {
				mu.Lock()
				out[k] = h.manifest
				mu.Unlock()
			}
			return err
		})
	}
	return out, group.Wait()
}

// tidy removes, now and then, chunks that no manifest names.
func (x *Index) tidy(ctx context.Context, manifests map[key]*manifest) {
	now := x.b.o.Now()
	x.mu.Lock()
	due := now.Sub(x.tidied) >= tidyAfter
	if due {
		x.tidied = now
	}
	x.mu.Unlock()
	if !due {
		return
	}
	named := map[string]bool{}
	for k, m := range manifests {
		for _, c := range m.Chunks {
			named[k.chunk(c.ID)] = true
		}
	}
	objects, err := x.b.list(ctx, "history/")
	for _, o := range objects {
		name, _, _ := strings.Cut(o.key[strings.LastIndexByte(o.key, '/')+1:], ".")
		id, bad := ulid.ParseStrict(name)
		if named[o.key] || bad != nil || now.Sub(ulid.Time(id.Time())) < orphaned {
			continue
		}
		err = errors.Join(err, x.b.remove(ctx, o.key))
	}
	if err != nil && ctx.Err() == nil {
		x.o.Log.WarnContext(ctx, "what a crash left of the history in S3 stays until the next sweep", "err", err)
	}
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
	changed = len(add) > 0
	for _, s := range add {
		if s.RetiredAt.IsZero() {
			m.Live = append(m.Live, s)
		} else {
			m.Retired = append(m.Retired, s)
		}
	}
	slices.SortFunc(m.Live, func(a, b cache.Segment) int { return strings.Compare(a.ID, b.ID) })
	if len(c.Retire) > 0 {
		gone := m.retire(c.At, func(s cache.Segment) bool { return slices.Contains(c.Retire, s.ID) })
		changed = changed || len(gone) > 0
	}
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
	return costs, x.blob(ctx, costsOf(source, table), &costs)
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
