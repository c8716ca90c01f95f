package cache

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"argo/tables"

	"github.com/cockroachdb/apd/v3"
)

// shelf knows the tables of the cache as their sources gave them, without its
// own columns.
type shelf struct {
	mu sync.Mutex
	of map[[2]string]tables.Table
}

func (s *shelf) put(source string, t tables.Table) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of == nil {
		s.of = map[[2]string]tables.Table{}
	}
	s.of[[2]string{source, t.Name}] = t
}

func (s *shelf) get(source, table string) (tables.Table, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, ok := s.of[[2]string{source, table}]
	return t, ok
}

// keys lists the tables and accounts that have a file, sorted.
func (c *Cache) keys(ctx context.Context, want func(Span) bool) ([]key, error) {
	all, err := c.o.Index.All(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the index: %w", err)
	}
	seen := map[key]bool{}
	for _, s := range all {
		if want(s.Span) {
			seen[key{s.Source, s.Table, s.Account}] = true
		}
	}
	return slices.SortedFunc(maps.Keys(seen), func(a, b key) int {
		return cmp.Or(strings.Compare(a.source, b.source), strings.Compare(a.table, b.table), strings.Compare(a.account, b.account))
	}), nil
}

// Restatement is one value that a source gave in two ways: a row of
// argo.restatements.
type Restatement struct {
	Source, Table, Account string
	Day                    tables.Day // "" for a table without days
	// Entity is a JSON object of the other key columns, in the order of the key.
	Entity string
	Column string
	// Old and New are values as in tables.Row; nil is NULL, and that the row was
	// not there: see Row.
	Old, New any
	Row      string // RowChanged, RowAppeared or RowVanished
	// Finality of the two readings; "" for a table without days.
	OldFinality, NewFinality string
	// OldFetchedAt and NewFetchedAt are when they were read; SeenAt is when the
	// new one became known.
	OldFetchedAt, NewFetchedAt, SeenAt time.Time
}

// What happened to the row of a Restatement.
const (
	RowChanged  = "changed"
	RowAppeared = "appeared"
	RowVanished = "vanished"
)

// The values of the column _finality: how far a day had come when it was read.
const (
	PartialDay  = "partial_day" // the account's day had not ended
	Provisional = "provisional" // it had, but the source still restates such days
	Final       = "final"       // the slowest group of columns had settled
)

// Finality of a day that was read at a moment, which is in the account's
// calendar; "" for a table without days.
func Finality(t tables.Table, fetched time.Time, day tables.Day) string {
	switch age := tables.DayOf(fetched).Sub(day); {
	case day == "":
		return ""
	case age <= 0:
		return PartialDay
	case age < Settled(t):
		return Provisional
	}
	return Final
}

// Settled is the age in days from which on no column of a table is restated.
func Settled(t tables.Table) int {
	n := t.Fresh.Settled()
	for _, g := range t.Groups {
		n = max(n, g.Settled())
	}
	return n
}

// diffRows is how many rows of a version are held in memory while they are
// compared. A larger version is read several times.
const diffRows = 200_000

// Restatements compares the successive readings of every cell: what a row that
// is in both held before and holds now, column by column, and the values of
// rows that appeared or vanished, but NULLs. Rows are matched by the key of the
// table. A reading that is not kept any more is left out: what changed by it is
// seen at the next one. Of one account and two readings at a time, the older
// come first; memory is bounded.
func (c *Cache) Restatements(ctx context.Context, f Filter) iter.Seq2[Restatement, error] {
	return func(yield func(Restatement, error) bool) {
		keys, err := c.keys(ctx, f.want)
		if err != nil {
			yield(Restatement{}, err)
			return
		}
		for _, k := range keys {
			t, ok := c.shelf.get(k.source, k.table)
			if !ok {
				continue // not configured any more: nobody knows its key
			}
			goOn, err := c.restated(ctx, k, t, f, func(r Restatement) bool { return yield(r, nil) })
			if err != nil {
				yield(Restatement{}, err)
			}
			if err != nil || !goOn {
				return
			}
		}
	}
}

func (c *Cache) restated(ctx context.Context, k key, t tables.Table, f Filter, give func(Restatement) bool) (goOn bool, err error) {
	zone, err := c.zone(ctx, k.source, k.account)
	if err != nil {
		return false, err
	}
	history, err := c.o.Index.History(ctx, k.source, k.table, k.account)
	if err != nil {
		return false, fmt.Errorf("read the history of %s: %w", k.table, err)
	}
	for _, p := range successions(t, history, f) {
		d := diff{t: t, zone: zone, pair: p, rows: diffRows, read: c.o.Store.Read}
		goOn, err := d.run(ctx, give)
		if errors.Is(err, fs.ErrNotExist) { // given up since the index was read
			continue
		}
		if err != nil {
			return false, fmt.Errorf("compare two readings of %s%s: %w", k.table, where(Span{Account: k.account}), err)
		}
		if !goOn {
			return false, nil
		}
	}
	return true, nil
}

