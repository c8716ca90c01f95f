package algebra

import (
	"fmt"
	"slices"
	"strings"

	"argo/tables/fault"

	"github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/expression"
	"github.com/dolthub/go-mysql-server/sql/plan"
)

// rel compiles a plan; outer is what a correlated subquery sees around itself.
func (c *compiler) rel(n sql.Node, outer *scope) *frame {
	switch n := n.(type) {
	case *plan.ResolvedTable:
		return c.table(n)
	case *plan.TableAlias:
		return c.rename(c.rel(n.Child, outer), n)
	case *plan.EmptyTable:
		return c.empty(n)
	case *plan.SubqueryAlias:
		return c.derived(n, outer)
	case *plan.ValueDerivedTable:
		return c.values(n, outer)
	case *plan.Filter:
		f := c.rel(n.Child, outer)
		return c.filter(f, c.condition(n.Expression, &scope{f, outer}))
	case *plan.Having:
		f := c.rel(n.Child, outer)
		return c.filter(f, c.condition(n.Cond, &scope{f, outer}))
	case *plan.Project:
		return c.project(c.rel(n.Child, outer), n.Projections, n.Schema(c.ctx), outer)
	case *plan.GroupBy:
		return c.groupBy(n, outer)
	case *plan.Window:
		return c.window(n, outer)
	case *plan.Sort:
		return c.sort(c.rel(n.Child, outer), n.SortConditions, outer)
	case *plan.TopN:
		f := c.sort(c.rel(n.Child, outer), n.SortConditions, outer)
		return c.limit(f, n.Limit, nil)
	case *plan.Limit:
		if o, ok := n.Child.(*plan.Offset); ok {
			return c.limit(c.rel(o.Child, outer), n.Limit, o.Offset)
		}
		return c.limit(c.rel(n.Child, outer), n.Limit, nil)
	case *plan.Offset:
		return c.limit(c.rel(n.Child, outer), nil, n.Offset)
	case *plan.Distinct:
		return c.distinct(c.rel(n.Child, outer))
	case *plan.OrderedDistinct:
		return c.distinct(c.rel(n.Child, outer))
	case *plan.JoinNode:
		return c.join(n, outer)
	case *plan.SetOp:
		return c.setOp(n, outer)
	case *plan.RecursiveCte:
		return c.recurse(n, outer)
	case *plan.RecursiveTable:
		return c.self(n)
	}
	if touches(c.ctx, n) {
		unsupported("a %s over tables of a source cannot be expressed", "select the rows first, in a statement of their own", strings.TrimPrefix(fmt.Sprintf("%T", n), "*plan."))
	}
	if _, ok := n.(*plan.JSONTable); ok {
		unsupported("JSON_TABLE beside tables of a source cannot be expressed", "take single values with JSON_EXTRACT")
	}
	return c.foreign(n)
}

// fieldsOf pairs GMS's ids with columns: ids of a relation ascend in the order
// of its columns.
func fieldsOf(ids sql.ColSet, table string, cols []Column) []field {
	fields := make([]field, len(cols))
	for i, col := range cols {
		fields[i] = field{table: table, name: col.Name, col: col}
	}
	if ids.Len() == len(cols) {
		i := 0
		ids.ForEach(func(id sql.ColumnId) { fields[i].id = id; i++ })
	}
	return fields
}

func (c *compiler) table(n *plan.ResolvedTable) *frame {
	if plan.IsDualTable(n.Table) {
		return &frame{rel: &Values{Rows: [][]Expr{{}}}}
	}
	a := argoTable(n.Table)
	if a == nil {
		return c.foreign(n)
	}
	source, t := a.Argo()
	if v, ok := a.(ViewTable); ok {
		return c.view(source, t, v, n)
	}
	s := &Scan{Source: source, Table: t.Name}
	if d, ok := a.(DatedTable); ok {
		s.AsOf = d.AsOf()
	}
	for _, col := range n.Schema(c.ctx) {
		k := t.Lookup(col.Name)
		if k == nil {
			fail(fault.New(fault.Internal, "the catalog gives %s.%s a column %s that it does not have", source, t.Name, col.Name))
		}
		s.Cols = append(s.Cols, c.column(k.Name, columnType(k.Type).notNull(k.NotNull)))
	}
	s.Unique = unique(s, t)
	if k, ok := a.(SmallTable); ok {
		if v := c.constants(s, t, k); v != nil {
			c.views = append(c.views, source+"."+t.Name)
			return &frame{rel: v, fields: fieldsOf(n.Columns(), n.Name(), s.Cols)}
		}
	}
	return &frame{rel: s, fields: fieldsOf(n.Columns(), n.Name(), s.Cols)}
}

