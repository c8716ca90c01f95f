package system

import (
	"context"
	"strings"
	"time"

	"argo/automation"
	"argo/cache"
	"argo/tables"
)

func (o Options) sources() tables.Table {
	type T = tables.Source
	return sheet("sources", "Kinds of things that can be connected", []string{"name"},
		each(func(context.Context) ([]T, error) { return o.Sources, nil }),
		column[T]{"name", tables.Ident, "Name of the source, as in the configuration", func(s T) any { return s.Name }},
		column[T]{"doc", tables.LongText, "What it is", func(s T) any { return s.Doc }},
		column[T]{"sample", tables.LongText, "Annotated configuration of one connection (YAML)", func(s T) any { return words(s.Sample) }},
	)
}

func (o Options) connections() tables.Table {
	type T struct {
		Connection
		state, err string
		at         time.Time
	}
	return sheet("connections", "Configured sources: each is a database", []string{"name"},
		each(func(ctx context.Context) (out []T, err error) {
			for _, c := range o.visible(ctx) {
				t := T{Connection: c}
				if o.Status != nil {
					t.state, t.err, t.at = o.Status(c.Name)
				}
				out = append(out, t)
			}
			return out, nil
		}),
		column[T]{"name", tables.Ident, "Name of the connection and of its database", func(t T) any { return t.Name }},
		column[T]{"source", tables.Ident, "Kind of source", func(t T) any { return t.Source }},
		column[T]{"doc", tables.LongText, "What it is", func(t T) any { return words(t.Doc) }},
		column[T]{"tables", tables.BigInt, "How many tables it has", func(t T) any { return int64(len(t.Tables)) }},
		column[T]{"procedures", tables.BigInt, "How many actions it has", func(t T) any { return int64(len(t.Actions)) }},
		column[T]{"state", tables.Ident, "How it did when it was last asked: ok, or the kind of the fault; NULL: not asked since the start", func(t T) any { return words(t.state) }},
		column[T]{"last_error", tables.LongText, "What was wrong and what to do", func(t T) any { return words(t.err) }},
		column[T]{"asked_at", tables.Timestamp, "When it was last asked (UTC)", func(t T) any { return moment(t.at) }},
	)
}

// described is a table with its columns as they are now; a data set that cannot
// be described has none, and says why when it is read.
type described struct {
	database string
	tables.Table
}

func (o *Options) described(ctx context.Context) (out []described) {
	for _, c := range o.visible(ctx) {
		for _, t := range c.Tables {
			if t.Describe != nil {
				columns, err := t.Describe(ctx)
				if err != nil {
					tables.TraceOf(ctx).Warn(err)
				}
				t.Columns = columns
			}
			out = append(out, described{c.Name, t})
		}
	}
	return out
}

func (o Options) tables() tables.Table {
	type T = described
	return sheet("tables", "Tables of every database, with what they hold", []string{"database_name", "table_name"},
		each(func(ctx context.Context) ([]T, error) { return o.described(ctx), nil }),
		column[T]{"database_name", tables.Ident, "Name of the connection", func(t T) any { return t.database }},
		column[T]{"table_name", tables.Ident, "Name of the table", func(t T) any { return t.Name }},
		column[T]{"doc", tables.LongText, "What a row is", func(t T) any { return words(t.Doc) }},
		column[T]{"key_columns", tables.LongText, "Columns that identify a row within an account and a day", func(t T) any { return words(strings.Join(t.Key, ", ")) }},
		column[T]{"account_column", tables.Ident, "Column that holds the account", func(t T) any { return words(t.Account) }},
		column[T]{"day_column", tables.Ident, "Column that holds the day", func(t T) any { return words(t.Day) }},
		column[T]{"clock", tables.LongText, "What the day means", func(t T) any { return words(t.Clock) }},
		column[T]{"since", tables.DateType, "First day of the table", func(t T) any { return day(t.Since) }},
		column[T]{"settled_after_days", tables.BigInt, "From this age on a day is not fetched again", func(t T) any {
			if t.Day == "" {
				return nil
			}
			return int64(cache.Settled(t.Table))
		}},
		column[T]{"max_days_per_call", tables.BigInt, "Longest range of one call; NULL: no limit", func(t T) any {
			if t.MaxDays == 0 {
				return nil
			}
			return int64(t.MaxDays)
		}},
	)
}

