package tiktokads

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"argo/tables"
	"argo/tables/fault"
	"argo/tables/rest"

	"github.com/cockroachdb/apd/v3"
)

// The groups of freshness.
const (
	delivery = "delivery"
	booked   = "booked"
)

var (
	freshDelivery = tables.Freshness{Steps: []tables.Step{{Within: 1, Keep: 10 * time.Minute}, {Within: 2, Keep: time.Hour}, {Within: 9, Keep: 6 * time.Hour}}}
	// freshBooked: results of up to 28 days after a click, and what is late.
	freshBooked = tables.Freshness{Steps: []tables.Step{{Within: 1, Keep: 10 * time.Minute}, {Within: 2, Keep: time.Hour}, {Within: 9, Keep: 6 * time.Hour}, {Within: 32, Keep: 24 * time.Hour}}}
	freshEntity = tables.Freshness{Entity: 10 * time.Minute}
)

// place is where the value of a column is taken from.
type place struct {
	account, currency string
	row               row
}

// field is a column of a performance table.
type field struct {
	tables.Column
	dim, metric string
	read        func(place) (any, error)
}

func (f field) of(group string) field { f.Group = group; return f }
func (f field) ratio() field          { f.NonAdditive = true; return f }

func metric(name, doc, unit string, t tables.Type, read func(any) (any, error)) field {
	return field{Column: tables.Column{Name: name, Type: t, Doc: doc, Unit: unit, Group: delivery}, metric: name,
		read: func(p place) (any, error) { return read(p.row.Metrics[name]) }}
}

func count(name, doc string) field { return metric(name, doc, "count", tables.BigInt, readInt) }
func money(name, doc string) field {
	return metric(name, doc, "account currency", tables.Money, readDecimal)
}

func nameOf(name, doc string) field {
	return metric(name, doc, "", tables.Varchar, func(v any) (any, error) {
		if v == nil {
			return nil, nil
		}
		return readText(v), nil
	})
}
func idAbove(name, doc string) field { return metric(name, doc, "", tables.BigInt, readInt) }

func id(name, doc string) field {
	return field{Column: tables.Column{Name: name, Type: tables.BigInt, NotNull: true, Doc: doc}, dim: name,
		read: func(p place) (any, error) { return readInt(p.row.Dimensions[name]) }}
}

func dimension(name, doc string) field {
	return field{Column: tables.Column{Name: name, Type: tables.Ident, NotNull: true, Doc: doc}, dim: name,
		read: func(p place) (any, error) { return readText(p.row.Dimensions[name]), nil }}
}

var (
	date = field{Column: tables.Column{Name: "date", Type: tables.DateType, NotNull: true, Push: true, Doc: "Day in the advertiser's time zone; results on the day of the click or view"},
		read: func(p place) (any, error) { return p.row.day, nil }}
	hour = field{Column: tables.Column{Name: "hour", Type: tables.BigInt, NotNull: true, Doc: "Hour of the day in the advertiser's time zone, 0 to 23"},
		read: func(p place) (any, error) { return p.row.hour, nil }}
	account = field{Column: tables.Column{Name: "advertiser_id", Type: tables.BigInt, NotNull: true, Push: true, Doc: "Advertiser (ad account)"},
		read: func(p place) (any, error) { return strconv.ParseInt(p.account, 10, 64) }}
	currency = field{Column: tables.Column{Name: "currency", Type: tables.Ident, Group: delivery, Doc: "Currency of every amount of the row"},
		read: func(p place) (any, error) { return p.currency, nil }}
	// common are the metrics that audience reports have, too.
	common = []field{
		money("spend", "What was spent"),
		count("impressions", "Impressions"),
		count("clicks", "Clicks to the destination"),
		metric("ctr", "Clicks by impressions of this row, in percent; for several rows divide the sums", "percent", tables.Dec(20, 6), readDecimal).ratio(),
		money("cpc", "Spend by clicks of this row; for several rows divide the sums").ratio(),
		money("cpm", "Spend by thousand impressions of this row; for several rows divide the sums").ratio(),
		count("conversion", "Results of the optimization event, by the day of the click or view").of(booked),
		money("cost_per_conversion", "Spend by conversions of this row; for several rows divide the sums").of(booked).ratio(),
	}
	basic = []field{
		count("reach", "People who were reached; does not add up over rows").ratio(),
		metric("frequency", "Impressions by person of this row", "ratio", tables.Dec(20, 6), readDecimal).ratio(),
		count("video_play_actions", "Plays of the video"),
		count("likes", "Likes"), count("comments", "Comments"), count("shares", "Shares"), count("follows", "Follows"),
		count("complete_payment", "Payments completed on the website").of(booked),
		money("total_purchase_value", "Value of purchases in the app").of(booked),
	}
)

// sheet is a performance table.
type sheet struct {
	name, doc string
	kind      string // report_type
	level     string // data_level
	dims      []string
	hourly    bool
	key       []string
	own       []field
	metrics   []field
}

