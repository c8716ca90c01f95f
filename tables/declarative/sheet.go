package declarative

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"argo/tables"
	"argo/tables/fault"
	"argo/tables/mapping"
	"argo/tables/rest"
)

// sheet is a table that was understood.
type sheet struct {
	c      *client
	o      tableOptions
	call   *call
	fields []*mapping.Field
	t      tables.Table
	day    int // position of the field, -1
	of     int // of the account, -1
}

func (c *client) sheet(o tableOptions, since tables.Day) (*sheet, error) {
	s := &sheet{c: c, o: o, day: -1, of: -1}
	var err error
	if s.call, err = c.call(o.callOptions, strings.Split(ofScan, ", ")); err != nil {
		return nil, err
	}
	if len(o.Columns) == 0 {
		return nil, errors.New("columns: there is none")
	}
	seen := map[string]bool{}
	for i, col := range o.Columns {
		f, err := col.Compile()
		if err != nil {
			return nil, fmt.Errorf("columns[%d] (%s).%w", i, col.Name, err)
		}
		if seen[f.Name] {
			return nil, fmt.Errorf("columns[%d] (%s): the name is there twice", i, f.Name)
		}
		seen[f.Name] = true
		switch f.Role {
		case mapping.AsDay:
			if s.day >= 0 {
				return nil, fmt.Errorf("columns[%d] (%s).type: there is another day; the others are date", i, f.Name)
			}
			s.day = i
		case mapping.AsAccount:
			if s.of >= 0 {
				return nil, fmt.Errorf("columns[%d] (%s).type: there is another account; the others are id", i, f.Name)
			}
			s.of = i
		}
		s.fields = append(s.fields, f)
	}
	used := s.call.used
	dated := used["from"] || used["to"] || used["until"] || used["day"]
	partitioned := s.of >= 0 || s.day >= 0 || used["account"]
	switch {
	case dated && s.day < 0:
		return nil, errors.New("columns: the request is for days, and none of the columns is one: {name: date, type: day}")
	case used["day"] && (used["to"] || used["until"] || o.MaxDays > 1):
		return nil, errors.New("max_days: a request for {day} is for one day; with {from} and {to} it may be for more")
	case s.day < 0 && (o.MaxDays != 0 || o.Since != "" || o.Clock != ""):
		return nil, errors.New("max_days: and since and clock are for a table with a day: {name: date, type: day}")
	case o.MaxDays < 0:
		return nil, errors.New("max_days: is the longest range of one request")
	case partitioned && c.list == nil && len(c.accounts) == 0:
		return nil, errors.New("columns: a table with days or accounts needs accounts; with one alone write accounts: [{id: main, currency: KRW, time_zone: Asia/Seoul}]")
	}
	if (used["to"] || used["until"]) && !used["from"] {
		return nil, errors.New("query: a request for days needs {from} beside {to} or {until}, or {day} alone")
	}
	t := tables.Table{Name: o.Name, Doc: o.Doc, Key: o.Key, MaxDays: o.MaxDays, Whole: !used["columns"]}
	if used["day"] {
		t.MaxDays = 1
	}
	if s.day >= 0 && s.fields[s.day].From[0] == "$day" && t.MaxDays != 1 {
		return nil, errors.New("max_days: rows without a day of their own ($day) are asked for day by day: max_days: 1")
	}
	if t.Doc == "" {
		t.Doc = o.Name + " of " + c.base.Host
	}
	if t.Fresh, err = freshness(o.Fresh, s.day >= 0); err != nil {
		return nil, err
	}
	if partitioned && s.of < 0 {
		if seen["account_id"] {
			return nil, errors.New("columns: account_id is the account of the request: give it type: account")
		}
		f, err := mapping.Column{Name: "account_id", Type: "account"}.Compile()
		if err != nil {
			return nil, err
		}
		s.fields = slices.Insert(s.fields, 0, f)
		s.of = 0
		if s.day >= 0 {
			s.day++
		}
	}
	for _, k := range o.Key {
		i := slices.IndexFunc(s.fields, func(f *mapping.Field) bool { return f.Name == k })
		if i < 0 {
			return nil, fmt.Errorf("key: %q is none of the columns", k)
		}
		s.fields[i].NotNull = true
	}
	for _, group := range o.Incompatible {
		for _, name := range group {
			if i := slices.IndexFunc(s.fields, func(f *mapping.Field) bool { return f.Name == name }); i < 0 || i == s.day || i == s.of || slices.Contains(o.Key, name) {
				return nil, fmt.Errorf("incompatible: %q is none of the columns, or one that is always asked for (key, day, account)", name)
			}
		}
		if len(group) < 2 {
			return nil, errors.New("incompatible: each is a list of columns that cannot be asked for together: [[reach, hour]]")
		}
	}
	if o.MaxRows > 0 && s.day < 0 {
		return nil, errors.New("max_rows: fewer days are asked for where a reply is cut, and the table has none")
	}
	money := false
	for i, f := range s.fields {
		if f.Optional && s.call.o.Format != "csv" && s.call.o.Format != "tsv" {
			return nil, fmt.Errorf("columns (%s).optional: is for csv and tsv; in JSON a member that is not there is NULL", f.Name)
		}
		money = money || strings.Contains(f.Unit, "currency")
		f.Push = i == s.day || i == s.of
		t.Columns = append(t.Columns, f.Column)
	}
	if money && t.Lookup("currency") == nil {
		return nil, errors.New("columns: amounts are in a currency that no column names; add {name: currency, type: id, from: $currency}, or value: KRW")
	}
	if s.of >= 0 {
		t.Account, t.Accounts = s.fields[s.of].Name, c.Accounts
		if c.list != nil {
			t.Roster = c.roster
		}
	}
	if s.day >= 0 {
		t.Day, t.Clock, t.Since = s.fields[s.day].Name, o.Clock, since
		if t.Clock == "" {
			t.Clock = "day as the API gives it, in the account's time zone where it asks for one"
		}
		if o.Since != "" {
			if t.Since, err = tables.ParseDay(o.Since); err != nil {
				return nil, fmt.Errorf("since: %q is not a day; write 2026-01-31", o.Since)
			}
		}
	}
	s.t = t
	return s, nil
}

