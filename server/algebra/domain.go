package algebra

import (
	"cmp"
	"math"
	"slices"
	"time"

	"argo/tables"

	"github.com/cockroachdb/apd/v3"
)

// domain is a tables.Domain with its algebra. Values of one domain are of one
// Go type.
type domain tables.Domain

func among(vs ...any) domain      { return domain{In: append([]any{}, vs...)} }
func between(from, to any) domain { return domain{From: from, To: to} }

func (d domain) any() bool { return d.In == nil && d.From == nil && d.To == nil && d.Spans == nil }

func (d domain) empty() bool {
	if d.In != nil {
		return len(d.In) == 0
	}
	return d.From != nil && d.To != nil && compareValues(d.From, d.To) > 0
}

func (d domain) holds(v any) bool {
	if d.In != nil && !slices.ContainsFunc(d.In, func(o any) bool { return compareValues(o, v) == 0 }) {
		return false
	}
	within := func(s tables.Span) bool {
		return (s.From == nil || compareValues(s.From, v) <= 0) && (s.To == nil || compareValues(v, s.To) <= 0)
	}
	return within(tables.Span{From: d.From, To: d.To}) && (d.Spans == nil || slices.ContainsFunc(d.Spans, within))
}

// intersect is what both allow.
func (d domain) intersect(o domain) domain {
	if d.In == nil {
		d, o = o, d
	}
	if d.In != nil {
		out := among()
		for _, v := range d.In {
			if o.holds(v) && d.holds(v) {
				out.In = append(out.In, v)
			}
		}
		return out
	}
	if d.Spans == nil && o.Spans == nil {
		return between(later(d.From, o.From), earlier(d.To, o.To))
	}
	var both []tables.Span
	for _, x := range d.spans() {
		for _, y := range o.spans() {
			if s := between(later(x.From, y.From), earlier(x.To, y.To)); !s.empty() {
				both = append(both, tables.Span{From: s.From, To: s.To})
			}
		}
	}
	if len(both) == 0 {
		return among()
	}
	return ofSpans(both)
}

// union allows what either allows, and no more where that can be said.
func (d domain) union(o domain) domain {
	switch {
	case d.empty():
		return o
	case o.empty():
		return d
	case d.In != nil && o.In != nil:
		out := domain{In: slices.Clone(d.In)}
		for _, v := range o.In {
			if !d.holds(v) {
				out.In = append(out.In, v)
			}
		}
		return out
	}
	return ofSpans(slices.Concat(d.spans(), o.spans()))
}

// spans of a domain, in any order.
func (d domain) spans() []tables.Span {
	switch {
	case d.In != nil:
		out := make([]tables.Span, len(d.In))
		for i, v := range d.In {
			out[i] = tables.Span{From: v, To: v}
		}
		return out
	case d.Spans != nil:
		return d.Spans
	}
	return []tables.Span{{From: d.From, To: d.To}}
}

// mostSpans that a domain keeps apart; of more it is their hull.
const mostSpans = 1000

// ofSpans is the domain of at least one span, in any order, that may overlap.
func ofSpans(list []tables.Span) domain {
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b tables.Span) int {
		switch {
		case a.From == nil && b.From == nil:
			return 0
		case a.From == nil:
			return -1
		case b.From == nil:
			return 1
		}
		return compareValues(a.From, b.From)
	})
	merged := list[:1]
	for _, s := range list[1:] {
		last := &merged[len(merged)-1]
		if last.To != nil && s.From != nil && compareValues(after(last.To), s.From) < 0 {
			merged = append(merged, s)
			continue
		}
		if last.To != nil && (s.To == nil || compareValues(s.To, last.To) > 0) {
			last.To = s.To
		}
	}
	out := between(merged[0].From, merged[len(merged)-1].To)
	if len(merged) > 1 && len(merged) <= mostSpans {
		out.Spans = merged
	}
	return out
}

// after is the next value where there is one, else the value itself.
func after(v any) any {
	switch v := v.(type) {
	case tables.Day:
		return v.Add(1)
	case int64:
		if v < math.MaxInt64 {
			return v + 1
		}
	}
	return v
}

func later(a, b any) any {
	if a == nil || b != nil && compareValues(a, b) < 0 {
		return b
	}
	return a
}

func earlier(a, b any) any {
	if a == nil || b != nil && compareValues(a, b) > 0 {
		return b
	}
	return a
}

// compareValues orders two values of one Go type, as a column of ids, numbers
// or dates orders them.
func compareValues(a, b any) int {
	switch x := a.(type) {
	case int64:
		return cmp.Compare(x, b.(int64))
	case float64:
		return cmp.Compare(x, b.(float64))
	case string:
		return cmp.Compare(x, b.(string))
	case tables.Day:
		return cmp.Compare(x, b.(tables.Day))
	case time.Time:
		return x.Compare(b.(time.Time))
	case *apd.Decimal:
		return x.Cmp(b.(*apd.Decimal))
	case bool:
		y := b.(bool)
		switch {
		case x == y:
			return 0
		case x:
			return 1
		}
		return -1
	}
	return 0
}
