package metaads_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"argo/tables"
	"argo/tables/ads/metaads"
	"argo/tables/ads/metaads/metaadssim"
	"argo/tables/fault"
	"argo/tables/market"
	"argo/tables/tabletest"

	"github.com/cockroachdb/apd/v3"
)

// stage is a simulator with a server in front of it that keeps the requests.
type stage struct {
	*metaadssim.Sim
	*market.VirtualClock
	url     string
	dir     string
	secrets map[string]string

	mu   sync.Mutex
	sent []string
}

func newStage(t *testing.T, o metaadssim.Options) *stage {
	t.Helper()
	s := &stage{VirtualClock: market.NewClock(time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)), dir: t.TempDir()}
	world := market.New(market.Options{Seed: 1, Start: "2026-09-23", Clock: s.VirtualClock})
	o.AppSecret = "app-secret"
	o.RequireProof = true
	s.Sim = metaadssim.New(world, o)
	s.secrets = map[string]string{"env:TOKEN": s.Options().Token, "env:APP": o.AppSecret}
	server := httptest.NewServer(metaadssim.Record(os.Getenv("ARGO_RECORD_DIR"), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.sent = append(s.sent, line(r))
		s.mu.Unlock()
		s.Sim.ServeHTTP(w, r)
	})))
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

// line is a request as a golden shows it; the body can be read again.
func line(r *http.Request) string {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	params := r.URL.Query()
	if form, err := url.ParseQuery(string(body)); err == nil {
		for k, v := range form {
			params[k] = v
		}
	}
	out := r.Method + " " + r.URL.Path + "\n"
	for _, k := range slices.Sorted(maps.Keys(params)) {
		v := params.Get(k)
		if k == "appsecret_proof" {
			v = fmt.Sprintf("(%d digits)", len(v))
		}
		out += "  " + k + "=" + v + "\n"
	}
	return out
}

func (s *stage) take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.sent
	s.sent = nil
	return out
}

func (s *stage) env(options map[string]any) tables.Env {
	all := map[string]any{"base_url": s.url, "access_token": "env:TOKEN", "app_secret": "env:APP"}
	for k, v := range options {
		if all[k] = v; v == nil {
			delete(all, k)
		}
	}
	return tables.Env{
		Name: "meta_ads", Decode: tabletest.Decode(all), Now: s.Now, Dir: s.dir,
		Secret: func(_ context.Context, ref string) (string, error) { return s.secrets[ref], nil },
		Sleep: func(ctx context.Context, d time.Duration) error {
			s.Advance(d)
			return ctx.Err()
		},
	}
}

func (s *stage) open(t *testing.T, options map[string]any) *tables.Connection {
	t.Helper()
	conn, err := metaads.Source.Open(t.Context(), s.env(options))
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

const korea = "1000001000000101" // the first account of the market

// TestConformance runs the suite over every table, against the simulator.
func TestConformance(t *testing.T) {
	s := newStage(t, metaadssim.Options{})
	s.Advance(14 * time.Hour) // two in the morning in Seoul
	conn := s.open(t, nil)
	t.Cleanup(func() {
		if over := s.Exceeded(); len(over) > 0 {
			t.Errorf("%v", over)
		}
	})
	for _, table := range conn.Tables {
		t.Run(table.Name, func(t *testing.T) {
			t.Parallel()
			days := tables.Days{From: "2026-11-16", To: "2026-11-18"}
			if strings.Contains(table.Name, "_by_") { // many rows of the same kind: those of a day that has just begun
				days = tables.Days{From: "2026-11-23", To: "2026-11-23"}
			}
			if table.Name == "campaign_insights_by_placement" {
				days.From = "2026-11-22"
			}
			if table.Name == "activities" {
				days = tables.Days{From: "2026-09-23", To: "2026-11-22"}
			}
			o := tabletest.Options{Days: days}
			if table.Account != "" && table.Day != "" && table.Name != "activities" {
				o.Accounts = []string{korea}
			}
			tabletest.Conformance(t, table, o)
		})
	}
}

// sums of columns of a table.
func sums(t *testing.T, conn *tables.Connection, name string, days tables.Days, columns ...string) string {
	t.Helper()
	total := make([]apd.Decimal, len(columns))
	rows, err := tabletest.Rows(t.Context(), tabletest.Find(t, conn, name), tables.Scan{Account: korea, Days: days, Columns: columns})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		for i, v := range r {
			d, ok := v.(*apd.Decimal)
			if n, whole := v.(int64); whole {
				d, ok = apd.New(n, 0), true
			}
			if !ok {
				t.Fatalf("%s.%s is a %T", name, columns[i], v)
			}
			if _, err := apd.BaseContext.WithPrecision(30).Add(&total[i], &total[i], d); err != nil {
				t.Fatal(err)
			}
		}
	}
	var out []string
	for i := range total {
		total[i].Reduce(&total[i])
		out = append(out, total[i].Text('f'))
	}
	return strings.Join(out, " ")
}

