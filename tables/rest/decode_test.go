package rest_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	"argo/tables/fault"
	"argo/tables/rest"
)

func elements(text string, path ...string) (got []string, other []string, err error) {
	for e, failed := range rest.Elements[any](iotest.OneByteReader(strings.NewReader(text)), path, func(name string, value json.RawMessage) error {
		other = append(other, name+"="+string(value))
		return nil
	}) {
		if failed != nil {
			return got, other, failed
		}
		got = append(got, fmt.Sprint(e))
	}
	return got, other, nil
}

func TestElements(t *testing.T) {
	for _, c := range []struct {
		text, path  string
		want, other string
		kind        fault.Kind
	}{
		{`[{"results":[1,2],"id":"a"},{"results":[3]}]`, "* results", "[1 2 3]", `[id="a"]`, ""},
		{`{"results":[1],"next":"t"}`, "* results", "[1]", `[next="t"]`, ""},
		{`{"results":[1],"next":"t"}`, "results", "[1]", `[next="t"]`, ""},
		{`{"data":{"list":[{"a":9007199254740993}]}}`, "data list", "[map[a:9007199254740993]]", "[]", ""},
		{`[1,2]`, "", "[1 2]", "[]", ""},
		{`[]`, "* results", "[]", "[]", ""},
		{`[{}]`, "* results", "[]", "[]", ""},
		{`{}`, "* results", "[]", "[]", ""},
		{`[{"results":null}]`, "* results", "[]", "[]", ""},
		{` [ { "results" : [ 1 ] } ] ` + "\n", "* results", "[1]", "[]", ""},
		{``, "* results", "[]", "[]", fault.Unavailable},
		{`[{"results":[1,2]`, "* results", "[1 2]", "[]", fault.Unavailable},
		{`[{"results":[1,2]}`, "* results", "[1 2]", "[]", fault.Unavailable},
		{`[{"results":[1,`, "* results", "[1]", "[]", fault.Unavailable},
		{`[{"results":[1]}]]`, "* results", "[1]", "[]", fault.Broken},
		{`[{"results":[1]}] {}`, "* results", "[1]", "[]", fault.Broken},
		{`[{"results":7}]`, "* results", "[]", "[]", fault.Broken},
		{`[{"results":[}]`, "* results", "[]", "[]", fault.Broken},
		{`<html>`, "* results", "[]", "[]", fault.Broken},
		{`"text"`, "* results", "[]", "[]", fault.Broken},
	} {
		got, other, err := elements(c.text, strings.Fields(c.path)...)
		if fmt.Sprint(got) != c.want || fault.KindOf(err) != c.kind || fmt.Sprint(other) != c.other {
			t.Errorf("%s at %q: %v, other %v, %v; want %s, %s, %q", c.text, c.path, got, other, err, c.want, c.other, c.kind)
		}
	}
}

func TestLines(t *testing.T) {
	for text, want := range map[string]string{
		"1\n2\n":            "[1 2] ",
		"1\r\n\n  2":        "[1 2] ",
		"":                  "[] ",
		"{\"a\":1}\n{\"a\"": "[map[a:1]] unavailable",
		"1 2\n":             "[] broken",
		"x\n":               "[] broken",
	} {
		var got []any
		var failed error
		for v, err := range rest.Lines[any](strings.NewReader(text)) {
			if failed = err; err == nil {
				got = append(got, v)
			}
		}
		if s := fmt.Sprint(got, " ", fault.KindOf(failed)); s != want {
			t.Errorf("%q: %s, want %s", text, s, want)
		}
	}
}

