// Package sqlite keeps Argo's state in one SQLite file: the index of the
// cache, the ledger of the actions, the jobs, the budgets of calls, the logs of
// statements and of calls. It knows the interfaces that it implements, and
// neither a channel nor the engine.
//
// Several processes may use one file at a time. A transaction that has
// returned is on disk (WAL, synchronous=FULL), but for the logs, the use of
// segments, claims, budgets and the progress of jobs: these survive the death
// of every process, and a power failure may lose the newest of them.
package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"argo/automation"
	"argo/cache"
	"argo/tables"
	"argo/tables/fault"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"
)

//go:embed migrations/*.sql
var migrations embed.FS

const (
	// application marks the file as Argo's ("Argo" in ASCII); see
	// PRAGMA application_id.
	application = 0x4172676f
	// patience is how long one process waits for another's transaction.
	patience = 10 * time.Second
	// readers that run at once.
	readers = 4
)

// DB is the state of one Argo. It is safe for concurrent use.
type DB struct {
	path string
	// gate lets one transaction of this process write at a time, so that only
	// other processes are waited for by polling.
	gate    chan struct{}
	durable *sql.DB // commits are on disk when they return
	relaxed *sql.DB // commits are on disk with the next durable one or checkpoint
	read    *sql.DB
	watched *sql.DB // one connection that only looks whether there were commits

	stateOf, setState *sql.Stmt // of quotas, on relaxed
	calls             *CallLog
	watch             watch
	lists             interned
}

// Open opens the file, which it makes where there is none, and brings it up to
// date. Faults: Config where the file is of a newer Argo, is not Argo's or
// cannot be opened; Broken where it is damaged; Unavailable where another
// process keeps it locked.
func Open(ctx context.Context, path string) (*DB, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("find the state file: %w", err)
	}
	if err := create(path); err != nil {
		return nil, fault.New(fault.Config, "cannot make the state file: %v", err).
			WithHint("give a data_dir that Argo may write to")
	}
	db := &DB{path: path, gate: make(chan struct{}, 1)}
	common := fmt.Sprintf("_pragma=busy_timeout(%d)&_pragma=journal_mode(WAL)&_pragma=foreign_keys(1)&_pragma=fullfsync(1)&_txlock=immediate",
		patience.Milliseconds())
	reading := fmt.Sprintf("_pragma=busy_timeout(%d)&_pragma=query_only(1)&_txlock=deferred", patience.Milliseconds())
	for _, pool := range []struct {
		db      **sql.DB
		options string
		conns   int
	}{
		{&db.durable, common + "&_pragma=synchronous(FULL)", 1},
		{&db.relaxed, common + "&_pragma=synchronous(NORMAL)", 1},
		{&db.read, reading, readers},
		{&db.watched, reading, 1},
	} {
		p, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: path, RawQuery: pool.options}).String())
		if err != nil {
			return nil, errors.Join(db.fault(err), db.Close())
		}
		p.SetMaxOpenConns(pool.conns)
		p.SetMaxIdleConns(pool.conns)
		*pool.db = p
	}
	if err := db.migrate(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	for query, to := range map[string]**sql.Stmt{
		`SELECT state FROM quotas WHERE key = ?`:                                                        &db.stateOf,
		`INSERT INTO quotas (key, state) VALUES (?,?) ON CONFLICT DO UPDATE SET state = excluded.state`: &db.setState,
	} {
		err := patiently(ctx, func() (err error) { *to, err = db.relaxed.PrepareContext(ctx, query); return err })
		if err != nil {
			return nil, errors.Join(db.fault(err), db.Close())
		}
	}
	db.calls = &CallLog{db: db, keep: calls, most: unwritten, stop: make(chan struct{})}
	return db, nil
}

// create makes an empty file that only its owner may read, with its folder
// entry on disk. An existing file is not touched: closing a descriptor of it
// would drop the locks that this process may hold on it.
func create(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	// Some systems cannot sync a folder; their journals do it.
	_ = dir.Sync()
	return dir.Close()
}

