package engine

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/vitess/go/mysql"
	ast "github.com/dolthub/vitess/go/vt/sqlparser"
)

// errNotGrouped is MySQL's 1055.
func errNotGrouped(position int, column string) error {
	return mysql.NewSQLError(1055, "42000", "Expression #%d of SELECT list is not in GROUP BY clause and contains nonaggregated column '%s' which is not functionally dependent on columns in GROUP BY clause; this is incompatible with sql_mode=only_full_group_by", position, column)
}

// meant puts the expression of a select list's alias where MySQL takes a name
// for the alias and GMS for a column of that name: in HAVING (SUM(cost) AS cost …
// HAVING cost > 100), and in GROUP BY where the name alone does not say which
// table's column it is. Where it is one column's name, the alias's expression
// has to follow from what is grouped by: GMS would take any of its values.
func (e *Engine) meant(ctx context.Context, s *ast.Select) error {
	if s.Having == nil && len(s.GroupBy) == 0 {
		return nil
	}
	aliases, position := map[string]ast.Expr{}, map[string]int{}
	for i, item := range s.SelectExprs {
		if a, ok := item.(*ast.AliasedExpr); ok && !a.As.IsEmpty() {
			if _, twice := aliases[a.As.Lowered()]; !twice {
				aliases[a.As.Lowered()], position[a.As.Lowered()] = a.Expr, i+1
			}
		}
	}
	if len(aliases) == 0 {
		return nil
	}
	tables, known := e.tablesWith(ctx, s.From)
	grouped, texts := map[string]bool{}, map[string]bool{}
	for _, g := range s.GroupBy {
		texts[ast.String(g)] = true
		if c, ok := g.(*ast.ColName); ok {
			grouped[c.Name.Lowered()] = true
		}
	}
	for i, g := range s.GroupBy {
		c, ok := g.(*ast.ColName)
		if !ok || !c.Qualifier.IsEmpty() || !known {
			continue
		}
		name := c.Name.Lowered()
		x := aliases[name]
		if x == nil || len(aggregates(x)) > 0 || !movable(x) {
			continue
		}
		switch {
		case tables[name] > 1:
			if x = clone(x); x != nil {
				s.GroupBy[i] = x
			}
		case tables[name] == 1 && fullGroupBy(ctx) && !texts[ast.String(x)]:
			for _, used := range freeColumns(x) {
				if !grouped[used.Name.Lowered()] {
					return errNotGrouped(position[name], used.Name.String())
				}
			}
		}
	}
	if s.Having == nil {
		return nil
	}
	for _, c := range freeColumns(s.Having.Expr) {
		name := c.Name.Lowered()
		x := aliases[name]
		if x == nil || !c.Qualifier.IsEmpty() || grouped[name] || known && tables[name] == 0 || len(aggregates(x)) == 0 || !movable(x) || !movable(s.Having.Expr) {
			continue
		}
		if !slices.ContainsFunc(freeColumns(x), func(c *ast.ColName) bool { return aliases[c.Name.Lowered()] != nil }) {
			if x = clone(x); x != nil {
				s.Having.Expr = ast.ReplaceExpr(s.Having.Expr, c, x)
			}
		}
	}
	for _, o := range s.OrderBy { // beside HAVING, GMS takes the column again
		if c, ok := o.Expr.(*ast.ColName); ok && c.Qualifier.IsEmpty() && position[c.Name.Lowered()] > 0 {
			o.Expr = ast.NewIntVal([]byte(strconv.Itoa(position[c.Name.Lowered()])))
		}
	}
	return nil
}

// clone is a copy, which may be changed without the original; nil where the
// expression's text is not one.
func clone(e ast.Expr) ast.Expr {
	parsed, err := ast.Parse("SELECT " + ast.String(e))
	s, ok := parsed.(*ast.Select)
	if err != nil || !ok || len(s.SelectExprs) != 1 {
		return nil
	}
	if a, ok := s.SelectExprs[0].(*ast.AliasedExpr); ok {
		return a.Expr
	}
	return nil
}

func fullGroupBy(ctx context.Context) bool {
	gms, ok := ctx.(*sql.Context)
	return ok && sql.LoadSqlMode(gms).ModeEnabled("ONLY_FULL_GROUP_BY")
}

// freeColumns are the columns of an expression outside aggregates.
func freeColumns(e ast.Expr) (names []*ast.ColName) {
	_ = ast.Walk(func(node ast.SQLNode) (bool, error) { // the visitor never fails
		switch n := node.(type) {
		case *ast.Subquery, *ast.GroupConcatExpr:
			return false, nil
		case *ast.FuncExpr:
			return n.Over != nil || !n.IsAggregate(), nil
		case *ast.ColName:
			names = append(names, n)
		}
		return true, nil
	}, e)
	return names
}

// movable says that an expression has no subquery and no window, whose names
// mean something else in another place.
func movable(e ast.SQLNode) bool { return !windowed(e) && !nested(e) }

// tablesWith counts the tables of a FROM that have a column, by its name in
// lower case; known is false where the columns of one cannot be told.
func (e *Engine) tablesWith(ctx context.Context, from ast.TableExprs) (count map[string]int, known bool) {
	count, known = map[string]int{}, true
	var add func(t ast.TableExpr)
	add = func(t ast.TableExpr) {
		switch t := t.(type) {
		case *ast.JoinTableExpr:
			add(t.LeftExpr)
			add(t.RightExpr)
			known = known && len(t.Condition.Using) == 0
		case *ast.ParenTableExpr:
			for _, x := range t.Exprs {
				add(x)
			}
		case *ast.AliasedTableExpr:
			names, ok := e.columnsOf(ctx, t.Expr)
			known = known && ok
			for _, n := range names {
				count[strings.ToLower(n)]++
			}
		default:
			known = false
		}
	}
	for _, t := range from {
		add(t)
	}
	return count, known
}

// columnsOf a table or of a derived one whose list says it; false for others.
func (e *Engine) columnsOf(ctx context.Context, t ast.SimpleTableExpr) (names []string, ok bool) {
	switch t := t.(type) {
	case ast.TableName:
		db := t.DbQualifier.String()
		if gms, ok := ctx.(*sql.Context); ok && db == "" {
			db = gms.GetCurrentDatabase()
		}
		d := e.database(db)
		if d == nil {
			return nil, false
		}
		if v, _ := d.view(t.Name.String()); v != nil {
			columns, err := v.columnsNow(ctx)
			for _, c := range columns {
				names = append(names, c.Name)
			}
			return names, err == nil
		}
		for i := range d.tables {
			if strings.EqualFold(d.tables[i].Name, t.Name.String()) {
				columns := d.tables[i].Columns
				if describe := d.tables[i].Describe; describe != nil {
					var err error
					if columns, err = describe(ctx); err != nil {
						return nil, false
					}
				}
				for _, c := range columns {
					names = append(names, c.Name)
				}
				return names, true
			}
		}
	case *ast.Subquery:
		s, isSelect := t.Select.(*ast.Select)
		if !isSelect {
			return nil, false
		}
		for _, item := range s.SelectExprs {
			a, plain := item.(*ast.AliasedExpr)
			c, isCol := ast.SQLNode(nil), false
			if plain {
				c, isCol = a.Expr.(*ast.ColName)
			}
			switch {
			case !plain:
				return nil, false
			case !a.As.IsEmpty():
				names = append(names, a.As.String())
			case isCol:
				names = append(names, c.(*ast.ColName).Name.String())
			default:
				names = append(names, a.InputExpression)
			}
		}
		return names, true
	}
	return nil, false
}
