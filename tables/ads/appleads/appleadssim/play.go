package appleadssim

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"argo/tables/market"
)

// play answers the request the way the fault plan wants it.
func (c *call) play() {
	sim := "appleads"
	if c.r.URL.Path == tokenPath {
		sim = "oauth"
	}
	_, account, _ := strings.Cut(c.r.Header.Get("X-AP-Context"), "=")
	f, hit := c.Faults.Next(market.Call{Sim: sim, Path: c.r.Method + " " + c.r.URL.Path, Account: account})
	if !hit {
		c.serve()
		return
	}
	// What waits must notice that the caller has gone, which the server sees
	// only once the body has been read.
	body, _ := io.ReadAll(io.LimitReader(c.r.Body, maxBody+1)) // a torn body is a bad request below
	c.r.Body = io.NopCloser(bytes.NewReader(body))
	if f.After {
		real := c.w
		c.w = &capture{header: http.Header{}}
		c.serve()
		c.w = real
	}
	switch f.Kind {
	case market.Unauthorized:
		c.fail(unauthorized())
	case market.DeniedCall:
		c.fail(refuse(403, "FORBIDDEN", "The user has no access to this account."))
	case market.Throttle:
		retry := f.Retry
		if retry == 0 {
			retry = 30 * time.Second
		}
		c.w.Header().Set("Retry-After", strconv.Itoa(int(retry.Seconds())))
		if !c.v5 {
			c.limits(max(c.o.Requests, 1), 0, int64(retry.Seconds()))
		}
		c.fail(refuse(429, "RESOURCE_EXHAUSTED", "Too many requests."))
	case market.Internal, market.Midstream:
		c.fail(refuse(500, "INTERNAL_ERROR", "An internal error has occurred."))
	case market.Unavailable: // what is in front of the API speaks HTML
		c.w.Header().Set("Content-Type", "text/html")
		c.w.WriteHeader(503)
		_, _ = io.WriteString(c.w, "<html><body><h1>503 Service Unavailable</h1></body></html>")
	case market.Drop:
		panic(http.ErrAbortHandler)
	case market.Hang:
		<-c.r.Context().Done()
		panic(http.ErrAbortHandler)
	case market.Slow:
		if c.m.Sleep(c.r.Context(), f.Delay) != nil {
			panic(http.ErrAbortHandler)
		}
		c.serve()
	case market.Truncate:
		c.truncate(f.Bytes)
	case market.Late, market.Missing, market.Repeat:
		c.asOf, c.missing, c.repeat = c.m.Now().Add(-f.Delay), f.Kind == market.Missing, f.Kind == market.Repeat
		c.serve()
	}
}

// truncate promises the whole answer and sends its first bytes.
func (c *call) truncate(n int) {
	x := &capture{header: http.Header{}, code: 200}
	real := c.w
	c.w = x
	c.serve()
	for k, v := range x.header {
		real.Header()[k] = v
	}
	real.Header().Set("Content-Length", strconv.Itoa(x.body.Len()))
	real.WriteHeader(x.code)
	_, _ = real.Write(x.body.Bytes()[:min(n, max(x.body.Len()-1, 0))])
	if f, ok := real.(http.Flusher); ok {
		f.Flush()
	}
	panic(http.ErrAbortHandler)
}

// capture is a ResponseWriter that keeps the answer.
type capture struct {
	header http.Header
	code   int
	body   bytes.Buffer
}

func (c *capture) Header() http.Header         { return c.header }
func (c *capture) Write(b []byte) (int, error) { return c.body.Write(b) }
func (c *capture) WriteHeader(code int)        { c.code = code }
