package guardrails_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/big"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"argo/automation"
	"argo/automation/automationtest"
	"argo/automation/guardrails"
	"argo/tables"
	"argo/tables/fault"
)

// channel has campaigns with a budget each, and a log of what was changed.
type channel struct {
	mu     sync.Mutex
	status map[string]string
	amount map[string]int64
	log    []applied
	rng    *rand.Rand
	flaky  bool
}

type applied struct {
	at            time.Time
	target, field string
	before, after string
	status        map[string]string // after it
	amount        map[string]int64
}

func (c *channel) apply(ch automation.Change) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a := applied{at: time.Now(), target: ch.Target, field: ch.Field, after: ch.After}
	if ch.Field == "status" {
		a.before = c.status[ch.Target]
		c.status[ch.Target] = ch.After
	} else {
		a.before = fmt.Sprint(c.amount[ch.Target])
		var n int64
		if _, err := fmt.Sscan(ch.After, &n); err != nil {
			panic(err)
		}
		c.amount[ch.Target] = n
	}
	a.status, a.amount = map[string]string{}, map[string]int64{}
	for k, v := range c.status {
		a.status[k] = v
	}
	for k, v := range c.amount {
		a.amount[k] = v
	}
	c.log = append(c.log, a)
}

func (c *channel) read(target, field string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if field == "status" {
		return c.status[target]
	}
	return fmt.Sprint(c.amount[target])
}

// action sets a field of a campaign. A request takes a while, and a flaky
// channel loses some, before or after they took effect.
func (c *channel) action() automation.Action {
	return automation.Action{
		Name: "set", Window: 30 * time.Second,
		Params: []automation.Param{{Name: "target", Type: tables.Ident}, {Name: "field", Type: tables.Ident}, {Name: "value", Type: tables.Ident}},
		Plan: func(_ context.Context, args automation.Args) ([]automation.Change, error) {
			target, field := args["target"].(string), args["field"].(string)
			unit := ""
			if field == "amount" {
				unit = "KRW"
			}
			return []automation.Change{{Account: "1", Target: target, Entity: target, Field: field, Before: c.read(target, field), After: args["value"].(string), Unit: unit}}, nil
		},
		Apply: func(ctx context.Context, ch automation.Change) error {
			c.mu.Lock()
			n, wait := c.rng.IntN(10), time.Duration(c.rng.IntN(2000))*time.Millisecond
			c.mu.Unlock()
			time.Sleep(wait)
			lost := fault.New(fault.Unavailable, "the connection broke")
			switch {
			case c.flaky && n == 0:
				return lost
			case c.flaky && n == 1:
				c.apply(ch)
				return lost
			case c.flaky && n == 2:
				return fault.New(fault.Refused, "no")
			}
			c.apply(ch)
			return nil
		},
		ReadBack: func(_ context.Context, ch automation.Change) (string, error) { return c.read(ch.Target, ch.Field), nil },
		Facts: func(_ context.Context, changes []automation.Change, _ automation.Wants) (out []automation.Facts, err error) {
			c.mu.Lock()
			defer c.mu.Unlock()
			for _, ch := range changes {
				f := automation.Facts{Currency: "KRW", Step: "1", Over: "2", On: "ENABLED", SpentToday: "0", SpentMonth: "0", DaysLeft: 10, Siblings: []string{}, Budgets: map[string]string{}, Campaigns: []string{ch.Target}}
				for _, t := range targets {
					if c.status[t] == "ENABLED" {
						f.Siblings = append(f.Siblings, t)
						f.Budgets[t] = fmt.Sprint(c.amount[t]) // a campaign is its own budget here
					}
				}
				f.Spends = c.status[ch.Target] == "ENABLED"
				if ch.Field == "status" {
					f.Turns = map[string]string{"PAUSED": "off", "ENABLED": "on"}[ch.After]
					f.Budget, f.BudgetValue = ch.Target, fmt.Sprint(c.amount[ch.Target])
				}
				out = append(out, f)
			}
			return out, nil
		},
	}
}

var targets = []string{"c1", "c2", "c3", "c4"}

// limits are what a policy of the storm demands, for the oracle.
type limits struct {
	action, day      float64
	most, least      int64
	cooldown         time.Duration // of budgets
	lastOne          bool
	capDay           int64
	kill             bool
	killed, unkilled time.Time
}

