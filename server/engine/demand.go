package engine

import (
	"context"
	"slices"
	"sync"
	"time"

	"argo/server/algebra"
	"argo/tables"

	"github.com/dolthub/go-mysql-server/sql"
	"golang.org/x/sync/errgroup"
)

// demand is what a statement wants of its tables, before anything is fetched.
type demand struct {
	sheets  []*sheet
	listing map[string]int // calls that listing the accounts of a connection takes
	listed  []string       // connections whose accounts had to be listed for this
}

// sheet is what a statement wants of one table as of one moment. References of
// a table that keeps what it fetches share one sheet, so that what two of them
// want is fetched once, and counted once in an estimate.
type sheet struct {
	source string
	t      *tables.Table
	asOf   time.Time
	leaves []*algebra.Scan
	asks   []ask // by account in the order of the listing, the newest days first
	// limit is that of a bare LIMIT: accounts are read one by one until there
	// are so many rows; 0: all of them.
	limit int64
	err   error // why a branch of a view cannot even be asked
	dead  bool  // it is a branch that gives nothing
}

// branch says that all that reads the sheet is a branch of a view.
func (sh *sheet) branch() bool {
	return !slices.ContainsFunc(sh.leaves, func(s *algebra.Scan) bool { return !s.Branch })
}

// ask is what a sheet wants of one account.
type ask struct {
	scan   tables.Scan
	leaves []int // of the sheet, that read what comes
}

// terms are what the session says of every scan.
type terms struct {
	maxAge time.Duration
	strict bool
}

func termsOf(ctx *sql.Context) (terms, error) {
	age, err := maxAge(ctx)
	return terms{age, strict(ctx)}, err
}

// newDemand cuts the statement's scans into accounts and days. With spend it
// lists accounts as the sources have them now; else it takes those that are
// remembered, and lists only where there are none.
func (e *Engine) newDemand(ctx context.Context, c *compiled, terms terms, spend bool) (*demand, error) {
	d := &demand{listing: map[string]int{}}
	type same struct {
		source, table string
		asOf          time.Time
	}
	shared := map[same]*sheet{}
	for _, leaf := range c.leaves {
		s, ok := leaf.(*algebra.Scan)
		if !ok || c.idle[s] {
			continue
		}
		t := c.tables[s]
		key := same{s.Source, s.Table, s.AsOf}
		if sh := shared[key]; sh != nil && s.Limit == 0 {
			sh.leaves = append(sh.leaves, s)
			continue
		}
		sh := &sheet{source: s.Source, t: t, asOf: s.AsOf, limit: s.Limit, leaves: []*algebra.Scan{s}}
		d.sheets = append(d.sheets, sh)
		if t.Files != nil && t.Account != "" && s.Limit == 0 {
			shared[key] = sh
		}
	}
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	for _, sh := range d.sheets {
		group.Go(func() error {
			calls, listed, err := e.cut(ctx, sh, terms, spend)
			mu.Lock()
			defer mu.Unlock()
			if calls > 0 {
				d.listing[sh.source] = calls
			}
			if listed && !slices.Contains(d.listed, sh.source) {
				d.listed = append(d.listed, sh.source)
			}
			if err != nil && !e.local(sh.source) {
				e.note(sh.source, err)
			}
			if err != nil && sh.branch() && !terms.strict && partial(err) && ctx.Err() == nil {
				sh.err, sh.asks = err, nil
				return nil
			}
			return err
		})
	}
	return d, group.Wait()
}

// cut fills the sheet's asks. calls is what listing the accounts will take,
// listed says that they were listed for it although nothing was to be spent.
func (e *Engine) cut(ctx context.Context, sh *sheet, terms terms, spend bool) (calls int, listed bool, err error) {
	t, now := *sh.t, e.o.Now()
	if !sh.asOf.IsZero() {
		now = sh.asOf // the extent of the table as it was then
	}
	if t.Roster != nil && t.Account != "" && !(spend && sh.asOf.IsZero()) {
		known, n, err := t.Roster(ctx)
		if err != nil {
			return 0, false, err
		}
		switch {
		case known != nil:
			t.Accounts = func(context.Context) ([]tables.Account, error) { return known, nil }
			if sh.asOf.IsZero() {
				calls = n
			}
		default:
			listed = true
		}
	}
	scans := make([][]tables.Scan, len(sh.leaves))
	for i, leaf := range sh.leaves {
		names := make([]string, len(leaf.Cols))
		for j, col := range leaf.Cols {
			names[j] = col.Name
		}
		if scans[i], err = t.Splits(ctx, names, leaf.Where, now); err != nil {
			return calls, listed, err
		}
		for j := range scans[i] {
			scans[i][j].MaxAge, scans[i][j].Strict, scans[i][j].AsOf = terms.maxAge, terms.strict, sh.asOf
		}
	}
	sh.asks = merge(scans, t.Incompatible)
	if len(sh.leaves) > 1 && t.Estimate != nil && sh.asOf.IsZero() {
		sh.asks, err = pack(ctx, &t, sh.asks)
	}
	return calls, listed, err
}

