package cache

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

const (
	// claimKeep is how long a claim lives, and claimLow how much of that is left
	// at least while its process lives.
	claimKeep = 30 * time.Second
	claimLow  = 20 * time.Second
	// claimBeat is how often that is looked after. It is by the wall clock, as is
	// all waiting for other processes: a simulated clock is not held up by it.
	claimBeat = 500 * time.Millisecond
	// claimGrace is how long a claim that seems to have ended is waited for, by the
	// wall clock: where the clock leaps its process has to say that it lives.
	claimGrace = 3 * claimBeat
	// pollFirst and pollLast are how often it is looked whether another process
	// has done what it claimed.
	pollFirst = 25 * time.Millisecond
	pollLast  = 250 * time.Millisecond
)

// claimed notes claims of this process, which are kept alive from here on; c.mu
// is held.
func (c *Cache) claimed(claims []Claim) {
	if len(claims) == 0 {
		return
	}
	for _, k := range claims {
		c.claims[k.ID] = k.Until
	}
	if c.beating == nil {
		stop := make(chan struct{})
		c.beating = stop
		c.wg.Go(func() { c.beat(stop) })
	}
}

// unclaimed takes claims off the list and ends them, unless a commit has.
func (c *Cache) unclaimed(ended bool, ids ...string) {
	c.mu.Lock()
	ids = slices.DeleteFunc(ids, func(id string) bool { _, ok := c.claims[id]; return !ok })
	for _, id := range ids {
		delete(c.claims, id)
	}
	c.rest()
	c.mu.Unlock()
	if ended || len(ids) == 0 {
		return
	}
	if err := c.o.Index.Release(context.Background(), ids); err != nil {
		c.o.Log.Warn("claims end by themselves only", "claims", len(ids), "err", err)
	}
}

// rest ends the beat where there is nothing to look after; c.mu is held.
func (c *Cache) rest() {
	if len(c.claims) == 0 && c.beating != nil {
		close(c.beating)
		c.beating = nil
	}
}

// beat extends the claims of this process until it is stopped.
func (c *Cache) beat(stop chan struct{}) {
	tick := time.NewTicker(claimBeat)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-stop:
			return
		}
		now := c.now()
		c.mu.Lock()
		var low []string
		for id, until := range c.claims {
			if until.Sub(now) < claimLow {
				low = append(low, id)
			}
		}
		c.mu.Unlock()
		if len(low) > 0 {
			slices.Sort(low)
			c.extend(low, now.Add(claimKeep))
		}
	}
}

// extend moves the end of claims. One that has been lost is not looked after any
// more: what its fetch brings is still committed, where nobody else has brought
// it meanwhile.
func (c *Cache) extend(ids []string, until time.Time) {
	err := c.o.Index.Extend(context.Background(), ids, until)
	if errors.Is(err, ErrClaimLost) && len(ids) > 1 {
		for i := range ids { // the others must not go with it
			c.extend(ids[i:i+1], until)
		}
		return
	}
	if err != nil && !errors.Is(err, ErrClaimLost) {
		c.o.Log.Warn("claims were not extended", "claims", len(ids), "err", err)
		return // tried again at the next beat
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, id := range ids {
		if _, ok := c.claims[id]; !ok {
			continue
		}
		if err != nil {
			delete(c.claims, id)
		} else {
			c.claims[id] = until
		}
	}
	c.rest()
}

// vigil is kept once in the process for a claim of another one, however many
// statements wait for it. Its fields but done and err are guarded by Cache.mu.
type vigil struct {
	waiters int
	cancel  context.CancelFunc
	done    chan struct{}
	err     error // set before done is closed
}

// await waits until a claim of another process has ended.
func (c *Cache) await(ctx context.Context, k key, id string) error {
	c.mu.Lock()
	v := c.vigils[id]
	if v == nil {
		own, cancel := context.WithCancel(context.WithoutCancel(ctx))
		v = &vigil{cancel: cancel, done: make(chan struct{})}
		c.vigils[id] = v
		c.wg.Go(func() {
			defer cancel()
			v.err = c.watch(own, k, id)
			c.mu.Lock()
			defer c.mu.Unlock()
			if c.vigils[id] == v {
				delete(c.vigils, id)
			}
			close(v.done)
		})
	}
	v.waiters++
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if v.waiters--; v.waiters == 0 {
			v.cancel()
			if c.vigils[id] == v {
				delete(c.vigils, id)
			}
		}
	}()
	select {
	case <-v.done:
		return v.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// watch looks until a claim has ended. One that a commit has ended, or its
// process, is gone at once; one that is over by the clock may still be extended.
func (c *Cache) watch(ctx context.Context, k key, id string) error {
	var over time.Time
	for pause := pollFirst; ; pause = min(2*pause, pollLast) {
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		}
		claims, err := c.o.Index.Claims(ctx, k.source, k.table, k.account, time.Time{})
		if err != nil {
			return fmt.Errorf("read the claims of %s: %w", k.table, err)
		}
		i := slices.IndexFunc(claims, func(c Claim) bool { return c.ID == id })
		switch now := time.Now(); {
		case i < 0 || c.dead(claims[i].Owner):
			return nil
		case claims[i].Until.After(c.o.Now()):
			over = time.Time{}
		case over.IsZero():
			over = now
		case now.Sub(over) >= claimGrace:
			return nil
		}
	}
}

// dead says that a process is known to have died: its claims end with it.
func (c *Cache) dead(owner string) bool { return c.o.Alive != nil && !c.o.Alive(owner) }

// others gives the claims of other processes that want may wait for.
func (c *Cache) others(claims []Claim) (out []underway) {
	for _, k := range claims {
		if k.Owner != c.o.Owner && !c.dead(k.Owner) {
			out = append(out, underway{Span: k.Span, id: k.ID})
		}
	}
	return out
}

// claimsOf makes the claims for the fetches of a survey.
func (c *Cache) claimsOf(fetch []Span, now time.Time) (out []Claim, err error) {
	for _, span := range fetch {
		id, err := newID(now)
		if err != nil {
			return nil, err
		}
		out = append(out, Claim{ID: id, Span: span, Owner: c.o.Owner, Until: now.Add(claimKeep)})
	}
	return out, nil
}

// alone makes f run in one process at a time. The claim is of no table, but of
// a name that stands for what f does.
func (c *Cache) alone(ctx context.Context, source, what string, done func() bool, f func() error) error {
	k := key{source: source, table: what}
	for {
		if done() {
			return nil
		}
		now := c.o.Now().UTC().Truncate(time.Microsecond)
		mine, err := c.claimsOf([]Span{{Source: source, Table: what, Columns: []string{what}}}, now)
		if err != nil {
			return err
		}
		var theirs []string
		err = c.o.Index.Board(ctx, source, what, "", now, func(_ []Segment, claims []Claim, _ int64) []Claim {
			theirs = nil
			for _, u := range c.others(claims) {
				theirs = append(theirs, u.id)
			}
			if len(theirs) > 0 {
				return nil
			}
			return mine
		})
		if err != nil {
			return err
		}
		if len(theirs) == 0 {
			c.mu.Lock()
			c.claimed(mine)
			c.mu.Unlock()
			defer c.unclaimed(false, mine[0].ID)
			return f()
		}
		for _, id := range theirs {
			if err := c.await(ctx, k, id); err != nil {
				return err
			}
		}
	}
}
