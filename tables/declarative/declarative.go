// Package declarative is the source http: a JSON, NDJSON, CSV or TSV API over HTTP
// that is described in the configuration alone becomes tables.
//
// What the description says is taken strictly. A value that does not fit its
// column, a list that is not where rows says, a page that comes twice, a key that
// comes twice, a total that is not what was read: each is a fault, and nothing of
// the fetch is kept. Without a total, a number of pages or a flag, pages and
// offsets are asked for until one is empty: a short page proves nothing, since an
// API may give fewer rows than were asked for.
//
// What comes from outside (account ids, cursors, columns) enters a path, a query
// or a body only escaped; a next link is followed on the host of base_url alone,
// as are redirects. A refresh token that the API replaces is kept in memory: after
// a restart the one in the configuration is used.
//
// It knows no channel, no engine and no cache.
package declarative

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"argo/tables"
	"argo/tables/fault"
	"argo/tables/mapping"
	"argo/tables/rest"
)

// Source is an API that is described in the configuration.
var Source = tables.Source{
	Name:   "http",
	Doc:    "Any HTTP API of JSON, NDJSON, CSV or TSV, described in the configuration: no build",
	Sample: sample,
	Open:   open,
}

const sample = `# An HTTP API as tables. {account} {from} {to} {until} {day} {columns} stand for what is asked,
# {page} {offset} {limit} {cursor} for the page; days as {from:%Y%m%d}, {from:unix}. until is the day after to.
- name: partner
  source: http
  options:
    base_url: https://api.partner.example/v2
    auth: {bearer: env:PARTNER_TOKEN}        # or basic: {user, password}, header: {name, value, prefix}, query: {name, value},
                                             # oauth: {token_url, client_id, client_secret, refresh_token or scopes},
                                             # hmac: {key, secret, sign: "{timestamp}.{method}.{path}", timestamp: ms,
                                             #   algorithm: sha256, encode: base64, headers: {X-Signature: "{signature}"}}
    # headers: {Accept: application/json}
    limits: {per_second: 5, per_day: 10000, concurrent: 4}     # also per_minute; zone: of the day
    since: 2026-01-01                        # default: 90 days before today
    accounts:                                # a list, or a call that gives one
      get: /advertisers
      rows: data
      id: id                                 # paths; name, currency, time_zone as well
      name: name
      defaults: {currency: KRW, time_zone: Asia/Seoul}
    # accounts: [{id: "1001", name: Brand A, currency: KRW, time_zone: Asia/Seoul}]
    success: {path: code, value: 0, message: message}          # an HTTP 200 with another code is an error
    faults: [{value: 4290, kind: throttled}, {status: 403, kind: auth, hint: ask the partner for a new token}]
    tables:
      - name: report
        doc: Delivery by campaign
        get: /reports/{account}              # or post: with json: {…} or form: {…}
        query: {start: "{from}", end: "{to}", fields: "{columns}"}
        format: json                         # ndjson, csv, tsv
        rows: data.items                     # the list; "" is the reply itself, data.*.items every one
        paging: {style: cursor, from: data.next, param: cursor, size: 500, size_param: limit}
                                             # page (param, first), offset (param), next (from: a URL in the reply), link
        total: data.total                    # rows that the API says there are; pages: of pages; more: a flag
        # max_rows: 10000                    # a reply of so many is cut: fewer days are asked for
        max_days: 31
        fresh: {1d: 15m, 7d: 3h, 28d: 24h}   # by age of the day; {entity: 1h} without days
        clock: day of the impression in the account's time zone
        key: [campaign_id]
        # incompatible: [[reach, hour]]
        columns:
          - {name: date, type: day, from: day, format: "%Y-%m-%d"}
          - {name: campaign_id, type: id, from: campaign.id}
          - {name: cost, type: money, from: spend_micros, in: micros, unit: account currency}
          - {name: currency, type: id, from: $currency}
          - {name: clicks, type: int, unit: count}
          - {name: everything, type: json, from: $row}
`

type options struct {
	BaseURL  string            `yaml:"base_url"`
	Auth     authOptions       `yaml:"auth"`
	Headers  map[string]string `yaml:"headers"`
	Limits   limitOptions      `yaml:"limits"`
	Since    string            `yaml:"since"`
	Accounts accountsOptions   `yaml:"accounts"`
	Success  *successOptions   `yaml:"success"`
	Faults   []faultOptions    `yaml:"faults"`
	Tables   []tableOptions    `yaml:"tables"`
}

