package s3

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"argo/cache"
	"argo/tables"
)

// Disk is the tier before the bucket: cache/parquet is one.
type Disk interface {
	cache.Store
	// Put makes the file of a place from what fill writes, whole or not at all;
	// fs.ErrExist where there is one.
	Put(ctx context.Context, place string, fill func(*os.File) error) (bytes int64, err error)
	// Files gives the size and the age of every complete file.
	Files(ctx context.Context, give func(place string, bytes int64, written time.Time)) error
}

// StoreOptions of a Store.
type StoreOptions struct {
	Disk Disk
	// MaxBytes is the disk's budget; 0: none. What is being read may exceed it.
	MaxBytes int64
	// Busy says whether somebody reads a file whose Path was given; it must not
	// call the store. nil: for fifteen minutes after it was.
	Busy func(place string) bool
	// Notes is a file that keeps over restarts which files are used often; ""
	// is none.
	Notes string
	Log   *slog.Logger // default slog.Default
}

// Store implements cache.Store: the bucket is what is there, the disk what is
// near. A segment is complete when it is in the bucket; Path brings it from
// there where the disk lacks it. Safe for concurrent use; nodes share the
// bucket, each has a disk of its own.
type Store struct {
	b *Bucket
	o StoreOptions

	mu      sync.Mutex
	tier    *tier
	flights map[string]*flight
}

// flight is a download under way.
type flight struct {
	done    chan struct{}
	err     error
	waiters int
	cancel  context.CancelFunc
}

// NewStore takes in what is on the disk; no request is sent.
func NewStore(ctx context.Context, b *Bucket, o StoreOptions) (*Store, error) {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	s := &Store{b: b, o: o, flights: map[string]*flight{}}
	busy := o.Busy
	if busy == nil {
		busy = func(place string) bool { // under s.mu
			e := s.tier.entries[place]
			return e != nil && b.o.Now().Sub(e.Value.(*file).used) < 15*time.Minute
		}
	}
	var err error
	if s.tier, err = newTier(o.MaxBytes, b.o.Now, busy); err != nil {
		return nil, err
	}
	return s, s.recall(ctx)
}

// recall fills the tier from the disk: what the notes name as used often, in
// their order, and before it what has come without being used again.
func (s *Store) recall(ctx context.Context) error {
	type found struct {
		place   string
		bytes   int64
		written time.Time
	}
	var once []found
	there := map[string]int64{}
	if err := s.o.Disk.Files(ctx, func(place string, bytes int64, written time.Time) {
		once = append(once, found{place, bytes, written})
		there[place] = bytes
	}); err != nil {
		return err
	}
	var often []string
	if s.o.Notes != "" {
		text, err := os.ReadFile(s.o.Notes)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		for l := bufio.NewScanner(bytes.NewReader(text)); l.Scan(); {
			often = append(often, l.Text())
		}
	}
	slices.Reverse(often) // the last used in front
	for _, place := range often {
		if n, ok := there[place]; ok {
			s.tier.add(place, n, true)
			delete(there, place)
		}
	}
	slices.SortFunc(once, func(a, b found) int { return a.written.Compare(b.written) })
	for _, f := range once {
		if _, ok := there[f.place]; ok {
			s.tier.add(f.place, f.bytes, false)
		}
	}
	for e := range s.tier.entries { // came before, and are read by nobody yet
		f := s.tier.entries[e].Value.(*file)
		f.born, f.used = time.Time{}, time.Time{}
	}
	return nil
}

// Close writes the notes. The store stays usable.
func (s *Store) Close() error {
	if s.o.Notes == "" {
		return nil
	}
	var b strings.Builder
	s.mu.Lock()
	for e := s.tier.often.Front(); e != nil; e = e.Next() {
		b.WriteString(e.Value.(*file).place + "\n")
	}
	s.mu.Unlock()
	f, err := os.CreateTemp(filepath.Dir(s.o.Notes), ".tmp-*")
	if err != nil {
		return err
	}
	_, err = f.WriteString(b.String())
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), s.o.Notes)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

const suffix = ".parquet"

func objectOf(place string) string { return "segments/" + place + suffix }

// Write implements cache.Store: the file is made on the disk and uploaded; it
// is there when both are done.
func (s *Store) Write(ctx context.Context, place string, columns []tables.Column, rows iter.Seq2[tables.Row, error]) (n, size int64, err error) {
	if n, size, err = s.o.Disk.Write(ctx, place, columns, rows); err != nil {
		return 0, 0, err
	}
	path, err := s.o.Disk.Path(ctx, place)
	if err == nil {
		err = s.b.upload(ctx, objectOf(place), path)
	}
	if err != nil {
		// A reply may have been lost, not the upload: what nobody commits is an
		// orphan, and the next sweep's.
		_ = s.o.Disk.Remove(context.WithoutCancel(ctx), place)
		return 0, 0, fmt.Errorf("upload segment %s: %w", place, err)
	}
	s.came(place, size)
	return n, size, nil
}

// came notes a file on the disk and keeps the budget.
func (s *Store) came(place string, size int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tier.add(place, size, false)
	s.unlink(s.tier.evict())
}

