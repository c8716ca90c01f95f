package appleads

import (
	"bytes"
	"context"
	"encoding/json"

	"iter"
	"slices"
	"strconv"
	"strings"

	"argo/tables"
	"argo/tables/fault"
	"argo/tables/rest"
)

// many is how many campaigns one filter names, and how many ids are pushed.
const many = 200

// readers are aligned with columns.
func (c *Client) readers(s sheet, columns []string) ([]reader, error) {
	out := make([]reader, len(columns))
	for i, name := range columns {
		at := slices.IndexFunc(s.fields, func(f field) bool { return f.Name == name })
		if at < 0 {
			return nil, fault.New(fault.Internal, "the table apple_ads %s has no column %s", s.name, name)
		}
		out[i] = s.fields[at].reader(c.v5)
	}
	return out, nil
}

// scanner runs do and yields its error; nothing is asked for a condition that no
// row meets.
func scanner(do func(context.Context, tables.Scan, func(tables.Row, error) bool) error) func(context.Context, tables.Scan) iter.Seq2[tables.Row, error] {
	return func(ctx context.Context, scan tables.Scan) iter.Seq2[tables.Row, error] {
		return func(yield func(tables.Row, error) bool) {
			for _, d := range scan.Where {
				if d.Empty() {
					return
				}
			}
			if err := do(ctx, scan, yield); err != nil {
				yield(nil, err)
			}
		}
	}
}

func (c *Client) entityScan(s sheet) func(context.Context, tables.Scan) iter.Seq2[tables.Row, error] {
	known := map[string]bool{}
	for _, f := range s.fields {
		paths := f.v1
		if c.v5 {
			paths = f.v5
		}
		for _, p := range paths {
			if p, ok := strings.CutPrefix(p, "o."); ok {
				first, _, _ := strings.Cut(p, ".")
				known[first] = true
			}
		}
	}
	known["adAccountId"], known["orgId"] = true, true
	return scanner(func(ctx context.Context, scan tables.Scan, yield func(tables.Row, error) bool) error {
		read, err := c.readers(s, scan.Columns)
		if err != nil {
			return err
		}
		a, err := c.account(ctx, scan.Account)
		if err != nil {
			return err
		}
		ctx = rest.About(ctx, scan)
		type ask struct {
			path  string
			conds []condition
		}
		var asks []ask
		switch {
		case !s.each && c.v5:
			asks = []ask{{s.v5[0], nil}}
		case !s.each:
			asks = []ask{{s.v1, nil}}
		default:
			campaigns, err := c.campaignsOf(ctx, scan.Account, integers(scan.Where["campaign_id"], many))
			if err != nil {
				return err
			}
			var ids []any
			for _, r := range campaigns {
				for _, p := range s.v5 {
					if c.v5 {
						asks = append(asks, ask{strings.ReplaceAll(p, "{c}", plain(r["id"])), nil})
					}
				}
				ids = append(ids, r["id"])
			}
			if !c.v5 {
				for part := range slices.Chunk(ids, many) {
					asks = append(asks, ask{s.v1, []condition{{"campaignId", part}}})
				}
			}
		}
		for _, q := range asks {
			for o, err := range c.list(ctx, scan.Account, q.path, q.conds) {
				if err != nil {
					return err
				}
				other := map[string]any{}
				for k, v := range o {
					if !known[k] && v != nil {
						other[k] = v
					}
				}
				r := Record{"o": o, "account": json.Number(scan.Account), "other": other}
				if a.Currency != "" {
					r["currency"] = a.Currency
				}
				row, err := rowOf(r, read, scan.Account)
				if err != nil {
					return err
				}
				if !yield(row, nil) {
					return nil
				}
			}
		}
		return nil
	})
}

// span of days of one report. single says that it is asked for without a
// granularity.
type span struct {
	tables.Days
	single bool
}

// ranges cuts days into reports: those that a granularity reaches together, a
// single one and older ones each for itself.
func (c *Client) ranges(days tables.Days, hourly bool, a account) (out []span) {
	today := tables.DayOf(c.now().In(tables.Account{Zone: a.Zone}.Location()))
	if hourly {
		if oldest := today.Add(1 - c.hours()); days.From < oldest {
			days.From = oldest
		}
		for _, d := range days.Chunks(keptHourly) {
			if d.From <= d.To {
				out = append(out, span{d, false})
			}
		}
		return out
	}
	oldest := today.Add(1 - keptDaily)
	if recent, ok := days.Intersect(tables.Days{From: oldest, To: days.To}); ok {
		for _, d := range recent.Chunks(keptDaily) {
			out = append(out, span{d, d.Len() == 1})
		}
	}
	for d := min(days.To, oldest.Add(-1)); d >= days.From; d = d.Add(-1) {
		out = append(out, span{tables.Days{From: d, To: d}, true})
	}
	return out
}

