package s3

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"argo/cache/s3/s3test"
	"argo/tables/fault"
)

func TestCheck(t *testing.T) {
	s := s3testOnly(t)
	ctx := t.Context()
	line, err := open(t, options(s)).Check(ctx)
	if err != nil || line != "s3://argo/cache/ is read and written, conditions are kept" {
		t.Error(line, err)
	}
	if keys := s.Keys(); len(keys) > 0 {
		t.Errorf("the check leaves %q", keys)
	}
	for name, c := range map[string]struct {
		change func(*s3test.Server, *Options)
		kind   fault.Kind
		says   string
	}{
		"no If-None-Match": {func(s *s3test.Server, _ *Options) { s.IgnoreIfNoneMatch = true }, fault.Config, "ignores If-None-Match"},
		"no If-Match":      {func(s *s3test.Server, _ *Options) { s.IgnoreIfMatch = true }, fault.Config, "ignores If-Match"},
		"no bucket":        {func(_ *s3test.Server, o *Options) { o.Bucket = "elsewhere" }, fault.Config, "does not exist"},
		"wrong key":        {func(_ *s3test.Server, o *Options) { o.AccessKey = "somebody" }, fault.Auth, "refuses the credentials"},
		"nobody there":     {func(s *s3test.Server, _ *Options) { s.Close() }, fault.Unavailable, "does not answer"},
		"busy for ever": {func(s *s3test.Server, _ *Options) {
			s.Before = func(w http.ResponseWriter, _ *http.Request) bool { return busy(w) }
		}, fault.Unavailable, "slow down"},
		"denied": {func(s *s3test.Server, _ *Options) {
			s.Before = func(w http.ResponseWriter, _ *http.Request) bool {
				w.WriteHeader(http.StatusForbidden)
				fmt.Fprint(w, "<Error><Code>AccessDenied</Code></Error>")
				return true
			}
		}, fault.Denied, "denies access"},
	} {
		t.Run(name, func(t *testing.T) {
			s := s3testOnly(t)
			o := options(s)
			c.change(s, &o)
			_, err := open(t, o).Check(ctx)
			if !fault.Is(err, c.kind) || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), s3test.Secret) {
				t.Error(err)
			}
		})
	}
	if _, err := Open(ctx, Options{}); !fault.Is(err, fault.Config) {
		t.Error(err)
	}
}

// TestEncryption: everything that is written asks for it.
func TestEncryption(t *testing.T) {
	s := s3testOnly(t)
	o := options(s)
	o.SSE, o.KMSKeyID = "aws:kms", "key-1"
	b := open(t, o)
	b.part = 1 << 10
	ctx := t.Context()
	store, x := newStore(t, b, t.TempDir(), StoreOptions{}), newIndex(t, b, IndexOptions{})
	must(t, put(ctx, x, store, "", "1"))
	if _, _, err := store.Write(ctx, newID(), columns, rows(100)); err != nil {
		t.Fatal(err)
	}
	must(t, x.SaveCosts(ctx, "ads", "perf", []byte("x")))
	if len(s.Keys()) != 4 {
		t.Error(s.Keys())
	}
	for _, key := range s.Keys() {
		_, h := s.Object(key)
		if h.Get("X-Amz-Server-Side-Encryption") != "aws:kms" || h.Get("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id") != "key-1" {
			t.Errorf("%s is written with %v", key, h)
		}
	}
}

// TestTransfer: files of every size come back as they went, whole or in parts,
// over connections that break and replies that are lost.
func TestTransfer(t *testing.T) {
	s := server(t)
	var n atomic.Int64
	s.After = func(*http.Request) bool { return n.Add(1)%5 == 0 }
	s.Cut = func(r *http.Request, size int) int {
		if r.Method == http.MethodGet && n.Add(1)%2 == 0 {
			return size / 2
		}
		return -1
	}
	b := open(t, options(s))
	if s.URL == b.o.Endpoint {
		b.part = 64 << 10
	} else {
		b.part = 5 << 20 // S3's least
	}
	ctx := t.Context()
	for _, size := range []int64{0, 1, b.part - 1, b.part, b.part + 1, 3*b.part + 7} {
		data := make([]byte, size)
		_, _ = rand.Read(data)
		path := filepath.Join(t.TempDir(), "file")
		must(t, os.WriteFile(path, data, 0o600))
		key := fmt.Sprintf("segments/가=%d/%% +&.parquet", size)
		must(t, b.upload(ctx, key, path))
		f, err := os.Create(path)
		must(t, err)
		err = b.download(ctx, key, f)
		f.Close()
		got, _ := os.ReadFile(path)
		if err != nil || !bytes.Equal(got, data) {
			t.Errorf("%d bytes came back as %d: %v", size, len(got), err)
		}
		must(t, b.remove(ctx, key))
		must(t, b.remove(ctx, key))
		if err := b.download(ctx, key, f); !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
	}
}

// TestCorrupt: bytes that changed in the bucket are never taken for the file.
func TestCorrupt(t *testing.T) {
	s := s3testOnly(t)
	b := open(t, options(s))
	ctx := t.Context()
	store := newStore(t, b, t.TempDir(), StoreOptions{})
	id := newID()
	if _, _, err := store.Write(ctx, id, columns, rows(100)); err != nil {
		t.Fatal(err)
	}
	key := "cache/segments/" + id + ".parquet"
	body, _ := s.Object(key)
	body = bytes.Clone(body)
	body[len(body)/2] ^= 1
	s.Put(key, body)
	dir := t.TempDir()
	cold := newStore(t, b, dir, StoreOptions{})
	if _, err := cold.Path(ctx, id); !errors.Is(err, errCorrupt) || !fault.Is(err, fault.Unavailable) {
		t.Error(err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) > 0 {
		t.Errorf("left behind: %v", entries)
	}
}
