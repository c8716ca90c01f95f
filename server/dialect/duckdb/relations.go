package duckdb

import (
	"fmt"
	"slices"
	"strings"

	"argo/server/algebra"
)

// query is a relation in the making: one SELECT.
type query struct {
	cols  string   // select list; "" is *
	from  string   // FROM item
	join  bool     // from is a join without parentheses
	where []string // conjunction
	tail  string   // what follows WHERE
	// order is how the rows are meant to be sorted by columns that the query
	// has. It is said by whoever cares: a limit, and the end of the statement.
	order []orderItem
}

type orderItem struct {
	column string
	desc   bool
}

func (q query) sql() string {
	var out strings.Builder
	out.WriteString("SELECT ")
	if q.cols == "" {
		out.WriteByte('*')
	} else {
		out.WriteString(q.cols)
	}
	out.WriteString(" FROM " + q.from)
	if len(q.where) > 0 {
		out.WriteString(" WHERE " + strings.Join(q.where, " AND "))
	}
	out.WriteString(q.tail)
	return out.String()
}

// item is the query as a FROM item.
func (q query) item() string {
	if q.cols == "" && len(q.where) == 0 && q.tail == "" {
		if q.join {
			return "(" + q.from + ")"
		}
		return q.from
	}
	return "(" + q.sql() + ")"
}

// open is the query as one whose WHERE and select list may still be said.
func (q query) open() query {
	if q.cols == "" && q.tail == "" {
		return q
	}
	return query{from: q.item(), order: q.order}
}

func orderBy(items []orderItem) string {
	if len(items) == 0 {
		return ""
	}
	keys := make([]string, len(items))
	for i, o := range items {
		keys[i] = o.column + direction(o.desc)
	}
	return " ORDER BY " + strings.Join(keys, ", ")
}

func direction(desc bool) string {
	if desc {
		return " DESC NULLS LAST"
	}
	return " ASC NULLS FIRST"
}

func as(sql string, id algebra.ColID) string { return fmt.Sprintf("%s AS x%d", sql, id) }

func list(items []string) string {
	if len(items) == 0 {
		return "1 AS one" // a relation without columns has rows
	}
	return strings.Join(items, ", ")
}

func (r *renderer) rel(n algebra.Rel) query {
	if r.err != nil {
		return query{from: "nothing"}
	}
	switch n := n.(type) {
	case *algebra.Scan:
		return r.leafQuery(n, n.Cols)
	case *algebra.Foreign:
		return r.leafQuery(n, n.Cols)
	case *algebra.Values:
		return r.values(n)
	case *algebra.Filter:
		q := r.rel(n.In).open()
		q.where = append(slices.Clip(q.where), r.truth(r.expr(n.Cond)))
		return q
	case *algebra.Project:
		return r.project(n)
	case *algebra.Aggregate:
		return r.aggregate(n)
	case *algebra.Window:
		return r.window(n)
	case *algebra.Sort:
		return r.sort(n)
	case *algebra.Limit:
		limit := r.limit(n)
		q := r.rel(n.In)
		return query{from: q.item(), tail: orderBy(q.order) + limit, order: q.order}
	case *algebra.Distinct:
		return r.distinct(n)
	case *algebra.Join:
		return r.join(n)
	case *algebra.SetOp:
		return r.setOp(n)
	case *algebra.Recursive:
		return r.recursion(n)
	case *algebra.Self:
		outer := r.recursive[n.Name]
		if len(outer) != len(n.Cols) {
			r.unsupported("the recursive table %s is read outside of its definition", n.Name)
			return query{from: "nothing"}
		}
		cols := make([]string, len(n.Cols))
		for i, c := range n.Cols {
			cols[i] = as(fmt.Sprintf("x%d", outer[i].ID), c.ID)
		}
		return query{cols: list(cols), from: quoted(n.Name)}
	}
	r.unsupported("the relation %T cannot be rendered", n)
	return query{from: "nothing"}
}

func (r *renderer) leafQuery(n algebra.Rel, columns []algebra.Column) query {
	item, err := r.leaf(n)
	if err != nil {
		r.fail(err)
	}
	cols := make([]string, len(columns))
	for i, c := range columns {
		cols[i] = as(quoted(c.Name), c.ID)
	}
	return query{from: "(SELECT " + list(cols) + " FROM " + item + ")"}
}

