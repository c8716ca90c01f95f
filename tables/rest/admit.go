package rest

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"argo/tables"
	"argo/tables/fault"
)

// Observation is what a reply says about a budget of its request.
type Observation struct {
	Key     string  // of a Limit of the request; others are ignored
	Used    int     // units that the source counts, 0: it does not say
	Percent float64 // or the part of the limit, 0 to 100
	Limit   int     // 0: it does not say
	// Until parks the budget: nothing is taken from it, by nobody, before.
	Until  time.Time
	Reason string // why it is parked, for people
}

// ticket is what a request took from its limits.
type ticket struct {
	id     string
	limits []Limit
	units  int // the most of one limit
}

// keys of the budgets, "" of none.
func (t *ticket) keys() (out []string) {
	for _, l := range t.limits {
		out = append(out, l.Key)
	}
	return out
}

// refusal says why a request has to wait.
type refusal struct {
	wait   time.Duration
	keys   []string // budgets that refused
	parked string   // reason of the longest park, "" where there is none
	never  bool     // the request is larger than a budget
}

// admit takes the units of r from all of its limits, waiting where it has to.
// A wait beyond MaxWait takes nothing and is a Throttled fault; backfill waits
// as long as it takes, but for a parked budget.
func (c *Client) admit(ctx context.Context, r *Request) (*ticket, *fault.Error) {
	t := &ticket{limits: r.Limits}
	if len(r.Limits) == 0 {
		return t, nil
	}
	purpose := tables.PurposeOf(ctx)
	w := &waiter{place: place(purpose), units: map[string]int{}}
	for i, l := range t.limits {
		n := max(1, l.Units)
		w.units[l.Key] = n
		t.units = max(t.units, n)
		t.limits = slices.Clone(t.limits)
		t.limits[i].Units = n
	}
	c.line.enter(w)
	defer c.line.leave(w)
	begin := c.o.Now()
	for {
		t.id = c.process + strconv.FormatInt(c.serial.Add(1), 36)
		no, err := c.try(ctx, t, w)
		switch now := c.o.Now(); {
		case err != nil && ctx.Err() != nil:
			return nil, c.canceled(ctx, r)
		case err != nil:
			return nil, asFault(err, c.about(r)+": the budgets of requests cannot be read")
		case no == nil:
			return t, nil
		case no.never:
			return nil, fault.New(fault.Refused, "%s: the request needs more units at once than its budget holds", c.about(r)).
				WithHint("ask for less at once")
		case no.parked != "" && no.wait > c.o.MaxWait, purpose != tables.Backfilling && now.Add(no.wait).Sub(begin) > c.o.MaxWait:
			f := fault.New(fault.Throttled, "%s: the request budget of %s is used up", c.about(r), cmp.Or(string(purpose), "requests"))
			if no.parked != "" {
				f.Message = c.about(r) + " is parked: " + no.parked
			}
			f.RetryAfter = no.wait
			return nil, f.WithHint("try again in %s; SELECT * FROM argo.quotas shows the budgets", short(no.wait.Round(time.Second)))
		default:
			nap, wake := context.WithCancel(ctx)
			c.line.sleep(w, no.keys, wake)
			err := c.o.Sleep(nap, min(no.wait, 2*time.Minute))
			woken := nap.Err() != nil
			c.line.sleep(w, no.keys, nil)
			wake()
			if ctx.Err() != nil || err != nil && !woken {
				return nil, c.canceled(ctx, r)
			}
		}
	}
}

// asFault keeps a fault and makes one of any other error.
func asFault(err error, message string) *fault.Error {
	if f := fault.As(err); f != nil {
		return f
	}
	return &fault.Error{Kind: fault.Unavailable, Message: message, Err: err}
}

var errRefused = errors.New("refused")

// try takes from all limits or from none.
func (c *Client) try(ctx context.Context, t *ticket, w *waiter) (no *refusal, err error) {
	before := c.line.before(w)
	keys := t.keys()
	err = c.o.Quotas.Update(ctx, keys, func(states map[string][]byte) error {
		no = &refusal{}
		now := c.o.Now()
		all := make([]*budget, len(t.limits))
		var parked time.Duration
		for i, l := range t.limits {
			parent := ""
			if i > 0 {
				parent = t.limits[i-1].Key
			}
			b := open(states[l.Key], l.Law, parent, now)
			all[i] = b
			if limit := b.limit(); limit > 0 && l.Units > limit {
				no.never = true
				continue
			}
			wait := b.turn(w.place, l.Units, before[l.Key], now)
			if b.Until > 0 {
				d := time.UnixMicro(b.Until).Sub(now)
				if wait = max(wait, d); d > parked {
					parked, no.parked = d, cmp.Or(b.Why, "the source said so")
				}
			}
			if wait > 0 {
				no.keys = append(no.keys, l.Key)
				no.wait = max(no.wait, wait)
			}
		}
		if no.never || len(no.keys) > 0 {
			return errRefused
		}
		at := now.UnixMicro()
		for i, l := range t.limits {
			all[i].take(flight{ID: t.id, At: at, Until: at + all[i].Law.hold().Microseconds(), Units: l.Units, Place: w.place})
			states[l.Key] = all[i].state()
		}
		return nil
	})
	if errors.Is(err, errRefused) {
		return no, nil
	}
	return nil, err
}

