package parquet

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"argo/cache"
	"argo/tables"

	"github.com/cockroachdb/apd/v3"
	_ "github.com/duckdb/duckdb-go/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/oklog/ulid/v2"
	"github.com/parquet-go/parquet-go"
)

var _ cache.Store = (*Store)(nil)

func newID() string { return ulid.Make().String() }

func dec(t testing.TB, s string) *apd.Decimal {
	t.Helper()
	d, _, err := apd.NewFromString(s)
	if err != nil {
		t.Fatal(err)
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

func newStore(t testing.TB) *Store {
	t.Helper()
	s, err := NewStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// query reads the file with DuckDB, every value as text, NULL as "NULL".
func query(t testing.TB, format string, args ...any) [][]string {
	t.Helper()
	db, err := sql.Open("duckdb", "")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.Query(fmt.Sprintf(format, args...))
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	names, _ := rows.Columns()
	var out [][]string
	for rows.Next() {
		cells, places := make([]sql.NullString, len(names)), make([]any, len(names))
		for i := range cells {
			places[i] = &cells[i]
		}
		if err := rows.Scan(places...); err != nil {
			t.Fatal(err)
		}
		row := make([]string, len(names))
		for i, c := range cells {
			row[i] = "NULL"
			if c.Valid {
				row[i] = c.String
			}
		}
		out = append(out, row)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestEveryType: what goes in as tables.Row comes out of DuckDB as the type
// the kind stands for, in the order of the columns, NULLs included.
func TestEveryType(t *testing.T) {
	s, id := newStore(t), newID()
	columns := []tables.Column{
		{Name: "z_int", Type: tables.BigInt}, {Name: "double", Type: tables.Float},
		{Name: "d5", Type: tables.Dec(5, 2)}, {Name: "money", Type: tables.Dec(18, 6)},
		{Name: "wide", Type: tables.Dec(38, 10)}, {Name: "Text, with comma", Type: tables.Varchar},
		{Name: "id", Type: tables.Ident}, {Name: "json", Type: tables.Document},
		{Name: "bool", Type: tables.Boolean}, {Name: "day", Type: tables.DateType}, {Name: "at", Type: tables.Timestamp},
	}
	seoul := time.FixedZone("", 9*3600)
	n, size, err := s.Write(t.Context(), id, columns, seq(
		tables.Row{int64(math.MinInt64), -1.5, dec(t, "-999.99"), dec(t, "-123456789012.345678"),
			dec(t, "-1234567890123456789012345678.0123456789"), "한국어 'x'", "", `{"a": [1]}`, true,
			tables.Day("1969-12-31"), time.Date(2026, 11, 22, 9, 0, 0, 123456000, seoul)},
		make(tables.Row, len(columns)),
		tables.Row{int64(7), 1e300, dec(t, "1E2"), dec(t, "1.10"), dec(t, "1.5000000000000"), "a\x00b\nc", "ID", `null`, false,
			tables.Day("2024-02-29"), time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)},
	))
	if err != nil || n != 3 {
		t.Fatal(n, err)
	}
	path, err := s.Path(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Size() != size {
		t.Errorf("size %d: %v %v", size, info.Size(), err)
	}
	got := query(t, "SELECT column_name, column_type FROM (DESCRIBE FROM '%s')", path)
	want := [][]string{{"z_int", "BIGINT"}, {"double", "DOUBLE"}, {"d5", "DECIMAL(5,2)"}, {"money", "DECIMAL(18,6)"},
		{"wide", "DECIMAL(38,10)"}, {"Text, with comma", "VARCHAR"}, {"id", "VARCHAR"}, {"json", "VARCHAR"},
		{"bool", "BOOLEAN"}, {"day", "DATE"}, {"at", "TIMESTAMP"}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	got = query(t, "SELECT COLUMNS(*)::VARCHAR FROM '%s'", path)
	null := slices.Repeat([]string{"NULL"}, len(columns))
	want = [][]string{
		{"-9223372036854775808", "-1.5", "-999.99", "-123456789012.345678", "-1234567890123456789012345678.0123456789",
			"한국어 'x'", "", `{"a": [1]}`, "true", "1969-12-31", "2026-11-22 00:00:00.123456"},
		null,
		{"7", "1e+300", "100.00", "1.100000", "1.5000000000", "a\x00b\nc", "ID", "null", "false", "2024-02-29", "0001-01-01 00:00:00"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// TestBounds: row groups carry bounds, and a filter on any type gives the same
// rows with them as without, negative wide decimals and long text included.
func TestBounds(t *testing.T) {
	s, id := newStore(t), newID()
	columns := []tables.Column{{Name: "n", Type: tables.BigInt}, {Name: "wide", Type: tables.Dec(30, 4)},
		{Name: "money", Type: tables.Money}, {Name: "name", Type: tables.Varchar}, {Name: "day", Type: tables.DateType}}
	const rows = 3*groupRows + 17
	n, _, err := s.Write(t.Context(), id, columns, func(yield func(tables.Row, error) bool) {
		for i := range int64(rows) {
			v := i - rows/2
			row := tables.Row{v, apd.New(v, -4), apd.New(v, -2), fmt.Sprintf("%s%09d", strings.Repeat("x", 30), i),
				tables.Day("2026-01-01").Add(int(i / 1000))}
			if i%97 == 0 {
				clear(row[1:])
			}
			if !yield(row, nil) {
				return
			}
		}
	})
	if err != nil || n != rows {
		t.Fatal(n, err)
	}
	path, _ := s.Path(t.Context(), id)
	got := query(t, `SELECT count(DISTINCT row_group_id), count(stats_min_value) FROM parquet_metadata('%s') WHERE path_in_schema='n'`, path)
	if d := cmp.Diff([][]string{{"4", "4"}}, got); d != "" {
		t.Error(d)
	}
	for _, where := range []string{"n < -184000", "n = 0", "wide < -18.4", "wide = -0.5", "wide BETWEEN -1 AND 1", "money < -1800",
		"money = 15.55", "name > 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx000368000'", "day = '2026-03-01'", "day IS NULL"} {
		pruned := query(t, "SELECT count(*) FROM '%s' WHERE %s", path, where)
		full := query(t, "SELECT count(*) FILTER (WHERE %s) FROM '%s'", where, path)
		if pruned[0][0] != full[0][0] || full[0][0] == "0" {
			t.Errorf("%s: %s rows with bounds, %s without", where, pruned[0][0], full[0][0])
		}
	}
}

// TestEmpty: no row is still a file with columns.
func TestEmpty(t *testing.T) {
	s, id := newStore(t), newID()
	n, _, err := s.Write(t.Context(), id, []tables.Column{{Name: "a", Type: tables.BigInt}}, seq())
	if n != 0 || err != nil {
		t.Fatal(n, err)
	}
	path, _ := s.Path(t.Context(), id)
	if got := query(t, "SELECT count(a) FROM '%s'", path); got[0][0] != "0" {
		t.Error(got)
	}
}

func TestWrongValues(t *testing.T) {
	s := newStore(t)
	for _, c := range []struct {
		typ  tables.Type
		v    any
		want string
	}{
		{tables.BigInt, 1, "column x (BIGINT): the value is a int, not a int64"},
		{tables.BigInt, "1", "not a int64"},
		{tables.Float, int64(1), "not a float64"},
		{tables.Float, math.NaN(), "not a finite number"},
		{tables.Money, 1.5, "not a *apd.Decimal"},
		{tables.Money, (*apd.Decimal)(nil), "not a *apd.Decimal"},
		{tables.Money, dec(t, "NaN"), "not a finite number"},
		{tables.Dec(4, 2), dec(t, "100"), "does not fit exactly"},
		{tables.Dec(4, 2), dec(t, "1.001"), "does not fit exactly"},
		{tables.Dec(38, 0), dec(t, "1E400"), "does not fit exactly"},
		{tables.Dec(38, 0), dec(t, "1E-400"), "does not fit exactly"},
		{tables.Dec(39, 0), dec(t, "1"), "1 to 38 digits"},
		{tables.Varchar, []byte("a"), "not a string"},
		{tables.Varchar, "a\xff", "not UTF-8"},
		{tables.Document, "{", "not JSON"},
		{tables.Boolean, int64(1), "not a bool"},
		{tables.DateType, "2026-01-01", "not a tables.Day"},
		{tables.DateType, tables.Day("2026-02-30"), "not a day"},
		{tables.DateType, time.Time{}, "not a tables.Day"},
		{tables.Timestamp, tables.Day("2026-01-01"), "not a time.Time"},
		{tables.Type{}, int64(1), "no Parquet type"},
	} {
		_, _, err := s.Write(t.Context(), newID(), []tables.Column{{Name: "x", Type: c.typ}}, seq(tables.Row{c.v}))
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "column x") {
			t.Errorf("%s %v: %v", c.typ, c.v, err)
		}
	}
	if _, _, err := s.Write(t.Context(), newID(), []tables.Column{{Name: "x", Type: tables.BigInt}}, seq(tables.Row{})); err == nil {
		t.Error("a short row was accepted")
	}
	for _, columns := range [][]tables.Column{nil, {{Name: "", Type: tables.BigInt}}, {{Name: "a", Type: tables.BigInt}, {Name: "a", Type: tables.BigInt}}} {
		if _, _, err := s.Write(t.Context(), newID(), columns, seq()); err == nil {
			t.Errorf("columns %v were accepted", columns)
		}
	}
	empty(t, s)
}

func empty(t *testing.T, s *Store) {
	t.Helper()
	if entries, err := os.ReadDir(s.dir); err != nil || len(entries) != 0 {
		t.Errorf("left behind: %v %v", entries, err)
	}
}

// TestAllOrNothing: whichever step fails, the rows or the disk, nothing is
// left, and the same id can be written again.
func TestAllOrNothing(t *testing.T) {
	s := newStore(t)
	columns := []tables.Column{{Name: "a", Type: tables.BigInt}}
	boom := errors.New("boom")
	for _, step := range []string{"close", "sync", "stat", "rename", "sync folder"} {
		id := newID()
		s.fail = func(at string) error {
			if at == step {
				return boom
			}
			return nil
		}
		n, size, err := s.Write(t.Context(), id, columns, seq(tables.Row{int64(1)}))
		if !errors.Is(err, boom) || n != 0 || size != 0 {
			t.Errorf("%s: %d %d %v", step, n, size, err)
		}
		empty(t, s)
	}
	s.fail = func(string) error { return nil }
	_, _, err := s.Write(t.Context(), newID(), columns, func(yield func(tables.Row, error) bool) {
		_ = yield(tables.Row{int64(1)}, nil) && yield(nil, boom)
	})
	if !errors.Is(err, boom) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, _, err = s.Write(ctx, newID(), columns, func(yield func(tables.Row, error) bool) {
		cancel()
		for yield(tables.Row{int64(1)}, nil) {
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	empty(t, s)
}

// TestImmutable: an id is written once (I4).
func TestImmutable(t *testing.T) {
	s, id := newStore(t), newID()
	columns := []tables.Column{{Name: "a", Type: tables.BigInt}}
	if _, _, err := s.Write(t.Context(), id, columns, seq(tables.Row{int64(1)})); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Write(t.Context(), id, columns, seq(tables.Row{int64(2)})); err == nil {
		t.Error("a segment was written over")
	}
}

func TestIDs(t *testing.T) {
	s := newStore(t)
	good := newID()
	for _, id := range []string{"", "..", "../" + good, good + "/x", strings.ToLower(good), good[:25], good + "0", "8" + good[1:], "0000000000000000000000000U"} {
		if _, err := s.Path(t.Context(), id); err == nil {
			t.Errorf("Path(%q) was accepted", id)
		}
		if err := s.Remove(t.Context(), id); err == nil {
			t.Errorf("Remove(%q) was accepted", id)
		}
		if _, _, err := s.Write(t.Context(), id, []tables.Column{{Name: "a", Type: tables.BigInt}}, seq()); err == nil {
			t.Errorf("Write(%q) was accepted", id)
		}
	}
	if _, err := s.Path(t.Context(), good); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func TestListAndRemove(t *testing.T) {
	s := newStore(t)
	columns := []tables.Column{{Name: "a", Type: tables.BigInt}}
	var want []string
	for range 3 {
		id := newID()
		want = append(want, id)
		if _, _, err := s.Write(t.Context(), id, columns, seq()); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(want)
	for _, name := range []string{"notes.txt", "x.parquet", temp + "1.parquet"} {
		if err := os.WriteFile(filepath.Join(s.dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.List(t.Context())
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Error(d, err)
	}
	for range 2 {
		if err := s.Remove(t.Context(), want[0]); err != nil {
			t.Error(err)
		}
	}
	if got, _ := s.List(t.Context()); len(got) != 2 {
		t.Error(got)
	}
}

// TestReap: a start removes what a dead writer left and spares a living one's.
func TestReap(t *testing.T) {
	s := newStore(t)
	if err := os.WriteFile(filepath.Join(s.dir, temp+"dead"+suffix), []byte("PAR1"), 0o600); err != nil {
		t.Fatal(err)
	}
	id := newID()
	_, _, err := s.Write(t.Context(), id, []tables.Column{{Name: "a", Type: tables.BigInt}}, func(yield func(tables.Row, error) bool) {
		if _, err := NewStore(s.dir); err != nil {
			t.Error(err)
		}
		yield(tables.Row{int64(1)}, nil)
	})
	if err != nil {
		t.Fatal(err)
	}
	entries, _ := os.ReadDir(s.dir)
	if len(entries) != 1 || entries[0].Name() != id+suffix {
		t.Error(entries)
	}
}

// TestConstantMemory writes several row groups of text and looks at the heap.
func TestConstantMemory(t *testing.T) {
	s, id := newStore(t), newID()
	columns := []tables.Column{{Name: "a", Type: tables.BigInt}, {Name: "text", Type: tables.LongText}, {Name: "cost", Type: tables.Dec(30, 6)}}
	var peak uint64
	rows := int64(100_000) // 200 MB of text that does not compress
	if testing.Short() {
		rows = 40_000
	}
	random := rand.New(rand.NewPCG(1, 2))
	_, _, err := s.Write(t.Context(), id, columns, func(yield func(tables.Row, error) bool) {
		long := make([]byte, 2000)
		for i := range rows {
			for j := range long {
				long[j] = byte('!' + random.IntN(90))
			}
			if !yield(tables.Row{i, string(long), apd.New(i, -6)}, nil) {
				return
			}
			if i%20_000 == 0 {
				var m runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&m)
				peak = max(peak, m.HeapAlloc)
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("peak heap %d MB", peak>>20)
	if peak > 160<<20 {
		t.Errorf("peak heap is %d MB for row groups of %d MB", peak>>20, groupBytes>>20)
	}
	path, _ := s.Path(t.Context(), id)
	if got := query(t, "SELECT count(*), sum(length(text))::VARCHAR, sum(cost)::VARCHAR FROM '%s'", path); got[0][1] != fmt.Sprint(rows*2000) || got[0][2] != fmt.Sprintf("%.6f", float64(rows*(rows-1)/2)/1e6) {
		t.Error(got)
	}
}

func BenchmarkWrite(b *testing.B) {
	s := newStore(b)
	columns := []tables.Column{{Name: "date", Type: tables.DateType}, {Name: "campaign_id", Type: tables.BigInt}, {Name: "name", Type: tables.Varchar},
		{Name: "clicks", Type: tables.BigInt}, {Name: "cost", Type: tables.Money}}
	cost := dec(b, "12345.678901")
	for b.Loop() {
		_, _, err := s.Write(b.Context(), newID(), columns, func(yield func(tables.Row, error) bool) {
			for i := range int64(100_000) {
				if !yield(tables.Row{tables.Day("2026-11-22"), i % 500, "Autumn KR", i, cost}, nil) {
					return
				}
			}
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*100_000/b.Elapsed().Seconds(), "rows/s")
}

// FuzzDecimal: a decimal either comes back with the same value or is refused.
func FuzzDecimal(f *testing.F) {
	f.Add("12.50", uint8(20), uint8(6))
	f.Add("-0.000001", uint8(38), uint8(6))
	f.Add("1E30", uint8(38), uint8(0))
	f.Fuzz(func(t *testing.T, text string, precision, scale uint8) {
		d, _, err := apd.NewFromString(text)
		typ := tables.Dec(int(precision%38)+1, int(scale)%(int(precision%38)+2))
		if err != nil || typ.Scale > typ.Precision || len(text) > 60 {
			return
		}
		_, encode, err := typeOf(typ)
		if err != nil {
			t.Fatal(err)
		}
		v, err := encode(d, new(arena))
		if err != nil {
			return
		}
		back := apd.New(0, int32(-typ.Scale))
		switch v.Kind() {
		case parquet.Int32:
			back.SetFinite(int64(v.Int32()), int32(-typ.Scale))
		case parquet.Int64:
			back.SetFinite(v.Int64(), int32(-typ.Scale))
		default:
			n := new(apd.BigInt).SetBytes(v.ByteArray())
			if v.ByteArray()[0]&0x80 != 0 {
				n.Sub(n, new(apd.BigInt).SetMathBigInt(modulus))
				back.Negative = true
			}
			back.Coeff.Abs(n)
		}
		if back.Cmp(d) != 0 {
			t.Errorf("%s as %s came back as %s", text, typ, back)
		}
	})
}

// TestReadEveryType: what is written comes back as it was, over several row
// groups and pages, from either reader.
func TestReadEveryType(t *testing.T) {
	s, id := newStore(t), newID()
	columns := []tables.Column{
		{Name: "n", Type: tables.BigInt}, {Name: "d5", Type: tables.Dec(5, 2)}, {Name: "money", Type: tables.Dec(18, 6)},
		{Name: "wide", Type: tables.Dec(38, 10)}, {Name: "text", Type: tables.LongText}, {Name: "day", Type: tables.DateType},
		{Name: "at", Type: tables.Timestamp}, {Name: "yes", Type: tables.Boolean}, {Name: "half", Type: tables.Float}, {Name: "none", Type: tables.Varchar},
	}
	start := time.Date(1960, 1, 1, 0, 0, 0, 0, time.UTC)
	row := func(i int64) tables.Row {
		r := tables.Row{i, apd.New(i%100_000-50_000, -2), apd.New(i*1_000_003-9, -6), apd.New(-i, -10), strings.Repeat("가", int(i%50)),
			tables.DayOf(start.AddDate(0, 0, int(i%40_000))), start.Add(time.Duration(i) * 1_000_001 * time.Microsecond), i%2 == 0, float64(i) / 2, nil}
		if i%7 == 0 {
			r[i%9] = nil
		}
		return r
	}
	total := int64(groupRows + 5000)
	if _, _, err := s.Write(t.Context(), id, columns, func(yield func(tables.Row, error) bool) {
		for i := range total {
			if !yield(row(i), nil) {
				return
			}
		}
	}); err != nil {
		t.Fatal(err)
	}
	n := int64(0)
	for got, err := range s.Read(t.Context(), id, columns) {
		if err != nil {
			t.Fatal(err)
		}
		for j, want := range row(n) {
			same := got[j] == want
			switch w := want.(type) {
			case *apd.Decimal:
				g, ok := got[j].(*apd.Decimal)
				same = ok && g.Cmp(w) == 0 && g.Exponent == w.Exponent
			case time.Time:
				g, ok := got[j].(time.Time)
				same = ok && g.Equal(w) && g.Location() == time.UTC
			}
			if !same {
				t.Fatalf("row %d, column %s: %v, not %v", n, columns[j].Name, got[j], want)
			}
		}
		n++
	}
	if n != total {
		t.Errorf("%d rows of %d", n, total)
	}
	for _, c := range []struct {
		column tables.Column
		ok     bool
	}{{tables.Column{Name: "n", Type: tables.Money}, true}, {tables.Column{Name: "money", Type: tables.Dec(20, 6)}, true},
		{tables.Column{Name: "text", Type: tables.Document}, true}, {tables.Column{Name: "n", Type: tables.Varchar}, false},
		{tables.Column{Name: "money", Type: tables.BigInt}, false}, {tables.Column{Name: "day", Type: tables.Timestamp}, false}} {
		for _, err := range s.Read(t.Context(), id, []tables.Column{c.column}) {
			if (err == nil) != c.ok {
				t.Errorf("%s as %s: %v", c.column.Name, c.column.Type, err)
			}
			break
		}
	}
}

// TestBroken: a file that is cut short or scribbled over is an error, never
// fewer rows and never a panic.
func TestBroken(t *testing.T) {
	s, id := newStore(t), newID()
	columns := []tables.Column{{Name: "a", Type: tables.BigInt}, {Name: "b", Type: tables.Varchar}}
	var rows []tables.Row
	for i := range int64(1000) {
		rows = append(rows, tables.Row{i, fmt.Sprint("text ", i)})
	}
	if _, _, err := s.Write(t.Context(), id, columns, seq(rows...)); err != nil {
		t.Fatal(err)
	}
	path, _ := s.Path(t.Context(), id)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for cut := 0; cut < len(whole); cut += len(whole)/40 + 1 {
		if err := os.WriteFile(path, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		var last error
		for _, err := range s.Read(t.Context(), id, columns) {
			last = err
		}
		if last == nil {
			t.Errorf("%d bytes of %d were read as if they were all", cut, len(whole))
		}
	}
}

// TestFolders: a hive place gets its folders and leaves none behind, whichever
// step fails.
func TestFolders(t *testing.T) {
	s := newStore(t)
	columns := []tables.Column{{Name: "a", Type: tables.BigInt}}
	place := cache.SettledPlace(cache.Span{Source: "s", Table: "t", Account: "../../x"}, "2026-09", newID())
	boom := errors.New("boom")
	for _, step := range []string{"close", "sync", "stat", "rename", "sync folder"} {
		s.fail = func(at string) error {
			if at == step {
				return boom
			}
			return nil
		}
		if _, _, err := s.Write(t.Context(), place, columns, seq()); !errors.Is(err, boom) {
			t.Errorf("%s: %v", step, err)
		}
		empty(t, s)
	}
	s.fail = func(string) error { return nil }
	if _, _, err := s.Write(t.Context(), place, columns, seq(tables.Row{int64(1)})); err != nil {
		t.Fatal(err)
	}
	path, err := s.Path(t.Context(), place)
	if rel, _ := filepath.Rel(s.dir, path); err != nil || rel != filepath.FromSlash(place)+suffix {
		t.Error(path, err)
	}
	files := 0
	if err := s.Files(t.Context(), func(p string, bytes int64, written time.Time) {
		if p != place || bytes <= 0 || time.Since(written) > time.Hour {
			t.Error(p, bytes, written)
		}
		files++
	}); err != nil || files != 1 {
		t.Error(files, err)
	}
	if err := s.Remove(t.Context(), place); err != nil {
		t.Error(err)
	}
	empty(t, s)
}

// TestHive: DuckDB reads the partitions off the paths of settled segments, odd
// names and all.
func TestHive(t *testing.T) {
	s := newStore(t)
	columns := []tables.Column{{Name: "date", Type: tables.DateType}, {Name: "clicks", Type: tables.BigInt}}
	accounts := []string{"123-456-7890", "가을 100%", "a/b=c", "..", "x'y"}
	for i, account := range accounts {
		for _, month := range []string{"2026-08", "2026-09"} {
			place := cache.SettledPlace(cache.Span{Source: "google_ads", Table: "campaigns", Account: account}, month, newID())
			if _, _, err := s.Write(t.Context(), place, columns, seq(tables.Row{tables.Day(month + "-01"), int64(i)})); err != nil {
				t.Fatal(err)
			}
		}
	}
	got := query(t, `SELECT source, "table", account, sum(clicks)::VARCHAR FROM read_parquet('%s/settled/**/*.parquet', hive_partitioning = true)
		WHERE month = '2026-09' GROUP BY ALL ORDER BY 4`, s.dir)
	var want [][]string
	for i, account := range accounts {
		want = append(want, []string{"google_ads", "campaigns", account, fmt.Sprint(i)})
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// TestReapBesideWriters: processes that start while others write never take a
// living writer's file for an abandoned one.
func TestReapBesideWriters(t *testing.T) {
	s := newStore(t)
	columns := []tables.Column{{Name: "a", Type: tables.BigInt}}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				if _, err := NewStore(s.dir); err != nil {
					t.Error(err)
					return
				}
			}
		}
	}()
	for range 200 {
		if _, _, err := s.Write(t.Context(), newID(), columns, seq(tables.Row{int64(1)})); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	<-stopped
	if got, err := s.List(t.Context()); len(got) != 200 || err != nil {
		t.Error(len(got), err)
	}
}
