package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"argo/automation"
	"argo/tables/fault"
)

// book implements automation.Book.
type book DB

const (
	policyColumns  = `id, version, kind, scope_kind, scope, params, set_by, set_at, dropped_at`
	verdictColumns = `run, change, stage, guardrail, kind, decision, sentence, after, until, quorum, expires, at`
)

func (b *book) policies(ctx context.Context, tx *sql.Tx, tail string, args ...any) (out []automation.Policy, err error) {
	err = each(ctx, tx, func(r *sql.Rows) error {
		var p automation.Policy
		var set, dropped int64
		if err := r.Scan(&p.ID, &p.Version, &p.Kind, &p.ScopeKind, &p.Scope, &p.Params, &p.SetBy, &set, &dropped); err != nil {
			return err
		}
		p.SetAt, p.DroppedAt = moment(set), moment(dropped)
		out = append(out, p)
		return nil
	}, `SELECT `+policyColumns+` FROM policies `+tail, args...)
	return out, err
}

func (b *book) Policies(ctx context.Context, dropped bool) (out []automation.Policy, err error) {
	tail := `WHERE dropped_at = 0 `
	if dropped {
		tail = ``
	}
	err = (*DB)(b).view(ctx, func(tx *sql.Tx) error {
		out, err = b.policies(ctx, tx, tail+`ORDER BY kind, scope_kind, scope, id, version`)
		return err
	})
	return out, err
}

func (b *book) SetPolicy(ctx context.Context, p automation.Policy) (automation.Policy, error) {
	p.Version, p.DroppedAt = 1, time.Time{}
	p.SetAt = p.SetAt.UTC().Truncate(time.Microsecond)
	err := (*DB)(b).write(ctx, b.durable, func(tx *sql.Tx) error {
		old, err := b.policies(ctx, tx, `WHERE id = ? ORDER BY version DESC LIMIT 1`, p.ID)
		if err != nil {
			return err
		}
		if len(old) > 0 {
			if !old[0].DroppedAt.IsZero() || old[0].Kind != p.Kind {
				return fault.New(fault.Conflict, "there is no %s %s in force", p.Kind, p.ID)
			}
			p.Version = old[0].Version + 1
			if _, err := tx.ExecContext(ctx, `UPDATE policies SET dropped_at = ? WHERE id = ? AND dropped_at = 0`, micros(p.SetAt), p.ID); err != nil {
				return err
			}
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO policies (`+policyColumns+`) VALUES (?,?,?,?,?,?,?,?,0)`,
			p.ID, p.Version, p.Kind, p.ScopeKind, p.Scope, p.Params, p.SetBy, micros(p.SetAt)); err != nil {
			return err
		}
		return (*ledger)(b).chain(ctx, tx, p.Event())
	})
	if err != nil {
		return automation.Policy{}, err
	}
	return p, nil
}

func (b *book) DropPolicy(ctx context.Context, id, by string, at time.Time) (p automation.Policy, err error) {
	err = (*DB)(b).write(ctx, b.durable, func(tx *sql.Tx) error {
		list, err := b.policies(ctx, tx, `WHERE id = ? AND dropped_at = 0`, id)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			return fault.New(fault.NotFound, "there is no guardrail %s in force", id).WithHint("SELECT guardrail_id, kind, scope FROM argo.guardrails")
		}
		p = list[0]
		p.DroppedAt = at.UTC().Truncate(time.Microsecond)
		if _, err := tx.ExecContext(ctx, `UPDATE policies SET dropped_at = ? WHERE id = ? AND dropped_at = 0`, micros(p.DroppedAt), id); err != nil {
			return err
		}
		e := p.Event()
		e.Actor = by
		return (*ledger)(b).chain(ctx, tx, e)
	})
	return p, err
}

func (b *book) Past(ctx context.Context, source string, since time.Time) (out []automation.Past, err error) {
	err = (*DB)(b).view(ctx, func(tx *sql.Tx) error {
		return each(ctx, tx, func(r *sql.Rows) error {
			var p automation.Past
			p.Source = source
			run, c, err := change(func(to ...any) error { return r.Scan(append(to, &p.Action, &p.By, &p.UndoOf)...) })
			if err != nil {
				return err
			}
			p.Run, p.RunChange = run, c
			out = append(out, p)
			return nil
		}, `SELECT run, c.id, account, target, entity, field, before, after, unit, remark, c.state, attempts, read_back, note, fence, at, action, actor, undo_of
			FROM changes c JOIN runs r ON r.id = c.run WHERE c.source = ? AND at >= ? AND attempts > 0 ORDER BY at, c.id`, source, micros(since))
	})
	return out, err
}

func (b *book) Record(ctx context.Context, run string, verdicts []automation.Verdict) error {
	return (*DB)(b).write(ctx, b.durable, func(tx *sql.Tx) error {
		for _, v := range verdicts {
			if _, err := tx.ExecContext(ctx, `INSERT INTO verdicts (`+verdictColumns+`) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)`,
				run, v.Change, v.Stage, v.Guardrail, v.Kind, string(v.Decision), v.Sentence, v.After, micros(v.Until), v.Quorum, int64(v.Expires), micros(v.At)); err != nil {
				return err
			}
		}
		return nil
	})
}

func (b *book) Verdicts(ctx context.Context, run string) (out []automation.Verdict, err error) {
	err = (*DB)(b).view(ctx, func(tx *sql.Tx) error {
		return each(ctx, tx, func(r *sql.Rows) error {
			var v automation.Verdict
			var of string
			var until, expires, at int64
			if err := r.Scan(&of, &v.Change, &v.Stage, &v.Guardrail, &v.Kind, &v.Decision, &v.Sentence, &v.After, &until, &v.Quorum, &expires, &at); err != nil {
				return err
			}
			v.Until, v.Expires, v.At = moment(until), time.Duration(expires), moment(at)
			out = append(out, v)
			return nil
		}, `SELECT `+verdictColumns+` FROM verdicts WHERE run = ? ORDER BY n`, run)
	})
	return out, err
}

func (b *book) Ask(ctx context.Context, a automation.Approval) error {
	return (*DB)(b).write(ctx, b.durable, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO approvals (run, quorum, expires, asked_by, asked_at) VALUES (?,?,?,?,?) ON CONFLICT DO NOTHING`,
			a.Run, a.Quorum, micros(a.Expires), a.AskedBy, micros(a.AskedAt))
		return err
	})
}

