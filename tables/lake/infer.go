package lake

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
	"unsafe"

	"argo/tables"
)

// class is a set of readings that a cell's text allows.
type class uint8

const (
	asInt      class = 1 << iota // whole number, however long
	asDecimal                    // digits with or without a point: exact
	asDouble                     // a number that a float64 holds as it is written
	asBool                       // true, false
	asDate                       // without a time of day
	asDayFirst                   // a date or a date with time, 31-08-2023
	asMonthFirst
	asAny class = 1<<iota - 1
)

const (
	asNumber   = asInt | asDecimal | asDouble
	asTemporal = asDate | asDayFirst | asMonthFirst
)

// stats is what is known of all values of a column, in one file or in many:
// merging is associative, so a file is read once. The type of a column follows
// from all of its values, never from a sample; see typ.
type stats struct {
	Values int64 `json:"n"` // that are not NULL
	Can    class `json:"can"`
	// Whole and Scale are the most digits before and behind the point.
	Whole, Scale int
	Big          bool // a whole number beyond 64 bits
	Ambivalent   bool // a date of which only the others say what is the day
	Nested       bool // a JSON object or array
	Length       int  // longest value, in characters
}

func newStats() stats { return stats{Can: asAny} }

// number is the shape of a number's text.
type number struct {
	whole, scale int // digits before (without leading zeros) and behind the point
	digits       int // significant
	point, exp   bool
}

// parseNumber recognises -?digits[.digits][e[+-]digits]. Leading zeros are an
// identifier's, not a number's, and neither is a leading plus.
func parseNumber(s string) (n number, ok bool) {
	i := 0
	if i < len(s) && s[i] == '-' {
		i++
	}
	start := i
	for i < len(s) && s[i]-'0' <= 9 {
		i++
	}
	n.whole = i - start
	if n.whole > 1 && s[start] == '0' {
		return n, false
	}
	mantissa := s[start:i]
	if n.whole == 1 && s[start] == '0' {
		n.whole, mantissa = 0, ""
	}
	valid := i > start
	if i < len(s) && s[i] == '.' {
		n.point = true
		i++
		from := i
		for i < len(s) && s[i]-'0' <= 9 {
			i++
		}
		n.scale = i - from
		valid = valid || n.scale > 0
		fraction := strings.TrimRight(s[from:i], "0")
		if mantissa == "" {
			fraction = strings.TrimLeft(fraction, "0")
		}
		n.digits = len(mantissa) + len(fraction)
	} else {
		n.digits = len(strings.TrimRight(mantissa, "0"))
	}
	if valid && i < len(s) && s[i]|0x20 == 'e' {
		n.exp = true
		i++
		if i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		from := i
		for i < len(s) && s[i]-'0' <= 9 {
			i++
		}
		valid = i > from
	}
	return n, valid && i == len(s)
}

// classes says how a cell can be read; only readings in ask are looked for.
func classes(s string, ask class) (can class, n number, ambivalent bool) {
	if s == "" {
		return 0, n, false
	}
	switch b := s[0]; {
	case b-'0' <= 9 || b == '-' || b == '.':
		var ok bool
		if ask&(asInt|asDecimal|asDouble) != 0 {
			if n, ok = parseNumber(s); ok {
				return numberClasses(s, n), n, false
			}
		}
		if ask&asTemporal == 0 || b-'0' > 9 {
			return 0, n, false
		}
		t, ok := parseTemporal(s, false)
		switch {
		case ok && !t.ambivalent:
			can = asDayFirst | asMonthFirst
		case t.ambivalent:
			if ok {
				can = asDayFirst
			}
			if m, ok := parseTemporal(s, true); ok {
				can |= asMonthFirst
				t = m
			}
		}
		if can != 0 && !t.timed {
			can |= asDate
		}
		return can, n, t.ambivalent && can != 0
	case ask&asBool != 0 && (b|0x20 == 't' || b|0x20 == 'f') && isBool(s):
		return asBool, n, false
	case ask&asTemporal != 0 && (b|0x20 >= 'a' && b|0x20 <= 's'):
		if d, ok := parseTemporal(s, false); ok {
			can = asDayFirst | asMonthFirst
			if !d.timed {
				can |= asDate
			}
		}
	}
	return can, n, false
}

func isBool(s string) bool { return strings.EqualFold(s, "true") || strings.EqualFold(s, "false") }

func numberClasses(s string, n number) (can class) {
	if !n.exp {
		can = asDecimal
		if !n.point {
			can |= asInt
		}
	}
	// A float64 gives 15 digits of any number back, and all 17 of a number
	// that was printed from a float64.
	limit := 17
	if !n.point && !n.exp {
		limit = 15
	}
	if n.digits > limit {
		return can
	}
	if n.exp || len(s) > 300 { // it may be out of range
		if f, err := strconv.ParseFloat(s, 64); err != nil || f == 0 && !isZero(s) {
			return can
		}
	}
	return can | asDouble
}

// isZero says whether the mantissa is zero, whatever the exponent.
func isZero(s string) bool {
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		s = s[:i]
	}
	return strings.Trim(s, "-0.") == ""
}

// view is the bytes as a string, without a copy: only while b is unchanged.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// add takes one cell that is not NULL, of which some readings are allowed: a
// JSON string is no number, whatever it looks like. Blanks around a number or
// a date do not count; a cell of nothing but blanks does not vote.
func (st *stats) add(b []byte, allowed class) {
	st.Values++
	if len(b) > st.Length {
		if n := utf8.RuneCount(b); n > st.Length {
			st.Length = n
		}
	}
	if st.Can == 0 {
		return
	}
	s := trim(view(b))
	if s == "" && len(b) > 0 {
		return
	}
	can, n, ambivalent := classes(s, st.Can&allowed)
	can &= allowed
	if can&(asDecimal|asInt) != 0 {
		st.Whole, st.Scale = max(st.Whole, n.whole), max(st.Scale, n.scale)
		if n.whole >= 19 && can&asInt != 0 {
			if _, err := strconv.ParseInt(s, 10, 64); err != nil {
				st.Big = true
			}
		}
	}
	st.Ambivalent = st.Ambivalent || ambivalent
	st.Can &= can
}

