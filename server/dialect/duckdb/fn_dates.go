package duckdb

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // named zones wherever Argo runs

	lru "github.com/hashicorp/golang-lru/v2"

	"argo/tables/fault"
)

// A MySQL TIME travels as a BIGINT of microseconds, which its range of ±838
// hours and its arithmetic need.

var dateFunctions = []Function{
	{Name: "argo_date", Args: []ValueKind{Varchar}, Result: Date, Eval: func(a []Value) (Value, error) {
		p, ok := parseDateTime(a[0].Text)
		return orNull(Value{Int: p.days()}, ok)
	}},
	// argo_datetime(text, fractional digits), argo_time(text, fractional digits).
	{Name: "argo_datetime", Args: []ValueKind{Varchar, BigInt}, Result: Timestamp, Eval: func(a []Value) (Value, error) {
		p, ok := parseDateTime(a[0].Text)
		if !ok {
			return nothing()
		}
		return instant(roundMicros(p.micros(), a[1].Int))
	}},
	{Name: "argo_time", Args: []ValueKind{Varchar, BigInt}, Result: BigInt, Eval: func(a []Value) (Value, error) {
		t, ok := parseTime(a[0].Text)
		return orNull(Value{Int: clampTime(roundMicros(t, a[1].Int))}, ok)
	}},
	{Name: "argo_number_datetime", Args: []ValueKind{BigInt}, Result: Timestamp, Eval: func(a []Value) (Value, error) {
		p, ok := numberDateTime(a[0].Int)
		return orNull(Value{Int: p.micros()}, ok)
	}},
	// argo_number_time takes an HHMMSS number in millionths.
	{Name: "argo_number_time", Args: []ValueKind{HugeInt, BigInt}, Result: BigInt, Eval: func(a []Value) (Value, error) {
		n := a[0].Int
		if !small(a[0]) {
			n = math.MaxInt64
		}
		t, ok := numberTime(n)
		return orNull(Value{Int: clampTime(roundMicros(t, a[1].Int))}, ok)
	}},
	// argo_round_micros(µs, fractional digits) rounds half up, as a stored DATETIME does.
	{Name: "argo_round_micros", Args: []ValueKind{BigInt, BigInt}, Result: BigInt, Eval: func(a []Value) (Value, error) {
		return integer(roundMicros(a[0].Int, a[1].Int))
	}},
	{Name: "argo_round_datetime", Args: []ValueKind{Timestamp, BigInt}, Result: Timestamp, Eval: func(a []Value) (Value, error) {
		return instant(roundMicros(a[0].Int, a[1].Int))
	}},
	{Name: "argo_clamp_time", Args: []ValueKind{BigInt}, Result: BigInt, Eval: func(a []Value) (Value, error) {
		return integer(clampTime(a[0].Int))
	}},
	{Name: "argo_datetime_text", Args: []ValueKind{Timestamp, BigInt}, Result: Varchar, Eval: func(a []Value) (Value, error) {
		return text(partsOf(a[0].Int).text(int(a[1].Int)))
	}},
	{Name: "argo_time_text", Args: []ValueKind{BigInt, BigInt}, Result: Varchar, Eval: func(a []Value) (Value, error) {
		return text(TimeText(time.Duration(a[0].Int)*time.Microsecond, int(a[1].Int)))
	}},
	{Name: "argo_date_format", Args: []ValueKind{Timestamp, Varchar}, Result: Varchar, Eval: func(a []Value) (Value, error) {
		s, ok := partsOf(a[0].Int).format(a[1].Text, false)
		return orNull(Value{Text: s}, ok)
	}},
	// The same of a DATE: DuckDB computes it once for each day of a dictionary.
	{Name: "argo_day_format", Args: []ValueKind{Date, Varchar}, Result: Varchar, Eval: func(a []Value) (Value, error) {
		s, ok := partsOf(a[0].Int*dayMicros).format(a[1].Text, false)
		return orNull(Value{Text: s}, ok)
	}},
	{Name: "argo_time_format", Args: []ValueKind{BigInt, Varchar}, Result: Varchar, Eval: func(a []Value) (Value, error) {
		t := a[0].Int
		p := parts{hour: int(abs64(t) / 3600e6), minute: int(abs64(t) / 60e6 % 60), second: int(abs64(t) / 1e6 % 60), micro: int(abs64(t) % 1e6)}
		s, ok := p.format(a[1].Text, true)
		if t < 0 {
			s = "-" + s
		}
		return orNull(Value{Text: s}, ok)
	}},
	// argo_date_add(when, n, unit, sign) takes the interval as MySQL writes it;
	// argo_date_add_text keeps a text a text.
	{Name: "argo_date_add", Args: []ValueKind{Timestamp, Varchar, Varchar, BigInt}, Result: Timestamp, Eval: func(a []Value) (Value, error) {
		i, err := parseInterval(a[1].Text, a[2].Text, a[3].Int)
		if err != nil {
			return null, err
		}
		p, ok := partsOf(a[0].Int).add(i)
		return orNull(Value{Int: p.micros()}, ok)
	}},
	{Name: "argo_date_add_text", Args: []ValueKind{Varchar, Varchar, Varchar, BigInt}, Result: Varchar, Eval: func(a []Value) (Value, error) {
		return addText(a[0].Text, a[1].Text, a[2].Text, a[3].Int)
	}},
	// argo_add(when, n, unit) is the common case of a whole number of a simple unit.
	{Name: "argo_add", Args: []ValueKind{Timestamp, BigInt, Varchar}, Result: Timestamp, Eval: func(a []Value) (Value, error) {
		i, err := simpleInterval(a[1].Int, a[2].Text)
		if err != nil {
			return null, err
		}
		p, ok := partsOf(a[0].Int).add(i)
		return orNull(Value{Int: p.micros()}, ok)
	}},
	{Name: "argo_add_day", Args: []ValueKind{Date, BigInt, Varchar}, Result: Date, Eval: func(a []Value) (Value, error) {
		i, err := simpleInterval(a[1].Int, a[2].Text)
		if err != nil {
			return null, err
		}
		if i.months == 0 {
			d := a[0].Int + i.days
			return orNull(Value{Int: d}, d >= -zeroDay && d <= maxDay)
		}
		p, ok := partsOf(a[0].Int * dayMicros).add(i)
		return orNull(Value{Int: p.days()}, ok)
	}},
	// argo_interval gives the microseconds of an interval without months.
	{Name: "argo_interval", Args: []ValueKind{Varchar, Varchar, BigInt}, Result: BigInt, Eval: func(a []Value) (Value, error) {
		i, err := parseInterval(a[0].Text, a[1].Text, a[2].Int)
		return orNull(Value{Int: clampTime(i.days*dayMicros + i.micros)}, err == nil && i.months == 0)
	}},
	{Name: "argo_week", Args: []ValueKind{Date, BigInt}, Result: BigInt, Eval: func(a []Value) (Value, error) {
		w, _ := partsOf(a[0].Int * dayMicros).week(weekMode(a[1].Int))
		return integer(int64(w))
	}},
	{Name: "argo_yearweek", Args: []ValueKind{Date, BigInt}, Result: BigInt, Eval: func(a []Value) (Value, error) {
		w, y := partsOf(a[0].Int * dayMicros).week(weekMode(a[1].Int) | weekYear)
		return integer(int64(y*100 + w))
	}},
	{Name: "argo_timestampdiff", Args: []ValueKind{Varchar, Timestamp, Timestamp}, Result: BigInt, Eval: func(a []Value) (Value, error) {
		return timestampDiff(a[0].Text, a[1].Int, a[2].Int)
	}},
	// argo_str_to_date gives the instant, argo_str_to_time the microseconds of the time.
	{Name: "argo_str_to_date", Args: []ValueKind{Varchar, Varchar}, Result: Timestamp, Eval: func(a []Value) (Value, error) {
		p, ok := scanDate(a[0].Text, a[1].Text)
		return orNull(Value{Int: p.micros()}, ok && p.valid())
	}},
	{Name: "argo_str_to_time", Args: []ValueKind{Varchar, Varchar}, Result: BigInt, Eval: func(a []Value) (Value, error) {
		p, ok := scanDate(a[0].Text, a[1].Text)
		return orNull(Value{Int: p.clock()}, ok)
	}},
	{Name: "argo_from_days", Args: []ValueKind{BigInt}, Result: Date, Eval: func(a []Value) (Value, error) {
		return orNull(Value{Int: a[0].Int - zeroDay}, a[0].Int > 0 && a[0].Int <= 3652424)
	}},
	// argo_unix(when, zone) gives microseconds since 1970, 0 before and after MySQL's range.
	{Name: "argo_unix", Args: []ValueKind{Timestamp, Varchar}, Result: BigInt, Eval: func(a []Value) (Value, error) {
		loc, err := zone(a[1].Text)
		if err != nil {
			return null, err
		}
		if n := inZone(a[0].Int, loc).UnixMicro(); n > 0 && n < maxUnix*1e6 {
			return integer(n)
		}
		return integer(0)
	}},
	// argo_from_unix(µs, zone).
	{Name: "argo_from_unix", Args: []ValueKind{BigInt, Varchar}, Result: Timestamp, Eval: func(a []Value) (Value, error) {
		loc, err := zone(a[1].Text)
		if err != nil {
			return null, err
		}
		if a[0].Int < 0 || a[0].Int >= maxUnix*1e6 {
			return nothing()
		}
		return integer(wall(time.UnixMicro(a[0].Int), loc))
	}},
	{Name: "argo_convert_tz", Args: []ValueKind{Timestamp, Varchar, Varchar}, Result: Timestamp, Eval: func(a []Value) (Value, error) {
		from, err := zone(a[1].Text)
		if err != nil {
			return nothing()
		}
		to, err := zone(a[2].Text)
		if err != nil {
			return nothing()
		}
		t := inZone(a[0].Int, from)
		if n := t.UnixMicro(); n <= 0 || n >= maxUnix*1e6 {
			return integer(a[0].Int)
		}
		return integer(wall(t, to))
	}},
	{Name: "argo_makedate", Args: []ValueKind{BigInt, BigInt}, Result: Date, Eval: func(a []Value) (Value, error) {
		y, n := a[0].Int, a[1].Int
		if y < 0 || y > 9999 || n <= 0 {
			return nothing()
		}
		if y < 100 {
			y = int64(fullYear(int(y)))
		}
		d := daysOf(int(y), 1, 1) + n - 1
		return orNull(Value{Int: d}, d <= maxDay)
	}},
	{Name: "argo_year", Args: []ValueKind{Varchar}, Result: BigInt, Eval: func(a []Value) (Value, error) {
		y, ok := parseYear(a[0].Text)
		return orNull(Value{Int: y}, ok)
	}},
	// argo_maketime(hour, minute, seconds in millionths).
	{Name: "argo_maketime", Args: []ValueKind{BigInt, BigInt, BigInt}, Result: BigInt, Eval: func(a []Value) (Value, error) {
		h, m, s := a[0].Int, a[1].Int, a[2].Int
		if m < 0 || m > 59 || s < 0 || s >= 60e6 {
			return nothing()
		}
		t := int64(min(abs64(h), 900))*3600e6 + m*60e6 + s
		if h < 0 {
			t = -t
		}
		return integer(clampTime(t))
	}},
	// argo_addtime_text(text, time, sign) keeps the kind of the text: an instant or a time.
	{Name: "argo_addtime_text", Args: []ValueKind{Varchar, Varchar, BigInt}, Result: Varchar, Eval: func(a []Value) (Value, error) {
		return addTimeText(a[0].Text, a[1].Text, a[2].Int)
	}},
	// argo_timediff_text(a, b): both instants or both times.
	{Name: "argo_timediff_text", Args: []ValueKind{Varchar, Varchar}, Result: BigInt, Eval: func(a []Value) (Value, error) {
		x, xdate, ok := parseEither(a[0].Text)
		y, ydate, ok2 := parseEither(a[1].Text)
		return orNull(Value{Int: clampTime(x - y)}, ok && ok2 && xdate == ydate)
	}},
}

