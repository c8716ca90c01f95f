package engine

import (
	"slices"
	"sync"

	"github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/analyzer"
	"github.com/dolthub/go-mysql-server/sql/information_schema"
)

// describeViews has information_schema show views: their columns with types and
// comments as those of tables, and their SELECT as the user sees it. GMS would
// bind the text of a view, without the user's rights, and has no comments. The
// tables are made by package variables, so this holds for every engine of the
// process, which is found through the catalog.
var describeViews = sync.OnceFunc(func() {
	columns := information_schema.NewColumnsTable
	information_schema.NewColumnsTable = func() *information_schema.ColumnsTable {
		t := columns()
		list := t.RowIter
		t.RowIter = func(ctx *sql.Context, c sql.Catalog, s sql.Schema) (sql.RowIter, error) {
			own, err := ownViews(ctx, c)
			if err != nil {
				return nil, err
			}
			s = slices.Clone(s)
			for _, v := range own {
				for _, col := range v.schema.Schema {
					s = append(s, col.Copy())
				}
			}
			st := statementOf(ctx)
			st.do(func() { st.viewsToo = true })
			defer st.do(func() { st.viewsToo = false })
			rows, err := list(ctx, c, s)
			if err != nil {
				return nil, err
			}
			all, err := sql.RowIterToRows(ctx, rows)
			return sql.RowsToRowIter(all...), err
		}
		return t
	}
	views := information_schema.NewViewsTable
	information_schema.NewViewsTable = func() *information_schema.InformationSchemaTable {
		t := views()
		t.Reader = func(ctx *sql.Context, c sql.Catalog) (sql.RowIter, error) {
			own, err := ownViews(ctx, c)
			if err != nil {
				return nil, err
			}
			var rows []sql.Row
			for _, v := range own {
				text, err := v.shown(ctx)
				if err != nil {
					return nil, sqlError(ctx, err)
				}
				rows = append(rows, sql.Row{"def", v.database, v.v.Name, text, "NONE", "NO", "argo@%", "INVOKER",
					textCollation.CharacterSet().String(), textCollation.String()})
			}
			return sql.RowsToRowIter(rows...), nil
		}
		return t
	}
})

// ownViews are the views of the databases that the user behind ctx may read.
func ownViews(ctx *sql.Context, c sql.Catalog) (out []*viewTable, err error) {
	catalog, ok := c.(*analyzer.Catalog)
	if !ok {
		return nil, nil
	}
	p, ok := catalog.DbProvider.(*provider)
	if !ok {
		return nil, nil
	}
	for _, d := range p.e.databases {
		if !p.e.mayRead(ctx, d.name) {
			continue
		}
		for i := range d.views {
			v, err := d.viewTable(ctx, d.views[i].Name)
			if err != nil {
				return nil, err
			}
			out = append(out, v)
		}
	}
	return out, nil
}
