package algebra

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"argo/tables"
	"argo/tables/fault"

	"github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/analyzer"
	"github.com/dolthub/go-mysql-server/sql/plan"
	"github.com/dolthub/go-mysql-server/sql/transform"
)

// ArgoTable is a sql.Table that stands for an Argo table in a plan.
type ArgoTable interface {
	// Argo gives the name of the database and the table as of this statement.
	Argo() (database string, t *tables.Table)
}

// DatedTable is an ArgoTable as of a moment; zero is now.
type DatedTable interface {
	ArgoTable
	AsOf() time.Time
}

// Configure takes out of GMS's analysis what would change a plan before
// Compile sees it: GMS folds and rewrites filters by its own semantics, which
// are not MySQL's ('ABC' = 'abc' would be false, LIKE 'a\_b' an equality).
func Configure(b *analyzer.Builder) {
	for _, r := range analyzer.OnceBeforeDefault {
		switch r.Id.String() {
		case "simplifyFilters", "pushNotFilters":
			b.RemoveOnceBeforeRule(r.Id)
		}
	}
}

// Compile turns a plan, as it is at analyzer.AlwaysBeforeDefault, into a
// Statement. It gives nil where the plan touches no Argo table, and never
// panics. Faults: Unsupported (the message names the construct, the hint a
// rewrite that works), Invalid, Internal (a defect).
func Compile(ctx *sql.Context, n sql.Node, sess Session) (st *Statement, err error) {
	return compile(ctx, n, sess, func(c *compiler, st *Statement) {
		st.Sums, _, _ = c.sums(st.Root, false)
		optimize(st)
	})
}

func compile(ctx *sql.Context, n sql.Node, sess Session, finish func(*compiler, *Statement)) (st *Statement, err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case failure:
			st, err = nil, r.err
		default:
			st, err = nil, fault.New(fault.Internal, "the statement could not be compiled: %v", r)
		}
	}()
	if !touches(ctx, n) {
		return nil, nil
	}
	c := &compiler{ctx: ctx, sess: sess, zone: location(sess.TimeZone), recursive: map[string][]Column{}}
	c.now = time.UnixMicro(sess.Now)
	if sess.Now == 0 {
		c.now = ctx.QueryTime()
	}
	f := c.rel(n, nil)
	st = &Statement{Root: f.rel, Session: sess, Names: c.views}
	for _, s := range st.Scans() {
		st.Names = append(st.Names, s.Source+"."+s.Table)
	}
	slices.Sort(st.Names)
	st.Names = slices.Compact(st.Names)
	schema := n.Schema(ctx)
	if len(schema) != len(f.fields) {
		return nil, fault.New(fault.Internal, "the statement has %d columns, its plan %d", len(f.fields), len(schema))
	}
	for i, d := range f.fields {
		col := d.col
		col.Name = schema[i].Name
		st.Output = append(st.Output, col)
	}
	finish(c, st)
	return st, nil
}

// touches says whether an Argo table occurs in the plan, subqueries included.
func touches(ctx *sql.Context, n sql.Node) bool {
	found := false
	transform.InspectWithOpaque(ctx, n, func(ctx *sql.Context, n sql.Node) bool {
		if found {
			return false
		}
		if rt, ok := n.(*plan.ResolvedTable); ok && argoTable(rt.Table) != nil {
			found = true
		}
		if r, ok := n.(*plan.RecursiveCte); ok {
			found = found || touches(ctx, r.Left()) || touches(ctx, r.Right())
		}
		if ex, ok := n.(sql.Expressioner); ok {
			for _, e := range ex.Expressions() {
				found = found || exprTouches(ctx, e)
			}
		}
		return !found
	})
	return found
}

func exprTouches(ctx *sql.Context, e sql.Expression) bool {
	found := false
	sql.Inspect(ctx, e, func(ctx *sql.Context, e sql.Expression) bool {
		if s, ok := e.(*plan.Subquery); ok && !found {
			found = touches(ctx, s.Query)
		}
		return e != nil && !found
	})
	return found
}

func argoTable(t sql.Table) ArgoTable {
	for t != nil {
		if a, ok := t.(ArgoTable); ok {
			return a
		}
		w, ok := t.(sql.TableWrapper)
		if !ok {
			break
		}
		t = w.Underlying()
	}
	return nil
}

