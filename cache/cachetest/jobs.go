package cachetest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"argo/cache"
	"argo/tables"
)

// Jobs is a cache.Jobs in memory.
type Jobs struct {
	mu     sync.Mutex
	jobs   map[string]cache.Job
	habits map[string]cache.Habit
}

// NewJobs makes an empty one.
func NewJobs() *Jobs {
	return &Jobs{jobs: map[string]cache.Job{}, habits: map[string]cache.Habit{}}
}

// Add implements cache.Jobs.
func (l *Jobs) Add(ctx context.Context, j cache.Job) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.jobs[j.ID]; !ok {
		l.jobs[j.ID] = j
	}
	return ctx.Err()
}

// Take implements cache.Jobs.
func (l *Jobs) Take(ctx context.Context, owner string, now, until time.Time, kinds ...string) (*cache.Job, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(l.jobs)) {
		j := l.jobs[id]
		free := j.State == cache.Queued || j.State == cache.Running && !j.Until.After(now)
		if !free || len(kinds) > 0 && !slices.Contains(kinds, j.Kind) {
			continue
		}
		j.State, j.Owner, j.Until, j.UpdatedAt = cache.Running, owner, until, now
		if j.StartedAt.IsZero() {
			j.StartedAt = now
		}
		l.jobs[id] = j
		return &j, ctx.Err()
	}
	return nil, ctx.Err()
}

// Save implements cache.Jobs.
func (l *Jobs) Save(ctx context.Context, owner string, j cache.Job) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	have, ok := l.jobs[j.ID]
	if !ok || have.Owner != owner || !have.EndedAt.IsZero() {
		return cache.ErrClaimLost
	}
	have.State, have.Cells, have.Done, have.Calls, have.Rows, have.Error = j.State, j.Cells, j.Done, j.Calls, j.Rows, j.Error
	have.UpdatedAt, have.EndedAt, have.Owner, have.Until = j.UpdatedAt, j.EndedAt, j.Owner, j.Until
	l.jobs[j.ID] = have
	return ctx.Err()
}

// Cancel implements cache.Jobs.
func (l *Jobs) Cancel(ctx context.Context, id string, at time.Time) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	j, ok := l.jobs[id]
	if !ok || !j.EndedAt.IsZero() {
		return false, ctx.Err()
	}
	j.State, j.UpdatedAt, j.EndedAt, j.Until = cache.Cancelled, at, at, time.Time{}
	l.jobs[id] = j
	return true, ctx.Err()
}

// List implements cache.Jobs.
func (l *Jobs) List(ctx context.Context) (out []cache.Job, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range slices.Backward(slices.Sorted(maps.Keys(l.jobs))) {
		out = append(out, l.jobs[id])
	}
	return out, ctx.Err()
}

// Habits implements cache.Jobs.
func (l *Jobs) Habits(ctx context.Context) ([]cache.Habit, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.SortedFunc(maps.Values(l.habits), func(a, b cache.Habit) int { return b.At.Compare(a.At) }), ctx.Err()
}

// SaveHabits implements cache.Jobs.
func (l *Jobs) SaveHabits(ctx context.Context, changed []cache.Habit, before time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	maps.DeleteFunc(l.habits, func(_ string, h cache.Habit) bool { return h.At.Before(before) })
	for _, h := range changed {
		l.habits[h.Key] = h
	}
	return ctx.Err()
}

