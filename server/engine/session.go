package engine

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"argo/server/algebra"
	"argo/tables"
	"argo/tables/fault"

	"github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/mysql_db"
	"github.com/dolthub/go-mysql-server/sql/types"
	"github.com/dolthub/vitess/go/mysql"
)

// The session variables of Argo.
const (
	maxAgeVariable   = "argo_max_age"    // how old provisional data may be: 15m, 2h; "" leaves it to the tables
	strictVariable   = "argo_strict"     // a failed account fails the statement
	maxCallsVariable = "argo_max_calls"  // a statement that would take more calls is refused; 0: no limit
	asOfVariable     = "argo_as_of"      // tables are read as they were known then; "": now
	currencyVariable = "argo_currency"   // reporting currency of the database ads; "": none
	lastAsOfVariable = "argo_last_as_of" // the moment as of which the last statement gives the same rows again
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
		&sql.MysqlSystemVariable{
			Name: maxCallsVariable, Scope: both, Dynamic: true, SetVarHintApplies: true,
			Type: types.NewSystemIntType(maxCallsVariable, 0, 1<<31-1, false), Default: int64(0),
		},
		&sql.MysqlSystemVariable{
			Name: asOfVariable, Scope: sql.GetMysqlScope(sql.SystemVariableScope_Session), Dynamic: true, SetVarHintApplies: true,
			Type: types.NewSystemStringType(asOfVariable), Default: "",
			NotifyChanged: func(_ *sql.Context, _ sql.SystemVariableScope, v sql.SystemVarValue) error {
				s, _ := v.Val.(string)
				if strings.TrimSpace(s) == "" {
					return nil
				}
				if _, err := parseMoment(s, time.UTC); err != nil {
					return mysql.NewSQLError(mysql.ERWrongValueForVar, mysql.SSClientError,
						"Variable '%s' can't be set to the value of '%s': write a moment such as '2026-11-16 09:00', in the session's time zone, or '' for now", asOfVariable, clip(s))
				}
				return nil
			},
		},
		&sql.MysqlSystemVariable{
			Name: currencyVariable, Scope: both, Dynamic: true, SetVarHintApplies: true,
			Type: types.NewSystemStringType(currencyVariable), Default: "",
			NotifyChanged: func(_ *sql.Context, _ sql.SystemVariableScope, v sql.SystemVarValue) error {
				if s, _ := v.Val.(string); !isCurrency.MatchString(s) {
					return mysql.NewSQLError(mysql.ERWrongValueForVar, mysql.SSClientError,
						"Variable '%s' can't be set to the value of '%s': write an ISO 4217 code such as 'KRW', or '' for none", currencyVariable, clip(s))
				}
				return nil
			},
		},
		&sql.MysqlSystemVariable{
			Name: lastAsOfVariable, Scope: sql.GetMysqlScope(sql.SystemVariableScope_Session), Dynamic: true,
			Type: types.NewSystemStringType(lastAsOfVariable), Default: "",
		},
		// What MySQL has, GMS has not, and clients set without a thought: there is
		// nothing here that they switch.
		&sql.MysqlSystemVariable{
			Name: "optimizer_switch", Scope: both, Dynamic: true, SetVarHintApplies: true,
			Type: types.NewSystemStringType("optimizer_switch"), Default: optimizerSwitch,
		},
		&sql.MysqlSystemVariable{
			Name: "profiling", Scope: both, Dynamic: true,
			Type: types.NewSystemBoolType("profiling"), Default: int8(0),
		},
	})
})

// optimizerSwitch is the default of MySQL 8.0.
const optimizerSwitch = "index_merge=on,index_merge_union=on,index_merge_sort_union=on,index_merge_intersection=on,engine_condition_pushdown=on," +
	"index_condition_pushdown=on,mrr=on,mrr_cost_based=on,block_nested_loop=on,batched_key_access=off,materialization=on,semijoin=on," +
	"loosescan=on,firstmatch=on,duplicateweedout=on,subquery_materialization_cost_based=on,use_index_extensions=on," +
	"condition_fanout_filter=on,derived_merge=on,use_invisible_indexes=off,skip_scan=on,hash_join=on,subquery_to_derived=off," +
	"prefer_ordering_index=on,hypergraph_optimizer=off,derived_condition_pushdown=on"

// announce sets what clients are told about the server.
func announce(version string) error {
	collation := textCollation.Name()
	return sql.SystemVariables.AssignValues(map[string]any{
		"version": version, "version_comment": "Argo",
		"collation_server": collation, "collation_database": collation, "collation_connection": collation,
	})
}

var isCurrency = regexp.MustCompile(`^(?:[A-Za-z]{3})?$`)

// Currency is the reporting currency of the session of the statement that ctx
// belongs to, "" where none is set.
func Currency(ctx context.Context) string {
	gms, ok := ctx.(*sql.Context)
	if !ok {
		return ""
	}
	v, err := variable(gms, currencyVariable)
	s, _ := v.(string)
	if err != nil || !isCurrency.MatchString(s) {
		return ""
	}
	return strings.ToUpper(s)
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

	mu   sync.Mutex
	last []tables.Outcome // of the last statement that read a connection's tables
}

