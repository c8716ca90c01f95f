package googleads

import (
	"bytes"
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"argo/tables"
	"argo/tables/fault"
)

// Whatever a row is, it becomes values or a fault.
func FuzzRow(f *testing.F) {
	golden, err := os.ReadFile("testdata/googleads.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, row := range regexp.MustCompile(`(?m)^\[\{"results":\[(.*)\]\}`).FindAllSubmatch(golden, -1) {
		f.Add(row[1])
	}
	f.Add([]byte(`{"metrics":{"costMicros":"1e99999","averageCpc":-1e-9,"clicks":1.5},"campaign":{"id":9007199254740993,"name":7}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var r Record
		dec := json.NewDecoder(bytes.NewReader(text))
		dec.UseNumber()
		if dec.Decode(&r) != nil {
			return
		}
		for _, s := range append([]sheet{changes}, sheets...) {
			var columns []string
			for _, f := range s.fields {
				columns = append(columns, f.Name)
			}
			read, err := s.readers("1", columns)
			if err != nil {
				t.Fatal(err)
			}
			row, err := rowOf(r, read, "1")
			if err != nil && !fault.Is(err, fault.Broken) {
				t.Fatalf("%v is no fault of a reply", err)
			}
			for i, v := range row {
				if v == nil && s.fields[i].NotNull {
					t.Fatalf("%s.%s is NULL", s.name, columns[i])
				}
			}
		}
	})
}

func TestCamel(t *testing.T) {
	for gaql, want := range map[string]string{
		"campaign.id": "campaign.id", "metrics.cost_micros": "metrics.costMicros", "metrics.video_quartile_p25_rate": "metrics.videoQuartileP25Rate",
		"ad_group_ad.ad.responsive_search_ad.headlines": "adGroupAd.ad.responsiveSearchAd.headlines",
	} {
		if got := strings.Join(camel(gaql), "."); got != want {
			t.Errorf("%s: %s, want %s", gaql, got, want)
		}
	}
}

// A condition is pushed only where it cannot lose a row or be refused.
func TestConditions(t *testing.T) {
	words := []string{"ENABLED", "PAUSED"}
	for _, c := range []struct {
		got, want string
	}{
		{intCond("a.id", tables.Domain{In: []any{int64(1), int64(-2)}}), "a.id IN (1, -2)"},
		{intCond("a.id", tables.Domain{From: int64(1), To: int64(5)}), "a.id >= 1 AND a.id <= 5"},
		{intCond("a.id", tables.Domain{In: []any{"1"}}), ""},
		{intCond("a.id", tables.Domain{In: []any{}}), ""},
		{intCond("a.id", tables.Domain{In: make([]any, longest+1)}), ""},
		{wordCond("a.status", tables.Domain{In: []any{"ENABLED", "PAUSED"}}, words), "a.status IN ('ENABLED', 'PAUSED')"},
		{wordCond("a.status", tables.Domain{In: []any{"ENABLED", "enabled"}}, words), ""},
		{wordCond("a.status", tables.Domain{In: []any{"x' OR 1"}}, words), ""},
		{wordCond("a.status", tables.Domain{From: "A"}, words), ""},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}

// No text of a statement reaches a query: conditions are numbers and known words.
func TestNoTextReachesAQuery(t *testing.T) {
	for _, s := range append([]sheet{changes}, sheets...) {
		where := tables.Predicate{}
		for _, f := range s.fields {
			where[f.Name] = tables.Domain{In: []any{"o'hara\n--"}}
		}
		q := s.gaql(tables.Scan{Where: where, Days: tables.Days{From: "2026-11-01", To: "2026-11-01"}})
		if strings.Contains(q, "hara") || strings.ContainsFunc(q, unicode.IsControl) {
			t.Errorf("%s: %s", s.name, q)
		}
	}
}
