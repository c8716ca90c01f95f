package guardrails

import (
	"argo/automation"
	"argo/tables/fault"
)

type valueParams struct {
	only
	Amount   string `json:"amount"`          // decimal
	Currency string `json:"currency"`        // of the amount: other currencies are not limited
	Field    string `json:"field,omitempty"` // "amount"; "": any field of money
}

func (p valueParams) sound() error {
	if n, ok := number(p.Amount); !ok || n.Sign() < 0 {
		return fault.New(fault.Invalid, "amount is a decimal in quotes, not %q", p.Amount).WithHint(`'{"amount": "500000", "currency": "KRW"}'`)
	}
	if len(p.Currency) != 3 {
		return fault.New(fault.Invalid, "currency is a code such as KRW, not %q", p.Currency)
	}
	return nil
}

func (p valueParams) about(c automation.Change) bool {
	return c.Unit == p.Currency && (p.Field == "" || p.Field == c.Field)
}

// maxValue is the highest value that may be set.
var maxValue = kind("max_value", "The highest budget or bid that may be set", valueParams{Amount: "1000000", Currency: "KRW"}, automation.Wants{}, valueParams.sound,
	func(q automation.Question, _ automation.Policy, p valueParams) automation.Verdict {
		before, after, ok := values(q.Change.Change)
		most, _ := number(p.Amount)
		switch {
		case !ok || !p.about(q.Change.Change):
			return allow("it is about other money")
		case after.Cmp(most) <= 0 || after.Cmp(before) < 0:
			return allow("at most %s %s", p.Amount, p.Currency)
		case before.Cmp(most) >= 0:
			return deny("at most %s %s: it has that much already", p.Amount, p.Currency)
		}
		return clamp(round(most, q.Facts, false), "at most %s %s", p.Amount, p.Currency)
	})

// minValue is the lowest value that may be set.
var minValue = kind("min_value", "The lowest budget or bid that may be set", valueParams{Amount: "10000", Currency: "KRW"}, automation.Wants{}, valueParams.sound,
	func(q automation.Question, _ automation.Policy, p valueParams) automation.Verdict {
		before, after, ok := values(q.Change.Change)
		least, _ := number(p.Amount)
		switch {
		case !ok || !p.about(q.Change.Change):
			return allow("it is about other money")
		case after.Cmp(least) >= 0 || after.Cmp(before) > 0:
			return allow("at least %s %s", p.Amount, p.Currency)
		case before.Cmp(least) <= 0:
			return deny("at least %s %s: it has less already", p.Amount, p.Currency)
		}
		return clamp(round(least, q.Facts, true), "at least %s %s", p.Amount, p.Currency)
	})
