package naversearchad_test

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"argo/tables"
	"argo/tables/ads/naversearchad"
	"argo/tables/ads/naversearchad/naversearchadsim"
	"argo/tables/fault"
	"argo/tables/market"
	"argo/tables/tabletest"

	"github.com/cockroachdb/apd/v3"
)

// stage is a simulated Naver with a connection to it.
type stage struct {
	*tables.Connection
	world *market.Market
	clock *market.VirtualClock
	sim   *naversearchadsim.Sim
	env   tables.Env

	mu       sync.Mutex
	requests []string
}

func simulated(t *testing.T, o naversearchadsim.Options, options map[string]any) *stage {
	t.Helper()
	return simulatedAt(t, time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC), "2026-10-20", o, options)
}

func simulatedAt(t *testing.T, now time.Time, start tables.Day, o naversearchadsim.Options, options map[string]any) *stage {
	t.Helper()
	clock := market.NewClock(now)
	m := market.New(market.Options{Seed: 1, Start: start, Clock: clock, Channels: []market.Channel{{Name: "naver_searchad", Countries: []string{"KR"}, Accounts: 3}}})
	s := &stage{world: m.On("naver_searchad"), clock: clock}
	s.sim = naversearchadsim.New(s.world, o)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.requests = append(s.requests, r.Method+" "+r.URL.RequestURI())
		s.mu.Unlock()
		s.sim.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	all := map[string]any{"base_url": server.URL, "api_key": "env:KEY", "secret_key": "env:SECRET", "customer_id": strconv.FormatInt(s.sim.Options().CustomerID, 10), "since": string(start)}
	for k, v := range options {
		all[k] = v
	}
	s.env = tables.Env{
		Name: "naver_searchad", Now: clock.Now, Dir: t.TempDir(),
		Decode: tabletest.Decode(all),
		Secret: func(_ context.Context, ref string) (string, error) {
			if ref == "env:KEY" {
				return "licence", nil
			}
			return s.sim.Options().SecretKey, nil
		},
		Sleep: func(ctx context.Context, d time.Duration) error { clock.Advance(d); return ctx.Err() },
	}
	s.open(t)
	return s
}

func (s *stage) open(t *testing.T) {
	t.Helper()
	var err error
	if s.Connection, err = naversearchad.Source.Open(t.Context(), s.env); err != nil {
		t.Fatal(err)
	}
}

func (s *stage) take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.requests
	s.requests = nil
	return out
}

func (s *stage) account() string { return strconv.FormatInt(s.world.Accounts()[0].ID, 10) }

// rows of a table, with all columns by name.
func (s *stage) rows(t *testing.T, name string, days tables.Days) ([]map[string]any, error) {
	t.Helper()
	x := tabletest.Find(t, s.Connection, name)
	scan := tables.Scan{Account: s.account(), Columns: tabletest.Names(x)}
	if x.Day != "" {
		scan.Days = days
	}
	got, err := tabletest.Rows(t.Context(), x, scan)
	var out []map[string]any
	for _, r := range got {
		m := map[string]any{}
		for i, c := range scan.Columns {
			m[c] = r[i]
		}
		out = append(out, m)
	}
	return out, err
}

var two = tables.Days{From: "2026-11-10", To: "2026-11-11"}

func TestConformance(t *testing.T) {
	t.Parallel()
	whole := naversearchadsim.Options{}
	odd := naversearchadsim.Options{Compress: true, OneIsBare: true, Build: -1, PageSize: 1}
	for part := range 4 { // worlds of their own, side by side
		t.Run(fmt.Sprint("part ", part), func(t *testing.T) {
			t.Parallel()
			conform(t, whole, func(i int, _ tables.Table) bool { return i%4 == part })
		})
	}
	t.Run("odd", func(t *testing.T) {
		t.Parallel()
		conform(t, odd, func(_ int, x tables.Table) bool {
			return x.Name == "stat_expkeyword" || x.Name == "accounts" || x.Name == "business_channels"
		})
	})
}

