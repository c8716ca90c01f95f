package googleadssim

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// quote is s as a JSON string, without escapes for HTML.
func quote(s string) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string always encodes
	return strings.TrimSuffix(b.String(), "\n")
}

// node is a part of the JSON tree of a result row.
type node struct {
	name  string // quoted, with its colon
	field *field // of a leaf
	below []*node
}

// shape is the tree of the selected fields, with the resource name of every
// selected resource even where it was not asked for.
func (p *plan) shape() *node {
	root := &node{}
	resources := []string{p.query.from}
	for _, f := range p.fields {
		if f.category() == "ATTRIBUTE" && !slices.Contains(resources, f.resource) {
			resources = append(resources, f.resource)
		}
		if strings.HasPrefix(f.name, "ad_group_ad.ad.") && !slices.Contains(resources, "ad_group_ad.ad") {
			resources = append(resources, "ad_group_ad.ad")
		}
	}
	if p.params["omit_unselected_resource_names"] != "true" {
		for _, r := range resources {
			root.insert(catalogue()[r+".resource_name"])
		}
	}
	for _, f := range p.fields {
		root.insert(f)
	}
	return root
}

func (n *node) insert(f *field) {
	for i, part := range f.path {
		label := quote(part) + ":"
		j := slices.IndexFunc(n.below, func(c *node) bool { return c.name == label })
		if j < 0 {
			n.below = append(n.below, &node{name: label})
			j = len(n.below) - 1
		}
		if n = n.below[j]; i == len(f.path)-1 {
			n.field = f
		}
	}
}

// append writes the row as the node's object. Unset values are left out, and so
// are objects that hold nothing else.
func (n *node) append(b []byte, r *row) []byte {
	b = append(b, '{')
	first := true
	for _, c := range n.below {
		start := len(b)
		if !first {
			b = append(b, ',')
		}
		b = append(b, c.name...)
		if c.field != nil {
			v := c.field.get(r)
			if v == nil {
				b = b[:start]
				continue
			}
			b = appendValue(b, v)
		} else {
			at := len(b)
			if b = c.append(b, r); len(b) == at+2 {
				b = b[:start]
				continue
			}
		}
		first = false
	}
	return append(b, '}')
}

// appendValue writes a value by the rules of protobuf's JSON: int64 as a
// string, doubles without exponent.
func appendValue(b []byte, v any) []byte {
	switch v := v.(type) {
	case string:
		return append(b, quote(v)...)
	case int64:
		b = append(b, '"')
		b = strconv.AppendInt(b, v, 10)
		return append(b, '"')
	case int32:
		return strconv.AppendInt(b, int64(v), 10)
	case float64:
		return strconv.AppendFloat(b, v, 'f', -1, 64)
	case bool:
		return strconv.AppendBool(b, v)
	case []string:
		b = append(b, '[')
		for i, s := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(b, quote(s)...)
		}
		return append(b, ']')
	case raw:
		return append(b, v...)
	}
	return append(b, "null"...)
}

// mask is the fieldMask of an answer: the selected fields in lowerCamelCase.
func (p *plan) mask() string {
	out := make([]string, len(p.fields))
	for i, f := range p.fields {
		out[i] = strings.Join(f.path, ".")
	}
	return strings.Join(out, ",")
}

// marshal is v as JSON, without escapes for HTML.
func marshal(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // maps, strings and numbers always encode
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
