package cache

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
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
	Table    string     // "connection.table", or "table" of Database
	Database string     // current database of the session
	From, To tables.Day // "": where the table begins, today
	// Options is a JSON object, "" for none: "accounts" (a list of ids; default
	// all), "columns" (default: backfill all that go together, refresh those that
	// are cached), "wait" (a duration such as "10s": how long the call waits for
	// the end; default: refresh 10s, the others not at all), "reason".
	Options string
	By      string // user
	// May says whether who asks may read a connection; nil: any.
	May func(source string) bool
}

// orderOptions are the options of an Order.
type orderOptions struct {
	Accounts []string `json:"accounts,omitempty"`
	Columns  []string `json:"columns,omitempty"`
	Wait     *string  `json:"wait,omitempty"`
	Reason   string   `json:"reason,omitempty"`

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
	if o.Wait != nil {
		if o.wait, err = time.ParseDuration(*o.Wait); err != nil || o.wait < 0 {
			return invalid("the option wait is %q, not a duration", *o.Wait)
		}
	}
	return o, nil
}

// WorkerOptions of a Worker.
type WorkerOptions struct {
	Cache *Cache // its Index, clock and log are the worker's
	Jobs  Jobs
	Owner string                                           // of this process, unlike any other's; "": made up
	Sleep func(ctx context.Context, d time.Duration) error // default: a timer
	// Parallel is how many jobs run at once, besides those that somebody waits
	// for; default 2.
	Parallel int
	// Compact, where non-nil, makes larger files of settled cells of a table and
	// account, all of them where they are ""; it says how many cells it moved.
	Compact func(ctx context.Context, source, table, account string) (cells int64, err error)
	// Nightly is run once a day in the hour that begins at Night (UTC): the sweep
	// of files and of the history.
	Nightly func(ctx context.Context) error
	Night   int
}

// Worker does what nobody waits for, or not for long: history, days that are
// read anew, what is about to be asked for, compaction. What it does is a row
// of Jobs, so that another process goes on with it where this one dies; what
// of it has been done is said by the segments themselves. It fetches through
// the tables that Serve has given, so cells are fetched once whoever wants
// them. Safe for concurrent use.
type Worker struct {
	o    WorkerOptions
	wake chan struct{}

	mu      sync.Mutex
	tables  map[string]tables.Table // by source, a point, and name
	running map[string]*running     // by id
}

// running is a job that this process works on.
type running struct {
	cancel  context.CancelCauseFunc
	waiting int // who wait for it: then it is for people
	done    chan struct{}
	job     Job
	err     error
}

// NewWorker makes a worker.
func NewWorker(o WorkerOptions) (*Worker, error) {
	if o.Cache == nil || o.Jobs == nil {
		return nil, errors.New("cache: Cache and Jobs must be given")
	}
	if o.Owner == "" {
		o.Owner = ulid.Make().String()
	}
	if o.Parallel <= 0 {
		o.Parallel = 2
	}
	return &Worker{o: o, wake: make(chan struct{}, 1), tables: map[string]tables.Table{}, running: map[string]*running{}}, nil
}

func (w *Worker) now() time.Time    { return w.o.Cache.o.Now() }
func (w *Worker) log() *slog.Logger { return w.o.Cache.o.Log }

// Serve makes a table that Cache.Wrap has given known to the worker, and gives
// it back with an eye on what is asked of it, for warming. It is called before
// Run.
func (w *Worker) Serve(source string, t tables.Table) tables.Table {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tables[source+"."+t.Name] = t
	return t
}

// Backfill queues the fetch of a range of days that the cache lacks, the newest
// first. Days that are good, or were read since it was queued, cost nothing.
// Faults: NotFound, Denied, Invalid.
func (w *Worker) Backfill(ctx context.Context, o Order) (Job, error) {
	return w.queue(ctx, KindBackfill, o, 0)
}

// Refresh reads every cell of a range of days anew, the settled ones too. It
// waits for the end, ten seconds unless the options say otherwise; meanwhile it
// is for people. What is not done then goes on in the background. Faults: those
// of the source; NotFound, Denied, Invalid.
func (w *Worker) Refresh(ctx context.Context, o Order) (Job, error) {
	return w.queue(ctx, KindRefresh, o, 10*time.Second)
}

// Compact queues the compaction of a table. Faults: NotFound, Denied, Invalid.
func (w *Worker) Compact(ctx context.Context, o Order) (Job, error) {
	return w.queue(ctx, KindCompact, o, 0)
}

// Cancel ends a job; what it has fetched stays. may says whether who asks may
// read a connection; nil: any. Faults: NotFound where there is no such job or
// it has ended, Denied.
func (w *Worker) Cancel(ctx context.Context, id string, may func(source string) bool) (Job, error) {
	all, err := w.o.Jobs.List(ctx)
	if err != nil {
		return Job{}, err
	}
	i := slices.IndexFunc(all, func(j Job) bool { return j.ID == id && (may == nil || may(j.Source)) })
	if i < 0 {
		return Job{}, fault.New(fault.NotFound, "there is no job %s", id).WithHint("SELECT id, kind, state FROM argo.jobs")
	}
	return all[i], errors.New("not built yet")
}

func (w *Worker) queue(context.Context, string, Order, time.Duration) (Job, error) {
	return Job{}, errors.New("not built yet")
}

// Run works until ctx ends, and leaves what is unfinished to the next process.
func (w *Worker) Run(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

// Work does what is due now and returns when nothing is left: Run for a
// simulation, which moves its clock between two calls.
func (w *Worker) Work(context.Context) error { return nil }
