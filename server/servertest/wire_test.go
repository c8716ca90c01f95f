package servertest_test

import (
	"context"
	"database/sql"
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	"argo/automation"
	"argo/server/servertest"
	"argo/tables"

	"github.com/cockroachdb/apd/v3"
)

// kinds is a source with a table of every kind of column, of two accounts.
func kinds() tables.Source {
	return tables.Source{Name: "kinds", Doc: "Every kind of column", Open: func(_ context.Context, env tables.Env) (*tables.Connection, error) {
		t := tables.Table{
			Name: "all_kinds", Doc: "One row of values and one of NULLs for each account", Account: "account", Key: []string{"id"},
			Fresh:    tables.Freshness{Entity: time.Hour},
			Accounts: func(context.Context) ([]tables.Account, error) { return []tables.Account{{ID: "1"}, {ID: "2"}}, nil },
			Columns: []tables.Column{
				{Name: "account", Type: tables.BigInt, NotNull: true, Push: true}, {Name: "id", Type: tables.BigInt, NotNull: true},
				{Name: "d", Type: tables.Money, Unit: "USD"}, {Name: "f", Type: tables.Float}, {Name: "t", Type: tables.Varchar},
				{Name: "w", Type: tables.Ident}, {Name: "b", Type: tables.Boolean}, {Name: "day", Type: tables.DateType},
				{Name: "at", Type: tables.Timestamp}, {Name: "j", Type: tables.Document},
			},
		}
		t.Scan = func(_ context.Context, s tables.Scan) iter.Seq2[tables.Row, error] {
			values := map[string]any{
				"account": int64(s.Account[0] - '0'), "id": int64(9007199254740993), "d": decimal("12345678901234.567800"), "f": 0.1, "t": "Größe 가을",
				"w": "ENABLED", "b": true, "day": tables.Day("2026-02-28"), "at": time.Date(2026, 2, 28, 23, 59, 59, 123456000, time.UTC), "j": `{"a": [1, null, "x"]}`,
			}
			return func(yield func(tables.Row, error) bool) {
				for _, null := range []bool{false, true} {
					row := make(tables.Row, len(s.Columns))
					for i, c := range s.Columns {
						switch {
						case c == "id" && null:
							row[i] = int64(-1)
						case c == "account" || !null:
							row[i] = values[c]
						}
					}
					if !yield(row, nil) {
						return
					}
				}
			}
		}
		return &tables.Connection{Tables: []tables.Table{t}}, nil
	}}
}

func decimal(s string) *apd.Decimal {
	d, _, err := apd.NewFromString(s)
	if err != nil {
		panic(err)
	}
	return d
}

// kit is an action that takes effect at once.
func kit() automation.Kit {
	state := "ENABLED"
	return automation.Kit{Source: "kinds", Open: func(context.Context, *tables.Connection, tables.Env) ([]automation.Action, error) {
		return []automation.Action{{
			Name: "pause", Doc: "Pause it", Params: []automation.Param{{Name: "id", Type: tables.BigInt}}, Touches: []string{"all_kinds"},
			Plan: func(context.Context, automation.Args) ([]automation.Change, error) {
				return []automation.Change{{Account: "1", Target: "thing/1", Entity: "thing 1", Field: "status", Before: state, After: "PAUSED"}}, nil
			},
			Apply:    func(_ context.Context, c automation.Change) error { state = c.After; return nil },
			ReadBack: func(context.Context, automation.Change) (string, error) { return state, nil },
		}}, nil
	}}
}

func startKinds(t *testing.T) (*servertest.Server, *sql.DB) {
	t.Helper()
	s := servertest.Start(t, servertest.Options{
		Config: `
users:
  - {name: demo, password: env:PASSWORD, act: true}
  - {name: half, password: env:PASSWORD, databases: [one]}
connections:
  - {name: one, source: kinds}
  - {name: two, source: kinds}
`,
		Sources: []tables.Source{kinds()}, Kits: []automation.Kit{kit()},
	})
	return s, s.Open(t, "demo", "env:PASSWORD", "one", "multiStatements=true")
}

