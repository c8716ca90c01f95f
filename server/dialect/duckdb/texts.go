package duckdb

import (
	"fmt"
	"strings"

	"argo/server/algebra"
	"argo/tables/fault"
)

// textResult is text of the Call's type: it says how the result compares.
func textResult(c *algebra.Call, sql string) frag {
	t := c.Type
	if t.Kind != algebra.Text {
		t = textT
	}
	return value(sql, t)
}

// textCall is a function of texts only, called by name with all arguments.
func textCall(name string) renderCall {
	return func(r *renderer, c *algebra.Call) frag { return textResult(c, call(name, r.textArgs(c)...)) }
}

var texts = map[string]renderCall{
	"concat": func(r *renderer, c *algebra.Call) frag {
		return textResult(c, "("+strings.Join(r.textArgs(c), " || ")+")")
	},
	"concat_ws": textCall("concat_ws"),
	"lower":     textCall("argo_lower"), "lcase": textCall("argo_lower"),
	"upper": textCall("argo_upper"), "ucase": textCall("argo_upper"),
	"left": func(r *renderer, c *algebra.Call) frag {
		x := r.text(r.expr(c.Args[0])).sql
		if n, ok := whole(c.Args[1]); ok {
			return textResult(c, call("substring", x, "1", fmt.Sprint(min(max(n, 0), maxText))))
		}
		return textResult(c, call("argo_substr", x, "1", r.signed(r.expr(c.Args[1]))))
	},
	"right": func(r *renderer, c *algebra.Call) frag {
		return textResult(c, call("argo_right", r.text(r.expr(c.Args[0])).sql, r.signed(r.expr(c.Args[1]))))
	},
	"substring": substring, "substr": substring, "mid": substring,
	"substring_index": func(r *renderer, c *algebra.Call) frag {
		a := r.args(c)
		return textResult(c, call("argo_substring_index", r.text(a[0]).sql, r.text(a[1]).sql, r.signed(a[2])))
	},
	"trim":    trim,
	"ltrim":   func(r *renderer, c *algebra.Call) frag { return textResult(c, call("ltrim", r.textArgs(c)[0], "' '")) },
	"rtrim":   func(r *renderer, c *algebra.Call) frag { return textResult(c, call("rtrim", r.textArgs(c)[0], "' '")) },
	"replace": textCall("replace"),
	"reverse": textCall("argo_reverse"),
	"repeat": func(r *renderer, c *algebra.Call) frag {
		return textResult(c, call("argo_repeat", r.text(r.expr(c.Args[0])).sql, r.signed(r.expr(c.Args[1]))))
	},
	"space": func(r *renderer, c *algebra.Call) frag {
		return textResult(c, call("argo_repeat", "' '", r.signed(r.expr(c.Args[0]))))
	},
	"lpad": pad("argo_lpad"), "rpad": pad("argo_rpad"),
	"insert": func(r *renderer, c *algebra.Call) frag {
		a := r.args(c)
		return textResult(c, call("argo_insert", r.text(a[0]).sql, r.signed(a[1]), r.signed(a[2]), r.text(a[3]).sql))
	},
	"elt": func(r *renderer, c *algebra.Call) frag {
		a := r.args(c)
		var out strings.Builder
		out.WriteString("CASE " + r.signed(a[0]))
		for i, f := range a[1:] {
			fmt.Fprintf(&out, " WHEN %d THEN %s", i+1, r.text(f).sql)
		}
		return textResult(c, out.String()+" END")
	},
	"field": func(r *renderer, c *algebra.Call) frag {
		a := r.args(c)
		allText := true
		for _, f := range a {
			allText = allText && (f.t.Kind == algebra.Text || f.t.Kind == algebra.Null)
		}
		var out strings.Builder
		out.WriteString("CASE")
		for i, f := range a[1:] {
			x, y := a[0], f
			if !allText && !(isExact(x.t.Kind) && isExact(y.t.Kind)) {
				x, y = r.double(x), r.double(y)
			}
			l, m := r.pair(x, y)
			fmt.Fprintf(&out, " WHEN %s = %s THEN %d::BIGINT", l, m, i+1)
		}
		return value(out.String()+" ELSE 0::BIGINT END", bigint)
	},
	"make_set": func(r *renderer, c *algebra.Call) frag {
		a := r.args(c)
		n := r.signed(a[0])
		items := []string{"','"}
		for i, f := range a[1:] {
			items = append(items, fmt.Sprintf("CASE WHEN (%s >> %d) & 1 = 1 THEN %s END", n, i, r.text(f).sql))
		}
		return textResult(c, "CASE WHEN "+n+" IS NULL THEN NULL ELSE "+call("concat_ws", items...)+" END")
	},
	"quote":   textCall("argo_quote"),
	"soundex": textCall("argo_soundex"),
	"char": func(r *renderer, c *algebra.Call) frag {
		codes := make([]string, len(c.Args))
		for i, f := range r.args(c) {
			codes[i] = r.signed(f)
		}
		return value(call("argo_char", codes...), binaryT)
	},
	"length":       func(r *renderer, c *algebra.Call) frag { return value(byteLength(r, c), bigint) },
	"octet_length": func(r *renderer, c *algebra.Call) frag { return value(byteLength(r, c), bigint) },
	"bit_length":   func(r *renderer, c *algebra.Call) frag { return value("("+byteLength(r, c)+" * 8)", bigint) },
	"char_length":  func(r *renderer, c *algebra.Call) frag { return value(call("length", r.textArgs(c)[0]), bigint) },
	"ascii":        func(r *renderer, c *algebra.Call) frag { return value(call("argo_ascii", r.textArgs(c)[0]), bigint) },
	"ord":          func(r *renderer, c *algebra.Call) frag { return value(call("argo_ord", r.textArgs(c)[0]), bigint) },
	"hex": func(r *renderer, c *algebra.Call) frag {
		f := r.expr(c.Args[0]).plain()
		if isNumber(f.t.Kind) {
			return textResult(c, call("argo_conv", r.text(r.int(f)).sql, "10", "16"))
		}
		return textResult(c, call("hex", r.binary(f).sql))
	},
	"unhex": func(r *renderer, c *algebra.Call) frag { return value(call("argo_unhex", r.textArgs(c)[0]), binaryT) },
	"md5":   textCall("argo_md5"), "sha1": textCall("argo_sha1"), "sha": textCall("argo_sha1"),
	"sha2": func(r *renderer, c *algebra.Call) frag {
		return textResult(c, call("argo_sha2", r.text(r.expr(c.Args[0])).sql, r.signed(r.expr(c.Args[1]))))
	},
	"to_base64": textCall("argo_to_base64"),
	"from_base64": func(r *renderer, c *algebra.Call) frag {
		return value(call("argo_from_base64", r.textArgs(c)[0]), binaryT)
	},
	"locate": locate, "position": locate,
	"instr": func(r *renderer, c *algebra.Call) frag {
		return locate(r, &algebra.Call{Func: "locate", Args: []algebra.Expr{c.Args[1], c.Args[0]}, Type: c.Type})
	},
	"strcmp": func(r *renderer, c *algebra.Call) frag {
		a, b := r.pair(r.text(r.expr(c.Args[0])), r.text(r.expr(c.Args[1])))
		return value("CASE WHEN "+a+" < "+b+" THEN CAST('-1' AS BIGINT) WHEN "+a+" > "+b+" THEN 1::BIGINT WHEN "+a+" = "+b+" THEN 0::BIGINT END", bigint)
	},
	"find_in_set": func(r *renderer, c *algebra.Call) frag {
		x, set := r.text(r.expr(c.Args[0])), r.text(r.expr(c.Args[1]))
		return value(call("argo_find_in_set", x.sql, set.sql, fmt.Sprint(ciText(x.t) || ciText(set.t))), bigint)
	},
	"regexp_instr": func(r *renderer, c *algebra.Call) frag {
		a := r.args(c)
		x, p := r.text(a[0]), r.text(a[1])
		return value(call("argo_regexp_instr", x.sql, p.sql, r.optional(a, 2, 1), r.optional(a, 3, 1), r.optional(a, 4, 0),
			r.regexpFlags(c, 5, ciText(x.t) || ciText(p.t))), bigint)
	},
	"regexp_substr": func(r *renderer, c *algebra.Call) frag {
		a := r.args(c)
		x, p := r.text(a[0]), r.text(a[1])
		return textResult(c, call("argo_regexp_substr", x.sql, p.sql, r.optional(a, 2, 1), r.optional(a, 3, 1),
			r.regexpFlags(c, 4, ciText(x.t) || ciText(p.t))))
	},
	"regexp_replace": func(r *renderer, c *algebra.Call) frag {
		a := r.args(c)
		x, p := r.text(a[0]), r.text(a[1])
		return textResult(c, call("argo_regexp_replace", x.sql, p.sql, r.text(a[2]).sql, r.optional(a, 3, 1), r.optional(a, 4, 0),
			r.regexpFlags(c, 5, ciText(x.t) || ciText(p.t))))
	},
	"is_ipv4": netCheck("argo_is_ipv4"), "is_ipv6": netCheck("argo_is_ipv6"),
	"is_uuid": func(r *renderer, c *algebra.Call) frag { return cond(call("argo_is_uuid", r.textArgs(c)[0])) },
	"inet_aton": func(r *renderer, c *algebra.Call) frag {
		return value(call("argo_inet_aton", r.textArgs(c)[0]), ubigint)
	},
	"inet_ntoa": func(r *renderer, c *algebra.Call) frag {
		return textResult(c, call("argo_inet_ntoa", r.signed(r.expr(c.Args[0]))))
	},
}

