package files_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"argo/configs"
	"argo/tables"
	"argo/tables/fault"
	"argo/tables/lake/files"
	"argo/tables/tabletest"

	"github.com/xuri/excelize/v2"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
)

// folder is a watched folder and its clock.
type folder struct {
	dir   string
	clock time.Time
	slept int
	sleep func() // while somebody waits
}

func newFolder(t *testing.T) *folder {
	return &folder{dir: t.TempDir(), clock: time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)}
}

// put writes a file as of so long ago.
func (f *folder) put(t *testing.T, name string, data []byte, age time.Duration) {
	t.Helper()
	file := filepath.Join(f.dir, name)
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(file, f.clock.Add(-age), f.clock.Add(-age)); err != nil {
		t.Fatal(err)
	}
}

func (f *folder) openYAML(options string) (*tables.Connection, error) {
	conf, err := configs.Parse([]byte("users: [{name: a, password: env:A}]\nconnections:\n- name: exports\n  source: files\n  options:\n"+options), f.dir)
	if err != nil {
		return nil, err
	}
	return files.Source.Open(context.Background(), tables.Env{Name: "exports", Decode: conf.Connections[0].Decode, Base: f.dir, Now: func() time.Time { return f.clock },
		Secret: func(context.Context, string) (string, error) { return "x", nil },
		Sleep: func(ctx context.Context, d time.Duration) error {
			f.clock = f.clock.Add(d)
			if f.slept++; f.sleep != nil {
				f.sleep()
			}
			return ctx.Err()
		}})
}

const columns = `
      key: [campaign]
      columns:
      - {name: date, type: day, from: [날짜, Date, 日付], format: ["%Y-%m-%d", "%Y.%m.%d", "%Y%m%d"]}
      - {name: campaign, type: varchar(100), from: [캠페인, Campaign, キャンペーン]}
      - {name: cost, type: money, from: [비용, Cost, 費用], unit: account currency}
      - {name: currency, type: id, from: $currency}
      - {name: clicks, type: int, from: [클릭수, Clicks, クリック], nulls: ["-"]}
`

func report(more string) string {
	return "    accounts: [{id: a, name: Brand A, currency: KRW, time_zone: Asia/Seoul}]\n    tables:\n    - name: report\n      path: .\n      file: \"r_{account}_*\"\n      since: 2026-01-01\n" + more + columns
}

func (f *folder) open(t *testing.T, options string) tables.Table {
	t.Helper()
	conn, err := f.openYAML(options)
	if err != nil {
		t.Fatal(err)
	}
	return conn.Tables[0]
}

var november = tables.Days{From: "2026-11-01", To: "2026-11-20"}

func read(t *testing.T, x tables.Table, account string) (string, error) {
	t.Helper()
	columns := []string{"date", "campaign", "cost", "clicks"}
	got, err := tabletest.Rows(t.Context(), x, tables.Scan{Account: account, Days: november, Columns: columns})
	var lines []string
	for _, row := range got {
		var cells []string
		for _, v := range row {
			cells = append(cells, tabletest.Show(v))
		}
		lines = append(lines, strings.Join(cells, " "))
	}
	return strings.Join(lines, "\n"), err
}

const old = 1 * time.Hour

