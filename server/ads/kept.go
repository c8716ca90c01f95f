package ads

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"argo/server/engine"
	"argo/tables"
	"argo/tables/fault"

	"github.com/cockroachdb/apd/v3"
)

// kept is a table whose rows are in the store. Its last two columns say who
// changed a row and when.
type kept struct {
	m      *model
	table  tables.Table
	byHand bool // by INSERT, UPDATE and DELETE; else by procedures
	// connection is the column that says whose a row is: one who may not read the
	// connection sees no row of it and changes none. -1: everybody's.
	connection int
	check      func(r tables.Row) error // and tidies it
	// given are rows that are there unless one with the same key was kept.
	given []tables.Row
}

// Names of the tables that people keep.
const (
	accountMapping = "account_mapping"
	rates          = "rates"
	vat            = "vat"
	taxonomy       = "conversion_taxonomy"
	namingRules    = "naming_rules"
	mediaSources   = "media_sources"
)

var changed = []tables.Column{
	{Name: "changed_by", Type: tables.Varchar, Doc: "Who changed the row last; filled in"},
	{Name: "changed_at", Type: tables.Timestamp, Doc: "When (UTC); filled in"},
}

func ident(name, doc string) tables.Column {
	return tables.Column{Name: name, Type: tables.Ident, NotNull: true, Push: true, Doc: doc}
}

func text(name, doc string) tables.Column {
	return tables.Column{Name: name, Type: tables.Varchar, Doc: doc}
}

// keptTables are the tables that people keep.
func (m *model) keptTables() []*kept {
	make := func(name, doc string, key []string, connection int, check func(tables.Row) error, columns ...tables.Column) *kept {
		k := &kept{m: m, byHand: true, connection: connection, check: check,
			table: tables.Table{Name: name, Doc: doc, Key: key, Columns: append(columns, changed...)}}
		k.table.Scan = scan(k.table.Columns, func(ctx context.Context, _ tables.Scan) ([]tables.Row, error) { return k.visible(ctx) })
		return k
	}
	const editable = ". Kept by INSERT, UPDATE and DELETE, for which a user needs the right to act"
	rules := make(namingRules, "Rules that take names of campaigns apart: CALL ads.create_naming_rule(…), CALL ads.drop_naming_rule(…)", []string{"name"}, -1, nil,
		ident("name", "Name of the rule"),
		tables.Column{Name: "pattern", Type: tables.LongText, NotNull: true, Doc: "'{brand}|{format}|{country}', or a regular expression with named groups: '^(?<brand>[A-Z]+)_(?<country>..)$'"},
		tables.Column{Name: "scope", Type: tables.LongText, Doc: "Whose campaigns: 'channel=google_ads', 'connection=…', 'account_id=…', 'advertiser=…', joined by 'and'; NULL: all"},
		tables.Column{Name: "expression", Type: tables.LongText, NotNull: true, Doc: "The regular expression that the pattern stands for"},
		tables.Column{Name: "fields", Type: tables.LongText, NotNull: true, Doc: "Columns of ads.campaign_names that it fills, separated by commas"},
	)
	rules.byHand = false
	sources := make(mediaSources, "Which channel a media source of a tracker is; one name, one channel, whatever the tracker. Lines that Argo brings along come back when they are deleted: set their channel to NULL instead"+editable,
		[]string{"media_source"}, -1, checkMediaSource,
		tables.Column{Name: "media_source", Type: tables.Varchar, NotNull: true, Doc: "Media source, network or source in the tracker's word, in lower case"},
		tables.Column{Name: "channel", Type: tables.Ident, Doc: "Source that sells it: google_ads; NULL: none of them"},
		text("note", "Anything"))
	sources.given = knownMediaSources()
	return []*kept{
		sources,
		make(accountMapping, "Which account is whose: advertiser → brand → account"+editable, []string{"connection", "account_id"}, 0, nil,
			ident("connection", "Connection: the database of its own tables"), ident("account_id", "Account, as ads.accounts has it"),
			text("advertiser", "Advertiser"), text("brand", "Brand of the advertiser"), text("note", "Anything")),
		make(rates, "Rates of exchange. The rate of a day is its own, else that of the last day before it that has one, up to 31 days back; where only the opposite direction is there, one by that. Rates are not chained over a third currency"+editable,
			[]string{"date", "from_currency", "to_currency"}, -1, checkRate,
			tables.Column{Name: "date", Type: tables.DateType, NotNull: true, Push: true, Doc: "Day of the rate"},
			ident("from_currency", "ISO 4217"), ident("to_currency", "ISO 4217"),
			tables.Column{Name: "rate", Type: tables.Dec(24, 12), NotNull: true, NonAdditive: true, Doc: "Units of to_currency for one of from_currency"},
			text("source", "Where it is from: a bank, a contract")),
		make(vat, "Value added tax in what channels report. Of several lines for a day the latest valid_from counts, and one of the connection before one of its channel; without a line spend is taken to be without tax, at a rate of 0"+editable,
			[]string{"scope", "valid_from"}, -1, checkVAT,
			ident("scope", "A connection, or a channel: naver_searchad"),
			tables.Column{Name: "valid_from", Type: tables.DateType, NotNull: true, Doc: "First day for which it holds"},
			tables.Column{Name: "vat_rate", Type: tables.Dec(9, 6), NotNull: true, NonAdditive: true, Doc: "Rate: 0.1 is 10 %", Unit: "ratio 0..1"},
			tables.Column{Name: "included", Type: tables.Boolean, NotNull: true, Doc: "Whether the spend that the channel reports has the tax in it"}),
		make(taxonomy, "What an action at a channel or an event at a tracker means in business: many to one"+editable, []string{"channel", "action_type"}, -1, nil,
			ident("channel", "Source: meta_ads, appsflyer"),
			tables.Column{Name: "action_type", Type: tables.Type{Kind: tables.ID, Length: 255}, NotNull: true, Push: true, Doc: "Action type, conversion action or event, in the source's word: offsite_conversion.fb_pixel_purchase, af_purchase"},
			text("business_event", "What it is called here: purchase, signup, install"), text("note", "Anything")),
		rules,
	}
}

