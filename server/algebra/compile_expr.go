package algebra

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"argo/tables/fault"

	"github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/expression"
	"github.com/dolthub/go-mysql-server/sql/expression/function"
	"github.com/dolthub/go-mysql-server/sql/expression/function/json"
	"github.com/dolthub/go-mysql-server/sql/plan"
	"github.com/dolthub/go-mysql-server/sql/types"
)

// # What a dialect may rely on
//
// Operands have been brought together by Cast{Implied}, so that an operator
// never mixes kinds but where said here. A Cast to Text of the same length and
// another Collation only says how the text is compared. A Bool is the type of
// a value that is 0, 1 or NULL; wherever such a value meets another Int (the
// branches of a Case, the sides of a SetOp) a Cast stands between them, so a
// dialect may hold every Bool column and expression as a BOOLEAN.
//
// Conditions (Filter, Join, Case.When, the operands of and, or, xor, not) are
// always Bool. A constant condition is a Lit with int64 0 or 1, or nil.
//
//	= <=> != < <= > >=   both sides exact numbers (Int and Decimal may meet), or
//	                     both Double, Text of one collation, Binary, Date,
//	                     DateTime, Time or JSON; a NULL literal has the other's
//	                     type. An implied Cast of a Text to JSON makes a string.
//	+ - * / div % neg    numbers; Int, Decimal and Double may meet; Type is the
//	                     result's. A date in arithmetic has become a number
//	                     (20261122, 20261122103015.5) by a Cast
//	& | ^ << >> ~        Int, result BIGINT UNSIGNED
//	and or               two or more conditions;  xor  two;  not  one
//	is null, is not null, is true, is not true, is false, is not false
//	                     one operand; all but the first two take a condition
//	like                 text, pattern, escape: always three, escape a text Lit of
//	                     one character ("" is none); one collation
//	regexp_like          text, pattern[, flags]; REGEXP and RLIKE too
//	coalesce             values of the Call's type; IFNULL too
//	greatest least       values of one type, which is the Call's
//	nullif               is a Case;  if  is a Case
//	collate              one text: an explicit COLLATE; Type says which
//	interval             n, unit: as the offset of a RANGE frame only
//	row                  values: left of InSub with several columns only
//	date_add date_sub    value, n, unit; "+" and "-" INTERVAL, ADDDATE, SUBDATE,
//	                     TIMESTAMPADD too. Unit in capitals: DAY, MONTH,
//	                     MINUTE_SECOND; n is a number, with a compound unit a
//	                     Text ('1:30'); SECOND takes a Decimal. The value is a
//	                     Date, DateTime, Time or a Text (then the result is Text)
//	timestampdiff        from, to, unit: unit last, unlike in SQL
//	extract              value, unit: of the compound units; the simple ones are
//	                     year, quarter, month, week …
//	week yearweek        date, mode: always both; WEEKOFYEAR is mode 3
//	trim                 text, what, "both" | "leading" | "trailing"
//	ln, log              LOG(x) is ln; log has base, x
//	round                number[, digits]
//	from_unixtime        one operand; with a format it stands in date_format
//	json_value           json, path; a RETURNING stands as a Cast around it
//	char                 codes; result Binary, or Text by a Cast around it
//
// DATE(x), TIMESTAMP(x), TIME(x) and CONVERT … USING are Casts. NOW() and its
// like, DATABASE(), USER(), VERSION(), CONNECTION_ID(), @@variables and @user
// variables are Lits. What has a constant value by MySQL's own rules is folded.
// All other functions have their lower-case MySQL name and their arguments in
// SQL order, each brought to the kind that the function takes (functions.go).
// Aggregates: count, sum, avg, min, max, any_value, group_concat, stddev_pop,
// stddev_samp, var_pop, var_samp, bit_and, bit_or, bit_xor, json_arrayagg,
// json_objectagg; windows those and row_number, rank, dense_rank,
// percent_rank, ntile, lag, lead (value, offset[, default]), first_value,
// last_value. sum and avg take numbers, with Type Double where MySQL computes
// in doubles.

