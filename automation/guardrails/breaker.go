package guardrails

import (
	"time"

	"argo/automation"
	"argo/tables/fault"
)

type breakerParams struct {
	only
	Failed  float64 `json:"failed_pct"`
	Of      int     `json:"of"`
	Unknown int     `json:"unknown"`
}

// breaker stops when a channel refuses or loses too much. It counts from when
// it was set: setting it again closes it.
var breaker = kind("breaker", "Holds changes of a channel after too many failures; setting it again closes it", breakerParams{Failed: 30, Of: 20, Unknown: 3}, automation.Wants{},
	func(p breakerParams) error {
		if p.Failed <= 0 || p.Failed > 100 || p.Of < 2 || p.Of > 1000 || p.Unknown < 1 {
			return fault.New(fault.Invalid, "failed_pct is from above 0 to 100, of from 2 to 1000, unknown at least 1")
		}
		return nil
	},
	func(q automation.Question, policy automation.Policy, p breakerParams) automation.Verdict {
		n, failed, unknown := 0, 0, 0
		for i := len(q.Past) - 1; i >= 0 && n < p.Of; i-- {
			past := q.Past[i]
			if past.At.Before(policy.SetAt) || past.Run == q.Run.ID {
				continue
			}
			n++
			switch past.State {
			case automation.Failed, automation.Conflict:
				failed++
			case automation.Unknown:
				unknown++
			}
		}
		switch {
		case unknown >= p.Unknown:
			return hold(time.Time{}, "the outcome of %d changes is not known", unknown)
		case n == p.Of && float64(failed)*100 > p.Failed*float64(n):
			return hold(time.Time{}, "%d of the last %d changes failed; set the guardrail again to go on", failed, n)
		}
		return allow("%d of the last %d changes failed", failed, n)
	})
