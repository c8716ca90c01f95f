package duckdb

import (
	"fmt"
	"strings"

	"argo/server/algebra"
)

func (r *renderer) aggregate(n *algebra.Aggregate) query {
	q := r.rel(n.In).open()
	q.order = nil
	was := r.outside
	r.outside = true
	defer func() { r.outside = was }()
	cols := make([]string, 0, len(n.Keys)+len(n.Aggs))
	groups := make([]string, len(n.Keys))
	for i, e := range n.Keys {
		f := r.expr(e).plain().settled()
		groups[i] = r.key(f)
		if f.lit != nil {
			groups[i] = castTo(groups[i], "VARCHAR") // a bare constant would be a position
		}
		shown := f.sql
		if groups[i] != f.sql && f.lit == nil {
			shown = call("first", f.sql)
		}
		cols = append(cols, as(shown, n.KeyCols[i].ID))
	}
	for i, a := range n.Aggs {
		f := r.agg(aggCall{name: a.Func, args: a.Args, distinct: a.Distinct, order: a.OrderBy, separator: a.Separator, t: a.Type}, "")
		if f.t.Kind == algebra.Decimal && f.t.Scale > f.declared {
			r.loose[n.AggCols[i].ID] = f
		}
		cols = append(cols, as(f.sql, n.AggCols[i].ID))
	}
	q.cols = list(cols)
	if len(groups) > 0 {
		q.tail = " GROUP BY " + strings.Join(groups, ", ")
	} else if len(n.Aggs) == 0 {
		q.cols = "count(*) AS one"
	}
	return q
}

// aggCall is an aggregate, over a group or a window.
type aggCall struct {
	name      string
	args      []algebra.Expr
	distinct  bool
	order     []algebra.SortKey
	separator string
	t         algebra.Type
}

// quotientDigits is how many digits after the point MySQL computes of a
// quotient: its decimals divide in words of nine digits, and the rest is cut.
// What it shows is rounded from these.
func quotientDigits(dividend, divisor, increment int) int {
	words := func(n int) int { return (n + 8) / 9 * 9 }
	a, b := words(dividend), words(divisor)
	return words(a + b + max(0, increment-(a-dividend)-(b-divisor)))
}

// agg renders an aggregate; over is "" or its OVER clause.
func (r *renderer) agg(a aggCall, over string) frag {
	args := make([]frag, len(a.args))
	for i, e := range a.args {
		args[i] = r.expr(e).plain()
	}
	if len(args) == 0 && a.name != "count" {
		return r.unsupported("the aggregate %s needs an argument", strings.ToUpper(a.name))
	}
	distinct := ""
	if a.distinct {
		distinct = "DISTINCT "
	}
	fn := func(name, arg string) string { return name + "(" + distinct + arg + ")" + over }
	switch a.name {
	case "count":
		switch {
		case len(args) == 0:
			return value("count(*)"+over, bigint)
		case len(args) == 1 && !a.distinct:
			return value(fn("count", args[0].sql), bigint)
		case len(args) == 1:
			return value(fn("count", r.key(args[0].settled())), bigint)
		}
		keys, present := make([]string, len(args)), make([]string, len(args))
		for i, f := range args {
			keys[i], present[i] = r.key(f), f.sql+" IS NOT NULL"
		}
		return value("count(DISTINCT row("+strings.Join(keys, ", ")+")) FILTER (WHERE "+strings.Join(present, " AND ")+")"+over, bigint)
	case "sum":
		f := r.number(args[0])
		switch f.t.Kind {
		case algebra.Double:
			return value(call("argo_finite", fn("sum", f.sql)), doubleT)
		case algebra.Decimal:
			return r.declare(value(fn("sum", f.sql), decimalT(f.t.Scale)), a.t)
		}
		return r.declare(value(castTo(fn("sum", f.sql), "DECIMAL(38,0)"), decimalT(0)), a.t)
	case "avg":
		f := r.number(args[0])
		if f.t.Kind == algebra.Double {
			return value(call("argo_finite", fn("avg", f.sql)), doubleT)
		}
		scale := 0
		if f.t.Kind == algebra.Decimal {
			scale = f.t.Scale
		}
		declared := a.t.Scale
		if a.t.Kind != algebra.Decimal {
			declared = min(scale+r.increment(), 30)
		}
		digits := min(quotientDigits(scale, 0, r.increment()), 30)
		digits = max(digits, declared)
		g := unscaled(call("argo_quotient", fn("sum", f.sql), fn("count", f.sql), intLiteral(int64(digits-scale))), digits)
		g.declared = declared
		if over != "" { // over a window it is rounded at once
			return g.settled()
		}
		return g
	case "min", "max":
		f := args[0]
		if ciText(f.t) {
			return value(call("arg_"+a.name, f.sql, r.key(f))+over, f.t)
		}
		g := f
		g.sql, g.lit = call(a.name, f.sql)+over, nil
		return g
	case "any_value", "first":
		g := args[0]
		g.sql, g.lit = call("first", g.sql)+over, nil
		return g
	case "group_concat":
		return r.groupConcat(a, args)
	case "std", "stddev", "stddev_pop", "stddev_samp", "variance", "var_pop", "var_samp":
		name := map[string]string{"std": "stddev_pop", "stddev": "stddev_pop", "variance": "var_pop"}[a.name]
		if name == "" {
			name = a.name
		}
		return value(call("argo_finite", fn(name, r.double(args[0]).sql)), doubleT)
	case "bit_and", "bit_or", "bit_xor":
		empty := "0"
		if a.name == "bit_and" {
			empty = "18446744073709551615"
		}
		bits := r.castInt(r.int(args[0]), ubigint).sql
		return value("coalesce("+call(a.name, bits)+over+", CAST('"+empty+"' AS UBIGINT))", ubigint)
	case "json_arrayagg":
		return value("'[' || string_agg(coalesce("+r.json(args[0], false)+", 'null'), ', ')"+over+" || ']'", jsonT)
	}
	if a.name == "json_objectagg" && len(args) == 2 {
		pair := call("argo_json_quote", r.text(args[0]).sql) + " || ': ' || coalesce(" + r.json(args[1], false) + ", 'null')"
		return value(call("argo_json", "'{' || string_agg("+pair+", ', ')"+over+" || '}'"), jsonT)
	}
	return r.unsupported("the aggregate %s is not supported", strings.ToUpper(a.name))
}

