package automation

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"argo/tables"
	"argo/tables/fault"

	"github.com/cockroachdb/apd/v3"
)

// Actions finds the action of a run.
type Actions func(source, name string) (Action, bool)

// person is who somebody is, without where from.
func person(by string) string {
	name, _, _ := strings.Cut(by, "@")
	return name
}

// Approve takes the vote of a person on a run that waits for one. With the last
// vote that was needed the plan is made again: where it comes out as it was
// approved, it is sent, and the run is given as it stands; one no ends the run.
//
// Faults: Denied for who asked for the run, Conflict where it does not wait for
// a vote (any more), where the person has voted, or where the world has moved
// since; NotFound; those of the action.
func (r *Runner) Approve(ctx context.Context, id string, v Vote, actions Actions) (Run, error) {
	ctx = tables.WithPurpose(ctx, tables.Acting)
	run, err := r.awaiting(ctx, id)
	if err != nil {
		return run, err
	}
	v.By, v.At = person(v.By), r.o.Now()
	question, err := r.o.Book.Vote(context.WithoutCancel(ctx), id, v)
	switch {
	case err != nil:
		return run, err
	case !v.Yes:
		return r.finish(ctx, run, Awaiting, Rejected, v.By, "%s said no%s", v.By, after(": ", v.Comment))
	case question.Yes() < question.Quorum:
		return run, nil
	}
	a, ok := actions(run.Source, run.Action)
	if !ok {
		return r.finish(ctx, run, Awaiting, Cancelled, "argo", "nothing was sent: %s has no action %s any more", run.Source, run.Action)
	}
	if moved, err := r.moved(ctx, a, run); err != nil {
		return run, err // it can be tried again: votes are kept
	} else if moved != "" {
		return r.finish(ctx, run, Awaiting, Conflict, "argo", "nothing was sent: the plan that was approved is not the plan any more: %s", moved)
	}
	if !r.begin(id) {
		return run, fault.New(fault.Unavailable, "the server is stopping; the vote is kept").WithHint("CALL actions.approve('%s') again", id)
	}
	if ok, err := r.mine(context.WithoutCancel(ctx), id); err != nil || !ok {
		r.end(id)
		return run, cmp.Or[error](err, fault.New(fault.Conflict, "another process works on run %s", id))
	}
	run, err = r.advance(ctx, run, Awaiting, Approved, v.By, "approved by "+strings.Join(voters(question), ", "))
	if err != nil || run.NotBefore.After(r.o.Now()) {
		r.end(id)
		return run, err
	}
	return r.follow(ctx, a, run, 0)
}

func voters(a Approval) (names []string) {
	for _, v := range a.Votes {
		if v.Yes {
			names = append(names, v.By)
		}
	}
	return names
}

func after(sep, s string) string {
	if s == "" {
		return ""
	}
	return sep + s
}

// awaiting gives a run that waits for a vote, and ends one whose time is over.
func (r *Runner) awaiting(ctx context.Context, id string) (Run, error) {
	if r.o.Book == nil {
		return Run{}, fault.New(fault.Unsupported, "approvals are not kept here")
	}
	run, err := r.o.Ledger.Run(ctx, id)
	if err != nil {
		return run, err
	}
	if run.State != Awaiting {
		return run, fault.New(fault.Conflict, "run %s is %s and does not wait for approval", id, run.State)
	}
	question, ok, err := r.o.Book.Approval(ctx, id)
	if err != nil || !ok {
		return run, cmp.Or[error](err, fault.New(fault.NotFound, "nothing was asked about run %s", id))
	}
	if !r.o.Now().Before(question.Expires) {
		run, err := r.finish(ctx, run, Awaiting, Expired, "argo", "nobody approved it in time, by %s UTC", question.Expires.UTC().Format(time.DateTime))
		return run, cmp.Or(err, run.fault())
	}
	return run, nil
}

// moved makes the plan of a run again and says how it differs, or "".
func (r *Runner) moved(ctx context.Context, a Action, run Run) (string, error) {
	var changes []Change
	var err error
	if run.UndoOf != "" {
		changes, err = r.undoing(ctx, a, run.UndoOf)
	} else {
		var args Args
		if args, err = a.parse(run.Args); err == nil {
			changes, err = r.plan(ctx, Request{Source: run.Source, Action: a, Args: args})
		}
	}
	if f := fault.As(err); f != nil && (f.Kind == fault.Conflict || f.Kind == fault.Invalid || f.Kind == fault.NotFound) {
		return f.Message, nil
	}
	if err != nil {
		return "", fmt.Errorf("make the plan again: %w", err)
	}
	if len(changes) != len(run.Changes) {
		return fmt.Sprintf("it has %d changes instead of %d", len(changes), len(run.Changes)), nil
	}
	for i, c := range changes {
		was := run.Changes[i]
		switch {
		case c.Account != was.Account || c.Target != was.Target || c.Field != was.Field:
			return fmt.Sprintf("it would change %s of %s", c.Field, c.Entity), nil
		case c.Before != was.Before:
			return fmt.Sprintf("%s of %s was %q and is %q", c.Field, c.Entity, was.Before, c.Before), nil
		}
	}
	return "", nil
}

