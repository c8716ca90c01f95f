package metaads

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"argo/tables"
	"argo/tables/fault"
	"argo/tables/rest"
)

// Client speaks to the API for one connection. Safe for concurrent use.
type Client struct {
	name     string        // of the connection
	proof    string        // appsecret_proof; "": none
	business string        // whose accounts; "": those of the token
	only     []string      // accounts to look at; empty: all
	inFlight time.Duration // of a change in flight
	scope    string        // path of the budgets of the token
	tier     tier
	rest     *rest.Client
	now      func() time.Time
	sleep    func(context.Context, time.Duration) error
	reports  reports

	turn  chan struct{} // holds one token: who has it lists the accounts
	mu    sync.Mutex
	known []account // as they were listed last
	at    time.Time // when that was
	calls int       // that it took
	big   sync.Map  // sheet and account → days that were too many for one request
}

// Record is an object of a reply, decoded: objects are maps, numbers json.Number.
type Record map[string]any

// tier of access of an app, with the limits that are published for it
// (developers.facebook.com/docs/marketing-apis/rate-limiting): calls of an
// account in an hour by use case, and the score of an account, of which a read
// takes 1 and a write 3 and which decays within 300 seconds. What active ads add
// to the hour is not counted on.
type tier struct{ management, insights, score int }

var (
	standard    = tier{100_000, 190_000, 9000}
	development = tier{300, 600, 60}
)

// The use cases of a request, as X-Business-Use-Case-Usage names them.
const (
	management = "ads_management"
	reporting  = "ads_insights"
)

// limits of a request: of the app, which Meta does not put into a number for
// Argo and says when it is used up; of the account's hour; and of its score.
func (c *Client) limits(account, use string, write bool) []rest.Limit {
	out := []rest.Limit{{Key: c.scope + "/app", Law: rest.Rolling(0, time.Hour)}}
	at := c.scope + "/account/" + account + "/"
	switch {
	case account == "":
	case use == reporting:
		out = append(out, rest.Limit{Key: at + reporting, Law: rest.Rolling(c.tier.insights, time.Hour)})
	default:
		units := 1
		if write {
			units = 3
		}
		out = append(out, rest.Limit{Key: at + management, Law: rest.Rolling(c.tier.management, time.Hour)},
			rest.Limit{Key: at + "score", Law: rest.Bucket(300*time.Second/time.Duration(c.tier.score), c.tier.score), Units: units})
	}
	return out
}

// ask is a request on its way.
type ask struct {
	method, path string // path below the version, with its slash
	values       url.Values
	account, use string
	write        bool
	object       string // for messages
}

func about(account string) string {
	if account == "" {
		return "Meta"
	}
	return "Meta ad account " + account
}

// do sends the request and decodes its reply into v.
func (c *Client) do(ctx context.Context, a ask, v any) (err error) {
	r := rest.Request{Method: cmp.Or(a.method, "GET"), Path: a.path, Account: a.account, Write: a.write,
		Object: a.object, Limits: c.limits(a.account, a.use, a.write)}
	if r.Object == "" && a.account != "" {
		r.Object = "ad account " + a.account
	}
	values := url.Values{}
	for k, x := range a.values {
		values[k] = x
	}
	if c.proof != "" {
		values.Set("appsecret_proof", c.proof)
	}
	if r.Method == "POST" {
		r.Body, r.Type = []byte(values.Encode()), "application/x-www-form-urlencoded"
	} else {
		r.Query = values
	}
	res, err := c.rest.Do(ctx, r)
	if err != nil {
		return marked(err)
	}
	defer res.Body.Close()
	if err = rest.Decode(res.Body, v); err != nil {
		f := fault.As(err)
		g := *f
		g.Message = about(a.account) + ": " + f.Message
		res.Err = &g
		return &g
	}
	if l, ok := v.(*page); ok && l.Data != nil {
		res.Rows = int64(len(*l.Data))
		tables.TraceOf(ctx).Fetched(res.Rows, 0)
	}
	return nil
}

