package ads

import (
	"context"
	"fmt"
	"io/fs"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"argo/configs/views"
	"argo/server/engine"
	"argo/tables"

	"github.com/cockroachdb/apd/v3"
)

func dec(s string) *apd.Decimal {
	d, _, err := apd.NewFromString(s)
	if err != nil {
		panic(err)
	}
	return d
}

func TestDailyRates(t *testing.T) {
	kept := []tables.Row{
		{tables.Day("2026-10-01"), "USD", "KRW", dec("1400"), nil, nil, nil},
		{tables.Day("2026-10-03"), "USD", "KRW", dec("1410"), nil, nil, nil},
		{tables.Day("2026-10-01"), "KRW", "JPY", dec("0.125"), nil, nil, nil},
	}
	for _, c := range []struct{ day, from, to, want string }{
		{"2026-10-01", "USD", "KRW", "1400"},
		{"2026-10-02", "USD", "KRW", "1400"},
		{"2026-10-03", "USD", "KRW", "1410"},
		{"2026-11-03", "USD", "KRW", "1410"}, // 31 days after
		{"2026-11-04", "USD", "KRW", ""},
		{"2026-09-30", "USD", "KRW", ""},
		{"2026-10-05", "JPY", "KRW", "8.000000000000"}, // by the opposite direction
		{"2026-10-05", "KRW", "KRW", "1.000000000000"},
		{"2026-10-05", "USD", "JPY", ""}, // never over a third currency
	} {
		day := tables.Day(c.day)
		rows, missing := daily(kept, tables.Days{From: day, To: day}, []string{c.from}, []string{c.to}, []string{c.from})
		got := ""
		if len(rows) > 0 {
			got = rows[0][3].(*apd.Decimal).Text('f')
		}
		if got != c.want || (len(missing) > 0) != (c.want == "") {
			t.Errorf("%s %s to %s: %q, missing %v, want %q", c.day, c.from, c.to, got, missing, c.want)
		}
	}
}

func TestNamingRules(t *testing.T) {
	for _, c := range []struct{ pattern, name, want string }{
		{"{brand}|{format}|{country}", "A | Video|KR", "A,Video,KR"},
		{"{brand}|{format}|{country}", "A | Video", ""},
		{"{brand}_{n}", "a_b_c", ""},
		{"{brand}_{rest}", "a_b", "a,b"},
		{"[{team}] {theme}", "[KR1] autumn sale", "KR1,autumn sale"},
		{"^(?<brand>[A-Z]+)-(..)-(?P<size>[0-9]+)$", "AB-xx-300", "AB,300"},
	} {
		r, err := newRule("r", c.pattern, "")
		if err != nil {
			t.Errorf("%s: %v", c.pattern, err)
			continue
		}
		var got []string
		if m := regexp.MustCompile(r.expression).FindStringSubmatch(c.name); m != nil {
			for _, g := range r.groups {
				got = append(got, m[g])
			}
		}
		if s := strings.Join(got, ","); s != c.want {
			t.Errorf("%s of %q: %q, want %q (%s)", c.pattern, c.name, s, c.want, r.expression)
		}
	}
	for _, c := range [][3]string{{"r", "plain", ""}, {"R 1", "{a}", ""}, {"r", "{a}|{a}", ""}, {"r", "{channel}", ""}, {"r", "(?<a>[", ""}, {"r", "{a}", "cost>1"}} {
		if _, err := newRule(c[0], c[1], c[2]); err == nil {
			t.Errorf("%v is taken", c)
		}
	}
	r, err := newRule("r", "{a}", "channel=google_ads and advertiser = A's")
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := r.where(); got != "(c.channel = 'google_ads' AND c.advertiser = 'A''s')" {
		t.Error(got)
	}
}

