package cache

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"argo/tables"
	"argo/tables/fault"
)

// piece is one account and one range of days of a job.
type piece struct {
	account string
	days    tables.Days
	cells   int64
	tries   int
}

// longest range of a piece of a table that has no limit of its own: a call each
// for a quarter, and little is lost with a process.
const pieceDays = 92

// patience of a job with a source that is down: beyond so many failures of one
// piece in a row, over more than half a day, it fails.
const pieceTries = 50

// fill reads what a backfill or a refresh asks for, the newest days of all
// accounts first. Accounts that cannot be read are left out and named in the
// end; one that is throttled or down is tried again while the others go on.
func (w *Worker) fill(ctx context.Context, r *running, t tables.Table, o orderOptions) error {
	j := r.now()
	ctx = tables.WithPurpose(ctx, tables.Backfilling)
	if j.Kind == KindRefresh {
		w.o.Cache.relist(j.Source)
	}
	var accounts []tables.Account
	err := w.endure(ctx, r, func() (err error) {
		accounts, err = w.accounts(r.urgent(ctx), t, o.Accounts)
		return err
	})
	if err != nil {
		return err
	}
	var pieces []*piece
	for _, days := range w.chunks(t, j.Days) {
		for _, a := range accounts {
			p := &piece{account: a.ID, days: days, cells: 1}
			if t.Day != "" {
				p.cells = int64(days.Len())
				p.days.To = min(p.days.To, tables.DayOf(w.o.Cache.o.Now().In(a.Location())))
			}
			pieces = append(pieces, p)
		}
	}
	total := int64(0)
	for _, p := range pieces {
		total += p.cells
	}
	done := int64(0) // by this process, or known to be done already
	look := func(p *piece) {
		done += p.cells
		r.change(func(j *Job) { j.Done = max(j.Done, done) })
	}
	r.change(func(j *Job) { j.Cells = total })

	type outcome struct {
		p   *piece
		err error
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan outcome)
	parked := map[string]time.Time{} // by account
	waits := map[string]error{}      // why
	failed := map[string]error{}     // accounts that are left out
	flying := 0
	for len(pieces) > 0 || flying > 0 {
		now := w.now()
		next := time.Time{}
		for i := 0; i < len(pieces) && flying < abreast; i++ {
			p := pieces[i]
			if at := parked[p.account]; at.After(now) {
				if next.IsZero() || at.Before(next) {
					next = at
				}
				continue
			}
			pieces = slices.Delete(pieces, i, i+1)
			i--
			if failed[p.account] != nil {
				look(p)
				continue
			}
			flying++
			wg.Go(func() {
				err := w.piece(ctx, r, t, o, p)
				select {
				case ended <- outcome{p, err}:
				case <-ctx.Done():
				}
			})
		}
		if flying == 0 {
			if len(pieces) == 0 {
				break
			}
			if err := w.o.Sleep(ctx, min(next.Sub(now), time.Minute)); err != nil {
				return context.Cause(ctx)
			}
			continue
		}
		var got outcome
		select {
		case got = <-ended:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		flying--
		kind := fault.KindOf(got.err)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case got.err == nil:
			look(got.p)
			delete(waits, got.p.account)
		case passing(kind):
			// Its turn comes again in the order of its day.
			got.p.tries++
			if got.p.tries >= pieceTries && kind != fault.Throttled {
				return got.err
			}
			at := w.now().Add(pauseOf(got.err, got.p.tries))
			parked[got.p.account], waits[got.p.account] = at, got.err
			pieces = slices.Insert(pieces, 0, got.p)
		case got.p.account != "" && (kind == fault.Denied || kind == fault.NotFound):
			failed[got.p.account] = got.err
			look(got.p)
		default:
			return got.err
		}
		r.change(func(j *Job) { j.Error = waiting(waits, parked) })
	}
	if len(failed) == 0 {
		return nil
	}
	ids := make([]string, 0, len(failed))
	for id := range failed {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	first := failed[ids[0]]
	if len(failed) == len(accounts) {
		return first
	}
	r.change(func(j *Job) {
		j.Error = fmt.Sprintf("%d of %d accounts cannot be read (%s): %v", len(failed), len(accounts), clipList(ids, 10), first)
	})
	return nil
}

// waiting says for whom a job waits, and why.
func waiting(why map[string]error, until map[string]time.Time) string {
	first := ""
	for account := range why {
		if first == "" || until[account].Before(until[first]) || until[account].Equal(until[first]) && account < first {
			first = account
		}
	}
	switch len(why) {
	case 0:
		return ""
	case 1:
		return fmt.Sprintf("account %s waits until %s UTC: %v", first, until[first].Format(time.DateTime), why[first])
	}
	return fmt.Sprintf("%d accounts wait, %s until %s UTC: %v", len(why), first, until[first].Format(time.DateTime), why[first])
}

// chunks cuts the days of a job as the source takes them, the newest first.
func (w *Worker) chunks(t tables.Table, days tables.Days) []tables.Days {
	if t.MaxDays > 0 {
		return days.Chunks(t.MaxDays)
	}
	return days.Chunks(pieceDays)
}

// accounts of a job: those named, which the source must have, or all.
func (w *Worker) accounts(ctx context.Context, t tables.Table, named []string) ([]tables.Account, error) {
	if t.Account == "" || t.Accounts == nil {
		return []tables.Account{{}}, nil
	}
	all, err := t.Accounts(ctx)
	if err != nil || len(named) == 0 {
		return all, err
	}
	var out []tables.Account
	for _, id := range named {
		i := slices.IndexFunc(all, func(a tables.Account) bool { return a.ID == id })
		if i < 0 {
			return nil, fault.New(fault.NotFound, "there is no account %q", id).WithHint("SELECT id, name FROM argo.accounts")
		}
		out = append(out, all[i])
	}
	return out, nil
}

// zone is the calendar of an account.
func (w *Worker) zone(ctx context.Context, source string, t tables.Table, account string) (*time.Location, error) {
	raw, ok := w.o.Cache.shelf.get(source, t.Name)
	if !ok {
		return time.UTC, nil
	}
	return w.o.Cache.calendar(ctx, source, raw, account)
}

// piece fetches what its cells lack.
func (w *Worker) piece(ctx context.Context, r *running, t tables.Table, o orderOptions, p *piece) error {
	j := r.now()
	if t.Day != "" && p.days.From > p.days.To {
		return nil // not yet there
	}
	have, err := w.o.Cache.lists.live(ctx, key{j.Source, j.Table, p.account})
	if err != nil {
		return err
	}
	zone, err := w.zone(ctx, j.Source, t, p.account)
	if err != nil {
		return err
	}
	since := func(s Segment, day tables.Day) bool { return !fetchedAt(s, day).Before(j.CreatedAt) }
	columns, good := withKey(t, o.Columns), since
	if j.Kind == KindBackfill {
		switch {
		case o.Any:
			good = func(Segment, tables.Day) bool { return true }
			columns = withKey(t, nil)
		case len(o.Columns) == 0:
			columns = everything(t)
		}
		if !o.Any {
			promised := w.promise(t, columns, zone, w.o.Cache.o.Now(), 0)
			good = func(s Segment, day tables.Day) bool { return since(s, day) || promised.good(s, day) }
		}
	} else if len(o.Columns) == 0 {
		// What is cached of these days, as long as it goes together.
		for _, s := range have {
			if overlap(s.Days, p.days) {
				columns = append(columns, s.Columns...)
			}
		}
		columns = slices.DeleteFunc(sorted(columns), func(name string) bool { return t.Lookup(name) == nil || ownColumn(name) })
		if len(columns) <= len(withKey(t, nil)) || !together(t, columns) {
			columns = everything(t)
		}
	}
	_, gaps := Plan(Span{Source: j.Source, Table: j.Table, Account: p.account, Days: p.days, Columns: columns}, have, good)
	if o.Any {
		columns = everything(t)
	}
	for _, g := range mergeDays(gaps) {
		if err := w.fetchGap(r.urgent(ctx), r, t, tables.Scan{Table: j.Table, Account: p.account, Days: g, Columns: columns, Renew: j.Kind == KindRefresh, Strict: true}); err != nil {
			return err
		}
	}
	return nil
}

// fetchGap reads cells through the table and counts what that took.
func (w *Worker) fetchGap(ctx context.Context, r *running, t tables.Table, s tables.Scan) error {
	trace := &tables.Trace{}
	_, release, err := t.Files(tables.WithTrace(ctx, trace), s)
	if err == nil && release != nil {
		release()
	}
	cost := trace.Cost()
	r.change(func(j *Job) { j.Calls += cost.Calls; j.Rows += cost.RowsFetched })
	return err
}

// urgent gives the purpose of a job's calls: for people while somebody waits.
func (r *running) urgent(ctx context.Context) context.Context {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.waiting > 0 && r.job.Kind == KindRefresh:
		return tables.WithPurpose(ctx, tables.Asking)
	case r.job.Kind == KindBackfill:
		return tables.WithPurpose(ctx, tables.Backfilling)
	}
	return tables.WithPurpose(ctx, tables.Refreshing)
}

