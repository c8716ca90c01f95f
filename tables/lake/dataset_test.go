package lake

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"argo/tables"
	"argo/tables/fault"

	"github.com/parquet-go/parquet-go"
)

// parquet writes a Parquet file below the base folder from a SELECT.
func (w *world) parquet(name, statement string) {
	w.Helper()
	full := filepath.Join(w.base, name)
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		w.Fatal(err)
	}
	if _, err := w.duck().Exec(fmt.Sprintf("COPY (%s) TO '%s' (FORMAT parquet)", statement, full)); err != nil {
		w.Fatal(err)
	}
}

func TestNDJSON(t *testing.T) {
	w := newWorld(t)
	w.write("t.ndjson", []byte(`{"id": 1, "cost": 1.50, "day": "2026-11-01", "at": "2026-11-01T01:00:00Z", "zip": "007", "ok": true, "tags": ["a", {"b": 1}], "mixed": 1, "any": {"x": 1}}
{"id": 2, "cost": null, "day": "2026-11-02", "zip": "8", "ok": false, "mixed": "é\n", "any": "text", "late": 1e2}

 {"id": 12345678901234567890, "mixed": true, "any": 7, "empty": "", "day": "2026-11-03"} {"id": 4, "late": 1, "id": 5}
`))
	w.openOne("path: t.ndjson")
	w.expect(w.columns("t"), "id DECIMAL(20,0)", "cost DECIMAL(3,2)", "day DATE", "at DATETIME(6)", "zip VARCHAR(255)", "ok TINYINT(1)",
		"tags JSON", "mixed VARCHAR(255)", "any JSON", "late DOUBLE", "empty VARCHAR(255)")
	w.expect(w.query("SELECT * FROM t ORDER BY coalesce(day, '3000-01-01')"),
		`1|1.50|2026-11-01|2026-11-01 01:00:00|007|true|["a",{"b":1}]|1|{"x":1}|NULL|NULL`,
		"2|NULL|2026-11-02|NULL|8|false|NULL|é\n|\"text\"|100.0|NULL",
		"12345678901234567890|NULL|2026-11-03|NULL|NULL|NULL|NULL|true|7|NULL|",
		"5|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|1.0|NULL")
}

func TestJSONArray(t *testing.T) {
	w := newWorld(t)
	w.write("t.json", []byte("\n[\n {\"a\": 1,\n \"b\": \"x\"},\n {\"A\": 2}\n]\n"))
	w.openOne("path: t.json")
	w.expect(w.columns("t"), "a BIGINT", "b VARCHAR(255)")
	w.expect(w.query("SELECT * FROM t ORDER BY 1"), "1|x", "2|NULL")
}

// TestUnion: several files are one table, by name, of the types that hold all.
func TestUnion(t *testing.T) {
	w := newWorld(t)
	w.write("d/1.csv", []byte("ID,n,day,only1,s\n1,1,01-02-2023,x,5\n"))
	w.write("d/2.csv", []byte("n,id,day,s\n1.25,2,31-03-2023,2023-01-01\n"))
	w.write("d/3.ndjson", []byte(`{"id":3,"n":7,"s":"t","only3":{"a":1}}`))
	w.parquet("d/4.parquet", "SELECT 4::INTEGER AS id, 2.5::DECIMAL(10,4) AS n, DATE '2023-05-05' AS day, 'p' AS s")
	w.openOne("path: d")
	w.expect(w.columns("t"), "ID BIGINT", "n DECIMAL(10,4)", "day DATE", "only1 VARCHAR(255)", "s VARCHAR(16383)", "only3 JSON")
	w.expect(w.query("SELECT * FROM t ORDER BY id"),
		"1|1.0000|2023-02-01|x|5|NULL", "2|1.2500|2023-03-31|NULL|2023-01-01|NULL", `3|7.0000|NULL|NULL|t|{"a":1}`, "4|2.5000|2023-05-05|NULL|p|NULL")

	w = newWorld(t)
	w.parquet("d/1.parquet", "SELECT 1 AS id, {'a': 1} AS v")
	w.parquet("d/2.parquet", "SELECT 1 AS id, 5 AS v")
	w.openOne("path: d")
	w.fails(fault.Broken, `"v"`, "1.parquet", "2.parquet")

	w = newWorld(t)
	w.write("d/1.csv", []byte("id,v\n1,x\n"))
	w.write("d/2.ndjson", []byte(`{"id":1,"v":[1]}`))
	w.openOne("path: d")
	w.fails(fault.Broken, `"v"`, "1.csv", "2.ndjson")
}

