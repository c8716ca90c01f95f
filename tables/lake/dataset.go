package lake

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"weak"

	"argo/tables"
	"argo/tables/fault"

	"golang.org/x/sync/errgroup"
	"golang.org/x/text/encoding"
)

// profiler is a part of the name of everything made from a file. Raise it when
// the same file gives other columns or other Parquet than before.
const profiler = "1"

// dataset is one table of the lake.
type dataset struct {
	datasetOptions
	charset    encoding.Encoding
	types      map[string]tables.Type
	layouts    map[string]layout
	collations map[string]tables.Kind
	settings   string // digest of the options that change what a file says

	origin origin
	store  *store
	work   chan struct{} // one token for each file that is read or written

	mu       sync.Mutex
	profiles map[string]*profile // by file and version; of the files of the last listing
	recent   []glance
}

// snapshot is the data set as of one listing.
type snapshot struct {
	objects []object
	sources []source
	columns []column
}

// glance remembers what a statement has seen.
type glance struct {
	statement weak.Pointer[tables.Trace]
	*snapshot
}

// glances is how many statements are remembered; those that run at once and
// ask for the same data set twice.
const glances = 16

// seen is what look gave to the statement before. A front asks for the columns
// several times in a statement, and then for the files: they belong together.
func (ds *dataset) seen(ctx context.Context) *snapshot {
	t := tables.TraceOf(ctx)
	ds.mu.Lock()
	defer ds.mu.Unlock()
	for _, g := range ds.recent {
		if t != nil && g.statement.Value() == t {
			return g.snapshot
		}
	}
	return nil
}

// look lists the files and learns their columns. A file that changes meanwhile
// makes it look again.
func (ds *dataset) look(ctx context.Context) (*snapshot, error) {
	s, err := ds.lookNow(ctx)
	if t := tables.TraceOf(ctx); err == nil && t != nil {
		ds.mu.Lock()
		defer ds.mu.Unlock()
		same := func(g glance) bool { v := g.statement.Value(); return v == nil || v == t }
		ds.recent = append(slices.DeleteFunc(ds.recent, same), glance{weak.Make(t), s})
		ds.recent = slices.Delete(ds.recent, 0, max(0, len(ds.recent)-glances))
	}
	return s, err
}

func (ds *dataset) lookNow(ctx context.Context) (*snapshot, error) {
	for try := 1; ; try++ {
		s, err := ds.lookOnce(ctx)
		if !errors.Is(err, errChanged) {
			return s, err
		}
		if try == attempts {
			return nil, ds.changing()
		}
	}
}

func (ds *dataset) changing() error {
	return fault.New(fault.Conflict, "data set %q: its files change while they are read", ds.Name).
		WithHint("write a file beside its place and rename it when it is whole")
}

