// Package server listens: it speaks the MySQL protocol to clients, knows the
// users and hands their statements to the engine.
//
// It knows no table, no channel and no SQL.
package server

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	stdlog "log"
	"log/slog"
	"net"
	"sync"
	"time"

	"argo/server/engine"

	sqle "github.com/dolthub/go-mysql-server"
	gms "github.com/dolthub/go-mysql-server/server"
	"github.com/dolthub/vitess/go/mysql"
	vitesslog "github.com/dolthub/vitess/go/vt/log"
)

// Options of a Server.
type Options struct {
	Engine   *engine.Engine
	Listener net.Listener
	Users    []User
	// TLS is what the server offers; nil: none. Certificate makes one.
	TLS *tls.Config
	// RequireTLS refuses clients without TLS; those of a Unix socket are spared.
	RequireTLS bool
	Log        *slog.Logger // nil: discards
	// MaxConnections at once; 0 is 512. One more is turned away.
	MaxConnections int
}

// Server is a listener with its sessions.
type Server struct {
	o        Options
	listener *gate
	gms      *gms.Server
}

// New makes a server on o.Listener; Serve starts it. The listener is the
// server's from here on.
func New(o Options) (*Server, error) {
	o.Log = cmp.Or(o.Log, slog.New(slog.DiscardHandler))
	o.MaxConnections = cmp.Or(o.MaxConnections, 512)
	users, err := newUsers(o.Users, o.RequireTLS)
	if err != nil {
		return nil, err
	}
	quiet(o.Log)
	s := &Server{o: o, listener: newGate(o.Listener, o.TLS, o.MaxConnections)}
	config := gms.Config{
		Protocol: "tcp", Address: o.Listener.Addr().String(), Listener: s.listener,
		Version: o.Engine.Version(), DisableConnectionWatcher: true, // wire has TLS and watches
		ProtocolListenerFactory: func(c gms.Config, l mysql.ListenerConfig, sel gms.ServerEventListener) (gms.ProtocolListener, error) {
			l.AuthServer = users
			return gms.MySQLProtocolListenerFactory(c, l, sel)
		},
		Options: []gms.Option{func(e *sqle.Engine, sm *gms.SessionManager, h mysql.Handler) (*sqle.Engine, *gms.SessionManager, mysql.Handler) {
			return e, sm, o.Engine.Handler(h, sm)
		}},
	}
	if s.gms, err = gms.NewServer(config, o.Engine.GMS(), o.Engine.NewContext, o.Engine.NewSession, nil); err != nil {
		return nil, fmt.Errorf("start the listener: %w", err)
	}
	return s, nil
}

// Addr is where the server listens.
func (s *Server) Addr() net.Addr { return s.o.Listener.Addr() }

// Serve accepts connections until ctx ends; then it stops accepting, cancels
// the statements that run, closes every connection, and returns nil when the
// last of them is gone.
func (s *Server) Serve(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	stop := context.AfterFunc(ctx, func() { s.shutdown() })
	defer stop()
	err := s.gms.Start()
	s.listener.wait()
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// shutdown ends the accept loop, the statements and the connections, in this
// order: a client whose statement is cancelled still reads why.
func (s *Server) shutdown() {
	err := s.gms.Close()
	err = errors.Join(err, s.o.Engine.Close())
	s.listener.closeAll()
	if err != nil {
		s.o.Log.Error("closing the listener", "err", err)
	}
}

// gate is a listener that counts its connections: it turns away those above
// the limit with MySQL's error 1040 and can close those that are left.
type gate struct {
	net.Listener
	tls   *tls.Config
	limit int

	mu    sync.Mutex
	idle  sync.Cond // conns has become empty
	conns map[*gated]struct{}
}

func newGate(l net.Listener, t *tls.Config, limit int) *gate {
	g := &gate{Listener: l, tls: t, limit: limit, conns: map[*gated]struct{}{}}
	g.idle.L = &g.mu
	return g
}

// tooMany is an error packet with sequence number 0, as MySQL sends it instead
// of the handshake.
var tooMany = func() []byte {
	body := append([]byte{0xff, 0x10, 0x04}, "#08004Too many connections"...)
	return append([]byte{byte(len(body)), 0, 0, 0}, body...)
}()

// Accept implements net.Listener.
func (g *gate) Accept() (net.Conn, error) {
	for {
		c, err := g.Listener.Accept()
		if err != nil {
			return nil, err
		}
		g.mu.Lock()
		if len(g.conns) < g.limit {
			conn := &gated{Conn: c, gate: g}
			g.conns[conn] = struct{}{}
			g.mu.Unlock()
			return newWire(conn, g.tls), nil
		}
		g.mu.Unlock()
		_, _ = c.Write(tooMany)
		_ = c.Close()
	}
}

// lastWrite is how long a client may take to read what is left for it.
const lastWrite = 5 * time.Second

func (g *gate) closeAll() {
	g.mu.Lock()
	conns := make([]*gated, 0, len(g.conns))
	for c := range g.conns {
		conns = append(conns, c)
	}
	g.mu.Unlock()
	for _, c := range conns {
		_ = c.SetWriteDeadline(time.Now().Add(lastWrite))
		_ = c.halfClose()
	}
}

// wait returns when no connection is left.
func (g *gate) wait() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for len(g.conns) > 0 {
		g.idle.Wait()
	}
}

// gated is a connection that its gate knows.
type gated struct {
	net.Conn
	gate *gate
}

// Close implements net.Conn.
func (c *gated) Close() error {
	err := c.Conn.Close()
	c.gate.mu.Lock()
	defer c.gate.mu.Unlock()
	delete(c.gate.conns, c)
	if len(c.gate.conns) == 0 {
		c.gate.idle.Broadcast()
	}
	return err
}

// halfClose ends reading, so that the session's loop ends after what it writes
// now.
func (c *gated) halfClose() error {
	if t, ok := c.Conn.(interface{ CloseRead() error }); ok {
		return t.CloseRead()
	}
	return c.Conn.Close()
}

// quieted sets vitess's log once per process.
var quieted sync.Once

// quiet sends vitess's log, which goes to the process's standard logger and may
// quote statements, nowhere; what fails is told to the client and recorded.
func quiet(*slog.Logger) {
	quieted.Do(func() {
		nothing := stdlog.New(io.Discard, "", 0)
		vitesslog.Info, vitesslog.Infof = nothing.Print, nothing.Printf
		vitesslog.Warning, vitesslog.Warningf = nothing.Print, nothing.Printf
		vitesslog.Error, vitesslog.Errorf = nothing.Print, nothing.Printf
	})
}
