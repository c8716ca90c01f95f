package guardrails

import (
	"math/big"
	"time"

	"argo/automation"
	"argo/tables/fault"
)

type blastParams struct {
	only
	Paused  float64 `json:"paused_pct"` // of what runs in the account, within 24 hours
	Moved   float64 `json:"moved_pct"`  // of the account's daily budgets, within 24 hours
	Changes int     `json:"changes"`    // of one run
	Quorum  int     `json:"quorum"`
}

// blastRadius asks before much of an account is changed, however small each
// change is.
var blastRadius = kind("blast_radius", "Asks for approval where much of an account is paused or moved within 24 hours, or by one run", blastParams{Paused: 20, Moved: 15, Changes: 50, Quorum: 1},
	automation.Wants{Siblings: true},
	func(p blastParams) error {
		if p.Paused < 0 || p.Moved < 0 || p.Changes < 1 || p.Quorum < 1 {
			return fault.New(fault.Invalid, "percentages are 0 or above, changes and quorum at least 1")
		}
		return nil
	},
	func(q automation.Question, _ automation.Policy, p blastParams) automation.Verdict {
		ask := func(format string, args ...any) automation.Verdict {
			v := approve(format, args...)
			v.Quorum = p.Quorum
			return v
		}
		if n := len(q.Run.Changes); n > p.Changes {
			return ask("it changes %d things at once, more than %d", n, p.Changes)
		}
		if q.Run.UndoOf != "" {
			return allow("it takes a run back")
		}
		recent := func(yield func(automation.Change) bool) {
			for _, past := range q.Past {
				if past.Account == q.Change.Account && took(past) && q.Now.Sub(past.At) < 24*time.Hour && past.Run != q.Run.ID && !yield(past.Change) {
					return
				}
			}
			for _, c := range q.Run.Changes {
				if c.Account == q.Change.Account && c.ID != q.Change.ID && c.State != automation.Unchanged && !yield(c.Change) {
					return
				}
			}
		}
		if q.Facts.Turns == "off" {
			if q.Facts.Siblings == nil {
				return deny("what runs in the account is not known")
			}
			off := map[string]bool{q.Change.Target: true}
			for c := range recent {
				if c.Field == q.Change.Field && c.After == q.Change.After {
					off[c.Target] = true
				}
			}
			running := map[string]bool{}
			for _, target := range q.Facts.Siblings {
				running[target] = true
			}
			for target := range off {
				running[target] = true // it ran before
			}
			if float64(len(off))*100 > p.Paused*float64(len(running)) {
				return ask("%d of %d that ran would be paused within 24 hours, more than %s %%", len(off), len(running), trim(p.Paused))
			}
			return allow("%d of %d paused within 24 hours", len(off), len(running))
		}
		before, after, ok := values(q.Change.Change)
		if !ok || group(q.Change.Field) != "budget" {
			return allow("it moves no budget")
		}
		if q.Facts.Budgets == nil {
			return deny("the account's budgets are not known")
		}
		moved := new(big.Rat).Abs(new(big.Rat).Sub(after, before))
		for c := range recent {
			if x, y, ok := values(c); ok && group(c.Field) == "budget" {
				moved.Add(moved, new(big.Rat).Abs(new(big.Rat).Sub(y, x)))
			}
		}
		total := new(big.Rat)
		for _, v := range q.Facts.Budgets {
			if n, ok := number(v); ok {
				total.Add(total, n)
			}
		}
		if moved.Cmp(percent(total, p.Moved)) > 0 {
			return ask("%s %s of daily budget would be moved within 24 hours, more than %s %% of the account's %s", plain(moved), q.Change.Unit, trim(p.Moved), plain(total))
		}
		return allow("%s of %s moved within 24 hours", plain(moved), plain(total))
	})
