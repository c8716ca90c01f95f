package duckdb

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cockroachdb/apd/v3"

	"argo/server/algebra"
	"argo/tables"
	"argo/tables/fault"
)

// Every rendered value has the one DuckDB type of its algebra type:
//
//	Int BIGINT or UBIGINT · Decimal DECIMAL · Double DOUBLE · Text, JSON VARCHAR ·
//	Binary BLOB · Date DATE · DateTime TIMESTAMP · Time BIGINT of microseconds ·
//	Year BIGINT
//
// DECIMAL has 38 digits where MySQL has 65: a wider type keeps its scale and
// has fewer digits before the point; a value that does not fit is an error.

// TypeName is the DuckDB type that a value of type t has.
func TypeName(t algebra.Type) string {
	switch t.Kind {
	case algebra.Int:
		if t.Unsigned {
			return "UBIGINT"
		}
		return "BIGINT"
	case algebra.Time, algebra.Year:
		return "BIGINT"
	case algebra.Decimal:
		p := t.Precision
		if p <= 0 || p > 38 {
			p = 38
		}
		return fmt.Sprintf("DECIMAL(%d,%d)", max(p, t.Scale), t.Scale)
	case algebra.Double:
		return "DOUBLE"
	case algebra.Text, algebra.JSON:
		return "VARCHAR"
	case algebra.Binary:
		return "BLOB"
	case algebra.Date:
		return "DATE"
	case algebra.DateTime:
		return "TIMESTAMP"
	}
	return "INTEGER" // of NULL alone
}

// frag is rendered text with the type that it has.
type frag struct {
	sql string
	// t is the type; the scale of a Decimal is the one that the text really
	// has, which may be more than the declared one (the average).
	t        algebra.Type
	declared int     // scale that MySQL declares, of a Decimal
	cond     bool    // the text is a BOOLEAN
	lit      *string // the value of a constant text
}

func value(sql string, t algebra.Type) frag { return frag{sql: sql, t: t, declared: t.Scale} }

func cond(sql string) frag {
	return frag{sql: sql, t: algebra.Type{Kind: algebra.Int, Bool: true}, cond: true}
}

var (
	bigint    = algebra.Type{Kind: algebra.Int}
	ubigint   = algebra.Type{Kind: algebra.Int, Unsigned: true}
	doubleT   = algebra.Type{Kind: algebra.Double}
	textT     = algebra.Type{Kind: algebra.Text}
	binaryT   = algebra.Type{Kind: algebra.Binary}
	dateT     = algebra.Type{Kind: algebra.Date}
	datetimeT = algebra.Type{Kind: algebra.DateTime, Scale: 6}
	timeT     = algebra.Type{Kind: algebra.Time, Scale: 6}
	jsonT     = algebra.Type{Kind: algebra.JSON}
)

func decimalT(scale int) algebra.Type {
	return algebra.Type{Kind: algebra.Decimal, Precision: 38, Scale: scale}
}

func isNumber(k algebra.Kind) bool {
	return k == algebra.Int || k == algebra.Decimal || k == algebra.Double || k == algebra.Year
}

func isExact(k algebra.Kind) bool {
	return k == algebra.Int || k == algebra.Decimal || k == algebra.Year
}

func isInstant(k algebra.Kind) bool { return k == algebra.Date || k == algebra.DateTime }

