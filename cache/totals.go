package cache

import (
	"context"
	"fmt"
	"iter"
	"math"
	"strconv"
	"sync"
	"time"

	"argo/tables"
	"argo/tables/fault"

	"github.com/cockroachdb/apd/v3"
)

// exact adds and subtracts without rounding.
var exact = apd.BaseContext

// tally sums the rows of one scan column by column while they pass, to be
// compared with what the source says the sums are. Numbers are summed exactly,
// doubles with a compensation of what each addition rounds away. Columns that
// are NonAdditive have no sum.
type tally struct {
	table string
	sums  []sum
	rows  int64

	mu    sync.Mutex // a scan may read its totals beside its rows
	given map[string]any
}

// sum of a column. The first digits that come are kept in an int64, since most
// columns never need more.
type sum struct {
	tables.Column
	index int
	// few × 10^exponent and rest together are the sum of integers and decimals.
	few      int64
	exponent int32
	rest     apd.Decimal
	wild     bool // a number that no column holds: there is no sum
	// float, its compensation and the sum of absolute values, of doubles.
	float, lost, size float64
}

func newTally(table string, columns []tables.Column) *tally {
	t := &tally{table: table}
	for i, c := range columns {
		if k := c.Type.Kind; !c.NonAdditive && (k == tables.Int || k == tables.Decimal || k == tables.Double) {
			t.sums = append(t.sums, sum{Column: c, index: i})
		}
	}
	return t
}

// Totals takes what the source gives: tables.Scan.Totals.
func (t *tally) Totals(sums map[string]any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.given = sums
}

// watch passes rows on and sums them. The sums are over the rows as the source
// gave them: the caller narrows them afterwards.
func (t *tally) watch(rows iter.Seq2[tables.Row, error]) iter.Seq2[tables.Row, error] {
	return func(yield func(tables.Row, error) bool) {
		for row, err := range rows {
			if err == nil {
				t.rows++
				for i := range t.sums {
					if s := &t.sums[i]; s.index < len(row) {
						s.add(row[s.index])
					}
				}
			}
			if !yield(row, err) {
				return
			}
		}
	}
}

// add takes a value of a row; what is of another type is refused by the writer.
func (s *sum) add(v any) {
	switch v := v.(type) {
	case int64:
		s.digits(v, 0)
	case *apd.Decimal:
		switch {
		case v == nil || v.Form != apd.Finite || v.Exponent < -100 || v.Exponent > 100:
			s.wild = true
		case v.Coeff.IsInt64():
			n := v.Coeff.Int64()
			if v.Negative {
				n = -n
			}
			s.digits(n, v.Exponent)
		default:
			s.carry()
			_, _ = exact.Add(&s.rest, &s.rest, v) // cannot fail between finite numbers of such exponents
		}
	case float64:
		sum := s.float + v
		if math.Abs(s.float) >= math.Abs(v) {
			s.lost += s.float - sum + v
		} else {
			s.lost += v - sum + s.float
		}
		s.float = sum
		s.size += math.Abs(v)
	}
}

// digits adds n × 10^exponent.
func (s *sum) digits(n int64, exponent int32) {
	if exponent != s.exponent {
		s.carry()
		s.exponent = exponent
	}
	next := s.few + n
	if (next > s.few) != (n > 0) && n != 0 { // beyond 64 bits
		s.carry()
		next = n
	}
	s.few = next
}

// carry moves what is in few to rest.
func (s *sum) carry() {
	if s.few != 0 {
		_, _ = exact.Add(&s.rest, &s.rest, apd.New(s.few, s.exponent))
		s.few = 0
	}
}

// checks compares the sums with what the source gave, in the order of the
// columns: none where it gave nothing, and none for a column that was not asked
// for or is not additive. The rows may differ from the source by half a unit of
// the column's last digit; a column of doubles by half a millionth for each
// row, since that is what sources round their rows to, and a billionth of the
// sum of absolute values. A total of decimals that is a double says that the
// source adds doubles up and each row was rounded to the column: the rows may
// differ by half a unit of the last digit each, and a billionth of the sum. A
// total of another type than the column's is a defect of the table.
func (t *tally) checks() (out []Check, err error) {
	t.mu.Lock()
	given := t.given
	t.mu.Unlock()
	for i := range t.sums {
		s := &t.sums[i]
		total, ok := given[s.Name]
		if !ok || total == nil || s.wild {
			continue
		}
		c, err := s.check(total, t.rows)
		if err != nil {
			return nil, fault.New(fault.Internal, "the table %s gave a total of %s that is %v", t.table, s.Name, err)
		}
		out = append(out, c)
	}
	return out, nil
}

func (s *sum) check(total any, rows int64) (Check, error) {
	if s.Type.Kind == tables.Double {
		want, err := double(total)
		if err != nil {
			return Check{}, err
		}
		got := s.float + s.lost
		return Check{Column: s.Name, Rows: floatText(got), Source: floatText(want),
			Break: !(math.Abs(got-want) <= 0.5e-6*float64(rows)+1e-9*s.size)}, nil
	}
	s.carry()
	if f, ok := total.(float64); ok && s.Type.Kind == tables.Decimal {
		want, err := double(f)
		if err != nil {
			return Check{}, err
		}
		got, err := s.rest.Float64()
		slack := 0.5*float64(rows+1)*math.Pow10(-s.Type.Scale) + 1e-9*math.Abs(got)
		return Check{Column: s.Name, Rows: s.rest.Text('f'), Source: floatText(want), Break: !(math.Abs(got-want) <= slack)}, err
	}
	want, err := decimal(total)
	if err != nil {
		return Check{}, err
	}
	var apart apd.Decimal
	if _, err := exact.Sub(&apart, &s.rest, want); err != nil {
		return Check{}, err
	}
	apart.Abs(&apart)
	return Check{Column: s.Name, Rows: s.rest.Text('f'), Source: want.Text('f'),
		Break: apart.Cmp(apd.New(5, int32(-s.Type.Scale-1))) > 0}, nil
}

