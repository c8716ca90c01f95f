package tiktokads

import (
	"context"
	"fmt"
	"iter"
	"net/url"
	"slices"
	"strings"
	"time"

	"argo/tables"
	"argo/tables/fault"
	"argo/tables/rest"
)

// row of a report.
type row struct {
	Dimensions map[string]any `json:"dimensions"`
	Metrics    map[string]any `json:"metrics"`

	day  tables.Day
	hour int64
}

// fetch reads the rows of some days. A report that has as many ads as one covers
// may lack some: its days are cut in halves, and a single day is a fault.
func (c *Client) fetch(ctx context.Context, s sheet, account string, days tables.Days) ([]row, error) {
	list, err := all[row](ctx, c, account, "report/integrated/get/", url.Values{
		"advertiser_id": {account}, "service_type": {"AUCTION"}, "report_type": {s.kind}, "data_level": {s.level},
		"dimensions": {text(s.dims)}, "metrics": {text(s.asked())}, "start_date": {string(days.From)}, "end_date": {string(days.To)},
	})
	if err != nil {
		return nil, err
	}
	ids := map[string]bool{}
	for _, r := range list {
		ids[readText(r.Dimensions[s.dims[0]])] = true
	}
	if len(ids) < c.most {
		return s.rows(account, days, list)
	}
	if days.Len() == 1 {
		return nil, fault.New(fault.Unsupported, "%s: a report of %s has %d ads, as many as TikTok covers: some may be missing", about(account), days.From, len(ids)).
			WithHint("ask a coarser table, such as campaign_performance")
	}
	middle := days.From.Add(days.Len()/2 - 1)
	first, err := c.fetch(ctx, s, account, tables.Days{From: days.From, To: middle})
	if err != nil {
		return nil, err
	}
	second, err := c.fetch(ctx, s, account, tables.Days{From: middle.Add(1), To: days.To})
	return append(first, second...), err
}

// rows checks what a report gave. A row that comes twice, or belongs to another
// day than was asked for, is a fault: added up it would count.
func (s sheet) rows(account string, days tables.Days, list []row) ([]row, error) {
	seen := map[string]bool{}
	broken := func(format string, args ...any) ([]row, error) {
		return nil, fault.New(fault.Broken, "%s: %s: %s", about(account), s.name, fmt.Sprintf(format, args...))
	}
	for i, r := range list {
		at := readText(r.Dimensions[s.dims[1]])
		t, err := time.Parse(time.DateTime, at)
		if err != nil {
			if t, err = time.Parse(time.DateOnly, at); err != nil {
				return broken("a row is of %.40q, which is no day", at)
			}
		}
		list[i].day, list[i].hour = tables.DayOf(t), int64(t.Hour())
		if !days.Contains(list[i].day) {
			return broken("a row is of %s, which nobody asked for", list[i].day)
		}
		var key strings.Builder
		for _, d := range s.dims {
			if r.Dimensions[d] == nil {
				return broken("a row has no %s", d)
			}
			key.WriteString(readText(r.Dimensions[d]) + " ")
		}
		if seen[key.String()] {
			return broken("the row of %.100scomes twice", key.String())
		}
		seen[key.String()] = true
	}
	return list, nil
}

// scan gives the rows of a performance table.
func (c *Client) scan(s sheet) func(context.Context, tables.Scan) iter.Seq2[tables.Row, error] {
	fields := s.fields()
	return func(ctx context.Context, scan tables.Scan) iter.Seq2[tables.Row, error] {
		return func(yield func(tables.Row, error) bool) {
			for _, d := range scan.Where {
				if d.Empty() {
					return
				}
			}
			read := make([]field, len(scan.Columns))
			for i, name := range scan.Columns {
				at := slices.IndexFunc(fields, func(f field) bool { return f.Name == name })
				if at < 0 {
					yield(nil, unknownColumn(s, name))
					return
				}
				read[i] = fields[at]
			}
			currency, err := c.currency(rest.About(ctx, scan), scan.Account)
			if err != nil {
				yield(nil, err)
				return
			}
			for _, days := range scan.Days.Chunks(s.maxDays()) {
				part := scan
				part.Days = days
				list, err := c.fetch(rest.About(ctx, part), s, scan.Account, days)
				if err != nil {
					yield(nil, err)
					return
				}
				for _, r := range list {
					line := make(tables.Row, len(read))
					for i, f := range read {
						if line[i], err = f.read(place{scan.Account, currency, r}); err == nil && line[i] == nil && f.NotNull {
							err = fmt.Errorf("it has no value")
						}
						if err != nil {
							yield(nil, fault.Wrap(fault.Broken, err, "%s: %s: the column %s cannot be read", about(scan.Account), s.name, f.Name))
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
