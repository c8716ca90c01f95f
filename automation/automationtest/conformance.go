package automationtest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"argo/automation"
	"argo/tables/fault"
)

// TestLedger holds a Ledger to its contract. open gives a function that opens
// one and the same new ledger again and again, as several processes would.
func TestLedger(t *testing.T, open func(t *testing.T) func() automation.Ledger) {
	ctx := context.Background()
	start := time.Date(2026, 11, 22, 8, 30, 0, 123456789, time.FixedZone("KST", 9*3600))
	change := func(id, field string, s automation.State) automation.RunChange {
		return automation.RunChange{State: s, Note: "as it is", Change: automation.Change{ID: id, Account: "1", Target: "customers/1/campaigns/2",
			Entity: "campaign 2 (Brand A)", Field: field, Before: "ENABLED", After: "PAUSED", Unit: "KRW", Note: "shared by 3 campaigns"}}
	}
	run := func(id, key string, changes ...automation.RunChange) automation.Run {
		return automation.Run{ID: id, Source: "google_ads", Action: "pause_campaign", Args: `{"id":2}`, By: "demo@127.0.0.1", Reason: "over\nbudget",
			Key: key, CreatedAt: start, Changes: changes}
	}
	insert := func(t *testing.T, l automation.Ledger, r automation.Run) automation.Run {
		t.Helper()
		stored, inserted, err := l.Insert(ctx, r)
		if err != nil || !inserted {
			t.Fatalf("insert %s: %v, %v", r.ID, inserted, err)
		}
		return stored
	}
	same := func(t *testing.T, what string, got, want automation.Run) {
		t.Helper()
		if g, w := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", want); g != w {
			t.Errorf("%s is\n%s\nnot\n%s", what, g, w)
		}
	}
	verify := func(t *testing.T, l automation.Ledger) {
		t.Helper()
		events, err := l.Events(ctx, "")
		if err != nil {
			t.Fatal(err)
		}
		runs, err := l.Runs(ctx, false, 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := automation.VerifyChain(events, runs...); err != nil {
			t.Error(err)
		}
	}

	t.Run("insert", func(t *testing.T) {
		again := open(t)
		l := again()
		in := run("r1", "k1", change("c1", "status", automation.Proposed), change("c2", "amount", automation.Unchanged))
		stored := insert(t, l, in)
		want := automation.Entry(in)
		same(t, "the stored run", stored, want)
		for _, l := range []automation.Ledger{l, again()} {
			got, err := l.Run(ctx, "r1")
			if err != nil {
				t.Fatal(err)
			}
			same(t, "the run read", got, want)
			got, found, err := l.ByKey(ctx, "k1")
			if err != nil || !found {
				t.Fatalf("by key: %v, %v", found, err)
			}
			same(t, "the run by its key", got, want)
		}
		if want.State != automation.Proposed || !want.EndedAt.IsZero() {
			t.Errorf("the run is %s, ended at %s", want.State, want.EndedAt)
		}
		old, inserted, err := again().Insert(ctx, run("r2", "k1", change("c9", "status", automation.Proposed)))
		if err != nil || inserted {
			t.Errorf("a key was taken twice: %v, %v", inserted, err)
		}
		same(t, "the run that has the key", old, want)
		if _, err := l.Run(ctx, "r2"); !fault.Is(err, fault.NotFound) {
			t.Errorf("a run that is not there: %v", err)
		}
		if _, found, err := l.ByKey(ctx, ""); found || err != nil {
			t.Errorf("a run has no key: %v, %v", found, err)
		}
		insert(t, l, run("r3", "", change("c1", "status", automation.DryRun)))
		if r := insert(t, l, run("r4", "")); r.State != automation.Unchanged || r.EndedAt.IsZero() {
			t.Errorf("a run without changes is %s, ended at %s", r.State, r.EndedAt)
		}
		verify(t, l)
	})
	t.Run("advance", func(t *testing.T) {
		again := open(t)
		l := again()
		r := insert(t, l, run("r1", "", change("c1", "status", automation.Proposed), change("c2", "amount", automation.Proposed)))
		c := r.Changes[0]
		c.At, c.Attempts = start.Add(time.Second), 1
		executing, err := l.Advance(ctx, "r1", c, automation.Executing, "being sent", "", "demo")
		if err != nil {
			t.Fatal(err)
		}
		if executing.State != automation.Executing || executing.Fence <= c.Fence || executing.Attempts != 1 || executing.Note != "being sent" ||
			executing.Change != c.Change || !executing.At.Equal(start.Add(time.Second).Truncate(time.Microsecond)) {
			t.Errorf("the change is %+v", executing)
		}
		if _, err := again().Advance(ctx, "r1", c, automation.Executing, "", "", "other"); !fault.Is(err, fault.Conflict) {
			t.Errorf("a change was moved twice: %v", err)
		}
		stale := executing
		stale.Fence--
		if _, err := l.Advance(ctx, "r1", stale, automation.Unknown, "", "", "other"); !fault.Is(err, fault.Conflict) {
			t.Errorf("a stale fence was taken: %v", err)
		}
		if _, err := l.Advance(ctx, "r1", executing, automation.Proposed, "", "", "demo"); !fault.Is(err, fault.Internal) {
			t.Errorf("a move that is not allowed: %v", err)
		}
		stale.ID = "c9"
		if _, err := l.Advance(ctx, "r1", stale, automation.Unknown, "", "", "demo"); !fault.Is(err, fault.NotFound) {
			t.Errorf("a change that is not there: %v", err)
		}
		done, err := l.Advance(ctx, "r1", executing, automation.Succeeded, "", "", "demo")
		if err != nil || done.Note != "being sent" {
			t.Fatalf("an empty note takes the old one away: %+v, %v", done, err)
		}
		if done, err = l.Advance(ctx, "r1", done, automation.Verified, "read", "PAUSED", "argo"); err != nil || done.ReadBack != "PAUSED" {
			t.Fatalf("%+v, %v", done, err)
		}
		if r, _ = l.Run(ctx, "r1"); r.State != automation.Proposed || !r.EndedAt.IsZero() {
			t.Errorf("with a change left the run is %s", r.State)
		}
		c = r.Changes[1]
		c.At = start.Add(time.Minute)
		if _, err = l.Advance(ctx, "r1", c, automation.Cancelled, "given up", "", "demo"); err != nil {
			t.Fatal(err)
		}
		if r, _ = again().Run(ctx, "r1"); r.State != automation.Cancelled || !r.EndedAt.Equal(c.At.Truncate(time.Microsecond)) {
			t.Errorf("the run is %s, ended at %s", r.State, r.EndedAt)
		}
		verify(t, l)
	})
	t.Run("one change in flight for each field", func(t *testing.T) {
		again := open(t)
		l := again()
		a := insert(t, l, run("r1", "", change("c1", "status", automation.Proposed)))
		b := insert(t, l, run("r2", "", change("c1", "status", automation.Proposed), change("c2", "amount", automation.Proposed)))
		first, err := l.Advance(ctx, "r1", a.Changes[0], automation.Executing, "", "", "demo")
		if err != nil {
			t.Fatal(err)
		}
		for _, to := range []automation.State{automation.Unknown, automation.Unknown, automation.Verified} {
			if _, err := again().Advance(ctx, "r2", b.Changes[0], automation.Executing, "", "", "demo"); !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "r1") {
				t.Errorf("beside a change that is %s: %v", first.State, err)
			}
			if first, err = l.Advance(ctx, "r1", first, to, "", "", "demo"); err != nil {
				t.Fatal(err)
			}
		}
		for _, c := range b.Changes {
			if _, err := l.Advance(ctx, "r2", c, automation.Executing, "", "", "demo"); err != nil {
				t.Errorf("%s: %v", c.Field, err)
			}
		}
		verify(t, l)
	})
	t.Run("runs", func(t *testing.T) {
		l := open(t)()
		for i := range 5 {
			r := run(fmt.Sprint("r", i), "", change("c1", fmt.Sprint("f", i), []automation.State{automation.Proposed, automation.Denied}[i%2]))
			r.CreatedAt = start.Add(time.Duration(i/2) * time.Second)
			insert(t, l, r)
		}
		for _, c := range []struct {
			open  bool
			limit int
			want  string
		}{{false, 0, "r4 r3 r2 r1 r0"}, {false, 2, "r4 r3"}, {true, 0, "r4 r2 r0"}, {true, 1, "r4"}} {
			runs, err := l.Runs(ctx, c.open, c.limit)
			if err != nil {
				t.Fatal(err)
			}
			var ids []string
			for _, r := range runs {
				ids = append(ids, r.ID)
				if len(r.Changes) != 1 {
					t.Errorf("run %s has %d changes", r.ID, len(r.Changes))
				}
			}
			if got := strings.Join(ids, " "); got != c.want {
				t.Errorf("open %v, limit %d: %s", c.open, c.limit, got)
			}
		}
	})
	t.Run("events", func(t *testing.T) {
		l := open(t)()
		for _, id := range []string{"r1", "r2"} {
			r := insert(t, l, run(id, "", change("c1", id, automation.Proposed)))
			c := r.Changes[0]
			c.At = start.Add(time.Hour)
			if _, err := l.Advance(ctx, id, c, automation.Cancelled, "given up", "", "argo"); err != nil {
				t.Fatal(err)
			}
		}
		events, err := l.Events(ctx, "r2")
		if err != nil || len(events) != 3 {
			t.Fatalf("%d events: %v", len(events), err)
		}
		e := events[2]
		if e.From != automation.Proposed || e.To != automation.Cancelled || e.Actor != "argo" || e.Note != "given up" || e.Change != "c1" || !e.At.Equal(start.Add(time.Hour).Truncate(time.Microsecond)) {
			t.Errorf("the event is %+v", e)
		}
		all, _ := l.Events(ctx, "")
		if len(all) != 6 || all[5] != e {
			t.Errorf("all events are %+v", all)
		}
		verify(t, l)
	})
	t.Run("lease", func(t *testing.T) {
		again := open(t)
		l := again()
		lease := func(owner string, after, length time.Duration, want string) {
			t.Helper()
			if got, err := again().Lease(ctx, "google_ads 1 c status", owner, start.Add(after), start.Add(after+length)); err != nil || got != want {
				t.Errorf("%s after %s: %q has it: %v", owner, after, got, err)
			}
		}
		lease("r1", 0, time.Minute, "r1")
		lease("r2", time.Second, time.Minute, "r1")
		lease("r1", 30*time.Second, time.Minute, "r1") // prolonged
		lease("r2", 80*time.Second, time.Minute, "r1")
		if err := l.Release(ctx, "google_ads 1 c status", "r2"); err != nil {
			t.Error(err)
		}
		lease("r2", 80*time.Second, time.Minute, "r1")
		lease("r2", 90*time.Second, time.Minute, "r2") // run out
		if err := l.Release(ctx, "google_ads 1 c status", "r2"); err != nil {
			t.Error(err)
		}
		lease("r3", 91*time.Second, time.Minute, "r3")
		// At no time at all whoever had it has it, its time up or not; long after
		// its end anybody may take it.
		for _, c := range []struct {
			owner string
			now   time.Time
			want  string
		}{{"r4", time.Time{}, "r3"}, {"r4", start.Add(1000 * time.Hour), "r4"}, {"r3", time.Time{}, "r4"}} {
			if got, err := l.Lease(ctx, "google_ads 1 c status", c.owner, c.now, start.Add(time.Minute)); err != nil || got != c.want {
				t.Errorf("%s at %s: %q has it: %v", c.owner, c.now, got, err)
			}
		}
	})
	t.Run("several at once", func(t *testing.T) {
		again := open(t)
		ledgers := []automation.Ledger{again(), again()}
		r := insert(t, ledgers[0], run("r", "", change("c1", "status", automation.Proposed)))
		var mu sync.Mutex
		won, keyed, leased := 0, 0, 0
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				l := ledgers[i%2]
				_, err := l.Advance(ctx, "r", r.Changes[0], automation.Executing, "", "", fmt.Sprint(i))
				_, inserted, err2 := l.Insert(ctx, run(fmt.Sprint("s", i), "key", change("c1", fmt.Sprint(i), automation.Proposed)))
				owner, err3 := l.Lease(ctx, "one", fmt.Sprint(i), start, start.Add(time.Minute))
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					won++
				} else if !fault.Is(err, fault.Conflict) {
					t.Error(err)
				}
				if inserted {
					keyed++
				}
				if owner == fmt.Sprint(i) {
					leased++
				}
				if err2 != nil || err3 != nil {
					t.Error(err2, err3)
				}
			})
		}
		wg.Wait()
		if won != 1 || keyed != 1 || leased != 1 {
			t.Errorf("%d moved one change, %d took one key, %d took one lease", won, keyed, leased)
		}
		verify(t, ledgers[0])
	})
	t.Run("a ledger that was tampered with does not verify", func(t *testing.T) {
		l := open(t)()
		for _, id := range []string{"r1", "r2"} {
			insert(t, l, run(id, "", change("c1", "status", automation.Denied)))
		}
		events, _ := l.Events(ctx, "")
		runs, _ := l.Runs(ctx, false, 0)
		for name, f := range map[string]func(){
			"altered event": func() { events[1].Actor = "nobody" },
			"sealed anew":   func() { events[1].Actor = "nobody"; events[1].Hash = events[1].Sum() },
			"missing event": func() { events = slices.Delete(events, 1, 2) },
			"swapped":       func() { events[1], events[2] = events[2], events[1] },
			"other value":   func() { runs[0].Changes[0].After = "REMOVED" },
			"other state":   func() { runs[0].Changes[0].State = automation.Verified },
			"other actor":   func() { runs[0].By = "nobody" },
			"new run":       func() { runs[0].ID = "r9" },
		} {
			keep, keepRuns := slices.Clone(events), []automation.Run{clone(runs[0]), clone(runs[1])}
			f()
			if automation.VerifyChain(events, runs...) == nil {
				t.Errorf("%s: it verifies", name)
			}
			events, runs = keep, keepRuns
		}
		verify(t, l)
	})
}
