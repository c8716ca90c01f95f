// Package metaadssim plays Meta's Marketing API, version v25.0, on a simulated
// market: ad accounts, campaigns, ad sets, ads, creatives, activities, insights
// in one request and as reports in the background, changes, batches, limits with
// their headers, and errors. It refuses what the API refuses. It shares no type
// with the connector and knows no engine and no cache.
//
//	clock := market.NewClock(time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC))
//	world := market.New(market.Options{Seed: 1, Start: "2026-08-24", Clock: clock})
//	sim := metaadssim.New(world, metaadssim.Options{})
//	server := httptest.NewServer(sim)
//	sim.Faults.Script("metaads 429 nth=1 retry=12s path=/insights")
//
// On the wall clock of a demonstration, lift the limits: Hourly and Score of -1.
//
// Sources of protocol facts: the SDK's specifications
// (facebook/facebook-business-sdk-codegen, api_specs/specs: names of fields,
// parameters and enum words), the Python SDK (paths, forms, cursors, batches) and
// the pages Insights API, Breakdowns, Best practices, Asynchronous jobs, Rate
// limiting, Error handling and Handling errors of the Graph API. Where none of
// these says it, the simulator had to choose: HTTP 401 for codes 190 and 104, the
// text of most refusals, the least daily budgets, how many rows are too many, the
// time that a report takes, the order of rows, cursors that are an offset, and a
// summary on every page. Insights know one action_report_time: that of the
// impression. The market knows neither regions, ages, placements nor hours: these
// are fixed partitions of what an ad delivered in a day, whose sums are its own.
package metaadssim

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"argo/tables/market"
)

const version = "v25.0"

// Options of a simulator. Credentials that are empty get the defaults in
// brackets. A limit that is zero is the vendor's, a negative one is none.
type Options struct {
	Token        string // "meta-token"
	AppSecret    string // of the app; "": appsecret_proof is not looked at
	RequireProof bool   // calls without an appsecret_proof are refused
	ReadOnly     bool   // the token lacks ads_management
	Business     string // whose accounts are owned_ad_accounts: "200000000000001"
	User         string // in activities: "API system user"

	Development bool          // the app has development access: far lower limits
	Hourly      int           // calls of an account in an hour of a use case; 190,000 and 100,000, development 600 and 300
	Score       int           // of an account; 9,000, development 60
	SyncRows    int           // more rows of insights are too many for one request; 20,000
	ReportRows  int           // and for a report; 400,000
	ReportTime  time.Duration // that a report takes; 20 s
}

// Sim is an http.Handler for the API. Safe for concurrent use.
type Sim struct {
	// Faults is what goes wrong, under the name "metaads". Throttle is the
	// account's score up to an hour and the use case's hour beyond that;
	// Midstream fails a report that is polled, and other calls with code 2.
	Faults *market.Faults

	m *market.Market
	o Options

	mu        sync.Mutex
	serial    int64
	reports   map[string]*report
	submitted int
	spent     map[string][]time.Time // by account and use case, of the last hour
	scores    map[string]*score
	split     map[int64]int64       // daily budgets of ad sets that were set, minor units
	changes   map[int64][]time.Time // of the budget of ad sets
	exceeded  map[string]int
	kept      map[string][]*row // of insights
}

// New plays the API over m.
func New(m *market.Market, o Options) *Sim {
	for p, v := range map[*string]string{&o.Token: "meta-token", &o.Business: "200000000000001", &o.User: "API system user"} {
		if *p == "" {
			*p = v
		}
	}
	for p, v := range map[*int]int{&o.SyncRows: 20_000, &o.ReportRows: 400_000} {
		if *p == 0 {
			*p = v
		}
	}
	if o.Score == 0 {
		if o.Score = 9000; o.Development {
			o.Score = 60
		}
	}
	if o.ReportTime == 0 {
		o.ReportTime = 20 * time.Second
	}
	return &Sim{Faults: &market.Faults{}, m: m, o: o, reports: map[string]*report{}, spent: map[string][]time.Time{},
		scores: map[string]*score{}, split: map[int64]int64{}, changes: map[int64][]time.Time{}, exceeded: map[string]int{}, kept: map[string][]*row{}}
}

// Options gives the options with their defaults.
func (s *Sim) Options() Options { return s.o }

// Submitted is how many reports were submitted.
func (s *Sim) Submitted() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.submitted
}

func (s *Sim) next() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.serial++
	return s.serial
}

// call is one request on its way.
type call struct {
	*Sim
	w    http.ResponseWriter
	r    *http.Request
	form url.Values
	path []string // below the version
	// What a fault plan does to the reply.
	asOf            time.Time // of the figures; zero: now
	missing, repeat bool
	inner           bool // of a batch
}

