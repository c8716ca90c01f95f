// Package appleadssim plays Apple Ads on a simulated market: the token endpoint
// with its ES256 client secrets, the Apple Ads Platform API v1 under /v1 and the
// Campaign Management API v5 under /api/v5. It refuses what the APIs refuse. It
// shares no type with the connector, knows no engine and no cache, and holds no
// state of its own but tokens and the window of requests.
//
//	sim := appleadssim.New(world, appleadssim.Options{})
//	server := httptest.NewServer(sim) // token URL server.URL + "/auth/oauth2/token"
//	sim.Faults.Script("appleads 429 nth=1 retry=12s path=/reports/")
//
// Sources of the shapes: of v1 Apple's own client library (PyPI
// apple-ads-platform 1.117.0, generated from Apple's OpenAPI document: paths,
// names, types, enum words, ranges of days, groupBy rules) and the pages under
// developer.apple.com/documentation/apple-ads-platform-api (headers of the rate
// limit, error envelope, deleted IN [true, false], the campaignId filter of app
// reports); of v5 the pages under developer.apple.com/documentation/apple_ads,
// the manifest of Airbyte's source-apple-search-ads and the models of PyPI
// asa-api-client. Where none says it the simulator had to choose: the size of
// the rate limit, that a report without a granularity reaches back 24 months,
// how many campaigns a filter may name, that ages, genders and regions have no
// withheld metrics but a row without the dimension, entries of zero for days
// without delivery, the words of most error codes of v5, and which share of
// installs are redownloads (those of remarketing campaigns).
package appleadssim

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"argo/tables/market"
)

// Options of a simulator. Credentials that are empty get the defaults in
// brackets. A limit that is zero is the default, a negative one is none.
type Options struct {
	ClientID   string // "SEARCHADS.client"
	TeamID     string // "SEARCHADS.team"
	KeyID      string // "key"
	PrivateKey string // PEM; one is made

	Requests  int           // of the API user in a window; 600
	Window    time.Duration // one minute
	TokenLife time.Duration // one hour
}

// Sim is an http.Handler for both APIs and the token endpoint. Safe for
// concurrent use.
type Sim struct {
	// Faults is what goes wrong, under the name "appleads"; requests for tokens
	// have the name "oauth".
	Faults *market.Faults

	m   *market.Market
	o   Options
	key *ecdsa.PublicKey

	mu       sync.Mutex
	serial   int64
	tokens   map[string]time.Time // access token → expiry
	began    time.Time            // of the window
	used     int
	exceeded int
}

// New plays Apple Ads over m. A PrivateKey that is no key of P-256 is a mistake
// of the caller and panics.
func New(m *market.Market, o Options) *Sim {
	for p, v := range map[*string]string{&o.ClientID: "SEARCHADS.client", &o.TeamID: "SEARCHADS.team", &o.KeyID: "key"} {
		if *p == "" {
			*p = v
		}
	}
	if o.PrivateKey == "" {
		o.PrivateKey = NewKey()
	}
	if o.Requests == 0 {
		o.Requests = 600
	}
	if o.Window == 0 {
		o.Window = time.Minute
	}
	if o.TokenLife == 0 {
		o.TokenLife = time.Hour
	}
	block, _ := pem.Decode([]byte(o.PrivateKey))
	if block == nil {
		panic("appleadssim: Options.PrivateKey is not PEM")
	}
	key, err := x509.ParseECPrivateKey(block.Bytes)
	if err != nil {
		panic(fmt.Errorf("appleadssim: Options.PrivateKey: %w", err))
	}
	return &Sim{Faults: &market.Faults{}, m: m, o: o, key: &key.PublicKey, tokens: map[string]time.Time{}}
}

// NewKey makes a private key in PEM, as openssl ecparam -genkey does.
func NewKey() string {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(fmt.Errorf("make a key: %w", err))
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		panic(fmt.Errorf("make a key: %w", err))
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}))
}

// Options gives the options with their defaults.
func (s *Sim) Options() Options { return s.o }

// Exceeded is how often the rate limit was exceeded; planned faults are not
// among them.
func (s *Sim) Exceeded() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.exceeded
}

// orgOf is the organisation of v5 that an account of v1 is, and back.
func orgOf(account int64) int64 { return account - 900_000_000 }

// currencies that an account can have, of Apple's own list.
var currencies = []string{"USD", "RMB", "AUD", "CAD", "EUR", "GBP", "JPY", "MXN", "NZD", "RUB", "CNY", "INR", "BRL", "IDR"}

// accounts of the market that Apple can have: none in won.
func (s *Sim) accounts() []market.Account {
	return slices.DeleteFunc(s.m.Accounts(), func(a market.Account) bool { return !slices.Contains(currencies, a.Currency) })
}

// call is one request on its way.
type call struct {
	*Sim
	w       http.ResponseWriter
	r       *http.Request
	path    string // below the version
	v5      bool
	account market.Account
	body    []byte
	// What a fault plan does to the reply.
	asOf    time.Time // of the figures; zero: now
	missing bool      // a row is left out
	repeat  bool      // half of a page comes twice
}