// quoted is an identifier.
func quoted(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// textLiteral is a VARCHAR constant. DuckDB takes its text as a C string, so
// that a NUL has to come in as a blob.
func textLiteral(s string) string {
	if strings.IndexByte(s, 0) >= 0 {
		return "decode(" + blobLiteral(s) + ")"
	}
	return "'" + strings.ReplaceAll(s, "'", "''") + "'"
}

func blobLiteral(s string) string {
	var out strings.Builder
	out.WriteByte('\'')
	for _, b := range []byte(s) {
		fmt.Fprintf(&out, `\x%02X`, b)
	}
	out.WriteString("'::BLOB")
	return out.String()
}

func intLiteral(n int64) string {
	if n < 0 {
		return "CAST('" + strconv.FormatInt(n, 10) + "' AS BIGINT)"
	}
	return strconv.FormatInt(n, 10) + "::BIGINT"
}

// literal renders a constant.
func (r *renderer) literal(l *algebra.Lit) frag {
	t := l.Type
	f := value("", t)
	switch v := l.Value.(type) {
	case nil:
		f.sql = "NULL"
		if t.Kind != algebra.Null {
			f.sql = "CAST(NULL AS " + TypeName(t) + ")"
		}
	case bool:
		f.t, f.sql = bigint, intLiteral(bit(v))
	case int:
		f.sql = intLiteral(int64(v))
	case int64:
		f.sql = intLiteral(v)
		if t.Unsigned {
			f.sql = "CAST('" + strconv.FormatInt(v, 10) + "' AS UBIGINT)"
		}
	case uint64:
		f.sql = "CAST('" + strconv.FormatUint(v, 10) + "' AS " + TypeName(t) + ")"
	case float64:
		f.t = doubleT
		f.sql = "CAST('" + strconv.FormatFloat(v, 'g', -1, 64) + "' AS DOUBLE)"
	case *apd.Decimal:
		return r.decimalLiteral(v, t)
	case string:
		if !utf8.ValidString(v) {
			return r.fail(fault.New(fault.Invalid, "a text in the statement is not valid UTF-8"))
		}
		if t.Kind == algebra.Binary {
			f.sql = blobLiteral(v)
			break
		}
		f.sql, f.lit = textLiteral(v), &v
	case []byte:
		f.t, f.sql = t, blobLiteral(string(v))
	case tables.Day:
		f.sql = "CAST('" + string(v) + "' AS DATE)"
		if _, err := tables.ParseDay(string(v)); err != nil {
			return r.fail(fault.New(fault.Invalid, "Incorrect DATE value: '%s'", string(v)))
		}
	case time.Time:
		f.sql = "CAST('" + v.UTC().Format("2006-01-02 15:04:05.000000") + "' AS TIMESTAMP)"
	case time.Duration:
		f.sql = intLiteral(v.Microseconds())
	default:
		return r.fail(fault.New(fault.Internal, "a constant of type %T cannot be rendered", v))
	}
	if want := map[algebra.Kind]bool{algebra.Int: true, algebra.Year: true, algebra.Time: true}; want[t.Kind] {
		return f
	}
	switch l.Value.(type) { // a constant whose value has another kind than its type says
	case int, int64, uint64:
		if t.Kind != algebra.Int {
			f.t = bigint
			return r.cast(f, t, true)
		}
	case string:
		if t.Kind != algebra.Text && t.Kind != algebra.Binary && t.Kind != algebra.JSON {
			f.t = textT
			return r.cast(f, t, true)
		}
	case float64:
		if t.Kind != algebra.Double {
			return r.cast(f, t, true)
		}
	}
	return f
}

func (r *renderer) decimalLiteral(v *apd.Decimal, t algebra.Type) frag {
	if v.Form != apd.Finite {
		return r.fail(outOfRange("DECIMAL"))
	}
	s := max(0, -int(v.Exponent))
	if t.Kind == algebra.Decimal {
		s = max(s, t.Scale)
	}
	digits := int(v.NumDigits())
	if p := max(digits+int(v.Exponent), 0) + s; p > 38 {
		return r.fail(fault.New(fault.Unsupported, "the constant %s has more than 38 digits", v.Text('f')))
	}
	f := value(fmt.Sprintf("CAST('%s' AS DECIMAL(%d,%d))", v.Text('f'), max(1, s, digits+s), s),
		algebra.Type{Kind: algebra.Decimal, Precision: max(digits, s), Scale: s})
	if digits+s > 38 {
		f.sql = fmt.Sprintf("CAST('%s' AS DECIMAL(38,%d))", v.Text('f'), s)
	}
	if t.Kind != algebra.Decimal && t.Kind != algebra.Null {
		return r.cast(f, t, true)
	}
	return f
}
