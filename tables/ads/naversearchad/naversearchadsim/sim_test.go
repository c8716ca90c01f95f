package naversearchadsim_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"argo/tables/ads/naversearchad/naversearchadsim"
	"argo/tables/market"
)

type caller struct {
	sim      *naversearchadsim.Sim
	clock    *market.VirtualClock
	customer string
}

func play(o naversearchadsim.Options) caller {
	clock := market.NewClock(time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC))
	m := market.New(market.Options{Seed: 1, Start: "2026-11-10", Clock: clock, Channels: []market.Channel{{Name: "n", Countries: []string{"KR", "US"}, Accounts: 4}}})
	c := caller{naversearchadsim.New(m.On("n"), o), clock, ""}
	c.customer = strconv.FormatInt(m.On("n").Accounts()[0].ID, 10)
	return c
}

// ask sends a signed request; head changes it.
func (c caller) ask(method, path, body string, head ...func(*http.Request)) (int, string) {
	r := httptest.NewRequest(method, "http://naver.test"+path, strings.NewReader(body))
	at := strconv.FormatInt(c.clock.Now().UnixMilli(), 10)
	mac := hmac.New(sha256.New, []byte("secret"))
	fmt.Fprintf(mac, "%s.%s.%s", at, method, r.URL.Path)
	r.Header.Set("X-Timestamp", at)
	r.Header.Set("X-API-KEY", "licence")
	r.Header.Set("X-Customer", c.customer)
	r.Header.Set("X-Signature", base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	for _, f := range head {
		f(r)
	}
	w := httptest.NewRecorder()
	c.sim.ServeHTTP(w, r)
	text, _ := io.ReadAll(w.Result().Body)
	return w.Code, string(text)
}

func TestRefusals(t *testing.T) {
	c := play(naversearchadsim.Options{PerSecond: -1, ReportsPerSecond: -1})
	set := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	stats := func(q ...string) string {
		v := url.Values{"id": {"cmp-a001-01-000000010101001"}, "fields": {`["impCnt"]`}, "timeRange": {`{"since":"2026-11-10","until":"2026-11-11"}`}}
		for i := 0; i < len(q); i += 2 {
			if v.Set(q[i], q[i+1]); q[i+1] == "" {
				v.Del(q[i])
			}
		}
		return "/stats?" + v.Encode()
	}
	ids := func(list, breakdown string) string { return stats("id", "", "ids", list, "breakdown", breakdown) }
	for _, x := range []struct {
		name, method, path, body string
		head                     func(*http.Request)
		status                   int
		says                     string
	}{
		{"no header", "GET", "/ncc/campaigns", "", func(r *http.Request) { r.Header.Del("X-API-KEY") }, 403, "missing-header"},
		{"old", "GET", "/ncc/campaigns", "", set("X-Timestamp", "1760000000000"), 403, "invalid-timestamp"},
		{"signature", "GET", "/ncc/campaigns", "", set("X-Signature", "abc="), 403, "invalid-signature"},
		{"licence", "GET", "/ncc/campaigns", "", set("X-API-KEY", "other"), 403, "invalid-signature"},
		{"not ours", "GET", "/ncc/campaigns", "", set("X-Customer", "4242"), 403, "1018"},
		{"dollars", "GET", "/ncc/campaigns", "", set("X-Customer", "1000010102"), 403, "1018"},
		{"no account number", "GET", "/ad-accounts", "", nil, 403, "Forbidden"},
		{"two types", "POST", "/stat-reports", `{"reportTp":"AD","statDt":"20261110"}`, func(r *http.Request) { r.Header["Content-Type"] = []string{"a", "a"} }, 400, "Content-Type"},
		{"no parent", "GET", "/ncc/adgroups", "", nil, 400, "nccCampaignId"},
		{"page too long", "GET", "/ncc/campaigns?recordSize=1001", "", nil, 400, "recordSize"},
		{"unknown", "GET", "/ncc/campaigns/cmp-a001-01-000000000000009", "", nil, 404, "3501"},
		{"stats", "GET", stats(), "", nil, 200, `"cycleBaseTm"`},
		{"field", "GET", stats("fields", `["clicks"]`), "", nil, 400, "11001"},
		{"no field", "GET", stats("fields", `[]`), "", nil, 400, "11003"},
		{"93 days", "GET", stats("timeRange", `{"since":"2026-08-20","until":"2026-11-20"}`), "", nil, 400, "11001"},
		{"daily of many", "GET", stats("id", "", "ids", "cmp-a001-01-000000010101001", "timeIncrement", "1"), "", nil, 400, "11001"},
		{"mixed types", "GET", ids("cmp-a001-01-000000010101001,cmp-a001-02-000000010101004", ""), "", nil, 400, "11003"},
		{"mixed levels", "GET", ids("cmp-a001-01-000000010101001,grp-a001-01-000001010100101", ""), "", nil, 400, "11003"},
		{"long breakdown", "GET", stats("breakdown", "hh24", "timeRange", `{"since":"2026-11-10","until":"2026-11-20"}`), "", nil, 400, "11001"},
		{"too many ids", "GET", ids(strings.TrimSuffix(strings.Repeat("cmp-a001-01-000000010101001,", 300), ","), ""), "", nil, 400, "Too Large"},
		{"today's file", "POST", "/stat-reports", `{"reportTp":"AD","statDt":"20261122"}`, nil, 400, "11001"},
		{"type", "POST", "/stat-reports", `{"reportTp":"AD_COST","statDt":"20261110"}`, nil, 400, "11001"},
		{"too old", "POST", "/stat-reports", `{"reportTp":"AD_CONVERSION_DETAIL","statDt":"20260901"}`, nil, 400, "20001"},
		{"item", "POST", "/master-reports", `{"item":"Account"}`, nil, 400, "item"},
		{"gone", "GET", "/stat-reports/7", "", nil, 404, "20011"},
		{"no jobs", "GET", "/stat-reports", "", nil, 204, ""},
		{"a token", "GET", "/report-download?authtoken=x&fileVersion=v2", "", nil, 404, "4601"},
		{"budget", "PUT", "/ncc/campaigns/cmp-a001-01-000000010101001?fields=budget", `{"nccCampaignId":"cmp-a001-01-000000010101001","customerId":` + c.customer + `,"useDailyBudget":true,"dailyBudget":65}`, nil, 400, "3505"},
		{"no customer", "PUT", "/ncc/campaigns/cmp-a001-01-000000010101001?fields=userLock", `{"nccCampaignId":"cmp-a001-01-000000010101001","userLock":true}`, nil, 400, "1005"},
		{"half a bid", "PUT", "/ncc/keywords/nkw-a001-01-000101010010151?fields=bidAmt", `{"nccKeywordId":"nkw-a001-01-000101010010151","bidAmt":300}`, nil, 400, "3916"},
		{"nothing new", "PUT", "/ncc/keywords/nkw-a001-01-000101010010151?fields=userLock", `{"nccKeywordId":"nkw-a001-01-000101010010151","userLock":false}`, nil, 400, "3918"},
		{"no fields", "PUT", "/ncc/campaigns/cmp-a001-01-000000010101001", `{"nccCampaignId":"cmp-a001-01-000000010101001","customerId":` + c.customer + `,"userLock":true}`, nil, 200, `"userLock":false`},
	} {
		var heads []func(*http.Request)
		if x.head != nil {
			heads = append(heads, x.head)
		}
		if status, text := c.ask(x.method, x.path, x.body, heads...); status != x.status || !strings.Contains(text, x.says) {
			t.Errorf("%s: %d %s", x.name, status, text)
		}
	}
}

// A budget without useDailyBudget takes the cap away, as it has done to others.
func TestCapIsLost(t *testing.T) {
	c := play(naversearchadsim.Options{})
	const id = "cmp-a001-01-000000010101001"
	_, text := c.ask("PUT", "/ncc/campaigns/"+id+"?fields=budget", `{"nccCampaignId":"`+id+`","customerId":`+c.customer+`,"dailyBudget":70000}`)
	if !strings.Contains(text, `"useDailyBudget":false`) {
		t.Error(text)
	}
}

func TestLimits(t *testing.T) {
	c := play(naversearchadsim.Options{Jobs: 2})
	status, text := 0, ""
	for range 26 {
		status, text = c.ask("GET", "/billing/bizmoney", "")
	}
	if status != 429 || !strings.Contains(text, "<h1>429 Too Many Requests</h1>") || c.sim.Exceeded()["requests a second"] != 1 {
		t.Errorf("%d %s", status, text)
	}
	c.clock.Advance(time.Second)
	// The oldest stat job makes room for a new one, a master job does not.
	for range 3 {
		if status, text = c.ask("POST", "/stat-reports", `{"reportTp":"AD","statDt":"2026-11-10T00:00:00+09:00"}`); status != 200 {
			t.Fatal(text)
		}
	}
	if _, text = c.ask("GET", "/stat-reports", ""); strings.Count(text, "reportJobId") != 2 || !strings.Contains(text, `"statDt":"2026-11-09T15:00:00Z"`) {
		t.Error(text)
	}
	for range 3 {
		status, text = c.ask("POST", "/master-reports", `{"item":"Campaign"}`)
	}
	if status != 400 || !strings.Contains(text, "exceeded limit of '2' numbers of 'job'") {
		t.Errorf("%d %s", status, text)
	}
	if status, _ = c.ask("DELETE", "/master-reports", ""); status != 204 {
		t.Error(status)
	}
}

// A job goes through its states; its file is there when it is built and not before.
func TestJob(t *testing.T) {
	c := play(naversearchadsim.Options{Build: 20 * time.Second})
	var x struct {
		ReportJobID         int64
		Status, DownloadURL string
	}
	_, text := c.ask("POST", "/stat-reports", `{"reportTp":"EXPKEYWORD","statDt":"20261115"}`)
	if err := json.Unmarshal([]byte(text), &x); err != nil || x.Status != "REGIST" || x.DownloadURL != "" {
		t.Fatal(text, err)
	}
	var seen []string
	for range 5 {
		c.clock.Advance(5 * time.Second)
		_, text = c.ask("GET", fmt.Sprintf("/stat-reports/%d", x.ReportJobID), "")
		if err := json.Unmarshal([]byte(text), &x); err != nil {
			t.Fatal(text, err)
		}
		seen = append(seen, x.Status)
	}
	if got := strings.Join(seen, " "); got != "RUNNING AGGREGATING AGGREGATING BUILT BUILT" {
		t.Error(got)
	}
	status, file := c.ask("GET", strings.TrimPrefix(x.DownloadURL, "http://naver.test"), "")
	if status != 200 || !strings.HasPrefix(file, "20261115\t"+c.customer+"\tcmp-a001-01-") || strings.Count(strings.SplitN(file, "\n", 2)[0], "\t") != 11 {
		t.Errorf("%d %.200s", status, file)
	}
	// A day without data has no file.
	_, text = c.ask("POST", "/stat-reports", `{"reportTp":"AD","statDt":"20261101"}`)
	_ = json.Unmarshal([]byte(text), &x)
	c.clock.Advance(time.Minute)
	if _, text = c.ask("GET", fmt.Sprintf("/stat-reports/%d", x.ReportJobID), ""); !strings.Contains(text, `"status":"NONE"`) {
		t.Error(text)
	}
}
