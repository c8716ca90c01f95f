package declarative_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"argo/configs"
	"argo/tables"
	"argo/tables/declarative"
)

// vendor plays an API in each of the styles and refuses what no such API would
// take: a wrong token, an unknown parameter, a page out of turn, too many requests.
type vendor struct {
	*httptest.Server
	mu       sync.Mutex
	clock    time.Time
	requests []string
	sent     []time.Time
	slept    []time.Duration
	perSec   int
	answer   http.HandlerFunc // before all else, where not nil
	tokens   int
}

const token = "s3cret-token"

func newVendor(t *testing.T) *vendor {
	v := &vendor{clock: time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)}
	v.Server = httptest.NewServer(v)
	t.Cleanup(v.Close)
	return v
}

func (v *vendor) now() time.Time { v.mu.Lock(); defer v.mu.Unlock(); return v.clock }

func (v *vendor) take() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	out := v.requests
	v.requests = nil
	return out
}

// rows of an account and a range: three campaigns a day.
func rows(account, from, to string) (out []map[string]any) {
	for d := tables.Day(from); d <= tables.Day(to); d = d.Add(1) {
		for c := range 3 {
			out = append(out, map[string]any{"day": string(d), "campaign": map[string]any{"id": fmt.Sprintf("c%d", c), "name": "캠페인 " + strconv.Itoa(c)},
				"spend_micros": json.Number(strconv.Itoa((c+1)*1_234_560_000 + int(d.Time().Day()))), "clicks": 10*c + 1, "account": account})
		}
	}
	return out
}

func (v *vendor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v.mu.Lock()
	v.requests = append(v.requests, r.Method+" "+r.URL.RequestURI())
	v.sent = append(v.sent, v.clock)
	recent := 0
	for _, at := range v.sent {
		if v.clock.Sub(at) < time.Second {
			recent++
		}
	}
	answer, limit, now := v.answer, v.perSec, v.clock
	v.mu.Unlock()
	if limit > 0 && recent > limit {
		w.Header().Set("Retry-After", "3")
		http.Error(w, "<html>slow down</html>", 429)
		return
	}
	if answer != nil {
		answer(w, r)
		return
	}
	if r.Header.Get("Authorization") != "Bearer "+token {
		http.Error(w, `{"code":"E401","message":"bad token `+r.Header.Get("Authorization")+`"}`, 401)
		return
	}
	q := r.URL.Query()
	allow := func(names ...string) bool {
		for name := range q {
			if !slices.Contains(names, name) {
				http.Error(w, `{"code":"E400","message":"unknown parameter `+name+`"}`, 400)
				return false
			}
		}
		return true
	}
	reply := func(x any) {
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(x)
	}
	parts := strings.Split(strings.TrimPrefix(r.URL.EscapedPath(), "/v2/"), "/")
	if parts[0] == "advertisers" {
		if !allow("page") {
			return
		}
		all := []any{map[string]any{"id": 1001, "name": "Brand A"}, map[string]any{"id": 1002, "name": "Brand B"}, map[string]any{"id": 1003, "name": "Brand C"}}
		page, err := strconv.Atoi(q.Get("page"))
		if err != nil || page < 1 || page > 2 {
			http.Error(w, `{"code":"E400","message":"no such page"}`, 400)
			return
		}
		reply(map[string]any{"code": "OK", "data": all[2*page-2 : min(3, 2*page)], "pages": 2})
		return
	}
	if len(parts) != 3 || parts[0] != "reports" || parts[2] != "100%25" && !regexp.MustCompile(`^100[123]$`).MatchString(parts[2]) {
		http.Error(w, `{"code":"E404","message":"no such account"}`, 404)
		return
	}
	from, err1 := time.Parse("20060102", q.Get("start"))
	to, err2 := time.Parse("20060102", q.Get("end"))
	if err1 != nil || err2 != nil || to.Before(from) || to.Sub(from) > 30*24*time.Hour || from.After(now.AddDate(0, 0, 1)) {
		http.Error(w, `{"code":"E400","message":"bad range"}`, 400)
		return
	}
	all := rows(parts[2], from.Format(time.DateOnly), to.Format(time.DateOnly))
	part := func(at, n int) []map[string]any { return all[min(at, len(all)):min(at+n, len(all))] }
	const size = 40
	switch parts[1] {
	case "plain":
		if allow("start", "end", "fields") {
			reply(map[string]any{"code": "OK", "data": map[string]any{"items": all, "total": len(all)}})
		}
	case "page", "offset": // gives at most 40 rows, whatever was asked for
		if !allow("start", "end", "page", "offset", "limit") {
			return
		}
		at, err := strconv.Atoi(q.Get(parts[1]))
		if parts[1] == "page" {
			at = (at - 1) * size
		}
		if err != nil || at < 0 {
			http.Error(w, `{"code":"E400","message":"no such page"}`, 400)
			return
		}
		reply(map[string]any{"code": "OK", "data": map[string]any{"items": part(at, size), "total": len(all), "pages": (len(all) + size - 1) / size, "more": at+size < len(all)}})
	case "cursor":
		if !allow("start", "end", "cursor", "limit") {
			return
		}
		at := 0
		if c := q.Get("cursor"); c != "" || q.Has("cursor") {
			if _, err := fmt.Sscanf(c, "after+&%d=", &at); err != nil {
				http.Error(w, `{"code":"E400","message":"bad cursor"}`, 400)
				return
			}
		}
		data := map[string]any{"items": part(at, size), "next": nil, "total": len(all)}
		if at+size < len(all) {
			data["next"] = fmt.Sprintf("after+&%d=", at+size)
		}
		reply(map[string]any{"code": "OK", "data": data})
	case "next", "link":
		at, _ := strconv.Atoi(q.Get("at"))
		next := ""
		if at+size < len(all) {
			next = fmt.Sprintf("%s/v2/reports/%s/%s?start=%s&end=%s&at=%d", v.URL, parts[1], parts[2], q.Get("start"), q.Get("end"), at+size)
		}
		if parts[1] == "link" && next != "" {
			w.Header().Add("Link", "<"+v.URL+"/v2/x?rel=1>; rel=\"prev\", <"+next+">; title=\"a\"; rel=\"next\"")
		}
		reply(map[string]any{"code": "OK", "data": map[string]any{"items": part(at, size), "next": next}})
	case "csv", "tsv":
		sep := map[string]string{"csv": ",", "tsv": "\t"}[parts[1]]
		fmt.Fprintln(w, "\ufeff"+strings.Join([]string{"day", "campaign.id", "spend_micros", "clicks"}, sep))
		for _, x := range all {
			fmt.Fprintln(w, strings.Join([]string{x["day"].(string), x["campaign"].(map[string]any)["id"].(string), fmt.Sprint(x["spend_micros"]), fmt.Sprint(x["clicks"])}, sep))
		}
	case "ndjson":
		for _, x := range all {
			reply(x)
		}
	case "cut": // 50 rows and no more
		reply(map[string]any{"code": "OK", "data": map[string]any{"items": part(0, 50)}})
	default:
		http.Error(w, `{"code":"E404","message":"no such report"}`, 404)
	}
}