func (o Options) columns() tables.Table {
	type T struct {
		t   described
		pos int
		tables.Column
	}
	return sheet("columns", "Columns of every table, with unit and meaning", []string{"database_name", "table_name", "column_name"},
		each(func(ctx context.Context) (out []T, err error) {
			for _, t := range o.described(ctx) {
				for i, c := range t.Columns {
					out = append(out, T{t, i + 1, c})
				}
			}
			return out, nil
		}),
		column[T]{"database_name", tables.Ident, "Name of the connection", func(c T) any { return c.t.database }},
		column[T]{"table_name", tables.Ident, "Name of the table", func(c T) any { return c.t.Name }},
		column[T]{"ordinal_position", tables.BigInt, "Place in the table, from 1", func(c T) any { return int64(c.pos) }},
		column[T]{"column_name", tables.Ident, "Name of the column", func(c T) any { return c.Name }},
		column[T]{"type", tables.Ident, "Type in MySQL's spelling", func(c T) any { return c.Type.String() }},
		column[T]{"unit", tables.Varchar, "Unit of the values", func(c T) any { return words(c.Unit) }},
		column[T]{"doc", tables.LongText, "What the values mean", func(c T) any { return words(c.Doc) }},
		column[T]{"freshness_group", tables.Ident, "Group of columns that settle at the same pace; NULL: the table's own pace", func(c T) any { return words(c.Group) }},
		column[T]{"pushed", tables.Boolean, "The source can filter by this column", func(c T) any { return c.Push }},
		column[T]{"additive", tables.Boolean, "SUM over rows of different keys means something", func(c T) any { return !c.NonAdditive }},
	)
}

func (o Options) accounts() tables.Table {
	type T struct {
		database string
		tables.Account
		at time.Time
	}
	return sheet("accounts", "Accounts of every connection as they were seen last", []string{"database_name", "id"},
		each(func(ctx context.Context) (out []T, err error) {
			if o.Accounts == nil {
				return nil, nil
			}
			for _, c := range o.visible(ctx) {
				list, at, err := o.Accounts(ctx, c.Name)
				if err != nil {
					return nil, err
				}
				for _, a := range list {
					out = append(out, T{c.Name, a, at})
				}
			}
			return out, nil
		}),
		column[T]{"database_name", tables.Ident, "Name of the connection", func(a T) any { return a.database }},
		column[T]{"id", tables.Ident, "Id of the account at the source", func(a T) any { return a.ID }},
		column[T]{"name", tables.Varchar, "Name of the account", func(a T) any { return words(a.Name) }},
		column[T]{"currency", tables.Ident, "ISO 4217 code of its money", func(a T) any { return words(a.Currency) }},
		column[T]{"time_zone", tables.Ident, "Time zone of its calendar", func(a T) any { return words(a.Zone) }},
		column[T]{"seen_at", tables.Timestamp, "When the list was fetched (UTC)", func(a T) any { return moment(a.at) }},
	)
}