// netCheck is a check that is false, not NULL, for NULL.
func netCheck(name string) renderCall {
	return func(r *renderer, c *algebra.Call) frag {
		return cond("coalesce(" + call(name, r.textArgs(c)[0]) + ", false)")
	}
}

// optional is a whole number argument with a default.
func (r *renderer) optional(a []frag, i int, otherwise int64) string {
	if i < len(a) {
		return r.signed(a[i])
	}
	return intLiteral(otherwise)
}

func byteLength(r *renderer, c *algebra.Call) string {
	f := r.expr(c.Args[0]).plain()
	if f.t.Kind == algebra.Binary {
		return call("octet_length", f.sql)
	}
	return call("strlen", r.text(f).sql)
}

// substring is DuckDB's where its position is a positive constant.
func substring(r *renderer, c *algebra.Call) frag {
	x := r.text(r.expr(c.Args[0])).sql
	pos, posConst := whole(c.Args[1])
	n, sizeConst, size := int64(maxText), true, fmt.Sprint(maxText)
	if len(c.Args) > 2 {
		n, sizeConst = whole(c.Args[2])
		if size = r.signed(r.expr(c.Args[2])); sizeConst {
			n = min(max(n, 0), maxText)
			size = fmt.Sprint(n)
		}
	}
	if posConst && pos > 0 && sizeConst {
		if n == maxText {
			return textResult(c, call("substring", x, fmt.Sprint(pos)))
		}
		return textResult(c, call("substring", x, fmt.Sprint(pos), size))
	}
	return textResult(c, call("argo_substr", x, r.signed(r.expr(c.Args[1])), size))
}

