package duckdb

import "slices"

// ValueKind is the DuckDB type that a Value travels as.
type ValueKind string

// The kinds of values.
const (
	Varchar   ValueKind = "VARCHAR"
	Blob      ValueKind = "BLOB"
	Bool      ValueKind = "BOOLEAN"
	BigInt    ValueKind = "BIGINT"
	UBigInt   ValueKind = "UBIGINT"
	HugeInt   ValueKind = "HUGEINT"
	Double    ValueKind = "DOUBLE"
	Date      ValueKind = "DATE"
	Timestamp ValueKind = "TIMESTAMP"
	// Exact takes an integer of any width as it is, and a DECIMAL's unscaled
	// value; it is never a result.
	Exact ValueKind = "ANY"
)

// Value is an argument or the result of a Function.
type Value struct {
	Null bool
	// Int is a BIGINT, a UBIGINT's bits, 0 or 1 of a BOOLEAN, the days of a DATE
	// or the microseconds of a TIMESTAMP since 1970, or the low half of a HUGEINT or Exact.
	Int   int64
	High  int64 // the high half of a HUGEINT or Exact
	Float float64
	Text  string // VARCHAR, BLOB; an argument's is valid until the function returns
}

// Function is a scalar function that SQL cannot express well: a rule of MySQL's
// written in Go. It is deterministic and safe for concurrent use.
type Function struct {
	Name   string
	Args   []ValueKind
	More   ValueKind // kind of any further arguments; "" where there are none
	Result ValueKind
	// Nulls says that Eval wants to see NULL arguments; otherwise a NULL
	// argument gives NULL without a call.
	Nulls bool
	Eval  func(a []Value) (Value, error)
}

// Functions are all functions that rendered text may call, beside the macros.
func Functions() []Function {
	return slices.Concat(numberFunctions, textFunctions, dateFunctions, jsonFunctions)
}

var null = Value{Null: true}

func text(s string) (Value, error)    { return Value{Text: s}, nil }
func integer(n int64) (Value, error)  { return Value{Int: n}, nil }
func double(f float64) (Value, error) { return Value{Float: f}, nil }
func nothing() (Value, error)         { return null, nil }
func truth(b bool) (Value, error)     { return Value{Int: bit(b)}, nil }
func orNull(v Value, ok bool) (Value, error) {
	if !ok {
		return null, nil
	}
	return v, nil
}

func bit(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
