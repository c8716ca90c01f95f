package columnar

import (
	"context"
	"sync/atomic"
	"time"

	driver "github.com/duckdb/duckdb-go-bindings"

	"argo/tables/fault"
)

// conn is a connection of one statement: its temporary tables go with it, and
// an interrupt that comes late finds nobody. It is not safe for concurrent use.
type conn struct {
	e      *Engine
	raw    driver.Connection
	closed bool
	tables int // temporary ones made
	files  []openedFile
}

// connect costs some 4 µs, so that none is kept.
func (e *Engine) connect() (*conn, error) {
	c := &conn{e: e}
	if driver.Connect(e.db, &c.raw) == driver.StateError {
		return nil, fault.New(fault.Internal, "DuckDB gives no connection")
	}
	e.running.Add(1)
	return c, nil
}

func (c *conn) close() {
	if !c.closed {
		c.closed = true
		driver.Disconnect(&c.raw)
		c.e.running.Done()
	}
}

// interruptEvery is how often a running call is told to stop: DuckDB forgets
// an interrupt that comes before the call has begun.
const interruptEvery = 2 * time.Millisecond

// guard runs a call into DuckDB that ends soon after ctx does. When guard
// returns nobody interrupts any more.
func (c *conn) guard(ctx context.Context, f func()) {
	var over atomic.Bool
	gone := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(gone)
		tick := time.NewTicker(interruptEvery)
		defer tick.Stop()
		for !over.Load() {
			driver.Interrupt(c.raw)
			<-tick.C
		}
	})
	f()
	over.Store(true)
	if !stop() {
		<-gone
	}
}

// exec runs a statement for its effect.
func (c *conn) exec(ctx context.Context, sql string) error {
	var result driver.Result
	var state driver.State
	c.guard(ctx, func() { state = driver.Query(c.raw, sql, &result) })
	defer driver.DestroyResult(&result)
	if state == driver.StateError {
		return broken(ctx, driver.ResultError(&result), nil)
	}
	return nil
}

// prepare binds a statement without running it.
func (c *conn) prepare(ctx context.Context, sql string, files []string) (driver.PreparedStatement, error) {
	var stmt driver.PreparedStatement
	var state driver.State
	c.guard(ctx, func() { state = driver.Prepare(c.raw, sql, &stmt) })
	if state == driver.StateError {
		message := driver.PrepareError(stmt)
		driver.DestroyPrepare(&stmt)
		return stmt, broken(ctx, message, files)
	}
	return stmt, nil
}

// stream starts a statement whose result is computed while it is read.
func (c *conn) stream(ctx context.Context, sql string, files []string) (result driver.Result, err error) {
	stmt, err := c.prepare(ctx, sql, files)
	if err != nil {
		return result, err
	}
	defer driver.DestroyPrepare(&stmt)
	var pending driver.PendingResult
	defer driver.DestroyPending(&pending)
	state := driver.State(driver.StateError)
	failure := ""
	c.guard(ctx, func() {
		if driver.PendingPreparedStreaming(stmt, &pending) == driver.StateError {
			failure = driver.PendingError(pending)
			return
		}
		if state = driver.ExecutePending(pending, &result); state == driver.StateError {
			failure = driver.ResultError(&result)
		}
	})
	if state == driver.StateError {
		driver.DestroyResult(&result)
		return result, broken(ctx, failure, files)
	}
	return result, nil
}