// cells gives a result as text, NULL for NULL.
func cells(t *testing.T, db interface {
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
}, query string, args ...any) string {
	t.Helper()
	rows, err := db.QueryContext(context.Background(), query, args...)
	if err != nil {
		return "ERROR " + err.Error()
	}
	defer rows.Close()
	var b strings.Builder
	for {
		columns, err := rows.Columns()
		if err != nil {
			t.Fatal(err)
		}
		values := make([]sql.NullString, len(columns))
		places := make([]any, len(columns))
		for i := range values {
			places[i] = &values[i]
		}
		for rows.Next() {
			if err := rows.Scan(places...); err != nil {
				t.Fatal(err)
			}
			for i, v := range values {
				if i > 0 {
					b.WriteByte('|')
				}
				if v.Valid {
					b.WriteString(v.String)
				} else {
					b.WriteString("NULL")
				}
			}
			b.WriteByte('\n')
		}
		if !rows.NextResultSet() {
			break
		}
		b.WriteString("--\n")
	}
	if err := rows.Err(); err != nil {
		return "ERROR " + err.Error()
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// TestKinds: every kind of value and its NULL, over the text and the binary
// protocol, from a segment.
func TestKinds(t *testing.T) {
	_, db := startKinds(t)
	want := "1|-1|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|2026-11-22 03:00:00.000000\n1|9007199254740993|12345678901234.567800|0.1|Größe 가을|ENABLED|1|2026-02-28|2026-02-28 23:59:59.123456|{\"a\": [1, null, \"x\"]}|2026-11-22 03:00:00.000000"
	if got := cells(t, db, "SELECT * FROM all_kinds WHERE account = 1 ORDER BY id"); got != want {
		t.Errorf("text protocol:\n%s\nwant\n%s", got, want)
	}
	if got := cells(t, db, "SELECT * FROM all_kinds WHERE account = ? ORDER BY id", 1); got != want {
		t.Errorf("binary protocol:\n%s\nwant\n%s", got, want)
	}
	rows, err := db.Query("SELECT account, d, f, t, w, b, day, at, j, COUNT(*), SUM(d), AVG(d), MAX(t), d * 2, CONCAT(t, 'x'), id > 0 AS `big(?)`, NULL FROM all_kinds WHERE account = 1 GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, id")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	types, err := rows.ColumnTypes()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, k := range types {
		s := k.Name() + " " + k.DatabaseTypeName()
		if p, scale, ok := k.DecimalSize(); ok && k.DatabaseTypeName() == "DECIMAL" {
			s += fmt.Sprintf("(%d,%d)", p, scale)
		}
		if null, ok := k.Nullable(); ok && !null {
			s += "!"
		}
		got = append(got, s)
	}
	wantTypes := "account BIGINT!, d DECIMAL(20,6), f DOUBLE, t VARCHAR, w VARCHAR, b TINYINT, day DATE, at DATETIME, j JSON, COUNT(*) BIGINT!, SUM(d) DECIMAL(42,6), AVG(d) DECIMAL(24,10), MAX(t) VARCHAR, d * 2 DECIMAL(21,6), CONCAT(t, 'x') VARCHAR, big(?) BIGINT!, NULL NULL"
	if s := strings.Join(got, ", "); s != wantTypes {
		t.Errorf("types\n%s\nwant\n%s", s, wantTypes)
	}
}

func TestStatements(t *testing.T) {
	s, db := startKinds(t)
	ctx := context.Background()
	c, err := db.Conn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, k := range []struct{ query, want string }{
		{"SELECT COUNT(*), SUM(d) FROM all_kinds", "4|24691357802469.135600"},
		{"SELECT a.id FROM one.all_kinds a JOIN two.all_kinds b ON a.id = b.id AND a.account = b.account WHERE a.account = 2 ORDER BY 1", "-1\n9007199254740993"},
		{"SELECT w FROM all_kinds WHERE t = 'grösse 가을' AND account = 1", "ENABLED"},
		{"SELECT COUNT(*) FROM all_kinds WHERE w = 'enabled'", "0"},
		{"SELECT id FROM one.all_kinds WHERE account = 1 UNION SELECT id FROM two.all_kinds ORDER BY id DESC", "9007199254740993\n-1"},
		{"SELECT COUNT(*) FROM one.all_kinds UNION ALL SELECT COUNT(*) FROM two.all_kinds", "4\n4"},
		{"SELECT (SELECT MAX(id) FROM all_kinds), EXISTS (SELECT 1 FROM all_kinds WHERE id = -1)", "9007199254740993|1"},
		{"SELECT x.n FROM (SELECT account, COUNT(*) AS n FROM all_kinds GROUP BY account) x WHERE x.account IN (SELECT account FROM two.all_kinds WHERE id = -1) ORDER BY 1 LIMIT 1", "2"},
		{"WITH k AS (SELECT id FROM all_kinds) SELECT COUNT(*) FROM k a, k b", "16"},
		{"SELECT DATE '2026-02-28' = day, CAST(DATE '2026-02-28' AS DECIMAL(12,0)), TIMESTAMP '2026-02-28 23:59:59.123456' = at, {d '2026-02-28'} + INTERVAL 1 DAY, {ts'2026-02-28 01:02:03'}, 'it is DATE ''x''' FROM all_kinds WHERE id > 0 AND account = 1",
			"1|20260228|1|2026-03-01|2026-02-28 01:02:03|it is DATE 'x'"},
		{"SELECT COUNT(*) FROM all_kinds WHERE day >= DATE '2026-02-28' AND at < TIMESTAMP'2026-03-01 00:00:00'", "2"},
		{"SELECT CAST(CONCAT(t, '!') AS CHAR(3)), CAST(t AS CHAR(0)), CAST(id AS CHAR(4)) FROM all_kinds WHERE id > 0 AND account = 1", "Grö||9007"},
		{"SELECT account, COUNT(*) AS id FROM all_kinds GROUP BY account HAVING id > 1 ORDER BY 1", "1|2\n2|2"},
		{"SELECT a.w, COUNT(*) FROM one.all_kinds a JOIN two.all_kinds b ON a.id = b.id GROUP BY a.w HAVING SUM(ABS(b.id)) > 4 AND w IS NOT NULL ORDER BY MIN(b.id)", "ENABLED|4"},
		{"SELECT CONCAT(a.w, '!') AS w, COUNT(*) FROM one.all_kinds a JOIN two.all_kinds b ON a.id = b.id AND a.account = b.account GROUP BY w ORDER BY 1", "NULL|2\nENABLED!|2"},
		{"SELECT account, w, COUNT(*), RANK() OVER (PARTITION BY account ORDER BY MAX(id) DESC) AS r, SUM(COUNT(*)) OVER () FROM all_kinds GROUP BY account, w HAVING MAX(id) > -2 ORDER BY account, r",
			"1|ENABLED|1|1|4\n1|NULL|1|2|4\n2|ENABLED|1|1|4\n2|NULL|1|2|4"},
		{"SELECT MAKEDATE(YEAR(day), 60), MAKEDATE(24, 366), MAKEDATE(2026, 0), MAKEDATE(2026, id * 0 + 1) FROM all_kinds WHERE id > 0 AND account = 1", "2026-03-01|2024-12-31|NULL|2026-01-01"},
		{"SELECT id % 2 AS account, COUNT(*) FROM all_kinds GROUP BY account", "*ERROR Error 1055"},
		{"SET @n = (SELECT COUNT(*) FROM all_kinds); SELECT @n", "4"},
		{"SELECT COUNT(*), MAX(id) INTO @a, @b FROM all_kinds; SELECT @a, @b", "4|9007199254740993"},
		{"SELECT t.table_name, COUNT(k.id) FROM information_schema.tables t LEFT JOIN all_kinds k ON k.account = 1 WHERE t.table_schema = 'two' GROUP BY 1", "all_kinds|2"},
		{"SELECT COUNT(*) FROM all_kinds WHERE id > @n", "2"},
		{"SELECT 1; SELECT COUNT(*) FROM all_kinds; SELECT 2", "1\n--\n4\n--\n2"},
		{"SELECT DATABASE(), COUNT(*) FROM all_kinds", "one|4"},
		{"SELECT NOW() > '2026-11-01', SUM(1) FROM all_kinds HAVING COUNT(1) > 0", "1|4"},
		{"SELECT w, id FROM all_kinds GROUP BY w", "*Error 1055"},
		{"SELECT COUNT(*), id FROM all_kinds", "*Error 1140"},
		{"SELECT * FROM (SELECT w, id FROM all_kinds GROUP BY w) x", "*Error 1055"},
		{"SELECT (SELECT id FROM all_kinds GROUP BY w LIMIT 1)", "*Error 1055"},
		{"SELECT ANY_VALUE(t), MAX(account) FROM all_kinds WHERE id > 0 GROUP BY w", "Größe 가을|2"},
		{"SELECT id FROM all_kinds ORDER BY id, account LIMIT 1 OFFSET 1", "-1"},
		{"SELECT (SELECT id FROM all_kinds)", "ERROR Error 1242 (21000): Subquery returns more than 1 row"},
		{"SELECT SUM(id) * 9223372036854775807 * 9223372036854775807 * 9223372036854775807 FROM all_kinds", ""},
		{"SELECT name, tables FROM argo.connections ORDER BY name", "one|1\ntwo|1"},
		{"SELECT state FROM argo.connections WHERE name = 'one'", "ok"},
		{"SELECT table_name FROM argo.tables WHERE database_name = 'one'", "all_kinds"},
		{"SELECT column_name FROM argo.columns WHERE database_name = 'one' AND unit = 'USD'", "d"},
		{"SELECT DISTINCT database_name FROM argo.segments ORDER BY 1", "one\ntwo"},
		{"SELECT cells_fetched FROM argo.queries WHERE statement = 'SELECT COUNT(*), SUM(d) FROM all_kinds'", "2"},
		{"CALL pause(7)", "*verified|1|thing 1|status|ENABLED|PAUSED|"},
		{"SELECT action, state, field, `before`, `after` FROM argo.runs", "pause|verified|status|ENABLED|PAUSED"},
		{"SELECT COUNT(*) > 2 FROM argo.run_events", "1"},
		{"SELECT parameter_name FROM argo.procedure_params WHERE procedure_name = 'pause' ORDER BY ordinal_position LIMIT 1", "id"},
		{"SELECT cells_fetched > 0 FROM argo.queries WHERE statement LIKE '%never%'", ""},
	} {
		got := cells(t, c, k.query)
		if rest, ok := strings.CutPrefix(k.want, "*"); ok {
			if !strings.Contains(got, rest) {
				t.Errorf("%s gives\n%s\nwhich lacks %s", k.query, got, rest)
			}
		} else if k.want != "" && got != k.want {
			t.Errorf("%s gives\n%s\nwant\n%s", k.query, got, k.want)
		}
	}
	// The change made the cached entities of its account untrue.
	if got := cells(t, c, "SELECT COUNT(*) FROM all_kinds"); got != "4" {
		t.Errorf("after the CALL: %s", got)
	}
	if got := cells(t, c, "SELECT cells_cached, cells_fetched FROM argo.queries WHERE statement = 'SELECT COUNT(*) FROM all_kinds' ORDER BY id DESC LIMIT 1"); got != "1|1" {
		t.Errorf("cells after the CALL: %s", got)
	}
	half := s.Open(t, "half", "env:PASSWORD", "one", "")
	for _, k := range []struct{ query, want string }{
		{"SELECT COUNT(*) FROM all_kinds", "4"},
		{"SELECT name FROM argo.connections", "ERROR Error 1044 (42000): Access denied for user 'half'@'localhost' to database 'argo'"},
		{"CALL one.pause(7)", "ERROR Error 1142 (42000): command denied to user 'half'@'localhost'"},
	} {
		if got := cells(t, half, k.query); got != k.want {
			t.Errorf("half: %s gives %s, want %s", k.query, got, k.want)
		}
	}
}

// TestRestart: what was cached and done is there after a restart.
func TestRestart(t *testing.T) {
	dir := t.TempDir()
	o := servertest.Options{
		Config:  "users: [{name: demo, password: env:PASSWORD, act: true}]\nconnections: [{name: one, source: kinds}]\n",
		Sources: []tables.Source{kinds()}, Kits: []automation.Kit{kit()}, Dir: dir,
	}
	s := servertest.Start(t, o)
	db := s.Open(t, "demo", "env:PASSWORD", "one", "")
	cells(t, db, "SELECT COUNT(*) FROM all_kinds")
	cells(t, db, "CALL pause(1, '{\"dry_run\": true}')")
	s.Stop()
	o.Clock = s.Clock
	s = servertest.Start(t, o)
	db = s.Open(t, "demo", "env:PASSWORD", "one", "")
	if got := cells(t, db, "SELECT COUNT(*) FROM all_kinds"); got != "4" {
		t.Errorf("rows: %s", got)
	}
	if got := cells(t, db, "SELECT cells_cached, cells_fetched FROM argo.queries"); got != "2|0" {
		t.Errorf("cells: %s", got)
	}
	if got := cells(t, db, "SELECT state FROM argo.runs"); got != "dry_run" {
		t.Errorf("runs: %s", got)
	}
}
