package market

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"argo/tables"
)

// header says which world a journal belongs to.
type header struct {
	Seed   uint64     `json:"seed"`
	Start  tables.Day `json:"start"`
	Origin time.Time  `json:"origin"` // when the world was first made
	Law    Law        `json:"law,omitzero"`

	Channels []Channel `json:"channels,omitempty"`
}

// state is everything that actions change, with its past. It is never modified
// once it is shared: an action makes a new one.
type state struct {
	header
	accounts  []Account // by id
	last      Action    // for its Seq and At
	log       []Action
	moments   map[int64][]int64 // times of the actions in each account, Unix microseconds, rising
	campaigns *book[Campaign]
	budgets   *book[Budget]
	groups    *book[AdGroup]
	ads       *book[Ad]
	keywords  *book[Keyword]
}

// book holds the entities of one kind with all their versions.
type book[T any] struct {
	byID     map[int64]*entity[T]
	accounts map[int64][]int64 // ids of each account, rising
	parents  map[int64][]int64 // ids of each parent, rising
}

type entity[T any] struct {
	account  int64
	versions []version[T] // rising; never empty
}

type version[T any] struct {
	at  int64 // Unix microseconds; the first version is before all time
	val T
}

const beforeAllTime = int64(-1) << 62

func newBook[T any]() *book[T] {
	return &book[T]{map[int64]*entity[T]{}, map[int64][]int64{}, map[int64][]int64{}}
}

// at gives the value in force at the moment; ok is false before creation.
func (e *entity[T]) at(micros int64) (v T, ok bool) {
	for i := len(e.versions) - 1; i >= 0; i-- {
		if e.versions[i].at <= micros {
			return e.versions[i].val, true
		}
	}
	return v, false
}

func (e *entity[T]) now() T { return e.versions[len(e.versions)-1].val }

// add puts a new entity into the book, in place.
func (b *book[T]) add(id, account, parent, at int64, v T) {
	b.byID[id] = &entity[T]{account, []version[T]{{at, v}}}
	b.accounts[account] = insert(b.accounts[account], id)
	b.parents[parent] = insert(b.parents[parent], id)
}

func insert(ids []int64, id int64) []int64 {
	i, _ := slices.BinarySearch(ids, id)
	return slices.Insert(slices.Clone(ids), i, id)
}

// with gives the book with one entity made or changed.
func (b *book[T]) with(id, account, parent, at int64, v T) *book[T] {
	c := &book[T]{maps.Clone(b.byID), b.accounts, b.parents}
	if e, ok := c.byID[id]; ok {
		c.byID[id] = &entity[T]{e.account, append(slices.Clone(e.versions), version[T]{at, v})}
		return c
	}
	c.accounts, c.parents = maps.Clone(b.accounts), maps.Clone(b.parents)
	c.add(id, account, parent, at, v)
	return c
}

// present lists the newest values of an account's entities by id.
func present[T any](b *book[T], account int64) []T {
	out := make([]T, 0, len(b.accounts[account]))
	for _, id := range b.accounts[account] {
		out = append(out, b.byID[id].now())
	}
	return out
}

// find gives the entity's newest value, if it is in the account.
func find[T any](b *book[T], account, id int64) (v T, ok bool) {
	if e, ok := b.byID[id]; ok && e.account == account {
		return e.now(), true
	}
	return v, false
}

// holder is an entity whose fields an action can name.
type holder interface{ field(name string) any }

func (c *Campaign) field(name string) any {
	switch name {
	case "name":
		return &c.Name
	case "status":
		return &c.Status
	case "form":
		return &c.Form
	case "budget":
		return &c.Budget
	case "bidding":
		return &c.Bidding
	case "target_cpa":
		return &c.TargetCPA
	case "target_roas":
		return &c.TargetROAS
	case "begin":
		return &c.Begin
	case "end":
		return &c.End
	}
	return nil
}

func (b *Budget) field(name string) any {
	switch name {
	case "name":
		return &b.Name
	case "status":
		return &b.Status
	case "amount":
		return &b.Amount
	case "shared":
		return &b.Shared
	}
	return nil
}

func (g *AdGroup) field(name string) any {
	switch name {
	case "campaign":
		return &g.Campaign
	case "name":
		return &g.Name
	case "status":
		return &g.Status
	case "bid":
		return &g.Bid
	}
	return nil
}

func (a *Ad) field(name string) any {
	switch name {
	case "ad_group":
		return &a.AdGroup
	case "name":
		return &a.Name
	case "status":
		return &a.Status
	case "headlines":
		return &a.Headlines
	case "descriptions":
		return &a.Descriptions
	case "url":
		return &a.URL
	}
	return nil
}

