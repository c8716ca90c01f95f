package rest

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"argo/tables"
	"argo/tables/fault"
)

// Response is an accepted reply.
type Response struct {
	Status int
	Head   http.Header
	Body   *Body
	// Rows and Err are for the log of calls, which is told when the body is
	// closed: how many rows the connector found in it, and what was wrong with it.
	Rows int64
	Err  error
}

// Body is the decompressed body. Its first Options.Spool bytes had arrived
// before Do returned, so that most cuts are repeated unseen; what breaks later
// is an Unavailable fault of Read. Not safe for concurrent use.
type Body struct {
	spool []byte
	whole bool // the spool is all of it
	off   int
	in    io.Reader
	left  int64 // bytes until Options.MaxBody
	max   int64
	raw   io.Closer
	// delimited says that the transport knows where the body ends. Where it
	// does not (HTTP/1.0 without a length) a cut looks like the end.
	delimited bool
	ctx       context.Context
	cancel    context.CancelCauseFunc
	idle      *time.Timer
	wait      time.Duration
	name      string
	redact    func(string) string
	failed    error // of Read
	once      sync.Once
	closed    func() // may be nil
}

func (c *Client) body(ctx context.Context, cancel context.CancelCauseFunc, p *http.Response, log *entry) (*Body, error) {
	b := &Body{left: c.o.MaxBody, max: c.o.MaxBody, raw: p.Body, ctx: ctx, cancel: cancel, wait: c.o.Idle, name: c.o.Name, redact: c.Redact,
		delimited: p.ContentLength >= 0 || p.ProtoMajor > 1 || len(p.TransferEncoding) > 0 || p.Uncompressed}
	b.idle = time.AfterFunc(c.o.Idle, func() { cancel(fmt.Errorf("%w: the body stood still for %s", errSlow, c.o.Idle)) })
	b.in = counted{p.Body, tables.TraceOf(ctx), &log.call.Bytes}
	if strings.EqualFold(p.Header.Get("Content-Encoding"), "gzip") {
		z, err := gzip.NewReader(b.in)
		if err != nil && !errors.Is(err, io.EOF) { // an empty body may claim any encoding
			b.Close()
			return nil, fmt.Errorf("gzip: %w", err)
		}
		if err == nil {
			b.in, b.delimited = z, true
		}
	}
	buf := make([]byte, 0, min(c.o.Spool, 16<<10))
	for len(buf) < c.o.Spool {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := b.in.Read(buf[len(buf):min(cap(buf), c.o.Spool)])
		b.idle.Reset(b.wait)
		buf = buf[:len(buf)+n]
		if err == io.EOF {
			b.whole = true
			break
		}
		if err != nil {
			b.Close()
			return nil, err
		}
	}
	b.idle.Stop()
	b.spool = buf
	b.left -= int64(len(buf))
	return b, nil
}

// Delimited says that the transport would notice a cut.
func (b *Body) Delimited() bool { return b.delimited }

func (b *Body) Read(p []byte) (int, error) {
	n, err := b.read(p)
	if err != nil && err != io.EOF {
		b.failed = err
	}
	return n, err
}

func (b *Body) read(p []byte) (int, error) {
	if b.off < len(b.spool) {
		n := copy(p, b.spool[b.off:])
		b.off += n
		return n, nil
	}
	if b.whole {
		return 0, io.EOF
	}
	b.idle.Reset(b.wait)
	n, err := b.in.Read(p)
	b.idle.Stop()
	if b.left -= int64(n); b.left < 0 {
		return 0, fault.New(fault.Broken, "%s: the reply is larger than %d bytes", b.name, b.max)
	}
	switch {
	case err == nil, err == io.EOF:
		return n, err
	case b.ctx.Err() != nil && !errors.Is(context.Cause(b.ctx), errSlow):
		return n, givenUp(b.ctx, b.name)
	case errors.Is(context.Cause(b.ctx), errSlow):
		err = context.Cause(b.ctx)
	}
	return n, fault.Wrap(fault.Unavailable, redacted{b.redact(err.Error()), err}, "%s: the reply was cut", b.name)
}

// Close ends the request; what was not read is abandoned.
func (b *Body) Close() error {
	b.idle.Stop()
	b.cancel(nil)
	err := b.raw.Close()
	if b.closed != nil {
		b.once.Do(b.closed)
	}
	return err
}

// counted adds to the trace, and to n, what travelled.
type counted struct {
	r     io.Reader
	trace *tables.Trace
	n     *int64
}

func (c counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if n > 0 {
		c.trace.Fetched(0, int64(n))
		*c.n += int64(n)
	}
	return n, err
}
