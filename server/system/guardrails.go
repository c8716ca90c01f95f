package system

import (
	"context"
	"fmt"
	"strings"
	"time"

	"argo/automation"
	"argo/automation/guardrails"
	"argo/tables"
)

func (o Options) guardrails() tables.Table {
	type T = automation.Policy
	return sheet("guardrails", "What changes have to keep to, whoever asks for them: every version that was ever set; CALL automation.set_guardrail sets one", []string{"guardrail_id", "version"},
		each(func(ctx context.Context) (out []T, err error) {
			if o.Book == nil {
				return nil, nil
			}
			all, err := o.Book.Policies(ctx, true)
			for _, p := range all {
				if p.ScopeKind != "channel" || o.MayRead(ctx, p.Scope) {
					out = append(out, p)
				}
			}
			return out, err
		}),
		column[T]{"guardrail_id", tables.Ident, "Id, the same for all versions", func(p T) any { return p.ID }},
		column[T]{"version", tables.BigInt, "Number of the version", func(p T) any { return int64(p.Version) }},
		column[T]{"kind", tables.Ident, "One of argo.guardrail_kinds", func(p T) any { return p.Kind }},
		column[T]{"scope_kind", tables.Ident, "What it is about: " + strings.Join(guardrails.Scopes, ", "), func(p T) any { return p.ScopeKind }},
		column[T]{"scope", tables.Varchar, "Which of that kind; NULL of global", func(p T) any { return words(p.Scope) }},
		column[T]{"params", tables.Document, "Its parameters; what is left out has its default", func(p T) any { return words(p.Params) }},
		column[T]{"set_by", tables.Varchar, "Who set it", func(p T) any { return p.SetBy }},
		column[T]{"set_at", tables.Timestamp, "From when on it holds (UTC)", func(p T) any { return moment(p.SetAt) }},
		column[T]{"dropped_at", tables.Timestamp, "Until when it held (UTC); NULL: in force", func(p T) any { return moment(p.DroppedAt) }},
	)
}

func (o Options) kinds() tables.Table {
	type T = guardrails.Kind
	return sheet("guardrail_kinds", "The kinds of guardrails that can be set", []string{"kind"},
		each(func(context.Context) ([]T, error) { return guardrails.Kinds(), nil }),
		column[T]{"kind", tables.Ident, "Name of the kind", func(k T) any { return k.Name }},
		column[T]{"doc", tables.LongText, "What it does", func(k T) any { return k.Doc }},
		column[T]{"params", tables.Document, "Its parameters with their defaults", func(k T) any { return k.Sample }},
	)
}

func (o Options) verdicts() tables.Table {
	type T struct {
		run automation.Run
		automation.Verdict
	}
	return sheet("verdicts", "What every guardrail said about every change, with its sentence", nil,
		each(func(ctx context.Context) (out []T, err error) {
			if o.Book == nil {
				return nil, nil
			}
			runs, err := o.visibleRuns(ctx)
			for _, r := range runs {
				said, err := o.Book.Verdicts(ctx, r.ID)
				if err != nil {
					return nil, err
				}
				for _, v := range said {
					out = append(out, T{r, v})
				}
			}
			return out, err
		}),
		column[T]{"run_id", tables.Ident, "The run", func(v T) any { return v.run.ID }},
		column[T]{"change_id", tables.Ident, "The change", func(v T) any { return words(v.Change) }},
		column[T]{"database_name", tables.Ident, "Name of the connection", func(v T) any { return v.run.Source }},
		column[T]{"stage", tables.Ident, "plan, or send: again, on facts read anew", func(v T) any { return v.Stage }},
		column[T]{"guardrail_id", tables.Ident, "The guardrail", func(v T) any { return v.Guardrail }},
		column[T]{"kind", tables.Ident, "Its kind", func(v T) any { return v.Kind }},
		column[T]{"decision", tables.Ident, "allow, clamp, approve, hold or deny", func(v T) any { return string(v.Decision) }},
		column[T]{"sentence", tables.LongText, "Why", func(v T) any { return v.Sentence }},
		column[T]{"limited_to", tables.LongText, "Of clamp: the value that is allowed", func(v T) any { return words(v.After) }},
		column[T]{"at", tables.Timestamp, "When (UTC)", func(v T) any { return moment(v.At) }},
	)
}

