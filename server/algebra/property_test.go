package algebra_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"argo/server/algebra"
	"argo/tables"
)

// generator writes random statements over two small tables of whole numbers,
// days, ids and conditions: every join, nesting and barrier that pushdown and
// pruning have to respect.
type generator struct {
	*rand.Rand
	n int // aliases given
}

var propColumns = []string{"i", "n", "d", "k", "b"}

func (g *generator) pick(s ...string) string { return s[g.IntN(len(s))] }

func (g *generator) day() string {
	return fmt.Sprintf("'%d-%s-0%d'", 2025+g.IntN(2), g.pick("01", "01", "01", "02", "04"), 1+g.IntN(3))
}

func (g *generator) value(col string) string {
	switch col {
	case "d":
		return g.day()
	case "k":
		return g.pick("'a'", "'b'", "'c'")
	case "b":
		return g.pick("0", "1")
	}
	return g.pick("0", "1", "2", "3", "1.5", "'2'", "null")
}

// period is a condition on a day such as dashboards send.
func (g *generator) period(d string) string {
	year := 2025 + g.IntN(2)
	switch g.IntN(5) {
	case 0:
		return fmt.Sprintf("(year(%s) = %d and month(%s) %s)", d, year, d, g.pick("= 1", "= 2", "in (2, 4)", "in (1, 2)"))
	case 1:
		return fmt.Sprintf("(quarter(%s) = %d and year(%s) in (%d, 2027))", d, 1+g.IntN(2), d, year)
	case 2:
		return fmt.Sprintf("(%s between %s and %s or %s between %s and %s)", d, g.day(), g.day(), d, g.day(), g.day())
	case 3:
		return fmt.Sprintf("(%s < %s or %s > %s)", d, g.day(), d, g.day())
	}
	return fmt.Sprintf("year(%s) %s %d", d, g.pick("=", "<", ">="), year)
}

// condition over the columns of aliases; outer ones may be referred to.
func (g *generator) condition(depth int, inner, outer []string) string {
	a := g.pick(inner...)
	if len(outer) > 0 && g.IntN(3) == 0 {
		c := g.pick("i", "n", "d", "k")
		return fmt.Sprintf("%s.%s = %s.%s", a, c, g.pick(outer...), c)
	}
	c := g.pick(propColumns...)
	col := a + "." + c
	switch k := g.IntN(15); {
	case k < 4 && c != "b":
		return col + " " + g.pick("=", "<", "<=", ">", ">=", "!=", "<=>") + " " + g.value(c)
	case k < 5:
		return fmt.Sprintf("%s in (%s, %s)", col, g.value(c), g.value(c))
	case k < 6 && c != "b" && c != "k":
		return fmt.Sprintf("%s between %s and %s", col, g.value(c), g.value(c))
	case k < 7:
		return col + g.pick(" is null", " is not null")
	case k < 8 && len(inner) > 1:
		c := g.pick("i", "n", "d", "k")
		return fmt.Sprintf("%s.%s %s %s.%s", inner[0], c, g.pick("=", "=", "=", "<"), inner[len(inner)-1], c)
	case k < 9:
		return g.period(a + ".d")
	case k < 10:
		return g.pick(a+".b", "not "+a+".b", a+".b is not true", a+".b = 1", a+".k like 'a%'")
	case k < 12 && depth > 0:
		return "(" + g.condition(depth-1, inner, outer) + g.pick(" and ", " or ") + g.condition(depth-1, inner, outer) + ")"
	case k < 13 && depth > 0:
		return "not (" + g.condition(depth-1, inner, outer) + ")"
	case k < 15 && depth > 0:
		return g.subcondition(depth-1, inner)
	}
	return fmt.Sprintf("coalesce(%s.i, 1) = %s.n", a, a)
}

func (g *generator) subcondition(depth int, outer []string) string {
	a := g.alias()
	from := g.pick("prop.p", "prop.q") + " " + a
	where := g.condition(depth, []string{a}, outer) + " and " + g.condition(depth, []string{a}, outer)
	c := g.pick("i", "n", "d", "k")
	switch g.IntN(4) {
	case 0:
		return fmt.Sprintf("%s (select 1 from %s where %s)", g.pick("exists", "not exists"), from, where)
	case 1:
		return fmt.Sprintf("%s.%s %s (select %s from %s where %s)", g.pick(outer...), c, g.pick("in", "not in"), a+"."+c, from, where)
	case 2:
		return fmt.Sprintf("%s.%s %s (select max(%s) from %s where %s)", g.pick(outer...), c, g.pick("=", "<", ">="), a+"."+c, from, where)
	}
	return fmt.Sprintf("%s.n > (select count(*) from %s where %s)", g.pick(outer...), from, where)
}

func (g *generator) alias() string {
	g.n++
	return fmt.Sprintf("t%d", g.n)
}

