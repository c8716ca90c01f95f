package algebra_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"argo/server/algebra"
	"argo/tables"

	sqle "github.com/dolthub/go-mysql-server"
	"github.com/dolthub/go-mysql-server/memory"
	"github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/analyzer"
	"github.com/dolthub/go-mysql-server/sql/information_schema"
	"github.com/dolthub/go-mysql-server/sql/plan"
	"github.com/dolthub/go-mysql-server/sql/transform"
	"github.com/dolthub/go-mysql-server/sql/types"
	"github.com/dolthub/vitess/go/sqltypes"
)

// now is the moment of every statement of the tests.
var now = time.Date(2026, 11, 22, 10, 30, 15, 123456000, time.UTC)

// The tables of the tests: a reporting table, an entity table, a tracker, a
// lake data set.
var fakes = map[string][]tables.Table{
	"ads": {
		{
			Name: "perf", Account: "customer_id", Day: "date", Key: []string{"campaign_id", "device"},
			Columns: []tables.Column{
				{Name: "date", Type: tables.DateType, NotNull: true, Push: true},
				{Name: "customer_id", Type: tables.BigInt, NotNull: true, Push: true},
				{Name: "campaign_id", Type: tables.BigInt, NotNull: true, Push: true},
				{Name: "campaign_name", Type: tables.Varchar},
				{Name: "device", Type: tables.Ident, NotNull: true, Push: true},
				{Name: "impressions", Type: tables.BigInt, NotNull: true},
				{Name: "clicks", Type: tables.BigInt},
				{Name: "cost", Type: tables.Money},
				{Name: "ctr", Type: tables.Float, NonAdditive: true},
			},
		},
		{
			Name: "campaigns", Account: "customer_id", Key: []string{"id"},
			Columns: []tables.Column{
				{Name: "customer_id", Type: tables.BigInt, NotNull: true, Push: true},
				{Name: "id", Type: tables.BigInt, NotNull: true, Push: true},
				{Name: "name", Type: tables.Varchar, NotNull: true},
				{Name: "status", Type: tables.Ident, NotNull: true, Push: true},
				{Name: "budget", Type: tables.Dec(18, 2)},
				{Name: "active", Type: tables.Boolean, NotNull: true},
				{Name: "created", Type: tables.Timestamp},
				{Name: "labels", Type: tables.Document},
				{Name: "start_date", Type: tables.DateType},
			},
		},
	},
	"mmp": {
		{
			Name: "installs", Account: "app_id", Day: "install_date",
			Columns: []tables.Column{
				{Name: "install_date", Type: tables.DateType, NotNull: true, Push: true},
				{Name: "app_id", Type: tables.Ident, NotNull: true, Push: true},
				{Name: "Campaign", Type: tables.Varchar},
				{Name: "installs", Type: tables.BigInt},
				{Name: "revenue", Type: tables.Dec(20, 4)},
			},
		},
	},
	"prop": {propTable("p"), propTable("q")},
	"lake": {
		{
			Name: "t",
			Columns: []tables.Column{
				{Name: "i", Type: tables.BigInt},
				{Name: "n", Type: tables.BigInt, NotNull: true},
				{Name: "d", Type: tables.DateType},
				{Name: "dt", Type: tables.Timestamp},
				{Name: "s", Type: tables.Varchar},
				{Name: "k", Type: tables.Ident},
				{Name: "x", Type: tables.Float},
				{Name: "m", Type: tables.Dec(10, 2)},
				{Name: "b", Type: tables.Boolean},
				{Name: "j", Type: tables.Document},
			},
		},
	},
}

// propTable is a table of the property test.
func propTable(name string) tables.Table {
	return tables.Table{Name: name, Columns: []tables.Column{
		{Name: "i", Type: tables.BigInt},
		{Name: "n", Type: tables.BigInt, NotNull: true},
		{Name: "d", Type: tables.DateType},
		{Name: "k", Type: tables.Ident},
		{Name: "b", Type: tables.Boolean},
	}}
}

type fakeDB struct {
	name   string
	tables []tables.Table
}

func (d *fakeDB) Name() string { return d.name }
func (d *fakeDB) GetTableNames(*sql.Context) ([]string, error) {
	var out []string
	for _, t := range d.tables {
		out = append(out, t.Name)
	}
	return out, nil
}
func (d *fakeDB) GetTableInsensitive(_ *sql.Context, name string) (sql.Table, bool, error) {
	for i := range d.tables {
		if strings.EqualFold(d.tables[i].Name, name) {
			return &fakeTable{d.name, &d.tables[i]}, true, nil
		}
	}
	return nil, false, nil
}

type fakeTable struct {
	db string
	t  *tables.Table
}

