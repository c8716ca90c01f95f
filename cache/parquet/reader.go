package parquet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/big"
	"os"
	"time"

	"argo/tables"

	"github.com/cockroachdb/apd/v3"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// Read streams columns of a segment: see cache.Reader. The error wraps
// fs.ErrNotExist where the file is missing. A value comes back exactly as it
// was written; a decimal has the scale of the file. A column whose kind is
// another one in the file is an error, but for integers, which are decimals
// too. Memory is bounded by a page of each column.
func (s *Store) Read(ctx context.Context, place string, columns []tables.Column) iter.Seq2[tables.Row, error] {
	return func(yield func(tables.Row, error) bool) {
		name, err := s.name(place)
		if err != nil {
			yield(nil, err)
			return
		}
		stopped := false
		err = read(ctx, name, columns, func(row tables.Row) bool {
			stopped = !yield(row, nil)
			return !stopped
		})
		if err != nil && !stopped {
			yield(nil, fmt.Errorf("read segment %s: %w", place, err))
		}
	}
}

func read(ctx context.Context, name string, columns []tables.Column, give func(tables.Row) bool) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	file, err := parquet.OpenFile(f, info.Size(), parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return err
	}
	in := make([]*input, len(columns)) // nil: the file lacks it
	for i, c := range columns {
		leaf, ok := file.Schema().Lookup(c.Name)
		if !ok {
			continue
		}
		decode, err := decoder(leaf.Node, c.Type)
		if err != nil {
			return fmt.Errorf("column %s: %w", c.Name, err)
		}
		in[i] = &input{name: c.Name, index: leaf.ColumnIndex, decode: decode, buffer: make([]parquet.Value, batchRows)}
	}
	defer func() {
		for _, c := range in {
			c.close()
		}
	}()
	for _, group := range file.RowGroups() {
		for _, c := range in {
			if c != nil {
				c.open(group.ColumnChunks()[c.index])
			}
		}
		for n := range group.NumRows() {
			if n%256 == 0 && ctx.Err() != nil {
				return context.Cause(ctx)
			}
			row := make(tables.Row, len(columns))
			for i, c := range in {
				if c == nil {
					continue
				}
				if row[i], err = c.next(); err != nil {
					return fmt.Errorf("column %s: %w", c.name, err)
				}
			}
			if !give(row) {
				return nil
			}
		}
	}
	return nil
}

// input is a column while it is read.
type input struct {
	name   string
	index  int
	decode func(parquet.Value) any
	pages  parquet.Pages
	page   parquet.Page
	values parquet.ValueReader
	buffer []parquet.Value
	left   []parquet.Value // of the buffer
}

func (c *input) open(chunk parquet.ColumnChunk) {
	c.close()
	c.pages = chunk.Pages()
}

func (c *input) close() {
	if c == nil || c.pages == nil {
		return
	}
	c.drop()
	c.pages.Close()
	c.pages = nil
}

func (c *input) drop() {
	if c.page != nil {
		parquet.Release(c.page)
		c.page, c.values = nil, nil
	}
}

func (c *input) next() (any, error) {
	for len(c.left) == 0 {
		if c.values == nil {
			page, err := c.pages.ReadPage()
			if err != nil {
				if errors.Is(err, io.EOF) {
					err = io.ErrUnexpectedEOF
				}
				return nil, err
			}
			c.page, c.values = page, page.Values()
		}
		n, err := c.values.ReadValues(c.buffer)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		c.left = c.buffer[:n]
		if n > 0 {
			break
		}
		if err != nil {
			c.drop()
		}
	}
	v := c.left[0]
	c.left = c.left[1:]
	if v.IsNull() {
		return nil, nil
	}
	return c.decode(v), nil
}

// decoder gives what turns the values of a column of a file, which are not
// NULL, into those of tables.Row for a type.
func decoder(node parquet.Node, t tables.Type) (func(parquet.Value) any, error) {
	if !node.Leaf() || node.Repeated() {
		return nil, errors.New("it is not flat in the file")
	}
	physical, kind := node.Type().Kind(), t.Kind
	var logical any
	if l := node.Type().LogicalType(); l != nil {
		logical = l.Value
	}
	if i, ok := logical.(*format.IntType); ok && i.IsSigned {
		logical = nil // says nothing that the physical type does not
	}
	switch l := logical.(type) {
	case nil:
		switch {
		case kind == tables.Int && physical == parquet.Int64:
			return func(v parquet.Value) any { return v.Int64() }, nil
		case kind == tables.Decimal && physical == parquet.Int64:
			return func(v parquet.Value) any { return apd.New(v.Int64(), 0) }, nil
		case kind == tables.Double && physical == parquet.Double:
			return func(v parquet.Value) any { return v.Double() }, nil
		case kind == tables.Bool && physical == parquet.Boolean:
			return func(v parquet.Value) any { return v.Boolean() }, nil
		}
	case *format.StringType:
		if kind == tables.Text || kind == tables.ID || kind == tables.JSON {
			return func(v parquet.Value) any { return string(v.ByteArray()) }, nil
		}
	case *format.DateType:
		if kind == tables.Date {
			return func(v parquet.Value) any { return tables.DayOf(time.Unix(int64(v.Int32())*86400, 0).UTC()) }, nil
		}
	case *format.TimestampType:
		if _, micros := l.Unit.Value.(*format.MicroSeconds); micros && kind == tables.DateTime {
			return func(v parquet.Value) any { return time.UnixMicro(v.Int64()).UTC() }, nil
		}
	case *format.DecimalType:
		if kind != tables.Decimal {
			break
		}
		switch physical {
		case parquet.Int32:
			return func(v parquet.Value) any { return apd.New(int64(v.Int32()), -l.Scale) }, nil
		case parquet.Int64:
			return func(v parquet.Value) any { return apd.New(v.Int64(), -l.Scale) }, nil
		case parquet.FixedLenByteArray:
			return func(v parquet.Value) any { return wide(v.ByteArray(), -l.Scale) }, nil
		}
	}
	return nil, fmt.Errorf("the file has %s, which is no %s", node.Type(), t)
}

// wide reads two's complement.
func wide(b []byte, exponent int32) *apd.Decimal {
	n := new(big.Int).SetBytes(b)
	if len(b) > 0 && b[0]&0x80 != 0 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
	}
	d := &apd.Decimal{Exponent: exponent, Negative: n.Sign() < 0}
	d.Coeff.SetMathBigInt(n.Abs(n))
	return d
}