// conform runs the suite over some tables of a connection.
func conform(t *testing.T, o naversearchadsim.Options, use func(i int, table tables.Table) bool) {
	s := simulated(t, o, nil)
	s.env.HTTP, s.env.Dir = &http.Client{Transport: direct{s.sim}}, ""
	s.open(t)
	for i, table := range s.Tables {
		if !use(i, table) {
			continue
		}
		t.Run(table.Name, func(t *testing.T) {
			days := two
			if strings.HasSuffix(table.Name, "_detail") {
				days.From = days.To // they are long
			}
			tabletest.Conformance(t, table, tabletest.Options{Days: days, Accounts: some(table, s.account()),
				Empty: strings.Contains(table.Name, "brandproduct") || strings.HasPrefix(table.Name, "master_label") || table.Name == "master_criterion" || table.Name == "bizmoney_charge"})
		})
	}
	if n := s.sim.Exceeded(); len(n) > 0 {
		t.Errorf("limits were exceeded: %v", n)
	}
	// Jobs of scans that were canceled are deleted when the next one is made.
	s.clock.Advance(2 * time.Hour)
	for _, name := range []string{"stat_ad", "master_campaign"} {
		if _, err := s.rows(t, name, two); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := s.sim.Left(); n > 0 {
		t.Errorf("%d jobs were left behind", n)
	}
}

// direct answers without a network.
type direct struct{ http.Handler }

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	in := r.Clone(r.Context())
	if in.Body == nil {
		in.Body = http.NoBody
	}
	in.Host = r.URL.Host
	w := httptest.NewRecorder()
	d.ServeHTTP(w, in)
	return w.Result(), nil
}

func some(t tables.Table, account string) []string {
	if t.Account == "" {
		return nil
	}
	return []string{account}
}

func add(t *testing.T, rows []map[string]any, columns ...string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, name := range columns {
		sum := new(apd.Decimal)
		for _, r := range rows {
			var x *apd.Decimal
			switch v := r[name].(type) {
			case int64:
				x = apd.New(v, 0)
			case *apd.Decimal:
				x = v
			default:
				t.Fatalf("%s is a %T", name, v)
			}
			if _, err := apd.BaseContext.WithPrecision(38).Add(sum, sum, x); err != nil {
				t.Fatal(err)
			}
		}
		sum.Reduce(sum)
		out[name] = sum.Text('f')
	}
	return out
}

// TestGrainsAgree: every grain of the same days adds up to the same figures.
func TestGrainsAgree(t *testing.T) {
	s := simulated(t, naversearchadsim.Options{Build: -1}, nil)
	read := func(name string) []map[string]any {
		t.Helper()
		rows, err := s.rows(t, name, two)
		if err != nil {
			t.Fatal(err)
		}
		return rows
	}
	files := read("stat_ad")
	want := add(t, files, "impressions", "clicks", "cost", "view_count")
	for _, name := range []string{"stat_ad_detail", "stat_criterion"} {
		for k, v := range add(t, read(name), "impressions", "clicks", "cost") {
			if v != want[k] {
				t.Errorf("%s: %s is %s, of stat_ad it is %s", name, k, v, want[k])
			}
		}
	}
	// Campaigns that were deleted are in the files alone.
	live := map[any]bool{}
	for _, r := range read("campaigns") {
		live[r["campaign_id"]] = true
	}
	var alive []map[string]any
	for _, r := range files {
		if live[r["campaign_id"]] {
			alive = append(alive, r)
		}
	}
	want = add(t, alive, "impressions", "clicks", "cost", "cost_vat_excl")
	var sold []map[string]any
	for _, r := range read("stat_ad_conversion") {
		if live[r["campaign_id"]] {
			sold = append(sold, r)
		}
	}
	conversions := add(t, sold, "conversion_count", "sales_by_conversion")
	for _, name := range []string{"campaign_performance", "ad_group_performance", "ad_performance", "campaign_device_performance", "campaign_hour_performance", "campaign_region_performance", "ad_group_device_performance"} {
		got := add(t, read(name), "imp_cnt", "clk_cnt", "sales_amt", "ccnt", "conv_amt")
		if got["imp_cnt"] != want["impressions"] || got["clk_cnt"] != want["clicks"] || got["sales_amt"] != want["cost"] || got["ccnt"] != conversions["conversion_count"] || got["conv_amt"] != conversions["sales_by_conversion"] {
			t.Errorf("%s: %v, the files say %v and %v", name, got, want, conversions)
		}
	}
	if conversions["conversion_count"] == "0" || want["cost"] == "0" {
		t.Error("nothing happened")
	}
	var search []map[string]any
	for _, r := range files {
		if strings.HasPrefix(r["campaign_id"].(string), "cmp-a001-01") {
			search = append(search, r)
		}
	}
	terms := add(t, read("stat_expkeyword"), "impressions", "clicks", "cost")
	for k, v := range add(t, search, "impressions", "clicks", "cost") {
		if terms[k] != v {
			t.Errorf("search terms: %s is %s, not %s", k, terms[k], v)
		}
	}
}

