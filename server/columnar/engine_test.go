package columnar_test

import (
	"context"
	dbsql "database/sql"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/duckdb/duckdb-go/v2"

	"argo/server/algebra"
	"argo/server/columnar"
	"argo/tables"
	"argo/tables/fault"
)

// writeParquet writes what a SELECT of DuckDB's gives.
func writeParquet(t testing.TB, path, query string) {
	t.Helper()
	db, err := dbsql.Open("duckdb", "")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("COPY (" + query + ") TO '" + strings.ReplaceAll(path, "'", "''") + "' (FORMAT parquet)"); err != nil {
		t.Fatal(err)
	}
}

// scanAll is SELECT * of a scan with these columns.
func scanAll(columns ...tables.Column) *algebra.Statement {
	s := &algebra.Scan{Source: "w", Table: "files"}
	for i, c := range columns {
		s.Cols = append(s.Cols, algebra.Column{ID: algebra.ColID(i + 1), Name: c.Name, Type: algebraType(c.Type)})
	}
	return &algebra.Statement{Root: s, Output: s.Cols, Session: algebra.Session{Now: now.UnixMicro()}}
}

func algebraType(t tables.Type) algebra.Type {
	switch t.Kind {
	case tables.Int:
		return intT
	case tables.Double:
		return doubleT
	case tables.Decimal:
		return decT(t.Precision, t.Scale)
	case tables.ID:
		return binT
	case tables.Bool:
		return boolT
	case tables.Date:
		return dateT
	case tables.DateTime:
		return dtT(6)
	case tables.JSON:
		return jsonT
	}
	return textT
}

func col(name string, t tables.Type) tables.Column { return tables.Column{Name: name, Type: t} }

// ask gives all rows of st over one input for its scan.
func ask(ctx context.Context, e *columnar.Engine, st *algebra.Statement, in columnar.Input) ([]string, error) {
	inputs := map[algebra.Rel]columnar.Input{}
	var walk func(r algebra.Rel)
	walk = func(r algebra.Rel) {
		switch r := r.(type) {
		case *algebra.Scan:
			inputs[r] = in
		case *algebra.Sort:
			walk(r.In)
		case *algebra.Aggregate:
			walk(r.In)
		case *algebra.Join:
			walk(r.L)
			walk(r.R)
		}
	}
	walk(st.Root)
	rows, err := e.Query(ctx, st, inputs)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []string
	for {
		row, err := rows.Next(ctx)
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return out, err
		}
		cells := make([]string, len(row))
		for i, v := range row {
			cells[i] = show(v, st.Output[i].Type)
		}
		out = append(out, strings.Join(cells, "|"))
	}
}

