package rest_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"argo/tables"
	"argo/tables/fault"
	"argo/tables/rest"
)

// clock is virtual: a sleep moves it on.
type clock struct {
	mu    sync.Mutex
	now   time.Time
	slept []time.Duration
}

func newClock() *clock { return &clock{now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.now }

func (c *clock) Sleep(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	c.slept = append(c.slept, d)
	return ctx.Err()
}

func (c *clock) total() (d time.Duration) {
	for _, s := range c.slept {
		d += s
	}
	return d
}

func serve(t *testing.T, h http.HandlerFunc, change func(*rest.Options)) (*rest.Client, *clock) {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	k := newClock()
	o := rest.Options{Name: "Vendor", BaseURL: server.URL, Now: k.Now, Sleep: k.Sleep, Jitter: func() float64 { return 0.5 }}
	if change != nil {
		change(&o)
	}
	return rest.New(o), k
}

func get(t *testing.T, c *rest.Client, r rest.Request) (string, error) {
	t.Helper()
	res, err := c.Do(t.Context(), r)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return string(b), err
}

// script answers one request after the other.
func script(n *atomic.Int32, steps ...func(w http.ResponseWriter, r *http.Request)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		i := int(n.Add(1)) - 1
		steps[min(i, len(steps)-1)](w, r)
	}
}

func status(code int, head ...string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, r *http.Request) {
		for i := 0; i+1 < len(head); i += 2 {
			w.Header().Set(head[i], head[i+1])
		}
		w.WriteHeader(code)
	}
}

func say(text string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, text) }
}

// cut promises more than it sends.
func cut(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Length", "1000")
	io.WriteString(w, "only this")
	w.(http.Flusher).Flush()
	panic(http.ErrAbortHandler)
}

func TestRetry(t *testing.T) {
	for _, c := range []struct {
		name  string
		steps []func(http.ResponseWriter, *http.Request)
		write bool
		calls int32
		waits string
		kind  fault.Kind
		after time.Duration
		safe  bool
	}{
		{"ok", []func(http.ResponseWriter, *http.Request){say("x")}, false, 1, "[]", "", 0, false},
		{"unavailable twice", []func(http.ResponseWriter, *http.Request){status(503), status(500), say("x")}, false, 3, "[375ms 750ms]", "", 0, false},
		{"unavailable for ever", []func(http.ResponseWriter, *http.Request){status(502)}, false, 5, "[375ms 750ms 1.5s 3s]", fault.Unavailable, 0, false},
		{"cut, then whole", []func(http.ResponseWriter, *http.Request){cut, say("x")}, false, 2, "[375ms]", "", 0, false},
		{"cut for ever", []func(http.ResponseWriter, *http.Request){cut}, false, 5, "[375ms 750ms 1.5s 3s]", fault.Unavailable, 0, false},
		{"throttled for seconds", []func(http.ResponseWriter, *http.Request){status(429, "Retry-After", "7"), say("x")}, false, 2, "[7.35s]", "", 0, false},
		{"throttled for hours", []func(http.ResponseWriter, *http.Request){status(429, "Retry-After", "7200")}, false, 1, "[]", fault.Throttled, 2 * time.Hour, false},
		{"throttled until a date", []func(http.ResponseWriter, *http.Request){status(429, "Retry-After", "Sun, 22 Nov 2026 12:00:30 GMT"), say("x")}, false, 2, "[30.5s]", "", 0, false},
		{"denied", []func(http.ResponseWriter, *http.Request){status(403)}, false, 1, "[]", fault.Denied, 0, false},
		{"not found", []func(http.ResponseWriter, *http.Request){status(404)}, false, 1, "[]", fault.NotFound, 0, false},
		{"invalid", []func(http.ResponseWriter, *http.Request){status(400)}, false, 1, "[]", fault.Invalid, 0, false},
		{"a write after 500 is not repeated", []func(http.ResponseWriter, *http.Request){status(500), say("x")}, true, 1, "[]", fault.Unknown, 0, false},
		{"a write whose reply was cut is not repeated", []func(http.ResponseWriter, *http.Request){cut, say("x")}, true, 1, "[]", fault.Unknown, 0, false},
		{"a write after 429 is repeated", []func(http.ResponseWriter, *http.Request){status(429), say("x")}, true, 2, "[375ms]", "", 0, false},
		{"a write throttled for hours did nothing", []func(http.ResponseWriter, *http.Request){status(429, "Retry-After", "7200")}, true, 1, "[]", fault.Throttled, 2 * time.Hour, true},
		{"a write that is refused", []func(http.ResponseWriter, *http.Request){status(400)}, true, 1, "[]", fault.Invalid, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var n atomic.Int32
			client, k := serve(t, script(&n, c.steps...), nil)
			body := []byte(nil)
			if c.write {
				body = []byte("{}")
			}
			text, err := get(t, client, rest.Request{Method: map[bool]string{true: "POST", false: "GET"}[c.write], Path: "/x", Body: body, Write: c.write, Object: "account 7"})
			if fault.KindOf(err) != c.kind || err == nil && text != "x" {
				t.Fatalf("got %q, %v; want a fault of kind %q", text, err, c.kind)
			}
			if n.Load() != c.calls || fmt.Sprint(k.slept) != c.waits {
				t.Errorf("%d calls with the waits %v, want %d with %s", n.Load(), k.slept, c.calls, c.waits)
			}
			if err != nil && fault.As(err).RetryAfter != c.after {
				t.Errorf("RetryAfter %s, want %s", fault.As(err).RetryAfter, c.after)
			}
			if errors.Is(err, rest.ErrNotApplied) != c.safe {
				t.Errorf("not applied: %v, want %v (%v)", !c.safe, c.safe, err)
			}
			if err != nil && !strings.Contains(err.Error(), "account 7") {
				t.Errorf("%q does not name its object", err)
			}
		})
	}
}

