package columnar

import (
	"context"
	"errors"
	"strings"

	"argo/tables/fault"
)

// What DuckDB found, as MySQL knows it. They are causes of faults of kind
// Invalid; whoever tells a client looks for them with errors.Is.
var (
	ErrOutOfRange   = errors.New("value is out of range")            // MySQL's 1690
	ErrSubqueryRows = errors.New("subquery returns more than 1 row") // MySQL's 1242
)

// reported marks the message of a fault on its way through DuckDB.
const reported = "argo fault "

// report writes err so that broken can read it back from DuckDB's message.
func report(err error) string {
	if f := fault.As(err); f != nil {
		return reported + string(f.Kind) + "|" + f.Message + "|" + f.Hint + "|"
	}
	return err.Error()
}

// broken turns DuckDB's message into a fault. The message itself, which may
// quote the statement or data, goes into the cause for the log.
func broken(ctx context.Context, message string, files []string) error {
	cause := errors.New(message)
	if err := ctx.Err(); err != nil {
		return ended(ctx)
	}
	kind, rest, _ := strings.Cut(message, ":")
	has := func(words ...string) bool {
		for _, w := range words {
			if strings.Contains(message, w) {
				return true
			}
		}
		return false
	}
	if _, text, ok := strings.Cut(message, reported); ok {
		if p := strings.SplitN(text, "|", 4); len(p) == 4 {
			f := &fault.Error{Kind: fault.Kind(p[0]), Message: p[1], Hint: p[2], Err: cause}
			if strings.HasSuffix(p[1], "is out of range") {
				f.Err = errors.Join(ErrOutOfRange, cause)
			}
			return f
		}
	}
	switch {
	case strings.HasPrefix(kind, "INTERRUPT"), has("Interrupted!"):
		return &fault.Error{Kind: fault.Canceled, Message: "the statement was interrupted", Err: cause}
	case strings.HasPrefix(kind, "Out of Memory"), has("Out of Memory Error", "failed to offload data block", "max_temp_directory_size"):
		return &fault.Error{Kind: fault.Refused, Message: "the statement needs more memory than it may use",
			Hint: "narrow it with WHERE or LIMIT, select fewer columns, or raise the engine's memory and temporary space", Err: cause}
	case has("More than one row returned by a subquery"):
		return &fault.Error{Kind: fault.Invalid, Message: "Subquery returns more than 1 row", Err: errors.Join(ErrSubqueryRows, cause)}
	}
	if f := fileOf(message, files); f != "" && strings.HasPrefix(kind, "Permission") {
		return &fault.Error{Kind: fault.Config, Message: "the file " + f + " is outside of the folders that may be read", Err: cause}
	}
	if f := fileOf(message, files); f != "" && !strings.HasPrefix(kind, "Out of Range") {
		return unreadable(f, cause)
	}
	switch {
	case strings.HasPrefix(kind, "Out of Range"), strings.HasPrefix(kind, "Conversion"), has("value is out of range"):
		what := "DECIMAL"
		for word, name := range map[string]string{"DOUBLE": "DOUBLE", "UINT64": "BIGINT UNSIGNED", "INT64": "BIGINT"} {
			if strings.Contains(rest, word) && (what == "DECIMAL" || len(name) > len(what)) {
				what = name
			}
		}
		return &fault.Error{Kind: fault.Invalid, Message: what + " value is out of range", Err: errors.Join(ErrOutOfRange, cause)}
	case len(files) > 0 && (strings.HasPrefix(kind, "IO Error") || has("Parquet", "parquet")):
		return &fault.Error{Kind: fault.Broken, Message: "a Parquet file of the statement cannot be read", Err: cause}
	}
	return &fault.Error{Kind: fault.Internal, Message: "DuckDB could not run the statement", Err: cause,
		Hint: "report the statement; it is a defect of Argo"}
}

func unreadable(file string, cause error) error {
	f := &fault.Error{Kind: fault.Broken, Message: "the file " + file + " cannot be read", Err: cause,
		Hint: "it is missing, not Parquet, or torn: replace or remove it"}
	for _, w := range []string{"only supported", "not supported", "Unsupported", "Not implemented", "not implemented"} {
		if strings.Contains(cause.Error(), w) {
			f.Hint = "it is written in a way that DuckDB does not read: write it with the defaults of its writer"
		}
	}
	return f
}

// blame looks for the broken file behind an error that names none.
func (e *Engine) blame(ctx context.Context, err error, files []string) error {
	f := fault.As(err)
	if f == nil || f.Kind != fault.Internal && f.Kind != fault.Broken || len(files) == 0 || fileOf(f.Message, files) != "" {
		return err
	}
	if file := e.suspect(ctx, files); file != "" {
		return unreadable(file, f.Err)
	}
	return err
}

// ended says why ctx ended the statement.
func ended(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return &fault.Error{Kind: fault.Timeout, Message: "the statement ran out of time", Err: context.Cause(ctx)}
	}
	return &fault.Error{Kind: fault.Canceled, Message: "the statement was interrupted", Err: context.Cause(ctx)}
}

func fileOf(message string, files []string) string {
	for _, f := range files {
		if strings.Contains(message, f) {
			return f
		}
	}
	return ""
}
