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
	ID string // ULID
	Span
	FetchedAt time.Time // when its fetch began, to the microsecond, UTC; of parts the newest
	// KnownAt is when it was committed: from then on statements saw it, so that
	// AS OF a moment before it does not.
	KnownAt time.Time
	// RetiredAt is when another one took its place or it was forgotten; zero: it
	// is live. A retired segment answers AS OF only.
	RetiredAt time.Time
	// Gone says that the file of a retired segment was given up for its space:
	// AS OF a moment at which it answered must fail rather than take another.
	Gone bool
	// Parts of a compacted segment say which days were read and known when; nil:
	// all of them at FetchedAt and KnownAt. The file of a segment with parts has
	// a column _fetched_at.
	Parts []Part
	// Place in the Store; "" is the ID. A compacted segment has a hive path.
	Place string
	Rows  int64
	Bytes int64
	// Checks are the control totals that the source gave with the rows.
	Checks []Check
	UsedAt time.Time // last read, for eviction; coarse
	Uses   int64     // statements that read it, at most one in ten minutes
	// Epoch of the table and account when the fetch began: what was asked for
	// before a Forget is not committed after it.
	Epoch int64
}

// Part of a compacted segment.
type Part struct {
	Days               tables.Days
	FetchedAt, KnownAt time.Time
	// Checks of the fetch that it comes from; their texts are empty where that
	// was of more days than the part.
	Checks []Check
}

// Check compares the sum of a column over a segment with what the source says
// it is. Both are decimal texts.
type Check struct {
	Column, Rows, Source string
	Break                bool // they differ by more than the column's rounding
}

// Claim books cells for a fetch that is under way in some process, so that no
// other one makes the same call. It ends by itself at Until, should its process
// have died.
type Claim struct {
	ID string // ULID; of the segment that the fetch will make
	Span
	Owner string // the process
	Until time.Time
}

// Change of the index: all of it or nothing.
type Change struct {
	Add    []Segment
	Retire []string  // ids: they stop being live at At and are kept for AS OF
	At     time.Time // with Retire
	Empty  []string  // ids of retired ones: their file is to be removed, they are Gone
	Drop   []string  // ids: forgotten altogether, because the file is lost
	Claims []string  // ids of claims that end with it
	// Needs are ids of segments of the table and account of Add that must be live
	// still: where one is not, the change is ErrForgotten and nothing is done.
	Needs []string
	// Last demands that nothing of the table and account of Add became known or
	// was retired at At or later, by another process meanwhile: else the change is
	// a *LateError and nothing is done. So moments rise in the order of commits,
	// and what a statement saw until a moment is what was known then.
	Last bool
}

// LateError says that something became known at After, which is not before the
// change that was to be the last.
type LateError struct{ After time.Time }

func (e *LateError) Error() string {
	return "another process changed the table at " + e.After.Format(time.RFC3339Nano)
}

// Use says that Segment answers Days of a span.
type Use struct {
	Segment Segment
	Days    tables.Days
}

// ErrForgotten is what Commit gives for a segment whose fetch began before the
// last Forget of its table and account. Nothing of that commit is done.
var ErrForgotten = errors.New("the table was forgotten after the fetch began")

// Index remembers segments durably. Safe for concurrent use, and over every
// process that shares it: a second one sees what the first has committed.
type Index interface {
	// Segments lists the live segments of one table and account.
	Segments(ctx context.Context, source, table, account string) ([]Segment, error)
	// History lists all segments of one table and account: live, retired, gone.
	History(ctx context.Context, source, table, account string) ([]Segment, error)
	// All lists every segment that has a file, live and retired, for eviction,
	// the sweep and argo.segments.
	All(ctx context.Context) ([]Segment, error)
	// Commit makes a change: after a crash all of it or nothing is seen. A
	// segment to add whose Epoch is behind is ErrForgotten, and nothing is done;
	// an id that is not there is no error.
	Commit(ctx context.Context, c Change) error
	// Board decides what to fetch, in one transaction: decide sees the live
	// segments of the table and account, the claims that have not ended by now,
	// and the epoch, and gives the claims to book. It may run more than once and
	// must do nothing else. What it gave last is booked when Board returns nil.
	Board(ctx context.Context, source, table, account string, now time.Time, decide func(live []Segment, claims []Claim, epoch int64) []Claim) error
	// Claims lists those of a table and account that have not ended by now.
	Claims(ctx context.Context, source, table, account string, now time.Time) ([]Claim, error)
	// Extend moves the end of claims; one that is not there any more is an error
	// that is ErrClaimLost.
	Extend(ctx context.Context, ids []string, until time.Time) error
	// Release ends claims; one that is not there is no error.
	Release(ctx context.Context, ids []string) error
	// Epoch counts the Forgets of a table and account, 0 at first.
	Epoch(ctx context.Context, source, table, account string) (int64, error)
	// Forget retires every live segment of a table and account at a moment,
	// ends its claims and moves its epoch on, in one transaction. It gives what
	// was live.
	Forget(ctx context.Context, source, table, account string, at time.Time) (retired []Segment, err error)
	// Touch sets UsedAt and adds one to Uses; losing it is harmless.
	Touch(ctx context.Context, ids []string, at time.Time) error
	// Accounts and SaveAccounts keep the list of accounts of a connection.
	// Accounts gives a zero time where none was saved.
	Accounts(ctx context.Context, source string) ([]tables.Account, time.Time, error)
	SaveAccounts(ctx context.Context, source string, accounts []tables.Account, at time.Time) error
	// Costs and SaveCosts keep what the fetches of a table were measured to
	// cost, a small blob of the cache's own; nil where none was saved. The last
	// one saved counts; losing it is harmless.
	Costs(ctx context.Context, source, table string) ([]byte, error)
	SaveCosts(ctx context.Context, source, table string, costs []byte) error
}

