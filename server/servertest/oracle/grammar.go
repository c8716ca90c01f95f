package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// kind of an expression.
type kind uint8

const (
	integer kind = iota
	decimal
	double
	text
	ident
	date
	datetime
	boolean
	kinds
)

// stmt is a statement and whether the order of its rows is told.
type stmt struct {
	text    string
	ordered bool
}

// gen makes one statement.
type gen struct {
	*rand.Rand
	scope []source // what columns are taken from
}

// source is a table in FROM.
type source struct {
	alias string
	table
}

func statement(seed uint64) stmt {
	g := &gen{Rand: rand.New(rand.NewPCG(seed, 0x5eed))}
	switch g.IntN(10) {
	case 0, 1, 2:
		return g.project()
	case 3, 4, 5:
		return g.aggregate()
	case 6:
		return g.window()
	case 7:
		return g.union()
	case 8:
		return g.derived()
	default:
		return g.subqueries()
	}
}

func (g *gen) one(choices ...string) string { return choices[g.IntN(len(choices))] }

func (g *gen) chance(n int) bool { return g.IntN(n) == 0 }

func (g *gen) kind() kind { return kind(g.IntN(int(kinds))) }

// from gives a FROM clause and sets the scope.
func (g *gen) from() string {
	t1, t2 := source{"a", tablesOf[0]}, source{"b", tablesOf[1]}
	switch g.IntN(8) {
	case 0:
		g.scope = []source{t1, t2}
		return fmt.Sprintf("t1 a %s t2 b ON %s", g.one("JOIN", "LEFT JOIN", "RIGHT JOIN"), g.one("a.j = b.r", "a.id = b.id", "a.s = b.name", "a.d = b.day", "a.i = b.r AND b.w IS NOT NULL", "a.k = b.name", "a.j < b.r AND b.id < 5", "a.m > b.w AND a.id < 9"))
	case 1:
		g.scope = []source{t1, {"b", tablesOf[0]}}
		return "t1 a JOIN t1 b ON " + g.one("a.id = b.id", "a.j = b.i", "a.s = b.s AND a.id = b.j", "a.s = b.k AND b.id < 20")
	case 2:
		g.scope = []source{{"a", tablesOf[1]}}
		return "t2 a"
	}
	g.scope = []source{t1}
	return "t1 a"
}

// column of a kind in scope, or "".
func (g *gen) column(k kind) string {
	var all []string
	for _, s := range g.scope {
		for _, c := range s.cols {
			if c.kind == k {
				all = append(all, s.alias+"."+c.name)
			}
		}
	}
	if len(all) == 0 {
		return ""
	}
	return g.one(all...)
}

func (g *gen) literal(k kind) string {
	switch k {
	case integer:
		return g.one("0", "1", "2", "3", "-1", "10", "100", "7", "255", "-5", "NULL")
	case decimal:
		return g.one("0.5", "1.25", "-2.50", "100.00", "0.01", "3.14159", "1000000.5", "0.0")
	case double:
		return g.one("1e0", "2.5e0", "-1e1", "1e-3")
	case text, ident:
		return g.one("'a'", "'A'", "''", "'abc'", "'한글'", "'10'", "'zoe'", "' '", "'2026-01-05'", "'x'", "'ß'", "'-3.5'", "'a,b,c'", "'%'", "NULL")
	case date:
		return g.one("DATE '2026-01-31'", "CAST('2024-02-29' AS DATE)", "DATE '2026-11-22'")
	case datetime:
		return g.one("TIMESTAMP '2026-01-05 10:11:12'", "CAST('2026-03-08 02:30:00' AS DATETIME)", "CAST('2025-12-31 23:59:59.75' AS DATETIME(6))")
	}
	return g.one("TRUE", "FALSE", "NULL")
}

// ids order the rows of the scope whatever they hold.
func (g *gen) ids() string {
	var out []string
	for _, s := range g.scope {
		out = append(out, s.alias+".id")
	}
	return strings.Join(out, ", ")
}

func (g *gen) unit() string {
	return g.one("DAY", "WEEK", "MONTH", "QUARTER", "YEAR", "HOUR", "MINUTE", "SECOND")
}

