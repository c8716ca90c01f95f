// Package system is the database argo: what Argo knows about itself, as
// tables. All of it is local; no table here makes a channel call. A user sees
// the rows of the databases that he may read, and no others.
//
// It knows no SQL and no engine: it is given functions to ask.
package system

import (
	"context"
	"iter"
	"strings"
	"time"

	"argo/automation"
	"argo/cache"
	"argo/tables"
	"argo/tables/fault"
	"argo/tables/rest"
)

// Connection is a database as the system tables describe it.
type Connection struct {
	Name, Source, Doc string
	Tables            []tables.Table
	Actions           []automation.Action
}

// Procedure of Argo's own.
type Procedure struct {
	Database, Name, Doc string
	Params              []automation.Param
	Optional            int // of them, the last ones
}

// Options says where the rows come from. A nil function leaves its table empty.
type Options struct {
	Sources     []tables.Source
	Connections []Connection
	// Status says how a connection did when it was last asked: "ok", the kind of
	// the fault, or "" where it was not asked yet.
	Status   func(connection string) (state, lastError string, at time.Time)
	Segments func(ctx context.Context) ([]cache.Segment, error)
	// Accounts are those that were seen last; it makes no call.
	Accounts func(ctx context.Context, connection string) ([]tables.Account, time.Time, error)
	// Queries gives the newest first.
	Queries func(ctx context.Context, limit int) ([]tables.Statement, error)
	Ledger  automation.Ledger
	Book    automation.Book // nil: there are no guardrails
	// Coverage, Restatements and Reconcile give what a filter wants of the cache.
	Coverage     func(ctx context.Context, f cache.Filter) iter.Seq2[cache.Cell, error]
	Restatements func(ctx context.Context, f cache.Filter) iter.Seq2[cache.Restatement, error]
	Reconcile    func(ctx context.Context, f cache.Filter) iter.Seq2[cache.Reconciliation, error]
	Own          func() []Procedure
	// Fetches gives the calls that began in a range of time, the newest first.
	Fetches func(ctx context.Context, from, to time.Time) iter.Seq2[tables.Call, error]
	Jobs    func(ctx context.Context) ([]cache.Job, error)
	// LastSources is what the session's last statement got of each account.
	LastSources func(ctx context.Context) []tables.Outcome
	Costs       func(ctx context.Context, source, table string) cache.Costs
	Quotas      func(ctx context.Context) ([]rest.Budget, error)
	// Spenders names the connections that have taken from a budget.
	Spenders func(scope string) []string
	Now      func() time.Time
	// MayRead says whether the user behind ctx may read a database; nil: no.
	MayRead func(ctx context.Context, database string) bool
	// User names the user behind ctx and says whether he may read every
	// database; nil: nobody.
	User func(ctx context.Context) (name string, all bool)
}

// most is how many statements and runs are shown, the newest.
const most = 10_000

// Tables of the database argo.
func Tables(o Options) []tables.Table {
	if o.MayRead == nil {
		o.MayRead = func(context.Context, string) bool { return false }
	}
	if o.User == nil {
		o.User = func(context.Context) (string, bool) { return "", false }
	}
	return []tables.Table{
		o.sources(), o.connections(), o.tables(), o.columns(), o.accounts(),
		o.segments(), o.coverage(), o.restatements(), o.reconcile(), o.costs(),
		o.queries(), o.lastSources(), o.fetches(), o.quotas(), o.jobs(),
		o.runs(), o.events(), o.procedures(), o.parameters(),
		o.guardrails(), o.kinds(), o.verdicts(), o.pending(),
	}
}

// column of a table whose rows are made of a T.
type column[T any] struct {
	name string
	kind tables.Type
	doc  string
	get  func(T) any
}

// sheet makes a table of what list gives, which may be asked for less than all
// by what a statement says of the columns that pushed names.
func sheet[T any](name, doc string, key []string, list func(ctx context.Context, where tables.Predicate) iter.Seq2[T, error], columns ...column[T]) tables.Table {
	t := tables.Table{Name: name, Doc: doc, Key: key}
	place := map[string]int{}
	for i, c := range columns {
		place[c.name] = i
		k := tables.Column{Name: c.name, Type: c.kind, Doc: c.doc}
		for _, name := range key {
			k.NotNull = k.NotNull || name == c.name
		}
		t.Columns = append(t.Columns, k)
	}
	t.Scan = func(ctx context.Context, s tables.Scan) iter.Seq2[tables.Row, error] {
		return func(yield func(tables.Row, error) bool) {
			get := make([]func(T) any, len(s.Columns))
			for i, column := range s.Columns {
				k, ok := place[column]
				if !ok {
					yield(nil, fault.New(fault.Internal, "the table %s has no column %s", name, column))
					return
				}
				get[i] = columns[k].get
			}
			for v, err := range list(ctx, s.Where) {
				if err != nil {
					yield(nil, err)
					return
				}
				row := make(tables.Row, len(get))
				for i, f := range get {
					row[i] = f(v)
				}
				if !yield(row, nil) {
					return
				}
			}
		}
	}
	return t
}

// pushed says that a table's rows can be found by columns.
func pushed(t tables.Table, names ...string) tables.Table {
	for _, name := range names {
		t.Lookup(name).Push = true
	}
	return t
}

// each gives the values of a slice that f makes.
func each[T any](f func(ctx context.Context) ([]T, error)) func(ctx context.Context, where tables.Predicate) iter.Seq2[T, error] {
	return func(ctx context.Context, _ tables.Predicate) iter.Seq2[T, error] {
		return func(yield func(T, error) bool) {
			list, err := f(ctx)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, v := range list {
				if !yield(v, nil) {
					return
				}
			}
		}
	}
}

// visible are the connections that the user behind ctx may read.
func (o *Options) visible(ctx context.Context) (out []Connection) {
	for _, c := range o.Connections {
		if o.MayRead(ctx, c.Name) {
			out = append(out, c)
		}
	}
	return out
}

func join(names []string) string { return strings.Join(names, ", ") }

// words gives nil for "", which the tables show as NULL.
func words(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func moment(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC()
}

func day(d tables.Day) any {
	if d == "" {
		return nil
	}
	return d
}
