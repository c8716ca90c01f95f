package automation_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"argo/automation"
	"argo/automation/automationtest"
	"argo/automation/guardrails"
	"argo/tables/fault"
)

// guarded is a world with policies.
func guarded(t *testing.T, policies ...automation.Policy) *world {
	l := automationtest.NewLedger()
	w := &world{T: t, channel: automationtest.NewChannel(time.Now), ledger: l, book: l.Book(), guards: guardrails.Set{Policies: l.Book()}}
	for i, p := range policies {
		p.ID = fmt.Sprint("P", i)
		w.set(p)
	}
	w.start(automationtest.NewProcess(-1))
	return w
}

func (w *world) set(p automation.Policy) {
	w.Helper()
	if p.ScopeKind == "" {
		p.ScopeKind = "global"
	}
	p.SetBy, p.SetAt = "lead", time.Now()
	if err := guardrails.Check(p); err != nil {
		w.Fatal(err)
	}
	if _, err := w.book.SetPolicy(context.Background(), p); err != nil {
		w.Fatal(err)
	}
}

func (w *world) drop(id string) {
	w.Helper()
	if _, err := w.book.DropPolicy(context.Background(), id, "lead", time.Now()); err != nil {
		w.Fatal(err)
	}
}

func (w *world) actions(string, string) (automation.Action, bool) { return w.channel.Set(), true }

func (w *world) approve(id, by string, yes bool) (automation.Run, error) {
	return w.runner.Approve(context.Background(), id, automation.Vote{By: by, Yes: yes, Comment: "as discussed"}, w.actions)
}

// due runs the ticker once and waits for what it set going.
func (w *world) due() {
	w.Helper()
	if err := w.runner.Due(context.Background(), w.actions); err != nil {
		w.Error(err)
	}
	synctest.Wait()
	time.Sleep(10 * time.Second)
	synctest.Wait()
}

func (w *world) state(id string, want automation.State, note string) automation.Run {
	w.Helper()
	run, err := w.ledger.Run(context.Background(), id)
	if err != nil {
		w.Fatal(err)
	}
	w.is(run, want, note)
	return run
}

var (
	asking  = automation.Policy{Kind: "approval", Params: `{"quorum": 2}`}
	killing = automation.Policy{Kind: "kill_switch", Params: `{"reason": "wrong feed"}`}
	raise   = automation.Args{"amount": "110"}
)

func TestApproval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := guarded(t, asking)
		defer w.stop()
		run, err := w.do(automation.Options{}, raise)
		if err != nil {
			t.Fatal(err)
		}
		w.is(run, automation.Awaiting, "needs the approval of 2")
		if _, err := w.approve(run.ID, "demo@10.0.0.9", true); !fault.Is(err, fault.Denied) {
			t.Errorf("who asked has approved: %v", err)
		}
		if run, err = w.approve(run.ID, "lee@10.0.0.1", true); err != nil || run.State != automation.Awaiting {
			t.Errorf("%s, %v", run.State, err)
		}
		if _, err := w.approve(run.ID, "lee@10.0.0.2", true); !fault.Is(err, fault.Conflict) {
			t.Errorf("voted twice: %v", err)
		}
		if w.channel.Count("apply") != 0 {
			t.Error("sent before it was approved")
		}
		if run, err = w.approve(run.ID, "park@10.0.0.1", true); err != nil {
			t.Error(err)
		}
		w.is(run, automation.Verified, "has it")
		if _, err := w.approve(run.ID, "choi", true); !fault.Is(err, fault.Conflict) {
			t.Errorf("approved what has ended: %v", err)
		}
		verdicts, err := w.book.Verdicts(context.Background(), run.ID)
		if err != nil || len(verdicts) != 2 || verdicts[0].Stage != "plan" || verdicts[1].Stage != "send" || verdicts[1].Decision != automation.Approve {
			t.Errorf("%+v, %v", verdicts, err)
		}
	})
}

