package tiktokads

import (
	"testing"

	"argo/tables"
	"argo/tables/fault"
)

// Whatever a reply is, it becomes rows within the days, or a fault.
func FuzzReport(f *testing.F) {
	f.Add([]byte(`{"code":0,"message":"OK","data":{"list":[{"dimensions":{"campaign_id":1711,"stat_time_day":"2026-09-01 00:00:00"},"metrics":{"spend":"20.00","impressions":"5830","likes":3,"conversion":"-"}}],"page_info":{"page":1,"total_number":1,"total_page":1}}}`))
	f.Add([]byte(`{"code":40100,"message":"Too many requests","data":{}}`))
	f.Add([]byte(`{"code":0,"data":{"list":[{"dimensions":{"ad_id":null,"stat_time_hour":"x"},"metrics":null}]}}`))
	f.Add([]byte(`<html>`))
	days := tables.Days{From: "2026-09-01", To: "2026-09-02"}
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, s := range sheets {
			p, err := parse[row]("1", text)
			var list []row
			if err == nil {
				list, err = s.rows("1", days, p.List)
			}
			if err != nil {
				if fault.As(err) == nil {
					t.Fatalf("%v is no fault", err)
				}
				continue
			}
			for _, r := range list {
				if !days.Contains(r.day) {
					t.Fatalf("row of %s", r.day)
				}
				for _, x := range s.fields() {
					_, _ = x.read(place{"1", "USD", r})
				}
			}
		}
	})
}