func (c *Client) reportScan(s sheet) func(context.Context, tables.Scan) iter.Seq2[tables.Row, error] {
	var adds []field
	for _, f := range s.fields {
		if f.additive() {
			adds = append(adds, f)
		}
	}
	return scanner(func(ctx context.Context, scan tables.Scan, yield func(tables.Row, error) bool) error {
		read, err := c.readers(s, scan.Columns)
		if err != nil {
			return err
		}
		a, err := c.account(ctx, scan.Account)
		if err != nil {
			return err
		}
		spans := c.ranges(scan.Days, s.hourly, a)
		if s.hourly && (len(spans) == 0 || spans[len(spans)-1].From > scan.Days.From) {
			tables.TraceOf(ctx).Warn(fault.New(fault.Invalid, "%s: Apple keeps hours of %d days; older ones are gone", about(scan.Account), c.hours()))
		}
		if len(spans) == 0 {
			return nil
		}
		ctx = rest.About(ctx, scan)
		wanted := integers(scan.Where["campaign_id"], many)
		campaigns, err := c.campaignsOf(ctx, scan.Account, wanted)
		if err != nil {
			return err
		}
		byID := map[string]Record{}
		var ids []any
		for _, r := range campaigns {
			byID[plain(r["id"])] = r
			ids = append(ids, r["id"])
		}
		t := &ties{on: scan.Totals != nil}
		for _, sp := range spans {
			for _, q := range c.reports(s, sp, ids, t.on, wanted != nil) {
				more, err := c.report(ctx, scan, s, sp, q, t, func(row Record) (bool, error) {
					for _, entry := range entries(row, sp.single) {
						meta, _ := row["metadata"].(map[string]any)
						r := Record{"metadata": meta, "m": entry, "date": entry["date"], "account": json.Number(scan.Account)}
						if sp.single {
							r["date"] = string(sp.From)
						}
						if a.Currency != "" {
							r["currency"] = a.Currency
						}
						campaign := q.campaign
						for _, k := range []string{"campaignId", "id"} {
							if campaign == "" {
								campaign = plain(meta[k])
							}
						}
						if o, ok := byID[campaign]; ok {
							r["campaign"] = o
						}
						if meta != nil && meta["campaignId"] == nil && q.campaign != "" { // v5 has it in the path
							meta["campaignId"] = json.Number(q.campaign)
						}
						empty, err := c.nothing(r, adds)
						if err != nil {
							return false, fault.Wrap(fault.Broken, err, "%s: a row cannot be read", about(scan.Account))
						}
						if empty {
							continue
						}
						d, _, err := moment(plain(r["date"]))
						if err != nil || !sp.Contains(d) {
							return false, fault.New(fault.Broken, "%s: a row of a report is of the day %.20q, which was not asked for", about(scan.Account), plain(r["date"]))
						}
						out, err := rowOf(r, read, scan.Account)
						if err != nil {
							return false, err
						}
						if !yield(out, nil) {
							return false, nil
						}
					}
					return true, nil
				})
				if err != nil || !more {
					return err
				}
			}
		}
		return c.tie(scan, adds, t)
	})
}

// nothing says that every metric that adds up is there and zero, or that there
// is none at all. A metric that is withheld (null) is something.
func (c *Client) nothing(r Record, adds []field) (bool, error) {
	m, _ := r["m"].(map[string]any)
	for _, f := range adds {
		v, err := f.reader(c.v5)(r)
		if err != nil {
			return false, err
		}
		if v != nil && !zeroValue(v) {
			return false, nil
		}
		path := f.v1
		if c.v5 {
			path = f.v5
		}
		first, _, _ := strings.Cut(strings.TrimPrefix(path[0], "m."), ".")
		if x, there := m[first]; there && x == nil {
			return false, nil
		}
	}
	return true, nil
}

