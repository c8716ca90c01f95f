package guardrails

import (
	"time"

	"argo/automation"
)

type outageParams struct {
	only
	Reason string `json:"reason"`
	Until  string `json:"until,omitempty"` // RFC 3339; "" is until it is dropped
}

// outage protects what looks bad only because it is not measured.
var outage = kind("outage", "Denies pauses and cuts while a channel or a tracker does not measure", outageParams{}, automation.Wants{},
	func(p outageParams) error { return moment("until", p.Until) },
	func(q automation.Question, _ automation.Policy, p outageParams) automation.Verdict {
		if until, _ := time.Parse(time.RFC3339, p.Until); !until.IsZero() && !q.Now.Before(until) {
			return allow("the outage was over at %s", p.Until)
		}
		before, after, ok := values(q.Change.Change)
		if !ok && !q.Facts.Known {
			return deny("results are not measured now (%s), and %s does not tell whether it stops anything", p.Reason, q.Run.Action)
		}
		if q.Facts.Turns == "off" || ok && after.Cmp(before) < 0 {
			return deny("results are not measured now (%s): what looks bad may not be", p.Reason)
		}
		return allow("it cuts nothing")
	})
