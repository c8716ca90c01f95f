package quotatest

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"argo/tables"
	"argo/tables/fault"
	"argo/tables/rest"
)

// Vendor counts requests by the laws of their path and refuses what is too
// much. It is a brute-force log: it shares nothing with the budgets.
type Vendor struct {
	// Laws of a path, the widest first; the key is what shares one.
	Laws func(path string) map[string]rest.Law
	// Latency of a reply; half of it passes before the request is counted.
	Latency func() time.Duration
	World   *World

	mu       sync.Mutex
	log      map[string][]time.Time
	exceeded map[string]int
	waits    map[tables.Purpose]*Waits
}

// Waits are how long the requests of a purpose were kept back.
type Waits struct {
	Calls, Refused int
	Total, Longest time.Duration
}

// ServeHTTP counts. The header X-Purpose says for whom, X-Asked since when it
// was wanted; POST /refused tells of one that was never sent.
func (v *Vendor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	purpose := tables.Purpose(r.Header.Get("X-Purpose"))
	if r.URL.Path == "/refused" {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.of(purpose).Refused++
		return
	}
	asked, err := strconv.ParseInt(r.Header.Get("X-Asked"), 10, 64)
	if err != nil {
		http.Error(w, "X-Asked is missing", http.StatusBadRequest)
		return
	}
	sent := v.World.Now()
	var lag time.Duration
	if v.Latency != nil {
		v.mu.Lock()
		lag = v.Latency()
		v.mu.Unlock()
	}
	if v.World.Sleep(r.Context(), lag/2) != nil {
		return
	}
	over := v.count(r.URL.Path, purpose, sent.Sub(time.UnixMicro(asked)))
	if v.World.Sleep(r.Context(), lag/2) != nil {
		return
	}
	if over != "" {
		http.Error(w, over, http.StatusTooManyRequests)
		return
	}
	fmt.Fprint(w, "ok\n")
}

func (v *Vendor) of(p tables.Purpose) *Waits {
	if v.waits == nil {
		v.waits = map[tables.Purpose]*Waits{}
	}
	if v.waits[p] == nil {
		v.waits[p] = &Waits{}
	}
	return v.waits[p]
}

func (v *Vendor) count(path string, p tables.Purpose, wait time.Duration) (over string) {
	now := v.World.Now()
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.log == nil {
		v.log, v.exceeded = map[string][]time.Time{}, map[string]int{}
	}
	w := v.of(p)
	w.Calls++
	w.Total += wait
	w.Longest = max(w.Longest, wait)
	for key, law := range v.Laws(path) {
		v.log[key] = append(v.log[key], now)
		if !holds(law, v.log[key]) {
			v.exceeded[key]++
			over = key
		}
	}
	return over
}

// holds says whether the newest arrival of a log is within a law.
func holds(law rest.Law, log []time.Time) bool {
	now, n := log[len(log)-1], 0
	switch law.Kind {
	case "day":
		zone, err := time.LoadLocation(law.Zone)
		if err != nil {
			return false
		}
		day := now.In(zone).Format(time.DateOnly)
		for i := len(log) - 1; i >= 0 && log[i].In(zone).Format(time.DateOnly) == day; i-- {
			n++
		}
		return n <= law.Limit
	case "bucket": // within any stretch no more than the burst and what has come in it
		for i := len(log) - 1; i >= 0; i-- {
			n++
			came := float64(now.Sub(log[i])) / float64(law.Every)
			if float64(n) > float64(law.Limit)+came+1e-6 {
				return false
			}
			if came > float64(2*law.Limit) && float64(n) < came {
				break // it was full in between
			}
		}
		return true
	}
	for i := len(log) - 1; i >= 0 && now.Sub(log[i]) < law.Window; i-- {
		n++
	}
	return n <= law.Limit
}

// Arrived is how many requests a key had in [from, to).
func (v *Vendor) Arrived(key string, from, to time.Time) (n int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, t := range v.log[key] {
		if !t.Before(from) && t.Before(to) {
			n++
		}
	}
	return n
}

// Exceeded is how often a request was too much, by key.
func (v *Vendor) Exceeded() map[string]int {
	v.mu.Lock()
	defer v.mu.Unlock()
	out := map[string]int{}
	for k, n := range v.exceeded {
		out[k] = n
	}
	return out
}

// Waits by purpose.
func (v *Vendor) Waits() map[tables.Purpose]Waits {
	v.mu.Lock()
	defer v.mu.Unlock()
	out := map[tables.Purpose]Waits{}
	for p, w := range v.waits {
		out[p] = *w
	}
	return out
}

// Crew is who works in one process.
type Crew struct {
	Addr, URL string // of the world
	Seed      uint64
	Accounts  int // each actor asks for one of them at random, or for its own
	Laws      []Scope
	Backfill  int           // actors of a backlog that never ends
	Refresh   time.Duration // one request each; 0: none
	People    time.Duration // on average one visit each, of up to Burst requests; 0: none
	Burst     int
	Action    time.Duration // on average one each; 0: none
	Quotas    tables.Quotas `json:"-"`
	// Call, where non-nil, is one request of a purpose for an account; nil is a
	// GET of /ACCOUNT with the limits of Laws. It is given the environment that a
	// connection of the process would be opened with.
	Call func(env tables.Env) (func(ctx context.Context, account string) error, error) `json:"-"`
}

// Scope is a limit of a Crew: of all accounts, or of each.
type Scope struct {
	Key  string
	Law  rest.Law
	Each bool
}

