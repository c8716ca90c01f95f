package naversearchad

import (
	"bytes"
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"argo/tables"
	"argo/tables/fault"
	"argo/tables/rest"
)

// seoul is the calendar of every account: UTC+9, no daylight saving.
var seoul = time.FixedZone("KST", 9*60*60)

// Client speaks to the API for one connection. Safe for concurrent use.
type Client struct {
	name     string // of the connection
	customer string // the keys' owner
	only     []string
	scope    string // path of the budgets of the access licence
	statsVAT bool   // salesAmt of /stats includes VAT
	inFlight time.Duration
	rest     *rest.Client
	now      func() time.Time
	sleep    func(context.Context, time.Duration) error
	jobs     jobs

	turn  chan struct{} // holds one token: who has it lists the accounts
	mu    sync.Mutex
	known []account
	at    time.Time
	calls int // that listing them took
	ids   map[idKey]*idList
	owner sync.Map // entity id → customer id; an entity never moves
}

// InFlightWindow is how long a change whose reply was lost may still take effect.
func (c *Client) InFlightWindow() time.Duration { return c.inFlight }

// Name of the connection.
func (c *Client) Name() string { return c.name }

// memo is how long lists of accounts and of ids are good in the process.
const memo = 10 * time.Minute

// signer signs every request at the moment it leaves.
type signer struct {
	key   string
	now   func() time.Time
	renew func(context.Context) (string, error)

	mu     sync.Mutex
	secret string
	old    []string
}

// signature is that of a request: the path is without host and query.
func signature(secret, timestamp, method, path string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	io.WriteString(mac, timestamp+"."+method+"."+path)
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func (s *signer) Set(_ context.Context, r *http.Request) (string, error) {
	s.mu.Lock()
	secret := s.secret
	s.mu.Unlock()
	timestamp := strconv.FormatInt(s.now().UnixMilli(), 10)
	r.Header.Set("X-Timestamp", timestamp)
	r.Header.Set("X-API-KEY", s.key)
	r.Header.Set("X-Signature", signature(secret, timestamp, r.Method, r.URL.Path))
	return secret, nil
}

// Renew reads the secret again; the next try is signed anew in any case.
func (s *signer) Renew(tag string) bool {
	ctx, done := context.WithTimeout(context.Background(), 10*time.Second)
	defer done()
	secret, err := s.renew(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if secret = strings.TrimSpace(secret); err == nil && secret != "" && secret != s.secret {
		s.old = append(s.old[max(0, len(s.old)-3):], s.secret)
		s.secret = secret
	}
	return true
}

func (s *signer) Secrets() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string{s.key, s.secret}, s.old...)
}

// limits of a request: of the licence, of the account, of reports. Naver publishes
// none; users met limits at 15 to 30 requests a second for an account, 10 for
// reports, and 100 for all from one address.
func (c *Client) limits(customer string, reports bool) []rest.Limit {
	out := []rest.Limit{
		{Key: c.scope + "/requests", Law: rest.Bucket(20*time.Millisecond, 50)},
		{Key: c.scope + "/customer/" + customer + "/requests", Law: rest.Bucket(125*time.Millisecond, 8)},
	}
	if reports {
		out = append(out, rest.Limit{Key: c.scope + "/customer/" + customer + "/reports", Law: rest.Bucket(250*time.Millisecond, 4)})
	}
	return out
}

func (c *Client) request(customer, method, path string, query url.Values, body any) (rest.Request, error) {
	r := rest.Request{Method: method, Path: path, Query: query, Object: "account " + customer, Account: customer,
		Head: http.Header{"X-Customer": {customer}}, Limits: c.limits(customer, strings.Contains(path, "-reports"))}
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return r, fault.Wrap(fault.Internal, err, "a request cannot be written")
		}
		r.Body, r.Type = text, "application/json; charset=UTF-8"
	}
	return r, nil
}

// get decodes the reply into v; no content leaves v as it is.
func (c *Client) get(ctx context.Context, customer, path string, query url.Values, v any) error {
	r, err := c.request(customer, http.MethodGet, path, query, nil)
	if err != nil {
		return err
	}
	return c.send(ctx, r, v)
}

