package cache

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"
)

// place is where the file of a segment lies in the Store.
func (s Segment) place() string { return cmp.Or(s.Place, s.ID) }

// unpin takes one reader off a segment; c.mu is held.
func (c *Cache) unpin(id string) {
	if c.pins[id]--; c.pins[id] <= 0 {
		delete(c.pins, id)
	}
}

// hold keeps the sweep and the eviction of this process from a segment that is
// being made or read.
func (c *Cache) hold(s Segment) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pins[s.ID]++
}

func (c *Cache) unhold(s Segment) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unpin(s.ID)
}

// discard removes the file of a segment that was not committed, and that nobody
// reads.
func (c *Cache) discard(s Segment) { c.remove([]string{s.place()}) }

// giveUp lets go of the files of segments that the index does not need any more.
// A statement of another process may be reading them: they are removed when the
// grace is over.
func (c *Cache) giveUp(segments []Segment) {
	now := c.now()
	c.mu.Lock()
	for _, s := range segments {
		c.orphans[s.place()] = orphan{since: now, sure: true}
	}
	c.mu.Unlock()
	c.tidy()
}

// remove deletes files. One that stays is an orphan for the next Sweep.
func (c *Cache) remove(places []string) {
	for _, place := range places {
		if err := c.o.Store.Remove(context.Background(), place); err != nil {
			c.o.Log.Warn("a file stays until the next sweep", "segment", place, "err", err)
		}
	}
}

// orphan is a file that no segment needs, as far as this process has seen.
type orphan struct {
	since time.Time
	sure  bool // the index has given it up; else it may just not know it yet
}

