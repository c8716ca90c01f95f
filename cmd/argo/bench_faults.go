package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"argo/tables"
	"argo/tables/market"

	"github.com/go-sql-driver/mysql"
)

// faultPlan is what goes wrong, armed anew every few questions.
type faultPlan struct{ name, script string }

// faultPlans are those of the market whose replies show that something is wrong,
// and some of its own. The others are for control totals to find.
func faultPlans() []faultPlan {
	out := []faultPlan{{"nothing", ""}}
	for _, p := range market.FaultPlans {
		if !p.Hidden {
			out = append(out, faultPlan{p.Name, p.Text})
		}
	}
	return append(out,
		faultPlan{"no permission for some", "googleads denied account=1000000102\nbench denied account=a2\nappsflyer denied account=id900000002"},
		faultPlan{"throttled for hours", "* 429 nth=%d times=3 retry=5h"},
		faultPlan{"internal errors after the effect", "* 500 nth=%d times=1 after"},
		faultPlan{"replies that never come", "bench hang nth=%d times=1"},
		faultPlan{"everything at once", "random"},
	)
}

// faults asks random questions of a gateway that is killed at random moments,
// while its vendors fail in every way they know, and time goes on.
func faults(ctx context.Context, b *bench) error {
	v, err := newVendors(b, noon)
	if err != nil {
		return err
	}
	defer v.close()
	since := tables.DayOf(noon).Add(-60)
	api, err := v.addAPI("weekly", grain{maxDays: 7, page: 40}, law{seed: b.seed, settled: 28, items: 4}, threeAccounts(), since)
	if err != nil {
		return err
	}
	v.door.step = time.Minute // the market moves by the minute: what a reply shows is known exactly
	google, tracker := noLimits()
	if err := v.addMarket(since, google, tracker); err != nil {
		return err
	}
	config, err := v.configure("argo", "data", "")
	if err != nil {
		return err
	}
	x := &ordeal{b: b, v: v, api: api, config: config, since: since, rand: rand.New(rand.NewPCG(b.seed, 6)), causes: map[string]int{}}
	if err := x.restart(ctx); err != nil {
		return err
	}
	api.delay = 10 * time.Millisecond // so that a kill can fall into a call
	stop := v.flow()
	defer stop()
	each := cmp.Or(b.queries, pick(b, 1000, 15))
	chosen := faultPlans()
	if b.short {
		chosen = nil
		for i, p := range faultPlans() {
			if i%4 == int(b.seed)%4 || p.name == "everything at once" {
				chosen = append(chosen, p)
			}
		}
	}
	for i, p := range chosen {
		b.say("faults: %s (%d of %d)", p.name, i+1, len(chosen))
		before := x.counts
		if err := x.plan(ctx, p.script, each); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		n := x.counts
		b.figure(p.name, "%d answers (%d refused), %d faults struck, %d kills, %d of AS OF again", n.answers-before.answers,
			n.refused-before.refused, n.struck-before.struck, n.kills-before.kills, n.again-before.again)
		if err := x.inspect(ctx); err != nil {
			return fmt.Errorf("after %s: %w", p.name, err)
		}
	}
	b.section("what came of it")
	n := x.counts
	b.figure("answers compared with the truth", "%d, of %d cells", n.answers, n.cells)
	b.figure("kill -9", "%d, %d of them with a call open", n.kills, n.inFlight)
	b.figure("extracts asked for again AS OF their moment", "%d of %d extracts, all equal byte for byte", n.again, len(x.extracts))
	b.figure("simulated", "%s", v.page.Now().Sub(noon).Round(time.Hour))
	for _, cause := range slices.Sorted(func(yield func(string) bool) {
		for c := range x.causes {
			if !yield(c) {
				return
			}
		}
	}) {
		b.figure("refused: "+cause, "%d", x.causes[cause])
	}
	b.demand(n.answers*3 > each*len(chosen), "only %d of %d questions were answered", n.answers, each*len(chosen))
	b.demand(n.again > 0, "no extract was asked for again")
	x.node.kill()
	return nil
}

type tally struct{ answers, refused, struck, kills, inFlight, again, cells int }

// ordeal is a gateway that is killed and questioned.
type ordeal struct {
	b      *bench
	v      *vendors
	api    *apiVendor
	config string
	since  tables.Day
	rand   *rand.Rand
	node   *node

	mu       sync.Mutex
	counts   tally
	extracts []extract
	causes   map[string]int
}

