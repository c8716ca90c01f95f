package declarative

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"argo/tables"
	"argo/tables/rest"
)

// authOptions is how requests are authorised: at most one of them.
type authOptions struct {
	Bearer string        `yaml:"bearer"` // reference
	Basic  *basicOptions `yaml:"basic"`
	Header *keyOptions   `yaml:"header"`
	Query  *keyOptions   `yaml:"query"`
	OAuth  *oauthOptions `yaml:"oauth"`
	HMAC   *hmacOptions  `yaml:"hmac"`
}

type basicOptions struct {
	User     string `yaml:"user"`
	Password string `yaml:"password"` // reference
}

type keyOptions struct {
	Name   string `yaml:"name"`
	Value  string `yaml:"value"` // reference
	Prefix string `yaml:"prefix"`
}

type oauthOptions struct {
	TokenURL     string   `yaml:"token_url"`
	ClientID     string   `yaml:"client_id"`
	ClientSecret string   `yaml:"client_secret"` // reference
	RefreshToken string   `yaml:"refresh_token"` // reference; without it the client's own credentials
	Scopes       []string `yaml:"scopes"`
}

type hmacOptions struct {
	Key       string            `yaml:"key"`       // reference; {key}
	Secret    string            `yaml:"secret"`    // reference
	Algorithm string            `yaml:"algorithm"` // sha256 (default), sha1, sha512
	Encode    string            `yaml:"encode"`    // base64 (default) or hex
	Timestamp string            `yaml:"timestamp"` // ms (default), s, iso
	Sign      string            `yaml:"sign"`
	Headers   map[string]string `yaml:"headers"`
}

var token = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")

// owned headers are the client's own.
var owned = []string{"Host", "Content-Length", "Transfer-Encoding", "Connection", "Accept-Encoding", "User-Agent", "Content-Type", "Te", "Trailer", "Upgrade"}

func headerName(name string) error {
	if !token.MatchString(name) || slices.Contains(owned, http.CanonicalHeaderKey(name)) {
		return fmt.Errorf("%q is no header that can be set here", name)
	}
	return nil
}

// auth makes the credential and a text that stands for it in the keys of budgets.
func (a authOptions) auth(ctx context.Context, env tables.Env) (rest.Auth, string, error) {
	var given []string
	for name, there := range map[string]bool{"bearer": a.Bearer != "", "basic": a.Basic != nil, "header": a.Header != nil, "query": a.Query != nil, "oauth": a.OAuth != nil, "hmac": a.HMAC != nil} {
		if there {
			given = append(given, name)
		}
	}
	slices.Sort(given)
	if len(given) > 1 {
		return nil, "", fmt.Errorf("auth: there are %s; keep one", strings.Join(given, " and "))
	}
	secret := func(key, ref string) (string, error) {
		if ref == "" {
			return "", fmt.Errorf("auth.%s is missing; write a reference such as env:NAME", key)
		}
		s, err := env.Secret(ctx, ref)
		if err != nil {
			return "", fmt.Errorf("auth.%s: %w", key, err)
		}
		if s == "" || strings.ContainsAny(s, "\r\n\x00") {
			return "", fmt.Errorf("auth.%s: what %s holds is empty or has a line break", key, ref)
		}
		return s, nil
	}
	switch {
	case a.Bearer != "":
		s, err := secret("bearer", a.Bearer)
		return rest.Bearer(s), s, err
	case a.Basic != nil:
		s, err := secret("basic.password", a.Basic.Password)
		if err == nil && (a.Basic.User == "" || strings.ContainsAny(a.Basic.User, ":\r\n")) {
			err = errors.New("auth.basic.user is missing or has a colon")
		}
		pair := base64.StdEncoding.EncodeToString([]byte(a.Basic.User + ":" + s))
		return header{"Authorization", "Basic " + pair, []string{s, pair}}, s, err
	case a.Header != nil:
		s, err := secret("header.value", a.Header.Value)
		if err == nil {
			if err = headerName(a.Header.Name); err != nil {
				err = fmt.Errorf("auth.header.name: %w", err)
			}
		}
		if strings.ContainsAny(a.Header.Prefix, "\r\n") {
			err = errors.New("auth.header.prefix has a line break")
		}
		return header{a.Header.Name, a.Header.Prefix + s, []string{s}}, s, err
	case a.Query != nil:
		s, err := secret("query.value", a.Query.Value)
		if err == nil && a.Query.Name == "" {
			err = errors.New("auth.query.name is missing: the name of the parameter, such as api_key")
		}
		if a.Query.Prefix != "" {
			err = errors.New("auth.query.prefix: is for header")
		}
		return query{a.Query.Name, s}, s, err
	case a.OAuth != nil:
		o := a.OAuth
		s, err := secret("oauth.client_secret", o.ClientSecret)
		if err != nil {
			return nil, "", err
		}
		out := &rest.OAuth{Name: "connection " + env.Name, TokenURL: o.TokenURL, ClientID: o.ClientID, ClientSecret: s, Scopes: o.Scopes, HTTP: env.HTTP, Now: env.Now, Sleep: env.Sleep,
			Connection: env.Name, Record: env.Record, Dead: "check auth.oauth of the connection: client_id, client_secret, refresh_token and scopes; then argo check"}
		if o.RefreshToken != "" {
			if out.RefreshToken, err = secret("oauth.refresh_token", o.RefreshToken); err != nil {
				return nil, "", err
			}
			if len(o.Scopes) > 0 {
				return nil, "", errors.New("auth.oauth.scopes: a refresh token has its scopes already; leave them out")
			}
		}
		if o.ClientID == "" {
			return nil, "", errors.New("auth.oauth.client_id is missing")
		}
		if _, err := baseURL(o.TokenURL); err != nil {
			return nil, "", fmt.Errorf("auth.oauth.token_url: %w", err)
		}
		return out, o.ClientID + s + out.RefreshToken, nil
	case a.HMAC != nil:
		return a.HMAC.auth(env, secret)
	}
	return nil, "", nil
}