// expr compiles e as seen from s.
func (c *compiler) expr(e sql.Expression, s *scope) Expr {
	switch e := e.(type) {
	case *expression.GetField:
		return c.field(e, s)
	case *expression.Literal:
		return c.literal(e.Value(), e.Type(c.ctx))
	case expression.NamedLiteral:
		return c.literal(e.Value(), e.Type(c.ctx))
	}
	if col := s.precomputed(c, e); col != nil {
		return col.ref()
	}
	switch e := e.(type) {
	case *expression.Alias:
		if f := s.byID(e.Id()); f != nil {
			return f.col.ref()
		}
		return c.expr(e.Child, s)
	case *expression.BindVar:
		return &Param{Name: e.Name, Type: gmsType(c.ctx, e.Typ)}
	case *expression.SystemVar, *expression.UserVar, *expression.ProcedureParam:
		return c.evaluate(e)
	case *expression.Wrapper:
		return c.expr(e.Children()[0], s)
	case *expression.EnumToString:
		return c.expr(e.Enum, s)

	case *expression.Equals:
		return c.comparison("=", e.Left(), e.Right(), s)
	case *expression.NullSafeEquals:
		return c.comparison("<=>", e.Left(), e.Right(), s)
	case *expression.LessThan:
		return c.comparison("<", e.Left(), e.Right(), s)
	case *expression.LessThanOrEqual:
		return c.comparison("<=", e.Left(), e.Right(), s)
	case *expression.GreaterThan:
		return c.comparison(">", e.Left(), e.Right(), s)
	case *expression.GreaterThanOrEqual:
		return c.comparison(">=", e.Left(), e.Right(), s)
	case *expression.Between:
		return c.between(e, s)
	case *expression.InTuple:
		return c.in(e.Left(), e.Right(), false, s)
	case *expression.HashInTuple:
		return c.in(e.Left(), e.Right(), false, s)
	case *plan.InSubquery:
		return c.inSubquery(e, false, s)
	case *plan.ExistsSubquery:
		return c.exists(e, false, s)
	case *plan.Subquery:
		return c.scalarSubquery(e, s)
	case *expression.Like:
		return c.like(e, s)

	case *expression.And:
		return c.connect("and", e.LeftChild, e.RightChild, s)
	case *expression.Or:
		return c.connect("or", e.LeftChild, e.RightChild, s)
	case *expression.Xor:
		l, r := c.condition(e.LeftChild, s), c.condition(e.RightChild, s)
		return c.call("xor", boolType.notNull(l.ExprType().NotNull && r.ExprType().NotNull), l, r)
	case *expression.Not:
		return c.not(e.Child, s)
	case *expression.IsNull:
		return c.isNull(c.expr(e.Child, s))
	case *expression.IsTrue:
		name := "is true"
		if hidden(e, "invert").Bool() {
			name = "is false"
		}
		return c.call(name, boolType.notNull(true), c.condition(e.Child, s))

	case *expression.Arithmetic:
		return c.arithmetic(e.Op, e.LeftChild, e.RightChild, s)
	case *expression.Div:
		return c.arithmetic("/", e.LeftChild, e.RightChild, s)
	case *expression.IntDiv:
		return c.arithmetic("div", e.LeftChild, e.RightChild, s)
	case *expression.Mod:
		return c.arithmetic("%", e.LeftChild, e.RightChild, s)
	case *expression.UnaryMinus:
		return c.negate(c.expr(e.Child, s))
	case *expression.BitOp:
		l, r := c.integer(c.expr(e.LeftChild, s)), c.integer(c.expr(e.RightChild, s))
		t := Type{Kind: Int, Unsigned: true, Precision: 20}
		return c.call(e.Op, t.notNull(l.ExprType().NotNull && r.ExprType().NotNull), l, r)

	case *expression.Case:
		return c.caseExpr(e, s)
	case *function.If:
		a := e.Children()
		return c.choose([]Expr{c.condition(a[0], s)}, []Expr{c.expr(a[1], s)}, c.expr(a[2], s))
	case *function.NullIf:
		return c.nullIf(e, s)
	case *function.IfNull:
		return c.coalesce(e.Children(), s)
	case *function.Coalesce:
		return c.coalesce(e.Children(), s)
	case *function.Greatest:
		return c.extreme("greatest", e.Children(), s)
	case *function.Least:
		return c.extreme("least", e.Children(), s)
	case *function.IsNull:
		return c.isNull(c.expr(e.Child, s))

	case *expression.Convert:
		return c.convert(e, s)
	case *expression.ConvertUsing:
		return c.using(e, s)
	case *expression.Binary:
		x := c.expr(e.Child, s)
		return c.cast(x, Type{Kind: Binary, Length: x.ExprType().width(), NotNull: x.ExprType().NotNull}, false)
	case *expression.CollatedExpression:
		return c.collated(e, s)

	case *expression.Interval:
		fail(fault.New(fault.Invalid, "INTERVAL stands only beside + and - or in a function that takes one"))
	case expression.Tuple:
		fail(fault.New(fault.Invalid, "Operand should contain 1 column(s)"))
	case *expression.DistinctExpression:
		unsupported("DISTINCT inside of this function cannot be expressed", "")
	case *expression.MatchAgainst:
		unsupported("MATCH … AGAINST needs a full-text index, which no table here has", "use LIKE '%word%' or REGEXP")
	case sql.FunctionExpression:
		return c.function(e, s)
	}
	unsupported("the expression %s cannot be expressed", "", e)
	return nil
}

// field finds the column that GMS means.
func (c *compiler) field(e *expression.GetField, s *scope) Expr {
	if f := s.byID(e.Id()); f != nil {
		return f.col.ref()
	}
	if f := s.byName(e.Table(), e.Name()); f != nil {
		return f.col.ref()
	}
	if col := s.precomputed(c, e); col != nil {
		return col.ref()
	}
	if e.Table() == "dual" && e.Name() == "" {
		return &Lit{Type: Type{Kind: Null}} // GMS's place holder where there is no FROM
	}
	fail(fault.New(fault.Internal, "the column %s is not among those of its relation", e))
	return nil
}

// call makes a Call, folded where its value is known.
func (c *compiler) call(name string, t Type, args ...Expr) Expr {
	return fold(&Call{Func: name, Args: args, Type: t})
}

// hidden reads a field that GMS keeps to itself: nothing else says which way a
// TRIM goes or what a GROUP_CONCAT puts between.
func hidden(x any, name string) reflect.Value {
	v := reflect.ValueOf(x)
	for v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	return v.FieldByName(name)
}

