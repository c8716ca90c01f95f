package main

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"argo/configs"
	"argo/server/state/sqlite"
	"argo/tables"
	"argo/tables/ads/googleads"
	"argo/tables/ads/googleads/googleadssim"
	"argo/tables/market"
	"argo/tables/rest"
	"argo/tables/rest/quotatest"

	"github.com/spf13/cobra"
)

// quotaDay is a vendor of the trial with its narrowest limit.
type quotaDay struct {
	name   string
	laws   []quotatest.Scope // nil: Google Ads, its connector and its simulator
	key    string            // of the narrowest
	rate   int               // requests a day that it allows
	length time.Duration
}

// explorer is how many operations a day the simulated developer token has.
const explorer = 2880

var quotaDays = []quotaDay{
	{"a rolling day over buckets of a token and its accounts", []quotatest.Scope{
		{Key: "token", Law: rest.Rolling(1440, 24*time.Hour)},
		{Key: "token/requests", Law: rest.Bucket(200*time.Millisecond, 50)},
		{Key: "token/account", Law: rest.Bucket(time.Second, 10), Each: true},
	}, "token", 1440, 24 * time.Hour},
	{"a calendar day of Los Angeles over one of each app", []quotatest.Scope{
		{Key: "account", Law: rest.Daily(1000, "America/Los_Angeles")}, {Key: "app", Law: rest.Daily(500, ""), Each: true},
	}, "account", 1000, 24 * time.Hour},
	{"a bucket", []quotatest.Scope{{Key: "token", Law: rest.Bucket(30*time.Second, 40)}}, "token", 2880, 24 * time.Hour},
	{name: "Google Ads", key: "operations", rate: explorer, length: 24 * time.Hour},
}

// quota lets two processes on one state file work for a day, kills one of them
// three times in the middle, and counts at the vendor.
func quota(ctx context.Context, b *bench) error {
	for i, d := range quotaDays {
		if b.short && i < len(quotaDays)-1 {
			continue
		}
		b.say("quota: %s", d.name)
		b.section(d.name)
		if err := b.quotaDay(ctx, d); err != nil {
			return fmt.Errorf("%s: %w", d.name, err)
		}
	}
	return nil
}

// vendorOfDay is what the processes of a day meet.
type vendorOfDay interface {
	http.Handler
	arrived() int
	exceeded() map[string]int
	waits() map[tables.Purpose]quotatest.Waits
}

// countingVendor is a vendor by laws.
type countingVendor struct {
	*quotatest.Vendor
	d     quotaDay
	start time.Time
}

func (v countingVendor) arrived() int                              { return v.Arrived(v.d.key, v.start, v.start.Add(v.d.length)) }
func (v countingVendor) exceeded() map[string]int                  { return v.Exceeded() }
func (v countingVendor) waits() map[tables.Purpose]quotatest.Waits { return v.Waits() }

// googleVendor is the simulator of Google Ads; who asked it tells how long that
// took.
type googleVendor struct {
	sim *googleadssim.Sim

	mu   sync.Mutex
	all  int
	told map[tables.Purpose]quotatest.Waits
}

func (v *googleVendor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/waited", "/refused":
		v.mu.Lock()
		defer v.mu.Unlock()
		p := tables.Purpose(r.Header.Get("X-Purpose"))
		x := v.told[p]
		if r.URL.Path == "/refused" {
			x.Refused++
		} else {
			us, _ := strconv.ParseInt(r.Header.Get("X-Waited"), 10, 64)
			waited := time.Duration(us) * time.Microsecond
			x.Calls++
			x.Total += waited
			x.Longest = max(x.Longest, waited)
		}
		v.told[p] = x
		return
	case "/token":
	default:
		v.mu.Lock()
		v.all++
		v.mu.Unlock()
	}
	v.sim.ServeHTTP(w, r)
}

func (v *googleVendor) arrived() int             { v.mu.Lock(); defer v.mu.Unlock(); return v.all }
func (v *googleVendor) exceeded() map[string]int { return v.sim.Exceeded() }
func (v *googleVendor) waits() map[tables.Purpose]quotatest.Waits {
	v.mu.Lock()
	defer v.mu.Unlock()
	return maps.Clone(v.told)
}

