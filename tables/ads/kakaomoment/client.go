package kakaomoment

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"io"
	"net/http"
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
	name     string   // of the connection
	only     []string // accounts to look at; empty: all
	vat      *bool    // nil: not told
	age      string   // name of the dimension
	inFlight time.Duration
	scope    string // path of the budgets of the token
	rest     *rest.Client
	now      func() time.Time

	turn  chan struct{} // holds one token: who has it reads the list of accounts
	mu    sync.Mutex
	known []tables.Account
	at    time.Time // when they were read
	calls int       // that it took
	trees map[string]*tree
	owner sync.Map // kind/id → account; an object never moves
}

var kst = time.FixedZone("Asia/Seoul", 9*60*60)

// memo is how long a list is good in the process.
const memo = 10 * time.Minute

// limits of a call of an account. Reports have the published ones. Of changes
// the reference gives one in a second, a page of the campaign's on/off one in
// five: the narrower holds. Nothing is published about reads of objects: the
// bucket is UNCONFIRMED and moderate.
func (c *Client) limits(account, endpoint string) []rest.Limit {
	every := map[string]time.Duration{
		"adAccounts/report": 5 * time.Second, "campaigns/report": 5 * time.Second, "adGroups/report": time.Second, "creatives/report": 5 * time.Second,
		"campaigns/onOff": 5 * time.Second, "campaigns/dailyBudgetAmount": time.Second,
		"adGroups/onOff": time.Second, "adGroups/dailyBudgetAmount": time.Second, "adGroups/bidAmount": time.Second, "creatives/onOff": time.Second,
	}
	scope := c.scope
	if account != "" {
		scope += "/account/" + account
	}
	if d, ok := every[endpoint]; ok {
		return []rest.Limit{{Key: scope + "/" + endpoint, Law: rest.Rolling(1, d)}}
	}
	return []rest.Limit{{Key: scope + "/reads", Law: rest.Bucket(50*time.Millisecond, 20)}}
}

func about(account string) string {
	if account == "" {
		return "Kakao Moment"
	}
	return "Kakao Moment ad account " + account
}

func (c *Client) request(account, path string, q url.Values) rest.Request {
	r := rest.Request{Method: "GET", Path: "/" + path, Query: q, Account: account, Limits: c.limits(account, path)}
	if account != "" {
		r.Object = "ad account " + account
		r.Head = http.Header{"adAccountId": {account}}
	}
	return r
}

// get reads a reply whole; nil is one without a body. The text is whole JSON, or
// it is asked for once more.
func (c *Client) get(ctx context.Context, account, path string, q url.Values, rows func([]byte) int64) ([]byte, error) {
	for attempt := 1; ; attempt++ {
		res, err := c.rest.Do(ctx, c.request(account, path, q))
		if err != nil {
			return nil, err
		}
		b, err := io.ReadAll(res.Body)
		switch b = bytes.TrimSpace(b); {
		case err == nil && len(b) == 0 && (res.Status == http.StatusNoContent || res.Body.Delimited()):
		case err == nil && len(b) == 0:
			err = fault.Wrap(fault.Unavailable, io.ErrUnexpectedEOF, "%s: the reply was cut", about(account))
		case err == nil && b[0] == '<':
			err = fault.New(fault.Broken, "%s: the answer is a page of HTML", about(account)).WithHint("check base_url")
		case err == nil && !json.Valid(b):
			err = fault.New(fault.Broken, "%s: the reply is not JSON", about(account))
			if !res.Body.Delimited() {
				err = fault.Wrap(fault.Unavailable, io.ErrUnexpectedEOF, "%s: the reply was cut", about(account))
			}
		}
		if err == nil {
			res.Rows = rows(b)
		}
		if res.Err = err; err == nil {
			tables.TraceOf(ctx).Fetched(res.Rows, 0)
		}
		res.Body.Close()
		if err == nil || attempt == 2 || !fault.Is(err, fault.Unavailable) {
			return b, err
		}
	}
}

// many reads a list: the member called name, an array, or an object where there
// is one element. No body, null and an absent member are an empty list.
func many[T any](body []byte, name string) ([]T, error) {
	if len(body) == 0 {
		return nil, nil
	}
	var o map[string]json.RawMessage
	if err := decode(body, &o); err != nil {
		return nil, err
	}
	raw := bytes.TrimSpace(o[name])
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	if raw[0] == '{' {
		raw = append(append([]byte{'['}, raw...), ']')
	}
	var out []T
	if err := decode(raw, &out); err != nil {
		return nil, err
	}
	return out, nil
}