// endure tries again what fails in passing.
func (w *Worker) endure(ctx context.Context, r *running, f func() error) error {
	for tries := 1; ; tries++ {
		err := f()
		kind := fault.KindOf(err)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err == nil || !passing(kind) || tries >= pieceTries && kind != fault.Throttled {
			return err
		}
		pause := pauseOf(err, tries)
		r.change(func(j *Job) {
			j.Error = fmt.Sprintf("waits until %s UTC: %v", w.now().Add(pause).Format(time.DateTime), err)
		})
		if err := w.o.Sleep(ctx, pause); err != nil {
			return context.Cause(ctx)
		}
	}
}

func passing(k fault.Kind) bool {
	return k == fault.Throttled || k == fault.Unavailable || k == fault.Timeout || k == fault.Stale
}

// pauseOf is how long to leave a source alone: as it says, or longer and longer.
func pauseOf(err error, tries int) time.Duration {
	if f := fault.As(err); f != nil && f.RetryAfter > 0 {
		return f.RetryAfter
	}
	return min(15*time.Second<<min(tries, 10), 15*time.Minute)
}

// lacksHistory says whether a table lacks a cell of days before today, with
// whatever columns. It makes no call: where no accounts are remembered, it does.
func (w *Worker) lacksHistory(ctx context.Context, source string, t tables.Table, days tables.Days) (bool, error) {
	accounts := []tables.Account{{}}
	if t.Account != "" {
		list, at, err := w.o.Cache.Accounts(ctx, source)
		if err != nil {
			return false, fmt.Errorf("read the accounts of %s: %w", source, err)
		}
		if at.IsZero() {
			return true, nil
		}
		accounts = list
	}
	for _, a := range accounts {
		days := tables.Days{From: days.From, To: min(days.To, tables.DayOf(w.o.Cache.o.Now().In(a.Location())).Add(-1))}
		if days.From > days.To {
			continue
		}
		have, err := w.o.Cache.lists.live(ctx, key{source, t.Name, a.ID})
		if err != nil {
			return false, err
		}
		_, gaps := Plan(Span{Source: source, Table: t.Name, Account: a.ID, Days: days, Columns: withKey(t, nil)}, have, func(Segment, tables.Day) bool { return true })
		if len(gaps) > 0 {
			return true, nil
		}
	}
	return false, nil
}

