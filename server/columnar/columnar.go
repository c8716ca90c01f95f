// Package columnar runs compiled statements in DuckDB. It is the only importer
// of DuckDB: one in-memory instance, locked down, with a limit on memory and on
// what it spills to disk.
//
// It knows no SQL dialect of its own (server/dialect/duckdb renders), no
// channel, no cache and no protocol.
package columnar

import (
	"context"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"sync"

	driver "github.com/duckdb/duckdb-go-bindings"

	"argo/server/algebra"
	"argo/server/dialect/duckdb"
	"argo/tables"
	"argo/tables/fault"
)

// Options of an Engine.
type Options struct {
	Dir         string   // temporary folder, made if missing: what does not fit in memory is spilled here
	ReadDirs    []string // folders that Parquet is read from; nothing else on the machine can be opened
	MemoryLimit int64    // bytes; 0: DuckDB's default, 80 % of the machine's
	MaxTemp     int64    // bytes that may be spilled; 0: DuckDB's default, 90 % of the free space
	Threads     int      // 0: one per core
}

// Engine is one DuckDB instance. It is safe for concurrent use; how many
// statements run at once is the caller's to bound, they share the threads and
// the memory.
type Engine struct {
	db      driver.Database
	schemas schemas
	closing sync.Once
	running sync.WaitGroup // connections
}

// Input answers one Scan or Foreign leaf: Files, or else Rows.
type Input struct {
	Files []tables.File
	// Columns are the table's columns: of Files, to know the types; of Rows,
	// what each value of a row is. Of a leaf's column that is not among them
	// the algebra's type says all.
	Columns []tables.Column
	// Rows is read once, while Query runs. Values are those of tables.Row, and
	// uint64, time.Duration and []byte for what only a Foreign has.
	Rows iter.Seq2[tables.Row, error]
}

// Open starts the instance and locks it: no extension is loaded, no file is
// opened outside of ReadDirs and Dir, no setting can be changed any more.
// Faults: Config.
func Open(o Options) (*Engine, error) {
	dir, err := filepath.Abs(o.Dir)
	if err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	if err != nil {
		return nil, fault.Wrap(fault.Config, err, "the temporary folder %s cannot be used", o.Dir)
	}
	settings := map[string]string{
		"autoinstall_known_extensions":           "false",
		"autoload_known_extensions":              "false",
		"allow_community_extensions":             "false",
		"temp_directory":                         dir,
		"default_null_order":                     "nulls_first",
		"preserve_insertion_order":               "true", // LIMIT without ORDER BY gives the same rows every time
		"scalar_subquery_error_on_multiple_rows": "true",
		"ieee_floating_point_ops":                "true",
		// DuckDB 1.5.6 pushes what it learns of a join's one side into the scan of
		// the other through a LIMIT, which then keeps other rows.
		"disabled_optimizers": "join_filter_pushdown",
	}
	if o.MemoryLimit > 0 {
		settings["memory_limit"] = fmt.Sprintf("%dB", o.MemoryLimit)
	}
	if o.Threads > 0 {
		settings["threads"] = fmt.Sprint(o.Threads)
	}
	e := &Engine{schemas: schemas{known: map[fileVersion][]fileColumn{}}}
	if err := e.open(settings); err != nil {
		return nil, err
	}
	if err := e.prepare(append([]string{dir}, o.ReadDirs...), o.MaxTemp); err != nil {
		_ = e.Close()
		return nil, err
	}
	return e, nil
}

func (e *Engine) open(settings map[string]string) error {
	var config driver.Config
	if driver.CreateConfig(&config) == driver.StateError {
		return fault.New(fault.Internal, "DuckDB gives no configuration")
	}
	defer driver.DestroyConfig(&config)
	for name, v := range settings {
		if driver.SetConfig(config, name, v) == driver.StateError {
			return fault.New(fault.Config, "DuckDB refuses the setting %s = %s", name, v)
		}
	}
	var message string
	if driver.OpenExt(":memory:", &e.db, config, &message) == driver.StateError {
		return &fault.Error{Kind: fault.Config, Message: "DuckDB does not start", Err: fmt.Errorf("%s", message)}
	}
	return nil
}

// prepare adds what rendered text calls, and locks.
func (e *Engine) prepare(dirs []string, maxTemp int64) error {
	c, err := e.connect()
	if err != nil {
		return err
	}
	defer c.close()
	if err := registerFunctions(c); err != nil {
		return err
	}
	list := make([]string, len(dirs))
	for i, d := range dirs {
		abs, err := filepath.Abs(d)
		if err != nil {
			return fault.Wrap(fault.Config, err, "the folder %s cannot be used", d)
		}
		list[i] = quote(abs)
	}
	statements := duckdb.Macros()
	if maxTemp > 0 { // given at the start, DuckDB shows it and ignores it
		statements = append(statements, fmt.Sprintf("SET max_temp_directory_size = '%dB'", maxTemp))
	}
	statements = append(statements,
		"SET TimeZone = 'UTC'",
		"SET parquet_metadata_cache = true", // footers, while the file's time of change is the same
		"SET allowed_directories = ["+strings.Join(list, ", ")+"]",
		"SET enable_external_access = false",
		"SET lock_configuration = true",
	)
	for _, s := range statements {
		if err := c.exec(context.Background(), s); err != nil {
			return fmt.Errorf("prepare DuckDB: %q: %w", s, err)
		}
	}
	return nil
}

// Close ends the instance, after the last result is closed.
func (e *Engine) Close() error {
	e.closing.Do(func() {
		e.running.Wait()
		driver.Close(&e.db)
	})
	return nil
}

// Explain gives the text that runs, with the tables' names for the leaves.
func (e *Engine) Explain(st *algebra.Statement) (string, error) {
	return duckdb.Render(st, func(r algebra.Rel) (string, error) {
		switch r := r.(type) {
		case *algebra.Scan:
			return ident(r.Source) + "." + ident(r.Table), nil
		case *algebra.Foreign:
			return ident(r.Name), nil
		}
		return "", fault.New(fault.Internal, "%T is no leaf", r)
	})
}

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

func ident(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }
