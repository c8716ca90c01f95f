package algebra_test

import (
	"bufio"
	"bytes"
	"database/sql"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"argo/server/algebra"

	_ "github.com/go-sql-driver/mysql"
)

var oracle = flag.String("oracle", "", "DSN of a MySQL server: records testdata/typing.txt anew, such as root@tcp(127.0.0.1:33308)/algebra_test")

// oracleTable is lake.t as the oracle knows it.
const oracleTable = `create table t (i bigint, n bigint not null, d date, dt datetime(6), s varchar(255), k varchar(64) collate utf8mb4_0900_bin, x double, m decimal(10,2), b tinyint(1), j json)`

// TestTyping compares the type of each expression with what a real MySQL
// server made of it: CREATE TABLE … AS SELECT expr, SHOW FULL COLUMNS. Lines of
// testdata/typing.txt are "expression => type [collation] [not null]". A line
// may say "| ours" where Argo's type differs on purpose.
func TestTyping(t *testing.T) {
	if *oracle != "" {
		record(t)
	}
	f := newFront(t, false)
	text, err := os.ReadFile("testdata/typing.txt")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for s := bufio.NewScanner(bytes.NewReader(text)); s.Scan(); {
		expr, want, ok := strings.Cut(s.Text(), " => ")
		if !ok || strings.HasPrefix(expr, "#") {
			continue
		}
		if _, ours, ok := strings.Cut(want, " | "); ok {
			want = ours
		}
		n++
		st, err := f.compile("select " + expr + " as c from t")
		if err != nil || st == nil {
			t.Errorf("%s: %v", expr, err)
			continue
		}
		if got := spelled(st.Output[0].Type); got != want {
			t.Errorf("%-45s is %s, MySQL: %s", expr, got, want)
		}
	}
	if n < 150 {
		t.Errorf("only %d expressions", n)
	}
}

// spelled is a type as the recorded ones are: MySQL's integer widths are all
// bigint, as on the wire.
func spelled(t algebra.Type) string {
	s := ""
	switch t.Kind {
	case algebra.Null:
		s = "null"
	case algebra.Int:
		s = "bigint"
		if t.Unsigned {
			s += " unsigned"
		}
	case algebra.Decimal:
		s = fmt.Sprintf("decimal(%d,%d)", t.Precision, t.Scale)
	case algebra.Double:
		s = "double"
	case algebra.Text:
		s = "text"
		if t.Length > 0 {
			s = "text(" + strconv.Itoa(t.Length) + ")"
		}
		if t.Collation == algebra.Bin {
			s += " bin"
		}
	case algebra.Binary:
		s = "binary"
	case algebra.Date:
		s = "date"
	case algebra.DateTime:
		s = scaled("datetime", t.Scale)
	case algebra.Time:
		s = scaled("time", t.Scale)
	case algebra.Year:
		s = "year"
	case algebra.JSON:
		s = "json"
	}
	if t.NotNull {
		s += " not null"
	}
	return s
}

func scaled(s string, n int) string {
	if n > 0 {
		return fmt.Sprintf("%s(%d)", s, n)
	}
	return s
}

// record asks the oracle again about the expressions of the file.
func record(t *testing.T) {
	db, err := sql.Open("mysql", *oracle)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	for _, q := range []string{"set names utf8mb4 collate utf8mb4_0900_ai_ci", "set sql_mode = ''", "drop table if exists t", oracleTable} {
		if _, err := db.Exec(q); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile("testdata/typing.txt")
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for s := bufio.NewScanner(bytes.NewReader(text)); s.Scan(); {
		line := s.Text()
		expr, was, _ := strings.Cut(line, " => ")
		if expr == "" || strings.HasPrefix(expr, "#") {
			out.WriteString(line + "\n")
			continue
		}
		got := ask(t, db, expr)
		if _, ours, ok := strings.Cut(was, " | "); ok {
			got += " | " + ours
		}
		fmt.Fprintf(&out, "%s => %s\n", expr, got)
	}
	if err := os.WriteFile("testdata/typing.txt", []byte(out.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

func ask(t *testing.T, db *sql.DB, expr string) string {
	if _, err := db.Exec("drop table if exists u"); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("create table u as select " + expr + " as c from t"); err != nil {
		return "error " + err.Error()
	}
	var field, typ, null, key, extra, privileges, comment string
	var collation, def sql.NullString
	if err := db.QueryRow("show full columns from u").Scan(&field, &typ, &collation, &null, &key, &def, &extra, &privileges, &comment); err != nil {
		t.Fatal(err)
	}
	base, unsigned := strings.CutSuffix(typ, " unsigned")
	name, args, _ := strings.Cut(strings.TrimSuffix(base, ")"), "(")
	switch name {
	case "tinyint", "smallint", "mediumint", "int", "bigint":
		name = "bigint"
		if unsigned {
			name += " unsigned"
		}
	case "varchar", "char":
		name = "text(" + args + ")"
	case "tinytext", "text", "mediumtext", "longtext":
		name = "text"
	case "varbinary", "binary", "blob", "mediumblob", "longblob":
		name = "binary"
		if args == "0" {
			name = "null"
		}
	case "double":
	default:
		name = base
	}
	if strings.HasSuffix(collation.String, "_bin") {
		name += " bin"
	}
	if null == "NO" {
		name += " not null"
	}
	return name
}