func (o Options) queries() tables.Table {
	type T = tables.Statement
	return sheet("queries", "Statements of late and what they cost; one who may not read every database sees his own", []string{"id"},
		each(func(ctx context.Context) (out []T, err error) {
			if o.Queries == nil {
				return nil, nil
			}
			list, err := o.Queries(ctx, most)
			if err != nil {
				return nil, err
			}
			name, all := o.User(ctx)
			for _, q := range list {
				if user, _, _ := strings.Cut(q.User, "@"); all || user == name && name != "" {
					out = append(out, q)
				}
			}
			return out, nil
		}),
		column[T]{"id", tables.Ident, "Id of the statement; later ones sort after", func(q T) any { return q.ID }},
		column[T]{"started_at", tables.Timestamp, "When it began (UTC)", func(q T) any { return moment(q.At) }},
		column[T]{"user", tables.Varchar, "Who sent it, from where", func(q T) any { return q.User }},
		column[T]{"database_name", tables.Ident, "The current database", func(q T) any { return words(q.Database) }},
		column[T]{"statement", tables.LongText, "As sent; a CALL without its arguments", func(q T) any { return q.Text }},
		column[T]{"touched", tables.LongText, "Tables it read and procedures it called, separated by commas", func(q T) any { return words(strings.Join(q.Tables, ", ")) }},
		column[T]{"as_of", tables.Timestamp, "Moment as of which the statement gives the same rows again: SELECT … AS OF (UTC); NULL where it read nothing that has a history", func(q T) any { return moment(q.AsOf) }},
		column[T]{"milliseconds", tables.BigInt, "From arrival to the last row", func(q T) any { return q.Elapsed.Milliseconds() }},
		column[T]{"rows_returned", tables.BigInt, "Rows given to the client", func(q T) any { return q.Rows }},
		column[T]{"calls", tables.BigInt, "Requests sent to sources", func(q T) any { return q.Cost.Calls }},
		column[T]{"rows_fetched", tables.BigInt, "Rows that came from sources", func(q T) any { return q.Cost.RowsFetched }},
		column[T]{"bytes_fetched", tables.BigInt, "Bytes that came from sources", func(q T) any { return q.Cost.Bytes }},
		column[T]{"cells_cached", tables.BigInt, "Cells (one account, one day) that the cache answered", func(q T) any { return q.Cost.CellsCached }},
		column[T]{"cells_fetched", tables.BigInt, "Cells that were fetched", func(q T) any { return q.Cost.CellsMissed }},
		column[T]{"oldest_data_at", tables.Timestamp, "When the oldest cell of the answer was read from its source (UTC)", func(q T) any { return moment(q.Cost.Oldest) }},
		column[T]{"warnings", tables.BigInt, "Warnings it gave: accounts that are missing from the answer, stale data", func(q T) any { return int64(q.Warnings) }},
		column[T]{"error_code", tables.BigInt, "MySQL error number; 0 where it succeeded", func(q T) any { return int64(q.Code) }},
		column[T]{"error", tables.LongText, "What it failed with", func(q T) any { return words(q.Error) }},
	)
}

// visibleRuns are the newest runs of connections that the user may read.
func (o *Options) visibleRuns(ctx context.Context) (out []automation.Run, err error) {
	if o.Ledger == nil {
		return nil, nil
	}
	all, err := o.Ledger.Runs(ctx, false, most)
	if err != nil {
		return nil, err
	}
	for _, r := range all {
		if o.MayRead(ctx, r.Source) {
			out = append(out, r)
		}
	}
	return out, nil
}

