package appsflyer

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"argo/tables"
	"argo/tables/fault"
	"argo/tables/rest"

	"github.com/cockroachdb/apd/v3"
)

// The groups of columns, by how they are restated.
const (
	acquisition = "acquisition"
	lifetime    = "lifetime"
)

// freshAcquisition is how long impressions, clicks, installs and cost are good.
// Installs show within a quarter of an hour; networks that attribute for
// themselves and the cost API are asked every four hours, for up to 30 days
// back, since networks correct themselves
// (support.appsflyer.com/hc/en-us/articles/360000310629 and …/207040526). A cost
// file may be corrected by hand for 90 days: refresh such days by hand too.
var freshAcquisition = tables.Freshness{Steps: []tables.Step{
	{Within: 1, Keep: time.Hour},
	{Within: 3, Keep: 4 * time.Hour},
	{Within: 8, Keep: 12 * time.Hour},
	{Within: 32, Keep: 72 * time.Hour},
}}

// freshLifetime is the same of sessions, revenue and events, which are lifetime
// values of the day of install (…/articles/115005600889): an old day moves ever
// more slowly but does move; after 180 days hardly any of its users are left.
// The quota allows 24 long calls a day for an app, hence the hour for today.
var freshLifetime = tables.Freshness{Steps: []tables.Step{
	{Within: 1, Keep: time.Hour},
	{Within: 3, Keep: 3 * time.Hour},
	{Within: 8, Keep: 12 * time.Hour},
	{Within: 31, Keep: 24 * time.Hour},
	{Within: 180, Keep: 7 * 24 * time.Hour},
}}

// maxDays of one call. The API gives any range; a shorter one keeps a reply
// below maxRows and what is fetched again small.
const maxDays = 90

// maxRows is where a report may have been cut without a word: 200,000 rows is
// the documented cap of the sister reports, not confirmed for these. A reply of
// that size is asked for again in halves.
const maxRows = 200000

// field is a column and the header of the CSV column behind it.
type field struct {
	tables.Column
	header string
	read   func(string) (any, error)
}

func text(name, header, doc string) field {
	return field{tables.Column{Name: name, Type: tables.Varchar, NotNull: true, Doc: doc}, header, func(s string) (any, error) { return s, nil }}
}

func count(name, header, doc string) field {
	return field{tables.Column{Name: name, Type: tables.BigInt, Unit: "count", Doc: doc}, header, readInt}
}

func money(name, header, doc string) field {
	return field{tables.Column{Name: name, Type: tables.Money, Unit: "app currency", Doc: doc}, header, readDecimal}
}

func ratio(name, header, doc, unit string) field {
	return field{tables.Column{Name: name, Type: tables.Dec(20, 6), Unit: unit, Doc: doc, NonAdditive: true}, header, readDecimal}
}

// of puts the column into a group of freshness.
func (f field) of(group string) field { f.Group = group; return f }

// none says that a cell holds no value.
func none(s string) bool {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "", "n/a", "na", "null", "-":
		return true
	}
	return false
}

func readInt(s string) (any, error) {
	if none(s) {
		return nil, nil
	}
	s = strings.ReplaceAll(strings.TrimSpace(s), ",", "")
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n, nil
	}
	d, _, err := apd.NewFromString(s) // 12.0
	if err != nil || d.Form != apd.Finite || d.Exponent > 18 {
		return nil, fmt.Errorf("not a whole number")
	}
	d.Reduce(d)
	n, err := d.Int64()
	if err != nil {
		return nil, fmt.Errorf("not a whole number")
	}
	return n, nil
}

var decimals = apd.BaseContext.WithPrecision(38)

func readDecimal(s string) (any, error) {
	if none(s) {
		return nil, nil
	}
	s = strings.ReplaceAll(strings.TrimSpace(s), ",", "")
	d, _, err := apd.NewFromString(strings.TrimSuffix(s, "%"))
	if err != nil || d.Form != apd.Finite {
		return nil, fmt.Errorf("not a number")
	}
	if strings.HasSuffix(s, "%") {
		d.Exponent -= 2
	}
	if cond, err := decimals.Quantize(d, d, -6); err != nil || cond.InvalidOperation() || d.NumDigits() > 20 {
		return nil, fmt.Errorf("a number with too many digits")
	}
	return d, nil
}

func readDay(s string) (any, error) {
	s = strings.TrimSpace(s)
	if len(s) > len(time.DateOnly) {
		s = s[:len(time.DateOnly)]
	}
	return tables.ParseDay(s)
}

