package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"argo/automation"
	automationall "argo/automation/all"
	"argo/automation/guardrails"
	"argo/cache"
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
	"argo/tables/rest"
)

// app is an assembled gateway.
type app struct {
	cfg     *configs.Config
	log     *slog.Logger
	db      *sqlite.DB
	cache   *cache.Cache
	worker  *cache.Worker
	runner  *automation.Runner
	engine  *engine.Engine
	server  *server.Server
	actions map[string]map[string]automation.Action // by connection, by name
	closers []func() error
	// alone says that it lives for one statement: what is to be done in the
	// background waits for a gateway.
	alone bool
	spent spenders
	// owner names this process among those on its data folder, and alive says
	// which of them live.
	owner string
	alive func(owner string) bool
	first func() bool // no other one lives
}

// clock is what time the gateway lives in.
type clock struct {
	Now   func() time.Time
	Sleep func(ctx context.Context, d time.Duration) error
	// Sources that live in that time, beside those that anybody can connect.
	Sources []tables.Source
	// Real is the time that other machines live in too.
	Real bool
}

func realClock() clock {
	return clock{Real: true, Now: time.Now, Sleep: func(ctx context.Context, d time.Duration) error {
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-t.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}}
}

// connection is an opened source under its configured name.
type connection struct {
	name    string
	source  tables.Source
	conn    *tables.Connection
	actions []automation.Action
}

// openConnection opens the source of one configured connection; it makes no
// call. Without a state file its budgets are its own.
func openConnection(ctx context.Context, cfg *configs.Config, k *configs.Connection, db *sqlite.DB, spent *spenders, log *slog.Logger, c clock) (connection, error) {
	source, ok := findSource(k.Source, c.Sources...)
	if !ok {
		return connection{}, fault.New(fault.Config, "connection %s: there is no source called %q", k.Name, k.Source).
			WithHint("argo sources lists them")
	}
	dir := filepath.Join(cfg.DataDir, "connections", k.Name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return connection{}, fault.Wrap(fault.Config, err, "connection %s: its folder cannot be made", k.Name)
	}
	env := tables.Env{
		Name: k.Name, Decode: k.Decode, Secret: configs.Secret,
		Log: log.With("connection", k.Name), Now: c.Now, Sleep: c.Sleep,
		Base: cfg.Base, Dir: dir,
	}
	if db != nil {
		env.Quotas, env.Record = spent.by(k.Name, db.Quotas()), db.Calls().Record
	}
	conn, err := source.Open(ctx, env)
	if err != nil {
		return connection{}, err
	}
	out := connection{name: k.Name, source: source, conn: conn}
	for _, kit := range automationall.Kits() {
		if kit.Source != source.Name {
			continue
		}
		if out.actions, err = kit.Open(ctx, conn, env); err != nil {
			return connection{}, err
		}
	}
	return out, nil
}

func findSource(name string, more ...tables.Source) (tables.Source, bool) {
	for _, s := range append(tablesall.Sources(), more...) {
		if s.Name == name {
			return s, true
		}
	}
	return tables.Source{}, false
}

