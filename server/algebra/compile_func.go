package algebra

import (
	"strconv"
	"strings"

	"argo/tables/fault"

	"github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/expression"
	"github.com/dolthub/go-mysql-server/sql/expression/function"
	"github.com/dolthub/go-mysql-server/sql/expression/function/json"
	"github.com/dolthub/go-mysql-server/sql/types"
)

// Conversions.

func (c *compiler) convert(e *expression.Convert, s *scope) Expr {
	x := c.expr(e.Child, s)
	nn := x.ExprType().NotNull
	length, scale := int(hidden(e, "typeLength").Int()), int(hidden(e, "typeScale").Int())
	switch to := hidden(e, "castToType").String(); to {
	case "signed":
		return c.cast(x, bigintType.notNull(nn), false)
	case "unsigned":
		return c.cast(x, Type{Kind: Int, Unsigned: true, Precision: 20, NotNull: nn}, false)
	case "decimal":
		if length == 0 {
			length = 10
		}
		if scale > length {
			fail(fault.New(fault.Invalid, "For float(M,D), double(M,D) or decimal(M,D), M must be >= D (column '')"))
		}
		if length > maxPrecision {
			fail(fault.New(fault.Invalid, "Too-big precision %d specified for a cast. Maximum is %d.", length, maxPrecision))
		}
		return c.cast(x, decimalType(length, scale).notNull(nn), false)
	case "double", "real", "float":
		if to == "float" && length < 25 {
			unsupported("CAST(… AS FLOAT) rounds to single precision, which cannot be expressed", "use CAST(… AS DOUBLE)")
		}
		return c.cast(x, doubleType.notNull(nn), false)
	case "char", "nchar":
		t := textType(length)
		if length == 0 {
			t.Length = x.ExprType().width()
		}
		return c.cast(x, t.notNull(nn), false)
	case "binary":
		return c.cast(x, Type{Kind: Binary, Length: length, NotNull: nn}, false)
	case "date":
		return c.cast(x, dateType, false)
	case "datetime":
		return c.cast(x, datetimeType(length), false)
	case "time":
		return c.cast(x, Type{Kind: Time, Scale: length}, false)
	case "year":
		return c.cast(x, Type{Kind: Year}, false)
	case "json":
		return c.cast(x, jsonType, false)
	default:
		unsupported("CAST(… AS %s) cannot be expressed", "", strings.ToUpper(to))
	}
	return nil
}

func (c *compiler) using(e *expression.ConvertUsing, s *scope) Expr {
	x := c.expr(e.Child, s)
	t := x.ExprType()
	switch e.TargetCharSet.Name() {
	case "utf8mb4", "utf8mb3", "utf8":
		return c.cast(x, textType(t.width()).notNull(t.NotNull && t.Kind != Binary), false)
	case "binary":
		return c.cast(x, Type{Kind: Binary, NotNull: t.NotNull}, false)
	}
	unsupported("CONVERT(… USING %s) cannot be expressed: all text is utf8mb4", "use CONVERT(… USING utf8mb4)", e.TargetCharSet.Name())
	return nil
}

func (c *compiler) collated(e *expression.CollatedExpression, s *scope) Expr {
	x := c.text(c.expr(e.Children()[0], s))
	name := sql.CollationID(hidden(e, "collation").Uint()).Name()
	t := x.ExprType()
	switch name {
	case "utf8mb4_0900_ai_ci":
		t.Collation = CI
	case "utf8mb4_0900_bin":
		t.Collation = Bin
	case "utf8mb4_bin", "utf8mb3_bin", "utf8_bin":
		unsupported("the collation %s, which ignores trailing spaces, cannot be expressed", "COLLATE utf8mb4_0900_bin compares byte by byte", name)
	case "binary":
		return c.cast(x, Type{Kind: Binary, Length: t.Length, NotNull: t.NotNull}, false)
	default:
		unsupported("the collation %s cannot be expressed", "COLLATE utf8mb4_0900_ai_ci ignores case and accents, utf8mb4_0900_bin compares byte by byte", name)
	}
	return &Call{Func: "collate", Args: []Expr{x}, Type: t}
}

// Arithmetic.

