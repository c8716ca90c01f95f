package algebra

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"argo/tables"

	"github.com/cockroachdb/apd/v3"
)

// String is the plan as indented text: stable, for goldens and EXPLAIN. Columns
// are written name#id.
func String(st *Statement) string {
	p := &printer{}
	var out []string
	for _, c := range st.Output {
		out = append(out, fmt.Sprintf("%s#%d %s", strconv.Quote(c.Name), c.ID, c.Type))
	}
	p.line(0, "output %s", strings.Join(out, ", "))
	p.rel(0, st.Root)
	return p.b.String()
}

// String is the type as MySQL writes it, with what a client does not see
// after it.
func (t Type) String() string {
	s := kindName(t.Kind)
	switch t.Kind {
	case Int:
		if t.Bool {
			s = "BOOL"
		}
		if t.Unsigned {
			s += " UNSIGNED"
		}
	case Decimal:
		s = fmt.Sprintf("DECIMAL(%d,%d)", t.Precision, t.Scale)
	case Text, Binary:
		if t.Length > 0 {
			s += fmt.Sprintf("(%d)", t.Length)
		}
		if t.Kind == Text && t.Collation == Bin {
			s += " BIN"
		}
	case DateTime, Time:
		if t.Scale > 0 {
			s += fmt.Sprintf("(%d)", t.Scale)
		}
	}
	if t.NotNull {
		s += "!"
	}
	return s
}

type printer struct{ b strings.Builder }

func (p *printer) line(depth int, format string, args ...any) {
	p.b.WriteString(strings.Repeat("  ", depth))
	fmt.Fprintf(&p.b, format, args...)
	p.b.WriteByte('\n')
}

func cols(cs []Column) string {
	out := make([]string, len(cs))
	for i, c := range cs {
		out[i] = fmt.Sprintf("%s#%d", c.Name, c.ID)
	}
	return strings.Join(out, ", ")
}

func assigned(cs []Column, es []string) string {
	out := make([]string, len(cs))
	for i, c := range cs {
		out[i] = fmt.Sprintf("#%d = %s", c.ID, es[i])
	}
	return strings.Join(out, ", ")
}

func (p *printer) rel(d int, r Rel) {
	switch r := r.(type) {
	case *Scan:
		then := ""
		if !r.AsOf.IsZero() {
			then = " as of " + r.AsOf.UTC().Format("2006-01-02 15:04:05.999999")
		}
		p.line(d, "scan %s.%s%s [%s]%s", r.Source, r.Table, then, cols(r.Cols), where(r))
	case *Foreign:
		p.line(d, "foreign %s [%s]", r.Name, cols(r.Cols))
	case *Values:
		rows := make([]string, len(r.Rows))
		for i, row := range r.Rows {
			rows[i] = "(" + list(row) + ")"
		}
		p.line(d, "values [%s] %s", cols(r.Cols), strings.Join(rows, ", "))
	case *Filter:
		p.line(d, "filter %s", exprString(r.Cond))
	case *Project:
		p.line(d, "project %s", assigned(r.Cols, texts(r.Exprs)))
	case *Aggregate:
		aggs := make([]string, len(r.Aggs))
		for i, a := range r.Aggs {
			aggs[i] = aggString(a)
		}
		p.line(d, "aggregate by [%s] %s", assigned(r.KeyCols, texts(r.Keys)), assigned(r.AggCols, aggs))
	case *Window:
		calls := make([]string, len(r.Calls))
		for i, c := range r.Calls {
			calls[i] = windowString(c)
		}
		p.line(d, "window %s", assigned(r.Cols, calls))
	case *Sort:
		p.line(d, "sort %s", keysString(r.Keys))
	case *Limit:
		s := "limit"
		if r.Count != nil {
			s += " " + exprString(r.Count)
		}
		if r.Offset != nil {
			s += " offset " + exprString(r.Offset)
		}
		p.line(d, "%s", s)
	case *Distinct:
		p.line(d, "distinct")
	case *Join:
		s := [...]string{"inner", "left", "right", "full", "semi", "anti"}[r.Kind] + " join"
		if r.Kind == InnerJoin && r.Cond == nil {
			s = "cross join"
		}
		if r.Lateral {
			s = "lateral " + s
		}
		if r.Cond != nil {
			s += " on " + exprString(r.Cond)
		}
		p.line(d, "%s", s)
	case *SetOp:
		s := r.Op
		if r.All {
			s += " all"
		}
		p.line(d, "%s [%s]", s, cols(r.Cols))
	case *Recursive:
		s := "recursive " + r.Name
		if r.All {
			s += " all"
		}
		p.line(d, "%s [%s]", s, cols(r.Cols))
	case *Self:
		p.line(d, "self %s [%s]", r.Name, cols(r.Cols))
	}
	for _, e := range Exprs(r) {
		WalkExpr(e, func(e Expr) bool {
			if s, ok := e.(*Subquery); ok {
				p.line(d+1, "subquery")
				p.rel(d+2, s.Rel)
			}
			return true
		})
	}
	for _, in := range Inputs(r) {
		p.rel(d+1, in)
	}
}

