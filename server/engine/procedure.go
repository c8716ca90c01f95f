package engine

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"argo/automation"
	"argo/server/algebra"
	"argo/tables"
	"argo/tables/fault"

	"github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/plan"
	"github.com/dolthub/go-mysql-server/sql/transform"
)

// Procedure is a verb of Argo's own: CALL argo.refresh(…).
type Procedure struct {
	Name, Doc string // snake_case; one line
	// Params in the order of the call; the last Optional of them may be left out,
	// and are nil then. Values as automation.Args.
	Params   []automation.Param
	Optional int
	// Act asks for the right to act; without it the right to read the database
	// argo is enough, and Run judges by MayRead what else the caller may see.
	Act bool
	// Approve asks for the right to approve; with Act, either right is enough.
	Approve bool
	// Changes says that it may change something at a channel: a session that was
	// made read-only refuses it.
	Changes bool
	// Columns of the result.
	Columns []tables.Column
	// Run does it. Rows are aligned with Columns. database is the session's
	// current one, by is name@host of the caller.
	Run func(ctx context.Context, c Caller, args automation.Args) ([]tables.Row, error)

	database string // that it stands in
}

// Caller of a Procedure.
type Caller struct {
	By       string // name@host
	Database string // current database of the session, "" where none is
}

// granted says whether somebody may call it.
func (p *Procedure) granted(who *Identity) bool {
	return who.mayRead(p.database) && (!p.Act && !p.Approve || p.Act && who.Act || p.Approve && who.Approve)
}

// signature is how the procedure is called.
func (p *Procedure) signature() string {
	var b strings.Builder
	for i, k := range p.Params {
		open, comma := "", ", "
		if i >= len(p.Params)-p.Optional {
			open = " ["
		}
		if i == 0 {
			comma = ""
		}
		b.WriteString(open + comma + k.Name + " " + parameterType(k.Type))
	}
	return fmt.Sprintf("CALL %s.%s(%s%s)", p.database, p.Name, b.String(), strings.Repeat("]", min(p.Optional, len(p.Params))))
}

// details is the procedure as SHOW CREATE PROCEDURE and information_schema show
// it; its body never runs.
func (p *Procedure) details(d *database) sql.StoredProcedureDetails {
	return d.details(p.Name, p.Doc, p.Params, "READS SQL DATA")
}

// Procedures of Argo's own, of every database.
func (e *Engine) Procedures(yield func(database string, p *Procedure)) {
	for _, d := range e.databases {
		for i := range d.procedures {
			yield(d.name, &d.procedures[i])
		}
	}
}

func (d *database) own(name string) *Procedure {
	i, ok := slices.BinarySearchFunc(d.procedures, strings.ToLower(name), func(p Procedure, n string) int { return cmp.Compare(p.Name, n) })
	if !ok {
		return nil
	}
	return &d.procedures[i]
}

// callOwn is a CALL of a Procedure, in the place of GMS's plan.Call.
type callOwn struct {
	e    *Engine
	p    *Procedure
	args []sql.Expression
}

var _ sql.ExecSourceRel = (*callOwn)(nil)

// newOwn checks who calls and how many arguments there are.
func (e *Engine) newOwn(ctx *sql.Context, p *Procedure, n *plan.Call) (sql.Node, error) {
	st := statementOf(ctx)
	if st == nil {
		return nil, errNoStatement
	}
	st.touch(p.database + "." + p.Name + "()")
	if !p.granted(st.who) {
		return nil, errNotYours(st.who, p.database+"."+p.Name)
	}
	if k := len(n.Params); k > len(p.Params) || k < len(p.Params)-p.Optional {
		return nil, fault.New(fault.Invalid, "CALL %s.%s does not take %d arguments", p.database, p.Name, k).WithHint("%s", p.signature())
	}
	for _, a := range n.Params {
		if transform.InspectExpr(ctx, a, func(_ *sql.Context, x sql.Expression) bool { _, ok := x.(*plan.Subquery); return ok }) {
			return nil, fault.New(fault.Unsupported, "CALL %s.%s: a subquery cannot be an argument", p.database, p.Name).
				WithHint("SET @x = (SELECT …), then CALL with @x in its place")
		}
	}
	return &callOwn{e: e, p: p, args: n.Params}, nil
}

// RowIter implements sql.ExecSourceRel.
func (c *callOwn) RowIter(ctx *sql.Context, _ sql.Row) (sql.RowIter, error) {
	rows, err := c.run(ctx)
	if err != nil {
		return nil, c.e.told(ctx, first(ctx, err))
	}
	return sql.RowsToRowIter(rows...), nil
}

func (c *callOwn) run(ctx *sql.Context) ([]sql.Row, error) {
	if c.p.Changes {
		if err := mayChange(ctx, c.p.database+"."+c.p.Name); err != nil {
			return nil, err
		}
	}
	args := automation.Args{}
	for i, p := range c.p.Params {
		args[p.Name] = nil
		if i >= len(c.args) {
			continue
		}
		v, err := c.args[i].Eval(ctx, nil)
		if err == nil {
			v, err = argument(ctx, p, v, c.args[i].Type(ctx))
		}
		if err != nil {
			return nil, refusal(err, c.p.signature())
		}
		args[p.Name] = v
	}
	st := statementOf(ctx)
	got, err := c.p.Run(ctx, Caller{By: st.who.String(), Database: ctx.GetCurrentDatabase()}, args)
	if err != nil {
		return nil, refusal(err, c.p.signature())
	}
	for _, err := range st.trace.Warnings() {
		c.e.warn(ctx, err)
	}
	rows := make([]sql.Row, len(got))
	for i, r := range got {
		rows[i] = make(sql.Row, len(r))
		for j, v := range r {
			if rows[i][j], err = wire(v, wireKind(c.p.Columns[j].Type)); err != nil {
				return nil, err
			}
		}
	}
	st.gave(int64(len(rows)))
	return rows, nil
}

// wireKind is what wire has to know of a type.
func wireKind(t tables.Type) algebra.Kind {
	if t.Kind == tables.JSON {
		return algebra.JSON
	}
	return algebra.Text
}

// refusal adds the signature to what is wrong with a call.
func refusal(err error, signature string) error {
	if f := fault.As(err); f != nil && f.Hint == "" && f.Kind == fault.Invalid {
		return f.WithHint("%s", signature)
	}
	return err
}

// Schema implements sql.Node.
func (c *callOwn) Schema(*sql.Context) sql.Schema {
	return schemaOf(c.p.database, c.p.Name, c.p.Columns, nil).Schema
}

// Children implements sql.Node.
func (c *callOwn) Children() []sql.Node { return nil }

// WithChildren implements sql.Node.
func (c *callOwn) WithChildren(_ *sql.Context, children ...sql.Node) (sql.Node, error) {
	return plan.NillaryWithChildren(c, children...)
}

// Resolved implements sql.Node.
func (c *callOwn) Resolved() bool { return true }

// IsReadOnly implements sql.Node: what changes no channel can be done in a
// session that was made read-only.
func (c *callOwn) IsReadOnly() bool { return !c.p.Changes }

// String implements sql.Node.
func (c *callOwn) String() string { return c.p.signature() }
