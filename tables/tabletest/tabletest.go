// Package tabletest is the conformance suite of a table, what every
// tables.Table promises, whoever made it, and the runner of goldens. A connector's test runs it against
// the connector's simulator, a decorator's test against what it wraps.
//
// It knows no channel: it reads the table's own rows and asks for them again in
// other ways.
package tabletest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"argo/tables"
	"argo/tables/fault"

	"github.com/cockroachdb/apd/v3"
	"golang.org/x/text/collate"
	"golang.org/x/text/language"
)

// Options of a run.
type Options struct {
	// Days to read; required for a table with days. A few are enough.
	Days tables.Days
	// Accounts to read; empty: those that the table lists, at most three.
	Accounts []string
	// Empty allows a table without a row.
	Empty bool
	// Prompt is how long a canceled scan may take to end; default 5 s.
	Prompt time.Duration
}

// Conformance checks the data sheet of t, then what its scans give:
//
//   - rows are aligned with Scan.Columns, in any order and for any subset, and
//     which rows there are does not depend on the columns;
//   - values have the kind of their column, NotNull holds, days are within
//     Scan.Days, the account is the scan's, the key is unique;
//   - no condition of any kind loses a row (I1);
//   - days cut in pieces give the rows of the whole;
//   - a scan can be repeated, run beside others, left early and canceled;
//   - what cannot be answered is a *fault.Error;
//   - as many requests are made as Calls says, where it says that it is certain;
//   - control totals, where the table gives any, are given once, of columns of
//     the scan that add up, and are the sums of its rows.
//
// Of a table with days the sheet has to say whose days they are (Clock), how
// long each metric is good, and which currency amounts are in.
func Conformance(t *testing.T, table tables.Table, o Options) {
	t.Helper()
	if o.Prompt == 0 {
		o.Prompt = 5 * time.Second
	}
	s := &suite{table: table, o: o}
	t.Run("sheet", s.sheet)
	if table.Scan == nil {
		return
	}
	s.accounts(t)
	full := map[string][]tables.Row{}
	rows := 0
	for _, a := range s.o.Accounts {
		full[a] = s.read(t, s.scan(a))
		rows += len(full[a])
	}
	if rows == 0 && !o.Empty {
		t.Fatalf("%s has no rows: the suite proves nothing", table.Name)
	}
	s.full = full
	t.Run("values", s.values)
	t.Run("columns", s.columns)
	t.Run("conditions", s.conditions)
	t.Run("days", s.days)
	t.Run("concurrent", s.concurrent)
	t.Run("calls", s.calls)
	t.Run("totals", s.totals)
	t.Run("cancel", s.cancel)
	t.Run("faults", s.faults)
}

type suite struct {
	table tables.Table
	o     Options
	full  map[string][]tables.Row // by account, all columns
}

var (
	name  = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)
	loose = collate.New(language.Und, collate.Loose)
	mu    sync.Mutex // collate.Collator is not safe for concurrent use
)

func names(t tables.Table) []string {
	out := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		out[i] = c.Name
	}
	return out
}

func (s *suite) scan(account string) tables.Scan {
	scan := tables.Scan{Table: s.table.Name, Account: account, Columns: names(s.table)}
	if s.table.Day != "" {
		scan.Days = s.o.Days
	}
	return scan
}

func (s *suite) accounts(t *testing.T) {
	if s.table.Account == "" {
		s.o.Accounts = []string{""}
		return
	}
	if s.table.Accounts == nil {
		t.Fatalf("%s has an account column and no Accounts", s.table.Name)
	}
	list, err := s.table.Accounts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	again, err := s.table.Accounts(t.Context())
	if err != nil || !slices.Equal(list, again) {
		t.Errorf("the accounts are not stable: %v, then %v (%v)", list, again, err)
	}
	if len(s.o.Accounts) == 0 {
		for _, a := range list[:min(3, len(list))] {
			s.o.Accounts = append(s.o.Accounts, a.ID)
		}
	}
}

