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

// pacific is where the day of the quota begins.
var pacific = func() *time.Location {
	l, err := time.LoadLocation("America/Los_Angeles")
	if err != nil {
		return time.UTC
	}
	return l
}()

// spend takes the operations of a request from the quotas: of the customer, the
// developer token, and the day.
func (c *call) spend(operations int, customer string) error {
	now := c.m.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if customer != "" && c.o.CustomerRate > 0 {
		if d := c.take(customer, c.o.CustomerRate, now); d > 0 {
			return throttled("RESOURCE_TEMPORARILY_EXHAUSTED", "ACCOUNT", "Requests per account", d)
		}
	}
	if c.o.DeveloperRate > 0 {
		if d := c.take("", c.o.DeveloperRate, now); d > 0 {
			return throttled("RESOURCE_TEMPORARILY_EXHAUSTED", "DEVELOPER", "Requests per developer token", d)
		}
	}
	local := now.In(pacific)
	if day := local.Format(time.DateOnly); day != c.day {
		c.day, c.spent = day, 0
	}
	if c.o.Operations > 0 && c.spent+operations > c.o.Operations {
		y, m, d := local.Date()
		wait := time.Date(y, m, d+1, 0, 0, 0, 0, pacific).Sub(now).Truncate(time.Second) + time.Second
		return throttled("RESOURCE_EXHAUSTED", "DEVELOPER", "Number of operations for basic access", wait)
	}
	c.spent += operations
	return nil
}

// Spent is how many operations were counted against the developer token today.
func (s *Sim) Spent() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.spent
}
