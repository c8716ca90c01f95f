package duckdb

import (
	"hash/crc32"
	"math"
	"math/big"
	"math/bits"
	"strconv"
	"strings"

	"argo/tables/fault"
)

var numberFunctions = []Function{
	{Name: "argo_num", Args: []ValueKind{Varchar}, Result: Double, Eval: func(a []Value) (Value, error) {
		return double(LeadingDouble(a[0].Text))
	}},
	{Name: "argo_int", Args: []ValueKind{Varchar}, Result: BigInt, Eval: func(a []Value) (Value, error) {
		return integer(leadingInt(a[0].Text))
	}},
	{Name: "argo_uint", Args: []ValueKind{Varchar}, Result: UBigInt, Eval: func(a []Value) (Value, error) {
		return integer(int64(leadingUint(a[0].Text)))
	}},
	// MySQL's conversion of a DOUBLE to an integer: to the nearest, half to even, saturating.
	{Name: "argo_double_int", Args: []ValueKind{Double}, Result: BigInt, Eval: func(a []Value) (Value, error) {
		return integer(doubleInt(a[0].Float))
	}},
	{Name: "argo_double_uint", Args: []ValueKind{Double}, Result: UBigInt, Eval: func(a []Value) (Value, error) {
		f := math.RoundToEven(a[0].Float)
		switch {
		case f < 0:
			return integer(doubleInt(f))
		case f >= 18446744073709551615.0:
			return integer(-1)
		}
		return integer(int64(uint64(f)))
	}},
	{Name: "argo_double_text", Args: []ValueKind{Double}, Result: Varchar, Eval: func(a []Value) (Value, error) {
		return text(DoubleText(a[0].Float))
	}},
	// argo_text_decimal(text, precision, scale) and argo_double_decimal give the unscaled value, clamped to the precision.
	{Name: "argo_text_decimal", Args: []ValueKind{Varchar, BigInt, BigInt}, Result: HugeInt, Eval: func(a []Value) (Value, error) {
		return huge(clampDecimal(leadingNumber(a[0].Text), a[1].Int, a[2].Int))
	}},
	{Name: "argo_double_decimal", Args: []ValueKind{Double, BigInt, BigInt}, Result: HugeInt, Eval: func(a []Value) (Value, error) {
		return huge(clampDecimal(strconv.FormatFloat(a[0].Float, 'e', -1, 64), a[1].Int, a[2].Int))
	}},
	// Of exact numbers these see the unscaled value, and give one.
	//
	// argo_clamp(x, digits dropped, precision) rounds half away from zero and saturates.
	{Name: "argo_clamp", Args: []ValueKind{Exact, BigInt, BigInt}, Result: HugeInt, Eval: func(a []Value) (Value, error) {
		return huge(clamp(roundDigits(big128(a[0]), a[1].Int, false), a[2].Int))
	}},
	// argo_div(a, b, k) is a·10^k / b rounded half away from zero, argo_quotient
	// is cut; NULL for b = 0.
	{Name: "argo_div", Args: []ValueKind{Exact, Exact, BigInt}, Result: HugeInt, Eval: func(a []Value) (Value, error) {
		return divide(a[0], a[1], a[2].Int, false)
	}},
	{Name: "argo_quotient", Args: []ValueKind{Exact, Exact, BigInt}, Result: HugeInt, Eval: func(a []Value) (Value, error) {
		return divide(a[0], a[1], a[2].Int, true)
	}},
	// argo_mod(a, b) is the remainder of two numbers of one scale.
	{Name: "argo_mod", Args: []ValueKind{Exact, Exact}, Result: HugeInt, Eval: func(a []Value) (Value, error) {
		n, d := big128(a[0]), big128(a[1])
		if d.Sign() == 0 {
			return nothing()
		}
		return huge(n.Rem(n, d))
	}},
	// argo_round_digits(x, scale, n) keeps n digits after the point and rounds the
	// rest to zeros; argo_cut_digits cuts it.
	{Name: "argo_round_digits", Args: []ValueKind{Exact, BigInt, BigInt}, Result: HugeInt, Eval: func(a []Value) (Value, error) {
		return huge(zeroDigits(a, false))
	}},
	{Name: "argo_cut_digits", Args: []ValueKind{Exact, BigInt, BigInt}, Result: HugeInt, Eval: func(a []Value) (Value, error) {
		return huge(zeroDigits(a, true))
	}},
	{Name: "argo_round", Args: []ValueKind{Double, BigInt}, Result: Double, Eval: func(a []Value) (Value, error) {
		return double(roundDouble(a[0].Float, a[1].Int, math.RoundToEven))
	}},
	{Name: "argo_truncate", Args: []ValueKind{Double, BigInt}, Result: Double, Eval: func(a []Value) (Value, error) {
		return double(roundDouble(a[0].Float, a[1].Int, math.Trunc))
	}},
	// argo_format and argo_format_double are FORMAT(x, d) in en_US.
	{Name: "argo_format", Args: []ValueKind{Varchar, BigInt}, Result: Varchar, Eval: func(a []Value) (Value, error) {
		return text(formatNumber(a[0].Text, a[1].Int, false))
	}},
	{Name: "argo_format_double", Args: []ValueKind{Double, BigInt}, Result: Varchar, Eval: func(a []Value) (Value, error) {
		d := min(max(a[1].Int, 0), 30)
		f := roundDouble(a[0].Float, d, math.RoundToEven)
		return text(formatNumber(strconv.FormatFloat(f, 'f', -1, 64), d, math.Signbit(f)))
	}},
	{Name: "argo_conv", Args: []ValueKind{Varchar, BigInt, BigInt}, Result: Varchar, Eval: func(a []Value) (Value, error) {
		return conv(a[0].Text, a[1].Int, a[2].Int)
	}},
	{Name: "argo_crc32", Args: []ValueKind{Varchar}, Result: BigInt, Eval: func(a []Value) (Value, error) {
		return integer(int64(crc32.ChecksumIEEE([]byte(a[0].Text))))
	}},
	{Name: "argo_period_add", Args: []ValueKind{BigInt, BigInt}, Result: BigInt, Eval: func(a []Value) (Value, error) {
		if !isPeriod(a[0].Int) {
			return null, fault.New(fault.Invalid, "Incorrect arguments to period_add")
		}
		return integer(period(months(a[0].Int) + a[1].Int))
	}},
	{Name: "argo_period_diff", Args: []ValueKind{BigInt, BigInt}, Result: BigInt, Eval: func(a []Value) (Value, error) {
		if !isPeriod(a[0].Int) || !isPeriod(a[1].Int) {
			return null, fault.New(fault.Invalid, "Incorrect arguments to period_diff")
		}
		return integer(months(a[0].Int) - months(a[1].Int))
	}},
	// argo_log(base, x): LOG with a base.
	{Name: "argo_log", Args: []ValueKind{Double, Double}, Result: Double, Eval: func(a []Value) (Value, error) {
		b, x := a[0].Float, a[1].Float
		if b <= 0 || b == 1 || x <= 0 {
			return nothing()
		}
		return double(math.Log(x) / math.Log(b))
	}},
}

