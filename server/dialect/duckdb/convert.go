package duckdb

import (
	"fmt"
	"strings"

	"argo/server/algebra"
	"argo/tables/fault"
)

// plain turns a condition into the number that MySQL takes it for.
func (f frag) plain() frag {
	if f.cond {
		return value("CAST("+f.sql+" AS BIGINT)", algebra.Type{Kind: algebra.Int, Bool: true})
	}
	return f
}

// call renders a function of DuckDB's or of ours.
func call(name string, args ...string) string { return name + "(" + strings.Join(args, ", ") + ")" }

func castTo(sql, typeName string) string { return "CAST(" + sql + " AS " + typeName + ")" }

// unscaled turns a HUGEINT into the DECIMAL with that many digits after the point.
func unscaled(sql string, scale int) frag {
	d := castTo(sql, "DECIMAL(38,0)")
	if scale > 0 {
		d = fmt.Sprintf("(%s * CAST('0.%s1' AS DECIMAL(%d,%d)))", d, strings.Repeat("0", scale-1), scale, scale)
	}
	return value(d, decimalT(scale))
}

// settled rounds a Decimal to its declared scale.
func (f frag) settled() frag {
	if f.t.Kind != algebra.Decimal || f.declared >= f.t.Scale {
		return f
	}
	return value(castTo(f.sql, fmt.Sprintf("DECIMAL(38,%d)", f.declared)), decimalT(f.declared))
}

// text converts to VARCHAR as MySQL writes values.
func (r *renderer) text(f frag) frag {
	f = f.plain()
	out := textT
	sql := f.sql
	switch f.t.Kind {
	case algebra.Text:
		return f
	case algebra.JSON:
		out.Collation = algebra.Bin
	case algebra.Null:
		sql = "CAST(NULL AS VARCHAR)"
	case algebra.Int:
		sql = castTo(sql, "VARCHAR")
	case algebra.Decimal:
		sql = castTo(f.settled().sql, "VARCHAR")
	case algebra.Double:
		sql = call("argo_double_text", sql)
	case algebra.Binary:
		sql = call("decode", sql)
		out.Collation = algebra.Bin
	case algebra.Date:
		sql = castTo(sql, "VARCHAR")
	case algebra.DateTime:
		sql = call("argo_datetime_text", sql, intLiteral(int64(f.t.Scale)))
	case algebra.Time:
		sql = call("argo_time_text", sql, intLiteral(int64(f.t.Scale)))
	case algebra.Year:
		sql = call("lpad", castTo(sql, "VARCHAR"), "4", "'0'")
	}
	return value(sql, out)
}

// binary converts to BLOB.
func (r *renderer) binary(f frag) frag {
	if f.t.Kind == algebra.Binary {
		return f
	}
	return value(call("encode", r.text(f).sql), binaryT)
}

// number converts to a number: dates to their digits, texts to DOUBLE.
func (r *renderer) number(f frag) frag {
	f = f.plain()
	switch f.t.Kind {
	case algebra.Int, algebra.Decimal, algebra.Double:
		return f
	case algebra.Null:
		return value("CAST(NULL AS BIGINT)", bigint)
	case algebra.Year:
		return value(f.sql, bigint)
	case algebra.Date:
		return value(call("argo_date_number", f.sql), bigint)
	case algebra.DateTime:
		if f.t.Scale > 0 {
			return value(call("argo_datetime_decimal", f.sql), decimalT(6)).rescaled(f.t.Scale)
		}
		return value(call("argo_datetime_number", f.sql), bigint)
	case algebra.Time:
		if f.t.Scale > 0 {
			return value(call("argo_time_decimal", f.sql), decimalT(6)).rescaled(f.t.Scale)
		}
		return value(call("argo_time_number", f.sql), bigint)
	case algebra.JSON:
		return value(call("argo_json_double", f.sql), doubleT)
	}
	return value(call("argo_num", r.text(f).sql), doubleT)
}

// rescaled gives a Decimal (or an integer) another scale.
func (f frag) rescaled(scale int) frag {
	if f.t.Kind == algebra.Decimal && f.t.Scale == scale {
		return f
	}
	return value(castTo(f.sql, fmt.Sprintf("DECIMAL(38,%d)", scale)), decimalT(scale))
}

func (r *renderer) double(f frag) frag {
	f = r.number(f)
	if f.t.Kind == algebra.Double {
		return f
	}
	return value(castTo(f.sql, "DOUBLE"), doubleT)
}

// exact converts to an integer or a Decimal.
func (r *renderer) exact(f frag) frag {
	f = r.number(f)
	if f.t.Kind == algebra.Double {
		return unscaled(call("argo_double_decimal", f.sql, "38", "10"), 10)
	}
	return f
}

