package automation

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"argo/tables/fault"

	"github.com/oklog/ulid/v2"
)

const (
	defaultWindow = 120 * time.Second // Action.Window
	defaultWait   = 10 * time.Second  // Options.Wait
	sendFor       = 60 * time.Second  // longest Apply; never longer than the window
	readFor       = 60 * time.Second  // longest ReadBack of the reconciler
	queueFor      = 5 * time.Second   // wait for another run's change of the same field
	leaseBeyond   = 10 * time.Minute  // lease beyond the window, for late reconciling
)

// RunnerOptions of a Runner.
type RunnerOptions struct {
	Ledger Ledger
	Now    func() time.Time                                 // default time.Now
	Sleep  func(ctx context.Context, d time.Duration) error // default: a timer
	Log    *slog.Logger                                     // default slog.Default
	// Guardrails judge every run when it is planned and each change again
	// before it is sent. One that fails denies.
	Guardrails []Guardrail
	// Forget, where non-nil, drops what is cached of tables of an account. It
	// is called after a change was sent and before the ledger says how it
	// ended, so that no crash leaves a stale cell behind a finished run.
	Forget func(ctx context.Context, source, account string, tables []string) error
}

// Request of an action.
type Request struct {
	Source  string // name of the connection
	Action  Action
	Args    Args
	Options Options
	By      string // who asks: "demo@127.0.0.1", "rule:pacing"
}

// Runner takes actions down the road: plan, judge, record, send, read back. It
// is safe for concurrent use.
//
// A change is sent at most once, whatever dies when. What is sent was recorded
// as executing first (I5); a change that is found executing after a crash, or
// whose reply was lost, is never sent again but read back, once its request
// can no longer take effect: the channel has the new value (verified), still
// the old one (failed: not applied), or a third (conflict: somebody else was
// there).
type Runner struct {
	o    RunnerOptions
	ctx  context.Context // of what waits in the background
	stop context.CancelFunc
	wg   sync.WaitGroup

	mu     sync.Mutex
	closed bool
	live   map[string]bool // runs that this process works on
}

