package kakaokeyword

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
	name  string   // of the connection
	only  []string // accounts to look at; empty: all
	vat   *bool    // nil: not told
	scope string   // path of the budgets of the token
	rest  *rest.Client
	now   func() time.Time

	turn  chan struct{} // holds one token: who has it reads the list of accounts
	mu    sync.Mutex
	known []tables.Account
	at    time.Time // when they were read
	calls int       // that it took
	trees map[string]*tree
}

var kst = time.FixedZone("Asia/Seoul", 9*60*60)

// memo is how long a list is good in the process.
const memo = 10 * time.Minute

// limits of a call of an account. For reports nothing is published but what holds
// for Kakao Moment, one in five seconds for an account and an endpoint: it is
// taken over. The bucket of reads is UNCONFIRMED and moderate.
func (c *Client) limits(account, endpoint string) []rest.Limit {
	scope := c.scope
	if account != "" {
		scope += "/account/" + account
	}
	if strings.HasSuffix(endpoint, "/report") {
		return []rest.Limit{{Key: scope + "/" + endpoint, Law: rest.Rolling(1, 5*time.Second)}}
	}
	return []rest.Limit{{Key: scope + "/reads", Law: rest.Bucket(50*time.Millisecond, 20)}}
}

func about(account string) string {
	if account == "" {
		return "Kakao Keyword Ad"
	}
	return "Kakao Keyword Ad account " + account
}

func (c *Client) request(account, path string, q url.Values) rest.Request {
	r := rest.Request{Method: "GET", Path: "/" + path, Query: q, Account: account, Limits: c.limits(account, path)}
	if account != "" {
		r.Object = "account " + account
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

// many reads a list: an array, bare or the member called name, or an object where
// there is one element. No body, null and an absent member are an empty list.
func many[T any](body []byte, name string) ([]T, error) {
	if len(body) == 0 {
		return nil, nil
	}
	raw := body
	if raw[0] == '{' {
		var o map[string]json.RawMessage
		if err := decode(body, &o); err != nil {
			return nil, err
		}
		if _, bare := o["id"]; !bare {
			raw = bytes.TrimSpace(o[name])
		}
	}
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

func (c *Client) list(ctx context.Context, account, path string, q url.Values) ([]object, int, error) {
	var out []object
	var broken error
	b, err := c.get(ctx, account, path, q, func(b []byte) int64 {
		out, broken = many[object](b, "content")
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
		if !accountID.MatchString(readText(x["id"])) {
			return nil, 0, fault.New(fault.Broken, "%s: %s gives the id %.40q", about(account), path, readText(x["id"]))
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
		return nil, fault.Wrap(fault.Canceled, ctx.Err(), "Kakao Keyword Ad: the request was given up")
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
			id := readText(x["id"])
			if !seen[id] && x["config"] != "DEL" && (len(c.only) == 0 || slices.Contains(c.only, id)) {
				out = append(out, tables.Account{ID: id, Name: cmp.Or(readText(x["name"]), id), Currency: "KRW", Zone: "Asia/Seoul"})
			}
			seen[id] = true
		}
		if read += len(part); len(part) == 0 || total > 0 && read >= total || total == 0 && len(part) < pageSize {
			if read < total {
				return nil, fault.New(fault.Unavailable, "Kakao Keyword Ad lists %d of %d ad accounts", read, total)
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
	turn                                   chan struct{}
	campaigns, groups, keywords, creatives []node
	at, groupsAt, keywordsAt, adsAt        time.Time // zero: never read
}

// node of a tree: parent is what it is below of, above what that is below of.
type node struct {
	id, name, parent, above string
	object                  object
}

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
		q := url.Values{}
		if by != "" {
			q.Set(by, p.id)
		}
		part, _, err := c.list(ctx, account, path, q)
		if err != nil {
			return nil, err
		}
		for _, x := range part {
			out = append(out, node{readText(x["id"]), cmp.Or(readText(x["name"]), readText(x["text"]), readText(x["keyword"])), p.id, p.parent, x})
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

// groups, keywords and creatives read the lists above first; each is remembered
// for itself.
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

func (c *Client) keywords(ctx context.Context, account string, anew bool) ([]node, error) {
	t := c.treeOf(account)
	return c.below(ctx, account, "keywords", anew, t, &t.keywords, &t.keywordsAt)
}

func (c *Client) creatives(ctx context.Context, account string, anew bool) ([]node, error) {
	t := c.treeOf(account)
	return c.below(ctx, account, "creatives", anew, t, &t.creatives, &t.adsAt)
}

// below reads what ad groups hold.
func (c *Client) below(ctx context.Context, account, path string, anew bool, t *tree, nodes *[]node, read *time.Time) ([]node, error) {
	above, err := c.groups(ctx, account, anew)
	if err != nil {
		return nil, err
	}
	unlock, err := lock(ctx, t.turn)
	if err != nil {
		return nil, err
	}
	defer unlock()
	return c.level(ctx, account, path, "adGroupId", above, anew, nodes, read)
}

// lists of an account: campaigns, ad groups, and what these hold. A table needs
// none, or those down to its own.
var lists = map[string][]string{"": nil, "campaigns": {"campaigns"}, "adGroups": {"campaigns", "adGroups"},
	"keywords": {"campaigns", "adGroups", "keywords"}, "creatives": {"campaigns", "adGroups", "creatives"}}

// listCalls is how many calls reading the lists down to one takes now, and how
// many campaigns there are; exact says that neither is a guess.
func (c *Client) listCalls(account, list string, anew bool) (n, campaigns int, exact bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.trees[account]
	if t == nil {
		t = &tree{}
	}
	usual := func(nodes []node, at time.Time, guess int) int {
		if at.IsZero() {
			return guess
		}
		return len(nodes)
	}
	campaigns = usual(t.campaigns, t.at, 4)
	exact = !t.at.IsZero()
	for _, l := range lists[list] {
		size, at := 1, t.at
		switch l {
		case "adGroups":
			size, at = campaigns, t.groupsAt
		case "keywords":
			size, at = usual(t.groups, t.groupsAt, 3*campaigns), t.keywordsAt
		case "creatives":
			size, at = usual(t.groups, t.groupsAt, 3*campaigns), t.adsAt
		}
		if at.IsZero() || anew || c.now().Sub(at) >= memo {
			n += size
			exact = false // there may be more by now
		}
	}
	return n, campaigns, exact
}