// entries of a row: those of the days, or the total of a report without a
// granularity.
func entries(row Record, single bool) (out []map[string]any) {
	if single {
		for _, name := range []string{"totalMetrics", "total"} {
			if m, ok := row[name].(map[string]any); ok {
				return []map[string]any{m}
			}
		}
		return nil
	}
	for _, name := range []string{"granularMetrics", "granularity"} {
		all, _ := row[name].([]any)
		for _, x := range all {
			if m, ok := x.(map[string]any); ok {
				out = append(out, m)
			}
		}
	}
	return out
}

// query is one report: where, and the request of an offset.
type query struct {
	path, campaign string
	body           func(offset int) any
	totals         bool // it comes with control totals
}

// reports of a span: v1 names the campaigns in a filter, v5 in the path of all
// reports but that of campaigns.
func (c *Client) reports(s sheet, sp span, ids []any, totals, narrow bool) (out []query) {
	grain := "DAILY"
	if s.hourly {
		grain = "HOURLY"
	}
	if c.v5 {
		q := query{totals: totals && sp.single && s.report != "searchterms"}
		sort := map[string]string{"campaigns": "campaignId", "adgroups": "adGroupId", "keywords": "keywordId", "searchterms": "adGroupId", "ads": "adId"}[s.report]
		var conds []any
		if s.report == "campaigns" && narrow {
			var texts []string
			for _, id := range ids {
				texts = append(texts, plain(id))
			}
			conds = []any{map[string]any{"field": "campaignId", "operator": "IN", "values": texts}}
		}
		q.body = func(offset int) any {
			b := map[string]any{"startTime": sp.From, "endTime": sp.To, "timeZone": "ORTZ", "returnRecordsWithNoMetrics": false,
				"returnRowTotals": sp.single, "returnGrandTotals": q.totals,
				"selector": map[string]any{"conditions": conds, "orderBy": []any{map[string]any{"field": sort, "sortOrder": "ASCENDING"}},
					"pagination": map[string]any{"offset": offset, "limit": c.size}}}
			if !sp.single {
				b["granularity"] = grain
			}
			if s.group != "" {
				b["groupBy"] = []any{s.group}
			}
			return b
		}
		if q.path = "/reports/campaigns"; s.report == "campaigns" {
			if narrow && len(ids) == 0 {
				return nil
			}
			return []query{q}
		}
		for _, id := range ids {
			q.campaign = plain(id)
			q.path = "/reports/campaigns/" + q.campaign + "/" + s.report
			out = append(out, q)
		}
		return out
	}
	for part := range slices.Chunk(ids, many) {
		q := query{path: "/reports/apps/" + s.report + "/query", totals: totals && s.report != "searchterms"}
		var texts []string
		for _, id := range part {
			texts = append(texts, plain(id))
		}
		q.body = func(offset int) any {
			times := map[string]any{"start": sp.From, "end": sp.To, "timeZone": "ORTZ"}
			if !sp.single {
				times["granularity"] = grain
			}
			b := map[string]any{"filters": []any{map[string]any{"field": "campaignId", "operator": "IN", "value": texts}}, "timeRange": times,
				"pagination": map[string]any{"offset": offset, "pageSize": c.size}}
			if s.group != "" {
				b["groupBy"] = []any{s.group}
			}
			if q.totals {
				b["options"] = map[string]any{"includeRows": []any{"GRAND_TOTAL"}}
			}
			return b
		}
		out = append(out, q)
	}
	return out
}

// report gives take the rows of one report; false where take had enough.
func (c *Client) report(ctx context.Context, scan tables.Scan, s sheet, sp span, q query, t *ties, take func(Record) (bool, error)) (more bool, err error) {
	path := []string{"result", "rows"}
	if c.v5 {
		path = []string{"data", "reportingDataResponse", "row"}
	}
	var total Record
	other := func(name string, value json.RawMessage) error {
		if name != "summary" && name != "grandTotals" || total != nil {
			return nil
		}
		var x struct{ GrandTotal, Total Record }
		if err := rest.Decode(bytes.NewReader(value), &x); err != nil {
			return err
		}
		if total = x.GrandTotal; total == nil {
			total = x.Total
		}
		return nil
	}
	identity := func(r Record) string {
		b, _ := json.Marshal(r["metadata"]) // decoded from JSON
		return string(b)
	}
	for row, err := range c.paged(ctx, scan.Account, q.path, q.body, path, identity, other) {
		if err != nil {
			return false, err
		}
		if more, err := take(row); err != nil || !more {
			return false, err
		}
	}
	t.asked++
	if total != nil {
		t.totals = append(t.totals, total)
	}
	return true, nil
}