// compiler of one statement.
type compiler struct {
	ctx       *sql.Context
	sess      Session
	zone      *time.Location
	now       time.Time
	last      ColID
	recursive map[string][]Column // columns of the recursive CTEs around
	views     []string            // that were expanded
	depth     int                 // of views in views
	money     map[ColID]amountOf  // columns of views
}

// failure carries a fault up to Compile.
type failure struct{ err error }

func fail(err error) { panic(failure{err}) }

func (c *compiler) check(err error) {
	if err != nil {
		fail(err)
	}
}

// unsupported refuses what cannot be expressed exactly.
func unsupported(what, hint string, args ...any) {
	e := fault.New(fault.Unsupported, what, args...)
	if hint != "" {
		e.Hint = hint
	}
	fail(e)
}

// column makes a new column.
func (c *compiler) column(name string, t Type) Column {
	c.last++
	return Column{ID: c.last, Name: name, Type: t}
}

func (col Column) ref() *Col { return &Col{ID: col.ID, Name: col.Name, Type: col.Type} }

// field is a column by which GMS's expressions know it.
type field struct {
	id          sql.ColumnId // 0: by name only
	table, name string
	col         Column
}

// frame is a compiled relation with its visible columns in order; rel may have
// more. known maps the fingerprint of an expression to the column that holds
// its value already: the keys of a GROUP BY.
type frame struct {
	rel    Rel
	fields []field
	known  map[string]Column
}

// scope is what an expression can see: its own relation, then outer queries'.
type scope struct {
	*frame
	outer *scope
}

// byID finds a column by GMS's id.
func (s *scope) byID(id sql.ColumnId) *field {
	if id == 0 {
		return nil
	}
	for ; s != nil; s = s.outer {
		if s.frame == nil {
			continue
		}
		for i := range s.fields {
			if s.fields[i].id == id {
				return &s.fields[i]
			}
		}
	}
	return nil
}

// byName finds a column by its name; GMS loses the ids of columns that are
// neither a column nor an alias, and those of empty tables.
func (s *scope) byName(table, name string) *field {
	for ; s != nil; s = s.outer {
		if s.frame == nil {
			continue
		}
		for i := range s.fields {
			f := &s.fields[i]
			if strings.EqualFold(f.name, name) && (table == "" || strings.EqualFold(f.table, table)) {
				return f
			}
		}
	}
	return nil
}

// precomputed finds the column that holds the value of e.
func (s *scope) precomputed(c *compiler, e sql.Expression) *Column {
	key := ""
	for ; s != nil; s = s.outer {
		if s.frame == nil || len(s.known) == 0 {
			continue
		}
		if key == "" {
			key = c.fingerprint(e)
		}
		if col, ok := s.known[key]; ok {
			return &col
		}
	}
	return nil
}

// exact gives f with a relation that has exactly the visible columns, in order.
func (c *compiler) exact(f *frame) *frame {
	cols := f.rel.Columns()
	same := len(cols) == len(f.fields)
	for i := 0; same && i < len(cols); i++ {
		same = cols[i].ID == f.fields[i].col.ID
	}
	if same {
		return f
	}
	p := &Project{In: f.rel}
	out := &frame{rel: p, fields: append([]field(nil), f.fields...)}
	for i := range out.fields {
		d := &out.fields[i]
		p.Exprs = append(p.Exprs, d.col.ref())
		d.col = c.column(d.col.Name, d.col.Type)
		p.Cols = append(p.Cols, d.col)
	}
	return out
}

// location of a session's time zone: a name or an offset; unknown is UTC.
func location(name string) *time.Location {
	if len(name) > 1 && (name[0] == '+' || name[0] == '-') {
		var h, m int
		if n, _ := fmt.Sscanf(name[1:], "%d:%d", &h, &m); n != 2 {
			return time.UTC
		}
		s := h*3600 + m*60
		if name[0] == '-' {
			s = -s
		}
		return time.FixedZone(name, s)
	}
	if l, err := time.LoadLocation(name); err == nil && !strings.EqualFold(name, "SYSTEM") {
		return l
	}
	return time.UTC
}
