package guardrails

import (
	"math/big"
	"time"

	"argo/automation"
	"argo/tables/fault"
)

type changeParams struct {
	only
	Action float64 `json:"action_pct"` // of the value now
	Day    float64 `json:"day_pct"`    // of the value 24 hours ago, all changes together
}

// maxChange limits how far a value moves at once and within 24 hours.
var maxChange = kind("max_change_pct", "Limits how far a budget or bid moves at once, and within 24 hours", changeParams{Action: 20, Day: 30}, automation.Wants{},
	func(p changeParams) error {
		if p.Action <= 0 || p.Day <= 0 || p.Action > 1e6 || p.Day > 1e6 {
			return fault.New(fault.Invalid, "action_pct and day_pct are above 0")
		}
		return nil
	},
	func(q automation.Question, _ automation.Policy, p changeParams) automation.Verdict {
		before, after, ok := values(q.Change.Change)
		if !ok {
			return allow("it is no number")
		}
		if before.Sign() <= 0 {
			return deny("a change from %s has no percentage", q.Change.Before)
		}
		origin := before
		for _, past := range q.Past { // the oldest first
			if v, ok := number(past.Before); ok && same(past, q) && took(past) && q.Now.Sub(past.At) < 24*time.Hour {
				origin = v
				break
			}
		}
		bound := func(of *big.Rat, pct float64, sign int) *big.Rat {
			d := percent(of, pct)
			if sign < 0 {
				return d.Sub(of, d)
			}
			return d.Add(of, d)
		}
		high, low := bound(before, p.Action, 1), bound(before, p.Action, -1)
		if o := bound(origin, p.Day, 1); o.Cmp(high) < 0 {
			high = o
		}
		if o := bound(origin, p.Day, -1); o.Cmp(low) > 0 {
			low = o
		}
		high, low = round(high, q.Facts, false), round(low, q.Facts, true)
		said := "at most " + trim(p.Action) + " % at once and " + trim(p.Day) + " % within 24 hours, from " + plain(origin)
		switch {
		case after.Cmp(before) > 0 && after.Cmp(high) > 0 && high.Cmp(before) <= 0, after.Cmp(before) < 0 && after.Cmp(low) < 0 && low.Cmp(before) >= 0:
			return deny("%s: it has moved that far already", said)
		case after.Cmp(before) > 0 && after.Cmp(high) > 0:
			return clamp(high, "%s", said)
		case after.Cmp(before) < 0 && after.Cmp(low) < 0:
			return clamp(low, "%s", said)
		}
		return allow("%s", said)
	})

func trim(f float64) string {
	r := new(big.Rat)
	if r.SetFloat64(f) == nil {
		return "?"
	}
	return plain(r)
}