func TestUnreachable(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	k := newClock()
	c := rest.New(rest.Options{Name: "Vendor", BaseURL: server.URL, Now: k.Now, Sleep: k.Sleep})
	_, err := c.Do(t.Context(), rest.Request{Path: "/x", Query: map[string][]string{"token": {"s3cret"}}})
	if !fault.Is(err, fault.Unavailable) || len(k.slept) != 4 {
		t.Errorf("%v after %v", err, k.slept)
	}
	if strings.Contains(err.Error(), "s3cret") {
		t.Errorf("the query is in %q", err)
	}
	_, err = c.Do(t.Context(), rest.Request{Method: "POST", Path: "/x", Body: []byte("{}"), Write: true})
	if !fault.Is(err, fault.Unavailable) || !errors.Is(err, rest.ErrNotApplied) {
		t.Errorf("a write that was never sent: %v", err)
	}
}

func TestCancel(t *testing.T) {
	arrived, gone := make(chan bool), make(chan bool)
	c, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		if r.URL.Path == "/stream" {
			w.Write(bytes.Repeat([]byte("x"), 2<<20))
			w.(http.Flusher).Flush()
		}
		arrived <- true
		<-r.Context().Done()
		gone <- true
	}, nil)
	ctx, stop := context.WithCancel(t.Context())
	go func() { <-arrived; stop() }()
	_, err := c.Do(ctx, rest.Request{Path: "/x"})
	if !fault.Is(err, fault.Canceled) || !errors.Is(err, context.Canceled) {
		t.Errorf("a request that was canceled: %v", err)
	}
	<-gone // the server saw it

	ctx, stop = context.WithCancel(t.Context())
	go func() { <-arrived; stop() }()
	if _, err = c.Do(ctx, rest.Request{Method: "POST", Path: "/x", Body: []byte("{}"), Write: true}); !fault.Is(err, fault.Unknown) {
		t.Errorf("a write that was canceled under way: %v", err)
	}
	<-gone

	ctx, stop = context.WithCancel(t.Context())
	res, err := c.Do(ctx, rest.Request{Path: "/stream"})
	if err != nil {
		t.Fatal(err)
	}
	go func() { <-arrived; stop() }()
	if _, err := io.Copy(io.Discard, res.Body); !fault.Is(err, fault.Canceled) {
		t.Errorf("a body that was canceled: %v", err)
	}
	res.Body.Close()
	<-gone
}

func TestSlow(t *testing.T) {
	stop := make(chan bool)
	defer close(stop)
	c, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/body" {
			w.Write(bytes.Repeat([]byte("x"), 2<<20))
			w.(http.Flusher).Flush()
		}
		select {
		case <-stop:
		case <-r.Context().Done():
		}
	}, func(o *rest.Options) { o.FirstByte, o.Idle, o.Attempts = 30*time.Millisecond, 30*time.Millisecond, 2 })
	if _, err := c.Do(t.Context(), rest.Request{Path: "/header"}); !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "no reply after") {
		t.Errorf("a header that never comes: %v", err)
	}
	res, err := c.Do(t.Context(), rest.Request{Path: "/body"})
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "stood still") {
		t.Errorf("a body that stands still: %v", err)
	}
}

