package algebra

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/expression"
	"github.com/dolthub/go-mysql-server/sql/expression/function/aggregation"
	"github.com/dolthub/go-mysql-server/sql/expression/function/aggregation/window"
	"github.com/dolthub/go-mysql-server/sql/plan"
)

// groupBy compiles the grouping; what is selected beside keys and aggregates
// is some value of the group, as MySQL allows where it cannot matter.
func (c *compiler) groupBy(n *plan.GroupBy, outer *scope) *frame {
	in := c.rel(n.Child, outer)
	s := &scope{in, outer}
	if f := c.anyValues(n, s); f != nil {
		return f
	}
	a := &Aggregate{In: in.rel}
	f := &frame{rel: a, known: map[string]Column{}}
	for _, e := range n.GroupByExprs {
		key := c.fingerprint(e)
		if _, ok := f.known[key]; ok {
			continue
		}
		x := c.expr(e, s)
		col := c.column(c.nameOf(e), x.ExprType())
		a.Keys, a.KeyCols = append(a.Keys, x), append(a.KeyCols, col)
		f.known[key] = col
	}
	for _, e := range n.SelectDeps {
		d := field{name: c.nameOf(e)}
		if gf, ok := e.(*expression.GetField); ok {
			d.id, d.table = gf.Id(), gf.Table()
			if !c.within(in, gf) {
				continue // an outer query's
			}
		} else if ide, ok := e.(sql.IdExpression); ok {
			d.id = ide.Id()
		}
		if col, ok := f.known[c.fingerprint(e)]; ok {
			d.col = col
			f.fields = append(f.fields, d)
			continue
		}
		var agg Agg
		if x, ok := e.(sql.Aggregation); ok {
			agg = c.aggregate(x, s)
		} else {
			x := c.expr(e, s)
			agg = Agg{Func: "any_value", Args: []Expr{x}, Type: x.ExprType().notNull(x.ExprType().NotNull && len(a.Keys) > 0)}
		}
		d.col = c.column(agg.Func, agg.Type)
		a.Aggs, a.AggCols = append(a.Aggs, agg), append(a.AggCols, d.col)
		f.fields = append(f.fields, d)
	}
	return f
}

// anyValues is a grouping by nothing that computes nothing but ANY_VALUE: to
// MySQL that is no aggregate, and every row is its own. Else it gives nil.
func (c *compiler) anyValues(n *plan.GroupBy, s *scope) *frame {
	if len(n.GroupByExprs) > 0 {
		return nil
	}
	found := false
	for _, e := range n.SelectDeps {
		if _, ok := e.(sql.Aggregation); ok {
			if _, ok := e.(*aggregation.AnyValue); !ok {
				return nil
			}
			found = true
		}
	}
	if !found {
		return nil
	}
	p := &Project{In: s.rel}
	f := &frame{rel: p}
	for _, e := range n.SelectDeps {
		d := field{name: c.nameOf(e)}
		x := e
		switch e := e.(type) {
		case *aggregation.AnyValue:
			d.id, x = e.Id(), e.Children()[0]
		case *expression.GetField:
			d.id, d.table = e.Id(), e.Table()
			if !c.within(s.frame, e) {
				continue
			}
		}
		value := c.expr(x, s)
		d.col = c.column(d.name, value.ExprType())
		p.Exprs, p.Cols = append(p.Exprs, value), append(p.Cols, d.col)
		f.fields = append(f.fields, d)
	}
	return f
}

func (c *compiler) within(f *frame, gf *expression.GetField) bool {
	s := &scope{frame: f}
	return s.byID(gf.Id()) != nil || gf.Id() == 0 && s.byName(gf.Table(), gf.Name()) != nil
}

func (c *compiler) nameOf(e sql.Expression) string {
	if n, ok := e.(sql.Nameable); ok {
		return n.Name()
	}
	return e.String()
}

