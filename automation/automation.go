// Package automation is the road of every change that Argo makes at a channel:
// planned from the channel now, judged, recorded, applied, read back.
//
// Invariant I5: no change is applied that is not in the ledger, fsynced,
// before the first byte is sent. It knows no channel and no SQL.
package automation

import (
	"context"
	"time"

	"argo/tables"
)

// Kit is the write side of a source.
type Kit struct {
	Source string // as tables.Source.Name
	Open   func(ctx context.Context, conn *tables.Connection, env tables.Env) ([]Action, error)
}

// Action is a verb: one stored procedure.
type Action struct {
	Name, Doc string
	Params    []Param // without the options document that every action takes last
	// Plan reads the channel now, never the cache, and gives the changes with
	// absolute values; relative verbs become absolute here. No effect.
	Plan func(ctx context.Context, args Args) ([]Change, error)
	// Apply sends one change. A fault of kind Refused, Invalid, Denied or Auth
	// says that the channel did not apply it; any other error leaves the
	// outcome unknown until ReadBack.
	Apply func(ctx context.Context, c Change) error
	// ReadBack reads the present value of the change's target and field, in
	// the form of Before and After.
	ReadBack func(ctx context.Context, c Change) (string, error)
	// Window is how long a request may still take effect after the reply was
	// lost: the reconciler waits it out before it believes a read. Default 120 s.
	Window time.Duration
	// Touches names the cached tables that a change makes untrue.
	Touches []string
	// Facts reads what guardrails want to know of the changes of one plan,
	// aligned with them; wants says which of the costly ones are asked for. nil:
	// only what the change itself says is known.
	Facts func(ctx context.Context, changes []Change, wants Wants) ([]Facts, error)
}

// Param of an action.
type Param struct {
	Name string
	Type tables.Type
	Doc  string
}

// Args by parameter name; values as in tables.Row, numbers of a CALL as
// int64 or *apd.Decimal, nil for NULL.
type Args map[string]any

// Change is one field of one object, from Before to After. Before and After
// are canonical text (an enum word, a decimal in account currency), so that
// they compare byte by byte.
type Change struct {
	ID      string // ULID
	Account string
	Target  string // the channel's own name: "customers/1/campaigns/2"
	Entity  string // what a person calls it: "campaign 2 (Brand KR)"
	Field   string // "status", "amount"
	Before  string
	After   string
	Unit    string // currency of Before and After, or ""
	Note    string // what a person should know: "budget is shared by 3 campaigns"
}

// State of a run and of its changes.
type State string

const (
	Proposed  State = "proposed"  // recorded, about to be sent by the process that recorded it
	Awaiting  State = "awaiting"  // somebody has to approve it; nothing sent
	Approved  State = "approved"  // may be sent when its time has come, by any process
	Held      State = "held"      // a guardrail says not now; nothing sent
	Denied    State = "denied"    // a guardrail said no; nothing sent
	Rejected  State = "rejected"  // somebody who may approve said no; nothing sent
	Expired   State = "expired"   // its time ran out; nothing sent
	Executing State = "executing" // may have been sent
	Unknown   State = "unknown"   // sent, outcome not known yet
	Succeeded State = "succeeded" // the channel accepted it; not read back yet
	Verified  State = "verified"  // read back: the channel has After
	Failed    State = "failed"    // the channel refused; nothing changed
	Conflict  State = "conflict"  // the channel has neither Before nor After
	Cancelled State = "cancelled" // given up before anything was sent
	Unchanged State = "unchanged" // nothing to do: Before equals After
	DryRun    State = "dry_run"   // planned only, by request
)

// Open says that the state is not final.
func (s State) Open() bool {
	switch s {
	case Proposed, Awaiting, Approved, Held, Executing, Unknown, Succeeded:
		return true
	}
	return false
}

// Waits says that nothing is sent until a person or a moment comes, whatever
// becomes of the process.
func (s State) Waits() bool { return s == Awaiting || s == Approved || s == Held }

// Run is one call of an action; its changes go through the states one by one.
type Run struct {
	ID        string // ULID
	Source    string
	Action    string
	Args      string // JSON
	By        string // "demo@127.0.0.1", "rule:pacing"
	Reason    string
	Key       string    // idempotency key, unique; given or ""
	UndoOf    string    // the run that this one takes back, or ""
	NotBefore time.Time // nothing is sent earlier
	Expires   time.Time // nothing is sent from then on; zero: only where it waits
	State     State     // of the run: the least final, then the worst, of its changes
	Changes   []RunChange
	CreatedAt time.Time
	EndedAt   time.Time // zero while open
}

// RunChange is a change within a run.
type RunChange struct {
	Change
	State    State
	Attempts int    // times it was sent: 0 or 1
	ReadBack string // last value read
	Note     string // one sentence for a person: why this state
	Fence    int64  // grows with every transition; compare-and-set guards it
	At       time.Time
}

// Event is one transition, chained by hash: Hash = sha256(PrevHash, fields).
type Event struct {
	Seq      int64
	Run      string
	Change   string // "" for the run itself
	From, To State
	At       time.Time
	Actor    string
	Note     string
	Digest   string // of the run's insertion: what it intends
	PrevHash string
	Hash     string
}

// Ledger keeps runs durably. Every method is one transaction, fsynced before
// it returns. Safe for concurrent use and over processes.
type Ledger interface {
	// Insert records a run with its changes, each in its own State with Fence 1,
	// and the events of Opening. The run's State is their Rollup. A key that is
	// already there gives the run that has it and inserted=false.
	Insert(ctx context.Context, r Run) (stored Run, inserted bool, err error)
	// Advance moves one change to a state if it is still in c.State with fence
	// c.Fence, and appends the event of the time c.At; it takes c.Attempts over,
	// and note and readBack where they are not empty. It gives the change as it
	// is now; the run's own state follows, and its EndedAt where that is final.
	// Faults: Conflict where the change has moved, and for a move to Executing
	// while another run's change of the same source, account, target and field
	// is InFlight (the message names it); NotFound; Internal for a move that is
	// not Allowed.
	Advance(ctx context.Context, run string, c RunChange, to State, note, readBack, actor string) (RunChange, error)
	// Run gives one run; NotFound fault where there is none.
	Run(ctx context.Context, id string) (Run, error)
	// ByKey gives the run that has the idempotency key; false where none has.
	ByKey(ctx context.Context, key string) (Run, bool, error)
	// Runs lists the newest first, at most limit (0: all); open only the open
	// ones.
	Runs(ctx context.Context, open bool, limit int) ([]Run, error)
	// Events of a run, or of all runs where run is "", in the order of Seq.
	Events(ctx context.Context, run string) ([]Event, error)
	// Lease takes the target (source, account, target, field) for a run from
	// now until it is released or until has come, and gives the owner that has
	// it: the caller's own where it was free, over, or already the caller's
	// (which prolongs it). One change in flight per target and field; a run, too,
	// is leased to the process that works on it.
	Lease(ctx context.Context, key, owner string, now, until time.Time) (holder string, err error)
	Release(ctx context.Context, key, owner string) error
}
