// Package engine is the front of Argo: it turns go-mysql-server into a catalog
// of virtual tables and procedures, takes every statement that touches one of
// them away from GMS's executor, and runs it as one compiled plan.
//
// It knows no channel, no file format and no HTTP. Invariant I9: a metadata
// probe makes no channel call; everything that the catalog answers is local.
package engine

import (
	"context"
	"log/slog"
	"time"

	"argo/automation"
	"argo/tables"
)

// Database is one connection: its tables and its verbs.
type Database struct {
	Name    string // of the connection; the database's name
	Source  string // tables.Source.Name
	Doc     string
	Tables  []tables.Table
	Actions []automation.Action
}

// Options of an Engine.
type Options struct {
	Databases []Database
	// System are the tables of the database argo.
	System   []tables.Table
	Columnar Columnar
	Runner   Runner
	Now      func() time.Time // nil: time.Now
	Log      *slog.Logger     // nil: discards
	// Statements, where non-nil, is given every statement that touched an Argo
	// table or called an action, after it has ended.
	Statements StatementLog
	// Parallel is how many scans of one statement run at once; 0 is 8.
	Parallel int
	// MaxExecution is the default of max_execution_time; 0: no limit.
	MaxExecution time.Duration
	// MaxConcurrent is how many statements run in DuckDB at once; 0: no limit.
	MaxConcurrent int
	// Version is what VERSION() and the handshake say; "" is 8.0.46.
	Version string
}

// Runner is the road of a change; *automation.Runner is one.
type Runner interface{}

// Columnar runs compiled statements; *columnar.Engine is one.
type Columnar interface{}

// StatementLog keeps what statements cost.
type StatementLog interface {
	Record(ctx context.Context, r StatementRecord) error
}

// StatementRecord is one statement that has ended.
type StatementRecord struct {
	ID        string // ULID
	User      string // name@host
	Database  string // current database
	Text      string // as sent; the arguments of a CALL are left out
	Tables    []string
	StartedAt time.Time
	Elapsed   time.Duration
	Rows      int64 // given to the client
	Cost      tables.Cost
	Warnings  int
	Code      int    // MySQL error number; 0: no error
	Error     string // message of the error, "" where there is none
}

// Rights of an authenticated user.
type Rights struct {
	User string
	// Databases that the user may read; nil: all of them.
	Databases []string
	Act       bool // may CALL actions
}

// Engine is safe for concurrent use.
type Engine struct{ o Options }

// New builds the catalog. It makes no call.
func New(o Options) (*Engine, error) { return &Engine{o: o}, nil }

// MayRead says whether the user of the statement that ctx belongs to may read
// the database; false outside of a statement.
func MayRead(ctx context.Context, database string) bool { return false }

// UserOf gives the rights of the user of the statement that ctx belongs to.
func UserOf(ctx context.Context) (Rights, bool) { return Rights{}, false }
