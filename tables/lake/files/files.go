// Package files is the source files: exports that people or programs lay into a
// folder or under a prefix of S3, as CSV or Excel (.xlsx), become tables with
// accounts and days.
//
// Of the files that have rows of an account and a day the newest answers alone,
// so that a corrected export replaces the one before it; a name that states its
// days speaks for all of them, rows or none. Nothing settles: a cell is looked up
// anew after a minute, since a correction may come at any time.
//
// A file on disk counts as written when nothing has changed for a while (settle);
// until then a scan that it may concern waits, and fails rather than read half of
// it. A row that does not fit the description is a fault with file, line and
// column; rows are left out only by the rules of skip. Numbers of Excel have 15
// digits, as Excel itself shows them.
//
// It knows no engine and no cache.
package files

import (
	"context"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"argo/tables"
	"argo/tables/fault"
	"argo/tables/lake"
	"argo/tables/mapping"
)

// Source is a folder of exports.
var Source = tables.Source{
	Name:   "files",
	Doc:    "Exports in CSV and Excel that somebody lays into a folder or S3: accounts and days from the rows or the file's name",
	Sample: sample,
	Open:   open,
}

const sample = `# Exports of what has no API. A corrected file replaces the older one, by account and day.
- name: exports
  source: files
  options:
    accounts:                                # names, currencies and time zones of what the files hold
      - {id: brand_a, name: Brand A, currency: KRW, time_zone: Asia/Seoul}
    settle: 5s                               # a file that changed within it is still being written
    tables:
      - name: dable
        path: exports/dable/*.xlsx           # file, folder or pattern; relative to this file; or s3://bucket/prefix/
        file: "dable_{account}_{day:%Y%m%d}*"   # what the name says: {account}, {day}, or {from} and {to}; * is anything
        sheet: Report                        # default: the first
        # encoding: cp949                    # of CSV: utf-8 (default), cp949, euc-kr, shift_jis …
        # delimiter: ";"                     # of CSV; default: found out
        header_within: 20                    # the header is the first row with all columns, of so many
        skip:                                # rows that are none: totals, notes
          - {column: 날짜, equals: [합계, 총계, Total]}
          - {column: 캠페인, empty: true}
        since: 2026-01-01
        key: [campaign]
        columns:
          - {name: date, type: day, from: [날짜, Date], format: ["%Y-%m-%d", "%Y.%m.%d"]}   # or from: $day, of the name
          - {name: campaign, type: varchar(255), from: [캠페인, Campaign]}
          - {name: cost, type: money, from: [비용, Cost], unit: account currency}           # 1,234  ₩1,200  (12)
          - {name: currency, type: id, from: $currency}
          - {name: clicks, type: int, from: [클릭수, Clicks], unit: count, nulls: ["-"]}
    # s3: {endpoint: …, region: …, path_style: true, access_key: env:KEY, secret_key: env:SECRET}
`

type options struct {
	Accounts []accountOptions `yaml:"accounts"`
	Settle   string           `yaml:"settle"`
	Tables   []tableOptions   `yaml:"tables"`
	S3       lake.S3          `yaml:"s3"`
}

type accountOptions struct {
	ID       string `yaml:"id"`
	Name     string `yaml:"name"`
	Currency string `yaml:"currency"`
	TimeZone string `yaml:"time_zone"`
}

type tableOptions struct {
	Name         string           `yaml:"name"`
	Doc          string           `yaml:"doc"`
	Path         string           `yaml:"path"`
	File         string           `yaml:"file"`
	Sheet        string           `yaml:"sheet"`
	Encoding     string           `yaml:"encoding"`
	Delimiter    string           `yaml:"delimiter"`
	HeaderWithin int              `yaml:"header_within"`
	Skip         []skipOptions    `yaml:"skip"`
	Since        string           `yaml:"since"`
	Clock        string           `yaml:"clock"`
	Key          []string         `yaml:"key"`
	Columns      []mapping.Column `yaml:"columns"`
}

type skipOptions struct {
	Column string          `yaml:"column"` // header; "" is any cell
	Equals mapping.Strings `yaml:"equals"`
	Begins mapping.Strings `yaml:"begins"`
	Empty  bool            `yaml:"empty"`
}

var (
	tableName   = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)
	currencyISO = regexp.MustCompile(`^[A-Z]{3}$`)
)

type source struct {
	env      tables.Env
	settle   time.Duration
	accounts map[string]tables.Account
}

