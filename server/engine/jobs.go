package engine

import (
	"context"

	"argo/automation"
	"argo/cache"
	"argo/tables"
)

// Worker does what is fetched without a statement; *cache.Worker is one.
type Worker interface {
	Backfill(ctx context.Context, o cache.Order) (cache.Job, error)
	Refresh(ctx context.Context, o cache.Order) (cache.Job, error)
	Compact(ctx context.Context, o cache.Order) (cache.Job, error)
	Cancel(ctx context.Context, id string, may func(source string) bool) (cache.Job, error)
}

// Jobs are the procedures of a worker. Who may read a connection may refresh
// its tables; what takes from its quota for long, or ends what others asked
// for, asks for the right to act.
func Jobs(w Worker) []Procedure {
	table := automation.Param{Name: "table_name", Type: tables.Varchar, Doc: "'connection.table', or a table of the current database"}
	options := automation.Param{Name: optionsParameter, Type: tables.LongText,
		Doc: `JSON: {"accounts": ["1000000101"], "columns": ["cost"], "wait": "30s", "reason": "…"}`}
	days := []automation.Param{
		table,
		{Name: "from_day", Type: tables.DateType, Doc: "first day; NULL: where the table begins, of a refresh the first day that is not settled"},
		{Name: "to_day", Type: tables.DateType, Doc: "last day; NULL: today"},
		options,
	}
	order := func(name, doc string, params []automation.Param, act bool, run func(context.Context, cache.Order) (cache.Job, error)) Procedure {
		return Procedure{Name: name, Doc: doc, Params: params, Optional: len(params) - 1, Act: act, Columns: jobColumns,
			Run: func(ctx context.Context, c Caller, args automation.Args) ([]tables.Row, error) {
				o := cache.Order{Database: c.Database, By: c.By, May: func(source string) bool { return MayRead(ctx, source) }}
				o.Table, _ = args["table_name"].(string)
				o.From, _ = args["from_day"].(tables.Day)
				o.To, _ = args["to_day"].(tables.Day)
				o.Options, _ = args[optionsParameter].(string)
				return jobRow(run(ctx, o))
			}}
	}
	return []Procedure{
		order("refresh", "Read days of a table from its source anew, the settled ones too", days, false, w.Refresh),
		order("backfill", "Fetch the days of a table that are not cached, the newest first, in the background", days, true, w.Backfill),
		order("compact", "Put the settled days of a table into larger files", []automation.Param{table, options}, true, w.Compact),
		{Name: "cancel_job", Doc: "End a job of argo.jobs; what it has fetched stays", Act: true, Columns: jobColumns,
			Params: []automation.Param{{Name: "job_id", Type: tables.Ident, Doc: "its id in argo.jobs"}},
			Run: func(ctx context.Context, _ Caller, args automation.Args) ([]tables.Row, error) {
				id, _ := args["job_id"].(string)
				return jobRow(w.Cancel(ctx, id, func(source string) bool { return MayRead(ctx, source) }))
			}},
	}
}

var jobColumns = []tables.Column{
	{Name: "job_id", Type: tables.Ident, NotNull: true, Doc: "Id in argo.jobs"},
	{Name: "kind", Type: tables.Ident, NotNull: true},
	{Name: "database_name", Type: tables.Ident},
	{Name: "table_name", Type: tables.Ident},
	{Name: "account", Type: tables.Ident, Doc: "NULL: all of them"},
	{Name: "from_day", Type: tables.DateType},
	{Name: "to_day", Type: tables.DateType},
	{Name: "state", Type: tables.Ident, NotNull: true, Doc: "queued, running, done, failed or cancelled"},
	{Name: "cells", Type: tables.BigInt, Doc: "Cells to be looked at"},
	{Name: "done", Type: tables.BigInt, Doc: "Cells that have been looked at"},
	{Name: "calls", Type: tables.BigInt, Doc: "Calls to the source so far"},
	{Name: "row_count", Type: tables.BigInt, Doc: "Rows that came so far"},
	{Name: "error", Type: tables.LongText},
}

func jobRow(j cache.Job, err error) ([]tables.Row, error) {
	if err != nil {
		return nil, err
	}
	word := func(s string) any {
		if s == "" {
			return nil
		}
		return s
	}
	day := func(d tables.Day) any {
		if d == "" {
			return nil
		}
		return d
	}
	return []tables.Row{{j.ID, j.Kind, word(j.Source), word(j.Table), word(j.Account), day(j.Days.From), day(j.Days.To),
		j.State, j.Cells, j.Done, j.Calls, j.Rows, word(j.Error)}}, nil
}
