// Package servertest starts a whole Argo in the process of a test: the
// configuration's connections, cache, state file and listener in a temporary
// folder, on a virtual clock, with every request to the sources recorded. It
// also runs goldens over it (RunGolden).
package servertest

import (
	"bytes"
	"context"
	"crypto/tls"
	"database/sql"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"argo/automation"
	automationall "argo/automation/all"
	"argo/cache"
	"argo/cache/parquet"
	"argo/configs"
	"argo/configs/views"
	"argo/server"
	"argo/server/ads"
	"argo/server/columnar"
	"argo/server/engine"
	"argo/server/state/sqlite"
	"argo/server/system"
	"argo/tables"
	tablesall "argo/tables/all"
	"argo/tables/fault"
	"argo/tables/market"

	"github.com/go-sql-driver/mysql"
)

// Options of a Server.
type Options struct {
	// Config is a configuration in YAML; listen and data_dir are not read.
	// Passwords and secrets are the references themselves: the password of
	// env:NAME is "env:NAME".
	Config string
	// Vendors answer the requests to the hosts that they are named by
	// ("https://ads.test" has the host "ads.test"). Nothing else can be reached.
	Vendors map[string]http.Handler
	Clock   *market.VirtualClock // nil: one that stands at 2026-11-22 03:00 UTC
	// Dir is kept between servers of one test to try a restart; "" is a new one.
	Dir string
	// Sources beside those of tables/all.
	Sources []tables.Source
	Kits    []automation.Kit
}

// Server is a running Argo.
type Server struct {
	Addr  string
	Clock *market.VirtualClock
	Calls *Recorder
	Cache *cache.Cache
	// Worker does what nobody waits for; it runs when a test says so
	// (Worker.Work), and for who waits for it.
	Worker *cache.Worker
	State  *sqlite.DB

	stop func()
}

