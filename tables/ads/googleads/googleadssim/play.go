package googleadssim

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
func (s *Sim) play(c *call) {
	sim, account := "googleads", ""
	if c.r.URL.Path == "/token" {
		sim = "oauth"
	}
	if rest, ok := strings.CutPrefix(c.r.URL.Path, "/"+version+"/customers/"); ok {
		account, _, _ = strings.Cut(rest, "/")
	}
	f, hit := s.Faults.Next(market.Call{Sim: sim, Path: c.r.Method + " " + c.r.URL.Path, Account: account})
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
		c.fail(expired())
	case market.DeniedCall:
		c.fail(single(403, "authorizationError", "USER_PERMISSION_DENIED", "User doesn't have permission to access customer."))
	case market.Throttle:
		retry := f.Retry
		if retry == 0 {
			retry = 30 * time.Second
		}
		if retry >= time.Hour {
			c.fail(throttled("RESOURCE_EXHAUSTED", "DEVELOPER", "Number of operations for basic access", retry))
		} else {
			c.fail(throttled("RESOURCE_TEMPORARILY_EXHAUSTED", "ACCOUNT", "Requests per account", retry))
		}
	case market.Internal:
		c.fail(single(500, "internalError", "INTERNAL_ERROR", "An internal error has occurred."))
	case market.Unavailable:
		c.fail(frontEnd(503, "", "%s", messageOf[503]))
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
	case market.Midstream:
		if !c.stream {
			c.fail(single(500, "internalError", "TRANSIENT_ERROR", "A transient error occurred."))
			return
		}
		c.broken = true
		c.serve()
	case market.Late, market.Missing, market.Repeat:
		c.asOf, c.missing, c.repeat = c.m.Now().Add(-f.Delay), f.Kind == market.Missing, f.Kind == market.Repeat
		c.serve()
	}
}

// fail answers with the error. The token endpoint has a form of its own: what
// is refused there is the refresh token.
func (c *call) fail(e *apiError) {
	switch {
	case c.r.URL.Path != "/token":
		e.write(c.w, c.request, c.stream)
	case e.code == 401 || e.code == 403:
		writeJSON(c.w, 400, map[string]string{"error": "invalid_grant", "error_description": "Token has been expired or revoked."})
	default:
		writeJSON(c.w, e.code, map[string]string{"error": "internal_failure", "error_description": e.message})
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