func (k *Keyword) field(name string) any {
	switch name {
	case "ad_group":
		return &k.AdGroup
	case "text":
		return &k.Text
	case "match":
		return &k.Match
	case "status":
		return &k.Status
	case "bid":
		return &k.Bid
	case "negative":
		return &k.Negative
	}
	return nil
}

// assign parses text into the field that p points to.
func assign(p any, text string) (err error) {
	switch p := p.(type) {
	case *string:
		*p = text
	case *Status:
		if *p = Status(text); *p != Enabled && *p != Paused && *p != Deleted {
			return fmt.Errorf("%q is not a status", text)
		}
	case *Form:
		*p = Form(text)
	case *tables.Day:
		if *p = ""; text != "" {
			*p, err = tables.ParseDay(text)
		}
	case *int64:
		if *p = 0; text != "" {
			*p, err = strconv.ParseInt(text, 10, 64)
		}
	case *float64:
		if *p = 0; text != "" {
			*p, err = strconv.ParseFloat(text, 64)
		}
	case *bool:
		*p, err = strconv.ParseBool(text)
	case *[]string:
		*p = nil
		err = json.Unmarshal([]byte(text), p)
	default:
		err = fmt.Errorf("there is no such field")
	}
	return err
}

// text is the inverse of assign.
func text(p any) string {
	switch p := p.(type) {
	case *string:
		return *p
	case *Status:
		return string(*p)
	case *Form:
		return string(*p)
	case *tables.Day:
		return string(*p)
	case *int64:
		return strconv.FormatInt(*p, 10)
	case *float64:
		return strconv.FormatFloat(*p, 'g', -1, 64)
	case *bool:
		return strconv.FormatBool(*p)
	case *[]string:
		b, _ := json.Marshal(*p) // strings always marshal
		return string(b)
	}
	return ""
}

// apply gives the state after a recorded action. Its fields have been checked.
func (s *state) apply(a Action) *state {
	n := *s
	n.last = a
	n.log = append(slices.Clip(s.log), a)
	at := a.At.UnixMicro()
	n.moments = maps.Clone(s.moments)
	n.moments[a.Account] = append(slices.Clip(s.moments[a.Account]), at)
	switch a.Kind {
	case KindCampaign:
		v := s.value(a).(*Campaign)
		n.campaigns = s.campaigns.with(a.ID, a.Account, v.Budget, at, *v)
	case KindBudget:
		n.budgets = s.budgets.with(a.ID, a.Account, 0, at, *s.value(a).(*Budget))
	case KindAdGroup:
		v := s.value(a).(*AdGroup)
		n.groups = s.groups.with(a.ID, a.Account, v.Campaign, at, *v)
	case KindAd:
		v := s.value(a).(*Ad)
		n.ads = s.ads.with(a.ID, a.Account, v.AdGroup, at, *v)
	case KindKeyword:
		v := s.value(a).(*Keyword)
		n.keywords = s.keywords.with(a.ID, a.Account, v.AdGroup, at, *v)
	}
	return &n
}

// value is the entity with the action's fields set.
func (s *state) value(a Action) holder {
	h, ok := s.holder(a.Kind, a.Account, a.ID)
	if !ok {
		h = blank(a.Kind, a.Account, a.ID)
	}
	for _, f := range a.Fields {
		if p := h.field(f.Name); p != nil {
			_ = assign(p, f.New) // checked by plan, or by LoadActions
		}
	}
	return h
}

// blank is an entity as creation finds it.
func blank(k Kind, account, id int64) holder {
	switch k {
	case KindCampaign:
		return &Campaign{ID: id, Account: account, Status: Enabled, Form: Search, Bidding: "manual_cpc"}
	case KindBudget:
		return &Budget{ID: id, Account: account, Status: Enabled, Shared: true}
	case KindAdGroup:
		return &AdGroup{ID: id, Account: account, Status: Enabled}
	case KindAd:
		return &Ad{ID: id, Account: account, Status: Enabled}
	case KindKeyword:
		return &Keyword{ID: id, Account: account, Status: Enabled, Match: "broad", Quality: 5}
	}
	return nil
}

// holder gives a copy of the entity's newest value.
func (s *state) holder(k Kind, account, id int64) (holder, bool) {
	switch k {
	case KindCampaign:
		v, ok := find(s.campaigns, account, id)
		return &v, ok
	case KindBudget:
		v, ok := find(s.budgets, account, id)
		return &v, ok
	case KindAdGroup:
		v, ok := find(s.groups, account, id)
		return &v, ok
	case KindAd:
		v, ok := find(s.ads, account, id)
		return &v, ok
	case KindKeyword:
		v, ok := find(s.keywords, account, id)
		return &v, ok
	}
	return nil, false
}
