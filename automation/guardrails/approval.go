package guardrails

import (
	"math/big"
	"time"

	"argo/automation"
	"argo/tables/fault"
)

type approvalParams struct {
	only
	Above    string  `json:"above,omitempty"`    // decimal: only where a value is set above it, or moves by more; "": always
	Currency string  `json:"currency,omitempty"` // of it
	Quorum   int     `json:"quorum"`
	Hours    float64 `json:"expires_hours"`
}

// approval asks people.
var approval = kind("approval", "Asks for approval: always, of some actions or people, or above an amount", approvalParams{Quorum: 1, Hours: 24}, automation.Wants{},
	func(p approvalParams) error {
		if p.Quorum < 1 || p.Quorum > 10 || p.Hours <= 0 || p.Hours > 24*30 {
			return fault.New(fault.Invalid, "quorum is from 1 to 10, expires_hours from above 0 to 720")
		}
		if p.Above == "" && p.Currency == "" {
			return nil
		}
		return valueParams{Amount: p.Above, Currency: p.Currency}.sound()
	},
	func(q automation.Question, _ automation.Policy, p approvalParams) automation.Verdict {
		v := approve("%s needs the approval of %d", q.Run.Action, p.Quorum)
		if p.Above != "" {
			before, after, ok := values(q.Change.Change)
			limit, _ := number(p.Above)
			if !ok || q.Change.Unit != p.Currency || after.Cmp(before) <= 0 || after.Cmp(limit) <= 0 &&
				new(big.Rat).Sub(after, before).Cmp(limit) <= 0 {
				return allow("it is not above %s %s", p.Above, p.Currency)
			}
			v = approve("%s %s is above %s and needs the approval of %d", q.Change.After, p.Currency, p.Above, p.Quorum)
		}
		v.Quorum, v.Expires = p.Quorum, time.Duration(p.Hours*float64(time.Hour))
		return v
	})