func (o Options) runs() tables.Table {
	type T struct {
		run automation.Run
		automation.RunChange
	}
	return sheet("runs", "Actions: each CALL is a run, each of its changes a row", nil,
		each(func(ctx context.Context) (out []T, err error) {
			runs, err := o.visibleRuns(ctx)
			for _, r := range runs {
				for _, c := range r.Changes {
					out = append(out, T{r, c})
				}
				if len(r.Changes) == 0 {
					out = append(out, T{r, automation.RunChange{State: r.State}})
				}
			}
			return out, err
		}),
		column[T]{"run_id", tables.Ident, "Id of the run; later ones sort after", func(c T) any { return c.run.ID }},
		column[T]{"change_id", tables.Ident, "Id of the change; NULL where the run changes nothing", func(c T) any { return words(c.ID) }},
		column[T]{"database_name", tables.Ident, "Name of the connection", func(c T) any { return c.run.Source }},
		column[T]{"action", tables.Ident, "The procedure", func(c T) any { return c.run.Action }},
		column[T]{"state", tables.Ident, "Where the change is: proposed, awaiting, approved, held, executing, unknown, succeeded, verified, failed, conflict, denied, rejected, expired, cancelled, unchanged, dry_run", func(c T) any { return string(c.State) }},
		column[T]{"run_state", tables.Ident, "Where the run as a whole is", func(c T) any { return string(c.run.State) }},
		column[T]{"account", tables.Ident, "Account that is changed", func(c T) any { return words(c.Account) }},
		column[T]{"target", tables.Varchar, "The channel's own name of the object", func(c T) any { return words(c.Target) }},
		column[T]{"entity", tables.Varchar, "What a person calls it", func(c T) any { return words(c.Entity) }},
		column[T]{"field", tables.Ident, "The field that is changed", func(c T) any { return words(c.Field) }},
		column[T]{"before", tables.LongText, "Value before", func(c T) any { return words(c.Before) }},
		column[T]{"after", tables.LongText, "Value wanted", func(c T) any { return words(c.After) }},
		column[T]{"unit", tables.Ident, "Currency of the values", func(c T) any { return words(c.Unit) }},
		column[T]{"read_back", tables.LongText, "Value that was last read from the channel", func(c T) any { return words(c.ReadBack) }},
		column[T]{"attempts", tables.BigInt, "How often it was sent", func(c T) any { return int64(c.Attempts) }},
		column[T]{"note", tables.LongText, "Why it is where it is", func(c T) any { return words(strings.Trim(c.Change.Note+"; "+c.RunChange.Note, "; ")) }},
		column[T]{"arguments", tables.Document, "Arguments of the CALL as JSON", func(c T) any { return words(c.run.Args) }},
		column[T]{"by_whom", tables.Varchar, "Who asked", func(c T) any { return c.run.By }},
		column[T]{"reason", tables.LongText, "Why, as given in the options", func(c T) any { return words(c.run.Reason) }},
		column[T]{"undo_of", tables.Ident, "The run that this one takes back", func(c T) any { return words(c.run.UndoOf) }},
		column[T]{"not_before", tables.Timestamp, "Nothing is sent earlier (UTC)", func(c T) any { return moment(c.run.NotBefore) }},
		column[T]{"expires_at", tables.Timestamp, "Nothing is sent from then on (UTC)", func(c T) any { return moment(c.run.Expires) }},
		column[T]{"idempotency_key", tables.Varchar, "Key given in the options", func(c T) any { return words(c.run.Key) }},
		column[T]{"created_at", tables.Timestamp, "When it was recorded (UTC)", func(c T) any { return moment(c.run.CreatedAt) }},
		column[T]{"changed_at", tables.Timestamp, "Last transition of the change (UTC)", func(c T) any { return moment(c.At) }},
		column[T]{"ended_at", tables.Timestamp, "When the run ended (UTC); NULL while open", func(c T) any { return moment(c.run.EndedAt) }},
	)
}

func (o Options) events() tables.Table {
	type T struct {
		automation.Event
		database string
	}
	return sheet("run_events", "The ledger: every transition of every run, chained by hash", []string{"run_id", "seq"},
		each(func(ctx context.Context) (out []T, err error) {
			runs, err := o.visibleRuns(ctx)
			if err != nil {
				return nil, err
			}
			for _, r := range runs {
				events, err := o.Ledger.Events(ctx, r.ID)
				if err != nil {
					return nil, err
				}
				for _, e := range events {
					out = append(out, T{e, r.Source})
				}
			}
			return out, nil
		}),
		column[T]{"run_id", tables.Ident, "The run", func(e T) any { return e.Run }},
		column[T]{"seq", tables.BigInt, "Place in the ledger", func(e T) any { return e.Seq }},
		column[T]{"change_id", tables.Ident, "The change; NULL for the run itself", func(e T) any { return words(e.Change) }},
		column[T]{"database_name", tables.Ident, "Name of the connection", func(e T) any { return e.database }},
		column[T]{"from_state", tables.Ident, "State before", func(e T) any { return words(string(e.From)) }},
		column[T]{"to_state", tables.Ident, "State after", func(e T) any { return string(e.To) }},
		column[T]{"at", tables.Timestamp, "When (UTC)", func(e T) any { return moment(e.At) }},
		column[T]{"actor", tables.Varchar, "Who or what moved it", func(e T) any { return words(e.Actor) }},
		column[T]{"note", tables.LongText, "Why", func(e T) any { return words(e.Note) }},
		column[T]{"previous_hash", tables.Ident, "Hash of the event before", func(e T) any { return words(e.PrevHash) }},
		column[T]{"hash", tables.Ident, "Hash of this event and the one before", func(e T) any { return e.Hash }},
	)
}

