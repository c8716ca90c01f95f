package columnar

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cockroachdb/apd/v3"

	"argo/server/algebra"
	"argo/server/dialect/duckdb"
	"argo/tables"
	"argo/tables/fault"
)

// fetchedAt is the one column of a file that goes before a constant of the same
// name: a compacted segment knows of each row when it was read.
const fetchedAt = "_fetched_at"

// layout of files that one read_parquet can answer: the same columns of the
// same types, and the same columns that are not in the file.
type layout struct {
	key           string
	have          map[string]fileColumn // by fold of the name
	day, account  string                // the columns by which files are restricted; "" where they are not
	after         string                // the column that Later counts from
	consts        []string              // wanted columns that are constants
	later         map[string]int        // wanted columns that are days after the day
	files         []string              // in the order in which they were given, each once
	parts         map[string][]part     // by file
	reservedIndex bool                  // a file has a column called as DuckDB's own index of files
}

// part of a file that counts.
type part struct {
	days    tables.Days // zero: all of them
	account string
	consts  []*string // aligned with layout.consts; nil is NULL
}

func (p part) key() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %q", p.days.From, p.days.To, p.account)
	b.WriteString(p.constKey())
	return b.String()
}

func (p part) constKey() string {
	var b strings.Builder
	for _, c := range p.consts {
		if c == nil {
			b.WriteString(" -")
		} else {
			b.WriteString(" " + strconv.Quote(*c))
		}
	}
	return b.String()
}

// scan gives the FROM item of files. Files of one layout share a read_parquet,
// whatever days of them count and whatever their constants are: one SELECT for
// each of a few such combinations, and beyond that one for all of them, which
// looks up by the file's index what is true of it.
func (c *conn) scan(ctx context.Context, want []algebra.Column, in Input) (string, error) {
	if len(in.Files) == 0 {
		items := make([]string, 0, len(want))
		for _, w := range want {
			items = append(items, "CAST(NULL AS "+duckdb.TypeName(w.Type)+") AS "+ident(w.Name))
		}
		return "(SELECT " + selectList(items) + " WHERE false)", nil
	}
	layouts, err := c.layouts(ctx, want, in.Files)
	if err != nil {
		return "", err
	}
	var selects []string
	for _, l := range layouts {
		s, err := l.sql(want, in.Columns)
		if err != nil {
			return "", err
		}
		selects = append(selects, s...)
	}
	return "(" + strings.Join(selects, " UNION ALL ") + ")", nil
}

func (c *conn) layouts(ctx context.Context, want []algebra.Column, files []tables.File) (out []*layout, err error) {
	byKey := map[string]*layout{}
	seen := map[string]map[string]fileColumn{}
	for _, f := range files {
		have := seen[f.Path]
		if have == nil {
			columns, err := c.e.schemas.of(ctx, c, f.Path)
			if err != nil {
				return nil, err
			}
			have = make(map[string]fileColumn, len(columns))
			for _, col := range columns {
				have[fold(col.name)] = col
			}
			seen[f.Path] = have
		}
		l := layoutOf(f, want, have)
		if known := byKey[l.key]; known != nil {
			l = known
		} else {
			byKey[l.key], out = l, append(out, l)
		}
		if l.parts[f.Path] == nil {
			l.files = append(l.files, f.Path)
		}
		p := part{account: f.AccountID, consts: make([]*string, len(l.consts))}
		if l.day != "" {
			p.days = f.Days
		}
		for i, name := range l.consts {
			if p.consts[i], err = constant(f.Const[name]); err != nil {
				return nil, err
			}
		}
		l.parts[f.Path] = append(l.parts[f.Path], p)
	}
	for _, l := range out {
		l.merge()
	}
	return out, nil
}

// layoutOf leaves out whatever the statement does not read.
func layoutOf(f tables.File, want []algebra.Column, have map[string]fileColumn) *layout {
	l := &layout{have: have, account: f.Account, later: map[string]int{}, parts: map[string][]part{}}
	if !f.Days.IsZero() {
		l.day = f.Day
	}
	for _, w := range want {
		_, physical := have[fold(w.Name)]
		if _, ok := f.Const[w.Name]; ok && !(physical && w.Name == fetchedAt) {
			l.consts = append(l.consts, w.Name)
		} else if n, ok := f.Later[w.Name]; ok && !physical {
			l.later[w.Name], l.after = n, f.Day
		}
	}
	// A restriction of what is itself a constant is one of that constant.
	for _, name := range []string{l.day, l.account, l.after} {
		if _, ok := f.Const[name]; ok && !slices.Contains(l.consts, name) {
			l.consts = append(l.consts, name)
		}
	}
	slices.Sort(l.consts)
	l.consts = slices.Compact(l.consts)
	_, l.reservedIndex = have["file_index"]
	var b strings.Builder
	fmt.Fprintf(&b, "%q %q %q %q|", l.day, l.account, l.after, l.consts)
	for _, name := range append([]string{l.day, l.account, l.after}, columnNames(want)...) {
		c := have[fold(name)]
		fmt.Fprintf(&b, "%q:%s", c.name, c.kind)
		if n, ok := l.later[name]; ok {
			fmt.Fprintf(&b, "+%d", n)
		}
		b.WriteByte('|')
	}
	l.key = b.String()
	return l
}

