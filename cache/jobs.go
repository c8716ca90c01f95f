package cache

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"argo/tables"
	"argo/tables/fault"

	"github.com/oklog/ulid/v2"
)

// Kinds of jobs.
const (
	KindBackfill = "backfill" // history, newest days first
	KindRefresh  = "refresh"  // days that somebody wants read anew
	KindWarm     = "warm"     // what is about to be asked for again
	KindCompact  = "compact"  // settled cells into larger files
)

// States of a job.
const (
	Queued    = "queued"
	Running   = "running"
	Done      = "done"
	Failed    = "failed"
	Cancelled = "cancelled"
)

// Order is what CALL argo.backfill, argo.refresh and argo.compact ask for.
type Order struct {
	Table    string // "connection.table", or "table" of Database
	Database string // current database of the session
	// From and To: "" is where the table begins, of a refresh the first day that
	// is not settled; and today. A table without days has neither.
	From, To tables.Day
	// Options is a JSON object, "" for none: "accounts" (a list of ids; default
	// all), "columns" (default: backfill all that go together, refresh those that
	// are cached), "any_columns" (backfill: a day that is cached with whatever
	// columns is there), "wait" (a duration such as "10s": how long the call waits
	// for the end; default: refresh 10s, the others not at all), "reason".
	Options string
	By      string // user
	// May says whether who asks may read a connection; nil: any.
	May func(source string) bool
}

// orderOptions are the options of an Order.
type orderOptions struct {
	Accounts []string `json:"accounts,omitempty"`
	Columns  []string `json:"columns,omitempty"`
	Any      bool     `json:"any_columns,omitempty"`
	Wait     *string  `json:"wait,omitempty"`
	Reason   string   `json:"reason,omitempty"`
	// Of a warming: when the asks are expected, and what they are.
	At   *time.Time `json:"at,omitempty"`
	Asks []ask      `json:"asks,omitempty"`

	wait time.Duration
}

const orderSample = `'{"accounts": ["1234567890"], "columns": ["cost"], "wait": "30s", "reason": "new report"}'`

