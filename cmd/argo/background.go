package main

import (
	"cmp"
	"context"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"argo/cache"
	"argo/cache/parquet"
	"argo/cache/s3"
	"argo/configs"
	"argo/tables"
	"argo/tables/fault"
)

// night is the hour of UTC in which the night's work begins by default.
const night = 3

// tiers opens where segments are kept: this machine's disk, before a bucket
// where one is configured.
func (a *app) tiers(ctx context.Context, c clock) (cache.Options, error) {
	k := a.cfg.Cache
	o := cache.Options{
		Index: a.db.Index(), Now: c.Now, Log: a.log,
		MaxBytes: int64(k.MaxBytes), Fingerprint: a.cfg.Fingerprint,
		Owner: a.owner, Alive: a.alive, Alone: a.first,
		History: cache.History{Keep: time.Duration(k.History.Keep), MaxBytes: int64(k.History.MaxBytes)},
	}
	disk, err := parquet.NewStore(filepath.Join(a.cfg.DataDir, "segments"))
	if err != nil {
		return o, err
	}
	o.Store = disk
	if k.S3 == nil {
		return o, nil
	}
	bucket, err := openBucket(ctx, k.S3, c)
	if err != nil {
		return o, err
	}
	trust := time.Duration(0) // no moment passes in simulated time until something waits for it
	if c.Real {
		trust = time.Second
	}
	index, err := s3.NewIndex(bucket, s3.IndexOptions{Trust: trust, ServerClock: c.Real, KeepGone: time.Duration(k.History.Keep), Log: a.log})
	if err != nil {
		return o, err
	}
	a.closers = append(a.closers, func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		return index.Close(ctx)
	})
	store, err := s3.NewStore(ctx, bucket, s3.StoreOptions{
		Disk: disk, MaxBytes: int64(k.MaxBytes), Notes: filepath.Join(a.cfg.DataDir, "segments.used"), Log: a.log,
		Busy: func(place string) bool { return a.cache.Reading(place) }, // nothing goes before the cache is there
	})
	if err != nil {
		return o, err
	}
	a.closers = append(a.closers, store.Close)
	// Of processes on other machines nobody knows whether they live.
	o.Index, o.Store, o.MaxBytes, o.Owner, o.Alive, o.Alone = index, store, int64(k.S3.MaxBytes), "", nil, nil
	return o, nil
}

// background makes the worker.
func (a *app) background(c clock) (err error) {
	hour := night
	if a.cfg.Cache.Night != nil {
		hour = *a.cfg.Cache.Night
	}
	a.worker, err = cache.NewWorker(cache.WorkerOptions{
		Cache: a.cache, Jobs: a.db.Jobs(), Sleep: c.Sleep, Night: hour, Nightly: a.cache.Sweep,
		NoWarming: a.cfg.Cache.Warm != nil && !*a.cfg.Cache.Warm,
		Compact: func(ctx context.Context, source, table string) (int64, error) {
			return a.cache.Compact(ctx, source, table, "")
		},
	})
	if err == nil {
		a.closers = append(a.closers, func() error { a.worker.Close(); return nil })
	}
	return err
}

// histories queues what the configuration wants to have.
func (a *app) histories(ctx context.Context) {
	for _, k := range a.cfg.Connections {
		if !k.History.Given() {
			continue
		}
		err := a.worker.History(ctx, k.Name, func(today tables.Day) tables.Day {
			if k.History.Days > 0 {
				return today.Add(1 - k.History.Days)
			}
			return tables.Day(k.History.Since)
		}, "history: "+k.History.String())
		if err != nil && ctx.Err() == nil {
			a.log.ErrorContext(ctx, "the history of a connection was not queued", "connection", k.Name, "err", err)
		}
	}
}

// refresh puts the configured freshness in the place of the tables' own: "*",
// then "*.group", "table", "table.group", each over those before it. What is said
// of a table is said of all of its groups.
func refresh(list []tables.Table, k *configs.Connection) error {
	rank := func(key string) int {
		table, _, group := strings.Cut(key, ".")
		n := 0
		if table != "*" {
			n = 2
		}
		if group {
			n++
		}
		return n
	}
	keys := slices.SortedFunc(maps.Keys(k.Freshness), func(a, b string) int { return cmp.Or(rank(a)-rank(b), cmp.Compare(a, b)) })
	for _, key := range keys {
		name, group, grouped := strings.Cut(key, ".")
		found := false
		for i := range list {
			t := &list[i]
			if t.Scan == nil || name != "*" && name != t.Name {
				continue
			}
			if !grouped {
				found = true
				t.Fresh = overlay(t.Fresh, k.Freshness[key])
			}
			t.Groups = maps.Clone(t.Groups)
			for name, f := range t.Groups {
				if !grouped || name == group {
					found = true
					t.Groups[name] = overlay(f, k.Freshness[key])
				}
			}
		}
		if !found {
			return fault.New(fault.Config, "connection %s: freshness: there is no table, or no group of columns, called %q", k.Name, key).
				WithHint("tables: %s", strings.Join(fresh(list), ", "))
		}
	}
	return nil
}

// fresh names what a freshness may be given for.
func fresh(list []tables.Table) (out []string) {
	for _, t := range list {
		if t.Scan == nil {
			continue
		}
		out = append(out, t.Name)
		for _, group := range slices.Sorted(maps.Keys(t.Groups)) {
			out = append(out, t.Name+"."+group)
		}
	}
	return out
}

func overlay(f tables.Freshness, by configs.Freshness) tables.Freshness {
	if len(by.Steps) > 0 {
		f.Steps = nil
		for _, s := range by.Steps {
			f.Steps = append(f.Steps, tables.Step{Within: s.Within, Keep: s.Keep})
		}
	}
	f.Entity = cmp.Or(by.Entity, f.Entity)
	return f
}

// spenders remembers which connections have taken from which budgets: who may
// not read a connection does not see them.
type spenders struct {
	mu    sync.Mutex
	names map[string][]string // by the budget's key, sorted
}

// by gives the budgets to a connection.
func (s *spenders) by(connection string, q tables.Quotas) tables.Quotas {
	return &spending{q, s, connection}
}

func (s *spenders) of(key string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.names[key])
}

type spending struct {
	tables.Quotas
	s          *spenders
	connection string
}

// Update implements tables.Quotas.
func (q *spending) Update(ctx context.Context, keys []string, f func(map[string][]byte) error) error {
	q.s.mu.Lock()
	if q.s.names == nil {
		q.s.names = map[string][]string{}
	}
	for _, key := range keys {
		if i, ok := slices.BinarySearch(q.s.names[key], q.connection); !ok {
			q.s.names[key] = slices.Insert(q.s.names[key], i, q.connection)
		}
	}
	q.s.mu.Unlock()
	return q.Quotas.Update(ctx, keys, f)
}
