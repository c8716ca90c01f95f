package guardrails

import (
	"math/big"
	"time"

	"argo/automation"
	"argo/tables/fault"
)

type learningParams struct {
	only
	Days float64 `json:"days"`    // after a significant edit
	Most float64 `json:"max_pct"` // a change that does not start it anew
}

// learningPhase leaves alone what the channel's bidding is still learning.
var learningPhase = kind("learning_phase", "Denies large changes while the channel is learning, or shortly after an edit; pauses are let through", learningParams{Days: 3, Most: 20},
	automation.Wants{Learning: true},
	func(p learningParams) error {
		if p.Days < 0 || p.Most < 0 {
			return fault.New(fault.Invalid, "days and max_pct are 0 or above")
		}
		return nil
	},
	func(q automation.Question, _ automation.Policy, p learningParams) automation.Verdict {
		edited := !q.Facts.EditedAt.IsZero() && q.Now.Sub(q.Facts.EditedAt) < time.Duration(p.Days*float64(24*time.Hour))
		before, after, ok := values(q.Change.Change)
		switch {
		case !q.Facts.Edits && ok:
			return deny("whether it is learning is not known")
		case !q.Facts.Learning && !edited:
			return allow("it is not learning")
		case !ok:
			return allow("it does not change how much is spent or bid")
		case before.Sign() > 0 && new(big.Rat).Abs(new(big.Rat).Sub(after, before)).Cmp(percent(before, p.Most)) <= 0:
			return allow("it is within %s %%", trim(p.Most))
		case q.Facts.Learning:
			return deny("the channel is still learning: at most %s %% at once until it has", trim(p.Most))
		}
		return deny("it was edited at %s UTC: at most %s %% at once for %s days", q.Facts.EditedAt.UTC().Format(time.DateTime), trim(p.Most), trim(p.Days))
	})
