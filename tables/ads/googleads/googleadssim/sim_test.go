package googleadssim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"argo/tables"
	"argo/tables/market"
)

const (
	korea  = 1000000101 // KRW, Asia/Seoul
	us     = 1000000102 // USD, America/New_York
	closed = 1000000303
	root   = 9000000001
)

// stage is a simulator behind a server, with a client that is signed in.
type stage struct {
	t      testing.TB
	clock  *market.VirtualClock
	world  *market.Market
	sim    *Sim
	server *httptest.Server
	token  string
	login  string
}

func newStage(t testing.TB, o Options) *stage {
	s := &stage{t: t, clock: market.NewClock(time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)), login: fmt.Sprint(root)}
	s.world = market.New(market.Options{Seed: 1, Start: "2026-08-24", Clock: s.clock})
	s.sim = New(s.world, o)
	s.server = httptest.NewServer(Record(os.Getenv("ARGO_RECORD_DIR"), s.sim))
	t.Cleanup(s.server.Close)
	s.signIn()
	return s
}

func (s *stage) signIn() {
	s.t.Helper()
	code, body := s.form(url.Values{"grant_type": {"refresh_token"}, "client_id": {"client"}, "client_secret": {"secret"}, "refresh_token": {"refresh"}})
	var t struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int    `json:"expires_in"`
		TokenType   string `json:"token_type"`
	}
	if err := json.Unmarshal([]byte(body), &t); err != nil || code != 200 || t.ExpiresIn != 3599 || t.TokenType != "Bearer" {
		s.t.Fatalf("token: %d %s", code, body)
	}
	s.token = t.AccessToken
}

func (s *stage) form(v url.Values) (int, string) {
	s.t.Helper()
	r, err := http.PostForm(s.server.URL+"/token", v)
	if err != nil {
		s.t.Fatal(err)
	}
	return r.StatusCode, text(s.t, r)
}

