package guardrails

import (
	"time"

	"argo/automation"
	"argo/tables/fault"
)

type flipParams struct {
	only
	Days   float64 `json:"days"`
	Quorum int     `json:"quorum"`
}

// flipFlop asks when a change takes an earlier one back without saying so.
var flipFlop = kind("flip_flop", "Asks for approval where a change reverses one of the last days", flipParams{Days: 7, Quorum: 1}, automation.Wants{},
	func(p flipParams) error {
		if p.Days <= 0 || p.Days > 7 || p.Quorum < 1 {
			return fault.New(fault.Invalid, "days is from above 0 to 7, quorum at least 1")
		}
		return nil
	},
	func(q automation.Question, _ automation.Policy, p flipParams) automation.Verdict {
		if q.Run.UndoOf != "" {
			return allow("it takes a run back by name")
		}
		for i := len(q.Past) - 1; i >= 0; i-- {
			past := q.Past[i]
			if !same(past, q) || !took(past) || q.Now.Sub(past.At) >= time.Duration(p.Days*float64(24*time.Hour)) || !reverses(past.Change, q.Change.Change) {
				continue
			}
			v := approve("it reverses what %s did at %s UTC (run %s)", past.By, past.At.UTC().Format(time.DateTime), past.Run)
			v.Quorum = p.Quorum
			return v
		}
		return allow("it reverses nothing")
	})

// reverses says that b goes back where a came from: to the same word, or a
// number in the other direction.
func reverses(a, b automation.Change) bool {
	x, y, ok1 := values(a)
	v, w, ok2 := values(b)
	if ok1 && ok2 {
		return x.Cmp(y)*v.Cmp(w) < 0
	}
	return b.After == a.Before
}
