package columnar

/*
#include <stdint.h>
#include <stdlib.h>

void argoScalar(void *info, void *input, void *output);
*/
import "C"

import (
	"fmt"
	"unsafe"

	driver "github.com/duckdb/duckdb-go-bindings"

	"argo/server/dialect/duckdb"
)

// functions are those of the dialect; DuckDB knows them by their index.
var functions = duckdb.Functions()

var valueTypes = map[duckdb.ValueKind]driver.Type{
	duckdb.Varchar: driver.TypeVarchar, duckdb.Blob: driver.TypeBlob, duckdb.Bool: driver.TypeBoolean,
	duckdb.BigInt: driver.TypeBigInt, duckdb.UBigInt: driver.TypeUBigInt, duckdb.HugeInt: driver.TypeHugeInt,
	duckdb.Double: driver.TypeDouble, duckdb.Date: driver.TypeDate, duckdb.Timestamp: driver.TypeTimestamp,
	duckdb.Exact: driver.TypeAny,
}

// registerFunctions tells DuckDB of them, for all connections.
func registerFunctions(c *conn) error {
	for i, f := range functions {
		if err := registerFunction(c, i, f); err != nil {
			return err
		}
	}
	return nil
}

func registerFunction(c *conn, index int, f duckdb.Function) error {
	fn := driver.CreateScalarFunction()
	defer driver.DestroyScalarFunction(&fn)
	driver.ScalarFunctionSetName(fn, f.Name)
	with := func(k duckdb.ValueKind, use func(driver.LogicalType)) {
		t := driver.CreateLogicalType(valueTypes[k])
		defer driver.DestroyLogicalType(&t)
		use(t)
	}
	for _, k := range f.Args {
		with(k, func(t driver.LogicalType) { driver.ScalarFunctionAddParameter(fn, t) })
	}
	if f.More != "" {
		with(f.More, func(t driver.LogicalType) { driver.ScalarFunctionSetVarargs(fn, t) })
	}
	with(f.Result, func(t driver.LogicalType) { driver.ScalarFunctionSetReturnType(fn, t) })
	if f.Nulls {
		driver.ScalarFunctionSetSpecialHandling(fn)
	}
	info := C.malloc(C.size_t(unsafe.Sizeof(C.intptr_t(0))))
	*(*C.intptr_t)(info) = C.intptr_t(index)
	driver.ScalarFunctionSetExtraInfo(fn, info, C.free)
	driver.ScalarFunctionSetFunction(fn, C.argoScalar)
	if driver.RegisterScalarFunction(c.raw, fn) == driver.StateError {
		return fmt.Errorf("DuckDB refuses the function %s", f.Name)
	}
	return nil
}

// argoScalar computes one chunk of one function, on a thread of DuckDB's.
//
//export argoScalar
func argoScalar(info, input, output unsafe.Pointer) {
	fi := driver.FunctionInfo{Ptr: info}
	defer func() {
		if p := recover(); p != nil { // a panic must not cross into C
			driver.ScalarFunctionSetError(fi, fmt.Sprintf("panic: %v", p))
		}
	}()
	f := functions[*(*C.intptr_t)(driver.ScalarFunctionGetExtraInfo(fi))]
	if err := evaluate(f, driver.DataChunk{Ptr: input}, driver.Vector{Ptr: output}); err != nil {
		driver.ScalarFunctionSetError(fi, report(err))
	}
}

func evaluate(f duckdb.Function, in driver.DataChunk, out driver.Vector) error {
	n := int(driver.DataChunkGetSize(in))
	columns := make([]column, driver.DataChunkGetColumnCount(in))
	kinds := make([]duckdb.ValueKind, len(columns))
	for j := range columns {
		kinds[j] = f.More
		if j < len(f.Args) {
			kinds[j] = f.Args[j]
		}
		v := driver.DataChunkGetVector(in, driver.IdxT(j))
		t := columnType{kind: valueTypes[kinds[j]]}
		if kinds[j] == duckdb.Exact {
			lt := driver.VectorGetColumnType(v)
			t = typeOf(lt)
			driver.DestroyLogicalType(&lt)
		}
		columns[j] = columnOf(v, t)
		if kinds[j] == duckdb.Exact && !t.isDec && !columns[j].whole() {
			return fmt.Errorf("%s takes exact numbers", f.Name)
		}
	}
	w := writer{vector: out, kind: valueTypes[f.Result]}
	args := make([]duckdb.Value, len(columns))
rows:
	for i := range n {
		for j := range columns {
			c := &columns[j]
			a := &args[j]
			*a = duckdb.Value{}
			if c.null(i) {
				if !f.Nulls {
					w.null(i)
					continue rows
				}
				a.Null = true
				continue
			}
			switch kinds[j] {
			case duckdb.Varchar, duckdb.Blob:
				a.Text = c.text(i)
			case duckdb.Double:
				a.Float = at[float64](c.data, i)
			default:
				h := c.integer(i)
				a.Int, a.High = int64(h.low), h.high
			}
		}
		v, err := f.Eval(args)
		if err != nil {
			return err
		}
		if v.Null {
			w.null(i)
			continue
		}
		w.value(i, v)
	}
	return nil
}

// writer fills a vector that DuckDB made.
type writer struct {
	vector driver.Vector
	kind   driver.Type
	data   unsafe.Pointer
	valid  unsafe.Pointer
}

func (w *writer) null(i int) {
	if w.valid == nil {
		driver.VectorEnsureValidityWritable(w.vector)
		w.valid = driver.VectorGetValidity(w.vector)
	}
	word := (*uint64)(unsafe.Add(w.valid, i/64*8))
	*word &^= 1 << (i % 64)
}

func (w *writer) value(i int, v duckdb.Value) {
	if w.kind == driver.TypeVarchar || w.kind == driver.TypeBlob {
		driver.VectorAssignStringElement(w.vector, driver.IdxT(i), v.Text)
		return
	}
	if w.data == nil {
		w.data = driver.VectorGetData(w.vector)
	}
	switch w.kind {
	case driver.TypeBoolean:
		put(w.data, i, v.Int != 0)
	case driver.TypeDouble:
		put(w.data, i, v.Float)
	case driver.TypeDate:
		put(w.data, i, int32(v.Int))
	case driver.TypeHugeInt:
		put(w.data, i, hugeint{uint64(v.Int), v.High})
	default:
		put(w.data, i, v.Int)
	}
}
