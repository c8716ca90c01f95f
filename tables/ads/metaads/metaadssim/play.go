package metaadssim

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"argo/tables/market"
)

// accountOf is the account that a path is about, as its id in the API without
// act_; "" where it is for none.
func (c *call) accountOf() string {
	for _, part := range strings.Split(c.r.URL.Path, "/") {
		if id, ok := strings.CutPrefix(part, "act_"); ok {
			return id
		}
		if r := c.report(part); r != nil {
			return accountID(r.account)
		}
		if len(part) > 12 {
			if o, err := c.object(part); err == nil {
				return accountID(o.account.ID)
			}
		}
	}
	return ""
}

// play answers the request the way the fault plan wants it.
func (s *Sim) play(c *call) {
	account := c.accountOf()
	f, hit := s.Faults.Next(market.Call{Sim: "metaads", Path: c.r.Method + " " + c.r.URL.Path, Account: account})
	if !hit {
		c.serve()
		return
	}
	body, _ := io.ReadAll(io.LimitReader(c.r.Body, 16<<20)) // a torn body is a bad request below
	c.r.Body = io.NopCloser(bytes.NewReader(body))
	if f.After {
		real := c.w
		c.w = &capture{header: http.Header{}}
		c.serve()
		c.w = real
	}
	switch f.Kind {
	case market.Unauthorized:
		c.fail(&apiError{status: 401, code: 190, subcode: 463, kind: "OAuthException", message: "Error validating access token: Session has expired."})
	case market.DeniedCall:
		c.fail(&apiError{status: 403, code: 200, kind: "OAuthException", message: "(#200) Ad account owner has NOT grant ads_management or ads_read permission"})
	case market.Throttle:
		c.fail(c.throttle(account, f.Retry))
	case market.Internal:
		c.fail(&apiError{status: 500, code: 1, kind: "OAuthException", message: "An unknown error occurred", subcode: 99})
	case market.Unavailable:
		c.fail(&apiError{status: 503, code: 2, kind: "OAuthException", message: "Service temporarily unavailable", transient: true})
	case market.Drop:
		panic(http.ErrAbortHandler)
	case market.Hang:
		<-c.r.Context().Done()
		panic(http.ErrAbortHandler)
	case market.Slow:
		if c.m.Sleep(c.r.Context(), f.Delay) != nil {
			panic(http.ErrAbortHandler)
		}
		c.serve()
	case market.Truncate:
		c.truncate(f.Bytes)
	case market.Midstream:
		parts := strings.Split(strings.Trim(c.r.URL.Path, "/"), "/")
		if r := c.report(parts[len(parts)-1]); r != nil {
			c.mu.Lock()
			r.failed = true
			c.mu.Unlock()
			c.serve()
			return
		}
		c.fail(&apiError{status: 500, code: 2, kind: "OAuthException", message: "An unexpected error has occurred. Please retry your request later.", transient: true})
	case market.Late, market.Missing, market.Repeat:
		c.asOf, c.missing, c.repeat = c.m.Now().Add(-f.Delay), f.Kind == market.Missing, f.Kind == market.Repeat
		if f.Kind != market.Late {
			c.asOf = time.Time{}
		}
		c.serve()
	}
}

// throttle is a limit that is reached, with the headers that say for how long.
func (c *call) throttle(account string, retry time.Duration) *apiError {
	if retry == 0 {
		retry = time.Minute
	}
	insights := strings.Contains(c.r.URL.Path, "/insights")
	for _, part := range strings.Split(c.r.URL.Path, "/") {
		insights = insights || c.report(part) != nil
	}
	use, code := "ads_management", 80004
	if insights {
		use, code = "ads_insights", 80000
	}
	switch {
	case account == "":
		c.w.Header().Set("X-App-Usage", `{"call_count":100,"total_cputime":12,"total_time":20}`)
		return &apiError{status: 400, code: 4, subcode: 1504022, kind: "OAuthException", message: "(#4) Application request limit reached", transient: true}
	case retry < time.Hour:
		c.w.Header().Set("X-Ad-Account-Usage", fmt.Sprintf(`{"acc_id_util_pct":100,"reset_time_duration":%d,"ads_api_access_tier":%q}`, int(math.Ceil(retry.Seconds())), c.tier()))
		return &apiError{status: 400, code: 17, subcode: 2446079, kind: "OAuthException", message: "(#17) User request limit reached", transient: true,
			title: "Ad Account Has Too Many API Calls", user: "There have been too many calls from this ad-account. Wait a bit and try again."}
	}
	c.usage(account, use, 100, int(math.Ceil(retry.Minutes())))
	return &apiError{status: 400, code: code, subcode: 2446079, kind: "OAuthException",
		message: "(#" + strconv.Itoa(code) + ") There have been too many calls from this ad-account. Wait a bit and try again. For more info, please refer to https://developers.facebook.com/docs/graph-api/overview/rate-limiting."}
}

