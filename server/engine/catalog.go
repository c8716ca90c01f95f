package engine

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"argo/automation"
	"argo/tables"
	"argo/tables/fault"

	"github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/expression/function"
)

// provider shows the databases to GMS. Who may see which of them is in GMS's
// grant tables (Engine.grant).
type provider struct{ e *Engine }

var (
	_ sql.DatabaseProvider = (*provider)(nil)
	_ sql.FunctionProvider = (*provider)(nil)
)

// Database implements sql.DatabaseProvider.
func (p *provider) Database(_ *sql.Context, name string) (sql.Database, error) {
	if db := p.e.database(name); db != nil {
		return db, nil
	}
	return nil, sql.ErrDatabaseNotFound.New(name)
}

// HasDatabase implements sql.DatabaseProvider.
func (p *provider) HasDatabase(_ *sql.Context, name string) bool { return p.e.database(name) != nil }

// AllDatabases implements sql.DatabaseProvider.
func (p *provider) AllDatabases(*sql.Context) []sql.Database {
	out := make([]sql.Database, len(p.e.databases))
	for i, db := range p.e.databases {
		out[i] = db
	}
	return out
}

// Function implements sql.FunctionProvider. GMS's LOAD_FILE reads any file of
// the server for anybody; MySQL's gives NULL without the FILE privilege, which
// nobody has here.
func (p *provider) Function(_ *sql.Context, _, name string) (sql.Function, bool) {
	if !strings.EqualFold(name, "load_file") {
		return nil, false
	}
	return sql.Function1{Name: "load_file", Fn: func(ctx *sql.Context, arg sql.Expression) sql.Expression {
		return function.NewNullIf(ctx, arg, arg)
	}}, true
}

func (e *Engine) database(name string) *database {
	i, ok := slices.BinarySearchFunc(e.databases, strings.ToLower(name), func(d *database, n string) int { return cmp.Compare(d.name, n) })
	if !ok {
		return nil
	}
	return e.databases[i]
}

// database is a connection as GMS sees it. It is read-only, but for the rows of
// the tables in edit: nothing here can make, change or drop an object.
type database struct {
	name       string
	e          *Engine
	tables     []tables.Table // sorted by name
	views      []View         // sorted by name
	edit       map[string]Edit
	actions    []automation.Action
	procedures []Procedure // of Argo's own; sorted by name
	since      time.Time   // when the catalog was built
	now        func() time.Time
}

var (
	_ sql.Database                = (*database)(nil)
	_ sql.ReadOnlyDatabase        = (*database)(nil)
	_ sql.CollatedDatabase        = (*database)(nil)
	_ sql.StoredProcedureDatabase = (*database)(nil)
)

