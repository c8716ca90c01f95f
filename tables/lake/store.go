package lake

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// store keeps files that were made from others: downloads, conversions and
// profiles. A name says what a file is made of, so a file never changes, and
// the folder may be emptied at any time: what is missing is made again.
//
// Several processes may share the folder: a file that one reads is locked, and no
// other removes it; one that another has made is taken as it is.
//
// A name is subject-version.suffix: when another version of a subject is made,
// the older ones go as soon as nobody uses them. Beyond that, what was not used
// for longest goes when the budget is exceeded; what is in use stays.
type store struct {
	dir   string
	limit int64
	now   func() time.Time

	mu      sync.Mutex
	files   map[string]*stored
	bytes   int64
	latest  map[string]string // subject → name
	flights map[string]*flight
}

type stored struct {
	size int64
	refs int
	used time.Time
	old  bool     // another version of its subject is there
	open *os.File // locked as a reader while there are refs; nil where that cannot be
}

// flight is a file in the making; it is cancelled when nobody waits any more.
type flight struct {
	done    chan struct{}
	landed  bool
	err     error
	waiters int
	cancel  context.CancelFunc
}

const (
	tempPrefix = ".tmp-"
	// abandoned is how long an unfinished file is left alone at a start:
	// whoever makes one writes to it all the time.
	abandoned = time.Hour
)

// digest is a short name for any number of texts.
func digest(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return hex.EncodeToString(h.Sum(nil)[:12])
}

// load takes in what the folder holds. It is called once, before any use.
func (s *store) load() error {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return fmt.Errorf("open the lake's folder: %w", err)
	}
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return fmt.Errorf("open the lake's folder: %w", err)
	}
	s.files, s.latest, s.flights = map[string]*stored{}, map[string]string{}, map[string]*flight{}
	var names []string
	for _, e := range entries {
		info, err := e.Info()
		switch {
		case err != nil || !info.Mode().IsRegular():
		case !strings.HasPrefix(e.Name(), tempPrefix):
			s.files[e.Name()] = &stored{size: info.Size(), used: info.ModTime()}
			s.bytes += info.Size()
			names = append(names, e.Name())
		case time.Since(info.ModTime()) > abandoned:
			os.Remove(filepath.Join(s.dir, e.Name()))
		}
	}
	slices.SortFunc(names, func(a, b string) int { return s.files[a].used.Compare(s.files[b].used) })
	for _, name := range names {
		s.supersede(name)
	}
	s.evict()
	return nil
}