func (c *call) tier() string {
	if c.o.Development {
		return "development_access"
	}
	return "standard_access"
}

// usage sets the header of business use cases.
func (c *call) usage(account, use string, percent, regain int) {
	c.w.Header().Set("X-Business-Use-Case-Usage", fmt.Sprintf(`{%q:[{"type":%q,"call_count":%d,"total_cputime":%d,"total_time":%d,"estimated_time_to_regain_access":%d,"ads_api_access_tier":%q}]}`,
		account, use, percent, percent/2, percent/3, regain, c.tier()))
}

// score of an account.
type score struct {
	level   float64
	at      time.Time
	blocked time.Time
}

// enter takes a call from the limits of an account.
func (c *call) enter(id int64, use string, points int) error {
	now := c.m.Now()
	account := accountID(id)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.w.Header().Set("X-App-Usage", `{"call_count":0,"total_cputime":0,"total_time":0}`)
	hourly := c.o.Hourly
	if hourly == 0 {
		hourly = map[string]int{"ads_insights": 190_000, "ads_management": 100_000}[use]
		if c.o.Development {
			hourly = map[string]int{"ads_insights": 600, "ads_management": 300}[use]
		}
	}
	key := account + use
	if hourly > 0 {
		list := c.spent[key]
		for len(list) > 0 && now.Sub(list[0]) >= time.Hour {
			list = list[1:]
		}
		if len(list) >= hourly {
			c.spent[key] = list
			c.exceeded[use]++
			c.usage(account, use, 100, int(math.Ceil(list[0].Add(time.Hour).Sub(now).Minutes())))
			code := map[string]int{"ads_insights": 80000, "ads_management": 80004}[use]
			return &apiError{status: 400, code: code, subcode: 2446079, kind: "OAuthException", message: "(#" + strconv.Itoa(code) + ") There have been too many calls from this ad-account. Wait a bit and try again."}
		}
		c.spent[key] = append(list, now)
		c.usage(account, use, (len(list)+1)*100/hourly, 0)
	}
	if use == "ads_insights" {
		c.w.Header().Set("x-fb-ads-insights-throttle", fmt.Sprintf(`{"app_id_util_pct":0,"acc_id_util_pct":0,"ads_api_access_tier":%q}`, c.tier()))
		return nil
	}
	if c.o.Score < 0 {
		return nil
	}
	limit := float64(c.o.Score)
	s := c.scores[account]
	if s == nil {
		s = &score{at: now}
		c.scores[account] = s
	}
	s.level = max(0, s.level-now.Sub(s.at).Seconds()*limit/300)
	s.at = now
	if s.level+float64(points) > limit && s.blocked.Before(now) {
		s.blocked = now.Add(time.Minute)
		if c.o.Development {
			s.blocked = now.Add(5 * time.Minute)
		}
	}
	if now.Before(s.blocked) {
		c.exceeded["score"]++
		c.w.Header().Set("X-Ad-Account-Usage", fmt.Sprintf(`{"acc_id_util_pct":100,"reset_time_duration":%d,"ads_api_access_tier":%q}`, int(math.Ceil(s.blocked.Sub(now).Seconds())), c.tier()))
		return &apiError{status: 400, code: 17, subcode: 2446079, kind: "OAuthException", message: "(#17) User request limit reached", transient: true,
			title: "Ad Account Has Too Many API Calls", user: "There have been too many calls from this ad-account. Wait a bit and try again."}
	}
	s.level += float64(points)
	c.w.Header().Set("X-Ad-Account-Usage", fmt.Sprintf(`{"acc_id_util_pct":%.2f,"reset_time_duration":0,"ads_api_access_tier":%q}`, s.level/limit*100, c.tier()))
	return nil
}

// Exceeded is how often a limit was exceeded, by its name. Planned faults are not
// among them.
func (s *Sim) Exceeded() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[string]int{}
	for k, n := range s.exceeded {
		out[k] = n
	}
	return out
}

// truncate promises the whole answer and sends its first bytes.
func (c *call) truncate(n int) {
	x := &capture{header: http.Header{}, code: 200}
	real := c.w
	c.w = x
	c.serve()
	for k, v := range x.header {
		real.Header()[k] = v
	}
	real.Header().Set("Content-Length", strconv.Itoa(x.body.Len()))
	real.WriteHeader(x.code)
	_, _ = real.Write(x.body.Bytes()[:min(n, max(x.body.Len()-1, 0))])
	if f, ok := real.(http.Flusher); ok {
		f.Flush()
	}
	panic(http.ErrAbortHandler)
}

// capture is a ResponseWriter that keeps the answer.
type capture struct {
	header http.Header
	code   int
	body   bytes.Buffer
}

func (c *capture) Header() http.Header         { return c.header }
func (c *capture) Write(b []byte) (int, error) { return c.body.Write(b) }
func (c *capture) WriteHeader(code int)        { c.code = code }
