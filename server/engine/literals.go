package engine

import (
	"context"
	"regexp"
	"strings"

	ast "github.com/dolthub/vitess/go/vt/sqlparser"
)

// typedLiterals writes DATE '2026-01-31', TIME '…', TIMESTAMP '…' and ODBC's
// {d '…'}, {t '…'}, {ts '…'} as casts: the parser drops the word and keeps the
// text, which then compares and converts as text does. How it was written stays
// in a comment, for the column's name (asMeant).
func typedLiterals(query string) string {
	if !typedLiteral.MatchString(query) {
		return query
	}
	tokens, ok := lex(query)
	if !ok {
		return query
	}
	var b strings.Builder
	done := 0
	for i, t := range tokens {
		if i == 0 || t.text[0] != '\'' && t.text[0] != '"' {
			continue
		}
		word, from, to := tokens[i-1], tokens[i-1].from, t.from+len(t.text)
		kind := literalTypes[strings.ToUpper(word.text)]
		if i > 1 && tokens[i-2].text == "{" && i+1 < len(tokens) && tokens[i+1].text == "}" {
			kind = escapeTypes[strings.ToLower(word.text)]
			from, to = tokens[i-2].from, tokens[i+1].from+1
		} else if i > 1 && tokens[i-2].text == "." {
			continue // a column of that name, with an alias
		}
		if kind == "" || from < done || strings.Contains(query[from:to], "*/") {
			continue
		}
		if kind != "DATE" {
			if _, fraction, ok := strings.Cut(t.text[1:len(t.text)-1], "."); ok && len(fraction) <= 6 && strings.Trim(fraction, "0123456789") == "" {
				kind += "(" + string('0'+rune(len(fraction))) + ")"
			}
		}
		b.WriteString(query[done:from])
		b.WriteString("CAST(" + t.text + " AS " + kind + "/*written " + query[from:to] + "*/)")
		done = to
	}
	return b.String() + query[done:]
}

var (
	typedLiteral = regexp.MustCompile(`(?i)(\b(date|time|timestamp)|\{\s*(d|t|ts))\s*['"]`)
	literalTypes = map[string]string{"DATE": "DATE", "TIME": "TIME", "TIMESTAMP": "DATETIME"}
	escapeTypes  = map[string]string{"d": "DATE", "t": "TIME", "ts": "DATETIME"}
	rewritten    = regexp.MustCompile(`(?s)CAST\((?:'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*") AS (?:DATE|TIME|DATETIME)(?:\(\d\))?/\*written (.*?)\*/\)`)
)

// asMeant mends what the front makes of a statement: names that it takes for
// another's (meant), aggregates that it cannot place (apart), functions that it
// has not (expand), the names of columns whose expression typedLiterals has
// rewritten, and CAST(x AS CHAR(n)) of a text, which it drops since both are
// text: LEFT in it cuts all the same.
func (e *Engine) asMeant(ctx context.Context, s ast.Statement) error {
	return ast.Walk(func(node ast.SQLNode) (bool, error) {
		switch n := node.(type) {
		case *ast.Select:
			if err := e.meant(ctx, n); err != nil {
				return false, err
			}
			apart(n)
		case *ast.AliasedExpr:
			n.InputExpression = rewritten.ReplaceAllString(n.InputExpression, "$1")
		case *ast.FuncExpr:
			expand(n)
		case *ast.ConvertExpr:
			if n.Type != nil && n.Type.Length != nil && strings.EqualFold(n.Type.Type, "char") {
				n.Expr = &ast.FuncExpr{Name: ast.NewColIdent("left"), Exprs: ast.SelectExprs{
					&ast.AliasedExpr{Expr: n.Expr}, &ast.AliasedExpr{Expr: n.Type.Length}}}
			}
		}
		return true, nil
	}, s)
}
