package columnar

import (
	"context"
	"fmt"
	"math"
	"math/big"
	"strings"
	"time"

	"github.com/cockroachdb/apd/v3"
	driver "github.com/duckdb/duckdb-go-bindings"

	"argo/server/algebra"
	"argo/server/dialect/duckdb"
	"argo/tables"
	"argo/tables/fault"
)

// load puts rows into a temporary table of the connection and gives its name.
func (c *conn) load(ctx context.Context, want []algebra.Column, in Input) (string, error) {
	c.tables++
	name := fmt.Sprintf("input_%d", c.tables)
	// A row is aligned with in.Columns where they are given, else with want.
	at := make([]int, len(want))
	for i, w := range want {
		at[i] = i
		for j, col := range in.Columns {
			if col.Name == w.Name {
				at[i] = j
			}
		}
	}
	columns := make([]string, len(want))
	for i, w := range want {
		columns[i] = fmt.Sprintf("v%d %s", i, duckdb.TypeName(w.Type))
	}
	if len(columns) == 0 {
		columns = []string{"v0 BIGINT"}
	}
	if err := c.exec(ctx, "CREATE TEMP TABLE "+name+" ("+strings.Join(columns, ", ")+")"); err != nil {
		return "", err
	}
	if err := c.append(ctx, name, want, at, in); err != nil {
		return "", err
	}
	items := make([]string, len(want))
	for i, w := range want {
		items[i] = fmt.Sprintf("v%d AS %s", i, ident(w.Name))
	}
	return "(SELECT " + selectList(items) + " FROM temp." + name + ")", nil
}

