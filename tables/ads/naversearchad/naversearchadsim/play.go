package naversearchadsim

import (
	"bytes"
	"net/http"
	"strconv"

	"argo/tables/market"
)

// play answers the request the way the fault plan wants it.
func (s *Sim) play(w http.ResponseWriter, r *http.Request, account string, serve func(http.ResponseWriter, market.Fault)) {
	f, hit := s.Faults.Next(market.Call{Sim: "naversearchad", Path: r.Method + " " + r.URL.Path, Account: account})
	if !hit {
		serve(w, market.Fault{})
		return
	}
	if f.After { // the call takes effect
		serve(&capture{header: http.Header{}}, market.Fault{})
	}
	switch f.Kind {
	case market.Unauthorized:
		given := r.Header.Get("X-Signature")
		refuse(w, problem("invalid-signature", "Invalid Signature", "Signature '"+given+"' is invalid.", map[string]any{"signature": given}))
	case market.DeniedCall:
		refuse(w, business(403, 1018, "No permission"))
	case market.Throttle:
		if f.Retry > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int(f.Retry.Seconds())))
		}
		refuse(w, tooMany())
	case market.Internal:
		refuse(w, business(500, 500, "Unknown error occurred."))
	case market.Unavailable:
		refuse(w, &refusal{status: 503, html: "503 Service Temporarily Unavailable"})
	case market.Drop:
		panic(http.ErrAbortHandler)
	case market.Hang:
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	case market.Slow:
		// The gateway looks at the clock when a request arrives, the slow part is
		// behind it: the answer is made first and sent later.
		x := &capture{header: http.Header{}, code: 200}
		serve(x, market.Fault{})
		if s.m.Sleep(r.Context(), f.Delay) != nil {
			panic(http.ErrAbortHandler)
		}
		for k, v := range x.header {
			w.Header()[k] = v
		}
		w.WriteHeader(x.code)
		_, _ = w.Write(x.body.Bytes())
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
		w.Header().Set("Content-Length", strconv.Itoa(max(x.body.Len(), 1)))
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
