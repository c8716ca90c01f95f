package server

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"argo/server/engine"
)

// wire is a client's connection below vitess. It does what vitess's listener
// cannot: it takes TLS on by itself, so that it sees the commands of every
// client in clear; rewrites the text of COM_STMT_PREPARE, which vitess parses
// before it asks any handler; notices while a statement runs that the client
// has gone; and ends clients that do not log in.
//
// Vitess reads and writes it from one goroutine; while a command runs, and
// nothing is read, watch reads. The protocol is that of MySQL's "Connection
// Phase" and "Protocol::Packet": a packet has three bytes of length, a sequence
// number, and the payload.
type wire struct {
	net.Conn // the socket
	offer    *tls.Config

	secure *tls.Conn // non-nil once TLS is on
	in     *bufio.Reader
	out    io.Writer

	// Until the first command the sequence numbers of vitess's packets differ
	// by shift from the client's: vitess does not see the request for TLS.
	greeted, commands bool
	shift             byte
	greeting          []byte // what there is of the first packet out
	head              [4]byte
	headLen, outLeft  int // of the present packet out

	prepare func(query string) string
	ready   []byte // to be given before more is read
	left    int    // bytes of the present packet in that are still to come
	cursor  bool   // the last COM_STMT_EXECUTE opened a cursor, which outlives it
	closing sync.Once
}

var _ engine.Wire = (*wire)(nil)

// patience with a client that does not log in, and with a statement before its
// client is watched.
const (
	loginTime  = 30 * time.Second
	watchAfter = 20 * time.Millisecond
)

const (
	clientSSL      = 0x800 // CLIENT_SSL, in the lower capabilities
	sslRequest     = 32    // length of the payload that asks for TLS
	comStmtPrepare = 0x16
	comStmtExecute = 0x17
	largestPacket  = 1<<24 - 1
)

func newWire(c net.Conn, offer *tls.Config) *wire {
	_ = c.SetReadDeadline(time.Now().Add(loginTime))
	return &wire{Conn: c, offer: offer, in: bufio.NewReader(c), out: c}
}

// LoggedIn implements engine.Wire.
func (c *wire) LoggedIn(prepare func(query string) string) {
	c.prepare = prepare
	_ = c.SetReadDeadline(time.Time{})
}

// Cipher implements engine.Wire.
func (c *wire) Cipher() (suite, version string) {
	if c.secure == nil {
		return "", ""
	}
	s := c.secure.ConnectionState()
	return tls.CipherSuiteName(s.CipherSuite), strings.Replace(tls.VersionName(s.Version), "TLS 1.", "TLSv1.", 1)
}

// Read implements net.Conn: at most the rest of one packet.
func (c *wire) Read(p []byte) (int, error) {
	if len(c.ready) == 0 && c.left == 0 {
		if err := c.next(); err != nil {
			return 0, err
		}
	}
	if len(c.ready) > 0 {
		n := copy(p, c.ready)
		c.ready = c.ready[n:]
		return n, nil
	}
	n, err := c.in.Read(p[:min(len(p), c.left)])
	c.left -= n
	return n, err
}

// next begins a packet of the client's.
func (c *wire) next() error {
	head, err := c.in.Peek(4)
	if err != nil {
		return err
	}
	length, sequence := int(head[0])|int(head[1])<<8|int(head[2])<<16, head[3]
	switch {
	case sequence != 0 && !c.commands && c.secure == nil && c.offer != nil && length == sslRequest:
		request, err := c.in.Peek(8)
		if err != nil {
			return err
		}
		if flags := int(request[4]) | int(request[5])<<8; flags&clientSSL != 0 {
			return c.upgrade()
		}
	case sequence == 0 && length > 0:
		c.commands = true
		if done, err := c.command(length); done || err != nil {
			return err
		}
	}
	c.ready = make([]byte, 4)
	if _, err := io.ReadFull(c.in, c.ready); err != nil {
		return err
	}
	if !c.commands {
		c.ready[3] -= c.shift
	}
	c.left = length
	return nil
}

