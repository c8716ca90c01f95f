package main

import (
	"context"
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"argo/tables"

	"golang.org/x/sync/errgroup"
)

// cover asks overlapping questions while time stands still and counts the calls
// that reach the vendor against the fewest that could have answered them.
func cover(ctx context.Context, b *bench) error {
	v, err := newVendors(b, noon)
	if err != nil {
		return err
	}
	defer v.close()
	since := tables.DayOf(noon).Add(-120)
	c := &coverage{b: b, v: v, since: since, rand: rand.New(rand.NewPCG(b.seed, 2))}
	for i := range 6 {
		zone := []string{"Asia/Seoul", "America/New_York", "UTC"}[i%3]
		c.accounts = append(c.accounts, tables.Account{ID: fmt.Sprintf("a%d", i+1), Zone: zone, Currency: "USD"})
	}
	grains := apiGrains
	for _, g := range grains {
		for _, part := range []string{"", "_same", "_many", "_two", "_bucket"} { // a connection for each part, so that each begins cold
			if _, err := v.addAPI(g.name+part, g.grain, law{seed: b.seed, settled: 28, items: 3}, c.accounts, since); err != nil {
				return err
			}
		}
	}
	config, err := v.configure("argo", "data", "")
	if err != nil {
		return err
	}
	n, err := v.start(ctx, config)
	if err != nil {
		return err
	}
	apis := v.apis
	for i, g := range grains {
		b.section(g.title)
		b.say("cover: %s", g.title)
		if err := c.sequence(ctx, n, apis[5*i], g.name, g.grain); err != nil {
			return err
		}
		if err := c.atOnce(ctx, []*node{n}, apis[5*i+1], g.name+"_same", g.grain, true); err != nil {
			return err
		}
		if err := c.atOnce(ctx, []*node{n}, apis[5*i+2], g.name+"_many", g.grain, false); err != nil {
			return err
		}
	}
	n.stop()

	b.say("cover: two processes")
	if err := c.two(ctx, apis, "two processes on one data folder", "_two", "data", "data", ""); err != nil {
		return err
	}
	bucket, done, err := v.bucket()
	if err != nil {
		return err
	}
	defer done()
	return c.two(ctx, apis, "two machines on one bucket", "_bucket", "here", "there", bucket)
}

// two asks two gateways in processes of their own at the same time.
func (c *coverage) two(ctx context.Context, apis []*apiVendor, title, part, here, there, more string) error {
	c.b.section(title)
	var two []*node
	for _, data := range []string{here, there} {
		config, err := c.v.configure("argo-"+data, data, more)
		if err != nil {
			return err
		}
		n, err := c.v.spawn(ctx, config)
		if err != nil {
			return err
		}
		defer n.stop()
		two = append(two, n)
	}
	for _, g := range apiGrains {
		name := g.name + part
		api := apis[slices.IndexFunc(apis, func(a *apiVendor) bool { return a.name == name })]
		if err := c.atOnce(ctx, two, api, name, g.grain, true); err != nil {
			return err
		}
	}
	return nil
}

// coverage asks questions of one world.
type coverage struct {
	b        *bench
	v        *vendors
	accounts []tables.Account
	since    tables.Day
	rand     *rand.Rand
}

// question of a dashboard.
type question struct {
	table    string
	accounts []tables.Account // nil: all
	days     []tables.Days    // one range, or two to compare
	columns  []string
}

// numbers are the columns that a question sums.
var numbers = []string{"impressions", "clicks", "cost", "conversions", "conversions_value", "views", "reach", "engagements", "shares"}

// draw makes a question as dashboards have them: mostly the last days, often of
// all accounts, sometimes a period beside an earlier one.
func (c *coverage) draw(today tables.Day) question {
	q := question{table: benchTables[0], columns: c.columns()}
	if c.rand.IntN(3) > 0 {
		q.accounts = c.someAccounts()
	}
	length := []int{1, 7, 7, 14, 28, 30, 60, 90}[c.rand.IntN(8)]
	to := today
	if c.rand.IntN(3) == 0 {
		to = today.Add(-c.rand.IntN(90))
		length = 1 + c.rand.IntN(45)
	}
	q.days = []tables.Days{{From: max(to.Add(1-length), c.since), To: to}}
	if before := to.Add(-length - c.rand.IntN(40)); c.rand.IntN(8) == 0 && before > c.since {
		q.days = append(q.days, tables.Days{From: max(before.Add(1-length), c.since), To: before})
	}
	return q
}

func (c *coverage) columns() []string {
	order := c.rand.Perm(len(numbers))[:1+c.rand.IntN(5)]
	var out []string
	for _, i := range order {
		out = append(out, numbers[i])
	}
	return out
}

func (c *coverage) someAccounts() (out []tables.Account) {
	for _, i := range c.rand.Perm(len(c.accounts))[:1+c.rand.IntN(len(c.accounts))] {
		out = append(out, c.accounts[i])
	}
	return out
}

