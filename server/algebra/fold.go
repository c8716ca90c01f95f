package algebra

import (
	"cmp"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"argo/tables"

	"github.com/cockroachdb/apd/v3"
)

// fold gives the constant that e is, or e itself. It folds only where MySQL's
// value is certain; the rest is the target's to compute.
func fold(e Expr) Expr {
	switch e := e.(type) {
	case *Call:
		return foldCall(e)
	case *Cast:
		if l, ok := e.In.(*Lit); ok && l.Value != nil {
			if v := castLit(l, e.Type, e.Implied); v != nil {
				return v
			}
		}
	case *In:
		return foldIn(e)
	case *Case:
		return foldCase(e)
	}
	return e
}

// never and always say that a condition is constant.
func never(e Expr) bool {
	l, ok := e.(*Lit)
	return ok && (l.Value == nil || l.Value == int64(0))
}

func always(e Expr) bool {
	l, ok := e.(*Lit)
	return ok && l.Value != nil && l.Value != int64(0)
}

func nullLit(t Type) *Lit { return &Lit{Type: t.notNull(false)} }

func truthOf(b bool) *Lit {
	if b {
		return truthLit(1)
	}
	return truthLit(0)
}

// strict are the operators that are NULL where an operand is.
var strict = map[string]bool{
	"=": true, "!=": true, "<": true, "<=": true, ">": true, ">=": true, "+": true, "-": true, "*": true, "/": true, "div": true, "%": true,
	"neg": true, "not": true, "xor": true, "like": true, "date_add": true, "date_sub": true, "concat": true, "year": true, "month": true,
	"day": true, "quarter": true, "weekday": true, "dayofweek": true, "dayofyear": true, "last_day": true, "date_format": true,
	"lower": true, "upper": true, "datediff": true, "regexp_like": true,
}

func foldCall(e *Call) Expr {
	if e.Func == "coalesce" {
		return foldCoalesce(e)
	}
	lits := make([]*Lit, len(e.Args))
	for i, a := range e.Args {
		l, ok := a.(*Lit)
		if ok && l.Value == nil && strict[e.Func] {
			return nullLit(e.Type)
		}
		if !ok {
			if e.Func == "is null" && i == 0 && a.ExprType().NotNull {
				return truthLit(0)
			}
			if e.Func == "is not null" && a.ExprType().NotNull {
				return truthLit(1)
			}
			return e
		}
		lits[i] = l
	}
	if out := constant(e, lits); out != nil {
		if l, ok := out.(*Lit); ok && e.Type.Kind != Int {
			l.Type.NotNull = l.Type.NotNull && e.Type.NotNull
		}
		return out
	}
	return e
}

// constant computes e over constants, nil where it leaves that to the target.
func constant(e *Call, a []*Lit) Expr {
	switch e.Func {
	case "=", "!=", "<", "<=", ">", ">=", "<=>":
		if a[0].Value == nil || a[1].Value == nil {
			return truthOf(a[0].Value == nil && a[1].Value == nil)
		}
		n, ok := order(a[0], a[1])
		if !ok {
			return nil
		}
		return truthOf(e.Func != "<" && e.Func != ">" && e.Func != "!=" && n == 0 || strings.HasPrefix(e.Func, "<") && e.Func != "<=>" && n < 0 ||
			strings.HasPrefix(e.Func, ">") && n > 0 || e.Func == "!=" && n != 0)
	case "not":
		return truthOf(never(a[0]))
	case "xor":
		return truthOf(always(a[0]) != always(a[1]))
	case "is null":
		return truthOf(a[0].Value == nil)
	case "is not null":
		return truthOf(a[0].Value != nil)
	case "is true":
		return truthOf(always(a[0]))
	case "is not true":
		return truthOf(!always(a[0]))
	case "is false":
		return truthOf(a[0].Value != nil && never(a[0]))
	case "is not false":
		return truthOf(a[0].Value == nil || always(a[0]))
	case "+", "-", "*", "neg":
		return computed(e, a)
	case "date_add", "date_sub":
		return shifted(e, a)
	case "concat":
		var b strings.Builder
		for _, l := range a {
			s, ok := l.Value.(string)
			if !ok {
				return nil
			}
			b.WriteString(s)
		}
		return &Lit{Value: b.String(), Type: Type{Kind: Text, Length: runes(b.String()), Collation: e.Type.Collation, NotNull: true}}
	}
	if len(a) == 0 || !a[0].Type.dated() {
		return nil
	}
	t, ok := moment(a[0])
	if !ok {
		return nil
	}
	n := 0
	switch e.Func {
	case "year":
		n = t.Year()
	case "quarter":
		n = (int(t.Month()) + 2) / 3
	case "month":
		n = int(t.Month())
	case "day":
		n = t.Day()
	case "weekday":
		n = (int(t.Weekday()) + 6) % 7
	case "dayofweek":
		n = int(t.Weekday()) + 1
	case "dayofyear":
		n = t.YearDay()
	case "datediff":
		o, ok := moment(a[1])
		if !ok {
			return nil
		}
		n = tables.DayOf(t).Sub(tables.DayOf(o))
	case "last_day":
		return dayLit(tables.DayOf(time.Date(t.Year(), t.Month()+1, 0, 0, 0, 0, 0, time.UTC)))
	case "date_format":
		f, ok := a[1].Value.(string)
		if !ok {
			return nil
		}
		if s, ok := formatDate(t, f); ok {
			return textLit(s)
		}
		return nil
	default:
		return nil
	}
	return wholeLit(int64(n))
}

