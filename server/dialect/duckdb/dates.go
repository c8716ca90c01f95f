package duckdb

import (
	"fmt"
	"strings"

	"argo/server/algebra"
)

// dateCall is a BIGINT of a DATE: template has one %s.
func dateCall(template string) renderCall {
	return func(r *renderer, c *algebra.Call) frag {
		return value(fmt.Sprintf(template, r.date(r.expr(c.Args[0])).sql), bigint)
	}
}

// clockCall is a BIGINT of a TIME in microseconds: template has one %s.
func clockCall(template string) renderCall {
	return func(r *renderer, c *algebra.Call) frag {
		return value(fmt.Sprintf(template, r.time(r.expr(c.Args[0])).sql), bigint)
	}
}

var dates = map[string]renderCall{
	"date": func(r *renderer, c *algebra.Call) frag { return r.date(r.expr(c.Args[0])) },
	"year": dateCall("year(%s)"), "quarter": dateCall("quarter(%s)"), "month": dateCall("month(%s)"),
	"day": dateCall("day(%s)"), "dayofmonth": dateCall("day(%s)"), "dayofyear": dateCall("dayofyear(%s)"),
	"weekday": dateCall("(isodow(%s) - 1)"), "dayofweek": dateCall("(dayofweek(%s) + 1)"),
	"weekofyear": dateCall("week(%s)"),
	"to_days":    dateCall("CAST(date_diff('day', DATE '1970-01-01', %s) + 719528 AS BIGINT)"),
	"to_seconds": func(r *renderer, c *algebra.Call) frag {
		return value(fmt.Sprintf("CAST(epoch_us(%s) // 1000000 + 62167219200 AS BIGINT)", r.datetime(r.expr(c.Args[0])).sql), bigint)
	},
	"from_days": func(r *renderer, c *algebra.Call) frag {
		return value(call("argo_from_days", r.signed(r.expr(c.Args[0]))), dateT)
	},
	"dayname": func(r *renderer, c *algebra.Call) frag {
		return textResult(c, call("dayname", r.date(r.expr(c.Args[0])).sql))
	},
	"monthname": func(r *renderer, c *algebra.Call) frag {
		return textResult(c, call("monthname", r.date(r.expr(c.Args[0])).sql))
	},
	"last_day": func(r *renderer, c *algebra.Call) frag {
		return value(call("last_day", r.date(r.expr(c.Args[0])).sql), dateT)
	},
	"week": func(r *renderer, c *algebra.Call) frag {
		return value(call("argo_week", r.date(r.expr(c.Args[0])).sql, r.weekMode(c)), bigint)
	},
	"yearweek": func(r *renderer, c *algebra.Call) frag {
		return value(call("argo_yearweek", r.date(r.expr(c.Args[0])).sql, r.weekMode(c)), bigint)
	},
	"hour":        clockCall("(abs(%s) // 3600000000)"),
	"minute":      clockCall("(abs(%s) // 60000000 %% 60)"),
	"second":      clockCall("(abs(%s) // 1000000 %% 60)"),
	"microsecond": clockCall("(abs(%s) %% 1000000)"),
	"time_to_sec": func(r *renderer, c *algebra.Call) frag {
		u := r.time(r.expr(c.Args[0])).sql
		return value("("+u+" // 1000000)", bigint)
	},
	"time": func(r *renderer, c *algebra.Call) frag { return r.time(r.expr(c.Args[0])) },
	"sec_to_time": func(r *renderer, c *algebra.Call) frag {
		f := r.exact(r.expr(c.Args[0]))
		t := c.Type
		if t.Kind != algebra.Time {
			t = timeT
		}
		return value(call("argo_clamp_time", call("argo_saturate", castTo("("+f.rescaled(6).sql+" * 1000000)", "HUGEINT"))), t)
	},
	"maketime": func(r *renderer, c *algebra.Call) frag {
		a := r.args(c)
		t := c.Type
		if t.Kind != algebra.Time {
			t = timeT
		}
		s := castTo("("+r.exact(a[2]).rescaled(6).sql+" * 1000000)", "BIGINT")
		return value(call("argo_maketime", r.signed(a[0]), r.signed(a[1]), s), t)
	},
	"makedate": func(r *renderer, c *algebra.Call) frag {
		return value(call("argo_makedate", r.signed(r.expr(c.Args[0])), r.signed(r.expr(c.Args[1]))), dateT)
	},
	"timestamp": func(r *renderer, c *algebra.Call) frag {
		if len(c.Args) == 1 {
			return r.cast(r.expr(c.Args[0]), c.Type, true)
		}
		u := r.time(r.expr(c.Args[1])).sql
		return value("("+r.datetime(r.expr(c.Args[0])).sql+" + to_microseconds("+u+"))", datetimeT)
	},
	"datediff": func(r *renderer, c *algebra.Call) frag {
		return value("CAST(("+r.date(r.expr(c.Args[0])).sql+" - "+r.date(r.expr(c.Args[1])).sql+") AS BIGINT)", bigint)
	},
	"timediff": timediff,
	"addtime":  addtime(1), "subtime": addtime(-1),
	"date_add": dateAdd(1), "date_sub": dateAdd(-1), "adddate": dateAdd(1), "subdate": dateAdd(-1),
	"date_format": dateFormat,
	"time_format": func(r *renderer, c *algebra.Call) frag {
		return textResult(c, call("argo_time_format", r.time(r.expr(c.Args[0])).sql, r.text(r.expr(c.Args[1])).sql))
	},
	"str_to_date": func(r *renderer, c *algebra.Call) frag {
		a := r.textArgs(c)
		if c.Type.Kind == algebra.Time {
			return value(call("argo_str_to_time", a[0], a[1]), c.Type)
		}
		f := value(call("argo_str_to_date", a[0], a[1]), datetimeT)
		if c.Type.Kind == algebra.Date {
			return r.date(f)
		}
		f.t.Scale = c.Type.Scale
		return f
	},
	"unix_timestamp": func(r *renderer, c *algebra.Call) frag {
		f := r.datetime(r.expr(c.Args[0]))
		u := call("argo_unix", f.sql, textLiteral(r.session.TimeZone))
		if c.Type.Kind == algebra.Decimal {
			return unscaled(castTo(u, "HUGEINT"), 6).rescaled(c.Type.Scale)
		}
		return value("("+u+" // 1000000)", bigint)
	},
	"from_unixtime": func(r *renderer, c *algebra.Call) frag {
		f := r.exact(r.expr(c.Args[0]))
		u := call("argo_saturate", castTo("("+f.rescaled(6).sql+" * 1000000)", "HUGEINT"))
		if f.t.Kind == algebra.Int {
			u = "CASE WHEN abs(" + f.sql + ") < 100000000000 THEN CAST(" + f.sql + " AS BIGINT) * 1000000 ELSE CAST('-1' AS BIGINT) END"
			u = "CASE WHEN " + f.sql + " IS NULL THEN NULL ELSE " + u + " END"
		}
		g := value(call("argo_from_unix", u, textLiteral(r.session.TimeZone)), datetimeT)
		if c.Type.Kind == algebra.DateTime {
			return r.round(g, c.Type.Scale)
		}
		return g
	},
	"convert_tz": func(r *renderer, c *algebra.Call) frag {
		f := r.datetime(r.expr(c.Args[0]))
		t := f.t
		zones := make([]string, 2)
		for i := range zones {
			z := r.text(r.expr(c.Args[i+1]))
			if z.lit != nil && strings.EqualFold(*z.lit, "SYSTEM") {
				z.sql = "'UTC'"
			}
			zones[i] = z.sql
		}
		return value(call("argo_convert_tz", f.sql, zones[0], zones[1]), t)
	},
	"timestampdiff": func(r *renderer, c *algebra.Call) frag {
		from, to, unit := c.Args[0], c.Args[1], c.Args[2]
		return value(call("argo_timestampdiff", textLiteral(r.unit(unit)), r.datetime(r.expr(from)).sql, r.datetime(r.expr(to)).sql), bigint)
	},
	"extract": extract,
}

