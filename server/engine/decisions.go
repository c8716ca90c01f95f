package engine

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"strings"
	"time"

	"argo/automation"
	"argo/automation/guardrails"
	"argo/tables"
	"argo/tables/fault"

	"github.com/oklog/ulid/v2"
)

// Decider is what people decide about runs; *automation.Runner is one.
type Decider interface {
	Approve(ctx context.Context, id string, v automation.Vote, actions automation.Actions) (automation.Run, error)
	Cancel(ctx context.Context, id, by string) (automation.Run, error)
	Undo(ctx context.Context, id, by string, o automation.Options, actions automation.Actions) (automation.Run, error)
}

var runColumns = []tables.Column{
	{Name: "run_id", Type: tables.Ident, NotNull: true, Doc: "Id in argo.runs"},
	{Name: "state", Type: tables.Ident, NotNull: true},
	{Name: "account", Type: tables.Ident},
	{Name: "entity", Type: tables.Varchar},
	{Name: "field", Type: tables.Ident},
	{Name: "before", Type: tables.LongText},
	{Name: "after", Type: tables.LongText},
	{Name: "unit", Type: tables.Ident},
	{Name: "note", Type: tables.LongText},
}

func runRows(run automation.Run, err error) ([]tables.Row, error) {
	if err != nil {
		return nil, err
	}
	var rows []tables.Row
	for _, c := range run.Changes {
		note := strings.Trim(c.Change.Note+"; "+c.Note, "; ")
		rows = append(rows, tables.Row{run.ID, string(c.State), c.Account, c.Entity, c.Field, c.Before, c.After, c.Unit, note})
	}
	return rows, nil
}

var policyColumns = []tables.Column{
	{Name: "guardrail_id", Type: tables.Ident, NotNull: true, Doc: "Id in argo.guardrails"},
	{Name: "version", Type: tables.BigInt, NotNull: true},
	{Name: "kind", Type: tables.Ident, NotNull: true},
	{Name: "scope_kind", Type: tables.Ident, NotNull: true},
	{Name: "scope", Type: tables.Varchar},
	{Name: "params", Type: tables.Document},
}

func policyRow(p automation.Policy, err error) ([]tables.Row, error) {
	if err != nil {
		return nil, err
	}
	var scope any
	if p.Scope != "" {
		scope = p.Scope
	}
	return []tables.Row{{p.ID, int64(p.Version), p.Kind, p.ScopeKind, scope, p.Params}}, nil
}