// parseOrder decodes the options strictly.
func parseOrder(document string, wait time.Duration) (o orderOptions, err error) {
	o.wait = wait
	invalid := func(format string, args ...any) (orderOptions, error) {
		return o, fault.New(fault.Invalid, format, args...).WithHint("the options are one JSON object: %s", orderSample)
	}
	if s := strings.TrimSpace(document); s == "" || s == "null" {
		return o, nil
	}
	dec := json.NewDecoder(bytes.NewReader([]byte(document)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&o); err != nil {
		return invalid("the options cannot be read: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return invalid("something stands after the options")
	}
	if o.At != nil || o.Asks != nil {
		return invalid("at and asks are no options")
	}
	if o.Wait != nil {
		if o.wait, err = time.ParseDuration(*o.Wait); err != nil || o.wait < 0 {
			return invalid("the option wait is %q, not a duration", *o.Wait)
		}
	}
	return o, nil
}

// WorkerOptions of a Worker.
type WorkerOptions struct {
	Cache *Cache // its Index, clock, log, Owner and Alive are the worker's
	Jobs  Jobs
	Sleep func(ctx context.Context, d time.Duration) error // default: a timer
	// Parallel is how many backfills and compactions run at once; default 2.
	// Refreshes and warmings have as many places of their own.
	Parallel int
	// Compact, where non-nil, makes larger files of the settled cells of a table,
	// of all tables where both are "", and says how many segments it replaced.
	Compact func(ctx context.Context, source, table string) (segments int64, err error)
	// Nightly, where non-nil, runs once a day after the compaction, in one of the
	// processes: the sweep of files and of the history.
	Nightly func(ctx context.Context) error
	// Night is the hour of UTC in which the night's work begins.
	Night int
	// NoWarming: what is asked for regularly is not read ahead.
	NoWarming bool
}

const (
	// lease is how long a job stays with a process that does not say that it
	// lives, and beat how often it says so.
	lease = 30 * time.Second
	beat  = 10 * time.Second
	// look is how often the jobs that other processes have queued are looked for.
	look = 5 * time.Second
	// abreast is how many accounts of one job are fetched at once; the cache has
	// its own bound for a source.
	abreast = 4
)

// Worker does what nobody waits for, or not for long: history, days that are
// read anew, what is about to be asked for again, compaction. What it does is a
// row of Jobs, so that another process goes on with it where this one dies; how
// much of it has been done is said by the segments themselves. It fetches
// through the tables that Serve was given, so a cell is fetched once whoever
// wants it. Safe for concurrent use.
type Worker struct {
	o      WorkerOptions
	ctx    context.Context // ends with Close
	stop   context.CancelFunc
	wg     sync.WaitGroup // jobs that run
	wake   chan struct{}
	habits habits

	mu      sync.Mutex
	closed  bool
	tables  map[string]tables.Table // by source, a point, and name
	running map[string]*running     // by id

	// Of the loop alone.
	night         tables.Day // the last one whose work is queued
	began, looked time.Time
	inherited     time.Time // by the wall clock
}

// running is a job that this process works on.
type running struct {
	cancel context.CancelCauseFunc
	done   chan struct{} // closed when it has ended, here
	quick  bool

	mu      sync.Mutex
	waiting int // who wait for it: then it is for people
	job     Job
	err     error
}

var (
	errStopping  = errors.New("the worker stops")
	errTakenAway = errors.New("the job is another process's, or was cancelled")
)

// NewWorker makes a worker; the caller runs Run beside everything else, and
// Close at the end, before the cache's.
func NewWorker(o WorkerOptions) (*Worker, error) {
	if o.Cache == nil || o.Jobs == nil {
		return nil, errors.New("cache: Cache and Jobs must be given")
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
	if o.Parallel <= 0 {
		o.Parallel = 2
	}
	w := &Worker{o: o, wake: make(chan struct{}, 1), tables: map[string]tables.Table{}, running: map[string]*running{}}
	w.ctx, w.stop = context.WithCancel(context.Background())
	return w, nil
}

func (w *Worker) now() time.Time    { return w.o.Cache.o.Now().UTC().Truncate(time.Microsecond) }
func (w *Worker) log() *slog.Logger { return w.o.Cache.o.Log }
func (w *Worker) owner() string     { return w.o.Cache.o.Owner }

// Close stops what runs, leaves it to the next process, and waits.
func (w *Worker) Close() {
	w.mu.Lock()
	w.closed = true
	for _, r := range w.running {
		r.cancel(errStopping)
	}
	w.mu.Unlock()
	w.stop()
	w.wg.Wait()
}

// Serve makes a table that Cache.Wrap has given known to the worker, and gives
// it back with an eye on what people ask of it, for warming. It is called
// before Run.
func (w *Worker) Serve(source string, t tables.Table) tables.Table {
	w.mu.Lock()
	w.tables[source+"."+t.Name] = t
	w.mu.Unlock()
	if t.Files == nil {
		return t
	}
	files := t.Files
	t.Files = func(ctx context.Context, s tables.Scan) ([]tables.File, func(), error) {
		list, release, err := files(ctx, s)
		if err == nil && !w.o.NoWarming {
			if zone, err := w.zone(ctx, source, t, s.Account); err == nil { // it is remembered: files has asked for it
				w.habits.asked(ctx, source, s, w.o.Cache.o.Now().In(zone))
			}
		}
		return list, release, err
	}
	return t
}

// table finds what was served.
func (w *Worker) table(source, name string) (tables.Table, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	t, ok := w.tables[source+"."+name]
	return t, ok && t.Files != nil
}

// Backfill queues the fetch of those of a range of days that the cache lacks,
// the newest first. Days that are good, or were read since it was queued, cost
// nothing. Faults: NotFound, Invalid.
func (w *Worker) Backfill(ctx context.Context, o Order) (Job, error) {
	return w.order(ctx, KindBackfill, o, 0)
}

// Refresh reads every cell of a range of days anew, the settled ones too. It
// waits for the end, ten seconds unless the options say otherwise; meanwhile it
// is for people. What is not done by then goes on in the background. Faults:
// those of the source; NotFound, Invalid.
func (w *Worker) Refresh(ctx context.Context, o Order) (Job, error) {
	return w.order(ctx, KindRefresh, o, 10*time.Second)
}

// Compact queues the compaction of a table. Faults: NotFound, Invalid,
// Unsupported.
func (w *Worker) Compact(ctx context.Context, o Order) (Job, error) {
	if w.o.Compact == nil {
		return Job{}, fault.New(fault.Unsupported, "this gateway does not compact")
	}
	return w.order(ctx, KindCompact, o, 0)
}

// Cancel ends a job; what it has fetched stays. may says whether who asks may
// read a connection; nil: any. Faults: NotFound where there is no such job,
// Conflict where it has ended.
func (w *Worker) Cancel(ctx context.Context, id string, may func(source string) bool) (Job, error) {
	find := func() (Job, error) {
		all, err := w.o.Jobs.List(ctx)
		if err != nil {
			return Job{}, err
		}
		i := slices.IndexFunc(all, func(j Job) bool { return j.ID == id && (may == nil || may(j.Source)) })
		if i < 0 {
			return Job{}, fault.New(fault.NotFound, "there is no job %s", id).WithHint("SELECT job_id, kind, table_name, state FROM argo.jobs")
		}
		return all[i], nil
	}
	j, err := find()
	if err != nil {
		return Job{}, err
	}
	ok, err := w.o.Jobs.Cancel(ctx, id, w.now())
	if err != nil {
		return Job{}, fmt.Errorf("cancel the job: %w", err)
	}
	if !ok {
		return j, fault.New(fault.Conflict, "the job %s has ended: it is %s", id, j.State)
	}
	w.mu.Lock()
	if r := w.running[id]; r != nil {
		r.cancel(errTakenAway)
	}
	w.mu.Unlock()
	return find()
}

// List gives every job, the newest first; those that have ended a while ago are
// forgotten.
func (w *Worker) List(ctx context.Context) ([]Job, error) { return w.o.Jobs.List(ctx) }

// order checks an order, makes a job of it and waits for it as long as it says.
func (w *Worker) order(ctx context.Context, kind string, o Order, wait time.Duration) (Job, error) {
	source, name, ok := strings.Cut(strings.ReplaceAll(o.Table, "`", ""), ".")
	if !ok {
		source, name = o.Database, source
	}
	t, ok := w.table(source, name)
	if !ok || o.May != nil && !o.May(source) {
		return Job{}, fault.New(fault.NotFound, "there is no table %q that is fetched from a source", o.Table).
			WithHint("name it as 'connection.table': SELECT database_name, table_name FROM argo.tables")
	}
	options, err := parseOrder(o.Options, wait)
	if err != nil {
		return Job{}, err
	}
	for _, c := range options.Columns {
		if t.Lookup(c) == nil || ownColumn(c) {
			return Job{}, fault.New(fault.Invalid, "the table %s.%s has no column %q that is fetched", source, name, c).WithHint("SHOW COLUMNS FROM %s.%s", source, name)
		}
	}
	if t.Incompatible != nil && len(options.Columns) > 0 {
		if err := t.Incompatible(withKey(t, options.Columns)); err != nil {
			return Job{}, err
		}
	}
	for _, d := range []tables.Day{o.From, o.To} {
		if d == "" {
			continue
		}
		if _, err := tables.ParseDay(string(d)); err != nil {
			return Job{}, fault.New(fault.Invalid, "%q is not a day", d).WithHint("write it as 2026-11-22")
		}
	}
	now := w.now()
	j := Job{Kind: kind, Source: source, Table: name, Options: strings.TrimSpace(o.Options), State: Queued, By: o.By, CreatedAt: now, UpdatedAt: now}
	if len(options.Accounts) == 1 {
		j.Account = options.Accounts[0]
	}
	if t.Day == "" && (o.From != "" || o.To != "") {
		return Job{}, fault.New(fault.Invalid, "the table %s.%s has no days", source, name).WithHint("leave them out: %s.%s is read as a whole", source, name)
	}
	if t.Day != "" && kind != KindCompact {
		if kind == KindRefresh && o.From == "" {
			o.From = tables.DayOf(now.Add(-12 * time.Hour)).Add(1 - max(1, Settled(t)))
		}
		// Somewhere it is tomorrow already.
		j.Days = tables.Days{From: max(o.From, t.Since), To: tables.DayOf(now.Add(14 * time.Hour))}
		if o.To != "" {
			j.Days.To = min(o.To, j.Days.To)
		}
		if j.Days.From > j.Days.To {
			if o.From == "" {
				o.From = t.Since
			}
			return Job{}, fault.New(fault.Invalid, "there are no days from %s to %s in %s.%s", o.From, j.Days.To, source, name).
				WithHint("the table begins at %s", t.Since)
		}
	}
	if j.ID, err = newID(now); err != nil {
		return Job{}, err
	}
	var r *running
	if kind == KindRefresh || options.wait > 0 {
		// Who waits does not wait for a place.
		j.State, j.Owner, j.Until, j.StartedAt = Running, w.owner(), now.Add(lease), now
		if r, err = w.add(ctx, j); err != nil {
			return Job{}, err
		}
	} else if err := w.o.Jobs.Add(ctx, j); err != nil {
		return Job{}, fmt.Errorf("queue the job: %w", err)
	}
	w.nudge()
	if r == nil || options.wait == 0 {
		return j, nil
	}
	return r.await(ctx, options.wait)
}

// add starts a job that is this process's from the beginning.
func (w *Worker) add(ctx context.Context, j Job) (*running, error) {
	if err := w.o.Jobs.Add(ctx, j); err != nil {
		return nil, fmt.Errorf("queue the job: %w", err)
	}
	if r := w.begin(j); r != nil {
		return r, nil
	}
	return nil, fault.New(fault.Unavailable, "the gateway is stopping")
}

// await waits for a job, which is for people meanwhile.
func (r *running) await(ctx context.Context, d time.Duration) (Job, error) {
	r.wait(1)
	defer r.wait(-1)
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-r.done:
	case <-t.C:
	case <-ctx.Done():
		return r.now(), fault.New(fault.Canceled, "the job goes on in the background").WithHint("CALL argo.cancel_job('%s')", r.now().ID)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.job, r.err
}

func (r *running) wait(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waiting += n
}

// now is the job as it stands.
func (r *running) now() Job {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.job
}

// change alters the job.
func (r *running) change(f func(j *Job)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f(&r.job)
}

// nudge makes Run look at once.
func (w *Worker) nudge() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Run works until ctx ends.
func (w *Worker) Run(ctx context.Context) {
	w.habits.recall(ctx, w)
	// What another process has queued is looked for by the wall clock: a
	// simulated one is not held up by somebody who looks every few seconds.
	looks := time.NewTicker(look)
	defer looks.Stop()
	for ctx.Err() == nil {
		next := w.round(ctx)
		pause, stop := context.WithCancel(ctx)
		woken := make(chan struct{})
		go func() {
			defer close(woken)
			select {
			case <-w.wake:
			case <-looks.C:
			case <-pause.Done():
			}
			stop()
		}()
		_ = w.o.Sleep(pause, next)
		stop()
		<-woken
	}
	w.habits.save(context.WithoutCancel(ctx), w)
}

// Work does what is due now and returns when nothing is left: what Run does,
// for a simulation that moves its clock between two calls.
func (w *Worker) Work(ctx context.Context) error {
	w.habits.recall(ctx, w)
	for {
		w.round(ctx)
		w.mu.Lock()
		var busy []*running
		for _, r := range w.running {
			busy = append(busy, r)
		}
		w.mu.Unlock()
		if len(busy) == 0 {
			return ctx.Err()
		}
		for _, r := range busy {
			select {
			case <-r.done:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
	}
}

// round queues what is due, begins what there is a place for, and says when to
// look again.
func (w *Worker) round(ctx context.Context) (next time.Duration) {
	now := w.now()
	w.nightly(ctx, now)
	w.inherit(ctx)
	next = w.habits.due(ctx, w, now)
	for _, lane := range []struct {
		quick bool
		kinds []string
	}{{true, []string{KindRefresh, KindWarm}}, {false, []string{KindBackfill, KindCompact}}} {
		for w.room(lane.quick) {
			j, err := w.o.Jobs.Take(ctx, w.owner(), now, now.Add(lease), lane.kinds...)
			if err != nil {
				if ctx.Err() == nil {
					w.log().WarnContext(ctx, "the jobs cannot be read", "err", err)
				}
				return look
			}
			if j == nil {
				break
			}
			w.begin(*j)
		}
	}
	return next
}

// inherit frees the jobs of processes that have died, so that nobody waits for
// their leases to run out. It looks as often as the wall clock lets it.
func (w *Worker) inherit(ctx context.Context) {
	alive := w.o.Cache.o.Alive
	if alive == nil || time.Since(w.inherited) < look {
		return
	}
	w.inherited = time.Now()
	all, err := w.o.Jobs.List(ctx)
	if err != nil {
		return // Take says it
	}
	for _, j := range all {
		if owner := j.Owner; j.State == Running && owner != w.owner() && !alive(owner) {
			j.State, j.Owner, j.Until = Queued, "", time.Time{}
			_ = w.o.Jobs.Save(ctx, owner, j) // or another process does
		}
	}
}

// room says whether another job may begin.
func (w *Worker) room(quick bool) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, r := range w.running {
		if r.quick == quick {
			n++
		}
	}
	return !w.closed && n < w.o.Parallel
}

// begin works on a job that is this process's; nil where it stops. One that it
// works on already, whose lease had run out, has a new lease now.
func (w *Worker) begin(j Job) *running {
	w.mu.Lock()
	defer w.mu.Unlock()
	if r := w.running[j.ID]; r != nil || w.closed {
		return r
	}
	ctx, cancel := context.WithCancelCause(w.ctx)
	r := &running{cancel: cancel, done: make(chan struct{}), quick: j.Kind == KindRefresh || j.Kind == KindWarm, job: j}
	w.running[j.ID] = r
	w.wg.Go(func() {
		alive := make(chan struct{})
		go func() {
			defer close(alive)
			w.live(ctx, r)
		}()
		err := w.do(ctx, r)
		stopped := context.Cause(ctx)
		cancel(nil)
		<-alive
		w.end(r, err, stopped)
	})
	return r
}

// live says again and again that the job's process lives, and writes how far
// the job is. It goes by the wall clock: a simulated one may stand still.
func (w *Worker) live(ctx context.Context, r *running) {
	tick := time.NewTicker(beat)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			w.save(ctx, r)
		case <-ctx.Done():
			return
		}
	}
}

// save writes how far the job is and prolongs its lease. A job that was taken
// away ends.
func (w *Worker) save(ctx context.Context, r *running) {
	r.change(func(j *Job) { j.UpdatedAt = w.now(); j.Until = j.UpdatedAt.Add(lease) })
	err := w.o.Jobs.Save(ctx, w.owner(), r.now())
	if errors.Is(err, ErrClaimLost) {
		r.cancel(errTakenAway)
	} else if err != nil && ctx.Err() == nil {
		w.log().WarnContext(ctx, "the progress of a job was not saved", "job", r.now().ID, "err", err)
	}
}

// end writes how the job ended, or that it is free for the next process.
func (w *Worker) end(r *running, err, stopped error) {
	now := w.now()
	r.change(func(j *Job) {
		j.UpdatedAt, j.EndedAt, j.Until = now, now, time.Time{}
		switch {
		case errors.Is(stopped, errTakenAway):
			j.State, err = Cancelled, fault.New(fault.Canceled, "the job %s was cancelled", j.ID)
		case stopped != nil:
			j.State, j.Owner, j.EndedAt = Queued, "", time.Time{}
			err = fault.New(fault.Unavailable, "the gateway is stopping; the job %s goes on with the next one", j.ID)
		case err != nil:
			j.State, j.Error = Failed, err.Error()
		default:
			j.State = Done
		}
		r.err = err
	})
	j := r.now()
	if !errors.Is(stopped, errTakenAway) {
		if err := w.o.Jobs.Save(context.Background(), w.owner(), j); err != nil && !errors.Is(err, ErrClaimLost) {
			w.log().Warn("the end of a job was not saved", "job", j.ID, "err", err)
		}
	}
	if j.State == Failed && j.Kind != KindWarm { // who asks then is told
		w.log().Warn("a job failed", "job", j.ID, "kind", j.Kind, "table", j.Source+"."+j.Table, "err", err)
	}
	w.mu.Lock()
	delete(w.running, j.ID)
	w.mu.Unlock()
	close(r.done)
	w.nudge()
}

// do does a job.
func (w *Worker) do(ctx context.Context, r *running) (err error) {
	defer func() {
		if p := recover(); p != nil {
			w.log().Error("a job panicked", "panic", p)
			err = fault.New(fault.Internal, "the job panicked: %v", p)
		}
	}()
	j := r.now()
	if j.Kind == KindCompact {
		return w.compact(ctx, r)
	}
	t, ok := w.table(j.Source, j.Table)
	if !ok {
		return fault.New(fault.NotFound, "there is no table %s.%s any more", j.Source, j.Table)
	}
	var o orderOptions
	if j.Options != "" {
		if err := json.Unmarshal([]byte(j.Options), &o); err != nil {
			return fault.New(fault.Internal, "the options of the job cannot be read: %v", err)
		}
	}
	if j.Kind == KindWarm {
		return w.warm(ctx, r, t, o)
	}
	return w.fill(ctx, r, t, o)
}

func (w *Worker) compact(ctx context.Context, r *running) error {
	j := r.now()
	if w.o.Compact != nil {
		n, err := w.o.Compact(ctx, j.Source, j.Table)
		r.change(func(j *Job) { j.Cells, j.Done = n, n })
		if err != nil {
			return err
		}
	}
	if j.Table == "" && w.o.Nightly != nil {
		return w.o.Nightly(ctx)
	}
	return nil
}

// settleIn is how long a gateway has to run before it does what the last nights
// did not see.
const settleIn = 30 * time.Minute

// nightly queues the night's work once a day, by whichever process is first. A
// gateway that never runs at night does it by day.
func (w *Worker) nightly(ctx context.Context, now time.Time) {
	if w.o.Compact == nil && w.o.Nightly == nil {
		return
	}
	today := tables.DayOf(now)
	if w.night == today {
		return
	}
	if w.began.IsZero() {
		w.began = now
	}
	if h := now.Hour() - w.o.Night; h < 0 || h >= 5 {
		if now.Sub(w.began) < settleIn || now.Sub(w.looked) < settleIn {
			return
		}
		w.looked = now
		all, err := w.o.Jobs.List(ctx)
		if err != nil || slices.ContainsFunc(all, func(j Job) bool {
			return j.Kind == KindCompact && j.Table == "" && now.Sub(j.CreatedAt) < 47*time.Hour
		}) {
			return
		}
	}
	id, err := fixedID(today.Time(), KindCompact)
	if err == nil {
		err = w.o.Jobs.Add(ctx, Job{ID: id, Kind: KindCompact, State: Queued, By: "argo", CreatedAt: now, UpdatedAt: now})
	}
	if err != nil {
		if ctx.Err() == nil {
			w.log().WarnContext(ctx, "the night's work was not queued", "err", err)
		}
		return
	}
	w.night = today
}

// History queues the backfill of a connection's reporting tables from the first
// day on that from gives, each where the cache lacks some of it and nobody has
// called it off today. It makes no call.
func (w *Worker) History(ctx context.Context, source string, from func(today tables.Day) tables.Day, reason string) error {
	w.mu.Lock()
	var list []tables.Table
	for name, t := range w.tables {
		if strings.HasPrefix(name, source+".") && t.Day != "" && t.Files != nil {
			list = append(list, t)
		}
	}
	w.mu.Unlock()
	slices.SortFunc(list, func(a, b tables.Table) int { return strings.Compare(a.Name, b.Name) })
	now := w.now()
	jobs, err := w.o.Jobs.List(ctx)
	if err != nil {
		return fmt.Errorf("read the jobs: %w", err)
	}
	for _, t := range list {
		j := Job{Kind: KindBackfill, Source: source, Table: t.Name, State: Queued, By: "config", CreatedAt: now, UpdatedAt: now}
		j.Days = tables.Days{From: max(from(tables.DayOf(now)), t.Since), To: tables.DayOf(now.Add(14 * time.Hour))}
		open, today := false, 0
		for _, o := range jobs {
			if o.Kind == KindBackfill && o.Source == source && o.Table == t.Name && o.By == "config" {
				open = open || o.EndedAt.IsZero() || o.State == Cancelled && tables.DayOf(o.EndedAt) == tables.DayOf(now)
				if tables.DayOf(o.CreatedAt) == tables.DayOf(now) {
					today++
				}
			}
		}
		if open || j.Days.From > j.Days.To {
			continue
		}
		lacks, err := w.lacksHistory(ctx, source, t, j.Days)
		if err != nil {
			return err
		}
		if !lacks {
			continue
		}
		options, err := json.Marshal(orderOptions{Any: true, Reason: reason})
		if err != nil {
			return err
		}
		j.Options = string(options)
		// Two processes that start at once make one job of it.
		if j.ID, err = fixedID(tables.DayOf(now).Time(), KindBackfill, source, t.Name, fmt.Sprint(today)); err != nil {
			return err
		}
		if err := w.o.Jobs.Add(ctx, j); err != nil {
			return fmt.Errorf("queue the history of %s.%s: %w", source, t.Name, err)
		}
	}
	w.nudge()
	return nil
}

func newID(now time.Time) (string, error) {
	id, err := ulid.New(ulid.Timestamp(now), ulid.DefaultEntropy())
	if err != nil {
		return "", fmt.Errorf("make the id of a job: %w", err)
	}
	return id.String(), nil
}

// fixedID is an id that every process makes of the same texts.
func fixedID(at time.Time, texts ...string) (string, error) {
	h := fnv.New128a()
	for _, s := range texts {
		fmt.Fprintf(h, "%d:%s", len(s), s)
	}
	var id ulid.ULID
	if err := errors.Join(id.SetTime(ulid.Timestamp(at)), id.SetEntropy(h.Sum(nil)[:10])); err != nil {
		return "", fmt.Errorf("make the id of a job: %w", err)
	}
	return id.String(), nil
}