func (r *renderer) values(n *algebra.Values) query {
	if len(n.Rows) == 0 {
		cols := make([]string, len(n.Cols))
		for i, c := range n.Cols {
			cols[i] = as("CAST(NULL AS "+TypeName(c.Type)+")", c.ID)
		}
		return query{from: "(SELECT " + list(cols) + " WHERE false)"}
	}
	rows := make([]string, len(n.Rows))
	for i, row := range n.Rows {
		cells := make([]string, len(row))
		for j, e := range row {
			cells[j] = r.cast(r.expr(e), n.Cols[j].Type, true).settled().sql
			if i == 0 {
				cells[j] = as(cells[j], n.Cols[j].ID)
			}
		}
		rows[i] = "SELECT " + list(cells)
	}
	return query{from: "(" + strings.Join(rows, " UNION ALL ") + ")"}
}

// fresh says that n is read within the query block that aggregated: between
// them are only sorts, filters (HAVING) and windows.
func fresh(n algebra.Rel) bool {
	switch n := n.(type) {
	case *algebra.Aggregate:
		return true
	case *algebra.Sort:
		return fresh(n.In)
	case *algebra.Filter:
		return fresh(n.In)
	case *algebra.Window:
		return fresh(n.In)
	}
	return false
}

func (r *renderer) project(n *algebra.Project) query {
	q := r.rel(n.In).open()
	within := fresh(n.In)
	have := map[string]bool{}
	cols := make([]string, 0, len(n.Exprs))
	for i, e := range n.Exprs {
		_, bare := e.(*algebra.Col)
		was := r.outside
		r.outside = !within && !bare
		f := r.expr(e).plain()
		r.outside = was
		if bare && f.t.Scale > f.declared && f.t.Kind == algebra.Decimal {
			r.loose[n.Cols[i].ID] = f
		} else {
			f = f.settled()
		}
		name := fmt.Sprintf("x%d", n.Cols[i].ID)
		have[name] = true
		if f.sql == name {
			cols = append(cols, name)
		} else {
			cols = append(cols, f.sql+" AS "+name)
		}
	}
	for _, o := range q.order {
		if !have[o.column] {
			have[o.column] = true
			cols = append(cols, o.column)
		}
	}
	q.cols = list(cols)
	return q
}

func (r *renderer) sort(n *algebra.Sort) query {
	q := r.rel(n.In).open()
	q.order = nil
	var extra []string
	for _, k := range n.Keys {
		f := r.expr(k.Expr).plain()
		if f.lit != nil { // a constant sorts nothing
			continue
		}
		column := r.key(f)
		if _, ok := k.Expr.(*algebra.Col); !ok || column != f.sql {
			column = r.helper()
			extra = append(extra, r.key(f)+" AS "+column)
		}
		q.order = append(q.order, orderItem{column, k.Desc})
	}
	if len(extra) > 0 {
		q.cols = "*, " + strings.Join(extra, ", ")
	}
	return q
}

func (r *renderer) limit(n *algebra.Limit) string {
	count := func(e algebra.Expr) string {
		if l, ok := e.(*algebra.Lit); ok {
			switch v := l.Value.(type) {
			case int64:
				return fmt.Sprint(v)
			case uint64:
				return fmt.Sprint(min(v, 1<<62))
			}
		}
		if _, ok := e.(*algebra.Param); ok {
			return "0"
		}
		return r.signed(r.expr(e))
	}
	out := ""
	if n.Count != nil {
		out = " LIMIT " + count(n.Count)
	}
	if n.Offset != nil {
		out += " OFFSET " + count(n.Offset)
	}
	return out
}

// keys of columns, for whatever compares rows.
func (r *renderer) keys(columns []algebra.Column) []string {
	keys := make([]string, len(columns))
	for i, c := range columns {
		keys[i] = r.key(r.column(c.ID, c.Type))
	}
	return keys
}

func anyCI(columns []algebra.Column) bool {
	return slices.ContainsFunc(columns, func(c algebra.Column) bool { return ciText(c.Type) })
}

func (r *renderer) distinct(n *algebra.Distinct) query {
	q := r.rel(n.In).open()
	columns := n.In.Columns()
	if len(columns) == 0 {
		return query{from: q.item(), tail: " LIMIT 1"}
	}
	if anyCI(columns) || len(q.order) > 0 {
		q.cols = "DISTINCT ON (" + strings.Join(r.keys(columns), ", ") + ") *"
		return q
	}
	q.cols = "DISTINCT " + r.columnNames(columns)
	return q
}

// columnNames lists the columns by name.
func (r *renderer) columnNames(columns []algebra.Column) string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = fmt.Sprintf("x%d", c.ID)
	}
	return list(names)
}

var joinWords = map[algebra.JoinKind]string{
	algebra.InnerJoin: "JOIN", algebra.LeftJoin: "LEFT JOIN", algebra.RightJoin: "RIGHT JOIN",
	algebra.FullJoin: "FULL JOIN", algebra.SemiJoin: "SEMI JOIN", algebra.AntiJoin: "ANTI JOIN",
}