type limitOptions struct {
	PerSecond  int    `yaml:"per_second"`
	PerMinute  int    `yaml:"per_minute"`
	PerDay     int    `yaml:"per_day"`
	Zone       string `yaml:"zone"`
	Concurrent int    `yaml:"concurrent"`
}

type accountOptions struct {
	ID       string `yaml:"id"`
	Name     string `yaml:"name"`
	Currency string `yaml:"currency"`
	TimeZone string `yaml:"time_zone"`
}

// accountsOptions is a list or a call.
type accountsOptions struct {
	list []accountOptions
	call *accountsCall
}

type accountsCall struct {
	callOptions `yaml:",inline"`
	ID          string         `yaml:"id"`
	Name        string         `yaml:"name"`
	Currency    string         `yaml:"currency"`
	TimeZone    string         `yaml:"time_zone"`
	Defaults    accountOptions `yaml:"defaults"`
}

// UnmarshalYAML reads either.
func (a *accountsOptions) UnmarshalYAML(unmarshal func(any) error) error {
	var v any
	if err := unmarshal(&v); err != nil {
		return err
	}
	if _, ok := v.([]any); ok {
		return unmarshal(&a.list)
	}
	a.call = &accountsCall{}
	return unmarshal(a.call)
}

type successOptions struct {
	Path    string          `yaml:"path"`
	Value   mapping.Strings `yaml:"value"`
	Message string          `yaml:"message"` // path
}

type faultOptions struct {
	Status     int             `yaml:"status"`
	Value      mapping.Strings `yaml:"value"` // of success.path
	Kind       string          `yaml:"kind"`
	Hint       string          `yaml:"hint"`
	RetryAfter string          `yaml:"retry_after"`
	after      time.Duration
}

// callOptions is a request and where its rows are.
type callOptions struct {
	Get       string            `yaml:"get"`
	Post      string            `yaml:"post"`
	Query     map[string]string `yaml:"query"`
	Headers   map[string]string `yaml:"headers"`
	JSON      any               `yaml:"json"`
	Form      map[string]string `yaml:"form"`
	Format    string            `yaml:"format"`
	Rows      string            `yaml:"rows"`
	One       bool              `yaml:"one"`    // an object in place of the list is a list of one
	Absent    bool              `yaml:"absent"` // no list there is an empty one
	Paging    pagingOptions     `yaml:"paging"`
	Total     string            `yaml:"total"`
	Pages     string            `yaml:"pages"`
	More      string            `yaml:"more"`
	Truncated string            `yaml:"truncated"` // a flag that says that the reply was cut
	MaxRows   int               `yaml:"max_rows"`
}

type pagingOptions struct {
	Style     string `yaml:"style"`
	Param     string `yaml:"param"`
	First     *int   `yaml:"first"`
	Size      int    `yaml:"size"`
	SizeParam string `yaml:"size_param"`
	From      string `yaml:"from"`
}

type tableOptions struct {
	callOptions  `yaml:",inline"`
	Name         string            `yaml:"name"`
	Doc          string            `yaml:"doc"`
	MaxDays      int               `yaml:"max_days"`
	Since        string            `yaml:"since"`
	Fresh        map[string]string `yaml:"fresh"`
	Clock        string            `yaml:"clock"`
	Key          []string          `yaml:"key"`
	Incompatible [][]string        `yaml:"incompatible"`
	Columns      []mapping.Column  `yaml:"columns"`
}

var (
	tableName   = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)
	currencyISO = regexp.MustCompile(`^[A-Z]{3}$`)
)

// client is an open connection.
type client struct {
	env      tables.Env
	base     *url.URL
	rest     *rest.Client
	limits   []rest.Limit
	turns    chan struct{} // nil: as many at once as there are
	success  *successOptions
	faults   []faultOptions
	list     *call // of accounts; nil: they are in the configuration
	options  *accountsCall
	oneAtime chan struct{}

	mu       sync.Mutex
	accounts []tables.Account
	listed   time.Time
	usual    int                            // calls that the list took
	pages    map[string]map[tables.Days]int // what a scan took, by table and account
}

// good is how long a list of accounts is good.
const good = 4 * time.Hour

func open(ctx context.Context, env tables.Env) (*tables.Connection, error) {
	var o options
	if err := env.Decode(&o); err != nil {
		return nil, err
	}
	c := &client{env: env, success: o.Success, faults: o.Faults, oneAtime: make(chan struct{}, 1), pages: map[string]map[tables.Days]int{}, usual: 1}
	conn, err := c.open(ctx, o)
	if err == nil || fault.As(err) != nil && fault.KindOf(err) != fault.Config {
		return conn, err
	}
	return nil, fault.New(fault.Config, "connection %s: %v", env.Name, err).WithHint("argo sources --sample http shows the options")
}

