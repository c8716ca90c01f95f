package cache

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"argo/tables"
	"argo/tables/fault"

	"github.com/cockroachdb/apd/v3"
	"github.com/oklog/ulid/v2"
)

// sortRows is how many rows are held in memory while they are sorted; a single
// day may be more.
const sortRows = 200_000

// Compact makes one file, sorted by day and key, of the settled cells of each
// month that has ended and is settled for every group of columns, in the hive
// layout of SettledPlace; all tables and accounts of the source, or of all
// sources, where the names are "". It says how many cells it moved. The
// segments that the new one stands for are retired in the same commit, and
// their files given up where it holds every reading that they did: AS OF goes
// on through its parts. What is compacted already costs nothing. A process
// that dies leaves files that the index does not know, and no more.
//
// In the hive folders a cell is in one file only: of several segments that
// hold it the one with the most columns is taken, the newest of these. The
// others stay apart, since a column that was not asked for is not NULL.
func (c *Cache) Compact(ctx context.Context, source, table, account string) (moved int64, err error) {
	keys, err := c.keys(ctx, func(s Span) bool {
		return (source == "" || s.Source == source) && (table == "" || s.Table == table) && (account == "" || s.Account == account)
	})
	if err != nil {
		return 0, err
	}
	var failed error
	for _, k := range keys {
		t, ok := c.shelf.get(k.source, k.table)
		if !ok || t.Day == "" {
			continue
		}
		n, err := c.compact(ctx, k, t)
		moved += n
		if ctx.Err() != nil {
			return moved, context.Cause(ctx)
		}
		if err != nil { // one account does not keep the others from it
			failed = errors.Join(failed, fmt.Errorf("compact %s.%s%s: %w", k.source, k.table, where(Span{Account: k.account}), err))
		}
	}
	return moved, failed
}

func (c *Cache) compact(ctx context.Context, k key, t tables.Table) (moved int64, err error) {
	zone, err := c.zone(ctx, k.source, k.account)
	if err != nil {
		return 0, err
	}
	epoch, err := c.o.Index.Epoch(ctx, k.source, k.table, k.account) // before the segments: a Forget after it is noticed
	if err != nil {
		return 0, err
	}
	today := tables.DayOf(c.o.Now().In(zone))
	for after := ""; ; { // one month may retire what another would be made of
		live, err := c.o.Index.Segments(ctx, k.source, k.table, k.account)
		if err != nil {
			return moved, err
		}
		m, ok := compactable(t, zone, today, live, after)
		if !ok {
			break
		}
		n, err := c.month(ctx, k, t, m, epoch)
		if err != nil && !overtaken(err) {
			return moved, err
		}
		moved, after = moved+n, m.name
	}
	if err := c.clearHive(ctx, k, t, zone); err != nil && !overtaken(err) {
		return moved, err
	}
	return moved, nil
}

// overtaken says that what was to be compacted is no longer there, or was
// forgotten: the next time sees what there is then.
func overtaken(err error) bool {
	return errors.Is(err, ErrForgotten) || errors.Is(err, fs.ErrNotExist)
}

// run of days that become one segment.
type run struct {
	days    tables.Days
	columns []string
	from    []Use // the oldest days first
}

// month has what is to be compacted of it.
type month struct {
	name string // "2026-09"
	runs []run
}

// winners says which segment has a settled day in the hive folders: the one
// with the most columns, the newest of these, and rather one that is there
// already. What has a break or a column that the table has no longer stays
// apart.
func winners(t tables.Table, zone *time.Location, live []Segment) map[tables.Day]Segment {
	settled, at := Settled(t), map[tables.Day]Segment{}
	hive := func(s Segment) int {
		if inHive(s) {
			return 1
		}
		return 0
	}
	for _, s := range live {
		if s.Days.IsZero() || slices.ContainsFunc(s.Columns, func(name string) bool { return t.Lookup(name) == nil }) {
			continue
		}
		for day := range cells(s.Days) {
			p := partOf(s, day)
			if age := tables.DayOf(p.FetchedAt.In(zone)).Sub(day); age < settled || age < 1 || broken(p.Checks) {
				continue
			}
			if w, ok := at[day]; !ok || cmp.Or(len(s.Columns)-len(w.Columns), p.FetchedAt.Compare(partOf(w, day).FetchedAt), hive(s)-hive(w), cmp.Compare(s.ID, w.ID)) > 0 {
				at[day] = s
			}
		}
	}
	return at
}

