package kakaokeyword

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

// freshDelivery: a day may change until 08:00 of the next one, so that it is
// settled from the day after that on.
var freshDelivery = tables.Freshness{Steps: []tables.Step{{Within: 1, Keep: 10 * time.Minute}, {Within: 2, Keep: time.Hour}}}

// freshBooked: conversions of up to seven days after a click, and the morning
// until which the last of these days may change.
var freshBooked = tables.Freshness{Steps: []tables.Step{{Within: 1, Keep: 10 * time.Minute}, {Within: 2, Keep: time.Hour}, {Within: 9, Keep: 6 * time.Hour}}}

var freshEntity = tables.Freshness{Entity: 10 * time.Minute}

// metricsGroups is what every report is asked for.
const metricsGroups = "BASIC,ADDITION,PIXEL_SDK_CONVERSION"

// place is where the value of a column is taken from.
type place struct {
	c       *Client
	account string
	row     row
	names   lineage
}

type reader func(place) (any, error)

// field is a column of a performance table: of a dimension, a metric, or made
// from what is around the row.
type field struct {
	tables.Column
	dim, metric string
	read        reader
}

func (f field) of(group string) field { f.Group = group; return f }
func (f field) ratio() field          { f.NonAdditive = true; return f }

func metric(name, doc, unit string, t tables.Type, read func(any) (any, error)) field {
	return field{Column: tables.Column{Name: name, Type: t, Doc: doc, Unit: unit, Group: delivery}, metric: name, read: func(p place) (any, error) {
		v, ok := p.row.Metrics[name]
		if !ok || v == nil {
			return nil, nil
		}
		return read(v)
	}}
}

func count(name, doc string) field { return metric(name, doc, "count", tables.BigInt, readInt) }
func money(name, doc string) field {
	return metric(name, doc, "account currency", tables.Money, readDecimal)
}

// dimension is a column with the values of a dimension, ” where a row has none.
func dimension(name, doc string) field {
	return field{Column: tables.Column{Name: name, Type: tables.Type{Kind: tables.ID, Length: 255}, NotNull: true, Doc: doc}, dim: name,
		read: func(p place) (any, error) { return readText(p.row.Dimensions[name]), nil }}
}

func id(name, dim, doc string) field {
	return field{Column: tables.Column{Name: name, Type: tables.BigInt, NotNull: true, Doc: doc}, dim: dim,
		read: func(p place) (any, error) { return readInt(p.row.Dimensions[dim]) }}
}

// around gives a node that the row is about, so many levels above its own.
func around(p place, dim string, up int) (node, bool) {
	n, ok := p.names[fmt.Sprint(p.row.Dimensions[dim])]
	for ; ok && up > 0; up-- {
		n, ok = p.names[n.parent]
	}
	return n, ok
}

// nameOf is the name of what a row is about, or of what is above it.
func nameOf(name, dim string, up int, what string) field {
	return field{Column: tables.Column{Name: name, Type: tables.Varchar, Doc: "Name of the " + what + " when the row was read", Group: delivery},
		read: func(p place) (any, error) {
			if n, ok := around(p, dim, up); ok {
				return n.name, nil
			}
			return nil, nil
		}}
}

func idOf(name, dim string, up int, what string) field {
	return field{Column: tables.Column{Name: name, Type: tables.BigInt, Doc: what + "; NULL where the lists of the account do not have it any more", Group: delivery},
		read: func(p place) (any, error) {
			if n, ok := around(p, dim, up); ok {
				return strconv.ParseInt(n.id, 10, 64)
			}
			return nil, nil
		}}
}

