package tables

import (
	"fmt"
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
func (d Domain) Any() bool { return d.In == nil && d.From == nil && d.To == nil }

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

// days clips the extent to the domain of a Day column: the smallest range that
// holds every allowed day.
func (d Domain) days(extent Days) (Days, bool) {
	r := extent
	if f, ok := d.From.(Day); ok {
		r.From = max(r.From, f)
	}
	if t, ok := d.To.(Day); ok {
		r.To = min(r.To, t)
	}
	if d.In != nil {
		lo, hi := Day(""), Day("")
		for _, v := range d.In {
			day, ok := v.(Day)
			if !ok || !r.Contains(day) {
				continue
			}
			if lo == "" || day < lo {
				lo = day
			}
			hi = max(hi, day)
		}
		if lo == "" {
			return Days{}, false
		}
		r = Days{lo, hi}
	}
	return r, r.From <= r.To
}
