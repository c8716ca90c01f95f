package googleads_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"argo/tables"
	"argo/tables/ads/googleads"
	"argo/tables/fault"
	"argo/tables/rest"
	"argo/tables/tabletest"
)

var update = flag.Bool("update", false, "write testdata anew")

// vendor is a small stand-in: it keeps the requests and answers what a test
// tells it to, by the resource of the FROM clause.
type vendor struct {
	*httptest.Server
	mu       sync.Mutex
	requests []string
	queries  []string
	answer   func(account, resource, query string) (status int, body string)
	mutate   func(path, body string) (status int, reply string)
	clock    time.Time
	slept    []time.Duration
	login    string // key of the options
	options  map[string]any
}

var fromClause = regexp.MustCompile(` FROM (\w+)`)

const tree = `[{"results":[
 {"customerClient":{"resourceName":"customers/1000000000/customerClients/1000000000","id":"1000000000","descriptiveName":"Agency","manager":true,"level":"0","status":"ENABLED","currencyCode":"KRW","timeZone":"Asia/Seoul"}},
 {"customerClient":{"resourceName":"x","id":"2000000000","descriptiveName":"Team","manager":true,"level":"1","status":"ENABLED","currencyCode":"USD","timeZone":"UTC"}},
 {"customerClient":{"resourceName":"x","id":"30000000001","descriptiveName":"Brand B","level":"2","status":"ENABLED","currencyCode":"USD","timeZone":"America/New_York"}}]},
 {"results":[
 {"customerClient":{"resourceName":"x","id":"3000000000","descriptiveName":"Brand A","level":"2","status":"ENABLED","currencyCode":"KRW","timeZone":"Asia/Seoul"}},
 {"customerClient":{"resourceName":"x","id":"3000000000","descriptiveName":"Brand A again","level":"1","status":"ENABLED"}},
 {"customerClient":{"resourceName":"x","id":"4000000000","descriptiveName":"Old","level":"1","status":"CANCELED","currencyCode":"USD","timeZone":"UTC"}}],"requestId":"r"}]`

func newVendor(t *testing.T) *vendor {
	v := &vendor{clock: time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC), options: map[string]any{}}
	v.answer = func(_, resource, _ string) (int, string) {
		if resource == "customer_client" {
			return 200, tree
		}
		return 200, `[]`
	}
	v.Server = httptest.NewServer(v)
	t.Cleanup(v.Close)
	return v
}

func (v *vendor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	w.Header().Set("Content-Type", "application/json")
	if r.URL.Path == "/token" {
		io.WriteString(w, `{"access_token":"acc3ss","expires_in":3599,"token_type":"Bearer"}`)
		return
	}
	v.mu.Lock()
	line := r.Method + " " + r.URL.Path + "\n"
	for _, h := range []string{"Login-Customer-Id", "Developer-Token", "Content-Type", "User-Agent"} {
		if s := r.Header.Get(h); s != "" {
			line += strings.ToLower(h) + ": " + s + "\n"
		}
	}
	v.requests = append(v.requests, line+string(body)+"\n")
	v.mu.Unlock()
	if r.URL.Path == "/v25/customers:listAccessibleCustomers" {
		io.WriteString(w, `{"resourceNames":["customers/2000000000","customers/1000000000"]}`)
		return
	}
	account, verb, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v25/customers/"), "/")
	if verb != "googleAds:searchStream" {
		status, reply := v.mutate(r.URL.Path, string(body))
		w.WriteHeader(status)
		io.WriteString(w, reply)
		return
	}
	var q struct{ Query string }
	if err := json.Unmarshal(body, &q); err != nil {
		w.WriteHeader(400)
		return
	}
	v.mu.Lock()
	v.queries = append(v.queries, q.Query)
	v.mu.Unlock()
	status, reply := v.answer(account, fromClause.FindStringSubmatch(q.Query)[1], q.Query)
	w.WriteHeader(status)
	io.WriteString(w, reply)
}

