package tiktokadssim

import (
	"bytes"
	"net/http"
	"strconv"

	"argo/tables/market"
)

// play answers the request the way the fault plan wants it. TikTok says nowhere
// for how long to wait: only a planned 429 with a retry does.
func (s *Sim) play(w http.ResponseWriter, r *http.Request, account string, serve func(http.ResponseWriter, market.Fault)) {
	f, hit := s.Faults.Next(market.Call{Sim: "tiktokads", Path: r.Method + " " + r.URL.Path, Account: account})
	if !hit {
		serve(w, market.Fault{})
		return
	}
	if f.After { // the call takes effect
		serve(&capture{header: http.Header{}}, market.Fault{})
	}
	switch f.Kind {
	case market.Unauthorized:
		s.refuse(w, &refusal{code: 40105, text: "Access token is incorrect or has been revoked."})
	case market.DeniedCall:
		s.refuse(w, &refusal{code: 40001, text: "No permission to operate advertiser."})
	case market.Throttle:
		if f.Retry > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int(f.Retry.Seconds())))
		}
		s.refuse(w, tooMany())
	case market.Internal:
		s.refuse(w, &refusal{code: 50000, text: "System error"})
	case market.Unavailable:
		s.refuse(w, &refusal{code: 50002, text: "Service error"})
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
