package cachetest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"slices"
	"sync"
	"testing"
	"time"

	"argo/cache"
	"argo/tables"

	"github.com/cockroachdb/apd/v3"
)

func segment(id, table, account string, from, to tables.Day, columns ...string) cache.Segment {
	at := time.Date(2026, 11, 22, 8, 30, 0, 123456000, time.UTC)
	return cache.Segment{ID: id, FetchedAt: at, UsedAt: at, Rows: 7, Bytes: 4096, Span: cache.Span{
		Source: "google_ads", Table: table, Account: account, Days: tables.Days{From: from, To: to}, Columns: columns}}
}

func same(t *testing.T, got []cache.Segment, want ...cache.Segment) {
	t.Helper()
	byID := func(a, b cache.Segment) int {
		switch {
		case a.ID < b.ID:
			return -1
		case a.ID > b.ID:
			return 1
		}
		return 0
	}
	slices.SortFunc(got, byID)
	slices.SortFunc(want, byID)
	if !slices.EqualFunc(got, want, func(a, b cache.Segment) bool {
		return a.ID == b.ID && a.Source == b.Source && a.Table == b.Table && a.Account == b.Account && a.Days == b.Days &&
			slices.Equal(a.Columns, b.Columns) && a.FetchedAt.Equal(b.FetchedAt) && a.UsedAt.Equal(b.UsedAt) &&
			a.Rows == b.Rows && a.Bytes == b.Bytes && a.Epoch == b.Epoch
	}) {
		t.Errorf("segments are\n%+v\nnot\n%+v", got, want)
	}
}

