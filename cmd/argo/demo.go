package main

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"text/template"
	"time"

	"argo/configs"
	"argo/tables/fault"
	"argo/tables/market"

	"github.com/spf13/cobra"
)

// The demo's user and password are published; they are valid on a demo only,
// which listens on a loopback address.
const (
	demoUser     = "demo"
	demoPassword = "demo"
)

//go:embed demo.yaml.tmpl
var demoConfig string

var demoTemplate = template.Must(template.New("demo.yaml").Parse(demoConfig))

// demoFlags of argo demo.
type demoFlags struct {
	listen, dir string
	seed        uint64
	accounts    int
}

func demoCommand() *cobra.Command {
	var d demoFlags
	c := &cobra.Command{
		Use:   "demo",
		Short: "A simulated agency, ready for any MySQL client",
		Long: `Start a simulated agency and a gateway in front of it: three advertisers with
accounts at Google Ads (simulated over its REST API), apps at AppsFlyer
(simulated over its Pull API) and a small data lake. Nothing is configured and
nothing leaves this machine. The user is demo, the password demo.

A seed gives the same world again. With --dir, the lake, the cache, the ledger
and what was done to the campaigns are kept for the next time; without it they
are removed at the end.`,
		Example: "  argo demo\n  argo demo --listen 127.0.0.1:4406 --dir ~/argo-demo --seed 7",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return d.run(c.Context(), c.OutOrStdout(), c.Flags().Changed("listen"))
		},
	}
	c.Flags().StringVar(&d.listen, "listen", "127.0.0.1:3306", "`ADDR` of the gateway; by default the next free port from this one on")
	c.Flags().StringVar(&d.dir, "dir", "", "keep the state in `DIR`")
	c.Flags().IntVar(&d.accounts, "accounts", 3, "`N` accounts at each channel but Google Ads, which has seven; a kept world keeps its own")
	c.Flags().Uint64Var(&d.seed, "seed", 1, "`N` of the simulated world; a kept world keeps its own")
	return c
}

func (d *demoFlags) run(ctx context.Context, stdout io.Writer, chosen bool) (err error) {
	if d.accounts < 1 || d.accounts > 1000 {
		return fault.New(fault.Invalid, "--accounts is from 1 to 1000")
	}
	dir := d.dir
	if dir == "" {
		if dir, err = os.MkdirTemp("", "argo-demo-"); err != nil {
			return err
		}
		defer os.RemoveAll(dir)
	} else if err := os.MkdirAll(dir, 0o700); err != nil {
		return fault.Wrap(fault.Config, err, "the folder of the demo cannot be made")
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	// The simulated world is one process's, other than the data folder in it.
	unlock, err := tryLock(filepath.Join(dir, "lock"))
	if errors.Is(err, errTaken) {
		return fault.New(fault.Config, "another argo demo runs in %s", dir).
			WithHint("ask that one: argo query 'SELECT 1'; or give this one another --dir")
	}
	if err != nil {
		return fault.Wrap(fault.Config, err, "the folder of the demo cannot be locked")
	}
	defer unlock()
	l, err := listen(d.listen, chosen)
	if err != nil {
		return err
	}
	if !loopback(l.Addr()) {
		l.Close()
		return fault.New(fault.Refused, "the demo has a published password and listens on loopback addresses only").
			WithHint("--listen 127.0.0.1:PORT; for others, argo serve --config FILE")
	}
	world, err := startWorld(ctx, dir, d.seed, d.accounts)
	if err != nil {
		l.Close()
		return err
	}
	defer world.stop()
	cfg, err := world.configure(dir)
	if err != nil {
		l.Close()
		return err
	}
	cfg.Listen = l.Addr().String()
	a, err := assemble(ctx, cfg, l, logger(cfg.Log), realClock())
	if err != nil {
		return err
	}
	defer a.close()
	if err := world.greet(stdout, l.Addr(), dir, d.dir != ""); err != nil {
		return err
	}
	return a.serve(ctx)
}

// world is the simulated agency with its vendors on loopback ports.
type world struct {
	market  *market.Market
	vendors []played
	wg      sync.WaitGroup
}

type played struct {
	source string
	play   vendorPlay
	server *http.Server
	url    string
}

// startWorld loads or makes the market of dir and starts the simulators.
func startWorld(ctx context.Context, dir string, seed uint64, accounts int) (*world, error) {
	w := &world{market: market.New(market.Options{Seed: seed, Clock: market.RealClock{}, Channels: channelsOf(accounts)})}
	if err := w.market.Journal(filepath.Join(dir, "market.jsonl")); err != nil {
		return nil, fault.Wrap(fault.Broken, err, "the kept world cannot be read").(*fault.Error).WithHint("give another --dir, or remove this one")
	}
	for _, s := range simulators {
		v := played{source: s.source, play: s.play(s.on(w.market))}
		var err error
		if v.server, v.url, err = w.listen(v.play); err != nil {
			w.stop()
			return nil, err
		}
		w.vendors = append(w.vendors, v)
	}
	return w, nil
}

// listen serves a simulator on a free loopback port.
func (w *world) listen(h http.Handler) (*http.Server, string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", err
	}
	s := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)}
	w.wg.Add(1)
	go func() {
		defer w.wg.Done()
		_ = s.Serve(l)
	}()
	return s, "http://" + l.Addr().String(), nil
}

func (w *world) stop() {
	for _, v := range w.vendors {
		v.server.Close()
	}
	w.wg.Wait()
	w.market.Close()
}

// configure writes the demo's configuration, its secrets and its lake into
// dir, and loads it the way argo serve would.
func (w *world) configure(dir string) (*configs.Config, error) {
	secrets := map[string]string{"password": demoPassword}
	var connections strings.Builder
	for _, v := range w.vendors {
		name := func(secret string) string { return v.source + "_" + secret }
		for secret, value := range v.play.secrets {
			secrets[name(secret)] = value
		}
		ref := func(secret string) string { return "file:" + filepath.Join(dir, "secrets", name(secret)) }
		if err := writeConnection(&connections, v.source, v.play.connection(v.url, ref)); err != nil {
			return nil, err
		}
	}
	for name, value := range secrets {
		if err := writeFile(filepath.Join(dir, "secrets", name), []byte(value+"\n")); err != nil {
			return nil, err
		}
	}
	if err := w.seedLake(filepath.Join(dir, "lake")); err != nil {
		return nil, fmt.Errorf("seed the lake: %w", err)
	}
	var text bytes.Buffer
	if err := demoTemplate.Execute(&text, map[string]any{"Dir": dir, "Vendors": connections.String()}); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "demo.yaml")
	if err := writeFile(path, text.Bytes()); err != nil {
		return nil, err
	}
	return configs.Load(path)
}

// writeFile replaces a file as a whole; only this user can read it.
func writeFile(path string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, content) {
		return nil
	}
	tmp := path + ".new"
	if err := os.WriteFile(tmp, content, 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}
