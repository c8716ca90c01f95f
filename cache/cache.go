// Package cache keeps what was fetched from channels and trackers as immutable
// Parquet segments, and decides what has to be fetched.
//
// Invariants: I2 every (account, day) cell of a scan is answered by exactly
// one segment; I3 what is fetched is narrowed by nothing but account, day and
// columns; I4 a segment is never modified; I7 a failed fetch never advances
// coverage. It knows no channel, no engine and no storage format: segments are
// written through Store, remembered in Index.
package cache

import (
	"context"
	"errors"
	"iter"
	"time"

	"argo/tables"
)

// Span is a rectangle of cells: accounts are one each, days are a range,
// columns are sorted by name.
type Span struct {
	Source, Table, Account string
	Days                   tables.Days // zero for a table without days: one cell
	Columns                []string
}

// Segment is an immutable file that answers a span as of a moment.
type Segment struct {
	ID string // ULID; also its place in the Store
	Span
	FetchedAt time.Time // when its fetch began, to the microsecond, UTC
	Rows      int64
	Bytes     int64
	UsedAt    time.Time // last read, for eviction; coarse
	// Epoch of the table and account when the fetch began: what was asked for
	// before a Forget is not committed after it.
	Epoch int64
}

// Use says that Segment answers Days of a span.
type Use struct {
	Segment Segment
	Days    tables.Days
}

// ErrForgotten is what Commit gives for a segment whose fetch began before the
// last Forget of its table and account. Nothing of that commit is done.
var ErrForgotten = errors.New("the table was forgotten after the fetch began")

// Index remembers segments durably. Safe for concurrent use and over processes.
type Index interface {
	// Segments lists the committed segments of one table and account.
	Segments(ctx context.Context, source, table, account string) ([]Segment, error)
	// All lists every committed segment, for eviction and argo.segments.
	All(ctx context.Context) ([]Segment, error)
	// Commit adds and drops in one transaction: after a crash either both or
	// neither is seen. A segment to add whose Epoch is behind is ErrForgotten;
	// an id to drop that is not there is no error.
	Commit(ctx context.Context, add []Segment, drop []string) error
	// Epoch counts the Forgets of a table and account, 0 at first.
	Epoch(ctx context.Context, source, table, account string) (int64, error)
	// Forget drops every segment of a table and account and moves its epoch on,
	// in one transaction. It gives what was dropped.
	Forget(ctx context.Context, source, table, account string) (dropped []Segment, err error)
	// Touch sets UsedAt; losing it is harmless.
	Touch(ctx context.Context, ids []string, at time.Time) error
	// Accounts and SaveAccounts keep the list of accounts of a connection.
	// Accounts gives a zero time where none was saved.
	Accounts(ctx context.Context, source string) ([]tables.Account, time.Time, error)
	SaveAccounts(ctx context.Context, source string, accounts []tables.Account, at time.Time) error
}

// Store keeps the bytes of segments.
type Store interface {
	// Write makes the file of segment id from rows, durable (fsync of file and
	// folder) and complete before it returns; an error, from rows too, leaves
	// nothing behind. Rows are aligned with columns.
	Write(ctx context.Context, id string, columns []tables.Column, rows iter.Seq2[tables.Row, error]) (n, bytes int64, err error)
	// Path is where the engine reads the segment; an error that is
	// fs.ErrNotExist where its file is gone.
	Path(ctx context.Context, id string) (string, error)
	// Remove deletes the file; one that is not there is no error.
	Remove(ctx context.Context, id string) error
	// List gives the ids of every complete file, for the sweep at start: files
	// that the index does not know are what a crash left behind.
	List(ctx context.Context) ([]string, error)
}
