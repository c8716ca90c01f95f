package metaads

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/url"
	"slices"
	"strings"
	"time"

	"argo/tables"
	"argo/tables/fault"
	"argo/tables/rest"

	"github.com/cockroachdb/apd/v3"
)

// params of a request for insights of some days.
func (s sheet) params(scan tables.Scan, days tables.Days, totals []field) url.Values {
	// Without a metric Meta has no row to show; these two are wherever there is one.
	more := []string{"account_currency", "impressions", "spend"}
	v := url.Values{
		"level": {s.level}, "time_increment": {"1"}, "action_report_time": {"impression"},
		"time_range":                 {fmt.Sprintf(`{"since":%q,"until":%q}`, days.From, days.To)},
		"action_attribution_windows": {param(windows)},
		"fields":                     {strings.Join(s.asked(scan.Columns, more...), ",")},
	}
	if len(s.breakdowns) > 0 {
		v.Set("breakdowns", param(s.breakdowns))
	}
	if len(totals) > 0 {
		var names []string
		for _, f := range totals {
			names = append(names, f.from)
		}
		v.Set("summary", param(names))
	}
	return v
}

// insights gives the Scan of a table of what was delivered.
func (c *Client) insights(s sheet) func(context.Context, tables.Scan) iter.Seq2[tables.Row, error] {
	return func(ctx context.Context, scan tables.Scan) iter.Seq2[tables.Row, error] {
		return func(yield func(tables.Row, error) bool) {
			for _, d := range scan.Where {
				if d.Empty() {
					return
				}
			}
			p := &reading{c: c, s: s, scan: scan, yield: yield, sums: map[string]any{}, seen: map[string]bool{}}
			if err := p.run(ctx); err != nil && err != errStopped {
				yield(nil, err)
			}
		}
	}
}

// errStopped says that nobody wants further rows.
var errStopped = errors.New("stopped")

// reading is one scan of insights on its way.
type reading struct {
	c      *Client
	s      sheet
	scan   tables.Scan
	yield  func(tables.Row, error) bool
	fields []field
	keys   []field // what tells rows apart, the day among it
	acc    account
	totals []field
	sums   map[string]any
	untied bool            // a reply had no summary
	seen   map[string]bool // keys
}

func (p *reading) run(ctx context.Context) (err error) {
	if p.fields, err = p.s.pick(p.scan.Columns); err != nil {
		return err
	}
	if p.keys, err = p.s.pick(append([]string{"date"}, p.s.key...)); err != nil {
		return err
	}
	if err := p.recent(); err != nil {
		return err
	}
	if p.acc, err = p.c.account(ctx, p.scan.Account); err != nil {
		return err
	}
	if p.scan.Totals != nil {
		for _, f := range p.fields {
			if f.total && !f.NonAdditive {
				p.totals = append(p.totals, f)
			}
		}
	}
	for _, days := range p.scan.Days.Chunks(p.s.maxDays) {
		if err := p.days(ctx, days); err != nil {
			return err
		}
	}
	if len(p.totals) > 0 && !p.untied {
		p.scan.Totals(p.sums)
	}
	return nil
}

// recent refuses what Meta refuses: reach by a breakdown of long ago.
func (p *reading) recent() error {
	if len(p.s.breakdowns) == 0 {
		return nil
	}
	first := tables.DayOf(p.c.now().UTC().AddDate(0, -reachMonths, 0))
	for _, f := range p.fields {
		if p.scan.Days.From < first && (f.from == "reach" || f.from == "frequency" || f.from == "unique_clicks") {
			return fault.New(fault.Invalid, "%s: Meta keeps %s by a breakdown for %d months", about(p.scan.Account), f.Name, reachMonths).
				WithHint("leave out reach, frequency and unique_clicks, ask from %s on, or ask %s", first, strings.Split(p.s.name, "_by_")[0])
		}
	}
	return nil
}

// days reads some days: in one request, where that is too much as a report in the
// background, and where that fails in halves. Nothing of the days has been given
// before they are halved.
func (p *reading) days(ctx context.Context, days tables.Days) error {
	part := p.scan
	part.Days = days
	ctx = rest.About(ctx, part)
	params := p.s.params(p.scan, days, p.totals)
	at := p.s.name + " " + p.scan.Account
	limit, known := p.c.big.Load(at)
	id := reportKey(p.scan.Account, params)
	if !(known && days.Len() >= limit.(int)) && !p.c.reports.has(id, p.c.now()) {
		q := ask{path: "/act_" + p.scan.Account + "/insights", values: params, account: p.scan.Account, use: reporting}
		err := p.rows(ctx, q, true)
		if !errors.Is(err, errTooMuch) {
			return err
		}
		p.c.big.Store(at, days.Len())
	}
	err := p.report(ctx, id, params)
	if !errors.Is(err, errFailed) {
		return err
	}
	if days.Len() < 2 {
		p.c.reports.drop(id)
		return err
	}
	middle := days.From.Add(days.Len() / 2)
	for _, half := range []tables.Days{{From: middle, To: days.To}, {From: days.From, To: middle.Add(-1)}} {
		if err := p.days(ctx, half); err != nil {
			return err
		}
	}
	return nil
}