func trim(r *renderer, c *algebra.Call) frag {
	x, what, side := r.text(r.expr(c.Args[0])).sql, "' '", "both"
	single := true
	if len(c.Args) > 1 {
		f := r.text(r.expr(c.Args[1]))
		what, single = f.sql, f.lit != nil && len(*f.lit) == 1
	}
	if len(c.Args) > 2 {
		s, ok := r.constant(c.Args[2])
		if side = strings.ToLower(s); !ok || side != "both" && side != "leading" && side != "trailing" {
			return r.fail(fault.New(fault.Internal, "TRIM with an unknown side"))
		}
	}
	if single {
		name := map[string]string{"both": "trim", "leading": "ltrim", "trailing": "rtrim"}[side]
		return textResult(c, call(name, x, what))
	}
	return textResult(c, call("argo_trim", x, what, textLiteral(side)))
}

func pad(name string) renderCall {
	return func(r *renderer, c *algebra.Call) frag {
		a := r.args(c)
		return textResult(c, call(name, r.text(a[0]).sql, r.signed(a[1]), r.text(a[2]).sql))
	}
}

// locate compares by the collation of the text that is searched, whatever the
// part's, unless one was said for the part.
func locate(r *renderer, c *algebra.Call) frag {
	part, x := r.text(r.expr(c.Args[0])), r.text(r.expr(c.Args[1]))
	fold := ciText(x.t)
	if said, ok := c.Args[0].(*algebra.Call); !ok || said.Func != "collate" {
		in := c.Args[1]
		for cast, ok := in.(*algebra.Cast); ok && cast.Implied && cast.In.ExprType().Kind == algebra.Text; cast, ok = in.(*algebra.Cast) {
			in = cast.In
		}
		fold = fold || ciText(in.ExprType())
	}
	start := "1"
	if len(c.Args) > 2 {
		start = r.signed(r.expr(c.Args[2]))
	}
	return value(call("argo_instr", x.sql, part.sql, start, fmt.Sprint(fold)), bigint)
}
