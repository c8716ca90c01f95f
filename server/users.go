package server

import (
	"crypto/sha1"
	"crypto/sha256"
	"fmt"
	"net"
	"path"
	"strings"

	"argo/server/engine"

	"github.com/dolthub/vitess/go/mysql"
)

// User who may connect.
type User struct {
	Name     string
	Host     string // pattern as MySQL's: %, 10.0.0.%, localhost; "" is %
	Password string
	Auth     string // caching_sha2_password ("" is this) or mysql_native_password
	// Databases that the user may read; nil: all.
	Databases []string
	Act       bool // may CALL actions
	Approve   bool // may approve what others ask for, and set guardrails
}

// users authenticates connections; it is vitess's AuthServer. Only hashes of
// the passwords are kept: SHA1(SHA1(p)) and SHA256(SHA256(p)), as MySQL keeps
// them.
//
// A user of caching_sha2_password logs in on MySQL's fast path, which answers a
// challenge and sends no password: the server has the hash of every password
// from the configuration, where MySQL must first be given the password once,
// over TLS or under its RSA key. So these users can log in without TLS too.
type users struct {
	list       []*user
	requireTLS bool
}

type user struct {
	User
	sha1   []byte // for mysql_native_password
	sha256 []byte // for caching_sha2_password
}

var _ mysql.AuthServer = (*users)(nil)

func newUsers(list []User, requireTLS bool) (*users, error) {
	out := &users{requireTLS: requireTLS}
	for _, u := range list {
		if u.Host == "" {
			u.Host = "%"
		}
		k := &user{User: u}
		switch mysql.AuthMethodDescription(u.Auth) {
		case mysql.CachingSha2Password, "":
			k.Auth = string(mysql.CachingSha2Password)
			once := sha256.Sum256([]byte(u.Password))
			twice := sha256.Sum256(once[:])
			k.sha256 = twice[:]
		case mysql.MysqlNativePassword:
			once := sha1.Sum([]byte(u.Password))
			twice := sha1.Sum(once[:])
			k.sha1 = twice[:]
		default:
			return nil, fmt.Errorf("user %s: there is no authentication called %q", u.Name, u.Auth)
		}
		if u.Password == "" {
			return nil, fmt.Errorf("user %s: the password is empty", u.Name)
		}
		k.Password = ""
		out.list = append(out.list, k)
	}
	return out, nil
}

// find gives the user that name from host logs in as: of several whose host
// pattern fits, the one that says most.
func (u *users) find(name, host string) *user {
	var best *user
	for _, k := range u.list {
		if k.Name == name && fits(k.Host, host) && (best == nil || specific(k.Host) > specific(best.Host)) {
			best = k
		}
	}
	return best
}

// fits says whether a host is one of the pattern: % is any text, _ any
// character, localhost the machine itself.
func fits(pattern, host string) bool {
	if strings.EqualFold(pattern, host) || pattern == "%" {
		return true
	}
	if ip := net.ParseIP(host); strings.EqualFold(pattern, "localhost") {
		return ip != nil && ip.IsLoopback() || host == ""
	}
	if ip := net.ParseIP(pattern); ip != nil {
		other := net.ParseIP(host)
		return other != nil && ip.Equal(other)
	}
	glob := strings.NewReplacer("*", "\\*", "?", "\\?", "[", "\\[", "\\", "\\\\", "%", "*", "_", "?").Replace(strings.ToLower(pattern))
	ok, err := path.Match(glob, strings.ToLower(host))
	return err == nil && ok
}

// specific orders patterns: without wildcards first, then the longer one.
func specific(pattern string) int {
	if !strings.ContainsAny(pattern, "%_") {
		return 1 << 16
	}
	return len(pattern)
}

// DefaultAuthMethodDescription implements mysql.AuthServer.
func (u *users) DefaultAuthMethodDescription() mysql.AuthMethodDescription {
	for _, k := range u.list {
		if k.Auth == string(mysql.CachingSha2Password) {
			return mysql.CachingSha2Password
		}
	}
	return mysql.MysqlNativePassword
}

