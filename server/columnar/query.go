package columnar

import (
	"context"
	"fmt"

	"argo/server/algebra"
	"argo/server/dialect/duckdb"
	"argo/tables/fault"
)

// Query runs st over inputs, which has one for each Scan and Foreign leaf. It
// reads the inputs' Rows before it returns; files have to stay in place until
// the result is closed. The caller closes the result. Ending ctx ends the
// statement within milliseconds.
//
// Faults: Unsupported and Invalid of the statement, Invalid for values out of
// range (ErrOutOfRange, ErrSubqueryRows), Broken naming a file, Conflict where a
// file was replaced meanwhile, Refused for want of memory, Canceled, Timeout;
// those of the inputs' Rows.
func (e *Engine) Query(ctx context.Context, st *algebra.Statement, inputs map[algebra.Rel]Input) (_ *Rows, err error) {
	ctx, cancel := context.WithCancel(ctx)
	c, err := e.connect()
	if err != nil {
		cancel()
		return nil, err
	}
	defer func() {
		if err != nil {
			cancel()
			c.close()
		}
	}()
	var files []string
	sql, err := duckdb.Render(st, func(r algebra.Rel) (string, error) {
		in, ok := inputs[r]
		if !ok {
			return "", fault.New(fault.Internal, "a table of the statement has no input")
		}
		if in.Rows != nil {
			return c.load(ctx, r.Columns(), in)
		}
		for _, f := range in.Files {
			files = append(files, f.Path)
		}
		return c.scan(ctx, r.Columns(), in)
	})
	if err != nil {
		if ctx.Err() != nil && fault.As(err) == nil {
			return nil, ended(ctx)
		}
		return nil, c.excuse(ctx, err)
	}
	result, err := c.stream(ctx, sql, files)
	if fault.Is(err, fault.Refused) {
		// A sort that is read as a stream holds more in memory than one that is
		// written to disk first.
		if err = c.exec(ctx, "CREATE TEMP TABLE result AS "+sql); err == nil {
			result, err = c.stream(ctx, "SELECT * FROM temp.result", files)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("run the statement: %w", c.excuse(ctx, e.blame(ctx, err, files)))
	}
	rows := newRows(ctx, cancel, c, result, st.Output, files)
	if err := rows.begin(ctx); err != nil {
		rows.Close()
		return nil, fmt.Errorf("run the statement: %w", err)
	}
	return rows, nil
}

// excuse is the fault of a replaced file where that may be behind err.
func (c *conn) excuse(ctx context.Context, err error) error {
	if f := fault.As(err); ctx.Err() == nil && f != nil && (f.Kind == fault.Broken || f.Kind == fault.Internal || f.Kind == fault.Invalid) {
		if moved := c.replaced(err); moved != nil {
			return moved
		}
	}
	return err
}
