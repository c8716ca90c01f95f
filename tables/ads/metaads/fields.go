package metaads

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"argo/tables"

	"github.com/cockroachdb/apd/v3"
)

// field is a column and where its value comes from.
type field struct {
	tables.Column
	from  string // field that a request names; "": none, or one that comes by itself
	read  func(r Record, a account) (any, error)
	total bool // the summary of insights has it, and it is the sum of the rows
}

func column(name string, t tables.Type, from, doc, unit string, read func(v any, a account) (any, error), zero any) field {
	path := strings.Split(strings.NewReplacer("{", ".", "}", "").Replace(from), ".") // "creative{id}" is read as creative.id
	return field{Column: tables.Column{Name: name, Type: t, Doc: doc, Unit: unit, NotNull: zero != nil}, from: from,
		read: func(r Record, a account) (any, error) {
			v := lookup(r, path)
			if v == nil {
				if d, ok := zero.(*apd.Decimal); ok {
					return new(apd.Decimal).Set(d), nil
				}
				return zero, nil
			}
			x, err := read(v, a)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", from, err)
			}
			return x, nil
		}}
}

// lookup follows a path into objects.
func lookup(r Record, path []string) any {
	for _, name := range path[:len(path)-1] {
		o, ok := r[name].(map[string]any)
		if !ok {
			return nil
		}
		r = o
	}
	return r[path[len(path)-1]]
}

// ident is an identifier or an enum word that may be missing.
func ident(name, from, doc string) field {
	return column(name, tables.Ident, from, doc, "", readText, nil)
}

// id is an identifier that every object has.
func id(name, from, doc string) field {
	f := ident(name, from, doc)
	read := f.read
	f.NotNull = true
	f.read = func(r Record, a account) (any, error) {
		v, err := read(r, a)
		if err == nil && v == nil {
			return nil, fmt.Errorf("%s is missing", from)
		}
		return v, err
	}
	return f
}

// word is an enum word of a key: one that is missing is "unknown".
func word(name, from, doc string) field {
	return column(name, tables.Ident, from, doc, "", readText, "unknown")
}

func text(name, from, doc string) field {
	return column(name, tables.Varchar, from, doc, "", readText, nil)
}

func long(name, from, doc string) field {
	return column(name, tables.LongText, from, doc, "", readText, nil)
}

func whole(name, from, doc, unit string) field {
	return column(name, tables.BigInt, from, doc, unit, readInt, nil)
}

// count adds up; Meta leaves out what is zero.
func count(name, from, doc string) field {
	f := column(name, tables.BigInt, from, doc, "count", readInt, int64(0))
	f.total = true
	return f
}

// people are counted once, however often they come: they do not add up.
func people(name, from, doc string) field {
	f := column(name, tables.BigInt, from, doc, "count", readInt, nil)
	f.NonAdditive = true
	return f
}

// amount is money of insights: a decimal of the account's currency.
func amount(name, from, doc string) field {
	f := column(name, tables.Money, from, doc, "account currency", readDecimal, apd.New(0, -6))
	f.total = true
	return f
}

func average(name, from, doc string) field {
	f := column(name, tables.Money, from, doc, "account currency", readDecimal, nil)
	f.NonAdditive = true
	return f
}

func ratio(name, from, doc, unit string) field {
	f := column(name, tables.Float, from, doc, unit, readFloat, nil)
	f.NonAdditive = true
	return f
}

// minor is money of entities: minor units, zero is none.
func minor(name, from, doc string) field {
	return column(name, tables.Money, from, doc, "account currency", func(v any, a account) (any, error) {
		n, err := strconv.ParseInt(plain(v), 10, 64)
		if err != nil {
			return nil, fmt.Errorf("not an amount of minor units: %T", v)
		}
		if n == 0 {
			return nil, nil
		}
		return major(n, a.Currency), nil
	}, nil)
}

// zeroed is minor where zero is an amount.
func zeroed(f field) field {
	read := f.read
	f.read = func(r Record, a account) (any, error) {
		v, err := read(r, a)
		if err == nil && v == nil {
			return apd.New(0, -6), nil
		}
		return v, err
	}
	return f
}

// major is an amount of minor units as money.
func major(n int64, currency string) *apd.Decimal {
	if Offset(currency) == 100 {
		return apd.New(n, -2)
	}
	return apd.New(n, 0)
}

func document(name, from, doc string) field {
	return column(name, tables.Document, from, doc, "", func(v any, _ account) (any, error) {
		b, err := marshal(v)
		return string(b), err
	}, nil)
}

