package cache

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sort"
	"sync"
	"time"

	"argo/tables"
	"argo/tables/fault"
)

// asOf answers a scan with what was known at a moment: of each cell the reading
// that decided then, whatever its age was. It makes no call.
func (c *Cache) asOf(ctx context.Context, source string, t tables.Table, s tables.Scan) ([]tables.File, func(), error) {
	zone, err := c.zone(ctx, source, s.Account)
	if err != nil {
		return nil, nil, err
	}
	w, err := newWish(source, t, s, s.AsOf.In(zone))
	if err != nil {
		return nil, nil, err
	}
	q := &request{wish: w, c: c, book: c.book(w.key())}
	files, err := q.then(ctx, s)
	if err != nil {
		q.release()
		return nil, nil, err
	}
	return files, sync.OnceFunc(q.release), nil
}

func (q *request) then(ctx context.Context, s tables.Scan) ([]tables.File, error) {
	use, missing, err := q.recall(ctx, s.AsOf)
	if err != nil {
		return nil, err
	}
	trace := tables.TraceOf(ctx)
	if len(missing) > 0 {
		unknown := q.unknown(s.AsOf, missing)
		if len(use) == 0 || s.Strict {
			return nil, unknown
		}
		trace.Warn(unknown)
	}
	files, lost, err := q.c.files(ctx, &q.wish, use, own(s.Columns))
	if errors.Is(err, fs.ErrNotExist) {
		if err := q.c.lose(ctx, lost); err != nil {
			return nil, err
		}
		return nil, fault.Wrap(fault.NotFound, err, "the file that %s.%s%s was answered by then is gone", q.want.Source, q.t.Name, where(Span{Account: q.want.Account}))
	}
	if err != nil {
		return nil, err
	}
	q.tell(ctx, use)
	return files, nil
}

// lately is how long ago a moment may be for the live segments to say what was
// known then, where nothing has changed since. What has been given up since, by
// a process other than this one, is not seen there.
const lately = 2 * time.Second

// recall finds what answered at a moment, and pins it.
func (q *request) recall(ctx context.Context, at time.Time) (use []Use, missing []Span, err error) {
	c, k := q.c, q.key()
	q.book.Lock()
	defer q.book.Unlock()
	pinned := func() ([]Use, []Span, error) {
		q.cached = count(q.want.Days)
		for _, gap := range missing {
			q.cached -= count(gap.Days)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		q.pin(use)
		return use, missing, nil
	}
	if c.o.Now().Sub(at) < lately && q.book.gaveUp.Before(at) {
		live, err := c.lists.live(ctx, k)
		if err != nil {
			return nil, nil, err
		}
		if !slices.ContainsFunc(live, func(s Segment) bool { return overlap(s.Days, q.want.Days) && s.KnownAt.After(at) }) {
			if use, missing = Plan(q.want, live, func(Segment, tables.Day) bool { return true }); len(missing) == 0 {
				return pinned()
			}
		}
	}
	history, err := c.o.Index.History(ctx, k.source, k.table, k.account)
	if err != nil {
		return nil, nil, fmt.Errorf("read the history of %s: %w", k.table, err)
	}
	use, missing, lost := known(q.want, history, at)
	if lost != nil {
		return nil, nil, q.beyond(at, history)
	}
	return pinned()
}

// known gives what answered want at a moment, out of a history: the segments
// and parts of segments that were known by then and not yet retired, and of
// those that hold a cell and every wanted column the one that read it last. lost
// is one that answered and is gone; then nothing else counts.
func known(want Span, history []Segment, at time.Time) (use []Use, missing []Span, lost *Segment) {
	var then []Segment
	for _, s := range history {
		if sameTable(s.Span, want) && overlap(s.Days, want.Days) && (s.RetiredAt.IsZero() || s.RetiredAt.After(at)) &&
			superset(s.Columns, want.Columns) {
			then = append(then, s)
		}
	}
	// The parts of a segment may have become known one after the other: what was
	// not known yet is cut off.
	var cut []Segment
	whole := map[string]Segment{}
	for _, s := range then {
		whole[s.ID] = s
		for _, p := range pieces(Use{s, s.Days}) {
			if p.KnownAt.After(at) {
				continue
			}
			piece := s
			piece.Days, piece.FetchedAt, piece.KnownAt, piece.Parts = p.Days, p.FetchedAt, p.KnownAt, nil
			cut = append(cut, piece)
		}
	}
	pieces, missing := Plan(want, cut, func(Segment, tables.Day) bool { return true })
	for _, u := range pieces {
		s := whole[u.Segment.ID]
		if s.Gone {
			// A copy of the same reading may still be there.
			i := slices.IndexFunc(cut, func(o Segment) bool {
				return !o.Gone && o.FetchedAt.Equal(u.Segment.FetchedAt) && o.KnownAt.Equal(u.Segment.KnownAt) && slices.Equal(o.Columns, s.Columns) &&
					o.Days.From <= u.Days.From && u.Days.To <= o.Days.To
			})
			if i < 0 {
				return nil, nil, &s
			}
			s = whole[cut[i].ID]
		}
		if n := len(use) - 1; n >= 0 && use[n].Segment.ID == s.ID && use[n].Days.From == u.Days.To.Add(1) && !u.Days.IsZero() {
			use[n].Days.From = u.Days.From
			continue
		}
		use = append(use, Use{s, u.Days})
	}
	return use, missing, nil
}

// unknown says which days nothing was known of.
func (q *request) unknown(at time.Time, missing []Span) error {
	total := int64(0)
	var days []string
	for _, gap := range missing {
		total += count(gap.Days)
		switch {
		case gap.Days.IsZero():
		case gap.Days.From == gap.Days.To:
			days = append(days, string(gap.Days.From))
		default:
			days = append(days, string(gap.Days.From)+" to "+string(gap.Days.To))
		}
	}
	of := ""
	if len(days) > 0 {
		of = fmt.Sprintf(" on %s (%s)", clipList(days, 5), many(int(total), "day"))
	}
	return fault.New(fault.Gap, "nothing was known of %s.%s%s%s as of %s UTC", q.want.Source, q.t.Name, where(Span{Account: q.want.Account}), of, at.UTC().Format(time.DateTime)).
		WithHint("SELECT MIN(known_at) FROM argo.segments WHERE table_name = '%s'; what was never read cannot be known", q.t.Name)
}

// beyond says from when on the history is kept.
func (q *request) beyond(at time.Time, history []Segment) error {
	var moments []time.Time
	for _, s := range history {
		if s.Gone && overlap(s.Days, q.want.Days) && !s.RetiredAt.Before(at) {
			moments = append(moments, s.RetiredAt)
		}
	}
	slices.SortFunc(moments, time.Time.Compare)
	horizon := at
	if n := len(moments); n > 0 {
		horizon = moments[min(n-1, sort.Search(n, func(i int) bool {
			_, _, lost := known(q.want, history, moments[i])
			return lost == nil
		}))]
	}
	return fault.New(fault.NotFound, "what %s.%s%s was as of %s UTC is not kept any more", q.want.Source, q.t.Name, where(Span{Account: q.want.Account, Days: q.want.Days}), at.UTC().Format(time.DateTime)).
		WithHint("it is kept from %s UTC on; cache: {history: {keep: …, max_bytes: …}} says how much is", ceil(horizon).UTC().Format(time.DateTime))
}

// ceil is the first whole second that is not before a moment.
func ceil(at time.Time) time.Time {
	if whole := at.Truncate(time.Second); whole.Before(at) {
		return whole.Add(time.Second)
	}
	return at
}
