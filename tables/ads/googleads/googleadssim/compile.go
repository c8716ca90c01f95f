package googleadssim

import (
	"slices"
	"strings"
	"time"

	"argo/tables"
)

// operators by data type: what the API allows, the rest is refused with
// OPERATOR_FIELD_MISMATCH.
var operators = map[string][]string{
	"BOOLEAN":       {"=", "!=", "IS NULL", "IS NOT NULL"},
	"DATE":          {"=", "!=", "<", "<=", ">", ">=", "BETWEEN", "DURING", "IN", "NOT IN"},
	"ENUM":          {"=", "!=", "IN", "NOT IN", "IS NULL", "IS NOT NULL"},
	"DOUBLE":        {"=", "!=", "<", "<=", ">", ">=", "BETWEEN", "IN", "NOT IN", "IS NULL", "IS NOT NULL"},
	"INT32":         {"=", "!=", "<", "<=", ">", ">=", "BETWEEN", "IN", "NOT IN", "IS NULL", "IS NOT NULL"},
	"INT64":         {"=", "!=", "<", "<=", ">", ">=", "BETWEEN", "IN", "NOT IN", "IS NULL", "IS NOT NULL"},
	"RESOURCE_NAME": {"=", "!=", "IN", "NOT IN", "IS NULL", "IS NOT NULL"},
	"STRING":        {"=", "!=", "IN", "NOT IN", "LIKE", "NOT LIKE", "REGEXP_MATCH", "NOT REGEXP_MATCH", "IS NULL", "IS NOT NULL"},
	"REPEATED":      {"CONTAINS ANY", "CONTAINS ALL", "CONTAINS NONE", "IS NULL", "IS NOT NULL"},
}

// compile makes a test of a condition. Text is compared as it is, by LIKE in
// either case (page "Case sensitivity" of the documentation). An unset value
// passes only != , NOT and IS NULL.
func compile(f *field, c *condition, day tables.Day) (func(any) bool, error) {
	typ := f.typ
	if f.repeated {
		typ = "REPEATED"
	}
	if !slices.Contains(operators[typ], c.op) {
		return nil, refuse("OPERATOR_FIELD_MISMATCH", "Error in query: operator %s cannot be used with '%s'.", c.op, f.name)
	}
	switch c.op {
	case "IS NULL":
		return func(v any) bool { return v == nil }, nil
	case "IS NOT NULL":
		return func(v any) bool { return v != nil }, nil
	case "LIKE", "REGEXP_MATCH":
		return func(v any) bool { s, ok := v.(string); return ok && c.re.MatchString(s) }, nil
	case "NOT LIKE", "NOT REGEXP_MATCH":
		return func(v any) bool { s, ok := v.(string); return !ok || !c.re.MatchString(s) }, nil
	}
	switch f.typ {
	case "DOUBLE", "INT32", "INT64":
		return compileNumber(c)
	case "DATE":
		return compileDate(f, c, day)
	}
	texts := make([]string, len(c.values))
	for i, v := range c.values {
		if texts[i] = v.text; f.typ == "STRING" && v.kind == tokenWord {
			return nil, refuse("BAD_VALUE", "Error in query: the value %s of '%s' must be in quotes.", v.text, f.name)
		}
		if f.typ == "BOOLEAN" {
			if texts[i] = strings.ToLower(v.text); texts[i] != "true" && texts[i] != "false" {
				return nil, refuse("BAD_VALUE", "Error in query: %s is not true or false.", v.text)
			}
		}
		if f.typ == "ENUM" && !slices.Contains(f.enum, v.text) {
			return nil, refuse("BAD_ENUM_CONSTANT", "Error in query: %s is not a value of '%s'.", v.text, f.name)
		}
	}
	if strings.HasPrefix(c.op, "CONTAINS") {
		return compileContains(c.op, texts), nil
	}
	in := c.op == "=" || c.op == "IN"
	return func(v any) bool {
		switch v := v.(type) {
		case string:
			return slices.Contains(texts, v) == in
		case bool:
			return slices.Contains(texts, map[bool]string{true: "true", false: "false"}[v]) == in
		}
		return !in
	}, nil
}

