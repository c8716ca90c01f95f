package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"argo/tables/fault"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"
)

// trial is a program that shows, over a whole gateway in simulated time, that
// a promise of the cache or the fetch plane holds. What it measures against it
// computes by itself: the truth from the world that the vendor draws from, the
// fewest calls from the questions. It shares no code with what it judges.
type trial struct {
	name, doc string
	run       func(ctx context.Context, b *bench) error
}

var trials = []trial{
	{"freshness", "an hourly dashboard over months: settled days are true, provisional ones as young as promised, for a fraction of the calls", freshness},
	{"cover", "overlapping questions, one after another, fifty at once, from two processes: each cell is fetched once", cover},
	{"quota", "a day of two processes, people, actions and a backlog that never ends, killed in the middle: no limit exceeded, none left unused", quota},
	{"price", "EXPLAIN FETCH says beforehand what a statement costs: predicted calls are the calls made", price},
	{"restart", "gigabytes of cache: the first answer after a start, the hit ratio, and a second node on the same bucket", restart},
	{"faults", "vendors that fail in every way, kill -9 at any moment: no wrong row, no lost day, no coverage without data, AS OF gives what it gave", faults},
}

// bench is one run of a trial: its flags and its figures.
type bench struct {
	seed    uint64
	short   bool
	days    int    // of simulated time, or 0: the trial's own
	queries int    // or 0
	mib     int    // of cache, or 0
	s3      string // URL of an S3 server, or "": one in this process
	keep    bool
	dir     string // empty at the start
	log     *slog.Logger
	out     io.Writer

	figures table.Writer
	failed  []string
}

// figure is a line of the outcome.
func (b *bench) figure(what string, format string, args ...any) {
	b.figures.AppendRow(table.Row{what, fmt.Sprintf(format, args...)})
}

// section parts the figures.
func (b *bench) section(title string) {
	b.figures.AppendSeparator()
	b.figures.AppendRow(table.Row{strings.ToUpper(title)})
}

// demand notes what does not hold; the program then fails at its end. Of the
// same kind of failure the first few are told.
func (b *bench) demand(ok bool, format string, args ...any) {
	if !ok {
		b.failed = append(b.failed, fmt.Sprintf(format, args...))
	}
}

// atMost is a figure with a bound.
func (b *bench) atMost(what string, got, bound float64) {
	b.figure(what, "%.3f (at most %.2f)", got, bound)
	b.demand(got <= bound, "%s: %.3f is more than %.2f", what, got, bound)
}

// say tells a person who waits how far it is.
func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
}

// until divides a long and a short form of a trial.
func pick[T any](b *bench, long, short T) T {
	if b.short {
		return short
	}
	return long
}

// errFailed says that a trial ran and its promise does not hold.
var errFailed = fmt.Errorf("%w: the promise does not hold", errReported)

// shownFailures is how many sentences the last line has.
const shownFailures = 4

// conduct runs a trial in a folder of its own and prints its outcome.
func (b *bench) conduct(ctx context.Context, t trial) (err error) {
	if b.dir == "" {
		if b.dir, err = os.MkdirTemp("", "argo-bench-"); err != nil {
			return err
		}
		if !b.keep {
			defer os.RemoveAll(b.dir)
		}
	}
	if b.log == nil {
		file, err := os.OpenFile(filepath.Join(b.dir, "argo.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		defer file.Close()
		b.log = slog.New(slog.NewTextHandler(file, &slog.HandlerOptions{Level: slog.LevelWarn}))
	}
	b.figures = table.NewWriter()
	b.figures.SetOutputMirror(b.out)
	b.figures.SetStyle(table.StyleLight)
	b.figures.Style().Format.Header = 0
	fmt.Fprintf(b.out, "argo bench %s --seed %d: %s\n", t.name, b.seed, t.doc)
	began := time.Now()
	err = t.run(ctx, b)
	b.section("all of it")
	b.figure("elapsed", "%.1f s", time.Since(began).Seconds())
	if b.keep {
		b.figure("folder", "%s", b.dir)
	}
	b.figures.Render()
	if err != nil {
		b.failed = append(b.failed, err.Error())
	}
	if len(b.failed) == 0 {
		fmt.Fprintln(b.out, "pass")
		return nil
	}
	shown := b.failed[:min(len(b.failed), shownFailures)]
	more := ""
	if n := len(b.failed) - len(shown); n > 0 {
		more = fmt.Sprintf("; and %d more", n)
	}
	fmt.Fprintf(b.out, "FAIL: %s%s\n", strings.Join(shown, "; "), more)
	return errFailed
}

func benchCommand() *cobra.Command {
	var b bench
	names := make([]string, len(trials))
	about := &strings.Builder{}
	for i, t := range trials {
		names[i] = t.name
		fmt.Fprintf(about, "  %-10s %s\n", t.name, t.doc)
	}
	c := &cobra.Command{
		Use:   "bench NAME",
		Short: "Show that the cache keeps its promises, in simulated time",
		Long: `Run a program that shows whether a promise of the cache and of the fetch plane
holds: a whole gateway, or two, before simulated vendors, in simulated time. It
prints its figures and, as the last line, pass or what does not hold; the exit
status says the same. Nothing leaves this machine.

` + about.String(),
		Example:   "  argo bench freshness\n  argo bench cover --seed 7 --short",
		Args:      cobra.ExactArgs(1),
		ValidArgs: names,
		RunE: func(c *cobra.Command, args []string) error {
			for _, t := range trials {
				if t.name == args[0] {
					b.out = c.OutOrStdout()
					return b.conduct(c.Context(), t)
				}
			}
			return fault.New(fault.Invalid, "there is no program called %q", args[0]).WithHint("argo bench %s", strings.Join(names, "|"))
		},
	}
	f := c.Flags()
	f.Uint64Var(&b.seed, "seed", 1, "`N` of the simulated world and of the questions")
	f.BoolVar(&b.short, "short", false, "a smaller form, for seconds instead of minutes")
	f.IntVar(&b.days, "days", 0, "simulated `DAYS`; 0: the program's own")
	f.IntVar(&b.queries, "queries", 0, "`N` questions; 0: the program's own")
	f.IntVar(&b.mib, "mib", 0, "`MIB` of cache for restart; 0: 5120")
	f.StringVar(&b.s3, "s3", "", "`URL` of an S3 server for restart; default: one in this process")
	f.BoolVar(&b.keep, "keep", false, "keep the folder")
	f.StringVar(&b.dir, "dir", "", "use `DIR`, which must be empty, and keep it")
	c.AddCommand(benchNodeCommand(), benchCrewCommand())
	return c
}
