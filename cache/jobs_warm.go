package cache

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"hash/fnv"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"argo/tables"
)

const (
	habitKeep   = 3 * 24 * time.Hour // what was not asked for that long is forgotten
	habitTimes  = 8                  // asks that are remembered of each
	habitMost   = 20_000
	habitSave   = time.Minute
	habitOnce   = time.Minute      // asks this close are one: a dashboard has several panels
	habitFast   = 2 * time.Minute  // what comes more often is kept by the renewal inside the promise
	habitAhead  = 90 * time.Second // how long before it is expected an ask is warmed, at most
	habitMisses = 2 * time.Minute  // how far the intervals may differ, at least
)

// habits are what people asked for of late: for each table, account and set of
// columns, the days in relation to today, and when.
type habits struct {
	mu      sync.Mutex
	of      map[string]*habit
	changed map[string]bool
	saved   time.Time
	known   bool // those of earlier processes are read
}

// habit is one of them.
type habit struct {
	Source, Table, Account string
	Columns                []string
	MaxAge                 time.Duration `json:",omitempty"`
	// Ahead is how many days before today the range ends; Days is the last range
	// and Moves says that its beginning moved on when a day passed.
	Ahead int         `json:",omitempty"`
	Days  tables.Days `json:",omitzero"`
	Fixed bool        `json:",omitempty"`
	Times []time.Time // the oldest first

	warmed time.Time // the expected ask that was last taken care of
	due    time.Time // when to do so for the next; zero: there is no next
}

// asked remembers a scan that a person's statement has made. now is in the
// account's calendar.
func (h *habits) asked(ctx context.Context, source string, s tables.Scan, now time.Time) {
	if tables.PurposeOf(ctx) != tables.Asking || s.Renew || !s.AsOf.IsZero() {
		return
	}
	ahead := 0
	if !s.Days.IsZero() {
		ahead = tables.DayOf(now).Sub(s.Days.To)
	}
	columns := slices.DeleteFunc(sorted(slices.Clone(s.Columns)), ownColumn)
	k := fnv.New128a()
	for _, text := range append([]string{source, s.Table, s.Account, time.Duration(ahead).String(), s.MaxAge.String()}, columns...) {
		_, _ = k.Write([]byte(text + "\n"))
	}
	key := hex.EncodeToString(k.Sum(nil))
	now = now.UTC().Truncate(time.Microsecond)

	h.mu.Lock()
	defer h.mu.Unlock()
	if h.of == nil {
		h.of, h.changed = map[string]*habit{}, map[string]bool{}
	}
	one := h.of[key]
	if one == nil {
		if len(h.of) >= habitMost {
			h.forgetOldest()
		}
		one = &habit{Source: source, Table: s.Table, Account: s.Account, Columns: columns, MaxAge: s.MaxAge, Ahead: ahead}
		h.of[key] = one
	}
	h.changed[key] = true
	n := len(one.Times)
	if n > 0 && now.Sub(one.Times[n-1]) < habitOnce {
		one.Days.From = min(one.Days.From, s.Days.From) // another panel of the same
		return
	}
	if n > 0 && !s.Days.IsZero() && s.Days.To != one.Days.To {
		one.Fixed = s.Days.From == one.Days.From // month to date, not the last 28 days
	}
	one.Days = s.Days
	one.Times = append(one.Times[max(0, n-habitTimes+1):], now)
	one.plan(now)
}

func (h *habits) forgetOldest() {
	oldest, at := "", time.Time{}
	for key, one := range h.of {
		if t := one.Times[len(one.Times)-1]; oldest == "" || t.Before(at) {
			oldest, at = key, t
		}
	}
	delete(h.of, oldest)
	delete(h.changed, oldest)
}

// plan says when to take care of the next ask.
func (one *habit) plan(now time.Time) {
	one.due = time.Time{}
	next, period, ok := one.next()
	if !ok || !next.After(now) || next.Equal(one.warmed) {
		return
	}
	one.due = next.Add(-min(habitAhead, period/4))
}

// next predicts the next ask. The asks are regular where the last intervals are
// multiples of the shortest of them: a dashboard that is reloaded each hour of
// the working day is, over the night too.
func (one *habit) next() (at time.Time, period time.Duration, ok bool) {
	n := len(one.Times)
	if n < 3 {
		return at, 0, false
	}
	times := one.Times[max(0, n-5):]
	period = time.Duration(math.MaxInt64)
	for i := 1; i < len(times); i++ {
		period = min(period, times[i].Sub(times[i-1]))
	}
	if period < habitFast {
		return at, period, false
	}
	slack := max(habitMisses, period/16)
	slack = min(slack, period/4)
	var sum time.Duration
	var steps int64
	for i := 1; i < len(times); i++ {
		d := times[i].Sub(times[i-1])
		k := int64(math.Round(float64(d) / float64(period)))
		if off := d - time.Duration(k)*period; off > slack || off < -slack {
			return at, period, false
		}
		if k == 1 {
			sum, steps = sum+d, steps+1
		}
	}
	if steps < 2 {
		return at, period, false
	}
	period = sum / time.Duration(steps)
	return times[len(times)-1].Add(period), period, true
}

