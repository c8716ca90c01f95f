package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"argo/automation"
	"argo/server/state/sqlite"
	"argo/tables/fault"

	"github.com/spf13/cobra"
)

func auditCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "audit",
		Short: "Check the ledger of changes",
		Args:  cobra.NoArgs,
	}
	c.AddCommand(auditVerifyCommand())
	return c
}

func auditVerifyCommand() *cobra.Command {
	var dir, head string
	c := &cobra.Command{
		Use:   "verify",
		Short: "Check that the ledger is what was written",
		Long: `Check every event of the ledger in a data_dir: each carries a hash over itself
and the hash of the event before it, so that one that was altered, left out or
moved is found; and that every run intends what it did when it was recorded, and
stands where its events say.

What a chain alone cannot show is that its newest events were cut off. Keep the
hash that is printed, in another place; --head HASH demands that it is in the
chain the next time.

A gateway may run on the folder meanwhile.`,
		Example: "  argo audit verify --dir argo-data\n  argo audit verify --dir argo-data --head 2f1c…",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return auditVerify(c.Context(), c.OutOrStdout(), dir, head)
		},
	}
	c.Flags().StringVar(&dir, "dir", "", "data_dir of the gateway")
	c.Flags().StringVar(&head, "head", "", "`HASH` that an earlier check has printed")
	_ = c.MarkFlagRequired("dir")
	return c
}

func auditVerify(ctx context.Context, out io.Writer, dir, head string) error {
	path := filepath.Join(dir, "state.db")
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return fault.New(fault.Config, "%s holds no state of a gateway", dir).WithHint("--dir is the data_dir of the configuration; the demo's is DIR/data")
	} else if err != nil {
		return fault.Wrap(fault.Config, err, "the state cannot be read")
	}
	db, err := sqlite.Open(ctx, path)
	if err != nil {
		return err
	}
	defer db.Close()
	events, runs, err := db.Audit(ctx)
	if err != nil {
		return err
	}
	if err := automation.VerifyChain(events, runs...); err != nil {
		return fault.New(fault.Broken, "the ledger is not what was written: %v", err).
			WithHint("keep a copy of %s; changes may be read back from the channels' own change logs", path)
	}
	last := automation.Event{}
	if len(events) > 0 {
		last = events[len(events)-1]
		if events[0].Seq != 1 {
			return fault.New(fault.Broken, "the ledger begins with event %d: the ones before it are gone", events[0].Seq)
		}
	}
	found := head == ""
	for _, e := range events {
		found = found || e.Hash == head
	}
	if !found {
		return fault.New(fault.Broken, "no event has the hash %s: the ledger was cut off, or it is another one", head)
	}
	fmt.Fprintf(out, "ok: %d runs, %d events", len(runs), len(events))
	if len(events) > 0 {
		fmt.Fprintf(out, ", the newest of %s UTC\nhead %s", last.At.UTC().Format(time.DateTime), last.Hash)
	}
	fmt.Fprintln(out)
	return nil
}
