package system_test

import (
	"context"
	"iter"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"argo/automation"
	"argo/cache"
	"argo/server/system"
	"argo/tables"
	"argo/tables/fault"
	"argo/tables/rest"
	"argo/tables/tabletest"

	"github.com/cockroachdb/apd/v3"
)

var at = time.Date(2026, 11, 22, 9, 30, 0, 0, time.UTC)

type ledger struct{ automation.Ledger }

type book struct{ automation.Book }

func (book) Policies(context.Context, bool) ([]automation.Policy, error) {
	return []automation.Policy{
		{ID: "P1", Version: 2, Kind: "kill_switch", ScopeKind: "channel", Scope: "ads", Params: "{}", SetBy: "lee@10.0.0.1", SetAt: at},
		{ID: "P2", Version: 1, Kind: "kill_switch", ScopeKind: "channel", Scope: "closed", Params: "{}", SetBy: "lee@10.0.0.1", SetAt: at, DroppedAt: at},
		{ID: "P3", Version: 1, Kind: "max_change_pct", ScopeKind: "global", Params: "{}", SetBy: "lee@10.0.0.1", SetAt: at},
	}, nil
}

func (book) Verdicts(_ context.Context, run string) ([]automation.Verdict, error) {
	return []automation.Verdict{{Guardrail: "P3", Kind: "max_change_pct", Change: "C1", Stage: "plan", Decision: automation.Allow, Sentence: "within 20 %", At: at}}, nil
}

func (book) Approval(_ context.Context, run string) (automation.Approval, bool, error) {
	return automation.Approval{Run: run, Quorum: 2, Expires: at.Add(time.Hour), AskedBy: "anna", Votes: []automation.Vote{{By: "lee", Yes: true}}}, true, nil
}

