package googleads

import (
	"context"
	"fmt"
	"iter"
	"time"

	"argo/tables"
	"argo/tables/fault"
	"argo/tables/rest"
)

// keptDays is how many days of change events Google keeps, today included; a
// query that begins earlier is refused (START_DATE_TOO_OLD).
const keptDays = 30

// most is the highest LIMIT of a query of change events. A LIMIT is required.
const most = 10000

var changes = sheet{
	name: "change_events", from: "change_event", key: []string{"resource_name"}, day: true,
	doc: "Who changed what: every change of the last 30 days, by people, scripts and APIs (Argo's own too). Google keeps no older ones; an event is seen within three minutes and never changes. A reply of 10,000 events is asked for again in halves",
	fields: []field{
		column("date", tables.DateType, "Day of the change in the account's time zone", "", readDay, "change_event.change_date_time").notNull().pushed(),
		customerField(),
		clock("change_date_time", "change_event.change_date_time", "Time of the change").notNull(),
		resource("resource_name", "change_event.resource_name", "Name of the event").notNull(),
		word("change_resource_type", "change_event.change_resource_type", "CAMPAIGN, CAMPAIGN_BUDGET, AD_GROUP, AD_GROUP_AD, AD_GROUP_CRITERION, AD, ASSET …"),
		resource("change_resource_name", "change_event.change_resource_name", "What was changed: customers/1/campaigns/2"),
		word("resource_change_operation", "change_event.resource_change_operation", "CREATE, UPDATE or REMOVE"),
		word("client_type", "change_event.client_type", "GOOGLE_ADS_WEB_CLIENT, GOOGLE_ADS_API, GOOGLE_ADS_SCRIPTS, GOOGLE_ADS_BULK_UPLOAD …"),
		text("user_email", "change_event.user_email", "Who"),
		long("changed_fields", "change_event.changed_fields", "Names of the changed fields, with commas"),
		list("old_resource", "change_event.old_resource", "The changed fields before, JSON"),
		list("new_resource", "change_event.new_resource", "The changed fields after, JSON"),
		ref("campaign_id", "change_event.campaign", "Campaign, where the change belongs to one"),
		ref("ad_group_id", "change_event.ad_group", "Ad group, where the change belongs to one"),
	},
}

func (c *Client) changesTable(since tables.Day) tables.Table {
	t := changes.table(c, since)
	t.Fresh, t.Groups, t.MaxDays, t.Clock = freshChanges, nil, keptDays, "day of the change in the account's time zone"
	for i := range t.Columns {
		t.Columns[i].Group = ""
	}
	t.Calls = func(tables.Scan) (int, bool) { return 1, false } // and as many halves as a full reply needs
	t.Scan = func(ctx context.Context, scan tables.Scan) iter.Seq2[tables.Row, error] {
		return func(yield func(tables.Row, error) bool) {
			if err := c.changes(ctx, scan, yield); err != nil {
				yield(nil, err)
			}
		}
	}
	return t
}

func (c *Client) changes(ctx context.Context, scan tables.Scan, yield func(tables.Row, error) bool) error {
	read, err := changes.readers(scan.Account, scan.Columns)
	if err != nil {
		return err
	}
	// Whose day it is matters only near the oldest one.
	oldest := tables.DayOf(c.now().UTC()).Add(2 - keptDays)
	if scan.Days.From < oldest {
		a, err := c.account(ctx, scan.Account)
		if err != nil {
			return err
		}
		oldest = tables.DayOf(c.now().In(tables.Account{Zone: a.Zone}.Location())).Add(1 - keptDays)
	}
	if scan.Days.From < oldest {
		tables.TraceOf(ctx).Warn(fault.New(fault.Invalid, "%s: Google keeps change events of %d days; those before %s are gone", about(scan.Account), keptDays, oldest))
		scan.Days.From = oldest
	}
	if scan.Days.From > scan.Days.To {
		return nil
	}
	_, err = c.window(ctx, scan, read, scan.Days.From.Time(), scan.Days.To.Add(1).Time(), yield)
	return err
}

// window yields the events of [from, to). A full reply may lack events: the
// window is halved until a reply is not full, down to one second.
func (c *Client) window(ctx context.Context, scan tables.Scan, read []reader, from, to time.Time, yield func(tables.Row, error) bool) (more bool, err error) {
	const layout = "2006-01-02 15:04:05"
	query := changes.gaqlBetween(scan, from.Format(layout), to.Add(-time.Second).Format(layout)+".999999")
	var rows []tables.Row
	for r, err := range c.Query(rest.About(ctx, scan), scan.Account, query) {
		if err != nil {
			return false, err
		}
		row, err := rowOf(r, read, scan.Account)
		if err != nil {
			return false, err
		}
		rows = append(rows, row)
	}
	if len(rows) >= most {
		span := to.Sub(from)
		if span <= time.Second {
			return false, fault.New(fault.Broken, "%s has %d changes or more in the second %s: Google gives no more of them", about(scan.Account), most, from.Format(layout))
		}
		middle := from.Add((span / 2).Truncate(time.Second))
		if span >= 48*time.Hour {
			middle = from.Add((span / 2).Truncate(24 * time.Hour))
		}
		more, err := c.window(ctx, scan, read, middle, to, yield)
		if err != nil || !more {
			return more, err
		}
		return c.window(ctx, scan, read, from, middle, yield)
	}
	for _, row := range rows {
		if !yield(row, nil) {
			return false, nil
		}
	}
	return true, nil
}

func (s sheet) gaqlBetween(scan tables.Scan, from, to string) string {
	plain := s
	plain.day = false
	plain.where = fmt.Sprintf("change_event.change_date_time BETWEEN '%s' AND '%s'", from, to)
	scan.Columns = append([]string{"date"}, scan.Columns...)
	return plain.gaql(scan) + fmt.Sprintf(" LIMIT %d", most)
}
