package columnar

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cockroachdb/apd/v3"
	driver "github.com/duckdb/duckdb-go-bindings"

	"argo/server/algebra"
	"argo/server/dialect/duckdb"
	"argo/tables"
	"argo/tables/fault"
)

// fileVersion is a file as it is now; fileColumn a column that it has.
type fileVersion struct {
	path    string
	size    int64
	changed int64
}

type fileColumn struct {
	name string
	kind string // DuckDB's name of the type
}

// schemas remembers the columns of files: a segment never changes, and a file
// that does has another version.
type schemas struct {
	mu    sync.Mutex
	known map[fileVersion][]fileColumn
}

const maxSchemas = 20000

// of gives the columns of the file. DuckDB takes the path of a file that is
// there for just that, whatever characters it has. Faults: Broken, Config.
func (s *schemas) of(ctx context.Context, c *conn, path string) ([]fileColumn, error) {
	stat, err := os.Stat(path)
	if err != nil {
		return nil, &fault.Error{Kind: fault.Broken, Message: "the file " + path + " cannot be read", Err: err}
	}
	c.files = append(c.files, openedFile{path, stat})
	v := fileVersion{path, stat.Size(), stat.ModTime().UnixNano()}
	s.mu.Lock()
	columns, ok := s.known[v]
	s.mu.Unlock()
	if ok {
		return columns, nil
	}
	stmt, err := c.prepare(ctx, "SELECT * FROM read_parquet("+quote(path)+")", []string{path})
	if err != nil {
		return nil, err
	}
	defer driver.DestroyPrepare(&stmt)
	for i := range driver.PreparedStatementColumnCount(stmt) {
		t := driver.PreparedStatementColumnLogicalType(stmt, i)
		columns = append(columns, fileColumn{driver.PreparedStatementColumnName(stmt, i), typeWord(t)})
		driver.DestroyLogicalType(&t)
	}
	s.mu.Lock()
	if len(s.known) >= maxSchemas {
		clear(s.known)
	}
	s.known[v] = columns
	s.mu.Unlock()
	return columns, nil
}

// nested begins the word of a type that is read as JSON.
const nested = "NESTED"

// typeWord tells types apart as far as reading them differs: DuckDB reads the
// files of a group as the first of them is typed.
func typeWord(t driver.LogicalType) string {
	if alias := driver.LogicalTypeGetAlias(t); alias != "" {
		return alias
	}
	switch id := driver.GetTypeId(t); id {
	case driver.TypeDecimal:
		return fmt.Sprintf("DECIMAL(%d,%d)", driver.DecimalWidth(t), driver.DecimalScale(t))
	case driver.TypeFloat:
		return "FLOAT"
	case driver.TypeDouble:
		return "DOUBLE"
	case driver.TypeStruct:
		words := make([]string, driver.StructTypeChildCount(t))
		for i := range words {
			child := driver.StructTypeChildType(t, driver.IdxT(i))
			words[i] = strconv.Quote(driver.StructTypeChildName(t, driver.IdxT(i))) + " " + typeWord(child)
			driver.DestroyLogicalType(&child)
		}
		return nested + "{" + strings.Join(words, ", ") + "}"
	case driver.TypeList:
		child := driver.ListTypeChildType(t)
		defer driver.DestroyLogicalType(&child)
		return nested + "[" + typeWord(child) + "]"
	case driver.TypeMap:
		key, value := driver.MapTypeKeyType(t), driver.MapTypeValueType(t)
		defer driver.DestroyLogicalType(&key)
		defer driver.DestroyLogicalType(&value)
		return nested + "{" + typeWord(key) + ": " + typeWord(value) + "}"
	case driver.TypeArray, driver.TypeUnion: // Parquet has neither
		return fmt.Sprintf("%s(%d)", nested, id)
	case driver.TypeBlob:
		return "BLOB"
	case driver.TypeVarchar:
		return "VARCHAR"
	case driver.TypeBoolean:
		return "BOOLEAN"
	case driver.TypeDate:
		return "DATE"
	default:
		return fmt.Sprintf("TYPE(%d)", id)
	}
}

// openedFile is a file as it was when the statement looked at it first.
type openedFile struct {
	path string
	info os.FileInfo
}

// replaced is a fault of kind Conflict if a file of the statement is another
// one than when the statement began: DuckDB opens a file more than once, and
// may have read parts of both. Where the statement has failed with err, a file
// that is gone counts as well. Nil where all are as they were.
func (c *conn) replaced(err error) error {
	for _, f := range c.files {
		now, gone := os.Stat(f.path)
		if gone != nil && err == nil {
			continue // it was open until the end
		}
		if gone != nil || !os.SameFile(now, f.info) || now.Size() != f.info.Size() || !now.ModTime().Equal(f.info.ModTime()) {
			return &fault.Error{Kind: fault.Conflict, Message: "the file " + f.path + " was replaced while it was read",
				Hint: "run the statement again", Err: err}
		}
	}
	return nil
}

// group of files that one read_parquet answers.
type group struct {
	key   string
	file  tables.File           // any of them, for what they have in common
	have  map[string]fileColumn // by fold of the name
	paths []string
}

// fold is how names are compared: SQL does not tell cases of column names.
func fold(name string) string { return strings.ToLower(name) }

