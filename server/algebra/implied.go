package algebra

import (
	"math"
	"strconv"
	"time"

	"argo/tables"

	"github.com/cockroachdb/apd/v3"
)

// domains are what a condition, being true, says of columns.
type domains map[ColID]domain

func (m domains) restrict(id ColID, d domain) {
	if old, ok := m[id]; ok {
		d = old.intersect(d)
	}
	m[id] = d
}

// implied derives the domains of a condition. A column that has one is not
// NULL where the condition is true.
func implied(e Expr) domains {
	out := domains{}
	switch e := e.(type) {
	case *Col:
		if e.Type.Kind == Int && e.Type.Bool {
			out[e.ID] = among(true)
		}
	case *In:
		if e.Not {
			return out
		}
		var all domains
		for _, x := range e.List {
			if l, ok := x.(*Lit); ok && l.Value == nil {
				continue
			}
			all = orElse(all, comparisonDomain("=", e.Value, x))
		}
		return orNone(all)
	case *Call:
		switch e.Func {
		case "and":
			return together(e.Args)
		case "or":
			var all domains
			for _, a := range e.Args {
				if never(a) {
					continue
				}
				all = orElse(all, implied(a))
			}
			return orNone(all)
		case "is true":
			return implied(e.Args[0])
		case "not", "is false":
			if c, ok := e.Args[0].(*Col); ok && c.Type.Bool && c.Type.Kind == Int {
				out[c.ID] = among(false)
			}
		case "=", "<=>", "<", "<=", ">", ">=":
			return comparisonDomain(e.Func, e.Args[0], e.Args[1])
		case "like":
			return prefixDomain(e)
		}
	}
	return out
}

// together derives the domains of conditions that are all true.
func together(conds []Expr) domains {
	out := domains{}
	for _, e := range conds {
		for id, d := range implied(e) {
			out.restrict(id, d)
		}
	}
	for id, d := range calendar(conds) {
		out.restrict(id, d)
	}
	return out
}

// calendar derives the months of a column from YEAR(c), QUARTER(c) and MONTH(c)
// that are each one of some values: of QUARTER and MONTH nothing follows
// without the year.
func calendar(conds []Expr) domains {
	type parts struct {
		t            Type
		years        []int64
		months       map[int64]bool // nil: any
		year, narrow bool
	}
	found := map[ColID]*parts{}
	for _, e := range flat(conds, nil) {
		name, c, values, ok := partOfDate(e)
		if !ok || !c.Type.dated() {
			continue
		}
		p := found[c.ID]
		if p == nil {
			p = &parts{t: c.Type}
			found[c.ID] = p
		}
		if name == "year" {
			if !p.year {
				p.year, p.years = true, values
			}
			continue
		}
		p.narrow = true
		allowed := map[int64]bool{}
		for _, v := range values {
			for m := int64(1); m <= 12; m++ {
				if (name == "month" && m == v || name == "quarter" && (m+2)/3 == v) && (p.months == nil || p.months[m]) {
					allowed[m] = true
				}
			}
		}
		p.months = allowed
	}
	out := domains{}
	for id, p := range found {
		if !p.year || !p.narrow || len(p.years) > 100 {
			continue
		}
		var list []tables.Span
		for _, y := range p.years {
			if y < 1 || y > 9998 {
				list = nil
				break
			}
			for m := range p.months {
				from := time.Date(int(y), time.Month(m), 1, 0, 0, 0, 0, time.UTC)
				to := time.Date(int(y), time.Month(m)+1, 1, 0, 0, 0, 0, time.UTC).Add(-time.Microsecond)
				s := tables.Span{From: from, To: to}
				if p.t.Kind == Date {
					s = tables.Span{From: tables.DayOf(from), To: tables.DayOf(to)}
				}
				list = append(list, s)
			}
		}
		if len(list) > 0 {
			out[id] = ofSpans(list)
		}
	}
	return out
}

// flat lists conditions with the parts of those that are conjunctions.
func flat(conds, out []Expr) []Expr {
	for _, e := range conds {
		if k, ok := e.(*Call); ok && k.Func == "and" {
			out = flat(k.Args, out)
			continue
		}
		out = append(out, e)
	}
	return out
}

// partOfDate reads PART(column) = n and PART(column) IN (n, …).
func partOfDate(e Expr) (part string, c *Col, values []int64, ok bool) {
	x, list := Expr(nil), []Expr(nil)
	switch e := e.(type) {
	case *Call:
		if e.Func != "=" && e.Func != "<=>" {
			return "", nil, nil, false
		}
		x, list = e.Args[0], e.Args[1:]
		if _, lit := x.(*Lit); lit {
			x, list = e.Args[1], e.Args[:1]
		}
	case *In:
		if e.Not {
			return "", nil, nil, false
		}
		x, list = e.Value, e.List
	default:
		return "", nil, nil, false
	}
	for k, cast := x.(*Cast); cast; k, cast = x.(*Cast) {
		x = k.In
	}
	k, call := x.(*Call)
	if !call || k.Func != "year" && k.Func != "month" && k.Func != "quarter" {
		return "", nil, nil, false
	}
	if c, ok = k.Args[0].(*Col); !ok {
		return "", nil, nil, false
	}
	for _, v := range list {
		l, lit := v.(*Lit)
		if !lit {
			return "", nil, nil, false
		}
		n, whole := l.Value.(int64)
		if l.Value == nil {
			continue
		}
		if !whole {
			return "", nil, nil, false
		}
		values = append(values, n)
	}
	return k.Func, c, values, true
}