func (c *client) open(ctx context.Context, o options) (*tables.Connection, error) {
	var err error
	if c.base, err = baseURL(o.BaseURL); err != nil {
		return nil, fmt.Errorf("base_url: %q %w", o.BaseURL, err)
	}
	auth, credential, err := o.Auth.auth(ctx, c.env)
	if err != nil {
		return nil, err
	}
	head := map[string][]string{}
	for name, value := range o.Headers {
		if err := headerName(name); err != nil {
			return nil, fmt.Errorf("headers: %w", err)
		}
		if strings.ContainsAny(value, "\r\n\x00") {
			return nil, fmt.Errorf("headers.%s: has a line break", name)
		}
		head[name] = []string{value}
	}
	if err := c.limit(o.Limits, credential); err != nil {
		return nil, err
	}
	if s := o.Success; s != nil && (s.Path == "" || len(s.Value) == 0) {
		return nil, fmt.Errorf("success: path and value are needed: success: {path: code, value: 0}")
	}
	for i := range c.faults {
		f := &c.faults[i]
		kinds := []string{"auth", "denied", "not_found", "invalid", "throttled", "unavailable"}
		switch {
		case !slices.Contains(kinds, f.Kind):
			return nil, fmt.Errorf("faults[%d].kind: %q is none of %s", i, f.Kind, strings.Join(kinds, ", "))
		case f.Status == 0 && len(f.Value) == 0:
			return nil, fmt.Errorf("faults[%d]: status or value is needed", i)
		case len(f.Value) > 0 && o.Success == nil:
			return nil, fmt.Errorf("faults[%d].value: is what success.path holds, and there is no success", i)
		}
		if f.RetryAfter != "" {
			if f.after, err = time.ParseDuration(f.RetryAfter); err != nil || f.after < 0 {
				return nil, fmt.Errorf("faults[%d].retry_after: %q is not a duration; write 30s, 5m or 1h", i, f.RetryAfter)
			}
		}
	}
	root := *c.base
	root.Path, root.RawPath = "", ""
	spool := 1 << 20
	if o.Success != nil {
		spool = maxBody // the verdict may stand at the end
	}
	c.rest = rest.New(rest.Options{Name: "connection " + c.env.Name, BaseURL: root.String(), HTTP: c.env.HTTP, Log: c.env.Log, Now: c.env.Now, Sleep: c.env.Sleep,
		Auth: auth, Head: head, Classify: c.classify, Observe: c.observe, Connection: c.env.Name, Quotas: c.env.Quotas, Record: c.env.Record, MaxBody: maxBody, Spool: spool})
	if err := c.openAccounts(o.Accounts); err != nil {
		return nil, err
	}
	since := tables.DayOf(c.env.Now().UTC()).Add(-90)
	if o.Since != "" {
		if since, err = tables.ParseDay(o.Since); err != nil {
			return nil, fmt.Errorf("since: %q is not a day; write 2026-01-31", o.Since)
		}
	}
	if len(o.Tables) == 0 {
		return nil, fmt.Errorf("tables: there is none")
	}
	conn := &tables.Connection{Check: c.check}
	seen := map[string]bool{}
	for i, t := range o.Tables {
		at := fmt.Sprintf("tables[%d] (%s)", i, t.Name)
		if !tableName.MatchString(t.Name) || seen[t.Name] {
			return nil, fmt.Errorf("%s.name: %q is there twice or no name: lower-case letters, digits and _, beginning with a letter", at, t.Name)
		}
		seen[t.Name] = true
		s, err := c.sheet(t, since)
		if err != nil {
			return nil, fmt.Errorf("%s.%w", at, err)
		}
		conn.Tables = append(conn.Tables, s.table())
	}
	if c.list == nil {
		c.check0(conn)
	}
	return conn, nil
}

const maxBody = 256 << 20

