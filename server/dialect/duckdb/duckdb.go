// Package duckdb renders the algebra as one DuckDB statement that gives
// MySQL's answer (I8). What cannot be said exactly is refused with a fault of
// kind Unsupported, never approximated.
//
// It is pure: it knows no database, no file and no cache, and links nothing of
// DuckDB. What the text needs beside itself comes from Macros (SQL) and
// Functions (Go), which server/columnar registers once per database instance.
//
// Within the text the column with id n is called xn, everywhere, so that a
// correlated reference needs no qualifier. Texts of MySQL's default collation
// are compared, grouped and sorted by argo_ci, their sort key (see Key); texts
// that compare byte by byte cost nothing.
package duckdb

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"argo/server/algebra"
	"argo/tables/fault"
)

// Render gives one SQL text whose output columns are c0 … cN in the order of
// st.Output; their DuckDB types are those of TypeName, but that a DECIMAL may
// be wider. rel gives the FROM item of each Scan and Foreign leaf: a relation
// whose columns carry the table's column names. Faults: Unsupported, Invalid.
func Render(st *algebra.Statement, rel func(r algebra.Rel) (string, error)) (string, error) {
	r := &renderer{can: known(), session: st.Session, leaf: rel, loose: map[algebra.ColID]frag{}}
	sql := r.statement(st)
	if r.err != nil {
		return "", r.err
	}
	return sql, nil
}

var known = sync.OnceValue(capabilities)

// renderer keeps what one rendering knows. The first error sticks.
type renderer struct {
	can     map[string]renderCall
	session algebra.Session
	leaf    func(algebra.Rel) (string, error)
	err     error
	names   int // of helper columns
	// loose are the columns whose text has more digits than MySQL declares: an
	// average keeps them within its own query block, and is rounded beyond it.
	loose map[algebra.ColID]frag
	// outside is set where a column is read outside of the block that computed it.
	outside bool
	// recursive are the columns of the WITH RECURSIVE being rendered, by name.
	recursive map[string][]algebra.Column
}

func (r *renderer) fail(err error) frag {
	if r.err == nil {
		r.err = err
	}
	return value("NULL", algebra.Type{Kind: algebra.Null})
}

func (r *renderer) unsupported(format string, args ...any) frag {
	return r.fail(fault.New(fault.Unsupported, format, args...))
}

func (r *renderer) helper() string {
	r.names++
	return fmt.Sprintf("s%d", r.names)
}

// statement renders the root: the order of the outermost sort is said at the
// very end, where DuckDB promises to keep it.
func (r *renderer) statement(st *algebra.Statement) string {
	root := st.Root
	limit := ""
	if l, ok := root.(*algebra.Limit); ok {
		root, limit = l.In, r.limit(l)
	}
	q := r.rel(root)
	outs := make([]string, len(st.Output))
	for i, c := range st.Output {
		outs[i] = fmt.Sprintf("%s AS c%d", r.output(c), i)
	}
	if len(outs) == 0 {
		outs = []string{"1 AS c0"}
	}
	order := orderBy(q.order)
	q = q.open()
	q.cols = strings.Join(outs, ", ")
	return q.sql() + order + limit
}

// output is a column as the client gets it.
func (r *renderer) output(c algebra.Column) string {
	f := r.column(c.ID, c.Type).settled()
	return f.sql
}

func (r *renderer) column(id algebra.ColID, t algebra.Type) frag {
	f, ok := r.loose[id]
	if !ok {
		return value(fmt.Sprintf("x%d", id), t)
	}
	f.sql = fmt.Sprintf("x%d", id)
	if r.outside {
		return f.settled()
	}
	return f
}

// now is the time of the statement in the session's time zone.
func (r *renderer) now() time.Time {
	loc, err := zone(r.session.TimeZone)
	if err != nil {
		r.fail(err)
		return time.Time{}
	}
	return time.UnixMicro(r.session.Now).In(loc)
}

func (r *renderer) today() frag {
	return value("CAST('"+r.now().Format("2006-01-02")+"' AS DATE)", dateT)
}

// Macros are statements to run once per database instance, in order.
func Macros() []string {
	return []string{
		// A number to BIGINT or UBIGINT as MySQL's casts do: saturating, or by its bits.
		`CREATE OR REPLACE MACRO argo_saturate(h) AS CASE WHEN h < CAST('-9223372036854775808' AS HUGEINT) THEN CAST('-9223372036854775808' AS BIGINT) WHEN h > CAST('9223372036854775807' AS HUGEINT) THEN CAST('9223372036854775807' AS BIGINT) ELSE CAST(h AS BIGINT) END`,
		`CREATE OR REPLACE MACRO argo_unsigned(i) AS CAST(CASE WHEN i < 0 THEN CAST(i AS HUGEINT) + CAST('18446744073709551616' AS HUGEINT) ELSE CAST(i AS HUGEINT) END AS UBIGINT)`,
		`CREATE OR REPLACE MACRO argo_saturate_unsigned(h) AS CASE WHEN h < 0 THEN argo_unsigned(argo_saturate(h)) WHEN h > CAST('18446744073709551615' AS HUGEINT) THEN CAST('18446744073709551615' AS UBIGINT) ELSE CAST(h AS UBIGINT) END`,
		`CREATE OR REPLACE MACRO argo_signed(u) AS CAST(CASE WHEN CAST(u AS HUGEINT) > CAST('9223372036854775807' AS HUGEINT) THEN CAST(u AS HUGEINT) - CAST('18446744073709551616' AS HUGEINT) ELSE CAST(u AS HUGEINT) END AS BIGINT)`,
		// An infinite DOUBLE is MySQL's error 1690.
		`CREATE OR REPLACE MACRO argo_finite(f) AS CASE WHEN isfinite(f) OR f IS NULL THEN f ELSE CAST(error('DOUBLE value is out of range') AS DOUBLE) END`,
		// Dates and times as numbers.
		`CREATE OR REPLACE MACRO argo_date_number(d) AS (year(d) * 10000 + month(d) * 100 + day(d))`,
		`CREATE OR REPLACE MACRO argo_datetime_number(t) AS (argo_date_number(t) * 1000000 + hour(t) * 10000 + minute(t) * 100 + second(t))`,
		`CREATE OR REPLACE MACRO argo_datetime_decimal(t) AS (CAST(argo_datetime_number(t) AS DECIMAL(20,0)) + CAST(microsecond(t) % 1000000 AS DECIMAL(6,0)) * CAST('0.000001' AS DECIMAL(6,6)))`,
		`CREATE OR REPLACE MACRO argo_time_number(u) AS (sign(u) * (abs(u) // 3600000000 * 10000 + abs(u) // 60000000 % 60 * 100 + abs(u) // 1000000 % 60))`,
		`CREATE OR REPLACE MACRO argo_time_decimal(u) AS (CAST(argo_time_number(u) AS DECIMAL(20,0)) + CAST(u % 1000000 AS DECIMAL(6,0)) * CAST('0.000001' AS DECIMAL(6,6)))`,
		`CREATE OR REPLACE MACRO argo_clock(t) AS (hour(t) * 3600000000 + minute(t) * 60000000 + microsecond(t))`,
	}
}
