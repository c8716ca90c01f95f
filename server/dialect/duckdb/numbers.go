package duckdb

import (
	"fmt"
	"math"

	"argo/server/algebra"
)

// doubleCall is a function of DOUBLEs that DuckDB has under the given name;
// where, if not "", says for which argument (%s) there is no answer.
func doubleCall(name, where string) renderCall {
	return func(r *renderer, c *algebra.Call) frag {
		x := r.double(r.expr(c.Args[0])).sql
		sql := call("argo_finite", call(name, x))
		if where != "" {
			sql = "CASE WHEN " + fmt.Sprintf(where, x) + " THEN NULL ELSE " + sql + " END"
		}
		return value(sql, doubleT)
	}
}

var numbers = map[string]renderCall{
	"abs": func(r *renderer, c *algebra.Call) frag {
		f := r.number(r.expr(c.Args[0]))
		return r.like(f, call("abs", f.sql))
	},
	"sign": func(r *renderer, c *algebra.Call) frag {
		return value(castTo(call("sign", r.number(r.expr(c.Args[0])).sql), "BIGINT"), bigint)
	},
	"ceil": towards("ceil"), "ceiling": towards("ceil"), "floor": towards("floor"),
	"round": round, "truncate": truncate,
	"sqrt": doubleCall("sqrt", "%s < 0"), "exp": doubleCall("exp", ""),
	"ln": doubleCall("ln", "%s <= 0"), "log2": doubleCall("log2", "%s <= 0"), "log10": doubleCall("log10", "%s <= 0"),
	"sin": doubleCall("sin", ""), "cos": doubleCall("cos", ""), "tan": doubleCall("tan", ""), "cot": doubleCall("cot", ""),
	"asin": doubleCall("asin", "abs(%s) > 1"), "acos": doubleCall("acos", "abs(%s) > 1"),
	"degrees": doubleCall("degrees", ""), "radians": doubleCall("radians", ""),
	"atan": atan, "atan2": atan,
	"power": power, "pow": power,
	"log": func(r *renderer, c *algebra.Call) frag {
		return value(call("argo_log", r.double(r.expr(c.Args[0])).sql, r.double(r.expr(c.Args[1])).sql), doubleT)
	},
	"pi": func(r *renderer, c *algebra.Call) frag {
		return value(fmt.Sprintf("CAST('%v' AS DOUBLE)", math.Pi), doubleT)
	},
	"rand": func(r *renderer, c *algebra.Call) frag {
		if len(c.Args) > 0 {
			return r.unsupported("RAND with a seed depends on the order of rows and is not supported")
		}
		return value("random()", doubleT)
	},
	"uuid": func(r *renderer, c *algebra.Call) frag { return value("CAST(uuid() AS VARCHAR)", textT) },
	"mod": func(r *renderer, c *algebra.Call) frag {
		return arithmetic(r, &algebra.Call{Func: "%", Args: c.Args, Type: c.Type})
	},
	"bit_count": func(r *renderer, c *algebra.Call) frag {
		return value(castTo(call("bit_count", bitsOf(r, c)), "BIGINT"), bigint)
	},
	"conv": func(r *renderer, c *algebra.Call) frag {
		a := r.args(c)
		return value(call("argo_conv", r.text(a[0]).sql, r.signed(a[1]), r.signed(a[2])), textT)
	},
	"bin": base(2), "oct": base(8),
	"crc32": func(r *renderer, c *algebra.Call) frag {
		return value(castTo(call("argo_crc32", r.text(r.expr(c.Args[0])).sql), "UBIGINT"), ubigint)
	},
	"format": func(r *renderer, c *algebra.Call) frag {
		a := r.args(c)
		if len(a) > 2 {
			if l := a[2].lit; l == nil || *l != "en_US" {
				return r.unsupported("FORMAT with a locale other than 'en_US' is not supported")
			}
		}
		x := r.number(a[0])
		if x.t.Kind == algebra.Double {
			return value(call("argo_format_double", x.sql, r.signed(a[1])), textT)
		}
		return value(call("argo_format", castTo(x.sql, "VARCHAR"), r.signed(a[1])), textT)
	},
	"period_add": func(r *renderer, c *algebra.Call) frag {
		return value(call("argo_period_add", r.signed(r.expr(c.Args[0])), r.signed(r.expr(c.Args[1]))), bigint)
	},
	"period_diff": func(r *renderer, c *algebra.Call) frag {
		return value(call("argo_period_diff", r.signed(r.expr(c.Args[0])), r.signed(r.expr(c.Args[1]))), bigint)
	},
}

