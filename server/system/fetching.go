package system

import (
	"context"
	"iter"
	"strings"
	"time"

	"argo/cache"
	"argo/tables"
	"argo/tables/fault"

	"github.com/cockroachdb/apd/v3"
)

// filter says what of the cache a statement wants, and may have.
func (o *Options) filter(ctx context.Context, where tables.Predicate, day, seen string) cache.Filter {
	may := map[string]bool{} // asked once for each connection
	f := cache.Filter{Want: func(source, table, account string) bool {
		ok, known := may[source]
		if !known {
			ok = o.MayRead(ctx, source)
			may[source] = ok
		}
		return ok && where["database_name"].AllowsAccount(source) && where["table_name"].AllowsAccount(table) &&
			(account == "" || where["account_id"].AllowsAccount(account))
	}}
	f.Days = daysOf(where[day])
	f.SeenFrom, f.SeenBefore = timesOf(where[seen])
	if !f.SeenBefore.IsZero() {
		f.SeenBefore = f.SeenBefore.Add(time.Microsecond) // a domain holds its end
	}
	return f
}

// daysOf bounds the days of a domain; zero: not at all.
func daysOf(d tables.Domain) tables.Days {
	out := tables.Days{From: "0000-00-00", To: "9999-12-31"}
	if d.In != nil {
		out = tables.Days{From: out.To, To: out.From}
		for _, v := range d.In {
			if day, ok := v.(tables.Day); ok {
				out.From, out.To = min(out.From, day), max(out.To, day)
			}
		}
	}
	if from, ok := d.From.(tables.Day); ok {
		out.From = max(out.From, from)
	}
	if to, ok := d.To.(tables.Day); ok {
		out.To = min(out.To, to)
	}
	if d.Any() {
		return tables.Days{}
	}
	return out
}

// timesOf bounds the times of a domain, the end included; zero: not at all.
func timesOf(d tables.Domain) (from, to time.Time) {
	from, _ = d.From.(time.Time)
	to, _ = d.To.(time.Time)
	for i, v := range d.In {
		if at, ok := v.(time.Time); ok {
			if i == 0 || at.Before(from) {
				from = at
			}
			if at.After(to) {
				to = at
			}
		}
	}
	return from, to
}

func (o Options) segments() tables.Table {
	type T = cache.Segment
	return pushed(sheet("segments", "What is cached: each segment is one file", []string{"id"},
		func(ctx context.Context, where tables.Predicate) iter.Seq2[T, error] {
			return func(yield func(T, error) bool) {
				if o.Segments == nil {
					return
				}
				all, err := o.Segments(ctx)
				if err != nil {
					yield(T{}, err)
					return
				}
				f := o.filter(ctx, where, "", "")
				for _, s := range all {
					if f.Want(s.Source, s.Table, s.Account) && !yield(s, nil) {
						return
					}
				}
			}
		},
		column[T]{"id", tables.Ident, "Id of the segment", func(s T) any { return s.ID }},
		column[T]{"database_name", tables.Ident, "Name of the connection", func(s T) any { return s.Source }},
		column[T]{"table_name", tables.Ident, "Name of the table", func(s T) any { return s.Table }},
		column[T]{"account_id", tables.Ident, "Account; NULL for a table without accounts", func(s T) any { return words(s.Account) }},
		column[T]{"from_day", tables.DateType, "First day", func(s T) any { return day(s.Days.From) }},
		column[T]{"to_day", tables.DateType, "Last day", func(s T) any { return day(s.Days.To) }},
		column[T]{"column_names", tables.LongText, "Columns that it holds", func(s T) any { return strings.Join(s.Columns, ", ") }},
		column[T]{"row_count", tables.BigInt, "How many rows it holds", func(s T) any { return s.Rows }},
		column[T]{"bytes", tables.BigInt, "Size of its file in bytes", func(s T) any { return s.Bytes }},
		column[T]{"fetched_at", tables.Timestamp, "When the source was read (UTC); of several readings the newest", func(s T) any { return moment(s.FetchedAt) }},
		column[T]{"known_at", tables.Timestamp, "From when on statements saw it (UTC)", func(s T) any { return moment(s.KnownAt) }},
		column[T]{"retired_at", tables.Timestamp, "When a newer reading took its place (UTC): since then it answers AS OF alone; NULL: it answers", func(s T) any { return moment(s.RetiredAt) }},
		column[T]{"parts", tables.BigInt, "How many readings were compacted into it; 0: it is as it was fetched", func(s T) any { return int64(len(s.Parts)) }},
		column[T]{"quality", tables.Ident, "ok: the rows add up to the source's own totals; break: they do not; unchecked: the source gave none", func(s T) any { return quality(s) }},
		column[T]{"place", tables.LongText, "Where its file is in the store, without its ending", func(s T) any {
			if s.Place != "" {
				return s.Place
			}
			return s.ID
		}},
		column[T]{"used_at", tables.Timestamp, "When a statement last read it (UTC, coarse)", func(s T) any { return moment(s.UsedAt) }},
		column[T]{"uses", tables.BigInt, "How many statements read it, those within ten minutes as one", func(s T) any { return s.Uses }},
	), "database_name", "table_name", "account_id")
}

