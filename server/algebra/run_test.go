package algebra_test

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"strings"

	"argo/server/algebra"
	"argo/tables"

	"github.com/cockroachdb/apd/v3"
)

// runner evaluates small trees by the book: rows are nested loops over slices,
// an environment holds the columns in sight. It knows what the property test
// asks for (whole numbers, dates, ids, conditions) and panics at the rest.
type runner struct {
	data  map[string][]map[string]any // "source.table" to rows by column
	prune bool                        // leave out the rows that Scan.Where excludes
	calls int                         // rows that scans gave
}

type env map[algebra.ColID]any

func (e env) with(o env) env {
	out := make(env, len(e)+len(o))
	for k, v := range e {
		out[k] = v
	}
	for k, v := range o {
		out[k] = v
	}
	return out
}

func (r *runner) rows(rel algebra.Rel, outer env) []env {
	switch rel := rel.(type) {
	case *algebra.Scan:
		var out []env
		for _, row := range r.data[rel.Source+"."+rel.Table] {
			if r.prune && !allowed(row, rel.Where) {
				continue
			}
			e := env{}
			for _, c := range rel.Cols {
				v := row[c.Name]
				if b, ok := v.(bool); ok {
					v = int64(0)
					if b {
						v = int64(1)
					}
				}
				e[c.ID] = v
			}
			r.calls++
			out = append(out, e)
		}
		return out
	case *algebra.Values:
		var out []env
		for _, row := range rel.Rows {
			e := env{}
			for i, c := range rel.Cols {
				e[c.ID] = r.eval(row[i], outer)
			}
			out = append(out, e)
		}
		return out
	case *algebra.Filter:
		var out []env
		for _, e := range r.rows(rel.In, outer) {
			if isTrue(r.eval(rel.Cond, outer.with(e))) {
				out = append(out, e)
			}
		}
		return out
	case *algebra.Project:
		var out []env
		for _, e := range r.rows(rel.In, outer) {
			p := env{}
			for i, c := range rel.Cols {
				p[c.ID] = r.eval(rel.Exprs[i], outer.with(e))
			}
			out = append(out, p)
		}
		return out
	case *algebra.Sort:
		in := r.rows(rel.In, outer)
		sort.SliceStable(in, func(i, j int) bool {
			for _, k := range rel.Keys {
				a, b := r.eval(k.Expr, outer.with(in[i])), r.eval(k.Expr, outer.with(in[j]))
				if n := compare(a, b); n != 0 {
					return (n < 0) != k.Desc
				}
			}
			return false
		})
		return in
	case *algebra.Limit:
		in := r.rows(rel.In, outer)
		if rel.Offset != nil {
			in = in[min(int(r.eval(rel.Offset, outer).(int64)), len(in)):]
		}
		if rel.Count != nil {
			in = in[:min(int(r.eval(rel.Count, outer).(int64)), len(in))]
		}
		return in
	case *algebra.Distinct:
		return unique(r.rows(rel.In, outer), rel.Columns())
	case *algebra.Aggregate:
		return r.aggregate(rel, outer)
	case *algebra.Window:
		return r.window(rel, outer)
	case *algebra.Join:
		return r.join(rel, outer)
	case *algebra.SetOp:
		return r.setOp(rel, outer)
	}
	panic(fmt.Sprintf("no rows of %T", rel))
}

func allowed(row map[string]any, where tables.Predicate) bool {
	for name, d := range where {
		v := row[name]
		if v == nil || d.In != nil && !holds(d.In, v) || d.From != nil && compare(v, d.From) < 0 || d.To != nil && compare(v, d.To) > 0 {
			return false
		}
		in := func(s tables.Span) bool {
			return (s.From == nil || compare(v, s.From) >= 0) && (s.To == nil || compare(v, s.To) <= 0)
		}
		if d.Spans != nil && !slices.ContainsFunc(d.Spans, in) {
			return false
		}
	}
	return true
}

func holds(in []any, v any) bool {
	for _, o := range in {
		if compare(o, v) == 0 {
			return true
		}
	}
	return false
}

func (r *runner) aggregate(rel *algebra.Aggregate, outer env) []env {
	groups := map[string][]env{}
	var order []string
	for _, e := range r.rows(rel.In, outer) {
		key := ""
		for _, k := range rel.Keys {
			key += fmt.Sprintf("%v|", r.eval(k, outer.with(e)))
		}
		if groups[key] == nil {
			order = append(order, key)
		}
		groups[key] = append(groups[key], e)
	}
	if len(rel.Keys) == 0 && len(groups) == 0 {
		groups[""], order = []env{}, []string{""}
	}
	var out []env
	for _, key := range order {
		rows := groups[key]
		e := env{}
		for i, c := range rel.KeyCols {
			e[c.ID] = r.eval(rel.Keys[i], outer.with(rows[0]))
		}
		for i, c := range rel.AggCols {
			e[c.ID] = r.agg(rel.Aggs[i].Func, rel.Aggs[i].Args, rows, outer)
		}
		out = append(out, e)
	}
	return out
}

