package algebra

import (
	"fmt"
	"reflect"
	"strings"

	"argo/tables/fault"

	"github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/expression"
	"github.com/dolthub/go-mysql-server/sql/expression/function"
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
		t := gmsType(c.ctx, e.Typ)
		if t.Kind == Binary && !types.IsBinaryType(e.Typ) {
			t = Type{Kind: Null} // GMS took the type of a list
		}
		return &Param{Name: e.Name, Type: t}
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
	case *function.Quote:
		return c.apply("quote", []Expr{c.expr(e.Child, s)})
	case sql.Aggregation:
		unsupported("%s OVER (…) cannot be expressed: the front takes it for a function without a window", "aggregate in a derived table and join it", e)
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
		v, x := c.comparable(value, item, len(items) == 1)
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
			l, r := c.comparable(c.expr(e.Expr, s), c.expr(b.Cond, s), false)
			when = append(when, c.call("=", boolType.notNull(l.ExprType().NotNull && r.ExprType().NotNull), l, r))
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