// sql is the question for a connection.
func (q question) sql(connection string) string {
	var sums, ranges, ids []string
	for _, name := range q.columns {
		sums = append(sums, "SUM("+name+")")
	}
	for _, d := range q.days {
		ranges = append(ranges, fmt.Sprintf("date BETWEEN '%s' AND '%s'", d.From, d.To))
	}
	where := "(" + strings.Join(ranges, " OR ") + ")"
	if q.accounts != nil {
		for _, a := range q.accounts {
			ids = append(ids, "'"+a.ID+"'")
		}
		where += " AND account_id IN (" + strings.Join(ids, ", ") + ")"
	}
	return fmt.Sprintf("SELECT account_id, COUNT(*), %s FROM %s.%s WHERE %s GROUP BY account_id ORDER BY account_id",
		strings.Join(sums, ", "), connection, q.table, where)
}

// of gives the accounts of the question.
func (q question) of(all []tables.Account) []tables.Account {
	if q.accounts == nil {
		return all
	}
	return q.accounts
}

// truth answers the question from the law.
func (q question) truth(l law, all []tables.Account, now time.Time) (rows [][]string) {
	accounts := slices.SortedFunc(slices.Values(q.of(all)), func(a, b tables.Account) int { return strings.Compare(a.ID, b.ID) })
	for _, a := range accounts {
		n, sums := 0, make([]*big.Rat, len(q.columns))
		for day := range q.cells(a, now) {
			for _, f := range l.facts(a, day, now) {
				n++
				for i, name := range q.columns {
					x, _ := new(big.Rat).SetString(lawText(f, name))
					if sums[i] == nil {
						sums[i] = new(big.Rat)
					}
					sums[i].Add(sums[i], x)
				}
			}
		}
		if n == 0 {
			continue
		}
		row := []string{a.ID, fmt.Sprint(n)}
		for i, name := range q.columns {
			_, decimals, _ := strings.Cut(lawText(fact{}, name), ".")
			row = append(row, sums[i].FloatString(len(decimals)))
		}
		rows = append(rows, row)
	}
	return rows
}

// cells are the days of the question in the account's calendar, each once.
func (q question) cells(a tables.Account, now time.Time) map[tables.Day]bool {
	today, out := tables.DayOf(now.In(a.Location())), map[tables.Day]bool{}
	for _, r := range q.days {
		for d := r.From; d <= min(r.To, today); d = d.Add(1) {
			out[d] = true
		}
	}
	return out
}

func lawText(f fact, name string) string {
	for _, c := range lawColumns() {
		if c.Name == name {
			return c.text(f)
		}
	}
	return ""
}

// fewest is how many calls of a grain hold all of the days: the first one that
// is not held yet is the first of a call.
func fewest(days map[tables.Day]bool, maxDays int) (calls int) {
	var held tables.Day
	for _, d := range slices.Sorted(func(yield func(tables.Day) bool) {
		for d := range days {
			if !yield(d) {
				return
			}
		}
	}) {
		if d <= held {
			continue
		}
		calls++
		if held = "9999-12-31"; maxDays > 0 {
			held = d.Add(maxDays - 1)
		}
	}
	return calls
}

// runs is like fewest for calls that hold nothing but the days.
func runs(days map[tables.Day]bool, maxDays int) (calls int) {
	for d := range days {
		if days[d.Add(-1)] {
			continue
		}
		n := 1
		for days[d.Add(n)] {
			n++
		}
		if calls++; maxDays > 0 {
			calls += (n - 1) / maxDays
		}
	}
	return calls
}

// plan is the fewest calls for questions in their order: of each the cells that
// no question before had, in as few calls as hold them. all takes them as one.
func (c *coverage) plan(questions []question, g grain) (online, strict, all int) {
	now, had := c.v.page.Now(), map[string]map[tables.Day]bool{}
	for _, a := range c.accounts {
		had[a.ID] = map[tables.Day]bool{}
	}
	for _, q := range questions {
		for _, a := range q.of(c.accounts) {
			missing := q.cells(a, now)
			for d := range missing {
				if had[a.ID][d] {
					delete(missing, d)
				}
			}
			online += fewest(missing, g.maxDays)
			strict += runs(missing, g.maxDays)
			for d := range missing {
				had[a.ID][d] = true
			}
		}
	}
	for _, days := range had {
		all += fewest(days, g.maxDays)
	}
	return online, strict, all
}

// pose asks one question and holds the answer against the truth.
func (c *coverage) pose(ctx context.Context, q querier, api *apiVendor, connection string, x question) error {
	text := x.sql(connection)
	rows, err := ask(ctx, q, text)
	if err != nil {
		return fmt.Errorf("%s: %w", text, err)
	}
	if truth := x.truth(api.lawOf(x.table), c.accounts, c.v.page.Now()); !equalRows(rows, truth) {
		return fmt.Errorf("%s: %v instead of %v", text, rows, truth)
	}
	return nil
}