// unlink removes files from the disk that the tier has given up; s.mu is held,
// so that nobody is given a path that is about to go.
func (s *Store) unlink(places []string) {
	for _, place := range places {
		if err := s.o.Disk.Remove(context.Background(), place); err != nil {
			s.o.Log.Warn("a file stays on the disk above the budget", "segment", place, "err", err)
		}
	}
}

// Path implements cache.Store. Where the disk lacks the file it is downloaded,
// once for all who ask, and its size and checksum compared with what was
// uploaded.
func (s *Store) Path(ctx context.Context, place string) (string, error) {
	if err := cache.CheckPlace(place); err != nil {
		return "", err
	}
	for {
		s.mu.Lock()
		f := s.tier.use(place)
		if f != nil {
			f.pins++
		}
		s.mu.Unlock()
		if f != nil {
			path, err := s.o.Disk.Path(ctx, place)
			s.mu.Lock()
			f.pins--
			if errors.Is(err, fs.ErrNotExist) { // somebody emptied the folder
				s.tier.drop(place)
			}
			s.mu.Unlock()
			if !errors.Is(err, fs.ErrNotExist) {
				return path, err
			}
		}
		if err := s.fetch(ctx, place); err != nil {
			return "", fmt.Errorf("open segment %s: %w", place, err)
		}
	}
}

// fetch waits until the file is on the disk.
func (s *Store) fetch(ctx context.Context, place string) error {
	s.mu.Lock()
	f := s.flights[place]
	if f == nil {
		own, cancel := context.WithCancel(context.WithoutCancel(ctx))
		f = &flight{done: make(chan struct{}), cancel: cancel}
		s.flights[place] = f
		go func() {
			defer cancel()
			size, err := s.o.Disk.Put(own, place, func(to *os.File) error { return s.b.download(own, objectOf(place), to) })
			if errors.Is(err, fs.ErrExist) {
				size, err = s.size(place)
			}
			if err == nil {
				s.came(place, size)
			}
			s.mu.Lock()
			f.err = err
			if s.flights[place] == f {
				delete(s.flights, place)
			}
			s.mu.Unlock()
			close(f.done)
		}()
	}
	f.waiters++
	s.mu.Unlock()
	select {
	case <-f.done:
		return f.err
	case <-ctx.Done():
		s.mu.Lock()
		if f.waiters--; f.waiters == 0 {
			f.cancel()
			if s.flights[place] == f { // who comes now begins anew
				delete(s.flights, place)
			}
		}
		s.mu.Unlock()
		return context.Cause(ctx)
	}
}

// size of a file that is on the disk without the tier's knowing.
func (s *Store) size(place string) (int64, error) {
	path, err := s.o.Disk.Path(context.Background(), place)
	if err != nil {
		return 0, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// Read implements cache.Reader; the file stays on the disk meanwhile.
func (s *Store) Read(ctx context.Context, place string, columns []tables.Column) iter.Seq2[tables.Row, error] {
	return func(yield func(tables.Row, error) bool) {
		if _, err := s.Path(ctx, place); err != nil {
			yield(nil, err)
			return
		}
		s.mu.Lock()
		f := s.tier.use(place)
		if f != nil {
			f.pins++
		}
		s.mu.Unlock()
		s.o.Disk.Read(ctx, place, columns)(yield)
		if f != nil {
			s.mu.Lock()
			f.pins--
			s.mu.Unlock()
		}
	}
}

// Remove implements cache.Store: from the bucket, and from this disk.
func (s *Store) Remove(ctx context.Context, place string) error {
	if err := cache.CheckPlace(place); err != nil {
		return err
	}
	if err := s.b.remove(ctx, objectOf(place)); err != nil {
		return fmt.Errorf("remove segment %s: %w", place, err)
	}
	s.mu.Lock()
	s.tier.drop(place)
	s.mu.Unlock()
	return s.o.Disk.Remove(ctx, place)
}

// List implements cache.Store: what is in the bucket. Files on this disk that
// other nodes have removed from there go on the way.
func (s *Store) List(ctx context.Context) (places []string, err error) {
	s.mu.Lock()
	var near []string
	for place := range s.tier.entries { // before the listing: complete in the bucket, or removed from it
		near = append(near, place)
	}
	s.mu.Unlock()
	objects, err := s.b.list(ctx, "segments/")
	if err != nil {
		return nil, fmt.Errorf("list segments: %w", err)
	}
	there := make(map[string]bool, len(objects))
	for _, o := range objects {
		place, ok := strings.CutSuffix(strings.TrimPrefix(o.key, "segments/"), suffix)
		if ok && cache.CheckPlace(place) == nil {
			places = append(places, place)
			there[place] = true
		}
	}
	var gone []string
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, place := range near {
		e := s.tier.entries[place]
		if !there[place] && e != nil && e.Value.(*file).pins == 0 && !s.tier.busy(place) {
			s.tier.drop(place)
			gone = append(gone, place)
		}
	}
	s.unlink(gone)
	return places, nil
}