// outOfRange is MySQL's error 1690 of a kind of number.
func outOfRange(kind string) error {
	return fault.New(fault.Invalid, "%s value is out of range", kind)
}

// number gives the longest prefix of s that is a number, after white space.
func leadingNumber(s string) string {
	s = strings.TrimLeft(s, " \t\n\v\f\r")
	i, digits := 0, 0
	if i < len(s) && (s[i] == '+' || s[i] == '-') {
		i++
	}
	for ; i < len(s) && isDigit(s[i]); i++ {
		digits++
	}
	if i < len(s) && s[i] == '.' {
		j := i + 1
		for ; j < len(s) && isDigit(s[j]); j++ {
			digits++
		}
		i = j
	}
	if digits == 0 {
		return "0"
	}
	if i < len(s) && (s[i] == 'e' || s[i] == 'E') {
		j := i + 1
		if j < len(s) && (s[j] == '+' || s[j] == '-') {
			j++
		}
		if j < len(s) && isDigit(s[j]) {
			for j < len(s) && isDigit(s[j]) {
				j++
			}
			i = j
		}
	}
	return s[:i]
}

func isDigit(b byte) bool { return '0' <= b && b <= '9' }

// LeadingDouble is the number that MySQL takes a text for where it wants a
// DOUBLE: that of its longest numeric prefix, else 0.
func LeadingDouble(s string) float64 {
	f, err := strconv.ParseFloat(leadingNumber(s), 64)
	if err != nil && math.IsInf(f, 0) {
		return math.Copysign(math.MaxFloat64, f)
	}
	return f
}

func leadingDigits(s string) (digits string, negative bool) {
	s = strings.TrimLeft(s, " \t\n\v\f\r")
	if s != "" && (s[0] == '+' || s[0] == '-') {
		negative = s[0] == '-'
		s = s[1:]
	}
	n := 0
	for n < len(s) && isDigit(s[n]) {
		n++
	}
	return s[:n], negative
}