// Start starts an Argo and stops it when the test ends.
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	s, err := start(t, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

// Stop stops the server and waits for it; it may be called again.
func (s *Server) Stop() { s.stop() }

// Open connects as user, whose password is given in the configuration by ref.
// params are those of the driver: "parseTime=true&tls=skip-verify".
func (s *Server) Open(t testing.TB, user, ref, database, params string) *sql.DB {
	t.Helper()
	c := mysql.NewConfig()
	c.User, c.Passwd, c.Net, c.Addr, c.DBName = user, ref, "tcp", s.Addr, database
	parsed, err := mysql.ParseDSN(c.FormatDSN() + "?" + params)
	if err != nil {
		t.Fatal(err)
	}
	connector, err := mysql.NewConnector(parsed)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(connector)
	t.Cleanup(func() { db.Close() })
	return db
}

func start(t testing.TB, o Options) (s *Server, err error) {
	ctx, cancel := context.WithCancel(context.Background())
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	if o.Clock == nil {
		o.Clock = market.NewClock(time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC))
	}
	cfg, err := configs.Parse([]byte(o.Config), o.Dir)
	if err != nil {
		cancel()
		return nil, err
	}
	s = &Server{Clock: o.Clock, Calls: newRecorder(o.Vendors)}
	closers := []func(){s.Calls.close, cancel}
	s.stop = sync.OnceFunc(func() {
		for _, c := range slices.Backward(closers) {
			c()
		}
	})
	defer func() {
		if err != nil {
			s.stop()
		}
	}()
	log := slog.New(slog.DiscardHandler)
	for _, d := range []string{"segments", "connections", "tmp", "tls"} {
		if err := os.MkdirAll(filepath.Join(o.Dir, d), 0o700); err != nil {
			return nil, err
		}
	}
	if s.State, err = sqlite.Open(ctx, filepath.Join(o.Dir, "state.db")); err != nil {
		return nil, err
	}
	closers = append(closers, func() { s.State.Close() })
	store, err := parquet.NewStore(filepath.Join(o.Dir, "segments"))
	if err != nil {
		return nil, err
	}
	if s.Cache, err = cache.New(cache.Options{Index: s.State.Index(), Store: store, Now: o.Clock.Now, Log: log}); err != nil {
		return nil, err
	}
	closers = append(closers, s.Cache.Close)
	if s.Worker, err = cache.NewWorker(cache.WorkerOptions{
		Cache: s.Cache, Jobs: s.State.Jobs(), Sleep: o.Clock.Sleep,
		Compact: func(ctx context.Context, source, table string) (int64, error) {
			return s.Cache.Compact(ctx, source, table, "")
		},
	}); err != nil {
		return nil, err
	}
	closers = append(closers, s.Worker.Close)
	if err := s.Cache.Sweep(ctx); err != nil {
		return nil, err
	}
	runner := automation.NewRunner(automation.RunnerOptions{
		Ledger: s.State.Ledger(), Now: o.Clock.Now, Sleep: o.Clock.Sleep, Log: log,
		Forget: func(ctx context.Context, source, account string, names []string) error {
			for _, name := range names {
				if err := s.Cache.Forget(ctx, source, name, account); err != nil {
					return err
				}
			}
			return nil
		},
	})
	closers = append(closers, func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = runner.Close(ctx)
	})

	reads := []string{filepath.Join(o.Dir, "segments"), filepath.Join(o.Dir, "connections")}
	var databases []engine.Database
	var described []system.Connection
	for i := range cfg.Connections {
		db, conn, err := s.open(ctx, o, &cfg.Connections[i], log)
		if err != nil {
			return nil, err
		}
		if conn.Close != nil {
			closers = append(closers, func() { _ = conn.Close() })
		}
		reads = append(reads, conn.Reads...)
		databases = append(databases, db)
		described = append(described, system.Connection{Name: db.Name, Source: db.Source, Doc: db.Doc, Tables: db.Tables, Actions: db.Actions})
	}
	duck, err := columnar.Open(columnar.Options{Dir: filepath.Join(o.Dir, "tmp"), ReadDirs: reads})
	if err != nil {
		return nil, err
	}
	closers = append(closers, func() { duck.Close() })
	var e *engine.Engine
	queries := &statements{}
	folders := []fs.FS{views.Files}
	if cfg.Views != "" {
		folders = append(folders, os.DirFS(cfg.Views))
	}
	harmonised, err := ads.New(ads.Options{
		Databases: databases, Views: folders, Store: s.State.Edited(), Now: o.Clock.Now, Currency: engine.Currency, MayRead: engine.MayRead,
	})
	if err != nil {
		return nil, err
	}
	e, err = engine.New(engine.Options{
		Databases: append(databases, harmonised), Columnar: duck, Runner: runner, Now: o.Clock.Now, Log: log, Statements: queries,
		MaxCalls: cfg.Engine.MaxCalls, MaxAge: time.Duration(cfg.Engine.MaxAge), Currency: cfg.Engine.Currency, Procedures: engine.Jobs(s.Worker),
		System: system.Tables(system.Options{
			Sources: tablesall.Sources(), Connections: described, Ledger: s.State.Ledger(), Now: o.Clock.Now,
			Segments: s.State.Index().All, Accounts: s.Cache.Accounts, Queries: queries.recent, MayRead: engine.MayRead,
			Coverage: s.Worker.Coverage, Restatements: s.Cache.Restatements, Reconcile: s.Cache.Reconcile, Jobs: s.Worker.List,
			Fetches: s.State.Calls().Recent, LastSources: engine.LastSources,
			Status: func(name string) (string, string, time.Time) { return e.Status(name) },
			User: func(ctx context.Context) (string, bool) {
				r, ok := engine.UserOf(ctx)
				return r.User, ok && r.Databases == nil
			},
		}),
	})
	if err != nil {
		return nil, err
	}
	closers = append(closers, func() { _ = e.Close() })
	users := make([]server.User, len(cfg.Users))
	for i, u := range cfg.Users {
		users[i] = server.User{Name: u.Name, Host: u.Host, Password: u.Password, Auth: u.Auth, Databases: u.Databases, Act: u.Act}
	}
	var config *tls.Config
	if config, err = server.Certificate("", "", filepath.Join(o.Dir, "tls")); err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	srv, err := server.New(server.Options{Engine: e, Listener: l, Users: users, TLS: config, Log: log})
	if err != nil {
		return nil, err
	}
	s.Addr = srv.Addr().String()
	done := make(chan error, 1)
	go func() { done <- srv.Serve(ctx) }()
	closers = append(closers, func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return s, nil
}