func where(s *Scan) string {
	var b strings.Builder
	names := make([]string, 0, len(s.Where))
	for n := range s.Where {
		names = append(names, n)
	}
	slices.Sort(names)
	for i, n := range names {
		if i == 0 {
			b.WriteString(" where ")
		} else {
			b.WriteString(" and ")
		}
		dom := s.Where[n]
		b.WriteString(n)
		if dom.In != nil {
			vs := make([]string, len(dom.In))
			for i, v := range dom.In {
				vs[i] = valueString(v)
			}
			fmt.Fprintf(&b, " in {%s}", strings.Join(vs, ", "))
		}
		spans := dom.Spans
		if spans == nil && (dom.From != nil || dom.To != nil) {
			spans = []tables.Span{{From: dom.From, To: dom.To}}
		}
		for i, s := range spans {
			from, to := "", ""
			if s.From != nil {
				from = valueString(s.From)
			}
			if s.To != nil {
				to = valueString(s.To)
			}
			if i > 0 {
				b.WriteString(" or")
			}
			fmt.Fprintf(&b, " in [%s … %s]", from, to)
		}
	}
	if s.Limit > 0 {
		fmt.Fprintf(&b, " limit %d", s.Limit)
	}
	return b.String()
}

func texts(es []Expr) []string {
	out := make([]string, len(es))
	for i, e := range es {
		out[i] = exprString(e)
	}
	return out
}

func list(es []Expr) string { return strings.Join(texts(es), ", ") }

func keysString(ks []SortKey) string {
	out := make([]string, len(ks))
	for i, k := range ks {
		out[i] = exprString(k.Expr)
		if k.Desc {
			out[i] += " desc"
		}
	}
	return strings.Join(out, ", ")
}

func aggString(a Agg) string {
	s := a.Func + "("
	if a.Distinct {
		s += "distinct "
	}
	if len(a.Args) == 0 {
		s += "*"
	}
	s += list(a.Args)
	if len(a.OrderBy) > 0 {
		s += " order by " + keysString(a.OrderBy)
	}
	if a.Func == "group_concat" {
		s += " separator " + strconv.Quote(a.Separator)
	}
	return s + ") " + a.Type.String()
}

func windowString(c WindowCall) string {
	s := fmt.Sprintf("%s(%s) over (", c.Func, list(c.Args))
	var parts []string
	if len(c.PartitionBy) > 0 {
		parts = append(parts, "partition by "+list(c.PartitionBy))
	}
	if len(c.OrderBy) > 0 {
		parts = append(parts, "order by "+keysString(c.OrderBy))
	}
	if c.Frame != nil {
		unit := "range"
		if c.Frame.Rows {
			unit = "rows"
		}
		parts = append(parts, fmt.Sprintf("%s between %s and %s", unit, boundString(c.Frame.Start, "preceding"), boundString(c.Frame.End, "following")))
	}
	return s + strings.Join(parts, " ") + ") " + c.Type.String()
}

func boundString(b Bound, side string) string {
	switch {
	case b.Unbounded:
		return "unbounded " + side
	case b.Current:
		return "current row"
	case b.Preceding:
		return exprString(b.Offset) + " preceding"
	}
	return exprString(b.Offset) + " following"
}

// exprString is an expression as text: equal texts are equal expressions but
// for subqueries, which are all alike.
func exprString(e Expr) string {
	switch e := e.(type) {
	case nil:
		return ""
	case *Col:
		return fmt.Sprintf("%s#%d", e.Name, e.ID)
	case *Lit:
		return valueString(e.Value)
	case *Param:
		return ":" + e.Name + " " + e.Type.String()
	case *Call:
		switch e.Func {
		case "=", "<=>", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", "div", "%", "and", "or", "xor", "&", "|", "^", "<<", ">>":
			return "(" + strings.Join(texts(e.Args), " "+e.Func+" ") + ")"
		case "is null", "is not null", "is true", "is not true", "is false", "is not false":
			return "(" + exprString(e.Args[0]) + " " + e.Func + ")"
		}
		return e.Func + "(" + list(e.Args) + ")"
	case *Case:
		var b strings.Builder
		b.WriteString("case")
		for i := range e.When {
			fmt.Fprintf(&b, " when %s then %s", exprString(e.When[i]), exprString(e.Then[i]))
		}
		if e.Else != nil {
			b.WriteString(" else " + exprString(e.Else))
		}
		return b.String() + " end"
	case *Cast:
		name := "cast"
		if e.Implied {
			name = "as"
		}
		return fmt.Sprintf("%s(%s %s)", name, exprString(e.In), e.Type.notNull(false))
	case *In:
		return fmt.Sprintf("(%s%s in (%s))", exprString(e.Value), not(e.Not), list(e.List))
	case *Subquery:
		switch e.Kind {
		case Exists:
			return not(e.Not) + " exists(…)"
		case InSub:
			return fmt.Sprintf("(%s%s in (…))", exprString(e.Value), not(e.Not))
		}
		return "scalar(…)"
	}
	return fmt.Sprintf("%T", e)
}

func not(n bool) string {
	if n {
		return " not"
	}
	return ""
}

func valueString(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		return "'" + strings.ReplaceAll(v, "'", "''") + "'"
	case []byte:
		return fmt.Sprintf("x'%x'", v)
	case tables.Day:
		return "date '" + string(v) + "'"
	case time.Time:
		return "datetime '" + v.Format("2006-01-02 15:04:05.999999") + "'"
	case time.Duration:
		return "time '" + v.String() + "'"
	case *apd.Decimal:
		return v.Text('f')
	case float64:
		s := strconv.FormatFloat(v, 'g', -1, 64)
		if !strings.ContainsAny(s, ".eIN") {
			s += "e0"
		}
		return s
	}
	return fmt.Sprint(v)
}
