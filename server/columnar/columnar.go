// Package columnar runs compiled statements in DuckDB. It is the only importer
// of DuckDB: one in-memory instance, locked down, with a limit on memory and on
// what it spills to disk.
//
// It knows no SQL dialect of its own (server/dialect/duckdb renders), no
// channel, no cache and no protocol.
package columnar

import (
	"context"
	"io"
	"iter"

	"argo/server/algebra"
	"argo/tables"
)

// Options of an Engine.
type Options struct {
	Dir         string   // temporary folder: what does not fit in memory is spilled here
	ReadDirs    []string // folders that Parquet may be read from
	MemoryLimit int64    // bytes; 0: half of DuckDB's own default
	MaxTemp     int64    // bytes that may be spilled; 0: DuckDB's default
	Threads     int      // 0: one per core
}

// Engine is safe for concurrent use.
type Engine struct{}

// Input answers one Scan or Foreign leaf: Files or Rows.
type Input struct {
	Files   []tables.File
	Columns []tables.Column // the table's columns that the leaf reads, in order of the leaf's Cols
	Rows    iter.Seq2[tables.Row, error]
}

// Rows is a streamed result.
type Rows struct{}

// Open starts the instance.
func Open(o Options) (*Engine, error) { return &Engine{}, nil }

// Query runs st over inputs.
func (e *Engine) Query(ctx context.Context, st *algebra.Statement, inputs map[algebra.Rel]Input) (*Rows, error) {
	return &Rows{}, nil
}

// Explain gives the text that runs, with symbolic names for the leaves.
func (e *Engine) Explain(st *algebra.Statement) (string, error) { return "", nil }

// Close ends the instance.
func (e *Engine) Close() error { return nil }

// Next gives the next row, io.EOF after the last.
func (r *Rows) Next(ctx context.Context) ([]any, error) { return nil, io.EOF }

// Close gives the connection back. It may be called from any goroutine.
func (r *Rows) Close() error { return nil }
