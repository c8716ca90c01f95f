package engine

import (
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
	group  *errgroup.Group
	slots  chan struct{} // one for each scan that runs
	maxAge time.Duration
	strict bool

	mu       sync.Mutex
	inputs   map[algebra.Rel]columnar.Input
	releases []func()
	failed   []error // accounts that gave nothing
}

func (e *Engine) newFetch(ctx *sql.Context, c *compiled) (*fetching, error) {
	age, err := maxAge(ctx)
	if err != nil {
		return nil, err
	}
	f := &fetching{e: e, gms: ctx, c: c, maxAge: age, strict: strict(ctx),
		slots: make(chan struct{}, e.o.Parallel), inputs: make(map[algebra.Rel]columnar.Input, len(c.leaves))}
	f.group, f.ctx = errgroup.WithContext(ctx)
	return f, nil
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
	for _, err := range f.failed {
		f.e.warn(f.gms, err)
	}
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

// scan starts what a Scan needs. A scan that cannot reach the result costs
// nothing (I9).
func (f *fetching) scan(s *algebra.Scan) {
	t := f.c.tables[s]
	in := columnar.Input{Columns: make([]tables.Column, len(s.Cols))}
	names := make([]string, len(s.Cols))
	for i, col := range s.Cols {
		names[i] = col.Name
		in.Columns[i] = *t.Lookup(col.Name)
	}
	if f.c.idle[s] {
		in.Rows = none
		f.put(s, in)
		return
	}
	f.group.Go(func() error {
		splits, err := t.Splits(f.ctx, names, s.Where, f.e.o.Now())
		if err != nil {
			f.e.note(s.Source, err)
			return err
		}
		for i := range splits {
			splits[i].MaxAge = f.maxAge
		}
		p := &portion{f: f, t: t, source: s.Source, limit: s.Limit, files: make([][]tables.File, len(splits)), rows: make([][]tables.Row, len(splits))}
		switch {
		case t.Files == nil && t.Account == "":
			// One stream: nothing has to be kept back in case an account fails.
			in.Rows = f.stream(t, splits)
			f.put(s, in)
			return nil
		case s.Limit > 0:
			err = p.oneByOne(splits)
		default:
			err = p.together(splits)
		}
		if err != nil {
			return err
		}
		if len(p.lost) > 0 && (f.strict || len(p.lost) == len(splits)) {
			return p.lost[0]
		}
		f.mu.Lock()
		f.failed = append(f.failed, p.lost...)
		f.mu.Unlock()
		if t.Files != nil {
			in.Files = slices.Concat(p.files...)
		} else {
			in.Rows = replay(p.rows)
		}
		if in.Files == nil && in.Rows == nil {
			in.Rows = none
		}
		f.put(s, in)
		return nil
	})
}

func (f *fetching) put(r algebra.Rel, in columnar.Input) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.inputs[r] = in
}

// portion is what one Scan gets, split by split.
type portion struct {
	f      *fetching
	t      *tables.Table
	source string
	limit  int64

	files [][]tables.File // of each split
	rows  [][]tables.Row
	mu    sync.Mutex
	lost  []error // of accounts that gave nothing
}

// together runs the splits side by side.
func (p *portion) together(splits []tables.Scan) error {
	group, ctx := errgroup.WithContext(p.f.ctx)
	for i, s := range splits {
		group.Go(func() error { return p.split(ctx, i, s) })
	}
	return group.Wait()
}

// oneByOne stops when any rows will do and there are enough of them.
func (p *portion) oneByOne(splits []tables.Scan) error {
	var have int64
	for i, s := range splits {
		if err := p.split(p.f.ctx, i, s); err != nil {
			return err
		}
		have += int64(len(p.rows[i]))
		for _, file := range p.files[i] {
			have += max(file.Rows, 0)
		}
		if have >= p.limit {
			return nil
		}
	}
	return nil
}

// split runs one split. An account that the credentials may not read, or that
// is gone, is a warning; any other failure fails the statement.
func (p *portion) split(ctx context.Context, i int, s tables.Scan) error {
	select {
	case p.f.slots <- struct{}{}:
		defer func() { <-p.f.slots }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	var err error
	if p.t.Files != nil {
		var release func()
		if p.files[i], release, err = p.t.Files(ctx, s); err == nil && release != nil {
			p.f.mu.Lock()
			p.f.releases = append(p.f.releases, release)
			p.f.mu.Unlock()
		}
	} else {
		p.rows[i], err = p.collect(ctx, s)
	}
	p.f.e.note(p.source, err)
	if k := fault.KindOf(err); s.Account != "" && (k == fault.Denied || k == fault.NotFound) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.lost = append(p.lost, err)
		p.files[i], p.rows[i] = nil, nil
		return nil
	}
	return err
}

// collect reads the rows of one account: a scan that fails has given nothing.
func (p *portion) collect(ctx context.Context, s tables.Scan) ([]tables.Row, error) {
	var out []tables.Row
	for row, err := range p.t.Scan(ctx, s) {
		if err != nil {
			return nil, err
		}
		out = append(out, row)
		if p.limit > 0 && int64(len(out)) >= p.limit {
			break
		}
	}
	return out, nil
}

// stream reads a table without accounts while DuckDB takes its rows.
func (f *fetching) stream(t *tables.Table, splits []tables.Scan) iter.Seq2[tables.Row, error] {
	return func(yield func(tables.Row, error) bool) {
		for _, s := range splits {
			for row, err := range t.Scan(f.gms, s) {
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
