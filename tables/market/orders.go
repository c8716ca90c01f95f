package market

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"argo/tables"
)

// Order is a row of the shops' own books: what was really sold.
type Order struct {
	ID         string
	At         time.Time  // UTC
	Day        tables.Day // of At in the shop's calendar, that of the account or of the app
	Advertiser string
	Origin     Origin
	// Account, Campaign and Name are what the shop read from the link; 0 and ""
	// where it was organic or the link had lost its parameters.
	Account, Campaign int64
	Name              string
	Country           string
	Amount            int64 // micros, whole units of the currency
	Currency          string
}

// Orders lists what was ordered on the days given and until now, by time.
func (m *Market) Orders(days tables.Days) []Order {
	v := m.view(time.Time{})
	var out []Order
	late := tables.Days{From: days.From.Add(-v.s.law().Late - 2), To: days.To.Add(1)}
	for i, a := range appList {
		add := func(u user) {
			loc := a.Location()
			if account, ok := v.s.account(u.account); ok {
				loc = account.Location()
			}
			for j, o := range u.orders {
				at := time.UnixMicro(o.at)
				if day := tables.DayOf(at.In(loc)); o.at <= v.now && days.Contains(day) {
					row := Order{
						ID: fmt.Sprintf("%d%016x%d", i, uint64(u.luck*(1<<53))<<8|uint64(u.campaign&255), j), At: at.UTC(), Day: day,
						Advertiser: a.Advertiser, Origin: u.origin, Account: u.account, Campaign: u.campaign, Name: u.name,
						Country: u.country, Amount: o.value, Currency: u.currency,
					}
					if u.origin == FromAds && frac(u.luck*271) < 0.08 {
						row.Origin, row.Account, row.Campaign, row.Name = FromNowhere, 0, 0, ""
					}
					out = append(out, row)
				}
			}
		}
		v.clickers(a, late, add)
		if d, ok := late.Intersect(tables.Days{From: v.s.Start, To: days.To.Add(1)}); ok {
			v.others(i, d, add)
		}
	}
	slices.SortFunc(out, func(x, y Order) int { return cmp.Or(x.At.Compare(y.At), cmp.Compare(x.ID, y.ID)) })
	return out
}

// Plan is a row of the media plan: what the agency means to spend in a month.
type Plan struct {
	Month             string // "2026-11"
	Account, Campaign int64
	Name              string
	Advertiser        string
	Currency          string
	Budget            int64 // micros
	TargetCPA         int64 // micros
}

// MediaPlan lists the months from the first day with data to the month after
// now, by month, account and campaign. It is what was planned at the origin:
// later budget changes do not change it.
func (m *Market) MediaPlan() []Plan {
	v := m.view(time.Time{})
	var out []Plan
	first := v.s.Start.Time()
	for t := time.Date(first.Year(), first.Month(), 1, 0, 0, 0, 0, time.UTC); !t.After(v.at.AddDate(0, 1, 0)); t = t.AddDate(0, 1, 0) {
		length := int64(t.AddDate(0, 1, -1).Day())
		for _, account := range v.s.accounts {
			if account.Status != Enabled {
				continue
			}
			for i, id := range v.s.campaigns.accounts[account.ID] {
				if i >= len(templates) || templates[i].status == Deleted {
					continue
				}
				c := v.s.campaigns.byID[id].versions[0].val
				b := v.s.budgets.byID[c.Budget].versions[0].val
				day := b.Amount
				if b.Shared {
					day /= 2
				}
				target := c.TargetCPA
				if target == 0 {
					target = nice(25, account.Currency)
				}
				out = append(out, Plan{t.Format("2006-01"), account.ID, id, c.Name, account.Advertiser, account.Currency, day * length, target})
			}
		}
	}
	return out
}