// aggregate compiles an aggregate call; also that of a window.
func (c *compiler) aggregate(e sql.Expression, s *scope) Agg {
	c.checkScope(e, s)
	if g, ok := e.(*aggregation.GroupConcat); ok {
		return c.groupConcat(g, s)
	}
	agg := Agg{}
	var children []sql.Expression
	switch e := e.(type) {
	case *aggregation.CountDistinct:
		agg.Func, agg.Distinct, children = "count", true, e.ChildExpressions
	case *aggregation.JSONObjectAgg:
		agg.Func, children = "json_objectagg", e.Children()[:2]
	case *aggregation.JsonArray:
		agg.Func, children = "json_arrayagg", e.Children()[:1]
	case *aggregation.Count:
		agg.Func, children = "count", e.Children()[:1]
	case *aggregation.Sum:
		agg.Func, children = "sum", e.Children()[:1]
	case *aggregation.Avg:
		agg.Func, children = "avg", e.Children()[:1]
	case *aggregation.Min:
		agg.Func, children = "min", e.Children()[:1]
	case *aggregation.Max:
		agg.Func, children = "max", e.Children()[:1]
	case *aggregation.AnyValue:
		agg.Func, children = "any_value", e.Children()[:1]
	case *aggregation.BitAnd:
		agg.Func, children = "bit_and", e.Children()[:1]
	case *aggregation.BitOr:
		agg.Func, children = "bit_or", e.Children()[:1]
	case *aggregation.BitXor:
		agg.Func, children = "bit_xor", e.Children()[:1]
	case *aggregation.StdDevPop:
		agg.Func, children = "stddev_pop", e.Children()[:1]
	case *aggregation.StdDevSamp:
		agg.Func, children = "stddev_samp", e.Children()[:1]
	case *aggregation.VarPop:
		agg.Func, children = "var_pop", e.Children()[:1]
	case *aggregation.VarSamp:
		agg.Func, children = "var_samp", e.Children()[:1]
	default:
		unsupported("the aggregate %s cannot be expressed", "MySQL has COUNT, SUM, AVG, MIN, MAX, ANY_VALUE, GROUP_CONCAT and their like", e)
	}
	for _, child := range children {
		if d, ok := child.(*expression.DistinctExpression); ok {
			agg.Distinct, child = true, d.Child
		}
		if _, ok := child.(*expression.Star); ok {
			continue
		}
		agg.Args = append(agg.Args, c.expr(child, s))
	}
	c.typeAggregate(&agg)
	return agg
}

// typeAggregate gives an aggregate its type and its arguments the kind that it
// computes with.
func (c *compiler) typeAggregate(a *Agg) {
	switch a.Func {
	case "count":
		if l, ok := first1(a.Args).(*Lit); ok && l.Value != nil && !a.Distinct {
			a.Args = nil
		}
		a.Type = bigintType.notNull(true)
		return
	case "json_arrayagg", "json_objectagg":
		a.Type = jsonType
		return
	case "min", "max", "any_value":
		t := a.Args[0].ExprType()
		if l := t.Bool; l && a.Func != "any_value" {
			a.Args[0] = c.number(a.Args[0])
			t = a.Args[0].ExprType()
		}
		a.Type = t.notNull(false)
		return
	case "bit_and", "bit_or", "bit_xor":
		a.Args[0] = c.integer(a.Args[0])
		a.Type = Type{Kind: Int, Unsigned: true, Precision: 20, NotNull: true}
		return
	}
	x := c.number(a.Args[0])
	t := x.ExprType()
	switch {
	case t.Kind == Null:
		t = doubleType
		fallthrough
	case t.Kind == Double:
		a.Type = doubleType
	case a.Func == "sum":
		a.Type = decimalType(t.digits()+22, t.scale())
	case a.Func == "avg":
		a.Type = decimalType(t.digits()+c.divIncrement(), t.scale()+c.divIncrement())
	default: // STD, VARIANCE: doubles
		a.Type = doubleType
		x = c.cast(x, doubleType.notNull(t.NotNull), true)
	}
	if p, ok := x.(*Param); ok && p.Type.Kind == Null {
		p.Type = doubleType
	}
	a.Args[0] = x
}