// quality of a segment is the worst of its parts.
func quality(s cache.Segment) string {
	q := cache.Quality(s.Checks)
	for _, p := range s.Parts {
		switch part := cache.Quality(p.Checks); {
		case part == cache.QualityBreak:
			return part
		case q == cache.QualityUnchecked:
			q = part
		}
	}
	return q
}

func (o Options) coverage() tables.Table {
	type T = cache.Cell
	return pushed(sheet("coverage", "What is cached of each account and day of each table", nil,
		func(ctx context.Context, where tables.Predicate) iter.Seq2[T, error] {
			if o.Coverage == nil {
				return func(func(T, error) bool) {}
			}
			return o.Coverage(ctx, o.filter(ctx, where, "day", ""))
		},
		column[T]{"database_name", tables.Ident, "Name of the connection", func(c T) any { return c.Source }},
		column[T]{"table_name", tables.Ident, "Name of the table", func(c T) any { return c.Table }},
		column[T]{"account_id", tables.Ident, "Account; NULL for a table without accounts", func(c T) any { return words(c.Account) }},
		column[T]{"day", tables.DateType, "Day in the account's time zone; NULL for a table without days", func(c T) any { return day(c.Day) }},
		column[T]{"state", tables.Ident, "fresh: within its promised age; expired: fetched anew when it is asked for; fetching: that goes on now; missing: never fetched", func(c T) any { return c.State }},
		column[T]{"fetched_at", tables.Timestamp, "When the source was last read (UTC)", func(c T) any { return moment(c.FetchedAt) }},
		column[T]{"known_at", tables.Timestamp, "From when on statements saw that (UTC)", func(c T) any { return moment(c.KnownAt) }},
		column[T]{"finality", tables.Ident, "partial_day: read before the day had ended; provisional: the source may still restate it; final: it does no more", func(c T) any { return words(c.Finality) }},
		column[T]{"final_on", tables.DateType, "From this day on a reading is final", func(c T) any { return day(c.FinalOn) }},
		column[T]{"quality", tables.Ident, "ok, break or unchecked, against the source's own totals", func(c T) any { return words(c.Quality) }},
		column[T]{"columns_cached", tables.BigInt, "How many columns the newest reading holds", func(c T) any {
			if c.State == cache.CellMissing {
				return nil
			}
			return int64(c.Columns)
		}},
		column[T]{"segment_id", tables.Ident, "Segment that holds it", func(c T) any { return words(c.Segment) }},
	), "database_name", "table_name", "account_id", "day")
}