// The columns. The keys are texts that are never NULL: an empty agency is "".
var (
	date     = field{tables.Column{Name: "date", Type: tables.DateType, NotNull: true, Push: true, Doc: "Day of the install in the app's time zone; every figure of the row belongs to these installs"}, "Date", readDay}
	appField = field{tables.Column{Name: "app_id", Type: tables.Type{Kind: tables.ID, Length: 255}, NotNull: true, Push: true, Doc: "App"}, "", nil}
	currency = field{tables.Column{Name: "currency", Type: tables.Ident, Doc: "Currency of every amount of the row: the app's, from the configuration; NULL where that names none"}, "", nil}
	country  = text("country", "Country", "Country of the install, ISO 3166 of two letters")
	names    = []field{
		text("agency", "Agency/PMD (af_prt)", "Agency; '' without one"),
		text("media_source", "Media Source (pid)", "Media source; Organic for installs without one"),
		text("campaign", "Campaign (c)", "Name of the campaign; None without one"),
	}
	figures = []field{
		count("impressions", "Impressions", "Impressions"),
		count("clicks", "Clicks", "Clicks"),
		ratio("ctr", "CTR", "Clicks by impressions of this row; for several rows divide the sums", "ratio 0..1"),
		count("installs", "Installs", "Installs"),
		ratio("conversion_rate", "Conversion Rate", "Installs by clicks of this row; for several rows divide the sums", "ratio"),
		count("sessions", "Sessions", "Sessions so far").of(lifetime),
		count("loyal_users", "Loyal Users", "Users who came back at least three times, so far").of(lifetime),
		ratio("loyal_users_rate", "Loyal Users/Installs", "Loyal users by installs of this row; for several rows divide the sums", "ratio 0..1").of(lifetime),
		money("total_revenue", "Total Revenue", "Revenue so far").of(lifetime),
		money("total_cost", "Total Cost", "Cost"),
		ratio("roi", "ROI", "Revenue less cost, by cost, of this row", "ratio").of(lifetime),
		ratio("arpu", "ARPU", "Revenue by installs of this row; for several rows divide the sums", "app currency").of(lifetime),
		ratio("average_ecpi", "Average eCPI", "Cost by installs of this row; for several rows divide the sums", "app currency"),
	}
	eventFields = []field{
		{tables.Column{Name: "event_name", Type: tables.Type{Kind: tables.ID, Length: 255}, NotNull: true, Doc: "In-app event: af_purchase"}, "", nil},
		count("unique_users", "", "Users who sent the event, so far").of(lifetime),
		count("event_count", "", "Events so far").of(lifetime),
		money("sales", "", "Revenue of the events so far").of(lifetime),
		{tables.Column{Name: "sales_currency", Type: tables.Ident, Doc: "Currency that the report's header names for sales (Sales in USD). AppsFlyer documents that aggregate reports are in the app's currency; whether the header always agrees is not confirmed"}, "", nil},
	}
)

// sheet is a table.
type sheet struct {
	name, doc, report string
	key               []string
	fields            []field
	events            bool // a row for each in-app event instead of the figures
}

func sheets() []sheet {
	join := func(parts ...[]field) []field { return slices.Concat(parts...) }
	costs := slices.DeleteFunc(slices.Clone(figures), func(f field) bool { // daily_report has no revenue
		return f.Name == "total_revenue" || f.Name == "roi" || f.Name == "arpu"
	})
	base, by := []field{date, appField}, []string{"agency", "media_source", "campaign"}
	return []sheet{
		{"partners_by_date", "Installs and what became of them, by day of install, agency, media source and campaign", "partners_by_date_report",
			by, join(base, names, figures, []field{currency}), false},
		{"partners_events_by_date", "In-app events by day of install, agency, media source, campaign and event; from the same report as partners_by_date", "partners_by_date_report",
			append(slices.Clone(by), "event_name"), join(base, names, eventFields, []field{currency}), true},
		{"geo_by_date", "Installs and what became of them, by day of install, country, agency, media source and campaign", "geo_by_date_report",
			append([]string{"country"}, by...), join(base, []field{country}, names, figures, []field{currency}), false},
		{"geo_events_by_date", "In-app events by day of install, country, agency, media source, campaign and event; from the same report as geo_by_date", "geo_by_date_report",
			append(append([]string{"country"}, by...), "event_name"), join(base, []field{country}, names, eventFields, []field{currency}), true},
		{"daily", "Installs and what became of them, by day of install, agency, media source and campaign; without revenue and in-app events, a smaller reply than partners_by_date", "daily_report",
			by, join(base, names, costs, []field{currency}), false},
	}
}