// TestBoolAndNumber: a truth value in one file and a number in another.
func TestBoolAndNumber(t *testing.T) {
	w := newWorld(t)
	w.write("d/1.csv", []byte("id,v\n1,true\n2,False\n"))
	w.parquet("d/2.parquet", "SELECT 3 AS id, 5 AS v")
	w.openOne("path: d")
	w.expect(w.columns("t"), "id BIGINT", "v BIGINT")
	w.expect(w.query("SELECT v FROM t ORDER BY id"), "1", "0", "5")
}

// TestParquetTypes: every type of Parquet is declared as DuckDB's cast gives it.
func TestParquetTypes(t *testing.T) {
	w := newWorld(t)
	w.parquet("t.parquet", `SELECT 1::TINYINT AS i8, 2::SMALLINT AS i16, 3::INTEGER AS i32, -4::BIGINT AS i64,
		255::UTINYINT AS u8, 65535::USMALLINT AS u16, 4294967295::UINTEGER AS u32, 18446744073709551615::UBIGINT AS u64,
		1.5::FLOAT AS f, 2.5::DOUBLE AS d, 1.25::DECIMAL(5,2) AS d5, 1.25::DECIMAL(15,2) AS d15, -1.25::DECIMAL(38,2) AS d38,
		true AS b, '한' AS s, 'x'::BLOB AS bin, DATE '2026-11-01' AS day, TIMESTAMP '2026-11-01 01:02:03.5' AS us,
		TIMESTAMP_MS '2026-11-01 01:02:03.5' AS ms, TIMESTAMP_NS '2026-11-01 01:02:03.123456' AS ns,
		TIMESTAMPTZ '2026-11-01 01:02:03+09:00' AS tz, TIME '01:02:03' AS tod, uuid '0b5a8c52-7a0f-4a5b-9d0e-000000000001' AS u,
		[1, 2] AS l, {'a': 1, 'b': 'x'} AS st, MAP {'k': 1} AS m, '{"a":1}'::JSON AS j, 'red'::ENUM('red', 'blue') AS e, NULL AS n,
		1 AS "odd, name", 2 AS "a.b", 0.5::DECIMAL(38,31) AS fine`)
	w.openOne("path: t.parquet")
	w.expect(w.columns("t"), "i8 BIGINT", "i16 BIGINT", "i32 BIGINT", "i64 BIGINT", "u8 BIGINT", "u16 BIGINT", "u32 BIGINT", "u64 DECIMAL(20,0)",
		"f DOUBLE", "d DOUBLE", "d5 DECIMAL(5,2)", "d15 DECIMAL(15,2)", "d38 DECIMAL(38,2)", "b TINYINT(1)", "s VARCHAR(16383)", "bin VARCHAR(16383)",
		"day DATE", "us DATETIME(6)", "ms DATETIME(6)", "ns DATETIME(6)", "tz DATETIME(6)", "tod VARCHAR(255)", "u VARCHAR(36)",
		"l JSON", "st JSON", "m JSON", "j JSON", "e VARCHAR(16383)", "n BIGINT", "odd, name BIGINT", "a.b BIGINT", "fine DOUBLE")
	w.expect(w.query("SELECT * FROM t"), "1|2|3|-4|255|65535|4294967295|18446744073709551615|1.5|2.5|1.25|1.25|-1.25|true|한|x|2026-11-01|"+
		"2026-11-01 01:02:03.5|2026-11-01 01:02:03.5|2026-11-01 01:02:03.123456|2026-10-31 16:02:03|01:02:03|0b5a8c52-7a0f-4a5b-9d0e-000000000001|"+
		`[1,2]|{"a":1,"b":"x"}|{"k":1}|{"a":1}|red|NULL|1|2|0.5`)
}

