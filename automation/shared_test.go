package automation_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"argo/automation"
	"argo/automation/automationtest"
)

// share starts a process of several on the world's ledger.
func (w *world) share(p *automationtest.Process, owner string, alive func(string) bool) *automation.Runner {
	return automation.NewRunner(automation.RunnerOptions{
		Ledger: p.Ledger(w.ledger), Now: time.Now, Sleep: p.Sleep(sleep), Log: slog.New(slog.DiscardHandler), Owner: owner, Alive: alive,
	})
}

func (w *world) recover(r *automation.Runner) {
	w.Helper()
	if err := r.Recover(context.Background(), func(string, string) (automation.Action, bool) { return w.channel.Set(), true }); err != nil {
		w.Error(err)
	}
}

// While one process is at work, another one starts, at every moment of a run
// and again and again: the run is left to the first.
func TestAnotherProcessStarts(t *testing.T) {
	moments := []string{"read1", "read2", "apply1", "read3", "read4"}
	for _, at := range moments {
		for _, f := range automationtest.Faults {
			for _, watched := range []bool{true, false} {
				synctest.Test(t, func(t *testing.T) {
					w := &world{T: t, channel: automationtest.NewChannel(time.Now), ledger: automationtest.NewLedger()}
					w.channel.Fault = f
					alive := func(string) bool { return true }
					if !watched {
						alive = nil
					}
					one := w.share(automationtest.NewProcess(-1), "one", alive)
					begun := 0
					w.channel.Hook = func(what string, n int) {
						if what+fmt.Sprint(n) != at {
							return
						}
						begun++
						two := w.share(automationtest.NewProcess(-1), fmt.Sprint("two", begun), alive)
						w.recover(two)
						if err := two.Close(context.Background()); err != nil {
							t.Error(err)
						}
					}
					run, _ := one.Do(context.Background(), automation.Request{Source: "google_ads", Action: w.channel.Set(), Args: pause,
						Options: automation.Options{Wait: 10 * time.Minute}, By: "demo"})
					if err := one.Close(context.Background()); err != nil {
						t.Error(err)
					}
					w.verify()
					if run.State.Open() || w.channel.Count("apply") > 1 || begun > 0 && run.State == automation.Cancelled {
						t.Errorf("fault %q, another starts at %s: it is %s, sent %d times: %+v", f, at, run.State, w.channel.Count("apply"), run.Changes)
					}
					events, _ := w.ledger.Events(context.Background(), run.ID)
					for _, e := range events {
						if e.Actor == "argo" && e.From == automation.Executing {
							t.Errorf("fault %q, another starts at %s: the other one has moved it: %+v", f, at, e)
						}
					}
				})
			}
		}
	}
}

// One of two processes dies, at every step of a run; the other, which looks
// from time to time, finishes what it left.
func TestAnotherProcessDies(t *testing.T) {
	for _, watched := range []bool{true, false} {
		for step, more := 0, true; more; step++ {
			synctest.Test(t, func(t *testing.T) {
				w := &world{T: t, channel: automationtest.NewChannel(time.Now), ledger: automationtest.NewLedger()}
				mortal := automationtest.NewProcess(step)
				alive := func(owner string) bool { return owner == "two" || !mortal.Dead() }
				if !watched {
					alive = nil
				}
				one, two := w.share(mortal, "one", alive), w.share(automationtest.NewProcess(-1), "two", alive)
				_, _ = one.Do(context.Background(), automation.Request{Source: "google_ads", Action: mortal.Action(w.channel.Set()), Args: pause,
					Options: automation.Options{Wait: 10 * time.Minute}, By: "demo"})
				for range 10 {
					w.recover(two)
					_ = sleep(context.Background(), time.Minute)
				}
				synctest.Wait()
				for _, r := range []*automation.Runner{one, two} {
					if err := r.Close(context.Background()); err != nil {
						t.Error(err)
					}
				}
				for _, run := range w.verify() {
					if run.State.Open() || w.channel.Count("apply") > 1 {
						t.Errorf("dead at step %d: it is %s, sent %d times: %+v", step, run.State, w.channel.Count("apply"), run.Changes)
					}
				}
				more = mortal.Dead()
			})
		}
	}
}
