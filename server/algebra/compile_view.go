package algebra

import (
	"argo/tables"
	"argo/tables/fault"

	"github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/plan"
)

// ViewTable is an ArgoTable whose rows are those of queries.
type ViewTable interface {
	ArgoTable
	// Queries gives the plans whose rows the view has, one after the other. A
	// column of the view is the query's column of that name, converted to the
	// view's type, or NULL where the query has none. No query, no rows.
	Queries(ctx *sql.Context) ([]sql.Node, error)
	// Branches says that each query is one connection's part.
	Branches() bool
}

// deepest that views may stand in views.
const deepest = 16

// view puts the queries of a view in its place, so that filters, columns and
// limits reach the tables below it as if they were written there.
func (c *compiler) view(source string, t *tables.Table, v ViewTable, n *plan.ResolvedTable) *frame {
	if c.depth++; c.depth > deepest {
		fail(fault.New(fault.Config, "the view %s.%s reads itself, or views stand in views more than %d deep", source, t.Name, deepest))
	}
	defer func() { c.depth-- }()
	queries, err := v.Queries(c.ctx)
	c.check(err)
	c.views = append(c.views, source+"."+t.Name)
	schema := n.Schema(c.ctx)
	var all Rel
	for _, q := range queries {
		f := c.rel(q, nil)
		if _, ok := f.rel.(*Sort); ok {
			f = unsorted(f)
		}
		p := &Project{In: f.rel}
		for _, col := range schema {
			k := t.Lookup(col.Name)
			if k == nil {
				fail(fault.New(fault.Internal, "the catalog gives %s.%s a column %s that it does not have", source, t.Name, col.Name))
			}
			x := c.branchColumn(f, columnType(k.Type), k.Name)
			p.Cols, p.Exprs = append(p.Cols, c.column(k.Name, x.ExprType())), append(p.Exprs, x)
		}
		if v.Branches() {
			Walk(p, func(r Rel) bool {
				if s, ok := r.(*Scan); ok {
					s.Branch = true
				}
				return true
			})
		}
		all = c.unionAll(all, p)
	}
	if all == nil {
		v := &Values{}
		for _, col := range schema {
			v.Cols = append(v.Cols, c.column(col.Name, columnType(t.Lookup(col.Name).Type)))
		}
		all = v
	}
	c.amounts(source+"."+t.Name, t, all.Columns())
	return &frame{rel: all, fields: fieldsOf(n.Columns(), n.Name(), all.Columns())}
}

// branchColumn is the column called name of a query of a view, in the view's
// type. Texts are not cut.
func (c *compiler) branchColumn(f *frame, t Type, name string) Expr {
	d := (&scope{frame: f}).byName("", name)
	if d == nil {
		return nullLit(t)
	}
	x := d.col.ref()
	from := x.Type
	t.NotNull = from.NotNull
	if from.Kind == t.Kind && from.Kind == Text && from.Collation == t.Collation {
		return x
	}
	if t.Kind == Text && from.width() > t.Length {
		t.Length = from.width()
	}
	return c.cast(x, t, true)
}

// unionAll adds the rows of r to those of all, which is nil at first.
func (c *compiler) unionAll(all, r Rel) Rel {
	if all == nil {
		return r
	}
	u := &SetOp{Op: "union", All: true, L: all, R: r}
	right := r.Columns()
	for i, l := range all.Columns() {
		t := l.Type
		t.NotNull = t.NotNull && right[i].Type.NotNull
		t.Length = max(t.Length, right[i].Type.Length)
		u.Cols = append(u.Cols, c.column(l.Name, t))
	}
	return u
}

// unique are the columns of a Scan that identify a row, as its table says.
func unique(s *Scan, t *tables.Table) []ColID {
	if len(t.Key) == 0 {
		return nil
	}
	names := append([]string(nil), t.Key...)
	if t.Account != "" {
		names = append(names, t.Account)
	}
	if t.Day != "" {
		names = append(names, t.Day)
	}
	var out []ColID
	for _, name := range names {
		for _, c := range s.Cols {
			if c.Name == name {
				out = append(out, c.ID)
			}
		}
	}
	if len(out) != len(names) {
		return nil
	}
	return out
}

// SmallTable is an ArgoTable of Argo's own whose rows can be read while a
// statement is compiled, so that conditions on them narrow what is read of the
// tables that they are joined with.
type SmallTable interface {
	ArgoTable
	// Rows gives the rows, as the table's columns.
	Rows(ctx *sql.Context) ([]tables.Row, error)
}

// mostConstants is how many rows a statement holds itself.
const mostConstants = 2000

// constants are the rows of a small table, nil where they are too many.
func (c *compiler) constants(s *Scan, t *tables.Table, k SmallTable) *Values {
	rows, err := k.Rows(c.ctx)
	c.check(err)
	if len(rows) > mostConstants {
		return nil
	}
	v := &Values{Cols: s.Cols, Unique: s.Unique}
	for _, r := range rows {
		out := make([]Expr, len(s.Cols))
		for i, col := range s.Cols {
			out[i] = &Lit{Value: r[place(t, col.Name)], Type: col.Type}
			switch x := r[place(t, col.Name)].(type) {
			case nil:
				out[i] = nullLit(col.Type)
			case bool:
				out[i] = truthLit(0)
				if x {
					out[i] = truthLit(1)
				}
			}
		}
		v.Rows = append(v.Rows, out)
	}
	return v
}

func place(t *tables.Table, name string) int {
	for i := range t.Columns {
		if t.Columns[i].Name == name {
			return i
		}
	}
	return -1
}
