package declarative_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"argo/tables"
	"argo/tables/fault"
	"argo/tables/tabletest"

	"github.com/cockroachdb/apd/v3"
)

var month = tables.Days{From: "2026-10-05", To: "2026-11-08"} // 35 days, two requests

const itemsAt = "        rows: data.items\n"

var styles = []struct {
	name, path, more string
	calls            int // for one account and 31 + 4 days of 3 rows, 40 a page
}{
	{"plain", "plain", itemsAt + "        total: data.total\n", 2},
	{"fields", "plain", itemsAt, 2},
	{"page by total", "page", itemsAt + "        total: data.total\n        paging: {style: page, param: page}\n", 4},
	{"page by pages", "page", itemsAt + "        pages: data.pages\n        paging: {style: page, param: page, size: 500, size_param: limit}\n", 4},
	{"page by flag", "page", itemsAt + "        more: data.more\n        paging: {style: page, param: page}\n", 4},
	{"page until empty", "page", itemsAt + "        paging: {style: page, param: page}\n", 6},
	{"offset by total", "offset", itemsAt + "        total: data.total\n        paging: {style: offset, param: offset, size: 100, size_param: limit}\n", 4},
	{"offset until empty", "offset", itemsAt + "        paging: {style: offset, param: offset, size: 100, size_param: limit}\n", 6},
	{"cursor", "cursor", itemsAt + "        total: data.total\n        paging: {style: cursor, from: data.next, param: cursor, size: 40, size_param: limit}\n", 4},
	{"next", "next", itemsAt + "        paging: {style: next, from: data.next}\n", 4},
	{"link", "link", itemsAt + "        paging: {style: link}\n", 4},
	{"csv", "csv", "        format: csv\n", 2},
	{"tsv", "tsv", "        format: tsv\n", 2},
	{"ndjson", "ndjson", "        format: ndjson\n", 2},
	{"cut at 50", "cut", itemsAt + "        max_rows: 50\n", 4},
}

// Every style gives the same rows, in as many calls as it takes, and is a table
// as every other.
func TestStyles(t *testing.T) {
	var want string
	for _, style := range styles {
		t.Run(style.name, func(t *testing.T) {
			v := newVendor(t)
			yaml := table(style.path, style.more)
			if style.name == "fields" {
				yaml = strings.Replace(yaml, "end:", `fields: "{columns}", end:`, 1)
			}
			conn := v.open(t, yaml)
			x := tabletest.Find(t, conn, "report")
			if _, err := x.Accounts(t.Context()); err != nil {
				t.Fatal(err)
			}
			v.take()
			got, err := tabletest.Rows(t.Context(), x, tables.Scan{Account: "1001", Days: month, Columns: tabletest.Names(x)})
			if err != nil {
				t.Fatal(err)
			}
			if n := len(v.take()); style.name != "cut at 50" && n != style.calls {
				t.Errorf("%d calls, want %d", n, style.calls)
			}
			if len(got) != 105 {
				t.Fatalf("%d rows", len(got))
			}
			sum := new(apd.Decimal)
			ctx := apd.BaseContext.WithPrecision(40)
			for _, row := range got {
				ctx.Add(sum, sum, row[3].(*apd.Decimal))
			}
			if s := sum.Text('f'); want == "" {
				want = s
			} else if s != want {
				t.Errorf("the sum is %s, others say %s", s, want)
			}
			if style.name == "fields" && x.Whole {
				t.Error("columns are asked for, and the table says that all come")
			}
			tabletest.Conformance(t, x, tabletest.Options{Days: tables.Days{From: "2026-10-05", To: "2026-10-18"}})
		})
	}
}

