// Package algebra is the typed relational algebra that every statement over an
// Argo table is compiled into: relations and expressions that carry MySQL's
// types, collations and nullability. It is the seam between the front
// (go-mysql-server's resolved plan comes in through Compile) and the targets
// (server/dialect renders it to text).
//
// It knows no target, no file and no cache. A statement that cannot be
// expressed exactly is refused with a fault of kind Unsupported, never
// approximated (I8).
package algebra

import (
	"time"

	"argo/tables"
)

// Kind of a value, in MySQL's terms.
type Kind uint8

const (
	Null     Kind = iota // the type of NULL alone
	Int                  // BIGINT, Unsigned or not; also the type of conditions (0, 1, NULL)
	Decimal              // DECIMAL(Precision, Scale)
	Double               // DOUBLE
	Text                 // VARCHAR/TEXT with a Collation
	Binary               // VARBINARY/BLOB
	Date                 // DATE
	DateTime             // DATETIME(Scale)
	Time                 // TIME(Scale)
	Year                 // YEAR
	JSON                 // JSON
)

// Collation of a Text. Two texts of which one is CI compare as CI.
type Collation uint8

const (
	CI  Collation = iota // utf8mb4_0900_ai_ci: case and accents ignored, no padding (MySQL's default)
	Bin                  // utf8mb4_0900_bin: byte by byte (identifiers)
)

// Type of an expression or a column.
type Type struct {
	Kind      Kind
	Precision int // Decimal; of an Int how many digits it can have, 0: as many as 64 bits
	Scale     int // Decimal; fractional digits of DateTime and Time
	Length    int // Text: characters, Binary: bytes; 0: unknown
	Unsigned  bool
	Bool      bool // Int that can only be 0, 1 or NULL: a condition
	NotNull   bool
	Collation Collation
}

// ColID identifies one column of one occurrence of a relation within a
// statement. Ids are unique in the whole statement, so that a correlated
// reference needs no qualifier.
type ColID int

// Column of a relation.
type Column struct {
	ID   ColID
	Name string // as the client sees it, byte for byte
	Type Type
}

// Rel is a relation. The set is closed: the types below.
type Rel interface{ Columns() []Column }

// Scan reads one occurrence of an Argo table.
type Scan struct {
	Source string // database name, "google_ads"
	Table  string
	Cols   []Column // those the statement needs, named as in the table; Cols may be empty (COUNT(*))
	// Where is what the statement's filters imply about columns of this table.
	// It is a hint: the filters stay in the tree.
	Where tables.Predicate
	// AsOf, where not zero, asks for the rows as they were known then.
	AsOf time.Time
	// Branch says that the rows are a part of a view's, beside those of other
	// connections: the others answer where it fails.
	Branch bool
	// Unique are the columns that together identify a row, as the source says;
	// nil where it says nothing.
	Unique []ColID
	// Limit, where positive, says that any Limit rows answer (a bare SELECT …
	// LIMIT n without order, filter or aggregation); 0: all rows.
	Limit int64
}

// Foreign is a relation that only the front can read (information_schema, a
// user's view of it): Rows gives its rows when the statement runs.
type Foreign struct {
	Name string
	Cols []Column
	// Open is opaque to the algebra: server/engine put it there and takes it out.
	Open any
}

// Values is a list of rows of constants; no rows is the empty relation.
type Values struct {
	Cols []Column
	Rows [][]Expr
	// Unique are columns that together identify a row, nil where none are known.
	Unique []ColID
}

// Filter keeps the rows for which Cond is true (not NULL).
type Filter struct {
	In   Rel
	Cond Expr
}

// Project computes its columns; Cols[i] is the value of Exprs[i].
type Project struct {
	In    Rel
	Cols  []Column
	Exprs []Expr
}

// Aggregate groups by Keys and computes Aggs. Without keys it gives exactly
// one row. Its columns are the keys' followed by the aggregates'. Keys of CI
// text show any one of the group's values, as MySQL does.
type Aggregate struct {
	In      Rel
	KeyCols []Column
	Keys    []Expr
	AggCols []Column
	Aggs    []Agg
}

// Agg is an aggregate call.
type Agg struct {
	Func      string // count, sum, avg, min, max, any_value, group_concat, std…: lower case; "count" without Args is COUNT(*)
	Distinct  bool
	Args      []Expr
	OrderBy   []SortKey // group_concat
	Separator string    // group_concat
	Type      Type
}

// Window adds Cols to the columns of In.
type Window struct {
	In    Rel
	Cols  []Column
	Calls []WindowCall
}

// WindowCall is a function over a window.
type WindowCall struct {
	Func        string
	Args        []Expr
	Distinct    bool
	PartitionBy []Expr
	OrderBy     []SortKey
	Frame       *Frame // nil: SQL's default
	Type        Type
}

// Frame of a window. Bounds: nil is UNBOUNDED on that side.
type Frame struct {
	Rows       bool // ROWS; else RANGE
	Start, End Bound
}

// Bound of a frame.
type Bound struct {
	Unbounded, Current bool
	Preceding          bool
	Offset             Expr // with neither Unbounded nor Current
}

// Sort orders; NULLs first ascending, last descending, as MySQL.
type Sort struct {
	In   Rel
	Keys []SortKey
}

// SortKey of an order.
type SortKey struct {
	Expr Expr
	Desc bool
}

// Limit keeps Count rows after Offset; a nil Count keeps all.
type Limit struct {
	In            Rel
	Offset, Count Expr // nil, Lit or Param
}

// Distinct removes duplicates by the columns' collation.
type Distinct struct{ In Rel }

// JoinKind of a Join.
type JoinKind uint8

