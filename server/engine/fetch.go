package engine

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"sync"
	"time"

	"argo/server/algebra"
	"argo/server/columnar"
	"argo/tables"
	"argo/tables/fault"

	"github.com/dolthub/go-mysql-server/sql"
	"golang.org/x/sync/errgroup"
)

// fetching gathers the inputs of one compiled statement.
type fetching struct {
	e      *Engine
	ctx    context.Context // of the group
	gms    *sql.Context    // the statement's
	c      *compiled
	demand *demand
	group  *errgroup.Group
	slots  map[string]chan struct{} // by connection, one for each of its scans that runs
	strict bool
	began  time.Time

	mu       sync.Mutex
	dead     []error // why branches of views give nothing
	inputs   map[algebra.Rel]columnar.Input
	releases []func()
	handed   []handed
}

// newFetch says what is needed; a statement that would cost more than the
// session allows is refused before anything is fetched.
func (e *Engine) newFetch(ctx *sql.Context, c *compiled) (*fetching, error) {
	terms, err := termsOf(ctx)
	if err != nil {
		return nil, err
	}
	if err := e.affordable(ctx, c, terms); err != nil {
		return nil, err
	}
	f := &fetching{e: e, gms: ctx, c: c, strict: terms.strict, began: e.o.Now(),
		slots: map[string]chan struct{}{}, inputs: make(map[algebra.Rel]columnar.Input, len(c.leaves))}
	if f.demand, err = e.newDemand(ctx, c, terms, true); err != nil {
		return nil, first(ctx, err)
	}
	f.group, f.ctx = errgroup.WithContext(ctx)
	for _, leaf := range c.leaves {
		if s, ok := leaf.(*algebra.Scan); ok {
			f.put(s, columnar.Input{Columns: f.columns(s), Rows: none})
		}
	}
	st := statementOf(ctx)
	for _, sh := range f.demand.sheets {
		if f.slots[sh.source] == nil {
			f.slots[sh.source] = make(chan struct{}, e.o.Parallel)
		}
		st.do(func() {
			st.sources = st.sources || !f.e.local(sh.source)
			st.dated = st.dated || sh.t.History
		})
	}
	return f, nil
}

// columns that a leaf reads.
func (f *fetching) columns(s *algebra.Scan) []tables.Column {
	out := make([]tables.Column, len(s.Cols))
	for i, col := range s.Cols {
		out[i] = *f.c.tables[s].Lookup(col.Name)
	}
	return out
}

// release gives back every file. It is safe after a failure, when all
// goroutines have ended.
func (f *fetching) release() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.releases {
		r()
	}
	f.releases = nil
}

// warn tells the client which accounts are missing from the answer, and what
// the sources had to say.
func (f *fetching) warn() {
	for _, err := range tables.TraceOf(f.gms).Warnings() {
		f.e.warn(f.gms, err)
	}
}

// warn adds an error as a warning of the session, once.
func (e *Engine) warn(ctx *sql.Context, err error) {
	w := &sql.Warning{Level: "Warning", Code: 1105, Message: err.Error()}
	if fl := fault.As(err); fl != nil {
		w.Code, w.Message = codes[fl.Kind].number, sentence(fl)
	}
	for _, have := range ctx.Session.Warnings() {
		if have.Message == w.Message {
			return
		}
	}
	ctx.Session.Warn(w)
}

// run asks every table at once, its accounts side by side; only a bare LIMIT,
// which reads no more accounts than it needs, comes after the others, whose
// cells it may then read.
func (f *fetching) run() error {
	for _, sh := range f.demand.sheets {
		if sh.limit == 0 {
			f.group.Go(func() error { return f.read(f.ctx, sh) })
		}
	}
	for _, leaf := range f.c.leaves {
		if leaf, ok := leaf.(*algebra.Foreign); ok {
			if err := f.foreign(leaf); err != nil {
				f.group.Go(func() error { return err }) // ends the others
				break
			}
		}
	}
	if err := f.group.Wait(); err != nil {
		return err
	}
	for _, sh := range f.demand.sheets {
		if sh.limit > 0 {
			if err := f.read(f.gms, sh); err != nil {
				return err
			}
		}
	}
	if err := f.barren(); err != nil {
		return err
	}
	f.settle()
	if f.strict {
		return f.unwilling()
	}
	return nil
}

// barren is what a statement fails with of which every branch of a view failed,
// and nothing else was read.
func (f *fetching) barren() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.dead) == 0 {
		return nil
	}
	for _, sh := range f.demand.sheets {
		if !f.e.local(sh.source) && !sh.dead {
			return nil
		}
	}
	return f.dead[0]
}

// die notes that a branch gives nothing.
func (f *fetching) die(sh *sheet, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	sh.dead = true
	f.dead = append(f.dead, err)
	tables.TraceOf(f.gms).Warn(err)
}

