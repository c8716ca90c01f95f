// Package sqlite keeps Argo's state in one SQLite file.
package sqlite

import (
	"context"
	"errors"
	"time"

	"argo/automation"
	"argo/cache"
)

// DB is the state of one Argo.
type DB struct{}

// Open opens or makes the file.
func Open(ctx context.Context, path string) (*DB, error) { return nil, errors.New("not yet") }

// Index of the cache.
func (db *DB) Index() cache.Index { return nil }

// Ledger of the actions.
func (db *DB) Ledger() automation.Ledger { return nil }

// Statements is the log of statements.
func (db *DB) Statements() *StatementLog { return &StatementLog{db} }

// Close closes the file.
func (db *DB) Close() error { return nil }

// Statement is one entry of the log: argo.queries.
type Statement struct {
	ID          string // ULID
	At          time.Time
	User        string
	Client      string
	Database    string
	Text        string
	Millis      int64
	Rows        int64
	Calls       int64
	RowsFetched int64
	Bytes       int64
	CellsCached int64
	CellsMissed int64
	Oldest      time.Time
	Error       string
}

// StatementLog keeps the newest statements.
type StatementLog struct{ db *DB }

// Add appends.
func (l *StatementLog) Add(ctx context.Context, s Statement) error { return nil }

// Recent lists the newest first.
func (l *StatementLog) Recent(ctx context.Context, limit int) ([]Statement, error) { return nil, nil }