// extract is an answer that must come again.
type extract struct {
	text string // with a place for AS OF
	asOf string
	hash [32]byte
	rows int
}

// restart starts the gateway where it is not running.
func (x *ordeal) restart(ctx context.Context) (err error) {
	x.node, err = x.v.spawn(ctx, x.config)
	return err
}

// plan asks so many questions, a few at the same time, and kills the gateway
// now and then in the middle of them.
func (x *ordeal) plan(ctx context.Context, script string, questions int) error {
	const lanes = 3
	for asked := 0; asked < questions; {
		x.arm(script)
		batch := min(questions-asked, 4+x.rand.IntN(20))
		var todo []probe
		for range batch {
			todo = append(todo, x.draw())
		}
		var answered atomic.Int64
		// Of the kills half fall anywhere and half while a call is open.
		kill, inCall, killed := x.rand.IntN(3) == 0, x.rand.IntN(2) == 0, make(chan struct{})
		delay := time.Duration(x.rand.IntN(25*batch)) * time.Millisecond
		var wg sync.WaitGroup
		next := make(chan probe)
		for range lanes {
			wg.Go(func() {
				for p := range next {
					if x.pose(ctx, p) {
						answered.Add(1)
					}
				}
			})
		}
		_ = x.v.page.while(x.v.door.busy, func() error {
			if kill {
				go func() {
					defer close(killed)
					<-time.After(delay)
					for began := time.Now(); inCall && x.v.door.busy.open.Load() == 0 && time.Since(began) < time.Second; {
						<-time.After(time.Millisecond)
					}
					x.mu.Lock()
					x.counts.kills++
					if x.v.door.busy.open.Load() > 0 {
						x.counts.inFlight++
					}
					x.mu.Unlock()
					_ = x.node.cmd.Process.Kill()
				}()
			}
			for _, p := range todo {
				next <- p
			}
			close(next)
			wg.Wait()
			return nil
		})
		asked += int(answered.Load()) // what the kill cut off is asked again
		if kill {
			<-killed
			x.node.kill()
			if err := x.restart(ctx); err != nil {
				return err
			}
		}
		x.disarm()
		x.v.page.Advance([]time.Duration{0, time.Second, time.Minute, 20 * time.Minute, 2 * time.Hour, 7 * time.Hour, 25 * time.Hour}[x.rand.IntN(7)])
	}
	return nil
}

// arm sets the vendors' faults, with random places in the order of calls.
func (x *ordeal) arm(script string) {
	for _, f := range []*market.Faults{&x.api.faults, x.v.google.Faults, x.v.tracker.Faults} {
		f.Clear()
		if script == "random" {
			f.Random(x.rand.Uint64(), 2.5)
			continue
		}
		for _, line := range strings.Split(script, "\n") {
			if strings.Contains(line, "%d") {
				line = fmt.Sprintf(line, 1+x.rand.IntN(4))
			}
			if err := f.Script(line); err != nil {
				panic(err) // the plans are constants
			}
		}
	}
}

func (x *ordeal) disarm() {
	for _, f := range []*market.Faults{&x.api.faults, x.v.google.Faults, x.v.tracker.Faults} {
		x.counts.struck += len(f.Hits())
		f.Clear()
	}
}

// probe is one question: days of a table, each cell with the moment of its
// reading.
type probe struct {
	table    string
	accounts []string // all of the table
	days     tables.Days
	set      []string // of the session, before it
	keep     bool     // as an extract
	again    int      // an extract to ask for again; -1: none
	compact  bool
}

var (
	googleAccounts = []string{"1000000101", "1000000102", "1000000201", "1000000202", "1000000301", "1000000302"}
	apps           = []string{"com.example.branda", "com.example.brandc", "id900000002"}
)

func (x *ordeal) draw() probe {
	today := tables.DayOf(x.v.page.Now())
	p := probe{again: -1, keep: x.rand.IntN(4) == 0, compact: x.rand.IntN(60) == 0}
	if n := len(x.extracts); n > 0 && x.rand.IntN(4) == 0 {
		p.again = x.rand.IntN(n)
	}
	if x.rand.IntN(2) == 0 {
		p.set = append(p.set, "SET argo_strict = 1")
	}
	if x.rand.IntN(3) == 0 {
		p.set = append(p.set, "SET argo_max_age = '1s'") // what may change is read anew
	}
	switch x.rand.IntN(5) {
	case 0, 1:
		p.table, p.accounts = "google_ads.campaign_performance", googleAccounts
	case 2:
		p.table, p.accounts = "appsflyer.partners_by_date", apps
	default:
		p.table, p.accounts = "weekly."+benchTables[x.rand.IntN(2)], []string{"a1", "a2", "a3"}
	}
	to := today.Add(-x.rand.IntN(40))
	if x.rand.IntN(3) == 0 {
		to = today
	}
	p.days = tables.Days{From: max(to.Add(-x.rand.IntN(14)), x.since), To: max(to, x.since)}
	return p
}