func (b *book) approval(ctx context.Context, tx *sql.Tx, run string) (a automation.Approval, found bool, err error) {
	var expires, asked int64
	a.Run = run
	err = tx.QueryRowContext(ctx, `SELECT quorum, expires, asked_by, asked_at FROM approvals WHERE run = ?`, run).Scan(&a.Quorum, &expires, &a.AskedBy, &asked)
	if errors.Is(err, sql.ErrNoRows) {
		return a, false, nil
	}
	if err != nil {
		return a, false, err
	}
	a.Expires, a.AskedAt = moment(expires), moment(asked)
	err = each(ctx, tx, func(r *sql.Rows) error {
		var v automation.Vote
		var at int64
		if err := r.Scan(&v.By, &v.Yes, &v.Comment, &at); err != nil {
			return err
		}
		v.At = moment(at)
		a.Votes = append(a.Votes, v)
		return nil
	}, `SELECT voter, yes, comment, at FROM votes WHERE run = ? ORDER BY at, voter`, run)
	return a, true, err
}

func (b *book) Approval(ctx context.Context, run string) (a automation.Approval, found bool, err error) {
	err = (*DB)(b).view(ctx, func(tx *sql.Tx) error {
		a, found, err = b.approval(ctx, tx, run)
		return err
	})
	return a, found, err
}

func (b *book) Vote(ctx context.Context, run string, v automation.Vote) (a automation.Approval, err error) {
	err = (*DB)(b).write(ctx, b.durable, func(tx *sql.Tx) error {
		old, found, err := b.approval(ctx, tx, run)
		if err != nil {
			return err
		}
		if !found {
			return fault.New(fault.NotFound, "nothing was asked about run %s", run)
		}
		if err := old.Admit(v); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO votes (run, voter, yes, comment, at) VALUES (?,?,?,?,?)`, run, v.By, v.Yes, v.Comment, micros(v.At)); err != nil {
			return err
		}
		if err := (*ledger)(b).chain(ctx, tx, v.Event(run)); err != nil {
			return err
		}
		a, _, err = b.approval(ctx, tx, run)
		return err
	})
	if err != nil {
		return automation.Approval{}, err
	}
	return a, nil
}
