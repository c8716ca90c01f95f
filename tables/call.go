package tables

import (
	"context"
	"time"
)

// Call is one request to a source, after it has ended: a row of argo.fetches.
// It holds no secret: Endpoint is a path without its query.
type Call struct {
	At         time.Time
	Connection string
	Table      string // "" where the call is not for one (accounts, actions)
	Account    string
	Days       Days
	Purpose    Purpose
	Method     string
	Endpoint   string
	Scopes     []string // keys of the budgets it was taken from
	Units      int      // of quota
	Attempt    int      // 1 is the first
	Status     int      // of HTTP; 0: no reply
	Outcome    string   // "ok" or the kind of the fault
	Message    string   // of the fault
	Rows       int64
	Bytes      int64
	Elapsed    time.Duration // until the reply had been read
	Statement  string        // id of the statement that caused it, "" of a background job
}

// Quotas keeps the state of budgets, shared by every process on the store and
// kept over restarts. Safe for concurrent use.
type Quotas interface {
	// Update hands f the states of keys (absent: nil) in one transaction and
	// keeps what f leaves in the map; an error of f keeps nothing. f may run
	// more than once and does nothing else.
	Update(ctx context.Context, keys []string, f func(states map[string][]byte) error) error
	// All gives every state, for argo.quotas.
	All(ctx context.Context) (map[string][]byte, error)
}

// Estimate is what a scan would cost, without any call: a row of EXPLAIN FETCH.
type Estimate struct {
	Cells  int64 // of the scan
	Cached int64 // of them answered by the cache
	Calls  int   // to the source, pages included as far as they can be known
	// Exact says that Calls is certain; otherwise it is the most likely number.
	Exact   bool
	Units   map[string]int // quota by scope, where the source says
	Rows    int64          // expected, -1 where nothing was measured
	Elapsed time.Duration  // expected, 0 where nothing was measured
	Why     []string       // why more or less is fetched than was asked for
}

// Add sums estimates.
func (e *Estimate) Add(o Estimate) {
	e.Cells += o.Cells
	e.Cached += o.Cached
	e.Calls += o.Calls
	e.Exact = e.Exact && o.Exact
	for scope, n := range o.Units {
		if e.Units == nil {
			e.Units = map[string]int{}
		}
		e.Units[scope] += n
	}
	if e.Rows < 0 || o.Rows < 0 {
		e.Rows = -1
	} else {
		e.Rows += o.Rows
	}
	e.Elapsed += o.Elapsed
	e.Why = append(e.Why, o.Why...)
}

// Outcome says how one account of one table did in a statement: a row of
// argo.last_sources.
type Outcome struct {
	Connection, Table, Account string
	State                      string // "ok", "stale", "parked", "denied" … : "ok", "stale" or the kind of the fault
	Rows                       int64  // -1 where unknown
	AsOf                       time.Time
	Err                        error // what was wrong; with State "stale" what keeps it from being renewed
}
