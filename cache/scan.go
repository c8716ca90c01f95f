package cache

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"time"

	"argo/tables"
	"argo/tables/fault"

	"golang.org/x/sync/errgroup"
)

// request is one scan on its way: what it has pinned and what it waits for.
type request struct {
	wish
	c      *Cache
	book   *book
	strict bool
	quiet  bool // nobody waits for it: it renews nothing else, and asks no more

	pinned  []string  // segments
	flights []*flight // own ones and joined ones
	looks   int
	cached  int64 // at the first look
	missed  int64

	mu        sync.Mutex
	took      map[string]bool // segments that were fetched for it: they answer however old it wants its cells to be
	forgotten int
	extra     []Segment // fetched for it, and forgotten before they could be committed
	refused   []refused
}

// refused are days that could not be fetched.
type refused struct {
	days tables.Days
	err  error
}

// newWish makes what the cache sees of a scan. now is in the account's calendar.
func newWish(source string, t tables.Table, s tables.Scan, now time.Time) (wish, error) {
	asked := fetched(s.Columns)
	columns, err := wanted(t, s, asked)
	if err != nil {
		return wish{}, err
	}
	return wish{
		t: t, want: Span{Source: source, Table: t.Name, Account: s.Account, Days: s.Days, Columns: columns},
		promise: promise{fresh: promisesOf(t, asked), settled: Settled(t), zone: now.Location(), now: now, maxAge: s.MaxAge},
		renew:   s.Renew,
	}, nil
}

// good says that a segment answers a cell of the request.
func (q *request) good(s Segment, day tables.Day) bool {
	q.mu.Lock()
	took := q.took[s.ID]
	q.mu.Unlock()
	if took {
		return true
	}
	if q.renew {
		return fetchedAt(s, day).After(q.now)
	}
	return q.promise.good(s, day) && !(q.early && q.due(s, day))
}

// denied says that a day could not be fetched, or must not be tried.
func (q *request) denied(day tables.Day) bool { return q.why(day) != nil }

func (q *request) why(day tables.Day) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, r := range q.refused {
		if holds(r.days, day) {
			return r.err
		}
	}
	return nil
}

func (q *request) refuse(days tables.Days, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.refused = append(q.refused, refused{days, err})
}

// looksMost bounds how often a request begins anew because others were quicker,
// or what it had fetched was evicted before it could be read.
const looksMost = 25

// answer plans and fetches what is missing until every cell is answered. What
// it gives is pinned until release.
func (q *request) answer(ctx context.Context) ([]Use, error) {
	for {
		use, wait, err := q.look(ctx)
		if err != nil || wait == nil {
			return use, err
		}
		if err := wait(ctx); err != nil {
			if ctx.Err() != nil {
				err = context.Cause(ctx)
			}
			return nil, err
		}
		if q.looks > looksMost {
			return nil, fault.New(fault.Unavailable, "what was fetched of %s%s is gone again before it can be read", q.t.Name, where(q.want)).
				WithHint("the byte budget of the cache may be too small: cache: {max_bytes: …}")
		}
	}
}

