package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"argo/cache"
	"argo/cache/cachetest"
	"argo/server/state/sqlite"
	"argo/tables"
)

func TestJobs(t *testing.T) {
	cachetest.TestJobs(t, func(t *testing.T) cache.Jobs { return open(t, filepath.Join(t.TempDir(), "state.db")).Jobs() })
}

// Two handles on one file are two processes: what one adds to a budget the
// other has, and nothing is lost between them.
func TestQuotas(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "state.db")
	one, two := open(t, path).Quotas(), open(t, path).Quotas()
	add := func(states map[string][]byte) error {
		for _, key := range []string{"token", "account"} {
			n, _ := strconv.Atoi(string(states[key]))
			states[key] = []byte(strconv.Itoa(n + 1))
		}
		return nil
	}
	var wg sync.WaitGroup
	for _, q := range []tables.Quotas{one, two} {
		for range 4 {
			wg.Go(func() {
				for range 50 {
					if err := q.Update(ctx, []string{"token", "account"}, add); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	wg.Wait()
	failed := errors.New("no")
	if err := one.Update(ctx, []string{"token"}, func(s map[string][]byte) error { s["token"] = nil; s["x"] = []byte("y"); return failed }); !errors.Is(err, failed) {
		t.Errorf("the error of f is %v", err)
	}
	if err := one.Update(ctx, []string{"account"}, func(s map[string][]byte) error { delete(s, "account"); return nil }); err != nil {
		t.Error(err)
	}
	all, err := two.All(ctx)
	if err != nil || len(all) != 1 || string(all["token"]) != "400" {
		t.Errorf("the budgets are %q: %v", all, err)
	}
}

func TestCalls(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "state.db")
	db := open(t, path)
	log := db.Calls()
	sqlite.KeepCalls(log, 3)
	call := func(n int) tables.Call {
		return tables.Call{At: at(n), Connection: "ads", Table: "perf", Account: "1", Days: tables.Days{From: "2026-11-01", To: "2026-11-02"},
			Purpose: tables.Backfilling, Method: "POST", Endpoint: "/v25/search", Scopes: []string{"token", "account/1"}, Units: 2, Attempt: 1, Status: 200,
			Outcome: "ok", Rows: 3, Bytes: 4, Elapsed: 1500 * time.Microsecond, Statement: "S"}
	}
	for n := range 5 {
		log.Record(call(n))
	}
	read := func(from, to time.Time) (out []tables.Call) {
		for c, err := range log.Recent(ctx, from, to) {
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, c)
		}
		return out
	}
	same := func(what string, got, want []tables.Call) {
		if !slices.EqualFunc(got, want, func(a, b tables.Call) bool { return fmt.Sprint(a) == fmt.Sprint(b) }) {
			t.Errorf("%s: %v\nnot %v", what, got, want)
		}
	}
	same("the newest", read(time.Time{}, time.Time{}), []tables.Call{call(4), call(3), call(2)})
	same("a range", read(at(3), at(3)), []tables.Call{call(3)})
	for range log.Recent(ctx, time.Time{}, time.Time{}) {
		break // a reader may go
	}
	log.Record(call(6))
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	log.Record(call(7)) // too late, and harmless
	log = open(t, path).Calls()
	same("what waited at the close", read(at(6), time.Time{}), []tables.Call{call(6)})
}

// While another process keeps the file locked, calls wait in memory and hold
// nobody up.
func TestCallsNeverBlock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	db := open(t, path)
	sqlite.Wait(db.Calls(), 500)
	release := sqlite.Lock(t, path)
	start := time.Now()
	for n := range 1000 {
		db.Calls().Record(tables.Call{At: at(n)})
	}
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("1,000 calls were recorded in %s", took)
	}
	release()
	n, lost := 0, ""
	for c, err := range db.Calls().Recent(context.Background(), time.Time{}, time.Time{}) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; c.Outcome == "lost" {
			lost = c.Message
		}
	}
	if n < 501 || n > 1000 || !strings.Contains(lost, "calls before this one were not recorded") {
		t.Errorf("%d calls were kept, and of the others it is said %q", n, lost)
	}
}

