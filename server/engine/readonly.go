package engine

import (
	"context"
	"time"

	"argo/tables/fault"

	"github.com/dolthub/go-mysql-server/sql"
)

// What a database of Argo takes none of: views, triggers and events. GMS lists
// them for SHOW and information_schema and fails where a database cannot say
// that there are none.
var (
	_ sql.ViewDatabase    = (*database)(nil)
	_ sql.TriggerDatabase = (*database)(nil)
	_ sql.EventDatabase   = (*database)(nil)
)

// errReadOnly refuses to change a database.
func errReadOnly(name string) error {
	return sqlError(context.Background(), fault.New(fault.Unsupported, "the database %s is read-only: what is changed at a channel is changed by CALL", name).
		WithHint("SHOW PROCEDURE STATUS WHERE Db = '%s'", name))
}

// CreateView implements sql.ViewDatabase.
func (d *database) CreateView(*sql.Context, string, string, string) error { return errReadOnly(d.name) }

// DropView implements sql.ViewDatabase.
func (d *database) DropView(*sql.Context, string) error { return errReadOnly(d.name) }

// GetViewDefinition implements sql.ViewDatabase, for SHOW CREATE VIEW alone:
// else a view is a table, which the compiler takes apart.
func (d *database) GetViewDefinition(ctx *sql.Context, name string) (sql.ViewDefinition, bool, error) {
	showing := false
	st := statementOf(ctx)
	st.do(func() { showing = st.showing })
	if !showing {
		return sql.ViewDefinition{}, false, nil
	}
	v, err := d.viewTable(ctx, name)
	if v == nil || err != nil {
		return sql.ViewDefinition{}, false, err
	}
	text, err := v.shown(ctx)
	if err != nil {
		return sql.ViewDefinition{}, false, sqlError(ctx, err)
	}
	return sql.ViewDefinition{Name: v.v.Name, TextDefinition: text, CreateViewStatement: d.viewStatement(v.v.Name)}, true, nil
}

// AllViews implements sql.ViewDatabase.
func (d *database) AllViews(ctx *sql.Context) ([]sql.ViewDefinition, error) {
	st, viewsToo := statementOf(ctx), false
	st.do(func() { viewsToo = st.viewsToo })
	if viewsToo {
		return nil, nil
	}
	out := make([]sql.ViewDefinition, len(d.views))
	for i, v := range d.views {
		out[i] = sql.ViewDefinition{Name: v.Name, TextDefinition: v.Doc, CreateViewStatement: d.viewStatement(v.Name)}
	}
	return out, nil
}

// GetTriggers implements sql.TriggerDatabase.
func (d *database) GetTriggers(*sql.Context) ([]sql.TriggerDefinition, error) { return nil, nil }

// CreateTrigger implements sql.TriggerDatabase.
func (d *database) CreateTrigger(*sql.Context, sql.TriggerDefinition) error {
	return errReadOnly(d.name)
}

// DropTrigger implements sql.TriggerDatabase.
func (d *database) DropTrigger(*sql.Context, string) error { return errReadOnly(d.name) }

// GetEvent implements sql.EventDatabase.
func (d *database) GetEvent(*sql.Context, string) (sql.EventDefinition, bool, error) {
	return sql.EventDefinition{}, false, nil
}

// GetEvents implements sql.EventDatabase.
func (d *database) GetEvents(*sql.Context) ([]sql.EventDefinition, any, error) { return nil, nil, nil }

// SaveEvent implements sql.EventDatabase.
func (d *database) SaveEvent(*sql.Context, sql.EventDefinition) (bool, error) {
	return false, errReadOnly(d.name)
}

// DropEvent implements sql.EventDatabase.
func (d *database) DropEvent(*sql.Context, string) error { return errReadOnly(d.name) }

// UpdateEvent implements sql.EventDatabase.
func (d *database) UpdateEvent(*sql.Context, string, sql.EventDefinition) (bool, error) {
	return false, errReadOnly(d.name)
}

// UpdateLastExecuted implements sql.EventDatabase.
func (d *database) UpdateLastExecuted(*sql.Context, string, time.Time) error {
	return errReadOnly(d.name)
}

// NeedsToReloadEvents implements sql.EventDatabase.
func (d *database) NeedsToReloadEvents(*sql.Context, any) (bool, error) { return false, nil }