func orNone(m domains) domains {
	if m == nil {
		return domains{}
	}
	return m
}

// orElse is what holds of columns in either case; nil is no case yet.
func orElse(a, b domains) domains {
	if a == nil {
		return b
	}
	out := domains{}
	for id, d := range a {
		if o, ok := b[id]; ok {
			if u := d.union(o); !u.any() {
				out[id] = u
			}
		}
	}
	return out
}

var flipped = map[string]string{"=": "=", "<=>": "<=>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}

// comparisonDomain derives from x op y, one of them constant.
func comparisonDomain(op string, x, y Expr) domains {
	l, ok := y.(*Lit)
	if !ok {
		if l, ok = x.(*Lit); !ok {
			return domains{}
		}
		x, op = y, flipped[op]
	}
	if l.Value == nil {
		if c, ok := column(x); ok && op != "<=>" {
			return domains{c.ID: among()}
		}
		return domains{}
	}
	if op == "<=>" {
		op = "="
	}
	var id ColID
	var d domain
	switch x := x.(type) {
	case *Col:
		id, d, ok = x.ID, columnDomain(x.Type, op, l), true
	case *Cast:
		id, d, ok = castDomain(x, op, l)
	case *Call:
		id, d, ok = callDomain(x, op, l)
	default:
		ok = false
	}
	if !ok || d.any() {
		return domains{}
	}
	return domains{id: d}
}

// column is the column under implied casts.
func column(e Expr) (*Col, bool) {
	for {
		k, ok := e.(*Cast)
		if !ok {
			break
		}
		e = k.In
	}
	c, ok := e.(*Col)
	return c, ok
}

// bounded is the domain of op v, where next and prev are the neighbours of v
// (nil: none known, the bound itself is taken).
func bounded(op string, v, prev, next any) domain {
	switch op {
	case "=":
		return among(v)
	case "<=":
		return between(nil, v)
	case ">=":
		return between(v, nil)
	case "<":
		if prev == nil {
			prev = v
		}
		return between(nil, prev)
	case ">":
		if next == nil {
			next = v
		}
		return between(next, nil)
	}
	return domain{}
}

// columnDomain is the domain of a column of type t that is op l.
func columnDomain(t Type, op string, l *Lit) domain {
	switch t.Kind {
	case Int:
		if t.Bool {
			n, ok := l.Value.(int64)
			if !ok || op != "=" {
				return domain{}
			}
			if n != 0 && n != 1 {
				return among()
			}
			return among(n == 1)
		}
		return wholeDomain(op, l)
	case Decimal:
		if v, ok := exactValue(l); ok {
			return bounded(op, v, nil, nil)
		}
	case Double:
		if v, ok := l.Value.(float64); ok {
			return bounded(op, v, nil, nil)
		}
	case Date:
		if v, ok := l.Value.(tables.Day); ok {
			return bounded(op, v, v.Add(-1), v.Add(1))
		}
	case DateTime:
		if v, ok := l.Value.(time.Time); ok {
			return bounded(op, v, v.Add(-time.Microsecond), v.Add(time.Microsecond))
		}
	case Text:
		if v, ok := l.Value.(string); ok && t.Collation == Bin && l.Type.Collation == Bin {
			return bounded(op, v, nil, nil)
		}
	}
	return domain{}
}

// wholeDomain is the domain of a BIGINT that is op a number.
func wholeDomain(op string, l *Lit) domain {
	switch v := l.Value.(type) {
	case int64:
		prev, next := any(nil), any(nil)
		if v > math.MinInt64 {
			prev = v - 1
		}
		if v < math.MaxInt64 {
			next = v + 1
		}
		return bounded(op, v, prev, next)
	case float64:
		if math.Abs(v) >= 1<<53 {
			return domain{} // several whole numbers are this double
		}
		return roundedDomain(op, int64(math.Floor(v)), v == math.Floor(v))
	case *apd.Decimal:
		f := new(apd.Decimal)
		if _, err := exactContext.Floor(f, v); err != nil {
			return domain{}
		}
		n, err := f.Int64()
		if err != nil {
			return domain{}
		}
		return roundedDomain(op, n, f.Cmp(v) == 0)
	}
	return domain{}
}

// roundedDomain is that of op v for floor <= v < floor+1.
func roundedDomain(op string, floor int64, whole bool) domain {
	if whole {
		return wholeDomain(op, &Lit{Value: floor})
	}
	switch op {
	case "<", "<=":
		return between(nil, floor)
	case ">", ">=":
		return between(floor+1, nil)
	}
	return among()
}

// castDomain is that of an implied conversion of a column, or of DATE(column).
func castDomain(k *Cast, op string, l *Lit) (ColID, domain, bool) {
	c, ok := k.In.(*Col)
	if !ok {
		return 0, domain{}, false
	}
	switch {
	case c.Type.Kind == Date && k.Type.Kind == DateTime:
		t, ok := l.Value.(time.Time)
		if !ok {
			return 0, domain{}, false
		}
		day := tables.DayOf(t)
		midnight := t.Equal(day.Time())
		switch op {
		case "=":
			if !midnight {
				return c.ID, among(), true
			}
			return c.ID, among(day), true
		case "<":
			if midnight {
				day = day.Add(-1)
			}
			return c.ID, between(nil, day), true
		case "<=":
			return c.ID, between(nil, day), true
		case ">=":
			if !midnight {
				day = day.Add(1)
			}
			return c.ID, between(day, nil), true
		case ">":
			return c.ID, between(day.Add(1), nil), true
		}
	case c.Type.Kind == DateTime && k.Type.Kind == Date:
		day, ok := l.Value.(tables.Day)
		if !ok {
			return 0, domain{}, false
		}
		return c.ID, span(op, day.Time(), day.Add(1).Time().Add(-time.Microsecond), func(t time.Time) any { return t }), true
	case c.Type.Kind == DateTime && k.Type.Kind == DateTime && k.Type.Scale >= c.Type.Scale:
		return c.ID, columnDomain(c.Type, op, l), true
	case c.Type.Kind == Int && !c.Type.Bool && k.Type.Kind == Double && k.Implied:
		return c.ID, wholeDomain(op, l), true
	case c.Type.Kind == Int && !c.Type.Bool && k.Type.Kind == Text && k.Type.Collation == Bin && op == "=":
		s, ok := l.Value.(string)
		if !ok || l.Type.Collation != Bin {
			return 0, domain{}, false
		}
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil || strconv.FormatInt(n, 10) != s {
			return c.ID, among(), true // no whole number reads so
		}
		return c.ID, among(n), true
	case c.Type.Kind == Int && c.Type.Bool && k.Type.Kind == Int:
		return c.ID, columnDomain(c.Type, op, l), true
	}
	return 0, domain{}, false
}

// span is the domain of what lies op the period [from, to].
func span(op string, from, to time.Time, value func(time.Time) any) domain {
	switch op {
	case "=":
		return between(value(from), value(to))
	case "<":
		return between(nil, value(from.Add(-time.Microsecond)))
	case "<=":
		return between(nil, value(to))
	case ">":
		return between(value(to.Add(time.Microsecond)), nil)
	case ">=":
		return between(value(from), nil)
	}
	return domain{}
}

// callDomain is that of YEAR(column).
func callDomain(k *Call, op string, l *Lit) (ColID, domain, bool) {
	if k.Func != "year" {
		return 0, domain{}, false
	}
	c, ok := k.Args[0].(*Col)
	n, whole := l.Value.(int64)
	if !ok || !whole || !c.Type.dated() || n < 1 || n > 9998 {
		return 0, domain{}, false
	}
	from := time.Date(int(n), 1, 1, 0, 0, 0, 0, time.UTC)
	to := time.Date(int(n)+1, 1, 1, 0, 0, 0, 0, time.UTC).Add(-time.Microsecond)
	if c.Type.Kind == Date {
		return c.ID, span(op, from, to, func(t time.Time) any { return tables.DayOf(t) }), true
	}
	return c.ID, span(op, from, to, func(t time.Time) any { return t }), true
}

// prefixDomain is that of column LIKE 'abc%' where texts compare byte by byte:
// nothing that sorts before the prefix.
func prefixDomain(k *Call) domains {
	c, ok := k.Args[0].(*Col)
	pattern, lit := literalText(k.Args[1])
	escape, _ := literalText(k.Args[2])
	if !ok || !lit || c.Type.Kind != Text || c.Type.Collation != Bin {
		return domains{}
	}
	prefix := make([]rune, 0, len(pattern))
	rs := []rune(pattern)
	for i := 0; i < len(rs); i++ {
		if escape != "" && string(rs[i]) == escape && i+1 < len(rs) {
			i++
			prefix = append(prefix, rs[i])
			continue
		}
		if rs[i] == '%' || rs[i] == '_' {
			if len(prefix) == 0 {
				return domains{}
			}
			return domains{c.ID: between(string(prefix), nil)}
		}
		prefix = append(prefix, rs[i])
	}
	return domains{c.ID: among(string(prefix))}
}
