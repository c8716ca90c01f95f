package appsflyersim

import (
	"encoding/csv"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"argo/tables"
	"argo/tables/market"
)

const app = "com.example.branda" // KRW, Asia/Seoul

type stage struct {
	t      *testing.T
	clock  *market.VirtualClock
	world  *market.Market
	sim    *Sim
	server *httptest.Server
}

func newStage(t *testing.T, o Options) *stage {
	s := &stage{t: t, clock: market.NewClock(time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC))}
	s.world = market.New(market.Options{Seed: 1, Start: "2026-08-24", Clock: s.clock})
	s.sim = New(s.world, o)
	s.server = httptest.NewServer(s.sim)
	t.Cleanup(s.server.Close)
	return s
}

// get asks for a path below the app's prefix.
func (s *stage) get(path string) (int, string, http.Header) {
	s.t.Helper()
	r, err := http.NewRequest("GET", s.server.URL+prefix+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer token")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer.StatusCode, string(b), answer.Header
}

// table reads a report.
func (s *stage) table(path string) ([]string, []map[string]string) {
	s.t.Helper()
	code, body, h := s.get(path)
	if code != 200 || !strings.HasPrefix(h.Get("Content-Type"), "text/csv") {
		s.t.Fatalf("%s: %d %s", path, code, body)
	}
	all, err := csv.NewReader(strings.NewReader(body)).ReadAll()
	if err != nil {
		s.t.Fatal(err)
	}
	var rows []map[string]string
	for _, record := range all[1:] {
		row := map[string]string{}
		for i, name := range all[0] {
			row[name] = record[i]
		}
		rows = append(rows, row)
	}
	return all[0], rows
}

// published are the column names that the vendor's reports have.
var published = strings.Split("Date|Country|Agency/PMD (af_prt)|Media Source (pid)|Campaign (c)|Impressions|Clicks|CTR|Installs|Conversion Rate|Sessions|Loyal Users|Loyal Users/Installs|Total Revenue|Total Cost|ROI|ARPU|Average eCPI", "|")

func TestColumns(t *testing.T) {
	events := func(names ...string) (out []string) {
		for _, n := range names {
			out = append(out, n+" (Unique users)", n+" (Event counter)", n+" (Sales in USD)")
		}
		return out
	}
	all := events("af_complete_registration", "af_add_to_cart", "af_purchase")
	without := func(names ...string) []string {
		return slices.DeleteFunc(slices.Clone(published), func(c string) bool { return slices.Contains(names, c) })
	}
	retargeting := strings.Split("Date|Agency/PMD (af_prt)|Media Source (pid)|Campaign (c)|Clicks|Conversions|Conversion Type|Conversion Rate|Sessions|Loyal Users|Loyal Users/Installs|Total Revenue|Total Cost|ROI|ARPU|Average eCPI", "|")
	s := newStage(t, Options{LongPerApp: -1})
	for path, want := range map[string][]string{
		"partners_report":         append(without("Date", "Country"), all...),
		"partners_by_date_report": append(without("Country"), all...),
		"daily_report":            without("Country", "Total Revenue", "ROI", "ARPU"),
		"geo_report":              append(without("Date"), all...),
		"geo_by_date_report":      append(without(), all...),
	} {
		header, rows := s.table(app + "/" + path + "/v5?from=2026-11-01&to=2026-11-10&timezone=Asia/Seoul")
		if !slices.Equal(header, want) || len(rows) == 0 {
			t.Errorf("%s: %d rows\n%q\n%q", path, len(rows), header, want)
		}
	}
	header, rows := s.table(app + "/partners_by_date_report/v5?from=2026-11-01&to=2026-11-10&reattr=true")
	if !slices.Equal(header[:len(retargeting)], retargeting) || len(rows) == 0 {
		t.Errorf("retargeting: %q", header)
	}
	// Before all data: the header alone, without events.
	header, rows = s.table(app + "/geo_by_date_report/v5?from=2020-01-01&to=2020-01-10")
	if !slices.Equal(header, published) || len(rows) != 0 {
		t.Errorf("empty: %q, %d rows", header, len(rows))
	}
	s = newStage(t, Options{SalesInAppCurrency: true})
	if header, _ = s.table(app + "/partners_report/v5?from=2026-11-01&to=2026-11-10"); !slices.Contains(header, "af_purchase (Sales in KRW)") {
		t.Errorf("sales in the app's currency: %q", header)
	}
}

func TestRows(t *testing.T) {
	s := newStage(t, Options{})
	_, rows := s.table(app + "/partners_by_date_report/v5?from=2026-11-08&to=2026-11-10&timezone=Asia%2FSeoul")
	cohorts := s.world.Tracker(market.CohortQuery{App: app, Days: tables.Days{From: "2026-11-08", To: "2026-11-10"}})
	want := map[string]market.Cohort{}
	for _, c := range cohorts {
		if c.Retargeting {
			continue
		}
		k := string(c.Day) + " " + sourceOf[c.Origin] + " " + c.Name
		x := want[k]
		x.Installs += c.Installs
		x.Cost += c.Cost
		x.Revenue += c.Revenue
		want[k] = x
	}
	sources := map[string]bool{}
	for _, r := range rows {
		sources[r["Media Source (pid)"]] = true
		name := r["Campaign (c)"]
		if organic := r["Media Source (pid)"] == "Organic"; organic {
			if name != "None" || r["Impressions"] != "N/A" || r["Total Cost"] != "N/A" || r["Average eCPI"] != "N/A" || r["Installs"] == "0" {
				t.Errorf("organic row %v", r)
			}
			name = ""
		}
		k := r["Date"] + " " + r["Media Source (pid)"] + " " + name
		c, ok := want[k]
		if !ok || r["Installs"] != fmt.Sprint(c.Installs) || r["Total Revenue"] != money(c.Revenue) || name != "" && r["Total Cost"] != money(c.Cost) {
			t.Errorf("%s: %v, want %+v", k, r, c)
		}
		if r["Installs"] == "0" && r["ARPU"] != "N/A" {
			t.Errorf("a ratio without denominator: %v", r)
		}
		delete(want, k)
	}
	if len(want) != 0 || len(sources) != 3 {
		t.Errorf("missing %v; sources %v", want, sources)
	}
	s.clock.Advance(time.Minute)
	for filter, n := range map[string]int{"&media_source=partner_int": 2, "&category=organic": 1, "&media_source=facebook&category=facebook": 0, "&attribution_touch_type=impression": 0} {
		if _, rows := s.table(app + "/partners_report/v5?from=2026-11-01&to=2026-11-10" + filter); len(rows) != n {
			t.Errorf("%s: %d rows, want %d", filter, len(rows), n)
		}
	}
	// Without a timezone the days are those of UTC.
	_, utc := s.table(app + "/daily_report/v5?from=2026-11-08&to=2026-11-10")
	_, local := s.table(app + "/daily_report/v5?from=2026-11-08&to=2026-11-10&timezone=Asia%2FSeoul")
	if fmt.Sprint(utc) == fmt.Sprint(local) {
		t.Error("the days of UTC and of Seoul have the same installs")
	}
}

func TestRefusals(t *testing.T) {
	s := newStage(t, Options{LongPerApp: -1})
	const days = "?from=2026-11-01&to=2026-11-10"
	for path, want := range map[string]string{
		app + "/daily_report/v5?from=2026-11-01":                   "400 Unrecognized date format.",
		app + "/daily_report/v5?from=2026-11-1&to=2026-11-10":      "400 Unrecognized date format.",
		app + "/daily_report/v5?from=2026-11-10&to=2026-11-01":     "400 From date can't be after To date.",
		app + "/daily_report/v5" + days + "&timezone=Europe/Paris": "400 The timezone must be identical",
		app + "/daily_report/v5" + days + "&timezone=UTC":          "400 The timezone must be identical",
		app + "/daily_report/v5" + days + "&maximum_rows=5":        "400 Invalid limit type",
		app + "/daily_report/v5" + days + "&category=x":            "400 Invalid category",
		app + "/daily_report/v5" + days + "&currency=EUR":          "400 Invalid currency",
		app + "/daily_report/v5" + days + "&reattr=maybe":          "400 Invalid reattr",
		app + "/daily_report/v5" + days + "&group=day":             "400 Invalid parameter: group",
		"com.example.other/daily_report/v5" + days:                 "404 AppsFlyer 404 error message page displays",
		"900000002/daily_report/v5" + days:                         "404 AppsFlyer 404",
		app + "/weekly_report/v5" + days:                           "404 AppsFlyer 404",
		app + "/daily_report/v4" + days:                            "404 AppsFlyer 404",
	} {
		code, body, h := s.get(path)
		number, message, _ := strings.Cut(want, " ")
		if fmt.Sprint(code) != number || !strings.Contains(body, message) {
			t.Errorf("%s: %d %s", path, code, body)
		}
		if code == 404 && !strings.HasPrefix(h.Get("Content-Type"), "text/html") {
			t.Errorf("%s: %s", path, h.Get("Content-Type"))
		}
	}
	r := httptest.NewRequest("GET", prefix+app+"/daily_report/v5"+days, nil)
	r.Header.Set("Authorization", "Bearer old")
	w := httptest.NewRecorder()
	s.sim.ServeHTTP(w, r)
	if w.Code != 401 || !strings.Contains(w.Body.String(), "Supplied API token is invalid") {
		t.Errorf("token: %d %s", w.Code, w.Body)
	}
}

func TestLimits(t *testing.T) {
	s := newStage(t, Options{})
	ask := func(app, report, to string) int {
		t.Helper()
		code, body, _ := s.get(app + "/" + report + "/v5?from=2026-11-01&to=" + to)
		if code == 403 && !strings.Contains(body, "Limit reached for "+strings.ReplaceAll(report, "_", "-")) {
			t.Errorf("message %q", body)
		}
		return code
	}
	// Up to two days: one a minute for an app and report.
	for i, want := range []int{200, 403} {
		if got := ask(app, "daily_report", "2026-11-02"); got != want {
			t.Errorf("short call %d: %d", i, got)
		}
	}
	if got := ask(app, "geo_report", "2026-11-01"); got != 200 {
		t.Errorf("another report: %d", got)
	}
	if got := ask("id900000002", "daily_report", "2026-11-01"); got != 200 {
		t.Errorf("another app: %d", got)
	}
	s.clock.Advance(time.Minute)
	if got := ask(app, "daily_report", "2026-11-02"); got != 200 {
		t.Errorf("a minute later: %d", got)
	}
	// Three days or more: 24 a day for an app.
	for i := range 26 {
		want := 200
		if i >= 24 {
			want = 403
		}
		if got := ask(app, "daily_report", "2026-11-03"); got != want {
			t.Errorf("long call %d: %d", i, got)
		}
	}
	if got := ask("id900000002", "daily_report", "2026-11-03"); got != 200 {
		t.Errorf("another app: %d", got)
	}
	s.clock.Set(time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC))
	if got := ask(app, "daily_report", "2026-11-03"); got != 200 {
		t.Errorf("the next day: %d", got)
	}
	if got := fmt.Sprint(s.sim.Exceeded()); got != "map[app a day:2 report and app a minute:1]" {
		t.Error(got)
	}
	s = newStage(t, Options{LongPerApp: -1, LongPerToken: 2})
	for i, want := range []int{200, 200, 403} {
		if got := ask(app, "daily_report", "2026-11-03"); got != want {
			t.Errorf("account call %d: %d", i, got)
		}
	}
}

