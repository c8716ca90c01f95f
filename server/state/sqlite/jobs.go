package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"time"

	"argo/cache"
)

// jobs implements cache.Jobs.
type jobs DB

// endedJobs is how many jobs that have ended are kept.
const endedJobs = 1000

const jobColumns = `id, kind, source, tbl, account, day_from, day_to, options, state, cells, done, calls, rows, error, actor,
	created_at, started_at, updated_at, ended_at, owner, until`

func scanJob(scan func(...any) error) (j cache.Job, err error) {
	var created, started, updated, ended, until int64
	err = scan(&j.ID, &j.Kind, &j.Source, &j.Table, &j.Account, &j.Days.From, &j.Days.To, &j.Options, &j.State, &j.Cells, &j.Done,
		&j.Calls, &j.Rows, &j.Error, &j.By, &created, &started, &updated, &ended, &j.Owner, &until)
	j.CreatedAt, j.StartedAt, j.UpdatedAt, j.EndedAt, j.Until = moment(created), moment(started), moment(updated), moment(ended), moment(until)
	return j, err
}

func (l *jobs) Add(ctx context.Context, j cache.Job) error {
	return (*DB)(l).write(ctx, l.durable, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO jobs (`+jobColumns+`) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING`,
			j.ID, j.Kind, j.Source, j.Table, j.Account, string(j.Days.From), string(j.Days.To), j.Options, j.State, j.Cells, j.Done,
			j.Calls, j.Rows, j.Error, j.By, micros(j.CreatedAt), micros(j.StartedAt), micros(j.UpdatedAt), micros(j.EndedAt), j.Owner, micros(j.Until))
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `DELETE FROM jobs WHERE id IN (SELECT id FROM jobs WHERE ended_at <> 0 ORDER BY ended_at DESC, id DESC LIMIT -1 OFFSET ?)`, endedJobs)
		return err
	})
}

func (l *jobs) Take(ctx context.Context, owner string, now, until time.Time, kinds ...string) (*cache.Job, error) {
	const open = ` FROM jobs WHERE ended_at = 0 AND (state = ?1 OR state = ?2 AND until <= ?3) AND (?4 = '' OR instr(?4, ' ' || kind || ' ') > 0) ORDER BY id LIMIT 1`
	list := ""
	if len(kinds) > 0 {
		list = " " + strings.Join(kinds, " ") + " "
	}
	args := []any{cache.Queued, cache.Running, micros(now), list}
	// To look does not need the lock, and there is seldom one.
	there := false
	err := (*DB)(l).view(ctx, func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1`+open+`)`, args...).Scan(&there)
	})
	if err != nil || !there {
		return nil, err
	}
	var taken *cache.Job
	err = (*DB)(l).write(ctx, l.relaxed, func(tx *sql.Tx) error {
		j, err := scanJob(tx.QueryRowContext(ctx, `SELECT `+jobColumns+open, args...).Scan)
		if errors.Is(err, sql.ErrNoRows) {
			return nil // another process was faster
		}
		if err != nil {
			return err
		}
		j.State, j.Owner, j.Until, j.UpdatedAt = cache.Running, owner, moment(micros(until)), moment(micros(now))
		if j.StartedAt.IsZero() {
			j.StartedAt = j.UpdatedAt
		}
		taken = &j
		_, err = tx.ExecContext(ctx, `UPDATE jobs SET state = ?, owner = ?, until = ?, updated_at = ?, started_at = ? WHERE id = ?`,
			j.State, j.Owner, micros(j.Until), micros(j.UpdatedAt), micros(j.StartedAt), j.ID)
		return err
	})
	if err != nil {
		return nil, err
	}
	return taken, nil
}

func (l *jobs) Save(ctx context.Context, owner string, j cache.Job) error {
	return (*DB)(l).write(ctx, l.relaxed, func(tx *sql.Tx) error {
		r, err := tx.ExecContext(ctx, `UPDATE jobs SET state = ?, cells = ?, done = ?, calls = ?, rows = ?, error = ?, updated_at = ?, ended_at = ?, owner = ?, until = ?
			WHERE id = ? AND owner = ? AND ended_at = 0`,
			j.State, j.Cells, j.Done, j.Calls, j.Rows, j.Error, micros(j.UpdatedAt), micros(j.EndedAt), j.Owner, micros(j.Until), j.ID, owner)
		if err != nil {
			return err
		}
		if n, err := r.RowsAffected(); err != nil {
			return err
		} else if n == 0 {
			return cache.ErrClaimLost
		}
		return nil
	})
}

func (l *jobs) Cancel(ctx context.Context, id string, at time.Time) (ok bool, err error) {
	err = (*DB)(l).write(ctx, l.durable, func(tx *sql.Tx) error {
		r, err := tx.ExecContext(ctx, `UPDATE jobs SET state = ?, updated_at = ?, ended_at = ?, until = 0 WHERE id = ? AND ended_at = 0`,
			cache.Cancelled, micros(at), micros(at), id)
		if err != nil {
			return err
		}
		n, err := r.RowsAffected()
		ok = n > 0
		return err
	})
	return ok, err
}

func (l *jobs) List(ctx context.Context) (out []cache.Job, err error) {
	err = (*DB)(l).view(ctx, func(tx *sql.Tx) error {
		return each(ctx, tx, func(r *sql.Rows) error {
			j, err := scanJob(r.Scan)
			out = append(out, j)
			return err
		}, `SELECT `+jobColumns+` FROM jobs ORDER BY id DESC`)
	})
	return out, err
}

func (l *jobs) Habits(ctx context.Context) (out []cache.Habit, err error) {
	err = (*DB)(l).view(ctx, func(tx *sql.Tx) error {
		return each(ctx, tx, func(r *sql.Rows) error {
			var h cache.Habit
			var at int64
			err := r.Scan(&h.Key, &at, &h.Text)
			h.At = moment(at)
			out = append(out, h)
			return err
		}, `SELECT key, at, habit FROM habits ORDER BY at DESC`)
	})
	return out, err
}

func (l *jobs) SaveHabits(ctx context.Context, changed []cache.Habit, before time.Time) error {
	return (*DB)(l).write(ctx, l.relaxed, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM habits WHERE at < ?`, micros(before)); err != nil {
			return err
		}
		for h := range slices.Values(changed) {
			if _, err := tx.ExecContext(ctx, `INSERT INTO habits (key, at, habit) VALUES (?,?,?)
				ON CONFLICT DO UPDATE SET at = excluded.at, habit = excluded.habit`, h.Key, micros(h.At), h.Text); err != nil {
				return err
			}
		}
		return nil
	})
}
