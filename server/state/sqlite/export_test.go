package sqlite

import (
	"database/sql"
	"testing"
)

// Keep makes the log keep n statements.
func Keep(l *StatementLog, n int64) { l.keep = n }

// KeepCalls makes the log keep n calls.
func KeepCalls(l *CallLog, n int64) { l.keep = n }

// Wait makes at most n calls wait to be written.
func Wait(l *CallLog, n int) { l.most = n }

// Lock keeps a file locked for writing, as another process would.
func Lock(t *testing.T, path string) (release func()) {
	db, err := sql.Open("sqlite", "file:"+path+"?_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := tx.Rollback(); err != nil {
			t.Error(err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
}