// sheet checks the table without reading it.
func (s *suite) sheet(t *testing.T) {
	table := s.table
	if !name.MatchString(table.Name) || table.Doc == "" {
		t.Errorf("table %q: a name in snake_case and a doc are needed", table.Name)
	}
	if table.Scan == nil && table.Files == nil {
		t.Errorf("%s has neither Scan nor Files", table.Name)
	}
	seen := map[string]bool{}
	for _, c := range table.Columns {
		if !name.MatchString(c.Name) || seen[c.Name] {
			t.Errorf("%s: column %q is no name or there twice", table.Name, c.Name)
		}
		seen[c.Name] = true
		if c.Doc == "" {
			t.Errorf("%s.%s has no doc", table.Name, c.Name)
		}
		if c.Type.Kind == 0 || c.Type.Kind == tables.Decimal && (c.Type.Precision < 1 || c.Type.Precision > 38 || c.Type.Scale > c.Type.Precision) {
			t.Errorf("%s.%s has no type: %+v", table.Name, c.Name, c.Type)
		}
	}
	for _, k := range table.Key {
		if c := table.Lookup(k); c == nil || !c.NotNull {
			t.Errorf("%s: key column %q is missing or may be NULL", table.Name, k)
		}
	}
	if table.Account != "" {
		if c := table.Lookup(table.Account); c == nil || !c.NotNull || c.Type.Kind != tables.Int && c.Type.Kind != tables.ID {
			t.Errorf("%s: account column %q has to be Int or ID and never NULL", table.Name, table.Account)
		}
	}
	if table.Day != "" {
		if c := table.Lookup(table.Day); c == nil || !c.NotNull || c.Type.Kind != tables.Date {
			t.Errorf("%s: day column %q has to be Date and never NULL", table.Name, table.Day)
		}
		if table.Clock == "" || table.Since == "" || len(table.Fresh.Steps) == 0 {
			t.Errorf("%s: a table with days needs Clock, Since and Fresh.Steps", table.Name)
		}
		s.fresh(t)
	}
	if table.Day == "" && len(table.Groups) > 0 {
		t.Errorf("%s: groups of freshness are for days", table.Name)
	}
	for _, c := range table.Columns {
		if c.Unit != "" && strings.Contains(c.Unit, "currency") {
			if x := table.Lookup("currency"); x == nil || x.Type.Kind != tables.ID && x.Type.Kind != tables.Text {
				t.Errorf("%s.%s is in the %s, and no column currency says which that is", table.Name, c.Name, c.Unit)
				break
			}
		}
	}
}

// fresh checks the freshness of a table with days.
func (s *suite) fresh(t *testing.T) {
	table := s.table
	check := func(name string, f tables.Freshness) {
		if len(f.Steps) == 0 {
			t.Errorf("%s: freshness %s has no steps", table.Name, name)
		}
		for i, step := range f.Steps {
			if step.Keep <= 0 || step.Within < 1 || i > 0 && (step.Within <= f.Steps[i-1].Within || step.Keep < f.Steps[i-1].Keep) {
				t.Errorf("%s: the steps of freshness %s have to rise: %+v", table.Name, name, f.Steps)
			}
		}
		if f.Settled() > table.Fresh.Settled() {
			t.Errorf("%s: freshness %s settles after %d days, the table, which its rows as such are counted by, after %d", table.Name, name, f.Settled(), table.Fresh.Settled())
		}
	}
	check("of the table", table.Fresh)
	for name, f := range table.Groups {
		check(name, f)
		if !slices.ContainsFunc(table.Columns, func(c tables.Column) bool { return c.Group == name }) {
			t.Errorf("%s: no column is of the group %s", table.Name, name)
		}
	}
	for _, c := range table.Columns {
		partition := c.Name == table.Day || c.Name == table.Account || slices.Contains(table.Key, c.Name)
		_, known := table.Groups[c.Group]
		metric := c.Type.Kind == tables.Int || c.Type.Kind == tables.Decimal || c.Type.Kind == tables.Double
		switch {
		case c.Group != "" && (!known || partition):
			t.Errorf("%s.%s is of the group %q, which there is not, or which a key cannot be of", table.Name, c.Name, c.Group)
		case c.Group == "" && len(table.Groups) > 0 && metric && !partition:
			t.Errorf("%s.%s is of no group: how long is it good?", table.Name, c.Name)
		}
	}
}

func (s *suite) collect(ctx context.Context, scan tables.Scan) ([]tables.Row, error) {
	var out []tables.Row
	for row, err := range s.table.Scan(ctx, scan) {
		if err != nil {
			return nil, err
		}
		if len(row) != len(scan.Columns) {
			return nil, fmt.Errorf("a row of %d values for %d columns", len(row), len(scan.Columns))
		}
		out = append(out, slices.Clone(row))
	}
	return out, nil
}

