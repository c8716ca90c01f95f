package algebra

import "github.com/dolthub/go-mysql-server/sql"

// CompileOnly compiles without optimizing: what the optimized tree has to
// agree with.
func CompileOnly(ctx *sql.Context, n sql.Node, sess Session) (*Statement, error) {
	return compile(ctx, n, sess, func(*compiler, *Statement) {})
}
