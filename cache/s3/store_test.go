package s3

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"argo/cache"
	"argo/cache/cachetest"
	"argo/tables"

	_ "github.com/duckdb/duckdb-go/v2"
)

func TestStoreConformance(t *testing.T) {
	cachetest.TestStore(t, func(t *testing.T) func() cache.Store {
		o, dir, first := options(server(t)), t.TempDir(), true
		return func() cache.Store {
			if !first { // another node
				dir = t.TempDir()
			}
			first = false
			return newStore(t, open(t, o), dir, StoreOptions{})
		}
	}, func(t *testing.T, s cache.Store, path string, columns []tables.Column) (out []tables.Row) {
		dir := s.(*Store).o.Disk
		place := filepath.Base(path)
		var found string
		must(t, dir.Files(t.Context(), func(p string, _ int64, _ time.Time) {
			if filepath.Base(p)+suffix == place {
				found = p
			}
		}))
		if found == "" { // another node's disk: any reader does
			found = place[:len(place)-len(suffix)]
		}
		for row, err := range dir.Read(t.Context(), found, columns) {
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, row)
		}
		return out
	})
}

// TestNodes: a node with an empty disk reads what another has written, and
// downloads it once, however many ask.
func TestNodes(t *testing.T) {
	s := server(t)
	o := options(s)
	ctx := t.Context()
	a, b := newStore(t, open(t, o), t.TempDir(), StoreOptions{}), newStore(t, open(t, o), t.TempDir(), StoreOptions{})
	id := newID()
	_, size, err := a.Write(ctx, id, columns, rows(1000))
	must(t, err)
	s.Requests()
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			path, err := b.Path(ctx, id)
			if err != nil {
				t.Error(err)
				return
			}
			if info, err := os.Stat(path); err != nil || info.Size() != size {
				t.Error(info, err)
			}
		})
	}
	wg.Wait()
	if got := s.Requests(); len(got) > 1 {
		t.Errorf("twenty readers sent %q", got)
	}
	must(t, a.Remove(ctx, id))
	if list, err := b.List(ctx); err != nil || len(list) != 0 {
		t.Error(list, err)
	}
	if _, err := newStore(t, open(t, o), t.TempDir(), StoreOptions{}).Path(ctx, id); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	for _, place := range []string{"", "../x", "x"} {
		if _, err := b.Path(ctx, place); err == nil {
			t.Errorf("%q has a path", place)
		}
		if err := b.Remove(ctx, place); err == nil {
			t.Errorf("%q was removed", place)
		}
	}
}

// TestImpatient: who gives up waiting ends the download only if nobody else
// waits, and the next one begins anew.
func TestImpatient(t *testing.T) {
	s := s3testOnly(t)
	o := options(s)
	ctx := t.Context()
	id := newID()
	a, b := newStore(t, open(t, o), t.TempDir(), StoreOptions{}), newStore(t, open(t, o), t.TempDir(), StoreOptions{})
	_, _, err := a.Write(ctx, id, columns, rows(10))
	must(t, err)
	stuck, free := make(chan struct{}), make(chan struct{})
	var once sync.Once
	s.Before = func(_ http.ResponseWriter, r *http.Request) bool {
		once.Do(func() { close(stuck) })
		<-free
		return false
	}
	impatient, giveUp := context.WithCancel(ctx)
	results := make(chan error, 2)
	go func() { _, err := b.Path(impatient, id); results <- err }()
	<-stuck
	giveUp()
	if err := <-results; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	go func() { _, err := b.Path(ctx, id); results <- err }()
	close(free)
	if err := <-results; err != nil {
		t.Error(err)
	}
}

// TestUploadFails: a segment that is not in the bucket is not on the disk
// either, and the other way round after a crash.
func TestUploadFails(t *testing.T) {
	s := s3testOnly(t)
	o := options(s)
	ctx := t.Context()
	dir := t.TempDir()
	store := newStore(t, open(t, o), dir, StoreOptions{})
	s.Before = func(w http.ResponseWriter, _ *http.Request) bool { return busy(w) }
	id := newID()
	if _, _, err := store.Write(ctx, id, columns, rows(10)); err == nil {
		t.Error("written without a bucket")
	}
	if entries, _ := os.ReadDir(dir); len(entries) > 0 {
		t.Errorf("left behind: %v", entries)
	}
	s.Before = nil
	if _, _, err := store.Write(ctx, id, columns, rows(10)); err != nil {
		t.Error("the place cannot be written again:", err)
	}
	orphan := newID()
	_, _, err := store.o.Disk.Write(ctx, orphan, columns, rows(10)) // and the process died
	must(t, err)
	again := newStore(t, open(t, o), dir, StoreOptions{})
	if list, err := again.List(ctx); err != nil || !slices.Equal(list, []string{id}) {
		t.Error(list, err)
	}
	if near, err := again.o.Disk.List(ctx); err != nil || !slices.Equal(near, []string{id}) {
		t.Error("the disk keeps what no bucket has:", near, err)
	}
}

