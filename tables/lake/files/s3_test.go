package files_test

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"argo/configs"
	"argo/tables"
	"argo/tables/lake/files"
	"argo/tables/tabletest"

	"context"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

// A prefix of S3 is a folder: Excel and CSV, and a corrected object replaces the
// one before it.
func TestS3(t *testing.T) {
	backend := s3mem.New()
	if err := backend.CreateBucket("exports"); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(gofakes3.New(backend).Server())
	t.Cleanup(server.Close)
	put := func(key string, data []byte) {
		t.Helper()
		if _, err := backend.PutObject("exports", key, map[string]string{}, strings.NewReader(string(data)), int64(len(data)), nil); err != nil {
			t.Fatal(err)
		}
	}
	put("dable/r_a_1.xlsx", excel(t, "Report", []any{"날짜", "캠페인", "비용", "클릭수"}, []any{"2026-11-01", "x", 1, 3}, []any{"2026-11-02", "x", 2, 3}))
	put("dable/r_b_1.csv", lines("2026-11-01,y,5,1"))
	put("other/r_c_1.csv", []byte("not for this table"))
	text := strings.Replace(report(""), "path: .", "path: s3://exports/dable/", 1) + "    s3: {endpoint: \"" + server.URL + "\", region: us-east-1, path_style: true, access_key: env:A, secret_key: env:B}\n"
	conf, err := configs.Parse([]byte("users: [{name: a, password: env:A}]\nconnections:\n- name: exports\n  source: files\n  options:\n"+text), ".")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := files.Source.Open(t.Context(), tables.Env{Name: "exports", Decode: conf.Connections[0].Decode, Now: time.Now, Dir: t.TempDir(),
		Secret: func(context.Context, string) (string, error) { return "x", nil }, Sleep: func(context.Context, time.Duration) error { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	x := conn.Tables[0]
	if got, err := read(t, x, "a"); err != nil || got != "2026-11-01 x 1 3\n2026-11-02 x 2 3" {
		t.Errorf("%v\n%s", err, got)
	}
	tabletest.Conformance(t, x, tabletest.Options{Days: november})
	put("dable/r_b_1.csv", lines("2026-11-01,y,6,1"))
	if got, err := read(t, x, "b"); err != nil || got != "2026-11-01 y 6 1" {
		t.Errorf("%v\n%s", err, got)
	}
	if line, err := conn.Check(t.Context()); err != nil || line != "report: 2 files, 3 rows" {
		t.Errorf("%q, %v", line, err)
	}
}
