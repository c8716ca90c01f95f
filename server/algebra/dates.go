package algebra

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"argo/tables"
)

// parseDate reads a text as MySQL reads a date or a datetime (str_to_datetime
// in mysys/my_time.cc): any punctuation, years of two digits, no punctuation at
// all, what follows is ignored. It gives a Lit of kind Date where the text has
// no time, and nil where it is no valid date.
func parseDate(s string) *Lit {
	s = strings.TrimLeft(s, " \t\n\r\v\f")
	n := 0
	for n < len(s) && digit(s[n]) {
		n++
	}
	if n == len(s) || s[n] == 'T' || s[n] == '.' && n > 4 {
		return compactDate(s[:n], s[n:])
	}
	var parts []int
	var widths []int
	fractionAt := ""
	i := 0
	for len(parts) < 6 && i < len(s) && digit(s[i]) {
		j := i
		for j < len(s) && digit(s[j]) && (j-i < 2 || len(parts) == 0 && j-i < 4) {
			j++
		}
		v, _ := strconv.Atoi(s[i:j])
		parts, widths = append(parts, v), append(widths, j-i)
		i = j
		if len(parts) == 6 {
			if i+1 < len(s) && s[i] == '.' && digit(s[i+1]) {
				fractionAt = s[i+1:]
			}
			break
		}
		if len(parts) == 3 {
			k := i
			for k < len(s) && s[k] == ' ' {
				k++
			}
			if k == i && i < len(s) && s[i] == 'T' {
				k++
			}
			if k == i && i < len(s) && punct(s[i]) {
				for k < len(s) && punct(s[k]) {
					k++
				}
			}
			if k == i || k >= len(s) || !digit(s[k]) {
				break
			}
			i = k
			continue
		}
		k := i
		for k < len(s) && punct(s[k]) {
			k++
		}
		if k == i {
			break
		}
		i = k
	}
	if len(parts) < 3 {
		return nil
	}
	if widths[0] <= 2 {
		parts[0] = century(parts[0])
	}
	return makeDate(parts, fractionAt)
}

func digit(b byte) bool { return b >= '0' && b <= '9' }
func punct(b byte) bool { return strings.IndexByte("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", b) >= 0 }

func century(y int) int {
	if y < 70 {
		return 2000 + y
	}
	return 1900 + y
}

// compactDate reads YYMMDD, YYYYMMDD, YYMMDDhhmmss and YYYYMMDDhhmmss.
func compactDate(s, rest string) *Lit {
	year := 2
	if len(s) == 8 || len(s) == 14 {
		year = 4
	} else if len(s) != 6 && len(s) != 12 {
		return nil
	}
	y, _ := strconv.Atoi(s[:year])
	if year == 2 {
		y = century(y)
	}
	parts := []int{y}
	for i := year; i+2 <= len(s); i += 2 {
		v, _ := strconv.Atoi(s[i : i+2])
		parts = append(parts, v)
	}
	frac := ""
	if len(parts) == 6 && len(rest) > 1 && rest[0] == '.' {
		frac = rest[1:]
	}
	return makeDate(parts, frac)
}

// numberDate reads a number as a date, nil where it is none.
func numberDate(n int64) *Lit {
	switch {
	case n < 1000000:
		return compactDate(fmt.Sprintf("%06d", n), "")
	case n <= 99991231:
		return compactDate(fmt.Sprintf("%08d", n), "")
	case n < 1000000000000:
		return compactDate(fmt.Sprintf("%012d", n), "")
	}
	return compactDate(fmt.Sprintf("%014d", n), "")
}

