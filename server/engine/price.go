package engine

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"argo/tables"
	"argo/tables/fault"

	"github.com/cockroachdb/apd/v3"
	"github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/plan"
	"github.com/dolthub/go-mysql-server/sql/transform"
	"github.com/dolthub/go-mysql-server/sql/types"
	ast "github.com/dolthub/vitess/go/vt/sqlparser"
	"golang.org/x/sync/errgroup"
)

// EXPLAIN FETCH SELECT … says what a statement would take from its sources, and
// argo_max_calls refuses one that would take too much. Both plan what running
// the statement would fetch, from what is remembered, and make no call.

// price is what one sheet would cost.
type price struct {
	sheet *sheet
	each  []tables.Estimate // of each ask; of a bare LIMIT up to the last that is read
	total tables.Estimate
}

// accounts that would be looked at.
func (p *price) accounts() int64 {
	seen := map[string]bool{}
	for i := range p.each {
		if a := p.sheet.asks[i].scan.Account; a != "" {
			seen[a] = true
		}
	}
	return int64(len(seen))
}

// scopes are the units with those of all accounts in one scope: the budget of
// an account is …/account/*/….
func (p *price) scopes() map[string]int {
	ids := map[string]bool{}
	for i := range p.each {
		ids[p.sheet.asks[i].scan.Account] = true
	}
	if delete(ids, ""); len(ids) < 2 {
		return p.total.Units
	}
	out := map[string]int{}
	for scope, n := range p.total.Units {
		parts := strings.Split(scope, "/")
		for i := range parts {
			if ids[parts[i]] {
				parts[i] = "*"
			}
		}
		out[strings.Join(parts, "/")] += n
	}
	return out
}

// offer is what a statement would cost.
type offer struct {
	demand *demand
	prices []*price
}

// calls of all sheets, and of listing accounts.
func (q *offer) calls() (n int64) {
	for _, p := range q.prices {
		n += int64(p.total.Calls)
	}
	for _, listing := range q.demand.listing {
		n += int64(listing)
	}
	return n
}

// offer estimates what the statement would fetch now.
func (e *Engine) offer(ctx context.Context, c *compiled, terms terms) (*offer, error) {
	d, err := e.newDemand(ctx, c, terms, false)
	if err != nil {
		return nil, err
	}
	q := &offer{demand: d, prices: make([]*price, len(d.sheets))}
	for i, sh := range d.sheets {
		q.prices[i] = &price{sheet: sh, total: tables.Estimate{Exact: true}}
		if sh.limit > 0 {
			err = e.untilEnough(ctx, q.prices[i], d)
		} else {
			q.prices[i].each, err = e.estimate(ctx, sh, sh.asks)
		}
		if err != nil {
			return nil, err
		}
		q.prices[i].total = sum(q.prices[i].each, q.prices[i].total)
		q.prices[i].total.Units = q.prices[i].scopes()
	}
	return q, nil
}

