// Package kakaomoment reads Kakao Moment over its Open API, v4: ad accounts,
// campaigns, ad groups, creatives, and what they delivered by day, device,
// placement, age and gender, region, hour and creative format.
//
// Protocol facts (developers.kakao.com/docs, business-auth and kakaomoment):
//
//   - The credential is a business token of the scope moment_management. There is
//     no refresh token and nothing to rotate: the token lives as long as it is
//     used, and after a long rest (how long is published nowhere) somebody has to
//     consent again. A token of Kakao Login is refused.
//   - Every call but the list of accounts names its account in the header
//     adAccountId.
//   - A report takes ids and a level: accounts (by account or campaign), up to 5
//     campaigns (by campaign or ad group), up to 40 ad groups (by ad group or
//     creative). One call in 5 s for an account, of ad groups one in 1 s; each
//     endpoint counts for itself. It is made at once, has no pages, no totals and
//     no cap on rows.
//   - It holds up to 31 days, start to end, and never today, which start and end
//     leave out without a word: today is a call of its own (datePreset=TODAY).
//     Days are KST. A day may change until 08:00 of the next one.
//   - Metrics come in groups; all groups that the tables have are asked for at
//     once, so that the columns of a statement never change a call. One dimension
//     fits in a call: each dimension is a table.
//   - Rows carry only the id of their level. Names, and the campaign of an ad
//     group, are taken from the lists, which have no published limit and are kept
//     for ten minutes.
//   - Lists have no budget: campaigns, ad_groups and creatives take a call for each
//     object.
//
// UNCONFIRMED, and decided here: conversions of 1d and 7d are taken to be booked
// to the day of the click (they settle after nine days); whether cost has value
// added tax in it is told by the option cost_includes_vat; the names of the age
// dimension changed once (option age_dimension).
//
// Client, the Handle of a connection, is also what the write side
// (automation/ads/kakaomoment) reads the present state with and sends changes
// through. The package knows no cache, no engine and no guardrail.
package kakaomoment

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

// Source is Kakao Moment.
var Source = tables.Source{
	Name:   "kakao_moment",
	Doc:    "Kakao Moment: ad accounts, campaigns, ad groups, creatives, performance by day (Open API v4)",
	Sample: sample,
	Open:   open,
}

const sample = `# Kakao Moment. The token is a reference: env:NAME, file:PATH or aws-sm:NAME.
- name: kakao_moment
  source: kakao_moment
  options:
    business_token: env:KAKAO_MOMENT_BUSINESS_TOKEN   # business authentication, scope moment_management; not a Kakao Login token
    # ad_accounts: ["1234"]           # only these; default: every account of the token's user
    # since: 2026-01-01               # first day of the tables; default: 90 days before today
    # cost_includes_vat: false        # what cost of the reports holds: Kakao does not publish it; compare a day with the invoice
    # age_dimension: AGE              # AGE or AGE_BAND: the name by which reports of the app are cut by age
    # in_flight_window: 2m            # how long a change whose reply was lost may still take effect
    # base_url: https://apis.moment.kakao.com
`

type config struct {
	BaseURL         string   `yaml:"base_url"`
	BusinessToken   string   `yaml:"business_token"`
	AdAccounts      []string `yaml:"ad_accounts"`
	Since           string   `yaml:"since"`
	CostIncludesVAT *bool    `yaml:"cost_includes_vat"`
	AgeDimension    string   `yaml:"age_dimension"`
	InFlightWindow  string   `yaml:"in_flight_window"`
}

var accountID = regexp.MustCompile(`^[1-9][0-9]{0,17}$`)

func open(ctx context.Context, env tables.Env) (*tables.Connection, error) {
	var o config
	if err := env.Decode(&o); err != nil {
		return nil, err
	}
	bad := func(format string, args ...any) error {
		return fault.New(fault.Config, "connection %s: %s", env.Name, fmt.Sprintf(format, args...)).
			WithHint("argo sources --sample kakao_moment shows the options")
	}
	if o.BusinessToken == "" {
		return nil, bad("business_token is missing")
	}
	token, err := env.Secret(ctx, o.BusinessToken)
	if err != nil {
		return nil, fmt.Errorf("business_token: %w", err)
	}
	c := &Client{name: env.Name, now: env.Now, only: o.AdAccounts, vat: o.CostIncludesVAT, inFlight: 2 * time.Minute, trees: map[string]*tree{}, turn: make(chan struct{}, 1)}
	for _, id := range o.AdAccounts {
		if !accountID.MatchString(id) {
			return nil, bad("ad_accounts: %q is not an ad account id; write its digits", id)
		}
	}
	if c.age = cmp.Or(o.AgeDimension, "AGE"); c.age != "AGE" && c.age != "AGE_BAND" {
		return nil, bad("age_dimension: %q is none; write AGE or AGE_BAND", o.AgeDimension)
	}
	since := tables.DayOf(env.Now().In(kst)).Add(-90)
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
	// Whoever uses the token shares its budgets, which are named by a digest.
	c.scope = "kakao_moment/" + rest.Digest(token)
	c.rest = rest.New(rest.Options{
		Name: "Kakao Moment", BaseURL: strings.TrimRight(cmp.Or(o.BaseURL, "https://apis.moment.kakao.com"), "/") + "/openapi/v4",
		HTTP: env.HTTP, Log: env.Log, Now: env.Now, Sleep: env.Sleep,
		Auth: rest.Bearer(token), Classify: c.classify, Observe: c.observe,
		MaxWait:    15 * time.Minute, // a report comes every five seconds: a year of every table is a long line
		Connection: env.Name, Quotas: env.Quotas, Record: env.Record,
	})
	return &tables.Connection{Tables: c.tables(since), Handle: c, Check: c.check}, nil
}

// check lists the accounts, and reads the campaigns of the first one: a token
// may list accounts whose campaigns its user has not consented to.
func (c *Client) check(ctx context.Context) (string, error) {
	all, err := c.accounts(ctx, true)
	if err != nil {
		return "", err
	}
	for _, id := range c.only {
		if !slices.ContainsFunc(all, func(a tables.Account) bool { return a.ID == id && a.Name != "" }) {
			return "", fault.New(fault.Config, "connection %s: ad_accounts: the token's user is no member of ad account %s", c.name, id).
				WithHint("leave it out of ad_accounts, or have the Kakao account invited to it at moment.kakao.com")
		}
	}
	if len(all) > 0 {
		if _, err := c.campaigns(ctx, all[0].ID, true); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%d ad accounts", len(all)), nil
}

// InFlightWindow is how long a change may still take effect after its reply was
// lost: before it has passed, a read that shows the old value proves nothing.
func (c *Client) InFlightWindow() time.Duration { return c.inFlight }