func makeDate(p []int, frac string) *Lit {
	day := fmt.Sprintf("%04d-%02d-%02d", p[0], p[1], p[2])
	d, err := tables.ParseDay(day)
	if err != nil || p[0] == 0 {
		return nil
	}
	if len(p) == 3 {
		return dayLit(d)
	}
	for len(p) < 6 {
		p = append(p, 0)
	}
	if p[3] > 23 || p[4] > 59 || p[5] > 59 {
		return nil
	}
	n := 0
	for n < len(frac) && digit(frac[n]) {
		n++
	}
	scale := min(n, 6)
	micros, _ := strconv.Atoi((frac[:scale] + "000000")[:6])
	t := d.Time().Add(time.Duration(p[3])*time.Hour + time.Duration(p[4])*time.Minute + time.Duration(p[5])*time.Second + time.Duration(micros)*time.Microsecond)
	if n > 6 && frac[6] >= '5' {
		t = t.Add(time.Microsecond)
	}
	return timeLit(t, scale)
}

// moment is the value of a constant date or datetime.
func moment(l *Lit) (time.Time, bool) {
	switch v := l.Value.(type) {
	case tables.Day:
		return v.Time(), true
	case time.Time:
		return v, true
	}
	return time.Time{}, false
}

// timeText is MySQL's text of a datetime.
func timeText(t time.Time, scale int) string {
	s := t.Format("2006-01-02 15:04:05")
	if scale > 0 {
		s += "." + fmt.Sprintf("%06d", t.Nanosecond()/1000)[:scale]
	}
	return s
}

// unitFields are the parts of the compound units, largest first.
var unitFields = map[string][]string{
	"YEAR_MONTH": {"YEAR", "MONTH"}, "DAY_HOUR": {"DAY", "HOUR"}, "DAY_MINUTE": {"DAY", "HOUR", "MINUTE"},
	"DAY_SECOND": {"DAY", "HOUR", "MINUTE", "SECOND"}, "HOUR_MINUTE": {"HOUR", "MINUTE"},
	"HOUR_SECOND": {"HOUR", "MINUTE", "SECOND"}, "MINUTE_SECOND": {"MINUTE", "SECOND"},
	"DAY_MICROSECOND":    {"DAY", "HOUR", "MINUTE", "SECOND", "MICROSECOND"},
	"HOUR_MICROSECOND":   {"HOUR", "MINUTE", "SECOND", "MICROSECOND"},
	"MINUTE_MICROSECOND": {"MINUTE", "SECOND", "MICROSECOND"},
	"SECOND_MICROSECOND": {"SECOND", "MICROSECOND"},
}

// addInterval adds n units, a number of micros with SECOND. A day that the
// month does not have becomes its last. ok is false outside of the years 1 to
// 9999 (NULL) and for units it does not know.
func addInterval(t time.Time, n int64, unit string) (time.Time, bool) {
	if n > 1e15 || n < -1e15 {
		return t, false
	}
	months := int64(0)
	switch unit {
	case "MICROSECOND", "SECOND", "MINUTE", "HOUR":
		step := map[string]int64{"MICROSECOND": 1, "SECOND": 1, "MINUTE": 60e6, "HOUR": 3600e6}[unit]
		if n > 1e17/step || n < -1e17/step {
			return t, false
		}
		days := n * step / 86400e6
		rest := n * step % 86400e6
		t = t.AddDate(0, 0, int(days)).Add(time.Duration(rest) * time.Microsecond)
	case "DAY", "WEEK":
		if unit == "WEEK" {
			n *= 7
		}
		if n > 4e6 || n < -4e6 {
			return t, false
		}
		t = t.AddDate(0, 0, int(n))
	case "MONTH":
		months = n
	case "QUARTER":
		months = 3 * n
	case "YEAR":
		months = 12 * n
	default:
		return t, false
	}
	if months != 0 {
		if months > 120000 || months < -120000 {
			return t, false
		}
		first := time.Date(t.Year(), t.Month(), 1, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC).AddDate(0, int(months), 0)
		last := first.AddDate(0, 1, -1).Day()
		t = first.AddDate(0, 0, min(t.Day(), last)-1)
	}
	return t, t.Year() >= 1 && t.Year() <= 9999
}

