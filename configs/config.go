// Package configs is Argo's configuration: one typed YAML file, decoded
// strictly (an unknown key is a fault, I6), with defaults and validation.
// Secrets stand in it as references only (env:NAME, file:PATH, aws-sm:NAME).
// It knows no source: the options of a connection stay undecoded until the
// source that owns them decodes them.
package configs

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"time"

	"argo/tables/fault"

	"go.yaml.in/yaml/v3"
)

// Config is the whole file. Paths in it are relative to the file's folder.
type Config struct {
	Listen      string       `yaml:"listen"`   // host:port
	DataDir     string       `yaml:"data_dir"` // state, cache, temporary files
	TLS         TLS          `yaml:"tls"`
	Users       []User       `yaml:"users"`
	Connections []Connection `yaml:"connections"`
	Cache       Cache        `yaml:"cache"`
	Engine      Engine       `yaml:"engine"`
	Log         Log          `yaml:"log"`
	// Base is the folder of the file: relative paths are relative to it.
	Base string `yaml:"-"`
}

// TLS of the listener. Without a certificate one is generated and kept in the
// data folder.
type TLS struct {
	Cert     string `yaml:"cert"`     // PEM file
	Key      string `yaml:"key"`      // PEM file
	Required *bool  `yaml:"required"` // default: true unless Listen is a loopback address
}

// User who may connect.
type User struct {
	Name     string `yaml:"name"`
	Host     string `yaml:"host"`     // default %
	Password string `yaml:"password"` // reference
	Auth     string `yaml:"auth"`     // caching_sha2_password (default) or mysql_native_password
	// Databases that the user may read; empty: all.
	Databases []string `yaml:"databases"`
	// Act says whether the user may CALL actions; default false.
	Act bool `yaml:"act"`
}

// Connection is a configured source.
type Connection struct {
	Name    string    `yaml:"name"`   // name of the database
	Source  string    `yaml:"source"` // google_ads, appsflyer, lake …
	Options yaml.Node `yaml:"options"`
}

// Cache of channel and tracker tables.
type Cache struct {
	MaxBytes Bytes `yaml:"max_bytes"` // default 20GiB
}

// Engine limits.
type Engine struct {
	MemoryLimit   Bytes    `yaml:"memory_limit"`   // default: half of the machine's
	MaxTempBytes  Bytes    `yaml:"max_temp_bytes"` // spill to disk; default 20GiB
	Threads       int      `yaml:"threads"`        // default: one each core
	MaxConcurrent int      `yaml:"max_concurrent"` // statements that run at once; default 2 × cores
	MaxExecution  Duration `yaml:"max_execution_time"`
}

// Log to standard error.
type Log struct {
	Level  string `yaml:"level"`  // debug, info (default), warn, error
	Format string `yaml:"format"` // text (default) or json
}

// Bytes is a size: 512MiB, 20GiB, 1000000.
type Bytes int64

// UnmarshalYAML reads a size.
func (b *Bytes) UnmarshalYAML(n *yaml.Node) error {
	m := regexp.MustCompile(`^\s*([0-9]+(?:\.[0-9]+)?)\s*([KMGT]i?B|B)?\s*$`).FindStringSubmatch(n.Value)
	if m == nil {
		return fmt.Errorf("line %d: %q is not a size; write for example 512MiB or 20GiB", n.Line, n.Value)
	}
	f, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		return fmt.Errorf("line %d: %w", n.Line, err)
	}
	unit := map[string]float64{"": 1, "B": 1, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12,
		"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}[m[2]]
	*b = Bytes(f * unit)
	return nil
}

// Duration is a time span in Go's spelling: 30s, 5m, 2h.
type Duration time.Duration

// UnmarshalYAML reads a duration.
func (d *Duration) UnmarshalYAML(n *yaml.Node) error {
	v, err := time.ParseDuration(n.Value)
	if err != nil || v < 0 {
		return fmt.Errorf("line %d: %q is not a duration; write for example 30s, 5m or 2h", n.Line, n.Value)
	}
	*d = Duration(v)
	return nil
}

// Load reads, defaults and validates the file. Faults: Config.
func Load(path string) (*Config, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fault.New(fault.Config, "cannot read the configuration: %v", err).
			WithHint("argo serve --config FILE; configs/argo.example.yaml is a start")
	}
	c, err := Parse(text, filepath.Dir(path))
	if err != nil {
		return nil, fault.New(fault.Config, "%s: %v", path, err)
	}
	return c, nil
}

// Parse is Load for a text; dir is what relative paths are relative to.
func Parse(text []byte, dir string) (*Config, error) {
	var c Config
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	if err := dec.Decode(&c); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, errors.New("the file is empty")
		}
		return nil, friendly(err)
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, errors.New("the file holds more than one YAML document")
	}
	c.defaults(dir)
	return &c, c.Validate()
}

