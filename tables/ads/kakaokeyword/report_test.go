package kakaokeyword

import (
	"testing"

	"argo/tables"
	"argo/tables/fault"
)

// Whatever a reply is, it becomes rows within the days, or a fault.
func FuzzReport(f *testing.F) {
	f.Add([]byte(`{"code":200,"message":"Success","data":[{"start":"2026-09-01","end":"2026-09-01","dimensions":{"campaignId":"1","hour":"07"},"metrics":{"imp":10000,"ctr":0.85,"cost":"42,000","x":{}}}]}`))
	f.Add([]byte(`{"data":{"start":"20260901","dimensions":{"campaignId":1e3},"metrics":{"imp":1e400}}}`))
	f.Add([]byte(`{"data":[{"start":null,"dimensions":null,"metrics":{"imp":"-"}},[]]}`))
	f.Add([]byte("\xef\xbb\xbf{}"))
	a := ask{days: tables.Days{From: "2026-09-01", To: "2026-09-02"}}
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, s := range sheets[1:] {
			all, err := many[row](text, "data")
			if err == nil {
				all, err = s.rows("1", a, all)
			}
			if err != nil {
				if fault.As(err) == nil {
					t.Fatalf("%v is no fault", err)
				}
				return
			}
			for _, r := range all {
				if !a.days.Contains(r.day) {
					t.Fatalf("row of %s", r.day)
				}
				for _, x := range s.fields() {
					if v, err := x.read(place{&Client{}, "1", r, lineage{}}); err == nil && v == nil && x.NotNull && x.Name == "date" {
						t.Fatalf("%s is NULL", x.Name)
					}
				}
			}
		}
	})
}