func (s *sheet) table() tables.Table {
	t := s.t
	t.Calls = s.calls
	t.Units = func(tables.Scan) map[string]int { return rest.Units(s.c.limits) }
	t.Scan = s.scan
	if len(s.o.Incompatible) > 0 {
		t.Incompatible = s.incompatible
	}
	return t
}

func (s *sheet) incompatible(columns []string) error {
	for _, group := range s.o.Incompatible {
		var there []string
		for _, name := range group {
			if slices.Contains(columns, name) {
				there = append(there, name)
			}
		}
		if len(there) < len(group) {
			continue
		}
		last := there[len(there)-1]
		return fault.New(fault.Invalid, "%s.%s: the API does not give %s together", s.c.env.Name, s.t.Name, strings.Join(there, " and ")).
			WithHint("without %s it works: %s", last, strings.Join(slices.DeleteFunc(slices.Clone(columns), func(c string) bool { return c == last }), ", "))
	}
	return nil
}

// calls: a range of days is one request where there are no pages; with pages as
// many as it was the last time.
func (s *sheet) calls(scan tables.Scan) (n int, exact bool) {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	exact = true
	for _, days := range scan.Days.Chunks(s.t.MaxDays) {
		took, known := s.c.pages[s.t.Name+"\n"+scan.Account][days]
		if !known {
			took = 1
			if p := s.o.Paging; (p.Style == "page" || p.Style == "offset") && s.o.Total == "" && s.o.Pages == "" && s.o.More == "" {
				took = 2 // the last one is empty
			}
		}
		n += took
		exact = exact && s.o.Paging.Style == "" && (s.o.MaxRows == 0 || days.Len() == 1)
	}
	return n, exact
}

func (s *sheet) remember(scan tables.Scan, n int) {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	k := s.t.Name + "\n" + scan.Account
	if m := s.c.pages[k]; m == nil || len(m) > 500 {
		s.c.pages[k] = map[tables.Days]int{}
	}
	s.c.pages[k][scan.Days] = n
}

var errStop = errors.New("stop")

func (s *sheet) scan(ctx context.Context, scan tables.Scan) iter.Seq2[tables.Row, error] {
	return func(yield func(tables.Row, error) bool) {
		for _, d := range scan.Where {
			if d.Empty() {
				return
			}
		}
		r, err := s.reader(ctx, scan)
		if err != nil {
			yield(nil, err)
			return
		}
		defer func() { tables.TraceOf(ctx).Fetched(r.rows, 0) }()
		for _, days := range scan.Days.Chunks(s.t.MaxDays) {
			part := scan
			part.Days = days
			if err := r.read(ctx, part, yield); err != nil {
				if !errors.Is(err, errStop) {
					yield(nil, err)
				}
				return
			}
		}
	}
}

// reader decodes the rows of a scan.
type reader struct {
	*sheet
	columns []int // of the fields, by column of the scan
	need    []int // fields that are always read: day, account, key
	values  values
	others  map[string]bool // the other accounts
	keys    map[string]bool
	rows    int64
}

func (s *sheet) reader(ctx context.Context, scan tables.Scan) (*reader, error) {
	r := &reader{sheet: s, keys: map[string]bool{}, values: values{scan: scan}}
	for i, f := range s.fields {
		if i == s.day || i == s.of || slices.Contains(s.t.Key, f.Name) {
			r.need = append(r.need, i)
		}
	}
	for _, name := range scan.Columns {
		i := slices.IndexFunc(s.fields, func(f *mapping.Field) bool { return f.Name == name })
		if i < 0 {
			return nil, fault.New(fault.Internal, "the table %s.%s has no column %s", s.c.env.Name, s.t.Name, name)
		}
		r.columns = append(r.columns, i)
	}
	for i, f := range s.fields {
		if (slices.Contains(r.columns, i) || slices.Contains(r.need, i)) && !f.Special() {
			for _, from := range f.From {
				if !slices.Contains(r.values.fields, from) && !strings.HasPrefix(from, "^") {
					r.values.fields = append(r.values.fields, from)
				}
			}
		}
	}
	if s.of < 0 {
		return r, nil
	}
	accounts, err := s.c.known(ctx)
	if err != nil {
		return nil, err
	}
	r.others = map[string]bool{}
	for _, a := range accounts {
		if a.ID == scan.Account {
			r.values.account = a
		}
		r.others[a.ID] = true
	}
	if r.values.account.ID == "" {
		return nil, fault.New(fault.NotFound, "connection %s has no account %s", s.c.env.Name, scan.Account).WithHint("accounts: of the connection lists them")
	}
	return r, nil
}

