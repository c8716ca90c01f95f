package googleadssim

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// query is a parsed statement of the Google Ads Query Language. Grammar: the
// page "Google Ads Query Language grammar" of the API's documentation.
type query struct {
	fields []string // as written
	from   string   // "" where there is no FROM clause
	where  []condition
	order  []ordering
	limit  int // 0: none
	params map[string]string
}

// condition is one of WHERE; there is no OR.
type condition struct {
	field  string
	op     string  // "=", "!=", "<", "<=", ">", ">=", "IN", "NOT IN", "LIKE", "NOT LIKE", "CONTAINS ANY|ALL|NONE", "DURING", "BETWEEN", "REGEXP_MATCH", "NOT REGEXP_MATCH", "IS NULL", "IS NOT NULL"
	values []value // one, two for BETWEEN, any number for lists
	re     *regexp.Regexp
}

// value of a condition as written.
type value struct {
	text string
	kind tokenKind // tokenString, tokenNumber or tokenWord
}

type ordering struct {
	field string
	desc  bool
}

// queryFault is a refusal of a query: one of the codes of QueryError.
type queryFault struct{ code, message string }

func (e *queryFault) Error() string { return e.code + ": " + e.message }

func refuse(code, format string, args ...any) error {
	return &queryFault{code, fmt.Sprintf(format, args...)}
}

type tokenKind uint8

const (
	tokenEnd tokenKind = iota
	tokenWord
	tokenNumber
	tokenString
	tokenSymbol // = != < <= > >= ( ) , *
)

type token struct {
	kind tokenKind
	text string
}

// lex cuts the text into tokens. Strings are in single or double quotes; a
// backslash escapes a quote and itself.
func lex(text string) ([]token, error) {
	var out []token
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			i++
		case c == '\'' || c == '"':
			s, n, err := lexString(text[i:])
			if err != nil {
				return nil, err
			}
			out = append(out, token{tokenString, s})
			i += n
		case isLetter(c) || c == '_':
			j := i + 1
			for j < len(text) && (isLetter(text[j]) || isDigit(text[j]) || text[j] == '_' || text[j] == '.') {
				j++
			}
			out = append(out, token{tokenWord, text[i:j]})
			i = j
		case isDigit(c) || c == '-' && i+1 < len(text) && isDigit(text[i+1]):
			j := i + 1
			for j < len(text) && (isDigit(text[j]) || text[j] == '.') {
				j++
			}
			if j < len(text) && (isLetter(text[j]) || text[j] == '_') || strings.Count(text[i:j], ".") > 1 || text[j-1] == '.' {
				return nil, refuse("BAD_NUMBER", "Error in query: the number starting at %q is malformed.", clip(text[i:]))
			}
			out = append(out, token{tokenNumber, text[i:j]})
			i = j
		case strings.HasPrefix(text[i:], "!=") || strings.HasPrefix(text[i:], "<=") || strings.HasPrefix(text[i:], ">="):
			out = append(out, token{tokenSymbol, text[i : i+2]})
			i += 2
		case strings.IndexByte("=<>(),*", c) >= 0:
			out = append(out, token{tokenSymbol, text[i : i+1]})
			i++
		default:
			return nil, refuse("BAD_SYMBOL", "Error in query: unexpected symbol %q.", clip(text[i:]))
		}
	}
	return out, nil
}

