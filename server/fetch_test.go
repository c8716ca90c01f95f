package server_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"iter"
	"log"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"argo/server/algebra"
	"argo/server/columnar"
	"argo/server/engine"
	"argo/tables"
	"argo/tables/fault"

	"github.com/go-sql-driver/mysql"
)

// source is a table of three accounts that notes what it is asked.
type source struct {
	mu       sync.Mutex
	accounts int // calls of Accounts
	scans    []tables.Scan
	released int
	running  int
	fail     func(s tables.Scan) error
	block    chan struct{} // non-nil: scans wait for it or for their context
	gone     chan error    // what a blocked scan ended with
}

func (s *source) table(files bool) tables.Table {
	t := tables.Table{
		Name: "report", Account: "account", Day: "day", Since: "2026-11-01", Key: []string{"id"},
		Accounts: func(context.Context) ([]tables.Account, error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.accounts++
			return []tables.Account{{ID: "1"}, {ID: "2"}, {ID: "3"}}, nil
		},
		Columns: []tables.Column{
			{Name: "day", Type: tables.DateType, Push: true}, {Name: "account", Type: tables.BigInt, Push: true},
			{Name: "id", Type: tables.BigInt}, {Name: "cost", Type: tables.Money},
		},
	}
	scan := func(ctx context.Context, q tables.Scan) error {
		s.mu.Lock()
		s.scans = append(s.scans, q)
		s.running++
		s.mu.Unlock()
		defer func() {
			s.mu.Lock()
			s.running--
			s.mu.Unlock()
		}()
		tables.TraceOf(ctx).Call()
		if s.block != nil {
			select {
			case <-s.block:
			case <-ctx.Done():
				s.gone <- context.Cause(ctx)
				return ctx.Err()
			}
		}
		if s.fail != nil {
			return s.fail(q)
		}
		return nil
	}
	if files {
		t.Files = func(ctx context.Context, q tables.Scan) ([]tables.File, func(), error) {
			if err := scan(ctx, q); err != nil {
				return nil, nil, err
			}
			return []tables.File{{Path: q.Account, Rows: 2}}, func() { s.mu.Lock(); defer s.mu.Unlock(); s.released++ }, nil
		}
		return t
	}
	t.Scan = func(ctx context.Context, q tables.Scan) iter.Seq2[tables.Row, error] {
		return func(yield func(tables.Row, error) bool) {
			if err := scan(ctx, q); err != nil {
				yield(nil, err)
			}
		}
	}
	return t
}

// asked gives the scans since the last call, sorted by account.
func (s *source) asked() []tables.Scan {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.scans
	s.scans = nil
	slices.SortFunc(out, func(a, b tables.Scan) int { return strings.Compare(a.Account, b.Account) })
	return out
}

func (s *source) busy() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.running
}

// swallow is a Columnar that notes its inputs and runs the statement without
// their rows.
type swallow struct {
	*columnar.Engine
	mu     sync.Mutex
	inputs map[algebra.Rel]columnar.Input
}

func (s *swallow) Query(ctx context.Context, st *algebra.Statement, inputs map[algebra.Rel]columnar.Input) (*columnar.Rows, error) {
	s.mu.Lock()
	s.inputs = inputs
	s.mu.Unlock()
	hollow := map[algebra.Rel]columnar.Input{}
	for r, in := range inputs {
		if hollow[r] = in; in.Files != nil {
			hollow[r] = columnar.Input{Columns: in.Columns, Rows: func(func(tables.Row, error) bool) {}}
		}
	}
	return s.Engine.Query(ctx, st, hollow)
}

// paths of the files that the last statement was given.
func (s *swallow) paths() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, in := range s.inputs {
		for _, f := range in.Files {
			out = append(out, f.Path)
		}
	}
	slices.Sort(out)
	return out
}

// records is a statement log.
type records struct {
	mu   sync.Mutex
	list []tables.Statement
}

func (r *records) Add(_ context.Context, s tables.Statement) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, s)
	return nil
}