func TestBody(t *testing.T) {
	big := strings.Repeat("0123456789", 400_000)
	c, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") != "gzip" || r.Header.Get("User-Agent") != "argo" || r.Header.Get("X-Static") != "yes" {
			t.Errorf("headers %v", r.Header)
		}
		switch r.URL.Path {
		case "/gzip", "/torn":
			w.Header().Set("Content-Encoding", "gzip")
			var b bytes.Buffer
			z := gzip.NewWriter(&b)
			io.WriteString(z, big)
			z.Close()
			if r.URL.Path == "/torn" {
				b.Truncate(b.Len() - 20)
			}
			w.Write(b.Bytes())
		case "/cut":
			w.Header().Set("Content-Length", fmt.Sprint(len(big)+1))
			io.WriteString(w, big)
		case "/big":
			io.WriteString(w, big+big)
		}
	}, func(o *rest.Options) {
		o.MaxBody, o.Head, o.Attempts = 5_000_000, http.Header{"x-static": {"yes"}}, 1
	})
	trace := &tables.Trace{}
	ctx := tables.WithTrace(t.Context(), trace)
	res, err := c.Do(ctx, rest.Request{Path: "/gzip"})
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(res.Body)
	if string(b) != big || err != nil {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	if cost := trace.Cost(); cost.Calls != 1 || cost.Bytes == 0 || cost.Bytes > 100_000 {
		t.Errorf("the trace counts %+v; the bytes are those that travelled", cost)
	}
	for path, want := range map[string]fault.Kind{"/torn": fault.Unavailable, "/cut": fault.Unavailable, "/big": fault.Broken} {
		if _, err := get(t, c, rest.Request{Path: path}); !fault.Is(err, want) {
			t.Errorf("%s: %v, want %s", path, err, want)
		}
	}
}

func TestRedirect(t *testing.T) {
	var stolen atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { stolen.Add(1) }))
	defer other.Close()
	c, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/away":
			http.Redirect(w, r, other.URL, http.StatusFound)
		case "/near":
			http.Redirect(w, r, "/here", http.StatusFound)
		default:
			io.WriteString(w, "here")
		}
	}, func(o *rest.Options) { o.Head = http.Header{"developer-token": {"dev"}} })
	if _, err := get(t, c, rest.Request{Path: "/away"}); !fault.Is(err, fault.Unavailable) || stolen.Load() != 0 {
		t.Errorf("a redirect to another host: %v, %d requests arrived there", err, stolen.Load())
	}
	var leaked http.Header
	store := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		leaked = r.Header
		io.WriteString(w, "a file")
	}))
	defer store.Close()
	open, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, store.URL+"/?signature=x", http.StatusFound)
	}, func(o *rest.Options) {
		o.Head, o.Auth, o.Elsewhere = http.Header{"developer-token": {"dev"}}, rest.Bearer("s3cret"), true
	})
	if text, err := get(t, open, rest.Request{Path: "/away"}); text != "a file" || err != nil || leaked.Get("Authorization")+leaked.Get("Developer-Token")+leaked.Get("Referer") != "" {
		t.Errorf("a download elsewhere: %q, %v, headers %v", text, err, leaked)
	}
	if text, err := get(t, c, rest.Request{Path: "/near"}); text != "here" || err != nil {
		t.Errorf("a redirect on the host: %q, %v", text, err)
	}
	if _, err := get(t, c, rest.Request{Method: "POST", Path: "/near", Body: []byte("{}"), Write: true}); err == nil {
		t.Error("a write follows a redirect")
	}
}

// tokens is a token endpoint and an API that accepts the last token given.
type tokens struct {
	mu       sync.Mutex
	given    int
	valid    string
	grants   atomic.Int32
	fail     func(w http.ResponseWriter) bool
	lifetime int
}