func text(t testing.TB, r *http.Response) string {
	t.Helper()
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func (s *stage) request(method, path, body string) *http.Request {
	s.t.Helper()
	r, err := http.NewRequest(method, s.server.URL+"/v25/"+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+s.token)
	r.Header.Set("developer-token", "developer")
	r.Header.Set("Content-Type", "application/json")
	if s.login != "" {
		r.Header.Set("login-customer-id", s.login)
	}
	return r
}

func (s *stage) post(path, body string) (int, string) {
	s.t.Helper()
	r, err := http.DefaultClient.Do(s.request("POST", path, body))
	if err != nil {
		s.t.Fatal(err)
	}
	return r.StatusCode, text(s.t, r)
}

// search gives the result rows of all pages.
func (s *stage) search(customer int64, query string) []map[string]any {
	s.t.Helper()
	var out []map[string]any
	for token := ""; ; {
		body := string(marshal(map[string]any{"query": query, "pageToken": token}))
		code, answer := s.post(fmt.Sprintf("customers/%d/googleAds:search", customer), body)
		var page struct {
			Results       []map[string]any
			NextPageToken string
		}
		if err := json.Unmarshal([]byte(answer), &page); err != nil || code != 200 {
			s.t.Fatalf("%s\n%d %s", query, code, answer)
		}
		out = append(out, page.Results...)
		if token = page.NextPageToken; token == "" {
			return out
		}
	}
}

// at digs a value out of a row: "campaign.id".
func at(row map[string]any, path string) any {
	var v any = row
	for _, p := range strings.Split(path, ".") {
		m, _ := v.(map[string]any)
		v = m[p]
	}
	return v
}

// codes lists the errors of an answer as kind.CODE; a front end's error is its
// status.
func codes(answer string) []string {
	answer = strings.TrimSpace(answer)
	if strings.HasPrefix(answer, "[") {
		answer = strings.TrimSuffix(answer[1:], "]")
	}
	var x struct {
		Error struct {
			Status  string
			Details []struct {
				Errors []struct{ ErrorCode map[string]string }
			}
		}
		PartialFailureError struct {
			Details []struct {
				Errors []struct{ ErrorCode map[string]string }
			}
		}
	}
	if json.Unmarshal([]byte(answer), &x) != nil {
		return []string{"unreadable: " + answer}
	}
	var out []string
	for _, d := range append(x.Error.Details, x.PartialFailureError.Details...) {
		for _, e := range d.Errors {
			for k, v := range e.ErrorCode {
				out = append(out, k+"."+v)
			}
		}
	}
	if out == nil && x.Error.Status != "" {
		out = []string{x.Error.Status}
	}
	return out
}

func TestToken(t *testing.T) {
	s := newStage(t, Options{})
	good := func() url.Values {
		return url.Values{"grant_type": {"refresh_token"}, "client_id": {"client"}, "client_secret": {"secret"}, "refresh_token": {"refresh"}}
	}
	for _, c := range []struct {
		field, value string
		code         int
		word         string
	}{
		{"refresh_token", "other", 400, "invalid_grant"},
		{"refresh_token", "", 400, "invalid_request"},
		{"client_id", "other", 401, "invalid_client"},
		{"client_secret", "other", 401, "invalid_client"},
		{"grant_type", "password", 400, "unsupported_grant_type"},
	} {
		v := good()
		v.Set(c.field, c.value)
		if code, body := s.form(v); code != c.code || !strings.Contains(body, `"error":"`+c.word+`"`) {
			t.Errorf("%s=%q: %d %s", c.field, c.value, code, body)
		}
	}
	if r, err := http.Post(s.server.URL+"/token", "application/json", strings.NewReader(`{}`)); err != nil || r.StatusCode != 400 {
		t.Errorf("a JSON body: %v %v", r.StatusCode, err)
	}
}

func TestAccess(t *testing.T) {
	s := newStage(t, Options{})
	path := fmt.Sprintf("customers/%d/googleAds:search", us)
	query := `{"query":"SELECT customer.id FROM customer"}`
	for _, c := range []struct {
		name   string
		change func(*http.Request)
		code   int
		want   string
	}{
		{"no token", func(r *http.Request) { r.Header.Del("Authorization") }, 401, "UNAUTHENTICATED"},
		{"unknown token", func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") }, 401, "UNAUTHENTICATED"},
		{"no developer token", func(r *http.Request) { r.Header.Del("developer-token") }, 400, "requestError.DEVELOPER_TOKEN_PARAMETER_MISSING"},
		{"other developer token", func(r *http.Request) { r.Header.Set("developer-token", "x") }, 401, "authenticationError.DEVELOPER_TOKEN_INVALID"},
		{"no login customer", func(r *http.Request) { r.Header.Del("login-customer-id") }, 403, "authorizationError.USER_PERMISSION_DENIED"},
		{"hyphens", func(r *http.Request) { r.Header.Set("login-customer-id", "900-000-0001") }, 400, "headerError.INVALID_LOGIN_CUSTOMER_ID"},
		{"manager of others", func(r *http.Request) { r.Header.Set("login-customer-id", "9000000002") }, 403, "authorizationError.USER_PERMISSION_DENIED"},
		{"customer as its own login", func(r *http.Request) { r.Header.Set("login-customer-id", fmt.Sprint(us)) }, 403, "authorizationError.USER_PERMISSION_DENIED"},
		{"unknown customer", func(r *http.Request) { r.URL.Path = "/v25/customers/1234567890/googleAds:search" }, 403, "authorizationError.USER_PERMISSION_DENIED"},
		{"malformed customer", func(r *http.Request) { r.URL.Path = "/v25/customers/100-000-0102/googleAds:search" }, 400, "requestError.INVALID_CUSTOMER_ID"},
		{"closed customer", func(r *http.Request) { r.URL.Path = fmt.Sprintf("/v25/customers/%d/googleAds:search", closed) }, 403, "authorizationError.CUSTOMER_NOT_ENABLED"},
		{"old version", func(r *http.Request) { r.URL.Path = "/v18/customers/1/googleAds:search" }, 400, "requestError.UNSUPPORTED_VERSION"},
		{"no such method", func(r *http.Request) { r.URL.Path = "/v25/customers/1000000102/googleAds:guess" }, 404, "NOT_FOUND"},
		{"fine", func(*http.Request) {}, 200, ""},
	} {
		r := s.request("POST", path, query)
		c.change(r)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body := text(t, answer)
		if got := strings.Join(codes(body), " "); answer.StatusCode != c.code || got != c.want {
			t.Errorf("%s: %d %q, want %d %q\n%s", c.name, answer.StatusCode, got, c.code, c.want, body)
		}
		if answer.Header.Get("request-id") == "" {
			t.Errorf("%s: no request-id", c.name)
		}
	}
	s.clock.Advance(3599 * time.Second)
	if code, body := s.post(path, query); code != 401 || codes(body)[0] != "authenticationError.OAUTH_TOKEN_EXPIRED" {
		t.Errorf("after expiry: %d %s", code, body)
	}
	s.signIn()
	if code, body := s.post(path, query); code != 200 {
		t.Errorf("signed in again: %d %s", code, body)
	}
	r := s.request("GET", "customers:listAccessibleCustomers", "")
	r.Header.Del("login-customer-id")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if body := text(t, answer); strings.TrimSpace(body) != `{"resourceNames":["customers/9000000001"]}` {
		t.Errorf("accessible: %s", body)
	}
}

func TestCustomerTree(t *testing.T) {
	s := newStage(t, Options{})
	rows := s.search(root, "SELECT customer_client.id, customer_client.level, customer_client.manager, customer_client.currency_code, customer_client.time_zone, customer_client.status, customer_client.hidden FROM customer_client")
	var b strings.Builder
	for _, r := range rows {
		fmt.Fprintln(&b, at(r, "customerClient.id"), at(r, "customerClient.level"), at(r, "customerClient.manager"), at(r, "customerClient.currencyCode"), at(r, "customerClient.timeZone"), at(r, "customerClient.status"))
	}
	const want = `9000000001 0 true USD America/New_York ENABLED
1000000102 1 false USD America/New_York ENABLED
1000000301 1 false USD America/New_York ENABLED
1000000303 1 false USD America/New_York CANCELED
9000000002 1 true KRW Asia/Seoul ENABLED
1000000101 2 false KRW Asia/Seoul ENABLED
1000000201 2 false JPY Asia/Tokyo ENABLED
1000000202 2 false KRW Asia/Seoul ENABLED
1000000302 2 false JPY Asia/Tokyo ENABLED
`
	if b.String() != want {
		t.Errorf("tree:\n%s", b.String())
	}
	if n := len(s.search(root, "SELECT customer_client.id FROM customer_client WHERE customer_client.level <= 1 AND customer_client.manager = false")); n != 3 {
		t.Errorf("%d clients at level 1", n)
	}
}

// TestRefusals is the table of queries that the API refuses.
func TestRefusals(t *testing.T) {
	s := newStage(t, Options{DeveloperRate: -1, CustomerRate: -1})
	const during = " WHERE segments.date DURING LAST_7_DAYS"
	const since = "change_event.change_date_time >= '2026-11-01'"
	for query, want := range map[string]string{
		"":                          "UNEXPECTED_END_OF_QUERY",
		"campaign.id FROM campaign": "EXPECTED_SELECT",
		"SELECT FROM campaign":      "BAD_FIELD_NAME",
		"SELECT campaign.id":        "EXPECTED_FROM",
		"SELECT campaign.id WHERE campaign.id = 1 campaign":                                                                                        "EXPECTED_AND",
		"SELECT campaign.id FROM campain":                                                                                                          "BAD_RESOURCE_TYPE_IN_FROM_CLAUSE",
		"SELECT campaign.nme FROM campaign":                                                                                                        "UNRECOGNIZED_FIELD",
		"SELECT campaign.id FROM campaign WHERE campaign.id":                                                                                       "UNEXPECTED_END_OF_QUERY",
		"SELECT campaign.id FROM campaign WHERE campaign.id = 1 OR campaign.id = 2":                                                                "EXPECTED_AND",
		"SELECT campaign.id FROM campaign WHERE campaign.id == 1":                                                                                  "BAD_VALUE",
		"SELECT campaign.id FROM campaign WHERE campaign.id ~ 1":                                                                                   "BAD_SYMBOL",
		"SELECT campaign.id FROM campaign WHERE campaign.name = 'x":                                                                                "STRING_NOT_TERMINATED",
		"SELECT campaign.id FROM campaign WHERE campaign.name = 'x\\q'":                                                                            "BAD_ESCAPE_SEQUENCE",
		"SELECT campaign.id FROM campaign WHERE campaign.name = 'x\n'":                                                                             "PROHIBITED_NEWLINE_IN_STRING",
		"SELECT campaign.id FROM campaign WHERE campaign.name LIKE 5":                                                                              "INVALID_VALUE_WITH_LIKE_OPERATOR",
		"SELECT campaign.id FROM campaign WHERE campaign.id LIKE '5'":                                                                              "OPERATOR_FIELD_MISMATCH",
		"SELECT campaign.id FROM campaign WHERE campaign.id IN ()":                                                                                 "PROHIBITED_EMPTY_LIST_IN_CONDITION",
		"SELECT campaign.id FROM campaign WHERE campaign.id IN 5":                                                                                  "EXPECTED_LIST",
		"SELECT campaign.id FROM campaign WHERE campaign.id = (5)":                                                                                 "EXPECTED_SINGLE_VALUE",
		"SELECT campaign.id FROM campaign WHERE campaign.id IN (1, 'x')":                                                                           "PROHIBITED_VALUE_COMBINATION_IN_LIST",
		"SELECT campaign.id FROM campaign WHERE campaign.id = 1.2.3":                                                                               "BAD_NUMBER",
		"SELECT campaign.id FROM campaign WHERE campaign.status = RUNNING":                                                                         "BAD_ENUM_CONSTANT",
		"SELECT campaign.id FROM campaign WHERE campaign.id FOO 1":                                                                                 "BAD_OPERATOR",
		"SELECT campaign.id FROM campaign LIMIT 0":                                                                                                 "LIMIT_VALUE_TOO_LOW",
		"SELECT campaign.id FROM campaign LIMIT x":                                                                                                 "BAD_LIMIT_VALUE",
		"SELECT campaign.id FROM campaign ORDER campaign.id":                                                                                       "EXPECTED_BY",
		"SELECT campaign.id FROM campaign PARAMETERS fast = true":                                                                                  "BAD_PARAMETER_NAME",
		"SELECT campaign.id FROM campaign PARAMETERS include_drafts = maybe":                                                                       "BAD_PARAMETER_VALUE",
		"SELECT campaign.id FROM campaign GROUP BY campaign.id":                                                                                    "UNEXPECTED_INPUT",
		"SELECT campaign.id, segments.date FROM campaign":                                                                                          "EXPECTED_FILTERS_ON_DATE_RANGE",
		"SELECT campaign.id, segments.month FROM campaign WHERE segments.date > '2026-11-01'":                                                      "EXPECTED_FILTERS_ON_DATE_RANGE",
		"SELECT campaign.id, segments.date FROM campaign WHERE segments.date = '20261101'":                                                         "INVALID_DATE_FORMAT",
		"SELECT campaign.id FROM campaign WHERE segments.date DURING LAST_3_DAYS":                                                                  "INVALID_VALUE_WITH_DURING_OPERATOR",
		"SELECT campaign.id FROM campaign WHERE segments.week = '2026-11-03'":                                                                      "MISALIGNED_DATE_FOR_FILTER",
		"SELECT campaign.id FROM campaign WHERE segments.month = '2026-11-02'":                                                                     "MISALIGNED_DATE_FOR_FILTER",
		"SELECT campaign.id FROM campaign WHERE segments.date BETWEEN '2026-11-02' AND '2026-11-01'":                                               "INVALID_VALUE_WITH_BETWEEN_OPERATOR",
		"SELECT campaign.id FROM campaign WHERE segments.date BETWEEN '2026-11-02'":                                                                "UNEXPECTED_END_OF_QUERY",
		"SELECT campaign.id FROM campaign WHERE segments.device = MOBILE":                                                                          "EXPECTED_REFERENCED_FIELD_IN_SELECT_CLAUSE",
		"SELECT campaign.id FROM campaign ORDER BY metrics.clicks":                                                                                 "EXPECTED_REFERENCED_FIELD_IN_SELECT_CLAUSE",
		"SELECT campaign.id FROM campaign ORDER BY customer.id":                                                                                    "EXPECTED_REFERENCED_FIELD_IN_SELECT_CLAUSE",
		"SELECT ad_group_ad.ad.id FROM ad_group_ad ORDER BY ad_group_ad.ad.final_urls":                                                             "PROHIBITED_FIELD_IN_ORDER_BY_CLAUSE",
		"SELECT ad_group_ad.ad.id FROM ad_group_ad WHERE ad_group_ad.ad.responsive_search_ad.headlines CONTAINS ANY ('x')":                         "PROHIBITED_FIELD_IN_WHERE_CLAUSE",
		"SELECT ad_group.id FROM campaign":                                                                                                         "PROHIBITED_RESOURCE_TYPE_IN_SELECT_CLAUSE",
		"SELECT campaign.id FROM campaign WHERE ad_group.id = 1":                                                                                   "PROHIBITED_RESOURCE_TYPE_IN_WHERE_CLAUSE",
		"SELECT campaign_budget.amount_micros FROM ad_group":                                                                                       "PROHIBITED_RESOURCE_TYPE_IN_SELECT_CLAUSE",
		"SELECT ad_group_criterion.criterion_id, metrics.clicks FROM ad_group_criterion":                                                           "PROHIBITED_METRIC_IN_SELECT_OR_WHERE_CLAUSE",
		"SELECT campaign.id, segments.keyword.info.text FROM campaign" + during:                                                                    "PROHIBITED_SEGMENT_IN_SELECT_OR_WHERE_CLAUSE",
		"SELECT segments.conversion_action, metrics.clicks FROM campaign" + during:                                                                 "PROHIBITED_SEGMENT_WITH_METRIC_IN_SELECT_OR_WHERE_CLAUSE",
		"SELECT segments.conversion_action, metrics.cost_per_conversion FROM campaign" + during:                                                    "PROHIBITED_SEGMENT_WITH_METRIC_IN_SELECT_OR_WHERE_CLAUSE",
		"SELECT change_event.change_date_time FROM change_event LIMIT 10":                                                                          "changeEventError.CHANGE_DATE_RANGE_INFINITE",
		"SELECT change_event.change_date_time FROM change_event WHERE " + since + " LIMIT 10":                                                      "changeEventError.CHANGE_DATE_RANGE_INFINITE",
		"SELECT change_event.change_date_time FROM change_event WHERE " + since + " AND change_event.change_date_time <= '2026-11-23'":             "changeEventError.LIMIT_NOT_SPECIFIED",
		"SELECT change_event.change_date_time FROM change_event WHERE " + since + " AND change_event.change_date_time <= '2026-11-23' LIMIT 10001": "changeEventError.INVALID_LIMIT_CLAUSE",
		"SELECT change_event.change_date_time FROM change_event WHERE change_event.change_date_time BETWEEN '2026-10-01' AND '2026-11-23' LIMIT 5": "changeEventError.START_DATE_TOO_OLD",
		"SELECT change_event.change_date_time FROM change_event WHERE change_event.change_date_time BETWEEN '2026-11-20' AND '2026-11-10' LIMIT 5": "changeEventError.CHANGE_DATE_RANGE_NEGATIVE",
		"SELECT campaign.id, metrics.search_impression_share FROM campaign":                                                                        "UNIMPLEMENTED",
	} {
		if want == strings.ToUpper(want) && want != "UNIMPLEMENTED" {
			want = "queryError." + want
		}
		for _, method := range []string{"search", "searchStream"} {
			code, body := s.post(fmt.Sprintf("customers/%d/googleAds:%s", us, method), string(marshal(map[string]string{"query": query})))
			wantCode := 400
			if want == "UNIMPLEMENTED" {
				wantCode = 501
			}
			if got := strings.Join(codes(body), " "); code != wantCode || got != want {
				t.Errorf("%s\n\t%d %s, want %s\n\t%s", query, code, got, want, body)
			}
		}
	}
	code, body := s.post(fmt.Sprintf("customers/%d/googleAds:search", root), `{"query":"SELECT campaign.id, metrics.clicks FROM campaign"}`)
	if code != 400 || codes(body)[0] != "queryError.REQUESTED_METRICS_FOR_MANAGER" {
		t.Errorf("manager: %d %s", code, body)
	}
}

func TestBodies(t *testing.T) {
	s := newStage(t, Options{})
	q := `"query":"SELECT campaign.id FROM campaign"`
	for body, want := range map[string]string{
		`{` + q + `,"pageSize":100}`:                                        "requestError.PAGE_SIZE_NOT_SUPPORTED",
		`{` + q + `,"page_size":0}`:                                         "",
		`{` + q + `,"rows":1}`:                                              "INVALID_ARGUMENT",
		`{` + q + `,"searchSettings":{"omit":true}}`:                        "INVALID_ARGUMENT",
		`{` + q + `,"validateOnly":"yes"}`:                                  "INVALID_ARGUMENT",
		`{` + q + `,"pageToken":"x"}`:                                       "requestError.INVALID_PAGE_TOKEN",
		`{` + q + `,"pageToken":"x","validateOnly":true}`:                   "requestError.VALIDATE_ONLY_REQUEST_HAS_PAGE_TOKEN",
		`{` + q + `,"validateOnly":true}`:                                   "",
		`{` + q + `,"searchSettings":{"returnSummaryRow":true}}`:            "requestError.CANNOT_RETURN_SUMMARY_ROW_FOR_REQUEST_WITHOUT_METRICS",
		`{` + q + `,"search_settings":{"return_total_results_count":true}}`: "",
		`{"query":`: "INVALID_ARGUMENT",
	} {
		code, answer := s.post(fmt.Sprintf("customers/%d/googleAds:search", us), body)
		if got := strings.Join(codes(answer), " "); got != want || (want == "") != (code == 200) {
			t.Errorf("%s: %d %q, want %q", body, code, got, want)
		}
	}
}

// TestFigures compares answers with the market's facts.
func TestFigures(t *testing.T) {
	s := newStage(t, Options{})
	days := tables.Days{From: "2026-11-01", To: "2026-11-20"}
	sum := map[string]market.Figures{}
	for f := range s.world.Facts(market.Query{Account: korea, Days: days}) {
		k := fmt.Sprint(f.Campaign)
		g := sum[k]
		g.Add(f.Figures)
		sum[k] = g
	}
	rows := s.search(korea, "SELECT campaign.id, metrics.impressions, metrics.clicks, metrics.cost_micros, metrics.conversions FROM campaign WHERE segments.date BETWEEN '2026-11-01' AND '2026-11-20'")
	if len(rows) != 10 {
		t.Fatalf("%d campaigns, want all ten, those without impressions too", len(rows))
	}
	for _, r := range rows {
		f := sum[at(r, "campaign.id").(string)]
		if at(r, "metrics.impressions") != fmt.Sprint(f.Impressions) || at(r, "metrics.costMicros") != fmt.Sprint(f.Cost) || at(r, "metrics.conversions") != float64(f.Conversions)/100 {
			t.Errorf("%v, want %+v", r, f)
		}
		if at(r, "campaign.resourceName") != fmt.Sprintf("customers/%d/campaigns/%s", korea, at(r, "campaign.id")) {
			t.Errorf("resource name of %v", r)
		}
	}
	// Sums over segments and grains are the same.
	const where = " WHERE segments.date BETWEEN '2026-11-01' AND '2026-11-20' AND campaign.id = 101001"
	want := fmt.Sprint(sum["101001"].Cost)
	for _, q := range []string{
		"SELECT campaign.id, segments.date, segments.device, segments.ad_network_type, metrics.cost_micros FROM campaign",
		"SELECT campaign.id, segments.week, metrics.cost_micros FROM campaign",
		"SELECT campaign.id, segments.month, segments.day_of_week, metrics.cost_micros FROM campaign",
		"SELECT ad_group.id, campaign.id, segments.date, metrics.cost_micros FROM ad_group",
		"SELECT ad_group_ad.ad.id, campaign.id, segments.date, metrics.cost_micros FROM ad_group_ad",
		"SELECT ad_group_criterion.criterion_id, campaign.id, segments.date, metrics.cost_micros FROM keyword_view",
	} {
		total := int64(0)
		for _, r := range s.search(korea, q+where) {
			var n int64
			fmt.Sscan(at(r, "metrics.costMicros").(string), &n)
			total += n
			if n == 0 {
				t.Errorf("%s: a zero row: %v", q, r)
			}
		}
		if fmt.Sprint(total) != want {
			t.Errorf("%s: %d, want %s", q, total, want)
		}
	}
	terms := s.search(korea, "SELECT search_term_view.search_term, search_term_view.status, segments.keyword.info.text, segments.search_term_match_type, metrics.clicks FROM search_term_view"+where)
	if len(terms) == 0 {
		t.Fatal("no search terms")
	}
	for _, r := range terms {
		if at(r, "searchTermView.searchTerm") == "" || at(r, "segments.keyword.info.text") == nil {
			t.Errorf("term %v", r)
		}
	}
	if none := s.search(korea, "SELECT campaign.id, segments.date, metrics.clicks FROM campaign WHERE segments.date = '2020-01-01'"); len(none) != 0 {
		t.Errorf("rows before all time: %v", none)
	}
}

func TestFiltersAndOrder(t *testing.T) {
	s := newStage(t, Options{})
	count := func(q string, want int) {
		t.Helper()
		if n := len(s.search(us, q)); n != want {
			t.Errorf("%s: %d rows, want %d", q, n, want)
		}
	}
	count("SELECT campaign.id FROM campaign", 10)
	count("select campaign.id from campaign where campaign.status != 'REMOVED'", 9)
	count("SELECT campaign.id FROM campaign WHERE campaign.status IN (ENABLED, PAUSED) AND campaign.advertising_channel_type = SEARCH", 4)
	count("SELECT campaign.id FROM campaign WHERE campaign.name LIKE '%search%'", 4)
	count("SELECT campaign.id FROM campaign WHERE campaign.name NOT LIKE 'brand a | search%'", 6)
	count("SELECT campaign.id FROM campaign WHERE campaign.name REGEXP_MATCH '.*search.*'", 0)
	count("SELECT campaign.id FROM campaign WHERE campaign.name REGEXP_MATCH '(?i).*search.*'", 4)
	count("SELECT campaign.id FROM campaign WHERE campaign.name = \"Brand A | Search | US | Autumn\"", 1)
	count("SELECT campaign.id FROM campaign WHERE campaign.name = 'brand a | search | us | autumn'", 0)
	count("SELECT campaign.id FROM campaign WHERE campaign.end_date_time IS NULL", 10)
	count("SELECT campaign.id FROM campaign WHERE campaign.maximize_conversions.target_cpa_micros IS NOT NULL", 4)
	count("SELECT campaign.id FROM campaign WHERE campaign.id BETWEEN 102002 AND 102004", 3)
	count("SELECT campaign.id FROM campaign WHERE campaign.primary_status_reasons CONTAINS ANY (CAMPAIGN_PAUSED, CAMPAIGN_REMOVED)", 2)
	count("SELECT campaign.id FROM campaign WHERE campaign.labels CONTAINS NONE ('customers/1/labels/2')", 10)
	count("SELECT campaign.id FROM campaign LIMIT 3", 3)
	count("SELECT ad_group_criterion.keyword.text FROM ad_group_criterion WHERE ad_group_criterion.negative = TRUE", 12)
	count("SELECT ad_group_criterion.keyword.text FROM keyword_view", 48)
	count("SELECT campaign.id FROM campaign WHERE metrics.impressions > 0 AND segments.date DURING LAST_7_DAYS", 8)
	count("SELECT campaign_budget.id FROM campaign_budget WHERE campaign_budget.explicitly_shared = TRUE AND campaign_budget.reference_count = 2", 1)

	rows := s.search(us, "SELECT campaign.id, metrics.cost_micros FROM campaign WHERE segments.date DURING LAST_30_DAYS ORDER BY metrics.cost_micros DESC, campaign.id LIMIT 4")
	last := int64(1) << 62
	for _, r := range rows {
		var n int64
		fmt.Sscan(at(r, "metrics.costMicros").(string), &n)
		if n > last {
			t.Errorf("order: %v", rows)
		}
		last = n
	}
	bare := s.search(us, "SELECT campaign.name FROM campaign LIMIT 1 PARAMETERS omit_unselected_resource_names = true")
	if len(bare[0]) != 1 || at(bare[0], "campaign.resourceName") != nil {
		t.Errorf("resource names not omitted: %v", bare)
	}
}

func TestPages(t *testing.T) {
	s := newStage(t, Options{})
	query := "SELECT ad_group_ad.ad.id, segments.date, segments.device, segments.ad_network_type, metrics.impressions FROM ad_group_ad WHERE segments.date BETWEEN '2026-08-24' AND '2026-11-21'"
	spent := s.sim.Spent()
	rows := s.search(us, query)
	if len(rows) <= 2*pageSize {
		t.Fatalf("%d rows are too few for this test", len(rows))
	}
	if d := s.sim.Spent() - spent; d != 1 {
		t.Errorf("the pages cost %d operations, want 1", d)
	}
	path := fmt.Sprintf("customers/%d/googleAds:search", us)
	_, body := s.post(path, string(marshal(map[string]any{"query": query, "searchSettings": map[string]bool{"returnTotalResultsCount": true, "returnSummaryRow": true}})))
	var page struct{ NextPageToken, TotalResultsCount string }
	if err := json.Unmarshal([]byte(body), &page); err != nil || page.TotalResultsCount != fmt.Sprint(len(rows)) {
		t.Errorf("total %q, want %d (%v)", page.TotalResultsCount, len(rows), err)
	}
	ask := func(query string) string {
		_, body := s.post(path, string(marshal(map[string]any{"query": query, "pageToken": page.NextPageToken, "searchSettings": map[string]bool{"returnTotalResultsCount": true, "returnSummaryRow": true}})))
		return strings.Join(codes(body), " ")
	}
	if got := ask(query + " LIMIT 5"); got != "requestError.INVALID_PAGE_TOKEN" {
		t.Errorf("token of another query: %s", got)
	}
	s.clock.Advance(55 * time.Minute)
	s.signIn()
	if got := ask(query); got != "" {
		t.Errorf("second page: %s", got)
	}
	s.clock.Advance(10 * time.Minute)
	s.signIn()
	if got := ask(query); got != "requestError.EXPIRED_PAGE_TOKEN" {
		t.Errorf("old token: %s", got)
	}
}

func TestStream(t *testing.T) {
	s := newStage(t, Options{})
	path := fmt.Sprintf("customers/%d/googleAds:searchStream", us)
	get := func(query, setting string) []map[string]json.RawMessage {
		t.Helper()
		code, body := s.post(path, string(marshal(map[string]any{"query": query, "summaryRowSetting": setting})))
		var chunks []map[string]json.RawMessage
		if err := json.Unmarshal([]byte(body), &chunks); err != nil || code != 200 {
			t.Fatalf("%d %v %s", code, err, clip(body))
		}
		return chunks
	}
	chunks := get("SELECT ad_group_ad.ad.id, segments.date, segments.device, segments.ad_network_type, metrics.impressions FROM ad_group_ad WHERE segments.date BETWEEN '2026-08-24' AND '2026-11-21'", "SUMMARY_ROW_WITH_RESULTS")
	if len(chunks) < 4 || chunks[0]["requestId"] == nil || chunks[len(chunks)-1]["summaryRow"] == nil {
		t.Errorf("%d chunks", len(chunks))
	}
	empty := get("SELECT campaign.id FROM campaign WHERE campaign.id = 1", "NO_SUMMARY_ROW")
	if len(empty) != 1 || empty[0]["results"] != nil || empty[0]["fieldMask"] == nil {
		t.Errorf("empty stream: %v", empty)
	}
	if err := s.sim.Faults.Script("googleads midstream nth=1"); err != nil {
		t.Fatal(err)
	}
	torn := get("SELECT campaign.id FROM campaign", "UNSPECIFIED")
	if len(torn) != 2 || torn[0]["results"] == nil || torn[1]["error"] == nil {
		t.Errorf("failing stream: %v", torn)
	}
}

func TestGzip(t *testing.T) {
	s := newStage(t, Options{})
	r := s.request("POST", fmt.Sprintf("customers/%d/googleAds:search", us), `{"query":"SELECT campaign.id FROM campaign"}`)
	r.Header.Set("Accept-Encoding", "gzip")
	w := httptest.NewRecorder()
	s.sim.ServeHTTP(w, r)
	if w.Header().Get("Content-Encoding") != "gzip" || !bytes.HasPrefix(w.Body.Bytes(), []byte{0x1f, 0x8b}) {
		t.Errorf("not compressed: %v", w.Header())
	}
}

func TestFieldMetadata(t *testing.T) {
	s := newStage(t, Options{})
	code, body := s.post("googleAdsFields:search", `{"query":"SELECT name, category, data_type, selectable, filterable, sortable, is_repeated, selectable_with WHERE name = 'metrics.clicks'"}`)
	const want = `{"results":[{"category":"METRIC","dataType":"INT64","filterable":true,"isRepeated":false,"name":"metrics.clicks","resourceName":"googleAdsFields/metrics.clicks","selectable":true,"sortable":true}],"totalResultsCount":"1"}`
	if strings.TrimSpace(body) != want {
		t.Errorf("%d %s", code, body)
	}
	if code, body = s.post("googleAdsFields:search", `{"query":"SELECT name, attribute_resources, metrics WHERE category = 'RESOURCE'"}`); code != 200 || !strings.Contains(body, "keyword_view") {
		t.Errorf("%d %s", code, body)
	}
	if code, body = s.post("googleAdsFields:search", `{"query":"SELECT name, category, data_type, is_repeated, enum_values WHERE category IN ('ATTRIBUTE', 'SEGMENT', 'METRIC')"}`); code != 200 || strings.Count(body, `"name"`) < 100 {
		t.Errorf("%d %s", code, clip(body))
	}
	if code, body = s.post("googleAdsFields:search", `{"query":"SELECT name FROM campaign"}`); code != 400 || codes(body)[0] != "queryError.UNEXPECTED_FROM_CLAUSE" {
		t.Errorf("%d %s", code, body)
	}
	r, err := http.DefaultClient.Do(s.request("GET", "googleAdsFields/segments.date", ""))
	if err != nil || r.StatusCode != 200 || !strings.Contains(text(t, r), `"dataType":"DATE"`) {
		t.Errorf("field by name: %v", err)
	}
}
