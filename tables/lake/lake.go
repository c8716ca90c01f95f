// Package lake opens data sets of files: Parquet, CSV and NDJSON, on disk or
// in S3.
package lake

import (
	"context"

	"argo/tables"
)

// Source of a lake.
var Source = tables.Source{
	Name: "lake",
	Doc:  "Data sets of Parquet, CSV and NDJSON files, on disk or in S3",
	Open: func(context.Context, tables.Env) (*tables.Connection, error) { return nil, nil },
}