// decode keeps numbers as text.
func decode(text []byte, v any) error { return rest.Decode(bytes.NewReader(text), v) }

func one([]byte) int64 { return 1 }

// listed is an entry of a list.
type listed struct {
	ID           json.Number `json:"id"`
	Name         string      `json:"name"`
	Config       string      `json:"config"`
	SystemConfig string      `json:"systemConfig"`
	MemberType   string      `json:"memberType"`
}

func (c *Client) list(ctx context.Context, account, path string, q url.Values) ([]listed, int, error) {
	var out []listed
	var broken error
	b, err := c.get(ctx, account, path, q, func(b []byte) int64 {
		out, broken = many[listed](b, "content")
		return int64(len(out))
	})
	if err == nil {
		err = named(account, broken)
	}
	if err != nil {
		return nil, 0, err
	}
	var page struct {
		TotalElements int `json:"totalElements"`
	}
	_ = json.Unmarshal(b, &page) // a list without pages has none
	for _, x := range out {
		if !accountID.MatchString(x.ID.String()) {
			return nil, 0, fault.New(fault.Broken, "%s: %s gives the id %.40q", about(account), path, x.ID)
		}
	}
	return out, page.TotalElements, nil
}

// named says which account a fault of decoding is about.
func named(account string, err error) error {
	f := fault.As(err)
	if f == nil || strings.HasPrefix(f.Message, "Kakao") {
		return err
	}
	g := *f
	g.Message = about(account) + ": " + f.Message
	return &g
}

// lock takes a turn to read lists.
func lock(ctx context.Context, turn chan struct{}) (func(), error) {
	select {
	case turn <- struct{}{}:
		return func() { <-turn }, nil
	case <-ctx.Done():
		return nil, fault.Wrap(fault.Canceled, ctx.Err(), "Kakao Moment: the request was given up")
	}
}

const pageSize = 100

