package algebra

import (
	"math"
	"strings"
	"time"

	"argo/tables"
	"argo/tables/fault"

	"github.com/cockroachdb/apd/v3"
	"github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/expression"
	"github.com/dolthub/go-mysql-server/sql/expression/function"
	"github.com/dolthub/go-mysql-server/sql/types"
)

// literal gives GMS's constant v of type t.
func (c *compiler) literal(v any, t sql.Type) Expr {
	v, err := sql.UnwrapAny(c.ctx, v)
	c.check(err)
	switch v := v.(type) {
	case nil:
		return &Lit{Type: Type{Kind: Null}}
	case bool:
		if v {
			return truthLit(1)
		}
		return truthLit(0)
	case int8:
		return c.whole(int64(v), t)
	case int16:
		return c.whole(int64(v), t)
	case int32:
		return c.whole(int64(v), t)
	case int64:
		return c.whole(v, t)
	case int:
		return c.whole(int64(v), t)
	case uint8:
		return c.whole(int64(v), t)
	case uint16:
		return c.whole(int64(v), t)
	case uint32:
		return c.whole(int64(v), t)
	case uint64:
		if v <= math.MaxInt64 {
			return c.whole(int64(v), t)
		}
		return &Lit{Value: v, Type: Type{Kind: Int, Unsigned: true, Precision: 20, NotNull: true}}
	case float32:
		return &Lit{Value: float64(v), Type: doubleType.notNull(true)}
	case float64:
		return &Lit{Value: v, Type: doubleType.notNull(true)}
	case *apd.Decimal:
		return decimalLit(v)
	case string:
		if types.IsJSON(t) {
			return &Lit{Value: v, Type: jsonType.notNull(true)}
		}
		return textLit(v)
	case []byte:
		if types.IsTextOnly(t) {
			return textLit(string(v))
		}
		return &Lit{Value: v, Type: Type{Kind: Binary, Length: len(v), NotNull: true}}
	case time.Time:
		if types.IsDateType(t) {
			return dayLit(tables.DayOf(v))
		}
		scale := 0
		if v.Nanosecond() != 0 {
			scale = 6
		}
		return timeLit(v, scale)
	case types.Timespan:
		scale := 0
		if v.AsMicroseconds()%1000000 != 0 {
			scale = 6
		}
		return &Lit{Value: v.AsTimeDuration(), Type: Type{Kind: Time, Scale: scale, NotNull: true}}
	case sql.JSONWrapper:
		s, err := types.JsonToMySqlString(c.ctx, v)
		c.check(err)
		return &Lit{Value: s, Type: jsonType.notNull(true)}
	}
	unsupported("a constant of type %s cannot be expressed", "", t)
	return nil
}

func (c *compiler) whole(n int64, t sql.Type) Expr {
	if t == types.Boolean {
		return truthLit(n)
	}
	return wholeLit(n)
}

func decimalLit(d *apd.Decimal) *Lit {
	scale := max(-int(d.Exponent), 0)
	n := int(d.NumDigits()) + max(int(d.Exponent), 0)
	return &Lit{Value: d, Type: decimalType(max(n, scale+1), scale).notNull(true)}
}

func dayLit(d tables.Day) *Lit { return &Lit{Value: d, Type: dateType.notNull(true)} }

// timeLit is the wall clock of t as a DATETIME.
func timeLit(t time.Time, scale int) *Lit {
	wall := time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
	unit := time.Second
	for range scale {
		unit /= 10
	}
	return &Lit{Value: wall.Truncate(unit), Type: datetimeType(scale).notNull(true)}
}

// evaluate lets GMS say what a variable or a function of the session is now.
func (c *compiler) evaluate(e sql.Expression) Expr {
	v, err := e.Eval(c.ctx, nil)
	if err != nil {
		fail(fault.Wrap(fault.Invalid, err, "%s has no value here", e))
	}
	l := c.literal(v, e.Type(c.ctx)).(*Lit)
	l.Type.NotNull = l.Value != nil
	return l
}

