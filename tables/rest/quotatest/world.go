// Package quotatest runs a day of requests in simulated time: processes of which
// each has people, actions, refreshes and a backlog that never ends, against
// vendors that count.
//
// A World keeps the clock and the vendors in one process. Its actors are in any
// process that knows its address; time stands while one of them does anything,
// and goes on to the first moment that somebody waits for when all sleep. What a
// process does when it is killed in the middle is therefore the only thing that
// chance decides.
//
// It knows requests and budgets, and no channel: a vendor is an http.Handler.
package quotatest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// World is a clock and what plays in it. Safe for concurrent use.
type World struct {
	// Addr is where actors connect, URL where the vendor answers.
	Addr, URL string

	actors net.Listener
	web    *http.Server
	end    time.Time

	mu       sync.Mutex
	now      time.Time
	present  int // actors
	awake    int
	sleepers map[*sleeper]bool
	waiting  int // for so many actors nothing moves
	done     chan struct{}
}

type sleeper struct {
	due  time.Time
	wake func(now time.Time)
}

// New makes a world that stands at start and ends after length. The vendor
// answers at URL; it may sleep on the world (Sleep) while it does.
func New(start time.Time, length time.Duration, vendor func(*World) http.Handler) (*World, error) {
	w := &World{now: start, end: start.Add(length), sleepers: map[*sleeper]bool{}, done: make(chan struct{})}
	var err error
	if w.actors, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, err
	}
	site, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.actors.Close()
		return nil, err
	}
	w.Addr, w.URL = w.actors.Addr().String(), "http://"+site.Addr().String()
	inner := vendor(w)
	w.web = &http.Server{Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		inner.ServeHTTP(&stamped{rw, w}, r)
	})}
	go func() { _ = w.web.Serve(site) }()
	go w.accept()
	return w, nil
}

// stamped tells the caller what time it is when the reply leaves.
type stamped struct {
	http.ResponseWriter
	w *World
}

func (s *stamped) WriteHeader(code int) {
	s.Header().Set("X-Now", strconv.FormatInt(s.w.Now().UnixMicro(), 10))
	s.ResponseWriter.WriteHeader(code)
}

func (s *stamped) Write(b []byte) (int, error) {
	if s.Header().Get("X-Now") == "" {
		s.WriteHeader(http.StatusOK)
	}
	return s.ResponseWriter.Write(b)
}

// Close ends the world; who sleeps wakes up with an error.
func (w *World) Close() {
	w.actors.Close()
	w.web.Close()
}

// Now is the time the world stands at.
func (w *World) Now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

// Sleep lets a vendor take d for its reply: the actor that called counts as
// asleep.
func (w *World) Sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	woken := make(chan struct{})
	s := &sleeper{wake: func(time.Time) { close(woken) }}
	w.sleep(s, d)
	select {
	case <-woken:
		return nil
	case <-ctx.Done():
		w.rouse(s)
		return ctx.Err()
	}
}

// Expect keeps the time from moving until n actors are there. Run begins with
// it; it is used again when a process is started in the middle.
func (w *World) Expect(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waiting = n
	w.move()
}

// Present is how many actors there are.
func (w *World) Present() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.present
}

// Done is closed when the world has ended: its time is over, or every actor has
// gone.
func (w *World) Done() <-chan struct{} { return w.done }

func (w *World) sleep(s *sleeper, d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s.due = w.now.Add(max(d, time.Microsecond))
	w.sleepers[s] = true
	w.awake--
	w.move()
}

// rouse wakes a sleeper before its time, if it sleeps.
func (w *World) rouse(s *sleeper) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.sleepers[s] {
		delete(w.sleepers, s)
		w.awake++
		s.wake(w.now)
	}
}

