package algebra

import (
	"strings"
	"unicode/utf8"

	"argo/tables"
	"argo/tables/fault"
)

// MySQL's limits of DECIMAL. Types keep to them; a target with fewer digits
// has to reduce a type (values seldom need what the type allows: SUM of a
// BIGINT is DECIMAL(41,0)) or to refuse it.
const (
	maxPrecision = 65
	maxScale     = 30
)

var (
	boolType   = Type{Kind: Int, Bool: true, Precision: 1}
	bigintType = Type{Kind: Int, Precision: 19}
	doubleType = Type{Kind: Double}
	dateType   = Type{Kind: Date}
	jsonType   = Type{Kind: JSON}
)

func intType(digits int) Type { return Type{Kind: Int, Precision: digits} }
func textType(n int) Type     { return Type{Kind: Text, Length: n} }
func datetimeType(scale int) Type {
	return Type{Kind: DateTime, Scale: scale}
}

func decimalType(precision, scale int) Type {
	scale = min(max(scale, 0), maxScale)
	return Type{Kind: Decimal, Precision: min(max(precision, scale, 1), maxPrecision), Scale: scale}
}

func (t Type) notNull(nn bool) Type { t.NotNull = nn; return t }

// same says that values of the two types need no conversion.
func (t Type) same(o Type) bool {
	if t.Kind != o.Kind {
		return false
	}
	switch t.Kind {
	case Int:
		return t.Unsigned == o.Unsigned && t.Bool == o.Bool
	case Decimal:
		return t.Precision == o.Precision && t.Scale == o.Scale
	case Text:
		return t.Collation == o.Collation
	case DateTime, Time:
		return t.Scale == o.Scale
	}
	return true
}

func (t Type) exact() bool    { return t.Kind == Int || t.Kind == Decimal || t.Kind == Year }
func (t Type) numeric() bool  { return t.exact() || t.Kind == Double }
func (t Type) temporal() bool { return t.dated() || t.Kind == Time }
func (t Type) dated() bool    { return t.Kind == Date || t.Kind == DateTime }
func (t Type) stringy() bool  { return t.Kind == Text || t.Kind == Binary }

// digits is the decimal precision of a number: of a whole number how many
// digits it can have.
func (t Type) digits() int {
	switch {
	case t.Kind == Year:
		return 4
	case t.Kind == Int && t.Precision == 0:
		if t.Unsigned {
			return 20
		}
		return 19
	}
	return t.Precision
}

// whole is how many digits stand before the point.
func (t Type) whole() int {
	if t.Kind == Decimal {
		return t.Precision - t.Scale
	}
	return t.digits()
}

func (t Type) scale() int {
	if t.Kind == Decimal {
		return t.Scale
	}
	return 0
}

// width is how many characters the text of a value can have; 0: unknown.
func (t Type) width() int {
	switch t.Kind {
	case Text, Binary:
		return t.Length
	case Int:
		if t.Bool {
			return 1
		}
		if t.Unsigned {
			return t.digits()
		}
		return t.digits() + 1
	case Decimal:
		n := t.Precision + 1
		if t.Scale > 0 {
			n++
		}
		return n
	case Double:
		return 23
	case Date:
		return 10
	case DateTime:
		return fraction(19, t.Scale)
	case Time:
		return fraction(10, t.Scale)
	case Year:
		return 4
	}
	return 0
}

func fraction(n, scale int) int {
	if scale > 0 {
		return n + 1 + scale
	}
	return n
}

// columnType is the type of a table's column.
func columnType(t tables.Type) Type {
	switch t.Kind {
	case tables.Int:
		return bigintType
	case tables.Double:
		return doubleType
	case tables.Decimal:
		return decimalType(t.Precision, t.Scale)
	case tables.ID:
		return Type{Kind: Text, Length: lengthOf(t), Collation: Bin}
	case tables.Bool:
		return Type{Kind: Int, Bool: true, Precision: 3}
	case tables.Date:
		return dateType
	case tables.DateTime:
		return datetimeType(6)
	case tables.JSON:
		return jsonType
	}
	return textType(lengthOf(t))
}

func lengthOf(t tables.Type) int {
	if t.Length == 0 {
		return 255
	}
	return t.Length
}

// arithmeticType is the type of l op r for operands that are numbers
// (sql/item_func.cc, result_precision of each operator).
func arithmeticType(op string, l, r Type, divIncrement int, signedMinus bool) Type {
	nn := l.NotNull && r.NotNull
	if l.Kind == Null || r.Kind == Null {
		return doubleType
	}
	unsigned := l.Unsigned || r.Unsigned
	if op == "div" {
		return Type{Kind: Int, Precision: max(l.whole(), 1), Unsigned: unsigned}
	}
	if op == "/" && l.Kind != Double && r.Kind != Double {
		return decimalType(l.digits()+r.scale()+divIncrement, l.scale()+divIncrement)
	}
	var t Type
	switch {
	case l.Kind == Double || r.Kind == Double:
		t = doubleType
	case l.Kind == Decimal || r.Kind == Decimal:
		switch op {
		case "*":
			t = decimalType(l.digits()+r.digits(), l.scale()+r.scale())
		case "%":
			t = decimalType(max(l.digits(), r.digits()), max(l.scale(), r.scale()))
		default:
			scale := max(l.scale(), r.scale())
			t = decimalType(max(l.whole(), r.whole())+1+scale, scale)
		}
	default:
		t = Type{Kind: Int, Precision: 19, Unsigned: unsigned}
		switch {
		case op == "-" && signedMinus:
			t.Unsigned = false
		case op == "%":
			t.Precision = max(l.digits(), r.digits())
			t.Unsigned = l.Unsigned
		case op == "*":
			t.Precision = min(l.digits()+r.digits(), 19)
		case op == "+" || op == "-":
			t.Precision = min(max(l.digits(), r.digits())+1, 19)
		}
	}
	return t.notNull(nn && op != "/" && op != "%")
}

