// Package automationtest holds what every Ledger must do, as tests, a ledger
// in memory, a channel that fails on demand, and a process that dies at a
// chosen moment. It knows no channel's protocol and no database.
package automationtest

import (
	"context"
	"slices"
	"sync"
	"time"

	"argo/automation"
	"argo/tables/fault"
)

// Ledger is an automation.Ledger in memory.
type Ledger struct {
	mu     sync.Mutex
	runs   []automation.Run
	events []automation.Event
	leases map[string]lease
	book   *Book
}

type lease struct {
	owner string
	until time.Time
}

// NewLedger makes an empty one.
func NewLedger() *Ledger { return &Ledger{leases: map[string]lease{}} }

func clone(r automation.Run) automation.Run {
	r.Changes = slices.Clone(r.Changes)
	return r
}

func (l *Ledger) chain(events ...automation.Event) {
	for _, e := range events {
		e.Seq = int64(len(l.events) + 1)
		if n := len(l.events); n > 0 {
			e.PrevHash = l.events[n-1].Hash
		}
		e.At = e.At.UTC().Truncate(time.Microsecond)
		e.Hash = e.Sum()
		l.events = append(l.events, e)
	}
}

// Insert implements automation.Ledger.
func (l *Ledger) Insert(ctx context.Context, r automation.Run) (automation.Run, bool, error) {
	if err := ctx.Err(); err != nil {
		return automation.Run{}, false, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, old := range l.runs {
		if r.Key != "" && old.Key == r.Key {
			return clone(old), false, nil
		}
		if old.ID == r.ID {
			return automation.Run{}, false, fault.New(fault.Internal, "the run %s is there already", r.ID)
		}
	}
	r = automation.Entry(r)
	l.runs = append(l.runs, r)
	l.chain(automation.Opening(r)...)
	return clone(r), true, nil
}

// Advance implements automation.Ledger.
func (l *Ledger) Advance(ctx context.Context, run string, c automation.RunChange, to automation.State, note, readBack, actor string) (automation.RunChange, error) {
	if err := ctx.Err(); err != nil {
		return automation.RunChange{}, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.IndexFunc(l.runs, func(r automation.Run) bool { return r.ID == run })
	j := -1
	if i >= 0 {
		j = slices.IndexFunc(l.runs[i].Changes, func(x automation.RunChange) bool { return x.ID == c.ID })
	}
	if j < 0 {
		return automation.RunChange{}, fault.New(fault.NotFound, "the run %s has no change %s", run, c.ID)
	}
	old := l.runs[i].Changes[j]
	if old.State != c.State || old.Fence != c.Fence {
		return automation.RunChange{}, fault.New(fault.Conflict, "the change of %s in run %s is %s now", old.Entity, run, old.State)
	}
	if !automation.Allowed(old.State, to) {
		return automation.RunChange{}, fault.New(fault.Internal, "a change that is %s cannot become %s", old.State, to)
	}
	if to == automation.Executing {
		for _, r := range l.runs {
			for _, x := range r.Changes {
				if r.Source == l.runs[i].Source && x.Account == old.Account && x.Target == old.Target && x.Field == old.Field && x.State.InFlight() {
					return automation.RunChange{}, fault.New(fault.Conflict, "run %s is changing %s of %s", r.ID, old.Field, old.Entity)
				}
			}
		}
	}
	now := automation.Step(old, c, to, note, readBack)
	l.runs[i].Changes[j] = now
	l.runs[i] = l.runs[i].Follow(now.At)
	l.chain(automation.Event{Run: run, Change: c.ID, From: old.State, To: to, At: now.At, Actor: actor, Note: note})
	return now, nil
}

// Run implements automation.Ledger.
func (l *Ledger) Run(ctx context.Context, id string) (automation.Run, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range l.runs {
		if r.ID == id {
			return clone(r), ctx.Err()
		}
	}
	return automation.Run{}, fault.New(fault.NotFound, "there is no run %s", id)
}

// ByKey implements automation.Ledger.
func (l *Ledger) ByKey(ctx context.Context, key string) (automation.Run, bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range l.runs {
		if key != "" && r.Key == key {
			return clone(r), true, ctx.Err()
		}
	}
	return automation.Run{}, false, ctx.Err()
}

// Runs implements automation.Ledger.
func (l *Ledger) Runs(ctx context.Context, open bool, limit int) (out []automation.Run, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range l.runs {
		if !open || r.State.Open() {
			out = append(out, clone(r))
		}
	}
	slices.SortStableFunc(out, func(a, b automation.Run) int {
		if d := b.CreatedAt.Compare(a.CreatedAt); d != 0 {
			return d
		}
		if a.ID > b.ID {
			return -1
		}
		return 1
	})
	if limit > 0 && len(out) > limit {
		out = out[:limit]
	}
	return out, ctx.Err()
}

// Events implements automation.Ledger.
func (l *Ledger) Events(ctx context.Context, run string) (out []automation.Event, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.events {
		if run == "" || e.Run == run {
			out = append(out, e)
		}
	}
	return out, ctx.Err()
}

// Lease implements automation.Ledger.
func (l *Ledger) Lease(ctx context.Context, key, owner string, now, until time.Time) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if have, ok := l.leases[key]; ok && have.owner != owner && have.until.After(now) {
		return have.owner, nil
	}
	l.leases[key] = lease{owner, until}
	return owner, nil
}

// Release implements automation.Ledger.
func (l *Ledger) Release(ctx context.Context, key, owner string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.leases[key].owner == owner {
		delete(l.leases, key)
	}
	return ctx.Err()
}