// foreign is what only GMS can read.
func (c *compiler) foreign(n sql.Node) *frame {
	f := &Foreign{Open: n}
	for _, col := range n.Schema(c.ctx) {
		f.Cols = append(f.Cols, c.column(col.Name, gmsType(c.ctx, col.Type).notNull(!col.Nullable)))
	}
	var ids sql.ColSet
	if t, ok := n.(plan.TableIdNode); ok {
		ids = t.Columns()
	}
	f.Name = "relation"
	if nm, ok := n.(sql.Nameable); ok {
		f.Name = nm.Name()
	}
	if rt, ok := n.(*plan.ResolvedTable); ok && rt.SqlDatabase != nil {
		f.Name = rt.SqlDatabase.Name() + "." + rt.Name()
	}
	out := &frame{rel: f, fields: fieldsOf(ids, "", f.Cols)}
	for i, col := range n.Schema(c.ctx) {
		out.fields[i].table = col.Source
	}
	return out
}

func (c *compiler) rename(f *frame, n *plan.TableAlias) *frame {
	out := &frame{rel: f.rel, known: f.known, fields: slices.Clone(f.fields)}
	schema := n.Schema(c.ctx)
	ids := fieldsOf(n.Columns(), "", f.rel.Columns())
	for i := range out.fields {
		d := &out.fields[i]
		d.table = n.Name()
		if i < len(schema) {
			d.name = schema[i].Name
		}
		if d.id == 0 && len(ids) == len(out.fields) {
			d.id = ids[i].id
		}
	}
	return out
}

// empty is a relation that GMS found to have no rows.
func (c *compiler) empty(n *plan.EmptyTable) *frame {
	v := &Values{}
	f := &frame{rel: v}
	for _, col := range n.Schema(c.ctx) {
		k := c.column(col.Name, gmsType(c.ctx, col.Type))
		v.Cols = append(v.Cols, k)
		f.fields = append(f.fields, field{table: col.Source, name: col.Name, col: k})
	}
	return f
}

// derived is a derived table, a CTE or a view.
func (c *compiler) derived(n *plan.SubqueryAlias, outer *scope) *frame {
	f := c.rel(n.Child, outer)
	if _, ok := f.rel.(*Sort); ok {
		f = unsorted(f)
	}
	f = c.exact(f)
	schema := n.Schema(c.ctx)
	out := &frame{rel: f.rel, fields: fieldsOf(n.Columns(), n.Name(), columnsOf(f))}
	for i := range out.fields {
		d := &out.fields[i]
		d.name = schema[i].Name
		if n.Columns().Len() != len(out.fields) {
			d.id = f.fields[i].id // a view keeps the ids of its definition
		}
	}
	return out
}

func columnsOf(f *frame) []Column {
	cols := make([]Column, len(f.fields))
	for i, d := range f.fields {
		cols[i] = d.col
	}
	return cols
}

// values is VALUES ROW(…), …: columns have the common type of their values.
func (c *compiler) values(n *plan.ValueDerivedTable, outer *scope) *frame {
	v := &Values{}
	for _, row := range n.ExpressionTuples {
		var out []Expr
		for _, e := range row {
			out = append(out, c.expr(e, outer))
		}
		v.Rows = append(v.Rows, out)
	}
	for i, col := range n.Schema(c.ctx) {
		column := make([]Expr, len(v.Rows))
		for j := range v.Rows {
			column[j] = v.Rows[j][i]
		}
		t := c.unify(column)
		for j := range v.Rows {
			v.Rows[j][i] = column[j]
		}
		v.Cols = append(v.Cols, c.column(col.Name, t))
	}
	return &frame{rel: v, fields: fieldsOf(n.Columns(), n.Name(), v.Cols)}
}

