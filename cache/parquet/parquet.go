// Package parquet keeps the cache's segments as Parquet files in a folder: one
// file each segment, written once and never changed (I4). A place is a path in
// the folder: the segment's id, or a hive path that ends in it.
//
// A segment is either there and complete, or it is not there: rows go to a
// temporary file that is synced and renamed into place. The package knows
// columns and rows; it knows no channel, no index and no engine.
package parquet

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"argo/cache"
	"argo/tables"
)

const (
	suffix = ".parquet"
	temp   = ".tmp-" // prefix of a file that is being written
)

// Store implements cache.Store over a folder. It is safe for concurrent use,
// and several processes may share the folder.
type Store struct {
	dir string
	// fail, set by tests, may return an error at a step of Write, to stand in
	// for a disk that fails or a process that dies there.
	fail func(step string) error
}

// NewStore opens the folder, makes it where it is missing, and removes what a
// crash left half written: temporary files that no living process holds.
func NewStore(dir string) (*Store, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("open segment store: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open segment store: %w", err)
	}
	s := &Store{dir: dir, fail: func(string) error { return nil }}
	return s, s.reap()
}

// reap removes abandoned temporary files. A writer holds a lock on its file
// for as long as it lives, so a file that can be locked has no writer.
func (s *Store) reap() error {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return fmt.Errorf("open segment store: %w", err)
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), temp) {
			continue
		}
		name := filepath.Join(s.dir, e.Name())
		f, err := os.OpenFile(name, os.O_RDWR, 0)
		if err != nil {
			continue // gone already
		}
		if lock(f) == nil {
			err = os.Remove(name)
		}
		if err := errors.Join(err, f.Close()); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove abandoned file: %w", err)
		}
	}
	return nil
}

// create makes a temporary file and locks it. Between the two a starting
// process may have taken or removed it as abandoned; then the next one is made.
func (s *Store) create() (*os.File, error) {
	for {
		f, err := os.CreateTemp(s.dir, temp+"*"+suffix)
		if err != nil {
			return nil, err
		}
		if err = lock(f); err == nil {
			if _, err := os.Lstat(f.Name()); err == nil {
				return f, nil
			}
		}
		f.Close()
		if err != nil && !errors.Is(err, errLocked) {
			os.Remove(f.Name())
			return nil, err
		}
	}
}

// Write makes the file of a segment from rows: see cache.Store. Values are
// those of tables.Row; a value of another Go type, a decimal that does not fit
// its type exactly, text that is not UTF-8 or JSON that does not parse is an
// error that names the column and the row. Memory is bounded by a row group
// (122,880 rows or 64 MiB) whatever the number of rows.
func (s *Store) Write(ctx context.Context, place string, columns []tables.Column, rows iter.Seq2[tables.Row, error]) (n, bytes int64, err error) {
	bytes, err = s.Put(ctx, place, func(f *os.File) error {
		w, err := NewWriter(f, columns)
		if err != nil {
			return err
		}
		for row, err := range rows {
			if err != nil {
				return err
			}
			if n++; n%256 == 0 && ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err := w.Write(row); err != nil {
				return fmt.Errorf("row %d: %w", n, err)
			}
		}
		if err := s.fail("close"); err != nil {
			return err
		}
		return w.Close()
	})
	if err != nil {
		return 0, 0, err
	}
	return n, bytes, nil
}

// Put makes the file of a segment from what fill writes, as Write does: whole
// and durable, or not at all. What is not Parquet is the caller's mistake.
func (s *Store) Put(ctx context.Context, place string, fill func(*os.File) error) (bytes int64, err error) {
	name, err := s.name(place)
	if err != nil {
		return 0, err
	}
	defer func() {
		if err != nil {
			bytes, err = 0, fmt.Errorf("write segment %s: %w", place, err)
		}
	}()
	if _, err := os.Lstat(name); err == nil {
		return 0, fmt.Errorf("%w, and a segment is never modified", fs.ErrExist)
	}
	f, err := s.create()
	if err != nil {
		return 0, err
	}
	now := f.Name()
	defer func() {
		f.Close() // synced; gives up the lock, after the name has changed
		if err != nil {
			os.Remove(now)
			s.prune(place)
		}
	}()
	if err := fill(f); err != nil {
		return 0, err
	}
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"sync", f.Sync},
		{"stat", func() error {
			info, err := f.Stat()
			if err == nil {
				bytes = info.Size()
			}
			return err
		}},
		{"rename", func() error {
			err := s.move(now, name)
			if err == nil {
				now = name
			}
			return err
		}},
		{"sync folder", func() error { return s.syncFolders(place) }},
	} {
		if err := s.fail(step.name); err != nil {
			return 0, err
		}
		if err := step.do(); err != nil {
			return 0, fmt.Errorf("%s: %w", step.name, err)
		}
	}
	return bytes, nil
}

