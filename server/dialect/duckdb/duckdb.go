// Package duckdb renders the algebra as one DuckDB statement that gives
// MySQL's answer (I8). What cannot be said exactly is refused with a fault of
// kind Unsupported, never approximated.
//
// It is pure: it knows no database, no file and no cache, and links nothing of
// DuckDB. Text that DuckDB needs beside the statement comes from Macros, and
// what SQL cannot express well comes from Functions, which server/columnar
// registers once per database instance.
package duckdb

import (
	"argo/server/algebra"
	"argo/tables/fault"
)

// Render gives one SQL text whose output columns are c0 … cN in the order of
// st.Output. rel gives the FROM item of each Scan and Foreign leaf: a relation
// whose columns carry the table's column names. Faults: Unsupported, Invalid.
func Render(st *algebra.Statement, rel func(r algebra.Rel) (string, error)) (string, error) {
	return "", fault.New(fault.Unsupported, "nothing is rendered yet")
}

// Macros are statements to run once per database instance, in order.
func Macros() []string { return nil }
