package duckdb

import (
	"fmt"
	"strings"

	"argo/server/algebra"
	"argo/tables/fault"
)

var operators = map[string]renderCall{
	"=": compare, "!=": compare, "<": compare, "<=": compare, ">": compare, ">=": compare, "<=>": compare,
	"and": connect, "or": connect, "xor": xor,
	"not": func(r *renderer, c *algebra.Call) frag {
		return cond("(NOT " + r.truth(r.expr(c.Args[0])) + ")")
	},
	"is null":     func(r *renderer, c *algebra.Call) frag { return cond("(" + r.expr(c.Args[0]).sql + " IS NULL)") },
	"is not null": func(r *renderer, c *algebra.Call) frag { return cond("(" + r.expr(c.Args[0]).sql + " IS NOT NULL)") },
	"is true":     is, "is not true": is, "is false": is, "is not false": is,
	"+": arithmetic, "-": arithmetic, "*": arithmetic, "/": arithmetic, "div": arithmetic, "%": arithmetic,
	"neg": negate,
	"&":   bitwise, "|": bitwise, "^": bitwise, "<<": bitwise, ">>": bitwise, "~": bitwise,
	"like": like, "regexp": regexpLike, "regexp_like": regexpLike,
	"row": func(r *renderer, c *algebra.Call) frag { return r.unsupported("a row of values is not supported here") },
}

func compare(r *renderer, c *algebra.Call) frag {
	a, b := r.pair(r.expr(c.Args[0]), r.expr(c.Args[1]))
	op := c.Func
	switch op {
	case "!=":
		op = "<>"
	case "<=>":
		op = "IS NOT DISTINCT FROM"
	}
	return cond("(" + a + " " + op + " " + b + ")")
}

func connect(r *renderer, c *algebra.Call) frag {
	parts := make([]string, len(c.Args))
	for i, e := range c.Args {
		parts[i] = r.truth(r.expr(e))
	}
	return cond("(" + strings.Join(parts, " "+strings.ToUpper(c.Func)+" ") + ")")
}

func xor(r *renderer, c *algebra.Call) frag {
	return cond("(" + r.truth(r.expr(c.Args[0])) + " <> " + r.truth(r.expr(c.Args[1])) + ")")
}

func is(r *renderer, c *algebra.Call) frag {
	t := r.truth(r.expr(c.Args[0]))
	not, word := "IS NOT DISTINCT FROM ", strings.TrimPrefix(c.Func, "is ")
	if w, ok := strings.CutPrefix(word, "not "); ok {
		not, word = "IS DISTINCT FROM ", w
	}
	return cond("(" + t + " " + not + word + ")")
}

// arithmetic computes in the kind of the result: whole numbers and Decimals
// exactly, where DuckDB reports what does not fit.
func arithmetic(r *renderer, c *algebra.Call) frag {
	if len(c.Args) == 1 && c.Func == "-" {
		return negate(r, c)
	}
	a, b := r.number(r.expr(c.Args[0])), r.number(r.expr(c.Args[1]))
	t := c.Type
	if c.Func == "div" {
		return r.wholeQuotient(a, b, t)
	}
	if t.Kind == algebra.Double || a.t.Kind == algebra.Double || b.t.Kind == algebra.Double {
		x, y := r.double(a).sql, r.double(b).sql
		switch c.Func {
		case "/":
			return value(call("argo_finite", "("+x+" / NULLIF("+y+", 0))"), doubleT)
		case "%":
			return value("("+x+" % NULLIF("+y+", 0))", doubleT)
		}
		return value(call("argo_finite", "("+x+" "+c.Func+" "+y+")"), doubleT)
	}
	scaleOf := func(f frag) int {
		if f.t.Kind == algebra.Decimal {
			return f.t.Scale
		}
		return 0
	}
	// DuckDB multiplies and adds what has 18 digits or less in 64 bits.
	if t.Kind == algebra.Decimal && t.Precision > 18 && a.t.Kind == algebra.Decimal && strings.Contains("+-*", c.Func) {
		a.sql = castTo(a.sql, fmt.Sprintf("DECIMAL(38,%d)", a.t.Scale))
	} else if t.Kind == algebra.Decimal && t.Precision > 18 && b.t.Kind == algebra.Decimal && strings.Contains("+-*", c.Func) {
		b.sql = castTo(b.sql, fmt.Sprintf("DECIMAL(38,%d)", b.t.Scale))
	}
	switch c.Func {
	case "/":
		scale := t.Scale
		k := scale - scaleOf(a) + scaleOf(b)
		name := "argo_div"
		if quotientDigits(scaleOf(a), scaleOf(b), r.increment()) <= scale {
			name = "argo_quotient"
		}
		return unscaled(call(name, a.sql, b.sql, intLiteral(int64(k))), scale)
	case "%":
		if t.Kind == algebra.Int {
			return r.wholeMod(a, b, t)
		}
		scale := max(scaleOf(a), scaleOf(b))
		g := unscaled(call("argo_mod", a.rescaled(scale).sql, b.rescaled(scale).sql), scale)
		g.declared = t.Scale
		return g
	}
	if t.Kind == algebra.Int {
		return r.wholeArithmetic(c.Func, a, b, t)
	}
	if c.Func == "*" {
		if scaleOf(a)+scaleOf(b) > 24 && (a.declared < scaleOf(a) || b.declared < scaleOf(b)) {
			a, b = a.settled(), b.settled()
		}
		scale := scaleOf(a) + scaleOf(b)
		if scale > 38 {
			return r.unsupported("the product has %d digits after the point; at most 38 are supported", scale)
		}
		return decimalResult("("+a.sql+" * "+b.sql+")", scale, t)
	}
	scale := max(scaleOf(a), scaleOf(b))
	if a.t.Kind == algebra.Int && b.t.Kind == algebra.Int {
		a = a.rescaled(0)
	}
	return decimalResult("("+a.sql+" "+c.Func+" "+b.sql+")", scale, t)
}

