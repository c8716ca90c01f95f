package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"argo/server/algebra"
	"argo/tables/fault"

	"github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/mysql_db"
	"github.com/dolthub/go-mysql-server/sql/types"
	"github.com/dolthub/vitess/go/mysql"
)

// The session variables of Argo.
const (
	maxAgeVariable = "argo_max_age" // how old provisional data may be: 15m, 2h; "" leaves it to the tables
	strictVariable = "argo_strict"  // a failed account fails the statement
)

// registerVariables makes the variables known to GMS, whose registry is one for
// the process.
var registerVariables = sync.OnceFunc(func() {
	both := sql.GetMysqlScope(sql.SystemVariableScope_Both)
	sql.SystemVariables.AddSystemVariables([]sql.SystemVariable{
		&sql.MysqlSystemVariable{
			Name: maxAgeVariable, Scope: both, Dynamic: true, SetVarHintApplies: true,
			Type: types.NewSystemStringType(maxAgeVariable), Default: "",
			NotifyChanged: func(_ *sql.Context, _ sql.SystemVariableScope, v sql.SystemVarValue) error {
				_, err := parseMaxAge(v.Val)
				return err
			},
		},
		&sql.MysqlSystemVariable{
			Name: strictVariable, Scope: both, Dynamic: true, SetVarHintApplies: true,
			Type: types.NewSystemBoolType(strictVariable), Default: int8(0),
		},
	})
})

// announce sets what clients are told about the server.
func announce(version string) error {
	collation := textCollation.Name()
	return sql.SystemVariables.AssignValues(map[string]any{
		"version": version, "version_comment": "Argo",
		"collation_server": collation, "collation_database": collation, "collation_connection": collation,
	})
}

func parseMaxAge(v any) (time.Duration, error) {
	s, _ := v.(string)
	if s == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 {
		return 0, mysql.NewSQLError(mysql.ERWrongValueForVar, mysql.SSClientError,
			"Variable '%s' can't be set to the value of '%s': write an age such as '15m' or '2h', or '' for each table's own rules", maxAgeVariable, s)
	}
	return d, nil
}

// session is a client's session. Its transactions hold nothing back, since
// nothing is written in them; that one is open matters to CALL and to clients.
type session struct {
	*sql.BaseSession
	cipher, tls string // of the connection; "" without TLS
}

var _ sql.TransactionSession = (*session)(nil)

type transaction bool

// String implements sql.Transaction.
func (transaction) String() string { return "transaction" }

// IsReadOnly implements sql.Transaction.
func (t transaction) IsReadOnly() bool { return bool(t) }

// StartTransaction implements sql.TransactionSession.
func (s *session) StartTransaction(_ *sql.Context, c sql.TransactionCharacteristic) (sql.Transaction, error) {
	return transaction(c == sql.ReadOnly), nil
}

// CommitTransaction implements sql.TransactionSession.
func (s *session) CommitTransaction(*sql.Context, sql.Transaction) error { return nil }

// Rollback implements sql.TransactionSession.
func (s *session) Rollback(*sql.Context, sql.Transaction) error { return nil }

// CreateSavepoint implements sql.TransactionSession.
func (s *session) CreateSavepoint(*sql.Context, sql.Transaction, string) error { return nil }

// RollbackToSavepoint implements sql.TransactionSession.
func (s *session) RollbackToSavepoint(*sql.Context, sql.Transaction, string) error { return nil }

// ReleaseSavepoint implements sql.TransactionSession.
func (s *session) ReleaseSavepoint(*sql.Context, sql.Transaction, string) error { return nil }

// NewSession builds the session of an authenticated connection, for
// server.SessionBuilder.
func (e *Engine) NewSession(ctx context.Context, c *mysql.Conn, addr string) (sql.Session, error) {
	who := identityOf(c)
	e.grant(who)
	s := &session{BaseSession: sql.NewBaseSessionWithClientServer(addr, sql.Client{User: who.User, Address: who.Host, Capabilities: c.Capabilities}, c.ConnectionID)}
	if w, ok := c.Conn.(Wire); ok {
		s.cipher, s.tls = w.Cipher()
	}
	if e.o.MaxExecution > 0 {
		sctx := sql.NewContext(ctx, sql.WithSession(s))
		if err := s.SetSessionVariable(sctx, "max_execution_time", e.o.MaxExecution.Milliseconds()); err != nil {
			return nil, fmt.Errorf("set max_execution_time: %w", err)
		}
	}
	return s, nil
}