// restated is what every table says of itself.
const restated = "Installs show within a quarter of an hour, cost of today is asked for every four hours and corrected for up to 30 days; sessions, revenue and events are lifetime values and grow for months. " +
	"An app gives a report once a minute for up to two days, and 24 reports a day for more"

// calls: a report is one request, unless a reply of the last minute answers it
// or one is cut at maxRows and asked for in halves. That it is not is certain for
// a single day, and where the replies before were small.
func (c *client) calls(s sheet) func(tables.Scan) (int, bool) {
	return func(scan tables.Scan) (n int, exact bool) {
		exact = true
		for _, days := range scan.Days.Chunks(maxDays) {
			exact = exact && (days.Len() == 1 || c.fits(scan.Account, s.report, days.Len()))
			if _, ok := c.have(key{scan.Account, s.report, days}, maxAge(scan)); !ok {
				n++
			}
		}
		return n, exact
	}
}

func (c *client) tables(since tables.Day) []tables.Table {
	var out []tables.Table
	for _, s := range sheets() {
		t := tables.Table{
			Name: s.name, Doc: s.doc + ". " + restated, Key: s.key, Account: "app_id", Day: "date", Since: since, MaxDays: maxDays, Whole: true,
			Fresh: freshLifetime, Groups: map[string]tables.Freshness{lifetime: freshLifetime}, Calls: c.calls(s),
			Units: func(scan tables.Scan) map[string]int {
				return rest.Units(c.limits(key{scan.Account, s.report, scan.Days}))
			},
			Clock:    "day of the install in the app's time zone; figures are lifetime values of these installs",
			Accounts: func(context.Context) ([]tables.Account, error) { return slices.Clone(c.accounts), nil },
			Scan: func(ctx context.Context, scan tables.Scan) iter.Seq2[tables.Row, error] {
				return func(yield func(tables.Row, error) bool) {
					for _, d := range scan.Where {
						if d.Empty() {
							return
						}
					}
					for _, days := range scan.Days.Chunks(maxDays) {
						part := scan
						part.Days = days
						if more, err := c.scan(ctx, s, part, yield); err != nil {
							yield(nil, err)
							return
						} else if !more {
							return
						}
					}
				}
			},
		}
		usual := lifetime
		if !s.events {
			usual, t.Groups[acquisition] = acquisition, freshAcquisition
		}
		for _, f := range s.fields {
			x := f.Column
			if x.Group == "" && x.Name != t.Day && x.Name != t.Account && !slices.Contains(t.Key, x.Name) {
				x.Group = usual
			}
			t.Columns = append(t.Columns, x)
		}
		out = append(out, t)
	}
	return out
}

// maxAge is how old a kept reply may be for a scan; 0: as old as any.
func maxAge(s tables.Scan) time.Duration {
	if s.Renew {
		return time.Nanosecond
	}
	return s.MaxAge
}

// scan yields the rows of one call, or of its halves where the reply is as long
// as the cap.
func (c *client) scan(ctx context.Context, s sheet, scan tables.Scan, yield func(tables.Row, error) bool) (more bool, err error) {
	body, err := c.report(rest.About(ctx, scan), key{scan.Account, s.report, scan.Days}, maxAge(scan))
	if err != nil {
		return false, err
	}
	if n := bytes.Count(body, []byte{'\n'}); n > maxRows {
		if scan.Days.Len() == 1 {
			return false, fault.New(fault.Broken, "AppsFlyer app %s: the report of %s has more than %d rows, which AppsFlyer cuts", scan.Account, scan.Days.From, maxRows)
		}
		for _, days := range scan.Days.Chunks((scan.Days.Len() + 1) / 2) {
			half := scan
			half.Days = days
			if more, err := c.scan(ctx, s, half, yield); err != nil || !more {
				return more, err
			}
		}
		return true, nil
	}
	rows := int64(0)
	defer func() { tables.TraceOf(ctx).Fetched(rows, 0) }()
	for row, err := range c.rows(s, scan, body) {
		if err != nil {
			f := fault.As(err)
			g := *f
			g.Message = "AppsFlyer app " + scan.Account + ", report " + s.report + ": " + f.Message
			return false, &g
		}
		if ctx.Err() != nil {
			return false, fault.Wrap(fault.Canceled, ctx.Err(), "AppsFlyer app %s: the request was given up", scan.Account)
		}
		rows++
		if !yield(row, nil) {
			return false, nil
		}
	}
	return true, nil
}