// merge sorts the parts of every file by day, and joins neighbours that differ
// in nothing that is read.
func (l *layout) merge() {
	for path, parts := range l.parts {
		if len(parts) == 1 || l.day == "" {
			continue
		}
		slices.SortStableFunc(parts, func(a, b part) int {
			return cmp.Or(cmp.Compare(a.account, b.account), cmp.Compare(a.days.From, b.days.From))
		})
		kept := parts[:1]
		for _, p := range parts[1:] {
			last := &kept[len(kept)-1]
			if p.account == last.account && last.days.To.Add(1) == p.days.From && p.constKey() == last.constKey() {
				last.days.To = p.days.To
			} else {
				kept = append(kept, p)
			}
		}
		l.parts[path] = kept
	}
}

// fewParts is up to how many combinations get a SELECT of their own, in which
// DuckDB sees that a constant or a range of days excludes all of it.
const fewParts = 4

func (l *layout) sql(want []algebra.Column, known []tables.Column) ([]string, error) {
	var order []string
	byKey := map[string]part{}
	paths := map[string][]string{}
	widest := 1
	apart := true // no two parts of a file overlap, so that the day tells them apart
	for _, f := range l.files {
		parts := l.parts[f]
		widest = max(widest, len(parts))
		for i, p := range parts {
			k := p.key()
			if _, ok := byKey[k]; !ok {
				byKey[k], order = p, append(order, k)
			}
			paths[k] = append(paths[k], f)
			apart = apart && (i == 0 || l.day != "" && parts[i-1].days.To < p.days.From)
		}
	}
	restrictedByConst := slices.Contains(l.consts, l.day) || slices.Contains(l.consts, l.account)
	if len(order) > fewParts && apart && l.account == "" && !restrictedByConst && !l.reservedIndex {
		s, err := l.indexed(want, known, widest)
		return []string{s}, err
	}
	out := make([]string, len(order))
	for i, k := range order {
		p := byKey[k]
		value := func(name, as string) string { return literal(p.consts[slices.Index(l.consts, name)], as) }
		items, err := l.items(want, known, value)
		if err != nil {
			return nil, err
		}
		var where []string
		if l.day != "" {
			day, err := l.restricted(l.day, "DATE", value)
			if err != nil {
				return nil, err
			}
			where = append(where, fmt.Sprintf("%s BETWEEN DATE %s AND DATE %s", day, quote(string(p.days.From)), quote(string(p.days.To))))
		}
		if l.account != "" {
			account, err := l.restricted(l.account, "VARCHAR", value)
			if err != nil {
				return nil, err
			}
			where = append(where, account+" = "+quote(p.account))
		}
		out[i] = "SELECT " + selectList(items) + " FROM " + readParquet(paths[k]...)
		if len(where) > 0 {
			out[i] += " WHERE " + strings.Join(where, " AND ")
		}
	}
	return out, nil
}

// indexed is one SELECT over all files: the number of a row's part, found by
// the index of its file and by its day, leads to its range of days and to its
// constants in lists.
func (l *layout) indexed(want []algebra.Column, known []tables.Column, widest int) (string, error) {
	const number = `"part of the file"`
	list := func(as string, of func(p part) *string) string {
		var b strings.Builder
		b.WriteString("CAST([")
		for _, f := range l.files {
			parts := l.parts[f]
			for i := range widest {
				var v *string
				if i < len(parts) {
					v = of(parts[i])
				}
				if v == nil {
					b.WriteString("NULL, ")
				} else {
					b.WriteString(quote(*v) + ", ")
				}
			}
		}
		b.WriteString("] AS " + as + "[])[" + number + "]")
		return b.String()
	}
	value := func(name, as string) string {
		i := slices.Index(l.consts, name)
		return list(as, func(p part) *string { return p.consts[i] })
	}
	items, err := l.items(want, known, value)
	if err != nil {
		return "", err
	}
	var where, which string
	if l.day != "" {
		day, err := l.restricted(l.day, "DATE", value)
		if err != nil {
			return "", err
		}
		text := func(d tables.Day) *string { s := string(d); return &s }
		where = " WHERE " + day + " BETWEEN " + list("DATE", func(p part) *string { return text(p.days.From) }) +
			" AND " + list("DATE", func(p part) *string { return text(p.days.To) })
		// The day is beyond the ends of all parts before its own.
		for i := range widest - 1 {
			ends := make([]string, len(l.files))
			for j, f := range l.files {
				if ends[j] = "NULL"; i+1 < len(l.parts[f]) {
					ends[j] = quote(string(l.parts[f][i].days.To))
				}
			}
			which += fmt.Sprintf(" + CASE WHEN %s > CAST([%s] AS DATE[])[CAST(file_index AS BIGINT) + 1] THEN 1 ELSE 0 END", day, strings.Join(ends, ", "))
		}
	}
	return fmt.Sprintf("SELECT %s FROM (SELECT *, CAST(file_index AS BIGINT) * %d + 1%s AS %s FROM %s)%s",
		selectList(items), widest, which, number, readParquet(l.files...), where), nil
}