// TestIndex holds an Index to its contract. open gives a function that opens
// one and the same new index again and again, as several processes would.
func TestIndex(t *testing.T, open func(t *testing.T) func() cache.Index) {
	ctx := context.Background()
	must := func(t *testing.T, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	list := func(t *testing.T, x cache.Index, table, account string) []cache.Segment {
		t.Helper()
		s, err := x.Segments(ctx, "google_ads", table, account)
		must(t, err)
		return s
	}

	t.Run("commit", func(t *testing.T) {
		again := open(t)
		x := again()
		same(t, list(t, x, "ads", "1"))
		a := segment("a", "ads", "1", "2026-11-01", "2026-11-07", "cost", "date", "weird \"name\", with\nall")
		b := segment("b", "ads", "2", "2026-11-01", "2026-11-07", "date")
		c := segment("c", "campaigns", "1", "", "", "id", "status")
		bare := segment("d", "rates", "", "", "")
		must(t, x.Commit(ctx, cache.Change{Add: []cache.Segment{a, b, c, bare}}))
		same(t, list(t, x, "ads", "1"), a)
		same(t, list(t, x, "ads", "2"), b)
		same(t, list(t, x, "campaigns", "1"), c)
		same(t, list(t, x, "rates", ""), bare)
		d := segment("e", "ads", "1", "2026-11-01", "2026-11-09", "date")
		must(t, x.Commit(ctx, cache.Change{Add: []cache.Segment{d}, Drop: []string{"a", "unknown"}}))
		for _, x := range []cache.Index{x, again()} {
			same(t, list(t, x, "ads", "1"), d)
			all, err := x.All(ctx)
			must(t, err)
			same(t, all, b, c, bare, d)
		}
	})
	t.Run("commit is all or nothing", func(t *testing.T) {
		x := open(t)()
		a := segment("a", "ads", "1", "2026-11-01", "2026-11-07", "date")
		must(t, x.Commit(ctx, cache.Change{Add: []cache.Segment{a}}))
		if err := x.Commit(ctx, cache.Change{Add: []cache.Segment{segment("b", "ads", "1", "2026-11-01", "2026-11-07", "date"), a}, Drop: []string{"a"}}); err == nil {
			t.Error("an id was taken twice")
		}
		same(t, list(t, x, "ads", "1"), a)
		stopped, stop := context.WithCancel(ctx)
		stop()
		if err := x.Commit(stopped, cache.Change{Drop: []string{"a"}}); err == nil {
			t.Error("a commit under an ended context said that it was done")
		}
		same(t, list(t, x, "ads", "1"), a)
	})
	t.Run("what a change needs", func(t *testing.T) {
		again := open(t)
		x := again()
		a, b := segment("a", "ads", "1", "2026-11-01", "2026-11-07", "date"), segment("b", "ads", "1", "2026-11-08", "2026-11-09", "date")
		must(t, x.Commit(ctx, cache.Change{Add: []cache.Segment{a, b}}))
		made := func(id string) cache.Change {
			return cache.Change{Add: []cache.Segment{segment(id, "ads", "1", "2026-11-01", "2026-11-09", "date")}, Needs: []string{"a", "b"},
				Retire: []string{"a", "b"}, At: time.Unix(1_790_000_000, 0)}
		}
		must(t, x.Commit(ctx, made("c")))
		for _, x := range []cache.Index{again(), x} { // of two that make one of the same, one does
			if err := x.Commit(ctx, made("d")); !errors.Is(err, cache.ErrForgotten) {
				t.Errorf("a change over what is not live: %v", err)
			}
			same(t, list(t, x, "ads", "1"), segment("c", "ads", "1", "2026-11-01", "2026-11-09", "date"))
		}
	})
	t.Run("the last of its table", func(t *testing.T) {
		again := open(t)
		x := again()
		at := func(n int64) time.Time { return time.Unix(1_790_000_000+n, 0).UTC() }
		known := func(id, account string, n int64) cache.Segment {
			s := segment(id, "ads", account, "2026-11-01", "2026-11-07", "date")
			s.KnownAt = at(n)
			return s
		}
		must(t, x.Commit(ctx, cache.Change{Add: []cache.Segment{known("a", "1", 10)}, At: at(10), Last: true}))
		must(t, x.Commit(ctx, cache.Change{Add: []cache.Segment{known("z", "2", 5)}, At: at(5), Last: true})) // another account
		for _, n := range []int64{9, 10} {
			err := again().Commit(ctx, cache.Change{Add: []cache.Segment{known("b", "1", n)}, Retire: []string{"a"}, At: at(n), Last: true})
			late := new(cache.LateError)
			if !errors.As(err, &late) || !late.After.Equal(at(10)) {
				t.Errorf("a change at %d after one at 10: %v", n, err)
			}
		}
		same(t, list(t, x, "ads", "1"), known("a", "1", 10))
		must(t, again().Commit(ctx, cache.Change{Add: []cache.Segment{known("b", "1", 11)}, Retire: []string{"a"}, At: at(11), Last: true}))
		_, err := x.Forget(ctx, "google_ads", "ads", "1", at(20))
		must(t, err)
		c := known("c", "1", 20)
		c.Epoch = 1
		late := new(cache.LateError)
		if err := again().Commit(ctx, cache.Change{Add: []cache.Segment{c}, At: at(20), Last: true}); !errors.As(err, &late) || !late.After.Equal(at(20)) {
			t.Errorf("a change at the moment of a Forget: %v", err)
		}
		c.KnownAt = at(21)
		must(t, again().Commit(ctx, cache.Change{Add: []cache.Segment{c}, At: at(21), Last: true}))
	})
	t.Run("forget", func(t *testing.T) {
		again := open(t)
		x := again()
		a, b := segment("a", "ads", "1", "2026-11-01", "2026-11-07", "date"), segment("b", "ads", "2", "2026-11-01", "2026-11-07", "date")
		must(t, x.Commit(ctx, cache.Change{Add: []cache.Segment{a, b}}))
		gone, err := x.Forget(ctx, "google_ads", "ads", "1", time.Unix(1_790_000_000, 0))
		must(t, err)
		same(t, gone, a)
		same(t, list(t, x, "ads", "1"))
		same(t, list(t, x, "ads", "2"), b)
		late := segment("c", "ads", "1", "2026-11-01", "2026-11-07", "date")
		if err := again().Commit(ctx, cache.Change{Add: []cache.Segment{late}, Drop: []string{"b"}}); !errors.Is(err, cache.ErrForgotten) {
			t.Errorf("a fetch from before the Forget: %v", err)
		}
		same(t, list(t, x, "ads", "2"), b)
		late.Epoch, err = again().Epoch(ctx, "google_ads", "ads", "1")
		must(t, err)
		if late.Epoch != 1 {
			t.Errorf("the epoch is %d after one Forget", late.Epoch)
		}
		must(t, x.Commit(ctx, cache.Change{Add: []cache.Segment{late}}))
		same(t, list(t, x, "ads", "1"), late)
		gone, err = x.Forget(ctx, "google_ads", "nothing", "1", time.Unix(1_790_000_000, 0))
		must(t, err)
		same(t, gone)
	})
	t.Run("touch", func(t *testing.T) {
		x := open(t)()
		a := segment("a", "ads", "1", "2026-11-01", "2026-11-07", "date")
		must(t, x.Commit(ctx, cache.Change{Add: []cache.Segment{a}}))
		a.UsedAt = a.UsedAt.Add(time.Hour)
		must(t, x.Touch(ctx, []string{"a", "unknown"}, a.UsedAt))
		same(t, list(t, x, "ads", "1"), a)
	})
	t.Run("costs", func(t *testing.T) {
		again := open(t)
		x := again()
		if got, err := x.Costs(ctx, "google_ads", "ads"); err != nil || len(got) != 0 {
			t.Errorf("an empty index has the costs %q: %v", got, err)
		}
		must(t, x.SaveCosts(ctx, "google_ads", "campaigns", []byte("other")))
		for _, want := range []string{`{"N":1}`, "\x00\xff"} {
			must(t, x.SaveCosts(ctx, "google_ads", "ads", []byte(want)))
			if got, err := again().Costs(ctx, "google_ads", "ads"); err != nil || string(got) != want {
				t.Errorf("the costs %q came back as %q: %v", want, got, err)
			}
		}
	})
	t.Run("accounts", func(t *testing.T) {
		again := open(t)
		x := again()
		if got, at, err := x.Accounts(ctx, "google_ads"); err != nil || len(got) != 0 || !at.IsZero() {
			t.Errorf("an empty index has accounts %v of %v: %v", got, at, err)
		}
		at := time.Date(2026, 11, 22, 8, 30, 0, 0, time.UTC)
		for n, list := range [][]tables.Account{{{ID: "2", Name: "Brand B", Currency: "KRW", Zone: "Asia/Seoul"}, {ID: "1"}}, {{ID: "3"}}, {}} {
			at = at.Add(time.Hour)
			must(t, x.SaveAccounts(ctx, "google_ads", list, at))
			got, when, err := again().Accounts(ctx, "google_ads")
			must(t, err)
			if !slices.Equal(got, list) || !when.Equal(at) {
				t.Errorf("list %d came back as %v of %v", n, got, when)
			}
		}
	})
	t.Run("history", func(t *testing.T) {
		again := open(t)
		x := again()
		at := time.Date(2026, 11, 22, 9, 0, 0, 654321000, time.UTC)
		a, b := segment("a", "ads", "1", "2026-11-01", "2026-11-07", "date"), segment("b", "ads", "1", "2026-11-01", "2026-11-07", "date")
		a.KnownAt, b.KnownAt = at.Add(-time.Hour), at
		b.Place = "settled/source=google_ads/month=2026-11/b"
		b.Parts = []cache.Part{{Days: tables.Days{From: "2026-11-01", To: "2026-11-03"}, FetchedAt: a.FetchedAt, KnownAt: a.KnownAt},
			{Days: tables.Days{From: "2026-11-04", To: "2026-11-07"}, FetchedAt: b.FetchedAt, KnownAt: at,
				Checks: []cache.Check{{Column: "cost", Rows: "1.5", Source: "2", Break: true}}}}
		b.Checks = []cache.Check{{Column: "clicks", Rows: "3", Source: "3"}}
		must(t, x.Commit(ctx, cache.Change{Add: []cache.Segment{a}}))
		must(t, x.Commit(ctx, cache.Change{Add: []cache.Segment{b}, Retire: []string{"a", "unknown"}, At: at}))
		history := func(want ...string) map[string]cache.Segment {
			t.Helper()
			got, err := again().History(ctx, "google_ads", "ads", "1")
			must(t, err)
			out := map[string]cache.Segment{}
			for _, s := range got {
				out[s.ID] = s
			}
			if len(got) != len(want) || len(out) != len(want) {
				t.Errorf("the history is %+v", got)
			}
			for _, id := range want {
				if _, ok := out[id]; !ok {
					t.Errorf("%s is not in the history", id)
				}
			}
			return out
		}
		same(t, list(t, again(), "ads", "1"), b)
		h := history("a", "b")
		if !h["a"].RetiredAt.Equal(at) || h["a"].Gone || !h["a"].KnownAt.Equal(a.KnownAt) || !h["b"].RetiredAt.IsZero() {
			t.Errorf("the history is %+v", h)
		}
		if g := h["b"]; !g.KnownAt.Equal(at) || g.Place != b.Place || !slices.Equal(g.Checks, b.Checks) || !slices.EqualFunc(g.Parts, b.Parts, func(x, y cache.Part) bool {
			return x.Days == y.Days && x.FetchedAt.Equal(y.FetchedAt) && x.KnownAt.Equal(y.KnownAt) && slices.Equal(x.Checks, y.Checks)
		}) {
			t.Errorf("a compacted segment came back as %+v", g)
		}
		all, err := x.All(ctx)
		must(t, err)
		same(t, all, a, b)
		// What was retired stays so, and only what was can be given up.
		must(t, x.Commit(ctx, cache.Change{Retire: []string{"a"}, At: at.Add(time.Hour)}))
		must(t, x.Commit(ctx, cache.Change{Empty: []string{"a", "b", "unknown"}}))
		h = history("a", "b")
		if !h["a"].RetiredAt.Equal(at) || !h["a"].Gone || h["b"].Gone {
			t.Errorf("the history is %+v", h)
		}
		if all, err = again().All(ctx); err != nil {
			t.Fatal(err)
		}
		same(t, all, b)
		// One change may retire and give up at once.
		must(t, x.Commit(ctx, cache.Change{Retire: []string{"b"}, At: at.Add(time.Hour), Empty: []string{"b"}}))
		if h = history("a", "b"); !h["b"].Gone || !h["b"].RetiredAt.Equal(at.Add(time.Hour)) {
			t.Errorf("the history is %+v", h)
		}
		same(t, list(t, x, "ads", "1"))
		must(t, x.Commit(ctx, cache.Change{Drop: []string{"a"}}))
		history("b")
	})
	t.Run("forgotten is history", func(t *testing.T) {
		again := open(t)
		x := again()
		at := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
		must(t, x.Commit(ctx, cache.Change{Add: []cache.Segment{segment("a", "ads", "1", "2026-11-01", "2026-11-07", "date")}}))
		_, err := x.Forget(ctx, "google_ads", "ads", "1", at)
		must(t, err)
		h, err := again().History(ctx, "google_ads", "ads", "1")
		must(t, err)
		if len(h) != 1 || !h[0].RetiredAt.Equal(at) || h[0].Gone {
			t.Errorf("the history is %+v", h)
		}
	})
	t.Run("claims", func(t *testing.T) {
		again := open(t)
		x := again()
		now := time.Now().UTC().Truncate(time.Microsecond)
		claim := func(id, owner string, until time.Time) cache.Claim {
			return cache.Claim{ID: id, Owner: owner, Until: until, Span: cache.Span{Source: "google_ads", Table: "ads", Account: "1",
				Days: tables.Days{From: "2026-11-01", To: "2026-11-07"}, Columns: []string{"cost", "date"}}}
		}
		live := segment("a", "ads", "1", "2026-11-01", "2026-11-07", "date")
		must(t, x.Commit(ctx, cache.Change{Add: []cache.Segment{live, segment("b", "ads", "2", "2026-11-01", "2026-11-07", "date")}}))
		names := func(claims []cache.Claim) (out []string) {
			for _, c := range claims {
				out = append(out, c.ID)
			}
			slices.Sort(out)
			return out
		}
		booked := func(want ...string) {
			t.Helper()
			got, err := again().Claims(ctx, "google_ads", "ads", "1", now)
			must(t, err)
			if !slices.Equal(names(got), want) {
				t.Errorf("claims %q, not %q", names(got), want)
			}
		}
		board := func(x cache.Index, want []string, book ...cache.Claim) {
			t.Helper()
			var seen []string
			must(t, x.Board(ctx, "google_ads", "ads", "1", now, func(have []cache.Segment, claims []cache.Claim, epoch int64) []cache.Claim {
				same(t, have, live)
				if epoch != 0 {
					t.Errorf("the epoch is %d", epoch)
				}
				seen = names(claims)
				return book
			}))
			if !slices.Equal(seen, want) {
				t.Errorf("the board showed %q, not %q", seen, want)
			}
		}
		board(x, nil, claim("c1", "one", now.Add(time.Minute)))
		board(again(), []string{"c1"}, claim("c2", "two", now.Add(time.Hour)))
		booked("c1", "c2")
		got, err := x.Claims(ctx, "google_ads", "ads", "1", now)
		must(t, err)
		if i := slices.IndexFunc(got, func(c cache.Claim) bool { return c.ID == "c2" }); i < 0 || got[i].Owner != "two" || got[i].Days != live.Days ||
			!slices.Equal(got[i].Columns, []string{"cost", "date"}) || got[i].Until.Sub(now.Add(time.Hour)).Abs() > 5*time.Second {
			t.Errorf("claims came back as %+v", got)
		}
		if other, err := x.Claims(ctx, "google_ads", "ads", "2", now); err != nil || len(other) > 0 {
			t.Errorf("another account has claims %+v: %v", other, err)
		}
		// One that has run out is seen no more; extended it lives on.
		now = now.Add(10 * time.Minute)
		booked("c2")
		must(t, again().Extend(ctx, []string{"c2"}, now.Add(2*time.Hour)))
		now = now.Add(time.Hour + 30*time.Minute)
		booked("c2")
		// A board that books nothing changes nothing.
		board(x, []string{"c2"})
		booked("c2")
		// A commit ends its claim, and Release and Forget do.
		board(x, []string{"c2"}, claim("c3", "one", now.Add(time.Hour)), claim("c4", "one", now.Add(time.Hour)))
		must(t, x.Commit(ctx, cache.Change{Claims: []string{"c3", "unknown"}}))
		booked("c2", "c4")
		for range 2 {
			must(t, again().Release(ctx, []string{"c2"}))
		}
		booked("c4")
		if err := x.Extend(ctx, []string{"c2"}, now.Add(time.Hour)); !errors.Is(err, cache.ErrClaimLost) {
			t.Errorf("a claim that has ended was extended: %v", err)
		}
		_, err = x.Forget(ctx, "google_ads", "ads", "1", now)
		must(t, err)
		booked()
		if err := x.Extend(ctx, []string{"c4"}, now.Add(time.Hour)); !errors.Is(err, cache.ErrClaimLost) {
			t.Errorf("a claim that was forgotten was extended: %v", err)
		}
	})
	t.Run("one of many books", func(t *testing.T) {
		again := open(t)
		indexes := []cache.Index{again(), again()}
		now := time.Now().UTC().Truncate(time.Microsecond)
		var wg sync.WaitGroup
		var mu sync.Mutex
		won := 0
		for i := range 16 {
			wg.Go(func() {
				mine := false
				err := indexes[i%2].Board(ctx, "google_ads", "ads", "1", now, func(_ []cache.Segment, claims []cache.Claim, _ int64) []cache.Claim {
					if mine = len(claims) == 0; !mine {
						return nil
					}
					return []cache.Claim{{ID: fmt.Sprint("c", i), Owner: fmt.Sprint(i), Until: now.Add(time.Hour),
						Span: cache.Span{Source: "google_ads", Table: "ads", Account: "1", Columns: []string{"date"}}}}
				})
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				if mine {
					won++
				}
			})
		}
		wg.Wait()
		if claims, err := indexes[0].Claims(ctx, "google_ads", "ads", "1", now); won != 1 || len(claims) != 1 || err != nil {
			t.Errorf("%d have booked the same: %+v, %v", won, claims, err)
		}
	})
	t.Run("versions", func(t *testing.T) {
		again := open(t)
		x, y := again(), again()
		v, ok := y.(cache.Versions)
		if !ok {
			return // it may be one or not
		}
		last, err := v.Version(ctx, "google_ads", "ads", "1")
		must(t, err)
		at := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
		changed := func(what string, err error) {
			t.Helper()
			must(t, err)
			n, err := v.Version(ctx, "google_ads", "ads", "1")
			must(t, err)
			if n == last {
				t.Errorf("%s: the version is %d still", what, n)
			}
			last = n
		}
		one := func(id string) []cache.Segment {
			return []cache.Segment{segment(id, "ads", "1", "2026-11-01", "2026-11-07", "date")}
		}
		changed("add", x.Commit(ctx, cache.Change{Add: one("a")}))
		changed("retire", x.Commit(ctx, cache.Change{Retire: []string{"a"}, At: at}))
		changed("give up", x.Commit(ctx, cache.Change{Empty: []string{"a"}}))
		changed("drop", x.Commit(ctx, cache.Change{Drop: []string{"a"}}))
		changed("add", x.Commit(ctx, cache.Change{Add: one("b")}))
		_, err = x.Forget(ctx, "google_ads", "ads", "1", at)
		changed("forget", err)
		must(t, x.Commit(ctx, cache.Change{Add: []cache.Segment{segment("o", "ads", "2", "2026-11-01", "2026-11-07", "date")}}))
		if n, err := v.Version(ctx, "google_ads", "ads", "1"); n != last || err != nil {
			t.Errorf("another account changed the version: %d, %v", n, err)
		}
	})
	t.Run("several at once", func(t *testing.T) {
		again := open(t)
		indexes := []cache.Index{again(), again()}
		var wg sync.WaitGroup
		for i := range 40 {
			wg.Go(func() {
				x := indexes[i%2]
				id := fmt.Sprint("s", i)
				drop := []string(nil)
				if i >= 20 {
					drop = []string{id + "x"}
				}
				if err := x.Commit(ctx, cache.Change{Add: []cache.Segment{segment(id, "ads", fmt.Sprint(i%3), "2026-11-01", "2026-11-07", "date")}, Drop: drop}); err != nil {
					t.Error(err)
				}
				if i%5 == 0 {
					if _, err := x.Forget(ctx, "google_ads", "campaigns", "1", time.Unix(1_790_000_000, 0)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		all, err := indexes[0].All(ctx)
		must(t, err)
		if n, err := indexes[1].Epoch(ctx, "google_ads", "campaigns", "1"); len(all) != 40 || n != 8 || err != nil {
			t.Errorf("%d segments of 40, epoch %d of 8: %v", len(all), n, err)
		}
	})
}

// TestStore holds a Store to its contract. open gives a function that opens
// one and the same new store; read gives the rows of a file aligned with
// columns, values as in tables.Row.
func TestStore(t *testing.T, open func(t *testing.T) func() cache.Store, read func(t *testing.T, s cache.Store, path string, columns []tables.Column) []tables.Row) {
	ctx := context.Background()
	columns := []tables.Column{
		{Name: "active", Type: tables.Boolean}, {Name: "cost", Type: tables.Money}, {Name: "date", Type: tables.DateType},
		{Name: "doc", Type: tables.Document}, {Name: "id", Type: tables.Ident}, {Name: "impressions", Type: tables.BigInt},
		{Name: "name", Type: tables.Varchar}, {Name: "rate", Type: tables.Float}, {Name: "seen", Type: tables.Timestamp},
	}
	dec := func(s string) *apd.Decimal { d, _, _ := apd.NewFromString(s); return d }
	rows := []tables.Row{
		{true, dec("12345678901234.123456"), tables.Day("2026-11-22"), `{"a": [1, null]}`, "007", int64(9007199254740993), "Autumn KR 가을", 0.1, time.Date(2026, 11, 22, 23, 59, 59, 999999000, time.UTC)},
		{nil, nil, nil, nil, nil, nil, nil, nil, nil},
		{false, dec("-0.000001"), tables.Day("1999-12-31"), `[]`, "", int64(-1), "", -1e300, time.Date(1969, 12, 31, 0, 0, 0, 0, time.UTC)},
	}
	seq := func(rows []tables.Row, err error) iter.Seq2[tables.Row, error] {
		return func(yield func(tables.Row, error) bool) {
			for _, r := range rows {
				if !yield(r, nil) {
					return
				}
			}
			if err != nil {
				yield(nil, err)
			}
		}
	}
	ids := func(t *testing.T, s cache.Store, want ...string) {
		t.Helper()
		got, err := s.List(ctx)
		slices.Sort(got)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("the store holds %q, not %q: %v", got, want, err)
		}
	}
	equal := func(a, b any) bool {
		switch x := a.(type) {
		case *apd.Decimal:
			y, ok := b.(*apd.Decimal)
			return ok && x.Cmp(y) == 0
		case time.Time:
			y, ok := b.(time.Time)
			return ok && x.Equal(y)
		}
		return a == b
	}

	t.Run("what is written is read", func(t *testing.T) {
		again := open(t)
		s := again()
		n, bytes, err := s.Write(ctx, "01KAN0000000000000000000A1", columns, seq(rows, nil))
		if err != nil || n != 3 || bytes <= 0 {
			t.Fatalf("%d rows, %d bytes: %v", n, bytes, err)
		}
		for _, s := range []cache.Store{s, again()} {
			ids(t, s, "01KAN0000000000000000000A1")
			path, err := s.Path(ctx, "01KAN0000000000000000000A1")
			if err != nil {
				t.Fatal(err)
			}
			got := read(t, s, path, columns)
			if !slices.EqualFunc(got, rows, func(a, b tables.Row) bool { return slices.EqualFunc(a, b, equal) }) {
				t.Errorf("the rows came back as %v", got)
			}
		}
	})
	t.Run("rows are read back", func(t *testing.T) {
		s := open(t)()
		place := "01KAN0000000000000000000A7"
		if _, _, err := s.Write(ctx, place, columns, seq(rows, nil)); err != nil {
			t.Fatal(err)
		}
		backwards := append(slices.Clone(columns), tables.Column{Name: "of later", Type: tables.Money})
		slices.Reverse(backwards)
		var want []tables.Row
		for _, r := range rows {
			r = append(slices.Clone(r), nil)
			slices.Reverse(r)
			want = append(want, r)
		}
		var got []tables.Row
		for row, err := range s.Read(ctx, place, backwards) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, row)
		}
		if !slices.EqualFunc(got, want, func(a, b tables.Row) bool { return slices.EqualFunc(a, b, equal) }) {
			t.Errorf("the rows came back as %v", got)
		}
		for range s.Read(ctx, place, columns) {
			break
		}
		stopped, stop := context.WithCancel(ctx)
		stop()
		for _, c := range []struct {
			ctx   context.Context
			place string
			want  error
		}{{ctx, "01KAN0000000000000000000A8", fs.ErrNotExist}, {stopped, place, context.Canceled}} {
			n, last := 0, error(nil)
			for _, err := range s.Read(c.ctx, c.place, columns) {
				n, last = n+1, err
			}
			if n != 1 || !errors.Is(last, c.want) {
				t.Errorf("read %s: %v, after %d", c.place, last, n)
			}
		}
	})
	t.Run("a place may be a hive path", func(t *testing.T) {
		again := open(t)
		s := again()
		span := cache.Span{Source: "google_ads", Table: "campaigns", Account: "../가을 100%/=x"}
		var want []string
		for i, month := range []string{"2026-08", "2026-08", "2026-09"} {
			place := cache.SettledPlace(span, month, fmt.Sprintf("01KAN0000000000000000000C%d", i))
			if _, _, err := s.Write(ctx, place, columns, seq(rows, nil)); err != nil {
				t.Fatal(err)
			}
			path, err := again().Path(ctx, place)
			if err != nil {
				t.Fatal(err)
			}
			if got := read(t, s, path, columns[:1]); len(got) != len(rows) {
				t.Errorf("%d rows came back from %s", len(got), place)
			}
			want = append(want, place)
		}
		ids(t, s, want...)
		for len(want) > 0 {
			if err := s.Remove(ctx, want[0]); err != nil {
				t.Error(err)
			}
			want = want[1:]
			ids(t, again(), want...)
		}
	})
	t.Run("no rows are a segment too", func(t *testing.T) {
		s := open(t)()
		if n, bytes, err := s.Write(ctx, "01KAN0000000000000000000A2", columns, seq(nil, nil)); err != nil || n != 0 || bytes <= 0 {
			t.Errorf("%d rows, %d bytes: %v", n, bytes, err)
		}
		ids(t, s, "01KAN0000000000000000000A2")
	})
	t.Run("a failed scan leaves nothing", func(t *testing.T) {
		s := open(t)()
		cause := errors.New("page 3 failed")
		if _, _, err := s.Write(ctx, "01KAN0000000000000000000A3", columns, seq(rows, cause)); !errors.Is(err, cause) {
			t.Errorf("the cause is lost: %v", err)
		}
		ids(t, s)
		stopped, stop := context.WithCancel(ctx)
		defer stop()
		midway := func(yield func(tables.Row, error) bool) {
			yield(rows[0], nil)
			stop()
			yield(nil, stopped.Err())
		}
		if _, _, err := s.Write(stopped, "01KAN0000000000000000000A4", columns, midway); !errors.Is(err, context.Canceled) {
			t.Errorf("a write under an ended context: %v", err)
		}
		ids(t, s)
	})
	t.Run("removed is gone", func(t *testing.T) {
		s := open(t)()
		for _, id := range []string{"01KAN0000000000000000000A5", "01KAN0000000000000000000A6"} {
			if _, _, err := s.Write(ctx, id, columns, seq(rows, nil)); err != nil {
				t.Fatal(err)
			}
		}
		for range 2 {
			if err := s.Remove(ctx, "01KAN0000000000000000000A5"); err != nil {
				t.Error(err)
			}
		}
		ids(t, s, "01KAN0000000000000000000A6")
		if _, err := s.Path(ctx, "01KAN0000000000000000000A5"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the path of what is gone: %v", err)
		}
	})
	t.Run("several at once", func(t *testing.T) {
		s := open(t)()
		var wg sync.WaitGroup
		var want []string
		for i := range 16 {
			id := fmt.Sprintf("01KAN0000000000000000000B%X", i)
			want = append(want, id)
			wg.Go(func() {
				if _, _, err := s.Write(ctx, id, columns, seq(rows, nil)); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		ids(t, s, want...)
	})
	t.Run("places of one folder come and go at once", func(t *testing.T) {
		again := open(t)
		span := cache.Span{Source: "google_ads", Table: "campaigns", Account: "1"}
		var wg sync.WaitGroup
		var want []string
		for i := range 8 {
			s, place := again(), cache.SettledPlace(span, "2026-09", fmt.Sprintf("01KAN0000000000000000000D%X", i))
			if i < 2 {
				want = append(want, place)
			}
			wg.Go(func() {
				for range 5 {
					if _, _, err := s.Write(ctx, place, columns, seq(rows, nil)); err != nil {
						t.Error(err)
					}
					if err := s.Remove(ctx, place); err != nil {
						t.Error(err)
					}
				}
				if i < 2 {
					if _, _, err := s.Write(ctx, place, columns, seq(rows, nil)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		ids(t, again(), want...)
	})
}
