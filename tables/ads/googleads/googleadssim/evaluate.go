package googleadssim

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"argo/tables"
	"argo/tables/market"
)

// customer is an account or a manager as the API shows it.
type customer struct {
	id, parent           int64
	name, currency, zone string
	manager              bool
	status               market.Status
	level                int64 // below the customer that was asked
}

// customers gives all customers by id.
func customers(m *market.Market) map[int64]*customer {
	out := map[int64]*customer{}
	for _, x := range m.Managers() {
		out[x.ID] = &customer{x.ID, x.Parent, x.Name, x.Currency, x.Zone, true, market.Enabled, 0}
	}
	for _, a := range m.Accounts() {
		out[a.ID] = &customer{a.ID, a.Manager, a.Name, a.Currency, a.Zone, false, a.Status, 0}
	}
	return out
}

// under says whether the customer is the manager or anywhere below it.
func under(all map[int64]*customer, id, manager int64) bool {
	for ; id != 0; id = all[id].parent {
		if id == manager {
			return true
		}
		if all[id] == nil {
			return false
		}
	}
	return false
}

// evaluate answers a plan, with the figures as of a moment. Rows without an
// order come by id and then by segment; the API promises none.
func evaluate(m *market.Market, p *plan, c *customer, all map[int64]*customer, lag time.Duration, asOf time.Time) []*row {
	rows := entities(m, p, c, all, lag)
	kept := rows[:0]
	for _, r := range rows {
		if passes(p.where, r) {
			kept = append(kept, r)
		}
	}
	rows = kept
	if p.facts {
		rows = deliver(m, p, c, rows, asOf)
	}
	kept = rows[:0]
	for _, r := range rows {
		if passes(p.having, r) {
			kept = append(kept, r)
		}
	}
	rows = kept
	if len(p.order) > 0 {
		slices.SortStableFunc(rows, func(a, b *row) int {
			for i, f := range p.order {
				if n := compare(f.get(a), f.get(b)); n != 0 {
					if p.query.order[i].desc {
						return -n
					}
					return n
				}
			}
			return 0
		})
	}
	if p.query.limit > 0 && len(rows) > p.query.limit {
		rows = rows[:p.query.limit]
	}
	return rows
}

// passes tests what is known of the row; a test of a segment waits for facts.
func passes(tests []test, r *row) bool {
	for _, t := range tests {
		if t.field.resource == "segments" && r.day == "" || t.field.resource == "search_term_view" && r.term == nil {
			continue
		}
		if !t.pass(t.field.get(r)) {
			return false
		}
	}
	return true
}

func compare(a, b any) int {
	if a == nil || b == nil {
		return cmp.Compare(map[bool]int{true: 1}[a != nil], map[bool]int{true: 1}[b != nil])
	}
	switch a := a.(type) {
	case string:
		return cmp.Compare(a, b.(string))
	case int64:
		return cmp.Compare(a, b.(int64))
	case int32:
		return cmp.Compare(a, b.(int32))
	case float64:
		return cmp.Compare(a, b.(float64))
	case bool:
		return cmp.Compare(map[bool]int{true: 1}[a], map[bool]int{true: 1}[b.(bool)])
	}
	return 0
}

// entities lists the rows of the resource before facts are known.
func entities(m *market.Market, p *plan, c *customer, all map[int64]*customer, lag time.Duration) []*row {
	switch p.query.from {
	case "customer":
		return []*row{{seed: c.id, customer: c}}
	case "customer_client":
		return tree(c, all)
	}
	base := row{seed: c.id, customer: c}
	budgets := map[int64]*market.Budget{}
	sharers := map[int64]int{}
	campaigns := map[int64]*market.Campaign{}
	groups := map[int64]*market.AdGroup{}
	var out []*row
	add := func(r row) { out = append(out, &r) }
	list := m.Campaigns(c.id)
	for i := range list {
		campaigns[list[i].ID] = &list[i]
		if list[i].Status != market.Deleted {
			sharers[list[i].Budget]++
		}
	}
	for _, b := range m.Budgets(c.id) {
		budgets[b.ID] = &b
		if p.query.from == "campaign_budget" {
			r := base
			r.budget, r.sharers = &b, sharers[b.ID]
			add(r)
		}
	}
	ofCampaign := func(id int64) row {
		r := base
		r.campaign = campaigns[id]
		r.budget, r.sharers = budgets[r.campaign.Budget], sharers[r.campaign.Budget]
		return r
	}
	if p.query.from == "campaign" {
		for _, x := range list {
			add(ofCampaign(x.ID))
		}
	}
	for _, g := range m.AdGroups(c.id) {
		groups[g.ID] = &g
		if p.query.from == "ad_group" || p.query.from == "search_term_view" {
			r := ofCampaign(g.Campaign)
			r.group = &g
			add(r)
		}
	}
	ofGroup := func(id int64) row {
		r := ofCampaign(groups[id].Campaign)
		r.group = groups[id]
		return r
	}
	switch p.query.from {
	case "ad_group_ad":
		for _, a := range m.Ads(c.id) {
			r := ofGroup(a.AdGroup)
			r.ad = &a
			add(r)
		}
	case "ad_group_criterion", "keyword_view":
		for _, k := range m.Keywords(c.id) {
			if k.Negative && p.query.from == "keyword_view" {
				continue
			}
			r := ofGroup(k.AdGroup)
			r.keyword = &k
			add(r)
		}
	case "change_event":
		for _, e := range events(m, c, p, lag, campaigns, groups, budgets) {
			add(e)
		}
	}
	return out
}

