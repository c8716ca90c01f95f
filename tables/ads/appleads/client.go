package appleads

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
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
	name     string // of the connection
	v5       bool
	only     []string // accounts to look at; empty: all
	size     int      // rows a page
	inFlight time.Duration
	scope    string // key of the budget
	rest     *rest.Client
	now      func() time.Time

	turn      chan struct{} // holds one token: who has it lists the accounts
	mu        sync.Mutex
	known     []account
	at        time.Time
	calls     int      // that the list took
	campaigns sync.Map // account id → how many campaigns it had last
	owner     sync.Map // kind and id → account id; an object never moves
}

type account struct {
	ID, Name, Currency, Zone     string
	Org, Parent, Payment, Status string
	Roles                        []string
}

func (a account) active() bool { return a.Status == "ACTIVE" }

// memo is how long the list of accounts is good in the process.
const memo = 10 * time.Minute

// Record is one object of a reply, decoded: objects are maps, numbers json.Number.
type Record map[string]any

func about(account string) string {
	if account == "" {
		return "Apple Ads"
	}
	return "Apple Ads account " + account
}

// limits of a request. Their size is not published: this figure is UNCONFIRMED,
// and what the headers say of the window is obeyed.
func (c *Client) limits() []rest.Limit {
	return []rest.Limit{{Key: c.scope, Law: rest.Bucket(50*time.Millisecond, 50)}}
}

// request to a path, in the context of an account where there is one.
func (c *Client) request(account, method, path string, body any) (rest.Request, error) {
	r := rest.Request{Method: method, Path: path, Account: account, Limits: c.limits()}
	if account != "" {
		word := "adAccountId="
		if c.v5 {
			word = "orgId="
		}
		r.Object, r.Head = "account "+account, map[string][]string{"X-AP-Context": {word + account}}
	}
	if body != nil {
		var err error
		if r.Body, err = marshal(body); err != nil {
			return r, err
		}
	}
	return r, nil
}

// get reads one object.
func (c *Client) get(ctx context.Context, account, path string, out any) error {
	r, err := c.request(account, "GET", path, nil)
	if err != nil {
		return err
	}
	res, err := c.rest.Do(ctx, r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if err := rest.Decode(res.Body, out); err != nil {
		res.Err = named(account, err)
		return res.Err
	}
	return nil
}

// named says which account a decoding fault is about.
func named(account string, err error) error {
	f := fault.As(err)
	if f == nil || strings.HasPrefix(f.Message, "Apple Ads") {
		return err
	}
	g := *f
	g.Message = about(account) + ": " + f.Message
	return &g
}

// paged streams a list page by page. body gives the request of an offset, path
// leads to the elements, other sees the members beside them on every page. A
// list that is not as long as the reply says, or in which an element comes
// twice, ends with an Unavailable fault: it changed while it was read, or a page
// is wrong.
func (c *Client) paged(ctx context.Context, account, url string, body func(offset int) any, path []string, identity func(Record) string, other func(string, json.RawMessage) error) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		seen := map[string]bool{}
		got := 0
		for {
			r, err := c.request(account, "POST", url, body(got))
			if err != nil {
				yield(nil, err)
				return
			}
			rows, total, stop, err := c.page(ctx, account, r, path, other, func(r Record) (bool, error) {
				id := identity(r)
				if seen[id] {
					return false, fault.New(fault.Unavailable, "%s: a reply holds the same row twice", about(account)).WithHint("try again")
				}
				seen[id] = true
				return yield(r, nil), nil
			})
			if stop {
				return
			}
			if err != nil {
				yield(nil, err)
				return
			}
			got += rows
			switch {
			case total >= 0 && (got > total || got < total && rows == 0):
				yield(nil, fault.New(fault.Unavailable, "%s: a list of %d rows came with %d", about(account), total, got).WithHint("try again"))
				return
			case got == total || total < 0 && rows < c.size:
				return
			}
		}
	}
}

