package kakaokeyword_test

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"argo/tables"
	"argo/tables/ads/kakaokeyword"
	"argo/tables/fault"
	"argo/tables/market"
	"argo/tables/tabletest"
)

var update = flag.Bool("update", false, "write testdata anew")

// vendor is a small stand-in that keeps the requests and answers what a test
// tells it to.
type vendor struct {
	*httptest.Server
	mu       sync.Mutex
	requests []string
	answer   func(path string) (int, string)
	clock    *market.VirtualClock
	options  map[string]any
}

func newVendor(t *testing.T, answer func(path string) (int, string)) *vendor {
	v := &vendor{answer: answer, clock: market.NewClock(time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)), options: map[string]any{}}
	v.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v.mu.Lock()
		v.requests = append(v.requests, fmt.Sprintf("%s %s\nauthorization: %s\nadaccountid: %s\n", r.Method, r.URL.RequestURI(),
			strings.ReplaceAll(r.Header.Get("Authorization"), token, "…"), r.Header.Get("adAccountId")))
		v.mu.Unlock()
		code, body := v.answer(r.URL.RequestURI())
		w.Header().Set("Content-Type", "application/json;charset=UTF-8")
		w.WriteHeader(code)
		if code != 204 {
			io.WriteString(w, body)
		}
	}))
	t.Cleanup(v.Close)
	return v
}

func (v *vendor) take() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	out := v.requests
	v.requests = nil
	return out
}

func (v *vendor) env() tables.Env {
	options := map[string]any{"base_url": v.URL, "business_token": "env:TOKEN", "ad_accounts": []string{"1234"}}
	for k, o := range v.options {
		options[k] = o
	}
	return tables.Env{Name: "kakao_keyword", Decode: tabletest.Decode(options), Now: v.clock.Now, Sleep: v.clock.Sleep,
		Secret: func(context.Context, string) (string, error) { return token, nil }}
}