// get gives the file called name, made by fill where it is not there, once
// however many ask at the same time. It stays until release is called. fill
// writes to a temporary file; where it fails nothing is left.
func (s *store) get(ctx context.Context, name string, fill func(context.Context, *os.File) error) (path string, release func(), err error) {
	place := filepath.Join(s.dir, name)
	release = sync.OnceFunc(func() { s.release(name) })
	if ctx.Err() != nil {
		return "", nil, context.Cause(ctx)
	}
	s.mu.Lock()
	if s.hold(name) {
		s.mu.Unlock()
		return place, release, nil
	}
	fl := s.flights[name]
	if fl == nil {
		work, cancel := context.WithCancel(context.WithoutCancel(ctx))
		fl = &flight{done: make(chan struct{}), cancel: cancel}
		s.flights[name] = fl
		go func() {
			defer cancel()
			size, err := s.write(work, place, fill)
			s.land(name, fl, size, err)
		}()
	}
	fl.waiters++
	s.mu.Unlock()

	select {
	case <-fl.done:
		if fl.err != nil {
			return "", nil, fl.err
		}
		return place, release, nil // land has counted this waiter as a user
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if fl.landed {
		if fl.err == nil {
			s.drop(name)
		}
	} else if fl.waiters--; fl.waiters == 0 {
		fl.cancel()
		if s.flights[name] == fl {
			delete(s.flights, name)
		}
	}
	return "", nil, context.Cause(ctx)
}

// write makes the file in a temporary place, and renames it when it is whole.
func (s *store) write(ctx context.Context, path string, fill func(context.Context, *os.File) error) (size int64, err error) {
	f, err := os.CreateTemp(s.dir, tempPrefix+"*")
	if errors.Is(err, fs.ErrNotExist) { // emptied, folder and all
		if err = os.MkdirAll(s.dir, 0o700); err == nil {
			f, err = os.CreateTemp(s.dir, tempPrefix+"*")
		}
	}
	if err != nil {
		return 0, err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if err := fill(ctx, f); err != nil {
		return 0, err
	}
	if size, err = f.Seek(0, io.SeekEnd); err != nil {
		return 0, err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return 0, err
	}
	// Another process may have made it meanwhile, and reads it: then that one
	// stays.
	if err := os.Link(f.Name(), path); err == nil || errors.Is(err, fs.ErrExist) {
		if info, err := os.Stat(path); err == nil {
			size = info.Size()
		}
		return size, os.Remove(f.Name())
	}
	return size, os.Rename(f.Name(), path)
}

// land ends a flight: everybody who waits becomes a user of the file.
func (s *store) land(name string, fl *flight, size int64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fl.landed, fl.err = true, err
	if s.flights[name] == fl {
		delete(s.flights, name)
	}
	if err == nil {
		f := s.files[name]
		if f == nil {
			f = &stored{}
			s.files[name] = f
		}
		s.bytes += size - f.size
		f.size, f.used, f.old = size, s.now(), false
		if fl.waiters > 0 {
			f.lock(filepath.Join(s.dir, name))
		}
		f.refs += fl.waiters
		s.supersede(name)
		s.evict()
	}
	close(fl.done)
}

// The functions below want the lock.

// supersede makes name the version of its subject.
func (s *store) supersede(name string) {
	last := s.latest[subject(name)]
	s.latest[subject(name)] = name
	if f := s.files[last]; f != nil && last != name {
		f.old = true
		s.forget(last, f)
	}
}

func (s *store) hold(name string) bool {
	place := filepath.Join(s.dir, name)
	info, err := os.Stat(place)
	if err != nil || !info.Mode().IsRegular() {
		return false
	}
	f := s.files[name]
	if f == nil { // another process has made it
		f = &stored{size: info.Size()}
		s.files[name] = f
		s.bytes += f.size
		s.supersede(name)
	}
	if !f.lock(place) {
		return false
	}
	f.refs++
	f.used = s.now()
	return true
}

// lock keeps other processes from removing a file; false where one is about to.
func (f *stored) lock(place string) bool {
	if f.open != nil {
		return true
	}
	file, err := os.Open(place)
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist) // too many open files: no lock, then
	}
	if share(file) == nil {
		mine, err1 := file.Stat()
		there, err2 := os.Stat(place)
		if err1 == nil && err2 == nil && os.SameFile(mine, there) {
			f.open = file
			return true
		}
	}
	file.Close()
	return false
}

func (s *store) release(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(name)
}

func (s *store) drop(name string) {
	f := s.files[name]
	if f.refs--; f.refs == 0 && f.open != nil {
		f.open.Close()
		f.open = nil
	}
	if f.old {
		s.forget(name, f)
	}
	s.evict()
}

// forget removes a file that nobody uses; false where somebody does, in this
// process or another.
func (s *store) forget(name string, f *stored) bool {
	if f.refs > 0 {
		return false
	}
	place := filepath.Join(s.dir, name)
	if file, err := os.Open(place); err == nil {
		defer file.Close()
		if own(file) != nil {
			return false
		}
	}
	os.Remove(place)
	delete(s.files, name)
	s.bytes -= f.size
	return true
}

// evict removes what was not used for longest while there is too much. A file
// of the statement that runs now is in use, so one statement may exceed the
// budget.
func (s *store) evict() {
	var busy []string // in other processes
	for s.bytes > s.limit {
		var name string
		var oldest *stored
		for n, f := range s.files {
			if f.refs == 0 && (oldest == nil || f.used.Before(oldest.used)) && !slices.Contains(busy, n) {
				name, oldest = n, f
			}
		}
		if oldest == nil {
			return
		}
		if !s.forget(name, oldest) {
			busy = append(busy, name)
		}
	}
}

// subject is the part of a name that its versions share.
func subject(name string) string {
	s, _, _ := strings.Cut(name, "-")
	return s
}
