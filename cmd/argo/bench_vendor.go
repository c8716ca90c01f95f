package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"argo/tables"
	"argo/tables/fault"
	"argo/tables/market"
	"argo/tables/rest"

	"github.com/cockroachdb/apd/v3"
)

// grain of an API: what one call may ask for.
type grain struct {
	maxDays int // longest range; 0: any
	page    int // rows of a page; 0: all
}

// apiGrains are those of the trials, by the name of their connection.
var apiGrains = []struct {
	name, title string
	grain
}{{"daily", "one day a call", grain{maxDays: 1}}, {"weekly", "seven days a call", grain{maxDays: 7}}, {"any", "any range a call", grain{}}}

// asked is a call that reached the vendor.
type asked struct {
	at      time.Time
	table   string // "" for the list of accounts
	account string
	days    tables.Days
	columns []string
	page    int
	ok      bool
}

// apiVendor plays an API of a grain over a law. It refuses what is beyond the
// grain, and remembers every call.
type apiVendor struct {
	*vendorDoor
	name     string // of the connection
	law      law
	grain    grain
	accounts []tables.Account
	faults   market.Faults // under the name "bench"
	delay    time.Duration // of each report, by the wall clock

	mu    sync.Mutex
	calls []asked
}

// vendorDoor counts what passes and keeps the clock from overtaking it.
type vendorDoor struct {
	page *page
	busy *busy
	step time.Duration // where positive, the market's clock shows multiples of it only

	mu    sync.Mutex
	times map[string][]time.Time // of replies, by vendor and account
}

// answered remembers that a vendor looked at its world for an account.
func (d *vendorDoor) answered(vendor, account string, at time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.times == nil {
		d.times = map[string][]time.Time{}
	}
	k := vendor + " " + account
	d.times[k] = append(d.times[k], at)
}

// served gives the moments within a range at which a vendor looked at its world
// for an account.
func (d *vendorDoor) served(vendor, account string, from, to time.Time) (out []time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := d.times[vendor+" "+account]
	i, _ := slices.BinarySearchFunc(all, from, time.Time.Compare)
	for ; i < len(all) && !all[i].After(to); i++ {
		out = append(out, all[i])
	}
	return out
}

// within counts a request for its duration; its Sleep stops counting, since it
// waits for the clock and not the clock for it.
func (d *vendorDoor) within(f func()) {
	d.busy.open.Add(1)
	d.busy.events.Add(1)
	defer func() {
		d.busy.events.Add(1)
		d.busy.open.Add(-1)
	}()
	f()
}

// Now and Sleep make the door a clock of a market.
func (d *vendorDoor) Now() time.Time {
	if d.step > 0 {
		return d.page.Now().Truncate(d.step)
	}
	return d.page.Now()
}

func (d *vendorDoor) Sleep(ctx context.Context, t time.Duration) error {
	d.busy.open.Add(-1)
	defer d.busy.open.Add(1)
	return d.page.Sleep(ctx, t)
}

// take gives the calls since the last take.
func (v *apiVendor) take() []asked {
	v.mu.Lock()
	defer v.mu.Unlock()
	out := v.calls
	v.calls = nil
	return out
}

// ServeHTTP answers GET /accounts and GET /report/TABLE?account&from&to&fields&page.
func (v *apiVendor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v.within(func() { v.serve(w, r) })
}

