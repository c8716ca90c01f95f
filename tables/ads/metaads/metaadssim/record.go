package metaadssim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"sync"
)

// Exchange is a request and its answer as Record writes them.
type Exchange struct {
	Method   string     `json:"method"`
	Path     string     `json:"path"`
	Params   url.Values `json:"params"` // without secrets
	Status   int        `json:"status"`
	Response string     `json:"response"`
}

// Record writes every exchange of h as a line of JSON to a file of its own in dir,
// for .ci/vendors. With dir "" it is h itself: tests pass
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
			if file, err = os.CreateTemp(dir, "meta-*.jsonl"); err != nil {
				return err
			}
		}
		line, err := json.Marshal(x)
		if err == nil {
			_, err = file.Write(append(line, '\n'))
		}
		return err
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, "the body cannot be read", http.StatusBadRequest)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		params := r.URL.Query()
		form, err := url.ParseQuery(string(body))
		if err == nil {
			for k, v := range form {
				params[k] = v
			}
		}
		params.Del("access_token")
		params.Del("appsecret_proof")
		kept := &capture{header: w.Header(), code: 200}
		h.ServeHTTP(&tee{w, kept}, r)
		if err := write(Exchange{r.Method, r.URL.Path, params, kept.code, kept.body.String()}); err != nil {
			panic(fmt.Errorf("record an exchange: %w", err))
		}
	})
}

// tee passes an answer on and keeps it.
type tee struct {
	http.ResponseWriter
	kept *capture
}

func (t *tee) WriteHeader(code int) {
	t.kept.code = code
	t.ResponseWriter.WriteHeader(code)
}

func (t *tee) Write(b []byte) (int, error) {
	t.kept.body.Write(b)
	return t.ResponseWriter.Write(b)
}