// declare gives the value of an aggregate the type that was asked for.
func (r *renderer) declare(f frag, t algebra.Type) frag {
	switch t.Kind {
	case algebra.Double:
		return r.double(f)
	case algebra.Int:
		return value(castTo(f.sql, TypeName(t)), t)
	}
	return f
}

func (r *renderer) increment() int {
	if r.session.DivPrecisionIncr > 0 {
		return r.session.DivPrecisionIncr
	}
	return 4
}

// groupConcat cuts at group_concat_max_len, as MySQL does.
func (r *renderer) groupConcat(a aggCall, args []frag) frag {
	parts := make([]string, len(args))
	t := textT
	t.Collation = algebra.Bin
	for i, f := range args {
		g := r.text(f)
		parts[i] = g.sql
		if ciText(g.t) {
			t.Collation = algebra.CI
		}
	}
	item := value("("+strings.Join(parts, " || ")+")", t)
	limit := r.session.GroupConcatMaxLen
	if limit <= 0 {
		limit = 1024
	}
	separator := textLiteral(a.separator)
	var keys []string
	desc := map[bool]bool{}
	sameKey := len(a.order) > 0
	for _, k := range a.order {
		f := r.expr(k.Expr).plain()
		sameKey = sameKey && len(args) == 1 && f.sql == args[0].sql
		keys = append(keys, r.key(f)+direction(k.Desc))
		desc[k.Desc] = true
	}
	cut := func(sql string) frag { return value(call("argo_cut", sql, fmt.Sprint(limit)), t) }
	if !a.distinct {
		order := ""
		if len(keys) > 0 {
			order = " ORDER BY " + strings.Join(keys, ", ")
		}
		return cut("string_agg(" + item.sql + ", " + separator + order + ")")
	}
	// DISTINCT: the items sorted by what makes them equal, without those that
	// equal the one before, and sorted again where another order is wanted.
	distinctKey := r.key(item)
	if len(args) == 1 && args[0].t.Kind != algebra.Text {
		distinctKey = args[0].sql
	}
	dir := " ASC NULLS FIRST"
	if sameKey && desc[true] {
		dir = direction(true)
	}
	var extra []string
	if !sameKey {
		if len(desc) > 1 {
			return r.unsupported("GROUP_CONCAT(DISTINCT …) with both ascending and descending keys is not supported")
		}
		for i, k := range a.order {
			extra = append(extra, fmt.Sprintf("o%d: %s", i, r.key(r.expr(k.Expr).plain())))
		}
	}
	fields := append(extra, "k: "+distinctKey, "v: "+item.sql)
	l := fmt.Sprintf("list({%s} ORDER BY %s%s) FILTER (WHERE %s IS NOT NULL)", strings.Join(fields, ", "), distinctKey, dir, item.sql)
	name := r.helper()
	once := fmt.Sprintf("list_transform(generate_series(1, len(%[1]s)), lambda i: CASE WHEN i = 1 OR %[1]s[i].k IS DISTINCT FROM %[1]s[i-1].k THEN %[1]s[i] END)", name)
	once = "list_filter(" + once + ", lambda e: e IS NOT NULL)"
	if len(extra) > 0 {
		word := "'ASC', 'NULLS FIRST'"
		if desc[true] {
			word = "'DESC', 'NULLS LAST'"
		}
		once = "list_sort(" + once + ", " + word + ")"
	}
	joined := "array_to_string(list_transform(" + once + ", lambda e: e.v), " + separator + ")"
	return cut("(SELECT " + joined + " FROM (SELECT " + l + " AS " + name + "))")
}

