package main

import (
	"bytes"
	"context"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"argo/tables"
)

// TestBench runs the short form of every program of argo bench.
func TestBench(t *testing.T) {
	for _, x := range trials {
		t.Run(x.name, func(t *testing.T) {
			var out bytes.Buffer
			b := bench{seed: 1, short: true, dir: t.TempDir(), out: &out}
			if err := b.conduct(t.Context(), x); err != nil {
				t.Errorf("%v\n%s", err, out.String())
			}
		})
	}
}

// TestFewest holds the greedy cover against every cover there is.
func TestFewest(t *testing.T) {
	first := tables.Day("2026-02-20")
	for bits := range 1 << 10 {
		days := map[tables.Day]bool{}
		for i := range 10 {
			if bits>>i&1 == 1 {
				days[first.Add(i)] = true
			}
		}
		for _, maxDays := range []int{1, 2, 3, 7, 0} {
			// best[i] is the fewest calls for the days from i on.
			best := make([]int, 11+10)
			for i := 9; i >= 0; i-- {
				if bits>>i&1 == 0 {
					best[i] = best[i+1]
					continue
				}
				best[i] = 99
				for n := 1; n <= 10 && (maxDays == 0 || n <= maxDays); n++ {
					best[i] = min(best[i], 1+best[i+n])
				}
			}
			if got := fewest(days, maxDays); got != best[0] {
				t.Fatalf("fewest(%010b, %d) = %d, want %d", bits, maxDays, got, best[0])
			}
			if got := runs(days, maxDays); got < best[0] {
				t.Fatalf("runs(%010b, %d) = %d, fewer than the fewest", bits, maxDays, got)
			}
		}
	}
}

// TestLaw: a day moves until it is as old as the law says, and no longer.
func TestLaw(t *testing.T) {
	l := law{seed: 3, settled: 28, items: 8}
	moved, empty := 0, 0
	for _, a := range threeAccounts() {
		for i := range 60 {
			day := tables.Day("2026-03-01").Add(i) // across a change of clocks
			d := day.Time()
			settled := time.Date(d.Year(), d.Month(), d.Day()+28, 0, 0, 0, 0, a.Location())
			final := l.facts(a, day, settled)
			if len(final) == 0 {
				empty++
			}
			if later := l.facts(a, day, settled.Add(1000*time.Hour)); !slices.Equal(final, later) {
				t.Fatalf("%s %s moves after it has settled", a.ID, day)
			}
			if !slices.Equal(final, l.facts(a, day, settled.Add(-3*24*time.Hour))) {
				moved++
			}
			if len(l.facts(a, day, time.Date(d.Year(), d.Month(), d.Day(), 0, 59, 0, 0, a.Location()))) > 0 {
				t.Fatalf("%s %s has rows in its first hour", a.ID, day)
			}
		}
	}
	if moved < 60 || empty < 5 {
		t.Errorf("of 180 days %d moved in their last three days and %d were empty: the law is too tame", moved, empty)
	}
}

// TestPage: who sleeps wakes when the clock has been moved, in either process.
func TestPage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "clock")
	mover, err := openPage(path, 0)
	if err != nil {
		t.Fatal(err)
	}
	mover.Set(noon)
	other, err := openPage(path, 7)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan error)
	go func() { gone <- other.Sleep(ctx, 24*time.Hour) }()
	woken := make(chan time.Time, 20)
	err = mover.while(&busy{}, func() error {
		r := rand.New(rand.NewPCG(1, 1))
		for i := range 20 {
			d := time.Duration(1+r.IntN(5000)) * time.Millisecond
			if err := []*page{mover, other}[i%2].Sleep(ctx, d); err != nil {
				return err
			}
			woken <- mover.Now()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	close(woken)
	last := noon
	for at := range woken {
		if !at.After(last) {
			t.Errorf("woken at %s after %s", at, last)
		}
		last = at
	}
	if last.Sub(noon) > 20*5*time.Second {
		t.Errorf("twenty naps took %s", last.Sub(noon))
	}
	cancel()
	if err := <-gone; err != context.Canceled {
		t.Errorf("a sleeper whose context ended gives %v", err)
	}
	if next := mover.next(); next != 0 {
		t.Errorf("nobody sleeps, and the next moment is %d", next)
	}
}