func decimalResult(sql string, scale int, declared algebra.Type) frag {
	f := value(sql, decimalT(scale))
	f.declared = scale
	if declared.Kind == algebra.Decimal && declared.Scale < scale {
		f.declared = declared.Scale
	}
	return f
}

// wholeArithmetic is +, - and * of integers. DuckDB reports overflow of two
// BIGINT; with an unsigned operand it computes in 128 bits and converts back.
func (r *renderer) wholeArithmetic(op string, a, b frag, t algebra.Type) frag {
	if !a.t.Unsigned && !b.t.Unsigned && !t.Unsigned {
		return value("("+a.sql+" "+op+" "+b.sql+")", t)
	}
	return value(castTo("("+castTo(a.sql, "HUGEINT")+" "+op+" "+castTo(b.sql, "HUGEINT")+")", TypeName(t)), t)
}

func (r *renderer) wholeMod(a, b frag, t algebra.Type) frag {
	if a.t.Unsigned != b.t.Unsigned {
		return value(castTo("("+castTo(a.sql, "HUGEINT")+" % NULLIF("+castTo(b.sql, "HUGEINT")+", 0))", TypeName(t)), t)
	}
	return value("("+a.sql+" % NULLIF("+b.sql+", 0))", t)
}

// wholeQuotient is DIV: towards zero.
func (r *renderer) wholeQuotient(a, b frag, t algebra.Type) frag {
	if a.t.Kind == algebra.Int && b.t.Kind == algebra.Int {
		if !a.t.Unsigned && !b.t.Unsigned {
			return value("("+a.sql+" // NULLIF("+b.sql+", 0))", t)
		}
		return value(castTo("("+castTo(a.sql, "HUGEINT")+" // NULLIF("+castTo(b.sql, "HUGEINT")+", 0))", TypeName(t)), t)
	}
	a, b = r.exact(a), r.exact(b)
	k := 0
	if a.t.Kind == algebra.Decimal {
		k -= a.t.Scale
	}
	if b.t.Kind == algebra.Decimal {
		k += b.t.Scale
	}
	return value(castTo(call("argo_quotient", a.sql, b.sql, intLiteral(int64(k))), TypeName(t)), t)
}

func negate(r *renderer, c *algebra.Call) frag {
	f := r.number(r.expr(c.Args[0]))
	if f.t.Kind == algebra.Int {
		if f.t.Unsigned {
			return value(castTo("(-"+castTo(f.sql, "HUGEINT")+")", TypeName(c.Type)), c.Type)
		}
		f.t.Bool = false
	}
	return r.like(f, "(-"+f.sql+")")
}

// bitwise computes in BIGINT UNSIGNED.
func bitwise(r *renderer, c *algebra.Call) frag {
	in := func(i int) string { return r.castInt(r.int(r.expr(c.Args[i])), ubigint).sql }
	a := in(0)
	switch c.Func {
	case "~":
		return value("xor("+a+", CAST('18446744073709551615' AS UBIGINT))", ubigint)
	case "^":
		return value(call("xor", a, in(1)), ubigint)
	case "<<":
		n := in(1)
		return value(fmt.Sprintf("CASE WHEN %[2]s > 63 THEN CAST(0 AS UBIGINT) ELSE CAST(CAST(%[1]s AS UHUGEINT) * CAST(pow(2, %[2]s) AS UHUGEINT) %% CAST('18446744073709551616' AS UHUGEINT) AS UBIGINT) END", a, n), ubigint)
	case ">>":
		n := in(1)
		return value(fmt.Sprintf("CASE WHEN %[2]s > 63 THEN CAST(0 AS UBIGINT) ELSE CAST(CAST(%[1]s AS UHUGEINT) // CAST(pow(2, %[2]s) AS UHUGEINT) AS UBIGINT) END", a, n), ubigint)
	}
	return value("("+a+" "+c.Func+" "+in(1)+")", ubigint)
}

