package automation

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"argo/tables/fault"
)

// task is one change on its way.
type task struct {
	r   *Runner
	a   Action
	run Run
	c   RunChange
}

// move takes the change one state further and keeps t.c what the ledger has.
// It must not be called off half way, so it has no caller's context.
func (t *task) move(to State, note, readBack string) error {
	return t.moveAs(to, note, readBack, t.run.By)
}

func (t *task) moveAs(to State, note, readBack, actor string) error {
	ctx := context.WithoutCancel(t.r.ctx)
	if t.c.State.InFlight() {
		t.forget(ctx)
	}
	c := t.c
	c.At = t.r.o.Now()
	if to == Executing {
		c.Attempts++
	}
	c, err := t.r.o.Ledger.Advance(ctx, t.run.ID, c, to, note, readBack, actor)
	if err != nil {
		t.r.o.Log.Error("a change was not recorded", "run", t.run.ID, "change", t.c.ID, "from", t.c.State, "to", to, "err", err)
		return err
	}
	t.c = c
	return nil
}

// forget drops the cached tables that the change makes untrue.
func (t *task) forget(ctx context.Context) {
	if t.r.o.Forget == nil || len(t.a.Touches) == 0 {
		return
	}
	if err := t.r.o.Forget(ctx, t.run.Source, t.c.Account, t.a.Touches); err != nil {
		t.r.o.Log.Error("cached tables were not forgotten after a change", "run", t.run.ID, "tables", t.a.Touches, "err", err)
	}
}

func (t *task) window() time.Duration { return cmp.Or(t.a.Window, defaultWindow) }

func (t *task) lease() string {
	return t.run.Source + " " + t.c.Account + " " + t.c.Target + " " + t.c.Field
}

func (t *task) release() {
	if err := t.r.o.Ledger.Release(context.WithoutCancel(t.r.ctx), t.lease(), t.run.ID); err != nil {
		t.r.o.Log.Warn("a lease was not released; it runs out by itself", "run", t.run.ID, "err", err)
	}
}

// hold takes or prolongs the lease of the target's field, and gives who has it.
func (t *task) hold(ctx context.Context) (holder string, err error) {
	now := t.r.o.Now()
	return t.r.o.Ledger.Lease(ctx, t.lease(), t.run.ID, now, now.Add(t.window()+leaseBeyond))
}

func (t *task) readBack(ctx context.Context) (value string, err error) {
	defer t.r.recovered(&err, t.a.Name)
	return t.a.ReadBack(ctx, t.c.Change)
}

func (t *task) apply(ctx context.Context) (err error) {
	defer t.r.recovered(&err, t.a.Name)
	return t.a.Apply(ctx, t.c.Change)
}

// callOff ends a change of which nothing was sent.
func (t *task) callOff(to State, cause error, format string, args ...any) error {
	if err := t.move(to, fmt.Sprintf(format, args...), ""); err != nil {
		return fmt.Errorf("record the change: %w", err)
	}
	return cause
}

// execute takes a proposed or approved change to its end. ctx counts until it is sent.
func (t *task) execute(ctx context.Context) error {
	if err := t.queue(ctx); err != nil {
		return err
	}
	defer t.release()

	// The world may have moved since the plan: read again, judge again.
	value, err := t.readBack(ctx)
	switch {
	case err != nil && ctx.Err() != nil:
		return t.callOff(Cancelled, context.Cause(ctx), "nothing was sent: the CALL was cancelled")
	case err != nil:
		return t.callOff(Cancelled, err, "nothing was sent: the present value could not be read: %v", err)
	case value == t.c.After:
		if err := t.move(Unchanged, "it has got this value meanwhile; nothing was sent", value); err != nil {
			return fmt.Errorf("record the change: %w", err)
		}
		return nil
	case value != t.c.Before:
		note := fmt.Sprintf("%s of %s was %q when this was planned and is %q now; nothing was sent", t.c.Field, t.c.Entity, t.c.Before, value)
		if err := t.move(Conflict, note, value); err != nil {
			return fmt.Errorf("record the change: %w", err)
		}
		return fault.New(fault.Conflict, "%s", note).WithHint("call it again if you still want it")
	}
	leave, done, err := t.again(ctx)
	if done {
		return err
	}
	if ctx.Err() != nil {
		leave()
		return t.callOff(Cancelled, context.Cause(ctx), "nothing was sent: the CALL was cancelled")
	}
	err = t.move(Executing, "being sent", "")
	leave()
	if err != nil {
		return t.stay(err)
	}

	// The caller may go now, the request goes on.
	send, stop := context.WithTimeout(context.WithoutCancel(ctx), min(sendFor, t.window()))
	err = t.apply(send)
	stop()
	// What the ledger cannot take here is found by reading back, as after a
	// crash.
	switch {
	case err == nil:
		_ = t.move(Succeeded, "the channel accepted it; it is being read back", "")
	case definite(err):
		if t.move(Failed, "the channel refused it: "+err.Error(), "") == nil {
			return err
		}
	default:
		_ = t.move(Unknown, fmt.Sprintf("it was sent and the outcome is not known (%v); it is being read back", err), "")
	}
	return t.settle(t.r.o.Now().Add(t.window()))
}

// stay ends a change that could not be recorded as executing, and so was not
// sent.
func (t *task) stay(cause error) error {
	note := fmt.Sprintf("nothing was sent: it could not be recorded: %v", cause)
	if f := fault.As(cause); f != nil && f.Kind == fault.Conflict {
		note = "nothing was sent: " + f.Message
		cause = fault.New(fault.Conflict, "%s", note).WithHint("call it again when that run has ended")
	}
	err := t.reload() // the record may have been written all the same
	switch {
	case err == nil && t.c.State == Executing:
		err = t.move(Failed, note, "")
	case err == nil && (t.c.State == Proposed || t.c.State == Approved):
		err = t.move(Cancelled, note, "")
	}
	return errors.Join(cause, err)
}

// queue waits a little for another run that changes the same field.
func (t *task) queue(ctx context.Context) error {
	for waited, pause := time.Duration(0), 100*time.Millisecond; ; pause = min(2*pause, time.Second) {
		holder, err := t.hold(ctx)
		switch {
		case ctx.Err() != nil:
			return t.callOff(Cancelled, context.Cause(ctx), "nothing was sent: the CALL was cancelled")
		case err != nil:
			return t.callOff(Cancelled, fmt.Errorf("lease %s of %s: %w", t.c.Field, t.c.Entity, err), "nothing was sent: the record could not be written")
		case holder == t.run.ID:
			return nil
		case waited >= queueFor:
			note := fmt.Sprintf("nothing was sent: run %s is changing %s of %s", holder, t.c.Field, t.c.Entity)
			return t.callOff(Cancelled, fault.New(fault.Conflict, "%s", note).
				WithHint("SELECT state, note FROM argo.runs WHERE run_id = '%s'", holder), "%s", note)
		}
		_ = t.r.o.Sleep(ctx, pause) // it ends early with ctx only
		waited += pause
	}
}

// definite says that the channel did not apply a change: Action.Apply.
func definite(err error) bool {
	return slices.Contains([]fault.Kind{fault.Refused, fault.Invalid, fault.Denied, fault.Auth}, fault.KindOf(err))
}
