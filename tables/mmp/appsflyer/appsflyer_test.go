package appsflyer_test

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
	"argo/tables/fault"
	"argo/tables/mmp/appsflyer"
	"argo/tables/tabletest"
)

var update = flag.Bool("update", false, "write testdata anew")

// vendor is a small stand-in that keeps the requests and answers what a test
// tells it to.
type vendor struct {
	*httptest.Server
	mu       sync.Mutex
	requests []string
	answer   func(w http.ResponseWriter, r *http.Request)
	clock    time.Time
	slept    []time.Duration
	options  map[string]any
}

func newVendor(t *testing.T) *vendor {
	v := &vendor{clock: time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC), options: map[string]any{}}
	v.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v.mu.Lock()
		v.requests = append(v.requests, r.Method+" "+r.URL.RequestURI()+"\nauthorization: "+strings.ReplaceAll(r.Header.Get("Authorization"), "t0k", "…")+"\naccept: "+r.Header.Get("Accept")+"\n")
		v.mu.Unlock()
		v.answer(w, r)
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

func (v *vendor) pass(d time.Duration) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.clock = v.clock.Add(d)
}

func (v *vendor) env() tables.Env {
	options := map[string]any{"base_url": v.URL, "token": "env:TOKEN", "apps": []map[string]any{
		{"id": "id900000001", "name": "Brand A", "time_zone": "Asia/Seoul", "currency": "KRW"}, {"id": "com.example.b"},
	}}
	for k, o := range v.options {
		options[k] = o
	}
	return tables.Env{
		Name: "appsflyer", Decode: tabletest.Decode(options),
		Secret: func(context.Context, string) (string, error) { return "t0k", nil },
		Now:    func() time.Time { v.mu.Lock(); defer v.mu.Unlock(); return v.clock },
		Sleep: func(ctx context.Context, d time.Duration) error {
			v.pass(d)
			v.mu.Lock()
			defer v.mu.Unlock()
			v.slept = append(v.slept, d)
			return ctx.Err()
		},
	}
}

func (v *vendor) open(t *testing.T) *tables.Connection {
	t.Helper()
	conn, err := appsflyer.Source.Open(t.Context(), v.env())
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

func csv(text string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/csv")
		io.WriteString(w, text)
	}
}

func status(code int, body string, head ...string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, r *http.Request) {
		for i := 0; i+1 < len(head); i += 2 {
			w.Header().Set(head[i], head[i+1])
		}
		w.WriteHeader(code)
		io.WriteString(w, body)
	}
}

var (
	two   = tables.Days{From: "2026-11-01", To: "2026-11-02"}
	month = tables.Days{From: "2026-10-01", To: "2026-10-31"}
)

// TestGolden holds the request of every table and what its reply becomes: REPORT.csv
// is the answer, NAME.http and NAME.rows are what is compared.
func TestGolden(t *testing.T) {
	golden := tabletest.OpenGolden(t, "testdata/appsflyer.txtar", *update)
	v := newVendor(t)
	v.answer = func(w http.ResponseWriter, r *http.Request) {
		csv(golden.Input(strings.Split(r.URL.Path, "/")[6]+".csv"))(w, r)
	}
	conn := v.open(t)
	for _, table := range conn.Tables {
		v.pass(time.Hour)
		got, err := tabletest.Rows(t.Context(), table, tables.Scan{Account: "id900000001", Days: two, Columns: tabletest.Names(table)})
		if err != nil {
			t.Errorf("%s: %v", table.Name, err)
			continue
		}
		golden.Compare(table.Name+".http", strings.Join(v.take(), "\n"))
		golden.Compare(table.Name+".rows", tabletest.Print(tabletest.Names(table), got))
	}
}

const small = "Date,Agency/PMD (af_prt),Media Source (pid),Campaign (c),Impressions,Clicks,CTR,Installs,Conversion Rate,Sessions,Loyal Users,Loyal Users/Installs,Total Revenue,Total Cost,ROI,ARPU,Average eCPI,buy (Unique users),buy (Event counter),buy (Sales in KRW)\n" +
	"2026-11-01,,net_alpha,Autumn KR,5000,120,0.024,18,0.15,64,9,0.5,41.50,30.00,0.3833,2.3056,1.6667,4,5,41.50\n"

