package automation

import (
	"context"
	"log/slog"
	"time"
)

// Options document of a CALL.
type Options struct {
	DryRun bool
	Reason string
	Key    string
	Expect map[string]string
	Wait   time.Duration
}

// ParseOptions decodes the options document strictly.
func ParseOptions(document string) (Options, error) { return Options{}, nil }

// RunnerOptions of a Runner.
type RunnerOptions struct {
	Ledger     Ledger
	Now        func() time.Time
	Sleep      func(ctx context.Context, d time.Duration) error
	Log        *slog.Logger
	Guardrails []Guardrail
	// Forget drops what is cached of tables of an account.
	Forget func(ctx context.Context, source, account string, tables []string) error
}

// Request of an action.
type Request struct {
	Source  string // name of the connection
	Action  Action
	Args    Args
	Options Options
	By      string
}

// Runner takes actions down the road.
type Runner struct{ o RunnerOptions }

// NewRunner makes a runner.
func NewRunner(o RunnerOptions) *Runner { return &Runner{o} }

// Do plans, judges, records, applies and reads back.
func (r *Runner) Do(ctx context.Context, q Request) (Run, error) { return Run{}, nil }

// Recover finishes what an earlier process left open.
func (r *Runner) Recover(ctx context.Context, actions func(source, name string) (Action, bool)) error {
	return nil
}

// Close waits for what runs in the background.
func (r *Runner) Close(ctx context.Context) error { return nil }
