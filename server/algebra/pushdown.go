package algebra

import (
	"argo/tables"
)

// pushdown tells every Scan what the statement's filters imply of its columns.
//
// It carries conditions down the tree. With conds, a relation is told what is
// true of every row of the final result that one of its rows takes part in:
// rows that no such combination can hold may be missing without the result
// changing. A barrier (LIMIT, an aggregate without keys) takes them away,
// because there rows matter that are not seen. ambient holds conditions on
// columns of outer queries alone: a subquery is asked only for rows of the
// outer query of which they are true, and no barrier inside changes that.
func pushdown(root Rel) { push(root, nil, nil) }

// conjuncts are the parts of a condition that must all be true.
func conjuncts(cond Expr) []Expr {
	if cond == nil {
		return nil
	}
	if k, ok := cond.(*Call); ok && k.Func == "and" {
		var out []Expr
		for _, a := range k.Args {
			out = append(out, conjuncts(a)...)
		}
		return out
	}
	return []Expr{cond}
}

// plainConjuncts leaves out what evaluates a subquery or is random.
func plainConjuncts(cond Expr) []Expr {
	var out []Expr
	for _, e := range conjuncts(cond) {
		if repeatable(e) {
			out = append(out, e)
		}
	}
	return out
}

func concat(a, b []Expr) []Expr { return append(append([]Expr(nil), a...), b...) }

// refers says whether e refers to a column of ids.
func refers(e Expr, ids map[ColID]bool) bool {
	found := false
	WalkExpr(e, func(e Expr) bool {
		if c, ok := e.(*Col); ok && ids[c.ID] {
			found = true
		}
		return !found
	})
	return found
}

func idsOf(cols []Column) map[ColID]bool {
	out := map[ColID]bool{}
	for _, c := range cols {
		out[c.ID] = true
	}
	return out
}

// without are the conditions that do not refer to ids.
func without(conds []Expr, ids map[ColID]bool) []Expr {
	var out []Expr
	for _, e := range conds {
		if !refers(e, ids) {
			out = append(out, e)
		}
	}
	return out
}

func push(r Rel, conds, ambient []Expr) {
	inside := func(es []Expr, known []Expr) {
		for _, e := range es {
			WalkExpr(e, func(e Expr) bool {
				if s, ok := e.(*Subquery); ok {
					push(s.Rel, nil, concat(ambient, known))
				}
				return true
			})
		}
	}
	switch r := r.(type) {
	case *Scan:
		restrict(r, concat(conds, ambient))
	case *Values:
		inside(Exprs(r), nil)
	case *Filter:
		conds = concat(conds, plainConjuncts(r.Cond))
		push(r.In, conds, ambient)
		inside([]Expr{r.Cond}, conds)
	case *Project:
		below := substituted(conds, r.Cols, r.Exprs)
		push(r.In, below, ambient)
		inside(r.Exprs, below)
	case *Aggregate:
		var below []Expr
		if len(r.Keys) > 0 {
			below = substituted(without(conds, idsOf(r.AggCols)), r.KeyCols, r.Keys)
		}
		push(r.In, below, ambient)
		inside(Exprs(r), below)
	case *Window:
		below := partitioned(r, conds)
		push(r.In, below, ambient)
		inside(Exprs(r), below)
	case *Sort:
		push(r.In, conds, ambient)
		inside(Exprs(r), conds)
	case *Limit:
		push(r.In, nil, ambient)
	case *Distinct:
		push(r.In, conds, ambient)
	case *Join:
		pushJoin(r, conds, ambient)
		inside([]Expr{r.Cond}, nil)
	case *SetOp:
		for _, side := range []Rel{r.L, r.R} {
			cols := side.Columns()
			refs := make([]Expr, len(cols))
			for i, c := range cols {
				refs[i] = c.ref()
			}
			push(side, substituted(conds, r.Cols, refs), ambient)
		}
	case *Recursive:
		push(r.Init, nil, ambient)
		push(r.Step, nil, ambient)
	}
}

// substituted says conditions on cols in terms of what the columns are; what
// is computed by a subquery or at random says nothing.
func substituted(conds []Expr, cols []Column, exprs []Expr) []Expr {
	value, opaque := map[ColID]Expr{}, map[ColID]bool{}
	for i, c := range cols {
		if repeatable(exprs[i]) {
			value[c.ID] = exprs[i]
		} else {
			opaque[c.ID] = true
		}
	}
	var out []Expr
	for _, e := range without(conds, opaque) {
		out = append(out, substitute(e, value))
	}
	return out
}

