package appsflyer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"strings"
	"sync"
	"time"

	"argo/tables"
	"argo/tables/fault"
	"argo/tables/rest"
)

// client of one connection. Safe for concurrent use.
type client struct {
	name     string
	apps     map[string]app
	accounts []tables.Account
	scope    string // path of the budgets of the token
	rest     *rest.Client
	now      func() time.Time
	sleep    func(context.Context, time.Duration) error

	mu      sync.Mutex
	kept    map[key]*reply
	fullest map[[2]string]int // rows of a day in the fullest reply of an app and report, on average
}

// key is what a call of the API is about.
type key struct {
	app, report string
	days        tables.Days
}

// reply is a report that arrived, or is about to: turn holds one token, and who
// has it asks.
type reply struct {
	turn chan struct{}
	body []byte
	at   time.Time // zero: not arrived
}

// keep is how long a reply answers again: as long as the API gives no newer
// one. keepBytes bounds what is kept.
const (
	keep      = time.Minute
	keepBytes = 64 << 20
)

// report gives the text of a report, from the last minute or from the API.
// maxAge, where positive, wants one that is not older. Faults: Auth, Denied,
// NotFound, Throttled, Unavailable, Invalid.
func (c *client) report(ctx context.Context, k key, maxAge time.Duration) ([]byte, error) {
	r := c.slot(k)
	select {
	case r.turn <- struct{}{}:
		defer func() { <-r.turn }()
	case <-ctx.Done():
		return nil, fault.Wrap(fault.Canceled, ctx.Err(), "AppsFlyer app %s: the request was given up", k.app)
	}
	if body, ok := c.have(k, maxAge); ok {
		return body, nil
	}
	asked := c.now()
	body, err := c.fetch(ctx, k)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	of := [2]string{k.app, k.report}
	c.fullest[of] = max(c.fullest[of], 1+bytes.Count(body, []byte{'\n'})/k.days.Len())
	if r.body, r.at = body, asked; len(body) > keepBytes {
		r.body, r.at = nil, time.Time{}
	}
	return body, nil
}

