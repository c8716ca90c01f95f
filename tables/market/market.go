// Package market is the simulated ad world that every simulator draws from: an
// agency with three advertisers, their accounts, campaigns, budgets, ad groups,
// ads, keywords, search terms and apps, and what all of these deliver day by
// day. It speaks no protocol and knows no channel: a simulator beside a
// connector is a thin skin over it.
//
// A world for a test, at noon of 22 November with 90 days behind it:
//
//	clock := market.NewClock(time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC))
//	world := market.New(market.Options{Seed: 1, Start: "2026-08-24", Clock: clock})
//	sim := googleadssim.New(world, googleadssim.Options{})
//	server := httptest.NewServer(sim)
//	clock.Advance(24 * time.Hour) // a day passes: spend, late conversions, expiries
//
// # Laws
//
// Deterministic: all noise comes from a PCG stream for each (seed, entity, day,
// purpose), so that two worlds with the same options and the same actions at
// the same times give equal facts byte by byte, and a change of one campaign
// does not reshuffle the noise of another.
//
// Delivery: a day's potential is drawn once and is delivered along an hourly
// profile. A paused campaign stops at the moment of the pause; a budget change
// changes what is spent afterwards; what was delivered stays. Within a day
// impressions, clicks and cost never fall.
//
// Grains agree: the sums over ad groups, devices, networks, ads, keywords and
// search terms of impressions, clicks, cost, conversions and value are equal,
// because a finer grain is always a partition of the coarser one. Search terms
// too rare to be shown are one term with an empty text.
//
// Restatement: conversions count for the day of the click and arrive up to
// [Law].Late days later; cost gets credits for invalid traffic up to [Law].Credit
// days later. A day that is [Law.Settled] days old never changes again. What was
// reported of any day at any moment can be asked for afterwards (Query.AsOf),
// whatever happened since.
//
// Three truths: what channels claim ([Market.Facts]: with fractional credit,
// and view-through on top), what a tracker counts ([Market.Tracker]: by day of
// install in the app's calendar and currency, a part lost, organic rows), and
// what was ordered ([Market.Orders]).
package market

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"argo/tables"
)

// Options of a world.
type Options struct {
	Seed  uint64
	Start tables.Day // first day with data; "" is 120 days before the clock's day
	Clock Clock      // nil: the wall clock
	Law   Law        // of restatement
	// Channels have accounts of their own beside the first ones; see [Market.On].
	Channels []Channel
}

// Channel is a place where advertisers buy beside the first one: as many
// accounts as it says, each for one country's audience, in turn.
type Channel struct {
	Name      string   `json:"name"`
	Countries []string `json:"countries"` // "KR", "US", "JP"
	Accounts  int      `json:"accounts"`
}

// Market is a world, or what one channel has of it. Safe for concurrent use:
// readers see one state for the whole of a call, actions are applied one after
// the other.
type Market struct {
	*world
	channel string // of its accounts; see On
	whole   bool   // all channels
}

type world struct {
	clock Clock

	mu      sync.Mutex // serialises actions and the journal
	journal *journal
	state   atomic.Pointer[state]
	caches  sync.Map // ad group id → *groupCache, app id + day → *cohort
}

// New makes the world of o. What happened before the clock's present moment
// (a few edits by people of the agency) belongs to it: the moment of New is the
// origin of the world and is kept by SaveActions.
func New(o Options) *Market {
	m := &Market{world: &world{clock: o.Clock}, whole: true}
	if m.clock == nil {
		m.clock = RealClock{}
	}
	now := m.clock.Now().UTC().Truncate(time.Microsecond)
	if o.Start == "" {
		o.Start = tables.DayOf(now).Add(-120)
	}
	m.rebuild(header{Seed: o.Seed, Start: o.Start, Origin: now, Law: o.Law, Channels: slices.Clone(o.Channels)}, nil)
	return m
}

// rebuild makes the state anew: the seeded world, the edits before the origin,
// then the actions given.
func (m *Market) rebuild(h header, actions []Action) {
	s := newState(h)
	s.history()
	for _, a := range actions {
		s = s.apply(a)
	}
	m.caches.Clear()
	m.state.Store(s)
}

// On gives the world as the channel called name sees it: the accounts that
// [Options.Channels] gave it, or the first ones where it is not among them.
// What happens on one is part of the same world: the same people install the
// same apps, and the same tracker counts them.
func (m *Market) On(name string) *Market {
	if !slices.ContainsFunc(m.state.Load().Channels, func(c Channel) bool { return c.Name == name }) {
		name = ""
	}
	return &Market{world: m.world, channel: name}
}

// Clock of the world.
func (m *Market) Clock() Clock { return m.clock }

// Now is the clock's time.
func (m *Market) Now() time.Time { return m.clock.Now() }

// Law of the world, without zeros.
func (m *Market) Law() Law { return m.state.Load().law() }

// Start is the first day with data.
func (m *Market) Start() tables.Day { return m.state.Load().Start }

// NotFound says that no entity of the kind has the id in the account.
type NotFound struct {
	Kind    Kind
	Account int64
	ID      int64
}

func (e *NotFound) Error() string {
	return fmt.Sprintf("account %d has no %s %d", e.Account, e.Kind, e.ID)
}

// Removed says that a removed entity cannot be changed.
type Removed struct {
	Kind Kind
	ID   int64
}

func (e *Removed) Error() string { return fmt.Sprintf("%s %d is removed", e.Kind, e.ID) }