func (c *Client) send(ctx context.Context, r rest.Request, v any) error {
	res, err := c.rest.Do(ctx, r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err == nil && len(bytes.TrimSpace(text)) > 0 && v != nil {
		err = rest.Decode(bytes.NewReader(text), v)
	}
	if err != nil {
		res.Err = c.named(r.Account, err)
	}
	return res.Err
}

// named says which account a decoding fault is about.
func (c *Client) named(customer string, err error) error {
	f := fault.As(err)
	if f == nil || strings.HasPrefix(f.Message, "Naver") {
		return err
	}
	g := *f
	g.Message = "Naver Search Ad account " + customer + ": " + f.Message
	return &g
}

// object is an entity, decoded: numbers are json.Number.
type object map[string]any

// objects is a list; the bare object stands for a list of one.
type objects []object

func (o *objects) UnmarshalJSON(text []byte) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	if text[0] == '{' {
		var one object
		err := dec.Decode(&one)
		*o = objects{one}
		return err
	}
	return dec.Decode((*[]object)(o))
}

func str(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}

// pageRows is how many entities a page has.
const pageRows = 1000

var idNames = map[string]string{"campaigns": "nccCampaignId", "adgroups": "nccAdgroupId", "keywords": "nccKeywordId", "ads": "nccAdId"}

// entities lists those of a kind, page by page.
func (c *Client) entities(ctx context.Context, customer, kind string, query url.Values) ([]object, error) {
	paged := kind == "campaigns" || kind == "adgroups" || kind == "keywords"
	var all []object
	for last := ""; ; {
		q := url.Values{}
		for k, v := range query {
			q[k] = v
		}
		if paged {
			q.Set("recordSize", strconv.Itoa(pageRows))
			if last != "" {
				q.Set("baseSearchId", last)
				q.Set("selector", "NEXT")
			}
		}
		var page objects
		if err := c.get(ctx, customer, "/ncc/"+kind, q, &page); err != nil {
			return nil, err
		}
		all = append(all, page...)
		if !paged || len(page) < pageRows {
			return all, nil
		}
		next := str(page[len(page)-1][idNames[kind]])
		if next == "" || next == last {
			return nil, fault.New(fault.Broken, "Naver Search Ad account %s: the list of %s does not go on after %q", customer, kind, last)
		}
		last = next
	}
}

// account that the keys reach.
type account struct {
	ID, No, Name, Role, Through string
}

// Accounts lists the ad accounts that the keys reach, by customer id, or those
// that the configuration names.
func (c *Client) Accounts(ctx context.Context) ([]tables.Account, error) {
	if len(c.only) > 0 {
		return c.scanned(nil), nil
	}
	all, err := c.list(ctx, false)
	if err != nil {
		return nil, err
	}
	return c.scanned(all), nil
}

func (c *Client) scanned(all []account) []tables.Account {
	out := []tables.Account{}
	for _, id := range c.only {
		out = append(out, tables.Account{ID: id, Name: id, Currency: "KRW", Zone: "Asia/Seoul"})
	}
	for _, a := range all {
		out = append(out, tables.Account{ID: a.ID, Name: a.Name, Currency: "KRW", Zone: "Asia/Seoul"})
	}
	slices.SortFunc(out, func(a, b tables.Account) int { return cmp.Or(len(a.ID)-len(b.ID), strings.Compare(a.ID, b.ID)) })
	return out
}

// roster is Accounts as it is remembered, and what it would cost now.
func (c *Client) roster(context.Context) ([]tables.Account, int, error) {
	if len(c.only) > 0 {
		return c.scanned(nil), 0, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.known == nil:
		return nil, 2, nil
	case c.now().Sub(c.at) < memo:
		return c.scanned(c.known), 0, nil
	}
	return c.scanned(c.known), c.calls, nil
}

func (c *Client) listCalls() (int, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return max(c.calls, 2), c.calls > 0
}

