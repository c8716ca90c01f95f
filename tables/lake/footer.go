package lake

import (
	"errors"
	"fmt"
	"io"
	"os"

	"argo/tables"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/format"
)

// profileParquet reads the footer. It trusts no byte: the library panics on
// some schemas that make no sense.
func profileParquet(r io.ReaderAt, size int64) (p *profile, err error) {
	defer func() {
		if e := recover(); e != nil {
			p, err = nil, &problem{What: fmt.Sprintf("the Parquet footer makes no sense: %v", e)}
		}
		var bad *problem
		if errors.As(err, &bad) {
			p, err = &profile{Format: formatParquet, Problem: bad}, nil
		}
	}()
	if size == 0 {
		return nil, &problem{What: "the file is empty, which is not Parquet"}
	}
	f, err := parquet.OpenFile(r, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true),
		parquet.OptimisticRead(true), parquet.ReadBufferSize(64<<10))
	if err != nil {
		if errors.As(err, new(*os.PathError)) || errors.As(err, new(*remoteError)) {
			return nil, err
		}
		return nil, &problem{What: "this is not complete Parquet: " + err.Error()}
	}
	p = &profile{Format: formatParquet, Rows: f.NumRows()}
	elements := f.Metadata().Schema
	seen := map[string]int{}
	for i := 1; i < len(elements); {
		c := parquetColumn(&elements[i])
		if c.Name == "" {
			return nil, &problem{What: fmt.Sprintf("column %d has no name", len(p.Columns)+1), Hint: "name it in the program that writes the file"}
		}
		for name := c.Name; seen[fold(c.Name)] > 0; { // as DuckDB names it
			c.Name = fmt.Sprintf("%s_%d", name, seen[fold(name)])
			seen[fold(name)]++
		}
		seen[fold(c.Name)] = 1
		p.Columns = append(p.Columns, c)
		for open := 1; open > 0; i++ { // over the element and what is in it
			open += int(elements[i].NumChildren.V) - 1
		}
	}
	return p, nil
}

// parquetColumn gives the type that DuckDB's reading of the element casts to
// without loss.
func parquetColumn(e *format.SchemaElement) fileColumn {
	c := fileColumn{Name: e.Name}
	if e.NumChildren.V > 0 || !e.Type.Valid || e.RepetitionType.Valid && e.RepetitionType.V == format.Repeated {
		c.Type, c.Nested = tables.Document, true
		return c
	}
	physical := parquet.Kind(e.Type.V)
	switch l := e.LogicalType.Value.(type) {
	case *format.StringType:
		c.Type = tables.LongText
	case *format.EnumType:
		c.Type = tables.LongText
	case *format.JsonType:
		c.Type = tables.Document
	case *format.UUIDType:
		c.Type = tables.Type{Kind: tables.ID, Length: 36}
	case *format.DecimalType:
		c.Type = decimalType(int(l.Precision), int(l.Scale))
	case *format.DateType:
		c.Type = tables.DateType
	case *format.TimestampType:
		c.Type = tables.Timestamp
	case *format.TimeType:
		c.Type = tables.Varchar
	case *format.IntType:
		c.Type = tables.BigInt
		if l.BitWidth == 64 && !l.IsSigned {
			c.Type = tables.Dec(20, 0)
		}
	case *format.NullType:
		c.Type, c.Void = tables.Varchar, true
	case *format.Float16Type:
		c.Type = tables.Float
	}
	if c.Type.Kind != 0 {
		return c
	}
	if e.ConvertedType.Valid { // an older writer
		c.Type = convertedType(e)
	}
	if c.Type.Kind != 0 {
		return c
	}
	switch physical {
	case parquet.Boolean:
		c.Type = tables.Boolean
	case parquet.Int32, parquet.Int64:
		c.Type = tables.BigInt
	case parquet.Int96:
		c.Type = tables.Timestamp
	case parquet.Float, parquet.Double:
		c.Type = tables.Float
	default:
		c.Type = tables.LongText
	}
	return c
}

func convertedType(e *format.SchemaElement) tables.Type {
	switch e.ConvertedType.V {
	case deprecated.UTF8, deprecated.Enum:
		return tables.LongText
	case deprecated.Json:
		return tables.Document
	case deprecated.Decimal:
		return decimalType(int(e.Precision.V), int(e.Scale.V))
	case deprecated.Date:
		return tables.DateType
	case deprecated.TimestampMillis, deprecated.TimestampMicros:
		return tables.Timestamp
	case deprecated.TimeMillis, deprecated.TimeMicros:
		return tables.Varchar
	case deprecated.Uint64:
		return tables.Dec(20, 0)
	}
	return tables.Type{}
}

// decimalType: DuckDB reads decimals of more than 38 digits as DOUBLE, and
// MySQL has none of more than 30 behind the point.
func decimalType(precision, scale int) tables.Type {
	if precision < 1 || precision > 38 || scale < 0 || scale > min(precision, maxScale) {
		return tables.Float
	}
	return tables.Dec(precision, scale)
}
