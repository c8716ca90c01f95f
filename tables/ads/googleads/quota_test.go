package googleads_test

import (
	"context"
	"maps"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"argo/tables"
	"argo/tables/ads/googleads"
	"argo/tables/ads/googleads/googleadssim"
	"argo/tables/fault"
	"argo/tables/market"
	"argo/tables/rest"
	"argo/tables/tabletest"
)

// shelf keeps budgets as the state of two processes does.
type shelf struct {
	mu     sync.Mutex
	states map[string][]byte
}

func (s *shelf) Update(_ context.Context, keys []string, f func(map[string][]byte) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	states := map[string][]byte{}
	for _, k := range keys {
		if x, ok := s.states[k]; ok {
			states[k] = x
		}
	}
	if err := f(states); err != nil {
		return err
	}
	maps.Copy(s.states, states)
	return nil
}

func (s *shelf) All(context.Context) (map[string][]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.states), nil
}

// A retryDelay closes what it names to every process that shares the developer
// token, with nothing sent meanwhile, and opens it by itself.
func TestSimParked(t *testing.T) {
	for _, c := range []struct {
		plan, scope string        // scope is the end of the key
		after       time.Duration // RetryAfter of the other process, 0 where it may go on
		other       bool          // another account is parked too
	}{
		{"googleads 429 times=1 nth=1 retry=20h", "/operations", 20 * time.Hour, true},
		{"googleads 429 times=5 nth=1 retry=30m", "/account/1000000101/requests", 30 * time.Minute, false},
	} {
		clock := market.NewClock(time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC))
		sim := googleadssim.New(market.New(market.Options{Seed: 1, Start: "2026-11-01", Clock: clock}), googleadssim.Options{})
		server := httptest.NewServer(sim)
		defer server.Close()
		o := sim.Options()
		store := &shelf{states: map[string][]byte{}}
		var mu sync.Mutex
		var calls []tables.Call
		open := func(name string) tables.Table {
			conn, err := googleads.Source.Open(t.Context(), tables.Env{
				Name: name, Now: clock.Now, Sleep: clock.Sleep, Quotas: store,
				Record: func(x tables.Call) { mu.Lock(); defer mu.Unlock(); calls = append(calls, x) },
				Secret: func(_ context.Context, ref string) (string, error) { return ref, nil },
				Decode: tabletest.Decode(map[string]any{"base_url": server.URL, "token_url": server.URL + "/token", "login_customer_id": o.ManagerID,
					"developer_token": o.DeveloperToken, "client_id": o.ClientID, "client_secret": o.ClientSecret, "refresh_token": o.RefreshToken}),
			})
			if err != nil {
				t.Fatal(err)
			}
			return tabletest.Find(t, conn, "campaign_performance")
		}
		one, two := open("one"), open("two")
		read := func(table tables.Table, account string) error {
			_, err := tabletest.Rows(t.Context(), table, tables.Scan{Table: table.Name, Account: account, Days: tables.Days{From: "2026-11-20", To: "2026-11-21"}, Columns: []string{"clicks"}})
			return err
		}
		for _, table := range []tables.Table{one, two} {
			if err := read(table, "1000000101"); err != nil {
				t.Fatal(err)
			}
		}
		if err := sim.Faults.Script(c.plan); err != nil {
			t.Fatal(err)
		}
		if err := read(one, "1000000101"); !fault.Is(err, fault.Throttled) || fault.As(err).RetryAfter < c.after {
			t.Errorf("%s: %v", c.plan, err)
		}
		sent := len(calls)
		if last := calls[sent-1]; last.Connection != "one" || last.Table != "campaign_performance" || last.Account != "1000000101" || last.Outcome != "throttled" || last.Status != 429 {
			t.Errorf("%s: recorded as %+v", c.plan, last)
		}
		sim.Faults.Clear()
		if err := read(two, "1000000101"); !fault.Is(err, fault.Throttled) || fault.As(err).RetryAfter != c.after {
			t.Errorf("%s: the other process: %v", c.plan, err)
		}
		if err := read(two, "1000000102"); c.other != fault.Is(err, fault.Throttled) || !c.other && err != nil {
			t.Errorf("%s: the other account: %v", c.plan, err)
		}
		if n := len(calls) - sent; n > 0 && c.other {
			t.Errorf("%s: %d requests while it was parked", c.plan, n)
		}
		states, _ := store.All(t.Context())
		parked := ""
		for _, b := range rest.Budgets(states, clock.Now()) {
			if strings.Contains(b.Scope, o.DeveloperToken) {
				t.Errorf("the token is in the key %s", b.Scope)
			}
			if !b.ParkedUntil.IsZero() {
				parked += b.Scope + " " + b.Reason
			}
		}
		if !strings.Contains(parked, c.scope+" Google Ads: ") {
			t.Errorf("%s: parked is %q", c.plan, parked)
		}
		clock.Advance(c.after)
		if err := read(two, "1000000101"); err != nil {
			t.Errorf("%s: afterwards: %v", c.plan, err)
		}
		for _, x := range calls {
			if x.Endpoint == "/token" && (len(x.Scopes) > 0 || x.Units != 0) || x.Endpoint != "/token" && len(x.Scopes) != 3 {
				t.Errorf("%s takes %d units of %v", x.Endpoint, x.Units, x.Scopes)
			}
		}
		if over := sim.Exceeded(); len(over) > 0 {
			t.Errorf("%v", over)
		}
	}
}

func TestAccessLevel(t *testing.T) {
	_, err := googleads.Source.Open(t.Context(), tables.Env{
		Name: "google_ads", Now: time.Now, Secret: func(_ context.Context, ref string) (string, error) { return ref, nil },
		Decode: tabletest.Decode(map[string]any{"developer_token": "a", "client_id": "b", "client_secret": "c", "refresh_token": "d", "access_level": "gold"}),
	})
	if !fault.Is(err, fault.Config) || !strings.Contains(err.Error(), "test, explorer, basic or standard") {
		t.Error(err)
	}
}
