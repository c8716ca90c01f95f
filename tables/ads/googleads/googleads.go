// Package googleads reads Google Ads over its REST interface, v25: the tree of
// accounts, campaigns, budgets, ad groups, ads, keywords, change events, and
// what they delivered by day, device and network.
//
// Protocol facts, from the published messages (googleapis/googleapis,
// google/ads/googleads/v25) and the reference of the fields:
//
//   - A query is GAQL in one POST to googleAds:searchStream; the reply is a JSON
//     array of chunks, and an error may be an element of it. int64 travels as
//     JSON text, money as micros, unset fields not at all.
//   - customer_client holds every direct and indirect client of a manager and
//     the manager itself, so that one query gives a whole tree.
//   - As soon as a query has a segment, rows whose selected metrics are all zero
//     are left out. Which rows there are would then depend on the columns a
//     statement names. Every performance query therefore also selects the
//     anchors: the metrics of which at least one is not zero wherever anything
//     happened. The grain and the number of rows never depend on the statement.
//   - Days are those of the account's time zone; money is in the account's
//     currency. Conversions are booked to the day of the click and go on
//     arriving through the conversion window, at most 90 days: until then a day
//     is provisional.
//   - A query is for one account: metrics of a manager are refused
//     (REQUESTED_METRICS_FOR_MANAGER), and there is no query across accounts and
//     no report in the background. No longest range of days is published, and a
//     stream is one operation however long it is: the days of an account are
//     asked for together.
//   - A stream gives its control totals itself (summaryRowSetting): the last chunk
//     holds the summary row alone, the metrics of all rows together. Those of
//     search terms are not the sums of the rows that are shown
//     (googleads/google-ads-dotnet issue 474).
//   - A developer token has so many operations in 24 hours, by its level of access
//     (option access_level), and token and account each have a bucket of requests
//     whose size is not published. Error 429 says in QuotaErrorDetails which one
//     is empty and for how long; nothing is sent to it until then.
//
// Client, the Handle of a connection, is also what the write side
// (automation/ads/googleads) reads the present state with and sends changes
// through. The package knows no cache, no engine and no guardrail.
package googleads

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"argo/tables"
	"argo/tables/fault"
	"argo/tables/rest"
)

// Source is Google Ads.
var Source = tables.Source{
	Name:   "google_ads",
	Doc:    "Google Ads: accounts, campaigns, budgets, ad groups, ads, keywords, performance by day, change events (REST v25)",
	Sample: sample,
	Open:   open,
}

const sample = `# Google Ads. Secrets are references: env:NAME, file:PATH or aws-sm:NAME.
- name: google_ads
  source: google_ads
  options:
    developer_token: env:GOOGLE_ADS_DEVELOPER_TOKEN   # API centre of the manager account
    client_id: env:GOOGLE_ADS_CLIENT_ID               # OAuth client (desktop or web)
    client_secret: env:GOOGLE_ADS_CLIENT_SECRET
    refresh_token: env:GOOGLE_ADS_REFRESH_TOKEN       # scope https://www.googleapis.com/auth/adwords
    login_customer_id: "1234567890"                   # manager account; leave out for accounts of one's own
    # customers: ["1112223333", "4445556666"]         # only these; default: every enabled account of the tree
    # since: 2026-01-01                               # first day of the tables; default: 90 days before today
    # access_level: basic                             # of the developer token: test, explorer, basic (15,000 operations in
                                                      # 24 hours) or standard (no limit); see the API centre
    # in_flight_window: 2m                            # how long a change whose reply was lost may still take effect
    # base_url: https://googleads.googleapis.com
    # token_url: https://oauth2.googleapis.com/token
`

type config struct {
	BaseURL         string   `yaml:"base_url"`
	TokenURL        string   `yaml:"token_url"`
	DeveloperToken  string   `yaml:"developer_token"`
	ClientID        string   `yaml:"client_id"`
	ClientSecret    string   `yaml:"client_secret"`
	RefreshToken    string   `yaml:"refresh_token"`
	LoginCustomerID string   `yaml:"login_customer_id"`
	Customers       []string `yaml:"customers"`
	Since           string   `yaml:"since"`
	InFlightWindow  string   `yaml:"in_flight_window"`
	AccessLevel     string   `yaml:"access_level"`
}

// inFlightWindow is the default of how long a change may take effect after its
// reply was lost: the time limit of a request and some of Google's own.
const inFlightWindow = 2 * time.Minute

var customerID = regexp.MustCompile(`^[0-9]{3,12}$`)

// customer reads an account id with or without hyphens.
func customer(s string) (string, bool) {
	s = strings.ReplaceAll(strings.TrimSpace(s), "-", "")
	return s, customerID.MatchString(s)
}

