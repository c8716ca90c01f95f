// Command argo is the whole of Argo in one program: the gateway, its checks
// and its client. It builds everything and knows nothing that another package
// could know.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"argo/server/engine"
	"argo/tables/fault"

	"github.com/spf13/cobra"
)

// version is set by the linker (Makefile).
var version = "dev"

// errReported ends the program with status 1 after its cause was printed.
var errReported = errors.New("reported")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	go func() { // a second Ctrl-C ends the program at once
		<-ctx.Done()
		stop()
	}()
	err := root().ExecuteContext(ctx)
	stop()
	if err == nil {
		return
	}
	if !errors.Is(err, errReported) {
		printError(err)
	}
	os.Exit(1)
}

// printError writes what happened and, on a line of its own, what to do.
func printError(err error) {
	f := fault.As(err)
	if f == nil || f.Hint == "" {
		fmt.Fprintf(os.Stderr, "argo: %v\n", err)
		return
	}
	bare := *f
	bare.Hint = ""
	fmt.Fprintf(os.Stderr, "argo: %v\n      %s\n", &bare, f.Hint)
}

func root() *cobra.Command {
	c := &cobra.Command{
		Use:   "argo",
		Short: "Every ad channel, tracker and lake file as MySQL tables",
		Long: `Argo speaks the MySQL protocol. Each connected channel, tracker and lake is a
database of tables that are fetched and cached on demand; what can be done to a
campaign is a stored procedure.

  argo demo                      a simulated agency, nothing to configure
  argo check --config argo.yaml  what works, what does not, and what to do
  argo serve --config argo.yaml  the gateway
  argo query 'SELECT 1'          ask a running gateway
  argo fetch DATABASE.TABLE      have it fetch history into its cache
  argo simulate google_ads       a vendor's API to try things on
  argo audit verify --dir DIR    whether the ledger of changes is what was written

Tables, columns with their units, cache segments, statements and changes are
themselves tables, in the database argo.`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	c.CompletionOptions.HiddenDefaultCmd = true
	c.AddCommand(demoCommand(), serveCommand(), checkCommand(), queryCommand(), fetchCommand(), sourcesCommand(), auditCommand(), simulateCommand(), benchCommand(), versionCommand())
	return c
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		Run: func(c *cobra.Command, _ []string) {
			fmt.Fprintf(c.OutOrStdout(), "argo %s (speaks MySQL %s)\n", version, engine.DefaultVersion)
		},
	}
}
