package duckdb

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"argo/server/algebra"
	"argo/tables"
	"argo/tables/fault"
)

var update = flag.Bool("update", false, "write testdata/render.golden anew")

// Columns of the relations below, by id.
var columns = map[algebra.ColID]algebra.Column{
	1: {ID: 1, Name: "day", Type: dateT}, 2: {ID: 2, Name: "campaign", Type: textT},
	3: {ID: 3, Name: "clicks", Type: bigint}, 4: {ID: 4, Name: "cost", Type: algebra.Type{Kind: algebra.Decimal, Precision: 20, Scale: 6}},
	5:  {ID: 5, Name: "device", Type: algebra.Type{Kind: algebra.Text, Collation: algebra.Bin}},
	11: {ID: 11, Name: "id", Type: bigint}, 12: {ID: 12, Name: "name", Type: textT},
	21: {ID: 21, Name: "campaign", Type: textT}, 22: {ID: 22, Name: "avg", Type: algebra.Type{Kind: algebra.Decimal, Precision: 24, Scale: 10}},
	23: {ID: 23, Name: "n", Type: bigint}, 31: {ID: 31, Name: "a", Type: algebra.Type{Kind: algebra.Decimal, Precision: 24, Scale: 10}},
	32: {ID: 32, Name: "b", Type: textT}, 33: {ID: 33, Name: "c", Type: bigint},
}

func cols(ids ...algebra.ColID) (out []algebra.Column) {
	for _, id := range ids {
		out = append(out, columns[id])
	}
	return out
}

func ref(id algebra.ColID) algebra.Expr { return &algebra.Col{ID: id, Type: columns[id].Type} }
func num(n int64) algebra.Expr          { return &algebra.Lit{Value: n, Type: bigint} }
func str(s string) algebra.Expr         { return &algebra.Lit{Value: s, Type: textT} }
func fn(name string, t algebra.Type, args ...algebra.Expr) algebra.Expr {
	return &algebra.Call{Func: name, Args: args, Type: t}
}

func statement(root algebra.Rel) *algebra.Statement {
	return &algebra.Statement{Root: root, Output: root.Columns()}
}

func symbolic(r algebra.Rel) (string, error) {
	if s, ok := r.(*algebra.Scan); ok {
		return quoted(s.Table), nil
	}
	return "foreign", nil
}

