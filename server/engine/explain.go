package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"argo/server/algebra"
	"argo/tables"

	"github.com/dolthub/go-mysql-server/sql"
	ast "github.com/dolthub/vitess/go/vt/sqlparser"
)

// parser is GMS's, with EXPLAIN in the tree form, since the table of MySQL's
// traditional form has no place for what Argo has to say; and with the right to
// list and end one's own statements, which GMS gives to administrators only.
type parser struct {
	sql.Parser
	e *Engine
}

// ParseSimple implements sql.Parser.
func (p parser) ParseSimple(query string) (ast.Statement, error) {
	s, err := p.Parser.ParseSimple(query)
	return p.adapt(context.Background(), s, err)
}

// Parse implements sql.Parser.
func (p parser) Parse(ctx *sql.Context, query string, multi bool) (ast.Statement, string, string, error) {
	s, parsed, rest, err := p.Parser.Parse(ctx, query, multi)
	s, err = p.adapt(ctx, s, err)
	return s, parsed, rest, err
}

// ParseWithOptions implements sql.Parser.
func (p parser) ParseWithOptions(ctx context.Context, query string, delimiter rune, multi bool, o ast.ParserOptions) (ast.Statement, string, string, error) {
	s, parsed, rest, err := p.Parser.ParseWithOptions(ctx, query, delimiter, multi, o)
	s, err = p.adapt(ctx, s, err)
	return s, parsed, rest, err
}

// ParseOneWithOptions implements sql.Parser.
func (p parser) ParseOneWithOptions(ctx context.Context, query string, o ast.ParserOptions) (ast.Statement, int, error) {
	s, n, err := p.Parser.ParseOneWithOptions(ctx, query, o)
	s, err = p.adapt(ctx, s, err)
	return s, n, err
}

func (p parser) adapt(ctx context.Context, s ast.Statement, err error) (ast.Statement, error) {
	if err != nil || s == nil {
		return s, err
	}
	if err := p.e.asMeant(ctx, s); err != nil {
		return nil, err
	}
	if err := anyMoment(s); err != nil {
		return nil, sqlError(context.Background(), err)
	}
	switch s := s.(type) {
	case *ast.Explain:
		if strings.EqualFold(s.ExplainFormat, fetchFormat) {
			return p.e.explainFetch(s)
		}
		if s.ExplainFormat == "" || strings.EqualFold(s.ExplainFormat, "traditional") {
			s.ExplainFormat, s.Plan = "", true
		}
	case *ast.Delete:
		if s.Where == nil && s.Limit == nil { // which GMS takes for a TRUNCATE in the current database
			s.Where = ast.NewWhere(ast.WhereStr, &ast.ComparisonExpr{Operator: ast.EqualStr, Left: ast.NewIntVal([]byte("1")), Right: ast.NewIntVal([]byte("1"))})
		}
	case *ast.Kill:
		s.Auth = ast.AuthInformation{AuthType: ast.AuthType_IGNORE}
	case *ast.ShowGrants:
		if s.For == nil || s.CurrentUser {
			s.Auth = ast.AuthInformation{AuthType: ast.AuthType_IGNORE}
		}
	case *ast.Show:
		p.e.showsView(ctx, s)
		if strings.EqualFold(s.Type, "processlist") {
			s.Auth = ast.AuthInformation{AuthType: ast.AuthType_IGNORE}
		}
	}
	return s, nil
}

// showsView says of SHOW CREATE TABLE what it is where it names a view, and lets
// the statement read the text of one.
func (e *Engine) showsView(ctx context.Context, s *ast.Show) {
	view := strings.EqualFold(s.Type, "create view")
	if !view && !strings.EqualFold(s.Type, "create table") {
		return
	}
	name := s.Table.DbQualifier.String()
	if gms, ok := ctx.(*sql.Context); ok && name == "" {
		name = gms.GetCurrentDatabase()
	}
	if db := e.database(name); db != nil {
		if v, _ := db.view(s.Table.Name.String()); v == nil {
			return
		}
		s.Type = "create view"
		st := statementOf(ctx)
		st.do(func() { st.showing = true })
	}
}

