package columnar_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/cockroachdb/apd/v3"

	"argo/server/algebra"
	"argo/server/columnar"
	"argo/tables"
	"argo/tables/fault"
)

// Shorthand for algebra by hand.
var (
	intT    = algebra.Type{Kind: algebra.Int}
	doubleT = algebra.Type{Kind: algebra.Double}
	textT   = algebra.Type{Kind: algebra.Text}
	binT    = algebra.Type{Kind: algebra.Text, Collation: algebra.Bin}
	dateT   = algebra.Type{Kind: algebra.Date}
	timeT   = algebra.Type{Kind: algebra.Time, Scale: 6}
	jsonT   = algebra.Type{Kind: algebra.JSON}
	blobT   = algebra.Type{Kind: algebra.Binary}
	boolT   = algebra.Type{Kind: algebra.Int, Bool: true}
)

func decT(p, s int) algebra.Type { return algebra.Type{Kind: algebra.Decimal, Precision: p, Scale: s} }
func dtT(scale int) algebra.Type { return algebra.Type{Kind: algebra.DateTime, Scale: scale} }

// lit makes a constant of a Go value.
func lit(v any) algebra.Expr {
	switch v := v.(type) {
	case algebra.Expr:
		return v
	case nil:
		return &algebra.Lit{Type: algebra.Type{Kind: algebra.Null}}
	case int:
		return &algebra.Lit{Value: int64(v), Type: intT}
	case uint64:
		return &algebra.Lit{Value: v, Type: algebra.Type{Kind: algebra.Int, Unsigned: true}}
	case float64:
		return &algebra.Lit{Value: v, Type: doubleT}
	case string:
		return &algebra.Lit{Value: v, Type: textT}
	case []byte:
		return &algebra.Lit{Value: v, Type: blobT}
	case *apd.Decimal:
		return &algebra.Lit{Value: v, Type: decT(int(v.NumDigits()), max(0, -int(v.Exponent)))}
	case tables.Day:
		return &algebra.Lit{Value: v, Type: dateT}
	case time.Time:
		scale := 0
		if v.Nanosecond() != 0 {
			scale = 6
		}
		return &algebra.Lit{Value: v, Type: dtT(scale)}
	case time.Duration:
		return &algebra.Lit{Value: v, Type: timeT}
	}
	panic(fmt.Sprintf("no constant of %T", v))
}

func dec(s string) *apd.Decimal {
	d, _, err := apd.NewFromString(s)
	if err != nil {
		panic(err)
	}
	return d
}

func at(s string) time.Time {
	t, err := time.Parse("2006-01-02 15:04:05", s)
	if err != nil {
		panic(err)
	}
	return t
}

func fn(name string, t algebra.Type, args ...any) algebra.Expr {
	c := &algebra.Call{Func: name, Type: t}
	for _, a := range args {
		c.Args = append(c.Args, lit(a))
	}
	return c
}

func cast(e any, t algebra.Type) algebra.Expr { return &algebra.Cast{In: lit(e), Type: t} }

// one evaluates an expression over a relation of one row.
func one(e *columnar.Engine, x algebra.Expr) (string, error) {
	col := algebra.Column{ID: 1, Name: "x", Type: x.ExprType()}
	st := &algebra.Statement{
		Root:    &algebra.Project{In: &algebra.Values{Rows: [][]algebra.Expr{{}}}, Cols: []algebra.Column{col}, Exprs: []algebra.Expr{x}},
		Output:  []algebra.Column{col},
		Session: algebra.Session{Now: now.UnixMicro(), TimeZone: "UTC", DivPrecisionIncr: 4},
	}
	rows, err := e.Query(context.Background(), st, nil)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	row, err := rows.Next(context.Background())
	if err != nil {
		return "", err
	}
	return show(row[0], col.Type), nil
}

