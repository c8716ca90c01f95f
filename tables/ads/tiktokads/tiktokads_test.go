package tiktokads_test

import (
	"context"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"argo/tables"
	"argo/tables/ads/tiktokads"
	"argo/tables/fault"
	"argo/tables/market"
	"argo/tables/tabletest"
)

var update = flag.Bool("update", false, "write testdata anew")

// vendor answers what a test tells it to, and keeps the requests.
func vendor(t *testing.T, more map[string]any, answer func(path string) (int, string)) (*tables.Connection, func() []string, error) {
	var mu sync.Mutex
	var requests []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		requests = append(requests, r.Method+" "+r.URL.RequestURI()+"\naccess-token: "+strings.ReplaceAll(r.Header.Get("Access-Token"), token, "…")+"\n")
		mu.Unlock()
		code, body := answer(r.URL.Path)
		w.WriteHeader(code)
		io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	clock := market.NewClock(time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC))
	options := map[string]any{"base_url": server.URL, "access_token": "env:TOKEN", "advertisers": []string{"1234"}}
	for k, v := range more {
		options[k] = v
	}
	conn, err := tiktokads.Source.Open(t.Context(), tables.Env{Name: "tiktok_ads", Decode: tabletest.Decode(options), Now: clock.Now, Sleep: clock.Sleep,
		Secret: func(context.Context, string) (string, error) { return token, nil }})
	return conn, func() []string {
		mu.Lock()
		defer mu.Unlock()
		out := requests
		requests = nil
		return out
	}, err
}

const info = `{"code":0,"message":"OK","data":{"list":[{"advertiser_id":"1234","name":"Brand A","currency":"KRW","timezone":"Etc/GMT-9","display_timezone":"Asia/Seoul"}]}}`

// The exact requests of every table.
func TestGolden(t *testing.T) {
	g := tabletest.OpenGolden(t, "testdata/tiktokads.txtar", *update)
	conn, take, err := vendor(t, nil, func(path string) (int, string) {
		if strings.HasSuffix(path, "/advertiser/info/") {
			return 200, info
		}
		return 200, `{"code":0,"message":"OK","data":{"list":[],"page_info":{"page":1,"page_size":1000,"total_number":0,"total_page":0}}}`
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range conn.Tables {
		s := tables.Scan{Table: x.Name, Account: "1234", Columns: tabletest.Names(x)}
		if x.Day != "" {
			s.Days = tables.Days{From: "2026-11-21", To: "2026-11-22"}
		}
		if _, err := tabletest.Rows(t.Context(), x, s); err != nil {
			t.Fatal(x.Name, err)
		}
		g.Compare(x.Name+".http", strings.Join(take(), ""))
	}
}

// What TikTok says, and what a person is told, without the secret.
func TestErrors(t *testing.T) {
	for _, c := range []struct {
		status     int
		body       string
		kind       fault.Kind
		says, hint string
		calls      int
	}{
		{200, `{"code":40105,"message":"Access token ` + token + ` is incorrect","request_id":"A1"}`, fault.Auth, "[secret] is incorrect [HTTP 200, code 40105, request A1]", "approve the app", 1},
		{200, `{"code":40104,"message":"Access token is empty"}`, fault.Auth, "empty", "approve the app", 1},
		{200, `{"code":40001,"message":"No permission"}`, fault.Denied, "No permission", "scopes", 1},
		{200, `{"code":40002,"message":"app_id is inconsistent with the token"}`, fault.Config, "inconsistent", "same app", 1},
		{200, `{"code":40002,"message":"metrics: x is not supported"}`, fault.Invalid, "not supported", "", 1},
		{200, `{"code":20001,"message":"Partial success"}`, fault.Broken, "Partial", "", 1},
		{200, `{"code":40100,"message":"Too many requests"}`, fault.Throttled, "Too many", "", 5},
		{429, `<html>slow down</html>`, fault.Throttled, "HTTP 429", "", 5},
		{200, `{"code":50000,"message":"System error"}`, fault.Unavailable, "System error", "", 5},
		{504, `<html>timeout</html>`, fault.Unavailable, "HTTP 504", "", 5},
		{404, ``, fault.NotFound, "HTTP 404", "base_url", 1},
		{200, `<html>sign in</html>`, fault.Broken, "HTML", "base_url", 1},
		{200, `{"code":0,"message":"OK"}`, fault.Broken, "no data", "", 1},
		{200, `{"code":0,"data":{"list":[]}}`, fault.Broken, "no page_info", "", 1},
		{200, `{"code":0,"data":{"list":[{"dimensions":{"advertiser_id":"1234","stat_time_day":"2026-11-09 00:00:00"},"metrics":{}}],"page_info":{"total_number":1,"total_page":1}}}`, fault.Broken, "nobody asked for", "", 1},
		{200, `{"code":0,"data":{"list":[{"dimensions":{"advertiser_id":"1234","stat_time_day":"2026-11-01 00:00:00"},"metrics":{"impressions":"1.5"}}],"page_info":{"total_number":1,"total_page":1}}}`, fault.Broken, "column impressions", "", 1},
	} {
		conn, take, err := vendor(t, nil, func(path string) (int, string) {
			if strings.HasSuffix(path, "/advertiser/info/") {
				return 200, info
			}
			return c.status, c.body
		})
		if err != nil {
			t.Fatal(err)
		}
		x := tabletest.Find(t, conn, "advertiser_performance")
		rows, err := tabletest.Rows(t.Context(), x, tables.Scan{Account: "1234", Days: tables.Days{From: "2026-11-01", To: "2026-11-02"}, Columns: []string{"date", "impressions"}})
		f := fault.As(err)
		if f == nil || f.Kind != c.kind || !strings.Contains(f.Error(), c.says) || !strings.Contains(f.Hint, c.hint) || strings.Contains(f.Error(), token) || len(rows) > 0 {
			t.Errorf("%d %s: %v (%s); want %s, %q", c.status, c.body, err, fault.KindOf(err), c.kind, c.says)
		}
		if n := len(take()) - 1; n != c.calls { // one for the advertiser
			t.Errorf("%d %s: %d calls, want %d", c.status, c.body, n, c.calls)
		}
	}
}

// A wrong option is told by its name; nothing is sent.
func TestOptions(t *testing.T) {
	for key, value := range map[string]any{"access_token": "", "advertisers": []string{"x1"}, "since": "yesterday", "api_level": "gold", "report_ads": -1, "no_such_option": "x"} {
		_, take, err := vendor(t, map[string]any{key: value}, func(string) (int, string) { return 500, "" })
		if !fault.Is(err, fault.Config) || !strings.Contains(err.Error(), key) || len(take()) > 0 {
			t.Errorf("%s: %v", key, err)
		}
	}
}
