package columnar_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"argo/server/algebra"
	"argo/server/columnar"
	"argo/tables"

	"github.com/cockroachdb/apd/v3"
)

// own are columns that come from what is known of a file.
var own = []tables.Column{
	col("_fetched_at", tables.Timestamp), col("_finality", tables.Ident), col("_final_on", tables.DateType), col("rate", tables.Dec(10, 2)),
}

// entries gives, for one file of days from 1 to 30, runs of days with what is
// true of each, and the rows that they answer.
func entries(r *rand.Rand, path string, id int) (files []tables.File, rows []string) {
	const physical = "2026-11-30 07:00:00.000000"
	for day := 1; day <= 30; {
		to := min(30, day+r.IntN(25))
		f := tables.File{Path: path, Day: "day", Days: tables.Days{From: november(day), To: november(to)}}
		fetched, finality, rate := time.Date(2026, 12, 1+r.IntN(3), 1, 2, 3, 4000, time.UTC), fmt.Sprintf("'%d", r.IntN(3)), r.IntN(3)
		f.Const = map[string]any{"_fetched_at": fetched, "_finality": finality, "rate": nil, "unread": r.Int()}
		f.Later = map[string]int{"_final_on": 28, "unread": r.IntN(9)}
		rateText := "NULL"
		if rate > 0 {
			f.Const["rate"] = apd.New(int64(rate), -1)
			rateText = fmt.Sprintf("0.%d0", rate)
		}
		fetchedText := fetched.Format("2006-01-02 15:04:05.000000")
		if id%3 == 0 {
			fetchedText = physical
		}
		if r.IntN(4) > 0 {
			files = append(files, f)
			for d := day; d <= to; d++ {
				rows = append(rows, strings.Join([]string{string(november(d)), fmt.Sprint(id), fetchedText, finality, string(november(d).Add(28)), rateText}, "|"))
			}
		}
		day = to + 1
	}
	return files, rows
}

func november(n int) tables.Day { return tables.Day("2026-10-31").Add(n) }

// TestParts: whichever way files are read together, every row has the constants
// of the run of days that it lies in.
func TestParts(t *testing.T) {
	dir := t.TempDir()
	e := open(t, columnar.Options{ReadDirs: []string{dir}})
	paths := make([]string, 40)
	for i := range paths {
		paths[i] = filepath.Join(dir, fmt.Sprintf("it's account=%d.parquet", i))
		extra := ""
		switch i % 3 {
		case 0:
			extra = ", TIMESTAMP '2026-11-30 07:00:00' AS _fetched_at"
		case 1:
			extra = fmt.Sprintf(", 5 AS other%d", i)
		}
		writeParquet(t, paths[i], fmt.Sprintf("SELECT DATE '2026-11-01' + CAST(i AS INTEGER) AS day, %d AS id%s FROM range(30) t(i)", i, extra))
	}
	r := rand.New(rand.NewPCG(1, 2))
	columns := append([]tables.Column{col("day", tables.DateType), col("id", tables.BigInt)}, own...)
	for _, n := range []int{1, 2, 3, 40} {
		var in columnar.Input
		var want []string
		in.Columns = columns
		for i := range n {
			files, rows := entries(r, paths[i], i)
			in.Files, want = append(in.Files, files...), append(want, rows...)
		}
		got, err := ask(context.Background(), e, scanAll(columns...), in)
		slices.Sort(got)
		slices.Sort(want)
		expect(t, got, err, want...)
		// Nothing of it is read: the days count all the same.
		got, err = ask(context.Background(), e, scanAll(columns[1]), in)
		if err != nil || len(got) != len(want) {
			t.Errorf("%d rows, %v; want %d", len(got), err, len(want))
		}
	}
}

// BenchmarkParts reads 200 accounts of 90 days with three runs each.
func BenchmarkParts(b *testing.B) {
	dir := b.TempDir()
	e := open(b, columnar.Options{ReadDirs: []string{dir}})
	columns := append([]tables.Column{col("day", tables.DateType), col("cost", tables.Money)}, own...)
	in := columnar.Input{Columns: columns}
	whole := columnar.Input{Columns: columns}
	for i := range 200 {
		path := filepath.Join(dir, fmt.Sprint(i, ".parquet"))
		writeParquet(b, path, "SELECT DATE '2026-09-01' + CAST(i // 20 AS INTEGER) AS day, i % 20 AS id, CAST(i * 1.5 AS DECIMAL(18,6)) AS cost FROM range(1800) t(i)")
		whole.Files = append(whole.Files, tables.File{Path: path})
		for j, days := range []tables.Days{{From: "2026-09-01", To: "2026-10-20"}, {From: "2026-10-21", To: "2026-11-28"}, {From: "2026-11-29", To: "2026-11-29"}} {
			in.Files = append(in.Files, tables.File{Path: path, Day: "day", Days: days, Later: map[string]int{"_final_on": 28},
				Const: map[string]any{"_fetched_at": time.Unix(int64(i), 0), "_finality": fmt.Sprint("state", j)}})
		}
	}
	for _, c := range []struct {
		name    string
		in      columnar.Input
		columns []tables.Column
	}{{"whole", whole, columns[1:2]}, {"parts", in, columns[1:2]}, {"finality", in, columns[1:4]}} {
		b.Run(c.name, func(b *testing.B) {
			for range b.N {
				// the largest of each column
				st := scanAll(c.columns...)
				top := &algebra.Aggregate{In: st.Root}
				for i, k := range c.columns {
					out := algebra.Column{ID: algebra.ColID(100 + i), Name: k.Name, Type: algebraType(k.Type)}
					top.AggCols = append(top.AggCols, out)
					top.Aggs = append(top.Aggs, algebra.Agg{Func: "max", Args: []algebra.Expr{&algebra.Col{ID: st.Output[i].ID, Type: out.Type}}, Type: out.Type})
				}
				rows, err := e.Query(context.Background(), &algebra.Statement{Root: top, Output: top.AggCols}, map[algebra.Rel]columnar.Input{st.Root: c.in})
				if err != nil {
					b.Fatal(err)
				}
				if _, err := rows.Next(context.Background()); err != nil {
					b.Fatal(err)
				}
				rows.Close()
			}
		})
	}
}
