package automation_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"argo/automation"
	"argo/automation/automationtest"
	"argo/tables/fault"
)

// sleep waits on the clock of the bubble that the test runs in.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// world is a channel, a ledger and a runner on the virtual clock of a bubble.
type world struct {
	*testing.T
	channel *automationtest.Channel
	ledger  automation.Ledger
	runner  *automation.Runner
	forgot  []string
	guards  automation.Guardrails
	book    automation.Book
}

func newWorld(t *testing.T) *world {
	w := &world{T: t, channel: automationtest.NewChannel(time.Now), ledger: automationtest.NewLedger()}
	w.start(automationtest.NewProcess(-1))
	return w
}

// start begins a new life of the server.
func (w *world) start(p *automationtest.Process) {
	w.runner = automation.NewRunner(automation.RunnerOptions{
		Ledger: p.Ledger(w.ledger), Now: time.Now, Sleep: p.Sleep(sleep), Log: slog.New(slog.DiscardHandler), Guardrails: w.guards, Book: w.book,
		Forget: p.Forget(func(_ context.Context, source, account string, tables []string) error {
			w.forgot = append(w.forgot, fmt.Sprint(source, account, tables, w.channel.Value("c1", "status")))
			return nil
		}),
	})
}

func (w *world) stop() {
	w.Helper()
	if err := w.runner.Close(context.Background()); err != nil {
		w.Fatal(err)
	}
}

func (w *world) do(options automation.Options, args automation.Args) (automation.Run, error) {
	return w.runner.Do(context.Background(), automation.Request{Source: "google_ads", Action: w.channel.Set(), Args: args, Options: options, By: "demo"})
}

var pause = automation.Args{"status": "PAUSED"}

// is checks the state of a run, in the ledger too, and that the chain holds.
func (w *world) is(run automation.Run, state automation.State, note string) {
	w.Helper()
	stored, err := w.ledger.Run(context.Background(), run.ID)
	if err != nil {
		w.Fatal(err)
	}
	if fmt.Sprint(stored) != fmt.Sprint(run) {
		w.Errorf("the run that came back is not the one recorded:\n%+v\n%+v", run, stored)
	}
	if run.State != state {
		w.Errorf("the run is %s, not %s: %+v", run.State, state, run.Changes)
	}
	if len(run.Changes) > 0 && !strings.Contains(run.Changes[0].Note, note) {
		w.Errorf("the note is %q", run.Changes[0].Note)
	}
	w.verify()
}

func (w *world) verify() []automation.Run {
	w.Helper()
	events, _ := w.ledger.Events(context.Background(), "")
	runs, _ := w.ledger.Runs(context.Background(), false, 0)
	if err := automation.VerifyChain(events, runs...); err != nil {
		w.Error(err)
	}
	return runs
}

func (w *world) value(want string) {
	w.Helper()
	if got := w.channel.Value("c1", "status"); got != want {
		w.Errorf("the channel has %s, not %s; log %q", got, want, w.channel.Log)
	}
}

func TestDoVerifies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.stop()
		run, err := w.do(automation.Options{Reason: "over budget"}, pause)
		if err != nil {
			t.Fatal(err)
		}
		w.is(run, automation.Verified, "the channel accepted it and has it")
		w.value("PAUSED")
		c := run.Changes[0]
		if run.Reason != "over budget" || run.By != "demo" || run.Args != `{"status":"PAUSED"}` || run.EndedAt.IsZero() ||
			c.Before != "ENABLED" || c.After != "PAUSED" || c.ReadBack != "PAUSED" || c.Attempts != 1 {
			t.Errorf("the run is %+v", run)
		}
		// The cache is told after the channel has changed, and before the run is over.
		if len(w.forgot) == 0 || slices.ContainsFunc(w.forgot, func(s string) bool { return s != "google_ads1[campaigns]PAUSED" }) {
			t.Errorf("forgotten: %q", w.forgot)
		}
		var states []string
		events, _ := w.ledger.Events(context.Background(), run.ID)
		for _, e := range events {
			states = append(states, string(e.To))
		}
		if got := strings.Join(states, " "); got != "proposed proposed executing succeeded verified" {
			t.Errorf("the events are %s", got)
		}

		again, err := w.do(automation.Options{}, pause)
		if err != nil {
			t.Fatal(err)
		}
		w.is(again, automation.Unchanged, "has this value already")
		if w.channel.Count("apply") != 1 {
			t.Error("it was sent again")
		}
	})
}

func TestDryRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.stop()
		run, err := w.do(automation.Options{DryRun: true, Key: "k"}, pause)
		if err != nil {
			t.Fatal(err)
		}
		w.is(run, automation.DryRun, "nothing was sent")
		if w.channel.Count("apply") != 0 || len(w.forgot) != 0 {
			t.Error("a dry run did something")
		}
		run, err = w.do(automation.Options{Key: "k"}, pause)
		if err != nil {
			t.Fatal(err)
		}
		w.is(run, automation.Verified, "")
	})
}

func TestIdempotencyKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.stop()
		first, err := w.do(automation.Options{Key: "k"}, pause)
		if err != nil {
			t.Fatal(err)
		}
		w.channel.Edit("c1", "status", "ENABLED")
		w.channel.Down(errors.New("down")) // not even a plan is needed
		again, err := w.do(automation.Options{Key: "k"}, pause)
		if err != nil || again.ID != first.ID {
			t.Errorf("the same key gave %s: %v", again.ID, err)
		}
		other, err := w.do(automation.Options{Key: "k"}, automation.Args{"status": "REMOVED"})
		if !fault.Is(err, fault.Conflict) || other.ID != first.ID {
			t.Errorf("other arguments gave %s: %v", other.ID, err)
		}
		if w.channel.Count("apply") != 1 {
			t.Error("it was sent twice")
		}
	})
}

func TestExpect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.stop()
		args := automation.Args{"amount": "120"}
		for _, c := range []struct {
			expect map[string]string
			kind   fault.Kind
		}{
			{map[string]string{"amount": "90"}, fault.Conflict},
			{map[string]string{"status": "ENABLED"}, fault.Invalid},
			{map[string]string{"amount": "100.00"}, ""},
		} {
			run, err := w.do(automation.Options{Expect: c.expect}, args)
			if fault.KindOf(err) != c.kind || (c.kind != "") != (run.ID == "") {
				t.Errorf("expect %v: run %q, %v", c.expect, run.ID, err)
			}
		}
		if got := w.channel.Count("apply"); got != 1 {
			t.Errorf("%d were sent", got)
		}
	})
}

// guard denies the nth judgement.
type guard struct {
	deny, n int
	err     error
}

func (g *guard) Wants(context.Context, string) (automation.Wants, bool, error) {
	return automation.Wants{}, true, nil
}

func (g *guard) Judge(context.Context, automation.Question) ([]automation.Verdict, error) {
	g.n++
	v := automation.Verdict{Kind: "max_change_pct", Decision: automation.Allow, Sentence: "the budget would rise by 40 %"}
	if g.n == g.deny {
		v.Decision = automation.Deny
	}
	return []automation.Verdict{v}, g.err
}

func TestGuardrails(t *testing.T) {
	for name, c := range map[string]struct {
		guard guard
		dry   bool
		state automation.State
		note  string
	}{
		"allowed":          {guard{}, false, automation.Verified, ""},
		"denied":           {guard{deny: 1}, false, automation.Denied, "guardrail max_change_pct: the budget would rise by 40 %"},
		"denied at last":   {guard{deny: 2}, false, automation.Denied, "guardrail max_change_pct: the budget would rise by 40 %"},
		"a defect denies":  {guard{err: errors.New("no data")}, false, automation.Denied, "the guardrails: it could not be judged: no data"},
		"dry run says why": {guard{deny: 1}, true, automation.DryRun, "it would be denied: guardrail max_change_pct"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.guards = &c.guard
				w.start(automationtest.NewProcess(-1))
				defer w.stop()
				run, err := w.do(automation.Options{DryRun: c.dry}, pause)
				w.is(run, c.state, c.note)
				if fault.Is(err, fault.Refused) != (c.state == automation.Denied) {
					t.Error(err)
				}
				if sent := w.channel.Count("apply") > 0; sent != (c.state == automation.Verified) {
					t.Errorf("sent: %v", sent)
				}
			})
		})
	}
}

