package metaads_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"argo/tables"
	"argo/tables/ads/metaads"
	"argo/tables/ads/metaads/metaadssim"
	"argo/tables/fault"
	"argo/tables/tabletest"
)

var update = flag.Bool("update", false, "write testdata anew")

// TestGolden holds the exact requests of every table, and its first row.
func TestGolden(t *testing.T) {
	golden := tabletest.OpenGolden(t, "testdata/metaads.txtar", *update)
	s := newStage(t, metaadssim.Options{})
	conn := s.open(t, nil)
	if _, err := tabletest.Find(t, conn, "campaigns").Accounts(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, table := range conn.Tables {
		scan := tables.Scan{Table: table.Name, Columns: tabletest.Names(table)}
		if table.Account != "" {
			scan.Account = korea
		}
		if table.Day != "" {
			scan.Days = tables.Days{From: "2026-11-01", To: "2026-11-01"}
		}
		if table.Name == "activities" {
			scan.Days = tables.Days{From: "2026-09-23", To: "2026-11-22"}
		}
		s.take()
		rows, err := tabletest.Rows(t.Context(), table, scan)
		if err != nil || len(rows) == 0 {
			t.Errorf("%s: %d rows, %v", table.Name, len(rows), err)
			continue
		}
		golden.Compare(table.Name+".http", strings.Join(s.take(), ""))
		golden.Compare(table.Name+".row", tabletest.Print(scan.Columns, rows[:1]))
		// Narrow, with what the control totals need.
		if table.Day != "" && table.Name != "activities" {
			scan.Columns, scan.Totals = []string{"spend"}, func(map[string]any) {}
			if _, err := tabletest.Rows(t.Context(), table, scan); err != nil {
				t.Error(err)
			}
			golden.Compare(table.Name+".narrow", strings.Join(s.take(), ""))
		}
	}
}

// vendor answers what a test tells it to.
type vendor struct {
	*httptest.Server
	mu     sync.Mutex
	answer func(r *http.Request) (int, string, http.Header)
	sent   []string
}

func newVendor(t *testing.T, answer func(r *http.Request) (int, string, http.Header)) (*vendor, *tables.Connection) {
	t.Helper()
	v := &vendor{answer: answer}
	v.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v.mu.Lock()
		v.sent = append(v.sent, line(r))
		v.mu.Unlock()
		if r.URL.Path == "/v25.0/me/adaccounts" {
			fmt.Fprint(w, `{"data":[{"id":"act_7","account_id":"7","name":"Brand A","account_status":1,"currency":"USD","timezone_name":"America/New_York","min_daily_budget":100}]}`)
			return
		}
		code, body, head := v.answer(r)
		for k, x := range head {
			w.Header()[k] = x
		}
		w.WriteHeader(code)
		fmt.Fprint(w, body)
	}))
	t.Cleanup(v.Close)
	s := &stage{url: v.URL, secrets: map[string]string{"env:TOKEN": "t0ken", "env:APP": "app-secret"}}
	s.VirtualClock = newStage(t, metaadssim.Options{}).VirtualClock
	return v, s.open(t, nil)
}

