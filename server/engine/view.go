package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"argo/server/algebra"
	"argo/tables"
	"argo/tables/fault"

	"github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/planbuilder"
	ast "github.com/dolthub/vitess/go/vt/sqlparser"
)

// View is a table whose rows are those of queries over other tables. To GMS it
// is a table with the columns that it declares, so that they have types and
// comments; the compiler puts the queries in its place.
//
// A view has the rights of who asks: branches of databases that he may not read
// are left out, and whatever else its text reads has to be his to read.
type View struct {
	Name, Doc string
	Columns   []tables.Column
	// Describe, where non-nil, gives the columns as they are now. It makes no
	// call.
	Describe func(ctx context.Context) ([]tables.Column, error)
	// Text, where non-nil, gives the view's SELECT, in which the table branches
	// stands for the rows of all branches; columns of the view that its list does
	// not name are theirs. nil: the view is its branches.
	Text     func(ctx context.Context) (string, error)
	Branches []Branch
}

// Branch is a part of a view that one connection gives: a SELECT that gives
// columns of the view by name. Those that it leaves out are NULL, but for
// channel and connection, which are the names of the source and the connection.
// Tables without a database are the connection's.
type Branch struct {
	Database, Source string
	Select           string
}

const (
	// branchesTable is what a view's text calls the rows of its branches.
	branchesTable = "branches"
	// branchesOf begins the name of the table that stands for them, which is not
	// listed.
	branchesOf = "branches of "
)

func (d *database) view(name string) (v *View, part bool) {
	name, part = strings.CutPrefix(strings.ToLower(name), branchesOf)
	i, ok := slices.BinarySearchFunc(d.views, name, func(v View, n string) int { return strings.Compare(v.Name, n) })
	if !ok {
		return nil, false
	}
	return &d.views[i], part
}

// columnsNow are the view's columns for this statement.
func (v *View) columnsNow(ctx context.Context) ([]tables.Column, error) {
	if v.Describe == nil {
		return v.Columns, nil
	}
	return v.Describe(ctx)
}

// viewTable is a View in a plan, or with part set the rows of its branches.
type viewTable struct {
	*table
	e    *Engine
	v    *View
	part bool
	asOf any // as GMS gives it; nil: now
}

var _ algebra.ViewTable = (*viewTable)(nil)

// viewTable gives the view called name, nil where there is none.
func (d *database) viewTable(ctx *sql.Context, name string) (*viewTable, error) {
	v, part := d.view(name)
	if v == nil {
		return nil, nil
	}
	columns, err := v.columnsNow(ctx)
	if err != nil {
		return nil, sqlError(ctx, err)
	}
	t := tables.Table{Name: strings.ToLower(name), Doc: v.Doc, Columns: columns}
	return &viewTable{table: &table{database: d.name, t: t, schema: schemaOf(d.name, t.Name, columns, nil)}, e: d.e, v: v, part: part}, nil
}

// Queries implements algebra.ViewTable.
func (t *viewTable) Queries(ctx *sql.Context) ([]sql.Node, error) {
	if t.part || t.v.Text == nil {
		return t.branches(ctx)
	}
	s, err := t.body(ctx)
	if err != nil {
		return nil, err
	}
	n, err := t.e.bindView(ctx, s, t.database, nil)
	if err != nil {
		return nil, t.broken("", err)
	}
	return []sql.Node{n}, nil
}

// branches are the queries of the connections that the user may read. One that
// cannot be understood, since it names what its source has not, leaves the
// others to answer, as a connection does that cannot be asked.
func (t *viewTable) branches(ctx *sql.Context) (out []sql.Node, err error) {
	var wrong error
	for _, b := range t.v.Branches {
		if !t.e.mayRead(ctx, b.Database) {
			continue
		}
		var n sql.Node
		s, err := t.e.parseBranch(ctx, b)
		if err == nil {
			n, err = t.e.bindView(ctx, s, b.Database, t.asOf)
		}
		if err == nil {
			out = append(out, n)
			continue
		}
		wrong = t.broken(b.Database, err)
		if strict(ctx) {
			return nil, wrong
		}
		statementOf(ctx).trace.Warn(wrong)
	}
	if len(out) == 0 {
		return nil, wrong
	}
	return out, nil
}

