package market

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"argo/tables"
)

const (
	korea = 1000000101 // KRW, Asia/Seoul
	us    = 1000000102 // USD, America/New_York
)

var noon = time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC) // in Seoul

func newWorld(seed uint64) (*Market, *VirtualClock) {
	c := NewClock(noon)
	return New(Options{Seed: seed, Start: "2026-08-24", Clock: c}), c
}

func day(d tables.Day) tables.Days { return tables.Days{From: d, To: d} }

// sum of the figures of a query, by campaign.
func sum(m *Market, q Query) map[int64]Figures {
	out := map[int64]Figures{}
	for f := range m.Facts(q) {
		x := out[f.Campaign]
		x.Add(f.Figures)
		out[f.Campaign] = x
	}
	return out
}

func total(m *Market, q Query) (out Figures) {
	for f := range m.Facts(q) {
		out.Add(f.Figures)
	}
	return out
}

func mustApply(t *testing.T, m *Market, changes ...Change) []Action {
	t.Helper()
	done, err := m.Apply("ae@agency.example", "api", changes...)
	if err != nil {
		t.Fatal(err)
	}
	return done
}

func pause(id int64) Change {
	return Change{Op: Update, Kind: KindCampaign, Account: korea, ID: id, Set: []Set{{"status", string(Paused)}}}
}

// digest hashes everything a world can be asked for.
func digest(m *Market) string {
	h := sha256.New()
	enc := json.NewEncoder(h)
	all := tables.Days{From: m.Start(), To: "2027-12-31"}
	for _, a := range m.Accounts() {
		for _, g := range []Grain{ByAdGroup, ByAd, ByKeyword, ByTerm} {
			if g != ByAdGroup && a.ID > us { // enough of them
				continue
			}
			var b []byte
			for f := range m.Facts(Query{Account: a.ID, Days: all, Grain: g, Split: true}) {
				b = append(b[:0], f.Day+" "...)
				b = append(append(b, f.Term.Text...), f.Term.Match...)
				for _, n := range []int64{f.Campaign, f.AdGroup, f.Ad, f.Keyword, int64(f.Device), int64(f.Network), f.Impressions, f.Clicks,
					f.Cost, f.Conversions, f.Value, f.AllConversions, f.AllValue, f.ViewThrough} {
					b = binary.AppendVarint(b, n)
				}
				h.Write(b)
			}
		}
		enc.Encode([]any{m.Campaigns(a.ID), m.Budgets(a.ID), m.AdGroups(a.ID), m.Ads(a.ID), m.Keywords(a.ID)})
	}
	for _, a := range m.Apps() {
		enc.Encode(m.Tracker(CohortQuery{App: a.ID, Days: all}))
	}
	enc.Encode([]any{m.Orders(all), m.MediaPlan(), m.Actions()})
	return fmt.Sprintf("%x", h.Sum(nil))[:16]
}

// TestGolden holds the facts of a seed for ever: whoever changes it changes
// every golden that is drawn from the market.
func TestGolden(t *testing.T) {
	m, c := newWorld(1)
	first := digest(m)
	c.Advance(5 * time.Hour)
	mustApply(t, m, pause(101001))
	c.Advance(30 * time.Hour)
	second := digest(m)
	if first != goldenStart || second != goldenLater {
		t.Errorf("facts changed: %s, %s", first, second)
	}
	n, d := newWorld(1)
	digest(n) // what was asked before makes no difference
	d.Advance(5 * time.Hour)
	mustApply(t, n, pause(101001))
	d.Advance(30 * time.Hour)
	if got := digest(n); got != second {
		t.Errorf("the same actions gave %s and %s", second, got)
	}
	if other, _ := newWorld(2); digest(other) == first {
		t.Error("another seed gave the same facts")
	}
}

const (
	goldenStart = "09b7e76ae2b0b8b5"
	goldenLater = "277cee2c1a29d19c"
)

