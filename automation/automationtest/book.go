package automationtest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"argo/automation"
	"argo/tables/fault"
)

// Book is the automation.Book of a Ledger in memory.
type Book struct {
	l        *Ledger
	policies []automation.Policy
	verdicts map[string][]automation.Verdict
	asked    map[string]automation.Approval
}

// Book gives the book of the ledger: one and the same.
func (l *Ledger) Book() *Book {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.book == nil {
		l.book = &Book{l: l, verdicts: map[string][]automation.Verdict{}, asked: map[string]automation.Approval{}}
	}
	return l.book
}

// Policies implements automation.Book.
func (b *Book) Policies(ctx context.Context, dropped bool) (out []automation.Policy, err error) {
	b.l.mu.Lock()
	defer b.l.mu.Unlock()
	for _, p := range b.policies {
		if dropped || p.DroppedAt.IsZero() {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(x, y automation.Policy) int {
		return cmp.Or(cmp.Compare(x.Kind, y.Kind), cmp.Compare(x.ScopeKind, y.ScopeKind), cmp.Compare(x.Scope, y.Scope), cmp.Compare(x.ID, y.ID), cmp.Compare(x.Version, y.Version))
	})
	return out, ctx.Err()
}

// SetPolicy implements automation.Book.
func (b *Book) SetPolicy(ctx context.Context, p automation.Policy) (automation.Policy, error) {
	if err := ctx.Err(); err != nil {
		return automation.Policy{}, err
	}
	b.l.mu.Lock()
	defer b.l.mu.Unlock()
	p.Version, p.DroppedAt, p.SetAt = 1, time.Time{}, p.SetAt.UTC().Truncate(time.Microsecond)
	last := -1
	for i, o := range b.policies {
		if o.ID == p.ID {
			last = i
		}
	}
	if last >= 0 {
		if old := b.policies[last]; !old.DroppedAt.IsZero() || old.Kind != p.Kind {
			return automation.Policy{}, fault.New(fault.Conflict, "there is no %s %s in force", p.Kind, p.ID)
		}
		p.Version = b.policies[last].Version + 1
		b.policies[last].DroppedAt = p.SetAt
	}
	b.policies = append(b.policies, p)
	b.l.chain(p.Event())
	return p, nil
}

// DropPolicy implements automation.Book.
func (b *Book) DropPolicy(ctx context.Context, id, by string, at time.Time) (automation.Policy, error) {
	if err := ctx.Err(); err != nil {
		return automation.Policy{}, err
	}
	b.l.mu.Lock()
	defer b.l.mu.Unlock()
	for i, p := range b.policies {
		if p.ID == id && p.DroppedAt.IsZero() {
			p.DroppedAt = at.UTC().Truncate(time.Microsecond)
			b.policies[i] = p
			e := p.Event()
			e.Actor = by
			b.l.chain(e)
			return p, nil
		}
	}
	return automation.Policy{}, fault.New(fault.NotFound, "there is no guardrail %s in force", id)
}

// Past implements automation.Book.
func (b *Book) Past(ctx context.Context, source string, since time.Time) (out []automation.Past, err error) {
	b.l.mu.Lock()
	defer b.l.mu.Unlock()
	for _, r := range b.l.runs {
		for _, c := range r.Changes {
			if r.Source == source && c.Attempts > 0 && !c.At.Before(since.Truncate(time.Microsecond)) {
				out = append(out, automation.Past{Run: r.ID, Source: source, Action: r.Action, By: r.By, UndoOf: r.UndoOf, RunChange: c})
			}
		}
	}
	slices.SortStableFunc(out, func(x, y automation.Past) int { return cmp.Or(x.At.Compare(y.At), cmp.Compare(x.ID, y.ID)) })
	return out, ctx.Err()
}

// Record implements automation.Book.
func (b *Book) Record(ctx context.Context, run string, verdicts []automation.Verdict) error {
	b.l.mu.Lock()
	defer b.l.mu.Unlock()
	for _, v := range verdicts {
		v.At, v.Until = v.At.UTC().Truncate(time.Microsecond), v.Until.UTC().Truncate(time.Microsecond)
		b.verdicts[run] = append(b.verdicts[run], v)
	}
	return ctx.Err()
}

// Verdicts implements automation.Book.
func (b *Book) Verdicts(ctx context.Context, run string) ([]automation.Verdict, error) {
	b.l.mu.Lock()
	defer b.l.mu.Unlock()
	return slices.Clone(b.verdicts[run]), ctx.Err()
}

// Ask implements automation.Book.
func (b *Book) Ask(ctx context.Context, a automation.Approval) error {
	b.l.mu.Lock()
	defer b.l.mu.Unlock()
	if _, ok := b.asked[a.Run]; !ok {
		a.Expires, a.AskedAt = a.Expires.UTC().Truncate(time.Microsecond), a.AskedAt.UTC().Truncate(time.Microsecond)
		b.asked[a.Run] = a
	}
	return ctx.Err()
}

// Vote implements automation.Book.
func (b *Book) Vote(ctx context.Context, run string, v automation.Vote) (automation.Approval, error) {
	if err := ctx.Err(); err != nil {
		return automation.Approval{}, err
	}
	b.l.mu.Lock()
	defer b.l.mu.Unlock()
	a, ok := b.asked[run]
	if !ok {
		return automation.Approval{}, fault.New(fault.NotFound, "nothing was asked about run %s", run)
	}
	if err := a.Admit(v); err != nil {
		return automation.Approval{}, err
	}
	v.At = v.At.UTC().Truncate(time.Microsecond)
	a.Votes = append(slices.Clone(a.Votes), v)
	b.asked[run] = a
	b.l.chain(v.Event(run))
	return a, nil
}

// Approval implements automation.Book.
func (b *Book) Approval(ctx context.Context, run string) (automation.Approval, bool, error) {
	b.l.mu.Lock()
	defer b.l.mu.Unlock()
	a, ok := b.asked[run]
	return a, ok, ctx.Err()
}

// TestBook holds a Book to its contract. open gives a function that opens one
// and the same new ledger and its book again and again.
func TestBook(t *testing.T, open func(t *testing.T) func() (automation.Ledger, automation.Book)) {
	ctx := context.Background()
	at := func(n int) time.Time {
		return time.Date(2026, 11, 22, 8, n, 0, 123456789, time.FixedZone("KST", 9*3600))
	}
	verify := func(t *testing.T, l automation.Ledger, n int) {
		t.Helper()
		events, err := l.Events(ctx, "")
		if err != nil {
			t.Fatal(err)
		}
		runs, err := l.Runs(ctx, false, 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := automation.VerifyChain(events, runs...); err != nil || len(events) != n {
			t.Errorf("%d events: %v", len(events), err)
		}
	}
	t.Run("policies", func(t *testing.T) {
		again := open(t)
		l, b := again()
		one := automation.Policy{ID: "P1", Kind: "max_change_pct", ScopeKind: "account", Scope: "1", Params: `{"action_pct":20}`, SetBy: "lead@10.0.0.1", SetAt: at(1)}
		two := automation.Policy{ID: "P2", Kind: "kill_switch", ScopeKind: "global", Params: `{}`, SetBy: "lead@10.0.0.1", SetAt: at(2)}
		for _, p := range []automation.Policy{one, two} {
			if got, err := b.SetPolicy(ctx, p); err != nil || got.Version != 1 || got.ID != p.ID {
				t.Fatalf("%+v, %v", got, err)
			}
		}
		one.Params, one.SetAt = `{"action_pct":10}`, at(3)
		if got, err := b.SetPolicy(ctx, one); err != nil || got.Version != 2 {
			t.Fatalf("%+v, %v", got, err)
		}
		_, b = again()
		list, err := b.Policies(ctx, false)
		if err != nil || len(list) != 2 || list[0].ID != "P2" || list[1].Params != `{"action_pct":10}` || !list[1].SetAt.Equal(at(3).Truncate(time.Microsecond)) {
			t.Errorf("%+v, %v", list, err)
		}
		if got, err := b.DropPolicy(ctx, "P2", "other@10.0.0.2", at(4)); err != nil || got.ID != "P2" || got.DroppedAt.IsZero() {
			t.Errorf("%+v, %v", got, err)
		}
		if _, err := b.DropPolicy(ctx, "P2", "other@10.0.0.2", at(5)); !fault.Is(err, fault.NotFound) {
			t.Errorf("dropped twice: %v", err)
		}
		if _, err := b.SetPolicy(ctx, two); !fault.Is(err, fault.Conflict) {
			t.Errorf("set after it was dropped: %v", err)
		}
		if list, err := b.Policies(ctx, false); err != nil || len(list) != 1 {
			t.Errorf("%+v, %v", list, err)
		}
		if list, err := b.Policies(ctx, true); err != nil || len(list) != 3 {
			t.Errorf("%+v, %v", list, err)
		}
		verify(t, l, 4)
		events, _ := l.Events(ctx, "")
		if e := events[3]; e.Actor != "other@10.0.0.2" || e.To != "dropped" || e.Change != "guardrail P2" {
			t.Errorf("%+v", e)
		}
	})
	t.Run("votes", func(t *testing.T) {
		again := open(t)
		l, b := again()
		c := automation.RunChange{State: automation.Awaiting, Change: automation.Change{ID: "C1", Account: "1", Target: "t", Field: "amount", Before: "1", After: "2"}}
		if _, _, err := l.Insert(ctx, automation.Run{ID: "R1", Source: "google_ads", Action: "set_budget", Args: "{}", By: "kim@127.0.0.1", CreatedAt: at(0), Changes: []automation.RunChange{c}}); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Vote(ctx, "R1", automation.Vote{By: "lee", Yes: true}); !fault.Is(err, fault.NotFound) {
			t.Errorf("a vote on nothing: %v", err)
		}
		ask := automation.Approval{Run: "R1", Quorum: 2, Expires: at(30), AskedBy: "kim", AskedAt: at(0)}
		if err := b.Ask(ctx, ask); err != nil {
			t.Fatal(err)
		}
		ask.Quorum = 5
		if err := b.Ask(ctx, ask); err != nil {
			t.Fatal(err)
		}
		_, b = again()
		for _, c := range []struct {
			vote automation.Vote
			yes  int
			kind fault.Kind
		}{
			{automation.Vote{By: "kim", Yes: true, At: at(1)}, 0, fault.Denied},
			{automation.Vote{By: "lee", Yes: true, Comment: "fine", At: at(2)}, 1, ""},
			{automation.Vote{By: "lee", Yes: true, At: at(3)}, 1, fault.Conflict},
			{automation.Vote{By: "park", Yes: false, At: at(4)}, 1, ""},
			{automation.Vote{By: "choi", Yes: true, At: at(5)}, 2, ""},
		} {
			a, err := b.Vote(ctx, "R1", c.vote)
			if fault.KindOf(err) != c.kind || err == nil && (a.Yes() != c.yes || a.Quorum != 2) {
				t.Errorf("%+v: %+v, %v", c.vote, a, err)
			}
		}
		a, ok, err := b.Approval(ctx, "R1")
		if err != nil || !ok || len(a.Votes) != 3 || a.Votes[0].Comment != "fine" || !a.Expires.Equal(at(30).Truncate(time.Microsecond)) || a.AskedBy != "kim" {
			t.Errorf("%+v, %v, %v", a, ok, err)
		}
		if _, ok, err := b.Approval(ctx, "R2"); ok || err != nil {
			t.Errorf("an approval of nothing: %v, %v", ok, err)
		}
		verify(t, l, 2+3)
	})
	t.Run("verdicts and past", func(t *testing.T) {
		again := open(t)
		l, b := again()
		given := []automation.Verdict{
			{Guardrail: "P1", Kind: "max_change_pct", Change: "C1", Stage: "plan", Decision: automation.Clamp, Sentence: "at most 20 %", After: "120", At: at(1).UTC().Truncate(time.Microsecond)},
			{Guardrail: "P2", Kind: "approval", Change: "C1", Stage: "plan", Decision: automation.Approve, Quorum: 2, Expires: time.Hour, Until: at(9).UTC().Truncate(time.Microsecond), At: at(1).UTC().Truncate(time.Microsecond)},
		}
		if err := b.Record(ctx, "R1", given[:1]); err != nil {
			t.Fatal(err)
		}
		if err := b.Record(ctx, "R1", given[1:]); err != nil {
			t.Fatal(err)
		}
		_, b = again()
		got, err := b.Verdicts(ctx, "R1")
		if err != nil || fmt.Sprint(got) != fmt.Sprint(given) {
			t.Errorf("%+v, %v", got, err)
		}
		for i, state := range []automation.State{automation.Executing, automation.Denied} {
			id := fmt.Sprint("R", i)
			c := automation.RunChange{State: automation.Approved, Change: automation.Change{ID: "C1", Account: "1", Target: id, Field: "amount", Before: "1", After: "2"}}
			r, _, err := l.Insert(ctx, automation.Run{ID: id, Source: "google_ads", Action: "set_budget", Args: "{}", By: "kim", CreatedAt: at(10 + i), Changes: []automation.RunChange{c}})
			if err != nil {
				t.Fatal(err)
			}
			c = r.Changes[0]
			c.At = at(20 + i)
			if state == automation.Executing {
				c.Attempts = 1
			}
			if _, err := l.Advance(ctx, id, c, state, "", "", "kim"); err != nil {
				t.Fatal(err)
			}
		}
		for _, c := range []struct {
			source string
			since  time.Time
			n      int
		}{{"google_ads", at(0), 1}, {"google_ads", at(21), 0}, {"meta_ads", at(0), 0}} {
			past, err := b.Past(ctx, c.source, c.since)
			if err != nil || len(past) != c.n || c.n == 1 && (past[0].Run != "R0" || past[0].By != "kim" || past[0].Before != "1" || past[0].Action != "set_budget") {
				t.Errorf("%+v: %+v, %v", c, past, err)
			}
		}
	})
	t.Run("waiting", func(t *testing.T) {
		again := open(t)
		l, _ := again()
		c := automation.RunChange{State: automation.Approved, Change: automation.Change{ID: "C1", Account: "1", Target: "t", Field: "amount", Before: "1", After: "2"}}
		r := automation.Run{ID: "R1", Source: "google_ads", Action: "set_budget", Args: "{}", By: "kim", UndoOf: "R0", NotBefore: at(40), Expires: at(50), CreatedAt: at(0), Changes: []automation.RunChange{c}}
		if _, _, err := l.Insert(ctx, r); err != nil {
			t.Fatal(err)
		}
		l, _ = again()
		got, err := l.Run(ctx, "R1")
		if err != nil || got.UndoOf != "R0" || !got.NotBefore.Equal(at(40).Truncate(time.Microsecond)) || !got.Expires.Equal(at(50).Truncate(time.Microsecond)) || got.State != automation.Approved || !got.EndedAt.IsZero() {
			t.Errorf("%+v, %v", got, err)
		}
		if open, err := l.Runs(ctx, true, 0); err != nil || len(open) != 1 {
			t.Errorf("%+v, %v", open, err)
		}
		verify(t, l, 2)
	})
}