// The table and its events come from one call; a reply is good for a minute.
func TestOneCallServesBoth(t *testing.T) {
	v := newVendor(t)
	v.answer = csv(small)
	conn := v.open(t)
	read := func(name string, want int) {
		t.Helper()
		x := tabletest.Find(t, conn, name)
		got, err := tabletest.Rows(t.Context(), x, tables.Scan{Account: "id900000001", Days: two, Columns: x.Key})
		if err != nil || len(got) != 1 {
			t.Errorf("%s: %v, %v", name, got, err)
		}
		if n := len(v.take()); n != want {
			t.Errorf("%s: %d calls, want %d", name, n, want)
		}
	}
	read("partners_by_date", 1)
	read("partners_events_by_date", 0)
	read("partners_by_date", 0)
	v.pass(61 * time.Second)
	read("partners_events_by_date", 1)
	if len(v.slept) != 0 {
		t.Errorf("slept %v", v.slept)
	}
	// Many at once share the call too.
	v.pass(time.Hour)
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			x := tabletest.Find(t, conn, "partners_by_date")
			if _, err := tabletest.Rows(t.Context(), x, tables.Scan{Account: "id900000001", Days: two, Columns: x.Key}); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if n := len(v.take()); n != 1 {
		t.Errorf("%d calls for eight readers", n)
	}
}

// The budget is kept on this side: one short call a minute for an app and
// report, 24 long calls a day for an app, of which a few are kept for others
// than people; what these do not need comes later in the day.
func TestBudget(t *testing.T) {
	v := newVendor(t)
	v.answer = csv(small)
	conn := v.open(t)
	x := tabletest.Find(t, conn, "partners_by_date")
	read := func(days tables.Days) error {
		_, err := tabletest.Rows(t.Context(), x, tables.Scan{Account: "id900000001", Days: days, Columns: x.Key})
		return err
	}
	if read(two) != nil || read(tables.Days{From: "2026-11-02", To: "2026-11-02"}) != nil || len(v.slept) != 1 || v.slept[0] < time.Minute || v.slept[0] > time.Minute+time.Second {
		t.Errorf("two short calls waited %v", v.slept)
	}
	calls, refused := 0, 0
	for day := v.clock.Day(); v.clock.Day() == day; v.pass(10 * time.Minute) {
		for range 3 {
			err := read(tables.Days{From: "2026-10-01", To: tables.Day("2026-10-03").Add((calls + refused) % 40)})
			if err == nil {
				calls++
			} else if refused++; !fault.Is(err, fault.Throttled) || fault.As(err).RetryAfter <= 0 {
				t.Fatalf("long call %d: %v", calls+refused, err)
			} else if refused == 1 && calls < 19 {
				t.Errorf("people had %d calls at once", calls)
			}
		}
	}
	if calls != 24 {
		t.Errorf("%d long calls in a day", calls)
	}
}

func TestErrors(t *testing.T) {
	limit := "Limit reached for partners-by-date-report, token t0k"
	for _, c := range []struct {
		name   string
		answer func(http.ResponseWriter, *http.Request)
		days   tables.Days
		kind   fault.Kind
		calls  int
		hint   string
		after  time.Duration
	}{
		{"limit of a minute", status(403, limit), two, fault.Throttled, 2, "once a minute", time.Minute},
		{"limit of a day", status(403, limit), month, fault.Throttled, 2, "00:00 UTC", 20*time.Hour + 58*time.Minute + 59*time.Second},
		{"limit with a long wait", status(403, limit, "Retry-After", "7200"), two, fault.Throttled, 1, "once a minute", 2 * time.Hour},
		{"raw wording", status(400, "Your API calls limit has been reached for report type"), two, fault.Throttled, 2, "", time.Minute},
		{"token", status(401, "Supplied API token is invalid: t0k"), two, fault.Auth, 1, "argo check", 0},
		{"suspended", status(401, `{"message":"Account may be suspended"}`), two, fault.Auth, 1, "", 0},
		{"not this app", status(403, "Forbidden"), two, fault.Denied, 1, "", 0},
		{"unknown app", status(404, "<html><body>AppsFlyer 404 error message page displays</body></html>"), two, fault.NotFound, 1, "iOS ids begin with id", 0},
		{"zone", status(416, "The requested time range is in UTC only (prior to the timezone change)"), two, fault.Invalid, 1, "time_zone", 0},
		{"bad request", status(400, `"Unrecognized date format."`), two, fault.Invalid, 1, "", 0},
		{"too many", status(429, "", "Retry-After", "3"), two, fault.Throttled, 10, "", 3 * time.Second},
		{"down", status(503, "<html>t0k</html>"), two, fault.Unavailable, 5, "", 0},
		{"a page", status(200, "<html>hello</html>", "Content-Type", "text/html"), two, fault.Broken, 1, "base_url", 0},
		{"empty", csv(""), two, fault.Broken, 1, "", 0},
		{"a column is missing", csv("Date,Campaign (c)\n"), two, fault.Broken, 1, "", 0},
		{"a bad number", csv(strings.Replace(small, "5000", "five", 1)), two, fault.Broken, 1, "", 0},
		{"a bad day", csv(strings.Replace(small, "2026-11-01", "1.11.", 1)), two, fault.Broken, 1, "", 0},
		{"a short line", csv(small + "2026-11-02,\n"), two, fault.Broken, 1, "", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := newVendor(t)
			v.answer = c.answer
			x := tabletest.Find(t, v.open(t), "partners_by_date")
			_, err := tabletest.Rows(t.Context(), x, tables.Scan{Account: "id900000001", Days: c.days, Columns: tabletest.Names(x)})
			f := fault.As(err)
			if f == nil || f.Kind != c.kind || !strings.Contains(f.Hint, c.hint) || f.RetryAfter != c.after {
				t.Fatalf("%v (%s, after %v), want %s, %q, after %s", err, fault.KindOf(err), f, c.kind, c.hint, c.after)
			}
			if n := len(v.take()); n != c.calls {
				t.Errorf("%d calls, want %d (slept %v)", n, c.calls, v.slept)
			}
			if s := err.Error(); strings.Contains(s, "t0k") || !strings.Contains(s, "id900000001") {
				t.Errorf("%q repeats the token or does not name the app", s)
			}
		})
	}
}

