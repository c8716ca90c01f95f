package automation

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"runtime/debug"
	"slices"
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
	runLease      = 60 * time.Second  // of a run to the process that works on it
	runBeat       = 20 * time.Second  // how often that is prolonged
)

// RunnerOptions of a Runner.
type RunnerOptions struct {
	Ledger Ledger
	Now    func() time.Time                                 // default time.Now
	Sleep  func(ctx context.Context, d time.Duration) error // default: a timer
	Log    *slog.Logger                                     // default slog.Default
	// Guardrails judge every run when it is planned and each change again
	// before it is sent; nil: there are none. That they fail denies.
	Guardrails Guardrails
	// Book keeps verdicts and votes; nil: nothing can be approved.
	Book Book
	// Owner names this process where several share the ledger, unlike any other,
	// also of an earlier life: a run is one process's, and others leave it alone
	// while that one lives. "": there is no other process.
	Owner string
	// Alive, where non-nil, says whether the process of an owner lives; nil: one
	// that has not been heard of for a minute does not.
	Alive func(owner string) bool
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

	undoOf string
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
	live   map[string]bool      // runs that this process works on
	looked map[string]time.Time // held runs, when they were judged last
	idle   chan struct{}        // closed when there are none; nil where nothing beats
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
	r := &Runner{o: o, live: map[string]bool{}, looked: map[string]time.Time{}}
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
	if r.o.Owner != "" && len(r.live) == 1 {
		r.wg.Go(r.beat)
	}
	return true
}

func (r *Runner) end(id string) {
	if r.o.Owner != "" {
		if err := r.o.Ledger.Release(context.WithoutCancel(r.ctx), runKey(id), r.o.Owner); err != nil {
			r.o.Log.Warn("the lease of a run was not released; it runs out by itself", "run", id, "err", err)
		}
	}
	r.mu.Lock()
	delete(r.live, id)
	if len(r.live) == 0 && r.idle != nil {
		close(r.idle)
		r.idle = nil
	}
	r.mu.Unlock()
	r.wg.Done()
}

func runKey(id string) string { return "run " + id }

// mine takes the lease of a run for this process, from one that has died too;
// false: a process that lives has it.
func (r *Runner) mine(ctx context.Context, id string) (bool, error) {
	if r.o.Owner == "" {
		return true, nil
	}
	now := r.o.Now()
	take := func(at time.Time) (holder string, err error) {
		return r.o.Ledger.Lease(ctx, runKey(id), r.o.Owner, at, now.Add(runLease))
	}
	if r.o.Alive == nil {
		holder, err := take(now)
		return holder == r.o.Owner, err
	}
	holder, err := take(time.Time{}) // whose time is up does not matter
	if err != nil || holder == r.o.Owner || r.o.Alive(holder) {
		return holder == r.o.Owner, err
	}
	holder, err = take(now.Add(1000 * time.Hour)) // its time is up, whatever it is
	return holder == r.o.Owner, err
}

