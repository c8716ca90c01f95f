package sqlite

import (
	"context"
	"database/sql"
	"strings"
	"time"

	"argo/tables"
)

// statements that the log keeps.
const statements = 10_000

// StatementLog keeps the newest 10,000 statements. It is safe for concurrent
// use.
type StatementLog struct {
	db   *DB
	keep int64
}

// Add appends a statement and lets the oldest go. It waits for no disk.
func (l *StatementLog) Add(ctx context.Context, s tables.Statement) error {
	return l.db.write(ctx, l.db.relaxed, func(tx *sql.Tx) error {
		r, err := tx.ExecContext(ctx, `INSERT INTO statements (id, at, user, db, text, touched, millis, rows, calls, rows_fetched, bytes,
			cells_cached, cells_missed, oldest, warnings, code, error, as_of) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)`,
			s.ID, micros(s.At), s.User, s.Database, s.Text, strings.Join(s.Tables, "\n"), s.Elapsed.Milliseconds(), s.Rows,
			s.Cost.Calls, s.Cost.RowsFetched, s.Cost.Bytes, s.Cost.CellsCached, s.Cost.CellsMissed, micros(s.Cost.Oldest),
			s.Warnings, s.Code, s.Error, micros(s.AsOf))
		if err != nil {
			return err
		}
		n, err := r.LastInsertId()
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `DELETE FROM statements WHERE n <= ?`, n-l.keep)
		return err
	})
}

// Recent lists the newest first, at most limit (0: all).
func (l *StatementLog) Recent(ctx context.Context, limit int) (out []tables.Statement, err error) {
	if limit <= 0 {
		limit = -1
	}
	err = l.db.view(ctx, func(tx *sql.Tx) error {
		return each(ctx, tx, func(r *sql.Rows) error {
			var s tables.Statement
			var millis int64
			var names string
			var at, oldest, asOf int64
			if err := r.Scan(&s.ID, &at, &s.User, &s.Database, &s.Text, &names, &millis, &s.Rows, &s.Cost.Calls, &s.Cost.RowsFetched,
				&s.Cost.Bytes, &s.Cost.CellsCached, &s.Cost.CellsMissed, &oldest, &s.Warnings, &s.Code, &s.Error, &asOf); err != nil {
				return err
			}
			s.At, s.Cost.Oldest, s.AsOf, s.Elapsed = moment(at), moment(oldest), moment(asOf), time.Duration(millis)*time.Millisecond
			if names != "" {
				s.Tables = strings.Split(names, "\n")
			}
			out = append(out, s)
			return nil
		}, `SELECT id, at, user, db, text, touched, millis, rows, calls, rows_fetched, bytes, cells_cached, cells_missed, oldest, warnings, code, error, as_of
			FROM statements ORDER BY n DESC LIMIT ?`, limit)
	})
	return out, err
}