// parse reads the arguments that a run has kept.
func (a Action) parse(document string) (Args, error) {
	dec := json.NewDecoder(bytes.NewReader([]byte(document)))
	dec.UseNumber()
	plain := map[string]any{}
	if err := dec.Decode(&plain); err != nil {
		return nil, fault.New(fault.Internal, "the arguments that were kept cannot be read: %v", err)
	}
	out := Args{}
	for name, v := range plain {
		out[name] = v
		i := slices.IndexFunc(a.Params, func(p Param) bool { return p.Name == name })
		switch n := v.(type) {
		case json.Number:
			d, _, err := apd.NewFromString(n.String())
			if err != nil {
				return nil, fault.New(fault.Internal, "the argument %s that was kept is no number", name)
			}
			out[name] = d
			if i >= 0 && a.Params[i].Type.Kind == tables.Int {
				if whole, err := d.Int64(); err == nil {
					out[name] = whole
				}
			} else if i >= 0 && a.Params[i].Type.Kind == tables.Double {
				out[name], _ = d.Float64()
			}
		case string:
			if i >= 0 && a.Params[i].Type.Kind == tables.Date {
				out[name] = tables.Day(n)
			} else if i >= 0 && a.Params[i].Type.Kind == tables.DateTime {
				if at, err := time.Parse(time.RFC3339Nano, n); err == nil {
					out[name] = at
				}
			}
		}
	}
	return out, nil
}

// advance moves every change of a run that is in one state to another.
func (r *Runner) advance(ctx context.Context, run Run, from, to State, actor, note string) (Run, error) {
	run.Changes = slices.Clone(run.Changes)
	for i, c := range run.Changes {
		if c.State != from {
			continue
		}
		t := &task{r: r, run: run, c: c}
		if err := t.moveAs(to, note, "", actor); err != nil {
			return run, err
		}
		run.Changes[i] = t.c
	}
	return run.Follow(r.o.Now()), nil
}

// finish ends what waits.
func (r *Runner) finish(ctx context.Context, run Run, from, to State, actor, format string, args ...any) (Run, error) {
	run, err := r.advance(ctx, run, from, to, actor, fmt.Sprintf(format, args...))
	if err != nil {
		return run, err
	}
	if to == Rejected || to == Cancelled { // as it was asked
		return run, nil
	}
	return run, run.fault()
}

// Cancel gives up what of a run waits: for approval, for its time, or for a
// guardrail. Faults: NotFound; Conflict where nothing of it waits.
func (r *Runner) Cancel(ctx context.Context, id, by string) (Run, error) {
	run, err := r.o.Ledger.Run(ctx, id)
	if err != nil {
		return run, err
	}
	found := false
	for _, from := range []State{Awaiting, Approved, Held} {
		if slices.ContainsFunc(run.Changes, func(c RunChange) bool { return c.State == from }) {
			found = true
			if run, err = r.finish(ctx, run, from, Cancelled, by, "given up by %s before anything was sent", person(by)); err != nil {
				return run, err
			}
		}
	}
	if !found {
		return run, fault.New(fault.Conflict, "run %s is %s: nothing of it waits", id, run.State).
			WithHint("CALL actions.undo('%s') takes back what was done", id)
	}
	return run, nil
}

// Undo takes back what a run has done, on the same road: judged, recorded, read
// back. What somebody has changed since is not touched: Conflict. Faults
// besides: NotFound; Conflict where it has done nothing, or was taken back.
func (r *Runner) Undo(ctx context.Context, id, by string, o Options, actions Actions) (Run, error) {
	old, err := r.o.Ledger.Run(ctx, id)
	if err != nil {
		return old, err
	}
	a, ok := actions(old.Source, old.Action)
	if !ok {
		return old, fault.New(fault.NotFound, "%s has no action %s any more", old.Source, old.Action)
	}
	a.Plan = func(ctx context.Context, _ Args) ([]Change, error) { return r.undoing(ctx, a, id) }
	if o.Reason == "" {
		o.Reason = "takes back run " + id
	}
	return r.Do(ctx, Request{Source: old.Source, Action: a, Args: Args{"undo": id}, Options: o, By: by, undoOf: id})
}

