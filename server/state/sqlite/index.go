package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"argo/cache"
	"argo/tables"
)

// index implements cache.Index.
type index DB

const segmentColumns = `id, source, tbl, account, day_from, day_to, columns, fetched_at, rows, bytes, used_at, epoch`

func (x *index) segments(ctx context.Context, tx *sql.Tx, where string, args ...any) (out []cache.Segment, err error) {
	err = each(ctx, tx, func(r *sql.Rows) error {
		var s cache.Segment
		var columns string
		var fetched, used int64
		if err := r.Scan(&s.ID, &s.Source, &s.Table, &s.Account, &s.Days.From, &s.Days.To, &columns, &fetched, &s.Rows, &s.Bytes, &used, &s.Epoch); err != nil {
			return err
		}
		s.FetchedAt, s.UsedAt = moment(fetched), moment(used)
		out = append(out, s)
		return json.Unmarshal([]byte(columns), &out[len(out)-1].Columns)
	}, `SELECT `+segmentColumns+` FROM segments `+where, args...)
	return out, err
}

const ofTable = `WHERE source = ? AND tbl = ? AND account = ?`

func (x *index) Segments(ctx context.Context, source, table, account string) (out []cache.Segment, err error) {
	err = (*DB)(x).view(ctx, func(tx *sql.Tx) error {
		out, err = x.segments(ctx, tx, ofTable, source, table, account)
		return err
	})
	return out, err
}

func (x *index) All(ctx context.Context) (out []cache.Segment, err error) {
	err = (*DB)(x).view(ctx, func(tx *sql.Tx) error {
		out, err = x.segments(ctx, tx, `ORDER BY id`)
		return err
	})
	return out, err
}

func (x *index) Commit(ctx context.Context, add []cache.Segment, drop []string) error {
	if len(add)+len(drop) == 0 {
		return nil
	}
	return (*DB)(x).write(ctx, x.durable, func(tx *sql.Tx) error {
		for _, s := range add {
			n, err := epoch(ctx, tx, s.Source, s.Table, s.Account)
			if err != nil {
				return err
			}
			if n != s.Epoch {
				return cache.ErrForgotten
			}
			columns, err := json.Marshal(s.Columns)
			if err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, `INSERT INTO segments (`+segmentColumns+`) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)`,
				s.ID, s.Source, s.Table, s.Account, string(s.Days.From), string(s.Days.To), string(columns),
				micros(s.FetchedAt), s.Rows, s.Bytes, micros(s.UsedAt), s.Epoch); err != nil {
				return err
			}
		}
		for _, id := range drop {
			if _, err := tx.ExecContext(ctx, `DELETE FROM segments WHERE id = ?`, id); err != nil {
				return err
			}
		}
		return nil
	})
}

func epoch(ctx context.Context, tx *sql.Tx, source, table, account string) (n int64, err error) {
	err = tx.QueryRowContext(ctx, `SELECT n FROM epochs `+ofTable, source, table, account).Scan(&n)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return n, err
}

func (x *index) Epoch(ctx context.Context, source, table, account string) (n int64, err error) {
	err = (*DB)(x).view(ctx, func(tx *sql.Tx) error {
		n, err = epoch(ctx, tx, source, table, account)
		return err
	})
	return n, err
}

func (x *index) Forget(ctx context.Context, source, table, account string) (gone []cache.Segment, err error) {
	err = (*DB)(x).write(ctx, x.durable, func(tx *sql.Tx) error {
		if gone, err = x.segments(ctx, tx, ofTable, source, table, account); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM segments `+ofTable, source, table, account); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO epochs (source, tbl, account, n) VALUES (?,?,?,1)
			ON CONFLICT DO UPDATE SET n = n + 1`, source, table, account)
		return err
	})
	if err != nil {
		return nil, err
	}
	return gone, nil
}

func (x *index) Touch(ctx context.Context, ids []string, at time.Time) error {
	return (*DB)(x).write(ctx, x.relaxed, func(tx *sql.Tx) error {
		for _, id := range ids {
			if _, err := tx.ExecContext(ctx, `UPDATE segments SET used_at = ? WHERE id = ?`, micros(at), id); err != nil {
				return err
			}
		}
		return nil
	})
}

func (x *index) Accounts(ctx context.Context, source string) (list []tables.Account, at time.Time, err error) {
	var text string
	var n int64
	err = (*DB)(x).view(ctx, func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, `SELECT list, at FROM accounts WHERE source = ?`, source).Scan(&text, &n)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return nil, time.Time{}, nil
	}
	if err != nil {
		return nil, time.Time{}, err
	}
	return list, moment(n), json.Unmarshal([]byte(text), &list)
}

func (x *index) SaveAccounts(ctx context.Context, source string, list []tables.Account, at time.Time) error {
	text, err := json.Marshal(list)
	if err != nil {
		return err
	}
	return (*DB)(x).write(ctx, x.relaxed, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO accounts (source, list, at) VALUES (?,?,?)
			ON CONFLICT DO UPDATE SET list = excluded.list, at = excluded.at`, source, string(text), micros(at))
		return err
	})
}