// instant is NULL where it is beyond the year 9999.
func instant(micros int64) (Value, error) {
	return orNull(Value{Int: micros}, micros < (maxDay+1)*dayMicros)
}

const (
	dayMicros   = 86400 * 1000000
	zeroDay     = 719528 // TO_DAYS('1970-01-01')
	maxDay      = 2932896
	maxUnix     = 32536771200 // 3001-01-19 00:00:00
	maxTimeText = (838*3600 + 59*60 + 59) * int64(1e6)
)

// parts of an instant of the proleptic Gregorian calendar, without a zone.
type parts struct{ year, month, day, hour, minute, second, micro int }

func daysOf(y, m, d int) int64 {
	return time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC).Unix() / 86400
}

func (p parts) days() int64 {
	if p.year == 0 && p.month == 0 {
		return 0
	}
	u := time.Date(p.year, time.Month(p.month), p.day, 0, 0, 0, 0, time.UTC).Unix()
	return (u - (u%86400+86400)%86400) / 86400
}

func (p parts) clock() int64 {
	return int64(p.hour)*3600e6 + int64(p.minute)*60e6 + int64(p.second)*1e6 + int64(p.micro)
}

func (p parts) micros() int64 { return p.days()*dayMicros + p.clock() }

func partsOf(micros int64) parts {
	t := time.UnixMicro(micros).UTC()
	y, m, d := t.Date()
	return parts{y, int(m), d, t.Hour(), t.Minute(), t.Second(), t.Nanosecond() / 1000}
}

