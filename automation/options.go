package automation

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"argo/tables"
	"argo/tables/fault"

	"github.com/cockroachdb/apd/v3"
)

// Options of a CALL: the document that every action takes as its last
// argument.
type Options struct {
	DryRun bool   // plan and judge, record, send nothing
	Reason string // for the record
	// Key makes the CALL idempotent: the same key with the same arguments gives
	// the run that has it, whatever became of it, and sends nothing again. A dry
	// run neither takes nor finds a key.
	Key string
	// Expect names fields and the values that they must have before anything
	// is sent: compare-and-set by the caller. Values as in Change.Before.
	Expect map[string]string
	// NotBefore keeps the changes until then, Expires gives up what has not been
	// sent by then; zero: neither.
	NotBefore, Expires time.Time
	// Wait is how long Do waits for the outcome, 0 for 10 s. It is not part of
	// the document.
	Wait time.Duration
}

const optionsSample = `'{"dry_run": true, "reason": "over budget", "idempotency_key": "2026-11-22/7", "expect": {"status": "ENABLED"}}'`

// ParseOptions decodes the options document; "" and "null" are none. An
// unknown key, a key given twice, and a value of the wrong type are faults of
// kind Invalid.
func ParseOptions(document string) (Options, error) {
	var o Options
	invalid := func(format string, args ...any) (Options, error) {
		return Options{}, fault.New(fault.Invalid, format, args...).WithHint("the options are one JSON object: %s", optionsSample)
	}
	if s := strings.TrimSpace(document); s == "" || s == "null" {
		return o, nil
	}
	members, err := object([]byte(document))
	if err != nil {
		return invalid("the options cannot be read: %v", err)
	}
	for _, m := range members {
		switch v := m.value.(type) {
		case nil:
			switch m.name {
			case "reason":
				continue // NULL is "not given"
			case "dry_run", "idempotency_key", "expect", "not_before", "expires":
				// The options that protect are not lost to a variable that was never set.
				return invalid("the option %s is NULL: give it a value or leave it out", m.name)
			}
			return invalid("there is no option %q", m.name)
		case bool:
			if m.name == "dry_run" {
				o.DryRun = v
				continue
			}
		case string:
			if m.name == "reason" {
				o.Reason = v
				continue
			}
			if m.name == "not_before" || m.name == "expires" {
				at, err := time.Parse(time.RFC3339, v)
				if err != nil {
					return invalid("the option %s is a moment with its zone such as 2026-11-22T18:00:00+09:00, not %q", m.name, v)
				}
				if m.name == "expires" {
					o.Expires = at
				} else {
					o.NotBefore = at
				}
				continue
			}
			if m.name == "idempotency_key" {
				if v == "" || utf8.RuneCountInString(v) > 160 {
					return invalid("the option idempotency_key has 1 to 160 characters")
				}
				o.Key = v
				continue
			}
		case json.RawMessage:
			if m.name == "expect" {
				fields, err := object(v)
				if err != nil {
					return invalid("the option expect cannot be read: %v", err)
				}
				o.Expect = map[string]string{}
				for _, f := range fields {
					switch v := f.value.(type) {
					case nil:
						o.Expect[f.name] = ""
					case string:
						o.Expect[f.name] = v
					case bool:
						o.Expect[f.name] = strconv.FormatBool(v)
					case json.Number:
						o.Expect[f.name] = v.String()
					default:
						return invalid("the option expect holds no value for %q that a field can have", f.name)
					}
				}
				continue
			}
		}
		switch m.name {
		case "dry_run", "reason", "idempotency_key", "expect", "not_before", "expires":
			return invalid("the option %s is not of the right type", m.name)
		}
		return invalid("there is no option %q", m.name)
	}
	return o, nil
}

type member struct {
	name  string
	value any // nil, bool, string, json.Number, or json.RawMessage of an object or array
}

// object reads one JSON object and nothing after it, its members in order, no
// name twice.
func object(text []byte) (members []member, err error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	if t, err := dec.Token(); err != nil {
		return nil, fmt.Errorf("it is not JSON: %w", err)
	} else if t != json.Delim('{') {
		return nil, fmt.Errorf("it is not a JSON object")
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return nil, fmt.Errorf("it is not JSON: %w", err)
		}
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return nil, fmt.Errorf("it is not JSON: %w", err)
		}
		m := member{name: name.(string), value: raw}
		if slices.ContainsFunc(members, func(o member) bool { return o.name == m.name }) {
			return nil, fmt.Errorf("%q stands in it twice", m.name)
		}
		if raw[0] != '{' && raw[0] != '[' {
			m.value = nil
			d := json.NewDecoder(bytes.NewReader(raw))
			d.UseNumber()
			if err := d.Decode(&m.value); err != nil {
				return nil, fmt.Errorf("it is not JSON: %w", err)
			}
		}
		members = append(members, m)
	}
	if _, err := dec.Token(); err != nil {
		return nil, fmt.Errorf("it is not JSON: %w", err)
	}
	if dec.More() {
		return nil, fmt.Errorf("something stands after the object")
	}
	return members, nil
}

// expected compares what the caller expects with what the plan has read.
// Numbers compare as numbers, everything else byte by byte.
func expected(expect map[string]string, changes []Change) error {
	for name, want := range expect {
		found := false
		for _, c := range changes {
			if c.Field != name {
				continue
			}
			found = true
			if !agree(want, c.Before) {
				return fault.New(fault.Conflict, "%s of %s is %q, not %q as expected; nothing was sent", name, c.Entity, c.Before, want)
			}
		}
		if !found && len(changes) > 0 {
			var names []string
			for _, c := range changes {
				names = append(names, c.Field)
			}
			slices.Sort(names)
			return fault.New(fault.Invalid, "the option expect names %q, which this action does not change", name).
				WithHint("it changes %s", strings.Join(slices.Compact(names), ", "))
		}
	}
	return nil
}

func agree(a, b string) bool {
	if a == b {
		return true
	}
	x, _, errX := apd.NewFromString(a)
	y, _, errY := apd.NewFromString(b)
	return errX == nil && errY == nil && x.Form == apd.Finite && y.Form == apd.Finite && x.Cmp(y) == 0
}

// document gives the arguments as one JSON object, sorted by name: the same
// arguments give the same text, 50000 and 50000.00 too.
func (a Args) document() (string, error) {
	plain := make(map[string]any, len(a))
	for name, v := range a {
		switch v := v.(type) {
		case *apd.Decimal:
			if v == nil || v.Form != apd.Finite {
				return "", fault.New(fault.Invalid, "the argument %s is not a number", name)
			}
			var d apd.Decimal
			d.Reduce(v)
			plain[name] = json.Number(d.Text('f'))
		case time.Time:
			plain[name] = v.UTC().Format(time.RFC3339Nano)
		case tables.Day:
			plain[name] = string(v)
		default:
			plain[name] = v
		}
	}
	text, err := json.Marshal(plain)
	if err != nil {
		return "", fmt.Errorf("write the arguments: %w", err)
	}
	return string(text), nil
}
