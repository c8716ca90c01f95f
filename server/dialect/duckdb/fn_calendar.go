package duckdb

import (
	"math"
	"strconv"
	"strings"
	"time"

	"argo/tables/fault"
)

// The bits of a week mode within MySQL: WEEK's argument with the meaning of
// its bit 2 turned round for weeks that begin on Sunday.
const (
	weekMonday = 1 // weeks begin on Monday
	weekYear   = 2 // weeks 1 to 53: days before the first week are of the last year
	weekFirst  = 4 // week 1 is the first that begins in the year; else the first with four days
)

func weekMode(mode int64) int {
	m := int(mode & 7)
	if m&weekMonday == 0 {
		m ^= weekFirst
	}
	return m
}

func (p parts) weekday() int {
	return int(time.Date(p.year, time.Month(p.month), p.day, 0, 0, 0, 0, time.UTC).Weekday())
}

// week gives the number of the week of p and the year that the week is of.
func (p parts) week(mode int) (week, year int) {
	long := mode&weekYear != 0
	starts := func(weekday int) bool { // the week that holds 1 January is of the last year
		if mode&weekFirst != 0 {
			return weekday != 0
		}
		return weekday >= 4
	}
	day, first := parts{year: p.year, month: p.month, day: p.day}.days(), daysOf(p.year, 1, 1)
	weekday := parts{year: p.year, month: 1, day: 1}.weekday()
	if mode&weekMonday != 0 {
		weekday = (weekday + 6) % 7
	}
	year = p.year
	if p.month == 1 && p.day <= 7-weekday {
		if !long && starts(weekday) {
			return 0, year
		}
		long = true
		year--
		n := daysOf(year+1, 1, 1) - daysOf(year, 1, 1)
		first -= n
		weekday = (weekday + 53*7 - int(n)) % 7
	}
	days := int(day - first + int64(weekday))
	if starts(weekday) {
		days -= 7
	}
	if long && days >= 52*7 {
		weekday = (weekday + int(daysOf(year+1, 1, 1)-daysOf(year, 1, 1))) % 7
		if !starts(weekday) {
			return 1, year + 1
		}
	}
	return days/7 + 1, year
}

// format is DATE_FORMAT, or TIME_FORMAT for a time, which may be over a day.
// ok is false where MySQL gives NULL.
func (p parts) format(f string, clock bool) (string, bool) {
	if f == "" {
		return "", false
	}
	out := make([]byte, 0, 2*len(f)+8)
	put := func(width, n int) { // with leading zeros
		for digits := width - 1; digits > 0 && n < int(pow10s[digits]); digits-- {
			out = append(out, '0')
		}
		out = strconv.AppendInt(out, int64(n), 10)
	}
	clockText := func(hour int) {
		put(2, hour)
		out = append(out, ':')
		put(2, p.minute)
		out = append(out, ':')
		put(2, p.second)
	}
	say := func(s string) { out = append(out, s...) }
	for i := 0; i < len(f); i++ {
		if f[i] != '%' || i+1 == len(f) {
			out = append(out, f[i])
			continue
		}
		i++
		if clock && strings.IndexByte("aWMbjDUuVvXxw", f[i]) >= 0 {
			return "", false
		}
		half := (p.hour%24+11)%12 + 1
		switch f[i] {
		case 'Y':
			put(4, p.year)
		case 'y':
			put(2, p.year%100)
		case 'm':
			put(2, p.month)
		case 'c':
			put(1, p.month)
		case 'M':
			say(time.Month(p.month).String())
		case 'b':
			say(time.Month(p.month).String()[:3])
		case 'd':
			put(2, p.day)
		case 'e':
			put(1, p.day)
		case 'D':
			put(1, p.day)
			say(ordinal(p.day))
		case 'j':
			put(3, int(p.days()-daysOf(p.year, 1, 1))+1)
		case 'W':
			say(time.Weekday(p.weekday()).String())
		case 'a':
			say(time.Weekday(p.weekday()).String()[:3])
		case 'w':
			put(1, p.weekday())
		case 'H':
			put(2, p.hour)
		case 'k':
			put(1, p.hour)
		case 'h', 'I':
			put(2, half)
		case 'l':
			put(1, half)
		case 'i':
			put(2, p.minute)
		case 's', 'S':
			put(2, p.second)
		case 'f':
			put(6, p.micro)
		case 'p':
			say(meridiem(p.hour))
		case 'r':
			clockText(half)
			say(" " + meridiem(p.hour))
		case 'T':
			clockText(p.hour)
		case 'U', 'u', 'V', 'v', 'X', 'x':
			mode := weekFirst
			if f[i] >= 'a' {
				mode = weekMonday
			}
			if f[i]|0x20 != 'u' {
				mode |= weekYear
			}
			w, y := p.week(mode)
			if f[i]|0x20 == 'x' {
				put(4, y)
			} else {
				put(2, w)
			}
		default:
			out = append(out, f[i])
		}
	}
	return string(out), true
}

