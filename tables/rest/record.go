package rest

import (
	"cmp"
	"context"
	"time"

	"argo/tables"
	"argo/tables/fault"
)

type aboutKey struct{}

// About gives a context whose requests are recorded as those of a scan: with
// its table, account and days. A zero scan ends it, for a request that serves
// more than one scan.
func About(ctx context.Context, s tables.Scan) context.Context {
	return context.WithValue(ctx, aboutKey{}, &s)
}

// entry is a request on its way into the log of calls.
type entry struct {
	call   tables.Call
	trace  *tables.Trace
	now    func() time.Time
	redact func(string) string
	record func(tables.Call)
	tried  bool
}

// begin prepares what is recorded of one attempt.
func (c *Client) begin(ctx context.Context, r *Request, took *ticket, attempt int) *entry {
	e := &entry{trace: tables.TraceOf(ctx), now: c.o.Now, redact: c.Redact, record: c.o.Record}
	e.call = tables.Call{Connection: c.o.Connection, Account: r.Account, Method: cmp.Or(r.Method, "GET"), Endpoint: r.Path,
		Scopes: took.keys(), Units: took.units, Attempt: attempt}
	e.call.Purpose = tables.PurposeOf(ctx)
	if t := tables.TraceOf(ctx); t != nil {
		e.call.Statement = t.Statement
	}
	if s, ok := ctx.Value(aboutKey{}).(*tables.Scan); ok {
		e.call.Table, e.call.Days = s.Table, s.Days
		e.call.Account = cmp.Or(e.call.Account, s.Account)
	}
	return e
}

// sent notes that the request leaves now.
func (e *entry) sent() {
	e.call.At, e.tried = e.now(), true
	e.trace.Call()
}

// end records the request, unless nothing was tried: there was no token for it.
func (e *entry) end(rows int64, err error) {
	if e.record == nil || !e.tried {
		return
	}
	e.call.Rows, e.call.Elapsed = rows, e.now().Sub(e.call.At)
	e.call.Outcome = "ok"
	if err != nil {
		e.call.Outcome, e.call.Message = string(fault.KindOf(err)), err.Error()
		if f := fault.As(err); f != nil {
			e.call.Message = f.Message
		}
	}
	e.call.Endpoint, e.call.Message = e.redact(e.call.Endpoint), e.redact(e.call.Message)
	e.record(e.call)
}
