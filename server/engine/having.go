package engine

import (
	"fmt"

	ast "github.com/dolthub/vitess/go/vt/sqlparser"
)

// havingApart moves a SELECT over several tables, whose HAVING aggregates, into a
// derived table that has these values as columns; the condition and the order
// are then of plain columns. GMS looks a column of such
// an aggregate up by its name alone, in the first table that has one.
func havingApart(s *ast.Select) {
	if s.Having == nil || !joins(s.From) {
		return
	}
	inner := &ast.Select{From: s.From, Where: s.Where, GroupBy: s.GroupBy, Comments: s.Comments}
	m := &moved{inner: inner, byText: map[string]string{}, byAlias: map[string]string{}}
	outer := make(ast.SelectExprs, len(s.SelectExprs))
	for i, item := range s.SelectExprs {
		e, ok := item.(*ast.AliasedExpr)
		if !ok {
			return
		}
		name, header := fmt.Sprintf("argo_%d", i), rewritten.ReplaceAllString(e.InputExpression, "$1")
		col, isCol := e.Expr.(*ast.ColName)
		if isCol {
			header = col.Name.String()
			m.byAlias[col.Name.Lowered()] = name
		}
		if !e.As.IsEmpty() {
			header, name = e.As.String(), e.As.String()
			m.byAlias[e.As.Lowered()] = name
		}
		if header == "" {
			return
		}
		m.byText[ast.String(e.Expr)] = name
		inner.SelectExprs = append(inner.SelectExprs, &ast.AliasedExpr{Expr: e.Expr, As: ast.NewColIdent(name)})
		outer[i] = &ast.AliasedExpr{Expr: column(name), As: ast.NewColIdent(header)}
	}
	if len(aggregates(s.Having.Expr)) == 0 || len(s.Window) > 0 || !movable(s.Having) || !movable(s.OrderBy) || !movable(s.SelectExprs) {
		return
	}
	having := m.over(s.Having.Expr)
	order := make(ast.OrderBy, len(s.OrderBy))
	for i, o := range s.OrderBy {
		order[i] = &ast.Order{Expr: o.Expr, Direction: o.Direction}
		if _, position := o.Expr.(*ast.SQLVal); !position {
			order[i].Expr = m.over(o.Expr)
		}
	}
	*s = ast.Select{
		Into: s.Into, With: s.With, Limit: s.Limit, Lock: s.Lock, QueryOpts: s.QueryOpts, OrderBy: order, SelectExprs: outer,
		From:  ast.TableExprs{&ast.AliasedTableExpr{Expr: &ast.Subquery{Select: inner}, As: ast.NewTableIdent(movedName), Auth: ast.AuthInformation{AuthType: ast.AuthType_IGNORE}}},
		Where: ast.NewWhere(ast.WhereStr, having),
	}
}

const movedName = "argo_having"

func column(name string) *ast.ColName {
	return &ast.ColName{Name: ast.NewColIdent(name), Qualifier: ast.TableName{Name: ast.NewTableIdent(movedName)}}
}

func joins(from ast.TableExprs) bool {
	if len(from) != 1 {
		return len(from) > 1
	}
	_, ok := from[0].(*ast.JoinTableExpr)
	return ok
}

// aggregates in an expression, outermost ones.
func aggregates(e ast.Expr) (out []ast.Expr) {
	_ = ast.Walk(func(node ast.SQLNode) (bool, error) {
		switch n := node.(type) {
		case *ast.Subquery:
			return false, nil
		case *ast.GroupConcatExpr:
			out = append(out, n)
			return false, nil
		case *ast.FuncExpr:
			if n.Over == nil && n.IsAggregate() {
				out = append(out, n)
				return false, nil
			}
		}
		return true, nil
	}, e)
	return out
}

// moved is what a derived table has for the expressions above it.
type moved struct {
	inner   *ast.Select
	byText  map[string]string // expression → column
	byAlias map[string]string // alias, or name of a listed column → column
}

// over rewrites an expression into one of the derived table's columns.
func (m *moved) over(e ast.Expr) ast.Expr {
	found := aggregates(e)
	for _, c := range freeColumns(e) {
		found = append(found, c)
	}
	for _, f := range found {
		e = ast.ReplaceExpr(e, f, column(m.name(f)))
	}
	return e
}

// name of the derived table's column for an expression, which is added where
// there is none.
func (m *moved) name(e ast.Expr) string {
	if c, ok := e.(*ast.ColName); ok && c.Qualifier.IsEmpty() {
		if name, ok := m.byAlias[c.Name.Lowered()]; ok {
			return name
		}
	}
	text := ast.String(e)
	name, ok := m.byText[text]
	if !ok {
		name = fmt.Sprintf("argo_%d", len(m.inner.SelectExprs))
		m.byText[text] = name
		m.inner.SelectExprs = append(m.inner.SelectExprs, &ast.AliasedExpr{Expr: e, As: ast.NewColIdent(name)})
	}
	return name
}