// page asks for one page; total is -1 where the reply does not say.
func (c *Client) page(ctx context.Context, account string, r rest.Request, path []string, other func(string, json.RawMessage) error, take func(Record) (bool, error)) (rows, total int, stop bool, err error) {
	total = -1
	res, err := c.rest.Do(ctx, r)
	if err != nil {
		return 0, 0, false, err
	}
	defer res.Body.Close()
	defer func() { tables.TraceOf(ctx).Fetched(res.Rows, 0) }()
	beside := func(name string, value json.RawMessage) error {
		switch name {
		case "pagination":
			var p struct{ TotalCount, TotalResults *int }
			if err := json.Unmarshal(value, &p); err != nil {
				return fault.Wrap(fault.Broken, err, "%s: the pagination cannot be read", about(account))
			}
			for _, n := range []*int{p.TotalCount, p.TotalResults} {
				if n != nil {
					total = *n
				}
			}
		case "error":
			if code, text, ok := failed(slices.Concat([]byte(`{"error":`), value, []byte("}"))); ok {
				return fault.New(fault.Unavailable, "%s: %s [%s]", about(account), c.rest.Redact(text), code)
			}
		}
		if other != nil {
			return other(name, value)
		}
		return nil
	}
	for x, err := range rest.Elements[Record](res.Body, path, beside) {
		if err != nil {
			res.Err = named(account, err)
			return rows, total, false, res.Err
		}
		res.Rows++
		rows++
		more, err := take(x)
		if err != nil || !more {
			res.Err = err
			return rows, total, err == nil, err
		}
	}
	return rows, total, false, nil
}

// condition of a list: in is text or numbers.
type condition struct {
	field string
	in    []any
}

// list streams the objects of a kind, deleted ones too.
func (c *Client) list(ctx context.Context, account, url string, conds []condition) iter.Seq2[Record, error] {
	conds = append(slices.Clone(conds), condition{"deleted", []any{true, false}})
	var filters []any
	for _, x := range conds {
		op, values := "IN", x.in
		if len(values) == 1 {
			op = "EQUALS"
		}
		if c.v5 {
			var texts []string
			for _, v := range values {
				texts = append(texts, fmt.Sprint(v))
			}
			filters = append(filters, map[string]any{"field": x.field, "operator": op, "values": texts})
			continue
		}
		var value any = values
		if len(values) == 1 {
			value = values[0]
		}
		filters = append(filters, map[string]any{"field": x.field, "operator": op, "value": value})
	}
	path := []string{"result"}
	body := func(offset int) any {
		return map[string]any{"filters": filters, "sorting": []any{map[string]any{"field": "id", "order": "ASC"}},
			"pagination": map[string]any{"offset": offset, "pageSize": c.size, "fetchTotalCount": true}}
	}
	if c.v5 {
		path = []string{"data"}
		body = func(offset int) any {
			return map[string]any{"conditions": filters, "orderBy": []any{map[string]any{"field": "id", "sortOrder": "ASCENDING"}},
				"pagination": map[string]any{"offset": offset, "limit": c.size}}
		}
	}
	return c.paged(ctx, account, url, body, path, func(r Record) string { return plain(r["id"]) }, nil)
}

// campaignsOf lists the campaigns of an account by id, deleted ones too; ids,
// where non-nil, are the only ones that are wanted.
func (c *Client) campaignsOf(ctx context.Context, account string, ids []any) ([]Record, error) {
	var conds []condition
	if ids != nil {
		conds = []condition{{"id", ids}}
	}
	var out []Record
	for r, err := range c.list(ctx, account, c.path("/campaigns/find", "/campaigns/query"), conds) {
		if err != nil {
			return nil, err
		}
		if plain(r["id"]) == "" {
			return nil, fault.New(fault.Broken, "%s: a campaign without an id", about(account))
		}
		out = append(out, r)
	}
	if ids == nil {
		c.campaigns.Store(account, len(out))
	}
	return out, nil
}

func (c *Client) path(v5, v1 string) string {
	if c.v5 {
		return v5
	}
	return v1
}

// remembered is the account as the list had it when it was read last.
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

// account looks for an account in the list; one that is not there has its id
// only.
func (c *Client) account(ctx context.Context, id string) (account, error) {
	if a, ok := c.remembered(id); ok {
		return a, nil
	}
	if _, err := c.roster(ctx, false); err != nil {
		return account{}, err
	}
	a, _ := c.remembered(id)
	a.ID = id
	return a, nil
}

// Accounts lists the active accounts, by id.
func (c *Client) Accounts(ctx context.Context) ([]tables.Account, error) {
	all, err := c.roster(ctx, false)
	if err != nil {
		return nil, err
	}
	return c.scanned(all), nil
}

