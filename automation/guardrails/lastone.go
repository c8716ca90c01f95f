package guardrails

import (
	"slices"
	"time"

	"argo/automation"
)

// lastOneStanding keeps an account, a campaign, an ad group from going dark.
var lastOneStanding = kind("last_one_standing", "Denies to pause the last one that runs of its kind beside it", only{}, automation.Wants{Siblings: true}, nil,
	func(q automation.Question, _ automation.Policy, _ only) automation.Verdict {
		if q.Facts.Turns != "off" {
			return allow("it pauses nothing")
		}
		if q.Facts.Siblings == nil {
			return deny("which others run is not known")
		}
		others := 0
		for _, target := range q.Facts.Siblings {
			if target != q.Change.Target && !goingOff(q, target) {
				others++
			}
		}
		if others == 0 {
			return deny("nothing beside it would run any more")
		}
		return allow("%d others run", others)
	})

// goingOff says that a change of status of the target is under way, or stands
// beside this one in its run.
func goingOff(q automation.Question, target string) bool {
	for _, c := range q.Run.Changes {
		if c.ID != q.Change.ID && c.Target == target && c.Field == q.Change.Field && c.After == q.Change.After && c.State.Open() {
			return true
		}
	}
	return slices.ContainsFunc(q.Past, func(p automation.Past) bool {
		return p.Run != q.Run.ID && p.Account == q.Change.Account && p.Target == target && p.Field == q.Change.Field && p.After == q.Change.After &&
			took(p) && (p.State.InFlight() || q.Now.Sub(p.At) < 5*time.Minute)
	})
}
