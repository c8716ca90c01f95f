package duckdb

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"argo/tables/fault"
)

var jsonFunctions = []Function{
	// argo_json normalises a document: MySQL's order of keys and spacing.
	{Name: "argo_json", Args: []ValueKind{Varchar}, Result: Varchar, Eval: func(a []Value) (Value, error) {
		doc, err := parseJSON(a[0].Text)
		if err != nil {
			return null, err
		}
		return text(jsonText(doc))
	}},
	{Name: "argo_json_valid", Args: []ValueKind{Varchar}, Result: Bool, Eval: func(a []Value) (Value, error) {
		_, err := parseJSON(a[0].Text)
		return truth(err == nil)
	}},
	// argo_json_extract(document, path…).
	{Name: "argo_json_extract", Args: []ValueKind{Varchar, Varchar}, More: Varchar, Result: Varchar, Eval: func(a []Value) (Value, error) {
		doc, err := parseJSON(a[0].Text)
		if err != nil {
			return null, err
		}
		var found []any
		many := len(a) > 2
		for _, p := range a[1:] {
			path, err := parsePath(p.Text)
			if err != nil {
				return null, err
			}
			many = many || path.many()
			found = append(found, path.find(doc)...)
		}
		switch {
		case len(found) == 0:
			return nothing()
		case many:
			return text(jsonText(found))
		}
		return text(jsonText(found[0]))
	}},
	{Name: "argo_json_unquote", Args: []ValueKind{Varchar}, Result: Varchar, Eval: func(a []Value) (Value, error) {
		return text(unquote(a[0].Text))
	}},
	{Name: "argo_json_quote", Args: []ValueKind{Varchar}, Result: Varchar, Eval: func(a []Value) (Value, error) {
		return text(jsonText(a[0].Text))
	}},
	{Name: "argo_json_length", Args: []ValueKind{Varchar, Varchar}, Result: BigInt, Eval: func(a []Value) (Value, error) {
		v, ok, err := at(a[0].Text, a[1].Text)
		if err != nil || !ok {
			return null, err
		}
		switch v := v.(type) {
		case []any:
			return integer(int64(len(v)))
		case map[string]any:
			return integer(int64(len(v)))
		}
		return integer(1)
	}},
	{Name: "argo_json_keys", Args: []ValueKind{Varchar, Varchar}, Result: Varchar, Eval: func(a []Value) (Value, error) {
		v, ok, err := at(a[0].Text, a[1].Text)
		object, isObject := v.(map[string]any)
		if err != nil || !ok || !isObject {
			return null, err
		}
		keys := []any{}
		for _, k := range sortedKeys(object) {
			keys = append(keys, k)
		}
		return text(jsonText(keys))
	}},
	{Name: "argo_json_type", Args: []ValueKind{Varchar}, Result: Varchar, Eval: func(a []Value) (Value, error) {
		v, err := parseJSON(a[0].Text)
		if err != nil {
			return null, err
		}
		return text(jsonType(v))
	}},
	{Name: "argo_json_contains", Args: []ValueKind{Varchar, Varchar, Varchar}, Result: Bool, Eval: func(a []Value) (Value, error) {
		v, ok, err := at(a[0].Text, a[2].Text)
		if err != nil || !ok {
			return null, err
		}
		want, err := parseJSON(a[1].Text)
		if err != nil {
			return null, err
		}
		return truth(contains(v, want))
	}},
	// argo_json_value(document, path) gives the text of a scalar.
	{Name: "argo_json_value", Args: []ValueKind{Varchar, Varchar}, Result: Varchar, Eval: func(a []Value) (Value, error) {
		v, ok, err := at(a[0].Text, a[1].Text)
		if err != nil || !ok {
			return null, err
		}
		switch s := v.(type) {
		case nil, []any, map[string]any:
			return nothing()
		case string:
			return text(s)
		}
		return text(jsonText(v))
	}},
	// argo_json_key orders documents as MySQL does: by type, then by value.
	{Name: "argo_json_key", Args: []ValueKind{Varchar}, Result: Blob, Eval: func(a []Value) (Value, error) {
		v, err := parseJSON(a[0].Text)
		if err != nil {
			return null, err
		}
		return text(string(jsonKey(v)))
	}},
	// argo_json_double is the number that MySQL takes a document for.
	{Name: "argo_json_double", Args: []ValueKind{Varchar}, Result: Double, Eval: func(a []Value) (Value, error) {
		switch s := unquote(a[0].Text); s {
		case "true":
			return double(1)
		default:
			return double(LeadingDouble(s))
		}
	}},
	// argo_json_object(key, document, …): the arguments are JSON already.
	{Name: "argo_json_object", Args: []ValueKind{}, More: Varchar, Result: Varchar, Eval: func(a []Value) (Value, error) {
		object := map[string]any{}
		for i := 0; i+1 < len(a); i += 2 {
			v, err := parseJSON(a[i+1].Text)
			if err != nil {
				return null, err
			}
			object[a[i].Text] = v
		}
		return text(jsonText(object))
	}},
}

