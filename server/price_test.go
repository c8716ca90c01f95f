package server_test

import (
	"context"
	"database/sql"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"argo/server/columnar"
	"argo/server/engine"
	"argo/tables"
	"argo/tables/fault"
)

// kept is a table with a history, of three accounts, of which what days says is
// cached; a call takes at most ten days.
type kept struct {
	source
	cached tables.Days
	old    bool // the list of accounts
	known  time.Time
	warn   error
}

func (k *kept) table() tables.Table {
	t := k.source.table(true)
	t.History = true
	t.Roster = func(context.Context) ([]tables.Account, int, error) {
		calls := 0
		if k.old {
			calls = 1
		}
		return []tables.Account{{ID: "1"}, {ID: "2"}, {ID: "3"}}, calls, nil
	}
	t.Estimate = func(_ context.Context, s tables.Scan) (tables.Estimate, error) {
		e := tables.Estimate{Cells: int64(s.Days.Len()), Exact: true, Rows: 2}
		if !s.AsOf.IsZero() {
			e.Cached = e.Cells
			return e, nil
		}
		if in, ok := s.Days.Intersect(k.cached); ok {
			e.Cached = int64(in.Len())
		}
		for missing := int(e.Cells - e.Cached); missing > 0; missing -= 10 {
			e.Calls++
			e.Elapsed += time.Second
		}
		e.Units = map[string]int{"developer token": e.Calls, "token/account/" + s.Account: e.Calls}
		e.Why = []string{"all columns: they cost no more"}
		return e, nil
	}
	files := t.Files
	t.Files = func(ctx context.Context, s tables.Scan) ([]tables.File, func(), error) {
		if k.warn != nil {
			tables.TraceOf(ctx).Warn(k.warn)
			tables.TraceOf(ctx).Ended(tables.Outcome{Connection: "ads", Table: "report", Account: s.Account, State: "stale", Err: k.warn})
		}
		tables.TraceOf(ctx).Known(k.known)
		return files(ctx, s)
	}
	return t
}