func leadingInt(s string) int64 {
	digits, negative := leadingDigits(s)
	u, err := strconv.ParseUint(digits, 10, 64)
	switch {
	case digits == "":
		return 0
	case negative && (err != nil || u > 1<<63):
		return math.MinInt64
	case negative:
		return -int64(u)
	case err != nil:
		return -1
	}
	return int64(u) // the bits of an unsigned one, as MySQL
}

func leadingUint(s string) uint64 {
	digits, negative := leadingDigits(s)
	if negative {
		return uint64(leadingInt(s))
	}
	u, err := strconv.ParseUint(digits, 10, 64)
	if err != nil && digits != "" {
		return math.MaxUint64
	}
	return u
}

func doubleInt(f float64) int64 {
	f = math.RoundToEven(f)
	switch {
	case f >= math.MaxInt64:
		return math.MaxInt64
	case f <= math.MinInt64:
		return math.MinInt64
	}
	return int64(f)
}

// DoubleText writes a DOUBLE as MySQL does: the shortest digits that read back
// as the same value, with an exponent below 1e-15 and from 1e15 on.
func DoubleText(f float64) string {
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(f, 'e', -1, 64), "e")
	e, _ := strconv.Atoi(exponent)
	if e >= -15 && e < 15 {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	return mantissa + "e" + strconv.Itoa(e)
}

// big128 and huge convert a HUGEINT.
func big128(v Value) *big.Int {
	n := new(big.Int).Lsh(big.NewInt(v.High), 64)
	return n.Add(n, new(big.Int).SetUint64(uint64(v.Int)))
}

func huge(n *big.Int) (Value, error) {
	if n.BitLen() > 127 {
		return null, outOfRange("DECIMAL")
	}
	low := new(big.Int).And(n, new(big.Int).SetUint64(math.MaxUint64)) // two's complement
	return Value{Int: int64(low.Uint64()), High: new(big.Int).Rsh(n, 64).Int64()}, nil
}

func pow10(n int64) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(n), nil) }

// roundDigits divides by 10^n, rounding half away from zero or cutting; a
// negative n multiplies.
func roundDigits(v *big.Int, n int64, cut bool) *big.Int {
	if n <= 0 {
		return v.Mul(v, pow10(min(-n, 100)))
	}
	p := pow10(min(n, 100))
	q, r := new(big.Int).QuoRem(v, p, new(big.Int))
	if !cut && r.Lsh(r, 1).CmpAbs(p) >= 0 {
		q.Add(q, big.NewInt(int64(v.Sign())))
	}
	return q
}

func zeroDigits(a []Value, cut bool) *big.Int {
	v, drop := big128(a[0]), a[1].Int-min(max(a[2].Int, -1000), 1000)
	if drop <= 0 {
		return v
	}
	q := roundDigits(v, drop, cut)
	return q.Mul(q, pow10(min(drop, 100)))
}

// clamp saturates to p digits, as MySQL's casts do.
func clamp(v *big.Int, p int64) *big.Int {
	if top := pow10(p); v.CmpAbs(top) >= 0 {
		top.Sub(top, big.NewInt(1))
		if v.Sign() < 0 {
			top.Neg(top)
		}
		return top
	}
	return v
}

// clampDecimal reads a number as DECIMAL(p,s), unscaled, rounding; cutDecimal
// cuts the digits that are too many.
func clampDecimal(number string, p, s int64) *big.Int { return readDecimal(number, p, s, false) }

func cutDecimal(number string, p, s int64) *big.Int { return readDecimal(number, p, s, true) }

func readDecimal(number string, p, s int64, cut bool) *big.Int {
	mantissa, exponent, _ := strings.Cut(strings.ToLower(number), "e")
	e, _ := strconv.ParseInt(exponent, 10, 32)
	whole, fraction, _ := strings.Cut(mantissa, ".")
	v, ok := new(big.Int).SetString(strings.TrimPrefix(whole+fraction, "+"), 10)
	if !ok {
		return new(big.Int)
	}
	if v.Sign() != 0 && e > 100 {
		e = 100 // saturates anyway
	}
	return clamp(roundDigits(v, int64(len(fraction))-e-s, cut), p)
}