// look plans on the index as it is. It gives what answers, or what to wait for
// before the next look.
func (q *request) look(ctx context.Context) ([]Use, func(context.Context) error, error) {
	c := q.c
	q.looks++
	q.book.Lock()
	defer q.book.Unlock()
	have, err := c.lists.live(ctx, q.key())
	if err != nil {
		return nil, nil, err
	}
	have = slices.Concat(have, q.extra)
	costs := c.meter.Costs(ctx, q.want.Source, q.want.Table)

	c.mu.Lock()
	ways := q.ways()
	s := q.survey(have, ways, costs, q.good, q.denied)
	q.pin(s.use)
	aboard := q.aboard(ctx, s.board)
	c.mu.Unlock()

	if len(s.fetch) > 0 && !q.renew {
		if err := c.faults.get(q.key(), background(ctx), c.o.Now()); err != nil {
			if !q.stands(err) {
				return nil, nil, err
			}
			for _, span := range s.fetch {
				q.refuse(span.Days, err)
			}
			if len(aboard) == 0 {
				s = q.survey(have, ways, costs, q.good, q.denied)
			}
			s.fetch = nil
		}
	}
	var claims []underway
	if len(s.fetch) > 0 {
		var own []*flight
		if own, claims, have, s, err = q.claim(ctx, aboard, costs); err != nil {
			return nil, nil, err
		}
		aboard = append(aboard, own...)
	}
	if q.looks == 1 {
		q.cached, q.missed = s.cached, s.missed
	}
	if len(aboard)+len(claims) > 0 {
		return nil, func(ctx context.Context) error { return q.wait(ctx, aboard, claims) }, nil
	}
	if len(s.refused) > 0 {
		use, err := q.standIn(have)
		return use, nil, err
	}
	return s.use, nil, nil
}

// ways are the fetches of this process that the request may wait for; c.mu is
// held. Who wants every cell read anew does not take what was read before.
func (q *request) ways() (out []underway) {
	for _, f := range q.book.flights {
		if !q.renew || q.quiet || !f.started {
			out = append(out, underway{f.span, f.id, f})
		}
	}
	return out
}

// pin keeps what answers from being evicted; c.mu is held.
func (q *request) pin(use []Use) {
	before := q.pinned
	q.pinned = nil
	for _, u := range use {
		if !slices.Contains(q.pinned, u.Segment.ID) {
			q.pinned = append(q.pinned, u.Segment.ID)
			q.c.pins[u.Segment.ID]++
		}
	}
	for _, id := range before {
		q.c.unpin(id)
	}
}

// aboard joins the flights that have not landed; c.mu is held.
func (q *request) aboard(ctx context.Context, ways []underway) (out []*flight) {
	for _, u := range ways {
		if u.flight == nil || u.flight.landed || !slices.Contains(q.book.flights, u.flight) {
			continue
		}
		if !slices.Contains(q.flights, u.flight) {
			q.c.join(ctx, u.flight)
			q.flights = append(q.flights, u.flight)
		}
		out = append(out, u.flight)
	}
	return out
}