// rows gives the rows of a request or a report.
func (p *reading) rows(ctx context.Context, q ask, eager bool) error {
	var summary func(Record)
	tied := true
	if len(p.totals) > 0 {
		tied = false
		summary = func(r Record) { tied = p.add(r) }
	}
	for r, err := range p.c.pages(ctx, q, eager, summary) {
		if err != nil {
			return err
		}
		key, err := rowOf(r, p.keys, p.acc)
		if err != nil {
			return err
		}
		name := fmt.Sprint(key...)
		if p.seen[name] {
			return twice(p.scan.Account, "a row")
		}
		p.seen[name] = true
		row, err := rowOf(r, p.fields, p.acc)
		if err != nil {
			return err
		}
		if !p.yield(row, nil) {
			return errStopped
		}
	}
	p.untied = p.untied || !tied
	return nil
}

// add takes a summary into the totals; false where it lacks one.
func (p *reading) add(r Record) bool {
	for _, f := range p.totals {
		if r[f.from] == nil {
			return false
		}
		v, err := f.read(r, p.acc)
		if err != nil {
			return false
		}
		switch v := v.(type) {
		case int64:
			n, _ := p.sums[f.Name].(int64)
			p.sums[f.Name] = n + v
		case *apd.Decimal:
			sum := new(apd.Decimal)
			if d, ok := p.sums[f.Name].(*apd.Decimal); ok {
				sum.Set(d)
			}
			if _, err := decimals.Add(sum, sum, v); err != nil {
				return false
			}
			p.sums[f.Name] = sum
		}
	}
	return true
}

// errFailed says that Meta gave a report up.
var errFailed = errors.New("the report failed")

// How a report is waited for: twice as long each time, and not for ever.
const (
	firstPoll = 2 * time.Second
	lastPoll  = 30 * time.Second
	patience  = time.Hour
)

// report gives the rows of a report in the background: one that was submitted
// before, by this process or by one that has ended, or a new one.
func (p *reading) report(ctx context.Context, key string, params url.Values) error {
	done, err := p.c.reports.take(ctx, key)
	if err != nil {
		return fault.Wrap(fault.Canceled, err, "%s: the request was given up", about(p.scan.Account))
	}
	defer done()
	run, found := p.c.reports.load(key, p.c.now())
	if run == gaveUp {
		f := fault.New(fault.Unavailable, "%s: Meta gave the report up", about(p.scan.Account))
		f.Err = errFailed
		return f
	}
	for {
		if !found {
			if run, err = p.submit(ctx, key, params); err != nil {
				return err
			}
		}
		err := p.wait(ctx, run)
		if err == nil {
			q := ask{path: "/" + run + "/insights", account: p.scan.Account, use: reporting, values: url.Values{}, object: "report of ad account " + p.scan.Account}
			err = p.rows(ctx, q, false)
		}
		switch {
		case err == nil:
			p.c.reports.drop(key)
		case errors.Is(err, errFailed): // not to be tried again on the way to its halves
			if e := p.c.reports.save(key, gaveUp, p.c.now()); e != nil {
				return e
			}
		case found && fault.Is(err, fault.NotFound): // it has expired: nothing of it has been given
			p.c.reports.drop(key)
			found = false
			continue
		}
		return err
	}
}

func (p *reading) submit(ctx context.Context, key string, params url.Values) (string, error) {
	var reply struct {
		ID any `json:"report_run_id"`
	}
	q := ask{method: "POST", path: "/act_" + p.scan.Account + "/insights", values: params, account: p.scan.Account, use: reporting}
	if err := p.c.do(ctx, q, &reply); err != nil {
		if errors.Is(err, errTooMuch) { // too much for a report as well
			f := *fault.As(err)
			f.Err = errFailed
			return "", &f
		}
		return "", err
	}
	run := plain(reply.ID)
	if !digits.MatchString(run) {
		return "", fault.New(fault.Broken, "%s: a report was submitted and the reply does not name it", about(p.scan.Account))
	}
	return run, p.c.reports.save(key, run, p.c.now())
}

// wait polls a report until it is complete: status and percentage, since the
// status may say so before its rows are there.
func (p *reading) wait(ctx context.Context, run string) error {
	begin, nap := p.c.now(), firstPoll
	for {
		var r struct {
			Status  string `json:"async_status"`
			Percent any    `json:"async_percent_completion"`
			Message string `json:"error_user_msg"`
			Text    string `json:"error_message"`
		}
		q := ask{path: "/" + run, account: p.scan.Account, use: reporting, object: "report of ad account " + p.scan.Account,
			values: url.Values{"fields": {"id,async_status,async_percent_completion,error_code,error_message,error_user_msg"}}}
		if err := p.c.do(ctx, q, &r); err != nil {
			return err
		}
		switch {
		case r.Status == "Job Completed" && plain(r.Percent) == "100":
			return nil
		case r.Status == "Job Failed" || r.Status == "Job Skipped":
			f := fault.New(fault.Unavailable, "%s: Meta gave the report up (%s)", about(p.scan.Account), r.Status)
			if text := strings.Join(slices.DeleteFunc([]string{r.Text, r.Message}, func(s string) bool { return s == "" }), ": "); text != "" {
				f.Message += ": " + p.c.rest.Redact(text)
			}
			f.Err = errFailed
			return f.WithHint("ask for fewer columns, or a table of fewer rows")
		case p.c.now().Sub(begin) > patience:
			return fault.New(fault.Unavailable, "%s: a report is not ready after %s", about(p.scan.Account), patience).WithHint("ask again: it goes on with the same report")
		}
		if err := p.c.sleep(ctx, nap); err != nil {
			return fault.Wrap(fault.Canceled, err, "%s: the request was given up", about(p.scan.Account))
		}
		nap = min(2*nap, lastPoll)
	}
}