func (c *compiler) filter(f *frame, cond Expr) *frame {
	return &frame{rel: &Filter{In: f.rel, Cond: cond}, fields: f.fields, known: f.known}
}

// project computes a SELECT list. An order below it comes to stand above it,
// with its keys as hidden columns, so that the outermost relation orders.
func (c *compiler) project(f *frame, exprs []sql.Expression, schema sql.Schema, outer *scope) *frame {
	s := &scope{f, outer}
	p := &Project{In: f.rel}
	order, _ := f.rel.(*Sort)
	if order != nil {
		p.In = order.In
	}
	out := &frame{rel: p, known: map[string]Column{}}
	for i, e := range exprs {
		x := c.expr(e, s)
		col := c.column(schema[i].Name, x.ExprType())
		p.Exprs, p.Cols = append(p.Exprs, x), append(p.Cols, col)
		d := field{name: schema[i].Name, col: col}
		switch e := e.(type) {
		case *expression.GetField:
			d.id, d.table = e.Id(), e.Table()
		case sql.IdExpression:
			d.id = e.Id()
		}
		out.fields = append(out.fields, d)
	}
	hide := func(x Expr) *Col {
		for i := range p.Exprs {
			if sameValue(p.Exprs[i], x) {
				return p.Cols[i].ref()
			}
		}
		col := c.column("key", x.ExprType())
		p.Exprs, p.Cols = append(p.Exprs, x), append(p.Cols, col)
		return col.ref()
	}
	for _, key := range sortedKeys(f.known) {
		col := f.known[key]
		ref := hide(col.ref())
		out.known[key] = Column{ID: ref.ID, Name: col.Name, Type: ref.Type}
	}
	if order != nil {
		top := &Sort{In: p}
		for _, k := range order.Keys {
			top.Keys = append(top.Keys, SortKey{Expr: hide(k.Expr), Desc: k.Desc})
		}
		out.rel = top
	}
	return out
}

// selected is the column of a DISTINCT's result that a key of an order above it
// repeats: GMS gives ORDER BY 1 as the expression, whose columns are gone there.
func (c *compiler) selected(f *frame, key sql.Expression) Expr {
	a, ok := key.(*expression.Alias)
	if _, distinct := f.rel.(*Distinct); !distinct || !ok || !a.Unreferencable() {
		return nil
	}
	for _, d := range f.fields {
		if d.name == a.Name() {
			return d.col.ref()
		}
	}
	return nil
}

func sortedKeys(m map[string]Column) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func (c *compiler) sort(f *frame, by sql.SortConditions, outer *scope) *frame {
	s := &scope{f, outer}
	r := &Sort{In: f.rel}
	for _, k := range by {
		x := c.selected(f, k.Expr)
		if x == nil {
			x = c.expr(k.Expr, s)
		}
		if _, ok := x.(*Lit); ok {
			continue
		}
		r.Keys = append(r.Keys, SortKey{Expr: x, Desc: k.Order == sql.Descending})
	}
	if len(r.Keys) == 0 {
		return f
	}
	if below, ok := f.rel.(*Sort); ok {
		r.In = below.In
	}
	return &frame{rel: r, fields: f.fields, known: f.known}
}

func (c *compiler) limit(f *frame, count, offset sql.Expression) *frame {
	r := &Limit{In: f.rel, Count: c.amount(count), Offset: c.amount(offset)}
	return &frame{rel: r, fields: f.fields, known: f.known}
}

// amount of a LIMIT or OFFSET.
func (c *compiler) amount(e sql.Expression) Expr {
	if e == nil {
		return nil
	}
	x := c.expr(e, nil)
	switch x := x.(type) {
	case *Param:
		x.Type = bigintType
		return x
	case *Lit:
		switch v := x.Value.(type) {
		case int64:
			if v >= 0 {
				return x
			}
		case uint64:
			return nil // more rows than there can be
		}
	}
	fail(fault.New(fault.Invalid, "LIMIT and OFFSET take whole numbers that are not negative"))
	return nil
}