func open(_ context.Context, env tables.Env) (*tables.Connection, error) {
	var o options
	if err := env.Decode(&o); err != nil {
		return nil, err
	}
	conn, err := newSource(env, o)
	if err != nil {
		return nil, fault.New(fault.Config, "connection %s: %v", env.Name, err).WithHint("argo sources --sample files shows the options")
	}
	return conn, nil
}

func newSource(env tables.Env, o options) (*tables.Connection, error) {
	s := &source{env: env, settle: 5 * time.Second, accounts: map[string]tables.Account{}}
	var err error
	if o.Settle != "" {
		if s.settle, err = time.ParseDuration(o.Settle); err != nil || s.settle < 0 {
			return nil, fmt.Errorf("settle: %q is not a duration; write 5s", o.Settle)
		}
	}
	for i, a := range o.Accounts {
		switch _, twice := s.accounts[a.ID]; {
		case a.ID == "" || twice:
			return nil, fmt.Errorf("accounts[%d].id: %q is missing or there twice", i, a.ID)
		case a.Currency != "" && !currencyISO.MatchString(a.Currency):
			return nil, fmt.Errorf("accounts[%d].currency: %q is not an ISO 4217 code such as KRW", i, a.Currency)
		}
		if a.TimeZone != "" {
			if _, err := mapping.Zone(a.TimeZone); err != nil {
				return nil, fmt.Errorf("accounts[%d].time_zone: %w", i, err)
			}
		}
		if a.Name == "" {
			a.Name = a.ID
		}
		s.accounts[a.ID] = tables.Account{ID: a.ID, Name: a.Name, Currency: a.Currency, Zone: a.TimeZone}
	}
	places, err := lake.Places(env, o.S3)
	if err != nil {
		return nil, err
	}
	if len(o.Tables) == 0 {
		return nil, errors.New("tables: there is none")
	}
	conn := &tables.Connection{}
	var all []*table
	seen := map[string]bool{}
	for i, x := range o.Tables {
		at := fmt.Sprintf("tables[%d] (%s)", i, x.Name)
		if !tableName.MatchString(x.Name) || seen[x.Name] {
			return nil, fmt.Errorf("%s.name: %q is there twice or no name: lower-case letters, digits and _, beginning with a letter", at, x.Name)
		}
		seen[x.Name] = true
		t, err := s.table(x)
		if err == nil {
			if t.place, err = places(x.Path); err != nil {
				err = fmt.Errorf("path: %w", err)
			}
		}
		if err != nil {
			return nil, fmt.Errorf("%s.%w", at, err)
		}
		all = append(all, t)
		conn.Tables = append(conn.Tables, t.sheet)
	}
	conn.Check = func(ctx context.Context) (string, error) {
		var lines []string
		var faults []error
		for _, t := range all {
			line, err := t.check(ctx)
			lines, faults = append(lines, line), append(faults, err)
		}
		return strings.Join(lines, "; "), errors.Join(faults...)
	}
	return conn, nil
}

// table is one that was understood.
type table struct {
	s       *source
	o       tableOptions
	place   *lake.Place
	fields  []*mapping.Field
	day, of int // positions, -1
	name    *pattern
	sheet   tables.Table

	mu   sync.Mutex
	kept map[string]*parsed // by file
	held int                // rows of these
}

