package main

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"argo/configs"
	"argo/tables"
	"argo/tables/ads/googleads/googleadssim"
	"argo/tables/fault"
	"argo/tables/market"
	"argo/tables/mmp/appsflyer/appsflyersim"

	"github.com/go-sql-driver/mysql"
	"github.com/spf13/cobra"
)

// noon is when trials begin: some days are over in every account's calendar.
var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// vendors is the outside of a trial: a clock that stands until it is moved,
// and what plays on it.
type vendors struct {
	b       *bench
	page    *page
	door    *vendorDoor
	apis    []*apiVendor // in the order they were added
	market  *market.Market
	google  *googleadssim.Sim
	tracker *appsflyersim.Sim
	options []string // of the connections, YAML

	mu      sync.Mutex
	simmed  []simCall
	servers []*http.Server
	wg      sync.WaitGroup
	nodes   []*node
	slots   int
}

// simCall is a request that reached a market simulator.
type simCall struct {
	sim, path string
	body      string
	status    int
}

// newVendors begins a world at a moment.
func newVendors(b *bench, start time.Time) (*vendors, error) {
	p, err := openPage(filepath.Join(b.dir, "clock"), 0)
	if err != nil {
		return nil, err
	}
	p.Set(start)
	if err := writeFile(filepath.Join(b.dir, "password"), []byte(benchPassword)); err != nil {
		return nil, err
	}
	return &vendors{b: b, page: p, door: &vendorDoor{page: p, busy: &busy{}}}, nil
}

const benchPassword = "bench"

// close ends every node and vendor.
func (v *vendors) close() {
	for _, n := range slices.Clone(v.nodes) {
		n.stop()
	}
	for _, s := range v.servers {
		s.Close()
	}
	v.wg.Wait()
	v.page.file.Close()
}

func (v *vendors) serve(h http.Handler) (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	s := &http.Server{Handler: h, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)}
	v.servers = append(v.servers, s)
	v.wg.Go(func() { _ = s.Serve(l) })
	return "http://" + l.Addr().String(), nil
}

// addAPI connects a vendor of a grain under a name, with its accounts.
func (v *vendors) addAPI(name string, g grain, l law, accounts []tables.Account, since tables.Day) (*apiVendor, error) {
	a := &apiVendor{vendorDoor: v.door, name: name, law: l, grain: g, accounts: accounts}
	url, err := v.serve(a)
	if err != nil {
		return nil, err
	}
	v.apis = append(v.apis, a)
	v.options = append(v.options, fmt.Sprintf(`
  - name: %s
    source: bench
    options: {base_url: "%s", max_days: %d, settled: %d, since: %s}`, name, url, g.maxDays, l.settled, since))
	return a, nil
}

// threeAccounts have three calendars.
func threeAccounts() []tables.Account {
	return []tables.Account{
		{ID: "a1", Name: "Seoul", Currency: "KRW", Zone: "Asia/Seoul"},
		{ID: "a2", Name: "New York", Currency: "USD", Zone: "America/New_York"},
		{ID: "a3", Name: "Greenwich", Currency: "GBP", Zone: "UTC"},
	}
}

// addMarket connects the simulated market at Google Ads and AppsFlyer, without
// limits unless the options have some.
func (v *vendors) addMarket(start tables.Day, google googleadssim.Options, tracker appsflyersim.Options) error {
	v.market = market.New(market.Options{Seed: v.b.seed, Start: start, Clock: v.door})
	v.google, v.tracker = googleadssim.New(v.market, google), appsflyersim.New(v.market, tracker)
	google = v.google.Options()
	googleURL, err := v.serve(v.counted("google_ads", v.google))
	if err != nil {
		return err
	}
	trackerURL, err := v.serve(v.counted("appsflyer", v.tracker))
	if err != nil {
		return err
	}
	for name, value := range map[string]string{"developer": google.DeveloperToken, "id": google.ClientID, "secret": google.ClientSecret,
		"refresh": google.RefreshToken, "token": "token"} {
		if err := writeFile(filepath.Join(v.b.dir, name), []byte(value)); err != nil {
			return err
		}
	}
	var apps strings.Builder
	for _, a := range v.market.Apps() {
		fmt.Fprintf(&apps, "\n        - {id: %s, time_zone: %s, currency: %s}", a.ID, a.Zone, a.Currency)
	}
	v.options = append(v.options, fmt.Sprintf(`
  - name: google_ads
    source: google_ads
    options:
      base_url: %[2]s
      token_url: %[2]s/token
      developer_token: file:%[1]s/developer
      client_id: file:%[1]s/id
      client_secret: file:%[1]s/secret
      refresh_token: file:%[1]s/refresh
      login_customer_id: "%[3]s"
      since: %[4]s
  - name: appsflyer
    source: appsflyer
    options:
      base_url: %[5]s
      token: file:%[1]s/token
      since: %[4]s
      apps:%[6]s`, v.b.dir, googleURL, google.ManagerID, start, trackerURL, apps.String()))
	return nil
}

