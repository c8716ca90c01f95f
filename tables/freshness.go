package tables

import "time"

// Freshness says how long a fetched cell is good, by the age of its day: ad
// numbers of today change by the minute, those of last week by the hour, and
// after the source's restatement window never again.
//
// Keep is the promise: an older cell answers nobody. Renewing it before then is
// the cache's business. A table's own Freshness is that of its rows as such
// (COUNT(*), columns of no group) and settles no earlier than any of its groups;
// a row is final from the day on that the slowest of them has settled.
type Freshness struct {
	// Steps in rising order of Within, and of Keep: no older reading is better
	// than a newer one. A day that is younger than Within days is good for Keep.
	// Days older than the last step are settled: good for ever, provided they were
	// fetched when they were settled already.
	Steps []Step
	// Entity is how long a cell without a day (campaigns, budgets) is good.
	Entity time.Duration
}

// Step of a Freshness.
type Step struct {
	Within int // days: 1 is today only
	Keep   time.Duration
}

// Good says whether a cell of day d that was fetched at fetched still answers
// at now. What counts is how old the day was when it was fetched: a day that
// was read before it had ended is as short-lived after midnight as before, and
// a day read before it settled is read once more afterwards. Both times are
// taken in the account's calendar by the caller (time.In). maxAge, where
// positive, caps Keep of everything that was not settled when it was read; a
// settled cell is not refreshed by a small maxAge.
func (f Freshness) Good(fetched time.Time, d Day, now time.Time, maxAge time.Duration) bool {
	keep, forever := f.Keep(fetched, d)
	if forever {
		return true
	}
	if maxAge > 0 && maxAge < keep {
		keep = maxAge
	}
	return now.Sub(fetched) < keep
}

// Keep is how long a cell of day d that was fetched at fetched is good, for ever
// where the day was settled by then. fetched is in the account's calendar.
func (f Freshness) Keep(fetched time.Time, d Day) (keep time.Duration, forever bool) {
	if d == "" {
		return f.Entity, false
	}
	age := DayOf(fetched).Sub(d)
	if age >= f.Settled() {
		return 0, true
	}
	for _, s := range f.Steps {
		if age < s.Within {
			return s.Keep, false
		}
	}
	return f.Entity, false
}

// Settled says from which age in days on a day is never fetched again.
func (f Freshness) Settled() int {
	if n := len(f.Steps); n > 0 {
		return f.Steps[n-1].Within
	}
	return 0
}