func (c *compiler) arithmetic(op string, l, r sql.Expression, s *scope) Expr {
	op = strings.ToLower(op)
	if iv, ok := r.(*expression.Interval); ok {
		name := "date_add"
		if op == "-" {
			name = "date_sub"
		}
		return c.dateAdd(name, l, iv, s)
	}
	if iv, ok := l.(*expression.Interval); ok {
		return c.dateAdd("date_add", r, iv, s)
	}
	return c.combine(op, c.expr(l, s), c.expr(r, s))
}

func (c *compiler) combine(op string, x, y Expr) Expr {
	x, y = c.number(x), c.number(y)
	c.typeParams(x, y)
	signed := strings.Contains(c.sess.SQLMode, "NO_UNSIGNED_SUBTRACTION")
	t := arithmeticType(op, x.ExprType(), y.ExprType(), c.divIncrement(), signed)
	return c.call(op, t, x, y)
}

// typeParams gives parameters without a type that of the other side.
func (c *compiler) typeParams(x, y Expr) {
	for _, pair := range [][2]Expr{{x, y}, {y, x}} {
		if p, ok := pair[0].(*Param); ok && p.Type.Kind == Null {
			p.Type = pair[1].ExprType().notNull(false)
			if p.Type.Kind == Null {
				p.Type = doubleType
			}
		}
	}
}

func (c *compiler) divIncrement() int {
	if c.sess.DivPrecisionIncr > 0 {
		return c.sess.DivPrecisionIncr
	}
	return 4
}

func (c *compiler) negate(x Expr) Expr {
	x = c.number(x)
	t := x.ExprType()
	if t.Kind == Int {
		t.Bool = false
		if t.Unsigned {
			t = bigintType.notNull(t.NotNull)
		}
	}
	return c.call("neg", t, x)
}

// dateAdd is value ± INTERVAL n unit: a date stays a date under units of days
// and more, a text gives a text.
func (c *compiler) dateAdd(name string, value sql.Expression, iv *expression.Interval, s *scope) Expr {
	return c.shift(name, c.expr(value, s), c.expr(iv.Child, s), strings.ToUpper(iv.Unit))
}

func (c *compiler) shift(name string, x, n Expr, unit string) Expr {
	t := x.ExprType()
	calendar := false
	switch unit {
	case "DAY", "WEEK", "MONTH", "QUARTER", "YEAR", "YEAR_MONTH":
		calendar = true
	}
	fractional := strings.HasSuffix(unit, "MICROSECOND")
	switch {
	case strings.Contains(unit, "_"):
		n = c.text(n)
	case unit == "SECOND":
		if n = c.number(n); n.ExprType().Kind == Double {
			n = c.cast(n, decimalType(20, 6), true)
		}
	default:
		n = c.integer(n)
	}
	scale := t.Scale
	if fractional {
		scale = 6
	} else if unit == "SECOND" && n.ExprType().Kind == Decimal {
		scale = max(scale, min(n.ExprType().Scale, 6))
	}
	var out Type
	switch {
	case t.Kind == Null:
		out = textType(29)
	case t.Kind == Date && calendar:
		out = dateType
	case t.Kind == Date:
		if !fractional && scale == t.Scale {
			scale = 0
		}
		out = datetimeType(scale)
	case t.Kind == DateTime:
		out = datetimeType(scale)
	case t.Kind == Time && !calendar && unit != "DAY":
		out = Type{Kind: Time, Scale: scale}
	case t.numeric():
		x = c.cast(x, datetimeType(0), true)
		out = datetimeType(scale)
	case t.stringy():
		x = c.text(x)
		out = textType(29)
	default:
		unsupported("INTERVAL arithmetic on a %s cannot be expressed", "cast it to DATETIME first", kindName(t.Kind))
	}
	return c.call(name, out, x, n, unitLit(unit))
}

func unitLit(unit string) *Lit {
	return &Lit{Value: unit, Type: textType(runes(unit)).notNull(true)}
}

// Functions.