// ties collects the control totals of the reports of a scan.
type ties struct {
	on     bool
	asked  int
	totals []Record
}

// tie hands the totals to the scan, if every report had one.
func (c *Client) tie(scan tables.Scan, adds []field, t *ties) error {
	if !t.on || t.asked == 0 || len(t.totals) != t.asked {
		return nil
	}
	sums := map[string]any{}
	for _, f := range adds {
		if !slices.Contains(scan.Columns, f.Name) {
			continue
		}
		var sum any
		for _, r := range t.totals {
			v, err := f.reader(c.v5)(Record{"m": map[string]any(r)})
			if err == nil && v != nil {
				v, err = plus(sum, v)
			}
			if err != nil {
				return fault.Wrap(fault.Broken, err, "%s: the grand total cannot be read: %s", about(scan.Account), f.Name)
			}
			if sum = v; v == nil {
				break
			}
		}
		if sum != nil {
			sums[f.Name] = sum
		}
	}
	scan.Totals(sums)
	return nil
}

// accountsTable is the access list: one row for each account that the API user
// reaches.
func (c *Client) accountsTable() tables.Table {
	type get struct {
		tables.Column
		value func(a account) any
	}
	null := func(s string) any {
		if s == "" {
			return nil
		}
		return s
	}
	number := func(s string) any {
		if n, err := strconv.ParseInt(s, 10, 64); err == nil {
			return n
		}
		return nil
	}
	fields := []get{
		{tables.Column{Name: "id", Type: tables.BigInt, NotNull: true, Doc: "Account: ad_account_id of the other tables (v5: the organisation)"}, func(a account) any { return number(a.ID) }},
		{tables.Column{Name: "name", Type: tables.Varchar, Doc: "Name"}, func(a account) any { return null(a.Name) }},
		{tables.Column{Name: "org_id", Type: tables.BigInt, Doc: "Organisation"}, func(a account) any { return number(a.Org) }},
		{tables.Column{Name: "parent_org_id", Type: tables.BigInt, Doc: "Organisation above it; v5 only"}, func(a account) any { return number(a.Parent) }},
		{tables.Column{Name: "currency", Type: tables.Ident, Doc: "Currency of its amounts, ISO 4217"}, func(a account) any { return null(a.Currency) }},
		{tables.Column{Name: "time_zone", Type: tables.Ident, Doc: "Time zone of its days, IANA"}, func(a account) any { return null(a.Zone) }},
		{tables.Column{Name: "payment_model", Type: tables.Ident, Doc: "PAYG or LOC"}, func(a account) any { return null(a.Payment) }},
		{tables.Column{Name: "system_status", Type: tables.Ident, NotNull: true, Doc: "ACTIVE or INACTIVE; DENIED where its details cannot be read. Only active accounts are read"}, func(a account) any { return a.Status }},
		{tables.Column{Name: "roles", Type: tables.Document, Doc: "Roles of the API user, a JSON array"}, func(a account) any {
			if a.Roles == nil {
				return nil
			}
			b, _ := marshal(a.Roles)
			return string(b)
		}},
	}
	t := tables.Table{
		Name: "accounts", Doc: "Accounts that the API user reaches", Key: []string{"id"}, Fresh: freshEntity, Whole: true,
		Calls: func(tables.Scan) (int, bool) { return c.rosterCalls() },
		Units: func(tables.Scan) map[string]int { return rest.Units(c.limits()) },
	}
	for _, f := range fields {
		t.Columns = append(t.Columns, f.Column)
	}
	t.Scan = scanner(func(ctx context.Context, scan tables.Scan, yield func(tables.Row, error) bool) error {
		all, err := c.roster(ctx, true)
		if err != nil {
			return err
		}
		for _, a := range all {
			row := make(tables.Row, len(scan.Columns))
			for i, name := range scan.Columns {
				at := slices.IndexFunc(fields, func(f get) bool { return f.Name == name })
				if at < 0 {
					return fault.New(fault.Internal, "the table apple_ads accounts has no column %s", name)
				}
				row[i] = fields[at].value(a)
			}
			if a.ID == "" {
				return fault.New(fault.Broken, "Apple Ads: an account without an id")
			}
			if !yield(row, nil) {
				return nil
			}
		}
		return nil
	})
	return t
}