// Every level and every breakdown adds up to the account, to the last unit.
func TestSimGrainsAgree(t *testing.T) {
	conn := newStage(t, metaadssim.Options{}).open(t, nil)
	days := tables.Days{From: "2026-11-10", To: "2026-11-22"}
	all := []string{"impressions", "clicks", "spend", "inline_link_clicks", "link_clicks", "purchases", "purchase_value", "purchases_7d_click", "purchases_1d_view", "leads", "app_installs_28d_click"}
	want := sums(t, conn, "account_insights", days, all...)
	if strings.HasPrefix(want, "0 ") || strings.Contains(want, " 0") {
		t.Fatalf("nothing happened: %s", want)
	}
	for _, table := range conn.Tables {
		if !strings.Contains(table.Name, "_insights") {
			continue
		}
		columns := all
		if table.Lookup("purchases") == nil {
			columns = all[:5]
		}
		if got := sums(t, conn, table.Name, days, columns...); !strings.HasPrefix(want, got) {
			t.Errorf("%s: %v are %s, of the account %s", table.Name, columns, got, want)
		}
	}
}

// Windows are what they say: the default is a click within seven days or a view
// within one, and a longer window holds a shorter one.
func TestSimWindows(t *testing.T) {
	conn := newStage(t, metaadssim.Options{}).open(t, nil)
	rows, err := tabletest.Rows(t.Context(), tabletest.Find(t, conn, "campaign_insights"), tables.Scan{Account: korea, Days: tables.Days{From: "2026-10-10", To: "2026-11-10"},
		Columns: []string{"purchases", "purchases_1d_click", "purchases_7d_click", "purchases_28d_click", "purchases_1d_view"}})
	if err != nil {
		t.Fatal(err)
	}
	some := false
	for _, r := range rows {
		var n [5]int64
		for i, v := range r {
			if n[i], err = new(apd.Decimal).Set(v.(*apd.Decimal)).Int64(); err != nil {
				t.Fatal(err)
			}
		}
		if n[0] != n[2]+n[4] || n[1] > n[2] || n[2] > n[3] {
			t.Errorf("default, 1, 7, 28 days, view: %v", n)
		}
		some = some || n[1] < n[2] && n[2] < n[3] && n[4] > 0
	}
	if !some {
		t.Error("no row tells the windows apart")
	}
}

// What is too big for a request is a report, in halves where it has to be; the
// rows are the same.
func TestSimReport(t *testing.T) {
	days := tables.Days{From: "2026-11-01", To: "2026-11-12"}
	columns := []string{"date", "ad_id", "impressions", "spend", "purchases"}
	read := func(o metaadssim.Options) (string, *stage) {
		s := newStage(t, o)
		conn := s.open(t, nil)
		table := tabletest.Find(t, conn, "ad_insights")
		var totals map[string]any
		rows, err := tabletest.Rows(t.Context(), table, tables.Scan{Account: korea, Days: days, Columns: columns, Totals: func(x map[string]any) { totals = x }})
		if err != nil {
			t.Fatal(err)
		}
		var lines []string
		var n int64
		for _, r := range rows {
			lines = append(lines, tabletest.Print(columns, []tables.Row{r}))
			n += r[2].(int64)
		}
		if totals["impressions"] != n || totals["spend"] == nil {
			t.Errorf("totals %v, the rows have %d impressions", totals, n)
		}
		slices.Sort(lines)
		left, _ := os.ReadDir(s.dir + "/reports")
		for _, f := range left {
			if b, _ := os.ReadFile(s.dir + "/reports/" + f.Name()); !strings.Contains(string(b), `"0"`) {
				t.Errorf("%s is left: %s", f.Name(), b)
			}
		}
		return strings.Join(lines, ""), s
	}
	want, s := read(metaadssim.Options{})
	if s.Submitted() != 0 {
		t.Errorf("%d reports of what is small", s.Submitted())
	}
	if got, s := read(metaadssim.Options{SyncRows: 50}); got != want || s.Submitted() != 1 {
		t.Errorf("as a report it is %d of %d bytes after %d reports", len(got), len(want), s.Submitted())
	}
	n := strings.Count(want, "--\n")
	// 12 days are too many, and 6: four reports of 3 days answer.
	if got, s := read(metaadssim.Options{SyncRows: 5, ReportRows: n / 3}); got != want || s.Submitted() != 7 {
		t.Errorf("in halves it is %d of %d bytes after %d reports", len(got), len(want), s.Submitted())
	}
}

