package ads

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"argo/server/engine"
	"argo/tables"
	"argo/tables/fault"
)

// viewFile is what a file declares: views, and branches of the source that the
// file is named for.
type viewFile struct {
	views    []declared
	branches []branch
}

// declared is a CREATE VIEW.
type declared struct {
	name, like, doc string
	columns         []tables.Column
	text            string // "" where it is its branches
}

// branch is a SELECT for a view.
type branch struct{ view, text string }

var (
	branchHead = regexp.MustCompile(`(?m)^--\s*branch of (?:ads\.)?([a-z][a-z0-9_]*)[^\n]*\n`)
	viewHead   = regexp.MustCompile(`(?i)^CREATE\s+VIEW\s+(?:ads\.)?([a-z][a-z0-9_]*)\s*`)
	likeHead   = regexp.MustCompile(`(?i)^LIKE\s+(?:ads\.)?([a-z][a-z0-9_]*)\s*`)
	comment    = regexp.MustCompile(`(?i)^COMMENT\s+'((?:[^']|'')*)'\s*`)
	columnLine = regexp.MustCompile(`(?i)^([a-z][a-z0-9_]*)\s+([a-z]+)\s*(\(\s*[0-9]+(?:\s*,\s*[0-9]+)?\s*\))?((?:\s+BINARY|\s+NONADDITIVE|\s+NOT\s+NULL)*)(?:\s+COMMENT\s+'((?:[^']|'')*)')?\s*,?\s*$`)
	unitAt     = regexp.MustCompile(`\s*\[([^\]]+)\]$`)
	asHead     = regexp.MustCompile(`(?i)^AS\s+`)
)

// parseViews reads a file of views and branches.
func parseViews(text string) (out viewFile, err error) {
	marks := branchHead.FindAllStringSubmatchIndex(text, -1)
	end := len(text)
	for _, m := range slices.Backward(marks) {
		body := strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(text[m[1]:end]), ";"))
		if body == "" {
			return out, fmt.Errorf("the branch of %s is empty", text[m[2]:m[3]])
		}
		out.branches = append(out.branches, branch{text[m[2]:m[3]], body})
		end = m[0]
	}
	slices.Reverse(out.branches)
	rest := text[:end]
	for {
		rest = strings.TrimSpace(rest)
		if strings.HasPrefix(rest, "--") {
			_, rest, _ = strings.Cut(rest, "\n")
			continue
		}
		if rest == "" {
			return out, nil
		}
		var v declared
		if v, rest, err = parseView(rest); err != nil {
			return out, err
		}
		out.views = append(out.views, v)
	}
}

// parseView reads one CREATE VIEW and gives what follows it.
func parseView(text string) (v declared, rest string, err error) {
	m := viewHead.FindStringSubmatch(text)
	if m == nil {
		line, _, _ := strings.Cut(text, "\n")
		return v, "", fmt.Errorf("CREATE VIEW or a line '-- branch of …' was expected at %q", line)
	}
	v.name, rest = strings.ToLower(m[1]), text[len(m[0]):]
	bad := func(format string, args ...any) (declared, string, error) {
		return v, "", fmt.Errorf("the view "+v.name+": "+format, args...)
	}
	if m := likeHead.FindStringSubmatch(rest); m != nil {
		v.like, rest = strings.ToLower(m[1]), rest[len(m[0]):]
	} else {
		if !strings.HasPrefix(rest, "(") {
			return bad("its columns are missing: CREATE VIEW %s (name TYPE COMMENT '…', …)", v.name)
		}
		list, after, ok := strings.Cut(rest[1:], "\n)")
		if !ok {
			return bad("the list of its columns has no end: a ) at the beginning of a line")
		}
		for line := range strings.Lines(list) {
			line = strings.TrimSpace(line)
			if line == "" || strings.HasPrefix(line, "--") {
				continue
			}
			c, err := parseColumn(line)
			if err != nil {
				return bad("%v", err)
			}
			if slices.ContainsFunc(v.columns, func(o tables.Column) bool { return o.Name == c.Name }) {
				return bad("it has two columns called %s", c.Name)
			}
			v.columns = append(v.columns, c)
		}
		rest = strings.TrimSpace(after)
	}
	if m := comment.FindStringSubmatch(rest); m != nil {
		v.doc, rest = strings.ReplaceAll(m[1], "''", "'"), rest[len(m[0]):]
	}
	if m := asHead.FindString(rest); m != "" {
		at := statementEnd(rest)
		v.text, rest = strings.TrimSpace(rest[len(m):at]), rest[at:]
	}
	if rest = strings.TrimSpace(rest); rest != "" && rest[0] != ';' {
		line, _, _ := strings.Cut(rest, "\n")
		return bad("AS SELECT … or ; was expected at %q", line)
	}
	return v, strings.TrimPrefix(rest, ";"), nil
}

// statementEnd is where a statement ends: at the ; outside of texts and
// comments, or at the end.
func statementEnd(text string) int {
	var quote byte
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quote == '\n' && c == '\n', quote != 0 && quote != '\n' && c == quote:
			quote = 0
		case quote != 0:
			if c == '\\' && quote != '\n' && quote != '`' {
				i++
			}
		case c == '\'' || c == '"' || c == '`':
			quote = c
		case strings.HasPrefix(text[i:], "-- "):
			quote = '\n'
		case c == ';':
			return i
		}
	}
	return len(text)
}