// A version moves with every change of a table and account, in another process
// too, and with nothing else.
func TestVersions(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "state.db")
	one, two := open(t, path), open(t, path)
	x, y := one.Index(), two.Index()
	version := func() int64 {
		t.Helper()
		n, err := x.(cache.Versions).Version(ctx, "s", "t", "1")
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	last := version()
	expect := func(moved bool, what string, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(what, err)
		}
		n := version()
		if (n != last) != moved {
			t.Errorf("%s: the version was %d and is %d", what, last, n)
		}
		if last = n; version() != n {
			t.Errorf("%s: the version moved by itself", what)
		}
	}
	a, other := segment("a", "1"), segment("b", "2")
	expect(true, "add", x.Commit(ctx, cache.Change{Add: []cache.Segment{a}}))
	expect(false, "another account", y.Commit(ctx, cache.Change{Add: []cache.Segment{other}}))
	expect(false, "touch", y.Touch(ctx, []string{"a"}, at(1)))
	expect(true, "retire elsewhere", y.Commit(ctx, cache.Change{Retire: []string{"a"}, At: at(2)}))
	expect(true, "empty", y.Commit(ctx, cache.Change{Empty: []string{"a"}}))
	expect(true, "drop", y.Commit(ctx, cache.Change{Drop: []string{"a"}}))
	expect(true, "add elsewhere", y.Commit(ctx, cache.Change{Add: []cache.Segment{segment("c", "1")}}))
	_, err := y.Forget(ctx, "s", "t", "1", at(3))
	expect(true, "forget", err)
	expect(false, "a budget", two.Quotas().Update(ctx, []string{"k"}, func(s map[string][]byte) error { s["k"] = []byte("1"); return nil }))
}

func BenchmarkAdmit(b *testing.B) {
	ctx := context.Background()
	q := open(b, filepath.Join(b.TempDir(), "state.db")).Quotas()
	keys := []string{"token", "app", "account/1", "endpoint/search"}
	n := 0
	for b.Loop() {
		n++
		if err := q.Update(ctx, keys, func(states map[string][]byte) error {
			for _, key := range keys {
				states[key] = fmt.Appendf(nil, `{"law":"bucket","level":%d,"slots":[1,2,3,4,5,6,7,8]}`, n)
			}
			return nil
		}); err != nil {
			b.Fatal(err)
		}
	}
}

// Two processes that take from the same budgets as fast as they can.
func BenchmarkAdmitOfTwo(b *testing.B) {
	ctx := context.Background()
	path := filepath.Join(b.TempDir(), "state.db")
	handles := []tables.Quotas{open(b, path).Quotas(), open(b, path).Quotas()}
	var wg sync.WaitGroup
	var worst [2]time.Duration
	b.ResetTimer()
	for i, q := range handles {
		wg.Go(func() {
			for n := range b.N/2 + 1 {
				start := time.Now()
				if err := q.Update(ctx, []string{"token", "account/1"}, func(states map[string][]byte) error {
					states["token"], states["account/1"] = fmt.Append(nil, i, n), fmt.Append(nil, n)
					return nil
				}); err != nil {
					b.Error(err)
				}
				worst[i] = max(worst[i], time.Since(start))
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(max(worst[0], worst[1]).Milliseconds()), "worst-ms")
}

func BenchmarkVersion(b *testing.B) {
	ctx := context.Background()
	x := open(b, filepath.Join(b.TempDir(), "state.db")).Index().(cache.Versions)
	for b.Loop() {
		if _, err := x.Version(ctx, "s", "t", "1"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRecord(b *testing.B) {
	l := open(b, filepath.Join(b.TempDir(), "state.db")).Calls()
	for b.Loop() {
		l.Record(tables.Call{Connection: "ads", Table: "perf", Endpoint: "/v25/search"})
	}
}