// ownColumn says whether a column is the cache's own, which nobody fetches.
func ownColumn(name string) bool { return strings.HasPrefix(name, "_") }

// withKey gives columns with those that every fetch holds, sorted.
func withKey(t tables.Table, columns []string) []string {
	out := append(slices.Clone(columns), t.Key...)
	for _, name := range []string{t.Account, t.Day} {
		if name != "" {
			out = append(out, name)
		}
	}
	if len(out) == 0 {
		out = append(out, t.Columns[0].Name)
	}
	return sorted(out)
}

// everything gives the columns that can be had in one reply, in the order of
// the table where they exclude each other.
func everything(t tables.Table) []string {
	t.Columns = slices.DeleteFunc(slices.Clone(t.Columns), func(c tables.Column) bool { return ownColumn(c.Name) })
	return compatible(t, withKey(t, nil))
}

// promisesOf gives the freshness of every group that columns are of.
func promisesOf(t tables.Table, columns []string) []tables.Freshness {
	out := []tables.Freshness{}
	seen := map[string]bool{}
	for _, name := range columns {
		c := t.Lookup(name)
		if c == nil || seen[c.Group] || name == t.Account || name == t.Day || slices.Contains(t.Key, name) {
			continue
		}
		seen[c.Group] = true
		f, ok := t.Groups[c.Group]
		if !ok {
			f = t.Fresh
		}
		out = append(out, f)
	}
	if len(out) == 0 {
		out = append(out, t.Fresh)
	}
	return out
}

