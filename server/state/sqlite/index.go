package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"argo/cache"
	"argo/tables"
)

// index implements cache.Index.
type index DB

const segmentColumns = `id, source, tbl, account, day_from, day_to, columns, fetched_at, known_at, retired_at, gone,
	parts, place, rows, bytes, checks, used_at, uses, epoch`

func (x *index) segments(ctx context.Context, tx *sql.Tx, where string, args ...any) (out []cache.Segment, err error) {
	err = each(ctx, tx, func(r *sql.Rows) error {
		var s cache.Segment
		var columns, parts, checks string
		var fetched, known, retired, used int64
		if err := r.Scan(&s.ID, &s.Source, &s.Table, &s.Account, &s.Days.From, &s.Days.To, &columns, &fetched, &known, &retired, &s.Gone,
			&parts, &s.Place, &s.Rows, &s.Bytes, &checks, &used, &s.Uses, &s.Epoch); err != nil {
			return err
		}
		s.FetchedAt, s.KnownAt, s.RetiredAt, s.UsedAt = moment(fetched), moment(known), moment(retired), moment(used)
		var err error
		s.Columns, err = x.lists.get(columns)
		if err := errors.Join(err, unlist(parts, &s.Parts), unlist(checks, &s.Checks)); err != nil {
			return fmt.Errorf("read segment %s: %w", s.ID, err)
		}
		out = append(out, s)
		return nil
	}, `SELECT `+segmentColumns+` FROM segments `+where, args...)
	return out, err
}

// list and unlist keep a list as JSON, an empty one as "".
func list[T any](l []T) (string, error) {
	if len(l) == 0 {
		return "", nil
	}
	text, err := json.Marshal(l)
	return string(text), err
}

func unlist[T any](text string, to *[]T) error {
	if text == "" {
		return nil
	}
	return json.Unmarshal([]byte(text), to)
}

// interned are lists of columns that were read before: the segments of a table
// have few different ones, and most of the time to read a segment is to read
// its list.
type interned struct {
	mu    sync.Mutex
	lists map[string][]string
}

func (l *interned) get(text string) (list []string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	list, ok := l.lists[text]
	if !ok {
		if err := unlist(text, &list); err != nil {
			return nil, err
		}
		if len(l.lists) >= 10_000 {
			clear(l.lists)
		}
		if l.lists == nil {
			l.lists = map[string][]string{}
		}
		l.lists[text] = list
	}
	return slices.Clip(list), nil
}

// watch remembers versions for as long as nobody has committed anything.
type watch struct {
	mu   sync.Mutex
	data int64 // PRAGMA data_version of the watching connection
	of   map[[3]string]int64
}

// Version implements cache.Versions.
func (x *index) Version(ctx context.Context, source, table, account string) (n int64, err error) {
	x.watch.mu.Lock()
	defer x.watch.mu.Unlock()
	var data int64
	if err := x.watched.QueryRowContext(ctx, `PRAGMA data_version`).Scan(&data); err != nil {
		return 0, (*DB)(x).fault(err)
	}
	if data != x.watch.data || x.watch.of == nil {
		x.watch.data, x.watch.of = data, map[[3]string]int64{}
	}
	key := [3]string{source, table, account}
	n, ok := x.watch.of[key]
	if ok {
		return n, nil
	}
	err = x.watched.QueryRowContext(ctx, `SELECT n FROM versions `+ofTable, source, table, account).Scan(&n)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, (*DB)(x).fault(err)
	}
	x.watch.of[key] = n
	return n, nil
}

const (
	ofTable = `WHERE source = ? AND tbl = ? AND account = ?`
	live    = ofTable + ` AND retired_at = 0`
)

func (x *index) Segments(ctx context.Context, source, table, account string) (out []cache.Segment, err error) {
	err = (*DB)(x).view(ctx, func(tx *sql.Tx) error {
		out, err = x.segments(ctx, tx, live, source, table, account)
		return err
	})
	return out, err
}

func (x *index) History(ctx context.Context, source, table, account string) (out []cache.Segment, err error) {
	err = (*DB)(x).view(ctx, func(tx *sql.Tx) error {
		out, err = x.segments(ctx, tx, ofTable, source, table, account)
		return err
	})
	return out, err
}

func (x *index) All(ctx context.Context) (out []cache.Segment, err error) {
	err = (*DB)(x).view(ctx, func(tx *sql.Tx) error {
		out, err = x.segments(ctx, tx, `WHERE gone = 0 ORDER BY id`)
		return err
	})
	return out, err
}