// TestParquetNames: names that SQL does not tell apart are DuckDB's.
func TestParquetNames(t *testing.T) {
	var out bytes.Buffer
	var columns []sheetColumn
	for _, name := range []string{"a", "A", "a_1", "a", "b"} {
		columns = append(columns, sheetColumn{name: name, cast: cast{typ: tables.BigInt}})
	}
	s := newSheet(&out, columns)
	for i := range columns {
		s.set(i, parquet.Int64Value(int64(i)))
	}
	if err := errors.Join(s.end(), s.close()); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	w.write("t.parquet", out.Bytes())
	w.openOne("path: t.parquet")
	w.expect(w.columns("t"), "a BIGINT", "A_1 BIGINT", "a_1_1 BIGINT", "a_2 BIGINT", "b BIGINT")
	w.expect(w.query("SELECT * FROM t"), "0|1|2|3|4")
}

// TestHive: folders become columns, typed over all of them, and leave files
// out. A file that is left out is not opened: here it cannot be.
func TestHive(t *testing.T) {
	w := newWorld(t)
	w.write("d/day=2026-11-01/country=KR/h=2/1.csv", []byte("v\n1\n"))
	w.write("d/day=2026-11-01/country=US%2FCA/h=10/2.csv", []byte("v,day\n2,x\n"))
	w.write("d/day=2026-11-02/country=007/h=__HIVE_DEFAULT_PARTITION__/3.csv", []byte("v\n3\n"))
	w.parquet("d/day=2026-11-03/country=KR/h=3/4.parquet", "SELECT 4 AS v")
	w.write("d/day=2026-11-04/country=KR/h=4/5.csv", []byte("v\n\"5\n"))
	w.write("d/day=2026-11-04/country=KR/h=4/6.parquet", []byte("no parquet"))
	w.openOne("path: d")
	w.expect(w.columns("t"), "v BIGINT", "day DATE", "country VARCHAR(255)", "h BIGINT")

	for _, c := range []struct {
		where tables.Predicate
		want  string
	}{
		{tables.Predicate{"day": {From: tables.Day("2026-11-01"), To: tables.Day("2026-11-03")}}, "1 2 3 4"},
		{tables.Predicate{"day": {In: []any{tables.Day("2026-11-02")}}}, "3"},
		{tables.Predicate{"day": {To: tables.Day("2026-11-03")}, "country": {In: []any{"KR", "nowhere"}}}, "1 4"},
		{tables.Predicate{"country": {In: []any{"kr"}}}, ""},
		{tables.Predicate{"country": {In: []any{"US/CA"}}}, "2"},
		{tables.Predicate{"country": {From: "A", To: "KR"}, "day": {To: tables.Day("2026-11-03")}}, "1 4"},
		{tables.Predicate{"country": {In: []any{"007 "}}}, "3"}, // utf8mb4_bin pads
		{tables.Predicate{"h": {From: int64(2), To: int64(3)}}, "1 4"},
		{tables.Predicate{"h": {In: []any{}}}, ""},
		{tables.Predicate{"day": {In: []any{"2026-11-02"}}, "h": {In: []any{int64(10)}}}, "2"}, // a value of another kind tells nothing
	} {
		_, files, err := w.relation("t", c.where)
		if err != nil {
			t.Errorf("%v: %v", c.where, err)
			continue
		}
		var got []string
		for _, f := range files {
			rows, err := w.duck().Query(fmt.Sprintf("SELECT v::VARCHAR FROM read_parquet('%s')", f.Path))
			if err != nil {
				t.Fatal(err)
			}
			for rows.Next() {
				var v string
				if err := rows.Scan(&v); err != nil {
					t.Fatal(err)
				}
				got = append(got, v)
			}
		}
		slices.Sort(got)
		if strings.Join(got, " ") != c.want {
			t.Errorf("%v: files of %v, not %v", c.where, got, c.want)
		}
	}
	w.fails(fault.Broken, "5.csv", "line 2")
	os.RemoveAll(filepath.Join(w.base, "d/day=2026-11-04"))
	w.expect(w.query("SELECT * FROM t ORDER BY v"), "1|2026-11-01|KR|2", "2|2026-11-01|US/CA|10", "3|2026-11-02|007|NULL", "4|2026-11-03|KR|3")
	w.openOne("path: d", "columns: {country: text, day: text, h: 'decimal(5,1)'}")
	w.expect(w.query("SELECT * FROM t ORDER BY v LIMIT 1"), "1|2026-11-01|KR|2.0")
	if _, files, err := w.relation("t", tables.Predicate{"country": {In: []any{"kr"}}}); err != nil || len(files) != 4 {
		t.Error("text without case must not prune by bytes", files, err)
	}
	w.openOne("path: d", "columns: {country: bigint}")
	w.fails(fault.Broken, "country=KR", "no BIGINT")
}