// sessionFunction folds what depends on the session alone, nil for others.
func (c *compiler) sessionFunction(e sql.FunctionExpression) Expr {
	scale := 0
	if kids := e.Children(); len(kids) == 1 {
		if l, ok := kids[0].(*expression.Literal); ok {
			if n, _, err := types.Int64.Convert(c.ctx, l.Value()); err == nil && n != nil {
				scale = int(n.(int64))
			}
		}
	}
	scale = min(max(scale, 0), 6)
	local := c.now.In(c.zone)
	switch name := strings.ToLower(e.FunctionName()); name {
	case "now", "sysdate":
		return timeLit(local, scale)
	case "utc_timestamp":
		if p, ok := e.(*function.UTCTimestamp); ok {
			if v := hidden(p, "precision"); !v.IsNil() {
				scale = int(v.Elem().Int())
			}
		}
		return timeLit(c.now.UTC(), scale)
	case "curdate", "current_date":
		return dayLit(tables.DayOf(local))
	case "curtime", "current_time":
		return clockLit(local, scale)
	case "unix_timestamp":
		if u, ok := e.(*function.UnixTimestamp); ok && u.Date == nil {
			return wholeLit(c.now.Unix())
		}
	case "database", "schema", "user", "current_user", "session_user", "system_user", "connection_id", "version",
		"found_rows", "row_count", "last_insert_id", "last_insert_uuid", "get_format":
		return c.evaluate(e)
	}
	return nil
}

// clockLit is the time of the day of t.
func clockLit(t time.Time, scale int) *Lit {
	wall := timeLit(t, scale).Value.(time.Time)
	return &Lit{Value: wall.Sub(time.Date(wall.Year(), wall.Month(), wall.Day(), 0, 0, 0, 0, time.UTC)), Type: Type{Kind: Time, Scale: scale, NotNull: true}}
}

// cast brings x to t, by nothing where it is of t already.
func (c *compiler) cast(x Expr, t Type, implied bool) Expr { return cast(x, t, implied) }

func cast(x Expr, t Type, implied bool) Expr {
	from := x.ExprType()
	if p, ok := x.(*Param); ok && from.Kind == Null {
		p.Type = t.notNull(false)
		return p
	}
	if l, ok := x.(*Lit); ok && l.Value == nil {
		return &Lit{Type: t.notNull(false)}
	}
	if t.temporal() && !from.temporal() || t.Kind == JSON && from.Kind != JSON {
		t.NotNull = false
	}
	if from.same(t) && (implied || t.Kind != Text && t.Kind != Binary) {
		return x
	}
	return fold(&Cast{In: x, Type: t, Implied: implied})
}

// text gives x as a text.
func (c *compiler) text(x Expr) Expr {
	t := x.ExprType()
	if t.Kind == Text {
		return x
	}
	return c.cast(x, textType(t.width()).notNull(t.NotNull), true)
}

// number gives x as a number: a text as a double, a date as 20261122, a
// date with a time as 20261122103015.5.
func (c *compiler) number(x Expr) Expr {
	t := x.ExprType()
	switch t.Kind {
	case Text, JSON:
		return c.cast(x, doubleType.notNull(t.NotNull), true)
	case Binary:
		if l, ok := x.(*Lit); ok {
			if b, ok := l.Value.([]byte); ok && len(b) <= 8 {
				var n uint64
				for _, d := range b {
					n = n<<8 | uint64(d)
				}
				return c.literal(n, types.Uint64)
			}
		}
		return c.cast(x, doubleType.notNull(t.NotNull), true)
	case Date:
		return c.cast(x, intType(8).notNull(t.NotNull), true)
	case DateTime, Time:
		n := 14
		if t.Kind == Time {
			n = 7
		}
		if t.Scale == 0 {
			return c.cast(x, intType(n).notNull(t.NotNull), true)
		}
		return c.cast(x, decimalType(n+t.Scale, t.Scale).notNull(t.NotNull), true)
	case Year:
		return c.cast(x, intType(4).notNull(t.NotNull), true)
	case Int:
		if t.Bool {
			return c.cast(x, unbool(t), true)
		}
	}
	return x
}

// integer gives x as a whole number.
func (c *compiler) integer(x Expr) Expr {
	t := x.ExprType()
	if t.Kind == Int && !t.Bool {
		return x
	}
	if t.Kind != Text {
		if x = c.number(x); x.ExprType().Kind == Int {
			return x
		}
	}
	return c.cast(x, bigintType.notNull(t.NotNull), true)
}