// compactable gives the first month after another one that has something to
// compact. today is that of the account.
func compactable(t tables.Table, zone *time.Location, today tables.Day, live []Segment, after string) (m month, ok bool) {
	settled, at := Settled(t), winners(t, zone, live)
	var months []month
	for _, day := range slices.Sorted(maps.Keys(at)) {
		name := string(day[:len("2006-01")])
		end := tables.DayOf(tables.Day(name+"-01").Time().AddDate(0, 1, -1))
		if age := today.Sub(end); age < settled || age < 1 || name <= after {
			continue
		}
		if n := len(months); n == 0 || months[n-1].name != name {
			months = append(months, month{name: name})
		}
		m := &months[len(months)-1]
		s, last := at[day], len(m.runs)-1
		if last < 0 || m.runs[last].days.To.Add(1) != day || !slices.Equal(m.runs[last].columns, s.Columns) {
			m.runs = append(m.runs, run{days: tables.Days{From: day}, columns: s.Columns})
			last++
		}
		r := &m.runs[last]
		r.days.To = day
		if n := len(r.from) - 1; n >= 0 && r.from[n].Segment.ID == s.ID {
			r.from[n].Days.To = day
		} else {
			r.from = append(r.from, Use{Segment: s, Days: tables.Days{From: day, To: day}})
		}
	}
	for _, m := range months {
		m.runs = slices.DeleteFunc(m.runs, func(r run) bool {
			s := r.from[0].Segment
			return len(r.from) == 1 && inHive(s) && s.Days == r.days
		})
		if len(m.runs) > 0 {
			return m, true
		}
	}
	return month{}, false
}

func inHive(s Segment) bool { return strings.HasPrefix(s.Place, "settled/") }

// month writes the files of a month and commits them.
func (c *Cache) month(ctx context.Context, k key, t tables.Table, m month, epoch int64) (moved int64, err error) {
	var added []Segment
	keep := false
	defer func() {
		for _, s := range added {
			if !keep {
				c.discard(s)
			}
			c.unhold(s)
		}
	}()
	for _, r := range m.runs {
		s, err := c.named(k, m.name, r.from)
		if err != nil {
			return 0, err
		}
		s.Epoch = epoch
		c.hold(s)
		added = append(added, s)
		if s, err = c.merge(ctx, t, s, r); err != nil {
			return 0, err
		}
		added[len(added)-1] = s
		moved += count(r.days)
	}

	b := c.book(k)
	b.Lock()
	defer b.Unlock()
	live, err := c.o.Index.Segments(ctx, k.source, k.table, k.account)
	if err != nil {
		return 0, err
	}
	change := Change{Add: added, At: b.moment(c.now(), live)}
	for _, r := range m.runs {
		for _, u := range r.from { // somebody else may have taken its place meanwhile
			change.Needs = append(change.Needs, u.Segment.ID)
		}
	}
	for _, s := range added {
		if _, err := c.o.Store.Path(ctx, s.place()); err != nil {
			return 0, err
		}
	}
	var freed []Segment
	kept := int64(0) // bytes, for AS OF
	all := append(slices.Clone(live), added...)
	for _, s := range live {
		if !stoodFor(s, all) {
			continue
		}
		change.Retire = append(change.Retire, s.ID)
		if copied(s, added, live) {
			change.Empty = append(change.Empty, s.ID)
			freed = append(freed, s)
		} else {
			kept += s.Bytes
		}
	}
	if err := c.o.Index.Commit(ctx, change); err != nil {
		keep = !errors.Is(err, ErrForgotten) // it may have been done all the same; if not, the sweep finds the files
		return 0, err
	}
	keep = true
	c.mu.Lock()
	for _, s := range added {
		c.bytes += s.Bytes
	}
	for _, s := range freed {
		c.bytes -= s.Bytes
	}
	c.history += kept
	c.mu.Unlock()
	c.giveUp(freed)
	return moved, nil
}