// expr of a kind, at most depth deep.
func (g *gen) expr(k kind, depth int) string {
	if depth <= 0 || g.chance(4) {
		if c := g.column(k); c != "" && !g.chance(4) {
			return c
		}
		return g.literal(k)
	}
	e := func(k kind) string { return g.expr(k, depth-1) }
	f := fmt.Sprintf
	if g.chance(5) { // what every kind has
		switch g.IntN(6) {
		case 0:
			return f("IF(%s, %s, %s)", e(boolean), e(k), e(k))
		case 1:
			return f("COALESCE(%s, %s)", e(k), e(k))
		case 2:
			return f("CASE WHEN %s THEN %s WHEN %s THEN %s ELSE %s END", e(boolean), e(k), e(boolean), e(k), e(k))
		case 3:
			return f("NULLIF(%s, %s)", e(k), e(k))
		case 4:
			return f("%s(%s, %s)", g.one("GREATEST", "LEAST"), e(k), e(k))
		default:
			return f("IFNULL(%s, %s)", e(k), e(k))
		}
	}
	switch k {
	case integer:
		switch g.IntN(26) {
		case 0, 1, 2:
			return f("(%s %s %s)", e(integer), g.one("+", "-", "*"), e(integer))
		case 3:
			return f("(%s %s %s)", e(integer), g.one("DIV", "%"), e(integer))
		case 4:
			return f("ABS(%s)", e(integer))
		case 5:
			return f("%s(%s)", g.one("LENGTH", "CHAR_LENGTH", "ASCII", "ORD", "BIT_LENGTH", "CRC32"), e(text))
		case 6:
			return f("%s(%s)", g.one("SIGN", "FLOOR", "CEIL"), e(decimal))
		case 7, 8:
			return f("%s(%s)", g.one("YEAR", "MONTH", "DAY", "DAYOFWEEK", "WEEKDAY", "QUARTER", "DAYOFYEAR", "TO_DAYS", "YEARWEEK", "WEEKOFYEAR"), e(date))
		case 9:
			return f("WEEK(%s, %d)", e(date), g.IntN(8))
		case 10:
			return f("DATEDIFF(%s, %s)", e(date), e(g.pick(date, datetime)))
		case 11:
			return f("TIMESTAMPDIFF(%s, %s, %s)", g.unit(), e(datetime), e(g.pick(date, datetime)))
		case 12:
			return f("%s(%s)", g.one("HOUR", "MINUTE", "SECOND", "MICROSECOND"), e(datetime))
		case 13:
			return f("%s(%s, %s)", g.one("LOCATE", "INSTR", "STRCMP", "FIND_IN_SET"), e(text), e(text))
		case 14:
			return f("CAST(%s AS %s)", e(g.kind()), g.one("SIGNED", "UNSIGNED"))
		case 15:
			return f("(%s %s %s)", e(integer), g.one("&", "|", "^"), e(integer))
		case 16:
			return f("(%s %s %d)", e(integer), g.one("<<", ">>"), g.IntN(66))
		case 17:
			return f("FIELD(%s, %s, %s)", e(text), e(text), e(text))
		case 18:
			return f("EXTRACT(%s FROM %s)", g.one("YEAR", "MONTH", "DAY", "QUARTER", "WEEK", "HOUR", "YEAR_MONTH", "DAY_HOUR", "MINUTE_SECOND"), e(datetime))
		case 19:
			return f("(- %s)", e(integer))
		case 20:
			return f("BIT_COUNT(%s)", e(integer))
		case 21:
			return f("MOD(%s, %s)", e(integer), e(integer))
		case 22:
			return f("ROUND(%s, %d)", e(integer), g.IntN(4)-2)
		case 23:
			return f("INTERVAL(%s, %s, %s)", e(integer), e(integer), e(integer))
		case 24:
			return f("(%s + %s)", e(boolean), e(boolean))
		default:
			return f("(~ %s)", e(integer))
		}
	case decimal:
		switch g.IntN(12) {
		case 0, 1, 2:
			return f("(%s %s %s)", e(decimal), g.one("+", "-", "*", "/"), e(g.pick(decimal, integer)))
		case 3:
			return f("ROUND(%s, %d)", e(decimal), g.IntN(6)-2)
		case 4:
			return f("TRUNCATE(%s, %d)", e(decimal), g.IntN(6)-2)
		case 5:
			return f("ABS(%s)", e(decimal))
		case 6:
			return f("(%s %% %s)", e(decimal), e(g.pick(decimal, integer)))
		case 7:
			return f("CAST(%s AS DECIMAL(%s))", e(g.kind()), g.one("10,2", "20,6", "12,0", "30,10"))
		case 8:
			return f("(%s / %s)", e(integer), e(integer))
		case 9:
			return f("(- %s)", e(decimal))
		case 10:
			return f("ROUND(%s)", e(decimal))
		default:
			return f("(%s * %s)", e(integer), e(decimal))
		}
	case double:
		switch g.IntN(8) {
		case 0, 1:
			return f("(%s %s %s)", e(double), g.one("+", "-", "*", "/"), e(g.pick(double, integer, decimal)))
		case 2:
			return f("SQRT(ABS(%s))", e(g.pick(double, decimal)))
		case 3:
			return f("ROUND(%s, %d)", e(double), g.IntN(4))
		case 4:
			return f("CAST(%s AS DOUBLE)", e(g.kind()))
		case 5:
			return f("ABS(%s)", e(double))
		case 6:
			return f("(%s + 0e0)", e(g.pick(text, integer, decimal)))
		default:
			return f("POW(%s, %d)", e(double), g.IntN(3))
		}
	case text, ident:
		switch g.IntN(20) {
		case 0, 1:
			return f("CONCAT(%s, %s)", e(text), e(g.kind()))
		case 2:
			return f("CONCAT_WS(%s, %s, %s)", g.one("','", "'-'", "''"), e(text), e(g.kind()))
		case 3:
			return f("%s(%s)", g.one("UPPER", "LOWER", "TRIM", "LTRIM", "RTRIM", "REVERSE", "HEX", "MD5", "QUOTE"), e(text))
		case 4:
			return f("SUBSTRING(%s, %d, %d)", e(text), g.IntN(7)-3, g.IntN(5)-1)
		case 5:
			return f("%s(%s, %d)", g.one("LEFT", "RIGHT"), e(text), g.IntN(6)-1)
		case 6:
			return f("%s(%s, %d, %s)", g.one("LPAD", "RPAD"), e(text), g.IntN(9), g.one("'*'", "'ab'", "'한'", "''"))
		case 7:
			return f("REPLACE(%s, %s, %s)", e(text), g.one("'a'", "'한'", "''", "'b'"), e(text))
		case 8:
			return f("REPEAT(%s, %d)", e(text), g.IntN(4)-1)
		case 9, 10:
			return f("DATE_FORMAT(%s, %s)", e(g.pick(date, datetime)), g.one("'%Y-%m'", "'%Y-%m-%d %H:%i:%s'", "'%x-W%v'", "'%b %e, %Y'", "'%W %j'", "'%f %p %r'", "'%U %u %V %X'", "'%D %M %y %a %k %l %T'"))
		case 11:
			return f("CAST(%s AS CHAR)", e(g.kind()))
		case 12:
			return f("CAST(%s AS CHAR(%d))", e(text), 1+g.IntN(4))
		case 13:
			return f("FORMAT(%s, %d)", e(g.pick(decimal, integer)), g.IntN(4))
		case 14:
			return f("SUBSTRING_INDEX(%s, %s, %d)", e(text), g.one("','", "'a'", "'-'"), g.IntN(5)-2)
		case 15:
			return f("ELT(%s, %s, %s)", e(integer), e(text), e(text))
		case 16:
			return f("INSERT(%s, %d, %d, %s)", e(text), g.IntN(4), g.IntN(3), e(text))
		case 17:
			return f("%s(%s)", g.one("DAYNAME", "MONTHNAME"), e(date))
		case 18:
			return f("CONV(%s, 10, %d)", e(integer), []int{2, 8, 16, 36}[g.IntN(4)])
		default:
			return f("TRIM(%s %s FROM %s)", g.one("LEADING", "TRAILING", "BOTH"), g.one("'a'", "' '", "'한'"), e(text))
		}
	case date:
		switch g.IntN(7) {
		case 0:
			return f("DATE(%s)", e(datetime))
		case 1, 2:
			return f("DATE_%s(%s, INTERVAL %s %s)", g.one("ADD", "SUB"), e(date), g.one("1", "-1", "3", "12", "a.id"), g.one("DAY", "WEEK", "MONTH", "QUARTER", "YEAR"))
		case 3:
			return f("LAST_DAY(%s)", e(g.pick(date, datetime)))
		case 4:
			return f("MAKEDATE(%d, %s)", 2020+g.IntN(8), g.one("1", "60", "366", "0"))
		case 5:
			return f("STR_TO_DATE(%s, '%%Y-%%m-%%d')", g.one("'2026-01-05'", "'2026-02-30'", "a.s"))
		default:
			return f("CAST(%s AS DATE)", e(g.pick(text, datetime, date)))
		}
	case datetime:
		switch g.IntN(6) {
		case 0:
			return f("TIMESTAMP(%s)", e(date))
		case 1, 2:
			return f("DATE_%s(%s, INTERVAL %s %s)", g.one("ADD", "SUB"), e(datetime), g.one("1", "-1", "30", "200"), g.unit())
		case 3:
			return f("(%s + INTERVAL %s %s)", e(g.pick(date, datetime)), g.one("1", "-5", "90"), g.one("HOUR", "MINUTE", "SECOND"))
		case 4:
			return f("CAST(%s AS DATETIME(%d))", e(g.pick(text, datetime, date)), g.IntN(7))
		default:
			return f("TIMESTAMPADD(%s, %s, %s)", g.unit(), g.one("1", "-1", "7"), e(datetime))
		}
	}
	switch g.IntN(14) {
	case 0, 1, 2:
		k := g.kind()
		return f("(%s %s %s)", e(k), g.one("=", "<>", "<", "<=", ">", ">=", "<=>"), e(k))
	case 3:
		return f("(%s %s %s)", e(g.kind()), g.one("=", "<", ">="), e(g.kind()))
	case 4:
		return f("(%s %s %s)", e(text), g.one("LIKE", "NOT LIKE"), g.one("'a%'", "'%B%'", "'_'", "'한%'", "'%\\\\%%'", "'%ss%'", "''", "'%'", "'zo_'"))
	case 5:
		k := g.kind()
		return f("(%s %s (%s, %s, %s))", e(k), g.one("IN", "NOT IN"), e(k), g.literal(k), g.literal(k))
	case 6:
		k := g.kind()
		return f("(%s %s %s AND %s)", e(k), g.one("BETWEEN", "NOT BETWEEN"), e(k), e(k))
	case 7:
		return f("(%s IS %s)", e(g.kind()), g.one("NULL", "NOT NULL"))
	case 8, 9:
		return f("(%s %s %s)", e(boolean), g.one("AND", "OR", "XOR"), e(boolean))
	case 10:
		return f("(NOT %s)", e(boolean))
	case 11:
		return f("(%s IS %s)", e(boolean), g.one("TRUE", "FALSE", "NOT TRUE", "NOT FALSE", "UNKNOWN"))
	case 12:
		return f("(%s REGEXP %s)", e(text), g.one("'^a'", "'b$'", "'[0-9]+'", "'한'"))
	default:
		return f("ISNULL(%s)", e(g.kind()))
	}
}

