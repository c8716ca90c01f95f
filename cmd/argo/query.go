package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"argo/configs"
	"argo/server"
	"argo/tables/fault"

	"github.com/go-sql-driver/mysql"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// queryFlags say whom to ask and how to print.
type queryFlags struct {
	server, user, password, database, config string
	output, file                             string
	maxRows                                  int
	explainFetch                             bool
}

func queryCommand() *cobra.Command {
	var q queryFlags
	c := &cobra.Command{
		Use:   "query 'SQL'",
		Short: "Ask a running gateway, or a configuration without one",
		Long: `Run one statement and print its rows. Without flags the gateway on
127.0.0.1:3306 is asked as the user demo, which is what argo demo starts. With
--config the statement runs in this process and no gateway is needed; the data
folder is the configuration's, so that what is fetched stays cached.

The password is a reference, never the password itself: env:NAME, file:PATH or
aws-sm:NAME; without it ARGO_PASSWORD is used, or the terminal is asked.
A statement "-" is read from standard input. With --explain-fetch it is not run:
what it would take from its sources is printed, and no call is made.`,
		Example: `  argo query 'SELECT * FROM argo.connections'
  argo query --server db:3306 --user kim --output csv 'SELECT ...' > cost.csv
  argo query --explain-fetch 'SELECT * FROM google_ads.ad_performance'
  argo query --config argo.yaml --output parquet --file cost.parquet 'SELECT ...'`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			text := args[0]
			if text == "-" {
				b, err := io.ReadAll(c.InOrStdin())
				if err != nil {
					return err
				}
				text = string(b)
			}
			if q.explainFetch {
				text = "EXPLAIN FETCH " + text
			}
			return q.run(c.Context(), c.OutOrStdout(), text)
		},
	}
	f := c.Flags()
	f.StringVar(&q.server, "server", envOr("ARGO_SERVER", "127.0.0.1:3306"), "`HOST:PORT` of the gateway (ARGO_SERVER)")
	f.StringVarP(&q.user, "user", "u", envOr("ARGO_USER", "demo"), "`NAME` of the user (ARGO_USER)")
	f.StringVar(&q.password, "password", "", "`REF` to the password: env:NAME, file:PATH, aws-sm:NAME")
	f.StringVarP(&q.database, "database", "d", "", "current database `NAME`")
	f.StringVarP(&q.config, "config", "c", "", "run in this process on the configuration `FILE`")
	f.StringVarP(&q.output, "output", "o", "table", "table, csv, json or parquet")
	f.StringVarP(&q.file, "file", "f", "", "write to `FILE` instead of standard output")
	f.IntVar(&q.maxRows, "max-rows", 0, "stop after `N` rows; 0: all")
	f.BoolVar(&q.explainFetch, "explain-fetch", false, "print what the statement would take from its sources, without running it")
	c.MarkFlagsMutuallyExclusive("config", "server")
	return c
}

func envOr(name, otherwise string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return otherwise
}

func (q *queryFlags) run(ctx context.Context, stdout io.Writer, text string) (err error) {
	newSink, ok := sinks[q.output]
	if !ok {
		return fault.New(fault.Invalid, "there is no output called %q", q.output).WithHint("--output table, csv, json or parquet")
	}
	if q.output == "parquet" && q.file == "" {
		return fault.New(fault.Invalid, "Parquet is not for a terminal").WithHint("--output parquet --file FILE")
	}
	cfg, done, err := q.target(ctx)
	if err != nil {
		return err
	}
	defer done()

	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		return err
	}
	db := sql.OpenDB(connector)
	defer db.Close()
	stop := spinner("waiting for the answer")
	conn, err := db.Conn(ctx)
	if err != nil {
		stop()
		return q.explain(err)
	}
	defer conn.Close()
	start := time.Now()
	rows, err := conn.QueryContext(ctx, text)
	if err != nil {
		stop()
		return q.explain(err)
	}
	defer rows.Close()
	if q.file == "" {
		stop() // the rows themselves show that it goes on
	}
	defer stop()

	out := stdout
	var file *os.File
	if q.file != "" {
		if file, err = os.Create(q.file); err != nil {
			return err
		}
		defer func() {
			err = errors.Join(err, file.Close())
			if err != nil { // half a file is worse than none
				os.Remove(q.file)
			}
		}()
		out = file
	}
	for first := true; ; first = false {
		columns, err := rows.ColumnTypes()
		if err != nil {
			return err
		}
		if len(columns) > 0 {
			if !first && q.output == "parquet" {
				return fault.New(fault.Unsupported, "the statement gives more than one result; one Parquet file holds one")
			}
			s, err := newSink(out, columns)
			if err != nil {
				return err
			}
			n, err := copyRows(ctx, rows, len(columns), q.maxRows, s)
			if err != nil {
				return q.explain(err)
			}
			stop()
			if q.output == "table" || file != nil {
				fmt.Fprintf(os.Stderr, "%s in %.3f s\n", plural(int(n), "row"), time.Since(start).Seconds())
			}
		}
		if !rows.NextResultSet() {
			break
		}
	}
	if err := rows.Err(); err != nil {
		return q.explain(err)
	}
	rows.Close()
	return printWarnings(ctx, conn)
}