// list reads the accounts of the login itself, then those of its manager accounts,
// which include the accounts of the managers below.
func (c *Client) list(ctx context.Context, fresh bool) ([]account, error) {
	have := func() []account {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.known == nil || c.now().Sub(c.at) >= memo {
			return nil
		}
		return c.known
	}
	if all := have(); all != nil && !fresh {
		return all, nil
	}
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return nil, fault.Wrap(fault.Canceled, ctx.Err(), "Naver Search Ad: the request was given up")
	}
	if all := have(); all != nil && !fresh {
		return all, nil
	}
	at, calls := c.now(), 0
	out, seen := []account{}, map[string]bool{}
	add := func(a account) {
		if a.ID != "" && a.ID != "0" && !seen[a.ID] {
			seen[a.ID] = true
			out = append(out, a)
		}
	}
	pages := func(path string, each func(object)) error {
		for page := 0; ; page++ {
			var reply struct {
				Content []object `json:"content"`
				Last    *bool    `json:"last"`
			}
			calls++
			if err := c.get(rest.About(ctx, tables.Scan{}), c.customer, path, url.Values{"page": {strconv.Itoa(page)}, "size": {"1000"}}, &reply); err != nil {
				return err
			}
			for _, o := range reply.Content {
				each(o)
			}
			if len(reply.Content) == 0 || reply.Last == nil || *reply.Last {
				return nil
			}
		}
	}
	err := pages("/ad-accounts", func(o object) {
		d, _ := o["adAccount"].(map[string]any)
		if d["disabled"] != true && d["deleted"] != true {
			add(account{ID: str(d["masterCustomerId"]), No: str(o["adAccountNo"]), Name: str(d["name"]), Role: str(o["roleName"])})
		}
	})
	var managers []string
	if err == nil {
		err = pages("/manager-accounts", func(o object) { managers = append(managers, str(o["managerAccountNo"])) })
	}
	for _, m := range managers {
		if err == nil {
			err = pages("/manager-accounts/"+url.PathEscape(m)+"/child-ad-accounts", func(o object) {
				add(account{ID: str(o["customerId"]), No: str(o["adAccountNo"]), Name: str(o["adAccountName"]), Role: str(o["accountRole"]), Through: m})
			})
		}
	}
	if err != nil {
		if f := fault.As(err); f != nil && f.Kind == fault.Denied {
			g := *f
			return nil, g.WithHint("name the accounts in the configuration, customers: [\"…\"], or give the keys' owner %s access to an ad account at ads.naver.com", c.customer)
		}
		return nil, err
	}
	slices.SortFunc(out, func(a, b account) int { return cmp.Or(len(a.ID)-len(b.ID), strings.Compare(a.ID, b.ID)) })
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known, c.at, c.calls = out, at, calls
	return out, nil
}

var coded = regexp.MustCompile(`\[([0-9]{3,5})\]$`)

// Code gives the business error code that the message of a fault ends in, 0 where
// there is none.
func Code(err error) int {
	f := fault.As(err)
	if f == nil {
		return 0
	}
	if m := coded.FindStringSubmatch(f.Message); m != nil {
		n, _ := strconv.Atoi(m[1])
		return n
	}
	return 0
}

// failure is any of the bodies of errors: of the gateway, of the API, of reports.
type failure struct {
	Type, Title, Detail, Message, Name string
	Code, Status                       any
	TransactionID                      string `json:"transactionId"`
}

// observe parks an account that has been told for how long to wait.
func (c *Client) observe(r rest.Reply) []rest.Observation {
	if d := r.RetryAfter(); r.Status == http.StatusTooManyRequests && d > 0 && r.Request != nil && len(r.Request.Limits) > 1 {
		return []rest.Observation{{Key: r.Request.Limits[1].Key, Until: r.Now.Add(d), Reason: "Naver Search Ad: too many requests"}}
	}
	return nil
}

// kinds of business codes; one that is not here is judged by its status.
var kinds = map[int]fault.Kind{
	1001: fault.NotFound, 3501: fault.NotFound, 3701: fault.NotFound, 3801: fault.NotFound, 3901: fault.NotFound, 4601: fault.NotFound, 20011: fault.NotFound,
	1006: fault.Denied, 1018: fault.Denied, 1016: fault.Throttled,
	10004: fault.NotFound, 20001: fault.NotFound, 20007: fault.Unavailable, 429: fault.Throttled, 500: fault.Unavailable, 503: fault.Unavailable,
	11001: fault.Invalid, 11003: fault.Invalid,
}