// migrate applies what the file lacks, each migration in a transaction of its
// own with its number. Two processes that start at once take turns.
func (db *DB) migrate(ctx context.Context) error {
	names, err := fs.Glob(migrations, "migrations/*.sql") // sorted
	if err != nil {
		return fmt.Errorf("list the migrations: %w", err)
	}
	for done := false; !done; {
		err := db.write(ctx, db.durable, func(tx *sql.Tx) error {
			var app, version, objects int
			for query, to := range map[string]*int{"PRAGMA application_id": &app, "PRAGMA user_version": &version, "SELECT COUNT(*) FROM sqlite_schema": &objects} {
				if err := tx.QueryRowContext(ctx, query).Scan(to); err != nil {
					return err
				}
			}
			switch {
			case app != application && (app != 0 || objects > 0):
				return fault.New(fault.Config, "%s is not a state file of Argo", db.path).
					WithHint("give another data_dir, or move the file away")
			case version > len(names):
				return fault.New(fault.Config, "%s was written by a newer Argo (state version %d, this one knows %d)", db.path, version, len(names)).
					WithHint("start the newer Argo, or give another data_dir")
			case version == len(names):
				done = true
				return nil
			}
			name := names[version]
			if n, err := strconv.Atoi(strings.SplitN(filepath.Base(name), "_", 2)[0]); err != nil || n != version+1 {
				return fmt.Errorf("the migration %s is not number %d", name, version+1)
			}
			text, err := migrations.ReadFile(name)
			if err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, string(text)); err != nil {
				return fmt.Errorf("apply %s: %w", name, err)
			}
			_, err = tx.ExecContext(ctx, fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d", application, version+1))
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Index of the cache.
func (db *DB) Index() cache.Index { return (*index)(db) }

// Ledger of the actions.
func (db *DB) Ledger() automation.Ledger { return (*ledger)(db) }

// Book keeps guardrails, verdicts and votes, in the same file as the ledger.
func (db *DB) Book() automation.Book { return (*book)(db) }

// Statements is the log of statements.
func (db *DB) Statements() *StatementLog { return &StatementLog{db: db, keep: statements} }

// Jobs of the background worker.
func (db *DB) Jobs() cache.Jobs { return (*jobs)(db) }

// Quotas are the states of the budgets of calls.
func (db *DB) Quotas() tables.Quotas { return (*quotas)(db) }

// Edited keeps what people change by SQL in tables of Argo's own.
func (db *DB) Edited() *Edited { return (*Edited)(db) }

// Calls is the log of calls.
func (db *DB) Calls() *CallLog { return db.calls }

// Close writes what the log of calls holds and closes the file.
func (db *DB) Close() error {
	var errs []error
	if db.calls != nil {
		errs = append(errs, db.calls.close())
	}
	for _, p := range []*sql.DB{db.watched, db.read, db.relaxed, db.durable} {
		if p != nil {
			errs = append(errs, p.Close())
		}
	}
	return errors.Join(errs...)
}

// write runs f in a transaction that holds the write lock from its start. What
// f returns is returned; nothing is done then.
func (db *DB) write(ctx context.Context, pool *sql.DB, f func(tx *sql.Tx) error) error {
	select {
	case db.gate <- struct{}{}:
		defer func() { <-db.gate }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return db.transact(ctx, pool, nil, f)
}

// view runs f on one state of the file.
func (db *DB) view(ctx context.Context, f func(tx *sql.Tx) error) error {
	return db.transact(ctx, db.read, &sql.TxOptions{ReadOnly: true}, f)
}

func (db *DB) transact(ctx context.Context, pool *sql.DB, o *sql.TxOptions, f func(tx *sql.Tx) error) error {
	var tx *sql.Tx
	err := patiently(ctx, func() (err error) { tx, err = pool.BeginTx(ctx, o); return err })
	if err != nil {
		return db.fault(err)
	}
	if err := f(tx); err != nil {
		_ = tx.Rollback() // err says more; a rollback ends the transaction in any case
		return db.fault(err)
	}
	return db.fault(tx.Commit())
}

// patiently tries again to open a connection or to begin a transaction, as long
// as one waits for another process. SQLite's own waiting does not cover the
// moments at which a first connection turns the log on, and a last one turns it
// off: there it says at once that the file is locked.
func patiently(ctx context.Context, try func() error) error {
	for start, pause := time.Now(), 2*time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		err := try()
		var e *sqlite.Error
		if !errors.As(err, &e) || e.Code()&0xff != lib.SQLITE_BUSY || time.Since(start) >= patience {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return err
		}
	}
}

// fault says what a person can do about an error of the file; other errors
// pass.
func (db *DB) fault(err error) error {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return err
	}
	switch e.Code() & 0xff {
	case lib.SQLITE_BUSY, lib.SQLITE_LOCKED:
		return &fault.Error{Kind: fault.Unavailable, Message: "another process keeps the state file " + db.path + " locked", Err: err,
			Hint: "stop the other Argo on this data_dir, or try again"}
	case lib.SQLITE_CORRUPT, lib.SQLITE_NOTADB:
		return &fault.Error{Kind: fault.Broken, Message: "the state file " + db.path + " is damaged", Err: err,
			Hint: "restore it from a backup, or move it away: the cache is then fetched again and the record of runs is empty"}
	case lib.SQLITE_FULL:
		return &fault.Error{Kind: fault.Unavailable, Message: "the disk of the state file " + db.path + " is full", Err: err}
	case lib.SQLITE_CANTOPEN, lib.SQLITE_READONLY, lib.SQLITE_PERM:
		return &fault.Error{Kind: fault.Config, Message: "cannot write the state file " + db.path, Err: err,
			Hint: "give a data_dir that Argo may write to"}
	}
	return err
}

func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func moment(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.UnixMicro(n).UTC()
}

// each scans every row of a query.
func each(ctx context.Context, tx *sql.Tx, scan func(*sql.Rows) error, query string, args ...any) error {
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