// tree lists the customer and all that is below it, parents first.
func tree(c *customer, all map[int64]*customer) []*row {
	top := *c
	top.level = 0
	out := []*row{{seed: c.id, customer: c, client: &top}}
	for i := 0; i < len(out); i++ {
		var below []*row
		for _, x := range all {
			if x.parent == out[i].client.id {
				y := *x
				y.level = out[i].client.level + 1
				below = append(below, &row{seed: c.id, customer: c, client: &y})
			}
		}
		slices.SortFunc(below, func(a, b *row) int { return cmp.Compare(a.client.id, b.client.id) })
		out = append(out, below...)
	}
	return out
}

// events lists the changes in the plan's range, newest first, as the API does.
func events(m *market.Market, c *customer, p *plan, lag time.Duration, campaigns map[int64]*market.Campaign, groups map[int64]*market.AdGroup, budgets map[int64]*market.Budget) []row {
	loc, err := time.LoadLocation(c.zone)
	if err != nil {
		loc = time.UTC
	}
	var out []row
	ads, keywords := map[int64]*market.Ad{}, map[int64]*market.Keyword{}
	for _, a := range m.Ads(c.id) {
		ads[a.ID] = &a
	}
	for _, k := range m.Keywords(c.id) {
		keywords[k.ID] = &k
	}
	now := m.Now()
	for _, a := range m.Actions() {
		if a.Account != c.id || a.At.Before(p.from) || a.At.After(p.to) || a.At.After(now.Add(-lag)) {
			continue
		}
		e := &change{Action: a, zone: loc}
		switch a.Kind {
		case market.KindBudget:
			e.row.budget = budgets[a.ID]
		case market.KindCampaign:
			e.row.campaign = campaigns[a.ID]
		case market.KindAdGroup:
			e.row.group = groups[a.ID]
		case market.KindAd:
			e.row.ad = ads[a.ID]
			e.row.group = groups[e.row.ad.AdGroup]
		case market.KindKeyword:
			e.row.keyword = keywords[a.ID]
			e.row.group = groups[e.row.keyword.AdGroup]
		}
		r := row{seed: c.id, customer: c, change: e}
		if g := e.row.group; g != nil {
			r.group, e.group, e.row.campaign = g, g.ID, campaigns[g.Campaign]
		}
		if x := e.row.campaign; x != nil {
			r.campaign, e.campaign = x, x.ID
		}
		out = append(out, r)
	}
	slices.Reverse(out)
	return out
}

// bucket is what facts are summed by.
type bucket struct {
	entity, keyword  int64
	term, match      string
	day, week, month tables.Day
	quarter          tables.Day
	year             int
	weekday          time.Weekday
	device           market.Device
	network          market.Network
}

