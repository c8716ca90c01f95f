package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"argo/server/algebra"
	"argo/tables"
	"argo/tables/fault"

	"github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/plan"
)

// Edit takes rows of a table away and puts others in their place: all of it, or
// nothing and an error. Rows have all columns of the table; by is name@host.
type Edit func(ctx context.Context, by string, gone, come []tables.Row) error

// editTable is a small table of Argo's own that users may change. GMS reads it
// row by row where it changes it.
type editTable struct {
	*table
	e    *Engine
	edit Edit
}

var (
	_ sql.InsertableTable  = (*editTable)(nil)
	_ sql.UpdatableTable   = (*editTable)(nil)
	_ sql.DeletableTable   = (*editTable)(nil)
	_ sql.ReplaceableTable = (*editTable)(nil)
	_ algebra.SmallTable   = (*editTable)(nil)
)

// Partitions implements sql.Table.
func (t *editTable) Partitions(*sql.Context) (sql.PartitionIter, error) {
	return sql.PartitionsToPartitionIter(allRows{}), nil
}

// allRows is the only partition of a table.
type allRows struct{}

// Key implements sql.Partition.
func (allRows) Key() []byte { return []byte("rows") }

// PartitionRows implements sql.Table.
func (t *editTable) PartitionRows(ctx *sql.Context, _ sql.Partition) (sql.RowIter, error) {
	rows, err := t.rows(ctx)
	if err != nil {
		return nil, sqlError(ctx, err)
	}
	return sql.RowsToRowIter(rows...), nil
}