// TestVAT: the day of the figures decides, not the day of the file.
func TestVAT(t *testing.T) {
	s := simulatedAt(t, time.Date(2026, 4, 5, 3, 0, 0, 0, time.UTC), "2026-03-20", naversearchadsim.Options{Build: -1}, nil)
	for day, included := range map[tables.Day]bool{"2026-03-29": false, "2026-03-30": true} {
		rows, err := s.rows(t, "stat_ad", tables.Days{From: day, To: day})
		if err != nil || len(rows) == 0 {
			t.Fatal(err)
		}
		points := 0
		for _, r := range rows {
			name, rate := "cost_vat_incl", "1.1"
			if included {
				name, rate = "cost_vat_excl", "1.1"
			}
			cost, other := r["cost"].(*apd.Decimal), r[name].(*apd.Decimal)
			same := r[map[bool]string{true: "cost_vat_incl", false: "cost_vat_excl"}[included]].(*apd.Decimal)
			if r["vat_included"] != included || same.Cmp(cost) != 0 {
				t.Fatalf("%s: %v", day, r)
			}
			x, _, _ := apd.NewFromString(rate)
			product, low := new(apd.Decimal), cost
			if included {
				low = other
			}
			if _, err := apd.BaseContext.WithPrecision(30).Mul(product, low, x); err != nil {
				t.Fatal(err)
			}
			high := other
			if included {
				high = cost
			}
			if _, err := apd.BaseContext.WithPrecision(30).Sub(product, product, high); err != nil || product.Abs(product).Cmp(apd.New(1, -5)) > 0 {
				t.Fatalf("%s: cost %s, %s %s", day, cost, name, other)
			}
			whole := new(apd.Decimal)
			if _, err := apd.BaseContext.WithPrecision(30).RoundToIntegralValue(whole, cost); err == nil && whole.Cmp(cost) != 0 {
				points++
			}
		}
		if included != (points == 0) {
			t.Errorf("%s: %d costs have decimals", day, points)
		}
	}
}

