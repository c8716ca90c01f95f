package engine

import (
	"fmt"
	"strconv"
	"strings"

	"argo/automation"
	"argo/tables"
	"argo/tables/fault"

	"github.com/cockroachdb/apd/v3"
	"github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/plan"
	"github.com/dolthub/go-mysql-server/sql/transform"
	"github.com/dolthub/go-mysql-server/sql/types"
	"github.com/dolthub/vitess/go/mysql"
)

// optionsParameter is the parameter that every action takes last and that may
// be left out: a JSON document.
const optionsParameter = "options"

// callSchema is the result of a CALL: one row for each change.
var callSchema = func() sql.Schema {
	var s sql.Schema
	column := func(name string, t sql.Type) { s = append(s, &sql.Column{Name: name, Type: t, Nullable: true}) }
	column("run_id", textType(26, idCollation, 26))
	column("state", textType(16, idCollation, 16))
	column("account", textType(64, idCollation, 64))
	column("entity", textType(512, textCollation, 512))
	column("field", textType(64, idCollation, 64))
	column("before", textType(1024, textCollation, 1024))
	column("after", textType(1024, textCollation, 1024))
	column("unit", textType(16, idCollation, 16))
	column("note", textType(1024, textCollation, 1024))
	return s
}()

// call is a CALL of an action, in place of GMS's plan.Call: nothing is
// interpreted, and the arguments reach the action as they were written.
type call struct {
	e      *Engine
	db     *database
	action *automation.Action
	args   []sql.Expression
}

var _ sql.ExecSourceRel = (*call)(nil)

// newCall checks who calls and how many arguments there are. It gives nil for
// what is none of Argo's procedures.
func (e *Engine) newCall(ctx *sql.Context, n *plan.Call) (sql.Node, error) {
	if n.Database() == nil {
		return nil, nil
	}
	db := e.database(n.Database().Name())
	if db == nil {
		return nil, nil
	}
	action := db.action(n.Name)
	if action == nil {
		if p := db.own(n.Name); p != nil {
			return e.newOwn(ctx, p, n)
		}
		return nil, nil
	}
	st := statementOf(ctx)
	if st == nil {
		return nil, errNoStatement
	}
	st.touch(db.name + "." + action.Name + "()")
	if !st.who.Act || !st.who.mayRead(db.name) {
		return nil, errNotYours(st.who, db.name+"."+action.Name)
	}
	c := &call{e: e, db: db, action: action, args: n.Params}
	for _, a := range n.Params {
		if transform.InspectExpr(ctx, a, func(_ *sql.Context, x sql.Expression) bool { _, ok := x.(*plan.Subquery); return ok }) {
			return nil, fault.New(fault.Unsupported, "CALL %s.%s: a subquery cannot be an argument", db.name, action.Name).
				WithHint("SET @x = (SELECT …), look at @x, then CALL with @x in its place")
		}
	}
	if k := len(n.Params); k < len(action.Params) || k > len(action.Params)+1 {
		return nil, fault.New(fault.Invalid, "CALL %s.%s takes %d or %d arguments, not %d", db.name, action.Name, len(action.Params), len(action.Params)+1, k).
			WithHint("%s", c.signature())
	}
	return c, nil
}

// errReadOnlySession is MySQL's answer to a change in a session that was made
// read-only, as drivers and BI tools do it.
var errReadOnlySession = mysql.NewSQLError(1792, "25006", "Cannot execute statement in a READ ONLY transaction. (SET SESSION TRANSACTION READ WRITE, then CALL)")

// signature is how the procedure is called.
func (c *call) signature() string {
	names := make([]string, 0, len(c.action.Params)+1)
	for _, p := range c.action.Params {
		names = append(names, p.Name+" "+parameterType(p.Type))
	}
	return fmt.Sprintf("CALL %s.%s(%s [, %s JSON])", c.db.name, c.action.Name, strings.Join(names, ", "), optionsParameter)
}

// RowIter implements sql.ExecSourceRel: it takes the change down the road and
// gives one row for each of its parts.
func (c *call) RowIter(ctx *sql.Context, _ sql.Row) (sql.RowIter, error) {
	rows, err := c.run(ctx)
	if f := fault.As(err); f != nil && f.Kind == fault.Canceled {
		// What was called off may have been sent: the sentence says it.
		return nil, mysql.NewSQLError(mysql.ERQueryInterrupted, mysql.SSQueryInterrupted, "%s", sentence(f))
	}
	if err != nil {
		return nil, sqlError(ctx, err)
	}
	return sql.RowsToRowIter(rows...), nil
}

func (c *call) run(ctx *sql.Context) ([]sql.Row, error) {
	st := statementOf(ctx)
	if err := mayChange(ctx, c.db.name+"."+c.action.Name); err != nil {
		return nil, err
	}
	args := automation.Args{}
	for i, p := range c.action.Params {
		v, err := c.args[i].Eval(ctx, nil)
		if err == nil {
			v, err = argument(ctx, p, v, c.args[i].Type(ctx))
		}
		if err != nil {
			return nil, c.refuse(err)
		}
		args[p.Name] = v
	}
	var options automation.Options
	if len(c.args) > len(c.action.Params) {
		e := c.args[len(c.args)-1]
		v, err := e.Eval(ctx, nil)
		if err != nil {
			return nil, c.refuse(err)
		}
		document, err := text(ctx, v, e.Type(ctx))
		if err != nil {
			return nil, c.refuse(err)
		}
		if document != "" {
			if options, err = automation.ParseOptions(document); err != nil {
				return nil, err
			}
		}
	}
	run, err := c.e.o.Runner.Do(ctx, automation.Request{Source: c.db.name, Action: *c.action, Args: args, Options: options, By: st.who.String()})
	if err != nil {
		return nil, err
	}
	if on, err := plan.IsSessionAutocommit(ctx); err == nil && !on {
		ctx.Session.Warn(&sql.Warning{Level: "Warning", Code: 1196, Message: "The change was made at the channel at once; ROLLBACK does not take it back"})
	}
	rows := make([]sql.Row, 0, len(run.Changes))
	for _, ch := range run.Changes {
		note := ch.Change.Note
		if ch.Note != "" {
			note = strings.TrimPrefix(note+"; "+ch.Note, "; ")
		}
		rows = append(rows, sql.Row{run.ID, string(ch.State), ch.Account, ch.Entity, ch.Field, ch.Before, ch.After, ch.Unit, note})
	}
	if len(rows) == 0 {
		rows = append(rows, sql.Row{run.ID, string(run.State), nil, nil, nil, nil, nil, nil, nil})
	}
	st.gave(int64(len(rows)))
	return rows, nil
}

