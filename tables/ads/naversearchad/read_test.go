package naversearchad

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"strings"
	"testing"

	"argo/tables/fault"
	"argo/tables/rest"
	"argo/tables/tabletest"
)

func TestSignature(t *testing.T) {
	for _, c := range []struct{ method, path, want string }{
		{"GET", "/ncc/campaigns", "FrodO0YjuMT6NUkzlXhkP6mtT7YV/Y8Sg/f9Zq96iok="},
		{"PUT", "/ncc/campaigns/cmp-a001-01-000000000000001", "rerwQDOPzXlJlIs+C1tNMIWjFFnr2PVEB22bLWu9ubs="},
		{"POST", "/stat-reports", "c2Eg6VEhFAIHSX1OAcZofU2+K9X4/y/ED2AmeRvnc10="},
		{"GET", "/report-download", "l7aBk7yAUwfYEkTjWWzRWxI77m+zzBRUDyR7IoKrZ60="},
	} {
		if got := signature("EXAMPLE-SECRET-NOT-REAL", "1760000000000", c.method, c.path); got != c.want {
			t.Errorf("%s %s: %s", c.method, c.path, got)
		}
	}
}

func TestRead(t *testing.T) {
	n := func(s string) any { return json.Number(s) }
	for _, c := range []struct {
		name string
		read func(any) (any, error)
		v    any
		want string // as tabletest.Show has it; "!" is an error
	}{
		{"int", readInt, n("12"), "12"}, {"int text", readInt, "12", "12"}, {"int float", readInt, n("12.0"), "12"}, {"exponent", readInt, n("1.2e1"), "12"},
		{"half", readInt, n("1.5"), "!"}, {"no int", readInt, "x", "!"}, {"int null", readInt, "", "NULL"}, {"int bool", readInt, true, "!"},
		{"dec", readDecimal, n("19090.91"), "19090.910000"}, {"dec text", readDecimal, "21000", "21000.000000"}, {"dec long", readDecimal, "0.33333333", "0.333333"},
		{"dec nan", readDecimal, "NaN", "!"}, {"dec huge", readDecimal, "1e30", "!"}, {"dec none", readDecimal, "", "NULL"},
		{"float", readFloat, n("2.5"), "2.5"}, {"float inf", readFloat, "Inf", "!"},
		{"bool", readBool, true, "true"}, {"bool 1", readBool, "1", "true"}, {"bool FALSE", readBool, "FALSE", "false"}, {"bool number", readBool, n("0"), "false"}, {"bool no", readBool, "maybe", "!"},
		{"time", readTime, "2026-09-30T01:02:03.000Z", "2026-09-30 01:02:03"}, {"time zone", readTime, "2026-09-30T09:00:00+09:00", "2026-09-30 00:00:00"}, {"time none", readTime, "", "NULL"}, {"time no", readTime, "yesterday", "!"},
		{"day", readDay, "20260930", "2026-09-30"}, {"day dashes", readDay, "2026-09-30", "2026-09-30"}, {"day no", readDay, "2026093", "!"},
		{"text", readText, "가을", "가을"}, {"text none", readText, "", "NULL"}, {"text number", readText, n("7"), "7"}, {"text object", readText, map[string]any{}, "!"},
	} {
		v, err := c.read(c.v)
		got := "!"
		if err == nil {
			if got = tabletest.Show(v); v == nil {
				got = "NULL"
			}
		}
		if got != c.want && !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: %v becomes %s, not %s (%v)", c.name, c.v, got, c.want, err)
		}
	}
}

func all(text string, delimited bool) (out []string, err error) {
	err = lines(strings.NewReader(text), delimited, func(f []string) (bool, error) {
		out = append(out, strings.Join(f, "|"))
		return true, nil
	})
	return out, err
}

func TestLines(t *testing.T) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	z.Write([]byte("a\tb\nc\td\n"))
	z.Close()
	for _, c := range []struct {
		name, text string
		delimited  bool
		want       string
		kind       fault.Kind
	}{
		{"plain", "a\tb\nc\td\n", true, "a|b c|d", ""},
		{"no last newline", "a\tb\nc\td", true, "a|b c|d", ""},
		{"a cut", "a\tb\nc\td", false, "a|b", fault.Unavailable},
		{"windows", "\xef\xbb\xbfa\tb\r\n\r\n", false, "a|b", ""},
		{"quotes are text", "a\t\"b\n", false, "a|\"b", ""},
		{"empty fields", "a\t\t\n", false, "a||", ""},
		{"nothing", "", false, "", ""},
		{"gzip", packed.String(), true, "a|b c|d", ""},
		{"gzip cut", packed.String()[:packed.Len()-6], true, "a|b c|d", fault.Unavailable},
		{"a page", "<html>", true, "", fault.Broken},
		{"an error", `{"code":1}`, true, "", fault.Broken},
		{"a long line", strings.Repeat("x", longest+1), true, "", fault.Broken},
	} {
		got, err := all(c.text, c.delimited)
		if strings.Join(got, " ") != c.want || fault.KindOf(err) != c.kind {
			t.Errorf("%s: %q, %v", c.name, got, err)
		}
	}
}

func FuzzLines(f *testing.F) {
	f.Add([]byte("20260930\t1000001\tcmp-a001-01-000000000000001\n"))
	f.Add([]byte{0x1f, 0x8b, 8, 0})
	f.Fuzz(func(t *testing.T, text []byte) {
		n := 0
		err := lines(bytes.NewReader(text), true, func(fields []string) (bool, error) {
			for _, x := range fields {
				if strings.ContainsAny(x, "\t\n") {
					t.Errorf("%q", fields)
				}
			}
			n++
			return true, nil
		})
		if err != nil && fault.As(err) == nil {
			t.Errorf("%v is no fault", err)
		}
		if err == nil && n > bytes.Count(text, []byte{'\n'})+1 && (len(text) < 2 || text[0] != 0x1f) {
			t.Errorf("%d lines", n)
		}
	})
}

func FuzzRead(f *testing.F) {
	f.Add(`{"a":1.5,"b":"2026-09-30","c":[{"d":null}]}`)
	f.Add(`[{"a":"1e9"}]`)
	f.Fuzz(func(t *testing.T, text string) {
		var o objects
		if err := rest.Decode(strings.NewReader(text), &o); err != nil && fault.As(err) == nil {
			t.Errorf("%v is no fault", err)
		}
		for _, x := range o {
			for _, v := range x {
				for _, read := range []func(any) (any, error){readText, readInt, readDecimal, readFloat, readBool, readTime, readDay, readJSON} {
					if v != nil {
						read(v)
					}
				}
			}
		}
	})
}

func FuzzJob(f *testing.F) {
	f.Add(`{"reportJobId":1,"status":"BUILT","statDt":"2026-09-29T15:00:00Z","regTm":"2026-10-01T00:00:00Z"}`)
	f.Fuzz(func(t *testing.T, text string) {
		var x job
		if json.Unmarshal([]byte(text), &x) == nil {
			x.is(Spec{"1", "stat-reports", "AD", "2026-09-30"}, vatDay.Time())
			_ = x.id()
		}
	})
}