// TestResume: a job that was submitted before the process ended is gone on with.
func TestResume(t *testing.T) {
	day := tables.Days{From: "2026-11-10", To: "2026-11-10"}
	s := simulated(t, naversearchadsim.Options{Build: time.Minute}, nil)
	ctx, stop := context.WithCancel(t.Context())
	s.env.Sleep = func(ctx context.Context, d time.Duration) error { stop(); return ctx.Err() } // killed at the first wait
	s.open(t)
	x := tabletest.Find(t, s.Connection, "stat_ad")
	if _, err := tabletest.Rows(ctx, x, tables.Scan{Account: s.account(), Days: day, Columns: x.Key}); !fault.Is(err, fault.Canceled) {
		t.Fatal(err)
	}
	s.env.Sleep = func(ctx context.Context, d time.Duration) error { s.clock.Advance(d); return ctx.Err() }
	s.open(t)
	if rows, err := s.rows(t, "stat_ad", day); err != nil || len(rows) == 0 {
		t.Fatal(rows, err)
	}
	if n := s.sim.Posted()["stat"]; n != 1 || s.sim.Left() != 0 {
		t.Errorf("%d jobs were submitted, %d are left", n, s.sim.Left())
	}
	// One whose reply was lost is found in the list.
	if err := s.sim.Faults.Script("naversearchad drop nth=1 after path=POST"); err != nil {
		t.Fatal(err)
	}
	if rows, err := s.rows(t, "stat_ad", tables.Days{From: "2026-11-11", To: "2026-11-11"}); err != nil || len(rows) == 0 {
		t.Fatal(rows, err)
	}
	if n := s.sim.Posted()["stat"]; n != 2 || s.sim.Left() != 0 {
		t.Errorf("%d jobs were submitted, %d are left", n, s.sim.Left())
	}
	// An old one is not: its figures are not those of now.
	ctx, stop = context.WithCancel(t.Context())
	s.env.Sleep = func(ctx context.Context, d time.Duration) error { stop(); return ctx.Err() }
	s.open(t)
	x = tabletest.Find(t, s.Connection, "stat_ad")
	tabletest.Rows(ctx, x, tables.Scan{Account: s.account(), Days: day, Columns: x.Key})
	s.env.Sleep = func(ctx context.Context, d time.Duration) error { s.clock.Advance(d); return ctx.Err() }
	s.clock.Advance(2 * time.Hour)
	s.open(t)
	if _, err := s.rows(t, "stat_ad", day); err != nil {
		t.Fatal(err)
	}
	if n := s.sim.Posted()["stat"]; n != 4 || s.sim.Left() != 0 {
		t.Errorf("%d jobs were submitted, %d are left", n, s.sim.Left())
	}
}

// TestJobs that end badly are made anew, three times.
func TestJobs(t *testing.T) {
	day := tables.Days{From: "2026-11-10", To: "2026-11-10"}
	for _, c := range []struct {
		status string
		n      int
		posted int
		kind   fault.Kind
		rows   bool
	}{
		{"ERROR", 1, 2, "", true}, {"CHANGED", 2, 3, "", true}, {"NONE", 1, 1, "", false},
		{"ERROR", 3, 3, fault.Unavailable, false}, {"SURPRISE", 1, 1, fault.Broken, false},
	} {
		s := simulated(t, naversearchadsim.Options{}, nil)
		s.sim.EndJobs(c.status, c.n)
		rows, err := s.rows(t, "stat_ad", day)
		if fault.KindOf(err) != c.kind || c.rows != (err == nil && len(rows) > 0) || s.sim.Posted()["stat"] != c.posted {
			t.Errorf("%d × %s: %d rows, %v, %d jobs", c.n, c.status, len(rows), err, s.sim.Posted()["stat"])
		}
	}
	s := simulated(t, naversearchadsim.Options{Build: 2 * time.Hour}, nil)
	if _, err := s.rows(t, "stat_ad", day); !fault.Is(err, fault.Unavailable) {
		t.Errorf("a job that takes two hours: %v", err)
	}
	// Before it is ready, yesterday has no file; today never has.
	s = simulatedAt(t, time.Date(2026, 11, 21, 15, 30, 0, 0, time.UTC), "2026-11-01", naversearchadsim.Options{}, nil)
	if _, err := s.rows(t, "stat_ad", tables.Days{From: "2026-11-21", To: "2026-11-21"}); !fault.Is(err, fault.Unavailable) || fault.As(err).RetryAfter < time.Minute {
		t.Errorf("half past midnight: %v", err)
	}
	s.take()
	if rows, err := s.rows(t, "stat_ad", tables.Days{From: "2026-11-22", To: "2026-11-22"}); err != nil || len(rows) > 0 || len(s.take()) > 0 {
		t.Errorf("today: %d rows, %v", len(rows), err)
	}
	// What is older than Naver keeps is a warning, and no job.
	trace := &tables.Trace{}
	x := tabletest.Find(t, s.Connection, "stat_ad_conversion_detail")
	got, err := tabletest.Rows(tables.WithTrace(t.Context(), trace), x, tables.Scan{Account: s.account(), Days: tables.Days{From: "2026-09-01", To: "2026-09-01"}, Columns: x.Key})
	if err != nil || len(got) > 0 || trace.Cost().Calls != 0 {
		t.Errorf("an old day: %v, %v", got, err)
	}
	// A hundred master reports of others.
	s = simulated(t, naversearchadsim.Options{Jobs: 1, Build: time.Minute}, nil)
	ctx, stop := context.WithCancel(t.Context())
	s.env.Sleep = func(ctx context.Context, d time.Duration) error { stop(); return ctx.Err() }
	s.open(t)
	y := tabletest.Find(t, s.Connection, "master_campaign")
	tabletest.Rows(ctx, y, tables.Scan{Account: s.account(), Columns: y.Key})
	s.env.Sleep = func(ctx context.Context, d time.Duration) error { s.clock.Advance(d); return ctx.Err() }
	s.open(t)
	if _, err := s.rows(t, "master_keyword", tables.Days{}); !fault.Is(err, fault.Refused) || !strings.Contains(fault.As(err).Hint, "delete some") {
		t.Errorf("one job too many: %v", err)
	}
}