func ordinal(day int) string {
	if day/10 != 1 {
		switch day % 10 {
		case 1:
			return "st"
		case 2:
			return "nd"
		case 3:
			return "rd"
		}
	}
	return "th"
}

func meridiem(hour int) string {
	if hour%24 < 12 {
		return "AM"
	}
	return "PM"
}

// interval is what DATE_ADD adds.
type interval struct{ months, days, micros int64 }

// unitMicros are the simple units below the month.
var unitMicros = map[string]int64{
	"microsecond": 1, "second": 1e6, "minute": 60e6, "hour": 3600e6, "day": dayMicros, "week": 7 * dayMicros,
}

var unitMonths = map[string]int64{"month": 1, "quarter": 3, "year": 12}

// compound units: the micros (or months) of each field.
var compoundUnits = map[string][]int64{
	"second_microsecond": {1e6, 1},
	"minute_microsecond": {60e6, 1e6, 1},
	"minute_second":      {60e6, 1e6},
	"hour_microsecond":   {3600e6, 60e6, 1e6, 1},
	"hour_second":        {3600e6, 60e6, 1e6},
	"hour_minute":        {3600e6, 60e6},
	"day_microsecond":    {dayMicros, 3600e6, 60e6, 1e6, 1},
	"day_second":         {dayMicros, 3600e6, 60e6, 1e6},
	"day_minute":         {dayMicros, 3600e6, 60e6},
	"day_hour":           {dayMicros, 3600e6},
	"year_month":         {12, 1},
}

func simpleInterval(n int64, unit string) (interval, error) {
	unit = strings.TrimPrefix(strings.ToLower(unit), "sql_tsi_")
	if m, ok := unitMonths[unit]; ok {
		return interval{months: min(max(n, -200000), 200000) * m}, nil
	}
	u, ok := unitMicros[unit]
	if !ok {
		return interval{}, fault.New(fault.Unsupported, "the interval unit %q is not supported", unit)
	}
	if u >= dayMicros {
		return interval{days: min(max(n, -8000000), 8000000) * (u / dayMicros)}, nil
	}
	limit := int64(math.MaxInt64/4) / u
	return interval{micros: min(max(n, -limit), limit) * u}, nil
}

// parseInterval reads the text of an interval: a number, or for a compound
// unit groups of digits with anything between them, the last field last.
func parseInterval(s, unit string, sign int64) (interval, error) {
	unit = strings.TrimPrefix(strings.ToLower(unit), "sql_tsi_")
	fields, ok := compoundUnits[unit]
	if !ok {
		if unit == "second" {
			u := cutDecimal(leadingNumber(s), 18, 6).Int64()
			return interval{micros: sign * u}, nil
		}
		return simpleInterval(sign*max(leadingInt(s), -math.MaxInt64), unit)
	}
	s = strings.TrimLeft(s, " ")
	if strings.HasPrefix(s, "-") {
		sign = -sign
	}
	var v []int64
	for len(v) < len(fields) {
		for s != "" && !isDigit(s[0]) {
			s = s[1:]
		}
		if s == "" {
			break
		}
		n, digits := int64(0), 0
		for s != "" && isDigit(s[0]) {
			n = min(n*10+int64(s[0]-'0'), 1e12)
			s, digits = s[1:], digits+1
		}
		if len(v) == len(fields)-1 && strings.HasSuffix(unit, "microsecond") {
			for ; digits < 6; digits++ {
				n *= 10
			}
		}
		v = append(v, n)
	}
	var sum int64
	for i, n := range v {
		f := fields[len(fields)-len(v)+i]
		sum += min(n, math.MaxInt64/16/f) * f
	}
	if unit == "year_month" {
		return interval{months: sign * min(sum, 1e6)}, nil
	}
	return interval{micros: sign * sum}, nil
}