// TestPaths: what a path may be, relative to the configuration.
func TestPaths(t *testing.T) {
	w := newWorld(t)
	elsewhere := t.TempDir()
	os.WriteFile(filepath.Join(elsewhere, "linked.csv"), []byte("a\n5\n"), 0o644)
	w.write("d/one.csv", []byte("a\n1\n"))
	w.write("d/x/two.csv", []byte("a\n2\n"))
	w.write("d/x/[3].csv", []byte("a\n3\n"))
	w.write("d/x/y/four.csv.gz", gzipped([]byte("a\n4\n")))
	w.write("d/README.md", []byte("no data"))
	w.write("d/_temporary/part.csv", []byte("a\n6\n"))
	w.write("d/x/part-00000", []byte("{\"a\": 7}"))
	if err := os.Symlink(filepath.Join(elsewhere, "linked.csv"), filepath.Join(w.base, "d/x/link.csv")); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"d":                          "1 2 3 4 5 7",
		"d/":                         "1 2 3 4 5 7",
		"d/one.csv":                  "1",
		"'d/x/[3].csv'":              "3",
		"'d/x/*.csv'":                "2 3 5",
		"'d/**/*.csv'":               "1 2 3 5",
		"'d/**/*.csv*'":              "1 2 3 4 5",
		"'d/{one,x/two}.csv'":        "1 2",
		"'d/*/t?o.csv'":              "2",
		filepath.Join(w.base, "d/x"): "2 3 4 5 7",
		"'*/one.csv'":                "1",
		"'d/x/[a-t]*.csv'":           "2 5",
	} {
		w.openOne("path: " + path)
		if got := strings.Join(w.query("SELECT a FROM t ORDER BY a"), " "); got != want {
			t.Errorf("%s: %s, not %s", path, got, want)
		}
	}
	for _, path := range []string{"nothing.csv", "'d/*.parquet'", "d/_temporary/nothing"} {
		w.openOne("path: " + path)
		w.fails(fault.NotFound, filepath.Join(w.base, strings.Trim(path, "'")), "there is no file")
	}
}

