package system_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"argo/automation"
	"argo/cache"
	"argo/server/system"
	"argo/tables"
	"argo/tables/tabletest"
)

var at = time.Date(2026, 11, 22, 9, 30, 0, 0, time.UTC)

type ledger struct{ automation.Ledger }

func (ledger) Runs(context.Context, bool, int) ([]automation.Run, error) {
	change := automation.RunChange{Change: automation.Change{ID: "C1", Account: "1", Field: "status", Before: "ENABLED", After: "PAUSED", Note: "a"}, State: automation.Verified, Note: "b", At: at}
	return []automation.Run{
		{ID: "R2", Source: "ads", Action: "pause", By: "anna@10.0.0.1", State: automation.Verified, Args: `{"id":1}`, Changes: []automation.RunChange{change}, CreatedAt: at, EndedAt: at},
		{ID: "R1", Source: "closed", Action: "pause", By: "bert@10.0.0.1", State: automation.Denied, CreatedAt: at},
	}, nil
}

func (ledger) Events(_ context.Context, run string) ([]automation.Event, error) {
	return []automation.Event{{Seq: 1, Run: run, Change: "C1", From: automation.Executing, To: automation.Verified, At: at, Hash: "h"}}, nil
}

func options() system.Options {
	ads := tables.Table{Name: "campaigns", Doc: "Campaigns", Account: "customer_id", Key: []string{"id"}, Columns: []tables.Column{
		{Name: "customer_id", Type: tables.BigInt}, {Name: "cost", Type: tables.Money, Unit: "account currency", Doc: "Cost", NonAdditive: true}}}
	calls := 0
	lake := tables.Table{Name: "files", Describe: func(context.Context) ([]tables.Column, error) {
		calls++
		return []tables.Column{{Name: "late", Type: tables.Varchar}}, nil
	}}
	action := automation.Action{Name: "pause", Doc: "Pause", Params: []automation.Param{{Name: "id", Type: tables.BigInt, Doc: "which"}}, Touches: []string{"campaigns"}}
	return system.Options{
		Sources: []tables.Source{{Name: "google_ads", Doc: "Google Ads"}},
		Connections: []system.Connection{
			{Name: "ads", Source: "google_ads", Tables: []tables.Table{ads}, Actions: []automation.Action{action}},
			{Name: "closed", Source: "lake", Tables: []tables.Table{lake}},
		},
		Status: func(string) (string, string, time.Time) { return "auth", "the token has expired", at },
		Segments: func(context.Context) ([]cache.Segment, error) {
			return []cache.Segment{
				{ID: "S1", Span: cache.Span{Source: "ads", Table: "campaigns", Account: "1", Columns: []string{"a", "b"}}, FetchedAt: at, Rows: 3},
				{ID: "S2", Span: cache.Span{Source: "closed", Table: "x", Days: tables.Days{From: "2026-11-01", To: "2026-11-02"}}},
			}, nil
		},
		Accounts: func(_ context.Context, c string) ([]tables.Account, time.Time, error) {
			return []tables.Account{{ID: "1", Name: c, Currency: "KRW", Zone: "Asia/Seoul"}}, at, nil
		},
		Queries: func(context.Context, int) ([]tables.Statement, error) {
			return []tables.Statement{{ID: "Q2", At: at, User: "anna@10.0.0.1", Text: "SELECT 1"}, {ID: "Q1", At: at, User: "bert@10.0.0.1", Text: "SELECT 'secret'"}}, nil
		},
		Ledger:  ledger{},
		MayRead: func(ctx context.Context, d string) bool { return d == "ads" || ctx.Value(all{}) != nil },
		User:    func(ctx context.Context) (string, bool) { return "anna", ctx.Value(all{}) != nil },
	}
}

type all struct{}