// The columns that every performance table has.
var (
	date = field{Column: tables.Column{Name: "date", Type: tables.DateType, NotNull: true, Push: true, Doc: "Day in KST; conversions on the day of the click"},
		read: func(p place) (any, error) { return p.row.day, nil }}
	account = field{Column: tables.Column{Name: "ad_account_id", Type: tables.BigInt, NotNull: true, Push: true, Doc: "Ad account"},
		read: func(p place) (any, error) { return strconv.ParseInt(p.account, 10, 64) }}
	metrics = []field{
		count("imp", "Impressions"),
		count("click", "Clicks"),
		money("spending", "What was spent, as Kakao reports it; cost_includes_vat says whether value added tax is in it"),
		metric("ctr", "Clicks by impressions of this row, in percent; for several rows divide the sums", "percent", tables.Dec(20, 6), readDecimal).ratio(),
		money("ppc", "Spending by clicks of this row; for several rows divide the sums").ratio(),
		count("rimp", "Impressions of which the ad was a candidate (all impressions), as Kakao reports it"),
		metric("rank", "Average rank of this row", "rank", tables.Dec(20, 6), readDecimal).ratio(),
		count("conv_cmpt_reg_1d", "Registrations completed within 1 day of the click").of(booked),
		count("conv_cmpt_reg_7d", "Registrations completed within 7 days of the click").of(booked),
		count("conv_view_cart_1d", "Views of the cart within 1 day of the click").of(booked),
		count("conv_view_cart_7d", "Views of the cart within 7 days of the click").of(booked),
		count("conv_purchase_1d", "Purchases within 1 day of the click").of(booked),
		count("conv_purchase_7d", "Purchases within 7 days of the click; those within 1 day are among them").of(booked),
		money("conv_purchase_p_1d", "Amount of these purchases, of 1 day").of(booked),
		money("conv_purchase_p_7d", "Amount of these purchases, of 7 days; that it is an amount and not a price is partly confirmed").of(booked),
		count("conv_participation_1d", "Participations (leads) within 1 day of the click").of(booked),
		count("conv_participation_7d", "Participations (leads) within 7 days of the click").of(booked),
		count("conv_signup_1d", "Applications for a service within 1 day of the click").of(booked),
		count("conv_signup_7d", "Applications for a service within 7 days of the click").of(booked),
		count("conv_app_install_1d", "App installs within 1 day of the click").of(booked),
		count("conv_app_install_7d", "App installs within 7 days of the click").of(booked),
	}
	tail = []field{
		{Column: tables.Column{Name: "other_metrics", Type: tables.Document, Group: booked, Doc: "Metrics that Kakao gives and no column shows as a JSON object; NULL without any"},
			read: func(p place) (any, error) { return other(p.row) }},
		{Column: tables.Column{Name: "cost_includes_vat", Type: tables.Boolean, Group: delivery, Doc: "Whether spending has value added tax (10 %) in it, by the connection's option of that name: Kakao does not publish it; NULL where the option is not set"},
			read: func(p place) (any, error) {
				if p.c.vat == nil {
					return nil, nil
				}
				return *p.c.vat, nil
			}},
		{Column: tables.Column{Name: "currency", Type: tables.Ident, Group: delivery, Doc: "Currency of every amount of the row: KRW"},
			read: func(place) (any, error) { return "KRW", nil }},
	}
)

// sheet is a performance table.
type sheet struct {
	name, doc string
	path      string // of the report
	dimension string
	id        string // dimension that names what a row is about
	list      string // that it needs, with those above it
	key       []string
	own       []field // beside date, account, metrics
}