func trim(s string) string {
	if s != "" && (s[0] <= ' ' || s[len(s)-1] <= ' ') {
		return strings.Trim(s, " \t")
	}
	return s
}

// addNested takes a JSON object or array.
func (st *stats) addNested(length int) {
	st.Values++
	st.Can, st.Nested, st.Length = 0, true, max(st.Length, length)
}

// merge adds what another file says of the same column.
func (st *stats) merge(o stats) {
	st.Values += o.Values
	st.Can &= o.Can
	st.Whole, st.Scale = max(st.Whole, o.Whole), max(st.Scale, o.Scale)
	st.Big = st.Big || o.Big
	st.Ambivalent = st.Ambivalent || o.Ambivalent
	st.Nested = st.Nested || o.Nested
	st.Length = max(st.Length, o.Length)
}

// maxScale is how many digits MySQL's DECIMAL has behind the point at most.
const maxScale = 30

// known says whether any value has voted on the type.
func (st *stats) known() bool { return st.Nested || st.Can != asAny }

// monthFirst says how the column's ambivalent dates are read: day first,
// unless a value is only possible with the month first.
func (st *stats) monthFirst() bool { return st.Can&asDayFirst == 0 }

// undecided says that every value could be read either way.
func (st *stats) undecided() bool {
	return st.Ambivalent && st.Can&asDayFirst != 0 && st.Can&asMonthFirst != 0
}

// typ is the narrowest type that holds every value as it is written:
// BIGINT, DECIMAL (exact, at most 38 digits, 30 of them behind the point), DOUBLE (where a value has an
// exponent), TINYINT(1), DATE, DATETIME, JSON, or text.
func (st *stats) typ() tables.Type {
	switch {
	case st.Nested:
		return tables.Document
	case !st.known():
		return tables.Varchar
	case st.Can&asInt != 0 && !st.Big:
		return tables.BigInt
	case st.Can&asDecimal != 0 && max(st.Whole, 1)+st.Scale <= 38 && st.Scale <= maxScale:
		return tables.Dec(max(st.Whole, 1)+st.Scale, st.Scale)
	case st.Can&asDouble != 0:
		return tables.Float
	case st.Can&asBool != 0:
		return tables.Boolean
	case st.Can&(asDayFirst|asMonthFirst) != 0:
		if st.Can&asDate != 0 {
			return tables.DateType
		}
		return tables.Timestamp
	case st.Length <= 255:
		return tables.Varchar
	}
	return tables.LongText
}

// widen is the type that holds the values of both: INT, then DECIMAL, then
// DOUBLE, then text; a DATE becomes DATETIME, a TINYINT(1) BIGINT. Two decimals
// keep every digit behind the point. nested says which of them is a JSON
// object or array; with anything else it is irreconcilable.
func widen(a, b tables.Type, aNested, bNested bool) (tables.Type, bool) {
	if a.Kind > b.Kind {
		a, b, aNested, bNested = b, a, bNested, aNested
	}
	numeric := func(k tables.Kind) bool { return k == tables.Int || k == tables.Double || k == tables.Decimal }
	text := func(k tables.Kind) bool { return k == tables.Text || k == tables.ID }
	switch {
	case aNested || bNested:
		return tables.Document, a.Kind == tables.JSON && b.Kind == tables.JSON
	case a == b:
		return a, true
	case a.Kind == tables.Decimal && b.Kind == tables.Decimal:
		return wider(a, b), true
	case a.Kind == tables.Int && b.Kind == tables.Decimal:
		return wider(tables.Dec(19, 0), b), true
	case numeric(a.Kind) && numeric(b.Kind):
		return tables.Float, true
	case a.Kind == tables.Int && b.Kind == tables.Bool:
		return tables.BigInt, true
	case a.Kind == tables.Date && b.Kind == tables.DateTime:
		return tables.Timestamp, true
	case text(a.Kind) && text(b.Kind):
		if a.Kind == b.Kind {
			a.Length = max(a.Length, b.Length)
		} else {
			a = tables.Type{Kind: tables.Text, Length: max(a.Length, b.Length)}
		}
		return a, true
	}
	return tables.LongText, true
}

func wider(a, b tables.Type) tables.Type {
	scale := max(a.Scale, b.Scale)
	whole := max(a.Precision-a.Scale, b.Precision-b.Scale)
	return tables.Dec(min(whole+scale, 38), scale)
}

// unscaled reads a number without exponent as its digits times 10^scale; ok is
// false where it has more digits behind the point or does not fit 64 bits.
func unscaled(s string, scale int) (v int64, ok bool) {
	negative := s != "" && s[0] == '-'
	if negative {
		s = s[1:]
	}
	behind := -1
	for i := range len(s) {
		d := s[i] - '0'
		if s[i] == '.' && behind < 0 {
			behind = 0
			continue
		}
		if behind >= 0 {
			if behind++; behind > scale {
				if s[i] != '0' {
					return 0, false
				}
				continue
			}
		}
		if d > 9 || v > (math.MaxInt64-int64(d))/10 {
			return 0, false
		}
		v = v*10 + int64(d)
	}
	for i := min(max(behind, 0), scale); i < scale; i++ {
		if v > math.MaxInt64/10 {
			return 0, false
		}
		v *= 10
	}
	if negative {
		v = -v
	}
	return v, true
}