func compileContains(op string, texts []string) func(any) bool {
	return func(v any) bool {
		list, _ := v.([]string)
		n := 0
		for _, t := range texts {
			if slices.Contains(list, t) {
				n++
			}
		}
		switch op {
		case "CONTAINS ANY":
			return n > 0
		case "CONTAINS ALL":
			return n == len(texts)
		}
		return n == 0
	}
}

func compileNumber(c *condition) (func(any) bool, error) {
	numbers := make([]float64, len(c.values))
	for i, v := range c.values {
		var err error
		if numbers[i], err = number(v); err != nil {
			return nil, err
		}
	}
	if c.op == "BETWEEN" && numbers[0] > numbers[1] {
		return nil, refuse("INVALID_VALUE_WITH_BETWEEN_OPERATOR", "Error in query: the bounds of BETWEEN are the wrong way round.")
	}
	return func(v any) bool {
		var x float64
		switch v := v.(type) {
		case int64:
			x = float64(v)
		case int32:
			x = float64(v)
		case float64:
			x = v
		default:
			return c.op == "!=" || c.op == "NOT IN"
		}
		switch c.op {
		case "BETWEEN":
			return numbers[0] <= x && x <= numbers[1]
		case "IN":
			return slices.Contains(numbers, x)
		case "NOT IN":
			return !slices.Contains(numbers, x)
		}
		return ordered(c.op, x, numbers[0])
	}, nil
}

func ordered[T float64 | string](op string, a, b T) bool {
	switch op {
	case "=":
		return a == b
	case "!=":
		return a != b
	case "<":
		return a < b
	case "<=":
		return a <= b
	case ">":
		return a > b
	}
	return a >= b
}

// compileDate compares days, and the moments of change_event, as text: both are
// written with the same width.
func compileDate(f *field, c *condition, day tables.Day) (func(any) bool, error) {
	moment := f.resource == "change_event"
	texts := make([]string, len(c.values))
	if c.op == "DURING" {
		d := during(c.values[0].text, day)
		texts = []string{string(d.From), string(d.To)}
		if moment {
			texts[1] += " 23:59:59.999999"
		}
		return between(texts), nil
	}
	for i, v := range c.values {
		if v.kind == tokenWord {
			return nil, refuse("INVALID_DATE_FORMAT", "Error in query: the date %s must be in quotes.", v.text)
		}
		texts[i] = v.text
		if moment {
			t, ok := parseMoment(v.text, time.UTC)
			if !ok {
				return nil, refuse("INVALID_DATE_FORMAT", "Error in query: '%s' is not a date and time.", v.text)
			}
			texts[i] = t.Format(dateTime)
			continue
		}
		d, err := tables.ParseDay(v.text)
		if err != nil {
			return nil, refuse("INVALID_DATE_FORMAT", "Error in query: '%s' is not a date; use YYYY-MM-DD.", v.text)
		}
		if f.name == "segments.week" && monday(d) != d || f.name == "segments.month" && d[8:] != "01" || f.name == "segments.quarter" && quarter(d) != d {
			return nil, refuse("MISALIGNED_DATE_FOR_FILTER", "Error in query: '%s' must be filtered by the first day of its period, %s is not.", f.name, v.text)
		}
	}
	switch c.op {
	case "BETWEEN":
		if texts[0] > texts[1] {
			if moment { // refused with a code of its own
				return func(any) bool { return false }, nil
			}
			return nil, refuse("INVALID_VALUE_WITH_BETWEEN_OPERATOR", "Error in query: the bounds of BETWEEN are the wrong way round.")
		}
		return between(texts), nil
	case "IN", "NOT IN":
		return func(v any) bool { return slices.Contains(texts, v.(string)) == (c.op == "IN") }, nil
	}
	return func(v any) bool { return ordered(c.op, v.(string), texts[0]) }, nil
}

func between(texts []string) func(any) bool {
	return func(v any) bool { s := v.(string); return texts[0] <= s && s <= texts[1] }
}
