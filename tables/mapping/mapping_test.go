package mapping_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"argo/tables"
	"argo/tables/mapping"

	"github.com/cockroachdb/apd/v3"
)

func show(v any) string {
	switch v := v.(type) {
	case *apd.Decimal:
		return v.Text('f')
	case time.Time:
		return v.Format(time.RFC3339Nano)
	}
	return fmt.Sprint(v)
}

func TestValues(t *testing.T) {
	seoul := mapping.About{Account: tables.Account{ID: "1", Currency: "KRW", Zone: "Asia/Seoul"}}
	sheet, excel := seoul, seoul
	sheet.Sheet = true
	excel.Sheet, excel.Serial = true, true
	col := func(typ string, more ...string) mapping.Column {
		c := mapping.Column{Name: "x", Type: typ}
		for i := 0; i+1 < len(more); i += 2 {
			switch more[i] {
			case "in":
				c.In = more[i+1]
			case "format":
				c.Format = append(c.Format, more[i+1])
			case "decimal":
				c.Decimal = more[i+1]
			case "nulls":
				c.Nulls = append(c.Nulls, more[i+1])
			case "percent":
				c.Percent = true
			case "round":
				c.Round = true
			case "zone":
				c.Zone = more[i+1]
			}
		}
		return c
	}
	for _, c := range []struct {
		col   mapping.Column
		v     any
		about mapping.About
		want  string // "!…" is an error that says so
	}{
		{col("money"), "1,234", sheet, "1234"},
		{col("money"), "₩1,200", sheet, "1200"},
		{col("money"), "(12)", sheet, "-12"},
		{col("money"), "($1,234.50)", sheet, "-1234.5"},
		{col("money"), "-₩1,200", sheet, "-1200"},
		{col("money"), "₩-1,200", sheet, "-1200"},
		{col("money"), "1,200원", sheet, "1200"},
		{col("money"), "△3", sheet, "-3"},
		{col("money"), "12-", sheet, "-12"},
		{col("money"), " 7 ", sheet, "7"},
		{col("money"), "-0", sheet, "0"},
		{col("money"), "", sheet, "<nil>"},
		{col("money"), "1,23", sheet, "!9,99"},
		{col("money"), "12,34,567", sheet, "!"},
		{col("money"), "1.2.3", sheet, "!"},
		{col("money"), "--1", sheet, "!"},
		{col("money"), "(-1)", sheet, "!"},
		{col("money"), "1.", sheet, "!"},
		{col("money"), "NaN", sheet, "!"},
		{col("money"), "1e999999999", sheet, "!"},
		{col("money"), "-", sheet, "!"},
		{col("money", "nulls", "-"), "-", sheet, "<nil>"},
		{col("money", "decimal", ","), "1.234,50", sheet, "1234.5"},
		{col("money", "in", "micros"), json.Number("1234567"), seoul, "1.234567"},
		{col("money", "in", "minor"), json.Number("1200"), seoul, "1200"},
		{col("money", "in", "minor"), json.Number("1200"), mapping.About{Account: tables.Account{Currency: "USD"}}, "12"},
		{col("money", "in", "minor"), json.Number("1200"), mapping.About{Account: tables.Account{Currency: "KWD"}}, "1.2"},
		{col("money", "in", "minor"), json.Number("1200"), mapping.About{}, "!currency"},
		{col("money", "in", "1000"), json.Number("1"), seoul, "0.001"},
		{col("decimal(5,2)"), json.Number("123.45"), seoul, "123.45"},
		{col("decimal(5,2)"), json.Number("1234.5"), seoul, "!too large"},
		{col("decimal(5,2)"), json.Number("1.005"), seoul, "!round"},
		{col("decimal(5,2)", "round", ""), json.Number("1.005"), seoul, "1.01"},
		{col("decimal(6,4)", "percent", ""), "12.5%", sheet, "0.125"},
		{col("decimal(6,4)"), "12.5%", sheet, "!percent: true"},
		{col("int"), "1,234", sheet, "1234"},
		{col("int"), json.Number("1e3"), seoul, "1000"},
		{col("int"), "9223372036854775808", sheet, "!64 bits"},
		{col("int"), true, seoul, "!not a number"},
		{col("double"), json.Number("1.5e-3"), seoul, "0.0015"},
		{col("date"), "2026-02-28", seoul, "2026-02-28"},
		{col("date"), "2026-02-30", seoul, "!9999-99-99"},
		{col("date", "format", "%Y.%m.%d"), "2026.2.3", sheet, "2026-02-03"},
		{col("date", "format", "%Y. %m. %d. (%a)"), "2026. 11. 1. (일)", sheet, "2026-11-01"},
		{col("date", "format", "%Y년 %m월 %d일"), "2026년 3월 4일", sheet, "2026-03-04"},
		{col("date", "format", "%d/%m/%y", "format", "%Y%m%d"), "20261101", sheet, "2026-11-01"},
		{col("date"), "46327", excel, "2026-11-01"},
		{col("date"), "46327", sheet, "!"},
		{col("date", "format", "unix"), json.Number("1793458800"), seoul, "2026-11-01"},
		{col("datetime"), "2026-11-01 00:30:00", seoul, "2026-10-31T15:30:00Z"},
		{col("datetime"), "2026-11-01T00:30:00Z", seoul, "2026-11-01T00:30:00Z"},
		{col("datetime"), "2026-11-01T00:30:00.25+09:00", seoul, "2026-10-31T15:30:00.25Z"},
		{col("datetime", "zone", "UTC"), "2026-11-01 00:30:00", seoul, "2026-11-01T00:30:00Z"},
		{col("datetime", "format", "%Y-%m-%d %p %I:%i"), "2026-11-01 오후 12:30", seoul, "2026-11-01T03:30:00Z"},
		{col("datetime"), "46327.5", excel, "2026-11-01T03:00:00Z"},
		{col("bool"), "Y", sheet, "true"},
		{col("bool"), "2", sheet, "!neither"},
		{col("varchar(2)"), "가나", sheet, "가나"},
		{col("varchar(2)"), "가나다", sheet, "!3 characters"},
		{col("text"), "", sheet, "<nil>"},
		{col("text"), "", seoul, ""},
		{col("text"), map[string]any{}, seoul, "!json"},
		{col("json"), map[string]any{"a": json.Number("12345678901234567890.10"), "b": "<"}, seoul, `{"a":12345678901234567890.10,"b":"<"}`},
		{col("id"), json.Number("12345678901234567890"), seoul, "12345678901234567890"},
	} {
		f, err := c.col.Compile()
		if err != nil {
			t.Errorf("%+v: %v", c.col, err)
			continue
		}
		got, err := f.Read(c.v, c.about)
		if what, bad := strings.CutPrefix(c.want, "!"); bad {
			if err == nil || !strings.Contains(err.Error(), what) {
				t.Errorf("%s of %v is %s, %v; want an error with %q", c.col.Type, c.v, show(got), err, what)
			}
		} else if err != nil || show(got) != c.want {
			t.Errorf("%s of %v is %s, %v; want %s", c.col.Type, c.v, show(got), err, c.want)
		}
	}
}