// reading is what one fetch said of a cell: a segment, or a part of one.
type reading struct {
	Segment
	Part
}

func newestReading(a, b reading) int {
	return cmp.Or(a.Part.FetchedAt.Compare(b.Part.FetchedAt), cmp.Compare(a.ID, b.ID))
}

// partOf gives the part of a segment that holds a day.
func partOf(s Segment, day tables.Day) Part {
	for _, p := range s.Parts {
		if p.Days.Contains(day) {
			return p
		}
	}
	return Part{Days: s.Days, FetchedAt: s.FetchedAt, KnownAt: s.KnownAt, Checks: s.Checks}
}

// pair of successive readings and the cells and columns that both hold.
type pair struct {
	old, new reading
	days     map[tables.Day]bool
	columns  []string // not of the key, sorted
}

// successions gives the pairs to be compared, by the time the newer became
// known. Of each cell and column the readings follow each other in the order
// in which they answered: one that came in after a newer one never did. A
// compacted copy is the same reading as its original.
func successions(t tables.Table, history []Segment, f Filter) (out []pair) {
	key := sorted(slices.DeleteFunc(append(slices.Clone(t.Key), t.Account, t.Day), func(name string) bool { return name == "" }))
	at := map[tables.Day][]reading{}
	for _, s := range history {
		if s.Gone || !superset(s.Columns, key) || s.Days.IsZero() != (t.Day == "") || !f.want(s.Span) {
			continue
		}
		for day := range cells(s.Days) {
			if f.Days.IsZero() || f.Days.Contains(day) {
				at[day] = append(at[day], reading{s, partOf(s, day)})
			}
		}
	}
	type ends struct{ old, new int } // of the day's readings
	type id struct {
		old, new         string
		oldPart, newPart tables.Day
		columns          string
	}
	pairs := map[id]*pair{}
	for day, readings := range at {
		slices.SortFunc(readings, func(a, b reading) int {
			return cmp.Or(a.Part.KnownAt.Compare(b.Part.KnownAt), newestReading(a, b))
		})
		columns := map[ends][]string{}
		for _, column := range t.Columns {
			if slices.Contains(key, column.Name) {
				continue
			}
			last := -1
			for i, r := range readings {
				if _, ok := slices.BinarySearch(r.Columns, column.Name); !ok || last >= 0 && !r.Part.FetchedAt.After(readings[last].Part.FetchedAt) {
					continue
				}
				if last >= 0 && f.seen(r.Part.KnownAt) {
					columns[ends{last, i}] = append(columns[ends{last, i}], column.Name)
				}
				last = i
			}
		}
		for e, names := range columns {
			old, new := readings[e.old], readings[e.new]
			k := id{old.ID, new.ID, old.Part.Days.From, new.Part.Days.From, strings.Join(names, "\x00")}
			if pairs[k] == nil {
				pairs[k] = &pair{old: old, new: new, days: map[tables.Day]bool{}, columns: names}
			}
			pairs[k].days[day] = true
		}
	}
	for _, p := range pairs {
		out = append(out, *p)
	}
	slices.SortFunc(out, func(a, b pair) int {
		return cmp.Or(a.new.Part.KnownAt.Compare(b.new.Part.KnownAt), cmp.Compare(a.new.ID, b.new.ID), cmp.Compare(a.old.ID, b.old.ID),
			cmp.Compare(a.new.Part.Days.From, b.new.Part.Days.From), cmp.Compare(a.old.Part.Days.From, b.old.Part.Days.From),
			slices.Compare(a.columns, b.columns))
	})
	return out
}

// diff compares two readings.
type diff struct {
	t    tables.Table
	zone *time.Location
	pair
	rows int
	read func(ctx context.Context, place string, columns []tables.Column) iter.Seq2[tables.Row, error]

	columns []tables.Column // the key, then what is compared
	key     int             // columns of the key: the day first where there is one
}

