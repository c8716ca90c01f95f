package lake

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"argo/configs/samples"
	"argo/tables"
	"argo/tables/fault"

	"github.com/cockroachdb/apd/v3"
	_ "github.com/duckdb/duckdb-go/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"go.yaml.in/yaml/v3"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/unicode"
)

// world is a folder of data and a lake that reads it.
type world struct {
	testing.TB
	base, dir string
	http      *http.Client
	conn      *tables.Connection
}

func newWorld(t testing.TB) *world {
	return &world{TB: t, base: t.TempDir(), dir: t.TempDir()}
}

// write puts a file below the base folder. Files are an hour old, so that a
// second write is another version whatever the clock's resolution.
func (w *world) write(name string, data []byte) string {
	w.Helper()
	full := filepath.Join(w.base, name)
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		w.Fatal(err)
	}
	_, err := os.Stat(full)
	if err := os.WriteFile(full, data, 0o644); err != nil {
		w.Fatal(err)
	}
	if err != nil {
		then := time.Now().Add(-time.Hour)
		if err := os.Chtimes(full, then, then); err != nil {
			w.Fatal(err)
		}
	}
	return full
}

func (w *world) tryOpen(config string) error {
	env := tables.Env{
		Name: "lake", Base: w.base, Dir: w.dir, HTTP: w.http, Now: time.Now,
		Sleep:  func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
		Secret: func(_ context.Context, ref string) (string, error) { return strings.TrimPrefix(ref, "env:"), nil },
		Decode: func(into any) error {
			d := yaml.NewDecoder(strings.NewReader(config))
			d.KnownFields(true)
			return d.Decode(into)
		},
	}
	var err error
	w.conn, err = Source.Open(w.Context(), env)
	return err
}

func (w *world) open(config string) *world {
	w.Helper()
	if err := w.tryOpen(config); err != nil {
		w.Fatal(err)
	}
	return w
}

// openOne is open for one data set "t" of these options, one a line.
func (w *world) openOne(lines ...string) *world {
	w.Helper()
	return w.open("datasets:\n- name: t\n  " + strings.Join(lines, "\n  "))
}

func (w *world) table(name string) tables.Table {
	for _, t := range w.conn.Tables {
		if t.Name == name {
			return t
		}
	}
	w.Fatalf("no table %s", name)
	return tables.Table{}
}