func (ds *dataset) lookOnce(ctx context.Context) (*snapshot, error) {
	objects, err := ds.origin.list(ctx)
	if err != nil {
		return nil, err
	}
	if len(objects) == 0 {
		return nil, fault.New(fault.NotFound, "data set %q: there is no file at %s", ds.Name, ds.origin.searched()).
			WithHint("path is a file, a folder, or a pattern with *, ?, {a,b} and **; names that begin with . or _ are left out")
	}
	s := &snapshot{objects: objects, sources: make([]source, len(objects))}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(8)
	for i, o := range objects {
		g.Go(func() error {
			p, err := ds.profile(gctx, o)
			s.sources[i] = source{o, p}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	ds.keep(s.sources)
	s.columns, err = ds.columns(s.sources, objects)
	if err != nil {
		return nil, err
	}
	if len(s.columns) == 0 {
		for _, src := range s.sources {
			if src.Problem != nil {
				return nil, ds.broken(src.object, src.Problem)
			}
		}
		return nil, fault.New(fault.Broken, "data set %q: no file at %s has a column", ds.Name, ds.origin.searched())
	}
	return s, nil
}

// broken is the fault of a file that cannot be read.
func (ds *dataset) broken(o object, p *problem) error {
	f := fault.New(fault.Broken, "data set %q: %s: %s", ds.Name, o.name, p.Error())
	f.Hint = p.Hint
	return f
}

// acquire takes one of the tokens that bound the work done at once.
func (ds *dataset) acquire(ctx context.Context) (release func(), err error) {
	select {
	case ds.work <- struct{}{}:
		return func() { <-ds.work }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func memo(o object) string { return o.name + "\x00" + o.version() }

// keep forgets the profiles of files that are no longer there.
func (ds *dataset) keep(sources []source) {
	ds.mu.Lock()
	defer ds.mu.Unlock()
	clear(ds.profiles)
	for _, s := range sources {
		ds.profiles[memo(s.object)] = s.profile
	}
}

// profile reads a version of a file once: from memory, from what an earlier
// run has kept, or from the file.
func (ds *dataset) profile(ctx context.Context, o object) (*profile, error) {
	ds.mu.Lock()
	p := ds.profiles[memo(o)]
	ds.mu.Unlock()
	if p != nil {
		return p, nil
	}
	format := ds.Format
	if format == "" {
		format = formatOf(o.name)
	}
	if format == formatParquet {
		return ds.footer(ctx, o)
	}
	name := digest(ds.Name, o.name, "profile") + "-" + digest(o.version(), ds.settings) + ".json"
	path, release, err := ds.store.get(ctx, name, func(ctx context.Context, f *os.File) error {
		path, release, err := ds.origin.local(ctx, o)
		if err != nil {
			return err
		}
		defer release()
		done, err := ds.acquire(ctx)
		if err != nil {
			return err
		}
		defer done()
		p, err := ds.profileText(ctx, path, o, format)
		if err != nil {
			return err
		}
		if err := ds.unchanged(o); err != nil {
			return err
		}
		return json.NewEncoder(f).Encode(p)
	})
	if err != nil {
		return nil, ds.fail(o, err)
	}
	defer release()
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	p = &profile{}
	if err := json.Unmarshal(text, p); err != nil {
		return nil, err
	}
	if p.Format == formatParquet { // by its first bytes
		return ds.footer(ctx, o)
	}
	return p, nil
}

// unchanged checks a file on disk after it was read.
func (ds *dataset) unchanged(o object) error {
	if d, ok := ds.origin.(*disk); ok {
		return d.same(o)
	}
	return nil
}

func (ds *dataset) footer(ctx context.Context, o object) (*profile, error) {
	r, err := ds.origin.peek(ctx, o)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	p, err := profileParquet(r, o.size)
	if err == nil {
		err = ds.unchanged(o)
	}
	return p, err
}

// fail names the file in an error that does not.
func (ds *dataset) fail(o object, err error) error {
	var p *problem
	switch {
	case errors.As(err, &p):
		return ds.broken(o, p)
	case errors.Is(err, fs.ErrNotExist):
		return errChanged
	case errors.Is(err, fs.ErrPermission):
		return fault.New(fault.Config, "data set %q: %s may not be read", ds.Name, o.name).
			WithHint("the user that runs argo needs the right to read it")
	case errors.Is(err, errChanged), fault.As(err) != nil, errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	}
	return fault.Wrap(fault.Unavailable, err, "data set %q: %s cannot be read", ds.Name, o.name)
}

// describe gives the columns as they are now.
func (ds *dataset) describe(ctx context.Context) ([]tables.Column, error) {
	s, err := ds.seen(ctx), error(nil)
	if s == nil {
		s, err = ds.look(ctx)
	}
	if err != nil {
		return nil, err
	}
	out := make([]tables.Column, len(s.columns))
	for i, c := range s.columns {
		out[i] = c.Column
	}
	return out, nil
}

// files gives the Parquet that answers a scan: files whose partitions may hold
// a row of scan.Where, text converted, objects downloaded. A file among them
// that cannot be read is a fault.
func (ds *dataset) files(ctx context.Context, scan tables.Scan) ([]tables.File, func(), error) {
	s := ds.seen(ctx)
	for try := 1; ; try++ {
		files, release, err := ds.filesOnce(ctx, s, scan)
		s = nil
		if !errors.Is(err, errChanged) {
			return files, release, err
		}
		if try == attempts {
			return nil, nil, ds.changing()
		}
	}
}

func (ds *dataset) filesOnce(ctx context.Context, s *snapshot, scan tables.Scan) (_ []tables.File, _ func(), err error) {
	if s == nil {
		if s, err = ds.look(ctx); err != nil {
			return nil, nil, err
		}
	}
	files := make([]tables.File, 0, len(s.sources))
	wanted := make([]source, 0, len(s.sources))
	for _, src := range s.sources {
		constants, ok, err := ds.prune(s, src.object, scan.Where)
		switch {
		case err != nil:
			return nil, nil, err
		case !ok:
		case src.Problem != nil:
			return nil, nil, ds.broken(src.object, src.Problem)
		case src.Rows > 0:
			wanted = append(wanted, src)
			files = append(files, tables.File{Const: constants, Rows: src.Rows, Bytes: src.size, AsOf: src.time})
		}
	}
	releases := make([]func(), len(wanted))
	release := sync.OnceFunc(func() {
		for _, r := range releases {
			if r != nil {
				r()
			}
		}
	})
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(8)
	for i, src := range wanted {
		g.Go(func() (err error) {
			files[i].Path, releases[i], err = ds.open(gctx, s, src)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		release()
		return nil, nil, err
	}
	return files, release, nil
}

// prune gives the partition values of a file, and whether the predicate leaves
// it anything.
func (ds *dataset) prune(s *snapshot, o object, where tables.Predicate) (constants map[string]any, wanted bool, err error) {
	wanted = true
	for i := range s.columns {
		c := &s.columns[i]
		if !c.partition {
			continue
		}
		v, err := c.constant(o)
		if err != nil {
			return nil, false, ds.fail(o, err)
		}
		if constants == nil {
			constants = map[string]any{}
		}
		constants[c.Name] = v
		wanted = wanted && c.allows(where[c.Name], v)
	}
	return constants, wanted, nil
}

// open gives Parquet for the file.
func (ds *dataset) open(ctx context.Context, s *snapshot, src source) (string, func(), error) {
	if src.Format == formatParquet {
		path, release, err := ds.origin.local(ctx, src.object)
		if err != nil {
			return "", nil, ds.fail(src.object, err)
		}
		return path, release, nil
	}
	name := digest(ds.Name, src.name, "parquet") + "-" + digest(src.version(), ds.settings, ds.shape(s, src)) + ".parquet"
	path, release, err := ds.store.get(ctx, name, func(ctx context.Context, f *os.File) error {
		path, release, err := ds.origin.local(ctx, src.object)
		if err != nil {
			return err
		}
		defer release()
		done, err := ds.acquire(ctx)
		if err != nil {
			return err
		}
		defer done()
		if err := ds.convert(ctx, path, src.object, src.profile, s.columns, f); err != nil {
			return err
		}
		return ds.unchanged(src.object)
	})
	if err != nil {
		return "", nil, ds.fail(src.object, err)
	}
	return path, release, nil
}

// shape is what a conversion depends on beside the file: the columns' types as
// they are stored, and how their dates are read.
func (ds *dataset) shape(s *snapshot, src source) string {
	_, sheet := layOut(src.profile, s.columns)
	var b strings.Builder
	for _, c := range sheet {
		t := c.typ
		switch {
		case t.Kind == tables.Decimal && t.Precision <= 18:
			t.Precision = 18
		case t.Kind == tables.Decimal:
			t.Precision = 38
		case t.Kind == tables.Text || t.Kind == tables.ID:
			t = tables.LongText
		}
		b.WriteString(strconv.Quote(c.name) + t.String())
		if temporalKind(t.Kind) {
			b.WriteString(strconv.FormatBool(c.monthFirst))
			if c.layout != nil {
				b.WriteString(c.layout.text)
			}
		}
	}
	return b.String()
}

// check says how many files and rows there are, and faults where one of them
// cannot be read.
func (ds *dataset) check(ctx context.Context) (files int, rows int64, err error) {
	s, err := ds.look(ctx)
	if err != nil {
		return 0, 0, err
	}
	var faults []error
	for _, src := range s.sources {
		if src.Problem != nil {
			faults = append(faults, ds.broken(src.object, src.Problem))
		}
		rows += src.Rows
	}
	return len(s.sources), rows, errors.Join(faults...)
}
