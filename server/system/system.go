// Package system is the database argo: what Argo knows about itself, as
// tables. All of it is local; no table here makes a channel call.
//
// It knows no SQL and no engine: it is given functions to ask.
package system

import (
	"context"
	"time"

	"argo/automation"
	"argo/cache"
	"argo/tables"
)

// Connection is a database as the system tables describe it.
type Connection struct {
	Name, Source, Doc string
	Tables            []tables.Table
	Actions           []automation.Action
}

// Query is one row of argo.queries.
type Query struct {
	ID, User, Database, Text string
	Tables                   []string
	StartedAt                time.Time
	Elapsed                  time.Duration
	Rows                     int64
	Cost                     tables.Cost
	Warnings                 int
	Code                     int
	Error                    string
}

// Options says where the rows come from. A nil function leaves its table empty.
type Options struct {
	Sources     []tables.Source
	Connections []Connection
	// Status says how a connection is: state, its last error and when.
	Status   func(connection string) (state, lastError string, at time.Time)
	Segments func(ctx context.Context) ([]cache.Segment, error)
	Accounts func(ctx context.Context, connection string) ([]tables.Account, time.Time, error)
	Queries  func(ctx context.Context, limit int) ([]Query, error)
	Ledger   automation.Ledger
	Now      func() time.Time
	// MayRead says whether the user behind ctx may read a database; nil: no.
	MayRead func(ctx context.Context, database string) bool
	// User names the user behind ctx and says whether he may read every
	// database.
	User func(ctx context.Context) (name string, all bool)
}

// Tables of the database argo.
func Tables(o Options) []tables.Table { return nil }
