package lake

import (
	"fmt"
	"strings"
	"time"

	"argo/tables"
)

// Dates are recognised in these shapes, a time of day may follow:
//
//	2026-08-31  2026/8/31  2026.08.31  2026. 8. 31.   year first
//	31-08-2023  31/8/2023  31.08.2023                 day first, or
//	08-31-2023  8/31/2023  08.31.2023                 month first
//	31-Aug-2023  31 August 2023  Aug 31, 2023         month by name
//
// Whether the day or the month comes first is decided by all values of a
// column: see stats. Eight digits without a separator are a number.
type temporal struct {
	day        int64 // days since 1970-01-01
	micros     int64 // of the day, less the offset from UTC
	timed      bool  // has a time of day
	ambivalent bool  // day or month first
}

func (t temporal) time() time.Time { return time.Unix(t.day*86400, t.micros*1000).UTC() }

func (t temporal) date() tables.Day { return tables.DayOf(t.time()) }

// scanner walks over a short text.
type scanner struct {
	s string
	i int
}

func (c *scanner) done() bool { return c.i == len(c.s) }

func (c *scanner) peek() byte {
	if c.done() {
		return 0
	}
	return c.s[c.i]
}

func (c *scanner) eat(b byte) bool {
	if c.peek() != b || c.done() {
		return false
	}
	c.i++
	return true
}

// digits reads a number of at most nine digits and says how many there were.
func (c *scanner) digits() (n, width int) {
	for c.i < len(c.s) && c.s[c.i]-'0' <= 9 && width < 9 {
		n = n*10 + int(c.s[c.i]-'0')
		c.i++
		width++
	}
	return n, width
}

var monthNames = [...]string{"january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december"}

// month reads an English month, in full or by its first three letters.
func (c *scanner) month() int {
	start := c.i
	for c.i < len(c.s) && (c.s[c.i]|0x20) >= 'a' && (c.s[c.i]|0x20) <= 'z' {
		c.i++
	}
	word := c.s[start:c.i]
	if len(word) < 3 || len(word) > 9 {
		return 0
	}
	for i, name := range monthNames {
		if len(word) == 3 && strings.EqualFold(word, name[:3]) || strings.EqualFold(word, name) ||
			i == 8 && strings.EqualFold(word, "sept") {
			return i + 1
		}
	}
	return 0
}

// parseTemporal reads a date, or a date with a time. monthFirst decides an
// ambivalent one; ok is false where that reading is no day of the calendar.
func parseTemporal(s string, monthFirst bool) (t temporal, ok bool) {
	c := &scanner{s: s}
	var year, month, day int
	a, width := c.digits()
	switch sep := c.peek(); {
	case width == 4 && (sep == '-' || sep == '/' || sep == '.'):
		c.i++
		c.dotSpace(sep)
		var w1, w2 int
		month, w1 = c.digits()
		if !c.eat(sep) || w1 < 1 || w1 > 2 {
			return t, false
		}
		c.dotSpace(sep)
		if day, w2 = c.digits(); w2 < 1 || w2 > 2 {
			return t, false
		}
		if sep == '.' {
			c.eat('.')
		}
		year = a
	case (width == 1 || width == 2) && (sep == '-' || sep == '/' || sep == '.' || sep == ' '):
		c.i++
		day = a
		if next := c.peek(); next > '9' {
			if month = c.month(); month == 0 || !c.eat(sep) {
				return t, false
			}
		} else {
			var w int
			month, w = c.digits()
			if sep == ' ' || w < 1 || w > 2 || !c.eat(sep) {
				return t, false
			}
			t.ambivalent = true
			if monthFirst {
				day, month = month, day
			}
		}
		var w int
		if year, w = c.digits(); w != 4 {
			return t, false
		}
	case width == 0:
		var w1, w2 int
		if month = c.month(); month == 0 || !c.eat(' ') {
			return t, false
		}
		day, w1 = c.digits()
		c.eat(',')
		if w1 < 1 || w1 > 2 || !c.eat(' ') {
			return t, false
		}
		if year, w2 = c.digits(); w2 != 4 {
			return t, false
		}
	default:
		return t, false
	}
	if t.day, ok = dayNumber(year, month, day); !ok {
		return t, false
	}
	if c.done() {
		return t, true
	}
	t.timed = true
	c.eat(',')
	if !c.eat('T') && !c.eat(' ') {
		return t, false
	}
	t.micros, ok = c.clock()
	return t, ok && c.done()
}

// dotSpace skips the blank that Korean dates have behind a point.
func (c *scanner) dotSpace(sep byte) {
	if sep == '.' {
		c.eat(' ')
	}
}

