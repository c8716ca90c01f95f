// Package rest is the HTTP kit of the connectors: credentials, retry by error
// class, rate budgets, pages, and decoders that stream.
//
// A Client sends a Request and gives a reply that was accepted, or a
// *fault.Error that a person can read. In between it renews the credential
// once, repeats what may be repeated, waits when the source says so (but never
// for hours: a long wait comes back as fault.Throttled with RetryAfter), and
// counts every request but one for a token in the statement's tables.Trace. A reply that was cut
// is an error and never a short answer. No secret reaches an error or a log.
//
// It knows no channel: what an error means is the source's Classify.
package rest

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	mrand "math/rand/v2"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"argo/tables"
	"argo/tables/fault"
)

// Options of a Client. Name, BaseURL, Now and Sleep are required.
type Options struct {
	Name    string // of the source, for messages: "Google Ads"
	BaseURL string // what the path of a request is appended to
	// HTTP lends its Transport; redirects and timeouts are the client's own.
	// nil is a transport with Argo's connect timeouts.
	HTTP  *http.Client
	Log   *slog.Logger // nil: none
	Now   func() time.Time
	Sleep func(ctx context.Context, d time.Duration) error
	Auth  Auth        // nil: none
	Head  http.Header // sent with every request
	// Elsewhere follows a redirect of a GET to another host, to a file that is
	// ready for download; no header of the first request travels along. Without
	// it such a redirect is an error.
	Elsewhere bool
	// Secrets are texts, beside those of Auth, that no error may repeat.
	Secrets []string
	// Classify says what a reply means. nil is Classify of this package.
	Classify func(Reply) Class
	// Observe says what a reply, accepted or not, tells about the budgets of its
	// request; nil: nothing.
	Observe func(Reply) []Observation

	Connection string            // for the log of calls
	Quotas     tables.Quotas     // nil: budgets of this client alone
	Record     func(tables.Call) // is told of every request after it has ended; nil: nobody is

	Attempts  int            // per request, default 5
	Backoff   time.Duration  // before the second attempt, doubled for each further one, default 500 ms
	MaxWait   time.Duration  // the longest wait that is slept; default 2 min
	FirstByte time.Duration  // until the reply's header has arrived, default 5 min
	Idle      time.Duration  // between two reads of a body, default 1 min
	MaxBody   int64          // bytes of a decompressed body, default 4 GiB
	Spool     int            // bytes of a body that are read before it counts as arrived, default 1 MiB
	UserAgent string         // default argo
	Jitter    func() float64 // in [0, 1); default random
}

// Request to the source.
type Request struct {
	Method string
	Path   string // appended to BaseURL, already escaped
	Query  url.Values
	Head   http.Header
	Body   []byte
	Type   string // of Body, default application/json
	// Write marks a request that changes something: it is repeated only where
	// it certainly had no effect (nothing was sent, or Class.Safe).
	Write  bool
	Limits []Limit // from the widest to the narrowest
	// Account is that of the log of calls, where it is not the scan's (About).
	Account string
	// Object names what the request is about, for messages: "account 111".
	Object string
}

// Reply is what Classify judges. Body is the beginning of the body, at most
// Options.Spool bytes; Whole says that it is all of it.
type Reply struct {
	About   string // the source and the object, for messages: "Google Ads account 111"
	Request *Request
	Status  int
	Head    http.Header
	Body    []byte
	Whole   bool
	Now     time.Time
}

// Class of a reply. The zero Class accepts the reply.
type Class struct {
	Fault      *fault.Error  // what a person is told if this is the end
	Retry      bool          // the same request may succeed a little later
	RetryAfter time.Duration // not before; 0: the backoff decides
	Renew      bool          // the credential expired: renew it and repeat
	// Safe says that the source did not act on the request, so that even a
	// write may be repeated.
	Safe bool
}

// ErrNotApplied is in the chain of the error of a write that certainly had no
// effect: nothing of it was sent, or the source said that it did not act on it.
var ErrNotApplied = errors.New("nothing was changed")

// Client is safe for concurrent use.
type Client struct {
	o    Options
	http *http.Client
	// writes travel on connections of their own: one that was kept and that the
	// server has just closed would leave the outcome of a change unknown.
	writes  *http.Client
	line    line
	process string // names the client among those that share its budgets
	serial  atomic.Int64
	secrets func() []string
}