// promise of a table for columns, at a moment.
func (w *Worker) promise(t tables.Table, columns []string, zone *time.Location, at time.Time, maxAge time.Duration) promise {
	return promise{fresh: promisesOf(t, columns), settled: Settled(t), zone: zone, now: at.In(zone), maxAge: maxAge}
}

// fetchedAt is when a segment's cell was read.
func fetchedAt(s Segment, day tables.Day) time.Time {
	for _, p := range s.Parts {
		if holds(p.Days, day) {
			return p.FetchedAt
		}
	}
	return s.FetchedAt
}

// mergeDays joins gaps that touch, the newest first, whatever columns each has.
func mergeDays(gaps []Span) (out []tables.Days) {
	for _, g := range gaps {
		if n := len(out) - 1; n >= 0 && g.Days.To.Add(1) == out[n].From {
			out[n].From = g.Days.From
			continue
		}
		out = append(out, g.Days)
	}
	return out
}

// clipList writes the first of some names.
func clipList(names []string, n int) string {
	if len(names) <= n {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:n], ", ") + " …"
}

// warm reads what is about to be asked for, and would have expired by then: as
// the ask itself would, at its time, so that it costs the same calls.
func (w *Worker) warm(ctx context.Context, r *running, t tables.Table, o orderOptions) error {
	if o.At == nil || w.now().After(*o.At) {
		return nil // whoever asks has asked
	}
	var first error
	for _, a := range o.Asks {
		trace := &tables.Trace{}
		s := tables.Scan{Table: t.Name, Account: a.Account, Days: a.Days, Columns: a.Columns, MaxAge: a.MaxAge}
		err := w.o.Cache.ahead(tables.WithTrace(r.urgent(ctx), trace), r.now().Source, s, *o.At)
		cost := trace.Cost()
		r.change(func(j *Job) { j.Done++; j.Calls += cost.Calls; j.Rows += cost.RowsFetched })
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil && first == nil {
			first = err // who asks is told; the next one may do
		}
	}
	return first
}

// ahead fetches what a scan would find expired at a moment to come.
func (c *Cache) ahead(ctx context.Context, source string, s tables.Scan, at time.Time) error {
	t, ok := c.shelf.get(source, s.Table)
	if !ok {
		return fault.New(fault.NotFound, "there is no table %s.%s any more", source, s.Table)
	}
	zone, err := c.calendar(ctx, source, t, s.Account)
	if err != nil {
		return err
	}
	w, err := newWish(source, t, s, at.In(zone))
	if err != nil {
		return err
	}
	q := &request{wish: w, c: c, book: c.book(w.key()), quiet: true, took: map[string]bool{}}
	_, err = q.answer(ctx)
	q.release()
	return err
}

// ask is one scan that is expected.
type ask struct {
	Account string        `json:"account,omitempty"`
	Days    tables.Days   `json:"days,omitzero"`
	Columns []string      `json:"columns"`
	MaxAge  time.Duration `json:"max_age,omitempty"`
}

// expires says whether a cell of an ask will not be good at a moment.
func (w *Worker) expires(ctx context.Context, source string, t tables.Table, a ask, zone *time.Location, at time.Time) (bool, error) {
	have, err := w.o.Cache.lists.live(ctx, key{source, t.Name, a.Account})
	if err != nil {
		return false, err
	}
	want := Span{Source: source, Table: t.Name, Account: a.Account, Days: a.Days, Columns: withKey(t, a.Columns)}
	_, gaps := Plan(want, have, w.promise(t, a.Columns, zone, at, a.MaxAge).good)
	return len(gaps) > 0, nil
}

func marshal(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return "" // texts, numbers and times only
	}
	return string(text)
}
