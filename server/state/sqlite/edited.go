package sqlite

import (
	"context"
	"database/sql"
	"maps"
	"slices"
)

// Edited keeps rows of tables that people change: documents by table and key.
// It is safe for concurrent use.
type Edited DB

// Rows gives the rows of a table in the order of their keys.
func (e *Edited) Rows(ctx context.Context, table string) (out [][]byte, err error) {
	err = (*DB)(e).view(ctx, func(tx *sql.Tx) error {
		return each(ctx, tx, func(r *sql.Rows) error {
			var row []byte
			if err := r.Scan(&row); err != nil {
				return err
			}
			out = append(out, row)
			return nil
		}, `SELECT row FROM edited WHERE tbl = ? ORDER BY key`, table)
	})
	return out, err
}

// Edit takes rows away and keeps others: all of it, on disk when it returns, or
// nothing.
func (e *Edited) Edit(ctx context.Context, table string, gone []string, come map[string][]byte) error {
	return (*DB)(e).write(ctx, e.durable, func(tx *sql.Tx) error {
		for _, key := range gone {
			if _, err := tx.ExecContext(ctx, `DELETE FROM edited WHERE tbl = ? AND key = ?`, table, key); err != nil {
				return err
			}
		}
		for _, key := range slices.Sorted(maps.Keys(come)) {
			if _, err := tx.ExecContext(ctx, `INSERT INTO edited (tbl, key, row) VALUES (?,?,?) ON CONFLICT DO UPDATE SET row = excluded.row`, table, key, come[key]); err != nil {
				return err
			}
		}
		return nil
	})
}
