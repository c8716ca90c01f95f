package engine

import (
	ast "github.com/dolthub/vitess/go/vt/sqlparser"
)

// expansions are functions of MySQL that GMS has not, as calls of functions
// that it has; a1, a2 … are the arguments. A year of two digits is of 1970 to
// 2069.
var expansions = map[string]struct {
	args int
	call string
}{
	"makedate": {2, `IF(a2 > 0, CAST(STR_TO_DATE(CONCAT(IF(a1 < 70, a1 + 2000, IF(a1 < 100, a1 + 1900, a1)), '-01-01'), '%Y-%m-%d') + INTERVAL (a2 - 1) DAY AS DATE), NULL)`},
}

// expand puts the expansion of a function in its place.
func expand(f *ast.FuncExpr) {
	x, ok := expansions[f.Name.Lowered()]
	if !ok || len(f.Exprs) != x.args || f.Over != nil {
		return
	}
	args := map[string]ast.Expr{}
	for i, a := range f.Exprs {
		e, ok := a.(*ast.AliasedExpr)
		if !ok {
			return
		}
		args["a"+string(rune('1'+i))] = e.Expr
	}
	parsed, err := ast.Parse("SELECT " + x.call)
	if err != nil {
		return
	}
	call, ok := parsed.(*ast.Select).SelectExprs[0].(*ast.AliasedExpr).Expr.(*ast.FuncExpr)
	if !ok {
		return
	}
	for _, c := range freeColumns(call) {
		arg := clone(args[c.Name.Lowered()])
		if arg == nil {
			return
		}
		call.Exprs = ast.ReplaceExpr(call, c, arg).(*ast.FuncExpr).Exprs
	}
	*f = *call
}
