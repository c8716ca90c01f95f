package duckdb

import (
	"fmt"
	"maps"
	"strings"

	"argo/server/algebra"
	"argo/tables/fault"
)

// expr renders a value.
func (r *renderer) expr(e algebra.Expr) frag {
	if r.err != nil {
		return value("NULL", algebra.Type{Kind: algebra.Null})
	}
	switch e := e.(type) {
	case *algebra.Col:
		return r.column(e.ID, e.Type)
	case *algebra.Lit:
		return r.literal(e)
	case *algebra.Param: // only described, never run
		return value("CAST(NULL AS "+TypeName(e.Type)+")", e.Type)
	case *algebra.Call:
		return r.call(e)
	case *algebra.Case:
		return r.choice(e)
	case *algebra.Cast:
		f := r.expr(e.In)
		switch {
		case e.Type.Kind == algebra.JSON && e.Implied && f.t.Kind == algebra.Text:
			return value(call("argo_json_quote", f.sql), e.Type) // a string, not a document
		case e.Type.Kind == algebra.Text && e.Implied && f.t.Kind == algebra.Text:
			f.t = e.Type
			return f
		}
		return r.cast(f, e.Type, e.Implied)
	case *algebra.In:
		return r.in(e)
	case *algebra.Subquery:
		return r.subquery(e)
	}
	return r.fail(fault.New(fault.Internal, "the expression %T cannot be rendered", e))
}

// constant gives the text of a constant argument.
func (r *renderer) constant(e algebra.Expr) (string, bool) {
	if l, ok := e.(*algebra.Lit); ok {
		s, ok := l.Value.(string)
		return s, ok
	}
	return "", false
}

// whole gives the value of a constant whole number.
func whole(e algebra.Expr) (int64, bool) {
	if l, ok := e.(*algebra.Lit); ok {
		switch n := l.Value.(type) {
		case int64:
			return n, true
		case uint64:
			return int64(n), n < 1<<62
		}
	}
	return 0, false
}

func (r *renderer) call(c *algebra.Call) frag {
	if render, ok := r.can[c.Func]; ok {
		least, ok := arity[c.Func]
		if !ok {
			least = 1
		}
		if len(c.Args) < least {
			return r.fail(fault.New(fault.Internal, "%s has %d arguments, not %d", strings.ToUpper(c.Func), len(c.Args), least))
		}
		return render(r, c)
	}
	return r.fail(fault.New(fault.Unsupported, "the function %s is not supported", strings.ToUpper(c.Func)))
}

// renderCall renders one function.
type renderCall func(r *renderer, c *algebra.Call) frag

// capabilities is what can be rendered, by name; what is not in one of the
// families is not supported.
func capabilities() map[string]renderCall {
	all := map[string]renderCall{}
	for _, family := range []map[string]renderCall{operators, controls, numbers, texts, dates, documents} {
		maps.Copy(all, family)
	}
	return all
}

// arity is the least number of arguments where it is not 1. The compiler sees
// to it; here it keeps a defect from being a panic.
var arity = map[string]int{
	"=": 2, "!=": 2, "<": 2, "<=": 2, ">": 2, ">=": 2, "<=>": 2, "xor": 2, "+": 2, "*": 2, "/": 2, "div": 2, "%": 2,
	"&": 2, "|": 2, "^": 2, "<<": 2, ">>": 2, "like": 2, "regexp": 2, "regexp_like": 2, "if": 3, "nullif": 2,
	"pi": 0, "rand": 0, "uuid": 0, "truncate": 2, "power": 2, "pow": 2, "log": 2, "mod": 2, "conv": 3, "format": 2,
	"period_add": 2, "period_diff": 2, "concat_ws": 2, "left": 2, "right": 2, "substring": 2, "substring_index": 3,
	"replace": 3, "repeat": 2, "lpad": 3, "rpad": 3, "insert": 4, "elt": 2, "field": 2, "make_set": 2, "locate": 2,
	"position": 2, "instr": 2, "strcmp": 2, "find_in_set": 2, "regexp_instr": 2, "regexp_substr": 2,
	"regexp_replace": 3, "sha2": 2, "datediff": 2, "timediff": 2, "addtime": 2, "subtime": 2, "date_format": 2,
	"time_format": 2, "str_to_date": 2, "convert_tz": 3, "timestampdiff": 3, "extract": 2, "date_add": 3, "date_sub": 3,
	"makedate": 2, "maketime": 3, "json_extract": 2, "json_contains": 2, "json_value": 2, "json_array": 0, "json_object": 0,
}