// New makes a client; it sends nothing.
func New(o Options) *Client {
	o.Attempts = cmp.Or(o.Attempts, 5)
	o.Backoff = cmp.Or(o.Backoff, 500*time.Millisecond)
	o.MaxWait = cmp.Or(o.MaxWait, 2*time.Minute)
	o.FirstByte = cmp.Or(o.FirstByte, 5*time.Minute)
	o.Idle = cmp.Or(o.Idle, time.Minute)
	o.MaxBody = cmp.Or(o.MaxBody, 4<<30)
	o.Spool = cmp.Or(o.Spool, 1<<20)
	o.UserAgent = cmp.Or(o.UserAgent, "argo")
	o.BaseURL = strings.TrimRight(o.BaseURL, "/")
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Classify == nil {
		o.Classify = Classify
	}
	if o.Jitter == nil {
		o.Jitter = mrand.Float64
	}
	if o.Quotas == nil {
		o.Quotas = &memory{states: map[string][]byte{}}
	}
	c := &Client{o: o, http: NewHTTP(o.HTTP), process: rand.Text()[:10] + "-"}
	if o.Elsewhere {
		strict := c.http.CheckRedirect
		c.http.CheckRedirect = func(to *http.Request, via []*http.Request) error {
			last := via[len(via)-1]
			if to.Method != http.MethodGet || to.URL.Host == last.URL.Host || len(via) > 5 || last.URL.Scheme == "https" && to.URL.Scheme != "https" {
				return strict(to, via)
			}
			to.Header = http.Header{"User-Agent": {o.UserAgent}, "Accept-Encoding": {"gzip"}}
			return nil
		}
	}
	c.writes = c.http
	if t, ok := c.http.Transport.(*http.Transport); ok {
		t = t.Clone()
		t.DisableKeepAlives = true
		own := *c.http
		own.Transport = t
		c.writes = &own
	}
	c.secrets = func() []string {
		if o.Auth == nil {
			return o.Secrets
		}
		return append(o.Auth.Secrets(), o.Secrets...)
	}
	return c
}

// NewHTTP gives a client with the transport of h (nil: one with Argo's connect
// timeouts) that follows redirects only within a host: credentials in headers
// such as developer-token would travel along.
func NewHTTP(h *http.Client) *http.Client {
	out := &http.Client{}
	if h != nil {
		*out = *h
	}
	if out.Transport == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.DialContext = (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext
		t.TLSHandshakeTimeout = 10 * time.Second
		t.MaxIdleConnsPerHost = 16
		t.DisableCompression = true // the client asks for gzip itself, to count what travelled
		out.Transport = t
	}
	out.Timeout = 0
	out.CheckRedirect = func(to *http.Request, via []*http.Request) error {
		from := via[0]
		switch {
		case len(via) > 5:
			return errRedirect("more than five redirects")
		case to.URL.Scheme != from.URL.Scheme || to.URL.Host != from.URL.Host:
			return errRedirect("a redirect to another host, " + to.URL.Host + ", is not followed")
		case from.Method != http.MethodGet && from.Method != http.MethodHead:
			return errRedirect("a redirect of a " + from.Method + " is not followed")
		}
		return nil
	}
	return out
}

type errRedirect string

func (e errRedirect) Error() string { return string(e) }

// Do sends r until a reply is accepted. The caller closes the body. Faults:
// what Classify gave; Unavailable (unreachable, cut, slow), Throttled,
// Canceled, Timeout; Unknown for a write whose outcome is not known.
func (c *Client) Do(ctx context.Context, r Request) (*Response, error) {
	renewed := false
	for attempt, tries := 1, 1; ; attempt, tries = attempt+1, tries+1 {
		took, no := c.admit(ctx, &r)
		if no != nil {
			return nil, r.end(no, true)
		}
		log := c.begin(ctx, &r, took, tries)
		res, tag, sent, err := c.once(ctx, &r, log)
		var class Class
		var seen []Observation
		if err != nil {
			class = c.broken(ctx, &r, err, sent)
		} else {
			reply := Reply{c.about(&r), &r, res.Status, res.Head, res.Body.spool, res.Body.whole, c.o.Now()}
			class = c.o.Classify(reply)
			if c.o.Observe != nil {
				seen = c.o.Observe(reply)
			}
		}
		c.settle(ctx, took, sent, seen)
		if err == nil {
			if class.Fault == nil && !class.Renew {
				return res, nil
			}
			if res.Err = errRenew; class.Fault != nil {
				res.Err = class.Fault
			}
			res.Body.Close()
		} else {
			log.end(0, class.Fault)
		}
		if class.Renew && !renewed && c.o.Auth != nil && c.o.Auth.Renew(tag) {
			renewed, attempt = true, attempt-1
			continue
		}
		if class.Fault == nil {
			class.Fault = fault.New(fault.Auth, "%s does not accept the credential", c.about(&r))
		}
		f := c.clean(class.Fault)
		f.RetryAfter = max(f.RetryAfter, class.RetryAfter)
		if r.Write && !class.Safe && (err != nil || class.Retry) {
			return nil, fault.Wrap(fault.Unknown, f, "%s: a change was sent and its outcome is not known", c.about(&r))
		}
		wait := c.wait(attempt, class.RetryAfter)
		switch {
		case !class.Retry || attempt >= c.o.Attempts:
			return nil, r.end(f, class.Safe)
		case wait > c.o.MaxWait:
			if f.Hint == "" {
				f.Hint = "try again in " + f.RetryAfter.Round(time.Second).String()
			}
			return nil, r.end(f, class.Safe)
		}
		c.o.Log.DebugContext(ctx, "request is repeated", "source", c.o.Name, "path", r.Path, "attempt", attempt, "wait", wait, "kind", f.Kind)
		if err := c.o.Sleep(ctx, wait); err != nil {
			return nil, r.end(c.canceled(ctx, &r), class.Safe)
		}
	}
}

