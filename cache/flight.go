package cache

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime/debug"
	"slices"
	"strconv"
	"time"

	"argo/tables"
	"argo/tables/fault"
)

// flight is one fetch under way: one account, at most MaxDays days, one report
// of the source, one segment. Whoever needs one of its cells waits for it. It
// lives on a context of its own, which ends when nobody waits any more, so a
// statement that is killed never fails another. All fields but the first ones
// are guarded by Cache.mu until done is closed.
type flight struct {
	book  *book
	key   key
	t     tables.Table
	id    string // of the claim, and of the segment
	span  Span
	epoch int64
	done  chan struct{}

	ctx     context.Context
	cancel  context.CancelFunc
	waiters int
	people  bool // somebody waits for it
	started bool
	landed  bool // done is closed
	segment Segment
	instead []string // segments that answer in its place
	err     error    // ErrForgotten: nobody but who waited may read the segment
}

// depart makes a flight with one waiter, the caller; c.mu and the book are
// held. The flight keeps the trace of its first waiter: who asks first pays.
func (c *Cache) depart(ctx context.Context, b *book, t tables.Table, claim Claim, epoch int64) *flight {
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	f := &flight{book: b, key: key{claim.Source, claim.Table, claim.Account}, t: t, id: claim.ID, span: claim.Span, epoch: epoch,
		ctx: own, cancel: cancel, done: make(chan struct{}), waiters: 1, people: !background(ctx)}
	b.flights = append(b.flights, f)
	return f
}

// background says that nobody waits for what is done with ctx.
func background(ctx context.Context) bool {
	p := tables.PurposeOf(ctx)
	return p == tables.Refreshing || p == tables.Backfilling
}

// join adds a waiter to a flight; c.mu is held. One that was made in the
// background and has not begun is for people from here on.
func (c *Cache) join(ctx context.Context, f *flight) {
	f.waiters++
	if f.people || f.started || f.landed || background(ctx) {
		return
	}
	f.people = true
	f.ctx = tables.WithPurpose(f.ctx, tables.PurposeOf(ctx))
	c.schedule(f.key.source, []*flight{f})
}

