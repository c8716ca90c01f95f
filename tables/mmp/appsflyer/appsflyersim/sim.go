// Package appsflyersim plays AppsFlyer's aggregate Pull API, V5, on a simulated
// market: partners_report, partners_by_date_report, daily_report, geo_report and
// geo_by_date_report as CSV, with the vendor's limits and error strings. It
// shares no type with the connector and holds no state but its quotas.
//
// A world with a server in front of it:
//
//	clock := market.NewClock(time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC))
//	world := market.New(market.Options{Seed: 1, Start: "2026-08-24", Clock: clock})
//	sim := appsflyersim.New(world, appsflyersim.Options{Token: "token"})
//	server := httptest.NewServer(sim) // GET server.URL + /api/agg-data/export/app/com.example.branda/daily_report/v5?from=…&to=…
//	sim.Faults.Script("appsflyer 429 nth=1")
//
// On the wall clock of a demonstration, lift the limits: ShortInterval,
// LongPerApp and LongPerToken of -1.
//
// Sources of protocol facts: the vendor's aggregate_pull_api_v2.yaml (paths,
// parameters, error bodies) and what public clients match (column names, the
// 403 of the limits, N/A). Figures are of the day of install (LTV), in the app's
// calendar and currency whatever "currency" asks for. Not published, and chosen
// here: the row of organic users is media source "Organic" with campaign "None";
// ratios have four decimals and money two; a timezone that is not the app's
// setting is refused with 400; nobody's views are attributed, so the report of
// attribution_touch_type=impression is empty.
package appsflyersim

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"argo/tables"
	"argo/tables/market"
)

// Options of a simulator. A limit that is zero is the vendor's, a negative one
// is none.
type Options struct {
	Token string // bearer token, V2; "" is "token"

	ShortInterval time.Duration // between calls for up to two days, of an app and report; one minute
	LongPerApp    int           // calls a day for three days or more, of an app; 24
	LongPerToken  int           // and of the account; 120

	// Redirect answers with a redirect to a download link of the same host, as
	// the vendor does, instead of the file itself.
	Redirect bool
	// SalesInAppCurrency names the app's currency in the header of the sales
	// columns, "(Sales in KRW)", as seen live by others; the published name,
	// "(Sales in USD)", stands over amounts in the app's currency all the same.
	SalesInAppCurrency bool
	// PlainErrors answers errors as plain text instead of {"message": …}: both
	// are seen.
	PlainErrors bool
}

// Sim is an http.Handler. Safe for concurrent use.
type Sim struct {
	// Faults is what goes wrong, under the name "appsflyer"; accounts are apps.
	Faults *market.Faults

	m *market.Market
	o Options

	mu    sync.Mutex
	short map[string]time.Time // app and report → last call
	day   string               // of the counts below, UTC
	long  map[string]int       // app → calls; "" is the account
	links map[string]string    // download link → query

	exceeded map[string]int
}

// New plays the API over m.
func New(m *market.Market, o Options) *Sim {
	o.Token = cmp.Or(o.Token, "token")
	o.ShortInterval = cmp.Or(o.ShortInterval, time.Minute)
	o.LongPerApp = cmp.Or(o.LongPerApp, 24)
	o.LongPerToken = cmp.Or(o.LongPerToken, 120)
	return &Sim{Faults: &market.Faults{}, m: m, o: o, short: map[string]time.Time{}, long: map[string]int{}, links: map[string]string{}, exceeded: map[string]int{}}
}

const prefix = "/api/agg-data/export/app/"

// reports: their grouping, and whether in-app events are in.
var reports = map[string]struct {
	limit                  string // its name in the message of the limit
	byDate, geo, noRevenue bool
}{
	"partners_report":         {limit: "partners-report"},
	"partners_by_date_report": {limit: "partners-by-date-report", byDate: true},
	"daily_report":            {limit: "daily-report", byDate: true, noRevenue: true},
	"geo_report":              {limit: "geo-report", geo: true},
	"geo_by_date_report":      {limit: "geo-by-date-report", byDate: true, geo: true},
}

// request is a checked call.
type request struct {
	app         market.App
	report      string
	days        tables.Days
	zone        *time.Location // UTC unless the app's setting was named
	source      string         // media_source; "" is all
	category    string
	retargeting bool
	views       bool // attribution_touch_type=impression
}

// refusal is an answer that is no report.
type refusal struct {
	code int
	text string
	html bool
}

func (e *refusal) Error() string { return e.text }

// ServeHTTP answers one call.
func (s *Sim) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	app := ""
	if rest, ok := strings.CutPrefix(r.URL.Path, prefix); ok {
		app, _, _ = strings.Cut(rest, "/")
	}
	s.play(w, r, app, func(w http.ResponseWriter, f market.Fault) {
		if err := s.serve(w, r, f); err != nil {
			s.refuse(w, err)
		}
	})
}

func (s *Sim) refuse(w http.ResponseWriter, e *refusal) {
	switch {
	case e.html:
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(e.code)
		_, _ = fmt.Fprintf(w, "<!DOCTYPE html><html><head><title>%s</title></head><body><h1>%d</h1></body></html>\n", e.text, e.code)
	case s.o.PlainErrors || e.code == http.StatusForbidden:
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(e.code)
		_, _ = fmt.Fprintln(w, e.text)
	default:
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.WriteHeader(e.code)
		_, _ = fmt.Fprintf(w, "{\"message\":%s}\n", strconv.Quote(e.text))
	}
}

