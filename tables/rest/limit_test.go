package rest_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"argo/tables"
	"argo/tables/fault"
	"argo/tables/rest"
)

// store is tables.Quotas as two processes share one.
type store struct {
	mu     sync.Mutex
	states map[string][]byte
}

func (s *store) Update(_ context.Context, keys []string, f func(map[string][]byte) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	states := map[string][]byte{}
	for _, k := range keys {
		if x, ok := s.states[k]; ok {
			states[k] = slices.Clone(x)
		}
	}
	if err := f(states); err != nil {
		return err
	}
	for k, x := range states {
		s.states[k] = x
	}
	return nil
}

func (s *store) All(context.Context) (map[string][]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[string][]byte{}
	for k, x := range s.states {
		out[k] = x
	}
	return out, nil
}

func (s *store) budget(t *testing.T, key string, now time.Time) rest.Budget {
	t.Helper()
	all, _ := s.All(t.Context())
	for _, b := range rest.Budgets(all, now) {
		if b.Scope == key {
			return b
		}
	}
	t.Fatalf("there is no budget %s in %d", key, len(all))
	return rest.Budget{}
}

func TestLimits(t *testing.T) {
	q := &store{states: map[string][]byte{}}
	c, k := serve(t, say("x"), func(o *rest.Options) { o.Quotas = q })
	minute := []rest.Limit{{Key: "app/report", Law: rest.Rolling(1, time.Minute)}}
	for range 3 {
		if _, err := get(t, c, rest.Request{Limits: minute}); err != nil {
			t.Fatal(err)
		}
	}
	if d := k.total(); d < 2*time.Minute || d > 2*time.Minute+2*time.Second {
		t.Errorf("three calls of one a minute waited %s", d)
	}
	day := []rest.Limit{{Key: "account", Law: rest.Daily(100, "")}, {Key: "app", Law: rest.Daily(2, "")}}
	for i := range 3 {
		_, err := get(t, c, rest.Request{Limits: day})
		if i < 2 != (err == nil) {
			t.Errorf("call %d of two a day: %v", i+1, err)
		}
		if i == 2 && (!fault.Is(err, fault.Throttled) || fault.As(err).RetryAfter.Round(time.Minute) != 12*time.Hour-2*time.Minute) {
			t.Errorf("the third call of two a day: %v, in %s", err, fault.As(err).RetryAfter)
		}
	}
	if b := q.budget(t, "account", k.Now()); b.Used != 2 || b.Available != 98 {
		t.Errorf("a request that one budget refuses takes nothing from the others: %+v", b)
	}
	if b := q.budget(t, "app", k.Now()); b.Parent != "account" || b.Used != 2 || b.Law != "2 a day of UTC" {
		t.Errorf("%+v", b)
	}
	k.Sleep(t.Context(), 12*time.Hour)
	if _, err := get(t, c, rest.Request{Limits: day}); err != nil {
		t.Errorf("the next day: %v", err)
	}
	if _, err := get(t, c, rest.Request{Limits: []rest.Limit{{Key: "small", Law: rest.Daily(5, ""), Units: 6}}}); !fault.Is(err, fault.Refused) {
		t.Errorf("more than there ever is: %v", err)
	}
	// Another client, as after a restart, has what is left.
	d, other := serve(t, say("x"), func(o *rest.Options) { o.Quotas = q })
	other.Sleep(t.Context(), k.Now().Sub(other.Now()))
	if _, err := get(t, d, rest.Request{Limits: day}); err != nil {
		t.Errorf("the second of the day in another process: %v", err)
	}
	if _, err := get(t, c, rest.Request{Limits: day}); !fault.Is(err, fault.Throttled) {
		t.Errorf("the third of the day: %v", err)
	}
}

func do(c *rest.Client, ctx context.Context, r rest.Request) error {
	res, err := c.Do(ctx, r)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, res.Body)
	res.Body.Close()
	return err
}