// sql is the question; %s stands where AS OF goes.
func (p probe) sql() string {
	account, sums := "account_id", "COUNT(*), SUM(impressions), SUM(clicks), SUM(cost), SUM(conversions)"
	switch {
	case strings.HasPrefix(p.table, "google_ads."):
		account, sums = "customer_id", "COUNT(DISTINCT campaign_id), SUM(impressions), SUM(clicks), SUM(cost), ROUND(SUM(conversions), 2)"
	case strings.HasPrefix(p.table, "appsflyer."):
		account, sums = "app_id", "COUNT(*), SUM(impressions), SUM(clicks), SUM(installs), SUM(sessions)"
	}
	return fmt.Sprintf("SELECT %s, date, %s, MIN(_fetched_at), MAX(_fetched_at) FROM %s%%s WHERE date BETWEEN '%s' AND '%s' GROUP BY 1, 2 ORDER BY 1, 2",
		account, sums, p.table, p.days.From, p.days.To)
}

// died says that the gateway was killed, and did not answer with an error.
func died(err error) bool {
	var answered *mysql.MySQLError
	return err != nil && !errors.As(err, &answered)
}

// pose asks one question in a session of its own and says whether the gateway
// lived to answer it, with rows or with an error.
func (x *ordeal) pose(ctx context.Context, p probe) bool {
	c, err := x.node.db.Conn(ctx)
	if err != nil {
		return false // killed
	}
	defer c.Close()
	count := func(f func(t *tally)) {
		x.mu.Lock()
		defer x.mu.Unlock()
		f(&x.counts)
	}
	refused := func(err error) bool {
		if died(err) {
			return false
		}
		count(func(t *tally) { t.refused++; x.causes[cause(err)]++ })
		return true
	}
	if p.compact {
		table := strings.SplitN(p.table, ".", 2)
		if _, err := c.ExecContext(ctx, fmt.Sprintf("CALL argo.compact('%s.%s')", table[0], table[1])); err != nil && !died(err) {
			x.fail("CALL argo.compact: %v", err)
		}
	}
	if p.again >= 0 {
		x.mu.Lock()
		e := x.extracts[p.again]
		x.mu.Unlock()
		text := fmt.Sprintf(e.text, " AS OF '"+e.asOf+"'")
		rows, err := ask(ctx, c, text)
		switch {
		case died(err):
			return false
		case err != nil:
			x.fail("%s: %v", text, err)
		case digest(rows) != e.hash:
			x.fail("%s: %d rows differ from the %d that were given then", text, len(rows), e.rows)
		default:
			count(func(t *tally) { t.again++ })
		}
		return true
	}
	for _, set := range p.set {
		if _, err := c.ExecContext(ctx, set); err != nil {
			return refused(err)
		}
	}
	text := p.sql()
	rows, err := ask(ctx, c, fmt.Sprintf(text, ""))
	if err != nil {
		return refused(err)
	}
	said, err := ask(ctx, c, "SELECT @@argo_last_as_of")
	if err != nil {
		return refused(err)
	}
	// Of which accounts nothing, or not everything, was said to be given.
	states, err := ask(ctx, c, "SELECT account_id, state FROM argo.last_sources")
	if err != nil {
		return refused(err)
	}
	without := map[string]bool{}
	for _, s := range states {
		if s[1] != "ok" && s[1] != "stale" {
			without[s[0]] = true
		}
	}
	x.compare(p, rows, without)
	count(func(t *tally) { t.answers++ })
	if len(without) == 0 && p.keep && said[0][0] != "" {
		x.mu.Lock()
		x.extracts = append(x.extracts, extract{text: text, asOf: said[0][0], hash: digest(rows), rows: len(rows)})
		x.mu.Unlock()
	}
	return true
}

func (x *ordeal) fail(format string, args ...any) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.b.demand(false, format, args...)
}

// cause is an error without what is its own.
func cause(err error) string {
	text := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return -1
		}
		return r
	}, err.Error())
	if len(text) > 70 {
		text = strings.ToValidUTF8(text[:70], "") + "…"
	}
	return text
}

