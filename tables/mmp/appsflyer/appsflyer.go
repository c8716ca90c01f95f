// Package appsflyer reads the aggregate reports of AppsFlyer's Pull API.
//
// Protocol facts (AppsFlyerKnowledge/devhub, docs/apis/analytics, and working
// clients):
//
//   - GET /api/agg-data/export/app/{app}/{report}/v5 answers CSV whose columns
//     are found by name. The reports with events carry three columns for each
//     in-app event, so that their columns change with the app and the range:
//     events are rows of a table of their own.
//   - Figures are lifetime values that belong to the day of the install: revenue
//     and sessions of an old day go on growing as long as its users live. They
//     settle late, after 180 days; impressions, clicks, installs and cost after
//     32 (the groups of sheets.go).
//   - A call is for one app; no range is too long, no report is made in the
//     background, and none has totals: days are tied out by nobody. The same
//     report without days (partners_report) would be a control total, but takes
//     one of the 24 long calls that an app has a day.
//   - The day is that of the app's time zone where the request names exactly the
//     zone of the app's setting, and UTC where it names none.
//   - An app may ask each report once a minute for up to two days, and 24 times
//     a day for more (120 times for all apps of an account); beyond that the
//     answer is 403 with "Limit reached for …". A report therefore serves the
//     main table and the table of its events from one call, a reply is kept for
//     a minute (nobody could have a newer one), and the cache keeps all columns
//     of it (Table.Whole).
//   - N/A stands for no value. Numbers are read as decimals, never as floats.
//
// Accounts are the apps that the configuration names: the list of an account's
// apps is another product with other credentials. The package knows no cache
// and no engine.
package appsflyer

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"argo/tables"
	"argo/tables/fault"
	"argo/tables/rest"
)

// Source is AppsFlyer.
var Source = tables.Source{
	Name:   "appsflyer",
	Doc:    "AppsFlyer: installs, cost, revenue and in-app events by day of install (aggregate Pull API)",
	Sample: sample,
	Open:   open,
}

const sample = `# AppsFlyer aggregate reports. The token is a reference: env:NAME, file:PATH or aws-sm:NAME.
- name: appsflyer
  source: appsflyer
  options:
    token: env:APPSFLYER_TOKEN        # API token V2, of an admin of the account
    apps:
      - id: id900000001               # iOS: id and digits; Android: the package name
        name: Brand A iOS
        time_zone: Asia/Seoul         # exactly the app's setting; leave out for UTC
        currency: KRW                 # the app's currency, in which all amounts are
      - id: com.example.branda
        name: Brand A Android
        time_zone: Asia/Seoul
        currency: KRW
    # since: 2026-01-01               # first day of the tables; default: 90 days before today
    # base_url: https://hq1.appsflyer.com
`

type config struct {
	BaseURL string `yaml:"base_url"`
	Token   string `yaml:"token"`
	Apps    []app  `yaml:"apps"`
	Since   string `yaml:"since"`
}

type app struct {
	ID       string `yaml:"id"`
	Name     string `yaml:"name"`
	TimeZone string `yaml:"time_zone"`
	Currency string `yaml:"currency"`
}

var (
	appID       = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)
	currencyISO = regexp.MustCompile(`^[A-Z]{3}$`)
)

func open(ctx context.Context, env tables.Env) (*tables.Connection, error) {
	var o config
	if err := env.Decode(&o); err != nil {
		return nil, err
	}
	bad := func(format string, args ...any) error {
		return fault.New(fault.Config, "connection %s: %s", env.Name, fmt.Sprintf(format, args...)).
			WithHint("argo sources --sample appsflyer shows the options")
	}
	if o.Token == "" {
		return nil, bad("token is missing")
	}
	token, err := env.Secret(ctx, o.Token)
	if err != nil {
		return nil, fmt.Errorf("token: %w", err)
	}
	if len(o.Apps) == 0 {
		return nil, bad("apps is empty: name at least one app")
	}
	c := &client{name: env.Name, apps: map[string]app{}, now: env.Now, sleep: env.Sleep, kept: map[key]*reply{}, fullest: map[[2]string]int{}}
	for i, a := range o.Apps {
		at := fmt.Sprintf("apps[%d]", i)
		switch _, twice := c.apps[a.ID]; {
		case !appID.MatchString(a.ID):
			return nil, bad("%s: id: %q is not an app id; write id900000001 or com.example.app", at, a.ID)
		case twice:
			return nil, bad("%s: id: %s is named twice", at, a.ID)
		case strings.Trim(a.ID, "0123456789") == "":
			return nil, bad("%s: id: an iOS app is written id%s", at, a.ID)
		case a.Currency != "" && !currencyISO.MatchString(a.Currency):
			return nil, bad("%s: currency: %q is not an ISO 4217 code such as KRW", at, a.Currency)
		}
		if _, err := time.LoadLocation(a.TimeZone); err != nil || a.TimeZone == "Local" {
			return nil, bad("%s: time_zone: %q is not an IANA time zone such as Asia/Seoul", at, a.TimeZone)
		}
		c.apps[a.ID] = a
		c.accounts = append(c.accounts, tables.Account{ID: a.ID, Name: cmp.Or(a.Name, a.ID), Currency: a.Currency, Zone: a.TimeZone})
	}
	since := tables.DayOf(env.Now().UTC()).Add(-90)
	if o.Since != "" {
		if since, err = tables.ParseDay(o.Since); err != nil {
			return nil, bad("since: %q is not a day; write 2026-01-31", o.Since)
		}
	}
	c.scope = "appsflyer/" + rest.Digest(token)
	c.rest = rest.New(rest.Options{
		Name: "AppsFlyer", BaseURL: cmp.Or(o.BaseURL, "https://hq1.appsflyer.com"),
		HTTP: env.HTTP, Log: env.Log, Now: env.Now, Sleep: env.Sleep,
		Auth: rest.Bearer(token), Elsewhere: true, Classify: c.classify, MaxBody: 1 << 30,
		MaxWait:    5 * time.Minute, // a report of a few days comes once a minute: waiting is usual
		Connection: env.Name, Quotas: env.Quotas, Record: env.Record,
	})
	return &tables.Connection{Tables: c.tables(since), Check: c.check}, nil
}

// check asks one report of each app for yesterday.
func (c *client) check(ctx context.Context) (string, error) {
	day := tables.DayOf(c.now().UTC()).Add(-1)
	for _, a := range c.accounts {
		// A limit that is reached is a limit of credentials that work.
		if _, err := c.report(ctx, key{a.ID, "daily_report", tables.Days{From: day, To: day}}, 0); err != nil && !fault.Is(err, fault.Throttled) {
			return "", err
		}
	}
	return fmt.Sprintf("%d apps", len(c.accounts)), nil
}
