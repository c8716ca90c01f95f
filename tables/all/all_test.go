package all_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"argo/automation/all"
	sources "argo/tables/all"

	"go.yaml.in/yaml/v3"
)

// Every source has a name that can be a database, a line of documentation and a
// sample that can be pasted below connections.
func TestSources(t *testing.T) {
	var names []string
	for _, s := range sources.Sources() {
		names = append(names, s.Name)
		if !regexp.MustCompile(`^[a-z][a-z0-9_]*$`).MatchString(s.Name) || s.Doc == "" || strings.Contains(s.Doc, "\n") || s.Open == nil {
			t.Errorf("source %q: name, one line of doc and Open are needed", s.Name)
		}
		var sample []struct {
			Name, Source string
			Options      map[string]any
		}
		dec := yaml.NewDecoder(strings.NewReader(s.Sample))
		dec.KnownFields(true)
		if err := dec.Decode(&sample); err != nil || len(sample) != 1 || sample[0].Source != s.Name || len(sample[0].Options) == 0 {
			t.Errorf("source %s: sample %+v, %v", s.Name, sample, err)
		}
	}
	if !slices.IsSorted(names) || len(slices.Compact(slices.Clone(names))) != len(names) {
		t.Errorf("sources are sorted by name and different: %v", names)
	}
	for _, k := range all.Kits() {
		if !slices.Contains(names, k.Source) {
			t.Errorf("the kit of %q belongs to no source", k.Source)
		}
	}
}