// upgrade turns TLS on and begins the packet after the request. What the client
// has sent behind its request, unencrypted, is read as a part of TLS.
func (c *wire) upgrade() error {
	if _, err := c.in.Discard(4 + sslRequest); err != nil {
		return err
	}
	t := tls.Server(&rest{c.Conn, c.in}, c.offer)
	ctx, cancel := context.WithTimeout(context.Background(), loginTime)
	defer cancel()
	if err := t.HandshakeContext(ctx); err != nil {
		return fmt.Errorf("TLS handshake: %w", err)
	}
	c.secure, c.in, c.out, c.shift = t, bufio.NewReader(t), t, 1
	return c.next()
}

// rest is a connection of which some has been read ahead.
type rest struct {
	net.Conn
	r *bufio.Reader
}

func (c *rest) Read(p []byte) (int, error) { return c.r.Read(p) }

// command looks at a command; done says that its packet has been taken.
func (c *wire) command(length int) (done bool, err error) {
	first, err := c.in.Peek(5)
	if err != nil {
		return false, err
	}
	switch first[4] {
	case comStmtPrepare:
		if length < largestPacket && c.prepare != nil {
			return true, c.rewrite(length)
		}
	case comStmtExecute: // the command, four bytes of statement, flags
		if first, err = c.in.Peek(10); err != nil {
			return false, err
		}
		c.cursor = first[9] != 0
	}
	return false, nil
}

func (c *wire) rewrite(length int) error {
	packet := make([]byte, 4+length)
	if _, err := io.ReadFull(c.in, packet); err != nil {
		return err
	}
	text := c.prepare(string(packet[5:]))
	n := len(text) + 1
	if n >= largestPacket {
		c.ready = packet
		return nil
	}
	c.ready = append([]byte{byte(n), byte(n >> 8), byte(n >> 16), 0, comStmtPrepare}, text...)
	return nil
}

// Write implements net.Conn.
func (c *wire) Write(p []byte) (int, error) {
	switch {
	case c.commands:
		return c.out.Write(p)
	case !c.greeted:
		return len(p), c.greet(p)
	case c.shift == 0:
		return c.out.Write(p)
	}
	// The rest of the connection phase: small packets.
	shifted := make([]byte, 0, len(p))
	for _, b := range p {
		if c.outLeft > 0 {
			c.outLeft--
			shifted = append(shifted, b)
			continue
		}
		c.head[c.headLen] = b
		if c.headLen++; c.headLen == len(c.head) {
			c.outLeft = int(c.head[0]) | int(c.head[1])<<8 | int(c.head[2])<<16
			c.head[3] += c.shift
			shifted = append(shifted, c.head[:]...)
			c.headLen = 0
		}
	}
	_, err := c.out.Write(shifted)
	return len(p), err
}

// greet sends the first packet, the handshake, with the offer of TLS in its
// capabilities: version of the protocol, version of the server, a zero, four
// bytes of thread, eight of challenge, a filler, two of capabilities.
func (c *wire) greet(p []byte) error {
	c.greeting = append(c.greeting, p...)
	if len(c.greeting) < 4 {
		return nil
	}
	length := int(c.greeting[0]) | int(c.greeting[1])<<8 | int(c.greeting[2])<<16
	if len(c.greeting) < 4+length {
		return nil
	}
	c.greeted = true
	if body := c.greeting[4:]; c.offer != nil && len(body) > 0 && body[0] == 10 {
		for at := 1; at < len(body); at++ {
			if body[at] != 0 {
				continue
			}
			if at += 1 + 4 + 8 + 1; at+1 < len(body) {
				body[at+1] |= clientSSL >> 8
			}
			break
		}
	}
	_, err := c.out.Write(c.greeting)
	c.greeting = nil
	return err
}

// Watch implements engine.Wire.
func (c *wire) Watch(gone func()) (stop func()) {
	if c.cursor || len(c.ready) > 0 || c.left > 0 {
		return func() {}
	}
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		t := time.NewTimer(watchAfter)
		defer t.Stop()
		select {
		case <-quit:
			return
		case <-t.C:
		}
		if _, err := c.in.Peek(1); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			gone()
		}
	}()
	return func() {
		close(quit)
		_ = c.SetReadDeadline(time.Unix(1, 0))
		<-done
		_ = c.SetReadDeadline(time.Time{})
	}
}

// Close implements net.Conn; under TLS the client is told that this is the end.
func (c *wire) Close() (err error) {
	c.closing.Do(func() {
		if c.secure != nil {
			_ = c.SetWriteDeadline(time.Now().Add(time.Second))
			_ = c.secure.CloseWrite()
		}
		err = c.Conn.Close()
	})
	return err
}
