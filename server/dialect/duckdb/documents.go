package duckdb

import (
	"argo/server/algebra"
)

// documents are the functions of JSON.
var documents = map[string]renderCall{
	"json_extract": func(r *renderer, c *algebra.Call) frag {
		in := []string{r.document(c, 0)}
		for _, e := range c.Args[1:] {
			in = append(in, r.text(r.expr(e)).sql)
		}
		return value(call("argo_json_extract", in...), jsonT)
	},
	"json_unquote": func(r *renderer, c *algebra.Call) frag {
		return textResult(c, call("argo_json_unquote", r.textArgs(c)[0]))
	},
	"json_value": func(r *renderer, c *algebra.Call) frag {
		return textResult(c, call("argo_json_value", r.document(c, 0), r.text(r.expr(c.Args[1])).sql))
	},
	"json_valid": func(r *renderer, c *algebra.Call) frag {
		f := r.expr(c.Args[0]).plain()
		switch f.t.Kind {
		case algebra.Text, algebra.JSON:
			return cond(call("argo_json_valid", f.sql))
		}
		return cond("CASE WHEN " + f.sql + " IS NULL THEN NULL ELSE false END")
	},
	"json_length": func(r *renderer, c *algebra.Call) frag {
		return value(call("argo_json_length", r.document(c, 0), r.path(c, 1)), bigint)
	},
	"json_keys": func(r *renderer, c *algebra.Call) frag {
		return value(call("argo_json_keys", r.document(c, 0), r.path(c, 1)), jsonT)
	},
	"json_type": func(r *renderer, c *algebra.Call) frag {
		return textResult(c, call("argo_json_type", r.document(c, 0)))
	},
	"json_contains": func(r *renderer, c *algebra.Call) frag {
		return cond(call("argo_json_contains", r.document(c, 0), r.document(c, 1), r.path(c, 2)))
	},
	"json_quote": func(r *renderer, c *algebra.Call) frag {
		return textResult(c, call("argo_json_quote", r.textArgs(c)[0]))
	},
	"json_array": func(r *renderer, c *algebra.Call) frag {
		sql := "'['"
		for i, f := range r.args(c) {
			if i > 0 {
				sql += " || ', '"
			}
			sql += " || coalesce(" + r.json(f, false) + ", 'null')"
		}
		return value("("+sql+" || ']')", jsonT)
	},
	"json_object": func(r *renderer, c *algebra.Call) frag {
		in := make([]string, len(c.Args))
		for i, f := range r.args(c) {
			if i%2 == 0 {
				in[i] = r.text(f).sql
			} else {
				in[i] = "coalesce(" + r.json(f, false) + ", 'null')"
			}
		}
		return value(call("argo_json_object", in...), jsonT)
	},
}

// document is an argument that is JSON, or a text that holds it.
func (r *renderer) document(c *algebra.Call, i int) string {
	f := r.expr(c.Args[i]).plain()
	if f.t.Kind == algebra.Text { // the function parses it
		return f.sql
	}
	return r.json(f, true)
}

func (r *renderer) path(c *algebra.Call, i int) string {
	if i < len(c.Args) {
		return r.text(r.expr(c.Args[i])).sql
	}
	return "'$'"
}