func (o Options) restatements() tables.Table {
	type T = cache.Restatement
	return pushed(sheet("restatements", "Values that a source gave in two ways: what a number used to be", nil,
		func(ctx context.Context, where tables.Predicate) iter.Seq2[T, error] {
			if o.Restatements == nil {
				return func(func(T, error) bool) {}
			}
			return o.Restatements(ctx, o.filter(ctx, where, "date", "seen_at"))
		},
		column[T]{"database_name", tables.Ident, "Name of the connection", func(r T) any { return r.Source }},
		column[T]{"table_name", tables.Ident, "Name of the table", func(r T) any { return r.Table }},
		column[T]{"account_id", tables.Ident, "Account; NULL for a table without accounts", func(r T) any { return words(r.Account) }},
		column[T]{"date", tables.DateType, "Day that the value belongs to; NULL for a table without days", func(r T) any { return day(r.Day) }},
		column[T]{"entity", tables.Document, "The other key columns of the row", func(r T) any { return words(r.Entity) }},
		column[T]{"metric", tables.Ident, "Column whose value changed", func(r T) any { return r.Column }},
		column[T]{"old_value", tables.LongText, "Value before; NULL where the row was not there", func(r T) any { return shown(r.Old) }},
		column[T]{"new_value", tables.LongText, "Value since; NULL where the row is gone", func(r T) any { return shown(r.New) }},
		column[T]{"difference", tables.Type{Kind: tables.Decimal, Precision: 38, Scale: 9}, "New less old of a number, NULL taken as 0; in the metric's own unit", func(r T) any { return less(r.New, r.Old) }},
		column[T]{"what", tables.Ident, "changed, or the row appeared or vanished", func(r T) any { return r.Row }},
		column[T]{"old_finality", tables.Ident, "How final the reading before was", func(r T) any { return words(r.OldFinality) }},
		column[T]{"new_finality", tables.Ident, "How final the new reading is", func(r T) any { return words(r.NewFinality) }},
		column[T]{"old_fetched_at", tables.Timestamp, "When the reading before was made (UTC)", func(r T) any { return moment(r.OldFetchedAt) }},
		column[T]{"new_fetched_at", tables.Timestamp, "When the new one was made (UTC)", func(r T) any { return moment(r.NewFetchedAt) }},
		column[T]{"seen_at", tables.Timestamp, "From when on statements saw the new value (UTC)", func(r T) any { return moment(r.SeenAt) }},
	), "database_name", "table_name", "account_id", "date", "seen_at")
}

// shown is a value of a row as text.
func shown(v any) any {
	switch v := v.(type) {
	case nil:
		return nil
	case string:
		return v
	case tables.Day:
		return string(v)
	case time.Time:
		return v.UTC().Format("2006-01-02 15:04:05.999999")
	case *apd.Decimal:
		return v.Text('f')
	case bool:
		if v {
			return "1"
		}
		return "0"
	}
	return number(v).Text('f')
}

// number gives a numeric value as a decimal, or nil.
func number(v any) *apd.Decimal {
	switch v := v.(type) {
	case int64:
		return apd.New(v, 0)
	case float64:
		d := new(apd.Decimal)
		if _, err := d.SetFloat64(v); err != nil {
			return nil
		}
		return d
	case *apd.Decimal:
		return v
	}
	return nil
}

var exact = apd.BaseContext.WithPrecision(65)

func less(a, b any) any {
	x, y := number(a), number(b)
	switch {
	case x == nil && y == nil || x == nil && a != nil || y == nil && b != nil:
		return nil
	case x == nil:
		x = apd.New(0, 0)
	case y == nil:
		y = apd.New(0, 0)
	}
	d := new(apd.Decimal)
	if _, err := exact.Sub(d, x, y); err != nil {
		return nil
	}
	return scaled(d, 9)
}

// scaled rounds to digits behind the point; nil for what has too many before.
func scaled(d *apd.Decimal, digits int32) any {
	if d.Form != apd.Finite {
		return nil
	}
	if _, err := exact.Quantize(d, d, -digits); err != nil || d.NumDigits() > 38 {
		return nil
	}
	return d
}

// decimal is a decimal text as a value.
func decimal(text string) any {
	d, _, err := apd.NewFromString(text)
	if err != nil {
		return nil
	}
	return scaled(d, 9)
}