func TestGrainsAgree(t *testing.T) {
	m, _ := newWorld(3)
	forms := map[int64]Form{}
	for _, a := range m.Accounts() {
		for _, c := range m.Campaigns(a.ID) {
			forms[c.ID] = c.Form
		}
		type key struct {
			group   int64
			day     tables.Day
			device  Device
			network Network
		}
		want := map[key]Figures{}
		days := tables.Days{From: "2026-10-01", To: "2026-11-22"}
		for f := range m.Facts(Query{Account: a.ID, Days: days, Split: true}) {
			if f.Clicks > f.Impressions || f.Cost%a.Unit() != 0 || f.Cost > 0 && f.Clicks == 0 {
				t.Errorf("impossible fact %+v", f)
			}
			want[key{f.AdGroup, f.Day, f.Device, f.Network}] = f.Figures
		}
		for _, g := range []Grain{ByAd, ByKeyword, ByTerm} {
			got := map[key]Figures{}
			for f := range m.Facts(Query{Account: a.ID, Days: days, Grain: g, Split: true}) {
				k := key{f.AdGroup, f.Day, f.Device, f.Network}
				x := got[k]
				x.Add(f.Figures)
				got[k] = x
				if f.Clicks > f.Impressions || f.Cost > 0 && f.Clicks == 0 {
					t.Errorf("impossible fact %+v", f)
				}
			}
			for k, x := range want {
				if g != ByAd && forms[k.group/100] != Search {
					continue
				}
				if got[k] != x {
					t.Fatalf("grain %d of %v: %+v, want %+v", g, k, got[k], x)
				}
			}
		}
		// Without the split the sums are the same.
		split, whole := total(m, Query{Account: a.ID, Days: days, Grain: ByAd, Split: true}), total(m, Query{Account: a.ID, Days: days})
		if split != whole {
			t.Errorf("account %d: %+v and %+v", a.ID, split, whole)
		}
	}
}

func TestPauseStopsSpend(t *testing.T) {
	m, c := newWorld(1)
	today := Query{Account: korea, Days: day("2026-11-22")}
	twin, d := newWorld(1)
	mustApply(t, m, pause(101001))
	before, twinBefore := sum(m, today), sum(twin, today)
	if before[101001].Cost == 0 || before[101001] != twinBefore[101001] {
		t.Fatalf("at noon: %+v, twin %+v", before[101001], twinBefore[101001])
	}
	c.Advance(6 * time.Hour)
	d.Advance(6 * time.Hour)
	after, twinAfter := sum(m, today), sum(twin, today)
	if x, y := after[101001], before[101001]; x.Cost != y.Cost || x.Impressions != y.Impressions || x.Clicks != y.Clicks {
		t.Errorf("a paused campaign went on: %+v, then %+v", y, x)
	}
	if after[101004].Cost <= before[101004].Cost {
		t.Errorf("the others stopped too: %+v", after[101004])
	}
	// Nothing of the others is reshuffled; only those on the same budget may
	// deliver differently, and 101001 has its own.
	for id, x := range twinAfter {
		if id != 101001 && after[id] != x {
			t.Errorf("campaign %d: %+v, without the pause %+v", id, after[id], x)
		}
	}
	c.Advance(24 * time.Hour)
	if x := sum(m, Query{Account: korea, Days: day("2026-11-23")})[101001]; !x.Zero() {
		t.Errorf("the next day: %+v", x)
	}
	// Enabled again it goes on from there.
	enable := pause(101001)
	enable.Set = []Set{{"status", string(Enabled)}}
	mustApply(t, m, enable)
	c.Advance(3 * time.Hour)
	if x := sum(m, Query{Account: korea, Days: day("2026-11-23")})[101001]; x.Impressions == 0 {
		t.Error("enabled, but it delivers nothing")
	}
	if x := sum(m, today)[101001]; x.Cost > before[101001].Cost {
		t.Errorf("the past was rewritten: %+v", x)
	}
}

func TestDayGrows(t *testing.T) {
	m, c := newWorld(1)
	c.Set(midnight("2026-11-23", zone("Asia/Seoul")))
	q := Query{Account: korea, Days: day("2026-11-23")}
	last := map[int64]Figures{}
	for hour := range 25 {
		now := sum(m, q)
		for id, x := range now {
			if y := last[id]; x.Impressions < y.Impressions || x.Clicks < y.Clicks || x.Cost < y.Cost {
				t.Errorf("hour %d, campaign %d: %+v after %+v", hour, id, x, y)
			}
		}
		if hour == 0 && len(now) != 0 || hour == 12 && len(now) == 0 {
			t.Errorf("hour %d: %v", hour, now)
		}
		last = now
		c.Advance(time.Hour)
	}
}

func TestBudget(t *testing.T) {
	m, c := newWorld(1)
	budget := func(amount int64) Change {
		return Change{Op: Update, Kind: KindBudget, Account: korea, ID: 101504, Set: []Set{{"amount", fmt.Sprint(amount)}}}
	}
	days := tables.Days{From: "2026-08-24", To: "2026-11-21"}
	amount := map[int64]int64{}
	for _, b := range m.Budgets(korea) {
		amount[b.ID] = b.Amount
	}
	spent := map[tables.Day]int64{}
	for f := range m.Facts(Query{Account: korea, Days: days, Campaigns: []int64{101004}}) {
		spent[f.Day] += f.Cost
	}
	for d, x := range spent {
		if x > 2*amount[101504]*13/10 { // the budget was edited by up to 20 % since
			t.Errorf("%s: %d spent of %d", d, x, amount[101504])
		}
	}
	twin, d := newWorld(1)
	mustApply(t, m, budget(amount[101504]/4/1_000_000*1_000_000))
	c.Advance(36 * time.Hour)
	d.Advance(36 * time.Hour)
	q := Query{Account: korea, Days: day("2026-11-23"), Campaigns: []int64{101004}}
	if x, y := total(m, q).Cost, total(twin, q).Cost; x > y/2 {
		t.Errorf("a quarter of the budget spends %d, all of it %d", x, y)
	}
	q.Days = day("2026-11-21")
	if x, y := total(m, q).Cost, total(twin, q).Cost; x != y {
		t.Errorf("yesterday changed: %d, %d", x, y)
	}
}

// TestSharedBudget: what one of two campaigns leaves, the other can spend.
func TestSharedBudget(t *testing.T) {
	m, c := newWorld(1)
	twin, d := newWorld(1)
	mustApply(t, m, pause(101002))
	c.Advance(36 * time.Hour)
	d.Advance(36 * time.Hour)
	q := Query{Account: korea, Days: day("2026-11-23"), Campaigns: []int64{101003}}
	if x, y := total(m, q).Cost, total(twin, q).Cost; x <= y {
		t.Errorf("alone on the budget it spends %d, together %d", x, y)
	}
}

// Whatever the law is, a day moves until it says so and not afterwards.
func TestRestatement(t *testing.T) {
	for _, given := range []Law{{}, {Late: 26, Credit: 3}, {Late: 90, Credit: 33}} {
		c := NewClock(noon)
		m := New(Options{Seed: 1, Start: "2026-08-24", Clock: c, Law: given})
		law := m.Law()
		q := Query{Account: korea, Days: day("2026-11-21")}
		first := total(m, q)
		var last Figures
		moved := 0
		for age := 1; age < law.Settled()+10; age++ { // it is noon in Korea
			x := total(m, q)
			if x.Impressions != first.Impressions || x.Clicks != first.Clicks {
				t.Errorf("%+v: delivery was restated: %+v", law, x)
			}
			if age > 1 && (x.AllConversions < last.AllConversions || x.Cost > last.Cost) {
				t.Errorf("%+v, age %d: %+v after %+v", law, age, x, last)
			}
			if age > law.Credit+1 && x.Cost != last.Cost {
				t.Errorf("%+v, age %d: cost %d after %d", law, age, x.Cost, last.Cost)
			}
			if age > law.Settled() && x != last {
				t.Errorf("%+v, age %d: a settled day moved: %+v, %+v", law, age, x, last)
			}
			if x != last {
				moved = age
			}
			last = x
			c.Advance(24 * time.Hour)
		}
		if last.AllConversions <= first.AllConversions || last.Cost >= first.Cost || moved < law.Late*2/3 {
			t.Errorf("%+v: little was restated, last at an age of %d days: %+v, %+v", law, moved, first, last)
		}
	}
}

