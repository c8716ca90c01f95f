package ads

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"argo/automation"
	"argo/server/engine"
	"argo/tables"
	"argo/tables/fault"
)

// rule takes names of campaigns apart.
type rule struct {
	name, pattern, scope, expression string
	fields                           []string // by the groups of the expression
	groups                           []int
}

var (
	placeholder = regexp.MustCompile(`\{([a-z][a-z0-9_]*)\}`)
	ruleName    = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)
	namedGroup  = regexp.MustCompile(`\(\?P?<([a-z][a-z0-9_]*)>`)
	scopePart   = regexp.MustCompile(`(?i)^\s*(channel|connection|account_id|advertiser|brand)\s*=\s*([^=]+?)\s*$`)
)

// taken are columns of ads.campaign_names that no field can be called by.
var taken = []string{"channel", "connection", "account_id", "account_name", "campaign_id", "campaign_name", "status", "rule", "conforms"}

// newRule reads a pattern. Faults: Invalid.
func newRule(name, pattern, scope string) (r rule, err error) {
	r = rule{name: strings.TrimSpace(name), pattern: pattern, scope: strings.TrimSpace(scope)}
	bad := func(hint, format string, args ...any) (rule, error) {
		return r, fault.New(fault.Invalid, "the naming rule %q: "+format, append([]any{name}, args...)...).WithHint("%s", hint)
	}
	const example = `CALL ads.create_naming_rule('standard', '{brand}|{format}|{country}', 'channel=google_ads')`
	if !ruleName.MatchString(r.name) {
		return bad(example, "a name is lower-case letters, digits and _, beginning with a letter")
	}
	if namedGroup.MatchString(pattern) {
		r.expression = namedGroup.ReplaceAllString(pattern, "(?P<$1>")
	} else {
		r.expression = template(pattern)
	}
	re, err := regexp.Compile(r.expression)
	if err != nil {
		return bad("write {field} with separators between, or a regular expression with groups (?<field>…)", "the pattern cannot be read: %v", err)
	}
	for i, field := range re.SubexpNames() {
		if field == "" {
			continue
		}
		if slices.Contains(taken, field) {
			return bad(example, "ads.campaign_names has a column %s already", field)
		}
		if slices.Contains(r.fields, field) {
			return bad(example, "it has the field %s twice", field)
		}
		r.fields, r.groups = append(r.fields, field), append(r.groups, i)
	}
	if len(r.fields) == 0 {
		return bad(example, "the pattern names no field")
	}
	if _, err := r.where(); err != nil {
		return r, err
	}
	return r, nil
}

// template is the regular expression of a pattern with {fields}. A field holds
// nothing of the separator behind it, the last one nothing of the one before it,
// so that a name with more parts does not conform; spaces around fields do not
// count.
func template(pattern string) string {
	var b strings.Builder
	b.WriteString(`^\s*`)
	at := 0
	marks := placeholder.FindAllStringSubmatchIndex(pattern, -1)
	for i, m := range marks {
		b.WriteString(literal(pattern[at:m[0]]))
		at = m[1]
		next := len(pattern)
		if i+1 < len(marks) {
			next = marks[i+1][0]
		}
		stop := strings.TrimSpace(pattern[m[1]:next])
		if stop == "" && next == len(pattern) && i > 0 {
			stop = strings.TrimSpace(pattern[marks[i-1][1]:m[0]])
		}
		class := "."
		if stop != "" {
			class = "[^" + regexp.QuoteMeta(string([]rune(stop)[:1])) + "]"
		}
		fmt.Fprintf(&b, `(?P<%s>%s+?)`, pattern[m[2]:m[3]], class)
	}
	b.WriteString(literal(pattern[at:]))
	b.WriteString(`\s*$`)
	return b.String()
}

func literal(s string) string {
	if t := strings.TrimSpace(s); t != "" {
		return `\s*` + regexp.QuoteMeta(t) + `\s*`
	}
	if s != "" {
		return `\s+`
	}
	return ""
}

