package lake

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"reflect"
	"strconv"

	"argo/tables"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
	"github.com/parquet-go/parquet-go/compress/zstd"
	"github.com/parquet-go/parquet-go/encoding"
)

const (
	groupRows  = 122_880 // DuckDB's own row group
	groupBytes = 64 << 20
	pageBytes  = 1 << 20
	batchRows  = 1024
)

// cast is how the cells of a column become values: its type, and what its
// dates look like.
type cast struct {
	typ        tables.Type
	monthFirst bool
	layout     *layout // of the configuration, instead of the known shapes
}

// temporal reads a date by the column's order or layout.
func (c *cast) temporal(s string) (temporal, bool) {
	if c.layout != nil {
		return c.layout.parse(s)
	}
	return parseTemporal(s, c.monthFirst)
}

// sheet writes a Parquet file, column by column in batches, without making a
// Go value of every cell. Types are stored so that DuckDB reads them as they
// are declared, but for decimals, which have 18 or 38 digits: a longer number
// in another file must not make this file stale.
type sheet struct {
	out     *parquet.GenericWriter[any]
	columns []sheetColumn
	bytes   []byte // of the batch; cells point into it
	batch   int
	group   int
	start   int64 // size of the file when the row group began
}

type sheetColumn struct {
	cast
	name   string
	values []parquet.Value
	page   int
}

func newSheet(to io.Writer, columns []sheetColumn) *sheet {
	options := []parquet.WriterOption{
		parquet.Compression(&zstd.Codec{Level: zstd.SpeedFastest}),
		parquet.DictionaryMaxBytes(1 << 20),
		parquet.PageBufferSize(pageBytes),
		parquet.CreatedBy("argo", "1", ""),
	}
	var root group
	for i := range columns {
		c := &columns[i]
		node := leaf(c.typ)
		if c.typ.Kind == tables.Decimal && c.typ.Precision > 18 {
			// The library compares fixed-length bytes without their sign.
			options = append(options, parquet.SkipPageBounds(c.name), parquet.SkipPageStatistics(c.name))
		}
		root = append(root, &member{parquet.Optional(node), c.name})
		c.values = make([]parquet.Value, 0, batchRows)
	}
	return &sheet{columns: columns, out: parquet.NewGenericWriter[any](to, append(options, parquet.NewSchema("lake", root))...)}
}

func leaf(t tables.Type) parquet.Node {
	switch t.Kind {
	case tables.Int:
		return parquet.Leaf(parquet.Int64Type)
	case tables.Double:
		return parquet.Leaf(parquet.DoubleType)
	case tables.Decimal:
		if t.Precision <= 18 {
			return parquet.Decimal(t.Scale, 18, parquet.Int64Type)
		}
		return parquet.Decimal(t.Scale, 38, parquet.FixedLenByteArrayType(16))
	case tables.Bool:
		return parquet.Leaf(parquet.BooleanType)
	case tables.Date:
		return parquet.Date()
	case tables.DateTime:
		return parquet.TimestampAdjusted(parquet.Microsecond, false)
	case tables.JSON:
		return parquet.String()
	}
	return parquet.Encoded(parquet.String(), &parquet.RLEDictionary)
}

// null and set put a value into column i of the current row; end ends the row.
func (s *sheet) null(i int) {
	c := &s.columns[i]
	c.values = append(c.values, parquet.NullValue().Level(0, 0, i))
}

func (s *sheet) set(i int, v parquet.Value) {
	c := &s.columns[i]
	c.values = append(c.values, v.Level(0, 1, i))
}

func (s *sheet) end() error {
	if s.batch++; s.batch == batchRows || len(s.bytes) >= pageBytes {
		return s.flush()
	}
	return nil
}

func (s *sheet) flush() error {
	for i, out := range s.out.ColumnWriters() {
		c := &s.columns[i]
		if _, err := out.WriteRowValues(c.values); err != nil {
			return err
		}
		// The library measures a page of a dictionary by its indexes and looks
		// at the dictionary's size only between pages.
		for _, v := range c.values {
			if v.Kind() == parquet.ByteArray {
				c.page += len(v.ByteArray())
			}
		}
		if c.page >= pageBytes {
			if err := out.Flush(); err != nil {
				return err
			}
			c.page = 0
		}
		c.values = c.values[:0]
	}
	s.group += s.batch
	s.batch, s.bytes = 0, s.bytes[:0]
	if s.group < groupRows && s.out.Size()-s.start < groupBytes {
		return nil
	}
	err := s.out.Flush()
	s.group, s.start = 0, s.out.Size()
	return err
}

func (s *sheet) close() error {
	if err := s.flush(); err != nil {
		return err
	}
	return s.out.Close()
}

