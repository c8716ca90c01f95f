package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"argo/cache"
	"argo/cache/parquet"
	"argo/server/state/sqlite"
	"argo/tables"

	"github.com/oklog/ulid/v2"
)

// stock is a cache that has grown for a while: so many segments of so many
// bytes in all, over accounts and tables of a source, nine in ten of them live,
// each of a day of its own.
type stock struct {
	source   string
	segments int
	bytes    int64
	accounts int // default 200
	now      time.Time
}

// fill puts the stock into a data folder on which no gateway runs. The files
// are one file under many names, so that five gigabytes take a second and next
// to no space; what opens, lists or removes them finds what it would find.
func (s stock) fill(ctx context.Context, data string) (err error) {
	if s.accounts == 0 {
		s.accounts = 200
	}
	folder := filepath.Join(data, "segments")
	store, err := parquet.NewStore(folder)
	if err != nil {
		return err
	}
	db, err := sqlite.Open(ctx, filepath.Join(data, "state.db"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()

	columns := []tables.Column{{Name: "account", Type: tables.Ident}, {Name: "date", Type: tables.DateType}, {Name: "text", Type: tables.LongText}}
	id := func(at time.Time) string { return ulid.MustNew(ulid.Timestamp(at), ulid.DefaultEntropy()).String() }
	first, old := id(s.now), ""
	each := s.bytes / int64(s.segments)
	const measured = 800 // bytes of the file for a row of 512 random ones in hexadecimal digits
	long := make([]byte, 512)
	rows, size, err := store.Write(ctx, first, columns, func(yield func(tables.Row, error) bool) {
		for n := int64(0); n < each; n += measured {
			_, _ = rand.Read(long)
			if !yield(tables.Row{"x", tables.Day("2026-01-01"), fmt.Sprintf("%x", long)}, nil) {
				return
			}
		}
	})
	if err != nil {
		return err
	}
	path, err := store.Path(ctx, first)
	if err != nil {
		return err
	}
	old = first
	var add []cache.Segment
	for i := range s.segments {
		at := s.now.Add(-time.Duration(i) * time.Minute)
		if i > 0 {
			old = id(at)
			if err := os.Link(path, filepath.Join(folder, old+".parquet")); err != nil {
				return err
			}
		}
		day := tables.DayOf(s.now).Add(-i / s.accounts)
		seg := cache.Segment{ID: old, FetchedAt: at, KnownAt: at, UsedAt: at, Rows: rows, Bytes: size, Span: cache.Span{
			Source: s.source, Table: fmt.Sprint("stock_", i%7), Account: fmt.Sprint("account-", i%s.accounts),
			Days: tables.Days{From: day, To: day}, Columns: []string{"account", "date", "text"}}}
		if i%10 == 9 {
			seg.RetiredAt = at.Add(time.Hour)
		}
		if add = append(add, seg); len(add) == 2000 || i == s.segments-1 {
			if err := db.Index().Commit(ctx, cache.Change{Add: add}); err != nil {
				return err
			}
			add = add[:0]
		}
	}
	return nil
}