// estimate asks for the price of each ask.
func (e *Engine) estimate(ctx context.Context, sh *sheet, asks []ask) ([]tables.Estimate, error) {
	out := make([]tables.Estimate, len(asks))
	if sh.t.Estimate == nil || !sh.asOf.IsZero() {
		for i, a := range asks {
			out[i] = uncached(sh, a.scan)
		}
		return out, nil
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(e.o.Parallel)
	for i, a := range asks {
		group.Go(func() (err error) {
			out[i], err = sh.t.Estimate(ctx, a.scan)
			return err
		})
	}
	return out, group.Wait()
}

// uncached is the price of what is not fetched for the cache: history is there
// or not, a file is read, a row that Argo has itself costs nothing.
func uncached(sh *sheet, s tables.Scan) tables.Estimate {
	est, t := tables.Estimate{Exact: true, Rows: -1}, sh.t
	switch {
	case !sh.asOf.IsZero():
		est.Cells = int64(max(s.Days.Len(), 1))
		est.Cached = est.Cells
	case t.Calls != nil:
		est.Calls, est.Exact = t.Calls(s)
	case t.Files == nil && t.Account != "":
		est.Calls = 1
	}
	return est
}

// untilEnough is the price of a bare LIMIT. Of accounts that are cached the
// rows are counted as running the statement counts them; how many a call brings
// is not known before, so that the price is certain only up to there.
func (e *Engine) untilEnough(ctx context.Context, p *price, d *demand) error {
	sh := p.sheet
	for _, other := range d.sheets {
		if other != sh && other.source == sh.source && other.t.Name == sh.t.Name {
			p.total.Exact = false // what that one fetches this one finds
		}
	}
	var have int64
	for i, a := range sh.asks {
		each, err := e.estimate(ctx, sh, sh.asks[i:i+1])
		if err != nil {
			return err
		}
		p.each = append(p.each, each[0])
		last := i == len(sh.asks)-1
		switch rows := each[0].Rows; {
		case last:
		case each[0].Calls > 0 || sh.t.Files == nil:
			p.total.Exact = false
			if have += max(rows, 0); rows < 0 {
				have = sh.limit // most accounts have more rows than anybody looks at
			}
		default:
			n, err := e.rowsOf(ctx, sh.t, a.scan)
			if err != nil {
				return err
			}
			have += n
		}
		if have >= sh.limit {
			return nil
		}
	}
	return nil
}

// rowsOf counts the rows of what is cached as a bare LIMIT counts them. It asks
// for what is known now, which renews nothing behind the answer.
func (e *Engine) rowsOf(ctx context.Context, t *tables.Table, s tables.Scan) (int64, error) {
	if t.History {
		s.AsOf = e.o.Now()
	}
	files, release, err := t.Files(tables.WithTrace(ctx, new(tables.Trace)), s)
	if err != nil {
		return 0, err
	}
	if release != nil {
		defer release()
	}
	return e.size(ctx, &portion{files: files})
}

// lanes is how many fetches of a source run side by side.
const lanes = 4

// sum adds estimates to total. Fetches run side by side: the time is that of
// the longest lane.
func sum(each []tables.Estimate, total tables.Estimate) tables.Estimate {
	var longest time.Duration
	for _, x := range each {
		total.Add(x)
		longest = max(longest, x.Elapsed)
	}
	total.Elapsed = max(longest, total.Elapsed/lanes)
	return total
}

// affordable refuses a statement that would take more calls than the session
// allows, with what would bring it under.
func (e *Engine) affordable(ctx *sql.Context, c *compiled, terms terms) error {
	limit, err := maxCalls(ctx)
	if err != nil || limit <= 0 {
		return err
	}
	q, err := e.offer(ctx, c, terms)
	if err != nil {
		return first(ctx, err)
	}
	if q.calls() <= limit {
		return nil
	}
	about := ""
	if slices.ContainsFunc(q.prices, func(p *price) bool { return !p.total.Exact }) {
		about = "about "
	}
	ways, err := e.cheaper(ctx, q, limit)
	if err != nil {
		return first(ctx, err)
	}
	ways = append(ways, fmt.Sprintf("SET %s = %d", maxCallsVariable, q.calls()))
	return fault.New(fault.Refused, "the statement would take %s%d calls to its sources, and %s is %d", about, q.calls(), maxCallsVariable, limit).
		WithHint("%s; EXPLAIN FETCH shows what it takes", strings.Join(ways, ", or "))
}

// cheaper gives filters of the dearest table that bring the statement under the
// limit, as SQL: its last days, or some of its accounts.
func (e *Engine) cheaper(ctx context.Context, q *offer, limit int64) (ways []string, err error) {
	dearest := slices.MaxFunc(q.prices, func(a, b *price) int { return a.total.Calls - b.total.Calls })
	sh := dearest.sheet
	budget := limit - (q.calls() - int64(dearest.total.Calls))
	if budget < 0 || sh.limit > 0 {
		return nil, nil
	}
	where := "add AND"
	if len(q.prices) > 1 || len(sh.leaves) > 1 {
		where = fmt.Sprintf("for %s.%s add AND", sh.source, sh.t.Name)
	}
	said := func(filter string, calls int64) string {
		return fmt.Sprintf("%s %s (%d calls)", where, filter, calls+q.calls()-int64(dearest.total.Calls))
	}
	if sh.t.Day != "" {
		from, calls, err := e.lastDays(ctx, sh, budget)
		if err != nil {
			return nil, err
		}
		if from != "" {
			ways = append(ways, said(fmt.Sprintf("%s >= '%s'", sh.t.Day, from), calls))
		}
	}
	if filter, calls := someAccounts(dearest, budget); filter != "" {
		ways = append(ways, said(filter, calls))
	}
	return ways, nil
}

// lastDays finds the first day from which on the sheet stays within the budget;
// "" where no day does or all do.
func (e *Engine) lastDays(ctx context.Context, sh *sheet, budget int64) (from tables.Day, calls int64, err error) {
	var first, last tables.Day
	for _, a := range sh.asks {
		if first == "" || a.scan.Days.From < first {
			first = a.scan.Days.From
		}
		last = max(last, a.scan.Days.To)
	}
	price := func(from tables.Day) (int64, error) {
		var kept []ask
		for _, a := range sh.asks {
			if days, ok := a.scan.Days.Intersect(tables.Days{From: from, To: last}); ok {
				a.scan.Days = days
				kept = append(kept, a)
			}
		}
		each, err := e.estimate(ctx, sh, kept)
		var n int64
		for _, x := range each {
			n += int64(x.Calls)
		}
		return n, err
	}
	for low, high := 1, last.Sub(first); low <= high; { // days that are kept
		n := (low + high) / 2
		day := last.Add(1 - n)
		cost, err := price(day)
		if err != nil {
			return "", 0, err
		}
		if cost <= budget {
			from, calls, low = day, cost, n+1
		} else {
			high = n - 1
		}
	}
	return from, calls, nil
}

// mostAccounts is how many accounts a hint names.
const mostAccounts = 20

// someAccounts gives accounts that together stay within the budget, the
// cheapest first.
func someAccounts(p *price, budget int64) (filter string, calls int64) {
	sh := p.sheet
	cost := map[string]int64{}
	var order []string
	for i, a := range sh.asks {
		if _, ok := cost[a.scan.Account]; !ok {
			order = append(order, a.scan.Account)
		}
		cost[a.scan.Account] += int64(p.each[i].Calls)
	}
	if len(order) < 2 {
		return "", 0
	}
	slices.SortStableFunc(order, func(a, b string) int { return int(cost[a] - cost[b]) })
	var chosen []string
	for _, account := range order {
		if calls+cost[account] > budget || len(chosen) == mostAccounts {
			break
		}
		calls += cost[account]
		chosen = append(chosen, account)
	}
	if len(chosen) == 0 || len(chosen) == len(order) {
		return "", 0
	}
	if c := sh.t.Lookup(sh.t.Account); c == nil || c.Type.Kind != tables.Int {
		for i := range chosen {
			chosen[i] = quote(chosen[i])
		}
	}
	return fmt.Sprintf("%s IN (%s)", sh.t.Account, strings.Join(chosen, ", ")), calls
}

// fetchFormat is what EXPLAIN FETCH is for the parser: EXPLAIN FORMAT=argo_fetch.
const fetchFormat = "argo_fetch"

var explainFetchWords = regexp.MustCompile(`(?is)^((?:\s|/\*.*?\*/|--[^\n]*\n|#[^\n]*\n)*(?:explain|describe|desc)(?:\s|/\*.*?\*/|--[^\n]*\n|#[^\n]*\n)+)fetch\b`)

// explainFetchForm spells EXPLAIN FETCH SELECT … as the parser takes it;
// DESCRIBE fetch is a table's name.
func explainFetchForm(query string) string {
	m := explainFetchWords.FindStringSubmatchIndex(query)
	if m == nil || !isSelect.MatchString(query[m[1]:]) {
		return query
	}
	return query[:m[3]] + "FORMAT=" + fetchFormat + query[m[1]:]
}

// explainFetch puts the node in the place of GMS's.
func (e *Engine) explainFetch(x *ast.Explain) (ast.Statement, error) {
	s, ok := x.Statement.(ast.SelectStatement)
	if !ok {
		return nil, sqlError(context.Background(), fault.New(fault.Unsupported, "EXPLAIN FETCH takes a SELECT").WithHint("EXPLAIN FETCH SELECT …"))
	}
	return ast.InjectedStatement{
		Auth:      ast.AuthInformation{AuthType: ast.AuthType_IGNORE},
		Statement: &fetchPlan{e: e}, Children: ast.Exprs{&ast.Subquery{Select: s}},
	}, nil
}

// fetchPlan is EXPLAIN FETCH of a statement.
type fetchPlan struct {
	e     *Engine
	child sql.Node
}

var _ sql.ExecSourceRel = (*fetchPlan)(nil)

// WithResolvedChildren implements sqlparser.Injectable.
func (p *fetchPlan) WithResolvedChildren(_ context.Context, children []any) (any, error) {
	q, ok := children[0].(*plan.Subquery)
	if !ok {
		return nil, fault.New(fault.Internal, "EXPLAIN FETCH is given a %T", children[0])
	}
	return &fetchPlan{p.e, q.Query}, nil
}

// fetchSchema is the result of EXPLAIN FETCH: one row for each table and one
// for all of them.
var fetchSchema = func() sql.Schema {
	var s sql.Schema
	column := func(name string, t sql.Type, nullable bool) {
		s = append(s, &sql.Column{Name: name, Type: t, Nullable: nullable})
	}
	column("connection", textType(64, idCollation, 64), false)
	column("table", textType(64, idCollation, 64), true)
	column("accounts", types.Int64, true)
	column("cells", types.Int64, true)
	column("cached", types.Int64, true)
	column("cached_share", types.MustCreateColumnDecimalType(5, 4), true)
	column("calls", types.Int64, false)
	column("exact", types.Boolean, false)
	column("units", types.LongText, true)
	column("rows", types.Int64, true)
	column("seconds", types.MustCreateColumnDecimalType(12, 3), true)
	column("why", types.LongText, true)
	return s
}()

// RowIter implements sql.ExecSourceRel.
func (p *fetchPlan) RowIter(ctx *sql.Context, _ sql.Row) (sql.RowIter, error) {
	rows, err := p.rows(ctx)
	if err != nil {
		return nil, p.e.told(ctx, err)
	}
	statementOf(ctx).gave(int64(len(rows)))
	return sql.RowsToRowIter(rows...), nil
}

func (p *fetchPlan) rows(ctx *sql.Context) ([]sql.Row, error) {
	statementOf(ctx).do(func() { statementOf(ctx).rooted = false }) // the statement's own root comes now
	analyzed, err := p.e.gms.Analyzer.Analyze(ctx, p.child, nil, foreignFlags())
	if err != nil {
		return nil, err
	}
	terms, err := termsOf(ctx)
	if err != nil {
		return nil, err
	}
	var rows []sql.Row
	all := tables.Estimate{Exact: true}
	listing := map[string]int{}
	var listed []string
	for _, x := range execsOf(ctx, analyzed) {
		if x.err != nil {
			return nil, x.err
		}
		q, err := p.e.offer(ctx, x.c, terms)
		if err != nil {
			return nil, first(ctx, err)
		}
		for _, price := range q.prices {
			rows = append(rows, priceRow(price.sheet.source, price.sheet.t.Name, price.accounts(), price.total, p.why(ctx, price)))
			longest := max(all.Elapsed, price.total.Elapsed)
			all.Add(price.total)
			all.Elapsed = longest // tables are fetched side by side
		}
		for source, n := range q.demand.listing {
			listing[source] = n
		}
		listed = append(listed, q.demand.listed...)
	}
	for _, source := range distinct(append(listed, keys(listing)...)) {
		list := tables.Estimate{Exact: true, Calls: listing[source], Rows: -1}
		why := "the list of accounts is too old: it is read first"
		if listing[source] == 0 {
			why = "the accounts were not known: they were listed for this estimate"
		}
		rows = append(rows, priceRow(source, "(accounts)", -1, list, why))
		all.Calls += list.Calls
	}
	return append(rows, priceRow("total", "", -1, all, "")), nil
}

func keys(m map[string]int) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	return out
}

