package metaads

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"argo/tables/fault"
	"argo/tables/rest"
)

// failure is the error envelope of the Graph API.
type failure struct {
	Error *struct {
		Message      string
		Type         string
		Code         int
		ErrorSubcode int    `json:"error_subcode"`
		IsTransient  bool   `json:"is_transient"`
		UserTitle    string `json:"error_user_title"`
		UserMsg      string `json:"error_user_msg"`
		Trace        string `json:"fbtrace_id"`
	}
}

var (
	// errTooMuch says that a request asks for too much at once.
	errTooMuch = errors.New("the request asks for too much data at once")
	// errNoField says that the object has no such field: it is of another kind.
	errNoField = errors.New("an object of another kind")
)

// Hints of refusals that the connector itself acts on: of a fault that comes from
// rest its text is left, and not what it wraps.
const (
	hintTooMuch = "ask for fewer days"
	hintNoField = "Argo asked for a field that Meta does not have; report it"
)

// marked puts the sentinel of a refusal back into its chain.
func marked(err error) error {
	f := fault.As(err)
	if f == nil || f.Hint != hintTooMuch && f.Hint != hintNoField {
		return err
	}
	g := *f
	if g.Err = errTooMuch; f.Hint == hintNoField {
		g.Err = errNoField
	}
	return &g
}

// throttling says that a code is one of the limits: of the app, the account, the
// page, a custom one, or of a business use case.
func throttling(code int) bool {
	return code == 4 || code == 17 || code == 32 || code == 613 || 80000 <= code && code <= 80014
}

// Subcodes that change what a code means.
const (
	tooMuchData    = 1487534
	objectMissing  = 33
	budgetChanges  = 1487632 // of an ad set, more than four in an hour
	reportNotReady = 1815107
)

func unwrap(body []byte) (f failure) {
	if bytes.Contains(body, []byte(`"error"`)) {
		_ = json.Unmarshal(body, &f) // a body that is no envelope has no error
	}
	return f
}