// like renders a constant pattern as DuckDB's own, over folded text where the
// comparison is CI.
func like(r *renderer, c *algebra.Call) frag {
	x := r.text(r.expr(c.Args[0]))
	p := r.text(r.expr(c.Args[1]))
	escape := `\`
	if len(c.Args) > 2 {
		s, ok := r.constant(c.Args[2])
		if !ok {
			return r.fail(fault.New(fault.Invalid, "Incorrect arguments to ESCAPE"))
		}
		escape = s
	}
	fold := ciText(x.t) || ciText(p.t)
	if p.lit == nil {
		return cond(call("argo_like", x.sql, p.sql, textLiteral(escape), fmt.Sprint(fold)))
	}
	if fold {
		x.sql = call("argo_fold", x.sql)
	}
	pattern, clause := likePattern(*p.lit, escape, fold).sql()
	return cond("(" + x.sql + " LIKE " + textLiteral(pattern) + clause + ")")
}

// regexpLike: DuckDB and Go share one syntax, so that a constant pattern that
// Go accepts runs in DuckDB.
func regexpLike(r *renderer, c *algebra.Call) frag {
	x, p := r.text(r.expr(c.Args[0])), r.text(r.expr(c.Args[1]))
	flags := r.regexpFlags(c, 2, ciText(x.t) || ciText(p.t))
	if p.lit == nil {
		return cond(call("argo_regexp", x.sql, p.sql, flags))
	}
	if _, err := compileRegexp(*p.lit, strings.Trim(flags, "'")); err != nil && !strings.Contains(flags, "||") {
		return r.fail(err)
	}
	switch flags {
	case "'i'", "'c'":
		return cond(call("regexp_matches", x.sql, p.sql, flags))
	}
	return cond(call("argo_regexp", x.sql, p.sql, flags))
}

// regexpFlags puts the collation's flag before those given.
func (r *renderer) regexpFlags(c *algebra.Call, i int, fold bool) string {
	flag := "c"
	if fold {
		flag = "i"
	}
	if i < len(c.Args) {
		given := r.text(r.expr(c.Args[i]))
		if given.lit != nil {
			return textLiteral(flag + *given.lit)
		}
		return "('" + flag + "' || " + given.sql + ")"
	}
	return textLiteral(flag)
}

var controls = map[string]renderCall{
	"coalesce": coalesce, "ifnull": coalesce,
	"if": func(r *renderer, c *algebra.Call) frag {
		return r.choice(&algebra.Case{When: c.Args[:1], Then: c.Args[1:2], Else: c.Args[2], Type: c.Type})
	},
	"nullif": func(r *renderer, c *algebra.Call) frag {
		a, b := r.pair(r.expr(c.Args[0]), r.expr(c.Args[1]))
		f := r.expr(c.Args[0]).plain()
		return r.like(f, "CASE WHEN "+a+" = "+b+" THEN NULL ELSE "+f.sql+" END")
	},
	"greatest": extreme, "least": extreme,
	"collate": func(r *renderer, c *algebra.Call) frag {
		f := r.text(r.expr(c.Args[0]))
		f.t = c.Type
		return f
	},
	"any_value": func(r *renderer, c *algebra.Call) frag { return r.expr(c.Args[0]) },
	"isnull":    func(r *renderer, c *algebra.Call) frag { return cond("(" + r.expr(c.Args[0]).sql + " IS NULL)") },
	"interval": func(r *renderer, c *algebra.Call) frag {
		return r.unsupported("INTERVAL is only supported beside + and - and in functions that take one")
	},
}

func coalesce(r *renderer, c *algebra.Call) frag {
	fs := r.unify(r.args(c), c.Type)
	parts := make([]string, len(fs))
	for i, f := range fs {
		parts[i] = f.sql
	}
	return r.like(fs[0], call("coalesce", parts...))
}

// extreme is GREATEST and LEAST: NULL if any argument is; texts by collation.
func extreme(r *renderer, c *algebra.Call) frag {
	fs := r.args(c)
	for i := range fs {
		fs[i] = fs[i].settled()
	}
	fs = r.unify(fs, c.Type)
	parts, nulls := make([]string, len(fs)), make([]string, len(fs))
	ci := ciText(c.Type)
	for i, f := range fs {
		parts[i], nulls[i] = f.sql, f.sql+" IS NULL"
		if ci {
			parts[i] = "{k: " + r.key(value(f.sql, c.Type)) + ", n: " + fmt.Sprint(i) + ", v: " + f.sql + "}"
		}
	}
	sql := call(c.Func, parts...)
	if ci { // of equal texts GREATEST takes the last, LEAST the first
		name := map[string]string{"greatest": "list_max", "least": "list_min"}[c.Func]
		sql = name + "([" + strings.Join(parts, ", ") + "]).v"
	}
	return r.like(fs[0], "CASE WHEN "+strings.Join(nulls, " OR ")+" THEN NULL ELSE "+sql+" END")
}
