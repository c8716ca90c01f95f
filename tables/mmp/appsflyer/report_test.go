package appsflyer

import (
	"strings"
	"testing"

	"argo/tables"
	"argo/tables/fault"
)

// Whatever a reply is, it becomes rows of the right width within the days, or a
// fault.
func FuzzReport(f *testing.F) {
	const small = "Date,Agency/PMD (af_prt),Media Source (pid),Campaign (c),Impressions,Clicks,CTR,Installs,Conversion Rate,Sessions,Loyal Users,Loyal Users/Installs,Total Revenue,Total Cost,ROI,ARPU,Average eCPI,buy (Unique users),buy (Event counter),buy (Sales in KRW)\n" +
		"2026-11-01,,net_alpha,Autumn KR,5000,120,0.024,18,0.15,64,9,0.5,41.50,30.00,0.3833,2.3056,1.6667,4,5,41.50\n"
	f.Add([]byte(small))
	f.Add([]byte(strings.ReplaceAll(small, "120", "N/A")))
	f.Add([]byte("\xef\xbb\xbf" + strings.ReplaceAll(small, "120", "1e400")))
	f.Add([]byte(strings.ReplaceAll(small, "buy", `"a (Sales in b) "`)))
	c := &client{apps: map[string]app{}}
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, s := range sheets()[:2] {
			scan := tables.Scan{Account: "a", Days: tables.Days{From: "2026-11-01", To: "2026-11-02"}}
			for _, f := range s.fields {
				scan.Columns = append(scan.Columns, f.Name)
			}
			for row, err := range c.rows(s, scan, text) {
				if err != nil {
					if fault.As(err) == nil {
						t.Fatalf("%v is no fault", err)
					}
					continue
				}
				if len(row) != len(scan.Columns) || !scan.Days.Contains(row[0].(tables.Day)) {
					t.Fatalf("row %v", row)
				}
			}
		}
	})
}