// wait ends with the flight's outcome or with ctx.
func (f *flight) wait(ctx context.Context) error {
	select {
	case <-f.done:
		return f.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// leave takes one waiter off; c.mu is held. The last one ends a flight that
// has not landed, and unpins the segment of one that has.
func (c *Cache) leave(f *flight) {
	if f.landed {
		if f.segment.ID != "" {
			c.unpin(f.segment.ID)
		}
		return
	}
	if f.waiters--; f.waiters > 0 {
		return
	}
	f.ground()
	f.cancel()
	if !f.started { // nobody else will end its claim
		c.wg.Go(func() { c.unclaimed(false, f.id) })
	}
}

// ground takes the flight off the board: nobody joins it any more. c.mu is
// held.
func (f *flight) ground() {
	f.book.flights = slices.DeleteFunc(f.book.flights, func(o *flight) bool { return o == f })
}

// lane bounds what runs at once at one source: what people wait for, and half
// as much in the background. The requests that wait for it take turns, so that a
// year of history does not stand before a single day.
type lane struct {
	running [2]int         // of people, in the background
	queue   [2][][]*flight // one slice per request, newest days first
}

func (f *flight) class() int {
	if f.people {
		return 0
	}
	return 1
}

// schedule queues the flights of one request; c.mu is held.
func (c *Cache) schedule(source string, flights []*flight) {
	if len(flights) == 0 {
		return
	}
	l := c.lanes[source]
	if l == nil {
		l = &lane{}
		c.lanes[source] = l
	}
	class := flights[0].class()
	l.queue[class] = append(l.queue[class], flights)
	c.pump(l)
}

// pump starts what the lane has room for; c.mu is held.
func (c *Cache) pump(l *lane) {
	for class, most := range [2]int{c.o.Parallel, max(1, c.o.Parallel/2)} {
		for l.running[class] < most && len(l.queue[class]) > 0 {
			turn := l.queue[class][0]
			l.queue[class] = l.queue[class][1:]
			f := turn[0]
			if len(turn) > 1 {
				l.queue[class] = append(l.queue[class], turn[1:])
			}
			if f.waiters == 0 || f.started { // given up while it waited, or somebody was in a hurry
				continue
			}
			f.started = true
			l.running[class]++
			c.wg.Go(func() {
				defer f.cancel()
				c.fly(f)
				c.mu.Lock()
				defer c.mu.Unlock()
				l.running[class]--
				c.pump(l)
			})
		}
	}
}

// fly fetches, commits and lands. The flight holds a pin of its segment from
// before the file exists until the waiters have theirs: between them nothing
// takes the file for an orphan, supersedes it or evicts it.
func (c *Cache) fly(f *flight) {
	s := Segment{ID: f.id, Span: f.span, Epoch: f.epoch}
	c.hold(s)
	defer c.unhold(s)
	var err error
	if s.FetchedAt, err = c.begin(f); err == nil {
		s.UsedAt = s.FetchedAt
		s, err = c.fetch(f, s)
	}
	written := err == nil
	var instead []string
	if written {
		instead, err = c.commit(f, &s)
	}
	committed := err == nil && instead == nil
	c.unclaimed(committed, f.id)
	if f.ctx.Err() == nil {
		c.faults.add(f.key, !f.people, err, c.o.Now())
	}
	c.land(f, s, instead, err)
	switch {
	case committed:
		c.keepBudget()
	case instead != nil:
		c.discard(s)
	case errors.Is(err, ErrForgotten):
		c.giveUp([]Segment{s}) // whoever waited for it reads it
	} // after any other failed commit it may have been done all the same: the sweep knows
}

// begin is the moment that the flight counts as read at: now, and after every
// reading of the same cells, on a clock that stands still too.
func (c *Cache) begin(f *flight) (time.Time, error) {
	at := c.now()
	have, err := c.lists.live(f.ctx, f.key)
	if err != nil {
		return at, err
	}
	for _, s := range have {
		if overlap(s.Days, f.span.Days) && !s.FetchedAt.Before(at) {
			at = s.FetchedAt.Add(time.Microsecond)
		}
	}
	return at, nil
}

// land gives the outcome to the waiters, each of whom holds a pin of the
// segment from here on.
func (c *Cache) land(f *flight, s Segment, instead []string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f.ground()
	f.err, f.instead, f.landed = err, instead, true
	if (err == nil || errors.Is(err, ErrForgotten)) && instead == nil {
		f.segment = s
		if f.waiters > 0 {
			c.pins[s.ID] += f.waiters
		}
	}
	close(f.done)
}

// fetch reads the span from the source into a file of the store, with the
// control totals that the source gives. Rows that do not add up to them are
// fetched once more at once: most such reports were not complete yet. Where that
// fails the first ones stand.
func (c *Cache) fetch(f *flight, s Segment) (Segment, error) {
	s, err := c.measured(f, s)
	if err != nil || !broken(s.Checks) {
		return s, err
	}
	second := s
	if second.Place, err = newID(c.now()); err == nil {
		second, err = c.measured(f, second)
	}
	switch {
	case err == nil:
		c.discard(s)
		return second, nil
	case f.ctx.Err() != nil:
		c.discard(s)
		return s, err
	}
	c.o.Log.WarnContext(f.ctx, "rows that do not add up were not read again", "table", s.Table, "account", s.Account, "err", err)
	return s, nil
}

// measured makes an attempt and notes what it cost.
func (c *Cache) measured(f *flight, s Segment) (Segment, error) {
	began := c.o.Now()
	var err error
	if s.Rows, s.Bytes, s.Checks, err = c.attempt(f, s.place()); err == nil {
		c.meter.Add(context.WithoutCancel(f.ctx), s.Source, s.Table, Fetched{Cells: count(s.Days), Rows: s.Rows, Bytes: s.Bytes,
			Columns: len(s.Columns), Elapsed: c.o.Now().Sub(began)})
	}
	return s, err
}

// attempt asks for the account, the days and the columns, and narrows by nothing
// else (I3).
func (c *Cache) attempt(f *flight, place string) (rows, bytes int64, checks []Check, err error) {
	defer func() {
		if p := recover(); p != nil {
			c.o.Log.Error("a table panicked", "table", f.t.Name, "panic", p, "stack", string(debug.Stack()))
			err = fault.New(fault.Internal, "the table %s panicked: %v", f.t.Name, p)
		}
	}()
	columns := make([]tables.Column, len(f.span.Columns))
	for i, name := range f.span.Columns {
		columns[i] = *f.t.Lookup(name)
	}
	totals := newTally(f.t.Name, columns)
	scan := scanOf(f.t, f.span)
	scan.Totals = totals.Totals
	rows, bytes, err = c.o.Store.Write(f.ctx, place, columns, f.only(totals.watch(f.t.Scan(f.ctx, scan))))
	if err != nil {
		return 0, 0, nil, err
	}
	if f.ctx.Err() != nil {
		// A scan that ends quietly when it is cancelled has not said that there
		// are no more rows (I7).
		err = context.Cause(f.ctx)
	} else {
		checks, err = totals.checks()
	}
	if err != nil {
		c.remove([]string{place})
	}
	return rows, bytes, checks, err
}

// scanOf is what a source is asked for a span.
func scanOf(t tables.Table, span Span) tables.Scan {
	return tables.Scan{Table: t.Name, Account: span.Account, Days: span.Days, Columns: span.Columns}
}

// only passes the rows of the flight's own cells on. A scan may return more
// than was asked for (I1), but a row outside would be in two segments (I2). It
// is the table that counts in the trace what it fetched.
func (f *flight) only(rows iter.Seq2[tables.Row, error]) iter.Seq2[tables.Row, error] {
	day, _ := slices.BinarySearch(f.span.Columns, f.t.Day)
	account, _ := slices.BinarySearch(f.span.Columns, f.t.Account)
	return func(yield func(tables.Row, error) bool) {
		for row, err := range rows {
			if err != nil {
				yield(nil, err)
				return
			}
			if len(row) != len(f.span.Columns) {
				yield(nil, fault.New(fault.Internal, "the table %s gave a row of %d columns, %d were asked for", f.t.Name, len(row), len(f.span.Columns)))
				return
			}
			if f.t.Day != "" {
				d, ok := row[day].(tables.Day)
				if !ok {
					yield(nil, fault.New(fault.Broken, "the table %s gave a row without a day in %s", f.t.Name, f.t.Day))
					return
				}
				if !f.span.Days.Contains(d) {
					continue
				}
			}
			if f.t.Account != "" {
				if row[account] == nil {
					yield(nil, fault.New(fault.Broken, "the table %s gave a row without an account in %s", f.t.Name, f.t.Account))
					return
				}
				if text(row[account]) != f.span.Account {
					continue
				}
			}
			if !yield(row, nil) {
				return
			}
		}
	}
}

// text is an account id as accounts have it.
func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case int64:
		return strconv.FormatInt(v, 10)
	}
	return fmt.Sprint(v)
}