// TestLater: files that come, change and go are seen without a restart; what
// was converted is kept, and old versions go.
func TestLater(t *testing.T) {
	w := newWorld(t)
	w.write("d/1.csv", []byte("a\n1\n"))
	w.openOne("path: d")
	w.expect(w.query("SELECT * FROM t"), "1")
	before := w.stored(".parquet")
	w.expect(w.query("SELECT * FROM t"), "1")
	if after := w.stored(".parquet"); !slices.Equal(before, after) || len(after) != 1 {
		t.Errorf("converted again: %v %v", before, after)
	}
	w.write("d/2.csv", []byte("a,b\nx,1\n"))
	w.expect(w.columns("t"), "a VARCHAR(255)", "b BIGINT")
	w.expect(w.query("SELECT * FROM t ORDER BY a"), "1|NULL", "x|1")
	w.write("d/2.csv", []byte("a,b\n2,1.5\n"))
	w.expect(w.columns("t"), "a BIGINT", "b DECIMAL(2,1)")
	w.expect(w.query("SELECT * FROM t ORDER BY a"), "1|NULL", "2|1.5")
	os.Remove(filepath.Join(w.base, "d/1.csv"))
	w.expect(w.query("SELECT * FROM t"), "2|1.5")

	// A restart keeps what there is, and an emptied folder is filled again.
	w.openOne("path: d")
	before = w.stored("")
	w.expect(w.query("SELECT * FROM t"), "2|1.5")
	if after := w.stored(""); !slices.Equal(before, after) {
		t.Errorf("made again after a restart: %v %v", before, after)
	}
	os.RemoveAll(w.dir)
	w.expect(w.query("SELECT * FROM t"), "2|1.5")
}

