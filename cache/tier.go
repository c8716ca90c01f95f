package cache

import "path"

// Reading says whether a statement or a fetch of this process holds the file
// at a place, for a Store that keeps on the disk only what is near.
func (c *Cache) Reading(place string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pins[path.Base(place)] > 0
}
