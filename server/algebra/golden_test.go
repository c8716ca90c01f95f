package algebra_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"argo/server/algebra"
	"argo/tables/fault"

	"github.com/dolthub/go-mysql-server/sql"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "writes the goldens anew")

// TestGolden compares plans with testdata/*.txtar. Each case is a file
// "name.sql" and a file "name.plan" behind it: the plan, the fault, or "none"
// where no table of a source is touched.
func TestGolden(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatal(paths, err)
	}
	f := newFront(t, false)
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			plans := map[string]string{}
			for _, file := range a.Files {
				if name, ok := strings.CutSuffix(file.Name, ".plan"); ok {
					plans[name] = string(file.Data)
				}
			}
			var out []txtar.File
			for _, file := range a.Files {
				name, ok := strings.CutSuffix(file.Name, ".sql")
				if !ok {
					continue
				}
				got := planText(f, strings.TrimSpace(string(file.Data)))
				if got != plans[name] && !*update {
					t.Errorf("%s:\n%s\ngot:\n%s\nwant:\n%s", name, file.Data, got, plans[name])
				}
				out = append(out, file, txtar.File{Name: name + ".plan", Data: []byte(got)})
			}
			if *update {
				a.Files = out
				if err := os.WriteFile(path, txtar.Format(a), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func planText(f *front, q string) string {
	st, err := f.compile(q)
	switch {
	case err != nil:
		return err.Error() + "\n"
	case st == nil:
		return "none\n"
	}
	return algebra.String(st)
}

// TestUnconfigured compiles the statements of all goldens behind an analysis
// that was not put right by Configure: the plans have other shapes (GMS's empty
// tables, its ranges for LIKE), but none that is a surprise.
func TestUnconfigured(t *testing.T) {
	f := newFront(t, true)
	for _, q := range goldenStatements(t) {
		if _, err := f.compile(q); fault.As(err) != nil && fault.Is(err, fault.Internal) {
			t.Errorf("%s: %v", q, err)
		}
	}
}

// TestUntouched says that a plan without a table of a source is not compiled.
func TestUntouched(t *testing.T) {
	f := newFront(t, false)
	for _, q := range []string{"select 1", "select * from mem.rates", "select table_name from information_schema.tables", "show tables"} {
		if st, err := f.compile(q); st != nil || err != nil {
			t.Errorf("%s: %v %v", q, st, err)
		}
	}
}

// goldenStatements are the statements of all goldens.
func goldenStatements(t testing.TB) []string {
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, path := range paths {
		a, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range a.Files {
			if strings.HasSuffix(file.Name, ".sql") {
				out = append(out, strings.TrimSpace(string(file.Data)))
			}
		}
	}
	return out
}

// capture gives the plan of q; GMS itself may panic at what a fuzzer writes.
func capture(f *front, q string) (ctx *sql.Context, n sql.Node) {
	defer func() { _ = recover() }()
	ctx, n, _ = f.plan(q)
	return ctx, n
}

// checkFault says that an error is a fault, and not one of our own making.
func checkFault(t *testing.T, q string, err error) {
	if e := fault.As(err); e == nil || e.Kind == fault.Internal {
		t.Errorf("%s: %v", q, err)
	}
}
