package configs

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"argo/tables/fault"
)

func TestExampleLoads(t *testing.T) {
	c, err := Load("argo.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Connections) != 3 || len(c.Users) != 3 || c.Engine.MemoryLimit != 4<<30 {
		t.Errorf("the example reads as %+v", c)
	}
	if k := c.Connections[0]; k.History.String() != "400d" || k.Freshness["campaigns"].Entity != 30*time.Minute || len(k.Freshness["*"].Steps) != 3 || c.Engine.MaxCalls != 500 {
		t.Errorf("the connection reads as %+v", k)
	}
	var o struct {
		Developer string `yaml:"developer_token"`
	}
	if err := c.Connections[0].Decode(&o); !fault.Is(err, fault.Config) || !strings.Contains(err.Error(), `unknown key "client_id"`) {
		t.Errorf("options are not decoded strictly: %v", err)
	}
}

const minimal = "users: [{name: a, password: env:X}]\n"

func TestValidate(t *testing.T) {
	for _, c := range []struct{ name, yaml, want string }{
		{"empty", "", "empty"},
		{"unknown key", minimal + "lissen: 1", `unknown key "lissen"`},
		{"unknown nested key", "users: [{name: a, password: env:X, pasword: y}]", `unknown key "pasword"`},
		{"nobody", "listen: 127.0.0.1:1", "nobody could connect"},
		{"plain secret", "users: [{name: a, password: hunter2hunter2}]", "must be a reference"},
		{"two documents", minimal + "---\n" + minimal, "more than one YAML document"},
		{"same user", "users: [{name: a, password: env:X}, {name: a, password: env:X}]", "twice"},
		{"auth", "users: [{name: a, password: env:X, auth: md5}]", "neither caching_sha2_password"},
		{"db name", minimal + "connections: [{name: Google, source: x}]", "lower-case"},
		{"reserved", minimal + "connections: [{name: mysql, source: x}]", "reserved"},
		{"same db", minimal + "connections: [{name: a, source: x}, {name: a, source: x}]", "two connections"},
		{"no source", minimal + "connections: [{name: a}]", "source is missing"},
		{"unknown db", "users: [{name: a, password: env:X, databases: [nope]}]", `no connection called "nope"`},
		{"size", minimal + "cache: {max_bytes: lots}", "not a size"},
		{"duration", minimal + "engine: {max_execution_time: soon}", "not a duration"},
		{"level", minimal + "log: {level: loud}", "none of debug"},
		{"tls half", minimal + "tls: {cert: a.pem}", "both cert and key"},
		{"listen", minimal + "listen: here", "not host:port"},
		{"history", minimal + "connections: [{name: a, source: x, history: long}]", "neither a number of days nor a day"},
		{"freshness word", minimal + "connections: [{name: a, source: x, freshness: {t: 5m}}]", "mapping of ages"},
		{"freshness age", minimal + "connections: [{name: a, source: x, freshness: {t: {soon: 5m}}}]", `"soon" is no age`},
		{"freshness order", minimal + "connections: [{name: a, source: x, freshness: {t: {7d: 5m, 1d: 1m}}}]", "1d stands after 7d"},
		{"freshness nothing", minimal + "connections: [{name: a, source: x, freshness: {t: {7d: 0s}}}]", "longer than nothing"},
		{"kept", minimal + "cache: {history: {keep: always}}", "not an age"},
		{"night", minimal + "cache: {night: 24}", "no hour"},
		{"bucket", minimal + "cache: {s3: {region: x}}", "bucket is missing"},
		{"half a key", minimal + "cache: {s3: {bucket: b, access_key: env:A}}", "both access_key and secret_key"},
		{"plain key", minimal + "cache: {s3: {bucket: b, access_key: env:A, secret_key: hunter2hunter2}}", "must be a reference"},
		{"sse", minimal + "cache: {s3: {bucket: b, sse: rot13}}", "neither AES256"},
		{"kms", minimal + "cache: {s3: {bucket: b, kms_key_id: k}}", "needs sse"},
		{"unknown s3 key", minimal + "cache: {s3: {buckets: b}}", `unknown key "buckets"`},
		{"calls", minimal + "engine: {argo_max_calls: -1}", "not negative"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse([]byte(c.yaml), ".")
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the secret stands in the error: %v", err)
			}
		})
	}
}

func TestDefaults(t *testing.T) {
	c, err := Parse([]byte(minimal+"data_dir: d"), "/etc/argo")
	if err != nil {
		t.Fatal(err)
	}
	if c.DataDir != "/etc/argo/d" || c.Listen != "127.0.0.1:3306" || c.Users[0].Auth != "caching_sha2_password" || c.Users[0].Host != "%" || c.Cache.MaxBytes != 20<<30 ||
		time.Duration(c.Cache.History.Keep) != 400*24*time.Hour || c.Cache.History.MaxBytes != c.Cache.MaxBytes/3 || c.Cache.S3 != nil {
		t.Errorf("defaults: %+v", c)
	}
	for s3, want := range map[string]Bytes{"{bucket: b}": -1, "{bucket: b, max_bytes: 300}": 100} {
		c, err := Parse([]byte(minimal+"cache: {s3: "+s3+"}"), ".")
		if err != nil {
			t.Fatal(err)
		}
		if c.Cache.History.MaxBytes != want {
			t.Errorf("s3 %s: the history may have %d bytes, not %d", s3, c.Cache.History.MaxBytes, want)
		}
	}
}

func TestSecret(t *testing.T) {
	ctx := context.Background()
	t.Setenv("ARGO_TEST_SECRET", "v1")
	path := filepath.Join(t.TempDir(), "s")
	if err := os.WriteFile(path, []byte("v2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for ref, want := range map[string]string{"env:ARGO_TEST_SECRET": "v1", "file:" + path: "v2"} {
		if got, err := Secret(ctx, ref); err != nil || got != want {
			t.Errorf("%s: %q, %v", ref, got, err)
		}
	}
	for _, ref := range []string{"", "v1", "env:", "http://x", "env:ARGO_TEST_ABSENT", "file:" + path + ".absent"} {
		_, err := Secret(ctx, ref)
		if !fault.Is(err, fault.Config) {
			t.Errorf("%q: %v", ref, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	example, err := os.ReadFile("argo.example.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(example)
	f.Add([]byte(minimal))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := Parse(text, ".")
		if err == nil && c.Validate() != nil {
			t.Error("accepted, but not valid")
		}
	})
}

// What is wrong in the options of a connection is said with the line of the file.
func TestOptionsLine(t *testing.T) {
	c, err := Parse([]byte("# a comment\nusers: [{name: a, password: env:A}]\n\nconnections:\n- name: x\n  source: y\n  options:\n    # another\n    a: 1\n\n    list:\n    - {b: 1}\n    - c: 2\n      bb: 3\n"), ".")
	if err != nil {
		t.Fatal(err)
	}
	var o struct {
		A    int `yaml:"a"`
		List []struct {
			B int `yaml:"b"`
			C int `yaml:"c"`
		} `yaml:"list"`
	}
	if err := c.Connections[0].Decode(&o); err == nil || !strings.Contains(err.Error(), `line 14: unknown key "bb"`) {
		t.Error(err)
	}
}