func equalRows(a, b [][]string) bool {
	return slices.EqualFunc(a, b, func(x, y []string) bool { return slices.Equal(x, y) })
}

// reports counts the calls for reports and the cells that were read more than
// once.
func reports(calls []asked) (n, lists, twice int) {
	seen := map[cell]bool{}
	for _, c := range calls {
		if c.table == "" {
			lists++
			continue
		}
		n++
		for d := c.days.From; d <= c.days.To; d = d.Add(1) {
			if seen[cell{c.account, d}] {
				twice++
			}
			seen[cell{c.account, d}] = true
		}
	}
	return n, lists, twice
}

// sequence asks one question after another.
func (c *coverage) sequence(ctx context.Context, n *node, api *apiVendor, connection string, g grain) error {
	count := c.b.queries
	if count == 0 {
		count = pick(c.b, 1000, 25)
	}
	today := tables.DayOf(noon)
	var questions []question
	for range count {
		q := c.draw(today)
		questions = append(questions, q)
		err := n.v.page.while(n.v.door.busy, func() error { return c.pose(ctx, n.db, api, connection, q) })
		if err != nil {
			return err
		}
	}
	if err := c.v.settle(ctx, 20*time.Millisecond); err != nil {
		return err
	}
	online, strict, all := c.plan(questions, g)
	calls, lists, twice := reports(api.take())
	c.b.figure("questions one after another", "%d, all answers true", count)
	c.b.figure("minimal cover: each cell once, each question when it is asked", "%d calls (%d if cells between may be read again)", strict, online)
	c.b.figure("fewest calls had all questions been known before", "%d", all)
	c.b.figure("calls made", "%d, and %d for the list of accounts; %d cells read again", calls, lists, twice)
	c.b.atMost("calls, share of the minimal cover", float64(calls)/float64(strict), 1.1)
	return nil
}

// beside gives the cells of calls that no question is about.
func (c *coverage) beside(calls []asked, questions []question) (out []cell) {
	now, wanted := c.v.page.Now(), map[cell]bool{}
	for _, q := range questions {
		for _, a := range q.of(c.accounts) {
			for d := range q.cells(a, now) {
				wanted[cell{a.ID, d}] = true
			}
		}
	}
	for _, call := range calls {
		for d := call.days.From; call.table != "" && d <= call.days.To; d = d.Add(1) {
			if k := (cell{call.account, d}); !wanted[k] {
				out = append(out, k)
			}
		}
	}
	return out
}

// atOnce asks fifty questions at the same time, of the nodes in turn. With
// same they differ in accounts and columns only, so that the fewest calls do
// not depend on who comes first.
func (c *coverage) atOnce(ctx context.Context, nodes []*node, api *apiVendor, connection string, g grain, same bool) error {
	together := pick(c.b, 50, 16)
	today := tables.DayOf(noon)
	var questions []question
	for range together {
		q := c.draw(today)
		if same {
			q.days = []tables.Days{{From: today.Add(-29), To: today.Add(-1)}}
		}
		questions = append(questions, q)
	}
	api.delay = 20 * time.Millisecond // so that they meet
	err := c.v.page.while(c.v.door.busy, func() error {
		all, ctx := errgroup.WithContext(ctx)
		for i, q := range questions {
			all.Go(func() error { return c.pose(ctx, nodes[i%len(nodes)].db, api, connection, q) })
		}
		return all.Wait()
	})
	if err != nil {
		return err
	}
	if err := c.v.settle(ctx, 20*time.Millisecond); err != nil {
		return err
	}
	taken := api.take()
	calls, _, twice := reports(taken)
	if beside := c.beside(taken, questions); len(beside) > 0 && g.maxDays == 1 {
		c.b.demand(false, "%s: %d cells were read that nobody asked for, such as %v", connection, len(beside), beside[0])
	}
	_, _, best := c.plan(questions, g)
	worst := 0
	for range 200 {
		c.rand.Shuffle(len(questions), func(i, j int) { questions[i], questions[j] = questions[j], questions[i] })
		_, strict, _ := c.plan(questions, g)
		worst = max(worst, strict)
	}
	if same || g.maxDays == 1 {
		c.b.figure(fmt.Sprintf("%s: %d at once, %s", connection, together, map[bool]string{true: "of the same days", false: "of any days"}[same]), "%d calls, the cover is %d", calls, best)
		c.b.demand(calls == best, "%s: %d at once made %d calls, the cover is %d", connection, together, calls, best)
	} else {
		c.b.figure(fmt.Sprintf("%s: %d at once, of any days", connection, together), "%d calls; the cover is %d to %d by who comes first", calls, best, worst)
		c.b.demand(calls <= worst, "%s: %d at once made %d calls, the worst order has %d", connection, together, calls, worst)
	}
	c.b.demand(twice == 0, "%s: %d cells were read twice", connection, twice)
	return nil
}