func first1(es []Expr) Expr {
	if len(es) == 0 {
		return nil
	}
	return es[0]
}

// checkScope refuses an aggregate of nothing but outer columns, which MySQL
// would compute in the outer query.
func (c *compiler) checkScope(e sql.Expression, s *scope) {
	inner, outside := false, false
	sql.Inspect(c.ctx, e, func(_ *sql.Context, e sql.Expression) bool {
		if gf, ok := e.(*expression.GetField); ok {
			if c.within(s.frame, gf) {
				inner = true
			} else {
				outside = true
			}
		}
		return true
	})
	if outside && !inner {
		unsupported("an aggregate of an outer query's columns cannot be expressed inside of a subquery", "compute it in a derived table of the outer query")
	}
}

func (c *compiler) groupConcat(g *aggregation.GroupConcat, s *scope) Agg {
	agg := Agg{Func: "group_concat", Distinct: hidden(g, "distinct").String() != "", Separator: hidden(g, "separator").String()}
	nOrder := hidden(g, "sortConditions").Len()
	for i, e := range g.Children() {
		if i < nOrder {
			desc := hidden(g, "sortConditions").Index(i).FieldByName("Order").Uint() == uint64(sql.Descending)
			if x := c.expr(e, s); !isLit(x) {
				agg.OrderBy = append(agg.OrderBy, SortKey{Expr: x, Desc: desc})
			}
			continue
		}
		if d, ok := e.(*expression.DistinctExpression); ok {
			agg.Distinct, e = true, d.Child
		}
		agg.Args = append(agg.Args, c.text(c.expr(e, s)))
	}
	n := c.sess.GroupConcatMaxLen
	if n == 0 {
		n = 1024
	}
	agg.Type = Type{Kind: Text, Length: n, Collation: collationOf(agg.Args...)}
	return agg
}

func isLit(e Expr) bool { _, ok := e.(*Lit); return ok }

// window adds the columns of window functions.
func (c *compiler) window(n *plan.Window, outer *scope) *frame {
	in := c.rel(n.Child, outer)
	s := &scope{in, outer}
	w := &Window{In: in.rel}
	f := &frame{rel: w, known: in.known}
	for _, e := range n.SelectExprs {
		if gf, ok := e.(*expression.GetField); ok {
			col := c.field(gf, s).(*Col)
			f.fields = append(f.fields, field{gf.Id(), gf.Table(), gf.Name(), Column{col.ID, col.Name, col.Type}})
			continue
		}
		call := c.windowCall(e, s)
		col := c.column(call.Func, call.Type)
		w.Calls, w.Cols = append(w.Calls, call), append(w.Cols, col)
		d := field{name: c.nameOf(e), col: col}
		if ide, ok := e.(sql.IdExpression); ok {
			d.id = ide.Id()
		}
		f.fields = append(f.fields, d)
	}
	if len(w.Calls) == 0 {
		f.rel = in.rel
	}
	return f
}

// counting is the type of the numbers that windows count with.
var counting = Type{Kind: Int, Unsigned: true, Precision: 20, NotNull: true}