// unwilling is what a strict statement fails with although there is an answer:
// a part of it is older than promised, or not known.
func (f *fetching) unwilling() error {
	for _, err := range tables.TraceOf(f.gms).Warnings() {
		if fault.Is(err, fault.Stale) || fault.Is(err, fault.Gap) {
			return err
		}
	}
	return nil
}

func (f *fetching) put(r algebra.Rel, in columnar.Input) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.inputs[r] = in
}

// portion is what one ask gets.
type portion struct {
	asked bool
	files []tables.File
	rows  []tables.Row
	err   error // why the account gives nothing, though others may
}

// read gets what a sheet asks for and hands it to its leaves.
func (f *fetching) read(ctx context.Context, sh *sheet) error {
	if sh.err != nil {
		f.die(sh, sh.err)
		return nil
	}
	if sh.t.Files == nil && sh.t.Account == "" {
		// One stream: nothing has to be kept back in case an account fails.
		f.put(sh.leaves[0], columnar.Input{Columns: f.columns(sh.leaves[0]), Rows: f.stream(sh)})
		return nil
	}
	got, err := f.ask(ctx, sh)
	if err != nil {
		return err
	}
	lost, err := f.judge(sh, got)
	if err != nil {
		return err
	}
	h := handed{sh, got, lost}
	f.mu.Lock()
	f.handed = append(f.handed, h)
	f.mu.Unlock()
	f.hand(h)
	return nil
}

// hand gives each leaf of a sheet what was read for it.
func (f *fetching) hand(h handed) {
	for i, leaf := range h.sheet.leaves {
		in := columnar.Input{Columns: f.columns(leaf)}
		var rows [][]tables.Row
		for j, a := range h.sheet.asks {
			if slices.Contains(a.leaves, i) && !h.lost[a.scan.Account] {
				in.Files = append(in.Files, h.got[j].files...)
				rows = append(rows, h.got[j].rows)
			}
		}
		if h.sheet.t.Files == nil {
			in.Rows = replay(rows)
		} else if in.Files == nil {
			in.Rows = none
		}
		f.put(leaf, in)
	}
}

// ask runs the asks side by side; those of a bare LIMIT one by one, until there
// are rows enough.
func (f *fetching) ask(ctx context.Context, sh *sheet) ([]portion, error) {
	got := make([]portion, len(sh.asks))
	if sh.limit > 0 {
		var have int64
		for i := range sh.asks {
			if err := f.one(ctx, sh, sh.asks[i].scan, &got[i]); err != nil {
				return nil, err
			}
			n, err := f.e.size(ctx, &got[i])
			if err != nil {
				return nil, err
			}
			if have += n; have >= sh.limit {
				break
			}
		}
		return got, nil
	}
	group, ctx := errgroup.WithContext(ctx)
	for i := range sh.asks {
		group.Go(func() error { return f.one(ctx, sh, sh.asks[i].scan, &got[i]) })
	}
	return got, group.Wait()
}

// size is how many rows there are. Those of a file of which only some days
// count have to be counted.
func (e *Engine) size(ctx context.Context, p *portion) (int64, error) {
	n := int64(len(p.rows))
	var parts []tables.File
	for _, file := range p.files {
		if file.Rows < 0 {
			parts = append(parts, file)
		} else {
			n += file.Rows
		}
	}
	if len(parts) == 0 {
		return n, nil
	}
	number := algebra.Type{Kind: algebra.Int, NotNull: true}
	leaf := &algebra.Scan{}
	count := &algebra.Aggregate{In: leaf, AggCols: []algebra.Column{{ID: 1, Name: "n", Type: number}}, Aggs: []algebra.Agg{{Func: "count", Type: number}}}
	rows, err := e.o.Columnar.Query(ctx, &algebra.Statement{Root: count, Output: count.AggCols}, map[algebra.Rel]columnar.Input{leaf: {Files: parts}})
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	row, err := rows.Next(ctx)
	if err != nil {
		return 0, err
	}
	counted, _ := row[0].(int64)
	return n + counted, nil
}