// distinct removes duplicates of the visible columns. An order has to be by
// them alone (MySQL's error 3065).
func (c *compiler) distinct(f *frame) *frame {
	order, ok := f.rel.(*Sort)
	if !ok {
		f = c.exact(f)
		return &frame{rel: &Distinct{In: f.rel}, fields: f.fields}
	}
	visible := map[ColID]int{}
	for i, d := range f.fields {
		visible[d.col.ID] = i
	}
	var at []int
	for i, k := range order.Keys {
		col, isCol := k.Expr.(*Col)
		j, seen := 0, false
		if isCol {
			j, seen = visible[col.ID]
		}
		if !seen {
			fail(fault.New(fault.Invalid, "Expression #%d of ORDER BY clause is not in SELECT list; this is incompatible with DISTINCT", i+1).
				WithHint("add it to the SELECT list, or use GROUP BY"))
		}
		at = append(at, j)
	}
	in := c.exact(&frame{rel: order.In, fields: f.fields})
	top := &Sort{In: &Distinct{In: in.rel}}
	for i, k := range order.Keys {
		top.Keys = append(top.Keys, SortKey{Expr: in.fields[at[i]].col.ref(), Desc: k.Desc})
	}
	return &frame{rel: top, fields: in.fields}
}

func (c *compiler) join(n *plan.JoinNode, outer *scope) *frame {
	j := &Join{}
	switch n.Op {
	case plan.JoinTypeCross, plan.JoinTypeInner:
	case plan.JoinTypeLeftOuter:
		j.Kind = LeftJoin
	case plan.JoinTypeRightOuter:
		j.Kind = RightJoin
	case plan.JoinTypeFullOuter:
		j.Kind = FullJoin
	case plan.JoinTypeSemi:
		j.Kind = SemiJoin
	case plan.JoinTypeAnti:
		j.Kind = AntiJoin
	case plan.JoinTypeLateralCross, plan.JoinTypeLateralInner:
		j.Lateral = true
	case plan.JoinTypeLateralLeft:
		j.Kind, j.Lateral = LeftJoin, true
	default:
		unsupported("a %s cannot be expressed", "use JOIN … ON or LEFT JOIN … ON", n.Op)
	}
	l := c.rel(n.Left(), outer)
	around := outer
	if j.Lateral {
		around = &scope{l, outer}
	}
	r := c.rel(n.Right(), around)
	j.L, j.R = l.rel, r.rel
	f := &frame{rel: j, fields: append(slices.Clone(l.fields), r.fields...), known: l.known}
	if n.Filter != nil {
		if cond := c.condition(n.Filter, &scope{f, outer}); !always(cond) {
			j.Cond = cond
		}
	}
	c.hoist(j)
	if j.Kind == SemiJoin || j.Kind == AntiJoin {
		f.fields = l.fields
	}
	for i := range f.fields {
		if left := i < len(l.fields); j.Kind == FullJoin || left && j.Kind == RightJoin || !left && j.Kind == LeftJoin {
			f.fields[i].col.Type.NotNull = false
		}
	}
	return f
}

// hoist takes subqueries out of the condition of an outer join, which targets
// refuse there: each is computed beside the rows of the side that it refers to,
// and the condition reads its value. One that refers to both sides makes the
// join a lateral one, whose right side holds the matches of each left row.
func (c *compiler) hoist(j *Join) {
	if j.Kind != LeftJoin && j.Kind != RightJoin && j.Kind != FullJoin || j.Cond == nil || j.Lateral {
		return
	}
	lids, rids := idsOf(j.L.Columns()), idsOf(j.R.Columns())
	both := false
	j.Cond = RewriteExpr(j.Cond, func(e Expr) Expr {
		s, ok := e.(*Subquery)
		if !ok {
			return e
		}
		right := reaches(s, rids)
		if right && reaches(s, lids) {
			both = true
			return e
		}
		col := c.column("subquery", s.Type)
		beside := &Project{In: &Values{Rows: [][]Expr{{}}}, Cols: []Column{col}, Exprs: []Expr{s}}
		side := &j.L
		if right {
			side = &j.R
		}
		*side = &Join{L: *side, R: beside, Lateral: true}
		return col.ref()
	})
	switch {
	case !both:
	case j.Kind != LeftJoin:
		unsupported("a subquery in the ON of a full join that refers to both sides cannot be expressed", "compute it in a derived table that is one side of the join")
	default:
		j.R, j.Cond, j.Lateral = &Filter{In: j.R, Cond: j.Cond}, nil, true
	}
}

