package main

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

// floors says which packages may import which: a package imports only packages
// of a lower floor. The longest matching prefix counts; a package that no line
// covers fails the test, so that a new room has to be placed.
var floors = []struct {
	path  string
	floor int
}{
	{"argo/cmd/argo", 90},
	{"argo/server", 70},
	{"argo/server/servertest", 80},
	{"argo/server/ads", 65},
	{"argo/server/engine", 60},
	{"argo/server/system", 60},
	{"argo/server/columnar", 55},
	{"argo/server/dialect", 52},
	{"argo/server/algebra", 51},
	{"argo/automation/all", 50},
	{"argo/automation/ads", 40},
	{"argo/automation/guardrails", 40},
	{"argo/server/state", 40},
	{"argo/tables/all", 40},
	{"argo/tables/ads", 30},
	{"argo/tables/mmp", 30},
	{"argo/tables/public", 30},
	{"argo/tables/lake", 30},
	{"argo/tables/declarative", 30},
	{"argo/cache/parquet", 30},
	{"argo/cache/s3", 30},
	{"argo/cache/cachetest", 30},
	{"argo/automation/automationtest", 30},
	{"argo/cache", 20},
	{"argo/automation", 20},
	{"argo/tables/rest", 20},
	{"argo/tables/mapping", 20},
	{"argo/tables/tabletest", 20},
	{"argo/tables/market", 20},
	{"argo/tables", 10},
	{"argo/configs", 10},
	{"argo/configs/samples", 10},
	{"argo/configs/views", 10},
	{"argo/tables/fault", 0},
}

// doors says which packages may import an outside library, by import prefix.
var doors = []struct {
	library string
	allowed []string // exact packages, or prefixes that end in /
}{
	{"github.com/dolthub/", []string{"argo/server", "argo/server/engine", "argo/server/algebra"}},
	{"github.com/duckdb/", []string{"argo/server/columnar"}},
	{"github.com/parquet-go/", []string{"argo/cache/parquet", "argo/tables/lake"}},
	{"github.com/aws/", []string{"argo/tables/lake", "argo/cache/s3", "argo/configs"}},
	{"github.com/xuri/", []string{"argo/tables/lake/files"}},
	{"modernc.org/sqlite", []string{"argo/server/state/sqlite"}},
	{"go.yaml.in/", []string{"argo/configs"}},
	{"github.com/spf13/", []string{"argo/cmd/argo"}},
}

type listed struct {
	ImportPath string
	Imports    []string
}

func list(t *testing.T) []listed {
	t.Helper()
	out, err := exec.Command("go", "list", "-tags", "gms_pure_go", "-json=ImportPath,Imports", "argo/...").Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("go list: %v\n%s", err, exit.Stderr)
		}
		t.Fatal(err)
	}
	var all []listed
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func floorOf(path string) (int, bool) {
	best, floor := -1, 0
	for _, f := range floors {
		if (path == f.path || strings.HasPrefix(path, f.path+"/")) && len(f.path) > best {
			best, floor = len(f.path), f.floor
		}
	}
	return floor, best >= 0
}

// simulator says whether the package plays a vendor: test equipment that a
// connector never sees.
func simulator(path string) bool {
	return strings.HasPrefix(path, "argo/tables/") && strings.HasSuffix(path, "sim")
}

func TestImportsGoDown(t *testing.T) {
	for _, p := range list(t) {
		floor, ok := floorOf(p.ImportPath)
		if !ok {
			t.Errorf("%s stands on no floor: place it in floors_test.go", p.ImportPath)
		}
		for _, imp := range p.Imports {
			if !strings.HasPrefix(imp, "argo/") {
				continue
			}
			below, _ := floorOf(imp)
			switch {
			case below > floor:
				t.Errorf("%s (floor %d) imports %s (floor %d): imports go down only", p.ImportPath, floor, imp, below)
			case below == floor && !strings.HasPrefix(imp, p.ImportPath+"/") && !strings.HasPrefix(p.ImportPath, imp+"/"):
				t.Errorf("%s imports %s of its own floor %d", p.ImportPath, imp, floor)
			}
			if simulator(imp) && p.ImportPath != "argo/cmd/argo" && p.ImportPath != "argo/server/servertest" {
				t.Errorf("%s imports the simulator %s", p.ImportPath, imp)
			}
			if simulator(p.ImportPath) && imp != "argo/tables/market" && imp != "argo/tables" && imp != "argo/tables/fault" {
				t.Errorf("the simulator %s imports %s: it knows the market and nothing of the connector", p.ImportPath, imp)
			}
		}
	}
}

func TestOneDoorPerLibrary(t *testing.T) {
	for _, p := range list(t) {
		for _, imp := range p.Imports {
			for _, d := range doors {
				if !strings.HasPrefix(imp, d.library) {
					continue
				}
				ok := false
				for _, a := range d.allowed {
					ok = ok || a == p.ImportPath
				}
				if !ok {
					t.Errorf("%s imports %s: the door of %s is %s", p.ImportPath, imp, d.library, strings.Join(d.allowed, ", "))
				}
			}
		}
	}
}
