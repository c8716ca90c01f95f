package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"argo/tables"
)

const (
	// calls that the log keeps.
	calls = 200_000
	// flushAfter is how long a call waits for others before it is written.
	flushAfter = 200 * time.Millisecond
	// unwritten calls that are kept in memory while the file cannot be written;
	// beyond it the oldest are lost.
	unwritten = 20_000
)

// CallLog keeps the newest 200,000 calls to sources. It is safe for concurrent
// use.
type CallLog struct {
	db   *DB
	keep int64
	most int // that wait

	mu      sync.Mutex
	waiting []tables.Call
	lost    int64
	writing sync.Mutex // one flush at a time, so that they stay in order
	ticking bool
	closed  bool
	wg      sync.WaitGroup
	stop    chan struct{}
}

// Record remembers a call. It never waits: calls are written together, a fifth
// of a second later at most and when the file is closed.
func (l *CallLog) Record(c tables.Call) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	if len(l.waiting) >= l.most {
		l.waiting = l.waiting[1:]
		l.lost++
	}
	l.waiting = append(l.waiting, c)
	if l.ticking {
		return
	}
	l.ticking = true
	l.wg.Go(func() {
		t := time.NewTimer(flushAfter)
		defer t.Stop()
		select {
		case <-t.C:
		case <-l.stop:
		}
		l.mu.Lock()
		l.ticking = false
		l.mu.Unlock()
		// What cannot be written now is tried again with the next call.
		_ = l.flush(context.Background())
	})
}

// flush writes what waits.
func (l *CallLog) flush(ctx context.Context) error {
	l.writing.Lock()
	defer l.writing.Unlock()
	l.mu.Lock()
	batch, lost := l.waiting, l.lost
	l.waiting, l.lost = nil, 0
	l.mu.Unlock()
	if len(batch) == 0 {
		return nil
	}
	rows := batch
	if lost > 0 {
		rows = slices.Insert(slices.Clone(batch), 0, tables.Call{At: batch[0].At, Connection: batch[0].Connection, Outcome: "lost",
			Message: fmt.Sprintf("%d calls before this one were not recorded: the state file could not be written", lost)})
	}
	err := l.db.write(ctx, l.db.relaxed, func(tx *sql.Tx) error {
		insert, err := tx.PrepareContext(ctx, `INSERT INTO calls (at, connection, tbl, account, day_from, day_to, purpose, method, endpoint, scopes,
			units, attempt, status, outcome, message, rows, bytes, micros, statement) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)`)
		if err != nil {
			return err
		}
		defer insert.Close()
		var n int64
		for _, c := range rows {
			r, err := insert.ExecContext(ctx, micros(c.At), c.Connection, c.Table, c.Account, string(c.Days.From), string(c.Days.To), string(c.Purpose),
				c.Method, c.Endpoint, strings.Join(c.Scopes, "\n"), c.Units, c.Attempt, c.Status, c.Outcome, c.Message, c.Rows, c.Bytes,
				c.Elapsed.Microseconds(), c.Statement)
			if err != nil {
				return err
			}
			if n, err = r.LastInsertId(); err != nil {
				return err
			}
		}
		_, err = tx.ExecContext(ctx, `DELETE FROM calls WHERE n <= ?`, n-l.keep)
		return err
	})
	if err != nil {
		l.mu.Lock()
		l.waiting, l.lost = append(batch, l.waiting...), l.lost+lost
		if over := len(l.waiting) - l.most; over > 0 {
			l.waiting = l.waiting[over:]
			l.lost += int64(over)
		}
		l.mu.Unlock()
	}
	return err
}

func (l *CallLog) close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil
	}
	l.closed = true
	l.mu.Unlock()
	close(l.stop)
	l.wg.Wait()
	return l.flush(context.Background())
}

// Recent streams the calls that began in [from, to], the newest first; a zero
// time is no bound. The calls of this process are all in it.
func (l *CallLog) Recent(ctx context.Context, from, to time.Time) iter.Seq2[tables.Call, error] {
	return func(yield func(tables.Call, error) bool) {
		if err := l.flush(ctx); err != nil {
			yield(tables.Call{}, err)
			return
		}
		last := int64(1<<63 - 1)
		if !to.IsZero() {
			last = micros(to)
		}
		stop := false
		err := l.db.view(ctx, func(tx *sql.Tx) error {
			rows, err := tx.QueryContext(ctx, `SELECT at, connection, tbl, account, day_from, day_to, purpose, method, endpoint, scopes, units, attempt,
				status, outcome, message, rows, bytes, micros, statement FROM calls WHERE at BETWEEN ? AND ? ORDER BY at DESC, n DESC`, micros(from), last)
			if err != nil {
				return err
			}
			defer rows.Close()
			for rows.Next() {
				var c tables.Call
				var at, elapsed int64
				var scopes string
				if err := rows.Scan(&at, &c.Connection, &c.Table, &c.Account, &c.Days.From, &c.Days.To, &c.Purpose, &c.Method, &c.Endpoint, &scopes,
					&c.Units, &c.Attempt, &c.Status, &c.Outcome, &c.Message, &c.Rows, &c.Bytes, &elapsed, &c.Statement); err != nil {
					return err
				}
				c.At, c.Elapsed = moment(at), time.Duration(elapsed)*time.Microsecond
				if scopes != "" {
					c.Scopes = strings.Split(scopes, "\n")
				}
				if !yield(c, nil) {
					stop = true
					return nil
				}
			}
			return rows.Err()
		})
		if err != nil && !stop {
			yield(tables.Call{}, err)
		}
	}
}