// accounts lists the ad accounts, by id; those that were deleted are left out,
// those that the configuration names are there in any case.
func (c *Client) accounts(ctx context.Context, anew bool) ([]tables.Account, error) {
	unlock, err := lock(ctx, c.turn)
	if err != nil {
		return nil, err
	}
	defer unlock()
	c.mu.Lock()
	known, fresh := c.known, c.known != nil && !anew && c.now().Sub(c.at) < memo
	c.mu.Unlock()
	if fresh {
		return slices.Clone(known), nil
	}
	ctx = rest.About(ctx, tables.Scan{}) // serves every table
	at, out, seen, calls := c.now(), []tables.Account{}, map[string]bool{}, 0
	for page, read := 0, 0; ; page++ {
		part, total, err := c.list(ctx, "", "adAccounts/pages", url.Values{"page": {strconv.Itoa(page)}, "size": {strconv.Itoa(pageSize)}})
		if err != nil {
			return nil, err
		}
		calls++
		for _, x := range part {
			id := x.ID.String()
			if !seen[id] && x.Config != "DEL" && (len(c.only) == 0 || slices.Contains(c.only, id)) {
				out = append(out, tables.Account{ID: id, Name: cmp.Or(x.Name, id), Currency: "KRW", Zone: "Asia/Seoul"})
			}
			seen[id] = true
		}
		if read += len(part); len(part) == 0 || total > 0 && read >= total || total == 0 && len(part) < pageSize {
			if read < total {
				return nil, fault.New(fault.Unavailable, "Kakao Moment lists %d of %d ad accounts", read, total)
			}
			break
		}
	}
	for _, id := range c.only {
		if !slices.ContainsFunc(out, func(a tables.Account) bool { return a.ID == id }) {
			out = append(out, tables.Account{ID: id, Currency: "KRW", Zone: "Asia/Seoul"})
		}
	}
	slices.SortFunc(out, func(a, b tables.Account) int {
		return cmp.Or(cmp.Compare(len(a.ID), len(b.ID)), cmp.Compare(a.ID, b.ID))
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known, c.at, c.calls = out, at, calls
	return slices.Clone(out), nil
}

// Accounts lists the ad accounts of the connection.
func (c *Client) Accounts(ctx context.Context) ([]tables.Account, error) {
	return c.accounts(ctx, false)
}

// roster is Accounts as it is remembered, and what it would cost now.
func (c *Client) roster(context.Context) ([]tables.Account, int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := max(c.calls, 1)
	if c.known != nil && c.now().Sub(c.at) < memo {
		n = 0
	}
	return slices.Clone(c.known), n, nil
}

// tree is what the lists of an account gave. Who has the token of turn reads.
type tree struct {
	turn                chan struct{}
	campaigns           []node
	groups, creatives   []node
	at, groupsAt, adsAt time.Time // zero: never read
}

// node of a tree.
type node struct {
	id, name, parent string
	config           string // ON, OFF, DEL
}

// the lists with everything that ever delivered.
var whatever = "ON,OFF,DEL"

func (c *Client) treeOf(account string) *tree {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.trees[account] == nil {
		c.trees[account] = &tree{turn: make(chan struct{}, 1)}
	}
	return c.trees[account]
}

// level reads one level of the tree below parents, or gives it as it is
// remembered. A list that fails leaves the one before.
func (c *Client) level(ctx context.Context, account, path, by string, parents []node, anew bool, nodes *[]node, read *time.Time) ([]node, error) {
	c.mu.Lock()
	have, fresh := *nodes, !read.IsZero() && !anew && c.now().Sub(*read) < memo
	c.mu.Unlock()
	if fresh {
		return have, nil
	}
	at := c.now()
	var out []node
	for _, p := range parents {
		q := url.Values{"config": {whatever}}
		if by != "" {
			q.Set(by, p.id)
		}
		part, _, err := c.list(ctx, account, path, q)
		if err != nil {
			return nil, err
		}
		for _, x := range part {
			out = append(out, node{x.ID.String(), x.Name, p.id, x.Config})
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	*nodes, *read = out, at
	return out, nil
}

func (c *Client) campaigns(ctx context.Context, account string, anew bool) ([]node, error) {
	t := c.treeOf(account)
	unlock, err := lock(ctx, t.turn)
	if err != nil {
		return nil, err
	}
	defer unlock()
	return c.level(ctx, account, "campaigns", "", []node{{}}, anew, &t.campaigns, &t.at)
}

// groups and creatives read the levels above first; each level is remembered for
// itself, and is never younger than the one above it was when it was read.
func (c *Client) groups(ctx context.Context, account string, anew bool) ([]node, error) {
	above, err := c.campaigns(ctx, account, anew)
	if err != nil {
		return nil, err
	}
	t := c.treeOf(account)
	unlock, err := lock(ctx, t.turn)
	if err != nil {
		return nil, err
	}
	defer unlock()
	return c.level(ctx, account, "adGroups", "campaignId", above, anew, &t.groups, &t.groupsAt)
}

func (c *Client) creatives(ctx context.Context, account string, anew bool) ([]node, error) {
	above, err := c.groups(ctx, account, anew)
	if err != nil {
		return nil, err
	}
	t := c.treeOf(account)
	unlock, err := lock(ctx, t.turn)
	if err != nil {
		return nil, err
	}
	defer unlock()
	return c.level(ctx, account, "creatives", "adGroupId", above, anew, &t.creatives, &t.adsAt)
}

// listCalls is how many calls reading the tree of an account down to a depth
// takes now (1: campaigns, 2: ad groups, 3: creatives), and how many objects
// there are at each depth; exact says that neither is a guess.
func (c *Client) listCalls(account string, depth int, anew bool) (n int, sizes [4]int, exact bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.trees[account]
	if t == nil {
		t = &tree{}
	}
	exact, sizes[0] = true, 1
	for i, l := range []struct {
		nodes []node
		at    time.Time
	}{{t.campaigns, t.at}, {t.groups, t.groupsAt}, {t.creatives, t.adsAt}} {
		if sizes[i+1] = len(l.nodes); l.at.IsZero() {
			sizes[i+1] = 5 * sizes[i] // a guess
		}
		if i >= depth {
			continue
		}
		if l.at.IsZero() || anew || c.now().Sub(l.at) >= memo {
			n += sizes[i]
			exact = exact && i == 0
			if depth > 1 {
				exact = false // it may have changed
			}
		}
	}
	return n, sizes, exact
}
