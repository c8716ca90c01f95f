package engine

import (
	"context"

	"github.com/dolthub/vitess/go/mysql"
	ast "github.com/dolthub/vitess/go/vt/sqlparser"
)

// Wire is the socket of a client, where it can do more than net.Conn.
type Wire interface {
	// LoggedIn says that the client has been authenticated, and gives what the
	// text of every statement is passed through before vitess prepares it.
	LoggedIn(prepare func(query string) string)
	// Watch calls gone when the client closes its connection, until stop is
	// called; stop waits for the watcher. It is called while a command runs.
	Watch(gone func()) (stop func())
	// Cipher is the cipher suite and the version of TLS, "" without TLS.
	Cipher() (suite, version string)
}

// client is what the handler knows of a connection; it is mysql.Conn.ClientData.
type client struct {
	wire   Wire  // nil where the listener has none
	single bool  // may send one statement at a time
	broken error // why the statement that is prepared now cannot be parsed
}

func clientOf(c *mysql.Conn) *client {
	if k, ok := c.ClientData.(*client); ok {
		return k
	}
	return &client{}
}

// watch calls gone when the client closes its connection.
func (k *client) watch(gone func()) (stop func()) {
	if k.wire == nil {
		return func() {}
	}
	return k.wire.Watch(gone)
}

func (h *handler) attach(c *mysql.Conn) *client {
	k := &client{}
	if w, ok := c.Conn.(Wire); ok {
		k.wire = w
		w.LoggedIn(func(query string) string { return h.parsable(c, k, query) })
	}
	c.ClientData = k
	return k
}

// unparsable stands for the statement of a COM_STMT_PREPARE that cannot be
// parsed: vitess parses it before any handler sees it and tells of an unknown
// error, ComPrepare tells of MySQL's 1064.
const unparsable = "SELECT 'a statement that cannot be parsed'"

func (h *handler) parsable(c *mysql.Conn, k *client, query string) string {
	k.broken = nil
	query = withoutAssignments(explainFetchForm(calledByName(query)))
	options, err := h.ParserOptionsForConnection(c)
	if err != nil {
		return query
	}
	parsed, err := ast.ParseWithOptions(context.Background(), query, options)
	switch parsed.(type) {
	case *ast.Prepare, *ast.Execute, *ast.Deallocate:
		err = errNotPrepared
	}
	if err != nil {
		k.broken = err
		return unparsable
	}
	return query
}

var errNotPrepared = mysql.NewSQLError(1295, "HY000", "This command is not supported in the prepared statement protocol yet")