func TestParseViews(t *testing.T) {
	f, err := parseViews("-- a\nCREATE VIEW v (\n  a VARCHAR(9) BINARY COMMENT 'it''s [count]',\n  b DECIMAL(20,6) NONADDITIVE,\n  c DATE NOT NULL COMMENT 'c'\n) COMMENT 'd'\nAS SELECT ';' AS a FROM branches b;\nCREATE VIEW w LIKE v;\n-- branch of ads.v of this\nSELECT 1 AS a;\n-- branch of w\nSELECT 2 AS a")
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintf("%+v", f)
	if len(f.views) != 2 || len(f.branches) != 2 || f.views[0].columns[0].Unit != "count" || f.views[0].columns[0].Doc != "it's" || !f.views[0].columns[1].NonAdditive ||
		f.views[0].text != "SELECT ';' AS a FROM branches b" || f.branches[1].text != "SELECT 2 AS a" || f.views[1].like != "v" || !f.views[0].columns[2].NotNull {
		t.Error(got)
	}
	for text, want := range map[string]string{
		"SELECT 1": "expected at", "CREATE VIEW v": "columns are missing", "CREATE VIEW v (\n a INT\n)": "none of", "CREATE VIEW v (\n a BIGINT, b BIGINT\n)": "line of its own",
		"CREATE VIEW v (\n a DATE\n a DATE\n)": "two columns", "CREATE VIEW v (a DATE)": "no end", "-- branch of v\n;": "empty", "CREATE VIEW v (\n a DATE\n) SELECT 1": "AS SELECT",
	} {
		if _, err := parseViews(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

func FuzzParseViews(f *testing.F) {
	names, err := fs.Glob(views.Files, "*.sql")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range names {
		text, err := fs.ReadFile(views.Files, name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, err := parseViews(text)
		if err != nil {
			return
		}
		for _, b := range v.branches {
			if b.text == "" || b.view == "" {
				t.Errorf("a branch without text: %+v", b)
			}
			fieldOf(b.text, "spend")
		}
		for _, d := range v.views {
			computed(d.text)
		}
	})
}

func TestFieldOf(t *testing.T) {
	const text = "SELECT date, SUM(a, b) / 2 AS spend,\n clicks, 'x, from y' AS z FROM t WHERE a = 1"
	for name, want := range map[string]string{"date": "date", "spend": "SUM(a, b) / 2", "clicks": "clicks", "z": "'x, from y'", "none": ""} {
		if got, table, ok := fieldOf(text, name); got != want || ok != (want != "") || ok && table != "t" {
			t.Errorf("%s: %q of %s, want %q", name, got, table, want)
		}
	}
}

// TestVAT: the latest line counts, and one of the connection before one of its
// channel.
func TestVAT(t *testing.T) {
	store := memory{}
	d, err := New(Options{
		Databases: []engine.Database{{Name: "one", Source: "naver_searchad"}, {Name: "two", Source: "naver_searchad"}, {Name: "hidden", Source: "naver_searchad"}},
		Views:     []fs.FS{fstest.MapFS{}}, Store: store, Now: func() time.Time { return time.Date(2026, 4, 10, 0, 0, 0, 0, time.UTC) },
		MayRead: func(_ context.Context, name string) bool { return name != "hidden" },
	})
	if err != nil {
		t.Fatal(err)
	}
	line := func(scope, from, rate string, included bool) tables.Row {
		return tables.Row{scope, tables.Day(from), dec(rate), included, nil, nil}
	}
	if err := d.Edit[vat](context.Background(), "me@here", nil, []tables.Row{
		line("naver_searchad", "2026-01-01", "0.1", true), line("naver_searchad", "2026-03-30", "0.1", false), line("two", "2026-02-01", "0", false)}); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, table := range d.Tables {
		if table.Name != "daily_vat" {
			continue
		}
		in := []any{tables.Day("2026-03-29"), tables.Day("2026-03-30")}
		for r, err := range table.Scan(context.Background(), tables.Scan{Columns: []string{"connection", "date", "vat_rate", "included"}, Where: tables.Predicate{"date": {In: in}}}) {
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&out, "%v %v %s %v\n", r[0], r[1], r[2].(*apd.Decimal).Text('f'), r[3])
		}
	}
	const want = "one 2026-03-29 0.100000 true\none 2026-03-30 0.100000 false\ntwo 2026-03-29 0.000000 false\ntwo 2026-03-30 0.000000 false\n"
	if out.String() != want {
		t.Errorf("%s\nwant %s", out.String(), want)
	}
	if err := d.Edit[vat](context.Background(), "me@here", nil, []tables.Row{line("x", "2026-01-01", "10", true)}); err == nil {
		t.Error("a rate of 1000 % is taken")
	}
}

// memory is a Store.
type memory map[string]map[string][]byte

func (m memory) Rows(_ context.Context, table string) (out [][]byte, err error) {
	for _, key := range sorted(m[table]) {
		out = append(out, m[table][key])
	}
	return out, nil
}

func (m memory) Edit(_ context.Context, table string, gone []string, come map[string][]byte) error {
	if m[table] == nil {
		m[table] = map[string][]byte{}
	}
	for _, key := range gone {
		delete(m[table], key)
	}
	for key, row := range come {
		m[table][key] = row
	}
	return nil
}