// end marks the error of a write that had no effect.
func (r *Request) end(f *fault.Error, safe bool) error {
	if r.Write && safe {
		f.Err = notApplied{cmp.Or(f.Err, ErrNotApplied)}
	}
	return f
}

type notApplied struct{ error }

func (n notApplied) Unwrap() []error { return []error{n.error, ErrNotApplied} }

// wait before the next attempt: half of the backoff is fixed, half is chance,
// so that clients that failed together do not come back together.
func (c *Client) wait(attempt int, after time.Duration) time.Duration {
	if after > 0 {
		return after + time.Duration(c.o.Jitter()*float64(min(after/10, time.Second)))
	}
	d := min(c.o.Backoff<<(attempt-1), 30*time.Second)
	return d/2 + time.Duration(c.o.Jitter()*float64(d/2))
}

// once sends r one time. tag is what Auth gave for this request; sent says
// that a byte of it may have left.
func (c *Client) once(ctx context.Context, r *Request, log *entry) (res *Response, tag string, sent bool, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer func() {
		if err != nil {
			if cause := context.Cause(ctx); errors.Is(cause, errSlow) {
				err = cause
			}
			cancel(nil)
		}
	}()
	var wrote atomic.Bool
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteHeaderField: func(string, []string) { wrote.Store(true) },
		WroteHeaders:     func() { wrote.Store(true) },
	})
	u := c.o.BaseURL + r.Path
	if len(r.Query) > 0 {
		u += "?" + r.Query.Encode()
	}
	var body io.Reader
	if r.Body != nil {
		body = bytes.NewReader(r.Body)
	}
	q, err := http.NewRequestWithContext(traced, cmp.Or(r.Method, http.MethodGet), u, body)
	if err != nil {
		return nil, "", false, errRequest
	}
	if r.Write {
		q.GetBody = nil // the transport must not repeat it on its own
	}
	for _, h := range []http.Header{c.o.Head, r.Head} {
		for k, v := range h {
			q.Header[http.CanonicalHeaderKey(k)] = v
		}
	}
	q.Header.Set("User-Agent", c.o.UserAgent)
	q.Header.Set("Accept-Encoding", "gzip")
	if r.Body != nil {
		q.Header.Set("Content-Type", cmp.Or(r.Type, "application/json"))
	}
	if c.o.Auth != nil {
		if tag, err = c.o.Auth.Set(ctx, q); err != nil {
			return nil, tag, false, err
		}
	}
	log.sent()
	slow := time.AfterFunc(c.o.FirstByte, func() { cancel(fmt.Errorf("%w: no reply after %s", errSlow, c.o.FirstByte)) })
	send := c.http
	if r.Write {
		send = c.writes
	}
	p, err := send.Do(q)
	slow.Stop()
	if err != nil {
		return nil, tag, wrote.Load(), err
	}
	log.call.Status = p.StatusCode
	b, err := c.body(ctx, cancel, p, log)
	if err != nil {
		return nil, tag, true, err
	}
	res = &Response{Status: p.StatusCode, Head: p.Header, Body: b}
	b.closed = func() { log.end(res.Rows, cmp.Or(res.Err, b.failed)) }
	return res, tag, true, nil
}

var (
	errSlow    = errors.New("the source is too slow")
	errRenew   = fault.New(fault.Auth, "the credential has expired")
	errRequest = errors.New("the base URL of the connection is not a URL")
)