func expect(t *testing.T, got []string, err error, want ...string) {
	t.Helper()
	if err != nil {
		t.Fatalf("%v: %v", err, cause(err))
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "it's [a] dir*")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	path := func(name string) string { return filepath.Join(dir, name) }
	e := open(t, columnar.Options{ReadDirs: []string{dir}})
	ctx := context.Background()

	columns := []tables.Column{col("date", tables.DateType), col("id", tables.BigInt), col("cost", tables.Money), col("name", tables.Varchar),
		col("active", tables.Boolean), col("extra", tables.Float), col("seen", tables.Timestamp), col("doc", tables.Document), col("region", tables.Ident)}
	writeParquet(t, path("a.parquet"), `SELECT DATE '2026-11-01' + i::INT AS date, i::INTEGER AS id, (i * 1.5)::DECIMAL(20,6) AS cost,
		'n' || i AS name, i % 2 = 0 AS active, TIMESTAMPTZ '2026-11-01 10:00:00+09' AS seen, {'k': [i]} AS doc, '12' AS acc FROM range(3) t(i)`)
	writeParquet(t, path("b's.parquet"), `SELECT DATE '2026-11-02' AS date, 7.0::DOUBLE AS id, 2.25::DOUBLE AS cost, NULL::VARCHAR AS name, 'NaN'::FLOAT AS extra,
		'x' AS unrelated, '13' AS acc`)

	st := scanAll(columns...)
	got, err := ask(ctx, e, st, columnar.Input{Columns: columns, Files: []tables.File{{Path: path("a.parquet")}, {Path: path("b's.parquet")}}})
	expect(t, got, err,
		`2026-11-01|0|0.000000|n0|1|NULL|2026-11-01 01:00:00.000000|{"k":[0]}|NULL`,
		`2026-11-02|1|1.500000|n1|0|NULL|2026-11-01 01:00:00.000000|{"k":[1]}|NULL`,
		`2026-11-03|2|3.000000|n2|1|NULL|2026-11-01 01:00:00.000000|{"k":[2]}|NULL`,
		`2026-11-02|7|2.250000|NULL|NULL|NULL|NULL|NULL|NULL`)

	// Restrictions, constants of partitions, several groups.
	st = scanAll(columns[0], columns[1], columns[8])
	in := columnar.Input{Columns: columns, Files: []tables.File{
		{Path: path("a.parquet"), Day: "date", Days: tables.Days{From: "2026-11-02", To: "2026-11-02"}, Const: map[string]any{"region": "K'R"}},
		{Path: path("a.parquet"), Account: "acc", AccountID: "99"},
		{Path: path("b's.parquet"), Account: "acc", AccountID: "13", Const: map[string]any{"region": nil}},
		{Path: path("a.parquet"), Day: "date", Days: tables.Days{From: "2026-11-03", To: "2026-11-30"}, Account: "acc", AccountID: "12", Const: map[string]any{"region": "JP", "id": int64(5)}},
	}}
	got, err = ask(ctx, e, st, in)
	expect(t, got, err, "2026-11-02|1|K'R", "2026-11-02|7|NULL", "2026-11-03|5|JP")

	// No file: no row, with the types; no column: rows all the same.
	got, err = ask(ctx, e, scanAll(columns...), columnar.Input{Columns: columns, Files: []tables.File{}})
	expect(t, got, err)
	count := &algebra.Statement{Root: &algebra.Aggregate{In: &algebra.Scan{}, AggCols: []algebra.Column{{ID: 9, Type: intT}}, Aggs: []algebra.Agg{{Func: "count", Type: intT}}},
		Output: []algebra.Column{{ID: 9, Type: intT}}}
	got, err = ask(ctx, e, count, columnar.Input{Files: []tables.File{{Path: path("a.parquet")}, {Path: path("b's.parquet")}}})
	expect(t, got, err, "4")

	// A file that changes is read anew.
	writeParquet(t, path("a.parquet"), "SELECT 5 AS id")
	if err := os.Chtimes(path("a.parquet"), now, now.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	got, err = ask(ctx, e, scanAll(columns[1], columns[3]), columnar.Input{Columns: columns, Files: []tables.File{{Path: path("a.parquet")}}})
	expect(t, got, err, "5|NULL")
}

// TestFilesTogether: files of one table whose columns differ in the case of a
// name, in width or in what a structure holds.
func TestFilesTogether(t *testing.T) {
	dir := t.TempDir()
	e := open(t, columnar.Options{ReadDirs: []string{dir}})
	var files []tables.File
	for i, sql := range []string{
		`SELECT 1 AS id, 0.5::FLOAT AS f, {'a': 1} AS doc, 'x'::BLOB AS name`,
		`SELECT 2 AS ID, 0.1::DOUBLE AS F, {'a': 'x', 'b': 2} AS Doc, 'y' AS NAME`,
		`SELECT 3 AS "Id", 0.2::DOUBLE AS f, {'a': 1.5::DOUBLE} AS doc, NULL::BLOB AS "Name"`,
		`SELECT 4 AS id, 0.25::FLOAT AS f, {'a': 1.5::FLOAT} AS doc, NULL AS name`,
	} {
		path := filepath.Join(dir, fmt.Sprint(i, ".parquet"))
		writeParquet(t, path, sql)
		files = append(files, tables.File{Path: path})
	}
	columns := []tables.Column{col("id", tables.BigInt), col("f", tables.Float), col("doc", tables.Document), col("name", tables.Varchar)}
	got, err := ask(context.Background(), e, scanAll(columns...), columnar.Input{Columns: columns, Files: files})
	slices.Sort(got)
	expect(t, got, err, `1|0.5|{"a":1}|x`, `2|0.1|{"a":"x","b":2}|y`, `3|0.2|{"a":1.5}|NULL`, `4|0.25|{"a":1.5}|NULL`)
}

// TestForeignValues: what MySQL has not is NULL or refused by the column's name,
// and only where it is asked for.
func TestForeignValues(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.parquet")
	e := open(t, columnar.Options{ReadDirs: []string{filepath.Dir(path)}})
	writeParquet(t, path, `SELECT 1 AS id, DATE '20000-01-01' AS far, 'infinity'::TIMESTAMP AS never, '\xFF'::BLOB AS bytes, 'inf'::DOUBLE AS big`)
	for _, c := range []struct {
		column tables.Column
		want   string
	}{
		{col("id", tables.BigInt), "1"},
		{col("big", tables.Float), "NULL"},
		{col("far", tables.DateType), "the column far: DATE value is out of range"},
		{col("never", tables.Timestamp), "the column never: DATETIME value is out of range"},
		{col("bytes", tables.Varchar), "the column bytes holds bytes that are no UTF-8 text"},
	} {
		columns := []tables.Column{c.column}
		got, err := ask(context.Background(), e, scanAll(columns...), columnar.Input{Columns: columns, Files: []tables.File{{Path: path}}})
		if f := fault.As(err); f != nil && f.Kind == fault.Invalid && f.Message == c.want {
			continue
		}
		expect(t, got, err, c.want)
	}
}

// TestReplaced: a file that is another one at the end may have been read in
// parts of both.
func TestReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.parquet")
	e := open(t, columnar.Options{ReadDirs: []string{filepath.Dir(path)}})
	columns := []tables.Column{col("id", tables.BigInt)}
	in := columnar.Input{Columns: columns, Files: []tables.File{{Path: path}}}
	for _, rows := range []int{3, 100_000} {
		writeParquet(t, path, fmt.Sprintf("SELECT i AS id FROM range(%d) t(i)", rows))
		st := scanAll(columns...)
		result, err := e.Query(context.Background(), st, map[algebra.Rel]columnar.Input{st.Root: in})
		if err != nil {
			t.Fatal(err)
		}
		defer result.Close()
		if err := os.Remove(path); err != nil { // what was open stays so
			t.Fatal(err)
		}
		writeParquet(t, path, "SELECT 7 AS id")
		n := 0
		for ; err == nil; n++ {
			_, err = result.Next(context.Background())
		}
		switch n--; {
		case rows < 2048 && (err != io.EOF || n != rows): // it had ended before
			t.Errorf("%d rows, %v", n, err)
		case rows > 2048 && (!fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), path)):
			t.Errorf("%d rows, %v", n, err)
		}
	}
}

