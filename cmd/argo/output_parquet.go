package main

import (
	"database/sql"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"argo/cache/parquet"
	"argo/tables"

	"github.com/cockroachdb/apd/v3"
)

// parquetSink writes one Parquet file whose types are those of the result.
type parquetSink struct {
	w       *parquet.Writer
	columns []tables.Column
	line    tables.Row
}

func newParquetSink(w io.Writer, columns []*sql.ColumnType) (sink, error) {
	s := &parquetSink{line: make(tables.Row, len(columns))}
	for _, c := range columns {
		s.columns = append(s.columns, tables.Column{Name: c.Name(), Type: parquetType(c)})
	}
	var err error
	s.w, err = parquet.NewWriter(w, s.columns)
	return s, err
}

func parquetType(c *sql.ColumnType) tables.Type {
	switch name := c.DatabaseTypeName(); name {
	case "UNSIGNED BIGINT":
		return tables.Dec(20, 0)
	case "DECIMAL":
		if p, scale, ok := c.DecimalSize(); ok && p <= 38 {
			return tables.Dec(int(p), int(scale))
		}
		return tables.Varchar // beyond what Parquet readers hold exactly
	case "FLOAT", "DOUBLE":
		return tables.Float
	case "DATE":
		return tables.DateType
	case "DATETIME", "TIMESTAMP":
		return tables.Timestamp
	case "JSON":
		return tables.Document
	default:
		if strings.HasSuffix(name, "INT") || name == "YEAR" {
			return tables.BigInt
		}
		return tables.Varchar
	}
}

func (s *parquetSink) row(cells []sql.RawBytes) error {
	for i, c := range cells {
		v, err := parquetValue(s.columns[i].Type, c)
		if err != nil {
			return fmt.Errorf("column %s: %w", s.columns[i].Name, err)
		}
		s.line[i] = v
	}
	return s.w.Write(s.line)
}

func parquetValue(t tables.Type, c sql.RawBytes) (any, error) {
	if c == nil {
		return nil, nil
	}
	text := string(c)
	switch t.Kind {
	case tables.Int:
		return strconv.ParseInt(text, 10, 64)
	case tables.Double:
		return strconv.ParseFloat(text, 64)
	case tables.Decimal:
		d, _, err := apd.NewFromString(text)
		return d, err
	case tables.Date:
		return tables.ParseDay(text)
	case tables.DateTime:
		return time.Parse("2006-01-02 15:04:05.999999", text)
	}
	return text, nil
}

func (s *parquetSink) end() error { return s.w.Close() }