// NewRunner makes a runner; the caller runs Recover once before the first Do,
// and Close at the end.
func NewRunner(o RunnerOptions) *Runner {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Sleep == nil {
		o.Sleep = func(ctx context.Context, d time.Duration) error {
			t := time.NewTimer(d)
			defer t.Stop()
			select {
			case <-t.C:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	r := &Runner{o: o, live: map[string]bool{}}
	r.ctx, r.stop = context.WithCancel(context.Background())
	return r
}

// Close stops the reconciler and waits for what is being sent. What stays open
// is finished by Recover of the next process.
func (r *Runner) Close(ctx context.Context) error {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.stop()
	done := make(chan struct{})
	go func() { r.wg.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for the changes being sent: %w", context.Cause(ctx))
	}
}

// begin marks a run as worked on by this process.
func (r *Runner) begin(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || r.live[id] {
		return false
	}
	r.live[id] = true
	r.wg.Add(1)
	return true
}

func (r *Runner) end(id string) {
	r.mu.Lock()
	delete(r.live, id)
	r.mu.Unlock()
	r.wg.Done()
}

// Do takes one action down the whole road and gives the run as it stands. It
// returns when every change has ended, and at the latest after Options.Wait:
// a change whose outcome is not known by then stays unknown in the run, and is
// finished in the background.
//
// A run with an ID is in the ledger. The error says why the action was not
// done, whether there is a run (which says the same) or not (the plan failed,
// the options do not fit, the ledger cannot be written). Faults: those of the
// action; Conflict where the world is not as expected or another run is
// changing the same field; Refused where a guardrail denies; Canceled where
// ctx ended (what was sent by then goes on in the background).
func (r *Runner) Do(ctx context.Context, q Request) (Run, error) {
	args, err := q.Args.document()
	if err != nil {
		return Run{}, err
	}
	key := q.Options.Key
	if q.Options.DryRun {
		key = ""
	}
	if key != "" {
		old, found, err := r.o.Ledger.ByKey(ctx, key)
		if err != nil {
			return Run{}, fmt.Errorf("look for the run of the idempotency key: %w", err)
		}
		if found {
			return repeated(old, q, args)
		}
	}
	planned, err := r.plan(ctx, q)
	if err != nil {
		return Run{}, err
	}
	if err := expected(q.Options.Expect, planned); err != nil {
		return Run{}, err
	}
	now := r.o.Now()
	run := Run{ID: newID(now), Source: q.Source, Action: q.Action.Name, Args: args, By: q.By, Reason: q.Options.Reason, Key: key, CreatedAt: now}
	for _, c := range planned {
		rc := RunChange{Change: c, State: Proposed}
		rc.ID = cmp.Or(rc.ID, newID(now))
		if c.Before == c.After {
			rc.State, rc.Note = Unchanged, "it has this value already; nothing was sent"
		}
		run.Changes = append(run.Changes, rc)
	}
	denial := r.judge(ctx, run)
	for i := range run.Changes {
		c := &run.Changes[i]
		switch {
		case c.State != Proposed:
		case q.Options.DryRun && denial != "":
			c.State, c.Note = DryRun, "nothing was sent; it would be denied: "+denial
		case q.Options.DryRun:
			c.State, c.Note = DryRun, "nothing was sent"
		case denial != "":
			c.State, c.Note = Denied, denial
		}
	}
	if !r.begin(run.ID) {
		return Run{}, fault.New(fault.Unavailable, "the server is stopping; nothing was sent")
	}
	run, inserted, err := r.o.Ledger.Insert(context.WithoutCancel(ctx), run)
	switch {
	case err != nil:
		r.end(run.ID)
		return Run{}, fmt.Errorf("record the run: %w", err)
	case !inserted:
		r.end(run.ID)
		return repeated(run, q, args)
	case !run.State.Open():
		r.end(run.ID)
		return run, run.fault()
	}

	// From here on the run ends its own way, whoever waits for it. A caller who
	// goes while Do waits calls off what is not executing yet.
	wait, stop := context.WithTimeout(ctx, cmp.Or(q.Options.Wait, defaultWait))
	defer stop()
	own, callOff := context.WithCancel(context.WithoutCancel(ctx))
	type outcome struct {
		run Run
		err error
	}
	ended := make(chan outcome, 1)
	go func() {
		defer r.end(run.ID)
		defer callOff()
		run, err := r.carryOut(own, q.Action, run)
		ended <- outcome{run, err}
	}()
	select {
	case o := <-ended:
		return o.run, o.err
	case <-wait.Done():
		if ctx.Err() != nil {
			callOff()
		}
	}
	if run, err = r.o.Ledger.Run(context.WithoutCancel(ctx), run.ID); err != nil {
		return run, fmt.Errorf("read the run: %w", err)
	}
	if ctx.Err() != nil {
		return run, fault.New(fault.Canceled, "the CALL was cancelled; what was sent by then is read back in the background").
			WithHint("SELECT state, note FROM argo.runs WHERE id = '%s'", run.ID)
	}
	return run, run.fault()
}

// plan asks the action and guards against one that panics.
func (r *Runner) plan(ctx context.Context, q Request) (changes []Change, err error) {
	defer r.recovered(&err, q.Action.Name)
	if changes, err = q.Action.Plan(ctx, q.Args); err != nil && fault.As(err) == nil {
		err = fmt.Errorf("plan %s: %w", q.Action.Name, err)
	}
	return changes, err
}

func (r *Runner) recovered(err *error, action string) {
	if p := recover(); p != nil {
		r.o.Log.Error("an action panicked", "action", action, "panic", p, "stack", string(debug.Stack()))
		*err = fault.New(fault.Internal, "the action %s panicked: %v", action, p)
	}
}

// repeated is the answer to a key that is taken.
func repeated(old Run, q Request, args string) (Run, error) {
	if old.Source != q.Source || old.Action != q.Action.Name || old.Args != args {
		return old, fault.New(fault.Conflict, "the idempotency key %q was used for %s.%s(%s) by run %s", old.Key, old.Source, old.Action, old.Args, old.ID).
			WithHint("give another idempotency_key; nothing was sent")
	}
	return old, old.fault()
}

// judge gives the sentence of the first guardrail that denies, or "".
func (r *Runner) judge(ctx context.Context, run Run) string {
	for _, g := range r.o.Guardrails {
		v, err := g.Judge(ctx, run)
		switch {
		case err != nil:
			return fmt.Sprintf("guardrail %s could not judge: %v", g.Name(), err)
		case !v.Allow:
			return fmt.Sprintf("guardrail %s: %s", g.Name(), v.Sentence)
		}
	}
	return ""
}

// carryOut sends the changes of a run one after another and settles each. A
// change that does not end well calls off those after it.
func (r *Runner) carryOut(ctx context.Context, a Action, run Run) (Run, error) {
	var first error
	for i, c := range run.Changes {
		if c.State != Proposed {
			continue
		}
		t := &task{r: r, a: a, run: run, c: c}
		switch {
		case first != nil:
			_ = t.callOff(Cancelled, nil, "nothing was sent: an earlier change of this run did not succeed")
		case r.ctx.Err() != nil:
			_ = t.callOff(Cancelled, nil, "nothing was sent: the server is stopping")
		default:
			first = t.execute(ctx)
		}
		run.Changes[i] = t.c
	}
	run = run.Follow(r.o.Now())
	if stored, err := r.o.Ledger.Run(context.WithoutCancel(ctx), run.ID); err == nil {
		run = stored
	}
	return run, first
}

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
		t.r.o.Log.Error("a change was not recorded", "run", t.run.ID, "change", t.c.ID, "from", t.c.State, "to", to, "error", err)
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
		t.r.o.Log.Error("cached tables were not forgotten after a change", "run", t.run.ID, "tables", t.a.Touches, "error", err)
	}
}

func (t *task) window() time.Duration { return cmp.Or(t.a.Window, defaultWindow) }

func (t *task) lease() string {
	return t.run.Source + " " + t.c.Account + " " + t.c.Target + " " + t.c.Field
}

func (t *task) release() {
	if err := t.r.o.Ledger.Release(context.WithoutCancel(t.r.ctx), t.lease(), t.run.ID); err != nil {
		t.r.o.Log.Warn("a lease was not released; it runs out by itself", "run", t.run.ID, "error", err)
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

// execute takes a proposed change to its end. ctx counts until it is sent.
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
	if denial := t.r.judge(ctx, t.run); denial != "" {
		return t.callOff(Denied, fault.New(fault.Refused, "%s", denial), "%s", denial)
	}
	if ctx.Err() != nil {
		return t.callOff(Cancelled, context.Cause(ctx), "nothing was sent: the CALL was cancelled")
	}
	if err := t.move(Executing, "being sent", ""); err != nil {
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
	case err == nil && t.c.State == Proposed:
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
				WithHint("SELECT state, note FROM argo.runs WHERE id = '%s'", holder), "%s", note)
		}
		_ = t.r.o.Sleep(ctx, pause) // it ends early with ctx only
		waited += pause
	}
}

