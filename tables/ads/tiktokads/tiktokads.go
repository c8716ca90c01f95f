// Package tiktokads reads TikTok for Business over its Marketing API, v1.3:
// advertisers, campaigns, ad groups, ads, and what they delivered by day, hour,
// age and gender, country and platform.
//
// Protocol facts (TikTok's own SDK, tiktok/tiktok-business-api-sdk, and what public
// connectors record):
//
//   - The credential is an access token in the header Access-Token, without a
//     word before it. It lives until it is revoked; there is nothing to renew.
//   - Every business error is HTTP 200 with a code that is not 0. Lists in a
//     query are JSON. Every path ends in a slash.
//   - A report with stat_time_day holds up to 30 days, one with stat_time_hour a
//     single day. It has one id, at most one time, and pages of up to 1000 rows.
//     Names and the ids above are asked for as metrics. Days are the advertiser's.
//   - A report covers up to 20,000 ads: one that has as many is asked for again in
//     halves, and a single day that has as many is a fault.
//   - Figures are texts, some numbers; "-" is no value.
//   - The app's level of access decides how many calls there are: option
//     api_level. No header tells what is left; code 40100 is one call too many.
//
// UNCONFIRMED, and decided here: the calls per minute and day of a level; that
// create_time and modify_time are UTC; how many advertisers one call of
// advertiser/info takes (50 are asked for); after how many days figures rest
// (cost after 9 days, conversions after 32).
//
// The package knows no cache, no engine and no guardrail.
package tiktokads

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"argo/tables"
	"argo/tables/fault"
	"argo/tables/rest"
)

// Source is TikTok Ads.
var Source = tables.Source{
	Name:   "tiktok_ads",
	Doc:    "TikTok Ads: advertisers, campaigns, ad groups, ads, performance by day and hour (Marketing API v1.3)",
	Sample: sample,
	Open:   open,
}

const sample = `# TikTok Ads. Secrets are references: env:NAME, file:PATH or aws-sm:NAME.
- name: tiktok_ads
  source: tiktok_ads
  options:
    access_token: env:TIKTOK_ACCESS_TOKEN   # of an advertiser's authorization; it lives until it is revoked
    app_id: "7000000000000000001"           # My Apps at business-api.tiktok.com; with app_secret it lists the advertisers
    app_secret: env:TIKTOK_APP_SECRET
    # advertisers: ["7000000000000000002"]  # only these; app_id and app_secret are not needed then
    # since: 2026-01-01                     # first day of the tables; default: 90 days before today
    # api_level: basic                      # basic, advanced or premium: the app's level of access
    # report_ads: 20000                     # ads from which on a report may lack some
    # base_url: https://business-api.tiktok.com
`

type config struct {
	BaseURL     string   `yaml:"base_url"`
	AccessToken string   `yaml:"access_token"`
	AppID       string   `yaml:"app_id"`
	AppSecret   string   `yaml:"app_secret"`
	Advertisers []string `yaml:"advertisers"`
	Since       string   `yaml:"since"`
	APILevel    string   `yaml:"api_level"`
	ReportAds   int      `yaml:"report_ads"`
}

var number64 = regexp.MustCompile(`^[1-9][0-9]{0,18}$`)

// header is the credential as TikTok wants it.
type header string

func (h header) Set(_ context.Context, r *http.Request) (string, error) {
	r.Header.Set("Access-Token", string(h))
	return "", nil
}
func (h header) Renew(string) bool { return false }
func (h header) Secrets() []string { return []string{string(h)} }

func open(ctx context.Context, env tables.Env) (*tables.Connection, error) {
	var o config
	if err := env.Decode(&o); err != nil {
		return nil, err
	}
	bad := func(format string, args ...any) error {
		return fault.New(fault.Config, "connection %s: %s", env.Name, fmt.Sprintf(format, args...)).
			WithHint("argo sources --sample tiktok_ads shows the options")
	}
	if o.AccessToken == "" {
		return nil, bad("access_token is missing")
	}
	if len(o.Advertisers) == 0 && (o.AppID == "" || o.AppSecret == "") {
		return nil, bad("advertisers are neither named nor can they be listed: give advertisers, or app_id and app_secret")
	}
	token, err := env.Secret(ctx, o.AccessToken)
	if err != nil {
		return nil, fmt.Errorf("access_token: %w", err)
	}
	c := &Client{name: env.Name, now: env.Now, only: o.Advertisers, app: o.AppID, most: cmp.Or(o.ReportAds, 20000), turn: make(chan struct{}, 1)}
	if o.AppSecret != "" {
		if c.secret, err = env.Secret(ctx, o.AppSecret); err != nil {
			return nil, fmt.Errorf("app_secret: %w", err)
		}
	}
	for _, id := range o.Advertisers {
		if !number64.MatchString(id) {
			return nil, bad("advertisers: %q is not an advertiser id; write its digits", id)
		}
	}
	var ok bool
	if c.perSecond, ok = map[string]int{"": 10, "basic": 10, "advanced": 20, "premium": 30}[o.APILevel]; !ok {
		return nil, bad("api_level: %q is none; write basic, advanced or premium", o.APILevel)
	}
	if c.most < 1 {
		return nil, bad("report_ads: %d is no number of ads", o.ReportAds)
	}
	since := tables.DayOf(env.Now()).Add(-90)
	if o.Since != "" {
		if since, err = tables.ParseDay(o.Since); err != nil {
			return nil, bad("since: %q is not a day; write 2026-01-31", o.Since)
		}
	}
	// Calls are counted by app; whoever has no app_id is told apart by the token.
	c.scope = "tiktok_ads/" + rest.Digest(cmp.Or(o.AppID, token))
	c.rest = rest.New(rest.Options{
		Name: "TikTok Ads", BaseURL: strings.TrimRight(cmp.Or(o.BaseURL, "https://business-api.tiktok.com"), "/") + "/open_api/v1.3",
		HTTP: env.HTTP, Log: env.Log, Now: env.Now, Sleep: env.Sleep,
		Auth: header(token), Secrets: slices.DeleteFunc([]string{c.secret}, func(s string) bool { return s == "" }), Classify: c.classify, Observe: c.observe,
		Connection: env.Name, Quotas: env.Quotas, Record: env.Record,
	})
	return &tables.Connection{Tables: c.tables(since), Handle: c, Check: c.check}, nil
}

// check lists the advertisers, and reads a page of campaigns of the first one.
func (c *Client) check(ctx context.Context) (string, error) {
	all, err := c.accounts(ctx, true)
	if err != nil {
		return "", err
	}
	if len(all) > 0 {
		if _, err := c.list(ctx, "campaign/get/", all[0].ID, nil); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%d advertisers", len(all)), nil
}
