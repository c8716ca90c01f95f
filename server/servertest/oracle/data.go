package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
)

// column of a table: its name, its type in MySQL and in Argo's configuration.
type column struct {
	name  string
	kind  kind
	mysql string
	argo  string
	pool  []string // values; \N is NULL
}

type table struct {
	name string
	rows int
	cols []column
}

var texts = []string{`\N`, "", " ", "a", "A", "á", "ａ", "b", "abc", "ABC", "ABC ", "Zoë", "zoe", "ZOE", "ß", "ss", "straße", "한글", "한", "캠페인 2026", "が", "か",
	"%", "_", "a_b", `x\y`, "10", "007", "-3.5", "1e3", "12abc", "2026-01-05", "2026-02-30", "10:11:12", "a,b,c", "true", "🙂", "ﬀ", "  pad  ", "it's", `say "hi"`, "O", "Ω", "i", "İ", "ı"}

var tablesOf = []table{
	{"t1", 80, []column{
		{"id", integer, "BIGINT", "bigint", nil},
		{"i", integer, "BIGINT", "bigint", []string{`\N`, "0", "1", "-1", "2", "3", "5", "7", "-7", "10", "42", "100", "255", "-255", "1000", "65535", "1234567", "-2147483648", "2147483647"}},
		{"j", integer, "BIGINT", "bigint", []string{`\N`, "0", "1", "2", "3", "4", "5", "-2", "9", "12"}},
		{"big", integer, "BIGINT", "bigint", []string{`\N`, "0", "9007199254740993", "-9007199254740993", "4611686018427387904", "9223372036854775807", "-9223372036854775807", "1", "999999999999"}},
		{"m", decimal, "DECIMAL(10,2)", "decimal(10,2)", []string{`\N`, "0.00", "0.01", "-0.01", "1.00", "2.50", "-2.50", "12.34", "99.99", "0.05", "0.15", "99999999.99", "-99999999.99", "3.33", "6.67"}},
		{"p", decimal, "DECIMAL(20,6)", "decimal(20,6)", []string{`\N`, "0.000000", "0.000001", "-0.000001", "2.500000", "-2.500000", "3.141593", "0.333333", "1234.567890", "99999999999999.999999", "155.555555"}},
		{"x", double, "DOUBLE", "double", []string{`\N`, "0", "-0.5", "0.5", "2.5", "-2.5", "1e10", "0.1", "0.25", "-3", "7", "1e-7", "123456.789", "100"}},
		{"s", text, "VARCHAR(40)", "varchar(40)", texts},
		{"k", ident, "VARCHAR(40) COLLATE utf8mb4_0900_bin", "varchar(40)", texts},
		{"d", date, "DATE", "date", []string{`\N`, "2026-01-05", "2024-02-29", "2025-12-29", "2026-12-31", "2000-01-01", "2026-01-31", "1999-12-31", "2026-03-31", "2026-11-22", "2027-01-03", "1970-01-01", "9999-12-31"}},
		{"ts", datetime, "DATETIME(6)", "datetime", []string{`\N`, "2026-01-05 10:11:12.500000", "2024-02-29 00:00:00.000000", "2025-12-29 23:59:59.999999", "2026-03-08 02:30:00.000000", "2026-11-22 10:30:15.123456", "2000-01-01 00:00:01.000001", "1970-01-01 00:00:00.000000", "2026-10-25 02:30:00.000000", "9999-12-31 23:59:59.000000"}},
		{"f", boolean, "TINYINT(1)", "boolean", []string{`\N`, "0", "1"}},
	}},
	{"t2", 25, []column{
		{"id", integer, "BIGINT", "bigint", nil},
		{"r", integer, "BIGINT", "bigint", []string{`\N`, "1", "2", "3", "5", "8", "13", "21", "34", "55", "77"}},
		{"name", text, "VARCHAR(20)", "varchar(20)", texts},
		{"w", decimal, "DECIMAL(8,3)", "decimal(8,3)", []string{`\N`, "0.000", "1.500", "-1.500", "10.125", "0.333"}},
		{"day", date, "DATE", "date", []string{`\N`, "2026-01-05", "2024-02-29", "2026-11-22", "2026-01-31"}},
	}},
}

