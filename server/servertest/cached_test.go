package servertest_test

import (
	"context"
	"fmt"
	"iter"
	"testing"
	"time"

	"argo/server/servertest"
	"argo/tables"

	"github.com/cockroachdb/apd/v3"
)

// agency is a source of many accounts with twenty campaigns each.
func agency(accounts int) tables.Source {
	list := make([]tables.Account, accounts)
	for i := range list {
		list[i] = tables.Account{ID: fmt.Sprint(1000 + i), Currency: "KRW", Zone: "Asia/Seoul"}
	}
	report := tables.Table{
		Name: "report", Account: "account", Day: "date", Since: "2026-01-01", Key: []string{"campaign"},
		Fresh:    tables.Freshness{Steps: []tables.Step{{Within: 1, Keep: 15 * time.Minute}, {Within: 7, Keep: 6 * time.Hour}, {Within: 28, Keep: 24 * time.Hour}}},
		Accounts: func(context.Context) ([]tables.Account, error) { return list, nil },
		Columns: []tables.Column{
			{Name: "date", Type: tables.DateType, Push: true, NotNull: true}, {Name: "account", Type: tables.BigInt, Push: true, NotNull: true},
			{Name: "campaign", Type: tables.BigInt, NotNull: true}, {Name: "clicks", Type: tables.BigInt}, {Name: "cost", Type: tables.Money},
		},
		Scan: func(ctx context.Context, s tables.Scan) iter.Seq2[tables.Row, error] {
			return func(yield func(tables.Row, error) bool) {
				tables.TraceOf(ctx).Call()
				for d := s.Days.From; d <= s.Days.To; d = d.Add(1) {
					for c := range int64(20) {
						all := map[string]any{"date": d, "account": s.Account, "campaign": c, "clicks": c * 3, "cost": apd.New(c*1000, -2)}
						var id int64
						fmt.Sscan(s.Account, &id)
						all["account"] = id
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
	return tables.Source{Name: "agency", Doc: "many accounts", Open: func(context.Context, tables.Env) (*tables.Connection, error) {
		return &tables.Connection{Tables: []tables.Table{report}}, nil
	}}
}

const agencyConfig = `
users:
  - {name: demo, password: env:PASSWORD}
connections:
  - {name: big, source: agency}
`

// BenchmarkCached is a statement over 200 accounts and 90 days that the cache
// answers, over the wire.
func BenchmarkCached(b *testing.B) {
	s := servertest.Start(b, servertest.Options{Config: agencyConfig, Sources: []tables.Source{agency(200)}})
	c, err := s.Open(b, "demo", "env:PASSWORD", "big", "").Conn(context.Background())
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	for _, q := range []struct{ name, text string }{
		{"sums", "SELECT date, SUM(clicks), SUM(cost) FROM report WHERE date BETWEEN '2026-08-25' AND '2026-11-22' GROUP BY date"},
		{"explain fetch", "EXPLAIN FETCH SELECT date, SUM(clicks), SUM(cost) FROM report WHERE date BETWEEN '2026-08-25' AND '2026-11-22' GROUP BY date"},
		{"count", "SELECT COUNT(*) FROM report WHERE date BETWEEN '2026-08-25' AND '2026-11-22'"},
		{"finality", "SELECT _finality, COUNT(*), MAX(_fetched_at) FROM report WHERE date BETWEEN '2026-08-25' AND '2026-11-22' GROUP BY 1"},
	} {
		b.Run(q.name, func(b *testing.B) {
			for i := range b.N + 1 {
				rows, err := c.QueryContext(context.Background(), q.text)
				if err != nil {
					b.Fatal(err)
				}
				for rows.Next() {
				}
				rows.Close()
				if i == 0 {
					b.ResetTimer()
				}
			}
		})
	}
}
