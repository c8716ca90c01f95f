package tiktokads

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"io"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"argo/tables"
	"argo/tables/fault"
	"argo/tables/rest"
)

// Client speaks to the API for one connection. Safe for concurrent use.
type Client struct {
	name        string   // of the connection
	only        []string // advertisers to look at; empty: all
	app, secret string
	most        int // ads from which on a report may lack some
	perSecond   int
	scope       string // path of the budgets
	rest        *rest.Client
	now         func() time.Time

	turn  chan struct{} // holds one token: who has it reads the list
	mu    sync.Mutex
	known []tables.Account
	at    time.Time // when they were read
	calls int       // that it took
}

// memo is how long a list is good in the process.
const memo = 10 * time.Minute

const pageSize = 1000

// limits of a call: those of the app's level, by second, minute and day.
func (c *Client) limits() []rest.Limit {
	n := c.perSecond
	return []rest.Limit{
		{Key: c.scope + "/day", Law: rest.Rolling(86400*n, 24*time.Hour)},
		{Key: c.scope + "/day/minute", Law: rest.Rolling(60*n, time.Minute)},
		{Key: c.scope + "/day/minute/second", Law: rest.Rolling(n, time.Second)},
	}
}

func about(account string) string {
	if account == "" {
		return "TikTok Ads"
	}
	return "TikTok Ads advertiser " + account
}

// page of a list or a report.
type page[T any] struct {
	List []T `json:"list"`
	Info *struct {
		Page  int `json:"page"`
		Total int `json:"total_number"`
		Pages int `json:"total_page"`
	} `json:"page_info"`
}

// get reads a reply whole; a cut one is asked for once more.
func get[T any](ctx context.Context, c *Client, account, path string, q url.Values) (p page[T], err error) {
	r := rest.Request{Method: "GET", Path: "/" + path, Query: q, Account: account, Limits: c.limits()}
	if account != "" {
		r.Object = "advertiser " + account
	}
	for attempt := 1; ; attempt++ {
		res, err := c.rest.Do(ctx, r)
		if err != nil {
			return p, err
		}
		b, err := io.ReadAll(res.Body)
		if err == nil {
			p, err = parse[T](account, b)
			if err != nil && !json.Valid(b) && !res.Body.Delimited() {
				err = fault.Wrap(fault.Unavailable, io.ErrUnexpectedEOF, "%s: the reply was cut", about(account))
			}
		}
		if res.Rows, res.Err = int64(len(p.List)), err; err == nil {
			tables.TraceOf(ctx).Fetched(res.Rows, 0)
		}
		res.Body.Close()
		if err == nil || attempt == 2 || !fault.Is(err, fault.Unavailable) {
			return p, err
		}
	}
}

// parse takes a reply apart. Of one too long for classify the code is read here.
func parse[T any](account string, b []byte) (page[T], error) {
	var e struct {
		Code *int     `json:"code"`
		Data *page[T] `json:"data"`
	}
	if b = bytes.TrimSpace(b); len(b) > 0 && b[0] == '<' {
		return page[T]{}, fault.New(fault.Broken, "%s: the answer is a page of HTML", about(account)).WithHint("check base_url")
	}
	if err := rest.Decode(bytes.NewReader(b), &e); err != nil {
		return page[T]{}, fault.Wrap(fault.Broken, err, "%s: the reply cannot be read", about(account))
	}
	if e.Code == nil || *e.Code != 0 || e.Data == nil {
		return page[T]{}, fault.New(fault.Broken, "%s: the reply has no data", about(account))
	}
	return *e.Data, nil
}

func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // lists of texts
	}
	return string(b)
}

// all reads every page. The list may change between two pages: what does not
// hold as many rows as it says is read once more, then it is a fault.
func all[T any](ctx context.Context, c *Client, account, path string, q url.Values) ([]T, error) {
	for attempt := 1; ; attempt++ {
		var out []T
		whole := true
		for n := 1; ; n++ {
			q.Set("page", strconv.Itoa(n))
			q.Set("page_size", strconv.Itoa(pageSize))
			p, err := get[T](ctx, c, account, path, q)
			if err != nil {
				return nil, err
			}
			if p.Info == nil {
				return nil, fault.New(fault.Broken, "%s: %s has no page_info", about(account), path)
			}
			out = append(out, p.List...)
			if n >= p.Info.Pages || len(p.List) == 0 {
				whole = len(out) == p.Info.Total
				break
			}
		}
		if whole {
			return out, nil
		}
		if attempt == 2 {
			return nil, fault.New(fault.Unavailable, "%s: %s says that it has another number of rows than it gives", about(account), path)
		}
	}
}