// deliver sums the facts of the entities by the selected segments. Without a
// segment in SELECT every entity has a row, with one only where a selected
// metric is not zero (page "Zero metrics" of the documentation).
func deliver(m *market.Market, p *plan, c *customer, rows []*row, asOf time.Time) []*row {
	base := map[int64]*row{}
	campaigns := []int64{}
	for _, r := range rows {
		base[r.entity(p.query.from)] = r
		if r.campaign != nil && !slices.Contains(campaigns, r.campaign.ID) {
			campaigns = append(campaigns, r.campaign.ID)
		}
	}
	if p.query.from == "customer" || p.query.from == "campaign_budget" {
		campaigns = nil
	}
	has := func(name string) bool {
		return slices.ContainsFunc(p.segments, func(f *field) bool { return f.name == name })
	}
	byDate, byWeek, byMonth, byQuarter, byYear := has("segments.date"), has("segments.week"), has("segments.month"), has("segments.quarter"), has("segments.year")
	byWeekday, byDevice, byNetwork := has("segments.day_of_week"), has("segments.device"), has("segments.ad_network_type")
	byMatch := has("segments.search_term_match_type")
	byKeyword := slices.ContainsFunc(p.segments, func(f *field) bool { return strings.HasPrefix(f.name, "segments.keyword") })

	budgetOf := map[int64]int64{}
	for _, x := range m.Campaigns(c.id) {
		budgetOf[x.ID] = x.Budget
	}
	keywords := map[int64]*market.Keyword{}
	if byKeyword {
		for _, k := range m.Keywords(c.id) {
			keywords[k.ID] = &k
		}
	}
	sums := map[bucket]*row{}
	var order []*row
	var last tables.Day
	var dayPasses bool
	for f := range m.Facts(market.Query{Account: c.id, Days: p.days, Grain: p.resource.grain, Split: byDevice || byNetwork, Campaigns: campaigns, AsOf: asOf}) {
		if f.Day != last {
			last, dayPasses = f.Day, passes(p.dates, &row{day: f.Day})
		}
		if !dayPasses {
			continue
		}
		b := bucket{}
		switch p.query.from {
		case "customer":
			b.entity = c.id
		case "campaign_budget":
			b.entity = budgetOf[f.Campaign]
		case "campaign":
			b.entity = f.Campaign
		case "ad_group":
			b.entity = f.AdGroup
		case "ad_group_ad":
			b.entity = f.Ad
		case "keyword_view":
			b.entity = f.Keyword
		case "search_term_view":
			if f.Term.Text == "" { // too rare to be shown
				continue
			}
			b.entity, b.term = f.AdGroup, f.Term.Text
			if byMatch {
				b.match = f.Term.Match
			}
			if byKeyword {
				b.keyword = f.Keyword
			}
		}
		r, ok := base[b.entity]
		if !ok {
			continue
		}
		if byDate {
			b.day = f.Day
		} else {
			if byWeek {
				b.week = monday(f.Day)
			}
			if byMonth {
				b.month = f.Day[:7]
			}
			if byQuarter {
				b.quarter = quarter(f.Day)
			}
			if byYear {
				b.year = f.Day.Time().Year()
			}
			if byWeekday {
				b.weekday = f.Day.Time().Weekday()
			}
		}
		if byDevice {
			b.device = f.Device
		}
		if byNetwork {
			b.network = f.Network
		}
		sum, ok := sums[b]
		if !ok {
			x := *r
			x.day, x.device, x.network = f.Day, f.Device, f.Network
			if b.term != "" {
				x.term = &f.Term
			}
			if byKeyword {
				x.keyword = keywords[f.Keyword]
			}
			sum = &x
			sums[b] = sum
			order = append(order, sum)
		}
		if sum.term != nil {
			sum.term.Added = sum.term.Added || f.Term.Added
		}
		sum.Figures.Add(f.Figures)
	}
	if len(p.segments) == 0 && p.query.from != "search_term_view" {
		for _, r := range rows {
			if sum, ok := sums[bucket{entity: r.entity(p.query.from)}]; ok {
				r.Figures = sum.Figures
			}
		}
		return rows
	}
	out := order[:0]
	for _, r := range order {
		if passes(p.where, r) && (len(p.segments) == 0 || !p.zero(r)) {
			out = append(out, r)
		}
	}
	return out
}

// zero says that all selected metrics of the row are zero or unset; without
// metrics, that nothing was delivered.
func (p *plan) zero(r *row) bool {
	if len(p.metrics) == 0 {
		return r.Figures.Zero()
	}
	for _, f := range p.metrics {
		switch v := f.get(r).(type) {
		case int64:
			if v != 0 {
				return false
			}
		case float64:
			if v != 0 {
				return false
			}
		}
	}
	return true
}

// entity is the id by which facts find the row.
func (r *row) entity(from string) int64 {
	switch from {
	case "campaign_budget":
		return r.budget.ID
	case "campaign":
		return r.campaign.ID
	case "ad_group", "search_term_view":
		return r.group.ID
	case "ad_group_ad":
		return r.ad.ID
	case "keyword_view":
		return r.keyword.ID
	}
	return r.customer.id
}
