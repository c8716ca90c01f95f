package cache_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"argo/cache"
	"argo/cache/cachetest"
	"argo/tables"
	"argo/tables/fault"
)

// office is a fixture with a worker.
type office struct {
	*fixture
	jobs   cache.Jobs
	worker *cache.Worker
	served tables.Table
	stop   func() // of Run
}

func hire(t *testing.T, change func(*cache.Options, *tables.Table), work func(*cache.WorkerOptions)) *office {
	o := &office{fixture: setup(t, change), jobs: cachetest.NewJobs()}
	o.employ(work)
	t.Cleanup(func() { o.close() })
	return o
}

// employ begins a new life of the worker on the fixture's cache.
func (o *office) employ(work func(*cache.WorkerOptions)) {
	o.Helper()
	w := cache.WorkerOptions{Cache: o.cache, Jobs: o.jobs}
	if work != nil {
		work(&w)
	}
	var err error
	if o.worker, err = cache.NewWorker(w); err != nil {
		o.Fatal(err)
	}
	o.served = o.worker.Serve("ads", o.table)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	worker := o.worker
	wg.Go(func() { worker.Run(ctx) })
	o.stop = func() { cancel(); wg.Wait() }
}

func (o *office) close() {
	o.stop()
	o.worker.Close()
}

// job gives the newest of a kind.
func (o *office) job(kind string) cache.Job {
	o.Helper()
	all, err := o.jobs.List(context.Background())
	if err != nil {
		o.Fatal(err)
	}
	for _, j := range all {
		if j.Kind == kind {
			return j
		}
	}
	return cache.Job{}
}

func (o *office) order(from, to tables.Day, options string) cache.Order {
	return cache.Order{Table: "ads.perf", From: "2026-" + from, To: "2026-" + to, Options: options, By: "kim"}
}

func (o *office) count() int {
	o.source.mu.Lock()
	defer o.source.mu.Unlock()
	return len(o.calls)
}

// most is how often the source was asked for the cell that it was asked for
// most often, and how many cells it was asked for.
func (o *office) most() (times, cells int) {
	o.source.mu.Lock()
	defer o.source.mu.Unlock()
	for _, n := range o.fetched {
		times = max(times, n)
	}
	return times, len(o.fetched)
}

func weekly(o *cache.Options, t *tables.Table) { t.MaxDays, o.Parallel = 7, 1 }

func TestBackfill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := hire(t, weekly, nil)
		o.must(query("1", days("11-01", "11-03"), "cost")) // is there already, with these columns
		o.asked(t, "1 11-01..11-03 a,account,b,cost,date,id")
		j, err := o.worker.Backfill(context.Background(), o.order("10-25", "11-10", `{"columns": ["cost"], "reason": "tea"}`))
		if err != nil || j.State != cache.Queued || j.Days != days("10-25", "11-10") {
			t.Fatalf("%+v %v", j, err)
		}
		synctest.Wait()
		j = o.job(cache.KindBackfill)
		if j.State != cache.Done || j.Cells != 34 || j.Done != 34 || j.Error != "" || j.By != "kim" || j.Rows == 0 {
			t.Errorf("the job is %+v", j)
		}
		// The newest days first; what is there is left alone.
		o.source.mu.Lock()
		calls := slices.Clone(o.calls)
		o.source.mu.Unlock()
		want := []string{"1 11-04..11-10", "2 11-04..11-10", "1 10-28..10-31", "2 10-28..11-03", "1 10-25..10-27", "2 10-25..10-27"}
		for i := range calls {
			calls[i], _, _ = strings.Cut(calls[i], " a,account")
		}
		if !slices.Contains(want[:4], calls[0]) || !slices.Equal(slices.Sorted(slices.Values(calls)), slices.Sorted(slices.Values(want))) {
			t.Errorf("asked %q, not %q, of which four are on their way at once", calls, want)
		}
		if times, cells := o.most(); times != 1 || cells != 34 {
			t.Errorf("%d cells, %d times", cells, times)
		}
		o.calls = nil
		if _, err := o.worker.Backfill(context.Background(), o.order("10-25", "11-10", `{"columns": ["cost"], "wait": "1m"}`)); err != nil {
			t.Error(err)
		}
		o.asked(t)
		// Of one account, with all columns.
		j, err = o.worker.Backfill(context.Background(), o.order("10-20", "10-31", `{"accounts": ["2"], "wait": "1m"}`))
		if err != nil || j.State != cache.Done || j.Account != "2" {
			t.Errorf("%+v %v", j, err)
		}
		o.asked(t, "2 10-20..10-24 a,account,b,cost,date,id")
		if _, err := o.worker.Backfill(context.Background(), o.order("10-25", "10-31", `{"any_columns": true, "wait": "1m"}`)); err != nil {
			t.Error(err)
		}
		o.asked(t)
	})
}