// args renders all arguments, conditions as numbers.
func (r *renderer) args(c *algebra.Call) []frag {
	out := make([]frag, len(c.Args))
	for i, e := range c.Args {
		out[i] = r.expr(e).plain()
	}
	return out
}

// texts of the arguments.
func (r *renderer) textArgs(c *algebra.Call) []string {
	out := make([]string, len(c.Args))
	for i, e := range c.Args {
		out[i] = r.text(r.expr(e)).sql
	}
	return out
}

// choice renders CASE: the branches have one type, and one scale.
func (r *renderer) choice(e *algebra.Case) frag {
	then := make([]frag, len(e.Then), len(e.Then)+1)
	for i := range e.Then {
		then[i] = r.expr(e.Then[i])
	}
	if e.Else != nil {
		then = append(then, r.expr(e.Else))
	}
	then = r.unify(then, e.Type)
	var out strings.Builder
	out.WriteString("CASE")
	for i, w := range e.When {
		out.WriteString(" WHEN " + r.truth(r.expr(w)) + " THEN " + then[i].sql)
	}
	if e.Else != nil {
		out.WriteString(" ELSE " + then[len(e.Then)].sql)
	}
	out.WriteString(" END")
	return r.like(then[0], "("+out.String()+")")
}

// unify brings values to one type; Decimals keep the digits they have.
func (r *renderer) unify(fs []frag, t algebra.Type) []frag {
	scale := t.Scale
	for i, f := range fs {
		f = f.plain()
		if t.Kind == algebra.Decimal && f.t.Kind == algebra.Decimal {
			scale = max(scale, f.t.Scale)
		}
		fs[i] = f
	}
	for i, f := range fs {
		if t.Kind == algebra.Decimal {
			if !isExact(f.t.Kind) {
				f = r.cast(f, t, true)
			}
			f = value(f.rescaled(scale).sql, algebra.Type{Kind: algebra.Decimal, Precision: max(t.Precision, scale), Scale: scale})
		} else {
			f = r.cast(f, t, true)
		}
		f.declared, f.lit = t.Scale, nil
		fs[i] = f
	}
	return fs
}

// pair brings two values to what can be compared. The compiler has done so
// already for all that MySQL converts; what is left is their representation.
func (r *renderer) pair(a, b frag) (string, string) {
	a, b = a.plain(), b.plain()
	ka, kb := a.t.Kind, b.t.Kind
	switch {
	case ka == algebra.Null || kb == algebra.Null:
		return a.sql, b.sql
	case ka == algebra.Text && kb == algebra.Text:
		if ciText(a.t) || ciText(b.t) {
			a.t.Collation, b.t.Collation = algebra.CI, algebra.CI
		}
		return r.key(a), r.key(b)
	case ka == algebra.JSON || kb == algebra.JSON:
		return call("argo_json_key", r.json(a, false)), call("argo_json_key", r.json(b, false))
	case isExact(ka) && isExact(kb), ka == kb && ka != algebra.DateTime:
		return a.sql, b.sql
	case isInstant(ka) || isInstant(kb):
		if isNumber(ka) || isNumber(kb) {
			return r.number(a).sql, r.number(b).sql
		}
		return r.datetime(a).sql, r.datetime(b).sql
	case ka == algebra.Time || kb == algebra.Time:
		if isNumber(ka) || isNumber(kb) {
			return r.number(a).sql, r.number(b).sql
		}
		return r.time(a).sql, r.time(b).sql
	case isNumber(ka) || isNumber(kb):
		return r.double(a).sql, r.double(b).sql
	}
	return r.binary(a).sql, r.binary(b).sql
}

func (r *renderer) in(e *algebra.In) frag {
	v := r.expr(e.Value)
	word := " IN ("
	if e.Not {
		word = " NOT IN ("
	}
	items := make([]string, len(e.List))
	left := ""
	for i, x := range e.List {
		l, item := r.pair(v, r.expr(x))
		if i > 0 && l != left { // items of several kinds: one comparison each
			return r.inEach(v, e)
		}
		left, items[i] = l, item
	}
	if len(items) == 0 {
		return cond(map[bool]string{false: "false", true: "true"}[e.Not])
	}
	return cond("(" + left + word + strings.Join(items, ", ") + "))")
}