// What a reply parks is closed to every process that shares it, at once and
// with nothing sent, and opens by itself.
func TestPark(t *testing.T) {
	q := &store{states: map[string][]byte{}}
	var n atomic.Int32
	k := newClock()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n.Add(1) == 2 {
			w.WriteHeader(429)
		}
	}))
	defer server.Close()
	open := func() *rest.Client {
		return rest.New(rest.Options{Name: "Vendor", BaseURL: server.URL, Now: k.Now, Sleep: k.Sleep, Quotas: q, Attempts: 1,
			Observe: func(r rest.Reply) []rest.Observation {
				if r.Status != 429 {
					return nil
				}
				return []rest.Observation{{Key: "token", Until: r.Now.Add(3 * time.Hour), Reason: "the token is tired"}, {Key: "not mine", Used: 4}}
			}})
	}
	limits := func(account string) []rest.Limit {
		return []rest.Limit{{Key: "token", Law: rest.Rolling(0, 24*time.Hour)}, {Key: "token/" + account, Law: rest.Daily(100, "")}}
	}
	one, two := open(), open()
	ask := func(c *rest.Client, p tables.Purpose, account string) error {
		return do(c, tables.WithPurpose(t.Context(), p), rest.Request{Path: "/x", Limits: limits(account), Object: "account " + account})
	}
	if err := ask(one, tables.Asking, "1"); err != nil {
		t.Fatal(err)
	}
	if err := ask(one, tables.Asking, "1"); !fault.Is(err, fault.Throttled) {
		t.Fatal(err)
	}
	for _, p := range tables.Purposes {
		for _, c := range []*rest.Client{one, two} {
			err := ask(c, p, "2")
			if !fault.Is(err, fault.Throttled) || fault.As(err).RetryAfter != 3*time.Hour || !strings.Contains(err.Error(), "account 2 is parked: the token is tired") {
				t.Errorf("%s: %v", p, err)
			}
		}
	}
	if len(k.slept) > 0 || n.Load() != 2 {
		t.Errorf("slept %v, %d requests were sent", k.slept, n.Load())
	}
	if b := q.budget(t, "token", k.Now()); !b.ParkedUntil.Equal(k.Now().Add(3*time.Hour)) || b.Reason != "the token is tired" || b.Limit != 0 || b.Used != 2 {
		t.Errorf("%+v", b)
	}
	k.Sleep(t.Context(), 3*time.Hour-time.Minute)
	if err := ask(two, tables.Asking, "2"); err != nil || k.slept[len(k.slept)-1] != time.Minute {
		t.Errorf("a minute before it opens: %v, slept %v", err, k.slept)
	}
	if b := q.budget(t, "token", k.Now()); !b.ParkedUntil.IsZero() || b.Reason != "" {
		t.Errorf("%+v", b)
	}
}

// Usage that the headers of a reply tell counts before there is a 429.
func TestObserve(t *testing.T) {
	q := &store{states: map[string][]byte{}}
	c, k := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Usage", `{"call_count":97}`)
	}, func(o *rest.Options) {
		o.Quotas = q
		o.Observe = func(r rest.Reply) []rest.Observation {
			var percent float64
			fmt.Sscanf(r.Head.Get("X-Usage"), `{"call_count":%g}`, &percent)
			return []rest.Observation{{Key: r.Request.Limits[0].Key, Percent: percent}}
		}
	})
	r := rest.Request{Limits: []rest.Limit{{Key: "app", Law: rest.Rolling(200, time.Hour)}}}
	if _, err := get(t, c, r); err != nil {
		t.Fatal(err)
	}
	if b := q.budget(t, "app", k.Now()); b.Used != 194 || b.Available != 6 {
		t.Errorf("%+v", b)
	}
	if err := do(c, tables.WithPurpose(t.Context(), tables.Refreshing), r); !fault.Is(err, fault.Throttled) || fault.As(err).RetryAfter < 5*time.Minute {
		t.Errorf("what is left is kept for people: %v", err)
	}
	if err := do(c, tables.WithPurpose(t.Context(), tables.Acting), r); err != nil {
		t.Error(err)
	}
}

