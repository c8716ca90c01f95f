package s3

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"time"

	"argo/cache"

	"github.com/oklog/ulid/v2"
	"golang.org/x/sync/errgroup"
)

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