// beat prolongs the leases of the runs that this process works on, while there
// are any. It goes by the wall clock: a simulated one may stand still.
func (r *Runner) beat() {
	r.mu.Lock()
	idle := make(chan struct{})
	if len(r.live) == 0 || r.idle != nil {
		r.mu.Unlock()
		return
	}
	r.idle = idle
	r.mu.Unlock()
	tick := time.NewTicker(runBeat)
	defer tick.Stop()
	for {
		select {
		case <-idle:
			return
		case <-tick.C:
		}
		r.mu.Lock()
		ids := slices.Sorted(maps.Keys(r.live))
		r.mu.Unlock()
		now := r.o.Now()
		for _, id := range ids {
			if _, err := r.o.Ledger.Lease(context.WithoutCancel(r.ctx), runKey(id), r.o.Owner, now, now.Add(runLease)); err != nil {
				r.o.Log.Warn("the lease of a run was not prolonged", "run", id, "err", err)
			}
		}
	}
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
	run := Run{ID: newID(now), Source: q.Source, Action: q.Action.Name, Args: args, By: q.By, Reason: q.Options.Reason, Key: key,
		UndoOf: q.undoOf, NotBefore: q.Options.NotBefore, Expires: q.Options.Expires, CreatedAt: now}
	if !run.Expires.IsZero() && !run.Expires.After(now) {
		return Run{}, fault.New(fault.Invalid, "the option expires is %s, which has passed", run.Expires.UTC().Format(time.DateTime))
	}
	for _, c := range planned {
		rc := RunChange{Change: c, State: Proposed}
		rc.ID = cmp.Or(rc.ID, newID(now))
		if c.Before == c.After {
			rc.State, rc.Note = Unchanged, "it has this value already; nothing was sent"
		}
		run.Changes = append(run.Changes, rc)
	}
	verdict := r.weigh(ctx, q.Action, &run)
	to, note := Proposed, verdict.sentence
	switch {
	case verdict.Decision == Deny:
		to = Denied
	case verdict.Decision == Hold:
		to = Held
	case verdict.Decision == Approve && r.o.Book == nil:
		to, note = Denied, note+" (approvals are not kept here)"
	case verdict.Decision == Approve:
		to = Awaiting
	case run.NotBefore.After(now):
		to, note = Approved, "it is sent from "+run.NotBefore.UTC().Format(time.DateTime)+" UTC on"
	}
	for i := range run.Changes {
		c := &run.Changes[i]
		switch would := map[State]string{Denied: "denied", Held: "held", Awaiting: "asked of others"}[to]; {
		case c.State != Proposed:
		case q.Options.DryRun && would != "":
			c.State, c.Note = DryRun, "nothing was sent; it would be "+would+": "+note
		case q.Options.DryRun:
			c.State, c.Note = DryRun, "nothing was sent"
		case to != Proposed:
			c.State, c.Note = to, note
		}
	}
	if !r.begin(run.ID) {
		return Run{}, fault.New(fault.Unavailable, "the server is stopping; nothing was sent")
	}
	if _, err := r.mine(context.WithoutCancel(ctx), run.ID); err != nil {
		r.end(run.ID)
		return Run{}, fmt.Errorf("lease the run: %w", err)
	}
	id := run.ID
	if err := r.note(context.WithoutCancel(ctx), run, verdict); err != nil {
		r.end(id)
		return Run{}, fmt.Errorf("record the verdicts: %w", err)
	}
	run, inserted, err := r.o.Ledger.Insert(context.WithoutCancel(ctx), run)
	switch {
	case err != nil:
		r.end(id)
		return Run{}, fmt.Errorf("record the run: %w", err)
	case !inserted:
		r.end(id)
		return repeated(run, q, args)
	case !run.State.Open() || run.State.Waits():
		r.end(id)
		return run, run.fault()
	}
	return r.follow(ctx, q.Action, run, q.Options.Wait)
}

// note keeps the verdicts about a run, and the question to people where there
// is one, before the run itself: what belongs to no run does no harm.
func (r *Runner) note(ctx context.Context, run Run, o outcome) error {
	if r.o.Book == nil {
		return nil
	}
	if len(o.verdicts) > 0 {
		if err := r.o.Book.Record(ctx, run.ID, o.verdicts); err != nil {
			return err
		}
	}
	if !slices.ContainsFunc(run.Changes, func(c RunChange) bool { return c.State == Awaiting }) {
		return nil
	}
	a := Approval{Run: run.ID, Quorum: o.quorum, Expires: run.CreatedAt.Add(o.expires), AskedBy: person(run.By), AskedAt: run.CreatedAt}
	if !run.Expires.IsZero() && run.Expires.Before(a.Expires) {
		a.Expires = run.Expires
	}
	return r.o.Book.Ask(ctx, a)
}

// follow carries a run out and waits for it. The run ends its own way, whoever
// waits: a caller who goes meanwhile calls off what is not executing yet. The
// run is marked as worked on (begin), and no longer is when it has ended.
func (r *Runner) follow(ctx context.Context, a Action, run Run, patience time.Duration) (Run, error) {
	wait, stop := context.WithTimeout(ctx, cmp.Or(patience, defaultWait))
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
		run, err := r.carryOut(own, a, run)
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
	run, err := r.o.Ledger.Run(context.WithoutCancel(ctx), run.ID)
	if err != nil {
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

// carryOut sends the changes of a run one after another and settles each. A
// change that does not end well calls off those after it.
func (r *Runner) carryOut(ctx context.Context, a Action, run Run) (Run, error) {
	var first error
	for i, c := range run.Changes {
		if c.State != Proposed && c.State != Approved {
			continue
		}
		t := &task{r: r, a: a, run: run, c: c}
		switch {
		case fault.Is(first, fault.Held):
			_ = t.callOff(Held, nil, "nothing was sent: an earlier change of this run is held")
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
	kinds := map[State]fault.Kind{Denied: fault.Refused, Failed: fault.Refused, Conflict: fault.Conflict, Cancelled: fault.Canceled,
		Rejected: fault.Refused, Expired: fault.Refused, Held: fault.Held}
	kind, bad := kinds[r.State]
	if !bad {
		return nil
	}
	for _, c := range r.Changes {
		if c.State != r.State {
			continue
		}
		f := fault.New(kind, "%s of %s: %s", c.Field, c.Entity, c.Note)
		if r.State == Held {
			return f.WithHint("run %[1]s goes on when that ends; CALL actions.cancel('%[1]s') gives it up", r.ID)
		}
		return f
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
