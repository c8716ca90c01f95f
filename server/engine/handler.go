package engine

import (
	"context"
	"regexp"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"argo/tables"
	"argo/tables/fault"

	gms "github.com/dolthub/go-mysql-server/server"
	"github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/plan"
	"github.com/dolthub/go-mysql-server/sql/types"
	"github.com/dolthub/vitess/go/mysql"
	"github.com/dolthub/vitess/go/sqltypes"
	querypb "github.com/dolthub/vitess/go/vt/proto/query"
	"github.com/oklog/ulid/v2"
)

// Handler wraps GMS's handler of client commands, for server.Config.Options:
// every statement gets a trace, the rights of its user and its deadline, its
// errors get MySQL's numbers, and what it cost is recorded.
func (e *Engine) Handler(h mysql.Handler, sessions *gms.SessionManager) mysql.Handler {
	return &handler{Handler: h, e: e, sessions: sessions}
}

type handler struct {
	mysql.Handler
	e        *Engine
	sessions *gms.SessionManager
}

// ConnectionAuthenticated implements mysql.Handler.
func (h *handler) ConnectionAuthenticated(c *mysql.Conn) error {
	// A CALL ends with an OK packet after its result sets. Vitess sends more
	// than one result only to clients that may send more than one statement, so
	// every client gets that capability here; ComMultiQuery holds those that did
	// not ask for it to one statement.
	k := h.attach(c)
	k.single = c.Capabilities&mysql.CapabilityClientMultiStatements == 0
	c.Capabilities |= mysql.CapabilityClientMultiStatements
	return sqlError(context.Background(), h.Handler.ConnectionAuthenticated(c))
}

// ComInitDB implements mysql.Handler.
func (h *handler) ComInitDB(c *mysql.Conn, name string) error {
	return h.tell(context.Background(), h.e.identityOf(c), h.Handler.ComInitDB(c, name))
}

// ComQuery implements mysql.Handler.
func (h *handler) ComQuery(ctx context.Context, c *mysql.Conn, query string, callback mysql.ResultSpoolFn) error {
	query = rewrite(query)
	return h.run(ctx, c, query, func(ctx context.Context) error {
		return h.Handler.ComQuery(ctx, c, query, plain(callback))
	})
}

// plain leaves out the text of an OK packet: vitess writes it in a form that
// MariaDB's client library takes for a broken packet.
func plain(callback mysql.ResultSpoolFn) mysql.ResultSpoolFn {
	return func(r *sqltypes.Result, more bool) error {
		r.Info = ""
		return callback(r, more)
	}
}

// endOfCall begins the remainder that stands for the OK packet after a CALL.
const endOfCall = "\x00end of call\x00"

var isCall = regexp.MustCompile(`(?is)^(?:\s|/\*.*?\*/|--[^\n]*\n|#[^\n]*\n)*call\b`)

// ComMultiQuery implements mysql.Handler.
func (h *handler) ComMultiQuery(ctx context.Context, c *mysql.Conn, query string, callback mysql.ResultSpoolFn) (remainder string, err error) {
	if rest, ok := strings.CutPrefix(query, endOfCall); ok {
		return rest, callback(&sqltypes.Result{}, rest != "")
	}
	query = rewrite(query)
	fields := false
	noted := func(r *sqltypes.Result, more bool) error {
		fields = fields || len(r.Fields) > 0
		return plain(callback)(r, more)
	}
	err = h.run(ctx, c, query, func(ctx context.Context) error {
		if clientOf(c).single {
			return h.Handler.ComQuery(ctx, c, query, noted)
		}
		remainder, err = h.Handler.ComMultiQuery(ctx, c, query, noted)
		return err
	})
	if err == nil && fields && isCall.MatchString(query) {
		remainder = endOfCall + remainder
	}
	return remainder, err
}

// ComStmtExecute implements mysql.Handler.
func (h *handler) ComStmtExecute(ctx context.Context, c *mysql.Conn, prepare *mysql.PrepareData, callback func(*sqltypes.Result) error) error {
	return h.run(ctx, c, prepare.PrepareStmt, func(ctx context.Context) error {
		return h.Handler.ComStmtExecute(ctx, c, prepare, callback)
	})
}

