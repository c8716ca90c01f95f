package cache

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"argo/tables"
)

// States of a Cell.
const (
	CellFresh    = "fresh"    // within its promised age
	CellExpired  = "expired"  // read, and fetched anew when it is asked for
	CellFetching = "fetching" // not fresh, and being fetched
	CellMissing  = "missing"  // not read yet
)

// Cell is one account and one day of a table: a row of argo.coverage. What it
// says is true of the newest reading.
type Cell struct {
	Source, Table, Account string
	Day                    tables.Day // "" for a table without days
	State                  string
	FetchedAt, KnownAt     time.Time
	Columns                int        // that the reading holds
	Finality               string     // Finality of the reading
	FinalOn                tables.Day // from which day on a reading is final
	Quality                string
	Segment                string // id
}

// Coverage lists the cells of the tables that Serve was given: every day of a
// table's extent, of the accounts as they are remembered; tables and accounts
// sorted, of each the newest day first. It makes no call.
func (w *Worker) Coverage(ctx context.Context, f Filter) iter.Seq2[Cell, error] {
	return func(yield func(Cell, error) bool) {
		w.mu.Lock()
		names := make([]string, 0, len(w.tables))
		for name := range w.tables {
			names = append(names, name)
		}
		w.mu.Unlock()
		slices.Sort(names)
		accounts := map[string][]tables.Account{} // of sources
		for _, name := range names {
			source, table, _ := strings.Cut(name, ".")
			t, ok := w.table(source, table)
			if !ok {
				continue
			}
			list, ok := accounts[source]
			if !ok {
				var err error
				if list, _, err = w.o.Cache.Accounts(ctx, source); err != nil {
					yield(Cell{}, fmt.Errorf("read the accounts of %s: %w", source, err))
					return
				}
				list = slices.Clone(list)
				slices.SortFunc(list, func(a, b tables.Account) int { return strings.Compare(a.ID, b.ID) })
				accounts[source] = list
			}
			if t.Account == "" {
				list = []tables.Account{{}}
			}
			for _, a := range list {
				if f.Want != nil && !f.Want(source, table, a.ID) {
					continue
				}
				if more, err := w.covered(ctx, source, t, a, f.Days, yield); err != nil {
					yield(Cell{}, err)
					return
				} else if !more {
					return
				}
			}
		}
	}
}

// covered gives the cells of one account.
func (w *Worker) covered(ctx context.Context, source string, t tables.Table, a tables.Account, within tables.Days, yield func(Cell, error) bool) (more bool, err error) {
	have, err := w.o.Cache.lists.live(ctx, key{source, t.Name, a.ID})
	if err != nil {
		return false, err
	}
	zone := a.Location()
	now := w.o.Cache.o.Now().In(zone)
	claims, err := w.o.Cache.o.Index.Claims(ctx, source, t.Name, a.ID, now)
	if err != nil {
		return false, fmt.Errorf("read the index of %s: %w", t.Name, err)
	}
	extent := tables.Days{}
	if t.Day != "" {
		extent = tables.Days{From: t.Since, To: tables.DayOf(now)}
		for _, s := range have { // what was cached under another configuration
			extent.From, extent.To = min(extent.From, s.Days.From), max(extent.To, s.Days.To)
		}
		if !within.IsZero() {
			within.From, within.To = max(within.From, extent.From), min(within.To, extent.To)
			extent = within
		}
		if extent.From > extent.To {
			return true, nil
		}
	}
	settled := Settled(t)
	promises := map[string]promise{} // by segment
	for day := range cells(extent) {
		c := Cell{Source: source, Table: t.Name, Account: a.ID, Day: day, State: CellMissing, FinalOn: day.Add(settled)}
		var best *Segment
		for i := range have {
			s := &have[i]
			if holds(s.Days, day) && (best == nil || fetchedAt(*s, day).After(c.FetchedAt)) {
				best = s
				c.FetchedAt, c.KnownAt = fetchedAt(*s, day), s.KnownAt
			}
		}
		if best != nil {
			part := partOf(*best, day)
			c.KnownAt, c.Columns, c.Segment, c.Quality = part.KnownAt, len(best.Columns), best.ID, Quality(part.Checks)
			c.Finality = Finality(t, c.FetchedAt.In(zone), day)
			held, ok := promises[best.ID]
			if !ok {
				held = w.promise(t, best.Columns, zone, now, 0)
				promises[best.ID] = held
			}
			if c.State = CellExpired; held.good(*best, day) {
				c.State = CellFresh
			}
		}
		if c.State != CellFresh && slices.ContainsFunc(claims, func(k Claim) bool { return holds(k.Days, day) }) {
			c.State = CellFetching
		}
		if !yield(c, nil) {
			return false, nil
		}
	}
	return true, ctx.Err()
}