// definite says that the channel did not apply a change: Action.Apply.
func definite(err error) bool {
	return slices.Contains([]fault.Kind{fault.Refused, fault.Invalid, fault.Denied, fault.Auth}, fault.KindOf(err))
}

// settle reads a change that was sent back until it is known how it ended. due
// is when its request can no longer take effect: until then only the new value
// is believed. It ends without an outcome when the runner is closed.
func (t *task) settle(due time.Time) error {
	actor := t.run.By
	for pause := time.Second; ; pause = min(2*pause, time.Minute) {
		if _, err := t.hold(context.WithoutCancel(t.r.ctx)); err != nil {
			t.r.o.Log.Warn("a lease was not prolonged", "run", t.run.ID, "error", err)
		}
		if t.c.State == Executing { // the move that followed was not recorded
			if err := t.moveAs(Unknown, "it was sent and the outcome was not recorded; it is being read back", "", actor); err != nil {
				_ = t.reload()
			}
		}
		over := !t.r.o.Now().Before(due)
		ctx, stop := context.WithTimeout(t.r.ctx, readFor)
		value, err := t.readBack(ctx)
		stop()
		if t.r.ctx.Err() != nil {
			return nil // closed: the change stays open, Recover finishes it
		}
		to, note := t.verdict(value, err, over)
		if t.c.State != Executing && (to != t.c.State || note != t.c.Note) {
			if err := t.moveAs(to, note, value, actor); err != nil {
				_ = t.reload() // another process may have been faster
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
// One process may recover while another works on the same ledger: every move
// is compare-and-set, so a change is then cancelled or read back, never sent
// twice.
func (r *Runner) Recover(ctx context.Context, actions func(source, name string) (Action, bool)) error {
	runs, err := r.o.Ledger.Runs(ctx, true, 0)
	if err != nil {
		return fmt.Errorf("read the open runs: %w", err)
	}
	slices.Reverse(runs) // the oldest first
	for _, run := range runs {
		if !r.begin(run.ID) {
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
					r.o.Log.Warn("a change that was interrupted did not succeed", "run", run.ID, "error", err)
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
		case c.State == Proposed:
			err = t.moveAs(Cancelled, "the server stopped before anything was sent", "", "argo")
			t.release()
		case c.State == Executing && !known:
			err = t.moveAs(Unknown, fmt.Sprintf("the server stopped while this was being sent; %s has no action %s any more, so it cannot be read back", run.Source, run.Action), "", "argo")
		case c.State == Executing:
			err = t.moveAs(Unknown, "the server stopped while this was being sent; it is read back by "+due.UTC().Format(time.DateTime), "", "argo")
		}
		if err != nil {
			// Another process was faster, or the ledger cannot be written: then
			// reading back sorts it out.
			if e := t.reload(); e != nil {
				r.o.Log.Error("an interrupted change was not picked up", "run", run.ID, "error", e)
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

// fault says why a run did not do what was asked; nil for one that did, that
// was not to, or that is still open.
func (r Run) fault() error {
	kinds := map[State]fault.Kind{Denied: fault.Refused, Failed: fault.Refused, Conflict: fault.Conflict, Cancelled: fault.Canceled}
	kind, bad := kinds[r.State]
	if !bad {
		return nil
	}
	for _, c := range r.Changes {
		if c.State == r.State {
			return fault.New(kind, "%s of %s: %s", c.Field, c.Entity, c.Note)
		}
	}
	return nil
}

func newID(now time.Time) string {
	id, err := ulid.New(ulid.Timestamp(now), ulid.DefaultEntropy())
	if err != nil { // the clock is out of the range that an id can hold
		return ulid.Make().String()
	}
	return id.String()
}