func (ledger) Runs(_ context.Context, open bool, _ int) ([]automation.Run, error) {
	if open {
		c := automation.RunChange{Change: automation.Change{ID: "C3", Account: "1", Field: "amount", Before: "1", After: "2", Unit: "KRW"}, State: automation.Awaiting, Note: "it needs two", At: at}
		return []automation.Run{
			{ID: "R3", Source: "ads", Action: "set_budget", By: "anna@10.0.0.1", State: automation.Awaiting, Changes: []automation.RunChange{c}, CreatedAt: at},
			{ID: "R4", Source: "closed", Action: "set_budget", By: "anna@10.0.0.1", State: automation.Awaiting, Changes: []automation.RunChange{c}, CreatedAt: at},
		}, nil
	}
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
		Coverage: func(_ context.Context, f cache.Filter) iter.Seq2[cache.Cell, error] {
			return func(yield func(cache.Cell, error) bool) {
				for _, source := range []string{"ads", "closed"} {
					if !f.Want(source, "campaigns", "1") {
						continue
					}
					for d := tables.Day("2026-11-03"); d >= "2026-11-01"; d = d.Add(-1) {
						c := cache.Cell{Source: source, Table: "campaigns", Account: "1", Day: d, State: cache.CellFresh, FetchedAt: at, Finality: cache.Final, FinalOn: "2026-12-01", Columns: 4}
						if (f.Days.IsZero() || f.Days.Contains(d)) && !yield(c, nil) {
							return
						}
					}
				}
			}
		},
		Restatements: func(_ context.Context, f cache.Filter) iter.Seq2[cache.Restatement, error] {
			return func(yield func(cache.Restatement, error) bool) {
				old, _, _ := apd.NewFromString("10.50")
				new, _, _ := apd.NewFromString("12.25")
				for _, r := range []cache.Restatement{
					{Source: "ads", Day: "2026-11-01", Entity: `{"id":1}`, Column: "cost", Old: old, New: new, Row: cache.RowChanged},
					{Source: "ads", Day: "2026-11-01", Column: "clicks", Old: int64(3), Row: cache.RowVanished},
					{Source: "ads", Day: "2026-11-02", Column: "name", Old: "a", New: "b", Row: cache.RowChanged},
					{Source: "closed", Day: "2026-11-02", Column: "name", Old: "a", New: "b", Row: cache.RowChanged},
				} {
					if f.Want(r.Source, r.Table, r.Account) && (f.Days.IsZero() || f.Days.Contains(r.Day)) && !yield(r, nil) {
						return
					}
				}
			}
		},
		Reconcile: func(_ context.Context, f cache.Filter) iter.Seq2[cache.Reconciliation, error] {
			return func(yield func(cache.Reconciliation, error) bool) {
				if f.Want("ads", "campaigns", "1") {
					yield(cache.Reconciliation{Source: "ads", Table: "campaigns", Account: "1", Check: cache.Check{Column: "cost", Rows: "10.5", Source: "11", Break: true}, Difference: "-0.5"}, nil)
				}
			}
		},
		Fetches: func(_ context.Context, from, to time.Time) iter.Seq2[tables.Call, error] {
			return func(yield func(tables.Call, error) bool) {
				for _, c := range []tables.Call{
					{At: at, Connection: "ads", Purpose: tables.Asking, Outcome: "ok", Status: 200, Scopes: []string{"token", "account/1"}, Statement: "Q2"},
					{At: at.Add(-time.Hour), Connection: "ads", Purpose: tables.Backfilling, Outcome: "unavailable", Message: "no answer"},
					{At: at, Connection: "closed", Purpose: tables.Asking, Outcome: "ok"},
				} {
					if !c.At.Before(from) && (to.IsZero() || !c.At.After(to)) && !yield(c, nil) {
						return
					}
				}
			}
		},
		Jobs: func(context.Context) ([]cache.Job, error) {
			return []cache.Job{
				{ID: "J3", Kind: cache.KindCompact, State: cache.Done, By: "argo"},
				{ID: "J2", Kind: cache.KindBackfill, Source: "ads", Table: "campaigns", State: cache.Running, Cells: 9, Done: 4, Options: "{}"},
				{ID: "J1", Kind: cache.KindBackfill, Source: "closed", Table: "x", State: cache.Failed, Error: "secret of another"},
			}, nil
		},
		LastSources: func(context.Context) []tables.Outcome {
			return []tables.Outcome{
				{Connection: "ads", Table: "campaigns", Account: "1", State: "ok", Rows: 3, AsOf: at},
				{Connection: "ads", Table: "campaigns", Account: "2", State: "denied", Rows: -1, Err: fault.New(fault.Denied, "no access to 2").WithHint("ask its owner")},
			}
		},
		Quotas: func(context.Context) ([]rest.Budget, error) {
			return []rest.Budget{
				{Scope: "google_ads/token", Law: "100 a day", Limit: 100, Window: 24 * time.Hour, Used: 40, Available: 60, Reserved: map[tables.Purpose]int{tables.Acting: 5, tables.Asking: 20}},
				{Scope: "google_ads/token/account/1", Parent: "google_ads/token", Used: 3, ParkedUntil: at, Reason: "RESOURCE_EXHAUSTED"},
				{Scope: "closed/token"},
			}, nil
		},
		Spenders: func(scope string) []string {
			if strings.HasPrefix(scope, "google_ads") {
				return []string{"ads", "closed"}
			}
			return []string{"closed"}
		},
		Costs: func(_ context.Context, source, table string) (c cache.Costs) {
			if source == "ads" {
				c = c.With(cache.Fetched{Cells: 10, Rows: 20, Bytes: 400, Columns: 2, Elapsed: time.Second})
			}
			return c
		},
		Ledger: ledger{},
		Book:   book{},
		Own: func() []system.Procedure {
			return []system.Procedure{{Database: "ads", Name: "undo", Doc: "Undo", Params: []automation.Param{{Name: "run_id", Type: tables.Ident, Doc: "which"}, {Name: "why", Type: tables.LongText, Doc: "why"}}, Optional: 1},
				{Database: "closed", Name: "undo", Doc: "Undo"}}
		},
		MayRead: func(ctx context.Context, d string) bool { return d == "ads" || ctx.Value(all{}) != nil },
		User:    func(ctx context.Context) (string, bool) { return "anna", ctx.Value(all{}) != nil },
	}
}

type all struct{}

// rows prints the rows of a table, of some columns.
func rows(t *testing.T, ctx context.Context, list []tables.Table, name string, columns ...string) []string {
	t.Helper()
	return rowsWhere(t, ctx, list, nil, name, columns...)
}

