// Package naversearchadsim plays the Naver Search Ad API on a simulated market:
// accounts, campaigns, ad groups, keywords, ads, extensions, /stats, the daily
// files of /stat-reports, /master-reports, bizmoney, and the PUTs that pause, set
// budgets and bids. It shares no type with the connector.
//
//	clock := market.NewClock(time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC))
//	world := market.New(market.Options{Seed: 1, Start: "2026-08-24", Clock: clock})
//	sim := naversearchadsim.New(world, naversearchadsim.Options{})
//	server := httptest.NewServer(sim) // signed requests with sim.Options().APIKey …
//	sim.Faults.Script("naversearchad 429 nth=1")
//
// There is no official client library; .ci/vendors runs a public one against it.
// Where each shape is from, all public:
//
//   - headers, signature, the 403 problem objects, business error codes: the
//     guides, samples and NaverSA_API_Error_Code_MAP.md of naver/searchad-apidoc;
//   - paths, parameters, fields of entities, shared budgets, accounts, report jobs
//     and /stats: its Swagger files (assets/json: ncc-heroes-ncc, ncc-heroes-billing,
//     atower, ncc-report, master-report);
//   - columns of the report files: its markdown for StatReport; for master reports
//     the vendor's gist and the clients that read them;
//   - 204 for an empty list of jobs, "exceeded limit of '100' numbers of 'job'", the
//     oldest stat job dropped beyond 100, 20011 for a report that is gone, HTML on
//     429, 200 without effect where fields= is missing, status CHANGED: issues 314,
//     525, 659, 1317, 1354, 1434 and others.
//
// Not published, and chosen here: the tolerance of the clock (30 s), the rates (25
// requests a second for a customer, 10 for reports), how long a job takes, media and
// region codes, the dictionary codes of criteria. Conversions are booked on the day
// they happen, within seven days of the click; a tenth of the clicks adds to a cart.
// What the market calls cost is what the advertiser pays, VAT included: /stats and
// files of days from 2026-03-30 on show it so, earlier files show it without VAT and
// with decimals. The market's campaign forms stand for Naver's types: search
// WEB_SITE, display SHOPPING, video BRAND_SEARCH, demand POWER_CONTENTS, app PLACE.
package naversearchadsim

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"argo/tables/market"
)

// Options of a simulator. What is zero is the default; negative rates are none.
type Options struct {
	APIKey, SecretKey string        // access licence and secret; "licence", "secret"
	CustomerID        int64         // of the agency whose keys these are; 9000001
	Skew              time.Duration // tolerance of X-Timestamp; 30 s
	PerSecond         int           // requests of a customer; 25
	ReportsPerSecond  int           // of them for report jobs; 10
	Build             time.Duration // until a report is built; 20 s, negative: at once
	Ready             int           // hour of the day, KST, from which yesterday's reports can be made; 2
	Jobs              int           // report jobs that a customer may have; 100
	PageSize          int           // accounts on a page at most; 1000
	// Compress sends files as gzip without saying so in a header, as storage
	// behind a proxy does.
	Compress bool
	// OneIsBare answers a list of one entity as the bare object.
	OneIsBare bool
}

// Sim is an http.Handler. Safe for concurrent use.
type Sim struct {
	// Faults is what goes wrong, under the name "naversearchad"; accounts are
	// customer ids.
	Faults *market.Faults

	m *market.Market
	o Options

	mu       sync.Mutex
	seconds  map[string][]time.Time // by customer and kind of request
	jobs     map[string][]*job      // by customer
	serial   int64
	ends     []string       // statuses that the next stat jobs end in instead of BUILT
	posted   map[string]int // stat and master jobs submitted, by kind
	uncapped map[int64]bool // campaigns whose daily budget is not used
	exceeded map[string]int
	days     map[dayKey][]cell
	sold     map[dayKey][]sale
}

// New plays the API over m.
func New(m *market.Market, o Options) *Sim {
	o.APIKey, o.SecretKey = cmp.Or(o.APIKey, "licence"), cmp.Or(o.SecretKey, "secret")
	o.CustomerID = cmp.Or(o.CustomerID, 9000001)
	o.Skew = cmp.Or(o.Skew, 30*time.Second)
	o.PerSecond, o.ReportsPerSecond = cmp.Or(o.PerSecond, 25), cmp.Or(o.ReportsPerSecond, 10)
	o.Build = cmp.Or(o.Build, 20*time.Second)
	o.Ready, o.Jobs, o.PageSize = cmp.Or(o.Ready, 2), cmp.Or(o.Jobs, 100), cmp.Or(o.PageSize, 1000)
	return &Sim{Faults: &market.Faults{}, m: m, o: o, seconds: map[string][]time.Time{}, jobs: map[string][]*job{}, posted: map[string]int{},
		uncapped: map[int64]bool{}, exceeded: map[string]int{}, days: map[dayKey][]cell{}, sold: map[dayKey][]sale{}}
}

// Options as they are in force.
func (s *Sim) Options() Options { return s.o }

