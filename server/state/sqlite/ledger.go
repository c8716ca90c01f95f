package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"argo/automation"
	"argo/tables/fault"
)

// ledger implements automation.Ledger.
type ledger DB

const (
	runColumns    = `id, source, action, args, actor, reason, key, undo_of, not_before, expires, state, created_at, ended_at`
	changeColumns = `run, id, account, target, entity, field, before, after, unit, remark, state, attempts, read_back, note, fence, at`
)

// runs gives the runs that a tail of a SELECT picks, with their changes.
func (l *ledger) runs(ctx context.Context, tx *sql.Tx, tail string, args ...any) (out []automation.Run, err error) {
	at := map[string]int{}
	err = each(ctx, tx, func(r *sql.Rows) error {
		var v automation.Run
		var created, ended, before, expires int64
		if err := r.Scan(&v.ID, &v.Source, &v.Action, &v.Args, &v.By, &v.Reason, &v.Key, &v.UndoOf, &before, &expires, &v.State, &created, &ended); err != nil {
			return err
		}
		v.CreatedAt, v.EndedAt, v.NotBefore, v.Expires = moment(created), moment(ended), moment(before), moment(expires)
		at[v.ID] = len(out)
		out = append(out, v)
		return nil
	}, `SELECT `+runColumns+` FROM runs `+tail, args...)
	if err != nil {
		return nil, err
	}
	err = each(ctx, tx, func(r *sql.Rows) error {
		run, c, err := change(r.Scan)
		if err == nil {
			v := &out[at[run]]
			v.Changes = append(v.Changes, c)
		}
		return err
	}, `SELECT `+changeColumns+` FROM changes WHERE run IN (SELECT id FROM runs `+tail+`) ORDER BY run, n`, args...)
	return out, err
}

func change(scan func(...any) error) (run string, c automation.RunChange, err error) {
	var at int64
	err = scan(&run, &c.ID, &c.Account, &c.Target, &c.Entity, &c.Field, &c.Before, &c.After, &c.Unit, &c.Change.Note,
		&c.State, &c.Attempts, &c.ReadBack, &c.Note, &c.Fence, &at)
	c.At = moment(at)
	return run, c, err
}

// one gives the run that where picks; false where there is none.
func (l *ledger) one(ctx context.Context, tx *sql.Tx, where, arg string) (automation.Run, bool, error) {
	runs, err := l.runs(ctx, tx, where, arg)
	if err != nil || len(runs) == 0 {
		return automation.Run{}, false, err
	}
	return runs[0], true, nil
}