func (r *renderer) join(n *algebra.Join) query {
	left, right := r.rel(n.L), r.rel(n.R)
	word := joinWords[n.Kind]
	on := " ON true"
	if n.Cond != nil {
		was := r.outside
		r.outside = true
		on = " ON " + r.truth(r.expr(n.Cond))
		r.outside = was
	} else if n.Kind == algebra.InnerJoin && !n.Lateral {
		word, on = "CROSS JOIN", ""
	}
	from := left.item()
	if left.join && len(left.where) == 0 && left.cols == "" && left.tail == "" {
		from = left.from
	}
	item := right.item()
	if n.Lateral {
		item = "LATERAL (" + right.sql() + ")"
	}
	return query{from: from + " " + word + " " + item + on, join: true}
}

// aligned gives the query with exactly these columns by position, converted to
// the types of to.
func (r *renderer) aligned(n algebra.Rel, to []algebra.Column) string {
	q := r.rel(n).open()
	from := n.Columns()
	cols := make([]string, len(to))
	for i, c := range to {
		f := r.column(from[i].ID, from[i].Type).settled()
		cols[i] = as(r.cast(f, c.Type, true).sql, c.ID)
	}
	q.cols = list(cols)
	return q.sql()
}

func (r *renderer) setOp(n *algebra.SetOp) query {
	left, right := r.aligned(n.L, n.Cols), r.aligned(n.R, n.Cols)
	word := strings.ToUpper(n.Op)
	if !anyCI(n.Cols) || n.All && n.Op == "union" {
		if n.All {
			word += " ALL"
		}
		return query{from: "((" + left + ") " + word + " (" + right + "))"}
	}
	// Rows are equal by their keys, which DuckDB's operators cannot be told.
	keys := strings.Join(r.keys(n.Cols), ", ")
	if n.Op == "union" {
		// Of equal texts the left side's is shown, as MySQL does; without an order
		// it would be whichever thread came first.
		both := "((SELECT *, 0 AS side FROM (" + left + ")) UNION ALL (SELECT *, 1 AS side FROM (" + right + ")))"
		return query{from: "(SELECT DISTINCT ON (" + keys + ") " + r.columnNames(n.Cols) + " FROM " + both + " ORDER BY side)"}
	}
	names := make([]string, 0, len(n.Cols)+1)
	var same []string
	for i, k := range r.keys(n.Cols) {
		names = append(names, fmt.Sprintf("%s AS k%d", k, i))
		same = append(same, fmt.Sprintf("l.k%d IS NOT DISTINCT FROM r.k%d", i, i))
	}
	l := "SELECT *, " + strings.Join(names, ", ") + " FROM (" + left + ")"
	rr := "SELECT " + strings.Join(names, ", ") + " FROM (" + right + ")"
	if n.All { // the i-th copy on one side is matched by the i-th on the other
		number := "row_number() OVER (PARTITION BY " + keys + ") AS kn"
		l = "SELECT *, " + strings.Join(names, ", ") + ", " + number + " FROM (" + left + ")"
		rr = "SELECT " + strings.Join(names, ", ") + ", " + number + " FROM (" + right + ")"
		same = append(same, "l.kn = r.kn")
	}
	kind := " SEMI JOIN "
	if n.Op == "except" {
		kind = " ANTI JOIN "
	}
	from := "(SELECT " + r.columnNames(n.Cols) + " FROM (" + l + ") l" + kind + "(" + rr + ") r ON " + strings.Join(same, " AND ") + ")"
	if n.All {
		return query{from: from}
	}
	return query{cols: "DISTINCT ON (" + keys + ") *", from: from}
}

func (r *renderer) recursion(n *algebra.Recursive) query {
	if !n.All && anyCI(n.Cols) {
		r.unsupported("WITH RECURSIVE … UNION DISTINCT over case-insensitive text is not supported; use UNION ALL")
	}
	if r.recursive == nil {
		r.recursive = map[string][]algebra.Column{}
	}
	init := r.aligned(n.Init, n.Cols)
	outer, nested := r.recursive[n.Name]
	r.recursive[n.Name] = n.Cols
	step := r.aligned(n.Step, n.Cols)
	if nested {
		r.recursive[n.Name] = outer
	} else {
		delete(r.recursive, n.Name)
	}
	word := " UNION "
	if n.All {
		word = " UNION ALL "
	}
	name := quoted(n.Name)
	return query{from: "(WITH RECURSIVE " + name + "(" + r.columnNames(n.Cols) + ") AS ((" + init + ")" + word + "(" + step + ")) SELECT * FROM " + name + ")"}
}