func (v *apiVendor) serve(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	call := asked{at: v.page.Now(), account: q.Get("account"), days: tables.Days{From: tables.Day(q.Get("from")), To: tables.Day(q.Get("to"))}}
	if f := q.Get("fields"); f != "" {
		call.columns = strings.Split(f, ",")
	}
	call.table, _ = strings.CutPrefix(r.URL.Path, "/report/")
	if r.URL.Path == "/accounts" {
		call.table = ""
	}
	if n, micros, ok := strings.Cut(q.Get("page"), "@"); ok { // the later pages show what the first one saw
		call.page, _ = strconv.Atoi(n)
		first, _ := strconv.ParseInt(micros, 10, 64)
		call.at = time.UnixMicro(first).UTC()
	}
	status, body := v.answer(call)
	v.answered(v.name, call.account, call.at)
	fault, struck := v.faults.Next(market.Call{Sim: "bench", Path: r.Method + " " + r.URL.Path, Account: call.account})
	call.ok = status == 200 && (!struck || fault.Kind == market.Slow)
	v.mu.Lock()
	v.calls = append(v.calls, call)
	v.mu.Unlock()
	if v.delay > 0 && call.table != "" {
		select {
		case <-time.After(v.delay):
		case <-r.Context().Done():
			return
		}
	}
	if struck {
		v.strike(w, r, fault, status, body)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// strike answers as the fault says.
func (v *apiVendor) strike(w http.ResponseWriter, r *http.Request, f market.Fault, status int, body []byte) {
	refuse := func(status int, text string) {
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"error":%q}`, text)
	}
	cut := func(n int) {
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(status)
		_, _ = w.Write(body[:min(n, len(body)-1)])
		panic(http.ErrAbortHandler)
	}
	switch f.Kind {
	case market.Unauthorized:
		refuse(401, "the token has expired")
	case market.DeniedCall:
		refuse(403, "the token may not read this account")
	case market.Throttle:
		w.Header().Set("Retry-After", strconv.Itoa(int(cmp.Or(f.Retry, 5*time.Second).Seconds())))
		refuse(429, "too many requests")
	case market.Internal:
		refuse(500, "an internal error")
	case market.Unavailable:
		refuse(503, "down for maintenance")
	case market.Drop:
		panic(http.ErrAbortHandler)
	case market.Truncate, market.Midstream:
		cut(cmp.Or(f.Bytes, len(body)/2))
	case market.Hang:
		<-r.Context().Done()
	case market.Slow:
		if v.Sleep(r.Context(), cmp.Or(f.Delay, time.Second)) == nil {
			w.Header().Set("Content-Length", strconv.Itoa(len(body)))
			_, _ = w.Write(body)
		}
	}
}

func (v *apiVendor) answer(c asked) (int, []byte) {
	encode := func(x any) (int, []byte) {
		b, err := json.Marshal(x)
		if err != nil {
			return 500, []byte(err.Error())
		}
		return 200, b
	}
	if c.table == "" {
		return encode(map[string]any{"accounts": v.accounts})
	}
	at := slices.IndexFunc(v.accounts, func(a tables.Account) bool { return a.ID == c.account })
	switch {
	case at < 0:
		return 404, []byte(`{"error":"no such account"}`)
	case c.days.Len() == 0:
		return 400, []byte(`{"error":"from and to are days"}`)
	case v.grain.maxDays > 0 && c.days.Len() > v.grain.maxDays:
		return 400, fmt.Appendf(nil, `{"error":"a range is at most %d days"}`, v.grain.maxDays)
	}
	var columns []lawColumn
	for _, name := range c.columns {
		i := slices.IndexFunc(lawColumns(), func(x lawColumn) bool { return x.Name == name })
		if i < 0 {
			return 400, fmt.Appendf(nil, `{"error":"there is no field %s"}`, name)
		}
		columns = append(columns, lawColumns()[i])
	}
	rows := [][]string{}
	for d := c.days.From; d <= c.days.To; d = d.Add(1) {
		for _, f := range v.lawOf(c.table).facts(v.accounts[at], d, c.at) {
			row := make([]string, len(columns))
			for i, x := range columns {
				row[i] = x.text(f)
			}
			rows = append(rows, row)
		}
	}
	reply := map[string]any{"rows": rows}
	if n := v.grain.page; n > 0 {
		from, to := min(c.page*n, len(rows)), min((c.page+1)*n, len(rows))
		if reply["rows"] = rows[from:to]; to < len(rows) {
			reply["next"] = fmt.Sprintf("%d@%d", c.page+1, c.at.UnixMicro())
		}
	}
	return encode(reply)
}

// lawOf gives each table a world of its own.
func (v *apiVendor) lawOf(table string) law {
	l := v.law
	for _, c := range table {
		l.seed = l.seed*31 + uint64(c)
	}
	return l
}

// benchTables are the tables of the source; each call is for one of them.
var benchTables = []string{"performance", "attribution"}

// benchSource connects an apiVendor: a connector as any other.
var benchSource = tables.Source{Name: "bench", Doc: "The simulated API of argo bench", Open: openBench}

func openBench(_ context.Context, env tables.Env) (*tables.Connection, error) {
	var o struct {
		BaseURL string     `yaml:"base_url"`
		MaxDays int        `yaml:"max_days"`
		Settled int        `yaml:"settled"`
		Since   tables.Day `yaml:"since"`
	}
	if err := env.Decode(&o); err != nil {
		return nil, err
	}
	client := rest.New(rest.Options{
		Name: "Bench", BaseURL: o.BaseURL, HTTP: env.HTTP, Log: env.Log, Now: env.Now, Sleep: env.Sleep,
		FirstByte: 10 * time.Second, Idle: 10 * time.Second,
	})
	get := func(ctx context.Context, path string, q url.Values, object string, into any) error {
		res, err := client.Do(ctx, rest.Request{Method: "GET", Path: path, Query: q, Object: object})
		if err != nil {
			return err
		}
		defer res.Body.Close()
		return rest.Decode(res.Body, into)
	}
	accounts := func(ctx context.Context) ([]tables.Account, error) {
		var reply struct{ Accounts []tables.Account }
		err := get(ctx, "/accounts", nil, "", &reply)
		return reply.Accounts, err
	}
	conn := &tables.Connection{Check: func(context.Context) (string, error) { return "not asked", nil }}
	for _, name := range benchTables {
		t := tables.Table{
			Name: name, Doc: "What items delivered by day", Key: []string{"item_id"}, Account: "account_id", Day: "date",
			Clock: "day in the account's time zone", MaxDays: o.MaxDays, Since: o.Since, Accounts: accounts,
			Fresh: benchFreshness(o.Settled),
		}
		for _, c := range lawColumns() {
			t.Columns = append(t.Columns, c.Column)
		}
		t.Scan = func(ctx context.Context, s tables.Scan) iter.Seq2[tables.Row, error] {
			return func(yield func(tables.Row, error) bool) {
				columns := make([]tables.Column, len(s.Columns))
				for i, c := range s.Columns {
					columns[i] = *t.Lookup(c)
				}
				q := url.Values{"account": {s.Account}, "from": {string(s.Days.From)}, "to": {string(s.Days.To)}, "fields": {strings.Join(s.Columns, ",")}}
				pages := rest.Pages(ctx, func(ctx context.Context, token string) ([][]string, string, error) {
					if token != "" {
						q.Set("page", token)
					}
					var reply struct {
						Rows [][]string
						Next string
					}
					err := get(ctx, "/report/"+name, q, "account "+s.Account, &reply)
					tables.TraceOf(ctx).Fetched(int64(len(reply.Rows)), 0)
					return reply.Rows, reply.Next, err
				})
				for texts, err := range pages {
					var row tables.Row
					if err == nil {
						row, err = readBench(columns, texts)
					}
					if !yield(row, err) || err != nil {
						return
					}
				}
			}
		}
		conn.Tables = append(conn.Tables, t)
	}
	return conn, nil
}

// benchFreshness is what the connector promises of days that settle so late.
func benchFreshness(settled int) tables.Freshness {
	return tables.Freshness{Steps: []tables.Step{
		{Within: 1, Keep: 15 * time.Minute}, {Within: 3, Keep: time.Hour}, {Within: 7, Keep: 6 * time.Hour}, {Within: settled, Keep: 24 * time.Hour},
	}, Entity: 10 * time.Minute}
}

func readBench(columns []tables.Column, texts []string) (tables.Row, error) {
	if len(texts) != len(columns) {
		return nil, fault.New(fault.Broken, "a row has %d fields instead of %d", len(texts), len(columns))
	}
	row := make(tables.Row, len(texts))
	for i, s := range texts {
		var err error
		switch columns[i].Type.Kind {
		case tables.Int:
			row[i], err = strconv.ParseInt(s, 10, 64)
		case tables.Decimal:
			row[i], _, err = apd.NewFromString(s)
		case tables.Date:
			row[i], err = tables.ParseDay(s)
		default:
			row[i] = s
		}
		if err != nil {
			return nil, fault.Wrap(fault.Broken, err, "the field %s cannot be read", columns[i].Name)
		}
	}
	return row, nil
}
