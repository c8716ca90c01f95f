package metaadssim

import (
	"strconv"
	"time"
)

// report in the background.
type report struct {
	id      string
	account int64 // of the market
	query   *query
	at      time.Time
	failed  bool
}

// report gives the one called id, or nil.
func (s *Sim) report(id string) *report {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reports[id]
}

// submit takes a report.
func (c *call) submit(o *object) (any, error) {
	q, err := c.parse(o)
	if err != nil {
		return nil, err
	}
	n := c.next()
	r := &report{id: strconv.FormatInt(6_000_000_000_000+n, 10), account: o.account.ID, query: q, at: c.m.Now()}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.submitted++
	c.reports[r.id] = r
	return map[string]any{"report_run_id": r.id}, nil
}

// settle is how long a report says that it is completed before it is.
const settle = time.Second

// ready says whether its rows can be read.
func (c *call) ready(r *report) bool { return c.m.Now().Sub(r.at) >= c.o.ReportTime+settle }

// poll tells how far a report is. Job Completed comes before 100 percent.
func (c *call) poll(r *report) (any, error) {
	took := c.m.Now().Sub(r.at)
	percent := int(took * 100 / c.o.ReportTime)
	status := "Job Running"
	c.mu.Lock()
	failed := r.failed
	c.mu.Unlock()
	if took >= c.o.ReportTime && !failed {
		rows, err := c.rows(r.query, r.at.Add(c.o.ReportTime))
		if err != nil {
			return nil, err
		}
		failed = len(rows) > c.o.ReportRows
	}
	switch {
	case failed:
		status, percent = "Job Failed", min(percent, 80)
	case percent < 5:
		status, percent = "Job Not Started", 0
	case percent < 15:
		status = "Job Started"
	case took < c.o.ReportTime:
	case !c.ready(r):
		status, percent = "Job Completed", 99
	default:
		status, percent = "Job Completed", 100
	}
	v := map[string]any{"id": r.id, "account_id": accountID(r.account), "async_status": status, "async_percent_completion": percent, "is_running": percent < 100 && !failed,
		"date_start": r.query.days.From, "date_stop": r.query.days.To, "time_ref": r.at.Unix()}
	if percent == 100 {
		v["time_completed"] = r.at.Add(c.o.ReportTime).Unix()
	}
	sel, err := parseFields(c.form.Get("fields"))
	if err != nil || len(sel) == 0 {
		return v, err
	}
	out := map[string]any{"id": r.id}
	for _, s := range sel {
		switch s.name {
		case "id", "account_id", "async_status", "async_percent_completion", "is_running", "date_start", "date_stop", "time_ref", "time_completed",
			"error_code", "error_message", "error_subcode", "error_user_title", "error_user_msg", "async_report_url", "emails", "friendly_name", "is_bookmarked", "schedule_id":
			if v[s.name] != nil {
				out[s.name] = v[s.name]
			}
		default:
			return nil, invalid("Tried accessing nonexisting field (%s) on node type (AdReportRun)", s.name)
		}
	}
	return out, nil
}

// reportPage is one page of a report: the figures are those of when it ran.
func (c *call) reportPage(r *report) (any, error) {
	if !c.ready(r) || r.failed {
		return nil, &apiError{status: 400, code: 2601, subcode: 1815107, kind: "OAuthException", message: "(#2601) Error accessing adreport job.", title: "Loading Async Report Is Not Ready", user: "The report is not ready yet."}
	}
	asOf := r.at.Add(c.o.ReportTime)
	if !c.asOf.IsZero() {
		asOf = c.asOf
	}
	rows, err := c.rows(r.query, asOf)
	if err != nil {
		return nil, err
	}
	return c.page(r.query, rows)
}