// addCompound adds a compound interval such as '1:30' MINUTE_SECOND; fewer
// numbers than fields are the last fields.
func addCompound(t time.Time, s, unit string, sign int64) (time.Time, bool) {
	fields := unitFields[unit]
	if fields == nil {
		return t, false
	}
	s = strings.TrimSpace(s)
	if strings.HasPrefix(s, "-") {
		sign, s = -sign, s[1:]
	}
	groups := strings.FieldsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
	if len(groups) == 0 || len(groups) > len(fields) {
		return t, false
	}
	ok := true
	fields = fields[len(fields)-len(groups):]
	// months first: the day of the month is clamped before days are added
	for i, f := range fields {
		g := groups[i]
		if f == "MICROSECOND" {
			g = (g + "000000")[:6]
		}
		n, err := strconv.ParseInt(g, 10, 64)
		if err != nil {
			return t, false
		}
		if f == "SECOND" {
			n *= 1e6
		}
		if unit == "YEAR_MONTH" && f == "YEAR" {
			f, n = "MONTH", 12*n
		}
		if t, ok = addInterval(t, sign*n, f); !ok {
			return t, false
		}
	}
	return t, true
}

// formatDate is DATE_FORMAT; ok is false for specifiers of weeks, which are
// left to the target.
func formatDate(t time.Time, f string) (string, bool) {
	var b strings.Builder
	hour12 := (t.Hour()+11)%12 + 1
	for i := 0; i < len(f); i++ {
		if f[i] != '%' || i+1 == len(f) {
			b.WriteByte(f[i])
			continue
		}
		i++
		switch f[i] {
		case 'Y':
			fmt.Fprintf(&b, "%04d", t.Year())
		case 'y':
			fmt.Fprintf(&b, "%02d", t.Year()%100)
		case 'm':
			fmt.Fprintf(&b, "%02d", int(t.Month()))
		case 'c':
			fmt.Fprintf(&b, "%d", int(t.Month()))
		case 'M':
			b.WriteString(t.Month().String())
		case 'b':
			b.WriteString(t.Month().String()[:3])
		case 'd':
			fmt.Fprintf(&b, "%02d", t.Day())
		case 'e':
			fmt.Fprintf(&b, "%d", t.Day())
		case 'D':
			fmt.Fprintf(&b, "%d%s", t.Day(), ordinal(t.Day()))
		case 'j':
			fmt.Fprintf(&b, "%03d", t.YearDay())
		case 'H':
			fmt.Fprintf(&b, "%02d", t.Hour())
		case 'k':
			fmt.Fprintf(&b, "%d", t.Hour())
		case 'h', 'I':
			fmt.Fprintf(&b, "%02d", hour12)
		case 'l':
			fmt.Fprintf(&b, "%d", hour12)
		case 'i':
			fmt.Fprintf(&b, "%02d", t.Minute())
		case 's', 'S':
			fmt.Fprintf(&b, "%02d", t.Second())
		case 'f':
			fmt.Fprintf(&b, "%06d", t.Nanosecond()/1000)
		case 'p':
			b.WriteString(t.Format("PM"))
		case 'r':
			fmt.Fprintf(&b, "%02d:%02d:%02d %s", hour12, t.Minute(), t.Second(), t.Format("PM"))
		case 'T':
			b.WriteString(t.Format("15:04:05"))
		case 'w':
			fmt.Fprintf(&b, "%d", int(t.Weekday()))
		case 'W':
			b.WriteString(t.Weekday().String())
		case 'a':
			b.WriteString(t.Weekday().String()[:3])
		case 'u', 'U', 'v', 'V', 'x', 'X':
			return "", false
		default:
			b.WriteByte(f[i])
		}
	}
	return b.String(), true
}

func ordinal(n int) string {
	if n/10%10 != 1 {
		switch n % 10 {
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
