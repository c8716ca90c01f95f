package main

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"time"

	"argo/tables"
)

// law is the world of the bench's vendor: what each item of each account
// delivered on each day, as it is known at a moment. Within the day figures
// grow by the hour; after its end cost is credited and conversions arrive, at
// moments of their own, until the day is so many days old as the law says; then
// nothing moves any more. Some days have no rows, and some items have their
// first row days late.
//
// All of it follows from the seed, so that the truth of any moment can be asked
// at any time, and it moves at full hours only.
type law struct {
	seed    uint64
	settled int // days
	items   int // of an account
}

// fact is a row of the world.
type fact struct {
	account     string
	day         tables.Day
	item        int64
	impressions int64
	clicks      int64
	cost        int64 // micros
	conversions int64 // hundredths
	value       int64 // micros
	extra       [4]int64
}

func (l law) noise(parts ...any) *rand.Rand {
	h := fnv.New64a()
	fmt.Fprint(h, parts...)
	return rand.New(rand.NewPCG(l.seed, h.Sum64()))
}

// facts gives the rows of one account and day as of a moment, by item.
func (l law) facts(account tables.Account, day tables.Day, at time.Time) (out []fact) {
	t, loc := day.Time(), account.Location()
	begin := time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, loc)
	end := time.Date(t.Year(), t.Month(), t.Day()+1, 0, 0, 0, 0, loc)
	hours := int64(at.Sub(begin) / time.Hour)
	whole := int64(end.Sub(begin) / time.Hour)
	if hours <= 0 {
		return nil
	}
	hours = min(hours, whole)
	n := l.noise(account.ID, day)
	if n.IntN(11) == 0 { // nothing was on air
		return nil
	}
	for item := range int64(l.items) {
		if n.IntN(5) == 0 {
			continue
		}
		n := l.noise(account.ID, day, "item", item)
		late := n.IntN(12) == 0
		f := fact{account: account.ID, day: day, item: 7000 + item}
		f.impressions = (1000 + n.Int64N(90000)) * hours / whole
		f.clicks = f.impressions / (20 + n.Int64N(60))
		f.cost = n.Int64N(9_000_000_000) * hours / whole
		for i := range f.extra {
			f.extra[i] = n.Int64N(100000) * hours / whole
		}
		steps := 0
		for range 6 {
			// The last moment is an hour before the day is old enough.
			moment := end.Add(time.Duration(n.Int64N(int64((l.settled-1)*24-1))) * time.Hour)
			credit, orders, worth := n.Int64N(40_000_000), 1+n.Int64N(300), n.Int64N(5_000_000_000)
			if at.Before(moment) {
				continue
			}
			steps++
			f.cost -= min(credit, f.cost/10)
			f.conversions += orders
			f.value += worth
		}
		if late && steps == 0 {
			continue
		}
		out = append(out, f)
	}
	return out
}

// column of the bench's tables: the text of its value, as SQL and the wire have it.
type lawColumn struct {
	tables.Column
	text func(f fact) string
}

func lawColumns() []lawColumn {
	whole := func(name string, get func(f fact) int64) lawColumn {
		return lawColumn{tables.Column{Name: name, Type: tables.BigInt, Unit: "count", Doc: "Count of " + name}, func(f fact) string { return fmt.Sprint(get(f)) }}
	}
	money := func(name string, get func(f fact) int64) lawColumn {
		return lawColumn{tables.Column{Name: name, Type: tables.Money, Unit: "account currency", Doc: "Amount of " + name}, func(f fact) string {
			return fmt.Sprintf("%d.%06d", get(f)/1e6, get(f)%1e6)
		}}
	}
	out := []lawColumn{
		{tables.Column{Name: "date", Type: tables.DateType, NotNull: true, Push: true, Doc: "Day in the account's time zone"}, func(f fact) string { return string(f.day) }},
		{tables.Column{Name: "account_id", Type: tables.Ident, NotNull: true, Push: true, Doc: "Account"}, func(f fact) string { return f.account }},
		{tables.Column{Name: "item_id", Type: tables.BigInt, NotNull: true, Doc: "Item"}, func(f fact) string { return fmt.Sprint(f.item) }},
		{tables.Column{Name: "item_name", Type: tables.Varchar, Doc: "Name of the item"}, func(f fact) string { return fmt.Sprintf("Item %d of %s", f.item, f.account) }},
		whole("impressions", func(f fact) int64 { return f.impressions }),
		whole("clicks", func(f fact) int64 { return f.clicks }),
		money("cost", func(f fact) int64 { return f.cost }),
		{tables.Column{Name: "conversions", Type: tables.Dec(20, 2), Unit: "count", Doc: "Conversions, fractions where credit is shared"}, func(f fact) string {
			return fmt.Sprintf("%d.%02d", f.conversions/100, f.conversions%100)
		}},
		money("conversions_value", func(f fact) int64 { return f.value }),
	}
	for i, name := range []string{"views", "reach", "engagements", "shares"} {
		out = append(out, whole(name, func(f fact) int64 { return f.extra[i] }))
	}
	return out
}
