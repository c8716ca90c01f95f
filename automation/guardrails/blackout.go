package guardrails

import (
	"slices"
	"strings"
	"time"

	"argo/automation"
	"argo/tables"
	"argo/tables/fault"
)

type window struct {
	Days string `json:"days,omitempty"` // "mon,tue,sat"; "" is every day; of a window over midnight the day it begins
	From string `json:"from"`           // "22:00"
	To   string `json:"to"`             // "06:00": the next day
}

type blackoutParams struct {
	only
	Windows []window `json:"windows"`
	Dates   []string `json:"dates,omitempty"` // "2026-12-25": the whole day
	Zone    string   `json:"zone"`            // IANA; "" is the account's own
}

var weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// blackout holds changes at times of the day, the week or the year.
var blackout = kind("blackout", "Holds changes during windows of time and on days", blackoutParams{Windows: []window{}}, automation.Wants{},
	func(p blackoutParams) error {
		if len(p.Windows)+len(p.Dates) == 0 {
			return fault.New(fault.Invalid, "a blackout has windows or dates").
				WithHint(`'{"windows": [{"days": "sat,sun", "from": "00:00", "to": "24:00"}], "dates": ["2026-12-25"], "zone": "Asia/Seoul"}'`)
		}
		if _, err := time.LoadLocation(p.Zone); err != nil {
			return fault.New(fault.Invalid, "there is no time zone %q", p.Zone)
		}
		for _, w := range p.Windows {
			from, ok1 := clock(w.From)
			to, ok2 := clock(w.To)
			if !ok1 || !ok2 || from == to || from == 24*60 {
				return fault.New(fault.Invalid, "%q to %q is not a window such as 22:00 to 06:00", w.From, w.To)
			}
			for _, d := range split(w.Days) {
				if !slices.Contains(weekdays, d) {
					return fault.New(fault.Invalid, "%q is not a day such as mon", d)
				}
			}
		}
		for _, d := range p.Dates {
			if _, err := tables.ParseDay(d); err != nil {
				return fault.New(fault.Invalid, "%q is not a day such as 2026-12-25", d)
			}
		}
		return nil
	},
	func(q automation.Question, _ automation.Policy, p blackoutParams) automation.Verdict {
		zone := p.Zone
		if zone == "" {
			if zone = q.Facts.Zone; !q.Facts.Known {
				return deny("the account's time zone is not known: set the guardrail with a zone")
			}
		}
		loc, err := time.LoadLocation(zone)
		if err != nil {
			return deny("there is no time zone %q", zone)
		}
		now := q.Now.In(loc)
		var until time.Time
		for _, day := range []time.Time{now.AddDate(0, 0, -1), now} { // a window may have begun yesterday
			y, m, d := day.Date()
			at := func(minutes int) time.Time { return time.Date(y, m, d, 0, minutes, 0, 0, loc) }
			if slices.Contains(p.Dates, string(tables.DayOf(day))) && !now.Before(at(0)) && now.Before(at(24*60)) {
				until = later(until, at(24*60))
			}
			for _, w := range p.Windows {
				if list := split(w.Days); len(list) > 0 && !slices.Contains(list, weekdays[day.Weekday()]) {
					continue
				}
				from, _ := clock(w.From)
				to, _ := clock(w.To)
				if to < from {
					to += 24 * 60
				}
				if !now.Before(at(from)) && now.Before(at(to)) {
					until = later(until, at(to))
				}
			}
		}
		if until.IsZero() {
			return allow("no blackout now")
		}
		return hold(until, "no changes until %s", until.Format("2006-01-02 15:04 MST"))
	})

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func split(s string) (out []string) {
	for p := range strings.SplitSeq(s, ",") {
		if p = strings.ToLower(strings.TrimSpace(p)); p != "" {
			out = append(out, p)
		}
	}
	return out
}

// clock reads "22:30" as minutes of the day; "24:00" is its end.
func clock(s string) (minutes int, ok bool) {
	if s == "24:00" {
		return 24 * 60, true
	}
	t, err := time.Parse("15:04", s)
	return t.Hour()*60 + t.Minute(), err == nil
}