// unit is a constant interval unit in lower case.
func (r *renderer) unit(e algebra.Expr) string {
	s, ok := r.constant(e)
	if !ok {
		r.unsupported("an interval unit has to be a constant")
	}
	return strings.TrimPrefix(strings.ToLower(s), "sql_tsi_")
}

func (r *renderer) weekMode(c *algebra.Call) string {
	if len(c.Args) > 1 {
		return r.signed(r.expr(c.Args[1]))
	}
	return intLiteral(int64(r.session.DefaultWeekFormat))
}

// extract is that of compound units: numbers joined by their digits.
func extract(r *renderer, c *algebra.Call) frag {
	unit := r.unit(c.Args[1])
	x := []algebra.Expr{c.Args[0]}
	simple := map[string]string{"year": "year", "quarter": "quarter", "month": "month", "week": "week", "day": "day",
		"hour": "hour", "minute": "minute", "second": "second", "microsecond": "microsecond"}
	if name, ok := simple[unit]; ok {
		return r.can[name](r, &algebra.Call{Func: name, Args: x})
	}
	fields, ok := compoundUnits[unit]
	if !ok {
		return r.unsupported("EXTRACT(%s …) is not supported", strings.ToUpper(unit))
	}
	if unit == "year_month" {
		d := r.date(r.expr(c.Args[0])).sql
		return value("(year("+d+") * 100 + month("+d+"))", bigint)
	}
	f := r.expr(c.Args[0])
	day := ""
	var u string
	if fields[0] == dayMicros {
		t := r.datetime(f).sql
		day, u = "day("+t+")", "argo_clock("+t+")"
	} else {
		u = r.time(f).sql
	}
	sql := day
	for _, size := range fields {
		if size == dayMicros {
			continue
		}
		part, width := fmt.Sprintf("abs(%s) // %d", u, size), 100
		if size < 3600e6 {
			part += " % 60"
		}
		if size == 1 {
			part, width = fmt.Sprintf("abs(%s) %% 1000000", u), 1000000
		}
		if sql == "" {
			sql = "(" + part + ")"
		} else {
			sql = fmt.Sprintf("(%s * %d + %s)", sql, width, part)
		}
	}
	return value(sql, bigint)
}