// knownMediaSources are names that trackers have for channels.
func knownMediaSources() (out []tables.Row) {
	for channel, names := range map[string][]string{
		"apple_ads":     {"apple search ads", "apple.searchads"},
		"criteo":        {"criteonew_int"},
		"google_ads":    {"googleadwords_int", "google.adwords", "google ads aci"},
		"kakao_moment":  {"kakao_int"},
		"line_ads":      {"line_int"},
		"meta_ads":      {"facebook ads", "facebook installs", "instagram installs", "off-facebook installs", "facebook.business"},
		"microsoft_ads": {"bingsearch_int"},
		"tiktok_ads":    {"bytedanceglobal_int", "tiktokglobal_int", "tiktok san"},
		"x_ads":         {"twitter", "twitter installs"},
	} {
		for _, name := range names {
			out = append(out, tables.Row{name, channel, "known to Argo", "argo", nil})
		}
	}
	slices.SortFunc(out, func(a, b tables.Row) int { return strings.Compare(textOf(a[0]), textOf(b[0])) })
	return out
}

func checkMediaSource(r tables.Row) error {
	r[0] = strings.ToLower(strings.TrimSpace(textOf(r[0])))
	return nil
}

func checkRate(r tables.Row) error {
	for _, i := range []int{1, 2} {
		code := strings.ToUpper(strings.TrimSpace(textOf(r[i])))
		if len(code) != 3 || strings.Trim(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
			return fault.New(fault.Invalid, "%q is no currency", textOf(r[i])).WithHint("write its ISO 4217 code: KRW, USD, JPY")
		}
		r[i] = code
	}
	if d, ok := r[3].(*apd.Decimal); !ok || d.Sign() <= 0 {
		return fault.New(fault.Invalid, "a rate of exchange is above 0")
	}
	return nil
}

func checkVAT(r tables.Row) error {
	if d, ok := r[2].(*apd.Decimal); !ok || d.Sign() < 0 || d.Cmp(apd.New(1, 0)) >= 0 {
		return fault.New(fault.Invalid, "a rate of value added tax is at least 0 and below 1").WithHint("10 %% is 0.1")
	}
	return nil
}