func (v *vendor) open(t *testing.T) *tables.Connection {
	t.Helper()
	conn, err := kakaokeyword.Source.Open(t.Context(), v.env())
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// The exact requests and the decoded rows of every table, for four days that end
// today.
func TestGolden(t *testing.T) {
	g := tabletest.OpenGolden(t, "testdata/kakaokeyword.txtar", *update)
	yes := true
	v := newVendor(t, func(path string) (int, string) {
		path, query, _ := strings.Cut(path, "?")
		if strings.HasSuffix(query, "campaignId=2") || strings.Contains(query, "campaignId=2&") { // it has no ad groups
			return 204, ""
		}
		name := strings.ReplaceAll(strings.TrimPrefix(path, "/openapi/v1/"), "/", "_") + ".json"
		if body := g.Input(name); strings.TrimSpace(body) != "" {
			return 200, body
		}
		return 204, ""
	})
	v.options["cost_includes_vat"] = &yes
	for _, x := range v.open(t).Tables {
		conn := v.open(t) // remembers nothing
		x = tabletest.Find(t, conn, x.Name)
		s := tables.Scan{Table: x.Name, Account: "1234", Columns: tabletest.Names(x)}
		if x.Day != "" {
			s.Days = tables.Days{From: "2026-11-19", To: "2026-11-22"}
		}
		rows, err := tabletest.Rows(t.Context(), x, s)
		if err != nil {
			t.Fatal(x.Name, err)
		}
		g.Compare(x.Name+".http", strings.Join(v.take(), ""))
		g.Compare(x.Name+".rows", tabletest.Print(s.Columns, rows))
	}
}

// What Kakao says, and what a person is told: who can do what about it, and no
// secret.
func TestErrors(t *testing.T) {
	for _, c := range []struct {
		status     int
		body       string
		kind       fault.Kind
		says, hint string
		calls      int
	}{
		{401, `{"msg":"this access token does not exist","code":-401}`, fault.Auth, "does not exist [HTTP 401, code -401]", "business/authorize", 1},
		{401, `{"msg":"target biz token is not supplied","code":-401}`, fault.Auth, "biz token", "token of Kakao Login", 1},
		{401, ``, fault.Auth, "HTTP 401", "consent again", 1},
		{401, `{"msg":"token ` + token + ` is revoked","code":-401}`, fault.Auth, "[secret] is revoked", "argo check", 1},
		{403, `{"msg":"insufficient scopes.","code":-402,"required_scopes":["keyword_management"]}`, fault.Denied, "insufficient scopes", "keyword_management", 1},
		{403, `{"msg":"no permission","code":-5}`, fault.Denied, "no permission", "switch the Keyword Ad API on", 1},
		{400, `{"msg":"not supported","code":-3}`, fault.Denied, "not supported", "switch the Keyword Ad API on", 1},
		{403, `{"msg":"suspended","code":-12}`, fault.Denied, "suspended", "DevTalk", 1},
		{403, `{"code":-813,"msg":"KakaoMomentException","extras":{"detailCode":9004,"detailMsg":"권한이 없습니다."}}`, fault.Denied, "권한이 없습니다 [HTTP 403, code -813, detail 9004]", "members", 1},
		{400, `{"code":-813,"msg":"KakaoMomentException","extras":{"detailCode":21006,"detailMsg":"존재하지 않는 광고계정입니다."}}`, fault.NotFound, "Ad account 1234: 존재하지", "ad_accounts", 1},
		{400, `{"code":-2,"msg":"level is not valid"}`, fault.Invalid, "level is not valid", "", 1},
		{200, `{"code":-2,"msg":"level is not valid"}`, fault.Invalid, "level is not valid", "", 1},
		{400, `{"code":-10,"msg":"API limit has been exceeded."}`, fault.Throttled, "limit has been exceeded", "", 5},
		{429, `{"code":-813,"msg":"KakaoMomentException"}`, fault.Throttled, "HTTP 429", "", 5},
		{429, `<html><body>Too many</body></html>`, fault.Throttled, "HTTP 429", "", 5},
		{400, `{"code":-1,"msg":"internal"}`, fault.Unavailable, "internal", "", 5},
		{503, `{"code":-9798,"msg":"서비스 점검중"}`, fault.Unavailable, "점검중", "", 5},
		{502, `<html>bad gateway</html>`, fault.Unavailable, "HTTP 502", "", 5},
		{404, `nothing`, fault.NotFound, "HTTP 404", "base_url", 1},
		{200, `<html>sign in</html>`, fault.Broken, "HTML", "base_url", 1},
		{200, `{"code":200,"data":[{"start":"2026-11-01"`, fault.Broken, "not JSON", "", 1},
		{200, `{"data":[{"start":"2026-11-01","dimensions":{},"metrics":{"imp":1}}]}`, fault.Broken, "no adAccountId", "", 1},
		{200, `{"data":[{"start":"yesterday","dimensions":{"adAccountId":"1"},"metrics":{"imp":1}}]}`, fault.Broken, "is no day", "", 1},
		{200, `{"data":[{"start":"2026-11-01","end":"2026-11-02","dimensions":{"adAccountId":"1"},"metrics":{"imp":1}}]}`, fault.Broken, "not of one day", "", 1},
		{200, `{"data":[{"start":"2026-11-01","dimensions":{"adAccountId":"1"},"metrics":{"imp":1.5}}]}`, fault.Broken, "column imp", "", 1},
		{200, `{"data":"none"}`, fault.Broken, "cannot be read", "", 1},
	} {
		v := newVendor(t, func(string) (int, string) { return c.status, c.body })
		x := tabletest.Find(t, v.open(t), "account_performance")
		rows, err := tabletest.Rows(t.Context(), x, tables.Scan{Account: "1234", Days: tables.Days{From: "2026-11-01", To: "2026-11-02"}, Columns: []string{"date", "imp"}})
		f := fault.As(err)
		if f == nil || f.Kind != c.kind || !strings.Contains(f.Error(), c.says) || !strings.Contains(f.Hint, c.hint) || strings.Contains(f.Error(), token) || len(rows) > 0 {
			t.Errorf("%d %s: %v (%s); want %s, %q, hint %q", c.status, c.body, err, fault.KindOf(err), c.kind, c.says, c.hint)
		}
		if n := len(v.take()); n != c.calls {
			t.Errorf("%d %s: %d calls, want %d", c.status, c.body, n, c.calls)
		}
	}
}

// The many ways in which a list has nothing or one thing.
func TestShapes(t *testing.T) {
	const one = `{"start":"20261101","end":"20261101","dimensions":{"adAccountId":1234},"metrics":{"imp":"1,200","click":12.0,"spending":"42000.5","new_metric":7}}`
	for body, want := range map[string]int{``: 0, `{}`: 0, `{"data":null}`: 0, `{"data":[]}`: 0, `{"data":` + one + `}`: 1, `{"data":[` + one + `]}`: 1,
		`{"data":[{"start":"2026-11-01","dimensions":{"adAccountId":"1234"},"metrics":{}}]}`:        0,
		`{"data":[{"start":"2026-10-31","dimensions":{"adAccountId":"1234"},"metrics":{"imp":9}}]}`: 0} {
		v := newVendor(t, func(string) (int, string) { return 200, body })
		x := tabletest.Find(t, v.open(t), "account_performance")
		columns := []string{"date", "imp", "click", "spending", "ctr", "other_metrics", "cost_includes_vat"}
		rows, err := tabletest.Rows(t.Context(), x, tables.Scan{Account: "1234", Days: tables.Days{From: "2026-11-01", To: "2026-11-02"}, Columns: columns})
		if err != nil || len(rows) != want {
			t.Errorf("%s: %v, %v", body, rows, err)
			continue
		}
		if want == 1 {
			if got := strings.Join(strings.Fields(tabletest.Print(columns, rows)), " "); got != `date: 2026-11-01 imp: 1200 click: 12 spending: 42000.500000 ctr: NULL other_metrics: {"new_metric":7} cost_includes_vat: NULL --` {
				t.Error(got)
			}
		}
	}
}

// A wrong option is told by its name; nothing is sent.
func TestOptions(t *testing.T) {
	for key, c := range map[string]struct {
		value any
		says  string
	}{
		"business_token": {"", "business_token is missing"},
		"ad_accounts":    {[]string{"x1"}, "ad_accounts"},
		"since":          {"yesterday", "since"},
		"no_such_option": {"x", "no_such_option"},
	} {
		v := newVendor(t, func(string) (int, string) { return 500, "" })
		v.options[key] = c.value
		_, err := kakaokeyword.Source.Open(t.Context(), v.env())
		if !fault.Is(err, fault.Config) || !strings.Contains(err.Error(), c.says) || len(v.take()) > 0 {
			t.Errorf("%s: %v", key, err)
		}
	}
}

// Pages of accounts go on until all are there; a list that ends early is a fault.
func TestAccountPages(t *testing.T) {
	for _, missing := range []bool{false, true} {
		page := 0
		v := newVendor(t, func(string) (int, string) {
			var items []string
			for i := range 100 {
				if n := page*100 + i + 1; n <= 150 {
					items = append(items, fmt.Sprintf(`{"id":%d,"name":"Brand %d","config":"ON"}`, n, n))
				}
			}
			if page++; missing && page > 1 {
				items = nil
			}
			return 200, `{"content":[` + strings.Join(items, ",") + `],"totalElements":150}`
		})
		v.options["ad_accounts"] = []string(nil)
		all, err := v.open(t).Tables[0].Accounts(t.Context())
		if missing != fault.Is(err, fault.Unavailable) || !missing && (len(all) != 150 || all[0].ID != "1" || all[149].ID != "150" || all[0].Zone != "Asia/Seoul" || all[0].Currency != "KRW") {
			t.Errorf("%d accounts, %v", len(all), err)
		}
	}
}
