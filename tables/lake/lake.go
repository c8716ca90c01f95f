// Package lake opens data sets of files: Parquet, CSV and NDJSON, on disk or
// in S3, gzip and zstd undone. A data set is one table, and every answer is a
// list of Parquet files: Parquet is read where it lies (from S3 it is
// downloaded once), CSV and NDJSON are converted once for each version of a
// file. It knows no engine and no cache of channels.
//
// What is not written down is found out, from all of a file and never from a
// sample, so that no later row can break a type:
//
//   - A CSV's delimiter, quote and header come from its beginning; a first line
//     without number, date or truth value is a header. Names stay as they are
//     in the file; column_N stands for an empty one, and the second of two
//     equal ones (case does not count) gets _2 behind it.
//   - An empty cell is NULL, in quotes or not. Blanks around a number or a date
//     do not count, and a cell of blanks is NULL unless its column is text.
//   - Whole numbers are BIGINT, beyond 64 bits DECIMAL; digits behind a point
//     are DECIMAL, exact, with as many digits as the values have, at most 38; a
//     number with an exponent makes its column DOUBLE. 007, +82 and 1,000 are
//     text.
//   - true and false are TINYINT(1). Dates and times are recognised in the
//     shapes of parseTemporal, times with an offset become UTC. Whether
//     01-02-2023 is in January is decided by all values of the column; where
//     every one could be either, the day comes first, and the column's
//     documentation says so.
//   - A JSON value has the type it says: the string "12" is text, though a
//     string may be a date. Objects and arrays are JSON.
//   - What fits nothing else is text, as it is written.
//
// Files of a data set are united by name; a column that a file lacks is NULL in
// it. Types are widened until every file fits: BIGINT, DECIMAL, DOUBLE, text;
// DATE, DATETIME, text. A structure in one Parquet file and a plain value in
// another have nothing in common, and are a fault that names both.
//
// Files are listed for every statement, so a new one is there at once; what a
// version of a file has told is remembered, over restarts too. A file that
// cannot be read is a fault that names it to whoever needs it, and is never
// left out.
package lake

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"argo/tables"
	"argo/tables/fault"

	"github.com/bmatcuk/doublestar/v4"
)

// Source of a lake.
var Source = tables.Source{
	Name:   "lake",
	Doc:    "Data sets of Parquet, CSV and NDJSON files, on disk or in S3",
	Sample: sample,
	Open:   open,
}

const sample = `- name: lake
  source: lake
  options:
    datasets:
      - name: sales               # the table
        path: lake/sales          # a file, a folder with all in it, or a pattern:
                                  # lake/sales/*.csv.gz, lake/**/part-*.parquet; relative
                                  # to this file. Folders like day=2026-11-01 become
                                  # columns, and a condition on them leaves files out.
      - name: conversions
        path: s3://bucket/exports/conversions/
        doc: Conversions as the shop counts them    # optional, as all below
        format: csv               # parquet, csv or ndjson; default: by name, else by content
        csv:                      # default of each: found out
          delimiter: ";"          # or tab
          quote: '"'              # or none
          escape: \               # within quotes; default: a quote is written twice
          header: true
          columns: [day, campaign, amount]   # names, instead of a header's
          skip: 2                 # lines in front of the header
          nulls: ["N/A", "-"]     # read as NULL, as empty cells are
          encoding: cp949         # default: utf-8, or by byte order mark
          decimal: ","            # 1.234,50
          thousands: "."
          pad: true               # short lines end in NULL instead of being an error
        columns:                  # types, where the one found is not wanted
          campaign: varchar(64)
          amount: decimal(18,2)
        date_formats:             # as STR_TO_DATE spells them; "*" is every date column.
          day: "%d.%m.%Y"         # Default: found out; if every value could be either, the
                                  # day comes before the month.
        collations:
          campaign: utf8mb4_bin   # compared byte by byte; default utf8mb4_0900_ai_ci
    s3:                           # only for s3:// paths; default: as every AWS program
      endpoint: http://127.0.0.1:9000
      region: ap-northeast-2
      path_style: true
      access_key: env:S3_ACCESS_KEY
      secret_key: env:S3_SECRET_KEY
    max_bytes: 20GiB              # of downloaded and converted files
`

type options struct {
	Datasets []datasetOptions `yaml:"datasets"`
	S3       s3Options        `yaml:"s3"`
	MaxBytes string           `yaml:"max_bytes"`
}

type datasetOptions struct {
	Name        string            `yaml:"name"`
	Doc         string            `yaml:"doc"`
	Path        string            `yaml:"path"`
	Format      string            `yaml:"format"`
	CSV         csvOptions        `yaml:"csv"`
	Columns     map[string]string `yaml:"columns"`
	DateFormats map[string]string `yaml:"date_formats"`
	Collations  map[string]string `yaml:"collations"`
}

