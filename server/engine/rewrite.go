package engine

import "strings"

// rewrite mends what the parser would lose or refuse before it sees the text.
// Doing it again changes nothing: the rest of several statements comes back.
func rewrite(query string) string {
	return patternEscapes(typedLiterals(withoutAssignments(explainFetchForm(query))))
}

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
