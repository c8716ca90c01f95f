package declarative

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"argo/tables"
	"argo/tables/mapping"
)

// template is a text of the configuration with places that are filled in:
// {account}, {from:%Y%m%d}. {{ is a brace.
type template struct{ parts []place }

// place is a literal, or a name with how its value is written.
type place struct {
	literal string
	name    string
	layout  *mapping.Layout // of days
	number  bool            // :int, a whole place of a JSON body
}

// values of a request, by the name of the place. A name that is absent is left
// out with its parameter.
type values struct {
	scan    tables.Scan
	account tables.Account
	fields  []string
	text    map[string]string // page, offset, limit, cursor and what a signature knows
}

const (
	ofScan  = "account, from, to, until, day, columns"
	ofPages = "page, offset, limit, cursor"
)

// parseTemplate knows the names that may stand in it.
func parseTemplate(text string, names ...string) (template, error) {
	var t template
	literal := func(s string) {
		if n := len(t.parts); n > 0 && t.parts[n-1].name == "" {
			t.parts[n-1].literal += s
		} else if s != "" {
			t.parts = append(t.parts, place{literal: s})
		}
	}
	for rest := text; rest != ""; {
		i := strings.IndexAny(rest, "{}")
		if i < 0 {
			literal(rest)
			break
		}
		literal(rest[:i])
		rest = rest[i:]
		if strings.HasPrefix(rest, "{{") || strings.HasPrefix(rest, "}}") {
			literal(rest[:1])
			rest = rest[2:]
			continue
		}
		end := strings.IndexByte(rest, '}')
		if rest[0] == '}' || end < 0 {
			return t, fmt.Errorf("%q: a brace stands alone; {{ and }} are braces, {account} is a place", text)
		}
		name, format, formatted := strings.Cut(rest[1:end], ":")
		rest = rest[end+1:]
		if !slices.Contains(names, name) {
			return t, fmt.Errorf("%q: there is no {%s} here; there are {%s}", text, name, strings.Join(names, "}, {"))
		}
		p := place{name: name}
		switch {
		case !formatted:
		case isDay(name):
			l, err := mapping.ParseLayout(format)
			if err != nil {
				return t, fmt.Errorf("{%s:%s}: %w", name, format, err)
			}
			p.layout = l
		case format == "int" && name == "account":
			p.number = true
		default:
			return t, fmt.Errorf("{%s:%s}: from, to, until and day have a format such as %%Y%%m%%d, account may be int", name, format)
		}
		t.parts = append(t.parts, p)
	}
	return t, nil
}

func isDay(name string) bool {
	return name == "from" || name == "to" || name == "until" || name == "day"
}

// names of the places.
func (t template) names() []string {
	seen := map[string]bool{}
	for _, p := range t.parts {
		if p.name != "" {
			seen[p.name] = true
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

// fill gives the text; escape is applied to every value and to no literal. ok is
// false where a value is not there: what holds the text is left out.
func (t template) fill(v values, escape func(string) (string, error)) (text string, ok bool, err error) {
	var b strings.Builder
	for _, p := range t.parts {
		if p.name == "" {
			b.WriteString(p.literal)
			continue
		}
		s, found := v.get(p)
		if !found {
			return "", false, nil
		}
		if escape != nil {
			if s, err = escape(s); err != nil {
				return "", false, err
			}
		}
		b.WriteString(s)
	}
	return b.String(), true, nil
}

func (v values) get(p place) (string, bool) {
	day := func(d tables.Day) (string, bool) {
		if p.layout == nil {
			return string(d), d != ""
		}
		return p.layout.Format(d, v.account.Location()), d != ""
	}
	switch p.name {
	case "account":
		return v.account.ID, true
	case "from", "day":
		return day(v.scan.Days.From)
	case "to":
		return day(v.scan.Days.To)
	case "until":
		return day(v.scan.Days.To.Add(1))
	case "columns":
		return strings.Join(v.fields, ","), true
	}
	s, ok := v.text[p.name]
	return s, ok
}

// sole gives the place of a template that is nothing else.
func (t template) sole() (place, bool) {
	if len(t.parts) == 1 && t.parts[0].name != "" {
		return t.parts[0], true
	}
	return place{}, false
}