func (b *bench) quotaDay(ctx context.Context, d quotaDay) (err error) {
	path := filepath.Join(b.dir, fmt.Sprintf("state-%d.db", len(d.laws)))
	db, err := sqlite.Open(ctx, path)
	if err != nil {
		return err
	}
	defer db.Close()
	start := time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC) // a day of Los Angeles begins
	r := rand.New(rand.NewPCG(b.seed, 7))
	var v vendorOfDay
	world, err := quotatest.New(start, d.length, func(w *quotatest.World) http.Handler {
		if d.laws != nil {
			v = countingVendor{&quotatest.Vendor{World: w, Laws: quotatest.Keys(d.laws), Latency: func() time.Duration { return time.Duration(r.IntN(1500)) * time.Millisecond }}, d, start}
		} else {
			m := market.New(market.Options{Seed: b.seed, Start: tables.DayOf(start).Add(-60), Clock: w})
			v = &googleVendor{sim: googleadssim.New(m, googleadssim.Options{Operations: explorer}), told: map[tables.Purpose]quotatest.Waits{}}
		}
		return v
	})
	if err != nil {
		return err
	}
	defer world.Close()
	crew := quotatest.Crew{Addr: world.Addr, URL: world.URL, Seed: b.seed, Accounts: 3, Laws: d.laws, Backfill: 2,
		Refresh: 20 * time.Minute, People: 80 * time.Minute, Burst: 6, Action: 90 * time.Minute}
	everybody := 2*crew.Actors() + 1
	world.Expect(everybody)

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var children []*exec.Cmd
	defer func() {
		for _, c := range children {
			_ = c.Process.Kill()
			_ = c.Wait()
		}
	}()
	hire := func(seed uint64) error {
		crew.Seed = seed
		c, err := b.hire(crew, path)
		children = append(children, c)
		return err
	}
	for i := range uint64(2) {
		if err := hire(2*b.seed + i); err != nil {
			children = children[:len(children)-1]
			return err
		}
	}
	clock := &quotatest.Clock{}
	executioner, leave, err := clock.Actor(ctx, world.Addr)
	if err != nil {
		return err
	}
	forgotten := 0
	for i := range 3 {
		if err := clock.Sleep(executioner, d.length/4+time.Duration(r.IntN(3600_000))*time.Millisecond); err != nil {
			return err
		}
		used, err := usedOf(ctx, db, world.Now())
		if err != nil {
			return err
		}
		_ = children[1].Process.Kill()
		_ = children[1].Wait()
		children = children[:1]
		fresh, err := sqlite.Open(ctx, path)
		if err != nil {
			return err
		}
		again, err := usedOf(ctx, fresh, world.Now())
		fresh.Close()
		if err != nil {
			return err
		}
		forgotten += max(0, used-again)
		if err := hire(100*b.seed + uint64(i)); err != nil {
			children = children[:1]
			return err
		}
		for began := time.Now(); world.Present() != everybody; <-time.After(time.Millisecond) { // time stands
			if time.Since(began) > time.Minute {
				return fmt.Errorf("%d of %d are at work", world.Present(), everybody)
			}
		}
	}
	leave()
	select {
	case <-world.Done():
	case <-ctx.Done():
		return ctx.Err()
	}

	n, over := v.arrived(), v.exceeded()
	b.figure("requests", "%d of %d that the narrowest limit allows (%.1f %%, at least 95 %%)", n, d.rate, 100*float64(n)/float64(d.rate))
	b.demand(n*100 >= 95*d.rate, "%s: %d of %d requests were used", d.name, n, d.rate)
	times := 0
	for _, k := range over {
		times += k
	}
	b.figure("limits exceeded", "%d times", times)
	b.demand(len(over) == 0, "%s: limits were exceeded: %v", d.name, over)
	b.figure("used units that kill -9 made forgotten", "%d, three kills", forgotten)
	b.demand(forgotten == 0, "%s: %d used units were forgotten after a kill", d.name, forgotten)
	waits := v.waits()
	for _, p := range tables.Purposes {
		w := waits[p]
		b.figure(string(p), "%d requests, %d given up, kept back %s at most", w.Calls, w.Refused, w.Longest.Round(time.Millisecond))
		if p == tables.Acting || p == tables.Asking {
			b.demand(w.Refused == 0 && w.Longest < 5*time.Second, "%s: %s: %d given up, kept back %s", d.name, p, w.Refused, w.Longest)
		}
		b.demand(w.Calls > 5, "%s: %s: only %d requests", d.name, p, w.Calls)
	}
	return nil
}