// AuthMethods implements mysql.AuthServer.
func (u *users) AuthMethods() []mysql.AuthMethod {
	native := mysql.NewMysqlNativeAuthMethod(u, u)
	sha2 := mysql.NewSha2CachingAuthMethod(u, noPasswords{}, u)
	return []mysql.AuthMethod{
		method{AuthMethod: sha2, users: u, unknown: true},
		method{AuthMethod: native, users: u},
	}
}

// HandleUser implements mysql.UserValidator; method decides.
func (u *users) HandleUser(string, net.Addr) bool { return true }

// UserEntryWithHash implements mysql.HashStorage.
func (u *users) UserEntryWithHash(c *mysql.Conn, salt []byte, name string, reply []byte, addr net.Addr) (mysql.Getter, error) {
	k := u.find(name, hostOf(addr))
	if k == nil || k.sha1 == nil || len(reply) != sha1.Size || !mysql.VerifyHashedMysqlNativePassword(reply, salt, k.sha1) {
		return nil, denied(name, addr, len(reply) > 0)
	}
	return k.identity(addr), nil
}

// UserEntryWithCacheHash implements mysql.CachingStorage.
func (u *users) UserEntryWithCacheHash(c *mysql.Conn, salt []byte, name string, reply []byte, addr net.Addr) (mysql.Getter, mysql.CacheState, error) {
	k := u.find(name, hostOf(addr))
	if k == nil || k.sha256 == nil || len(reply) != sha256.Size || !mysql.VerifyHashedCachingSha2Password(reply, salt, k.sha256) {
		return nil, mysql.AuthRejected, denied(name, addr, len(reply) > 1)
	}
	return k.identity(addr), mysql.AuthAccepted, nil
}

func (k *user) identity(addr net.Addr) *engine.Identity {
	return &engine.Identity{Host: hostOf(addr), Rights: engine.Rights{User: k.Name, Databases: k.Databases, Act: k.Act, Approve: k.Approve}}
}

// method is one way to log in, for the users that are configured for it. The
// method that unknown users are sent to is the one that most servers use, so
// that a name cannot be told from its answer.
type method struct {
	mysql.AuthMethod
	users   *users
	unknown bool
}

// HandleUser implements mysql.AuthMethod.
func (m method) HandleUser(c *mysql.Conn, name string) bool {
	k := m.users.find(name, hostOf(c.RemoteAddr()))
	if k == nil {
		return m.unknown
	}
	return k.Auth == string(m.Name())
}

// HandleAuthPluginData implements mysql.AuthMethod. Vitess's own check of TLS
// would tell the client and let it go on.
func (m method) HandleAuthPluginData(c *mysql.Conn, name string, salt, reply []byte, addr net.Addr) (mysql.Getter, error) {
	if w, ok := c.Conn.(*wire); m.users.requireTLS && ok && w.secure == nil && !local(addr) {
		return nil, mysql.NewSQLError(3159, "08004",
			"Connections using insecure transport are prohibited: connect with TLS (--ssl-mode=REQUIRED, useSSL=true)")
	}
	return m.AuthMethod.HandleAuthPluginData(c, name, salt, reply, addr)
}

// local says that the client came over a Unix socket.
func local(addr net.Addr) bool { return addr.Network() == "unix" }

// noPasswords refuses a password in clear; the fast path never asks for one.
type noPasswords struct{}

// UserEntryWithPassword implements mysql.PlainTextStorage.
func (noPasswords) UserEntryWithPassword(_ *mysql.Conn, name, _ string, addr net.Addr) (mysql.Getter, error) {
	return nil, denied(name, addr, true)
}

func denied(name string, addr net.Addr, password bool) error {
	using := "NO"
	if password {
		using = "YES"
	}
	return mysql.NewSQLError(mysql.ERAccessDeniedError, mysql.SSAccessDeniedError,
		"Access denied for user '%s'@'%s' (using password: %s)", name, hostOf(addr), using)
}

// hostOf is the client's address without its port; "" for a Unix socket.
func hostOf(addr net.Addr) string {
	if t, ok := addr.(*net.TCPAddr); ok {
		ip := t.IP
		if four := ip.To4(); four != nil {
			ip = four
		}
		return ip.String()
	}
	host, _, err := net.SplitHostPort(addr.String())
	if err != nil {
		return ""
	}
	return host
}