// datetime gives x as a date, with or without a time.
func (c *compiler) datetime(x Expr) Expr {
	t := x.ExprType()
	switch {
	case t.dated():
		return x
	case t.stringy():
		if s, ok := literalText(x); ok {
			if l := parseDate(s); l != nil {
				return l
			}
			return &Lit{Type: datetimeType(6)}
		}
		return c.cast(x, datetimeType(6), true)
	case t.Kind == JSON:
		return c.cast(c.text(x), datetimeType(6), true)
	}
	return c.cast(x, datetimeType(min(t.scale(), 6)), true)
}

// comparable brings two values to comparable kinds. A constant that is no date
// where a date is compared is error 1525 under strict, as for MySQL's
// operators; else, in BETWEEN, IN and CASE, it is a day before every other.
func (c *compiler) comparable(l, r Expr, strict bool) (Expr, Expr) {
	a, b := l.ExprType(), r.ExprType()
	switch {
	case a.Kind == Null && b.Kind == Null:
		return c.cast(l, bigintType, true), c.cast(r, bigintType, true)
	case a.Kind == Null:
		return c.cast(l, b.notNull(false), true), r
	case b.Kind == Null:
		return l, c.cast(r, a.notNull(false), true)
	case a.Kind == JSON || b.Kind == JSON:
		return c.cast(l, jsonType, true), c.cast(r, jsonType, true)
	case a.dated() || b.dated():
		return c.comparableDates(l, r, strict)
	case a.Kind == Time && b.Kind == Time:
		return l, r
	case a.Kind == Time && b.stringy():
		return l, c.cast(r, Type{Kind: Time, Scale: 6}, true)
	case b.Kind == Time && a.stringy():
		return c.cast(l, Type{Kind: Time, Scale: 6}, true), r
	case a.Kind == Text && b.Kind == Text:
		es := []Expr{l, r}
		harmonize(es)
		return es[0], es[1]
	case a.stringy() && b.stringy():
		return c.cast(l, Type{Kind: Binary, Length: a.Length, NotNull: a.NotNull}, true),
			c.cast(r, Type{Kind: Binary, Length: b.Length, NotNull: b.NotNull}, true)
	}
	if a.Bool || b.Bool {
		l, r = boolSides(l, r)
		if l.ExprType().Bool && r.ExprType().Bool {
			return l, r
		}
	}
	l, r = c.wholeText(l, r), c.wholeText(r, l)
	l, r = c.number(l), c.number(r)
	a, b = l.ExprType(), r.ExprType()
	if a.Kind == Double || b.Kind == Double {
		return c.cast(l, doubleType.notNull(a.NotNull), true), c.cast(r, doubleType.notNull(b.NotNull), true)
	}
	return l, r
}

// boolSides keeps the comparison of a condition with 0 or 1 one of conditions.
func boolSides(l, r Expr) (Expr, Expr) {
	asBool := func(x Expr) Expr {
		if k, ok := x.(*Lit); ok && k.Type.Kind == Int && !k.Type.Bool {
			if n, ok := k.Value.(int64); ok && (n == 0 || n == 1) {
				return truthLit(n)
			}
		}
		return x
	}
	return asBool(l), asBool(r)
}

// wholeText is a constant text beside a column of whole numbers: it becomes a
// whole number where it is one exactly, so that ids keep all their digits.
func (c *compiler) wholeText(x, other Expr) Expr {
	s, ok := literalText(x)
	if !ok {
		return x
	}
	if _, isCol := other.(*Col); !isCol || other.ExprType().Kind != Int {
		return x
	}
	if n, ok := parseWhole(s); ok {
		return wholeLit(n)
	}
	return x
}

func (c *compiler) comparableDates(l, r Expr, strict bool) (Expr, Expr) {
	a, b := l.ExprType(), r.ExprType()
	switch {
	case a.dated() && b.dated():
	case a.dated() && b.stringy():
		r = c.asDate(r, a.Kind, strict)
	case b.dated() && a.stringy():
		l = c.asDate(l, b.Kind, strict)
	case a.Kind == Time || b.Kind == Time:
		unsupported("a TIME cannot be compared with a date", "cast the date to TIME, or the time to text")
	default:
		if d := dateNumber(r); d != nil && a.dated() {
			r = d
			if a.Kind == Date && d.Type.Kind == DateTime {
				r = dayLit(tables.DayOf(d.Value.(time.Time)))
			}
		} else if d := dateNumber(l); d != nil && b.dated() {
			l = d
			if b.Kind == Date && d.Type.Kind == DateTime {
				l = dayLit(tables.DayOf(d.Value.(time.Time)))
			}
		} else {
			return c.comparable(c.number(l), c.number(r), strict)
		}
	}
	a, b = l.ExprType(), r.ExprType()
	if a.Kind == b.Kind {
		return l, r
	}
	scale := max(a.Scale, b.Scale)
	return c.cast(l, datetimeType(scale).notNull(a.NotNull), true), c.cast(r, datetimeType(scale).notNull(b.NotNull), true)
}

