package googleadssim

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"argo/tables"
)

// plan is a query that has been checked against the fields.
type plan struct {
	*query
	resource
	fields   []*field
	where    []test // attributes, segments that are no core dates
	having   []test // metrics
	dates    []test // core date segments: on the day of each fact
	order    []*field
	days     tables.Days // the smallest range that holds all days the filters allow
	segments []*field    // selected
	metrics  []*field    // selected
	facts    bool        // metrics or segments are used anywhere
	from, to time.Time   // of change_event
}

// test is a compiled condition.
type test struct {
	field *field
	pass  func(v any) bool
}

// notModelled is the answer to fields of the API that this simulator lacks.
type notModelled struct{ name string }

func (e *notModelled) Error() string {
	return e.name + " exists in the API, but this simulator does not model it"
}

// check validates a query for a customer at a moment. Errors: *queryFault,
// *changeFault, *notModelled.
func check(q *query, c *customer, now time.Time) (*plan, error) {
	if q.from == "" {
		return nil, refuse("EXPECTED_FROM", "Error in query: missing FROM clause.")
	}
	r, ok := resources[q.from]
	if !ok {
		return nil, refuse("BAD_RESOURCE_TYPE_IN_FROM_CLAUSE", "Error in query: '%s' is not a valid resource name in the FROM clause.", q.from)
	}
	p := &plan{query: q, resource: r}
	used := map[*field]bool{}
	for _, n := range q.fields {
		f, err := p.lookup(n, "SELECT")
		if err != nil {
			return nil, err
		}
		used[f] = true
		if slices.Contains(p.fields, f) {
			continue
		}
		p.fields = append(p.fields, f)
		switch f.category() {
		case "METRIC":
			p.metrics = append(p.metrics, f)
		case "SEGMENT":
			p.segments = append(p.segments, f)
		}
	}
	for i := range q.where {
		cond := &q.where[i]
		f, err := p.lookup(cond.field, "WHERE")
		if err != nil {
			return nil, err
		}
		used[f] = true
		if !f.filterable() {
			return nil, refuse("PROHIBITED_FIELD_IN_WHERE_CLAUSE", "Error in query: '%s' cannot be filtered on.", f.name)
		}
		if f.category() == "SEGMENT" && !f.core() && !slices.Contains(p.fields, f) {
			return nil, refuse("EXPECTED_REFERENCED_FIELD_IN_SELECT_CLAUSE", "Error in query: the following field must be present in SELECT clause: '%s'.", f.name)
		}
		pass, err := compile(f, cond, today(c, now))
		if err != nil {
			return nil, err
		}
		t := test{f, pass}
		switch {
		case f.core():
			p.dates = append(p.dates, t)
		case f.category() == "METRIC":
			p.having = append(p.having, t)
		default:
			p.where = append(p.where, t)
		}
	}
	if err := p.orders(); err != nil {
		return nil, err
	}
	for f := range used {
		p.facts = p.facts || f.category() != "ATTRIBUTE"
	}
	if p.facts && c.manager {
		return nil, refuse("REQUESTED_METRICS_FOR_MANAGER", "Error in query: metrics cannot be requested for a manager account. To retrieve metrics, issue separate requests against each client account under the manager account.")
	}
	if err := p.combinations(used); err != nil {
		return nil, err
	}
	if q.from == "change_event" {
		return p, p.changes(c, now)
	}
	return p, p.span(today(c, now))
}

func (p *plan) lookup(name, clause string) (*field, error) {
	f, ok := catalogue()[name]
	if !ok {
		if unmodelled[name] {
			return nil, &notModelled{name}
		}
		return nil, refuse("UNRECOGNIZED_FIELD", "Error in query: unrecognized field: '%s'.", name)
	}
	where := strings.ToUpper(strings.ReplaceAll(clause, " ", "_"))
	switch f.category() {
	case "METRIC":
		if !p.resource.metrics {
			return nil, refuse("PROHIBITED_METRIC_IN_SELECT_OR_WHERE_CLAUSE", "Error in query: cannot select or filter on the following metrics: '%s', since the resource '%s' has none.", name, p.query.from)
		}
	case "SEGMENT":
		if !p.resource.metrics || !p.keywords && (strings.HasPrefix(name, "segments.keyword") || strings.HasPrefix(name, "segments.search_term")) {
			return nil, refuse("PROHIBITED_SEGMENT_IN_SELECT_OR_WHERE_CLAUSE", "Error in query: cannot select or filter on the following segments: '%s', since the resource '%s' does not have them.", name, p.query.from)
		}
	default:
		if f.resource != p.query.from && !slices.Contains(p.with, f.resource) {
			if where == "ORDER_BY" {
				return nil, refuse("PROHIBITED_FIELD_IN_ORDER_BY_CLAUSE", "Error in query: '%s' cannot be ordered by.", name)
			}
			return nil, refuse("PROHIBITED_RESOURCE_TYPE_IN_"+where+"_CLAUSE", "Error in query: '%s' is not compatible with the resource '%s' in the FROM clause.", name, p.query.from)
		}
	}
	return f, nil
}

