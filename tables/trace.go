package tables

import (
	"context"
	"sync"
	"time"
)

// Trace collects what one statement cost and what it should warn about. It
// travels in the context from the engine down to the HTTP call and is safe for
// concurrent use. Every method works on a nil Trace.
type Trace struct {
	mu       sync.Mutex
	calls    int64
	fetched  int64 // rows
	bytes    int64
	hit      int64 // cells answered by the cache
	missed   int64 // cells fetched
	oldest   time.Time
	known    time.Time
	warnings []error
	outcomes []Outcome
	places   map[[3]string]int // of outcomes, by connection, table and account

	// Statement is the id of the statement, for the log of calls; set before
	// the trace is shared.
	Statement string
}

// Cost is a snapshot of a Trace.
type Cost struct {
	Calls       int64 // HTTP requests sent to sources; those for a token, which no budget counts, are none
	RowsFetched int64
	Bytes       int64 // of replies
	CellsCached int64
	CellsMissed int64
	Oldest      time.Time // FetchedAt of the oldest segment used; zero where none was
	Known       time.Time // KnownAt of the newest segment used; zero where none was
}

// Statement is a statement that touched a table or called an action, after it
// has ended: a row of argo.queries.
type Statement struct {
	ID       string // ULID
	At       time.Time
	User     string   // name@host
	Database string   // current database
	Text     string   // as sent; of a CALL without its arguments
	Tables   []string // database.table, sorted; of a CALL database.procedure()
	Elapsed  time.Duration
	Rows     int64 // given to the client
	// AsOf is the moment as of which the statement gives the same rows again;
	// zero where it read nothing that has a history.
	AsOf     time.Time
	Cost     Cost
	Warnings int
	Code     int    // MySQL error number; 0: no error
	Error    string // its message
}

type traceKey struct{}

// WithTrace gives a context that carries t.
func WithTrace(ctx context.Context, t *Trace) context.Context {
	return context.WithValue(ctx, traceKey{}, t)
}

// TraceOf gives the context's trace, or nil.
func TraceOf(ctx context.Context) *Trace {
	t, _ := ctx.Value(traceKey{}).(*Trace)
	return t
}

func (t *Trace) do(f func()) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	f()
}

// Call counts one HTTP request for data or a change.
func (t *Trace) Call() { t.do(func() { t.calls++ }) }

// Fetched counts rows and bytes that arrived from a source.
func (t *Trace) Fetched(rows, bytes int64) { t.do(func() { t.fetched += rows; t.bytes += bytes }) }

// Cells counts cells that the cache answered and cells that were fetched.
func (t *Trace) Cells(cached, missed int64) { t.do(func() { t.hit += cached; t.missed += missed }) }

// AsOf notes the age of a segment that was used.
func (t *Trace) AsOf(at time.Time) {
	t.do(func() {
		if !at.IsZero() && (t.oldest.IsZero() || at.Before(t.oldest)) {
			t.oldest = at
		}
	})
}

// Known notes when a segment that was used became known, with rows or without.
func (t *Trace) Known(at time.Time) {
	t.do(func() {
		if at.After(t.known) {
			t.known = at
		}
	})
}

// Warn adds a warning for the client; SHOW WARNINGS shows it.
func (t *Trace) Warn(err error) { t.do(func() { t.warnings = append(t.warnings, err) }) }

// Warnings so far.
func (t *Trace) Warnings() (w []error) {
	t.do(func() { w = append(w, t.warnings...) })
	return w
}

// Cost so far.
func (t *Trace) Cost() (c Cost) {
	t.do(func() { c = Cost{t.calls, t.fetched, t.bytes, t.hit, t.missed, t.oldest, t.known} })
	return c
}

// Ended notes how one account of a table did; the same account and table again
// replaces what was noted.
func (t *Trace) Ended(o Outcome) {
	t.do(func() {
		key := [3]string{o.Connection, o.Table, o.Account}
		if i, ok := t.places[key]; ok {
			t.outcomes[i] = o
			return
		}
		if t.places == nil {
			t.places = map[[3]string]int{}
		}
		t.places[key] = len(t.outcomes)
		t.outcomes = append(t.outcomes, o)
	})
}

// Outcomes gives what Ended was told.
func (t *Trace) Outcomes() (out []Outcome) {
	t.do(func() { out = append(out, t.outcomes...) })
	return out
}