func digest(rows [][]string) [32]byte {
	h := sha256.New()
	for _, r := range rows {
		for _, c := range r {
			fmt.Fprintf(h, "%d:%s", len(c), c)
		}
		fmt.Fprintln(h)
	}
	return [32]byte(h.Sum(nil))
}

// compare holds each cell of an answer against the truth of the moment at which
// it was read.
func (x *ordeal) compare(p probe, rows [][]string, without map[string]bool) {
	got := map[cell][]string{}
	for _, r := range rows {
		got[cell{r[0], tables.Day(r[1])}] = r[2:]
	}
	now := x.v.page.Now()
	for _, account := range p.accounts {
		if without[account] {
			continue
		}
		today := tables.DayOf(now.In(x.zone(p.table, account)))
		for d := p.days.From; d <= min(p.days.To, today); d = d.Add(1) {
			k := cell{account, d}
			r, ok := got[k]
			delete(got, k)
			if ok {
				x.cell(p.table, k, r)
			} else {
				x.absent(p.table, k, now)
			}
		}
	}
	for k := range got {
		if !without[k.account] {
			x.fail("%s %s %s: rows that were not asked for", p.table, k.account, k.day)
		}
	}
}

// cell compares the figures of a cell with the truth of the moments at which a
// vendor can have served them.
func (x *ordeal) cell(table string, k cell, r []string) {
	x.mu.Lock()
	x.counts.cells++
	x.mu.Unlock()
	n := len(r)
	if r[n-2] != r[n-1] {
		x.fail("%s %s %s: one cell of two readings, %s and %s", table, k.account, k.day, r[n-2], r[n-1])
		return
	}
	read, err := time.Parse("2006-01-02 15:04:05.999999", r[n-1])
	if err != nil {
		x.fail("%s: _fetched_at is %q", table, r[n-1])
		return
	}
	var truths []string
	for _, at := range x.moments(table, k.account, read) {
		truth := x.truth(table, k, at)
		if slices.Equal(truth, r[:n-2]) {
			return
		}
		truths = append(truths, fmt.Sprintf("%s: %v", at.Format(time.DateTime), truth))
	}
	x.fail("%s %s %s read at %s: %v, and the truth was %s", table, k.account, k.day, r[n-1], r[:n-2], strings.Join(truths, " or "))
}

// absent looks whether a cell without rows can have had none: not where there
// were some for longer than any promise.
func (x *ordeal) absent(table string, k cell, now time.Time) {
	const longest = 8 * 24 * time.Hour // and a day for what is served stale
	if truth := x.truth(table, k, now.Add(-longest)); truth != nil {
		x.fail("%s %s %s: no rows, and there have been some for days: %v", table, k.account, k.day, truth)
	}
}

// moments are those at which a vendor can have served a reading that began at
// read: the first answers for the account from a minute before it.
func (x *ordeal) moments(table, account string, read time.Time) []time.Time {
	out := []time.Time{read}
	for _, at := range x.v.door.served(vendorOf(table), account, read.Add(-61*time.Second), read.Add(3*time.Hour)) {
		at = at.Truncate(time.Minute)
		if !slices.Contains(out, at) && len(out) < 12 {
			out = append(out, at)
		}
	}
	return out
}

func vendorOf(table string) string {
	name, _, _ := strings.Cut(table, ".")
	return name
}

func (x *ordeal) zone(table, account string) *time.Location {
	switch vendorOf(table) {
	case "google_ads":
		for _, a := range x.v.market.Accounts() {
			if strconv.FormatInt(a.ID, 10) == account {
				return a.Location()
			}
		}
	case "appsflyer":
		for _, a := range x.v.market.Apps() {
			if a.ID == account {
				return a.Location()
			}
		}
	default:
		for _, a := range x.api.accounts {
			if a.ID == account {
				return a.Location()
			}
		}
	}
	return time.UTC
}

