package algebra

// Walk calls f for r and, where f says so, for the relations below it: inputs
// in order first, then the subqueries of its expressions.
func Walk(r Rel, f func(Rel) bool) {
	if r == nil || !f(r) {
		return
	}
	for _, in := range Inputs(r) {
		Walk(in, f)
	}
	for _, e := range Exprs(r) {
		WalkExpr(e, func(e Expr) bool {
			if s, ok := e.(*Subquery); ok {
				Walk(s.Rel, f)
			}
			return true
		})
	}
}

// WalkExpr calls f for e and, where f says so, for the expressions below it. It
// does not enter the relation of a Subquery.
func WalkExpr(e Expr, f func(Expr) bool) {
	if e == nil || !f(e) {
		return
	}
	for _, a := range Args(e) {
		WalkExpr(a, f)
	}
}

// Inputs are the relations that r reads, without those of subqueries.
func Inputs(r Rel) []Rel {
	switch r := r.(type) {
	case *Filter:
		return []Rel{r.In}
	case *Project:
		return []Rel{r.In}
	case *Aggregate:
		return []Rel{r.In}
	case *Window:
		return []Rel{r.In}
	case *Sort:
		return []Rel{r.In}
	case *Limit:
		return []Rel{r.In}
	case *Distinct:
		return []Rel{r.In}
	case *Join:
		return []Rel{r.L, r.R}
	case *SetOp:
		return []Rel{r.L, r.R}
	case *Recursive:
		return []Rel{r.Init, r.Step}
	}
	return nil
}

// Exprs are the expressions that r evaluates itself, none of them nil.
func Exprs(r Rel) []Expr {
	var out []Expr
	eachExpr(r, func(e *Expr) { out = append(out, *e) })
	return out
}

// Args are the operands of e, none of them nil.
func Args(e Expr) []Expr {
	var out []Expr
	eachArg(e, func(a *Expr) { out = append(out, *a) })
	return out
}

// eachExpr calls f with the place of every expression of r that is not nil.
func eachExpr(r Rel, f func(*Expr)) {
	one := func(e *Expr) {
		if *e != nil {
			f(e)
		}
	}
	all := func(es []Expr) {
		for i := range es {
			one(&es[i])
		}
	}
	keys := func(ks []SortKey) {
		for i := range ks {
			one(&ks[i].Expr)
		}
	}
	switch r := r.(type) {
	case *Values:
		for _, row := range r.Rows {
			all(row)
		}
	case *Filter:
		one(&r.Cond)
	case *Project:
		all(r.Exprs)
	case *Aggregate:
		all(r.Keys)
		for i := range r.Aggs {
			all(r.Aggs[i].Args)
			keys(r.Aggs[i].OrderBy)
		}
	case *Window:
		for i := range r.Calls {
			c := &r.Calls[i]
			all(c.Args)
			all(c.PartitionBy)
			keys(c.OrderBy)
			if c.Frame != nil {
				one(&c.Frame.Start.Offset)
				one(&c.Frame.End.Offset)
			}
		}
	case *Sort:
		keys(r.Keys)
	case *Limit:
		one(&r.Offset)
		one(&r.Count)
	case *Join:
		one(&r.Cond)
	}
}

// eachArg calls f with the place of every operand of e that is not nil.
func eachArg(e Expr, f func(*Expr)) {
	one := func(e *Expr) {
		if *e != nil {
			f(e)
		}
	}
	all := func(es []Expr) {
		for i := range es {
			one(&es[i])
		}
	}
	switch e := e.(type) {
	case *Call:
		all(e.Args)
	case *Case:
		all(e.When)
		all(e.Then)
		one(&e.Else)
	case *Cast:
		one(&e.In)
	case *In:
		one(&e.Value)
		all(e.List)
	case *Subquery:
		one(&e.Value)
	}
}

// Rewrite replaces relations from the leaves up, in place: f is given every
// relation after those below it, subqueries included, and returns what stands
// for it.
func Rewrite(r Rel, f func(Rel) Rel) Rel {
	if r == nil {
		return nil
	}
	switch r := r.(type) {
	case *Filter:
		r.In = Rewrite(r.In, f)
	case *Project:
		r.In = Rewrite(r.In, f)
	case *Aggregate:
		r.In = Rewrite(r.In, f)
	case *Window:
		r.In = Rewrite(r.In, f)
	case *Sort:
		r.In = Rewrite(r.In, f)
	case *Limit:
		r.In = Rewrite(r.In, f)
	case *Distinct:
		r.In = Rewrite(r.In, f)
	case *Join:
		r.L, r.R = Rewrite(r.L, f), Rewrite(r.R, f)
	case *SetOp:
		r.L, r.R = Rewrite(r.L, f), Rewrite(r.R, f)
	case *Recursive:
		r.Init, r.Step = Rewrite(r.Init, f), Rewrite(r.Step, f)
	}
	for _, e := range Exprs(r) {
		WalkExpr(e, func(e Expr) bool {
			if s, ok := e.(*Subquery); ok {
				s.Rel = Rewrite(s.Rel, f)
			}
			return true
		})
	}
	return f(r)
}

// RewriteExpr replaces expressions from the leaves up; e itself is not changed
// (what changes is copied). It does not enter the relation of a Subquery.
func RewriteExpr(e Expr, f func(Expr) Expr) Expr {
	if e == nil {
		return nil
	}
	changed := false
	sub := func(x Expr) Expr {
		y := RewriteExpr(x, f)
		changed = changed || y != x
		return y
	}
	list := func(es []Expr) []Expr {
		if es == nil {
			return nil
		}
		out := make([]Expr, len(es))
		for i, x := range es {
			out[i] = sub(x)
		}
		return out
	}
	var out Expr
	switch e := e.(type) {
	case *Call:
		c := *e
		c.Args = list(e.Args)
		out = &c
	case *Case:
		c := *e
		c.When, c.Then, c.Else = list(e.When), list(e.Then), sub(e.Else)
		out = &c
	case *Cast:
		c := *e
		c.In = sub(e.In)
		out = &c
	case *In:
		c := *e
		c.Value, c.List = sub(e.Value), list(e.List)
		out = &c
	case *Subquery:
		c := *e
		c.Value = sub(e.Value)
		out = &c
	}
	if !changed {
		out = e
	}
	return f(out)
}

// Scans are the occurrences of Argo tables in the order in which they stand in
// the tree.
func (st *Statement) Scans() []*Scan {
	var out []*Scan
	Walk(st.Root, func(r Rel) bool {
		if s, ok := r.(*Scan); ok {
			out = append(out, s)
		}
		return true
	})
	return out
}

// sameValue says that two expressions over the same relation give the same
// value in every row.
func sameValue(a, b Expr) bool {
	return exprString(a) == exprString(b) && a.ExprType().same(b.ExprType()) && repeatable(a)
}

// repeatable says that evaluating e again gives the same: no subquery, nothing
// random.
func repeatable(e Expr) bool {
	ok := true
	WalkExpr(e, func(e Expr) bool {
		switch e := e.(type) {
		case *Subquery:
			ok = false
		case *Call:
			if e.Func == "rand" || e.Func == "uuid" || e.Func == "uuid_short" || e.Func == "random_bytes" {
				ok = false
			}
		}
		return ok
	})
	return ok
}