// pack joins asks of neighbouring days that want other columns where reading
// all columns of both takes fewer calls.
func pack(ctx context.Context, t *tables.Table, asks []ask) (out []ask, err error) {
	calls := func(a ask) (n int) {
		if err == nil {
			var e tables.Estimate
			e, err = t.Estimate(ctx, a.scan)
			n = e.Calls
		}
		return n
	}
	for _, a := range asks {
		if n := len(out); n > 0 && out[n-1].scan.Account == a.scan.Account && a.scan.Days.To.Add(1) == out[n-1].scan.Days.From {
			both := out[n-1]
			both.scan.Days.From = a.scan.Days.From
			both.scan.Columns = distinct(slices.Concat(both.scan.Columns, a.scan.Columns))
			both.leaves = slices.Concat(both.leaves, a.leaves)
			slices.Sort(both.leaves)
			both.leaves = slices.Compact(both.leaves)
			if (t.Incompatible == nil || t.Incompatible(both.scan.Columns) == nil) && calls(both) < calls(out[n-1])+calls(a) {
				out[n-1] = both
				continue
			}
		}
		out = append(out, a)
	}
	return out, err
}

// merge makes the scans of several references those of one: of each account,
// ranges of days that are asked for the same columns. Columns that the source
// does not give together stay apart.
func merge(scans [][]tables.Scan, incompatible func([]string) error) (out []ask) {
	if len(scans) == 1 {
		for _, s := range scans[0] {
			out = append(out, ask{s, []int{0}})
		}
		return out
	}
	var order []string
	byAccount := map[string][][]tables.Scan{}
	for i, list := range scans {
		for _, s := range list {
			if byAccount[s.Account] == nil {
				byAccount[s.Account] = make([][]tables.Scan, len(scans))
				order = append(order, s.Account)
			}
			byAccount[s.Account][i] = append(byAccount[s.Account][i], s)
		}
	}
	for _, account := range order {
		out = append(out, mergeAccount(byAccount[account], incompatible)...)
	}
	return out
}

func mergeAccount(scans [][]tables.Scan, incompatible func([]string) error) (out []ask) {
	// The days at which what is asked for may change.
	var edges []tables.Day
	var all []string
	var model tables.Scan
	for _, list := range scans {
		for _, s := range list {
			model = s
			edges = append(edges, s.Days.From, s.Days.To.Add(1))
			all = append(all, s.Columns...)
		}
	}
	if incompatible != nil && incompatible(distinct(all)) != nil {
		for i, list := range scans {
			for _, s := range list {
				out = append(out, ask{s, []int{i}})
			}
		}
		return out
	}
	model.Where = nil // what one reference filters the other may want
	if model.Days.IsZero() {
		model.Columns = distinct(all)
		a := ask{scan: model}
		for i, list := range scans {
			if len(list) > 0 {
				a.leaves = append(a.leaves, i)
			}
		}
		return []ask{a}
	}
	slices.Sort(edges)
	edges = slices.Compact(edges)
	for i := len(edges) - 1; i > 0; i-- {
		a := ask{scan: model}
		a.scan.Days = tables.Days{From: edges[i-1], To: edges[i].Add(-1)}
		var columns []string
		for j, list := range scans {
			for _, s := range list {
				if s.Days.Contains(a.scan.Days.From) {
					columns, a.leaves = append(columns, s.Columns...), append(a.leaves, j)
				}
			}
		}
		if len(a.leaves) == 0 {
			continue
		}
		a.scan.Columns = distinct(columns)
		if n := len(out); n > 0 && out[n-1].scan.Days.From == edges[i] && slices.Equal(out[n-1].scan.Columns, a.scan.Columns) {
			last := &out[n-1]
			last.scan.Days.From = a.scan.Days.From
			last.leaves = append(last.leaves, a.leaves...)
			slices.Sort(last.leaves)
			last.leaves = slices.Compact(last.leaves)
			continue
		}
		out = append(out, a)
	}
	return out
}

func distinct(names []string) []string {
	out := slices.Sorted(slices.Values(names))
	return slices.Compact(out)
}