func (g *gen) pick(k ...kind) kind { return k[g.IntN(len(k))] }

func (g *gen) where(depth int) string {
	if g.chance(3) {
		return ""
	}
	return " WHERE " + g.expr(boolean, depth)
}

func (g *gen) project() stmt {
	from := g.from()
	n := 1 + g.IntN(4)
	cols := make([]string, n)
	for i := range cols {
		cols[i] = g.expr(g.kind(), 3)
		if g.chance(2) {
			cols[i] += fmt.Sprintf(" AS c%d", i)
		}
	}
	head := "SELECT "
	if g.chance(6) {
		head += "DISTINCT "
	}
	q := head + strings.Join(cols, ", ") + " FROM " + from + g.where(3)
	if head == "SELECT " && g.chance(3) {
		keys := make([]string, 0, 4)
		for range g.IntN(3) {
			keys = append(keys, g.expr(g.kind(), 1)+g.one("", " DESC"))
		}
		keys = append(keys, g.ids())
		q += " ORDER BY " + strings.Join(keys, ", ")
		if g.chance(2) {
			q += fmt.Sprintf(" LIMIT %d", g.IntN(20))
			if g.chance(3) {
				q += fmt.Sprintf(" OFFSET %d", g.IntN(10))
			}
		}
		return stmt{q, true}
	}
	return stmt{q, false}
}