// columns is "name type" of every column.
func (w *world) columns(name string) []string {
	w.Helper()
	columns, err := w.table(name).Describe(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	var out []string
	for _, c := range columns {
		out = append(out, c.Name+" "+c.Type.String())
	}
	return out
}

func duckType(t tables.Type) string {
	switch t.Kind {
	case tables.Text, tables.ID:
		return "VARCHAR"
	case tables.Bool:
		return "BOOLEAN"
	case tables.DateTime:
		return "TIMESTAMP"
	}
	return t.String()
}

func literal(v any) string {
	switch v := v.(type) {
	case nil:
		return "NULL"
	case int64, bool, *apd.Decimal, float64:
		return fmt.Sprint(v)
	case time.Time:
		return "'" + v.Format("2006-01-02 15:04:05.999999") + "'"
	}
	return "'" + strings.ReplaceAll(fmt.Sprint(v), "'", "''") + "'"
}

// relation is the table as the engine reads it: every column of every file
// cast to its declared type.
func (w *world) relation(name string, where tables.Predicate) (string, []tables.File, error) {
	t := w.table(name)
	columns, err := t.Describe(w.Context())
	if err != nil {
		return "", nil, err
	}
	files, release, err := t.Files(w.Context(), tables.Scan{Table: name, Where: where})
	if err != nil {
		return "", nil, err
	}
	w.Cleanup(release)
	var list, none []string
	for _, c := range columns {
		none = append(none, fmt.Sprintf(`NULL::%s AS %s`, duckType(c.Type), quoted(c.Name)))
	}
	union := []string{"SELECT " + strings.Join(none, ", ") + " WHERE false"}
	for _, f := range files {
		db := w.duck()
		rows, err := db.Query(fmt.Sprintf("SELECT column_name FROM (DESCRIBE FROM read_parquet('%s', hive_partitioning=false))", f.Path))
		if err != nil {
			w.Fatal(err)
		}
		has := map[string]bool{}
		for rows.Next() {
			var name string
			if err := rows.Scan(&name); err != nil {
				w.Fatal(err)
			}
			has[fold(name)] = true
		}
		list = nil
		for _, c := range columns {
			value := "NULL"
			if v, ok := f.Const[c.Name]; ok {
				value = literal(v)
			} else if has[fold(c.Name)] {
				value = quoted(c.Name)
			}
			list = append(list, fmt.Sprintf(`CAST(%s AS %s) AS %s`, value, duckType(c.Type), quoted(c.Name)))
		}
		union = append(union, fmt.Sprintf("SELECT %s FROM read_parquet('%s', hive_partitioning=false)", strings.Join(list, ", "), f.Path))
	}
	return "(" + strings.Join(union, " UNION ALL ") + ")", files, nil
}

func quoted(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func (w *world) duck() *sql.DB {
	db, err := sql.Open("duckdb", "")
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { db.Close() })
	if _, err := db.Exec("SET TimeZone='UTC'"); err != nil {
		w.Fatal(err)
	}
	return db
}

// query runs a statement in which t stands for the table; a row is a line.
func (w *world) query(statement string) []string {
	w.Helper()
	relation, _, err := w.relation("t", nil)
	if err != nil {
		w.Fatal(err)
	}
	rows, err := w.duck().Query("WITH t AS " + relation + " SELECT COLUMNS(*)::VARCHAR FROM (" + statement + ")")
	if err != nil {
		w.Fatal(err)
	}
	defer rows.Close()
	names, _ := rows.Columns()
	var out []string
	for rows.Next() {
		cells, places := make([]sql.NullString, len(names)), make([]any, len(names))
		for i := range cells {
			places[i] = &cells[i]
		}
		if err := rows.Scan(places...); err != nil {
			w.Fatal(err)
		}
		var line []string
		for _, c := range cells {
			if !c.Valid {
				c.String = "NULL"
			}
			line = append(line, c.String)
		}
		out = append(out, strings.Join(line, "|"))
	}
	if err := rows.Err(); err != nil {
		w.Fatal(err)
	}
	return out
}

func (w *world) expect(got []string, want ...string) {
	w.Helper()
	if d := cmp.Diff(want, got); d != "" {
		w.Error(d)
	}
}

// fails says that reading the table is a fault of the kind that says all this.
func (w *world) fails(kind fault.Kind, says ...string) {
	w.Helper()
	_, _, err := w.relation("t", nil)
	if !fault.Is(err, kind) {
		w.Errorf("want a %s fault: %v", kind, err)
		return
	}
	for _, s := range says {
		if !strings.Contains(err.Error(), s) {
			w.Errorf("the fault does not say %q: %v", s, err)
		}
	}
}

const totals = `SELECT sum(Impressions), sum(Clicks), round(sum(Spent), 2), sum(Total_Conversion), sum(Approved_Conversion), count(*),
	min("Date"), max("Date") FROM t`

// TestFacebookCampaigns: the real export gives its totals, from CSV, from
// Parquet written of it, and from pieces compressed in every way.
func TestFacebookCampaigns(t *testing.T) {
	want := "213434828|38165|58705.23|3264|1079|1143|2023-08-01|2023-08-31"
	w := newWorld(t)
	w.write("facebook_campaigns.csv", samples.FacebookCampaigns)
	w.openOne("path: facebook_campaigns.csv")
	w.expect(w.columns("t"), "Date DATE", "ad_id BIGINT", "xyz_campaign_id BIGINT", "fb_campaign_id BIGINT", "age VARCHAR(255)",
		"gender VARCHAR(255)", "interest BIGINT", "Impressions BIGINT", "Clicks BIGINT", "Spent DECIMAL(12,9)",
		"Total_Conversion BIGINT", "Approved_Conversion BIGINT")
	w.expect(w.query(totals), want)
	w.expect(w.query("SELECT * FROM t ORDER BY ad_id LIMIT 1"), "2023-08-31|708746|916|103916|30-34|M|15|7350|1|1.429999948|2|1")

	relation, _, err := w.relation("t", nil)
	if err != nil {
		t.Fatal(err)
	}
	parquet := newWorld(t)
	if _, err := w.duck().Exec(fmt.Sprintf("COPY (FROM %s) TO '%s/facebook.parquet'", relation, parquet.base)); err != nil {
		t.Fatal(err)
	}
	parquet.openOne("path: facebook.parquet")
	parquet.expect(parquet.query(totals), want)

	lines := bytes.SplitAfter(samples.FacebookCampaigns, []byte("\n"))
	header, a, b, c := lines[0], bytes.Join(lines[1:400], nil), bytes.Join(lines[400:800], nil), bytes.Join(lines[800:], nil)
	pieces := newWorld(t)
	pieces.write("a/1.csv", append(header, a...))
	pieces.write("a/2.csv.gz", gzipped(append(header, b...)))
	pieces.write("b/3.csv.zst", zstded(append(header, c...)))
	pieces.write("b/_SUCCESS", nil)
	pieces.write("b/.3.csv.crc", []byte("x"))
	pieces.openOne("path: .")
	pieces.expect(pieces.query(totals), want)
}

func gzipped(b []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	z.Write(b)
	z.Close()
	return out.Bytes()
}

func zstded(b []byte) []byte {
	z, _ := zstd.NewWriter(nil)
	return z.EncodeAll(b, nil)
}

// TestTypes: one column each, its values, its type, and what the values become.
func TestTypes(t *testing.T) {
	long := strings.Repeat("x", 300)
	for _, c := range []struct {
		name, cells, typ, want string
	}{
		{"whole", "1 -2 0", "BIGINT", "1 -2 0"},
		{"64 bits", "9223372036854775807 -9223372036854775808", "BIGINT", "9223372036854775807 -9223372036854775808"},
		{"beyond 64 bits", "9223372036854775808 -1", "DECIMAL(19,0)", "9223372036854775808 -1"},
		{"38 digits", "99999999999999999999999999999999999999 -1", "DECIMAL(38,0)", "99999999999999999999999999999999999999 -1"},
		{"39 digits", "100000000000000000000000000000000000001", "VARCHAR(255)", "100000000000000000000000000000000000001"},
		{"decimal", "1.5 -0.25 3", "DECIMAL(3,2)", "1.50 -0.25 3.00"},
		{"no whole part", ".5 -.25", "DECIMAL(3,2)", "0.50 -0.25"},
		{"money from floats", "1.429999948 58.16000152 0", "DECIMAL(11,9)", "1.429999948 58.160001520 0.000000000"},
		{"wide decimal", "12345678901234567890.123456 -0.000001", "DECIMAL(26,6)", "12345678901234567890.123456 -0.000001"},
		{"too wide", "123456789012345678901234567890.123456789 1.5", "VARCHAR(255)", "123456789012345678901234567890.123456789 1.5"},
		{"more behind the point than MySQL has", "0.0000000000000000000000000000000000001 2", "DOUBLE", "1e-37 2.0"},
		{"tiny floats", "0.00000000000000000000000000000000000000000012345 1e5", "DOUBLE", "1.2345e-43 100000.0"},
		{"exponent", "1e3 2.5E-2 7", "DOUBLE", "1000.0 0.025 7.0"},
		{"exponent and a long number", "1e3 12345678901234567", "VARCHAR(255)", "1e3 12345678901234567"},
		{"out of range", "1e999 1", "VARCHAR(255)", "1e999 1"},
		{"leading zeros", "007 8", "VARCHAR(255)", "007 8"},
		{"leading zero behind a sign", "-01", "VARCHAR(255)", "-01"},
		{"phone", "+821012345678", "VARCHAR(255)", "+821012345678"},
		{"not numbers", "NaN inf 0x1F 1_000", "VARCHAR(255)", "NaN inf 0x1F 1_000"},
		{"version", "1.2.3", "VARCHAR(255)", "1.2.3"},
		{"thousands", "1,000 2", "VARCHAR(255)", "1,000 2"},
		{"a late text", "1 2 3 4 x", "VARCHAR(255)", "1 2 3 4 x"},
		{"truth", "true FALSE True", "TINYINT(1)", "true false true"},
		{"truth and number", "true 1", "VARCHAR(255)", "true 1"},
		{"long", long, "VARCHAR(16383)", long},
		{"iso", "2026-08-31 2024-02-29", "DATE", "2026-08-31 2024-02-29"},
		{"no such day", "2026-02-29 2026-01-01", "VARCHAR(255)", "2026-02-29 2026-01-01"},
		{"zero date", "0000-00-00 2026-01-01", "VARCHAR(255)", "0000-00-00 2026-01-01"},
		{"day first", "31-08-2023 01-02-2023", "DATE", "2023-08-31 2023-02-01"},
		{"day first is late", "01-02-2023 31-08-2023", "DATE", "2023-02-01 2023-08-31"},
		{"month first", "08/31/2023 1/2/2023", "DATE", "2023-08-31 2023-01-02"},
		{"either", "01/02/2023", "DATE", "2023-02-01"},
		{"neither", "31/08/2023 08/31/2023", "VARCHAR(255)", "31/08/2023 08/31/2023"},
		{"points", "31.12.2023", "DATE", "2023-12-31"},
		{"korean", "2026.09.01. 2026.9.2", "DATE", "2026-09-01 2026-09-02"},
		{"month by name", "31-Aug-2023 1-September-2023", "DATE", "2023-08-31 2023-09-01"},
		{"two digits", "31-08-23", "VARCHAR(255)", "31-08-23"},
		{"no separator", "20230831", "BIGINT", "20230831"},
		{"time", "2026-08-31T12:30:00 2026-08-31T12:30:00.5", "DATETIME(6)", "2026-08-31_12:30:00 2026-08-31_12:30:00.5"},
		{"offset", "2026-08-31T00:30:00+09:00 2026-08-31T00:30:00Z", "DATETIME(6)", "2026-08-30_15:30:00 2026-08-31_00:30:00"},
		{"date and time", "2026-08-31 2026-08-31T01:00", "DATETIME(6)", "2026-08-31_00:00:00 2026-08-31_01:00:00"},
		{"nanoseconds", "2026-08-31T12:30:00.123456789", "VARCHAR(255)", "2026-08-31T12:30:00.123456789"},
		{"zero nanoseconds", "2026-08-31T12:30:00.123456000", "DATETIME(6)", "2026-08-31_12:30:00.123456"},
		{"time of day", "12:30:00", "VARCHAR(255)", "12:30:00"},
		{"hour 24", "2026-08-31T24:00:00", "VARCHAR(255)", "2026-08-31T24:00:00"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			text := "n;v\n"
			for i, cell := range strings.Fields(c.cells) {
				text += fmt.Sprintf("%d;%s\n%d;\n", i, cell, i+1000)
			}
			w.write("t.csv", []byte(text))
			w.openOne("path: t.csv", "csv: {delimiter: ';'}")
			w.expect(w.columns("t"), "n BIGINT", "v "+c.typ)
			want := strings.Fields(strings.ReplaceAll(c.want, "_", "\x00"))
			if c.typ == "VARCHAR(255)" {
				want = strings.Fields(c.want)
			}
			for i := range want {
				want[i] = strings.ReplaceAll(want[i], "\x00", " ")
			}
			w.expect(w.query("SELECT v FROM t WHERE n < 1000 ORDER BY n"), want...)
			w.expect(w.query("SELECT count(*), count(v) FROM t"), fmt.Sprintf("%d|%d", 2*len(want), len(want)))
		})
	}
}