const tokenPath = "/auth/oauth2/token"

// ServeHTTP answers the requests of both APIs.
func (s *Sim) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := &call{Sim: s, w: w, r: r}
	if rest, ok := strings.CutPrefix(r.URL.Path, "/api/v5/"); ok {
		c.v5, c.path = true, rest
	} else {
		c.path = strings.TrimPrefix(r.URL.Path, "/v1/")
	}
	c.play()
}

// refusal is an error of the API.
type refusal struct {
	status        int
	code, message string
	detail        string // code of the detail (v1) or the field (v5)
}

func (e *refusal) Error() string { return e.message }

func refuse(status int, code, format string, args ...any) *refusal {
	return &refusal{status: status, code: code, message: fmt.Sprintf(format, args...)}
}

func invalid(detail, format string, args ...any) *refusal {
	return &refusal{400, "INVALID_ARGUMENT", fmt.Sprintf(format, args...), detail}
}

func (c *call) write(status int, v any) {
	c.w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	c.w.WriteHeader(status)
	_ = json.NewEncoder(c.w).Encode(v) // the caller has gone
}

func (c *call) fail(e *refusal) {
	switch {
	case c.r.URL.Path == tokenPath && e.status >= 429:
		c.write(e.status, map[string]any{"error": "temporarily_unavailable"})
	case c.r.URL.Path == tokenPath:
		c.write(400, map[string]any{"error": "invalid_client"})
	case c.v5:
		code := e.code
		if code == "INVALID_ARGUMENT" {
			code = "INVALID_INPUT"
		}
		c.write(e.status, map[string]any{"data": nil, "pagination": nil, "error": map[string]any{"errors": []any{map[string]any{"messageCode": code, "message": e.message, "field": e.detail}}}})
	default:
		x := map[string]any{"code": e.code, "message": e.message}
		if e.detail != "" {
			x = map[string]any{"code": e.code, "message": "The request could not be processed because of missing or invalid fields.",
				"details": []any{map[string]any{"code": e.detail, "message": e.message}}}
		}
		c.write(e.status, map[string]any{"error": x})
	}
}

const maxBody = 16 << 20

// serve answers as if nothing went wrong.
func (c *call) serve() {
	if c.r.URL.Path == tokenPath {
		c.token()
		return
	}
	if err := c.route(); err != nil {
		c.fail(err)
	}
}

func (c *call) route() *refusal {
	if !strings.HasPrefix(c.r.URL.Path, "/v1/") && !c.v5 {
		return refuse(404, "NOT_FOUND", "There is no such resource.")
	}
	if e := c.authenticate(); e != nil {
		return e
	}
	if e := c.spend(); e != nil {
		return e
	}
	var err error
	if c.body, err = io.ReadAll(io.LimitReader(c.r.Body, maxBody+1)); err != nil || len(c.body) > maxBody {
		return invalid("", "The body cannot be read.")
	}
	if c.r.Method == "GET" && (c.path == "acls" || c.path == "me") {
		c.acls()
		return nil
	}
	if e := c.context(); e != nil {
		return e
	}
	if c.v5 {
		return c.route5()
	}
	return c.route1()
}

func (c *call) context() *refusal {
	word := "adAccountId="
	if c.v5 {
		word = "orgId="
	}
	text, ok := strings.CutPrefix(c.r.Header.Get("X-AP-Context"), word)
	id, err := strconv.ParseInt(text, 10, 64)
	if !ok || err != nil {
		return invalid("MISSING_REQUIRED_FIELD", "The header X-AP-Context: %s… is missing or malformed.", word)
	}
	for _, a := range c.accounts() {
		if !c.v5 && a.ID == id || c.v5 && orgOf(a.ID) == id && a.Status == market.Enabled {
			c.account = a
			return nil
		}
	}
	return refuse(403, "FORBIDDEN", "The user has no access to this account.")
}

func (c *call) acls() {
	if c.path == "me" {
		me := map[string]any{"userId": 1001, "orgId": 1}
		if c.v5 {
			c.write(200, map[string]any{"data": map[string]any{"userId": 1001, "parentOrgId": 1}, "pagination": nil, "error": nil})
			return
		}
		c.write(200, map[string]any{"result": me})
		return
	}
	list := []any{}
	for _, a := range c.accounts() {
		switch {
		case c.v5 && a.Status == market.Enabled:
			list = append(list, map[string]any{"orgId": orgOf(a.ID), "orgName": a.Name, "currency": a.Currency, "timeZone": a.Zone,
				"paymentModel": "PAYG", "roleNames": []any{"API Account Manager"}, "parentOrgId": 1})
		case !c.v5:
			list = append(list, map[string]any{"adAccount": map[string]any{"id": a.ID, "name": a.Name, "orgId": 1}, "roles": []any{"API Account Manager"}})
		}
	}
	if c.v5 {
		c.write(200, map[string]any{"data": list, "pagination": nil, "error": nil})
		return
	}
	c.write(200, map[string]any{"result": map[string]any{"acls": list}})
}