// moment is a time with its offset, or Unix seconds, as UTC.
func moment(name, from, doc string) field {
	return column(name, tables.Timestamp, from, doc+"; UTC", "", func(v any, _ account) (any, error) { return readTime(v) }, nil)
}

func flag(name, from, doc string) field {
	return column(name, tables.Boolean, from, doc, "", func(v any, _ account) (any, error) {
		b, ok := v.(bool)
		if !ok {
			return nil, fmt.Errorf("not true or false: %T", v)
		}
		return b, nil
	}, nil)
}

// action is one kind of action of a list of them (actions, action_values): the
// first of types that is there. window is the attribution window, "value" the
// default.
func action(name, list, window, doc, unit string, types ...string) field {
	f := column(name, tables.Dec(20, 6), list, doc, unit, func(v any, _ account) (any, error) {
		items, ok := v.([]any)
		if !ok {
			return nil, fmt.Errorf("not a list: %T", v)
		}
		for _, want := range types {
			for _, item := range items {
				o, ok := item.(map[string]any)
				if !ok {
					return nil, fmt.Errorf("an action that is no object: %T", item)
				}
				if plain(o["action_type"]) != want {
					continue
				}
				if o[window] == nil {
					return apd.New(0, -6), nil
				}
				return readDecimal(o[window], account{})
			}
		}
		return apd.New(0, -6), nil
	}, apd.New(0, -6))
	return f
}

func currency(from string) field {
	return field{Column: tables.Column{Name: "currency", Type: tables.Ident, Doc: "Currency of every amount of the row: the account's, ISO 4217"}, from: from,
		read: func(r Record, a account) (any, error) {
			if s := plain(r[from]); from != "" && s != "" {
				return s, nil
			}
			if a.Currency != "" {
				return a.Currency, nil
			}
			return nil, nil
		}}
}

// own is the account of the scan.
func own() field {
	return field{Column: tables.Column{Name: "account_id", Type: tables.Ident, Doc: "Ad account of the row, without act_", NotNull: true, Push: true},
		read: func(_ Record, a account) (any, error) { return a.ID, nil }}
}

// extra keeps what a reply holds beside what was asked for.
func extra(fields []field) field {
	known := []string{"account_id", "id", "date_start", "date_stop", "account_currency"}
	for _, f := range fields {
		root, _, _ := strings.Cut(strings.ReplaceAll(f.from, "{", "."), ".")
		known = append(known, root)
	}
	return field{Column: tables.Column{Name: "extra", Type: tables.Document, Doc: "What Meta sent beside the columns, a JSON object; NULL where it sent nothing else"},
		read: func(r Record, _ account) (any, error) {
			more := map[string]any{}
			for k, v := range r {
				if !slices.Contains(known, k) {
					more[k] = v
				}
			}
			if len(more) == 0 {
				return nil, nil
			}
			b, err := marshal(more)
			return string(b), err
		}}
}

// of puts the column into a group of freshness.
func (f field) of(group string) field { f.Group = group; return f }

func readText(v any, _ account) (any, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case json.Number:
		return v.String(), nil
	}
	return nil, fmt.Errorf("not a text: %T", v)
}

func readInt(v any, _ account) (any, error) {
	n, err := strconv.ParseInt(plain(v), 10, 64)
	if err != nil {
		return nil, fmt.Errorf("not a whole number: %T", v)
	}
	return n, nil
}

func readFloat(v any, _ account) (any, error) {
	f, err := strconv.ParseFloat(plain(v), 64)
	if err != nil || f-f != 0 { // NaN, Inf
		return nil, fmt.Errorf("not a number: %T", v)
	}
	return f, nil
}

var decimals = apd.BaseContext.WithPrecision(38)

func readDecimal(v any, _ account) (any, error) {
	d, _, err := apd.NewFromString(plain(v))
	if err != nil || d.Form != apd.Finite || d.Exponent > 20 || d.Exponent < -60 {
		return nil, fmt.Errorf("not a number: %T", v)
	}
	if _, err := decimals.Quantize(d, d, -6); err != nil || d.NumDigits() > 20 {
		return nil, fmt.Errorf("a number with too many digits")
	}
	return d, nil
}

// readTime reads 2026-11-01T09:00:00+0900 and Unix seconds.
func readTime(v any) (any, error) {
	s := plain(v)
	for _, layout := range []string{"2006-01-02T15:04:05-0700", time.RFC3339} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), nil
		}
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && n >= 0 && n < 1<<40 {
		return time.Unix(n, 0).UTC(), nil
	}
	return nil, fmt.Errorf("not a time")
}

// marshal is JSON as a person writes it: & and < stay.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSpace(b.Bytes()), err
}
