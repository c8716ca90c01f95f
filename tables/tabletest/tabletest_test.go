package tabletest_test

import (
	"context"
	"fmt"
	"iter"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"argo/tables"
	"argo/tables/fault"
	"argo/tables/tabletest"

	"github.com/cockroachdb/apd/v3"
)

var days = tables.Days{From: "2026-11-01", To: "2026-11-04"}

// good is a table that keeps every promise: two accounts, four days, three
// objects a day.
func good() tables.Table {
	t := tables.Table{
		Name: "good", Doc: "A table", Key: []string{"id"}, Account: "account", Day: "date", Clock: "day", Since: "2026-01-01",
		Fresh: tables.Freshness{Steps: []tables.Step{{Within: 1, Keep: time.Hour}, {Within: 30, Keep: 24 * time.Hour}}},
		Columns: []tables.Column{
			{Name: "date", Type: tables.DateType, NotNull: true, Push: true, Doc: "Day"},
			{Name: "account", Type: tables.Ident, NotNull: true, Push: true, Doc: "Account"},
			{Name: "id", Type: tables.BigInt, NotNull: true, Push: true, Doc: "Object"},
			{Name: "name", Type: tables.Varchar, Push: true, Doc: "Name"},
			{Name: "status", Type: tables.Ident, NotNull: true, Push: true, Doc: "Word"},
			{Name: "cost", Type: tables.Money, Doc: "Cost", Unit: "account currency", Group: "delivery"},
			{Name: "share", Type: tables.Float, Doc: "Share", Unit: "ratio", Group: "orders", NonAdditive: true},
			{Name: "orders", Type: tables.Dec(20, 6), Doc: "Orders", Unit: "count", Group: "orders"},
			{Name: "currency", Type: tables.Ident, Doc: "Currency", Group: "delivery"},
			{Name: "tags", Type: tables.Document, Doc: "Tags", Group: "delivery"},
			{Name: "at", Type: tables.Timestamp, Doc: "Time", Group: "delivery"},
		},
		Groups: map[string]tables.Freshness{
			"delivery": {Steps: []tables.Step{{Within: 1, Keep: time.Hour}}},
			"orders":   {Steps: []tables.Step{{Within: 1, Keep: time.Hour}, {Within: 30, Keep: 24 * time.Hour}}},
		},
		Calls: func(s tables.Scan) (int, bool) { return s.Days.Len(), true },
		Accounts: func(context.Context) ([]tables.Account, error) {
			return []tables.Account{{ID: "a"}, {ID: "b"}}, nil
		},
	}
	t.Scan = func(ctx context.Context, s tables.Scan) iter.Seq2[tables.Row, error] {
		return func(yield func(tables.Row, error) bool) {
			if s.Account != "a" && s.Account != "b" {
				yield(nil, fault.New(fault.Denied, "no account %s", s.Account))
				return
			}
			sums := map[string]any{}
			cost := int64(0)
			for d := s.Days.From; d <= s.Days.To; d = d.Add(1) {
				tables.TraceOf(ctx).Call()
				for i := range int64(3) {
					if ctx.Err() != nil {
						yield(nil, ctx.Err())
						return
					}
					all := map[string]any{"date": d, "account": s.Account, "id": i, "name": []any{"Ωmega", "Autumn KR", nil}[i], "status": []string{"ON", "OFF", "on"}[i],
						"cost": apd.New(i*1000001, -6), "share": 0.5, "orders": apd.New(333333, -6), "currency": "KRW", "tags": `["x"]`, "at": d.Time().Add(time.Duration(i))}
					if in := s.Where["id"].In; in != nil && !slices.Contains(in, any(i)) {
						continue // pushed down exactly
					}
					row := make(tables.Row, len(s.Columns))
					for j, c := range s.Columns {
						v, ok := all[c]
						if !ok {
							yield(nil, fault.New(fault.Internal, "no column %s", c))
							return
						}
						row[j] = v
					}
					if !yield(row, nil) {
						return
					}
					if slices.Contains(s.Columns, "cost") {
						cost += i * 1000001
						sums["cost"] = apd.New(cost, -6)
					}
					if slices.Contains(s.Columns, "orders") {
						orders, _ := sums["orders"].(float64)
						sums["orders"] = orders + 1.0/3
					}
				}
			}
			if s.Totals != nil && s.Where == nil {
				s.Totals(sums)
			}
		}
	}
	return t
}

// total wraps the scan of the good table: f gives other totals than it would.
func total(f func(give func(map[string]any), sums map[string]any)) tables.Table {
	t := good()
	scan := t.Scan
	t.Scan = func(ctx context.Context, s tables.Scan) iter.Seq2[tables.Row, error] {
		if give := s.Totals; give != nil {
			s.Totals = func(sums map[string]any) { f(give, sums) }
		}
		return scan(ctx, s)
	}
	return t
}

// change wraps the scan of the good table: f changes a row or drops it.
func change(f func(s tables.Scan, n int, row tables.Row) tables.Row) tables.Table {
	t := good()
	scan := t.Scan
	t.Scan = func(ctx context.Context, s tables.Scan) iter.Seq2[tables.Row, error] {
		return func(yield func(tables.Row, error) bool) {
			n := 0
			for row, err := range scan(ctx, s) {
				if err == nil {
					if row = f(s, n, row); row == nil {
						n++
						continue
					}
				}
				n++
				if !yield(row, err) {
					return
				}
			}
		}
	}
	return t
}