// tidy removes the orphans whose grace is over, now and then: whoever has
// something to do anyway calls it, and Sweep.
func (c *Cache) tidy() {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || len(c.orphans) == 0 || c.tidying || now.Sub(c.tidied) < c.o.Grace/4 {
		return
	}
	c.tidying, c.tidied = true, now
	c.wg.Go(func() {
		if err := c.removeOrphans(context.Background(), now); err != nil {
			c.o.Log.Warn("files that are not needed stay until the next sweep", "err", err)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.tidying = false
	})
}

func (c *Cache) removeOrphans(ctx context.Context, now time.Time) error {
	var places, unsure []string
	c.mu.Lock()
	for place, o := range c.orphans {
		switch {
		case now.Sub(o.since) < c.o.Grace || c.pins[path.Base(place)] > 0:
		case o.sure:
			places = append(places, place)
		default:
			unsure = append(unsure, place)
		}
	}
	c.mu.Unlock()
	if len(unsure) > 0 { // another process may have committed what it was writing
		known, err := c.places(ctx)
		if err != nil {
			return err
		}
		for _, place := range unsure {
			if !known[place] {
				places = append(places, place)
			}
		}
	}
	slices.Sort(places)
	c.remove(places)
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, place := range slices.Concat(places, unsure) {
		delete(c.orphans, place)
	}
	return nil
}

// places that a segment needs.
func (c *Cache) places(ctx context.Context) (map[string]bool, error) {
	all, err := c.o.Index.All(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the index: %w", err)
	}
	known := make(map[string]bool, len(all))
	for _, s := range all {
		known[s.place()] = true
	}
	return known, nil
}

// Forget retires what is cached of a table and account, after a change there. A
// fetch that began before it is not committed after it, in this process or in
// another; a statement that begins later sees nothing that was read before, and
// AS OF an earlier moment goes on.
func (c *Cache) Forget(ctx context.Context, source, table, account string) error {
	k := key{source, table, account}
	b := c.book(k)
	b.Lock()
	defer b.Unlock()
	have, err := c.lists.live(ctx, k)
	if err != nil {
		return err
	}
	c.mu.Lock()
	b.flights = nil // nobody joins them any more; the epoch keeps them out of the index
	c.mu.Unlock()
	c.faults.forget(k)
	retired, err := c.o.Index.Forget(ctx, source, table, account, b.moment(c.now(), have))
	if err != nil {
		return fmt.Errorf("forget %s.%s of account %s: %w", source, table, account, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range retired {
		c.history += s.Bytes
	}
	return nil
}

// Sweep mends what a crash left behind and keeps the policies: files that the
// index does not know are removed once they have been seen for as long as the
// grace, segments whose file is gone are given up, history that is too old is,
// and what is too much for the byte budgets. It may run at any time, and should
// now and then.
func (c *Cache) Sweep(ctx context.Context) error {
	files, err := c.o.Store.List(ctx)
	if err != nil {
		return fmt.Errorf("list the segments' files: %w", err)
	}
	all, err := c.o.Index.All(ctx) // after the files: what was there and is committed is known
	if err != nil {
		return fmt.Errorf("read the index: %w", err)
	}
	there := make(map[string]bool, len(files))
	for _, place := range files {
		there[place] = true
	}
	var lost []Segment
	known := make(map[string]bool, len(all))
	c.mu.Lock()
	c.bytes, c.history = 0, 0
	for _, s := range all {
		known[s.place()] = true
		c.bytes += s.Bytes
		if !s.RetiredAt.IsZero() {
			c.history += s.Bytes
		}
		if !there[s.place()] && c.pins[s.ID] == 0 {
			lost = append(lost, s)
		}
	}
	now, strays := c.now(), 0
	since := now
	if c.o.Alone != nil && c.o.Alone() {
		since = now.Add(-c.o.Grace) // nobody else can need what the index does not know
	}
	for place := range c.orphans {
		if !there[place] || known[place] {
			delete(c.orphans, place)
		}
	}
	for _, place := range files {
		if _, seen := c.orphans[place]; !known[place] && !seen && c.pins[path.Base(place)] == 0 {
			c.orphans[place] = orphan{since: since}
			strays++
		}
	}
	c.mu.Unlock()
	gone := 0
	for _, s := range lost {
		// It may have been committed since the files were listed.
		if _, err := c.o.Store.Path(ctx, s.place()); errors.Is(err, fs.ErrNotExist) {
			if err := c.lose(ctx, s); err != nil {
				return err
			}
			gone++
		}
	}
	if strays+gone > 0 {
		c.o.Log.InfoContext(ctx, "the cache was mended", "files_without_segment", strays, "segments_without_file", gone)
	}
	if err := c.removeOrphans(ctx, now); err != nil {
		return err
	}
	return c.shrink(ctx, true)
}

// lose gives up a segment whose file is gone, and what an older reading would
// answer in its place.
func (c *Cache) lose(ctx context.Context, s Segment) error {
	k := key{s.Source, s.Table, s.Account}
	b := c.book(k)
	b.Lock()
	defer b.Unlock()
	have, err := c.lists.live(ctx, k)
	if err != nil {
		return err
	}
	change := Change{Empty: []string{s.ID}, Retire: []string{s.ID}, At: b.moment(c.now(), have)}
	if s.RetiredAt.IsZero() {
		b.gaveUp = change.At
		for _, o := range older(have, []Segment{s}) {
			change.Retire = append(change.Retire, o.ID)
		}
	}
	if err := c.o.Index.Commit(ctx, change); err != nil {
		return fmt.Errorf("give up segment %s: %w", s.ID, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bytes -= s.Bytes
	if !s.RetiredAt.IsZero() {
		c.history -= s.Bytes
	}
	return nil
}

// keepBudget shrinks the cache after a commit.
func (c *Cache) keepBudget() {
	if err := c.shrink(context.Background(), false); err != nil {
		c.o.Log.Warn("the cache stays above its budget", "err", err)
	}
	c.tidy()
}

// shrink gives up what the policies do not keep: history that is too old, then
// what exceeds a budget, down to nine tenths of it, so that not every commit
// does. A segment in use is spared. That it answers is gone from the index
// before its file is.
func (c *Cache) shrink(ctx context.Context, aged bool) error {
	c.mu.Lock()
	before, history := c.bytes, c.history
	over := c.o.MaxBytes > 0 && before > c.o.MaxBytes || c.o.History.MaxBytes > 0 && history > c.o.History.MaxBytes || c.o.History.Keep < 0 && history > 0
	c.mu.Unlock()
	if !over && !aged || !c.evict.TryLock() {
		return nil
	}
	defer c.evict.Unlock()
	all, err := c.o.Index.All(ctx)
	if err != nil {
		return fmt.Errorf("read the index: %w", err)
	}
	c.mu.Lock()
	spared := func(s Segment) bool { return c.pins[s.ID] > 0 }
	victims := c.o.victims(all, c.now(), spared)
	total, retired := sizes(all)
	c.mu.Unlock()
	byKey := map[key][]Segment{}
	var order []key
	for _, s := range victims {
		k := key{s.Source, s.Table, s.Account}
		if byKey[k] == nil {
			order = append(order, k)
		}
		byKey[k] = append(byKey[k], s)
	}
	for _, k := range order {
		freed, err := c.expel(ctx, k, byKey[k])
		if err != nil {
			return err
		}
		for _, s := range freed {
			total -= s.Bytes
			if !s.RetiredAt.IsZero() {
				retired -= s.Bytes
			}
		}
	}
	c.mu.Lock()
	c.bytes += total - before // what was committed meanwhile stays counted
	c.history += retired - history
	c.mu.Unlock()
	return nil
}

func sizes(all []Segment) (total, history int64) {
	for _, s := range all {
		total += s.Bytes
		if !s.RetiredAt.IsZero() {
			history += s.Bytes
		}
	}
	return total, history
}

// victims chooses what to give up. History goes before what answers, the
// longest retired first. Of what answers, that which was read once only goes
// before that which was asked for again, so that a scan made once does not
// empty the cache; and of what was asked for again the latest used up to four
// fifths of the budget are counted so, else old favourites would stay for ever.
// Where segments overlap the older one goes first: it would answer again.
func (o Options) victims(all []Segment, now time.Time, spared func(Segment) bool) (out []Segment) {
	total, history := sizes(all)
	var live, retired []Segment
	for _, s := range all {
		if s.RetiredAt.IsZero() {
			live = append(live, s)
		} else {
			retired = append(retired, s)
		}
	}
	budget := func(most, is int64) int64 { // what has to go
		if most <= 0 || is <= most {
			return 0
		}
		return is - (most - most/10)
	}
	take := func(s Segment) {
		out = append(out, s)
		total -= s.Bytes
		if !s.RetiredAt.IsZero() {
			history -= s.Bytes
		}
	}

	slices.SortFunc(retired, func(a, b Segment) int {
		return cmp.Or(a.RetiredAt.Compare(b.RetiredAt), strings.Compare(a.ID, b.ID))
	})
	ofHistory := max(budget(o.History.MaxBytes, history), min(history, budget(o.MaxBytes, total)))
	for _, s := range retired {
		if old := now.Sub(s.RetiredAt) >= o.History.Keep; !spared(s) && (old || ofHistory > 0) {
			ofHistory -= s.Bytes
			take(s)
		}
	}

	left := budget(o.MaxBytes, total)
	if left == 0 {
		return out
	}
	used := func(s Segment) time.Time { return later(s.UsedAt, s.FetchedAt) }
	slices.SortFunc(live, func(a, b Segment) int { // the latest used first
		return cmp.Or(used(b).Compare(used(a)), newestFirst(a, b))
	})
	again := map[string]bool{}
	favourites := o.MaxBytes / 5 * 4
	byKey := map[key][]Segment{}
	for _, s := range live {
		if s.Uses > 1 && favourites >= s.Bytes {
			favourites -= s.Bytes
			again[s.ID] = true
		}
		k := key{s.Source, s.Table, s.Account}
		byKey[k] = append(byKey[k], s)
	}
	slices.Reverse(live)
	slices.SortStableFunc(live, func(a, b Segment) int {
		switch {
		case again[a.ID] == again[b.ID]:
			return 0
		case again[b.ID]:
			return -1
		}
		return 1
	})
	taken := map[string]bool{}
	for _, drag := range []bool{false, true} {
		for _, s := range live {
			if left <= 0 {
				return out
			}
			if taken[s.ID] || spared(s) {
				continue
			}
			below := slices.DeleteFunc(older(byKey[key{s.Source, s.Table, s.Account}], []Segment{s}), func(o Segment) bool { return taken[o.ID] })
			if len(below) > 0 && (!drag || slices.ContainsFunc(below, spared)) {
				continue
			}
			for _, o := range append(below, s) {
				taken[o.ID] = true
				left -= o.Bytes
				take(o)
			}
		}
	}
	return out
}

// expel gives up segments of one table and account that nobody reads.
func (c *Cache) expel(ctx context.Context, k key, segments []Segment) (freed []Segment, err error) {
	b := c.book(k)
	b.Lock()
	defer b.Unlock()
	have, err := c.lists.live(ctx, k)
	if err != nil {
		return nil, err
	}
	change := Change{At: b.moment(c.now(), have)}
	c.mu.Lock()
	for _, s := range segments {
		if c.pins[s.ID] > 0 {
			continue
		}
		if s.RetiredAt.IsZero() && slices.ContainsFunc(older(have, []Segment{s}), func(o Segment) bool {
			return !slices.ContainsFunc(segments, func(v Segment) bool { return v.ID == o.ID }) || c.pins[o.ID] > 0
		}) {
			continue // an older reading has come into use meanwhile
		}
		freed = append(freed, s)
		change.Empty = append(change.Empty, s.ID)
		if s.RetiredAt.IsZero() {
			b.gaveUp = change.At
			change.Retire = append(change.Retire, s.ID)
		}
	}
	c.mu.Unlock()
	if len(freed) == 0 {
		return nil, nil
	}
	if err := c.o.Index.Commit(ctx, change); err != nil {
		return nil, fmt.Errorf("give up segments of %s: %w", k.table, err)
	}
	c.giveUp(freed)
	return freed, nil
}
