package engine

import (
	"regexp"
	"slices"
	"strings"
)

// withoutAssignments rewrites a SELECT that assigns user variables in its list
// (@dt := …), which GMS cannot parse and with which MariaDB's ODBC driver asks
// for columns and parameters: where a list item's value is the assigned value
// whichever branch is taken, the assignment is dropped and later items read the
// item's expression instead of the variable. MySQL evaluates the list from left
// to right, so the rows are the same. A statement of any other form, a running
// total for one, comes back as it is.
func withoutAssignments(query string) string {
	if !strings.Contains(query, ":=") {
		return query
	}
	tokens, ok := lex(query)
	if !ok || len(tokens) == 0 || !tokens[0].is("SELECT") {
		return query
	}
	items, rest := selectList(tokens[1:])
	values := map[string]string{}
	var b strings.Builder
	b.WriteString(query[:items[0][0].from])
	for i, item := range items {
		if i > 0 {
			b.WriteString(", ")
		}
		names := assigned(item)
		for _, t := range item {
			if _, before := values[t.variable()]; t.variable() != "" && names[t.variable()] && before {
				return query // assigned twice
			}
		}
		expr := item
		if n := len(item); n > 2 && item[n-2].is("AS") {
			expr = item[:n-2]
		}
		text, ok := substitute(item, names, values)
		if !ok {
			return query
		}
		b.WriteString(text)
		if len(names) == 0 {
			continue
		}
		// CAST(V AS type): the variable has V, the item its conversion.
		if inner, ok := castOf(expr); ok {
			expr = inner
		}
		if slices.ContainsFunc(expr, func(t token) bool { return t.text == "?" }) {
			return query // a parameter cannot be written twice
		}
		if left, name, ok := assigning(expr); !ok || len(left) > 0 || len(names) > 1 || !names[name] {
			return query
		} else if text, ok = substitute(expr, names, values); ok {
			values[name] = "(" + text + ")"
		}
	}
	for _, t := range rest {
		if _, ok := values[t.variable()]; ok || t.text == ":=" {
			return query
		}
	}
	if len(rest) > 0 {
		b.WriteString(" ")
		b.WriteString(query[rest[0].from:])
	}
	return b.String()
}

// token of a statement; white space and comments lie between tokens.
type token struct {
	text string
	from int // place in the statement
}

func (t token) is(word string) bool { return strings.EqualFold(t.text, word) }

// variable is the name of a user variable, in lower case, or "".
func (t token) variable() string {
	if len(t.text) > 1 && t.text[0] == '@' && t.text[1] != '@' {
		return strings.ToLower(t.text)
	}
	return ""
}

var tokenForm = regexp.MustCompile(`^(?:(?:\s+|/\*.*?\*/|--\s[^\n]*|#[^\n]*)|('(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*"|` + "`(?:[^`]|``)*`" + `|@@?[A-Za-z0-9_.$]+|[A-Za-z0-9_$\x80-\xff]+|:=|.))`)

func lex(query string) (out []token, ok bool) {
	for at := 0; at < len(query); {
		m := tokenForm.FindStringSubmatchIndex(query[at:])
		if m == nil {
			return nil, false
		}
		if m[2] >= 0 {
			out = append(out, token{query[at+m[2] : at+m[3]], at + m[2]})
		}
		at += m[1]
	}
	return out, true
}

// selectList gives the items of a list, split at its commas, and what follows
// the list.
func selectList(tokens []token) (items [][]token, rest []token) {
	depth, begin := 0, 0
	for i, t := range tokens {
		switch {
		case t.text == "(":
			depth++
		case t.text == ")":
			depth--
		case depth == 0 && t.text == ",":
			items, begin = append(items, tokens[begin:i]), i+1
		case depth == 0 && t.is("FROM"):
			return append(items, tokens[begin:i]), tokens[i:]
		}
	}
	return append(items, tokens[begin:]), nil
}

// assigned names the variables that the item assigns.
func assigned(item []token) map[string]bool {
	names := map[string]bool{}
	for i, t := range item {
		if t.text == ":=" && i > 0 && item[i-1].variable() != "" {
			names[item[i-1].variable()] = true
		}
	}
	return names
}

