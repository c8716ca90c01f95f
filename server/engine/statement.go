package engine

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"argo/tables"

	"github.com/dolthub/vitess/go/mysql"
	querypb "github.com/dolthub/vitess/go/vt/proto/query"
)

// Rights of an authenticated user.
type Rights struct {
	User string
	// Databases that the user may read; nil: all of them.
	Databases []string
	Act       bool // may CALL actions
	Approve   bool // may approve what others ask for, and set guardrails
}

// mayRead says whether the user may read the database.
func (r *Rights) mayRead(database string) bool {
	if strings.EqualFold(database, ActionsDatabase) || strings.EqualFold(database, AutomationDatabase) {
		database = SystemDatabase // whose procedures they hold
	}
	return r.Databases == nil || slices.ContainsFunc(r.Databases, func(d string) bool { return strings.EqualFold(d, database) })
}

// Identity is what an authenticated connection carries in mysql.Conn.UserData.
type Identity struct {
	Rights
	Host string // of the client, without port
}

// Get implements mysql.Getter.
func (i *Identity) Get() *querypb.VTGateCallerID { return &querypb.VTGateCallerID{Username: i.User} }

// String is name@host.
func (i *Identity) String() string { return i.User + "@" + i.Host }

func identityOf(c *mysql.Conn) *Identity {
	if i, ok := c.UserData.(*Identity); ok {
		return i
	}
	return &Identity{Rights: Rights{User: c.User, Databases: []string{}}}
}

// identityOf adds the databases that are open to who may read any.
func (e *Engine) identityOf(c *mysql.Conn) *Identity {
	who := identityOf(c)
	if len(who.Databases) == 0 || len(e.open) == 0 {
		return who
	}
	out := *who
	out.Databases = slices.Concat(who.Databases, e.open)
	return &out
}

// statement is what one statement of a client gathers on its way; it travels in
// the context from the handler down to the sources. Goroutines that work for
// the statement share it.
type statement struct {
	id    string // ULID
	who   *Identity
	trace *tables.Trace
	start time.Time
	hints map[string]any   // SET_VAR
	last  []tables.Outcome // of the statement before

	mu       sync.Mutex
	touched  map[string]bool // "database.table" and "database.procedure()"
	rows     int64
	listing  bool // the catalog is being listed: a broken table must not hide the others
	rooted   bool // the analyzer has seen the root of the statement
	showing  bool // it is a SHOW CREATE VIEW
	viewsToo bool // views are listed as tables are
	holds    int  // slots of Engine.running that are held
	sources  bool // a table of a connection was read, so that Outcomes are the session's last
	dated    bool // a table that has a history was read
}

type statementKey struct{}

func withStatement(ctx context.Context, s *statement) context.Context {
	ctx = tables.WithPurpose(ctx, tables.Asking)
	return tables.WithTrace(context.WithValue(ctx, statementKey{}, s), s.trace)
}

// statementOf gives the statement that ctx belongs to, or nil.
func statementOf(ctx context.Context) *statement {
	s, _ := ctx.Value(statementKey{}).(*statement)
	return s
}

func (s *statement) do(f func()) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

func (s *statement) touch(name string) { s.do(func() { s.touched[name] = true }) }

func (s *statement) gave(rows int64) { s.do(func() { s.rows += rows }) }

// asOf is the moment as of which the statement gives the same rows again: when
// the newest of what it read became known. It is zero where nothing of it has a
// history.
func (s *statement) asOf() (at time.Time) {
	s.do(func() {
		if s.dated {
			if at = s.trace.Cost().Known; at.IsZero() {
				at = s.start
			}
		}
	})
	return at.UTC()
}

// MayRead says whether the user of the statement that ctx belongs to may read
// the database; false outside of a statement.
func MayRead(ctx context.Context, database string) bool {
	s := statementOf(ctx)
	return s != nil && s.who.mayRead(database)
}

// UserOf gives the rights of the user of the statement that ctx belongs to.
func UserOf(ctx context.Context) (Rights, bool) {
	if s := statementOf(ctx); s != nil {
		return s.who.Rights, true
	}
	return Rights{}, false
}

// StatementLog keeps what statements cost.
type StatementLog interface {
	Add(ctx context.Context, s tables.Statement) error
}
