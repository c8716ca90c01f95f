package s3

import (
	"container/list"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// tier decides which files stay on the disk. It is 2Q (Johnson and Shasha,
// VLDB 1994) by bytes: what is new stands in a queue of its own, and only what
// is used again, there or soon after it has left, moves to the list of what is
// used often. So a scan of history that is made once flows through a quarter of
// the disk and pushes out nothing that dashboards live on. Not safe for
// concurrent use.
type tier struct {
	max, bytes, new int64 // new: bytes of once
	entries         map[string]*list.Element
	once, often     *list.List // of *file, the newest and the last used in front
	left            *simplelru.LRU[string, struct{}]
	at              func() time.Time
	// busy says whether a file is being read.
	busy func(place string) bool
}

type file struct {
	place string
	bytes int64
	born  time.Time // when it came
	used  time.Time
	often bool
	pins  int
}

// again is how long after a file came a use counts as another one: one
// statement looks at a file several times.
const again = time.Minute

func newTier(max int64, at func() time.Time, busy func(string) bool) (*tier, error) {
	left, err := simplelru.NewLRU[string, struct{}](16384, nil)
	return &tier{max: max, entries: map[string]*list.Element{}, once: list.New(), often: list.New(), left: left, at: at, busy: busy}, err
}

// add notes a file that has come.
func (t *tier) add(place string, bytes int64, often bool) *file {
	t.drop(place)
	now := t.at()
	f := &file{place: place, bytes: bytes, born: now, used: now, often: often || t.left.Remove(place)}
	t.put(f)
	return f
}

func (t *tier) put(f *file) {
	t.bytes += f.bytes
	if f.often {
		t.entries[f.place] = t.often.PushFront(f)
	} else {
		t.new += f.bytes
		t.entries[f.place] = t.once.PushFront(f)
	}
}

// use notes a use and gives the file; nil where it is not on the disk.
func (t *tier) use(place string) *file {
	e := t.entries[place]
	if e == nil {
		return nil
	}
	f := e.Value.(*file)
	now := t.at()
	f.used = now
	switch {
	case f.often:
		t.often.MoveToFront(e)
	case now.Sub(f.born) >= again:
		t.drop(place)
		f.often = true
		t.put(f)
	}
	return f
}

// drop forgets a file.
func (t *tier) drop(place string) {
	e := t.entries[place]
	if e == nil {
		return
	}
	f := e.Value.(*file)
	delete(t.entries, place)
	t.bytes -= f.bytes
	if f.often {
		t.often.Remove(e)
	} else {
		t.new -= f.bytes
		t.once.Remove(e)
	}
}

// evict forgets files until the rest fits and gives their places. What is read
// stays, whatever the budget.
func (t *tier) evict() (places []string) {
	if t.max <= 0 {
		return nil
	}
	for t.bytes > t.max {
		first, second := t.often, t.once
		if t.new > t.max/4 {
			first, second = t.once, t.often
		}
		f := t.victim(first)
		if f == nil {
			f = t.victim(second)
		}
		if f == nil {
			break
		}
		t.drop(f.place)
		if !f.often {
			t.left.Add(f.place, struct{}{})
		}
		places = append(places, f.place)
	}
	return places
}

// victim is the file that goes first; what was used within the last seconds
// may be about to be read.
func (t *tier) victim(l *list.List) *file {
	now := t.at()
	for e := l.Back(); e != nil; e = e.Prev() {
		f := e.Value.(*file)
		if f.pins == 0 && now.Sub(f.used) >= grasp && !t.busy(f.place) {
			return f
		}
	}
	return nil
}

// grasp is the time between Path and the reader's own hold on the file.
const grasp = 10 * time.Second
