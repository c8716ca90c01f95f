package servertest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"argo/server/servertest"
	"argo/tables"
	"argo/tables/fault"
	"argo/tables/market"
)

// breakdowns is a source with two tables of one account: one whose columns
// cannot all be had in one reply, and one whose replies take a tenth of a
// millisecond for each value and have 10 rows on even days and 1,000 on odd ones.
func breakdowns(clock *market.VirtualClock) (tables.Source, http.Handler) {
	table := func(env tables.Env, name string, metrics []string) tables.Table {
		t := tables.Table{
			Name: name, Doc: "Figures by campaign", Key: []string{"campaign_id"}, Account: "account_id", Day: "date", Since: "2026-11-01", Clock: "day in the account's time zone",
			Fresh: tables.Freshness{Steps: []tables.Step{{Within: 1, Keep: time.Hour}}},
			Columns: []tables.Column{
				{Name: "date", Type: tables.DateType, NotNull: true, Push: true, Doc: "Day"},
				{Name: "account_id", Type: tables.Ident, NotNull: true, Push: true, Doc: "Account"},
				{Name: "campaign_id", Type: tables.BigInt, NotNull: true, Doc: "Campaign"},
			},
			Accounts: func(context.Context) ([]tables.Account, error) { return []tables.Account{{ID: "a"}}, nil },
		}
		for _, m := range metrics {
			t.Columns = append(t.Columns, tables.Column{Name: m, Type: tables.BigInt, Unit: "count", Doc: "Count of " + m})
		}
		t.Scan = func(ctx context.Context, s tables.Scan) iter.Seq2[tables.Row, error] {
			return func(yield func(tables.Row, error) bool) {
				tables.TraceOf(ctx).Call()
				r, err := http.NewRequestWithContext(ctx, "GET", "http://breakdowns.test/"+name+"?from="+string(s.Days.From)+"&to="+string(s.Days.To)+"&fields="+strings.Join(s.Columns, ","), nil)
				if err != nil {
					yield(nil, err)
					return
				}
				reply, err := env.HTTP.Do(r)
				if err != nil {
					yield(nil, fault.Wrap(fault.Unavailable, err, "the report did not come"))
					return
				}
				defer reply.Body.Close()
				var rows []map[string]any
				if err := json.NewDecoder(reply.Body).Decode(&rows); err != nil {
					yield(nil, fault.Wrap(fault.Broken, err, "the report cannot be read"))
					return
				}
				for _, x := range rows {
					row := make(tables.Row, len(s.Columns))
					for i, c := range s.Columns {
						switch v := x[c].(type) {
						case string:
							if row[i] = v; c == "date" {
								row[i] = tables.Day(v)
							}
						case float64:
							row[i] = int64(v)
						}
					}
					if !yield(row, nil) {
						return
					}
				}
			}
		}
		return t
	}
	source := tables.Source{Name: "breakdowns", Doc: "Breakdowns", Open: func(_ context.Context, env tables.Env) (*tables.Connection, error) {
		either := table(env, "either", []string{"clicks", "reach", "conversions_by_action"})
		either.Incompatible = func(columns []string) error {
			if slices.Contains(columns, "reach") && slices.Contains(columns, "conversions_by_action") {
				return fault.New(fault.Invalid, "reach and conversions_by_action are not of one report").WithHint("ask for them in two statements")
			}
			return nil
		}
		var many []string
		for i := range 40 {
			many = append(many, fmt.Sprintf("metric_%02d", i+1))
		}
		return &tables.Connection{Tables: []tables.Table{either, table(env, "wide", many)}}, nil
	}}
	vendor := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q, err := url.ParseQuery(r.URL.RawQuery)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		fields := strings.Split(q.Get("fields"), ",")
		var rows []map[string]any
		for d := tables.Day(q.Get("from")); d <= tables.Day(q.Get("to")); d = d.Add(1) {
			n := 10
			if strings.HasPrefix(r.URL.Path, "/wide") && d.Time().Day()%2 == 1 {
				n = 1000
			}
			for i := range n {
				row := map[string]any{}
				for _, f := range fields {
					row[f] = map[bool]any{true: i, false: 1}[f == "campaign_id"]
				}
				row["date"], row["account_id"] = d, "a"
				rows = append(rows, row)
			}
		}
		clock.Advance(80*time.Millisecond + time.Duration(len(rows)*len(fields))*100*time.Microsecond)
		_ = json.NewEncoder(w).Encode(rows)
	})
	return source, vendor
}

// Which columns a fetch takes is seen at the vendor: what cannot be had in one
// reply, or would take too long, is asked for when it is wanted.
func TestWidening(t *testing.T) {
	clock := market.NewClock(time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC))
	source, vendor := breakdowns(clock)
	servertest.RunGolden(t, "testdata/widening.txtar", servertest.Setup{
		Options: servertest.Options{
			Config: "users:\n  - {name: demo, password: env:PASSWORD}\nconnections:\n  - {name: b, source: breakdowns}\n",
			Clock:  clock, Sources: []tables.Source{source}, Vendors: map[string]http.Handler{"breakdowns.test": vendor},
		},
		User: "demo", Ref: "env:PASSWORD",
	})
}