// TestDecode reads replies as Meta words them: figures as texts or numbers,
// fields that are missing, windows, fields that nobody asked for.
func TestDecode(t *testing.T) {
	columns := []string{"impressions", "spend", "reach", "ctr", "purchases", "purchases_7d_click", "purchases_1d_view", "purchase_value", "leads", "purchase_roas", "outbound_clicks", "extra", "currency"}
	for _, c := range []struct{ row, want string }{
		{`{"impressions":"1200","spend":"34.56","reach":"900","ctr":"1.5"}`, "1200 34.560000 900 1.5 0.000000 0.000000 0.000000 0.000000 0.000000 0.000000 0.000000 NULL USD"},
		{`{"impressions":1200,"spend":34.5}`, "1200 34.500000 NULL NULL 0.000000 0.000000 0.000000 0.000000 0.000000 0.000000 0.000000 NULL USD"},
		{`{"actions":[{"action_type":"purchase","value":"3","7d_click":"2","1d_view":"1"},{"action_type":"link_click","value":"9"}],"action_values":[{"action_type":"purchase","value":"210.5"}]}`,
			"0 0.000000 NULL NULL 3.000000 2.000000 1.000000 210.500000 0.000000 0.000000 0.000000 NULL USD"},
		{`{"actions":[{"action_type":"offsite_conversion.fb_pixel_purchase","value":"5"},{"action_type":"omni_purchase","value":"7"}],"purchase_roas":[{"action_type":"omni_purchase","value":"2.5"}]}`,
			"0 0.000000 NULL NULL 7.000000 0.000000 0.000000 0.000000 0.000000 2.500000 0.000000 NULL USD"},
		{`{"actions":null,"outbound_clicks":[{"action_type":"outbound_click","value":"4"}],"new_metric":"8","account_currency":"KRW"}`,
			`0 0.000000 NULL NULL 0.000000 0.000000 0.000000 0.000000 0.000000 0.000000 4.000000 {"new_metric":"8"} KRW`},
		{`{"impressions":"1.5"}`, "broken"}, {`{"spend":"NaN"}`, "broken"}, {`{"spend":"1e9999"}`, "broken"}, {`{"actions":{"a":1}}`, "broken"}, {`{"actions":["a"]}`, "broken"},
	} {
		row := strings.Replace(c.row, "{", `{"campaign_id":"5","date_start":"2026-11-01","date_stop":"2026-11-01",`, 1)
		_, conn := newVendor(t, func(*http.Request) (int, string, http.Header) { return 200, `{"data":[` + row + `]}`, nil })
		rows, err := tabletest.Rows(t.Context(), tabletest.Find(t, conn, "campaign_insights"), tables.Scan{Account: "7", Days: tables.Days{From: "2026-11-01", To: "2026-11-01"}, Columns: columns})
		got := string(fault.KindOf(err))
		if err == nil {
			var all []string
			for _, v := range rows[0] {
				all = append(all, tabletest.Show(v))
			}
			got = strings.Join(all, " ")
		}
		if got != c.want {
			t.Errorf("%s is\n%s (%v), want\n%s", c.row, got, err, c.want)
		}
	}
	// Budgets are in minor units of the account's currency.
	_, conn := newVendor(t, func(*http.Request) (int, string, http.Header) {
		return 200, `{"data":[{"id":"5","account_id":"7","daily_budget":"5050","spend_cap":"0","start_time":"2026-11-01T09:00:00+0900","created_time":1762000000}]}`, nil
	})
	rows, err := tabletest.Rows(t.Context(), tabletest.Find(t, conn, "campaigns"), tables.Scan{Account: "7", Columns: []string{"daily_budget", "lifetime_budget", "spend_cap", "start_time", "created_time", "currency"}})
	if err != nil || strings.ReplaceAll(tabletest.Print([]string{"", "", "", "", "", ""}, rows), "\n: ", "|") != ": 50.50|NULL|NULL|2026-11-01 00:00:00|2025-11-01 12:26:40|USD\n--\n" {
		t.Errorf("%s %v", tabletest.Print([]string{"", "", "", "", "", ""}, rows), err)
	}
	for currency, want := range map[string]int64{"USD": 100, "KRW": 1, "JPY": 1, "TWD": 1, "EUR": 100, "KWD": 100} {
		if metaads.Offset(currency) != want {
			t.Errorf("%s has %d minor units", currency, metaads.Offset(currency))
		}
	}
}