func TestOrders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := hire(t, weekly, nil)
		plain := o.source.table()
		plain.Name, plain.Day, plain.Since = "entity", "", ""
		entity := o.worker.Serve("ads", o.cache.Wrap("ads", plain))
		ctx := context.Background()
		for _, c := range []struct {
			order cache.Order
			kind  fault.Kind
			want  string
		}{
			{cache.Order{Table: "ads.nope"}, fault.NotFound, "no table"},
			{cache.Order{Table: "perf"}, fault.NotFound, "no table"},
			{cache.Order{Table: "ads.perf", May: func(string) bool { return false }}, fault.NotFound, "no table"},
			{cache.Order{Table: "ads.perf", From: "yesterday"}, fault.Invalid, "not a day"},
			{cache.Order{Table: "ads.perf", From: "2026-11-10", To: "2026-11-01"}, fault.Invalid, "no days"},
			{cache.Order{Table: "ads.entity", From: "2026-11-10"}, fault.Invalid, "has no days"},
			{cache.Order{Table: "ads.perf", Options: `{"acounts": []}`}, fault.Invalid, `unknown field "acounts"`},
			{cache.Order{Table: "ads.perf", Options: `[]`}, fault.Invalid, "cannot be read"},
			{cache.Order{Table: "ads.perf", Options: `{} {}`}, fault.Invalid, "stands after"},
			{cache.Order{Table: "ads.perf", Options: `{"wait": "soon"}`}, fault.Invalid, "not a duration"},
			{cache.Order{Table: "ads.perf", Options: `{"asks": [{}]}`}, fault.Invalid, "no options"},
			{cache.Order{Table: "ads.perf", Options: `{"columns": ["costs"]}`}, fault.Invalid, `no column "costs"`},
		} {
			_, err := o.worker.Backfill(ctx, c.order)
			if !fault.Is(err, c.kind) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%+v: %v", c.order, err)
			}
		}
		o.asked(t)
		j, err := o.worker.Backfill(ctx, cache.Order{Table: "`ads`.`perf`", Options: "null"})
		if err != nil || j.Days.From != "2026-01-01" || j.Days.To != "2026-11-22" {
			t.Errorf("%+v %v", j, err)
		}
		if _, err := o.worker.Backfill(ctx, cache.Order{Table: "perf", Database: "ads", From: "2026-11-21"}); err != nil {
			t.Error(err)
		}
		j, err = o.worker.Refresh(ctx, cache.Order{Table: "ads." + entity.Name, Options: `{"accounts": ["1"]}`})
		if err != nil || j.State != cache.Done || j.Cells != 1 || !j.Days.IsZero() {
			t.Errorf("%+v %v", j, err)
		}
		// Without days a refresh is of those that may still be restated.
		j, err = o.worker.Refresh(ctx, cache.Order{Table: "ads.perf", Options: `{"accounts": ["1"], "wait": "0s"}`})
		if err != nil || j.Days.From != "2026-11-18" {
			t.Errorf("%+v %v", j, err)
		}
		j, err = o.worker.Backfill(ctx, o.order("11-01", "11-02", `{"accounts": ["9"], "wait": "1m"}`))
		if !fault.Is(err, fault.NotFound) || j.State != cache.Failed || !strings.Contains(j.Error, `no account "9"`) {
			t.Errorf("%+v %v", j, err)
		}
	})
}

