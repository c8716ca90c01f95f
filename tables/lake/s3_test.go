package lake

import (
	"bytes"
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"argo/tables"
	"argo/tables/fault"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

// cloud is an S3 server in the process. It knows conditional reads, which the
// fake behind it does not, and lets a test look at and interfere with reads.
type cloud struct {
	testing.TB
	*httptest.Server
	backend *s3mem.Backend
	fake    http.Handler

	mu     sync.Mutex
	gets   []string // keys that were read, in order
	lists  int
	before func(w http.ResponseWriter, r *http.Request) bool // true: answered
}

func newCloud(t testing.TB) *cloud {
	c := &cloud{TB: t, backend: s3mem.New()}
	c.fake = gofakes3.New(c.backend).Server()
	if err := c.backend.CreateBucket("lake"); err != nil {
		t.Fatal(err)
	}
	c.Server = httptest.NewServer(http.HandlerFunc(c.serve))
	t.Cleanup(c.Close)
	return c
}

func (c *cloud) serve(w http.ResponseWriter, r *http.Request) {
	key := strings.TrimPrefix(r.URL.Path, "/lake/")
	object := r.Method == http.MethodGet && key != "" && !strings.HasPrefix(key, "/") && r.URL.Query().Get("list-type") == ""
	c.mu.Lock()
	if object {
		c.gets = append(c.gets, key)
	} else {
		c.lists++
	}
	before := c.before
	c.mu.Unlock()
	if before != nil && before(w, r) {
		return
	}
	if match := r.Header.Get("If-Match"); object && match != "" {
		head := httptest.NewRecorder()
		c.fake.ServeHTTP(head, httptest.NewRequest(http.MethodHead, r.URL.String(), nil))
		if etag := head.Header().Get("ETag"); head.Code == http.StatusOK && etag != match {
			w.WriteHeader(http.StatusPreconditionFailed)
			fmt.Fprint(w, "<Error><Code>PreconditionFailed</Code></Error>")
			return
		}
	}
	c.fake.ServeHTTP(w, r)
}

func (c *cloud) put(key string, data []byte) {
	if _, err := c.backend.PutObject("lake", key, map[string]string{}, bytes.NewReader(data), int64(len(data)), nil); err != nil {
		c.Error(err)
	}
}

func (c *cloud) config(path string, more ...string) string {
	return fmt.Sprintf("datasets:\n- name: t\n  path: %s\ns3: {endpoint: %s, region: us-east-1, path_style: true, access_key: env:id, secret_key: env:swordfish}\n%s",
		path, c.URL, strings.Join(more, "\n"))
}

// reads gives the keys that were read since the last call.
func (c *cloud) reads() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	gets := c.gets
	c.gets = nil
	slices.Sort(gets)
	return slices.Compact(gets)
}

func TestS3(t *testing.T) {
	c, w := newCloud(t), newWorld(t)
	w.parquet("p.parquet", "SELECT 3 AS a, 'z' AS b")
	data, err := os.ReadFile(w.base + "/p.parquet")
	if err != nil {
		t.Fatal(err)
	}
	c.put("in/day=2026-11-01/1.csv", []byte("a,b\n1,x\n"))
	c.put("in/day=2026-11-02/2.csv.gz", gzipped([]byte("a,b\n2,y\n")))
	c.put("in/day=2026-11-03/3.parquet", data)
	c.put("in/day=2026-11-03/_SUCCESS", nil)
	c.put("in/day=2026-11-03/", nil)
	c.put("inn/4.csv", []byte("a,b\n4,x\n"))
	w.open(c.config("s3://lake/in"))
	w.expect(w.columns("t"), "a BIGINT", "b VARCHAR(16383)", "day DATE")
	w.expect(c.reads(), "in/day=2026-11-01/1.csv", "in/day=2026-11-02/2.csv.gz", "in/day=2026-11-03/3.parquet")
	w.expect(w.query("SELECT * FROM t ORDER BY a"), "1|x|2026-11-01", "2|y|2026-11-02", "3|z|2026-11-03")
	w.expect(c.reads(), "in/day=2026-11-03/3.parquet") // only its footer was read before
	w.expect(w.query("SELECT * FROM t ORDER BY a"), "1|x|2026-11-01", "2|y|2026-11-02", "3|z|2026-11-03")
	w.expect(c.reads())

	c.put("in/day=2026-11-01/1.csv", []byte("a,b\n7,x\n")) // replaced
	c.put("in/5.ndjson", []byte(`{"a":5}`))                // new
	w.expect(w.query("SELECT a, day FROM t ORDER BY a"), "2|2026-11-02", "3|2026-11-03", "5|NULL", "7|2026-11-01")
	w.expect(c.reads(), "in/5.ndjson", "in/day=2026-11-01/1.csv")

	for path, want := range map[string]string{
		"s3://lake/in/day=2026-11-02/2.csv.gz": "2",
		"s3://lake/in/**/*.csv*":               "2 7",
		"s3://lake/in/*/*.parquet":             "3",
		"s3://lake/in*/*.csv":                  "4",
		"s3://lake/":                           "2 3 4 5 7",
		"s3://lake":                            "2 3 4 5 7",
	} {
		w.open(c.config("'" + path + "'"))
		if got := strings.Join(w.query("SELECT a FROM t ORDER BY a"), " "); got != want {
			t.Errorf("%s: %s, not %s", path, got, want)
		}
	}
	w.open(c.config("s3://lake/nothing/"))
	w.fails(fault.NotFound, "s3://lake/nothing")
	w.open(c.config("s3://nowhere/x"))
	w.fails(fault.NotFound, "bucket")
}

