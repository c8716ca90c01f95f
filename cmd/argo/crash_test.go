package main

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"argo/tables/ads/googleads/googleadssim"
	"argo/tables/market"

	"github.com/go-sql-driver/mysql"
)

// kills is how often TestKill9 kills the gateway.
const kills = 50

// frozen is a clock that stands still, so that the truth of the market does too.
type frozen time.Time

func (f frozen) Now() time.Time { return time.Time(f) }

// vendor is the Google simulator behind a door that counts: what is in flight,
// and how often each mutate body arrived.
type vendor struct {
	sim      http.Handler
	fetching atomic.Int64
	mutating atomic.Int64
	mu       sync.Mutex
	mutates  int
}

func (v *vendor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasSuffix(r.URL.Path, ":mutate") {
		v.mutating.Add(1)
		defer v.mutating.Add(-1)
		v.mu.Lock()
		v.mutates++
		v.mu.Unlock()
		delay(r, 80) // so that a kill can fall before the change …
		v.sim.ServeHTTP(w, r)
		delay(r, 80) // … and after it
		return
	}
	if strings.Contains(r.URL.Path, ":search") {
		v.fetching.Add(1)
		defer v.fetching.Add(-1)
		delay(r, 20)
	}
	v.sim.ServeHTTP(w, r)
}

// delay waits up to ms milliseconds, less where the client has gone.
func delay(r *http.Request, ms int) {
	select {
	case <-time.After(time.Duration(rand.IntN(ms)) * time.Millisecond):
	case <-r.Context().Done():
	}
}

// gateway is argo serve as a child process.
type gateway struct {
	cmd *exec.Cmd
	db  *sql.DB
	log *os.File
}

func startGateway(t *testing.T, config, addr string) *gateway {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.OpenFile(filepath.Join(filepath.Dir(config), "argo.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	// A link called argo makes the test binary run main (TestMain).
	link := filepath.Join(filepath.Dir(config), "argo")
	if err := os.Symlink(self, link); err != nil && !os.IsExist(err) {
		t.Fatal(err)
	}
	g := &gateway{cmd: exec.Command(link, "serve", "--config", config, "--listen", addr), log: log}
	g.cmd.Stdout, g.cmd.Stderr = log, log
	if err := g.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if g.db, err = sql.Open("mysql", "demo:demo@tcp("+addr+")/google_ads?tls=skip-verify"); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(30 * time.Second)
	for {
		if err = g.db.Ping(); err == nil {
			return g
		}
		if time.Now().After(deadline) {
			g.kill()
			text, _ := os.ReadFile(log.Name())
			t.Fatalf("the gateway does not answer: %v\n%s", err, text)
		}
		<-time.After(20 * time.Millisecond)
	}
}

// kill is kill -9; the process is gone when it returns.
func (g *gateway) kill() {
	g.db.Close()
	_ = g.cmd.Process.Kill()
	_ = g.cmd.Wait()
	g.log.Close()
}

// await waits until n is positive, for ten seconds at most.
func await(n *atomic.Int64) {
	for deadline := time.Now().Add(10 * time.Second); n.Load() == 0 && time.Now().Before(deadline); {
		<-time.After(time.Millisecond)
	}
}

// TestKill9 kills argo serve at random moments of fetches and actions, and
// looks after every restart whether anything is lost, torn, sent twice or left
// unexplained.
func TestKill9(t *testing.T) {
	ctx := context.Background()
	if err := mysql.SetLogger(&mysql.NopLogger{}); err != nil { // a kill is not news
		t.Fatal(err)
	}
	now := time.Now().UTC()
	world := market.New(market.Options{Seed: 9, Clock: frozen(now)})
	o := demoGoogle(world)
	o.Operations, o.CustomerRate, o.DeveloperRate = -1, -1, -1 // a budget does not fill up on a clock that stands
	v := &vendor{sim: googleadssim.New(world, o)}
	api := httptest.NewServer(v)
	defer api.Close()

	dir := t.TempDir()
	w := &crashWorld{t: t, world: world, v: v, dir: dir}
	config := w.configure(api.URL)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()

	r := rand.New(rand.NewPCG(9, 9))
	var inFetch, inAction int
	for i := range kills {
		g := startGateway(t, config, addr)
		w.inspect(ctx, g.db, fmt.Sprintf("after kill %d", i))
		var wg sync.WaitGroup
		if i%3 != 2 {
			for range 2 {
				wg.Go(func() { w.fetch(ctx, g.db) })
			}
		}
		if i%3 != 1 {
			wg.Go(func() { w.act(ctx, g.db) })
		}
		// A third of the kills fall anywhere, the others soon after a fetch or a
		// change has reached the vendor.
		switch i % 3 {
		case 1:
			await(&v.fetching)
		case 2:
			await(&v.mutating)
		default:
			<-time.After(time.Duration(r.IntN(500)) * time.Millisecond)
		}
		<-time.After(time.Duration(r.IntN(50)) * time.Millisecond)
		if v.fetching.Load() > 0 {
			inFetch++
		}
		if v.mutating.Load() > 0 {
			inAction++
		}
		g.kill()
		wg.Wait()
	}
	g := startGateway(t, config, addr)
	defer g.kill()
	w.inspect(ctx, g.db, "at the end")
	w.settle(ctx, g.db)
	t.Logf("%d kills, %d with a fetch and %d with a change in flight; %d mutates for %d applied changes",
		kills, inFetch, inAction, v.mutates, len(world.Actions())-w.before)
	if inFetch < 3 || inAction < 3 {
		t.Error("hardly a kill fell into a fetch or an action: the test has shown little")
	}
}