// The truth of any moment can be asked for afterwards, down to the last row,
// whatever was done to the campaigns since.
func TestFactsAsOf(t *testing.T) {
	m, c := newWorld(3)
	type reading struct {
		at      time.Time
		facts   []Fact
		cohorts []Cohort
	}
	read := func(at time.Time) (r reading) {
		days := tables.Days{From: "2026-11-10", To: "2026-11-30"}
		for _, a := range m.Accounts() {
			for f := range m.Facts(Query{Account: a.ID, Days: days, Split: true, AsOf: at}) {
				r.facts = append(r.facts, f)
			}
		}
		for _, a := range m.Apps() {
			r.cohorts = append(r.cohorts, m.Tracker(CohortQuery{App: a.ID, Days: days, AsOf: at})...)
		}
		return r
	}
	var seen []reading
	for i := range 12 {
		r := read(time.Time{})
		r.at = m.Now()
		seen = append(seen, r)
		switch i {
		case 2:
			mustApply(t, m, pause(101002))
		case 5:
			mustApply(t, m, pause(101003))
		}
		c.Advance(31 * time.Hour)
	}
	for _, was := range seen {
		if is := read(was.at); len(was.facts) < 100 || !reflect.DeepEqual(was.facts, is.facts) || !reflect.DeepEqual(was.cohorts, is.cohorts) {
			t.Errorf("as of %s there are %d facts and %d cohorts, there were %d and %d, or others", was.at, len(is.facts), len(is.cohorts), len(was.facts), len(was.cohorts))
		}
	}
}

func TestThreeTruths(t *testing.T) {
	m, c := newWorld(1)
	c.Advance(60 * 24 * time.Hour)
	days := tables.Days{From: "2026-09-01", To: "2026-10-31"}
	claimed, ordered := int64(0), int64(0)
	perCampaign := map[int64]int64{}
	for _, a := range m.Accounts() {
		claimed += total(m, Query{Account: a.ID, Days: days}).Conversions / 100
	}
	tracked := int64(0)
	organic := false
	for _, a := range m.Apps() {
		for _, x := range m.Tracker(CohortQuery{App: a.ID, Days: days}) {
			i := slices.Index(a.Events, "af_purchase")
			if x.Origin == FromAds {
				tracked += x.Events[i].Count
				perCampaign[x.Campaign] += x.Installs
			}
			organic = organic || x.Origin == FromNowhere && x.Installs > 0
			if x.Events[i].Users > x.Installs || x.Loyal > x.Installs || x.Sessions < x.Installs {
				t.Errorf("impossible cohort %+v", x)
			}
		}
	}
	ids := map[string]bool{}
	for _, o := range m.Orders(days) {
		if ids[o.ID] {
			t.Errorf("order %s twice", o.ID)
		}
		ids[o.ID] = true
		if o.Amount <= 0 || o.Amount%unitOf(o.Currency) != 0 || o.At.After(m.Now()) || !days.Contains(o.Day) {
			t.Errorf("order %+v", o)
		}
		if o.Origin == FromAds {
			ordered++
		}
	}
	if claimed*100 < ordered*110 || claimed*100 > ordered*160 || tracked >= ordered*115/100 || tracked <= ordered*85/100 || !organic || len(perCampaign) < 40 {
		t.Errorf("claimed %d, tracked %d, ordered %d, organic %v, campaigns %d", claimed, tracked, ordered, organic, len(perCampaign))
	}
	names := map[int64]string{}
	for _, a := range m.Accounts() {
		for _, x := range m.Campaigns(a.ID) {
			names[x.ID] = x.Name
		}
	}
	plan := m.MediaPlan()
	if len(plan) == 0 || plan[0].Month != "2026-08" {
		t.Fatalf("plan %v", plan[:1])
	}
	for _, p := range plan {
		if names[p.Campaign] != p.Name || p.Budget <= 0 || p.TargetCPA <= 0 {
			t.Errorf("plan %+v", p)
		}
	}
}

func TestTrackerGrows(t *testing.T) {
	m, c := newWorld(1)
	q := CohortQuery{App: "com.example.branda", Days: day("2026-11-20")}
	count := func() (installs, sessions, revenue int64) {
		for _, x := range m.Tracker(q) {
			installs, sessions, revenue = installs+x.Installs, sessions+x.Sessions, revenue+x.Revenue
		}
		return
	}
	i, s, r := count()
	c.Advance(20 * 24 * time.Hour)
	if j, u, v := count(); j < i || u <= s || v <= r {
		t.Errorf("installs %d→%d, sessions %d→%d, revenue %d→%d", i, j, s, u, r, v)
	}
	q.AsOf = noon
	if j, u, v := count(); j != i || u != s || v != r {
		t.Errorf("as of then: %d %d %d, it was %d %d %d", j, u, v, i, s, r)
	}
}

