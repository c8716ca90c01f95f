package naversearchad

import (
	"context"
	"iter"
	"slices"
	"time"

	"argo/tables"
	"argo/tables/fault"
	"argo/tables/rest"

	"github.com/cockroachdb/apd/v3"
)

// freshEntity is how long what exists now is good. Argo's own actions forget what
// they change at once.
var freshEntity = tables.Freshness{Entity: 10 * time.Minute}

// freshMaster is the same of entity files, which are jobs.
var freshMaster = tables.Freshness{Entity: time.Hour}

// freshStats: figures of today are built all day long (cycleBaseTm), those of
// yesterday are complete by 09:00, move for two days, and invalid clicks are taken
// off for about a week. Conversions are booked on the day they happen.
var freshStats = tables.Freshness{Steps: []tables.Step{{Within: 1, Keep: 15 * time.Minute}, {Within: 3, Keep: time.Hour}, {Within: 10, Keep: 12 * time.Hour}}}

// freshFiles: files begin with yesterday and say CHANGED when a day was rebuilt.
var freshFiles = tables.Freshness{Steps: []tables.Step{{Within: 1, Keep: 30 * time.Minute}, {Within: 3, Keep: 3 * time.Hour}, {Within: 10, Keep: 24 * time.Hour}}}

// field is a column and where its value comes from: a member of a JSON object, or
// a place in a line.
type field struct {
	tables.Column
	from string // member; "" is not in the reply
	read func(any) (any, error)
}

func col(name string, t tables.Type, from, doc, unit string, read func(any) (any, error)) field {
	return field{tables.Column{Name: name, Type: t, Doc: doc, Unit: unit}, from, read}
}

var wide = tables.Type{Kind: tables.ID, Length: 255}

func id(name, from, doc string) field   { return col(name, wide, from, doc, "", readText) }
func word(name, from, doc string) field { return col(name, wide, from, doc, "", readText) }
func text(name, from, doc string) field {
	return col(name, tables.LongText, from, doc, "", readText)
}
func flag(name, from, doc string) field { return col(name, tables.Boolean, from, doc, "", readBool) }
func count(name, from, doc string) field {
	return col(name, tables.BigInt, from, doc, "count", readInt)
}
func number(name, from, doc string) field {
	f := col(name, tables.BigInt, from, doc, "", readInt)
	f.NonAdditive = true
	return f
}
func won(name, from, doc string) field {
	return col(name, tables.Money, from, doc, "account currency", readDecimal)
}
func ratio(name, from, doc, unit string) field {
	f := col(name, tables.Float, from, doc, unit, readFloat)
	f.NonAdditive = true
	return f
}
func when(name, from, doc string) field {
	return col(name, tables.Timestamp, from, doc, "", readTime)
}
func document(name, from, doc string) field {
	return col(name, tables.Document, from, doc, "", readJSON)
}
func (f field) never() field { f.NotNull = true; return f }

var (
	customer = field{tables.Column{Name: "customer_id", Type: tables.BigInt, NotNull: true, Push: true, Doc: "Account (customer) of the row"}, "", nil}
	currency = field{tables.Column{Name: "currency", Type: tables.Ident, NotNull: true, Doc: "Currency of every amount of the row: KRW"}, "", nil}
	dayField = field{tables.Column{Name: "date", Type: tables.DateType, NotNull: true, Push: true, Doc: "Day in Korea"}, "", nil}
	more     = field{tables.Column{Name: "extra", Type: tables.Document, Doc: "What the API says beyond the columns of this table, by its own names; NULL where there is nothing"}, "", nil}
)

// base is what all tables of one account each have in common.
func (c *Client) base(name, doc string, key []string, fields []field) tables.Table {
	t := tables.Table{Name: name, Doc: doc, Key: key, Account: "customer_id", Accounts: c.Accounts, Roster: c.roster, Fresh: freshEntity, Whole: true}
	for _, f := range fields {
		x := f.Column
		if slices.Contains(key, x.Name) {
			x.NotNull = true
		}
		t.Columns = append(t.Columns, x)
	}
	return t
}