const columns = `
        key: [campaign_id]
        columns:
          - {name: date, type: day, from: day}
          - {name: campaign_id, type: id, from: campaign.id}
          - {name: cost, type: money, from: spend_micros, in: micros, unit: account currency}
          - {name: currency, type: id, from: $currency}
          - {name: clicks, type: int, unit: count}
`

const common = `
    auth: {bearer: env:TOKEN}
    since: 2026-10-01
    accounts: {get: /advertisers, rows: data, id: id, name: name, paging: {style: page, param: page}, pages: pages, defaults: {currency: KRW, time_zone: Asia/Seoul}}
    success: {path: code, value: OK, message: message}
`

// table gives the YAML of one table of a style.
func table(name, more string) string {
	return "      - name: report\n        get: /reports/" + name + "/{account}\n        query: {start: \"{from:%Y%m%d}\", end: \"{to:%Y%m%d}\"}\n        max_days: 31\n" + more + columns
}

// openYAML opens a connection from a text of options; {{url}} is the vendor.
func (v *vendor) openYAML(options string) (*tables.Connection, error) {
	text := "users: [{name: a, password: env:A}]\nconnections:\n- name: partner\n  source: http\n  options:\n" + strings.ReplaceAll(options, "{{url}}", v.URL)
	conf, err := configs.Parse([]byte(text), ".")
	if err != nil {
		return nil, err
	}
	return declarative.Source.Open(context.Background(), tables.Env{
		Name: "partner", Decode: conf.Connections[0].Decode, Now: v.now,
		Secret: func(_ context.Context, ref string) (string, error) {
			if !strings.HasPrefix(ref, "env:") {
				return "", fmt.Errorf("%q is no reference", "…")
			}
			return map[string]string{"env:TOKEN": token, "env:WRONG": "wr0ng-token", "env:SECRET": "hm4c"}[ref], nil
		},
		Sleep: func(ctx context.Context, d time.Duration) error {
			v.mu.Lock()
			defer v.mu.Unlock()
			v.clock = v.clock.Add(d)
			v.slept = append(v.slept, d)
			return ctx.Err()
		},
	})
}

func (v *vendor) open(t *testing.T, tables string) *tables.Connection {
	t.Helper()
	conn, err := v.openYAML("    base_url: {{url}}/v2\n" + common + "    tables:\n" + tables)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// readme gives the example of the README.
func readme(t *testing.T) string {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, ok := strings.Cut(string(text), "<!-- http -->\n")
	block, _, ok2 := strings.Cut(after, "\n\n<!--")
	if !ok || !ok2 {
		t.Fatal("the README has no example of the source http")
	}
	return block
}