func TestActions(t *testing.T) {
	m, _ := newWorld(1)
	done := mustApply(t, m,
		Change{Op: Create, Kind: KindBudget, Account: us, ID: -1, Set: []Set{{"name", "New"}, {"amount", "80000000"}, {"shared", "false"}}},
		Change{Op: Create, Kind: KindCampaign, Account: us, ID: -2, Set: []Set{{"name", "Brand A | Search | US | Winter"}, {"form", "search"}, {"budget", "-1"}, {"begin", "2026-11-22"}}},
		Change{Op: Create, Kind: KindAdGroup, Account: us, ID: -3, Set: []Set{{"campaign", "-2"}, {"name", "Core"}, {"bid", "1000000"}}},
		Change{Op: Create, Kind: KindAd, Account: us, Set: []Set{{"ad_group", "-3"}, {"headlines", `["a"]`}}},
		Change{Op: Create, Kind: KindKeyword, Account: us, Set: []Set{{"ad_group", "-3"}, {"text", "winter coat"}, {"match", "exact"}}},
	)
	campaign := done[1].ID
	m.clock.(*VirtualClock).Advance(48 * time.Hour)
	x := total(m, Query{Account: us, Days: day("2026-11-23"), Campaigns: []int64{campaign}, Grain: ByTerm})
	if x.Impressions == 0 || x.Cost > 160_000_000 {
		t.Errorf("the new campaign delivers %+v", x)
	}
	var missing *NotFound
	var removed *Removed
	if _, err := m.Apply("", "", Change{Op: Update, Kind: KindCampaign, Account: us, ID: 5, Set: []Set{{"status", "paused"}}}); !errors.As(err, &missing) {
		t.Errorf("unknown id: %v", err)
	}
	if _, err := m.Apply("", "", Change{Op: Update, Kind: KindCampaign, Account: korea, ID: campaign, Set: []Set{{"status", "paused"}}}); !errors.As(err, &missing) {
		t.Errorf("another account's: %v", err)
	}
	before := len(m.Actions())
	if _, err := m.Apply("", "", pause(101001), Change{Op: Remove, Kind: KindCampaign, Account: korea, ID: 101010}); !errors.As(err, &removed) {
		t.Errorf("removed before: %v", err)
	}
	if len(m.Actions()) != before || m.Campaigns(korea)[0].Status != Enabled {
		t.Error("a part of a refused batch was applied")
	}
	if err := m.Check(pause(101001)); err != nil || m.Campaigns(korea)[0].Status != Enabled {
		t.Errorf("check: %v", err)
	}
	for _, s := range []Set{{"status", "gone"}, {"budget", "7"}, {"size", "1"}, {"target_cpa", "x"}} {
		if err := m.Check(Change{Op: Update, Kind: KindCampaign, Account: us, ID: campaign, Set: []Set{s}}); err == nil {
			t.Errorf("%v was accepted", s)
		}
	}
	last := m.Actions()[len(m.Actions())-1]
	if last.Kind != KindKeyword || last.Fields[1] != (Field{"text", "", "winter coat"}) {
		t.Errorf("last action %+v", last)
	}
}