func (c *client) limit(o limitOptions, credential string) error {
	if o.PerSecond < 0 || o.PerMinute < 0 || o.PerDay < 0 || o.Concurrent < 0 {
		return fmt.Errorf("limits: none is negative; leave out what is not limited")
	}
	if o.Zone != "" {
		if _, err := mapping.Zone(o.Zone); err != nil {
			return fmt.Errorf("limits.zone: %w", err)
		}
	}
	key := "http/" + rest.Digest(c.base.Host+"\n"+credential) + "/"
	if o.PerDay > 0 {
		c.limits = append(c.limits, rest.Limit{Key: key + "day", Law: rest.Daily(o.PerDay, o.Zone)})
	}
	if o.PerMinute > 0 {
		c.limits = append(c.limits, rest.Limit{Key: key + "minute", Law: rest.Rolling(o.PerMinute, time.Minute)})
	}
	if o.PerSecond > 0 {
		c.limits = append(c.limits, rest.Limit{Key: key + "second", Law: rest.Rolling(o.PerSecond, time.Second)})
	}
	if len(c.limits) == 0 { // counted, and parked when the API says so
		c.limits = []rest.Limit{{Key: key + "requests", Law: rest.Rolling(0, 24*time.Hour)}}
	}
	if o.Concurrent > 0 {
		c.turns = make(chan struct{}, o.Concurrent)
	}
	return nil
}

func (o accountOptions) account() (tables.Account, error) {
	a := tables.Account{ID: o.ID, Name: cmp.Or(o.Name, o.ID), Currency: o.Currency, Zone: o.TimeZone}
	switch {
	case a.ID == "" || a.ID == "." || a.ID == ".." || len(a.ID) > 255:
		return a, fmt.Errorf("id: %q is no account id", a.ID)
	case a.Currency != "" && !currencyISO.MatchString(a.Currency):
		return a, fmt.Errorf("currency: %q is not an ISO 4217 code such as KRW", a.Currency)
	}
	if a.Zone != "" {
		if _, err := mapping.Zone(a.Zone); err != nil {
			return a, fmt.Errorf("time_zone: %w", err)
		}
	}
	return a, nil
}

func (c *client) openAccounts(o accountsOptions) error {
	seen := map[string]bool{}
	for i, x := range o.list {
		a, err := x.account()
		if err != nil {
			return fmt.Errorf("accounts[%d].%w", i, err)
		}
		if seen[a.ID] {
			return fmt.Errorf("accounts[%d].id: %s is named twice", i, a.ID)
		}
		seen[a.ID] = true
		c.accounts = append(c.accounts, a)
	}
	if o.call == nil {
		return nil
	}
	c.options = o.call
	if o.call.ID == "" {
		return fmt.Errorf("accounts.id: the path of the id is missing, for example id: id")
	}
	d := o.call.Defaults
	if d.ID != "" || d.Name != "" {
		return fmt.Errorf("accounts.defaults: are for currency and time_zone")
	}
	d.ID = "x"
	if _, err := d.account(); err != nil {
		return fmt.Errorf("accounts.defaults.%w", err)
	}
	var err error
	if c.list, err = c.call(o.call.callOptions, nil); err != nil {
		return fmt.Errorf("accounts.%w", err)
	}
	return nil
}

// known gives the accounts as they are remembered, asking where there is no list.
func (c *client) known(ctx context.Context) ([]tables.Account, error) {
	if list, _, ok := c.remembered(); ok {
		return list, nil
	}
	return c.Accounts(ctx)
}

func (c *client) remembered() (list []tables.Account, fresh, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.list == nil {
		return slices.Clone(c.accounts), true, true
	}
	return slices.Clone(c.accounts), c.env.Now().Sub(c.listed) < good, !c.listed.IsZero()
}