func parseColumn(line string) (c tables.Column, err error) {
	m := columnLine.FindStringSubmatch(line)
	if m == nil {
		return c, fmt.Errorf("a column is written name TYPE [BINARY] [NONADDITIVE] [COMMENT 'what it is [unit]'], on a line of its own, not %q", line)
	}
	c.Name, c.Doc = strings.ToLower(m[1]), strings.ReplaceAll(m[5], "''", "'")
	if u := unitAt.FindStringSubmatch(c.Doc); u != nil {
		c.Doc, c.Unit = strings.TrimSuffix(c.Doc, u[0]), u[1]
	}
	flags := strings.ToUpper(m[4])
	c.NonAdditive, c.NotNull = strings.Contains(flags, "NONADDITIVE"), strings.Contains(flags, "NULL")
	var size []int
	for _, s := range strings.Split(strings.Trim(m[3], "()"), ",") {
		if s = strings.TrimSpace(s); s != "" {
			n, err := strconv.Atoi(s)
			if err != nil {
				return c, err
			}
			size = append(size, n)
		}
	}
	switch kind := strings.ToUpper(m[2]); {
	case kind == "VARCHAR" && len(size) == 1 && strings.Contains(flags, "BINARY"):
		c.Type = tables.Type{Kind: tables.ID, Length: size[0]}
	case kind == "VARCHAR" && len(size) == 1:
		c.Type = tables.Type{Kind: tables.Text, Length: size[0]}
	case kind == "BIGINT":
		c.Type = tables.BigInt
	case kind == "DECIMAL" && len(size) == 2 && size[0] <= 38 && size[1] <= size[0]:
		c.Type = tables.Dec(size[0], size[1])
	case kind == "DOUBLE":
		c.Type = tables.Float
	case kind == "DATE":
		c.Type = tables.DateType
	case kind == "DATETIME":
		c.Type = tables.Timestamp
	case kind == "TINYINT" || kind == "BOOLEAN":
		c.Type = tables.Boolean
	case kind == "JSON":
		c.Type = tables.Document
	default:
		return c, fmt.Errorf("the column %s: %s%s is none of VARCHAR(n), BIGINT, DECIMAL(p,s), DOUBLE, DATE, DATETIME, BOOLEAN, JSON", c.Name, m[2], m[3])
	}
	return c, nil
}

// views reads the files, of which later ones go before earlier ones of the same
// name, and gives the views over the connections.
func (m *model) views(folders []fs.FS) ([]engine.View, tables.Table, error) {
	none := tables.Table{}
	found := map[string]declared{}
	branches := map[string]map[string]string{} // by view, by source
	var order []string
	for _, folder := range folders {
		names, err := fs.Glob(folder, "*.sql")
		if err != nil {
			return nil, none, err
		}
		for _, name := range names {
			text, err := fs.ReadFile(folder, name)
			if err != nil {
				return nil, none, fault.New(fault.Config, "the views in %s cannot be read: %v", name, err)
			}
			f, err := parseViews(string(text))
			if err != nil {
				return nil, none, fault.New(fault.Config, "%s: %v", name, err).WithHint("configs/views/README.md says how views are written")
			}
			for _, v := range f.views {
				if _, again := found[v.name]; !again {
					order = append(order, v.name)
				}
				found[v.name] = v
			}
			source := strings.TrimSuffix(path.Base(name), ".sql")
			for _, b := range f.branches {
				if branches[b.view] == nil {
					branches[b.view] = map[string]string{}
				}
				branches[b.view][source] = b.text
			}
		}
	}
	for view, of := range branches {
		if _, ok := found[view]; !ok {
			for source := range of {
				return nil, none, fault.New(fault.Config, "%s.sql has a branch of %s, and there is no such view", source, view)
			}
		}
	}
	var out []engine.View
	var all []declared
	for _, name := range order {
		d := found[name]
		if d.like != "" {
			like, ok := found[d.like]
			if !ok || like.like != "" {
				return nil, none, fault.New(fault.Config, "the view %s is LIKE %s, which declares no columns", name, d.like)
			}
			d.columns, d.text = like.columns, like.text
		}
		all = append(all, d)
		v := engine.View{Name: name, Doc: d.doc, Columns: described(d.columns, branches[name])}
		for _, k := range m.o.Databases {
			if text, ok := branches[name][k.Source]; ok {
				v.Branches = append(v.Branches, engine.Branch{Database: k.Name, Source: k.Source, Select: text})
			}
		}
		if d.text != "" {
			text := given(d.text, v.Branches)
			v.Text = func(ctx context.Context) (string, error) { return m.filled(ctx, text) }
		}
		out = append(out, v)
	}
	return append(out, m.namingViews()...), metrics(all, branches), nil
}

// fallback is what a view takes where a branch leaves a column out.
var fallback = regexp.MustCompile(`(?i)COALESCE\(b\.([a-z_]+), [a-z]+\.[a-z_]+\)`)

// given leaves out of a view's text what it falls back to for columns that all
// branches give: a join that nothing is asked of costs nothing.
func given(text string, branches []engine.Branch) string {
	return fallback.ReplaceAllStringFunc(text, func(call string) string {
		name := fallback.FindStringSubmatch(call)[1]
		for _, b := range branches {
			if _, _, ok := fieldOf(b.Select, name); !ok {
				return call
			}
		}
		return "b." + name
	})
}

// sorted are the keys of a map in order.
func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// filled is a view's text with what the session says in place of {{…}}.
func (m *model) filled(ctx context.Context, text string) (string, error) {
	if !strings.Contains(text, "{{") {
		return text, nil
	}
	currency := ""
	if m.o.Currency != nil {
		currency = m.o.Currency(ctx)
	}
	return strings.ReplaceAll(text, "{{argo_currency}}", quoted(currency)), nil
}

func quoted(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", "''").Replace(s) + "'"
}