// ServeHTTP answers the API's requests.
func (s *Sim) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("facebook-api-version", version)
	w.Header().Set("x-fb-trace-id", "sim"+strconv.FormatInt(s.next(), 36))
	c := &call{Sim: s, w: w, r: r}
	s.play(c)
}

// serve answers as if nothing went wrong.
func (c *call) serve() {
	v, err := c.route()
	if err != nil {
		c.fail(err)
		return
	}
	writeJSON(c.w, 200, v)
}

func (c *call) fail(err error) {
	e, ok := err.(*apiError)
	if !ok {
		e = &apiError{status: 500, code: 1, kind: "OAuthException", message: err.Error()}
	}
	e.trace = c.w.Header().Get("x-fb-trace-id")
	writeJSON(c.w, e.status, map[string]any{"error": e.json()})
}

// read takes parameters from the query and the form, and the path apart.
func (c *call) read() error {
	c.form = c.r.URL.Query()
	if c.r.Body != nil && c.r.Method != http.MethodGet {
		kind := c.r.Header.Get("Content-Type")
		if strings.HasPrefix(kind, "multipart/form-data") {
			if err := c.r.ParseMultipartForm(16 << 20); err != nil {
				return invalid("The request body cannot be read")
			}
			for k, v := range c.r.MultipartForm.Value {
				c.form[k] = v
			}
		} else {
			b, err := io.ReadAll(io.LimitReader(c.r.Body, 16<<20))
			if err != nil {
				return invalid("The request body cannot be read")
			}
			more, err := url.ParseQuery(string(b))
			if err != nil {
				return invalid("The request body is not a form")
			}
			for k, v := range more {
				c.form[k] = v
			}
		}
	}
	path := strings.Trim(c.r.URL.Path, "/")
	first, rest, _ := strings.Cut(path, "/")
	if strings.HasPrefix(first, "v") && len(first) > 1 && first[1] >= '0' && first[1] <= '9' {
		if first != version {
			return &apiError{status: 400, code: 2635, kind: "FacebookApiException", message: "(#2635) You are calling a deprecated version of the Ads API. Please update to the latest version: " + version + "."}
		}
		path = rest
	}
	if path != "" {
		c.path = strings.Split(path, "/")
	}
	return nil
}

func (c *call) authenticate() error {
	token := c.form.Get("access_token")
	if h, ok := strings.CutPrefix(c.r.Header.Get("Authorization"), "Bearer "); ok && token == "" {
		token = h
	}
	switch {
	case token == "":
		return &apiError{status: 401, code: 104, kind: "OAuthException", message: "An access token is required to request this resource."}
	case token != c.o.Token:
		return &apiError{status: 401, code: 190, kind: "OAuthException", message: "Invalid OAuth access token - Cannot parse access token"}
	case c.o.AppSecret == "":
		return nil
	}
	mac := hmac.New(sha256.New, []byte(c.o.AppSecret))
	mac.Write([]byte(token))
	switch proof := c.form.Get("appsecret_proof"); {
	case proof == "" && c.o.RequireProof:
		return &apiError{status: 400, code: 100, kind: "GraphMethodException", message: "API calls from the server require an appsecret_proof argument"}
	case proof != "" && proof != hex.EncodeToString(mac.Sum(nil)):
		return &apiError{status: 400, code: 100, kind: "GraphMethodException", message: "Invalid appsecret_proof provided in the API argument"}
	}
	return nil
}

func (c *call) route() (any, error) {
	if err := c.read(); err != nil {
		return nil, err
	}
	if err := c.authenticate(); err != nil {
		return nil, err
	}
	post := c.r.Method == http.MethodPost
	if !post && c.r.Method != http.MethodGet {
		return nil, &apiError{status: 400, code: 100, kind: "GraphMethodException", message: "Unsupported " + strings.ToLower(c.r.Method) + " request."}
	}
	if len(c.path) == 0 {
		if post && c.form.Get("batch") != "" && !c.inner {
			return c.batch()
		}
		return nil, &apiError{status: 400, code: 100, kind: "GraphMethodException", message: "Unsupported get request. Please read the Graph API documentation at https://developers.facebook.com/docs/graph-api"}
	}
	node, edge := c.path[0], strings.Join(c.path[1:], "/")
	switch {
	case node == "me" && edge == "" && !post:
		return map[string]any{"id": "300000000000001", "name": c.o.User}, nil
	case node == "me" && edge == "adaccounts" && !post, node == c.o.Business && edge == "owned_ad_accounts" && !post:
		return c.accounts(true)
	case node == c.o.Business && edge == "client_ad_accounts" && !post:
		return c.accounts(false)
	case node == c.o.Business && edge == "" && !post:
		return map[string]any{"id": node, "name": "Agency"}, nil
	}
	if r := c.report(node); r != nil {
		if post {
			return nil, missing(node)
		}
		if err := c.enter(r.account, "ads_insights", 1); err != nil {
			return nil, err
		}
		switch edge {
		case "":
			return c.poll(r)
		case "insights":
			return c.reportPage(r)
		}
		return nil, unknownPath(edge)
	}
	o, err := c.object(node)
	if err != nil {
		return nil, err
	}
	use, score := "ads_management", 1
	if edge == "insights" {
		use = "ads_insights"
	}
	if post {
		score = 3
	}
	if err := c.enter(o.account.ID, use, score); err != nil {
		return nil, err
	}
	switch {
	case edge == "insights" && post:
		return c.submit(o)
	case edge == "insights":
		return c.insights(o)
	case edge == "" && post:
		return c.update(o)
	case post:
		return nil, &apiError{status: 400, code: 3, kind: "OAuthException", message: "(#3) Application does not have the capability to make this API call."}
	case edge == "":
		return c.node(o)
	case edge == "activities" && o.kind == "account":
		return c.activities(o.account)
	}
	return c.edge(o, edge)
}

