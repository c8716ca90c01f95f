package googleads

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"argo/tables/fault"
	"argo/tables/rest"
)

// failure is the error envelope: google.rpc.Status with GoogleAdsFailure among
// its details.
type failure struct {
	Error *struct {
		Code    int
		Message string
		Status  string
		Details []struct {
			RequestID string `json:"requestId"`
			Errors    []struct {
				ErrorCode map[string]any
				Message   string
				Details   struct {
					QuotaErrorDetails quotaDetails
				}
			}
		}
	}
}

// quotaDetails of google.ads.googleads.v25.errors.QuotaErrorDetails.
type quotaDetails struct {
	RateScope  string // ACCOUNT, DEVELOPER
	RateName   string // for people: "Requests per account"
	RetryDelay string // a Duration: "30s"
}

// unknownDelay is how long a budget is parked of which Google says that it is
// used up and not until when: the day's is a sliding window, of which a little
// comes back all the time.
const unknownDelay = 15 * time.Minute

// observe parks the budget that a reply says is used up: that of the account or
// of the developer token, of which RESOURCE_EXHAUSTED are the day's operations.
func (c *Client) observe(r rest.Reply) []rest.Observation {
	if r.Request == nil || len(r.Request.Limits) == 0 || r.Status < 300 && !bytes.Contains(r.Body, []byte(`"quotaError"`)) {
		return nil
	}
	code, details := "", quotaDetails{}
	if e := unwrap(r.Body).Error; e != nil {
		for _, d := range e.Details {
			for _, x := range d.Errors {
				if name, ok := x.ErrorCode["quotaError"].(string); ok && code == "" {
					code, details = name, x.Details.QuotaErrorDetails
				}
			}
		}
	}
	delay, _ := time.ParseDuration(details.RetryDelay)
	delay = max(delay, r.RetryAfter())
	long := code == "RESOURCE_EXHAUSTED" || code == "EXCESSIVE_LONG_TERM_QUERY_RESOURCE_CONSUMPTION"
	if delay == 0 && long {
		delay = unknownDelay
	}
	if delay == 0 || code == "" && r.Status != 429 {
		return nil
	}
	limits := r.Request.Limits
	at := len(limits) - 1
	switch {
	case code == "RESOURCE_EXHAUSTED" && details.RateScope != "ACCOUNT":
		at = 0
	case details.RateScope == "DEVELOPER":
		at = 1
	}
	reason := "Google Ads: " + cmp.Or(details.RateName, "too many requests")
	if code != "" {
		reason += " [quotaError." + code + "]"
	}
	return []rest.Observation{{Key: limits[at].Key, Until: r.Now.Add(delay), Reason: reason}}
}

// classify says what a reply means. The beginning of an accepted stream is
// looked at too: an error may come with status 200 as the first element.
func (c *Client) classify(r rest.Reply) rest.Class {
	if r.Status < 300 {
		if !r.Whole || len(r.Body) > 64<<10 || !bytes.Contains(r.Body, []byte(`"error"`)) || bytes.Contains(r.Body, []byte(`"results"`)) {
			return rest.Class{}
		}
		if unwrap(r.Body).Error == nil {
			return rest.Class{}
		}
	}
	k := c.judge(r.Status, r.Body, r.About, r.Request != nil && r.Request.Write)
	k.RetryAfter = max(k.RetryAfter, r.RetryAfter())
	return k
}

// unwrap reads {"error":…} and [{"error":…}].
func unwrap(body []byte) (f failure) {
	if json.Unmarshal(body, &f) == nil && f.Error != nil {
		return f
	}
	var many []failure
	if json.Unmarshal(body, &many) == nil {
		for _, m := range many {
			if m.Error != nil {
				return m
			}
		}
	}
	return failure{}
}