// page of an edge.
type page struct {
	Data   *[]Record
	Paging struct {
		Cursors struct{ After string }
		Next    string
	}
	Summary Record
}

// pageSize is what one page is asked to hold, and smallestPage how small it gets
// where Meta says that it is too much.
const pageSize, smallestPage = 500, 25

// pages streams the objects of an edge, page by page. summary, where non-nil, is
// told of the first one that comes. Faults: Auth, Denied, NotFound, Throttled,
// Unavailable, Broken; errTooMuch is in the chain where the smallest page is too
// much, or before the first row where eager is set.
func (c *Client) pages(ctx context.Context, a ask, eager bool, summary func(Record)) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		size, after, seen := pageSize, "", map[string]bool{"": true}
		for first := true; ; {
			values := url.Values{}
			for k, v := range a.values {
				values[k] = v
			}
			values.Set("limit", strconv.Itoa(size))
			if after != "" {
				values.Set("after", after)
			}
			next := a
			next.values = values
			var p page
			err := c.do(ctx, next, &p)
			if errors.Is(err, errTooMuch) && size > smallestPage && !(eager && first) {
				size = max(size/2, smallestPage)
				continue
			}
			if err == nil && p.Data == nil {
				err = fault.New(fault.Broken, "%s: a reply without data", about(a.account))
			}
			if err != nil {
				yield(nil, err)
				return
			}
			first = false
			if summary != nil && p.Summary != nil {
				summary(p.Summary)
				summary = nil
			}
			for _, r := range *p.Data {
				if !yield(r, nil) {
					return
				}
			}
			if p.Paging.Next == "" {
				return
			}
			if after = p.Paging.Cursors.After; seen[after] {
				yield(nil, fault.New(fault.Broken, "%s: the same page is named twice", about(a.account)))
				return
			}
			seen[after] = true
		}
	}
}

// account as Meta lists it.
type account struct {
	ID                   string // without act_
	Name, Currency, Zone string
	Status               int64
	MinDaily             int64 // smallest daily budget, minor units; 0: not known
	Record               Record
}

// closed is the account_status of an account that is closed for good.
const closed = 101

func (a account) open() bool { return a.Status != closed }

// memo is how long the list of accounts is good in the process.
const memo = 10 * time.Minute

const accountFields = "id,account_id,name,account_status,disable_reason,currency,timezone_name,timezone_offset_hours_utc,amount_spent,balance,spend_cap,min_daily_budget,business,created_time"

// list gives every ad account that the token reaches, by id, each once.
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
		return nil, fault.Wrap(fault.Canceled, ctx.Err(), "%s: the request was given up", about(""))
	}
	if all := have(); all != nil && !fresh {
		return all, nil
	}
	paths := []string{"/me/adaccounts"}
	if c.business != "" {
		paths = []string{"/" + c.business + "/owned_ad_accounts", "/" + c.business + "/client_ad_accounts"}
	}
	ctx = rest.About(ctx, tables.Scan{})
	all, seen, calls := []account{}, map[string]bool{}, 0
	for _, path := range paths {
		n := 0
		for r, err := range c.pages(ctx, ask{path: path, values: url.Values{"fields": {accountFields}}}, false, nil) {
			if err != nil {
				return nil, err
			}
			a := account{ID: plain(r["account_id"]), Name: plain(r["name"]), Currency: plain(r["currency"]), Zone: plain(r["timezone_name"]), Record: r}
			if a.ID == "" {
				a.ID = strings.TrimPrefix(plain(r["id"]), "act_")
			}
			if a.ID == "" {
				return nil, fault.New(fault.Broken, "%s: an ad account without an id", about(""))
			}
			a.Status, _ = strconv.ParseInt(plain(r["account_status"]), 10, 64)
			a.MinDaily, _ = strconv.ParseInt(plain(r["min_daily_budget"]), 10, 64)
			if n++; !seen[a.ID] {
				seen[a.ID] = true
				all = append(all, a)
			}
		}
		calls += max(1, (n+pageSize-1)/pageSize)
	}
	slices.SortFunc(all, func(a, b account) int { return compareIDs(a.ID, b.ID) })
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known, c.at, c.calls = all, c.now(), calls
	return all, nil
}

