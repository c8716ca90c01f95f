package server_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"argo/automation"
	"argo/server"
	"argo/server/columnar"
	"argo/server/engine"
	"argo/tables"
	"argo/tables/fault"

	"github.com/cockroachdb/apd/v3"
	"github.com/go-sql-driver/mysql"
)

// bench is a server on a free port with users of all kinds.
type bench struct {
	addr   string
	dir    string
	runner *recorder
	stop   func()
}

// recorder is a Runner that notes what it was asked.
type recorder struct {
	mu       sync.Mutex
	requests []automation.Request
}

func (r *recorder) Do(ctx context.Context, q automation.Request) (automation.Run, error) {
	if q.Args["campaign_id"] == int64(499) { // sent, and then called off
		<-ctx.Done()
		return automation.Run{ID: "01RUN"}, fault.New(fault.Canceled, "what was sent is read back").WithHint("SELECT state FROM argo.runs")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests = append(r.requests, q)
	if q.Args["campaign_id"] == int64(404) {
		return automation.Run{}, fault.New(fault.NotFound, "there is no campaign 404").WithHint("SELECT id FROM ads.campaigns")
	}
	return automation.Run{ID: "01RUN", State: automation.Verified, Changes: []automation.RunChange{{
		Change: automation.Change{Account: "1", Entity: "campaign 7 (Brand A)", Field: "status", Before: "ENABLED", After: "PAUSED"},
		State:  automation.Verified,
	}}}, nil
}

func (r *recorder) last() automation.Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.requests[len(r.requests)-1]
}

func empty(context.Context, tables.Scan) iter.Seq2[tables.Row, error] {
	return func(func(tables.Row, error) bool) {}
}

func campaigns() tables.Table {
	return tables.Table{
		Name: "campaigns", Doc: "Campaigns of every account", Account: "customer_id", Key: []string{"id"},
		Accounts: func(context.Context) ([]tables.Account, error) { return []tables.Account{{ID: "1"}}, nil },
		Scan:     empty,
		Columns: []tables.Column{
			{Name: "customer_id", Type: tables.BigInt, NotNull: true, Doc: "account"},
			{Name: "id", Type: tables.BigInt, NotNull: true},
			{Name: "name", Type: tables.Varchar, Doc: "Name as people see it"},
			{Name: "status", Type: tables.Ident},
			{Name: "budget", Type: tables.Money, Doc: "Daily budget.", Unit: "account currency"},
			{Name: "removed", Type: tables.Boolean},
			{Name: "start", Type: tables.DateType},
			{Name: "changed", Type: tables.Timestamp},
			{Name: "ctr", Type: tables.Float},
			{Name: "labels", Type: tables.Document},
		},
	}
}

func actions() []automation.Action {
	return []automation.Action{
		{Name: "pause_campaign", Doc: "Pause a campaign's delivery", Params: []automation.Param{{Name: "campaign_id", Type: tables.BigInt}}},
		{Name: "set_budget", Doc: "Set the daily budget", Params: []automation.Param{{Name: "campaign_id", Type: tables.BigInt}, {Name: "amount", Type: tables.Dec(18, 2)}}},
	}
}

func start(t *testing.T, require bool, max int) *bench {
	t.Helper()
	duck, err := columnar.Open(columnar.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { duck.Close() })
	return serve(t, require, max, engine.Options{
		Databases: []engine.Database{
			{Name: "ads", Source: "ads", Tables: []tables.Table{campaigns()}, Actions: actions()},
			{Name: "lake", Source: "lake", Tables: []tables.Table{campaigns()}},
		},
		Columnar: duck,
	})
}

