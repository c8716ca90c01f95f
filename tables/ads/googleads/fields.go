package googleads

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"argo/tables"

	"github.com/cockroachdb/apd/v3"
)

// field is a column and where its value comes from.
type field struct {
	tables.Column
	gaql []string                   // what is selected; the first value that is not NULL counts
	read func(v any) (any, error)   // JSON value, never nil, to the column's value
	zero any                        // value where the reply has none; nil is NULL
	cond func(tables.Domain) string // GAQL condition that loses no row, or ""
	// total reads the value of a summary row, where not as read does.
	total func(v any) (any, error)
}

func column(name string, t tables.Type, doc, unit string, read func(any) (any, error), gaql ...string) field {
	return field{Column: tables.Column{Name: name, Type: t, Doc: doc, Unit: unit}, gaql: gaql, read: read}
}

// id is an identifier; conditions on it are pushed.
func id(name, gaql, doc string) field {
	f := column(name, tables.BigInt, doc, "", readInt, gaql)
	f.NotNull, f.Push = true, true
	f.cond = func(d tables.Domain) string { return intCond(gaql, d) }
	return f
}

// word is an enum; conditions are pushed where every word in them is one of
// words: Google refuses a word that it does not know.
func word(name, gaql, doc string, words ...string) field {
	f := column(name, tables.Ident, doc, "", readText, gaql)
	f.NotNull, f.zero = true, "UNSPECIFIED"
	if len(words) > 0 {
		f.Push = true
		f.cond = func(d tables.Domain) string { return wordCond(gaql, d, words) }
	}
	return f
}

// text is free text; conditions are not pushed: Google does not compare as
// MySQL's collation does, and a scan may not lose a row.
func text(name, gaql, doc string) field {
	return column(name, tables.Varchar, doc, "", readText, gaql)
}

// resource is a resource name.
func resource(name, gaql, doc string) field {
	return column(name, tables.Type{Kind: tables.ID, Length: 255}, doc, "", readText, gaql)
}

func long(name, gaql, doc string) field {
	return column(name, tables.LongText, doc, "", readText, gaql)
}

// money is an amount in micros, of one or several fields of which one is set;
// an amount of zero of an unset field is NULL.
func money(name, doc string, gaql ...string) field {
	return column(name, tables.Money, doc, "account currency", readMicros, gaql...)
}

// bid is money where zero means that there is none.
func bid(name, doc string, gaql ...string) field {
	return column(name, tables.Money, doc, "account currency", func(v any) (any, error) {
		d, err := readMicros(v)
		if d, ok := d.(*apd.Decimal); ok && d.IsZero() {
			return nil, err
		}
		return d, err
	}, gaql...)
}

func count(name, gaql, doc string) field {
	f := column(name, tables.BigInt, doc, "count", readInt, gaql)
	f.NotNull, f.zero = true, int64(0)
	return f
}

// number is a count that may be a fraction: conversions are shared out. Google
// keeps and adds up doubles.
func number(name, gaql, doc, unit string) field {
	f := column(name, tables.Dec(20, 6), doc, unit, readDecimal, gaql)
	f.NotNull, f.zero, f.total = true, apd.New(0, -6), readFloat
	return f
}

func ratio(name, gaql, doc, unit string) field {
	f := column(name, tables.Float, doc, unit, readFloat, gaql)
	f.NonAdditive = true
	return f
}

// average is money of one event, in micros that may be fractions.
func average(name, gaql, doc string) field {
	f := column(name, tables.Money, doc, "account currency", readMicros, gaql)
	f.NonAdditive = true
	return f
}

func flag(name, gaql, doc string) field {
	f := column(name, tables.Boolean, doc, "", readBool, gaql)
	f.NotNull, f.zero = true, false
	return f
}

func list(name, gaql, doc string) field {
	return column(name, tables.Document, doc, "", readJSON, gaql)
}

// clock is a time of day in the account's calendar.
func clock(name, gaql, doc string) field {
	return column(name, tables.Timestamp, doc+"; in the account's time zone, not UTC", "", readClock, gaql)
}

// ref is the id at the end of a resource name.
func ref(name, gaql, doc string) field {
	return column(name, tables.BigInt, doc, "", func(v any) (any, error) {
		s, _ := v.(string)
		i := strings.LastIndexAny(s, "/~")
		if s == "" || i < 0 {
			return nil, nil
		}
		return readInt(s[i+1:])
	}, gaql)
}