// A report that always fails fails the scan, and no row is given.
func TestSimReportFails(t *testing.T) {
	s := newStage(t, metaadssim.Options{SyncRows: 1, ReportRows: 1})
	conn := s.open(t, nil)
	rows, err := tabletest.Rows(t.Context(), tabletest.Find(t, conn, "ad_insights"), tables.Scan{Account: korea, Days: tables.Days{From: "2026-11-01", To: "2026-11-02"}, Columns: []string{"spend"}})
	if !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "Job Failed") || len(rows) > 0 {
		t.Errorf("%d rows, %v", len(rows), err)
	}
}

// A restart goes on with the report that was submitted, wherever it came.
func TestSimResume(t *testing.T) {
	scan := tables.Scan{Account: korea, Days: tables.Days{From: "2026-11-01", To: "2026-11-04"}, Columns: []string{"date", "ad_id", "spend"}}
	for stop := range 6 {
		s := newStage(t, metaadssim.Options{SyncRows: 10})
		env := s.env(nil)
		ctx, kill := context.WithCancel(t.Context())
		naps := 0
		sleep := env.Sleep
		env.Sleep = func(c context.Context, d time.Duration) error {
			if naps++; naps > stop {
				kill()
			}
			return sleep(c, d)
		}
		conn, err := metaads.Source.Open(ctx, env)
		if err != nil {
			t.Fatal(err)
		}
		_, err = tabletest.Rows(ctx, tabletest.Find(t, conn, "ad_insights"), scan)
		if stop < 4 && !fault.Is(err, fault.Canceled) {
			t.Fatalf("after %d naps: %v", stop, err)
		}
		kill()
		again := s.open(t, nil)
		s.take()
		rows, err := tabletest.Rows(t.Context(), tabletest.Find(t, again, "ad_insights"), scan)
		if err != nil || len(rows) < 10 {
			t.Errorf("after a restart: %d rows, %v", len(rows), err)
		}
		want := 1
		if naps <= stop { // it had ended
			want = 2
		}
		if s.Submitted() != want {
			t.Errorf("stopped in nap %d: %d reports, then %v", stop+1, s.Submitted(), s.take())
		}
	}
	// One that is too old is not gone on with: its figures would be old as well.
	s := newStage(t, metaadssim.Options{SyncRows: 10})
	ctx, kill := context.WithCancel(t.Context())
	env := s.env(nil)
	env.Sleep = func(ctx context.Context, _ time.Duration) error { kill(); return ctx.Err() }
	conn, err := metaads.Source.Open(ctx, env)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tabletest.Rows(ctx, tabletest.Find(t, conn, "ad_insights"), scan); !fault.Is(err, fault.Canceled) {
		t.Fatal(err)
	}
	s.Advance(3 * time.Hour)
	if _, err := tabletest.Rows(t.Context(), tabletest.Find(t, s.open(t, nil), "ad_insights"), scan); err != nil || s.Submitted() != 2 {
		t.Errorf("%d reports, %v", s.Submitted(), err)
	}
}