// procedure is an action of a connection.
type procedure struct {
	database string
	automation.Action
	optional int // of its parameters, the last ones
}

func (o *Options) actions(ctx context.Context) (out []procedure, err error) {
	for _, c := range o.visible(ctx) {
		for _, a := range c.Actions {
			a.Params = append(a.Params[:len(a.Params):len(a.Params)], automation.Param{
				Name: "options", Type: tables.Document,
				Doc: `May be left out. {"dry_run": true, "reason": "…", "idempotency_key": "…", "expect": {"amount": "50000"}, "not_before": "2026-12-01T09:00:00+09:00", "expires": "…"}`,
			})
			out = append(out, procedure{c.Name, a, 1})
		}
	}
	if o.Own != nil {
		for _, p := range o.Own() {
			if o.MayRead(ctx, p.Database) {
				out = append(out, procedure{p.Database, automation.Action{Name: p.Name, Doc: p.Doc, Params: p.Params}, p.Optional})
			}
		}
	}
	return out, nil
}

func (o Options) procedures() tables.Table {
	type T = procedure
	return sheet("procedures", "What can be called: at a channel, about what waits, about guardrails, jobs and names: CALL database.name(…)", []string{"database_name", "procedure_name"}, each(o.actions),
		column[T]{"database_name", tables.Ident, "Name of the connection, or of Argo's own database", func(p T) any { return p.database }},
		column[T]{"procedure_name", tables.Ident, "Name of the procedure", func(p T) any { return p.Name }},
		column[T]{"doc", tables.LongText, "What it does", func(p T) any { return words(p.Doc) }},
		column[T]{"signature", tables.LongText, "How it is called", func(p T) any {
			names := make([]string, len(p.Params))
			for i, k := range p.Params {
				if names[i] = k.Name; i >= len(p.Params)-p.optional {
					names[i] = "[" + k.Name + "]"
				}
			}
			return "CALL " + p.database + "." + p.Name + "(" + strings.Join(names, ", ") + ")"
		}},
		column[T]{"touches", tables.LongText, "Tables that it makes untrue, which are fetched anew", func(p T) any { return words(strings.Join(p.Touches, ", ")) }},
	)
}

func (o Options) parameters() tables.Table {
	type T struct {
		p   procedure
		pos int
		automation.Param
	}
	return sheet("procedure_params", "Parameters of the procedures; each action of a channel takes a JSON document of options last", []string{"database_name", "procedure_name", "parameter_name"},
		each(func(ctx context.Context) (out []T, err error) {
			actions, err := o.actions(ctx)
			for _, a := range actions {
				for i, k := range a.Params {
					out = append(out, T{a, i + 1, k})
				}
			}
			return out, err
		}),
		column[T]{"database_name", tables.Ident, "Name of the connection, or of Argo's own database", func(p T) any { return p.p.database }},
		column[T]{"procedure_name", tables.Ident, "Name of the procedure", func(p T) any { return p.p.Name }},
		column[T]{"ordinal_position", tables.BigInt, "Place in the call, from 1", func(p T) any { return int64(p.pos) }},
		column[T]{"parameter_name", tables.Ident, "Name of the parameter", func(p T) any { return p.Name }},
		column[T]{"type", tables.Ident, "Type in MySQL's spelling", func(p T) any { return p.Type.String() }},
		column[T]{"doc", tables.LongText, "What it means", func(p T) any { return words(p.Doc) }},
	)
}