var sheets = func() []sheet {
	campaign := []field{id("campaign_id", "campaignId", "Campaign"), nameOf("campaign_name", "campaignId", 0, "campaign")}
	above := func(dim string, up int) []field {
		return []field{idOf("campaign_id", dim, up, "Campaign"), nameOf("campaign_name", dim, up, "campaign")}
	}
	group := func(dim string) []field {
		return append(above(dim, 2), idOf("ad_group_id", dim, 1, "Ad group"), nameOf("ad_group_name", dim, 1, "ad group"))
	}
	out := []sheet{
		{name: "account_performance", doc: "What ad accounts delivered by day", path: "adAccounts/report", id: "adAccountId"},
		{name: "campaign_performance", doc: "What campaigns delivered by day", path: "campaigns/report", id: "campaignId", list: "campaigns", key: []string{"campaign_id"}, own: campaign},
		{name: "ad_group_performance", doc: "What ad groups delivered by day", path: "adGroups/report", id: "adGroupId", list: "adGroups", key: []string{"ad_group_id"},
			own: append(above("adGroupId", 1), id("ad_group_id", "adGroupId", "Ad group"), nameOf("ad_group_name", "adGroupId", 0, "ad group"))},
		{name: "keyword_performance", doc: "What keywords delivered by day", path: "keywords/report", id: "keywordId", list: "keywords", key: []string{"keyword_id"},
			own: append(group("keywordId"), id("keyword_id", "keywordId", "Keyword"), nameOf("keyword", "keywordId", 0, "keyword, its text,"))},
		{name: "creative_performance", doc: "What creatives delivered by day", path: "creatives/report", id: "creativeId", list: "creatives", key: []string{"creative_id"},
			own: append(group("creativeId"), id("creative_id", "creativeId", "Creative"), nameOf("creative_name", "creativeId", 0, "creative"))},
	}
	for _, x := range []struct {
		name, what, dimension string
		own                   field
	}{
		{"device", "device", "DEVICE", dimension("device", "Device, in Kakao's words")},
		{"placement", "placement", "PLACEMENT", dimension("placement", "Placement, in Kakao's words")},
		{"hour", "hour", "HOUR", id("hour", "hour", "Hour of the day in KST, 0 to 23")},
	} {
		out = append(out, sheet{name: "campaign_" + x.name + "_performance", doc: "What campaigns delivered by day and " + x.what, path: "campaigns/report",
			dimension: x.dimension, id: "campaignId", list: "campaigns", key: []string{"campaign_id", x.own.Name}, own: slices.Concat(campaign, []field{x.own})})
	}
	return out
}()

func (s sheet) fields() []field {
	return slices.Concat([]field{date, account}, s.own, metrics, tail)
}

func (s sheet) readers(columns []string) ([]reader, error) {
	all := s.fields()
	out := make([]reader, len(columns))
	for i, name := range columns {
		at := slices.IndexFunc(all, func(f field) bool { return f.Name == name })
		if at < 0 {
			return nil, fault.New(fault.Internal, "the table kakao_keyword %s has no column %s", s.name, name)
		}
		out[i] = all[at].read
	}
	return out, nil
}

// restated is what every performance table says of itself.
const restated = "A day may change until 08:00 KST of the next one, conversions arrive for 7 days. A report holds 31 days of a campaign and today takes one more; an account gives one in five seconds"

func (s sheet) table(c *Client, since tables.Day) tables.Table {
	t := tables.Table{
		Name: s.name, Doc: s.doc + ". " + restated, Key: s.key, Account: "ad_account_id", Day: "date", Since: since, Whole: true,
		Clock: "day in KST; conversions on the day of the click", Fresh: freshBooked,
		Groups:   map[string]tables.Freshness{delivery: freshDelivery, booked: freshBooked},
		Accounts: c.Accounts, Roster: c.roster, Scan: c.scan(s), Calls: c.callsOf(s), MaxDays: maxDays,
		Units: func(scan tables.Scan) map[string]int { return rest.Units(c.limits(scan.Account, s.path)) },
	}
	for _, f := range s.fields() {
		t.Columns = append(t.Columns, f.Column)
	}
	return t
}

func (c *Client) tables(since tables.Day) []tables.Table {
	out := []tables.Table{c.accountsTable()}
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

// number gives nil for no value.
func number(v any) (*apd.Decimal, error) {
	var text string
	switch v := v.(type) {
	case nil:
		return nil, nil
	case json.Number:
		text = v.String()
	case string:
		if text = strings.ReplaceAll(strings.TrimSpace(v), ",", ""); text == "" || text == "-" {
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