// broken are tables that break one promise each; the suite has to say so.
var broken = map[string]func() tables.Table{
	"a condition on text loses a row": func() tables.Table {
		return change(func(s tables.Scan, n int, row tables.Row) tables.Row {
			if in := s.Where["name"].In; in != nil && n%3 == 1 && !slices.Contains(in, any("Autumn KR")) { // compares case-sensitively
				return nil
			}
			return row
		})
	},
	"a range loses its end": func() tables.Table {
		return change(func(s tables.Scan, n int, row tables.Row) tables.Row {
			if to, ok := s.Where["id"].To.(int64); ok && int64(n%3) >= to {
				return nil
			}
			return row
		})
	},
	"rows depend on the columns": func() tables.Table {
		return change(func(s tables.Scan, n int, row tables.Row) tables.Row {
			if len(s.Columns) < 3 && n == 0 {
				return nil
			}
			return row
		})
	},
	"a short row": func() tables.Table {
		return change(func(s tables.Scan, n int, row tables.Row) tables.Row { return row[:max(0, len(row)-1)] })
	},
	"a wrong type": func() tables.Table {
		return change(func(s tables.Scan, n int, row tables.Row) tables.Row {
			if i := slices.Index(s.Columns, "id"); i >= 0 {
				row[i] = int(7)
			}
			return row
		})
	},
	"NULL where it may not be": func() tables.Table {
		return change(func(s tables.Scan, n int, row tables.Row) tables.Row {
			if i := slices.Index(s.Columns, "status"); i >= 0 {
				row[i] = nil
			}
			return row
		})
	},
	"a key twice": func() tables.Table {
		return change(func(s tables.Scan, n int, row tables.Row) tables.Row {
			if i := slices.Index(s.Columns, "id"); i >= 0 && s.Where == nil {
				row[i] = int64(0)
			}
			return row
		})
	},
	"a day outside of the range": func() tables.Table {
		return change(func(s tables.Scan, n int, row tables.Row) tables.Row {
			if i := slices.Index(s.Columns, "date"); i >= 0 && n == 0 {
				row[i] = s.Days.From.Add(-1)
			}
			return row
		})
	},
	"an amount that does not fit": func() tables.Table {
		return change(func(s tables.Scan, n int, row tables.Row) tables.Row {
			if i := slices.Index(s.Columns, "cost"); i >= 0 {
				row[i] = apd.New(1, -9)
			}
			return row
		})
	},
	"an unknown column is NULL": func() tables.Table {
		t := good()
		scan := t.Scan
		t.Scan = func(ctx context.Context, s tables.Scan) iter.Seq2[tables.Row, error] {
			if s.Columns != nil && slices.Contains(s.Columns, "no_such_column") {
				return func(yield func(tables.Row, error) bool) { yield(tables.Row{nil}, nil) }
			}
			return scan(ctx, s)
		}
		return t
	},
	"a scan that ignores its end": func() tables.Table {
		t := good()
		scan := t.Scan
		t.Scan = func(ctx context.Context, s tables.Scan) iter.Seq2[tables.Row, error] {
			return func(yield func(tables.Row, error) bool) {
				if ctx.Err() != nil {
					select {} // a call that nobody can stop
				}
				scan(ctx, s)(yield)
			}
		}
		return t
	},
	"totals that are not those of the rows": func() tables.Table {
		return total(func(give func(map[string]any), sums map[string]any) {
			give(map[string]any{"cost": apd.New(1, -6)})
		})
	},
	"a total of doubles that is far off": func() tables.Table {
		return total(func(give func(map[string]any), sums map[string]any) {
			if x, ok := sums["orders"].(float64); ok {
				sums["orders"] = x + 0.01
			}
			give(sums)
		})
	},
	"a total of shares": func() tables.Table {
		return total(func(give func(map[string]any), sums map[string]any) { give(map[string]any{"share": 12.0}) })
	},
	"totals twice": func() tables.Table {
		return total(func(give func(map[string]any), sums map[string]any) {
			give(sums)
			give(sums)
		})
	},
	"a wrong number of calls": func() tables.Table {
		t := good()
		t.Calls = func(tables.Scan) (int, bool) { return 1, true }
		return t
	},
	"more than one call and no word": func() tables.Table { t := good(); t.Calls = nil; return t },
	"a metric without a freshness": func() tables.Table {
		t := good()
		t.Lookup("cost").Group = ""
		return t
	},
	"a group that there is not": func() tables.Table { t := good(); t.Lookup("cost").Group = "spend"; return t },
	"a group that settles after the table": func() tables.Table {
		t := good()
		t.Fresh.Steps = t.Fresh.Steps[:1]
		return t
	},
	"an amount of no currency": func() tables.Table {
		t := good()
		t.Columns = slices.DeleteFunc(t.Columns, func(c tables.Column) bool { return c.Name == "currency" })
		return t
	},
	"no doc":      func() tables.Table { t := good(); t.Columns[3].Doc = ""; return t },
	"no such key": func() tables.Table { t := good(); t.Key = []string{"x"}; return t },
}

func TestGood(t *testing.T) {
	tabletest.Conformance(t, good(), tabletest.Options{Days: days})
}

// TestBroken runs the suite in a process of its own for every broken table.
func TestBroken(t *testing.T) {
	if name := os.Getenv("BROKEN_TABLE"); name != "" {
		tabletest.Conformance(t, broken[name](), tabletest.Options{Days: days, Prompt: 200 * time.Millisecond})
		return
	}
	for name := range broken {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestBroken$")
			cmd.Env = append(os.Environ(), fmt.Sprintf("BROKEN_TABLE=%s", name))
			if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "--- FAIL") {
				t.Errorf("the suite is content with %s (%v):\n%s", name, err, out)
			}
		})
	}
}
