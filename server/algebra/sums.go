package algebra

import (
	"slices"

	"argo/tables"

	"github.com/dolthub/go-mysql-server/sql"
)

// accountCurrency is the unit of amounts whose currency another column of the
// view says.
const accountCurrency = "account currency"

// Sum is a SUM or AVG of amounts that may be of several currencies: neither a
// key of its grouping nor its argument says that they are of one.
type Sum struct {
	// Column is the amount's, View what it is from, Instead the column of the view
	// that can be added up; "" where there is none.
	Column, View, Instead string
}

// amount is a column of money of a view.
type amountOf struct {
	Sum
	currency ColID
}

// amounts notes the money among the columns of a view.
func (c *compiler) amounts(view string, t *tables.Table, cols []Column) {
	at := slices.IndexFunc(cols, func(k Column) bool { return k.Name == "currency" })
	if at < 0 {
		return
	}
	for _, k := range cols {
		if t.Lookup(k.Name).Unit != accountCurrency {
			continue
		}
		a := amountOf{Sum{Column: k.Name, View: view}, cols[at].ID}
		if t.Lookup(k.Name+"_reporting") != nil {
			a.Instead = k.Name + "_reporting"
		}
		if c.money == nil {
			c.money = map[ColID]amountOf{}
		}
		c.money[k.ID] = a
	}
}

// sums finds the aggregates of root that add up amounts of several currencies,
// with the column of the currency below each.
func (c *compiler) sums(root Rel, add bool) (out []Sum, of []*Aggregate, currency []*Col) {
	if len(c.money) == 0 {
		return nil, nil, nil
	}
	Walk(root, func(r Rel) bool {
		a, ok := r.(*Aggregate)
		if !ok {
			return true
		}
		for _, g := range a.Aggs {
			if g.Func != "sum" && g.Func != "avg" {
				continue
			}
			cur, from, ok := c.carryAny(a.In, g.Args, add)
			if ok && !slices.ContainsFunc(a.Keys, func(e Expr) bool { k, isCol := e.(*Col); return isCol && k.ID == cur.ID }) {
				out, of, currency = append(out, from), append(of, a), append(currency, cur)
				break
			}
		}
		return true
	})
	return out, of, currency
}

// carryAny is carry of the first amount among the columns of expressions.
func (c *compiler) carryAny(r Rel, es []Expr, add bool) (cur *Col, from Sum, ok bool) {
	for _, e := range es {
		WalkExpr(e, func(e Expr) bool {
			if k, isCol := e.(*Col); isCol && !ok {
				cur, from, ok = c.carry(r, k.ID, add)
			}
			return !ok
		})
	}
	return cur, from, ok
}

// carry gives the column of r that holds the currency of its column id, false
// where that is no amount. With add it makes one where there is none: a relation
// that nothing else reads may be changed so.
func (c *compiler) carry(r Rel, id ColID, add bool) (cur *Col, from Sum, ok bool) {
	if a, money := c.money[id]; money {
		return &Col{ID: a.currency, Name: "currency"}, a.Sum, true
	}
	switch r := r.(type) {
	case *Filter:
		return c.carry(r.In, id, add)
	case *Sort:
		return c.carry(r.In, id, add)
	case *Limit:
		return c.carry(r.In, id, add)
	case *Distinct:
		return c.carry(r.In, id, add)
	case *Window:
		return c.carry(r.In, id, add)
	case *Join:
		if idsOf(r.L.Columns())[id] {
			return c.carry(r.L, id, add)
		}
		if r.Kind != SemiJoin && r.Kind != AntiJoin {
			return c.carry(r.R, id, add)
		}
	case *Project:
		i := slices.IndexFunc(r.Cols, func(k Column) bool { return k.ID == id })
		if i < 0 {
			return nil, from, false
		}
		cur, from, ok = c.carryAny(r.In, []Expr{r.Exprs[i]}, add)
		if !ok {
			return nil, from, false
		}
		for j, e := range r.Exprs {
			if k, isCol := e.(*Col); isCol && k.ID == cur.ID {
				return r.Cols[j].ref(), from, true
			}
		}
		if !add {
			return &Col{}, from, true
		}
		col := c.column("currency", cur.Type)
		r.Cols, r.Exprs = append(r.Cols, col), append(r.Exprs, cur)
		return col.ref(), from, true
	case *Aggregate:
		if i := slices.IndexFunc(r.AggCols, func(k Column) bool { return k.ID == id }); i >= 0 {
			if cur, from, ok = c.carryAny(r.In, r.Aggs[i].Args, add); !ok {
				return nil, from, false
			}
			for j, e := range r.Keys {
				if k, isCol := e.(*Col); isCol && k.ID == cur.ID {
					return r.KeyCols[j].ref(), from, true
				}
			}
		}
	}
	return nil, from, false
}

// CompileSum compiles what tells whether the i-th of a statement's Sums adds up
// several currencies: at most one row, two currencies of one of its groups. It
// gives nil where that cannot be asked alone.
func CompileSum(ctx *sql.Context, n sql.Node, sess Session, i int) (*Statement, error) {
	return compile(ctx, n, sess, func(c *compiler, st *Statement) {
		_, of, currency := c.sums(st.Root, true)
		a, cur := of[i], currency[i]
		text := Type{Kind: Text, Length: 64, Collation: Bin}
		cur = &Col{ID: cur.ID, Name: cur.Name, Type: text}
		low, high := c.column("low", text), c.column("high", text)
		group := &Aggregate{In: a.In, Keys: a.Keys, AggCols: []Column{low, high},
			Aggs: []Agg{{Func: "min", Args: []Expr{cur}, Type: text}, {Func: "max", Args: []Expr{cur}, Type: text}}}
		for _, k := range a.KeyCols {
			group.KeyCols = append(group.KeyCols, c.column(k.Name, k.Type))
		}
		mixed := &Filter{In: group, Cond: &Call{Func: "!=", Args: []Expr{low.ref(), high.ref()}, Type: Type{Kind: Int, Bool: true, Precision: 1}}}
		st.Root = &Limit{In: mixed, Count: &Lit{Value: int64(1), Type: bigintType.notNull(true)}}
		st.Output, st.Sums = []Column{low, high}, nil
		if !closed(st.Root) {
			st.Root = &Values{Cols: st.Output} // a correlated subquery's
		}
		optimize(st)
	})
}

// closed says that a relation refers to no column of an outer query.
func closed(root Rel) bool {
	known := map[ColID]bool{}
	Walk(root, func(r Rel) bool {
		for _, k := range r.Columns() {
			known[k.ID] = true
		}
		return true
	})
	ok := true
	Walk(root, func(r Rel) bool {
		for _, e := range Exprs(r) {
			WalkExpr(e, func(e Expr) bool {
				if k, isCol := e.(*Col); isCol && !known[k.ID] {
					ok = false
				}
				return ok
			})
		}
		return ok
	})
	return ok
}
