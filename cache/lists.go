package cache

import (
	"context"
	"fmt"
	"sync"

	lru "github.com/hashicorp/golang-lru/v2"
)

// lists keeps the live segments of tables and accounts in memory for as long as
// an index that is Versions says that they are the same; of another index every
// list is read anew. What it gives must not be changed.
type lists struct {
	index    Index
	versions Versions // nil: none

	mu   sync.Mutex
	of   *lru.Cache[key, listed]
	size int // segments held
}

type listed struct {
	version  int64
	segments []Segment
}

// heldSegments is how many segments are kept in memory, at some 400 bytes each.
const heldSegments = 250_000

func newLists(index Index) (*lists, error) {
	l := &lists{index: index}
	l.versions, _ = index.(Versions)
	var err error
	l.of, err = lru.NewWithEvict(1<<20, func(_ key, was listed) { l.size -= len(was.segments) + 1 })
	return l, err
}

// live gives the live segments of a table and account.
func (l *lists) live(ctx context.Context, k key) ([]Segment, error) {
	var version int64
	if l.versions != nil {
		var err error
		if version, err = l.versions.Version(ctx, k.source, k.table, k.account); err != nil {
			return nil, fmt.Errorf("read the index of %s: %w", k.table, err)
		}
		l.mu.Lock()
		have, ok := l.of.Get(k)
		l.mu.Unlock()
		if ok && have.version == version {
			return have.segments, nil
		}
	}
	segments, err := l.index.Segments(ctx, k.source, k.table, k.account)
	if err != nil {
		return nil, fmt.Errorf("read the index of %s: %w", k.table, err)
	}
	if l.versions != nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.of.Remove(k)
		l.of.Add(k, listed{version, segments})
		for l.size += len(segments) + 1; l.size > heldSegments && l.of.Len() > 1; {
			l.of.RemoveOldest()
		}
	}
	return segments, nil
}
