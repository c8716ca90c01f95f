package appsflyersim

import (
	"bytes"
	"net/http"
	"strconv"
	"strings"

	"argo/tables/market"
)

// play answers the request the way the fault plan wants it: a 429 with a retry
// is one with Retry-After, without one it is the vendor's usual 403.
func (s *Sim) play(w http.ResponseWriter, r *http.Request, app string, serve func(http.ResponseWriter, market.Fault)) {
	f, hit := s.Faults.Next(market.Call{Sim: "appsflyer", Path: r.Method + " " + r.URL.Path, Account: app})
	if !hit {
		serve(w, market.Fault{})
		return
	}
	if f.After { // the call counts against the limits
		serve(&capture{header: http.Header{}}, market.Fault{})
	}
	switch f.Kind {
	case market.Unauthorized:
		s.refuse(w, &refusal{code: 401, text: "Supplied API token is invalid"})
	case market.DeniedCall:
		s.refuse(w, notFound())
	case market.Throttle:
		if f.Retry > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int(f.Retry.Seconds())))
			s.refuse(w, &refusal{code: 429, text: "Too many requests"})
			return
		}
		s.refuse(w, &refusal{code: 403, text: "Limit reached for " + limitOf(r.URL.Path)})
	case market.Internal:
		s.refuse(w, &refusal{code: 500, text: "Internal Server Error"})
	case market.Unavailable:
		s.refuse(w, &refusal{code: 503, text: "Service Unavailable"})
	case market.Drop:
		panic(http.ErrAbortHandler)
	case market.Hang:
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	case market.Slow:
		if s.m.Sleep(r.Context(), f.Delay) != nil {
			panic(http.ErrAbortHandler)
		}
		serve(w, market.Fault{})
	case market.Late, market.Missing, market.Repeat:
		serve(w, f)
	case market.Truncate, market.Midstream:
		x := &capture{header: http.Header{}, code: 200}
		serve(x, market.Fault{})
		n := f.Bytes
		if f.Kind == market.Midstream {
			n = x.body.Len() / 2
		}
		for k, v := range x.header {
			w.Header()[k] = v
		}
		w.Header().Set("Content-Length", strconv.Itoa(x.body.Len()))
		w.WriteHeader(x.code)
		_, _ = w.Write(x.body.Bytes()[:min(n, max(x.body.Len()-1, 0))])
		if f, ok := w.(http.Flusher); ok {
			f.Flush()
		}
		panic(http.ErrAbortHandler)
	}
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

// limitOf is what the message of the limit calls the report of a path.
func limitOf(path string) string {
	for name, r := range reports {
		if strings.HasSuffix(path, "/"+name+"/v5") {
			return r.limit
		}
	}
	return "report"
}
