// Package ads is the database ads: the harmonised model over all connections.
// Views are read from files (configs/views), of which each source has one with
// its branches; beside them are tables that people keep (which account belongs
// to which advertiser, rates of exchange, value added tax, what an action at a
// channel means, rules for names) and tables that are made of these.
//
// It knows no vendor's API, no SQL beyond the text that it hands on, and makes
// no call but to list accounts. What it shows has the rights of who asks:
// nothing of a connection that he may not read.
package ads

import (
	"context"
	"io/fs"
	"slices"
	"time"

	"argo/server/engine"
	"argo/tables"
	"argo/tables/fault"
)

// Name of the database.
const Name = "ads"

// Store keeps the rows of the tables that people change.
type Store interface {
	// Rows gives the rows of a table, in the order of their keys.
	Rows(ctx context.Context, table string) ([][]byte, error)
	// Edit takes the rows with the keys gone away and keeps come, by key: all of
	// it or nothing.
	Edit(ctx context.Context, table string, gone []string, come map[string][]byte) error
}

// Options of the model.
type Options struct {
	// Databases are the connections.
	Databases []engine.Database
	// Views are folders of *.sql; what a later one declares goes before.
	Views []fs.FS
	Store Store
	Now   func() time.Time
	// Currency is the reporting currency of the session behind ctx; "": none.
	Currency func(ctx context.Context) string
	// MayRead says whether the user behind ctx may read a database.
	MayRead func(ctx context.Context, database string) bool
}

type model struct {
	o     Options
	since tables.Day // of the earliest table
	kept  map[string]*kept
}

// New assembles the database. It makes no call. Faults: Config where a view
// cannot be understood.
func New(o Options) (engine.Database, error) {
	m := &model{o: o, kept: map[string]*kept{}}
	for _, d := range o.Databases {
		for _, t := range d.Tables {
			if t.Since != "" && (m.since == "" || t.Since < m.since) {
				m.since = t.Since
			}
		}
	}
	out := engine.Database{
		Name: Name, Open: true, Edit: map[string]engine.Edit{},
		Doc: "The harmonised model: all channels and trackers in one vocabulary, with the rights of who asks",
	}
	for _, k := range m.keptTables() {
		m.kept[k.table.Name] = k
		out.Tables = append(out.Tables, k.table)
		if k.byHand {
			out.Edit[k.table.Name] = k.edit
		}
	}
	out.Tables = append(out.Tables, m.accounts(), m.dailyRates(), m.dailyVAT())
	views, metrics, err := m.views(o.Views)
	if err != nil {
		return engine.Database{}, err
	}
	out.Views, out.Tables, out.Procedures = views, append(out.Tables, metrics), m.procedures()
	for _, v := range out.Views {
		if slices.ContainsFunc(out.Tables, func(t tables.Table) bool { return t.Name == v.Name }) {
			return engine.Database{}, fault.New(fault.Config, "the view %s has the name of a table of the model", v.Name)
		}
	}
	return out, nil
}

// visible are the connections that the user behind ctx may read.
func (m *model) visible(ctx context.Context) (out []engine.Database) {
	for _, d := range m.o.Databases {
		if m.o.MayRead(ctx, d.Name) {
			out = append(out, d)
		}
	}
	return out
}

// today, in the calendar that is furthest ahead.
func (m *model) today() tables.Day { return tables.DayOf(m.o.Now().UTC().Add(14 * time.Hour)) }

// days that a scan wants of the column named.
func (m *model) days(where tables.Predicate, column string) tables.Days {
	out := tables.Days{From: m.since, To: m.today()}
	if out.From == "" {
		out.From = out.To.Add(-90)
	}
	d, ok := where[column]
	if !ok {
		return out
	}
	if from, ok := d.From.(tables.Day); ok {
		out.From = max(from, out.From)
	}
	if to, ok := d.To.(tables.Day); ok {
		out.To = min(to, out.To)
	}
	if d.In != nil {
		var in []tables.Day
		for _, v := range d.In {
			if day, ok := v.(tables.Day); ok {
				in = append(in, day)
			}
		}
		if len(in) == 0 {
			return tables.Days{From: out.To, To: out.From.Add(-1)}
		}
		out.From, out.To = max(slices.Min(in), out.From), min(slices.Max(in), out.To)
	}
	return out
}

// texts that a scan wants of the column named; false where it wants any.
func texts(where tables.Predicate, column string) ([]string, bool) {
	d, ok := where[column]
	if !ok || d.In == nil {
		return nil, false
	}
	var out []string
	for _, v := range d.In {
		if s, ok := v.(string); ok {
			out = append(out, s)
		}
	}
	return out, true
}
