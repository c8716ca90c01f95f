package servertest_test

import (
	"context"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"argo/server/servertest"
	"argo/tables"

	"github.com/cockroachdb/apd/v3"
)

// channels are sources of so many accounts each, as channels have them, with ten
// campaigns a day. Scans call reached when they begin.
func channels(n, accounts int, reached func(ctx context.Context)) (list []tables.Source, config, branches string) {
	branches = "SELECT date, account_id, campaign_id, impressions, clicks, cost AS spend, conversions, value AS conversions_value, currency, _finality AS finality FROM report"
	config = "users:\n  - {name: demo, password: env:PASSWORD}\nconnections:\n"
	for k := range n {
		name := fmt.Sprintf("channel_%02d", k)
		config += fmt.Sprintf("  - {name: %s, source: %s}\n", name, name)
		currency := []string{"KRW", "USD", "JPY"}[k%3]
		var own []tables.Account
		for i := range accounts {
			own = append(own, tables.Account{ID: fmt.Sprint(1000*(k+1) + i), Name: fmt.Sprintf("Account %d", i), Currency: currency, Zone: "Asia/Seoul"})
		}
		report := tables.Table{
			Name: "report", Account: "account_id", Day: "date", Since: "2026-08-24", Key: []string{"campaign_id"},
			Fresh:    tables.Freshness{Steps: []tables.Step{{Within: 1, Keep: 15 * time.Minute}, {Within: 7, Keep: 6 * time.Hour}, {Within: 28, Keep: 24 * time.Hour}}},
			Accounts: func(context.Context) ([]tables.Account, error) { return own, nil },
			Columns: []tables.Column{
				{Name: "date", Type: tables.DateType, Push: true, NotNull: true}, {Name: "account_id", Type: tables.Ident, Push: true, NotNull: true},
				{Name: "campaign_id", Type: tables.BigInt, NotNull: true}, {Name: "impressions", Type: tables.BigInt}, {Name: "clicks", Type: tables.BigInt},
				{Name: "cost", Type: tables.Money}, {Name: "conversions", Type: tables.Dec(20, 6)}, {Name: "value", Type: tables.Money}, {Name: "currency", Type: tables.Ident},
			},
			Scan: func(ctx context.Context, s tables.Scan) iter.Seq2[tables.Row, error] {
				return func(yield func(tables.Row, error) bool) {
					reached(ctx)
					tables.TraceOf(ctx).Call()
					for d := s.Days.From; d <= s.Days.To; d = d.Add(1) {
						for c := range int64(10) {
							all := map[string]any{"date": d, "account_id": s.Account, "campaign_id": c, "impressions": c * 100, "clicks": c * 3,
								"cost": apd.New(c*1_000_000, -6), "conversions": apd.New(c*500_000, -6), "value": apd.New(c*7_000_000, -6), "currency": currency}
							row := make(tables.Row, len(s.Columns))
							for i, name := range s.Columns {
								row[i] = all[name]
							}
							if !yield(row, nil) {
								return
							}
						}
					}
				}
			},
		}
		list = append(list, tables.Source{Name: name, Open: func(context.Context, tables.Env) (*tables.Connection, error) {
			return &tables.Connection{Tables: []tables.Table{report}}, nil
		}})
	}
	return list, config, branches
}

func modelOf(t testing.TB, n, accounts int, reached func(context.Context)) *servertest.Server {
	list, config, branch := channels(n, accounts, reached)
	dir := t.TempDir()
	for _, s := range list {
		if err := os.WriteFile(filepath.Join(dir, s.Name+".sql"), []byte("-- branch of performance\n"+branch+";\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return servertest.Start(t, servertest.Options{Config: "views: " + dir + "\n" + config, Sources: list})
}

const overall = "SELECT channel, currency, SUM(spend), SUM(conversions) FROM ads.performance WHERE date >= '2026-10-01' GROUP BY 1, 2"

// TestModelConcurrent: all accounts of all channels are asked side by side.
func TestModelConcurrent(t *testing.T) {
	const n, accounts = 13, 16
	var here atomic.Int64
	all := make(chan struct{})
	s := modelOf(t, n, accounts, func(ctx context.Context) {
		if here.Add(1) == n*accounts {
			close(all)
		}
		select {
		case <-all:
		case <-ctx.Done():
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	rows, err := s.Open(t, "demo", "env:PASSWORD", "", "").QueryContext(ctx, overall)
	if err != nil {
		t.Fatalf("%d of %d accounts were asked at once: %v", here.Load(), n*accounts, err)
	}
	defer rows.Close()
	for rows.Next() {
		var channel, currency, spend, conversions string
		if err := rows.Scan(&channel, &currency, &spend, &conversions); err != nil {
			t.Fatal(err)
		}
		// 45 a day in 53 days of 16 accounts
		if spend != "38160.000000" || conversions != "19080.000000" {
			t.Errorf("%s %s: %s, %s", channel, currency, spend, conversions)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
}

// BenchmarkModel is the statement of all channels that the cache answers.
func BenchmarkModel(b *testing.B) {
	s := modelOf(b, 13, 16, func(context.Context) {})
	c, err := s.Open(b, "demo", "env:PASSWORD", "", "").Conn(context.Background())
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	for _, q := range []struct{ name, text string }{
		{"overall", overall},
		{"one channel", "SELECT date, SUM(spend) FROM ads.performance WHERE date >= '2026-10-01' AND channel = 'channel_03' GROUP BY 1"},
		{"reporting", "SELECT channel, SUM(spend_reporting) FROM ads.performance WHERE date >= '2026-10-01' GROUP BY 1"},
		{"accounts", "SELECT account_name, currency, SUM(spend) FROM ads.performance WHERE date >= '2026-10-01' GROUP BY 1, 2"},
		{"whole", overall},
		{"channels", "SELECT channel, SUM(spend) FROM ads.performance WHERE date >= '2026-10-01' AND currency = 'KRW' GROUP BY 1"},
		{"days", "SELECT date, SUM(clicks) FROM ads.performance WHERE date >= '2026-10-01' GROUP BY 1"},
		{"metadata", "SELECT * FROM ads.performance LIMIT 0"},
	} {
		run := func() {
			rows, err := c.QueryContext(context.Background(), q.text)
			if err != nil {
				b.Fatal(err)
			}
			for rows.Next() {
			}
			if err := rows.Err(); err != nil {
				b.Fatal(err)
			}
			rows.Close()
		}
		run() // what it fetches is fetched now
		b.Run(q.name, func(b *testing.B) {
			for b.Loop() {
				run()
			}
		})
	}
}