// TestStorm lets people change things at once, under random guardrails, on a
// channel that fails; an oracle that knows only the channel's own log finds no
// limit exceeded at any moment.
func TestStorm(t *testing.T) {
	seeds := 1000
	if testing.Short() {
		seeds = 60
	}
	changed, denied, clamped, held := 0, 0, 0, 0
	for seed := range seeds {
		synctest.Test(t, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(uint64(seed), 3))
			c := &channel{status: map[string]string{}, amount: map[string]int64{}, rng: rand.New(rand.NewPCG(uint64(seed), 4)), flaky: rng.IntN(2) == 0}
			for i, target := range targets {
				c.status[target], c.amount[target] = "ENABLED", 100_000
				if i == 3 {
					c.status[target] = "PAUSED"
				}
			}
			l := automationtest.NewLedger()
			var lim limits
			set := func(kind, params string) string {
				p := automation.Policy{ID: fmt.Sprint(kind, time.Now().UnixNano()), Kind: kind, ScopeKind: []string{"global", "channel", "account"}[rng.IntN(3)], Params: params, SetBy: "lead", SetAt: time.Now()}
				p.Scope = map[string]string{"channel": "ads", "account": "1"}[p.ScopeKind]
				if err := guardrails.Check(p); err != nil {
					t.Fatal(err)
				}
				if _, err := l.Book().SetPolicy(t.Context(), p); err != nil {
					t.Fatal(err)
				}
				return p.ID
			}
			if rng.IntN(2) == 0 {
				lim.action, lim.day = float64(5+rng.IntN(40)), float64(10+rng.IntN(60))
				set("max_change_pct", fmt.Sprintf(`{"action_pct": %g, "day_pct": %g}`, lim.action, lim.day))
			}
			if rng.IntN(2) == 0 {
				lim.most = int64(90_000 + rng.IntN(100_000))
				set("max_value", fmt.Sprintf(`{"amount": "%d", "currency": "KRW"}`, lim.most))
			}
			if rng.IntN(2) == 0 {
				lim.least = int64(50_000 + rng.IntN(60_000))
				set("min_value", fmt.Sprintf(`{"amount": "%d", "currency": "KRW"}`, lim.least))
			}
			if rng.IntN(3) == 0 {
				h := 1 + rng.IntN(10)
				lim.cooldown = time.Duration(h) * hour
				set("cooldown", fmt.Sprintf(`{"budget_hours": %d, "status_hours": 0}`, h))
			}
			if rng.IntN(2) == 0 {
				lim.lastOne = true
				set("last_one_standing", "{}")
			}
			if rng.IntN(2) == 0 {
				lim.capDay = int64(600_000 + rng.IntN(300_000)) // 300,000 × 2 run at first
				set("spend_cap_day", fmt.Sprintf(`{"amount": "%d", "currency": "KRW"}`, lim.capDay))
			}
			r := automation.NewRunner(automation.RunnerOptions{Ledger: l, Book: l.Book(), Guardrails: guardrails.Set{Policies: l.Book()}, Log: slog.New(slog.DiscardHandler)})
			actions := func(string, string) (automation.Action, bool) { return c.action(), true }
			var wg sync.WaitGroup
			for range 12 + rng.IntN(20) {
				target, field, value := targets[rng.IntN(len(targets))], "amount", ""
				if rng.IntN(3) == 0 {
					field, value = "status", []string{"ENABLED", "PAUSED", "PAUSED"}[rng.IntN(3)]
				} else {
					value = fmt.Sprint(20_000 + rng.IntN(250_000))
				}
				by := []string{"kim", "lee", "rule:pacing"}[rng.IntN(3)]
				delay := time.Duration(rng.IntN(4*60)) * time.Minute
				if rng.IntN(2) == 0 { // many at once
					delay = time.Duration(rng.IntN(4)) * hour
				}
				wg.Go(func() {
					time.Sleep(delay)
					_, err := r.Do(context.Background(), automation.Request{Source: "ads", Action: c.action(), By: by,
						Args: automation.Args{"target": target, "field": field, "value": value}})
					if f := fault.As(err); err != nil && f == nil {
						t.Errorf("seed %d: %v", seed, err)
					}
				})
			}
			if rng.IntN(3) == 0 { // somebody pulls the brake for a while
				lim.kill = true
				on := time.Duration(rng.IntN(120)) * time.Minute
				wg.Go(func() {
					time.Sleep(on)
					id := set("kill_switch", "{}")
					time.Sleep(5 * time.Second) // what was being sent then may still arrive
					lim.killed = time.Now()
					time.Sleep(hour)
					lim.unkilled = time.Now()
					if _, err := l.Book().DropPolicy(context.Background(), id, "lead", time.Now()); err != nil {
						t.Error(err)
					}
				})
			}
			done := make(chan struct{})
			ticking := make(chan struct{})
			go func() {
				defer close(ticking)
				for {
					select {
					case <-done:
						return
					case <-time.After(time.Second * 20):
						if err := r.Due(context.Background(), actions); err != nil {
							t.Error(err)
						}
					}
				}
			}()
			wg.Wait()
			time.Sleep(10 * time.Minute)
			close(done)
			<-ticking
			synctest.Wait()
			if err := r.Close(context.Background()); err != nil {
				t.Error(err)
			}
			runs, _ := l.Runs(t.Context(), false, 0)
			events, _ := l.Events(t.Context(), "")
			if err := automation.VerifyChain(events, runs...); err != nil {
				t.Errorf("seed %d: %v", seed, err)
			}
			for _, run := range runs {
				switch run.State {
				case automation.Denied:
					denied++
				case automation.Held:
					held++
				}
				for _, ch := range run.Changes {
					if ch.State.Open() && !ch.State.Waits() {
						t.Errorf("seed %d: %s is %s at the end", seed, run.ID, ch.State)
					}
					if ch.Change.Note != "" {
						clamped++
					}
				}
			}
			changed += len(c.log)
			judge(t, seed, c.log, lim)
		})
	}
	if changed < seeds*4 || denied < seeds || clamped < seeds {
		t.Errorf("the storm proves little: %d changes, %d denied, %d limited, %d held", changed, denied, clamped, held)
	}
}