// codes maps error codes to what they mean; a code that is not here is judged
// by its group, then by the status. The words are those of
// google/ads/googleads/v25/errors.
var codes = map[string]struct {
	kind fault.Kind
	hint string
}{
	"authenticationError.OAUTH_TOKEN_REVOKED":                                      {fault.Auth, "reauthorise"},
	"authenticationError.OAUTH_TOKEN_DISABLED":                                     {fault.Auth, "reauthorise"},
	"authenticationError.CUSTOMER_NOT_FOUND":                                       {fault.Denied, "no such account; check customers and login_customer_id"},
	"authenticationError.CLIENT_CUSTOMER_ID_INVALID":                               {fault.Config, "check customers and login_customer_id: an account id is ten digits"},
	"authenticationError.DEVELOPER_TOKEN_INVALID":                                  {fault.Config, "check developer_token: the API centre of the manager account shows it"},
	"authenticationError.NOT_ADS_USER":                                             {fault.Auth, "the Google user of the refresh token has no Google Ads account; re-authorise as one that has"},
	"authorizationError.USER_PERMISSION_DENIED":                                    {fault.Denied, "the user has no access to this account; check that login_customer_id is a manager above it"},
	"authorizationError.CUSTOMER_NOT_ENABLED":                                      {fault.Denied, "the account is not enabled yet or no longer; leave it out of customers"},
	"authorizationError.DEVELOPER_TOKEN_NOT_APPROVED":                              {fault.Config, "the developer token may only reach test accounts; apply for basic access in the API centre"},
	"authorizationError.DEVELOPER_TOKEN_PROHIBITED":                                {fault.Config, "the developer token belongs to another Google Cloud project than client_id"},
	"authorizationError.DEVELOPER_TOKEN_NOT_ON_ALLOWLIST":                          {fault.Config, "the developer token may not be used for this"},
	"authorizationError.PROJECT_DISABLED":                                          {fault.Config, "enable the Google Ads API in the Google Cloud project of client_id"},
	"authorizationError.CLOUD_PROJECT_NOT_APPROVED_FOR_PRODUCTION":                 {fault.Config, "the Google Cloud project of client_id is not approved for production"},
	"authorizationError.INVALID_LOGIN_CUSTOMER_ID_SERVING_CUSTOMER_ID_COMBINATION": {fault.Config, "login_customer_id is not a manager above this account"},
	"authorizationError.INCOMPLETE_SIGNUP":                                         {fault.Denied, "finish the sign-up of the account in Google Ads"},
	"authorizationError.MISSING_TOS":                                               {fault.Denied, "accept the terms of service of the account in Google Ads"},
	"headerError.INVALID_LOGIN_CUSTOMER_ID":                                        {fault.Config, "check login_customer_id: ten digits of a manager account"},
	"requestError.DEVELOPER_TOKEN_PARAMETER_MISSING":                               {fault.Config, "developer_token is missing"},
	"requestError.LOGIN_CUSTOMER_ID_PARAMETER_MISSING":                             {fault.Config, "set login_customer_id to the manager account"},
	"requestError.INVALID_CUSTOMER_ID":                                             {fault.Config, "check customers and login_customer_id: an account id is ten digits"},
	"requestError.UNSUPPORTED_VERSION":                                             {fault.Unsupported, "Google no longer answers this version of the API; a newer Argo is needed"},
	"queryError.REQUESTED_METRICS_FOR_MANAGER":                                     {fault.Denied, "a manager account has no campaigns; leave it out of customers"},
	"quotaError.ACCESS_PROHIBITED":                                                 {fault.Denied, "the developer token has no access to the API"},
	"mutateError.RESOURCE_NOT_FOUND":                                               {fault.Refused, ""},
	"campaignBudgetError.NON_MULTIPLE_OF_MINIMUM_CURRENCY_UNIT":                    {fault.Refused, "use a multiple of the currency's smallest unit"},
	"authorizationError.ACTION_NOT_PERMITTED":                                      {fault.Denied, "the user may read this account and not change it"},
	"authorizationError.ACTION_NOT_PERMITTED_FOR_SUSPENDED_ACCOUNT":                {fault.Denied, "the account is suspended"},
	"authenticationError.ORGANIZATION_NOT_ASSOCIATED_WITH_DEVELOPER_TOKEN":         {fault.Config, "the developer token belongs to another organisation than client_id"},
	"authenticationError.TWO_STEP_VERIFICATION_NOT_ENROLLED":                       {fault.Auth, "switch on two-step verification for the Google user, then re-authorise"},
	"authenticationError.ADVANCED_PROTECTION_NOT_ENROLLED":                         {fault.Auth, "enrol the Google user in advanced protection, then re-authorise"},
	"authenticationError.GOOGLE_ACCOUNT_DELETED":                                   {fault.Auth, "re-authorise as a Google user that exists"},
	"authorizationError.SERVICE_ACCESS_DENIED":                                     {fault.Denied, ""},
	"authorizationError.ACCESS_DENIED_FOR_ACCOUNT_TYPE":                            {fault.Denied, ""},
}

