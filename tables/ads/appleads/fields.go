package appleads

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"argo/tables"
	"argo/tables/fault"

	"github.com/cockroachdb/apd/v3"
)

// field is a column and where its value is in a record of each API.
type field struct {
	tables.Column
	v1, v5 []string               // paths; the first value that is not null counts
	read   func(any) (any, error) // JSON value, never nil, to the column's value
	zero   any                    // value where the reply has none; nil is NULL
}

func column(name string, t tables.Type, doc, unit string, read func(any) (any, error), v1, v5 string) field {
	return field{Column: tables.Column{Name: name, Type: t, Doc: doc, Unit: unit}, v1: words(v1), v5: words(v5), read: read}
}

func words(s string) []string { return strings.Fields(s) }

func id(name, doc, v1, v5 string) field {
	f := column(name, tables.BigInt, doc, "", readInt, v1, v5)
	f.NotNull = true
	return f
}

func number(name, doc, v1, v5 string) field {
	return column(name, tables.BigInt, doc, "", readInt, v1, v5)
}

func word(name, doc, v1, v5 string) field {
	return column(name, tables.Type{Kind: tables.ID, Length: 64}, doc, "", readText, v1, v5)
}

func text(name, doc, v1, v5 string) field {
	return column(name, tables.LongText, doc, "", readText, v1, v5)
}

func flag(name, doc, v1, v5 string) field {
	return column(name, tables.Boolean, doc, "", readBool, v1, v5)
}

func list(name, doc, v1, v5 string) field {
	return column(name, tables.Document, doc, "", readJSON, v1, v5)
}

func clock(name, doc, v1, v5 string) field {
	return column(name, tables.Timestamp, doc, "", readClock, v1, v5)
}

func money(name, doc, v1, v5 string) field {
	return column(name, tables.Money, doc, "account currency", readMoney, v1, v5)
}

func (f field) notNull(zero any) field { f.NotNull, f.zero = true, zero; return f }
func (f field) of(group string) field  { f.Group = group; return f }
func (f field) level() field           { f.NonAdditive = true; return f }
func (f field) pushed() field          { f.Push = true; return f }

// reader makes the value of one column of a record.
type reader func(Record) (any, error)

func (f field) reader(v5 bool) reader {
	source := f.v1
	if v5 {
		source = f.v5
	}
	paths := make([][]string, len(source))
	for i, p := range source {
		paths[i] = strings.Split(p, ".")
	}
	return func(r Record) (any, error) {
		for _, p := range paths {
			v := lookup(r, p)
			if v == nil {
				continue
			}
			x, err := f.read(v)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", strings.Join(p, "."), err)
			}
			if x != nil {
				return x, nil
			}
		}
		if f.NotNull && f.zero == nil {
			return nil, fmt.Errorf("%s is missing", f.Name)
		}
		return f.zero, nil
	}
}

func lookup(r map[string]any, path []string) any {
	for _, p := range path[:len(path)-1] {
		switch next := r[p].(type) {
		case map[string]any:
			r = next
		case Record:
			r = next
		default:
			return nil
		}
	}
	return r[path[len(path)-1]]
}

func plain(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}

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

// readWord reads a keyword's status: v5 says ACTIVE for what v1 calls ENABLED.
func readWord(v any) (any, error) {
	if v == "ACTIVE" {
		return "ENABLED", nil
	}
	return readText(v)
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

func readMoney(v any) (any, error) {
	d, _, err := apd.NewFromString(plain(v))
	if err != nil || d.Form != apd.Finite {
		return nil, errors.New("not an amount")
	}
	if _, err = decimals.Quantize(d, d, -6); err == nil && d.NumDigits() > 20 {
		err = errors.New("an amount with too many digits")
	}
	return d, err
}

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
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			if y := t.Year(); y < 1000 || y > 9999 {
				break
			}
			return t.UTC().Truncate(time.Microsecond), nil
		}
	}
	return nil, errors.New("not a time")
}

// moment reads the date of an entry: "2026-11-01", "2026-11-01 05",
// "2026-11-01T05:00".
func moment(s string) (tables.Day, int64, error) {
	if len(s) < len(time.DateOnly) {
		return "", 0, errors.New("not a date")
	}
	d, err := tables.ParseDay(s[:len(time.DateOnly)])
	if err != nil || len(s) == len(time.DateOnly) {
		return d, -1, err
	}
	rest := s[len(time.DateOnly):]
	if len(rest) < 3 || rest[0] != ' ' && rest[0] != 'T' {
		return "", 0, errors.New("not an hour")
	}
	n, err := strconv.ParseUint(rest[1:3], 10, 8)
	if err != nil || n > 23 || len(rest) > 3 && rest[3] != ':' {
		return "", 0, errors.New("not an hour")
	}
	return d, int64(n), nil
}

func readDay(v any) (any, error) {
	d, _, err := moment(plain(v))
	return d, err
}

func readHour(v any) (any, error) {
	_, h, err := moment(plain(v))
	if err == nil && h < 0 {
		err = errors.New("not an hour")
	}
	return h, err
}

func rowOf(r Record, read []reader, account string) (tables.Row, error) {
	row := make(tables.Row, len(read))
	for i, f := range read {
		v, err := f(r)
		if err != nil {
			return nil, fault.Wrap(fault.Broken, err, "%s: a row cannot be read", about(account))
		}
		row[i] = v
	}
	return row, nil
}

// plus adds b to a; a nil a is nothing yet.
func plus(a, b any) (any, error) {
	switch b := b.(type) {
	case int64:
		a, _ := a.(int64)
		return a + b, nil
	case *apd.Decimal:
		sum := new(apd.Decimal)
		if a, ok := a.(*apd.Decimal); ok {
			sum.Set(a)
		}
		_, err := decimals.Add(sum, sum, b)
		return sum, err
	}
	return nil, fmt.Errorf("not a number: %T", b)
}

// integers of a domain's list, where it has one of so many at most.
func integers(d tables.Domain, most int) []any {
	if d.In == nil || len(d.In) > most {
		return nil
	}
	out := []any{}
	for _, v := range d.In {
		n, ok := v.(int64)
		if !ok {
			return nil
		}
		if !slices.Contains(out, any(n)) {
			out = append(out, n)
		}
	}
	return out
}
