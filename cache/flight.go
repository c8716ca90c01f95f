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

	"github.com/oklog/ulid/v2"
)

// flight is one fetch under way: one account, at most MaxDays days, one report
// of the source, one segment. Whoever needs one of its cells waits for it. It
// lives on a context of its own, which ends when nobody waits any more, so a
// statement that is killed never fails another. All fields but span and done
// are guarded by Cache.mu until done is closed.
type flight struct {
	book   *book
	t      tables.Table
	span   Span
	epoch  int64
	ctx    context.Context
	cancel context.CancelFunc
	done   chan struct{}

	waiters int
	landed  bool // done is closed
	segment Segment
	err     error
}

// depart makes a flight with one waiter, the caller; c.mu and the book are
// held. The flight keeps the trace of its first waiter: who asks first pays.
func (c *Cache) depart(ctx context.Context, b *book, t tables.Table, span Span, epoch int64) *flight {
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	f := &flight{book: b, t: t, span: span, epoch: epoch, ctx: own, cancel: cancel, done: make(chan struct{}), waiters: 1}
	b.flights = append(b.flights, f)
	return f
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
func (c *Cache) leave(f *flight) (gone []string) {
	switch {
	case f.landed && f.err == nil:
		return c.unpin(f.segment.ID)
	case f.landed:
		return nil
	}
	if f.waiters--; f.waiters == 0 {
		f.ground()
		f.cancel()
	}
	return nil
}

// ground takes the flight off the board: nobody joins it any more. c.mu is
// held.
func (f *flight) ground() {
	f.book.flights = slices.DeleteFunc(f.book.flights, func(o *flight) bool { return o == f })
}

// lane bounds what runs at once at one source. The requests that wait for it
// take turns, so that a year of history does not stand before a single day.
type lane struct {
	running int
	queue   [][]*flight // one slice per request, newest days first
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
	l.queue = append(l.queue, flights)
	c.pump(l)
}

// pump starts what the lane has room for; c.mu is held.
func (c *Cache) pump(l *lane) {
	for l.running < c.o.Parallel && len(l.queue) > 0 {
		turn := l.queue[0]
		l.queue = l.queue[1:]
		f := turn[0]
		if len(turn) > 1 {
			l.queue = append(l.queue, turn[1:])
		}
		if f.waiters == 0 { // given up while it waited
			f.cancel()
			continue
		}
		l.running++
		c.wg.Go(func() {
			defer f.cancel()
			c.fly(f)
			c.mu.Lock()
			defer c.mu.Unlock()
			l.running--
			c.pump(l)
		})
	}
}

// fly fetches, commits and lands. The flight holds a pin of its segment from
// before the file exists until the waiters have theirs: between them nothing
// takes the file for an orphan, supersedes it or evicts it.
func (c *Cache) fly(f *flight) {
	at := c.o.Now().UTC().Truncate(time.Microsecond)
	id, err := ulid.New(ulid.Timestamp(at), ulid.DefaultEntropy())
	if err != nil {
		c.land(f, Segment{}, fmt.Errorf("make the id of a segment: %w", err))
		return
	}
	s := Segment{ID: id.String(), Span: f.span, FetchedAt: at, UsedAt: at, Epoch: f.epoch}
	c.mu.Lock()
	c.pins[s.ID]++
	c.mu.Unlock()

	var drop []string
	if s.Rows, s.Bytes, err = c.fetch(f, s.ID); err == nil {
		if drop, err = c.commit(f, s); err != nil {
			drop = []string{s.ID}
		}
	}
	c.land(f, s, err)
	c.retire(drop)
	c.mu.Lock()
	gone := c.unpin(s.ID)
	c.mu.Unlock()
	c.remove(gone)
	if err == nil {
		c.keepBudget()
	}
}

// land gives the outcome to the waiters, each of whom holds a pin of the
// segment from here on.
func (c *Cache) land(f *flight, s Segment, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f.ground()
	f.segment, f.err, f.landed = s, err, true
	if err == nil && f.waiters > 0 {
		c.pins[s.ID] += f.waiters
	}
	close(f.done)
}

// fetch reads the span from the source into a file of the store. It asks for
// the account, the days and the columns, and narrows by nothing else (I3).
func (c *Cache) fetch(f *flight, id string) (rows, bytes int64, err error) {
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
	scan := tables.Scan{Table: f.t.Name, Account: f.span.Account, Days: f.span.Days, Columns: f.span.Columns}
	rows, bytes, err = c.o.Store.Write(f.ctx, id, columns, f.only(f.t.Scan(f.ctx, scan)))
	if err == nil && f.ctx.Err() != nil {
		// A scan that ends quietly when it is cancelled has not said that there
		// are no more rows (I7).
		c.remove([]string{id})
		err = context.Cause(f.ctx)
	}
	return rows, bytes, err
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

// commit makes the segment visible and drops what it supersedes. A segment
// that was forgotten meanwhile is kept for its waiters, who asked before, and
// for nobody else.
func (c *Cache) commit(f *flight, s Segment) (drop []string, err error) {
	ctx := context.WithoutCancel(f.ctx) // what is fetched is paid for
	f.book.Lock()
	defer f.book.Unlock()
	have, err := c.o.Index.Segments(ctx, s.Source, s.Table, s.Account)
	if err != nil {
		return nil, fmt.Errorf("read the index of %s: %w", s.Table, err)
	}
	drop = superseded(have, s)
	if err := c.o.Index.Commit(ctx, Change{Add: []Segment{s}, Drop: drop}); errors.Is(err, ErrForgotten) {
		return []string{s.ID}, nil // removed by its last reader
	} else if err != nil {
		return nil, fmt.Errorf("commit segment %s: %w", s.ID, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bytes += s.Bytes
	for _, old := range have {
		if slices.Contains(drop, old.ID) {
			c.bytes -= old.Bytes
		}
	}
	return drop, nil
}