// Accounts lists them: one list is asked for at a time.
func (c *client) Accounts(ctx context.Context) ([]tables.Account, error) {
	if list, fresh, ok := c.remembered(); ok && fresh {
		return list, nil
	}
	select {
	case c.oneAtime <- struct{}{}:
	case <-ctx.Done():
		return nil, fault.Wrap(fault.Canceled, ctx.Err(), "connection %s: the request was given up", c.env.Name)
	}
	defer func() { <-c.oneAtime }()
	if list, fresh, ok := c.remembered(); ok && fresh {
		return list, nil
	}
	o := c.options
	var list []tables.Account
	seen := map[string]bool{}
	calls, err := c.list.each(rest.About(ctx, tables.Scan{}), values{}, func(r record) error {
		get := func(path string) (string, error) {
			if path == "" {
				return "", nil
			}
			v, _ := r.get(path)
			return textOf(v)
		}
		var x accountOptions
		for path, to := range map[string]*string{o.ID: &x.ID, o.Name: &x.Name, o.Currency: &x.Currency, o.TimeZone: &x.TimeZone} {
			var err error
			if *to, err = get(path); err != nil {
				return fault.New(fault.Broken, "connection %s: accounts: %s is no text", c.env.Name, path)
			}
		}
		// Two of them may be at one path.
		x.Name, _ = get(o.Name)
		x.ID, _ = get(o.ID)
		x.Currency, x.TimeZone = cmp.Or(x.Currency, o.Defaults.Currency), cmp.Or(x.TimeZone, o.Defaults.TimeZone)
		a, err := x.account()
		if err != nil {
			return fault.New(fault.Broken, "connection %s: accounts: %v", c.env.Name, err)
		}
		if seen[a.ID] {
			return fault.New(fault.Broken, "connection %s: accounts: %s comes twice", c.env.Name, a.ID)
		}
		seen[a.ID] = true
		list = append(list, a)
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(list, func(a, b tables.Account) int { return strings.Compare(a.ID, b.ID) })
	c.mu.Lock()
	defer c.mu.Unlock()
	c.accounts, c.listed, c.usual = list, c.env.Now(), calls
	return slices.Clone(list), nil
}

func (c *client) roster(context.Context) ([]tables.Account, int, error) {
	list, fresh, ok := c.remembered()
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case !ok:
		return nil, c.usual, nil
	case fresh:
		return list, 0, nil
	}
	return list, c.usual, nil
}

func (c *client) check(ctx context.Context) (string, error) {
	list, err := c.Accounts(ctx)
	return strconv.Itoa(len(list)) + " accounts", err
}

// check0 is the check of a connection whose accounts are written down: the first
// page of the first table.
func (c *client) check0(conn *tables.Connection) {
	t := conn.Tables[0]
	conn.Check = func(ctx context.Context) (string, error) {
		s := tables.Scan{Table: t.Name}
		for _, col := range t.Columns {
			s.Columns = append(s.Columns, col.Name)
		}
		if t.Account != "" {
			s.Account = c.accounts[0].ID
		}
		if t.Day != "" {
			day := tables.DayOf(c.env.Now().UTC()).Add(-1)
			s.Days = tables.Days{From: day, To: day}
		}
		for _, err := range t.Scan(ctx, s) {
			if err != nil {
				return "", err
			}
			break
		}
		return fmt.Sprintf("%s answers, %d accounts", t.Name, len(c.accounts)), nil
	}
}

// freshness reads {1d: 15m, 7d: 3h, entity: 1h}.
func freshness(texts map[string]string, days bool) (tables.Freshness, error) {
	f := tables.Freshness{Entity: time.Hour}
	if days {
		f.Steps = []tables.Step{{Within: 1, Keep: 15 * time.Minute}, {Within: 7, Keep: 3 * time.Hour}, {Within: 28, Keep: 24 * time.Hour}}
	}
	if len(texts) > 0 {
		f.Steps = nil
	}
	for age, text := range texts {
		keep, err := time.ParseDuration(text)
		if err != nil || keep <= 0 {
			return f, fmt.Errorf("fresh.%s: %q is not a duration; write 15m or 24h", age, text)
		}
		if age == "entity" && !days {
			f.Entity = keep
			continue
		}
		n, err := strconv.Atoi(strings.TrimSuffix(age, "d"))
		if err != nil || n < 1 || n > 36500 || !strings.HasSuffix(age, "d") || !days {
			return f, fmt.Errorf("fresh: %q is no age; write {1d: 15m, 7d: 3h, 28d: 24h} for a table with a day and {entity: 1h} for one without", age)
		}
		f.Steps = append(f.Steps, tables.Step{Within: n, Keep: keep})
	}
	slices.SortFunc(f.Steps, func(a, b tables.Step) int { return a.Within - b.Within })
	for i := 1; i < len(f.Steps); i++ {
		if f.Steps[i].Keep < f.Steps[i-1].Keep || f.Steps[i].Within == f.Steps[i-1].Within {
			return f, fmt.Errorf("fresh: an older day is good for longer: %dd has less than %dd", f.Steps[i].Within, f.Steps[i-1].Within)
		}
	}
	return f, nil
}

// below gives a path of the configuration as part of a URL: below the base.
func (c *client) below(escaped string) string {
	return strings.TrimRight(c.base.EscapedPath(), "/") + escaped
}

// checkPath refuses what would leave the base or is no path.
func checkPath(text string) error {
	if !strings.HasPrefix(text, "/") || strings.ContainsAny(text, "?#\\ ") || strings.HasPrefix(text, "//") {
		return fmt.Errorf("%q is no path below base_url; write /reports/{account}, and what follows ? into query:", text)
	}
	plain := strings.NewReplacer("{", "x", "}", "x").Replace(text)
	if u, err := url.PathUnescape(plain); err != nil || path.Clean(u) != strings.TrimRight(u, "/") && u != "/" {
		return fmt.Errorf("%q is no path: it has .., //, or a %% that escapes nothing", text)
	}
	return nil
}
