package guardrails

import (
	"math/big"
	"slices"
	"time"

	"argo/automation"
)

type capParams struct {
	only
	Amount   string `json:"amount"`   // decimal
	Currency string `json:"currency"` // of the amount: accounts in others are not limited
}

func (p capParams) sound() error {
	return valueParams{Amount: p.Amount, Currency: p.Currency}.sound()
}

// spendCapDay limits what an account can spend in a day, over-delivery
// included: the sum over its daily budgets, each times what the channel may
// spend of it on one day.
var spendCapDay = kind("spend_cap_day", "The most that an account may be able to spend in a day, over-delivery included", capParams{Amount: "10000000", Currency: "KRW"},
	automation.Wants{Siblings: true, Spend: true}, capParams.sound,
	func(q automation.Question, _ automation.Policy, p capParams) automation.Verdict {
		return p.judge(q, "a day", func(daily, over, spentToday, _ *big.Rat) (exposure, weight *big.Rat) {
			exposure = new(big.Rat).Mul(daily, over)
			if spentToday.Cmp(exposure) > 0 {
				exposure = spentToday
			}
			return exposure, over
		})
	})

// spendCapMonth limits what an account can still spend in the calendar month:
// what it has spent, today at its over-delivery, and the daily budgets for the
// days that are left.
var spendCapMonth = kind("spend_cap_month", "The most that an account may be able to spend in the calendar month", capParams{Amount: "200000000", Currency: "KRW"},
	automation.Wants{Siblings: true, Spend: true}, capParams.sound,
	func(q automation.Question, _ automation.Policy, p capParams) automation.Verdict {
		return p.judge(q, "the month", func(daily, over, spentToday, spentMonth *big.Rat) (exposure, weight *big.Rat) {
			days := big.NewRat(int64(max(q.Facts.DaysLeft-1, 0)), 1)
			weight = new(big.Rat).Add(over, days)
			exposure = new(big.Rat).Sub(spentMonth, spentToday)
			exposure.Add(exposure, new(big.Rat).Mul(daily, days))
			today := new(big.Rat).Mul(daily, over)
			if spentToday.Cmp(today) > 0 {
				today = spentToday
			}
			return exposure.Add(exposure, today), weight
		})
	})

// judge compares the cap with what can be spent after the change. of gives that
// for a sum of daily budgets, and how much one more unit of budget adds to it.
func (p capParams) judge(q automation.Question, period string, of func(daily, over, spentToday, spentMonth *big.Rat) (exposure, weight *big.Rat)) automation.Verdict {
	most, _ := number(p.Amount)
	target, value := q.Change.Target, q.Change.After
	_, after, money := values(q.Change.Change)
	switch {
	case q.Facts.Turns == "on":
		if q.Facts.Currency != p.Currency {
			return allow("it is about other money")
		}
		target, value = q.Facts.Budget, q.Facts.BudgetValue
		if _, spends := q.Facts.Budgets[target]; spends {
			return allow("its budget is spent already")
		} else if target == "" && q.Facts.Budgets != nil {
			return deny("the budget that it would spend is not known")
		}
	case q.Facts.Turns == "off" || !money || group(q.Change.Field) != "budget":
		return allow("it raises no budget")
	case q.Change.Unit != p.Currency:
		return allow("it is about other money")
	}
	if before, _, ok := values(q.Change.Change); ok && after.Cmp(before) <= 0 {
		return allow("it raises no budget")
	}
	over, ok1 := number(q.Facts.Over)
	spentToday, ok2 := number(q.Facts.SpentToday)
	spentMonth, ok3 := number(q.Facts.SpentMonth)
	if !ok1 || !ok2 || !ok3 || q.Facts.Budgets == nil {
		return deny("what the account spends is not known")
	}
	if q.Facts.Turns != "on" && !q.Facts.Spends && !turning(q) {
		return allow("nothing that runs spends this budget")
	}
	if other := comingOn(q); other != "" {
		return hold(q.Now.Add(time.Minute), "%s is being turned on, and what the account spends with it is not known yet", other)
	}
	others := new(big.Rat)
	for t, v := range q.Facts.Budgets {
		if t == target {
			continue
		}
		n, ok := number(v)
		if !ok {
			return deny("the budget %s is not known", t)
		}
		n = raised(q, t, n)
		for _, c := range q.Run.Changes {
			if m, ok := number(c.After); ok && c.ID != q.Change.ID && c.Target == t && c.Account == q.Change.Account && c.Field == q.Change.Field && m.Cmp(n) > 0 {
				n = m
			}
		}
		others.Add(others, n)
	}
	own, ok := number(value)
	if !ok {
		return deny("the budget %s is not known", target)
	}
	if q.Facts.Turns == "on" {
		own = raised(q, target, own)
	}
	exposure, weight := of(new(big.Rat).Add(others, own), over, spentToday, spentMonth)
	said := func(word string) (string, []any) {
		return "the account could spend %s %s in %s, " + word + " %s", []any{plain(exposure), p.Currency, period, p.Amount}
	}
	if exposure.Cmp(most) <= 0 {
		format, args := said("at most")
		return allow(format, args...)
	}
	format, args := said("more than the cap of")
	if q.Facts.Turns == "on" || weight.Sign() <= 0 {
		return deny(format, args...)
	}
	without, _ := of(others, over, spentToday, spentMonth)
	left := new(big.Rat).Sub(most, without)
	left.Quo(left, weight)
	fits := round(left, q.Facts, false)
	if before, _, _ := values(q.Change.Change); fits.Cmp(before) <= 0 {
		return deny(format, args...)
	}
	if e, _ := of(new(big.Rat).Add(others, fits), over, spentToday, spentMonth); e.Cmp(most) > 0 {
		return deny(format, args...)
	}
	return clamp(fits, format, args...)
}

// fresh says that a change of the account may have taken effect and not show yet
// in what the channel answers.
func fresh(q automation.Question, p automation.Past) bool {
	return p.Run != q.Run.ID && p.Account == q.Change.Account && took(p) && (p.State.InFlight() || q.Now.Sub(p.At) < 5*time.Minute)
}

// raised is the amount of a budget with what is on its way to it.
func raised(q automation.Question, target string, amount *big.Rat) *big.Rat {
	for _, p := range q.Past {
		if n, ok := number(p.After); ok && p.Target == target && group(p.Field) == "budget" && fresh(q, p) && n.Cmp(amount) > 0 {
			amount = n
		}
	}
	return amount
}

// turning says that something of the account is being turned on or off, which
// may spend this budget.
func turning(q automation.Question) bool {
	return slices.ContainsFunc(q.Past, func(p automation.Past) bool { return group(p.Field) == "status" && fresh(q, p) })
}

// comingOn names what is being turned on beside the change and does not show
// yet, or "".
func comingOn(q automation.Question) string {
	for _, p := range q.Past {
		if group(p.Field) == "status" && p.After == q.Facts.On && p.Target != q.Change.Target && fresh(q, p) && !slices.Contains(q.Facts.Siblings, p.Target) {
			return p.Entity
		}
	}
	for _, c := range q.Run.Changes {
		if group(c.Field) == "status" && c.After == q.Facts.On && c.ID != q.Change.ID && c.Account == q.Change.Account && c.State.InFlight() {
			return c.Entity
		}
	}
	return ""
}
