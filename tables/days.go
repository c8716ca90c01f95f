package tables

import "time"

// Day is a calendar day "2006-01-02" in the account's own calendar. It is a
// string so that no time zone can slip in; "" is no day. Days compare as text.
type Day string

const dayLayout = "2006-01-02"

// DayOf is the day that t falls on in its own location.
func DayOf(t time.Time) Day { return Day(t.Format(dayLayout)) }

// ParseDay accepts exactly YYYY-MM-DD.
func ParseDay(s string) (Day, error) {
	t, err := time.Parse(dayLayout, s)
	if err != nil {
		return "", err
	}
	return DayOf(t), nil
}

// Time is midnight UTC of the day; the zero time for "" or a malformed day. It
// reads the digits itself: plans count days by the thousand.
func (d Day) Time() time.Time {
	if len(d) != len(dayLayout) || d[4] != '-' || d[7] != '-' {
		return time.Time{}
	}
	number := func(text Day) (n int) {
		for i := range len(text) {
			if text[i] < '0' || text[i] > '9' {
				return -1
			}
			n = 10*n + int(text[i]-'0')
		}
		return n
	}
	year, month, day := number(d[:4]), number(d[5:7]), number(d[8:])
	if year < 0 || month < 1 || month > 12 || day < 1 {
		return time.Time{}
	}
	t := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	if t.Day() != day { // 2026-02-30
		return time.Time{}
	}
	return t
}

// Add gives the day n days later.
func (d Day) Add(n int) Day {
	if d == "" {
		return ""
	}
	return DayOf(d.Time().AddDate(0, 0, n))
}

// Sub is the number of days from o to d.
func (d Day) Sub(o Day) int { return int(d.Time().Sub(o.Time()).Hours() / 24) }

// Days is an inclusive range; the zero value is "no days" of a table that has
// none (an entity table), which counts as one cell per account.
type Days struct{ From, To Day }

// IsZero says that the range is that of a table without days.
func (d Days) IsZero() bool { return d.From == "" && d.To == "" }

// Len is the number of days, 0 if From is after To or the range is zero.
func (d Days) Len() int {
	if d.IsZero() || d.From > d.To {
		return 0
	}
	return d.To.Sub(d.From) + 1
}

// Contains says whether day is in the range.
func (d Days) Contains(day Day) bool { return d.From <= day && day <= d.To }

// Intersect is the common part; ok is false where there is none.
func (d Days) Intersect(o Days) (Days, bool) {
	r := Days{max(d.From, o.From), min(d.To, o.To)}
	return r, r.From <= r.To
}

// Chunks cuts the range into pieces of at most n days, newest first; n <= 0
// does not cut.
func (d Days) Chunks(n int) []Days {
	if d.IsZero() || n <= 0 || d.Len() <= n {
		return []Days{d}
	}
	var out []Days
	for to := d.To; to >= d.From; {
		from := max(to.Add(1-n), d.From)
		out = append(out, Days{from, to})
		to = from.Add(-1)
	}
	return out
}
