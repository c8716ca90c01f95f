package lake

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"argo/tables"
	"argo/tables/fault"

	"github.com/cockroachdb/apd/v3"
)

// column of a data set, and how a file's cells become its values.
type column struct {
	tables.Column
	cast
	partition bool
}

// source is what one file says of its columns.
type source struct {
	object
	*profile
}

// columns makes one table of many files: union by name, in the order of the
// files, each type the narrowest that holds every value of every file, and
// behind them the partitions. A file that cannot be read says nothing here;
// who reads it gets its fault.
func (ds *dataset) columns(sources []source, objects []object) ([]column, error) {
	type contributions struct {
		name   string
		values stats  // of the text files
		text   string // the first of them
		nested string // the first file with an object or array
		flat   string // the first CSV file
		typ    tables.Type
		typed  string // the first Parquet file
		object bool   // typ is a Parquet structure
	}
	var order []*contributions
	byName := map[string]*contributions{}
	for _, src := range sources {
		if src.Problem != nil {
			continue
		}
		for _, f := range src.Columns {
			u := byName[fold(f.Name)]
			if u == nil {
				u = &contributions{name: f.Name, values: newStats()}
				byName[fold(f.Name)] = u
				order = append(order, u)
			}
			switch {
			case f.Stats != nil:
				u.values.merge(*f.Stats)
				if f.Stats.known() && u.text == "" {
					u.text = src.name
				}
				if f.Stats.Nested && u.nested == "" {
					u.nested = src.name
				}
				if src.Format == formatCSV && f.Stats.known() && u.flat == "" {
					u.flat = src.name
				}
			case f.Void:
			case u.typed == "":
				u.typ, u.object, u.typed = f.Type, f.Nested, src.name
			default:
				t, ok := widen(u.typ, f.Type, u.object, f.Nested)
				if !ok {
					return nil, ds.irreconcilable(u.name, u.typed, src.name)
				}
				u.typ, u.object = t, u.object || f.Nested
			}
		}
	}
	partitions := ds.partitions(objects)
	var out []column
	for _, u := range order {
		if slices.ContainsFunc(partitions, func(p column) bool { return fold(p.Name) == fold(u.name) }) {
			continue // the folder's value is the one that prunes
		}
		if u.nested != "" && u.flat != "" {
			return nil, ds.irreconcilable(u.name, u.nested, u.flat)
		}
		c := column{Column: tables.Column{Name: u.name}}
		c.Type = u.values.typ()
		switch {
		case u.typed == "":
		case !u.values.known():
			c.Type = u.typ
		default:
			t, ok := widen(c.Type, u.typ, u.values.Nested, u.object)
			if !ok {
				return nil, ds.irreconcilable(u.name, u.text, u.typed)
			}
			c.Type = t
		}
		c.monthFirst = u.values.monthFirst()
		if temporalKind(c.Type.Kind) && u.values.undecided() {
			c.Doc = "Read with the day first; every value could be read with the month first as well: date_formats decides."
		}
		out = append(out, c)
	}
	out = append(out, partitions...)
	return out, ds.override(out)
}

func temporalKind(k tables.Kind) bool { return k == tables.Date || k == tables.DateTime }

// override applies what the configuration says of columns.
func (ds *dataset) override(columns []column) error {
	find := func(option, name string) (*column, error) {
		for i := range columns {
			if fold(columns[i].Name) == fold(name) {
				return &columns[i], nil
			}
		}
		var have []string
		for _, c := range columns {
			have = append(have, c.Name)
		}
		return nil, fault.New(fault.Config, "data set %q: %s names the column %q, which no file has", ds.Name, option, name).
			WithHint("the columns are %s", strings.Join(have, ", "))
	}
	if l, ok := ds.layouts["*"]; ok {
		for i := range columns {
			if temporalKind(columns[i].Type.Kind) && !columns[i].partition {
				columns[i].layout, columns[i].Doc = &l, ""
			}
		}
	}
	for name, l := range ds.layouts {
		if name == "*" {
			continue
		}
		c, err := find("date_formats", name)
		if err != nil {
			return err
		}
		c.layout, c.Doc = &l, ""
		c.Type = tables.DateType
		if l.timed {
			c.Type = tables.Timestamp
		}
	}
	for name, t := range ds.types {
		c, err := find("columns", name)
		if err != nil {
			return err
		}
		c.Type = t
		if !temporalKind(t.Kind) {
			c.Doc = ""
		}
	}
	for name, kind := range ds.collations {
		c, err := find("collations", name)
		if err != nil {
			return err
		}
		if c.Type.Kind != tables.Text && c.Type.Kind != tables.ID {
			return fault.New(fault.Config, "data set %q: collations names the column %q, which is %s and not text", ds.Name, name, c.Type)
		}
		c.Type.Kind = kind
	}
	for i := range columns {
		columns[i].cast.typ = columns[i].Type
	}
	return nil
}

func (ds *dataset) irreconcilable(column, a, b string) error {
	return fault.New(fault.Broken, "data set %q: the column %q is a structure (object or list) in one of %s and %s and a plain value in the other", ds.Name, column, a, b).
		WithHint("make two data sets of them, with a path each")
}

// partitions types the key=value folders: BIGINT, DATE or a byte-by-byte
// compared text, over all files. Text of that kind makes pruning exact.
func (ds *dataset) partitions(objects []object) []column {
	var out []column
	values := map[string]*stats{}
	for _, o := range objects {
		for _, p := range o.parts {
			st := values[fold(p.key)]
			if st == nil {
				s := newStats()
				st = &s
				values[fold(p.key)] = st
				out = append(out, column{Column: tables.Column{Name: p.key, Push: true, Doc: "Partition: from the folder's name."}, partition: true})
			}
			if !p.null {
				st.add([]byte(p.value), asInt|asTemporal)
			}
		}
	}
	for i := range out {
		st := values[fold(out[i].Name)]
		t := st.typ()
		if t.Kind != tables.Int && t.Kind != tables.Date || st.undecided() {
			t = tables.Type{Kind: tables.ID, Length: max(255, st.Length)}
		}
		out[i].Type = t
		out[i].monthFirst = st.monthFirst()
	}
	return out
}