// broken is the class of a request that got no reply or a reply that was cut.
func (c *Client) broken(ctx context.Context, r *Request, err error, sent bool) Class {
	if ctx.Err() != nil {
		return Class{Fault: c.canceled(ctx, r), Safe: !sent}
	}
	if f := fault.As(err); f != nil { // the credential could not be had
		return Class{Fault: f, Safe: true}
	}
	f := &fault.Error{Kind: fault.Unavailable, Message: c.about(r) + " could not be read", Err: err}
	var (
		redirect errRedirect
		dns      *net.DNSError
		cert     *tls.CertificateVerificationError
		header   tls.RecordHeaderError
	)
	retry := true
	switch {
	case errors.Is(err, errRequest):
		f.Kind, retry = fault.Config, false
	case errors.As(err, &redirect):
		retry = false
		f.WithHint("base_url of the connection should name the host that answers")
	case errors.As(err, &cert), errors.As(err, &header):
		retry = false
		f.WithHint("check base_url and the certificates of this machine")
	case errors.As(err, &dns) && dns.IsNotFound:
		retry = false
		f.WithHint("check base_url and the network of this machine")
	}
	return Class{Fault: f, Retry: retry, Safe: !sent}
}

func (c *Client) about(r *Request) string {
	if r.Object == "" {
		return c.o.Name
	}
	return c.o.Name + " " + r.Object
}

func (c *Client) canceled(ctx context.Context, r *Request) *fault.Error {
	return givenUp(ctx, c.about(r))
}

// givenUp is the fault of a context that ended.
func givenUp(ctx context.Context, about string) *fault.Error {
	kind := fault.Canceled
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		kind = fault.Timeout
	}
	return &fault.Error{Kind: kind, Message: about + ": the request was given up", Err: cmp.Or(ctx.Err(), context.Canceled)}
}

// clean copies f with texts that repeat neither a secret nor the URL of a
// request.
func (c *Client) clean(f *fault.Error) *fault.Error {
	out := *f
	out.Message, out.Hint = c.Redact(out.Message), c.Redact(out.Hint)
	if out.Err != nil {
		var u *url.Error
		text := out.Err.Error()
		if errors.As(out.Err, &u) {
			text = u.Err.Error()
		}
		out.Err = redacted{c.Redact(text), out.Err}
	}
	return &out
}

// redacted is an error with another text; what it is stays visible to Is and As
// for the few errors that carry no text of the source.
type redacted struct {
	text string
	err  error
}

func (r redacted) Error() string { return r.text }

func (r redacted) Is(target error) bool {
	switch target {
	case context.Canceled, context.DeadlineExceeded, io.ErrUnexpectedEOF:
		return errors.Is(r.err, target)
	}
	return false
}

// Redact replaces every secret in text.
func (c *Client) Redact(text string) string {
	for _, s := range c.secrets() {
		if len(s) < 3 { // would take every text apart
			continue
		}
		text = strings.ReplaceAll(text, s, "[secret]")
		if q := url.QueryEscape(s); q != s {
			text = strings.ReplaceAll(text, q, "[secret]")
		}
	}
	return text
}

// Classify is the meaning of plain HTTP: what most sources share.
func Classify(r Reply) Class {
	switch s := r.Status; {
	case s < 300:
		return Class{}
	case s == http.StatusUnauthorized:
		return Class{Renew: true, Fault: r.Fault(fault.Auth, "does not accept the credential"), Safe: true}
	case s == http.StatusForbidden:
		return Class{Fault: r.Fault(fault.Denied, "denies access")}
	case s == http.StatusNotFound || s == http.StatusGone:
		return Class{Fault: r.Fault(fault.NotFound, "does not know what was asked for")}
	case s == http.StatusTooManyRequests:
		return Class{Retry: true, Safe: true, RetryAfter: r.RetryAfter(), Fault: r.Fault(fault.Throttled, "says that there were too many requests")}
	case s == http.StatusRequestTimeout || s == http.StatusTooEarly || s >= 500:
		return Class{Retry: true, RetryAfter: r.RetryAfter(), Fault: r.Fault(fault.Unavailable, "is unavailable")}
	}
	return Class{Fault: r.Fault(fault.Invalid, "refuses the request")}
}

// Fault makes the fault of a reply: "Google Ads account 111 denies access
// (HTTP 403)".
func (r Reply) Fault(kind fault.Kind, sentence string) *fault.Error {
	return fault.New(kind, "%s %s (HTTP %d)", r.About, sentence, r.Status)
}

// RetryAfter reads the header of that name: seconds or an HTTP date.
func (r Reply) RetryAfter() time.Duration {
	v := strings.TrimSpace(r.Head.Get("Retry-After"))
	if n, err := strconv.ParseFloat(v, 64); err == nil && n >= 0 && n < 1e8 {
		return time.Duration(n * float64(time.Second))
	}
	if t, err := http.ParseTime(v); err == nil {
		return max(0, t.Sub(r.Now))
	}
	return 0
}