// TestDates: shapes with blanks in them, and times in all spellings.
func TestDates(t *testing.T) {
	for text, want := range map[string]string{
		"Aug 31, 2023":               "2023-08-31 00:00:00",
		"August 31, 2023":            "2023-08-31 00:00:00",
		"31 Aug 2023":                "2023-08-31 00:00:00",
		"Sept 1 2023":                "2023-09-01 00:00:00",
		"2026. 9. 1.":                "2026-09-01 00:00:00",
		"2026/9/1 3:04":              "2026-09-01 03:04:00",
		"31-08-2023 23:59:59":        "2023-08-31 23:59:59",
		"8/31/2023 2:05:06 PM":       "2023-08-31 14:05:06",
		"8/31/2023, 12:05 AM":        "2023-08-31 00:05:00",
		"2026-01-01 00:00:00 UTC":    "2026-01-01 00:00:00",
		"2026-01-01 00:00:00+0900":   "2025-12-31 15:00:00",
		"2026-01-01 00:00:00.1 -05":  "2026-01-01 05:00:00.1",
		"0001-01-01T00:00:00Z":       "0001-01-01 00:00:00",
		"9999-12-31 23:59:59.999999": "9999-12-31 23:59:59.999999",
		"2026-01-01T":                "", "2026-01-01 1": "", "2026-01-01 25:00": "", "2026-01-01 10:60": "", "2026-1": "",
		"13:00 PM": "", "2026-01-01 13:00 PM": "", "Foo 1, 2023": "", "31 Augus 2023": "", "1-1-1": "", "2026-01-01 10:00 +9": "",
		"2026-01-011": "", "20260-01-01": "", "2026-01/01": "", "": "", "-": "", "12-": "", "2026-01-01x": "",
	} {
		got := ""
		for _, monthFirst := range []bool{false, true} {
			if v, ok := parseTemporal(text, monthFirst); ok {
				got = v.time().Format("2006-01-02 15:04:05.999999")
			}
		}
		if got != want {
			t.Errorf("%q is %q, not %q", text, got, want)
		}
	}
}

