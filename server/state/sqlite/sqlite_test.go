package sqlite_test

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"argo/automation"
	"argo/automation/automationtest"
	"argo/cache"
	"argo/cache/cachetest"
	"argo/server/state/sqlite"
	"argo/tables"
	"argo/tables/fault"
)

// A child process of the tests runs work until it is killed.
func TestMain(m *testing.M) {
	if path := os.Getenv("ARGO_STATE_CHILD"); path != "" {
		if err := work(path, os.Getenv("ARGO_STATE_NAME")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func open(t testing.TB, path string) *sqlite.DB {
	t.Helper()
	db, err := sqlite.Open(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func TestIndex(t *testing.T) {
	cachetest.TestIndex(t, func(t *testing.T) func() cache.Index {
		path := filepath.Join(t.TempDir(), "state.db")
		return func() cache.Index { return open(t, path).Index() }
	})
}

func TestLedger(t *testing.T) {
	automationtest.TestLedger(t, func(t *testing.T) func() automation.Ledger {
		path := filepath.Join(t.TempDir(), "state.db")
		return func() automation.Ledger { return open(t, path).Ledger() }
	})
}

func TestBook(t *testing.T) {
	automationtest.TestBook(t, func(t *testing.T) func() (automation.Ledger, automation.Book) {
		path := filepath.Join(t.TempDir(), "state.db")
		return func() (automation.Ledger, automation.Book) { db := open(t, path); return db.Ledger(), db.Book() }
	})
}

func TestPathWithEverything(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a b?c=%41&#d.db")
	open(t, path)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("others may read it: %s", info.Mode())
	}
}

func at(n int) time.Time {
	return time.Date(2026, 11, 22, 8, 30, 0, 0, time.UTC).Add(time.Duration(n) * time.Second)
}

func TestStatements(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "state.db")
	log := open(t, path).Statements()
	full := tables.Statement{ID: "q0", At: at(0), User: "demo@127.0.0.1", Database: "google_ads", Text: "SELECT ?\n", Elapsed: 12 * time.Millisecond, Rows: 3,
		Tables: []string{"google_ads.campaigns", "lake.orders"}, Warnings: 1, Code: 1105, Error: "no",
		Cost: tables.Cost{Calls: 2, RowsFetched: 100, Bytes: 5000, CellsCached: 7, CellsMissed: 8, Oldest: at(-60)}}
	if err := log.Add(ctx, full); err != nil {
		t.Fatal(err)
	}
	if err := log.Add(ctx, tables.Statement{ID: "q1", At: at(1)}); err != nil {
		t.Fatal(err)
	}
	got, err := open(t, path).Statements().Recent(ctx, 0)
	if err != nil || len(got) != 2 || !reflect.DeepEqual(got[1], full) || !reflect.DeepEqual(got[0], tables.Statement{ID: "q1", At: at(1)}) {
		t.Fatalf("%+v, %v", got, err)
	}
	if got, _ = log.Recent(ctx, 1); len(got) != 1 || got[0].ID != "q1" {
		t.Errorf("the newest is %+v", got)
	}
	sqlite.Keep(log, 50)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for j := range 30 {
				if err := log.Add(ctx, tables.Statement{ID: fmt.Sprint(i, j), At: at(j)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if got, err = log.Recent(ctx, 0); err != nil || len(got) != 50 {
		t.Errorf("%d are kept: %v", len(got), err)
	}
}

func TestWhatIsNotOpened(t *testing.T) {
	ctx := context.Background()
	raw := func(name, script string) string {
		path := filepath.Join(t.TempDir(), name)
		db, err := sql.Open("sqlite", path)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if _, err := db.ExecContext(ctx, script); err != nil {
			t.Fatal(err)
		}
		return path
	}
	text := filepath.Join(t.TempDir(), "text.db")
	if err := os.WriteFile(text, []byte(strings.Repeat("this is no database. ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	newer := filepath.Join(t.TempDir(), "newer.db")
	db, err := sqlite.Open(ctx, newer)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	func() {
		db, err := sql.Open("sqlite", newer)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if _, err := db.ExecContext(ctx, "PRAGMA user_version = 1000"); err != nil {
			t.Fatal(err)
		}
	}()
	for _, c := range []struct {
		path string
		kind fault.Kind
		says string
	}{
		{newer, fault.Config, "newer Argo (state version 1000"},
		{raw("other.db", "CREATE TABLE songs (id INTEGER)"), fault.Config, "not a state file of Argo"},
		{raw("marked.db", "PRAGMA application_id = 77"), fault.Config, "not a state file of Argo"},
		{text, fault.Broken, "damaged"},
		{filepath.Join(t.TempDir(), "no", "such", "folder.db"), fault.Config, "cannot make the state file"},
		{t.TempDir(), fault.Config, ""},
	} {
		db, err := sqlite.Open(ctx, c.path)
		if err == nil {
			_ = db.Close()
		}
		if !fault.Is(err, c.kind) || !strings.Contains(err.Error(), c.says) || fault.As(err).Hint == "" {
			t.Errorf("%s: %v (%s)", filepath.Base(c.path), err, fault.KindOf(err))
		}
	}
}

func TestEventsCannotBeAltered(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "state.db")
	if _, _, err := open(t, path).Ledger().Insert(ctx, run("r1", 0)); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, s := range []string{"UPDATE events SET actor = 'nobody'", "DELETE FROM events"} {
		if _, err := db.ExecContext(ctx, s); err == nil || !strings.Contains(err.Error(), "append only") {
			t.Errorf("%s: %v", s, err)
		}
	}
}

func TestEndedContext(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "state.db"))
	ctx, stop := context.WithCancel(context.Background())
	stop()
	if err := db.Statements().Add(ctx, tables.Statement{ID: "q"}); err == nil {
		t.Error("a write under an ended context")
	}
	if _, err := db.Statements().Recent(ctx, 0); err == nil {
		t.Error("a read under an ended context")
	}
	if err := db.Statements().Add(context.Background(), tables.Statement{ID: "q"}); err != nil {
		t.Error(err)
	}
}

func run(id string, n int) automation.Run {
	return automation.Run{ID: id, Source: "google_ads", Action: "pause_campaign", Args: "{}", By: "demo", CreatedAt: at(n), Changes: []automation.RunChange{{
		State:  automation.Proposed,
		Change: automation.Change{ID: "c", Account: "1", Target: id, Entity: "campaign " + id, Field: "status", Before: "ENABLED", After: "PAUSED"}}}}
}

func segment(id, account string) cache.Segment {
	return cache.Segment{ID: id, FetchedAt: at(0), UsedAt: at(0), Bytes: 1, Span: cache.Span{Source: "s", Table: "t", Account: account,
		Days: tables.Days{From: "2026-11-01", To: "2026-11-01"}, Columns: []string{"a"}}}
}

// work is a process that writes as a server does, for ever: a segment that
// replaces the one before, a run through its states. After each commit it says
// so on standard output.
func work(path, name string) error {
	ctx := context.Background()
	db, err := sqlite.Open(ctx, path)
	if err != nil {
		return err
	}
	old := []string(nil)
	for n := 0; ; n++ {
		id := fmt.Sprintf("%s-%06d", name, n)
		if err := db.Index().Commit(ctx, cache.Change{Add: []cache.Segment{segment(id, name)}, Drop: old}); err != nil {
			return err
		}
		fmt.Println("segment", id)
		old = []string{id}
		r, _, err := db.Ledger().Insert(ctx, run(id, n))
		if err != nil {
			return err
		}
		fmt.Println("proposed", id)
		c := r.Changes[0]
		for _, to := range []automation.State{automation.Executing, automation.Succeeded, automation.Verified} {
			c.At = at(n)
			if c, err = db.Ledger().Advance(ctx, id, c, to, "", "", "demo"); err != nil {
				return err
			}
			fmt.Println(to, id)
		}
		if err := db.Statements().Add(ctx, tables.Statement{ID: id, At: at(n)}); err != nil {
			return err
		}
	}
}

// TestKill kills two processes that write to one file, at random moments, again
// and again. What they said was committed is there, the rest is whole.
func TestKill(t *testing.T) {
	rounds := 12
	if testing.Short() {
		rounds = 4
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "state.db")
	open(t, path) // a third process has it open all the time
	r := rand.New(rand.NewPCG(1, 2))
	ctx := context.Background()
	last := map[string]string{} // what each child said last
	for round := range rounds {
		var wg sync.WaitGroup
		var mu sync.Mutex
		names := []string{fmt.Sprint("a", round), fmt.Sprint("b", round)}
		for _, name := range names {
			child := exec.Command(self)
			child.Env = append(os.Environ(), "ARGO_STATE_CHILD="+path, "ARGO_STATE_NAME="+name)
			child.Stderr = os.Stderr
			out, err := child.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := child.Start(); err != nil {
				t.Fatal(err)
			}
			lines := 20 + r.IntN(60)
			wg.Go(func() {
				for in := bufio.NewReader(out); ; lines-- {
					line, err := in.ReadString('\n')
					if err == io.EOF || lines == 0 {
						break
					}
					mu.Lock()
					last[name] = strings.TrimSpace(line)
					mu.Unlock()
				}
				_ = child.Process.Kill()
				_, _ = io.Copy(io.Discard, out)
				_ = child.Wait()
			})
		}
		wg.Wait()

		db, err := sqlite.Open(ctx, path)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			said, id, _ := strings.Cut(last[name], " ")
			segments, err := db.Index().Segments(ctx, "s", "t", name)
			if err != nil || len(segments) != 1 {
				t.Errorf("%s has %d segments: %v", name, len(segments), err)
			} else if segments[0].ID < id {
				t.Errorf("%s said %q, its segment is %s", name, last[name], segments[0].ID)
			}
			if said == "segment" {
				continue
			}
			states := []string{"proposed", "executing", "succeeded", "verified"}
			run, err := db.Ledger().Run(ctx, id)
			if err != nil || slices.Index(states, string(run.State)) < slices.Index(states, said) {
				t.Errorf("%s said %q, the run is %q: %v", name, last[name], run.State, err)
			}
		}
		runs, err := db.Ledger().Runs(ctx, false, 0)
		if err != nil {
			t.Fatal(err)
		}
		events, err := db.Ledger().Events(ctx, "")
		if err != nil {
			t.Fatal(err)
		}
		if err := automation.VerifyChain(events, runs...); err != nil {
			t.Error(err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
	raw, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	var ok string
	if err := raw.QueryRowContext(ctx, "PRAGMA integrity_check").Scan(&ok); err != nil || ok != "ok" {
		t.Errorf("integrity: %s, %v", ok, err)
	}
}

// Two that start at once on an empty folder take turns to make the tables.
func TestOpenAtOnce(t *testing.T) {
	for range 5 {
		path := filepath.Join(t.TempDir(), "state.db")
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				db, err := sqlite.Open(context.Background(), path)
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := db.Index().All(context.Background()); err != nil {
					t.Error(err)
				}
				if err := db.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	}
}

func BenchmarkAdvance(b *testing.B) {
	ctx := context.Background()
	l := open(b, filepath.Join(b.TempDir(), "state.db")).Ledger()
	n := 0
	for b.Loop() {
		n++
		r, _, err := l.Insert(ctx, run(fmt.Sprint(n), n))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := l.Advance(ctx, r.ID, r.Changes[0], automation.Cancelled, "", "", ""); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkStatement(b *testing.B) {
	log := open(b, filepath.Join(b.TempDir(), "state.db")).Statements()
	for b.Loop() {
		if err := log.Add(context.Background(), tables.Statement{ID: "q", Text: strings.Repeat("x", 500)}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSegments(b *testing.B) {
	ctx := context.Background()
	path := filepath.Join(b.TempDir(), "state.db")
	x := open(b, path).Index()
	var add []cache.Segment
	for i := range 50_000 {
		add = append(add, segment(fmt.Sprint(i), fmt.Sprint(i%200)))
	}
	if err := x.Commit(ctx, cache.Change{Add: add}); err != nil {
		b.Fatal(err)
	}
	b.Run("one account of 200, 250 segments", func(b *testing.B) {
		for b.Loop() {
			if _, err := x.Segments(ctx, "s", "t", "7"); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("all 50,000", func(b *testing.B) {
		for b.Loop() {
			if _, err := x.All(ctx); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("a restart", func(b *testing.B) {
		for b.Loop() {
			db, err := sqlite.Open(ctx, path)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := db.Index().All(ctx); err != nil {
				b.Fatal(err)
			}
			if err := db.Close(); err != nil {
				b.Fatal(err)
			}
		}
	})
}