// source is a table, a derived table or a CTE-like nesting with the columns of
// the base tables.
func (g *generator) source(depth int) (text, alias string) {
	a := g.alias()
	if depth == 0 || g.IntN(3) == 0 {
		return g.pick("prop.p", "prop.q") + " " + a, a
	}
	in, b := g.source(depth - 1)
	cols := func(x string) string { return strings.ReplaceAll("X.i, X.n, X.d, X.k, X.b", "X", x) }
	switch g.IntN(8) {
	case 0:
		return fmt.Sprintf("(select distinct %s from %s where %s) %s", cols(b), in, g.condition(1, []string{b}, nil), a), a
	case 1:
		return fmt.Sprintf("(select %s.i i, max(%s.n) n, %s.d d, %s.k k, %s.b b from %s group by %s.i, %s.d, %s.k, %s.b having %s) %s",
			b, b, b, b, b, in, b, b, b, b, g.pick("count(*) > 0", "max("+b+".n) > 1", b+".d > '2025-01-01'"), a), a
	case 2:
		return fmt.Sprintf("(select %s from %s order by %s limit %d) %s", cols(b), in, cols(b), 1+g.IntN(4), a), a
	case 3:
		in2, b2 := g.source(depth - 1)
		return fmt.Sprintf("(select %s from %s %s select %s from %s where %s) %s", cols(b), in, g.pick("union all", "union", "intersect", "except"),
			cols(b2), in2, g.condition(1, []string{b2}, nil), a), a
	case 4:
		part := func() string { return g.pick(b+".d", b+".k", b+".d, "+b+".i") }
		return fmt.Sprintf("(select sum(%s.n) over (partition by %s) i, count(*) over (partition by %s) n, %s.d, %s.k, %s.b from %s) %s", b, part(), part(), b, b, b, in, a), a
	case 5:
		return fmt.Sprintf("(select max(%s.i) i, count(*) n, max(%s.d) d, max(%s.k) k, %s b from %s) %s", b, b, b, g.pick("1", "0"), in, a), a
	case 6:
		return fmt.Sprintf("(select %s.i + 1 i, %s.n, %s.d, %s.k, %s.n > 1 b from %s) %s", b, b, b, b, b, in, a), a
	}
	return fmt.Sprintf("(select %s from %s where %s) %s", cols(b), in, g.condition(1, []string{b}, nil), a), a
}

func (g *generator) statement() string {
	from, a := g.source(2)
	aliases := []string{a}
	for range g.IntN(3) {
		text, b := g.source(1)
		kind := g.pick("join", "join", "left join", "right join")
		from = fmt.Sprintf("%s %s %s on %s", from, kind, text, g.condition(1, []string{a, b}, nil))
		if g.IntN(2) == 0 {
			from += fmt.Sprintf(" and %s.d = %s.d", a, b)
		}
		aliases = append(aliases, b)
	}
	where := g.condition(2, aliases, nil)
	for range g.IntN(3) {
		where += " and " + g.condition(2, aliases, nil)
	}
	if g.IntN(6) == 0 {
		return fmt.Sprintf("select count(*), max(%s.d), min(%s.i) from %s where %s", g.pick(aliases...), g.pick(aliases...), from, where)
	}
	b := g.pick(aliases...)
	return fmt.Sprintf("select %s.i, %s.d, %s.k, %s.n from %s where %s", a, b, b, a, from, where)
}

func (g *generator) table(rows int) []map[string]any {
	var out []map[string]any
	maybe := func(v any) any {
		if g.IntN(5) == 0 {
			return nil
		}
		return v
	}
	for range rows {
		out = append(out, map[string]any{
			"i": maybe(int64(g.IntN(4))),
			"n": int64(g.IntN(4)),
			"d": maybe(tables.Day(strings.Trim(g.day(), "'"))),
			"k": maybe(g.pick("a", "b", "ab")),
			"b": maybe(g.IntN(2) == 0),
		})
	}
	return out
}

// TestOptimized compares what a statement gives as it was compiled, over all
// rows, with what it gives optimized, over the rows that the domains of its
// Scans allow.
func TestOptimized(t *testing.T) {
	f := newFront(t, false)
	seeds := 3000
	if testing.Short() {
		seeds = 300
	}
	ran, less := 0, 0
	for seed := range seeds {
		g := &generator{Rand: rand.New(rand.NewPCG(uint64(seed), 7))}
		q := g.statement()
		data := map[string][]map[string]any{"prop.p": g.table(8), "prop.q": g.table(6)}
		ctx, n, err := f.plan(q)
		if n == nil {
			t.Fatalf("%s: %v", q, err)
		}
		plain, err := algebra.CompileOnly(ctx, n, session)
		if err != nil {
			t.Fatalf("%s: %v", q, err)
		}
		best, err := algebra.Compile(ctx, n, session)
		if err != nil {
			t.Fatalf("%s: %v", q, err)
		}
		all, some := &runner{data: data}, &runner{data: data, prune: true}
		want, got := result(all, plain), result(some, best)
		if !slices.Equal(want, got) {
			t.Fatalf("seed %d: %s\nas compiled: %v\noptimized:   %v\n%s\n%s", seed, q, want, got, algebra.String(plain), algebra.String(best))
		}
		ran++
		if some.calls < all.calls {
			less++
		}
	}
	if less < ran/3 {
		t.Errorf("only %d of %d statements read less than everything", less, ran)
	}
}

func result(r *runner, st *algebra.Statement) []string {
	var out []string
	for _, e := range r.rows(st.Root, env{}) {
		out = append(out, rowKey(e, st.Output))
	}
	slices.Sort(out)
	return out
}

// FuzzCompile compiles whatever GMS takes: it may refuse, it may not panic, and
// what it refuses it says with a fault.
func FuzzCompile(f *testing.F) {
	fr := newFront(f, false)
	for seed := range 40 {
		g := &generator{Rand: rand.New(rand.NewPCG(uint64(seed), 11))}
		f.Add(g.statement())
	}
	for _, q := range goldenStatements(f) {
		f.Add(q)
	}
	f.Fuzz(func(t *testing.T, q string) {
		ctx, n := capture(fr, q)
		if n == nil {
			return
		}
		st, err := algebra.Compile(ctx, n, session)
		if err != nil {
			checkFault(t, q, err)
			return
		}
		if st != nil {
			_ = algebra.String(st)
			for _, s := range st.Scans() {
				if s.Source == "" || s.Table == "" {
					t.Errorf("%s: a scan without a name", q)
				}
			}
		}
	})
}
