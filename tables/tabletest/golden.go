package tabletest

import (
	"context"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"argo/tables"
	"argo/tables/fault"

	"github.com/cockroachdb/apd/v3"
	"github.com/rogpeppe/go-internal/txtar"
)

// Golden is a txtar archive of replies that a test feeds and of requests and
// rows that it compares with.
type Golden struct {
	t       *testing.T
	path    string
	update  bool
	archive *txtar.Archive
}

// OpenGolden reads the archive; with update the test's end writes it anew.
func OpenGolden(t *testing.T, path string, update bool) *Golden {
	t.Helper()
	a, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	g := &Golden{t, path, update, a}
	t.Cleanup(func() {
		if update && !t.Failed() {
			if err := os.WriteFile(path, txtar.Format(a), 0o644); err != nil {
				t.Error(err)
			}
		}
	})
	return g
}

func (g *Golden) file(name string) *txtar.File {
	for i := range g.archive.Files {
		if g.archive.Files[i].Name == name {
			return &g.archive.Files[i]
		}
	}
	g.archive.Files = append(g.archive.Files, txtar.File{Name: name})
	return &g.archive.Files[len(g.archive.Files)-1]
}

// Input gives a file that the test reads.
func (g *Golden) Input(name string) string { return string(g.file(name).Data) }

// Compare holds got against the file, or keeps it.
func (g *Golden) Compare(name, got string) {
	g.t.Helper()
	switch f := g.file(name); {
	case g.update:
		f.Data = []byte(got)
	case string(f.Data) != got:
		g.t.Errorf("%s: %s is\n%s\nwant\n%s", g.path, name, got, f.Data)
	}
}

// Find gives a connection's table.
func Find(t *testing.T, conn *tables.Connection, name string) tables.Table {
	t.Helper()
	for _, x := range conn.Tables {
		if x.Name == name {
			return x
		}
	}
	t.Fatalf("there is no table %s", name)
	return tables.Table{}
}

// Names lists the columns of a table.
func Names(t tables.Table) []string { return names(t) }

// Rows reads a scan to its end; the rows before an error come with it.
func Rows(ctx context.Context, t tables.Table, s tables.Scan) ([]tables.Row, error) {
	var out []tables.Row
	for row, err := range t.Scan(ctx, s) {
		if err != nil {
			return out, err
		}
		out = append(out, row)
	}
	return out, nil
}

// Print writes rows as a person reads them: a column a line, "--" after a row.
func Print(columns []string, rows []tables.Row) string {
	var b strings.Builder
	for _, row := range rows {
		for i, c := range columns {
			b.WriteString(c + ": " + Show(row[i]) + "\n")
		}
		b.WriteString("--\n")
	}
	return b.String()
}

// Show is one value as text, decimals with all of their digits.
func Show(v any) string {
	switch v := v.(type) {
	case *apd.Decimal:
		return v.Text('f')
	case time.Time:
		return v.Format("2006-01-02 15:04:05.999999")
	}
	return text(v)
}

// Decode fills a configuration from options by its yaml tags, strictly, as the
// real decoder does. A []map[string]any becomes a slice of structs.
func Decode(options map[string]any) func(config any) error {
	return func(config any) error {
		return fill(reflect.ValueOf(config).Elem(), options)
	}
}

func fill(s reflect.Value, options map[string]any) error {
	for name, value := range options {
		at := -1
		for i := range s.NumField() {
			if tag, _, _ := strings.Cut(s.Type().Field(i).Tag.Get("yaml"), ","); tag == name {
				at = i
			}
		}
		if at < 0 {
			return fault.New(fault.Config, "unknown key %q", name)
		}
		f := s.Field(at)
		if list, ok := value.([]map[string]any); ok {
			for _, m := range list {
				e := reflect.New(f.Type().Elem()).Elem()
				if err := fill(e, m); err != nil {
					return err
				}
				f.Set(reflect.Append(f, e))
			}
			continue
		}
		f.Set(reflect.ValueOf(value))
	}
	return nil
}
