package sqlite_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"argo/tables"
	"argo/tables/rest"
	"argo/tables/rest/quotatest"
)

const crewVariable, stateVariable = "ARGO_TEST_CREW", "ARGO_TEST_STATE"

// TestCrewProcess is a process of TestQuotaDay; it works until it is killed.
func TestCrewProcess(t *testing.T) {
	text := os.Getenv(crewVariable)
	if text == "" {
		return
	}
	crew, err := quotatest.ReadCrew(text)
	if err != nil {
		t.Fatal(err)
	}
	crew.Quotas = open(t, os.Getenv(stateVariable)).Quotas()
	if err := crew.Work(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// A day of two processes on one state file: people at random, a steady refresh,
// actions, and a backlog that never ends. The vendor's limits hold, the backlog
// uses what nobody needs, nobody waits because of it, and neither the death of
// the processes by kill -9 nor their restart resets anything.
func TestQuotaDay(t *testing.T) {
	for _, c := range []struct {
		name   string
		laws   []quotatest.Scope
		rate   float64 // units a day that the narrowest limit allows
		key    string
		length time.Duration
	}{
		{"a window of a day over buckets", []quotatest.Scope{
			{Key: "token", Law: rest.Rolling(1440, 24*time.Hour)},
			{Key: "token/requests", Law: rest.Bucket(200*time.Millisecond, 50)},
			{Key: "token/account", Law: rest.Bucket(time.Second, 10), Each: true},
		}, 1440, "token", 48 * time.Hour},
		{"a calendar day", []quotatest.Scope{
			{Key: "account", Law: rest.Daily(1000, "America/Los_Angeles")}, {Key: "app", Law: rest.Daily(500, ""), Each: true},
		}, 1000, "account", 48 * time.Hour},
		{"a bucket", []quotatest.Scope{{Key: "token", Law: rest.Bucket(30*time.Second, 40)}}, 2880, "token", 24 * time.Hour},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "state.db")
			quotas := open(t, path).Quotas()
			start := time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC) // a day of Los Angeles begins
			r := rand.New(rand.NewPCG(1, 2))
			v := &quotatest.Vendor{Laws: quotatest.Keys(c.laws), Latency: func() time.Duration { return time.Duration(r.IntN(1500)) * time.Millisecond }}
			world, err := quotatest.New(start, c.length, func(w *quotatest.World) http.Handler { v.World = w; return v })
			if err != nil {
				t.Fatal(err)
			}
			defer world.Close()
			crew := quotatest.Crew{Addr: world.Addr, URL: world.URL, Seed: 1, Accounts: 3, Laws: c.laws, Backfill: 2,
				Refresh: 20 * time.Minute, People: 80 * time.Minute, Burst: 6, Action: 90 * time.Minute}
			world.Expect(2*crew.Actors() + 1)

			ctx, cancel := context.WithCancel(context.Background())
			worked := make(chan error, 1)
			crew.Quotas = quotas
			go func() { worked <- crew.Work(ctx) }()
			spawn := func(seed uint64) *exec.Cmd {
				child := crew
				child.Seed = seed
				cmd := exec.Command(os.Args[0], "-test.run=^TestCrewProcess$")
				cmd.Env = append(os.Environ(), crewVariable+"="+child.String(), stateVariable+"="+path)
				cmd.Stderr = os.Stderr
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				return cmd
			}
			child := spawn(2)
			clock := &quotatest.Clock{}
			executioner, leave, err := clock.Actor(context.Background(), world.Addr)
			if err != nil {
				t.Fatal(err)
			}
			for i := range 3 {
				if err := clock.Sleep(executioner, c.length/4+time.Duration(r.IntN(3600_000))*time.Millisecond); err != nil {
					t.Fatal(err)
				}
				used := total(t, quotas, world.Now())
				if err := child.Process.Kill(); err != nil {
					t.Fatal(err)
				}
				_ = child.Wait() // it was killed
				if again := total(t, open(t, path).Quotas(), world.Now()); again < used {
					t.Errorf("after kill %d the budgets know %d used units, before it %d", i+1, again, used)
				}
				child = spawn(uint64(3 + i))
				for want := 2*crew.Actors() + 1; world.Present() != want; {
					<-time.After(time.Millisecond) // time stands
				}
			}
			leave()
			<-world.Done()
			cancel()
			if err := <-worked; err != nil {
				t.Error(err)
			}
			if err := child.Process.Kill(); err != nil {
				t.Error(err)
			}
			_ = child.Wait()

			if over := v.Exceeded(); len(over) > 0 {
				t.Errorf("limits were exceeded: %v", over)
			}
			report := ""
			for from := start; from.Before(start.Add(c.length)); from = from.Add(24 * time.Hour) {
				n := v.Arrived(c.key, from, from.Add(24*time.Hour))
				report += fmt.Sprintf(" %.1f %%", float64(n)/c.rate*100)
				if float64(n) < 0.95*c.rate {
					t.Errorf("from %s on %d of %g were used", from, n, c.rate)
				}
			}
			waits := v.Waits()
			for _, p := range tables.Purposes {
				w := waits[p]
				t.Logf("%-9s %5d requests, %d given up, kept back %s on average, %s at most", p, w.Calls, w.Refused, (w.Total / time.Duration(max(1, w.Calls))).Round(time.Millisecond), w.Longest)
				if (p == tables.Acting || p == tables.Asking) && (w.Refused > 0 || w.Longest >= 5*time.Second || w.Calls < 20) {
					t.Errorf("%s: %+v", p, w)
				}
			}
			t.Logf("used of the limit, by day:%s", report)
		})
	}
}

// total is what all budgets have used.
func total(t *testing.T, q tables.Quotas, now time.Time) (n int) {
	t.Helper()
	states, err := q.All(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range rest.Budgets(states, now) {
		n += b.Used
	}
	return n
}
