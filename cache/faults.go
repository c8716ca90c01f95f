package cache

import (
	"fmt"
	"sync"
	"time"

	"argo/tables/fault"
)

const (
	// deniedKeep is how long an account that the credentials may not read, or that
	// is not there, is left alone: somebody has to do something about it.
	deniedKeep = 10 * time.Minute
	// downKeep is how long one is left alone at a source that is down, or that
	// does not say when it wants to be asked again.
	downKeep = 30 * time.Second
	// faultsKept is how many are remembered at most.
	faultsKept = 10_000
)

// faults remembers what a source has said of a table and account, so that it is
// not asked the same again by the next statement. It is of a table too, since an
// account may be denied one report and not the others.
type faults struct {
	mu sync.Mutex
	of map[asked]refusal
}

// asked is who was refused. What is refused in the background may well be given
// to people, for whom budgets have a share of their own.
type asked struct {
	key
	background bool
}

type refusal struct {
	err   *fault.Error
	until time.Time
}

// add remembers a fault of some kinds, and forgets what was remembered for any
// other outcome.
func (f *faults) add(k key, background bool, err error, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if delete(f.of, asked{k, background}); err == nil {
		delete(f.of, asked{k, !background})
	}
	what := fault.As(err)
	if what == nil {
		return
	}
	keep := time.Duration(0)
	switch what.Kind {
	case fault.Denied, fault.NotFound:
		keep = deniedKeep
	case fault.Unavailable, fault.Throttled:
		keep = downKeep
		if what.RetryAfter > 0 {
			keep = what.RetryAfter
		}
	default:
		return
	}
	if len(f.of) >= faultsKept {
		for k, r := range f.of {
			if !now.Before(r.until) {
				delete(f.of, k)
			}
		}
		if len(f.of) >= faultsKept {
			clear(f.of) // a source that fails everywhere is learnt anew quickly
		}
	}
	if f.of == nil {
		f.of = map[asked]refusal{}
	}
	f.of[asked{k, background}] = refusal{what, now.Add(keep)}
}

// get gives the fault that is still remembered, a *fault.Error, or nil.
func (f *faults) get(k key, background bool, now time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, who := range []asked{{k, false}, {k, true}} {
		r, ok := f.of[who]
		if !ok || who.background && !background {
			continue
		}
		left := r.until.Sub(now)
		if left <= 0 {
			delete(f.of, who)
			continue
		}
		again := *r.err
		if standsIn(r.err) {
			again.RetryAfter = left
			return &again
		}
		if again.Hint != "" {
			again.Hint += "; "
		}
		again.Hint += fmt.Sprintf("it is asked again from %s UTC on, or by CALL argo.refresh('%s.%s')", r.until.UTC().Format(time.TimeOnly), k.source, k.table)
		return &again
	}
	return nil
}

// forget forgets what was remembered: something has been done.
func (f *faults) forget(k key) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.of, asked{k, false})
	delete(f.of, asked{k, true})
}

// standsIn says that an older reading may answer in the place of a fetch that
// failed so: the source cannot be asked now.
func standsIn(err error) bool {
	k := fault.KindOf(err)
	return k == fault.Unavailable || k == fault.Throttled
}
