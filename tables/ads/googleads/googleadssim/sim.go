// Package googleadssim plays the Google Ads API over REST, version v25, on a
// simulated market: the OAuth token endpoint, GAQL queries (search and
// searchStream), field metadata, mutates, quotas and errors. It refuses what the
// API refuses. It shares no type with the connector, knows no engine and no
// cache, and holds no state of its own but tokens, page tokens and quotas.
//
// A world with a server in front of it:
//
//	clock := market.NewClock(time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC))
//	world := market.New(market.Options{Seed: 1, Start: "2026-08-24", Clock: clock})
//	sim := googleadssim.New(world, googleadssim.Options{})
//	server := httptest.NewServer(sim) // base URL server.URL, token URL server.URL + "/token"
//	sim.Faults.Script("googleads 429 nth=1 retry=12s path=:search")
//
// On the wall clock of a demonstration, lift the limits: Operations,
// CustomerRate and DeveloperRate of -1.
//
// Sources of protocol facts: the published protobuf messages of v25 (names,
// types, error codes), the pages "Google Ads Query Language grammar", "Zero
// metrics", "Order results", "Case sensitivity" and "Access levels and
// permissible use" (the daily quota is a sliding window), and the REST reference.
// Where none of these says it, the simulator had to choose: HTTP 400 for a
// missing developer token, midnight for a date-only bound of change_event,
// the rates per second, the smallest daily
// budget (100 units of the currency in cents or won), the order of rows, and
// that an empty stream is one chunk without results.
package googleadssim

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"argo/tables/market"
)

// version of the API that is played.
const version = "v25"

// Options of a simulator. Credentials that are empty get the defaults in
// brackets. A limit that is zero is the vendor's, a negative one is none.
type Options struct {
	ClientID       string // "client"
	ClientSecret   string // "secret"
	RefreshToken   string // "refresh"
	DeveloperToken string // "developer"
	ManagerID      string // the manager the user has access to: the agency's root
	User           string // e-mail address of the user in change events: "api@agency.example"

	Operations      int           // in any 24 hours for the developer token; 15,000
	CustomerRate    float64       // requests a second for a customer; 20, with bursts of 200
	DeveloperRate   float64       // requests a second for the developer token; 100, with bursts of 1,000
	PageTokenLife   time.Duration // how long a page token can be used; one hour
	ChangeEventLag  time.Duration // how long until a change shows in change_event; none
	AccessTokenLife time.Duration // 3,599 seconds
}

func (o *Options) defaults() {
	for p, v := range map[*string]string{&o.ClientID: "client", &o.ClientSecret: "secret", &o.RefreshToken: "refresh",
		&o.DeveloperToken: "developer", &o.ManagerID: "9000000001", &o.User: "api@agency.example"} {
		if *p == "" {
			*p = v
		}
	}
	for p, v := range map[*float64]float64{&o.CustomerRate: 20, &o.DeveloperRate: 100} {
		if *p == 0 {
			*p = v
		}
	}
	if o.Operations == 0 {
		o.Operations = 15000
	}
	if o.PageTokenLife == 0 {
		o.PageTokenLife = time.Hour
	}
	if o.AccessTokenLife == 0 {
		o.AccessTokenLife = 3599 * time.Second
	}
}

// Sim is an http.Handler for the API and, at /token, the OAuth endpoint. Safe
// for concurrent use.
type Sim struct {
	// Faults is what goes wrong, under the name "googleads"; requests for tokens
	// have the name "oauth", so that "googleads 401 nth=1" is the first API call.
	Faults *market.Faults

	m *market.Market
	o Options

	mu       sync.Mutex
	serial   int64
	tokens   map[string]time.Time // access token → expiry
	pages    map[string]*pages
	pageList []string // oldest first
	buckets  map[string]*bucketOf
	spent    []spending // of the last 24 hours
	total    int        // of spent
	exceeded map[string]int
}

