package guardrails

import (
	"time"

	"argo/automation"
	"argo/tables/fault"
)

type killParams struct {
	only
	Reason     string `json:"reason"`
	Until      string `json:"until,omitempty"` // RFC 3339; "" is until it is dropped
	AllowPause bool   `json:"allow_pause"`     // what stops spending may go on
}

// killSwitch holds everything of its scope.
var killSwitch = kind("kill_switch", "Holds every change until it is released", killParams{}, automation.Wants{},
	func(p killParams) error { return moment("until", p.Until) },
	func(q automation.Question, _ automation.Policy, p killParams) automation.Verdict {
		until, _ := time.Parse(time.RFC3339, p.Until)
		switch {
		case !until.IsZero() && !q.Now.Before(until):
			return allow("the kill switch was on until %s", p.Until)
		case p.AllowPause && q.Facts.Turns == "off":
			return allow("the kill switch lets pauses through")
		case p.Reason != "":
			return hold(until, "the kill switch is on: %s", p.Reason)
		}
		return hold(until, "the kill switch is on")
	})

func moment(name, s string) error {
	if s == "" {
		return nil
	}
	if _, err := time.Parse(time.RFC3339, s); err != nil {
		return fault.New(fault.Invalid, "%s is a moment with its zone such as 2026-11-22T18:00:00+09:00, not %q", name, s)
	}
	return nil
}