// int converts to BIGINT (or UBIGINT, where it is one) as MySQL converts an
// argument: rounding, saturating.
func (r *renderer) int(f frag) frag {
	f = f.plain()
	switch f.t.Kind {
	case algebra.Text, algebra.Binary:
		return value(call("argo_int", r.text(f).sql), bigint)
	case algebra.DateTime, algebra.Time:
		f = r.round(f, 0)
	}
	f = r.number(f)
	switch f.t.Kind {
	case algebra.Double:
		return value(call("argo_double_int", f.sql), bigint)
	case algebra.Decimal:
		return value(call("argo_saturate", castTo(f.sql, "HUGEINT")), bigint)
	}
	return f
}

// signed is int for an argument that has to be a BIGINT.
func (r *renderer) signed(f frag) string {
	f = r.int(f)
	if f.t.Unsigned {
		return call("argo_saturate", castTo(f.sql, "HUGEINT"))
	}
	return f.sql
}

// round gives a DateTime or a Time fewer fractional digits.
func (r *renderer) round(f frag, scale int) frag {
	if f.t.Scale <= scale {
		return f
	}
	t := f.t
	t.Scale = scale
	n := intLiteral(int64(scale))
	if t.Kind == algebra.Time {
		return value(call("argo_round_micros", f.sql, n), t)
	}
	return value(call("argo_round_datetime", f.sql, n), t)
}

// date converts to DATE; what is none is NULL.
func (r *renderer) date(f frag) frag {
	f = f.plain()
	switch f.t.Kind {
	case algebra.Date:
		return f
	case algebra.DateTime:
		return value(castTo(f.sql, "DATE"), dateT)
	case algebra.Text, algebra.Binary, algebra.JSON:
		return value(call("argo_date", r.text(f).sql), dateT)
	case algebra.Null:
		return value("CAST(NULL AS DATE)", dateT)
	case algebra.Time:
		return value(castTo(r.datetime(f).sql, "DATE"), dateT)
	}
	return value(castTo(call("argo_number_datetime", r.signed(f)), "DATE"), dateT)
}

// datetime converts to TIMESTAMP with all the fractional digits there are.
func (r *renderer) datetime(f frag) frag {
	f = f.plain()
	t := datetimeT
	switch f.t.Kind {
	case algebra.DateTime:
		return f
	case algebra.Date:
		t.Scale = 0
		return value(castTo(f.sql, "TIMESTAMP"), t)
	case algebra.Text, algebra.Binary, algebra.JSON:
		return value(call("argo_datetime", r.text(f).sql, "6"), t)
	case algebra.Null:
		return value("CAST(NULL AS TIMESTAMP)", t)
	case algebra.Time:
		t.Scale = f.t.Scale
		return value(fmt.Sprintf("(%s + to_microseconds(%s))", r.today().sql, f.sql), t)
	}
	t.Scale = 0
	return value(call("argo_number_datetime", r.signed(f)), t)
}

// time converts to the microseconds of a TIME.
func (r *renderer) time(f frag) frag {
	f = f.plain()
	t := timeT
	switch f.t.Kind {
	case algebra.Time:
		return f
	case algebra.DateTime:
		t.Scale = f.t.Scale
		return value(call("argo_clock", f.sql), t)
	case algebra.Date:
		t.Scale = 0
		return value("CASE WHEN "+f.sql+" IS NULL THEN NULL ELSE 0::BIGINT END", t)
	case algebra.Null:
		return value("CAST(NULL AS BIGINT)", t)
	case algebra.Text, algebra.Binary, algebra.JSON:
		return value(call("argo_time", r.text(f).sql, "6"), t)
	}
	f = r.exact(f)
	t.Scale = 0
	if f.t.Kind == algebra.Decimal {
		t.Scale = min(f.t.Scale, 6)
	}
	return value(call("argo_number_time", castTo(f.rescaled(6).sql+" * 1000000", "HUGEINT"), "6"), t)
}

