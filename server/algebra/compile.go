package algebra

import (
	"argo/tables"
	"argo/tables/fault"

	"github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/analyzer"
)

// ArgoTable is a sql.Table that stands for an Argo table in a plan.
type ArgoTable interface {
	// Argo gives the name of the database and the table as of this statement.
	Argo() (database string, t *tables.Table)
}

// Compile turns a plan, as it is at analyzer.AlwaysBeforeDefault, into a
// Statement. It gives nil where the plan touches no Argo table, and never
// panics. Faults: Unsupported (the message names the construct, the hint a
// rewrite that works), Invalid, Internal (a defect).
func Compile(ctx *sql.Context, n sql.Node, sess Session) (*Statement, error) {
	return nil, fault.New(fault.Unsupported, "nothing is compiled yet")
}

// Configure takes out of GMS's analysis what would change a plan before
// Compile sees it: GMS folds and rewrites filters by its own semantics, which
// are not MySQL's ('ABC' = 'abc' would be false, LIKE 'a\_b' an equality).
func Configure(b *analyzer.Builder) {
	for _, r := range analyzer.OnceBeforeDefault {
		switch r.Id.String() {
		case "simplifyFilters", "pushNotFilters":
			b.RemoveOnceBeforeRule(r.Id)
		}
	}
}