func TestSimFaults(t *testing.T) {
	for _, c := range []struct {
		plan, table string
		calls       int64 // 0: as many as it takes
		kind        fault.Kind
	}{
		{"", "campaigns", 1, ""},
		{"naversearchad 401 nth=1", "campaigns", 2, ""},
		{"naversearchad 401", "campaigns", 2, fault.Auth},
		{"naversearchad denied", "campaigns", 1, fault.Denied},
		{"naversearchad 429 nth=1", "campaigns", 2, ""},
		{"naversearchad 429 nth=1 retry=12s", "campaigns", 2, ""},
		{"naversearchad 429", "campaigns", 5, fault.Throttled},
		{"naversearchad 429 retry=20h", "campaigns", 1, fault.Throttled},
		{"naversearchad 500 nth=1", "campaigns", 2, ""},
		{"naversearchad 503", "campaigns", 5, fault.Unavailable},
		{"naversearchad drop nth=1", "campaigns", 2, ""},
		{"naversearchad truncate nth=1 bytes=100", "campaigns", 2, ""},
		{"naversearchad slow delay=40s", "campaigns", 1, ""},
		{"naversearchad 401 nth=3", "stat_ad", 0, ""},
		{"naversearchad 500 nth=1 path=POST", "stat_ad", 0, ""},
		{"naversearchad 500 nth=1 after path=POST", "stat_ad", 0, ""},
		{"naversearchad 429 nth=1 times=2", "stat_ad", 0, ""},
		{"naversearchad truncate nth=1 bytes=100 path=report-download", "stat_ad", 0, ""},
		{"naversearchad midstream nth=1 path=report-download", "stat_ad", 0, ""},
		{"naversearchad drop nth=1 after path=DELETE", "stat_ad", 0, ""},
		{"naversearchad 503 path=/stats", "campaign_performance", 0, fault.Unavailable},
		{"naversearchad repeat nth=1 path=/stats", "campaign_performance", 0, fault.Broken},
	} {
		s := simulated(t, naversearchadsim.Options{}, nil)
		if err := s.sim.Faults.Script(c.plan); err != nil {
			t.Fatal(err)
		}
		x := tabletest.Find(t, s.Connection, c.table)
		scan := tables.Scan{Account: s.account(), Columns: x.Key}
		if x.Day != "" {
			scan.Days = two
		}
		trace := &tables.Trace{}
		got, err := tabletest.Rows(tables.WithTrace(t.Context(), trace), x, scan)
		if n := trace.Cost().Calls; fault.KindOf(err) != c.kind || c.calls > 0 && n != c.calls || err == nil && len(got) == 0 {
			t.Errorf("%q: %d rows, %d calls, %v; want %d calls, %q", c.plan, len(got), n, err, c.calls, c.kind)
		}
		if f := fault.As(err); f != nil && (strings.Contains(err.Error(), "secret\"") || strings.Contains(err.Error(), "licence ")) {
			t.Errorf("%q: %v", c.plan, err)
		}
		if want := map[bool]int{true: 2}[c.table == "stat_ad"]; s.sim.Posted()["stat"] != want {
			t.Errorf("%q: %d jobs", c.plan, s.sim.Posted()["stat"])
		}
	}
}

