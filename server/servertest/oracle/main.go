// Oracle asks Argo and a real MySQL server the same random statements over the
// same rows and reports every difference in values, result types, column
// names, order and error codes.
//
//	oracle data DIR                                   the rows as CSV, and argo.yaml to serve them
//	oracle run -argo DSN -mysql DSN -seed 1 -n 5000   compares; exit status 1 with a difference
//
// A statement follows from its seed alone, so that one that differs can be
// asked again: -seed N -n 1 -v. It knows nothing of how Argo answers.
package main

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"math/big"
	"os"
	"slices"
	"strings"

	"github.com/go-sql-driver/mysql"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "oracle:", err)
		os.Exit(1)
	}
}

func run() error {
	if len(os.Args) > 2 && os.Args[1] == "data" {
		return writeData(os.Args[2])
	}
	if len(os.Args) < 2 || os.Args[1] != "run" {
		return errors.New("oracle data DIR, or oracle run -h")
	}
	f := flag.NewFlagSet("oracle run", flag.ExitOnError)
	argo := f.String("argo", "oracle:oracle@tcp(127.0.0.1:3306)/t", "of the gateway that serves the data")
	ours := f.String("mysql", "root@tcp(127.0.0.1:3307)/", "of the MySQL server; its database argo_oracle is made anew")
	seed := f.Uint64("seed", 1, "of the first statement")
	n := f.Int("n", 5000, "statements")
	verbose := f.Bool("v", false, "print every statement")
	lengths := f.Bool("lengths", false, "compare the lengths of text columns too")
	values := f.Bool("values", false, "report differences in values only, not in types and errors")
	most := f.Int("most", 50, "differences that end the run")
	if err := f.Parse(os.Args[2:]); err != nil {
		return err
	}
	ctx := context.Background()
	truth, err := loadMySQL(ctx, *ours)
	if err != nil {
		return fmt.Errorf("load the rows into MySQL: %w", err)
	}
	asked, err := connect(ctx, *argo)
	if err != nil {
		return fmt.Errorf("connect to Argo: %w", err)
	}
	different, failed, unsupported := 0, 0, map[string]int{}
	for i := range *n {
		st := statement(*seed + uint64(i))
		if *verbose {
			fmt.Println(st.text)
		}
		want, got := ask(ctx, truth, st), ask(ctx, asked, st)
		if got.code == 1235 {
			unsupported[got.message]++
			continue
		}
		if want.code != 0 {
			failed++
		}
		if *values {
			if want.code != 0 || got.code != 0 {
				continue
			}
			got.types = want.types
		}
		if why := compare(want, got, st.ordered, *lengths); why != "" {
			different++
			fmt.Printf("seed %d: %s\n  %s\n", *seed+uint64(i), why, st.text)
			if different >= *most {
				break
			}
		}
	}
	left := 0
	for _, n := range unsupported {
		left += n
	}
	fmt.Printf("%d statements, %d differ, %d are errors on both sides, %d are refused by Argo\n", *n, different, failed, left)
	for _, m := range byCount(unsupported) {
		fmt.Printf("  %5d  %s\n", unsupported[m], m)
	}
	if different > 0 {
		return errors.New("there are differences")
	}
	return nil
}

func byCount(m map[string]int) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b string) int { return m[b] - m[a] })
	return keys[:min(len(keys), 30)]
}

func connect(ctx context.Context, dsn string) (*sql.Conn, error) {
	db, err := sql.Open("mysql", dsn)
	if err != nil {
		return nil, err
	}
	c, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	for _, s := range []string{"SET NAMES utf8mb4", "SET time_zone = '+00:00'", "SET max_execution_time = 20000"} {
		if _, err := c.ExecContext(ctx, s); err != nil {
			return nil, fmt.Errorf("%s: %w", s, err)
		}
	}
	return c, nil
}

// answer of a server.
type answer struct {
	code    uint16 // MySQL error number; 0: rows
	message string
	names   []string
	types   []string
	lengths []int64
	rows    []string // cells as they travelled, joined
}

const null = "\x00NULL"