func (s *suite) read(t *testing.T, scan tables.Scan) []tables.Row {
	t.Helper()
	rows, err := s.collect(t.Context(), scan)
	if err != nil {
		t.Fatalf("scan of %s account %q days %v columns %v where %v: %v", s.table.Name, scan.Account, scan.Days, scan.Columns, scan.Where, err)
	}
	return rows
}

func (s *suite) values(t *testing.T) {
	for account, rows := range s.full {
		keys := map[string]bool{}
		for _, row := range rows {
			var key []any
			for i, c := range s.table.Columns {
				if err := check(c, row[i]); err != nil {
					t.Fatalf("%s.%s: %v", s.table.Name, c.Name, err)
				}
				if c.Name == s.table.Day && !s.o.Days.Contains(row[i].(tables.Day)) {
					t.Fatalf("%s: a row of %v in a scan of %v", s.table.Name, row[i], s.o.Days)
				}
				if c.Name == s.table.Account && fmt.Sprint(row[i]) != account {
					t.Fatalf("%s: a row of account %v in a scan of %s", s.table.Name, row[i], account)
				}
				if c.Name == s.table.Day || slices.Contains(s.table.Key, c.Name) {
					key = append(key, row[i])
				}
			}
			if k := text(key); len(s.table.Key) > 0 && keys[k] {
				t.Fatalf("%s: two rows of account %s have the key %s", s.table.Name, account, k)
			} else {
				keys[k] = true
			}
		}
	}
}

// check says whether v is a value of the column.
func check(c tables.Column, v any) error {
	if v == nil {
		if c.NotNull {
			return errors.New("NULL in a column that is never NULL")
		}
		return nil
	}
	limit := c.Type.Length
	if limit == 0 {
		limit = 255
	}
	ok := false
	switch c.Type.Kind {
	case tables.Int:
		_, ok = v.(int64)
	case tables.Double:
		_, ok = v.(float64)
	case tables.Decimal:
		var d *apd.Decimal
		if d, ok = v.(*apd.Decimal); ok {
			if d.Form != apd.Finite || d.Exponent < -int32(c.Type.Scale) || d.NumDigits()+int64(d.Exponent) > int64(c.Type.Precision-c.Type.Scale) {
				return fmt.Errorf("%s does not fit %s", d, c.Type)
			}
		}
	case tables.Text, tables.ID:
		var s string
		if s, ok = v.(string); ok && len([]rune(s)) > limit {
			return fmt.Errorf("%d characters do not fit %s", len([]rune(s)), c.Type)
		}
	case tables.Bool:
		_, ok = v.(bool)
	case tables.Date:
		var d tables.Day
		if d, ok = v.(tables.Day); ok {
			if _, err := tables.ParseDay(string(d)); err != nil {
				return err
			}
		}
	case tables.DateTime:
		var at time.Time
		if at, ok = v.(time.Time); ok && at.Location() != time.UTC {
			return fmt.Errorf("a time in %s", at.Location())
		}
	case tables.JSON:
		var s string
		if s, ok = v.(string); ok && !json.Valid([]byte(s)) {
			return errors.New("a text that is not JSON")
		}
	}
	if !ok {
		return fmt.Errorf("a %T in a column of type %s", v, c.Type)
	}
	return nil
}

func (s *suite) columns(t *testing.T) {
	account := s.busy()
	all := names(s.table)
	reversed := slices.Clone(all)
	slices.Reverse(reversed)
	sets := [][]string{{}, reversed, s.table.Key, all[:(len(all)+1)/2], all[len(all)/2:]}
	for i := range all {
		sets = append(sets, all[i:i+1])
	}
	if len(sets) > 24 {
		sets = sets[:24]
	}
	for _, set := range sets {
		scan := s.scan(account)
		scan.Columns = set
		same(t, fmt.Sprintf("%s columns %v", s.table.Name, set), s.read(t, scan), s.project(s.full[account], set))
	}
}

// busy is the account with the most rows.
func (s *suite) busy() string {
	best := s.o.Accounts[0]
	for _, a := range s.o.Accounts {
		if len(s.full[a]) > len(s.full[best]) {
			best = a
		}
	}
	return best
}