// sources is how accounts did in the last statement that read any.
func (s *session) sources() []tables.Outcome {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

// ended keeps what the next statement may ask of this one.
func (s *session) ended(ctx *sql.Context, st *statement, failed error) {
	var read bool
	st.do(func() { read = st.sources })
	if read {
		s.mu.Lock()
		s.last = st.trace.Outcomes()
		s.mu.Unlock()
	}
	if at := st.asOf(); failed == nil && !at.IsZero() {
		// The variable is the session's own and takes any text.
		_ = s.SetSessionVariable(ctx, lastAsOfVariable, at.In(zoneOf(ctx)).Format(momentLayout))
	}
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
	who := e.identityOf(c)
	e.grant(who)
	s := &session{BaseSession: sql.NewBaseSessionWithClientServer(addr, sql.Client{User: who.User, Address: who.Host, Capabilities: c.Capabilities}, c.ConnectionID)}
	if w, ok := c.Conn.(Wire); ok {
		s.cipher, s.tls = w.Cipher()
	}
	sctx := sql.NewContext(ctx, sql.WithSession(s))
	defaults := map[string]any{}
	if e.o.MaxExecution > 0 {
		defaults["max_execution_time"] = e.o.MaxExecution.Milliseconds()
	}
	if e.o.MaxCalls > 0 {
		defaults[maxCallsVariable] = int64(e.o.MaxCalls)
	}
	if e.o.MaxAge > 0 {
		defaults[maxAgeVariable] = e.o.MaxAge.String()
	}
	if e.o.Currency != "" {
		defaults[currencyVariable] = e.o.Currency
	}
	if e.o.Strict {
		defaults[strictVariable] = int8(1)
	}
	for name, v := range defaults {
		if err := s.SetSessionVariable(sctx, name, v); err != nil {
			return nil, fmt.Errorf("set %s: %w", name, err)
		}
	}
	return s, nil
}

// NewContext is sql.NewContext, with a process list that shows a user his own.
func (e *Engine) NewContext(ctx context.Context, o ...sql.ContextOption) *sql.Context {
	c := sql.NewContext(ctx, o...)
	c.SetQueryTime(e.o.Now())
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
		if len(d.edit) > 0 {
			// Who may not act is told so by the table.
			privileges.AddDatabase(d.name, sql.PrivilegeType_Insert, sql.PrivilegeType_Update, sql.PrivilegeType_Delete)
		}
		if who.Act || len(d.procedures) > 0 {
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

// variable is a session variable, or what a hint of the statement says of it:
// SELECT /*+ SET_VAR(argo_strict = 1) */ ….
func variable(ctx *sql.Context, name string) (any, error) {
	if st := statementOf(ctx); st != nil {
		if v, ok := st.hints[name]; ok {
			return v, nil
		}
	}
	return ctx.GetSessionVariable(ctx, name)
}

// maxAge of the session.
func maxAge(ctx *sql.Context) (time.Duration, error) {
	v, err := variable(ctx, maxAgeVariable)
	if err != nil {
		return 0, err
	}
	return parseMaxAge(v)
}

// maxCalls of the session; 0: no limit.
func maxCalls(ctx *sql.Context) (int64, error) {
	v, err := variable(ctx, maxCallsVariable)
	if err != nil {
		return 0, err
	}
	n, _, err := types.Int64.Convert(ctx, v)
	if err != nil {
		return 0, fault.New(fault.Invalid, "%s is a number of calls, not %v", maxCallsVariable, v).WithHint("SET %s = 50; 0 is no limit", maxCallsVariable)
	}
	calls, _ := n.(int64)
	return calls, nil
}

// strict says whether a failed account fails the statement.
func strict(ctx *sql.Context) bool {
	v, err := variable(ctx, strictVariable)
	if err != nil {
		return true
	}
	if s, ok := v.(string); ok { // of a hint
		return !strings.EqualFold(s, "off") && !strings.EqualFold(s, "false") && s != "0"
	}
	b, err := sql.ConvertToBool(ctx, v)
	return err != nil || b
}

var (
	optimizerHint = regexp.MustCompile(`(?is)\bselect\s*/\*\+(.*?)\*/`)
	setVar        = regexp.MustCompile(`(?is)\bset_var\s*\(\s*(argo_\w+)\s*=\s*('(?:[^']|\'\')*'|"[^"]*"|[^\s()]+)\s*\)`)
)

// setVars are the SET_VAR hints of a statement that are for Argo.
func setVars(query string) (out map[string]any) {
	if !strings.Contains(query, "/*+") {
		return nil
	}
	m := optimizerHint.FindStringSubmatch(query)
	if m == nil {
		return nil
	}
	for _, v := range setVar.FindAllStringSubmatch(m[1], -1) {
		if out == nil {
			out = map[string]any{}
		}
		out[strings.ToLower(v[1])] = strings.ReplaceAll(strings.Trim(v[2], `'"`), "''", "'")
	}
	return out
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
