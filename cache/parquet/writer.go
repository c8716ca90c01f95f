package parquet

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"reflect"
	"time"
	"unicode/utf8"

	"argo/tables"

	"github.com/cockroachdb/apd/v3"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
	"github.com/parquet-go/parquet-go/compress/zstd"
	"github.com/parquet-go/parquet-go/encoding"
)

const (
	groupRows  = 122_880 // DuckDB's own row group: one unit of parallel work
	groupBytes = 64 << 20
	pageBytes  = 1 << 20
	batchRows  = 1024
)

// column is a column of the file; encode turns a value of tables.Row, never
// nil, into a Parquet value.
type column struct {
	tables.Column
	encode func(v any, arena *arena) (parquet.Value, error)
	values []parquet.Value
	page   int // bytes of text in the current page
}

// arena lends 16-byte cells that live until the batch is written.
type arena struct {
	cells [][16]byte
	used  int
}

func (a *arena) cell() []byte {
	if a.used == len(a.cells) {
		a.cells, a.used = make([][16]byte, 2*len(a.cells)+batchRows), 0
	}
	a.used++
	return a.cells[a.used-1][:]
}

// Writer writes rows into one Parquet file. Not safe for concurrent use.
type Writer struct {
	out     *parquet.GenericWriter[any]
	columns []column
	arena   arena
	batch   int   // rows in values
	group   int   // rows in the current row group
	start   int64 // size of the file when the row group began
}

// NewWriter writes Parquet with zstd, bounds of every row group, dictionaries
// for text, and every column optional. Types are those DuckDB reads as the
// kind's own: BIGINT, DOUBLE, DECIMAL, VARCHAR, BOOLEAN, DATE, and TIMESTAMP
// without time zone.
func NewWriter(to io.Writer, columns []tables.Column) (*Writer, error) {
	w := &Writer{columns: make([]column, len(columns))}
	options := []parquet.WriterOption{
		parquet.Compression(&zstd.Codec{Level: zstd.SpeedDefault}),
		parquet.DictionaryMaxBytes(1 << 20),
		parquet.PageBufferSize(pageBytes),
		parquet.CreatedBy("argo", "1", ""),
	}
	var root fields
	seen := map[string]bool{}
	for i, c := range columns {
		if c.Name == "" || seen[c.Name] {
			return nil, fmt.Errorf("column %d: the name %q is empty or there twice", i+1, c.Name)
		}
		seen[c.Name] = true
		node, encode, err := typeOf(c.Type)
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", c.Name, err)
		}
		if c.Type.Kind == tables.Decimal && c.Type.Precision > 18 {
			// The library compares fixed-length bytes without their sign, so
			// its bounds would be wrong for negative amounts.
			options = append(options, parquet.SkipPageBounds(c.Name), parquet.SkipPageStatistics(c.Name))
		}
		root = append(root, &field{parquet.Optional(node), c.Name})
		w.columns[i] = column{Column: c, encode: encode, values: make([]parquet.Value, 0, batchRows)}
	}
	if len(root) == 0 {
		return nil, errors.New("a segment needs a column")
	}
	w.out = parquet.NewGenericWriter[any](to, append(options, parquet.NewSchema("segment", root))...)
	return w, nil
}

// Write adds a row. After an error the writer is of no further use.
func (w *Writer) Write(row tables.Row) error {
	if len(row) != len(w.columns) {
		return fmt.Errorf("%d values for %d columns", len(row), len(w.columns))
	}
	for i, v := range row {
		c := &w.columns[i]
		if v == nil {
			c.values = append(c.values, parquet.NullValue().Level(0, 0, i))
			continue
		}
		p, err := c.encode(v, &w.arena)
		if err != nil {
			return fmt.Errorf("column %s (%s): %w", c.Name, c.Type, err)
		}
		c.values = append(c.values, p.Level(0, 1, i))
	}
	if w.batch++; w.batch == batchRows {
		return w.flush()
	}
	return nil
}

// flush hands the batch to the library, and ends the row group when it is full.
func (w *Writer) flush() error {
	for i, out := range w.out.ColumnWriters() {
		c := &w.columns[i]
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
		clear(c.values)
		c.values = c.values[:0]
	}
	w.group += w.batch
	w.batch, w.arena.used = 0, 0
	if w.group < groupRows && w.out.Size()-w.start < groupBytes {
		return nil
	}
	err := w.out.Flush()
	w.group, w.start = 0, w.out.Size()
	return err
}

// Close writes what is left and the footer; without it the file is no Parquet.
// It does not close what the writer was given.
func (w *Writer) Close() error {
	if err := w.flush(); err != nil {
		return err
	}
	return w.out.Close()
}