func open(ctx context.Context, env tables.Env) (*tables.Connection, error) {
	var o config
	if err := env.Decode(&o); err != nil {
		return nil, err
	}
	bad := func(format string, args ...any) error {
		return fault.New(fault.Config, "connection %s: %s", env.Name, fmt.Sprintf(format, args...)).
			WithHint("argo sources --sample google_ads shows the options")
	}
	secret := map[string]string{}
	for _, s := range []struct{ name, ref string }{
		{"developer_token", o.DeveloperToken}, {"client_id", o.ClientID}, {"client_secret", o.ClientSecret}, {"refresh_token", o.RefreshToken},
	} {
		if s.ref == "" {
			return nil, bad("%s is missing", s.name)
		}
		v, err := env.Secret(ctx, s.ref)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.name, err)
		}
		secret[s.name] = v
	}
	c := &Client{name: env.Name, now: env.Now, turn: make(chan struct{}, 1), inFlight: inFlightWindow}
	if o.LoginCustomerID != "" {
		id, ok := customer(o.LoginCustomerID)
		if !ok {
			return nil, bad("login_customer_id: %q is not an account id; write its ten digits", o.LoginCustomerID)
		}
		c.login = id
	}
	for _, s := range o.Customers {
		id, ok := customer(s)
		if !ok {
			return nil, bad("customers: %q is not an account id; write its ten digits", s)
		}
		c.only = append(c.only, id)
	}
	today := tables.DayOf(env.Now().UTC())
	since := today.Add(-90)
	if o.Since != "" {
		var err error
		if since, err = tables.ParseDay(o.Since); err != nil {
			return nil, bad("since: %q is not a day; write 2026-01-31", o.Since)
		}
	}
	if o.InFlightWindow != "" {
		d, err := time.ParseDuration(o.InFlightWindow)
		if err != nil || d <= 0 {
			return nil, bad("in_flight_window: %q is not a duration; write 2m", o.InFlightWindow)
		}
		c.inFlight = d
	}
	level := cmp.Or(o.AccessLevel, "basic")
	if _, ok := daily[level]; !ok {
		return nil, bad("access_level: %q is none; write test, explorer, basic or standard", o.AccessLevel)
	}
	// Whoever uses the token shares its budgets, which are named by a digest.
	c.daily, c.scope = daily[level], "google_ads/"+rest.Digest(secret["developer_token"])
	c.rest = rest.New(rest.Options{
		Name:    "Google Ads",
		BaseURL: strings.TrimRight(cmp.Or(o.BaseURL, "https://googleads.googleapis.com"), "/") + "/v25",
		HTTP:    env.HTTP, Log: env.Log, Now: env.Now, Sleep: env.Sleep,
		Auth: &rest.OAuth{
			Name: "Google Ads", TokenURL: cmp.Or(o.TokenURL, "https://oauth2.googleapis.com/token"),
			ClientID: secret["client_id"], ClientSecret: secret["client_secret"], RefreshToken: secret["refresh_token"],
			HTTP: env.HTTP, Now: env.Now, Sleep: env.Sleep, Dead: c.reauthorise(), Connection: env.Name, Record: env.Record,
		},
		Head:     map[string][]string{"developer-token": {secret["developer_token"]}},
		Secrets:  []string{secret["developer_token"]},
		Classify: c.classify, Observe: c.observe,
		Connection: env.Name, Quotas: env.Quotas, Record: env.Record,
		UserAgent: "argo (gzip)", // Google compresses only for agents that also say so here
	})
	return &tables.Connection{
		Tables: c.tables(since, today),
		Handle: c,
		Check: func(ctx context.Context) (string, error) {
			all, err := c.tree(ctx, true)
			if err != nil {
				return "", err
			}
			managers := 0
			for _, a := range all {
				if a.Manager {
					managers++
				}
			}
			for _, id := range c.only {
				at := slices.IndexFunc(all, func(a account) bool { return a.ID == id })
				switch {
				case at < 0:
					return "", bad("customers: the credentials do not reach account %s", id)
				case all[at].Manager:
					return "", bad("customers: account %s is a manager and has no campaigns", id)
				case all[at].Status != "ENABLED":
					return "", bad("customers: account %s is %s", id, all[at].Status)
				}
			}
			return fmt.Sprintf("%d accounts, %d managers", len(c.scanned(all)), managers), nil
		},
	}, nil
}

// InFlightWindow is how long a change may still take effect after its reply was
// lost: before it has passed, a read that shows the old value proves nothing.
func (c *Client) InFlightWindow() time.Duration { return c.inFlight }

// Now is the connection's clock.
func (c *Client) Now() time.Time { return c.now() }

func (c *Client) reauthorise() string {
	return "re-authorise connection " + c.name + ": put a new refresh token where refresh_token points to, then run argo check"
}