// Branches implements algebra.ViewTable.
func (t *viewTable) Branches() bool { return t.part || t.v.Text == nil }

// broken says which view cannot be read.
func (t *viewTable) broken(branch string, err error) error {
	if fault.As(err) != nil {
		return err
	}
	what := "the view " + t.database + "." + t.v.Name
	if branch != "" {
		what = "the branch for " + branch + " of " + what
	}
	return fault.New(fault.Config, "%s cannot be read: %v", what, sqlError(context.Background(), err)).
		WithHint("SHOW CREATE VIEW %s.%s; configs/views/README.md says what a view may read", t.database, t.v.Name)
}

// body is the view's SELECT with all of its columns.
func (t *viewTable) body(ctx *sql.Context) (ast.SelectStatement, error) {
	text, err := t.v.Text(ctx)
	if err != nil {
		return nil, err
	}
	parsed, err := t.e.parseView(ctx, text)
	if err != nil {
		return nil, t.broken("", err)
	}
	s, ok := parsed.(*ast.Select)
	if !ok {
		return parsed, nil
	}
	alias := ""
	eachTable(s, func(a *ast.AliasedTableExpr, name ast.TableName) {
		if !name.DbQualifier.IsEmpty() || !strings.EqualFold(name.Name.String(), branchesTable) {
			return
		}
		if a.As.IsEmpty() {
			a.As = ast.NewTableIdent(branchesTable)
		}
		alias = a.As.String()
		a.Expr = ast.TableName{DbQualifier: ast.NewTableIdent(t.database), Name: ast.NewTableIdent(branchesOf + t.v.Name)}
		if text, ok := t.asOf.(string); ok {
			a.AsOf = &ast.AsOf{Time: ast.NewStrVal([]byte(text))}
		}
	})
	if alias == "" {
		return s, nil
	}
	named := map[string]bool{}
	for _, item := range s.SelectExprs {
		if a, ok := item.(*ast.AliasedExpr); ok {
			named[strings.ToLower(nameOf(a))] = true
		}
	}
	for _, c := range t.t.Columns {
		if !named[c.Name] {
			s.SelectExprs = append(s.SelectExprs, &ast.AliasedExpr{
				Expr: &ast.ColName{Name: ast.NewColIdent(c.Name), Qualifier: ast.TableName{Name: ast.NewTableIdent(alias)}}, As: ast.NewColIdent(c.Name)})
		}
	}
	return s, nil
}

func nameOf(a *ast.AliasedExpr) string {
	if !a.As.IsEmpty() {
		return a.As.String()
	}
	if c, ok := a.Expr.(*ast.ColName); ok {
		return c.Name.String()
	}
	return a.InputExpression
}

// eachTable calls f for every table that a query names.
func eachTable(n ast.SQLNode, f func(a *ast.AliasedTableExpr, name ast.TableName)) {
	_ = ast.Walk(func(node ast.SQLNode) (bool, error) { // the visitor never fails
		if a, ok := node.(*ast.AliasedTableExpr); ok {
			if name, ok := a.Expr.(ast.TableName); ok {
				f(a, name)
			}
		}
		return true, nil
	}, n)
}

func (e *Engine) parseView(ctx context.Context, text string) (ast.SelectStatement, error) {
	text = rewrite(strings.TrimSuffix(strings.TrimSpace(text), ";"))
	parsed, _, err := e.gms.Parser.ParseOneWithOptions(ctx, text, ast.ParserOptions{})
	if err != nil {
		return nil, err
	}
	s, ok := parsed.(ast.SelectStatement)
	if !ok {
		return nil, fmt.Errorf("it is no SELECT")
	}
	return s, nil
}