// rows prints the rows of a table, of some columns.
func rows(t *testing.T, ctx context.Context, list []tables.Table, name string, columns ...string) []string {
	t.Helper()
	for _, table := range list {
		if table.Name != name {
			continue
		}
		out := []string{}
		for row, err := range table.Scan(ctx, tables.Scan{Table: name, Columns: columns}) {
			if err != nil {
				t.Fatal(err)
			}
			parts := make([]string, len(row))
			for i, v := range row {
				switch v := v.(type) {
				case nil:
					parts[i] = "NULL"
				case string:
					parts[i] = v
				case tables.Day:
					parts[i] = string(v)
				case time.Time:
					parts[i] = v.Format(time.DateTime)
				case bool:
					parts[i] = map[bool]string{true: "yes", false: "no"}[v]
				case int64:
					parts[i] = string(rune('0' + v))
				}
			}
			out = append(out, strings.Join(parts, "|"))
		}
		return out
	}
	t.Fatalf("there is no table %s", name)
	return nil
}

func TestRows(t *testing.T) {
	list := system.Tables(options())
	everything := context.WithValue(context.Background(), all{}, true)
	for _, c := range []struct {
		ctx     context.Context
		table   string
		columns []string
		want    []string
	}{
		{context.Background(), "sources", []string{"name", "doc", "sample"}, []string{"google_ads|Google Ads|NULL"}},
		{context.Background(), "connections", []string{"name", "state", "last_error", "asked_at"}, []string{"ads|auth|the token has expired|2026-11-22 09:30:00"}},
		{context.Background(), "tables", []string{"database_name", "table_name", "key_columns"}, []string{"ads|campaigns|id"}},
		{everything, "columns", []string{"table_name", "column_name", "type", "unit", "additive"}, []string{"campaigns|customer_id|BIGINT|NULL|yes", "campaigns|cost|DECIMAL(20,6)|account currency|no", "files|late|VARCHAR(255)|NULL|yes"}},
		{context.Background(), "accounts", []string{"id", "name", "currency", "time_zone"}, []string{"1|ads|KRW|Asia/Seoul"}},
		{context.Background(), "segments", []string{"id", "account_id", "from_day", "row_count", "column_names"}, []string{"S1|1|NULL|3|a, b"}},
		{everything, "segments", []string{"id", "from_day", "account_id"}, []string{"S1|NULL|1", "S2|2026-11-01|NULL"}},
		{context.Background(), "queries", []string{"id", "statement"}, []string{"Q2|SELECT 1"}},
		{everything, "queries", []string{"id"}, []string{"Q2", "Q1"}},
		{context.Background(), "runs", []string{"run_id", "state", "before", "after", "note", "arguments"}, []string{`R2|verified|ENABLED|PAUSED|a; b|{"id":1}`}},
		{everything, "runs", []string{"run_id", "change_id", "state"}, []string{"R2|C1|verified", "R1|NULL|denied"}},
		{context.Background(), "run_events", []string{"run_id", "from_state", "to_state"}, []string{"R2|executing|verified"}},
		{context.Background(), "procedures", []string{"procedure_name", "signature", "touches"}, []string{"pause|CALL ads.pause(id, [options])|campaigns"}},
		{context.Background(), "procedure_params", []string{"parameter_name", "type", "ordinal_position"}, []string{"id|BIGINT|1", "options|JSON|2"}},
	} {
		if got := rows(t, c.ctx, list, c.table, c.columns...); !slices.Equal(got, c.want) {
			t.Errorf("%s %v\n%s\nwant\n%s", c.table, c.columns, strings.Join(got, "\n"), strings.Join(c.want, "\n"))
		}
	}
	for _, table := range system.Tables(system.Options{}) {
		for range table.Scan(context.Background(), tables.Scan{}) {
			t.Errorf("%s has a row without anything to ask", table.Name)
		}
	}
}

func TestConformance(t *testing.T) {
	for _, table := range system.Tables(options()) {
		t.Run(table.Name, func(t *testing.T) { tabletest.Conformance(t, table, tabletest.Options{}) })
	}
}