// The example of the README: under 40 lines, paged, with a token and a limit.
func TestReadme(t *testing.T) {
	text := readme(t)
	if n := strings.Count(text, "\n"); n >= 40 {
		t.Errorf("%d lines", n)
	}
	_, options, ok := strings.Cut(text, "options:\n")
	if !ok {
		t.Fatal(text)
	}
	var lines []string
	for line := range strings.Lines(options) {
		lines = append(lines, strings.TrimPrefix(line, "    "))
	}
	v := newVendor(t)
	v.perSec = 5
	conn, err := v.openYAML(strings.ReplaceAll(strings.Join(lines, ""), "https://api.partner.example", "{{url}}"))
	if err != nil {
		t.Fatal(err)
	}
	line, err := conn.Check(t.Context())
	if err != nil || line != "3 accounts" {
		t.Errorf("check: %q, %v", line, err)
	}
	x := tabletest.Find(t, conn, "report")
	for _, account := range []string{"1001", "1002", "1003"} {
		got, err := tabletest.Rows(t.Context(), x, tables.Scan{Account: account, Days: month, Columns: tabletest.Names(x)})
		if err != nil || len(got) != 105 {
			t.Errorf("%s: %d rows, %v", account, len(got), err)
		}
	}
	if len(v.slept) == 0 {
		t.Error("14 calls of 5 a second took no time")
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	for i, at := range v.sent {
		if i >= 5 && at.Sub(v.sent[i-5]) < time.Second {
			t.Errorf("six calls within %s", at.Sub(v.sent[i-5]))
		}
	}
}

// What goes wrong is a fault of the right kind, with the cure and without a secret.
func TestErrors(t *testing.T) {
	reply := func(status int, body string, head ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			for i := 0; i+1 < len(head); i += 2 {
				w.Header().Set(head[i], head[i+1])
			}
			w.WriteHeader(status)
			io.WriteString(w, body)
		}
	}
	row := `{"day":"2026-11-01","campaign":{"id":"c"},"spend_micros":1,"clicks":1}`
	items := func(rows, more string) http.HandlerFunc {
		return reply(200, `{"code":"OK","data":{"items":[`+rows+`]`+more+`}}`)
	}
	cursor := "        paging: {style: cursor, from: data.next, param: cursor}\n"
	for _, c := range []struct {
		name, more string
		answer     http.HandlerFunc
		kind       fault.Kind
		says       string
	}{
		{"token", "", reply(401, `{"code":"E401","message":"bad token Bearer `+token+`"}`), fault.Auth, "argo check"},
		{"denied", "", reply(403, `{"code":"E403","message":"no"}`), fault.Denied, "right to read"},
		{"fault by status", "", reply(418, ``), fault.Throttled, "teapots"},
		{"200 with an error", "", reply(200, `{"code":"E1","message":"the account is closed"}`), fault.Invalid, "the account is closed"},
		{"200 with a known error", "", reply(200, `{"code":"E7","message":"x"}`), fault.Denied, "ask Kim's successor"},
		{"200 without a verdict", "", reply(200, `{"data":{"items":[]}}`), fault.Broken, "code"},
		{"a page", "", reply(200, `<html>`), fault.Broken, ""},
		{"429", "", reply(429, `<html>`, "Retry-After", "9000"), fault.Throttled, ""},
		{"down", "", reply(502, ``), fault.Unavailable, ""},
		{"cut", "", reply(200, `{"code":"OK","data":{"items":[`+row), fault.Unavailable, "cut"},
		{"no list", "", reply(200, `{"code":"OK","data":{"rows":[]}}`), fault.Broken, "rows"},
		{"an object", "", reply(200, `{"code":"OK","data":{"items":`+row+`}}`), fault.Broken, "one: true"},
		{"a total", "        total: data.total\n", items(row, `,"total":2`), fault.Broken, "2 rows, and 1 came"},
		{"no total", "        total: data.total\n", items(row, ``), fault.Broken, "no number"},
		{"cut by flag", "        truncated: data.cut\n", items(row, `,"cut":true`), fault.Broken, "cut"},
		{"cut by rows", "        max_rows: 1\n", items(row, ``), fault.Broken, "at which the API cuts"},
		{"cursor twice", cursor, items("", `,"next":"a"`), fault.Broken, "twice"},
		{"page twice", "        paging: {style: page, param: page}\n", items(row, ``), fault.Broken, "same"},
		{"next elsewhere", "        paging: {style: next, from: data.next}\n", items(row, `,"next":"http://169.254.169.254/latest/meta-data"`), fault.Broken, "another host"},
		{"next with a user", "        paging: {style: next, from: data.next}\n", items(row, `,"next":"//me@127.0.0.1/x"`), fault.Broken, "another host"},
		{"next of a file", "        paging: {style: next, from: data.next}\n", items(row, `,"next":"file:///etc/passwd"`), fault.Broken, "another host"},
		{"redirect", "", reply(302, "", "Location", "http://169.254.169.254/"), fault.Unavailable, "redirect"},
		{"key twice", "", items(row+","+row, ``), fault.Broken, "same campaign_id"},
		{"no day", "", items(`{"campaign":{"id":"c"}}`, ``), fault.Broken, "date"},
		{"a day", "", items(strings.Replace(row, "2026-11-01", "11/01/2026", 1), ``), fault.Broken, "99/99/9999"},
		{"a number", "", items(strings.Replace(row, `"clicks":1`, `"clicks":"a lot"`, 1), ``), fault.Broken, "clicks"},
		{"a fraction", "", items(strings.Replace(row, `"clicks":1`, `"clicks":1.5`, 1), ``), fault.Broken, "whole number"},
		{"too exact", "", items(strings.Replace(row, `"spend_micros":1`, `"spend_micros":1.5`, 1), ``), fault.Broken, "round"},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := newVendor(t)
			v.answer = c.answer
			conn, err := v.openYAML("    base_url: {{url}}/v2\n    auth: {bearer: env:TOKEN}\n    accounts: [{id: \"1\", currency: KRW}]\n    success: {path: code, value: [OK, 0], message: message}\n" +
				"    faults: [{status: 418, kind: throttled, hint: it only makes tea for teapots}, {value: E7, kind: denied, hint: ask Kim's successor}]\n    tables:\n" + table("x", itemsAt+c.more))
			if err != nil {
				t.Fatal(err)
			}
			x := conn.Tables[0]
			got, err := tabletest.Rows(t.Context(), x, tables.Scan{Account: "1", Days: tables.Days{From: "2026-11-01", To: "2026-11-01"}, Columns: tabletest.Names(x)})
			if fault.KindOf(err) != c.kind || !strings.Contains(fmt.Sprint(err), c.says) || strings.Contains(fmt.Sprint(err), token) {
				t.Errorf("%d rows, %v; want %s with %q and no secret", len(got), err, c.kind, c.says)
			}
		})
	}
}

