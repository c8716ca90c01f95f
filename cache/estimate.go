package cache

import (
	"context"
	"fmt"

	"argo/tables"
	"argo/tables/fault"
)

// estimate says what a scan would cost, by the survey that the scan itself
// would begin with. It makes no call.
func (c *Cache) estimate(ctx context.Context, source string, t tables.Table, s tables.Scan) (tables.Estimate, error) {
	zone, err := c.zone(ctx, source, s.Account)
	if err != nil {
		return tables.Estimate{}, err
	}
	w, err := newWish(source, t, s, c.o.Now().In(zone))
	if err != nil {
		return tables.Estimate{}, err
	}
	out := tables.Estimate{Cells: count(s.Days), Exact: true}
	k := w.key()
	if !s.AsOf.IsZero() {
		out.Cached, out.Rows = out.Cells, -1
		return out, nil
	}
	have, err := c.lists.live(ctx, k)
	if err != nil {
		return out, err
	}
	costs := c.meter.Costs(ctx, source, t.Name)
	q := &request{wish: w, c: c, book: c.book(k), took: map[string]bool{}}
	c.mu.Lock()
	ways := q.ways()
	c.mu.Unlock()
	v := q.survey(have, ways, costs, q.good, q.denied)
	if len(v.fetch) > 0 && !q.renew {
		claims, err := c.o.Index.Claims(ctx, k.source, k.table, k.account, c.now())
		if err != nil {
			return out, fmt.Errorf("read the claims of %s: %w", t.Name, err)
		}
		if others := c.others(claims); len(others) > 0 {
			v = q.survey(have, append(ways, others...), costs, q.good, q.denied)
		}
	}
	if err := c.faults.get(k, background(ctx), c.o.Now()); err != nil && len(v.fetch) > 0 && !q.renew {
		v.fetch = nil
		v.because(fmt.Sprintf("the source is not asked now: %s", fault.As(err).Message))
	}
	out.Cached = v.cached
	if len(v.board) > 0 {
		v.because(fmt.Sprintf("%s that are under way already are waited for", many(len(v.board), "fetch")))
	}
	out.Why = v.why
	cells := int64(0)
	for _, span := range v.fetch {
		n, exact := 1, true
		if t.Calls != nil {
			n, exact = t.Calls(scanOf(t, span))
		}
		out.Calls += n
		out.Exact = out.Exact && exact
		if t.Units != nil {
			for scope, units := range t.Units(scanOf(t, span)) {
				if out.Units == nil {
					out.Units = map[string]int{}
				}
				out.Units[scope] += n * units
			}
		}
		cells += count(span.Days)
		out.Elapsed += costs.Time(1, count(span.Days), len(span.Columns))
	}
	if out.Rows = rowsOf(v.use); v.missed > 0 {
		if n := costs.RowsOf(v.missed); n < 0 {
			out.Rows = -1
		} else {
			out.Rows += n
		}
	}
	return out, nil
}

// rowsOf is how many rows uses hold, where a part of a segment is used in
// proportion to its days.
func rowsOf(use []Use) (n int64) {
	for _, u := range use {
		n += u.Segment.Rows * count(u.Days) / count(u.Segment.Days)
	}
	return n
}
