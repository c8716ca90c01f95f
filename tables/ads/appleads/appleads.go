// Package appleads reads Apple Ads: accounts, campaigns, ad groups, keywords,
// ads, creatives, and what they delivered by day, hour, country, device, age,
// gender and region. Two APIs stand behind one set of tables: the Apple Ads
// Platform API v1 and, with version: v5, the Campaign Management API v5, which
// Apple retires on 2027-01-26.
//
// Protocol facts, from Apple's pages (developer.apple.com/documentation/
// apple-ads-platform-api and apple_ads) and Apple's own client library
// (PyPI apple-ads-platform):
//
//   - A client secret is a JWT (ES256) and is exchanged for an access token of
//     an hour. It is signed with crypto/ecdsa of the standard library.
//   - v1 names the account in X-AP-Context: adAccountId=…, v5 in orgId=…; the
//     two ids differ.
//   - A report gives a row for each object and in it one entry for each day.
//     v1 wants a campaignId filter in every report, v5 the campaign in the path
//     of all but one; so the campaigns are listed first, deleted ones too.
//   - DAILY begins at most 90 days ago and is refused for a single day: such a
//     day, and each day that is older, is asked for without a granularity.
//     That Apple answers for older days then is UNCONFIRMED; a refusal fails
//     the scan. HOURLY begins at most 7 days ago (v5: 30) and older hours are gone.
//   - Days are asked for in ORTZ, the account's own calendar: search terms know
//     no other.
//   - Entries without delivery may be there and are no rows. Metrics below the
//     privacy threshold are null and stay NULL; terms below it have no text.
//   - v1 gives control totals with a report, but for search terms; v5 gives none
//     beside a granularity.
//   - Limits have no published size: RateLimit-Remaining, RateLimit-Reset and
//     Retry-After are obeyed. That a campaignId filter takes IN with many ids in
//     every report, and the fields that v5 sorts reports by, are UNCONFIRMED.
//
// Client, the Handle of a connection, is also what the write side
// (automation/ads/appleads) reads the present state with and sends changes
// through. The package knows no cache, no engine and no guardrail.
package appleads

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

// Source is Apple Ads.
var Source = tables.Source{
	Name:   "apple_ads",
	Doc:    "Apple Ads: accounts, campaigns, ad groups, keywords, ads, creatives, performance by day, hour, country, device, age, gender (Platform API v1 or Campaign Management v5)",
	Sample: sample,
	Open:   open,
}

const sample = `# Apple Ads. Secrets are references: env:NAME, file:PATH or aws-sm:NAME.
- name: apple_ads
  source: apple_ads
  options:
    client_id: SEARCHADS.00000000-0000-0000-0000-000000000000   # Account Settings > API shows the three ids
    team_id: SEARCHADS.00000000-0000-0000-0000-000000000000     # of the public key that was uploaded there
    key_id: 00000000-0000-0000-0000-000000000000
    private_key: env:APPLE_ADS_PRIVATE_KEY    # its private key, PEM (openssl ecparam -genkey -name prime256v1 -noout)
    # accounts: ["123456"]                    # only these; default: every active account that the API user may see
    # since: 2026-09-01                       # first day of the tables; default: 89 days before today, as far as daily reports go
    # version: v1                             # v5: the Campaign Management API, which Apple retires on 2027-01-26
    # page_size: 1000                         # rows a reply, at most 1000
    # in_flight_window: 2m                    # how long a change whose reply was lost may still take effect
    # base_url: https://api.ads.apple.com     # v5: https://api.searchads.apple.com
    # token_url: https://appleid.apple.com/auth/oauth2/token
`

type config struct {
	BaseURL        string   `yaml:"base_url"`
	TokenURL       string   `yaml:"token_url"`
	ClientID       string   `yaml:"client_id"`
	TeamID         string   `yaml:"team_id"`
	KeyID          string   `yaml:"key_id"`
	PrivateKey     string   `yaml:"private_key"`
	Accounts       []string `yaml:"accounts"`
	Since          string   `yaml:"since"`
	Version        string   `yaml:"version"`
	PageSize       int      `yaml:"page_size"`
	InFlightWindow string   `yaml:"in_flight_window"`
}

// inFlightWindow is the default of how long a change may take effect after its
// reply was lost: the time limit of a request and some of Apple's own.
const inFlightWindow = 2 * time.Minute

var accountID = regexp.MustCompile(`^[0-9]{1,18}$`)

