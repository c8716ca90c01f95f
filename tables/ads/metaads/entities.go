package metaads

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"argo/tables"
	"argo/tables/fault"
	"argo/tables/rest"
)

// pick gives the fields behind the columns, in their order.
func (s sheet) pick(columns []string) ([]field, error) {
	out := make([]field, len(columns))
	for i, name := range columns {
		at := slices.IndexFunc(s.fields, func(f field) bool { return f.Name == name })
		if at < 0 {
			return nil, fault.New(fault.Internal, "the table meta_ads %s has no column %s", s.name, name)
		}
		out[i] = s.fields[at]
	}
	return out, nil
}

// asked are the names of the fields that a request for the columns has, the key
// always among them.
func (s sheet) asked(columns []string, more ...string) []string {
	out := slices.Clone(more)
	for _, f := range s.fields {
		want := slices.Contains(columns, f.Name) || slices.Contains(s.key, f.Name)
		if want && f.from != "" && !slices.Contains(s.breakdowns, f.from) && !slices.Contains(out, f.from) {
			out = append(out, f.from)
		}
	}
	return out
}

func rowOf(r Record, fields []field, a account) (tables.Row, error) {
	row := make(tables.Row, len(fields))
	for i, f := range fields {
		v, err := f.read(r, a)
		if err != nil {
			return nil, fault.Wrap(fault.Broken, err, "%s: a row cannot be read", about(a.ID))
		}
		row[i] = v
	}
	return row, nil
}

// twice is the fault of an object that comes a second time: pages that moved
// while they were read may lack another one.
func twice(account, what string) error {
	return fault.New(fault.Unavailable, "%s: %s came twice, the pages changed while they were read", about(account), what).WithHint("ask again")
}

// entities gives the Scan of a table of what exists now.
func (c *Client) entities(s sheet) func(context.Context, tables.Scan) iter.Seq2[tables.Row, error] {
	return func(ctx context.Context, scan tables.Scan) iter.Seq2[tables.Row, error] {
		return func(yield func(tables.Row, error) bool) {
			fail := func(err error) { yield(nil, err) }
			for _, d := range scan.Where {
				if d.Empty() {
					return
				}
			}
			fields, err := s.pick(scan.Columns)
			if err != nil {
				fail(err)
				return
			}
			a, err := c.account(ctx, scan.Account)
			if err != nil {
				fail(err)
				return
			}
			values := url.Values{"fields": {strings.Join(s.asked(scan.Columns), ",")}}
			if len(s.statuses) > 0 {
				values.Set("effective_status", param(s.statuses))
			}
			seen := map[string]bool{}
			q := ask{path: "/act_" + scan.Account + "/" + s.edge, values: values, account: scan.Account, use: management}
			for r, err := range c.pages(rest.About(ctx, scan), q, false, nil) {
				var row tables.Row
				if err == nil {
					if id := plain(r["id"]); seen[id] {
						err = twice(scan.Account, "object "+id)
					} else {
						seen[id] = true
						row, err = rowOf(r, fields, a)
					}
				}
				if !yield(row, err) || err != nil {
					return
				}
			}
		}
	}
}

// accountsTable has one row for each ad account that the token reaches, closed
// ones too.
func (c *Client) accountsTable() tables.Table {
	s := sheet{name: "ad_accounts", fields: []field{
		id("id", "account_id", "Ad account: account_id of the other tables, without act_"), text("name", "name", "Name"),
		whole("account_status", "account_status", "1 active, 2 disabled, 3 unsettled, 7 pending risk review, 8 pending settlement, 9 in grace period, 100 pending closure, 101 closed; closed ones are not read", ""),
		whole("disable_reason", "disable_reason", "Why it is disabled, a number of Meta's; 0 is not at all", ""),
		currency("currency"),
		ident("timezone_name", "timezone_name", "Time zone of its days, IANA"),
		ratio("timezone_offset_hours_utc", "timezone_offset_hours_utc", "Hours that its time zone is ahead of UTC now", "hours"),
		zeroed(minor("amount_spent", "amount_spent", "What was spent since the beginning, or since the spend cap was reset")),
		zeroed(minor("balance", "balance", "What is owed")),
		minor("spend_cap", "spend_cap", "Most that it may ever spend; NULL without one"),
		minor("min_daily_budget", "min_daily_budget", "Least budget a day of a campaign or an ad set"),
		ident("business_id", "business.id", "Business that owns it"), text("business_name", "business.name", "Name of the business"),
		moment("created_time", "created_time", "When it was made"),
	}, key: []string{"id"}}
	s.fields = append(s.fields, extra(s.fields))
	t := tables.Table{
		Name: s.name, Doc: "Ad accounts that the token reaches, or those of business_id", Key: s.key, Fresh: freshEntity,
		Calls: func(tables.Scan) (int, bool) { return c.listCalls() },
		Units: func(tables.Scan) map[string]int { return rest.Units(c.limits("", "", false)) },
	}
	for _, f := range s.fields {
		t.Columns = append(t.Columns, f.Column)
	}
	t.Scan = func(ctx context.Context, scan tables.Scan) iter.Seq2[tables.Row, error] {
		return func(yield func(tables.Row, error) bool) {
			fields, err := s.pick(scan.Columns)
			if err != nil {
				yield(nil, err)
				return
			}
			all, err := c.list(ctx, true)
			if err != nil {
				yield(nil, err)
				return
			}
			for _, a := range all {
				row, err := rowOf(a.Record, fields, a)
				if !yield(row, err) || err != nil {
					return
				}
			}
		}
	}
	return t
}