func parseJSON(s string) (any, error) {
	d := json.NewDecoder(strings.NewReader(s))
	d.UseNumber()
	var v any
	err := d.Decode(&v)
	if err == nil && d.More() {
		err = fmt.Errorf("more than one value")
	}
	if err != nil {
		return nil, &fault.Error{Kind: fault.Invalid, Message: "Invalid JSON text in a JSON function", Err: err}
	}
	return v, nil
}

// at gives the value at the path; ok is false where there is none.
func at(doc, path string) (v any, ok bool, err error) {
	d, err := parseJSON(doc)
	if err != nil {
		return nil, false, err
	}
	p, err := parsePath(path)
	if err != nil {
		return nil, false, err
	}
	found := p.find(d)
	if len(found) == 0 {
		return nil, false, nil
	}
	return found[0], true, nil
}

// sortedKeys orders as MySQL stores them: by length, then by bytes.
func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b string) int {
		if len(a) != len(b) {
			return len(a) - len(b)
		}
		return strings.Compare(a, b)
	})
	return keys
}

func jsonText(v any) string {
	var out strings.Builder
	writeJSON(&out, v)
	return out.String()
}

func writeJSON(out *strings.Builder, v any) {
	switch v := v.(type) {
	case nil:
		out.WriteString("null")
	case bool:
		out.WriteString(strconv.FormatBool(v))
	case json.Number:
		out.WriteString(jsonNumber(v))
	case string:
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		_ = e.Encode(v) // of a string: cannot fail
		s := strings.NewReplacer(`\u2028`, "\u2028", `\u2029`, "\u2029").Replace(strings.TrimSuffix(b.String(), "\n"))
		out.WriteString(s)
	case []any:
		out.WriteByte('[')
		for i, e := range v {
			if i > 0 {
				out.WriteString(", ")
			}
			writeJSON(out, e)
		}
		out.WriteByte(']')
	case map[string]any:
		out.WriteByte('{')
		for i, k := range sortedKeys(v) {
			if i > 0 {
				out.WriteString(", ")
			}
			writeJSON(out, k)
			out.WriteString(": ")
			writeJSON(out, v[k])
		}
		out.WriteByte('}')
	}
}

// jsonKey spells the type's rank and the value so that bytes compare as values.
func jsonKey(v any) []byte {
	switch v := v.(type) {
	case nil:
		return []byte{0}
	case json.Number:
		f, _ := v.Float64()
		b := math.Float64bits(f)
		if b>>63 == 0 {
			b |= 1 << 63
		} else {
			b = ^b
		}
		return binary.BigEndian.AppendUint64([]byte{1}, b)
	case string:
		return append([]byte{2}, v...)
	case map[string]any:
		return append([]byte{3}, jsonText(v)...)
	case []any:
		return append([]byte{4}, jsonText(v)...)
	}
	return append([]byte{5}, jsonText(v)...) // false, true
}

func isInteger(n json.Number) bool {
	if strings.ContainsAny(string(n), ".eE") {
		return false
	}
	if _, err := strconv.ParseInt(string(n), 10, 64); err == nil {
		return true
	}
	_, err := strconv.ParseUint(string(n), 10, 64)
	return err == nil
}

func jsonNumber(n json.Number) string {
	if isInteger(n) {
		return string(n)
	}
	f, _ := n.Float64()
	s := DoubleText(f)
	if !strings.ContainsAny(s, ".e") {
		s += ".0"
	}
	return s
}

func jsonType(v any) string {
	switch v := v.(type) {
	case nil:
		return "NULL"
	case bool:
		return "BOOLEAN"
	case json.Number:
		if !isInteger(v) {
			return "DOUBLE"
		}
		if _, err := v.Int64(); err != nil {
			return "UNSIGNED INTEGER"
		}
		return "INTEGER"
	case string:
		return "STRING"
	case []any:
		return "ARRAY"
	}
	return "OBJECT"
}

func unquote(s string) string {
	if len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"' {
		var t string
		if json.Unmarshal([]byte(s), &t) == nil {
			return t
		}
	}
	return s
}

