package engine

import (
	"context"
	"errors"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"argo/server/columnar"
	"argo/tables/fault"

	"github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/analyzer/analyzererrors"
	"github.com/dolthub/go-mysql-server/sql/planbuilder"
	"github.com/dolthub/vitess/go/mysql"
	kinds "gopkg.in/src-d/go-errors.v1"
)

// code is how MySQL names an error.
type code struct {
	number int
	state  string
}

// Numbers that vitess has no name for.
const (
	erCheckRead          = 1020 // the record has changed since it was read
	erNotFormFile        = 1033 // incorrect information in a file
	erTableAccessDenied  = 1142
	erProcAccessDenied   = 1370
	erConnectToForeign   = 1429 // unable to connect to a foreign data source
	erQueryOnForeign     = 1430 // a problem while a query ran on the foreign data source
	erForeignDoesntExist = 1431 // the foreign data source does not exist
	erSignal             = 1644 // unhandled user-defined exception
	erDatabaseReadOnly   = 3989
	// Argo's own, which MySQL has no number near: what an answer is short of. Below
	// 32768: PyMySQL reads the number as signed.
	erStale  = 32001 // an older reading answers
	erUntied = 32002 // rows do not add up to the source's total
	erMixed  = 32004 // a sum of several currencies
	erGap    = 32003 // days that were not known at the moment asked for
)

// codes is the one table from kinds of faults to MySQL's errors.
var codes = map[fault.Kind]code{
	fault.Internal:    {mysql.ERInternalError, "HY000"},
	fault.Config:      {mysql.ERUnknownError, "HY000"},
	fault.Auth:        {erConnectToForeign, "HY000"},
	fault.Denied:      {erTableAccessDenied, "42000"},
	fault.NotFound:    {erForeignDoesntExist, "HY000"},
	fault.Invalid:     {mysql.ERWrongArguments, "HY000"},
	fault.Unsupported: {mysql.ERNotSupportedYet, "42000"},
	fault.Throttled:   {mysql.ERUserLimitReached, "42000"},
	fault.Unavailable: {erQueryOnForeign, "HY000"},
	fault.Conflict:    {erCheckRead, "45A20"},
	fault.Refused:     {erSignal, "45A10"},
	fault.Held:        {erSignal, "45A30"},
	fault.Canceled:    {mysql.ERQueryInterrupted, mysql.SSQueryInterrupted},
	fault.Timeout:     {mysql.ERQueryTimeout, "HY000"},
	fault.Unknown:     {erSignal, "45A50"},
	fault.Broken:      {erNotFormFile, "HY000"},
	fault.Stale:       {erStale, "45A30"},
	fault.Untied:      {erUntied, "45A31"},
	fault.Gap:         {erGap, "45A32"},
	fault.Mixed:       {erMixed, "45A33"},
}

// errInterrupted is MySQL's own answer to KILL QUERY.
var errInterrupted = mysql.NewSQLError(mysql.ERQueryInterrupted, mysql.SSQueryInterrupted, "Query execution was interrupted")

// errTimeout is the cause of a statement's context when max_execution_time has
// passed.
var errTimeout = mysql.NewSQLError(mysql.ERQueryTimeout, "HY000", "Query execution was interrupted, maximum statement execution time exceeded")

// errGone is the cause when the client has gone; nobody is told.
var errGone = mysql.NewSQLError(mysql.ERQueryInterrupted, mysql.SSQueryInterrupted, "Query execution was interrupted: the client has gone")

// errShutdown is the cause when the server stops.
var errShutdown = mysql.NewSQLError(mysql.ERServerShutdown, mysql.SSServerShutdown, "Server shutdown in progress")

