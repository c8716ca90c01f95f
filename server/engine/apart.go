package engine

import (
	"fmt"
	"slices"
	"strconv"

	ast "github.com/dolthub/vitess/go/vt/sqlparser"
)

// apart moves what a SELECT aggregates into a derived table that has these
// values as columns, where GMS cannot do with less: HAVING over several tables,
// since it looks a column of an aggregate there up by its name alone, in the
// first table that has one; and windows over aggregates, such as
// RANK() OVER (ORDER BY SUM(cost) DESC), which it does not know.
func apart(s *ast.Select) {
	windows := windowed(s.SelectExprs) || windowed(s.OrderBy)
	having := s.Having != nil && len(aggregates(s.Having.Expr)) > 0
	grouped := len(s.GroupBy) > 0 || having || len(aggregates(s.SelectExprs)) > 0 || len(aggregates(s.OrderBy)) > 0
	if windows && !grouped || !windows && !(having && joins(s.From)) || len(s.Window) > 0 ||
		nested(s.SelectExprs) || nested(s.OrderBy) || s.Having != nil && nested(s.Having.Expr) {
		return
	}
	inner := &ast.Select{From: s.From, Where: s.Where, GroupBy: s.GroupBy, Comments: s.Comments}
	m := &moved{inner: inner, byText: map[string]string{}, byAlias: map[string]string{}}
	outer := make(ast.SelectExprs, len(s.SelectExprs))
	positions := make([]int, len(s.SelectExprs)) // in the derived table, from 1
	for i, item := range s.SelectExprs {
		e, ok := item.(*ast.AliasedExpr)
		if !ok {
			return
		}
		name, header := fmt.Sprintf("argo_%d", i), rewritten.ReplaceAllString(e.InputExpression, "$1")
		col, isCol := e.Expr.(*ast.ColName)
		if isCol {
			header = col.Name.String()
		}
		if !e.As.IsEmpty() {
			header, name = e.As.String(), e.As.String()
		}
		if header == "" {
			return
		}
		outer[i] = &ast.AliasedExpr{Expr: e.Expr, As: ast.NewColIdent(header)}
		if windowed(e.Expr) {
			continue // what it needs is added below
		}
		m.byText[ast.String(e.Expr)] = name
		if isCol {
			m.byAlias[col.Name.Lowered()] = name
		}
		if !e.As.IsEmpty() {
			m.byAlias[e.As.Lowered()] = name
		}
		inner.SelectExprs = append(inner.SelectExprs, &ast.AliasedExpr{Expr: e.Expr, As: ast.NewColIdent(name)})
		positions[i] = len(inner.SelectExprs)
		outer[i] = &ast.AliasedExpr{Expr: column(name), As: ast.NewColIdent(header)}
	}
	for i, g := range inner.GroupBy {
		if p, ok := position(g, len(positions)); ok {
			if positions[p] == 0 {
				return // by a window: MySQL refuses it
			}
			inner.GroupBy[i] = ast.NewIntVal([]byte(strconv.Itoa(positions[p])))
		}
	}
	for i, item := range outer {
		if positions[i] == 0 {
			item.(*ast.AliasedExpr).Expr = m.over(item.(*ast.AliasedExpr).Expr)
		}
	}
	var where *ast.Where
	if windows {
		inner.Having = s.Having // before the windows look
	} else {
		where = ast.NewWhere(ast.WhereStr, m.over(s.Having.Expr))
	}
	order := make(ast.OrderBy, len(s.OrderBy))
	for i, o := range s.OrderBy {
		order[i] = &ast.Order{Expr: o.Expr, Direction: o.Direction}
		if c, ok := o.Expr.(*ast.ColName); ok && c.Qualifier.IsEmpty() {
			if at := slices.IndexFunc(outer, func(e ast.SelectExpr) bool { return e.(*ast.AliasedExpr).As.Equal(c.Name) }); at >= 0 {
				order[i].Expr = ast.NewIntVal([]byte(strconv.Itoa(at + 1)))
				continue
			}
		}
		if _, ok := position(o.Expr, len(outer)); !ok {
			order[i].Expr = m.over(o.Expr)
		}
	}
	*s = ast.Select{
		Into: s.Into, With: s.With, Limit: s.Limit, Lock: s.Lock, QueryOpts: s.QueryOpts, OrderBy: order, SelectExprs: outer, Where: where,
		From: ast.TableExprs{&ast.AliasedTableExpr{Expr: &ast.Subquery{Select: inner}, As: ast.NewTableIdent(movedName), Auth: ast.AuthInformation{AuthType: ast.AuthType_IGNORE}}},
	}
}

// position in a list of n that a key stands for, from 0.
func position(e ast.Expr, n int) (int, bool) {
	v, ok := e.(*ast.SQLVal)
	if !ok || v.Type != ast.IntVal {
		return 0, false
	}
	p, err := strconv.Atoi(string(v.Val))
	return p - 1, err == nil && p > 0 && p <= n
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

// windowed says that there is a window in it, nested that there is a subquery.
func windowed(n ast.SQLNode) bool {
	found := false
	_ = ast.Walk(func(node ast.SQLNode) (bool, error) { // the visitor never fails
		f, ok := node.(*ast.FuncExpr)
		found = found || ok && f.Over != nil
		_, query := node.(*ast.Subquery)
		return !found && !query, nil
	}, n)
	return found
}

func nested(n ast.SQLNode) bool {
	found := false
	_ = ast.Walk(func(node ast.SQLNode) (bool, error) { // the visitor never fails
		_, query := node.(*ast.Subquery)
		found = found || query
		return !found, nil
	}, n)
	return found
}

// aggregates in an expression, outermost ones.
func aggregates(n ast.SQLNode) (out []ast.Expr) {
	_ = ast.Walk(func(node ast.SQLNode) (bool, error) { // the visitor never fails
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
	}, n)
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
	if name, ok := m.byText[ast.String(e)]; ok {
		return column(name)
	}
	_ = ast.Walk(func(node ast.SQLNode) (bool, error) { // the visitor never fails
		if f, ok := node.(*ast.FuncExpr); ok && f.Over != nil { // which ReplaceExpr leaves out
			for i, x := range f.Over.PartitionBy {
				f.Over.PartitionBy[i] = m.over(x)
			}
			for _, o := range f.Over.OrderBy {
				o.Expr = m.over(o.Expr)
			}
		}
		return true, nil
	}, e)
	found := aggregates(e)
	for _, c := range freeColumns(e) {
		if c.Qualifier.Name.String() != movedName {
			found = append(found, c)
		}
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