func (v *vendor) take() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	out := v.requests
	v.requests, v.queries = nil, nil
	return out
}

func (v *vendor) env() tables.Env {
	options := map[string]any{
		"base_url": v.URL, "token_url": v.URL + "/token", "developer_token": "env:DEV", "client_id": "env:ID",
		"client_secret": "env:SECRET", "refresh_token": "env:REFRESH", "login_customer_id": "100-000-0000",
	}
	for k, o := range v.options {
		if options[k] = o; o == nil {
			delete(options, k)
		}
	}
	return tables.Env{
		Name: "google_ads", Decode: tabletest.Decode(options),
		Secret: func(_ context.Context, ref string) (string, error) {
			return "s3cret-" + strings.TrimPrefix(ref, "env:"), nil
		},
		Now: func() time.Time { v.mu.Lock(); defer v.mu.Unlock(); return v.clock },
		Sleep: func(ctx context.Context, d time.Duration) error {
			v.mu.Lock()
			defer v.mu.Unlock()
			v.clock, v.slept = v.clock.Add(d), append(v.slept, d)
			return ctx.Err()
		},
	}
}

func (v *vendor) open(t *testing.T) *tables.Connection {
	t.Helper()
	conn, err := googleads.Source.Open(t.Context(), v.env())
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// TestGolden holds the exact requests of every table and what its reply becomes.
// Each file of testdata/googleads.txtar called NAME.reply is the answer to the
// table NAME; NAME.http and NAME.rows are what is compared.
func TestGolden(t *testing.T) {
	golden := tabletest.OpenGolden(t, "testdata/googleads.txtar", *update)
	v := newVendor(t)
	conn := v.open(t)
	days := tables.Days{From: "2026-11-01", To: "2026-11-02"}
	for _, table := range conn.Tables {
		if table.Name != "accounts" {
			reply := golden.Input(table.Name + ".reply")
			v.answer = func(account, resource, _ string) (int, string) {
				if resource == "customer_client" {
					return 200, tree
				}
				return 200, reply
			}
		}
		scan := tables.Scan{Table: table.Name, Columns: tabletest.Names(table)}
		if table.Account != "" {
			scan.Account = "3000000000"
		}
		if table.Day != "" {
			scan.Days = days
		}
		v.take()
		got, err := tabletest.Rows(t.Context(), table, scan)
		if err != nil {
			t.Errorf("%s: %v", table.Name, err)
			continue
		}
		// A second scan, narrow and with conditions of every kind that is pushed.
		narrow := scan
		narrow.Columns = table.Key[len(table.Key)-1:]
		narrow.Where = tables.Predicate{"date": {From: days.From}, "campaign_name": {In: []any{"Brand A"}}}
		for _, c := range table.Columns {
			switch {
			case !c.Push || c.Name == table.Account || c.Name == table.Day:
			case c.Type.Kind == tables.Int:
				narrow.Where[c.Name] = tables.Domain{In: []any{int64(7), int64(42)}, From: int64(5)}
			case c.Name == "status":
				narrow.Where[c.Name] = tables.Domain{In: []any{"ENABLED", "REMOVED"}}
			case c.Name == "device":
				narrow.Where[c.Name] = tables.Domain{In: []any{"MOBILE"}}
			default: // a word that Google does not know is not pushed
				narrow.Where[c.Name] = tables.Domain{In: []any{"SEARCH", "o'hara"}}
			}
		}
		if _, err := tabletest.Rows(t.Context(), table, narrow); err != nil {
			t.Errorf("%s: %v", table.Name, err)
		}
		golden.Compare(table.Name+".http", strings.ReplaceAll(strings.Join(v.take(), "\n"), "s3cret-DEV", "…"))
		golden.Compare(table.Name+".rows", tabletest.Print(tabletest.Names(table), got))
	}
}

func TestAccounts(t *testing.T) {
	list := func(v *vendor) string {
		accounts, err := tabletest.Find(t, v.open(t), "campaigns").Accounts(t.Context())
		if err != nil {
			return err.Error()
		}
		return fmt.Sprint(accounts)
	}
	v := newVendor(t)
	want := "[{3000000000 Brand A KRW Asia/Seoul} {30000000001 Brand B USD America/New_York}]"
	if got := list(v); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if n := len(v.take()); n != 1 {
		t.Errorf("%d requests for a tree, want 1", n)
	}
	v.options["login_customer_id"] = nil
	if got := list(v); got != want {
		t.Errorf("without a manager: %s, want %s", got, want)
	}
	requests := v.take()
	if len(requests) != 3 || !strings.Contains(requests[1], "login-customer-id: 1000000000") || !strings.Contains(requests[2], "login-customer-id: 2000000000") {
		t.Errorf("without a manager: %q", requests)
	}
	v.options["customers"] = []string{"3000000000", "555-555-5555"}
	if got := list(v); got != "[{3000000000 Brand A KRW Asia/Seoul} {5555555555   }]" {
		t.Errorf("with customers: %s", got)
	}
	// An account of one's own has no customer_client rows.
	v = newVendor(t)
	v.answer = func(_, resource, _ string) (int, string) {
		if resource == "customer" {
			return 200, `[{"results":[{"customer":{"id":"1000000000","descriptiveName":"Own","status":"ENABLED","currencyCode":"USD","timeZone":"UTC"}}]}]`
		}
		return 200, `[{}]`
	}
	if got := list(v); got != "[{1000000000 Own USD UTC}]" {
		t.Errorf("an account of one's own: %s", got)
	}
	line, err := newVendor(t).open(t).Check(t.Context())
	if line != "2 accounts, 2 managers" || err != nil {
		t.Errorf("check: %q, %v", line, err)
	}
	for id, says := range map[string]string{"5555555555": "do not reach", "2000000000": "is a manager", "4000000000": "is CANCELED"} {
		v := newVendor(t)
		v.options["customers"] = []string{id}
		if _, err := v.open(t).Check(t.Context()); !fault.Is(err, fault.Config) || !strings.Contains(err.Error(), says) {
			t.Errorf("check with customer %s: %v", id, err)
		}
	}
}

func TestConfig(t *testing.T) {
	for key, value := range map[string]any{
		"login_customer_id": "agency", "customers": []string{"x"}, "since": "1 January", "refresh_token": "",
	} {
		v := newVendor(t)
		v.options[key] = value
		_, err := googleads.Source.Open(t.Context(), v.env())
		if !fault.Is(err, fault.Config) || !strings.Contains(err.Error(), key) {
			t.Errorf("%s: %v is %v", key, value, err)
		}
	}
	v := newVendor(t)
	v.options["bse_url"] = "x"
	if _, err := googleads.Source.Open(t.Context(), v.env()); !fault.Is(err, fault.Config) {
		t.Errorf("an unknown key: %v", err)
	}
	if v.take() != nil {
		t.Error("Open makes a call")
	}
}

// failure is the error envelope with one error.
func failure(status int, word, code, message, more string) (int, string) {
	group, name, _ := strings.Cut(code, ".")
	return status, fmt.Sprintf(`{"error":{"code":%d,"message":"Request contains an error.","status":%q,"details":[{"@type":"type.googleapis.com/google.ads.googleads.v25.errors.GoogleAdsFailure","errors":[{"errorCode":{%q:%q},"message":%q%s}],"requestId":"rEq"}]}}`,
		status, word, group, name, message, more)
}

func TestErrors(t *testing.T) {
	quota := func(delay string) string {
		return `,"details":{"quotaErrorDetails":{"rateScope":"ACCOUNT","rateName":"Requests","retryDelay":"` + delay + `"}}`
	}
	for _, c := range []struct {
		status     int
		word, code string
		more       string
		kind       fault.Kind
		hint       string
		calls      int
		after      time.Duration
	}{
		{401, "UNAUTHENTICATED", "authenticationError.OAUTH_TOKEN_EXPIRED", "", fault.Auth, "re-authorise", 2, 0},
		{401, "UNAUTHENTICATED", "authenticationError.OAUTH_TOKEN_REVOKED", "", fault.Auth, "re-authorise", 1, 0},
		{401, "UNAUTHENTICATED", "authenticationError.DEVELOPER_TOKEN_INVALID", "", fault.Config, "developer_token", 1, 0},
		{401, "UNAUTHENTICATED", "authenticationError.CUSTOMER_NOT_FOUND", "", fault.Denied, "login_customer_id", 1, 0},
		{401, "UNAUTHENTICATED", "authenticationError.NOT_ADS_USER", "", fault.Auth, "", 1, 0},
		{403, "PERMISSION_DENIED", "authorizationError.USER_PERMISSION_DENIED", "", fault.Denied, "login_customer_id", 1, 0},
		{403, "PERMISSION_DENIED", "authorizationError.CUSTOMER_NOT_ENABLED", "", fault.Denied, "customers", 1, 0},
		{403, "PERMISSION_DENIED", "authorizationError.DEVELOPER_TOKEN_NOT_APPROVED", "", fault.Config, "basic access", 1, 0},
		{403, "PERMISSION_DENIED", "authorizationError.SOMETHING_NEW", "", fault.Denied, "", 1, 0},
		{400, "INVALID_ARGUMENT", "queryError.UNRECOGNIZED_FIELD", "", fault.Internal, "report it", 1, 0},
		{400, "INVALID_ARGUMENT", "queryError.REQUESTED_METRICS_FOR_MANAGER", "", fault.Denied, "customers", 1, 0},
		{400, "INVALID_ARGUMENT", "requestError.INVALID_CUSTOMER_ID", "", fault.Config, "ten digits", 1, 0},
		{400, "INVALID_ARGUMENT", "changeEventError.START_DATE_TOO_OLD", "", fault.Invalid, "", 1, 0},
		{429, "RESOURCE_EXHAUSTED", "quotaError.RESOURCE_TEMPORARILY_EXHAUSTED", quota("12s"), fault.Throttled, "", 5, 12 * time.Second},
		{429, "RESOURCE_EXHAUSTED", "quotaError.RESOURCE_TEMPORARILY_EXHAUSTED", quota("7200s"), fault.Throttled, "try again in 2h0m0s", 1, 2 * time.Hour},
		{429, "RESOURCE_EXHAUSTED", "quotaError.RESOURCE_EXHAUSTED", "", fault.Throttled, "quota", 1, 0},
		{409, "ABORTED", "databaseError.CONCURRENT_MODIFICATION", "", fault.Conflict, "", 5, 0},
		{500, "INTERNAL", "internalError.INTERNAL_ERROR", "", fault.Unavailable, "", 5, 0},
		{503, "UNAVAILABLE", "internalError.TRANSIENT_ERROR", "", fault.Unavailable, "", 5, 0},
	} {
		for _, form := range []string{"%s", "[%s]", "stream"} {
			status, body := failure(c.status, c.word, c.code, "It went wrong with s3cret-DEV and acc3ss.", c.more)
			calls := c.calls
			switch form {
			case "stream": // in the middle of an accepted reply: never repeated
				status, body, calls = 200, `[{"results":[{"campaign":{"id":"1"}}]},`+body+`]`, 1
			default:
				body = fmt.Sprintf(form, body)
			}
			v := newVendor(t)
			v.answer = func(string, string, string) (int, string) { return status, body }
			conn := v.open(t)
			v.take()
			_, err := tabletest.Rows(t.Context(), tabletest.Find(t, conn, "campaigns"), tables.Scan{Account: "3000000000", Columns: []string{"id"}})
			f := fault.As(err)
			if f == nil || f.Kind != c.kind || form != "stream" && (f.RetryAfter != c.after || !strings.Contains(f.Hint, c.hint)) {
				t.Errorf("%s as %s: %v (kind %q, after %v), want %s, %q, %s", c.code, form, err, fault.KindOf(err), f, c.kind, c.hint, c.after)
				continue
			}
			if n := len(v.take()); n != calls {
				t.Errorf("%s as %s: %d calls, want %d", c.code, form, n, calls)
			}
			if s := err.Error(); strings.Contains(s, "s3cret") || strings.Contains(s, "acc3ss") || !strings.Contains(s, "account 3000000000") || !strings.Contains(s, c.code) || !strings.Contains(s, "rEq") {
				t.Errorf("%s as %s: %s", c.code, form, s)
			}
		}
	}
}

func TestPlainErrors(t *testing.T) {
	for _, c := range []struct {
		status int
		body   string
		kind   fault.Kind
	}{
		{401, `{"error":{"code":401,"message":"Request had invalid authentication credentials.","status":"UNAUTHENTICATED"}}`, fault.Auth},
		{404, "<html>not here</html>", fault.NotFound},
		{502, "<html>bad gateway</html>", fault.Unavailable},
		{200, `[{"results":[{"campaign":{"id":"1"}}]`, fault.Unavailable},
		{200, ``, fault.Unavailable},
		{200, `<html>a page</html>`, fault.Broken},
		{200, `[{"results":[{"campaign":{"id":"no number"}}]}]`, fault.Broken},
		{200, `[{"results":[{"campaign":{}}]}]`, fault.Broken},
		{200, `[]`, ""}, {200, `[{}]`, ""}, {200, `{}`, ""}, {200, `[{"fieldMask":"campaign.id","requestId":"r"}]`, ""},
	} {
		v := newVendor(t)
		v.answer = func(string, string, string) (int, string) { return c.status, c.body }
		got, err := tabletest.Rows(t.Context(), tabletest.Find(t, v.open(t), "campaigns"), tables.Scan{Account: "3000000000", Columns: []string{"id"}})
		if fault.KindOf(err) != c.kind || err == nil && len(got) > 0 {
			t.Errorf("%d %s: %v, want %q", c.status, c.body, err, c.kind)
		}
	}
}

// The rows of a day must not depend on the columns: Google leaves out rows whose
// selected metrics are all zero.
func TestAnchors(t *testing.T) {
	v := newVendor(t)
	conn := v.open(t)
	for _, table := range conn.Tables {
		if !strings.HasSuffix(table.Name, "_performance") {
			continue
		}
		v.take()
		if _, err := tabletest.Rows(t.Context(), table, tables.Scan{Account: "3000000000", Days: tables.Days{From: "2026-11-01", To: "2026-11-01"}}); err != nil {
			t.Fatal(err)
		}
		q := v.take()[0]
		for _, want := range []string{"segments.date,", "segments.device", "segments.ad_network_type", "metrics.impressions", "metrics.clicks", "metrics.cost_micros", "metrics.all_conversions", "metrics.view_through_conversions"} {
			if !strings.Contains(q, want) {
				t.Errorf("%s without columns does not select %s: %s", table.Name, want, q)
			}
		}
	}
}

func TestRangesAreCut(t *testing.T) {
	v := newVendor(t)
	conn := v.open(t)
	search := tabletest.Find(t, conn, "search_term_performance")
	v.take()
	if _, err := tabletest.Rows(t.Context(), search, tables.Scan{Account: "3000000000", Days: tables.Days{From: "2026-09-01", To: "2026-11-20"}, Columns: []string{"clicks"}}); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range v.take() {
		got = append(got, regexp.MustCompile(`'([0-9-]+)' AND '([0-9-]+)'`).FindString(r))
	}
	if fmt.Sprint(got) != "['2026-10-21' AND '2026-11-20' '2026-09-20' AND '2026-10-20' '2026-09-01' AND '2026-09-19']" {
		t.Errorf("%v", got)
	}
}

// Google gives at most 10,000 change events: a full reply is asked for again in
// halves, and no event is lost or seen twice.
func TestChangeEventsSplit(t *testing.T) {
	v := newVendor(t)
	var events []string
	start := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	for i := range 25_000 { // most of them in two hours of the second day
		at := start.Add(time.Duration(i) * 7 * time.Second)
		if i > 2000 {
			at = start.Add(30*time.Hour + time.Duration(i)*300*time.Millisecond)
		}
		events = append(events, at.Format("2006-01-02 15:04:05.999999"))
	}
	v.answer = func(_, resource, query string) (int, string) {
		if resource == "customer_client" {
			return 200, tree
		}
		m := regexp.MustCompile(`BETWEEN '([^']+)' AND '([^']+)' LIMIT 10000$`).FindStringSubmatch(query)
		if m == nil {
			t.Errorf("query %s", query)
			return 400, `{}`
		}
		var found []string
		for i, at := range events {
			if m[1] <= at && at <= m[2] && len(found) < 10_000 {
				found = append(found, fmt.Sprintf(`{"changeEvent":{"resourceName":"customers/3000000000/changeEvents/%d~0~0","changeDateTime":%q,"campaign":"customers/3000000000/campaigns/77"}}`, i, at))
			}
		}
		return 200, `[{"results":[` + strings.Join(found, ",") + `]}]`
	}
	changes := tabletest.Find(t, v.open(t), "change_events")
	trace := &tables.Trace{}
	ctx := tables.WithTrace(t.Context(), trace)
	got, err := tabletest.Rows(ctx, changes, tables.Scan{Account: "3000000000", Days: tables.Days{From: "2026-10-01", To: "2026-11-22"}, Columns: []string{"resource_name", "date", "campaign_id", "change_date_time"}})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[any]bool{}
	for _, r := range got {
		seen[r[0]] = true
	}
	if len(got) != len(events) || len(seen) != len(events) || got[0][2] != int64(77) {
		t.Errorf("%d events, %d different, want %d", len(got), len(seen), len(events))
	}
	if w := trace.Warnings(); len(w) != 1 || !strings.Contains(w[0].Error(), "before 2026-10-24 are gone") {
		t.Errorf("warnings %v", w)
	}
	if first := v.queries[1]; !strings.Contains(first, "BETWEEN '2026-10-24 00:00:00' AND '2026-11-22 23:59:59.999999'") {
		t.Errorf("first query %s", first)
	}
}

func TestMutate(t *testing.T) {
	v := newVendor(t)
	client := v.open(t).Handle.(*googleads.Client)
	do := func(status int, reply string) error {
		v.mutate = func(string, string) (int, string) { return status, reply }
		v.take()
		return client.Mutate(t.Context(), "3000000000", "campaigns", map[string]any{"resourceName": "customers/3000000000/campaigns/2", "status": "PAUSED"}, "status")
	}
	if err := do(200, `{"results":[{"resourceName":"customers/3000000000/campaigns/2"}]}`); err != nil {
		t.Error(err)
	}
	want := "POST /v25/customers/3000000000/campaigns:mutate\nlogin-customer-id: 1000000000\ndeveloper-token: s3cret-DEV\ncontent-type: application/json\nuser-agent: argo (gzip)\n" +
		`{"operations":[{"update":{"resourceName":"customers/3000000000/campaigns/2","status":"PAUSED"},"updateMask":"status"}]}` + "\n"
	if got := v.take(); len(got) != 1 || got[0] != want {
		t.Errorf("%q, want %q", got, want)
	}
	for _, c := range []struct {
		status  int
		reply   string
		kind    fault.Kind
		calls   int
		nothing bool // certainly not applied
	}{
		{400, second(failure(400, "INVALID_ARGUMENT", "campaignBudgetError.MONEY_AMOUNT_TOO_LARGE", "Too large.", "")), fault.Refused, 1, true},
		{400, second(failure(400, "INVALID_ARGUMENT", "mutateError.RESOURCE_NOT_FOUND", "Gone.", "")), fault.Refused, 1, true},
		{403, second(failure(403, "PERMISSION_DENIED", "authorizationError.USER_PERMISSION_DENIED", "No.", "")), fault.Denied, 1, true},
		{429, second(failure(429, "RESOURCE_EXHAUSTED", "quotaError.RESOURCE_TEMPORARILY_EXHAUSTED", "Slow down.", "")), fault.Throttled, 5, true},
		{409, second(failure(409, "ABORTED", "databaseError.CONCURRENT_MODIFICATION", "Again.", "")), fault.Conflict, 5, true},
		{500, second(failure(500, "INTERNAL", "internalError.INTERNAL_ERROR", "Oops.", "")), fault.Unknown, 1, false},
		{503, "", fault.Unknown, 1, false},
		{200, `{"results":[`, fault.Unknown, 1, false},
		{200, `{}`, fault.Unknown, 1, false},
		{200, `{"results":[{}],"partialFailureError":{"code":3,"message":"No.","details":[{"errors":[{"errorCode":{"mutateError":"MUTATE_NOT_ALLOWED"},"message":"No."}]}]}}`, fault.Refused, 1, false},
	} {
		err := do(c.status, c.reply)
		if !fault.Is(err, c.kind) || errors.Is(err, rest.ErrNotApplied) != c.nothing || len(v.take()) != c.calls {
			t.Errorf("%d %s: %v (%s, not applied %v)", c.status, c.reply, err, fault.KindOf(err), errors.Is(err, rest.ErrNotApplied))
		}
	}
}

func second(_ int, s string) string { return s }

func TestFindCampaign(t *testing.T) {
	v := newVendor(t)
	owners := map[string]string{}
	v.answer = func(account, resource, _ string) (int, string) {
		switch {
		case resource == "customer_client":
			return 200, tree
		case owners[account] == "denied":
			return failure(403, "PERMISSION_DENIED", "authorizationError.USER_PERMISSION_DENIED", "No.", "")
		case owners[account] != "":
			return 200, `[{"results":[{"campaign":{"id":"7","name":"Autumn KR","status":"ENABLED"},"campaignBudget":{"resourceName":"customers/1/campaignBudgets/9","id":"9","amountMicros":"50000000000","period":"DAILY"}}]}]`
		}
		return 200, `[]`
	}
	client := v.open(t).Handle.(*googleads.Client)
	if _, err := client.FindCampaign(t.Context(), 7); !fault.Is(err, fault.NotFound) {
		t.Errorf("nowhere: %v", err)
	}
	owners["3000000000"] = "denied"
	if _, err := client.FindCampaign(t.Context(), 7); !fault.Is(err, fault.NotFound) || !strings.Contains(err.Error(), "1 of them could not be searched") {
		t.Errorf("nowhere, one denied: %v", err)
	}
	owners["30000000001"] = "owner"
	found, err := client.FindCampaign(t.Context(), 7)
	if err != nil || found.Account.ID != "30000000001" || found.Budget.Micros != 50_000_000_000 || found.Name != "Autumn KR" {
		t.Errorf("%+v, %v", found, err)
	}
	v.take()
	if _, err := client.FindCampaign(t.Context(), 7); err != nil || len(v.take()) != 1 {
		t.Errorf("the owner is not remembered: %v", err)
	}
	owners["3000000000"] = "owner"
	if _, err := v.open(t).Handle.(*googleads.Client).FindCampaign(t.Context(), 7); !fault.Is(err, fault.Conflict) {
		t.Errorf("twice: %v", err)
	}
}

func TestEveryColumnHasItsDoc(t *testing.T) {
	conn := newVendor(t).open(t)
	var got []string
	for _, table := range conn.Tables {
		got = append(got, table.Name)
		for _, c := range table.Columns {
			if c.Doc == "" || strings.HasSuffix(c.Doc, ".") {
				t.Errorf("%s.%s: doc %q", table.Name, c.Name, c.Doc)
			}
		}
	}
	want := []string{"accounts", "campaigns", "campaign_budgets", "ad_groups", "ads", "keywords", "campaign_performance", "ad_group_performance", "ad_performance", "keyword_performance", "search_term_performance", "change_events"}
	if !slices.Equal(got, want) {
		t.Errorf("tables %v", got)
	}
}
