package cachetest_test

import (
	"testing"

	"argo/cache"
	"argo/cache/cachetest"
	"argo/tables"
)

func TestIndexInMemory(t *testing.T) {
	cachetest.TestIndex(t, func(*testing.T) func() cache.Index {
		x := cachetest.NewIndex()
		return func() cache.Index { return x }
	})
}

func TestStoreInMemory(t *testing.T) {
	cachetest.TestStore(t, func(*testing.T) func() cache.Store {
		s := cachetest.NewStore()
		return func() cache.Store { return s }
	}, func(t *testing.T, s cache.Store, path string, columns []tables.Column) []tables.Row {
		var names []string
		for _, c := range columns {
			names = append(names, c.Name)
		}
		rows, err := s.(*cachetest.Store).Rows(path, names)
		if err != nil {
			t.Fatal(err)
		}
		return rows
	})
}
