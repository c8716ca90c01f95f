package kakaokeyword

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"argo/tables/fault"
	"argo/tables/rest"
)

// problem is Kakao's error envelope: the same for all of its advertising.
type problem struct {
	Code   int    `json:"code"`
	Msg    string `json:"msg"`
	Extras struct {
		DetailCode int    `json:"detailCode"`
		DetailMsg  string `json:"detailMsg"`
	} `json:"extras"`
}

// pause is how long nobody asks again after a call too many: the longest
// interval that is published. No reply says it.
const pause = 5 * time.Second

// problemOf reads the envelope; a good reply has the code 200 or none.
func problemOf(r rest.Reply) (p problem, ok bool) {
	if json.Unmarshal(r.Body, &p) != nil { // a page of HTML, a reply longer than what is looked at
		p = problem{}
	}
	return p, r.Status >= 300 || p.Code < 0
}

func tooMany(r rest.Reply, p problem) bool { return r.Status == 429 || p.Code == -10 }

// observe parks the budget of a call too many.
func (c *Client) observe(r rest.Reply) []rest.Observation {
	p, bad := problemOf(r)
	if !bad || !tooMany(r, p) || r.Request == nil || len(r.Request.Limits) == 0 {
		return nil
	}
	return []rest.Observation{{Key: r.Request.Limits[len(r.Request.Limits)-1].Key, Until: r.Now.Add(cmp.Or(r.RetryAfter(), pause)),
		Reason: "Kakao Keyword Ad: too many requests"}}
}

func (c *Client) consent() string {
	return "a business token cannot be renewed: let a member of the ad accounts consent again at https://kauth.kakao.com/oauth/business/authorize?client_id=REST_API_KEY&redirect_uri=…&response_type=code&scope=keyword_management, " +
		"exchange the code at https://kauth.kakao.com/oauth/business/token, put access_token where business_token of connection " + c.name + " points to, then run argo check"
}

// classify says what a reply means.
func (c *Client) classify(r rest.Reply) rest.Class {
	p, bad := problemOf(r)
	if !bad {
		return rest.Class{}
	}
	text := strings.Join(strings.Fields(cmp.Or(p.Extras.DetailMsg, p.Msg)), " ")
	if len(text) > 300 {
		text = strings.ToValidUTF8(text[:300], "") + "…"
	}
	tail := fmt.Sprintf("HTTP %d", r.Status)
	if p.Code != 0 {
		tail += fmt.Sprintf(", code %d", p.Code)
	}
	if p.Extras.DetailCode != 0 {
		tail += fmt.Sprintf(", detail %d", p.Extras.DetailCode)
	}
	say := func(k fault.Kind, hint string) *fault.Error {
		f := fault.New(k, "%s: %s [%s]", r.About, cmp.Or(strings.TrimRight(text, ". "), "no further word"), tail)
		f.Hint = hint
		return f
	}
	detail := p.Extras.DetailCode
	switch {
	case tooMany(r, p):
		return rest.Class{Fault: say(fault.Throttled, ""), Retry: true, Safe: true, RetryAfter: cmp.Or(r.RetryAfter(), pause)}
	case p.Code == -401 || r.Status == 401:
		if strings.Contains(text, "biz token") {
			return rest.Class{Fault: say(fault.Auth, "business_token is a token of Kakao Login; "+c.consent()), Safe: true}
		}
		return rest.Class{Fault: say(fault.Auth, c.consent()), Safe: true}
	case p.Code == -402:
		return rest.Class{Fault: say(fault.Denied, "the token lacks the consent keyword_management; "+c.consent()), Safe: true}
	case p.Code == -5 || p.Code == -3:
		return rest.Class{Fault: say(fault.Denied, "the app may not use the Kakao Keyword Ad API: switch the Keyword Ad API on for it at developers.kakao.com, My application"), Safe: true}
	case p.Code == -12 || p.Code == -4:
		return rest.Class{Fault: say(fault.Denied, "Kakao has suspended the app or its developer: ask in its DevTalk"), Safe: true}
	case p.Code == -101:
		return rest.Class{Fault: say(fault.Auth, c.consent()), Safe: true}
	case detail == 21006 || detail == 6003:
		return rest.Class{Fault: say(fault.NotFound, "check the account's id, and leave it out of ad_accounts if it is gone"), Safe: true}
	case r.Status == 403 || detail == 9004:
		return rest.Class{Fault: say(fault.Denied, "the token's user is no member of this ad account, or may only read it: have it invited at keywordad.kakao.com, ad account, members"), Safe: true}
	case p.Code == -1 || p.Code == -7 || p.Code == -603 || p.Code == -9798 || r.Status >= 500 || r.Status == 408:
		return rest.Class{Fault: say(fault.Unavailable, ""), Retry: true, RetryAfter: r.RetryAfter()}
	case r.Status == 404:
		return rest.Class{Fault: say(fault.NotFound, "check base_url")}
	}
	return rest.Class{Fault: say(fault.Invalid, "")}
}