// sqlError gives err as a client is told it: a fault's sentence and hint under
// the number of its kind, without the wrapping that is meant for the log.
func sqlError(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	var own *mysql.SQLError
	if cause := context.Cause(ctx); cause != nil {
		if errors.As(cause, &own) {
			return own
		}
		if errors.Is(err, context.Canceled) || fault.Is(err, fault.Canceled) || strings.HasSuffix(err.Error(), context.Canceled.Error()) {
			return errInterrupted
		}
	}
	if errors.As(err, &own) {
		return known(own)
	}
	f := fault.As(err)
	switch {
	case f != nil && errors.Is(err, columnar.ErrOutOfRange):
		return mysql.NewSQLError(mysql.ERDataOutOfRange, mysql.SSDataOutOfRange, "%s", sentence(f))
	case f != nil && errors.Is(err, columnar.ErrSubqueryRows):
		return mysql.NewSQLError(mysql.ERSubqueryNo1Row, mysql.SSWrongNumberOfColumns, "%s", sentence(f))
	case f != nil:
		c := codes[f.Kind]
		return mysql.NewSQLError(c.number, c.state, "%s", sentence(f))
	case errors.Is(err, context.Canceled):
		return errInterrupted
	case errors.Is(err, context.DeadlineExceeded):
		return errTimeout
	}
	return known(sql.CastSQLError(err))
}

// sentence is the fault's message and hint.
func sentence(f *fault.Error) string {
	if f.Hint == "" {
		return f.Message
	}
	return f.Message + " (" + f.Hint + ")"
}

// gmsErrors are errors of GMS that it sends as 1105, by the kind that their
// text was made of; MySQL has numbers for them and drivers look at numbers.
var gmsErrors = []struct {
	kind *kinds.Kind
	code code
}{
	{sql.ErrTableNotFound, code{mysql.ERNoSuchTable, mysql.SSUnknownTable}},
	{sql.ErrTableColumnNotFound, code{mysql.ERBadFieldError, mysql.SSBadFieldError}},
	{sql.ErrColumnNotFound, code{mysql.ERBadFieldError, mysql.SSBadFieldError}},
	{sql.ErrUnknownColumn, code{mysql.ERBadFieldError, mysql.SSBadFieldError}},
	{sql.ErrAmbiguousColumnName, code{mysql.ERNonUniq, "23000"}},
	{sql.ErrAmbiguousColumnOrAliasName, code{mysql.ERNonUniq, "23000"}},
	{sql.ErrDuplicateAliasOrTable, code{mysql.ERNonUniqTable, mysql.SSClientError}},
	{sql.ErrFunctionNotFound, code{mysql.ERSPDoesNotExist, mysql.SSClientError}},
	{sql.ErrStoredProcedureDoesNotExist, code{mysql.ERSPDoesNotExist, mysql.SSClientError}},
	{sql.ErrStoredProceduresNotSupported, code{mysql.ERSPDoesNotExist, mysql.SSClientError}},
	{sql.ErrCallIncorrectParameterCount, code{1318, mysql.SSClientError}},
	{sql.ErrInvalidArgumentNumber, code{1582, mysql.SSClientError}},
	{sql.ErrDatabaseNotFound, code{mysql.ERBadDb, mysql.SSClientError}},
	{sql.ErrDatabaseAccessDeniedForUser, code{mysql.ERDBAccessDenied, mysql.SSClientError}},
	{sql.ErrTableAccessDeniedForUser, code{erTableAccessDenied, mysql.SSClientError}},
	{sql.ErrPrivilegeCheckFailed, code{erTableAccessDenied, mysql.SSClientError}},
	{sql.ErrNoDatabaseSelected, code{mysql.ERNoDb, mysql.SSNoDB}},
	{sql.ErrUnknownSystemVariable, code{mysql.ERUnknownSystemVariable, "HY000"}},
	{sql.ErrInvalidSystemVariableValue, code{mysql.ERWrongValueForVar, mysql.SSClientError}},
	{sql.ErrSystemVariableReadOnly, code{mysql.ERIncorrectGlobalLocalVar, "HY000"}},
	{sql.ErrSystemVariableSessionOnly, code{mysql.ERLocalVariable, "HY000"}},
	{sql.ErrSystemVariableGlobalOnly, code{mysql.ERGlobalVariable, "HY000"}},
	{sql.ErrUnknownPreparedStatement, code{1243, "HY000"}},
	{sql.ErrUnboundPreparedStatementVariable, code{mysql.ERParseError, mysql.SSClientError}},
	{sql.ErrUnsupportedSyntax, code{mysql.ERNotSupportedYet, mysql.SSClientError}},
	{sql.ErrUnsupportedFeature, code{mysql.ERNotSupportedYet, mysql.SSClientError}},
	{sql.ErrNonAggregatedColumnWithoutGroupBy, code{mysql.ERMixOfGroupFuncAndFields, mysql.SSClientError}},
	{sql.ErrInvalidOperandColumns, code{mysql.EROperandColumns, mysql.SSWrongNumberOfColumns}},
	{sql.ErrExpectedSingleRow, code{mysql.ERSubqueryNo1Row, mysql.SSWrongNumberOfColumns}},
	{sql.ErrReadOnly, code{mysql.EROptionPreventsStatement, "HY000"}},
	{analyzererrors.ErrReadOnlyDatabase, code{erDatabaseReadOnly, "HY000"}},
	{analyzererrors.ErrValidationGroupBy, code{mysql.ERWrongFieldWithGroup, mysql.SSClientError}},
	{analyzererrors.ErrValidationGroupByOrderBy, code{mysql.ERWrongFieldWithGroup, mysql.SSClientError}},
	{planbuilder.ErrSelectsDifferentLength, code{mysql.ERWrongNumberOfColumnsInSelect, mysql.SSWrongNumberOfColumns}},
}