func (c *conn) append(ctx context.Context, table string, want []algebra.Column, at []int, in Input) (err error) {
	var appender driver.Appender
	if driver.AppenderCreateExt(c.raw, "temp", "main", table, &appender) == driver.StateError {
		message := driver.AppenderError(appender)
		driver.AppenderDestroy(&appender)
		return broken(ctx, message, nil)
	}
	defer driver.AppenderDestroy(&appender)
	n := int(driver.AppenderColumnCount(appender))
	types := make([]driver.LogicalType, n)
	for i := range types {
		types[i] = driver.AppenderColumnType(appender, driver.IdxT(i))
	}
	defer func() {
		for i := range types {
			driver.DestroyLogicalType(&types[i])
		}
	}()
	chunk := driver.CreateDataChunk(types)
	defer driver.DestroyDataChunk(&chunk)
	writers := make([]*rowWriter, n)
	reset := func() {
		driver.DataChunkReset(chunk)
		for i := range writers {
			writers[i] = &rowWriter{
				writer: writer{vector: driver.DataChunkGetVector(chunk, driver.IdxT(i))},
				t:      typeOf(types[i]),
			}
		}
	}
	size := 0
	flush := func() error {
		if size == 0 {
			return nil
		}
		driver.DataChunkSetSize(chunk, driver.IdxT(size))
		size = 0
		var state driver.State
		c.guard(ctx, func() { state = driver.AppendDataChunk(appender, chunk) })
		if state == driver.StateError {
			return broken(ctx, driver.AppenderError(appender), nil)
		}
		reset()
		return nil
	}
	reset()
	capacity := int(driver.VectorSize())
	for row, err := range in.Rows {
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return ended(ctx)
		}
		for i, w := range want {
			if at[i] >= len(row) {
				return fault.New(fault.Internal, "a row has %d values, its table %d columns", len(row), len(want))
			}
			if err := writers[i].set(size, row[at[i]]); err != nil {
				return fault.Wrap(fault.Internal, err, "the column %s cannot be loaded", w.Name)
			}
		}
		if len(want) == 0 {
			writers[0].null(size)
		}
		if size++; size == capacity {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if err := flush(); err != nil {
		return err
	}
	var state driver.State
	c.guard(ctx, func() { state = driver.AppenderFlush(appender) })
	if state == driver.StateError {
		return broken(ctx, driver.AppenderError(appender), nil)
	}
	return nil
}

// rowWriter fills one vector of a chunk with values of tables.Row.
type rowWriter struct {
	writer
	t columnType
}

func (w *rowWriter) set(i int, v any) error {
	if v == nil {
		w.null(i)
		return nil
	}
	if w.data == nil {
		w.data = driver.VectorGetData(w.vector)
	}
	switch {
	case w.t.isDec:
		return w.setDecimal(i, v)
	case w.t.kind == driver.TypeVarchar || w.t.kind == driver.TypeBlob:
		return w.setText(i, v)
	case w.t.kind == driver.TypeDouble:
		return w.setDouble(i, v)
	case w.t.kind == driver.TypeDate:
		return w.setDate(i, v)
	case w.t.kind == driver.TypeTimestamp:
		switch v := v.(type) {
		case time.Time:
			put(w.data, i, v.UnixMicro())
			return nil
		case tables.Day:
			put(w.data, i, v.Time().UnixMicro())
			return nil
		}
	case w.t.kind == driver.TypeBigInt || w.t.kind == driver.TypeUBigInt || w.t.kind == driver.TypeInteger:
		n, ok := integer(v)
		if !ok {
			break
		}
		if w.t.kind == driver.TypeInteger {
			put(w.data, i, int32(n))
		} else {
			put(w.data, i, n)
		}
		return nil
	}
	return fmt.Errorf("a %T does not fit", v)
}

// integer gives the 64 bits of a whole number.
func integer(v any) (int64, bool) {
	switch v := v.(type) {
	case int64:
		return v, true
	case int:
		return int64(v), true
	case int8:
		return int64(v), true
	case int16:
		return int64(v), true
	case int32:
		return int64(v), true
	case uint8:
		return int64(v), true
	case uint16:
		return int64(v), true
	case uint32:
		return int64(v), true
	case uint64:
		return int64(v), true
	case bool:
		if v {
			return 1, true
		}
		return 0, true
	case time.Duration:
		return v.Microseconds(), true
	}
	return 0, false
}

func (w *rowWriter) setText(i int, v any) error {
	var s string
	switch v := v.(type) {
	case string:
		s = v
	case []byte:
		s = string(v)
	case tables.Day:
		s = string(v)
	default:
		s = fmt.Sprint(v)
	}
	if w.t.kind == driver.TypeVarchar {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	driver.VectorAssignStringElement(w.vector, driver.IdxT(i), s)
	return nil
}

func (w *rowWriter) setDouble(i int, v any) error {
	var f float64
	switch v := v.(type) {
	case float64:
		f = v
	case float32:
		f = float64(v)
	case *apd.Decimal:
		f, _ = v.Float64()
	default:
		n, ok := integer(v)
		if !ok {
			return fmt.Errorf("a %T is no number", v)
		}
		f = float64(n)
	}
	if math.IsNaN(f) || math.IsInf(f, 0) { // MySQL has neither
		w.null(i)
		return nil
	}
	put(w.data, i, f)
	return nil
}

func (w *rowWriter) setDate(i int, v any) error {
	t := time.Time{}
	switch v := v.(type) {
	case tables.Day:
		if _, err := tables.ParseDay(string(v)); err != nil {
			w.null(i)
			return nil
		}
		t = v.Time()
	case time.Time:
		t = v.UTC()
	default:
		return fmt.Errorf("a %T is no date", v)
	}
	put(w.data, i, int32(t.Unix()/86400-int64(bit(t.Unix()%86400 < 0))))
	return nil
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

// setDecimal rounds to the column's scale; a value that does not fit is an error.
func (w *rowWriter) setDecimal(i int, v any) error {
	var d apd.Decimal
	switch v := v.(type) {
	case *apd.Decimal:
		d.Set(v)
	case float64:
		if _, err := d.SetFloat64(v); err != nil {
			return err
		}
	default:
		n, ok := integer(v)
		if !ok {
			return fmt.Errorf("a %T is no number", v)
		}
		d.SetInt64(n)
	}
	ctx := apd.BaseContext.WithPrecision(200)
	ctx.Rounding = apd.RoundHalfUp
	if _, err := ctx.Quantize(&d, &d, int32(-w.t.scale)); err != nil {
		return err
	}
	n := d.Coeff.MathBigInt()
	if d.Negative {
		n.Neg(n)
	}
	if int(d.NumDigits()) > w.t.width && !d.IsZero() {
		return ErrOutOfRange
	}
	switch w.t.kind {
	case driver.TypeSmallInt:
		put(w.data, i, int16(n.Int64()))
	case driver.TypeInteger:
		put(w.data, i, int32(n.Int64()))
	case driver.TypeBigInt:
		put(w.data, i, n.Int64())
	default:
		low := new(big.Int).And(n, new(big.Int).SetUint64(math.MaxUint64))
		put(w.data, i, hugeint{low.Uint64(), new(big.Int).Rsh(n, 64).Int64()})
	}
	return nil
}