func TestRedirect(t *testing.T) {
	s := newStage(t, Options{Redirect: true})
	if header, rows := s.table(app + "/daily_report/v5?from=2026-11-01&to=2026-11-10"); header[0] != "Date" || len(rows) == 0 {
		t.Errorf("%v", header)
	}
	if code, _, _ := s.get("../../../../../download/9.csv"); code != 404 {
		t.Errorf("unknown link: %d", code)
	}
}

func TestFaults(t *testing.T) {
	const path = app + "/daily_report/v5?from=2026-11-01&to=2026-11-10"
	for script, want := range map[string]string{
		"appsflyer 401 nth=1":             "401",
		"appsflyer 429 nth=1":             "403",
		"appsflyer 429 nth=1 retry=12s":   "429 12",
		"appsflyer 500 nth=1":             "500",
		"appsflyer 503 nth=1 after":       "503",
		"appsflyer denied account=" + app: "404",
		"appsflyer slow delay=30s":        "200",
		"googleads 500":                   "200",
	} {
		s := newStage(t, Options{})
		if err := s.sim.Faults.Script(script); err != nil {
			t.Fatal(err)
		}
		before := s.clock.Now()
		code, _, h := s.get(path)
		if got := strings.TrimSpace(fmt.Sprint(code, " ", h.Get("Retry-After"))); got != want {
			t.Errorf("%s: %s, want %s", script, got, want)
		}
		if strings.Contains(script, "delay") && s.clock.Now().Sub(before) != 30*time.Second {
			t.Errorf("%s: the clock moved by %v", script, s.clock.Now().Sub(before))
		}
	}
	for _, script := range []string{"appsflyer drop nth=1", "appsflyer truncate nth=1 bytes=100", "appsflyer midstream nth=1"} {
		s := newStage(t, Options{})
		if err := s.sim.Faults.Script(script); err != nil {
			t.Fatal(err)
		}
		r, _ := http.NewRequest("GET", s.server.URL+prefix+path, nil)
		r.Header.Set("Authorization", "Bearer token")
		// A transport of its own: a request on a kept connection is sent again
		// when the connection breaks.
		answer, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
		if err == nil {
			_, err = io.ReadAll(answer.Body)
			answer.Body.Close()
		}
		if err == nil {
			t.Errorf("%s: no error", script)
		}
		if code, _, _ := s.get(path); code != 200 {
			t.Errorf("%s: %d afterwards", script, code)
		}
	}
}