// TestBudget: the disk keeps its budget, what dashboards live on survives a
// scan of everything, over a restart too, and what is read is never removed.
func TestBudget(t *testing.T) {
	o := options(server(t))
	now := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	o.Now = func() time.Time { return now }
	ctx := t.Context()
	origin := newStore(t, open(t, o), t.TempDir(), StoreOptions{})
	var ids []string
	var each int64
	for range 60 {
		id := newID()
		_, n, err := origin.Write(ctx, id, columns, rows(50))
		must(t, err)
		ids, each = append(ids, id), max(each, n)
	}
	dir := t.TempDir()
	reading := map[string]bool{}
	budget := StoreOptions{MaxBytes: 12 * each, Notes: filepath.Join(t.TempDir(), "often"), Busy: func(place string) bool { return reading[place] }}
	node := newStore(t, open(t, o), dir, budget)
	use := func(ids ...string) {
		t.Helper()
		for _, id := range ids {
			path, err := node.Path(ctx, id)
			must(t, err)
			if _, err := os.Stat(path); err != nil {
				t.Error(err)
			}
			now = now.Add(15 * time.Second)
		}
	}
	near := func(ids ...string) (n int) {
		have := map[string]bool{}
		total := int64(0)
		must(t, node.o.Disk.Files(ctx, func(place string, bytes int64, _ time.Time) {
			have[place] = true
			total += bytes
		}))
		if total > budget.MaxBytes || total != node.tier.bytes {
			t.Errorf("%d bytes on the disk, %d counted, of %d", total, node.tier.bytes, budget.MaxBytes)
		}
		for _, id := range ids {
			if have[id] {
				n++
			}
		}
		return n
	}
	hot := ids[:8]
	use(hot...)
	now = now.Add(time.Minute)
	use(hot...)
	use(ids[8:]...)
	if n := near(hot...); n != 8 {
		t.Errorf("a scan of everything left %d of 8", n)
	}
	must(t, node.Close())
	node = newStore(t, open(t, o), dir, budget)
	use(ids[8:40]...)
	if n := near(hot...); n != 8 {
		t.Errorf("a scan after a restart left %d of 8", n)
	}
	reading[ids[39]] = true
	use(ids[10:30]...)
	if near(ids[39]) != 1 {
		t.Error("a file was removed while it was read")
	}
	// Another set becomes the one that is lived on.
	delete(reading, ids[39])
	for range 3 {
		use(ids[40:48]...)
		now = now.Add(time.Minute)
	}
	if n := near(ids[40:48]...); n < 7 {
		t.Errorf("%d of 8 files that are used again and again stay", n)
	}
}

// TestStorm: readers of one node on a small disk, files that come and go.
func TestStorm(t *testing.T) {
	o := options(server(t))
	ctx := t.Context()
	var seconds atomic.Int64
	start := time.Now()
	o.Now = func() time.Time { return start.Add(time.Duration(seconds.Add(5)) * time.Second) }
	origin := newStore(t, open(t, o), t.TempDir(), StoreOptions{})
	var ids []string
	var each int64
	for range 12 {
		id := newID()
		_, n, err := origin.Write(ctx, id, columns, rows(20))
		must(t, err)
		ids, each = append(ids, id), max(each, n)
	}
	var mu sync.Mutex
	reading := map[string]int{}
	node := newStore(t, open(t, o), t.TempDir(), StoreOptions{MaxBytes: 4 * each, Busy: func(place string) bool {
		mu.Lock()
		defer mu.Unlock()
		return reading[place] > 0
	}})
	hold := func(id string, n int) {
		mu.Lock()
		defer mu.Unlock()
		reading[id] += n
	}
	var wg sync.WaitGroup
	for reader := range 6 {
		wg.Go(func() {
			for i := range 60 {
				id := ids[(i*(reader+1)+reader)%len(ids)]
				hold(id, 1)
				path, err := node.Path(ctx, id)
				if err == nil {
					_, err = os.ReadFile(path)
				}
				n := 0
				for _, e := range node.Read(ctx, id, columns) {
					n++
					err = errors.Join(err, e)
				}
				if err != nil || n != 20 {
					t.Errorf("%d rows: %v", n, err)
				}
				hold(id, -1)
			}
		})
	}
	wg.Wait()
}

// TestSettledInPlace: other engines read the settled segments off the bucket's
// prefix as hive partitions; DuckDB does off a copy of it.
func TestSettledInPlace(t *testing.T) {
	s := s3testOnly(t)
	ctx := t.Context()
	store := newStore(t, open(t, options(s)), t.TempDir(), StoreOptions{})
	want := map[string]int64{}
	for i, account := range []string{"123-456-7890", "가을 100%", "a/b=c"} {
		for _, month := range []string{"2026-08", "2026-09"} {
			place := cache.SettledPlace(cache.Span{Source: "ads", Table: "perf", Account: account}, month, newID())
			_, _, err := store.Write(ctx, place, columns, rows(10*(i+1)))
			must(t, err)
		}
		want[account] = int64(10 * (i + 1))
	}
	copied := t.TempDir()
	for _, key := range s.Keys() {
		body, _ := s.Object(key)
		path := filepath.Join(copied, filepath.FromSlash(key))
		must(t, os.MkdirAll(filepath.Dir(path), 0o700))
		must(t, os.WriteFile(path, bytes.Clone(body), 0o600))
	}
	db, err := sql.Open("duckdb", "")
	must(t, err)
	defer db.Close()
	found, err := db.Query(fmt.Sprintf(`SELECT account, count(*) FROM read_parquet('%s/cache/segments/settled/**/*.parquet', hive_partitioning = true)
		WHERE source = 'ads' AND month = '2026-09' GROUP BY 1`, copied))
	must(t, err)
	defer found.Close()
	got := map[string]int64{}
	for found.Next() {
		var account string
		var n int64
		must(t, found.Scan(&account, &n))
		got[account] = n
	}
	must(t, found.Err())
	if !maps.Equal(got, want) {
		t.Errorf("%v, not %v", got, want)
	}
}