// activitiesTable is the log of what was changed in an account, by whom.
func (c *Client) activitiesTable(since tables.Day) tables.Table {
	local := func(r Record, a account) (any, error) {
		t, err := readMoment(r["event_time"])
		if err != nil {
			return nil, fmt.Errorf("event_time: %w", err)
		}
		return tables.DayOf(t.In(tables.Account{Zone: a.Zone}.Location())), nil
	}
	s := sheet{name: "activities", key: []string{"event_time", "object_id", "event_type", "occurrence"}, fields: []field{
		{Column: tables.Column{Name: "date", Type: tables.DateType, Doc: "Day of the change in the account's time zone", NotNull: true, Push: true}, from: "event_time", read: local},
		own(),
		{Column: tables.Column{Name: "event_time", Type: tables.Timestamp, Doc: "When it was changed; UTC", NotNull: true}, from: "event_time",
			read: func(r Record, _ account) (any, error) { return readTime(r["event_time"]) }},
		word("event_type", "event_type", "What was done: update_campaign_run_status, update_campaign_budget, update_ad_set_bidding …"),
		text("translated_event_type", "translated_event_type", "event_type as a person calls it"),
		ident("actor_id", "actor_id", "Who did it"), text("actor_name", "actor_name", "Name of who did it"),
		text("application_name", "application_name", "App by which it was done"),
		word("object_id", "object_id", "What was changed"), text("object_name", "object_name", "Name of what was changed"),
		ident("object_type", "object_type", "CAMPAIGN_GROUP (a campaign), CAMPAIGN (an ad set), ADGROUP (an ad), ACCOUNT …"),
		document("extra_data", "extra_data", "Values before and after, a JSON object whose form depends on event_type"),
		{Column: tables.Column{Name: "occurrence", Type: tables.BigInt, Doc: "Tells events of one second, object and type apart, from 1", NotNull: true, NonAdditive: true},
			read: func(r Record, _ account) (any, error) { return r["occurrence"], nil }},
	}}
	for i := range s.fields {
		if s.fields[i].Name == "extra_data" {
			s.fields[i].read = func(r Record, _ account) (any, error) { return readEmbedded(r["extra_data"]) }
		}
	}
	t := tables.Table{
		Name: s.name, Doc: "What was changed in an account, by whom: Meta's activity log, which lacks some changes that were made by apps",
		Key: s.key, Account: "account_id", Day: "date", Accounts: c.Accounts, Roster: c.roster, Fresh: freshActivities, MaxDays: 31, Since: since,
		Clock: "day of the change in the account's time zone",
		Calls: func(scan tables.Scan) (int, bool) { return len(scan.Days.Chunks(31)), false },
		Units: func(scan tables.Scan) map[string]int { return rest.Units(c.limits(scan.Account, management, false)) },
	}
	for _, f := range s.fields {
		t.Columns = append(t.Columns, f.Column)
	}
	t.Scan = func(ctx context.Context, scan tables.Scan) iter.Seq2[tables.Row, error] {
		return func(yield func(tables.Row, error) bool) {
			fail := func(err error) { yield(nil, err) }
			for _, d := range scan.Where {
				if d.Empty() {
					return
				}
			}
			fields, err := s.pick(scan.Columns)
			if err != nil {
				fail(err)
				return
			}
			a, err := c.account(ctx, scan.Account)
			if err != nil {
				fail(err)
				return
			}
			zone := tables.Account{Zone: a.Zone}.Location()
			for _, days := range scan.Days.Chunks(31) {
				part := scan
				part.Days = days
				since, until := midnight(days.From, zone), midnight(days.To.Add(1), zone)
				times := map[string]int64{}
				q := ask{path: "/act_" + scan.Account + "/activities", account: scan.Account, use: management, values: url.Values{
					"fields": {strings.Join(s.asked(scan.Columns), ",")},
					"since":  {strconv.FormatInt(since.Unix(), 10)}, "until": {strconv.FormatInt(until.Unix(), 10)},
				}}
				for r, err := range c.pages(rest.About(ctx, part), q, false, nil) {
					if err != nil {
						fail(err)
						return
					}
					day, err := local(r, a)
					if err != nil {
						fail(fault.Wrap(fault.Broken, err, "%s: a row cannot be read", about(a.ID)))
						return
					}
					if !days.Contains(day.(tables.Day)) { // the end of a range may be part of it
						continue
					}
					key := plain(r["event_time"]) + " " + plain(r["object_id"]) + " " + plain(r["event_type"])
					times[key]++
					r["occurrence"] = times[key]
					row, err := rowOf(r, fields, a)
					if !yield(row, err) || err != nil {
						return
					}
				}
			}
		}
	}
	return t
}

// midnight is when a day begins in a time zone.
func midnight(d tables.Day, zone *time.Location) time.Time {
	y, m, day := d.Time().Date()
	return time.Date(y, m, day, 0, 0, 0, 0, zone)
}

func readMoment(v any) (time.Time, error) {
	t, err := readTime(v)
	if err != nil {
		return time.Time{}, err
	}
	return t.(time.Time), nil
}

// readEmbedded reads JSON that travels as a text; a text that is none is kept as
// a JSON text.
func readEmbedded(v any) (any, error) {
	if s, ok := v.(string); ok && json.Valid([]byte(s)) {
		return s, nil
	}
	if v == nil {
		return nil, nil
	}
	b, err := marshal(v)
	return string(b), err
}