// copyRows hands every row to s and closes it; on an error s is not closed,
// so that a format with an end (JSON, Parquet) stays visibly unfinished.
func copyRows(ctx context.Context, rows *sql.Rows, width, limit int, s sink) (n int64, err error) {
	cells := make([]sql.RawBytes, width)
	into := make([]any, width)
	for i := range cells {
		into[i] = &cells[i]
	}
	for rows.Next() {
		if limit > 0 && n >= int64(limit) {
			break
		}
		if err := rows.Scan(into...); err != nil {
			return n, err
		}
		if err := s.row(cells); err != nil {
			return n, err
		}
		n++
	}
	if err := errors.Join(rows.Err(), ctx.Err()); err != nil {
		return n, err
	}
	return n, s.end()
}

func printWarnings(ctx context.Context, conn *sql.Conn) error {
	rows, err := conn.QueryContext(ctx, "SHOW WARNINGS")
	if err != nil {
		return nil // an old server: the answer is printed all the same
	}
	defer rows.Close()
	for rows.Next() {
		var level, message string
		var code int
		if err := rows.Scan(&level, &code, &message); err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "%s %d: %s\n", strings.ToLower(level), code, message)
	}
	return rows.Err()
}

// target says how to connect; for --config it starts a gateway inside this
// process that only this process can reach.
func (q *queryFlags) target(ctx context.Context) (cfg *mysql.Config, done func(), err error) {
	cfg = mysql.NewConfig()
	cfg.Net, cfg.Addr, cfg.User, cfg.DBName = "tcp", q.server, q.user, q.database
	cfg.TLSConfig = "preferred"
	cfg.AllowCleartextPasswords = false
	cfg.MultiStatements = false
	cfg.Logger = &mysql.NopLogger{}
	if q.config == "" {
		cfg.Passwd, err = q.readPassword(ctx)
		return cfg, func() {}, err
	}
	c, err := configs.Load(q.config)
	if err != nil {
		return nil, nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	c.Listen = l.Addr().String()
	c.Log.Level = "error"
	guest := server.User{Name: "query", Host: "127.0.0.1", Password: rand.Text(), Act: true}
	a, err := assemble(ctx, c, l, logger(c.Log), realClock(), guest)
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = a.serve(ctx)
	}()
	cfg.Addr, cfg.User, cfg.Passwd, cfg.TLSConfig = l.Addr().String(), guest.Name, guest.Password, "skip-verify"
	return cfg, func() { cancel(); <-ended; a.close() }, nil
}

func (q *queryFlags) readPassword(ctx context.Context) (string, error) {
	switch {
	case q.password != "":
		return configs.Secret(ctx, q.password)
	case os.Getenv("ARGO_PASSWORD") != "":
		return os.Getenv("ARGO_PASSWORD"), nil
	case q.user == demoUser:
		return demoPassword, nil // published, and valid on a demo only
	case term.IsTerminal(int(os.Stdin.Fd())):
		fmt.Fprintf(os.Stderr, "password of %s: ", q.user)
		b, err := term.ReadPassword(int(os.Stdin.Fd()))
		fmt.Fprintln(os.Stderr)
		return string(b), err
	}
	return "", fault.New(fault.Invalid, "no password for %s", q.user).WithHint("export ARGO_PASSWORD=…, or --password file:PATH")
}

// explain gives a person the server's sentence without the driver's prefix.
func (q *queryFlags) explain(err error) error {
	var me *mysql.MySQLError
	if errors.As(err, &me) {
		return fmt.Errorf("%s (MySQL error %d)", me.Message, me.Number)
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return fault.New(fault.Unavailable, "no gateway answers on %s", q.server).
			WithHint("argo demo or argo serve starts one; --server HOST:PORT asks another; --config FILE needs none")
	}
	return err
}
