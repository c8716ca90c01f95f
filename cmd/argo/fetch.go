package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"argo/cache"
	"argo/tables"
	"argo/tables/fault"

	"github.com/go-sql-driver/mysql"
	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// fetchFlags say what to fetch; of queryFlags only whom to ask counts.
type fetchFlags struct {
	queryFlags
	from, to string
	accounts []string
	columns  []string
	job      string
	detach   bool
}

func fetchCommand() *cobra.Command {
	var f fetchFlags
	c := &cobra.Command{
		Use:   "fetch DATABASE.TABLE",
		Short: "Fetch history into the cache of a running gateway",
		Long: `Have a running gateway fetch what its cache lacks of a table, the newest days
first, and show how far it is. It takes what the source's quota leaves for
history, so that nobody who asks has to wait for it; days that are cached cost
nothing. Ctrl-C leaves the job to the gateway: --job shows it again, and
CALL argo.cancel_job('ID') ends it. The exit status is 0 once it is done.

The gateway and the user are named as for argo query.`,
		Example: `  argo fetch google_ads.campaign_performance --from 2025-10-01
  argo fetch appsflyer.daily_report --from 2026-01-01 --to 2026-06-30 --account id900000001
  argo fetch --job 01KAH3V2W8Q6T0JY4N5B7C9D1E`,
		Args: func(_ *cobra.Command, args []string) error {
			if (len(args) == 1) == (f.job != "") || len(args) > 1 {
				return fault.New(fault.Invalid, "name one table, or a job that was begun before").
					WithHint("argo fetch google_ads.campaign_performance --from 2026-01-01; argo fetch --job ID")
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			table := ""
			if len(args) == 1 {
				table = args[0]
			}
			return f.run(c.Context(), c.OutOrStdout(), table)
		},
	}
	flags := c.Flags()
	flags.StringVar(&f.from, "from", "", "first `DAY`; default: where the table begins")
	flags.StringVar(&f.to, "to", "", "last `DAY`; default: today")
	flags.StringSliceVar(&f.accounts, "account", nil, "`ID` of an account, may be repeated; default: all")
	flags.StringSliceVar(&f.columns, "column", nil, "`NAME` of a column, may be repeated; default: all that go together")
	flags.StringVar(&f.job, "job", "", "show the job `ID` that was begun before")
	flags.BoolVar(&f.detach, "detach", false, "print the job's id and do not wait")
	flags.StringVar(&f.server, "server", envOr("ARGO_SERVER", "127.0.0.1:3306"), "`HOST:PORT` of the gateway (ARGO_SERVER)")
	flags.StringVarP(&f.user, "user", "u", envOr("ARGO_USER", "demo"), "`NAME` of the user (ARGO_USER)")
	flags.StringVar(&f.password, "password", "", "`REF` to the password: env:NAME, file:PATH, aws-sm:NAME")
	return c
}

func (f *fetchFlags) run(ctx context.Context, stdout io.Writer, table string) error {
	for name, day := range map[string]string{"from": f.from, "to": f.to} {
		if _, err := tables.ParseDay(day); day != "" && err != nil {
			return fault.New(fault.Invalid, "--%s: %q is not a day", name, day).WithHint("--%s 2026-01-31", name)
		}
	}
	cfg, done, err := f.target(ctx)
	if err != nil {
		return err
	}
	defer done()
	cfg.InterpolateParams = true
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		return err
	}
	db := sql.OpenDB(connector)
	defer db.Close()
	id := f.job
	if id == "" {
		if id, err = f.order(ctx, db, table); err != nil {
			return f.explain(err)
		}
	}
	if f.detach {
		fmt.Fprintln(stdout, id)
		return nil
	}
	return f.follow(ctx, db, id, stdout)
}