// TestS3Pages: a listing of more than one page, and pruning before download.
func TestS3Pages(t *testing.T) {
	c, w := newCloud(t), newWorld(t)
	const files = 1205
	for i := range files {
		c.put(fmt.Sprintf("many/n=%d/x.csv", i), fmt.Appendf(nil, "v\n%d\n", i))
	}
	w.open(c.config("s3://lake/many/"))
	line, err := w.conn.Check(t.Context())
	if want := "t: 1205 files, 1205 rows"; line != want || err != nil {
		t.Fatal(line, err)
	}
	if c.lists != 2 {
		t.Errorf("%d listings for two pages", c.lists)
	}
	converted := len(w.stored(".parquet"))
	_, list, err := w.relation("t", tables.Predicate{"n": {From: int64(1200)}})
	if err != nil || len(list) != 5 {
		t.Error(list, err)
	}
	if n := len(w.stored(".parquet")) - converted; n != 5 {
		t.Errorf("%d files were converted for 5", n)
	}
}

// TestS3Changes: an object that is replaced between the listing and the read
// is listed again; one that never rests is a fault.
func TestS3Changes(t *testing.T) {
	c, w := newCloud(t), newWorld(t)
	c.put("x.csv", []byte("a\n0\n"))
	w.open(c.config("s3://lake/x.csv"))
	times := 0
	c.before = func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("If-Match") != "" && times < 2 {
			times++
			c.put("x.csv", fmt.Appendf(nil, "a\n%d\n", times))
		}
		return false
	}
	w.expect(w.query("SELECT * FROM t"), "2")
	c.before = func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("If-Match") != "" {
			times++
			c.put("x.csv", fmt.Appendf(nil, "a\n%d\n", times))
		}
		return false
	}
	c.put("x.csv", []byte("a\n9\n"))
	w.fails(fault.Conflict, `"t"`, "change while")
}

