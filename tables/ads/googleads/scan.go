package googleads

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"

	"argo/tables"
	"argo/tables/fault"
	"argo/tables/rest"

	"github.com/cockroachdb/apd/v3"
)

// gaql is the query for one scan: what it wants, the key, the anchors.
func (s sheet) gaql(scan tables.Scan) string {
	var selected, conds []string
	add := func(names ...string) {
		for _, n := range names {
			if !slices.Contains(selected, n) {
				selected = append(selected, n)
			}
		}
	}
	for _, f := range s.fields {
		if slices.Contains(scan.Columns, f.Name) || slices.Contains(s.key, f.Name) || s.day && f.Name == "date" {
			add(f.gaql...)
		}
	}
	add(s.anchors...)
	if s.day {
		conds = append(conds, fmt.Sprintf("segments.date BETWEEN '%s' AND '%s'", scan.Days.From, scan.Days.To))
	}
	if s.where != "" {
		conds = append(conds, s.where)
	}
	for _, f := range s.fields {
		d, ok := scan.Where[f.Name]
		if !ok || f.cond == nil {
			continue
		}
		if cond := f.cond(d); cond != "" {
			conds = append(conds, cond)
			for _, g := range f.gaql {
				if strings.HasPrefix(g, "segments.") {
					add(g) // a segment that filters has to be selected
				}
			}
		}
	}
	q := "SELECT " + strings.Join(selected, ", ") + " FROM " + s.from
	if len(conds) > 0 {
		q += " WHERE " + strings.Join(conds, " AND ")
	}
	return q
}

// reader makes the value of one column of a row.
type reader func(r Record) (any, error)

// readers are aligned with columns.
func (s sheet) readers(account string, columns []string) ([]reader, error) {
	out := make([]reader, len(columns))
	for i, name := range columns {
		at := slices.IndexFunc(s.fields, func(f field) bool { return f.Name == name })
		if at < 0 {
			return nil, fault.New(fault.Internal, "the table google_ads %s has no column %s", s.name, name)
		}
		out[i] = s.fields[at].reader(account)
	}
	return out, nil
}

func (f field) reader(account string) reader {
	if f.gaql == nil { // the account itself
		n, err := strconv.ParseInt(account, 10, 64)
		return func(Record) (any, error) { return n, err }
	}
	paths := make([][]string, len(f.gaql))
	for i, g := range f.gaql {
		paths[i] = camel(g)
	}
	return func(r Record) (any, error) {
		for _, p := range paths {
			v := lookup(r, p)
			if v == nil {
				continue
			}
			x, err := f.read(v)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", f.gaql[0], err)
			}
			if x != nil {
				return x, nil
			}
		}
		if f.zero == nil && f.NotNull {
			return nil, fmt.Errorf("%s is missing", f.gaql[0])
		}
		if d, ok := f.zero.(*apd.Decimal); ok {
			return new(apd.Decimal).Set(d), nil
		}
		return f.zero, nil
	}
}

// scanner gives the Scan of a table.
func (c *Client) scanner(s sheet) func(context.Context, tables.Scan) iter.Seq2[tables.Row, error] {
	return func(ctx context.Context, scan tables.Scan) iter.Seq2[tables.Row, error] {
		return func(yield func(tables.Row, error) bool) {
			for _, d := range scan.Where {
				if d.Empty() {
					return
				}
			}
			read, err := s.readers(scan.Account, scan.Columns)
			if err != nil {
				yield(nil, err)
				return
			}
			ties := s.ties(scan)
			for _, days := range scan.Days.Chunks(s.maxDays) {
				part := scan
				part.Days = days
				for r, err := range c.report(rest.About(ctx, part), scan.Account, s.gaql(part), ties.summary()) {
					var row tables.Row
					if err == nil {
						row, err = rowOf(r, read, scan.Account)
					}
					if !yield(row, err) || err != nil {
						return
					}
				}
			}
			if err := ties.give(scan); err != nil {
				yield(nil, err)
			}
		}
	}
}

// ties collects the control totals of a scan from the summary rows of its
// requests; nil: none are wanted.
type ties struct {
	fields []field // metrics that add up, of the scan's columns
	rows   []Record
	asked  int
}

func (s sheet) ties(scan tables.Scan) *ties {
	t := &ties{}
	for _, f := range s.fields {
		if !f.NonAdditive && len(f.gaql) == 1 && strings.HasPrefix(f.gaql[0], "metrics.") && slices.Contains(scan.Columns, f.Name) {
			t.fields = append(t.fields, f)
		}
	}
	if scan.Totals == nil || s.untied || len(t.fields) == 0 {
		return nil
	}
	return t
}

// summary is what Client.report tells of a summary row.
func (t *ties) summary() func(Record) {
	if t == nil {
		return nil
	}
	t.asked++
	return func(r Record) { t.rows = append(t.rows, r) }
}

