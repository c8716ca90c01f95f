package cache

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"argo/tables"
	"argo/tables/fault"
)

const (
	// accountsKeep is how long a list of accounts is taken as it is, unless a
	// refresh by hand asks for it.
	accountsKeep = 4 * time.Hour
	// accountsPause is how long a source that could not list its accounts is
	// left alone, where there is an older list.
	accountsPause = time.Minute
)

// roster is the list of accounts of one source. Who holds turn reads or writes
// it; a caller that has to wait for another's call does so no longer than its
// context, and a call that fails is tried again by the next caller.
type roster struct {
	turn chan struct{}
	list []tables.Account
	at   time.Time
	// failed is the outcome of the last call, until retry; changed with Cache.mu
	// too.
	failed error
	retry  time.Time
	old    bool // to be listed anew, however young it is; guarded by Cache.mu
}

// accounts gives the list of a source's accounts, four hours old at most. Where
// the source is down an older list serves, with a warning: what the cache
// holds can still be read.
func (c *Cache) accounts(ctx context.Context, source string, list func(context.Context) ([]tables.Account, error)) ([]tables.Account, error) {
	name := c.roster(source)
	r := c.rosterOf(name)
	select {
	case r.turn <- struct{}{}:
		defer func() { <-r.turn }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}

	good := func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return !r.at.IsZero() && !r.old && c.o.Now().Sub(r.at) < accountsKeep
	}
	var unread error
	load := func() bool { // another process may have listed them
		if good() {
			return true
		}
		saved, at, err := c.o.Index.Accounts(ctx, name)
		if err != nil {
			unread = fmt.Errorf("read the accounts of %s: %w", source, err)
			return true
		}
		if at.After(r.at) {
			c.mu.Lock()
			r.list, r.at, r.failed = saved, at, nil
			c.mu.Unlock()
		}
		return good()
	}
	if load() {
		return slices.Clone(r.list), unread
	}
	err := r.failed
	if err == nil || !c.o.Now().Before(r.retry) {
		err = c.alone(ctx, name, listingCosts, load, func() error {
			fresh, err := c.listing(ctx, name, list)
			if err != nil {
				return err
			}
			c.mu.Lock()
			r.list, r.at, r.failed, r.old = fresh, c.now(), nil, false
			c.mu.Unlock()
			if err := c.o.Index.SaveAccounts(ctx, name, fresh, r.at); err != nil && ctx.Err() == nil {
				c.o.Log.WarnContext(ctx, "the accounts were not saved", "source", source, "err", err)
			}
			return nil
		})
		if err == nil {
			return slices.Clone(r.list), unread
		}
	}
	if k := fault.KindOf(err); r.at.IsZero() || ctx.Err() != nil || k != fault.Unavailable && k != fault.Throttled && k != fault.Timeout {
		return nil, err
	}
	if now := c.o.Now(); r.failed == nil || !now.Before(r.retry) {
		c.mu.Lock()
		r.failed, r.retry = err, now.Add(accountsPause)
		c.mu.Unlock()
	}
	tables.TraceOf(ctx).Warn(fault.Wrap(fault.KindOf(err), err, "the accounts of %s are those of %s", source, r.at.Format(time.DateTime)))
	return slices.Clone(r.list), nil
}

// listingCosts is the table under which the index has how many calls it took to
// list the accounts of a source.
const listingCosts = "(accounts)"

// listing lists the accounts and remembers how many calls that took.
func (c *Cache) listing(ctx context.Context, name string, list func(context.Context) ([]tables.Account, error)) ([]tables.Account, error) {
	trace := tables.TraceOf(ctx)
	own := new(tables.Trace)
	if trace != nil {
		own.Statement = trace.Statement
	}
	fresh, err := list(tables.WithTrace(ctx, own))
	cost := own.Cost()
	for range cost.Calls {
		trace.Call()
	}
	trace.Fetched(cost.RowsFetched, cost.Bytes)
	for _, w := range own.Warnings() {
		trace.Warn(w)
	}
	if err == nil {
		if err := c.o.Index.SaveCosts(ctx, name, listingCosts, strconv.AppendInt(nil, cost.Calls, 10)); err != nil && ctx.Err() == nil {
			c.o.Log.WarnContext(ctx, "what listing the accounts took was not saved", "source", name, "err", err)
		}
	}
	return fresh, err
}