func (o Options) reconcile() tables.Table {
	type T = cache.Reconciliation
	money := tables.Type{Kind: tables.Decimal, Precision: 38, Scale: 9}
	return pushed(sheet("reconcile", "Sums of what was fetched beside the source's own totals", nil,
		func(ctx context.Context, where tables.Predicate) iter.Seq2[T, error] {
			if o.Reconcile == nil {
				return func(func(T, error) bool) {}
			}
			return o.Reconcile(ctx, o.filter(ctx, where, "", "known_at"))
		},
		column[T]{"database_name", tables.Ident, "Name of the connection", func(r T) any { return r.Source }},
		column[T]{"table_name", tables.Ident, "Name of the table", func(r T) any { return r.Table }},
		column[T]{"account_id", tables.Ident, "Account; NULL for a table without accounts", func(r T) any { return words(r.Account) }},
		column[T]{"from_day", tables.DateType, "First day of the sum", func(r T) any { return day(r.Days.From) }},
		column[T]{"to_day", tables.DateType, "Last day of the sum", func(r T) any { return day(r.Days.To) }},
		column[T]{"metric", tables.Ident, "Column that was summed", func(r T) any { return r.Column }},
		column[T]{"state", tables.Ident, "ok, or break: they differ by more than rounding", func(r T) any {
			if r.Break {
				return cache.QualityBreak
			}
			return cache.QualityOK
		}},
		column[T]{"rows_total", money, "Sum over the rows; in the metric's own unit", func(r T) any { return decimal(r.Rows) }},
		column[T]{"source_total", money, "What the source says it is; in the metric's own unit", func(r T) any { return decimal(r.Check.Source) }},
		column[T]{"difference", money, "Rows less source; in the metric's own unit", func(r T) any { return decimal(r.Difference) }},
		column[T]{"fetched_at", tables.Timestamp, "When the source was read (UTC)", func(r T) any { return moment(r.FetchedAt) }},
		column[T]{"known_at", tables.Timestamp, "From when on statements saw it (UTC)", func(r T) any { return moment(r.KnownAt) }},
		column[T]{"segment_id", tables.Ident, "Segment that holds the rows", func(r T) any { return r.Segment }},
	), "database_name", "table_name", "account_id", "known_at")
}

func (o Options) costs() tables.Table {
	type T struct {
		database, table string
		cache.Costs
	}
	millis := func(d time.Duration) any { return float64(d) / float64(time.Millisecond) }
	return sheet("costs", "What fetches were measured to cost; by it the cache decides what to fetch along", []string{"database_name", "table_name"},
		each(func(ctx context.Context) (out []T, err error) {
			if o.Costs == nil {
				return nil, nil
			}
			for _, c := range o.visible(ctx) {
				for _, t := range c.Tables {
					if k := o.Costs(ctx, c.Name, t.Name); k.Known() {
						out = append(out, T{c.Name, t.Name, k})
					}
				}
			}
			return out, nil
		}),
		column[T]{"database_name", tables.Ident, "Name of the connection", func(c T) any { return c.database }},
		column[T]{"table_name", tables.Ident, "Name of the table", func(c T) any { return c.table }},
		column[T]{"fetches", tables.Float, "How many fetches that rests on; older ones count less", func(c T) any { return c.N }},
		column[T]{"milliseconds_per_fetch", tables.Float, "Fixed time of a fetch", func(c T) any { return millis(c.PerCall()) }},
		column[T]{"milliseconds_per_cell", tables.Float, "Time for each account and day", func(c T) any { return millis(c.PerCell()) }},
		column[T]{"milliseconds_per_1000_values", tables.Float, "Time for a thousand values (row × column)", func(c T) any { return millis(c.PerKiloValue()) }},
		column[T]{"rows_per_cell", tables.Float, "Rows of an account and day", func(c T) any { return ratio(c.Rows, c.Cells) }},
		column[T]{"bytes_per_value", tables.Float, "Bytes that a value takes in a segment", func(c T) any { return ratio(c.Size, c.Values) }},
	)
}

func ratio(a, b float64) any {
	if b == 0 {
		return nil
	}
	return a / b
}

