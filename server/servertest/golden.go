package servertest

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"argo/tables/market"

	"github.com/go-sql-driver/mysql"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "write the goldens anew")

// Setup of a golden.
type Setup struct {
	Options
	// Faults is the plan that a faults section is added to.
	Faults map[string]*market.Faults
	// User logs in with the password that the configuration refers to by Ref.
	User, Ref string
	// Mask is what differs from run to run in what a client sees.
	Mask *regexp.Regexp
}

// RunGolden runs a golden: a txtar of sections that are taken in order.
//
//	-- name.sql --     one statement
//	-- name.out --     what the client saw: rows, tab-separated; warnings; errors
//	-- name.until --   a statement that is asked until it gives 1: what the one
//	                   before left to do in the background has been done then
//	-- name.http --    the requests that reached the vendors, sorted
//	-- clock --        a duration by which the clock moves: 26h
//	-- faults --       faults of the market's plan, by vendor; "clear" ends them
//
// A statement's .until, if it has one, .out and .http follow it. With -update they are written anew.
// All statements run in one session.
func RunGolden(t *testing.T, file string, setup Setup) {
	t.Helper()
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s := Start(t, setup.Options)
	db := s.Open(t, setup.User, setup.Ref, "", "")
	ctx := context.Background()
	c, err := db.Conn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	written := &txtar.Archive{Comment: archive.Comment}
	keep := func(name, text string) {
		written.Files = append(written.Files, txtar.File{Name: name, Data: []byte(text)})
	}
	want := map[string]string{}
	for _, f := range archive.Files {
		want[f.Name] = string(f.Data)
	}
	for _, f := range archive.Files {
		text := string(f.Data)
		name, kind, _ := strings.Cut(f.Name, ".")
		switch {
		case kind == "sql":
			keep(f.Name, text)
			s.Calls.Take()
			out := run(ctx, c, text)
			if setup.Mask != nil {
				out = setup.Mask.ReplaceAllString(out, "…")
			}
			if query := want[name+".until"]; query != "" {
				keep(name+".until", query)
				until(t, c, query)
			}
			calls := strings.Join(s.Calls.Take(), "\n")
			if calls != "" {
				calls += "\n"
			}
			keep(name+".out", out)
			keep(name+".http", calls)
			if *update {
				continue
			}
			if w := want[name+".out"]; out != w {
				t.Errorf("%s: %s gives\n%swant\n%s", file, f.Name, out, w)
			}
			if w := want[name+".http"]; calls != w {
				t.Errorf("%s: %s sends\n%swant\n%s", file, f.Name, calls, w)
			}
		case kind == "out" || kind == "http" || kind == "until":
		case name == "clock" || kind == "clock":
			keep(f.Name, text)
			d, err := time.ParseDuration(strings.TrimSpace(text))
			if err != nil {
				t.Fatalf("%s: %s: %v", file, f.Name, err)
			}
			s.Clock.Advance(d)
		case name == "faults" || kind == "faults":
			keep(f.Name, text)
			plan(t, file, text, setup.Faults)
		default:
			t.Fatalf("%s: what is the section %s?", file, f.Name)
		}
	}
	if *update {
		if err := os.WriteFile(file, txtar.Format(written), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// until asks until the answer is 1.
func until(t *testing.T, c *sql.Conn, query string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for {
		var n int64
		if err := c.QueryRowContext(ctx, strings.TrimSpace(query)).Scan(&n); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		if n == 1 {
			return
		}
		<-again.C
	}
}

// plan adds faults to the vendors' plans.
func plan(t *testing.T, file, text string, faults map[string]*market.Faults) {
	t.Helper()
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch vendor, _, _ := strings.Cut(line, " "); {
		case line == "" || strings.HasPrefix(line, "#"):
		case line == "clear":
			for _, f := range faults {
				f.Clear()
			}
		case faults[vendor] == nil:
			t.Fatalf("%s: there is no vendor %q", file, vendor)
		default:
			if err := faults[vendor].Script(line); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
		}
	}
}

// run runs one statement and prints what a client sees.
func run(ctx context.Context, c *sql.Conn, statement string) string {
	var b strings.Builder
	failed := func(err error) string {
		var e *mysql.MySQLError
		if errors.As(err, &e) {
			fmt.Fprintf(&b, "ERROR %d (%s): %s\n", e.Number, e.SQLState, e.Message)
		} else {
			fmt.Fprintf(&b, "ERROR: %v\n", err)
		}
		return b.String()
	}
	rows, err := c.QueryContext(ctx, strings.TrimSpace(statement))
	if err != nil {
		return failed(err)
	}
	err = table(&b, rows)
	if err != nil {
		return failed(err)
	}
	warnings, err := c.QueryContext(ctx, "SHOW WARNINGS")
	if err != nil {
		return failed(err)
	}
	defer warnings.Close()
	for warnings.Next() {
		var level, message string
		var code int
		if err := warnings.Scan(&level, &code, &message); err != nil {
			return failed(err)
		}
		fmt.Fprintf(&b, "%s %d: %s\n", level, code, message)
	}
	if err := warnings.Err(); err != nil {
		return failed(err)
	}
	return b.String()
}

// table prints a result: its columns, then its rows.
func table(b *strings.Builder, rows *sql.Rows) error {
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	if len(columns) > 0 {
		fmt.Fprintln(b, strings.Join(columns, "\t"))
	}
	values := make([]sql.NullString, len(columns))
	places := make([]any, len(columns))
	for i := range values {
		places[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(places...); err != nil {
			return err
		}
		for i, v := range values {
			if i > 0 {
				b.WriteByte('\t')
			}
			if v.Valid {
				b.WriteString(v.String)
			} else {
				b.WriteString("NULL")
			}
		}
		b.WriteByte('\n')
	}
	return rows.Err()
}
