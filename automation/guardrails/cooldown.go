package guardrails

import (
	"time"

	"argo/automation"
	"argo/tables/fault"
)

type cooldownParams struct {
	only
	Budget float64 `json:"budget_hours"`
	Bid    float64 `json:"bid_hours"`
	Status float64 `json:"status_hours"`
}

// cooldown leaves an object time to show what a change did. It counts the
// changes of people and rules alike; what takes a change back need not wait.
var cooldown = kind("cooldown", "The time between two changes of the same field of the same object", cooldownParams{Budget: 20, Bid: 6, Status: 24}, automation.Wants{},
	func(p cooldownParams) error {
		if p.Budget < 0 || p.Bid < 0 || p.Status < 0 || max(p.Budget, p.Bid, p.Status) > 7*24 {
			return fault.New(fault.Invalid, "a cooldown is from 0 to 168 hours")
		}
		return nil
	},
	func(q automation.Question, _ automation.Policy, p cooldownParams) automation.Verdict {
		hours := map[string]float64{"budget": p.Budget, "bid": p.Bid, "status": p.Status}[group(q.Change.Field)]
		wait := time.Duration(hours * float64(time.Hour))
		if q.Run.UndoOf != "" {
			return allow("what takes a change back need not wait")
		}
		for i := len(q.Past) - 1; i >= 0; i-- {
			if past := q.Past[i]; same(past, q) && took(past) && q.Now.Sub(past.At) < wait {
				return deny("it was changed at %s by %s (run %s), and the next change is due after %s hours, at %s UTC", past.At.UTC().Format(time.DateTime),
					past.By, past.Run, trim(hours), past.At.Add(wait).UTC().Format(time.DateTime))
			}
		}
		return allow("the last change is %s hours ago or more", trim(hours))
	})
