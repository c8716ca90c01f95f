package lake

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"argo/tables"
	"argo/tables/fault"

	"go.yaml.in/yaml/v3"
)

func newStore(t testing.TB, limit int64) *store {
	now := time.Now()
	s := &store{dir: t.TempDir(), limit: limit, now: func() time.Time { now = now.Add(time.Second); return now }}
	if err := s.load(); err != nil {
		t.Fatal(err)
	}
	return s
}

func fill(size int) func(context.Context, *os.File) error {
	return func(_ context.Context, f *os.File) error {
		_, err := f.Write(make([]byte, size))
		return err
	}
}

func (s *store) names(t testing.TB) []string {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

// TestStoreOfTwo: what one process reads another neither removes nor replaces,
// and what one has made the other does not make again.
func TestStoreOfTwo(t *testing.T) {
	one := newStore(t, 1000)
	two := &store{dir: one.dir, limit: 150, now: time.Now}
	if err := two.load(); err != nil {
		t.Fatal(err)
	}
	get := func(s *store, name string) (string, func()) {
		path, release, err := s.get(t.Context(), name, fill(100))
		if err != nil {
			t.Fatal(err)
		}
		return path, release
	}
	path, release := get(one, "a-1")
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	_, same, err := two.get(t.Context(), "a-1", func(context.Context, *os.File) error { return errors.New("made again") })
	if err != nil {
		t.Fatal(err)
	}
	same()
	_, newer := get(two, "a-2") // over its budget, and an older version is there
	newer()
	_, other := get(two, "b-1")
	other()
	if after, err := os.Stat(path); err != nil || !os.SameFile(before, after) {
		t.Errorf("what the first reads is gone: %v", err)
	}
	if got := one.names(t); !slices.Equal(got, []string{"a-1"}) {
		t.Errorf("there is %v", got)
	}
	release()
	_, again := get(two, "c-1")
	again()
	if got := one.names(t); !slices.Equal(got, []string{"c-1"}) {
		t.Errorf("when nobody reads it there is %v", got)
	}
	_, mended := get(one, "a-1") // it knows it, and has to make it anew
	mended()
}

// TestStoreBudget: what was not used for longest goes, what is in use stays,
// and an older version goes as soon as nobody reads it.
func TestStoreBudget(t *testing.T) {
	s := newStore(t, 250)
	get := func(name string) func() {
		_, release, err := s.get(t.Context(), name, fill(100))
		if err != nil {
			t.Fatal(err)
		}
		return release
	}
	expect := func(want ...string) {
		t.Helper()
		if got := s.names(t); !slices.Equal(got, want) {
			t.Errorf("%v, not %v", got, want)
		}
	}
	get("a-1")()
	get("b-1")()
	get("a-1")()
	get("c-1")() // b was not used for longest
	expect("a-1", "c-1")
	a, c, d := get("a-1"), get("c-1"), get("d-1")
	expect("a-1", "c-1", "d-1") // over the budget, but in use
	d()
	expect("a-1", "c-1")
	newer := get("a-2") // a-1 is still read
	expect("a-1", "a-2", "c-1")
	a()
	a() // twice is once
	expect("a-2", "c-1")
	c()
	newer()
	again := &store{dir: s.dir, limit: 150, now: time.Now}
	os.WriteFile(filepath.Join(s.dir, tempPrefix+"x"), nil, 0o600)
	then := time.Now().Add(-2 * abandoned)
	os.Chtimes(filepath.Join(s.dir, tempPrefix+"x"), then, then)
	os.Chtimes(filepath.Join(s.dir, "c-1"), then, then)
	if err := again.load(); err != nil {
		t.Fatal(err)
	}
	expect("a-2")
}

// TestStoreFlight: many ask, one makes; who leaves does not stop the others,
// and when all have left the work stops.
func TestStoreFlight(t *testing.T) {
	s := newStore(t, 1<<20)
	var made atomic.Int32
	begun, finish := make(chan struct{}), make(chan struct{})
	slow := func(ctx context.Context, f *os.File) error {
		made.Add(1)
		close(begun)
		select {
		case <-finish:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	first, leave := context.WithCancel(t.Context())
	var left error
	var wg sync.WaitGroup
	wg.Go(func() { _, _, left = s.get(first, "a-1", slow) })
	<-begun
	for range 8 {
		wg.Go(func() {
			_, release, err := s.get(t.Context(), "a-1", slow)
			if err != nil {
				t.Error(err)
				return
			}
			release()
		})
	}
	for { // all of them wait
		s.mu.Lock()
		n := s.flights["a-1"].waiters
		s.mu.Unlock()
		if n == 9 {
			break
		}
		runtime.Gosched()
	}
	leave()
	for {
		s.mu.Lock()
		n := s.flights["a-1"].waiters
		s.mu.Unlock()
		if n == 8 {
			break
		}
		runtime.Gosched()
	}
	close(finish)
	wg.Wait()
	if made.Load() != 1 || !errors.Is(left, context.Canceled) {
		t.Error(made.Load(), left)
	}
	if f := s.files["a-1"]; f == nil || f.refs != 0 {
		t.Errorf("%+v", f)
	}

	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	_, _, err := s.get(ctx, "b-1", func(ctx context.Context, _ *os.File) error {
		cancel()
		<-ctx.Done()
		stopped <- ctx.Err()
		return ctx.Err()
	})
	if err == nil || <-stopped == nil {
		t.Error(err)
	}
	boom := errors.New("boom")
	if _, _, err := s.get(t.Context(), "c-1", func(context.Context, *os.File) error { return boom }); !errors.Is(err, boom) {
		t.Error(err)
	}
	if _, release, err := s.get(t.Context(), "c-1", fill(1)); err != nil {
		t.Error(err)
	} else {
		release()
	}
}

// TestTogether: many statements at once over a data set that grows.
func TestTogether(t *testing.T) {
	w := newWorld(t)
	w.write("d/0.csv", []byte("a\n1\n"))
	w.openOne("path: d")
	table := w.table("t")
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 10 {
				if _, err := table.Describe(t.Context()); err != nil && !fault.Is(err, fault.Conflict) {
					t.Error(err)
				}
				files, release, err := table.Files(t.Context(), tables.Scan{})
				if fault.Is(err, fault.Conflict) {
					continue // it may happen to change four times in a row
				}
				if err != nil {
					t.Error(err)
					continue
				}
				for _, f := range files {
					if _, err := os.Stat(f.Path); err != nil {
						t.Error(err)
					}
				}
				release()
			}
		})
	}
	wg.Go(func() {
		for i := range 10 {
			full := filepath.Join(w.base, fmt.Sprintf("d/%d.csv", i%5))
			os.WriteFile(full+".tmp", fmt.Appendf(nil, "a,b%d\n%d,x\n", i, i), 0o644)
			os.Rename(full+".tmp", full)
		}
	})
	wg.Wait()
}

