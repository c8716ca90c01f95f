package mapping

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"argo/tables"
)

// Layout is a format of days and times: the directives of STR_TO_DATE, %z for an
// offset (+09:00, +0900, Z), or one of the words unix and unix_ms.
type Layout struct {
	Text                   string
	special                string
	parts                  []part
	dated, clocked, offset bool
}

// part is a directive, or with directive 0 a literal.
type part struct {
	directive byte
	literal   string
}

var months = [...]string{"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"}

func layouts(texts ...string) (out []*Layout) {
	for _, t := range texts {
		l, err := ParseLayout(t)
		if err != nil {
			panic(err)
		}
		out = append(out, l)
	}
	return out
}

var (
	isoDates = layouts("%Y-%m-%d")
	isoTimes = layouts("%Y-%m-%dT%T%z", "%Y-%m-%dT%T.%f%z", "%Y-%m-%d %T", "%Y-%m-%dT%T", "%Y-%m-%d %T.%f", "%Y-%m-%dT%T.%f", "%Y-%m-%d %T%z", "%Y-%m-%d %T.%f%z", "%Y-%m-%d %T %z")
)

// ParseLayout reads a format.
func ParseLayout(text string) (*Layout, error) {
	l := &Layout{Text: text}
	if text == "unix" || text == "unix_ms" {
		l.special, l.dated, l.clocked = text, true, true
		return l, nil
	}
	var seen [256]bool
	rest := text
	for rest != "" {
		i := strings.IndexByte(rest, '%')
		if i < 0 {
			i = len(rest)
		}
		if i > 0 {
			l.parts = append(l.parts, part{literal: rest[:i]})
			rest = rest[i:]
			continue
		}
		if len(rest) < 2 {
			return nil, fmt.Errorf("%q ends in %%", text)
		}
		d := rest[1]
		rest = rest[2:]
		switch d {
		case '%':
			l.parts = append(l.parts, part{literal: "%"})
			continue
		case 'T':
			rest = "%H:%i:%s" + rest
			continue
		case 'c':
			d = 'm'
		case 'e':
			d = 'd'
		case 'k':
			d = 'H'
		case 'h', 'l':
			d = 'I'
		case 'S':
			d = 's'
		case 'W':
			d = 'a'
		case 'Y', 'y', 'm', 'd', 'H', 'I', 'i', 's', 'f', 'p', 'b', 'M', 'z', 'a':
		default:
			return nil, fmt.Errorf("%q: %%%c is not known; there are %%Y %%y %%m %%d %%H %%I %%i %%s %%f %%p %%b %%M %%a %%T %%z, unix and unix_ms", text, d)
		}
		if seen[d] {
			return nil, fmt.Errorf("%q has %%%c twice", text, d)
		}
		seen[d] = true
		l.parts = append(l.parts, part{directive: d})
	}
	for d := range seen {
		if seen[d] && strings.IndexByte("HIisfpz", byte(d)) >= 0 {
			l.clocked = true
		}
	}
	l.offset = seen['z']
	l.dated = (seen['Y'] || seen['y']) && (seen['m'] || seen['b'] || seen['M']) && seen['d']
	if !l.dated {
		return nil, fmt.Errorf("%q is no format of a day: it needs %%Y, %%m and %%d, for example %%Y-%%m-%%d", text)
	}
	return l, nil
}