// Wrong credentials give the cause and the cure, and no secret.
func TestCheck(t *testing.T) {
	s := newStage(t, metaadssim.Options{})
	if said, err := s.open(t, nil).Check(t.Context()); err != nil || said != "6 ad accounts" {
		t.Errorf("%q, %v", said, err)
	}
	if said, err := s.open(t, map[string]any{"business_id": s.Options().Business}).Check(t.Context()); err != nil || said != "6 ad accounts" {
		t.Errorf("of a business: %q, %v", said, err)
	}
	for _, c := range []struct {
		options map[string]any
		secrets map[string]string
		plan    string
		kind    fault.Kind
		says    string
	}{
		{nil, map[string]string{"env:TOKEN": "wr0ng-token"}, "", fault.Auth, "put a new token of a system user where access_token of connection meta_ads points to"},
		{nil, map[string]string{"env:APP": "wr0ng-secret"}, "", fault.Auth, "set app_secret of connection meta_ads"},
		{map[string]any{"app_secret": nil}, nil, "", fault.Auth, "require an appsecret_proof"},
		{nil, nil, "metaads 401", fault.Auth, "the token has expired"},
		{nil, nil, "metaads denied", fault.Denied, "ads_read"},
		{map[string]any{"accounts": []string{"act_77"}}, nil, "", fault.Config, "does not reach ad account 77"},
		{map[string]any{"accounts": []string{"1000001000000303"}}, nil, "", fault.Config, "is closed"},
		{map[string]any{"business_id": "200000000000009"}, nil, "", fault.NotFound, "does not exist"},
		{map[string]any{"base_url": s.url + "/x"}, nil, "", fault.NotFound, "#803"},
	} {
		old := s.secrets
		s.secrets = map[string]string{"env:TOKEN": s.Options().Token, "env:APP": "app-secret"}
		for k, v := range c.secrets {
			s.secrets[k] = v
		}
		if err := s.Faults.Script(c.plan); err != nil {
			t.Fatal(err)
		}
		_, err := s.open(t, c.options).Check(t.Context())
		s.Faults.Clear()
		if !fault.Is(err, c.kind) || !strings.Contains(fmt.Sprint(err), c.says) || fault.As(err) != nil && fault.As(err).Hint == "" {
			t.Errorf("%v %v %s: %v (%s)", c.options, c.secrets, c.plan, err, fault.KindOf(err))
		}
		for _, x := range s.secrets {
			if strings.Contains(fmt.Sprint(err), x) {
				t.Errorf("a secret in %v", err)
			}
		}
		s.secrets = old
	}
}