// usedOf is what all budgets have used.
func usedOf(ctx context.Context, db *sqlite.DB, now time.Time) (n int, err error) {
	states, err := db.Quotas().All(ctx)
	for _, x := range rest.Budgets(states, now) {
		n += x.Used
	}
	return n, err
}

// hire starts a crew in a process of its own, which works until it is killed.
func (b *bench) hire(crew quotatest.Crew, state string) (*exec.Cmd, error) {
	argo, err := b.self()
	if err != nil {
		return nil, err
	}
	log, err := os.OpenFile(filepath.Join(b.dir, "nodes.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := exec.Command(argo, "bench", "crew", "--crew", crew.String(), "--state", state)
	cmd.Stderr = log
	return cmd, cmd.Start()
}

// benchCrewCommand is a process of quota.
func benchCrewCommand() *cobra.Command {
	var text, state string
	c := &cobra.Command{
		Use:    "crew",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			crew, err := quotatest.ReadCrew(text)
			if err != nil {
				return err
			}
			db, err := sqlite.Open(c.Context(), state)
			if err != nil {
				return err
			}
			defer db.Close()
			if crew.Quotas = db.Quotas(); crew.Laws == nil {
				crew.Call = func(env tables.Env) (func(context.Context, string) error, error) {
					return callGoogle(c.Context(), env, crew.URL)
				}
			}
			return crew.Work(c.Context())
		},
	}
	c.Flags().StringVar(&text, "crew", "", "")
	c.Flags().StringVar(&state, "state", "", "")
	return c
}

// callGoogle makes the request of a crew at Google Ads: what a connector reads of
// one day of one account.
func callGoogle(ctx context.Context, env tables.Env, base string) (func(context.Context, string) error, error) {
	env.Secret = func(_ context.Context, ref string) (string, error) { return strings.TrimPrefix(ref, "env:"), nil } // those that the simulator takes
	cfg, err := configs.Parse(fmt.Appendf(nil, `
users: [{name: nobody, password: env:NOBODY}]
connections:
  - name: google_ads
    source: google_ads
    options: {base_url: "%[1]s", token_url: "%[1]s/token", developer_token: env:developer, client_id: env:client, client_secret: env:secret,
      refresh_token: env:refresh, login_customer_id: "9000000001", access_level: explorer}`, base), "")
	if err != nil {
		return nil, err
	}
	env.Decode = cfg.Connections[0].Decode
	conn, err := googleads.Source.Open(ctx, env)
	if err != nil {
		return nil, err
	}
	t := conn.Tables[slices.IndexFunc(conn.Tables, func(t tables.Table) bool { return t.Name == "campaign_performance" })]
	tell := func(ctx context.Context, waited time.Duration) {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/waited", nil)
		if err != nil {
			return
		}
		r.Header.Set("X-Purpose", string(tables.PurposeOf(ctx)))
		r.Header.Set("X-Waited", strconv.FormatInt(waited.Microseconds(), 10))
		if res, err := env.HTTP.Do(r); err == nil {
			res.Body.Close()
		}
	}
	return func(ctx context.Context, account string) error {
		i, err := strconv.Atoi(account)
		if err != nil {
			return err
		}
		began := env.Now()
		day := tables.DayOf(began.UTC()).Add(-1 - i)
		s := tables.Scan{Table: t.Name, Account: googleAccounts[i%len(googleAccounts)], Days: tables.Days{From: day, To: day}, Columns: []string{"date", "customer_id", "campaign_id", "cost"}}
		for _, err := range t.Scan(ctx, s) {
			if err != nil {
				return err
			}
		}
		tell(ctx, env.Now().Sub(began))
		return nil
	}, nil
}
