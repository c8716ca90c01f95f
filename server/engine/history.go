package engine

import (
	"context"
	"strings"
	"time"

	"argo/server/algebra"
	"argo/tables/fault"

	"github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/expression"
	"github.com/dolthub/go-mysql-server/sql/types"
	ast "github.com/dolthub/vitess/go/vt/sqlparser"
)

// FROM t AS OF '2026-11-16 09:00' reads what was known of t at a moment: a
// text, or an expression whose value is a DATETIME of the session's time zone.
// Where a client cannot write it the variable argo_as_of says it for every
// table that has a history.

var (
	_ sql.VersionedDatabase = (*database)(nil)
	_ algebra.DatedTable    = (*table)(nil)
)

// unbound stands for the moment of a statement that is prepared: its value is
// bound when it runs.
const unbound = "?"

// GetTableInsensitiveAsOf implements sql.VersionedDatabase.
func (d *database) GetTableInsensitiveAsOf(ctx *sql.Context, name string, asOf any) (sql.Table, bool, error) {
	found, ok, err := d.GetTableInsensitive(ctx, name)
	if err != nil || !ok {
		return nil, ok, err
	}
	if v, ok := found.(*viewTable); ok {
		v.asOf = asOf
		if at, isTime := asOf.(time.Time); isTime {
			v.asOf = at.Format(momentLayout)
		}
		return v, true, nil
	}
	t := underlying(found)
	if !t.t.History {
		return nil, false, sqlError(ctx, noHistory(t))
	}
	if asOf == unbound {
		return t, true, nil
	}
	text, ok := asOf.(string)
	if at, isTime := asOf.(time.Time); isTime {
		text = at.Format(momentLayout)
	} else if !ok {
		return nil, false, sqlError(ctx, notMoment(asOf))
	}
	if t.asOf, err = d.moment(text, zoneOf(ctx)); err != nil {
		return nil, false, sqlError(ctx, err)
	}
	return t, true, nil
}

// GetTableNamesAsOf implements sql.VersionedDatabase: tables do not come and go.
func (d *database) GetTableNamesAsOf(ctx *sql.Context, _ any) ([]string, error) {
	return d.GetTableNames(ctx)
}

// AsOf implements algebra.DatedTable.
func (t *table) AsOf() time.Time { return t.asOf }

func noHistory(t *table) error {
	return fault.New(fault.Unsupported, "%s has no history: it is read as it is now, and what it was is not kept", t).
		WithHint("leave AS OF out for it; SELECT table_name FROM argo.tables lists those of channels and trackers, which have one")
}

func notMoment(v any) error {
	return fault.New(fault.Invalid, "AS OF takes a moment, not %q", clip(strings.TrimSpace(textOf(v)))).
		WithHint("AS OF '2026-11-16 09:00', in the session's time zone, or AS OF NOW() - INTERVAL 1 DAY")
}

func textOf(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	return ""
}

// momentLayout is a moment as the client reads and writes it.
const momentLayout = "2006-01-02 15:04:05.000000"

// moments are the spellings of a DATETIME; a fraction of the second may follow.
var moments = []string{
	"2006-01-02 15:04:05Z07:00", "2006-01-02 15:04Z07:00",
	"2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02",
	"20060102150405", "20060102",
}

// parseMoment reads a moment of the time zone; a day is its beginning.
func parseMoment(text string, zone *time.Location) (time.Time, error) {
	s := strings.TrimSpace(text)
	if len(s) > 10 && s[10] == 'T' {
		s = s[:10] + " " + s[11:]
	}
	for _, layout := range moments {
		if at, err := time.ParseInLocation(layout, s, zone); err == nil {
			return at.UTC().Truncate(time.Microsecond), nil
		}
	}
	return time.Time{}, notMoment(text)
}

// moment is parseMoment, and not in the future.
func (d *database) moment(text string, zone *time.Location) (time.Time, error) {
	return momentBefore(text, zone, d.now())
}

func momentBefore(text string, zone *time.Location, now time.Time) (time.Time, error) {
	at, err := parseMoment(text, zone)
	if err != nil {
		return at, err
	}
	if at.After(now.Add(time.Millisecond)) { // the cache tells changes within a microsecond apart by counting on
		return at, fault.New(fault.Invalid, "AS OF %s lies in the future", at.In(zone).Format(time.DateTime)).
			WithHint("it is %s now in the session's time zone", now.In(zone).Format(time.DateTime))
	}
	return at, nil
}

