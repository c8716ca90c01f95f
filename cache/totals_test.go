package cache

import (
	"context"
	"fmt"
	"iter"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"argo/tables"
	"argo/tables/fault"

	"github.com/cockroachdb/apd/v3"
)

var summed = []tables.Column{
	{Name: "clicks", Type: tables.BigInt}, {Name: "cost", Type: tables.Money}, {Name: "ctr", Type: tables.Float, NonAdditive: true},
	{Name: "name", Type: tables.Varchar}, {Name: "value", Type: tables.Float}, {Name: "wide", Type: tables.Dec(38, 10)},
}

func money(s string) *apd.Decimal {
	d, _, err := apd.NewFromString(s)
	if err != nil {
		panic(err)
	}
	return d
}

func seq(rows ...tables.Row) iter.Seq2[tables.Row, error] {
	return func(yield func(tables.Row, error) bool) {
		for _, r := range rows {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// tallied sums rows of the columns summed against totals.
func tallied(totals map[string]any, rows ...tables.Row) ([]Check, error) {
	t := newTally("perf", summed)
	for range t.watch(seq(rows...)) {
	}
	t.Totals(totals)
	return t.checks()
}

func TestTotals(t *testing.T) {
	rows := []tables.Row{
		{int64(3), money("1.25"), 0.5, "a", 0.25, money("-7")},
		{nil, nil, nil, nil, nil, nil},
		{int64(math.MaxInt64), money("1E+2"), 0.5, "b", 0.5, money("9999999999999999999999999999.0000000001")},
		{int64(math.MaxInt64), money("0.000001"), 0.5, "b", 1e15, money("0")},
		{int64(-5), money("-0.5"), 0.5, "b", -1e15, money("0.5")},
	}
	for _, c := range []struct {
		column string
		total  any
		want   string
	}{
		{"clicks", money("18446744073709551612"), "clicks 18446744073709551612 18446744073709551612 false"},
		{"clicks", money("18446744073709551612.5"), "clicks 18446744073709551612 18446744073709551612.5 false"},
		{"clicks", int64(7), "clicks 18446744073709551612 7 true"},
		{"clicks", money("18446744073709551611"), "clicks 18446744073709551612 18446744073709551611 true"},
		{"cost", money("100.750001"), "cost 100.750001 100.750001 false"},
		{"cost", money("100.7500014"), "cost 100.750001 100.7500014 false"},
		{"cost", money("100.750002"), "cost 100.750001 100.750002 true"},
		{"cost", int64(100), "cost 100.750001 100 true"},
		{"cost", 100.750003, "cost 100.750001 100.750003 false"}, // five rows that were rounded each
		{"cost", 100.750006, "cost 100.750001 100.750006 true"},
		{"wide", money("9999999999999999999999999992.5000000001"), "wide 9999999999999999999999999992.5000000001 9999999999999999999999999992.5000000001 false"},
		{"value", 0.7500001, "value 0.75 0.7500001 false"},
		{"value", money("1000000.75"), "value 0.75 1000000.75 false"}, // within a billionth of what was added and taken away
		{"value", 3e6, "value 0.75 3000000 true"},
		{"ctr", 9.0, ""},
		{"name", "x", ""},
		{"clicks", nil, ""},
		{"unknown", int64(1), ""},
	} {
		checks, err := tallied(map[string]any{c.column: c.total}, rows...)
		got := ""
		for _, k := range checks {
			got += fmt.Sprintln(k.Column, k.Rows, k.Source, k.Break)
		}
		if err != nil || strings.TrimSpace(got) != c.want {
			t.Errorf("%s against %v: %s, %v, not %s", c.column, c.total, got, err, c.want)
		}
	}
	for _, bad := range []any{"7", 1.5, int(3), &apd.Decimal{Form: apd.NaN}} {
		if _, err := tallied(map[string]any{"clicks": bad}, rows...); !fault.Is(err, fault.Internal) {
			t.Errorf("a total that is %T: %v", bad, err)
		}
	}
	if _, err := tallied(map[string]any{"value": math.Inf(1)}); !fault.Is(err, fault.Internal) {
		t.Errorf("an infinite total: %v", err)
	}
	if checks, err := tallied(map[string]any{"clicks": int64(0), "cost": int64(0), "value": 0.0}); err != nil || len(checks) != 3 || broken(checks) {
		t.Errorf("no rows are %+v, %v", checks, err)
	}
	if checks, err := tallied(nil, rows...); err != nil || checks != nil || Quality(checks) != QualityUnchecked {
		t.Errorf("no totals are %+v, %v", checks, err)
	}
	if checks, _ := tallied(map[string]any{"cost": int64(1)}, tables.Row{nil, &apd.Decimal{Form: apd.Infinite}, nil, nil, nil, nil}); checks != nil {
		t.Errorf("an infinite amount was summed: %+v", checks)
	}
}

// The sum of whatever comes is that of big numbers, and one unit more is a
// break.
func TestTotalsAreExact(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 200 {
		want := new(big.Int) // in 10⁻¹⁰
		var rows []tables.Row
		for range r.IntN(60) {
			n := new(big.Int).SetUint64(r.Uint64() >> r.IntN(64))
			if r.IntN(4) == 0 {
				n.Mul(n, n)
			}
			if r.IntN(2) == 0 {
				n.Neg(n)
			}
			exponent := -int32(r.IntN(11))
			d := &apd.Decimal{Exponent: exponent, Negative: n.Sign() < 0}
			d.Coeff.SetMathBigInt(new(big.Int).Abs(n))
			rows = append(rows, tables.Row{nil, nil, nil, nil, nil, d})
			want.Add(want, n.Mul(n, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(10+exponent)), nil)))
		}
		total := &apd.Decimal{Exponent: -10, Negative: want.Sign() < 0}
		total.Coeff.SetMathBigInt(new(big.Int).Abs(want))
		checks, err := tallied(map[string]any{"wide": total}, rows...)
		if err != nil || len(checks) != 1 || checks[0].Break {
			t.Fatalf("%+v, %v", checks, err)
		}
		if _, err := exact.Add(total, total, apd.New(1, -10)); err != nil {
			t.Fatal(err)
		}
		if checks, _ := tallied(map[string]any{"wide": total}, rows...); !checks[0].Break {
			t.Fatalf("%+v is no break", checks)
		}
	}
}

func TestQuality(t *testing.T) {
	for _, c := range []struct {
		checks []Check
		want   string
	}{{nil, QualityUnchecked}, {[]Check{{}}, QualityOK}, {[]Check{{}, {Break: true}}, QualityBreak}} {
		if got := Quality(c.checks); got != c.want {
			t.Errorf("%+v is %s", c.checks, got)
		}
	}
	s := Span{Source: "ads", Table: "perf", Account: "1", Days: tables.Days{From: "2026-11-01", To: "2026-11-02"}}
	err := untied(s, []Check{{}, {Column: "cost", Rows: "1", Source: "2", Break: true}})
	if got := err.Error(); !fault.Is(err, fault.Untied) || got != "the rows of ads.perf of account 1 from 2026-11-01 to 2026-11-02 do not add up: cost is 1 in the rows, 2 in the source's own total (SELECT * FROM argo.reconcile)" {
		t.Error(got)
	}
	if err := untied(s, []Check{{}}); err != nil {
		t.Error(err)
	}
}

// fakeAll is an index that only lists.
type fakeAll struct {
	Index
	all []Segment
}

func (x fakeAll) All(context.Context) ([]Segment, error) { return x.all, nil }

func TestReconcile(t *testing.T) {
	day := func(a, b tables.Day) tables.Days { return tables.Days{From: "2026-11-" + a, To: "2026-11-" + b} }
	check := []Check{{Column: "cost", Rows: "10.50", Source: "11", Break: true}}
	c := &Cache{o: Options{Index: fakeAll{all: []Segment{
		{ID: "a", Span: Span{Source: "ads", Table: "perf", Account: "1", Days: day("01", "03")}, KnownAt: epoch0, Checks: check},
		{ID: "b", Span: Span{Source: "ads", Table: "perf", Account: "2", Days: day("01", "03")}, KnownAt: epoch0},
		{ID: "c", Span: Span{Source: "ads", Table: "perf", Account: "1", Days: day("01", "03")}, KnownAt: epoch0, Checks: check, RetiredAt: epoch0},
		{ID: "d", Span: Span{Source: "ads", Table: "perf", Account: "1", Days: day("05", "09")}, KnownAt: epoch0, Parts: []Part{
			{Days: day("05", "06"), KnownAt: epoch0, Checks: []Check{{Column: "cost", Rows: "1", Source: "1"}}},
			{Days: day("07", "07"), KnownAt: epoch0.AddDate(0, 0, 1), Checks: []Check{{Column: "cost"}}},
			{Days: day("08", "09"), KnownAt: epoch0.AddDate(0, 0, 1), Checks: []Check{{Column: "cost", Rows: "2", Source: "2"}}}}},
	}}}}
	for _, f := range []struct {
		filter Filter
		want   []string
	}{
		{Filter{}, []string{"a 2026-11-01 -0.50 true", "d 2026-11-05 0 false", "d 2026-11-08 0 false"}},
		{Filter{Days: day("04", "06")}, []string{"d 2026-11-05 0 false"}},
		{Filter{SeenFrom: epoch0.AddDate(0, 0, 1)}, []string{"d 2026-11-08 0 false"}},
		{Filter{SeenBefore: epoch0.AddDate(0, 0, 1)}, []string{"a 2026-11-01 -0.50 true", "d 2026-11-05 0 false"}},
		{Filter{Want: func(_, _, account string) bool { return account == "2" }}, nil},
	} {
		var got []string
		for r, err := range c.Reconcile(context.Background(), f.filter) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, fmt.Sprintln(r.Segment, r.Days.From, r.Difference, r.Break))
		}
		for i := range got {
			got[i] = strings.TrimSpace(got[i])
		}
		if !slices.Equal(got, f.want) {
			t.Errorf("%+v: %q, not %q", f.filter, got, f.want)
		}
	}
}

func BenchmarkTally(b *testing.B) {
	row := tables.Row{int64(3), money("1.25"), 0.5, "a", 0.1, money("7.0000000001")}
	t := newTally("perf", summed)
	b.ReportAllocs()
	for b.Loop() {
		for i := range t.sums {
			t.sums[i].add(row[t.sums[i].index])
		}
	}
}