// TestCalls has what a MySQL server answers to calls that the battery does not
// reach, or not with these arguments.
func TestCalls(t *testing.T) {
	e := open(t, columnar.Options{})
	for _, c := range []struct {
		want string
		expr algebra.Expr
	}{
		// texts
		{"STRAßE", fn("upper", textT, "straße")}, {"i", fn("lower", textT, "İ")}, {"Ÿ", fn("upper", textT, "ÿ")}, {"I", fn("upper", textT, "ı")},
		{"www.mysql", fn("substring_index", textT, "www.mysql.com", ".", 2)}, {"aXb", fn("substring_index", textT, "aXbxc", "x", 1)},
		{"QuWhattic", fn("insert", textT, "Quadratic", 3, 4, "What")}, {"a,c", fn("make_set", textT, 5, "a", "b", "c")},
		{`'a\\'b'`, fn("quote", textT, "a'b")}, {"NULL", fn("quote", textT, nil)}, {"H400", fn("soundex", textT, "hello")}, {"Q36324", fn("soundex", textT, "Quadratically")}, {"한000", fn("soundex", textT, "한글")},
		{"0cc175b9c0f1b6a831c399e269772661", fn("md5", textT, "a")}, {"86f7e437faa5a7fce15d1ddcb9eaeaea377667b8", fn("sha1", textT, "a")},
		{"3904355907", fn("crc32", intT, "a")}, {"YWJj", fn("to_base64", textT, "abc")}, {"abc", fn("from_base64", blobT, "YWJj")},
		{"NULL", fn("unhex", blobT, "zz")}, {"AB", fn("unhex", blobT, "4142")}, {"FFFFFFFFFFFFFFFF", fn("hex", textT, -1)},
		{"FFFFFFFFFFFFFFFF", fn("conv", textT, "-1", 10, 16)}, {"255", fn("conv", textT, "ff", 16, 10)}, {"A", fn("conv", textT, 10, 10, -16)},
		{"237", fn("ascii", intT, "한")}, {"15570332", fn("ord", intT, "한")}, {"3", fn("find_in_set", intT, "", "a,b,")},
		{"2", fn("field", intT, 2, 1, dec("2.0"))}, {"2", fn("field", intT, "B", "a", "b")}, {"0", fn("field", intT, nil, "a")},
		{"bac", fn("regexp_replace", textT, "abc", "(a)(b)", "$2$1")}, {"5", fn("regexp_instr", intT, "a1b2", "[0-9]", 1, 2, 1)},
		{"1", fn("regexp_like", boolT, "a\nb", "^b$", "m")}, {"0", fn("regexp_like", boolT, "a\nb", "a.b")}, {"1", fn("regexp_like", boolT, "a\nb", "a.b", "n")},
		{"0", fn("like", boolT, &algebra.Lit{Value: "ABC", Type: binT}, &algebra.Lit{Value: "a%", Type: binT}, `\`)},
		{"My", fn("char", blobT, 77, 121, nil)}, {"한글", &algebra.Cast{In: lit([]byte("한글")), Type: textT, Implied: true}},
		{"a\\0b", fn("concat", textT, "a\x00b")}, {"it's", fn("concat", textT, "it's")}, {"'; drop--", fn("concat", textT, "'; drop--")},
		{"-1", fn("strcmp", intT, "x", "y")}, {"0", fn("strcmp", intT, "a", "A")}, {"NULL", fn("strcmp", intT, nil, "a")},
		// numbers
		{"1,234.50", fn("format", textT, dec("1234.5"), 2)}, {"0.12", fn("format", textT, 0.125, 2)}, {"0.13", fn("format", textT, dec("0.125"), 2)},
		{"12", fn("format", textT, 12.5, -1)}, {"100,000,000,000,000,000,000.00", fn("format", textT, 1e20, 2)}, {"-1", fn("format", textT, dec("-0.5"), 0)},
		{"1", fn("round", doubleT, 1.005, 2)}, {"2.68", fn("round", doubleT, 2.675, 2)}, {"120", fn("round", doubleT, 125.0, -1)},
		{"2.4e16", fn("round", doubleT, 2.4e16, 2)}, {"0", fn("round", doubleT, 5.0, -400)}, {"1.55", fn("round", decT(4, 2), dec("1.545"), 2)},
		{"9223372036854775808", fn("-", algebra.Type{Kind: algebra.Int, Unsigned: true}, uint64(18446744073709551615), 9223372036854775807)},
		{"18446744073709551611", cast(-5, algebra.Type{Kind: algebra.Int, Unsigned: true})}, {"-1", cast(uint64(18446744073709551615), intT)},
		{"999.99", cast(1e10, decT(5, 2))}, {"-99.9", cast(-99999, decT(3, 1))}, {"9223372036854775807", cast(1e30, intT)},
		{"-5.0000", fn("/", decT(20, 4), -5, 1)}, {"23", fn("div", intT, 7, dec("0.3"))}, {"-1.5", fn("%", decT(2, 1), dec("-7.5"), 2)},
		{"18446744073709551610", fn("~", algebra.Type{Kind: algebra.Int, Unsigned: true}, 5)}, {"9223372036854775807", fn(">>", algebra.Type{Kind: algebra.Int, Unsigned: true}, -1, 1)},
		{"0", fn("<<", algebra.Type{Kind: algebra.Int, Unsigned: true}, 1, 64)}, {"9223372036854775808", fn("<<", algebra.Type{Kind: algebra.Int, Unsigned: true}, 1, 63)},
		{"202702", fn("period_add", intT, 202601, 13)}, {"3", fn("period_diff", intT, 202603, 202512)}, {"3.141592653589793", fn("pi", doubleT)},
		{"NULL", fn("log", doubleT, 1.0, 2.0)}, {"3", fn("log", doubleT, 2.0, 8.0)}, {"NULL", fn("ln", doubleT, 0.0)}, {"-0.0000001", fn("neg", doubleT, 1e-7)},
		// dates
		{"2026-01-01 00:00:01.500000", fn("date_add", textT, "2026-01-01", dec("1.5"), "SECOND")}, {"2026-02-28", fn("date_add", textT, "2026-01-31", 1, "MONTH")},
		{"2026-01-31 10:01:30", fn("date_add", textT, "2026-01-31 10:00:00", "1:30", "MINUTE_SECOND")}, {"2024-11-01", fn("date_add", textT, "2026-01-01", "-1-2", "YEAR_MONTH")},
		{"2026-01-30 23:58:30", fn("date_add", textT, "2026-01-31", "-1:30", "MINUTE_SECOND")}, {"NULL", fn("date_add", textT, "abc", 1, "DAY")},
		{"NULL", fn("date_add", dateT, tables.Day("9999-12-31"), 1, "DAY")}, {"NULL", fn("date_add", dtT(0), tables.Day("9999-12-31"), 24, "HOUR")},
		{"2026-01-02 02:00:00", fn("date_add", dtT(0), tables.Day("2026-01-01"), "1 2", "DAY_HOUR")}, {"2025-12-31", fn("date_sub", dateT, tables.Day("2026-03-31"), 1, "QUARTER")},
		{"11:30:00.000000", fn("date_add", timeT, 10*time.Hour, 90, "MINUTE")}, {"2026-02-01 02:03:04.500000", fn("date_add", textT, "2026-01-31", "1 2:3:4.5", "DAY_MICROSECOND")},
		{"01:01:01.500000", fn("sec_to_time", timeT, dec("3661.5"))}, {"-00:00:10.000000", fn("sec_to_time", timeT, -10)}, {"838:59:59.000000", fn("sec_to_time", timeT, 99999999)},
		{"10:11:12.000000", fn("maketime", timeT, 10, 11, 12)}, {"-10:00:01.500000", fn("maketime", timeT, -10, 0, dec("1.5"))}, {"NULL", fn("maketime", timeT, 1, 60, 0)},
		{"2026-02-01", fn("makedate", dateT, 2026, 32)}, {"NULL", fn("makedate", dateT, 2026, 0)}, {"2026-01-01", fn("makedate", dateT, 26, 1)},
		{"2025-12-31 23:00:00", fn("subtime", textT, "2026-01-01 10:00:00", "11:00:00")}, {"11:00:00", fn("addtime", textT, "10:00:00", "01:00:00")},
		{"2026-01-02 11:01:01.000002", fn("addtime", textT, "2026-01-01 10:00:00", "1 1:1:1.000002")}, {"-01:00:00", fn("subtime", textT, "10:00:00", "11:00:00")},
		{"-02:00:00.000000", fn("timediff", timeT, "10:00:00", "12:00:00")}, {"23:59:59.000000", fn("timediff", timeT, "2026-01-02 00:00:00", "2026-01-01 00:00:01")},
		{"NULL", fn("timediff", timeT, "10:00:00", "2026-01-01 10:00:00")}, {"63934444800", fn("to_seconds", intT, tables.Day("2026-01-01"))},
		{"100 100 04 04 4", fn("time_format", textT, 100*time.Hour, "%H %k %h %I %l")}, {"-10:11", fn("time_format", textT, -(10*time.Hour + 11*time.Minute + 12*time.Second), "%H:%i")},
		{"2004-10-18", fn("str_to_date", dateT, "200442 Monday", "%X%V %W")}, {"22:11:12.000000", fn("str_to_date", timeT, "10:11:12 PM", "%r")},
		{"NULL", fn("str_to_date", dateT, "2026-13-01", "%Y-%m-%d")}, {"2026-01-05", fn("str_to_date", dateT, "2026 005", "%Y %j")}, {"NULL", fn("str_to_date", dateT, "31.08.2023", "%d-%m-%Y")},
		{"2023-08-31", fn("str_to_date", dateT, "31-08-2023", "%d-%m-%Y")}, {"2026-01-05 10:11:12.123456", fn("str_to_date", dtT(6), "2026-01-05 10:11:12.123456", "%Y-%m-%d %H:%i:%s.%f")},
		{"2026-01-01", fn("str_to_date", dateT, "1st Jan 2026", "%D %b %Y")}, {"NULL", fn("str_to_date", timeT, "13 PM", "%h %p")},
		{"2025-03-09 20:00:00", fn("convert_tz", dtT(0), at("2025-03-10 09:00:00"), "Asia/Seoul", "America/New_York")},
		{"2025-03-08 20:00:00", fn("convert_tz", dtT(0), at("2025-03-09 10:00:00"), "+09:00", "-05:00")}, {"NULL", fn("convert_tz", dtT(0), at("2025-03-09 10:00:00"), "+09:00", "Mars/Base")},
		{"1900-01-01 00:00:00", fn("convert_tz", dtT(0), at("1900-01-01 00:00:00"), "+00:00", "+01:00")}, {"NULL", fn("convert_tz", dtT(0), at("2026-01-01 00:00:00"), "+00:00", "+15:00")},
		{"2026-01-01 00:00:00", fn("from_unixtime", dtT(0), 1767225600)}, {"NULL", fn("from_unixtime", dtT(0), -1)}, {"NULL", fn("from_unixtime", dtT(0), 32536771200)},
		{"1970-01-01 00:00:01.123457", fn("from_unixtime", dtT(6), dec("1.1234567"))}, {"0", fn("unix_timestamp", intT, at("1969-01-01 00:00:00"))},
		{"1767607200.123", fn("unix_timestamp", decT(14, 3), at("2026-01-05 10:00:00.123"))}, {"NULL", cast("160529x", dateT)}, {"2016-05-29 10:11:12", cast("160529T101112", dtT(0))}, {"NULL", cast("20160529T1011", dtT(0))},
		{"2026-01-05 01:11:12", cast("2026-01-05 10:11:12+09:00", dtT(0))}, {"2026-01-05 10:11:12.568", cast("2026-01-05 10:11:12.5678", dtT(3))}, {"NULL", cast("2026-01-05 25:00:00", dtT(0))},
		{"NULL", cast("2026-01-05 10:11 x", dtT(0))}, {"2026-01-05", cast("2026-01-05 x", dateT)}, {"NULL", cast("2026-01-05 10:11:12-01:00x", dtT(0))}, {"2026-01-05 10:11:01", cast("2026-01-05 10:11-01:00", dtT(0))},
		{"NULL", cast("2026-01 -05", dateT)}, {"2026-01-05 10:11:12", cast("2026-01-05 10:11:12 +09:00", dtT(0))}, {"2026-01-05 10:11:00", cast("2026-01-05 10:11PM", dtT(0))},
		{"34:11:12", cast("1 10:11:12", algebra.Type{Kind: algebra.Time})}, {"838:59:59", cast("900:00:00", algebra.Type{Kind: algebra.Time})}, {"10:11:13", cast("10:11:12.6", algebra.Type{Kind: algebra.Time})},
		{"10:11:12", cast(101112, algebra.Type{Kind: algebra.Time})}, {"2012", cast(12, algebra.Type{Kind: algebra.Year})}, {"2069-01-01", cast("69-1-1", dateT)},
		{"20260105101112.500000", fn("+", decT(21, 6), at("2026-01-05 10:11:12.5"), 0)}, {"-101112", fn("+", intT, cast("-10:11:12", algebra.Type{Kind: algebra.Time}), 0)},
		// conditions and choices
		{"NULL", fn("greatest", intT, 1, nil)}, {"B", fn("greatest", textT, "a", "B")}, {"a", fn("least", textT, "a", "B")}, {"a", fn("greatest", textT, "A", "a")}, {"A", fn("least", textT, "b", "A", "a")},
		{"NULL", fn("and", boolT, fn("=", boolT, 1, 1), nil)}, {"0", fn("and", boolT, nil, fn("=", boolT, 1, 0))}, {"1", fn("or", boolT, nil, fn("=", boolT, 1, 1))},
		{"NULL", fn("xor", boolT, nil, fn("=", boolT, 1, 1))}, {"1", fn("is not true", boolT, nil)}, {"1", fn("<=>", boolT, nil, nil)},
		{"1", fn("=", boolT, tables.Day("2026-01-05"), "2026-1-5")}, {"1", fn("=", boolT, tables.Day("2026-01-05"), 20260105)}, {"1", fn("=", boolT, "1e3", 1000)},
		// JSON
		{`[1, "x"]`, fn("json_extract", jsonT, `{"a": {"b": [1,"x"]}}`, "$.a.b")}, {`{"a": 1.0, "b": 1000.0}`, fn("json_extract", jsonT, `{"b":1e3,"a":1.0}`, "$")},
		{`["a", "bb"]`, fn("json_keys", jsonT, `{"bb":1,"a":2}`)}, {`[1, 2]`, fn("json_extract", jsonT, `[1,2]`, "$[0]", "$[1]")}, {"x", fn("json_value", textT, `{"a":"x"}`, "$.a")},
		{"1", fn("json_contains", boolT, "[1,2]", "1")}, {"NULL", fn("json_extract", jsonT, `{"a":1}`, "$.b")}, {"0", fn("json_valid", boolT, "{")}, {`"a\\"b"`, fn("json_quote", textT, `a"b`)},
		{`[1, "a", null, 1.5]`, fn("json_array", jsonT, 1, "a", nil, dec("1.5"))}, {`{"a": 1}`, fn("json_object", jsonT, "a", 1)}, {"1", fn("=", boolT, fn("json_extract", jsonT, `{"a":1}`, "$.a"), &algebra.Cast{In: lit(1), Type: jsonT, Implied: true})},
		{`[{"b": [1, {"x": 2}], "c": 1}]`, fn("json_extract", jsonT, `{"a":{"c":1,"b":[1,{"x":2}]}}`, "$.*")}, {`[1, 2]`, fn("json_extract", jsonT, `{"a":[1,2,3]}`, "$.a[0 to 1]")},
		{"aé", fn("json_unquote", textT, `"a\u00e9"`)}, {"true", fn("json_value", textT, `{"a":true}`, "$.a")}, {"UNSIGNED INTEGER", fn("json_type", textT, "18446744073709551615")},
		{"167773449", fn("inet_aton", algebra.Type{Kind: algebra.Int, Unsigned: true}, "10.0.5.9")}, {"10.0.5.9", fn("inet_ntoa", textT, 167773449)}, {"0", fn("is_ipv4", boolT, nil)},
	} {
		got, err := one(e, c.expr)
		if err != nil {
			t.Errorf("%s: %v: %v", describe(c.expr), err, cause(err))
		} else if got != c.want {
			t.Errorf("%s gives %s, MySQL %s", describe(c.expr), got, c.want)
		}
	}
}

func describe(e algebra.Expr) string {
	switch e := e.(type) {
	case *algebra.Lit:
		return fmt.Sprintf("%v", e.Value)
	case *algebra.Cast:
		return fmt.Sprintf("CAST(%s)", describe(e.In))
	case *algebra.Call:
		s := e.Func + "("
		for _, a := range e.Args {
			s += describe(a) + " "
		}
		return s + ")"
	}
	return fmt.Sprintf("%T", e)
}

// TestCallErrors: what MySQL refuses is refused, and what cannot be expressed.
func TestCallErrors(t *testing.T) {
	e := open(t, columnar.Options{})
	for _, c := range []struct {
		kind fault.Kind
		want string
		expr algebra.Expr
	}{
		{fault.Invalid, "BIGINT value is out of range", fn("+", intT, 9223372036854775807, 1)},
		{fault.Invalid, "BIGINT UNSIGNED value is out of range", fn("-", algebra.Type{Kind: algebra.Int, Unsigned: true}, uint64(1), 2)},
		{fault.Invalid, "DOUBLE value is out of range", fn("*", doubleT, 1e308, 10.0)},
		{fault.Invalid, "DOUBLE value is out of range", fn("power", doubleT, 0.0, -1.0)},
		{fault.Invalid, "Incorrect arguments to period_add", fn("period_add", intT, 0, 1)},
		{fault.Invalid, "Invalid JSON text in a JSON function", fn("json_extract", jsonT, "{", "$")},
		{fault.Invalid, `Invalid JSON path expression "a"`, fn("json_extract", jsonT, "{}", "a")},
		{fault.Unsupported, "the function AES_ENCRYPT is not supported", fn("aes_encrypt", blobT, "a", "b")},
		{fault.Unsupported, `the regular expression "(?=a)" is not supported`, fn("regexp_like", boolT, "a", "(?=a)")},
		{fault.Unsupported, "RAND with a seed depends on the order of rows and is not supported", fn("rand", doubleT, 3)},
	} {
		_, err := one(e, c.expr)
		if f := fault.As(err); f == nil || f.Kind != c.kind || f.Message != c.want {
			t.Errorf("%s: %v (cause %v), not %s %q", describe(c.expr), err, cause(err), c.kind, c.want)
		}
	}
}
