package s3

import (
	"context"
	"crypto/rand"
	"fmt"
	"iter"
	"net/http"
	"os"
	"testing"
	"time"

	"argo/cache"
	"argo/cache/parquet"
	"argo/cache/s3/s3test"
	"argo/tables"

	"github.com/oklog/ulid/v2"
)

var (
	_ cache.Index = (*Index)(nil)
	_ cache.Store = (*Store)(nil)
	_ Disk        = (*parquet.Store)(nil)
)

// instantly waits for nothing, and briefly hardly.
func instantly(ctx context.Context, _ time.Duration) error { return ctx.Err() }
func briefly(ctx context.Context, d time.Duration) error {
	return sleep(ctx, min(d, 10*time.Millisecond))
}

func server(t testing.TB) *s3test.Server {
	t.Helper()
	s := s3test.New("argo")
	t.Cleanup(s.Close)
	return s
}

// options reach the server in memory, or the one that the environment names:
// ARGO_TEST_S3=http://host:port with the bucket "argo" and its keys.
func options(s *s3test.Server) Options {
	o := Options{Bucket: s.Bucket, Prefix: "cache", Endpoint: s.URL, Region: "us-east-1", PathStyle: true,
		AccessKey: s3test.Access, SecretKey: s3test.Secret, Sleep: instantly}
	if url := os.Getenv("ARGO_TEST_S3"); url != "" {
		o.Endpoint, o.AccessKey, o.SecretKey = url, os.Getenv("ARGO_TEST_S3_KEY"), os.Getenv("ARGO_TEST_S3_SECRET")
		o.Bucket, o.Prefix, o.Sleep = "argo", "test-"+rand.Text(), briefly
	}
	return o
}

func open(t testing.TB, o Options) *Bucket {
	t.Helper()
	b, err := Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func newIndex(t testing.TB, b *Bucket, o IndexOptions) *Index {
	t.Helper()
	x, err := NewIndex(b, o)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func newStore(t testing.TB, b *Bucket, dir string, o StoreOptions) *Store {
	t.Helper()
	disk, err := parquet.NewStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	o.Disk = disk
	s, err := NewStore(context.Background(), b, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newID() string { return ulid.Make().String() }

var columns = []tables.Column{{Name: "date", Type: tables.DateType}, {Name: "text", Type: tables.LongText}}

// rows gives n rows of about a hundred bytes that do not compress.
func rows(n int) iter.Seq2[tables.Row, error] {
	return func(yield func(tables.Row, error) bool) {
		for range n {
			if !yield(tables.Row{tables.Day("2026-11-22"), rand.Text() + rand.Text() + rand.Text() + rand.Text()}, nil) {
				return
			}
		}
	}
}

func segment(id, account string, from, to tables.Day) cache.Segment {
	at := time.Date(2026, 11, 22, 8, 30, 0, 123456000, time.UTC)
	return cache.Segment{ID: id, FetchedAt: at, KnownAt: at, UsedAt: at, Rows: 7, Bytes: 4096, Span: cache.Span{
		Source: "ads", Table: "perf", Account: account, Days: tables.Days{From: from, To: to}, Columns: []string{"cost", "date"}}}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// busy answers a request with 503.
func busy(w http.ResponseWriter) bool {
	w.WriteHeader(http.StatusServiceUnavailable)
	fmt.Fprint(w, "<Error><Code>SlowDown</Code></Error>")
	return true
}

// s3testOnly is for tests that reach into the server.
func s3testOnly(t *testing.T) *s3test.Server {
	t.Helper()
	t.Setenv("ARGO_TEST_S3", "")
	return server(t)
}
