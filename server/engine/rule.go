package engine

import (
	"slices"

	"argo/server/algebra"
	"argo/tables"
	"argo/tables/fault"

	"github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/analyzer"
	"github.com/dolthub/go-mysql-server/sql/expression"
	"github.com/dolthub/go-mysql-server/sql/plan"
	"github.com/dolthub/go-mysql-server/sql/transform"
	"github.com/dolthub/go-mysql-server/sql/types"
	"github.com/dolthub/vitess/go/mysql"
)

// Ids of our rules; GMS's own count from 0.
const (
	rootRuleID    analyzer.RuleId = -1
	compileRuleID analyzer.RuleId = -2
)

// installRules puts the compiler behind GMS's validation and before its join
// planning. The hook is a package variable, so the rule serves every analyzer
// of the process and finds its engine through the catalog; being there also
// keeps GMS from its short cut for the plainest SELECT, which skips rules. The
// caller holds building.
func installRules() {
	for _, r := range analyzer.AlwaysBeforeDefault {
		if r.Id == compileRuleID {
			return
		}
	}
	analyzer.AlwaysBeforeDefault = append(analyzer.AlwaysBeforeDefault, analyzer.Rule{Id: compileRuleID, Apply: compileRule})
}

func engineOf(a *analyzer.Analyzer) *Engine {
	if p, ok := a.Catalog.DbProvider.(*provider); ok {
		return p.e
	}
	return nil
}

// rootRule sees the root of a statement before anything else does. GMS would
// apply sql_select_limit also to the sides of a UNION and not to SELECT
// DISTINCT; it lets anybody end others' statements, set globals and write
// files of the server.
func rootRule(ctx *sql.Context, _ *analyzer.Analyzer, n sql.Node, _ *plan.Scope, _ analyzer.RuleSelector, _ *sql.QueryFlags) (sql.Node, transform.TreeIdentity, error) {
	st := statementOf(ctx)
	seen := true
	st.do(func() { seen, st.rooted = st.rooted, true })
	if seen {
		return n, transform.SameTree, nil
	}
	switch n := n.(type) {
	case *plan.Kill:
		return n, transform.SameTree, mayKill(ctx, n)
	case *plan.Set:
		return n, transform.SameTree, maySet(n)
	case *plan.Into:
		if n.Outfile != "" || n.Dumpfile != "" {
			return n, transform.SameTree, mysql.NewSQLError(mysql.ERSpecifiedAccessDenied, mysql.SSClientError,
				"Access denied; you need (at least one of) the FILE privilege(s) for this operation")
		}
	}
	limit, ok := selectLimit(ctx)
	if !ok || !relational(n) || limited(n) {
		return n, transform.SameTree, nil
	}
	return plan.NewLimit(expression.NewLiteral(int64(min(limit, 1<<63-1)), types.Int64), n), transform.NewTree, nil
}

// limited says that the statement has a LIMIT of its own, which goes before
// sql_select_limit.
func limited(n sql.Node) bool {
	switch n := n.(type) {
	case *plan.Limit:
		return true
	case *plan.SetOp:
		return n.Limit != nil
	}
	return false
}

// mayKill refuses to end what is not the user's own, which he does not see.
func mayKill(ctx *sql.Context, n *plan.Kill) error {
	if slices.ContainsFunc(ctx.ProcessList.Processes(), func(p sql.Process) bool { return p.Connection == n.ConnID }) {
		return nil
	}
	return mysql.NewSQLError(mysql.ERNoSuchThread, "HY000", "Unknown thread id: %d", n.ConnID)
}

// maySet refuses to change what holds for everybody.
func maySet(n *plan.Set) error {
	for _, e := range n.Exprs {
		if f, ok := e.(*expression.SetField); ok {
			if v, ok := f.LeftChild.(*expression.SystemVar); ok && !v.Scope.IsSessionOnly() {
				return mysql.NewSQLError(mysql.ERSpecifiedAccessDenied, mysql.SSClientError,
					"Access denied; you need (at least one of) the SUPER or SYSTEM_VARIABLES_ADMIN privilege(s) for this operation")
			}
		}
	}
	return nil
}