// TestSecrets: a renewed secret is read again; what is wrong is told with its cure.
func TestSecrets(t *testing.T) {
	s := simulated(t, naversearchadsim.Options{}, nil)
	if line, err := s.Check(t.Context()); line != "3 accounts" || err != nil {
		t.Fatal(line, err)
	}
	s.sim.Rotate("an0therSecret")
	if line, err := s.Check(t.Context()); line != "3 accounts" || err != nil {
		t.Errorf("after the secret was renewed: %s, %v", line, err)
	}
	for _, c := range []struct {
		name   string
		change func()
		kind   fault.Kind
		says   string
	}{
		{"secret", func() { s.sim.Rotate("y3tAnother"); s.stale("an0therSecret", "licence") }, fault.Auth, "API Manager"},
		{"licence", func() { s.stale("y3tAnother", "wr0ngLicence") }, fault.Auth, "API Manager"},
		{"clock", func() {
			s.stale("y3tAnother", "licence")
			s.env.Now = func() time.Time { return s.clock.Now().Add(5 * time.Minute) }
		}, fault.Auth, "clock"},
	} {
		c.change()
		s.open(t)
		_, err := s.Check(t.Context())
		if !fault.Is(err, c.kind) || !strings.Contains(err.Error(), c.says) || fault.As(err).Hint == "" {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		for _, secret := range []string{"an0therSecret", "y3tAnother", "licence\"", "wr0ngLicence"} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%s: the error repeats %s: %v", c.name, secret, err)
			}
		}
	}
	s.env.Now = s.clock.Now
	s.env.Decode = tabletest.Decode(map[string]any{"base_url": "http://127.0.0.1:1", "api_key": "env:KEY", "secret_key": "env:SECRET", "customer_id": "9000001", "customers": []string{"4242"}})
	s.open(t)
	if _, err := s.Check(t.Context()); !fault.Is(err, fault.Unavailable) {
		t.Errorf("nobody there: %v", err)
	}
}

// stale makes the references give these from now on.
func (s *stage) stale(secret, key string) {
	s.env.Secret = func(_ context.Context, ref string) (string, error) {
		if ref == "env:KEY" {
			return key, nil
		}
		return secret, nil
	}
}

// TestNamed: accounts of the configuration are read without the list; one that is
// not ours says so.
func TestNamed(t *testing.T) {
	s := simulated(t, naversearchadsim.Options{}, nil)
	id := s.account()
	s = simulated(t, naversearchadsim.Options{}, map[string]any{"customers": []string{id}})
	if line, err := s.Check(t.Context()); line != "1 accounts" || err != nil || len(s.take()) != 1 {
		t.Error(line, err)
	}
	s = simulated(t, naversearchadsim.Options{}, map[string]any{"customers": []string{"4242"}})
	if _, err := s.Check(t.Context()); !fault.Is(err, fault.Denied) || !strings.Contains(err.Error(), "4242") || fault.As(err).Hint == "" {
		t.Error(err)
	}
}

