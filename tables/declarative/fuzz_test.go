package declarative_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"argo/tables"
	"argo/tables/fault"
	"argo/tables/tabletest"
)

// However many rows there are and however they fall on pages, all come, once.
func TestPagingProperty(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for _, style := range []string{"{style: page, param: p}", "{style: page, param: p, first: 0}", "{style: offset, param: p}", "{style: cursor, from: next, param: p}", "{style: next, from: url}", "{style: link}"} {
		for _, more := range []string{"", "        total: total\n"} {
			for range 12 {
				n, size := rnd.IntN(40), 1+rnd.IntN(9)
				v := newVendor(t)
				v.answer = func(w http.ResponseWriter, r *http.Request) {
					at, _ := strconv.Atoi(r.URL.Query().Get("p"))
					if strings.Contains(style, "first: 0") {
						at *= size
					} else if strings.Contains(style, "page") {
						at = (at - 1) * size
					}
					var items []string
					for i := at; i < min(at+size, n); i++ {
						items = append(items, fmt.Sprintf(`{"id":"%d"}`, i))
					}
					next, link := "null", ""
					if at+size < n {
						next = strconv.Itoa(at + size)
						link = v.URL + "/x?p=" + next
						w.Header().Set("Link", "<x?p="+next+">; rel=next")
					}
					fmt.Fprintf(w, `{"rows":[%s],"total":%d,"next":%s,"url":%q}`, strings.Join(items, ","), n, next, link)
				}
				conn, err := v.openYAML("    base_url: {{url}}\n    tables:\n      - name: x\n        get: /x\n        rows: rows\n" + more + "        paging: " + style + "\n        key: [id]\n        columns: [{name: id, type: id}]\n")
				if err != nil {
					t.Fatal(err)
				}
				got, err := tabletest.Rows(t.Context(), conn.Tables[0], tables.Scan{Columns: []string{"id"}})
				if err != nil || len(got) != n {
					t.Fatalf("%s: %d of %d rows, %d a page: %v", style, len(got), n, size, err)
				}
				v.Close()
			}
		}
	}
}

// Whatever the API answers, a scan ends with rows or a fault.
func FuzzReply(f *testing.F) {
	f.Add(`{"rows":[{"id":"1","n":2}],"next":"a"}`, "json", `<x?p=1>; rel="next"`)
	f.Add("id,n\n1,2\n", "csv", "")
	f.Add("{\"id\":1}\n", "ndjson", "<<>,;rel=")
	f.Fuzz(func(t *testing.T, body, format, link string) {
		if format != "json" && format != "csv" && format != "ndjson" && format != "tsv" {
			return
		}
		v := newVendor(t)
		n := 0
		v.answer = func(w http.ResponseWriter, r *http.Request) {
			if n++; n > 3 {
				http.Error(w, "", 404)
				return
			}
			w.Header().Set("Link", link)
			io.WriteString(w, body)
		}
		rows := ""
		if format == "json" {
			rows = "        rows: rows\n        total: total\n"
		}
		conn, err := v.openYAML("    base_url: {{url}}\n    tables:\n      - name: x\n        get: /x\n        format: " + format + "\n" + rows + "        paging: {style: link}\n        columns: [{name: id, type: id}, {name: n, type: int}]\n")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tabletest.Rows(t.Context(), conn.Tables[0], tables.Scan{Columns: []string{"id", "n"}}); err != nil && fault.As(err) == nil {
			t.Errorf("%T %v", err, err)
		}
	})
}

// Whatever is written as a description, opening it gives a connection or says
// what is wrong.
func FuzzDescription(f *testing.F) {
	f.Add("/x/{account}", "{from:%Y%m%d}", "data.*.items", "page", "day", "%Y")
	f.Add("/{{x}}", "{", "", "cursor", "decimal(1,2)", "")
	f.Fuzz(func(t *testing.T, get, query, rows, style, typ, format string) {
		v := newVendor(t)
		_, err := v.openYAML(fmt.Sprintf("    base_url: {{url}}\n    accounts: [{id: a}]\n    tables:\n      - name: x\n        get: %q\n        query: {q: %q}\n        rows: %q\n        paging: {style: %q, param: p, from: x}\n        columns: [{name: d, type: %q, format: %q}]\n", get, query, rows, style, typ, format))
		if err != nil && fault.As(err) == nil && !strings.Contains(err.Error(), "yaml") && !strings.Contains(err.Error(), "line") {
			t.Errorf("%T %v", err, err)
		}
	})
}
