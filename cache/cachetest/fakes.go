// Package cachetest holds what every Index and Store of the cache must do, as
// tests, and one of each in memory. It knows the cache, and no file and no
// database.
package cachetest

import (
	"context"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"slices"
	"sync"
	"time"

	"argo/cache"
	"argo/tables"
)

type key struct{ source, table, account string }

// Index is a cache.Index in memory.
type Index struct {
	// Fail, where non-nil, is asked before every call with the method's name;
	// its error is the call's.
	Fail func(method string) error

	mu       sync.Mutex
	segments map[string]cache.Segment
	epochs   map[key]int64
	claims   map[string]cache.Claim
	accounts map[string][]tables.Account
	at       map[string]time.Time
	costs    map[[2]string][]byte
	versions map[key]int64
}

// NewIndex makes an empty one.
func NewIndex() *Index {
	return &Index{segments: map[string]cache.Segment{}, epochs: map[key]int64{}, claims: map[string]cache.Claim{},
		accounts: map[string][]tables.Account{}, at: map[string]time.Time{}, costs: map[[2]string][]byte{}, versions: map[key]int64{}}
}

func (x *Index) enter(ctx context.Context, method string) (leave func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if x.Fail != nil {
		if err := x.Fail(method); err != nil {
			return nil, err
		}
	}
	x.mu.Lock()
	return x.mu.Unlock, nil
}

// Segments implements cache.Index.
func (x *Index) Segments(ctx context.Context, source, table, account string) ([]cache.Segment, error) {
	leave, err := x.enter(ctx, "Segments")
	if err != nil {
		return nil, err
	}
	defer leave()
	return x.live(source, table, account), nil
}

func (x *Index) live(source, table, account string) []cache.Segment {
	return x.list(func(s cache.Segment) bool {
		return s.Source == source && s.Table == table && s.Account == account && s.RetiredAt.IsZero()
	})
}

// History implements cache.Index.
func (x *Index) History(ctx context.Context, source, table, account string) ([]cache.Segment, error) {
	leave, err := x.enter(ctx, "History")
	if err != nil {
		return nil, err
	}
	defer leave()
	return x.list(func(s cache.Segment) bool {
		return s.Source == source && s.Table == table && s.Account == account
	}), nil
}

// All implements cache.Index.
func (x *Index) All(ctx context.Context) ([]cache.Segment, error) {
	leave, err := x.enter(ctx, "All")
	if err != nil {
		return nil, err
	}
	defer leave()
	return x.list(func(s cache.Segment) bool { return !s.Gone }), nil
}

func (x *Index) list(want func(cache.Segment) bool) (out []cache.Segment) {
	for _, id := range slices.Sorted(maps.Keys(x.segments)) {
		if s := x.segments[id]; want(s) {
			s.Columns = slices.Clone(s.Columns)
			out = append(out, s)
		}
	}
	return out
}

// Commit implements cache.Index.
func (x *Index) Commit(ctx context.Context, c cache.Change) error {
	leave, err := x.enter(ctx, "Commit")
	if err != nil {
		return err
	}
	defer leave()
	for _, s := range c.Add {
		if s.Epoch != x.epochs[key{s.Source, s.Table, s.Account}] {
			return cache.ErrForgotten
		}
		if _, ok := x.segments[s.ID]; ok {
			return fmt.Errorf("segment %s is there already", s.ID)
		}
	}
	for _, id := range c.Needs {
		if s, ok := x.segments[id]; !ok || !s.RetiredAt.IsZero() {
			return cache.ErrForgotten
		}
	}
	for _, s := range c.Add {
		for _, o := range x.segments {
			if c.Last && (key{o.Source, o.Table, o.Account}) == (key{s.Source, s.Table, s.Account}) && (!o.KnownAt.Before(c.At) || !o.RetiredAt.Before(c.At)) {
				return &cache.LateError{After: slices.MaxFunc([]time.Time{o.KnownAt, o.RetiredAt}, time.Time.Compare)}
			}
		}
	}
	for _, s := range c.Add {
		s.Columns = slices.Clone(s.Columns)
		x.segments[s.ID] = s
	}
	for _, id := range slices.Concat(ids(c.Add), c.Retire, c.Empty, c.Drop) {
		s := x.segments[id]
		x.versions[key{s.Source, s.Table, s.Account}]++
	}
	for _, id := range c.Retire {
		if s, ok := x.segments[id]; ok && s.RetiredAt.IsZero() {
			s.RetiredAt = c.At
			x.segments[id] = s
		}
	}
	for _, id := range c.Empty {
		if s, ok := x.segments[id]; ok && !s.RetiredAt.IsZero() {
			s.Gone = true
			x.segments[id] = s
		}
	}
	for _, id := range c.Drop {
		delete(x.segments, id)
	}
	for _, id := range c.Claims {
		delete(x.claims, id)
	}
	return nil
}

