// Package tables holds the three nouns that carry Argo: a Source opens to
// Tables, and a Table answers a Scan.
//
// A table is a value with functions, so that a decorator is one assignment
// (t.Scan = wrap(t.Scan)) and a table reads like a data sheet. The package
// knows no engine, no cache, no protocol and no channel.
//
// Invariant I1: a scan never loses rows. Where is a hint: a scan may return
// more than was asked for, never less; the engine filters again.
package tables

import (
	"context"
	"iter"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

// Source is a kind of thing that can be connected: Google Ads, AppsFlyer, a
// lake. It is a value in the slice all.Sources; there is no registry.
type Source struct {
	Name string // snake_case, the default database name: "google_ads"
	Doc  string // one line
	// Sample is an annotated YAML example of one connection, printed by
	// "argo sources --sample NAME".
	Sample string
	// Open checks credentials lazily: it decodes and validates the
	// configuration and makes no call. Faults: Config.
	Open func(ctx context.Context, env Env) (*Connection, error)
}

// Connection is an opened source: its tables, and a check.
type Connection struct {
	Tables []Table
	// Check reaches out once and says whether the credentials work.
	// It returns one line that says what was reached ("3 accounts").
	Check func(ctx context.Context) (string, error)
	// Handle is the connector's own client, for the write side of the same
	// channel (automation/ads/<name>), which type-asserts it. Nobody else looks.
	Handle any
	// Reads names the folders outside Env.Dir that File.Path may point into;
	// the engine opens files nowhere else.
	Reads []string
	Close func() error // may be nil
}

// Env is what a source is opened with.
type Env struct {
	Name   string                 // name of the connection, for messages
	Decode func(config any) error // strict: an unknown key is a fault (I6)
	Secret func(ctx context.Context, ref string) (string, error)
	HTTP   *http.Client // nil: http.DefaultClient's transport with Argo's timeouts
	Log    *slog.Logger
	Now    func() time.Time
	// Sleep waits for d or until ctx ends; a test gives one that moves its
	// clock. Never nil.
	Sleep func(ctx context.Context, d time.Duration) error
	// Base is the folder of the configuration: relative paths in the options
	// are relative to it. "" is the working directory.
	Base string
	// Dir is a private directory of the connection for converted or downloaded
	// files (lake). It survives restarts and may be emptied at any time.
	Dir string
	// Quotas keeps the state of the connection's budgets; nil: in memory, for
	// this process alone.
	Quotas Quotas
	// Record is told of every request after it has ended; nil: nobody is.
	Record func(Call)
}

// Table is a virtual table. Either Scan or Files is non-nil.
type Table struct {
	Name, Doc string
	Columns   []Column
	// Key names the columns that identify a row within an account and a day
	// (or within an account where Day is empty). A fetch for the cache always
	// holds them, so that the grain of a row never depends on the statement.
	Key []string
	// Account and Day name the partition columns; empty where there is none.
	// A reporting table has both, an entity table has Account only, a system
	// table and a lake data set have neither.
	Account, Day string
	// Clock says what the Day column means: "day of the click in the account's
	// time zone", "day of install". It is shown in the documentation.
	Clock   string
	MaxDays int // longest range of one call; 0: no limit
	// Whole says that every call of the source gives all columns: the cache then
	// keeps them all, so that a statement with another column needs no call.
	Whole bool
	Fresh Freshness // how long a fetched cell is good
	// Groups gives the columns of a group (Column.Group) a freshness of their
	// own: delivery settles within days, conversions move for months. A cell is
	// good if it is good for every group that is asked for; a row is final when
	// the slowest is.
	Groups map[string]Freshness
	Since  Day // first day of the extent; with Day only
	// Accounts lists the accounts this connection can see. The order is
	// stable. Faults: Auth, Throttled, Unavailable.
	Accounts func(ctx context.Context) ([]Account, error)
	// Roster, where non-nil, gives the accounts as they are remembered and how
	// many calls Accounts would make now: 0 while the list is good. It makes none.
	// No list is remembered: accounts is nil and calls is the usual number.
	Roster func(ctx context.Context) (accounts []Account, calls int, err error)
	// Scan streams the rows of one split, each row aligned with Scan.Columns.
	// It stops at the first error; a failed scan has given nothing (nobody may
	// keep rows seen before the error). Safe for concurrent use.
	Scan func(ctx context.Context, s Scan) iter.Seq2[Row, error]
	// Files, where non-nil, gives the answer as Parquet files for the engine to
	// read directly. The files stay in place until release is called.
	Files func(ctx context.Context, s Scan) (files []File, release func(), err error)
	// History says that Scan.AsOf is answered.
	History bool
	// Calls, where non-nil, says how many requests a scan takes, pages included,
	// and whether that is certain; nil is one. It makes none.
	Calls func(s Scan) (n int, exact bool)
	// Units, where non-nil, says what one request of a scan takes from which
	// budgets: units by key, as argo.quotas names them.
	Units func(s Scan) map[string]int
	// Estimate, where non-nil, says what a scan would cost; it makes no call.
	Estimate func(ctx context.Context, s Scan) (Estimate, error)
	// Incompatible, where non-nil, refuses column combinations the source does
	// not allow, at plan time, with a fault that names one that works.
	Incompatible func(columns []string) error
	// Describe, where non-nil, gives the columns as they are now: a lake data
	// set may gain columns with a new file. Cheap (memoised).
	Describe func(ctx context.Context) ([]Column, error)
}

// Account is a customer, an app, an advertiser: what a source partitions by.
type Account struct {
	ID       string
	Name     string
	Currency string // ISO 4217, "" where the source has none
	Zone     string // IANA time zone of its calendar; "" is UTC
}

// Location is the account's calendar; an unknown zone is UTC.
func (a Account) Location() *time.Location {
	if a.Zone == "" {
		return time.UTC
	}
	if l, ok := locations.Load(a.Zone); ok {
		return l.(*time.Location)
	}
	l, err := time.LoadLocation(a.Zone)
	if err != nil {
		return time.UTC
	}
	locations.Store(a.Zone, l)
	return l
}

// locations that were read from the zone files, by name.
var locations sync.Map

// Column of a table.
type Column struct {
	Name string // snake_case in the source's own vocabulary
	Type Type
	Doc  string
	Unit string // "USD", "account currency", "count", "ratio 0..1", ""
	// Group names the Freshness in Table.Groups; "" is Table.Fresh.
	Group string
	// Push: the source can filter on this column (equality or range); the
	// engine puts its domain into Scan.Where.
	Push bool
	// NonAdditive: SUM over rows of different keys is meaningless (reach, CTR).
	NonAdditive bool
	NotNull     bool
}

// Row is aligned with Scan.Columns. Values by Kind: Int int64 · Double float64 ·
// Decimal *apd.Decimal · Text, ID, JSON string · Bool bool · Date Day ·
// DateTime time.Time in UTC · nil for NULL.
type Row []any

// Scan is what a table is asked for: one account, one range of days.
type Scan struct {
	Table   string
	Account string // "" where the table has no Account column
	Days    Days   // zero where the table has no Day column
	Columns []string
	Where   Predicate
	// MaxAge caps the age of provisional data for this scan; 0: the table's
	// own freshness rules.
	MaxAge time.Duration
	// AsOf, where not zero, asks for what was known then; no call is made.
	AsOf time.Time
	// Renew fetches every cell anew, however good it is.
	Renew bool
	// Strict fails rather than let an older reading than promised answer while
	// the source cannot be asked, or rows of some of the days as of a moment.
	Strict bool
	// Totals, where non-nil, is called by a table whose source gives control
	// totals in the same reply: at most once, before the scan ends, with the
	// source's own sums over all of the scan's rows, by column. Values as in Row.
	Totals func(sums map[string]any)
}

// File is Parquet that answers (part of) a scan. All columns of the scan that
// the file lacks are NULL.
type File struct {
	Path string
	// Day and Days, where Day is non-empty, restrict the file to these days:
	// the rest of it is answered by another segment (I2).
	Day  string
	Days Days
	// Account and AccountID, likewise, restrict it to one account.
	Account, AccountID string
	// Const gives columns that are not in the file but the same for all of its
	// rows: hive partitions. Values as in Row.
	Const map[string]any
	// Later gives Date columns that are the column named Day plus so many days.
	Later map[string]int
	Rows  int64 // -1 where unknown
	Bytes int64
	// AsOf is when the source was read, for argo.queries and warnings.
	AsOf time.Time
}

// Predicate is a conjunction over columns; an absent column may hold any value.
type Predicate map[string]Domain

// Domain is the set of values a column may hold: one of In where In is
// non-nil (an empty In means no value at all: the scan is empty), and within
// [From, To] where these are non-nil. Values as in Row, never nil: a domain
// excludes NULL.
type Domain struct {
	In       []any
	From, To any
	// Spans, where non-nil, says that the value also lies in one of them. They
	// are disjoint and rising, and From and To are their hull.
	Spans []Span
}

// Span is a range of values, ends included; nil is no bound.
type Span struct{ From, To any }

// Lookup gives the column called name (exact), or nil.
func (t *Table) Lookup(name string) *Column {
	for i := range t.Columns {
		if t.Columns[i].Name == name {
			return &t.Columns[i]
		}
	}
	return nil
}