// asDate reads a text that is compared with a date or a datetime.
func (c *compiler) asDate(x Expr, kind Kind, strict bool) Expr {
	s, ok := literalText(x)
	if !ok {
		// A text that is no date is the zero date here: before every other.
		read := c.cast(x, datetimeType(6), true)
		if read.ExprType().Kind != DateTime || x.ExprType().Kind == Null {
			return read
		}
		zero := &Lit{Value: tables.Day("0001-01-01").Time(), Type: datetimeType(6).notNull(true)}
		return &Case{When: []Expr{c.isNull(x), c.isNull(read)}, Then: []Expr{&Lit{Type: datetimeType(6)}, zero}, Else: read, Type: datetimeType(6)}
	}
	d := parseDate(s)
	if d == nil {
		if !strict {
			return dayLit("0001-01-01")
		}
		name := "DATE"
		if kind == DateTime {
			name = "DATETIME"
		}
		fail(fault.New(fault.Invalid, "Incorrect %s value: '%s'", name, s))
	}
	if t, ok := d.Value.(time.Time); ok && kind == Date && t.Equal(tables.DayOf(t).Time()) {
		return dayLit(tables.DayOf(t))
	}
	return d
}

// dateNumber is a constant whole number that is a date: 20261122 or
// 20261122103015; nil for others.
func dateNumber(x Expr) *Lit {
	l, ok := x.(*Lit)
	if !ok || l.Type.Kind != Int || l.Type.Bool {
		return nil
	}
	n, ok := l.Value.(int64)
	if !ok || n < 10101 || n > 99991231235959 || n > 99991231 && n < 101000000 {
		return nil
	}
	return numberDate(n)
}

// gmsType is the type of a relation that only GMS knows.
func gmsType(ctx *sql.Context, t sql.Type) Type {
	if t == nil {
		return Type{Kind: Null}
	}
	switch {
	case t == types.Null || types.IsDeferredType(t):
		return Type{Kind: Null}
	case t == types.Boolean:
		return Type{Kind: Int, Precision: 3}
	case types.IsJSON(t):
		return jsonType
	case types.IsYear(t):
		return Type{Kind: Year}
	case types.IsDateType(t):
		return dateType
	case types.IsDatetimeType(t), types.IsTimestampType(t):
		if d, ok := t.(sql.DatetimeType); ok {
			return datetimeType(d.Precision())
		}
		return datetimeType(6)
	case types.IsTimespan(t), types.IsTime(t):
		return Type{Kind: Time, Scale: 6}
	case types.IsDecimal(t):
		if d, ok := t.(sql.DecimalType); ok {
			return decimalType(int(d.Precision()), int(d.Scale()))
		}
		return decimalType(maxPrecision, maxScale)
	case types.IsFloat(t):
		return doubleType
	case types.IsBit(t):
		return Type{Kind: Int, Unsigned: true, Precision: 20}
	case types.IsUnsigned(t):
		return Type{Kind: Int, Unsigned: true, Precision: 20}
	case types.IsSigned(t), types.IsInteger(t):
		return bigintType
	case types.IsEnum(t), types.IsSet(t):
		return textType(0)
	case types.IsTextOnly(t):
		out := textType(0)
		if s, ok := t.(sql.StringType); ok {
			if n := s.MaxCharacterLength(); n > 0 && n <= 16383 {
				out.Length = int(n)
			}
			if name := s.Collation().Name(); strings.HasSuffix(name, "_bin") || strings.HasSuffix(name, "_cs") {
				out.Collation = Bin
			}
		}
		return out
	}
	return Type{Kind: Binary}
}

func kindName(k Kind) string {
	return [...]string{"NULL", "BIGINT", "DECIMAL", "DOUBLE", "VARCHAR", "VARBINARY", "DATE", "DATETIME", "TIME", "YEAR", "JSON"}[k]
}