// partitioned are the conditions that keep or drop whole partitions of every
// call of a window.
func partitioned(w *Window, conds []Expr) []Expr {
	other := idsOf(w.Columns())
	for i, call := range w.Calls {
		keys := map[ColID]bool{}
		for _, e := range call.PartitionBy {
			// a text of CI stands for others of its partition
			if c, ok := e.(*Col); ok && (c.Type.Kind != Text || c.Type.Collation == Bin) {
				keys[c.ID] = true
			}
		}
		for id := range idsOf(w.In.Columns()) {
			if keys[id] && i == 0 {
				delete(other, id)
			} else if !keys[id] {
				other[id] = true
			}
		}
	}
	return without(conds, other)
}

// pushJoin tells both sides what they may leave out. A side whose missing row
// would turn the other's into one with NULLs is told only what the join itself
// demands of a match, and what is true of the other side.
func pushJoin(j *Join, conds, ambient []Expr) {
	on := plainConjuncts(j.Cond)
	both := concat(conds, on)
	lids, rids := idsOf(j.L.Columns()), idsOf(j.R.Columns())
	kind := j.Kind
	// A row made of NULLs that conds reject is no row: the join is as good as
	// an inner one on that side.
	lost := func(ids map[ColID]bool) bool {
		for _, e := range conds {
			for id := range implied(e) {
				if ids[id] {
					return true
				}
			}
			if refers(e, ids) && never(RewriteExpr(e, func(e Expr) Expr {
				if c, ok := e.(*Col); ok && ids[c.ID] {
					return nullLit(c.Type)
				}
				return fold(e)
			})) {
				return true
			}
		}
		return false
	}
	switch kind {
	case LeftJoin:
		if lost(rids) {
			kind = InnerJoin
		}
	case RightJoin:
		if lost(lids) {
			kind = InnerJoin
		}
	case FullJoin:
		l, r := lost(lids), lost(rids)
		switch {
		case l && r:
			kind = InnerJoin
		case l: // rows of R alone are rejected
			kind = LeftJoin
		case r:
			kind = RightJoin
		}
	}
	var left, right []Expr
	switch kind {
	case InnerJoin, SemiJoin:
		left, right = both, both
	case LeftJoin, AntiJoin:
		left, right = conds, concat(without(conds, rids), on)
	case RightJoin:
		left, right = concat(without(conds, lids), on), conds
	case FullJoin:
		left, right = without(conds, concatIDs(lids, rids)), without(conds, concatIDs(lids, rids))
	}
	if v, ok := j.R.(*Values); ok && kind == InnerJoin {
		left = concat(left, matching(v, both, lids))
	}
	if kind == InnerJoin || kind == LeftJoin {
		right = concat(right, literals(j.L, on, rids))
	}
	push(j.L, left, ambient)
	if j.Lateral {
		ambient = concat(ambient, without(right, rids))
	}
	push(j.R, right, ambient)
}

// matching are conditions on the columns with the ids that follow from an inner
// join with constant rows: values that are compared with one of theirs are those
// of the rows of which the conditions on them alone are true.
func matching(v *Values, conds []Expr, ids map[ColID]bool) (out []Expr) {
	theirs := idsOf(v.Cols)
	place := map[ColID]int{}
	for i, c := range v.Cols {
		place[c.ID] = i
	}
	alone := func(e Expr) bool {
		only := true
		WalkExpr(e, func(e Expr) bool {
			c, ok := e.(*Col)
			only = only && (!ok || theirs[c.ID])
			return only
		})
		return only
	}
	var rows [][]Expr
	for _, r := range v.Rows {
		keep := true
		for _, e := range conds {
			keep = keep && !(alone(e) && never(RewriteExpr(e, func(e Expr) Expr {
				if c, ok := e.(*Col); ok {
					return r[place[c.ID]]
				}
				return fold(e)
			})))
		}
		if keep {
			rows = append(rows, r)
		}
	}
	for _, e := range conds {
		k, ok := e.(*Call)
		if !ok || k.Func != "=" {
			continue
		}
		for i := range 2 {
			mine, okM := k.Args[i].(*Col)
			other, okO := k.Args[1-i].(*Col)
			if !okM || !okO || !ids[mine.ID] || !theirs[other.ID] || !alike(mine.Type, other.Type) {
				continue
			}
			in := &In{Value: mine, Type: Type{Kind: Int, Bool: true, Precision: 1}}
			for _, r := range rows {
				in.List = append(in.List, r[place[other.ID]])
			}
			if len(in.List) == 0 {
				return []Expr{truthLit(0)}
			}
			out = append(out, in)
		}
	}
	return out
}

