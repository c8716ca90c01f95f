package columnar

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSandbox: whatever text may be rendered, the instance opens nothing,
// loads nothing and changes nothing about itself.
func TestSandbox(t *testing.T) {
	read, outside := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "secret.csv"), []byte("a\n1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	e, err := Open(Options{Dir: t.TempDir(), ReadDirs: []string{read}})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	c, err := e.connect()
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	secret := quote(filepath.Join(outside, "secret.csv"))
	for _, s := range []string{
		"SELECT * FROM read_csv(" + secret + ")",
		"SELECT * FROM " + secret,
		"SELECT content FROM read_text(" + secret + ")",
		"SELECT * FROM glob('/etc/*')",
		"COPY (SELECT 1) TO " + quote(filepath.Join(outside, "out.csv")),
		"SELECT * FROM read_text(" + quote(read+"/../"+filepath.Base(outside)+"/secret.csv") + ")",
		"ATTACH " + quote(filepath.Join(outside, "x.db")),
		"INSTALL httpfs", "LOAD httpfs",
		"SELECT * FROM read_parquet('https://127.0.0.1/x.parquet')",
		"SET memory_limit = '100GB'", "SET enable_external_access = true", "SET allowed_directories = ['/']", "RESET threads",
		"SET lock_configuration = false",
	} {
		stmt := c.exec(context.Background(), s)
		if stmt == nil && strings.HasPrefix(s, "SELECT * FROM glob") { // gives no file
			continue
		}
		if stmt == nil {
			t.Errorf("%s was let through", s)
		}
	}
}