func (o Options) lastSources() tables.Table {
	type T = tables.Outcome
	return sheet("last_sources", "How each account did in the session's last statement that read a connection", nil,
		each(func(ctx context.Context) (out []T, err error) {
			if o.LastSources == nil {
				return nil, nil
			}
			for _, s := range o.LastSources(ctx) {
				if o.MayRead(ctx, s.Connection) {
					out = append(out, s)
				}
			}
			return out, nil
		}),
		column[T]{"database_name", tables.Ident, "Name of the connection", func(s T) any { return s.Connection }},
		column[T]{"table_name", tables.Ident, "Name of the table", func(s T) any { return s.Table }},
		column[T]{"account_id", tables.Ident, "Account; NULL for a table without accounts", func(s T) any { return words(s.Account) }},
		column[T]{"state", tables.Ident, "ok; stale: an older reading answered, since the source could not be asked; else what kept its rows from the answer", func(s T) any { return s.State }},
		column[T]{"row_count", tables.BigInt, "Rows of its files; NULL where nobody has counted them", func(s T) any {
			if s.Rows < 0 {
				return nil
			}
			return s.Rows
		}},
		column[T]{"as_of", tables.Timestamp, "When the oldest of its cells was read from the source (UTC)", func(s T) any { return moment(s.AsOf) }},
		column[T]{"error", tables.LongText, "What was wrong", func(s T) any {
			if f := fault.As(s.Err); f != nil {
				bare := *f
				bare.Hint = ""
				return bare.Error()
			} else if s.Err != nil {
				return s.Err.Error()
			}
			return nil
		}},
		column[T]{"what_to_do", tables.LongText, "What helps, to be pasted where it can be", func(s T) any {
			if f := fault.As(s.Err); f != nil {
				return words(f.Hint)
			}
			return nil
		}},
		column[T]{"who_can_fix", tables.Varchar, "Whose turn it is", func(s T) any { return words(whose(s.Err)) }},
	)
}

// whose says who can do something about a fault.
func whose(err error) string {
	switch fault.KindOf(err) {
	case "":
		return ""
	case fault.Auth:
		return "who owns the connection: its credentials have to be renewed"
	case fault.Config:
		return "who runs this gateway: its configuration is wrong"
	case fault.Denied:
		return "who administers the account at the source: access has to be granted"
	case fault.NotFound:
		return "who administers the account at the source: it is gone or closed"
	case fault.Throttled:
		return "nobody: it goes on by itself when the source allows it"
	case fault.Unavailable, fault.Timeout, fault.Stale:
		return "the source: it is down or does not answer"
	case fault.Invalid, fault.Unsupported, fault.Refused, fault.Gap:
		return "who asks: the statement has to be another"
	case fault.Broken, fault.Untied:
		return "the source: what it gave cannot be right"
	}
	return "who makes Argo: report it"
}

func (o Options) fetches() tables.Table {
	type T = tables.Call
	return pushed(sheet("fetches", "Calls to the sources of late, each with what it cost", nil,
		func(ctx context.Context, where tables.Predicate) iter.Seq2[T, error] {
			return func(yield func(T, error) bool) {
				if o.Fetches == nil {
					return
				}
				from, to := timesOf(where["started_at"])
				f := o.filter(ctx, where, "", "")
				for c, err := range o.Fetches(ctx, from, to) {
					if err != nil {
						yield(T{}, err)
						return
					}
					if f.Want(c.Connection, c.Table, c.Account) && !yield(c, nil) {
						return
					}
				}
			}
		},
		column[T]{"started_at", tables.Timestamp, "When it was sent (UTC)", func(c T) any { return moment(c.At) }},
		column[T]{"database_name", tables.Ident, "Name of the connection", func(c T) any { return c.Connection }},
		column[T]{"table_name", tables.Ident, "Table it was for; NULL for none (accounts, actions)", func(c T) any { return words(c.Table) }},
		column[T]{"account_id", tables.Ident, "Account it was for", func(c T) any { return words(c.Account) }},
		column[T]{"from_day", tables.DateType, "First day that was asked for", func(c T) any { return day(c.Days.From) }},
		column[T]{"to_day", tables.DateType, "Last day that was asked for", func(c T) any { return day(c.Days.To) }},
		column[T]{"purpose", tables.Ident, "action, people, refresh or backfill: whose share of the quota it took", func(c T) any { return string(c.Purpose) }},
		column[T]{"method", tables.Ident, "Method of HTTP", func(c T) any { return c.Method }},
		column[T]{"endpoint", tables.LongText, "Path, without its query", func(c T) any { return c.Endpoint }},
		column[T]{"scopes", tables.LongText, "Budgets that it was taken from: see argo.quotas", func(c T) any { return words(strings.Join(c.Scopes, ", ")) }},
		column[T]{"units", tables.BigInt, "Units of quota that it took from each", func(c T) any { return int64(c.Units) }},
		column[T]{"attempt", tables.BigInt, "1 is the first; more where it was repeated", func(c T) any { return int64(c.Attempt) }},
		column[T]{"http_status", tables.BigInt, "Status of the reply; NULL where there was none", func(c T) any {
			if c.Status == 0 {
				return nil
			}
			return int64(c.Status)
		}},
		column[T]{"outcome", tables.Ident, "ok, or the kind of the fault", func(c T) any { return c.Outcome }},
		column[T]{"message", tables.LongText, "What was wrong", func(c T) any { return words(c.Message) }},
		column[T]{"row_count", tables.BigInt, "Rows that it brought", func(c T) any { return c.Rows }},
		column[T]{"bytes", tables.BigInt, "Bytes of the reply", func(c T) any { return c.Bytes }},
		column[T]{"milliseconds", tables.Float, "Until the reply had been read", func(c T) any { return float64(c.Elapsed) / float64(time.Millisecond) }},
		column[T]{"statement_id", tables.Ident, "Statement that caused it: argo.queries; NULL for work in the background", func(c T) any { return words(c.Statement) }},
	), "started_at", "database_name", "table_name", "account_id")
}