// stored lists what the lake keeps, with the time of its making.
func (w *world) stored(suffix string) (out []string) {
	entries, err := os.ReadDir(w.dir)
	if err != nil {
		w.Fatal(err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && strings.HasSuffix(e.Name(), suffix) {
			out = append(out, e.Name()+info.ModTime().Format(time.RFC3339Nano))
		}
	}
	return out
}

// TestEmptyFiles: a file without a byte has no columns, one with a header no rows.
func TestEmptyFiles(t *testing.T) {
	w := newWorld(t)
	w.write("d/1.csv", nil)
	w.write("d/2.ndjson", nil)
	w.openOne("path: d")
	w.fails(fault.Broken, "no file", "has a column")
	w.write("d/3.csv", []byte("a,b\n"))
	w.write("d/4.csv.gz", gzipped([]byte("a\n1\n")))
	w.expect(w.columns("t"), "a BIGINT", "b VARCHAR(255)")
	w.expect(w.query("SELECT * FROM t"), "1|NULL")
}

// TestRowsWithoutColumns: rows are counted even where all they have is their folder.
func TestRowsWithoutColumns(t *testing.T) {
	w := newWorld(t)
	w.write("d/k=1/1.csv", []byte("k\n5\n6\n"))
	w.write("d/k=2/2.ndjson", []byte("{}\n{}\n{\"k\":9}\n"))
	w.openOne("path: d")
	w.expect(w.columns("t"), "k BIGINT")
	w.expect(w.query("SELECT k, count(*) FROM t GROUP BY k ORDER BY k"), "1|2", "2|3")
}

// TestAmbivalentDates: the documentation says what was assumed.
func TestAmbivalentDates(t *testing.T) {
	w := newWorld(t)
	w.write("t.csv", []byte("d\n01/02/2023\n03/04/2023\n"))
	w.openOne("path: t.csv")
	columns, err := w.table("t").Describe(t.Context())
	if err != nil || columns[0].Type != tables.DateType || !strings.Contains(columns[0].Doc, "day first") {
		t.Error(columns, err)
	}
	w.openOne("path: t.csv", "date_formats: {d: '%m/%d/%Y'}")
	w.expect(w.query("SELECT * FROM t ORDER BY d"), "2023-01-02", "2023-03-04")
	if columns, _ := w.table("t").Describe(t.Context()); columns[0].Doc != "" {
		t.Error(columns[0].Doc)
	}
}

func TestCollations(t *testing.T) {
	w := newWorld(t)
	w.write("t.csv", []byte("a,b\nx,1\n"))
	w.openOne("path: t.csv", "collations: {A: utf8mb4_bin}")
	columns, err := w.table("t").Describe(t.Context())
	if err != nil || columns[0].Type.Kind != tables.ID {
		t.Error(columns, err)
	}
	w.openOne("path: t.csv", "collations: {b: utf8mb4_bin}")
	w.fails(fault.Config, `"b"`, "not text")
	w.openOne("path: t.csv", "columns: {nope: bigint}")
	w.fails(fault.Config, `"nope"`, "the columns are a, b")
}

func TestCheck(t *testing.T) {
	w := newWorld(t)
	w.write("one.csv", []byte("a\n1\n"))
	w.write("two/1.csv", []byte("a\n1\n2\n"))
	w.write("two/2.csv", []byte("a\n3\n"))
	w.open("datasets: [{name: one, path: one.csv}, {name: two, path: two}]")
	line, err := w.conn.Check(t.Context())
	if want := "one: 1 file, 1 row; two: 2 files, 3 rows"; line != want || err != nil {
		t.Error(line, err)
	}
	if want := []string{w.base, filepath.Join(w.base, "two")}; !slices.Equal(w.conn.Reads, want) {
		t.Error(w.conn.Reads)
	}
}

// TestConfiguration: what is wrong in it is said when it is opened.
func TestConfiguration(t *testing.T) {
	w := newWorld(t)
	for config, says := range map[string]string{
		"{}":                                                                                                "there is none",
		"datasets: [{name: 1a, path: x}]":                                                                   `"1a"`,
		"datasets: [{name: Sales, path: x}]":                                                                `"Sales"`,
		"datasets: [{path: x}]":                                                                             "datasets[0]",
		"datasets: [{name: a}]":                                                                             "path is missing",
		"datasets: [{name: a, path: 'x[.csv'}]":                                                             "bracket",
		"datasets: [{name: a, path: 's3:///x'}]":                                                            "s3://bucket/key",
		"datasets: [{name: a, path: x}, {name: a, path: y}]":                                                "two data sets",
		"datasets: [{name: a, path: x, format: orc}]":                                                       "orc",
		"datasets: [{name: a, path: x, csv: {delimiter: '::'}}]":                                            "delimiter",
		"datasets: [{name: a, path: x, csv: {delimiter: ',', quote: ','}}]":                                 "same character",
		"datasets: [{name: a, path: x, csv: {encoding: klingon}}]":                                          "klingon",
		"datasets: [{name: a, path: x, csv: {skip: -1}}]":                                                   "skip",
		"datasets: [{name: a, path: x, csv: {decimal: ',', thousands: ','}}]":                               "both",
		"datasets: [{name: a, path: x, csv: {thousands: 'k'}}]":                                             "thousands",
		"datasets: [{name: a, path: x, columns: {c: money}}]":                                               `"money"`,
		"datasets: [{name: a, path: x, columns: {c: 'decimal(39,2)'}}]":                                     "38 digits",
		"datasets: [{name: a, path: x, columns: {c: varchar(99999)}}]":                                      "16383",
		"datasets: [{name: a, path: x, date_formats: {c: '%d'}}]":                                           "no full date",
		"datasets: [{name: a, path: x, columns: {c: bigint}, date_formats: {c: '%Y%m%d'}}]":                 "BIGINT",
		"datasets: [{name: a, path: x, collations: {c: latin1}}]":                                           "latin1",
		"{datasets: [{name: a, path: x}], max_bytes: lots}":                                                 "lots",
		"{datasets: [{name: a, path: x}], s3: {access_key: 'env:A'}}":                                       "secret_key",
		"{datasets: [{name: a, path: x}], s3: {anonymous: true, access_key: 'env:A', secret_key: 'env:B'}}": "anonymous",
	} {
		err := w.tryOpen(config)
		if !fault.Is(err, fault.Config) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", config, err)
		}
	}
	if err := w.tryOpen("datasets: [{name: a, path: x, nonsense: 1}]"); err == nil {
		t.Error("an unknown key was accepted")
	}
}