func TestFaultsOfTheChannel(t *testing.T) {
	for _, c := range []struct {
		fault  automationtest.Fault
		wait   time.Duration
		within time.Duration
		state  automation.State
		note   string
		kind   fault.Kind
		value  string
	}{
		{automationtest.Refused, 0, 0, automation.Failed, "the campaign is removed", fault.Refused, "ENABLED"},
		{automationtest.LostReply, 0, time.Second, automation.Verified, "read back: the channel has it", "", "PAUSED"},
		{automationtest.Panic, 0, time.Second, automation.Verified, "read back: the channel has it", "", "PAUSED"},
		{automationtest.BeforeSend, 3 * time.Minute, 2 * time.Minute, automation.Failed, "not applied; nothing was changed", fault.Unavailable, "ENABLED"},
		{automationtest.Dropped, 0, 10 * time.Second, automation.Unknown, "it is being read back", "", "ENABLED"},
		{automationtest.Late, time.Minute, 32 * time.Second, automation.Verified, "read back: the channel has it", "", "PAUSED"},
		{automationtest.Late, 0, 10 * time.Second, automation.Unknown, "it is being read back", "", "ENABLED"},
	} {
		t.Run(fmt.Sprint(c.fault, c.wait), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				defer w.stop()
				w.channel.Fault = c.fault
				start := time.Now()
				run, err := w.do(automation.Options{Wait: c.wait}, pause)
				if fault.KindOf(err) != c.kind {
					t.Error(err)
				}
				w.is(run, c.state, c.note)
				w.value(c.value)
				if took := time.Since(start); took > c.within {
					t.Errorf("it took %s", took)
				}
				// The rest is done in the background.
				_ = sleep(context.Background(), 3*time.Minute)
				synctest.Wait()
				run, _ = w.ledger.Run(context.Background(), run.ID)
				if run.State.Open() {
					t.Errorf("it is %s after its window: %s", run.State, run.Changes[0].Note)
				}
				if w.channel.Count("apply") != 1 {
					t.Errorf("it was sent %d times", w.channel.Count("apply"))
				}
			})
		})
	}
}

func TestReadsThatLag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.stop()
		w.channel.Lag = 45 * time.Second
		run, err := w.do(automation.Options{}, pause)
		if err != nil {
			t.Fatal(err)
		}
		w.is(run, automation.Succeeded, "the channel accepted it")
		_ = sleep(context.Background(), time.Minute)
		synctest.Wait()
		run, _ = w.ledger.Run(context.Background(), run.ID)
		w.is(run, automation.Verified, "")
	})
}

func TestAPersonEdits(t *testing.T) {
	for name, c := range map[string]struct {
		what  string // before the first of these
		value string
		fault automationtest.Fault
		state automation.State
		want  string
		sent  int
	}{
		"after the plan":                     {"read", "REMOVED", automationtest.None, automation.Conflict, "REMOVED", 0},
		"to the same after the plan":         {"read", "PAUSED", automationtest.None, automation.Unchanged, "PAUSED", 0},
		"while the outcome is not known":     {"read2", "REMOVED", automationtest.Dropped, automation.Conflict, "REMOVED", 1},
		"to the same while it is not known":  {"read2", "PAUSED", automationtest.Dropped, automation.Verified, "PAUSED", 1},
		"after it was applied, reply lost":   {"read2", "REMOVED", automationtest.LostReply, automation.Conflict, "REMOVED", 1},
		"back after it was accepted":         {"read2", "ENABLED", automationtest.None, automation.Conflict, "ENABLED", 1},
		"to something else after it was set": {"read2", "REMOVED", automationtest.None, automation.Conflict, "REMOVED", 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				defer w.stop()
				w.channel.Fault = c.fault
				w.channel.Hook = func(what string, n int) {
					if what == c.what && n == 1 || what+fmt.Sprint(n) == c.what {
						w.channel.Edit("c1", "status", c.value)
					}
				}
				run, err := w.do(automation.Options{Wait: 5 * time.Minute}, pause)
				w.is(run, c.state, "")
				w.value(c.want)
				if fault.Is(err, fault.Conflict) != (c.state == automation.Conflict) {
					t.Error(err)
				}
				if got := w.channel.Count("apply"); got != c.sent {
					t.Errorf("%d were sent", got)
				}
			})
		})
	}
}

func TestSeveralChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.stop()
		both := automation.Args{"status": "PAUSED", "amount": "50"}
		w.channel.Fault = automationtest.Refused
		run, err := w.do(automation.Options{}, both)
		w.is(run, automation.Failed, "refused")
		if !fault.Is(err, fault.Refused) || run.Changes[1].State != automation.Cancelled || w.channel.Count("apply") != 1 {
			t.Errorf("%v: %+v", err, run.Changes)
		}
		w.channel.Fault = automationtest.None
		if run, err = w.do(automation.Options{}, both); err != nil {
			t.Error(err)
		}
		w.is(run, automation.Verified, "")

		// The CALL has long come back when the second change has its turn.
		w.channel.Fault = automationtest.Late
		run, err = w.do(automation.Options{}, automation.Args{"status": "ENABLED", "amount": "60"})
		if err != nil {
			t.Error(err)
		}
		w.is(run, automation.Unknown, "")
		_ = sleep(context.Background(), 5*time.Minute)
		run, _ = w.ledger.Run(context.Background(), run.ID)
		w.is(run, automation.Verified, "")
	})
}

func TestTwoRunsOnOneField(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.stop()
		w.channel.Fault = automationtest.Late
		first, _ := w.do(automation.Options{Wait: time.Second}, automation.Args{"amount": "120"})
		w.is(first, automation.Unknown, "")
		second, err := w.do(automation.Options{}, automation.Args{"amount": "130"})
		if !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), first.ID) {
			t.Error(err)
		}
		w.is(second, automation.Cancelled, "nothing was sent: run "+first.ID)
		other, _ := w.do(automation.Options{Wait: time.Minute}, pause) // another field
		w.is(other, automation.Verified, "")
		_ = sleep(context.Background(), time.Minute)
		w.channel.Fault = automationtest.None
		third, err := w.do(automation.Options{}, automation.Args{"amount": "130"})
		if err != nil {
			t.Error(err)
		}
		w.is(third, automation.Verified, "")
	})
}

func TestCallerGoes(t *testing.T) {
	for _, c := range []struct {
		what  string
		state automation.State
		sent  int
	}{{"plan", "", 0}, {"read", automation.Cancelled, 0}, {"apply", automation.Verified, 1}} {
		t.Run(c.what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				defer w.stop()
				ctx, cancel := context.WithCancel(context.Background())
				w.channel.Hook = func(what string, n int) {
					if what == c.what && n == 1 {
						cancel()
						_ = sleep(context.Background(), time.Second)
					}
				}
				_, err := w.runner.Do(ctx, automation.Request{Source: "google_ads", Action: w.channel.Set(), Args: pause, By: "demo"})
				if err == nil {
					t.Error("a cancelled CALL did not say so")
				}
				_ = sleep(context.Background(), time.Minute)
				runs := w.verify()
				if c.state == "" {
					if len(runs) != 0 {
						t.Errorf("runs: %+v", runs)
					}
					return
				}
				w.is(runs[0], c.state, "")
				if got := w.channel.Count("apply"); got != c.sent {
					t.Errorf("%d were sent", got)
				}
			})
		})
	}
}

func TestChannelDownWhenReadBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.channel.Fault = automationtest.LostReply
		w.channel.Hook = func(what string, n int) {
			if what == "read" && n == 2 {
				w.channel.Down(fault.New(fault.Unavailable, "the channel is down"))
			}
		}
		run, err := w.do(automation.Options{Wait: time.Hour}, pause)
		if err != nil {
			t.Error(err)
		}
		w.is(run, automation.Unknown, "it was sent and could not be read back yet: the channel is down")
		n, _ := w.ledger.Events(context.Background(), run.ID)
		_ = sleep(context.Background(), time.Hour)
		if m, _ := w.ledger.Events(context.Background(), run.ID); len(m) != len(n) {
			t.Errorf("%d events became %d while nothing happened", len(n), len(m))
		}
		w.stop()

		// The next process goes on waiting.
		w.start(automationtest.NewProcess(-1))
		defer w.stop()
		if err := w.runner.Recover(context.Background(), func(source, name string) (automation.Action, bool) {
			return w.channel.Set(), source == "google_ads" && name == "set"
		}); err != nil {
			t.Fatal(err)
		}
		_ = sleep(context.Background(), time.Hour)
		w.channel.Down(nil)
		_ = sleep(context.Background(), 2*time.Minute)
		run, _ = w.ledger.Run(context.Background(), run.ID)
		w.is(run, automation.Verified, "")
	})
}

func TestRecoverWithoutTheAction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		p := automationtest.NewProcess(-1)
		w.start(p)
		dead := automationtest.NewProcess(12)
		w.start(dead)
		_, _ = w.runner.Do(context.Background(), automation.Request{Source: "google_ads", Action: dead.Action(w.channel.Set()), Args: pause, By: "demo"})
		w.stop()
		w.start(p)
		defer w.stop()
		if err := w.runner.Recover(context.Background(), func(string, string) (automation.Action, bool) { return automation.Action{}, false }); err != nil {
			t.Fatal(err)
		}
		runs := w.verify()
		if len(runs) != 1 || runs[0].State == automation.Executing || runs[0].Changes[0].Note == "" {
			t.Errorf("%+v", runs)
		}
	})
}

// TestEveryCrash kills the server at every step of a run, for every fault of
// the channel and every time at which a person may edit meanwhile, restarts it
// (to die once more a few steps later, too), and checks what must hold.
func TestEveryCrash(t *testing.T) {
	edits := []string{"", "read1", "read2", "restart"}
	if testing.Short() {
		edits = []string{"", "restart"}
	}
	runs := 0
	for _, f := range automationtest.Faults {
		for _, edit := range edits {
			for _, second := range []int{-1, 0, 2, 5} {
				for step, more := 0, true; more; step++ {
					runs++
					name := fmt.Sprintf("fault %q, edit %q, dead at step %d and %d", f, edit, step, second)
					synctest.Test(t, func(t *testing.T) { more = crash(t, name, f, edit, step, second) })
					if t.Failed() {
						return
					}
				}
			}
		}
	}
	t.Logf("%d lives", runs)
}