// Rows implements algebra.SmallTable.
func (t *editTable) Rows(ctx *sql.Context) (out []tables.Row, err error) {
	s := tables.Scan{Table: t.t.Name}
	for _, c := range t.t.Columns {
		s.Columns = append(s.Columns, c.Name)
	}
	for r, err := range t.t.Scan(ctx, s) {
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

// rows of the table as GMS has them.
func (t *editTable) rows(ctx *sql.Context) (out []sql.Row, err error) {
	all, err := t.Rows(ctx)
	if err != nil {
		return nil, err
	}
	for _, r := range all {
		row := make(sql.Row, len(r))
		for i, v := range r {
			if v, err = wire(v, algebra.Text); err != nil {
				return nil, err
			}
			if v != nil {
				if v, _, err = t.schema.Schema[i].Type.Convert(ctx, v); err != nil {
					return nil, err
				}
			}
			row[i] = v
		}
		out = append(out, row)
	}
	return out, nil
}

// row is a row of GMS's as the table has it.
func (t *editTable) row(ctx *sql.Context, r sql.Row) (tables.Row, error) {
	out := make(tables.Row, len(r))
	for i, c := range t.t.Columns {
		to := algebra.Type{Kind: algebra.Text}
		switch c.Type.Kind {
		case tables.Int, tables.Bool:
			to.Kind = algebra.Int
		case tables.Decimal:
			to.Kind, to.Scale = algebra.Decimal, c.Type.Scale
		case tables.Double:
			to.Kind = algebra.Double
		case tables.Date:
			to.Kind = algebra.Date
		case tables.DateTime:
			to.Kind = algebra.DateTime
		}
		v, err := fromGMS(ctx, r[i], t.schema.Schema[i].Type, to)
		if err != nil {
			return nil, err
		}
		if n, ok := v.(int64); ok && c.Type.Kind == tables.Bool {
			v = n != 0
		}
		out[i] = v
	}
	return out, nil
}

// Inserter implements sql.InsertableTable.
func (t *editTable) Inserter(*sql.Context) sql.RowInserter { return &editor{t: t} }

// Updater implements sql.UpdatableTable.
func (t *editTable) Updater(*sql.Context) sql.RowUpdater { return &editor{t: t} }

// Deleter implements sql.DeletableTable.
func (t *editTable) Deleter(*sql.Context) sql.RowDeleter { return &editor{t: t} }

// Replacer implements sql.ReplaceableTable.
func (t *editTable) Replacer(*sql.Context) sql.RowReplacer { return &editor{t: t} }

// editor gathers what one statement changes.
type editor struct {
	t          *editTable
	have       map[string]sql.Row // by key, with what the statement has changed
	gone, come map[string]tables.Row
	done       bool
}

// may refuses who has not the right to act.
func (e *editor) may(ctx *sql.Context) error {
	st := statementOf(ctx)
	if st == nil {
		return errNoStatement
	}
	if !st.who.Act {
		return sqlError(ctx, fault.New(fault.Denied, "%s says how everybody's figures are counted: to change it takes the right to act, which the user %s has not", e.t, st.who.User).
			WithHint("act: true for the user in the configuration"))
	}
	if e.have != nil {
		return nil
	}
	st.touch(e.t.String())
	rows, err := e.t.rows(ctx)
	if err != nil {
		return sqlError(ctx, err)
	}
	e.have, e.gone, e.come = map[string]sql.Row{}, map[string]tables.Row{}, map[string]tables.Row{}
	for _, r := range rows {
		e.have[e.key(r)] = r
	}
	return nil
}

// key of a row, by which rows are the same.
func (e *editor) key(r sql.Row) string {
	var parts []string
	for _, i := range e.t.schema.PkOrdinals {
		v := r[i]
		if at, ok := v.(time.Time); ok {
			v = at.Format(time.DateOnly)
		}
		parts = append(parts, fmt.Sprint(v))
	}
	return strings.Join(parts, "-")
}

// Insert implements sql.RowInserter.
func (e *editor) Insert(ctx *sql.Context, r sql.Row) error {
	if err := e.may(ctx); err != nil {
		return err
	}
	key := e.key(r)
	if old, ok := e.have[key]; ok {
		return sql.NewUniqueKeyErr("["+key+"]", true, old)
	}
	row, err := e.t.row(ctx, r)
	if err != nil {
		return err
	}
	e.have[key], e.come[key] = r, row
	return nil
}

// Delete implements sql.RowDeleter.
func (e *editor) Delete(ctx *sql.Context, r sql.Row) error {
	if err := e.may(ctx); err != nil {
		return err
	}
	key := e.key(r)
	row, err := e.t.row(ctx, r)
	if err != nil {
		return err
	}
	if _, ok := e.come[key]; !ok {
		e.gone[key] = row
	}
	delete(e.come, key)
	delete(e.have, key)
	return nil
}

// Update implements sql.RowUpdater.
func (e *editor) Update(ctx *sql.Context, old, r sql.Row) error {
	if err := e.Delete(ctx, old); err != nil {
		return err
	}
	return e.Insert(ctx, r)
}

// StatementBegin implements sql.EditOpenerCloser.
func (e *editor) StatementBegin(*sql.Context) {}

// DiscardChanges implements sql.EditOpenerCloser.
func (e *editor) DiscardChanges(*sql.Context, error) error {
	e.gone, e.come, e.have = nil, nil, nil
	return nil
}

// StatementComplete implements sql.EditOpenerCloser.
func (e *editor) StatementComplete(ctx *sql.Context) error {
	if e.done || len(e.gone)+len(e.come) == 0 {
		return nil
	}
	e.done = true
	list := func(m map[string]tables.Row) (out []tables.Row) {
		keys := make([]string, 0, len(m))
		for k := range m {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		for _, k := range keys {
			out = append(out, m[k])
		}
		return out
	}
	if err := e.t.edit(ctx, statementOf(ctx).who.String(), list(e.gone), list(e.come)); err != nil {
		return sqlError(ctx, err)
	}
	if on, err := plan.IsSessionAutocommit(ctx); err == nil && (!on || ctx.GetIgnoreAutoCommit()) {
		ctx.Session.Warn(&sql.Warning{Level: "Warning", Code: 1196, Message: "The change was kept at once; ROLLBACK does not take it back"})
	}
	return nil
}

// Close implements sql.Closer.
func (e *editor) Close(ctx *sql.Context) error { return e.StatementComplete(ctx) }
