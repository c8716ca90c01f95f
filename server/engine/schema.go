package engine

import (
	"math"
	"strconv"
	"strings"

	"argo/server/algebra"
	"argo/tables"

	"github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/types"
	"github.com/dolthub/vitess/go/sqltypes"
)

// textCollation and idCollation are the contract for text: MySQL's own default
// for words, byte by byte for identifiers and enum words.
const (
	textCollation = sql.Collation_utf8mb4_0900_ai_ci
	idCollation   = sql.Collation_utf8mb4_0900_bin
)

// maxVarchar is how many characters of utf8mb4 fit a VARCHAR's 65,535 bytes.
const maxVarchar = 16383

// schemaOf is the table's schema as the catalog shows it: comments carry doc
// and unit. The key becomes a primary key where all of it is NOT NULL.
func schemaOf(database, table string, columns []tables.Column, key []string) sql.PrimaryKeySchema {
	primary := make(map[string]bool, len(key))
	for _, name := range key {
		primary[name] = true
	}
	notNull := 0
	for _, c := range columns {
		if primary[c.Name] && c.NotNull {
			notNull++
		}
	}
	keyed := len(primary) > 0 && notNull == len(primary)
	schema := make(sql.Schema, len(columns))
	var ordinals []int
	for i, c := range columns {
		schema[i] = &sql.Column{
			Name: c.Name, Type: columnType(c.Type), Comment: columnComment(c),
			Source: table, DatabaseSource: database, Nullable: !c.NotNull,
			PrimaryKey: keyed && primary[c.Name],
		}
	}
	if keyed {
		for _, name := range key {
			ordinals = append(ordinals, schema.IndexOf(name, table))
		}
	}
	return sql.NewPrimaryKeySchema(schema, ordinals...)
}

func columnComment(c tables.Column) string {
	switch {
	case c.Unit == "":
		return c.Doc
	case c.Doc == "":
		return c.Unit
	}
	return strings.TrimRight(c.Doc, ". ") + " [" + c.Unit + "]"
}

func columnType(t tables.Type) sql.Type {
	switch t.Kind {
	case tables.Int:
		return types.Int64
	case tables.Double:
		return types.Float64
	case tables.Decimal:
		return types.MustCreateColumnDecimalType(uint8(t.Precision), uint8(t.Scale))
	case tables.ID:
		return textType(max(t.Length, 0), idCollation, 255)
	case tables.Bool:
		return types.Boolean
	case tables.Date:
		return types.Date
	case tables.DateTime:
		return types.MustCreateDatetimeType(sqltypes.Datetime, 6)
	case tables.JSON:
		return types.JSON
	}
	return textType(t.Length, textCollation, 255)
}

// textType is the narrowest type of MySQL for n characters; unknown is taken
// where n is 0.
func textType(n int, c sql.CollationID, unknown int) sql.Type {
	if n == 0 {
		n = unknown
	}
	switch {
	case n <= maxVarchar:
		return types.MustCreateString(sqltypes.VarChar, int64(n), c)
	case n <= 1<<24/4:
		return types.CreateMediumText(c)
	}
	return types.CreateLongText(c)
}

// resultType is the type of a result column on the wire.
func resultType(t algebra.Type) sql.Type {
	switch t.Kind {
	case algebra.Null:
		return types.Null
	case algebra.Int:
		if t.Unsigned {
			return types.Uint64
		}
		return types.Int64
	case algebra.Decimal:
		return types.CreateLiteralDecimalType(uint8(max(t.Precision, t.Scale, 1)), uint8(t.Scale))
	case algebra.Double:
		return double{types.Float64.(types.NumberTypeImpl_)}
	case algebra.Binary:
		if t.Length > 0 && t.Length <= 65535 {
			return types.MustCreateBinary(sqltypes.VarBinary, int64(t.Length))
		}
		return types.LongBlob
	case algebra.Date:
		return types.Date
	case algebra.DateTime:
		return types.MustCreateDatetimeType(sqltypes.Datetime, t.Scale)
	case algebra.Time:
		return types.Time
	case algebra.Year:
		return types.Year
	case algebra.JSON:
		return types.JSON
	}
	collation := sql.CollationID(textCollation)
	if t.Collation == algebra.Bin {
		collation = idCollation
	}
	return textType(t.Length, collation, maxVarchar)
}

// resultSchema is the schema of a compiled statement: names byte for byte. A
// column that comes straight from a boolean column of a table keeps its
// TINYINT(1).
func resultSchema(st *algebra.Statement, booleans map[algebra.ColID]bool) sql.Schema {
	out := make(sql.Schema, len(st.Output))
	for i, c := range st.Output {
		t := resultType(c.Type)
		if c.Type.Kind == algebra.Int && booleans[c.ID] {
			t = types.Boolean
		}
		out[i] = &sql.Column{Name: c.Name, Type: t, Nullable: !c.Type.NotNull}
	}
	return out
}

// double is DOUBLE with MySQL's text: GMS prints Go's exponent form.
type double struct{ types.NumberTypeImpl_ }

// SQL implements sql.Type.
func (d double) SQL(ctx *sql.Context, dest []byte, v any) (sqltypes.Value, error) {
	f, ok := v.(float64)
	if !ok {
		return d.NumberTypeImpl_.SQL(ctx, dest, v)
	}
	from := len(dest)
	dest = appendDouble(dest, f)
	return sqltypes.MakeTrusted(sqltypes.Float64, dest[from:]), nil
}

// appendDouble writes f as MySQL does (my_gcvt in strings/dtoa.cc, checked
// against a server): the shortest digits that read back to f; in plain notation
// where the point lies at most 15 places to the right of the first digit or 14
// to its left, or where digits follow the point; else with an exponent that has
// neither plus nor padding: 1e15, 1.5e-20.
func appendDouble(dest []byte, f float64) []byte {
	if f == 0 {
		if math.Signbit(f) {
			return append(dest, "-0"...)
		}
		return append(dest, '0')
	}
	mantissa, exp, _ := strings.Cut(strconv.FormatFloat(f, 'e', -1, 64), "e")
	e, _ := strconv.Atoi(exp)
	digits := len(strings.TrimPrefix(strings.Replace(mantissa, ".", "", 1), "-"))
	if e < -15 || e > 14 && digits <= e+1 {
		dest = append(append(dest, mantissa...), 'e')
		return strconv.AppendInt(dest, int64(e), 10)
	}
	return strconv.AppendFloat(dest, f, 'f', -1, 64)
}