// open opens one connection with its cache and its actions.
func (s *Server) open(ctx context.Context, o Options, k *configs.Connection, log *slog.Logger) (engine.Database, *tables.Connection, error) {
	none := engine.Database{}
	i := slices.IndexFunc(append(tablesall.Sources(), o.Sources...), func(x tables.Source) bool { return x.Name == k.Source })
	if i < 0 {
		return none, nil, fault.New(fault.Config, "connection %s: there is no source called %q", k.Name, k.Source)
	}
	source := append(tablesall.Sources(), o.Sources...)[i]
	dir := filepath.Join(o.Dir, "connections", k.Name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return none, nil, err
	}
	env := tables.Env{
		Name: k.Name, Decode: k.Decode, Secret: func(_ context.Context, ref string) (string, error) { return ref, nil },
		Quotas: s.State.Quotas(), Record: s.State.Calls().Record,
		HTTP: &http.Client{Transport: s.Calls}, Log: log, Now: o.Clock.Now, Sleep: o.Clock.Sleep, Base: o.Dir, Dir: dir,
	}
	conn, err := source.Open(ctx, env)
	if err != nil {
		return none, nil, err
	}
	db := engine.Database{Name: k.Name, Source: source.Name, Doc: source.Doc}
	for _, t := range conn.Tables {
		if t.Files == nil {
			t = s.Worker.Serve(k.Name, s.Cache.Wrap(k.Name, t))
		}
		db.Tables = append(db.Tables, t)
	}
	for _, kit := range append(automationall.Kits(), o.Kits...) {
		if kit.Source == source.Name {
			if db.Actions, err = kit.Open(ctx, conn, env); err != nil {
				return none, nil, err
			}
		}
	}
	return db, conn, nil
}

// statements is a statement log in memory.
type statements struct {
	mu   sync.Mutex
	list []tables.Statement
}

// Add implements engine.StatementLog.
func (l *statements) Add(_ context.Context, s tables.Statement) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, s)
	return nil
}

func (l *statements) recent(_ context.Context, limit int) ([]tables.Statement, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := slices.Clone(l.list)
	slices.Reverse(out)
	return out[:min(limit, len(out))], nil
}

// Recorder is a transport that reaches the vendors only and notes every
// request that reached one.
type Recorder struct {
	vendors map[string]*httptest.Server

	mu       sync.Mutex
	calls    []string
	inFlight int
}

func newRecorder(vendors map[string]http.Handler) *Recorder {
	r := &Recorder{vendors: map[string]*httptest.Server{}}
	for host, h := range vendors {
		s := httptest.NewUnstartedServer(h)
		s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
		s.Start()
		r.vendors[host] = s
	}
	return r
}

func (r *Recorder) close() {
	for _, s := range r.vendors {
		s.CloseClientConnections()
		s.Close()
	}
}

// Take gives the requests since the last Take, sorted: those of one statement
// run side by side.
func (r *Recorder) Take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := r.calls
	r.calls = nil
	slices.Sort(out)
	return out
}

// InFlight is how many requests have no reply yet.
func (r *Recorder) InFlight() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.inFlight
}

// RoundTrip implements http.RoundTripper.
func (r *Recorder) RoundTrip(q *http.Request) (*http.Response, error) {
	vendor, ok := r.vendors[q.URL.Host]
	if !ok {
		return nil, fmt.Errorf("a request leaves the test: %s %s", q.Method, q.URL.Redacted())
	}
	var body []byte
	if q.Body != nil {
		var err error
		if body, err = io.ReadAll(q.Body); err != nil {
			return nil, err
		}
		q.Body.Close()
	}
	r.mu.Lock()
	r.calls = append(r.calls, describe(q, body))
	r.inFlight++
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		r.inFlight--
		r.mu.Unlock()
	}()
	target, err := url.Parse(vendor.URL)
	if err != nil {
		return nil, err
	}
	out := q.Clone(q.Context())
	out.URL.Scheme, out.URL.Host = target.Scheme, target.Host
	out.Host = q.URL.Host
	out.Body = io.NopCloser(bytes.NewReader(body))
	out.ContentLength = int64(len(body))
	return vendor.Client().Transport.RoundTrip(out)
}

// describe is a request as a golden shows it: no header, and no secret of a
// token request.
func describe(q *http.Request, body []byte) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", q.Method, q.URL)
	if strings.HasPrefix(q.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		form, err := url.ParseQuery(string(body))
		if err == nil {
			for _, k := range []string{"client_id", "client_secret", "refresh_token"} {
				if form.Has(k) {
					form.Set(k, "x")
				}
			}
			body = []byte(form.Encode())
		}
	}
	if len(body) > 0 {
		b.WriteString("\n  ")
		b.WriteString(strings.ReplaceAll(strings.TrimSpace(string(body)), "\n", "\n  "))
	}
	return b.String()
}
