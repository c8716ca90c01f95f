package googleadssim

import (
	"fmt"
	"maps"
	"math"
	"mime"
	"strings"
	"time"
)

// token plays the OAuth 2.0 endpoint: grant_type refresh_token in a form.
func (c *call) token() {
	c.w.Header().Set("Cache-Control", "no-store")
	fail := func(code int, word, description string) {
		writeJSON(c.w, code, map[string]string{"error": word, "error_description": description})
	}
	if c.r.Method != "POST" {
		fail(405, "invalid_request", "Only POST is allowed.")
		return
	}
	if typ, _, _ := mime.ParseMediaType(c.r.Header.Get("Content-Type")); typ != "application/x-www-form-urlencoded" || c.r.ParseForm() != nil {
		fail(400, "invalid_request", "The body must be a form.")
		return
	}
	f := c.r.PostForm
	id, secret := f.Get("client_id"), f.Get("client_secret")
	if user, pass, ok := c.r.BasicAuth(); ok && id == "" {
		id, secret = user, pass
	}
	switch {
	case id != c.o.ClientID:
		fail(401, "invalid_client", "The OAuth client was not found.")
	case secret != c.o.ClientSecret:
		fail(401, "invalid_client", "Unauthorized")
	case f.Get("grant_type") == "":
		fail(400, "invalid_request", "Missing required parameter: grant_type")
	case f.Get("grant_type") != "refresh_token":
		fail(400, "unsupported_grant_type", "Invalid grant_type: "+f.Get("grant_type"))
	case f.Get("refresh_token") == "":
		fail(400, "invalid_request", "Missing required parameter: refresh_token")
	case f.Get("refresh_token") != c.o.RefreshToken:
		fail(400, "invalid_grant", "Token has been expired or revoked.")
	default:
		t := fmt.Sprintf("ya29.simulated-%d", c.next())
		now := c.m.Now()
		c.mu.Lock()
		maps.DeleteFunc(c.tokens, func(_ string, expiry time.Time) bool { return now.Sub(expiry) > 24*time.Hour })
		c.tokens[t] = now.Add(c.o.AccessTokenLife)
		c.mu.Unlock()
		writeJSON(c.w, 200, map[string]any{"access_token": t, "expires_in": int(c.o.AccessTokenLife.Seconds()),
			"scope": "https://www.googleapis.com/auth/adwords", "token_type": "Bearer"})
	}
}

// authenticate checks the access token, then the developer token.
func (c *call) authenticate() error {
	h := c.r.Header.Get("Authorization")
	if h == "" {
		return frontEnd(401, "CREDENTIALS_MISSING", "Request is missing required authentication credential. Expected OAuth 2 access token, login cookie or other valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.")
	}
	t, bearer := strings.CutPrefix(h, "Bearer ")
	c.mu.Lock()
	expiry, known := c.tokens[t]
	c.mu.Unlock()
	switch {
	case !bearer || !known:
		return frontEnd(401, "ACCESS_TOKEN_TYPE_UNSUPPORTED", "%s", messageOf[401])
	case !c.m.Now().Before(expiry):
		return expired()
	}
	switch dev := c.r.Header.Get("developer-token"); {
	case dev == "":
		return single(400, "requestError", "DEVELOPER_TOKEN_PARAMETER_MISSING", "The developer token is missing: it is a required header.")
	case dev != c.o.DeveloperToken:
		return single(401, "authenticationError", "DEVELOPER_TOKEN_INVALID", "The developer token is not valid.")
	}
	return nil
}

func expired() *apiError {
	return single(401, "authenticationError", "OAUTH_TOKEN_EXPIRED", "OAuth token in the header has expired.")
}

// bucketOf is a token bucket that fills by the market's clock.
type bucketOf struct {
	level float64
	at    time.Time
}

// take a token from the bucket; otherwise how long until there is one.
func (s *Sim) take(key string, rate float64, now time.Time) time.Duration {
	burst := rate * 10
	b, ok := s.buckets[key]
	if !ok {
		b = &bucketOf{burst, now}
		s.buckets[key] = b
	}
	if d := now.Sub(b.at).Seconds(); d > 0 {
		b.level, b.at = math.Min(b.level+d*rate, burst), now
	}
	if b.level >= 1 {
		b.level--
		return 0
	}
	return time.Duration(math.Ceil((1-b.level)/rate)) * time.Second
}

// window is the day of the quota: a sliding stretch of 24 hours.
const window = 24 * time.Hour

// spending is how many operations a request cost, and when.
type spending struct {
	at time.Time
	n  int
}

// spend takes the operations of a request from the quotas: of the customer, the
// developer token, and the last 24 hours. What is refused costs none.
func (c *call) spend(operations int, customer string) error {
	now := c.m.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	refuse := func(code, scope, rate string, wait time.Duration) error {
		c.exceeded[rate]++
		return throttled(code, scope, rate, wait)
	}
	if customer != "" && c.o.CustomerRate > 0 {
		if d := c.take(customer, c.o.CustomerRate, now); d > 0 {
			return refuse("RESOURCE_TEMPORARILY_EXHAUSTED", "ACCOUNT", "Requests per account", d)
		}
	}
	if c.o.DeveloperRate > 0 {
		if d := c.take("", c.o.DeveloperRate, now); d > 0 {
			return refuse("RESOURCE_TEMPORARILY_EXHAUSTED", "DEVELOPER", "Requests per developer token", d)
		}
	}
	c.forget(now)
	if over := c.total + operations - c.o.Operations; c.o.Operations > 0 && over > 0 {
		wait := window
		for _, s := range c.spent { // the oldest first
			if over -= s.n; over <= 0 {
				wait = s.at.Add(window).Sub(now).Truncate(time.Second) + time.Second
				break
			}
		}
		return refuse("RESOURCE_EXHAUSTED", "DEVELOPER", "Number of operations for basic access", wait)
	}
	c.spent = append(c.spent, spending{now, operations})
	c.total += operations
	return nil
}

// forget drops what was spent more than 24 hours ago.
func (s *Sim) forget(now time.Time) {
	for len(s.spent) > 0 && now.Sub(s.spent[0].at) >= window {
		s.total -= s.spent[0].n
		s.spent = s.spent[1:]
	}
}

// Spent is how many operations were counted against the developer token in the
// last 24 hours.
func (s *Sim) Spent() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(s.m.Now())
	return s.total
}

// Exceeded is how often a limit was exceeded, by its name in QuotaErrorDetails.
// Planned faults are not among them.
func (s *Sim) Exceeded() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.exceeded)
}