func ids(segments []cache.Segment) (out []string) {
	for _, s := range segments {
		out = append(out, s.ID)
	}
	return out
}

// Version implements cache.Versions.
func (x *Index) Version(ctx context.Context, source, table, account string) (int64, error) {
	leave, err := x.enter(ctx, "Version")
	if err != nil {
		return 0, err
	}
	defer leave()
	return x.versions[key{source, table, account}], nil
}

// Board implements cache.Index.
func (x *Index) Board(ctx context.Context, source, table, account string, now time.Time, decide func([]cache.Segment, []cache.Claim, int64) []cache.Claim) error {
	leave, err := x.enter(ctx, "Board")
	if err != nil {
		return err
	}
	defer leave()
	for _, c := range decide(x.live(source, table, account), x.booked(source, table, account, now), x.epochs[key{source, table, account}]) {
		x.claims[c.ID] = c
	}
	return nil
}

// Claims implements cache.Index.
func (x *Index) Claims(ctx context.Context, source, table, account string, now time.Time) ([]cache.Claim, error) {
	leave, err := x.enter(ctx, "Claims")
	if err != nil {
		return nil, err
	}
	defer leave()
	return x.booked(source, table, account, now), nil
}

func (x *Index) booked(source, table, account string, now time.Time) (out []cache.Claim) {
	for _, id := range slices.Sorted(maps.Keys(x.claims)) {
		if c := x.claims[id]; c.Source == source && c.Table == table && c.Account == account && c.Until.After(now) {
			c.Columns = slices.Clone(c.Columns)
			out = append(out, c)
		}
	}
	return out
}

// Extend implements cache.Index.
func (x *Index) Extend(ctx context.Context, ids []string, until time.Time) error {
	leave, err := x.enter(ctx, "Extend")
	if err != nil {
		return err
	}
	defer leave()
	for _, id := range ids {
		if _, ok := x.claims[id]; !ok {
			return cache.ErrClaimLost
		}
	}
	for _, id := range ids {
		c := x.claims[id]
		c.Until = until
		x.claims[id] = c
	}
	return nil
}

// Release implements cache.Index.
func (x *Index) Release(ctx context.Context, ids []string) error {
	leave, err := x.enter(ctx, "Release")
	if err != nil {
		return err
	}
	defer leave()
	for _, id := range ids {
		delete(x.claims, id)
	}
	return nil
}

// Epoch implements cache.Index.
func (x *Index) Epoch(ctx context.Context, source, table, account string) (int64, error) {
	leave, err := x.enter(ctx, "Epoch")
	if err != nil {
		return 0, err
	}
	defer leave()
	return x.epochs[key{source, table, account}], nil
}

// Forget implements cache.Index.
func (x *Index) Forget(ctx context.Context, source, table, account string, at time.Time) ([]cache.Segment, error) {
	leave, err := x.enter(ctx, "Forget")
	if err != nil {
		return nil, err
	}
	defer leave()
	x.epochs[key{source, table, account}]++
	x.versions[key{source, table, account}]++
	gone := x.live(source, table, account)
	for _, s := range gone {
		s.RetiredAt = at
		x.segments[s.ID] = s
	}
	for id, c := range x.claims {
		if c.Source == source && c.Table == table && c.Account == account {
			delete(x.claims, id)
		}
	}
	return gone, nil
}

// Touch implements cache.Index.
func (x *Index) Touch(ctx context.Context, ids []string, at time.Time) error {
	leave, err := x.enter(ctx, "Touch")
	if err != nil {
		return err
	}
	defer leave()
	for _, id := range ids {
		if s, ok := x.segments[id]; ok {
			s.UsedAt = at
			s.Uses++
			x.segments[id] = s
		}
	}
	return nil
}

// Accounts implements cache.Index.
func (x *Index) Accounts(ctx context.Context, source string) ([]tables.Account, time.Time, error) {
	leave, err := x.enter(ctx, "Accounts")
	if err != nil {
		return nil, time.Time{}, err
	}
	defer leave()
	return slices.Clone(x.accounts[source]), x.at[source], nil
}