// order compares two constants of comparable kinds; texts only where every
// collation agrees.
func order(a, b *Lit) (int, bool) {
	switch x := a.Value.(type) {
	case string:
		y, ok := b.Value.(string)
		switch {
		case !ok || a.Type.Kind != Text || b.Type.Kind != Text:
			return 0, false
		case a.Type.Collation == Bin && b.Type.Collation == Bin:
			return cmp.Compare(x, y), true
		case x == y:
			return 0, true
		case plain(x) && plain(y):
			return cmp.Compare(strings.ToLower(x), strings.ToLower(y)), true
		}
		return 0, false
	case tables.Day:
		y, ok := b.Value.(tables.Day)
		return cmp.Compare(x, y), ok
	case time.Time:
		y, ok := b.Value.(time.Time)
		return x.Compare(y), ok
	case time.Duration:
		y, ok := b.Value.(time.Duration)
		return cmp.Compare(x, y), ok
	case float64:
		y, ok := b.Value.(float64)
		return cmp.Compare(x, y), ok
	case []byte:
		y, ok := b.Value.([]byte)
		return slices.Compare(x, y), ok
	}
	x, ok1 := exactValue(a)
	y, ok2 := exactValue(b)
	if !ok1 || !ok2 {
		return 0, false
	}
	return x.Cmp(y), true
}

// plain texts are of ASCII letters and digits, which sort alike everywhere.
func plain(s string) bool {
	for i := range len(s) {
		b := s[i] | 0x20
		if !digit(s[i]) && (b < 'a' || b > 'z') {
			return false
		}
	}
	return true
}

// exactValue is the value of a whole or a decimal number.
func exactValue(l *Lit) (*apd.Decimal, bool) {
	switch v := l.Value.(type) {
	case int64:
		return apd.New(v, 0), true
	case uint64:
		return apd.NewWithBigInt(new(apd.BigInt).SetUint64(v), 0), true
	case *apd.Decimal:
		return v, true
	}
	return nil, false
}

// exactContext has room for every DECIMAL and rounds half away from zero.
var exactContext = apd.Context{Precision: 200, MaxExponent: 10000, MinExponent: -10000, Rounding: apd.RoundHalfUp}

func computed(e *Call, a []*Lit) Expr {
	if e.Type.Kind == Double {
		var v [2]float64
		for i, l := range a {
			f, ok := castLit(l, doubleType, true), false
			if f == nil {
				return nil
			}
			if v[i], ok = f.Value.(float64); !ok {
				return nil
			}
		}
		r := -v[0]
		switch e.Func {
		case "+":
			r = v[0] + v[1]
		case "-":
			r = v[0] - v[1]
		case "*":
			r = v[0] * v[1]
		}
		if math.IsInf(r, 0) || math.IsNaN(r) {
			return nil
		}
		return &Lit{Value: r, Type: e.Type.notNull(true)}
	}
	x, ok := exactValue(a[0])
	if !ok {
		return nil
	}
	r := new(apd.Decimal)
	if e.Func == "neg" {
		r.Neg(x)
	} else {
		y, ok := exactValue(a[1])
		if !ok {
			return nil
		}
		var err error
		switch e.Func {
		case "+":
			_, err = exactContext.Add(r, x, y)
		case "-":
			_, err = exactContext.Sub(r, x, y)
		default:
			_, err = exactContext.Mul(r, x, y)
		}
		if err != nil {
			return nil
		}
	}
	if r.Coeff.Sign() == 0 {
		r.Negative = false
	}
	if e.Type.Kind == Decimal {
		if int(-r.Exponent) > e.Type.Scale || int(r.NumDigits()) > maxPrecision {
			return nil
		}
		return &Lit{Value: r, Type: e.Type.notNull(true)}
	}
	n, err := r.Int64()
	if err != nil || e.Type.Unsigned && n < 0 {
		return nil
	}
	l := wholeLit(n)
	l.Type.Precision = max(l.Type.Precision, 1)
	l.Type.Unsigned = e.Type.Unsigned
	return l
}