// recall is Accounts as it is remembered, and what it would cost now.
func (c *Client) recall(context.Context) ([]tables.Account, int, error) {
	n, _ := c.rosterCalls()
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

// rosterCalls is how many requests the list of accounts takes: what it took
// last. v1 gives currency and calendar in a call for each account.
func (c *Client) rosterCalls() (n int, exact bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return max(c.calls, 1), c.calls > 0
}

func (c *Client) scanned(all []account) []tables.Account {
	out := []tables.Account{}
	seen := map[string]bool{}
	for _, a := range all {
		seen[a.ID] = true
		if a.active() && (len(c.only) == 0 || slices.Contains(c.only, a.ID)) {
			out = append(out, tables.Account{ID: a.ID, Name: a.Name, Currency: a.Currency, Zone: a.Zone})
		}
	}
	// An account that the configuration names and the list has not is asked all
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
	return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
}

// roster lists every account that the API user reaches, by id, each once.
func (c *Client) roster(ctx context.Context, anew bool) ([]account, error) {
	select {
	case c.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, &fault.Error{Kind: fault.Canceled, Message: "Apple Ads: the list of accounts was given up", Err: ctx.Err()}
	}
	defer func() { <-c.turn }()
	c.mu.Lock()
	known, at := c.known, c.at
	c.mu.Unlock()
	if known != nil && !anew && c.now().Sub(at) < memo {
		return known, nil
	}
	// What serves every scan is recorded as no scan's.
	ctx = rest.About(ctx, tables.Scan{})
	all, calls, err := c.acls(ctx)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b account) int { return compareIDs(a.ID, b.ID) })
	all = slices.CompactFunc(all, func(a, b account) bool { return a.ID == b.ID })
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known, c.at, c.calls = all, c.now(), calls
	return all, nil
}

func (c *Client) acls(ctx context.Context) (all []account, calls int, err error) {
	all = []account{}
	if c.v5 {
		var reply struct {
			Data []struct {
				OrgID, ParentOrgID                        json.Number
				OrgName, Currency, TimeZone, PaymentModel string
				RoleNames                                 []string
			}
		}
		if err := c.get(ctx, "", "/acls", &reply); err != nil {
			return nil, 0, err
		}
		for _, o := range reply.Data {
			all = append(all, account{ID: o.OrgID.String(), Name: o.OrgName, Currency: o.Currency, Zone: o.TimeZone, Org: o.OrgID.String(),
				Parent: o.ParentOrgID.String(), Payment: o.PaymentModel, Status: "ACTIVE", Roles: o.RoleNames})
		}
		return all, 1, nil
	}
	var reply struct {
		Result struct {
			Acls []struct {
				AdAccount struct {
					ID, OrgID json.Number
					Name      string
				}
				Roles []string
			}
		}
	}
	if err := c.get(ctx, "", "/acls", &reply); err != nil {
		return nil, 0, err
	}
	calls = 1
	for _, x := range reply.Result.Acls {
		a := account{ID: x.AdAccount.ID.String(), Name: x.AdAccount.Name, Org: x.AdAccount.OrgID.String(), Roles: x.Roles}
		if a.ID == "" {
			return nil, calls, fault.New(fault.Broken, "Apple Ads: an account without an id in the access list")
		}
		if len(c.only) > 0 && !slices.Contains(c.only, a.ID) {
			continue
		}
		var one struct {
			Result struct {
				Name, Timezone, Currency, PaymentModel, SystemStatus string
				OrgID                                                json.Number
			}
		}
		calls++
		if err := c.get(ctx, a.ID, "/ad-accounts/"+a.ID, &one); err != nil {
			if !fault.Is(err, fault.Denied) && !fault.Is(err, fault.NotFound) {
				return nil, calls, err
			}
			a.Status = "DENIED"
		} else {
			a.Name, a.Zone, a.Currency = cmp.Or(one.Result.Name, a.Name), one.Result.Timezone, one.Result.Currency
			a.Payment, a.Status, a.Org = one.Result.PaymentModel, one.Result.SystemStatus, cmp.Or(one.Result.OrgID.String(), a.Org)
		}
		all = append(all, a)
	}
	return all, calls, nil
}

// Kind of an object that can be changed.
type Kind string

// The kinds, in the words of v1's paths.
const (
	Campaigns Kind = "campaigns"
	AdGroups  Kind = "adgroups"
	Keywords  Kind = "keywords"
	Ads       Kind = "ads"
)

// Object as it is now.
type Object struct {
	Account               tables.Account
	Kind                  Kind
	ID, Campaign, AdGroup int64 // parents are 0 where there are none
	Name, Status          string
	Deleted               bool
	Budget, Bid           string // decimal text; "" where there is none of its own
	Shared                bool   // it spends a shared budget
	Strategy              string // of a campaign or ad group: MANUAL_CPT, MAX_CONVERSIONS …
}

// Target is the object's name in a ledger: it holds all that a change needs.
func (o *Object) Target() string {
	return fmt.Sprintf("%s/%d/%d/%d", o.Kind, o.Campaign, o.AdGroup, o.ID)
}