// move renames a file into a folder that it makes. Another process may remove
// the folder as empty in between; then it is made again.
func (s *Store) move(from, to string) error {
	for try := 0; ; try++ {
		// A parent may go while it is made, too: that is "not there", or "there"
		// where it went between the two looks of MkdirAll.
		err := os.MkdirAll(filepath.Dir(to), 0o700)
		if err == nil {
			err = os.Rename(from, to)
		}
		if err == nil || try == 100 || !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
}

// syncFolders makes the name of a place durable: its folder's entry, and the
// entries of folders that may be new.
func (s *Store) syncFolders(place string) error {
	for dir := path.Dir(place); ; dir = path.Dir(dir) {
		d, err := os.Open(filepath.Join(s.dir, filepath.FromSlash(dir)))
		if err != nil {
			return err
		}
		if err := errors.Join(d.Sync(), d.Close()); err != nil {
			return err
		}
		if dir == "." {
			return nil
		}
	}
}

// prune removes the folders of a place that are empty.
func (s *Store) prune(place string) {
	for dir := path.Dir(place); dir != "."; dir = path.Dir(dir) {
		if os.Remove(filepath.Join(s.dir, filepath.FromSlash(dir))) != nil {
			return // not empty, or gone
		}
	}
}

// name is the file of a place. It becomes a path, so nothing but what
// cache.CheckPlace knows is accepted.
func (s *Store) name(place string) (string, error) {
	if err := cache.CheckPlace(place); err != nil {
		return "", err
	}
	return filepath.Join(s.dir, filepath.FromSlash(place)+suffix), nil
}

// Path is where the engine reads the segment. The error wraps fs.ErrNotExist
// where the file is missing.
func (s *Store) Path(_ context.Context, place string) (string, error) {
	name, err := s.name(place)
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(name); err != nil {
		return "", fmt.Errorf("open segment %s: %w", place, err)
	}
	return name, nil
}

// Remove deletes the segment and the folders that it leaves empty; that it is
// gone already is no error.
func (s *Store) Remove(_ context.Context, place string) error {
	name, err := s.name(place)
	if err != nil {
		return err
	}
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove segment %s: %w", place, err)
	}
	s.prune(place)
	return nil
}

// List gives the places of every complete file, sorted.
func (s *Store) List(ctx context.Context) (places []string, err error) {
	err = s.walk(ctx, func(place string, _ fs.DirEntry) error {
		places = append(places, place)
		return nil
	})
	return places, err
}

// Files gives the size and the age of every complete file.
func (s *Store) Files(ctx context.Context, give func(place string, bytes int64, written time.Time)) error {
	return s.walk(ctx, func(place string, e fs.DirEntry) error {
		info, err := e.Info()
		if err == nil {
			give(place, info.Size(), info.ModTime())
		} else if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		return err
	})
}

func (s *Store) walk(ctx context.Context, give func(place string, e fs.DirEntry) error) error {
	err := fs.WalkDir(os.DirFS(s.dir), ".", func(name string, e fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist) && name != ".":
			return nil // a folder that was emptied meanwhile
		case err != nil || ctx.Err() != nil:
			return errors.Join(err, context.Cause(ctx))
		case e.IsDir() && name != "." && strings.HasPrefix(e.Name(), "."):
			return fs.SkipDir
		case !e.Type().IsRegular():
			return nil
		}
		if place, ok := strings.CutSuffix(name, suffix); ok && cache.CheckPlace(place) == nil {
			return give(place, e)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("list segments: %w", err)
	}
	return nil
}
