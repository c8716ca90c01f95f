package guardrails

import (
	"math/big"

	"argo/automation"
	"argo/tables/fault"
)

type dataParams struct {
	only
	Conversions float64 `json:"conversions"` // of the last 30 days
	SpendCPA    float64 `json:"spend_cpa"`   // or spend of so many target CPAs
}

// minData denies decisions on too little.
var minData = kind("min_data", "Denies changes of what has too few conversions and too little spend to decide on", dataParams{Conversions: 30, SpendCPA: 3},
	automation.Wants{Results: true},
	func(p dataParams) error {
		if p.Conversions < 0 || p.SpendCPA < 0 {
			return fault.New(fault.Invalid, "conversions and spend_cpa are 0 or above")
		}
		return nil
	},
	func(q automation.Question, _ automation.Policy, p dataParams) automation.Verdict {
		have, ok := number(q.Facts.Conversions)
		if !ok {
			return deny("its conversions are not known")
		}
		if need := new(big.Rat); need.SetFloat64(p.Conversions) != nil && have.Cmp(need) >= 0 {
			return allow("it has %s conversions", plain(have))
		}
		target, ok1 := number(q.Facts.TargetCPA)
		spend, ok2 := number(q.Facts.Spend30)
		if ok1 && ok2 && target.Sign() > 0 && spend.Cmp(percent(target, 100*p.SpendCPA)) >= 0 {
			return allow("it has spent %s of a target of %s", plain(spend), plain(target))
		}
		return deny("it has %s conversions in 30 days, of the %s that are needed, and has not spent %s times its target", plain(have), trim(p.Conversions), trim(p.SpendCPA))
	})
