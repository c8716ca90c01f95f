package engine

import (
	"slices"

	"github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/plan"
	"github.com/dolthub/go-mysql-server/sql/types"
)

// executor gives the rows of what GMS's executor shows otherwise than MySQL.
type executor struct{}

// Build implements sql.NodeExecBuilder; nil leaves the node to GMS.
func (executor) Build(ctx *sql.Context, n sql.Node, row sql.Row) (sql.RowIter, error) {
	switch n := n.(type) {
	case *plan.ShowDatabases:
		return showDatabases(ctx, n), nil
	case plan.ShowWarnings:
		return showWarnings(n), nil
	case *plan.ShowStatus:
		return showStatus(ctx, n, row)
	case *plan.ShowColumns:
		if t, ok := n.Child.(*plan.ResolvedTable); ok {
			if own := underlying(sql.GetUnderlyingTable(t.Table)); own != nil {
				return showColumns(n, own), nil
			}
		}
	}
	return nil, nil
}

// showDatabases leaves out mysql, which GMS adds for everybody and nobody may
// read.
func showDatabases(ctx *sql.Context, n *plan.ShowDatabases) sql.RowIter {
	var names []string
	for _, db := range n.Catalog.AllDatabases(ctx) {
		names = append(names, db.Name())
	}
	slices.Sort(names)
	rows := make([]sql.Row, len(names))
	for i, name := range names {
		rows[i] = sql.Row{name}
	}
	return sql.RowsToRowIter(rows...)
}

// showWarnings lists them in the order in which they came; GMS begins with the
// last.
func showWarnings(n plan.ShowWarnings) sql.RowIter {
	rows := make([]sql.Row, 0, len(n))
	for _, w := range slices.Backward(n) {
		rows = append(rows, sql.NewRow(w.Level, w.Code, w.Message))
	}
	return sql.RowsToRowIter(rows...)
}

// showColumns tells types without, and collations with, the column's own
// collation; GMS tells every column its own default.
func showColumns(n *plan.ShowColumns, t *table) sql.RowIter {
	rows := make([]sql.Row, 0, len(t.schema.Schema))
	for _, c := range t.schema.Schema {
		kind, null, key := c.Type.String(), "NO", ""
		var collation any
		if k, ok := c.Type.(sql.TypeWithCollation); ok && types.IsTextOnly(c.Type) {
			kind, collation = k.StringWithTableCollation(k.Collation()), k.Collation().Name()
		}
		if c.Nullable {
			null = "YES"
		}
		if c.PrimaryKey {
			key = "PRI"
		}
		if n.Full {
			rows = append(rows, sql.Row{c.Name, kind, collation, null, key, nil, c.Extra, "select", c.Comment})
		} else {
			rows = append(rows, sql.Row{c.Name, kind, null, key, nil, c.Extra})
		}
	}
	return sql.RowsToRowIter(rows...)
}

// showStatus tells the session's encryption, of which GMS knows nothing.
func showStatus(ctx *sql.Context, n *plan.ShowStatus, row sql.Row) (sql.RowIter, error) {
	s, ok := ctx.Session.(*session)
	if !ok {
		return nil, nil
	}
	iter, err := n.RowIter(ctx, row)
	if err != nil {
		return nil, err
	}
	rows, err := sql.RowIterToRows(ctx, iter)
	if err != nil {
		return nil, err
	}
	for i, r := range rows {
		switch r[0] {
		case "Ssl_cipher":
			rows[i] = sql.Row{r[0], s.cipher}
		case "Ssl_version":
			rows[i] = sql.Row{r[0], s.tls}
		}
	}
	return sql.RowsToRowIter(rows...), nil
}
