package engine

import (
	"context"
	"io"
	"sync"
	"time"

	"argo/server/algebra"
	"argo/server/columnar"
	"argo/tables"
	"argo/tables/fault"

	"github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/plan"
	"github.com/dolthub/go-mysql-server/sql/types"
)

// exec is a compiled statement in the place of the plan that it was compiled
// from. To GMS it is a leaf.
type exec struct {
	e        *Engine
	original sql.Node
	c        *compiled
	err      error // why it could not be compiled; c is nil then
}

var (
	_ sql.ExecSourceRel = (*exec)(nil)
	_ sql.Projector     = (*exec)(nil)
	_ sql.Describable   = (*exec)(nil)
)

// Schema implements sql.Node.
func (x *exec) Schema(ctx *sql.Context) sql.Schema {
	if x.c == nil {
		return x.original.Schema(ctx)
	}
	return x.c.schema
}

// ProjectedExprs implements sql.Projector, so that GMS keeps the ids of the
// columns where exec stands below another node.
func (x *exec) ProjectedExprs() []sql.Expression {
	if p, ok := x.original.(sql.Projector); ok {
		return p.ProjectedExprs()
	}
	return nil
}

// Children implements sql.Node.
func (x *exec) Children() []sql.Node { return nil }

// WithChildren implements sql.Node.
func (x *exec) WithChildren(_ *sql.Context, children ...sql.Node) (sql.Node, error) {
	return plan.NillaryWithChildren(x, children...)
}

// Resolved implements sql.Node.
func (x *exec) Resolved() bool { return true }

// IsReadOnly implements sql.Node.
func (x *exec) IsReadOnly() bool { return true }

// String implements sql.Node.
func (x *exec) String() string { return x.e.explain(x.c, x.err) }

// Describe implements sql.Describable.
func (x *exec) Describe(*sql.Context, sql.DescribeOptions) string { return x.String() }

// RowIter implements sql.ExecSourceRel: it gets what the statement reads and
// starts it. Whatever can fail before the first row fails here, where the
// client can still be told.
func (x *exec) RowIter(ctx *sql.Context, _ sql.Row) (sql.RowIter, error) {
	rows, err := x.open(ctx)
	if err != nil {
		return nil, x.e.told(ctx, err) // GMS would keep the text alone
	}
	return rows, nil
}

// told is sqlError of what went wrong while a statement ran; the cause of a
// defect is for the log alone.
func (e *Engine) told(ctx context.Context, err error) error {
	if fault.Is(err, fault.Internal) {
		e.o.Log.Error("a statement ran into a defect", "err", err)
	}
	return sqlError(ctx, err)
}

func (x *exec) open(ctx *sql.Context) (*rowIter, error) {
	if x.err != nil {
		return nil, x.err
	}
	st := statementOf(ctx)
	if st == nil {
		return nil, errNoStatement
	}
	for try := 1; ; try++ {
		rows, err := x.openOnce(ctx, st)
		if err == nil && len(x.c.st.Sums) > 0 {
			if err = x.mixed(ctx); err != nil {
				rows.Close(ctx)
				return nil, err
			}
		}
		if !fault.Is(err, fault.Conflict) || try == attempts {
			return rows, err
		}
	}
}

// attempts is how often a statement is begun whose files are replaced while
// they are read.
const attempts = 8

func (x *exec) openOnce(ctx *sql.Context, st *statement) (*rowIter, error) {
	inputs, release, err := x.e.fetch(ctx, x.c)
	if err != nil {
		return nil, err
	}
	leave, err := x.e.enter(ctx, st)
	if err != nil {
		release()
		return nil, err
	}
	done := sync.OnceFunc(func() { leave(); release() })
	rows, err := x.e.o.Columnar.Query(ctx, x.c.st, inputs)
	if err != nil {
		done()
		return nil, err
	}
	return &rowIter{e: x.e, rows: rows, types: outputTypes(x.c), ctx: ctx, st: st, done: done}, nil
}

// enter waits for a slot in DuckDB. A statement that holds one gets more
// without waiting: it would wait for itself.
func (e *Engine) enter(ctx context.Context, st *statement) (leave func(), err error) {
	if e.running == nil {
		return func() {}, nil
	}
	first := false
	st.do(func() { first = st.holds == 0; st.holds++ })
	if first {
		select {
		case e.running <- struct{}{}:
		case <-ctx.Done():
			st.do(func() { st.holds-- })
			return nil, context.Cause(ctx)
		}
	}
	return func() {
		last := false
		st.do(func() { st.holds--; last = st.holds == 0 })
		if last {
			<-e.running
		}
	}, nil
}

// rowIter hands DuckDB's rows to GMS.
type rowIter struct {
	e     *Engine
	rows  *columnar.Rows
	types []algebra.Kind
	ctx   *sql.Context
	st    *statement
	n     int64
	done  func()
	once  sync.Once
	err   error
}

// Next implements sql.RowIter.
func (r *rowIter) Next(ctx *sql.Context) (sql.Row, error) {
	values, err := r.rows.Next(ctx)
	if err != nil {
		if err == io.EOF {
			for _, w := range r.st.trace.Warnings() { // of what was read meanwhile
				r.e.warn(r.ctx, w)
			}
			return nil, err
		}
		return nil, r.e.told(ctx, err)
	}
	r.n++
	row := make(sql.Row, len(values))
	for i, v := range values {
		if row[i], err = wire(v, r.types[i]); err != nil {
			return nil, err
		}
	}
	return row, nil
}

// Close implements sql.RowIter.
func (r *rowIter) Close(*sql.Context) error {
	r.once.Do(func() {
		r.err = r.rows.Close()
		r.st.gave(r.n)
		r.done()
	})
	return r.err
}

func outputTypes(c *compiled) []algebra.Kind {
	out := make([]algebra.Kind, len(c.st.Output))
	for i, col := range c.st.Output {
		out[i] = col.Type.Kind
	}
	return out
}

// wire is the value as GMS's types take it.
func wire(v any, k algebra.Kind) (any, error) {
	switch v := v.(type) {
	case nil:
		return nil, nil
	case tables.Day:
		return v.Time(), nil
	case time.Duration:
		return types.Timespan(v.Microseconds()), nil
	case bool:
		if v {
			return int64(1), nil
		}
		return int64(0), nil
	case string:
		if k == algebra.JSON {
			return types.NewLazyJSONDocument([]byte(v)), nil
		}
		return v, nil
	case []byte:
		if k == algebra.JSON {
			return types.NewLazyJSONDocument(v), nil
		}
		return v, nil
	case int64:
		if k == algebra.Year {
			return int16(v), nil
		}
	}
	return v, nil
}

// fetch gets the files and rows that the statement's leaves read. Every table
// is asked at once, its accounts side by side. The caller calls release when
// the statement has been answered.
func (e *Engine) fetch(ctx *sql.Context, c *compiled) (inputs map[algebra.Rel]columnar.Input, release func(), err error) {
	f, err := e.newFetch(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	if err := f.run(); err != nil {
		f.release()
		return nil, nil, first(ctx, err)
	}
	f.warn()
	return f.inputs, f.release, nil
}

// first is the reason why a statement was cancelled, where it was; a cancelled
// goroutine's own error says less.
func first(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil && fault.KindOf(err) != fault.Unknown {
		return cause
	}
	return err
}
