package automation

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"argo/tables"
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
	r.ctx, r.stop = context.WithCancel(tables.WithPurpose(context.Background(), tables.Acting))
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
	ctx = tables.WithPurpose(ctx, tables.Acting)
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
	go func(run Run) {
		defer r.end(run.ID)
		defer callOff()
		run, err := r.carryOut(own, q.Action, run)
		ended <- outcome{run, err}
	}(run)
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
			WithHint("SELECT state, note FROM argo.runs WHERE run_id = '%s'", run.ID)
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