func (c *compiler) windowCall(e sql.Expression, s *scope) WindowCall {
	call := WindowCall{}
	arg := func(e sql.Expression) Expr { return c.expr(e, s) }
	switch e := e.(type) {
	case *window.RowNumber:
		call.Func, call.Type = "row_number", counting
	case *window.Rank:
		call.Func, call.Type = "rank", counting
	case *window.DenseRank:
		call.Func, call.Type = "dense_rank", counting
	case *window.PercentRank:
		call.Func, call.Type = "percent_rank", doubleType.notNull(true)
	case *window.NTile:
		call.Func, call.Type = "ntile", counting
		call.Args = []Expr{wholeLit(c.bucketCount(e))}
	case *window.FirstValue:
		call.Func, call.Args = "first_value", []Expr{arg(e.Child)}
	case *window.LastValue:
		call.Func, call.Args = "last_value", []Expr{arg(e.Child)}
	case *window.Lag:
		call.Func = "lag"
		call.Args = c.shiftArgs(e.ChildExpressions, int(hidden(e, "offset").Int()), s)
	case *window.Lead:
		call.Func = "lead"
		call.Args = c.shiftArgs(e.ChildExpressions, int(hidden(e, "offset").Int()), s)
	default:
		agg := c.aggregate(e, s)
		if agg.Distinct {
			unsupported("DISTINCT in a window function cannot be expressed, as MySQL refuses it too", "aggregate in a derived table first")
		}
		call.Func, call.Args, call.Type = agg.Func, agg.Args, agg.Type
	}
	switch call.Func {
	case "first_value", "last_value":
		call.Type = call.Args[0].ExprType().notNull(false)
	case "lag", "lead":
		call.Type = call.Args[0].ExprType().notNull(false)
	}
	c.over(&call, e.(sql.WindowAdaptableExpression).Window(), s)
	return call
}

// bucketCount of an NTILE, which GMS keeps to itself.
func (c *compiler) bucketCount(e *window.NTile) int64 {
	v := hidden(e, "bucketExpr")
	if v = v.Elem(); v.Kind() == reflect.Pointer {
		if v = v.Elem().FieldByName("Val").Elem(); v.CanInt() && v.Int() > 0 {
			return v.Int()
		} else if v.CanUint() && v.Uint() > 0 {
			return int64(v.Uint())
		}
	}
	unsupported("NTILE needs a constant number of buckets that is positive", "write it as a number")
	return 0
}

func (c *compiler) shiftArgs(children []sql.Expression, offset int, s *scope) []Expr {
	value := []Expr{c.expr(children[0], s)}
	if len(children) > 1 {
		value = append(value, c.expr(children[1], s))
		c.unify(value)
		return []Expr{value[0], wholeLit(int64(offset)), value[1]}
	}
	return []Expr{value[0], wholeLit(int64(offset))}
}

func (c *compiler) over(call *WindowCall, def *sql.WindowDefinition, s *scope) {
	if def == nil {
		return
	}
	for _, e := range def.PartitionBy {
		call.PartitionBy = append(call.PartitionBy, c.expr(e, s))
	}
	for _, k := range def.OrderBy {
		call.OrderBy = append(call.OrderBy, SortKey{Expr: c.expr(k.Expr, s), Desc: k.Order == sql.Descending})
	}
	f := def.Frame
	if f == nil {
		return
	}
	if len(call.OrderBy) == 0 && f.UnboundedPreceding() && f.UnboundedFollowing() {
		return // all rows: the default without an order
	}
	call.Frame = &Frame{
		Rows:  strings.Contains(fmt.Sprintf("%T", f), "plan.Rows"),
		Start: c.bound(f.UnboundedPreceding(), f.StartCurrentRow(), f.StartNPreceding(), f.StartNFollowing(), s),
		End:   c.bound(f.UnboundedFollowing(), f.EndCurrentRow(), f.EndNPreceding(), f.EndNFollowing(), s),
	}
}

func (c *compiler) bound(unbounded, current bool, preceding, following sql.Expression, s *scope) Bound {
	b := Bound{Unbounded: unbounded, Current: current, Preceding: preceding != nil}
	e := preceding
	if e == nil {
		e = following
	}
	switch e := e.(type) {
	case nil:
	case *expression.Interval:
		b.Offset = &Call{Func: "interval", Args: []Expr{c.expr(e.Child, s), unitLit(strings.ToUpper(e.Unit))}}
	default:
		b.Offset = c.expr(e, s)
	}
	return b
}