func TestApprovalEnds(t *testing.T) {
	for name, c := range map[string]struct {
		do    func(w *world, id string) (automation.Run, error)
		state automation.State
		note  string
		kind  fault.Kind
	}{
		"a no": {func(w *world, id string) (automation.Run, error) { return w.approve(id, "lee", false) }, automation.Rejected, "lee said no: as discussed", ""},
		"the world moved": {func(w *world, id string) (automation.Run, error) {
			w.approve(id, "lee", true)
			w.channel.Edit("c1", "amount", "105")
			return w.approve(id, "park", true)
		}, automation.Conflict, `was "100" and is "105"`, fault.Conflict},
		"too late": {func(w *world, id string) (automation.Run, error) {
			time.Sleep(25 * time.Hour)
			return w.approve(id, "lee", true)
		}, automation.Expired, "nobody approved it in time", fault.Refused},
		"nobody came": {func(w *world, id string) (automation.Run, error) {
			time.Sleep(25 * time.Hour)
			w.due()
			return w.ledger.Run(context.Background(), id)
		}, automation.Expired, "nobody approved it in time", ""},
		"given up": {func(w *world, id string) (automation.Run, error) {
			return w.runner.Cancel(context.Background(), id, "demo@127.0.0.1")
		}, automation.Cancelled, "given up by demo", ""},
		"the server stopped": {func(w *world, id string) (automation.Run, error) {
			w.stop()
			w.start(automationtest.NewProcess(-1))
			w.recover(w.runner)
			w.approve(id, "lee", true)
			return w.approve(id, "park", true)
		}, automation.Verified, "has it", ""},
		"the kill switch came": {func(w *world, id string) (automation.Run, error) {
			p := killing
			p.ID = "K"
			w.set(p)
			w.approve(id, "lee", true)
			run, err := w.approve(id, "park", true)
			if run.State != automation.Held || !fault.Is(err, fault.Held) {
				w.Errorf("%s, %v", run.State, err)
			}
			time.Sleep(time.Minute)
			w.due()
			w.state(id, automation.Held, "wrong feed")
			w.drop("K")
			time.Sleep(time.Minute)
			w.due()
			return w.ledger.Run(context.Background(), id)
		}, automation.Verified, "has it", ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := guarded(t, asking)
				defer func() { w.stop() }()
				run, err := w.do(automation.Options{}, raise)
				if err != nil {
					t.Fatal(err)
				}
				run, err = c.do(w, run.ID)
				if fault.KindOf(err) != c.kind {
					t.Error(err)
				}
				w.state(run.ID, c.state, c.note)
				if sent := w.channel.Count("apply") > 0; sent != (c.state == automation.Verified) {
					t.Errorf("sent: %v", sent)
				}
			})
		})
	}
}

func TestHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := guarded(t, killing)
		defer w.stop()
		run, err := w.do(automation.Options{}, raise)
		if !fault.Is(err, fault.Held) || !strings.Contains(err.Error(), "actions.cancel") {
			t.Error(err)
		}
		w.is(run, automation.Held, "the kill switch is on: wrong feed")
		w.due()
		w.state(run.ID, automation.Held, "")
		w.drop("P0")
		time.Sleep(time.Minute)
		w.due()
		w.state(run.ID, automation.Verified, "")
		if got := w.channel.Value("c1", "amount"); got != "110" {
			t.Error(got)
		}
	})
	synctest.Test(t, func(t *testing.T) { // and one that is held for too long
		w := guarded(t, killing)
		defer w.stop()
		run, _ := w.do(automation.Options{}, raise)
		time.Sleep(24 * time.Hour)
		w.due()
		w.state(run.ID, automation.Expired, "it was held for 24h")
	})
}

func TestClamp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := guarded(t, automation.Policy{Kind: "max_change_pct"}, automation.Policy{Kind: "max_change_pct", ScopeKind: "account", Scope: "1", Params: `{"action_pct": 15, "day_pct": 50}`})
		defer w.stop()
		run, err := w.do(automation.Options{}, automation.Args{"amount": "500"})
		if err != nil {
			t.Fatal(err)
		}
		w.is(run, automation.Verified, "")
		if c := run.Changes[0]; c.After != "115" || !strings.Contains(c.Change.Note, "limited from 500 to 115") || w.channel.Value("c1", "amount") != "115" {
			t.Errorf("%+v", c)
		}
		// 30 % of the 100 of 24 hours ago, however small the steps.
		if run, err = w.do(automation.Options{}, automation.Args{"amount": "131"}); err != nil || run.Changes[0].After != "130" {
			t.Errorf("%+v, %v", run.Changes, err)
		}
		run, err = w.do(automation.Options{}, automation.Args{"amount": "131"})
		if !fault.Is(err, fault.Refused) || run.State != automation.Denied {
			t.Errorf("%+v, %v", run.Changes, err)
		}
		time.Sleep(25 * time.Hour)
		if run, err = w.do(automation.Options{}, automation.Args{"amount": "131"}); err != nil || run.Changes[0].After != "131" {
			t.Errorf("%+v, %v", run.Changes, err)
		}
	})
}

func TestNotBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := guarded(t)
		defer w.stop()
		at := time.Now().Add(3 * time.Hour)
		run, err := w.do(automation.Options{NotBefore: at}, raise)
		if err != nil {
			t.Fatal(err)
		}
		w.is(run, automation.Approved, "it is sent from")
		w.due()
		w.state(run.ID, automation.Approved, "")
		time.Sleep(3 * time.Hour)
		w.due()
		w.state(run.ID, automation.Verified, "")
		// One that is not sent by its time is not sent at all.
		w.set(automation.Policy{ID: "K", Kind: "kill_switch"})
		run, _ = w.do(automation.Options{Expires: time.Now().Add(time.Hour)}, automation.Args{"amount": "120"})
		time.Sleep(time.Hour)
		w.drop("K")
		w.due()
		w.state(run.ID, automation.Expired, "it was to be done by")
		if _, err := w.do(automation.Options{Expires: time.Now().Add(-time.Hour)}, raise); !fault.Is(err, fault.Invalid) {
			t.Error(err)
		}
	})
}

func TestUndo(t *testing.T) {
	undo := func(w *world, id string) (automation.Run, error) {
		return w.runner.Undo(context.Background(), id, "demo", automation.Options{}, w.actions)
	}
	synctest.Test(t, func(t *testing.T) {
		w := guarded(t)
		defer w.stop()
		run, err := w.do(automation.Options{}, automation.Args{"amount": "110", "status": "PAUSED"})
		if err != nil {
			t.Fatal(err)
		}
		back, err := undo(w, run.ID)
		if err != nil {
			t.Fatal(err)
		}
		w.is(back, automation.Verified, "")
		if back.UndoOf != run.ID || w.channel.Value("c1", "amount") != "100" || w.channel.Value("c1", "status") != "ENABLED" || back.Changes[0].Field != "amount" {
			t.Errorf("%+v", back)
		}
		if _, err := undo(w, run.ID); !fault.Is(err, fault.Conflict) {
			t.Errorf("undone twice: %v", err)
		}
		if again, err := undo(w, back.ID); err != nil || w.channel.Value("c1", "amount") != "110" {
			t.Errorf("the undo undone: %+v, %v", again, err)
		}
	})
	synctest.Test(t, func(t *testing.T) { // a person's later edit stands
		w := guarded(t)
		defer w.stop()
		run, _ := w.do(automation.Options{}, raise)
		w.channel.Edit("c1", "amount", "150")
		sent := w.channel.Count("apply")
		if _, err := undo(w, run.ID); !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), `is "150" now`) || w.channel.Count("apply") != sent {
			t.Error(err)
		}
	})
	synctest.Test(t, func(t *testing.T) { // undo stands behind guardrails too
		w := guarded(t)
		defer w.stop()
		run, _ := w.do(automation.Options{}, raise)
		w.set(automation.Policy{ID: "A", Kind: "approval"})
		back, err := undo(w, run.ID)
		if err != nil || back.State != automation.Awaiting {
			t.Fatalf("%+v, %v", back, err)
		}
		if back, err = w.approve(back.ID, "lee", true); err != nil || back.State != automation.Verified || w.channel.Value("c1", "amount") != "100" {
			t.Errorf("%+v, %v", back, err)
		}
	})
}

// What waits and is killed at every step is sent once, or not at all and says
// so.
func TestWaitingSurvives(t *testing.T) {
	for step := 0; step < 60; step++ {
		ended := false
		synctest.Test(t, func(t *testing.T) {
			w := guarded(t, killing)
			run, _ := w.do(automation.Options{}, raise)
			w.stop()
			w.drop("P0")
			time.Sleep(time.Minute)
			life := automationtest.NewProcess(step)
			w.start(life)
			_ = w.runner.Due(context.Background(), w.actions)
			synctest.Wait()
			time.Sleep(10 * time.Second)
			ended = !life.Dead()
			w.stop()
			w.start(automationtest.NewProcess(-1))
			defer w.stop()
			for range 3 {
				w.recover(w.runner)
				w.due()
				time.Sleep(5 * time.Minute)
			}
			run, err := w.ledger.Run(context.Background(), run.ID)
			if err != nil {
				t.Fatal(err)
			}
			applied := 0
			for _, line := range w.channel.Log {
				if strings.HasPrefix(line, "argo ") {
					applied++
				}
			}
			switch {
			case run.State == automation.Verified && applied == 1:
			case (run.State == automation.Failed || run.State == automation.Cancelled) && applied == 0:
			default:
				t.Errorf("step %d: %s, applied %d times: %+v", step, run.State, applied, run.Changes)
			}
			w.verify()
		})
		if ended {
			return
		}
	}
	t.Error("it has more steps than that")
}