// typeOf gives the schema node of a type and the encoder of its values.
func typeOf(t tables.Type) (parquet.Node, func(any, *arena) (parquet.Value, error), error) {
	switch t.Kind {
	case tables.Int:
		return parquet.Leaf(parquet.Int64Type), func(v any, _ *arena) (parquet.Value, error) {
			n, ok := v.(int64)
			return parquet.Int64Value(n), is(ok, v, "int64")
		}, nil
	case tables.Double:
		return parquet.Leaf(parquet.DoubleType), func(v any, _ *arena) (parquet.Value, error) {
			f, ok := v.(float64)
			if math.IsNaN(f) || math.IsInf(f, 0) {
				return parquet.Value{}, errors.New("not a finite number")
			}
			return parquet.DoubleValue(f), is(ok, v, "float64")
		}, nil
	case tables.Decimal:
		return decimal(t)
	case tables.Text, tables.ID:
		return parquet.Encoded(parquet.String(), &parquet.RLEDictionary), func(v any, _ *arena) (parquet.Value, error) {
			return text(v)
		}, nil
	case tables.JSON:
		return parquet.String(), func(v any, _ *arena) (parquet.Value, error) {
			p, err := text(v)
			if err == nil && !json.Valid(p.ByteArray()) {
				err = errors.New("not JSON")
			}
			return p, err
		}, nil
	case tables.Bool:
		return parquet.Leaf(parquet.BooleanType), func(v any, _ *arena) (parquet.Value, error) {
			b, ok := v.(bool)
			return parquet.BooleanValue(b), is(ok, v, "bool")
		}, nil
	case tables.Date:
		return parquet.Date(), func(v any, _ *arena) (parquet.Value, error) {
			d, ok := v.(tables.Day)
			if !ok {
				return parquet.Value{}, is(false, v, "tables.Day")
			}
			d, err := tables.ParseDay(string(d))
			if err != nil {
				return parquet.Value{}, errors.New("not a day")
			}
			return parquet.Int32Value(int32(d.Time().Unix() / 86400)), nil
		}, nil
	case tables.DateTime:
		return parquet.TimestampAdjusted(parquet.Microsecond, false), func(v any, _ *arena) (parquet.Value, error) {
			t, ok := v.(time.Time)
			return parquet.Int64Value(t.UnixMicro()), is(ok, v, "time.Time")
		}, nil
	}
	return nil, nil, fmt.Errorf("no Parquet type for %s", t)
}

func is(ok bool, v any, want string) error {
	if !ok {
		return fmt.Errorf("the value is a %T, not a %s", v, want)
	}
	return nil
}

func text(v any) (parquet.Value, error) {
	s, ok := v.(string)
	if !ok {
		return parquet.Value{}, is(false, v, "string")
	}
	if !utf8.ValidString(s) {
		return parquet.Value{}, errors.New("not UTF-8")
	}
	return parquet.ByteArrayValue([]byte(s)), nil
}

// decimal stores DECIMAL in 4, 8 or 16 bytes, by its precision.
func decimal(t tables.Type) (parquet.Node, func(any, *arena) (parquet.Value, error), error) {
	if t.Precision < 1 || t.Precision > 38 || t.Scale < 0 || t.Scale > t.Precision {
		return nil, nil, errors.New("a decimal has 1 to 38 digits, and no more than these behind the point")
	}
	unscaled := func(v any) (*big.Int, error) {
		d, ok := v.(*apd.Decimal)
		if !ok || d == nil {
			return nil, is(false, v, "*apd.Decimal")
		}
		return unscale(d, t)
	}
	var physical parquet.Type
	var encode func(*big.Int, *arena) parquet.Value
	switch {
	case t.Precision <= 9:
		physical = parquet.Int32Type
		encode = func(n *big.Int, _ *arena) parquet.Value { return parquet.Int32Value(int32(n.Int64())) }
	case t.Precision <= 18:
		physical = parquet.Int64Type
		encode = func(n *big.Int, _ *arena) parquet.Value { return parquet.Int64Value(n.Int64()) }
	default:
		physical = parquet.FixedLenByteArrayType(16)
		encode = func(n *big.Int, a *arena) parquet.Value {
			cell := a.cell()
			if n.Sign() < 0 { // two's complement
				n = n.Add(n, modulus)
			}
			return parquet.FixedLenByteArrayValue(n.FillBytes(cell))
		}
	}
	return parquet.Decimal(t.Scale, t.Precision, physical), func(v any, a *arena) (parquet.Value, error) {
		n, err := unscaled(v)
		if err != nil {
			return parquet.Value{}, err
		}
		return encode(n, a), nil
	}, nil
}

var (
	ten     = big.NewInt(10)
	modulus = new(big.Int).Lsh(big.NewInt(1), 128)
)

// unscale gives d × 10^scale, which must be whole and of at most Precision
// digits: an amount is stored exactly or not at all.
func unscale(d *apd.Decimal, t tables.Type) (*big.Int, error) {
	exact := errors.New("the value does not fit exactly")
	if d.Form != apd.Finite {
		return nil, errors.New("not a finite number")
	}
	n := new(big.Int).Set(d.Coeff.MathBigInt())
	shift := int(d.Exponent) + t.Scale
	switch {
	case n.Sign() == 0:
	case shift > t.Precision || shift < -1000:
		return nil, exact
	case shift > 0:
		n.Mul(n, new(big.Int).Exp(ten, big.NewInt(int64(shift)), nil))
	case shift < 0:
		rest := new(big.Int)
		if n.QuoRem(n, new(big.Int).Exp(ten, big.NewInt(int64(-shift)), nil), rest); rest.Sign() != 0 {
			return nil, exact
		}
	}
	if n.CmpAbs(new(big.Int).Exp(ten, big.NewInt(int64(t.Precision)), nil)) >= 0 {
		return nil, exact
	}
	if d.Negative {
		n.Neg(n)
	}
	return n, nil
}

// fields is a group whose columns keep their order; the library's own Group
// sorts them by name.
type fields []parquet.Field

func (fields) ID() int                     { return 0 }
func (fields) String() string              { return "segment" }
func (fields) Type() parquet.Type          { return parquet.Group{}.Type() }
func (fields) Optional() bool              { return false }
func (fields) Repeated() bool              { return false }
func (fields) Required() bool              { return true }
func (fields) Leaf() bool                  { return false }
func (f fields) Fields() []parquet.Field   { return f }
func (fields) Encoding() encoding.Encoding { return nil }
func (fields) Compression() compress.Codec { return nil }
func (fields) GoType() reflect.Type        { return reflect.TypeFor[map[string]any]() }

type field struct {
	parquet.Node
	name string
}

func (f *field) Name() string { return f.name }
func (f *field) Value(base reflect.Value) reflect.Value {
	return base.MapIndex(reflect.ValueOf(f.name))
}