func (r *runner) agg(name string, args []algebra.Expr, rows []env, outer env) any {
	var n, sum int64
	var best any
	for _, row := range rows {
		v := any(int64(1))
		if len(args) > 0 {
			v = r.eval(args[0], outer.with(row))
		}
		if v == nil {
			continue
		}
		n++
		if i, ok := v.(int64); ok {
			sum += i
		}
		if best == nil || (compare(v, best) < 0) == (name == "min") && compare(v, best) != 0 {
			best = v
		}
	}
	switch {
	case name == "count":
		return n
	case name == "sum" && n > 0:
		return sum
	case name == "min" || name == "max":
		return best
	case name == "any_value" && len(rows) > 0:
		return r.eval(args[0], outer.with(rows[0]))
	}
	return nil
}

// window knows count and sum over whole partitions, and row_number.
func (r *runner) window(rel *algebra.Window, outer env) []env {
	in := r.rows(rel.In, outer)
	out := make([]env, len(in))
	for i := range in {
		out[i] = in[i].with(nil)
	}
	for i, call := range rel.Calls {
		key := func(e env) string {
			s := ""
			for _, p := range call.PartitionBy {
				s += fmt.Sprintf("%v|", r.eval(p, outer.with(e)))
			}
			return s
		}
		for j, e := range in {
			var part []env
			for _, o := range in {
				if key(o) == key(e) {
					part = append(part, o)
				}
			}
			out[j][rel.Cols[i].ID] = r.agg(call.Func, call.Args, part, outer)
		}
	}
	return out
}

func (r *runner) join(j *algebra.Join, outer env) []env {
	ls := r.rows(j.L, outer)
	var rs []env
	if !j.Lateral {
		rs = r.rows(j.R, outer)
	}
	nulls := func(cols []algebra.Column) env {
		e := env{}
		for _, c := range cols {
			e[c.ID] = nil
		}
		return e
	}
	matched := make([]bool, len(rs))
	var out []env
	for _, l := range ls {
		if j.Lateral {
			rs = r.rows(j.R, outer.with(l))
		}
		found := false
		for i, x := range rs {
			if j.Cond != nil && !isTrue(r.eval(j.Cond, outer.with(l).with(x))) {
				continue
			}
			found = true
			if !j.Lateral {
				matched[i] = true
			}
			if j.Kind < algebra.SemiJoin {
				out = append(out, l.with(x))
			}
		}
		switch {
		case !found && (j.Kind == algebra.LeftJoin || j.Kind == algebra.FullJoin):
			out = append(out, l.with(nulls(j.R.Columns())))
		case found && j.Kind == algebra.SemiJoin, !found && j.Kind == algebra.AntiJoin:
			out = append(out, l)
		}
	}
	if j.Kind == algebra.RightJoin || j.Kind == algebra.FullJoin {
		for i, x := range rs {
			if !matched[i] {
				out = append(out, nulls(j.L.Columns()).with(x))
			}
		}
	}
	return out
}

func (r *runner) setOp(u *algebra.SetOp, outer env) []env {
	side := func(rel algebra.Rel) []env {
		var out []env
		for _, e := range r.rows(rel, outer) {
			o := env{}
			for i, c := range rel.Columns() {
				o[u.Cols[i].ID] = e[c.ID]
			}
			out = append(out, o)
		}
		return out
	}
	l, x := side(u.L), side(u.R)
	count := map[string]int{}
	for _, e := range x {
		count[rowKey(e, u.Cols)]++
	}
	var out []env
	switch u.Op {
	case "union":
		out = append(l, x...)
	default:
		for _, e := range l {
			k := rowKey(e, u.Cols)
			has := count[k] > 0
			if u.All && has {
				count[k]--
			}
			if has == (u.Op == "intersect") {
				out = append(out, e)
			}
		}
	}
	if !u.All {
		out = unique(out, u.Cols)
	}
	return out
}

func rowKey(e env, cols []algebra.Column) string {
	var b strings.Builder
	for _, c := range cols {
		fmt.Fprintf(&b, "%v|", e[c.ID])
	}
	return b.String()
}

func unique(in []env, cols []algebra.Column) []env {
	seen := map[string]bool{}
	var out []env
	for _, e := range in {
		if k := rowKey(e, cols); !seen[k] {
			seen[k] = true
			out = append(out, e)
		}
	}
	return out
}

func isTrue(v any) bool { return v != nil && v != int64(0) }

func boolean(b bool) any {
	if b {
		return int64(1)
	}
	return int64(0)
}