func (s *suite) project(rows []tables.Row, set []string) []tables.Row {
	at := make([]int, len(set))
	for i, n := range set {
		at[i] = slices.Index(names(s.table), n)
	}
	out := make([]tables.Row, len(rows))
	for i, row := range rows {
		out[i] = make(tables.Row, len(at))
		for j, k := range at {
			out[i][j] = row[k]
		}
	}
	return out
}

// conditions: with any condition, the rows that satisfy it are those of the
// scan without it.
func (s *suite) conditions(t *testing.T) {
	account := s.busy()
	rows := s.full[account]
	if len(rows) == 0 {
		return
	}
	var where []tables.Predicate
	for i, c := range s.table.Columns {
		for _, d := range domains(c, rows, i) {
			if c.Push || len(where)%5 == 0 { // a column that is not pushed down has to be harmless too
				where = append(where, tables.Predicate{c.Name: d})
			}
		}
	}
	if n := len(where); n > 2 {
		for i := 0; i+1 < n; i += 3 {
			both := tables.Predicate{}
			for _, p := range where[i : i+2] {
				for k, d := range p {
					both[k] = d
				}
			}
			where = append(where, both)
		}
	}
	for _, p := range where {
		scan := s.scan(account)
		scan.Where = p
		same(t, fmt.Sprintf("%s where %v", s.table.Name, p), s.filter(s.read(t, scan), p), s.filter(rows, p))
	}
	scan := s.scan(account)
	scan.Where = tables.Predicate{s.table.Columns[0].Name: {In: []any{}}}
	if n := len(s.read(t, scan)); n > len(rows) {
		t.Errorf("%s: %d rows for a condition that nothing meets", s.table.Name, n)
	}
}

// domains of a column, from values that are there and some that are not.
func domains(c tables.Column, rows []tables.Row, i int) []tables.Domain {
	var have []any
	for _, row := range rows {
		if row[i] != nil && !slices.ContainsFunc(have, func(v any) bool { return text(v) == text(row[i]) }) {
			have = append(have, row[i])
		}
		if len(have) == 40 {
			break
		}
	}
	if len(have) == 0 {
		return nil
	}
	slices.SortFunc(have, order)
	low, high, middle := have[0], have[len(have)-1], have[len(have)/2]
	out := []tables.Domain{{In: []any{low}}, {In: []any{middle, high}}, {In: have}}
	switch c.Type.Kind {
	case tables.Int:
		out = append(out, tables.Domain{In: []any{middle, int64(-1)}}, tables.Domain{From: middle}, tables.Domain{To: middle}, tables.Domain{From: low, To: middle},
			tables.Domain{In: have, From: middle})
	case tables.Text, tables.ID:
		var lower, upper []any
		for _, v := range have {
			lower, upper = append(lower, strings.ToLower(v.(string))), append(upper, strings.ToUpper(v.(string)))
		}
		out = append(out, tables.Domain{In: []any{middle, "no such text"}}, tables.Domain{In: lower}, tables.Domain{In: append(upper, "o'hara \\ \"x\" \n")},
			tables.Domain{From: low, To: middle})
	case tables.Decimal, tables.Double, tables.DateTime, tables.Date:
		out = append(out, tables.Domain{From: middle}, tables.Domain{To: middle})
	}
	return out
}

func (s *suite) filter(rows []tables.Row, p tables.Predicate) []tables.Row {
	var out []tables.Row
	for _, row := range rows {
		keep := true
		for i, c := range s.table.Columns {
			if d, ok := p[c.Name]; ok {
				keep = keep && allows(c, d, row[i])
			}
		}
		if keep {
			out = append(out, row)
		}
	}
	return out
}

// allows says whether a value is in the domain, as MySQL compares.
func allows(c tables.Column, d tables.Domain, v any) bool {
	if v == nil {
		return d.Any()
	}
	cmp := order
	if c.Type.Kind == tables.Text {
		cmp = func(a, b any) int {
			mu.Lock()
			defer mu.Unlock()
			return loose.CompareString(a.(string), b.(string))
		}
	}
	if d.In != nil && !slices.ContainsFunc(d.In, func(x any) bool { return cmp(x, v) == 0 }) {
		return false
	}
	return (d.From == nil || cmp(d.From, v) <= 0) && (d.To == nil || cmp(v, d.To) <= 0)
}

