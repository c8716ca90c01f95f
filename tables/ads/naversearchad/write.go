package naversearchad

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"argo/tables"
	"argo/tables/fault"
	"argo/tables/rest"

	"github.com/cockroachdb/apd/v3"
)

// Kind of an entity, as it stands in paths.
type Kind string

// The kinds that can be changed.
const (
	Campaigns     Kind = "campaigns"
	AdGroups      Kind = "adgroups"
	Keywords      Kind = "keywords"
	Ads           Kind = "ads"
	SharedBudgets Kind = "shared-budgets"
)

// Entity as it is now: the API's own members, numbers as json.Number.
type Entity map[string]any

// Text of a member, numbers too; "" where it is not there.
func (e Entity) Text(member string) string { return str(e[member]) }

// Flag of a member.
func (e Entity) Flag(member string) bool { v, _ := e[member].(bool); return v }

// Now is the connection's time.
func (c *Client) Now() time.Time { return c.now() }

// Entity reads one from Naver; nil where the account has none of that id.
func (c *Client) Entity(ctx context.Context, account string, kind Kind, id string) (Entity, error) {
	var o object
	err := c.get(ctx, account, "/ncc/"+string(kind)+"/"+url.PathEscape(id), nil, &o)
	if fault.Is(err, fault.NotFound) {
		return nil, nil
	}
	return Entity(o), err
}

// List reads the campaigns of an account, or the ad groups of a campaign, or the
// keywords or ads of an ad group.
func (c *Client) List(ctx context.Context, account string, kind Kind, parent string) ([]Entity, error) {
	q := url.Values{}
	if p, ok := parents[string(kind)]; ok {
		q.Set(p.by, parent)
	}
	all, err := c.entities(ctx, account, string(kind), q)
	out := make([]Entity, len(all))
	for i, o := range all {
		out[i] = Entity(o)
	}
	return out, err
}

// Find looks for an entity in every account of the connection, eight at a time.
// Faults: NotFound, which says how many accounts could not be searched.
func (c *Client) Find(ctx context.Context, kind Kind, id string) (tables.Account, Entity, error) {
	accounts, err := c.Accounts(ctx)
	if err != nil {
		return tables.Account{}, nil, err
	}
	if owner, ok := c.owner.Load(id); ok {
		if i := slices.IndexFunc(accounts, func(a tables.Account) bool { return a.ID == owner }); i >= 0 {
			if e, err := c.Entity(ctx, accounts[i].ID, kind, id); err != nil || e != nil {
				return accounts[i], e, err
			}
		}
	}
	type result struct {
		Entity
		err error
	}
	results := make([]result, len(accounts))
	places := make(chan struct{}, 8)
	var all sync.WaitGroup
	for i, a := range accounts {
		all.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			results[i].Entity, results[i].err = c.Entity(ctx, a.ID, kind, id)
		})
	}
	all.Wait()
	var denied []error
	for i, r := range results {
		switch {
		case r.Entity != nil:
			c.owner.Store(id, accounts[i].ID)
			return accounts[i], r.Entity, nil
		case fault.Is(r.err, fault.Denied):
			denied = append(denied, r.err)
		case r.err != nil:
			return tables.Account{}, nil, r.err
		}
	}
	f := fault.New(fault.NotFound, "none of the %d accounts of connection %s has %s among its %s", len(accounts), c.name, id, kind)
	if len(denied) > 0 {
		f.Message += fmt.Sprintf("; %d of them could not be searched", len(denied))
		f.Err = errors.Join(denied...)
	}
	return tables.Account{}, nil, f
}

// Put changes what fields names of one entity; of a shared budget in a list of one,
// for which alone fields is documented. Nil says that Naver accepted it, which is
// not yet that it did it. Faults: Refused, Denied, Auth, NotFound, or any fault with
// rest.ErrNotApplied in its chain, where it certainly did not; Unknown where the
// outcome is not known.
func (c *Client) Put(ctx context.Context, account string, kind Kind, id, fields string, body map[string]any) error {
	path, sent := "/ncc/"+string(kind)+"/"+url.PathEscape(id), any(body)
	if kind == SharedBudgets {
		path, sent = "/ncc/"+string(kind), []any{body}
	}
	r, err := c.request(account, http.MethodPut, path, url.Values{"fields": {fields}}, sent)
	if err != nil {
		return fmt.Errorf("%w: %w", rest.ErrNotApplied, err)
	}
	r.Write = true
	var reply objects
	err = c.send(ctx, r, &reply)
	if n := Code(err); n == 3918 { // it is so already
		return nil
	}
	if err != nil {
		if !errors.Is(err, rest.ErrNotApplied) && !fault.Is(err, fault.Unknown) {
			return fault.Wrap(fault.Unknown, err, "Naver Search Ad account %s: a change was sent and the reply cannot be read", account)
		}
		return err
	}
	for _, o := range reply {
		status, _ := o["resultStatus"].(map[string]any)
		if code, said := str(status["code"]), str(status["message"]); len(code) >= 4 && strings.Trim(code, "0123456789") == "" {
			return fault.New(fault.Refused, "Naver Search Ad account %s: %s: %s [%s]", account, id, said, code)
		}
	}
	return nil
}

// Spent is what the campaigns of an account spent on each of the days, in won, as
// /stats says.
func (c *Client) Spent(ctx context.Context, account string, days tables.Days) (map[tables.Day]*apd.Decimal, error) {
	out := map[tables.Day]*apd.Decimal{}
	s := statSheets[0]
	err := c.stats(ctx, s, tables.Scan{Account: account, Days: days}, func(r figures) (bool, error) {
		v, err := readDecimal(r.object["salesAmt"])
		d, _ := v.(*apd.Decimal)
		if err != nil || d == nil {
			return true, err
		}
		if out[r.day] == nil {
			out[r.day] = new(apd.Decimal)
		}
		_, err = decimals.Add(out[r.day], out[r.day], d)
		return true, err
	})
	return out, err
}
