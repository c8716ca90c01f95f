package tiktokads

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"argo/tables/fault"
	"argo/tables/rest"
)

// problem is the head of every reply.
type problem struct {
	Code      int    `json:"code"`
	Message   string `json:"message"`
	RequestID string `json:"request_id"`
}

// pause is how long nobody asks again after a call too many. No reply says it.
const pause = 10 * time.Second

func problemOf(r rest.Reply) (p problem, bad bool) {
	if json.Unmarshal(r.Body, &p) != nil { // a page of HTML, or more than is looked at
		p = problem{}
	}
	return p, r.Status >= 300 || p.Code != 0
}

func tooMany(r rest.Reply, p problem) bool { return r.Status == 429 || p.Code == 40100 }

// observe parks the budget of a call too many.
func (c *Client) observe(r rest.Reply) []rest.Observation {
	p, bad := problemOf(r)
	if !bad || !tooMany(r, p) || r.Request == nil || len(r.Request.Limits) == 0 {
		return nil
	}
	return []rest.Observation{{Key: r.Request.Limits[0].Key, Until: r.Now.Add(cmp.Or(r.RetryAfter(), pause)), Reason: "TikTok Ads: too many requests"}}
}

// classify says what a reply means.
func (c *Client) classify(r rest.Reply) rest.Class {
	p, bad := problemOf(r)
	if !bad {
		return rest.Class{}
	}
	text := strings.Join(strings.Fields(p.Message), " ")
	if len(text) > 300 {
		text = strings.ToValidUTF8(text[:300], "") + "…"
	}
	tail := fmt.Sprintf("HTTP %d", r.Status)
	if p.Code != 0 {
		tail += fmt.Sprintf(", code %d", p.Code)
	}
	if p.RequestID != "" {
		tail += fmt.Sprintf(", request %.40s", p.RequestID)
	}
	say := func(k fault.Kind, hint string) *fault.Error {
		f := fault.New(k, "%s: %s [%s]", r.About, cmp.Or(strings.TrimRight(text, ". "), "no further word"), tail)
		f.Hint = hint
		return f
	}
	authorize := "let an administrator of the advertiser approve the app again: My Apps at business-api.tiktok.com, Advertiser authorization URL; exchange the auth_code at oauth2/access_token, put access_token where access_token of connection " +
		c.name + " points to, then run argo check"
	switch {
	case tooMany(r, p):
		return rest.Class{Fault: say(fault.Throttled, ""), Retry: true, Safe: true, RetryAfter: cmp.Or(r.RetryAfter(), pause)}
	case strings.Contains(text, "inconsistent"):
		return rest.Class{Fault: say(fault.Config, "access_token was given to another app than app_id: copy both from the same app"), Safe: true}
	case p.Code == 40101 || p.Code == 40102 || p.Code == 40104 || p.Code == 40105 || p.Code == 0 && r.Status == 401:
		return rest.Class{Fault: say(fault.Auth, authorize), Safe: true}
	case p.Code == 40001 || p.Code == 0 && r.Status == 403:
		return rest.Class{Fault: say(fault.Denied, "the token may not do this for this advertiser: give the app the scopes Ads Management and Reporting, and "+authorize), Safe: true}
	case p.Code == 40200 || p.Code == 40201 || p.Code == 40202 || p.Code == 40700 || p.Code >= 50000 || p.Code == 0 && (r.Status >= 500 || r.Status == 408):
		return rest.Class{Fault: say(fault.Unavailable, ""), Retry: true, RetryAfter: r.RetryAfter()}
	case p.Code == 0 && r.Status == 404:
		return rest.Class{Fault: say(fault.NotFound, "check base_url")}
	case p.Code == 20001:
		return rest.Class{Fault: say(fault.Broken, "")}
	}
	return rest.Class{Fault: say(fault.Invalid, "")}
}