// order of two values of one kind.
func order(a, b any) int {
	switch a := a.(type) {
	case int64:
		b := b.(int64)
		switch {
		case a < b:
			return -1
		case a > b:
			return 1
		}
		return 0
	case float64:
		b := b.(float64)
		switch {
		case a < b:
			return -1
		case a > b:
			return 1
		}
		return 0
	case *apd.Decimal:
		return a.Cmp(b.(*apd.Decimal))
	case time.Time:
		return a.Compare(b.(time.Time))
	case tables.Day:
		return strings.Compare(string(a), string(b.(tables.Day)))
	}
	return strings.Compare(text(a), text(b))
}

// days: each day on its own, and the halves, give the rows of the whole.
func (s *suite) days(t *testing.T) {
	if s.table.Day == "" || s.o.Days.Len() < 2 {
		return
	}
	account := s.busy()
	for _, n := range []int{1, (s.o.Days.Len() + 1) / 2} {
		var rows []tables.Row
		for _, days := range s.o.Days.Chunks(n) {
			scan := s.scan(account)
			scan.Days = days
			rows = append(rows, s.read(t, scan)...)
		}
		same(t, fmt.Sprintf("%s in pieces of %d days", s.table.Name, n), rows, s.full[account])
	}
}

func (s *suite) concurrent(t *testing.T) {
	var all sync.WaitGroup
	for i := range 4 {
		account := s.o.Accounts[i%len(s.o.Accounts)]
		all.Go(func() {
			rows, err := s.collect(t.Context(), s.scan(account))
			if err != nil {
				t.Errorf("%s beside other scans: %v", s.table.Name, err)
				return
			}
			same(t, s.table.Name+" beside other scans", rows, s.full[account])
		})
	}
	all.Wait()
}

// calls: a scan takes as many requests as the table says. A table that does not
// say takes one at most.
func (s *suite) calls(t *testing.T) {
	for _, account := range s.o.Accounts {
		scan := s.scan(account)
		want, exact := 1, false
		if s.table.Calls != nil {
			want, exact = s.table.Calls(scan)
		}
		if s.table.Units != nil {
			for key, units := range s.table.Units(scan) {
				if key == "" || units < 1 {
					t.Errorf("%s: a request takes %d units of the budget %q", s.table.Name, units, key)
				}
			}
		}
		trace := &tables.Trace{}
		if _, err := s.collect(tables.WithTrace(t.Context(), trace), scan); err != nil {
			t.Fatal(err)
		}
		if n := trace.Cost().Calls; want < 0 || exact && n != int64(want) || s.table.Calls == nil && n > 1 {
			t.Errorf("%s of account %s took %d calls, it was to take %d (exact: %v)", s.table.Name, account, n, want, exact)
		}
	}
}

// totals: what the source says the sums are is what the rows add up to.
func (s *suite) totals(t *testing.T) {
	all := names(s.table)
	for _, account := range s.o.Accounts {
		for _, set := range [][]string{all, all[len(all)/2:]} {
			scan := s.scan(account)
			scan.Columns = set
			var given []map[string]any
			ended := false
			scan.Totals = func(sums map[string]any) {
				if given = append(given, sums); ended {
					t.Errorf("%s: totals came after the scan had ended", s.table.Name)
				}
			}
			rows := s.read(t, scan)
			ended = true
			same(t, s.table.Name+" with totals", rows, s.project(s.full[account], set))
			if len(given) > 1 {
				t.Errorf("%s: totals were given %d times", s.table.Name, len(given))
			}
			for _, sums := range given {
				for name, total := range sums {
					c, i := s.table.Lookup(name), slices.Index(set, name)
					if c == nil || i < 0 || c.NonAdditive {
						t.Errorf("%s: a total of %s, which the scan does not hold or which does not add up", s.table.Name, name)
						continue
					}
					if sum, want, slack, err := add(*c, rows, i, total); err != nil {
						t.Errorf("%s.%s: %v", s.table.Name, name, err)
					} else if d := new(apd.Decimal); true {
						if _, err := digits.Sub(d, sum, want); err != nil || d.Abs(d).Cmp(slack) > 0 {
							t.Errorf("%s.%s: the rows of account %s add up to %s, their total is %s (%v)", s.table.Name, name, account, sum.Text('f'), want.Text('f'), err)
						}
					}
				}
			}
		}
	}
}