func TestBadFiles(t *testing.T) {
	dir := t.TempDir()
	e := open(t, columnar.Options{ReadDirs: []string{dir}})
	path := filepath.Join(dir, "torn.parquet")
	writeParquet(t, path, "SELECT i AS id, repeat('x', 1000) || i AS name FROM range(5000) t(i)")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	outside := filepath.Join(t.TempDir(), "other.parquet")
	writeParquet(t, outside, "SELECT 1 AS id")
	broken := append([]byte(nil), whole...)
	for i := 4; i < len(broken)/2; i++ { // the pages, not the footer
		broken[i] = 0xFF
	}
	for _, c := range []struct {
		name    string
		content []byte
		path    string
		kind    fault.Kind
	}{
		{"empty", nil, path, fault.Broken},
		{"no Parquet", []byte("id,name\n1,x\n"), path, fault.Broken},
		{"cut", whole[:len(whole)-100], path, fault.Broken},
		{"broken pages", broken, path, fault.Broken},
		{"missing", whole, filepath.Join(dir, "missing.parquet"), fault.Broken},
		{"outside", whole, outside, fault.Config},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := os.WriteFile(path, c.content, 0o644); err != nil {
				t.Fatal(err)
			}
			columns := []tables.Column{col("id", tables.BigInt), col("name", tables.Varchar)}
			_, err := ask(context.Background(), e, scanAll(columns...), columnar.Input{Columns: columns, Files: []tables.File{{Path: c.path}}})
			f := fault.As(err)
			if f == nil || f.Kind != c.kind || !strings.Contains(f.Message, c.path) {
				t.Fatalf("%v (cause %v)", err, cause(err))
			}
			if strings.Contains(f.Message, "SELECT") || strings.Contains(f.Hint, "SELECT") {
				t.Errorf("the message holds SQL: %v", f)
			}
		})
	}
}