// judge classifies an error reply, or an error in the middle of a stream
// (status 0). write says that the request was to change something.
func (c *Client) judge(status int, body []byte, about string, write bool) rest.Class {
	k := c.verdict(status, body, about, write)
	k.Fault.RetryAfter = k.RetryAfter
	return k
}

func (c *Client) verdict(status int, body []byte, about string, write bool) rest.Class {
	f := unwrap(body)
	code, text, delay, request := "", "", time.Duration(0), ""
	word := ""
	if e := f.Error; e != nil {
		if status < 300 {
			status = e.Code
		}
		word, text = e.Status, e.Message
		for _, d := range e.Details {
			if request == "" {
				request = d.RequestID
			}
			for _, x := range d.Errors {
				if code != "" {
					continue
				}
				for group, name := range x.ErrorCode {
					code = group + "." + fmt.Sprint(name)
				}
				if x.Message != "" {
					text = x.Message
				}
				delay, _ = time.ParseDuration(x.Details.QuotaErrorDetails.RetryDelay)
			}
		}
	}
	if status < 300 || status > 599 { // google.rpc.Code where the HTTP status is not known
		status = map[int]int{3: 400, 5: 404, 7: 403, 8: 429, 10: 409, 13: 500, 14: 503, 16: 401, 4: 504}[status]
	}
	if text = c.rest.Redact(text); text == "" { // a stream's error does not pass through rest
		text = "no further word"
	}
	if len(text) > 300 {
		text = strings.ToValidUTF8(text[:300], "") + "…"
	}
	if code == "" {
		code = word
	}
	say := func(kind fault.Kind) *fault.Error {
		tail := code
		if request != "" {
			tail += ", request " + request
		}
		if tail = strings.TrimPrefix(tail, ", "); tail == "" {
			tail = fmt.Sprintf("HTTP %d", status)
		}
		return fault.New(kind, "%s: %s [%s]", about, strings.TrimRight(text, ". "), tail)
	}
	if known, ok := codes[code]; ok {
		k := rest.Class{Fault: say(known.kind), Safe: true}
		if k.Fault.Hint = known.hint; known.hint == "reauthorise" {
			k.Fault.Hint = c.reauthorise()
		}
		return k
	}
	group, name, _ := strings.Cut(code, ".")
	switch {
	case group == "quotaError" || status == 429:
		k := rest.Class{Fault: say(fault.Throttled), Safe: true, RetryAfter: delay, Retry: true}
		if name == "RESOURCE_EXHAUSTED" || name == "EXCESSIVE_LONG_TERM_QUERY_RESOURCE_CONSUMPTION" {
			k.Retry = delay > 0 // the day's quota: without a delay nobody knows when
			k.Fault.Hint = "the day's quota of the developer token is used up; it renews within 24 hours"
		}
		return k
	case group == "databaseError" && name == "CONCURRENT_MODIFICATION" || status == 409:
		return rest.Class{Fault: say(fault.Conflict), Safe: true, Retry: true}
	case status == 401: // an expired token often comes without a GoogleAdsFailure
		return rest.Class{Fault: say(fault.Auth).WithHint("%s", c.reauthorise()), Renew: true, Safe: true}
	case group == "internalError" || status >= 500 || status == 0:
		return rest.Class{Fault: say(fault.Unavailable), Retry: true, RetryAfter: delay}
	case group == "authorizationError" || status == 403:
		return rest.Class{Fault: say(fault.Denied), Safe: true}
	case write:
		return rest.Class{Fault: say(fault.Refused), Safe: true}
	case group == "queryError" || group == "fieldError":
		return rest.Class{Fault: say(fault.Internal).WithHint("Argo asked a question that Google Ads does not accept; report it")}
	case status == 404:
		return rest.Class{Fault: say(fault.NotFound).WithHint("check base_url")}
	}
	return rest.Class{Fault: say(fault.Invalid)}
}
