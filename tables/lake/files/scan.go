package files

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"path"
	"slices"
	"strings"
	"time"

	"argo/tables"
	"argo/tables/fault"
	"argo/tables/lake"
	"argo/tables/mapping"
)

// parsed is what a version of a file holds.
type parsed struct {
	version string
	rows    [][]any
	covers  map[cell]bool
	used    time.Time
}

// cell is what one file answers alone.
type cell struct {
	account string
	day     tables.Day
}

// export is a file with what its name says.
type export struct {
	lake.File
	named
}

// maxHeld is how many rows of files are kept in memory.
const maxHeld = 500_000

// temporary says that a file is the unfinished copy of another, or Excel's lock.
func temporary(name string) bool {
	base := strings.ToLower(path.Base(strings.ReplaceAll(name, "\\", "/")))
	for _, suffix := range []string{".tmp", ".part", ".partial", ".crdownload", ".filepart", "~"} {
		if strings.HasSuffix(base, suffix) {
			return true
		}
	}
	return strings.HasPrefix(base, "~$")
}

func (t *table) about(name, format string, args ...any) *fault.Error {
	return fault.New(fault.Broken, "table %s.%s: %s: %s", t.s.env.Name, t.o.Name, name, fmt.Sprintf(format, args...))
}

// list gives the files, oldest first.
func (t *table) list(ctx context.Context) ([]export, error) {
	list, err := t.place.List(ctx)
	if err != nil {
		return nil, err
	}
	var out []export
	for _, f := range list {
		if temporary(f.Name()) {
			continue
		}
		n, err := t.name.read(f.Name())
		if err != nil {
			return nil, t.about(f.Name(), "%v", err).WithHint("rename or remove the file, narrow path:, or change file:")
		}
		out = append(out, export{f, n})
	}
	if len(out) == 0 {
		return nil, fault.New(fault.NotFound, "table %s.%s: there is no file at %s", t.s.env.Name, t.o.Name, t.place.Searched()).
			WithHint("path: is a file, a folder or a pattern; names that begin with . or _ are left out")
	}
	slices.SortStableFunc(out, func(a, b export) int { return a.Time().Compare(b.Time()) }) // List is by name
	return out, nil
}

// concerns says whether a file may hold rows of the scan, by its name.
func (e export) concerns(account string, days tables.Days) bool {
	if account != "" && e.account != "" && e.account != account {
		return false
	}
	if !days.IsZero() && !e.days.IsZero() {
		_, ok := e.days.Intersect(days)
		return ok
	}
	return true
}

// settled lists the files and waits until those that concern the scan are written.
func (t *table) settled(ctx context.Context, account string, days tables.Days) ([]export, error) {
	for try := 1; ; try++ {
		list, err := t.list(ctx)
		if err != nil {
			return nil, err
		}
		now := t.s.env.Now()
		wait, busy := time.Duration(0), ""
		for _, e := range list {
			age := now.Sub(e.Time())
			if e.Remote || !e.concerns(account, days) || age >= t.s.settle || age <= -t.s.settle {
				continue // a time that lies far ahead says nothing
			}
			if left := t.s.settle - age; left > wait {
				wait, busy = left, e.Name()
			}
		}
		if wait == 0 {
			return list, nil
		}
		if try == 4 {
			f := fault.New(fault.Unavailable, "table %s.%s: %s is still being written", t.s.env.Name, t.o.Name, busy).WithHint("ask again when it is done; or write beside and rename")
			f.RetryAfter = wait
			return nil, f
		}
		if err := t.s.env.Sleep(ctx, wait); err != nil {
			return nil, fault.Wrap(fault.Canceled, err, "table %s.%s: the reading was given up", t.s.env.Name, t.o.Name)
		}
	}
}

