package algebra

// prune drops the columns that nothing uses: those of a Scan are never
// fetched. Ids are unique in the statement, so one set says what is used; it
// is complete for a relation when everything above it has been seen, and what
// a subquery or the right side of a lateral join refers to.
func prune(st *Statement) {
	p := pruner{}
	p.columns(st.Output)
	st.Root = p.rel(st.Root)
}

type pruner map[ColID]bool

func (p pruner) columns(cols []Column) {
	for _, c := range cols {
		p[c.ID] = true
	}
}

func (p pruner) exprs(es []Expr) {
	for _, e := range es {
		WalkExpr(e, func(e Expr) bool {
			switch e := e.(type) {
			case *Col:
				p[e.ID] = true
			case *Subquery:
				if e.Kind != Exists {
					p.columns(e.Rel.Columns())
				}
				e.Rel = p.rel(e.Rel)
			}
			return true
		})
	}
}

func (p pruner) rel(r Rel) Rel {
	switch r := r.(type) {
	case *Scan:
		kept := r.Cols[:0:0]
		for _, c := range r.Cols {
			if p[c.ID] {
				kept = append(kept, c)
			}
		}
		r.Cols = kept
		return r
	case *Values:
		return p.values(r)
	case *Project:
		return p.project(r)
	case *Aggregate:
		return p.aggregate(r)
	case *Window:
		return p.window(r)
	case *SetOp:
		return p.setOp(r)
	case *Join:
		if p.idle(r) {
			return p.rel(r.L)
		}
	}
	p.exprs(Exprs(r))
	switch r := r.(type) {
	case *Filter:
		r.In = p.rel(r.In)
	case *Sort:
		r.In = p.rel(r.In)
	case *Limit:
		r.In = p.rel(r.In)
	case *Distinct:
		p.columns(r.In.Columns())
		r.In = p.rel(r.In)
	case *Join:
		r.R = p.rel(r.R)
		r.L = p.rel(r.L)
	case *Recursive:
		p.columns(r.Init.Columns())
		p.columns(r.Step.Columns())
		r.Step, r.Init = p.rel(r.Step), p.rel(r.Init)
	}
	return r
}

func (p pruner) values(r *Values) Rel {
	out := &Values{Rows: make([][]Expr, len(r.Rows)), Unique: r.Unique}
	for i, c := range r.Cols {
		if !p[c.ID] {
			continue
		}
		out.Cols = append(out.Cols, c)
		for j := range r.Rows {
			out.Rows[j] = append(out.Rows[j], r.Rows[j][i])
		}
	}
	p.exprs(Exprs(out))
	return out
}

// project without any column left is what it reads: as many rows.
func (p pruner) project(r *Project) Rel {
	out := &Project{}
	for i, c := range r.Cols {
		if p[c.ID] {
			out.Cols, out.Exprs = append(out.Cols, c), append(out.Exprs, r.Exprs[i])
		}
	}
	p.exprs(out.Exprs)
	out.In = p.rel(r.In)
	if len(out.Cols) == 0 {
		return out.In
	}
	return out
}

func (p pruner) aggregate(r *Aggregate) Rel {
	out := &Aggregate{KeyCols: r.KeyCols, Keys: r.Keys}
	for i, c := range r.AggCols {
		if p[c.ID] {
			out.AggCols, out.Aggs = append(out.AggCols, c), append(out.Aggs, r.Aggs[i])
		}
	}
	if len(out.Keys) == 0 && len(out.Aggs) == 0 {
		return &Values{Rows: [][]Expr{{}}} // exactly one row
	}
	p.exprs(Exprs(out))
	out.In = p.rel(r.In)
	return out
}

func (p pruner) window(r *Window) Rel {
	out := &Window{}
	for i, c := range r.Cols {
		if p[c.ID] {
			out.Cols, out.Calls = append(out.Cols, c), append(out.Calls, r.Calls[i])
		}
	}
	p.exprs(Exprs(out))
	out.In = p.rel(r.In)
	if len(out.Cols) == 0 {
		return out.In
	}
	return out
}

// setOp needs every column but under UNION ALL of projections.
func (p pruner) setOp(r *SetOp) Rel {
	if ofProjects(r) {
		l, rr := r.L.Columns(), r.R.Columns()
		out := r.Cols[:0:0]
		for i, c := range r.Cols {
			if p[c.ID] || i == len(r.Cols)-1 && len(out) == 0 {
				out = append(out, c)
				p[l[i].ID], p[rr[i].ID] = true, true
			}
		}
		r.Cols = out
	} else {
		p.columns(r.L.Columns())
		p.columns(r.R.Columns())
	}
	r.R = p.rel(r.R)
	r.L = p.rel(r.L)
	return r
}

// ofProjects says that r is a projection, or a UNION ALL of such.
func ofProjects(r Rel) bool {
	switch r := r.(type) {
	case *Project:
		return true
	case *SetOp:
		return r.Op == "union" && r.All && ofProjects(r.L) && ofProjects(r.R)
	}
	return false
}

// idle says that a LEFT JOIN has no effect: nothing uses a column of its right
// side, of which each row of the left one matches at most one.
func (p pruner) idle(j *Join) bool {
	if j.Kind != LeftJoin || j.Lateral {
		return false
	}
	right := j.R.Columns()
	for _, c := range right {
		if p[c.ID] {
			return false
		}
	}
	ids, equal := idsOf(right), map[ColID]bool{}
	for _, e := range conjuncts(j.Cond) {
		k, ok := e.(*Call)
		if !ok || k.Func != "=" {
			continue
		}
		for i := range 2 {
			if c, ok := k.Args[i].(*Col); ok && ids[c.ID] && !refers(k.Args[1-i], ids) && exactly(c.Type, k.Args[1-i].ExprType()) {
				equal[c.ID] = true
			}
		}
	}
	for _, key := range keysOf(j.R) {
		all := len(key) > 0
		for _, id := range key {
			all = all && equal[id]
		}
		if all {
			return true
		}
	}
	return false
}

// exactly says that a value of type other equals at most one of the distinct
// values of a column of type t.
func exactly(t, other Type) bool {
	if t.Kind != other.Kind {
		return false
	}
	return t.Kind != Text || t.Collation == CI || other.Collation == Bin
}

// keysOf are sets of columns of which no two rows of r have the same values, by
// the columns' own collation.
func keysOf(r Rel) [][]ColID {
	switch r := r.(type) {
	case *Scan:
		if len(r.Unique) > 0 {
			return [][]ColID{r.Unique}
		}
	case *Values:
		if len(r.Unique) > 0 {
			return [][]ColID{r.Unique}
		}
	case *Filter:
		return keysOf(r.In)
	case *Sort:
		return keysOf(r.In)
	case *Limit:
		return keysOf(r.In)
	case *Distinct:
		return keysOf(r.In)
	case *Aggregate:
		var key []ColID
		for _, c := range r.KeyCols {
			key = append(key, c.ID)
		}
		return [][]ColID{key}
	case *Project:
		var out [][]ColID
		place := map[ColID]ColID{}
		for i, e := range r.Exprs {
			if c, ok := e.(*Col); ok {
				place[c.ID] = r.Cols[i].ID
			}
		}
		for _, key := range keysOf(r.In) {
			var there []ColID
			for _, id := range key {
				if at, ok := place[id]; ok {
					there = append(there, at)
				}
			}
			if len(there) == len(key) {
				out = append(out, there)
			}
		}
		return out
	}
	return nil
}
