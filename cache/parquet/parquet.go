// Package parquet keeps the cache's segments as Parquet files in a folder: one
// file each segment, named by its id, written once and never changed (I4).
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
	"path/filepath"
	"strings"

	"argo/tables"

	"github.com/oklog/ulid/v2"
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
// process may have removed it as abandoned; then the next one is taken.
func (s *Store) create() (*os.File, error) {
	for {
		f, err := os.CreateTemp(s.dir, temp+"*"+suffix)
		if err != nil {
			return nil, err
		}
		if err := lock(f); err != nil {
			f.Close()
			os.Remove(f.Name())
			return nil, err
		}
		if _, err := os.Lstat(f.Name()); err == nil {
			return f, nil
		}
		f.Close()
	}
}

// Write makes the file of segment id from rows: see cache.Store. Values are
// those of tables.Row; a value of another Go type, a decimal that does not fit
// its type exactly, text that is not UTF-8 or JSON that does not parse is an
// error that names the column and the row. Memory is bounded by a row group
// (122,880 rows or 64 MiB) whatever the number of rows.
func (s *Store) Write(ctx context.Context, id string, columns []tables.Column, rows iter.Seq2[tables.Row, error]) (n, bytes int64, err error) {
	name, err := s.name(id)
	if err != nil {
		return 0, 0, err
	}
	if _, err := os.Lstat(name); err == nil {
		return 0, 0, fmt.Errorf("write segment %s: it exists, and a segment is never modified", id)
	}
	f, err := s.create()
	if err != nil {
		return 0, 0, fmt.Errorf("write segment %s: %w", id, err)
	}
	place := f.Name()
	defer func() {
		if err != nil {
			n, bytes = 0, 0
			err = fmt.Errorf("write segment %s: %w", id, err)
			f.Close()
			os.Remove(place)
		}
	}()
	w, err := NewWriter(f, columns)
	if err != nil {
		return 0, 0, err
	}
	for row, err := range rows {
		if err != nil {
			return 0, 0, err
		}
		if n++; n%256 == 0 && ctx.Err() != nil {
			return 0, 0, context.Cause(ctx)
		}
		if err := w.Write(row); err != nil {
			return 0, 0, fmt.Errorf("row %d: %w", n, err)
		}
	}
	if ctx.Err() != nil {
		return 0, 0, context.Cause(ctx)
	}
	steps := []struct {
		name string
		do   func() error
	}{
		{"close", w.Close},
		{"sync", f.Sync},
		{"stat", func() error {
			info, err := f.Stat()
			if err == nil {
				bytes = info.Size()
			}
			return err
		}},
		{"rename", func() error {
			err := os.Rename(place, name)
			if err == nil {
				place = name
			}
			return err
		}},
		{"sync folder", func() error { return syncDir(s.dir) }},
	}
	for _, step := range steps {
		if err := s.fail(step.name); err != nil {
			return 0, 0, err
		}
		if err := step.do(); err != nil {
			return 0, 0, fmt.Errorf("%s: %w", step.name, err)
		}
	}
	f.Close() // synced; gives up the lock, after the name has changed
	return n, bytes, nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// name is the file of a segment. The id becomes a part of a path, so nothing
// but a ULID in its canonical spelling is accepted.
func (s *Store) name(id string) (string, error) {
	u, err := ulid.ParseStrict(id)
	if err != nil || u.String() != id {
		return "", fmt.Errorf("segment id %q is not a ULID", id)
	}
	return filepath.Join(s.dir, id+suffix), nil
}

// Path is where the engine reads the segment. The error wraps fs.ErrNotExist
// where the file is missing.
func (s *Store) Path(_ context.Context, id string) (string, error) {
	name, err := s.name(id)
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(name); err != nil {
		return "", fmt.Errorf("open segment %s: %w", id, err)
	}
	return name, nil
}

// Remove deletes the segment; that it is gone already is no error.
func (s *Store) Remove(_ context.Context, id string) error {
	name, err := s.name(id)
	if err != nil {
		return err
	}
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove segment %s: %w", id, err)
	}
	return nil
}

// List gives the ids of every complete file, sorted: by age, as ULIDs are.
func (s *Store) List(ctx context.Context) ([]string, error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, fmt.Errorf("list segments: %w", err)
	}
	var ids []string
	for _, e := range entries {
		id, ok := strings.CutSuffix(e.Name(), suffix)
		if !ok || !e.Type().IsRegular() {
			continue
		}
		if _, err := s.name(id); err == nil {
			ids = append(ids, id)
		}
	}
	return ids, ctx.Err()
}