// batch answers up to 50 requests in one.
func (c *call) batch() (any, error) {
	var list []struct {
		Method  string `json:"method"`
		URL     string `json:"relative_url"`
		Body    string `json:"body"`
		Name    string `json:"name"`
		Headers any    `json:"headers"`
	}
	if err := json.Unmarshal([]byte(c.form.Get("batch")), &list); err != nil {
		return nil, invalid("batch must be a JSON array")
	}
	if len(list) > 50 {
		return nil, invalid("Too many requests in batch message. Maximum batch size is 50")
	}
	out := []any{}
	for _, x := range list {
		u, err := url.Parse("/" + strings.TrimPrefix(x.URL, "/"))
		if err != nil {
			return nil, invalid("relative_url is no URL")
		}
		q := u.Query()
		for _, k := range []string{"access_token", "appsecret_proof"} {
			if c.form.Get(k) != "" && q.Get(k) == "" {
				q.Set(k, c.form.Get(k))
			}
		}
		u.RawQuery = q.Encode()
		r, err := http.NewRequestWithContext(c.r.Context(), strings.ToUpper(x.Method), u.String(), strings.NewReader(x.Body))
		if err != nil {
			return nil, invalid("method is none")
		}
		r.Header = http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
		if h := c.r.Header.Get("Authorization"); h != "" {
			r.Header.Set("Authorization", h)
		}
		w := &capture{header: http.Header{}, code: 200}
		one := &call{Sim: c.Sim, w: w, r: r, inner: true}
		one.serve()
		answer := map[string]any{"code": w.code, "body": strings.TrimSpace(w.body.String())}
		if c.form.Get("include_headers") != "false" {
			headers := []any{}
			for k := range w.header {
				headers = append(headers, map[string]string{"name": k, "value": w.header.Get(k)})
			}
			answer["headers"] = headers
		}
		out = append(out, answer)
	}
	return out, nil
}

// apiError is the Graph API's error.
type apiError struct {
	status, code, subcode int
	kind, message, trace  string
	transient             bool
	title, user, blame    string
}

func (e *apiError) Error() string { return e.message }

func (e *apiError) json() map[string]any {
	out := map[string]any{"message": e.message, "type": e.kind, "code": e.code, "fbtrace_id": e.trace}
	if e.subcode != 0 {
		out["error_subcode"] = e.subcode
	}
	if e.transient {
		out["is_transient"] = true
	}
	if e.user != "" {
		out["error_user_title"], out["error_user_msg"] = e.title, e.user
	}
	if e.blame != "" {
		out["error_data"] = fmt.Sprintf(`{"blame_field_specs":[["%s"]]}`, e.blame)
	}
	return out
}

// invalid is code 100, in the form of an invalid parameter.
func invalid(format string, args ...any) *apiError {
	return &apiError{status: 400, code: 100, kind: "OAuthException", message: "(#100) " + fmt.Sprintf(format, args...)}
}

func missing(id string) *apiError {
	return &apiError{status: 400, code: 100, subcode: 33, kind: "GraphMethodException",
		message: "Unsupported get request. Object with ID '" + id + "' does not exist, cannot be loaded due to missing permissions, or does not support this operation. Please read the Graph API documentation at https://developers.facebook.com/docs/graph-api"}
}

func unknownPath(edge string) *apiError {
	return &apiError{status: 400, code: 2500, kind: "OAuthException", message: "Unknown path components: /" + edge}
}

func writeJSON(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(code)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // a reader that has gone is not our concern
}