var digits = apd.BaseContext.WithPrecision(60)

// add sums column i of rows and gives it beside the source's total, and by how
// much they may differ: a total that is a double was added up from doubles, each
// of which was rounded to the column.
func add(c tables.Column, rows []tables.Row, i int, total any) (sum, want, slack *apd.Decimal, err error) {
	sum, slack = new(apd.Decimal), new(apd.Decimal)
	decimal := func(v any) (*apd.Decimal, error) {
		switch v := v.(type) {
		case int64:
			return apd.New(v, 0), nil
		case *apd.Decimal:
			return v, nil
		case float64:
			return new(apd.Decimal).SetFloat64(v)
		}
		return nil, fmt.Errorf("a total or value that is a %T", v)
	}
	if want, err = decimal(total); err != nil {
		return nil, nil, nil, err
	}
	for _, row := range rows {
		if row[i] == nil {
			continue
		}
		d, err := decimal(row[i])
		if err == nil {
			_, err = digits.Add(sum, sum, d)
		}
		if err != nil {
			return nil, nil, nil, err
		}
	}
	if _, double := total.(float64); double {
		slack = apd.New(int64(len(rows))+1, -6)
	} else if c.Type.Kind == tables.Double {
		return nil, nil, nil, errors.New("the total of doubles is none")
	}
	return sum, want, slack, nil
}

func (s *suite) cancel(t *testing.T) {
	scan := s.scan(s.busy())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range s.table.Scan(t.Context(), scan) { // left early
			break
		}
		ctx, stop := context.WithCancel(t.Context())
		for range s.table.Scan(ctx, scan) { // canceled in the middle: may end either way, soon
			stop()
		}
		stop()
		before, stop := context.WithCancel(t.Context())
		stop()
		rows, err := s.collect(before, scan)
		if err == nil && len(rows) != len(s.full[scan.Account]) {
			t.Errorf("%s: a canceled scan gave %d of %d rows and no error", s.table.Name, len(rows), len(s.full[scan.Account]))
		}
		if err != nil && !fault.Is(err, fault.Canceled) && !errors.Is(err, context.Canceled) {
			t.Errorf("%s: a canceled scan gave %v", s.table.Name, err)
		}
	}()
	select {
	case <-done:
	case <-time.After(s.o.Prompt):
		t.Fatalf("%s: a canceled scan did not end within %s", s.table.Name, s.o.Prompt)
	}
}

func (s *suite) faults(t *testing.T) {
	scan := s.scan(s.busy())
	scan.Columns = []string{"no_such_column"}
	if _, err := s.collect(t.Context(), scan); err == nil && len(s.full[scan.Account]) > 0 {
		t.Errorf("%s: an unknown column is no error", s.table.Name)
	}
	if s.table.Account == "" {
		return
	}
	scan = s.scan("999999999999")
	if rows, err := s.collect(t.Context(), scan); len(rows) > 0 || err != nil && fault.As(err) == nil {
		t.Errorf("%s: a foreign account gives %d rows and %v, which is no fault", s.table.Name, len(rows), err)
	}
}

// text is a value as text that is equal for equal values.
func text(v any) string {
	switch v := v.(type) {
	case nil:
		return "NULL"
	case *apd.Decimal:
		d := new(apd.Decimal).Set(v)
		d.Reduce(d)
		return d.Text('f')
	case time.Time:
		return v.Format(time.RFC3339Nano)
	case tables.Row:
		return text([]any(v))
	case []any:
		parts := make([]string, len(v))
		for i, x := range v {
			parts[i] = fmt.Sprintf("%q", text(x))
		}
		return strings.Join(parts, ",")
	}
	return fmt.Sprint(v)
}

// same compares rows without regard to their order.
func same(t *testing.T, what string, got, want []tables.Row) {
	t.Helper()
	count := map[string]int{}
	for _, r := range got {
		count[text(r)]++
	}
	for _, r := range want {
		count[text(r)]--
	}
	for k, n := range count {
		if n != 0 {
			t.Errorf("%s: %d rows, want %d; for example %s is there %+d times too often", what, len(got), len(want), k, n)
			return
		}
	}
}