func crash(t *testing.T, name string, f automationtest.Fault, edit string, step, second int) (more bool) {
	w := &world{T: t, channel: automationtest.NewChannel(time.Now), ledger: automationtest.NewLedger()}
	w.channel.Fault = f
	edited := false
	w.channel.Hook = func(what string, n int) {
		if what+fmt.Sprint(n) == edit {
			w.channel.Edit("c1", "status", "REMOVED")
			edited = true
		}
	}
	first := automationtest.NewProcess(step)
	w.start(first)
	_, _ = w.runner.Do(context.Background(), automation.Request{Source: "google_ads", Action: first.Action(w.channel.Set()), Args: pause,
		Options: automation.Options{Wait: 10 * time.Minute}, By: "demo"})
	w.stop()
	if edit == "restart" {
		w.channel.Edit("c1", "status", "REMOVED")
		edited = true
	}
	for _, steps := range []int{second, -1} {
		p := automationtest.NewProcess(steps)
		w.start(p)
		_ = w.runner.Recover(context.Background(), func(source, name string) (automation.Action, bool) { return p.Action(w.channel.Set()), true })
		_ = sleep(context.Background(), 5*time.Minute)
		synctest.Wait()
		w.stop()
	}

	ended := w.verify()
	value := w.channel.Value("c1", "status") // what is late has come by now
	applied := 0
	for i, line := range w.channel.Log {
		if strings.HasPrefix(line, "argo") {
			applied++
			if i > 0 && edit == "read1" {
				t.Errorf("%s: a person's edit was overwritten that a read had shown: %q", name, w.channel.Log)
			}
		}
	}
	sent := w.channel.Count("apply")
	switch {
	case sent > 1 || applied > 1:
		t.Errorf("%s: sent %d times, applied %d times", name, sent, applied)
	case len(ended) == 0 && sent > 0:
		t.Errorf("%s: sent without a record", name)
	case len(ended) > 1:
		t.Errorf("%s: %d runs", name, len(ended))
	}
	for _, r := range ended {
		c := r.Changes[0]
		bad := ""
		switch {
		case r.State.Open():
			bad = "it is open"
		case c.Note == "":
			bad = "nobody knows why"
		case c.Attempts < sent:
			bad = "it says that it was not sent"
		case r.State == automation.Verified && !edited && value != "PAUSED":
			bad = "the channel does not have it"
		case r.State == automation.Verified && sent == 0:
			bad = "it was not even sent"
		case (r.State == automation.Failed || r.State == automation.Cancelled) && applied > 0:
			bad = "it was applied"
		case r.State == automation.Cancelled && sent > 0:
			bad = "it was sent"
		case r.State == automation.Conflict && !edited:
			bad = "nobody was there"
		case applied > 0 && len(w.forgot) == 0:
			bad = "the cache was not told"
		}
		if bad != "" {
			t.Errorf("%s: %s, but %s; channel %q; note %q", name, r.State, bad, w.channel.Log, c.Note)
		}
	}
	return first.Dead()
}

func TestParseOptions(t *testing.T) {
	got, err := automation.ParseOptions(` {"dry_run":true,"reason":"a \"b\"","idempotency_key":"k","expect":{"status":"ENABLED","amount":50000.50,"shared":false,"note":null}} `)
	want := automation.Options{DryRun: true, Reason: `a "b"`, Key: "k", Expect: map[string]string{"status": "ENABLED", "amount": "50000.50", "shared": "false", "note": ""}}
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%+v, %v", got, err)
	}
	for _, s := range []string{"", "null", " null ", "{}", `{"reason":null}`} {
		if got, err := automation.ParseOptions(s); err != nil || fmt.Sprint(got) != fmt.Sprint(automation.Options{}) {
			t.Errorf("%q: %+v, %v", s, got, err)
		}
	}
	for s, says := range map[string]string{
		`{"dryrun":true}`: `no option "dryrun"`, `{"dryrun":null}`: `no option "dryrun"`, `{"dryrun":[1]}`: `no option "dryrun"`,
		`{"dry_run":"yes"}`: "dry_run is not of the right type", `{"dry_run":1}`: "dry_run is not of the right type",
		`{"dry_run":true,"dry_run":false}`: "twice", `[]`: "not a JSON object", `true`: "not a JSON object", `{"reason":"a"} x`: "after the object",
		`{"reason":"a"`: "not JSON", `reason`: "not JSON", `{"expect":{"a":[1]}}`: "no value", `{"expect":{"a":1,"a":2}}`: "twice",
		`{"expect":[]}`: "expect cannot be read", `{"idempotency_key":""}`: "1 to 160", `{"expect":"x"}`: "right type", `{"reason":{}}`: "right type",
		`{"dry_run":null}`: "dry_run is NULL", `{"expect":null}`: "expect is NULL", `{"idempotency_key":null}`: "idempotency_key is NULL",
		`{"idempotency_key":"` + strings.Repeat("키", 161) + `"}`: "1 to 160",
	} {
		_, err := automation.ParseOptions(s)
		if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), "dry_run") {
			t.Errorf("%s: %v", s, err)
		}
	}
}

func FuzzParseOptions(f *testing.F) {
	f.Add(`{"dry_run":true,"expect":{"a":1}}`)
	f.Add(`{"reason":`)
	f.Fuzz(func(t *testing.T, s string) {
		if _, err := automation.ParseOptions(s); err != nil && !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: %v", s, err)
		}
	})
}