// TestS3Cut: a download that breaks off goes on where it was.
func TestS3Cut(t *testing.T) {
	c, w := newCloud(t), newWorld(t)
	text := "a\n" + strings.Repeat("1\n", 500_000)
	c.put("x.csv", []byte(text))
	w.open(c.config("s3://lake/x.csv"))
	var ranges []string
	c.before = func(rw http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("If-Match") == "" {
			return false
		}
		ranges = append(ranges, r.Header.Get("Range"))
		if len(ranges) > 1 {
			return false
		}
		object, err := c.backend.GetObject("lake", "x.csv", nil)
		if err != nil {
			t.Error(err)
			return false
		}
		rw.Header().Set("ETag", r.Header.Get("If-Match"))
		rw.Header().Set("Content-Length", fmt.Sprint(len(text)))
		io.CopyN(rw, object.Contents, 300_000)
		rw.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
	w.expect(w.query("SELECT count(*), sum(a) FROM t"), "500000|500000")
	w.expect(ranges, "", "bytes=300000-")
}

// TestS3Faults: what the server says becomes a fault with what to do, and no
// secret is in it.
func TestS3Faults(t *testing.T) {
	for _, f := range []struct {
		status int
		code   string
		kind   fault.Kind
	}{
		{403, "AccessDenied", fault.Denied}, {403, "InvalidAccessKeyId", fault.Auth}, {403, "SignatureDoesNotMatch", fault.Auth},
		{404, "NoSuchBucket", fault.NotFound}, {301, "PermanentRedirect", fault.Config}, {400, "Odd", fault.Unavailable},
	} {
		c, w := newCloud(t), newWorld(t)
		w.open(c.config("s3://lake/x.csv"))
		c.before = func(rw http.ResponseWriter, r *http.Request) bool {
			rw.WriteHeader(f.status)
			fmt.Fprintf(rw, "<Error><Code>%s</Code><Message>no</Message></Error>", f.code)
			return true
		}
		w.fails(f.kind, "s3://lake")
		if _, err := w.conn.Check(t.Context()); !fault.Is(err, f.kind) || strings.Contains(err.Error(), "swordfish") {
			t.Error(err)
		}
	}
}

// TestS3Cancel: a statement that is cancelled stops the download, and leaves
// nothing that another takes for whole.
func TestS3Cancel(t *testing.T) {
	c, w := newCloud(t), newWorld(t)
	c.put("x.csv", []byte("a\n1\n"))
	w.open(c.config("s3://lake/x.csv"))
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan struct{})
	c.before = func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("If-Match") == "" {
			return false
		}
		cancel()
		<-r.Context().Done()
		close(stopped)
		return true
	}
	_, _, err := w.table("t").Files(ctx, tables.Scan{})
	if err == nil || ctx.Err() == nil {
		t.Error(err)
	}
	<-stopped
	c.before = nil
	w.expect(w.query("SELECT * FROM t"), "1")
}

// TestS3Statement: a statement lists once, however often it asks, and the next
// one sees what has come.
func TestS3Statement(t *testing.T) {
	c, w := newCloud(t), newWorld(t)
	c.put("d/1.csv", []byte("a\n1\n"))
	w.open(c.config("s3://lake/d/"))
	for want := 1; want < 3; want++ {
		c.lists = 0
		ctx := tables.WithTrace(t.Context(), new(tables.Trace))
		for range 2 {
			columns, err := w.table("t").Describe(ctx)
			if err != nil || len(columns) != want {
				t.Error(columns, err)
			}
		}
		files, release, err := w.table("t").Files(ctx, tables.Scan{})
		if err != nil || len(files) != want {
			t.Error(files, err)
		}
		release()
		if c.lists != 1 {
			t.Errorf("%d listings for one statement", c.lists)
		}
		c.put("d/2.csv", []byte("a,b\n1,2\n"))
	}
}

// TestS3Trace: every request is counted.
func TestS3Trace(t *testing.T) {
	c, w := newCloud(t), newWorld(t)
	c.put("x.csv", []byte("a\n1\n"))
	w.open(c.config("s3://lake/x.csv"))
	trace := new(tables.Trace)
	_, release, err := w.table("t").Files(tables.WithTrace(t.Context(), trace), tables.Scan{})
	if err != nil {
		t.Fatal(err)
	}
	release()
	if cost := trace.Cost(); cost.Calls != 2 || cost.Bytes != 4 {
		t.Errorf("%+v", cost)
	}
}

// A bundle of certificates in the environment is the SDK's to read, whoever
// lends the transport.
func TestS3CertificateBundle(t *testing.T) {
	c := newCloud(t)
	c.put("in/1.csv", []byte("a\n1\n"))
	bundle := filepath.Join(t.TempDir(), "ca.pem")
	pair := httptest.NewTLSServer(nil)
	defer pair.Close()
	if err := os.WriteFile(bundle, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_CA_BUNDLE", bundle)
	for _, lent := range []*http.Client{nil, {}} {
		w := newWorld(t)
		w.http = lent
		w.open(c.config("s3://lake/in"))
		w.expect(w.query("SELECT * FROM t"), "1")
	}
}
