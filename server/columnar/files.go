package columnar

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"

	driver "github.com/duckdb/duckdb-go-bindings"

	"argo/server/algebra"
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
	stmt, err := c.prepare(ctx, "SELECT * FROM "+readParquet(path), []string{path})
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

// fold is how names are compared: SQL does not tell cases of column names.
func fold(name string) string { return strings.ToLower(name) }

// suspect finds the file that cannot be read, where DuckDB does not name it; ""
// where each can.
func (e *Engine) suspect(ctx context.Context, files []string) string {
	c, err := e.connect()
	if err != nil {
		return ""
	}
	defer c.close()
	for _, f := range slices.Compact(slices.Sorted(slices.Values(files))) {
		if c.exec(ctx, "SELECT bit_xor(hash(t)) FROM "+readParquet(f)+" t") != nil && ctx.Err() == nil {
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

func columnNames(columns []algebra.Column) []string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.Name
	}
	return names
}