// commit makes the segment visible and retires what it supersedes. One that
// somebody else has overtaken, whose claim had run out, is not needed: others
// answer instead. One that was forgotten meanwhile is for those who waited for
// it and asked before, and for nobody else.
func (c *Cache) commit(f *flight, s *Segment) (instead []string, err error) {
	ctx := context.WithoutCancel(f.ctx) // what is fetched is paid for
	f.book.Lock()
	defer f.book.Unlock()
	have, err := c.lists.live(ctx, f.key)
	if err != nil {
		return nil, err
	}
	if by := overtakes(have, *s); by != nil {
		return by, nil
	}
	s.KnownAt = f.book.moment(c.now(), have)
	change := Change{Add: []Segment{*s}, Retire: superseded(have, *s), At: s.KnownAt, Claims: []string{f.id}, Last: true}
	err = c.o.Index.Commit(ctx, change)
	for late := new(LateError); errors.As(err, &late); err = c.o.Index.Commit(ctx, change) {
		if have, err = c.lists.live(ctx, f.key); err != nil {
			return nil, err
		}
		if by := overtakes(have, *s); by != nil {
			return by, nil
		}
		f.book.last = later(f.book.last, late.After)
		s.KnownAt = f.book.moment(c.now(), have)
		change.Add, change.Retire, change.At = []Segment{*s}, superseded(have, *s), s.KnownAt
	}
	if errors.Is(err, ErrForgotten) {
		s.KnownAt = time.Time{}
		return nil, err
	} else if err != nil {
		return nil, fmt.Errorf("commit segment %s: %w", s.ID, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bytes += s.Bytes
	for _, old := range have {
		if slices.Contains(change.Retire, old.ID) {
			c.history += old.Bytes
		}
	}
	return nil, nil
}

// moment is when a change of the book becomes known: after every one before, on
// a clock that stands still too, so that AS OF can tell them apart. The book is
// held.
func (b *book) moment(now time.Time, have []Segment) time.Time {
	for _, s := range have {
		b.last = later(b.last, s.KnownAt)
	}
	if !now.After(b.last) {
		now = b.last.Add(time.Microsecond)
	}
	b.last = now
	return now
}
