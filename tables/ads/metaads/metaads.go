// Package metaads reads the Meta Marketing API, v25.0: ad accounts, campaigns, ad
// sets, ads, creatives, the log of activities, and what all of these delivered by
// day, with the breakdowns by age and gender, country, region, placement, device
// and hour.
//
// Protocol facts, from Meta's SDK specifications
// (facebook/facebook-business-sdk-codegen, api_specs/specs) and the pages
// Insights API, Breakdowns, Asynchronous jobs, Rate limiting and Error handling:
//
//   - Figures are texts, whatever they count. Money of insights is a decimal of
//     the account's currency; money of entities (budgets, bids) is in minor units,
//     of which 100 make one unit but for the currencies of [offset].
//   - Insights have rows only where there was delivery, so that the rows do not
//     depend on the fields asked for.
//   - action_attribution_windows adds a key for each window to every action;
//     "value" is the default, a click within 7 days or a view within one.
//     action_report_time=impression books actions to the day of the impression.
//   - Only some breakdowns go together. By region and by hour there are no
//     off-Meta actions, by hour nothing that counts people. Reach by a breakdown
//     goes back 13 months, everything else 37.
//   - A request that is too big is refused (code 100, subcode 1487534; code 1). It
//     is then submitted as a report in the background: POST insights gives a
//     report_run_id, which is polled until it says Job Completed and 100 percent.
//     A report that fails without a word is one that is too big as well: its days
//     are halved, and that of one day fails the scan. The id of a report is kept on
//     disk from its submission until its last row, so that a restart goes on with
//     it; between Meta's reply and that write it can be lost, Meta lists no reports.
//   - Throttling is HTTP 400 with a code (4, 17, 32, 613, 80000 to 80014). Before
//     that, headers say how much is used up: X-App-Usage, X-Ad-Account-Usage,
//     X-Business-Use-Case-Usage, X-Fb-Ads-Insights-Throttle. All of them are obeyed.
//   - paging.next holds the token and is not followed: the cursor beside it is.
//
// Client, the Handle of a connection, is also what the write side
// (automation/ads/metaads) reads the present state with and sends changes
// through. The package knows no cache, no engine and no guardrail.
package metaads

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"argo/tables"
	"argo/tables/fault"
	"argo/tables/rest"
)

// Source is Meta.
var Source = tables.Source{
	Name:   "meta_ads",
	Doc:    "Meta (Facebook, Instagram): ad accounts, campaigns, ad sets, ads, creatives, insights by day and breakdown, activities (Marketing API v25.0)",
	Sample: sample,
	Open:   open,
}

const version = "v25.0"

const sample = `# Meta Marketing API. Secrets are references: env:NAME, file:PATH or aws-sm:NAME.
- name: meta_ads
  source: meta_ads
  options:
    access_token: env:META_ACCESS_TOKEN   # of a system user, with ads_read (and ads_management to change anything)
    # app_secret: env:META_APP_SECRET     # where the app asks for appsecret_proof
    # business_id: "1234567890"           # accounts owned by and shared with this business; default: those of the token
    # accounts: ["1112223334445556"]      # only these (with or without act_)
    # since: 2026-01-01                   # first day of the tables; default: 90 days before today, at most 37 months
    # access_tier: standard               # of the app's Ads Management access: standard or development (far lower limits)
    # in_flight_window: 2m                # how long a change whose reply was lost may still take effect
    # base_url: https://graph.facebook.com
`

type config struct {
	BaseURL        string   `yaml:"base_url"`
	AccessToken    string   `yaml:"access_token"`
	AppSecret      string   `yaml:"app_secret"`
	BusinessID     string   `yaml:"business_id"`
	Accounts       []string `yaml:"accounts"`
	Since          string   `yaml:"since"`
	AccessTier     string   `yaml:"access_tier"`
	InFlightWindow string   `yaml:"in_flight_window"`
}

const (
	// inFlightWindow is the default of how long a change may take effect after its
	// reply was lost.
	inFlightWindow = 2 * time.Minute
	// keptMonths is how far insights go back, and reachMonths reach by a breakdown.
	keptMonths, reachMonths = 37, 13
)

var digits = regexp.MustCompile(`^[0-9]{1,20}$`)