// named makes an empty segment of a month, "" for none. Its id is later than
// those of the segments that it is made from, whatever the clocks say: of two
// that were read at the same time the later one answers.
func (c *Cache) named(k key, month string, from []Use) (Segment, error) {
	at := ulid.Timestamp(c.o.Now())
	for _, u := range from {
		if id, err := ulid.ParseStrict(u.Segment.ID); err == nil {
			at = max(at, id.Time()+1)
		}
	}
	id, err := ulid.New(at, ulid.DefaultEntropy())
	if err != nil {
		return Segment{}, fmt.Errorf("make the id of a segment: %w", err)
	}
	s := Segment{ID: id.String(), Span: Span{Source: k.source, Table: k.table, Account: k.account}}
	if month != "" {
		s.Place = SettledPlace(s.Span, month, s.ID)
	}
	return s, nil
}

// merge writes the file of a run.
func (c *Cache) merge(ctx context.Context, t tables.Table, s Segment, r run) (Segment, error) {
	s.Days, s.Columns, s.Parts = r.days, r.columns, parts(r.from)
	whole, rows := true, int64(0)
	for _, u := range r.from {
		s.UsedAt, s.Uses = later(s.UsedAt, u.Segment.UsedAt), max(s.Uses, u.Segment.Uses)
		whole, rows = whole && u.Days == u.Segment.Days, rows+u.Segment.Rows
	}
	for _, p := range s.Parts {
		s.FetchedAt, s.KnownAt = later(s.FetchedAt, p.FetchedAt), later(s.KnownAt, p.KnownAt)
	}
	columns := make([]tables.Column, 0, len(r.columns)+1)
	for _, column := range t.Columns { // in the table's order, which other engines see
		if _, ok := slices.BinarySearch(r.columns, column.Name); ok {
			columns = append(columns, column)
		}
	}
	o := ordering{t: t, from: r.from, columns: columns, limit: sortRows, read: c.o.Store.Read}
	if len(s.Parts) == 1 {
		s.Checks, s.Parts = s.Parts[0].Checks, nil
	} else {
		columns, o.stamped = append(columns, ownFetchedAt), true
	}
	var err error
	if s.Rows, s.Bytes, err = c.o.Store.Write(ctx, s.place(), columns, o.rows(ctx)); err != nil {
		return s, err
	}
	if whole && s.Rows != rows {
		return s, fault.New(fault.Internal, "%d rows of %s%s became %d", rows, t.Name, where(s.Span), s.Rows)
	}
	return s, nil
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// parts of a segment that is made of these uses; neighbours that are alike are
// one.
func parts(from []Use) (out []Part) {
	for _, u := range from {
		for day := u.Days.From; day <= u.Days.To; {
			p := partOf(u.Segment, day)
			whole := p.Days
			p.Days = tables.Days{From: day, To: min(whole.To, u.Days.To)}
			if p.Days != whole {
				p.Checks = slices.Clone(p.Checks)
				for i := range p.Checks {
					p.Checks[i].Rows, p.Checks[i].Source = "", ""
				}
			}
			day = p.Days.To.Add(1)
			if n := len(out) - 1; n >= 0 && out[n].FetchedAt.Equal(p.FetchedAt) && out[n].KnownAt.Equal(p.KnownAt) && len(out[n].Checks)+len(p.Checks) == 0 {
				out[n].Days.To = p.Days.To
				continue
			}
			out = append(out, p)
		}
	}
	return out
}

// stoodFor says that every cell and column of a segment is in other ones that
// read it later, or in a later copy. What has a break stands for nothing: it
// is no candidate for the hive, and what is must not go for it; and so a copy
// outside the hive does not stand for what is there.
func stoodFor(old Segment, all []Segment) bool {
	for day := range cells(old.Days) {
		was := reading{old, partOf(old, day)}
		if !slices.ContainsFunc(all, func(s Segment) bool {
			if s.ID == old.ID || !holds(s.Days, day) || !superset(s.Columns, old.Columns) {
				return false
			}
			is := reading{s, partOf(s, day)}
			copied := is.Part.FetchedAt.Equal(was.Part.FetchedAt)
			return newestReading(is, was) > 0 && !broken(is.Part.Checks) && (!copied || inHive(s) || !inHive(old))
		}) {
			return false
		}
	}
	return true
}

// copied says that every reading of a segment is in compacted ones too, so that
// its file is not needed for AS OF.
func copied(old Segment, in ...[]Segment) bool {
	for day := range cells(old.Days) {
		p := partOf(old, day)
		found := false
		for _, list := range in {
			found = found || slices.ContainsFunc(list, func(s Segment) bool {
				q := partOf(s, day)
				return s.ID > old.ID && inHive(s) && holds(s.Days, day) && slices.Equal(s.Columns, old.Columns) &&
					q.FetchedAt.Equal(p.FetchedAt) && q.KnownAt.Equal(p.KnownAt)
			})
		}
		if !found {
			return false
		}
	}
	return true
}

// ordering reads the rows of several segments by day and key. It holds limit
// rows, or those of one day.
type ordering struct {
	t       tables.Table
	from    []Use // the oldest days first
	columns []tables.Column
	stamped bool // add _fetched_at
	limit   int
	read    func(ctx context.Context, place string, columns []tables.Column) iter.Seq2[tables.Row, error]
}

func (o *ordering) rows(ctx context.Context) iter.Seq2[tables.Row, error] {
	type cell struct {
		day tables.Day
		use int
	}
	var left []cell
	for i, u := range o.from {
		for day := u.Days.From; day <= u.Days.To; day = day.Add(1) {
			left = append(left, cell{day, i})
		}
	}
	find := func(name string) int {
		return slices.IndexFunc(o.columns, func(c tables.Column) bool { return c.Name == name })
	}
	dayAt, key := find(o.t.Day), []int(nil)
	for _, name := range o.t.Key {
		if i := find(name); i >= 0 && i != dayAt {
			key = append(key, i)
		}
	}
	return func(yield func(tables.Row, error) bool) {
		for len(left) > 0 {
			// As many days as should fit, by the mean of their segments.
			n, expected := 0, int64(0)
			for n < len(left) {
				s := o.from[left[n].use].Segment
				expected += s.Rows / count(s.Days)
				if n > 0 && expected > int64(o.limit) {
					break
				}
				n++
			}
			held, total := map[tables.Day][]tables.Row{}, 0
			for use := left[0].use; use < len(o.from); use++ {
				if o.from[use].Days.From > left[n-1].day || o.from[use].Segment.Rows == 0 {
					continue
				}
				days := o.from[use].Days
				for row, err := range o.read(ctx, o.from[use].Segment.place(), o.columns) {
					if err != nil {
						yield(nil, err)
						return
					}
					day, _ := row[dayAt].(tables.Day)
					if !days.Contains(day) || day < left[0].day || day > left[n-1].day {
						continue
					}
					held[day] = append(held[day], row)
					for total++; total > o.limit && n > 1; { // the days were not alike
						n /= 2
						total = 0
						for day, rows := range held {
							if day > left[n-1].day {
								delete(held, day)
							} else {
								total += len(rows)
							}
						}
					}
				}
			}
			for _, c := range left[:n] {
				rows := held[c.day]
				slices.SortStableFunc(rows, func(a, b tables.Row) int {
					for _, i := range key {
						if d := compare(a[i], b[i]); d != 0 {
							return d
						}
					}
					return 0
				})
				fetched := partOf(o.from[c.use].Segment, c.day).FetchedAt
				for _, row := range rows {
					if o.stamped {
						row = append(row[:len(row):len(row)], fetched)
					}
					if !yield(row, nil) {
						return
					}
				}
			}
			left = left[n:]
		}
	}
}

// compare orders two values of a column, NULL first.
func compare(a, b any) int {
	switch x := a.(type) {
	case int64:
		if y, ok := b.(int64); ok {
			return cmp.Compare(x, y)
		}
	case float64:
		if y, ok := b.(float64); ok {
			return cmp.Compare(x, y)
		}
	case string:
		if y, ok := b.(string); ok {
			return cmp.Compare(x, y)
		}
	case tables.Day:
		if y, ok := b.(tables.Day); ok {
			return cmp.Compare(x, y)
		}
	case bool:
		if y, ok := b.(bool); ok && x != y {
			if x {
				return 1
			}
			return -1
		}
	case time.Time:
		if y, ok := b.(time.Time); ok {
			return x.Compare(y)
		}
	case *apd.Decimal:
		if y, ok := b.(*apd.Decimal); ok {
			return x.Cmp(y)
		}
	case nil:
		if b != nil {
			return -1
		}
		return 0
	}
	if b == nil {
		return 1
	}
	return 0
}

// clearHive takes out of the hive folders what other engines would read beside
// what took its place there: retired segments, and live ones of which a day is
// in another one too. Their files are written anew under their ids.
func (c *Cache) clearHive(ctx context.Context, k key, t tables.Table, zone *time.Location) error {
	history, err := c.o.Index.History(ctx, k.source, k.table, k.account)
	if err != nil {
		return err
	}
	live := slices.DeleteFunc(slices.Clone(history), func(s Segment) bool { return !s.RetiredAt.IsZero() })
	at := winners(t, zone, live)
	for _, s := range history {
		if s.Gone || !inHive(s) || s.RetiredAt.IsZero() && all(s.Days, func(day tables.Day) bool {
			w, ok := at[day]
			return !ok || w.ID == s.ID || !inHive(w)
		}) {
			continue
		}
		if err := c.unhive(ctx, t, s); err != nil && !overtaken(err) {
			return err
		}
	}
	return nil
}

func (c *Cache) unhive(ctx context.Context, t tables.Table, old Segment) error {
	var columns []tables.Column
	for _, name := range old.Columns {
		column := t.Lookup(name)
		if column == nil {
			return nil // its type is not known any more
		}
		columns = append(columns, *column)
	}
	if old.Parts != nil {
		columns = append(columns, ownFetchedAt)
	}
	named, err := c.named(key{old.Source, old.Table, old.Account}, "", []Use{{Segment: old}})
	if err != nil {
		return err
	}
	s := old
	s.ID, s.Place = named.ID, ""
	c.hold(s)
	defer c.unhold(s)
	if s.Rows, s.Bytes, err = c.o.Store.Write(ctx, s.place(), columns, c.o.Store.Read(ctx, old.place(), columns)); err != nil {
		return err
	}
	if s.Epoch, err = c.o.Index.Epoch(ctx, s.Source, s.Table, s.Account); err != nil {
		c.discard(s)
		return err
	}
	b := c.book(key{s.Source, s.Table, s.Account})
	b.Lock()
	defer b.Unlock()
	change := Change{Add: []Segment{s}, Empty: []string{old.ID}}
	if old.RetiredAt.IsZero() {
		live, err := c.o.Index.Segments(ctx, s.Source, s.Table, s.Account)
		if err != nil {
			c.discard(s)
			return err
		}
		// A copy of what was retired meanwhile would be live.
		change.Needs, change.Retire, change.At = change.Empty, change.Empty, b.moment(c.now(), live)
	}
	if err := c.o.Index.Commit(ctx, change); err != nil {
		return err // it may have been done all the same; if not, the sweep finds the file
	}
	c.giveUp([]Segment{old})
	return nil
}