// mayChange refuses what changes a channel inside a transaction and in a session
// that was made read-only.
func mayChange(ctx *sql.Context, name string) error {
	if ctx.GetIgnoreAutoCommit() {
		return fault.New(fault.Unsupported, "CALL %s inside a transaction: a channel cannot take a change back with ROLLBACK", name).
			WithHint("COMMIT or ROLLBACK first, then CALL; options '{\"dry_run\": true}' shows what it would change")
	}
	only, err := ctx.GetSessionVariable(ctx, "transaction_read_only")
	if err != nil {
		return err
	}
	if yes, err := sql.ConvertToBool(ctx, only); err != nil || yes {
		return errReadOnlySession
	}
	return nil
}

// refuse adds the signature to what is wrong with an argument.
func (c *call) refuse(err error) error {
	if f := fault.As(err); f != nil && f.Hint == "" {
		return f.WithHint("%s", c.signature())
	}
	return err
}

// argument converts what was written to the parameter's type, strictly: money
// keeps every digit, and what would lose one is refused.
func argument(ctx *sql.Context, p automation.Param, v any, t sql.Type) (any, error) {
	if v == nil {
		return nil, nil
	}
	s, err := text(ctx, v, t)
	if err != nil {
		return nil, err
	}
	bad := func(want string) error {
		return fault.New(fault.Invalid, "the argument %s is %q, not %s", p.Name, clip(s), want)
	}
	trimmed := strings.TrimSpace(s)
	switch p.Type.Kind {
	case tables.Int:
		d, _, err := apd.NewFromString(trimmed)
		if err != nil || d.Form != apd.Finite {
			return nil, bad("a whole number")
		}
		n, err := d.Int64()
		if err != nil {
			return nil, bad("a whole number")
		}
		return n, nil
	case tables.Decimal:
		d, _, err := apd.NewFromString(trimmed)
		if err != nil || d.Form != apd.Finite {
			return nil, bad("a number")
		}
		d.Reduce(d)
		if d.Exponent > 0 {
			if _, err := apd.BaseContext.WithPrecision(65).Quantize(d, d, 0); err != nil {
				return nil, bad("a number of at most " + strconv.Itoa(p.Type.Precision) + " digits")
			}
		}
		if int(-d.Exponent) > p.Type.Scale || d.NumDigits()+int64(p.Type.Scale)+int64(d.Exponent) > int64(p.Type.Precision) {
			return nil, bad(fmt.Sprintf("a %s", p.Type))
		}
		return d, nil
	case tables.Double:
		f, err := strconv.ParseFloat(trimmed, 64)
		if err != nil {
			return nil, bad("a number")
		}
		return f, nil
	case tables.Bool:
		switch strings.ToLower(trimmed) {
		case "1", "true":
			return true, nil
		case "0", "false":
			return false, nil
		}
		return nil, bad("TRUE or FALSE")
	case tables.Date:
		d, err := tables.ParseDay(trimmed)
		if err != nil {
			return nil, bad("a day such as 2026-11-22")
		}
		return d, nil
	case tables.DateTime:
		at, _, err := types.DatetimeMaxPrecision.Convert(ctx, trimmed)
		if err != nil {
			return nil, bad("a time such as 2026-11-22 08:30:00")
		}
		return at, nil
	}
	return s, nil
}

// text is the value as it would be printed; "" for NULL.
func text(ctx *sql.Context, v any, t sql.Type) (string, error) {
	switch v := v.(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	case []byte:
		return string(v), nil
	case bool:
		return strconv.FormatBool(v), nil
	case *apd.Decimal:
		return v.Text('f'), nil
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), nil
	case float32:
		return strconv.FormatFloat(float64(v), 'f', -1, 32), nil
	}
	q, err := t.SQL(ctx, nil, v)
	if err != nil {
		return "", err
	}
	return q.ToString(), nil
}

func clip(s string) string {
	if r := []rune(s); len(r) > 64 {
		return string(r[:64]) + "…"
	}
	return s
}

// Schema implements sql.Node.
func (c *call) Schema(*sql.Context) sql.Schema { return callSchema }

// Children implements sql.Node.
func (c *call) Children() []sql.Node { return nil }

// WithChildren implements sql.Node.
func (c *call) WithChildren(_ *sql.Context, children ...sql.Node) (sql.Node, error) {
	return plan.NillaryWithChildren(c, children...)
}

// Resolved implements sql.Node.
func (c *call) Resolved() bool { return true }

// IsReadOnly implements sql.Node.
func (c *call) IsReadOnly() bool { return false }

// String implements sql.Node.
func (c *call) String() string { return c.signature() }