var sheets = func() (out []sheet) {
	campaign := nameOf("campaign_name", "Name of the campaign when the row was read")
	group := nameOf("adgroup_name", "Name of the ad group when the row was read")
	levels := []struct {
		name, what, level, id string
		own                   []field
	}{
		{"advertiser", "advertisers", "AUCTION_ADVERTISER", "advertiser_id", nil},
		{"campaign", "campaigns", "AUCTION_CAMPAIGN", "campaign_id", []field{id("campaign_id", "Campaign"), campaign}},
		{"adgroup", "ad groups", "AUCTION_ADGROUP", "adgroup_id", []field{idAbove("campaign_id", "Campaign"), campaign, id("adgroup_id", "Ad group"), group}},
		{"ad", "ads", "AUCTION_AD", "ad_id", []field{idAbove("campaign_id", "Campaign"), campaign, idAbove("adgroup_id", "Ad group"), group, id("ad_id", "Ad"), nameOf("ad_name", "Name of the ad when the row was read")}},
	}
	cuts := []struct {
		name, what string
		dims       []field
	}{
		{"age_gender", "age and gender", []field{dimension("age", "Age, such as AGE_25_34"), dimension("gender", "FEMALE, MALE or NONE")}},
		{"country", "country", []field{dimension("country_code", "Country, ISO 3166")}},
		{"platform", "platform", []field{dimension("platform", "ANDROID, IPHONE, IPAD, PC …")}},
	}
	for _, l := range levels {
		var key []string
		if l.own != nil {
			key = []string{l.id}
		}
		out = append(out,
			sheet{name: l.name + "_performance", doc: "What " + l.what + " delivered by day", kind: "BASIC", level: l.level, dims: []string{l.id, "stat_time_day"}, key: key, own: l.own, metrics: slices.Concat(common, basic)},
			sheet{name: l.name + "_hour_performance", doc: "What " + l.what + " delivered by hour", kind: "BASIC", level: l.level, dims: []string{l.id, "stat_time_hour"}, hourly: true,
				key: slices.Concat(key, []string{"hour"}), own: slices.Concat(l.own, []field{hour}), metrics: slices.Concat(common, basic)})
		for _, cut := range cuts {
			s := sheet{name: l.name + "_" + cut.name + "_performance", doc: "What " + l.what + " delivered by day and " + cut.what + "; such reports lag up to 12 hours", kind: "AUDIENCE", level: l.level,
				dims: []string{l.id, "stat_time_day"}, key: slices.Clone(key), own: slices.Concat(l.own, cut.dims), metrics: common}
			for _, f := range cut.dims {
				s.dims, s.key = append(s.dims, f.dim), append(s.key, f.dim)
			}
			out = append(out, s)
		}
	}
	return out
}()

func (s sheet) fields() []field {
	return slices.Concat([]field{date, account}, s.own, s.metrics, []field{currency})
}

// asked names the metrics of the request: those of every column, always, so that
// the columns of a statement never change a call.
func (s sheet) asked() (out []string) {
	for _, f := range s.fields() {
		if f.metric != "" {
			out = append(out, f.metric)
		}
	}
	return out
}

func (s sheet) maxDays() int {
	if s.hourly {
		return 1
	}
	return 30
}

func (s sheet) table(c *Client, since tables.Day) tables.Table {
	t := tables.Table{
		Name: s.name, Doc: fmt.Sprintf("%s. A report holds %d days; results arrive for up to 28 days", s.doc, s.maxDays()), Key: s.key, Account: "advertiser_id", Day: "date", Since: since, Whole: true,
		Clock: "day in the advertiser's time zone; results on the day of the click or view", Fresh: freshBooked,
		Groups:   map[string]tables.Freshness{delivery: freshDelivery, booked: freshBooked},
		Accounts: c.Accounts, Roster: c.roster, Scan: c.scan(s), MaxDays: s.maxDays(),
		Units: func(tables.Scan) map[string]int { return rest.Units(c.limits()) },
		Calls: func(scan tables.Scan) (int, bool) {
			n, exact := c.currencyCalls(scan.Account)
			// A row for each day, or hour, of an advertiser is one page.
			return n + len(scan.Days.Chunks(s.maxDays())), exact && s.level == "AUCTION_ADVERTISER" && s.kind == "BASIC"
		},
	}
	for _, f := range s.fields() {
		t.Columns = append(t.Columns, f.Column)
	}
	return t
}

func (c *Client) tables(since tables.Day) []tables.Table {
	var out []tables.Table
	for _, e := range entities {
		out = append(out, e.table(c))
	}
	for _, s := range sheets {
		out = append(out, s.table(c, since))
	}
	return out
}

var decimals = apd.BaseContext.WithPrecision(38)

// readDecimal reads a number or the text of one, to six decimals.
func readDecimal(v any) (any, error) {
	d, err := number(v)
	if d == nil || err != nil {
		return nil, err
	}
	if cond, err := decimals.Quantize(d, d, -6); err != nil || cond.InvalidOperation() || d.NumDigits() > 20 {
		return nil, fmt.Errorf("%.40q has too many digits", fmt.Sprint(v))
	}
	return d, nil
}

// readInt reads a whole number, which may be written 12.0 or "12".
func readInt(v any) (any, error) {
	d, err := number(v)
	if d == nil || err != nil {
		return nil, err
	}
	n, err := d.Int64()
	if err != nil {
		return nil, fmt.Errorf("%.40q is not a whole number", fmt.Sprint(v))
	}
	return n, nil
}

// number gives nil for no value, which TikTok also writes "-".
func number(v any) (*apd.Decimal, error) {
	var text string
	switch v := v.(type) {
	case nil:
		return nil, nil
	case json.Number:
		text = v.String()
	case string:
		if text = strings.TrimSpace(v); text == "" || text == "-" {
			return nil, nil
		}
	default:
		return nil, fmt.Errorf("%T is not a number", v)
	}
	d, _, err := apd.NewFromString(text)
	if err != nil || d.Form != apd.Finite || d.Exponent > 18 || d.Exponent < -30 {
		return nil, fmt.Errorf("%.40q is not a number", text)
	}
	if d.Exponent < 0 { // 12.0
		d.Reduce(d)
	}
	return d, nil
}

// readText gives ” for no value.
func readText(v any) string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

func unknownColumn(s sheet, name string) error {
	return fault.New(fault.Internal, "the table tiktok_ads %s has no column %s", s.name, name)
}
