package kakaokeyword

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"net/url"
	"slices"
	"strings"

	"argo/tables"
	"argo/tables/fault"
	"argo/tables/rest"
)

// maxDays is the longest range of a report.
const maxDays = 31

// row of a report.
type row struct {
	Start      string         `json:"start"`
	End        string         `json:"end"`
	Dimensions map[string]any `json:"dimensions"`
	Metrics    map[string]any `json:"metrics"`

	day tables.Day
}

// ask is one call of a report: of the account where campaign is empty.
type ask struct {
	days     tables.Days
	today    bool
	campaign string
}

// asks of a scan: today first, then the days before in pieces, each for every
// campaign where the report is of one.
func (s sheet) asks(scan tables.Scan, today tables.Day, campaigns []string) (out []ask) {
	if s.path == "adAccounts/report" {
		campaigns = []string{""}
	}
	add := func(d tables.Days, now bool) {
		for _, c := range campaigns {
			out = append(out, ask{d, now, c})
		}
	}
	days := scan.Days
	if days.Contains(today) {
		add(tables.Days{From: today, To: today}, true)
	}
	if days.To = min(days.To, today.Add(-1)); days.From <= days.To {
		for _, d := range days.Chunks(maxDays) {
			add(d, false)
		}
	}
	return out
}

func compact(d tables.Day) string { return strings.ReplaceAll(string(d), "-", "") }

// query of a call.
func (s sheet) query(a ask) url.Values {
	q := url.Values{"timeUnit": {"DAY"}, "metricsGroups": {metricsGroups}}
	if a.campaign != "" {
		q.Set("campaignId", a.campaign)
	}
	if a.today {
		q.Set("datePreset", "TODAY")
	} else {
		q.Set("start", compact(a.days.From))
		q.Set("end", compact(a.days.To))
	}
	if s.dimension != "" {
		q.Set("dimension", s.dimension)
	}
	return q
}

// fetch makes one call. What was today when it was asked for and is not any more
// is asked for as the past day that it has become.
func (c *Client) fetch(ctx context.Context, s sheet, account string, a ask) ([]row, error) {
	for {
		var rows []row
		var broken error
		_, err := c.get(ctx, account, s.path, s.query(a), func(b []byte) int64 {
			rows, broken = many[row](b, "data")
			return int64(len(rows))
		})
		if err == nil {
			err = named(account, broken)
		}
		if err != nil {
			return nil, err
		}
		if a.today && tables.DayOf(c.now().In(kst)) != a.days.From {
			a.today = false
			continue
		}
		return rows, nil
	}
}

// dayOf reads 2026-09-01 and 20260901.
func dayOf(text string) (tables.Day, error) {
	if len(text) == 8 {
		text = text[:4] + "-" + text[4:6] + "-" + text[6:]
	}
	return tables.ParseDay(text)
}

// rows gives the rows of one call that belong to it. A row without metrics stands
// for an object that delivered nothing, and is none. The same row twice is a
// fault: added up it would count twice.
func (s sheet) rows(account string, a ask, all []row) ([]row, error) {
	out := all[:0]
	seen := map[string]bool{}
	broken := func(format string, args ...any) ([]row, error) {
		return nil, fault.New(fault.Broken, "%s: %s: %s", about(account), s.path, fmt.Sprintf(format, args...))
	}
	for _, r := range all {
		if len(r.Metrics) == 0 {
			continue
		}
		day, err := dayOf(r.Start)
		if err != nil {
			return broken("a row begins at %.40q, which is no day", r.Start)
		}
		if end, err := dayOf(r.End); r.End != "" && (err != nil || end != day) {
			return broken("a row is of %.40q to %.40q and not of one day", r.Start, r.End)
		}
		if !a.days.Contains(day) {
			continue
		}
		r.day = day
		key := string(day)
		for _, name := range s.keyed() {
			v := fmt.Sprint(r.Dimensions[name])
			if name == s.id && r.Dimensions[name] == nil {
				return broken("a row has no %s", name)
			}
			key += "\x00" + v
		}
		if seen[key] {
			return broken("the row of %s of %s comes twice", strings.ReplaceAll(key[len(day):], "\x00", " "), day)
		}
		seen[key] = true
		out = append(out, r)
	}
	return out, nil
}

// keyed names the dimensions that tell rows of a day apart.
func (s sheet) keyed() []string {
	out := []string{s.id}
	for _, f := range s.own {
		if f.dim != "" && f.dim != s.id {
			out = append(out, f.dim)
		}
	}
	return out
}

// scan gives the rows of a performance table.
func (c *Client) scan(s sheet) func(context.Context, tables.Scan) iter.Seq2[tables.Row, error] {
	return func(ctx context.Context, scan tables.Scan) iter.Seq2[tables.Row, error] {
		return func(yield func(tables.Row, error) bool) {
			for _, d := range scan.Where {
				if d.Empty() {
					return
				}
			}
			read, err := s.readers(scan.Columns)
			if err != nil {
				yield(nil, err)
				return
			}
			ids, names, err := c.names(rest.About(ctx, scan), s, scan)
			if err != nil {
				yield(nil, err)
				return
			}
			for _, a := range s.asks(scan, tables.DayOf(c.now().In(kst)), ids) {
				part := scan
				part.Days = a.days
				rows, err := c.fetch(rest.About(ctx, part), s, scan.Account, a)
				if err == nil {
					rows, err = s.rows(scan.Account, a, rows)
				}
				if err != nil {
					yield(nil, err)
					return
				}
				for _, r := range rows {
					at := place{c, scan.Account, r, names}
					line := make(tables.Row, len(read))
					for i, f := range read {
						if line[i], err = f(at); err != nil {
							yield(nil, fault.Wrap(fault.Broken, err, "%s: %s: the column %s cannot be read", about(scan.Account), s.path, scan.Columns[i]))
							return
						}
					}
					if !yield(line, nil) {
						return
					}
				}
			}
		}
	}
}

// lineage is what an object and those above it are called, by id.
type lineage map[string]node

// names reads the lists that a table needs: the campaigns to ask for, and the names
// of what rows are about.
func (c *Client) names(ctx context.Context, s sheet, scan tables.Scan) (campaigns []string, out lineage, err error) {
	out = lineage{}
	read := map[string]func(context.Context, string, bool) ([]node, error){"campaigns": c.campaigns, "adGroups": c.groups, "keywords": c.keywords, "creatives": c.creatives}
	for i, l := range slices.Backward(lists[s.list]) { // the last reads those above it
		nodes, err := read[l](ctx, scan.Account, scan.Renew && i == len(lists[s.list])-1)
		if err != nil {
			return nil, nil, err
		}
		for _, n := range nodes {
			out[n.id] = n
			if l == "campaigns" {
				campaigns = append(campaigns, n.id)
			}
		}
	}
	return campaigns, out, nil
}

// callsOf says how many calls a scan takes.
func (c *Client) callsOf(s sheet) func(tables.Scan) (int, bool) {
	return func(scan tables.Scan) (int, bool) {
		n, campaigns, exact := c.listCalls(scan.Account, s.list, scan.Renew)
		return n + len(s.asks(scan, tables.DayOf(c.now().In(kst)), make([]string, campaigns))), exact || s.list == ""
	}
}

// other gives the metrics that no column shows, as JSON.
func other(r row) (any, error) {
	rest := maps.Clone(r.Metrics)
	for _, f := range metrics {
		delete(rest, f.metric)
	}
	if len(rest) == 0 {
		return nil, nil
	}
	b, err := json.Marshal(rest)
	return string(b), err
}
