package engine

import "argo/server/algebra"

// visit calls f for every relation of a tree, inputs and subqueries before the
// relation itself. idle says that no row of it can reach the result, whatever
// it holds: it lies below LIMIT 0 or a condition that is never true.
func visit(r algebra.Rel, idle bool, f func(r algebra.Rel, idle bool)) {
	below := idle
	switch r := r.(type) {
	case *algebra.Filter:
		below = idle || never(r.Cond)
	case *algebra.Limit:
		below = idle || zero(r.Count)
	}
	for i, in := range algebra.Inputs(r) {
		visit(in, below || unmatched(r, i), f)
	}
	for _, e := range algebra.Exprs(r) {
		algebra.WalkExpr(e, func(e algebra.Expr) bool {
			if s, ok := e.(*algebra.Subquery); ok {
				visit(s.Rel, idle, f)
			}
			return true
		})
	}
	f(r, idle)
}

// unmatched says that r is a join whose condition is never true, and that such
// a join has no use for the rows of its i-th side.
func unmatched(r algebra.Rel, i int) bool {
	j, ok := r.(*algebra.Join)
	if !ok || !never(j.Cond) {
		return false
	}
	switch j.Kind {
	case algebra.LeftJoin, algebra.AntiJoin:
		return i == 1
	case algebra.RightJoin:
		return i == 0
	case algebra.FullJoin:
		return false
	}
	return true
}

// never says that a condition is constant and not true.
func never(e algebra.Expr) bool {
	switch e := e.(type) {
	case *algebra.Lit:
		switch v := e.Value.(type) {
		case nil:
			return true
		case int64:
			return v == 0
		case uint64:
			return v == 0
		}
	case *algebra.Cast:
		return e.Type.Kind == algebra.Int && never(e.In)
	case *algebra.Call:
		switch e.Func {
		case "and":
			for _, a := range e.Args {
				if never(a) {
					return true
				}
			}
		case "=", "!=":
			return len(e.Args) == 2 && constantCompare(e)
		}
	}
	return false
}

// constantCompare says that a comparison of two whole numbers, such as the
// 1 = 0 of a metadata probe, is false.
func constantCompare(e *algebra.Call) bool {
	a, okA := whole(e.Args[0])
	b, okB := whole(e.Args[1])
	return okA && okB && (a == b) == (e.Func == "!=")
}

func whole(e algebra.Expr) (int64, bool) {
	if l, ok := e.(*algebra.Lit); ok {
		n, ok := l.Value.(int64)
		return n, ok
	}
	return 0, false
}

func zero(count algebra.Expr) bool {
	if l, ok := count.(*algebra.Lit); ok {
		switch v := l.Value.(type) {
		case int64:
			return v == 0
		case uint64:
			return v == 0
		}
	}
	return false
}