// TestRowsInput loads values of every kind.
func TestRowsInput(t *testing.T) {
	e := open(t, columnar.Options{})
	columns := []tables.Column{col("i", tables.BigInt), col("x", tables.Float), col("m", tables.Dec(38, 6)), col("s", tables.Varchar), col("b", tables.Boolean),
		col("d", tables.DateType), col("t", tables.Timestamp), col("j", tables.Document)}
	big := "99999999999999999999999999999999.999999"
	rows := []tables.Row{
		{int64(math.MinInt64), 0.1, dec(big), "한글 ' \" \\ \n", true, tables.Day("1969-12-31"), at("1969-12-31 23:59:59.999999"), `{"a":1}`},
		{int64(math.MaxInt64), math.MaxFloat64, dec("-" + big), strings.Repeat("x", 100000), false, tables.Day("0001-01-01"), at("9999-12-31 23:59:59"), "[]"},
		{nil, nil, nil, nil, nil, nil, nil, nil},
		{int64(0), math.NaN(), dec("0"), "", nil, tables.Day("2024-02-29"), at("2026-01-01 00:00:00"), "null"},
	}
	got, err := ask(context.Background(), e, scanAll(columns...), columnar.Input{Columns: columns, Rows: func(yield func(tables.Row, error) bool) {
		for _, r := range rows {
			if !yield(r, nil) {
				return
			}
		}
	}})
	expect(t, got, err,
		`-9223372036854775808|0.1|`+big+`|한글 ' " \\ \n|1|1969-12-31|1969-12-31 23:59:59.999999|{"a":1}`,
		`9223372036854775807|1.7976931348623157e308|-`+big+`|`+strings.Repeat("x", 100000)+`|0|0001-01-01|9999-12-31 23:59:59.000000|[]`,
		`NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL`,
		`0|NULL|0.000000||NULL|2024-02-29|2026-01-01 00:00:00.000000|null`)

	failed := fault.New(fault.Throttled, "the source is out of quota")
	_, err = ask(context.Background(), e, scanAll(columns[0]), columnar.Input{Columns: columns[:1], Rows: func(yield func(tables.Row, error) bool) {
		_ = yield(tables.Row{int64(1)}, nil) && yield(nil, failed)
	}})
	if !errors.Is(err, failed) {
		t.Errorf("the error of the rows is lost: %v", err)
	}
}

// numbers gives n rows, of which the key is scattered.
func numbers(n int) columnar.Input {
	return columnar.Input{Columns: []tables.Column{col("i", tables.BigInt), col("s", tables.Varchar)}, Rows: func(yield func(tables.Row, error) bool) {
		for i := range n {
			k := int64(uint32(i) * 2654435761)
			if !yield(tables.Row{k, fmt.Sprintf("text of row %08d, long enough to weigh something", i)}, nil) {
				return
			}
		}
	}}
}

func sorted(columns ...tables.Column) *algebra.Statement {
	st := scanAll(columns...)
	st.Root = &algebra.Sort{In: st.Root, Keys: []algebra.SortKey{{Expr: &algebra.Col{ID: 1, Type: st.Output[0].Type}}}}
	return st
}

