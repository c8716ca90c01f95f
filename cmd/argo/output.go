package main

import (
	"bufio"
	"database/sql"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// sink takes the rows of one result; a nil cell is NULL. Cells are valid until
// the next call.
type sink interface {
	row(cells []sql.RawBytes) error
	end() error
}

// sinks by the name of their format.
var sinks = map[string]func(w io.Writer, columns []*sql.ColumnType) (sink, error){
	"table":   newTableSink,
	"csv":     newCSVSink,
	"json":    newJSONSink,
	"parquet": newParquetSink,
}

// numeric says that a column is a number in every row.
func numeric(c *sql.ColumnType) bool {
	switch strings.TrimPrefix(c.DatabaseTypeName(), "UNSIGNED ") {
	case "TINYINT", "SMALLINT", "MEDIUMINT", "INT", "BIGINT", "YEAR", "DECIMAL", "FLOAT", "DOUBLE":
		return true
	}
	return false
}

// tableSink prints boxes, a thousand rows each, so that memory stays bounded.
type tableSink struct {
	w       io.Writer
	columns []*sql.ColumnType
	t       table.Writer
	n       int
	printed bool
}

func newTableSink(w io.Writer, columns []*sql.ColumnType) (sink, error) {
	s := &tableSink{w: w, columns: columns}
	s.fresh()
	return s, nil
}

func (s *tableSink) fresh() {
	s.t, s.n = table.NewWriter(), 0
	s.t.SetOutputMirror(s.w)
	s.t.SetStyle(table.StyleLight)
	s.t.Style().Format.Header = text.FormatDefault
	header := make(table.Row, len(s.columns))
	var right []table.ColumnConfig
	for i, c := range s.columns {
		header[i] = c.Name()
		if numeric(c) {
			right = append(right, table.ColumnConfig{Number: i + 1, Align: text.AlignRight, AlignHeader: text.AlignRight})
		}
	}
	s.t.AppendHeader(header)
	s.t.SetColumnConfigs(right)
}

func (s *tableSink) row(cells []sql.RawBytes) error {
	r := make(table.Row, len(cells))
	for i, c := range cells {
		switch {
		case c == nil:
			r[i] = "NULL"
		case !utf8.Valid(c):
			r[i] = fmt.Sprintf("0x%X", []byte(c))
		default:
			r[i] = string(c)
		}
	}
	s.t.AppendRow(r)
	if s.n++; s.n == 1000 {
		s.t.Render()
		s.printed = true
		s.fresh()
	}
	return nil
}

func (s *tableSink) end() error {
	if s.n > 0 || !s.printed {
		s.t.Render()
	}
	return nil
}

// csvSink writes RFC 4180; NULL is an empty cell.
type csvSink struct {
	w    *csv.Writer
	line []string
}

func newCSVSink(w io.Writer, columns []*sql.ColumnType) (sink, error) {
	s := &csvSink{w: csv.NewWriter(w), line: make([]string, len(columns))}
	for i, c := range columns {
		s.line[i] = c.Name()
	}
	return s, s.w.Write(s.line)
}

func (s *csvSink) row(cells []sql.RawBytes) error {
	for i, c := range cells {
		s.line[i] = string(c)
	}
	return s.w.Write(s.line)
}

func (s *csvSink) end() error {
	s.w.Flush()
	return s.w.Error()
}

// jsonSink writes an array of objects; numbers are written digit by digit as
// the server gave them, JSON columns as they are.
type jsonSink struct {
	w     *bufio.Writer
	names [][]byte
	raw   []bool // the cell's text is JSON already
	n     int
}

func newJSONSink(w io.Writer, columns []*sql.ColumnType) (sink, error) {
	s := &jsonSink{w: bufio.NewWriter(w)}
	for _, c := range columns {
		name, err := json.Marshal(c.Name())
		if err != nil {
			return nil, err
		}
		s.names = append(s.names, name)
		s.raw = append(s.raw, numeric(c) || c.DatabaseTypeName() == "JSON")
	}
	_, err := s.w.WriteString("[")
	return s, err
}

func (s *jsonSink) row(cells []sql.RawBytes) error {
	if s.n++; s.n > 1 {
		s.w.WriteByte(',')
	}
	s.w.WriteString("\n{")
	for i, c := range cells {
		if i > 0 {
			s.w.WriteString(", ")
		}
		s.w.Write(s.names[i])
		s.w.WriteString(": ")
		switch {
		case c == nil:
			s.w.WriteString("null")
		case s.raw[i] && json.Valid(c):
			s.w.Write(c)
		default:
			b, err := json.Marshal(string(c))
			if err != nil {
				return err
			}
			s.w.Write(b)
		}
	}
	_, err := s.w.WriteString("}")
	return err
}

func (s *jsonSink) end() error {
	s.w.WriteString("\n]\n")
	return s.w.Flush()
}