// compileRule takes a plan that touches an Argo table away from GMS. It fires
// for the whole statement, but before that also for each side of a UNION, and
// after it, where the statement itself is none of ours (SET @x = (SELECT …)),
// for its subqueries; so a plan is always compiled with what inner fires have
// replaced put back, and what cannot be compiled alone is said only when it
// runs alone.
func compileRule(ctx *sql.Context, a *analyzer.Analyzer, n sql.Node, scope *plan.Scope, sel analyzer.RuleSelector, flags *sql.QueryFlags) (sql.Node, transform.TreeIdentity, error) {
	e := engineOf(a)
	if e == nil {
		return n, transform.SameTree, nil
	}
	if c, ok := n.(*plan.Call); ok {
		out, err := e.newCall(ctx, c)
		if err != nil || out == nil {
			return n, transform.SameTree, sqlError(ctx, err)
		}
		return out, transform.NewTree, nil
	}
	if err := onlyFullGroupBy(ctx, a, n, scope, sel, flags); err != nil {
		return n, transform.SameTree, err
	}
	out, same, err := e.substitute(ctx, n)
	if err != nil || same {
		return n, transform.SameTree, sqlError(ctx, err)
	}
	flags.Unset(sql.QFlagMax1Row) // a guess of GMS's that its own rules take back for a UNION
	return out, transform.NewTree, nil
}

// groupByRule is GMS's check of ONLY_FULL_GROUP_BY.
var groupByRule = func() analyzer.Rule {
	for _, r := range analyzer.OnceBeforeDefault {
		if r.Id.String() == "validateGroupBy" {
			return r
		}
	}
	return analyzer.Rule{}
}()

// onlyFullGroupBy runs GMS's check with what no row changes taken for a
// constant: GMS refuses NOW() beside an aggregate. Subqueries in expressions
// are checked with the statement, since GMS comes to them when it is too late.
func onlyFullGroupBy(ctx *sql.Context, a *analyzer.Analyzer, n sql.Node, scope *plan.Scope, sel analyzer.RuleSelector, flags *sql.QueryFlags) error {
	if groupByRule.Apply == nil || !analyzer.FlagIsSet(flags, sql.QFlagAggregation) || !relational(n) || describes(ctx, n) {
		return nil
	}
	var inner []sql.Node
	soft, _, err := transform.NodeExprsWithOpaque(ctx, n, func(_ *sql.Context, x sql.Expression) (sql.Expression, transform.TreeIdentity, error) {
		switch x := x.(type) {
		case *plan.Subquery:
			inner = append(inner, x.Query)
			return x, transform.SameTree, nil
		case *expression.GetField, *expression.Star, *expression.Literal, sql.Aggregation:
			return x, transform.SameTree, nil
		}
		if len(x.Children()) > 0 {
			return x, transform.SameTree, nil
		}
		return expression.NewLiteral(nil, types.Null), transform.NewTree, nil
	})
	if err != nil {
		return err
	}
	if _, _, err := groupByRule.Apply(ctx, a, soft, scope, sel, flags); err != nil {
		return err
	}
	for _, q := range inner {
		if err := onlyFullGroupBy(ctx, a, q, scope, sel, flags); err != nil {
			return err
		}
	}
	return nil
}

// substitute gives n with every outermost relation over Argo tables replaced.
func (e *Engine) substitute(ctx *sql.Context, n sql.Node) (sql.Node, transform.TreeIdentity, error) {
	if _, ok := n.(*exec); ok {
		return n, transform.SameTree, nil
	}
	if into, ok := n.(*plan.Into); ok {
		child, same, err := e.substitute(ctx, into.Child)
		if err != nil || same {
			return n, same, err
		}
		out, err := into.WithChildren(ctx, child)
		return out, transform.NewTree, err
	}
	if !relational(n) || describes(ctx, n) {
		return n, transform.SameTree, nil
	}
	original, err := restore(ctx, n)
	if err != nil {
		return nil, transform.SameTree, err
	}
	c, err := e.compile(ctx, original)
	switch {
	case err != nil && fault.As(err) == nil:
		return nil, transform.SameTree, err
	case err == nil && c == nil:
		return n, transform.SameTree, nil
	}
	return &exec{e: e, original: original, c: c, err: err}, transform.NewTree, nil
}

// describes says that the plan shows what a table is and not what it holds:
// SHOW COLUMNS … LIKE is a filter over a node that has the table below it.
func describes(ctx *sql.Context, n sql.Node) bool {
	found := false
	transform.InspectWithOpaque(ctx, n, func(_ *sql.Context, n sql.Node) bool {
		switch n.(type) {
		case *plan.ShowColumns, *plan.ShowIndexes, *plan.ShowCreateTable:
			found = true
		}
		return !found
	})
	return found
}