// TestErrors holds what each code of Meta's comes to.
func TestErrors(t *testing.T) {
	usage := func(text string) http.Header { return http.Header{"X-Business-Use-Case-Usage": {text}} }
	for _, c := range []struct {
		status, code, subcode int
		message               string
		head                  http.Header
		kind                  fault.Kind
		requests              int
		after                 time.Duration // RetryAfter at least
	}{
		{400, 1, 0, "An unknown error occurred", nil, fault.Unavailable, 5, 0},
		{500, 2, 0, "Service temporarily unavailable", nil, fault.Unavailable, 5, 0},
		{400, 4, 1504022, "Application request limit reached", nil, fault.Throttled, 1, 5 * time.Minute},
		{400, 17, 2446079, "User request limit reached", nil, fault.Throttled, 5, time.Minute},
		{400, 32, 0, "Page request limit reached", nil, fault.Throttled, 5, time.Minute},
		{400, 613, 1487742, "There have been too many calls from this ad-account", nil, fault.Throttled, 5, time.Minute},
		{400, 80000, 2446079, "too many calls", usage(`{"7":[{"type":"ads_insights","call_count":100,"estimated_time_to_regain_access":42}]}`), fault.Throttled, 1, 42 * time.Minute},
		{400, 80004, 2446079, "too many calls", usage(`{"900":[{"type":"ads_management","call_count":100,"estimated_time_to_regain_access":9}]}`), fault.Throttled, 1, 9 * time.Minute},
		{400, 80014, 0, "too many calls", usage(`no JSON`), fault.Throttled, 5, time.Minute},
		{400, 10, 0, "Application does not have permission for this action", nil, fault.Denied, 1, 0},
		{403, 200, 0, "Permissions error", nil, fault.Denied, 1, 0},
		{403, 294, 0, "Managing advertisements requires ads_management", nil, fault.Denied, 1, 0},
		{401, 190, 463, "Session has expired", nil, fault.Auth, 1, 0},
		{400, 190, 460, "The password has been changed", nil, fault.Auth, 1, 0},
		{400, 102, 0, "Session key invalid", nil, fault.Auth, 1, 0},
		{400, 100, 33, "Object with ID '7' does not exist", nil, fault.NotFound, 1, 0},
		{400, 100, 0, "(#100) x is not valid for fields param", nil, fault.Internal, 1, 0},
		{400, 368, 0, "The action attempted has been deemed abusive", nil, fault.Denied, 1, 0},
		{400, 2635, 0, "You are calling a deprecated version of the Ads API", nil, fault.Unsupported, 1, 0},
		{400, 3018, 0, "beyond 37 months", nil, fault.Invalid, 1, 0},
		{400, 12345, 0, "is_transient", nil, fault.Invalid, 1, 0},
	} {
		v, conn := newVendor(t, func(*http.Request) (int, string, http.Header) {
			body, _ := json.Marshal(map[string]any{"error": map[string]any{"message": c.message, "type": "OAuthException", "code": c.code, "error_subcode": c.subcode, "fbtrace_id": "A1"}})
			return c.status, string(body), c.head
		})
		table := tabletest.Find(t, conn, "account_insights")
		if _, err := table.Accounts(t.Context()); err != nil {
			t.Fatal(err)
		}
		v.sent = nil
		_, err := tabletest.Rows(t.Context(), table, tables.Scan{Account: "7", Days: tables.Days{From: "2026-11-01", To: "2026-11-01"}, Columns: []string{"spend"}})
		f := fault.As(err)
		if f == nil || f.Kind != c.kind || len(v.sent) != c.requests || f.RetryAfter < c.after || !strings.Contains(f.Error(), fmt.Sprintf("code %d", c.code)) {
			t.Errorf("code %d/%d: %v (%s) after %d requests, want %s after %d", c.code, c.subcode, err, fault.KindOf(err), len(v.sent), c.kind, c.requests)
		}
	}
	for body, kind := range map[string]fault.Kind{
		"<html>Sorry, something went wrong.</html>": fault.Broken, `{}`: fault.Broken, `{"data":null}`: fault.Broken, `{"data":[{"date_start":"x"}]}`: fault.Broken,
		`{"data":[],"paging":{"next":"https://graph.facebook.com/x"}}`: fault.Broken, `{"error":{"message":"m","code":2}}`: fault.Unavailable,
	} {
		_, conn := newVendor(t, func(*http.Request) (int, string, http.Header) { return 200, body, nil })
		rows, err := tabletest.Rows(t.Context(), tabletest.Find(t, conn, "account_insights"), tables.Scan{Account: "7", Days: tables.Days{From: "2026-11-01", To: "2026-11-01"}, Columns: []string{"spend"}})
		if !fault.Is(err, kind) || len(rows) > 0 {
			t.Errorf("%s: %d rows, %v (%s), want %s", body, len(rows), err, fault.KindOf(err), kind)
		}
	}
}

