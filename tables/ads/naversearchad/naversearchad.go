// Package naversearchad reads the Naver Search Ad API: accounts, campaigns, ad
// groups, keywords, ads, extensions, /stats, the daily files of /stat-reports, the
// entity files of /master-reports, and bizmoney.
//
// Protocol facts (naver/searchad-apidoc: guides, Swagger, notices, issues):
//
//   - Every request is signed: base64(HMAC-SHA256(secret, "timestamp.METHOD.path"))
//     with the time in milliseconds and the path without its query. A refused
//     signature is made once more, at the present time and with the secret as its
//     reference gives it now: secrets are renewed now and then.
//   - X-Customer names the account. The list of them is that of the unified ad
//     accounts and of what manager accounts hold.
//   - Days are those of Korea. Currency is won.
//   - salesAmt is the cost, not revenue. The cost of report files is without VAT for
//     days before 2026-03-30 and with it from then on, whenever the file is made;
//     of /stats the vendor has said both (option stats_vat). Every table with cost
//     therefore has cost_vat_excl, cost_vat_incl and vat_included.
//   - /stats answers with ids one sum for each, for one campaign type: a range is
//     asked day by day, a hundred ids at once, or entity by entity, 92 days at once,
//     whichever takes fewer requests. Ids without data have no row.
//   - A stat report is a job for one account, type and past day, a file without a
//     header. A job that was submitted is remembered in the connection's folder and
//     gone on with after a restart; one whose submission got no reply is looked for
//     in the list of jobs. It is deleted after its file was read: an account has
//     100 at most, beyond which the oldest is dropped, or a master report refused.
//   - Limits are not published: 8 requests a second for an account, 4 of them for
//     reports, and 50 in all are kept. A 429 may be a page.
//   - PUT takes effect only on what its query fields names; see the package of the
//     same name in automation.
//
// The package knows no cache and no engine.
package naversearchad

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

// Source is Naver Search Ad.
var Source = tables.Source{
	Name:   "naver_searchad",
	Doc:    "Naver Search Ad (네이버 검색광고): campaigns to keywords, daily statistics, search terms, conversions, bizmoney",
	Sample: sample,
	Open:   open,
}

const sample = `# Naver Search Ad. Keys: ads.naver.com, Tools > API Manager. Secrets are references: env:NAME, file:PATH or aws-sm:NAME.
- name: naver_searchad
  source: naver_searchad
  options:
    api_key: env:NAVER_SEARCHAD_API_KEY         # access licence
    secret_key: env:NAVER_SEARCHAD_SECRET_KEY   # read again when a signature is refused: Naver renews secrets now and then
    customer_id: "1000001"                      # CUSTOMER_ID of the keys' owner
    # customers: ["1000002", "1000003"]         # only these, without asking for the list; default: every ad account that the keys reach
    # since: 2026-01-01                         # first day of the tables; default: 90 days before today
    # stats_vat: included                       # whether salesAmt of /stats includes VAT (compare one day with the console): included or excluded
    # in_flight_window: 2m                      # how long a change whose reply was lost may still take effect
    # base_url: https://api.searchad.naver.com
`

type config struct {
	BaseURL        string   `yaml:"base_url"`
	APIKey         string   `yaml:"api_key"`
	SecretKey      string   `yaml:"secret_key"`
	CustomerID     string   `yaml:"customer_id"`
	Customers      []string `yaml:"customers"`
	Since          string   `yaml:"since"`
	StatsVAT       string   `yaml:"stats_vat"`
	InFlightWindow string   `yaml:"in_flight_window"`
}

var customerID = regexp.MustCompile(`^[1-9][0-9]{0,17}$`)

func open(ctx context.Context, env tables.Env) (*tables.Connection, error) {
	var o config
	if err := env.Decode(&o); err != nil {
		return nil, err
	}
	bad := func(format string, args ...any) error {
		return fault.New(fault.Config, "connection %s: %s", env.Name, fmt.Sprintf(format, args...)).
			WithHint("argo sources --sample naver_searchad shows the options")
	}
	secret := map[string]string{}
	for _, s := range []struct{ name, ref string }{{"api_key", o.APIKey}, {"secret_key", o.SecretKey}} {
		if s.ref == "" {
			return nil, bad("%s is missing", s.name)
		}
		v, err := env.Secret(ctx, s.ref)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.name, err)
		}
		secret[s.name] = strings.TrimSpace(v)
	}
	c := &Client{name: env.Name, now: env.Now, sleep: env.Sleep, inFlight: 2 * time.Minute, turn: make(chan struct{}, 1), ids: map[idKey]*idList{},
		jobs: jobs{dir: env.Dir, turns: map[string]chan struct{}{}, kept: map[string]ticket{}}}
	if c.customer = strings.TrimSpace(o.CustomerID); !customerID.MatchString(c.customer) {
		return nil, bad("customer_id: %q is not a customer id; write its digits", o.CustomerID)
	}
	for _, id := range o.Customers {
		if id = strings.TrimSpace(id); !customerID.MatchString(id) || slices.Contains(c.only, id) {
			return nil, bad("customers: %q is not a customer id, or is there twice; write its digits", id)
		}
		c.only = append(c.only, id)
	}
	today := tables.DayOf(env.Now().In(seoul))
	since := today.Add(-90)
	var err error
	if o.Since != "" {
		if since, err = tables.ParseDay(o.Since); err != nil {
			return nil, bad("since: %q is not a day; write 2026-01-31", o.Since)
		}
	}
	switch cmp.Or(o.StatsVAT, "included") {
	case "included":
		c.statsVAT = true
	case "excluded":
	default:
		return nil, bad("stats_vat: %q is none; write included or excluded", o.StatsVAT)
	}
	if o.InFlightWindow != "" {
		if c.inFlight, err = time.ParseDuration(o.InFlightWindow); err != nil || c.inFlight <= 0 {
			return nil, bad("in_flight_window: %q is not a duration; write 2m", o.InFlightWindow)
		}
	}
	c.scope = "naver_searchad/" + rest.Digest(secret["api_key"])
	c.rest = rest.New(rest.Options{
		Name: "Naver Search Ad", BaseURL: cmp.Or(o.BaseURL, "https://api.searchad.naver.com"),
		HTTP: env.HTTP, Log: env.Log, Now: env.Now, Sleep: env.Sleep,
		Auth: &signer{key: secret["api_key"], secret: secret["secret_key"], now: env.Now,
			renew: func(ctx context.Context) (string, error) { return env.Secret(ctx, o.SecretKey) }},
		Classify: c.classify, Observe: c.observe,
		Connection: env.Name, Quotas: env.Quotas, Record: env.Record,
	})
	return &tables.Connection{Tables: c.tables(since, today), Handle: c, Check: c.check}, nil
}

// check lists the accounts, or asks the first of those that are named for its
// campaigns.
func (c *Client) check(ctx context.Context) (string, error) {
	if len(c.only) == 0 {
		all, err := c.list(ctx, true)
		if err != nil {
			return "", err
		}
		if len(all) == 0 {
			return "", fault.New(fault.Denied, "Naver Search Ad: the keys reach no ad account").WithHint("ads.naver.com: accept the invitation to an ad account, or name customers: [\"…\"] in the configuration")
		}
		return fmt.Sprintf("%d accounts", len(all)), nil
	}
	for _, id := range c.only {
		if _, err := c.entities(ctx, id, "campaigns", nil); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%d accounts", len(c.only)), nil
}