// run gives what differs. A version of more rows than are held at once is cut
// by a hash of the key, and both are read once for each piece.
func (d *diff) run(ctx context.Context, give func(Restatement) bool) (goOn bool, err error) {
	if d.t.Day != "" {
		d.columns = append(d.columns, *d.t.Lookup(d.t.Day))
	}
	for _, name := range d.t.Key {
		if name != d.t.Day && name != d.t.Account {
			d.columns = append(d.columns, *d.t.Lookup(name))
		}
	}
	d.key = len(d.columns)
	for _, name := range d.pair.columns {
		d.columns = append(d.columns, *d.t.Lookup(name))
	}
	pieces := uint64(d.old.Rows)/uint64(d.rows) + 1
	for piece := range pieces {
		if goOn, err = d.piece(ctx, piece, pieces, give); err != nil || !goOn {
			return false, err
		}
	}
	return true, nil
}

func (d *diff) piece(ctx context.Context, piece, pieces uint64, give func(Restatement) bool) (goOn bool, err error) {
	before := map[string]tables.Row{}
	var order []string
	if err := d.each(ctx, d.old, piece, pieces, func(id string, row tables.Row) bool {
		before[id], order = row, append(order, id)
		return true
	}); err != nil {
		return false, err
	}
	goOn = true
	if err := d.each(ctx, d.new, piece, pieces, func(id string, row tables.Row) bool {
		old := before[id]
		delete(before, id)
		goOn = d.compare(old, row, give)
		return goOn
	}); err != nil || !goOn {
		return false, err
	}
	for _, id := range order {
		if old, ok := before[id]; ok && !d.compare(old, nil, give) {
			return false, nil
		}
	}
	return true, nil
}

// each reads the rows of a version that belong to the pair and the piece, with
// a text that identifies them: of rows with the same key the first is matched
// with the first.
func (d *diff) each(ctx context.Context, r reading, piece, pieces uint64, do func(id string, row tables.Row) bool) error {
	seen := map[string]int{}
	var text strings.Builder
	for row, err := range d.read(ctx, r.place(), d.columns) {
		if err != nil {
			return err
		}
		if day, _ := row[0].(tables.Day); d.t.Day != "" && !d.days[day] {
			continue
		}
		text.Reset()
		for _, v := range row[:d.key] {
			fmt.Fprintf(&text, "%T %v\x00", v, v)
		}
		id := text.String()
		if h := fnv.New64a(); pieces > 1 {
			h.Write([]byte(id))
			if h.Sum64()%pieces != piece {
				continue
			}
		}
		if seen[id]++; seen[id] > 1 {
			id = fmt.Sprint(id, seen[id])
		}
		if !do(id, row) {
			return nil
		}
	}
	return nil
}

// compare gives the differences of two rows; nil is one that is not there.
func (d *diff) compare(old, new tables.Row, give func(Restatement) bool) bool {
	row, what := new, RowChanged
	switch {
	case old == nil:
		old, what = make(tables.Row, len(d.columns)), RowAppeared
	case new == nil:
		row, new, what = old, make(tables.Row, len(d.columns)), RowVanished
	}
	r := Restatement{Source: d.old.Source, Table: d.old.Table, Account: d.old.Account, Row: what,
		OldFetchedAt: d.old.Part.FetchedAt, NewFetchedAt: d.new.Part.FetchedAt, SeenAt: d.new.Part.KnownAt}
	for i := d.key; i < len(d.columns); i++ {
		if same(old[i], new[i]) {
			continue
		}
		if r.Entity == "" {
			from := 0
			if d.t.Day != "" {
				r.Day, from = row[0].(tables.Day), 1
				r.OldFinality = Finality(d.t, d.old.Part.FetchedAt.In(d.zone), r.Day)
				r.NewFinality = Finality(d.t, d.new.Part.FetchedAt.In(d.zone), r.Day)
			}
			r.Entity = entity(d.columns[from:d.key], row[from:d.key])
		}
		r.Column, r.Old, r.New = d.columns[i].Name, old[i], new[i]
		if !give(r) {
			return false
		}
	}
	return true
}

// same says whether two values of a column are equal.
func same(a, b any) bool {
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

// entity writes key columns as a JSON object in their order.
func entity(columns []tables.Column, row tables.Row) string {
	var b strings.Builder
	b.WriteByte('{')
	for i, c := range columns {
		if i > 0 {
			b.WriteString(", ")
		}
		v := row[i]
		if d, ok := v.(*apd.Decimal); ok {
			v = json.Number(d.Text('f'))
		}
		name, _ := json.Marshal(c.Name) // a text
		value, err := json.Marshal(v)
		if err != nil {
			value = []byte("null")
		}
		b.Write(name)
		b.WriteString(": ")
		b.Write(value)
	}
	b.WriteByte('}')
	return b.String()
}