func (f field) notNull() field { f.NotNull = true; return f }

// pushed marks the partition columns: Splits takes their conditions.
func (f field) pushed() field { f.Push = true; return f }

// of puts the column into a group of freshness.
func (f field) of(group string) field { f.Group = group; return f }

// level marks what does not add up.
func (f field) level() field { f.NonAdditive = true; return f }

// zeroed is money that is 0 where the reply has none.
func (f field) zeroed() field { f.NotNull, f.zero = true, apd.New(0, -6); return f }

func readInt(v any) (any, error) {
	n, err := strconv.ParseInt(plain(v), 10, 64)
	if err != nil {
		return nil, fmt.Errorf("not a whole number: %T", v)
	}
	return n, nil
}

func readText(v any) (any, error) {
	s, ok := v.(string)
	if !ok {
		return nil, fmt.Errorf("not a text: %T", v)
	}
	return s, nil
}

func readBool(v any) (any, error) {
	b, ok := v.(bool)
	if !ok {
		return nil, fmt.Errorf("not true or false: %T", v)
	}
	return b, nil
}

func readFloat(v any) (any, error) {
	f, err := strconv.ParseFloat(plain(v), 64)
	if err != nil {
		return nil, fmt.Errorf("not a number: %T", v)
	}
	return f, nil
}

var decimals = apd.BaseContext.WithPrecision(38)

func fixed(text string, shift int32) (any, error) {
	d, _, err := apd.NewFromString(text)
	if err != nil || d.Form != apd.Finite {
		return nil, fmt.Errorf("not a number")
	}
	d.Exponent += shift
	if _, err = decimals.Quantize(d, d, -6); err == nil && d.NumDigits() > 20 {
		err = fmt.Errorf("a number with too many digits")
	}
	return d, err
}

func readDecimal(v any) (any, error) { return fixed(plain(v), 0) }

func readMicros(v any) (any, error) { return fixed(plain(v), -6) }

func readJSON(v any) (any, error) {
	b, err := marshal(v)
	return string(b), err
}

// marshal is JSON as a person writes it: & and < stay.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSpace(b.Bytes()), err
}

func readClock(v any) (any, error) {
	s, _ := v.(string)
	for _, layout := range []string{"2006-01-02 15:04:05.999999", time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return nil, fmt.Errorf("not a time")
}

func readDay(v any) (any, error) {
	s, _ := v.(string)
	if len(s) > len(time.DateOnly) {
		s = s[:len(time.DateOnly)]
	}
	return tables.ParseDay(s)
}

// camel is a GAQL name as the path of its value in JSON.
func camel(gaql string) []string {
	path := strings.Split(gaql, ".")
	for i, p := range path {
		words := strings.Split(p, "_")
		for j, w := range words[1:] {
			if w != "" {
				words[j+1] = strings.ToUpper(w[:1]) + w[1:]
			}
		}
		path[i] = strings.Join(words, "")
	}
	return path
}

func lookup(r map[string]any, path []string) any {
	for _, p := range path[:len(path)-1] {
		next, ok := r[p].(map[string]any)
		if !ok {
			return nil
		}
		r = next
	}
	return r[path[len(path)-1]]
}

// longest list of an IN condition; a longer one is not pushed.
const longest = 500

func intCond(gaql string, d tables.Domain) string {
	var conds []string
	if d.In != nil {
		var in []string
		for _, v := range d.In {
			n, ok := v.(int64)
			if !ok {
				return ""
			}
			in = append(in, strconv.FormatInt(n, 10))
		}
		if len(in) == 0 || len(in) > longest {
			return ""
		}
		conds = append(conds, gaql+" IN ("+strings.Join(in, ", ")+")")
	}
	if n, ok := d.From.(int64); ok {
		conds = append(conds, fmt.Sprintf("%s >= %d", gaql, n))
	}
	if n, ok := d.To.(int64); ok {
		conds = append(conds, fmt.Sprintf("%s <= %d", gaql, n))
	}
	return strings.Join(conds, " AND ")
}

func wordCond(gaql string, d tables.Domain, words []string) string {
	var in []string
	for _, v := range d.In {
		s, _ := v.(string)
		known := false
		for _, w := range words {
			known = known || w == s
		}
		if !known {
			return ""
		}
		in = append(in, "'"+s+"'")
	}
	if len(in) == 0 {
		return ""
	}
	return gaql + " IN (" + strings.Join(in, ", ") + ")"
}