// NewContext is sql.NewContext, with a process list that shows a user his own.
func (e *Engine) NewContext(ctx context.Context, o ...sql.ContextOption) *sql.Context {
	c := sql.NewContext(ctx, o...)
	c.ProcessList = ownProcesses{c.ProcessList, c.Client().User}
	return c
}

// ownProcesses is a process list without other users' statements, as MySQL
// shows it to those without the PROCESS privilege.
type ownProcesses struct {
	sql.ProcessList
	user string
}

// Processes implements sql.ProcessList.
func (p ownProcesses) Processes() []sql.Process {
	return slices.DeleteFunc(p.ProcessList.Processes(), func(q sql.Process) bool { return q.User != p.user })
}

// grant writes what the user may do into GMS's grant tables under the very host
// that the client comes from, so that GMS finds these rights and no others.
func (e *Engine) grant(who *Identity) {
	host := who.Host
	if host == "127.0.0.1" || host == "::1" {
		host = "localhost" // as GMS looks it up
	}
	db := e.gms.Analyzer.Catalog.MySQLDb
	ed := db.Editor()
	defer ed.Close()
	privileges := mysql_db.NewPrivilegeSet()
	for _, d := range e.databases {
		if !who.mayRead(d.name) {
			continue
		}
		privileges.AddDatabase(d.name, sql.PrivilegeType_Select, sql.PrivilegeType_ShowView)
		if who.Act {
			// CREATE ROUTINE is what GMS asks of one who lists routines; a
			// database takes none.
			privileges.AddDatabase(d.name, sql.PrivilegeType_Execute, sql.PrivilegeType_CreateRoutine)
		}
	}
	ed.PutUser(&mysql_db.User{User: who.User, Host: host, PrivilegeSet: privileges, IsEphemeral: true, Locked: true})
}

// algebraSession is what of the session a statement's meaning depends on.
func (e *Engine) algebraSession(ctx *sql.Context) algebra.Session {
	text := func(name string) string {
		v, _ := ctx.GetSessionVariable(ctx, name)
		s, _ := v.(string)
		return s
	}
	number := func(name string, unknown int) int {
		v, err := ctx.GetSessionVariable(ctx, name)
		if err != nil {
			return unknown
		}
		n, _, err := types.Int64.Convert(ctx, v)
		if err != nil || n == nil {
			return unknown
		}
		return int(n.(int64))
	}
	zone := text("time_zone")
	if strings.EqualFold(zone, "SYSTEM") || strings.EqualFold(zone, "UTC") {
		zone = "" // the server's own zone is UTC
	}
	return algebra.Session{
		TimeZone: zone, SQLMode: text("sql_mode"), Now: e.o.Now().UnixMicro(),
		DivPrecisionIncr:  number("div_precision_increment", 4),
		GroupConcatMaxLen: number("group_concat_max_len", 1024),
		DefaultWeekFormat: number("default_week_format", 0),
	}
}

// maxAge of the session.
func maxAge(ctx *sql.Context) (time.Duration, error) {
	v, err := ctx.GetSessionVariable(ctx, maxAgeVariable)
	if err != nil {
		return 0, err
	}
	return parseMaxAge(v)
}

// strict says whether a failed account fails the statement.
func strict(ctx *sql.Context) bool {
	v, err := ctx.GetSessionVariable(ctx, strictVariable)
	if err != nil {
		return true
	}
	b, err := sql.ConvertToBool(ctx, v)
	return err != nil || b
}

// selectLimit is sql_select_limit where the session has set it.
func selectLimit(ctx *sql.Context) (uint64, bool) {
	if unset, v := sql.HasDefaultValue(ctx, ctx.Session, "sql_select_limit"); !unset {
		if n, _, err := types.Uint64.Convert(ctx, v); err == nil && n != nil {
			return n.(uint64), true
		}
	}
	return 0, false
}

// errNotYours is what a user without the right to act is told.
func errNotYours(who *Identity, procedure string) error {
	return mysql.NewSQLError(erProcAccessDenied, mysql.SSClientError,
		"execute command denied to user '%s'@'%s' for routine '%s'", who.User, who.Host, procedure)
}

var errNoStatement = fault.New(fault.Internal, "a statement runs outside of the server's handler")