var (
	tableName = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,63}$`)
	size      = regexp.MustCompile(`^\s*([0-9]+)\s*(B|[KMGT]i?B)?\s*$`)
)

// open validates the options and touches no data. Faults: Config.
func open(_ context.Context, env tables.Env) (*tables.Connection, error) {
	var o options
	if err := env.Decode(&o); err != nil {
		return nil, err
	}
	if env.Log == nil {
		env.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	if env.Now == nil {
		env.Now = time.Now
	}
	l := &lake{env: env, remote: &remote{options: o.S3, env: env}, work: make(chan struct{}, runtime.GOMAXPROCS(0))}
	limit, err := parseSize(o.MaxBytes)
	if err != nil {
		return nil, l.config("max_bytes: %v", err)
	}
	if (o.S3.AccessKey == "") != (o.S3.SecretKey == "") || o.S3.Anonymous && o.S3.AccessKey != "" {
		return nil, l.config("s3: give access_key and secret_key, or neither; anonymous goes without")
	}
	if len(o.Datasets) == 0 {
		return nil, l.config("datasets: there is none")
	}
	if env.Dir == "" {
		return nil, fault.New(fault.Internal, "connection %s: a lake needs a folder", env.Name)
	}
	l.store = &store{dir: env.Dir, limit: limit, now: env.Now}
	if err := l.store.load(); err != nil {
		return nil, fault.Wrap(fault.Config, err, "connection %s", env.Name)
	}
	seen := map[string]bool{}
	c := &tables.Connection{Check: l.check}
	for i, d := range o.Datasets {
		if !tableName.MatchString(d.Name) {
			return nil, l.config("datasets[%d]: name: %q: a table's name is lower-case letters, digits and _, beginning with a letter", i, d.Name)
		}
		if seen[d.Name] {
			return nil, l.config("datasets[%d]: name: there are two data sets called %q", i, d.Name)
		}
		seen[d.Name] = true
		ds, err := l.dataset(d)
		if err != nil {
			return nil, l.config("data set %q: %v", d.Name, err)
		}
		l.datasets = append(l.datasets, ds)
		c.Tables = append(c.Tables, tables.Table{Name: d.Name, Doc: d.Doc, Files: ds.files, Describe: ds.describe})
		if on, ok := ds.origin.(*disk); ok && !slices.Contains(c.Reads, on.folder()) {
			c.Reads = append(c.Reads, on.folder())
		}
	}
	return c, nil
}

// lake is an open connection.
type lake struct {
	env      tables.Env
	remote   *remote
	store    *store
	work     chan struct{}
	datasets []*dataset
}

func (l *lake) config(format string, args ...any) error {
	return fault.New(fault.Config, "connection %s: %s", l.env.Name, fmt.Sprintf(format, args...)).
		WithHint("argo sources --sample lake shows the options")
}

// dataset checks the options of one data set.
func (l *lake) dataset(o datasetOptions) (*dataset, error) {
	ds := &dataset{datasetOptions: o, store: l.store, work: l.work, profiles: map[string]*profile{},
		types: map[string]tables.Type{}, layouts: map[string]layout{}, collations: map[string]tables.Kind{}}
	switch o.Format {
	case "", formatParquet, formatCSV, formatNDJSON:
	default:
		return nil, fmt.Errorf("format: %q is none of parquet, csv and ndjson", o.Format)
	}
	if _, err := ds.CSV.dialect(); err != nil {
		return nil, err
	}
	var err error
	if ds.charset, err = charset(o.CSV.Encoding); err != nil {
		return nil, fmt.Errorf("csv.encoding: %w", err)
	}
	for name, t := range o.Columns {
		if ds.types[name], err = parseType(t); err != nil {
			return nil, fmt.Errorf("columns: %s: %w", name, err)
		}
	}
	for name, text := range o.DateFormats {
		f, err := parseLayout(text)
		if err != nil {
			return nil, fmt.Errorf("date_formats: %s: %w", name, err)
		}
		if t, ok := ds.types[name]; ok && (!temporalKind(t.Kind) || f.timed && t.Kind == tables.Date) {
			return nil, fmt.Errorf("date_formats: %s: columns makes it %s", name, t)
		}
		ds.layouts[name] = f
	}
	for name, collation := range o.Collations {
		switch strings.ToLower(collation) {
		case "utf8mb4_bin", "binary":
			ds.collations[name] = tables.ID
		case "utf8mb4_0900_ai_ci":
			ds.collations[name] = tables.Text
		default:
			return nil, fmt.Errorf("collations: %s: %q is neither utf8mb4_0900_ai_ci nor utf8mb4_bin", name, collation)
		}
	}
	if o.Path == "" {
		return nil, errors.New("path is missing")
	}
	if !doublestar.ValidatePattern(o.Path) {
		return nil, fmt.Errorf("path: %q is not a pattern: a bracket is not closed", o.Path)
	}
	settings, err := json.Marshal(o.CSV)
	if err != nil {
		return nil, err
	}
	ds.settings = digest(profiler, o.Format, string(settings))
	if strings.HasPrefix(o.Path, "s3://") {
		ds.origin, err = newBucket(o.Path, o.Name, l.remote, l.store)
	} else {
		ds.origin, err = newDisk(o.Path, l.env.Base)
	}
	if err != nil {
		return nil, fmt.Errorf("path: %w", err)
	}
	return ds, nil
}

// check looks at every data set, and says what is wrong with any of them.
func (l *lake) check(ctx context.Context) (string, error) {
	var lines []string
	var faults []error
	for _, ds := range l.datasets {
		files, rows, err := ds.check(ctx)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		lines = append(lines, fmt.Sprintf("%s: %s, %s", ds.Name, count(int64(files), "file"), count(rows, "row")))
	}
	return strings.Join(lines, "; "), errors.Join(faults...)
}

func count(n int64, what string) string {
	if n != 1 {
		what += "s"
	}
	return strconv.FormatInt(n, 10) + " " + what
}

// parseSize reads 20GiB; the default is that.
func parseSize(s string) (int64, error) {
	if s == "" {
		return 20 << 30, nil
	}
	m := size.FindStringSubmatch(s)
	if m == nil {
		return 0, fmt.Errorf("%q is not a size; write for example 512MiB or 20GiB", s)
	}
	unit := map[string]int64{"": 1, "B": 1, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12,
		"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}[m[2]]
	n, err := strconv.ParseInt(m[1], 10, 64)
	if err != nil || n > (1<<62)/unit {
		return 0, fmt.Errorf("%q is too much", s)
	}
	return n * unit, nil
}