func TestLayouts(t *testing.T) {
	for _, c := range []struct{ format, text, want string }{
		{"%d-%m-%Y", "31-08-2023", "2023-08-31 00:00:00"},
		{"%Y%m%d", "20230831", "2023-08-31 00:00:00"},
		{"%y%m%d", "690101", "2069-01-01 00:00:00"},
		{"%y%m%d", "700101", "1970-01-01 00:00:00"},
		{"%e %M %Y", "1 September 2023", "2023-09-01 00:00:00"},
		{"%b %e, %Y", "Sep 1, 2023", "2023-09-01 00:00:00"},
		{"%Y%m%d %H:%i:%s.%f", "20230831 01:02:03.5", "2023-08-31 01:02:03.5"},
		{"%m/%d/%Y %h:%i %p", "8/31/2023 12:07 PM", "2023-08-31 12:07:00"},
		{"%m/%d/%Y %r", "8/31/2023 01:02:03 pm", "2023-08-31 13:02:03"},
		{"%Y-%m-%dT%T", "2023-08-31T01:02:03", "2023-08-31 01:02:03"},
		{"%Y%%%m%d", "2023%0831", "2023-08-31 00:00:00"},
		{"%Y-%m-%d", "2023-08-32", ""}, {"%Y-%m-%d", "2023-08-31 ", ""}, {"%Y-%m-%d", "x", ""}, {"%Y-%m-%d", "", ""},
		{"%m/%d/%Y %h:%i %p", "8/31/2023 13:07 PM", ""},
	} {
		l, err := parseLayout(c.format)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if v, ok := l.parse(c.text); ok {
			got = v.time().Format("2006-01-02 15:04:05.999999")
		}
		if got != c.want {
			t.Errorf("%q by %q is %q, not %q", c.text, c.format, got, c.want)
		}
	}
	for _, bad := range []string{"", "%d-%m", "%q", "%Y-%m-%d%", "2023"} {
		if _, err := parseLayout(bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func TestDialects(t *testing.T) {
	utf16 := func(s string) string {
		b, _ := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().String(s)
		return b
	}
	cp949, _ := korean.EUCKR.NewEncoder().String("이름,값\n똠방,1\n")
	for _, c := range []struct {
		name, text string
		options    string
		columns    []string
		rows       []string
	}{
		{"comma", "a,b\n1,x\n", "", []string{"a BIGINT", "b VARCHAR(255)"}, []string{"1|x"}},
		{"semicolon", "a;b\n1,5;x, y\n", "", []string{"a VARCHAR(255)", "b VARCHAR(255)"}, []string{"1,5|x, y"}},
		{"tab", "a\tb\n1\tx,y\n", "", []string{"a BIGINT", "b VARCHAR(255)"}, []string{"1|x,y"}},
		{"bar", "a|b\n1|x\n", "csv: {delimiter: '|'}", []string{"a BIGINT", "b VARCHAR(255)"}, []string{"1|x"}},
		{"bar found", "a|b\n1|x\n", "", []string{"a BIGINT", "b VARCHAR(255)"}, []string{"1|x"}},
		{"one column", "name\nhello\n", "", []string{"name VARCHAR(255)"}, []string{"hello"}},
		{"crlf", "a,b\r\n1,x\r\n", "", []string{"a BIGINT", "b VARCHAR(255)"}, []string{"1|x"}},
		{"cr", "a,b\r1,x\r2,y", "", []string{"a BIGINT", "b VARCHAR(255)"}, []string{"1|x", "2|y"}},
		{"no end", "a,b\n1,x", "", []string{"a BIGINT", "b VARCHAR(255)"}, []string{"1|x"}},
		{"blank lines", "\n\na,b\n\n1,x\n\n\n", "", []string{"a BIGINT", "b VARCHAR(255)"}, []string{"1|x"}},
		{"quotes", "a,b\n1,\"x, \"\"y\"\"\nz\"\n", "", []string{"a BIGINT", "b VARCHAR(255)"}, []string{"1|x, \"y\"\nz"}},
		{"quoted crlf", "a,b\r\n1,\"x\r\ny\"\r\n", "", []string{"a BIGINT", "b VARCHAR(255)"}, []string{"1|x\r\ny"}},
		{"many quoted lines", "a,b\n1,\"x\n\n,\"\"\n\"\"\"\n2,y\n", "", []string{"a BIGINT", "b VARCHAR(255)"}, []string{"1|x\n\n,\"\n\"", "2|y"}},
		{"quoted numbers", "\"a\",\"b\"\n\"1\",\"\"\n\"2\",\"x\"\n", "", []string{"a BIGINT", "b VARCHAR(255)"}, []string{"1|NULL", "2|x"}},
		{"a quote within", "a,b\n1,5\" pipe\n", "", []string{"a BIGINT", "b VARCHAR(255)"}, []string{"1|5\" pipe"}},
		{"single quotes", "a,b\n'1','x, y'\n'2','it''s'\n", "", []string{"a BIGINT", "b VARCHAR(255)"}, []string{"1|x, y", "2|it's"}},
		{"apostrophes", "a,b\n1,'tis\n2,it's\n", "", []string{"a BIGINT", "b VARCHAR(255)"}, []string{"1|'tis", "2|it's"}},
		{"no quotes", "a,b\n1,\"x\n", "csv: {quote: none}", []string{"a BIGINT", "b VARCHAR(255)"}, []string{"1|\"x"}},
		{"escape", `a,b` + "\n" + `1,"x\"y\\"` + "\n", `csv: {escape: '\'}`, []string{"a BIGINT", "b VARCHAR(255)"}, []string{`1|x"y\`}},
		{"bom", "\xef\xbb\xbfa,b\n1,x\n", "", []string{"a BIGINT", "b VARCHAR(255)"}, []string{"1|x"}},
		{"utf-16", utf16("이름,값\n똠방,1\n"), "", []string{"이름 VARCHAR(255)", "값 BIGINT"}, []string{"똠방|1"}},
		{"cp949", cp949, "csv: {encoding: cp949}", []string{"이름 VARCHAR(255)", "값 BIGINT"}, []string{"똠방|1"}},
		{"no header", "1,x\n2,y\n", "", []string{"column_1 BIGINT", "column_2 VARCHAR(255)"}, []string{"1|x", "2|y"}},
		{"header said", "1,x\n2,y\n", "csv: {header: true}", []string{"1 BIGINT", "x VARCHAR(255)"}, []string{"2|y"}},
		{"header denied", "a,b\nc,d\n", "csv: {header: false}", []string{"column_1 VARCHAR(255)", "column_2 VARCHAR(255)"}, []string{"a|b", "c|d"}},
		{"names given", "1,x\n2,y\n", "csv: {columns: [n, s]}", []string{"n BIGINT", "s VARCHAR(255)"}, []string{"1|x", "2|y"}},
		{"names instead", "a,b\n2,y\n", "csv: {columns: [n, s], header: true}", []string{"n BIGINT", "s VARCHAR(255)"}, []string{"2|y"}},
		{"odd names", " a ,A,,a_2\n1,2,3,4\n", "", []string{"a BIGINT", "A_3 BIGINT", "column_3 BIGINT", "a_2 BIGINT"}, []string{"1|2|3|4"}},
		{"names with everything", "\"a,b\",\"c\"\"d\",\"e.f\"\n1,2,3\n", "", []string{"a,b BIGINT", "c\"d BIGINT", "e.f BIGINT"}, []string{"1|2|3"}},
		{"skip", "Campaign report\n2026-11-01, 2026-11-30\na,b\n1,x\n", "csv: {skip: 2}", []string{"a BIGINT", "b VARCHAR(255)"}, []string{"1|x"}},
		{"nulls", "a,b\nN/A,-\n1,x\n", "csv: {nulls: ['N/A', '-']}", []string{"a BIGINT", "b VARCHAR(255)"}, []string{"NULL|NULL", "1|x"}},
		{"blanks", "a,b\n 1 , x\n  ,  \n", "", []string{"a BIGINT", "b VARCHAR(255)"}, []string{"1| x", "NULL|  "}},
		{"decimal comma", "a;b\n1.234,50;2\n-3;1.5\n", "csv: {decimal: ',', thousands: '.'}", []string{"a DECIMAL(6,2)", "b VARCHAR(255)"}, []string{"1234.50|2", "-3.00|1.5"}},
		{"thousands", "a;b\n1,234,567;12,34\n", "csv: {thousands: ','}", []string{"a BIGINT", "b VARCHAR(255)"}, []string{"1234567|12,34"}},
		{"pad", "a,b\n1\n2,x,\n", "csv: {pad: true}", []string{"a BIGINT", "b VARCHAR(255)"}, []string{"1|NULL", "2|x"}},
		{"header only", "a,b\n", "", []string{"a VARCHAR(255)", "b VARCHAR(255)"}, nil},
		{"types given", "zip,n\n123,1\n", "columns: {ZIP: varchar(5), n: 'decimal(10,2)'}", []string{"zip VARCHAR(5)", "n DECIMAL(10,2)"}, []string{"123|1.00"}},
		{"format given", "d,e\n20230831,01/02/2023\n", "date_formats: {d: '%Y%m%d', e: '%m/%d/%Y'}", []string{"d DATE", "e DATE"}, []string{"2023-08-31|2023-01-02"}},
		{"format for all", "d,e\n01/02/2023,1\n", "date_formats: {'*': '%m/%d/%Y'}", []string{"d DATE", "e BIGINT"}, []string{"2023-01-02|1"}},
		{"empty column", "a,b\n1,\n", "", []string{"a BIGINT", "b VARCHAR(255)"}, []string{"1|NULL"}},
		{"nul byte late", "a,b\n" + strings.Repeat("1,x\n", 500) + "2,a\x00b\n", "", []string{"a BIGINT", "b VARCHAR(255)"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.write("t.csv", []byte(c.text))
			w.openOne("path: t.csv", c.options)
			w.expect(w.columns("t"), c.columns...)
			if c.name != "nul byte late" {
				w.expect(w.query("SELECT * FROM t"), c.rows...)
			}
		})
	}
}

// TestBroken: a fault names the file and says what is wrong, and where.
func TestBroken(t *testing.T) {
	for _, c := range []struct {
		name, file, text, options string
		says                      []string
	}{
		{"short line", "t.csv", "a,b\n1,2\n3\n", "", []string{"t.csv", "line 3", "1 cells", "has 2", "pad: true"}},
		{"long line", "t.csv", "a,b\n1,2\n\n3,4,5\n", "", []string{"line 4", "3 cells"}},
		{"short behind quotes", "t.csv", "a,b\n\"x\ny\",2\n3\n", "", []string{"line 4"}},
		{"open quote", "t.csv", "a,b\n1,2\n\"x,3\n4,5\n", "", []string{"line 3", "never closed"}},
		{"text behind a quote", "t.csv", "a,b\n1,\"x\"y\n", "", []string{"line 2", "column 2", "behind the closing quote"}},
		{"not utf-8", "t.csv", "a,b\n1,x\n2,\xb0\xa1\n", "", []string{"line 3", "column 2", "not UTF-8", "cp949"}},
		{"not utf-8 in quotes", "t.csv", "a,b\n1,x\n2,\"\xb0\xa1\"\n", "", []string{"line 3", "column 2", "not UTF-8"}},
		{"not cp949", "t.csv", "a,b\n1,\xff\xff\n", "csv: {encoding: cp949}", []string{"not of the encoding"}},
		{"utf-16 without mark", "t.csv", "a\x00,\x00b\x00\n\x00", "", []string{"NUL", "utf-16le"}},
		{"gzip cut", "t.csv.gz", string(gzipped(bytes.Repeat([]byte("a,b\n1,2\n"), 5000))[:60]), "", []string{"gzip", "cut short"}},
		{"gzip damaged", "t.csv.gz", string(damage(gzipped(samples.FacebookCampaigns))), "", []string{"gzip", "damaged"}},
		{"zstd damaged", "t.csv.zst", string(damage(zstded(samples.FacebookCampaigns))), "", []string{"zstd", "damaged"}},
		{"no gzip", "t.csv.gz", "a,b\n1,2\n", "", []string{"gzip"}},
		{"wrong type", "t.csv", "a,b\n1,2\nx,3\n", "columns: {a: bigint}", []string{"line 3", `column "a"`, "no BIGINT"}},
		{"inexact decimal", "t.csv", "a,b\n1.234,2\n", "columns: {a: 'decimal(10,2)'}", []string{"line 2", "no DECIMAL(10,2)"}},
		{"wrong date", "t.csv", "a,b\n20230831,2\n20230832,1\n", "date_formats: {a: '%Y%m%d'}", []string{"line 3", "no DATE"}},
		{"parquet cut", "t.parquet", "PAR1xxxxxxxx", "", []string{"t.parquet", "Parquet"}},
		{"parquet empty", "t.parquet", "", "", []string{"empty"}},
		{"parquet without sense", "t.parquet", "PAR1" + strings.Repeat("\xff", 100) + "\x40\x00\x00\x00PAR1", "", []string{"Parquet"}},
		{"not json", "t.ndjson", "{\"a\":1}\n{\"a\":}\n", "", []string{"line 2", "not JSON"}},
		{"json cut", "t.ndjson", "{\"a\":1}\n{\"a\":\n", "", []string{"line 2", "ends within"}},
		{"json array cut", "t.json", "[{\"a\":1},\n{\"a\":2}\n", "", []string{"ends within"}},
		{"json number", "t.ndjson", "{\"a\":1}\n\n7\n", "", []string{"line 3", "not a JSON object"}},
		{"json not utf-8", "t.ndjson", "{\"a\":1}\n{\"a\":\"\xb0\xa1\"}\n", "", []string{"line 2", "UTF-8"}},
		{"json cases", "t.ndjson", "{\"a\":1}\n{\"A\":1,\"a\":2}\n", "", []string{"line 2", "case"}},
		{"json wrong type", "t.ndjson", "{\"a\":1}\n{\"a\":\"x\"}\n", "columns: {a: bigint}", []string{"line 2", "no BIGINT"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.write(c.file, []byte(c.text))
			w.openOne("path: "+c.file, c.options)
			w.fails(fault.Broken, append(c.says, filepath.Join(w.base, c.file))...)
			if line, err := w.conn.Check(t.Context()); err == nil && c.options == "" {
				t.Error("the check does not see it: ", line)
			}
		})
	}
}

func damage(b []byte) []byte {
	for i := range 64 {
		b[len(b)/2+i] ^= 0x55
	}
	return b
}