// undoing plans the way back: what was changed last goes first.
func (r *Runner) undoing(ctx context.Context, a Action, id string) (changes []Change, err error) {
	defer r.recovered(&err, a.Name)
	run, err := r.o.Ledger.Run(ctx, id)
	if err != nil {
		return nil, err
	}
	for _, c := range slices.Backward(run.Changes) {
		if c.State.InFlight() {
			return nil, fault.New(fault.Conflict, "run %s is still %s", id, run.State).WithHint("SELECT state, note FROM argo.runs WHERE run_id = '%s'", id)
		}
		if c.State != Verified {
			continue
		}
		back := c.Change
		back.ID, back.Before, back.After, back.Note = "", c.After, c.Before, ""
		value, err := a.ReadBack(ctx, back)
		if err != nil {
			return nil, err
		}
		if !agree(value, back.Before) {
			return nil, fault.New(fault.Conflict, "%s of %s is %q now, not %q as run %s left it: it was changed since, and is left alone", c.Field, c.Entity, value, c.After, id)
		}
		changes = append(changes, back)
	}
	if len(changes) == 0 {
		return nil, fault.New(fault.Conflict, "run %s is %s: there is nothing to take back", id, run.State)
	}
	return changes, nil
}

// Due goes on with what waits and whose time has come: it sends what is
// approved, judges again what is held, and ends what has expired. It returns
// when all of it is under way. Call it every second, in every process.
func (r *Runner) Due(ctx context.Context, actions Actions) error {
	ctx = tables.WithPurpose(ctx, tables.Acting)
	runs, err := r.o.Ledger.Runs(ctx, true, 0)
	if err != nil {
		return fmt.Errorf("read the open runs: %w", err)
	}
	for _, run := range slices.Backward(runs) {
		if !slices.ContainsFunc(run.Changes, func(c RunChange) bool { return c.State.Waits() }) || !r.begin(run.ID) {
			continue
		}
		if mine, err := r.mine(ctx, run.ID); err != nil || !mine {
			r.end(run.ID)
			continue
		}
		if run, err = r.o.Ledger.Run(ctx, run.ID); err != nil { // as its process has left it
			r.end(run.ID)
			return err
		}
		a, known := actions(run.Source, run.Action)
		if run = r.ripe(ctx, a, known, run); !slices.ContainsFunc(run.Changes, func(c RunChange) bool { return c.State == Approved }) ||
			run.NotBefore.After(r.o.Now()) {
			r.end(run.ID)
			continue
		}
		go func() {
			defer r.end(run.ID)
			if _, err := r.carryOut(r.ctx, a, run); err != nil {
				r.o.Log.Warn("a change that waited did not succeed", "run", run.ID, "err", err)
			}
		}()
	}
	return nil
}

// ripe ends what of a run has waited too long, and approves what was held and
// is not any more.
func (r *Runner) ripe(ctx context.Context, a Action, known bool, run Run) Run {
	now := r.o.Now()
	move := func(from, to State, format string, args ...any) {
		var err error
		if run, err = r.finish(ctx, run, from, to, "argo", format, args...); err != nil && fault.As(err) == nil {
			r.o.Log.Error("a run that waits could not be moved on", "run", run.ID, "err", err)
		}
	}
	if !known {
		for _, from := range []State{Awaiting, Approved, Held} {
			move(from, Cancelled, "nothing was sent: %s has no action %s any more", run.Source, run.Action)
		}
		return run
	}
	if !run.Expires.IsZero() && !now.Before(run.Expires) {
		for _, from := range []State{Awaiting, Approved, Held} {
			move(from, Expired, "it was to be done by %s UTC", run.Expires.UTC().Format(time.DateTime))
		}
		return run
	}
	if run.State == Awaiting && r.o.Book != nil {
		if q, ok, err := r.o.Book.Approval(ctx, run.ID); err == nil && ok && !now.Before(q.Expires) {
			move(Awaiting, Expired, "nobody approved it in time, by %s UTC", q.Expires.UTC().Format(time.DateTime))
		}
	}
	held := func(c RunChange) bool { return c.State == Held }
	i := slices.IndexFunc(run.Changes, held)
	if i < 0 {
		return run
	}
	if until := run.CreatedAt.Add(askFor); !now.Before(until) {
		move(Held, Expired, "it was held for %s: %s", askFor, run.Changes[i].Note)
		return run
	}
	if !r.lookAgain(run.ID, now) {
		return run
	}
	switch out := r.judge(ctx, a, run, sendStage, held); out.Decision {
	case Hold:
	case Deny:
		move(Held, Denied, "%s", out.sentence)
	case Approve:
		if !r.approved(ctx, run.ID, out.quorum) {
			move(Held, Denied, "%s (that is so since it was planned: call it again)", out.sentence)
			break
		}
		move(Held, Approved, "what held it has ended")
	default:
		move(Held, Approved, "what held it has ended")
	}
	return run
}

// lookEvery is how often what is held is judged again: that may cost calls.
const lookEvery = 15 * time.Second

// lookAgain says whether it is time to judge a held run again.
func (r *Runner) lookAgain(id string, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for k, at := range r.looked { // those that are held no longer
		if now.Sub(at) > 2*askFor {
			delete(r.looked, k)
		}
	}
	if at, ok := r.looked[id]; ok && now.Sub(at) < lookEvery && !now.Before(at) {
		return false
	}
	r.looked[id] = now
	return true
}