// simpleFormats are what DATE_FORMAT and DuckDB's strftime both can say.
var simpleFormats = map[byte]string{
	'Y': "%Y", 'm': "%m", 'd': "%d", 'H': "%H", 'i': "%M", 's': "%S", 'S': "%S", 'y': "%y", 'j': "%j", 'T': "%H:%M:%S",
	'b': "%b", 'M': "%B", 'a': "%a", 'W': "%A", 'f': "%f", 'p': "%p", 'h': "%I", 'I': "%I", '%': "%%",
}

func dateFormat(r *renderer, c *algebra.Call) frag {
	x := r.expr(c.Args[0]).plain()
	format := r.text(r.expr(c.Args[1]))
	if format.lit != nil && *format.lit != "" && isInstant(x.t.Kind) {
		if f, ok := strftime(*format.lit); ok {
			return textResult(c, call("strftime", x.sql, textLiteral(f)))
		}
	}
	if x.t.Kind == algebra.Date {
		return textResult(c, call("argo_day_format", x.sql, format.sql))
	}
	return textResult(c, call("argo_date_format", r.datetime(x).sql, format.sql))
}

func strftime(format string) (string, bool) {
	var out strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' {
			out.WriteByte(format[i])
			continue
		}
		if i++; i == len(format) {
			return "", false
		}
		s, ok := simpleFormats[format[i]]
		if !ok {
			return "", false
		}
		out.WriteString(s)
	}
	return out.String(), true
}