const (
	InnerJoin JoinKind = iota // Cond nil: cross
	LeftJoin
	RightJoin
	FullJoin
	SemiJoin // rows of L that have a match; columns of L
	AntiJoin // rows of L that have none; columns of L
)

// Join of two relations. Lateral lets R refer to columns of L.
type Join struct {
	Kind    JoinKind
	L, R    Rel
	Cond    Expr
	Lateral bool
}

// SetOp combines two relations by position into Cols.
type SetOp struct {
	Op   string // union, intersect, except
	All  bool
	L, R Rel
	Cols []Column
}

// Recursive is WITH RECURSIVE: Init UNION [ALL] Step, where Step reads the
// rows so far through a Self with the same Name.
type Recursive struct {
	Name       string
	All        bool
	Init, Step Rel
	Cols       []Column
}

// Self reads the rows of the Recursive called Name.
type Self struct {
	Name string
	Cols []Column
}

func (r *Scan) Columns() []Column      { return r.Cols }
func (r *Foreign) Columns() []Column   { return r.Cols }
func (r *Values) Columns() []Column    { return r.Cols }
func (r *Filter) Columns() []Column    { return r.In.Columns() }
func (r *Project) Columns() []Column   { return r.Cols }
func (r *Sort) Columns() []Column      { return r.In.Columns() }
func (r *Limit) Columns() []Column     { return r.In.Columns() }
func (r *Distinct) Columns() []Column  { return r.In.Columns() }
func (r *SetOp) Columns() []Column     { return r.Cols }
func (r *Recursive) Columns() []Column { return r.Cols }
func (r *Self) Columns() []Column      { return r.Cols }
func (r *Aggregate) Columns() []Column {
	return append(append([]Column(nil), r.KeyCols...), r.AggCols...)
}
func (r *Window) Columns() []Column {
	return append(append([]Column(nil), r.In.Columns()...), r.Cols...)
}
func (r *Join) Columns() []Column {
	if r.Kind == SemiJoin || r.Kind == AntiJoin {
		return r.L.Columns()
	}
	return append(append([]Column(nil), r.L.Columns()...), r.R.Columns()...)
}

// Expr is a scalar expression. The set is closed: the types below.
type Expr interface{ ExprType() Type }

// Col refers to a column of the input, or of an outer query.
type Col struct {
	ID   ColID
	Name string // for EXPLAIN only
	Type Type
}

// Lit is a constant: int64, uint64, *apd.Decimal, float64, string, []byte,
// tables.Day (Date), time.Time in UTC (DateTime), time.Duration (Time) or nil;
// the string of a JSON is its document.
type Lit struct {
	Value any
	Type  Type
}

// Param is a parameter of a prepared statement that has no value yet; it
// occurs when a statement is described, never when it runs.
type Param struct {
	Name string
	Type Type
}

// Call is an operator or a function by its lower-case MySQL name: "+", "-",
// "*", "/", "div", "%", "=", "<=>", "<", "<=", ">", ">=", "!=", "and", "or",
// "xor", "not", "like" (args: value, pattern[, escape]), "regexp", "is null",
// "is true", "is false", "concat", "date_format", "date_add"/"date_sub" (args:
// value, n, unit as a text Lit) and so on. Operators take coerced arguments:
// both sides of a comparison have been brought to comparable types by Cast.
type Call struct {
	Func string
	Args []Expr
	Type Type
}

// Case is CASE: the searched form. Else nil is NULL.
type Case struct {
	When, Then []Expr
	Else       Expr
	Type       Type
}

// Cast converts, explicit or implied. MySQL's conversion rules, not the
// target's: a text that does not begin with a number is 0.
type Cast struct {
	In   Expr
	Type Type
	// Implied marks conversions MySQL makes on its own.
	Implied bool
}

// In is value [NOT] IN (list).
type In struct {
	Value Expr
	List  []Expr
	Not   bool
	Type  Type
}

// SubqueryKind of a Subquery.
type SubqueryKind uint8

const (
	Scalar SubqueryKind = iota // its only column, at most one row, else error 1242
	Exists
	InSub // Value IN (subquery)
)

// Subquery in an expression; it may refer to columns of outer queries.
type Subquery struct {
	Kind  SubqueryKind
	Value Expr // InSub
	Rel   Rel
	Not   bool
	Type  Type
}

func (e *Col) ExprType() Type      { return e.Type }
func (e *Lit) ExprType() Type      { return e.Type }
func (e *Param) ExprType() Type    { return e.Type }
func (e *Call) ExprType() Type     { return e.Type }
func (e *Case) ExprType() Type     { return e.Type }
func (e *Cast) ExprType() Type     { return e.Type }
func (e *In) ExprType() Type       { return e.Type }
func (e *Subquery) ExprType() Type { return e.Type }

// Session is what of the session a statement's meaning depends on.
type Session struct {
	TimeZone          string // IANA name or offset "+09:00"; "" is UTC
	DivPrecisionIncr  int    // @@div_precision_increment, 4
	GroupConcatMaxLen int    // 1024
	Now               int64  // statement time, Unix microseconds: NOW() is one value per statement
	SQLMode           string
	DefaultWeekFormat int
}

// Location is the session's time zone; unknown is UTC.
func (s Session) Location() *time.Location { return location(s.TimeZone) }

// Statement is a compiled statement: the tree, and the columns that the client
// sees in order (a Sort may carry hidden ones).
type Statement struct {
	Root    Rel
	Output  []Column
	Session Session
	// Names are the tables and views that the statement reads as it is written,
	// "source.table", sorted; what is left of it may read fewer.
	Names []string
	// Sums are those that may add up several currencies.
	Sums []Sum
}
