package columnar_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/apd/v3"
	sqle "github.com/dolthub/go-mysql-server"
	"github.com/dolthub/go-mysql-server/memory"
	"github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/analyzer"
	"github.com/dolthub/go-mysql-server/sql/plan"
	"github.com/dolthub/go-mysql-server/sql/transform"
	"github.com/dolthub/go-mysql-server/sql/types"
	"github.com/dolthub/vitess/go/sqltypes"

	"argo/server/algebra"
	"argo/server/columnar"
	"argo/server/dialect/duckdb"
	"argo/tables"
	"argo/tables/fault"
)

// now is the moment of every statement of the battery, as when it was recorded.
var now = time.Date(2026, 11, 22, 10, 30, 15, 123456000, time.UTC)

// TestBattery compiles each statement of battery.sql, runs it and compares with
// what a MySQL server answered (testdata/record.go).
func TestBattery(t *testing.T) { runBattery(t, "testdata/") }

func runBattery(t *testing.T, dir string) {
	world := readWorld(t, dir+"tables.txt")
	front := newFront(world)
	engine := open(t, columnar.Options{})
	for _, c := range readCases(t, dir+"battery.out") {
		t.Run(c.statement, func(t *testing.T) {
			got, err := run(front, engine, world, c.statement)
			if want, ok := strings.CutPrefix(strings.Join(c.answer, "\n"), "! "); ok {
				number, _, _ := strings.Cut(want, " ")
				switch {
				case err == nil:
					t.Fatalf("gives %q, MySQL the error %s", got, want)
				case number == "1690" && !errors.Is(err, columnar.ErrOutOfRange),
					number == "1242" && !errors.Is(err, columnar.ErrSubqueryRows):
					t.Fatalf("gives the error %v, MySQL %s", err, want)
				}
				return
			}
			if err != nil {
				t.Fatalf("%v\ncause: %v", err, cause(err))
			}
			if !ordered(c.statement) {
				slices.Sort(got)
				slices.Sort(c.answer)
			}
			for i := range max(len(got), len(c.answer)) {
				g, w := "(no row)", "(no row)"
				if i < len(got) {
					g = got[i]
				}
				if i < len(c.answer) {
					w = c.answer[i]
				}
				if !sameRow(g, w) {
					t.Errorf("row %d\n got  %s\n want %s", i, g, w)
				}
			}
		})
	}
}

// ordered says that the statement itself, not a part in parentheses, is sorted.
func ordered(q string) bool {
	depth := 0
	for i, r := range q {
		switch r {
		case '(':
			depth++
		case ')':
			depth--
		case 'o', 'O':
			if depth == 0 && strings.HasPrefix(strings.ToLower(q[i:]), "order by") {
				return true
			}
		}
	}
	return false
}

func cause(err error) error {
	if f := fault.As(err); f != nil {
		return f.Err
	}
	return nil
}

// sameRow compares texts; doubles may differ in their last digit, which the C
// library decides.
func sameRow(got, want string) bool {
	g, w := strings.Split(got, "\t"), strings.Split(want, "\t")
	if len(g) != len(w) {
		return false
	}
	for i := range g {
		if g[i] == w[i] {
			continue
		}
		x, err := strconv.ParseFloat(g[i], 64)
		y, err2 := strconv.ParseFloat(w[i], 64)
		if err != nil || err2 != nil || len(w[i]) < 14 || math.Abs(x-y) > 1e-14*math.Abs(y) {
			return false
		}
	}
	return true
}

type battery struct {
	statement string
	answer    []string
}

func readCases(t testing.TB, path string) (cases []battery) {
	for _, line := range readLines(t, path) {
		if s, ok := strings.CutPrefix(line, "> "); ok {
			cases = append(cases, battery{statement: s})
		} else if line != "" {
			c := &cases[len(cases)-1]
			c.answer = append(c.answer, line)
		}
	}
	return cases
}

func readLines(t testing.TB, path string) (lines []string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		lines = append(lines, s.Text())
	}
	return lines
}

// world is the tables of tables.txt with their rows.
type world struct {
	tables []tables.Table
	rows   map[string][]tables.Row
}

