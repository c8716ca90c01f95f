package automation

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"argo/tables"
	"argo/tables/fault"
)

// settle reads a change that was sent back until it is known how it ended. due
// is when its request can no longer take effect: until then only the new value
// is believed. It ends without an outcome when the runner is closed.
func (t *task) settle(due time.Time) error {
	actor := t.run.By
	for pause := time.Second; ; pause = min(2*pause, time.Minute) {
		if _, err := t.hold(context.WithoutCancel(t.r.ctx)); err != nil {
			t.r.o.Log.Warn("a lease was not prolonged", "run", t.run.ID, "err", err)
		}
		if t.c.State == Executing { // the move that followed was not recorded
			if err := t.moveAs(Unknown, "it was sent and the outcome was not recorded; it is being read back", "", actor); err != nil {
				_ = t.reload()
			}
		}
		if t.c.State == Unknown || t.c.State == Succeeded {
			over := !t.r.o.Now().Before(due)
			ctx, stop := context.WithTimeout(t.r.ctx, readFor)
			value, err := t.readBack(ctx)
			stop()
			if t.r.ctx.Err() != nil {
				return nil // closed: the change stays open, Recover finishes it
			}
			to, note := t.verdict(value, err, over)
			if to != t.c.State || note != t.c.Note {
				if err := t.moveAs(to, note, value, actor); err != nil {
					_ = t.reload() // another process may have been faster
				}
			}
		}
		switch t.c.State {
		case Verified:
			return nil
		case Failed:
			return fault.New(fault.Unavailable, "%s of %s was not changed: %s", t.c.Field, t.c.Entity, t.c.Note).WithHint("call it again if you still want it")
		case Conflict:
			return fault.New(fault.Conflict, "%s of %s: %s", t.c.Field, t.c.Entity, t.c.Note)
		}
		next := pause
		if left := due.Sub(t.r.o.Now()); left > 0 {
			next = min(next, left)
		}
		if t.r.o.Sleep(t.r.ctx, next) != nil {
			return nil
		}
		actor = "argo"
	}
}

const unreadable = "it was sent and could not be read back yet"

// verdict says where a change that was sent stands, by what was read.
func (t *task) verdict(value string, err error, over bool) (State, string) {
	accepted := t.c.State == Succeeded
	switch {
	case err != nil && (!over || !fault.Is(err, fault.NotFound)):
		if !over {
			return t.c.State, t.c.Note
		}
		if strings.HasPrefix(t.c.Note, unreadable) {
			return t.c.State, t.c.Note // one event says it
		}
		return t.c.State, fmt.Sprintf("%s: %v; it is tried again", unreadable, err)
	case err != nil:
		return Conflict, fmt.Sprintf("it was sent, and the object is gone: %v", err)
	case value == t.c.After && accepted:
		return Verified, "the channel accepted it and has it"
	case value == t.c.After:
		return Verified, "the reply was lost; read back: the channel has it"
	case !over:
		return t.c.State, t.c.Note
	case value == t.c.Before && !accepted:
		return Failed, "it was not applied; nothing was changed"
	case value == t.c.Before:
		return Conflict, fmt.Sprintf("the channel accepted it and has %q again", value)
	default:
		return Conflict, fmt.Sprintf("it was sent, and the channel has %q: somebody else changed it", value)
	}
}

// reload takes the change as the ledger has it.
func (t *task) reload() error {
	run, err := t.r.o.Ledger.Run(context.WithoutCancel(t.r.ctx), t.run.ID)
	if err != nil {
		return err
	}
	for _, c := range run.Changes {
		if c.ID == t.c.ID {
			t.c = c
		}
	}
	return nil
}

// Recover finishes what an earlier process left open, and returns when nothing
// is proposed or executing any more: what was only proposed is cancelled, what
// may have been sent is unknown, and is read back in the background as soon as
// its request can no longer take effect. Nothing is ever sent. actions finds
// the action of a run; a run whose action is gone stays unknown, and says so.
//
// Several processes may share the ledger where each has an Owner: the runs of
// one that lives are left to it. Call it again from time to time for those of
// one that died since. Every move is compare-and-set besides, so that a change
// is never sent twice.
func (r *Runner) Recover(ctx context.Context, actions func(source, name string) (Action, bool)) error {
	ctx = tables.WithPurpose(ctx, tables.Acting)
	runs, err := r.o.Ledger.Runs(ctx, true, 0)
	if err != nil {
		return fmt.Errorf("read the open runs: %w", err)
	}
	slices.Reverse(runs) // the oldest first
	for _, run := range runs {
		if !r.begin(run.ID) {
			continue
		}
		mine, err := r.mine(ctx, run.ID)
		if err == nil && mine {
			run, err = r.o.Ledger.Run(ctx, run.ID) // as its process has left it
		}
		if err != nil || !mine || !run.State.Open() {
			r.end(run.ID)
			if err != nil {
				return fmt.Errorf("take over run %s: %w", run.ID, err)
			}
			continue
		}
		tasks, dues := r.pickUp(ctx, run, actions)
		if len(tasks) == 0 {
			r.end(run.ID)
			continue
		}
		go func() {
			defer r.end(run.ID)
			for i, t := range tasks {
				if err := t.settle(dues[i]); err != nil {
					r.o.Log.Warn("a change that was interrupted did not succeed", "run", run.ID, "err", err)
				}
				if !t.c.State.Open() {
					t.release()
				}
			}
		}()
	}
	return nil
}

// pickUp moves the changes of a run out of the states that only a living
// process may leave them in, and gives those that are to be read back.
func (r *Runner) pickUp(ctx context.Context, run Run, actions func(source, name string) (Action, bool)) (tasks []*task, dues []time.Time) {
	a, known := actions(run.Source, run.Action)
	now := r.o.Now()
	for _, c := range run.Changes {
		t := &task{r: r, a: a, run: run, c: c}
		// A dead process sends nothing: its last request left before now, and
		// before the time that a request may take.
		due := c.At.Add(t.window())
		if c.State == Executing {
			due = c.At.Add(min(sendFor, t.window()))
			if now.Before(due) {
				due = now
			}
			due = due.Add(t.window())
		}
		var err error
		switch {
		case c.State.Waits(): // for Due
		case c.State == Proposed:
			err = t.moveAs(Cancelled, "the server stopped before anything was sent", "", "argo")
			t.release()
		case c.State.InFlight() && !known:
			to, note := Unknown, fmt.Sprintf("the server stopped while this was under way; %s has no action %s any more, so it cannot be read back", run.Source, run.Action)
			if c.State == Succeeded {
				to = Succeeded
			}
			if note != c.Note {
				err = t.moveAs(to, note, "", "argo")
			}
		case c.State == Executing:
			err = t.moveAs(Unknown, "the server stopped while this was being sent; it is read back by "+due.UTC().Format(time.DateTime), "", "argo")
		}
		if err != nil {
			// Another process was faster, or the ledger cannot be written: then
			// reading back sorts it out.
			if e := t.reload(); e != nil {
				r.o.Log.Error("an interrupted change was not picked up", "run", run.ID, "err", e)
				continue
			}
		}
		if known && t.c.State.InFlight() {
			t.forget(ctx)
			tasks, dues = append(tasks, t), append(dues, due)
		}
	}
	return tasks, dues
}
