package engine

import (
	"errors"
	"io"
	"time"

	"argo/server/algebra"
	"argo/server/columnar"
	"argo/tables"
	"argo/tables/fault"

	"github.com/cockroachdb/apd/v3"
	"github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/types"
)

// foreign runs a relation that only GMS can read; it is small and held in
// memory. It runs in the statement's own goroutine: a session of GMS serves
// one.
func (f *fetching) foreign(r *algebra.Foreign) error {
	if f.c.idle[r] {
		f.put(r, columnar.Input{Rows: none})
		return nil
	}
	node, ok := r.Open.(sql.Node)
	if !ok {
		return fault.New(fault.Internal, "the relation %s cannot be read: it is a %T", r.Name, r.Open)
	}
	rows, err := f.e.runForeign(f.gms, node, r.Cols)
	if err != nil {
		return err
	}
	f.put(r, columnar.Input{Rows: replay([][]tables.Row{rows})})
	return nil
}

// runForeign runs a plan of GMS's and gives its rows in the columns' types.
func (e *Engine) runForeign(ctx *sql.Context, node sql.Node, columns []algebra.Column) (out []tables.Row, err error) {
	analyzed, err := e.gms.Analyzer.Analyze(ctx, node, nil, foreignFlags())
	if err != nil {
		return nil, err
	}
	schema := analyzed.Schema(ctx)
	if len(schema) != len(columns) {
		return nil, fault.New(fault.Internal, "a relation of %d columns gives %d", len(columns), len(schema))
	}
	rows, err := e.gms.Analyzer.ExecBuilder.Build(ctx, analyzed, nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close(ctx)) }()
	for {
		row, err := rows.Next(ctx)
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		converted := make(tables.Row, len(columns))
		for i, v := range row {
			if converted[i], err = fromGMS(ctx, v, schema[i].Type, columns[i].Type); err != nil {
				return nil, err
			}
		}
		out = append(out, converted)
	}
}

// fromGMS is a value of GMS's as columnar takes it.
func fromGMS(ctx *sql.Context, v any, from sql.Type, to algebra.Type) (any, error) {
	if w, ok := v.(sql.AnyWrapper); ok {
		var err error
		if v, err = w.UnwrapAny(ctx); err != nil {
			return nil, err
		}
	}
	if v == nil {
		return nil, nil
	}
	convert := func(t sql.Type) (any, error) {
		out, _, err := t.Convert(ctx, v)
		return out, err
	}
	switch to.Kind {
	case algebra.Int, algebra.Year:
		if to.Unsigned {
			return convert(types.Uint64)
		}
		return convert(types.Int64)
	case algebra.Double:
		return convert(types.Float64)
	case algebra.Decimal:
		out, err := convert(types.InternalDecimalType)
		if err != nil {
			return nil, err
		}
		d := new(apd.Decimal)
		_, err = apd.BaseContext.WithPrecision(76).Quantize(d, out.(*apd.Decimal), int32(-to.Scale))
		return d, err
	case algebra.Date:
		at, err := convert(types.Date)
		if at == nil || err != nil {
			return nil, err
		}
		return tables.DayOf(at.(time.Time)), nil
	case algebra.DateTime:
		return convert(types.DatetimeMaxPrecision)
	case algebra.Time:
		span, err := convert(types.Time)
		if err != nil {
			return nil, err
		}
		return time.Duration(span.(types.Timespan)) * time.Microsecond, nil
	}
	q, err := from.SQL(ctx, nil, v)
	if err != nil {
		return nil, err
	}
	if to.Kind == algebra.Binary {
		return q.ToBytes(), nil
	}
	return q.ToString(), nil
}

// foreignFlags let every rule of GMS's run: the plan is a part of another, and
// what that had is not known here.
func foreignFlags() *sql.QueryFlags {
	f := &sql.QueryFlags{}
	for _, flag := range []int{sql.QFlagScalarSubquery, sql.QFlagRelSubquery, sql.QFlagCrossJoin, sql.QFlagInnerJoin, sql.QFlagAggregation} {
		f.Set(flag)
	}
	return f
}
