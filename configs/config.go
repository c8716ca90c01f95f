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
	// Views is a folder of views and branches beside those that Argo has.
	Views  string `yaml:"views"`
	Cache  Cache  `yaml:"cache"`
	Engine Engine `yaml:"engine"`
	Log    Log    `yaml:"log"`
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
	// Approve says whether the user may approve what others ask for, and set
	// guardrails; default false.
	Approve bool `yaml:"approve"`
}

// Connection is a configured source.
type Connection struct {
	Name    string    `yaml:"name"`   // name of the database
	Source  string    `yaml:"source"` // google_ads, appsflyer, lake …
	Options yaml.Node `yaml:"options"`
	// Freshness overrides how long cells are good, by "table", "table.group",
	// "*" (every table) or "*.group".
	Freshness map[string]Freshness `yaml:"freshness"`
	// History of the reporting tables that is fetched in the background.
	History History `yaml:"history"`
}

// Freshness says how long a cell is good, by the age of its day:
// {1d: 10m, 7d: 3h, 28d: 24h, entity: 1h}. Days older than the last step are
// good for ever once they were read at that age.
type Freshness struct {
	Steps  []Step        // in rising order
	Entity time.Duration // of a table without days; 0: the table's own
}

// Step of a Freshness: days younger than Within days are good for Keep.
type Step struct {
	Within int
	Keep   time.Duration
}

var dayCount = regexp.MustCompile(`^([1-9][0-9]{0,3})d$`)

// UnmarshalYAML reads a mapping of ages to times.
func (f *Freshness) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind != yaml.MappingNode || len(n.Content) == 0 {
		return fmt.Errorf("line %d: a freshness is a mapping of ages to times, for example {1d: 10m, 7d: 3h, 28d: 24h} or {entity: 1h}", n.Line)
	}
	for i := 0; i < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		var keep Duration
		if err := keep.UnmarshalYAML(value); err != nil {
			return err
		}
		if keep <= 0 {
			return fmt.Errorf("line %d: a cell is good for longer than nothing", value.Line)
		}
		m := dayCount.FindStringSubmatch(key.Value)
		switch {
		case key.Value == "entity" && f.Entity == 0:
			f.Entity = time.Duration(keep)
		case m != nil:
			within, err := strconv.Atoi(m[1])
			if err != nil {
				return fmt.Errorf("line %d: %w", key.Line, err)
			}
			if k := len(f.Steps); k > 0 && f.Steps[k-1].Within >= within {
				return fmt.Errorf("line %d: the ages of a freshness rise: %s stands after %dd", key.Line, key.Value, f.Steps[k-1].Within)
			}
			f.Steps = append(f.Steps, Step{within, time.Duration(keep)})
		default:
			return fmt.Errorf("line %d: %q is no age; write for example 1d, 28d or entity", key.Line, key.Value)
		}
	}
	return nil
}

// History says from which day on a connection's days are fetched without being
// asked for: so many days back ("400d"), or since a day ("2026-01-01"). Zero:
// none.
type History struct {
	Days  int
	Since string
}

// UnmarshalYAML reads a number of days or a day.
func (h *History) UnmarshalYAML(n *yaml.Node) error {
	if m := dayCount.FindStringSubmatch(n.Value); m != nil {
		var err error
		h.Days, err = strconv.Atoi(m[1])
		return err
	}
	if _, err := time.Parse(time.DateOnly, n.Value); err != nil {
		return fmt.Errorf("line %d: %q is neither a number of days nor a day; write for example 400d or 2026-01-01", n.Line, n.Value)
	}
	h.Since = n.Value
	return nil
}

// Given says whether a history was asked for.
func (h History) Given() bool { return h != History{} }

// String is the history as it was written.
func (h History) String() string {
	if h.Days > 0 {
		return strconv.Itoa(h.Days) + "d"
	}
	return h.Since
}

// Cache of channel and tracker tables.
type Cache struct {
	MaxBytes Bytes `yaml:"max_bytes"` // of this machine's disk; default 20GiB
	History  Kept  `yaml:"history"`
	S3       *S3   `yaml:"s3"`    // shared by several gateways; nil: this machine's disk alone
	Night    *int  `yaml:"night"` // hour of UTC in which compaction begins; default 3
	Warm     *bool `yaml:"warm"`  // default true
}

// Kept says how long readings that were replaced are kept for AS OF.
type Kept struct {
	Keep Age `yaml:"keep"` // default 400d
	// MaxBytes is by default a third of Cache.MaxBytes, or with S3 of S3.MaxBytes;
	// -1, no limit, where that has none.
	MaxBytes Bytes `yaml:"max_bytes"`
}

// S3 is a bucket, or a server that speaks its protocol.
type S3 struct {
	Bucket    string `yaml:"bucket"`
	Prefix    string `yaml:"prefix"`
	Region    string `yaml:"region"`   // default: the environment's
	Endpoint  string `yaml:"endpoint"` // of a server other than Amazon's
	PathStyle bool   `yaml:"path_style"`
	// AccessKey and SecretKey are references; both "": the machine's own
	// credentials.
	AccessKey string `yaml:"access_key"`
	SecretKey string `yaml:"secret_key"`
	SSE       string `yaml:"sse"` // "", AES256 or aws:kms
	KMSKeyID  string `yaml:"kms_key_id"`
	MaxBytes  Bytes  `yaml:"max_bytes"` // of the bucket; 0: no limit
}