func (g *gen) agg(depth int) string {
	e := func(k kind) string { return g.expr(k, depth) }
	f := fmt.Sprintf
	switch g.IntN(12) {
	case 0:
		return "COUNT(*)"
	case 1:
		return f("COUNT(%s)", e(g.kind()))
	case 2:
		return f("COUNT(DISTINCT %s)", e(g.kind()))
	case 3, 4:
		return f("SUM(%s)", e(g.pick(integer, decimal, boolean)))
	case 5, 6:
		return f("AVG(%s)", e(g.pick(integer, decimal)))
	case 7:
		return f("%s(%s)", g.one("MIN", "MAX"), e(g.pick(integer, decimal, double, date, datetime, boolean)))
	case 8:
		return f("SUM(DISTINCT %s)", e(g.pick(integer, decimal)))
	case 9:
		return f("%s(%s)", g.one("BIT_AND", "BIT_OR", "BIT_XOR"), e(integer))
	case 10:
		return f("GROUP_CONCAT(%s ORDER BY %s SEPARATOR '|')", e(g.pick(integer, decimal, text, date)), g.ids())
	default:
		return f("SUM(IF(%s, %s, 0))", e(boolean), e(g.pick(integer, decimal)))
	}
}

func (g *gen) aggregate() stmt {
	from := g.from()
	var keys, cols []string
	for range g.IntN(3) {
		k := g.expr(g.pick(integer, decimal, date, datetime, boolean), 1+g.IntN(2))
		if g.chance(4) {
			k = g.column(ident)
		}
		if k == "" || strings.Contains(k, "NULL") || !strings.Contains(k, ".") {
			continue // a constant, which is a position to MySQL if it is a number
		}
		keys = append(keys, k)
	}
	for i, k := range keys {
		cols = append(cols, fmt.Sprintf("%s AS g%d", k, i))
	}
	for i := range 1 + g.IntN(3) {
		a := g.agg(2)
		switch g.IntN(6) {
		case 0:
			a = fmt.Sprintf("ROUND(%s / NULLIF(COUNT(*), 0), 2)", a)
		case 1:
			a = fmt.Sprintf("COALESCE(%s, 0)", a)
		}
		cols = append(cols, fmt.Sprintf("%s AS v%d", a, i))
	}
	q := "SELECT " + strings.Join(cols, ", ") + " FROM " + from + g.where(2)
	if len(keys) > 0 {
		names := make([]string, len(keys))
		for i := range keys {
			names[i] = fmt.Sprintf("g%d", i)
			if g.chance(3) {
				names[i] = keys[i]
			}
		}
		q += " GROUP BY " + strings.Join(names, ", ")
	}
	if g.chance(4) {
		q += " HAVING " + g.agg(1) + g.one(" > 0", " IS NOT NULL", " < 100")
	}
	return stmt{q, false}
}