func (l *ledger) Insert(ctx context.Context, r automation.Run) (stored automation.Run, inserted bool, err error) {
	r = automation.Entry(r)
	err = (*DB)(l).write(ctx, l.durable, func(tx *sql.Tx) error {
		if r.Key != "" {
			old, found, err := l.one(ctx, tx, `WHERE key = ?`, r.Key)
			if err != nil || found {
				stored = old
				return err
			}
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO runs (`+runColumns+`) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)`,
			r.ID, r.Source, r.Action, r.Args, r.By, r.Reason, r.Key, r.UndoOf, micros(r.NotBefore), micros(r.Expires), string(r.State), micros(r.CreatedAt), micros(r.EndedAt)); err != nil {
			return err
		}
		for n, c := range r.Changes {
			if _, err := tx.ExecContext(ctx, `INSERT INTO changes (`+changeColumns+`, n, source) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)`,
				r.ID, c.ID, c.Account, c.Target, c.Entity, c.Field, c.Before, c.After, c.Unit, c.Change.Note,
				string(c.State), c.Attempts, c.ReadBack, c.Note, c.Fence, micros(c.At), n, r.Source); err != nil {
				return err
			}
		}
		stored, inserted = r, true
		return l.chain(ctx, tx, automation.Opening(r)...)
	})
	if err != nil {
		return automation.Run{}, false, err
	}
	return stored, inserted, nil
}

// chain appends events, each with the hash of the one before it. The write
// lock keeps another process from appending between.
func (l *ledger) chain(ctx context.Context, tx *sql.Tx, events ...automation.Event) error {
	var seq int64
	var hash string
	err := tx.QueryRowContext(ctx, `SELECT seq, hash FROM events ORDER BY seq DESC LIMIT 1`).Scan(&seq, &hash)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	for _, e := range events {
		seq++
		e.Seq, e.PrevHash = seq, hash
		hash = e.Sum()
		if _, err := tx.ExecContext(ctx, `INSERT INTO events (seq, run, change, from_state, to_state, at, actor, note, digest, prev_hash, hash)
			VALUES (?,?,?,?,?,?,?,?,?,?,?)`, e.Seq, e.Run, e.Change, string(e.From), string(e.To), micros(e.At), e.Actor, e.Note, e.Digest, e.PrevHash, hash); err != nil {
			return err
		}
	}
	return nil
}

func (l *ledger) Advance(ctx context.Context, run string, c automation.RunChange, to automation.State, note, readBack, actor string) (now automation.RunChange, err error) {
	err = (*DB)(l).write(ctx, l.durable, func(tx *sql.Tx) error {
		_, old, err := change(tx.QueryRowContext(ctx, `SELECT `+changeColumns+` FROM changes WHERE run = ? AND id = ?`, run, c.ID).Scan)
		if errors.Is(err, sql.ErrNoRows) {
			return fault.New(fault.NotFound, "the run %s has no change %s", run, c.ID)
		}
		if err != nil {
			return err
		}
		if old.State != c.State || old.Fence != c.Fence {
			return fault.New(fault.Conflict, "the change of %s in run %s is %s now", old.Entity, run, old.State)
		}
		if !automation.Allowed(old.State, to) {
			return fault.New(fault.Internal, "a change that is %s cannot become %s", old.State, to)
		}
		if to == automation.Executing {
			var other string
			err := tx.QueryRowContext(ctx, `SELECT run FROM changes WHERE state IN ('executing', 'unknown', 'succeeded')
				AND source = (SELECT source FROM runs WHERE id = ?) AND account = ? AND target = ? AND field = ?`,
				run, old.Account, old.Target, old.Field).Scan(&other)
			if err == nil {
				return fault.New(fault.Conflict, "run %s is changing %s of %s", other, old.Field, old.Entity)
			}
			if !errors.Is(err, sql.ErrNoRows) {
				return err
			}
		}
		now = automation.Step(old, c, to, note, readBack)
		if _, err := tx.ExecContext(ctx, `UPDATE changes SET state = ?, attempts = ?, read_back = ?, note = ?, fence = ?, at = ? WHERE run = ? AND id = ?`,
			string(now.State), now.Attempts, now.ReadBack, now.Note, now.Fence, micros(now.At), run, now.ID); err != nil {
			return err
		}
		r, _, err := l.one(ctx, tx, `WHERE id = ?`, run)
		if err != nil {
			return err
		}
		r = r.Follow(now.At)
		if _, err := tx.ExecContext(ctx, `UPDATE runs SET state = ?, ended_at = ? WHERE id = ?`, string(r.State), micros(r.EndedAt), run); err != nil {
			return err
		}
		return l.chain(ctx, tx, automation.Event{Run: run, Change: now.ID, From: old.State, To: to, At: now.At, Actor: actor, Note: note})
	})
	if err != nil {
		return automation.RunChange{}, err
	}
	return now, nil
}

func (l *ledger) Run(ctx context.Context, id string) (r automation.Run, err error) {
	err = (*DB)(l).view(ctx, func(tx *sql.Tx) error {
		var found bool
		if r, found, err = l.one(ctx, tx, `WHERE id = ?`, id); err == nil && !found {
			err = fault.New(fault.NotFound, "there is no run %s", id).WithHint("SELECT id, action, state FROM argo.runs")
		}
		return err
	})
	return r, err
}

func (l *ledger) ByKey(ctx context.Context, key string) (r automation.Run, found bool, err error) {
	if key == "" {
		return r, false, nil
	}
	err = (*DB)(l).view(ctx, func(tx *sql.Tx) error {
		r, found, err = l.one(ctx, tx, `WHERE key = ?`, key)
		return err
	})
	return r, found, err
}

func (l *ledger) Runs(ctx context.Context, open bool, limit int) (out []automation.Run, err error) {
	tail := ``
	if open {
		tail = `WHERE ended_at = 0 `
	}
	if limit <= 0 {
		limit = -1
	}
	err = (*DB)(l).view(ctx, func(tx *sql.Tx) error {
		out, err = l.runs(ctx, tx, tail+`ORDER BY created_at DESC, id DESC LIMIT ?`, limit)
		return err
	})
	return out, err
}

func (l *ledger) Events(ctx context.Context, run string) (out []automation.Event, err error) {
	err = (*DB)(l).view(ctx, func(tx *sql.Tx) error {
		out, err = l.events(ctx, tx, run)
		return err
	})
	return out, err
}

func (l *ledger) events(ctx context.Context, tx *sql.Tx, run string) (out []automation.Event, err error) {
	query := `SELECT seq, run, change, from_state, to_state, at, actor, note, digest, prev_hash, hash FROM events `
	var args []any
	if run != "" {
		query, args = query+`WHERE run = ? `, []any{run}
	}
	err = each(ctx, tx, func(r *sql.Rows) error {
		var e automation.Event
		var at int64
		if err := r.Scan(&e.Seq, &e.Run, &e.Change, &e.From, &e.To, &at, &e.Actor, &e.Note, &e.Digest, &e.PrevHash, &e.Hash); err != nil {
			return err
		}
		e.At = moment(at)
		out = append(out, e)
		return nil
	}, query+`ORDER BY seq`, args...)
	return out, err
}

// Audit gives all events and all runs of one moment.
func (db *DB) Audit(ctx context.Context) (events []automation.Event, runs []automation.Run, err error) {
	l := (*ledger)(db)
	err = db.view(ctx, func(tx *sql.Tx) error {
		if events, err = l.events(ctx, tx, ""); err == nil {
			runs, err = l.runs(ctx, tx, `ORDER BY created_at, id`)
		}
		return err
	})
	return events, runs, err
}

func (l *ledger) Lease(ctx context.Context, key, owner string, now, until time.Time) (holder string, err error) {
	err = (*DB)(l).write(ctx, l.durable, func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, `INSERT INTO leases (key, owner, until) VALUES (?1, ?2, ?3)
			ON CONFLICT DO UPDATE SET
			  owner = CASE WHEN owner = ?2 OR until <= ?4 THEN ?2 ELSE owner END,
			  until = CASE WHEN owner = ?2 OR until <= ?4 THEN ?3 ELSE until END
			RETURNING owner`, key, owner, micros(until), micros(now)).Scan(&holder)
	})
	return holder, err
}

func (l *ledger) Release(ctx context.Context, key, owner string) error {
	return (*DB)(l).write(ctx, l.durable, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM leases WHERE key = ? AND owner = ?`, key, owner)
		return err
	})
}