// What goes wrong for a while is not seen; what goes wrong for good is a fault
// and never a short answer.
func TestSimFaults(t *testing.T) {
	read := func(plan string) (int, tables.Cost, error) {
		s := newStage(t, metaadssim.Options{})
		conn := s.open(t, nil)
		x := tabletest.Find(t, conn, "campaign_insights")
		if _, err := x.Accounts(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := s.Faults.Script(plan); err != nil {
			t.Fatal(err)
		}
		trace := &tables.Trace{}
		got, err := tabletest.Rows(tables.WithTrace(t.Context(), trace), x, tables.Scan{Account: korea, Days: tables.Days{From: "2026-11-01", To: "2026-11-10"}, Columns: x.Key})
		return len(got), trace.Cost(), err
	}
	want, cost, err := read("")
	if err != nil || want == 0 || cost.Calls != 1 || cost.RowsFetched != int64(want) {
		t.Fatalf("%d rows, %+v, %v", want, cost, err)
	}
	for _, c := range []struct {
		plan  string
		calls int64
		kind  fault.Kind
	}{
		{"metaads 401 times=1", 1, fault.Auth},
		{"metaads 429 nth=1 retry=12s", 2, ""},
		{"metaads 429 nth=1 retry=30m", 1, fault.Throttled},
		{"metaads 429 nth=1 retry=20h", 1, fault.Throttled},
		{"metaads 500 nth=1", 2, ""},
		{"metaads 503 nth=1 times=2", 3, ""},
		{"metaads 503", 5, fault.Unavailable},
		{"metaads drop nth=1", 1, ""}, // a connection that was kept: the transport itself asks again
		{"metaads truncate nth=1 bytes=300", 2, ""},
		{"metaads truncate bytes=300", 5, fault.Unavailable},
		{"metaads denied", 1, fault.Denied},
		{"metaads slow delay=30s", 1, ""},
		{"metaads midstream nth=1", 2, ""},
		{"metaads repeat nth=1", 1, fault.Unavailable},
	} {
		if n, cost, err := read(c.plan); fault.KindOf(err) != c.kind || cost.Calls != c.calls || err == nil && n != want {
			t.Errorf("%s: %d rows, %d calls, %v; want %d rows, %d calls, %q", c.plan, n, cost.Calls, err, want, c.calls, c.kind)
		}
	}
}

// After every plan there are the rows as they are, or a fault; what the reply
// does not show of itself shows in its totals, but for late data. The same holds
// for reports in the background.
func TestSimPlans(t *testing.T) {
	for _, small := range []int{0, 5} {
		s := newStage(t, metaadssim.Options{SyncRows: small})
		conn := s.open(t, nil)
		table := tabletest.Find(t, conn, "campaign_insights")
		scan := tables.Scan{Account: korea, Days: tables.Days{From: "2026-10-01", To: "2026-10-06"}, Columns: append([]string{"date"}, append(slices.Clone(table.Key), "impressions", "spend")...)}
		var totals map[string]any
		read := func() ([]tables.Row, error) {
			totals = nil
			scan.Totals = func(x map[string]any) { totals = x }
			return tabletest.Rows(t.Context(), table, scan)
		}
		want, err := read()
		if err != nil {
			t.Fatal(err)
		}
		seen := fmt.Sprint(totals)
		for _, plan := range market.FaultPlans {
			if err := s.Faults.Script(plan.Text); err != nil {
				t.Fatal(err)
			}
			for range 3 {
				got, err := read()
				equal := tabletest.Print(scan.Columns, got) == tabletest.Print(scan.Columns, want)
				switch {
				case err != nil && fault.As(err) == nil:
					t.Errorf("%s: %v is no fault", plan.Name, err)
				case err == nil && !equal && !plan.Hidden:
					t.Errorf("%s: %d rows and no fault, there are %d", plan.Name, len(got), len(want))
				case err == nil && !equal && plan.Name != "late data" && fmt.Sprint(totals) != seen:
					t.Errorf("%s: the totals are %v, without the plan %s", plan.Name, totals, seen)
				}
			}
			if len(s.Faults.Hits()) == 0 {
				t.Errorf("%s did not strike", plan.Name)
			}
			s.Faults.Clear()
			s.Advance(24 * time.Hour) // a budget may be parked for hours
			if got, err := read(); err != nil || len(got) != len(want) {
				t.Errorf("after %s: %d rows, %v", plan.Name, len(got), err)
			}
		}
	}
}

// With development access the limits are a hundredth; they are kept to, and what
// others use up is seen in the headers before it is refused.
func TestSimLimits(t *testing.T) {
	s := newStage(t, metaadssim.Options{Development: true})
	conn := s.open(t, map[string]any{"access_tier": "development"})
	campaigns := tabletest.Find(t, conn, "campaigns")
	begin := s.Now()
	for range 200 {
		if _, err := tabletest.Rows(t.Context(), campaigns, tables.Scan{Account: korea, Columns: []string{"id"}}); err != nil && !fault.Is(err, fault.Throttled) {
			t.Fatal(err)
		}
	}
	if s.Now().Sub(begin) < 5*time.Minute || len(s.Exceeded()) > 0 {
		t.Errorf("200 calls took %s, exceeded: %v", s.Now().Sub(begin), s.Exceeded())
	}
}

// The day's figures move as the market does, and yesterday's purchases arrive late.
func TestSimDayGrows(t *testing.T) {
	s := newStage(t, metaadssim.Options{})
	conn := s.open(t, nil)
	today := tables.Days{From: "2026-11-22", To: "2026-11-22"}
	before := sums(t, conn, "campaign_insights_by_hour", today, "impressions", "spend")
	s.Advance(5 * time.Hour)
	if after := sums(t, conn, "campaign_insights_by_hour", today, "impressions", "spend"); after == before || after != sums(t, conn, "account_insights", today, "impressions", "spend") {
		t.Errorf("%s, then %s", before, after)
	}
}
