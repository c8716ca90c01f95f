// Command main runs one job of .ci/clients with github.com/go-sql-driver/mysql:
// it reads the job's JSON from the file named by its argument and prints what
// the server answered, every value as text.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/go-sql-driver/mysql"
)

type job struct {
	Host, User, Password, Database, TLS, CA string
	Port                                    int
	Statements                              []statement
}

type statement struct {
	SQL      string
	Params   []any
	Prepare  bool
	CancelMS int `json:"cancel_ms"`
	Timeout  int
}

type failure struct {
	Code    int    `json:"code"`
	State   string `json:"state"`
	Message string `json:"message"`
}

type set struct {
	Columns []string    `json:"columns"`
	Types   []string    `json:"types"`
	Rows    [][]*string `json:"rows"`
}

type result struct {
	Sets    []set    `json:"sets"`
	Error   *failure `json:"error"`
	Seconds float64  `json:"seconds"`
}

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var j job
	if err := json.Unmarshal(text, &j); err != nil {
		return err
	}
	cfg := mysql.NewConfig()
	cfg.User, cfg.Passwd, cfg.DBName = j.User, j.Password, j.Database
	cfg.Net, cfg.Addr = "tcp", fmt.Sprintf("%s:%d", j.Host, j.Port)
	cfg.InterpolateParams = false // parameters travel in COM_STMT_EXECUTE
	cfg.Logger = &mysql.NopLogger{}
	switch j.TLS {
	case "on":
		cfg.TLSConfig = "skip-verify"
	case "verify":
		pem, err := os.ReadFile(j.CA)
		if err != nil {
			return err
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return errors.New("no certificate in " + j.CA)
		}
		cfg.TLS = &tls.Config{RootCAs: pool, ServerName: j.Host}
	}
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		return err
	}
	db := sql.OpenDB(connector)
	defer db.Close()
	var out struct {
		Error   *failure `json:"error"`
		Results []result `json:"results"`
	}
	ctx := context.Background()
	conn, err := db.Conn(ctx)
	if err != nil {
		out.Error = failed(err)
	} else {
		defer conn.Close()
		for _, s := range j.Statements {
			out.Results = append(out.Results, one(ctx, conn, s))
		}
	}
	return json.NewEncoder(os.Stdout).Encode(out)
}

// one runs a statement; cancel_ms and timeout end its context, on which the
// driver closes the connection.
func one(ctx context.Context, conn *sql.Conn, s statement) (r result) {
	r.Sets = []set{}
	start := time.Now()
	defer func() { r.Seconds = time.Since(start).Seconds() }()
	if s.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(s.Timeout)*time.Second)
		defer cancel()
	}
	if s.CancelMS > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithCancel(ctx)
		defer cancel()
		t := time.AfterFunc(time.Duration(s.CancelMS)*time.Millisecond, cancel)
		defer t.Stop()
	}
	args := make([]any, len(s.Params))
	for i, p := range s.Params {
		switch v := p.(type) {
		case map[string]any: // {"decimal": "1.20"} or {"date": "2026-11-01"}
			for _, text := range v {
				args[i] = text
			}
		case float64:
			args[i] = int64(v)
		default:
			args[i] = v
		}
	}
	var rows *sql.Rows
	var err error
	if s.Prepare {
		var st *sql.Stmt
		if st, err = conn.PrepareContext(ctx, s.SQL); err == nil {
			defer st.Close()
			rows, err = st.QueryContext(ctx, args...)
		}
	} else {
		rows, err = conn.QueryContext(ctx, s.SQL, args...)
	}
	if err != nil {
		r.Error = failed(err)
		return r
	}
	defer rows.Close()
	for {
		t, err := read(rows)
		if err == nil && len(t.Columns) > 0 {
			r.Sets = append(r.Sets, t)
		}
		if err != nil {
			r.Error = failed(err)
			return r
		}
		if !rows.NextResultSet() {
			break
		}
	}
	if err := rows.Err(); err != nil {
		r.Error = failed(err)
	}
	return r
}

func read(rows *sql.Rows) (t set, err error) {
	t.Rows = [][]*string{}
	if t.Columns, err = rows.Columns(); err != nil {
		return t, err
	}
	types, err := rows.ColumnTypes()
	if err != nil {
		return t, err
	}
	for _, c := range types {
		t.Types = append(t.Types, c.DatabaseTypeName())
	}
	for rows.Next() {
		cells := make([]sql.NullString, len(t.Columns))
		into := make([]any, len(cells))
		for i := range cells {
			into[i] = &cells[i]
		}
		if err := rows.Scan(into...); err != nil {
			return t, err
		}
		row := make([]*string, len(cells))
		for i, c := range cells {
			if c.Valid {
				row[i] = &c.String
			}
		}
		t.Rows = append(t.Rows, row)
	}
	return t, rows.Err()
}

func failed(err error) *failure {
	var m *mysql.MySQLError
	if errors.As(err, &m) {
		return &failure{int(m.Number), string(m.SQLState[:]), m.Message}
	}
	return &failure{Message: err.Error()}
}