// Versions is what an Index may be besides: one that says within microseconds
// whether the list of a table and account is still what it was.
type Versions interface {
	// Version is a number that changes with every commit that adds, retires,
	// empties or drops a segment of the table and account, in whichever process.
	// Read it before the list: a list is at least as new as the version before.
	Version(ctx context.Context, source, table, account string) (int64, error)
}

// ErrClaimLost is what Extend gives where a claim has ended or was taken away:
// somebody else may be fetching its cells.
var ErrClaimLost = errors.New("the claim has ended")

// Job is work in the background: a row of argo.jobs.
type Job struct {
	ID            string // ULID
	Kind          string // backfill, refresh, warm, compact
	Source, Table string
	Account       string // "": all of them
	Days          tables.Days
	Options       string // JSON, as given
	State         string // queued, running, done, failed, cancelled
	Cells, Done   int64  // to be looked at, and looked at
	Calls, Rows   int64
	Error         string
	By            string // user, "config" or "argo"
	CreatedAt     time.Time
	StartedAt     time.Time
	UpdatedAt     time.Time
	EndedAt       time.Time
	Owner         string // process that runs it
	Until         time.Time
}

// Jobs remembers jobs durably, shared by every process on the store. Of those
// that have ended the newest are kept.
type Jobs interface {
	// Add remembers a job. An id that is there already is no error, and nothing
	// is done: two processes may add what follows from the configuration.
	Add(ctx context.Context, j Job) error
	// Take gives the oldest job of the kinds (none: any) that is queued, or
	// running under an owner whose time is up, and makes it the owner's until
	// then, running; nil: there is none.
	Take(ctx context.Context, owner string, now, until time.Time, kinds ...string) (*Job, error)
	// Save writes the progress, state, owner and end of a job that is the owner's.
	// ErrClaimLost where it is another owner's now, or has ended.
	Save(ctx context.Context, owner string, j Job) error
	// Cancel ends a job that has not ended; ok is false where there is none.
	Cancel(ctx context.Context, id string, at time.Time) (ok bool, err error)
	List(ctx context.Context) ([]Job, error) // newest first
	// Habits lists what was asked for of late, and SaveHabits writes some and
	// forgets those that were last asked for before a moment. Losing them is
	// harmless.
	Habits(ctx context.Context) ([]Habit, error)
	SaveHabits(ctx context.Context, changed []Habit, before time.Time) error
}

// Habit is something that is asked for again and again, for warming.
type Habit struct {
	Key  string
	At   time.Time // last ask
	Text []byte    // what it is, the worker's own
}

// Store keeps the bytes of segments. A place is a relative path without its
// ending: a segment's id, or a hive path that ends in one.
type Store interface {
	// Write makes the file at a place from rows, durable (fsync of file and
	// folder) and complete before it returns; an error, from rows too, leaves
	// nothing behind. Rows are aligned with columns.
	Write(ctx context.Context, place string, columns []tables.Column, rows iter.Seq2[tables.Row, error]) (n, bytes int64, err error)
	// Path is where the engine reads the segment, on this machine's disk; an
	// error that is fs.ErrNotExist where its file is gone. The file stays while
	// the segment is live or read.
	Path(ctx context.Context, place string) (string, error)
	// Remove deletes the file; one that is not there is no error.
	Remove(ctx context.Context, place string) error
	// List gives the places of every complete file, for the sweep: files that
	// the index does not know are what a crash left behind.
	List(ctx context.Context) ([]string, error)
	Reader
}

// Reader reads segments back, for the diff of two versions and for compaction.
type Reader interface {
	// Read streams the columns of a segment in the order of its rows; a column
	// that the file lacks is NULL. Values as in tables.Row.
	Read(ctx context.Context, place string, columns []tables.Column) iter.Seq2[tables.Row, error]
}
