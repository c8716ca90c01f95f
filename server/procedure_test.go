package server_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"argo/cache"
	"argo/server/columnar"
	"argo/server/engine"
	"argo/tables"
	"argo/tables/fault"
)

// foreman is a Worker that notes what it was ordered.
type foreman struct{ got []string }

func (f *foreman) order(kind string, o cache.Order) (cache.Job, error) {
	f.got = append(f.got, fmt.Sprintf("%s %s %s %s..%s %s %s %v", kind, o.Database, o.Table, o.From, o.To, o.Options, o.By, o.May("lake")))
	if o.Table == "none" {
		return cache.Job{}, fault.New(fault.NotFound, "there is no table none")
	}
	return cache.Job{ID: "01JOB", Kind: kind, Source: "ads", Table: "report", Days: tables.Days{From: o.From, To: o.To}, State: cache.Queued, Cells: 3}, nil
}

func (f *foreman) Backfill(_ context.Context, o cache.Order) (cache.Job, error) {
	return f.order("backfill", o)
}
func (f *foreman) Refresh(_ context.Context, o cache.Order) (cache.Job, error) {
	return f.order("refresh", o)
}
func (f *foreman) Compact(_ context.Context, o cache.Order) (cache.Job, error) {
	return f.order("compact", o)
}
func (f *foreman) Cancel(_ context.Context, id string, may func(string) bool) (cache.Job, error) {
	f.got = append(f.got, fmt.Sprintf("cancel %s %v", id, may("ads")))
	return cache.Job{ID: id, Kind: "backfill", State: cache.Cancelled}, nil
}

func TestProcedures(t *testing.T) {
	duck, err := columnar.Open(columnar.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { duck.Close() })
	f := &foreman{}
	b := serve(t, false, 0, engine.Options{
		Databases: []engine.Database{{Name: "ads", Tables: []tables.Table{campaigns()}, Actions: actions()}, {Name: "lake", Tables: []tables.Table{campaigns()}}},
		Columnar:  duck, Procedures: engine.Jobs(f),
	})
	db := b.open(t, "sha", "multiStatements=true")
	c, err := db.Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.ExecContext(context.Background(), "USE ads"); err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct{ query, want, row string }{
		{"CALL argo.refresh('ads.report', '2026-11-01', '2026-11-20')", "refresh ads ads.report 2026-11-01..2026-11-20  sha@127.0.0.1 true", "01JOB|refresh|ads|report|-|2026-11-01|2026-11-20|queued|3|0|0|0|-"},
		{"CALL argo.refresh('report')", "refresh ads report ..  sha@127.0.0.1 true", "01JOB|refresh|ads|report|-|-|-|queued|3|0|0|0|-"},
		{`CALL argo.backfill('report', NULL, DATE '2026-11-20', '{"wait": "5s"}')`, `backfill ads report ..2026-11-20 {"wait": "5s"} sha@127.0.0.1 true`, "01JOB|backfill|ads|report|-|-|2026-11-20|queued|3|0|0|0|-"},
		{"call argo.compact('report')", "compact ads report ..  sha@127.0.0.1 true", "01JOB|compact|ads|report|-|-|-|queued|3|0|0|0|-"},
		{"CALL `argo`.`cancel_job`('01JOB')", "cancel 01JOB true", "01JOB|backfill|-|-|-|-|-|cancelled|0|0|0|0|-"},
	} {
		f.got = nil
		if got := rows(t, c, x.query); !slices.Equal(got, []string{x.row}) || !slices.Equal(f.got, []string{x.want}) {
			t.Errorf("%s gives %q\norders %q", x.query, got, f.got)
		}
	}
	for query, want := range map[string]string{
		"CALL argo.refresh()":                           "does not take 0 arguments (CALL argo.refresh(table_name VARCHAR(255) [, from_day DATE [, to_day DATE [, options LONGTEXT]]]))",
		"CALL argo.refresh('report', 'soon')":           `the argument from_day is "soon", not a day such as 2026-11-22 (CALL argo.refresh(`,
		"CALL argo.refresh('none')":                     "Error 1431 (HY000): there is no table none",
		"CALL argo.refresh((SELECT 'report'))":          "a subquery cannot be an argument",
		"CALL argo.nothing()":                           "Error 1305 (42000)",
		"CALL argo.cancel_job('01JOB', 'and the rest')": "does not take 2 arguments",
	} {
		if err := refused(conn{c}, query); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", query, err)
		}
	}
	if got := rows(t, c, "SELECT routine_name, routine_comment FROM information_schema.routines WHERE routine_schema = 'argo' ORDER BY 1"); len(got) != 4 || got[3] != "refresh|Read days of a table from its source anew, the settled ones too" {
		t.Errorf("routines: %q", got)
	}
	if got := rows(t, c, "SHOW CREATE PROCEDURE argo.refresh"); len(got) != 1 || !strings.Contains(got[0], "`options` LONGTEXT") {
		t.Errorf("SHOW CREATE PROCEDURE: %q", got)
	}
	// A user without the right to act refreshes what he may read, and no more.
	watch := b.open(t, "watch", "")
	f.got = nil
	if err := refused(watch, "CALL argo.refresh('ads.report')"); err != nil || len(f.got) != 1 || f.got[0] != "refresh  ads.report ..  watch@127.0.0.1 false" {
		t.Errorf("a reader's refresh: %v, %q", err, f.got)
	}
	for _, query := range []string{"CALL argo.backfill('ads.report')", "CALL argo.compact('ads.report')", "CALL argo.cancel_job('01JOB')", "CALL ads.pause_campaign(7)"} {
		if err := refused(watch, query); number(err) != 1370 && number(err) != 1142 {
			t.Errorf("a reader: %s: %v", query, err)
		}
	}
	if err := refused(b.open(t, "reader", ""), "CALL argo.refresh('lake.report')"); number(err) != 1370 && number(err) != 1044 {
		t.Errorf("without the database argo: %v", err)
	}
}