// parse gives what a file holds, from memory where the version is known.
func (t *table) parse(ctx context.Context, e export) (*parsed, error) {
	t.mu.Lock()
	if p := t.kept[e.Name()]; p != nil && p.version == e.Version() {
		p.used = t.s.env.Now()
		t.mu.Unlock()
		return p, nil
	}
	t.mu.Unlock()
	p := &parsed{version: e.Version(), covers: map[cell]bool{}, used: t.s.env.Now()}
	if !e.days.IsZero() {
		account := e.account
		if account == "" && t.of >= 0 && t.fields[t.of].From[0] == "$account" {
			for id := range t.s.accounts {
				account = id
			}
		}
		if days := e.days.Len(); days > 3660 {
			return nil, t.about(e.Name(), "its name is for %d days", days)
		}
		if t.of < 0 || t.fields[t.of].From[0] == "$account" {
			for d := e.days.From; d <= e.days.To; d = d.Add(1) {
				p.covers[cell{account, d}] = true
			}
		}
	} else if t.day < 0 {
		p.covers[cell{e.account, ""}] = true
	}
	err := t.place.Read(ctx, e.File, func(file string) error {
		var g grid
		var done func() error
		var err error
		if isExcel(e.Name()) {
			g, done, err = openExcel(file, t.o.Sheet)
		} else {
			g, done, err = openCSV(file, e.Name(), t.o.Encoding, t.o.Delimiter, t.o.HeaderWithin, func(cells []string) int { _, n := t.places(cells); return n })
		}
		if err != nil {
			return err
		}
		defer done()
		keys := map[string]int{}
		return t.decode(g, e.named, func(row int, values []any) error {
			if row%1024 == 0 && ctx.Err() != nil {
				return context.Cause(ctx)
			}
			c := t.cell(values)
			if t.day >= 0 && !e.days.IsZero() && !e.days.Contains(c.day) {
				return &problem{row: row, cell: t.fields[t.day].From[0], what: "the row is of another day than the file's name says"}
			}
			p.covers[c] = true
			if len(t.o.Key) > 0 {
				k := fmt.Sprintf("%q %q", c.account, c.day)
				for i, f := range t.fields {
					if slices.Contains(t.o.Key, f.Name) {
						k += fmt.Sprintf(" %q", fmt.Sprint(values[i]))
					}
				}
				if before := keys[k]; before > 0 {
					return &problem{row: row, what: fmt.Sprintf("the row has the same %s as line %d; name in key: what tells them apart", strings.Join(t.o.Key, ", "), before)}
				}
				keys[k] = row
			}
			p.rows = append(p.rows, values)
			return nil
		})
	})
	switch {
	case err == nil:
	case errors.Is(err, lake.ErrChanged):
		return nil, err
	case ctx.Err() != nil:
		return nil, fault.Wrap(fault.Canceled, ctx.Err(), "table %s.%s: the reading was given up", t.s.env.Name, t.o.Name)
	case fault.As(err) != nil:
		return nil, err
	default:
		return nil, t.about(e.Name(), "%v", err).WithHint("mend the file, or the description of the table")
	}
	t.keep(e.Name(), p)
	return p, nil
}

func (t *table) cell(values []any) (c cell) {
	if t.of >= 0 {
		c.account = values[t.of].(string)
	}
	if t.day >= 0 {
		c.day = values[t.day].(tables.Day)
	}
	return c
}

// keep remembers what a file holds, and forgets what was not used for longest.
func (t *table) keep(name string, p *parsed) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if old := t.kept[name]; old != nil {
		t.held -= len(old.rows) + 1
	}
	t.kept[name] = p
	t.held += len(p.rows) + 1
	for t.held > maxHeld && len(t.kept) > 1 {
		oldest := ""
		for n, x := range t.kept {
			if n != name && (oldest == "" || x.used.Before(t.kept[oldest].used)) {
				oldest = n
			}
		}
		t.held -= len(t.kept[oldest].rows) + 1
		delete(t.kept, oldest)
	}
}

func (t *table) account(id string) tables.Account {
	if a, ok := t.s.accounts[id]; ok {
		return a
	}
	return tables.Account{ID: id, Name: id}
}