// where is the condition of SQL for the campaigns c that the rule is for.
func (r rule) where() (string, error) {
	if r.scope == "" {
		return "TRUE", nil
	}
	var out []string
	for _, part := range regexp.MustCompile(`(?i)\s+and\s+|,`).Split(r.scope, -1) {
		m := scopePart.FindStringSubmatch(part)
		if m == nil {
			return "", fault.New(fault.Invalid, "the naming rule %q: the scope %q cannot be read", r.name, part).
				WithHint("channel=google_ads and advertiser=A Corp; what can be said: channel, connection, account_id, advertiser, brand")
		}
		out = append(out, "c."+strings.ToLower(m[1])+" = "+quoted(strings.Trim(m[2], "'")))
	}
	return "(" + strings.Join(out, " AND ") + ")", nil
}

// fits is the condition that a name conforms.
func (r rule) fits() string {
	return "REGEXP_LIKE(c.campaign_name, " + quoted(r.expression) + ", 'c')"
}

// rules in the order of their names.
func (m *model) rules(ctx context.Context) (out []rule, err error) {
	rows, err := m.kept[namingRules].rows(ctx)
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		r, err := newRule(textOf(row[0]), textOf(row[1]), textOf(row[2]))
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b rule) int { return strings.Compare(a.name, b.name) })
	return out, nil
}

// namingViews are ads.campaign_names and ads.naming_violations, which follow
// the rules.
func (m *model) namingViews() []engine.View {
	base := []tables.Column{
		{Name: "channel", Type: tables.Ident, Doc: "Source"},
		{Name: "connection", Type: tables.Ident, Doc: "Connection it was read through"},
		{Name: "account_id", Type: tables.Ident, Doc: "Account at the channel"},
		{Name: "account_name", Type: tables.Varchar, Doc: "Name of the account"},
		{Name: "campaign_id", Type: tables.Ident, Doc: "Campaign at the channel"},
		{Name: "campaign_name", Type: tables.Varchar, Doc: "Name as it is now"},
		{Name: "status", Type: tables.Ident, Doc: "Status, in the channel's word"},
	}
	const list = "c.channel AS channel, c.connection AS connection, c.account_id AS account_id, c.account_name AS account_name, c.campaign_id AS campaign_id, c.campaign_name AS campaign_name, c.status AS status"
	names := engine.View{
		Name: "campaign_names", Doc: "Names of campaigns taken apart by the rules in ads.naming_rules: of several that fit the first by name. Join it on connection, account_id and campaign_id",
		Describe: func(ctx context.Context) ([]tables.Column, error) {
			rules, err := m.rules(ctx)
			if err != nil {
				return nil, err
			}
			out := append(slices.Clone(base),
				tables.Column{Name: "rule", Type: tables.Ident, Doc: "Rule that the name conforms to; NULL: none"},
				tables.Column{Name: "conforms", Type: tables.Boolean, Doc: "Whether it conforms to one of the rules that are for it; NULL where none is"})
			for _, field := range fields(rules) {
				var of []string
				for _, r := range rules {
					if slices.Contains(r.fields, field) {
						of = append(of, r.name)
					}
				}
				out = append(out, tables.Column{Name: field, Type: tables.Varchar, Doc: "Part of the name, by the rules " + strings.Join(of, ", ")})
			}
			return out, nil
		},
		Text: func(ctx context.Context) (string, error) {
			rules, err := m.rules(ctx)
			if err != nil {
				return "", err
			}
			text := "SELECT " + list
			if len(rules) == 0 {
				return text + ", NULL AS rule, NULL AS conforms FROM ads.campaigns c", nil
			}
			var which, scopes []string
			for _, r := range rules {
				in, err := r.where()
				if err != nil {
					return "", err
				}
				scopes = append(scopes, in)
				which = append(which, fmt.Sprintf("WHEN %s AND %s THEN %s", in, r.fits(), quoted(r.name)))
			}
			rule := "CASE " + strings.Join(which, " ") + " END"
			text += ", " + rule + " AS rule, CASE WHEN " + rule + " IS NOT NULL THEN TRUE WHEN " + strings.Join(scopes, " OR ") + " THEN FALSE END AS conforms"
			for _, field := range fields(rules) {
				var parts []string
				for _, r := range rules {
					if i := slices.Index(r.fields, field); i >= 0 {
						parts = append(parts, fmt.Sprintf("WHEN %s THEN REGEXP_REPLACE(c.campaign_name, %s, '$%d', 1, 0, 'c')",
							quoted(r.name), quoted(`^.*?(?:`+r.expression+`).*$`), r.groups[i]))
					}
				}
				text += ", CASE " + rule + " " + strings.Join(parts, " ") + " END AS " + field
			}
			return text + " FROM ads.campaigns c", nil
		},
	}
	violations := engine.View{
		Name: "naming_violations", Doc: "Campaigns whose names conform to none of the naming rules that are for them",
		Columns: append(slices.Clone(base), tables.Column{Name: "expected", Type: tables.LongText, Doc: "Pattern of the first rule that is for the campaign"}),
		Text: func(ctx context.Context) (string, error) {
			rules, err := m.rules(ctx)
			if err != nil {
				return "", err
			}
			text := "SELECT " + list
			if len(rules) == 0 {
				return text + ", NULL AS expected FROM ads.campaigns c WHERE FALSE", nil
			}
			var expected, scopes, fits []string
			for _, r := range rules {
				in, err := r.where()
				if err != nil {
					return "", err
				}
				scopes, fits = append(scopes, in), append(fits, "("+in+" AND "+r.fits()+")")
				expected = append(expected, "WHEN "+in+" THEN "+quoted(r.pattern))
			}
			return text + ", CASE " + strings.Join(expected, " ") + " END AS expected FROM ads.campaigns c WHERE (" + strings.Join(scopes, " OR ") + ") AND NOT COALESCE(" + strings.Join(fits, " OR ") + ", FALSE)", nil
		},
	}
	return []engine.View{names, violations}
}