func TestSheet(t *testing.T) {
	read := func(text string, comma rune, need ...string) (string, error) {
		s, err := rest.NewSheet(iotest.OneByteReader(strings.NewReader(text)), comma, need...)
		if err != nil {
			return "", err
		}
		var out []string
		for rec, err := range s.Rows() {
			if err != nil {
				return fmt.Sprint(out), err
			}
			out = append(out, strings.Join(rec, "|"))
		}
		return fmt.Sprint(out), nil
	}
	for _, c := range []struct {
		text  string
		comma rune
		need  []string
		want  string
		kind  fault.Kind
	}{
		{"\xef\xbb\xbfDate,N\n2026-11-01,1\n2026-11-02,2\n", ',', []string{"N", "Date"}, "[2026-11-01|1 2026-11-02|2]", ""},
		{"\"a, b\",\"c\"\"d\"\r\n\"x\ny\",2", ',', []string{"a, b", `c"d`}, "[x\ny|2]", ""},
		{"a\tb\n1\t2\n", '\t', []string{"b"}, "[1|2]", ""},
		{"a,b\n", ',', nil, "[]", ""},
		{"", ',', nil, "", fault.Broken},
		{"a,b\n1,2\n", ',', []string{"c"}, "", fault.Broken},
		{"a,a\n1,2\n", ',', []string{"a"}, "", fault.Broken},
		{"a,a,b\n1,2,3\n", ',', []string{"b"}, "[1|2|3]", ""},
		{"a,b\n1,2\n3\n", ',', nil, "[1|2]", fault.Broken},
		{"a,b\n1,\"2\n", ',', nil, "[]", fault.Broken},
	} {
		got, err := read(c.text, c.comma, c.need...)
		if got != c.want || fault.KindOf(err) != c.kind {
			t.Errorf("%q: %s, %v; want %s, %q", c.text, got, err, c.want, c.kind)
		}
	}
}

// A body without a length that stops in the middle of a line was cut.
func TestSheetCutWithoutLength(t *testing.T) {
	c, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		io.WriteString(conn, "HTTP/1.0 200 OK\r\nContent-Type: text/csv\r\n\r\na,b\n1,2\n3,"+r.URL.Query().Get("end"))
	}, nil)
	for end, want := range map[string]fault.Kind{"4\n": "", "4": fault.Unavailable} {
		res, err := c.Do(t.Context(), rest.Request{Query: map[string][]string{"end": {end}}})
		if err != nil {
			t.Fatal(err)
		}
		s, err := rest.NewSheet(res.Body, ',', "a")
		if err != nil {
			t.Fatal(err)
		}
		var last error
		for _, err := range s.Rows() {
			last = err
		}
		res.Body.Close()
		if fault.KindOf(last) != want {
			t.Errorf("end %q: %v", end, last)
		}
	}
}

// What Elements gives is what encoding/json gives, and a text that it accepts is
// one whole JSON value.
func FuzzElements(f *testing.F) {
	for _, s := range []string{`[{"results":[1,{"a":"b"}],"x":null},{"results":[]}]`, `{"results":[1.50]}`, `[{}]`, `[`, `{"results":[[]]}`, `[{"results":[1]},{"error":{}}]`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var got []any
		for v, err := range rest.Elements[any](bytes.NewReader(text), []string{"*", "results"}, nil) {
			if err != nil {
				if k := fault.KindOf(err); k != fault.Broken && k != fault.Unavailable {
					t.Fatalf("%v is no fault of a reply", err)
				}
				return
			}
			got = append(got, v)
		}
		if !json.Valid(text) {
			t.Fatalf("%q is no JSON and was accepted", text)
		}
		var want []any
		var whole any
		dec := json.NewDecoder(bytes.NewReader(text))
		dec.UseNumber()
		if err := dec.Decode(&whole); err != nil {
			t.Fatal(err)
		}
		chunks, ok := whole.([]any)
		if !ok {
			chunks = []any{whole}
		}
		for _, c := range chunks {
			if o, ok := c.(map[string]any); ok {
				r, _ := o["results"].([]any)
				want = append(want, r...)
			}
		}
		// A name that comes twice in one object is the one case where they differ.
		if bytes.Count(text, []byte("results")) <= len(chunks) && bytes.Count(text, []byte(`\`)) == 0 && fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("%q: %v, want %v", text, got, want)
		}
	})
}

// What NewSheet gives is what encoding/csv gives for the text without its mark.
func FuzzSheet(f *testing.F) {
	for _, s := range []string{"a,b\n1,2\n", "\xef\xbb\xbfa\n\"x\"\"y\"\n", "a,b\n1\n", "\"", "a\r\n\r\n1\r\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := rest.NewSheet(bytes.NewReader(text), ',')
		var got [][]string
		if err == nil {
			got = append(got, s.Header)
			for rec, rowErr := range s.Rows() {
				if err = rowErr; err == nil {
					got = append(got, append([]string(nil), rec...))
				}
			}
		}
		want, wantErr := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")))).ReadAll()
		if (err == nil) != (wantErr == nil && len(want) > 0) {
			t.Fatalf("%q: %v, encoding/csv says %v", text, err, wantErr)
		}
		if err == nil && fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("%q: %q, want %q", text, got, want)
		}
	})
}