// claim books what no process is fetching yet, in one transaction of the index,
// and lets it depart. It gives what to wait for, and what there is in the index
// by then. The book is held.
func (q *request) claim(ctx context.Context, aboard []*flight, costs Costs) (own []*flight, others []underway, have []Segment, s survey, err error) {
	c, k := q.c, q.key()
	now := c.now()
	var epoch int64
	var claims []Claim
	var failed error
	err = c.o.Index.Board(ctx, k.source, k.table, k.account, now, func(live []Segment, booked []Claim, n int64) []Claim {
		c.mu.Lock()
		ways := q.ways()
		c.mu.Unlock()
		for _, f := range aboard { // it may have landed badly since
			if !slices.ContainsFunc(ways, func(u underway) bool { return u.id == f.id }) {
				ways = append(ways, underway{f.span, f.id, f})
			}
		}
		if !q.renew || q.quiet {
			ways = append(ways, c.others(booked)...)
		}
		have = slices.Concat(live, q.extra)
		s = q.survey(have, ways, costs, q.good, q.denied)
		epoch = n
		claims, failed = c.claimsOf(s.fetch, now)
		return claims
	})
	if err = errors.Join(err, failed); err != nil {
		return nil, nil, nil, s, fmt.Errorf("read the index of %s: %w", q.t.Name, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	q.pin(s.use)
	c.claimed(claims)
	for _, claim := range claims {
		f := c.depart(ctx, q.book, q.t, claim, epoch)
		own = append(own, f)
	}
	q.flights = append(q.flights, own...)
	c.schedule(k.source, own)
	for _, u := range s.board {
		if u.flight == nil {
			others = append(others, u)
		}
	}
	return append(own, q.aboard(ctx, s.board)...), others, have, s, nil
}

// wait ends when every fetch has ended, here and elsewhere.
func (q *request) wait(ctx context.Context, flights []*flight, others []underway) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, f := range flights {
		group.Go(func() error {
			err := f.wait(ctx)
			select {
			case <-f.done:
				return q.landed(f, err)
			default:
				return err
			}
		})
	}
	for _, u := range others {
		group.Go(func() error {
			err := q.c.await(ctx, q.key(), u.id)
			if err == nil {
				q.mu.Lock()
				q.took[u.id] = true
				q.mu.Unlock()
			}
			return err
		})
	}
	return group.Wait()
}

// landed takes the outcome of a flight. What was forgotten while it was fetched
// is fetched once more; after that the statement, which began before, takes it.
func (q *request) landed(f *flight, err error) error {
	if q.stands(err) {
		q.refuse(f.span.Days, err)
		return nil
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case errors.Is(err, ErrForgotten):
		if q.forgotten++; q.forgotten > 1 && !slices.ContainsFunc(q.extra, func(s Segment) bool { return s.ID == f.id }) {
			q.extra = append(q.extra, f.segment)
			q.took[f.id] = true
		}
		return nil
	case err != nil:
		return err
	}
	q.took[f.id] = true
	for _, id := range f.instead {
		q.took[id] = true
	}
	return nil
}

// stands says that an older reading may answer after such an error.
func (q *request) stands(err error) bool {
	return err != nil && standsIn(err) && !q.strict && !q.renew && !q.quiet
}

// standIn lets the last reading answer the cells that could not be fetched. A
// cell that was never read, or that was forgotten, has none: that is an error.
func (q *request) standIn(have []Segment) ([]Use, error) {
	use, gaps := Plan(q.want, have, func(s Segment, day tables.Day) bool { return q.good(s, day) || q.denied(day) })
	if len(gaps) > 0 {
		for day := range cells(gaps[0].Days) {
			if err := q.why(day); err != nil {
				return nil, err
			}
		}
		return nil, fault.New(fault.Internal, "the days %s to %s of %s were neither fetched nor refused", gaps[0].Days.From, gaps[0].Days.To, q.t.Name)
	}
	q.c.mu.Lock()
	q.pin(use)
	q.c.mu.Unlock()
	return use, nil
}

// release lets go of everything.
func (q *request) release() {
	c := q.c
	c.mu.Lock()
	defer c.mu.Unlock()
	q.pin(nil)
	for _, f := range q.flights {
		c.leave(f)
	}
	q.flights = nil
}

// tell notes in the trace what the answer is made of and what is wrong with it.
func (q *request) tell(ctx context.Context, use []Use) {
	trace := tables.TraceOf(ctx)
	trace.Cells(q.cached, q.missed)
	var oldest time.Time // of the cells that could not be renewed
	var first error
	rows := int64(0)
	all := map[string]bool{}
	for _, u := range use {
		for _, p := range pieces(u) {
			trace.AsOf(p.FetchedAt)
			trace.Known(p.KnownAt)
			if broken(p.Checks) {
				span := q.want
				span.Days = p.Days
				trace.Warn(untied(span, p.Checks))
			}
		}
		if u.Days != u.Segment.Days {
			rows = -1
		} else if rows >= 0 && !all[u.Segment.ID] {
			rows += u.Segment.Rows
		}
		all[u.Segment.ID] = true
		if len(q.refused) == 0 {
			continue
		}
		for day := range cells(u.Days) {
			if err := q.why(day); err != nil && !q.good(u.Segment, day) {
				if at := fetchedAt(u.Segment, day); first == nil || at.Before(oldest) {
					oldest, first = at, err
				}
			}
		}
	}
	if first == nil {
		return
	}
	trace.Warn(q.stale(oldest, first))
	trace.Ended(tables.Outcome{Connection: q.want.Source, Table: q.want.Table, Account: q.want.Account,
		State: string(fault.Stale), Rows: rows, AsOf: oldest, Err: first})
}

// stale is the warning that older rows than promised answer.
func (q *request) stale(at time.Time, cause error) error {
	f := &fault.Error{Kind: fault.Stale, Err: cause, Message: fmt.Sprintf("rows of %s.%s%s are %s old (of %s UTC), since they cannot be renewed",
		q.want.Source, q.want.Table, where(Span{Account: q.want.Account}), old(q.now.Sub(at)), at.UTC().Format(time.DateTime))}
	if why := fault.As(cause); why != nil {
		f.Message += ": " + why.Message
		if f.RetryAfter = why.RetryAfter; f.RetryAfter > 0 {
			f.Hint = fmt.Sprintf("asked again from %s UTC on", q.now.Add(f.RetryAfter).UTC().Format(time.DateTime))
		}
	}
	return f
}

// old writes an age for a sentence.
func old(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return many(int(max(d, 0)/time.Second), "second")
	case d < 2*time.Hour:
		return many(int(d/time.Minute), "minute")
	case d < 48*time.Hour:
		return many(int(d/time.Hour), "hour")
	}
	return many(int(d/(24*time.Hour)), "day")
}

