package columnar

import (
	"fmt"
	"math/big"
	"time"
	"unsafe"

	"github.com/cockroachdb/apd/v3"
	driver "github.com/duckdb/duckdb-go-bindings"

	"argo/server/algebra"
	"argo/tables"
)

// column is one vector of a chunk, read in place: valid as long as the chunk.
type column struct {
	kind  driver.Type // physical kind of a DECIMAL's integers, else the logical one
	scale int         // of a DECIMAL
	isDec bool
	data  unsafe.Pointer
	valid unsafe.Pointer // nil: all are
}

func columnOf(v driver.Vector, t columnType) column {
	return column{kind: t.kind, scale: t.scale, isDec: t.isDec, data: driver.VectorGetData(v), valid: driver.VectorGetValidity(v)}
}

// columnType is what has to be known of a vector's type.
type columnType struct {
	kind         driver.Type
	width, scale int // of a DECIMAL
	isDec        bool
}

func typeOf(t driver.LogicalType) columnType {
	id := driver.GetTypeId(t)
	if id == driver.TypeDecimal {
		return columnType{kind: driver.DecimalInternalType(t), width: int(driver.DecimalWidth(t)), scale: int(driver.DecimalScale(t)), isDec: true}
	}
	return columnType{kind: id}
}

func (c *column) null(i int) bool {
	return c.valid != nil && *(*uint64)(unsafe.Add(c.valid, i/64*8))>>(i%64)&1 == 0
}

func at[T any](p unsafe.Pointer, i int) T { return *(*T)(unsafe.Add(p, i*int(unsafe.Sizeof(*new(T))))) }

func put[T any](p unsafe.Pointer, i int, v T) { *(*T)(unsafe.Add(p, i*int(unsafe.Sizeof(v)))) = v }

// hugeint as DuckDB lays it out.
type hugeint struct {
	low  uint64
	high int64
}

func (h hugeint) big() *big.Int {
	n := new(big.Int).Lsh(big.NewInt(h.high), 64)
	return n.Add(n, new(big.Int).SetUint64(h.low))
}

// stringT as DuckDB lays it out: up to 12 bytes are within.
type stringT struct {
	length  uint32
	inlined [12]byte
}

// text is borrowed from the chunk.
func (c *column) text(i int) string {
	s := (*stringT)(unsafe.Add(c.data, i*int(unsafe.Sizeof(stringT{}))))
	if s.length <= 12 {
		return unsafe.String(&s.inlined[0], int(s.length))
	}
	return unsafe.String(*(**byte)(unsafe.Pointer(&s.inlined[4])), int(s.length))
}

// integer gives a whole number of any width, or a DECIMAL's unscaled value.
func (c *column) integer(i int) hugeint {
	var n int64
	switch c.kind {
	case driver.TypeTinyInt:
		n = int64(at[int8](c.data, i))
	case driver.TypeSmallInt:
		n = int64(at[int16](c.data, i))
	case driver.TypeInteger, driver.TypeDate:
		n = int64(at[int32](c.data, i))
	case driver.TypeUTinyInt, driver.TypeBoolean:
		n = int64(at[uint8](c.data, i))
	case driver.TypeUSmallInt:
		n = int64(at[uint16](c.data, i))
	case driver.TypeUInteger:
		n = int64(at[uint32](c.data, i))
	case driver.TypeUBigInt:
		return hugeint{low: at[uint64](c.data, i)}
	case driver.TypeHugeInt, driver.TypeUHugeInt:
		return at[hugeint](c.data, i)
	default:
		n = at[int64](c.data, i)
	}
	return hugeint{uint64(n), n >> 63}
}

func (c *column) whole() bool {
	switch c.kind {
	case driver.TypeTinyInt, driver.TypeSmallInt, driver.TypeInteger, driver.TypeBigInt, driver.TypeUTinyInt,
		driver.TypeUSmallInt, driver.TypeUInteger, driver.TypeUBigInt, driver.TypeHugeInt, driver.TypeUHugeInt, driver.TypeBoolean:
		return true
	}
	return false
}

// float gives any number as a float64.
func (c *column) float(i int) float64 {
	switch c.kind {
	case driver.TypeDouble:
		return at[float64](c.data, i)
	case driver.TypeFloat:
		return float64(at[float32](c.data, i))
	}
	f, _ := c.decimal(i, c.scale).Float64()
	return f
}

// decimal gives an exact number with scale digits after the point.
func (c *column) decimal(i, scale int) *apd.Decimal {
	h := c.integer(i)
	d := &apd.Decimal{Exponent: int32(-c.scale)}
	if h.high == int64(h.low)>>63 {
		d.SetFinite(int64(h.low), int32(-c.scale))
	} else {
		n := h.big()
		d.Negative = n.Sign() < 0
		d.Coeff.SetMathBigInt(n.Abs(n))
	}
	if scale != c.scale {
		ctx := apd.BaseContext.WithPrecision(100)
		ctx.Rounding = apd.RoundHalfUp
		_, _ = ctx.Quantize(d, d, int32(-scale)) // 100 digits hold every value
	}
	return d
}

// value gives the value as Rows documents it for type t.
func (c *column) value(i int, t algebra.Type) (any, error) {
	if c.null(i) {
		return nil, nil
	}
	switch t.Kind {
	case algebra.Int, algebra.Year:
		if c.whole() {
			h := c.integer(i)
			if t.Unsigned && h.high == 0 {
				return h.low, nil
			}
			if !t.Unsigned && h.high == int64(h.low)>>63 {
				return int64(h.low), nil
			}
		}
	case algebra.Decimal:
		if c.isDec || c.whole() {
			return c.decimal(i, t.Scale), nil
		}
	case algebra.Double:
		if c.isDec || c.whole() || c.kind == driver.TypeDouble || c.kind == driver.TypeFloat {
			return c.float(i), nil
		}
	case algebra.Text, algebra.JSON:
		if c.kind == driver.TypeVarchar {
			return string([]byte(c.text(i))), nil
		}
	case algebra.Binary:
		if c.kind == driver.TypeBlob || c.kind == driver.TypeVarchar {
			return []byte(c.text(i)), nil
		}
	case algebra.Date:
		if c.kind == driver.TypeDate {
			day := time.Unix(int64(at[int32](c.data, i))*86400, 0).UTC()
			return tables.DayOf(day), inCalendar(day, "DATE")
		}
	case algebra.DateTime:
		if c.kind == driver.TypeTimestamp {
			t := time.UnixMicro(at[int64](c.data, i)).UTC()
			return t, inCalendar(t, "DATETIME")
		}
	case algebra.Time:
		if c.kind == driver.TypeBigInt {
			return time.Duration(at[int64](c.data, i)) * time.Microsecond, nil
		}
	}
	return nil, fmt.Errorf("DuckDB gave a value of type %d for a column of kind %d", c.kind, t.Kind)
}

// inCalendar refuses what a file may hold and MySQL has not: years beyond
// 9999, and infinity, which DuckDB has at the end of its own calendar.
func inCalendar(t time.Time, what string) error {
	if y := t.Year(); y < 0 || y > 9999 {
		return fmt.Errorf("%s %w", what, ErrOutOfRange)
	}
	return nil
}