func (o Options) jobs() tables.Table {
	type T = cache.Job
	return sheet("jobs", "Work in the background: history, refreshes, warming, compaction", []string{"job_id"},
		each(func(ctx context.Context) (out []T, err error) {
			if o.Jobs == nil {
				return nil, nil
			}
			all, err := o.Jobs(ctx)
			_, everything := o.User(ctx)
			for _, j := range all {
				if j.Source == "" && everything || j.Source != "" && o.MayRead(ctx, j.Source) {
					out = append(out, j)
				}
			}
			return out, err
		}),
		column[T]{"job_id", tables.Ident, "Id of the job; later ones sort after. CALL argo.cancel_job('…') ends it", func(j T) any { return j.ID }},
		column[T]{"kind", tables.Ident, "backfill, refresh, warm or compact", func(j T) any { return j.Kind }},
		column[T]{"database_name", tables.Ident, "Name of the connection; NULL: all of them", func(j T) any { return words(j.Source) }},
		column[T]{"table_name", tables.Ident, "Name of the table; NULL: all of them", func(j T) any { return words(j.Table) }},
		column[T]{"account_id", tables.Ident, "Account; NULL: as the options say, or all of them", func(j T) any { return words(j.Account) }},
		column[T]{"from_day", tables.DateType, "First day", func(j T) any { return day(j.Days.From) }},
		column[T]{"to_day", tables.DateType, "Last day", func(j T) any { return day(j.Days.To) }},
		column[T]{"state", tables.Ident, "queued, running, done, failed or cancelled", func(j T) any { return j.State }},
		column[T]{"cells", tables.BigInt, "Accounts × days to be looked at; 0 where they are not counted yet", func(j T) any { return j.Cells }},
		column[T]{"cells_done", tables.BigInt, "Of them looked at: fetched, or there already", func(j T) any { return j.Done }},
		column[T]{"calls", tables.BigInt, "Requests it has sent to the source", func(j T) any { return j.Calls }},
		column[T]{"rows_fetched", tables.BigInt, "Rows it has fetched", func(j T) any { return j.Rows }},
		column[T]{"error", tables.LongText, "What it failed with, waits for, or has left out", func(j T) any { return words(j.Error) }},
		column[T]{"options", tables.Document, "Options as given", func(j T) any { return words(j.Options) }},
		column[T]{"by_whom", tables.Varchar, "User who asked; config: the configured history; argo: warming and the night's work", func(j T) any { return words(j.By) }},
		column[T]{"created_at", tables.Timestamp, "When it was queued (UTC)", func(j T) any { return moment(j.CreatedAt) }},
		column[T]{"started_at", tables.Timestamp, "When it began (UTC)", func(j T) any { return moment(j.StartedAt) }},
		column[T]{"updated_at", tables.Timestamp, "When it last told how far it is (UTC)", func(j T) any { return moment(j.UpdatedAt) }},
		column[T]{"ended_at", tables.Timestamp, "When it ended (UTC); NULL while it is open", func(j T) any { return moment(j.EndedAt) }},
	)
}