func excel(t testing.TB, sheet string, rows ...[]any) []byte {
	t.Helper()
	f := excelize.NewFile()
	defer f.Close()
	if err := f.SetSheetName("Sheet1", sheet); err != nil {
		t.Fatal(err)
	}
	for i, row := range rows {
		if row == nil {
			continue
		}
		if err := f.SetSheetRow(sheet, fmt.Sprintf("A%d", i+1), &row); err != nil {
			t.Fatal(err)
		}
	}
	var b bytes.Buffer
	if err := f.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func encoded(t *testing.T, e encoding.Encoding, text string) []byte {
	t.Helper()
	b, err := e.NewEncoder().Bytes([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The same report in every spelling reads the same.
func TestSpellings(t *testing.T) {
	const want = "2026-11-01 가을 1234.5 3\n2026-11-02 가을 -12 NULL"
	csv := "보고서,,,\n기간,2026-11,,\n\n날짜,캠페인,비용,클릭수\n2026-11-01,가을,\"₩1,234.50\",3\n2026.11.02,가을,(12),-\n합계,,\"1,222.5\",3\n"
	skip := "      skip: [{column: 날짜, equals: [합계, Total]}]\n"
	for _, c := range []struct {
		name, file string
		data       []byte
		more       string
	}{
		{"utf-8", "r_a_1.csv", []byte(csv), skip},
		{"byte order mark", "r_a_1.csv", []byte("\ufeff" + csv), skip},
		{"cp949", "r_a_1.csv", encoded(t, korean.EUCKR, strings.ReplaceAll(csv, "₩", "￦")), skip + "      encoding: cp949\n"},
		{"euc-kr", "r_a_1.csv", encoded(t, korean.EUCKR, strings.ReplaceAll(csv, "₩", "")), skip + "      encoding: euc-kr\n"},
		{"semicolons", "r_a_1.csv", []byte("Date;Campaign;Cost;Clicks\n20261101;가을;1234.5;3\n20261102;가을;-12;-\nTotal;;;\n"), "      skip: [{column: Date, equals: Total}]\n"},
		{"tabs", "r_a_1.txt", []byte("Clicks\tnobody knows\tDate\tCampaign\tCost\n3\tx\t2026-11-01\t가을\t1234.5\n-\tx\t2026-11-02\t가을\t12-\n"), ""},
		{"excel", "r_a_1.xlsx", excel(t, "Report", []any{"보고서"}, nil, []any{"날짜", "캠페인", "비용", "클릭수"}, []any{time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), "가을", 1234.5, 3}, []any{"2026.11.02", "가을", -12, "-"}, []any{"합계", nil, 1222.5, 3}), skip},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFolder(t)
			f.put(t, c.file, c.data, old)
			x := f.open(t, report(c.more))
			if got, err := read(t, x, "a"); err != nil || got != want {
				t.Errorf("%v\n%s\nwant\n%s", err, got, want)
			}
			tabletest.Conformance(t, x, tabletest.Options{Days: november})
		})
	}
	f := newFolder(t)
	f.put(t, "r_a_1.csv", encoded(t, japanese.ShiftJIS, "日付,キャンペーン,費用,クリック\n2026-11-01,秋,\"1,200\",3\n"), old)
	if got, err := read(t, f.open(t, report("      encoding: shift_jis\n")), "a"); err != nil || got != "2026-11-01 秋 1200 3" {
		t.Errorf("%v %s", err, got)
	}
}

func lines(rows ...string) []byte {
	return []byte("날짜,캠페인,비용,클릭수\n" + strings.Join(rows, "\n") + "\n")
}

// The newest file wins an account and day, and no more than that.
func TestCorrections(t *testing.T) {
	f := newFolder(t)
	x := f.open(t, report(""))
	f.put(t, "r_a_1.csv", lines("2026-11-01,x,1,1", "2026-11-02,x,2,1", "2026-11-02,y,3,1"), 3*old)
	f.put(t, "r_b_1.csv", lines("2026-11-02,x,7,1"), old)
	if got, err := read(t, x, "a"); err != nil || got != "2026-11-01 x 1 1\n2026-11-02 x 2 1\n2026-11-02 y 3 1" {
		t.Errorf("%v\n%s", err, got)
	}
	f.put(t, "r_a_0.csv", lines("2026-11-02,x,20,1"), 2*old)
	if got, err := read(t, x, "a"); err != nil || got != "2026-11-02 x 20 1\n2026-11-01 x 1 1" && got != "2026-11-01 x 1 1\n2026-11-02 x 20 1" {
		t.Errorf("%v\n%s", err, got)
	}
	accounts, err := x.Accounts(t.Context())
	if err != nil || len(accounts) != 2 || accounts[0].Currency != "KRW" || accounts[1].ID != "b" {
		t.Errorf("%v, %v", accounts, err)
	}
	// A name that states its days speaks for all of them.
	f = newFolder(t)
	x = f.open(t, strings.Replace(report(""), "r_{account}_*", "r_{account}_{from:%Y%m%d}-{to:%Y%m%d}*", 1))
	f.put(t, "r_a_20261101-20261105.csv", lines("2026-11-01,x,1,1", "2026-11-02,x,2,1"), 2*old)
	f.put(t, "r_a_20261102-20261102 (1).csv", lines(), old)
	if got, err := read(t, x, "a"); err != nil || got != "2026-11-01 x 1 1" {
		t.Errorf("%v\n%s", err, got)
	}
	f.put(t, "r_a_20261103-20261103.csv", lines("2026-11-04,x,1,1"), old)
	if _, err := read(t, x, "a"); !fault.Is(err, fault.Broken) || !strings.Contains(err.Error(), "another day") {
		t.Error(err)
	}
	// The day is the name's alone.
	f = newFolder(t)
	x = f.open(t, strings.NewReplacer("r_{account}_*", "r_{account}_{day:%y%m%d}", "[날짜, Date, 日付], format: [\"%Y-%m-%d\", \"%Y.%m.%d\", \"%Y%m%d\"]", "$day").Replace(report("")))
	f.put(t, "r_a_261103.csv", []byte("캠페인,비용,클릭수\nx,1,1\n"), old)
	if got, err := read(t, x, "a"); err != nil || got != "2026-11-03 x 1 1" {
		t.Errorf("%v\n%s", err, got)
	}
}

// Half of a file is never read: who asks waits, and fails if it goes on.
func TestHalfWritten(t *testing.T) {
	f := newFolder(t)
	x := f.open(t, report(""))
	f.put(t, "r_a_1.csv", lines("2026-11-01,x,1,1"), old)
	f.put(t, "r_a_2.csv", lines("2026-11-02,x,1"), time.Second)
	f.put(t, "r_b_2.csv", lines("2026-11-02,x,7,1"), old)
	f.put(t, "r_a_3.csv.part", []byte("half"), old)
	f.put(t, "~$r_a_1.xlsx", []byte("half"), old)
	if got, err := read(t, x, "b"); err != nil || got != "2026-11-02 x 7 1" || f.slept != 0 {
		t.Errorf("%v %s: another account waits", err, got)
	}
	f.sleep = func() { f.put(t, "r_a_2.csv", lines("2026-11-02,x,1,1"), time.Minute) }
	if got, err := read(t, x, "a"); err != nil || got != "2026-11-01 x 1 1\n2026-11-02 x 1 1" || f.slept != 1 {
		t.Errorf("%v %s, slept %d", err, got, f.slept)
	}
	f.put(t, "r_a_2.csv", lines("2026-11-02,x,1,1"), 0)
	f.sleep = func() { f.put(t, "r_a_2.csv", lines("2026-11-02,x,1,1"), 0) }
	if _, err := read(t, x, "a"); !fault.Is(err, fault.Unavailable) || fault.As(err).RetryAfter <= 0 {
		t.Error(err)
	}
}

// A row that does not fit is a fault that says where, and is never left out.
func TestFaults(t *testing.T) {
	whole := excel(t, "Report", []any{"날짜", "캠페인", "비용", "클릭수"}, []any{"2026-11-01", "x", "1,23", 3})
	for _, c := range []struct {
		name, file string
		data       []byte
		says       []string
	}{
		{"number", "r_a_1.csv", lines("2026-11-01,x,1,1", "2026-11-02,x,abc,1"), []string{"r_a_1.csv", "line 3", `"비용"`, "aaa"}},
		{"day", "r_a_1.csv", lines("01/11/2026,x,1,1"), []string{"line 2", `"날짜"`, "99/99/9999"}},
		{"total", "r_a_1.csv", lines("2026-11-01,x,1,1", "합계,,1,1"), []string{"line 3", "skip"}},
		{"short", "r_a_1.csv", lines("2026-11-01,x,1,1", "2026-11-02,x"), []string{"line 3", "2 cells"}},
		{"quote", "r_a_1.csv", lines("2026-11-01,\"x,1,1"), []string{"line 2"}},
		{"twice", "r_a_1.csv", lines("2026-11-01,x,1,1", "2026-11-01,x,2,1"), []string{"line 3", "line 2", "campaign"}},
		{"no header", "r_a_1.csv", []byte("a,b\n1,2\n"), []string{"header", "비용"}},
		{"one header", "r_a_1.csv", []byte("날짜,캠페인,비용\n2026-11-01,x,1\n"), []string{"header", "클릭수"}},
		{"two headers", "r_a_1.csv", []byte("날짜,캠페인,비용,클릭수,비용\n2026-11-01,x,1,1,2\n"), []string{"line 1", "twice"}},
		{"empty", "r_a_1.csv", nil, []string{"header"}},
		{"cp949", "r_a_1.csv", encoded(t, korean.EUCKR, "날짜,캠페인,비용,클릭수\n2026-11-01,가을,1,1\n"), []string{"encoding"}},
		{"excel", "r_a_1.xlsx", whole, []string{"r_a_1.xlsx", "line 2", `"비용"`, "9,99"}},
		{"a line of excel", "r_a_1.xlsx", excel(t, "Report", []any{"a title"}, nil, nil, []any{"날짜", "캠페인", "비용", "클릭수"}, nil, []any{"2026-11-01", "x", 1, "many"}), []string{"line 6", `"클릭수"`}},
		{"half of excel", "r_a_1.xlsx", whole[:len(whole)/2], []string{"r_a_1.xlsx", "half"}},
		{"name", "report.csv", lines("2026-11-01,x,1,1"), []string{"report.csv", "name"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFolder(t)
			f.put(t, c.file, c.data, old)
			got, err := read(t, f.open(t, report("")), "a")
			if !fault.Is(err, fault.Broken) || got != "" || fault.As(err).Hint == "" {
				t.Fatalf("%q, %v", got, err)
			}
			for _, s := range c.says {
				if !strings.Contains(err.Error(), s) {
					t.Errorf("%v\ndoes not say %q", err, s)
				}
			}
		})
	}
}

func TestConfig(t *testing.T) {
	good := report("")
	for _, c := range [][3]string{
		{"path: .", "pth: .", "unknown key"},
		{"path: .", "path: \"[\"", "bracket"},
		{"r_{account}_*", "r_{acount}_*", "{account}"},
		{"r_{account}_*", "r_{account_*", "brace"},
		{"since: 2026-01-01", "since: soon", "2026-01-31"},
		{"since: 2026-01-01", "encoding: klingon", "euc-kr"},
		{"since: 2026-01-01", "delimiter: \"::\"", "one character"},
		{"since: 2026-01-01", "skip: [{column: 날짜}]", "equals"},
		{"type: day", "type: date", "type: day"},
		{"key: [campaign]", "key: [campaigns]", "campaigns"},
		{"from: $currency", "from: $cur", "$currency"},
		{"- {name: currency, type: id, from: $currency}", "- {name: z, value: \"1\"}", "currency"},
	} {
		f := newFolder(t)
		if !strings.Contains(good, c[0]) {
			t.Fatal(c[0])
		}
		if _, err := f.openYAML(strings.Replace(good, c[0], c[1], 1)); !fault.Is(err, fault.Config) || !strings.Contains(err.Error(), c[2]) || fault.As(err).Hint == "" {
			t.Errorf("%q: %v, want %q", c[1], err, c[2])
		}
	}
}

// Of any files in any order, each account and day is answered by the newest.
func TestNewestWinsProperty(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	for range 30 {
		f := newFolder(t)
		x := f.open(t, report(""))
		want := map[string]string{}
		for age, n := 40, 1+rnd.IntN(8); n > 0; n-- {
			age -= 1 + rnd.IntN(3)
			account := string(rune('a' + rnd.IntN(2)))
			var rows []string
			day := tables.Day("2026-11-01").Add(rnd.IntN(10))
			for range 1 + rnd.IntN(5) {
				cost := rnd.IntN(1000)
				rows = append(rows, fmt.Sprintf("%s,x,%d,1", day, cost))
				want[account+string(day)] = fmt.Sprintf("%s x %d 1", day, cost)
				day = day.Add(1 + rnd.IntN(2))
			}
			f.put(t, fmt.Sprintf("r_%s_%d.csv", account, rnd.IntN(1e9)), lines(rows...), time.Duration(age)*time.Hour)
		}
		for _, account := range []string{"a", "b"} {
			got, err := read(t, x, account)
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			for k, line := range want {
				if strings.HasPrefix(k, account) {
					if n++; !strings.Contains("\n"+got+"\n", "\n"+line+"\n") {
						t.Errorf("%s is not in\n%s", line, got)
					}
				}
			}
			if got != "" && strings.Count(got, "\n")+1 != n {
				t.Errorf("%d rows are wanted:\n%s", n, got)
			}
		}
	}
}

func fuzz(f *testing.F, name string) {
	f.Fuzz(func(t *testing.T, data []byte) {
		d := newFolder(t)
		d.put(t, name, data, old)
		x := d.open(t, report("      skip: [{empty: true, column: 날짜}]\n"))
		if _, err := read(t, x, "a"); err != nil && fault.As(err) == nil {
			t.Errorf("%T %v", err, err)
		}
	})
}

func FuzzCSV(f *testing.F) {
	f.Add(lines("2026-11-01,x,1,1"))
	f.Add([]byte("\xef\xbb\xbf날짜;캠페인;비용;클릭수\n\"2026-11-01\";\"x\ny\";(1);-\n"))
	fuzz(f, "r_a_1.csv")
}

func FuzzExcel(f *testing.F) {
	f.Add(excel(f, "Report", []any{"날짜", "캠페인", "비용", "클릭수"}, []any{"2026-11-01", "x", 1, 3}))
	f.Add([]byte("PK\x03\x04"))
	fuzz(f, "r_a_1.xlsx")
}

func FuzzName(f *testing.F) {
	f.Add("r_{account}_{day:%Y%m%d}*", "r_a_20261101")
	f.Fuzz(func(t *testing.T, pattern, name string) {
		if strings.ContainsAny(name, "/\x00") || name == "" || len(name) > 100 || name[0] == '.' || name[0] == '_' {
			return
		}
		d := newFolder(t)
		if os.WriteFile(filepath.Join(d.dir, name+".csv"), lines("2026-11-01,x,1,1"), 0o600) != nil {
			return
		}
		conn, err := d.openYAML(strings.Replace(report(""), `"r_{account}_*"`, fmt.Sprintf("%q", pattern), 1))
		if err != nil {
			return
		}
		if _, err := read(t, conn.Tables[0], "a"); err != nil && fault.As(err) == nil {
			t.Errorf("%T %v", err, err)
		}
	})
}
