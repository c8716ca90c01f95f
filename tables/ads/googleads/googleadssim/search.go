package googleadssim

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"sort"
	"strings"
	"time"
)

// pageSize is fixed since v17; chunks of a stream have the same size here.
const pageSize = 10000

// pages keeps the result of a search for its later pages.
type pages struct {
	customer int64
	query    string
	plan     *plan
	rows     []*row
	sums     []byte // the summary row; nil: none was asked for
	total    bool
	until    time.Time
}

const keptPages = 64

type searchRequest struct {
	CustomerID     string `json:"customerId"`
	Query          string `json:"query"`
	PageToken      string `json:"pageToken"`
	PageSize       *int   `json:"pageSize"`
	ValidateOnly   bool   `json:"validateOnly"`
	SearchSettings struct {
		OmitResults             bool `json:"omitResults"`
		ReturnSummaryRow        bool `json:"returnSummaryRow"`
		ReturnTotalResultsCount bool `json:"returnTotalResultsCount"`
	} `json:"searchSettings"`
}

func (c *call) search() error {
	var req searchRequest
	if err := c.decode(&req); err != nil {
		return err
	}
	settings := req.SearchSettings
	if req.PageSize != nil && *req.PageSize != 0 {
		return single(400, "requestError", "PAGE_SIZE_NOT_SUPPORTED", "Setting the page size is not supported. Search Responses will have fixed page size of '%d' rows.", pageSize)
	}
	if req.PageToken != "" {
		if req.ValidateOnly {
			return single(400, "requestError", "VALIDATE_ONLY_REQUEST_HAS_PAGE_TOKEN", "A page token cannot be sent with validate_only.")
		}
		return c.later(req)
	}
	if err := c.spend(1, c.r.URL.Path[:strings.LastIndex(c.r.URL.Path, "/")]); err != nil {
		return err
	}
	p, err := c.plan(req.Query)
	if err != nil {
		return err
	}
	if settings.ReturnSummaryRow {
		if len(p.metrics) == 0 {
			return single(400, "requestError", "CANNOT_RETURN_SUMMARY_ROW_FOR_REQUEST_WITHOUT_METRICS", "A summary row can only be returned for a query with metrics.")
		}
		if req.ValidateOnly {
			return single(400, "requestError", "CANNOT_RETURN_SUMMARY_ROW_FOR_VALIDATE_ONLY_REQUESTS", "A summary row cannot be returned with validate_only.")
		}
	}
	if req.ValidateOnly {
		writeJSON(c.w, 200, map[string]any{})
		return nil
	}
	rows := evaluate(c.m, p, c.customer, c.all, c.o.ChangeEventLag, c.asOf)
	var sums []byte
	if settings.ReturnSummaryRow {
		sums = p.summary(rows)
	}
	if rows = c.spoil(p, rows); settings.OmitResults {
		rows = nil
	}
	x := &pages{c.customer.id, req.Query, p, rows, sums, settings.ReturnTotalResultsCount, c.m.Now().Add(c.o.PageTokenLife)}
	c.page(x, 0, "")
	return nil
}

// later answers a request with a page token, which costs no operation.
func (c *call) later(req searchRequest) error {
	key, offset := "", 0
	text, err := base64.RawURLEncoding.DecodeString(req.PageToken)
	if err == nil {
		_, err = fmt.Sscanf(string(text), "%s %d", &key, &offset)
	}
	c.mu.Lock()
	x := c.pages[key]
	c.mu.Unlock()
	switch {
	case err != nil || x == nil || x.customer != c.customer.id || x.query != req.Query || offset <= 0 || offset%pageSize != 0 || offset >= len(x.rows):
		return single(400, "requestError", "INVALID_PAGE_TOKEN", "Page token is invalid.")
	case !c.m.Now().Before(x.until):
		return single(400, "requestError", "EXPIRED_PAGE_TOKEN", "Page token has expired.")
	case x.total != req.SearchSettings.ReturnTotalResultsCount && req.SearchSettings.ReturnTotalResultsCount:
		return single(400, "requestError", "TOTAL_RESULTS_COUNT_NOT_ORIGINALLY_REQUESTED", "The total results count was not originally requested.")
	case (x.sums != nil) != req.SearchSettings.ReturnSummaryRow:
		return single(400, "requestError", "INCONSISTENT_RETURN_SUMMARY_ROW_VALUE", "return_summary_row must be the same for all pages.")
	}
	c.page(x, offset, key)
	return nil
}

