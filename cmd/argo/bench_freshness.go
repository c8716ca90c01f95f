package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"argo/tables"
)

// The dashboard of freshness: as many days back, asked every hour, over a law
// that restates as many days. A tool that pulls a fixed window pulls pullDays
// days of each account every hour.
const (
	dashboardDays = 90
	pullDays      = 28
)

// freshness asks an hourly dashboard over APIs of three grains, and holds every
// cell of every answer against the truth of the moment that it names.
func freshness(ctx context.Context, b *bench) error {
	v, err := newVendors(b, noon)
	if err != nil {
		return err
	}
	defer v.close()
	days := cmp.Or(b.days, pick(b, 60, 2))
	since := tables.DayOf(noon).Add(1 - dashboardDays)
	grains := apiGrains
	accounts := threeAccounts()
	judges := map[string]*judge{}
	for _, g := range grains {
		api, err := v.addAPI(g.name, g.grain, law{seed: b.seed, settled: pullDays, items: 6}, accounts, since)
		if err != nil {
			return err
		}
		judges[g.name] = &judge{b: b, door: v.door, name: g.name, law: api.lawOf("performance"), accounts: accounts, known: map[cell]knownCell{}, good: map[cell]time.Time{}}
	}
	config, err := v.configure("argo", "data", "")
	if err != nil {
		return err
	}
	n, err := v.start(ctx, config)
	if err != nil {
		return err
	}

	asks, rows := 0, 0
	var answer time.Duration
	for ; asks < days*24; asks++ {
		if asks == 1 { // the first one has loaded the history
			for i, g := range grains {
				judges[g.name].first, judges[g.name].firstCells = readings(v.apis[i].take())
			}
		}
		if asks > 0 { // what is done ahead of a regular question is done before it, and counts
			v.page.Set(noon.Add(time.Duration(asks)*time.Hour - 85*time.Second))
			if err := n.app.worker.Work(ctx); err != nil {
				return err
			}
			if err := v.settle(ctx, 3*time.Millisecond); err != nil {
				return err
			}
			v.page.Set(noon.Add(time.Duration(asks) * time.Hour))
		}
		if asks%240 == 239 {
			b.say("freshness: day %d of %d", asks/24+1, days)
		}
		now, began := v.page.Now(), time.Now()
		from := tables.DayOf(now).Add(1 - dashboardDays)
		var parts []string
		for _, g := range grains {
			parts = append(parts, fmt.Sprintf(dashboardQuery, g.name, from))
		}
		answered, err := n.ask(ctx, strings.Join(parts, " UNION ALL "))
		if err != nil {
			return fmt.Errorf("ask %d: %w", asks+1, err)
		}
		answer += time.Since(began)
		rows += len(answered)
		byTable := map[string][][]string{}
		for _, r := range answered {
			byTable[r[0]] = append(byTable[r[0]], r[1:])
		}
		for _, g := range grains {
			judges[g.name].hear(now, from, byTable[g.name])
		}
		if err := v.settle(ctx, 3*time.Millisecond); err != nil {
			return err
		}
	}

	b.section("the dashboard")
	b.figure("simulated", "%d days, %d asks over %d days of %d accounts", days, asks, dashboardDays, len(accounts))
	b.figure("rows compared with the truth", "%d", rows)
	b.figure("an answer took", "%.0f ms on average", answer.Seconds()*1000/float64(asks))
	for i, g := range grains {
		calls, cells := readings(v.apis[i].take())
		judges[g.name].verdict(v.page.Now(), g.title, g.grain, asks, calls, cells)
	}
	n.stop()
	return nil
}

// readings are calls and the cells that they read.
func readings(calls []asked) (n, cells int) {
	for _, c := range calls {
		cells += c.days.Len()
	}
	return len(calls), cells
}

// dashboardQuery gives each row with the moment its cell was read.
const dashboardQuery = `SELECT '%[1]s' AS api, account_id, date, item_id, item_name, impressions, clicks, cost, conversions, conversions_value, _fetched_at, _finality
	FROM %[1]s.performance WHERE date >= '%[2]s'`

// dashboardColumns are those of dashboardQuery between the keys and the cache's own.
var dashboardColumns = []string{"item_id", "item_name", "impressions", "clicks", "cost", "conversions", "conversions_value"}