func rowsWhere(t *testing.T, ctx context.Context, list []tables.Table, where tables.Predicate, name string, columns ...string) []string {
	t.Helper()
	for _, table := range list {
		if table.Name != name {
			continue
		}
		out := []string{}
		for row, err := range table.Scan(ctx, tables.Scan{Table: name, Columns: columns, Where: where}) {
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
					parts[i] = strconv.FormatInt(v, 10)
				case float64:
					parts[i] = strconv.FormatFloat(v, 'f', -1, 64)
				case *apd.Decimal:
					parts[i] = v.Text('f')
				default:
					t.Fatalf("%s.%s is a %T", name, columns[i], v)
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
		{context.Background(), "segments", []string{"id", "quality", "parts", "retired_at", "place"}, []string{"S1|unchecked|0|NULL|S1"}},
		{context.Background(), "coverage", []string{"database_name", "day", "state", "finality", "final_on", "columns_cached"}, []string{
			"ads|2026-11-03|fresh|final|2026-12-01|4", "ads|2026-11-02|fresh|final|2026-12-01|4", "ads|2026-11-01|fresh|final|2026-12-01|4"}},
		{context.Background(), "restatements", []string{"date", "entity", "metric", "old_value", "new_value", "difference", "what"}, []string{
			`2026-11-01|{"id":1}|cost|10.50|12.25|1.750000000|changed`, "2026-11-01|NULL|clicks|3|NULL|-3.000000000|vanished", "2026-11-02|NULL|name|a|b|NULL|changed"}},
		{context.Background(), "reconcile", []string{"metric", "state", "rows_total", "source_total", "difference"}, []string{"cost|break|10.500000000|11.000000000|-0.500000000"}},
		{context.Background(), "costs", []string{"table_name", "fetches", "milliseconds_per_fetch", "rows_per_cell", "bytes_per_value"}, []string{"campaigns|1|1000|2|10"}},
		{context.Background(), "last_sources", []string{"account_id", "state", "row_count", "as_of", "error", "what_to_do", "who_can_fix"}, []string{
			"1|ok|3|2026-11-22 09:30:00|NULL|NULL|NULL", "2|denied|NULL|NULL|no access to 2|ask its owner|who administers the account at the source: access has to be granted"}},
		{context.Background(), "fetches", []string{"started_at", "purpose", "scopes", "http_status", "outcome", "message", "statement_id"}, []string{
			"2026-11-22 09:30:00|people|token, account/1|200|ok|NULL|Q2", "2026-11-22 08:30:00|backfill|NULL|NULL|unavailable|no answer|NULL"}},
		{context.Background(), "quotas", []string{"scope", "database_names", "quota_limit", "window_seconds", "used", "available", "kept_for_actions", "kept_for_people", "kept_for_refresh", "parked_until", "reason"}, []string{
			"google_ads/token|ads|100|86400|40|60|5|20|0|NULL|NULL", "google_ads/token/account/1|ads|NULL|NULL|3|NULL|NULL|NULL|NULL|2026-11-22 09:30:00|RESOURCE_EXHAUSTED"}},
		{everything, "quotas", []string{"scope", "database_names"}, []string{"google_ads/token|ads, closed", "google_ads/token/account/1|ads, closed", "closed/token|closed"}},
		{context.Background(), "jobs", []string{"job_id", "state", "cells", "cells_done"}, []string{"J2|running|9|4"}},
		{everything, "jobs", []string{"job_id"}, []string{"J3", "J2", "J1"}},
		{context.Background(), "queries", []string{"id", "statement"}, []string{"Q2|SELECT 1"}},
		{everything, "queries", []string{"id"}, []string{"Q2", "Q1"}},
		{context.Background(), "runs", []string{"run_id", "state", "before", "after", "note", "arguments"}, []string{`R2|verified|ENABLED|PAUSED|a; b|{"id":1}`}},
		{everything, "runs", []string{"run_id", "change_id", "state"}, []string{"R2|C1|verified", "R1|NULL|denied"}},
		{context.Background(), "run_events", []string{"run_id", "from_state", "to_state"}, []string{"R2|executing|verified"}},
		{context.Background(), "guardrails", []string{"guardrail_id", "version", "scope", "dropped_at"}, []string{"P1|2|ads|NULL", "P3|1|NULL|NULL"}},
		{everything, "guardrails", []string{"guardrail_id"}, []string{"P1", "P2", "P3"}},
		{context.Background(), "verdicts", []string{"run_id", "stage", "decision", "sentence"}, []string{"R2|plan|allow|within 20 %"}},
		{context.Background(), "pending_actions", []string{"run_id", "after", "why", "votes", "expires_at"}, []string{"R3|2|it needs two|1 of 2 lee|2026-11-22 10:30:00"}},
		{everything, "pending_actions", []string{"run_id"}, []string{"R3", "R4"}},
		{context.Background(), "procedures", []string{"procedure_name", "signature", "touches"}, []string{"pause|CALL ads.pause(id, [options])|campaigns", "undo|CALL ads.undo(run_id, [why])|NULL"}},
		{context.Background(), "procedure_params", []string{"parameter_name", "type", "ordinal_position"}, []string{"id|BIGINT|1", "options|JSON|2", "run_id|VARCHAR(64)|1", "why|VARCHAR(16383)|2"}},
	} {
		if got := rows(t, c.ctx, list, c.table, c.columns...); !slices.Equal(got, c.want) {
			t.Errorf("%s %v\n%s\nwant\n%s", c.table, c.columns, strings.Join(got, "\n"), strings.Join(c.want, "\n"))
		}
	}
	for _, table := range system.Tables(system.Options{}) {
		if table.Name == "guardrail_kinds" {
			continue // they are Argo's own
		}
		for range table.Scan(context.Background(), tables.Scan{}) {
			t.Errorf("%s has a row without anything to ask", table.Name)
		}
	}
}

// What a statement says of days, times and names reaches whoever has the rows.
func TestPushdown(t *testing.T) {
	list := system.Tables(options())
	ctx := context.WithValue(context.Background(), all{}, true)
	for _, c := range []struct {
		table  string
		where  tables.Predicate
		column string
		want   []string
	}{
		{"coverage", tables.Predicate{"day": {In: []any{tables.Day("2026-11-01"), tables.Day("2026-11-01")}}, "database_name": {In: []any{"ads"}}}, "day", []string{"2026-11-01"}},
		{"coverage", tables.Predicate{"day": {From: tables.Day("2026-11-02")}, "database_name": {In: []any{"closed"}}}, "database_name", []string{"closed", "closed"}},
		{"coverage", tables.Predicate{"account_id": {In: []any{"7"}}}, "day", []string{}},
		{"restatements", tables.Predicate{"date": {To: tables.Day("2026-11-01")}}, "metric", []string{"cost", "clicks"}},
		{"fetches", tables.Predicate{"started_at": {From: at}}, "database_name", []string{"ads", "closed"}},
		{"fetches", tables.Predicate{"started_at": {To: at.Add(-time.Minute)}}, "outcome", []string{"unavailable"}},
		{"fetches", tables.Predicate{"started_at": {In: []any{at.Add(-time.Hour)}}}, "outcome", []string{"unavailable"}},
		{"segments", tables.Predicate{"database_name": {In: []any{"closed"}}}, "id", []string{"S2"}},
	} {
		if got := rowsWhere(t, ctx, list, c.where, c.table, c.column); !slices.Equal(got, c.want) {
			t.Errorf("%s %v: %q, not %q", c.table, c.where, got, c.want)
		}
	}
}

// Every column says what it means.
func TestDocs(t *testing.T) {
	for _, table := range system.Tables(options()) {
		for _, c := range table.Columns {
			if c.Doc == "" {
				t.Errorf("%s.%s has no doc", table.Name, c.Name)
			}
		}
		if table.Doc == "" {
			t.Errorf("%s has no doc", table.Name)
		}
	}
}

func TestConformance(t *testing.T) {
	for _, table := range system.Tables(options()) {
		t.Run(table.Name, func(t *testing.T) { tabletest.Conformance(t, table, tabletest.Options{}) })
	}
}