// parseBranch is the SELECT of a branch, with its tables named in full and the
// columns that say whose it is.
func (e *Engine) parseBranch(ctx context.Context, b Branch) (ast.SelectStatement, error) {
	s, err := e.parseView(ctx, b.Select)
	if err != nil {
		return nil, err
	}
	eachTable(s, func(a *ast.AliasedTableExpr, name ast.TableName) {
		if name.DbQualifier.IsEmpty() {
			name.DbQualifier = ast.NewTableIdent(b.Database)
			a.Expr = name
		}
	})
	var whose func(s ast.SelectStatement)
	whose = func(s ast.SelectStatement) {
		switch s := s.(type) {
		case *ast.Select:
			for _, k := range [][2]string{{"channel", b.Source}, {"connection", b.Database}} {
				if !slices.ContainsFunc(s.SelectExprs, func(x ast.SelectExpr) bool {
					a, ok := x.(*ast.AliasedExpr)
					return ok && strings.EqualFold(nameOf(a), k[0])
				}) {
					s.SelectExprs = append(s.SelectExprs, &ast.AliasedExpr{Expr: ast.NewStrVal([]byte(k[1])), As: ast.NewColIdent(k[0])})
				}
			}
		case *ast.SetOp:
			whose(s.Left)
			whose(s.Right)
		case *ast.ParenSelect:
			whose(s.Select)
		}
	}
	whose(s)
	return s, nil
}

// bindView resolves a query; tables without a database are those of the
// database given. Every database that it reads must be the caller's to read:
// GMS does not ask, since it would ask for those that were resolved already.
func (e *Engine) bindView(ctx *sql.Context, s ast.SelectStatement, database string, asOf any) (sql.Node, error) {
	var denied string
	eachTable(s, func(a *ast.AliasedTableExpr, name ast.TableName) {
		a.Auth = ast.AuthInformation{AuthType: ast.AuthType_IGNORE}
		if db := name.DbQualifier.String(); db != "" && !strings.EqualFold(db, "information_schema") && !e.mayRead(ctx, db) {
			denied = db
		}
	})
	if denied != "" {
		return nil, fault.New(fault.Denied, "the view reads a database that you may not read")
	}
	builder := planbuilder.New(ctx, e.gms.Analyzer.Catalog, nil)
	builder.ViewCtx().DbName = database
	builder.ViewCtx().AsOf = asOf
	n, _, err := builder.BindOnly(s, "", nil)
	return n, err
}

// mayRead says whether the user of the statement may read a database.
func (e *Engine) mayRead(ctx context.Context, database string) bool {
	st := statementOf(ctx)
	return st != nil && st.who.mayRead(database)
}

// shown is the SELECT of a view as the user behind ctx sees it.
func (t *viewTable) shown(ctx *sql.Context) (string, error) {
	var all ast.SelectStatement
	for _, b := range t.v.Branches {
		if !t.e.mayRead(ctx, b.Database) {
			continue
		}
		s, err := t.e.parseBranch(ctx, b)
		if err != nil {
			return "", t.broken(b.Database, err)
		}
		if all == nil {
			all = s
		} else {
			all = &ast.SetOp{Type: ast.UnionAllStr, Left: all, Right: s}
		}
	}
	if all == nil {
		all = &ast.Select{SelectExprs: ast.SelectExprs{&ast.AliasedExpr{Expr: &ast.NullVal{}, As: ast.NewColIdent("channel")}},
			Limit: &ast.Limit{Rowcount: ast.NewIntVal([]byte("0"))}}
	}
	if t.v.Text == nil {
		return ast.String(all), nil
	}
	s, err := t.body(ctx)
	if err != nil {
		return "", err
	}
	eachTable(s, func(a *ast.AliasedTableExpr, name ast.TableName) {
		if strings.HasPrefix(name.Name.String(), branchesOf) {
			a.Expr = &ast.Subquery{Select: all}
		}
	})
	return ast.String(s), nil
}

// viewStatement is what GMS is told of a view where it only wants its columns.
func (d *database) viewStatement(name string) string {
	return fmt.Sprintf("CREATE VIEW `%s`.`%s` AS SELECT * FROM `%s`.`%s`", d.name, name, d.name, name)
}