func contains(v, want any) bool {
	switch w := want.(type) {
	case []any:
		have, ok := v.([]any)
		if !ok {
			return false
		}
		for _, e := range w {
			if !slices.ContainsFunc(have, func(h any) bool { return contains(h, e) }) {
				return false
			}
		}
		return true
	case map[string]any:
		if have, ok := v.(map[string]any); ok {
			for k, e := range w {
				if h, ok := have[k]; !ok || !contains(h, e) {
					return false
				}
			}
			return true
		}
	}
	if have, ok := v.([]any); ok {
		return slices.ContainsFunc(have, func(h any) bool { return contains(h, want) })
	}
	x, isNumber := v.(json.Number)
	y, isNumber2 := want.(json.Number)
	if isNumber && isNumber2 {
		f, _ := x.Float64()
		g, _ := y.Float64()
		return f == g
	}
	return jsonText(v) == jsonText(want) && jsonType(v) == jsonType(want)
}

// leg of a JSON path: a key, a range of indexes, or every member; deep (**)
// also looks below.
type leg struct {
	key        string
	index      bool
	from, to   int // negative: counted from the last, -1 is the last
	every      bool
	deep, span bool
}

type jsonPath []leg

func (p jsonPath) many() bool {
	return slices.ContainsFunc(p, func(l leg) bool { return l.every || l.deep || l.span })
}

func parsePath(s string) (jsonPath, error) {
	bad := fault.New(fault.Invalid, "Invalid JSON path expression %q", s)
	rest, ok := strings.CutPrefix(strings.TrimSpace(s), "$")
	if !ok {
		return nil, bad
	}
	var p jsonPath
	for rest = strings.TrimSpace(rest); rest != ""; rest = strings.TrimSpace(rest) {
		switch {
		case strings.HasPrefix(rest, "**"):
			p, rest = append(p, leg{deep: true}), rest[2:]
			if rest == "" {
				return nil, bad
			}
		case rest[0] == '.':
			rest = strings.TrimSpace(rest[1:])
			if rest == "" {
				return nil, bad
			}
			if rest[0] == '*' {
				p, rest = append(p, leg{every: true}), rest[1:]
				continue
			}
			end := strings.IndexAny(rest, ".[* ")
			if rest[0] == '"' {
				end = 1
				for end < len(rest) && rest[end] != '"' {
					if rest[end] == '\\' {
						end++
					}
					end++
				}
				end++
			}
			if end < 0 {
				end = len(rest)
			}
			if end == 0 || end > len(rest) {
				return nil, bad
			}
			p, rest = append(p, leg{key: unquote(rest[:end])}), rest[end:]
		case rest[0] == '[':
			inner, after, ok := strings.Cut(rest[1:], "]")
			if !ok {
				return nil, bad
			}
			l := leg{index: true, every: strings.TrimSpace(inner) == "*"}
			if !l.every {
				from, to, span := strings.Cut(inner, " to ")
				if !span {
					to = from
				}
				var ok2 bool
				l.span = span
				l.from, ok = pathIndex(from)
				l.to, ok2 = pathIndex(to)
				if !ok || !ok2 {
					return nil, bad
				}
			}
			p, rest = append(p, l), after
		default:
			return nil, bad
		}
	}
	return p, nil
}

func pathIndex(s string) (int, bool) {
	s = strings.TrimSpace(s)
	if after, ok := strings.CutPrefix(s, "last"); ok {
		after = strings.TrimSpace(after)
		if after == "" {
			return -1, true
		}
		n, err := strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(after, "-")))
		return -1 - n, err == nil && after[0] == '-'
	}
	n, err := strconv.Atoi(s)
	return n, err == nil && n >= 0
}

func (p jsonPath) find(v any) []any {
	if len(p) == 0 {
		return []any{v}
	}
	l, rest := p[0], p[1:]
	var out []any
	switch {
	case l.deep:
		out = rest.find(v)
		switch v := v.(type) {
		case []any:
			for _, e := range v {
				out = append(out, p.find(e)...)
			}
		case map[string]any:
			for _, k := range sortedKeys(v) {
				out = append(out, p.find(v[k])...)
			}
		}
	case l.index:
		list, ok := v.([]any)
		if !ok {
			list = []any{v} // a scalar is an array of itself
			if l.every {
				return nil
			}
		}
		from, to := l.from, l.to
		if l.every {
			from, to = 0, -1
		}
		if from < 0 {
			from += len(list)
		}
		if to < 0 {
			to += len(list)
		}
		for i := max(from, 0); i <= min(to, len(list)-1); i++ {
			out = append(out, rest.find(list[i])...)
		}
	default:
		object, _ := v.(map[string]any)
		if l.every {
			for _, k := range sortedKeys(object) {
				out = append(out, rest.find(object[k])...)
			}
		} else if e, ok := object[l.key]; ok {
			out = rest.find(e)
		}
	}
	return out
}
