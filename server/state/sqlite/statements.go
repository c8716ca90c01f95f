package sqlite

import (
	"context"
	"database/sql"
	"time"
)

// statements that the log keeps.
const statements = 10_000

// Statement is one entry of the log, a row of argo.queries.
type Statement struct {
	ID          string // ULID
	At          time.Time
	User        string
	Client      string
	Database    string
	Text        string // without literals where they are secret: the caller's care
	Millis      int64
	Rows        int64 // given to the client
	Calls       int64 // HTTP requests sent to sources
	RowsFetched int64
	Bytes       int64
	CellsCached int64
	CellsMissed int64
	Oldest      time.Time // of the segments used; zero where none was
	Error       string
}

// StatementLog keeps the newest 10,000 statements. It is safe for concurrent
// use.
type StatementLog struct {
	db   *DB
	keep int64
}

// Add appends a statement and lets the oldest go. It waits for no disk.
func (l *StatementLog) Add(ctx context.Context, s Statement) error {
	return l.db.write(ctx, l.db.relaxed, func(tx *sql.Tx) error {
		r, err := tx.ExecContext(ctx, `INSERT INTO statements (id, at, user, client, db, text, millis, rows, calls, rows_fetched, bytes,
			cells_cached, cells_missed, oldest, error) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)`,
			s.ID, micros(s.At), s.User, s.Client, s.Database, s.Text, s.Millis, s.Rows, s.Calls, s.RowsFetched, s.Bytes,
			s.CellsCached, s.CellsMissed, micros(s.Oldest), s.Error)
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
func (l *StatementLog) Recent(ctx context.Context, limit int) (out []Statement, err error) {
	if limit <= 0 {
		limit = -1
	}
	err = l.db.view(ctx, func(tx *sql.Tx) error {
		return each(ctx, tx, func(r *sql.Rows) error {
			var s Statement
			var at, oldest int64
			if err := r.Scan(&s.ID, &at, &s.User, &s.Client, &s.Database, &s.Text, &s.Millis, &s.Rows, &s.Calls, &s.RowsFetched, &s.Bytes,
				&s.CellsCached, &s.CellsMissed, &oldest, &s.Error); err != nil {
				return err
			}
			s.At, s.Oldest = moment(at), moment(oldest)
			out = append(out, s)
			return nil
		}, `SELECT id, at, user, client, db, text, millis, rows, calls, rows_fetched, bytes, cells_cached, cells_missed, oldest, error
			FROM statements ORDER BY n DESC LIMIT ?`, limit)
	})
	return out, err
}