// EndJobs makes the next n stat reports end in a status: ERROR, CHANGED, NONE.
func (s *Sim) EndJobs(status string, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ends = append(s.ends, slices.Repeat([]string{status}, n)...)
}

// Rotate renews the secret key, as the vendor does now and then.
func (s *Sim) Rotate(secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.o.SecretKey = secret
}

// Posted is how many report jobs were submitted: "stat", "master".
func (s *Sim) Posted() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.posted)
}

// Left is how many report jobs have not been deleted.
func (s *Sim) Left() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, list := range s.jobs {
		n += len(list)
	}
	return n
}

// Exceeded is how often a limit was exceeded: "requests a second", "reports a
// second". Planned faults are not among them.
func (s *Sim) Exceeded() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.exceeded)
}

// refusal is an answer that is no success.
type refusal struct {
	status int
	body   any    // JSON
	html   string // or a page
}

func (e *refusal) Error() string { return fmt.Sprint(e.status, e.body, e.html) }

// business is an error of the API behind the gateway.
func business(status, code int, title string) *refusal {
	return &refusal{status: status, body: map[string]any{"code": code, "status": status, "title": title, "transactionId": "SIM" + strconv.Itoa(code)}}
}

// statError has the shape of /stats and /stat-reports.
func statError(status, code int, message string) *refusal {
	return &refusal{status: status, body: map[string]any{"code": code, "message": message}}
}

func problem(kind, title, detail string, more map[string]any) *refusal {
	body := map[string]any{"status": 403, "type": "urn:naver:api:problem:" + kind, "title": title, "detail": detail}
	maps.Copy(body, more)
	return &refusal{status: 403, body: body}
}

// call is a request whose signature is right.
type call struct {
	*http.Request
	customer int64
	account  market.Account // zero for the agency itself
	fault    market.Fault
}

// ServeHTTP answers one request.
func (s *Sim) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Transaction-ID", "SIM"+strconv.FormatInt(s.m.Now().UnixMilli(), 36))
	s.play(w, r, r.Header.Get("X-Customer"), func(w http.ResponseWriter, f market.Fault) {
		if err := s.serve(w, r, f); err != nil {
			refuse(w, err)
		}
	})
}

func refuse(w http.ResponseWriter, e *refusal) {
	if e.html != "" {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(e.status)
		_, _ = fmt.Fprintf(w, "<html><body><h1>%s</h1>\n</body></html>\n", e.html)
		return
	}
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.WriteHeader(e.status)
	_ = json.NewEncoder(w).Encode(e.body)
}

func answer(w http.ResponseWriter, v any) *refusal {
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	_ = json.NewEncoder(w).Encode(v)
	return nil
}

// list answers with an array.
func (s *Sim) list(w http.ResponseWriter, all []any) *refusal {
	if s.o.OneIsBare && len(all) == 1 {
		return answer(w, all[0])
	}
	if all == nil {
		all = []any{}
	}
	return answer(w, all)
}

func (s *Sim) serve(w http.ResponseWriter, r *http.Request, f market.Fault) *refusal {
	c, err := s.admit(r)
	if err != nil {
		return err
	}
	c.fault = f
	path := r.URL.Path
	if strings.HasPrefix(path, "/ad-accounts") || strings.HasPrefix(path, "/manager-accounts") {
		return s.accounts(w, c)
	}
	if path == "/report-download" {
		return s.download(w, c)
	}
	if c.account.ID == 0 {
		return business(403, 1018, "No permission")
	}
	part, rest, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	switch {
	case part == "ncc":
		return s.ncc(w, c, rest)
	case path == "/stats" && r.Method == http.MethodGet:
		return s.stats(w, c)
	case part == "stat-reports", part == "master-reports":
		return s.reports(w, c, part, rest)
	case part == "billing" && r.Method == http.MethodGet:
		return s.billing(w, c, rest)
	}
	return business(404, 1001, "Not Found")
}