// assemble builds the gateway of cfg behind listener. Nothing is called at any
// channel. The caller closes the app; the listener is the app's from here on.
// Guests are users instead of the configuration's.
func assemble(ctx context.Context, cfg *configs.Config, listener net.Listener, log *slog.Logger, c clock, guests ...server.User) (_ *app, err error) {
	a := &app{cfg: cfg, log: log, actions: map[string]map[string]automation.Action{}}
	a.closers = append(a.closers, func() error {
		if err := listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	})
	defer func() {
		if err != nil {
			a.close()
		}
	}()
	for _, dir := range []string{"", "segments", "connections", "tmp", "tls"} {
		if err := os.MkdirAll(filepath.Join(cfg.DataDir, dir), 0o700); err != nil {
			return nil, fault.Wrap(fault.Config, err, "the data folder cannot be made").(*fault.Error).WithHint("data_dir must be writable for the user that runs argo")
		}
	}
	unlock, err := lockSetup(ctx, cfg.DataDir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	dataDir, err := filepath.Abs(cfg.DataDir)
	if err != nil {
		return nil, err
	}
	tmp, done, err := ownDir(filepath.Join(dataDir, "tmp"))
	if err != nil {
		return nil, fault.Wrap(fault.Config, err, "the folder for temporary files cannot be made")
	}
	a.closers = append(a.closers, done)
	a.owner = filepath.Base(tmp)
	a.first = func() bool { return alone(tmp) }
	a.alive = func(owner string) bool { return owner != "" && taken(filepath.Join(filepath.Dir(tmp), owner)) }
	if a.db, err = sqlite.Open(ctx, filepath.Join(cfg.DataDir, "state.db")); err != nil {
		return nil, err
	}
	a.closers = append(a.closers, a.db.Close)

	kept, err := a.tiers(ctx, c)
	if err != nil {
		return nil, err
	}
	if a.cache, err = cache.New(kept); err != nil {
		return nil, err
	}
	a.closers = append(a.closers, func() error { a.cache.Close(); return nil })
	if cfg.Cache.S3 == nil { // in a bucket it takes a request for every table and account: see serve
		if err := a.cache.Sweep(ctx); err != nil {
			return nil, fmt.Errorf("sweep the cache after the last stop: %w", err)
		}
	}
	if err := a.background(c); err != nil {
		return nil, err
	}
	a.runner = automation.NewRunner(automation.RunnerOptions{
		Ledger: a.db.Ledger(), Book: a.db.Book(), Guardrails: guardrails.Set{Policies: a.db.Book()}, Now: c.Now, Sleep: c.Sleep, Log: log,
		Owner: a.owner, Alive: a.alive,
		Forget: func(ctx context.Context, source, account string, names []string) error {
			var errs []error
			for _, name := range names {
				errs = append(errs, a.cache.Forget(ctx, source, name, account))
			}
			return errors.Join(errs...)
		},
	})
	a.closers = append(a.closers, func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		return a.runner.Close(ctx)
	})

	reads := []string{filepath.Join(dataDir, "segments"), filepath.Join(dataDir, "connections")}
	var databases []engine.Database
	var described []system.Connection
	for i := range cfg.Connections {
		k, err := openConnection(ctx, cfg, &cfg.Connections[i], a.db, &a.spent, log, c)
		if err != nil {
			return nil, err
		}
		if k.conn.Close != nil {
			a.closers = append(a.closers, k.conn.Close)
		}
		reads = append(reads, k.conn.Reads...)
		wrapped := make([]tables.Table, len(k.conn.Tables))
		if err := refresh(k.conn.Tables, &cfg.Connections[i]); err != nil {
			return nil, err
		}
		for j, t := range k.conn.Tables {
			if t.Files == nil {
				t = a.worker.Serve(k.name, a.cache.Wrap(k.name, t))
			}
			wrapped[j] = t
		}
		a.actions[k.name] = map[string]automation.Action{}
		for _, act := range k.actions {
			a.actions[k.name][act.Name] = act
		}
		databases = append(databases, engine.Database{Name: k.name, Source: k.source.Name, Doc: k.source.Doc, Tables: wrapped, Actions: k.actions})
		described = append(described, system.Connection{Name: k.name, Source: k.source.Name, Doc: k.source.Doc, Tables: wrapped, Actions: k.actions})
	}

	duck, err := columnar.Open(columnar.Options{
		Dir: tmp, ReadDirs: reads, MemoryLimit: int64(cfg.Engine.MemoryLimit),
		MaxTemp: int64(cfg.Engine.MaxTempBytes), Threads: cfg.Engine.Threads,
	})
	if err != nil {
		return nil, err
	}
	a.closers = append(a.closers, duck.Close)

	concurrent := cfg.Engine.MaxConcurrent
	if concurrent == 0 {
		concurrent = 2 * runtime.NumCPU()
	}
	sys := system.Tables(system.Options{
		Sources: tablesall.Sources(), Connections: described, Ledger: a.db.Ledger(), Book: a.db.Book(), Now: c.Now, Own: func() (own []system.Procedure) {
			a.engine.Procedures(func(database string, p *engine.Procedure) {
				own = append(own, system.Procedure{Database: database, Name: p.Name, Doc: p.Doc, Params: p.Params, Optional: p.Optional})
			})
			return own
		},
		Segments: kept.Index.All, Accounts: a.cache.Accounts, Coverage: a.worker.Coverage,
		Restatements: a.cache.Restatements, Reconcile: a.cache.Reconcile, Costs: a.cache.Costs, Jobs: a.worker.List,
		Quotas: func(ctx context.Context) ([]rest.Budget, error) {
			states, err := a.db.Quotas().All(ctx)
			return rest.Budgets(states, c.Now()), err
		},
		Queries: a.db.Statements().Recent, Fetches: a.db.Calls().Recent,
		Spenders: a.spent.of, LastSources: engine.LastSources, MayRead: engine.MayRead,
		Status: func(name string) (string, string, time.Time) { return a.engine.Status(name) },
		User: func(ctx context.Context) (string, bool) {
			r, ok := engine.UserOf(ctx)
			return r.User, ok && r.Databases == nil
		},
	})
	harmonised, err := ads.New(ads.Options{
		Databases: databases, Views: viewFolders(cfg), Store: a.db.Edited(), Now: c.Now, Currency: engine.Currency, MayRead: engine.MayRead,
	})
	if err != nil {
		return nil, err
	}
	a.engine, err = engine.New(engine.Options{
		Databases: append(append(databases, harmonised), engine.Decisions(a.runner, a.db.Ledger(), a.db.Book(), a.action, c.Now)...), System: sys, Columnar: duck, Runner: a.runner, Now: c.Now, Log: log,
		Statements: a.db.Statements(), MaxExecution: time.Duration(cfg.Engine.MaxExecution), MaxCalls: cfg.Engine.MaxCalls,
		MaxAge: time.Duration(cfg.Engine.MaxAge), Strict: cfg.Engine.Strict, Currency: cfg.Engine.Currency, Procedures: engine.Jobs(a.worker),
		MaxConcurrent: concurrent, Version: engine.DefaultVersion,
	})
	if err != nil {
		return nil, err
	}
	a.closers = append(a.closers, a.engine.Close)

	users := guests
	if len(guests) == 0 {
		if users, err = configured(ctx, cfg.Users); err != nil {
			return nil, err
		}
	}
	var tlsConfig *tls.Config
	if tlsConfig, err = server.Certificate(cfg.TLS.Cert, cfg.TLS.Key, filepath.Join(cfg.DataDir, "tls"), hostOf(cfg.Listen)); err != nil {
		return nil, err
	}
	require := !loopback(listener.Addr())
	if cfg.TLS.Required != nil {
		require = *cfg.TLS.Required
	}
	a.alone = len(guests) > 0
	a.server, err = server.New(server.Options{Engine: a.engine, Listener: listener, Users: users, TLS: tlsConfig, RequireTLS: require, Log: log})
	return a, err
}

