package lake

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"

	"argo/tables"
)

// The formats of a file.
const (
	formatParquet = "parquet"
	formatCSV     = "csv"
	formatNDJSON  = "ndjson"
)

// formatOf tells the format by the name; "" where the name does not say.
func formatOf(name string) string {
	name, _ = packed(name)
	switch name = strings.ToLower(name); {
	case strings.HasSuffix(name, ".parquet"), strings.HasSuffix(name, ".pq"), strings.HasSuffix(name, ".parq"):
		return formatParquet
	case strings.HasSuffix(name, ".csv"), strings.HasSuffix(name, ".tsv"), strings.HasSuffix(name, ".txt"):
		return formatCSV
	case strings.HasSuffix(name, ".ndjson"), strings.HasSuffix(name, ".jsonl"), strings.HasSuffix(name, ".json"):
		return formatNDJSON
	}
	return ""
}

// profile is what one reading of a file tells: enough to know the columns of a
// data set without reading the file again.
type profile struct {
	Format  string       `json:"format"`
	Rows    int64        `json:"rows"`
	Dialect dialect      `json:"dialect"`
	Columns []fileColumn `json:"columns"`
	Problem *problem     `json:"problem,omitempty"` // the file cannot be read
}

// fileColumn is a column of one file: typed by its values, or by the schema
// of a Parquet file.
type fileColumn struct {
	Name   string      `json:"name"`
	Key    string      `json:"key,omitempty"` // of an NDJSON member, folded
	Stats  *stats      `json:"stats,omitempty"`
	Type   tables.Type `json:"type"`
	Nested bool        `json:"nested,omitempty"`
	Void   bool        `json:"void,omitempty"` // Parquet's type of nothing but NULL
}

// profileText reads all of a CSV or NDJSON file. Damage is in Problem; the
// error is for what may pass: the disk, the context.
func (ds *dataset) profileText(ctx context.Context, path string, o object, format string) (*profile, error) {
	p := &profile{Format: format}
	var err error
	if p.Format == "" {
		p.Format, err = ds.guess(path, o.name)
	}
	if err == nil {
		switch p.Format {
		case formatNDJSON:
			err = ds.profileJSON(ctx, p, path, o.name)
		case formatCSV:
			err = ds.profileCSV(ctx, p, path, o.name)
		}
	}
	var bad *problem
	if errors.As(err, &bad) {
		return &profile{Format: p.Format, Problem: bad}, nil
	}
	return p, err
}

// guess tells the format by the first bytes.
func (ds *dataset) guess(path, name string) (string, error) {
	r, err := openText(path, name, ds.charset)
	if err != nil {
		return formatCSV, err
	}
	defer r.Close()
	head := make([]byte, 512)
	n, err := io.ReadFull(r, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return formatCSV, err
	}
	head = bytes.TrimLeft(head[:n], " \t\r\n")
	switch {
	case bytes.HasPrefix(head, []byte("PAR1")):
		return formatParquet, nil
	case bytes.HasPrefix(head, []byte("{")), bytes.HasPrefix(head, []byte("[{")):
		return formatNDJSON, nil
	}
	return formatCSV, nil
}