// shifted is a constant date ± a constant interval.
func shifted(e *Call, a []*Lit) Expr {
	unit, _ := a[2].Value.(string)
	x := a[0]
	if s, ok := x.Value.(string); ok {
		if x = parseDate(s); x == nil {
			return nullLit(e.Type)
		}
	}
	t, ok := moment(x)
	if !ok {
		return nil
	}
	sign := int64(1)
	if e.Func == "date_sub" {
		sign = -1
	}
	switch n := a[1].Value.(type) {
	case int64:
		if unit == "SECOND" {
			if n > 1e11 || n < -1e11 {
				return nil
			}
			n *= 1e6
		}
		t, ok = addInterval(t, sign*n, unit)
	case *apd.Decimal:
		micros := new(apd.Decimal)
		if _, err := exactContext.Mul(micros, n, apd.New(1, 6)); err != nil || unit != "SECOND" {
			return nil
		}
		if _, err := exactContext.RoundToIntegralValue(micros, micros); err != nil {
			return nil
		}
		m, err := micros.Int64()
		if err != nil {
			return nil
		}
		t, ok = addInterval(t, sign*m, unit)
	case string:
		t, ok = addCompound(t, n, unit, sign)
	default:
		return nil
	}
	if !ok {
		return nullLit(e.Type)
	}
	switch e.Type.Kind {
	case Date:
		return dayLit(tables.DayOf(t))
	case DateTime:
		return timeLit(t, e.Type.Scale)
	}
	switch unit {
	case "DAY", "WEEK", "MONTH", "QUARTER", "YEAR", "YEAR_MONTH":
		if x.Type.Kind == Date {
			return &Lit{Value: string(tables.DayOf(t)), Type: e.Type}
		}
	}
	scale := 0
	if t.Nanosecond() != 0 {
		scale = 6
	}
	return &Lit{Value: timeText(t, scale), Type: e.Type}
}

func foldCoalesce(e *Call) Expr {
	kept := e.Args[:0:0]
	for _, a := range e.Args {
		if l, ok := a.(*Lit); ok && l.Value == nil {
			continue
		}
		kept = append(kept, a)
		if a.ExprType().NotNull {
			break
		}
	}
	switch len(kept) {
	case 0:
		return nullLit(e.Type)
	case 1:
		return kept[0]
	}
	return &Call{Func: e.Func, Args: kept, Type: e.Type}
}

func foldIn(e *In) Expr {
	v, ok := e.Value.(*Lit)
	if !ok {
		return e
	}
	null := v.Value == nil
	for _, x := range e.List {
		l, ok := x.(*Lit)
		if !ok {
			return e
		}
		if v.Value == nil || l.Value == nil {
			null = true
			continue
		}
		n, ok := order(v, l)
		if !ok {
			return e
		}
		if n == 0 {
			return truthOf(!e.Not)
		}
	}
	if null {
		return nullLit(e.Type)
	}
	return truthOf(e.Not)
}

func foldCase(e *Case) Expr {
	out := &Case{Else: e.Else, Type: e.Type}
	for i, w := range e.When {
		if never(w) {
			continue
		}
		if always(w) {
			out.Else = e.Then[i]
			break
		}
		out.When, out.Then = append(out.When, w), append(out.Then, e.Then[i])
	}
	switch {
	case len(out.When) > 0:
		return out
	case out.Else == nil:
		return nullLit(e.Type)
	}
	return out.Else
}

var (
	numberPrefix = regexp.MustCompile(`^\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)`)
	wholePrefix  = regexp.MustCompile(`^\s*([+-]?\d+)`)
	wholeNumber  = regexp.MustCompile(`^\s*([+-]?\d+)\s*$`)
)

// parseWhole reads a text that is nothing but a whole number.
func parseWhole(s string) (int64, bool) {
	m := wholeNumber.FindStringSubmatch(s)
	if m == nil {
		return 0, false
	}
	n, err := strconv.ParseInt(m[1], 10, 64)
	return n, err == nil
}