// fingerprint is equal for expressions that give the same value over the same
// relation.
func (c *compiler) fingerprint(e sql.Expression) string {
	for {
		a, ok := e.(*expression.Alias)
		if !ok {
			break
		}
		e = a.Child
	}
	var b strings.Builder
	var walk func(e sql.Expression)
	walk = func(e sql.Expression) {
		switch e := e.(type) {
		case nil:
			return
		case *expression.Alias:
			walk(e.Child)
			return
		case *expression.GetField:
			if e.Id() != 0 {
				fmt.Fprintf(&b, "#%d ", e.Id())
			} else {
				fmt.Fprintf(&b, "%q ", strings.ToLower(e.Table()+"."+e.Name()))
			}
			return
		case *expression.Literal:
			fmt.Fprintf(&b, "%T %v ", e.Value(), e.Value())
			return
		case *plan.Subquery:
			fmt.Fprintf(&b, "%p ", e)
			return
		}
		fmt.Fprintf(&b, "(%T ", e)
		for _, a := range e.Children() {
			walk(a)
		}
		b.WriteString(")")
	}
	walk(e)
	if _, ok := e.(*expression.GetField); !ok {
		b.WriteString(strings.ToLower(e.String()))
	}
	return b.String()
}

// Conditions.

// condition is e as a condition: what is not 0 is true.
func (c *compiler) condition(e sql.Expression, s *scope) Expr { return c.truth(c.expr(e, s)) }

func (c *compiler) truth(x Expr) Expr {
	t := x.ExprType()
	switch {
	case t.Kind == Int && t.Bool:
		return x
	case t.Kind == Null:
		return c.cast(x, boolType, true)
	}
	if p, ok := x.(*Param); ok {
		p.Type = boolType
		return p
	}
	x = c.number(x)
	zero := Expr(&Lit{Value: int64(0), Type: intType(1).notNull(true)})
	if x.ExprType().Kind == Double {
		zero = &Lit{Value: 0.0, Type: doubleType.notNull(true)}
	}
	return c.call("!=", boolType.notNull(t.NotNull), x, zero)
}

// connect flattens a chain of AND or OR.
func (c *compiler) connect(op string, l, r sql.Expression, s *scope) Expr {
	return c.junction(op, c.condition(l, s), c.condition(r, s))
}

// junction joins conditions by "and" or "or" and drops what cannot matter.
func (c *compiler) junction(op string, conds ...Expr) Expr { return junction(op, conds...) }

func junction(op string, conds ...Expr) Expr {
	var args []Expr
	nn := true
	neutral, absorbing := int64(1), int64(0)
	if op == "or" {
		neutral, absorbing = 0, 1
	}
	for _, x := range conds {
		if k, ok := x.(*Call); ok && k.Func == op {
			args = append(args, k.Args...)
			continue
		}
		args = append(args, x)
	}
	kept := args[:0:0]
	for _, x := range args {
		if l, ok := x.(*Lit); ok && l.Value != nil {
			if v, ok := l.Value.(int64); ok && (v != 0) == (absorbing != 0) {
				return truthLit(absorbing)
			}
			continue
		}
		nn = nn && x.ExprType().NotNull
		kept = append(kept, x)
	}
	switch len(kept) {
	case 0:
		return truthLit(neutral)
	case 1:
		return kept[0]
	}
	return &Call{Func: op, Args: kept, Type: boolType.notNull(nn)}
}

func truthLit(v int64) *Lit { return &Lit{Value: v, Type: boolType.notNull(true)} }

// not negates; a comparison by its opposite, which also NULL agrees with.
func (c *compiler) not(e sql.Expression, s *scope) Expr {
	switch e := e.(type) {
	case *expression.InTuple:
		return c.in(e.Left(), e.Right(), true, s)
	case *expression.HashInTuple:
		return c.in(e.Left(), e.Right(), true, s)
	case *plan.InSubquery:
		return c.inSubquery(e, true, s)
	case *plan.ExistsSubquery:
		return c.exists(e, true, s)
	}
	return c.negation(c.condition(e, s))
}

var opposites = map[string]string{
	"=": "!=", "!=": "=", "<": ">=", ">=": "<", ">": "<=", "<=": ">",
	"is null": "is not null", "is not null": "is null", "is true": "is not true", "is not true": "is true",
	"is false": "is not false", "is not false": "is false",
}

func (c *compiler) negation(x Expr) Expr {
	if k, ok := x.(*Call); ok {
		if o, ok := opposites[k.Func]; ok {
			return c.call(o, k.Type, k.Args...)
		}
		switch k.Func {
		case "not":
			return k.Args[0]
		case "and", "or":
			parts := make([]Expr, len(k.Args))
			for i, a := range k.Args {
				parts[i] = c.negation(a)
			}
			return c.junction(map[string]string{"and": "or", "or": "and"}[k.Func], parts...)
		}
	}
	switch x := x.(type) {
	case *In:
		out := *x
		out.Not = !x.Not
		return fold(&out)
	case *Subquery:
		if x.Kind != Scalar {
			out := *x
			out.Not = !x.Not
			return &out
		}
	}
	return c.call("not", x.ExprType(), x)
}

func (c *compiler) isNull(x Expr) Expr { return c.call("is null", boolType.notNull(true), x) }

// comparison compiles l op r, rows of values too.
func (c *compiler) comparison(op string, l, r sql.Expression, s *scope) Expr {
	ls, rs := elements(l), elements(r)
	if ls == nil && rs == nil {
		return c.compare(op, c.expr(l, s), c.expr(r, s))
	}
	if _, ok := r.(*plan.Subquery); ok && ls != nil {
		unsupported("a row cannot be compared with a subquery by %s", "compare the columns one by one, or use (a, b) IN (SELECT …)", op)
	}
	if len(ls) != len(rs) {
		fail(fault.New(fault.Invalid, "Operand should contain %d column(s)", max(len(ls), 1)))
	}
	return c.compareRows(op, ls, rs, s)
}