type cell struct {
	account string
	day     tables.Day
}

// judge holds the answers about one table against its law.
type judge struct {
	b        *bench
	door     *vendorDoor
	name     string
	law      law
	accounts []tables.Account
	known    map[cell]knownCell // the truth that was computed last
	good     map[cell]time.Time // when the laziest schedule read each cell
	// first is what the first answer took: calls, and cells of firstCells.
	first, firstCells int
	cells             int               // answered
	least             int               // cells that the laziest schedule reads
	oldest            float64           // greatest share of a promised age
	last              map[cell]lastCell // of the last answer
}

type lastCell struct {
	finality string
	rows     []string
}

type knownCell struct {
	hour int64
	rows []string
}

// truth of a cell as of a moment, as sorted texts.
func (j *judge) truth(a tables.Account, d tables.Day, at time.Time) []string {
	k := cell{a.ID, d}
	hour := at.Unix() / 3600
	if have, ok := j.known[k]; ok && have.hour == hour {
		return have.rows
	}
	rows := lawTexts(j.law.facts(a, d, at), dashboardColumns)
	j.known[k] = knownCell{hour, rows}
	return rows
}

// later says that the rows are the truth of a moment, soon after the reading
// began, at which the vendor answered: they are newer than they say.
func (j *judge) later(a tables.Account, d tables.Day, read time.Time, rows []string) bool {
	for _, at := range j.door.served(j.name, a.ID, read, read.Add(time.Hour)) {
		if slices.Equal(rows, lawTexts(j.law.facts(a, d, at), dashboardColumns)) {
			return true
		}
	}
	return false
}

// lawTexts are sorted rows of columns.
func lawTexts(facts []fact, columns []string) []string {
	var rows []string
	for _, f := range facts {
		var texts []string
		for _, name := range columns {
			for _, c := range lawColumns() {
				if c.Name == name {
					texts = append(texts, c.text(f))
				}
			}
		}
		rows = append(rows, strings.Join(texts, "|"))
	}
	slices.Sort(rows)
	return rows
}

// keep is how long the vendor's connector promises a cell to be good that was
// read at the moment; settled says for ever.
func keep(settled int, loc *time.Location, d tables.Day, read time.Time) (keep time.Duration, forever bool) {
	switch age := tables.DayOf(read.In(loc)).Sub(d); {
	case age < 1:
		return 15 * time.Minute, false
	case age < 3:
		return time.Hour, false
	case age < 7:
		return 6 * time.Hour, false
	case age < settled:
		return 24 * time.Hour, false
	}
	return 0, true
}