// page writes the page at the offset and keeps the rest.
func (c *call) page(x *pages, offset int, key string) {
	end := min(offset+pageSize, len(x.rows))
	tail := `"fieldMask":` + quote(x.plan.mask())
	if end < len(x.rows) {
		if key == "" {
			key = c.keep(x)
		}
		token := base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%s %d", key, end))
		tail += `,"nextPageToken":` + quote(token)
	}
	if x.total {
		tail += fmt.Sprintf(`,"totalResultsCount":"%d"`, len(x.rows))
	}
	if x.sums != nil && end == len(x.rows) {
		tail += `,"summaryRow":` + string(x.sums)
	}
	tail += fmt.Sprintf(`,"queryResourceConsumption":"%d"`, consumption(end-offset))
	w, done := compressed(c.w, c.r)
	defer done()
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	b := []byte("{")
	b = x.plan.results(b, x.rows[offset:end])
	_, _ = w.Write(append(append(b, tail...), "}\n"...))
}

func (c *call) keep(x *pages) string {
	key := fmt.Sprintf("p%d", c.next())
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.pageList) >= keptPages {
		delete(c.pages, c.pageList[0])
		c.pageList = c.pageList[1:]
	}
	c.pages[key] = x
	c.pageList = append(c.pageList, key)
	return key
}

// consumption is a made-up measure of the work: the API explains it nowhere.
func consumption(rows int) int { return 100 + rows }

// results writes the results field, with a comma after it, or nothing.
func (p *plan) results(b []byte, rows []*row) []byte {
	if len(rows) == 0 {
		return b
	}
	shape := p.shape()
	b = append(b, `"results":[`...)
	for i, r := range rows {
		if i > 0 {
			b = append(b, ',')
		}
		b = shape.append(b, r)
	}
	return append(b, "],"...)
}

// spoil does to the rows of a report what a fault plan wants: the summary row is
// that of the report as it is.
func (c *call) spoil(p *plan, rows []*row) []*row {
	n := len(rows)
	switch {
	case len(p.metrics) == 0 || n == 0:
	case c.missing:
		return slices.Delete(slices.Clone(rows), n/2, n/2+1)
	case c.repeat:
		return slices.Insert(rows, 0, rows[:min((n+1)/2, pageSize)]...)
	}
	return rows
}

// summary is the row of the metrics of all rows together: sums, and rates of
// sums.
func (p *plan) summary(rows []*row) []byte {
	sum := &row{}
	for _, r := range rows {
		sum.Figures.Add(r.Figures)
	}
	root := &node{}
	for _, f := range p.metrics {
		root.insert(f)
	}
	return root.append(nil, sum)
}

// plan parses and checks a query for the call's customer.
func (c *call) plan(text string) (*plan, error) {
	q, err := parse(text)
	if err != nil {
		return nil, err
	}
	return check(q, c.customer, c.m.Now())
}

type streamRequest struct {
	CustomerID        string `json:"customerId"`
	Query             string `json:"query"`
	SummaryRowSetting string `json:"summaryRowSetting"`
}

// searchStream answers with a JSON array of chunks.
func (c *call) searchStream() error {
	var req streamRequest
	if err := c.decode(&req); err != nil {
		return err
	}
	if !slices.Contains([]string{"", "UNSPECIFIED", "UNKNOWN", "NO_SUMMARY_ROW", "SUMMARY_ROW_WITH_RESULTS", "SUMMARY_ROW_ONLY"}, req.SummaryRowSetting) {
		return badJSON("Invalid value at 'summary_row_setting' (type.googleapis.com/google.ads.googleads.%s.enums.SummaryRowSettingEnum.SummaryRowSetting), %q", version, req.SummaryRowSetting)
	}
	if err := c.spend(1, c.r.URL.Path[:strings.LastIndex(c.r.URL.Path, "/")]); err != nil {
		return err
	}
	p, err := c.plan(req.Query)
	if err != nil {
		return err
	}
	summary := strings.HasPrefix(req.SummaryRowSetting, "SUMMARY_ROW")
	if summary && len(p.metrics) == 0 {
		return single(400, "requestError", "CANNOT_RETURN_SUMMARY_ROW_FOR_REQUEST_WITHOUT_METRICS", "A summary row can only be returned for a query with metrics.")
	}
	rows := evaluate(c.m, p, c.customer, c.all, c.o.ChangeEventLag, c.asOf)
	shown := c.spoil(p, rows)
	if req.SummaryRowSetting == "SUMMARY_ROW_ONLY" {
		shown = nil
	}
	w, done := compressed(c.w, c.r)
	defer done()
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	meta := fmt.Sprintf(`"fieldMask":%s,"requestId":%s`, quote(p.mask()), quote(c.request))
	size := pageSize
	if c.broken { // a short answer fails in the middle too
		size = max(min(size, (len(shown)+1)/2), 1)
	}
	for offset := 0; offset == 0 || offset < len(shown); offset += size {
		b := []byte(",\n")
		if offset == 0 {
			b = []byte("[")
		}
		end := min(offset+size, len(shown))
		b = append(p.results(append(b, '{'), shown[offset:end]), meta...)
		if end == len(shown) {
			b = fmt.Appendf(b, `,"queryResourceConsumption":"%d"`, consumption(len(shown)))
		}
		_, _ = w.Write(append(b, '}'))
		if f, ok := w.(http.Flusher); ok {
			f.Flush()
		}
		if c.broken {
			_, _ = fmt.Fprintf(w, ",\n%s]\n", marshal(single(500, "internalError", "TRANSIENT_ERROR", "A transient error occurred.").json(c.request)))
			return nil
		}
	}
	if summary {
		_, _ = fmt.Fprintf(w, ",\n{\"summaryRow\":%s,%s}", p.summary(rows), meta)
	}
	_, _ = w.Write([]byte("]\n"))
	return nil
}