func double(v any) (float64, error) {
	f, ok := v.(float64)
	if !ok {
		d, err := decimal(v)
		if err != nil {
			return 0, err
		}
		return d.Float64()
	}
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return 0, fmt.Errorf("%v", f)
	}
	return f, nil
}

func decimal(v any) (*apd.Decimal, error) {
	switch v := v.(type) {
	case int64:
		return apd.New(v, 0), nil
	case *apd.Decimal:
		if v != nil && v.Form == apd.Finite && v.Exponent >= -100 && v.Exponent <= 100 {
			return v, nil
		}
	}
	return nil, fmt.Errorf("a %T, or not finite", v)
}

func floatText(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// broken says whether a check is a break.
func broken(checks []Check) bool {
	for _, c := range checks {
		if c.Break {
			return true
		}
	}
	return false
}

// The values of the column _quality.
const (
	QualityOK        = "ok"        // the rows add up to the source's own totals
	QualityUnchecked = "unchecked" // the source gave none
	QualityBreak     = "break"     // they do not
)

// Quality of the rows of a fetch with these checks.
func Quality(checks []Check) string {
	switch {
	case len(checks) == 0:
		return QualityUnchecked
	case broken(checks):
		return QualityBreak
	}
	return QualityOK
}

const (
	// untiedKeep is how long rows that do not add up are good: they are fetched
	// again soon, since most such breaks are reports that were not complete yet.
	untiedKeep = 15 * time.Minute
	// untiedSettledKeep is the same of settled days, which change rarely: a
	// source whose totals are wrong for good is not asked all day long.
	untiedSettledKeep = 24 * time.Hour
)

// tiedFor caps how long cells with a break are good.
func tiedFor(settled bool) time.Duration {
	if settled {
		return untiedSettledKeep
	}
	return untiedKeep
}

// untied is the warning for the use of rows that do not add up.
func untied(s Span, checks []Check) error {
	for _, c := range checks {
		if c.Break {
			return fault.New(fault.Untied, "the rows of %s.%s%s do not add up: %s is %s in the rows, %s in the source's own total",
				s.Source, s.Table, where(s), c.Column, c.Rows, c.Source).
				WithHint("SELECT * FROM argo.reconcile")
		}
	}
	return nil
}

// where names the account and days of a span in a sentence.
func where(s Span) (text string) {
	if s.Account != "" {
		text = " of account " + s.Account
	}
	switch {
	case s.Days.IsZero():
	case s.Days.From == s.Days.To:
		text += " on " + string(s.Days.From)
	default:
		text += " from " + string(s.Days.From) + " to " + string(s.Days.To)
	}
	return text
}

// Filter narrows what Reconcile and Restatements look at.
type Filter struct {
	// Want, where non-nil, says which accounts of which tables.
	Want func(source, table, account string) bool
	Days tables.Days // zero: all
	// Seen is from when to before when the new value became known; zero: no
	// bound.
	SeenFrom, SeenBefore time.Time
}

func (f Filter) want(s Span) bool {
	return (f.Want == nil || f.Want(s.Source, s.Table, s.Account)) && (f.Days.IsZero() || overlap(f.Days, s.Days))
}

// Reconciliation compares one column of one fetch with the source's own total:
// a row of argo.reconcile. The texts are decimal.
type Reconciliation struct {
	Source, Table, Account string
	Days                   tables.Days // zero for a table without days
	Check
	Difference         string // rows less source
	FetchedAt, KnownAt time.Time
	Segment            string // id
}

// Reconcile gives the control totals of every live segment, in no order.
func (c *Cache) Reconcile(ctx context.Context, f Filter) iter.Seq2[Reconciliation, error] {
	return func(yield func(Reconciliation, error) bool) {
		all, err := c.o.Index.All(ctx)
		if err != nil {
			yield(Reconciliation{}, fmt.Errorf("read the index: %w", err))
			return
		}
		for _, s := range all {
			if !s.RetiredAt.IsZero() || !f.want(s.Span) {
				continue
			}
			parts := s.Parts
			if len(parts) == 0 {
				parts = []Part{{Days: s.Days, FetchedAt: s.FetchedAt, KnownAt: s.KnownAt, Checks: s.Checks}}
			}
			for _, p := range parts {
				if !f.Days.IsZero() && !overlap(f.Days, p.Days) || !f.seen(p.KnownAt) {
					continue
				}
				for _, check := range p.Checks {
					if check.Source == "" { // of more days than the part
						continue
					}
					r := Reconciliation{Source: s.Source, Table: s.Table, Account: s.Account, Days: p.Days, Check: check,
						Difference: difference(check), FetchedAt: p.FetchedAt, KnownAt: p.KnownAt, Segment: s.ID}
					if !yield(r, nil) {
						return
					}
				}
			}
		}
	}
}

func (f Filter) seen(at time.Time) bool {
	return !at.Before(f.SeenFrom) && (f.SeenBefore.IsZero() || at.Before(f.SeenBefore))
}

func difference(c Check) string {
	rows, _, err1 := apd.NewFromString(c.Rows)
	source, _, err2 := apd.NewFromString(c.Source)
	if err1 != nil || err2 != nil {
		return ""
	}
	var d apd.Decimal
	if _, err := exact.Sub(&d, rows, source); err != nil {
		return ""
	}
	return d.Text('f')
}