// castLit converts a constant that is not NULL, nil where it leaves that to the
// target.
func castLit(l *Lit, t Type, implied bool) *Lit {
	nn := t.notNull(true)
	switch t.Kind {
	case Int:
		return castWhole(l, nn)
	case Decimal:
		x, ok := exactValue(l)
		if !ok {
			return nil
		}
		r := new(apd.Decimal)
		if _, err := exactContext.Quantize(r, x, int32(-t.Scale)); err != nil || int(r.NumDigits()) > t.Precision {
			return nil
		}
		return &Lit{Value: r, Type: nn}
	case Double:
		switch v := l.Value.(type) {
		case int64:
			return &Lit{Value: float64(v), Type: nn}
		case float64:
			return &Lit{Value: v, Type: nn}
		case *apd.Decimal:
			if f, err := v.Float64(); err == nil {
				return &Lit{Value: f, Type: nn}
			}
		case string:
			if l.Type.Kind != Text {
				return nil
			}
			m := numberPrefix.FindStringSubmatch(v)
			if m == nil {
				return &Lit{Value: 0.0, Type: nn}
			}
			if f, err := strconv.ParseFloat(m[1], 64); err == nil {
				return &Lit{Value: f, Type: nn}
			}
		}
	case Text:
		s, ok := litText(l)
		if !ok || !implied && (l.Type.Kind == Text || t.Length > 0 && runes(s) > t.Length) {
			return nil
		}
		nn.Length = runes(s)
		return &Lit{Value: s, Type: nn}
	case Binary:
		if s, ok := l.Value.(string); ok && l.Type.Kind == Text && t.Length == 0 {
			nn.Length = len(s)
			return &Lit{Value: []byte(s), Type: nn}
		}
	case Date, DateTime:
		return castDate(l, t)
	}
	return nil
}

func castWhole(l *Lit, t Type) *Lit {
	var n int64
	switch v := l.Value.(type) {
	case int64:
		n = v
	case *apd.Decimal:
		r := new(apd.Decimal)
		if _, err := exactContext.RoundToIntegralValue(r, v); err != nil {
			return nil
		}
		var err error
		if n, err = r.Int64(); err != nil {
			return nil
		}
	case float64:
		if v != math.Trunc(v) || math.Abs(v) > 1<<53 {
			return nil
		}
		n = int64(v)
	case string:
		m := wholePrefix.FindStringSubmatch(v)
		if l.Type.Kind != Text {
			return nil
		}
		if m != nil {
			var err error
			if n, err = strconv.ParseInt(m[1], 10, 64); err != nil {
				return nil
			}
		}
	case tables.Day:
		n, _ = strconv.ParseInt(strings.ReplaceAll(string(v), "-", ""), 10, 64)
	case time.Time:
		if v.Nanosecond() != 0 {
			return nil
		}
		n, _ = strconv.ParseInt(v.Format("20060102150405"), 10, 64)
	default:
		return nil
	}
	if t.Unsigned && n < 0 {
		return nil
	}
	if t.Bool {
		if n != 0 {
			n = 1
		}
		return truthLit(n)
	}
	out := wholeLit(n)
	out.Type.Unsigned = t.Unsigned
	return out
}

// litText is the text of a constant, where it is the same everywhere.
func litText(l *Lit) (string, bool) {
	switch v := l.Value.(type) {
	case string:
		return v, l.Type.Kind == Text
	case int64:
		return strconv.FormatInt(v, 10), true
	case uint64:
		return strconv.FormatUint(v, 10), true
	case *apd.Decimal:
		return v.Text('f'), true
	case tables.Day:
		return string(v), true
	case time.Time:
		return timeText(v, l.Type.Scale), true
	}
	return "", false
}

// castDate converts to DATE or DATETIME; what is no date is NULL.
func castDate(l *Lit, t Type) *Lit {
	d := l
	switch v := l.Value.(type) {
	case string:
		if l.Type.Kind != Text {
			return nil
		}
		d = parseDate(v)
	case int64:
		if l.Type.Bool || v < 101 {
			return nil
		}
		d = numberDate(v)
	}
	if d == nil {
		return nullLit(t)
	}
	m, ok := moment(d)
	if !ok {
		return nil
	}
	if t.Kind == Date {
		return dayLit(tables.DayOf(m))
	}
	unit := time.Second
	for range t.Scale {
		unit /= 10
	}
	return timeLit(m.Round(unit), t.Scale)
}