// ComPrepare implements mysql.Handler. The result's columns are told as the
// compiled statement will give them; GMS would tell its own types.
func (h *handler) ComPrepare(ctx context.Context, c *mysql.Conn, query string, prepare *mysql.PrepareData) (fields []*querypb.Field, err error) {
	defer h.recover(ctx, &err)
	who := h.e.identityOf(c)
	ctx = withStatement(ctx, h.begin(c))
	if k := clientOf(c); query == unparsable && k.broken != nil {
		return nil, h.tell(ctx, who, k.broken)
	}
	query = rewrite(query)
	prepare.PrepareStmt = query // what ComStmtExecute runs
	fields, err = h.Handler.ComPrepare(ctx, c, query, prepare)
	if err != nil || fields == nil {
		return nil, h.tell(ctx, who, err)
	}
	sctx, err := h.sessions.NewContextWithQuery(ctx, c, query)
	if err != nil {
		return nil, h.tell(ctx, who, err)
	}
	node, err := h.e.gms.PrepareQuery(sctx, query)
	if err != nil {
		return nil, h.tell(ctx, who, err)
	}
	if _, ok := node.(*plan.Call); ok {
		return nil, nil // as MySQL: the columns come with the result
	}
	compiled, err := h.e.compile(sctx, node)
	if err != nil || compiled == nil {
		return fields, nil // what is wrong is said when it runs
	}
	return fieldsOf(sctx, compiled.schema), nil
}

// begin makes the statement of a command.
func (h *handler) begin(c *mysql.Conn) *statement {
	start := h.e.o.Now()
	id := ulid.MustNewDefault(start).String()
	return &statement{id: id, who: h.e.identityOf(c), trace: &tables.Trace{Statement: id}, start: start, touched: map[string]bool{}}
}

// run runs one statement under its deadline.
func (h *handler) run(ctx context.Context, c *mysql.Conn, query string, do func(context.Context) error) (err error) {
	defer h.recover(ctx, &err)
	st := h.begin(c)
	st.hints = setVars(query)
	ctx, cancel := context.WithCancelCause(withStatement(ctx, st))
	defer cancel(nil)
	defer context.AfterFunc(h.e.stopping, func() { cancel(errShutdown) })()
	defer clientOf(c).watch(func() { cancel(errGone) })()
	sctx, err := h.sessions.NewContextWithQuery(ctx, c, query)
	if err != nil {
		return sqlError(ctx, err)
	}
	if limit := timeLimit(sctx, query); limit > 0 {
		deadline, done := context.WithTimeoutCause(ctx, limit, errTimeout)
		defer done()
		ctx = deadline
	}
	own, _ := sctx.Session.(*session)
	if own != nil {
		st.last = own.sources()
	}
	began := time.Now()
	err = h.tell(ctx, st.who, do(ctx))
	if err == error(errInterrupted) && h.e.stopping.Err() != nil {
		err = errShutdown
	}
	if own != nil {
		own.ended(sctx, st, err)
	}
	h.e.record(context.WithoutCancel(ctx), st, sctx.GetCurrentDatabase(), query, time.Since(began), err)
	return err
}

// recover turns a panic into the statement's error; vitess would end the
// connection.
func (h *handler) recover(ctx context.Context, err *error) {
	if p := recover(); p != nil {
		h.e.o.Log.Error("a statement panicked", "panic", p, "stack", string(debug.Stack()))
		*err = sqlError(ctx, fault.New(fault.Internal, "the statement ran into a defect of Argo: %v", p))
	}
}

var deniedDatabase = regexp.MustCompile(`^Access denied for user .* to database '(.*)'$`)

// tell is sqlError for the user: one who may read everything is told that a
// database does not exist; to any other it must look the same as one that he
// may not read.
func (h *handler) tell(ctx context.Context, who *Identity, err error) error {
	err = sqlError(ctx, err)
	if e, ok := err.(*mysql.SQLError); ok && e.Num == mysql.ERDBAccessDenied && who.Databases == nil {
		if m := deniedDatabase.FindStringSubmatch(e.Message); m != nil && h.e.database(m[1]) == nil {
			return mysql.NewSQLError(mysql.ERBadDb, mysql.SSClientError, "Unknown database '%s'", m[1])
		}
	}
	return err
}