// event is where the three columns of an in-app event are; -1 where one is not.
type event struct {
	name                string
	users, count, sales int
	currency            string // of the sales, by the header
}

// events finds the in-app events of a header. Names may hold anything, brackets
// too: what counts is the last of the three suffixes.
func events(header []string) []event {
	var out []event
	at := map[string]int{}
	for i, h := range header {
		for kind, suffix := range []string{" (Unique users)", " (Event counter)", " (Sales in "} {
			j := strings.LastIndex(h, suffix)
			if j < 0 || kind < 2 && j+len(suffix) != len(h) || kind == 2 && !strings.HasSuffix(h, ")") {
				continue
			}
			name := h[:j]
			n, ok := at[name]
			if !ok {
				n = len(out)
				at[name] = n
				out = append(out, event{name, -1, -1, -1, ""})
			}
			*[]*int{&out[n].users, &out[n].count, &out[n].sales}[kind] = i
			if kind == 2 {
				out[n].currency = strings.TrimSuffix(h[j+len(suffix):], ")")
			}
			break
		}
	}
	return out
}

// rows decodes a report. A wanted column that the header lacks is a Broken
// fault, a column that nobody knows is passed over. Rows outside the days that were
// asked for are left out.
func (c *client) rows(s sheet, scan tables.Scan, body []byte) iter.Seq2[tables.Row, error] {
	return func(yield func(tables.Row, error) bool) {
		fail := func(err error) { yield(nil, err) }
		need := []string{date.header}
		for _, f := range s.fields {
			if f.header != "" && (slices.Contains(scan.Columns, f.Name) || slices.Contains(s.key, f.Name)) {
				need = append(need, f.header)
			}
		}
		in, err := rest.NewSheet(bytes.NewReader(body), ',', need...)
		if err != nil {
			fail(err)
			return
		}
		get := make([]func(rec []string, e event) (any, error), len(scan.Columns))
		for i, name := range scan.Columns {
			at := slices.IndexFunc(s.fields, func(f field) bool { return f.Name == name })
			if at < 0 {
				fail(fault.New(fault.Internal, "the table appsflyer %s has no column %s", s.name, name))
				return
			}
			get[i] = c.getter(s.fields[at], in, scan.Account)
		}
		all := []event{{}}
		if s.events {
			all = events(in.Header)
		}
		day := in.At(date.header)
		for rec, err := range in.Rows() {
			if err != nil {
				fail(err)
				return
			}
			d, err := readDay(rec[day])
			if err != nil {
				fail(fault.Wrap(fault.Broken, err, "a row without a day"))
				return
			}
			if !scan.Days.Contains(d.(tables.Day)) {
				continue
			}
			for _, e := range all {
				if s.events && nothing(rec, e) {
					continue
				}
				row := make(tables.Row, len(get))
				for i, g := range get {
					if row[i], err = g(rec, e); err != nil {
						fail(fault.Wrap(fault.Broken, err, "the column %s cannot be read", scan.Columns[i]))
						return
					}
				}
				if !yield(row, nil) {
					return
				}
			}
		}
	}
}

// nothing says that an event has no value at all in a row.
func nothing(rec []string, e event) bool {
	for _, i := range []int{e.users, e.count, e.sales} {
		if i >= 0 && !none(rec[i]) && strings.Trim(rec[i], "0.") != "" {
			return false
		}
	}
	return true
}

func (c *client) getter(f field, in *rest.Sheet, app string) func([]string, event) (any, error) {
	cell := func(rec []string, i int) (any, error) {
		if i < 0 {
			return nil, nil
		}
		return f.read(rec[i])
	}
	switch f.Name {
	case "app_id":
		return func([]string, event) (any, error) { return app, nil }
	case "currency":
		var v any
		if s := c.apps[app].Currency; s != "" {
			v = s
		}
		return func([]string, event) (any, error) { return v, nil }
	case "event_name":
		return func(_ []string, e event) (any, error) { return e.name, nil }
	case "unique_users":
		return func(rec []string, e event) (any, error) { return cell(rec, e.users) }
	case "event_count":
		return func(rec []string, e event) (any, error) { return cell(rec, e.count) }
	case "sales":
		return func(rec []string, e event) (any, error) { return cell(rec, e.sales) }
	case "sales_currency":
		return func(_ []string, e event) (any, error) {
			if e.currency == "" {
				return nil, nil
			}
			return e.currency, nil
		}
	}
	at := in.At(f.header)
	return func(rec []string, _ event) (any, error) { return f.read(rec[at]) }
}