// order queues the job and gives its id.
func (f *fetchFlags) order(ctx context.Context, db *sql.DB, table string) (id string, err error) {
	options := map[string][]string{}
	if len(f.accounts) > 0 {
		options["accounts"] = f.accounts
	}
	if len(f.columns) > 0 {
		options["columns"] = f.columns
	}
	document, err := json.Marshal(options)
	if err != nil {
		return "", err
	}
	day := func(s string) any {
		if s == "" {
			return nil
		}
		return s
	}
	rows, err := db.QueryContext(ctx, "CALL argo.backfill(?, ?, ?, ?)", table, day(f.from), day(f.to), string(document))
	if err != nil {
		return "", err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return "", err
	}
	values := make([]any, len(columns))
	for i, name := range columns {
		values[i] = new(sql.RawBytes)
		if name == "job_id" {
			values[i] = &id
		}
	}
	if rows.Next() {
		err = rows.Scan(values...)
	}
	if err := errors.Join(err, rows.Err()); err != nil {
		return "", err
	}
	if id == "" {
		return "", fault.New(fault.Internal, "the gateway has given no job")
	}
	return id, nil
}

// progress of a job.
type progress struct {
	table, state, problem    string
	cells, done, calls, rows int64
}

// standing asks how far a job is.
func standing(ctx context.Context, db *sql.DB, id string) (p progress, err error) {
	err = db.QueryRowContext(ctx, `SELECT CONCAT(database_name, '.', table_name), state, COALESCE(error, ''), cells, cells_done, calls, rows_fetched FROM argo.jobs WHERE job_id = ?`, id).
		Scan(&p.table, &p.state, &p.problem, &p.cells, &p.done, &p.calls, &p.rows)
	if errors.Is(err, sql.ErrNoRows) {
		return p, fault.New(fault.NotFound, "there is no job %s", id).WithHint("argo query 'SELECT job_id, kind, table_name, state FROM argo.jobs'")
	}
	return p, err
}

// follow shows a job until it has ended or the person has gone.
func (f *fetchFlags) follow(ctx context.Context, db *sql.DB, id string, stdout io.Writer) error {
	start := time.Now()
	var bar *progressbar.ProgressBar
	if term.IsTerminal(int(os.Stderr.Fd())) {
		bar = progressbar.NewOptions64(-1, progressbar.OptionSetWriter(os.Stderr), progressbar.OptionSetDescription("waits for its turn"),
			progressbar.OptionShowCount(), progressbar.OptionSetItsString("cells"), progressbar.OptionSetPredictTime(true),
			progressbar.OptionClearOnFinish(), progressbar.OptionSetElapsedTime(true), progressbar.OptionThrottle(100*time.Millisecond))
	}
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		p, err := standing(ctx, db, id)
		switch {
		case ctx.Err() != nil:
			return f.leave(bar, id)
		case err != nil:
			wipe(bar)
			return f.explain(err)
		case p.state == cache.Queued, p.state == cache.Running:
			advance(bar, p)
		case p.state == cache.Done:
			wipe(bar)
			fmt.Fprintf(stdout, "%s: %s looked at, %s, %s in %.1f s\n", p.table, plural(int(p.done), "cell"), plural(int(p.calls), "call"), plural(int(p.rows), "row"), time.Since(start).Seconds())
			if p.problem != "" {
				fmt.Fprintln(os.Stderr, "warning:", p.problem)
			}
			return nil
		default:
			wipe(bar)
			if p.problem == "" {
				p.problem = "by somebody: SELECT * FROM argo.jobs WHERE job_id = '" + id + "'"
			}
			return fmt.Errorf("the job %s of %s is %s: %s", id, p.table, p.state, p.problem)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return f.leave(bar, id)
		}
	}
}

func advance(bar *progressbar.ProgressBar, p progress) {
	if bar == nil {
		return
	}
	switch {
	case p.problem != "":
		bar.Describe(clip(p.problem, max(20, terminalWidth(os.Stderr)-50)))
	case p.state == cache.Running:
		bar.Describe(fmt.Sprintf("%s, %s", p.table, plural(int(p.calls), "call")))
	}
	if p.cells > 0 {
		bar.ChangeMax64(p.cells)
	}
	_ = bar.Set64(p.done)
}

// clip cuts a text to n characters.
func clip(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}

func wipe(bar *progressbar.ProgressBar) {
	if bar != nil {
		_ = bar.Clear()
	}
}

// leave says that the job goes on.
func (f *fetchFlags) leave(bar *progressbar.ProgressBar, id string) error {
	wipe(bar)
	fmt.Fprintf(os.Stderr, "The gateway goes on with it.\n  argo fetch --job %s\n  argo query \"CALL argo.cancel_job('%s')\"\n", id, id)
	return errReported
}