func open(ctx context.Context, env tables.Env) (*tables.Connection, error) {
	var o config
	if err := env.Decode(&o); err != nil {
		return nil, err
	}
	bad := func(format string, args ...any) error {
		return fault.New(fault.Config, "connection %s: %s", env.Name, fmt.Sprintf(format, args...)).
			WithHint("argo sources --sample apple_ads shows the options")
	}
	for _, s := range []struct{ name, value string }{
		{"client_id", o.ClientID}, {"team_id", o.TeamID}, {"key_id", o.KeyID}, {"private_key", o.PrivateKey},
	} {
		if s.value == "" {
			return nil, bad("%s is missing", s.name)
		}
	}
	pem, err := env.Secret(ctx, o.PrivateKey)
	if err != nil {
		return nil, fmt.Errorf("private_key: %w", err)
	}
	key, err := parseKey(pem)
	if err != nil {
		return nil, fault.New(fault.Auth, "connection %s: private_key cannot be used: %s", env.Name, err).
			WithHint("private_key refers to the PEM text of the key whose public half is under Account Settings > API; openssl ecparam -genkey -name prime256v1 -noout makes one")
	}
	c := &Client{name: env.Name, now: env.Now, turn: make(chan struct{}, 1), inFlight: inFlightWindow, size: 1000}
	switch o.Version {
	case "", "v1":
	case "v5":
		c.v5 = true
	default:
		return nil, bad("version: %q is none; write v1 or v5", o.Version)
	}
	if o.PageSize != 0 {
		if c.size = o.PageSize; o.PageSize < 1 || o.PageSize > 1000 {
			return nil, bad("page_size: %d is not between 1 and 1000", o.PageSize)
		}
	}
	for _, s := range o.Accounts {
		if !accountID.MatchString(s) {
			return nil, bad("accounts: %q is not an account id; write its digits", s)
		}
		c.only = append(c.only, s)
	}
	today := tables.DayOf(env.Now().UTC())
	since := today.Add(1 - keptDaily)
	if o.Since != "" {
		if since, err = tables.ParseDay(o.Since); err != nil {
			return nil, bad("since: %q is not a day; write 2026-01-31", o.Since)
		}
	}
	if o.InFlightWindow != "" {
		if c.inFlight, err = time.ParseDuration(o.InFlightWindow); err != nil || c.inFlight <= 0 {
			return nil, bad("in_flight_window: %q is not a duration; write 2m", o.InFlightWindow)
		}
	}
	host, path := "https://api.ads.apple.com", "/v1"
	if c.v5 {
		host, path = "https://api.searchads.apple.com", "/api/v5"
	}
	// Whoever uses the API user shares its budget, which is named by a digest.
	c.scope = "apple_ads/" + rest.Digest(o.ClientID) + "/requests"
	c.rest = rest.New(rest.Options{
		Name:    "Apple Ads",
		BaseURL: strings.TrimRight(cmp.Or(o.BaseURL, host), "/") + path,
		HTTP:    env.HTTP, Log: env.Log, Now: env.Now, Sleep: env.Sleep,
		Auth: &auth{
			tokenURL: cmp.Or(o.TokenURL, "https://appleid.apple.com/auth/oauth2/token"), client: o.ClientID, team: o.TeamID, keyID: o.KeyID,
			key: key, pem: pem, http: env.HTTP, now: env.Now, sleep: env.Sleep, connection: env.Name, record: env.Record,
			hint: c.hint(), turn: make(chan struct{}, 1),
		},
		Classify: c.classify, Observe: observe,
		Connection: env.Name, Quotas: env.Quotas, Record: env.Record,
	})
	return &tables.Connection{
		Tables: c.tables(since, today),
		Handle: c,
		Check: func(ctx context.Context) (string, error) {
			all, err := c.roster(ctx, true)
			if err != nil {
				return "", err
			}
			for _, id := range c.only {
				at := slices.IndexFunc(all, func(a account) bool { return a.ID == id })
				switch {
				case at < 0:
					what := "ad account ids, which version v1 uses; organisation ids are for v5"
					if c.v5 {
						what = "organisation ids, which version v5 uses; ad account ids are for v1"
					}
					return "", bad("accounts: the API user does not reach account %s; these are %s", id, what)
				case !all[at].active():
					return "", bad("accounts: account %s is %s", id, all[at].Status)
				}
			}
			n := len(c.scanned(all))
			if n == 0 {
				return "", fault.New(fault.Denied, "connection %s: the API user reaches no active account", env.Name).
					WithHint("give it a role on an account: Account Settings > User Management")
			}
			return fmt.Sprintf("%d accounts", n), nil
		},
	}, nil
}

func (c *Client) hint() string {
	return "connection " + c.name + ": compare client_id, team_id and key_id with Account Settings > API of Apple Ads, and private_key with the public key there; then run argo check"
}

// InFlightWindow is how long a change may still take effect after its reply was
// lost: before it has passed, a read that shows the old value proves nothing.
func (c *Client) InFlightWindow() time.Duration { return c.inFlight }