func readWorld(t testing.TB, path string) *world {
	w := &world{rows: map[string][]tables.Row{}}
	kinds := map[string]tables.Type{"int": tables.BigInt, "text": tables.Varchar, "ident": tables.Ident, "double": tables.Float,
		"bool": tables.Boolean, "date": tables.DateType, "datetime": tables.Timestamp,
		"decimal(20,6)": tables.Money, "decimal(10,2)": tables.Dec(10, 2), "decimal(18,2)": tables.Dec(18, 2)}
	var cur *tables.Table
	for _, line := range readLines(t, path) {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if name, ok := strings.CutPrefix(line, "table "); ok {
			w.tables = append(w.tables, tables.Table{Name: name})
			cur = &w.tables[len(w.tables)-1]
			continue
		}
		fields := strings.Split(line, "\t")
		if cur.Columns == nil {
			for _, f := range fields {
				i := strings.LastIndexByte(f, ' ')
				name, kind := f[:i], f[i+1:]
				cur.Columns = append(cur.Columns, tables.Column{Name: name, Type: kinds[kind]})
			}
			continue
		}
		row := make(tables.Row, len(fields))
		for i, f := range fields {
			if f != `\N` {
				row[i] = parse(t, strings.ReplaceAll(f, `\\`, `\`), cur.Columns[i].Type)
			}
		}
		w.rows[cur.Name] = append(w.rows[cur.Name], row)
	}
	return w
}

func parse(t testing.TB, s string, k tables.Type) any {
	var v any = s
	var err error
	switch k.Kind {
	case tables.Int:
		v, err = strconv.ParseInt(s, 10, 64)
	case tables.Double:
		v, err = strconv.ParseFloat(s, 64)
	case tables.Bool:
		v = s == "1"
	case tables.Decimal:
		v, _, err = apd.NewFromString(s)
	case tables.Date:
		v = tables.Day(s)
	case tables.DateTime:
		v, err = time.Parse("2006-01-02 15:04:05", s)
	}
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func (w *world) inputs(st *algebra.Statement) map[algebra.Rel]columnar.Input {
	in := map[algebra.Rel]columnar.Input{}
	_, _ = duckdb.Render(st, func(r algebra.Rel) (string, error) {
		s := r.(*algebra.Scan)
		for _, t := range w.tables {
			if t.Name == s.Table {
				in[r] = columnar.Input{Columns: t.Columns, Rows: func(yield func(tables.Row, error) bool) {
					for _, row := range w.rows[t.Name] {
						if !yield(row, nil) {
							return
						}
					}
				}}
			}
		}
		return "x", nil
	})
	return in
}

// run gives the rows as a client would see them.
func run(f *front, e *columnar.Engine, w *world, q string) ([]string, error) {
	st, err := f.compile(q)
	if err != nil {
		return nil, err
	}
	rows, err := e.Query(context.Background(), st, w.inputs(st))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []string
	for {
		row, err := rows.Next(context.Background())
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		cells := make([]string, len(row))
		for i, v := range row {
			cells[i] = show(v, st.Output[i].Type)
		}
		out = append(out, strings.Join(cells, "\t"))
	}
}

func show(v any, t algebra.Type) string {
	escape := strings.NewReplacer(`\`, `\\`, "\t", `\t`, "\n", `\n`, "\x00", `\0`)
	switch v := v.(type) {
	case nil:
		return "NULL"
	case float64:
		return duckdb.DoubleText(v)
	case *apd.Decimal:
		return v.Text('f')
	case []byte:
		return escape.Replace(string(v))
	case time.Duration:
		return duckdb.TimeText(v, t.Scale)
	case time.Time:
		layout := "2006-01-02 15:04:05"
		if t.Scale > 0 {
			layout += "." + strings.Repeat("0", t.Scale)
		}
		return v.Format(layout)
	}
	return escape.Replace(fmt.Sprint(v))
}

func open(t testing.TB, o columnar.Options) *columnar.Engine {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	e, err := columnar.Open(o)
	if err != nil {
		t.Fatalf("%v: %v", err, errors.Unwrap(err))
	}
	t.Cleanup(func() { e.Close() })
	return e
}

// front is GMS over the world, which hands each plan to the compiler.
type front struct {
	engine *sqle.Engine
	pro    *memory.DbProvider
}

type captureKey struct{}

var hook sync.Once

func newFront(w *world) *front {
	hook.Do(func() {
		analyzer.AlwaysBeforeDefault = append(analyzer.AlwaysBeforeDefault, analyzer.Rule{Id: -78, Apply: func(ctx *sql.Context, _ *analyzer.Analyzer, n sql.Node, _ *plan.Scope, _ analyzer.RuleSelector, _ *sql.QueryFlags) (sql.Node, transform.TreeIdentity, error) {
			if p, ok := ctx.Value(captureKey{}).(*sql.Node); ok && *p == nil {
				*p = n
			}
			return n, transform.SameTree, nil
		}})
	})
	pro := memory.NewDBProvider(&fakeDB{w.tables})
	b := analyzer.NewBuilder(pro)
	algebra.Configure(b)
	return &front{engine: sqle.New(b.Build(), nil), pro: pro}
}

func (f *front) compile(q string) (*algebra.Statement, error) {
	var captured sql.Node
	parent := context.WithValue(context.Background(), captureKey{}, &captured)
	s := memory.NewSession(sql.NewBaseSessionWithClientServer("", sql.Client{Address: "localhost", User: "root"}, 7), f.pro)
	ctx := sql.NewContext(parent, sql.WithSession(s))
	ctx.SetQueryTime(now)
	ctx.SetCurrentDatabase("w")
	_, err := f.engine.AnalyzeQuery(ctx, q)
	if captured == nil {
		return nil, err
	}
	return algebra.Compile(ctx, captured, algebra.Session{DivPrecisionIncr: 4, GroupConcatMaxLen: 1024, Now: now.UnixMicro(), TimeZone: "UTC"})
}

type fakeDB struct{ tables []tables.Table }

func (d *fakeDB) Name() string { return "w" }
func (d *fakeDB) GetTableNames(*sql.Context) (names []string, err error) {
	for _, t := range d.tables {
		names = append(names, t.Name)
	}
	return names, nil
}
func (d *fakeDB) GetTableInsensitive(_ *sql.Context, name string) (sql.Table, bool, error) {
	for i := range d.tables {
		if strings.EqualFold(d.tables[i].Name, name) {
			return &fakeTable{&d.tables[i]}, true, nil
		}
	}
	return nil, false, nil
}

type fakeTable struct{ t *tables.Table }

func (t *fakeTable) Argo() (string, *tables.Table) { return "w", t.t }
func (t *fakeTable) Name() string                  { return t.t.Name }
func (t *fakeTable) String() string                { return t.t.Name }
func (t *fakeTable) Collation() sql.CollationID    { return sql.Collation_utf8mb4_0900_ai_ci }
func (t *fakeTable) Schema(*sql.Context) (s sql.Schema) {
	for _, c := range t.t.Columns {
		s = append(s, &sql.Column{Name: c.Name, Type: gmsType(c.Type), Source: t.t.Name, DatabaseSource: "w", Nullable: true})
	}
	return s
}
func (t *fakeTable) PrimaryKeySchema(ctx *sql.Context) sql.PrimaryKeySchema {
	return sql.NewPrimaryKeySchema(t.Schema(ctx))
}
func (t *fakeTable) Partitions(*sql.Context) (sql.PartitionIter, error) {
	return sql.PartitionsToPartitionIter(), nil
}
func (t *fakeTable) PartitionRows(*sql.Context, sql.Partition) (sql.RowIter, error) {
	return sql.RowsToRowIter(), nil
}

func gmsType(t tables.Type) sql.Type {
	switch t.Kind {
	case tables.Int:
		return types.Int64
	case tables.Double:
		return types.Float64
	case tables.Decimal:
		return types.MustCreateColumnDecimalType(uint8(t.Precision), uint8(t.Scale))
	case tables.ID:
		return types.MustCreateString(sqltypes.VarChar, int64(max(t.Length, 1)), sql.Collation_utf8mb4_0900_bin)
	case tables.Bool:
		return types.Boolean
	case tables.Date:
		return types.Date
	case tables.DateTime:
		return types.MustCreateDatetimeType(sqltypes.Datetime, 6)
	case tables.JSON:
		return types.JSON
	}
	return types.MustCreateString(sqltypes.VarChar, int64(max(t.Length, 1)), sql.Collation_utf8mb4_0900_ai_ci)
}
