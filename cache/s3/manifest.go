package s3

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"argo/cache"
	"argo/tables/fault"
)

// key of a manifest.
type key struct{ source, table, account string }

func (k key) folder() string { return cache.Partition(k.source, k.table, k.account) }

func (k key) object() string { return "index/" + k.folder() + ".json.gz" }

// keyOf is the key of an object that list has given.
func keyOf(object string) (k key, ok bool) {
	folder, ok1 := strings.CutPrefix(object, "index/")
	folder, ok2 := strings.CutSuffix(folder, ".json.gz")
	source, table, account, ok3 := cache.OfPartition(folder)
	return key{source, table, account}, ok1 && ok2 && ok3
}

const (
	version = 1
	// maxRetired is from how many on the older half of the retired segments
	// leaves a manifest for a chunk: what every change reads and writes stays
	// small, however long the history is.
	maxRetired = 256
	// maxWrites is how many of the last writes a manifest names.
	maxWrites = 32
)

// manifest is everything known of one table and account. One that was read is
// never modified; a change works on a copy.
type manifest struct {
	Version                int
	Source, Table, Account string
	Epoch                  int64
	Live                   []cache.Segment // by id
	Retired                []cache.Segment // by RetiredAt, the newest of them; the others are in Chunks
	Chunks                 []chunk         // oldest first
	Claims                 []cache.Claim   // Until by the server's clock
	// Writes are the ids of the last writes: who was told that its write came
	// too late looks here whether it was its own that came first.
	Writes []string

	replaced []string // ids of chunks that this change makes superfluous
}

// chunk is retired segments in an object of their own, which never changes.
type chunk struct {
	ID    string // ULID
	Count int
	Files int // of them not Gone
}

func (k key) chunk(id string) string { return "history/" + k.folder() + "/" + id + ".json.gz" }

func (m *manifest) key() key { return key{m.Source, m.Table, m.Account} }

// clone is a copy whose lists may be changed, not what is in them.
func (m *manifest) clone() *manifest {
	c := *m
	c.Live, c.Retired, c.Chunks = slices.Clone(m.Live), slices.Clone(m.Retired), slices.Clone(m.Chunks)
	c.Claims, c.Writes, c.replaced = slices.Clone(m.Claims), slices.Clone(m.Writes), nil
	return &c
}

// find gives where a live or retired segment stands, outside chunks.
func find(in []cache.Segment, id string) int {
	return slices.IndexFunc(in, func(s cache.Segment) bool { return s.ID == id })
}

// retire moves live segments that want holds to the retired ones.
func (m *manifest) retire(at time.Time, want func(cache.Segment) bool) (retired []cache.Segment) {
	m.Live = slices.DeleteFunc(m.Live, func(s cache.Segment) bool {
		if !want(s) {
			return false
		}
		s.RetiredAt = at
		retired = append(retired, s)
		return true
	})
	m.Retired = append(m.Retired, retired...)
	slices.SortStableFunc(m.Retired, func(a, b cache.Segment) int { return a.RetiredAt.Compare(b.RetiredAt) })
	return retired
}

// forgettable says whether a Gone segment may be forgotten altogether: nothing
// that is left would answer in its place, AS OF a moment at which it did.
func forgettable(gone cache.Segment, all []cache.Segment) bool {
	for _, s := range all {
		if s.Gone || !s.RetiredAt.IsZero() && !s.RetiredAt.After(gone.KnownAt) {
			continue
		}
		parts := s.Parts
		if len(parts) == 0 {
			parts = []cache.Part{{Days: s.Days, KnownAt: s.KnownAt}}
		}
		for _, p := range parts {
			_, overlap := p.Days.Intersect(gone.Days)
			if overlap && p.KnownAt.Before(gone.KnownAt) {
				return false
			}
		}
	}
	return true
}

// encode and decode are gzip around JSON.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	if err := json.NewEncoder(z).Encode(v); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// decode fails on what it does not know: a node that would drop what a newer
// one has written stops instead.
func decode(where string, body []byte, v any) error {
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err == nil {
		body, err = io.ReadAll(z)
	}
	if err == nil {
		d := json.NewDecoder(bytes.NewReader(body))
		d.DisallowUnknownFields()
		err = d.Decode(v)
	}
	if m, ok := v.(*manifest); ok && err == nil && m.Version != version {
		err = fmt.Errorf("version %d", m.Version)
	}
	if err != nil {
		return fault.Wrap(fault.Broken, err, "%s cannot be read; a newer argo may have written it", where).(*fault.Error).
			WithHint("run the same version of argo on every node, or give this one another cache.s3 prefix")
	}
	return nil
}
