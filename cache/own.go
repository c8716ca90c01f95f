package cache

import (
	"context"
	"slices"
	"time"

	"argo/tables"
)

// The columns that the cache adds to a table. Nobody fetches them: they are
// what is known of the segment that answers.
const (
	colFetchedAt = "_fetched_at"
	colFinality  = "_finality"
	colFinalOn   = "_final_on"
	colQuality   = "_quality"
)

// ownFetchedAt is the column that the file of a segment with parts has.
var ownFetchedAt = tables.Column{Name: colFetchedAt, Type: tables.Timestamp, NotNull: true,
	Doc: "When the source was asked for the row (UTC)"}

// OwnColumns are those that the cache adds at the end of a table's.
func OwnColumns(t tables.Table) []tables.Column {
	out := []tables.Column{ownFetchedAt}
	if t.Day == "" {
		return out
	}
	return append(out,
		tables.Column{Name: colFinality, Type: tables.Ident, NotNull: true,
			Doc: "partial_day: read before the account's day had ended; provisional: the source may still restate it; final: it does no more"},
		tables.Column{Name: colFinalOn, Type: tables.DateType, NotNull: true,
			Doc: "A reading from this day on, in the account's time zone, is final"},
		tables.Column{Name: colQuality, Type: tables.Ident, NotNull: true,
			Doc: "ok: the rows of its fetch add up to the source's own totals; break: they do not, see argo.reconcile; unchecked: the source gave none"})
}

// fetched are those of columns that come from the source, own the others.
func fetched(columns []string) []string {
	return slices.DeleteFunc(slices.Clone(columns), ownColumn)
}

func own(columns []string) []string {
	return slices.DeleteFunc(slices.Clone(columns), func(name string) bool { return !ownColumn(name) })
}

// pieces are the parts of a segment that a use reads.
func pieces(u Use) (out []Part) {
	if len(u.Segment.Parts) == 0 {
		return []Part{partOf(u.Segment, u.Days.To)}
	}
	for _, p := range u.Segment.Parts {
		if overlap(p.Days, u.Days) {
			out = append(out, p)
		}
	}
	return out
}

// files gives those of the uses that have rows, the newest days first. Where a
// column of the cache's own is asked for that differs from day to day, a file is
// given once for each run of days that are alike. With an error that is
// fs.ErrNotExist comes the segment that has lost its file.
func (c *Cache) files(ctx context.Context, w *wish, use []Use, own []string) (files []tables.File, lost Segment, err error) {
	paths, lost, err := c.paths(ctx, use)
	if err != nil {
		return nil, lost, err
	}
	for i, u := range use {
		s := u.Segment
		if s.Rows == 0 {
			continue
		}
		for _, r := range w.runs(u, own) {
			f := tables.File{Path: paths[i], Rows: -1, Bytes: s.Bytes, AsOf: r.at, Const: r.values}
			if whole := r.days == s.Days; whole {
				f.Rows = s.Rows
			} else {
				f.Day, f.Days = w.t.Day, r.days
			}
			if slices.Contains(own, colFinalOn) {
				f.Day, f.Days = w.t.Day, r.days
				f.Later = map[string]int{colFinalOn: w.settled}
			}
			files = append(files, f)
		}
	}
	return files, Segment{}, nil
}

// stretch of days of which the own columns are the same.
type stretch struct {
	days   tables.Days
	at     time.Time // the oldest reading of it
	values map[string]any
}

func (w *wish) runs(u Use, own []string) (out []stretch) {
	stamped := slices.Contains(own, colFetchedAt) && u.Segment.Parts == nil // else the file has it
	finality, quality := slices.Contains(own, colFinality), slices.Contains(own, colQuality)
	if !finality && !(quality && u.Segment.Parts != nil) {
		r := stretch{days: u.Days}
		for i, p := range pieces(u) {
			if i == 0 || p.FetchedAt.Before(r.at) {
				r.at = p.FetchedAt
			}
		}
		r.values = w.values(u.Segment, u.Days.To, stamped, false, quality)
		return []stretch{r}
	}
	for day := range cells(u.Days) {
		at, values := fetchedAt(u.Segment, day), w.values(u.Segment, day, stamped, finality, quality)
		if n := len(out) - 1; n >= 0 && out[n].values[colFinality] == values[colFinality] && out[n].values[colQuality] == values[colQuality] {
			out[n].days.From = day
			if at.Before(out[n].at) {
				out[n].at = at
			}
			continue
		}
		out = append(out, stretch{tables.Days{From: day, To: day}, at, values})
	}
	return out
}

func (w *wish) values(s Segment, day tables.Day, stamped, finality, quality bool) map[string]any {
	if !stamped && !finality && !quality {
		return nil
	}
	p, out := partOf(s, day), map[string]any{}
	if stamped {
		out[colFetchedAt] = p.FetchedAt.UTC()
	}
	if finality {
		out[colFinality] = Finality(w.t, p.FetchedAt.In(w.zone), day)
	}
	if quality {
		out[colQuality] = Quality(p.Checks)
	}
	return out
}
