package ads

import (
	"context"
	"slices"
	"strings"

	"argo/tables"
	"argo/tables/fault"

	"github.com/cockroachdb/apd/v3"
)

// reach is how many days a rate of exchange is good where no later one is there.
const reach = 31

// dailyRates is the table of the rate of every day, by the policy of ads.rates.
func (m *model) dailyRates() tables.Table {
	t := tables.Table{
		Name: "daily_rates", Doc: "The rate of exchange of every day, made of ads.rates: a day's own rate, else that of the last day before it, up to 31 days back; the opposite direction where only that is there; 1 for a currency to itself. Rates are not chained over a third currency",
		Key: []string{"date", "from_currency", "to_currency"},
		Columns: []tables.Column{
			{Name: "date", Type: tables.DateType, NotNull: true, Push: true, Doc: "Day"},
			{Name: "from_currency", Type: tables.Ident, NotNull: true, Push: true, Doc: "ISO 4217"},
			{Name: "to_currency", Type: tables.Ident, NotNull: true, Push: true, Doc: "ISO 4217"},
			{Name: "rate", Type: tables.Dec(24, 12), NotNull: true, NonAdditive: true, Doc: "Units of to_currency for one of from_currency"},
			{Name: "rate_date", Type: tables.DateType, NotNull: true, Doc: "Day in ads.rates that the rate is from"},
		},
	}
	t.Scan = scan(t.Columns, func(ctx context.Context, s tables.Scan) ([]tables.Row, error) {
		kept, err := m.kept[rates].rows(ctx)
		if err != nil {
			return nil, err
		}
		to, some := texts(s.Where, "to_currency")
		if some && (len(to) == 0 || len(to) == 1 && to[0] == "") {
			return nil, nil
		}
		from, err := m.currencies(ctx)
		if err != nil {
			return nil, err
		}
		known := slices.Clone(from)
		for _, r := range kept {
			known = append(known, textOf(r[1]), textOf(r[2]))
		}
		if !some {
			to = distinct(known)
		}
		days := m.days(s.Where, "date")
		out, missing := daily(kept, days, distinct(append(known, to...)), to, from)
		if len(missing) > 0 && some {
			f := fault.New(fault.Gap, "no rate of exchange is known from %s to %s for days from %s to %s: amounts in %s are missing there",
				strings.Join(missing, ", "), strings.Join(to, ", "), days.From, days.To, strings.Join(to, ", ")).
				WithHint("INSERT INTO ads.rates (date, from_currency, to_currency, rate) VALUES ('%s', '%s', '%s', …)", days.From, missing[0], to[0])
			if s.Strict {
				return nil, f
			}
			tables.TraceOf(ctx).Warn(f)
		}
		return out, nil
	})
	return t
}

// daily gives the rates of days; missing are those of needed that have none to
// some currency on some day.
func daily(kept []tables.Row, days tables.Days, from, to, needed []string) (out []tables.Row, missing []string) {
	type pair struct{ from, to string }
	type dated struct {
		day  tables.Day
		rate *apd.Decimal
	}
	known := map[pair][]dated{} // in the order of days
	for _, r := range kept {
		day, _ := r[0].(tables.Day)
		rate, _ := r[3].(*apd.Decimal)
		if rate != nil {
			p := pair{textOf(r[1]), textOf(r[2])}
			known[p] = append(known[p], dated{day, rate})
		}
	}
	for _, list := range known {
		slices.SortFunc(list, func(a, b dated) int { return strings.Compare(string(a.day), string(b.day)) })
	}
	last := func(p pair, day tables.Day) (dated, bool) {
		list := known[p]
		i, ok := slices.BinarySearchFunc(list, day, func(d dated, day tables.Day) int { return strings.Compare(string(d.day), string(day)) })
		if !ok {
			i--
		}
		if i < 0 || day.Sub(list[i].day) > reach {
			return dated{}, false
		}
		return list[i], true
	}
	lacks := map[string]bool{}
	context := apd.BaseContext.WithPrecision(38)
	for day := days.From; day <= days.To; day = day.Add(1) {
		for _, t := range to {
			for _, f := range from {
				if f == t {
					out = append(out, tables.Row{day, f, t, apd.New(1_000_000_000_000, -12), day})
					continue
				}
				if r, ok := last(pair{f, t}, day); ok {
					out = append(out, tables.Row{day, f, t, r.rate, r.day})
				} else if r, ok := last(pair{t, f}, day); ok {
					inverse := new(apd.Decimal)
					if _, err := context.Quo(inverse, apd.New(1, 0), r.rate); err == nil {
						if _, err = context.Quantize(inverse, inverse, -12); err == nil {
							out = append(out, tables.Row{day, f, t, inverse, r.day})
						}
					}
				} else if slices.Contains(needed, f) {
					lacks[f] = true
				}
			}
		}
	}
	for _, f := range needed {
		if lacks[f] {
			missing = append(missing, f)
		}
	}
	return out, missing
}

// currencies of the accounts that the user behind ctx may read, as they are
// remembered.
func (m *model) currencies(ctx context.Context) (out []string, err error) {
	for _, d := range m.visible(ctx) {
		list, err := remembered(ctx, d)
		if err != nil {
			return nil, err
		}
		for _, a := range list {
			if a.Currency != "" {
				out = append(out, strings.ToUpper(a.Currency))
			}
		}
	}
	return distinct(out), nil
}

func distinct(list []string) []string {
	out := slices.Sorted(slices.Values(list))
	return slices.Compact(out)
}

// dailyVAT is the table of what ads.vat says of each connection and day.
func (m *model) dailyVAT() tables.Table {
	t := tables.Table{
		Name: "daily_vat", Doc: "What ads.vat says of every connection and day; no row where it says nothing",
		Key: []string{"connection", "date"},
		Columns: []tables.Column{
			{Name: "connection", Type: tables.Ident, NotNull: true, Push: true, Doc: "Connection"},
			{Name: "date", Type: tables.DateType, NotNull: true, Push: true, Doc: "Day"},
			{Name: "vat_rate", Type: tables.Dec(9, 6), NotNull: true, NonAdditive: true, Doc: "Rate", Unit: "ratio 0..1"},
			{Name: "included", Type: tables.Boolean, NotNull: true, Doc: "Whether the channel's spend has the tax in it"},
		},
	}
	t.Scan = scan(t.Columns, func(ctx context.Context, s tables.Scan) (out []tables.Row, err error) {
		lines, err := m.kept[vat].rows(ctx)
		if err != nil || len(lines) == 0 {
			return nil, err
		}
		days := m.days(s.Where, "date")
		for _, d := range m.visible(ctx) {
			for day := days.From; day <= days.To; day = day.Add(1) {
				var best tables.Row
				for _, r := range lines {
					scope, from := textOf(r[0]), r[1].(tables.Day)
					if scope != d.Name && scope != d.Source || from > day {
						continue
					}
					own := scope == d.Name
					if best == nil || own && textOf(best[0]) != d.Name || own == (textOf(best[0]) == d.Name) && from > best[1].(tables.Day) {
						best = r
					}
				}
				if best != nil {
					out = append(out, tables.Row{d.Name, day, best[2], best[3]})
				}
			}
		}
		return out, nil
	})
	return t
}