// decode reads the body strictly into v: an unknown name is an error.
func (c *call) decode(v any) *refusal {
	if len(bytes.TrimSpace(c.body)) == 0 {
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(c.body))
	dec.UseNumber()
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return &refusal{400, map[bool]string{true: "INVALID_JSON_REQUEST", false: "INVALID_ARGUMENT"}[c.v5], strings.TrimPrefix(err.Error(), "json: "), "Line#:1 Column#:1"}
	}
	return nil
}

// token plays the OAuth endpoint: grant_type client_credentials in a form.
func (c *call) token() {
	if typ, _, _ := mime.ParseMediaType(c.r.Header.Get("Content-Type")); c.r.Method != "POST" || typ != "application/x-www-form-urlencoded" || c.r.ParseForm() != nil {
		c.write(400, map[string]any{"error": "invalid_request"})
		return
	}
	f := c.r.PostForm
	switch {
	case f.Get("grant_type") != "client_credentials":
		c.write(400, map[string]any{"error": "unsupported_grant_type"})
	case f.Get("scope") != "searchadsorg":
		c.write(400, map[string]any{"error": "invalid_scope"})
	case f.Get("client_id") != c.o.ClientID || !c.signed(f.Get("client_secret")):
		c.write(400, map[string]any{"error": "invalid_client"})
	default:
		now := c.m.Now()
		c.mu.Lock()
		c.serial++
		t := fmt.Sprintf("simulated.apple.%d", c.serial)
		c.tokens[t] = now.Add(c.o.TokenLife)
		c.mu.Unlock()
		c.write(200, map[string]any{"access_token": t, "token_type": "Bearer", "expires_in": int(c.o.TokenLife.Seconds()), "scope": "searchadsorg"})
	}
}

// signed checks a client secret: ES256, the key's id, who it is of, for whom and
// how long.
func (c *call) signed(jwt string) bool {
	p := strings.Split(jwt, ".")
	if len(p) != 3 {
		return false
	}
	read := func(s string, v any) bool {
		b, err := base64.RawURLEncoding.DecodeString(s)
		return err == nil && json.Unmarshal(b, v) == nil
	}
	var head struct{ Alg, Kid string }
	var claims struct {
		Sub, Iss, Aud string
		Iat, Exp      float64
	}
	sign, err := base64.RawURLEncoding.DecodeString(p[2])
	if err != nil || len(sign) != 64 || !read(p[0], &head) || !read(p[1], &claims) {
		return false
	}
	sum := sha256.Sum256([]byte(p[0] + "." + p[1]))
	now := float64(c.m.Now().Unix())
	return head.Alg == "ES256" && head.Kid == c.o.KeyID && claims.Sub == c.o.ClientID && claims.Iss == c.o.TeamID && claims.Aud == "https://appleid.apple.com" &&
		claims.Iat <= now+300 && claims.Exp > now && claims.Exp-claims.Iat <= 180*86400 &&
		ecdsa.Verify(c.key, sum[:], new(big.Int).SetBytes(sign[:32]), new(big.Int).SetBytes(sign[32:]))
}

func (c *call) authenticate() *refusal {
	t, _ := strings.CutPrefix(c.r.Header.Get("Authorization"), "Bearer ")
	c.mu.Lock()
	expiry, known := c.tokens[t]
	c.mu.Unlock()
	if !known || !c.m.Now().Before(expiry) {
		return unauthorized()
	}
	return nil
}

func unauthorized() *refusal {
	return refuse(401, "UNAUTHORIZED", "The access token is missing, invalid or expired.")
}

// spend takes a request from the window and says in headers what is left.
func (c *call) spend() *refusal {
	if c.o.Requests < 0 {
		return nil
	}
	now := c.m.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.Sub(c.began) >= c.o.Window {
		c.began, c.used = now, 0
	}
	reset := int64((c.began.Add(c.o.Window).Sub(now) + time.Second - 1) / time.Second)
	over := c.used >= c.o.Requests
	if !over {
		c.used++
	} else {
		c.exceeded++
		c.w.Header().Set("Retry-After", strconv.FormatInt(reset, 10))
	}
	if !c.v5 {
		c.limits(c.o.Requests, c.o.Requests-c.used, reset)
	}
	if over {
		return refuse(429, "RESOURCE_EXHAUSTED", "Too many requests.")
	}
	return nil
}

func (c *call) limits(limit, left int, reset int64) {
	c.w.Header().Set("RateLimit-Limit", strconv.Itoa(limit))
	c.w.Header().Set("RateLimit-Remaining", strconv.Itoa(left))
	c.w.Header().Set("RateLimit-Reset", strconv.FormatInt(reset, 10))
}