// move lets time go on to the first sleeper, if everybody sleeps.
func (w *World) move() {
	if w.present < w.waiting || w.awake > 0 || len(w.sleepers) == 0 {
		return
	}
	w.waiting = 0
	var first time.Time
	for s := range w.sleepers {
		if first.IsZero() || s.due.Before(first) {
			first = s.due
		}
	}
	if !first.Before(w.end) { // time stands from now on
		w.finish()
		return
	}
	w.now = first
	for s := range w.sleepers {
		if !s.due.After(first) {
			delete(w.sleepers, s)
			w.awake++
			s.wake(first)
		}
	}
}

// accept serves actors: "sleep MICROS" is answered with the time, at that time
// or, after "wake", at once.
func (w *World) accept() {
	for {
		c, err := w.actors.Accept()
		if err != nil {
			return
		}
		go w.serve(c)
	}
}

func (w *World) serve(c net.Conn) {
	defer c.Close()
	s := &sleeper{wake: func(now time.Time) { fmt.Fprintf(c, "%d\n", now.UnixMicro()) }}
	w.mu.Lock()
	w.present++
	w.awake++
	fmt.Fprintf(c, "%d\n", w.now.UnixMicro())
	w.mu.Unlock()
	for in := bufio.NewScanner(c); in.Scan(); {
		word, n, _ := strings.Cut(in.Text(), " ")
		switch us, err := strconv.ParseInt(n, 10, 64); {
		case word == "sleep" && err == nil:
			w.sleep(s, time.Duration(us)*time.Microsecond)
		case word == "wake":
			w.rouse(s)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.present--
	if w.sleepers[s] {
		delete(w.sleepers, s)
	} else {
		w.awake--
	}
	if w.present == 0 && w.waiting == 0 {
		w.finish()
	}
	w.move()
}

func (w *World) finish() {
	select {
	case <-w.done:
	default:
		close(w.done)
	}
}

// Clock is the world's clock in a process of actors.
type Clock struct{ us atomic.Int64 }

// Now is the world's time, as of the last actor or reply that learnt it.
func (k *Clock) Now() time.Time { return time.UnixMicro(k.us.Load()).UTC() }

func (k *Clock) set(us int64) {
	for {
		old := k.us.Load()
		if us <= old || k.us.CompareAndSwap(old, us) {
			return
		}
	}
}

type actorKey struct{}

// Actor connects an actor: what is called with its context may sleep by
// Clock.Sleep, in one goroutine at a time.
func (k *Clock) Actor(ctx context.Context, addr string) (context.Context, func(), error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, nil, err
	}
	a := &actor{c: c, in: bufio.NewReader(c)}
	if err := a.read(k); err != nil {
		c.Close()
		return nil, nil, err
	}
	return context.WithValue(ctx, actorKey{}, a), func() { c.Close() }, nil
}

type actor struct {
	c  net.Conn
	in *bufio.Reader
}

func (a *actor) read(k *Clock) error {
	line, err := a.in.ReadString('\n')
	if err != nil {
		return err
	}
	us, err := strconv.ParseInt(strings.TrimSpace(line), 10, 64)
	if err == nil {
		k.set(us)
	}
	return err
}

// Sleep has the shape of tables.Env.Sleep.
func (k *Clock) Sleep(ctx context.Context, d time.Duration) error {
	a, ok := ctx.Value(actorKey{}).(*actor)
	if !ok {
		return errors.New("nobody sleeps here but an actor")
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(a.c, "sleep %d\n", d.Microseconds()); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { fmt.Fprint(a.c, "wake\n") })
	defer stop()
	if err := a.read(k); err != nil {
		return err
	}
	return ctx.Err()
}

// Client is an HTTP client whose replies set the clock.
func (k *Clock) Client() *http.Client {
	return &http.Client{Transport: &listening{k, &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}}}
}

type listening struct {
	k *Clock
	http.RoundTripper
}

func (l *listening) RoundTrip(r *http.Request) (*http.Response, error) {
	p, err := l.RoundTripper.RoundTrip(r)
	if err == nil {
		if us, err := strconv.ParseInt(p.Header.Get("X-Now"), 10, 64); err == nil {
			l.k.set(us)
		}
	}
	return p, err
}