// cast converts as CAST does, or where implied as MySQL does on its own, which
// cuts and saturates nothing.
func (r *renderer) cast(f frag, t algebra.Type, implied bool) frag {
	f = f.plain()
	if f.t.Kind == algebra.Null && t.Kind != algebra.Null {
		return value("CAST(NULL AS "+TypeName(t)+")", t)
	}
	switch t.Kind {
	case algebra.Null:
		return f
	case algebra.Int:
		return r.castInt(f, t)
	case algebra.Decimal:
		return r.castDecimal(f, t, implied)
	case algebra.Double:
		return r.double(f)
	case algebra.Text:
		g := r.text(f)
		if !implied && t.Length > 0 && (f.t.Kind != algebra.Text || f.t.Length == 0 || f.t.Length > t.Length) {
			return value(call("substring", g.sql, "1", fmt.Sprint(t.Length)), t)
		}
		g.t = t
		return g
	case algebra.Binary:
		g := r.binary(f)
		if !implied && t.Length > 0 {
			return value(fmt.Sprintf("%s[1:%d]", g.sql, t.Length), t)
		}
		return value(g.sql, t)
	case algebra.Date:
		return r.date(f)
	case algebra.DateTime:
		g := r.datetime(f)
		if f.t.Kind == algebra.Text && t.Scale < 6 {
			return value(call("argo_datetime", f.sql, fmt.Sprint(t.Scale)), t)
		}
		g = r.round(g, t.Scale)
		return value(g.sql, t)
	case algebra.Time:
		g := r.round(r.time(f), t.Scale)
		return value(g.sql, t)
	case algebra.Year:
		if f.t.Kind == algebra.Year {
			return f
		}
		if isInstant(f.t.Kind) {
			return value(call("year", f.sql), t)
		}
		return value(call("argo_year", r.text(f).sql), t)
	case algebra.JSON:
		return value(r.json(f, true), t)
	}
	return r.fail(fault.New(fault.Internal, "no conversion to kind %d", t.Kind))
}

func (r *renderer) castInt(f frag, t algebra.Type) frag {
	if f.t.Kind == algebra.Text && t.Unsigned {
		return value(call("argo_uint", f.sql), t)
	}
	if f.t.Kind == algebra.Double && t.Unsigned {
		return value(call("argo_double_uint", f.sql), t)
	}
	if f.t.Kind == algebra.Decimal && t.Unsigned {
		return value(call("argo_saturate_unsigned", castTo(f.sql, "HUGEINT")), t)
	}
	g := r.int(f)
	switch {
	case g.t.Unsigned && !t.Unsigned:
		return value(call("argo_signed", g.sql), t)
	case !g.t.Unsigned && t.Unsigned:
		return value(call("argo_unsigned", g.sql), t)
	}
	return value(g.sql, t)
}

func (r *renderer) castDecimal(f frag, t algebra.Type, implied bool) frag {
	if t.Precision > 38 || t.Precision == 0 {
		t.Precision = 38
	}
	p, s := fmt.Sprint(t.Precision), fmt.Sprint(t.Scale)
	if f.t.Kind == algebra.Text || f.t.Kind == algebra.Binary {
		g := unscaled(call("argo_text_decimal", r.text(f).sql, p, s), t.Scale)
		return value(g.sql, t)
	}
	f = r.number(f)
	switch whole := t.Precision - t.Scale; {
	case f.t.Kind == algebra.Double:
		g := unscaled(call("argo_double_decimal", f.sql, p, s), t.Scale)
		return value(g.sql, t)
	case f.t.Kind == algebra.Decimal && f.t.Scale == t.Scale && f.t.Precision <= t.Precision && implied:
		return value(f.sql, t)
	case implied, f.t.Kind == algebra.Int && whole >= 20,
		f.t.Kind == algebra.Decimal && f.t.Precision-f.t.Scale < whole && f.t.Precision < 38:
		return value(castTo(f.sql, TypeName(t)), t)
	}
	drop := -t.Scale
	if f.t.Kind == algebra.Decimal {
		drop += f.t.Scale
	}
	g := unscaled(call("argo_clamp", f.sql, intLiteral(int64(drop)), p), t.Scale)
	return value(g.sql, t)
}

// json is the document of a value; a text is parsed or becomes a string.
func (r *renderer) json(f frag, parse bool) string {
	switch f = f.plain(); f.t.Kind {
	case algebra.JSON:
		return f.sql
	case algebra.Null:
		return "'null'"
	case algebra.Int, algebra.Decimal, algebra.Double, algebra.Year:
		if f.t.Bool {
			return "CASE " + f.sql + " WHEN 0 THEN 'false' ELSE 'true' END"
		}
		return r.text(f).sql
	case algebra.Text, algebra.Binary:
		if parse {
			return call("argo_json", r.text(f).sql)
		}
	case algebra.DateTime:
		f.t.Scale = 6
	case algebra.Time:
		f.t.Scale = 6
	}
	return call("argo_json_quote", r.text(f).sql)
}

// truth is the value as a condition.
func (r *renderer) truth(f frag) string {
	if f.cond {
		return f.sql
	}
	if f.t.Kind == algebra.Null {
		return "CAST(NULL AS BOOLEAN)"
	}
	return "(" + r.number(f).sql + " <> 0)"
}

// ciText says that the text compares by MySQL's default collation.
func ciText(t algebra.Type) bool { return t.Kind == algebra.Text && t.Collation == algebra.CI }

// key gives what the value compares, groups and sorts by.
func (r *renderer) key(f frag) string {
	f = f.plain()
	if f.t.Kind == algebra.JSON {
		return call("argo_json_key", f.sql)
	}
	if !ciText(f.t) {
		return f.sql
	}
	return call("argo_ci", f.sql) // of a constant: computed once, when DuckDB plans
}