// object is an entity as it is.
type object map[string]any

// list reads the campaigns, ad groups or ads of an advertiser, deleted ones too.
func (c *Client) list(ctx context.Context, path, account string, filter map[string]any) ([]object, error) {
	q := url.Values{"advertiser_id": {account}}
	if filter != nil {
		q.Set("filtering", text(filter))
	}
	return all[object](ctx, c, account, path, q)
}

func (c *Client) info(ctx context.Context, ids []string) ([]object, error) {
	p, err := get[object](ctx, c, "", "advertiser/info/", url.Values{"advertiser_ids": {text(ids)},
		"fields": {text([]string{"advertiser_id", "name", "company", "status", "country", "currency", "timezone", "display_timezone", "balance", "create_time"})}})
	return p.List, err
}

// accounts lists the advertisers, by id, with currency and calendar.
func (c *Client) accounts(ctx context.Context, anew bool) ([]tables.Account, error) {
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return nil, fault.Wrap(fault.Canceled, ctx.Err(), "TikTok Ads: the request was given up")
	}
	c.mu.Lock()
	known, fresh := c.known, c.known != nil && !anew && c.now().Sub(c.at) < memo
	c.mu.Unlock()
	if fresh {
		return slices.Clone(known), nil
	}
	ctx = rest.About(ctx, tables.Scan{}) // serves every table
	at, ids, calls := c.now(), slices.Clone(c.only), 0
	if len(ids) == 0 {
		p, err := get[object](ctx, c, "", "oauth2/advertiser/get/", url.Values{"app_id": {c.app}, "secret": {c.secret}})
		if err != nil {
			return nil, err
		}
		calls++
		for _, o := range p.List {
			ids = append(ids, readText(o["advertiser_id"]))
		}
	}
	out := []tables.Account{}
	for part := range slices.Chunk(ids, 50) {
		list, err := c.info(ctx, part)
		if err != nil {
			return nil, err
		}
		calls++
		for _, id := range part {
			i := slices.IndexFunc(list, func(o object) bool { return readText(o["advertiser_id"]) == id })
			if i < 0 || !number64.MatchString(id) {
				return nil, fault.New(fault.Broken, "TikTok Ads tells nothing of advertiser %.40q", id)
			}
			o := list[i]
			zone := readText(o["display_timezone"])
			if _, err := time.LoadLocation(zone); err != nil || zone == "" {
				zone = readText(o["timezone"])
			}
			if _, err := time.LoadLocation(zone); err != nil || zone == "" || readText(o["currency"]) == "" {
				return nil, fault.New(fault.Broken, "TikTok Ads advertiser %s has the time zone %.40q and the currency %.10q", id, zone, readText(o["currency"]))
			}
			out = append(out, tables.Account{ID: id, Name: cmp.Or(readText(o["name"]), id), Currency: readText(o["currency"]), Zone: zone})
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

// Accounts lists the advertisers of the connection.
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

// currency of an advertiser never changes: whenever it was read, it is good.
func (c *Client) currency(ctx context.Context, account string) (string, error) {
	find := func(list []tables.Account) string {
		for _, a := range list {
			if a.ID == account {
				return a.Currency
			}
		}
		return ""
	}
	c.mu.Lock()
	have := find(c.known)
	c.mu.Unlock()
	if have != "" {
		return have, nil
	}
	list, err := c.accounts(ctx, true)
	if err != nil {
		return "", err
	}
	if have = find(list); have == "" {
		return "", fault.New(fault.NotFound, "connection %s has no advertiser %s", c.name, account)
	}
	return have, nil
}

// currencyCalls is how many calls currency would make.
func (c *Client) currencyCalls(account string) (n int, exact bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if slices.ContainsFunc(c.known, func(a tables.Account) bool { return a.ID == account }) {
		return 0, true
	}
	return 2, false
}