// one runs one ask. What is wrong with one account alone is kept; any other
// failure ends the statement.
func (f *fetching) one(ctx context.Context, sh *sheet, s tables.Scan, p *portion) error {
	slots := f.slots[sh.source]
	select {
	case slots <- struct{}{}:
		defer func() { <-slots }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	var err error
	p.asked = true
	if sh.t.Files != nil {
		var release func()
		if p.files, release, err = sh.t.Files(ctx, s); err == nil && release != nil {
			f.mu.Lock()
			f.releases = append(f.releases, release)
			f.mu.Unlock()
		}
	} else {
		p.rows, err = collect(ctx, sh, s)
	}
	if !f.e.local(sh.source) {
		f.e.note(sh.source, err)
	}
	if err != nil && s.Account != "" && partial(err) && ctx.Err() == nil {
		*p = portion{err: err}
		return nil
	}
	return err
}

// partial says that a failure is one of a source or an account, and not of the
// statement, the configuration or Argo: the other accounts are answered.
func partial(err error) bool {
	switch fault.KindOf(err) {
	case fault.Canceled, fault.Timeout, fault.Invalid, fault.Internal, fault.Config, fault.Broken:
		return false
	}
	return true
}

// judge notes how each account did and names those that give nothing. That all
// of them fail, or one in strict mode, is an error.
func (f *fetching) judge(sh *sheet, got []portion) (lost map[string]bool, err error) {
	if f.e.local(sh.source) {
		return nil, nil
	}
	var order []string
	outcomes := map[string]*tables.Outcome{}
	for i, a := range sh.asks {
		o := outcomes[a.scan.Account]
		if o == nil {
			o = &tables.Outcome{Connection: sh.source, Table: sh.t.Name, Account: a.scan.Account, State: "ok"}
			outcomes[a.scan.Account], order = o, append(order, a.scan.Account)
		}
		p := &got[i]
		if p.err != nil && o.Err == nil {
			o.State, o.Err = string(fault.KindOf(p.err)), p.err
		}
		o.Rows += int64(len(p.rows))
		for _, file := range p.files {
			if o.AsOf.IsZero() || file.AsOf.Before(o.AsOf) {
				o.AsOf = file.AsOf
			}
			if o.Rows += file.Rows; file.Rows < 0 {
				o.Rows = -1 << 62
			}
		}
	}
	// Of an account that was answered with less than was promised, the cache has
	// said more.
	trace := tables.TraceOf(f.gms)
	told := map[string]bool{}
	for _, o := range trace.Outcomes() {
		if o.Connection == sh.source && o.Table == sh.t.Name && o.State != "ok" {
			told[o.Account] = true
		}
	}
	lost = map[string]bool{}
	var failed []error
	for _, account := range order {
		o := outcomes[account]
		if o.Rows = max(o.Rows, -1); o.Err != nil {
			lost[account], failed = true, append(failed, o.Err)
			o.Rows, o.AsOf = 0, time.Time{}
		} else if told[account] {
			continue
		}
		trace.Ended(*o)
	}
	all := len(failed) > 0 && len(failed) == len(order)
	if len(failed) > 0 && f.strict || all && !sh.branch() {
		return nil, failed[0]
	}
	for _, err := range failed {
		trace.Warn(err)
	}
	if all {
		f.die(sh, failed[0])
	}
	return lost, nil
}

// collect reads the rows of one account: a scan that fails has given nothing.
func collect(ctx context.Context, sh *sheet, s tables.Scan) ([]tables.Row, error) {
	var out []tables.Row
	for row, err := range sh.t.Scan(ctx, s) {
		if err != nil {
			return nil, err
		}
		out = append(out, row)
		if sh.limit > 0 && int64(len(out)) >= sh.limit {
			break
		}
	}
	return out, nil
}

// stream reads a table without accounts while DuckDB takes its rows.
func (f *fetching) stream(sh *sheet) iter.Seq2[tables.Row, error] {
	return func(yield func(tables.Row, error) bool) {
		for _, a := range sh.asks {
			for row, err := range sh.t.Scan(f.gms, a.scan) {
				if !yield(row, err) || err != nil {
					return
				}
			}
		}
	}
}

func none(func(tables.Row, error) bool) {}

func replay(parts [][]tables.Row) iter.Seq2[tables.Row, error] {
	return func(yield func(tables.Row, error) bool) {
		for _, part := range parts {
			for _, row := range part {
				if !yield(row, nil) {
					return
				}
			}
		}
	}
}

// LastSources says how each account did in the last statement of the session
// that read a connection's tables, for argo.last_sources; ctx is the
// statement's that asks.
func LastSources(ctx context.Context) []tables.Outcome {
	st := statementOf(ctx)
	if st == nil {
		return nil
	}
	out := slices.Clone(st.last)
	slices.SortStableFunc(out, func(a, b tables.Outcome) int {
		return cmp.Or(cmp.Compare(a.Connection, b.Connection), cmp.Compare(a.Table, b.Table), cmp.Compare(a.Account, b.Account))
	})
	return out
}

// health is how a connection did when it was last asked.
type health struct {
	state, err string
	at         time.Time
}

// Status says how a connection did when it was last asked for rows: "ok" or the
// kind of the fault, with its sentence, and when; "" where nobody asked.
func (e *Engine) Status(connection string) (state, lastError string, at time.Time) {
	e.healthMu.Lock()
	defer e.healthMu.Unlock()
	h := e.health[connection]
	return h.state, h.err, h.at
}

// note remembers how a scan went.
func (e *Engine) note(connection string, err error) {
	h := health{state: "ok", at: e.o.Now()}
	if f := fault.As(err); f != nil {
		h.state, h.err = string(f.Kind), sentence(f)
	} else if err != nil {
		return // cancelled, or a defect: says nothing of the source
	}
	e.healthMu.Lock()
	defer e.healthMu.Unlock()
	e.health[connection] = h
}