// TestJobs holds what every cache.Jobs must do; open gives an empty one.
func TestJobs(t *testing.T, open func(t *testing.T) cache.Jobs) {
	ctx := context.Background()
	at := func(s int) time.Time { return time.Date(2026, 11, 22, 9, 0, s, 0, time.UTC) }
	job := func(id, kind string) cache.Job {
		return cache.Job{ID: id, Kind: kind, Source: "ads", Table: "perf", Account: "1", Days: tables.Days{From: "2026-11-01", To: "2026-11-30"},
			Options: `{"wait":"1s"}`, State: cache.Queued, Cells: 30, By: "kim", CreatedAt: at(0)}
	}
	add := func(t *testing.T, l cache.Jobs, jobs ...cache.Job) {
		t.Helper()
		for _, j := range jobs {
			if err := l.Add(ctx, j); err != nil {
				t.Fatal(err)
			}
		}
	}
	take := func(t *testing.T, l cache.Jobs, owner string, now int, kinds ...string) cache.Job {
		t.Helper()
		j, err := l.Take(ctx, owner, at(now), at(now+30), kinds...)
		if err != nil {
			t.Fatal(err)
		}
		if j == nil {
			return cache.Job{}
		}
		return *j
	}
	list := func(t *testing.T, l cache.Jobs) []cache.Job {
		t.Helper()
		all, err := l.List(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	equal := func(t *testing.T, what string, got, want cache.Job) {
		t.Helper()
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %v\nnot %v", what, got, want)
		}
	}

	t.Run("taken in order and by kind", func(t *testing.T) {
		l := open(t)
		add(t, l, job("B", cache.KindBackfill), job("A", cache.KindBackfill), job("C", cache.KindRefresh))
		again := job("A", cache.KindCompact)
		add(t, l, again) // is there already
		want := job("A", cache.KindBackfill)
		want.State, want.Owner, want.Until, want.StartedAt, want.UpdatedAt = cache.Running, "p", at(31), at(1), at(1)
		got := take(t, l, "p", 1)
		equal(t, "the oldest", got, want)
		if got := take(t, l, "q", 2, cache.KindRefresh, cache.KindWarm); got.ID != "C" {
			t.Errorf("the refresh is %v", got)
		}
		if got := take(t, l, "q", 2, cache.KindCompact); got.ID != "" {
			t.Errorf("a compaction is %v", got)
		}
		all := list(t, l)
		if len(all) != 3 || all[0].ID != "C" || all[1].ID != "B" {
			t.Fatalf("the list is %v", all)
		}
		equal(t, "listed", all[2], want)
	})
	t.Run("one whose owner died is taken over", func(t *testing.T) {
		l := open(t)
		add(t, l, job("A", cache.KindBackfill))
		mine := take(t, l, "p", 0)
		if got := take(t, l, "q", 29); got.ID != "" {
			t.Errorf("taken under a living owner: %v", got)
		}
		mine.Done, mine.Until, mine.UpdatedAt = 10, at(60), at(20)
		if err := l.Save(ctx, "p", mine); err != nil {
			t.Fatal(err)
		}
		if got := take(t, l, "q", 59); got.ID != "" {
			t.Errorf("taken under an owner who has extended it: %v", got)
		}
		got := take(t, l, "q", 60)
		if got.ID != "A" || got.Done != 10 || got.Owner != "q" || !got.StartedAt.Equal(at(0)) {
			t.Errorf("taken over: %v", got)
		}
		mine.Done = 20
		if err := l.Save(ctx, "p", mine); !errors.Is(err, cache.ErrClaimLost) {
			t.Errorf("the first owner saves: %v", err)
		}
		got.State, got.Owner, got.Until = cache.Queued, "", time.Time{} // the owner stops
		if err := l.Save(ctx, "q", got); err != nil {
			t.Fatal(err)
		}
		if got := take(t, l, "p", 61); got.ID != "A" {
			t.Errorf("given back and taken: %v", got)
		}
	})
	t.Run("one that has ended stays so", func(t *testing.T) {
		l := open(t)
		add(t, l, job("A", cache.KindBackfill), job("B", cache.KindBackfill))
		a := take(t, l, "p", 0)
		a.State, a.EndedAt, a.Calls, a.Rows, a.Error, a.UpdatedAt = cache.Done, at(5), 3, 4, "one account is missing", at(5)
		if err := l.Save(ctx, "p", a); err != nil {
			t.Fatal(err)
		}
		if ok, err := l.Cancel(ctx, "A", at(6)); ok || err != nil {
			t.Errorf("cancelled after its end: %v %v", ok, err)
		}
		if ok, err := l.Cancel(ctx, "X", at(6)); ok || err != nil {
			t.Errorf("cancelled what is not there: %v %v", ok, err)
		}
		b := take(t, l, "p", 6)
		if ok, err := l.Cancel(ctx, "B", at(7)); !ok || err != nil {
			t.Errorf("not cancelled: %v %v", ok, err)
		}
		if err := l.Save(ctx, "p", b); !errors.Is(err, cache.ErrClaimLost) {
			t.Errorf("saved after it was cancelled: %v", err)
		}
		if got := take(t, l, "q", 1000); got.ID != "" {
			t.Errorf("taken after its end: %v", got)
		}
		all := list(t, l)
		equal(t, "done", all[1], a)
		if all[0].State != cache.Cancelled || !all[0].EndedAt.Equal(at(7)) {
			t.Errorf("cancelled: %v", all[0])
		}
	})
	t.Run("taken once", func(t *testing.T) {
		l := open(t)
		for n := range 20 {
			add(t, l, job(fmt.Sprintf("%02d", n), cache.KindBackfill))
		}
		var mu sync.Mutex
		var wg sync.WaitGroup
		seen := map[string]int{}
		for n := range 4 {
			wg.Go(func() {
				for {
					j, err := l.Take(ctx, fmt.Sprint(n), at(1), at(2))
					if err != nil {
						t.Error(err)
					}
					if j == nil {
						return
					}
					mu.Lock()
					seen[j.ID]++
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		for id, n := range seen {
			if n != 1 {
				t.Errorf("%s was taken %d times", id, n)
			}
		}
		if len(seen) != 20 {
			t.Errorf("%d were taken", len(seen))
		}
	})
	t.Run("habits", func(t *testing.T) {
		l := open(t)
		habit := func(key string, s int) cache.Habit { return cache.Habit{Key: key, At: at(s), Text: []byte(key)} }
		if err := l.SaveHabits(ctx, []cache.Habit{habit("a", 1), habit("b", 2)}, time.Time{}); err != nil {
			t.Fatal(err)
		}
		if err := l.SaveHabits(ctx, []cache.Habit{habit("c", 3), habit("b", 4)}, at(2)); err != nil {
			t.Fatal(err)
		}
		got, err := l.Habits(ctx)
		if err != nil || fmt.Sprint(got) != fmt.Sprint([]cache.Habit{habit("b", 4), habit("c", 3)}) {
			t.Errorf("the habits are %v: %v", got, err)
		}
	})
}