func (s *tokens) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.URL.Path == "/token" {
		s.grants.Add(1)
		if s.fail != nil && s.fail(w) {
			return
		}
		r.ParseForm()
		if r.Form.Get("grant_type") != "refresh_token" || r.Form.Get("refresh_token") != "refresh" || r.Form.Get("client_id") != "id" || r.Form.Get("client_secret") != "hush" {
			w.WriteHeader(401)
			return
		}
		s.given++
		s.valid = fmt.Sprintf("access-%d", s.given)
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"access_token":%q,"expires_in":%d,"token_type":"Bearer"}`, s.valid, s.lifetime)
		return
	}
	if r.Header.Get("Authorization") != "Bearer "+s.valid {
		w.WriteHeader(401)
		return
	}
	io.WriteString(w, s.valid)
}

func oauth(t *testing.T, s *tokens) (*rest.Client, *clock) {
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	k := newClock()
	return rest.New(rest.Options{Name: "Vendor", BaseURL: server.URL, Now: k.Now, Sleep: k.Sleep, Auth: &rest.OAuth{
		Name: "Vendor", TokenURL: server.URL + "/token", ClientID: "id", ClientSecret: "hush", RefreshToken: "refresh", Now: k.Now, Sleep: k.Sleep, Dead: "argo check",
	}}), k
}

func TestOAuth(t *testing.T) {
	s := &tokens{lifetime: 3599}
	c, k := oauth(t, s)
	want := func(text string, grants int32) {
		t.Helper()
		got, err := get(t, c, rest.Request{Path: "/x"})
		if got != text || err != nil || s.grants.Load() != grants {
			t.Fatalf("%q, %v after %d grants; want %q after %d", got, err, s.grants.Load(), text, grants)
		}
	}
	want("access-1", 1)
	want("access-1", 1) // kept
	k.Sleep(t.Context(), 58*time.Minute)
	want("access-1", 1)
	k.Sleep(t.Context(), 2*time.Minute) // by our clock, before the server says so
	want("access-2", 2)
	s.mu.Lock()
	s.valid = "another" // the server forgot it
	s.mu.Unlock()
	want("access-3", 3)
	s.fail = func(w http.ResponseWriter) bool { return s.grants.Load()%2 == 0 && status503(w) }
	s.mu.Lock()
	s.valid = "another"
	s.mu.Unlock()
	want("access-4", 5) // the endpoint was down once
}

func status503(w http.ResponseWriter) bool { w.WriteHeader(503); return true }

func TestOAuthSingleFlight(t *testing.T) {
	s := &tokens{lifetime: 3599}
	c, _ := oauth(t, s)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if _, err := get(t, c, rest.Request{Path: "/x"}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := s.grants.Load(); n != 1 {
		t.Errorf("%d exchanges for 20 requests", n)
	}
}

func TestOAuthFaults(t *testing.T) {
	for _, c := range []struct {
		status int
		body   string
		kind   fault.Kind
		grants int32
	}{
		{400, `{"error":"invalid_grant","error_description":"Token refresh has been revoked"}`, fault.Auth, 1},
		{401, `{"error":"invalid_client"}`, fault.Auth, 1},
		{403, `<html>refresh hush</html>`, fault.Auth, 1},
		{500, `refresh hush`, fault.Unavailable, 3},
		{200, `{"expires_in":3599}`, fault.Unavailable, 3},
	} {
		s := &tokens{fail: func(w http.ResponseWriter) bool {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(c.status)
			io.WriteString(w, c.body)
			return true
		}}
		client, _ := oauth(t, s)
		_, err := get(t, client, rest.Request{Path: "/x"})
		if !fault.Is(err, c.kind) || s.grants.Load() != c.grants {
			t.Errorf("%d %s: %v after %d grants, want %s after %d", c.status, c.body, err, s.grants.Load(), c.kind, c.grants)
		}
		if strings.Contains(err.Error(), "hush") || strings.Contains(err.Error(), "refresh hush") {
			t.Errorf("a secret is in %q", err)
		}
		if c.kind == fault.Auth && fault.As(err).Hint != "argo check" {
			t.Errorf("%v has no hint", err)
		}
	}
}

func TestSecretsStayOut(t *testing.T) {
	c, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(400)
		io.WriteString(w, "you sent "+r.Header.Get("Authorization")+" and "+r.URL.RawQuery)
	}, func(o *rest.Options) {
		o.Auth, o.Secrets = rest.Bearer("t0p/s3cret"), []string{"d3v"}
		o.Classify = func(r rest.Reply) rest.Class {
			f := fault.New(fault.Invalid, "%s", r.Body)
			f.Err, f.Hint = errors.New(string(r.Body)), string(r.Body)
			return rest.Class{Fault: f}
		}
	})
	_, err := get(t, c, rest.Request{Path: "/x", Query: map[string][]string{"token": {"t0p/s3cret"}, "d": {"d3v"}}})
	if text := fmt.Sprintf("%v %+v", err, fault.As(err)); strings.Contains(text, "s3cret") || strings.Contains(text, "d3v") {
		t.Errorf("a secret is in %s", text)
	}
}

func TestPages(t *testing.T) {
	pages := map[string]struct {
		items []int
		next  string
	}{"": {[]int{1, 2}, "b"}, "b": {nil, "c"}, "c": {[]int{3}, ""}}
	var got []int
	for i, err := range rest.Pages(t.Context(), func(_ context.Context, token string) ([]int, string, error) {
		return pages[token].items, pages[token].next, nil
	}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, i)
	}
	if fmt.Sprint(got) != "[1 2 3]" {
		t.Errorf("%v", got)
	}
	var last error
	for _, err := range rest.Pages(t.Context(), func(context.Context, string) ([]int, string, error) { return []int{1}, "same", nil }) {
		last = err
	}
	if !fault.Is(last, fault.Broken) {
		t.Errorf("pages in a circle: %v", last)
	}
}