// endless is a statement that runs far longer than any test: a join of n² pairs.
func endless() (*algebra.Statement, columnar.Input) {
	l := &algebra.Scan{Cols: []algebra.Column{{ID: 1, Name: "i", Type: intT}}}
	r := &algebra.Scan{Cols: []algebra.Column{{ID: 2, Name: "i", Type: intT}}}
	join := &algebra.Join{L: l, R: r, Cond: fn(">", boolT, fn("%", intT, fn("*", intT, fn("%", intT, &algebra.Col{ID: 1, Type: intT}, 1000), &algebra.Col{ID: 2, Type: intT}), 1000), 5000)}
	out := []algebra.Column{{ID: 3, Name: "n", Type: intT}}
	return &algebra.Statement{Root: &algebra.Aggregate{In: join, AggCols: out, Aggs: []algebra.Agg{{Func: "count", Type: intT}}}, Output: out}, numbers(100000)
}

// TestCancel ends 100 statements at odd moments: each ends at once, and the
// next one is none the worse.
func TestCancel(t *testing.T) {
	e := open(t, columnar.Options{Threads: 2})
	st, in := endless()
	slow := 0
	for i := range 100 {
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(i%25)*time.Millisecond)
		_, err := ask(ctx, e, st, in)
		deadline, _ := ctx.Deadline()
		late := time.Since(deadline)
		cancel()
		if !fault.Is(err, fault.Timeout) {
			t.Fatalf("%d: %v (cause %v)", i, err, cause(err))
		}
		if late > 250*time.Millisecond {
			slow++
		}
		if late > 5*time.Second {
			t.Fatalf("%d: ended %v after its time", i, late)
		}
		got, err := one(e, fn("+", intT, 1, 2))
		if err != nil || got != "3" {
			t.Fatalf("%d: the next statement gives %s, %v", i, got, err)
		}
	}
	if slow > 10 { // a busy machine may hold up some
		t.Errorf("%d of 100 ended more than 250 ms after their time", slow)
	}
}

// TestKill cancels while rows stream, and closes from another goroutine.
func TestKill(t *testing.T) {
	e := open(t, columnar.Options{Threads: 2})
	columns := []tables.Column{col("i", tables.BigInt), col("s", tables.Varchar)}
	st := scanAll(columns...)
	for _, end := range []string{"context of the statement", "context of Next", "Close"} {
		ctx, cancel := context.WithCancel(context.Background())
		inputs := map[algebra.Rel]columnar.Input{st.Root: numbers(50000)}
		rows, err := e.Query(ctx, st, inputs)
		if err != nil {
			t.Fatal(err)
		}
		nextCtx, cancelNext := context.WithCancel(context.Background())
		if _, err := rows.Next(nextCtx); err != nil {
			t.Fatal(err)
		}
		var done sync.WaitGroup
		done.Go(func() {
			switch end {
			case "Close":
				rows.Close()
			case "context of Next":
				cancelNext()
			default:
				cancel()
			}
		})
		n := 1
		for ; err == nil; n++ {
			_, err = rows.Next(nextCtx)
		}
		done.Wait()
		if errors.Is(err, io.EOF) && n < 50000 {
			t.Errorf("%s: the result ends after %d rows as if it were whole", end, n)
		}
		rows.Close()
		rows.Close()
		cancel()
		cancelNext()
	}
	st, in := endless()
	ctx, cancel := context.WithCancelCause(context.Background())
	time.AfterFunc(20*time.Millisecond, func() { cancel(errors.New("KILL")) })
	_, err := ask(ctx, e, st, in)
	if !fault.Is(err, fault.Canceled) || cause(err) == nil || cause(err).Error() != "KILL" {
		t.Errorf("%v (cause %v)", err, cause(err))
	}
}