// What is wrong with a description is said with its key and what to write.
func TestConfig(t *testing.T) {
	good := "    base_url: {{url}}/v2\n" + common + "    tables:\n" + table("plain", itemsAt)
	for _, c := range [][3]string{
		{"    tables:", "    tabels: 1\n    tables:", "unknown key"},
		{"type: money", "tpye: money", "unknown key"},
		{"base_url: {{url}}/v2", "base_url: ftp://x", "base_url"},
		{"base_url: {{url}}/v2", "base_url: https://me:pw@x", "password"},
		{"bearer: env:TOKEN", "bearer: s3cret-token", "reference"},
		{"bearer: env:TOKEN", "bearer: env:TOKEN, query: {name: a, value: env:TOKEN}", "keep one"},
		{"since: 2026-10-01", "since: yesterday", "2026-01-31"},
		{"Asia/Seoul", "Seoul", "Asia/Seoul"},
		{"/reports/plain/{account}", "/reports/{acount}", "{account}"},
		{"/reports/plain/{account}", "/../reports/{account}", ".."},
		{"/reports/plain/{account}", "reports?x={account}", "below base_url"},
		{"{from:%Y%m%d}", "{from:%Q}", "%Q"},
		{"{from:%Y%m%d}", "{from", "brace"},
		{"start: \"{from:%Y%m%d}\", ", "", "{from}"},
		{"type: int", "type: integer9", "decimal(18,6)"},
		{"type: day", "type: date", "type: day"},
		{"key: [campaign_id]", "key: [campaign]", "campaign"},
		{"in: micros", "in: 7", "micros"},
		{"rows: data.items", "rows: data.items\n        paging: {style: pages}", "page, offset"},
		{"rows: data.items", "rows: data.items\n        paging: {style: cursor, param: c}", "paging.from"},
		{"rows: data.items", "rows: data.items\n        paging: {style: page}", "paging.param"},
		{"rows: data.items", "rows: data.items\n        paging: {style: page, param: start}", "already"},
		{"rows: data.items", "rows: data.items\n        pages: data.pages", "paging"},
		{"rows: data.items", "rows: data.items\n        format: xml", "ndjson"},
		{"rows: data.items", "rows: data.items\n        json: {a: 1}", "post"},
		{"rows: data.items", "rows: data.items\n        headers: {Host: evil}", "Host"},
		{"rows: data.items", "rows: data.items\n        fresh: {1d: 1h, 7d: 5m}", "older day"},
		{"rows: data.items", "rows: data.items\n        incompatible: [[clicks, reach]]", "reach"},
		{"{name: currency, type: id, from: $currency}", "{name: x, value: \"1\"}", "currency"},
		{"{name: clicks, type: int, unit: count}", "{name: Clicks, type: int}", "lower-case"},
	} {
		v := newVendor(t)
		if !strings.Contains(good, c[0]) {
			t.Fatal(c[0])
		}
		_, err := v.openYAML(strings.Replace(good, c[0], c[1], 1))
		if !fault.Is(err, fault.Config) || !strings.Contains(fmt.Sprint(err), c[2]) || strings.Contains(fmt.Sprint(err), token) || fault.As(err).Hint == "" {
			t.Errorf("%q: %v, want %q", c[1], err, c[2])
		}
		if len(v.take()) > 0 {
			t.Errorf("%q: a request was made", c[1])
		}
	}
}