// asOf is the moment that the session has set, zero for now.
func (e *Engine) asOf(ctx *sql.Context) (time.Time, error) {
	v, err := variable(ctx, asOfVariable)
	if err != nil {
		return time.Time{}, err
	}
	text, _ := v.(string)
	if strings.TrimSpace(text) == "" {
		return time.Time{}, nil
	}
	return momentBefore(text, zoneOf(ctx), e.o.Now())
}

// dated sets the moment of a scan whose table was named without one.
func (e *Engine) dated(ctx *sql.Context, s *algebra.Scan, t *table) error {
	if !s.AsOf.IsZero() || e.local(s.Source) {
		return nil
	}
	at, err := e.asOf(ctx)
	if err != nil || at.IsZero() {
		return err
	}
	if t.t.History {
		s.AsOf = at
		return nil
	}
	if strict(ctx) {
		return noHistory(t)
	}
	statementOf(ctx).trace.Warn(fault.New(fault.Gap, "%s has no history: its rows are those of now, not of %s", t, at.In(zoneOf(ctx)).Format(time.DateTime)))
	return nil
}

func zoneOf(ctx *sql.Context) *time.Location {
	v, _ := ctx.GetSessionVariable(ctx, "time_zone")
	name, _ := v.(string)
	return algebra.Session{TimeZone: name}.Location()
}

// then is how the client would write the moment.
func then(at time.Time, zone *time.Location) string {
	s := at.In(zone).Format(momentLayout)
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}

// anyMoment lets AS OF take every expression that has no columns; the front
// takes few of them. Periods of system time are refused.
func anyMoment(s ast.Statement) (err error) {
	visit := func(node ast.SQLNode) (bool, error) {
		t, ok := node.(*ast.AliasedTableExpr)
		if !ok || t.AsOf == nil {
			return true, nil
		}
		if t.AsOf.Time == nil {
			return false, fault.New(fault.Unsupported, "a table can be read as of one moment, not over a period").
				WithHint("FROM %s AS OF '2026-11-16 09:00'; argo.restatements lists what has changed over a period", ast.String(t.Expr))
		}
		if v, ok := t.AsOf.Time.(*ast.SQLVal); ok && v.Type == ast.StrVal {
			return true, nil
		}
		if _, ok := t.AsOf.Time.(ast.InjectedExpr); !ok {
			t.AsOf.Time = ast.InjectedExpr{Expression: &momentExpr{}, Children: ast.Exprs{t.AsOf.Time}, Auth: ast.AuthInformation{AuthType: ast.AuthType_IGNORE}}
		}
		return true, nil
	}
	if x, ok := s.(*ast.Explain); ok {
		s = x.Statement
	}
	return ast.Walk(visit, s)
}

// momentExpr is the text of a moment, for GetTableInsensitiveAsOf.
type momentExpr struct{ expression.UnaryExpressionStub }

var _ sql.Expression = (*momentExpr)(nil)

// WithResolvedChildren implements sqlparser.Injectable.
func (m *momentExpr) WithResolvedChildren(_ context.Context, children []any) (any, error) {
	if child, ok := children[0].(sql.Expression); ok {
		return &momentExpr{expression.UnaryExpressionStub{Child: child}}, nil
	}
	return nil, notMoment(nil)
}

// Eval implements sql.Expression.
func (m *momentExpr) Eval(ctx *sql.Context, row sql.Row) (any, error) {
	if _, ok := m.Child.(*expression.BindVar); ok {
		return unbound, nil
	}
	v, err := m.Child.Eval(ctx, row)
	if err != nil {
		return nil, err
	}
	switch v := v.(type) {
	case nil:
		return nil, sqlError(ctx, fault.New(fault.Invalid, "AS OF NULL is no moment").WithHint("AS OF '2026-11-16 09:00', in the session's time zone"))
	case time.Time: // a DATETIME is a clock's face, whatever location it carries
		return v.Format(momentLayout), nil
	}
	return text(ctx, v, m.Child.Type(ctx))
}

// Type implements sql.Expression.
func (m *momentExpr) Type(*sql.Context) sql.Type { return types.LongText }

// WithChildren implements sql.Expression.
func (m *momentExpr) WithChildren(_ *sql.Context, children ...sql.Expression) (sql.Expression, error) {
	if len(children) != 1 {
		return nil, sql.ErrInvalidChildrenNumber.New(m, len(children), 1)
	}
	return &momentExpr{expression.UnaryExpressionStub{Child: children[0]}}, nil
}

// String implements sql.Expression.
func (m *momentExpr) String() string {
	if m.Child == nil {
		return "moment"
	}
	return m.Child.String()
}