func (t *fakeTable) Argo() (string, *tables.Table) { return t.db, t.t }
func (t *fakeTable) Name() string                  { return t.t.Name }
func (t *fakeTable) String() string                { return t.t.Name }
func (t *fakeTable) Collation() sql.CollationID    { return sql.Collation_utf8mb4_0900_ai_ci }
func (t *fakeTable) Schema(*sql.Context) (s sql.Schema) {
	for _, c := range t.t.Columns {
		s = append(s, &sql.Column{Name: c.Name, Type: gmsType(c.Type), Source: t.t.Name, DatabaseSource: t.db, Nullable: !c.NotNull})
	}
	return s
}
func (t *fakeTable) PrimaryKeySchema(ctx *sql.Context) sql.PrimaryKeySchema {
	return sql.NewPrimaryKeySchema(t.Schema(ctx))
}
func (t *fakeTable) Partitions(*sql.Context) (sql.PartitionIter, error) {
	return sql.PartitionsToPartitionIter(), nil
}
func (t *fakeTable) PartitionRows(*sql.Context, sql.Partition) (sql.RowIter, error) {
	return sql.RowsToRowIter(), nil
}

func gmsType(t tables.Type) sql.Type {
	switch t.Kind {
	case tables.Int:
		return types.Int64
	case tables.Double:
		return types.Float64
	case tables.Decimal:
		return types.MustCreateColumnDecimalType(uint8(t.Precision), uint8(t.Scale))
	case tables.ID:
		return types.MustCreateString(sqltypes.VarChar, int64(max(t.Length, 1)), sql.Collation_utf8mb4_0900_bin)
	case tables.Bool:
		return types.Boolean
	case tables.Date:
		return types.Date
	case tables.DateTime:
		return types.MustCreateDatetimeType(sqltypes.Datetime, 6)
	case tables.JSON:
		return types.JSON
	}
	return types.MustCreateString(sqltypes.VarChar, int64(max(t.Length, 1)), sql.Collation_utf8mb4_0900_ai_ci)
}

// front is GMS over the fake tables, which shows each plan to capture.
type front struct {
	engine *sqle.Engine
	pro    *memory.DbProvider
	raw    bool // leaves GMS's simplifications of filters in
}

type captureKey struct{}

var hook sync.Once

func newFront(t testing.TB, raw bool) *front {
	t.Helper()
	hook.Do(func() {
		analyzer.AlwaysBeforeDefault = append(analyzer.AlwaysBeforeDefault, analyzer.Rule{Id: -77, Apply: func(ctx *sql.Context, _ *analyzer.Analyzer, n sql.Node, _ *plan.Scope, _ analyzer.RuleSelector, _ *sql.QueryFlags) (sql.Node, transform.TreeIdentity, error) {
			if p, ok := ctx.Value(captureKey{}).(*sql.Node); ok {
				if *p == nil {
					*p = n
				}
			}
			return n, transform.SameTree, nil
		}})
	})
	var dbs []sql.Database
	for _, name := range []string{"ads", "mmp", "lake", "prop"} {
		dbs = append(dbs, &fakeDB{name, fakes[name]})
	}
	mem := memory.NewDatabase("mem")
	dbs = append(dbs, mem, information_schema.NewInformationSchemaDatabase())
	pro := memory.NewDBProvider(dbs...)
	b := analyzer.NewBuilder(pro)
	if !raw {
		algebra.Configure(b)
	}
	f := &front{engine: sqle.New(b.Build(), nil), pro: pro, raw: raw}
	ctx := f.ctx(context.Background())
	for _, ddl := range []string{
		"create table mem.rates (currency varchar(3) primary key, rate decimal(18,6), since date)",
		"create view mem.v as select date, campaign_id, cost from ads.perf where cost > 0",
	} {
		f.exec(t, ctx, ddl)
	}
	return f
}

func (f *front) exec(t testing.TB, ctx *sql.Context, q string) {
	t.Helper()
	_, it, _, err := f.engine.Query(ctx, q)
	if err == nil {
		_, err = sql.RowIterToRows(ctx, it)
	}
	if err != nil {
		t.Fatalf("%s: %v", q, err)
	}
}

func (f *front) ctx(parent context.Context) *sql.Context {
	s := memory.NewSession(sql.NewBaseSessionWithClientServer("", sql.Client{Address: "localhost", User: "root"}, 7), f.pro)
	ctx := sql.NewContext(parent, sql.WithSession(s))
	ctx.SetQueryTime(now)
	ctx.SetCurrentDatabase("lake")
	return ctx
}

// plan gives the plan that the compiler is handed.
func (f *front) plan(q string) (*sql.Context, sql.Node, error) {
	var captured sql.Node
	ctx := f.ctx(context.WithValue(context.Background(), captureKey{}, &captured))
	_, err := f.engine.AnalyzeQuery(ctx, q)
	return ctx, captured, err
}

var session = algebra.Session{DivPrecisionIncr: 4, GroupConcatMaxLen: 1024, Now: now.UnixMicro(), TimeZone: "UTC"}

func (f *front) compile(q string) (*algebra.Statement, error) {
	ctx, n, err := f.plan(q)
	if n == nil {
		return nil, err
	}
	return algebra.Compile(ctx, n, session)
}