// expects gives the scan that is expected at a moment in the account's calendar.
func (one *habit) expects(at time.Time, since tables.Day) ask {
	a := ask{Account: one.Account, Columns: one.Columns, MaxAge: one.MaxAge, Days: one.Days}
	if one.Days.IsZero() {
		return a
	}
	a.Days.To = tables.DayOf(at).Add(-one.Ahead)
	if !one.Fixed {
		a.Days.From = one.Days.From.Add(a.Days.To.Sub(one.Days.To))
	}
	a.Days.From = max(a.Days.From, since)
	return a
}

// due queues the warmings whose time has come, one job for each table, and says
// how long it is until the next.
func (h *habits) due(ctx context.Context, w *Worker, now time.Time) (next time.Duration) {
	type batch struct {
		at   time.Time
		asks []*habit
	}
	ready := map[string]*batch{}
	next = time.Hour
	h.mu.Lock()
	for key, one := range h.of {
		last := one.Times[len(one.Times)-1]
		if now.Sub(last) > habitKeep {
			delete(h.of, key)
			delete(h.changed, key)
			continue
		}
		switch {
		case one.due.IsZero():
		case one.due.After(now):
			next = min(next, one.due.Sub(now))
		default:
			at, _, _ := one.next()
			one.due, one.warmed = time.Time{}, at
			if !at.After(now) {
				continue // slept through it
			}
			name := one.Source + "." + one.Table
			b := ready[name]
			if b == nil {
				b = &batch{}
				ready[name] = b
			}
			if at.After(b.at) {
				b.at = at
			}
			b.asks = append(b.asks, one)
		}
	}
	save := len(h.changed) > 0 && now.Sub(h.saved) >= habitSave
	h.mu.Unlock()
	if save {
		h.save(ctx, w)
	}
	for name, b := range ready {
		w.queueWarm(ctx, name, b.at, b.asks, now)
	}
	return next
}

// queueWarm makes a job of what will have expired; of nothing none is made.
// Two processes that expect the same make one job of it.
func (w *Worker) queueWarm(ctx context.Context, name string, at time.Time, expected []*habit, now time.Time) {
	ctx = tables.WithPurpose(ctx, tables.Refreshing)
	source, table, _ := strings.Cut(name, ".")
	t, ok := w.table(source, table)
	if !ok {
		return
	}
	at = at.Truncate(time.Minute).Add(time.Minute) // a minute later than predicted is in time
	j := Job{Kind: KindWarm, Source: source, Table: table, State: Queued, By: "argo", CreatedAt: now, UpdatedAt: now}
	var asks []ask
	for _, one := range expected {
		zone, err := w.zone(ctx, source, t, one.Account)
		var a ask
		expires := false
		if err == nil {
			a = one.expects(at.In(zone), t.Since)
			expires, err = w.expires(ctx, source, t, a, zone, at)
		}
		if err != nil && ctx.Err() == nil {
			w.log().WarnContext(ctx, "what is about to be asked for was not looked up", "table", name, "err", err)
		}
		if err != nil || !expires {
			continue
		}
		asks = append(asks, a)
		if j.Days.From == "" || a.Days.From < j.Days.From {
			j.Days.From = a.Days.From
		}
		j.Days.To = max(j.Days.To, a.Days.To)
	}
	if len(asks) == 0 {
		return
	}
	slices.SortFunc(asks, func(a, b ask) int { return strings.Compare(marshal(a), marshal(b)) })
	j.Cells = int64(len(asks))
	j.Options = marshal(orderOptions{At: &at, Asks: asks})
	var err error
	if j.ID, err = fixedID(at, KindWarm, name, j.Options); err == nil {
		err = w.o.Jobs.Add(ctx, j)
	}
	if err != nil && ctx.Err() == nil {
		w.log().WarnContext(ctx, "a warming was not queued", "table", name, "err", err)
	}
}

// recall reads what earlier processes were asked for, once.
func (h *habits) recall(ctx context.Context, w *Worker) {
	h.mu.Lock()
	known := h.known
	h.known = true
	h.mu.Unlock()
	if known {
		return
	}
	list, err := w.o.Jobs.Habits(ctx)
	if err != nil {
		if ctx.Err() == nil {
			w.log().WarnContext(ctx, "what was asked for of late was not read", "err", err)
		}
		return
	}
	now := w.now()
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.of == nil {
		h.of, h.changed = map[string]*habit{}, map[string]bool{}
	}
	for _, k := range list {
		one := &habit{}
		if json.Unmarshal(k.Text, one) != nil || len(one.Times) == 0 || now.Sub(k.At) > habitKeep || len(h.of) >= habitMost {
			continue // another version's, or long ago
		}
		if since := h.of[k.Key]; since != nil { // asked for before this was read
			since.Times = append(one.Times, since.Times...)
			since.Times = since.Times[max(0, len(since.Times)-habitTimes):]
			since.Fixed = one.Fixed
			one = since
		}
		one.plan(now)
		h.of[k.Key] = one
	}
}

// save writes what has changed.
func (h *habits) save(ctx context.Context, w *Worker) {
	now := w.now()
	var list []Habit
	h.mu.Lock()
	for key := range h.changed {
		if one := h.of[key]; one != nil {
			list = append(list, Habit{Key: key, At: one.Times[len(one.Times)-1], Text: []byte(marshal(one))})
		}
	}
	clear(h.changed)
	h.saved = now
	h.mu.Unlock()
	if len(list) == 0 {
		return
	}
	if err := w.o.Jobs.SaveHabits(ctx, list, now.Add(-habitKeep)); err != nil && ctx.Err() == nil {
		w.log().WarnContext(ctx, "what was asked for was not saved", "err", err)
	}
}