func (c *compiler) function(e sql.FunctionExpression, s *scope) Expr {
	if x := c.sessionFunction(e); x != nil {
		return x
	}
	children := e.Children()
	arg := func(i int) Expr { return c.expr(children[i], s) }
	switch e := e.(type) {
	case *function.DateAdd:
		return c.dateAdd("date_add", e.Date, e.Interval, s)
	case *function.DateSub:
		return c.dateAdd("date_sub", e.Date, e.Interval, s)
	case *function.Date:
		return c.cast(arg(0), dateType, false)
	case *function.DatetimeConversion:
		x := c.expr(e.Date, s)
		scale := x.ExprType().Scale
		if x.ExprType().stringy() {
			scale = 6
		}
		return c.cast(x, datetimeType(min(scale, 6)), false)
	case *function.Time:
		x := arg(0)
		t := Type{Kind: Time, Scale: min(x.ExprType().Scale, 6)}
		if x.ExprType().stringy() {
			t.Scale = 6
		}
		return c.cast(x, t, false)
	case *function.TimestampDiff:
		unit, ok := literalText(arg(0))
		if !ok {
			fail(fault.New(fault.Invalid, "TIMESTAMPDIFF needs a unit"))
		}
		return c.apply("timestampdiff", []Expr{arg(1), arg(2), unitLit(strings.ToUpper(unit))})
	case *function.Extract:
		unit, _ := literalText(arg(0))
		return c.extract(strings.ToUpper(unit), arg(1))
	case *function.Week:
		return c.weekOf("week", children, s)
	case *function.YearWeek:
		return c.weekOf("yearweek", children, s)
	case *function.WeekOfYear:
		return c.apply("week", []Expr{arg(0), wholeLit(3)})
	case *function.Trim:
		dir := "both"
		switch d := strings.ToLower(hidden(e, "dir").String()); {
		case strings.HasPrefix(d, "l"):
			dir = "leading"
		case strings.HasPrefix(d, "r"): // as vitess spells trailing
			dir = "trailing"
		}
		return c.apply("trim", []Expr{arg(0), arg(1), unitLit(dir)})
	case *function.Log:
		if l, ok := e.LeftChild.(*expression.Literal); ok {
			if f, ok := l.Value().(float64); ok && f == 2.718281828459045 {
				return c.apply("ln", []Expr{arg(1)})
			}
		}
	case *function.FromUnixtime:
		x := c.apply("from_unixtime", []Expr{arg(0)})
		if len(children) == 2 {
			return c.apply("date_format", []Expr{x, arg(1)})
		}
		return x
	case *function.Char:
		args := make([]Expr, len(children))
		for i := range children {
			args[i] = arg(i)
		}
		x := c.apply("char", args)
		if e.Collation != 0 && e.Collation != sql.Collation_binary {
			return c.cast(x, textType(0), false)
		}
		return x
	case *json.JsonValue:
		x := c.apply("json_value", []Expr{c.expr(e.JSON, s), c.expr(e.Path, s)})
		if e.Typ == nil || types.IsText(e.Typ) {
			return x
		}
		return c.cast(x, gmsType(c.ctx, e.Typ).notNull(false), false)
	case *function.Sleep:
		unsupported("SLEEP over a table cannot be expressed", "run SELECT SLEEP(n) alone")
	case *function.Charset, *function.Collation, *function.Coercibility:
		return c.charsetOf(strings.ToLower(e.FunctionName()), arg(0))
	}
	name := strings.ToLower(e.FunctionName())
	if n, ok := functionNames[name]; ok {
		name = n
	}
	args := make([]Expr, 0, len(children))
	for _, a := range children {
		if a != nil {
			args = append(args, c.expr(a, s))
		}
	}
	switch name {
	case "field":
		args = c.alikeArgs(args)
	case "timediff":
		// a text beside a date is one too
		if args[0].ExprType().dated() || args[1].ExprType().dated() {
			args[0], args[1] = c.datetime(args[0]), c.datetime(args[1])
		}
	}
	if _, ok := scalarFunctions[name]; ok {
		return c.apply(name, args)
	}
	t := gmsType(c.ctx, e.Type(c.ctx))
	if t.Kind == Text {
		t.Collation = collationOf(args...)
	}
	return c.call(name, t.notNull(false), args...)
}

// alikeArgs brings the arguments of FIELD to one kind: texts, whole numbers,
// or doubles where they are mixed.
func (c *compiler) alikeArgs(args []Expr) []Expr {
	text, whole := true, true
	for _, a := range args {
		t := a.ExprType()
		text = text && (t.Kind == Text || t.Kind == Null)
		whole = whole && (t.Kind == Int || t.Kind == Null)
	}
	switch {
	case text:
		harmonize(args)
	case whole:
		for i := range args {
			args[i] = c.integer(args[i])
		}
	default:
		for i := range args {
			args[i] = c.toParam(args[i], 'f')
		}
	}
	return args
}