// New plays the API over m.
func New(m *market.Market, o Options) *Sim {
	o.defaults()
	return &Sim{Faults: &market.Faults{}, m: m, o: o, tokens: map[string]time.Time{}, pages: map[string]*pages{}, buckets: map[string]*bucketOf{}, exceeded: map[string]int{}}
}

// Options gives the options with their defaults.
func (s *Sim) Options() Options { return s.o }

// next numbers requests and tokens.
func (s *Sim) next() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.serial++
	return s.serial
}

// call is one request on its way.
type call struct {
	*Sim
	w        http.ResponseWriter
	r        *http.Request
	request  string // id
	customer *customer
	all      map[int64]*customer
	body     []byte
	stream   bool
	// What a fault plan does to the reply.
	broken  bool      // the stream fails after its first part
	asOf    time.Time // of the figures; zero: now
	missing bool      // a row is left out
	repeat  bool      // a page comes twice
}

// ServeHTTP answers the API's requests.
func (s *Sim) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := &call{Sim: s, w: w, r: r, stream: strings.HasSuffix(r.URL.Path, ":searchStream")}
	c.request = "sim" + strconv.FormatInt(s.next(), 36)
	w.Header().Set("request-id", c.request)
	s.play(c)
}

// serve answers as if nothing went wrong.
func (c *call) serve() {
	if c.r.URL.Path == "/token" {
		c.token()
		return
	}
	if err := c.route(); err != nil {
		asAPI(err).write(c.w, c.request, c.stream)
	}
}

const maxBody = 64 << 20

func (c *call) route() error {
	path, ok := strings.CutPrefix(c.r.URL.Path, "/"+version+"/")
	if !ok {
		if strings.HasPrefix(c.r.URL.Path, "/v") {
			return single(400, "requestError", "UNSUPPORTED_VERSION", "The version of the API is not supported; this one is %s.", version)
		}
		return frontEnd(404, "", "The requested URL %s was not found on this server.", c.r.URL.Path)
	}
	if err := c.authenticate(); err != nil {
		return err
	}
	var err error
	if c.body, err = io.ReadAll(io.LimitReader(c.r.Body, maxBody+1)); err != nil {
		return badJSON("The body cannot be read.")
	}
	if len(c.body) > maxBody {
		return frontEnd(429, "", "Received message larger than max (%d vs. %d)", len(c.body), maxBody)
	}
	c.all = customers(c.m)
	get, post := c.r.Method == http.MethodGet, c.r.Method == http.MethodPost
	switch {
	case path == "customers:listAccessibleCustomers" && get:
		if err := c.spend(1, ""); err != nil {
			return err
		}
		writeJSON(c.w, 200, map[string]any{"resourceNames": []string{"customers/" + c.o.ManagerID}})
		return nil
	case path == "googleAdsFields:search" && post:
		return c.searchFields()
	case strings.HasPrefix(path, "googleAdsFields/") && get:
		return c.getField(strings.TrimPrefix(path, "googleAdsFields/"))
	case strings.HasPrefix(path, "customers/") && post:
		id, method, _ := strings.Cut(strings.TrimPrefix(path, "customers/"), "/")
		handler, ok := c.method(method)
		if !ok {
			break
		}
		if err := c.enter(id); err != nil {
			return err
		}
		return handler()
	}
	return frontEnd(404, "", "Method not found.")
}

func (c *call) method(path string) (func() error, bool) {
	switch path {
	case "googleAds:search":
		return c.search, true
	case "googleAds:searchStream":
		return c.searchStream, true
	case "googleAds:mutate":
		return c.mutateAll, true
	}
	if collection, ok := strings.CutSuffix(path, ":mutate"); ok {
		for kind, name := range collections {
			if name == collection {
				return func() error { return c.mutate(kind) }, true
			}
		}
	}
	return nil, false
}