func (c *Config) defaults(dir string) {
	c.Base = dir
	if c.Listen == "" {
		c.Listen = "127.0.0.1:3306"
	}
	if c.DataDir == "" {
		c.DataDir = "argo-data"
	}
	rel := func(p *string) {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(dir, *p)
		}
	}
	rel(&c.DataDir)
	rel(&c.TLS.Cert)
	rel(&c.TLS.Key)
	for i := range c.Users {
		u := &c.Users[i]
		if u.Host == "" {
			u.Host = "%"
		}
		if u.Auth == "" {
			u.Auth = "caching_sha2_password"
		}
	}
	if c.Cache.MaxBytes == 0 {
		c.Cache.MaxBytes = 20 << 30
	}
	if c.Engine.MaxTempBytes == 0 {
		c.Engine.MaxTempBytes = 20 << 30
	}
	if c.Log.Level == "" {
		c.Log.Level = "info"
	}
	if c.Log.Format == "" {
		c.Log.Format = "text"
	}
}

var dbName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)

// reserved names of databases that Argo or MySQL own.
var reserved = map[string]bool{"argo": true, "information_schema": true, "mysql": true, "performance_schema": true, "sys": true}

// Validate says everything that is wrong, not only the first.
func (c *Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if host, port, ok := strings.Cut(c.Listen, ":"); !ok && host != "" || port == "" && !strings.Contains(c.Listen, "]:") {
		bad("listen: %q is not host:port", c.Listen)
	}
	if (c.TLS.Cert == "") != (c.TLS.Key == "") {
		bad("tls: give both cert and key, or neither to have one generated")
	}
	if len(c.Users) == 0 {
		bad("users: nobody could connect; add at least one user with name and password")
	}
	seen := map[string]bool{}
	for i, u := range c.Users {
		at := fmt.Sprintf("users[%d] (%s)", i, u.Name)
		if u.Name == "" {
			bad("users[%d]: name is missing", i)
		}
		if seen[u.Name+"@"+u.Host] {
			bad("%s: the same name and host twice", at)
		}
		seen[u.Name+"@"+u.Host] = true
		if err := CheckReference(u.Password); err != nil {
			bad("%s: password: %v", at, err)
		}
		if u.Auth != "caching_sha2_password" && u.Auth != "mysql_native_password" {
			bad("%s: auth: %q is neither caching_sha2_password nor mysql_native_password", at, u.Auth)
		}
	}
	dbs := map[string]bool{}
	for i, k := range c.Connections {
		at := fmt.Sprintf("connections[%d] (%s)", i, k.Name)
		switch {
		case !dbName.MatchString(k.Name):
			bad("%s: name: a database name is lower-case letters, digits and _, beginning with a letter", at)
		case reserved[k.Name]:
			bad("%s: name: %q is reserved", at, k.Name)
		case dbs[k.Name]:
			bad("%s: name: there are two connections of that name", at)
		}
		dbs[k.Name] = true
		if k.Source == "" {
			bad("%s: source is missing; argo sources lists them", at)
		}
	}
	for i, u := range c.Users {
		for _, d := range u.Databases {
			if !dbs[d] && d != "argo" {
				bad("users[%d] (%s): databases: there is no connection called %q", i, u.Name, d)
			}
		}
	}
	switch c.Log.Level {
	case "debug", "info", "warn", "error":
	default:
		bad("log.level: %q is none of debug, info, warn, error", c.Log.Level)
	}
	if c.Log.Format != "text" && c.Log.Format != "json" {
		bad("log.format: %q is neither text nor json", c.Log.Format)
	}
	if c.Engine.Threads < 0 || c.Engine.MaxConcurrent < 0 {
		bad("engine: threads and max_concurrent are not negative")
	}
	return errors.Join(errs...)
}

// Decode decodes the options of a connection strictly into config.
func (k *Connection) Decode(config any) error {
	if k.Options.IsZero() {
		return nil
	}
	text, err := yaml.Marshal(&k.Options)
	if err != nil {
		return err
	}
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	if err := dec.Decode(config); err != nil && !errors.Is(err, io.EOF) {
		return fault.New(fault.Config, "connection %s: %v", k.Name, friendly(err)).
			WithHint("argo sources --sample %s shows the options", k.Source)
	}
	return nil
}

// Fingerprint is a text that changes with the source or the options of the
// connection called name: what was learnt under other options (which accounts
// there are) is not taken for what is true under these.
func (c *Config) Fingerprint(name string) string {
	for i := range c.Connections {
		if k := &c.Connections[i]; k.Name == name {
			text, err := yaml.Marshal(&k.Options)
			if err != nil {
				return ""
			}
			sum := sha256.Sum256(append([]byte(k.Source+"\n"), text...))
			return hex.EncodeToString(sum[:])
		}
	}
	return ""
}

// friendly rewrites the library's messages in the reader's terms.
func friendly(err error) error {
	var te *yaml.TypeError
	if !errors.As(err, &te) {
		return err
	}
	unknown := regexp.MustCompile(`^line (\d+): field (\S+) not found in type .*$`)
	lines := append([]string(nil), te.Errors...)
	sort.Strings(lines)
	for i, l := range lines {
		if m := unknown.FindStringSubmatch(l); m != nil {
			lines[i] = fmt.Sprintf("line %s: unknown key %q", m[1], m[2])
		}
	}
	return errors.New(strings.Join(lines, "; "))
}