// constant is the value of a partition column for a file, as in tables.Row.
func (c *column) constant(o object) (any, error) {
	for _, p := range o.parts {
		if fold(p.key) != fold(c.Name) || p.null {
			continue
		}
		v, ok := c.value(p.value)
		if !ok {
			return nil, &problem{What: fmt.Sprintf("the folder %s=%s is no %s", p.key, p.value, c.Type),
				Hint: "columns: {" + c.Name + ": text} takes any value"}
		}
		return v, nil
	}
	return nil, nil
}

// value reads a partition's text.
func (c *column) value(s string) (any, bool) {
	switch c.Type.Kind {
	case tables.Int:
		n, err := strconv.ParseInt(s, 10, 64)
		return n, err == nil
	case tables.Double:
		f, err := strconv.ParseFloat(s, 64)
		return f, err == nil
	case tables.Decimal:
		n, ok := parseNumber(s)
		d, _, err := apd.NewFromString(s)
		return d, ok && err == nil && !n.exp && n.scale <= c.Type.Scale && n.whole <= c.Type.Precision-c.Type.Scale
	case tables.Bool:
		return strings.EqualFold(s, "true") || s == "1", isBool(s) || s == "0" || s == "1"
	case tables.Date, tables.DateTime:
		t, ok := c.temporal(s)
		if c.Type.Kind == tables.Date {
			return t.date(), ok && !t.timed
		}
		return t.time(), ok
	}
	return s, true
}

// allows says whether a file with the value v of this partition may hold rows
// of the domain. Where that cannot be told it may.
func (c *column) allows(d tables.Domain, v any) bool {
	if d.Any() {
		return true
	}
	if v == nil { // a domain never holds NULL
		return false
	}
	if d.In != nil && !slices.ContainsFunc(d.In, func(w any) bool { return c.compare(v, w, 0, 0) }) {
		return false
	}
	return (d.From == nil || c.compare(v, d.From, 0, 1)) && (d.To == nil || c.compare(v, d.To, -1, 0))
}

// compare says whether a stands to b as one of the signs allow; values that
// this column cannot compare, and text that is not compared byte by byte,
// allow everything.
func (c *column) compare(a, b any, signs ...int) bool {
	sign := 0
	switch x := a.(type) {
	case int64:
		y, ok := b.(int64)
		if !ok {
			return true
		}
		sign = compareOrdered(x, y)
	case tables.Day:
		y, ok := b.(tables.Day)
		if !ok {
			return true
		}
		sign = compareOrdered(x, y)
	case string:
		y, ok := b.(string)
		if !ok || c.Type.Kind != tables.ID {
			return true
		}
		sign = comparePadded(x, y)
	default:
		return true
	}
	return slices.Contains(signs, sign)
}

func compareOrdered[T int64 | tables.Day](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// comparePadded compares byte by byte, and blanks at the end do not count:
// utf8mb4_bin pads the shorter text.
func comparePadded(a, b string) int {
	n := max(len(a), len(b))
	return strings.Compare(a+strings.Repeat(" ", n-len(a)), b+strings.Repeat(" ", n-len(b)))
}

var (
	decimalSpelling = regexp.MustCompile(`^(?:decimal|dec|numeric)\s*\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)$`)
	charSpelling    = regexp.MustCompile(`^(?:var)?char\s*\(\s*(\d+)\s*\)( binary)?$`)
)

// parseType reads a type as MySQL spells it.
func parseType(s string) (tables.Type, error) {
	s = strings.ToLower(strings.TrimSpace(s))
	switch s {
	case "tinyint", "smallint", "mediumint", "int", "integer", "bigint":
		return tables.BigInt, nil
	case "double", "float", "real", "double precision":
		return tables.Float, nil
	case "text", "longtext", "mediumtext", "varchar", "string":
		return tables.LongText, nil
	case "id", "text binary":
		return tables.Type{Kind: tables.ID, Length: 255}, nil
	case "bool", "boolean", "tinyint(1)":
		return tables.Boolean, nil
	case "date":
		return tables.DateType, nil
	case "datetime", "timestamp", "datetime(6)", "timestamp(6)":
		return tables.Timestamp, nil
	case "json":
		return tables.Document, nil
	}
	if m := decimalSpelling.FindStringSubmatch(s); m != nil {
		p, _ := strconv.Atoi(m[1])
		scale, _ := strconv.Atoi("0" + m[2])
		if p < 1 || p > 38 || scale > min(p, maxScale) {
			return tables.Type{}, fmt.Errorf("%q: a decimal has 1 to 38 digits, at most 30 of them behind the point", s)
		}
		return tables.Dec(p, scale), nil
	}
	if m := charSpelling.FindStringSubmatch(s); m != nil {
		n, _ := strconv.Atoi(m[1])
		if n < 1 || n > 16383 {
			return tables.Type{}, fmt.Errorf("%q: a text has 1 to 16383 characters", s)
		}
		if m[2] != "" {
			return tables.Type{Kind: tables.ID, Length: n}, nil
		}
		return tables.Type{Kind: tables.Text, Length: n}, nil
	}
	return tables.Type{}, fmt.Errorf("%q is no type; there are bigint, double, decimal(18,4), text, varchar(64), id, boolean, date, datetime and json", s)
}