// viewFolders are those of the harmonised model: Argo's own, then the
// configuration's.
func viewFolders(cfg *configs.Config) []fs.FS {
	out := []fs.FS{views.Files}
	if cfg.Views != "" {
		out = append(out, os.DirFS(cfg.Views))
	}
	return out
}

// configured resolves the passwords of the configuration's users.
func configured(ctx context.Context, from []configs.User) ([]server.User, error) {
	users := make([]server.User, len(from))
	for i, u := range from {
		password, err := configs.Secret(ctx, u.Password)
		if err != nil {
			return nil, fmt.Errorf("users[%d] (%s): %w", i, u.Name, err)
		}
		users[i] = server.User{Name: u.Name, Host: u.Host, Password: password, Auth: u.Auth, Databases: u.Databases, Act: u.Act, Approve: u.Approve}
	}
	return users, nil
}

// serve runs the gateway until ctx ends: it finishes what an earlier stop left
// open in the ledger beside answering statements.
func (a *app) serve(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { a.finish(ctx) })
	if !a.alone {
		if a.cfg.Cache.S3 != nil {
			wg.Go(func() {
				if err := a.cache.Sweep(ctx); err != nil && ctx.Err() == nil {
					a.log.Error("the cache was not swept", "err", err)
				}
			})
		}
		wg.Go(func() { a.worker.Run(ctx) })
		wg.Go(func() { a.histories(ctx) })
	}
	err := a.server.Serve(ctx)
	cancel()
	wg.Wait()
	return err
}

// finish finishes what an earlier process left open in the ledger, and from
// time to time what one that has died beside this one did.
func (a *app) finish(ctx context.Context) {
	again, due := time.NewTicker(time.Minute), time.NewTicker(time.Second)
	defer again.Stop()
	defer due.Stop()
	recover := true
	for {
		if recover {
			if err := a.runner.Recover(ctx, a.action); err != nil && ctx.Err() == nil {
				a.log.Error("open runs could not be finished", "err", err)
			}
		}
		if err := a.runner.Due(ctx, a.action); err != nil && ctx.Err() == nil {
			a.log.Error("runs that wait could not be looked at", "err", err)
		}
		recover = false
		select {
		case <-again.C:
			recover = true
		case <-due.C:
		case <-ctx.Done():
			return
		}
	}
}

// action of a connection.
func (a *app) action(source, name string) (automation.Action, bool) {
	act, ok := a.actions[source][name]
	return act, ok
}

// close ends what assemble began, last first. It is safe after a failure.
func (a *app) close() {
	for i := len(a.closers) - 1; i >= 0; i-- {
		if err := a.closers[i](); err != nil {
			a.log.Error("closing", "err", err)
		}
	}
	a.closers = nil
}

// listen opens addr; where it was not chosen by the user and is taken, the
// next free port of the same host.
func listen(addr string, chosen bool) (net.Listener, error) {
	l, err := net.Listen("tcp", addr)
	if err == nil || chosen {
		return l, fault.Wrap(fault.Config, err, "cannot listen on %s", addr)
	}
	host, port, splitErr := net.SplitHostPort(addr)
	if splitErr != nil {
		return nil, err
	}
	var n int
	if _, scanErr := fmt.Sscan(port, &n); scanErr != nil {
		return nil, err
	}
	for next := n + 1; next < n+100; next++ {
		if l, err = net.Listen("tcp", net.JoinHostPort(host, fmt.Sprint(next))); err == nil {
			return l, nil
		}
	}
	return nil, fault.New(fault.Config, "no free port from %d to %d on %s", n, n+99, host).WithHint("--listen %s:PORT", host)
}

func hostOf(addr string) string {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return ""
	}
	return host
}

func loopback(a net.Addr) bool {
	t, ok := a.(*net.TCPAddr)
	return ok && t.IP.IsLoopback()
}

// logger writes to standard error as the configuration says.
func logger(c configs.Log) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Level)); err != nil {
		level = slog.LevelInfo
	}
	o := &slog.HandlerOptions{Level: level}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(os.Stderr, o))
	}
	return slog.New(slog.NewTextHandler(os.Stderr, o))
}