func (s *Sim) serve(w http.ResponseWriter, r *http.Request, f market.Fault) *refusal {
	if link, ok := strings.CutPrefix(r.URL.Path, "/download/"); ok {
		return s.download(w, link, f)
	}
	q, err := s.check(r)
	if err != nil {
		return err
	}
	if err := s.spend(q); err != nil {
		return err
	}
	if s.o.Redirect {
		s.mu.Lock()
		link := fmt.Sprintf("%d.csv", len(s.links)+1)
		s.links[link] = r.URL.String()
		s.mu.Unlock()
		w.Header().Set("Location", "/download/"+link)
		w.WriteHeader(http.StatusFound)
		return nil
	}
	s.write(w, q, f)
	return nil
}

// download serves a report behind a link, which is its own authorisation.
func (s *Sim) download(w http.ResponseWriter, link string, f market.Fault) *refusal {
	s.mu.Lock()
	u, ok := s.links[link]
	s.mu.Unlock()
	if !ok {
		return notFound()
	}
	r, err := http.NewRequest(http.MethodGet, u, nil)
	if err != nil {
		return notFound()
	}
	r.Header.Set("Authorization", "Bearer "+s.o.Token)
	q, refused := s.check(r)
	if refused != nil {
		return refused
	}
	s.write(w, q, f)
	return nil
}

func notFound() *refusal {
	return &refusal{404, "AppsFlyer 404 error message page displays", true}
}

// check reads the call: who asks first, then what for.
func (s *Sim) check(r *http.Request) (*request, *refusal) {
	if r.Method != http.MethodGet {
		return nil, &refusal{code: 405, text: "Method Not Allowed"}
	}
	parts := strings.Split(strings.TrimPrefix(r.URL.Path, prefix), "/")
	if !strings.HasPrefix(r.URL.Path, prefix) || len(parts) != 3 || parts[2] != "v5" {
		return nil, notFound()
	}
	if r.Header.Get("Authorization") != "Bearer "+s.o.Token {
		return nil, &refusal{code: 401, text: "Supplied API token is invalid"}
	}
	i := slices.IndexFunc(s.m.Apps(), func(a market.App) bool { return a.ID == parts[0] })
	if _, ok := reports[parts[1]]; !ok || i < 0 {
		return nil, notFound()
	}
	q := &request{app: s.m.Apps()[i], report: parts[1]}
	values := r.URL.Query()
	for k, v := range values {
		if !slices.Contains([]string{"from", "to", "media_source", "category", "attribution_touch_type", "currency", "reattr", "timezone", "event_name", "geo", "maximum_rows"}, k) || len(v) != 1 {
			return nil, bad("Invalid parameter: %s", k)
		}
	}
	if n := values.Get("maximum_rows"); n != "" && n != "200000" && n != "1000000" {
		return nil, bad("Invalid limit type")
	}
	for p, name := range map[*tables.Day]string{&q.days.From: "from", &q.days.To: "to"} {
		d, err := tables.ParseDay(values.Get(name))
		if err != nil {
			return nil, bad("Unrecognized date format.")
		}
		*p = d
	}
	if q.days.From > q.days.To {
		return nil, bad("From date can't be after To date.")
	}
	switch values.Get("timezone") {
	case "":
		q.zone = time.UTC
	case q.app.Zone:
		q.zone = q.app.Location()
	default:
		return nil, bad("The timezone must be identical to the value in the app settings")
	}
	if c := values.Get("currency"); c != "" && c != "preferred" && c != "USD" {
		return nil, bad("Invalid currency: %s", c)
	}
	switch v := values.Get("reattr"); v {
	case "", "false":
	case "true":
		q.retargeting = true
	default:
		return nil, bad("Invalid reattr: %s", v)
	}
	switch v := values.Get("attribution_touch_type"); v {
	case "", "click":
	case "impression":
		q.views = true
	default:
		return nil, bad("Invalid attribution_touch_type: %s", v)
	}
	q.category = cmp.Or(values.Get("category"), "standard")
	if !slices.Contains([]string{"standard", "facebook", "organic", "twitter"}, q.category) {
		return nil, bad("Invalid category: %s", q.category)
	}
	if q.source = values.Get("media_source"); q.source == "all" {
		q.source = ""
	}
	return q, nil
}

func bad(format string, args ...any) *refusal {
	return &refusal{code: 400, text: fmt.Sprintf(format, args...)}
}

// spend counts the call: one a minute for an app and report where it asks for
// up to two days, otherwise so many a day. The vendor's page says "2 days" and
// "3 days or more", UTC calendar day.
func (s *Sim) spend(q *request) *refusal {
	now := s.m.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	limited := func(limit string) *refusal {
		s.exceeded[limit]++
		return &refusal{code: 403, text: "Limit reached for " + reports[q.report].limit}
	}
	if q.days.Len() <= 2 {
		key := q.app.ID + "/" + q.report
		if last, ok := s.short[key]; ok && now.Sub(last) < s.o.ShortInterval {
			return limited("report and app a minute")
		}
		s.short[key] = now
		return nil
	}
	if day := now.UTC().Format(time.DateOnly); day != s.day {
		s.day = day
		clear(s.long)
	}
	switch {
	case s.o.LongPerApp > 0 && s.long[q.app.ID] >= s.o.LongPerApp:
		return limited("app a day")
	case s.o.LongPerToken > 0 && s.long[""] >= s.o.LongPerToken:
		return limited("account a day")
	}
	s.long[q.app.ID]++
	s.long[""]++
	return nil
}

// Exceeded is how often a limit was exceeded: "report and app a minute", "app a
// day", "account a day". Planned faults are not among them.
func (s *Sim) Exceeded() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.exceeded)
}