// Age is a time span that may be in days: 400d, 36h.
type Age time.Duration

// UnmarshalYAML reads an age.
func (a *Age) UnmarshalYAML(n *yaml.Node) error {
	if m := dayCount.FindStringSubmatch(n.Value); m != nil {
		days, err := strconv.Atoi(m[1])
		*a = Age(time.Duration(days) * 24 * time.Hour)
		return err
	}
	v, err := time.ParseDuration(n.Value)
	if err != nil || v <= 0 {
		return fmt.Errorf("line %d: %q is not an age; write for example 400d or 36h", n.Line, n.Value)
	}
	*a = Age(v)
	return nil
}

// Engine limits.
type Engine struct {
	MemoryLimit   Bytes    `yaml:"memory_limit"`   // default: half of the machine's
	MaxTempBytes  Bytes    `yaml:"max_temp_bytes"` // spill to disk; default 20GiB
	Threads       int      `yaml:"threads"`        // default: one each core
	MaxConcurrent int      `yaml:"max_concurrent"` // statements that run at once; default 2 × cores
	MaxExecution  Duration `yaml:"max_execution_time"`
	// Defaults of the session variables of the same names.
	Strict   bool     `yaml:"argo_strict"`
	MaxCalls int      `yaml:"argo_max_calls"` // 0: no limit
	MaxAge   Duration `yaml:"argo_max_age"`   // 0: each table's own rules
	Currency string   `yaml:"argo_currency"`  // ISO 4217; "": none
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
	rel(&c.Views)
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
	if c.Cache.History.Keep == 0 {
		c.Cache.History.Keep = Age(400 * 24 * time.Hour)
	}
	if c.Cache.History.MaxBytes == 0 {
		c.Cache.History.MaxBytes = c.Cache.MaxBytes / 3
		if s := c.Cache.S3; s != nil { // what is kept is kept there
			if c.Cache.History.MaxBytes = s.MaxBytes / 3; s.MaxBytes == 0 {
				c.Cache.History.MaxBytes = -1
			}
		}
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
var reserved = map[string]bool{"ads": true, "argo": true, "information_schema": true, "mysql": true, "performance_schema": true, "sys": true}

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
	if n := c.Cache.Night; n != nil && (*n < 0 || *n > 23) {
		bad("cache.night: %d is no hour of the day", *n)
	}
	if s := c.Cache.S3; s != nil {
		if s.Bucket == "" {
			bad("cache.s3: bucket is missing")
		}
		if (s.AccessKey == "") != (s.SecretKey == "") {
			bad("cache.s3: give both access_key and secret_key, or neither to use the machine's own credentials")
		}
		if s.AccessKey != "" {
			if err := CheckReference(s.AccessKey); err != nil {
				bad("cache.s3: access_key: %v", err)
			}
		}
		if s.SecretKey != "" {
			if err := CheckReference(s.SecretKey); err != nil {
				bad("cache.s3: secret_key: %v", err)
			}
		}
		if s.SSE != "" && s.SSE != "AES256" && s.SSE != "aws:kms" {
			bad("cache.s3: sse: %q is neither AES256 nor aws:kms", s.SSE)
		}
		if s.KMSKeyID != "" && s.SSE != "aws:kms" {
			bad("cache.s3: kms_key_id needs sse: aws:kms")
		}
	}
	for i, u := range c.Users {
		for _, d := range u.Databases {
			if !dbs[d] && d != "argo" && d != "ads" {
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
	if k := c.Engine.Currency; k != "" && (len(k) != 3 || strings.Trim(k, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "") {
		bad("engine.argo_currency: %q is no ISO 4217 code such as KRW", k)
	}
	if c.Engine.Threads < 0 || c.Engine.MaxConcurrent < 0 || c.Engine.MaxCalls < 0 {
		bad("engine: threads, max_concurrent and argo_max_calls are not negative")
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
		return fault.New(fault.Config, "connection %s: %s", k.Name, k.linesOfFile(friendly(err).Error(), text)).
			WithHint("argo sources --sample %s shows the options", k.Source)
	}
	return nil
}

var lineNumber = regexp.MustCompile(`\bline ([0-9]+)\b`)

// linesOfFile puts the lines of the file in place of those of text, which holds
// the options alone.
func (k *Connection) linesOfFile(message string, text []byte) string {
	var own yaml.Node
	if yaml.Unmarshal(text, &own) != nil || len(own.Content) != 1 {
		return message
	}
	lines := map[string]int{}
	var walk func(own, file *yaml.Node)
	walk = func(own, file *yaml.Node) {
		if n := strconv.Itoa(own.Line); lines[n] == 0 && file.Line > 0 {
			lines[n] = file.Line
		}
		for i := range min(len(own.Content), len(file.Content)) {
			walk(own.Content[i], file.Content[i])
		}
	}
	walk(own.Content[0], &k.Options)
	return lineNumber.ReplaceAllStringFunc(message, func(s string) string {
		if n := lines[s[len("line "):]]; n > 0 {
			return "line " + strconv.Itoa(n)
		}
		return s
	})
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