func bitsOf(r *renderer, c *algebra.Call) string {
	return r.castInt(r.int(r.expr(c.Args[0])), ubigint).sql
}

func base(n int) renderCall {
	return func(r *renderer, c *algebra.Call) frag {
		return value(call("argo_conv", r.text(r.int(r.expr(c.Args[0]))).sql, "10", fmt.Sprint(n)), textT)
	}
}

// towards is CEIL and FLOOR: whole numbers of the Call's type.
func towards(name string) renderCall {
	return func(r *renderer, c *algebra.Call) frag {
		f := r.number(r.expr(c.Args[0]))
		switch f.t.Kind {
		case algebra.Int:
			f.t.Bool = false
			return f
		case algebra.Double:
			return r.like(f, call(name, f.sql))
		}
		if c.Type.Kind == algebra.Int {
			return value(castTo(call(name, f.sql), TypeName(c.Type)), c.Type)
		}
		return value(castTo(call(name, f.sql), "DECIMAL(38,0)"), decimalT(0))
	}
}

// digits is the second argument of ROUND and TRUNCATE: a constant, or text.
func digits(r *renderer, c *algebra.Call) (n int64, constant bool, sql string) {
	if len(c.Args) < 2 {
		return 0, true, "0"
	}
	if n, ok := whole(c.Args[1]); ok {
		return n, true, intLiteral(n)
	}
	return 0, false, r.signed(r.expr(c.Args[1]))
}

// round rounds exact numbers half away from zero and DOUBLEs half to even.
func round(r *renderer, c *algebra.Call) frag {
	return cutDigits(r, c, "argo_round", "argo_round_digits")
}

func truncate(r *renderer, c *algebra.Call) frag {
	return cutDigits(r, c, "argo_truncate", "argo_cut_digits")
}

func cutDigits(r *renderer, c *algebra.Call, double, exact string) frag {
	f := r.number(r.expr(c.Args[0]))
	n, constant, sql := digits(r, c)
	switch f.t.Kind {
	case algebra.Double:
		return value(call(double, f.sql, sql), doubleT)
	case algebra.Int:
		if constant && n >= 0 {
			f.t.Bool = false
			return f
		}
		t := c.Type
		if t.Kind != algebra.Int {
			t = f.t
		}
		return value(castTo(call(exact, f.sql, "0", sql), TypeName(t)), t)
	}
	scale := f.t.Scale
	if constant {
		want := int(min(max(n, 0), int64(scale)))
		if exact == "argo_round_digits" && n >= 0 {
			return value(castTo(f.sql, fmt.Sprintf("DECIMAL(38,%d)", want)), decimalT(want))
		}
		return unscaled(call(exact, f.sql, fmt.Sprint(scale), sql), scale).rescaled(want)
	}
	g := unscaled(call(exact, f.sql, fmt.Sprint(scale), sql), scale)
	g.declared = f.declared
	return g
}

func atan(r *renderer, c *algebra.Call) frag {
	x := r.double(r.expr(c.Args[0])).sql
	if len(c.Args) == 1 {
		return value(call("atan", x), doubleT)
	}
	return value(call("atan2", x, r.double(r.expr(c.Args[1])).sql), doubleT)
}

func power(r *renderer, c *algebra.Call) frag {
	return value(call("argo_finite", call("pow", r.double(r.expr(c.Args[0])).sql, r.double(r.expr(c.Args[1])).sql)), doubleT)
}