// classify says what a reply means. A success that is an object with an error code
// is an error, and so is a page.
func (c *Client) classify(r rest.Reply) rest.Class {
	trimmed := bytes.TrimSpace(r.Body)
	page := len(trimmed) > 0 && trimmed[0] == '<'
	var f failure
	if r.Whole && len(trimmed) > 0 && trimmed[0] == '{' && len(trimmed) < 64<<10 {
		dec := json.NewDecoder(bytes.NewReader(trimmed))
		dec.UseNumber()
		_ = dec.Decode(&f) // what is no error has none of the members
	}
	code, _ := strconv.Atoi(str(f.Code))
	switch {
	case r.Status < 300 && page:
		return rest.Class{Fault: fault.New(fault.Broken, "%s: the reply is a page, not data", r.About).WithHint("check base_url")}
	case r.Status < 300 && (code == 0 || f.Title == "" && f.Message == ""):
		return rest.Class{}
	}
	write := r.Request != nil && r.Request.Write
	x := fault.New(fault.Broken, "%s answers HTTP %d", r.About, r.Status)
	said := strings.TrimSpace(cmp.Or(f.Detail, f.Message, f.Title))
	if said != "" && len(said) < 300 && !strings.Contains(f.Type, "invalid-signature") { // that one repeats the signature
		x.Message += ": " + said
	}
	if code != 0 {
		x.Message += fmt.Sprintf(" [%d]", code)
	}
	k := rest.Class{Fault: x, RetryAfter: r.RetryAfter(), Safe: r.Status < 500}
	switch kind := kinds[code]; {
	case strings.HasSuffix(f.Type, "invalid-timestamp"):
		x.Kind, k.Renew = fault.Auth, true
		x.Message = r.About + ": the clock of this machine is not Naver's, signatures are refused as expired"
		if d, err := http.ParseTime(r.Head.Get("Date")); err == nil {
			x.Message += fmt.Sprintf(" (it differs by %s)", r.Now.Sub(d).Round(time.Second))
		}
		x.WithHint("set the clock of this machine (chronyd, systemd-timesyncd)")
	case strings.HasSuffix(f.Type, "invalid-signature"), r.Status == http.StatusUnauthorized:
		x.Kind, k.Renew = fault.Auth, true
		x.Message = r.About + ": the signature is refused: api_key or secret_key is wrong, or the secret was renewed"
		x.WithHint("ads.naver.com, Tools > API Manager: copy access licence and secret key of CUSTOMER_ID %s again, then argo check", c.customer)
	case strings.HasSuffix(f.Type, "missing-header"):
		x.Kind = fault.Internal
	case r.Status == http.StatusTooManyRequests || kind == fault.Throttled:
		x.Kind, x.Message, k.Retry, k.Safe = fault.Throttled, r.About+": too many requests", true, true
	case r.Status >= 500 || kind == fault.Unavailable && code != 20007:
		x.Kind, k.Retry, k.Safe = fault.Unavailable, true, false
	case code == 20007:
		x.Kind, x.RetryAfter = fault.Unavailable, 30*time.Minute
		x.Message = r.About + ": Naver is still preparing the figures of that day [20007]"
		x.WithHint("yesterday is usually complete between 06:00 and 09:00 in Korea")
	case kind != "":
		x.Kind = kind
	case r.Status == http.StatusForbidden:
		x.Kind = fault.Denied
	case r.Status == http.StatusNotFound:
		x.Kind = fault.NotFound
	case write:
		x.Kind = fault.Refused
	case r.Status == http.StatusBadRequest:
		x.Kind = fault.Invalid
	}
	if x.Kind == fault.Denied && x.Hint == "" {
		x.WithHint("ads.naver.com: give the owner of the keys (CUSTOMER_ID %s) access to this ad account, or leave it out of customers", c.customer)
	}
	return k
}