// reaches says whether a subquery refers to a column of ids.
func reaches(s *Subquery, ids map[ColID]bool) bool {
	found := s.Value != nil && refers(s.Value, ids)
	Walk(s.Rel, func(r Rel) bool {
		for _, e := range Exprs(r) {
			found = found || refers(e, ids)
		}
		return !found
	})
	return found
}

// setOp compiles UNION, INTERSECT and EXCEPT: columns have the common type of
// both sides and the names of the left.
func (c *compiler) setOp(n *plan.SetOp, outer *scope) *frame {
	op := map[int]string{plan.UnionType: "union", plan.IntersectType: "intersect", plan.ExceptType: "except"}[n.SetOpType]
	if op == "" {
		unsupported("this set operation cannot be expressed", "use UNION, INTERSECT or EXCEPT")
	}
	l := c.side(c.unwrapped(n.Left()), outer)
	r := c.side(c.unwrapped(n.Right()), outer)
	if len(l.fields) != len(r.fields) {
		fail(fault.New(fault.Invalid, "The used SELECT statements have a different number of columns"))
	}
	u := &SetOp{Op: op, All: !n.Distinct}
	lx, rx := make([]Expr, len(l.fields)), make([]Expr, len(l.fields))
	names := make([]string, len(l.fields))
	f := &frame{rel: u}
	for i := range l.fields {
		pair := []Expr{l.fields[i].col.ref(), r.fields[i].col.ref()}
		t := c.unify(pair)
		lx[i], rx[i], names[i] = pair[0], pair[1], l.fields[i].col.Name
		if op == "except" {
			t.NotNull = l.fields[i].col.Type.NotNull
		}
		u.Cols = append(u.Cols, c.column(names[i], t))
		d := l.fields[i]
		d.col = u.Cols[i]
		f.fields = append(f.fields, d)
	}
	u.L, u.R = c.converted(l, lx, names), c.converted(r, rx, names)
	if len(n.SortConditions) > 0 {
		f = c.sortUnion(f, n.SortConditions)
	}
	if n.Limit != nil || n.Offset != nil {
		f = c.limit(f, n.Limit, n.Offset)
	}
	return f
}

// sortUnion orders a set operation by its columns. GMS gives the expression of
// the left side where that is neither a column nor an alias (ORDER BY 1 over
// SELECT 1): the column is the one that is called so.
func (c *compiler) sortUnion(f *frame, by sql.SortConditions) *frame {
	s := &scope{frame: f}
	r := &Sort{In: f.rel}
	for _, k := range by {
		var found *field
		if gf, ok := k.Expr.(*expression.GetField); ok {
			if found = s.byID(gf.Id()); found == nil {
				found = s.byName(gf.Table(), gf.Name())
			}
		}
		name := c.nameOf(k.Expr)
		if l, ok := k.Expr.(*expression.Literal); ok {
			if text, ok := l.Value().(string); ok {
				name = text
			}
		}
		for i := range f.fields {
			if found == nil && strings.EqualFold(f.fields[i].name, name) {
				found = &f.fields[i]
			}
		}
		if found == nil {
			unsupported("ORDER BY %s of a set operation is none of its columns", "give the column an alias and order by that", k.Expr)
		}
		r.Keys = append(r.Keys, SortKey{Expr: found.col.ref(), Desc: k.Order == sql.Descending})
	}
	return &frame{rel: r, fields: f.fields}
}

