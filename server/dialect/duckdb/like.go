package duckdb

import (
	"strings"
	"unicode/utf8"
)

// pattern is a LIKE pattern in tokens: the characters to match, folded where
// the comparison is CI, and the wildcards.
type pattern struct {
	tokens []rune
	fold   bool
}

const (
	anyOne  rune = -1 // _
	anyMany rune = -2 // %
)

// likePattern reads a pattern as MySQL does: an escape before the end of the
// pattern stands for itself.
func likePattern(s, escape string, fold bool) pattern {
	p := pattern{fold: fold}
	esc, _ := utf8.DecodeRuneInString(escape)
	in := []rune(s)
	for i := 0; i < len(in); i++ {
		r := in[i]
		switch {
		case escape != "" && r == esc && i+1 < len(in):
			i++
			p.tokens = append(p.tokens, p.char(in[i]))
		case r == '_':
			p.tokens = append(p.tokens, anyOne)
		case r == '%':
			if n := len(p.tokens); n == 0 || p.tokens[n-1] != anyMany {
				p.tokens = append(p.tokens, anyMany)
			}
		default:
			p.tokens = append(p.tokens, p.char(r))
		}
	}
	return p
}

func (p pattern) char(r rune) rune {
	if p.fold {
		return ci().foldRune(r)
	}
	return r
}

// sql is the pattern in DuckDB's words, with its ESCAPE clause where needed.
func (p pattern) sql() (text, clause string) {
	var out strings.Builder
	for _, t := range p.tokens {
		switch t {
		case anyOne:
			out.WriteByte('_')
		case anyMany:
			out.WriteByte('%')
		case '%', '_', '\\':
			out.WriteRune('\\')
			out.WriteRune(t)
			if t != '\\' {
				clause = ` ESCAPE '\'`
			}
		default:
			out.WriteRune(t)
		}
	}
	if clause == "" {
		return strings.ReplaceAll(out.String(), `\\`, `\`), ""
	}
	return out.String(), clause
}

// match with backtracking to the last % only, which is enough.
func (p pattern) match(s string) bool {
	t, back, resume := 0, -1, 0
	for i := 0; ; {
		if t < len(p.tokens) && p.tokens[t] == anyMany {
			t++
			back, resume = t, i
			continue
		}
		if i == len(s) {
			return t == len(p.tokens)
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if t < len(p.tokens) && (p.tokens[t] == anyOne || p.tokens[t] == p.char(r)) {
			t, i = t+1, i+n
			continue
		}
		if back < 0 {
			return false
		}
		_, n = utf8.DecodeRuneInString(s[resume:])
		resume += n
		t, i = back, resume
	}
}