func (g *gen) window() stmt {
	from := g.from()
	over := func(ordered bool) string {
		w := ""
		if g.chance(2) {
			w = "PARTITION BY " + g.expr(g.pick(integer, ident, date, boolean), 1)
		}
		if ordered || g.chance(2) {
			w += " ORDER BY " + g.expr(g.pick(integer, decimal, date, text), 1) + g.one("", " DESC") + ", " + g.ids()
			if g.chance(4) {
				w += g.one(" ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW", " ROWS BETWEEN 2 PRECEDING AND 1 FOLLOWING", " ROWS UNBOUNDED PRECEDING")
			}
		}
		return " OVER (" + strings.TrimSpace(w) + ")"
	}
	var cols []string
	for i := range 1 + g.IntN(2) {
		var w string
		switch g.IntN(4) {
		case 0:
			w = g.one("ROW_NUMBER()", "RANK()", "DENSE_RANK()", "NTILE(3)", "PERCENT_RANK()", "CUME_DIST()") + over(true)
		case 1:
			w = fmt.Sprintf("%s(%s, %d)", g.one("LAG", "LEAD"), g.expr(g.kind(), 1), g.IntN(3)) + over(true)
		case 2:
			w = fmt.Sprintf("%s(%s)", g.one("FIRST_VALUE", "LAST_VALUE"), g.expr(g.kind(), 1)) + over(true)
		default:
			w = fmt.Sprintf("%s(%s)", g.one("SUM", "AVG", "COUNT", "MIN", "MAX"), g.expr(g.pick(integer, decimal), 1)) + over(false)
		}
		cols = append(cols, fmt.Sprintf("%s AS w%d", w, i))
	}
	return stmt{"SELECT a.id, " + strings.Join(cols, ", ") + " FROM " + from + g.where(2), false}
}