func dayNumber(year, month, day int) (int64, bool) {
	if year < 1 || month < 1 || month > 12 || day < 1 || day > 31 {
		return 0, false
	}
	t := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	return floorDiv(t.Unix(), 86400), t.Day() == day
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// clock reads 14:05, 14:05:06.123456, 2:05 PM, with Z, UTC or an offset.
func (c *scanner) clock() (micros int64, ok bool) {
	h, w := c.digits()
	if w < 1 || w > 2 || !c.eat(':') {
		return 0, false
	}
	m, w := c.digits()
	if w != 2 {
		return 0, false
	}
	var s, fraction int
	if c.eat(':') {
		if s, w = c.digits(); w != 2 {
			return 0, false
		}
		if c.eat('.') {
			if fraction, ok = c.fraction(); !ok {
				return 0, false
			}
		}
	}
	rest := strings.TrimPrefix(c.s[c.i:], " ")
	if half := strings.ToUpper(rest[:min(2, len(rest))]); half == "AM" || half == "PM" {
		if h < 1 || h > 12 {
			return 0, false
		}
		h %= 12
		if half == "PM" {
			h += 12
		}
		rest = strings.TrimPrefix(rest[2:], " ")
	}
	if h > 23 || m > 59 || s > 59 {
		return 0, false
	}
	offset, ok := parseOffset(rest)
	c.i = len(c.s)
	return (int64(h*3600+m*60+s)-offset)*1e6 + int64(fraction), ok
}

// fraction reads the digits behind a second as microseconds; finer ones than
// DATETIME(6) holds must be zero.
func (c *scanner) fraction() (micros int, ok bool) {
	width := 0
	for ; c.i < len(c.s) && c.s[c.i]-'0' <= 9; c.i++ {
		d := int(c.s[c.i] - '0')
		switch {
		case width < 6:
			micros = micros*10 + d
		case d != 0:
			return 0, false
		}
		width++
	}
	for i := width; i < 6; i++ {
		micros *= 10
	}
	return micros, width > 0
}

// parseOffset reads "", Z, UTC, GMT, +09, +0900 or +09:00, in seconds.
func parseOffset(s string) (seconds int64, ok bool) {
	switch s {
	case "", "Z", "z", "UTC", "GMT":
		return 0, true
	}
	c := &scanner{s: s}
	sign := int64(1)
	switch {
	case c.eat('-'):
		sign = -1
	case !c.eat('+'):
		return 0, false
	}
	h, w := c.digits()
	m := 0
	if w == 4 {
		h, m = h/100, h%100
	} else if w != 2 {
		return 0, false
	} else if c.eat(':') {
		if m, w = c.digits(); w != 2 {
			return 0, false
		}
	}
	return sign * int64(h*3600+m*60), c.done() && h <= 15 && m <= 59
}

// layout is a date format in the spelling of MySQL's STR_TO_DATE.
type layout struct {
	text  string
	timed bool
}

const layoutVerbs = "YymcdebMHkhIliSsfpTr%"

// parseLayout checks a format; it must name the year, the month and the day.
func parseLayout(text string) (layout, error) {
	l := layout{text: text}
	var has [256]bool
	for i := 0; i < len(text); i++ {
		if text[i] != '%' {
			continue
		}
		i++
		if i == len(text) || strings.IndexByte(layoutVerbs, text[i]) < 0 {
			return l, fmt.Errorf("%q: use STR_TO_DATE's specifiers, such as %%d-%%m-%%Y or %%Y%%m%%d %%H:%%i:%%s", text)
		}
		has[text[i]] = true
		if strings.IndexByte("YymcdebM%", text[i]) < 0 {
			l.timed = true
		}
	}
	if !(has['Y'] || has['y']) || !(has['m'] || has['c'] || has['b'] || has['M']) || !(has['d'] || has['e']) {
		return l, fmt.Errorf("%q names no full date: it needs a year (%%Y), a month (%%m) and a day (%%d)", text)
	}
	return l, nil
}

// parse reads s by the layout, to its end. Two-digit years are 1970 to 2069,
// as in MySQL.
func (l layout) parse(s string) (t temporal, ok bool) {
	c := &scanner{s: s}
	var year, month, day, h, m, sec, micros int
	half := ""
	read := func(max int) (n int) {
		start, width := c.i, 0
		if n, width = c.digits(); width > max {
			n, c.i = 0, start
			for range max {
				n = n*10 + int(c.s[c.i]-'0')
				c.i++
			}
		}
		ok = ok && width > 0
		return n
	}
	ok = true
	format := strings.NewReplacer("%T", "%H:%i:%s", "%r", "%h:%i:%s %p").Replace(l.text)
	for i := 0; i < len(format) && ok; i++ {
		if format[i] != '%' {
			ok = c.eat(format[i])
			continue
		}
		i++
		switch format[i] {
		case 'Y':
			year = read(4)
		case 'y':
			if year = read(2) + 1900; year < 1970 {
				year += 100
			}
		case 'm', 'c':
			month = read(2)
		case 'd', 'e':
			day = read(2)
		case 'b', 'M':
			month = c.month()
		case 'H', 'k':
			h = read(2)
		case 'h', 'I', 'l':
			h = read(2)
			ok = ok && h >= 1 && h <= 12
			if half == "" {
				half = "?"
			}
		case 'i':
			m = read(2)
		case 'S', 's':
			sec = read(2)
		case 'f':
			micros, ok = c.fraction()
		case 'p':
			half = strings.ToUpper(s[c.i:min(c.i+2, len(s))])
			ok = half == "AM" || half == "PM"
			c.i = min(c.i+2, len(s))
		case '%':
			ok = c.eat('%')
		}
	}
	if half != "" {
		h %= 12
		if half == "PM" {
			h += 12
		}
	}
	if !ok || !c.done() || h > 23 || m > 59 || sec > 59 {
		return t, false
	}
	t.day, ok = dayNumber(year, month, day)
	t.micros, t.timed = int64(h*3600+m*60+sec)*1e6+int64(micros), l.timed
	return t, ok
}