// TestRender keeps the text of each kind of relation: what it means is held by
// the battery of server/columnar, what it costs is read here.
func TestRender(t *testing.T) {
	isTrue := algebra.Type{Kind: algebra.Int, Bool: true}
	perf := &algebra.Scan{Source: "ads", Table: "perf", Cols: cols(1, 2, 3, 4, 5)}
	camp := &algebra.Scan{Source: "ads", Table: `odd "name"`, Cols: cols(11, 12)}
	filtered := &algebra.Filter{In: perf, Cond: fn("and", isTrue, fn("=", isTrue, ref(2), str("Brand A")), fn(">", isTrue, ref(3), num(5)))}
	grouped := &algebra.Aggregate{In: filtered, KeyCols: cols(21), Keys: []algebra.Expr{ref(2)}, AggCols: cols(22, 23),
		Aggs: []algebra.Agg{{Func: "avg", Args: []algebra.Expr{ref(4)}, Type: columns[22].Type}, {Func: "count", Type: bigint}}}
	rendered := map[string]string{}
	for name, st := range map[string]*algebra.Statement{
		"01 scan":            statement(perf),
		"02 scan, no column": {Root: &algebra.Aggregate{In: &algebra.Scan{Table: "perf"}, AggCols: cols(23), Aggs: []algebra.Agg{{Func: "count", Type: bigint}}}, Output: cols(23)},
		"03 filter":          statement(filtered),
		"04 identifiers compare byte by byte": statement(&algebra.Filter{In: perf, Cond: &algebra.In{Value: ref(5), Type: isTrue, List: []algebra.Expr{
			&algebra.Lit{Value: "MOBILE", Type: columns[5].Type}, &algebra.Lit{Value: "it's", Type: columns[5].Type}}}}),
		"05 like": statement(&algebra.Filter{In: perf, Cond: fn("like", isTrue, ref(2), str(`100\%_a%`), str(`\`))}),
		"06 group, average within its block and beyond": {
			Root: &algebra.Project{
				In:   &algebra.Project{In: &algebra.Filter{In: grouped, Cond: fn(">", isTrue, ref(22), num(1))}, Cols: cols(31, 32), Exprs: []algebra.Expr{ref(22), ref(21)}},
				Cols: cols(33), Exprs: []algebra.Expr{fn("*", columns[22].Type, ref(31), num(3))}},
			Output: cols(33)},
		"07 order, limit": statement(&algebra.Limit{Count: num(10), Offset: num(5), In: &algebra.Project{Cols: cols(33), Exprs: []algebra.Expr{ref(3)},
			In: &algebra.Sort{In: perf, Keys: []algebra.SortKey{{Expr: ref(2)}, {Expr: ref(3), Desc: true}}}}}),
		"08 limit within":          statement(&algebra.Distinct{In: &algebra.Limit{Count: num(2), In: &algebra.Sort{In: camp, Keys: []algebra.SortKey{{Expr: ref(11)}}}}}),
		"09 join":                  statement(&algebra.Join{Kind: algebra.LeftJoin, L: perf, R: camp, Cond: fn("=", isTrue, ref(2), ref(12))}),
		"10 semi join":             statement(&algebra.Join{Kind: algebra.SemiJoin, L: perf, R: camp, Cond: fn("=", isTrue, ref(3), ref(11))}),
		"11 lateral":               statement(&algebra.Join{Kind: algebra.InnerJoin, Lateral: true, L: perf, R: &algebra.Filter{In: camp, Cond: fn("=", isTrue, ref(3), ref(11))}}),
		"12 union":                 {Root: &algebra.SetOp{Op: "union", L: &algebra.Project{In: perf, Cols: cols(33), Exprs: []algebra.Expr{ref(3)}}, R: &algebra.Project{In: camp, Cols: cols(11), Exprs: []algebra.Expr{ref(11)}}, Cols: cols(23)}, Output: cols(23)},
		"13 except by collation":   {Root: &algebra.SetOp{Op: "except", L: &algebra.Project{In: perf, Cols: cols(32), Exprs: []algebra.Expr{ref(2)}}, R: &algebra.Project{In: camp, Cols: cols(21), Exprs: []algebra.Expr{ref(12)}}, Cols: cols(12)}, Output: cols(12)},
		"14 window":                {Root: &algebra.Window{In: perf, Cols: cols(23), Calls: []algebra.WindowCall{{Func: "row_number", PartitionBy: []algebra.Expr{ref(2)}, OrderBy: []algebra.SortKey{{Expr: ref(4), Desc: true}}, Type: bigint}}}, Output: cols(2, 23)},
		"15 recursive":             {Root: &algebra.Recursive{Name: "n", All: true, Cols: cols(11), Init: &algebra.Values{Cols: cols(23), Rows: [][]algebra.Expr{{num(1)}}}, Step: &algebra.Project{Cols: cols(33), Exprs: []algebra.Expr{fn("+", bigint, ref(3), num(1))}, In: &algebra.Filter{Cond: fn("<", isTrue, ref(3), num(5)), In: &algebra.Self{Name: "n", Cols: cols(3)}}}}, Output: cols(11)},
		"16 subqueries":            statement(&algebra.Filter{In: camp, Cond: fn("and", isTrue, &algebra.Subquery{Kind: algebra.InSub, Value: ref(12), Not: true, Type: isTrue, Rel: &algebra.Project{In: perf, Cols: cols(32), Exprs: []algebra.Expr{ref(2)}}}, &algebra.Subquery{Kind: algebra.Exists, Type: isTrue, Rel: &algebra.Filter{In: perf, Cond: fn("=", isTrue, ref(3), ref(11))}})}),
		"17 no row":                statement(&algebra.Values{Cols: cols(1, 4)}),
		"18 group_concat distinct": {Root: &algebra.Aggregate{In: perf, AggCols: cols(32), Aggs: []algebra.Agg{{Func: "group_concat", Distinct: true, Args: []algebra.Expr{ref(2)}, Separator: ", ", OrderBy: []algebra.SortKey{{Expr: ref(2), Desc: true}}, Type: textT}}}, Output: cols(32)},
	} {
		got, err := Render(st, symbolic)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		rendered[name] = got
	}
	var out strings.Builder
	for i := 1; i <= len(rendered); i++ {
		for name, text := range rendered {
			if strings.HasPrefix(name, fmt.Sprintf("%02d ", i)) {
				fmt.Fprintf(&out, "-- %s\n%s\n", name, text)
			}
		}
	}
	if *update {
		if err := os.WriteFile("testdata/render.golden", []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/render.golden")
	if err != nil {
		t.Fatal(err)
	}
	w, g := strings.Split(string(want), "\n"), strings.Split(out.String(), "\n")
	for i := range max(len(w), len(g)) {
		switch {
		case i >= len(w) || i >= len(g):
			t.Fatalf("%d lines, the golden has %d (-update writes it)", len(g), len(w))
		case w[i] != g[i]:
			t.Errorf("line %d\n got  %s\n want %s", i+1, g[i], w[i])
		}
	}
}

func TestRenderRefuses(t *testing.T) {
	values := &algebra.Values{Rows: [][]algebra.Expr{{}}}
	one := func(e algebra.Expr) *algebra.Statement {
		return statement(&algebra.Project{In: values, Cols: cols(33), Exprs: []algebra.Expr{e}})
	}
	for _, c := range []struct {
		kind fault.Kind
		part string
		st   *algebra.Statement
	}{
		{fault.Unsupported, "the function NO_SUCH is not supported", one(fn("no_such", bigint))},
		{fault.Unsupported, "interval unit FORTNIGHT", one(fn("date_add", dateT, ref(1), num(1), str("FORTNIGHT")))},
		{fault.Unsupported, "locale", one(fn("format", textT, num(1), num(2), str("de_DE")))},
		{fault.Unsupported, "the aggregate MEDIAN", statement(&algebra.Aggregate{In: values, AggCols: cols(23), Aggs: []algebra.Agg{{Func: "median", Args: []algebra.Expr{num(1)}, Type: bigint}}})},
		{fault.Invalid, "not valid UTF-8", one(str("\xff"))},
		{fault.Invalid, "Incorrect DATE value", one(&algebra.Lit{Value: tables.Day("2026-02-30"), Type: dateT})},
		{fault.Invalid, "Operand should contain 1 column(s)", one(&algebra.Subquery{Kind: algebra.Scalar, Rel: &algebra.Values{Cols: cols(1, 2)}, Type: dateT})},
		{fault.Internal, "LOCATE has 1 arguments, not 2", one(fn("locate", bigint, str("a")))},
	} {
		_, err := Render(c.st, symbolic)
		if f := fault.As(err); f == nil || f.Kind != c.kind || !strings.Contains(f.Message, c.part) {
			t.Errorf("%v, not %s %q", err, c.kind, c.part)
		}
	}
}

// TestCapabilities: what is said to be possible is in one family only.
func TestCapabilities(t *testing.T) {
	seen := map[string]bool{}
	for _, family := range []map[string]renderCall{operators, controls, numbers, texts, dates, documents} {
		for name := range family {
			if seen[name] || name != strings.ToLower(name) {
				t.Errorf("%s stands twice or in capitals", name)
			}
			seen[name] = true
		}
	}
	for name := range arity {
		if !seen[name] && name != "+" {
			t.Errorf("the arity of %s is kept, which is nothing", name)
		}
	}
	names := map[string]bool{}
	for _, f := range Functions() {
		if names[f.Name] || !strings.HasPrefix(f.Name, "argo_") {
			t.Errorf("the function %s stands twice or has another prefix", f.Name)
		}
		names[f.Name] = true
	}
}