func keptBench(t *testing.T, k *kept, o engine.Options) (*sql.Conn, *swallow, *records) {
	t.Helper()
	e, err := columnar.Open(columnar.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	duck, log := &swallow{Engine: e}, &records{}
	o.Columnar, o.Statements, o.Now = duck, log, func() time.Time { return noon }
	o.Databases = []engine.Database{{Name: "ads", Tables: []tables.Table{k.table()}}, {Name: "raw", Tables: []tables.Table{k.source.table(false)}}}
	o.System = []tables.Table{{
		Name: "last_sources", Columns: []tables.Column{{Name: "account", Type: tables.Ident}, {Name: "state", Type: tables.Ident}},
		Scan: func(ctx context.Context, s tables.Scan) iter.Seq2[tables.Row, error] {
			return func(yield func(tables.Row, error) bool) {
				for _, o := range engine.LastSources(ctx) {
					row := tables.Row{}
					for _, c := range s.Columns {
						row = append(row, map[string]any{"account": o.Account, "state": o.State}[c])
					}
					if !yield(row, nil) {
						return
					}
				}
			}
		},
	}}
	c, err := serve(t, false, 0, o).open(t, "sha", "").Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c, duck, log
}

// rows prints a result.
func rows(t *testing.T, c *sql.Conn, query string, args ...any) (out []string) {
	t.Helper()
	r, err := c.QueryContext(context.Background(), query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer r.Close()
	names, _ := r.Columns()
	for r.Next() {
		values, places := make([]sql.NullString, len(names)), make([]any, len(names))
		for i := range values {
			places[i] = &values[i]
		}
		if err := r.Scan(places...); err != nil {
			t.Fatal(err)
		}
		var words []string
		for _, v := range values {
			if v.Valid {
				words = append(words, v.String)
			} else {
				words = append(words, "-")
			}
		}
		out = append(out, strings.Join(words, "|"))
	}
	if r.Err() != nil {
		t.Fatalf("%s: %v", query, r.Err())
	}
	return out
}

func TestExplainFetch(t *testing.T) {
	k := &kept{cached: tables.Days{From: "2026-11-01", To: "2026-11-10"}}
	c, _, log := keptBench(t, k, engine.Options{})
	const why = "all columns: they cost no more"
	for _, x := range []struct {
		query string
		want  []string
	}{
		{"EXPLAIN FETCH SELECT SUM(cost) FROM ads.report WHERE account IN (1, 2)", []string{
			"ads|report|2|44|20|0.4545|4|1|developer token 4, token/account/* 4|4|2.000|" + why + " (2 times)",
			"total|-|-|44|20|0.4545|4|1|developer token 4, token/account/* 4|4|2.000|-"}},
		// References of one table share what both want.
		{"explain /* x */ fetch select * from ads.report a join ads.report b using (id) where a.account = 1 and b.account = 1 and a.day >= '2026-11-15' and b.day <= '2026-11-20' and b.day > '2026-11-12'", []string{
			"ads|report|1|10|0|0.0000|1|1|developer token 1, token/account/1 1|2|1.000|" + why + "; read by 2 references, fetched once",
			"total|-|-|10|0|0.0000|1|1|developer token 1, token/account/1 1|2|1.000|-"}},
		// Days that are wanted for other columns: one call for both where that is cheaper.
		{"EXPLAIN FETCH SELECT SUM(a.cost) FROM ads.report a JOIN ads.report b USING (id) WHERE a.account = 1 AND b.account = 1 AND a.day >= '2026-11-15' AND b.day <= '2026-11-20' AND b.day > '2026-11-12'", []string{
			"ads|report|1|10|0|0.0000|1|1|developer token 1, token/account/1 1|2|1.000|" + why + "; read by 2 references, fetched once",
			"total|-|-|10|0|0.0000|1|1|developer token 1, token/account/1 1|2|1.000|-"}},
		{"EXPLAIN FETCH SELECT SUM(a.cost) FROM ads.report a JOIN ads.report b USING (id) WHERE a.account = 1 AND b.account = 1 AND a.day >= '2026-11-15' AND b.day <= '2026-11-20' AND b.day > '2026-11-10'", []string{
			"ads|report|1|12|0|0.0000|2|1|developer token 2, token/account/1 2|4|1.000|" + why + " (2 times); read by 2 references, fetched once",
			"total|-|-|12|0|0.0000|2|1|developer token 2, token/account/1 2|4|1.000|-"}},
		{"DESCRIBE FETCH (SELECT id FROM ads.report WHERE day = '2026-11-22') UNION ALL SELECT id FROM ads.report WHERE day = '2026-11-22' ORDER BY 1 LIMIT 3", []string{
			"ads|report|3|3|0|0.0000|3|1|developer token 3, token/account/* 3|6|1.000|" + why + " (3 times); read by 2 references, fetched once",
			"total|-|-|3|0|0.0000|3|1|developer token 3, token/account/* 3|6|1.000|-"}},
		{"EXPLAIN FETCH SELECT id FROM ads.report LIMIT 1", []string{
			"ads|report|1|22|10|0.4545|2|0|developer token 2, token/account/1 2|2|2.000|" + why + "; accounts are read one by one until there are 1 rows",
			"total|-|-|22|10|0.4545|2|0|developer token 2, token/account/1 2|2|2.000|-"}},
		{"EXPLAIN FETCH SELECT * FROM ads.report WHERE 1 = 0", []string{"total|-|-|-|-|-|0|1|-|0|0.000|-"}},
		{"EXPLAIN FETCH SELECT (SELECT COUNT(*) FROM ads.report AS OF '2026-11-03' WHERE account = 3)", []string{
			"ads|report|1|3|3|1.0000|0|1|-|-|0.000|as of 2026-11-03 00:00:00: no call",
			"total|-|-|3|3|1.0000|0|1|-|-|0.000|-"}},
		{"EXPLAIN FETCH SELECT 1", []string{"total|-|-|-|-|-|0|1|-|0|0.000|-"}},
		{"EXPLAIN FETCH SELECT COUNT(*) FROM raw.report", []string{"raw|report|3|-|-|-|3|1|-|-|-|-", "total|-|-|-|-|-|3|1|-|-|-|-"}},
	} {
		if got := rows(t, c, x.query); !slices.Equal(got, x.want) {
			t.Errorf("%s\n got %s\nwant %s", x.query, strings.Join(got, "\n     "), strings.Join(x.want, "\n     "))
		}
	}
	if r := log.last(); r.Cost.Calls != 0 {
		t.Errorf("EXPLAIN FETCH makes %d calls", r.Cost.Calls)
	}
	k.asked()
	k.cached.To = "2026-11-22"
	if got := rows(t, c, "EXPLAIN FETCH SELECT id FROM ads.report LIMIT 3"); got[0] != "ads|report|2|44|44|1.0000|0|1|-|4|0.000|"+why+" (2 times); accounts are read one by one until there are 3 rows" {
		t.Errorf("a LIMIT that the cache answers: %q", got)
	}
	if asked := k.asked(); len(asked) != 2 { // of the cached files, to count their rows
		t.Errorf("EXPLAIN FETCH asks for %v", asked)
	}
	k.cached.To = "2026-11-10"
	k.old = true
	if got := rows(t, c, "EXPLAIN FETCH SELECT id FROM ads.report WHERE day = '2026-11-22' ORDER BY 1"); len(got) != 3 || got[1] != "ads|(accounts)|-|-|-|-|1|1|-|-|-|the list of accounts is too old: it is read first" || !strings.HasPrefix(got[2], "total|-|-|3|0|0.0000|4|1|") {
		t.Errorf("an old list of accounts: %q", got)
	}
	for query, code := range map[string]uint16{
		"EXPLAIN FETCH SHOW TABLES": 1064, "EXPLAIN FETCH SELECT nothing FROM ads.report": 1054, "EXPLAIN FETCH": 1146, "DESCRIBE fetch": 1146,
		"EXPLAIN FETCH SELECT * FROM raw.none": 1146, "EXPLAIN FETCH UPDATE ads.report SET cost = 1": 1064,
	} {
		if err := refused(conn{c}, query); number(err) != code && !strings.Contains(query, "fetch") && query != "EXPLAIN FETCH" {
			t.Errorf("%s: %v, want %d", query, err, code)
		}
	}
}

func TestMaxCalls(t *testing.T) {
	k := &kept{cached: tables.Days{From: "2026-11-01", To: "2026-11-10"}}
	c, _, _ := keptBench(t, k, engine.Options{MaxCalls: 5})
	for _, x := range []struct{ query, want string }{
		{"SELECT SUM(cost) FROM ads.report", "would take 6 calls to its sources, and argo_max_calls is 5 (add AND day >= '2026-11-13' (3 calls), or add AND account IN (1, 2) (4 calls), or SET argo_max_calls = 6; EXPLAIN FETCH shows what it takes)"},
		{"SELECT /*+ SET_VAR(argo_max_calls = 2) */ SUM(cost) FROM ads.report", "argo_max_calls is 2 (add AND account IN (1) (2 calls), or SET argo_max_calls = 6;"},
		{"SELECT /*+ SET_VAR(argo_max_calls=1) */ SUM(cost) FROM ads.report WHERE account = 1", "argo_max_calls is 1 (add AND day >= '2026-11-13' (1 calls), or SET"},
		{"SELECT SUM(cost) FROM ads.report WHERE account < 3", ""},
		{"SELECT /*+ SET_VAR(argo_max_calls = 0) */ SUM(cost) FROM ads.report", ""},
	} {
		k.asked()
		err := refused(conn{c}, x.query)
		if x.want == "" && err != nil || x.want != "" && (number(err) != 1644 || !strings.Contains(err.Error(), x.want)) {
			t.Errorf("%s: %v", x.query, err)
		}
		if asked := k.asked(); x.want != "" && len(asked) > 0 {
			t.Errorf("%s is refused and asks for %v", x.query, asked)
		}
	}
	// What is proposed is taken.
	if err := refused(conn{c}, "SELECT SUM(cost) FROM ads.report WHERE day >= '2026-11-13'"); err != nil {
		t.Error(err)
	}
}

func TestAsOf(t *testing.T) {
	k := &kept{known: time.Date(2026, 11, 21, 8, 30, 0, 5000, time.UTC)}
	c, _, log := keptBench(t, k, engine.Options{})
	exec := func(query string) {
		t.Helper()
		if _, err := c.ExecContext(context.Background(), query); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
	}
	at := func(query string, args ...any) string {
		t.Helper()
		k.asked()
		r, err := c.QueryContext(context.Background(), query, args...)
		if err != nil {
			return err.Error()
		}
		for r.Next() {
		}
		if err := r.Err(); err != nil {
			return err.Error()
		}
		r.Close()
		var out []string
		for _, s := range k.asked() {
			word := "now"
			if !s.AsOf.IsZero() {
				word = s.AsOf.Format("0102T15:04:05.999999")
			}
			out = append(out, word+" "+string(s.Days.To))
		}
		slices.Sort(out)
		return strings.Join(slices.Compact(out), ", ")
	}
	// Where a client says the time in Seoul, 9 o'clock is midnight here.
	exec("SET time_zone = '+09:00'")
	for _, x := range []struct{ query, want string }{
		{"SELECT * FROM ads.report", "now 2026-11-22"},
		{"SELECT * FROM ads.report AS OF '2026-11-16 09:00'", "1116T00:00:00 2026-11-16"},
		{"SELECT * FROM ads.report FOR SYSTEM_TIME AS OF '2026-11-16 09:00:01.25' r WHERE r.id = 1", "1116T00:00:01.25 2026-11-16"},
		{"SELECT * FROM ads.report AS OF TIMESTAMP '2026-11-16 09:00:00'", "1116T00:00:00 2026-11-16"},
		{"SELECT * FROM ads.report AS OF '2026-11-16T00:00:00Z'", "1116T00:00:00 2026-11-16"},
		{"SELECT * FROM ads.report AS OF '2026-11-16'", "1115T15:00:00 2026-11-15"},
		{"SELECT * FROM ads.report AS OF NOW()", "1122T12:00:00 2026-11-22"},
		{"SELECT * FROM ads.report AS OF NOW() - INTERVAL 1 DAY AS r", "1121T12:00:00 2026-11-21"},
		{"SELECT * FROM ads.report AS OF DATE_SUB('2026-11-16 09:00:00', INTERVAL 90 MINUTE)", "1115T22:30:00 2026-11-15"},
		{"SELECT * FROM ads.report AS OF '2026-11-10' a JOIN ads.report AS OF '2026-11-12' b USING (id) JOIN ads.report c USING (id)", "1109T15:00:00 2026-11-09, 1111T15:00:00 2026-11-11, now 2026-11-22"},
		{"SELECT (SELECT SUM(cost) FROM ads.report AS OF '2026-11-10'), x.id FROM (SELECT id FROM ads.report AS OF '2026-11-12') x", "1109T15:00:00 2026-11-09, 1111T15:00:00 2026-11-11"},
		{"WITH x AS (SELECT id FROM ads.report AS OF '2026-11-12') SELECT * FROM x UNION SELECT id FROM ads.report", "1111T15:00:00 2026-11-11, now 2026-11-22"},
		{"SELECT * FROM ads.report AS OF '2026-11-22 21:00:01'", "Error 1210 (HY000): AS OF 2026-11-22 21:00:01 lies in the future (it is 2026-11-22 21:00:00 now in the session's time zone)"},
		{"SELECT * FROM ads.report AS OF 'yesterday'", "Error 1210 (HY000): AS OF takes a moment, not \"yesterday\" (AS OF '2026-11-16 09:00', in the session's time zone, or AS OF NOW() - INTERVAL 1 DAY)"},
		{"SELECT * FROM ads.report AS OF NULL", "Error 1210 (HY000): AS OF NULL is no moment (AS OF '2026-11-16 09:00', in the session's time zone)"},
		{"SELECT * FROM raw.report AS OF '2026-11-16'", "Error 1235 (42000): raw.report has no history: it is read as it is now, and what it was is not kept (leave AS OF out for it; SELECT table_name FROM argo.tables lists those of channels and trackers, which have one)"},
		{"SELECT * FROM argo.last_sources AS OF '2026-11-16'", "Error 1235 (42000): argo.last_sources has no history: it is read as it is now, and what it was is not kept (leave AS OF out for it; SELECT table_name FROM argo.tables lists those of channels and trackers, which have one)"},
		{"SELECT * FROM ads.report FOR SYSTEM_TIME BETWEEN '2026-11-16' AND '2026-11-17'", "Error 1235 (42000): a table can be read as of one moment, not over a period (FROM ads.report AS OF '2026-11-16 09:00'; argo.restatements lists what has changed over a period)"},
		{"SELECT /*+ SET_VAR(argo_as_of = '2026-11-16 09:00') */ * FROM ads.report", "1116T00:00:00 2026-11-16"},
	} {
		if got := at(x.query); got != x.want {
			t.Errorf("%s\n got %s\nwant %s", x.query, got, x.want)
		}
	}
	if got := at("SELECT id FROM ads.report AS OF ? WHERE id > ?", "2026-11-16 09:00", 4); got != "1116T00:00:00 2026-11-16" {
		t.Errorf("a bound moment: %s", got)
	}
	exec("SET @then = '2026-11-14 09:00'")
	if got := at("SELECT id FROM ads.report AS OF @then"); got != "1114T00:00:00 2026-11-14" {
		t.Errorf("a variable: %s", got)
	}
	exec("PREPARE p FROM 'SELECT id FROM ads.report AS OF ? ORDER BY id'")
	if got := at("EXECUTE p USING @then"); got != "1114T00:00:00 2026-11-14" {
		t.Errorf("EXECUTE: %s", got)
	}

	// What was read is there again as of the moment at which it became known.
	at("SELECT SUM(cost) FROM ads.report")
	if got := rows(t, c, "SELECT @@argo_last_as_of"); got[0] != "2026-11-21 17:30:00.000005" {
		t.Errorf("the moment that gives a statement again is %s", got)
	}
	if got := log.last().AsOf; !got.Equal(k.known) {
		t.Errorf("recorded %s", got)
	}

	exec("SET argo_as_of = '2026-11-16 09:00'")
	for _, x := range []struct{ query, want string }{
		{"SELECT * FROM ads.report", "1116T00:00:00 2026-11-16"},
		{"SELECT * FROM ads.report AS OF '2026-11-10' a JOIN ads.report b USING (id)", "1109T15:00:00 2026-11-09, 1116T00:00:00 2026-11-16"},
		{"SELECT * FROM argo.last_sources", ""},
	} {
		if got := at(x.query); got != x.want {
			t.Errorf("argo_as_of: %s\n got %s\nwant %s", x.query, got, x.want)
		}
	}
	if got := drain(t, conn{c}, "SELECT COUNT(*) FROM raw.report"); len(got) != 1 || got[0] != "Warning 32003 raw.report has no history: its rows are those of now, not of 2026-11-16 09:00:00" {
		t.Errorf("a table without history: %q", got)
	}
	if got := strings.Join(rows(t, c, "EXPLAIN SELECT id FROM ads.report"), "\n"); !strings.Contains(got, "as of     2026-11-16 09:00:00; no call") {
		t.Error(got)
	}
	exec("SET argo_as_of = '', argo_strict = 1")
	for _, bad := range []string{"SET argo_as_of = 'soon'", "SET GLOBAL argo_as_of = '2026-11-16'", "SET argo_max_calls = -1"} {
		if _, err := c.ExecContext(context.Background(), bad); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
}

// TestLastSources: how accounts did stays for the session until the next
// statement that reads any.
func TestLastSources(t *testing.T) {
	k := &kept{}
	c, _, _ := keptBench(t, k, engine.Options{})
	k.fail = func(s tables.Scan) error {
		if s.Account == "2" {
			return fault.New(fault.Throttled, "account 2 is parked")
		}
		return nil
	}
	if got := drain(t, conn{c}, "SELECT SUM(cost) FROM ads.report"); !slices.Equal(got, []string{"Warning 1226 account 2 is parked"}) {
		t.Errorf("%q", got)
	}
	rows(t, c, "SELECT 1")
	for range 2 {
		if got := rows(t, c, "SELECT * FROM argo.last_sources"); !slices.Equal(got, []string{"1|ok", "2|throttled", "3|ok"}) {
			t.Errorf("%q", got)
		}
	}
	if err := refused(conn{c}, "SELECT /*+ SET_VAR(argo_strict = 1) */ SUM(cost) FROM ads.report"); number(err) != 1226 {
		t.Errorf("strict: %v", err)
	}
	k.fail = nil
	k.warn = fault.New(fault.Stale, "account 3 is as of 2026-11-20 10:00")
	if got := drain(t, conn{c}, "SELECT SUM(cost) FROM ads.report WHERE account = 3"); !slices.Equal(got, []string{"Warning 32001 account 3 is as of 2026-11-20 10:00"}) {
		t.Errorf("%q", got)
	}
	if got := rows(t, c, "SELECT * FROM argo.last_sources"); !slices.Equal(got, []string{"3|stale"}) {
		t.Errorf("%q", got)
	}
	if err := refused(conn{c}, "SELECT /*+ SET_VAR(argo_strict='ON') */ SUM(cost) FROM ads.report WHERE account = 3"); number(err) != 32001 {
		t.Errorf("strict: %v", err)
	}
}

// TestRightsOfEstimates: who may not read a table is not told what it takes.
func TestRightsOfEstimates(t *testing.T) {
	b := start(t, false, 0)
	reader := b.open(t, "reader", "")
	want := number(refused(reader, "SELECT * FROM ads.campaigns"))
	if got := refused(reader, "EXPLAIN FETCH SELECT * FROM ads.campaigns"); want == 0 || number(got) != want {
		t.Errorf("EXPLAIN FETCH: %v, want error %d", got, want)
	}
	if got := refused(reader, "EXPLAIN FETCH SELECT (SELECT COUNT(*) FROM ads.campaigns) FROM lake.campaigns"); number(got) != want {
		t.Errorf("EXPLAIN FETCH of a subquery: %v, want error %d", got, want)
	}
	if got := refused(reader, "SELECT * FROM ads.campaigns AS OF '2026-11-16'"); number(got) != want {
		t.Errorf("AS OF: %v, want error %d", got, want)
	}
	if err := refused(reader, "EXPLAIN FETCH SELECT * FROM lake.campaigns"); err != nil {
		t.Error(err)
	}
}