func (r *renderer) window(n *algebra.Window) query {
	q := r.rel(n.In).open()
	cols := []string{"*"}
	for i, c := range n.Calls {
		f := r.windowCall(c).settled()
		cols = append(cols, as(f.sql, n.Cols[i].ID))
	}
	if len(q.where) > 0 { // windows see the filtered rows only, which SQL says too
		q = query{from: q.item(), order: q.order}
	}
	q.cols = strings.Join(cols, ", ")
	return q
}

func (r *renderer) windowCall(c algebra.WindowCall) frag {
	var spec []string
	if len(c.PartitionBy) > 0 {
		keys := make([]string, len(c.PartitionBy))
		for i, e := range c.PartitionBy {
			keys[i] = r.key(r.expr(e).plain())
		}
		spec = append(spec, "PARTITION BY "+strings.Join(keys, ", "))
	}
	if len(c.OrderBy) > 0 {
		keys := make([]string, len(c.OrderBy))
		for i, k := range c.OrderBy {
			keys[i] = r.key(r.expr(k.Expr).plain()) + direction(k.Desc)
		}
		spec = append(spec, "ORDER BY "+strings.Join(keys, ", "))
	}
	if c.Frame != nil {
		unit := "RANGE"
		if c.Frame.Rows {
			unit = "ROWS"
		}
		spec = append(spec, unit+" BETWEEN "+r.bound(c.Frame.Start, true)+" AND "+r.bound(c.Frame.End, false))
	}
	over := " OVER (" + strings.Join(spec, " ") + ")"
	args := func() []frag {
		out := make([]frag, len(c.Args))
		for i, e := range c.Args {
			out[i] = r.expr(e).plain()
		}
		return out
	}
	switch c.Func {
	case "row_number", "rank", "dense_rank":
		return value(call(c.Func)+over, bigint)
	case "percent_rank", "cume_dist":
		return value(call(c.Func)+over, doubleT)
	case "ntile":
		return value(call("ntile", r.signed(args()[0]))+over, bigint)
	case "first_value", "last_value":
		f := args()[0]
		return r.like(f, call(c.Func, f.sql)+over)
	case "nth_value":
		a := args()
		return r.like(a[0], call("nth_value", a[0].sql, r.signed(a[1]))+over)
	case "lag", "lead":
		a := args()
		f := r.cast(a[0].settled(), c.Type, true)
		in := []string{f.sql}
		if len(a) > 1 {
			in = append(in, castTo(r.signed(a[1]), "INTEGER"))
		}
		if len(a) > 2 {
			in = append(in, r.cast(a[2].settled(), c.Type, true).sql)
		}
		return r.like(f, call(c.Func, in...)+over)
	}
	return r.agg(aggCall{name: c.Func, args: c.Args, distinct: c.Distinct, t: c.Type}, over)
}

// like is other text of the type of f.
func (r *renderer) like(f frag, sql string) frag {
	f.sql, f.lit, f.cond = sql, nil, false
	return f
}

func (r *renderer) bound(b algebra.Bound, start bool) string {
	word := " FOLLOWING"
	if b.Preceding {
		word = " PRECEDING"
	}
	switch {
	case b.Current:
		return "CURRENT ROW"
	case b.Unbounded, b.Offset == nil:
		if start {
			return "UNBOUNDED PRECEDING"
		}
		return "UNBOUNDED FOLLOWING"
	}
	if c, ok := b.Offset.(*algebra.Call); ok && c.Func == "interval" && len(c.Args) == 2 {
		unit, _ := r.constant(c.Args[1])
		make, ok := map[string]string{"day": "to_days", "week": "to_weeks", "month": "to_months", "year": "to_years",
			"hour": "to_hours", "minute": "to_minutes"}[strings.ToLower(unit)]
		if !ok {
			r.unsupported("a window frame of the unit %q is not supported", unit)
		}
		return call(make, castTo(r.signed(r.expr(c.Args[0])), "INTEGER")) + word
	}
	return r.number(r.expr(b.Offset)).sql + word
}