// Decisions are the databases actions and automation, which have procedures: what
// people decide about runs, and the guardrails that runs have to keep to. Whose
// run a user may not read, that one is not there for him.
func Decisions(d Decider, ledger automation.Ledger, book automation.Book, actions automation.Actions, now func() time.Time) []Database {
	id := automation.Param{Name: "run_id", Type: tables.Ident, Doc: "its id in argo.runs"}
	comment := automation.Param{Name: "comment", Type: tables.LongText, Doc: "why, for the record"}
	str := func(args automation.Args, name string) string { s, _ := args[name].(string); return s }
	// on calls f with the run's id where the user may see it.
	on := func(f func(ctx context.Context, c Caller, id string, args automation.Args) (automation.Run, error)) func(context.Context, Caller, automation.Args) ([]tables.Row, error) {
		return func(ctx context.Context, c Caller, args automation.Args) ([]tables.Row, error) {
			run, err := ledger.Run(ctx, str(args, "run_id"))
			if err == nil && !MayRead(ctx, run.Source) || fault.Is(err, fault.NotFound) {
				err = fault.New(fault.NotFound, "there is no run %q", str(args, "run_id")).WithHint("SELECT run_id, action, state FROM argo.runs")
			}
			if err != nil {
				return nil, err
			}
			return runRows(f(ctx, c, run.ID, args))
		}
	}
	vote := func(yes bool) func(context.Context, Caller, string, automation.Args) (automation.Run, error) {
		return func(ctx context.Context, c Caller, id string, args automation.Args) (automation.Run, error) {
			return d.Approve(ctx, id, automation.Vote{By: c.By, Yes: yes, Comment: str(args, "comment")}, actions)
		}
	}
	set := func(ctx context.Context, p automation.Policy) (automation.Policy, error) {
		if p.SetAt = now(); p.ID == "" {
			p.ID = ulid.MustNew(ulid.Timestamp(p.SetAt), rand.Reader).String()
		}
		if err := guardrails.Check(p); err != nil {
			return p, err
		}
		return book.SetPolicy(ctx, p)
	}
	scopes := []automation.Param{
		{Name: "scope_kind", Type: tables.Ident, Doc: strings.Join(guardrails.Scopes, ", ")},
		{Name: "scope", Type: tables.Varchar, Doc: "which: 'google_ads', '1000000101'; NULL of global"},
	}
	// visible says whether the user may touch what is about a connection.
	visible := func(ctx context.Context, p automation.Policy) error {
		if p.ScopeKind == "channel" && !MayRead(ctx, p.Scope) {
			return fault.New(fault.Invalid, "there is no connection %q", p.Scope).WithHint("SELECT connection_name FROM argo.connections")
		}
		return nil
	}
	decide := []Procedure{
		{Name: "approve", Doc: "Approve a run that waits for it; with the last vote that it needs it is planned again and sent", Approve: true, Changes: true,
			Params: []automation.Param{id, comment}, Optional: 1, Columns: runColumns, Run: on(vote(true))},
		{Name: "reject", Doc: "End a run that waits for approval", Approve: true,
			Params: []automation.Param{id, comment}, Optional: 1, Columns: runColumns, Run: on(vote(false))},
		{Name: "cancel", Doc: "Give up what of a run waits: for approval, for its time, or for a guardrail", Act: true, Approve: true,
			Params: []automation.Param{id}, Columns: runColumns,
			Run: on(func(ctx context.Context, c Caller, id string, _ automation.Args) (automation.Run, error) {
				return d.Cancel(ctx, id, c.By)
			})},
		{Name: "undo", Doc: "Take back what a run has done, unless somebody has changed it since", Act: true, Changes: true,
			Params:   []automation.Param{id, {Name: optionsParameter, Type: tables.LongText, Doc: "JSON, as every action takes it"}},
			Optional: 1, Columns: runColumns,
			Run: on(func(ctx context.Context, c Caller, id string, args automation.Args) (automation.Run, error) {
				o, err := automation.ParseOptions(str(args, optionsParameter))
				if err != nil {
					return automation.Run{}, err
				}
				return d.Undo(ctx, id, c.By, o, actions)
			})},
	}
	govern := []Procedure{
		{Name: "set_guardrail", Doc: "Set a guardrail, or with the id of one its next version: it holds for people and rules alike, from now on", Approve: true,
			Params: append([]automation.Param{{Name: "kind", Type: tables.Ident, Doc: "one of argo.guardrail_kinds"}}, append(scopes[:2:2],
				automation.Param{Name: "params", Type: tables.LongText, Doc: "JSON; what is left out has its default"},
				automation.Param{Name: "guardrail_id", Type: tables.Ident, Doc: "of the one that is set anew"})...),
			Optional: 2, Columns: policyColumns,
			Run: func(ctx context.Context, c Caller, args automation.Args) ([]tables.Row, error) {
				p := automation.Policy{ID: str(args, "guardrail_id"), Kind: str(args, "kind"), ScopeKind: str(args, "scope_kind"), Scope: str(args, "scope"),
					Params: strings.TrimSpace(str(args, "params")), SetBy: c.By}
				if p.Params == "" {
					p.Params = "{}"
				}
				if err := visible(ctx, p); err != nil {
					return nil, err
				}
				return policyRow(set(ctx, p))
			}},
		{Name: "drop_guardrail", Doc: "End a guardrail", Approve: true,
			Params: []automation.Param{{Name: "guardrail_id", Type: tables.Ident, Doc: "its id in argo.guardrails"}}, Columns: policyColumns,
			Run: func(ctx context.Context, c Caller, args automation.Args) ([]tables.Row, error) {
				policies, err := book.Policies(ctx, false)
				if err != nil {
					return nil, err
				}
				for _, p := range policies {
					if p.ID == str(args, "guardrail_id") && visible(ctx, p) == nil {
						return policyRow(book.DropPolicy(ctx, p.ID, c.By, now()))
					}
				}
				return nil, fault.New(fault.NotFound, "there is no guardrail %q in force", str(args, "guardrail_id")).
					WithHint("SELECT guardrail_id, kind, scope FROM argo.guardrails WHERE dropped_at IS NULL")
			}},
		{Name: "hold", Doc: "The kill switch: hold every change of a scope, of people and rules, until it is released", Act: true, Approve: true,
			Params: append(scopes[:2:2],
				automation.Param{Name: "reason", Type: tables.LongText, Doc: "why, shown to whoever is held"},
				automation.Param{Name: "until", Type: tables.Varchar, Doc: "moment with its zone, 2026-11-22T18:00:00+09:00; NULL: until it is released"}),
			Optional: 2, Columns: policyColumns,
			Run: func(ctx context.Context, c Caller, args automation.Args) ([]tables.Row, error) {
				params, err := json.Marshal(map[string]any{"reason": str(args, "reason"), "until": str(args, "until")})
				if err != nil {
					return nil, err
				}
				p := automation.Policy{Kind: "kill_switch", ScopeKind: str(args, "scope_kind"), Scope: str(args, "scope"), Params: string(params), SetBy: c.By}
				if err := visible(ctx, p); err != nil {
					return nil, err
				}
				return policyRow(set(ctx, p))
			}},
		{Name: "release", Doc: "Release the kill switches of a scope: what they held goes on", Approve: true,
			Params: scopes, Optional: 1, Columns: policyColumns,
			Run: func(ctx context.Context, c Caller, args automation.Args) (rows []tables.Row, err error) {
				policies, err := book.Policies(ctx, false)
				if err != nil {
					return nil, err
				}
				for _, p := range policies {
					if p.Kind != "kill_switch" || p.ScopeKind != str(args, "scope_kind") || p.Scope != str(args, "scope") {
						continue
					}
					more, err := policyRow(book.DropPolicy(ctx, p.ID, c.By, now()))
					if err != nil {
						return nil, err
					}
					rows = append(rows, more...)
				}
				if len(rows) == 0 {
					return nil, fault.New(fault.NotFound, "no kill switch of that scope is on").
						WithHint("SELECT scope_kind, scope FROM argo.guardrails WHERE kind = 'kill_switch' AND dropped_at IS NULL")
				}
				return rows, nil
			}},
	}
	return []Database{
		{Name: ActionsDatabase, Doc: "What people decide about runs", Procedures: decide},
		{Name: AutomationDatabase, Doc: "What runs have to keep to", Procedures: govern},
	}
}
