// Package engine is the front of Argo: it turns go-mysql-server (GMS) into a
// catalog of virtual tables and procedures, takes every statement that touches
// one of them away from GMS's executor, and runs it as one compiled plan over
// files and rows.
//
// It knows no channel, no file format and no HTTP. Invariant I9: a metadata
// probe makes no channel call; everything that the catalog answers is local.
package engine

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"

	"argo/automation"
	"argo/server/algebra"
	"argo/server/columnar"
	"argo/tables"

	sqle "github.com/dolthub/go-mysql-server"
	"github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/analyzer"
	"github.com/dolthub/go-mysql-server/sql/rowexec"
	"github.com/sirupsen/logrus"
)

// Database is one connection: its tables and its verbs.
type Database struct {
	Name    string // of the connection; the database's name
	Source  string // tables.Source.Name
	Doc     string
	Tables  []tables.Table
	Actions []automation.Action
	Views   []View
	// Edit keeps the tables that users may change, by name. Their Key is all that
	// tells rows apart, and none of it is NULL.
	Edit map[string]Edit
	// Procedures of Argo's own.
	Procedures []Procedure
	// Open says that everybody who may read any database may read this one: what
	// it shows has the rights of what it is made of.
	Open bool
}

// SystemDatabase is the name of the database of the system tables.
const SystemDatabase = "argo"

// ActionsDatabase and AutomationDatabase have procedures and no tables: what is
// done about runs, and what runs have to keep to. Who may read the system
// database may read them.
const (
	ActionsDatabase    = "actions"
	AutomationDatabase = "automation"
)

// DefaultVersion is what the handshake and VERSION() say by default: a version
// of MySQL, without a suffix, so that every driver can parse it.
const DefaultVersion = "8.0.46"

// Options of an Engine.
type Options struct {
	Databases []Database
	// System are the tables of the database argo.
	System []tables.Table
	// Procedures of the database argo.
	Procedures []Procedure
	Columnar   Columnar
	Runner     Runner           // nil where no database has actions
	Now        func() time.Time // nil: time.Now
	Log        *slog.Logger     // nil: discards
	// Statements, where non-nil, is given every statement that touched an Argo
	// table or called an action, after it has ended.
	Statements StatementLog
	// Parallel is how many scans of one connection a statement runs at once: most
	// of them wait for a reply or for a budget; 0 is 32.
	Parallel int
	// MaxExecution is the default of max_execution_time; 0: no limit.
	MaxExecution time.Duration
	// MaxCalls, MaxAge and Strict are the defaults of argo_max_calls, argo_max_age
	// and argo_strict; 0: no limit, and each table's own rules.
	MaxCalls int
	MaxAge   time.Duration
	Strict   bool
	// Currency is the default of argo_currency.
	Currency string
	// MaxConcurrent is how many statements run in DuckDB at once, the others
	// wait; 0: no limit.
	MaxConcurrent int
	// Version is what VERSION() and the handshake say; "" is DefaultVersion.
	Version string
}

// Runner is the road of a change; *automation.Runner is one.
type Runner interface {
	Do(ctx context.Context, q automation.Request) (automation.Run, error)
}

// Columnar runs compiled statements; *columnar.Engine is one.
type Columnar interface {
	Query(ctx context.Context, st *algebra.Statement, inputs map[algebra.Rel]columnar.Input) (*columnar.Rows, error)
	Explain(st *algebra.Statement) (string, error)
}

// Engine is safe for concurrent use.
type Engine struct {
	o         Options
	databases []*database // sorted by name
	open      []string    // databases that are open to who may read any
	gms       *sqle.Engine
	running   chan struct{} // one slot for each statement in DuckDB; nil: no limit

	stopping context.Context // ends with Close
	stop     context.CancelCauseFunc
	closing  sync.Once
	closed   error

	healthMu sync.Mutex
	health   map[string]health // by connection
}

// building guards the package variables of GMS that New sets.
var building sync.Mutex

// New builds the catalog. It makes no call. GMS keeps its system variables and
// its log per process, so engines of one process share argo_* globals and the
// version.
func New(o Options) (*Engine, error) {
	o.Now = cmpFunc(o.Now, time.Now)
	o.Log = cmp.Or(o.Log, slog.New(slog.DiscardHandler))
	o.Parallel = cmp.Or(o.Parallel, 32)
	o.Version = cmp.Or(o.Version, DefaultVersion)
	e := &Engine{o: o, health: map[string]health{}}
	e.stopping, e.stop = context.WithCancelCause(context.Background())
	if o.MaxConcurrent > 0 {
		e.running = make(chan struct{}, o.MaxConcurrent)
	}
	for _, d := range append(slices.Clone(o.Databases), Database{Name: SystemDatabase, Doc: "What Argo knows about itself", Tables: o.System}) {
		if d.Name == SystemDatabase {
			d.Procedures = o.Procedures
		}
		db, err := newDatabase(e, d)
		if err != nil {
			return nil, err
		}
		e.databases = append(e.databases, db)
		if d.Open {
			e.open = append(e.open, d.Name)
		}
	}
	slices.SortFunc(e.databases, func(a, b *database) int { return cmp.Compare(a.name, b.name) })
	for i := 1; i < len(e.databases); i++ {
		if e.databases[i].name == e.databases[i-1].name {
			return nil, fmt.Errorf("there are two databases called %s", e.databases[i].name)
		}
	}

	building.Lock()
	defer building.Unlock()
	registerVariables()
	if err := announce(o.Version); err != nil {
		return nil, fmt.Errorf("announce the version: %w", err)
	}
	installRules()
	describeViews()
	// GMS logs every failing statement with its text, which may hold tokens;
	// the engine keeps its own record.
	logrus.SetOutput(io.Discard)
	logrus.SetLevel(logrus.PanicLevel)

	builder := analyzer.NewBuilder(&provider{e}).AddOverrides(sql.EngineOverrides{Builder: sql.BuilderOverrides{Parser: parser{sql.NewMysqlParser(), e}}})
	for _, rule := range analyzer.OnceBeforeDefault {
		switch rule.Id.String() {
		case "applyDefaultSelectLimit", // rootRule does it, for the root alone
			"validateGroupBy": // compileRule runs it
			builder.RemoveOnceBeforeRule(rule.Id)
		}
	}
	algebra.Configure(builder)
	builder.AddPreAnalyzeRule(rootRuleID, rootRule)
	a := builder.Build()
	a.ExecBuilder = rowexec.NewBuilder(executor{}, a.Overrides)
	e.gms = sqle.New(a, nil)
	e.gms.Analyzer.Catalog.MySQLDb.SetEnabled(true)
	return e, nil
}

func cmpFunc(f, unset func() time.Time) func() time.Time {
	if f == nil {
		return unset
	}
	return f
}

// local says that what a database has is Argo's own.
func (e *Engine) local(database string) bool {
	return database == SystemDatabase || slices.Contains(e.open, database)
}

// GMS is the engine that a server listens for.
func (e *Engine) GMS() *sqle.Engine { return e.gms }

// Version is what VERSION() and the handshake say.
func (e *Engine) Version() string { return e.o.Version }

// Close cancels every statement that runs and takes no more; clients are told
// that the server shuts down.
func (e *Engine) Close() error {
	e.stop(errShutdown)
	e.closing.Do(func() { e.closed = e.gms.Close() })
	return e.closed
}