// noLimits of the market's simulators.
func noLimits() (googleadssim.Options, appsflyersim.Options) {
	return googleadssim.Options{Operations: -1, CustomerRate: -1, DeveloperRate: -1},
		appsflyersim.Options{ShortInterval: -1, LongPerApp: -1, LongPerToken: -1}
}

// counted notes every request to a simulator.
func (v *vendors) counted(sim string, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v.door.within(func() {
			body, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(strings.NewReader(string(body)))
			seen := &statusWriter{ResponseWriter: w, status: 200}
			account := accountOf(r.URL.Path)
			v.door.answered(sim, account, v.page.Now())
			defer func() {
				v.door.answered(sim, account, v.page.Now())
				v.mu.Lock()
				defer v.mu.Unlock()
				v.simmed = append(v.simmed, simCall{sim, r.Method + " " + r.URL.Path, string(body), seen.status})
			}()
			h.ServeHTTP(seen, r)
		})
	})
}

// accountOf is the account or app in a path of a simulator.
func accountOf(path string) string {
	for _, before := range []string{"/customers/", "/app/"} {
		if _, rest, ok := strings.Cut(path, before); ok {
			id, _, _ := strings.Cut(rest, "/")
			return id
		}
	}
	return ""
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets a simulator flush and hijack.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Flush implements http.Flusher.
func (w *statusWriter) Flush() { _ = http.NewResponseController(w.ResponseWriter).Flush() }

// takeSims gives the requests to the market's simulators since the last take,
// without those for access tokens.
func (v *vendors) takeSims() []simCall {
	v.mu.Lock()
	defer v.mu.Unlock()
	out := slices.DeleteFunc(v.simmed, func(c simCall) bool { return strings.HasSuffix(c.path, "/token") })
	v.simmed = nil
	return out
}

// node is a gateway of a trial, in this process or in one of its own.
type node struct {
	v    *vendors
	addr string
	db   *sql.DB
	app  *app // nil in a process of its own
	cmd  *exec.Cmd
	slot int
	end  func()
	once sync.Once
}

// configure writes a configuration whose data lies in a folder of the trial;
// more is YAML beside the connections.
func (v *vendors) configure(name, data, more string) (string, error) {
	path := filepath.Join(v.b.dir, name+".yaml")
	return path, writeFile(path, fmt.Appendf(nil, `data_dir: %s
users: [{name: bench, password: "file:%s/password", act: true}]
log: {level: warn}
%s
connections:%s
`, data, v.b.dir, more, strings.Join(v.options, "")))
}

// start runs a gateway in this process.
func (v *vendors) start(ctx context.Context, config string) (*node, error) {
	cfg, err := configs.Load(config)
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	cfg.Listen = l.Addr().String()
	a, err := assemble(ctx, cfg, l, v.b.log, clock{Now: v.page.Now, Sleep: v.page.Sleep, Sources: []tables.Source{benchSource}})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := a.serve(ctx); err != nil {
			v.b.log.Error("serve", "err", err)
		}
	})
	n := &node{v: v, addr: cfg.Listen, app: a, end: func() {
		cancel()
		// What ends may sleep on the clock before it does.
		_ = v.page.while(v.door.busy, func() error { wg.Wait(); a.close(); return nil })
	}}
	return n, n.connect(ctx)
}

// self gives a name by which this program is argo, which a test binary is too.
func (b *bench) self() (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	link := filepath.Join(b.dir, "argo")
	if err := os.Symlink(self, link); err != nil && !os.IsExist(err) {
		return "", err
	}
	return link, nil
}