// What a header says is used up is left alone before anything is refused.
func TestUsageHeaders(t *testing.T) {
	for _, c := range []struct {
		name, value string
		after       time.Duration
		table       string
	}{
		{"X-Business-Use-Case-Usage", `{"7":[{"type":"ads_insights","call_count":100,"total_cputime":25,"total_time":25,"estimated_time_to_regain_access":30}]}`, 30 * time.Minute, "account_insights"},
		{"X-Ad-Account-Usage", `{"acc_id_util_pct":99.5,"reset_time_duration":600,"ads_api_access_tier":"standard_access"}`, 10 * time.Minute, "campaigns"},
		{"X-App-Usage", `{"call_count":97,"total_time":3,"total_cputime":2}`, 5 * time.Minute, "account_insights"},
		{"X-Fb-Ads-Insights-Throttle", `{"app_id_util_pct":100,"acc_id_util_pct":5}`, 5 * time.Minute, "account_insights"},
		{"X-Fb-Ads-Insights-Throttle", `{"app_id_util_pct":10,"acc_id_util_pct":100}`, 50 * time.Minute, "account_insights"},
		{"X-App-Usage", `{"call_count":50}`, 0, "account_insights"},
		{"X-App-Usage", `[7]`, 0, "account_insights"},
	} {
		v, conn := newVendor(t, func(*http.Request) (int, string, http.Header) {
			return 200, `{"data":[]}`, http.Header{c.name: {c.value}}
		})
		table := tabletest.Find(t, conn, c.table)
		scan := tables.Scan{Account: "7", Columns: table.Key}
		if table.Day != "" {
			scan.Days = tables.Days{From: "2026-11-01", To: "2026-11-01"}
		}
		if _, err := tabletest.Rows(t.Context(), table, scan); err != nil {
			t.Fatal(err)
		}
		v.sent = nil
		_, err := tabletest.Rows(t.Context(), table, scan)
		switch f := fault.As(err); {
		case c.after == 0 && err != nil:
			t.Errorf("%s %s: %v", c.name, c.value, err)
		case c.after > 0 && (f == nil || f.Kind != fault.Throttled || f.RetryAfter < c.after*9/10 || len(v.sent) > 0):
			t.Errorf("%s %s: %v after %d requests", c.name, c.value, err, len(v.sent))
		}
	}
}

// A page that is too much is asked for in smaller pieces.
func TestSmallerPages(t *testing.T) {
	var asked []string
	_, conn := newVendor(t, func(r *http.Request) (int, string, http.Header) {
		limit, after := r.URL.Query().Get("limit"), r.URL.Query().Get("after")
		asked = append(asked, limit+after)
		switch {
		case len(limit) > 2 && limit > "125":
			return 500, `{"error":{"code":1,"message":"Please reduce the amount of data you're asking for, then retry your request"}}`, nil
		case after == "":
			return 200, `{"data":[{"id":"1","account_id":"7"}],"paging":{"cursors":{"after":"x"},"next":"https://elsewhere.example/?access_token=t0ken"}}`, nil
		}
		return 200, `{"data":[{"id":"2","account_id":"7"}],"paging":{"cursors":{"after":"y"}}}`, nil
	})
	rows, err := tabletest.Rows(t.Context(), tabletest.Find(t, conn, "ads"), tables.Scan{Account: "7", Columns: []string{"account_id"}})
	if err != nil || len(rows) != 2 || !slices.Equal(asked, []string{"500", "250", "125", "125x"}) {
		t.Errorf("%d rows, %v, %v", len(rows), asked, err)
	}
}

// Old reach by a breakdown is refused before a request, with what works.
func TestOldReach(t *testing.T) {
	v, conn := newVendor(t, func(*http.Request) (int, string, http.Header) { return 200, `{"data":[]}`, nil })
	for name, kind := range map[string]fault.Kind{"campaign_insights_by_country": fault.Invalid, "campaign_insights": ""} {
		scan := tables.Scan{Account: "7", Days: tables.Days{From: "2025-10-01", To: "2025-10-02"}, Columns: []string{"reach"}}
		_, err := tabletest.Rows(t.Context(), tabletest.Find(t, conn, name), scan)
		if fault.KindOf(err) != kind || err != nil && (!strings.Contains(err.Error(), "ask campaign_insights") || len(v.sent) > 0) {
			t.Errorf("%s: %v", name, err)
		}
		v.sent = nil
	}
}

// TestOptions refuses what cannot be meant.
func TestOptions(t *testing.T) {
	s := newStage(t, metaadssim.Options{})
	for _, c := range []struct {
		name  string
		value any
		says  string
	}{
		{"access_token", nil, "access_token is missing"},
		{"accounts", []string{"x"}, "not an ad account"},
		{"business_id", "act_1", "not the id of a business"},
		{"since", "1.1.2026", "not a day"},
		{"access_tier", "gold", "standard or development"},
		{"in_flight_window", "soon", "not a duration"},
	} {
		if _, err := metaads.Source.Open(t.Context(), s.env(map[string]any{c.name: c.value})); !fault.Is(err, fault.Config) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s %v: %v", c.name, c.value, err)
		}
	}
	conn := s.open(t, map[string]any{"since": "2020-01-01"})
	if since := tabletest.Find(t, conn, "ad_insights").Since; since != "2023-10-24" {
		t.Errorf("the first day is %s", since)
	}
}