// classify says what a reply means: the code decides, the HTTP status only where
// there is none. Throttling comes with HTTP 400.
func (c *Client) classify(r rest.Reply) rest.Class {
	e := unwrap(r.Body).Error
	if r.Status < 300 && (e == nil || e.Code == 0 && e.Message == "") {
		if strings.HasPrefix(strings.ToLower(r.Head.Get("Content-Type")), "text/html") {
			return rest.Class{Fault: r.Fault(fault.Broken, "answers with a page").WithHint("check base_url")}
		}
		return rest.Class{}
	}
	if e == nil {
		k := rest.Classify(r)
		if r.Status >= 500 && bytes.Contains(bytes.ToLower(r.Body), []byte("reduce the amount of data")) {
			k.Retry, k.Fault.Hint = false, hintTooMuch
		}
		return k
	}
	write := r.Request != nil && r.Request.Write
	text := strings.TrimSpace(e.Message)
	if e.UserMsg != "" && (write || e.Code == 100) {
		text = e.UserMsg
	}
	if text = strings.Join(strings.Fields(text), " "); text == "" {
		text = "no further word"
	}
	if len(text) > 300 {
		text = strings.ToValidUTF8(text[:300], "") + "…"
	}
	say := func(kind fault.Kind, hint string) *fault.Error {
		tail := fmt.Sprintf("code %d", e.Code)
		if e.ErrorSubcode != 0 {
			tail += fmt.Sprintf("/%d", e.ErrorSubcode)
		}
		if e.Trace != "" {
			tail += ", trace " + e.Trace
		}
		f := fault.New(kind, "%s: %s [%s]", r.About, strings.TrimRight(text, ". "), tail)
		f.Hint = hint
		return f
	}
	lower := strings.ToLower(e.Message)
	switch {
	case throttling(e.Code) && e.ErrorSubcode == budgetChanges:
		return rest.Class{Safe: true, Fault: say(fault.Refused, "Meta lets the budget of an ad set change four times an hour; try again in an hour")}
	case throttling(e.Code):
		f := say(fault.Throttled, "")
		f.RetryAfter = c.regain(r)
		return rest.Class{Fault: f, Safe: true, Retry: true, RetryAfter: f.RetryAfter}
	case e.Code == 190 || e.Code == 102 || e.Code == 104 || e.Code == 2500 || e.Code == 463 || e.Code == 467:
		cure := "put a new token of a system user where access_token of connection " + c.name + " points to, then run argo check"
		switch e.ErrorSubcode {
		case 460:
			cure = "the password of the token's user was changed: " + cure
		case 463:
			cure = "the token has expired: " + cure
		}
		return rest.Class{Safe: true, Fault: say(fault.Auth, cure)}
	case e.Code == 100 && strings.Contains(lower, "appsecret_proof"):
		return rest.Class{Safe: true, Fault: say(fault.Auth, "set app_secret of connection "+c.name+" to the secret of the app that the token was made with (App settings, Basic), then run argo check")}
	case e.Code == 3 || e.Code == 10 || e.Code == 200 || 201 <= e.Code && e.Code <= 299:
		need := "ads_read"
		if write {
			need = "ads_management"
		}
		return rest.Class{Safe: true, Fault: say(fault.Denied, "the token needs the permission "+need+", and its system user access to the ad account (Business settings, System users, Assign assets)")}
	case e.Code == 368:
		return rest.Class{Safe: true, Fault: say(fault.Denied, "Meta has blocked this for a while for its policies; see Account quality")}
	case e.Code == 2635:
		return rest.Class{Safe: true, Fault: say(fault.Unsupported, "Meta no longer answers this version of the API; a newer Argo is needed")}
	case e.Code == 100 && e.ErrorSubcode == tooMuchData, e.Code == 1 && strings.Contains(lower, "reduce the amount of data"):
		return rest.Class{Fault: say(fault.Invalid, hintTooMuch), Safe: true}
	case e.ErrorSubcode == reportNotReady:
		return rest.Class{Fault: say(fault.Unavailable, ""), Retry: true}
	case e.Code == 100 && e.ErrorSubcode == objectMissing, e.Code == 803:
		return rest.Class{Safe: true, Fault: say(fault.NotFound, "it does not exist, or the token's system user has no access to it")}
	case e.Code == 3018:
		return rest.Class{Fault: say(fault.Invalid, fmt.Sprintf("Meta keeps insights for %d months", keptMonths))}
	case e.Code == 1 || e.Code == 2 || e.IsTransient || r.Status >= 500 || e.ErrorSubcode == 99:
		return rest.Class{Fault: say(fault.Unavailable, ""), Retry: true, RetryAfter: r.RetryAfter()}
	case write:
		return rest.Class{Safe: true, Fault: say(fault.Refused, "")}
	case e.Code == 100 && strings.Contains(lower, "nonexisting field"):
		return rest.Class{Fault: say(fault.Internal, hintNoField)}
	case e.Code == 100:
		return rest.Class{Fault: say(fault.Internal, "Argo asked a question that Meta does not accept; report it")}
	case r.Status == 401 || r.Status == 403:
		return rest.Class{Safe: true, Fault: say(fault.Denied, "")}
	}
	return rest.Class{Fault: say(fault.Invalid, "")}
}

// usage is an entry of a usage header; all are percent of what there is.
type usage struct {
	Type      string
	CallCount float64 `json:"call_count"`
	CPUTime   float64 `json:"total_cputime"`
	TotalTime float64 `json:"total_time"`
	Regain    float64 `json:"estimated_time_to_regain_access"` // minutes
	Account   float64 `json:"acc_id_util_pct"`
	App       float64 `json:"app_id_util_pct"`
	Reset     float64 `json:"reset_time_duration"` // seconds
}

func (u usage) most() float64 { return max(u.CallCount, u.CPUTime, u.TotalTime) }

