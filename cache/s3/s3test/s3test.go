// Package s3test is an S3 server in memory, as strict as Amazon's in what the
// cache relies on: conditional reads, writes and deletes, checksums, parts,
// listings of a thousand keys a page. A test lets it fail: be busy, lose
// replies, cut bodies, ignore conditions. It knows no client and no signature
// but the name of the key that signed.
package s3test

import (
	"bytes"
	"cmp"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Access and Secret are the credentials that the server takes.
const (
	Access = "argo-test"
	Secret = "not a secret"
)

// Server is one server with one bucket. Its fields are set before it is used.
type Server struct {
	*httptest.Server
	Bucket string
	// Before is asked before a request is looked at; true: it has answered, or
	// panicked with http.ErrAbortHandler.
	Before func(w http.ResponseWriter, r *http.Request) bool
	// After is asked once a request has been done, before the reply is sent;
	// true: the reply is lost.
	After func(r *http.Request) bool
	// Cut, where non-nil, gives how many bytes of a body are sent before the
	// connection breaks; negative: all of it.
	Cut func(r *http.Request, size int) int
	// IgnoreIfMatch and IgnoreIfNoneMatch make it a server that does not know
	// conditional writes.
	IgnoreIfMatch, IgnoreIfNoneMatch bool
	Now                              func() time.Time // the Date that it gives; default time.Now
	Page                             int              // most keys of a listing's page; default 1000

	mu       sync.Mutex
	objects  map[string]object
	uploads  map[string]*upload
	n        int
	requests []string
}

type object struct {
	body    []byte
	etag    string
	header  http.Header // of metadata and encryption
	changed time.Time
}

type upload struct {
	key    string
	header http.Header
	parts  map[int]object
}

// New starts a server; Close ends it.
func New(bucket string) *Server {
	s := &Server{Bucket: bucket, objects: map[string]object{}, uploads: map[string]*upload{}}
	s.Server = httptest.NewServer(s)
	return s
}

// Keys gives the keys that the bucket holds, sorted.
func (s *Server) Keys() (keys []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key := range s.objects {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// Object gives the bytes of a key and the headers that it was written with.
func (s *Server) Object(key string) ([]byte, http.Header) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.objects[key]
	return o.body, o.header
}

// Put writes over an object, as somebody would who knows no condition.
func (s *Server) Put(key string, body []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.objects[key]
	o.body, o.etag = body, s.tag(body)
	s.objects[key] = o
}

// Delete removes an object.
func (s *Server) Delete(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.objects, key)
}

// Requests gives "METHOD key" of the requests since the last call.
func (s *Server) Requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.requests
	s.requests = nil
	return out
}

// tag gives every version another ETag, as it is with encryption; s.mu is held.
func (s *Server) tag(body []byte) string {
	s.n++
	return fmt.Sprintf(`"%x-%d"`, md5.Sum(body), s.n)
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	now := time.Now()
	if s.Now != nil {
		now = s.Now()
	}
	w.Header().Set("Date", now.UTC().Format(http.TimeFormat))
	if s.Before != nil && s.Before(w, r) {
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	bucket, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	reply := httptest.NewRecorder()
	func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.requests = append(s.requests, r.Method+" "+key)
		switch signed := r.Header.Get("Authorization"); {
		case !strings.Contains(signed, "Credential="+Access+"/"):
			fail(reply, http.StatusForbidden, "InvalidAccessKeyId")
		case bucket != s.Bucket:
			fail(reply, http.StatusNotFound, "NoSuchBucket")
		case !whole(r, body):
			fail(reply, http.StatusBadRequest, "BadDigest")
		case key == "" && r.Method == http.MethodGet:
			s.list(reply, r)
		case key == "":
			fail(reply, http.StatusMethodNotAllowed, "MethodNotAllowed")
		default:
			s.object(reply, r, key, body, now)
		}
	}()
	if s.After != nil && s.After(r) {
		panic(http.ErrAbortHandler)
	}
	for name, values := range reply.Header() {
		w.Header()[name] = values
	}
	answer := reply.Body.Bytes()
	if r.Method != http.MethodHead {
		w.Header().Set("Content-Length", strconv.Itoa(len(answer)))
	}
	w.WriteHeader(reply.Code)
	if s.Cut != nil {
		if n := s.Cut(r, len(answer)); n >= 0 && n < len(answer) {
			_, _ = w.Write(answer[:n])
			panic(http.ErrAbortHandler)
		}
	}
	_, _ = w.Write(answer)
}