// A worker that dies in the middle leaves its job to the next, which fetches
// nothing again: not even days that have expired meanwhile.
func TestBackfillGoesOn(t *testing.T) {
	for name, die := range map[string]func(o *office, ctx context.Context, jobs *hold){
		"stopped":                 func(o *office, _ context.Context, _ *hold) { o.close() },
		"killed":                  func(_ *office, _ context.Context, jobs *hold) { jobs.dead.Store(true) },
		"killed, and known to be": func(_ *office, _ context.Context, jobs *hold) { jobs.dead.Store(true) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				jobs := &hold{Jobs: cachetest.NewJobs()}
				dying := func(c *cache.Options, t *tables.Table) {
					weekly(c, t)
					c.Index, c.Owner = mortalIndex{c.Index, jobs}, "one"
				}
				o := hire(t, dying, func(w *cache.WorkerOptions) { w.Jobs = jobs })
				o.jobs = jobs
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				o.before = func(ctx context.Context, s tables.Scan) {
					if o.count() > 5 { // of 12
						select {
						case <-ctx.Done():
						case <-time.After(time.Hour):
						}
						return
					}
					pass(time.Minute)
				}
				if _, err := o.worker.Backfill(ctx, o.order("10-12", "11-22", "")); err != nil {
					t.Fatal(err)
				}
				pass(10 * time.Minute)
				if j := o.job(cache.KindBackfill); j.State != cache.Running || j.Done == 0 || j.Done >= j.Cells || j.Owner != "one" {
					t.Fatalf("in the middle it is %+v", j)
				}
				die(o, ctx, jobs)
				o.mu.Lock()
				o.before = nil
				o.mu.Unlock()
				second := *o
				second.fixture = &fixture{T: t, source: o.source, index: o.index, store: o.store}
				second.start(func(c *cache.Options, t *tables.Table) {
					weekly(c, t)
					c.Owner = "two"
					if name == "killed, and known to be" {
						c.Alive = func(owner string) bool { return owner == "two" }
					}
				})
				second.jobs = jobs.Jobs
				begun := now()
				second.employ(nil)
				defer second.close()
				pass(2 * time.Minute)
				if j := second.job(cache.KindBackfill); name == "killed, and known to be" && j.EndedAt.Sub(begun) > 5*time.Second {
					t.Errorf("it was waited for until %s", j.EndedAt.Sub(begun))
				}
				j := second.job(cache.KindBackfill)
				if j.State != cache.Done || j.Owner != "two" || j.Done != 84 {
					t.Errorf("the second leaves it %+v", j)
				}
				for cell, n := range o.fetched {
					if n != 1 {
						t.Errorf("%s was fetched %d times", cell, n)
					}
				}
			})
		})
	}
}

// hold is a Jobs that a dead process does not reach any more.
type hold struct {
	cache.Jobs
	dead atomicBool
}

type atomicBool struct {
	mu sync.Mutex
	is bool
}

func (b *atomicBool) Store(v bool) { b.mu.Lock(); b.is = v; b.mu.Unlock() }
func (b *atomicBool) Load() bool   { b.mu.Lock(); defer b.mu.Unlock(); return b.is }

// mortalIndex is the index of such a process.
type mortalIndex struct {
	cache.Index
	process *hold
}

func (x mortalIndex) Commit(ctx context.Context, c cache.Change) error {
	if x.process.dead.Load() {
		return fmt.Errorf("it is dead")
	}
	return x.Index.Commit(ctx, c)
}

func (x mortalIndex) Extend(ctx context.Context, ids []string, until time.Time) error {
	if x.process.dead.Load() {
		return fmt.Errorf("it is dead")
	}
	return x.Index.Extend(ctx, ids, until)
}

func (h *hold) Save(ctx context.Context, owner string, j cache.Job) error {
	if h.dead.Load() {
		return fmt.Errorf("it is dead")
	}
	return h.Jobs.Save(ctx, owner, j)
}

