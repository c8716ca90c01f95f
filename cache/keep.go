package cache

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// unpin takes one reader off a segment and gives its id where the file is to
// be removed now; c.mu is held.
func (c *Cache) unpin(id string) (gone []string) {
	if c.pins[id]--; c.pins[id] > 0 {
		return nil
	}
	delete(c.pins, id)
	if c.doomed[id] {
		delete(c.doomed, id)
		return []string{id}
	}
	return nil
}

// retire removes the files of segments that the index has dropped, those that
// are read when their last reader has gone. Nobody can pin them any more:
// pins are taken of what the index lists.
func (c *Cache) retire(ids []string) {
	c.mu.Lock()
	var gone []string
	for _, id := range ids {
		if c.pins[id] > 0 {
			c.doomed[id] = true
		} else {
			gone = append(gone, id)
		}
	}
	c.mu.Unlock()
	c.remove(gone)
}

// remove deletes files. One that stays is an orphan for the next Sweep.
func (c *Cache) remove(ids []string) {
	for _, id := range ids {
		if err := c.o.Store.Remove(context.Background(), id); err != nil {
			c.o.Log.Warn("a dropped segment stays until the next sweep", "segment", id, "err", err)
		}
	}
}

// Forget drops what is cached of a table and account, after a change there. A
// fetch that began before it is not committed after it, in this process or in
// another; statements that wait for such a fetch get their rows, a statement
// that begins later does not.
func (c *Cache) Forget(ctx context.Context, source, table, account string) error {
	b := c.book(key{source, table, account})
	b.Lock()
	c.mu.Lock()
	b.flights = nil // nobody joins them any more; the epoch keeps them out of the index
	c.mu.Unlock()
	dropped, err := c.o.Index.Forget(ctx, source, table, account, c.o.Now().UTC().Truncate(time.Microsecond))
	b.Unlock()
	if err != nil {
		return fmt.Errorf("forget %s.%s of account %s: %w", source, table, account, err)
	}
	var ids []string
	c.mu.Lock()
	for _, s := range dropped {
		ids = append(ids, s.ID)
		c.bytes -= s.Bytes
	}
	c.mu.Unlock()
	c.retire(ids)
	return nil
}

// Sweep mends what a crash left behind: files that the index does not know are
// removed, segments whose file is gone are dropped. Then it keeps the byte
// budget. It may run at any time.
func (c *Cache) Sweep(ctx context.Context) error {
	files, err := c.o.Store.List(ctx)
	if err != nil {
		return fmt.Errorf("list the segments' files: %w", err)
	}
	// The index is read after the files, and the pins in between: what had a
	// file and no pin is committed or an orphan. What another process is about
	// to commit in these milliseconds is at worst fetched again.
	c.mu.Lock()
	orphans := slices.DeleteFunc(files, func(id string) bool { return c.pins[id] > 0 })
	c.mu.Unlock()
	known, err := c.ids(ctx)
	if err != nil {
		return err
	}
	orphans = slices.DeleteFunc(orphans, func(id string) bool { _, ok := known[id]; return ok })
	for _, id := range orphans {
		if err := c.o.Store.Remove(ctx, id); err != nil {
			return fmt.Errorf("remove segment %s, which the index does not know: %w", id, err)
		}
	}

	// The other way round the files are read after the index.
	if files, err = c.o.Store.List(ctx); err != nil {
		return fmt.Errorf("list the segments' files: %w", err)
	}
	there := map[string]bool{}
	for _, id := range files {
		there[id] = true
	}
	var lost []string
	total := int64(0)
	for id, bytes := range known {
		if there[id] {
			total += bytes
		} else {
			lost = append(lost, id)
		}
	}
	slices.Sort(lost)
	if len(lost) > 0 {
		if err := c.o.Index.Commit(ctx, Change{Drop: lost}); err != nil {
			return fmt.Errorf("drop segments without a file: %w", err)
		}
	}
	c.mu.Lock()
	c.bytes = total
	c.mu.Unlock()
	if len(orphans)+len(lost) > 0 {
		c.o.Log.InfoContext(ctx, "the cache was mended", "orphans", len(orphans), "lost", len(lost))
	}
	return c.shrink(ctx)
}

func (c *Cache) ids(ctx context.Context) (map[string]int64, error) {
	all, err := c.o.Index.All(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the index: %w", err)
	}
	ids := make(map[string]int64, len(all))
	for _, s := range all {
		ids[s.ID] = s.Bytes
	}
	return ids, nil
}

// keepBudget shrinks the cache after a commit.
func (c *Cache) keepBudget() {
	if err := c.shrink(context.Background()); err != nil {
		c.o.Log.Warn("the cache stays above its budget", "err", err)
	}
}

// shrink evicts the least recently used segments where the budget is exceeded,
// down to nine tenths of it, so that not every commit evicts. A segment in use
// is never evicted. Its coverage is gone from the index before its file is.
func (c *Cache) shrink(ctx context.Context) error {
	c.mu.Lock()
	before := c.bytes
	c.mu.Unlock()
	if c.o.MaxBytes <= 0 || before <= c.o.MaxBytes || !c.evict.TryLock() {
		return nil
	}
	defer c.evict.Unlock()
	all, err := c.o.Index.All(ctx)
	if err != nil {
		return fmt.Errorf("read the index: %w", err)
	}
	total := int64(0)
	for _, s := range all {
		total += s.Bytes
	}
	used := func(s Segment) int64 { return max(s.UsedAt.UnixMicro(), s.FetchedAt.UnixMicro()) }
	slices.SortFunc(all, func(a, b Segment) int {
		if d := used(a) - used(b); d != 0 {
			return int(max(-1, min(1, d)))
		}
		return -newestFirst(a, b)
	})
	var order []key
	victims := map[key][]Segment{}
	left := total
	for _, s := range all {
		if left <= c.o.MaxBytes-c.o.MaxBytes/10 {
			break
		}
		c.mu.Lock()
		pinned := c.pins[s.ID] > 0
		c.mu.Unlock()
		if pinned {
			continue
		}
		k := key{s.Source, s.Table, s.Account}
		if victims[k] == nil {
			order = append(order, k)
		}
		victims[k] = append(victims[k], s)
		left -= s.Bytes
	}
	for _, k := range order {
		freed, err := c.expel(ctx, k, victims[k])
		if err != nil {
			return err
		}
		total -= freed
	}
	c.mu.Lock()
	c.bytes += total - before // what was committed meanwhile stays counted
	c.mu.Unlock()
	return nil
}

// expel drops segments of one table and account that nobody reads.
func (c *Cache) expel(ctx context.Context, k key, segments []Segment) (freed int64, err error) {
	b := c.book(k)
	b.Lock()
	defer b.Unlock()
	var ids []string
	c.mu.Lock()
	for _, s := range segments {
		if c.pins[s.ID] == 0 {
			ids = append(ids, s.ID)
			freed += s.Bytes
		}
	}
	c.mu.Unlock()
	if err := c.o.Index.Commit(ctx, Change{Drop: ids}); err != nil {
		return 0, fmt.Errorf("evict from %s: %w", k.table, err)
	}
	c.remove(ids)
	return freed, nil
}