// orders: not by metrics, segments or other resources that are not selected.
func (p *plan) orders() error {
	for _, o := range p.query.order {
		f, err := p.lookup(o.field, "ORDER BY")
		if err != nil {
			return err
		}
		if !f.sortable() {
			return refuse("PROHIBITED_FIELD_IN_ORDER_BY_CLAUSE", "Error in query: '%s' cannot be ordered by.", f.name)
		}
		selected := slices.Contains(p.fields, f)
		if f.category() == "ATTRIBUTE" {
			selected = f.resource == p.query.from || slices.ContainsFunc(p.fields, func(x *field) bool { return x.resource == f.resource })
		}
		if !selected {
			return refuse("EXPECTED_REFERENCED_FIELD_IN_SELECT_CLAUSE", "Error in query: the following field must be present in SELECT clause: '%s'.", f.name)
		}
		p.order = append(p.order, f)
	}
	return nil
}

// combinations that the API refuses.
func (p *plan) combinations(used map[*field]bool) error {
	for f := range used {
		if !strings.HasPrefix(f.name, "segments.conversion_action") {
			continue
		}
		for g := range used {
			if g.category() == "METRIC" && !strings.Contains(g.name, "conversions") || strings.Contains(g.name, "from_interactions") || strings.HasPrefix(g.name, "metrics.cost_per") {
				return refuse("PROHIBITED_SEGMENT_WITH_METRIC_IN_SELECT_OR_WHERE_CLAUSE", "Error in query: the segment '%s' cannot be combined with the metric '%s'.", f.name, g.name)
			}
		}
	}
	return nil
}

// today is the customer's day.
func today(c *customer, now time.Time) tables.Day {
	loc, err := time.LoadLocation(c.zone)
	if err != nil {
		loc = time.UTC
	}
	return tables.DayOf(now.In(loc))
}

// span finds the finite range of days that the core date segments allow. It
// is demanded where one of them is used at all.
func (p *plan) span(day tables.Day) error {
	const first, last = tables.Day("0001-01-01"), tables.Day("9999-12-31")
	r := tables.Days{From: first, To: last}
	for _, c := range p.query.where {
		f := catalogue()[c.field]
		if !f.core() || c.op == "!=" || c.op == "NOT IN" {
			continue
		}
		if c.op == "DURING" {
			r, _ = r.Intersect(during(c.values[0].text, day))
			continue
		}
		lo, hi := last, first
		for _, v := range c.values {
			d := tables.Day(v.text)
			if f.name == "segments.year" {
				d = tables.Day(v.text + "-01-01")
			}
			lo, hi = min(lo, d), max(hi, end(f.name, d))
		}
		if c.op[0] != '<' {
			r.From = max(r.From, lo)
		}
		if c.op[0] != '>' {
			r.To = min(r.To, hi)
		}
	}
	infinite := r.From == first || r.To == last
	core := slices.ContainsFunc(p.segments, (*field).core)
	if infinite && (core || len(p.dates) > 0) {
		return refuse("EXPECTED_FILTERS_ON_DATE_RANGE", "Error in query: expected filters on a finite date range, when a core date segment is used.")
	}
	p.days = r
	return nil
}

// end is the last day of the period of a core date segment that begins on d.
func end(segment string, d tables.Day) tables.Day {
	t := d.Time()
	switch segment {
	case "segments.week":
		return d.Add(6)
	case "segments.month":
		return tables.DayOf(t.AddDate(0, 1, -1))
	case "segments.quarter":
		return tables.DayOf(t.AddDate(0, 3, -1))
	case "segments.year":
		return tables.DayOf(t.AddDate(1, 0, -1))
	}
	return d
}