// elements are the values of a row, nil where e is no row.
func elements(e sql.Expression) []sql.Expression {
	if t, ok := e.(expression.Tuple); ok {
		if len(t) == 1 {
			return elements(t[0])
		}
		return t
	}
	return nil
}

// compareRows compares rows from the left.
func (c *compiler) compareRows(op string, ls, rs []sql.Expression, s *scope) Expr {
	switch op {
	case "=", "<=>":
		var all []Expr
		for i := range ls {
			all = append(all, c.comparison(op, ls[i], rs[i], s))
		}
		return c.junction("and", all...)
	}
	// (a, b) < (x, y) is a < x OR a = x AND b < y; the last pair by op itself.
	strict := strings.TrimSuffix(op, "=")
	var out Expr
	for i := len(ls) - 1; i >= 0; i-- {
		if i == len(ls)-1 {
			out = c.comparison(op, ls[i], rs[i], s)
			continue
		}
		out = c.junction("or", c.comparison(strict, ls[i], rs[i], s),
			c.junction("and", c.comparison("=", ls[i], rs[i], s), out))
	}
	return out
}

// compare compares two values under MySQL's conversions.
func (c *compiler) compare(op string, l, r Expr) Expr {
	l, r = c.comparable(l, r, true)
	nn := l.ExprType().NotNull && r.ExprType().NotNull || op == "<=>"
	return c.call(op, boolType.notNull(nn), l, r)
}

func (c *compiler) between(e *expression.Between, s *scope) Expr {
	part := func(op string, bound sql.Expression) Expr {
		l, r := c.comparable(c.expr(e.Val, s), c.expr(bound, s), false)
		return c.call(op, boolType.notNull(l.ExprType().NotNull && r.ExprType().NotNull), l, r)
	}
	return c.junction("and", part(">=", e.Lower), part("<=", e.Upper))
}

// in compiles l [NOT] IN (list).
func (c *compiler) in(l, r sql.Expression, not bool, s *scope) Expr {
	list, ok := r.(expression.Tuple)
	if !ok {
		unsupported("IN with %s on its right cannot be expressed", "give a list of values or a subquery", r)
	}
	if ls := elements(l); ls != nil {
		var any []Expr
		for _, e := range list {
			rs := elements(e)
			if len(rs) != len(ls) {
				fail(fault.New(fault.Invalid, "Operand should contain %d column(s)", len(ls)))
			}
			any = append(any, c.compareRows("=", ls, rs, s))
		}
		out := c.junction("or", any...)
		if not {
			return c.negation(out)
		}
		return out
	}
	out := &In{Not: not, Type: boolType}
	uniform := true
	var ors []Expr
	nn := true
	value := c.expr(l, s)
	texts := []Expr{value}
	items := make([]Expr, len(list))
	for i, e := range list {
		if elements(e) != nil {
			fail(fault.New(fault.Invalid, "Operand should contain 1 column(s)"))
		}
		items[i] = c.expr(e, s)
		texts = append(texts, items[i])
	}
	coll := collationOf(texts...)
	for i, item := range items {
		v, x := c.comparable(value, item, false)
		v, x = collate(v, coll), collate(x, coll)
		nn = nn && v.ExprType().NotNull && x.ExprType().NotNull
		if i == 0 {
			out.Value = v
		} else if !uniform || v != out.Value && !sameValue(v, out.Value) {
			uniform = false
		}
		out.List = append(out.List, x)
		ors = append(ors, c.call("=", boolType.notNull(v.ExprType().NotNull && x.ExprType().NotNull), v, x))
	}
	if uniform {
		out.Type = boolType.notNull(nn)
		return fold(out)
	}
	any := c.junction("or", ors...)
	if not {
		return c.negation(any)
	}
	return any
}