func (s *source) table(o tableOptions) (*table, error) {
	t := &table{s: s, o: o, day: -1, of: -1, kept: map[string]*parsed{}}
	var err error
	if t.name, err = parsePattern(o.File); err != nil {
		return nil, fmt.Errorf("file: %w", err)
	}
	if err := lake.Encoding(o.Encoding); err != nil {
		return nil, fmt.Errorf("encoding: %w", err)
	}
	if o.Delimiter == "tab" {
		t.o.Delimiter = "\t"
	}
	if d := []rune(t.o.Delimiter); len(d) > 1 || len(d) == 1 && strings.ContainsRune("\"\r\n\ufeff\ufffd", d[0]) {
		return nil, fmt.Errorf("delimiter: %q is not one character, or tab", o.Delimiter)
	}
	if t.o.HeaderWithin == 0 {
		t.o.HeaderWithin = 20
	}
	if t.o.HeaderWithin < 1 || t.o.HeaderWithin > 10000 {
		return nil, errors.New("header_within: is the number of rows within which the header stands")
	}
	for i, k := range o.Skip {
		if !k.Empty && len(k.Equals) == 0 && len(k.Begins) == 0 || k.Empty && k.Column == "" || slices.Contains(k.Begins, "") {
			return nil, fmt.Errorf("skip[%d]: say which rows are none: {column: 날짜, equals: [합계, Total]}, begins: [Notes] or {column: 캠페인, empty: true}", i)
		}
	}
	if len(o.Columns) == 0 {
		return nil, errors.New("columns: there is none")
	}
	seen := map[string]bool{}
	for i, c := range o.Columns {
		if c.Type == "account" && len(c.From) == 0 && !t.name.has("account") && c.Name != "" {
			c.From = mapping.Strings{c.Name}
		}
		f, err := c.Compile()
		if err != nil {
			return nil, fmt.Errorf("columns[%d] (%s).%w", i, c.Name, err)
		}
		switch {
		case seen[f.Name]:
			return nil, fmt.Errorf("columns[%d] (%s): the name is there twice", i, f.Name)
		case f.Role == mapping.AsDay && t.day >= 0, f.Role == mapping.AsAccount && t.of >= 0:
			return nil, fmt.Errorf("columns[%d] (%s).type: there is one already; the others are date and id", i, f.Name)
		case f.From[0] == "$account" && !t.name.has("account") && f.Role == mapping.AsAccount:
			return nil, fmt.Errorf("columns[%d] (%s).from: the files' names give no account: file: \"report_{account}_*\"", i, f.Name)
		case f.From[0] == "$day" && !t.name.has("day"):
			return nil, fmt.Errorf("columns[%d] (%s).from: the files' names give no day: file: \"*_{day:%%Y%%m%%d}*\"", i, f.Name)
		}
		seen[f.Name] = true
		if f.Role == mapping.AsDay {
			t.day = len(t.fields)
		} else if f.Role == mapping.AsAccount {
			t.of = len(t.fields)
		}
		t.fields = append(t.fields, f)
	}
	if t.day < 0 && (t.name.has("day") || o.Since != "" || o.Clock != "") {
		return nil, errors.New("columns: none is the day: {name: date, type: day, from: $day}, or from: a header")
	}
	if t.of < 0 && (t.day >= 0 || t.name.has("account")) {
		if seen["account_id"] {
			return nil, errors.New("columns: account_id is the account: give it type: account")
		}
		f, err := mapping.Column{Name: "account_id", Type: "account"}.Compile()
		if err != nil {
			return nil, err
		}
		if !t.name.has("account") && len(s.accounts) != 1 {
			return nil, errors.New("columns: whose rows are these? Give {account} in file:, a column of type: account, or exactly one of accounts:")
		}
		t.fields = slices.Insert(t.fields, 0, f)
		t.of = 0
		if t.day >= 0 {
			t.day++
		}
	}
	real := false
	money := false
	for _, k := range o.Key {
		i := slices.IndexFunc(t.fields, func(f *mapping.Field) bool { return f.Name == k })
		if i < 0 {
			return nil, fmt.Errorf("key: %q is none of the columns", k)
		}
		t.fields[i].NotNull = true
	}
	x := tables.Table{Name: o.Name, Doc: o.Doc, Key: o.Key, Whole: true, Fresh: tables.Freshness{Entity: time.Minute}, Scan: t.scan}
	if x.Doc == "" {
		x.Doc = "Exports at " + o.Path
	}
	for i, f := range t.fields {
		real = real || !f.Special()
		money = money || strings.Contains(f.Unit, "currency")
		f.Push = i == t.day || i == t.of
		x.Columns = append(x.Columns, f.Column)
	}
	if !real {
		return nil, errors.New("columns: none is in the files")
	}
	if money && x.Lookup("currency") == nil {
		return nil, errors.New("columns: amounts are in a currency that no column names; add {name: currency, type: id, from: $currency}, or value: KRW")
	}
	if t.of >= 0 {
		x.Account, x.Accounts = t.fields[t.of].Name, t.accounts
	}
	if t.day >= 0 {
		x.Day, x.Clock, x.Since = t.fields[t.day].Name, o.Clock, tables.DayOf(s.env.Now().UTC()).Add(-400)
		if x.Clock == "" {
			x.Clock = "day as the files give it"
		}
		if o.Since != "" {
			if x.Since, err = tables.ParseDay(o.Since); err != nil {
				return nil, fmt.Errorf("since: %q is not a day; write 2026-01-31", o.Since)
			}
		}
		x.Fresh = tables.Freshness{Steps: []tables.Step{{Within: 36500, Keep: time.Minute}}}
	}
	remote := strings.HasPrefix(o.Path, "s3://")
	x.Calls = func(tables.Scan) (int, bool) {
		if remote {
			return 1, false // a listing, and each new file
		}
		return 0, true
	}
	t.sheet = x
	return t, nil
}

// pattern is what the name of a file says.
type pattern struct {
	text    string
	re      *regexp.Regexp
	layouts map[string]*mapping.Layout
}