// read gives the rows of one range of days.
func (r *reader) read(ctx context.Context, scan tables.Scan, yield func(tables.Row, error) bool) error {
	r.values.scan = scan
	var held []tables.Row
	came := 0
	calls, err := r.call.each(rest.About(ctx, scan), r.values, func(x record) error {
		came++
		row, err := r.row(x, scan)
		if err != nil || row == nil {
			return err
		}
		if r.o.MaxRows > 0 { // not before it is known that nothing was cut
			held = append(held, row)
			return nil
		}
		r.rows++
		if !yield(row, nil) {
			return errStop
		}
		return nil
	})
	if err != nil {
		return err
	}
	r.remember(scan, calls)
	if r.o.MaxRows > 0 && came >= r.o.MaxRows {
		if scan.Days.Len() <= 1 {
			return fault.New(fault.Broken, "connection %s, table %s, account %s: %s has %d rows, at which the API cuts", r.c.env.Name, r.t.Name, scan.Account, scan.Days.From, came).
				WithHint("ask for pages (paging:), or for less (query:)")
		}
		clear(r.keys)
		for _, days := range scan.Days.Chunks((scan.Days.Len() + 1) / 2) {
			half := scan
			half.Days = days
			if err := r.read(ctx, half, yield); err != nil {
				return err
			}
		}
		return nil
	}
	for _, row := range held {
		r.rows++
		if !yield(row, nil) {
			return errStop
		}
	}
	return nil
}

// row decodes one; nil is a row of another account or day than the scan's.
func (r *reader) row(x record, scan tables.Scan) (tables.Row, error) {
	about := mapping.About{Account: r.values.account, Sheet: x.at != nil}
	if scan.Days.Len() == 1 {
		about.Day = scan.Days.From
	}
	all := make(map[int]any, len(r.columns)+len(r.need))
	get := func(i int) error {
		if _, done := all[i]; done {
			return nil
		}
		v, err := r.value(r.fields[i], x, about)
		all[i] = v
		return err
	}
	for _, i := range r.need {
		if err := get(i); err != nil {
			return nil, err
		}
	}
	if r.of >= 0 {
		if id := all[r.of].(string); id != scan.Account {
			if !r.others[id] {
				return nil, r.call.shape("table %s: a row is of an account that is none of the connection's", r.t.Name).WithHint("add it to accounts:")
			}
			return nil, nil
		}
	}
	if r.day >= 0 && !scan.Days.Contains(all[r.day].(tables.Day)) {
		return nil, nil
	}
	if len(r.t.Key) > 0 {
		var b strings.Builder
		for _, i := range r.need {
			s := fmt.Sprint(all[i])
			fmt.Fprintf(&b, "%d:%s", len(s), s)
		}
		if r.keys[b.String()] {
			return nil, r.call.shape("table %s: two rows have the same %s", r.t.Name, strings.Join(r.t.Key, ", ")).
				WithHint("name in key: what tells rows of a day apart; or the API's pages overlap")
		}
		r.keys[b.String()] = true
	}
	row := make(tables.Row, len(r.columns))
	for j, i := range r.columns {
		if err := get(i); err != nil {
			return nil, err
		}
		row[j] = all[i]
	}
	return row, nil
}

func (r *reader) value(f *mapping.Field, x record, about mapping.About) (v any, err error) {
	switch {
	case f.From[0] == "$row" && x.at == nil:
		v, err = f.Read(x.json, about)
	case f.From[0] == "$row":
		m := map[string]any{}
		for name, i := range x.at {
			m[name] = x.line[i]
		}
		v, err = f.Read(m, about)
	case f.Special():
		v, err = f.Constant(about)
	default:
		var raw any
		found := false
		for _, from := range f.From {
			if raw, found = x.get(from); found {
				break
			}
		}
		if !found && x.at != nil && !f.Optional {
			return nil, r.call.shape("table %s: the reply has no column %s", r.t.Name, strings.Join(f.From, " or ")).WithHint("optional: true allows that")
		}
		v, err = f.Read(raw, about)
	}
	if err != nil {
		return nil, fault.New(fault.Broken, "connection %s: table %s, column %s (%s): the value %v", r.c.env.Name, r.t.Name, f.Name, strings.Join(f.From, ", "), err).
			WithHint("describe the column as the API gives it: type, format, in, nulls")
	}
	return v, nil
}