func open(ctx context.Context, env tables.Env) (*tables.Connection, error) {
	var o config
	if err := env.Decode(&o); err != nil {
		return nil, err
	}
	bad := func(format string, args ...any) error {
		return fault.New(fault.Config, "connection %s: %s", env.Name, fmt.Sprintf(format, args...)).
			WithHint("argo sources --sample meta_ads shows the options")
	}
	if o.AccessToken == "" {
		return nil, bad("access_token is missing")
	}
	token, err := env.Secret(ctx, o.AccessToken)
	if err != nil {
		return nil, fmt.Errorf("access_token: %w", err)
	}
	c := &Client{name: env.Name, now: env.Now, sleep: env.Sleep, turn: make(chan struct{}, 1), inFlight: inFlightWindow, business: o.BusinessID}
	secrets := []string{}
	if o.AppSecret != "" {
		secret, err := env.Secret(ctx, o.AppSecret)
		if err != nil {
			return nil, fmt.Errorf("app_secret: %w", err)
		}
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(token))
		c.proof = hex.EncodeToString(mac.Sum(nil))
		secrets = append(secrets, secret, c.proof)
	}
	if o.BusinessID != "" && !digits.MatchString(o.BusinessID) {
		return nil, bad("business_id: %q is not the id of a business; write its digits", o.BusinessID)
	}
	for _, s := range o.Accounts {
		id := strings.TrimPrefix(strings.TrimSpace(s), "act_")
		if !digits.MatchString(id) {
			return nil, bad("accounts: %q is not an ad account; write its digits", s)
		}
		c.only = append(c.only, id)
	}
	today := tables.DayOf(env.Now().UTC())
	since := today.Add(-90)
	if o.Since != "" {
		if since, err = tables.ParseDay(o.Since); err != nil {
			return nil, bad("since: %q is not a day; write 2026-01-31", o.Since)
		}
	}
	// Two days more than it would be: the accounts' calendars are behind, and the
	// program runs over a midnight.
	since = max(since, tables.DayOf(today.Time().AddDate(0, -keptMonths, 2)))
	if o.InFlightWindow != "" {
		d, err := time.ParseDuration(o.InFlightWindow)
		if err != nil || d <= 0 {
			return nil, bad("in_flight_window: %q is not a duration; write 2m", o.InFlightWindow)
		}
		c.inFlight = d
	}
	switch o.AccessTier {
	case "", "standard":
		c.tier = standard
	case "development":
		c.tier = development
	default:
		return nil, bad("access_tier: %q is none; write standard or development", o.AccessTier)
	}
	if env.Dir != "" {
		c.reports.dir = filepath.Join(env.Dir, "reports")
	}
	c.scope = "meta_ads/" + rest.Digest(token) // whoever has the token shares its budgets
	c.rest = rest.New(rest.Options{
		Name: "Meta", BaseURL: strings.TrimRight(cmp.Or(o.BaseURL, "https://graph.facebook.com"), "/") + "/" + version,
		HTTP: env.HTTP, Log: env.Log, Now: env.Now, Sleep: env.Sleep,
		Auth: rest.Bearer(token), Secrets: secrets, Classify: c.classify, Observe: c.observe,
		Connection: env.Name, Quotas: env.Quotas, Record: env.Record,
	})
	return &tables.Connection{
		Tables: c.tables(since, today),
		Handle: c,
		Check: func(ctx context.Context) (string, error) {
			all, err := c.list(ctx, true)
			if err != nil {
				return "", err
			}
			for _, id := range c.only {
				at := slices.IndexFunc(all, func(a account) bool { return a.ID == id })
				switch {
				case at < 0:
					return "", bad("accounts: the token does not reach ad account %s", id)
				case !all[at].open():
					return "", bad("accounts: ad account %s is closed", id)
				}
			}
			n := len(c.scanned(all))
			if n == 0 {
				return "", fault.New(fault.Denied, "connection %s: the token reaches no ad account", env.Name).
					WithHint("assign ad accounts to the system user in Meta Business settings (Users, System users, Assign assets), then run argo check")
			}
			return fmt.Sprintf("%d ad accounts", n), nil
		},
	}, nil
}

// InFlightWindow is how long a change may still take effect after its reply was
// lost: before it has passed, a read that shows the old value proves nothing.
func (c *Client) InFlightWindow() time.Duration { return c.inFlight }