// gmsTexts are the patterns of gmsErrors: GMS casts an error to text before the
// handler's wrapper sees it.
var gmsTexts = sync.OnceValue(func() []*regexp.Regexp {
	verb := regexp.MustCompile(`%[+#]?[sdvqT]`)
	out := make([]*regexp.Regexp, len(gmsErrors))
	for i, e := range gmsErrors {
		parts := verb.Split(e.kind.Message, -1)
		for j, p := range parts {
			parts[j] = regexp.QuoteMeta(p)
		}
		out[i] = regexp.MustCompile(`(?s)^` + strings.Join(parts, `.*`))
	}
	return out
})

// spelledOut is an error of MySQL's that GMS has made a text of.
var spelledOut = regexp.MustCompile(`(?s)^(.*) \(errno (\d{4,5})\) \(sqlstate (\w{5})\)$`)

// known gives the error its number where GMS gave the general one, and the
// SQLSTATE that belongs to the number.
func known(e *mysql.SQLError) *mysql.SQLError {
	if strings.HasPrefix(e.Message, "syntax error") {
		return mysql.NewSQLError(mysql.ERParseError, mysql.SSClientError, "You have an error in your SQL syntax: %s", strings.TrimPrefix(e.Message, "syntax error "))
	}
	if e.Num != mysql.ERUnknownError && e.State != "HY000" {
		return e
	}
	if strings.HasPrefix(e.Message, "panic recovered") { // GMS's guard; the rest is a stack
		first, _, _ := strings.Cut(e.Message, "\n")
		return mysql.NewSQLError(mysql.ERInternalError, "HY000", "the statement ran into a defect: %s", strings.TrimPrefix(first, "panic recovered: "))
	}
	if m := spelledOut.FindStringSubmatch(e.Message); m != nil { // of the parser's door
		n, _ := strconv.Atoi(m[2])
		return mysql.NewSQLError(n, m[3], "%s", m[1])
	}
	for i, re := range gmsTexts() {
		c := gmsErrors[i].code
		if e.Num == c.number || e.Num == mysql.ERUnknownError && re.MatchString(e.Message) {
			return mysql.NewSQLError(c.number, c.state, "%s", e.Message)
		}
	}
	if e.Num == mysql.ERUnknownError && e.Message == context.Canceled.Error() {
		return errInterrupted
	}
	return e
}
