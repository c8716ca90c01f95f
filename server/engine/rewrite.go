package engine

import (
	"regexp"
	"strings"

	ast "github.com/dolthub/vitess/go/vt/sqlparser"
)

// rewrite mends what the parser would lose or refuse before it sees the text.
// Doing it again changes nothing: the rest of several statements comes back.
func rewrite(query string) string {
	return patternEscapes(typedLiterals(withoutAssignments(explainFetchForm(calledByName(query)))))
}

// calledByName quotes the procedure's name in CALL database.name where it is a
// word of the grammar: MySQL takes any word after a dot for a name, the parser
// stumbles over reserved ones.
func calledByName(query string) string {
	m := dottedCall.FindStringSubmatchIndex(query)
	if m == nil {
		return query
	}
	name := query[m[4]:m[5]]
	if kind, _ := ast.NewStringTokenizer(name).Scan(); kind == ast.ID {
		return query
	}
	return query[:m[4]] + "`" + name + "`" + query[m[5]:]
}

var dottedCall = regexp.MustCompile("(?is)^((?:\\s|/\\*.*?\\*/|--[^\\n]*\\n|#[^\\n]*\\n)*call\\s+(?:\\w+|`[^`]+`)\\s*\\.\\s*)(\\w+)(\\s*(?:[(;]|$))")

// patternEscapes doubles the backslash of \% and \_ in string literals. MySQL
// keeps these two as they are written, for LIKE to see; the parser drops the
// backslash of every escape that it does not know, and 'a\_b' would match more
// than it should.
func patternEscapes(query string) string {
	if !strings.Contains(query, `\_`) && !strings.Contains(query, `\%`) {
		return query
	}
	var b strings.Builder
	const comment = 1
	var quote byte // ends the literal, the name or the line that i is in; or comment
	for i := 0; i < len(query); i++ {
		c := query[i]
		switch {
		case quote == 0 && (c == '\'' || c == '"' || c == '`'):
			quote = c
		case quote == 0 && (c == '#' || strings.HasPrefix(query[i:], "-- ")):
			quote = '\n'
		case quote == 0 && strings.HasPrefix(query[i:], "/*"):
			quote = comment
		case quote == comment && strings.HasPrefix(query[i:], "*/"):
			b.WriteByte(c)
			i, c, quote = i+1, '/', 0
		case quote == '\'' || quote == '"':
			if c == '\\' && i+1 < len(query) {
				if next := query[i+1]; next == '_' || next == '%' {
					b.WriteByte('\\')
				}
				b.WriteByte(c)
				i++
				c = query[i]
			} else if c == quote {
				quote = 0
			}
		case c == quote:
			quote = 0
		}
		b.WriteByte(c)
	}
	return b.String()
}