func lexString(text string) (string, int, error) {
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch c := text[i]; c {
		case text[0]:
			return b.String(), i + 1, nil
		case '\n', '\r':
			return "", 0, refuse("PROHIBITED_NEWLINE_IN_STRING", "Error in query: a string must not contain a newline.")
		case '\\':
			if i++; i >= len(text) {
				break
			}
			if text[i] != '\\' && text[i] != '\'' && text[i] != '"' {
				return "", 0, refuse("BAD_ESCAPE_SEQUENCE", "Error in query: bad escape sequence \\%s.", clip(text[i:]))
			}
			b.WriteByte(text[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", 0, refuse("STRING_NOT_TERMINATED", "Error in query: the string starting at %s is not terminated.", clip(text))
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }

func clip(s string) string {
	if len(s) <= 20 {
		return s
	}
	n := 20
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

type parser struct {
	tokens []token
	at     int
}

func (p *parser) peek() token {
	if p.at < len(p.tokens) {
		return p.tokens[p.at]
	}
	return token{}
}

func (p *parser) next() token {
	t := p.peek()
	p.at++
	return t
}

// word takes the keyword if it comes next.
func (p *parser) word(keyword string) bool {
	if t := p.peek(); t.kind == tokenWord && strings.EqualFold(t.text, keyword) {
		p.at++
		return true
	}
	return false
}

func (p *parser) symbol(s string) bool {
	if t := p.peek(); t.kind == tokenSymbol && t.text == s {
		p.at++
		return true
	}
	return false
}

// unexpected is the error for what comes next where code was wanted.
func (p *parser) unexpected(code, want string) error {
	t := p.peek()
	if t.kind == tokenEnd {
		return refuse("UNEXPECTED_END_OF_QUERY", "Error in query: unexpected end of query, expected %s.", want)
	}
	return refuse(code, "Error in query: unexpected input %s, expected %s.", t.text, want)
}

var (
	fieldName    = regexp.MustCompile(`^[a-z][a-zA-Z0-9._]*$`)
	resourceName = regexp.MustCompile(`^[a-z][a-zA-Z0-9_]*$`)
)

func (p *parser) field() (string, error) {
	t := p.peek()
	if t.kind != tokenWord || !fieldName.MatchString(t.text) || reserved[strings.ToUpper(t.text)] {
		return "", p.unexpected("BAD_FIELD_NAME", "a field name")
	}
	p.at++
	return t.text, nil
}

var reserved = map[string]bool{"SELECT": true, "FROM": true, "WHERE": true, "AND": true, "ORDER": true, "BY": true, "LIMIT": true, "PARAMETERS": true}

// parse reads a query. The error is a *queryFault.
func parse(text string) (*query, error) {
	tokens, err := lex(text)
	if err != nil {
		return nil, err
	}
	p, q := &parser{tokens: tokens}, &query{params: map[string]string{}}
	if !p.word("SELECT") {
		return nil, p.unexpected("EXPECTED_SELECT", "SELECT")
	}
	for {
		f, err := p.field()
		if err != nil {
			return nil, err
		}
		q.fields = append(q.fields, f)
		if !p.symbol(",") {
			break
		}
	}
	if p.word("FROM") {
		t := p.peek()
		if t.kind != tokenWord || !resourceName.MatchString(t.text) {
			return nil, p.unexpected("BAD_RESOURCE_TYPE_IN_FROM_CLAUSE", "a resource name")
		}
		q.from = p.next().text
	}
	if p.word("WHERE") {
		if err := p.conditions(q); err != nil {
			return nil, err
		}
	}
	if p.word("ORDER") {
		if !p.word("BY") {
			return nil, p.unexpected("EXPECTED_BY", "BY")
		}
		for {
			f, err := p.field()
			if err != nil {
				return nil, err
			}
			o := ordering{field: f}
			if !p.word("ASC") {
				o.desc = p.word("DESC")
			}
			q.order = append(q.order, o)
			if !p.symbol(",") {
				break
			}
		}
	}
	if p.word("LIMIT") {
		t := p.peek()
		if t.kind != tokenNumber {
			return nil, p.unexpected("BAD_LIMIT_VALUE", "a positive integer")
		}
		n, err := strconv.ParseInt(t.text, 10, 31)
		if err != nil {
			return nil, refuse("BAD_LIMIT_VALUE", "Error in query: invalid limit %s.", t.text)
		}
		if n < 1 {
			return nil, refuse("LIMIT_VALUE_TOO_LOW", "Error in query: the limit must be at least 1.")
		}
		q.limit = int(n)
		p.at++
	}
	if p.word("PARAMETERS") {
		if err := p.parameters(q); err != nil {
			return nil, err
		}
	}
	if p.peek().kind != tokenEnd {
		code := "UNEXPECTED_INPUT"
		if q.from == "" {
			code = "EXPECTED_FROM"
		}
		return nil, p.unexpected(code, "the end of the query")
	}
	return q, nil
}

func (p *parser) conditions(q *query) error {
	for {
		c, err := p.condition()
		if err != nil {
			return err
		}
		q.where = append(q.where, c)
		if p.word("AND") {
			continue
		}
		if t := p.peek(); t.kind == tokenEnd || t.kind == tokenWord && reserved[strings.ToUpper(t.text)] {
			return nil
		}
		return p.unexpected("EXPECTED_AND", "AND")
	}
}

func (p *parser) condition() (c condition, err error) {
	if c.field, err = p.field(); err != nil {
		return c, err
	}
	t := p.next()
	op := strings.ToUpper(t.text)
	switch {
	case t.kind == tokenSymbol && strings.Contains(" = != < <= > >= ", " "+op+" "):
		c.op = op
		return c, p.value(&c)
	case t.kind != tokenWord:
	case op == "IS":
		c.op = "IS NULL"
		if p.word("NOT") {
			c.op = "IS NOT NULL"
		}
		if !p.word("NULL") {
			return c, p.unexpected("BAD_OPERATOR", "NULL")
		}
		return c, nil
	case op == "BETWEEN":
		c.op = op
		if err = p.value(&c); err != nil {
			return c, err
		}
		if !p.word("AND") {
			return c, p.unexpected("EXPECTED_VALUE_WITH_BETWEEN_OPERATOR", "AND")
		}
		return c, p.value(&c)
	case op == "NOT":
		for _, word := range []string{"IN", "LIKE", "REGEXP_MATCH"} {
			if p.word(word) {
				return p.operator(c, "NOT "+word)
			}
		}
	case op == "CONTAINS":
		for _, word := range []string{"ANY", "ALL", "NONE"} {
			if p.word(word) {
				return p.operator(c, "CONTAINS "+word)
			}
		}
	case op == "IN" || op == "LIKE" || op == "DURING" || op == "REGEXP_MATCH":
		return p.operator(c, op)
	}
	p.at--
	return c, p.unexpected("BAD_OPERATOR", "an operator")
}

// operator reads what follows an operator that is a word.
func (p *parser) operator(c condition, op string) (condition, error) {
	c.op = op
	if strings.HasSuffix(op, "IN") || strings.HasPrefix(op, "CONTAINS") {
		return c, p.list(&c)
	}
	if err := p.value(&c); err != nil {
		return c, err
	}
	v := c.values[0]
	switch {
	case op == "DURING" && (v.kind != tokenWord || !literals[strings.ToUpper(v.text)]):
		return c, refuse("INVALID_VALUE_WITH_DURING_OPERATOR", "Error in query: invalid value %s with DURING operator.", v.text)
	case strings.HasSuffix(op, "LIKE") && v.kind != tokenString:
		return c, refuse("INVALID_VALUE_WITH_LIKE_OPERATOR", "Error in query: invalid value %s with LIKE operator.", v.text)
	case strings.HasSuffix(op, "REGEXP_MATCH"):
		re, err := regexp.Compile(`^(?:` + v.text + `)$`)
		if err != nil || v.kind != tokenString {
			return c, refuse("BAD_VALUE", "Error in query: %s is not a regular expression.", v.text)
		}
		c.re = re
	case strings.HasSuffix(op, "LIKE"):
		c.re = like(v.text)
	}
	return c, nil
}

// literals are the date ranges that DURING takes.
var literals = map[string]bool{"TODAY": true, "YESTERDAY": true, "LAST_7_DAYS": true, "LAST_14_DAYS": true, "LAST_30_DAYS": true,
	"LAST_BUSINESS_WEEK": true, "THIS_MONTH": true, "LAST_MONTH": true, "THIS_WEEK_SUN_TODAY": true, "THIS_WEEK_MON_TODAY": true,
	"LAST_WEEK_SUN_SAT": true, "LAST_WEEK_MON_SUN": true}

func (p *parser) value(c *condition) error {
	t := p.peek()
	switch {
	case t.kind == tokenSymbol && t.text == "(":
		return refuse("EXPECTED_SINGLE_VALUE", "Error in query: operator %s takes a single value.", c.op)
	case t.kind != tokenWord && t.kind != tokenNumber && t.kind != tokenString:
		return p.unexpected("BAD_VALUE", "a value")
	}
	p.at++
	c.values = append(c.values, value{t.text, t.kind})
	return nil
}

func (p *parser) list(c *condition) error {
	if !p.symbol("(") {
		return p.unexpected("EXPECTED_LIST", "a list in parentheses")
	}
	if p.symbol(")") {
		return refuse("PROHIBITED_EMPTY_LIST_IN_CONDITION", "Error in query: the list of %s is empty.", c.op)
	}
	for {
		if err := p.value(c); err != nil {
			return err
		}
		if c.values[len(c.values)-1].kind != c.values[0].kind {
			return refuse("PROHIBITED_VALUE_COMBINATION_IN_LIST", "Error in query: the values of a list must be of one kind.")
		}
		if p.symbol(",") {
			continue
		}
		if !p.symbol(")") {
			return p.unexpected("EXPECTED_LIST", "a closing parenthesis")
		}
		if len(c.values) > 20000 {
			return refuse("FILTER_HAS_TOO_MANY_VALUES", "Error in query: the list of %s has more than 20000 values.", c.op)
		}
		return nil
	}
}

func (p *parser) parameters(q *query) error {
	for {
		t := p.next()
		name := strings.ToLower(t.text)
		if t.kind != tokenWord || name != "include_drafts" && name != "omit_unselected_resource_names" {
			return refuse("BAD_PARAMETER_NAME", "Error in query: %q is not a parameter.", t.text)
		}
		if !p.symbol("=") {
			return p.unexpected("BAD_OPERATOR", "=")
		}
		v := p.next()
		if x := strings.ToLower(v.text); v.kind != tokenWord || x != "true" && x != "false" {
			return refuse("BAD_PARAMETER_VALUE", "Error in query: %q is not a value of %s.", v.text, name)
		}
		q.params[name] = strings.ToLower(v.text)
		if !p.symbol(",") {
			return nil
		}
	}
}

// like compiles a LIKE pattern: % and _ are wildcards, a character in brackets
// stands for itself, letters match in either case.
func like(pattern string) *regexp.Regexp {
	var b strings.Builder
	b.WriteString(`(?is)^`)
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; {
		case c == '%':
			b.WriteString(`.*`)
		case c == '_':
			b.WriteString(`.`)
		case c == '[' && i+2 < len(pattern) && pattern[i+2] == ']':
			b.WriteString(regexp.QuoteMeta(pattern[i+1 : i+2]))
			i += 2
		default:
			_, n := utf8.DecodeRuneInString(pattern[i:])
			b.WriteString(regexp.QuoteMeta(pattern[i : i+n]))
			i += n - 1
		}
	}
	b.WriteString(`$`)
	re, err := regexp.Compile(b.String())
	if err != nil { // invalid UTF-8 matches nothing
		return regexp.MustCompile(`$^`)
	}
	return re
}