func (r *renderer) inEach(v frag, e *algebra.In) frag {
	parts := make([]string, len(e.List))
	for i, x := range e.List {
		l, item := r.pair(v, r.expr(x))
		parts[i] = l + " = " + item
	}
	sql := "(" + strings.Join(parts, " OR ") + ")"
	if e.Not {
		sql = "(NOT " + sql + ")"
	}
	return cond(sql)
}

func (r *renderer) subquery(e *algebra.Subquery) frag {
	was := r.outside
	defer func() { r.outside = was }()
	columns := e.Rel.Columns()
	not := ""
	if e.Not {
		not = "NOT "
	}
	switch e.Kind {
	case algebra.Exists:
		r.outside = false
		return cond("(" + not + "EXISTS (" + r.rel(e.Rel).sql() + "))")
	case algebra.InSub:
		var values []frag
		if row, ok := e.Value.(*algebra.Call); ok && row.Func == "row" {
			values = r.args(row)
		} else {
			values = []frag{r.expr(e.Value)}
		}
		if len(values) != len(columns) {
			return r.fail(fault.New(fault.Invalid, "Operand should contain %d column(s)", len(values)))
		}
		r.outside = false
		q := r.rel(e.Rel).open()
		left, right := make([]string, len(values)), make([]string, len(values))
		for i, c := range columns {
			left[i], right[i] = r.pair(values[i], r.column(c.ID, c.Type).settled())
		}
		if len(left) > 1 {
			return r.rowIn(e, q, values, left, right)
		}
		q.cols = right[0]
		return cond("(" + left[0] + " " + not + "IN (" + q.sql() + "))")
	}
	r.outside = false
	q := r.rel(e.Rel)
	if len(columns) != 1 {
		return r.fail(fault.New(fault.Invalid, "Operand should contain 1 column(s)"))
	}
	c := columns[0]
	if len(q.order) > 0 || q.cols != "" {
		q = q.open()
	}
	f := r.column(c.ID, c.Type).settled()
	q.cols = f.sql
	return r.like(value("", f.t), "("+q.sql()+")")
}

// rowIn is (left, …) [NOT] IN (SELECT right, … FROM q). DuckDB takes NULL in a
// row for a value that equals NULL, so rows with one are kept out of its IN, and
// whether a NULL on either side leaves the answer open is asked apart: of the
// few rows that have one.
func (r *renderer) rowIn(e *algebra.Subquery, q query, values []frag, left, right []string) frag {
	columns := e.Rel.Columns()
	var names, cols, present, agree, noLeft, noRight []string
	for i := range right {
		name := r.helper()
		names, cols = append(names, name), append(cols, right[i]+" AS "+name)
		equal := left[i] + " = " + name
		if !values[i].t.NotNull || !columns[i].Type.NotNull {
			equal = "coalesce(" + equal + ", true)"
		}
		agree = append(agree, equal)
		if !values[i].t.NotNull {
			noLeft = append(noLeft, left[i]+" IS NULL")
		}
		if !columns[i].Type.NotNull {
			noRight = append(noRight, name+" IS NULL")
			present = append(present, name+" IS NOT NULL")
		}
	}
	q.cols = strings.Join(cols, ", ")
	found := query{cols: "(" + strings.Join(names, ", ") + ")", from: q.item(), where: present}
	in := "((" + strings.Join(left, ", ") + ") IN (" + found.sql() + "))"
	var open []string
	for _, absent := range [][]string{noLeft, noRight} {
		if len(absent) > 0 {
			where := append([]string{"(" + strings.Join(absent, " OR ") + ")"}, agree...)
			open = append(open, "EXISTS ("+query{cols: "1", from: q.item(), where: where}.sql()+")")
		}
	}
	switch {
	case len(open) > 0:
		return cond(fmt.Sprintf("(CASE WHEN %s THEN %t WHEN %s THEN NULL ELSE %t END)", in, !e.Not, strings.Join(open, " OR "), e.Not))
	case e.Not:
		return cond("(NOT " + in + ")")
	}
	return cond(in)
}