// TestFewestCalls: a range is asked by day or by entity, whichever is cheaper.
func TestFewestCalls(t *testing.T) {
	s := simulated(t, naversearchadsim.Options{}, nil)
	x := tabletest.Find(t, s.Connection, "campaign_performance")
	read := func(days tables.Days) (predicted, made int, exact bool) {
		t.Helper()
		scan := tables.Scan{Account: s.account(), Days: days, Columns: x.Key}
		predicted, exact = x.Calls(scan)
		s.take()
		if _, err := tabletest.Rows(t.Context(), x, scan); err != nil {
			t.Fatal(err)
		}
		return predicted, len(s.take()), exact
	}
	read(two)
	for _, c := range []struct {
		days  tables.Days
		calls int
	}{
		{tables.Days{From: "2026-11-22", To: "2026-11-22"}, 5}, // five campaign types
		{tables.Days{From: "2026-10-20", To: "2026-11-20"}, 9}, // nine campaigns
	} {
		if predicted, made, exact := read(c.days); predicted != c.calls || made != c.calls || !exact {
			t.Errorf("%v: %d calls, %d predicted (%v), want %d", c.days, made, predicted, exact, c.calls)
		}
	}
}

var update = flag.Bool("update", false, "write testdata anew")

// TestGolden holds the requests of every table.
func TestGolden(t *testing.T) {
	golden := tabletest.OpenGolden(t, "testdata/naversearchad.txtar", *update)
	for _, table := range simulated(t, naversearchadsim.Options{}, nil).Tables {
		s := simulated(t, naversearchadsim.Options{Build: -1}, nil)
		if _, err := s.rows(t, table.Name, tables.Days{From: "2026-11-10", To: "2026-11-10"}); err != nil {
			t.Errorf("%s: %v", table.Name, err)
		}
		requests := s.take()
		for i, r := range requests {
			r, _ = url.QueryUnescape(strings.ReplaceAll(r, "+", "%2B"))
			requests[i] = regexp.MustCompile(`authtoken=[^&]*`).ReplaceAllString(r, "authtoken=…")
		}
		if n := len(requests); n > 12 {
			requests = append(requests[:12:12], fmt.Sprintf("… %d requests", n))
		}
		golden.Compare(table.Name+".http", strings.Join(requests, "\n")+"\n")
	}
}

// After every plan there are the rows as they are, or a fault and nothing; a job
// that a plan broke off is no reason for another one to stay behind.
func TestSimPlans(t *testing.T) {
	for _, name := range []string{"campaign_performance", "stat_ad"} {
		s := simulated(t, naversearchadsim.Options{}, nil)
		table := tabletest.Find(t, s.Connection, name)
		scan := tables.Scan{Account: s.account(), Days: tables.Days{From: "2026-11-01", To: "2026-11-02"}, Columns: tabletest.Names(table)}
		read := func() (string, error) {
			rows, err := tabletest.Rows(t.Context(), table, scan)
			return tabletest.Print(scan.Columns, rows), err
		}
		want, err := read()
		if err != nil {
			t.Fatal(err)
		}
		for _, plan := range market.FaultPlans {
			if err := s.sim.Faults.Script(plan.Text); err != nil {
				t.Fatal(err)
			}
			for range 3 {
				got, err := read()
				switch {
				case err != nil && fault.As(err) == nil:
					t.Errorf("%s, %s: %v is no fault", name, plan.Name, err)
				case err == nil && got != want && !plan.Hidden:
					t.Errorf("%s, %s: other rows and no fault", name, plan.Name)
				}
			}
			if plan.Text != "" && len(s.sim.Faults.Hits()) == 0 {
				t.Errorf("%s did not strike", plan.Name)
			}
			s.sim.Faults.Clear()
			s.clock.Advance(24 * time.Hour) // a budget may be parked for hours
			if got, err := read(); err != nil || got != want {
				t.Errorf("%s, after %s: %v", name, plan.Name, err)
			}
		}
		if n := s.sim.Left(); n > 0 {
			t.Errorf("%s: %d jobs were left behind", name, n)
		}
	}
}