// have gives a reply of the last minute, not older than maxAge where that is
// positive.
func (c *client) have(k key, maxAge time.Duration) ([]byte, bool) {
	good := keep
	if maxAge > 0 {
		good = min(good, maxAge)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.kept[k]
	if r == nil || r.at.IsZero() || c.now().Sub(r.at) >= good {
		return nil, false
	}
	return r.body, true
}

// fits says that a report of so many days is far from maxRows: four times as
// full as any before it would not reach it.
func (c *client) fits(app, report string, days int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.fullest[[2]string{app, report}]
	return n > 0 && n*days < maxRows/4
}

// slot gives the place of a reply and drops what is too old or too much.
func (c *client) slot(k key) *reply {
	c.mu.Lock()
	defer c.mu.Unlock()
	now, total := c.now(), 0
	for other, r := range c.kept {
		total += len(r.body)
		if other != k && len(r.turn) == 0 && (now.Sub(r.at) >= keep || total > keepBytes) {
			total -= len(r.body)
			delete(c.kept, other)
		}
	}
	if c.kept[k] == nil {
		c.kept[k] = &reply{turn: make(chan struct{}, 1)}
	}
	return c.kept[k]
}

// fetch asks the API. The whole text is read before a row is given, so that a
// cut reply is asked for again and never seen in part.
func (c *client) fetch(ctx context.Context, k key) ([]byte, error) {
	q := url.Values{"from": {string(k.days.From)}, "to": {string(k.days.To)}}
	if zone := c.apps[k.app].TimeZone; zone != "" {
		q.Set("timezone", zone)
	}
	limits := c.limits(k)
	for attempt := 1; ; attempt++ {
		body, err := c.ask(ctx, k, q, limits)
		f := fault.As(err)
		switch {
		case err == nil:
			return body, nil
		case attempt == 1 && f.Kind == fault.Throttled && f.RetryAfter <= time.Minute:
			// A limit by the minute or by the day: the text does not tell. A
			// minute is waited out once, in case that another process asked.
			if err := c.sleep(ctx, f.RetryAfter+time.Second); err != nil {
				return nil, fault.Wrap(fault.Canceled, err, "AppsFlyer app %s: the request was given up", k.app)
			}
		case attempt == 1 && f.Kind == fault.Unavailable && errors.Is(err, io.ErrUnexpectedEOF):
		default:
			if f.Kind == fault.Throttled && k.days.Len() > 2 && attempt > 1 {
				// The day's quota is used up, by somebody else: nobody asks before it
				// renews.
				midnight := c.now().UTC().Truncate(24 * time.Hour).Add(24 * time.Hour)
				f.RetryAfter = max(f.RetryAfter, midnight.Sub(c.now()))
				c.rest.Note(ctx, limits, rest.Observation{Key: limits[len(limits)-1].Key, Until: midnight, Reason: f.Message})
			}
			return nil, f
		}
	}
}

// limits of a call: for up to two days one a minute of each report and app,
// beyond that 120 a day of the account and 24 of the app, by calendar days of
// UTC (support.appsflyer.com, page 207034366).
func (c *client) limits(k key) []rest.Limit {
	app := c.scope + "/app/" + k.app
	if k.days.Len() <= 2 {
		return []rest.Limit{{Key: app + "/" + k.report, Law: rest.Rolling(1, time.Minute)}}
	}
	return []rest.Limit{{Key: c.scope + "/reports", Law: rest.Daily(120, "")}, {Key: app + "/reports", Law: rest.Daily(24, "")}}
}

func (c *client) ask(ctx context.Context, k key, q url.Values, limits []rest.Limit) ([]byte, error) {
	res, err := c.rest.Do(ctx, rest.Request{
		Method: "GET", Path: "/api/agg-data/export/app/" + url.PathEscape(k.app) + "/" + k.report + "/v5",
		Query: q, Head: map[string][]string{"Accept": {"text/csv"}}, Limits: limits, Object: "app " + k.app, Account: k.app,
	})
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	var b bytes.Buffer
	if _, err := io.Copy(&b, res.Body); fault.Is(err, fault.Unavailable) {
		return nil, fault.Wrap(fault.Unavailable, io.ErrUnexpectedEOF, "AppsFlyer app %s: the reply was cut", k.app)
	} else if err != nil {
		return nil, err
	}
	if !res.Body.Delimited() && b.Len() > 0 && b.Bytes()[b.Len()-1] != '\n' {
		return nil, fault.Wrap(fault.Unavailable, io.ErrUnexpectedEOF, "AppsFlyer app %s: the reply was cut", k.app)
	}
	if res.Rows = int64(bytes.Count(b.Bytes(), []byte("\n"))) - 1; res.Rows < 0 { // a header alone, or nothing
		res.Rows = 0
	}
	return b.Bytes(), nil
}

// classify says what a reply means: errors are text, JSON with a message, or a
// page of HTML, and a limit is 403.
func (c *client) classify(r rest.Reply) rest.Class {
	text := message(r.Body)
	has := func(s string) bool { return strings.Contains(strings.ToLower(text), s) }
	say := func(k fault.Kind, hint string) *fault.Error {
		f := fault.New(k, "%s: %s [HTTP %d]", r.About, text, r.Status)
		f.Hint = hint
		return f
	}
	switch {
	case r.Status < 300:
		if kind := strings.ToLower(r.Head.Get("Content-Type")); strings.HasPrefix(kind, "text/html") {
			return rest.Class{Fault: say(fault.Broken, "check base_url: the answer is a page, not a report")}
		}
		return rest.Class{}
	case has("limit reached for ") || has("limit has been reached"):
		f := say(fault.Throttled, "AppsFlyer gives a report once a minute for up to two days, and 24 times a day for more; a quota of the day renews at 00:00 UTC")
		if f.RetryAfter = r.RetryAfter(); f.RetryAfter == 0 {
			f.RetryAfter = time.Minute
		}
		return rest.Class{Fault: f}
	case r.Status == 401:
		return rest.Class{Fault: say(fault.Auth, "put a valid API token V2 where token of connection "+c.name+" points to (tokens made before 10 March 2026 were revoked), then run argo check")}
	case r.Status == 403:
		return rest.Class{Fault: say(fault.Denied, "the token's account does not own this app or its plan has no such report")}
	case r.Status == 404:
		return rest.Class{Fault: say(fault.NotFound, "check the id in apps: iOS ids begin with id, and the token's account must own the app")}
	case r.Status == 416 && has("re-try"):
		return rest.Class{Retry: true, RetryAfter: time.Minute, Fault: say(fault.Unavailable, "")}
	case r.Status == 400 || r.Status == 416:
		return rest.Class{Fault: say(fault.Invalid, "check time_zone of the app: it must be exactly the app's setting")}
	}
	k := rest.Classify(r)
	k.Fault.Message = say(k.Fault.Kind, "").Message
	return k
}

// message is the text of an error body, short and on one line.
func message(body []byte) string {
	text := strings.TrimSpace(string(body))
	var o struct{ Message, Error string }
	var s string
	switch {
	case json.Unmarshal(body, &o) == nil && o.Message+o.Error != "":
		text = o.Message
		if text == "" {
			text = o.Error
		}
	case json.Unmarshal(body, &s) == nil:
		text = s
	case strings.HasPrefix(text, "<"):
		text = "a page of HTML"
	}
	if text = strings.Join(strings.Fields(text), " "); len(text) > 200 {
		text = strings.ToValidUTF8(text[:200], "") + "…"
	}
	if text == "" {
		text = "no further word"
	}
	return text
}
