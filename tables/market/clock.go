package market

import (
	"context"
	"sync"
	"time"
)

// Clock tells the time of a market and of everything that plays in it: days,
// token expiries, quotas. It never goes back. Safe for concurrent use.
type Clock interface{ Now() time.Time }

// RealClock is the wall clock.
type RealClock struct{}

// Now is time.Now.
func (RealClock) Now() time.Time { return time.Now() }

// Sleep waits for d or until ctx ends.
func (RealClock) Sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Sleep passes d on the world's clock, as the clock's own Sleep does: at once
// on a virtual clock. Without one it waits by the wall clock.
func (m *Market) Sleep(ctx context.Context, d time.Duration) error {
	if s, ok := m.clock.(interface {
		Sleep(context.Context, time.Duration) error
	}); ok {
		return s.Sleep(ctx, d)
	}
	return RealClock{}.Sleep(ctx, d)
}

// VirtualClock stands still until it is moved.
type VirtualClock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock gives a virtual clock that stands at start.
func NewClock(start time.Time) *VirtualClock { return &VirtualClock{now: start} }

// Now is the time the clock stands at.
func (c *VirtualClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock by d and gives the new time. A negative d is ignored.
func (c *VirtualClock) Advance(d time.Duration) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(max(d, 0))
	return c.now
}

// Set moves the clock to t; a t that has passed is ignored.
func (c *VirtualClock) Set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t.After(c.now) {
		c.now = t
	}
}

// Sleep moves the clock by d at once instead of waiting, unless ctx has ended.
// It has the shape of tables.Env.Sleep: a test whose only sleeper is the code
// under test sees every retry and back-off pass without waiting. With several
// sleepers at once their waits add up.
func (c *VirtualClock) Sleep(ctx context.Context, d time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c.Advance(d)
	return nil
}