// add gives the instant after i; ok is false beyond the years 0 to 9999.
func (p parts) add(i interval) (parts, bool) {
	if i.months != 0 {
		m := int64(p.year)*12 + int64(p.month) - 1 + i.months
		if m < 0 || m >= 120000 {
			return p, false
		}
		p.year, p.month = int(m/12), int(m%12)+1
		p.day = min(p.day, daysIn(p.year, p.month))
	}
	if i.days != 0 || i.micros != 0 {
		days := p.days() + i.days
		clock := p.clock() + i.micros
		days += clock / dayMicros
		if clock %= dayMicros; clock < 0 {
			days, clock = days-1, clock+dayMicros
		}
		if days < -zeroDay || days > maxDay {
			return p, false
		}
		p = partsOf(days*dayMicros + clock)
	}
	return p, true
}

// addText is DATE_ADD of a text: the result is a date if the text was one and
// the unit is not smaller than a day.
func addText(s, n, unit string, sign int64) (Value, error) {
	i, err := parseInterval(n, unit, sign)
	if err != nil {
		return null, err
	}
	p, fields, ok := scanDateTime(s)
	if !ok || fields < 3 {
		return nothing()
	}
	if p, ok = p.add(i); !ok {
		return nothing()
	}
	if fields == 3 && wholeDays(unit) {
		return text(p.text(0)[:10])
	}
	return text(p.text(int(6 * bit(p.micro != 0))))
}

// wholeDays says that the unit leaves a DATE a DATE.
func wholeDays(unit string) bool {
	switch strings.TrimPrefix(strings.ToLower(unit), "sql_tsi_") {
	case "day", "week", "month", "quarter", "year", "year_month":
		return true
	}
	return false
}

func addTimeText(s, t string, sign int64) (Value, error) {
	by, ok := parseTime(t)
	if strings.ContainsAny(strings.TrimPrefix(strings.TrimSpace(t), "-"), "-/") {
		ok = false
	}
	at, date, ok2 := parseEither(s)
	if !ok || !ok2 {
		return nothing()
	}
	if date {
		p, ok := partsOf(at).add(interval{micros: sign * by})
		return orNull(Value{Text: p.text(int(6 * bit(p.micro != 0)))}, ok)
	}
	u := clampTime(at + sign*by)
	return text(TimeText(time.Duration(u)*time.Microsecond, int(6*bit(u%1e6 != 0))))
}