// valid says that it is a date: zero dates and zero months are not.
func (p parts) valid() bool {
	return p.year >= 0 && p.year <= 9999 && p.month >= 1 && p.month <= 12 && p.day >= 1 && p.day <= daysIn(p.year, p.month)
}

func daysIn(y, m int) int {
	return time.Date(y, time.Month(m)+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

func fullYear(y int) int {
	if y < 70 {
		return 2000 + y
	}
	return 1900 + y
}

func (p parts) text(scale int) string {
	s := fmt.Sprintf("%04d-%02d-%02d %02d:%02d:%02d", p.year, p.month, p.day, p.hour, p.minute, p.second)
	return s + fractionText(p.micro, scale)
}

func fractionText(micro, scale int) string {
	if scale <= 0 {
		return ""
	}
	return fmt.Sprintf(".%06d", micro)[:min(scale, 6)+1]
}

// TimeText writes a TIME as MySQL does, with scale fractional digits.
func TimeText(d time.Duration, scale int) string {
	sign := ""
	if d < 0 {
		sign, d = "-", -d
	}
	u := d.Microseconds()
	return fmt.Sprintf("%s%02d:%02d:%02d", sign, u/3600e6, u/60e6%60, u/1e6%60) + fractionText(int(u%1e6), scale)
}

func roundMicros(u, scale int64) int64 {
	if scale >= 6 || scale < 0 {
		return u
	}
	unit := pow10s[6-scale]
	half := unit / 2
	if u < 0 {
		return -((-u + half) / unit * unit)
	}
	return (u + half) / unit * unit
}

func clampTime(u int64) int64 { return min(max(u, -maxTimeText), maxTimeText) }

func isSpace(b byte) bool { return b == ' ' || '\t' <= b && b <= '\r' }

func isPunct(b byte) bool {
	return b > ' ' && b < 0x7F && !isDigit(b) && (b|0x20 < 'a' || b|0x20 > 'z')
}

// parseDateTime reads a text the way MySQL does: YYYY-MM-DD hh:mm:ss.ffffff
// with any punctuation, short fields, two-digit years, or digits alone; what
// follows is ignored. A zone offset converts to UTC. Zero dates are refused.
func parseDateTime(s string) (parts, bool) {
	p, n, ok := scanDateTime(s)
	return p, ok && n >= 3
}

func scanDateTime(s string) (p parts, fields int, ok bool) {
	s = strings.TrimLeft(s, " \t\n\v\f\r")
	digits := 0
	for digits < len(s) && (isDigit(s[digits]) || s[digits] == 'T') {
		digits++
	}
	if s == "" || !isDigit(s[0]) {
		return p, 0, false
	}
	bare := digits == len(s) || s[digits] == '.'
	width, yearDigits := 4, 4
	if bare && digits != 4 && digits != 8 && digits < 14 {
		width, yearDigits = 2, 2
	}
	var v [7]int
	i, offset := 0, 0
scan:
	for i < 7 && s != "" && isDigit(s[0]) {
		if i == 6 {
			width = 6
		}
		n := 0
		for n < len(s) && isDigit(s[n]) && (n < width || !bare && i != 6) {
			v[i] = v[i]*10 + int(s[n]-'0')
			if n++; v[i] > 999999 {
				return p, 0, false
			}
		}
		if i == 0 && !bare {
			yearDigits = n
		}
		if i == 6 {
			for k := n; k < 6; k++ {
				v[6] *= 10
			}
			if n < len(s) && isDigit(s[n]) && s[n] >= '5' {
				v[6]++
			}
			for n < len(s) && isDigit(s[n]) {
				n++
			}
		}
		s = s[n:]
		i++
		width = 2
		switch {
		case s == "":
			break scan
		case i == 3 && s[0] == 'T':
			s = s[1:]
			continue
		case i >= 6:
			if i == 6 && s[0] == '.' {
				s = s[1:]
				continue
			}
			if s[0] == '+' || s[0] == '-' {
				var good bool
				if offset, good = zoneOffset(s); !good || len(s) != 6 {
					return p, 0, false
				}
			}
			break scan
		}
		for s != "" && (isPunct(s[0]) || isSpace(s[0])) {
			if isSpace(s[0]) && i != 3 { // only between the day and the hour
				return p, 0, false
			}
			s = s[1:]
		}
	}
	if yearDigits == 2 {
		v[0] = fullYear(v[0])
	}
	p = parts{v[0], v[1], v[2], v[3], v[4], v[5], v[6]}
	if !p.valid() || p.hour > 23 || p.minute > 59 || p.second > 59 {
		return p, i, false
	}
	if offset != 0 || p.micro > 999999 {
		p = partsOf(p.micros() - int64(offset)*60e6)
	}
	return p, i, true
}

// zoneOffset reads ±hh:mm in minutes.
func zoneOffset(s string) (int, bool) {
	if len(s) < 6 || s[0] != '+' && s[0] != '-' || s[3] != ':' {
		return 0, false
	}
	h, err := strconv.Atoi(s[1:3])
	m, err2 := strconv.Atoi(s[4:6])
	n := h*60 + m
	if err != nil || err2 != nil || m > 59 || n > 14*60 {
		return 0, false
	}
	if s[0] == '-' {
		return -n, true
	}
	return n, true
}

// parseTime reads a TIME: [-][D ]hh:mm[:ss[.ffffff]], digits alone as hhmmss,
// or the time of an instant.
func parseTime(s string) (int64, bool) {
	s = strings.TrimLeft(s, " \t\n\v\f\r")
	negative := strings.HasPrefix(s, "-")
	s = strings.TrimPrefix(s, "-")
	if len(s) >= 12 {
		if p, n, ok := scanDateTime(s); ok && n > 3 {
			return p.clock(), true
		}
	}
	if s == "" || !isDigit(s[0]) && (s[0] != '.' || len(s) == 1 || !isDigit(s[1])) {
		return 0, false
	}
	next := func() int64 {
		var n int64
		for s != "" && isDigit(s[0]) {
			n = min(n*10+int64(s[0]-'0'), 1<<40)
			s = s[1:]
		}
		return n
	}
	first := next()
	var v [4]int64 // days, hours, minutes, seconds
	rest := strings.TrimLeft(s, " ")
	state := 0
	switch {
	case len(rest) > 1 && len(rest) < len(s) && isDigit(rest[0]):
		v[0], s, state = first, rest, 1
	case len(s) > 1 && s[0] == ':' && isDigit(s[1]):
		v[1], s, state = first, s[1:], 2
	default:
		v[1], v[2], v[3] = first/10000, first/100%100, first%100
	}
	for state > 0 {
		v[state] = next()
		state++
		if state == 4 || len(s) < 2 || s[0] != ':' || !isDigit(s[1]) {
			break
		}
		s = s[1:]
	}
	if v[2] > 59 || v[3] > 59 {
		return 0, false
	}
	u := min(v[0]*24+v[1], 900)*3600e6 + v[2]*60e6 + v[3]*1e6
	if len(s) > 1 && s[0] == '.' {
		u += fraction(s[1:])
		s = strings.TrimLeft(s[1:], "0123456789")
	}
	if len(s) > 1 && s[0]|0x20 == 'e' && (isDigit(s[1]) || len(s) > 2 && (s[1] == '+' || s[1] == '-') && isDigit(s[2])) {
		return 0, false // a number with an exponent is no time
	}
	if negative {
		u = -u
	}
	return u, true
}

// fraction gives the microseconds of digits after a decimal point, rounded.
func fraction(s string) int64 {
	var u int64
	for i := range 7 {
		d := int64(0)
		if i < len(s) && isDigit(s[i]) {
			d = int64(s[i] - '0')
		} else {
			s = s[:min(i, len(s))]
		}
		if i == 6 {
			return u + bit(d >= 5)
		}
		u = u*10 + d
	}
	return u
}

// parseEither reads an instant or a time; date says which.
func parseEither(s string) (micros int64, date, ok bool) {
	if strings.ContainsAny(strings.TrimPrefix(strings.TrimSpace(s), "-"), "-/") {
		p, ok := parseDateTime(s)
		return p.micros(), true, ok
	}
	t, ok := parseTime(s)
	return t, false, ok
}

// numberDateTime reads YYMMDD, YYYYMMDD, YYMMDDhhmmss and YYYYMMDDhhmmss.
func numberDateTime(n int64) (parts, bool) {
	switch {
	case n < 101:
		return parts{}, false
	case n <= 691231:
		n = (n + 20000000) * 1e6
	case n <= 991231:
		n = (n + 19000000) * 1e6
	case n <= 99991231:
		n *= 1e6
	case n <= 691231235959:
		n += 20000000000000
	case n <= 991231235959:
		n += 19000000000000
	}
	p := parts{int(n / 1e10), int(n / 1e8 % 100), int(n / 1e6 % 100), int(n / 1e4 % 100), int(n / 100 % 100), int(n % 100), 0}
	return p, p.valid() && p.hour < 24 && p.minute < 60 && p.second < 60
}

func numberTime(millionths int64) (int64, bool) {
	n, micro := int64(abs64(millionths))/1e6, int64(abs64(millionths))%1e6
	if n > 8385959 {
		if n < 1e10 {
			return 0, false
		}
		p, ok := numberDateTime(n)
		return p.clock() + micro, ok
	}
	h, m, s := n/10000, n/100%100, n%100
	u := h*3600e6 + m*60e6 + s*1e6 + micro
	if millionths < 0 {
		u = -u
	}
	return u, m < 60 && s < 60
}

// zones caches what TimeZone loads.
var zones, _ = lru.New[string, *time.Location](256)

// zone gives an IANA zone, an offset, or UTC for "" and SYSTEM.
func zone(name string) (*time.Location, error) {
	if loc, ok := zones.Get(name); ok {
		return loc, nil
	}
	var loc *time.Location
	if len(name) == 5 { // +9:00
		name = name[:1] + "0" + name[1:]
	}
	if o, ok := zoneOffset(name); ok && len(name) == 6 {
		loc = time.FixedZone(name, o*60)
	} else if name == "" || strings.EqualFold(name, "SYSTEM") {
		loc = time.UTC
	} else {
		var err error
		if loc, err = time.LoadLocation(name); err != nil {
			return nil, fault.New(fault.Invalid, "Unknown or incorrect time zone: '%s'", name)
		}
	}
	zones.Add(name, loc)
	return loc, nil
}

// inZone reads micros as the wall clock of loc.
func inZone(micros int64, loc *time.Location) time.Time {
	p := partsOf(micros)
	return time.Date(p.year, time.Month(p.month), p.day, p.hour, p.minute, p.second, p.micro*1000, loc)
}

// wall gives the wall clock of loc at t, in microseconds.
func wall(t time.Time, loc *time.Location) int64 {
	t = t.In(loc)
	_, offset := t.Zone()
	return t.UnixMicro() + int64(offset)*1e6
}

// timestampDiff counts whole units from a to b, towards zero.
func timestampDiff(unit string, a, b int64) (Value, error) {
	unit = strings.TrimPrefix(strings.ToLower(unit), "sql_tsi_")
	if n, ok := unitMicros[unit]; ok {
		return integer((b - a) / n)
	}
	sign := int64(1)
	if a > b {
		a, b, sign = b, a, -1
	}
	p, q := partsOf(a), partsOf(b)
	n := int64(q.year-p.year)*12 + int64(q.month-p.month)
	if q.day < p.day || q.day == p.day && q.clock() < p.clock() {
		n--
	}
	switch unit {
	case "month":
	case "quarter":
		n /= 3
	case "year":
		n /= 12
	default:
		return null, fault.New(fault.Unsupported, "TIMESTAMPDIFF with the unit %q is not supported", unit)
	}
	return integer(sign * n)
}