// spawn runs a gateway in a process of its own.
func (v *vendors) spawn(ctx context.Context, config string) (*node, error) {
	argo, err := v.b.self()
	if err != nil {
		return nil, err
	}
	v.slots++
	slot := 1 + v.slots%(pageSlots-1)
	v.page.forget(slot)
	log, err := os.OpenFile(filepath.Join(v.b.dir, "nodes.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := exec.Command(argo, "bench", "node", "--config", config, "--clock", filepath.Join(v.b.dir, "clock"), "--slot", strconv.Itoa(slot))
	cmd.Stderr = log
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	n := &node{v: v, cmd: cmd, slot: slot}
	n.end = func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = v.page.while(v.door.busy, cmd.Wait)
		v.page.forget(slot)
	}
	line, err := "", error(nil)
	_ = v.page.while(v.door.busy, func() error {
		line, err = bufio.NewReader(stdout).ReadString('\n')
		return nil
	})
	if n.addr = strings.TrimSpace(line); err != nil || n.addr == "" {
		n.kill()
		return nil, fmt.Errorf("the gateway did not start, see %s: %w", log.Name(), err)
	}
	return n, n.connect(ctx)
}

func (n *node) connect(ctx context.Context) error {
	n.v.nodes = append(n.v.nodes, n)
	c := mysql.NewConfig()
	c.User, c.Passwd, c.Net, c.Addr, c.TLSConfig, c.Logger = "bench", benchPassword, "tcp", n.addr, "skip-verify", &mysql.NopLogger{}
	connector, err := mysql.NewConnector(c)
	if err != nil {
		return err
	}
	n.db = sql.OpenDB(connector)
	n.db.SetMaxIdleConns(64)
	return n.v.page.while(n.v.door.busy, func() error { return n.db.PingContext(ctx) })
}

// stop ends the gateway in order.
func (n *node) stop() {
	n.once.Do(func() {
		n.gone()
		n.end()
	})
}

// kill is kill -9; the process is gone when it returns.
func (n *node) kill() {
	n.once.Do(func() {
		_ = n.cmd.Process.Kill()
		_ = n.cmd.Wait()
		n.v.page.forget(n.slot)
		n.gone()
	})
}

func (n *node) gone() {
	n.v.nodes = slices.DeleteFunc(n.v.nodes, func(o *node) bool { return o == n })
	if n.db != nil {
		n.db.Close()
	}
}

// querier is a database or one of its connections.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// null stands for NULL in an answer.
const null = "\x00NULL"

// ask runs one statement and gives its rows as texts.
func ask(ctx context.Context, q querier, text string) (out [][]string, err error) {
	rows, err := q.QueryContext(ctx, text)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	cells, into := make([]sql.NullString, len(columns)), make([]any, len(columns))
	for i := range cells {
		into[i] = &cells[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		row := make([]string, len(cells))
		for i, c := range cells {
			if row[i] = c.String; !c.Valid {
				row[i] = null
			}
		}
		out = append(out, row)
	}
	return out, rows.Err()
}

// ask runs one statement while time passes as it has to.
func (n *node) ask(ctx context.Context, text string) (rows [][]string, err error) {
	err = n.v.page.while(n.v.door.busy, func() (err error) {
		rows, err = ask(ctx, n.db, text)
		return err
	})
	return rows, err
}

// session runs f on one connection of the node, while time passes.
func (n *node) session(ctx context.Context, f func(c *sql.Conn) error) error {
	return n.v.page.while(n.v.door.busy, func() error {
		c, err := n.db.Conn(ctx)
		if err != nil {
			return err
		}
		return errors.Join(f(c), c.Close())
	})
}

// settle waits until nothing is renewed in the background of earlier statements
// by a gateway of this process, and nothing has happened at the vendors for a
// while, which is all that is known of gateways in their own.
func (v *vendors) settle(ctx context.Context, quiet time.Duration) error {
	return v.page.while(v.door.busy, func() error {
		for _, n := range v.nodes {
			if n.app != nil {
				if err := n.app.cache.Calm(ctx); err != nil {
					return err
				}
			}
		}
		for since, events := time.Now(), int64(-1); time.Since(since) < quiet; <-time.After(time.Millisecond) {
			if e := v.door.busy.events.Load(); e != events || v.door.busy.open.Load() > 0 {
				since, events = time.Now(), e
			}
		}
		return nil
	})
}

// flow lets time pass as it does for everybody, until stop is called.
func (v *vendors) flow() (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for last := time.Now(); ; {
			select {
			case now := <-tick.C:
				v.page.Advance(now.Sub(last))
				last = now
			case <-done:
				return
			}
		}
	}()
	return func() { close(done); <-ended }
}

// benchNodeCommand is the gateway of a trial in a process of its own.
func benchNodeCommand() *cobra.Command {
	var config, clockFile string
	var slot int
	c := &cobra.Command{
		Use:    "node",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if slot <= 0 || slot >= pageSlots {
				return fault.New(fault.Invalid, "--slot is from 1 to %d", pageSlots-1)
			}
			p, err := openPage(clockFile, slot)
			if err != nil {
				return err
			}
			cfg, err := configs.Load(config)
			if err != nil {
				return err
			}
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return err
			}
			cfg.Listen = l.Addr().String()
			a, err := assemble(c.Context(), cfg, l, logger(cfg.Log), clock{Now: p.Now, Sleep: p.Sleep, Sources: []tables.Source{benchSource}})
			if err != nil {
				return err
			}
			defer a.close()
			fmt.Fprintln(c.OutOrStdout(), l.Addr())
			return a.serve(c.Context())
		},
	}
	c.Flags().StringVar(&config, "config", "", "")
	c.Flags().StringVar(&clockFile, "clock", "", "")
	c.Flags().IntVar(&slot, "slot", 0, "")
	return c
}