// admit is the gateway: headers, clock, signature, rates, then who may.
func (s *Sim) admit(r *http.Request) (*call, *refusal) {
	for _, h := range []string{"X-Timestamp", "X-API-KEY", "X-Customer", "X-Signature"} {
		if r.Header.Get(h) == "" {
			return nil, problem("missing-header", "Missing Header", "Required header '"+h+"' is missing.", map[string]any{"header": h})
		}
	}
	if len(r.Header.Values("Content-Type")) > 1 {
		return nil, &refusal{status: 400, body: map[string]any{"status": 400, "title": "Bad Request", "detail": "duplicate Content-Type"}}
	}
	millis, err := strconv.ParseInt(r.Header.Get("X-Timestamp"), 10, 64)
	now := s.m.Now()
	if d := now.Sub(time.UnixMilli(millis)); err != nil || d > s.o.Skew || d < -s.o.Skew {
		return nil, problem("invalid-timestamp", "Invalid Timestamp", "Request has expired.", map[string]any{"timestamp": millis})
	}
	s.mu.Lock()
	secret := s.o.SecretKey
	s.mu.Unlock()
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "%s.%s.%s", r.Header.Get("X-Timestamp"), r.Method, r.URL.Path)
	given := r.Header.Get("X-Signature")
	if r.Header.Get("X-API-KEY") != s.o.APIKey || !hmac.Equal([]byte(given), []byte(base64.StdEncoding.EncodeToString(mac.Sum(nil)))) {
		return nil, problem("invalid-signature", "Invalid Signature", "Signature '"+given+"' is invalid.", map[string]any{"signature": given})
	}
	customer := r.Header.Get("X-Customer")
	kinds := map[string]int{"requests": s.o.PerSecond}
	if strings.Contains(r.URL.Path, "-reports") {
		kinds["reports"] = s.o.ReportsPerSecond
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for kind, limit := range kinds {
		key := customer + " " + kind
		s.seconds[key] = slices.DeleteFunc(s.seconds[key], func(t time.Time) bool { return now.Sub(t) >= time.Second })
		if limit > 0 && len(s.seconds[key]) >= limit {
			s.exceeded[kind+" a second"]++
			return nil, tooMany()
		}
		s.seconds[key] = append(s.seconds[key], now)
	}
	c := &call{Request: r}
	if c.customer, err = strconv.ParseInt(customer, 10, 64); err != nil {
		return nil, business(400, 1002, "Invalid X-Customer")
	}
	if c.customer != s.o.CustomerID {
		a, ok := s.m.Account(c.customer)
		if !ok || !served(a) {
			return nil, business(403, 1018, "No permission")
		}
		c.account = a
	}
	return c, nil
}

func tooMany() *refusal { return &refusal{status: 429, html: "429 Too Many Requests"} }

// served says whether Naver can have the account: it sells in won only.
func served(a market.Account) bool { return a.Currency == "KRW" && a.Status == market.Enabled }

func (s *Sim) served() (out []market.Account) {
	for _, a := range s.m.Accounts() {
		if served(a) {
			out = append(out, a)
		}
	}
	return out
}

// accountNo is the number of the unified ad account, which is no customer id.
func accountNo(a market.Account) int64 { return a.ID%1_000_000 + 5_000_000 }

const managerNo = 70001

// accounts answers for the unified accounts: every other one belongs to the login
// itself, those and the rest to its manager account.
func (s *Sim) accounts(w http.ResponseWriter, c *call) *refusal {
	if c.Method != http.MethodGet {
		return business(405, 1004, "Method Not Allowed")
	}
	if c.customer != s.o.CustomerID {
		return &refusal{status: 403, body: map[string]any{"code": 1018, "status": "403", "title": "Forbidden", "message": "Failed to get ad accounts: Forbidden"}}
	}
	var all []any
	switch parts := strings.Split(strings.Trim(c.URL.Path, "/"), "/"); {
	case len(parts) == 1 && parts[0] == "ad-accounts":
		for i, a := range s.served() {
			if i%2 == 0 {
				all = append(all, map[string]any{"adAccountNo": accountNo(a), "roleName": "MASTER", "naverId": "agency", "createdAt": "2025-09-01T00:00:00Z", "favorite": false,
					"adAccount": map[string]any{"no": accountNo(a), "name": a.Name, "masterCustomerId": a.ID, "currency": "KRW", "country": "KR", "timezone": "+09:00", "timezoneId": "Asia/Seoul", "disabled": false, "deleted": false}})
			}
		}
	case len(parts) == 1:
		all = append(all, map[string]any{"managerAccountNo": managerNo, "roleName": "MASTER", "naverId": "agency", "createdAt": "2025-09-01T00:00:00Z", "favorite": true,
			"managerAccount": map[string]any{"no": managerNo, "name": "Agency", "childAdAccountCount": len(s.served()), "currency": "KRW", "timezoneId": "Asia/Seoul"}})
	case len(parts) == 3 && parts[0] == "manager-accounts" && parts[1] == strconv.Itoa(managerNo) && parts[2] == "child-ad-accounts":
		for i, a := range s.served() {
			if i%2 == 1 || i == 0 {
				all = append(all, map[string]any{"adAccountNo": accountNo(a), "adAccountName": a.Name, "customerId": a.ID, "accountRole": "MASTER", "ownerNaverId": "owner"})
			}
		}
	default:
		return business(404, 1001, "Not Found")
	}
	q := c.URL.Query()
	size := 20
	if v := q.Get("size"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 || n > 1000 {
			return business(400, 1002, "size")
		}
		size = n
	}
	size = min(size, s.o.PageSize)
	page, err := strconv.Atoi(cmp.Or(q.Get("page"), "0"))
	if err != nil || page < 0 {
		return business(400, 1002, "page")
	}
	pages := (len(all) + size - 1) / size
	from, to := min(page*size, len(all)), min((page+1)*size, len(all))
	content := append([]any{}, all[from:to]...)
	return answer(w, map[string]any{"content": content, "totalElements": len(all), "totalPages": pages, "number": page, "size": size,
		"numberOfElements": len(content), "first": page == 0, "last": page >= pages-1, "empty": len(content) == 0})
}