// String is the crew for the environment of a process; ReadCrew reads it.
func (c Crew) String() string {
	text, err := json.Marshal(c)
	if err != nil {
		panic(err) // numbers and texts
	}
	return string(text)
}

// ReadCrew reads what String wrote.
func ReadCrew(text string) (c Crew, err error) {
	err = json.Unmarshal([]byte(text), &c)
	return c, err
}

// Actors is how many actors the crew has.
func (c Crew) Actors() int {
	n := c.Backfill
	for _, d := range []time.Duration{c.Refresh, c.People, c.Action} {
		if d > 0 {
			n++
		}
	}
	return n
}

// Limits of a request for an account.
func Limits(laws []Scope, account string) (out []rest.Limit) {
	for _, s := range laws {
		key := s.Key
		if s.Each {
			key += "/" + account
		}
		out = append(out, rest.Limit{Key: key, Law: s.Law})
	}
	return out
}

// Keys are the laws of a Vendor for the same scopes.
func Keys(laws []Scope) func(path string) map[string]rest.Law {
	return func(path string) map[string]rest.Law {
		out := map[string]rest.Law{}
		for _, l := range Limits(laws, strings.TrimPrefix(path, "/")) {
			out[l.Key] = l.Law
		}
		return out
	}
}

type purposeOf struct{}

// Work lets the crew work until ctx or the world ends. It returns the first
// error that no day should have: a fault other than Throttled.
func (c Crew) Work(ctx context.Context) error {
	clock := &Clock{}
	client := clock.Client()
	env := tables.Env{Name: "trial", HTTP: client, Now: clock.Now, Sleep: clock.Sleep, Quotas: c.Quotas}
	open := c.Call
	if open == nil {
		open = c.get
	}
	call, err := open(env)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var all sync.WaitGroup
	r := rand.New(rand.NewPCG(c.Seed, 1))
	actor := func(p tables.Purpose, first, each time.Duration, random bool, burst int) error {
		seed := r.Uint64()
		actx, leave, err := clock.Actor(tables.WithPurpose(ctx, p), c.Addr)
		if err != nil {
			return err
		}
		all.Go(func() {
			defer leave()
			r := rand.New(rand.NewPCG(seed, 2))
			if clock.Sleep(actx, first) != nil {
				return
			}
			for next := clock.Now(); ; {
				for range 1 + r.IntN(burst) {
					err := call(asked(actx, clock.Now()), strconv.Itoa(1+r.IntN(c.Accounts)))
					switch {
					case fault.Is(err, fault.Throttled):
						c.refused(actx, client, p)
						if p == tables.Backfilling {
							_ = clock.Sleep(actx, min(fault.As(err).RetryAfter, time.Hour))
						}
					case err != nil && actx.Err() == nil && !over(err):
						cancel(fmt.Errorf("%s: %w", p, err))
					}
				}
				gap := each
				if random {
					gap = time.Duration(r.ExpFloat64() * float64(each))
				}
				next = next.Add(gap)
				if d := next.Sub(clock.Now()); each > 0 && d > 0 {
					if clock.Sleep(actx, d) != nil {
						return
					}
				} else if next = clock.Now(); actx.Err() != nil {
					return
				}
				if actx.Err() != nil {
					return
				}
			}
		})
		return nil
	}
	var errs []error
	for range c.Backfill {
		errs = append(errs, actor(tables.Backfilling, time.Microsecond, 0, false, 1))
	}
	if c.Refresh > 0 {
		errs = append(errs, actor(tables.Refreshing, time.Minute, c.Refresh, false, 1))
	}
	if c.People > 0 {
		errs = append(errs, actor(tables.Asking, time.Minute, c.People, true, max(1, c.Burst)))
	}
	if c.Action > 0 {
		errs = append(errs, actor(tables.Acting, time.Minute, c.Action, true, 1))
	}
	if i := slices.IndexFunc(errs, func(err error) bool { return err != nil }); i >= 0 {
		cancel(errs[i])
	}
	all.Wait()
	if cause := context.Cause(ctx); ctx.Err() != nil && cause != context.Canceled {
		return cause
	}
	return nil
}

// over says that the world has ended under a request.
func over(err error) bool {
	return fault.Is(err, fault.Canceled) || fault.Is(err, fault.Unavailable)
}

func asked(ctx context.Context, t time.Time) context.Context {
	return context.WithValue(ctx, purposeOf{}, t)
}

// get is the request of a crew that has no own.
func (c Crew) get(env tables.Env) (func(context.Context, string) error, error) {
	client := rest.New(rest.Options{Name: "Trial", BaseURL: c.URL, HTTP: env.HTTP, Now: env.Now, Sleep: env.Sleep, Quotas: env.Quotas, Attempts: 1})
	return func(ctx context.Context, account string) error {
		t, _ := ctx.Value(purposeOf{}).(time.Time)
		res, err := client.Do(ctx, rest.Request{Path: "/" + account, Limits: Limits(c.Laws, account), Head: http.Header{
			"X-Purpose": {string(tables.PurposeOf(ctx))}, "X-Asked": {strconv.FormatInt(t.UnixMicro(), 10)}}})
		if err != nil {
			return err
		}
		return res.Body.Close()
	}, nil
}

// refused tells the vendor of a request that was given up.
func (c Crew) refused(ctx context.Context, client *http.Client, p tables.Purpose) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.URL+"/refused", nil)
	if err != nil {
		return
	}
	r.Header.Set("X-Purpose", string(p))
	if res, err := client.Do(r); err == nil {
		_ = res.Body.Close()
	}
}