func (c *compiler) side(n sql.Node, outer *scope) *frame {
	f := c.rel(n, outer)
	if _, ok := f.rel.(*Sort); ok {
		f = unsorted(f)
	}
	return c.exact(f)
}

// converted projects f to exprs where they are not its columns already.
func (c *compiler) converted(f *frame, exprs []Expr, names []string) Rel {
	changed := false
	for _, e := range exprs {
		if _, ok := e.(*Col); !ok {
			changed = true
		}
	}
	if !changed {
		return f.rel
	}
	p := &Project{In: f.rel, Exprs: exprs}
	for i, e := range exprs {
		p.Cols = append(p.Cols, c.column(names[i], e.ExprType()))
	}
	return p
}

// unwrapped takes away the projection in which GMS converts a side of a set
// operation by its own rules: every column of the child by name, in order,
// some of them converted.
func (c *compiler) unwrapped(n sql.Node) sql.Node {
	p, ok := n.(*plan.Project)
	if !ok {
		return n
	}
	schema := p.Child.Schema(c.ctx)
	if len(schema) != len(p.Projections) {
		return n
	}
	for i, e := range p.Projections {
		name := schema[i].Name
		if a, ok := e.(*expression.Alias); ok {
			if a.Name() != name || a.Id() != 0 {
				return n
			}
			e = a.Child
			if k, ok := e.(*expression.Convert); ok {
				e = k.Child
			}
		}
		gf, ok := e.(*expression.GetField)
		if !ok || gf.TableId() != 0 || gf.Name() != name {
			return n
		}
	}
	return p.Child
}

// recurse compiles WITH RECURSIVE: the columns have the types of the first
// part, and can be NULL.
func (c *compiler) recurse(n *plan.RecursiveCte, outer *scope) *frame {
	init := c.side(c.unwrapped(n.Left()), outer)
	r := &Recursive{Name: n.Name(), All: !n.Union().Distinct, Init: init.rel}
	names := make([]string, len(init.fields))
	for i, d := range init.fields {
		names[i] = d.name
		if len(n.ColumnNames) == len(init.fields) {
			names[i] = n.ColumnNames[i]
		}
		r.Cols = append(r.Cols, c.column(names[i], unbool(d.col.Type).notNull(false)))
	}
	name := strings.ToLower(n.Name())
	before, nested := c.recursive[name]
	c.recursive[name] = r.Cols
	step := c.side(c.unwrapped(n.Right()), outer)
	delete(c.recursive, name)
	if nested {
		c.recursive[name] = before
	}
	if len(step.fields) != len(r.Cols) {
		fail(fault.New(fault.Invalid, "The used SELECT statements have a different number of columns"))
	}
	first, next := make([]Expr, len(r.Cols)), make([]Expr, len(r.Cols))
	for i, col := range r.Cols {
		first[i] = c.cast(init.fields[i].col.ref(), col.Type, true)
		next[i] = c.cast(step.fields[i].col.ref(), col.Type, true)
	}
	r.Init, r.Step = c.converted(init, first, names), c.converted(step, next, names)
	f := &frame{rel: r, fields: fieldsOf(n.Columns(), n.Name(), r.Cols)}
	if u := n.Union(); len(u.SortConditions) > 0 || u.Limit != nil || u.Offset != nil {
		if len(u.SortConditions) > 0 {
			f = c.sortUnion(f, u.SortConditions)
		}
		f = c.limit(f, u.Limit, u.Offset)
	}
	return f
}

func (c *compiler) self(n *plan.RecursiveTable) *frame {
	cols, ok := c.recursive[strings.ToLower(n.Name())]
	if !ok {
		unsupported("the recursive table %s is read in a place that cannot be expressed", "read it in the FROM of the recursive part only", n.Name())
	}
	s := &Self{Name: n.Name()}
	for _, col := range cols {
		s.Cols = append(s.Cols, c.column(col.Name, col.Type))
	}
	return &frame{rel: s, fields: fieldsOf(n.Columns(), n.Name(), s.Cols)}
}