// signals of a reply.
type signals struct {
	app, account, throttle usage
	uses                   []usage // of business use cases, of the request's account where that is told
}

func read(r rest.Reply) (s signals) {
	decode := func(name string, v any) {
		if h := r.Head.Get(name); h != "" {
			_ = json.Unmarshal([]byte(h), v) // a header of another form says nothing
		}
	}
	decode("X-App-Usage", &s.app)
	decode("X-Ad-Account-Usage", &s.account)
	decode("X-Fb-Ads-Insights-Throttle", &s.throttle)
	var uses map[string][]usage
	decode("X-Business-Use-Case-Usage", &uses)
	for id, list := range uses {
		if r.Request == nil || id == r.Request.Account || len(uses) == 1 {
			s.uses = append(s.uses, list...)
		}
	}
	return s
}

// Waits where a limit is used up and no header says until when: an account's
// score decays within 300 seconds and blocks for one minute (development: five),
// an app's calls are those of the last hour.
const (
	blocked    = time.Minute
	appBlocked = 5 * time.Minute
)

// full is the percentage from which a budget without a number of its own is left
// alone.
const full = 95

// longest wait that is believed.
const longest = 7 * 24 * time.Hour

func minutes(x float64) time.Duration { return seconds(60 * x) }

func seconds(x float64) time.Duration {
	return time.Duration(max(0, min(math.Ceil(x*float64(time.Second)), float64(longest))))
}

// regain is when a throttled request may be sent again.
func (c *Client) regain(r rest.Reply) time.Duration {
	s, wait := read(r), r.RetryAfter()
	for _, u := range s.uses {
		wait = max(wait, minutes(u.Regain))
	}
	if s.account.Account >= full {
		wait = max(wait, seconds(s.account.Reset))
	}
	if wait > 0 {
		return wait
	}
	e := unwrap(r.Body).Error
	switch {
	case e != nil && e.Code == 4:
		return appBlocked
	case c.tier == development:
		return 5 * blocked
	}
	return blocked
}

// observe tells the budgets of a request what the headers of its reply say is
// used up, before anything is refused; and after that until when it is refused.
func (c *Client) observe(r rest.Reply) (out []rest.Observation) {
	if r.Request == nil {
		return nil
	}
	s, e := read(r), unwrap(r.Body).Error
	limit := func(end string) string {
		for _, l := range r.Request.Limits {
			if strings.HasSuffix(l.Key, "/"+end) {
				return l.Key
			}
		}
		return ""
	}
	see := func(end string, percent float64, wait time.Duration, reason string) {
		key := limit(end)
		if key == "" || percent <= 0 && wait <= 0 {
			return
		}
		o := rest.Observation{Key: key, Percent: max(0, min(percent, 100))}
		if wait > 0 {
			o.Until, o.Reason = r.Now.Add(wait), "Meta: "+reason
		}
		out = append(out, o)
	}
	if app := max(s.app.most(), s.throttle.App); app >= full {
		see("app", app, appBlocked, fmt.Sprintf("%.0f %% of the app's calls are used up", app))
	}
	see(reporting, s.throttle.Account, 0, "")
	for _, u := range s.uses {
		see(u.Type, u.most(), minutes(u.Regain), "the account's hour of "+u.Type+" is used up")
	}
	wait := time.Duration(0)
	if s.account.Account >= full {
		wait = seconds(s.account.Reset)
	}
	see("score", s.account.Account, wait, "the account's score is used up")
	if e != nil && throttling(e.Code) && e.ErrorSubcode != budgetChanges {
		key := r.Request.Limits[len(r.Request.Limits)-1].Key
		if e.Code == 4 {
			key = limit("app")
		}
		out = append(out, rest.Observation{Key: key, Until: r.Now.Add(c.regain(r)), Reason: fmt.Sprintf("Meta: a limit is reached [code %d]", e.Code)})
	}
	return out
}