func (r *records) last() tables.Statement {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.list[len(r.list)-1]
}

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func fetchBench(t *testing.T, s *source) (*bench, *swallow, *records) {
	t.Helper()
	e, err := columnar.Open(columnar.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	duck, log := &swallow{Engine: e}, &records{}
	return serve(t, false, 0, engine.Options{
		Databases: []engine.Database{{Name: "ads", Tables: []tables.Table{s.table(true)}, Actions: actions()}, {Name: "raw", Tables: []tables.Table{s.table(false)}}},
		Columnar:  duck, Statements: log, Now: func() time.Time { return noon }, MaxConcurrent: 1,
	}), duck, log
}

// drain runs a query and gives its warnings.
func drain(t *testing.T, q conn, query string) []string {
	t.Helper()
	if err := refused(q, query); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	rows, err := q.Query("SHOW WARNINGS")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	out := []string{}
	for rows.Next() {
		var level, message string
		var code int
		if err := rows.Scan(&level, &code, &message); err != nil {
			t.Fatal(err)
		}
		out = append(out, fmt.Sprintf("%s %d %s", level, code, message))
	}
	return out
}

// TestProbesCostNothing is invariant I9.
func TestProbesCostNothing(t *testing.T) {
	s := &source{}
	b, _, _ := fetchBench(t, s)
	c, err := b.open(t, "sha", "").Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	q := conn{c}
	for _, query := range []string{
		"SELECT * FROM ads.report LIMIT 0", "SELECT * FROM ads.report WHERE 1 = 0", "SELECT SUM(cost) FROM ads.report WHERE FALSE",
		"SELECT * FROM (SELECT * FROM ads.report) t LIMIT 0", "SELECT * FROM ads.report WHERE 1 = 0 UNION SELECT * FROM ads.report LIMIT 0",
		"SELECT * FROM ads.report WHERE day < '2026-10-01'", "SELECT * FROM ads.report WHERE account = 99",
		"SELECT * FROM ads.report WHERE day > '2026-11-10' AND day < '2026-11-05'",
		"EXPLAIN SELECT * FROM ads.report", "EXPLAIN FORMAT=TREE SELECT * FROM ads.report", "DESCRIBE ads.report", "SHOW CREATE TABLE ads.report",
		"SELECT * FROM information_schema.columns", "SELECT * FROM information_schema.tables", "SHOW TABLE STATUS FROM ads",
	} {
		drain(t, q, query)
		if asked := s.asked(); len(asked) > 0 {
			t.Errorf("%s scans %v", query, asked)
		}
	}
	p, err := c.PrepareContext(context.Background(), "SELECT * FROM ads.report WHERE account = ?")
	if err != nil {
		t.Fatal(err)
	}
	p.Close()
	if asked := s.asked(); len(asked) > 0 {
		t.Errorf("PREPARE scans %v", asked)
	}
}

func TestScans(t *testing.T) {
	s := &source{}
	b, duck, recorded := fetchBench(t, s)
	c, err := b.open(t, "sha", "").Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	q := conn{c}
	all := tables.Days{From: "2026-11-01", To: "2026-11-22"}
	for _, k := range []struct {
		query    string
		accounts string
		days     tables.Days
		columns  string
	}{
		{"SELECT * FROM ads.report", "1 2 3", all, "account cost day id"},
		{"SELECT SUM(cost) FROM ads.report", "1 2 3", all, "cost"},
		{"SELECT cost FROM ads.report WHERE account IN (2, 3) AND day BETWEEN '2026-11-03' AND '2026-11-05'", "2 3", tables.Days{From: "2026-11-03", To: "2026-11-05"}, "account cost day"},
		{"SELECT id FROM ads.report WHERE day >= '2026-11-20' UNION ALL SELECT id FROM ads.report WHERE 1 = 0", "1 2 3", tables.Days{From: "2026-11-20", To: "2026-11-22"}, "day id"},
		{"SELECT COUNT(*) FROM (SELECT id FROM ads.report WHERE account = 1) x", "1", all, "account"},
		{"SELECT id FROM ads.report LIMIT 2", "1", all, "id"},
		{"SELECT id FROM ads.report LIMIT 3", "1 2", all, "id"},
		{"SELECT id FROM ads.report ORDER BY id LIMIT 3", "1 2 3", all, "id"},
	} {
		drain(t, q, k.query)
		var accounts []string
		for _, scan := range s.asked() {
			accounts = append(accounts, scan.Account)
			if columns := slices.Sorted(slices.Values(scan.Columns)); scan.Days != k.days || strings.Join(columns, " ") != k.columns {
				t.Errorf("%s scans %v of %v", k.query, columns, scan.Days)
			}
		}
		if got := strings.Join(accounts, " "); got != k.accounts {
			t.Errorf("%s scans the accounts %s, want %s", k.query, got, k.accounts)
		}
		if got := strings.Join(duck.paths(), " "); got != k.accounts {
			t.Errorf("%s reads the files %s", k.query, got)
		}
	}
	s.mu.Lock()
	if s.released != 18 {
		t.Errorf("%d of 18 lots of files were released", s.released)
	}
	s.mu.Unlock()
	if r := recorded.last(); r.User != "sha@127.0.0.1" || r.Cost.Calls != 3 || r.Code != 0 || !slices.Equal(r.Tables, []string{"ads.report"}) || !strings.HasPrefix(r.Text, "SELECT id") {
		t.Errorf("recorded %+v", r)
	}
	if _, err := c.ExecContext(context.Background(), "SET argo_max_age = '15m', sql_select_limit = 2"); err != nil {
		t.Fatal(err)
	}
	drain(t, q, "SELECT id FROM ads.report")
	if asked := s.asked(); len(asked) != 1 || asked[0].MaxAge != 15*time.Minute {
		t.Errorf("argo_max_age and sql_select_limit: %v", asked)
	}
	drain(t, q, "SELECT id FROM ads.report UNION ALL SELECT id FROM ads.report ORDER BY 1 DESC")
	if asked := s.asked(); len(asked) != 3 { // cut at two rows, one account would do
		t.Errorf("sql_select_limit cuts the sides of a UNION, or they ask twice: %v", asked)
	}
	column(t, q, "CALL ads.pause_campaign(4711)")
	if r := recorded.last(); strings.Contains(r.Text, "4711") || !slices.Equal(r.Tables, []string{"ads.pause_campaign()"}) || r.Rows != 1 {
		t.Errorf("recorded %+v", r)
	}
}

func TestFailedAccounts(t *testing.T) {
	for _, database := range []string{"ads", "raw"} {
		s := &source{}
		b, _, _ := fetchBench(t, s)
		c, err := b.open(t, "sha", "").Conn(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		q := conn{c}
		query := "SELECT SUM(cost) FROM " + database + ".report"
		denied := func(accounts string, k fault.Kind) func(tables.Scan) error {
			return func(q tables.Scan) error {
				if strings.Contains(accounts, q.Account) {
					return fmt.Errorf("scan: %w", fault.New(k, "account %s says no", q.Account).WithHint("ask its owner"))
				}
				return nil
			}
		}
		s.fail = denied("2", fault.Denied)
		if got := drain(t, q, query); !slices.Equal(got, []string{"Warning 1142 account 2 says no (ask its owner)"}) {
			t.Errorf("%s: one account denied: %q", database, got)
		}
		if got := drain(t, q, "SELECT 1"); len(got) != 0 {
			t.Errorf("%s: warnings stay: %q", database, got)
		}
		for kind, code := range map[fault.Kind]uint16{fault.Auth: 1429, fault.Throttled: 1226, fault.Unavailable: 1430} {
			s.fail = denied("13", kind)
			want := []string{fmt.Sprintf("Warning %d account 1 says no (ask its owner)", code), fmt.Sprintf("Warning %d account 3 says no (ask its owner)", code)}
			if got := drain(t, q, query); !slices.Equal(got, want) {
				t.Errorf("%s: two accounts %s: %q", database, kind, got)
			}
			s.fail = denied("1", kind)
			if err := refused(q, query+" WHERE account = 1"); number(err) != code {
				t.Errorf("%s: the only account %s: %v", database, kind, err)
			}
		}
		for kind, code := range map[fault.Kind]uint16{fault.Invalid: 1210, fault.Broken: 1033, fault.Internal: 1815, fault.Config: 1105} {
			s.fail = denied("2", kind)
			err := refused(q, query)
			if number(err) != code || !strings.HasSuffix(err.Error(), "account 2 says no (ask its owner)") || strings.Contains(err.Error(), "scan:") {
				t.Errorf("%s: %s: %v, want %d", database, kind, err, code)
			}
		}
		s.fail = denied("123", fault.NotFound)
		if err := refused(q, query); number(err) != 1431 {
			t.Errorf("%s: every account gone: %v", database, err)
		}
		if _, err := c.ExecContext(context.Background(), "SET argo_strict = ON"); err != nil {
			t.Fatal(err)
		}
		s.fail = denied("2", fault.Denied)
		if err := refused(q, query); number(err) != 1142 {
			t.Errorf("%s: strict: %v", database, err)
		}
		s.mu.Lock()
		if s.running != 0 {
			t.Errorf("%s: %d scans still run", database, s.running)
		}
		s.mu.Unlock()
	}
}

// TestCancel: KILL QUERY, a client that goes away, max_execution_time and its
// hint end the scan underneath.
func TestCancel(t *testing.T) {
	query := "SELECT SUM(cost) FROM ads.report WHERE account = 1"
	cases := map[string]struct {
		text string
		end  func(t *testing.T, b *bench, c *sql.Conn, id string, cancel func())
		code uint16
	}{
		"kill query": {query, func(t *testing.T, b *bench, _ *sql.Conn, id string, _ func()) {
			if _, err := b.open(t, "sha", "").Exec("KILL QUERY " + id); err != nil {
				t.Error(err)
			}
		}, 1317},
		"kill": {query, func(t *testing.T, b *bench, _ *sql.Conn, id string, _ func()) {
			if _, err := b.open(t, "sha", "").Exec("KILL " + id); err != nil {
				t.Error(err)
			}
		}, 0},
		"disconnect": {query, func(_ *testing.T, _ *bench, _ *sql.Conn, _ string, cancel func()) { cancel() }, 0},
		"variable":   {query, nil, 3024},
		"hint":       {strings.Replace(query, "SELECT", "SELECT /*+ MAX_EXECUTION_TIME(50) */", 1), nil, 3024},
	}
	for name, k := range cases {
		t.Run(name, func(t *testing.T) {
			s := &source{block: make(chan struct{}), gone: make(chan error, 1)}
			b, _, recorded := fetchBench(t, s)
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			c, err := b.open(t, "sha", "").Conn(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			id := column(t, conn{c}, "SELECT CONNECTION_ID()")[0]
			if name == "variable" {
				if _, err := c.ExecContext(ctx, "SET max_execution_time = 50"); err != nil {
					t.Fatal(err)
				}
			}
			done := make(chan error, 1)
			go func() {
				rows, err := c.QueryContext(ctx, k.text)
				if err == nil {
					err = errors.New("the statement ended well")
					rows.Close()
				}
				done <- err
			}()
			for s.busy() == 0 && k.end != nil {
			}
			if k.end != nil {
				k.end(t, b, c, id, cancel)
			}
			select {
			case <-s.gone:
			case <-time.After(20 * time.Second):
				t.Fatal("the scan runs on")
			}
			if err := <-done; k.code != 0 && number(err) != k.code {
				t.Errorf("the client is told %v, want %d", err, k.code)
			}
			if k.code != 0 {
				if got := column(t, conn{c}, "SELECT 1"); got[0] != "1" {
					t.Errorf("afterwards: %v", got)
				}
				if r := recorded.last(); r.Code != int(k.code) || r.Error == "" {
					t.Errorf("recorded %+v", r)
				}
			}
		})
	}
}

// TestShutdown: a server that stops ends what runs and says so.
func TestShutdown(t *testing.T) {
	s := &source{block: make(chan struct{}), gone: make(chan error, 1)}
	b, _, _ := fetchBench(t, s)
	c, err := b.open(t, "sha", "").Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := c.QueryContext(context.Background(), "SELECT SUM(cost) FROM ads.report WHERE account = 1")
		done <- err
	}()
	for s.busy() == 0 {
	}
	b.stop()
	if err := <-done; number(err) != 1053 {
		t.Errorf("the client is told %v", err)
	}
}

// TestPrepared: the columns are told at PREPARE as they come at EXECUTE.
func TestPrepared(t *testing.T) {
	s := &source{}
	b, _, _ := fetchBench(t, s)
	db := b.open(t, "sha", "")
	p, err := db.Prepare("SELECT day, account, SUM(cost) AS `sum(cost:ok)`, COUNT(*) FROM ads.report WHERE account = ? AND day >= ? GROUP BY 1, 2 LIMIT ?")
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	rows, err := p.Query(2, "2026-11-10", 5)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	kinds, err := rows.ColumnTypes()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, k := range kinds {
		got = append(got, k.Name()+" "+k.DatabaseTypeName())
	}
	if want := "day DATE, account BIGINT, sum(cost:ok) DECIMAL, COUNT(*) BIGINT"; strings.Join(got, ", ") != want {
		t.Errorf("columns %v, want %s", got, want)
	}
	if asked := s.asked(); len(asked) != 1 || asked[0].Account != "2" || asked[0].Days.From != "2026-11-10" {
		t.Errorf("scans %v", asked)
	}
}

func TestMain(m *testing.M) {
	_ = mysql.SetLogger(log.New(io.Discard, "", 0)) // the driver tells of every connection that a test cuts
	os.Exit(m.Run())
}