// substitute writes an item without its assignments and with the values of
// variables that were assigned before; false where it reads one of its own.
func substitute(item []token, own map[string]bool, values map[string]string) (string, bool) {
	var out []string
	for i := 0; i < len(item); i++ {
		name := item[i].variable()
		value, before := values[name]
		switch {
		case name != "" && i+1 < len(item) && item[i+1].text == ":=":
			i++
		case name != "" && own[name]:
			return "", false
		case before:
			out = append(out, value)
		default:
			out = append(out, item[i].text)
		}
	}
	return joinTokens(out), true
}

// joinTokens keeps a call's name and its parenthesis together, which MySQL asks
// for, and everything else apart.
func joinTokens(words []string) string {
	var b strings.Builder
	for i, w := range words {
		if i > 0 && w != "(" && w != "." && words[i-1] != "." && !(pairs[words[i-1]+w]) {
			b.WriteByte(' ')
		}
		b.WriteString(w)
	}
	return b.String()
}

// pairs are operators of two characters, which lex gives one by one.
var pairs = map[string]bool{"<=": true, ">=": true, "<>": true, "!=": true, "||": true, "&&": true, "<<": true, ">>": true, "=>": true, "->": true}

// castOf gives V of CAST(V AS type).
func castOf(item []token) ([]token, bool) {
	if len(item) < 6 || !item[0].is("CAST") || item[1].text != "(" || item[len(item)-1].text != ")" {
		return nil, false
	}
	depth := 0
	for i := len(item) - 2; i > 1; i-- {
		switch {
		case item[i].text == ")":
			depth++
		case item[i].text == "(":
			depth--
		case depth == 0 && item[i].is("AS"):
			return item[2:i], true
		}
	}
	return nil, false
}

// assigning reads an expression whose value is what it assigns to one variable,
// whichever branch is taken: @v := x, CASE … THEN V … ELSE V END, IF(c, V, V).
// It gives what is left after the expression and the variable's name.
func assigning(t []token) (left []token, name string, ok bool) {
	switch {
	case len(t) > 2 && t[0].variable() != "" && t[1].text == ":=":
		return skip(t[2:]), t[0].variable(), true
	case len(t) > 1 && t[0].is("IF") && t[1].text == "(":
		branches := skip(t[2:]) // the condition
		for i := range 2 {
			if len(branches) == 0 || branches[0].text != "," {
				return nil, "", false
			}
			var n string
			if branches, n, ok = assigning(branches[1:]); !ok || i > 0 && n != name {
				return nil, "", false
			}
			name = n
		}
		if len(branches) == 0 || branches[0].text != ")" {
			return nil, "", false
		}
		return branches[1:], name, true
	case len(t) > 0 && t[0].is("CASE"):
		return assigningCase(t[1:])
	}
	return nil, "", false
}

func assigningCase(t []token) (left []token, name string, ok bool) {
	for {
		t = skip(t) // the value, or a condition
		if len(t) == 0 {
			return nil, "", false
		}
		word := t[0]
		t = t[1:]
		if word.is("WHEN") {
			continue
		}
		if !word.is("THEN") && !word.is("ELSE") {
			return nil, "", false
		}
		var n string
		if t, n, ok = assigning(t); !ok || name != "" && n != name {
			return nil, "", false
		}
		name = n
		if word.is("ELSE") {
			if len(t) == 0 || !t[0].is("END") {
				return nil, "", false
			}
			return t[1:], name, true
		}
	}
}

// skip passes over one expression: up to a comma, a closing parenthesis or a
// word of the CASE that it stands in.
func skip(t []token) []token {
	depth := 0
	for i, k := range t {
		switch {
		case k.text == "(" || k.is("CASE"):
			depth++
		case depth > 0 && (k.text == ")" || k.is("END")):
			depth--
		case depth == 0 && (k.text == ")" || k.text == "," || k.is("WHEN") || k.is("THEN") || k.is("ELSE") || k.is("END")):
			return t[i:]
		}
	}
	return nil
}