// during is the range of a date literal as of a day.
func during(literal string, day tables.Day) tables.Days {
	t := day.Time()
	month := tables.DayOf(time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC))
	week := monday(day)
	sunday := day.Add(-int(t.Weekday()))
	switch strings.ToUpper(literal) {
	case "YESTERDAY":
		return tables.Days{From: day.Add(-1), To: day.Add(-1)}
	case "LAST_7_DAYS":
		return tables.Days{From: day.Add(-7), To: day.Add(-1)}
	case "LAST_14_DAYS":
		return tables.Days{From: day.Add(-14), To: day.Add(-1)}
	case "LAST_30_DAYS":
		return tables.Days{From: day.Add(-30), To: day.Add(-1)}
	case "LAST_BUSINESS_WEEK":
		return tables.Days{From: week.Add(-7), To: week.Add(-3)}
	case "THIS_MONTH":
		return tables.Days{From: month, To: day}
	case "LAST_MONTH":
		return tables.Days{From: tables.DayOf(month.Time().AddDate(0, -1, 0)), To: month.Add(-1)}
	case "THIS_WEEK_SUN_TODAY":
		return tables.Days{From: sunday, To: day}
	case "THIS_WEEK_MON_TODAY":
		return tables.Days{From: week, To: day}
	case "LAST_WEEK_SUN_SAT":
		return tables.Days{From: sunday.Add(-7), To: sunday.Add(-1)}
	case "LAST_WEEK_MON_SUN":
		return tables.Days{From: week.Add(-7), To: week.Add(-1)}
	}
	return tables.Days{From: day, To: day}
}

// changeFault is a refusal with a code of ChangeEventError.
type changeFault struct{ code, message string }

func (e *changeFault) Error() string { return e.code + ": " + e.message }

// changes checks the rules of change_event: a finite range of at most 30 days
// back, and a limit of at most 10,000. A bound without a time is midnight.
func (p *plan) changes(c *customer, now time.Time) error {
	loc, err := time.LoadLocation(c.zone)
	if err != nil {
		loc = time.UTC
	}
	for _, cond := range p.query.where {
		if cond.field != "change_event.change_date_time" {
			continue
		}
		at := func(i int) time.Time { t, _ := parseMoment(cond.values[i].text, loc); return t }
		from, to := time.Time{}, time.Time{}
		switch cond.op {
		case "=":
			from, to = at(0), at(0)
		case "BETWEEN":
			from, to = at(0), at(1)
		case ">", ">=":
			from = at(0)
		case "<", "<=":
			to = at(0)
		case "DURING":
			d := during(cond.values[0].text, today(c, now))
			from, _ = parseMoment(string(d.From), loc)
			to, _ = parseMoment(string(d.To)+" 23:59:59.999999", loc)
		}
		if from.After(p.from) {
			p.from = from
		}
		if !to.IsZero() && (p.to.IsZero() || to.Before(p.to)) {
			p.to = to
		}
	}
	switch {
	case p.from.IsZero() || p.to.IsZero():
		return &changeFault{"CHANGE_DATE_RANGE_INFINITE", "The change event search request must specify a finite range filter with change_date_time."}
	case p.from.After(p.to):
		return &changeFault{"CHANGE_DATE_RANGE_NEGATIVE", "The change event search request has an invalid date range: the start is after the end."}
	case today(c, p.from) < today(c, now).Add(-30):
		return &changeFault{"START_DATE_TOO_OLD", "The requested start date is too old. It cannot be older than 30 days."}
	case p.query.limit == 0:
		return &changeFault{"LIMIT_NOT_SPECIFIED", "The change event search request must specify the LIMIT."}
	case p.query.limit > 10000:
		return &changeFault{"INVALID_LIMIT_CLAUSE", "The LIMIT specified by change event search request must be less than or equal to 10,000."}
	}
	return nil
}

// parseMoment reads a date or a date with time in the customer's zone.
func parseMoment(text string, loc *time.Location) (time.Time, bool) {
	for _, layout := range []string{"2006-01-02 15:04:05.999999", "2006-01-02 15:04:05", "2006-01-02"} {
		if t, err := time.ParseInLocation(layout, text, loc); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// number parses a number of a condition.
func number(v value) (float64, error) {
	f, err := strconv.ParseFloat(v.text, 64)
	if err != nil || v.kind == tokenWord {
		return 0, refuse("BAD_NUMBER", "Error in query: %s is not a number.", v.text)
	}
	return f, nil
}