func (h *hold) Take(ctx context.Context, owner string, now, until time.Time, kinds ...string) (*cache.Job, error) {
	if h.dead.Load() {
		return nil, nil
	}
	return h.Jobs.Take(ctx, owner, now, until, kinds...)
}

func TestCancelJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := hire(t, weekly, nil)
		o.before = func(ctx context.Context, _ tables.Scan) {
			select {
			case <-ctx.Done():
			case <-time.After(time.Minute):
			}
		}
		ctx := context.Background()
		j, err := o.worker.Backfill(ctx, o.order("10-12", "11-22", ""))
		if err != nil {
			t.Fatal(err)
		}
		pass(90 * time.Second)
		if _, err := o.worker.Cancel(ctx, j.ID, func(string) bool { return false }); !fault.Is(err, fault.NotFound) {
			t.Errorf("cancelled by one who may not see it: %v", err)
		}
		got, err := o.worker.Cancel(ctx, j.ID, nil)
		if err != nil || got.State != cache.Cancelled {
			t.Errorf("%+v %v", got, err)
		}
		n := o.count()
		pass(10 * time.Minute)
		if o.count() > n+3 || n == 0 || n > 5 {
			t.Errorf("%d calls before, %d after", n, o.count())
		}
		if got := o.job(cache.KindBackfill); got.State != cache.Cancelled || got.EndedAt.IsZero() {
			t.Errorf("it is %+v", got)
		}
		if _, err := o.worker.Cancel(ctx, j.ID, nil); !fault.Is(err, fault.Conflict) {
			t.Errorf("cancelled twice: %v", err)
		}
	})
}

// One account that is throttled, one that is denied and one that is down for a
// while: each has what it deserves, and the others go on.
func TestBackfillFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := hire(t, func(c *cache.Options, t *tables.Table) {
			weekly(c, t)
			c.Parallel = 4
			t.Accounts = func(context.Context) ([]tables.Account, error) {
				return []tables.Account{{ID: "1"}, {ID: "2"}, {ID: "3"}}, nil
			}
		}, nil)
		o.versions["3"] = 1
		begun := now()
		o.fail = func(s tables.Scan) error {
			switch {
			case s.Account == "1" && now().Sub(begun) < 5*time.Hour:
				f := fault.New(fault.Throttled, "the day's quota is used up")
				f.RetryAfter = begun.Add(5 * time.Hour).Sub(now())
				return f
			case s.Account == "2" && now().Sub(begun) < 10*time.Minute:
				return fault.New(fault.Unavailable, "maintenance")
			case s.Account == "3":
				return fault.New(fault.Denied, "no access to 3")
			}
			return nil
		}
		if _, err := o.worker.Backfill(context.Background(), o.order("10-26", "11-08", "")); err != nil {
			t.Fatal(err)
		}
		pass(2 * time.Hour)
		j := o.job(cache.KindBackfill)
		if j.State != cache.Running || j.Done != 28 || !strings.Contains(j.Error, "account 1 waits until 2026-11-22 13:00:00 UTC") {
			t.Errorf("after two hours it is %+v", j)
		}
		if n := o.count(); n > 40 {
			t.Errorf("the source was asked %d times", n)
		}
		pass(4 * time.Hour)
		j = o.job(cache.KindBackfill)
		if j.State != cache.Done || j.Done != 42 || !strings.HasPrefix(j.Error, "1 of 3 accounts cannot be read (3): ") {
			t.Errorf("in the end it is %+v", j)
		}
		o.fail = func(tables.Scan) error { return fault.New(fault.Auth, "the token has expired") }
		j, err := o.worker.Refresh(context.Background(), o.order("11-01", "11-02", ""))
		if !fault.Is(err, fault.Auth) || j.State != cache.Failed || !strings.Contains(j.Error, "the token has expired") {
			t.Errorf("%+v %v", j, err)
		}
	})
}

func TestRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := hire(t, weekly, nil)
		purposes := make(chan tables.Purpose, 100)
		ctx := context.Background()
		o.must(query("1", days("11-01", "11-07"), "cost"))
		o.asked(t, "1 11-01..11-07 a,account,b,cost,date,id")
		o.version("1", 2)
		o.before = func(ctx context.Context, _ tables.Scan) {
			purposes <- tables.PurposeOf(ctx)
			pass(8 * time.Second)
		}
		pass(time.Second)
		// Settled days too, of every account.
		j, err := o.worker.Refresh(ctx, o.order("11-01", "11-07", ""))
		if err != nil || j.State != cache.Running {
			t.Errorf("within ten seconds: %+v %v", j, err)
		}
		pass(time.Minute)
		if j = o.job(cache.KindRefresh); j.State != cache.Done || j.Done != 14 || j.Calls != 0 && j.Calls != 2 {
			t.Errorf("it is %+v", j)
		}
		if a, b := <-purposes, <-purposes; a != tables.Asking {
			t.Errorf("while somebody waits it is for %s, then for %s", a, b)
		}
		o.source.mu.Lock()
		slices.Sort(o.calls)
		o.source.mu.Unlock()
		o.asked(t, "1 11-01..11-07 a,account,b,cost,date,id", "2 11-01..11-07 a,account,b,cost,date,id")
		o.before = nil
		for _, row := range o.must(query("1", days("11-01", "11-07"), "cost")) {
			if !strings.HasSuffix(row, " 2") {
				t.Errorf("after the refresh there is %q", row)
			}
		}
		o.asked(t)
	})
}

// A dashboard that is loaded each hour finds what it asks for, and costs no
// more calls than without.
func TestWarming(t *testing.T) {
	calls := map[bool]int{}
	for _, warming := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			o := hire(t, nil, func(w *cache.WorkerOptions) { w.NoWarming = !warming })
			waited, hour := 0, 0
			o.before = func(ctx context.Context, _ tables.Scan) {
				if hour > 3 && tables.PurposeOf(ctx) == tables.Asking {
					waited++
				}
			}
			for ; hour < 30; hour++ {
				s := query("1", tables.Days{From: "2026-11-15", To: tables.DayOf(now().In(seoul))}, "cost")
				_, release, err := o.served.Files(context.Background(), s)
				if err != nil {
					t.Fatal(err)
				}
				release()
				pass(time.Hour + time.Duration(hour%3-1)*10*time.Second)
			}
			calls[warming] = o.count()
			if warming && waited > 0 {
				t.Errorf("the dashboard has waited %d times", waited)
			}
			if !warming && waited < 25 {
				t.Errorf("without warming it has waited %d times only", waited)
			}
			// Nobody asks any more: once it is warmed in vain, then never again.
			before := o.count()
			pass(12 * time.Hour)
			if n := o.count() - before; n > 1 {
				t.Errorf("%d calls for nobody", n)
			}
			if warming {
				if j := o.job(cache.KindWarm); j.State != cache.Done || j.By != "argo" {
					t.Errorf("the last warming is %+v", j)
				}
			}
		})
	}
	if calls[true] > calls[false]+1 {
		t.Errorf("%d calls with warming, %d without", calls[true], calls[false])
	}
}

var seoul = func() *time.Location {
	l, err := time.LoadLocation("Asia/Seoul")
	if err != nil {
		panic(err)
	}
	return l
}()

// What dashboards ask for is known to the next process.
func TestHabitsOutliveTheProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := hire(t, nil, nil)
		ask := func(table tables.Table) {
			_, release, err := table.Files(context.Background(), query("1", tables.Days{From: "2026-11-20", To: "2026-11-22"}, "cost"))
			if err != nil {
				t.Fatal(err)
			}
			release()
		}
		for range 4 {
			ask(o.served)
			pass(20 * time.Minute)
		}
		o.close()
		o.employ(nil) // 09:20, the next ask is due
		was := o.job(cache.KindWarm)
		if was.State != cache.Done {
			t.Errorf("the first process has not warmed: %+v", was)
		}
		ask(o.served)
		pass(19 * time.Minute)
		if j := o.job(cache.KindWarm); j.State != cache.Done || j.ID == was.ID {
			t.Errorf("the second has not: %+v", j)
		}
	})
}

func TestHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := hire(t, weekly, nil)
		ctx := context.Background()
		queue := func() {
			t.Helper()
			if err := o.worker.History(ctx, "ads", func(today tables.Day) tables.Day { return today.Add(-29) }, "history: 30d"); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		o.must(query("1", days("11-01", "11-20"), "cost")) // any columns will do
		o.source.calls = nil
		queue()
		j := o.job(cache.KindBackfill)
		if j.State != cache.Done || j.By != "config" || j.Days != days("10-24", "11-22") {
			t.Errorf("it is %+v", j)
		}
		if times, cells := o.most(); times != 1 || cells != 60-1 { // in Los Angeles the 22nd has begun, too
			if times != 1 || cells != 60 {
				t.Errorf("%d cells, %d times", cells, times)
			}
		}
		queue()
		all, _ := o.jobs.List(ctx)
		if len(all) != 1 {
			t.Errorf("what is there is queued again: %+v", all)
		}
		if err := o.cache.Forget(ctx, "ads", "perf", "1"); err != nil {
			t.Fatal(err)
		}
		o.before = func(context.Context, tables.Scan) { pass(time.Hour) }
		queue()
		queue() // is open
		if all, _ = o.jobs.List(ctx); len(all) != 2 {
			t.Errorf("queued while it is open: %+v", all)
		}
		if _, err := o.worker.Cancel(ctx, o.job(cache.KindBackfill).ID, nil); err != nil {
			t.Error(err)
		}
		queue() // called off today
		if all, _ = o.jobs.List(ctx); len(all) != 2 {
			t.Errorf("queued after it was called off: %+v", all)
		}
		pass(2 * time.Hour)
	})
}

func TestNight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var did []string
		o := hire(t, nil, func(w *cache.WorkerOptions) {
			w.Night = 3
			w.Compact = func(_ context.Context, source, table string) (int64, error) {
				mu.Lock()
				defer mu.Unlock()
				did = append(did, now().Format("15h ")+source+"."+table)
				return 7, nil
			}
			w.Nightly = func(context.Context) error {
				mu.Lock()
				defer mu.Unlock()
				did = append(did, "sweep")
				return nil
			}
		})
		pass(60 * time.Hour)
		if want := []string{"08h .", "sweep", "03h .", "sweep", "03h .", "sweep"}; !slices.Equal(did, want) {
			t.Errorf("at night: %q, not %q", did, want)
		}
		if j, err := o.worker.Compact(context.Background(), cache.Order{Table: "ads.perf", Options: `{"wait": "1m"}`}); err != nil || j.State != cache.Done || j.Done != 7 || j.Days.From != "" {
			t.Errorf("%+v %v", j, err)
		}
		if did[len(did)-1] != "20h ads.perf" {
			t.Errorf("compacted %q", did)
		}
	})
}

func TestCoverage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := hire(t, nil, nil)
		o.must(query("1", days("11-17", "11-22"), "cost"))
		pass(time.Hour)
		var got []string
		for c, err := range o.worker.Coverage(context.Background(), cache.Filter{Days: days("11-15", "11-22"), Want: func(_, _, account string) bool { return account == "1" }}) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, fmt.Sprintln(short(c.Day), c.State, c.Finality, short(c.FinalOn), c.Columns, c.Quality))
		}
		want := `11-22 expired partial_day 11-26 6 unchecked
11-21 fresh provisional 11-25 6 unchecked
11-20 fresh provisional 11-24 6 unchecked
11-19 fresh provisional 11-23 6 unchecked
11-18 fresh final 11-22 6 unchecked
11-17 fresh final 11-21 6 unchecked
11-16 missing  11-20 0 
11-15 missing  11-19 0 
`
		if text := strings.Join(got, ""); text != want {
			t.Errorf("the coverage is\n%s\nnot\n%s", text, want)
		}
	})
}