// rows of the table, as its columns.
func (k *kept) rows(ctx context.Context) ([]tables.Row, error) {
	if k.m.o.Store == nil {
		return nil, nil
	}
	list, err := k.m.o.Store.Rows(ctx, k.table.Name)
	if err != nil {
		return nil, err
	}
	out := make([]tables.Row, 0, len(list))
	for _, document := range list {
		var values map[string]*string
		if err := json.Unmarshal(document, &values); err != nil {
			return nil, fault.Wrap(fault.Broken, err, "a row of ads.%s cannot be read", k.table.Name)
		}
		row := make(tables.Row, len(k.table.Columns))
		for i, c := range k.table.Columns {
			if s := values[c.Name]; s != nil {
				if row[i], err = decode(c, *s); err != nil {
					return nil, fault.Wrap(fault.Broken, err, "a row of ads.%s cannot be read", k.table.Name)
				}
			}
		}
		out = append(out, row)
	}
	have := map[string]bool{}
	for _, r := range out {
		have[k.key(r)] = true
	}
	for _, r := range k.given {
		if !have[k.key(r)] {
			out = append(out, slices.Clone(r))
		}
	}
	return out, nil
}

// visible are the rows that the user behind ctx may see.
func (k *kept) visible(ctx context.Context) ([]tables.Row, error) {
	all, err := k.rows(ctx)
	if err != nil || k.connection < 0 {
		return all, err
	}
	out := all[:0]
	for _, r := range all {
		if k.m.o.MayRead(ctx, textOf(r[k.connection])) {
			out = append(out, r)
		}
	}
	return out, nil
}

// edit implements engine.Edit.
func (k *kept) edit(ctx context.Context, by string, gone, come []tables.Row) error {
	if k.m.o.Store == nil {
		return fault.New(fault.Unsupported, "ads.%s cannot be kept: there is no state", k.table.Name)
	}
	var without []string
	with := map[string][]byte{}
	for _, r := range gone {
		without = append(without, k.key(r))
	}
	for _, r := range come {
		if k.check != nil {
			if err := k.check(r); err != nil {
				return err
			}
		}
		if c := k.connection; c >= 0 && !slices.ContainsFunc(k.m.visible(ctx), func(d engine.Database) bool { return d.Name == textOf(r[c]) }) {
			return fault.New(fault.Invalid, "there is no connection called %q", textOf(r[c])).WithHint("SELECT connection, account_id, account_name FROM ads.accounts")
		}
		n := len(k.table.Columns)
		r[n-2], r[n-1] = by, k.m.o.Now().UTC()
		values := map[string]*string{}
		for i, c := range k.table.Columns {
			if r[i] != nil {
				s := encode(r[i])
				values[c.Name] = &s
			}
		}
		document, err := json.Marshal(values)
		if err != nil {
			return err
		}
		with[k.key(r)] = document
	}
	return k.m.o.Store.Edit(ctx, k.table.Name, without, with)
}

// key of a row in the store: the values of its key columns, which hold no
// newline where they are identifiers and days.
func (k *kept) key(r tables.Row) string {
	var parts []string
	for _, name := range k.table.Key {
		for i, c := range k.table.Columns {
			if c.Name == name {
				parts = append(parts, encode(r[i]))
			}
		}
	}
	return strings.Join(parts, "\n")
}

func encode(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case tables.Day:
		return string(v)
	case bool:
		if v {
			return "1"
		}
		return "0"
	case time.Time:
		return v.UTC().Format(time.RFC3339Nano)
	case *apd.Decimal:
		return v.Text('f')
	}
	return fmt.Sprint(v)
}

func decode(c tables.Column, s string) (any, error) {
	switch c.Type.Kind {
	case tables.Date:
		return tables.ParseDay(s)
	case tables.DateTime:
		return time.Parse(time.RFC3339Nano, s)
	case tables.Bool:
		return s == "1", nil
	case tables.Decimal:
		d, _, err := apd.NewFromString(s)
		if err != nil {
			return nil, err
		}
		_, err = apd.BaseContext.WithPrecision(38).Quantize(d, d, int32(-c.Type.Scale))
		return d, err
	}
	return s, nil
}
