package ads

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"argo/tables"
)

// ratios are metrics that no row has: they are computed of sums.
var ratios = []struct{ name, doc, formula, unit string }{
	{"ctr", "Click-through rate", "SUM(clicks) / SUM(impressions)", "ratio 0..1"},
	{"cpc", "Cost of a click", "SUM(spend) / SUM(clicks)", "account currency"},
	{"cpm", "Cost of 1,000 impressions", "1000 * SUM(spend) / SUM(impressions)", "account currency"},
	{"conversion_rate", "Conversions by clicks", "SUM(conversions) / SUM(clicks)", "ratio"},
	{"cpa", "Cost of a conversion", "SUM(spend) / SUM(conversions)", "account currency"},
	{"roas", "Return on ad spend", "SUM(conversions_value) / SUM(spend)", "ratio"},
	{"cpi", "Cost of an install: spend of ads.performance by installs of ads.trackers, each summed before they are joined", "SUM(spend) / SUM(installs)", "account currency"},
	{"match_rate", "What of a source the other side has too, in ads.truth", "SUM(conversions * matched) / SUM(conversions)", "ratio 0..1"},
}

// metrics is the dictionary: what each number of a view is, and which field of
// which source it comes from. It is the same whatever is connected.
func metrics(views []declared, branches map[string]map[string]string) tables.Table {
	t := tables.Table{
		Name: "metrics", Doc: "The metric dictionary: what every number of the model is, by view and source. Ratios are computed of sums, never summed",
		Columns: []tables.Column{
			{Name: "metric", Type: tables.Ident, NotNull: true, Doc: "Column of the view, or name of a ratio"},
			{Name: "view_name", Type: tables.Ident, Doc: "View of the database ads; NULL for ratios"},
			{Name: "source", Type: tables.Ident, Doc: "Source of a branch; NULL where the view computes it, or no source gives it"},
			{Name: "source_field", Type: tables.LongText, Doc: "Field of the source's own table, or the expression over its fields"},
			{Name: "source_table", Type: tables.Ident, Doc: "Table of the connection"},
			{Name: "formula", Type: tables.LongText, NotNull: true, Doc: "How it is added up or computed"},
			{Name: "unit", Type: tables.Varchar, Doc: "Unit"},
			{Name: "additive", Type: tables.Boolean, NotNull: true, Doc: "Whether it may be summed"},
			{Name: "doc", Type: tables.LongText, Doc: "What it is"},
		},
	}
	var rows []tables.Row
	for _, v := range views {
		for _, c := range v.columns {
			if !number(c) {
				continue
			}
			formula := "SUM(" + c.Name + ")"
			if c.NonAdditive {
				formula = c.Name
			}
			row := func(source, field, table any) {
				rows = append(rows, tables.Row{c.Name, v.name, source, field, table, formula, word(c.Unit), !c.NonAdditive, c.Doc})
			}
			given := false
			for _, source := range sorted(branches[v.name]) {
				if field, table, ok := fieldOf(branches[v.name][source], c.Name); ok {
					given = true
					row(source, field, word(table))
				}
			}
			if !given || slices.ContainsFunc(computed(v.text), func(name string) bool { return name == c.Name }) {
				row(nil, nil, nil)
			}
		}
	}
	for _, r := range ratios {
		rows = append(rows, tables.Row{r.name, nil, nil, nil, nil, r.formula, r.unit, false, r.doc})
	}
	t.Scan = scan(t.Columns, func(context.Context, tables.Scan) ([]tables.Row, error) { return rows, nil })
	return t
}

func number(c tables.Column) bool {
	return c.Type.Kind == tables.Int || c.Type.Kind == tables.Decimal || c.Type.Kind == tables.Double
}

// described adds the fields that the numbers come from to their comments.
func described(columns []tables.Column, branches map[string]string) []tables.Column {
	out := slices.Clone(columns)
	for i, c := range out {
		if !number(c) {
			continue
		}
		var from []string
		for _, source := range sorted(branches) {
			if field, _, ok := fieldOf(branches[source], c.Name); ok {
				from = append(from, source+" "+field)
			}
		}
		if len(from) > 0 {
			out[i].Doc += ". Source fields: " + strings.Join(from, ", ")
		}
	}
	return out
}

var (
	itemAlias = regexp.MustCompile(`(?is)^(.*?)\s+AS\s+([a-z_][a-z0-9_]*)$`)
	fromTable = regexp.MustCompile(`(?is)\bFROM\s+([a-z][a-z0-9_]*)`)
	listHead  = regexp.MustCompile(`(?is)^\s*SELECT\s+`)
)

// fieldOf finds what a branch's first SELECT gives as the column called name.
func fieldOf(text, name string) (field, table string, ok bool) {
	list, rest := items(text)
	for _, item := range list {
		field, alias := item, item
		if m := itemAlias.FindStringSubmatch(item); m != nil {
			field, alias = strings.Join(strings.Fields(m[1]), " "), m[2]
		}
		if strings.EqualFold(alias, name) && !strings.EqualFold(field, "NULL") {
			if m := fromTable.FindStringSubmatch(rest); m != nil {
				table = m[1]
			}
			return field, table, true
		}
	}
	return "", "", false
}

// computed are the columns that a view's text names.
func computed(text string) (out []string) {
	list, _ := items("SELECT " + strings.TrimPrefix(strings.TrimSpace(text), "SELECT"))
	for _, item := range list {
		if m := itemAlias.FindStringSubmatch(item); m != nil {
			out = append(out, strings.ToLower(m[2]))
		}
	}
	return out
}

// items of the list of a SELECT, and what follows the list.
func items(text string) (out []string, after string) {
	head := listHead.FindString(text)
	rest := text[len(head):]
	depth, begin := 0, 0
	var quote byte
	for i := 0; i < len(rest); i++ {
		c := rest[i]
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"' || c == '`':
			quote = c
		case c == '(':
			depth++
		case c == ')':
			depth--
		case depth == 0 && c == ',':
			out, begin = append(out, strings.TrimSpace(rest[begin:i])), i+1
		case depth == 0 && (c == 'F' || c == 'f') && i > 0 && strings.ContainsRune(" \n\t)", rune(rest[i-1])) && fromTable.MatchString(rest[i:]) && strings.EqualFold(rest[i:min(i+4, len(rest))], "from"):
			return append(out, strings.TrimSpace(rest[begin:i])), rest[i:]
		}
	}
	return append(out, strings.TrimSpace(rest[begin:])), ""
}
