package columnar

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	driver "github.com/duckdb/duckdb-go-bindings"

	"argo/server/algebra"
	"argo/tables/fault"
)

// Rows is a result that is computed while it is read, in constant memory.
//
// Values by the kind of the output column: Int int64, uint64 where Unsigned ·
// Decimal *apd.Decimal with the type's scale · Double float64 · Text and JSON
// string · Binary []byte · Date tables.Day · DateTime time.Time in UTC · Time
// time.Duration · Year int64 · nil for NULL.
type Rows struct {
	output []algebra.Column
	files  []string

	ctx    context.Context // of the statement; ends with Close
	cancel context.CancelFunc

	mu     sync.Mutex // held while DuckDB works for this result
	conn   *conn
	result driver.Result
	types  []columnType
	rows   [][]any // of the chunk, not yet given
	err    error
}

func newRows(ctx context.Context, cancel context.CancelFunc, c *conn, result driver.Result, output []algebra.Column, files []string) *Rows {
	r := &Rows{output: output, files: files, ctx: ctx, cancel: cancel, conn: c, result: result}
	r.types = make([]columnType, len(output))
	for i := range output {
		t := driver.ColumnLogicalType(&r.result, driver.IdxT(i))
		r.types[i] = typeOf(t)
		driver.DestroyLogicalType(&t)
	}
	return r
}

// Next gives the next row, io.EOF after the last. The row is the caller's. It
// ends soon after ctx or the context of the statement does. Faults: as Query.
func (r *Rows) Next(ctx context.Context) ([]any, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil && len(r.rows) == 0 {
		r.err = r.fetch(ctx)
	}
	if len(r.rows) == 0 {
		return nil, r.err
	}
	row := r.rows[0]
	r.rows = r.rows[1:]
	return row, nil
}

// begin reads ahead as far as a small result goes, so that a failure can be
// told, or the statement run again, before there is a row.
func (r *Rows) begin(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err = r.fetch(ctx)
	if head := r.rows; r.err == nil && len(head) < int(driver.VectorSize()) {
		r.rows = nil
		r.err = r.fetch(ctx)
		r.rows = append(head, r.rows...)
	}
	if r.err != io.EOF {
		return r.err
	}
	return nil
}

// fetch reads one chunk.
func (r *Rows) fetch(ctx context.Context) error {
	if r.conn.closed {
		return fault.New(fault.Internal, "the result is closed")
	}
	if err := ctx.Err(); err != nil {
		return ended(ctx)
	}
	stop := context.AfterFunc(ctx, r.cancel)
	defer stop()
	var chunk driver.DataChunk
	r.conn.guard(r.ctx, func() { chunk = driver.FetchChunk(r.result) })
	if chunk.Ptr == nil {
		message := driver.ResultError(&r.result)
		switch {
		case ctx.Err() != nil:
			return ended(ctx)
		case r.ctx.Err() != nil:
			return ended(r.ctx)
		case message != "":
			return r.conn.excuse(r.ctx, r.conn.e.blame(r.ctx, broken(r.ctx, message, r.files), r.files))
		}
		return r.end()
	}
	defer driver.DestroyDataChunk(&chunk)
	n, width := int(driver.DataChunkGetSize(chunk)), len(r.output)
	if n == 0 {
		return r.end()
	}
	cells := make([]any, n*width)
	r.rows = make([][]any, n)
	for i := range r.rows {
		r.rows[i] = cells[i*width : (i+1)*width : (i+1)*width]
	}
	for j, out := range r.output {
		c := columnOf(driver.DataChunkGetVector(chunk, driver.IdxT(j)), r.types[j])
		for i := range n {
			v, err := c.value(i, out.Type)
			if err != nil {
				r.rows = nil
				if errors.Is(err, ErrOutOfRange) {
					return &fault.Error{Kind: fault.Invalid, Message: fmt.Sprintf("the column %s: %v", out.Name, err), Hint: "years are 0000 to 9999", Err: err}
				}
				return fault.Wrap(fault.Internal, err, "the column %s cannot be read", out.Name)
			}
			cells[i*width+j] = v
		}
	}
	return nil
}

// end is io.EOF if the files are still those that were read.
func (r *Rows) end() error {
	if err := r.conn.replaced(nil); err != nil {
		return err
	}
	return io.EOF
}

// Close gives everything back. It may be called more than once and from
// another goroutine than Next, which then ends.
func (r *Rows) Close() error {
	r.cancel()
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.conn.closed {
		driver.DestroyResult(&r.result)
		r.conn.close()
		r.rows = nil
		if r.err == nil {
			r.err = fault.New(fault.Internal, "the result is closed")
		}
	}
	return nil
}