// waiting is a change that waits.
type waiting struct {
	run automation.Run
	automation.RunChange
	asked automation.Approval
}

func (w waiting) expires() time.Time {
	if at := w.asked.Expires; w.State == automation.Awaiting && (w.run.Expires.IsZero() || at.Before(w.run.Expires)) {
		return at
	}
	return w.run.Expires
}

func (o Options) pending() tables.Table {
	type T = waiting
	return sheet("pending_actions", "Changes that wait: for approval, for their time, or for a guardrail; CALL actions.approve, actions.reject, actions.cancel", nil,
		each(func(ctx context.Context) (out []T, err error) {
			if o.Ledger == nil {
				return nil, nil
			}
			runs, err := o.Ledger.Runs(ctx, true, 0)
			for _, r := range runs {
				if !o.MayRead(ctx, r.Source) {
					continue
				}
				var asked automation.Approval
				if o.Book != nil {
					if asked, _, err = o.Book.Approval(ctx, r.ID); err != nil {
						return nil, err
					}
				}
				for _, c := range r.Changes {
					if c.State.Waits() {
						out = append(out, T{r, c, asked})
					}
				}
			}
			return out, err
		}),
		column[T]{"run_id", tables.Ident, "The run", func(c T) any { return c.run.ID }},
		column[T]{"database_name", tables.Ident, "Name of the connection", func(c T) any { return c.run.Source }},
		column[T]{"action", tables.Ident, "The procedure", func(c T) any { return c.run.Action }},
		column[T]{"state", tables.Ident, "awaiting approval, approved (for its time), or held", func(c T) any { return string(c.State) }},
		column[T]{"account", tables.Ident, "Account that would be changed", func(c T) any { return words(c.Account) }},
		column[T]{"entity", tables.Varchar, "What would be changed", func(c T) any { return words(c.Entity) }},
		column[T]{"field", tables.Ident, "The field", func(c T) any { return words(c.Field) }},
		column[T]{"before", tables.LongText, "Value before", func(c T) any { return words(c.Before) }},
		column[T]{"after", tables.LongText, "Value wanted", func(c T) any { return words(c.After) }},
		column[T]{"unit", tables.Ident, "Currency of the values", func(c T) any { return words(c.Unit) }},
		column[T]{"why", tables.LongText, "What it waits for", func(c T) any { return words(c.RunChange.Note) }},
		column[T]{"by_whom", tables.Varchar, "Who asked", func(c T) any { return c.run.By }},
		column[T]{"reason", tables.LongText, "Why, as given in the options", func(c T) any { return words(c.run.Reason) }},
		column[T]{"votes", tables.Varchar, "Who has approved so far, of how many", func(c T) any {
			if c.asked.Quorum == 0 {
				return nil
			}
			var names []string
			for _, v := range c.asked.Votes {
				if v.Yes {
					names = append(names, v.By)
				}
			}
			return strings.TrimSpace(fmt.Sprintf("%d of %d %s", len(names), c.asked.Quorum, strings.Join(names, ", ")))
		}},
		column[T]{"not_before", tables.Timestamp, "Nothing is sent earlier (UTC)", func(c T) any { return moment(c.run.NotBefore) }},
		column[T]{"expires_at", tables.Timestamp, "When it is given up (UTC)", func(c T) any { return moment(c.expires()) }},
		column[T]{"created_at", tables.Timestamp, "When it was asked for (UTC)", func(c T) any { return moment(c.run.CreatedAt) }},
	)
}