// Credentials of every kind arrive as they should; a wrong one gives the cure.
func TestAuth(t *testing.T) {
	for _, c := range []struct {
		auth string
		want func(r *http.Request, body string) bool
	}{
		{"{bearer: env:TOKEN}", func(r *http.Request, _ string) bool { return r.Header.Get("Authorization") == "Bearer "+token }},
		{"{basic: {user: me, password: env:TOKEN}}", func(r *http.Request, _ string) bool { u, p, _ := r.BasicAuth(); return u == "me" && p == token }},
		{"{header: {name: X-Api-Key, value: env:TOKEN, prefix: \"Key \"}}", func(r *http.Request, _ string) bool { return r.Header.Get("X-Api-Key") == "Key "+token }},
		{"{query: {name: api_key, value: env:TOKEN}}", func(r *http.Request, _ string) bool { return r.URL.Query().Get("api_key") == token }},
		{"{oauth: {token_url: \"{{url}}/token\", client_id: me, client_secret: env:SECRET, scopes: [read]}}", func(r *http.Request, _ string) bool {
			return r.Header.Get("Authorization") == "Bearer client_credentials"
		}},
		{"{oauth: {token_url: \"{{url}}/token\", client_id: me, client_secret: env:SECRET, refresh_token: env:TOKEN}}", func(r *http.Request, _ string) bool { return r.Header.Get("Authorization") == "Bearer refresh_token" }},
		{`{hmac: {key: env:TOKEN, secret: env:SECRET, sign: "{timestamp}.{method}.{path}.{body}", headers: {X-T: "{timestamp}", X-K: "{key}", X-S: "{signature}"}}}`, func(r *http.Request, body string) bool {
			mac := hmac.New(sha256.New, []byte("hm4c"))
			io.WriteString(mac, r.Header.Get("X-T")+"."+r.Method+"."+r.URL.EscapedPath()+"."+body)
			return r.Header.Get("X-T") == "1795316400000" && r.Header.Get("X-K") == token && r.Header.Get("X-S") == base64.StdEncoding.EncodeToString(mac.Sum(nil))
		}},
	} {
		v := newVendor(t)
		var body map[string]any
		v.answer = func(w http.ResponseWriter, r *http.Request) {
			text, _ := io.ReadAll(r.Body)
			if r.URL.Path == "/token" {
				form, _ := url.ParseQuery(string(text))
				if form.Get("client_secret") != "hm4c" || form.Get("client_id") != "me" {
					http.Error(w, `{"error":"invalid_client"}`, 401)
					return
				}
				w.Header().Set("Content-Type", "application/json")
				fmt.Fprintf(w, `{"access_token":%q,"token_type":"Bearer","expires_in":3600}`, form.Get("grant_type"))
				return
			}
			if !c.want(r, string(text)) {
				http.Error(w, "no", 401)
				return
			}
			json.Unmarshal(text, &body)
			io.WriteString(w, `[{"n":1}]`)
		}
		yaml := "    base_url: {{url}}/a\n    auth: " + c.auth + "\n    accounts: [{id: \"a/..\\\"}{b\"}]\n    tables:\n      - name: x\n        post: /p/{account}\n" +
			"        json: {account: \"{account}\", list: \"{columns}\", when: [\"{page}\"], text: \"x {account}\"}\n        paging: {style: page}\n        more: \"9\"\n        absent: true\n        columns: [{name: n, type: int}]\n"
		yaml = strings.Replace(yaml, "        more: \"9\"\n", "", 1)
		conn, err := v.openYAML(strings.ReplaceAll(yaml, "{{url}}", v.URL))
		if err != nil {
			t.Fatal(err)
		}
		x := conn.Tables[0]
		next(x) // one page is enough
		if fmt.Sprint(body["account"]) != `a/.."}{b` || fmt.Sprint(body["list"]) != "[n]" || fmt.Sprint(body["text"]) != `x a/.."}{b` {
			t.Errorf("%s: the body was %v", c.auth, body)
		}
		for _, r := range v.take() {
			if !strings.HasPrefix(r, "POST /token") && !strings.HasPrefix(r, "POST /a/p/a%2F..%22%7D%7Bb") {
				t.Error(r)
			}
		}
		conn, err = v.openYAML(strings.NewReplacer("{{url}}", v.URL, "env:TOKEN", "env:WRONG", "env:SECRET", "env:WRONG").Replace(yaml))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Check(t.Context()); !fault.Is(err, fault.Auth) || fault.As(err).Hint == "" || strings.Contains(err.Error(), "wr0ng") {
			t.Errorf("%s: %v", c.auth, err)
		}
	}
}

func next(x tables.Table) {
	for range x.Scan(context.Background(), tables.Scan{Account: `a/.."}{b`, Columns: []string{"n"}}) {
		return
	}
}

// A combination that the API has not is refused with one that it has.
func TestIncompatible(t *testing.T) {
	v := newVendor(t)
	yaml := strings.Replace(table("plain", itemsAt+"        incompatible: [[reach, clicks]]\n"), "          - {name: clicks", "          - {name: reach, type: int, non_additive: true}\n          - {name: clicks", 1)
	x := v.open(t, yaml).Tables[0]
	err := x.Incompatible([]string{"date", "reach", "clicks"})
	if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "works: date, reach") {
		t.Error(err)
	}
	if err := x.Incompatible([]string{"date", "reach"}); err != nil {
		t.Error(err)
	}
}