// enter checks the customer in the path and that the user may act on it, as
// itself or through the manager in login-customer-id.
func (c *call) enter(id string) error {
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil || len(id) > 10 || n <= 0 {
		return single(400, "requestError", "INVALID_CUSTOMER_ID", "Invalid customer ID '%s'.", id)
	}
	root, err := strconv.ParseInt(c.o.ManagerID, 10, 64)
	if err != nil {
		return fmt.Errorf("option ManagerID: %w", err)
	}
	login := c.r.Header.Get("login-customer-id")
	through := n
	if login != "" {
		through, err = strconv.ParseInt(login, 10, 64)
		if err != nil || len(login) > 10 {
			return single(400, "headerError", "INVALID_LOGIN_CUSTOMER_ID", "The login customer ID could not be validated: '%s'. It is digits only, without hyphens.", login)
		}
	}
	c.customer = c.all[n]
	// The user's access comes from the root manager alone: a client customer can
	// only be entered through a manager above it.
	allowed := c.customer != nil && c.all[through] != nil && c.all[through].manager && under(c.all, n, through) && under(c.all, through, root)
	if login == "" {
		allowed = n == root
	}
	if !allowed {
		return single(403, "authorizationError", "USER_PERMISSION_DENIED", "User doesn't have permission to access customer. Note: If you're accessing a client customer, the manager's customer id must be set in the 'login-customer-id' header.")
	}
	if c.customer.status != market.Enabled {
		return single(403, "authorizationError", "CUSTOMER_NOT_ENABLED", "The customer account can't be accessed because it is not yet enabled or has been deactivated.")
	}
	return nil
}

// decode reads the body strictly into v: an unknown name is an error, a name
// may be written in snake_case too, as protobuf's JSON allows.
func (c *call) decode(v any) error {
	var tree any
	dec := json.NewDecoder(bytes.NewReader(c.body))
	dec.UseNumber()
	if err := dec.Decode(&tree); err != nil {
		return badJSON("%s", "Unexpected end of string or token.")
	}
	if dec.More() {
		return badJSON("Unexpected data after the object.")
	}
	tree, err := camelKeys(tree)
	if err != nil {
		return err
	}
	normal, err := json.Marshal(tree)
	if err != nil {
		return badJSON("%s", err)
	}
	dec = json.NewDecoder(bytes.NewReader(normal))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
			return badJSON("Unknown name %s: Cannot find field.", name)
		}
		var typ *json.UnmarshalTypeError
		if errors.As(err, &typ) {
			return badJSON("Invalid value at '%s', of type %s.", typ.Field, typ.Value)
		}
		return badJSON("%s", err)
	}
	return nil
}

func camelKeys(v any) (any, error) {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, x := range v {
			y, err := camelKeys(x)
			if err != nil {
				return nil, err
			}
			if _, twice := out[camel(k)]; twice {
				return nil, badJSON("The field %q is set twice.", k)
			}
			out[camel(k)] = y
		}
		return out, nil
	case []any:
		for i := range v {
			y, err := camelKeys(v[i])
			if err != nil {
				return nil, err
			}
			v[i] = y
		}
	}
	return v, nil
}

// compressed gives a writer that compresses if the caller accepts gzip, and
// what ends it.
func compressed(w http.ResponseWriter, r *http.Request) (http.ResponseWriter, func()) {
	if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		return w, func() {}
	}
	w.Header().Set("Content-Encoding", "gzip")
	w.Header().Add("Vary", "Accept-Encoding")
	z := gzip.NewWriter(w)
	return &gzipWriter{w, z}, func() { _ = z.Close() }
}

type gzipWriter struct {
	http.ResponseWriter
	z *gzip.Writer
}

func (w *gzipWriter) Write(b []byte) (int, error) { return w.z.Write(b) }

// Flush sends what has been compressed so far.
func (w *gzipWriter) Flush() {
	_ = w.z.Flush()
	if f, ok := w.ResponseWriter.(http.Flusher); ok {
		f.Flush()
	}
}