// hear takes the rows of one answer: account, day, columns, fetched, finality.
func (j *judge) hear(now time.Time, from tables.Day, rows [][]string) {
	type got struct {
		fetched, finality string
		rows              []string
	}
	cells := map[cell]*got{}
	for _, r := range rows {
		k := cell{r[0], tables.Day(r[1])}
		c := cells[k]
		if c == nil {
			c = &got{fetched: r[len(r)-2], finality: r[len(r)-1]}
			cells[k] = c
		}
		if c.fetched != r[len(r)-2] || c.finality != r[len(r)-1] {
			j.b.demand(false, "%s %s %s: one cell has rows of two reads", j.name, k.account, k.day)
		}
		c.rows = append(c.rows, strings.Join(r[2:len(r)-2], "|"))
	}
	j.last = map[cell]lastCell{}
	for _, a := range j.accounts {
		loc := a.Location()
		for d := from; d <= tables.DayOf(now.In(loc)); d = d.Add(1) {
			k := cell{a.ID, d}
			c := cells[k]
			delete(cells, k)
			j.cells++
			// The laziest schedule reads a cell when it is asked for and not good.
			if read, ok := j.good[k]; !ok {
				j.good[k], j.least = now, j.least+1
			} else if age, forever := keep(j.law.settled, loc, d, read); !forever && now.Sub(read) >= age {
				j.good[k], j.least = now, j.least+1
			}
			if c == nil {
				// Without rows there is no moment; what was true for longer than the
				// longest promise must have been seen.
				age, forever := keep(j.law.settled, loc, d, now)
				if forever {
					age = 24 * time.Hour
				}
				if lost := j.law.facts(a, d, now.Add(-age)); len(lost) > 0 {
					j.b.demand(false, "%s %s %s at %s: %d rows are missing", j.name, a.ID, d, now.Format(time.DateTime), len(lost))
				}
				continue
			}
			read, err := time.Parse("2006-01-02 15:04:05.999999", c.fetched)
			if err != nil {
				j.b.demand(false, "%s: _fetched_at is %q", j.name, c.fetched)
				continue
			}
			age, forever := keep(j.law.settled, loc, d, read)
			want := "final"
			if !forever {
				j.oldest = max(j.oldest, now.Sub(read).Seconds()/age.Seconds())
				j.b.demand(now.Sub(read) < age, "%s %s %s at %s: read at %s, which is older than %s", j.name, a.ID, d, now.Format(time.DateTime), c.fetched, age)
				if want = "provisional"; tables.DayOf(read.In(loc)) <= d {
					want = "partial_day"
				}
			}
			j.b.demand(c.finality == want, "%s %s %s read at %s: _finality is %s and not %s", j.name, a.ID, d, c.fetched, c.finality, want)
			slices.Sort(c.rows)
			j.last[k] = lastCell{c.finality, c.rows}
			if truth := j.truth(a, d, read); !slices.Equal(c.rows, truth) && !j.later(a, d, read, c.rows) {
				j.b.demand(false, "%s %s %s read at %s: %v instead of %v", j.name, a.ID, d, c.fetched, c.rows, truth)
			}
		}
	}
	for k := range maps.Keys(cells) {
		j.b.demand(false, "%s: rows of %s %s, which was not asked for", j.name, k.account, k.day)
	}
}

// verdict is about the whole run: what is settled by the law is final and true
// now, and what it cost.
func (j *judge) verdict(now time.Time, title string, g grain, asks, calls, cells int) {
	settled := 0
	for k, c := range j.last {
		a := j.accounts[slices.IndexFunc(j.accounts, func(a tables.Account) bool { return a.ID == k.account })]
		// A day that was read on its last provisional day is good for a day more.
		if tables.DayOf(now.In(a.Location())).Sub(k.day) > j.law.settled+1 {
			settled++
			j.b.demand(c.finality == "final", "%s %s %s: settled for long and %s", j.name, k.account, k.day, c.finality)
			truth := j.truth(a, k.day, now)
			j.b.demand(slices.Equal(c.rows, truth), "%s %s %s: settled, and %v instead of %v", j.name, k.account, k.day, c.rows, truth)
		}
	}
	pull := 1
	if g.maxDays > 0 {
		pull = (pullDays + g.maxDays - 1) / g.maxDays
	}
	fixed := pull * len(j.accounts) * asks
	least := len(j.accounts) * asks // today's promise is shorter than the hour between two asks
	if g.maxDays > 0 {
		least = max(least, (j.least+g.maxDays-1)/g.maxDays)
	}
	cells += j.firstCells
	share := float64(calls+j.first) / float64(fixed)
	if j.b.short { // in a few days the history that is loaded once would weigh too much
		share = float64(calls) / float64(fixed)
	}
	floor := float64(least) / float64(fixed)
	b := j.b
	b.section(title)
	b.figure("cells answered", "%d, settled with rows in the last answer %d", j.cells, settled)
	b.figure("oldest provisional cell", "%.0f %% of its promised age", 100*j.oldest)
	b.figure("calls of a fixed window of 28 days", "%d", fixed)
	b.figure("calls made", "%d, and %d for the first answer, which loads %d days", calls, j.first, dashboardDays)
	b.figure("no schedule with these promises makes fewer than", "%d calls (%.3f), %d cells", least, floor, j.least)
	b.figure("cells read, of those of the fixed window", "%d of %d (%.3f)", cells, pullDays*len(j.accounts)*asks, float64(cells)/float64(pullDays*len(j.accounts)*asks))
	most := 0.35
	if b.short {
		most = 0.45 // two days bear the first reading of ninety
	}
	b.atMost("calls, share of the fixed window", share, max(most, 1.1*floor))
}