// truth of a cell as of a moment, as probe.sql gives it; nil: no rows.
func (x *ordeal) truth(table string, k cell, at time.Time) []string {
	vendor, name, _ := strings.Cut(table, ".")
	days := tables.Days{From: k.day, To: k.day}
	switch vendor {
	case "google_ads":
		id, _ := strconv.ParseInt(k.account, 10, 64)
		var sum market.Figures
		campaigns := map[int64]bool{}
		for f := range x.v.market.Facts(market.Query{Account: id, Days: days, AsOf: at.Truncate(time.Minute)}) {
			sum.Add(f.Figures)
			campaigns[f.Campaign] = true
		}
		if len(campaigns) == 0 {
			return nil
		}
		return []string{fmt.Sprint(len(campaigns)), fmt.Sprint(sum.Impressions), fmt.Sprint(sum.Clicks), micros(sum.Cost), hundredths(sum.Conversions)}
	case "appsflyer":
		var impressions, clicks, installs, sessions int64
		lines := map[string]bool{} // of the report: whence, and which campaign
		for _, c := range x.v.market.Tracker(market.CohortQuery{App: k.account, Days: days, AsOf: at.Truncate(time.Minute)}) {
			if c.Retargeting {
				continue // another report
			}
			lines[string(c.Origin)+"|"+c.Name] = true
			impressions, clicks, installs, sessions = impressions+c.Impressions, clicks+c.Clicks, installs+c.Installs, sessions+c.Sessions
		}
		if len(lines) == 0 {
			return nil
		}
		return []string{fmt.Sprint(len(lines)), fmt.Sprint(impressions), fmt.Sprint(clicks), fmt.Sprint(installs), fmt.Sprint(sessions)}
	}
	i := slices.IndexFunc(x.api.accounts, func(a tables.Account) bool { return a.ID == k.account })
	facts := x.api.lawOf(name).facts(x.api.accounts[i], k.day, at)
	if len(facts) == 0 {
		return nil
	}
	var s fact
	for _, f := range facts {
		s.impressions, s.clicks, s.cost, s.conversions = s.impressions+f.impressions, s.clicks+f.clicks, s.cost+f.cost, s.conversions+f.conversions
	}
	return []string{fmt.Sprint(len(facts)), fmt.Sprint(s.impressions), fmt.Sprint(s.clicks), micros(s.cost), hundredths(s.conversions)}
}

func micros(n int64) string     { return fmt.Sprintf("%d.%06d", n/1e6, n%1e6) }
func hundredths(n int64) string { return fmt.Sprintf("%d.%02d", n/100, n%100) }

// inspect holds everything that is covered against the truth, without faults:
// every day of every table, in strict mode, then what argo.coverage says of
// days without rows.
func (x *ordeal) inspect(ctx context.Context) error {
	x.v.page.Advance(21 * time.Hour) // whoever is parked comes back
	today := tables.DayOf(x.v.page.Now())
	for table, accounts := range map[string][]string{
		"google_ads.campaign_performance": googleAccounts, "appsflyer.partners_by_date": apps,
		"weekly." + benchTables[0]: {"a1", "a2", "a3"}, "weekly." + benchTables[1]: {"a1", "a2", "a3"},
	} {
		p := probe{table: table, accounts: accounts, days: tables.Days{From: max(x.since, today.Add(-100)), To: today.Add(1)}}
		var rows [][]string
		err := x.node.session(ctx, func(c *sql.Conn) (err error) {
			if _, err = c.ExecContext(ctx, "SET argo_strict = 1"); err == nil {
				rows, err = ask(ctx, c, fmt.Sprintf(p.sql(), ""))
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("%s: %w", table, err)
		}
		x.compare(p, rows, nil)
		if err := x.covered(ctx, p, rows); err != nil {
			return err
		}
	}
	return nil
}

// covered looks at cells that are said to be read and have no rows: there must
// have been none when they were.
func (x *ordeal) covered(ctx context.Context, p probe, rows [][]string) error {
	vendor, name, _ := strings.Cut(p.table, ".")
	said, err := x.node.ask(ctx, fmt.Sprintf("SELECT account_id, day, fetched_at, state FROM argo.coverage WHERE database_name = '%s' AND table_name = '%s'", vendor, name))
	if err != nil {
		return err
	}
	with := map[cell]bool{}
	for _, r := range rows {
		with[cell{r[0], tables.Day(r[1])}] = true
	}
	for _, s := range said {
		k := cell{s[0], tables.Day(s[1])}
		if with[k] || s[2] == null || !p.days.Contains(k.day) { // the rows of older days were not asked for
			continue
		}
		read, err := time.Parse("2006-01-02 15:04:05.999999", s[2])
		if err != nil {
			return err
		}
		empty := false
		for _, at := range x.moments(p.table, k.account, read) {
			empty = empty || x.truth(p.table, k, at) == nil
		}
		if !empty {
			x.fail("%s %s %s: covered (%s) since %s without its rows %v", p.table, k.account, k.day, s[3], s[2], x.truth(p.table, k, read))
		}
	}
	return nil
}