func (g *gen) union() stmt {
	n := 1 + g.IntN(3)
	ks := make([]kind, n)
	for i := range ks {
		ks[i] = g.pick(integer, decimal, double, date, datetime)
	}
	part := func() string {
		from := g.from()
		cols := make([]string, n)
		for i, k := range ks {
			if g.chance(5) {
				k = g.pick(integer, decimal)
			}
			cols[i] = fmt.Sprintf("%s AS u%d", g.expr(k, 2), i)
		}
		return "SELECT " + strings.Join(cols, ", ") + " FROM " + from + g.where(2)
	}
	return stmt{part() + g.one(" UNION ", " UNION ALL ") + part(), false}
}

func (g *gen) derived() stmt {
	from := g.from()
	k1, k2 := g.pick(integer, decimal, date), g.pick(integer, decimal)
	inner := fmt.Sprintf("SELECT %s AS x, %s AS y, a.id AS z FROM %s%s", g.expr(k1, 2), g.expr(k2, 2), from, g.where(2))
	g.scope = []source{{"q", table{name: "q", cols: []column{{name: "x", kind: k1}, {name: "y", kind: k2}, {name: "z", kind: integer}}}}}
	outer := fmt.Sprintf("SELECT %s AS o, SUM(q.y) AS s, COUNT(*) AS n FROM %%s%s GROUP BY o", g.expr(g.pick(k1, integer), 1)+"", g.where(1))
	if !strings.Contains(outer, "q.") {
		outer = "SELECT q.x AS o, MAX(q.y) AS s, COUNT(*) AS n FROM %s GROUP BY q.x"
	}
	if g.chance(2) {
		return stmt{"WITH q AS (" + inner + ") " + fmt.Sprintf(strings.ReplaceAll(strings.ReplaceAll(outer, "%", "%%"), "FROM %%s", "FROM %s"), "q"), false}
	}
	return stmt{fmt.Sprintf(strings.ReplaceAll(strings.ReplaceAll(outer, "%", "%%"), "FROM %%s", "FROM %s"), "("+inner+") q"), false}
}

func (g *gen) subqueries() stmt {
	g.scope = []source{{"a", tablesOf[0]}}
	var where string
	switch g.IntN(6) {
	case 0:
		where = fmt.Sprintf("%s %s (SELECT b.r FROM t2 b WHERE %s)", g.expr(integer, 1), g.one("IN", "NOT IN"), g.one("b.r > 2", "b.r IS NOT NULL", "b.id < 10"))
	case 1:
		where = fmt.Sprintf("%s (SELECT 1 FROM t2 b WHERE %s)", g.one("EXISTS", "NOT EXISTS"), g.one("b.r = a.j", "b.name = a.s", "b.day = a.d AND b.w > 0", "b.id = a.i + 1"))
	case 2:
		where = fmt.Sprintf("%s %s (SELECT %s FROM t2 b%s)", g.expr(integer, 1), g.one("<", "=", ">="), g.one("MAX(b.r)", "MIN(b.id)", "COUNT(*)", "AVG(b.r)"), g.one("", " WHERE b.id = a.id", " WHERE b.name = a.s"))
	case 3:
		where = fmt.Sprintf("a.s %s (SELECT b.name FROM t2 b WHERE b.name IS NOT NULL)", g.one("IN", "NOT IN"))
	case 4:
		where = fmt.Sprintf("a.i %s %s (SELECT b.r FROM t2 b WHERE b.r IS NOT NULL AND b.id < %d)", g.one("<", ">", "=", "<>"), g.one("ANY", "ALL"), g.IntN(8))
	default:
		where = g.expr(boolean, 2)
	}
	cols := []string{"a.id", g.expr(g.kind(), 2) + " AS e"}
	if g.chance(2) {
		cols = append(cols, "(SELECT "+g.one("MAX(b.w)", "COUNT(*)", "SUM(b.r)", "MIN(b.day)")+" FROM t2 b WHERE "+g.one("b.id = a.id", "b.r = a.j", "b.name = a.s", "b.day <= a.d")+") AS sub")
	}
	return stmt{"SELECT " + strings.Join(cols, ", ") + " FROM t1 a WHERE " + where + " ORDER BY a.id", true}
}