// literals are conditions on the columns with the ids that follow from what they
// are compared with: a column of l that is a constant in each of its branches.
func literals(l Rel, conds []Expr, ids map[ColID]bool) (out []Expr) {
	for _, e := range conds {
		k, ok := e.(*Call)
		if !ok || k.Func != "=" {
			continue
		}
		for i := range 2 {
			theirs, okT := k.Args[i].(*Col)
			mine, okM := k.Args[1-i].(*Col)
			if !okT || !okM || !ids[theirs.ID] || !alike(mine.Type, theirs.Type) {
				continue
			}
			if list, ok := constantsOf(l, mine.ID); ok && len(list) > 0 {
				out = append(out, &In{Value: theirs, List: list, Type: Type{Kind: Int, Bool: true, Precision: 1}})
			}
		}
	}
	return out
}

// constantsOf are the only values that a column of r can have; false where they
// are not known.
func constantsOf(r Rel, id ColID) ([]Expr, bool) {
	switch r := r.(type) {
	case *Filter:
		return constantsOf(r.In, id)
	case *Sort:
		return constantsOf(r.In, id)
	case *Limit:
		return constantsOf(r.In, id)
	case *Join:
		if idsOf(r.L.Columns())[id] && (r.Kind == InnerJoin || r.Kind == LeftJoin) {
			return constantsOf(r.L, id)
		}
	case *Project:
		for i, c := range r.Cols {
			if c.ID != id {
				continue
			}
			switch e := r.Exprs[i].(type) {
			case *Lit:
				return []Expr{e}, e.Value != nil
			case *Col:
				return constantsOf(r.In, e.ID)
			case *Cast:
				c, ok := e.In.(*Col)
				if !ok || e.Type.Kind != Text {
					return nil, false
				}
				list, ok := constantsOf(r.In, c.ID)
				if !ok {
					return nil, false
				}
				out := make([]Expr, len(list))
				for i, v := range list {
					out[i] = cast(v, e.Type, e.Implied)
					_, lit := out[i].(*Lit)
					ok = ok && lit
				}
				return out, ok
			}
		}
	case *SetOp:
		for i, c := range r.Cols {
			if c.ID != id || r.Op != "union" {
				continue
			}
			a, okA := constantsOf(r.L, r.L.Columns()[i].ID)
			b, okB := constantsOf(r.R, r.R.Columns()[i].ID)
			return concat(a, b), okA && okB
		}
	}
	return nil, false
}

func concatIDs(a, b map[ColID]bool) map[ColID]bool {
	out := map[ColID]bool{}
	for id := range a {
		out[id] = true
	}
	for id := range b {
		out[id] = true
	}
	return out
}

// restrict derives the domains of a Scan's columns from conditions that are
// all true together; columns that are equal share theirs.
func restrict(s *Scan, conds []Expr) {
	for _, e := range conds {
		if len(s.Cols) > 0 && never(RewriteExpr(e, fold)) { // the constants of a branch of a view
			s.Where = tables.Predicate{s.Cols[0].Name: tables.Domain{In: []any{}}}
			return
		}
	}
	known := together(conds)
	same := classes{}
	for _, e := range conds {
		if k, ok := e.(*Call); ok && k.Func == "=" {
			a, okA := k.Args[0].(*Col)
			b, okB := k.Args[1].(*Col)
			if okA && okB && alike(a.Type, b.Type) {
				same.join(a.ID, b.ID)
			}
		}
	}
	shared := domains{}
	for id, d := range known {
		if d.empty() && len(s.Cols) > 0 {
			// no combination of rows is left at all
			s.Where = tables.Predicate{s.Cols[0].Name: tables.Domain{In: []any{}}}
			return
		}
		shared.restrict(same.of(id), d)
	}
	for _, c := range s.Cols {
		d, ok := shared[same.of(c.ID)]
		if !ok || d.any() {
			continue
		}
		if s.Where == nil {
			s.Where = tables.Predicate{}
		}
		if d.empty() {
			d = among()
		}
		s.Where[c.Name] = tables.Domain(d)
	}
}

// alike says that equal values of the two types are the same Go value.
func alike(a, b Type) bool {
	if a.Kind != b.Kind || a.Bool != b.Bool || a.Unsigned != b.Unsigned {
		return false
	}
	switch a.Kind {
	case Int, Date, DateTime, Decimal:
		return true
	case Text:
		return a.Collation == Bin && b.Collation == Bin
	}
	return false
}

// classes of columns that are equal.
type classes map[ColID]ColID

func (c classes) of(id ColID) ColID {
	for {
		up, ok := c[id]
		if !ok {
			return id
		}
		id = up
	}
}

func (c classes) join(a, b ColID) {
	if a, b = c.of(a), c.of(b); a != b {
		c[a] = b
	}
}