// parsePattern reads "dable_{account}_{day:%Y%m%d}*". It is matched with the whole
// name, without folders and without the suffix.
func parsePattern(text string) (*pattern, error) {
	p := &pattern{text: text, layouts: map[string]*mapping.Layout{}}
	if text == "" {
		return p, nil
	}
	var b strings.Builder
	b.WriteString(`(?s)^`)
	for rest := text; rest != ""; {
		i := strings.IndexAny(rest, "{}*")
		if i < 0 {
			i = len(rest)
		}
		b.WriteString(regexp.QuoteMeta(rest[:i]))
		if rest = rest[i:]; rest == "" {
			break
		}
		if rest[0] == '*' {
			b.WriteString(".*?")
			rest = rest[1:]
			continue
		}
		end := strings.IndexByte(rest, '}')
		if rest[0] == '}' || end < 0 {
			return nil, fmt.Errorf("%q: a brace stands alone", text)
		}
		name, format, formatted := strings.Cut(rest[1:end], ":")
		rest = rest[end+1:]
		if _, twice := p.layouts[name]; twice || !slices.Contains([]string{"account", "day", "from", "to"}, name) || name == "account" && formatted {
			return nil, fmt.Errorf("%q: {%s} is there twice or none of {account}, {day:%%Y%%m%%d}, {from:…} and {to:…}", text, name)
		}
		if !formatted {
			format = "%Y-%m-%d"
		}
		l, err := mapping.ParseLayout(format)
		if err != nil {
			return nil, err
		}
		if l.Numeric() {
			return nil, fmt.Errorf("%q: a name has its days in digits: {%s:%%Y%%m%%d}", text, name)
		}
		if p.layouts[name] = l; name == "account" {
			b.WriteString(`(?P<account>.+?)`)
			continue
		}
		fmt.Fprintf(&b, `(?P<%s>%s)`, name, dayPattern(format))
	}
	if (p.layouts["from"] == nil) != (p.layouts["to"] == nil) || p.layouts["day"] != nil && p.layouts["from"] != nil {
		return nil, fmt.Errorf("%q: there is {day}, or {from} and {to}", text)
	}
	b.WriteString(`$`)
	re, err := regexp.Compile(b.String())
	if err != nil {
		return nil, fmt.Errorf("%q is too long", text)
	}
	p.re = re
	return p, nil
}

func (p *pattern) has(name string) bool { return p.layouts[name] != nil }

// dayPattern is what a day of a format looks like.
func dayPattern(format string) string {
	var b strings.Builder
	for i := 0; i < len(format); {
		if format[i] != '%' || i+1 == len(format) {
			j := i + 1
			for j < len(format) && format[j] != '%' {
				j++
			}
			b.WriteString(regexp.QuoteMeta(format[i:j]))
			i = j
			continue
		}
		switch format[i+1] {
		case 'Y':
			b.WriteString(`\d{4}`)
		case 'y':
			b.WriteString(`\d{2}`)
		case 'm', 'c', 'd', 'e':
			b.WriteString(`\d{1,2}`)
		case 'b', 'M':
			b.WriteString(`[A-Za-z]+`)
		default:
			b.WriteString(`.+?`)
		}
		i += 2
	}
	return b.String()
}

// named is what a name says: "" and no days where it does not.
type named struct {
	account string
	days    tables.Days
}

// read gives what the name says.
func (p *pattern) read(name string) (n named, err error) {
	if p.re == nil {
		return n, nil
	}
	base := path.Base(filepath.ToSlash(name))
	for _, suffix := range []string{".gz", ".zst", ".zstd"} {
		base = strings.TrimSuffix(base, suffix)
	}
	base = strings.TrimSuffix(base, path.Ext(base))
	m := p.re.FindStringSubmatch(base)
	if m == nil {
		return n, fmt.Errorf("its name is not like file: %q", p.text)
	}
	day := func(name string) (tables.Day, error) {
		t, ok := p.layouts[name].Parse(m[p.re.SubexpIndex(name)], time.UTC)
		if !ok {
			return "", fmt.Errorf("its name has no day where file: %q has {%s}", p.text, name)
		}
		return tables.DayOf(t), nil
	}
	if p.has("account") {
		n.account = m[p.re.SubexpIndex("account")]
	}
	if p.has("day") {
		n.days.From, err = day("day")
		n.days.To = n.days.From
	}
	if p.has("from") {
		if n.days.From, err = day("from"); err == nil {
			n.days.To, err = day("to")
		}
		if err == nil && n.days.To < n.days.From {
			err = errors.New("the days of its name end before they begin")
		}
	}
	return n, err
}