// Parse reads all of s; a time without an offset is of zone.
func (l *Layout) Parse(s string, zone *time.Location) (time.Time, bool) {
	if l.special != "" {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil || n > 1e15 || n < -1e15 {
			return time.Time{}, false
		}
		if l.special == "unix" {
			return time.Unix(n, 0).In(zone), true
		}
		return time.UnixMilli(n).In(zone), true
	}
	year, month, day, hour, minute, second, nanos := 0, 1, 1, 0, 0, 0, 0
	half := -1
	twelve := false
	number := func(least, most int) (int, bool) {
		n, i := 0, 0
		for i < most && i < len(s) && s[i] >= '0' && s[i] <= '9' {
			n = 10*n + int(s[i]-'0')
			i++
		}
		s = s[i:]
		return n, i >= least
	}
	for _, p := range l.parts {
		ok := true
		switch p.directive {
		case 0:
			for _, c := range []byte(p.literal) {
				if s == "" || s[0] != c {
					return time.Time{}, false
				}
				s = s[1:]
			}
		case 'Y':
			year, ok = number(4, 4)
		case 'y':
			if year, ok = number(2, 2); year < 70 {
				year += 100
			}
			year += 1900
		case 'm':
			month, ok = number(1, 2)
		case 'd':
			day, ok = number(1, 2)
		case 'H':
			hour, ok = number(1, 2)
		case 'I':
			hour, ok = number(1, 2)
			twelve = true
			ok = ok && hour >= 1 && hour <= 12
		case 'i':
			minute, ok = number(1, 2)
		case 's':
			second, ok = number(1, 2)
		case 'f':
			before := len(s)
			if nanos, ok = number(1, 9); ok {
				for range 9 - (before - len(s)) {
					nanos *= 10
				}
			}
		case 'b', 'M':
			ok = false
			for i, name := range months {
				if p.directive == 'b' {
					name = name[:3]
				}
				if len(s) >= len(name) && strings.EqualFold(s[:len(name)], name) {
					month, s, ok = i+1, s[len(name):], true
					break
				}
			}
		case 'p':
			ok = false
			for word, h := range map[string]int{"AM": 0, "PM": 1, "am": 0, "pm": 1, "오전": 0, "오후": 1, "午前": 0, "午後": 1} {
				if t, found := strings.CutPrefix(s, word); found {
					s, half, ok = t, h, true
					break
				}
			}
		case 'a':
			i := strings.IndexFunc(s, func(r rune) bool { return r < 128 && (r < 'A' || r > 'z') })
			if i < 0 {
				i = len(s)
			}
			s, ok = s[i:], i > 0
		case 'z':
			var offset int
			if offset, s, ok = zoneOffset(s); ok {
				zone = time.FixedZone("", offset)
			}
		}
		if !ok {
			return time.Time{}, false
		}
	}
	if twelve != (half >= 0) && half >= 0 || twelve && half < 0 {
		return time.Time{}, false
	}
	if twelve {
		hour = hour%12 + 12*half
	}
	if s != "" || month < 1 || month > 12 || hour > 23 || minute > 59 || second > 59 {
		return time.Time{}, false
	}
	t := time.Date(year, time.Month(month), day, hour, minute, second, nanos, zone)
	if day < 1 || day > 31 || time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC).Day() != day {
		return time.Time{}, false
	}
	return t, true
}

func zoneOffset(s string) (seconds int, rest string, ok bool) {
	if t, ok := strings.CutPrefix(s, "Z"); ok {
		return 0, t, true
	}
	if len(s) < 5 || s[0] != '+' && s[0] != '-' {
		return 0, s, false
	}
	h, err := strconv.Atoi(s[1:3])
	rest = strings.TrimPrefix(s[3:], ":")
	if err != nil || len(rest) < 2 || s[1] < '0' || s[1] > '9' {
		return 0, s, false
	}
	m, err := strconv.Atoi(rest[:2])
	if err != nil || h > 15 || m > 59 || rest[0] < '0' || rest[0] > '9' {
		return 0, s, false
	}
	seconds = h*3600 + m*60
	if s[0] == '-' {
		seconds = -seconds
	}
	return seconds, rest[2:], true
}

// Format writes the beginning of a day of zone. A format with a name of a
// weekday cannot be written.
func (l *Layout) Format(d tables.Day, zone *time.Location) string {
	t := d.Time()
	t = time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, zone)
	switch l.special {
	case "unix":
		return strconv.FormatInt(t.Unix(), 10)
	case "unix_ms":
		return strconv.FormatInt(t.UnixMilli(), 10)
	}
	var b strings.Builder
	for _, p := range l.parts {
		b.WriteString(p.literal)
		if p.directive != 0 {
			b.WriteString(t.Format(map[byte]string{'Y': "2006", 'y': "06", 'm': "01", 'd': "02", 'H': "15", 'I': "03", 'i': "04", 's': "05",
				'f': "000000", 'p': "PM", 'b': "Jan", 'M': "January", 'a': "Mon", 'z': "-07:00"}[p.directive]))
		}
	}
	return b.String()
}

// Numeric says that what Format writes is a number.
func (l *Layout) Numeric() bool { return l.special != "" }