// revalidate renews in the background what will expire soon.
func (q *request) revalidate(ctx context.Context, use []Use) {
	c := q.c
	if q.renew || q.quiet || background(ctx) || !slices.ContainsFunc(use, func(u Use) bool {
		for day := range cells(u.Days) {
			if q.due(u.Segment, day) {
				return true
			}
		}
		return false
	}) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || q.book.renewing || c.renewing >= renewMost || c.faults.get(q.key(), true, c.o.Now()) != nil {
		return // whoever asks next sees to it
	}
	q.book.renewing = true
	if c.renewing++; c.calm == nil {
		c.calm = make(chan struct{})
	}
	own := &request{wish: q.wish, c: c, book: q.book, quiet: true, took: map[string]bool{}}
	own.early = true
	c.wg.Go(func() {
		ctx := tables.WithTrace(tables.WithPurpose(c.ctx, tables.Refreshing), nil)
		_, err := own.answer(ctx)
		own.release()
		c.mu.Lock()
		own.book.renewing = false
		if c.renewing--; c.renewing == 0 {
			close(c.calm)
			c.calm = nil
		}
		c.mu.Unlock()
		if err != nil && c.ctx.Err() == nil {
			c.o.Log.Warn("cells were not renewed before they expire", "source", own.want.Source, "table", own.want.Table, "account", own.want.Account, "err", err)
		}
	})
}

// Calm waits until nothing is renewed in the background of earlier scans.
func (c *Cache) Calm(ctx context.Context) error {
	c.mu.Lock()
	calm := c.calm
	c.mu.Unlock()
	if calm == nil {
		return nil
	}
	select {
	case <-calm:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// renewMost is how many tables and accounts are renewed in the background at
// once, those that wait for their turn included.
const renewMost = 256

// serve answers a scan with files.
func (q *request) serve(ctx context.Context, own []string) ([]tables.File, error) {
	for try := 0; ; try++ {
		use, err := q.answer(ctx)
		if err != nil {
			return nil, err
		}
		files, lost, err := q.c.files(ctx, &q.wish, use, own)
		if err == nil {
			q.tell(ctx, use)
			q.c.touch(ctx, use)
			q.revalidate(ctx, use)
			return files, nil
		}
		// The index knows a file that is gone: somebody emptied the folder. Give
		// the segment up, so that its cells are gaps again.
		if !errors.Is(err, fs.ErrNotExist) || lost.ID == "" || try == 3 {
			return nil, err
		}
		q.c.o.Log.WarnContext(ctx, "a segment's file is gone; its cells are fetched again", "segment", lost.ID, "table", q.t.Name)
		if err := q.c.lose(ctx, lost); err != nil {
			return nil, err
		}
	}
}
