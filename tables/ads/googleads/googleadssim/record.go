package googleadssim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
)

// Exchange is a request and its answer as Record writes them.
type Exchange struct {
	Method   string `json:"method"`
	Path     string `json:"path"`
	Request  string `json:"request"`
	Status   int    `json:"status"`
	Response string `json:"response"`
}

// Record writes every exchange of h as a line of JSON to a file of its own in
// dir, for .ci/google_ads_protos.py. Requests for tokens are not recorded, since
// they hold secrets; neither are exchanges that broke off. Answers are not
// compressed while recording. With dir "" it is h itself: tests pass
// os.Getenv("ARGO_RECORD_DIR").
func Record(dir string, h http.Handler) http.Handler {
	if dir == "" {
		return h
	}
	var mu sync.Mutex
	var file *os.File
	write := func(x Exchange) error {
		mu.Lock()
		defer mu.Unlock()
		if file == nil {
			var err error
			if err = os.MkdirAll(dir, 0o700); err != nil {
				return err
			}
			if file, err = os.CreateTemp(dir, "exchanges-*.jsonl"); err != nil {
				return err
			}
		}
		line, err := json.Marshal(x)
		if err != nil {
			return err
		}
		_, err = file.Write(append(line, '\n'))
		return err
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/token" {
			h.ServeHTTP(w, r)
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, "the body cannot be read", http.StatusBadRequest)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		r.Header.Del("Accept-Encoding")
		tee := &tee{ResponseWriter: w, code: 200}
		h.ServeHTTP(tee, r)
		if err := write(Exchange{r.Method, r.URL.Path, string(body), tee.code, tee.body.String()}); err != nil {
			panic(fmt.Errorf("record an exchange: %w", err))
		}
	})
}

// tee passes an answer on and keeps it.
type tee struct {
	http.ResponseWriter
	code int
	body bytes.Buffer
}

func (t *tee) WriteHeader(code int) {
	t.code = code
	t.ResponseWriter.WriteHeader(code)
}

func (t *tee) Write(b []byte) (int, error) {
	t.body.Write(b)
	return t.ResponseWriter.Write(b)
}

// Flush passes on what a stream has so far.
func (t *tee) Flush() {
	if f, ok := t.ResponseWriter.(http.Flusher); ok {
		f.Flush()
	}
}