// ParseTarget reads what Target wrote.
func ParseTarget(account tables.Account, target string) (*Object, error) {
	p := strings.Split(target, "/")
	var n [3]int64
	if len(p) == 4 && slices.Contains([]Kind{Campaigns, AdGroups, Keywords, Ads}, Kind(p[0])) {
		ok := true
		for i := range n {
			var err error
			n[i], err = strconv.ParseInt(p[i+1], 10, 64)
			ok = ok && err == nil
		}
		if ok {
			return &Object{Account: account, Kind: Kind(p[0]), Campaign: n[0], AdGroup: n[1], ID: n[2]}, nil
		}
	}
	return nil, fault.New(fault.Internal, "%q names no object of Apple Ads", target)
}

// Read reads o from Apple Ads as it is now; nil where there is no such object.
func (c *Client) Read(ctx context.Context, o *Object) (*Object, error) {
	if !c.v5 {
		var reply struct{ Result Record }
		err := c.get(ctx, o.Account.ID, fmt.Sprintf("/%s/%d", o.Kind, o.ID), &reply)
		if fault.Is(err, fault.NotFound) || err == nil && plain(reply.Result["id"]) == "" {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		return c.object(o, reply.Result), nil
	}
	paths := []string{"/" + string(o.Kind) + "/find"}
	if o.Kind == Keywords {
		paths = nil
		if o.Campaign == 0 {
			campaigns, err := c.campaignsOf(ctx, o.Account.ID, nil)
			if err != nil {
				return nil, err
			}
			for _, r := range campaigns {
				paths = append(paths, "/campaigns/"+plain(r["id"])+"/adgroups/targetingkeywords/find")
			}
		} else {
			paths = []string{fmt.Sprintf("/campaigns/%d/adgroups/targetingkeywords/find", o.Campaign)}
		}
	}
	for _, p := range paths {
		for r, err := range c.list(ctx, o.Account.ID, p, []condition{{"id", []any{o.ID}}}) {
			if err != nil {
				return nil, err
			}
			return c.object(o, r), nil
		}
	}
	return nil, nil
}

func (c *Client) object(o *Object, r Record) *Object {
	number := func(v any) int64 { n, _ := strconv.ParseInt(plain(v), 10, 64); return n }
	amount := func(paths ...string) string {
		for _, p := range paths {
			if s := plain(lookup(r, strings.Split(p, "."))); s != "" {
				return s
			}
		}
		return ""
	}
	out := &Object{Account: o.Account, Kind: o.Kind, ID: o.ID, Campaign: number(r["campaignId"]), AdGroup: number(r["adGroupId"]),
		Name: cmp.Or(plain(r["name"]), plain(r["text"])), Status: plain(r["status"]), Strategy: plain(lookup(r, []string{"bidStrategy", "bidStrategyType"})),
		Budget: amount("dailyBudget.value.amount", "dailyBudgetAmount.amount"),
		Bid:    amount("bidStrategy.bid.amount", "defaultBidAmount.amount", "bid.amount", "bidAmount.amount")}
	if c.v5 {
		out.Strategy = cmp.Or(plain(r["biddingStrategy"]), out.Strategy)
		if out.Kind == Keywords && out.Status == "ACTIVE" {
			out.Status = "ENABLED"
		}
	}
	out.Deleted, _ = r["deleted"].(bool)
	shared, _ := r["sharedBudgets"].([]any)
	out.Shared = out.Budget == "" && len(shared) > 0
	return out
}

// Find looks for an object in every account of the connection, four at a time.
// Faults: NotFound, which says how many accounts could not be searched.
func (c *Client) Find(ctx context.Context, kind Kind, id int64) (*Object, error) {
	accounts, err := c.Accounts(ctx)
	if err != nil {
		return nil, err
	}
	key := fmt.Sprint(kind, id)
	if owner, ok := c.owner.Load(key); ok {
		for _, a := range accounts {
			if a.ID == owner {
				if found, err := c.Read(ctx, &Object{Account: a, Kind: kind, ID: id}); err != nil || found != nil {
					return found, err
				}
			}
		}
	}
	results, faults := make([]*Object, len(accounts)), make([]error, len(accounts))
	places := make(chan struct{}, 4)
	var all sync.WaitGroup
	for i, a := range accounts {
		all.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			results[i], faults[i] = c.Read(ctx, &Object{Account: a, Kind: kind, ID: id})
		})
	}
	all.Wait()
	denied := 0
	for i, r := range results {
		switch {
		case fault.Is(faults[i], fault.Denied):
			denied++
		case faults[i] != nil:
			return nil, faults[i]
		case r != nil:
			c.owner.Store(key, r.Account.ID)
			return r, nil
		}
	}
	word := map[Kind]string{Campaigns: "campaign", AdGroups: "ad group", Keywords: "keyword", Ads: "ad"}[kind]
	f := fault.New(fault.NotFound, "none of the %d accounts of connection %s has the %s %d", len(accounts), c.name, word, id)
	if denied > 0 {
		f.Message += fmt.Sprintf("; %d of them could not be searched", denied)
	}
	return nil, f.WithHint("SELECT ad_account_id, id FROM %s.%s", c.name, map[Kind]string{Campaigns: "campaigns", AdGroups: "ad_groups", Keywords: "keywords", Ads: "ads"}[kind])
}