// restore puts back what inner fires of the rule have replaced.
func restore(ctx *sql.Context, n sql.Node) (sql.Node, error) {
	out, _, err := transform.NodeWithOpaque(ctx, n, func(_ *sql.Context, n sql.Node) (sql.Node, transform.TreeIdentity, error) {
		if x, ok := n.(*exec); ok {
			return x.original, transform.NewTree, nil
		}
		return n, transform.SameTree, nil
	})
	return out, err
}

// relational says that the node gives rows of a query: the kinds of nodes that
// the root of a SELECT can be.
func relational(n sql.Node) bool {
	switch n.(type) {
	case *plan.Project, *plan.Sort, *plan.Limit, *plan.Offset, *plan.GroupBy, *plan.Having, *plan.Filter,
		*plan.Distinct, *plan.OrderedDistinct, *plan.SetOp, *plan.Window, *plan.TableAlias, *plan.ResolvedTable,
		*plan.SubqueryAlias, *plan.JoinNode, *plan.RecursiveCte, *plan.TopN, *plan.NamedWindows, *exec:
		return true
	}
	return false
}

// compiled is a statement with what the engine needs to run it.
type compiled struct {
	st     *algebra.Statement
	schema sql.Schema
	leaves []algebra.Rel // Scans and Foreigns
	idle   map[algebra.Rel]bool
	tables map[algebra.Rel]*tables.Table // of the Scans
}

// compile gives nil where the plan touches no Argo table. Faults: Unsupported,
// Invalid (columns that a source does not give together).
func (e *Engine) compile(ctx *sql.Context, n sql.Node) (*compiled, error) {
	st, err := algebra.Compile(ctx, n, e.algebraSession(ctx))
	if err != nil || st == nil {
		return nil, err
	}
	return e.prepared(ctx, st)
}

// prepared finds what a statement reads.
func (e *Engine) prepared(ctx *sql.Context, st *algebra.Statement) (c *compiled, err error) {
	for _, name := range st.Names {
		statementOf(ctx).touch(name)
	}
	c = &compiled{st: st, idle: map[algebra.Rel]bool{}, tables: map[algebra.Rel]*tables.Table{}}
	booleans := map[algebra.ColID]bool{}
	visit(st.Root, false, func(r algebra.Rel, idle bool) {
		switch r := r.(type) {
		case *algebra.Scan:
			c.leaves, c.idle[r] = append(c.leaves, r), idle
			if err == nil {
				err = e.bind(ctx, c, r, booleans)
			}
		case *algebra.Foreign:
			c.leaves, c.idle[r] = append(c.leaves, r), idle
		case *algebra.Project:
			pass(booleans, r.Cols, r.Exprs)
		case *algebra.Aggregate:
			pass(booleans, r.KeyCols, r.Keys)
		}
	})
	if err != nil {
		return nil, err
	}
	c.schema = resultSchema(st, booleans)
	return c, nil
}

// pass marks the columns that are booleans as they are.
func pass(booleans map[algebra.ColID]bool, to []algebra.Column, from []algebra.Expr) {
	for i, x := range from {
		if col, ok := x.(*algebra.Col); ok && booleans[col.ID] {
			booleans[to[i].ID] = true
		}
	}
}

// bind finds the table of a Scan.
func (e *Engine) bind(ctx *sql.Context, c *compiled, s *algebra.Scan, booleans map[algebra.ColID]bool) error {
	db := e.database(s.Source)
	if db == nil {
		return fault.New(fault.Internal, "the plan reads the database %s, which is not there", s.Source)
	}
	found, ok, err := db.GetTableInsensitive(ctx, s.Table)
	if err != nil {
		return err
	}
	if !ok {
		return fault.New(fault.Internal, "the plan reads the table %s.%s, which is not there", s.Source, s.Table)
	}
	if err := e.dated(ctx, s, underlying(found)); err != nil {
		return err
	}
	t := &underlying(found).t
	c.tables[s] = t
	names := make([]string, len(s.Cols))
	for i, col := range s.Cols {
		names[i] = col.Name
		if k := t.Lookup(col.Name); k == nil {
			return fault.New(fault.Internal, "the plan reads the column %s of %s, which is not there", col.Name, found)
		} else if k.Type.Kind == tables.Bool {
			booleans[col.ID] = true
		}
	}
	if t.Incompatible != nil {
		return t.Incompatible(names)
	}
	return nil
}
