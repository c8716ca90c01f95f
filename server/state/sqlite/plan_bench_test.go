package sqlite_test

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"argo/cache"
	"argo/cache/cachetest"
	"argo/server/state/sqlite"
	"argo/tables"
)

// A dashboard of 90 days over 200 accounts, each of 70 segments, all cached.
func BenchmarkPlans(b *testing.B) {
	ctx := context.Background()
	db, err := sqlite.Open(ctx, filepath.Join(b.TempDir(), "state.db"))
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	now := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	const accounts, segments = 200, 70
	var list []tables.Account
	index, n := db.Index(), 0
	for i := range accounts {
		a := tables.Account{ID: fmt.Sprint(1_000_000_000 + i), Zone: "Asia/Seoul"}
		list = append(list, a)
		var c cache.Change
		for j := range segments {
			to := tables.Day("2026-11-22").Add(-j)
			from := to
			if j == segments-1 {
				from = "2026-08-01"
			}
			n++
			c.Add = append(c.Add, cache.Segment{ID: fmt.Sprintf("01KAN%021d", n), FetchedAt: now.Add(-time.Minute), KnownAt: now.Add(-time.Minute), UsedAt: now, Bytes: 1000,
				Span: cache.Span{Source: "ads", Table: "perf", Account: a.ID, Days: tables.Days{From: from, To: to}, Columns: []string{"account", "cost", "date", "id"}}})
		}
		if err := index.Commit(ctx, c); err != nil {
			b.Fatal(err)
		}
	}
	c, err := cache.New(cache.Options{Index: index, Store: cachetest.NewStore(), Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	t := c.Wrap("ads", tables.Table{
		Name: "perf", Account: "account", Day: "date", Key: []string{"id"}, Since: "2026-01-01",
		Columns:  []tables.Column{{Name: "date", Type: tables.DateType}, {Name: "account", Type: tables.Ident}, {Name: "id", Type: tables.BigInt}, {Name: "cost", Type: tables.Money}},
		Fresh:    tables.Freshness{Steps: []tables.Step{{Within: 1, Keep: time.Hour}, {Within: 28, Keep: 24 * time.Hour}}},
		Accounts: func(context.Context) ([]tables.Account, error) { return list, nil },
		Scan: func(context.Context, tables.Scan) iter.Seq2[tables.Row, error] {
			return func(yield func(tables.Row, error) bool) { yield(nil, fmt.Errorf("a call is made")) }
		},
	})
	ask := func(b *testing.B) {
		for _, a := range list {
			_, release, err := t.Files(ctx, tables.Scan{Table: "perf", Account: a.ID, Days: tables.Days{From: "2026-08-25", To: "2026-11-22"}, Columns: []string{"cost", "date"}})
			if err != nil {
				b.Fatal(err)
			}
			release()
		}
	}
	ask(b)
	b.Run("unchanged", func(b *testing.B) {
		for b.Loop() {
			ask(b)
		}
	})
	b.Run("after a commit", func(b *testing.B) {
		for b.Loop() {
			if err := index.SaveAccounts(ctx, "other", nil, now); err != nil {
				b.Fatal(err)
			}
			ask(b)
		}
	})
	b.Run("estimate", func(b *testing.B) {
		for b.Loop() {
			for _, a := range list {
				if _, err := t.Estimate(ctx, tables.Scan{Table: "perf", Account: a.ID, Days: tables.Days{From: "2026-08-25", To: "2026-11-22"}, Columns: []string{"cost", "date"}}); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
}