// commonType is the type of the values of CASE, COALESCE, UNION and their like
// (Field::field_type_merge). The collation of texts is not decided here.
func commonType(ts []Type) Type {
	out := Type{Kind: Null}
	nn := true
	for _, t := range ts {
		nn = nn && t.NotNull
		out = mergeTypes(out, t)
	}
	return out.notNull(nn)
}

func mergeTypes(a, b Type) Type {
	switch {
	case a.Kind == Null:
		return b
	case b.Kind == Null:
		return a
	case a.Kind == Int && b.Kind == Int:
		if a.Unsigned != b.Unsigned && !(a.Bool || b.Bool) {
			return decimalType(max(a.digits(), b.digits()), 0)
		}
		return Type{Kind: Int, Precision: max(a.digits(), b.digits()), Unsigned: a.Unsigned && b.Unsigned, Bool: a.Bool && b.Bool}
	case a.Kind == Year && b.Kind == Year:
		return a
	case a.exact() && b.exact():
		if a.Kind != Decimal && b.Kind != Decimal {
			return Type{Kind: Int, Precision: max(a.digits(), b.digits())}
		}
		scale := max(a.scale(), b.scale())
		return decimalType(max(a.whole(), b.whole())+scale, scale)
	case a.numeric() && b.numeric():
		return doubleType
	case a.dated() && b.dated():
		if a.Kind == Date && b.Kind == Date {
			return dateType
		}
		return datetimeType(max(a.Scale, b.Scale))
	case a.Kind == Time && b.Kind == Time:
		return Type{Kind: Time, Scale: max(a.Scale, b.Scale)}
	case a.temporal() && b.temporal():
		return datetimeType(max(a.Scale, b.Scale))
	case a.Kind == JSON && b.Kind == JSON:
		return jsonType
	}
	t := Type{Kind: Text, Length: max(a.width(), b.width())}
	if a.stringy() && a.Length == 0 || b.stringy() && b.Length == 0 || a.Kind == JSON || b.Kind == JSON {
		t.Length = 0
	}
	if a.Kind == Binary || b.Kind == Binary {
		t.Kind = Binary
	}
	return t
}

// Coercibility of a text, as the manual numbers it: the lower decides the
// collation.
const (
	explicitCollation = 0
	columnCollation   = 2
	literalCollation  = 4
	noCollation       = 5
	nullCollation     = 6
)

// coercibility of e as an operand.
func coercibility(e Expr) int {
	t := e.ExprType()
	if t.Kind == Null {
		return nullCollation
	}
	if t.Kind != Text {
		return noCollation
	}
	switch e := e.(type) {
	case *Col, *Subquery:
		return columnCollation
	case *Lit, *Param:
		return literalCollation
	case *Cast:
		switch {
		case !e.Implied:
			return columnCollation
		case e.In.ExprType().Kind == Text:
			return coercibility(e.In)
		}
		return noCollation
	case *Call:
		switch {
		case e.Func == "collate":
			return explicitCollation
		case strings.HasPrefix(e.Func, "json_"):
			return columnCollation
		}
	}
	c := literalCollation
	for _, a := range valueArgs(e) {
		if a.ExprType().Kind == Text {
			c = min(c, coercibility(a))
		}
	}
	return c
}

// valueArgs are the operands that a result can be made of.
func valueArgs(e Expr) []Expr {
	if k, ok := e.(*Case); ok {
		out := append([]Expr(nil), k.Then...)
		if k.Else != nil {
			out = append(out, k.Else)
		}
		return out
	}
	return Args(e)
}

// collationOf decides the collation of the texts among es together: the
// lowest coercibility wins, between equals the binary one.
func collationOf(es ...Expr) Collation {
	best, coll := nullCollation+1, CI
	for _, e := range es {
		t := e.ExprType()
		if t.Kind != Text {
			continue
		}
		c := coercibility(e)
		switch {
		case c < best:
			best, coll = c, t.Collation
		case c == best && coll != t.Collation:
			if c == explicitCollation {
				fail(fault.New(fault.Invalid, "Illegal mix of collations (utf8mb4_0900_ai_ci,EXPLICIT) and (utf8mb4_0900_bin,EXPLICIT)"))
			}
			coll = Bin
		}
	}
	return coll
}

// collate gives the text e under the collation.
func collate(e Expr, coll Collation) Expr {
	t := e.ExprType()
	if t.Kind != Text || t.Collation == coll {
		return e
	}
	t.Collation = coll
	if l, ok := e.(*Lit); ok {
		return &Lit{Value: l.Value, Type: t}
	}
	return &Cast{In: e, Type: t, Implied: true}
}

// harmonize brings the texts among es under one collation, in place.
func harmonize(es []Expr) Collation {
	coll := collationOf(es...)
	for i := range es {
		es[i] = collate(es[i], coll)
	}
	return coll
}

func runes(s string) int { return utf8.RuneCountInString(s) }
