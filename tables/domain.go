package tables

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
)

// Empty says that no value is in the domain.
func (d Domain) Empty() bool {
	if d.In != nil && len(d.In) == 0 {
		return true
	}
	if f, ok := d.From.(Day); ok {
		if t, ok := d.To.(Day); ok {
			return f > t
		}
	}
	if f, ok := d.From.(int64); ok {
		if t, ok := d.To.(int64); ok {
			return f > t
		}
	}
	return false
}

// Any says that the domain restricts nothing.
func (d Domain) Any() bool { return d.In == nil && d.From == nil && d.To == nil && d.Spans == nil }

// AllowsAccount says whether the account id is in the domain. Account columns
// are Int or ID, while account ids are text; a range on an account column that
// cannot be decided allows it.
func (d Domain) AllowsAccount(id string) bool {
	if d.In != nil {
		for _, v := range d.In {
			if fmt.Sprint(v) == id {
				return true
			}
		}
		return false
	}
	n, err := strconv.ParseInt(id, 10, 64)
	if f, ok := d.From.(int64); ok && err == nil && n < f {
		return false
	}
	if t, ok := d.To.(int64); ok && err == nil && n > t {
		return false
	}
	return true
}

// days clips the extent to the domain of a Day column: the ranges of days that
// are allowed, newest first. The days between two far ones or two ranges are
// not fetched.
func (d Domain) days(extent Days) []Days {
	if d.In == nil {
		var out []Days
		for _, s := range slices.Backward(d.Spans) {
			out = append(out, Domain{From: s.From, To: s.To}.days(extent)...)
		}
		if d.Spans != nil {
			return out
		}
	}
	r := extent
	if f, ok := d.From.(Day); ok {
		r.From = max(r.From, f)
	}
	if t, ok := d.To.(Day); ok {
		r.To = min(r.To, t)
	}
	if r.From > r.To {
		return nil
	}
	if d.In == nil {
		return []Days{r}
	}
	var list []Day
	for _, v := range d.In {
		if day, ok := v.(Day); ok && r.Contains(day) {
			list = append(list, day)
		}
	}
	slices.SortFunc(list, func(a, b Day) int { return cmp.Compare(b, a) })
	var out []Days
	for _, day := range slices.Compact(list) {
		if n := len(out); n > 0 && out[n-1].From == day.Add(1) {
			out[n-1].From = day
			continue
		}
		out = append(out, Days{day, day})
	}
	return out
}