// cells of a table: the first column counts from 1.
func (t table) cells() [][]string {
	r := rand.New(rand.NewPCG(7, uint64(len(t.cols))))
	out := make([][]string, t.rows)
	for i := range out {
		for _, c := range t.cols {
			switch {
			case c.pool == nil:
				out[i] = append(out[i], fmt.Sprint(i+1))
			case i < len(c.pool):
				out[i] = append(out[i], c.pool[i]) // each value at least once
			default:
				out[i] = append(out[i], c.pool[r.IntN(len(c.pool))])
			}
		}
	}
	return out
}

// writeData writes NDJSON files and the configuration that serves them.
func writeData(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	var b strings.Builder
	b.WriteString("listen: 127.0.0.1:3306\ndata_dir: data\nusers: [{name: oracle, password: \"env:ORACLE_PASSWORD\"}]\nconnections:\n  - name: t\n    source: lake\n    options:\n      datasets:\n")
	for _, t := range tablesOf {
		fmt.Fprintf(&b, "        - name: %s\n          path: %s.ndjson\n          columns:\n", t.name, t.name)
		for _, c := range t.cols {
			fmt.Fprintf(&b, "            %s: %s\n", c.name, c.argo)
		}
		var ids []string
		for _, c := range t.cols {
			if c.kind == ident {
				ids = append(ids, "            "+c.name+": utf8mb4_bin\n")
			}
		}
		if len(ids) > 0 {
			b.WriteString("          collations:\n" + strings.Join(ids, ""))
		}
		var lines strings.Builder
		for _, row := range t.cells() {
			for i, v := range row {
				lines.WriteString(map[bool]string{true: "{", false: ","}[i == 0])
				switch {
				case v == `\N`:
					v = "null"
				case t.cols[i].kind == boolean:
					v = map[string]string{"0": "false", "1": "true"}[v]
				case t.cols[i].kind >= text:
					quoted, err := json.Marshal(v)
					if err != nil {
						return err
					}
					v = string(quoted)
				}
				fmt.Fprintf(&lines, "%q:%s", t.cols[i].name, v)
			}
			lines.WriteString("}\n")
		}
		if err := os.WriteFile(filepath.Join(dir, t.name+".ndjson"), []byte(lines.String()), 0o644); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(dir, "argo.yaml"), []byte(b.String()), 0o644)
}

// loadMySQL makes the same tables in MySQL.
func loadMySQL(ctx context.Context, dsn string) (*sql.Conn, error) {
	c, err := connect(ctx, dsn)
	if err != nil {
		return nil, err
	}
	do := func(q string, args ...any) {
		if err == nil {
			_, err = c.ExecContext(ctx, q, args...)
		}
	}
	do("DROP DATABASE IF EXISTS argo_oracle")
	do("CREATE DATABASE argo_oracle COLLATE utf8mb4_0900_ai_ci")
	do("USE argo_oracle")
	for _, t := range tablesOf {
		defs, marks := make([]string, len(t.cols)), make([]string, len(t.cols))
		for i, col := range t.cols {
			defs[i], marks[i] = col.name+" "+col.mysql, "?"
		}
		do("CREATE TABLE " + t.name + " (" + strings.Join(defs, ", ") + ")")
		for _, row := range t.cells() {
			args := make([]any, len(row))
			for i, v := range row {
				if v != `\N` {
					args[i] = v
				}
			}
			do("INSERT INTO "+t.name+" VALUES ("+strings.Join(marks, ",")+")", args...)
		}
	}
	do("ANALYZE TABLE t1, t2")
	return c, err
}
