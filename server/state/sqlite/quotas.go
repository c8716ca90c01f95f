package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"maps"
)

// quotas implements tables.Quotas. An update waits for no disk: after a power
// failure a budget may know a little less of what was taken than it should,
// after a crash of a process it knows all of it.
type quotas DB

func (q *quotas) Update(ctx context.Context, keys []string, f func(states map[string][]byte) error) error {
	return (*DB)(q).write(ctx, q.relaxed, func(tx *sql.Tx) error {
		states := make(map[string][]byte, len(keys))
		read := tx.StmtContext(ctx, q.stateOf)
		for _, key := range keys {
			var state []byte
			if err := read.QueryRowContext(ctx, key).Scan(&state); err == nil {
				states[key] = state
			} else if !errors.Is(err, sql.ErrNoRows) {
				return err
			}
		}
		before := maps.Clone(states)
		for key, state := range before {
			before[key] = bytes.Clone(state)
		}
		if err := f(states); err != nil {
			return err
		}
		write := tx.StmtContext(ctx, q.setState)
		for key, state := range states {
			if old, ok := before[key]; ok && bytes.Equal(old, state) {
				continue
			}
			if _, err := write.ExecContext(ctx, key, state); err != nil {
				return err
			}
		}
		for key := range before {
			if _, ok := states[key]; !ok {
				if _, err := tx.ExecContext(ctx, `DELETE FROM quotas WHERE key = ?`, key); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func (q *quotas) All(ctx context.Context) (map[string][]byte, error) {
	out := map[string][]byte{}
	err := (*DB)(q).view(ctx, func(tx *sql.Tx) error {
		return each(ctx, tx, func(r *sql.Rows) error {
			var key string
			var state []byte
			err := r.Scan(&key, &state)
			out[key] = state
			return err
		}, `SELECT key, state FROM quotas`)
	})
	return out, err
}