// execsOf are the compiled parts of a plan.
func execsOf(ctx *sql.Context, n sql.Node) (out []*exec) {
	transform.InspectWithOpaque(ctx, n, func(ctx *sql.Context, n sql.Node) bool {
		if x, ok := n.(*exec); ok {
			out = append(out, x)
			return false
		}
		if ex, ok := n.(sql.Expressioner); ok {
			for _, e := range ex.Expressions() {
				sql.Inspect(ctx, e, func(ctx *sql.Context, e sql.Expression) bool {
					if s, ok := e.(*plan.Subquery); ok {
						out = append(out, execsOf(ctx, s.Query)...)
					}
					return e != nil
				})
			}
		}
		return true
	})
	return out
}

// why gives the reasons of the estimates, each once with how many accounts it
// holds for.
func (p *fetchPlan) why(ctx *sql.Context, price *price) string {
	var out []string
	count := map[string]int{}
	for _, x := range price.each {
		for _, w := range distinct(x.Why) {
			if count[w]++; count[w] == 1 {
				out = append(out, w)
			}
		}
	}
	for i, w := range out {
		if n := count[w]; n > 1 {
			out[i] = fmt.Sprintf("%s (%d times)", w, n)
		}
	}
	sh := price.sheet
	if !sh.asOf.IsZero() {
		out = append(out, "as of "+then(sh.asOf, zoneOf(ctx))+": no call")
	}
	if sh.limit > 0 {
		out = append(out, fmt.Sprintf("accounts are read one by one until there are %d rows", sh.limit))
	}
	if len(sh.leaves) > 1 {
		out = append(out, fmt.Sprintf("read by %d references, fetched once", len(sh.leaves)))
	}
	if sh.t.Estimate == nil && sh.t.Files != nil {
		out = append(out, "read from files")
	}
	return strings.Join(out, "; ")
}