// A request that was not sent gives back what it took; one that gives up
// waiting has taken nothing.
func TestGiveBack(t *testing.T) {
	q := &store{states: map[string][]byte{}}
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	k := newClock()
	c := rest.New(rest.Options{Name: "Vendor", BaseURL: server.URL, Now: k.Now, Sleep: k.Sleep, Quotas: q, Attempts: 1})
	r := rest.Request{Limits: []rest.Limit{{Key: "day", Law: rest.Daily(2, "")}, {Key: "bucket", Law: rest.Bucket(time.Hour, 2)}}}
	for range 5 {
		if err := do(c, t.Context(), r); !fault.Is(err, fault.Unavailable) {
			t.Fatal(err)
		}
	}
	for _, key := range []string{"day", "bucket"} {
		if b := q.budget(t, key, k.Now()); b.Used != 0 {
			t.Errorf("nothing was sent: %+v", b)
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	d, other := serve(t, say("x"), func(o *rest.Options) {
		o.Sleep = func(context.Context, time.Duration) error { stop(); return context.Canceled }
	})
	slow := rest.Request{Limits: []rest.Limit{{Key: "m", Law: rest.Rolling(1, time.Minute)}}}
	if err := do(d, ctx, slow); err != nil {
		t.Fatal(err)
	}
	if err := do(d, ctx, slow); !fault.Is(err, fault.Canceled) {
		t.Errorf("a wait that is given up: %v", err)
	}
	other.Sleep(t.Context(), 61*time.Second)
	if err := do(d, t.Context(), slow); err != nil {
		t.Errorf("a minute later: %v", err)
	}
}

// Backfill waits as long as it takes; whoever came first in a purpose goes
// first, and the more urgent before the less.
func TestOrder(t *testing.T) {
	var mu sync.Mutex
	var order []string
	var asleep atomic.Int32
	k := newClock()
	moved := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		order = append(order, r.URL.Path[1:])
	}))
	defer server.Close()
	c := rest.New(rest.Options{Name: "Vendor", BaseURL: server.URL, Now: k.Now, MaxWait: 24 * time.Hour,
		Sleep: func(ctx context.Context, d time.Duration) error { // until the clock is there, or ctx ends
			until := k.Now().Add(d)
			asleep.Add(1)
			defer asleep.Add(-1)
			for k.Now().Before(until) {
				select {
				case <-ctx.Done():
					return ctx.Err()
				case <-moved:
				case <-time.After(time.Millisecond):
				}
			}
			return nil
		}})
	limits := []rest.Limit{{Key: "t", Law: rest.Rolling(1, 10*time.Minute)}}
	if err := do(c, t.Context(), rest.Request{Path: "/first", Limits: limits}); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for i, p := range []tables.Purpose{tables.Backfilling, tables.Backfilling, tables.Refreshing, tables.Asking, tables.Asking, tables.Acting} {
		all.Go(func() {
			if err := do(c, tables.WithPurpose(t.Context(), p), rest.Request{Path: fmt.Sprintf("/%s%d", p, i), Limits: limits}); err != nil {
				t.Error(err)
			}
		})
		for asleep.Load() != int32(i+1) {
			<-time.After(time.Millisecond)
		}
	}
	for want := int32(5); want >= 0; want-- {
		k.Sleep(t.Context(), 10*time.Minute+5*time.Second)
		for deadline := time.Now().Add(20 * time.Second); ; {
			mu.Lock()
			n := len(order)
			mu.Unlock()
			if n == 7-int(want) && asleep.Load() == want || time.Now().After(deadline) {
				break
			}
			<-time.After(time.Millisecond)
		}
	}
	all.Wait()
	if got := strings.Join(order, " "); got != "first action5 people3 people4 refresh2 backfill0 backfill1" {
		t.Error(got)
	}
}