// A reply that breaks off is asked for again; it is never taken for the whole.
func TestCut(t *testing.T) {
	v := newVendor(t)
	times := 0
	v.answer = func(w http.ResponseWriter, r *http.Request) {
		if times++; times < 3 {
			w.Header().Set("Content-Length", fmt.Sprint(len(small)+100))
			io.WriteString(w, small)
			panic(http.ErrAbortHandler)
		}
		csv(small)(w, r)
	}
	x := tabletest.Find(t, v.open(t), "partners_by_date")
	got, err := tabletest.Rows(t.Context(), x, tables.Scan{Account: "id900000001", Days: two, Columns: x.Key})
	if err != nil || len(got) != 1 || times != 3 {
		t.Errorf("%v, %v after %d calls", got, err, times)
	}
}

// A reply as long as the cap of 200,000 rows may have been cut by the vendor:
// the range is halved.
func TestRowCap(t *testing.T) {
	v := newVendor(t)
	head, _, _ := strings.Cut(small, "\n")
	v.answer = func(w http.ResponseWriter, r *http.Request) {
		from, to := tables.Day(r.URL.Query().Get("from")), tables.Day(r.URL.Query().Get("to"))
		var b strings.Builder
		b.WriteString(head + "\n")
		n := 0
		for d := from; d <= to; d = d.Add(1) {
			for i := range 70_000 {
				if n++; n <= 200_000 {
					fmt.Fprintf(&b, "%s,,net,%d,1,1,1,1,1,1,1,1,1,1,1,1,1,0,0,0\n", d, i)
				}
			}
		}
		csv(b.String())(w, r)
	}
	x := tabletest.Find(t, v.open(t), "partners_by_date")
	trace := &tables.Trace{}
	got, err := tabletest.Rows(tables.WithTrace(t.Context(), trace), x, tables.Scan{Account: "id900000001", Days: tables.Days{From: "2026-10-01", To: "2026-10-04"}, Columns: x.Key})
	if err != nil || len(got) != 280_000 {
		t.Errorf("%d rows, %v", len(got), err)
	}
	if c := trace.Cost(); c.Calls != 3 || c.RowsFetched != 280_000 {
		t.Errorf("%+v", c)
	}
}

func TestConfig(t *testing.T) {
	for _, apps := range [][]map[string]any{
		nil, {{"id": ""}}, {{"id": "900000001"}}, {{"id": "a"}, {"id": "a"}}, {{"id": "a", "time_zone": "Seoul"}}, {{"id": "a", "currency": "won"}}, {{"id": "a/../b"}},
	} {
		v := newVendor(t)
		v.options["apps"] = apps
		if _, err := appsflyer.Source.Open(t.Context(), v.env()); !fault.Is(err, fault.Config) || !strings.Contains(err.Error(), "apps") {
			t.Errorf("%v: %v", apps, err)
		}
	}
	v := newVendor(t)
	v.answer = csv(small)
	if line, err := v.open(t).Check(t.Context()); line != "2 apps" || err != nil {
		t.Errorf("%q, %v", line, err)
	}
	if n := len(v.take()); n != 2 {
		t.Errorf("%d calls for two apps", n)
	}
	v.answer = status(401, "Supplied API token is invalid")
	v.pass(time.Hour)
	if _, err := v.open(t).Check(t.Context()); !fault.Is(err, fault.Auth) {
		t.Errorf("a bad token: %v", err)
	}
}