// scan gives the FROM item of files: one read_parquet for each set of files
// that are restricted alike, with the same constants and columns.
func (c *conn) scan(ctx context.Context, want []algebra.Column, in Input) (string, error) {
	var groups []*group
	byKey := map[string]*group{}
	for _, f := range in.Files {
		have := map[string]fileColumn{}
		columns, err := c.e.schemas.of(ctx, c, f.Path)
		if err != nil {
			return "", err
		}
		for _, col := range columns {
			have[fold(col.name)] = col
		}
		key := groupKey(f, want, have)
		g := byKey[key]
		if g == nil {
			g = &group{key: key, file: f, have: have}
			byKey[key], groups = g, append(groups, g)
		}
		g.paths = append(g.paths, f.Path)
	}
	if len(groups) == 0 {
		items := make([]string, 0, len(want))
		for _, w := range want {
			items = append(items, "CAST(NULL AS "+duckdb.TypeName(w.Type)+") AS "+ident(w.Name))
		}
		return "(SELECT " + selectList(items) + " WHERE false)", nil
	}
	selects := make([]string, len(groups))
	for i, g := range groups {
		s, err := g.sql(want, in.Columns)
		if err != nil {
			return "", err
		}
		selects[i] = s
	}
	return "(" + strings.Join(selects, " UNION ALL ") + ")", nil
}

// suspect finds the file that cannot be read, where DuckDB does not name it; ""
// where each can.
func (e *Engine) suspect(ctx context.Context, files []string) string {
	c, err := e.connect()
	if err != nil {
		return ""
	}
	defer c.close()
	for _, f := range slices.Compact(slices.Sorted(slices.Values(files))) {
		if c.exec(ctx, "SELECT bit_xor(hash(t)) FROM read_parquet("+quote(f)+") t") != nil && ctx.Err() == nil {
			return f
		}
	}
	return ""
}

func selectList(items []string) string {
	if len(items) == 0 {
		return "1 AS one"
	}
	return strings.Join(items, ", ")
}

// groupKey is equal for files that one read_parquet may answer.
func groupKey(f tables.File, want []algebra.Column, have map[string]fileColumn) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%q %q %q %q %q|", f.Day, f.Days.From, f.Days.To, f.Account, f.AccountID)
	names := make([]string, 0, len(f.Const))
	for name := range f.Const {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		fmt.Fprintf(&b, "%q=%T %v|", name, f.Const[name], f.Const[name])
	}
	for _, name := range append([]string{f.Day, f.Account}, columnNames(want)...) {
		c := have[fold(name)]
		fmt.Fprintf(&b, "%q:%s|", c.name, c.kind)
	}
	return b.String()
}

func columnNames(columns []algebra.Column) []string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.Name
	}
	return names
}

func (g *group) sql(want []algebra.Column, known []tables.Column) (string, error) {
	items := make([]string, 0, len(want))
	for _, w := range want {
		value, err := g.column(w, known)
		if err != nil {
			return "", err
		}
		items = append(items, value+" AS "+ident(w.Name))
	}
	paths := make([]string, len(g.paths))
	for i, p := range g.paths {
		paths[i] = quote(p)
	}
	from := " FROM read_parquet([" + strings.Join(paths, ", ") + "])"
	var where []string
	if f := g.file; f.Day != "" {
		day, err := g.restricted(f.Day, "DATE")
		if err != nil {
			return "", err
		}
		where = append(where, fmt.Sprintf("%s BETWEEN DATE %s AND DATE %s", day, quote(string(f.Days.From)), quote(string(f.Days.To))))
	}
	if f := g.file; f.Account != "" {
		account, err := g.restricted(f.Account, "VARCHAR")
		if err != nil {
			return "", err
		}
		where = append(where, account+" = "+quote(f.AccountID))
	}
	sql := "SELECT " + selectList(items) + from
	if len(where) > 0 {
		sql += " WHERE " + strings.Join(where, " AND ")
	}
	return sql, nil
}

// restricted is the column that says what of the file counts.
func (g *group) restricted(name, as string) (string, error) {
	if v, ok := g.file.Const[name]; ok {
		return constant(v, as)
	}
	c, ok := g.have[fold(name)]
	switch {
	case !ok:
		return "", fault.New(fault.Broken, "the file %s lacks its column %s", g.paths[0], name)
	case c.kind == as:
		return ident(c.name), nil
	}
	return "CAST(" + ident(c.name) + " AS " + as + ")", nil
}

// column is the value of one wanted column: a constant, what the file has in
// the type it should have, or NULL.
func (g *group) column(w algebra.Column, known []tables.Column) (string, error) {
	t := duckdb.TypeName(w.Type)
	if v, ok := g.file.Const[w.Name]; ok {
		return constant(v, t)
	}
	c, ok := g.have[fold(w.Name)]
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

// constant renders a value of a hive partition.
func constant(v any, as string) (string, error) {
	var s string
	switch v := v.(type) {
	case nil:
		return "CAST(NULL AS " + as + ")", nil
	case bool:
		s = "0"
		if v {
			s = "1"
		}
	case string:
		if strings.IndexByte(v, 0) >= 0 {
			return "", fault.New(fault.Broken, "a partition's value holds a NUL")
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
	return "CAST(" + quote(s) + " AS " + as + ")", nil
}