// items are the wanted columns; value gives that of a constant.
func (l *layout) items(want []algebra.Column, known []tables.Column, value func(name, as string) string) ([]string, error) {
	items := make([]string, 0, len(want))
	for _, w := range want {
		item, err := l.column(w, known, value)
		if err != nil {
			return nil, err
		}
		items = append(items, item+" AS "+ident(w.Name))
	}
	return items, nil
}

// restricted is the column that says what of the file counts.
func (l *layout) restricted(name, as string, value func(name, as string) string) (string, error) {
	if slices.Contains(l.consts, name) {
		return value(name, as), nil
	}
	c, ok := l.have[fold(name)]
	switch {
	case !ok:
		return "", fault.New(fault.Broken, "the file %s lacks its column %s", l.files[0], name)
	case c.kind == as:
		return ident(c.name), nil
	}
	return "CAST(" + ident(c.name) + " AS " + as + ")", nil
}

// column is the value of one wanted column: a constant, what the file has in
// the type it should have, a later day, or NULL.
func (l *layout) column(w algebra.Column, known []tables.Column, value func(name, as string) string) (string, error) {
	t := duckdb.TypeName(w.Type)
	if slices.Contains(l.consts, w.Name) {
		return value(w.Name, t), nil
	}
	if n, ok := l.later[w.Name]; ok {
		day, err := l.restricted(l.after, "DATE", value)
		return fmt.Sprintf("CAST(%s + %d AS %s)", day, n, t), err
	}
	c, ok := l.have[fold(w.Name)]
	if !ok {
		return "CAST(NULL AS " + t + ")", nil
	}
	kind, name := c.kind, ident(c.name)
	isBool := w.Type.Bool || slices.ContainsFunc(known, func(c tables.Column) bool {
		return c.Name == w.Name && c.Type.Kind == tables.Bool
	})
	switch {
	case kind == t && t != "DOUBLE":
		return name, nil
	case t == "DOUBLE" && (kind == "DOUBLE" || kind == "FLOAT"): // MySQL has neither NaN nor infinity
		return "CASE WHEN isfinite(" + name + ") THEN CAST(" + name + " AS DOUBLE) END", nil
	case isBool:
		return "CAST(CAST(" + name + " AS BOOLEAN) AS BIGINT)", nil
	case strings.HasPrefix(kind, nested) && t == "VARCHAR":
		return "CAST(to_json(" + name + ") AS VARCHAR)", nil
	case kind == "BLOB" && t == "VARCHAR":
		refusal := report(fault.New(fault.Invalid, "the column %s holds bytes that are no UTF-8 text", w.Name).
			WithHint("select the other columns"))
		return "CASE WHEN " + name + " IS NOT NULL THEN coalesce(TRY(decode(" + name + ")), CAST(error(" + quote(refusal) + ") AS VARCHAR)) END", nil
	case w.Type.Kind == algebra.Time:
		return "CAST(epoch_us(CAST(" + name + " AS TIME)) AS BIGINT)", nil
	}
	return "CAST(" + name + " AS " + t + ")", nil
}

// readParquet reads files as they are: what a path looks like means nothing.
func readParquet(paths ...string) string {
	quoted := make([]string, len(paths))
	for i, p := range paths {
		quoted[i] = quote(p)
	}
	list := "[" + strings.Join(quoted, ", ") + "]"
	if len(paths) == 1 { // taken as it is, even where it has a * in it
		list = quoted[0]
	}
	return "read_parquet(" + list + ", hive_partitioning = false)"
}

// constant is the text of a constant, nil for NULL.
func constant(v any) (*string, error) {
	var s string
	switch v := v.(type) {
	case nil:
		return nil, nil
	case bool:
		s = "0"
		if v {
			s = "1"
		}
	case string:
		if strings.IndexByte(v, 0) >= 0 {
			return nil, fault.New(fault.Broken, "a partition's value holds a NUL")
		}
		s = v
	case tables.Day:
		s = string(v)
	case time.Time:
		s = v.UTC().Format("2006-01-02 15:04:05.000000")
	case *apd.Decimal:
		s = v.Text('f')
	default:
		s = fmt.Sprint(v)
	}
	return &s, nil
}

// literal is a constant in a type.
func literal(v *string, as string) string {
	if v == nil {
		return "CAST(NULL AS " + as + ")"
	}
	return "CAST(" + quote(*v) + " AS " + as + ")"
}