// keep copies b to where it stays until the batch is written.
func (s *sheet) keep(b []byte) []byte {
	n := len(s.bytes)
	s.bytes = append(s.bytes, b...)
	return s.bytes[n:len(s.bytes):len(s.bytes)]
}

// text reads a cell's text into column i; false where it is no value of the
// column's type. A blank cell is NULL unless the column is text.
func (s *sheet) text(i int, b []byte) bool {
	c := &s.columns[i]
	switch c.typ.Kind {
	case tables.Text, tables.ID:
		s.set(i, parquet.ByteArrayValue(s.keep(b)))
		return true
	}
	v := trim(view(b))
	if v == "" {
		s.null(i)
		return true
	}
	switch c.typ.Kind {
	case tables.Int:
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil && isBool(v) { // in another file it was a number
			n, err = int64(v[0]|0x20-'f')/('t'-'f'), nil
		}
		if err != nil || v[0] == '+' {
			return false
		}
		s.set(i, parquet.Int64Value(n))
	case tables.Double:
		if _, ok := parseNumber(v); !ok { // no Inf, no hexadecimal
			return false
		}
		f, err := strconv.ParseFloat(v, 64)
		if err != nil {
			return false
		}
		s.set(i, parquet.DoubleValue(f))
	case tables.Decimal:
		return s.decimal(i, v)
	case tables.Bool:
		switch {
		case isBool(v):
			s.set(i, parquet.BooleanValue(v[0]|0x20 == 't'))
		case v == "0" || v == "1":
			s.set(i, parquet.BooleanValue(v == "1"))
		default:
			return false
		}
	case tables.Date, tables.DateTime:
		t, ok := c.temporal(v)
		switch {
		case !ok:
			return false
		case c.typ.Kind == tables.DateTime:
			s.set(i, parquet.Int64Value(t.day*86400e6+t.micros))
		case t.timed:
			return false
		default:
			s.set(i, parquet.Int32Value(int32(t.day)))
		}
	case tables.JSON:
		if !json.Valid(b) {
			return false
		}
		s.set(i, parquet.ByteArrayValue(s.keep(b)))
	}
	return true
}

func (s *sheet) decimal(i int, v string) bool {
	t := s.columns[i].typ
	n, ok := parseNumber(v)
	if !ok || n.exp || n.whole > t.Precision-t.Scale && n.whole > 0 {
		return false
	}
	small, ok := unscaled(v, t.Scale)
	if t.Precision <= 18 {
		if ok {
			s.set(i, parquet.Int64Value(small))
		}
		return ok
	}
	wide := big.NewInt(small)
	if !ok {
		if wide, ok = unscaledBig(v, t.Scale); !ok {
			return false
		}
	}
	if wide.Sign() < 0 { // two's complement
		wide.Add(wide, modulus)
	}
	s.set(i, parquet.FixedLenByteArrayValue(s.keep(wide.FillBytes(make([]byte, 16)))))
	return true
}

var modulus = new(big.Int).Lsh(big.NewInt(1), 128)

// unscaledBig is unscaled without its limit of 64 bits.
func unscaledBig(s string, scale int) (*big.Int, bool) {
	digits := make([]byte, 0, len(s)+scale)
	behind := 0
	point := false
	for i := range len(s) {
		switch {
		case s[i] == '.':
			point = true
			continue
		case point && behind == scale:
			if s[i] != '0' {
				return nil, false
			}
			continue
		case point:
			behind++
		}
		digits = append(digits, s[i])
	}
	for ; behind < scale; behind++ {
		digits = append(digits, '0')
	}
	return new(big.Int).SetString(string(digits), 10)
}

// json reads a JSON value into column i. Text gets what a string says and any
// other value as it is spelled; a JSON column gets all of them as JSON.
func (s *sheet) json(i int, value []byte) (bool, error) {
	if value[0] == 'n' {
		s.null(i)
		return true, nil
	}
	if s.columns[i].typ.Kind == tables.JSON {
		compact := bytes.NewBuffer(s.bytes[len(s.bytes):])
		if err := json.Compact(compact, value); err != nil {
			return false, err
		}
		s.set(i, parquet.ByteArrayValue(s.keep(compact.Bytes())))
		return true, nil
	}
	if value[0] == '"' {
		var err error
		if value, err = unquote(value); err != nil {
			return false, err
		}
	}
	return s.text(i, value), nil
}

// convert writes the file's own columns of the data set as Parquet. The
// columns' types hold every value that profileText has seen, so only a type
// given in the configuration can fail.
func (ds *dataset) convert(ctx context.Context, path string, o object, p *profile, columns []column, to io.Writer) error {
	switch p.Format {
	case formatNDJSON:
		return ds.convertJSON(ctx, path, o.name, p, columns, to)
	default:
		return ds.convertCSV(ctx, path, o.name, p, columns, to)
	}
}