// TestStream: a large file goes through in bounded memory.
func TestStream(t *testing.T) {
	w := newWorld(t)
	rows := 600_000
	if testing.Short() {
		rows = 60_000
	}
	f, err := os.Create(filepath.Join(w.base, "big.csv"))
	if err != nil {
		t.Fatal(err)
	}
	out := bufio.NewWriter(f)
	out.WriteString("day,campaign,name,clicks,cost\n")
	for i := range rows {
		fmt.Fprintf(out, "%s,%d,\"Brand %d, autumn\",%d,%d.%02d\n", tables.Day("2026-01-01").Add(i%300), i%1000, i%5000, i%37, i%1000, i%100)
	}
	if err := errors.Join(out.Flush(), f.Close()); err != nil {
		t.Fatal(err)
	}
	w.openOne("path: big.csv")
	var peak atomic.Uint64
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		heap := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				metrics.Read(heap)
				peak.Store(max(peak.Load(), heap[0].Value.Uint64()))
			}
		}
	})
	start := time.Now()
	_, release, err := w.table("t").Files(t.Context(), tables.Scan{})
	close(done)
	wg.Wait()
	if err != nil {
		t.Fatal(err)
	}
	release()
	info, _ := os.Stat(filepath.Join(w.base, "big.csv"))
	t.Logf("%d MB in %v, heap %d MB", info.Size()>>20, time.Since(start), peak.Load()>>20)
	if peak.Load() > 200<<20 {
		t.Errorf("the heap grew to %d MB", peak.Load()>>20)
	}
	w.expect(w.columns("t"), "day DATE", "campaign BIGINT", "name VARCHAR(255)", "clicks BIGINT", "cost DECIMAL(5,2)")
	w.expect(w.query("SELECT count(*), sum(clicks), min(day), count(DISTINCT name) FROM t"), fmt.Sprintf("%d|%d|2026-01-01|5000", rows, sumMod(rows, 37)))
}

func sumMod(n, m int) (sum int) {
	for i := range n {
		sum += i % m
	}
	return sum
}

// TestSample: the example in the documentation is accepted as it is printed.
func TestSample(t *testing.T) {
	var connections []struct {
		Name, Source string
		Options      yaml.Node
	}
	d := yaml.NewDecoder(strings.NewReader(Source.Sample))
	d.KnownFields(true)
	if err := d.Decode(&connections); err != nil {
		t.Fatal(err)
	}
	text, err := yaml.Marshal(&connections[0].Options)
	if err != nil {
		t.Fatal(err)
	}
	if err := newWorld(t).tryOpen(string(text)); err != nil {
		t.Error(err)
	}
	if connections[0].Source != Source.Name {
		t.Error(connections[0].Source)
	}
}

func BenchmarkText(b *testing.B) {
	w := newWorld(b)
	var text strings.Builder
	text.WriteString("day,campaign,name,clicks,cost\n")
	for i := range 200_000 {
		fmt.Fprintf(&text, "%s,%d,Brand %d autumn,%d,%d.%02d\n", tables.Day("2026-01-01").Add(i%300), i%1000, i%5000, i%37, i%1000, i%100)
	}
	path := w.write("t.csv", []byte(text.String()))
	ds := &dataset{datasetOptions: datasetOptions{Name: "t"}}
	o := object{name: path}
	p, err := ds.profileText(b.Context(), path, o, formatCSV)
	if err != nil {
		b.Fatal(err)
	}
	columns, err := ds.columns([]source{{o, p}}, []object{o})
	if err != nil {
		b.Fatal(err)
	}
	b.Run("profile", func(b *testing.B) {
		b.SetBytes(int64(text.Len()))
		for b.Loop() {
			if _, err := ds.profileText(b.Context(), path, o, formatCSV); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("convert", func(b *testing.B) {
		b.SetBytes(int64(text.Len()))
		for b.Loop() {
			f, err := os.Create(filepath.Join(w.dir, "out"))
			if err != nil {
				b.Fatal(err)
			}
			if err := ds.convert(b.Context(), path, o, p, columns, f); err != nil {
				b.Fatal(err)
			}
			f.Close()
		}
	})
}
