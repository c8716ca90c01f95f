package tables

import (
	"context"
	"time"
)

// Splits cuts what a statement wants of t into scans: for each account that
// where allows, one for each run of days that where allows within the table's
// extent [Since, today in the account's calendar]. A table without accounts gives one
// scan. It is pure but for t.Accounts. No account or no day left: no scan.
func (t Table) Splits(ctx context.Context, columns []string, where Predicate, now time.Time) ([]Scan, error) {
	for _, d := range where {
		if d.Empty() {
			return nil, nil
		}
	}
	base := Scan{Table: t.Name, Columns: columns, Where: where}
	if t.Account == "" {
		return []Scan{base}, nil
	}
	accounts, err := t.Accounts(ctx)
	if err != nil {
		return nil, err
	}
	var out []Scan
	for _, a := range accounts {
		if !where[t.Account].AllowsAccount(a.ID) {
			continue
		}
		s := base
		s.Account = a.ID
		if t.Day == "" {
			out = append(out, s)
			continue
		}
		for _, days := range where[t.Day].days(Days{t.Since, DayOf(now.In(a.Location()))}) {
			s.Days = days
			out = append(out, s)
		}
	}
	return out, nil
}