// explain shows the plan by owner: what each source is asked for, the algebra,
// and the text that DuckDB runs. It makes no call.
func (e *Engine) explain(c *compiled, err error) string {
	var b strings.Builder
	b.WriteString("Argo\n")
	if err != nil {
		fmt.Fprintf(&b, " ├─ refused: %s\n", sqlError(context.Background(), err))
		return b.String()
	}
	for _, leaf := range c.leaves {
		switch leaf := leaf.(type) {
		case *algebra.Scan:
			e.explainScan(&b, c, leaf)
		case *algebra.Foreign:
			fmt.Fprintf(&b, " ├─ server: %s (%s)\n", leaf.Name, strings.Join(columnNames(leaf.Cols), ", "))
		}
	}
	b.WriteString(" ├─ algebra\n")
	indent(&b, " │   ", algebra.String(c.st))
	b.WriteString(" └─ DuckDB\n")
	text, err := e.o.Columnar.Explain(c.st)
	if err != nil {
		text = "refused: " + sqlError(context.Background(), err).Error()
	}
	indent(&b, "     ", text)
	return b.String()
}

func (e *Engine) explainScan(b *strings.Builder, c *compiled, s *algebra.Scan) {
	t := c.tables[s]
	fmt.Fprintf(b, " ├─ %s: %s\n", s.Source, s.Table)
	line := func(name, value string) { fmt.Fprintf(b, " │   %-9s %s\n", name, value) }
	if !s.AsOf.IsZero() {
		line("as of", then(s.AsOf, c.st.Session.Location())+"; no call")
	}
	if c.idle[s] {
		line("asked for", "nothing: no row of it can reach the result")
	}
	if t.Account != "" {
		line("accounts", domainText(s.Where[t.Account], "all"))
	}
	if t.Day != "" {
		days := domainText(s.Where[t.Day], fmt.Sprintf("all since %s", t.Since))
		line("days", days)
	}
	line("columns", strings.Join(columnNames(s.Cols), ", "))
	var rest []string
	for name := range s.Where {
		if name != t.Account && name != t.Day {
			rest = append(rest, name+" "+domainText(s.Where[name], "any"))
		}
	}
	slices.Sort(rest)
	if len(rest) > 0 {
		line("hint", strings.Join(rest, " and "))
	}
	switch {
	case !s.AsOf.IsZero():
		line("read as", "segments as they were known then")
	case t.Files == nil:
		line("read as", "rows, now")
	case t.Account == "" && t.Accounts == nil:
		line("read as", "Parquet files")
	default:
		line("read as", "cached segments; what is missing or stale is fetched")
	}
	if s.Limit > 0 {
		line("stops at", fmt.Sprintf("%d rows", s.Limit))
	}
}

func columnNames(cols []algebra.Column) []string {
	out := make([]string, len(cols))
	for i, c := range cols {
		out[i] = c.Name
	}
	if len(out) == 0 {
		out = append(out, "(only how many rows)")
	}
	return out
}

// domainText writes a domain as SQL would.
func domainText(d tables.Domain, unrestricted string) string {
	value := func(v any) string {
		switch v := v.(type) {
		case string:
			return "'" + v + "'"
		case tables.Day:
			return string(v)
		}
		return fmt.Sprint(v)
	}
	var parts []string
	if d.In != nil {
		values := make([]string, 0, len(d.In))
		for _, v := range d.In {
			values = append(values, value(v))
		}
		parts = append(parts, "in ("+strings.Join(values, ", ")+")")
	}
	spans := d.Spans
	if spans == nil {
		spans = []tables.Span{{From: d.From, To: d.To}}
	}
	for i, s := range spans {
		if i > 0 {
			parts = append(parts, "or")
		}
		if s.From != nil {
			parts = append(parts, "from "+value(s.From))
		}
		if s.To != nil {
			parts = append(parts, "to "+value(s.To))
		}
	}
	if len(parts) == 0 {
		return unrestricted
	}
	return strings.Join(parts, " ")
}

func indent(b *strings.Builder, with, text string) {
	for line := range strings.Lines(strings.TrimRight(text, "\n")) {
		b.WriteString(with)
		b.WriteString(strings.TrimRight(line, "\n"))
		b.WriteByte('\n')
	}
}