// apply calls a function of the table with its arguments converted.
func (c *compiler) apply(name string, args []Expr) Expr {
	sig := scalarFunctions[name]
	if len(args) < sig.min || sig.max >= 0 && len(args) > sig.max {
		fail(fault.New(fault.Invalid, "Incorrect parameter count in the call to native function '%s'", strings.ToUpper(name)))
	}
	nn := sig.nonNull || sig.total
	var texts []Expr
	for i, a := range args {
		p := sig.params[min(i, len(sig.params)-1)]
		args[i] = c.toParam(a, p)
		nn = nn && (args[i].ExprType().NotNull || sig.total)
		if p == 'T' {
			texts = append(texts, args[i])
		}
	}
	if sig.search {
		harmonize(args)
	}
	t := sig.ret(c, args).notNull(nn)
	if t.Kind == Text && len(texts) > 0 {
		t.Collation = collationOf(texts...)
	}
	return c.call(name, t, args...)
}

// toParam converts an argument to the kind that a letter of a signature says.
func (c *compiler) toParam(x Expr, letter byte) Expr {
	t := x.ExprType()
	if p, ok := x.(*Param); ok && t.Kind == Null {
		p.Type = map[byte]Type{'n': doubleType, 'f': doubleType, 'i': bigintType, 'd': datetimeType(6), 'h': datetimeType(6), 'j': jsonType}[letter]
		if p.Type.Kind == Null {
			p.Type = textType(0)
		}
		return p
	}
	switch letter {
	case 't', 'T':
		return c.text(x)
	case 'n':
		return c.number(x)
	case 'f':
		return c.cast(c.number(x), doubleType.notNull(t.NotNull), true)
	case 'i':
		return c.integer(x)
	case 'd':
		return c.datetime(x)
	case 'h':
		if t.Kind == Time || t.stringy() && t.Kind != Null {
			return c.cast(x, Type{Kind: Time, Scale: 6}, true)
		}
		return c.datetime(x)
	case 'j':
		if t.Kind == JSON || t.Kind == Null {
			return x
		}
		return c.cast(x, jsonType, false)
	case 'x':
		if t.Kind == Binary {
			return x
		}
		return c.text(x)
	}
	return x
}

func (c *compiler) weekOf(name string, children []sql.Expression, s *scope) Expr {
	args := []Expr{c.expr(children[0], s)}
	if len(children) > 1 && children[1] != nil {
		args = append(args, c.expr(children[1], s))
	} else if name == "week" {
		args = append(args, wholeLit(int64(c.sess.DefaultWeekFormat)))
	} else {
		args = append(args, wholeLit(0))
	}
	return c.apply(name, args)
}

func wholeLit(n int64) *Lit {
	return &Lit{Value: n, Type: intType(len(strings.TrimPrefix(strconv.FormatInt(n, 10), "-"))).notNull(true)}
}

func (c *compiler) extract(unit string, x Expr) Expr {
	switch unit {
	case "YEAR", "QUARTER", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND", "MICROSECOND":
		return c.apply(strings.ToLower(unit), []Expr{x})
	case "WEEK":
		return c.apply("week", []Expr{x, wholeLit(int64(c.sess.DefaultWeekFormat))})
	}
	return c.apply("extract", []Expr{x, unitLit(unit)})
}

func (c *compiler) charsetOf(name string, x Expr) Expr {
	t := x.ExprType()
	switch name {
	case "coercibility":
		return wholeLit(int64(coercibility(x)))
	case "charset":
		if t.Kind == Text {
			return textLit("utf8mb4")
		}
		return textLit("binary")
	}
	switch {
	case t.Kind != Text:
		return textLit("binary")
	case t.Collation == Bin:
		return textLit("utf8mb4_0900_bin")
	}
	return textLit("utf8mb4_0900_ai_ci")
}

func textLit(s string) *Lit {
	return &Lit{Value: s, Type: textType(runes(s)).notNull(true)}
}