// SaveAccounts implements cache.Index.
func (x *Index) SaveAccounts(ctx context.Context, source string, accounts []tables.Account, at time.Time) error {
	leave, err := x.enter(ctx, "SaveAccounts")
	if err != nil {
		return err
	}
	defer leave()
	x.accounts[source], x.at[source] = slices.Clone(accounts), at
	return nil
}

// Costs implements cache.Index.
func (x *Index) Costs(ctx context.Context, source, table string) ([]byte, error) {
	leave, err := x.enter(ctx, "Costs")
	if err != nil {
		return nil, err
	}
	defer leave()
	return slices.Clone(x.costs[[2]string{source, table}]), nil
}

// SaveCosts implements cache.Index.
func (x *Index) SaveCosts(ctx context.Context, source, table string, costs []byte) error {
	leave, err := x.enter(ctx, "SaveCosts")
	if err != nil {
		return err
	}
	defer leave()
	x.costs[[2]string{source, table}] = slices.Clone(costs)
	return nil
}

// Store is a cache.Store in memory; the path of a segment is "memory:" and its
// id.
type Store struct {
	// Fail as in Index.
	Fail func(method string) error

	mu    sync.Mutex
	files map[string]file
}

type file struct {
	columns []tables.Column
	rows    []tables.Row
}

// NewStore makes an empty one.
func NewStore() *Store { return &Store{files: map[string]file{}} }

func (s *Store) fail(ctx context.Context, method string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.Fail != nil {
		return s.Fail(method)
	}
	return nil
}

// Write implements cache.Store. A row counts eight bytes a column.
func (s *Store) Write(ctx context.Context, id string, columns []tables.Column, rows iter.Seq2[tables.Row, error]) (n, bytes int64, err error) {
	if err := s.fail(ctx, "Write"); err != nil {
		return 0, 0, err
	}
	f := file{columns: slices.Clone(columns)}
	for row, err := range rows {
		if err != nil {
			return 0, 0, err
		}
		if err := ctx.Err(); err != nil {
			return 0, 0, err
		}
		f.rows = append(f.rows, slices.Clone(row))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.files[id]; ok {
		return 0, 0, fmt.Errorf("segment %s: %w", id, fs.ErrExist)
	}
	s.files[id] = f
	n = int64(len(f.rows))
	return n, 100 + 8*n*int64(len(columns)), nil
}

// Path implements cache.Store.
func (s *Store) Path(ctx context.Context, id string) (string, error) {
	if err := s.fail(ctx, "Path"); err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.files[id]; !ok {
		return "", fmt.Errorf("segment %s: %w", id, fs.ErrNotExist)
	}
	return "memory:" + id, nil
}

// Remove implements cache.Store.
func (s *Store) Remove(ctx context.Context, id string) error {
	if err := s.fail(ctx, "Remove"); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.files, id)
	return nil
}

// List implements cache.Store.
func (s *Store) List(ctx context.Context) ([]string, error) {
	if err := s.fail(ctx, "List"); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.files)), nil
}

// Read implements cache.Store.
func (s *Store) Read(ctx context.Context, place string, columns []tables.Column) iter.Seq2[tables.Row, error] {
	return func(yield func(tables.Row, error) bool) {
		names := make([]string, len(columns))
		for i, c := range columns {
			names[i] = c.Name
		}
		err := s.fail(ctx, "Read")
		var rows []tables.Row
		if err == nil {
			rows, err = s.Rows("memory:"+place, names)
		}
		if err != nil {
			yield(nil, err)
			return
		}
		for _, row := range rows {
			if err := ctx.Err(); err != nil {
				yield(nil, err)
				return
			}
			if !yield(row, nil) {
				return
			}
		}
	}
}

// Rows gives the rows of a path, aligned with the names of columns; nil for a
// column that the file lacks.
func (s *Store) Rows(path string, columns []string) ([]tables.Row, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, ok := s.files[path[min(len(path), len("memory:")):]]
	if !ok {
		return nil, fmt.Errorf("read %s: %w", path, fs.ErrNotExist)
	}
	at := make([]int, len(columns))
	for i, name := range columns {
		at[i] = slices.IndexFunc(f.columns, func(c tables.Column) bool { return c.Name == name })
	}
	out := make([]tables.Row, len(f.rows))
	for r, row := range f.rows {
		out[r] = make(tables.Row, len(columns))
		for i, j := range at {
			if j >= 0 {
				out[r][i] = row[j]
			}
		}
	}
	return out, nil
}