// whole compares a body with the checksums in its headers.
func whole(r *http.Request, body []byte) bool {
	sum := sha256.Sum256(body)
	if want := r.Header.Get("X-Amz-Checksum-Sha256"); want != "" && want != base64.StdEncoding.EncodeToString(sum[:]) {
		return false
	}
	want := r.Header.Get("X-Amz-Content-Sha256")
	return len(want) != 64 || want == hex.EncodeToString(sum[:])
}

func fail(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	fmt.Fprintf(w, "<Error><Code>%s</Code><Message>%s</Message></Error>", code, code)
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/xml")
	_ = xml.NewEncoder(w).Encode(v)
}

// object answers requests for one key; s.mu is held.
func (s *Server) object(w http.ResponseWriter, r *http.Request, key string, body []byte, now time.Time) {
	o, found := s.objects[key]
	q := r.URL.Query()
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		s.read(w, r, o, found)
	case http.MethodDelete:
		if id := q.Get("uploadId"); id != "" {
			delete(s.uploads, id)
		} else if match := r.Header.Get("If-Match"); match != "" && match != o.etag {
			fail(w, http.StatusPreconditionFailed, "PreconditionFailed")
			return
		} else {
			delete(s.objects, key)
		}
		w.WriteHeader(http.StatusNoContent)
	case http.MethodPut:
		if id := q.Get("uploadId"); id != "" {
			u := s.uploads[id]
			n, err := strconv.Atoi(q.Get("partNumber"))
			if u == nil || u.key != key || err != nil {
				fail(w, http.StatusNotFound, "NoSuchUpload")
				return
			}
			u.parts[n] = object{body: body, etag: s.tag(body)}
			w.Header().Set("ETag", u.parts[n].etag)
			return
		}
		if s.conditions(w, r, o, found) {
			s.write(w, key, object{body: body, header: kept(r.Header), changed: now})
		}
	case http.MethodPost:
		if q.Has("uploads") {
			s.n++
			id := fmt.Sprint("upload-", s.n)
			s.uploads[id] = &upload{key: key, header: kept(r.Header), parts: map[int]object{}}
			answer(w, struct {
				XMLName  xml.Name `xml:"InitiateMultipartUploadResult"`
				UploadId string
			}{UploadId: id})
			return
		}
		s.complete(w, r, key, q.Get("uploadId"), body, o, found, now)
	default:
		fail(w, http.StatusMethodNotAllowed, "MethodNotAllowed")
	}
}

// conditions says whether a write may go on, and answers where it may not.
func (s *Server) conditions(w http.ResponseWriter, r *http.Request, o object, found bool) bool {
	match, none := r.Header.Get("If-Match"), r.Header.Get("If-None-Match")
	switch {
	case match != "" && !s.IgnoreIfMatch && !found:
		fail(w, http.StatusNotFound, "NoSuchKey")
	case match != "" && !s.IgnoreIfMatch && match != o.etag:
		fail(w, http.StatusPreconditionFailed, "PreconditionFailed")
	case none != "" && none != "*":
		fail(w, http.StatusNotImplemented, "NotImplemented")
	case none == "*" && !s.IgnoreIfNoneMatch && found:
		fail(w, http.StatusPreconditionFailed, "PreconditionFailed")
	default:
		return true
	}
	return false
}

func (s *Server) write(w http.ResponseWriter, key string, o object) {
	o.etag = s.tag(o.body)
	s.objects[key] = o
	w.Header().Set("ETag", o.etag)
}