// listCalls is how many requests the list takes: what it took last.
func (c *Client) listCalls() (n int, exact bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.calls > 0 {
		return c.calls, true
	}
	if c.business != "" {
		return 2, false
	}
	return 1, false
}

func compareIDs(a, b string) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}

// scanned are the accounts that can be read.
func (c *Client) scanned(all []account) []tables.Account {
	out := []tables.Account{}
	seen := map[string]bool{}
	for _, a := range all {
		seen[a.ID] = true
		if a.open() && (len(c.only) == 0 || slices.Contains(c.only, a.ID)) {
			out = append(out, tables.Account{ID: a.ID, Name: a.Name, Currency: a.Currency, Zone: a.Zone})
		}
	}
	// An account that the configuration names and the list has not is asked all the
	// same: its own fault says why, and the others still answer.
	for _, id := range c.only {
		if !seen[id] {
			seen[id] = true
			out = append(out, tables.Account{ID: id})
		}
	}
	slices.SortStableFunc(out, func(a, b tables.Account) int { return compareIDs(a.ID, b.ID) })
	return out
}

// Accounts lists the ad accounts that are not closed, by id.
func (c *Client) Accounts(ctx context.Context) ([]tables.Account, error) {
	all, err := c.list(ctx, false)
	if err != nil {
		return nil, err
	}
	return c.scanned(all), nil
}

// roster is Accounts as it is remembered, and what it would cost now.
func (c *Client) roster(context.Context) ([]tables.Account, int, error) {
	n, _ := c.listCalls()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known == nil {
		return nil, n, nil
	}
	if c.now().Sub(c.at) < memo {
		n = 0
	}
	return c.scanned(c.known), n, nil
}

// account looks for an account as it was listed last, however long ago: neither
// its currency nor its calendar changes. One that is not there has its id only.
func (c *Client) account(ctx context.Context, id string) (account, error) {
	find := func() (account, bool) {
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, a := range c.known {
			if a.ID == id {
				return a, true
			}
		}
		return account{ID: id}, c.known != nil
	}
	if a, ok := find(); ok {
		return a, nil
	}
	if _, err := c.list(ctx, false); err != nil {
		return account{}, err
	}
	a, _ := find()
	return a, nil
}

func plain(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}

// Kind of an object that can be changed.
type Kind string

// The kinds, as a person calls them.
const (
	Campaign Kind = "campaign"
	AdSet    Kind = "ad set"
	Ad       Kind = "ad"
)

// objectFields has for every kind at least one field that no other kind has, so
// that an id of another kind is refused.
var objectFields = map[Kind]string{
	Campaign: "id,account_id,name,status,effective_status,objective,daily_budget,lifetime_budget,bid_strategy",
	AdSet:    "id,account_id,campaign_id,name,status,effective_status,optimization_goal,daily_budget,lifetime_budget,bid_amount,bid_strategy,campaign{id,name,daily_budget,lifetime_budget,bid_strategy}",
	Ad:       "id,account_id,campaign_id,adset_id,name,status,effective_status,creative{id}",
}

// Object as it is now. Amounts are in minor units of the account's currency, 0
// where there is none.
type Object struct {
	Kind             Kind
	ID, Name, Status string // ACTIVE, PAUSED, ARCHIVED, DELETED
	Account          tables.Account
	MinDaily         int64
	Daily, Lifetime  int64
	Bid              int64
	BidStrategy      string
	Parent           string  // id of an ad set's campaign, of an ad's ad set
	Campaign         *Object // of an ad set
}

