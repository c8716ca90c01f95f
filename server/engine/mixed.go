package engine

import (
	"io"

	"argo/server/algebra"
	"argo/tables"
	"argo/tables/fault"

	"github.com/dolthub/go-mysql-server/sql"
)

// mixed warns where a sum of the statement adds up amounts of several
// currencies, and fails it in strict mode. Whether it does is asked of the rows:
// accounts of one currency need not be asked.
func (x *exec) mixed(ctx *sql.Context) error {
	for i, sum := range x.c.st.Sums {
		if one, err := x.oneCurrency(ctx); err != nil || one {
			return err
		}
		st, err := algebra.CompileSum(ctx, x.original, x.e.algebraSession(ctx), i)
		if err != nil || st == nil {
			return err
		}
		low, high, err := x.e.pair(ctx, st)
		if err != nil {
			return err
		}
		if low == "" {
			continue
		}
		f := fault.New(fault.Mixed, "SUM(%s) of %s adds up amounts in %s and %s as if they were of one currency", sum.Column, sum.View, low, high)
		if sum.Instead == "" {
			f = f.WithHint("GROUP BY currency")
		} else if Currency(ctx) == "" {
			f = f.WithHint("SET argo_currency = '%s' and add up %s, or GROUP BY currency", high, sum.Instead)
		} else {
			f = f.WithHint("add up %s, which is in %s, or GROUP BY currency", sum.Instead, Currency(ctx))
		}
		if strict(ctx) {
			return f
		}
		x.e.warn(ctx, f)
	}
	return nil
}

// oneCurrency says that all accounts that the statement reads are known to have
// one currency.
func (x *exec) oneCurrency(ctx *sql.Context) (bool, error) {
	currency := ""
	for s, t := range x.c.tables {
		leaf, ok := s.(*algebra.Scan)
		if !ok || x.c.idle[s] || x.e.local(leaf.Source) || t.Account == "" {
			continue
		}
		if t.Roster == nil {
			return false, nil
		}
		list, _, err := t.Roster(ctx)
		if err != nil {
			return false, err
		}
		for _, a := range list {
			if !leaf.Where[t.Account].AllowsAccount(a.ID) {
				continue
			}
			if a.Currency == "" || currency != "" && a.Currency != currency {
				return false, nil
			}
			currency = a.Currency
		}
	}
	return currency != "", nil
}

// pair runs a statement of algebra.CompileSum. What it reads has been read for
// the statement itself.
func (e *Engine) pair(ctx *sql.Context, st *algebra.Statement) (low, high string, err error) {
	ctx = ctx.WithContext(tables.WithTrace(ctx.Context, &tables.Trace{}))
	c, err := e.prepared(ctx, st)
	if err != nil {
		return "", "", err
	}
	f, err := e.newFetch(ctx, c)
	if err != nil {
		return "", "", err
	}
	defer f.release()
	f.strict = false
	if err := f.run(); err != nil {
		return "", "", first(ctx, err)
	}
	rows, err := e.o.Columnar.Query(ctx, st, f.inputs)
	if err != nil {
		return "", "", err
	}
	defer rows.Close()
	row, err := rows.Next(ctx)
	if err == io.EOF {
		return "", "", nil
	}
	if err != nil {
		return "", "", err
	}
	low, _ = row[0].(string)
	high, _ = row[1].(string)
	return low, high, nil
}