// accounts are those of the files' names or rows, and those of the configuration.
func (t *table) accounts(ctx context.Context) ([]tables.Account, error) {
	ids := map[string]bool{}
	for id := range t.s.accounts {
		ids[id] = true
	}
	special := t.fields[t.of].From[0] == "$account"
	err := t.again(func() error {
		list, err := t.list(ctx)
		if err == nil && !special {
			list, err = t.settled(ctx, "", tables.Days{})
		}
		if err != nil {
			return err
		}
		for _, e := range list {
			if e.account != "" {
				ids[e.account] = true
				continue
			}
			if special {
				continue
			}
			p, err := t.parse(ctx, e)
			if err != nil {
				return err
			}
			for c := range p.covers {
				ids[c.account] = true
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := []tables.Account{}
	for id := range ids {
		if id != "" {
			out = append(out, t.account(id))
		}
	}
	slices.SortFunc(out, func(a, b tables.Account) int { return strings.Compare(a.ID, b.ID) })
	return out, nil
}

// again repeats what a file that changed has spoilt.
func (t *table) again(do func() error) error {
	for try := 1; ; try++ {
		err := do()
		if !errors.Is(err, lake.ErrChanged) {
			return err
		}
		if try == 4 {
			return fault.New(fault.Conflict, "table %s.%s: its files change while they are read", t.s.env.Name, t.o.Name).WithHint("write a file beside its place and rename it when it is whole")
		}
	}
}

func (t *table) scan(ctx context.Context, s tables.Scan) iter.Seq2[tables.Row, error] {
	return func(yield func(tables.Row, error) bool) {
		for _, d := range s.Where {
			if d.Empty() {
				return
			}
		}
		at := make([]int, len(s.Columns))
		for j, name := range s.Columns {
			if at[j] = slices.IndexFunc(t.fields, func(f *mapping.Field) bool { return f.Name == name }); at[j] < 0 {
				yield(nil, fault.New(fault.Internal, "the table %s.%s has no column %s", t.s.env.Name, t.o.Name, name))
				return
			}
		}
		var rows [][]any
		err := t.again(func() (err error) {
			rows, err = t.rows(ctx, s)
			return err
		})
		if err != nil {
			yield(nil, err)
			return
		}
		tables.TraceOf(ctx).Fetched(int64(len(rows)), 0)
		for _, values := range rows {
			row := make(tables.Row, len(at))
			for j, i := range at {
				row[j] = values[i]
			}
			if !yield(row, nil) {
				return
			}
		}
	}
}

// rows of a scan: of each cell those of the newest file that covers it.
func (t *table) rows(ctx context.Context, s tables.Scan) ([][]any, error) {
	list, err := t.settled(ctx, s.Account, s.Days)
	if err != nil {
		return nil, err
	}
	wanted := func(c cell) bool {
		return (t.of < 0 || c.account == s.Account) && (t.day < 0 || s.Days.Contains(c.day))
	}
	owner := map[cell]int{}
	files := make([]*parsed, len(list))
	for i := len(list) - 1; i >= 0; i-- { // the newest first
		if !list[i].concerns(s.Account, s.Days) {
			continue
		}
		if files[i], err = t.parse(ctx, list[i]); err != nil {
			return nil, err
		}
		for c := range files[i].covers {
			if _, taken := owner[c]; !taken && wanted(c) {
				owner[c] = i
			}
		}
	}
	var out [][]any
	for i, p := range files {
		if p == nil {
			continue
		}
		for _, values := range p.rows {
			if c := t.cell(values); wanted(c) && owner[c] == i {
				out = append(out, values)
			}
		}
	}
	return out, nil
}

// check reads every file.
func (t *table) check(ctx context.Context) (line string, err error) {
	err = t.again(func() error {
		list, err := t.settled(ctx, "", tables.Days{})
		if err != nil {
			return err
		}
		rows := 0
		for _, e := range list {
			p, err := t.parse(ctx, e)
			if err != nil {
				return err
			}
			rows += len(p.rows)
		}
		line = fmt.Sprintf("%s: %d files, %d rows", t.o.Name, len(list), rows)
		return nil
	})
	return line, err
}