// dateAdd adds sign times an interval. The Call's type says what comes out: a
// DATE stays one under units of days and more, a text stays a text.
func dateAdd(sign int64) renderCall {
	return func(r *renderer, c *algebra.Call) frag {
		by := c.Args[1]
		if cast, ok := by.(*algebra.Cast); ok && cast.Implied && cast.In.ExprType().Kind == algebra.Double {
			by = cast.In // MySQL cuts a fraction of microseconds, a DECIMAL would round it
		}
		x, n, unit := r.expr(c.Args[0]).plain(), r.expr(by).plain(), r.unit(c.Args[2])
		_, compound := compoundUnits[unit]
		if _, simple := unitMicros[unit]; !simple && !compound && unitMonths[unit] == 0 {
			return r.unsupported("the interval unit %s is not supported", strings.ToUpper(unit))
		}
		n = n.settled()
		isText := compound || unit == "second" && n.t.Kind != algebra.Int || n.t.Kind == algebra.Text
		amount := func() string { // as text for what reads fields and fractions
			if isText {
				return r.text(n).sql
			}
			return castTo(r.signed(n), "VARCHAR")
		}
		signed := fmt.Sprint(sign)
		switch c.Type.Kind {
		case algebra.Text:
			return textResult(c, call("argo_date_add_text", r.text(x).sql, amount(), textLiteral(unit), signed))
		case algebra.Time:
			u := "(" + r.time(x).sql + " + " + call("argo_interval", amount(), textLiteral(unit), signed) + ")"
			return value(call("argo_clamp_time", u), c.Type)
		}
		whole := func() string {
			if sign < 0 {
				return "-" + r.signed(n)
			}
			return r.signed(n)
		}
		if c.Type.Kind == algebra.Date && x.t.Kind == algebra.Date && !isText {
			return value(call("argo_add_day", x.sql, whole(), textLiteral(unit)), c.Type)
		}
		at := r.datetime(x).sql
		f := value("", c.Type)
		if isText {
			f.sql = call("argo_date_add", at, amount(), textLiteral(unit), signed)
		} else {
			f.sql = call("argo_add", at, whole(), textLiteral(unit))
		}
		if c.Type.Kind == algebra.Date {
			f.sql = castTo(f.sql, "DATE")
		}
		return f
	}
}

func timediff(r *renderer, c *algebra.Call) frag {
	a, b := r.expr(c.Args[0]).plain(), r.expr(c.Args[1]).plain()
	t := c.Type
	if t.Kind != algebra.Time {
		t = timeT
	}
	switch {
	case isInstant(a.t.Kind) && isInstant(b.t.Kind):
		return value(call("argo_clamp_time", "(epoch_us("+r.datetime(a).sql+") - epoch_us("+r.datetime(b).sql+"))"), t)
	case a.t.Kind == algebra.Time && b.t.Kind == algebra.Time:
		return value(call("argo_clamp_time", "("+a.sql+" - "+b.sql+")"), t)
	}
	return value(call("argo_timediff_text", r.text(a).sql, r.text(b).sql), t)
}

func addtime(sign int64) renderCall {
	return func(r *renderer, c *algebra.Call) frag {
		a, b := r.expr(c.Args[0]).plain(), r.expr(c.Args[1]).plain()
		switch {
		case isInstant(a.t.Kind):
			t := datetimeT
			if c.Type.Kind == algebra.DateTime {
				t = c.Type
			}
			return value(fmt.Sprintf("(%s + to_microseconds(%s * %d))", r.datetime(a).sql, r.time(b).sql, sign), t)
		case a.t.Kind == algebra.Time:
			t := timeT
			if c.Type.Kind == algebra.Time {
				t = c.Type
			}
			return value(call("argo_clamp_time", fmt.Sprintf("(%s + %s * %d)", a.sql, r.time(b).sql, sign)), t)
		}
		return textResult(c, call("argo_addtime_text", r.text(a).sql, r.text(b).sql, fmt.Sprint(sign)))
	}
}