// scanDate is STR_TO_DATE. Fields that the format lacks are zero.
func scanDate(s, f string) (p parts, ok bool) {
	var half, pm, isHalf = 0, false, false
	yearDay, weekNo, weekOf, weekday, weekMonday := 0, -1, -1, -1, false
	number := func(width int) (int, bool) {
		n, i := 0, 0
		for i < width && i < len(s) && isDigit(s[i]) {
			n = n*10 + int(s[i]-'0')
			i++
		}
		s = s[i:]
		return n, i > 0
	}
	name := func(names func(int) string, from, to, short int) (int, bool) {
		for i := from; i <= to; i++ {
			n := names(i)
			if short > 0 {
				n = n[:short]
			}
			if len(s) >= len(n) && strings.EqualFold(s[:len(n)], n) {
				s = s[len(n):]
				return i, true
			}
		}
		return 0, false
	}
	month := func(i int) string { return time.Month(i).String() }
	day := func(i int) string { return time.Weekday(i % 7).String() }
	for strings.Contains(f, "%r") || strings.Contains(f, "%T") {
		f = strings.NewReplacer("%r", "%I:%i:%S %p", "%T", "%H:%i:%S").Replace(f)
	}
	for i := 0; i < len(f) && s != ""; i++ {
		if isSpace(f[i]) {
			s = strings.TrimLeft(s, " \t\n\v\f\r")
			continue
		}
		s = strings.TrimLeft(s, " \t\n\v\f\r")
		if f[i] != '%' || i+1 == len(f) {
			if s == "" || s[0] != f[i] {
				return p, false
			}
			s = s[1:]
			continue
		}
		i++
		good := true
		switch f[i] {
		case 'Y', 'X', 'x':
			before := len(s)
			var y int
			y, good = number(4)
			if before-len(s) <= 2 {
				y = fullYear(y)
			}
			if f[i] == 'Y' {
				p.year = y
			} else {
				weekOf = y
			}
		case 'y':
			p.year, good = number(2)
			p.year = fullYear(p.year)
		case 'm', 'c':
			p.month, good = number(2)
		case 'M':
			p.month, good = name(month, 1, 12, 0)
		case 'b':
			p.month, good = name(month, 1, 12, 3)
		case 'd', 'e':
			p.day, good = number(2)
		case 'D':
			p.day, good = number(2)
			s = s[min(2, len(s)):]
		case 'j':
			yearDay, good = number(3)
		case 'W':
			weekday, good = name(day, 1, 7, 0)
		case 'a':
			weekday, good = name(day, 1, 7, 3)
		case 'w':
			weekday, good = number(1)
		case 'U', 'u', 'V', 'v':
			weekNo, good = number(2)
			weekMonday = f[i]|0x20 == f[i]
		case 'H', 'k':
			p.hour, good = number(2)
		case 'h', 'I', 'l':
			half, good = number(2)
			isHalf = true
			good = good && half >= 1 && half <= 12
		case 'p':
			if len(s) < 2 || !strings.EqualFold(s[1:2], "m") || !isHalf {
				return p, false
			}
			pm = s[0]|0x20 == 'p'
			good = pm || s[0]|0x20 == 'a'
			s = s[2:]
		case 'i':
			p.minute, good = number(2)
		case 's', 'S':
			p.second, good = number(2)
		case 'f':
			before := len(s)
			p.micro, good = number(6)
			for n := before - len(s); n < 6; n++ {
				p.micro *= 10
			}
		case '.':
			s = strings.TrimLeftFunc(s, func(r rune) bool { return r < 128 && isPunct(byte(r)) })
		case '@':
			s = strings.TrimLeftFunc(s, func(r rune) bool { return r < 128 && (byte(r)|0x20) >= 'a' && (byte(r)|0x20) <= 'z' })
		case '#':
			s = strings.TrimLeft(s, "0123456789")
		default:
			return p, false
		}
		if !good {
			return p, false
		}
	}
	if isHalf {
		p.hour = half%12 + 12*int(bit(pm))
	}
	if p.hour > 23 || p.minute > 59 || p.second > 59 {
		return p, false
	}
	switch {
	case yearDay > 0:
		q := partsOf((daysOf(p.year, 1, 1) + int64(yearDay) - 1) * dayMicros)
		p.year, p.month, p.day = q.year, q.month, q.day
	case weekNo >= 0 && weekday >= 0 && (weekOf >= 0 || p.year > 0):
		y := max(weekOf, p.year)
		first := daysOf(y, 1, 1)
		w := parts{year: y, month: 1, day: 1}.weekday()
		if weekMonday {
			w = (w + 6) % 7
			if w >= 4 {
				first += 7
			}
			first += int64(weekNo-1)*7 - int64(w) + int64((weekday+6)%7)
		} else {
			if w != 0 {
				first += 7
			}
			first += int64(weekNo-1)*7 - int64(w) + int64(weekday%7)
		}
		q := partsOf(first * dayMicros)
		p.year, p.month, p.day = q.year, q.month, q.day
	}
	return p, true
}

// parseYear reads a YEAR: two digits are of 1970 to 2069.
func parseYear(s string) (int64, bool) {
	n, err := strconv.ParseInt(leadingNumber(s), 10, 64)
	if err != nil {
		return 0, false
	}
	return yearOf(n, len(strings.TrimSpace(s)) < 4)
}

func yearOf(n int64, short bool) (int64, bool) {
	switch {
	case n == 0 && !short:
		return 0, true
	case n >= 0 && n < 100:
		return int64(fullYear(int(n))), true
	}
	return n, n >= 1901 && n <= 2155
}
