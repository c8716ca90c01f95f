package metaads

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"argo/tables"
	"argo/tables/fault"
	"argo/tables/rest"
)

// FuzzRow reads any object as a row of every table: a value or an error.
func FuzzRow(f *testing.F) {
	f.Add(`{"id":"1","campaign_id":"5","date_start":"2026-11-01","impressions":"12","spend":"3.4","actions":[{"action_type":"purchase","value":"1","7d_click":"1"}]}`)
	f.Add(`{"id":1,"event_time":"2026-11-01T09:00:00+0900","creative":{"id":"4"},"daily_budget":"100","extra_data":"{\"a\":1}"}`)
	f.Add(`{"actions":[null],"hourly_stats_aggregated_by_advertiser_time_zone":"07:00:00 - 07:59:59","spend":"-1e30"}`)
	sheets := append(insightSheets(), entitySheets()...)
	f.Fuzz(func(t *testing.T, text string) {
		var r Record
		dec := json.NewDecoder(strings.NewReader(text))
		dec.UseNumber()
		if dec.Decode(&r) != nil {
			return
		}
		for _, s := range sheets {
			row, err := rowOf(r, s.fields, account{ID: "7", Currency: "USD"})
			if err != nil && !fault.Is(err, fault.Broken) {
				t.Fatalf("%s: %v", s.name, err)
			}
			for i, v := range row {
				if doc, ok := v.(string); ok && err == nil && s.fields[i].Type.Kind == tables.JSON && !json.Valid([]byte(doc)) {
					t.Fatalf("%s.%s: %q is no JSON", s.name, s.fields[i].Name, doc)
				}
			}
		}
	})
}

// FuzzReply judges any reply and any headers.
func FuzzReply(f *testing.F) {
	f.Add(400, `{"error":{"code":17,"error_subcode":2446079,"message":"x"}}`, `{"call_count":100}`, `{"7":[{"type":"ads_insights","call_count":100,"estimated_time_to_regain_access":3}]}`)
	f.Add(200, `<html>`, `[]`, `{"7":{}}`)
	f.Add(500, `{"error":"x"}`, `{"acc_id_util_pct":1e308,"reset_time_duration":1e308}`, ``)
	c := &Client{name: "meta_ads", tier: standard, scope: "meta_ads/x"}
	f.Fuzz(func(t *testing.T, status int, body, usage, uses string) {
		if status < 100 || status > 599 {
			return
		}
		head := map[string][]string{"X-App-Usage": {usage}, "X-Ad-Account-Usage": {usage}, "X-Fb-Ads-Insights-Throttle": {usage}, "X-Business-Use-Case-Usage": {uses}}
		r := rest.Reply{About: "Meta", Status: status, Head: head, Body: []byte(body), Whole: true, Now: time.Unix(1_800_000_000, 0),
			Request: &rest.Request{Account: "7", Limits: c.limits("7", reporting, false)}}
		k := c.classify(r)
		if k.RetryAfter < 0 || status >= 300 && k.Fault == nil {
			t.Fatalf("%d %q: %+v", status, body, k)
		}
		for _, o := range c.observe(r) {
			if o.Percent < 0 || o.Percent > 100 || !o.Until.IsZero() && o.Until.Before(r.Now) {
				t.Fatalf("%q %q: %+v", usage, uses, o)
			}
		}
	})
}