// give hands the totals to the scan, if every request had a summary row.
func (t *ties) give(scan tables.Scan) error {
	if t == nil || len(t.rows) != t.asked {
		return nil
	}
	sums := map[string]any{}
	for _, f := range t.fields {
		read := f.total
		if read == nil {
			read = f.read
		}
		var sum any
		for _, r := range t.rows {
			v := lookup(r, camel(f.gaql[0]))
			if v == nil {
				sum = nil
				break
			}
			x, err := read(v)
			if err != nil {
				return fault.Wrap(fault.Broken, err, "%s: the summary row cannot be read: %s", about(scan.Account), f.gaql[0])
			}
			if sum, err = plus(sum, x); err != nil {
				return fault.Wrap(fault.Broken, err, "%s: the summary rows do not add up: %s", about(scan.Account), f.gaql[0])
			}
		}
		if sum != nil {
			sums[f.Name] = sum
		}
	}
	scan.Totals(sums)
	return nil
}

// plus adds b to a; a nil a is nothing yet.
func plus(a, b any) (any, error) {
	switch b := b.(type) {
	case int64:
		a, _ := a.(int64)
		return a + b, nil
	case float64:
		a, _ := a.(float64)
		return a + b, nil
	case *apd.Decimal:
		sum := new(apd.Decimal)
		if a, ok := a.(*apd.Decimal); ok {
			sum.Set(a)
		}
		_, err := decimals.Add(sum, sum, b)
		return sum, err
	}
	return nil, fmt.Errorf("not a number: %T", b)
}

func rowOf(r Record, read []reader, account string) (tables.Row, error) {
	row := make(tables.Row, len(read))
	for i, f := range read {
		v, err := f(r)
		if err != nil {
			return nil, fault.Wrap(fault.Broken, err, "%s: a row cannot be read", about(account))
		}
		row[i] = v
	}
	return row, nil
}

// accountsTable is the tree: one row for each customer that the credentials
// reach, managers and closed accounts too.
func (c *Client) accountsTable() tables.Table {
	type get struct {
		tables.Column
		value func(a account) any
	}
	null := func(s string) any {
		if s == "" {
			return nil
		}
		return s
	}
	number := func(s string) any {
		if n, err := strconv.ParseInt(s, 10, 64); err == nil {
			return n
		}
		return nil
	}
	fields := []get{
		{tables.Column{Name: "id", Type: tables.BigInt, NotNull: true, Doc: "Account: customer_id of the other tables"}, func(a account) any { return number(a.ID) }},
		{tables.Column{Name: "descriptive_name", Type: tables.Varchar, Doc: "Name"}, func(a account) any { return null(a.Name) }},
		{tables.Column{Name: "status", Type: tables.Ident, NotNull: true, Doc: "ENABLED, CANCELED, SUSPENDED or CLOSED; only enabled accounts are read"}, func(a account) any { return a.Status }},
		{tables.Column{Name: "manager", Type: tables.Boolean, NotNull: true, Doc: "Whether it holds other accounts; a manager has no campaigns"}, func(a account) any { return a.Manager }},
		{tables.Column{Name: "level", Type: tables.BigInt, NotNull: true, Doc: "Steps below the account that was asked, 0 for itself", NonAdditive: true}, func(a account) any { return a.Level }},
		{tables.Column{Name: "currency_code", Type: tables.Ident, Doc: "Currency of its amounts, ISO 4217"}, func(a account) any { return null(a.Currency) }},
		{tables.Column{Name: "time_zone", Type: tables.Ident, Doc: "Time zone of its days, IANA"}, func(a account) any { return null(a.Zone) }},
		{tables.Column{Name: "test_account", Type: tables.Boolean, NotNull: true, Doc: "Whether it never serves"}, func(a account) any { return a.Test }},
		{tables.Column{Name: "hidden", Type: tables.Boolean, NotNull: true, Doc: "Whether it is hidden in its manager"}, func(a account) any { return a.Hidden }},
		{tables.Column{Name: "login_customer_id", Type: tables.BigInt, Doc: "Manager through which it is reached"}, func(a account) any { return number(a.Login) }},
	}
	t := tables.Table{
		Name: "accounts", Doc: "Accounts that the connection reaches, managers included, all levels", Key: []string{"id"}, Fresh: freshEntity,
		Calls: func(tables.Scan) (int, bool) { return c.treeCalls() },
		Units: func(tables.Scan) map[string]int { return rest.Units(c.limits("")) },
	}
	for _, f := range fields {
		t.Columns = append(t.Columns, f.Column)
	}
	t.Scan = func(ctx context.Context, scan tables.Scan) iter.Seq2[tables.Row, error] {
		return func(yield func(tables.Row, error) bool) {
			all, err := c.tree(ctx, true)
			if err != nil {
				yield(nil, err)
				return
			}
			for _, a := range all {
				row := make(tables.Row, len(scan.Columns))
				for i, name := range scan.Columns {
					at := slices.IndexFunc(fields, func(f get) bool { return f.Name == name })
					if at < 0 {
						yield(nil, fault.New(fault.Internal, "the table google_ads accounts has no column %s", name))
						return
					}
					row[i] = fields[at].value(a)
				}
				if !yield(row, nil) {
					return
				}
			}
		}
	}
	return t
}