// kept gives the headers that come back with the object.
func kept(h http.Header) http.Header {
	out := http.Header{}
	for name, values := range h {
		if strings.HasPrefix(name, "X-Amz-Meta-") || strings.HasPrefix(name, "X-Amz-Server-Side-Encryption") {
			out[name] = values
		}
	}
	return out
}

func (s *Server) read(w http.ResponseWriter, r *http.Request, o object, found bool) {
	switch match, none := r.Header.Get("If-Match"), r.Header.Get("If-None-Match"); {
	case !found:
		fail(w, http.StatusNotFound, "NoSuchKey")
		return
	case match != "" && match != o.etag:
		fail(w, http.StatusPreconditionFailed, "PreconditionFailed")
		return
	case none != "" && none == o.etag:
		w.WriteHeader(http.StatusNotModified)
		return
	}
	for name, values := range o.header {
		w.Header()[name] = values
	}
	w.Header().Set("ETag", o.etag)
	body, status := o.body, http.StatusOK
	if from, ok := strings.CutPrefix(r.Header.Get("Range"), "bytes="); ok {
		first, last, _ := strings.Cut(from, "-")
		a, err := strconv.Atoi(first)
		b := len(body) - 1
		if last != "" {
			b, _ = strconv.Atoi(last)
		}
		if err != nil || a >= len(body) {
			fail(w, http.StatusRequestedRangeNotSatisfiable, "InvalidRange")
			return
		}
		b = min(b, len(body)-1)
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", a, b, len(body)))
		body, status = body[a:b+1], http.StatusPartialContent
	}
	if r.Method == http.MethodHead {
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		body = nil
	}
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

func (s *Server) complete(w http.ResponseWriter, r *http.Request, key, id string, body []byte, o object, found bool, now time.Time) {
	u := s.uploads[id]
	if u == nil || u.key != key {
		fail(w, http.StatusNotFound, "NoSuchUpload")
		return
	}
	var wanted struct {
		Part []struct {
			PartNumber           int
			ETag, ChecksumSHA256 string
		}
	}
	if err := xml.Unmarshal(body, &wanted); err != nil {
		fail(w, http.StatusBadRequest, "MalformedXML")
		return
	}
	if !s.conditions(w, r, o, found) {
		return
	}
	var all bytes.Buffer
	for _, p := range wanted.Part {
		part, ok := u.parts[p.PartNumber]
		if !ok || part.etag != p.ETag {
			fail(w, http.StatusBadRequest, "InvalidPart")
			return
		}
		all.Write(part.body)
	}
	delete(s.uploads, id)
	s.write(w, key, object{body: all.Bytes(), header: u.header, changed: now})
	answer(w, struct {
		XMLName xml.Name `xml:"CompleteMultipartUploadResult"`
		Key     string
	}{Key: key})
}

// list gives a page of ListObjectsV2; s.mu is held.
func (s *Server) list(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if q.Get("list-type") != "2" {
		fail(w, http.StatusNotImplemented, "NotImplemented")
		return
	}
	var keys []string
	for key := range s.objects {
		if strings.HasPrefix(key, q.Get("prefix")) && key > q.Get("continuation-token") {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	most, _ := strconv.Atoi(cmp.Or(q.Get("max-keys"), "1000"))
	type item struct {
		Key, ETag    string
		Size         int
		LastModified time.Time
	}
	var page struct {
		XMLName               xml.Name `xml:"ListBucketResult"`
		IsTruncated           bool
		NextContinuationToken string `xml:",omitempty"`
		Contents              []item
	}
	for _, key := range keys {
		if len(page.Contents) == min(most, cmp.Or(s.Page, 1000)) {
			page.IsTruncated, page.NextContinuationToken = true, page.Contents[len(page.Contents)-1].Key
			break
		}
		o := s.objects[key]
		page.Contents = append(page.Contents, item{key, o.etag, len(o.body), o.changed.UTC()})
	}
	answer(w, page)
}