// divide has a fast path for what fits into 64 bits, which is nearly all.
func divide(a, b Value, k int64, cut bool) (Value, error) {
	if b.Int == 0 && b.High == 0 {
		return nothing()
	}
	if small(a) && small(b) && 0 <= k && k < 19 {
		hi, lo := bits.Mul64(abs64(a.Int), uint64(pow10s[k]))
		d := abs64(b.Int)
		if hi < d {
			q, r := bits.Div64(hi, lo, d)
			if !cut && r >= d-r {
				q++
			}
			if q <= math.MaxInt64 {
				n := int64(q)
				if (a.Int < 0) != (b.Int < 0) {
					n = -n
				}
				return Value{Int: n, High: n >> 63}, nil
			}
		}
	}
	n, d := big128(a), big128(b)
	if k >= 0 {
		n.Mul(n, pow10(k))
	} else {
		d.Mul(d, pow10(-k))
	}
	q, r := new(big.Int).QuoRem(n, d, new(big.Int))
	if !cut && r.Lsh(r, 1).CmpAbs(d) >= 0 {
		q.Add(q, big.NewInt(int64(n.Sign()*d.Sign())))
	}
	return huge(q)
}

var pow10s = func() (p [19]int64) {
	p[0] = 1
	for i := 1; i < len(p); i++ {
		p[i] = p[i-1] * 10
	}
	return p
}()

func small(v Value) bool { return v.High == v.Int>>63 && v.Int != math.MinInt64 }

func abs64(n int64) uint64 {
	if n < 0 {
		return uint64(-n)
	}
	return uint64(n)
}

// roundDouble is MySQL's my_double_round: it scales, rounds and scales back.
func roundDouble(f float64, d int64, round func(float64) float64) float64 {
	scale := math.Pow(10, float64(min(abs64(d), 400)))
	if d < 0 {
		if math.IsInf(scale, 0) {
			return 0
		}
		return round(f/scale) * scale
	}
	if scaled := f * scale; !math.IsInf(scaled, 0) {
		return round(scaled) / scale
	}
	return f
}

// formatNumber rounds half away from zero to d digits and groups by thousands.
// negative keeps the sign of what is rounded to zero.
func formatNumber(number string, d int64, negative bool) string {
	d = min(max(d, 0), 30)
	v := clampDecimal(leadingNumber(number), 80, d)
	digits := new(big.Int).Abs(v).String()
	if pad := int(d) + 1 - len(digits); pad > 0 {
		digits = strings.Repeat("0", pad) + digits
	}
	whole, fraction := digits[:len(digits)-int(d)], digits[len(digits)-int(d):]
	var out strings.Builder
	if v.Sign() < 0 || negative {
		out.WriteByte('-')
	}
	for i, b := range []byte(whole) {
		if i > 0 && (len(whole)-i)%3 == 0 {
			out.WriteByte(',')
		}
		out.WriteByte(b)
	}
	if d > 0 {
		out.WriteString("." + fraction)
	}
	return out.String()
}

// conv is CONV: bases 2 to 36, a negative one for signed.
func conv(s string, from, to int64) (Value, error) {
	f, t := abs64(from), abs64(to)
	if f < 2 || f > 36 || t < 2 || t > 36 || s == "" {
		return nothing()
	}
	s = strings.ToLower(strings.TrimLeft(s, " "))
	negative := strings.HasPrefix(s, "-")
	s = strings.TrimLeft(s, "+-")
	var n uint64
	for _, b := range []byte(s) {
		var digit uint64
		switch {
		case isDigit(b):
			digit = uint64(b - '0')
		case 'a' <= b && b <= 'z':
			digit = uint64(b-'a') + 10
		default:
			digit = 99
		}
		if digit >= f {
			break
		}
		hi, lo := bits.Mul64(n, f)
		sum, carry := bits.Add64(lo, digit, 0)
		if hi != 0 || carry != 0 {
			n = math.MaxUint64
			break
		}
		n = sum
	}
	if negative {
		n = -n
	}
	if to < 0 {
		return text(strings.ToUpper(strconv.FormatInt(int64(n), int(t))))
	}
	return text(strings.ToUpper(strconv.FormatUint(n, int(t))))
}

func isPeriod(p int64) bool { return p > 0 && p%100 >= 1 && p%100 <= 12 }

// months and period convert the YYYYMM of PERIOD_ADD to months and back.
func months(p int64) int64 {
	y := p / 100
	if y < 70 {
		y += 2000
	} else if y < 100 {
		y += 1900
	}
	return y*12 + p%100 - 1
}

func period(m int64) int64 {
	if m == 0 {
		return 0
	}
	return m/12*100 + m%12 + 1
}