// compare orders NULL first.
func compare(a, b any) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return -1
	case b == nil:
		return 1
	}
	switch x := a.(type) {
	case string:
		return cmp.Compare(x, b.(string))
	case tables.Day:
		return cmp.Compare(x, b.(tables.Day))
	}
	return cmp.Compare(number(a), number(b))
}

func number(v any) float64 {
	switch v := v.(type) {
	case int64:
		return float64(v)
	case float64:
		return v
	case *apd.Decimal:
		f, _ := v.Float64()
		return f
	case bool:
		if v {
			return 1
		}
		return 0
	}
	panic(fmt.Sprintf("%T is no number", v))
}

func (r *runner) eval(e algebra.Expr, in env) any {
	switch e := e.(type) {
	case *algebra.Col:
		v, ok := in[e.ID]
		if !ok {
			panic(fmt.Sprintf("column %s#%d is not there", e.Name, e.ID))
		}
		return v
	case *algebra.Lit:
		return e.Value
	case *algebra.Cast:
		return r.eval(e.In, in)
	case *algebra.Case:
		for i, w := range e.When {
			if isTrue(r.eval(w, in)) {
				return r.eval(e.Then[i], in)
			}
		}
		if e.Else == nil {
			return nil
		}
		return r.eval(e.Else, in)
	case *algebra.In:
		return r.in(r.eval(e.Value, in), e.Not, func(f func(any)) {
			for _, x := range e.List {
				f(r.eval(x, in))
			}
		})
	case *algebra.Subquery:
		return r.subquery(e, in)
	case *algebra.Call:
		return r.call(e, in)
	}
	panic(fmt.Sprintf("no value of %T", e))
}

func (r *runner) in(v any, not bool, each func(func(any))) any {
	found, null, none := false, v == nil, true
	each(func(x any) {
		none = false
		switch {
		case x == nil:
			null = true
		case v != nil && compare(v, x) == 0:
			found = true
		}
	})
	switch {
	case none:
		return boolean(not)
	case found && v != nil:
		return boolean(!not)
	case null:
		return nil
	}
	return boolean(not)
}

func (r *runner) subquery(s *algebra.Subquery, in env) any {
	rows := r.rows(s.Rel, in)
	switch s.Kind {
	case algebra.Exists:
		return boolean((len(rows) > 0) != s.Not)
	case algebra.Scalar:
		if len(rows) == 0 {
			return nil
		}
		return rows[0][s.Rel.Columns()[0].ID]
	}
	return r.in(r.eval(s.Value, in), s.Not, func(f func(any)) {
		for _, e := range rows {
			f(e[s.Rel.Columns()[0].ID])
		}
	})
}

func (r *runner) call(e *algebra.Call, in env) any {
	args := make([]any, len(e.Args))
	null := false
	for i, a := range e.Args {
		args[i] = r.eval(a, in)
		null = null || args[i] == nil
	}
	switch e.Func {
	case "and", "or":
		unknown := false
		for _, v := range args {
			if v == nil {
				unknown = true
			} else if isTrue(v) == (e.Func == "or") {
				return boolean(e.Func == "or")
			}
		}
		if unknown {
			return nil
		}
		return boolean(e.Func == "and")
	case "<=>":
		return boolean(compare(args[0], args[1]) == 0)
	case "is null":
		return boolean(args[0] == nil)
	case "is not null":
		return boolean(args[0] != nil)
	case "is true":
		return boolean(isTrue(args[0]))
	case "is not true":
		return boolean(!isTrue(args[0]))
	case "is false":
		return boolean(args[0] != nil && !isTrue(args[0]))
	case "is not false":
		return boolean(args[0] == nil || isTrue(args[0]))
	case "coalesce":
		for _, v := range args {
			if v != nil {
				return v
			}
		}
		return nil
	}
	if null {
		return nil
	}
	switch e.Func {
	case "not":
		return boolean(!isTrue(args[0]))
	case "=":
		return boolean(compare(args[0], args[1]) == 0)
	case "!=":
		return boolean(compare(args[0], args[1]) != 0)
	case "<":
		return boolean(compare(args[0], args[1]) < 0)
	case "<=":
		return boolean(compare(args[0], args[1]) <= 0)
	case ">":
		return boolean(compare(args[0], args[1]) > 0)
	case ">=":
		return boolean(compare(args[0], args[1]) >= 0)
	case "+":
		return args[0].(int64) + args[1].(int64)
	case "like":
		return boolean(strings.HasPrefix(args[0].(string), strings.TrimSuffix(args[1].(string), "%")))
	case "year":
		return int64(args[0].(tables.Day).Time().Year())
	case "month":
		return int64(args[0].(tables.Day).Time().Month())
	case "quarter":
		return int64(args[0].(tables.Day).Time().Month()+2) / 3
	}
	panic("no function " + e.Func)
}