func (x *index) Commit(ctx context.Context, c cache.Change) error {
	if len(c.Add)+len(c.Retire)+len(c.Empty)+len(c.Drop)+len(c.Claims) == 0 {
		return nil
	}
	return (*DB)(x).write(ctx, x.durable, func(tx *sql.Tx) error {
		for _, id := range c.Needs {
			live := 0
			if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM segments WHERE id = ? AND retired_at = 0`, id).Scan(&live); err != nil {
				return err
			}
			if live == 0 {
				return cache.ErrForgotten
			}
		}
		for _, s := range c.Add {
			n, err := epoch(ctx, tx, s.Source, s.Table, s.Account)
			if err != nil {
				return err
			}
			if n != s.Epoch {
				return cache.ErrForgotten
			}
			if c.Last {
				var after int64
				err := tx.QueryRowContext(ctx, `SELECT max(coalesce(max(known_at), 0), coalesce(max(retired_at), 0)) FROM segments `+ofTable,
					s.Source, s.Table, s.Account).Scan(&after)
				if err != nil {
					return err
				}
				if after >= micros(c.At) {
					return &cache.LateError{After: moment(after)}
				}
			}
			columns, err1 := list(s.Columns)
			parts, err2 := list(s.Parts)
			checks, err3 := list(s.Checks)
			if err := errors.Join(err1, err2, err3); err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, `INSERT INTO segments (`+segmentColumns+`) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)`,
				s.ID, s.Source, s.Table, s.Account, string(s.Days.From), string(s.Days.To), columns,
				micros(s.FetchedAt), micros(s.KnownAt), micros(s.RetiredAt), s.Gone, parts, s.Place, s.Rows, s.Bytes, checks,
				micros(s.UsedAt), s.Uses, s.Epoch); err != nil {
				return err
			}
		}
		return errors.Join(
			every(ctx, tx, `UPDATE segments SET retired_at = ? WHERE id = ? AND retired_at = 0`, c.Retire, micros(c.At)),
			every(ctx, tx, `UPDATE segments SET gone = 1 WHERE id = ? AND retired_at <> 0`, c.Empty),
			every(ctx, tx, `DELETE FROM segments WHERE id = ?`, c.Drop),
			every(ctx, tx, `DELETE FROM claims WHERE id = ?`, c.Claims))
	})
}

// every runs a statement for each id, which is its last argument.
func every(ctx context.Context, tx *sql.Tx, query string, ids []string, args ...any) error {
	for _, id := range ids {
		if _, err := tx.ExecContext(ctx, query, append(args[:len(args):len(args)], id)...); err != nil {
			return err
		}
	}
	return nil
}

func (x *index) claims(ctx context.Context, tx *sql.Tx, source, table, account string, now time.Time) (out []cache.Claim, err error) {
	err = each(ctx, tx, func(r *sql.Rows) error {
		c := cache.Claim{Span: cache.Span{Source: source, Table: table, Account: account}}
		var columns string
		var until int64
		if err := r.Scan(&c.ID, &c.Days.From, &c.Days.To, &columns, &c.Owner, &until); err != nil {
			return err
		}
		c.Until = moment(until)
		if err := unlist(columns, &c.Columns); err != nil {
			return err
		}
		out = append(out, c)
		return nil
	}, `SELECT id, day_from, day_to, columns, owner, until FROM claims `+ofTable+` AND until > ? ORDER BY id`, source, table, account, micros(now))
	return out, err
}

func (x *index) Board(ctx context.Context, source, table, account string, now time.Time, decide func([]cache.Segment, []cache.Claim, int64) []cache.Claim) error {
	return (*DB)(x).write(ctx, x.relaxed, func(tx *sql.Tx) error {
		segments, err := x.segments(ctx, tx, live, source, table, account)
		if err != nil {
			return err
		}
		claims, err := x.claims(ctx, tx, source, table, account, now)
		if err != nil {
			return err
		}
		n, err := epoch(ctx, tx, source, table, account)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM claims `+ofTable+` AND until <= ?`, source, table, account, micros(now)); err != nil {
			return err
		}
		for _, c := range decide(segments, claims, n) {
			columns, err := list(c.Columns)
			if err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, `INSERT INTO claims (id, source, tbl, account, day_from, day_to, columns, owner, until) VALUES (?,?,?,?,?,?,?,?,?)`,
				c.ID, source, table, account, string(c.Days.From), string(c.Days.To), columns, c.Owner, micros(c.Until)); err != nil {
				return err
			}
		}
		return nil
	})
}

func (x *index) Claims(ctx context.Context, source, table, account string, now time.Time) (out []cache.Claim, err error) {
	err = (*DB)(x).view(ctx, func(tx *sql.Tx) error {
		out, err = x.claims(ctx, tx, source, table, account, now)
		return err
	})
	return out, err
}

func (x *index) Extend(ctx context.Context, ids []string, until time.Time) error {
	return (*DB)(x).write(ctx, x.relaxed, func(tx *sql.Tx) error {
		for _, id := range ids {
			r, err := tx.ExecContext(ctx, `UPDATE claims SET until = ? WHERE id = ?`, micros(until), id)
			if err != nil {
				return err
			}
			if n, err := r.RowsAffected(); err != nil {
				return err
			} else if n == 0 {
				return cache.ErrClaimLost
			}
		}
		return nil
	})
}

func (x *index) Release(ctx context.Context, ids []string) error {
	return (*DB)(x).write(ctx, x.relaxed, func(tx *sql.Tx) error {
		return every(ctx, tx, `DELETE FROM claims WHERE id = ?`, ids)
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

func (x *index) Forget(ctx context.Context, source, table, account string, at time.Time) (gone []cache.Segment, err error) {
	err = (*DB)(x).write(ctx, x.durable, func(tx *sql.Tx) error {
		if gone, err = x.segments(ctx, tx, live, source, table, account); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE segments SET retired_at = ? `+live, micros(at), source, table, account); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM claims `+ofTable, source, table, account); err != nil {
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
			if _, err := tx.ExecContext(ctx, `UPDATE segments SET used_at = ?, uses = uses + 1 WHERE id = ?`, micros(at), id); err != nil {
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

func (x *index) Costs(ctx context.Context, source, table string) (costs []byte, err error) {
	err = (*DB)(x).view(ctx, func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, `SELECT costs FROM costs WHERE source = ? AND tbl = ?`, source, table).Scan(&costs)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return costs, err
}

func (x *index) SaveCosts(ctx context.Context, source, table string, costs []byte) error {
	return (*DB)(x).write(ctx, x.relaxed, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO costs (source, tbl, costs) VALUES (?,?,?)
			ON CONFLICT DO UPDATE SET costs = excluded.costs`, source, table, costs)
		return err
	})
}
