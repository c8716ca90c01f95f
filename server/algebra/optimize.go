package algebra

// optimize makes the tree say no more than it has to: what can have no rows is
// empty, each Scan has the columns that are used and the domains that the
// filters imply.
func optimize(st *Statement) {
	st.Root = Rewrite(st.Root, simplify)
	for range 2 { // branches that are gone say less of what they are joined with
		pushdown(st.Root)
		st.Root = Rewrite(st.Root, simplify)
	}
	prune(st)
	st.Root = Rewrite(st.Root, merge)
	limits(st.Root)
}

// nothing is r without rows.
func nothing(r Rel) Rel { return &Values{Cols: r.Columns()} }

func isEmpty(r Rel) bool {
	v, ok := r.(*Values)
	return ok && len(v.Rows) == 0
}

// simplify replaces a relation that can have no rows, after those below it.
// An empty relation makes no call to a source.
func simplify(r Rel) Rel {
	eachExpr(r, func(e *Expr) { *e = RewriteExpr(*e, simplifyExpr) })
	switch r := r.(type) {
	case *Scan:
		for _, d := range r.Where {
			if domain(d).empty() {
				return nothing(r)
			}
		}
	case *Filter:
		r.Cond = junction("and", r.Cond)
		switch {
		case isEmpty(r.In) || rejects(r.Cond):
			return nothing(r)
		case always(r.Cond):
			return r.In
		}
	case *Project:
		if isEmpty(r.In) {
			return nothing(r)
		}
	case *Window:
		if isEmpty(r.In) {
			return nothing(r)
		}
	case *Sort:
		if isEmpty(r.In) {
			return r.In
		}
	case *Distinct:
		if isEmpty(r.In) {
			return r.In
		}
	case *Limit:
		if isEmpty(r.In) || zero(r.Count) {
			return nothing(r)
		}
	case *Aggregate:
		if isEmpty(r.In) && len(r.Keys) > 0 {
			return nothing(r)
		}
	case *Join:
		return simplifyJoin(r)
	case *SetOp:
		return simplifySetOp(r)
	case *Recursive:
		if isEmpty(r.Init) {
			return nothing(r)
		}
	}
	return r
}

// rejects says that a condition is true of no row.
func rejects(cond Expr) bool {
	for _, c := range conjuncts(cond) {
		if never(c) {
			return true
		}
	}
	return false
}

func zero(e Expr) bool {
	l, ok := e.(*Lit)
	return ok && l.Value == int64(0)
}

// simplifyExpr folds what has become constant and subqueries without rows.
func simplifyExpr(e Expr) Expr {
	switch e := e.(type) {
	case *Subquery:
		if !isEmpty(e.Rel) {
			return e
		}
		if e.Kind == Scalar {
			return nullLit(e.Type)
		}
		return truthOf(e.Not)
	case *Call:
		if e.Func == "and" || e.Func == "or" {
			return junction(e.Func, e.Args...)
		}
	}
	return fold(e)
}

func simplifyJoin(j *Join) Rel {
	l, r := isEmpty(j.L), isEmpty(j.R)
	no := j.Cond != nil && rejects(j.Cond)
	if j.Cond != nil && always(j.Cond) {
		j.Cond = nil
	}
	switch j.Kind {
	case InnerJoin:
		if l || r || no {
			return nothing(j)
		}
	case LeftJoin:
		if l {
			return nothing(j)
		}
		if no && !r {
			j.R, j.Cond = nothing(j.R), nil
		}
	case RightJoin:
		if r {
			return nothing(j)
		}
		if no && !l {
			j.L, j.Cond = nothing(j.L), nil
		}
	case FullJoin:
		if l && r {
			return nothing(j)
		}
	case SemiJoin:
		if l || r || no {
			return nothing(j)
		}
	case AntiJoin:
		if l || r || no {
			return j.L
		}
	}
	return j
}

func simplifySetOp(u *SetOp) Rel {
	l, r := isEmpty(u.L), isEmpty(u.R)
	var left Rel
	switch {
	case l && (r || u.Op != "union"), r && u.Op == "intersect":
		return nothing(u)
	case l:
		left = u.R
	case r:
		left = u.L
	default:
		return u
	}
	p := &Project{In: left, Cols: u.Cols}
	for _, c := range left.Columns() {
		p.Exprs = append(p.Exprs, c.ref())
	}
	if u.All {
		return p
	}
	return &Distinct{In: p}
}

// merge takes two projections together where nothing is computed twice.
func merge(r Rel) Rel {
	outer, ok := r.(*Project)
	if !ok {
		return r
	}
	inner, ok := outer.In.(*Project)
	if !ok {
		return r
	}
	value := map[ColID]Expr{}
	for i, c := range inner.Cols {
		value[c.ID] = inner.Exprs[i]
	}
	uses := map[ColID]int{}
	for _, e := range outer.Exprs {
		if !repeatable(e) {
			return r
		}
		WalkExpr(e, func(e Expr) bool {
			if c, ok := e.(*Col); ok {
				uses[c.ID]++
			}
			return true
		})
	}
	for id, n := range uses {
		switch v := value[id].(type) {
		case nil, *Col, *Lit:
		default:
			if n > 1 || !repeatable(v) {
				return r
			}
		}
	}
	out := &Project{In: inner.In, Cols: outer.Cols}
	for _, e := range outer.Exprs {
		out.Exprs = append(out.Exprs, substitute(e, value))
	}
	return out
}

// substitute replaces columns by their values.
func substitute(e Expr, value map[ColID]Expr) Expr {
	return RewriteExpr(e, func(e Expr) Expr {
		if c, ok := e.(*Col); ok {
			if v := value[c.ID]; v != nil {
				return v
			}
		}
		return e
	})
}

// limits tells a Scan below nothing but projections that any rows will do.
func limits(root Rel) {
	Walk(root, func(r Rel) bool {
		l, ok := r.(*Limit)
		if !ok {
			return true
		}
		n, ok := amount(l.Count)
		if !ok || n == 0 {
			return true
		}
		if l.Offset != nil {
			skip, ok := amount(l.Offset)
			if !ok || n+skip < n {
				return true
			}
			n += skip
		}
		limit(l.In, n)
		return true
	})
}

// limit says that any n rows of r will do: those of each side of a UNION ALL,
// and of what a LEFT JOIN adds columns to.
func limit(r Rel, n int64) {
	switch r := r.(type) {
	case *Project:
		for _, e := range r.Exprs {
			if !repeatable(e) {
				return
			}
		}
		limit(r.In, n)
	case *SetOp:
		if r.Op == "union" && r.All {
			limit(r.L, n)
			limit(r.R, n)
		}
	case *Join:
		if r.Kind == LeftJoin && !r.Lateral {
			limit(r.L, n)
		}
	case *Scan:
		r.Limit = n
	}
}

func amount(e Expr) (int64, bool) {
	if l, ok := e.(*Lit); ok {
		n, ok := l.Value.(int64)
		return n, ok
	}
	return 0, false
}