// searchFields answers queries about the fields themselves: no FROM, conditions
// on name, category and the like.
func (c *call) searchFields() error {
	var req struct {
		Query     string `json:"query"`
		PageToken string `json:"pageToken"`
		PageSize  int    `json:"pageSize"`
	}
	if err := c.decode(&req); err != nil {
		return err
	}
	if err := c.spend(1, ""); err != nil {
		return err
	}
	q, err := parse(req.Query)
	if err != nil {
		return err
	}
	if q.from != "" {
		return refuse("UNEXPECTED_FROM_CLAUSE", "Error in query: the FROM clause is not used in queries of fields.")
	}
	all := fieldRows()
	for _, c := range q.where {
		if !slices.Contains(fieldAttributes, c.field) {
			return refuse("UNRECOGNIZED_FIELD", "Error in query: unrecognized field: '%s'.", c.field)
		}
		f := &field{name: c.field, typ: map[bool]string{true: "BOOLEAN", false: "STRING"}[slices.Contains([]string{"selectable", "filterable", "sortable", "is_repeated"}, c.field)]}
		if c.field == "category" || c.field == "data_type" {
			for i := range c.values {
				c.values[i].kind = tokenString
			}
		}
		pass, err := compile(f, &c, "")
		if err != nil {
			return err
		}
		all = slices.DeleteFunc(all, func(x map[string]any) bool { return !pass(x[camel(c.field)]) })
	}
	var results []map[string]any
	for _, x := range all {
		out := map[string]any{"resourceName": x["resourceName"]}
		for _, n := range q.fields {
			if !slices.Contains(fieldAttributes, n) {
				return refuse("UNRECOGNIZED_FIELD", "Error in query: unrecognized field: '%s'.", n)
			}
			if v, ok := x[camel(n)]; ok {
				out[camel(n)] = v
			}
		}
		results = append(results, out)
	}
	if q.limit > 0 && len(results) > q.limit {
		results = results[:q.limit]
	}
	answer := map[string]any{"totalResultsCount": fmt.Sprint(len(results))}
	if len(results) > 0 {
		answer["results"] = results
	}
	writeJSON(c.w, 200, answer)
	return nil
}

func (c *call) getField(name string) error {
	for _, x := range fieldRows() {
		if x["name"] == name {
			writeJSON(c.w, 200, x)
			return nil
		}
	}
	return single(404, "requestError", "RESOURCE_NOT_FOUND", "Resource 'googleAdsFields/%s' was not found.", name)
}

var fieldAttributes = []string{"name", "category", "data_type", "selectable", "filterable", "sortable", "is_repeated", "selectable_with",
	"attribute_resources", "metrics", "segments", "enum_values", "type_url"}

// fieldRows is the metadata of all resources and fields by name.
func fieldRows() []map[string]any {
	var metrics, segments, names []string
	for n, f := range catalogue() {
		names = append(names, n)
		switch f.category() {
		case "METRIC":
			metrics = append(metrics, n)
		case "SEGMENT":
			segments = append(segments, n)
		}
	}
	sort.Strings(names)
	sort.Strings(metrics)
	sort.Strings(segments)
	var out []map[string]any
	for n, r := range resources {
		x := map[string]any{"resourceName": "googleAdsFields/" + n, "name": n, "category": "RESOURCE", "dataType": "MESSAGE",
			"selectable": false, "filterable": false, "sortable": false, "isRepeated": false}
		if len(r.with) > 0 {
			x["attributeResources"] = r.with
		}
		if r.metrics {
			x["metrics"], x["segments"] = metrics, slices.DeleteFunc(slices.Clone(segments), func(s string) bool {
				return !r.keywords && (strings.HasPrefix(s, "segments.keyword") || strings.HasPrefix(s, "segments.search_term"))
			})
		}
		out = append(out, x)
	}
	for _, n := range names {
		f := catalogue()[n]
		x := map[string]any{"resourceName": "googleAdsFields/" + n, "name": n, "category": f.category(), "dataType": f.typ,
			"selectable": true, "filterable": f.filterable(), "sortable": f.sortable(), "isRepeated": f.repeated}
		if f.enum != nil {
			x["enumValues"] = f.enum
		}
		out = append(out, x)
	}
	slices.SortStableFunc(out, func(a, b map[string]any) int { return strings.Compare(a["name"].(string), b["name"].(string)) })
	return out
}