// TestSpill sorts more than fits into memory, and is refused where it may not spill.
func TestSpill(t *testing.T) {
	dir := t.TempDir()
	writeParquet(t, filepath.Join(dir, "big.parquet"), "SELECT (hash(i) % 1000000000)::BIGINT AS i, hash(i)::VARCHAR || repeat('x', 80) AS s FROM range(2500000) t(i)")
	columns := []tables.Column{col("i", tables.BigInt), col("s", tables.Varchar)}
	in := columnar.Input{Columns: columns, Files: []tables.File{{Path: filepath.Join(dir, "big.parquet")}}}
	st := sorted(columns...)

	e := open(t, columnar.Options{ReadDirs: []string{dir}, MemoryLimit: 128 << 20, Threads: 2})
	rows, err := e.Query(context.Background(), st, map[algebra.Rel]columnar.Input{st.Root.(*algebra.Sort).In: in})
	if err != nil {
		t.Fatalf("%v: %v", err, cause(err))
	}
	defer rows.Close()
	n, last := 0, int64(math.MinInt64)
	for {
		row, err := rows.Next(context.Background())
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%v: %v", err, cause(err))
		}
		if i := row[0].(int64); i < last {
			t.Fatalf("row %d is out of order", n)
		} else {
			last = i
		}
		n++
	}
	if n != 2500000 {
		t.Errorf("%d rows", n)
	}

	e = open(t, columnar.Options{ReadDirs: []string{dir}, MemoryLimit: 128 << 20, MaxTemp: 1 << 20, Threads: 2})
	_, err = ask(context.Background(), e, st, in)
	if f := fault.As(err); f == nil || f.Kind != fault.Refused || f.Hint == "" {
		t.Errorf("%v (cause %v)", err, cause(err))
	}
	if got, err := one(e, fn("+", intT, 1, 2)); err != nil || got != "3" {
		t.Errorf("afterwards: %s, %v", got, err)
	}
}

// TestStreaming reads a large result without holding it.
func TestStreaming(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "long.parquet")
	writeParquet(t, path, "SELECT i, repeat('x', 200) || i AS s FROM range(1000000) t(i)") // 200 MB as rows
	e := open(t, columnar.Options{ReadDirs: []string{dir}, MemoryLimit: 100 << 20, Threads: 2})
	columns := []tables.Column{col("i", tables.BigInt), col("s", tables.Varchar)}
	st := scanAll(columns...)
	rows, err := e.Query(context.Background(), st, map[algebra.Rel]columnar.Input{st.Root: {Columns: columns, Files: []tables.File{{Path: path}}}})
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var peak uint64
	n := int64(0)
	for {
		row, err := rows.Next(context.Background())
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if row[0].(int64) != n {
			t.Fatalf("row %d is %v", n, row[0])
		}
		if n++; n%100000 == 0 {
			var m runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&m)
			peak = max(peak, m.HeapAlloc)
		}
	}
	if n != 1000000 || peak > 100<<20 {
		t.Errorf("%d rows, %d MB of heap", n, peak>>20)
	}
}

// TestConcurrent runs statements side by side.
func TestConcurrent(t *testing.T) {
	w := readWorld(t, "testdata/tables.txt")
	f := newFront(w)
	e := open(t, columnar.Options{})
	st, err := f.compile("select campaign, sum(cost), group_concat(device order by device) from perf group by campaign order by campaign")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	answers := make([]string, 8)
	for i := range answers {
		wg.Go(func() {
			for range 10 {
				rows, err := e.Query(context.Background(), st, w.inputs(st))
				if err != nil {
					t.Error(err, cause(err))
					return
				}
				var out []string
				for {
					row, err := rows.Next(context.Background())
					if err != nil {
						break
					}
					out = append(out, fmt.Sprint(row))
				}
				rows.Close()
				answers[i] = strings.Join(out, "\n")
			}
		})
	}
	wg.Wait()
	for _, a := range answers {
		if a != answers[0] || a == "" {
			t.Errorf("answers differ:\n%s\n%s", a, answers[0])
		}
	}
}

// TestHostileNames: names and constants are data, whatever they hold.
func TestHostileNames(t *testing.T) {
	e := open(t, columnar.Options{})
	evil := `x"); DROP TABLE t; --'`
	columns := []tables.Column{col(evil, tables.Varchar), col("select", tables.Varchar)}
	st := scanAll(columns...)
	st.Root.(*algebra.Scan).Table = evil
	got, err := ask(context.Background(), e, st, columnar.Input{Columns: columns, Rows: func(yield func(tables.Row, error) bool) {
		yield(tables.Row{evil, "b"}, nil)
	}})
	expect(t, got, err, evil+"|b")
	if text, err := e.Explain(st); err != nil || !strings.Contains(text, `"w"."x""); DROP TABLE t; --'"`) {
		t.Errorf("%s, %v", text, err)
	}
}
