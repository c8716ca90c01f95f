package googleads

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
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
	login    string        // login-customer-id; "": found out
	only     []string      // accounts to look at; empty: all
	inFlight time.Duration // of a change in flight
	scope    string        // path of the budgets of the developer token
	daily    int           // operations in 24 hours; 0: no limit
	rest     *rest.Client
	now      func() time.Time

	turn  chan struct{} // holds one token: who has it reads the tree
	mu    sync.Mutex
	known []account // the tree as it was read last
	at    time.Time // when that was
	calls int       // that it took
	owner sync.Map  // campaign id → account id; a campaign never moves
}

// account of the tree of customers.
type account struct {
	ID                    string
	Name, Currency, Zone  string
	Status                string
	Manager, Test, Hidden bool
	Level                 int64
	Login                 string // the manager through which it is reached
}

// memo is how long the tree of accounts is good in the process.
const memo = 10 * time.Minute

// Record is one row of a reply, decoded: objects are maps, numbers json.Number.
type Record map[string]any

// Query streams the rows of one GAQL query for one account. Faults: Auth,
// Denied, Throttled, Unavailable, Broken, Internal (the query is refused).
func (c *Client) Query(ctx context.Context, account, gaql string) iter.Seq2[Record, error] {
	return c.report(ctx, account, gaql, nil)
}

// report is Query that also asks for the summary row, in the same reply, where
// summary is non-nil: it is told of it once, after the last row.
func (c *Client) report(ctx context.Context, account, gaql string, summary func(Record)) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		login, err := c.through(ctx, account)
		if err != nil {
			yield(nil, err)
			return
		}
		c.stream(ctx, account, login, gaql, summary)(yield)
	}
}

func (c *Client) stream(ctx context.Context, account, login, gaql string, summary func(Record)) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		ask := struct {
			Query             string `json:"query"`
			SummaryRowSetting string `json:"summaryRowSetting,omitempty"`
		}{Query: gaql}
		if summary != nil {
			ask.SummaryRowSetting = "SUMMARY_ROW_WITH_RESULTS"
		}
		body, err := marshal(ask)
		if err != nil {
			yield(nil, err)
			return
		}
		res, err := c.rest.Do(ctx, c.request(account, login, "/googleAds:searchStream", body))
		if err != nil {
			yield(nil, err)
			return
		}
		defer res.Body.Close()
		defer func() { tables.TraceOf(ctx).Fetched(res.Rows, 0) }()
		other := func(name string, value json.RawMessage) error {
			switch {
			case name == "error": // in the middle of the stream
				return c.judge(0, append(append([]byte(`{"error":`), value...), '}'), about(account), false).Fault
			case name == "summaryRow" && summary != nil: // alone in the last chunk
				var r Record
				if err := rest.Decode(bytes.NewReader(value), &r); err != nil {
					return err
				}
				summary(r)
			}
			return nil
		}
		for r, err := range rest.Elements[Record](res.Body, []string{"*", "results"}, other) {
			if err != nil {
				res.Err = c.named(account, err)
				yield(nil, res.Err)
				return
			}
			res.Rows++
			if !yield(r, nil) {
				return
			}
		}
	}
}

// named says which account a decoding fault is about.
func (c *Client) named(account string, err error) error {
	f := fault.As(err)
	if f == nil || strings.HasPrefix(f.Message, "Google Ads") {
		return err
	}
	g := *f
	g.Message = about(account) + ": " + f.Message
	return &g
}

func about(account string) string {
	if account == "" {
		return "Google Ads"
	}
	return "Google Ads account " + account
}

func (c *Client) request(account, login, verb string, body []byte) rest.Request {
	r := rest.Request{
		Method: "POST", Path: "/customers/" + account + verb, Body: body, Object: "account " + account, Account: account,
		Limits: c.limits(account),
	}
	if login != "" {
		r.Head = map[string][]string{"login-customer-id": {login}}
	}
	return r
}

// daily operations of a developer token by its level of access, as published
// (Access levels and permissible use; of "explorer" those on production
// accounts). "Per day" is a sliding window of 24 hours. A query is one operation
// however many pages it has, and so is each object that a request changes.
var daily = map[string]int{"test": 15_000, "explorer": 2_880, "basic": 15_000, "standard": 0}

