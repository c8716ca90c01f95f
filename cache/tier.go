package cache

import (
	"context"
	"fmt"
	"path"
	"sync"

	"golang.org/x/sync/errgroup"
)

// Reading says whether a statement or a fetch of this process holds the file
// at a place, for a Store that keeps on the disk only what is near.
func (c *Cache) Reading(place string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pins[path.Base(place)] > 0
}

// paths gives the file of each use that has rows, "" for the others. A Store
// may have to bring them from far away: that is done side by side. With an
// error comes the segment that it is about.
func (c *Cache) paths(ctx context.Context, use []Use) (paths []string, lost Segment, err error) {
	paths = make([]string, len(use))
	var once sync.Once
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(16)
	for i, u := range use {
		s := u.Segment
		if s.Rows == 0 {
			continue
		}
		group.Go(func() error {
			p, failed := c.o.Store.Path(ctx, s.place())
			if failed != nil {
				once.Do(func() { lost, err = s, fmt.Errorf("open segment %s: %w", s.ID, failed) })
			}
			paths[i] = p
			return failed
		})
	}
	_ = group.Wait() // what failed first is in err
	return paths, lost, err
}