// Find reads one object from Meta. Faults: NotFound where there is none of that
// kind that the connection reaches.
func (c *Client) Find(ctx context.Context, kind Kind, id string) (*Object, error) {
	missing := func() *fault.Error {
		return fault.New(fault.NotFound, "connection %s reaches no %s %s", c.name, kind, id).
			WithHint("SELECT account_id, id, name FROM %s.%ss", c.name, strings.ReplaceAll(string(kind), " ", "_"))
	}
	if !digits.MatchString(id) {
		return nil, missing()
	}
	var r Record
	err := c.do(ctx, ask{path: "/" + id, values: url.Values{"fields": {objectFields[kind]}}, object: string(kind) + " " + id}, &r)
	if fault.Is(err, fault.NotFound) || errors.Is(err, errNoField) {
		return nil, missing()
	}
	if err != nil {
		return nil, err
	}
	at := plain(r["account_id"])
	accounts, err := c.Accounts(ctx)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(accounts, func(a tables.Account) bool { return a.ID == at })
	if i < 0 {
		return nil, missing()
	}
	a, err := c.account(ctx, at)
	if err != nil {
		return nil, err
	}
	o := object(kind, r)
	o.Account, o.MinDaily = accounts[i], a.MinDaily
	if parent, ok := r["campaign"].(map[string]any); ok && kind == AdSet {
		o.Campaign = object(Campaign, parent)
	}
	return o, nil
}

func object(kind Kind, r Record) *Object {
	number := func(name string) int64 {
		n, _ := strconv.ParseInt(plain(r[name]), 10, 64)
		return n
	}
	parent := map[Kind]string{AdSet: "campaign_id", Ad: "adset_id"}[kind]
	return &Object{Kind: kind, ID: plain(r["id"]), Parent: plain(r[parent]), Name: plain(r["name"]), Status: plain(r["status"]), BidStrategy: plain(r["bid_strategy"]),
		Daily: number("daily_budget"), Lifetime: number("lifetime_budget"), Bid: number("bid_amount")}
}

// Now is the connection's clock.
func (c *Client) Now() time.Time { return c.now() }

// List streams the objects of an edge of an account, of a campaign or of an ad set:
// List(ctx, "7", "act_7/campaigns", …). Faults: as a table's.
func (c *Client) List(ctx context.Context, account, edge string, params url.Values) iter.Seq2[Record, error] {
	use := management
	if strings.HasSuffix(edge, "/insights") {
		use = reporting
	}
	return c.pages(ctx, ask{path: "/" + edge, values: params, account: account, use: use}, false, nil)
}

// Update sends fields of one object. A nil error says that Meta took them;
// faults of kind Refused, Denied, Auth, NotFound and Config, or any fault with
// rest.ErrNotApplied in its chain, that it certainly did not; Unknown that the
// outcome is not known.
func (c *Client) Update(ctx context.Context, account, id string, fields url.Values) error {
	var reply struct{ Success *bool }
	if err := c.do(ctx, ask{method: "POST", path: "/" + id, values: fields, account: account, use: management, write: true}, &reply); err != nil {
		switch fault.KindOf(err) {
		case fault.Broken, fault.Unavailable:
			if !errors.Is(err, rest.ErrNotApplied) {
				return fault.Wrap(fault.Unknown, err, "%s: a change was sent and the reply cannot be read", about(account))
			}
		}
		return err
	}
	if reply.Success == nil || !*reply.Success {
		return fault.New(fault.Unknown, "%s: a change was sent and the reply does not say what became of it", about(account))
	}
	return nil
}

// Offset is how many minor units make one unit of a currency: 100, but 1 for
// those that have none at Meta (the page Currencies; the list is UNCONFIRMED).
func Offset(currency string) int64 {
	switch currency {
	case "CLP", "COP", "CRC", "HUF", "ISK", "IDR", "JPY", "KRW", "PYG", "TWD", "VND":
		return 1
	}
	return 100
}

// param is a value of a request as JSON.
func param(v any) string {
	b, err := marshal(v)
	if err != nil {
		panic(fmt.Sprintf("a parameter that is no JSON: %v", err)) // texts and lists of texts
	}
	return string(b)
}
