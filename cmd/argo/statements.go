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
	return l.db.Statements().Add(ctx, sqlite.Statement{
		ID: r.ID, At: r.StartedAt, User: r.User, Database: r.Database, Text: r.Text, Millis: r.Elapsed.Milliseconds(), Rows: r.Rows,
		Calls: r.Cost.Calls, RowsFetched: r.Cost.RowsFetched, Bytes: r.Cost.Bytes,
		CellsCached: r.Cost.CellsCached, CellsMissed: r.Cost.CellsMissed, Oldest: r.Cost.Oldest, Error: r.Error,
	})
}

// recentQueries reads it back for argo.queries.
func (a *app) recentQueries(ctx context.Context, limit int) ([]system.Query, error) {
	list, err := a.db.Statements().Recent(ctx, limit)
	out := make([]system.Query, len(list))
	for i, s := range list {
		out[i] = system.Query{ID: s.ID, At: s.At, User: s.User, Database: s.Database, Text: s.Text, Millis: s.Millis, Rows: s.Rows,
			Calls: s.Calls, RowsFetched: s.RowsFetched, Bytes: s.Bytes, CellsCached: s.CellsCached, CellsMissed: s.CellsMissed,
			Oldest: s.Oldest, Error: s.Error}
	}
	return out, err
}
