package appleads

import (
	"bytes"
	"cmp"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"argo/tables/fault"
	"argo/tables/rest"
)

// failure is the error of either API: v1 has one with details, v5 a list.
type failure struct {
	Code    string
	Message string
	Details []struct{ Code, Message string }
	Errors  []struct{ MessageCode, Message, Field string }
}

// failed reads the error envelope of a body; false where there is none.
func failed(body []byte) (code, text string, ok bool) {
	var r struct{ Error *failure }
	if json.Unmarshal(body, &r) != nil || r.Error == nil {
		return "", "", false
	}
	code, text = r.Error.say()
	return code, text, true
}

func (f *failure) say() (code, text string) {
	code, text = f.Code, f.Message
	for _, d := range f.Details {
		code = cmp.Or(code, d.Code)
		if d.Message != "" && !strings.Contains(text, d.Message) {
			text = strings.TrimSpace(strings.TrimRight(text, ". ") + ". " + d.Message)
			if f.Message == "" {
				text = d.Message
			}
		}
	}
	for _, e := range f.Errors {
		if code == "" {
			if code, text = e.MessageCode, e.Message; e.Field != "" {
				text = strings.TrimRight(text, ". ") + " (" + e.Field + ")"
			}
		}
	}
	if len(text) > 300 {
		text = strings.ToValidUTF8(text[:300], "") + "…"
	}
	return code, text
}

// unnamedDelay is how long to wait after a 429 that names no time.
const unnamedDelay = 5 * time.Second

// seconds reads a number that begins a header: "100, 100;w=60" is 100.
func seconds(s string) (int, bool) {
	s, _, _ = strings.Cut(s, ",")
	s, _, _ = strings.Cut(s, ";")
	n, err := strconv.Atoi(strings.TrimSpace(s))
	return n, err == nil && n >= 0 && n < 1e7
}

// observe parks the budget once the headers say that nothing is left of the
// window, before a 429 has to say it (draft-polli-ratelimit-headers-02).
func observe(r rest.Reply) []rest.Observation {
	if r.Request == nil || len(r.Request.Limits) == 0 {
		return nil
	}
	wait := time.Duration(0)
	left, known := seconds(r.Head.Get("RateLimit-Remaining"))
	reset, timed := seconds(r.Head.Get("RateLimit-Reset"))
	if timed && (r.Status == 429 || known && left == 0) {
		wait = time.Duration(reset) * time.Second
	}
	if r.Status == 429 {
		wait = max(wait, r.RetryAfter())
	}
	if wait == 0 {
		return nil
	}
	return []rest.Observation{{Key: r.Request.Limits[0].Key, Until: r.Now.Add(wait), Reason: "Apple Ads: the requests of this window are used up"}}
}

// classify says what a reply means. An error may come with status 200.
func (c *Client) classify(r rest.Reply) rest.Class {
	code, text, bad := "", "", false
	if r.Status >= 300 || r.Whole && len(r.Body) < 64<<10 && bytes.Contains(r.Body, []byte(`"error"`)) {
		code, text, bad = failed(r.Body)
	}
	if r.Status < 300 && !bad {
		return rest.Class{}
	}
	write := r.Request != nil && r.Request.Write
	say := func(kind fault.Kind, plain string) *fault.Error {
		if text == "" { // HTML of something in front, or nothing
			return r.Fault(kind, plain)
		}
		if code == "" {
			return fault.New(kind, "%s: %s (HTTP %d)", r.About, strings.TrimRight(text, ". "), r.Status)
		}
		return fault.New(kind, "%s: %s [%s]", r.About, strings.TrimRight(text, ". "), code)
	}
	switch s := r.Status; {
	case s == 401 || code == "UNAUTHORIZED" || code == "UNAUTHENTICATED":
		return rest.Class{Renew: true, Safe: true, Fault: say(fault.Auth, "does not accept the access token").WithHint("%s", c.hint())}
	case s == 403:
		return rest.Class{Safe: true, Fault: say(fault.Denied, "denies access").
			WithHint("give the API user a role on this account (Account Settings > User Management), or leave it out of accounts")}
	case s == 429:
		wait := r.RetryAfter()
		if n, ok := seconds(r.Head.Get("RateLimit-Reset")); ok && wait == 0 {
			wait = time.Duration(n) * time.Second
		}
		return rest.Class{Retry: true, Safe: true, RetryAfter: cmp.Or(wait, unnamedDelay), Fault: say(fault.Throttled, "says that there were too many requests")}
	case s == 408 || s == 425 || s >= 500:
		return rest.Class{Retry: true, RetryAfter: r.RetryAfter(), Fault: say(fault.Unavailable, "is unavailable")}
	case (s == 404 || s == 410) && c.v5 && text == "":
		return rest.Class{Safe: true, Fault: say(fault.NotFound, "does not know this address").
			WithHint("check base_url; Apple retires version 5 on 2027-01-26: set version: v1")}
	case s == 404 || s == 410 || code == "NOT_FOUND":
		return rest.Class{Safe: true, Fault: say(fault.NotFound, "does not know what was asked for")}
	case write:
		return rest.Class{Safe: true, Fault: say(fault.Refused, "refuses the change")}
	}
	return rest.Class{Fault: say(fault.Internal, "refuses the request").WithHint("Argo asked a question that Apple Ads does not accept; report it")}
}
