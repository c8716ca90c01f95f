package naversearchad

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"argo/tables"

	"github.com/cockroachdb/apd/v3"
)

var decimals = apd.BaseContext.WithPrecision(38)

// Values come as numbers, as text or as floats, whatever the version: every reader
// takes all of them. An empty text is NULL.

func readText(v any) (any, error) {
	switch v := v.(type) {
	case string:
		if v == "" {
			return nil, nil
		}
		return v, nil
	case json.Number:
		return v.String(), nil
	case bool:
		return strconv.FormatBool(v), nil
	}
	return nil, fmt.Errorf("a %T is no text", v)
}

// readInt takes 12 and 12.0, not 12.5.
func readInt(v any) (any, error) {
	s := str(v)
	if s == "" {
		if _, ok := v.(string); ok {
			return nil, nil
		}
		return nil, fmt.Errorf("a %T is no number", v)
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n, nil
	}
	d, _, err := apd.NewFromString(s)
	if err != nil || d.Form != apd.Finite {
		return nil, fmt.Errorf("%.40q is no number", s)
	}
	whole := new(apd.Decimal)
	if _, err := decimals.RoundToIntegralExact(whole, d); err != nil || whole.Cmp(d) != 0 {
		return nil, fmt.Errorf("%.40q is not whole", s)
	}
	return whole.Int64()
}

// readDecimal keeps six decimals.
func readDecimal(v any) (any, error) {
	s := strings.TrimSpace(str(v))
	if s == "" {
		if _, ok := v.(string); ok {
			return nil, nil
		}
		return nil, fmt.Errorf("a %T is no number", v)
	}
	d, _, err := apd.NewFromString(s)
	if err != nil || d.Form != apd.Finite {
		return nil, fmt.Errorf("%.40q is no number", s)
	}
	return six(d)
}

// six rounds to six decimals.
func six(d *apd.Decimal) (any, error) {
	out := new(apd.Decimal)
	if _, err := decimals.Quantize(out, d, -6); err != nil || out.NumDigits() > 20 {
		return nil, fmt.Errorf("%s is out of range", d)
	}
	return out, nil
}

func readFloat(v any) (any, error) {
	s := strings.TrimSpace(str(v))
	if s == "" {
		return nil, nil
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || f != f || f-f != 0 {
		return nil, fmt.Errorf("%.40q is no number", s)
	}
	return f, nil
}

func readBool(v any) (any, error) {
	switch v := v.(type) {
	case bool:
		return v, nil
	case string:
		switch strings.ToLower(v) {
		case "":
			return nil, nil
		case "true", "1":
			return true, nil
		case "false", "0":
			return false, nil
		}
	case json.Number:
		return readBool(v.String())
	}
	return nil, fmt.Errorf("%v is neither true nor false", v)
}

// readOff reads ON/OFF of a master report: 1 is off.
func readOff(v any) (any, error) { return readBool(v) }

func readTime(v any) (any, error) {
	s, ok := v.(string)
	if !ok {
		return nil, fmt.Errorf("a %T is no time", v)
	}
	if s == "" {
		return nil, nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999Z0700", "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05", time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC().Truncate(time.Microsecond), nil
		}
	}
	return nil, fmt.Errorf("%.40q is no time", s)
}

// readDay reads 20260930 and 2026-09-30.
func readDay(v any) (any, error) {
	s := str(v)
	if len(s) == 8 {
		s = s[:4] + "-" + s[4:6] + "-" + s[6:]
	}
	return tables.ParseDay(s)
}

func readJSON(v any) (any, error) {
	text, err := json.Marshal(v)
	return string(text), err
}

var (
	vatRate = apd.New(11, -1)
	// vatDay is the first day whose files show cost with VAT.
	vatDay = tables.Day("2026-03-30")
)

// withoutVAT and withVAT give the cost in the two ways that it is talked about.
func withoutVAT(cost *apd.Decimal, included bool) (any, error) {
	if !included {
		return six(cost)
	}
	out := new(apd.Decimal)
	if _, err := decimals.Quo(out, cost, vatRate); err != nil {
		return nil, err
	}
	return six(out)
}

func withVAT(cost *apd.Decimal, included bool) (any, error) {
	if included {
		return six(cost)
	}
	out := new(apd.Decimal)
	if _, err := decimals.Mul(out, cost, vatRate); err != nil {
		return nil, err
	}
	return six(out)
}