// layOut finds, for each column of the file, its place in the sheet: -1 where
// the data set does not take it.
func layOut(p *profile, columns []column) (place []int, sheet []sheetColumn) {
	for _, f := range p.Columns {
		at := -1
		for i := range columns {
			if c := &columns[i]; !c.partition && fold(c.Name) == fold(f.Name) {
				at = len(sheet)
				sheet = append(sheet, sheetColumn{cast: c.cast, name: c.Name})
				break
			}
		}
		place = append(place, at)
	}
	if len(sheet) == 0 { // Parquet cannot hold rows without a column
		sheet = append(sheet, sheetColumn{cast: cast{typ: tables.Boolean}, name: "_"})
	}
	return place, sheet
}

// misfit is the problem of a value that is not of its column's type.
func misfit(line int64, column string, t tables.Type) error {
	return &problem{Line: line, What: fmt.Sprintf("column %q: the value is no %s", column, t),
		Hint: "columns: {" + column + ": text} takes any value"}
}

func (ds *dataset) convertCSV(ctx context.Context, path, name string, p *profile, columns []column, to io.Writer) error {
	f, err := ds.openCSV(path, name, &p.Dialect)
	if err != nil {
		return err
	}
	defer f.Close()
	place, columnsOf := layOut(p, columns)
	s := newSheet(to, columnsOf)
	for n := 1; f.names != nil; n++ {
		cells, err := f.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if len(cells) != len(place) {
			return errChanged
		}
		if n%1024 == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		for i, cell := range cells {
			at := place[i]
			if at < 0 {
				continue
			}
			if len(cell) == 0 || ds.isNull(cell) {
				s.null(at)
				continue
			}
			if k := s.columns[at].typ.Kind; k == tables.Int || k == tables.Double || k == tables.Decimal {
				var allowed class
				if cell, allowed = ds.number(cell); allowed&asNumber == 0 && len(trim(view(cell))) > 0 {
					return misfit(f.start, p.Columns[i].Name, s.columns[at].typ)
				}
			}
			if !s.text(at, cell) {
				return misfit(f.start, p.Columns[i].Name, s.columns[at].typ)
			}
		}
		if err := s.endRow(place); err != nil {
			return err
		}
	}
	return s.close()
}

// endRow ends a row; the stand-in for no columns gets its NULL.
func (s *sheet) endRow(place []int) error {
	if s.columns[0].name == "_" && len(s.columns[0].values) == s.batch {
		s.null(0)
	}
	return s.end()
}

func (ds *dataset) convertJSON(ctx context.Context, path, name string, p *profile, columns []column, to io.Writer) error {
	f, err := ds.openJSON(path, name)
	if err != nil {
		return err
	}
	defer f.Close()
	place, columnsOf := layOut(p, columns)
	s := newSheet(to, columnsOf)
	byKey := map[string]int{}
	for i, c := range p.Columns {
		byKey[c.Key] = place[i]
	}
	row := make([][]byte, len(s.columns))
	for n := 1; ; n++ {
		clear(row)
		err := f.next(func(key string, value []byte) error {
			at, ok := byKey[key]
			if !ok {
				if at, ok = byKey[fold(key)]; !ok {
					return errChanged
				}
			}
			if at >= 0 {
				row[at] = value
			}
			return nil
		})
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if n%1024 == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		for i, value := range row {
			if value == nil {
				s.null(i)
				continue
			}
			ok, err := s.json(i, value)
			if err != nil {
				return err
			}
			if !ok {
				return misfit(f.line(), s.columns[i].name, s.columns[i].typ)
			}
		}
		if err := s.end(); err != nil {
			return err
		}
	}
	return s.close()
}

// group is a schema whose columns keep their order; the library's own Group
// sorts them by name.
type group []parquet.Field

func (group) ID() int                     { return 0 }
func (group) String() string              { return "lake" }
func (group) Type() parquet.Type          { return parquet.Group{}.Type() }
func (group) Optional() bool              { return false }
func (group) Repeated() bool              { return false }
func (group) Required() bool              { return true }
func (group) Leaf() bool                  { return false }
func (g group) Fields() []parquet.Field   { return g }
func (group) Encoding() encoding.Encoding { return nil }
func (group) Compression() compress.Codec { return nil }
func (group) GoType() reflect.Type        { return reflect.TypeFor[map[string]any]() }

type member struct {
	parquet.Node
	name string
}

func (m *member) Name() string { return m.name }
func (m *member) Value(base reflect.Value) reflect.Value {
	return base.MapIndex(reflect.ValueOf(m.name))
}
