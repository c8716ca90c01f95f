package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"argo/configs"
	"argo/tables/fault"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"
)

// finding is one row of argo check.
type finding struct {
	what  string // "user kim", "google_ads"
	state string // ok, wrong
	found string // what was reached, or what is wrong
	todo  string // what to do
}

func checkCommand() *cobra.Command {
	var file string
	var timeout time.Duration
	c := &cobra.Command{
		Use:   "check --config FILE",
		Short: "Say what of a configuration works, what does not, and what to do",
		Long: `Read a configuration, resolve its secrets and open every connection once. One
row is printed for each user and connection, and one for the bucket of cache.s3,
where an object is written, read and removed again and conditions of writes are
tried. The exit status is 0 where all of it works and 1 where anything does not.`,
		Example: "  argo check --config argo.yaml",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := configs.Load(file)
			if err != nil {
				return err
			}
			findings := check(c.Context(), cfg, timeout)
			printFindings(c.OutOrStdout(), findings)
			for _, f := range findings {
				if f.state != "ok" {
					return errReported
				}
			}
			return nil
		},
	}
	c.Flags().StringVarP(&file, "config", "c", "", "the configuration `FILE` (YAML)")
	c.Flags().DurationVar(&timeout, "timeout", 30*time.Second, "longest wait for one connection")
	_ = c.MarkFlagRequired("config")
	return c
}

// check tries everything at once and keeps the configuration's order.
func check(ctx context.Context, cfg *configs.Config, timeout time.Duration) []finding {
	users := make([]finding, len(cfg.Users))
	for i, u := range cfg.Users {
		_, err := configs.Secret(ctx, u.Password)
		users[i] = found("user "+u.Name, "password can be read", err)
	}
	conns := make([]finding, len(cfg.Connections))
	var bucket []finding
	if cfg.Cache.S3 != nil {
		bucket = make([]finding, 1)
	}
	stop := spinner("checking " + plural(len(conns), "connection"))
	defer stop()
	var wg sync.WaitGroup
	try := func(into *finding, name string, look func(ctx context.Context) (string, error)) {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, timeout)
			defer cancel()
			line, err := look(ctx)
			if errors.Is(err, context.DeadlineExceeded) {
				err = fault.New(fault.Timeout, "no answer within %s", timeout).
					WithHint("is the address right and reachable from here? --timeout waits longer")
			}
			*into = found(name, line, err)
		})
	}
	for i := range bucket {
		try(&bucket[i], "cache.s3", func(ctx context.Context) (string, error) { return checkBucket(ctx, cfg.Cache.S3) })
	}
	for i := range cfg.Connections {
		k := &cfg.Connections[i]
		try(&conns[i], k.Name, func(ctx context.Context) (string, error) { return checkConnection(ctx, cfg, k) })
	}
	wg.Wait()
	return slices.Concat(users, bucket, conns)
}

func checkConnection(ctx context.Context, cfg *configs.Config, k *configs.Connection) (string, error) {
	o, err := openConnection(ctx, cfg, k, nil, nil, slog.New(slog.DiscardHandler), realClock())
	if err != nil {
		return "", err
	}
	if o.conn.Close != nil {
		defer o.conn.Close()
	}
	line, err := o.conn.Check(ctx)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s; %s", line, plural(len(o.conn.Tables), "table")), nil
}

func found(what, line string, err error) finding {
	if err == nil {
		return finding{what, "ok", line, ""}
	}
	f := fault.As(err)
	if f == nil {
		return finding{what, "wrong", err.Error(), ""}
	}
	bare := *f
	bare.Hint = ""
	return finding{what, "wrong", bare.Error(), f.Hint}
}

func printFindings(w io.Writer, findings []finding) {
	t := table.NewWriter()
	t.SetOutputMirror(w)
	t.SetStyle(table.StyleLight)
	t.Style().Format.Header = 0
	t.AppendHeader(table.Row{"what", "state", "found", "what to do"})
	for _, f := range findings {
		t.AppendRow(table.Row{f.what, f.state, f.found, f.todo})
	}
	if width := terminalWidth(os.Stdout); width > 40 {
		t.SetColumnConfigs([]table.ColumnConfig{{Number: 3, WidthMax: (width - 30) / 2}, {Number: 4, WidthMax: (width - 30) / 2}})
	}
	t.Render()
}