func TestJournal(t *testing.T) {
	file := filepath.Join(t.TempDir(), "actions.jsonl")
	m, c := newWorld(1)
	if err := m.LoadActions(file); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if err := m.Journal(file); err != nil {
		t.Fatal(err)
	}
	c.Advance(time.Hour)
	mustApply(t, m, pause(101001))
	c.Advance(time.Hour)
	mustApply(t, m, pause(101002), pause(101003))
	want := digest(m)
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	// A crash in the middle of a write leaves a torn last line.
	f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(f, `{"seq":99,"at":"20`); err != nil {
		t.Fatal(err)
	}
	f.Close()
	// Restarted later, with other options: the file decides.
	n := New(Options{Seed: 9, Start: "2026-10-01", Clock: c})
	if err := n.Journal(file); err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	if got := digest(n); got != want {
		t.Errorf("after the restart %s, before %s", got, want)
	}
	c.Advance(time.Hour)
	mustApply(t, n, pause(101004))
	o := New(Options{Clock: c})
	if err := o.LoadActions(file); err != nil || digest(o) != digest(n) {
		t.Errorf("loaded again: %v", err)
	}
	for name, text := range map[string]string{"empty": "", "no header": "{}\n", "foreign": `{"seed":1,"start":"2026-08-24","origin":"2026-11-22T03:00:00Z"}` + "\n" + `{"seq":1,"op":"update","kind":"campaign","account":5}` + "\n"} {
		bad := filepath.Join(t.TempDir(), "bad")
		if err := os.WriteFile(bad, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := o.LoadActions(bad); err == nil {
			t.Errorf("%s: loaded", name)
		}
	}
}

func TestConcurrent(t *testing.T) {
	m, c := newWorld(1)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Add(2)
		go func() {
			defer wg.Done()
			for range 5 {
				total(m, Query{Account: korea, Days: tables.Days{From: "2026-11-01", To: "2026-11-30"}, Grain: Grain(i)})
				m.Tracker(CohortQuery{App: "com.example.branda", Days: day("2026-11-20")})
			}
		}()
		go func() {
			defer wg.Done()
			for range 5 {
				if _, err := m.Apply("x", "api", pause(101001+int64(i))); err != nil {
					t.Error(err)
				}
				c.Advance(time.Minute)
			}
		}()
	}
	wg.Wait()
}