func newDatabase(e *Engine, d Database) (*database, error) {
	now := e.o.Now
	db := &database{e: e, name: d.Name, since: now(), now: now, tables: slices.Clone(d.Tables), actions: slices.Clone(d.Actions),
		views: slices.Clone(d.Views), procedures: slices.Clone(d.Procedures), edit: d.Edit}
	slices.SortFunc(db.views, func(a, b View) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(db.procedures, func(a, b Procedure) int { return cmp.Compare(a.Name, b.Name) })
	for i := range db.procedures {
		db.procedures[i].database = d.Name
	}
	slices.SortFunc(db.tables, func(a, b tables.Table) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(db.actions, func(a, b automation.Action) int { return cmp.Compare(a.Name, b.Name) })
	for i, t := range db.tables {
		if t.Scan == nil && t.Files == nil {
			return nil, fault.New(fault.Internal, "the table %s.%s has neither rows nor files", d.Name, t.Name)
		}
		if i > 0 && db.tables[i-1].Name == t.Name {
			return nil, fault.New(fault.Internal, "there are two tables called %s.%s", d.Name, t.Name)
		}
	}
	for i := 1; i < len(db.actions); i++ {
		if db.actions[i-1].Name == db.actions[i].Name {
			return nil, fault.New(fault.Internal, "there are two procedures called %s.%s", d.Name, db.actions[i].Name)
		}
	}
	return db, nil
}

// Name implements sql.Database.
func (d *database) Name() string { return d.name }

// IsReadOnly implements sql.ReadOnlyDatabase.
func (d *database) IsReadOnly() bool { return len(d.edit) == 0 }

// GetCollation implements sql.CollatedDatabase.
func (d *database) GetCollation(*sql.Context) sql.CollationID { return textCollation }

// SetCollation implements sql.CollatedDatabase.
func (d *database) SetCollation(*sql.Context, sql.CollationID) error {
	return errReadOnly(d.name)
}

// GetTableNames implements sql.Database.
func (d *database) GetTableNames(ctx *sql.Context) ([]string, error) {
	st, viewsToo := statementOf(ctx), false
	st.do(func() { st.listing, viewsToo = true, st.viewsToo })
	names := make([]string, len(d.tables))
	for i, t := range d.tables {
		names[i] = t.Name
	}
	if viewsToo {
		for _, v := range d.views {
			names = append(names, v.Name)
		}
	}
	return names, nil
}

// GetTableInsensitive implements sql.Database.
func (d *database) GetTableInsensitive(ctx *sql.Context, name string) (sql.Table, bool, error) {
	i, ok := slices.BinarySearchFunc(d.tables, strings.ToLower(name), func(t tables.Table, n string) int { return cmp.Compare(t.Name, n) })
	if !ok {
		if v, err := d.viewTable(ctx, name); v != nil || err != nil {
			return v, v != nil, err
		}
		return nil, false, nil
	}
	t := d.tables[i]
	if t.Describe != nil {
		columns, err := t.Describe(ctx)
		if err != nil {
			st, listing := statementOf(ctx), false
			st.do(func() { listing = st.listing })
			if !listing {
				return nil, false, sqlError(ctx, err)
			}
			st.trace.Warn(err)
		}
		t.Columns = columns
	}
	out := &table{database: d.name, t: t, schema: schemaOf(d.name, t.Name, t.Columns, keyOf(&t))}
	if edit := d.edit[t.Name]; edit != nil {
		return &editTable{table: out, e: d.e, edit: edit}, true, nil
	}
	return out, true, nil
}

// underlying is the table that the catalog gave.
func underlying(t sql.Table) *table {
	switch t := t.(type) {
	case *table:
		return t
	case *editTable:
		return t.table
	case *viewTable:
		return t.table
	}
	return nil
}

// keyOf is what identifies a row over all accounts and days.
func keyOf(t *tables.Table) []string {
	if len(t.Key) == 0 {
		return nil
	}
	var key []string
	for _, name := range []string{t.Account, t.Day} {
		if name != "" && !slices.Contains(t.Key, name) {
			key = append(key, name)
		}
	}
	return append(key, t.Key...)
}

// table is an Argo table as GMS sees it: a name, a schema and a comment. Its
// rows are never read through GMS: the rule compiles the statement first.
type table struct {
	database string
	t        tables.Table // with its columns as of this statement
	asOf     time.Time    // zero: now
	schema   sql.PrimaryKeySchema
}

var (
	_ sql.Table           = (*table)(nil)
	_ sql.PrimaryKeyTable = (*table)(nil)
	_ sql.CommentedTable  = (*table)(nil)
	_ sql.StatisticsTable = (*table)(nil)
)

// Argo implements algebra.ArgoTable.
func (t *table) Argo() (string, *tables.Table) { return t.database, &t.t }

// Name implements sql.Table.
func (t *table) Name() string { return t.t.Name }

// String implements sql.Table.
func (t *table) String() string { return t.database + "." + t.t.Name }

// Schema implements sql.Table.
func (t *table) Schema(*sql.Context) sql.Schema { return t.schema.Schema }

// PrimaryKeySchema implements sql.PrimaryKeyTable.
func (t *table) PrimaryKeySchema(*sql.Context) sql.PrimaryKeySchema { return t.schema }

// Collation implements sql.Table.
func (t *table) Collation() sql.CollationID { return textCollation }

// Comment implements sql.CommentedTable.
func (t *table) Comment() string { return t.t.Doc }

// DataLength implements sql.StatisticsTable; nobody has counted.
func (t *table) DataLength(*sql.Context) (uint64, error) { return 0, nil }

// RowCount implements sql.StatisticsTable: a guess, so that COUNT(*) counts.
func (t *table) RowCount(*sql.Context) (uint64, bool, error) { return 1000, false, nil }

// Partitions implements sql.Table.
func (t *table) Partitions(ctx *sql.Context) (sql.PartitionIter, error) { return nil, t.escaped(ctx) }

// PartitionRows implements sql.Table.
func (t *table) PartitionRows(ctx *sql.Context, _ sql.Partition) (sql.RowIter, error) {
	return nil, t.escaped(ctx)
}

// escaped is what a statement is told whose plan slipped past the rule.
func (t *table) escaped(ctx *sql.Context) error {
	return sqlError(ctx, fault.New(fault.Unsupported, "the statement reads %s in a place that Argo cannot run", t).
		WithHint("SELECT the rows in a statement of their own"))
}

// GetStoredProcedure implements sql.StoredProcedureDatabase.
func (d *database) GetStoredProcedure(_ *sql.Context, name string) (sql.StoredProcedureDetails, bool, error) {
	if a := d.action(name); a != nil {
		return d.procedure(a), true, nil
	}
	if p := d.own(name); p != nil {
		return p.details(d), true, nil
	}
	return sql.StoredProcedureDetails{}, false, nil
}

// GetStoredProcedures implements sql.StoredProcedureDatabase.
func (d *database) GetStoredProcedures(*sql.Context) ([]sql.StoredProcedureDetails, error) {
	out := make([]sql.StoredProcedureDetails, 0, len(d.actions)+len(d.procedures))
	for i := range d.actions {
		out = append(out, d.procedure(&d.actions[i]))
	}
	for i := range d.procedures {
		out = append(out, d.procedures[i].details(d))
	}
	return out, nil
}

// SaveStoredProcedure implements sql.StoredProcedureDatabase.
func (d *database) SaveStoredProcedure(*sql.Context, sql.StoredProcedureDetails) error {
	return errReadOnly(d.name)
}

// DropStoredProcedure implements sql.StoredProcedureDatabase.
func (d *database) DropStoredProcedure(*sql.Context, string) error {
	return errReadOnly(d.name)
}

func (d *database) action(name string) *automation.Action {
	i, ok := slices.BinarySearchFunc(d.actions, strings.ToLower(name), func(a automation.Action, n string) int { return cmp.Compare(a.Name, n) })
	if !ok {
		return nil
	}
	return &d.actions[i]
}

// procedure is the action as SHOW CREATE PROCEDURE and information_schema show
// it.
func (d *database) procedure(a *automation.Action) sql.StoredProcedureDetails {
	options := automation.Param{Name: optionsParameter, Type: tables.LongText}
	return d.details(a.Name, a.Doc, append(slices.Clip(a.Params), options), "MODIFIES SQL DATA")
}

// details describes a procedure. A CALL never runs this body: the rule takes
// the statement before GMS would interpret it, with the values of its arguments
// as they were written.
func (d *database) details(name, doc string, params []automation.Param, does string) sql.StoredProcedureDetails {
	in := make([]string, len(params))
	for i, p := range params {
		in[i] = fmt.Sprintf("IN `%s` %s", p.Name, parameterType(p.Type))
	}
	text := fmt.Sprintf("CREATE PROCEDURE `%s`.`%s`(%s)\nCOMMENT %s\n%s\nSQL SECURITY INVOKER\nSIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'Argo runs this itself'",
		d.name, name, strings.Join(in, ", "), quote(doc), does)
	return sql.StoredProcedureDetails{Name: name, CreateStatement: text, CreatedAt: d.since, ModifiedAt: d.since}
}

func parameterType(t tables.Type) string {
	switch {
	case t.Kind == tables.Bool:
		return "TINYINT"
	case t == tables.LongText:
		return "LONGTEXT"
	}
	return t.String()
}

func quote(s string) string {
	return "'" + strings.NewReplacer("\\", "\\\\", "'", "''", "\n", " ").Replace(s) + "'"
}