func serve(t *testing.T, require bool, max int, o engine.Options) *bench {
	t.Helper()
	b := &bench{dir: t.TempDir(), runner: &recorder{}}
	o.Runner = b.runner
	e, err := engine.New(o)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	config, err := server.Certificate("", "", filepath.Join(b.dir, "tls"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := server.New(server.Options{Engine: e, Listener: l, TLS: config, RequireTLS: require, MaxConnections: max, Users: []server.User{
		{Name: "sha", Password: "geheim", Act: true},
		{Name: "native", Password: "geheim", Auth: "mysql_native_password", Act: true},
		{Name: "reader", Password: "geheim", Databases: []string{"lake"}},
		{Name: "watch", Password: "geheim", Databases: []string{"ads", "argo"}},
		{Name: "far", Password: "geheim", Host: "10.1.%"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx) }()
	b.stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("Serve: %v", err)
			}
		case <-time.After(20 * time.Second):
			t.Error("Serve does not end")
		}
	})
	t.Cleanup(b.stop)
	b.addr = s.Addr().String()
	return b
}

func (b *bench) open(t *testing.T, user, params string) *sql.DB {
	t.Helper()
	db, err := sql.Open("mysql", fmt.Sprintf("%s:geheim@tcp(%s)/?%s", user, b.addr, params))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func number(err error) uint16 {
	var e *mysql.MySQLError
	if errors.As(err, &e) {
		return e.Number
	}
	return 0
}

// refused gives the error of a query, from its rows too.
func refused(db interface {
	Query(string, ...any) (*sql.Rows, error)
}, query string) error {
	rows, err := db.Query(query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
	}
	return rows.Err()
}

// column gives the first column of a query's rows.
func column(t *testing.T, db interface {
	Query(string, ...any) (*sql.Rows, error)
}, query string, args ...any) []string {
	t.Helper()
	rows, err := db.Query(query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	cols, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	out := []string{}
	for rows.Next() {
		values := make([]any, len(cols))
		var first sql.NullString
		values[0] = &first
		for i := 1; i < len(values); i++ {
			values[i] = new(any)
		}
		if err := rows.Scan(values...); err != nil {
			t.Fatal(err)
		}
		out = append(out, first.String)
	}
	if err := rows.Err(); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return out
}

func TestLogin(t *testing.T) {
	b := start(t, false, 0)
	pem, err := os.ReadFile(filepath.Join(b.dir, "tls", "server.crt"))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	if err := mysql.RegisterTLSConfig("argo", &tls.Config{RootCAs: pool, ServerName: "127.0.0.1"}); err != nil {
		t.Fatal(err)
	}
	for _, user := range []string{"sha", "native"} {
		for _, params := range []string{"tls=false", "tls=argo"} {
			db := b.open(t, user, params)
			var name, version string
			if err := db.QueryRow("SHOW STATUS LIKE 'Ssl_version'").Scan(&name, &version); err != nil || strings.HasPrefix(version, "TLSv1.") != (params == "tls=argo") {
				t.Errorf("%s with %s: Ssl_version %q, %v", user, params, version, err)
			}
			// What MariaDB's ODBC driver prepares to list columns, in little.
			var k, twice int
			if err := db.QueryRow("SELECT CASE 1 WHEN 1 THEN @k := 10 ELSE @k := 20 END AS k, @k * ?", 2).Scan(&k, &twice); err != nil || k != 10 || twice != 20 {
				t.Errorf("%s with %s: assignments give %d, %d, %v", user, params, k, twice, err)
			}
			for query, code := range map[string]uint16{"SELECT FROM ?": 1064, "EXECUTE s": 1295, "SELECT ? AS a, nothing": 1054} {
				if _, err := db.Prepare(query); number(err) != code {
					t.Errorf("%s with %s: PREPARE %s: %v, want %d", user, params, query, err, code)
				}
			}
			if got := column(t, db, "SELECT CONCAT(CURRENT_USER(), ' ', VERSION(), ' ', @@version, ' ', @@version_comment)"); len(got) != 1 || got[0] != user+"@127.0.0.1 8.0.46 8.0.46 Argo" {
				t.Errorf("%s with %s: %q", user, params, got)
			}
		}
		db, _ := sql.Open("mysql", fmt.Sprintf("%s:wrong@tcp(%s)/", user, b.addr))
		if err := db.Ping(); number(err) != 1045 {
			t.Errorf("%s with a wrong password: %v", user, err)
		}
		db.Close()
		db, _ = sql.Open("mysql", fmt.Sprintf("%s@tcp(%s)/", user, b.addr))
		if err := db.Ping(); number(err) != 1045 {
			t.Errorf("%s without a password: %v", user, err)
		}
		db.Close()
	}
	for _, user := range []string{"nobody", "far"} {
		if err := b.open(t, user, "").Ping(); number(err) != 1045 {
			t.Errorf("%s: %v", user, err)
		}
	}
}

func TestTLSRequired(t *testing.T) {
	b := start(t, true, 0)
	for _, user := range []string{"sha", "native"} {
		if err := b.open(t, user, "tls=false").Ping(); number(err) != 3159 {
			t.Errorf("%s without TLS: %v", user, err)
		}
		if err := b.open(t, user, "tls=skip-verify").Ping(); err != nil {
			t.Errorf("%s with TLS: %v", user, err)
		}
	}
}

// TestPlainAfterRequest: what follows a client's request for TLS in clear is no
// command.
func TestPlainAfterRequest(t *testing.T) {
	b := start(t, false, 0)
	c, err := net.Dial("tcp", b.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	greeting := make([]byte, 1024)
	if n, err := c.Read(greeting); err != nil || n < 20 || greeting[4] != 10 {
		t.Fatalf("%d bytes of greeting, %v", n, err)
	}
	request := make([]byte, 4+32)
	copy(request, []byte{32, 0, 0, 1, 0, 0x8a, 0x08, 0})
	if _, err := c.Write(append(request, "\x09\x00\x00\x00\x03SELECT 1"...)); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Read(greeting); err == nil && greeting[0] != 21 { // 21: a TLS alert
		t.Errorf("the answer is %q", greeting[:n])
	}
}

func TestTooManyConnections(t *testing.T) {
	b := start(t, false, 2)
	db := b.open(t, "sha", "")
	for range 2 {
		c, err := db.Conn(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	if _, err := db.Conn(context.Background()); number(err) != 1040 {
		t.Errorf("the third connection: %v", err)
	}
}

func TestCatalog(t *testing.T) {
	b := start(t, false, 0)
	db := b.open(t, "sha", "")
	if got := column(t, db, "SHOW DATABASES"); !slices.Equal(got, []string{"ads", "argo", "information_schema", "lake"}) {
		t.Errorf("databases %v", got)
	}
	reader := b.open(t, "reader", "")
	if got := column(t, reader, "SHOW DATABASES"); !slices.Equal(got, []string{"information_schema", "lake"}) {
		t.Errorf("databases of reader %v", got)
	}
	if got := column(t, reader, "SELECT table_schema FROM information_schema.tables WHERE table_schema IN ('ads','lake')"); !slices.Equal(got, []string{"lake"}) {
		t.Errorf("tables of reader %v", got)
	}
	if got := column(t, db, "SHOW TABLES FROM ads"); !slices.Equal(got, []string{"campaigns"}) {
		t.Errorf("tables %v", got)
	}
	rows, err := db.Query("SELECT column_name, column_type, is_nullable, column_key, collation_name, column_comment FROM information_schema.columns WHERE table_schema = 'ads' ORDER BY ordinal_position")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var got []string
	for rows.Next() {
		var name, kind, null, key, comment string
		var collation sql.NullString
		if err := rows.Scan(&name, &kind, &null, &key, &collation, &comment); err != nil {
			t.Fatal(err)
		}
		got = append(got, strings.TrimSpace(strings.Join([]string{name, kind, null, key, collation.String, comment}, "|")))
	}
	want := []string{
		"customer_id|bigint|NO|PRI||account", "id|bigint|NO|PRI||", "name|varchar(255)|YES||utf8mb4_0900_ai_ci|Name as people see it",
		"status|varchar(64)|YES||utf8mb4_0900_bin|", "budget|decimal(20,6)|YES|||Daily budget [account currency]", "removed|tinyint(1)|YES|||",
		"start|date|YES|||", "changed|datetime(6)|YES|||", "ctr|double|YES|||", "labels|json|YES|||",
	}
	if !slices.Equal(got, want) {
		t.Errorf("columns\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for query, want := range map[string]string{
		"DESCRIBE ads.campaigns":                                          "customer_id id name status budget removed start changed ctr labels",
		"SHOW COLUMNS FROM ads.campaigns LIKE 'b%'":                       "budget",
		"SHOW FULL COLUMNS FROM ads.campaigns WHERE Collation LIKE '%ci'": "name",
		"SHOW CREATE TABLE ads.campaigns":                                 "campaigns",
		"SHOW KEYS FROM ads.campaigns":                                    "",
		"SHOW TABLE STATUS FROM ads":                                      "campaigns",
		"SHOW DATABASES LIKE 'a%'":                                        "ads argo",
		"SELECT info FROM information_schema.processlist":                 "SELECT info FROM information_schema.processlist",
		"SHOW WARNINGS":                                                   "",
		"EXPLAIN SELECT * FROM ads.campaigns WHERE 1 = 0":                 "Argo",
	} {
		if got := strings.Join(column(t, db, query), " "); got != want && !strings.HasPrefix(got, want+"  ├─") {
			t.Errorf("%s gives %q, want %q", query, got, want)
		}
	}
	for query, code := range map[string]uint16{
		"SELECT * FROM ads.nothing":                                 1146,
		"SELECT nothing FROM ads.campaigns":                         1054,
		"SELECT FROM WHERE":                                         1064,
		"SELECT nothing()":                                          1305,
		"USE nothing":                                               1049,
		"SELECT @@nothing":                                          1193,
		"INSERT INTO ads.campaigns (id) VALUES (1)":                 1142,
		"UPDATE ads.campaigns SET name = 'x'":                       1142,
		"DELETE FROM ads.campaigns":                                 1142,
		"DROP TABLE ads.campaigns":                                  1142,
		"CREATE TABLE ads.t (a INT)":                                1142,
		"CREATE VIEW ads.v AS SELECT 1":                             1142,
		"CREATE TEMPORARY TABLE ads.t (a INT)":                      1142,
		"TRUNCATE TABLE ads.campaigns":                              1142,
		"ALTER TABLE ads.campaigns ADD COLUMN x INT":                1142,
		"CREATE PROCEDURE ads.p() SELECT 1":                         1235,
		"DROP PROCEDURE ads.pause_campaign":                         1142,
		"CREATE EVENT ads.e ON SCHEDULE EVERY 1 DAY DO SELECT 1":    1142,
		"LOAD DATA INFILE '/etc/hostname' INTO TABLE ads.campaigns": 1142,
		"SET PERSIST max_connections = 5":                           1227,
		"GRANT ALL ON *.* TO sha":                                   1142,
		"CREATE DATABASE x":                                         1142,
		"CREATE USER x IDENTIFIED BY 'y'":                           1142,
		"SELECT * FROM mysql.user":                                  1049,
		"SET GLOBAL max_connections = 5":                            1227,
		"SELECT 'x' INTO OUTFILE '/tmp/argo-never.txt'":             1227,
		"KILL QUERY 4711":                                           1094,
		"SET argo_max_age = 'soon'":                                 1231,
		"SET argo_strict = 'maybe'":                                 1231,
		"SELECT /*+ MAX_EXECUTION_TIME(100) */ SLEEP(5)":            3024,
		"SELECT a FROM (SELECT 1 AS a UNION SELECT 2) x WHERE a = (SELECT 1 UNION SELECT 2)": 1242,
	} {
		if err := refused(db, query); number(err) != code {
			t.Errorf("%s: %v, want %d", query, err, code)
		}
	}
	for _, query := range []string{"SELECT * FROM ads.campaigns", "USE ads", "SHOW TABLES FROM ads"} {
		if err := refused(reader, query); number(err) != 1044 && number(err) != 1142 {
			t.Errorf("reader: %s: %v", query, err)
		}
	}
	if got := column(t, db, "SELECT IFNULL(LOAD_FILE('/etc/hostname'), 'none')"); got[0] != "none" {
		t.Errorf("LOAD_FILE reads files of the server: %q", got)
	}
}

func TestVariables(t *testing.T) {
	b := start(t, false, 0)
	c, err := b.open(t, "sha", "").Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	q := conn{c}
	if got := column(t, q, "SHOW VARIABLES LIKE 'argo%'"); !slices.Equal(got, []string{"argo_as_of", "argo_currency", "argo_last_as_of", "argo_max_age", "argo_max_calls", "argo_strict"}) {
		t.Errorf("variables %v", got)
	}
	for _, s := range []string{"SET argo_max_age = '15m'", "SET SESSION argo_strict = 1"} {
		if _, err := c.ExecContext(context.Background(), s); err != nil {
			t.Errorf("%s: %v", s, err)
		}
	}
	if got := column(t, q, "SELECT CONCAT(@@argo_max_age, ' ', @@argo_strict)"); got[0] != "15m 1" {
		t.Errorf("%v", got)
	}
}

type conn struct{ *sql.Conn }

func (c conn) Query(q string, args ...any) (*sql.Rows, error) {
	return c.QueryContext(context.Background(), q, args...)
}

func TestCall(t *testing.T) {
	b := start(t, false, 0)
	for _, user := range []string{"sha", "native"} {
		db := b.open(t, user, "")
		if got := column(t, db, "CALL ads.pause_campaign(123)"); !slices.Equal(got, []string{"01RUN"}) {
			t.Errorf("%v", got)
		}
		q := b.runner.last()
		if q.Source != "ads" || q.Action.Name != "pause_campaign" || q.Args["campaign_id"] != int64(123) || q.By != user+"@127.0.0.1" {
			t.Errorf("%+v", q)
		}
		for _, call := range []struct {
			text string
			args []any
			want string
		}{
			{"CALL ads.set_budget(123, 50000.10)", nil, "50000.1"},
			{"CALL ads.set_budget('123', '50000.10')", nil, "50000.1"},
			{"CALL ads.set_budget(123, 0.07, NULL)", nil, "0.07"},
			{"CALL ads.set_budget(?, ?)", []any{123, "12345678901234.56"}, "12345678901234.56"},
			{"CALL ads.set_budget(?, ?, ?)", []any{"123", 5, nil}, "5"},
			{"CALL Ads.SET_BUDGET(120 + 3, 1e3)", nil, "1000"},
		} {
			column(t, db, call.text, call.args...)
			q := b.runner.last()
			d, ok := q.Args["amount"].(*apd.Decimal)
			if !ok || d.Text('f') != call.want || q.Args["campaign_id"] != int64(123) {
				t.Errorf("%s %v: %v", call.text, call.args, q.Args)
			}
		}
	}
	c, err := b.open(t, "sha", "").Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx := context.Background()
	for _, s := range []string{"USE ads", "SET @_set_budget_0 = 7, @_set_budget_1 = 19.99"} {
		if _, err := c.ExecContext(ctx, s); err != nil {
			t.Fatal(err)
		}
	}
	column(t, conn{c}, "CALL set_budget(@_set_budget_0, @_set_budget_1)")
	if q := b.runner.last(); q.Args["amount"].(*apd.Decimal).Text('f') != "19.99" {
		t.Errorf("user variables: %v", q.Args)
	}
	for query, code := range map[string]uint16{
		"CALL ads.pause_campaign()":           1210,
		"CALL ads.pause_campaign(1, '{}', 2)": 1210,
		"CALL ads.pause_campaign('abc')":      1210,
		"CALL ads.pause_campaign(1.5)":        1210,
		"CALL ads.set_budget(1, 0.001)":       1210,
		"CALL ads.set_budget(1, 1e30)":        1210,
		"CALL ads.nothing(1)":                 1305,
		"CALL ads.pause_campaign((SELECT 1))": 1235,
		"CALL lake.pause_campaign(1)":         1305,
		"CALL ads.pause_campaign(404)":        1431,
	} {
		err := refused(b.open(t, "sha", ""), query)
		if number(err) != code {
			t.Errorf("%s: %v, want %d", query, err, code)
		}
		if code == 1210 && !strings.Contains(err.Error(), "CALL ads.") {
			t.Errorf("%s does not say how to call: %v", query, err)
		}
	}
	if err := refused(b.open(t, "reader", ""), "CALL ads.pause_campaign(1)"); number(err) != 1370 && number(err) != 1142 && number(err) != 1044 {
		t.Errorf("reader: %v", err)
	}
	if _, err := c.ExecContext(ctx, "START TRANSACTION"); err != nil {
		t.Fatal(err)
	}
	if err := refused(conn{c}, "CALL ads.pause_campaign(1)"); number(err) != 1235 {
		t.Errorf("in a transaction: %v", err)
	}
	if _, err := c.ExecContext(ctx, "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	// What drivers do for setReadOnly(true).
	if _, err := c.ExecContext(ctx, "SET SESSION TRANSACTION READ ONLY"); err != nil {
		t.Fatal(err)
	}
	if err := refused(conn{c}, "CALL ads.pause_campaign(1)"); number(err) != 1792 {
		t.Errorf("in a session that only reads: %v", err)
	}
	if _, err := c.ExecContext(ctx, "SET SESSION TRANSACTION READ WRITE"); err != nil {
		t.Fatal(err)
	}
	if got := column(t, conn{c}, "CALL ads.pause_campaign(1)"); !slices.Equal(got, []string{"01RUN"}) {
		t.Errorf("in a session that writes again: %v", got)
	}
	db := b.open(t, "sha", "")
	if got := column(t, db, "SHOW CREATE PROCEDURE ads.set_budget"); !slices.Equal(got, []string{"set_budget"}) {
		t.Errorf("SHOW CREATE PROCEDURE %v", got)
	}
	if got := column(t, db, "SELECT routine_name FROM information_schema.routines WHERE routine_schema = 'ads' ORDER BY 1"); !slices.Equal(got, []string{"pause_campaign", "set_budget"}) {
		t.Errorf("ROUTINES %v", got)
	}
	if got := column(t, db, "SELECT CONCAT(parameter_name, ' ', dtd_identifier) FROM information_schema.parameters WHERE specific_name = 'set_budget' ORDER BY ordinal_position"); !slices.Equal(got, []string{"campaign_id bigint", "amount decimal(18,2)", "options longtext"}) {
		t.Errorf("PARAMETERS %v", got)
	}
	if got := column(t, db, "SHOW PROCEDURE STATUS WHERE Db = 'ads'"); len(got) != 2 {
		t.Errorf("SHOW PROCEDURE STATUS %v", got)
	}
}

// TestKill: the victim is told 1317, not that a context was cancelled.
func TestKill(t *testing.T) {
	b := start(t, false, 0)
	ctx := context.Background()
	victim, err := b.open(t, "sha", "").Conn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer victim.Close()
	id := column(t, conn{victim}, "SELECT CONNECTION_ID()")[0]
	done := make(chan error, 1)
	go func() {
		var n int
		done <- victim.QueryRowContext(ctx, "SELECT SLEEP(30)").Scan(&n)
	}()
	other := b.open(t, "native", "")
	for !slices.Contains(column(t, b.open(t, "sha", ""), "SELECT info FROM information_schema.processlist WHERE id = "+id), "SELECT SLEEP(30)") {
	}
	if _, err := other.Exec("KILL QUERY " + id); number(err) != 1094 {
		t.Errorf("another user's statement: %v", err)
	}
	if _, err := b.open(t, "sha", "").Exec("KILL QUERY " + id); err != nil {
		t.Fatal(err)
	}
	if err := <-done; number(err) != 1317 {
		t.Errorf("the victim: %v", err)
	}
	if got := column(t, conn{victim}, "SELECT 1"); got[0] != "1" {
		t.Errorf("the connection after KILL QUERY: %v", got)
	}
	// A CALL that was called off may have been sent, and says so.
	go func() { done <- refused(conn{victim}, "CALL ads.pause_campaign(499)") }()
	for !slices.Contains(column(t, b.open(t, "sha", ""), "SELECT info FROM information_schema.processlist WHERE id = "+id), "CALL ads.pause_campaign(499)") {
	}
	if _, err := b.open(t, "sha", "").Exec("KILL QUERY " + id); err != nil {
		t.Fatal(err)
	}
	if err := <-done; number(err) != 1317 || !strings.Contains(err.Error(), "read back (SELECT state FROM argo.runs)") {
		t.Errorf("the CALL: %v", err)
	}
}
