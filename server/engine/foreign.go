package engine

import (
	"time"

	"argo/server/algebra"
	"argo/tables"

	"github.com/cockroachdb/apd/v3"
	"github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/types"
)

// foreignType is how a column of a relation that GMS reads is handed to DuckDB.
func foreignType(t algebra.Type) tables.Type {
	switch t.Kind {
	case algebra.Int, algebra.Year:
		if t.Unsigned {
			return tables.Dec(20, 0)
		}
		return tables.BigInt
	case algebra.Decimal:
		return tables.Dec(t.Precision, t.Scale)
	case algebra.Double:
		return tables.Float
	case algebra.Date:
		return tables.DateType
	case algebra.DateTime:
		return tables.Timestamp
	case algebra.JSON:
		return tables.Document
	}
	if t.Collation == algebra.Bin {
		return tables.Type{Kind: tables.ID, Length: t.Length}
	}
	return tables.Type{Kind: tables.Text, Length: t.Length}
}

// fromGMS is the value of a column of GMS's as a source would give it.
func fromGMS(ctx *sql.Context, v any, from sql.Type, to tables.Type) (any, error) {
	if v == nil {
		return nil, nil
	}
	if w, ok := v.(sql.AnyWrapper); ok {
		unwrapped, err := w.UnwrapAny(ctx)
		if err != nil {
			return nil, err
		}
		v = unwrapped
	}
	convert := func(t sql.Type) (any, error) {
		out, _, err := t.Convert(ctx, v)
		return out, err
	}
	switch to.Kind {
	case tables.Int:
		return convert(types.Int64)
	case tables.Double:
		return convert(types.Float64)
	case tables.Decimal:
		out, err := convert(types.InternalDecimalType)
		if err != nil {
			return nil, err
		}
		d := new(apd.Decimal)
		_, err = apd.BaseContext.WithPrecision(76).Quantize(d, out.(*apd.Decimal), int32(-to.Scale))
		return d, err
	case tables.Date:
		at, err := convert(types.Date)
		if err != nil {
			return nil, err
		}
		return tables.DayOf(at.(time.Time)), nil
	case tables.DateTime:
		return convert(types.DatetimeMaxPrecision)
	}
	q, err := from.SQL(ctx, nil, v)
	if err != nil {
		return nil, err
	}
	return q.ToString(), nil
}

func foreignFlags() *sql.QueryFlags {
	f := &sql.QueryFlags{}
	for _, flag := range []int{sql.QFlagScalarSubquery, sql.QFlagRelSubquery, sql.QFlagCrossJoin, sql.QFlagInnerJoin} {
		f.Set(flag)
	}
	return f
}