// limits of a request: of the developer token, by operations and by requests,
// then of the account. That there is a bucket of requests for each token and
// each account is published and its size is not: these figures are UNCONFIRMED,
// and what a reply says about a bucket (QuotaErrorDetails) is obeyed.
func (c *Client) limits(account string) []rest.Limit {
	out := []rest.Limit{
		{Key: c.scope + "/operations", Law: rest.Rolling(c.daily, 24*time.Hour)},
		{Key: c.scope + "/requests", Law: rest.Bucket(20*time.Millisecond, 100)},
	}
	if account != "" {
		out = append(out, rest.Limit{Key: c.scope + "/account/" + account + "/requests", Law: rest.Bucket(100*time.Millisecond, 20)})
	}
	return out
}

// Mutate sends one update: the fields of mask, lowerCamel, of the object that
// update names by resourceName. Nil says that Google Ads applied it. Faults:
// Refused, Denied, Auth, NotFound and Config, or any fault with
// rest.ErrNotApplied in its chain, where it certainly did not; Unknown where the
// outcome is not known.
func (c *Client) Mutate(ctx context.Context, account, collection string, update map[string]any, mask ...string) error {
	login, err := c.through(ctx, account)
	if err != nil {
		return fmt.Errorf("%w: %w", rest.ErrNotApplied, err)
	}
	body, err := marshal(map[string]any{"operations": []any{
		map[string]any{"updateMask": strings.Join(mask, ","), "update": update},
	}})
	if err != nil {
		return fmt.Errorf("%w: %w", rest.ErrNotApplied, err)
	}
	r := c.request(account, login, "/"+collection+":mutate", body)
	r.Write = true
	res, err := c.rest.Do(ctx, r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	var reply struct {
		PartialFailureError json.RawMessage
		Results             []struct{ ResourceName string }
	}
	if err := rest.Decode(res.Body, &reply); err != nil {
		return fault.Wrap(fault.Unknown, err, "%s: a change was sent and the reply cannot be read", about(account))
	}
	if len(reply.PartialFailureError) > 0 {
		return c.judge(400, append(append([]byte(`{"error":`), reply.PartialFailureError...), '}'), about(account), true).Fault
	}
	if len(reply.Results) != 1 {
		return fault.New(fault.Unknown, "%s: a change was sent and the reply does not say what became of it", about(account))
	}
	return nil
}

// through gives the login-customer-id for an account.
func (c *Client) through(ctx context.Context, account string) (string, error) {
	if c.login != "" {
		return c.login, nil
	}
	a, err := c.account(ctx, account)
	return a.Login, err
}

// remembered is the account as the tree had it when it was read last, however
// long ago: neither its calendar nor the way to it changes.
func (c *Client) remembered(id string) (account, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, a := range c.known {
		if a.ID == id {
			return a, true
		}
	}
	return account{}, false
}

// account looks for an account in the tree; one that is not there has its id
// only.
func (c *Client) account(ctx context.Context, id string) (account, error) {
	if a, ok := c.remembered(id); ok {
		return a, nil
	}
	if _, err := c.tree(ctx, false); err != nil {
		return account{}, err
	}
	a, _ := c.remembered(id)
	a.ID = id
	return a, nil
}

// treeCalls is how many requests reading the tree takes: what it took last, else
// one for the manager.
func (c *Client) treeCalls() (n int, exact bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return max(c.calls, 1), c.calls > 0
}

// Accounts lists the enabled accounts that are not managers, by id: those that
// can have campaigns.
func (c *Client) Accounts(ctx context.Context) ([]tables.Account, error) {
	all, err := c.tree(ctx, false)
	if err != nil {
		return nil, err
	}
	return c.scanned(all), nil
}

// roster is Accounts as it is remembered, and what it would cost now.
func (c *Client) roster(context.Context) ([]tables.Account, int, error) {
	n, _ := c.treeCalls()
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

func (c *Client) scanned(all []account) []tables.Account {
	out := []tables.Account{}
	seen := map[string]bool{}
	for _, a := range all {
		seen[a.ID] = true
		if !a.Manager && a.Status == "ENABLED" && (len(c.only) == 0 || slices.Contains(c.only, a.ID)) {
			out = append(out, tables.Account{ID: a.ID, Name: a.Name, Currency: a.Currency, Zone: a.Zone})
		}
	}
	// An account that the configuration names and the tree has not is asked all
	// the same: its own fault says why, and the others still answer.
	for _, id := range c.only {
		if !seen[id] {
			out = append(out, tables.Account{ID: id})
		}
	}
	slices.SortStableFunc(out, func(a, b tables.Account) int { return compareIDs(a.ID, b.ID) })
	return out
}

func compareIDs(a, b string) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}

// tree lists every customer that the credentials reach, by id, each once.
func (c *Client) tree(ctx context.Context, fresh bool) ([]account, error) {
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
	seeds, calls := []string{c.login}, 0
	if c.login == "" {
		var err error
		if seeds, err = c.accessible(ctx); err != nil {
			return nil, err
		}
		calls++
	}
	all, seen := []account{}, map[string]bool{}
	var denied error
	for _, seed := range seeds {
		clients, n, err := c.clients(ctx, seed)
		calls += n
		if fault.Is(err, fault.Denied) && len(seeds) > 1 {
			denied = err
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, a := range clients {
			if !seen[a.ID] {
				seen[a.ID] = true
				all = append(all, a)
			}
		}
	}
	if len(all) == 0 && denied != nil {
		return nil, denied
	}
	slices.SortFunc(all, func(a, b account) int { return compareIDs(a.ID, b.ID) })
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known, c.at, c.calls = all, c.now(), calls
	return all, nil
}

// accessible lists the customers that the user may log in to directly.
func (c *Client) accessible(ctx context.Context) ([]string, error) {
	res, err := c.rest.Do(ctx, rest.Request{Method: "GET", Path: "/customers:listAccessibleCustomers", Limits: c.limits("")})
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	var reply struct{ ResourceNames []string }
	if err := rest.Decode(res.Body, &reply); err != nil {
		return nil, c.named("", err)
	}
	var ids []string
	for _, n := range reply.ResourceNames {
		ids = append(ids, strings.TrimPrefix(n, "customers/"))
	}
	slices.SortFunc(ids, compareIDs)
	return ids, nil
}

const clientQuery = "SELECT customer_client.id, customer_client.descriptive_name, customer_client.status, customer_client.manager, " +
	"customer_client.level, customer_client.currency_code, customer_client.time_zone, customer_client.test_account, customer_client.hidden FROM customer_client"

const customerQuery = "SELECT customer.id, customer.descriptive_name, customer.status, customer.manager, " +
	"customer.currency_code, customer.time_zone, customer.test_account FROM customer"

// clients lists seed and everything below it, in so many calls.
func (c *Client) clients(ctx context.Context, seed string) (out []account, calls int, err error) {
	for _, q := range []struct{ object, gaql string }{{"customerClient", clientQuery}, {"customer", customerQuery}} {
		calls++
		for r, err := range c.stream(ctx, seed, seed, q.gaql, nil) {
			if err != nil {
				return nil, calls, err
			}
			o, _ := r[q.object].(map[string]any)
			a := account{ID: plain(o["id"]), Name: plain(o["descriptiveName"]), Currency: plain(o["currencyCode"]), Zone: plain(o["timeZone"]), Status: plain(o["status"]), Login: seed}
			a.Manager, _ = o["manager"].(bool)
			a.Test, _ = o["testAccount"].(bool)
			a.Hidden, _ = o["hidden"].(bool)
			a.Level, _ = strconv.ParseInt(plain(o["level"]), 10, 64)
			if a.ID == "" {
				return nil, calls, fault.New(fault.Broken, "%s: an account without an id in the tree of accounts", about(seed))
			}
			out = append(out, a)
		}
		if len(out) > 0 { // an account that is no manager has no customer_client rows
			break
		}
	}
	return out, calls, nil
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

// Campaign as it is now.
type Campaign struct {
	Account tables.Account
	ID      int64
	Name    string
	Status  string // ENABLED, PAUSED, REMOVED
	Budget  Budget
}

// Resource is the campaign's own name.
func (c Campaign) Resource() string {
	return fmt.Sprintf("customers/%s/campaigns/%d", c.Account.ID, c.ID)
}

// Budget as it is now.
type Budget struct {
	Resource   string
	ID         int64
	Name       string
	Status     string
	Period     string // DAILY, CUSTOM_PERIOD
	Micros     int64  // a day; 0 where the budget is for a whole period
	Shared     bool
	References int64 // campaigns that use it
}

const campaignQuery = "SELECT campaign.id, campaign.name, campaign.status, campaign.campaign_budget, campaign_budget.id, campaign_budget.name, campaign_budget.status, " +
	"campaign_budget.period, campaign_budget.amount_micros, campaign_budget.explicitly_shared, campaign_budget.reference_count FROM campaign WHERE campaign.id = %d"

// Campaign reads one campaign of one account from Google Ads; nil where the
// account has none of that id.
func (c *Client) Campaign(ctx context.Context, a tables.Account, id int64) (*Campaign, error) {
	var out *Campaign
	for r, err := range c.Query(ctx, a.ID, fmt.Sprintf(campaignQuery, id)) {
		if err != nil {
			return nil, err
		}
		o, _ := r["campaign"].(map[string]any)
		out = &Campaign{Account: a, ID: id, Name: plain(o["name"]), Status: plain(o["status"]), Budget: budgetOf(r)}
		if out.Budget.Resource == "" {
			out.Budget.Resource = plain(o["campaignBudget"])
		}
	}
	return out, nil
}

func budgetOf(r Record) Budget {
	o, _ := r["campaignBudget"].(map[string]any)
	b := Budget{Resource: plain(o["resourceName"]), Name: plain(o["name"]), Status: plain(o["status"]), Period: plain(o["period"])}
	b.ID, _ = strconv.ParseInt(plain(o["id"]), 10, 64)
	b.Micros, _ = strconv.ParseInt(plain(o["amountMicros"]), 10, 64)
	b.References, _ = strconv.ParseInt(plain(o["referenceCount"]), 10, 64)
	b.Shared, _ = o["explicitlyShared"].(bool)
	return b
}

// Budget reads one budget; nil where the account has none of that id.
func (c *Client) Budget(ctx context.Context, account string, id int64) (*Budget, error) {
	var out *Budget
	q := fmt.Sprintf("SELECT campaign_budget.id, campaign_budget.name, campaign_budget.status, campaign_budget.period, campaign_budget.amount_micros, "+
		"campaign_budget.explicitly_shared, campaign_budget.reference_count FROM campaign_budget WHERE campaign_budget.id = %d", id)
	for r, err := range c.Query(ctx, account, q) {
		if err != nil {
			return nil, err
		}
		b := budgetOf(r)
		out = &b
	}
	return out, nil
}

// BudgetCampaigns names the campaigns that spend a budget and are not removed.
func (c *Client) BudgetCampaigns(ctx context.Context, account string, id int64) ([]string, error) {
	var out []string
	q := fmt.Sprintf("SELECT campaign.id, campaign.name, campaign.status FROM campaign WHERE campaign_budget.id = %d AND campaign.status != 'REMOVED'", id)
	for r, err := range c.Query(ctx, account, q) {
		if err != nil {
			return nil, err
		}
		o, _ := r["campaign"].(map[string]any)
		out = append(out, plain(o["name"]))
	}
	slices.Sort(out)
	return out, nil
}

// FindCampaign looks for a campaign in every account of the connection, eight
// at a time. Faults: NotFound, which says how many accounts could not be
// searched; Conflict where two accounts claim the id.
func (c *Client) FindCampaign(ctx context.Context, id int64) (*Campaign, error) {
	accounts, err := c.Accounts(ctx)
	if err != nil {
		return nil, err
	}
	if owner, ok := c.owner.Load(id); ok {
		for _, a := range accounts {
			if a.ID == owner {
				if found, err := c.Campaign(ctx, a, id); err != nil || found != nil {
					return found, err
				}
			}
		}
	}
	type result struct {
		*Campaign
		err error
	}
	results := make([]result, len(accounts))
	places := make(chan struct{}, 8)
	var all sync.WaitGroup
	for i, a := range accounts {
		all.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			results[i].Campaign, results[i].err = c.Campaign(ctx, a, id)
		})
	}
	all.Wait()
	var found *Campaign
	var denied []error
	for _, r := range results {
		switch {
		case fault.Is(r.err, fault.Denied):
			denied = append(denied, r.err)
		case r.err != nil:
			return nil, r.err
		case r.Campaign != nil && found != nil:
			return nil, fault.New(fault.Conflict, "campaign %d is in account %s and in account %s", id, found.Account.ID, r.Account.ID).
				WithHint("give each account its own connection (customers: [...])")
		case r.Campaign != nil:
			found = r.Campaign
		}
	}
	if found == nil {
		f := fault.New(fault.NotFound, "none of the %d accounts of connection %s has a campaign %d", len(accounts), c.name, id)
		if len(denied) > 0 {
			f.Message += fmt.Sprintf("; %d of them could not be searched", len(denied))
			f.Err = errors.Join(denied...)
		}
		return nil, f.WithHint("SELECT customer_id, id, name FROM %s.campaigns", c.name)
	}
	c.owner.Store(id, found.Account.ID)
	return found, nil
}