// turn says how long a purpose has to wait for units behind others of this
// process: it leaves them what is common, and may take what is its own.
func (b *budget) turn(p, units int, before [backfilling + 1]int, now time.Time) time.Duration {
	free := b.available(p, now)
	same, others := before[p], 0
	for _, n := range before {
		others += n
	}
	switch {
	case units+others <= free, units+same <= min(free, free-b.available(backfilling, now)):
		return 0
	case units+others <= b.limit():
		return max(b.wait(p, units+others, now), time.Millisecond)
	}
	return b.wait(p, units, now) + time.Duration(others)*b.Law.length()/time.Duration(b.limit())
}

// settle ends a request at its limits, with what its reply said. A state that
// cannot be written is no fault of the request: it then counts as a request of
// a process that died.
func (c *Client) settle(ctx context.Context, t *ticket, sent bool, seen []Observation) {
	if len(t.limits) == 0 {
		return
	}
	err := c.o.Quotas.Update(context.WithoutCancel(ctx), t.keys(), func(states map[string][]byte) error {
		now := c.o.Now()
		for i, l := range t.limits {
			parent := ""
			if i > 0 {
				parent = t.limits[i-1].Key
			}
			b := open(states[l.Key], l.Law, parent, now)
			if t.id != "" {
				b.end(t.id, sent, now)
			}
			for _, o := range seen {
				if o.Key == l.Key {
					b.note(o, now)
				}
			}
			states[l.Key] = b.state()
		}
		return nil
	})
	if err != nil {
		c.o.Log.WarnContext(ctx, "the budgets of requests cannot be written", "source", c.o.Name, "error", err)
	}
	if !sent {
		c.line.stir(t.keys())
	}
}

// Note tells the budgets of a request what was learnt after its reply.
func (c *Client) Note(ctx context.Context, limits []Limit, seen ...Observation) {
	c.settle(ctx, &ticket{limits: limits}, true, seen)
}

// line holds the requests of a client that have not been admitted, the most
// urgent first, then the oldest.
type line struct {
	mu  sync.Mutex
	all []*waiter
}

type waiter struct {
	place   int
	units   map[string]int
	blocked []string // keys that refused it; nil: it has not been refused
	wake    func()   // nil: it does not sleep
	stirred bool     // while it did not: what it has learnt may be old
}

func (l *line) enter(w *waiter) {
	l.mu.Lock()
	defer l.mu.Unlock()
	i, _ := slices.BinarySearchFunc(l.all, w.place, func(x *waiter, p int) int {
		if x.place <= p {
			return -1
		}
		return 1
	})
	l.all = slices.Insert(l.all, i, w)
}

// leave wakes whoever stood behind w.
func (l *line) leave(w *waiter) {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.Index(l.all, w)
	l.all = slices.Delete(l.all, i, i+1)
	if w.blocked != nil {
		l.rouse(l.all[i:], w.blocked)
	}
}

// sleep notes why a waiter sleeps and how it is woken; a nil wake says that it
// does not any more.
func (l *line) sleep(w *waiter, blocked []string, wake func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	w.blocked, w.wake = blocked, wake
	if wake != nil && w.stirred {
		wake()
	}
}

// stir wakes who waits for one of the keys.
func (l *line) stir(keys []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rouse(l.all, keys)
}

// rouse wakes the first of each purpose; who is served wakes the next.
func (l *line) rouse(some []*waiter, keys []string) {
	var woken [backfilling + 1]bool
	for _, w := range some {
		if w.wake == nil {
			w.stirred = true
		} else if !woken[w.place] && slices.ContainsFunc(w.blocked, func(k string) bool { return slices.Contains(keys, k) }) {
			woken[w.place] = true
			w.wake()
		}
	}
}

// before begins a try: it says what those ahead of w wait for, by key and place.
func (l *line) before(w *waiter) map[string][backfilling + 1]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	w.stirred = false
	out := map[string][backfilling + 1]int{}
	for _, x := range l.all {
		if x == w {
			break
		}
		for _, k := range x.blocked {
			n := out[k]
			n[x.place] += x.units[k]
			out[k] = n
		}
	}
	return out
}

// memory keeps budgets for one process.
type memory struct {
	mu     sync.Mutex
	states map[string][]byte
}

func (m *memory) Update(_ context.Context, keys []string, f func(map[string][]byte) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	states := map[string][]byte{}
	for _, k := range keys {
		if s, ok := m.states[k]; ok {
			states[k] = s
		}
	}
	if err := f(states); err != nil {
		return err
	}
	for _, k := range keys {
		delete(m.states, k)
	}
	maps.Copy(m.states, states)
	return nil
}

func (m *memory) All(context.Context) (map[string][]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.states), nil
}