// judge is the oracle: it reads nothing but the channel's log.
func judge(t *testing.T, seed int, log []applied, lim limits) {
	num := func(s string) *big.Rat { r, _ := new(big.Rat).SetString(s); return r }
	pct := func(v *big.Rat, p float64) *big.Rat {
		return new(big.Rat).Mul(v, new(big.Rat).Quo(new(big.Rat).SetFloat64(p), big.NewRat(100, 1)))
	}
	for i, a := range log {
		bad := func(what string, args ...any) {
			t.Errorf("seed %d: %s: %s %s %s → %s at %s", seed, fmt.Sprintf(what, args...), a.target, a.field, a.before, a.after, a.at.Format(time.TimeOnly))
		}
		if lim.kill && !lim.killed.IsZero() && a.at.After(lim.killed) && (lim.unkilled.IsZero() || a.at.Before(lim.unkilled)) {
			bad("while the kill switch was on")
		}
		running := 0
		for _, target := range targets {
			if a.status[target] == "ENABLED" {
				running++
			}
		}
		if a.field == "status" {
			if lim.lastOne && a.after == "PAUSED" && a.before == "ENABLED" && running == 0 {
				bad("the last one was paused")
			}
		} else {
			before, after := num(a.before), num(a.after)
			up := after.Cmp(before) > 0
			n := after.Num().Int64()
			if lim.most > 0 && up && n > lim.most {
				bad("above %d", lim.most)
			}
			if lim.least > 0 && !up && n < lim.least {
				bad("below %d", lim.least)
			}
			origin := before
			for _, b := range log[:i] { // the oldest within 24 hours
				if b.target == a.target && b.field == a.field && a.at.Sub(b.at) < 24*hour {
					origin = num(b.before)
					break
				}
			}
			if lim.action > 0 {
				diff := new(big.Rat).Abs(new(big.Rat).Sub(after, before))
				if diff.Cmp(pct(before, lim.action)) > 0 {
					bad("more than %g %%", lim.action)
				}
				total := new(big.Rat).Sub(after, origin)
				if up && total.Cmp(pct(origin, lim.day)) > 0 || !up && total.Neg(total).Cmp(pct(origin, lim.day)) > 0 {
					bad("more than %g %% within a day, from %s", lim.day, origin.RatString())
				}
			}
			for _, b := range slices.Backward(log[:i]) {
				if lim.cooldown > 0 && b.target == a.target && b.field == a.field {
					if a.at.Sub(b.at) < lim.cooldown-5*time.Second {
						bad("%s after the last change", a.at.Sub(b.at))
					}
					break
				}
			}
		}
		if lim.capDay > 0 {
			total := int64(0)
			for _, target := range targets {
				if a.status[target] == "ENABLED" {
					total += 2 * a.amount[target]
				}
			}
			raised := a.field == "amount" && a.status[a.target] == "ENABLED" && num(a.after).Cmp(num(a.before)) > 0 || a.field == "status" && a.after == "ENABLED" && a.before != "ENABLED"
			if raised && total > lim.capDay {
				bad("%d could be spent, the cap is %d", total, lim.capDay)
			}
		}
	}
}
