package automationtest

import (
	"context"
	"errors"
	"sync"
	"time"

	"argo/automation"
)

// ErrDead is what a dead process gets from everything it touches.
var ErrDead = errors.New("the process is dead")

// Process is one life of a server: it stands between a Runner and the world,
// and dies at a chosen step. From then on nothing that the Runner does has an
// effect. Every request to the ledger or the channel has two steps, before it
// takes effect and after, when only the reply is lost.
type Process struct {
	mu    sync.Mutex
	left  int // steps to live; negative: for ever
	steps int
	dead  bool
}

// NewProcess makes one that dies at a step, counted from 0; a negative one
// never dies.
func NewProcess(step int) *Process { return &Process{left: step} }

// Dead says whether it has died.
func (p *Process) Dead() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.dead
}

// Steps it has lived.
func (p *Process) Steps() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.steps
}

func (p *Process) step() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dead || p.left == 0 {
		p.dead = true
		return ErrDead
	}
	p.left--
	p.steps++
	return nil
}

// Sleep stands between the runner and the clock.
func (p *Process) Sleep(sleep func(context.Context, time.Duration) error) func(context.Context, time.Duration) error {
	return func(ctx context.Context, d time.Duration) error {
		if p.Dead() {
			return ErrDead
		}
		return sleep(ctx, d)
	}
}

// Forget stands between the runner and the cache.
func (p *Process) Forget(forget func(ctx context.Context, source, account string, tables []string) error) func(context.Context, string, string, []string) error {
	return func(ctx context.Context, source, account string, tables []string) error {
		if err := p.step(); err != nil {
			return err
		}
		if err := forget(ctx, source, account, tables); err != nil {
			return err
		}
		return p.step()
	}
}

// Action stands between the runner and a channel.
func (p *Process) Action(a automation.Action) automation.Action {
	apply, plan, read := a.Apply, a.Plan, a.ReadBack
	a.Plan = func(ctx context.Context, args automation.Args) ([]automation.Change, error) {
		return two(p, func() ([]automation.Change, error) { return plan(ctx, args) })
	}
	a.Apply = func(ctx context.Context, c automation.Change) error {
		_, err := two(p, func() (any, error) { return nil, apply(ctx, c) })
		return err
	}
	a.ReadBack = func(ctx context.Context, c automation.Change) (string, error) {
		return two(p, func() (string, error) { return read(ctx, c) })
	}
	return a
}

func two[T any](p *Process, f func() (T, error)) (out T, err error) {
	if err := p.step(); err != nil {
		return out, err
	}
	out, err = f()
	if dead := p.step(); dead != nil {
		var none T
		return none, dead
	}
	return out, err
}

// Ledger stands between the runner and a ledger.
func (p *Process) Ledger(l automation.Ledger) automation.Ledger { return &mortal{l, p} }

type mortal struct {
	automation.Ledger
	p *Process
}

func (m *mortal) Insert(ctx context.Context, r automation.Run) (stored automation.Run, inserted bool, err error) {
	stored, err = two(m.p, func() (automation.Run, error) {
		stored, inserted, err = m.Ledger.Insert(ctx, r)
		return stored, err
	})
	return stored, inserted, err
}

func (m *mortal) Advance(ctx context.Context, run string, c automation.RunChange, to automation.State, note, readBack, actor string) (automation.RunChange, error) {
	return two(m.p, func() (automation.RunChange, error) {
		return m.Ledger.Advance(ctx, run, c, to, note, readBack, actor)
	})
}

func (m *mortal) Run(ctx context.Context, id string) (automation.Run, error) {
	return two(m.p, func() (automation.Run, error) { return m.Ledger.Run(ctx, id) })
}

func (m *mortal) ByKey(ctx context.Context, key string) (r automation.Run, found bool, err error) {
	r, err = two(m.p, func() (automation.Run, error) {
		r, found, err = m.Ledger.ByKey(ctx, key)
		return r, err
	})
	return r, found, err
}

func (m *mortal) Runs(ctx context.Context, open bool, limit int) ([]automation.Run, error) {
	return two(m.p, func() ([]automation.Run, error) { return m.Ledger.Runs(ctx, open, limit) })
}

func (m *mortal) Lease(ctx context.Context, key, owner string, now, until time.Time) (string, error) {
	return two(m.p, func() (string, error) { return m.Ledger.Lease(ctx, key, owner, now, until) })
}

func (m *mortal) Release(ctx context.Context, key, owner string) error {
	_, err := two(m.p, func() (any, error) { return nil, m.Ledger.Release(ctx, key, owner) })
	return err
}