// header is a key in a header.
type header struct {
	name, value string
	secrets     []string
}

func (h header) Set(_ context.Context, r *http.Request) (string, error) {
	r.Header.Set(h.name, h.value)
	return "", nil
}
func (h header) Renew(string) bool { return false }
func (h header) Secrets() []string { return h.secrets }

// query is a key in a parameter.
type query struct{ name, value string }

func (k query) Set(_ context.Context, r *http.Request) (string, error) {
	q := r.URL.Query()
	q.Set(k.name, k.value)
	r.URL.RawQuery = q.Encode()
	return "", nil
}
func (k query) Renew(string) bool { return false }
func (k query) Secrets() []string { return []string{k.value} }

// signature is an HMAC over what a template says.
type signature struct {
	o       hmacOptions
	key     string
	secret  string
	hash    func() hash.Hash
	sign    template
	headers map[string]template
	now     func() time.Time
}

func (o hmacOptions) auth(env tables.Env, secret func(key, ref string) (string, error)) (rest.Auth, string, error) {
	s := signature{o: o, now: env.Now, headers: map[string]template{}}
	var err error
	if s.secret, err = secret("hmac.secret", o.Secret); err != nil {
		return nil, "", err
	}
	if o.Key != "" {
		if s.key, err = secret("hmac.key", o.Key); err != nil {
			return nil, "", err
		}
	}
	switch o.Algorithm {
	case "", "sha256":
		s.hash = sha256.New
	case "sha1":
		s.hash = sha1.New
	case "sha512":
		s.hash = sha512.New
	default:
		return nil, "", fmt.Errorf("auth.hmac.algorithm: %q is none of sha256, sha1 and sha512", o.Algorithm)
	}
	if o.Encode != "" && o.Encode != "base64" && o.Encode != "hex" {
		return nil, "", fmt.Errorf("auth.hmac.encode: %q is neither base64 nor hex", o.Encode)
	}
	if o.Timestamp != "" && o.Timestamp != "ms" && o.Timestamp != "s" && o.Timestamp != "iso" {
		return nil, "", fmt.Errorf("auth.hmac.timestamp: %q is none of ms, s and iso", o.Timestamp)
	}
	signed := []string{"timestamp", "method", "path", "query", "body", "key"}
	if s.sign, err = parseTemplate(o.Sign, signed...); err != nil || o.Sign == "" {
		return nil, "", fmt.Errorf("auth.hmac.sign: %w", cmpErr(err, errors.New(`is missing; for example "{timestamp}.{method}.{path}"`)))
	}
	used := false
	for name, text := range o.Headers {
		if err := headerName(name); err != nil {
			return nil, "", fmt.Errorf("auth.hmac.headers: %w", err)
		}
		if s.headers[name], err = parseTemplate(text, append(signed, "signature")...); err != nil {
			return nil, "", fmt.Errorf("auth.hmac.headers.%s: %w", name, err)
		}
		used = used || slices.Contains(s.headers[name].names(), "signature")
	}
	if !used {
		return nil, "", errors.New(`auth.hmac.headers: none of them has {signature}; for example X-Signature: "{signature}"`)
	}
	return s, s.key + s.secret, nil
}

func cmpErr(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

func (s signature) Set(_ context.Context, r *http.Request) (string, error) {
	v := values{text: map[string]string{"method": r.Method, "path": r.URL.EscapedPath(), "query": r.URL.RawQuery, "key": s.key, "body": ""}}
	switch now := s.now(); s.o.Timestamp {
	case "s":
		v.text["timestamp"] = strconv.FormatInt(now.Unix(), 10)
	case "iso":
		v.text["timestamp"] = now.UTC().Format(time.RFC3339)
	default:
		v.text["timestamp"] = strconv.FormatInt(now.UnixMilli(), 10)
	}
	if r.GetBody != nil {
		b, err := r.GetBody()
		if err != nil {
			return "", err
		}
		text, err := io.ReadAll(b)
		if err != nil {
			return "", err
		}
		v.text["body"] = string(text)
	}
	text, _, err := s.sign.fill(v, nil)
	if err != nil {
		return "", err
	}
	mac := hmac.New(s.hash, []byte(s.secret))
	mac.Write([]byte(text))
	if s.o.Encode == "hex" {
		v.text["signature"] = hex.EncodeToString(mac.Sum(nil))
	} else {
		v.text["signature"] = base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	for _, name := range slices.Sorted(maps.Keys(s.headers)) {
		text, _, err := s.headers[name].fill(v, nil)
		if err != nil {
			return "", err
		}
		r.Header.Set(name, text)
	}
	return "", nil
}

func (s signature) Renew(string) bool { return false }

func (s signature) Secrets() []string {
	out := []string{s.secret}
	if s.key != "" {
		out = append(out, s.key)
	}
	return out
}

// baseURL checks where requests go.
func baseURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil, u.Scheme != "https" && u.Scheme != "http", u.Host == "", u.Opaque != "":
		return nil, errors.New("is not a URL; write https://host/path")
	case u.User != nil:
		return nil, errors.New("has a user or a password in it; they belong into auth: {basic: …}")
	case u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("has a query; it belongs into query: of the tables")
	}
	return u, nil
}