// fields of rules, each once.
func fields(rules []rule) (out []string) {
	for _, r := range rules {
		for _, f := range r.fields {
			if !slices.Contains(out, f) {
				out = append(out, f)
			}
		}
	}
	return out
}

// procedures keep the rules.
func (m *model) procedures() []engine.Procedure {
	name := automation.Param{Name: "rule_name", Type: tables.Ident, Doc: "its name"}
	columns := m.kept[namingRules].table.Columns
	columns = columns[:len(columns)-2]
	row := func(r rule) tables.Row {
		return tables.Row{r.name, r.pattern, word(r.scope), r.expression, strings.Join(r.fields, ", ")}
	}
	find := func(ctx context.Context, name string) (tables.Row, error) {
		rows, err := m.kept[namingRules].rows(ctx)
		for _, r := range rows {
			if textOf(r[0]) == name {
				return r, err
			}
		}
		return nil, err
	}
	return []engine.Procedure{
		{Name: "create_naming_rule", Doc: "Take names of campaigns apart by a pattern, into columns of ads.campaign_names; a rule of the same name is replaced", Act: true,
			Params: []automation.Param{name,
				{Name: "pattern", Type: tables.LongText, Doc: "'{brand}|{format}|{country}', or a regular expression with named groups"},
				{Name: "scope", Type: tables.LongText, Doc: "'channel=google_ads and advertiser=…'; left out: every campaign"}},
			Optional: 1, Columns: columns,
			Run: func(ctx context.Context, c engine.Caller, args automation.Args) ([]tables.Row, error) {
				r, err := newRule(textOf(args["rule_name"]), textOf(args["pattern"]), textOf(args["scope"]))
				if err != nil {
					return nil, err
				}
				kept := append(row(r), nil, nil)
				if err := m.kept[namingRules].edit(ctx, c.By, nil, []tables.Row{kept}); err != nil {
					return nil, err
				}
				return []tables.Row{row(r)}, nil
			}},
		{Name: "drop_naming_rule", Doc: "Drop a rule of ads.naming_rules", Act: true, Params: []automation.Param{name}, Columns: columns,
			Run: func(ctx context.Context, c engine.Caller, args automation.Args) ([]tables.Row, error) {
				old, err := find(ctx, textOf(args["rule_name"]))
				if err != nil {
					return nil, err
				}
				if old == nil {
					return nil, fault.New(fault.NotFound, "there is no naming rule called %q", textOf(args["rule_name"])).WithHint("SELECT name, pattern FROM ads.naming_rules")
				}
				return []tables.Row{old[:len(columns)]}, m.kept[namingRules].edit(ctx, c.By, []tables.Row{old}, nil)
			}},
		{Name: "list_naming_rules", Doc: "The rules, as ads.naming_rules has them", Columns: columns,
			Run: func(ctx context.Context, _ engine.Caller, _ automation.Args) ([]tables.Row, error) {
				rules, err := m.rules(ctx)
				var out []tables.Row
				for _, r := range rules {
					out = append(out, row(r))
				}
				return out, err
			}},
	}
}