// Running lists the campaigns of an account that are enabled.
func (c *Client) Running(ctx context.Context, a tables.Account) ([]*Object, error) {
	all, err := c.campaignsOf(ctx, a.ID, nil)
	if err != nil {
		return nil, err
	}
	var out []*Object
	for _, r := range all {
		id, err := strconv.ParseInt(plain(r["id"]), 10, 64)
		if err != nil {
			return nil, fault.New(fault.Broken, "%s: a campaign without an id", about(a.ID))
		}
		if o := c.object(&Object{Account: a, Kind: Campaigns, ID: id}, r); o.Status == "ENABLED" && !o.Deleted {
			out = append(out, o)
		}
	}
	return out, nil
}

// SetStatus sends ENABLED or PAUSED.
func (c *Client) SetStatus(ctx context.Context, o *Object, status string) error {
	if c.v5 && o.Kind == Keywords && status == "ENABLED" {
		status = "ACTIVE"
	}
	return c.update(ctx, o, map[string]any{"status": status})
}

// SetBudget sends the daily budget of a campaign.
func (c *Client) SetBudget(ctx context.Context, o *Object, amount, currency string) error {
	money := map[string]any{"amount": amount, "currency": currency}
	if c.v5 {
		return c.update(ctx, o, map[string]any{"dailyBudgetAmount": money})
	}
	return c.update(ctx, o, map[string]any{"dailyBudget": map[string]any{"value": money}})
}

// SetBid sends the bid of an ad group or a keyword.
func (c *Client) SetBid(ctx context.Context, o *Object, amount, currency string) error {
	money := map[string]any{"amount": amount, "currency": currency}
	switch {
	case c.v5 && o.Kind == AdGroups:
		return c.update(ctx, o, map[string]any{"defaultBidAmount": money})
	case c.v5:
		return c.update(ctx, o, map[string]any{"bidAmount": money})
	case o.Kind == AdGroups:
		return c.update(ctx, o, map[string]any{"bidStrategy": map[string]any{"bid": money}})
	}
	return c.update(ctx, o, map[string]any{"bid": money})
}

// update sends the changed fields of one object. Nil says that Apple applied
// them. Faults: Refused, Denied, Auth, NotFound, or any fault with
// rest.ErrNotApplied in its chain, where it certainly did not; Unknown where the
// outcome is not known.
func (c *Client) update(ctx context.Context, o *Object, fields map[string]any) error {
	path, body := fmt.Sprintf("/%s/%d", o.Kind, o.ID), any(fields)
	if c.v5 {
		switch o.Kind {
		case Campaigns:
			body = map[string]any{"campaign": fields}
		case AdGroups:
			path = fmt.Sprintf("/campaigns/%d/adgroups/%d", o.Campaign, o.ID)
		case Keywords:
			path = fmt.Sprintf("/campaigns/%d/adgroups/%d/targetingkeywords/bulk", o.Campaign, o.AdGroup)
			fields["id"] = strconv.FormatInt(o.ID, 10)
			body = []any{fields}
		case Ads:
			path = fmt.Sprintf("/campaigns/%d/adgroups/%d/ads/%d", o.Campaign, o.AdGroup, o.ID)
		}
	}
	r, err := c.request(o.Account.ID, "PUT", path, body)
	if err != nil {
		return fmt.Errorf("%w: %w", rest.ErrNotApplied, err)
	}
	r.Write = true
	res, err := c.rest.Do(ctx, r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	var reply map[string]json.RawMessage
	if err == nil {
		err = json.Unmarshal(text, &reply)
	}
	if result := reply[c.path("data", "result")]; err != nil || len(result) == 0 || bytes.Equal(result, []byte("null")) || bytes.Equal(result, []byte("[]")) {
		return &fault.Error{Kind: fault.Unknown, Message: about(o.Account.ID) + ": a change was sent and the reply does not say what became of it", Err: err}
	}
	return nil
}
