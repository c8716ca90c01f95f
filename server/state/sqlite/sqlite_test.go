package sqlite_test

import (
	"context"
	"path/filepath"
	"testing"

	"argo/automation"
	"argo/automation/automationtest"
	"argo/cache"
	"argo/cache/cachetest"
	"argo/server/state/sqlite"
)

func open(t testing.TB, path string) *sqlite.DB {
	t.Helper()
	db, err := sqlite.Open(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func TestIndex(t *testing.T) {
	cachetest.TestIndex(t, func(t *testing.T) func() cache.Index {
		path := filepath.Join(t.TempDir(), "state ?#%.db")
		return func() cache.Index { return open(t, path).Index() }
	})
}

func TestLedger(t *testing.T) {
	automationtest.TestLedger(t, func(t *testing.T) func() automation.Ledger {
		path := filepath.Join(t.TempDir(), "state.db")
		return func() automation.Ledger { return open(t, path).Ledger() }
	})
}