func TestRecord(t *testing.T) {
	var calls []tables.Call
	var mu sync.Mutex
	record := func(c tables.Call) {
		mu.Lock()
		defer mu.Unlock()
		calls = append(calls, c)
	}
	var n atomic.Int32
	k := newClock()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/token" {
			w.Header().Set("Content-Type", "application/json")
			io.WriteString(w, `{"access_token":"s3cret-access","expires_in":3600}`)
			return
		}
		k.Sleep(r.Context(), 3*time.Second)
		if n.Add(1) == 1 {
			w.WriteHeader(503)
			io.WriteString(w, "s3cret-access is tired")
			return
		}
		io.WriteString(w, "12345")
	}))
	defer server.Close()
	c := rest.New(rest.Options{Name: "Vendor", BaseURL: server.URL, Now: k.Now, Sleep: k.Sleep, Connection: "shop", Record: record,
		Auth: &rest.OAuth{Name: "Vendor", TokenURL: server.URL + "/token", ClientID: "id", ClientSecret: "hush", RefreshToken: "refresh", Now: k.Now, Sleep: k.Sleep,
			Connection: "shop", Record: record},
		Classify: func(r rest.Reply) rest.Class {
			class := rest.Classify(r)
			if class.Fault != nil {
				class.Fault.Message += ": " + string(r.Body)
			}
			return class
		}})
	trace := &tables.Trace{Statement: "01ABC"}
	ctx := tables.WithTrace(tables.WithPurpose(t.Context(), tables.Refreshing), trace)
	ctx = rest.About(ctx, tables.Scan{Table: "ads", Account: "7", Days: tables.Days{From: "2026-11-01", To: "2026-11-02"}})
	res, err := c.Do(ctx, rest.Request{Path: "/report", Query: map[string][]string{"key": {"s3cret-access"}},
		Limits: []rest.Limit{{Key: "token", Law: rest.Daily(10, "")}, {Key: "token/7", Law: rest.Daily(10, ""), Units: 2}}})
	if err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, res.Body)
	res.Rows = 5
	res.Body.Close()
	res.Body.Close() // is recorded once
	if len(calls) != 3 {
		t.Fatalf("%+v", calls)
	}
	for i, want := range []string{
		"shop   . refresh POST /token [] 0 1 200 ok  0 0 0s 01ABC",
		"shop ads 7 2026-11-01 refresh GET /report [token token/7] 2 1 503 unavailable Vendor is unavailable (HTTP 503): [secret] is tired 0 22 3s 01ABC",
		"shop ads 7 2026-11-01 refresh GET /report [token token/7] 2 2 200 ok  5 5 3s 01ABC",
	} {
		c := calls[i]
		from := string(c.Days.From)
		if from == "" {
			from = "."
		}
		if got := fmt.Sprint(c.Connection, " ", c.Table, " ", c.Account, " ", from, " ", c.Purpose, " ", c.Method, " ", c.Endpoint, " ", c.Scopes, " ", c.Units, " ", c.Attempt, " ",
			c.Status, " ", c.Outcome, " ", c.Message, " ", c.Rows, " ", c.Bytes, " ", c.Elapsed, " ", c.Statement); got != want {
			t.Errorf("call %d\n got %s\nwant %s", i, got, want)
		}
		if c.At.IsZero() {
			t.Errorf("call %d has no time", i)
		}
	}
	if n := trace.Cost().Calls; n != 2 {
		t.Errorf("the trace counts %d calls; the exchange of a token is none", n)
	}
	calls = nil
	if _, err := c.Do(ctx, rest.Request{Path: "/report", Limits: []rest.Limit{{Key: "none", Law: rest.Daily(1, ""), Units: 2}}}); err == nil || len(calls) != 0 {
		t.Errorf("%v, and %d calls of a request that was not sent", err, len(calls))
	}
}

// Two processes of many requests at once never have more in a window than
// there is, by the log of the server.
func TestTogether(t *testing.T) {
	q := &store{states: map[string][]byte{}}
	k := newClock()
	var served atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { served.Add(1) }))
	defer server.Close()
	var all sync.WaitGroup
	var ok atomic.Int32
	for range 2 {
		c := rest.New(rest.Options{Name: "Vendor", BaseURL: server.URL, Now: k.Now, Sleep: k.Sleep, Quotas: q})
		for range 40 {
			all.Go(func() {
				err := do(c, tables.WithPurpose(t.Context(), tables.Acting), rest.Request{Limits: []rest.Limit{{Key: "d", Law: rest.Daily(50, "")}}})
				if err == nil {
					ok.Add(1)
				} else if !fault.Is(err, fault.Throttled) {
					t.Error(err)
				}
			})
		}
	}
	all.Wait()
	if served.Load() != 50 || ok.Load() != 50 {
		t.Errorf("%d served, %d ok", served.Load(), ok.Load())
	}
}