func TestClock(t *testing.T) {
	c := NewClock(noon)
	c.Advance(-time.Hour)
	c.Set(noon.Add(-time.Hour))
	if !c.Now().Equal(noon) {
		t.Errorf("the clock went back to %v", c.Now())
	}
	if err := c.Sleep(context.Background(), time.Hour); err != nil || !c.Now().Equal(noon.Add(time.Hour)) {
		t.Errorf("sleep: %v, %v", err, c.Now())
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := c.Sleep(ctx, time.Hour); err == nil || !c.Now().Equal(noon.Add(time.Hour)) {
		t.Error("a cancelled sleep moved the clock")
	}
	if err := (RealClock{}).Sleep(ctx, time.Hour); err == nil {
		t.Error("a cancelled sleep waited")
	}
}

func TestFaults(t *testing.T) {
	const plan = `googleads 401 times=1
googleads 429 nth=1 retry=12s
googleads 503 nth=2 after path=:mutate
appsflyer 429 times=3 account=com.example.branda retry=20h
googleads slow path=:search delay=1m30s
googleads truncate nth=1 bytes=4096
* drop nth=7`
	faults, err := ParseFaults("# a comment\n\n" + plan)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, f := range faults {
		lines = append(lines, f.String())
	}
	if got := strings.Join(lines, "\n"); got != plan {
		t.Errorf("text form:\n%s", got)
	}
	for _, bad := range []string{"googleads", "googleads 418", "googleads 429 retry=soon", "googleads 429 often"} {
		if _, err := ParseFaults(bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
	f := &Faults{}
	if err := f.Script("googleads 429 nth=2 times=2 path=:search\ngoogleads denied account=7"); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range []Call{
		{"googleads", "POST /a:search", "1"}, {"googleads", "POST /a:mutate", "1"}, {"appsflyer", "POST /a:search", "1"},
		{"googleads", "POST /a:search", "1"}, {"googleads", "POST /a:search", "7"}, {"googleads", "POST /a:search", "1"}, {"googleads", "POST /a:mutate", "7"},
	} {
		x, ok := f.Next(c)
		got = append(got, fmt.Sprint(x.Kind, ok))
	}
	if want := "false|false|false|429true|429true|false|deniedtrue"; strings.Join(got, "|") != want {
		t.Errorf("%s, want %s", strings.Join(got, "|"), want)
	}
	if len(f.Hits()) != 3 {
		t.Errorf("hits %v", f.Hits())
	}
	hits := func(intensity float64) int {
		f := &Faults{}
		f.Random(5, intensity)
		for range 1000 {
			f.Next(Call{"googleads", "POST /a:search", "1"})
		}
		return len(f.Hits())
	}
	if a, b := hits(1), hits(3); a < 5 || a > 50 || b < 100 || b > 240 || hits(0) != 0 {
		t.Errorf("random: %d of 1000 at 1, %d at 3", a, b)
	}
	if hits(3) != hits(3) {
		t.Error("the same seed gave other faults")
	}
}

func BenchmarkAdGroups90Days(b *testing.B) { benchmark(b, ByAdGroup) }
func BenchmarkTerms90Days(b *testing.B)    { benchmark(b, ByTerm) }

// benchmark asks for 90 days of all accounts by device and network.
func benchmark(b *testing.B, g Grain) {
	m, _ := newWorld(1)
	for b.Loop() {
		n := 0
		for _, a := range m.Accounts() {
			for range m.Facts(Query{Account: a.ID, Days: tables.Days{From: "2026-08-24", To: "2026-11-22"}, Grain: g, Split: true}) {
				n++
			}
		}
		b.ReportMetric(float64(n), "rows/op")
	}
}

// A channel's accounts are its own, the same world has all of them, what the
// first channel has does not depend on the others, and a tracker counts the
// users of every channel.
func TestChannels(t *testing.T) {
	clock := NewClock(noon)
	alone := New(Options{Seed: 1, Start: tables.DayOf(noon).Add(-20), Clock: clock})
	channels := []Channel{{Name: "meta_ads", Countries: []string{"KR", "US"}, Accounts: 8}, {Name: "naver", Countries: []string{"KR"}, Accounts: 3}}
	m := New(Options{Seed: 1, Start: tables.DayOf(noon).Add(-20), Clock: clock, Channels: channels})
	first, meta, naver := m.On("google_ads"), m.On("meta_ads"), m.On("naver")
	if got, want := first.Accounts(), alone.Accounts(); !slices.Equal(got, want) {
		t.Errorf("the first channel has %v, alone %v", got, want)
	}
	if len(meta.Accounts()) != 8 || len(naver.Accounts()) != 3 || len(m.Accounts()) != 11+len(first.Accounts()) {
		t.Errorf("%d and %d accounts of %d", len(meta.Accounts()), len(naver.Accounts()), len(m.Accounts()))
	}
	names := map[string]bool{}
	for _, a := range meta.Accounts() {
		if names[a.Name] = true; a.Channel != "meta_ads" || len(meta.Campaigns(a.ID)) == 0 {
			t.Errorf("%+v", a)
		}
		if _, ok := naver.Account(a.ID); ok {
			t.Errorf("naver knows %d", a.ID)
		}
	}
	if len(names) != 8 {
		t.Errorf("names %v", names)
	}
	days := tables.Days{From: tables.DayOf(noon).Add(-3), To: tables.DayOf(noon)}
	for _, a := range alone.Accounts() {
		if got, want := total(first, Query{Account: a.ID, Days: days}), total(alone, Query{Account: a.ID, Days: days}); got != want {
			t.Errorf("account %d: %+v, alone %+v", a.ID, got, want)
		}
	}
	installs := map[string]int64{}
	for _, c := range m.Tracker(CohortQuery{App: "com.example.branda", Days: days}) {
		if c.Origin == FromAds {
			installs[c.Channel] += c.Installs
		}
	}
	if installs[""] == 0 || installs["meta_ads"] == 0 || installs["naver"] == 0 {
		t.Errorf("installs by channel %v", installs)
	}
	file := filepath.Join(t.TempDir(), "world.jsonl")
	c := meta.Campaigns(meta.Accounts()[0].ID)[0]
	if _, err := meta.Apply("a", "b", Change{Op: Update, Kind: KindCampaign, Account: c.Account, ID: c.ID, Set: []Set{{Name: "status", Value: "paused"}}}); err != nil {
		t.Fatal(err)
	}
	if err := m.SaveActions(file); err != nil {
		t.Fatal(err)
	}
	again := New(Options{Clock: clock})
	if err := again.LoadActions(file); err != nil || again.On("meta_ads").Campaigns(c.Account)[0].Status != Paused {
		t.Errorf("loaded: %v", err)
	}
}