func (c *Client) tables(since, today tables.Day) []tables.Table {
	out := []tables.Table{c.accountsTable()}
	for _, s := range entitySheets {
		out = append(out, c.entityTable(s))
	}
	for _, s := range statSheets {
		out = append(out, c.statTable(s, since))
	}
	for _, s := range fileSheets {
		out = append(out, c.fileTable(s, max(since, today.Add(-s.kept))))
	}
	for _, s := range masterSheets {
		out = append(out, c.masterTable(s))
	}
	return append(out, c.billingTables(since)...)
}

// picker gives the value of a column of a row.
type picker[T any] func(row T) (any, error)

// scan yields rows that walk finds, with the columns of the scan.
func scan[T any](ctx context.Context, s tables.Scan, pick func(column string) picker[T], walk func(ctx context.Context, each func(T) (bool, error)) error) iter.Seq2[tables.Row, error] {
	return func(yield func(tables.Row, error) bool) {
		for _, d := range s.Where {
			if d.Empty() {
				return
			}
		}
		picks := make([]picker[T], len(s.Columns))
		for i, name := range s.Columns {
			if picks[i] = pick(name); picks[i] == nil {
				yield(nil, fault.New(fault.Internal, "the table naver_searchad %s has no column %s", s.Table, name))
				return
			}
		}
		stopped := false
		err := walk(rest.About(ctx, s), func(x T) (bool, error) {
			row := make(tables.Row, len(picks))
			for i, p := range picks {
				v, err := p(x)
				if err != nil {
					return false, fault.Wrap(fault.Broken, err, "Naver Search Ad account %s: %s of a row cannot be read", s.Account, s.Columns[i])
				}
				row[i] = v
			}
			stopped = !yield(row, nil)
			return !stopped, nil
		})
		if err != nil && !stopped {
			yield(nil, err)
		}
	}
}

// fixed gives the columns that are not in a reply.
func fixed[T any](name, account string) picker[T] {
	switch name {
	case "customer_id":
		n, err := readInt(account)
		return func(T) (any, error) { return n, err }
	case "currency":
		return func(T) (any, error) { return "KRW", nil }
	}
	return nil
}

// member reads a field of an object. A key that is missing is an error.
func member(f field, key bool) picker[object] {
	return func(o object) (any, error) {
		v, ok := o[f.from]
		if !ok || v == nil {
			if key || f.NotNull {
				return nil, errMissing(f.from)
			}
			return nil, nil
		}
		x, err := f.read(v)
		if err == nil && x == nil && (key || f.NotNull) {
			err = errMissing(f.from)
		}
		return x, err
	}
}

type errMissing string

func (e errMissing) Error() string { return string(e) + " is missing" }

// extra gives the members that no field reads.
func extra(fields []field) picker[object] {
	return func(o object) (any, error) {
		rest := map[string]any{}
		for k, v := range o {
			if !slices.ContainsFunc(fields, func(f field) bool { return f.from == k }) && k != "customerId" && k != "settleDt" && k != "statDt" && v != nil {
				rest[k] = v
			}
		}
		if len(rest) == 0 {
			return nil, nil
		}
		return readJSON(rest)
	}
}

func lookup(fields []field, name string) (field, bool) {
	i := slices.IndexFunc(fields, func(f field) bool { return f.Name == name })
	if i < 0 {
		return field{}, false
	}
	return fields[i], true
}

// amounts are the columns of cost beside what was reported.
func amounts() []field {
	return []field{
		{tables.Column{Name: "cost_vat_excl", Type: tables.Money, Doc: "Cost without VAT (공급가), six decimals", Unit: "account currency"}, "", nil},
		{tables.Column{Name: "cost_vat_incl", Type: tables.Money, Doc: "Cost with VAT of 10 %", Unit: "account currency"}, "", nil},
		{tables.Column{Name: "vat_included", Type: tables.Boolean, Doc: "Whether the cost as it was reported includes VAT"}, "", nil},
	}
}

// amount reads one of them.
func amount(name string, v any, included bool) (any, error) {
	if name == "vat_included" {
		return included, nil
	}
	d, err := readDecimal(v)
	if err != nil || d == nil {
		return nil, err
	}
	if name == "cost_vat_incl" {
		return withVAT(d.(*apd.Decimal), included)
	}
	return withoutVAT(d.(*apd.Decimal), included)
}

func isAmount(name string) bool {
	return name == "cost_vat_excl" || name == "cost_vat_incl" || name == "vat_included"
}