func ask(ctx context.Context, c *sql.Conn, st stmt) (a answer) {
	fail := func(err error) answer {
		var e *mysql.MySQLError
		if errors.As(err, &e) {
			return answer{code: e.Number, message: e.Message}
		}
		return answer{code: 65535, message: err.Error()}
	}
	rows, err := c.QueryContext(ctx, st.text)
	if err != nil {
		return fail(err)
	}
	defer rows.Close()
	types, err := rows.ColumnTypes()
	if err != nil {
		return fail(err)
	}
	for _, t := range types {
		name := t.DatabaseTypeName()
		if p, s, ok := t.DecimalSize(); ok && name == "DECIMAL" {
			name += fmt.Sprintf("(%d,%d)", p, s)
		} else if ok && (name == "DATETIME" || name == "TIME") {
			name += fmt.Sprintf("(%d)", s)
		}
		n, _ := t.Length()
		a.names, a.types, a.lengths = append(a.names, t.Name()), append(a.types, name), append(a.lengths, n)
	}
	cells := make([]sql.RawBytes, len(types))
	to := make([]any, len(types))
	for i := range cells {
		to[i] = &cells[i]
	}
	for rows.Next() {
		if err := rows.Scan(to...); err != nil {
			return fail(err)
		}
		texts := make([]string, len(cells))
		for i, c := range cells {
			if c == nil {
				texts[i] = null
			} else {
				texts[i] = string(c)
			}
		}
		a.rows = append(a.rows, strings.Join(texts, "\x01"))
	}
	if err := rows.Err(); err != nil {
		return fail(err)
	}
	return a
}

// compare says what differs, or "".
func compare(want, got answer, ordered, lengths bool) string {
	switch {
	case want.code != got.code:
		return fmt.Sprintf("MySQL %s, Argo %s", said(want), said(got))
	case want.code != 0:
		return ""
	case !slices.Equal(want.names, got.names):
		return fmt.Sprintf("names: MySQL %q, Argo %q", want.names, got.names)
	case len(want.rows) != len(got.rows):
		return fmt.Sprintf("MySQL %d rows, Argo %d rows", len(want.rows), len(got.rows))
	}
	a, b := want.rows, got.rows
	if !ordered {
		a, b = slices.Clone(a), slices.Clone(b)
		slices.Sort(a)
		slices.Sort(b)
	}
	for i := range a {
		if !same(a[i], b[i], want.types) {
			return fmt.Sprintf("row %d: MySQL %q, Argo %q", i, a[i], b[i])
		}
	}
	for i := range want.types {
		if want.types[i] != got.types[i] {
			return fmt.Sprintf("type of %s: MySQL %s, Argo %s", want.names[i], want.types[i], got.types[i])
		}
		if lengths && want.lengths[i] != got.lengths[i] {
			return fmt.Sprintf("length of %s: MySQL %d, Argo %d", want.names[i], want.lengths[i], got.lengths[i])
		}
	}
	return ""
}

func said(a answer) string {
	if a.code != 0 {
		return fmt.Sprintf("error %d (%s)", a.code, a.message)
	}
	return fmt.Sprintf("%d rows", len(a.rows))
}

// same compares two rows. Doubles may differ in the last two of their 17
// digits: the C library that MySQL uses and DuckDB's sums round differently.
func same(a, b string, types []string) bool {
	if a == b {
		return true
	}
	x, y := strings.Split(a, "\x01"), strings.Split(b, "\x01")
	for i := range types {
		if x[i] == y[i] {
			continue
		}
		if types[i] != "DOUBLE" && types[i] != "FLOAT" || x[i] == null || y[i] == null {
			return false
		}
		p, ok1 := new(big.Float).SetPrec(200).SetString(x[i])
		q, ok2 := new(big.Float).SetPrec(200).SetString(y[i])
		if !ok1 || !ok2 {
			return false
		}
		d := new(big.Float).Sub(p, q)
		if p.Sign() == 0 || new(big.Float).Quo(d.Abs(d), new(big.Float).Abs(p)).Cmp(big.NewFloat(2e-15)) > 0 {
			return false
		}
	}
	return true
}
