//go:build ignore

// Record asks a MySQL server for the answers of battery.sql over the tables of
// tables.txt and writes them to battery.out:
//
//	go run record.go -dsn 'root@tcp(127.0.0.1:3306)/'
//
// It makes and drops the database argo_battery.
package main

import (
	"bufio"
	"context"
	"database/sql"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"strings"

	_ "github.com/go-sql-driver/mysql"
)

func main() {
	dsn := flag.String("dsn", "root@tcp(127.0.0.1:3306)/", "of the server")
	client := flag.String("client", "mysql -h127.0.0.1 -P3306 -uroot", "command line client of the same server")
	flag.Parse()
	db, err := sql.Open("mysql", *dsn)
	check(err)
	ctx := context.Background()
	c, err := db.Conn(ctx)
	check(err)
	run := func(q string, args ...any) {
		if _, err := c.ExecContext(ctx, q, args...); err != nil {
			log.Fatalf("%s: %v", q, err)
		}
	}
	run("drop database if exists argo_battery")
	run("create database argo_battery")
	run("use argo_battery")
	run("set names utf8mb4 collate utf8mb4_0900_ai_ci")
	types := map[string]string{"int": "bigint", "text": "varchar(255)", "ident": "varchar(64) collate utf8mb4_0900_bin",
		"double": "double", "bool": "boolean", "date": "date", "datetime": "datetime(6)"}
	table, columns := "", 0
	for _, line := range lines("tables.txt") {
		if name, ok := strings.CutPrefix(line, "table "); ok {
			table, columns = name, 0
			continue
		}
		fields := strings.Split(line, "\t")
		if columns == 0 {
			columns = len(fields)
			defs := make([]string, columns)
			for i, f := range fields {
				at := strings.LastIndexByte(f, ' ')
				name, t := f[:at], f[at+1:]
				if m, ok := types[t]; ok {
					t = m
				}
				defs[i] = "`" + name + "` " + t
			}
			run("create table " + table + " (" + strings.Join(defs, ", ") + ")")
			continue
		}
		args := make([]any, columns)
		for i, f := range fields {
			if f != `\N` {
				args[i] = strings.ReplaceAll(f, `\\`, `\`)
			}
		}
		run("insert "+table+" values (?"+strings.Repeat(", ?", columns-1)+")", args...)
	}
	out, err := os.Create("battery.out")
	check(err)
	defer out.Close()
	for _, q := range lines("battery.sql") {
		fmt.Fprintf(out, "> %s\n%s\n", q, answer(*client, q))
	}
	run("drop database argo_battery")
}

// answer asks through the client, which shows each value as the server wrote it.
func answer(client, q string) string {
	args := append(strings.Fields(client), "--batch", "--skip-column-names", "--default-character-set=utf8mb4",
		"--init-command=set names utf8mb4 collate utf8mb4_0900_ai_ci, time_zone = '+00:00', timestamp = 1795343415.123456",
		"--execute", q, "argo_battery")
	cmd := exec.Command(args[0], args[1:]...)
	var failure strings.Builder
	cmd.Stderr = &failure
	text, err := cmd.Output()
	if err != nil {
		for l := range strings.Lines(failure.String()) {
			if e, ok := strings.CutPrefix(l, "ERROR "); ok {
				return "! " + e
			}
		}
		log.Fatalf("%s: %v %s", q, err, failure.String())
	}
	return string(text)
}

func lines(path string) (out []string) {
	f, err := os.Open(path)
	check(err)
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if l := s.Text(); l != "" && !strings.HasPrefix(l, "#") {
			out = append(out, l)
		}
	}
	return out
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
