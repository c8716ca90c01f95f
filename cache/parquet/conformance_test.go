package parquet

import (
	"strconv"
	"testing"
	"time"

	"argo/cache"
	"argo/cache/cachetest"
	"argo/tables"
)

func TestConformance(t *testing.T) {
	cachetest.TestStore(t, func(t *testing.T) func() cache.Store {
		dir := t.TempDir()
		return func() cache.Store {
			s, err := NewStore(dir)
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
	}, func(t *testing.T, _ cache.Store, path string, columns []tables.Column) (out []tables.Row) {
		list := ""
		for i, c := range columns {
			if i > 0 {
				list += ", "
			}
			list += `"` + c.Name + `"::VARCHAR`
		}
		for _, cells := range query(t, "SELECT %s FROM '%s'", list, path) {
			row := make(tables.Row, len(columns))
			for i, s := range cells {
				row[i] = value(t, columns[i].Type.Kind, s)
			}
			out = append(out, row)
		}
		return out
	})
}

// value is the text of a cell as tables.Row has it.
func value(t *testing.T, k tables.Kind, s string) any {
	t.Helper()
	if s == "NULL" {
		return nil
	}
	var v any
	var err error
	switch k {
	case tables.Bool:
		return s == "true"
	case tables.Decimal:
		return dec(t, s)
	case tables.Date:
		return tables.Day(s)
	case tables.Int:
		v, err = strconv.ParseInt(s, 10, 64)
	case tables.Double:
		v, err = strconv.ParseFloat(s, 64)
	case tables.DateTime:
		v, err = time.Parse("2006-01-02 15:04:05.999999", s)
	default:
		return s
	}
	if err != nil {
		t.Fatal(err)
	}
	return v
}
