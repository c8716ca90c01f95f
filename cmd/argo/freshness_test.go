package main

import (
	"context"
	"fmt"
	"iter"
	"testing"
	"time"

	"argo/configs"
	"argo/tables"
	"argo/tables/fault"
)

// What the configuration says of a table holds for all of its columns, and what
// it says of a group for those of the group.
func TestConfiguredFreshness(t *testing.T) {
	steps := func(within int, keep time.Duration) tables.Freshness {
		return tables.Freshness{Steps: []tables.Step{{Within: within, Keep: keep}}}
	}
	own := map[string]tables.Freshness{"delivery": steps(36, time.Hour), "conversions": steps(92, time.Hour)}
	list := func() []tables.Table {
		scan := func(context.Context, tables.Scan) iter.Seq2[tables.Row, error] { return nil }
		return []tables.Table{{Name: "a", Scan: scan, Fresh: steps(92, time.Hour), Groups: own}, {Name: "b", Scan: scan, Fresh: steps(92, time.Hour)}}
	}
	of := func(within int, keep time.Duration) configs.Freshness {
		return configs.Freshness{Steps: []configs.Step{{Within: within, Keep: keep}}}
	}
	for _, c := range []struct {
		config map[string]configs.Freshness
		want   string // days until a, its conversions, its delivery and b are settled
	}{
		{nil, "92 92 36 92"},
		{map[string]configs.Freshness{"*": of(28, time.Minute)}, "28 28 28 28"},
		{map[string]configs.Freshness{"a": of(28, time.Minute)}, "28 28 28 92"},
		{map[string]configs.Freshness{"*.delivery": of(7, time.Minute)}, "92 92 7 92"},
		{map[string]configs.Freshness{"*": of(28, time.Minute), "a.delivery": of(7, time.Minute)}, "28 28 7 28"},
		{map[string]configs.Freshness{"*.delivery": of(7, time.Minute), "a": of(28, time.Minute)}, "28 28 28 92"},
		{map[string]configs.Freshness{"b": {Entity: time.Minute}}, "92 92 36 92"},
	} {
		got := list()
		if err := refresh(got, &configs.Connection{Name: "x", Freshness: c.config}); err != nil {
			t.Fatal(err)
		}
		a := got[0]
		if s := fmt.Sprint(a.Fresh.Settled(), a.Groups["conversions"].Settled(), a.Groups["delivery"].Settled(), got[1].Fresh.Settled()); s != c.want {
			t.Errorf("%v: %s, want %s", c.config, s, c.want)
		}
	}
	if own["delivery"].Settled() != 36 {
		t.Error("the source's own sheet was changed")
	}
	for _, key := range []string{"c", "*.spend", "b.delivery"} {
		if err := refresh(list(), &configs.Connection{Name: "x", Freshness: map[string]configs.Freshness{key: of(1, time.Minute)}}); !fault.Is(err, fault.Config) {
			t.Errorf("%s: %v", key, err)
		}
	}
}