// remembered is tables.Table.Roster of a source.
func (c *Cache) remembered(ctx context.Context, source string) (list []tables.Account, calls int, err error) {
	name := c.roster(source)
	list, at, err := c.o.Index.Accounts(ctx, name)
	if err != nil {
		return nil, 0, fmt.Errorf("read the accounts of %s: %w", source, err)
	}
	if at.IsZero() {
		list = nil
	} else {
		list = append([]tables.Account{}, list...)
		r := c.rosterOf(name)
		c.mu.Lock()
		paused := r.failed != nil && c.o.Now().Before(r.retry)
		good := !r.old && c.o.Now().Sub(at) < accountsKeep
		c.mu.Unlock()
		if good || paused {
			return list, 0, nil
		}
	}
	blob, err := c.o.Index.Costs(ctx, name, listingCosts)
	if err != nil {
		return nil, 0, fmt.Errorf("read what listing the accounts of %s takes: %w", source, err)
	}
	if calls, err = strconv.Atoi(string(blob)); err != nil {
		calls = 1
	}
	return list, calls, nil
}

func (c *Cache) rosterOf(name string) *roster {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.rosters[name]
	if r == nil {
		r = &roster{turn: make(chan struct{}, 1)}
		c.rosters[name] = r
	}
	return r
}

// relist has the accounts of a source listed anew at the next occasion.
func (c *Cache) relist(source string) {
	r := c.rosterOf(c.roster(source))
	c.mu.Lock()
	defer c.mu.Unlock()
	r.old = true
}

// Accounts gives the remembered accounts of a source and when they were
// listed, a zero time where they never were. It makes no call.
func (c *Cache) Accounts(ctx context.Context, source string) ([]tables.Account, time.Time, error) {
	return c.o.Index.Accounts(ctx, c.roster(source))
}

// roster is the name under which the index has a source's accounts.
func (c *Cache) roster(source string) string {
	if c.o.Fingerprint == nil {
		return source
	}
	return source + " " + c.o.Fingerprint(source)
}

// calendar is the time zone that the days of an account are in.
func (c *Cache) calendar(ctx context.Context, source string, t tables.Table, account string) (*time.Location, error) {
	if t.Account == "" || t.Accounts == nil {
		return time.UTC, nil
	}
	if zone := c.zones.get(source, account, c.o.Now()); zone != nil {
		return zone, nil
	}
	list, err := c.accounts(ctx, source, t.Accounts)
	if err != nil {
		return nil, err
	}
	return c.zones.put(source, account, list, c.o.Now()), nil
}

// zone is the calendar of an account of a source as it is remembered, UTC where
// it is not. It makes no call.
func (c *Cache) zone(ctx context.Context, source, account string) (*time.Location, error) {
	if zone := c.zones.get(source, account, c.o.Now()); zone != nil {
		return zone, nil
	}
	list, _, err := c.Accounts(ctx, source)
	if err != nil {
		return nil, fmt.Errorf("read the accounts of %s: %w", source, err)
	}
	return c.zones.put(source, account, list, c.o.Now()), nil
}

// zonesKeep is how long calendars are taken as they are: a statement over a
// thousand accounts asks a thousand times.
const zonesKeep = time.Minute

// zones remembers the calendars of accounts.
type zones struct {
	mu sync.Mutex
	of map[string]calendars // by source
}

type calendars struct {
	at   time.Time
	byID map[string]*time.Location
}

// get is nil where the calendar is not known, or not any more.
func (z *zones) get(source, account string, now time.Time) *time.Location {
	z.mu.Lock()
	defer z.mu.Unlock()
	if k := z.of[source]; now.Sub(k.at) < zonesKeep && !now.Before(k.at) {
		return k.byID[account]
	}
	return nil
}

// put remembers those of a list and gives that of one account, UTC where it is
// none of them.
func (z *zones) put(source, account string, list []tables.Account, now time.Time) *time.Location {
	byID := make(map[string]*time.Location, len(list))
	for _, a := range list {
		byID[a.ID] = a.Location()
	}
	z.mu.Lock()
	defer z.mu.Unlock()
	if z.of == nil {
		z.of = map[string]calendars{}
	}
	z.of[source] = calendars{now, byID}
	if zone := byID[account]; zone != nil {
		return zone
	}
	return time.UTC
}