// A number written as people write it reads as what it was.
func TestNumbersProperty(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 5000 {
		n := rnd.Int64N(1e15)
		digits := fmt.Sprint(n)
		var grouped []string
		for len(digits) > 3 {
			grouped = append([]string{digits[len(digits)-3:]}, grouped...)
			digits = digits[:len(digits)-3]
		}
		text := strings.Join(append([]string{digits}, grouped...), ",")
		cents := rnd.IntN(100)
		text += fmt.Sprintf(".%02d", cents)
		want := apd.New(n*100+int64(cents), -2)
		for i, shape := range []string{"%s", "₩%s", "(%s)", "-%s", "%s원", "△%s", " %s "} {
			d, _, err := mapping.Number(fmt.Sprintf(shape, text), "")
			w := new(apd.Decimal).Set(want)
			if i == 2 || i == 3 || i == 5 {
				w.Neg(w)
			}
			if err != nil || d.Cmp(w) != 0 {
				t.Fatalf(shape+": %v, %v", text, d, err)
			}
		}
	}
}

// What is written as a day reads as that day.
func TestLayoutsProperty(t *testing.T) {
	zone, err := time.LoadLocation("Asia/Seoul")
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"%Y-%m-%d", "%Y%m%d", "%d.%m.%y", "%d %M %Y", "%b %d, %Y", "unix", "unix_ms", "%Y-%m-%dT%T%z", "%Y년 %m월 %d일"} {
		l, err := mapping.ParseLayout(text)
		if err != nil {
			t.Fatal(err)
		}
		for d := tables.Day("1996-02-25"); d < "2032-01-01"; d = d.Add(13) {
			got, ok := l.Parse(l.Format(d, zone), zone)
			if !ok || tables.DayOf(got.In(zone)) != d {
				t.Fatalf("%s: %s is %v", text, d, got)
			}
		}
	}
}

func FuzzNumber(f *testing.F) {
	for _, s := range []string{"1,234", "(12)", "₩-1.5e3", "1.234,5", "%", "((", "e5"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, point := range []string{".", ","} {
			if d, _, err := mapping.Number(s, point); err == nil && d.Form != apd.Finite {
				t.Errorf("%q is %s", s, d)
			} else if err == nil && !strings.ContainsAny(s, "0123456789") {
				t.Errorf("%q is %s", s, d)
			}
		}
	})
}

func FuzzLayout(f *testing.F) {
	f.Add("%Y-%m-%d", "2026-11-01")
	f.Add("%d %b %y %p%I", "1 Nov 26 PM3")
	f.Fuzz(func(t *testing.T, format, text string) {
		l, err := mapping.ParseLayout(format)
		if err != nil {
			return
		}
		l.Parse(text, time.UTC)
		if strings.Contains(format, "%a") || strings.Contains(format, "%y") {
			return
		}
		if s := l.Format("2026-11-21", time.UTC); !l.Numeric() {
			if got, ok := l.Parse(s, time.UTC); ok && tables.DayOf(got.UTC()) != "2026-11-21" && !strings.Contains(format, "%z") {
				t.Errorf("%q writes %q, which reads %v", format, s, got)
			}
		}
	})
}

func FuzzColumn(f *testing.F) {
	f.Add("x", "decimal(18,6)", "micros", "1.5", "%Y-%m-%d")
	f.Add("x", "day", "", "2026-11-01", "unix")
	f.Fuzz(func(t *testing.T, name, typ, in, value, format string) {
		c := mapping.Column{Name: name, Type: typ, In: in}
		if format != "" {
			c.Format = mapping.Strings{format}
		}
		field, err := c.Compile()
		if err != nil {
			return
		}
		for _, v := range []any{value, json.Number(value), nil, true, []any{value}} {
			got, err := field.Read(v, mapping.About{Sheet: true, Serial: true, Account: tables.Account{Currency: "KRW"}})
			if d, ok := got.(*apd.Decimal); ok && err == nil && (d.Form != apd.Finite || d.Exponent < -int32(field.Type.Scale) || d.NumDigits()+int64(d.Exponent) > int64(field.Type.Precision-field.Type.Scale) && !d.IsZero()) {
				t.Errorf("%q is %s, which is no %s", value, d, field.Type)
			}
		}
	})
}