func (c *compiler) like(e *expression.Like, s *scope) Expr {
	args := []Expr{c.text(c.expr(e.LeftChild, s)), c.text(c.expr(e.RightChild, s))}
	harmonize(args)
	escape := Expr(&Lit{Value: `\`, Type: textType(1).notNull(true)})
	if e.Escape != nil {
		l, ok := c.expr(e.Escape, s).(*Lit)
		v := ""
		if ok && l.Value != nil {
			v, ok = l.Value.(string)
		}
		if !ok || runes(v) > 1 {
			fail(fault.New(fault.Invalid, "Incorrect arguments to ESCAPE"))
		}
		if l.Value == nil {
			v = `\`
		}
		escape = &Lit{Value: v, Type: textType(1).notNull(true)}
	}
	nn := args[0].ExprType().NotNull && args[1].ExprType().NotNull
	return c.call("like", boolType.notNull(nn), append(args, escape)...)
}

// Subqueries.

func (c *compiler) subquery(q *plan.Subquery, s *scope) *frame {
	return unsorted(c.exact(c.rel(q.Query, s)))
}

func (c *compiler) exists(e *plan.ExistsSubquery, not bool, s *scope) Expr {
	f := unsorted(c.rel(e.Query.Query, s))
	return &Subquery{Kind: Exists, Rel: f.rel, Not: not, Type: boolType.notNull(true)}
}

func (c *compiler) scalarSubquery(e *plan.Subquery, s *scope) Expr {
	f := c.exact(c.rel(e.Query, s))
	if len(f.fields) != 1 {
		fail(fault.New(fault.Invalid, "Operand should contain 1 column(s)"))
	}
	return &Subquery{Kind: Scalar, Rel: f.rel, Type: f.fields[0].col.Type.notNull(false)}
}

func (c *compiler) inSubquery(e *plan.InSubquery, not bool, s *scope) Expr {
	q, ok := e.RightChild.(*plan.Subquery)
	if !ok {
		unsupported("IN with %s on its right cannot be expressed", "give a list of values or a subquery", e.RightChild)
	}
	var values []Expr
	if ls := elements(e.LeftChild); ls != nil {
		for _, l := range ls {
			values = append(values, c.expr(l, s))
		}
	} else {
		values = []Expr{c.expr(e.LeftChild, s)}
	}
	f := c.subquery(q, s)
	if len(f.fields) != len(values) {
		fail(fault.New(fault.Invalid, "Operand should contain %d column(s)", len(values)))
	}
	// Both sides become comparable: the subquery's by a projection.
	p := &Project{In: f.rel}
	changed, nn := false, true
	for i := range values {
		col := f.fields[i].col
		l, r := c.comparable(values[i], col.ref(), true)
		if _, same := r.(*Col); !same {
			changed = true
		}
		nn = nn && l.ExprType().NotNull && r.ExprType().NotNull
		values[i] = l
		p.Exprs = append(p.Exprs, r)
		p.Cols = append(p.Cols, c.column(col.Name, r.ExprType()))
	}
	out := &Subquery{Kind: InSub, Value: values[0], Rel: f.rel, Not: not, Type: boolType.notNull(nn)}
	if changed {
		out.Rel = p
	}
	if len(values) > 1 {
		out.Value = &Call{Func: "row", Args: values}
	}
	return out
}

// unsorted drops an order that nothing can see.
func unsorted(f *frame) *frame {
	for {
		switch r := f.rel.(type) {
		case *Sort:
			f = &frame{rel: r.In, fields: f.fields, known: f.known}
		case *Project:
			if s, ok := r.In.(*Sort); ok {
				r.In = s.In
				continue
			}
			return f
		default:
			return f
		}
	}
}

// Choices.

func (c *compiler) caseExpr(e *expression.Case, s *scope) Expr {
	var when, then []Expr
	for _, b := range e.Branches {
		if e.Expr != nil {
			when = append(when, c.comparison("=", e.Expr, b.Cond, s))
		} else {
			when = append(when, c.condition(b.Cond, s))
		}
		then = append(then, c.expr(b.Value, s))
	}
	var otherwise Expr
	if e.Else != nil {
		otherwise = c.expr(e.Else, s)
	}
	return c.choose(when, then, otherwise)
}

// choose makes a Case whose branches have one type.
func (c *compiler) choose(when, then []Expr, otherwise Expr) Expr {
	if otherwise == nil {
		otherwise = &Lit{Type: Type{Kind: Null}}
	}
	branches := append(append([]Expr(nil), then...), otherwise)
	t := c.unify(branches)
	out := &Case{When: when, Then: branches[:len(then)], Type: t}
	if l, ok := branches[len(then)].(*Lit); !ok || l.Value != nil {
		out.Else = branches[len(then)]
	}
	return fold(out)
}

// unify casts the values to their common type, in place.
func (c *compiler) unify(es []Expr) Type {
	ts := make([]Type, len(es))
	for i, e := range es {
		ts[i] = e.ExprType()
	}
	t := commonType(ts)
	if t.Kind == Text {
		t.Collation = collationOf(es...)
	}
	for i, e := range es {
		nn := e.ExprType().NotNull
		if p, ok := e.(*Param); ok && p.Type.Kind == Null {
			p.Type = t.notNull(false)
			continue
		}
		es[i] = c.cast(e, t.notNull(nn), true)
	}
	return t
}

func (c *compiler) coalesce(args []sql.Expression, s *scope) Expr {
	es := make([]Expr, len(args))
	nn := false
	for i, a := range args {
		es[i] = c.expr(a, s)
		nn = nn || es[i].ExprType().NotNull
	}
	t := c.unify(es)
	if len(es) == 1 {
		return es[0]
	}
	return c.call("coalesce", t.notNull(nn), es...)
}

// nullIf is CASE WHEN a = b THEN NULL ELSE a END: the comparison converts, the
// value does not.
func (c *compiler) nullIf(e *function.NullIf, s *scope) Expr {
	cond := c.comparison("=", e.LeftChild, e.RightChild, s)
	value := c.expr(e.LeftChild, s)
	t := value.ExprType().notNull(false)
	return fold(&Case{When: []Expr{cond}, Then: []Expr{&Lit{Type: t}}, Else: value, Type: t})
}

// extreme is GREATEST or LEAST: dates with texts compare as dates, numbers with
// texts as texts.
func (c *compiler) extreme(name string, args []sql.Expression, s *scope) Expr {
	es := make([]Expr, len(args))
	for i, a := range args {
		es[i] = c.expr(a, s)
	}
	t := c.unify(es)
	if t.Kind == Text {
		harmonize(es)
	}
	return c.call(name, t, es...)
}

// Conversions.

func (c *compiler) convert(e *expression.Convert, s *scope) Expr {
	x := c.expr(e.Child, s)
	nn := x.ExprType().NotNull
	length, scale := int(hidden(e, "typeLength").Int()), int(hidden(e, "typeScale").Int())
	switch to := hidden(e, "castToType").String(); to {
	case "signed":
		return c.cast(x, bigintType.notNull(nn), false)
	case "unsigned":
		return c.cast(x, Type{Kind: Int, Unsigned: true, Precision: 20, NotNull: nn}, false)
	case "decimal":
		if length == 0 {
			length = 10
		}
		if scale > length {
			fail(fault.New(fault.Invalid, "For float(M,D), double(M,D) or decimal(M,D), M must be >= D (column '')"))
		}
		if length > maxPrecision {
			fail(fault.New(fault.Invalid, "Too-big precision %d specified for a cast. Maximum is %d.", length, maxPrecision))
		}
		return c.cast(x, decimalType(length, scale).notNull(nn), false)
	case "double", "real", "float":
		if to == "float" && length < 25 {
			unsupported("CAST(… AS FLOAT) rounds to single precision, which cannot be expressed", "use CAST(… AS DOUBLE)")
		}
		return c.cast(x, doubleType.notNull(nn), false)
	case "char", "nchar":
		t := textType(length)
		if length == 0 {
			t.Length = x.ExprType().width()
		}
		return c.cast(x, t.notNull(nn), false)
	case "binary":
		return c.cast(x, Type{Kind: Binary, Length: length, NotNull: nn}, false)
	case "date":
		return c.cast(x, dateType, false)
	case "datetime":
		return c.cast(x, datetimeType(length), false)
	case "time":
		return c.cast(x, Type{Kind: Time, Scale: length}, false)
	case "year":
		return c.cast(x, Type{Kind: Year}, false)
	case "json":
		return c.cast(x, jsonType, false)
	default:
		unsupported("CAST(… AS %s) cannot be expressed", "", strings.ToUpper(to))
	}
	return nil
}

func (c *compiler) using(e *expression.ConvertUsing, s *scope) Expr {
	x := c.expr(e.Child, s)
	t := x.ExprType()
	switch e.TargetCharSet.Name() {
	case "utf8mb4", "utf8mb3", "utf8":
		return c.cast(x, textType(t.width()).notNull(t.NotNull && t.Kind != Binary), false)
	case "binary":
		return c.cast(x, Type{Kind: Binary, NotNull: t.NotNull}, false)
	}
	unsupported("CONVERT(… USING %s) cannot be expressed: all text is utf8mb4", "use CONVERT(… USING utf8mb4)", e.TargetCharSet.Name())
	return nil
}

func (c *compiler) collated(e *expression.CollatedExpression, s *scope) Expr {
	x := c.text(c.expr(e.Children()[0], s))
	name := sql.CollationID(hidden(e, "collation").Uint()).Name()
	t := x.ExprType()
	switch name {
	case "utf8mb4_0900_ai_ci":
		t.Collation = CI
	case "utf8mb4_0900_bin":
		t.Collation = Bin
	case "utf8mb4_bin", "utf8mb3_bin", "utf8_bin":
		unsupported("the collation %s, which ignores trailing spaces, cannot be expressed", "COLLATE utf8mb4_0900_bin compares byte by byte", name)
	case "binary":
		return c.cast(x, Type{Kind: Binary, Length: t.Length, NotNull: t.NotNull}, false)
	default:
		unsupported("the collation %s cannot be expressed", "COLLATE utf8mb4_0900_ai_ci ignores case and accents, utf8mb4_0900_bin compares byte by byte", name)
	}
	return &Call{Func: "collate", Args: []Expr{x}, Type: t}
}

// Arithmetic.

func (c *compiler) arithmetic(op string, l, r sql.Expression, s *scope) Expr {
	op = strings.ToLower(op)
	if iv, ok := r.(*expression.Interval); ok {
		name := "date_add"
		if op == "-" {
			name = "date_sub"
		}
		return c.dateAdd(name, l, iv, s)
	}
	if iv, ok := l.(*expression.Interval); ok {
		return c.dateAdd("date_add", r, iv, s)
	}
	return c.combine(op, c.expr(l, s), c.expr(r, s))
}

func (c *compiler) combine(op string, x, y Expr) Expr {
	x, y = c.number(x), c.number(y)
	c.typeParams(x, y)
	signed := strings.Contains(c.sess.SQLMode, "NO_UNSIGNED_SUBTRACTION")
	t := arithmeticType(op, x.ExprType(), y.ExprType(), c.divIncrement(), signed)
	return c.call(op, t, x, y)
}

// typeParams gives parameters without a type that of the other side.
func (c *compiler) typeParams(x, y Expr) {
	for _, pair := range [][2]Expr{{x, y}, {y, x}} {
		if p, ok := pair[0].(*Param); ok && p.Type.Kind == Null {
			p.Type = pair[1].ExprType().notNull(false)
			if p.Type.Kind == Null {
				p.Type = doubleType
			}
		}
	}
}

func (c *compiler) divIncrement() int {
	if c.sess.DivPrecisionIncr > 0 {
		return c.sess.DivPrecisionIncr
	}
	return 4
}

func (c *compiler) negate(x Expr) Expr {
	x = c.number(x)
	t := x.ExprType()
	if t.Kind == Int {
		t.Bool = false
		if t.Unsigned {
			t = bigintType.notNull(t.NotNull)
		}
	}
	return c.call("neg", t, x)
}

// dateAdd is value ± INTERVAL n unit: a date stays a date under units of days
// and more, a text gives a text.
func (c *compiler) dateAdd(name string, value sql.Expression, iv *expression.Interval, s *scope) Expr {
	return c.shift(name, c.expr(value, s), c.expr(iv.Child, s), strings.ToUpper(iv.Unit))
}

func (c *compiler) shift(name string, x, n Expr, unit string) Expr {
	t := x.ExprType()
	calendar := false
	switch unit {
	case "DAY", "WEEK", "MONTH", "QUARTER", "YEAR", "YEAR_MONTH":
		calendar = true
	}
	fractional := strings.HasSuffix(unit, "MICROSECOND")
	switch {
	case strings.Contains(unit, "_"):
		n = c.text(n)
	case unit == "SECOND":
		if n = c.number(n); n.ExprType().Kind == Double {
			n = c.cast(n, decimalType(20, 6), true)
		}
	default:
		n = c.integer(n)
	}
	scale := t.Scale
	if fractional {
		scale = 6
	} else if unit == "SECOND" && n.ExprType().Kind == Decimal {
		scale = max(scale, min(n.ExprType().Scale, 6))
	}
	var out Type
	switch {
	case t.Kind == Null:
		out = textType(29)
	case t.Kind == Date && calendar:
		out = dateType
	case t.Kind == Date:
		if !fractional && scale == t.Scale {
			scale = 0
		}
		out = datetimeType(scale)
	case t.Kind == DateTime:
		out = datetimeType(scale)
	case t.Kind == Time && !calendar && unit != "DAY":
		out = Type{Kind: Time, Scale: scale}
	case t.numeric():
		x = c.cast(x, datetimeType(0), true)
		out = datetimeType(scale)
	case t.stringy():
		x = c.text(x)
		out = textType(29)
	default:
		unsupported("INTERVAL arithmetic on a %s cannot be expressed", "cast it to DATETIME first", kindName(t.Kind))
	}
	return c.call(name, out, x, n, unitLit(unit))
}

func unitLit(unit string) *Lit {
	return &Lit{Value: unit, Type: textType(runes(unit)).notNull(true)}
}

// Functions.

func (c *compiler) function(e sql.FunctionExpression, s *scope) Expr {
	if x := c.sessionFunction(e); x != nil {
		return x
	}
	children := e.Children()
	arg := func(i int) Expr { return c.expr(children[i], s) }
	switch e := e.(type) {
	case *function.DateAdd:
		return c.dateAdd("date_add", e.Date, e.Interval, s)
	case *function.DateSub:
		return c.dateAdd("date_sub", e.Date, e.Interval, s)
	case *function.Date:
		return c.cast(arg(0), dateType, false)
	case *function.DatetimeConversion:
		x := c.expr(e.Date, s)
		scale := x.ExprType().Scale
		if x.ExprType().stringy() {
			scale = 6
		}
		return c.cast(x, datetimeType(min(scale, 6)), false)
	case *function.Time:
		x := arg(0)
		t := Type{Kind: Time, Scale: min(x.ExprType().Scale, 6)}
		if x.ExprType().stringy() {
			t.Scale = 6
		}
		return c.cast(x, t, false)
	case *function.TimestampDiff:
		unit, ok := literalText(arg(0))
		if !ok {
			fail(fault.New(fault.Invalid, "TIMESTAMPDIFF needs a unit"))
		}
		return c.apply("timestampdiff", []Expr{arg(1), arg(2), unitLit(strings.ToUpper(unit))})
	case *function.Extract:
		unit, _ := literalText(arg(0))
		return c.extract(strings.ToUpper(unit), arg(1))
	case *function.Week:
		return c.weekOf("week", children, s)
	case *function.YearWeek:
		return c.weekOf("yearweek", children, s)
	case *function.WeekOfYear:
		return c.apply("week", []Expr{arg(0), wholeLit(3)})
	case *function.Trim:
		dir := "both"
		switch d := strings.ToLower(hidden(e, "dir").String()); {
		case strings.HasPrefix(d, "l"):
			dir = "leading"
		case strings.HasPrefix(d, "t"):
			dir = "trailing"
		}
		return c.apply("trim", []Expr{arg(0), arg(1), unitLit(dir)})
	case *function.Log:
		if l, ok := e.LeftChild.(*expression.Literal); ok {
			if f, ok := l.Value().(float64); ok && f == 2.718281828459045 {
				return c.apply("ln", []Expr{arg(1)})
			}
		}
	case *function.FromUnixtime:
		x := c.apply("from_unixtime", []Expr{arg(0)})
		if len(children) == 2 {
			return c.apply("date_format", []Expr{x, arg(1)})
		}
		return x
	case *function.Char:
		args := make([]Expr, len(children))
		for i := range children {
			args[i] = arg(i)
		}
		x := c.apply("char", args)
		if e.Collation != 0 && e.Collation != sql.Collation_binary {
			return c.cast(x, textType(0), false)
		}
		return x
	case *json.JsonValue:
		x := c.apply("json_value", []Expr{c.expr(e.JSON, s), c.expr(e.Path, s)})
		if e.Typ == nil || types.IsText(e.Typ) {
			return x
		}
		return c.cast(x, gmsType(c.ctx, e.Typ).notNull(false), false)
	case *function.Sleep:
		unsupported("SLEEP over a table cannot be expressed", "run SELECT SLEEP(n) alone")
	case *function.Charset, *function.Collation, *function.Coercibility:
		return c.charsetOf(strings.ToLower(e.FunctionName()), arg(0))
	}
	name := strings.ToLower(e.FunctionName())
	if n, ok := functionNames[name]; ok {
		name = n
	}
	args := make([]Expr, 0, len(children))
	for _, a := range children {
		if a != nil {
			args = append(args, c.expr(a, s))
		}
	}
	if name == "field" {
		args = c.alikeArgs(args)
	}
	if _, ok := scalarFunctions[name]; ok {
		return c.apply(name, args)
	}
	t := gmsType(c.ctx, e.Type(c.ctx))
	if t.Kind == Text {
		t.Collation = collationOf(args...)
	}
	return c.call(name, t.notNull(false), args...)
}

// alikeArgs brings the arguments of FIELD to one kind: texts, whole numbers,
// or doubles where they are mixed.
func (c *compiler) alikeArgs(args []Expr) []Expr {
	text, whole := true, true
	for _, a := range args {
		t := a.ExprType()
		text = text && (t.Kind == Text || t.Kind == Null)
		whole = whole && (t.Kind == Int || t.Kind == Null)
	}
	switch {
	case text:
		harmonize(args)
	case whole:
		for i := range args {
			args[i] = c.integer(args[i])
		}
	default:
		for i := range args {
			args[i] = c.toParam(args[i], 'f')
		}
	}
	return args
}

// apply calls a function of the table with its arguments converted.
func (c *compiler) apply(name string, args []Expr) Expr {
	sig := scalarFunctions[name]
	if len(args) < sig.min || sig.max >= 0 && len(args) > sig.max {
		fail(fault.New(fault.Invalid, "Incorrect parameter count in the call to native function '%s'", strings.ToUpper(name)))
	}
	nn := sig.nonNull || sig.total
	var texts []Expr
	for i, a := range args {
		p := sig.params[min(i, len(sig.params)-1)]
		args[i] = c.toParam(a, p)
		nn = nn && (args[i].ExprType().NotNull || sig.total)
		if p == 'T' {
			texts = append(texts, args[i])
		}
	}
	if sig.search {
		harmonize(args)
	}
	t := sig.ret(c, args).notNull(nn)
	if t.Kind == Text && len(texts) > 0 {
		t.Collation = collationOf(texts...)
	}
	return c.call(name, t, args...)
}

// toParam converts an argument to the kind that a letter of a signature says.
func (c *compiler) toParam(x Expr, letter byte) Expr {
	t := x.ExprType()
	if p, ok := x.(*Param); ok && t.Kind == Null {
		p.Type = map[byte]Type{'n': doubleType, 'f': doubleType, 'i': bigintType, 'd': datetimeType(6), 'h': datetimeType(6), 'j': jsonType}[letter]
		if p.Type.Kind == Null {
			p.Type = textType(0)
		}
		return p
	}
	switch letter {
	case 't', 'T':
		return c.text(x)
	case 'n':
		return c.number(x)
	case 'f':
		return c.cast(c.number(x), doubleType.notNull(t.NotNull), true)
	case 'i':
		return c.integer(x)
	case 'd':
		return c.datetime(x)
	case 'h':
		if t.Kind == Time || t.stringy() && t.Kind != Null {
			return c.cast(x, Type{Kind: Time, Scale: 6}, true)
		}
		return c.datetime(x)
	case 'j':
		if t.Kind == JSON || t.Kind == Null {
			return x
		}
		return c.cast(x, jsonType, false)
	case 'x':
		if t.Kind == Binary {
			return x
		}
		return c.text(x)
	}
	return x
}

func (c *compiler) weekOf(name string, children []sql.Expression, s *scope) Expr {
	args := []Expr{c.expr(children[0], s)}
	if len(children) > 1 && children[1] != nil {
		args = append(args, c.expr(children[1], s))
	} else if name == "week" {
		args = append(args, wholeLit(int64(c.sess.DefaultWeekFormat)))
	} else {
		args = append(args, wholeLit(0))
	}
	return c.apply(name, args)
}

func wholeLit(n int64) *Lit {
	return &Lit{Value: n, Type: intType(len(strings.TrimPrefix(strconv.FormatInt(n, 10), "-"))).notNull(true)}
}

func (c *compiler) extract(unit string, x Expr) Expr {
	switch unit {
	case "YEAR", "QUARTER", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND", "MICROSECOND":
		return c.apply(strings.ToLower(unit), []Expr{x})
	case "WEEK":
		return c.apply("week", []Expr{x, wholeLit(int64(c.sess.DefaultWeekFormat))})
	}
	return c.apply("extract", []Expr{x, unitLit(unit)})
}

func (c *compiler) charsetOf(name string, x Expr) Expr {
	t := x.ExprType()
	switch name {
	case "coercibility":
		return wholeLit(int64(coercibility(x)))
	case "charset":
		if t.Kind == Text {
			return textLit("utf8mb4")
		}
		return textLit("binary")
	}
	switch {
	case t.Kind != Text:
		return textLit("binary")
	case t.Collation == Bin:
		return textLit("utf8mb4_0900_bin")
	}
	return textLit("utf8mb4_0900_ai_ci")
}

func textLit(s string) *Lit {
	return &Lit{Value: s, Type: textType(runes(s)).notNull(true)}
}