var (
	isSelect = regexp.MustCompile(`(?is)^(?:\s|\(|/\*.*?\*/|--[^\n]*\n|#[^\n]*\n)*(?:select|with|table|values)\b`)
	timeHint = regexp.MustCompile(`(?is)^(?:\s|\()*select\s*/\*\+[^*]*\bmax_execution_time\s*\(\s*(\d{1,18})\s*\)`)
)

// timeLimit is how long the statement may take: the hint, else the session's
// max_execution_time; both in milliseconds and for SELECT only, as in MySQL.
func timeLimit(ctx *sql.Context, query string) time.Duration {
	if m := timeHint.FindStringSubmatch(query); m != nil {
		ms, _ := strconv.ParseInt(m[1], 10, 64)
		return time.Duration(ms) * time.Millisecond
	}
	v, err := ctx.GetSessionVariable(ctx, "max_execution_time")
	if err != nil {
		return 0
	}
	ms, _, err := types.Int64.Convert(ctx, v)
	if n, ok := ms.(int64); err == nil && ok && n > 0 && isSelect.MatchString(query) {
		return time.Duration(n) * time.Millisecond
	}
	return 0
}

var callName = regexp.MustCompile("(?is)^(?:\\s|/\\*.*?\\*/|--[^\\n]*\\n|#[^\\n]*\\n)*(call\\s+[`\\w.$]+)")

// record writes the statement to the log if it touched anything of Argo's.
func (e *Engine) record(ctx context.Context, st *statement, database, query string, took time.Duration, failed error) {
	if e.o.Statements == nil || len(st.touched) == 0 {
		return
	}
	if m := callName.FindStringSubmatch(query); m != nil {
		query = m[1] + "(…)" // arguments may be secrets
	}
	r := tables.Statement{
		ID: st.id, User: st.who.String(), Database: database, Text: query,
		At: st.start, Elapsed: took, Rows: st.rows, Cost: st.trace.Cost(), Warnings: len(st.trace.Warnings()),
	}
	for name := range st.touched {
		r.Tables = append(r.Tables, name)
	}
	slices.Sort(r.Tables)
	if failed == nil {
		r.AsOf = st.asOf()
	}
	if s, ok := failed.(*mysql.SQLError); ok {
		r.Code, r.Error = s.Num, s.Message
	}
	if err := e.o.Statements.Add(ctx, r); err != nil {
		e.o.Log.Error("a statement could not be recorded", "err", err)
	}
}

// fieldsOf is the schema as column definitions of the protocol.
func fieldsOf(ctx *sql.Context, schema sql.Schema) []*querypb.Field {
	results := ctx.GetCharacterSetResults()
	out := make([]*querypb.Field, len(schema))
	for i, c := range schema {
		charset := uint32(sql.Collation_Default.CharacterSet())
		switch {
		case types.IsBinaryType(c.Type):
			charset = uint32(sql.Collation_binary)
		case results != sql.CharacterSet_Unspecified:
			charset = uint32(results)
		}
		f := &querypb.Field{
			Name: c.Name, OrgName: c.Name, Table: c.Source, OrgTable: c.Source, Database: c.DatabaseSource,
			Type: c.Type.Type(), Charset: charset, ColumnLength: c.Type.MaxTextResponseByteLength(ctx),
		}
		if !c.Nullable {
			f.Flags |= uint32(querypb.MySqlFlag_NOT_NULL_FLAG)
		}
		if types.IsUnsigned(c.Type) {
			f.Flags |= uint32(querypb.MySqlFlag_UNSIGNED_FLAG)
		}
		if d, ok := c.Type.(sql.DecimalType); ok {
			f.Decimals = uint32(d.Scale())
		} else if d, ok := c.Type.(sql.DatetimeType); ok {
			f.Decimals = uint32(d.Precision())
		}
		out[i] = f
	}
	return out
}
