package server

import (
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestFindUser(t *testing.T) {
	u, err := newUsers([]User{
		{Name: "a", Host: "%", Password: "x"}, {Name: "a", Host: "10.0.%", Password: "x"}, {Name: "a", Host: "10.0.0.7", Password: "x"},
		{Name: "b", Host: "localhost", Password: "x"}, {Name: "c", Host: "192.168.1._", Password: "x"}, {Name: "d", Host: "::1", Password: "x"},
	}, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, host, want string }{
		{"a", "1.2.3.4", "%"}, {"a", "10.0.3.4", "10.0.%"}, {"a", "10.0.0.7", "10.0.0.7"},
		{"b", "127.0.0.1", "localhost"}, {"b", "::1", "localhost"}, {"b", "", "localhost"}, {"b", "10.0.0.1", ""},
		{"c", "192.168.1.5", "192.168.1._"}, {"c", "192.168.1.55", ""}, {"d", "::1", "::1"}, {"e", "1.2.3.4", ""}, {"A", "1.2.3.4", ""},
	} {
		got := ""
		if k := u.find(c.name, c.host); k != nil {
			got = k.Host
		}
		if got != c.want {
			t.Errorf("%s from %q is %q, want %q", c.name, c.host, got, c.want)
		}
	}
	for _, bad := range []User{{Name: "a"}, {Name: "a", Password: "x", Auth: "md5"}} {
		if _, err := newUsers([]User{bad}, false); err == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
	if got := hostOf(&net.TCPAddr{IP: net.ParseIP("::ffff:10.0.0.7"), Port: 1}); got != "10.0.0.7" {
		t.Errorf("a mapped address is %s", got)
	}
}

// TestCertificate: it is made once, kept, and made anew for another name, near
// its end, and when its key does not belong to it.
func TestCertificate(t *testing.T) {
	dir := t.TempDir()
	crt, key := filepath.Join(dir, "server.crt"), filepath.Join(dir, "server.key")
	read := func() string {
		t.Helper()
		b, err := os.ReadFile(crt)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	now := time.Now()
	make := func(at time.Time, names ...string) string {
		t.Helper()
		if err := generate(crt, key, names, at); err != nil {
			t.Fatal(err)
		}
		return read()
	}
	first := make(now, "localhost", "127.0.0.1")
	if make(now, "localhost", "127.0.0.1") != first {
		t.Error("it is made at every start")
	}
	second := make(now, "localhost", "argo.example")
	if second == first {
		t.Error("it is not made for another name")
	}
	third := make(now.Add(lifetime-renewal+time.Hour), "localhost", "argo.example")
	if third == second {
		t.Error("it is not made anew near its end")
	}
	if err := os.WriteFile(key, []byte("broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	if make(now.Add(lifetime-renewal+time.Hour), "localhost", "argo.example") == third {
		t.Error("a broken key stays")
	}
	if info, err := os.Stat(key); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key: %v %v", info.Mode(), err)
	}
	if _, err := Certificate(crt, filepath.Join(dir, "nothing"), ""); err == nil {
		t.Error("a missing key is taken")
	}
	if c, err := Certificate("", "", filepath.Join(dir, "new")); err != nil || len(c.Certificates) != 1 {
		t.Errorf("%v %v", c, err)
	}
}