// priceRow is a row of EXPLAIN FETCH; accounts below zero are none.
func priceRow(connection, table string, accounts int64, e tables.Estimate, why string) sql.Row {
	row := sql.Row{connection, nil, nil, nil, nil, nil, int64(e.Calls), truth(e.Exact), nil, nil, nil, nil}
	if table != "" {
		row[1] = table
	}
	if accounts >= 0 {
		row[2] = accounts
	}
	if e.Cells > 0 {
		row[3], row[4] = e.Cells, e.Cached
		share := new(apd.Decimal)
		if _, err := apd.BaseContext.WithPrecision(20).Quo(share, apd.New(e.Cached, 0), apd.New(e.Cells, 0)); err == nil {
			if _, err := apd.BaseContext.WithPrecision(20).Quantize(share, share, -4); err == nil {
				row[5] = share
			}
		}
	}
	var units []string
	for scope, n := range e.Units {
		if n > 0 {
			units = append(units, scope+" "+strconv.Itoa(n))
		}
	}
	if slices.Sort(units); len(units) > 0 {
		row[8] = strings.Join(units, ", ")
	}
	if e.Rows >= 0 {
		row[9] = e.Rows
	}
	if e.Elapsed > 0 || e.Calls == 0 {
		row[10] = apd.New(e.Elapsed.Milliseconds(), -3)
	}
	if why != "" {
		row[11] = why
	}
	return row
}

func truth(b bool) int8 {
	if b {
		return 1
	}
	return 0
}

// Schema implements sql.Node.
func (p *fetchPlan) Schema(*sql.Context) sql.Schema { return fetchSchema }

// Children implements sql.Node.
func (p *fetchPlan) Children() []sql.Node { return nil }

// WithChildren implements sql.Node.
func (p *fetchPlan) WithChildren(_ *sql.Context, children ...sql.Node) (sql.Node, error) {
	return plan.NillaryWithChildren(p, children...)
}

// Resolved implements sql.Node.
func (p *fetchPlan) Resolved() bool { return true }

// IsReadOnly implements sql.Node.
func (p *fetchPlan) IsReadOnly() bool { return true }

// String implements sql.Node.
func (p *fetchPlan) String() string { return "EXPLAIN FETCH" }
