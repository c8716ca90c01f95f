// Package tiktokadssim plays the TikTok Marketing API, v1.3, on a simulated
// market: advertisers, campaigns, ad groups, ads, and synchronous reports. It
// shares no type with the connector.
//
//	sim := tiktokadssim.New(world.On("tiktok_ads"), tiktokadssim.Options{Token: "token"})
//	server := httptest.NewServer(sim) // GET server.URL + /open_api/v1.3/campaign/get/
//	sim.Faults.Script("tiktokads 429 nth=1")
//
// Sources of the shapes: TikTok's SDK (tiktok/tiktok-business-api-sdk: paths,
// parameters, envelope), and what public connectors record (Airbyte's
// source-tiktok-marketing: rows of reports, ids as numbers and texts, codes 40100,
// 50000 and 50002; singer's tap-tiktok-ads: codes that are worth another try).
//
// Chosen here, since no public source says: the values of age, gender and
// platform, the texts of errors, that cost and conversions move as the market's
// do, that reach is five eighths of impressions. Writes and report tasks are not
// played.
package tiktokadssim

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"argo/tables/market"
)

// Options of a simulator.
type Options struct {
	Token, AppID, Secret string // "" is "token", "7000000000000000001", "secret"
	PerSecond            int    // calls of the app; 0 is 10, negative: no limit
	Ads                  int    // that a report covers; 0 is 20000
}

// Sim is an http.Handler. Safe for concurrent use.
type Sim struct {
	// Faults is what goes wrong, under the name "tiktokads"; accounts are
	// advertiser ids.
	Faults *market.Faults

	m *market.Market
	o Options

	mu       sync.Mutex
	calls    []time.Time // of the last second
	exceeded int
}

// New plays the API over m.
func New(m *market.Market, o Options) *Sim {
	o.Token, o.AppID, o.Secret = cmp.Or(o.Token, "token"), cmp.Or(o.AppID, "7000000000000000001"), cmp.Or(o.Secret, "secret")
	o.PerSecond, o.Ads = cmp.Or(o.PerSecond, 10), cmp.Or(o.Ads, 20000)
	return &Sim{Faults: &market.Faults{}, m: m, o: o}
}

// base makes ids of the market as long as TikTok's.
const base = 7_000_000_000_000_000_000

// ID is TikTok's id of anything of the market.
func ID(id int64) string { return strconv.FormatInt(base+id, 10) }

// refusal is an answer that is no result: HTTP 200, unless status says otherwise.
type refusal struct {
	status, code int
	text         string
}

func bad(format string, args ...any) *refusal {
	return &refusal{code: 40002, text: fmt.Sprintf(format, args...)}
}

func tooMany() *refusal {
	return &refusal{code: 40100, text: "Too many requests. Please retry in some time."}
}

func (s *Sim) refuse(w http.ResponseWriter, e *refusal) {
	write(w, cmp.Or(e.status, 200), map[string]any{"code": e.code, "message": e.text, "request_id": "202611220000000000000000000000AA", "data": map[string]any{}})
}

func write(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // maps of texts and numbers
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b) // a reader that has gone is not our concern
}

// call is a request that got in.
type call struct {
	s       *Sim
	w       http.ResponseWriter
	q       url.Values
	account market.Account
	fault   market.Fault
}

// ServeHTTP answers one call.
func (s *Sim) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.play(w, r, r.URL.Query().Get("advertiser_id"), func(w http.ResponseWriter, f market.Fault) {
		if e := s.serve(w, r, f); e != nil {
			s.refuse(w, e)
		}
	})
}

// Exceeded is how often the limit was exceeded. Planned faults are not among them.
func (s *Sim) Exceeded() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.exceeded
}

func (s *Sim) pace() *refusal {
	if s.o.PerSecond < 0 {
		return nil
	}
	now := s.m.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = slices.DeleteFunc(s.calls, func(t time.Time) bool { return now.Sub(t) >= time.Second })
	if len(s.calls) >= s.o.PerSecond {
		s.exceeded++
		return tooMany()
	}
	s.calls = append(s.calls, now)
	return nil
}

func (s *Sim) serve(w http.ResponseWriter, r *http.Request, f market.Fault) *refusal {
	path, ok := strings.CutPrefix(r.URL.Path, "/open_api/v1.3/")
	if !ok || !strings.HasSuffix(path, "/") {
		return &refusal{status: 404, code: 40006, text: "no such path"}
	}
	if e := s.pace(); e != nil {
		return e
	}
	switch r.Header.Get("Access-Token") {
	case s.o.Token:
	case "":
		return &refusal{code: 40104, text: "Access token is empty."}
	default:
		return &refusal{code: 40105, text: "Access token is incorrect or has been revoked."}
	}
	if r.Method != http.MethodGet {
		return &refusal{status: 405, code: 40006, text: "method not allowed"}
	}
	c := &call{s: s, w: w, q: r.URL.Query(), fault: f}
	switch path {
	case "oauth2/advertiser/get/":
		return c.advertisers()
	case "advertiser/info/":
		return c.info()
	}
	n, err := strconv.ParseInt(c.q.Get("advertiser_id"), 10, 64)
	if err != nil {
		return bad("advertiser_id: Missing data for required field.")
	}
	if c.account, ok = s.m.Account(n - base); !ok || c.account.Status != market.Enabled {
		return &refusal{code: 40001, text: "No permission to operate advertiser " + c.q.Get("advertiser_id") + "."}
	}
	switch path {
	case "campaign/get/":
		return c.campaigns()
	case "adgroup/get/":
		return c.groups()
	case "ad/get/":
		return c.ads()
	case "report/integrated/get/":
		return c.report()
	}
	return &refusal{status: 404, code: 40006, text: "no such path"}
}

func (c *call) answer(data map[string]any) *refusal {
	write(c.w, 200, map[string]any{"code": 0, "message": "OK", "request_id": "202611220000000000000000000000AA", "data": data})
	return nil
}

// paged answers with one page of a list.
func (c *call) paged(items []any) *refusal {
	n, size := 1, 10
	for name, p := range map[string]*int{"page": &n, "page_size": &size} {
		if v := c.q.Get(name); v != "" {
			x, err := strconv.Atoi(v)
			if err != nil || x < 1 || name == "page_size" && x > 1000 {
				return bad("%s: Must be between 1 and 1000.", name)
			}
			*p = x
		}
	}
	total := len(items)
	from := min((n-1)*size, total)
	part := slices.Clone(items[from:min(from+size, total)])
	switch k := len(part); {
	case k == 0:
		part = []any{}
	case c.fault.Kind == market.Missing:
		part = slices.Delete(part, k/2, k/2+1)
	case c.fault.Kind == market.Repeat:
		part = slices.Insert(part, 0, part[:(k+1)/2]...)
	}
	return c.answer(map[string]any{"list": part, "page_info": map[string]any{"page": n, "page_size": size, "total_number": total, "total_page": (total + size - 1) / size}})
}

func (c *call) texts(name string) ([]string, *refusal) {
	var out []string
	if json.Unmarshal([]byte(c.q.Get(name)), &out) != nil || len(out) == 0 {
		return nil, bad("%s: Not a valid list.", name)
	}
	return out, nil
}

func (c *call) advertisers() *refusal {
	if c.q.Get("app_id") != c.s.o.AppID || c.q.Get("secret") != c.s.o.Secret {
		return &refusal{code: 40002, text: "The app_id or secret is incorrect, or inconsistent with the access token."}
	}
	list := []any{}
	for _, a := range c.s.m.Accounts() {
		if a.Status == market.Enabled {
			list = append(list, map[string]any{"advertiser_id": ID(a.ID), "advertiser_name": a.Name})
		}
	}
	return c.answer(map[string]any{"list": list})
}

func (c *call) info() *refusal {
	ids, e := c.texts("advertiser_ids")
	if e != nil {
		return e
	}
	fields := []string(nil)
	if c.q.Has("fields") {
		if fields, e = c.texts("fields"); e != nil {
			return e
		}
	}
	list := []any{}
	for _, id := range ids {
		n, _ := strconv.ParseInt(id, 10, 64)
		a, ok := c.s.m.Account(n - base)
		if !ok || a.Status != market.Enabled {
			return &refusal{code: 40001, text: "No permission to operate advertiser " + id + "."}
		}
		_, offset := c.s.m.Now().In(a.Location()).Zone()
		o := map[string]any{"advertiser_id": id, "name": a.Name, "company": a.Advertiser, "status": "STATUS_ENABLE", "country": a.Country, "currency": a.Currency,
			"timezone": fmt.Sprintf("Etc/GMT%+d", -offset/3600), "display_timezone": a.Zone, "balance": 1250.5, "create_time": 1735689600}
		maps.DeleteFunc(o, func(k string, _ any) bool { return fields != nil && !slices.Contains(fields, k) })
		list = append(list, o)
	}
	return c.answer(map[string]any{"list": list})
}

// state gives operation_status and secondary_status.
func state(s market.Status, kind string) (string, string) {
	switch s {
	case market.Enabled:
		return "ENABLE", kind + "_STATUS_ENABLE"
	case market.Paused:
		return "DISABLE", kind + "_STATUS_DISABLE"
	}
	return "DELETE", kind + "_STATUS_DELETE"
}

// shown reads filtering: what is deleted is left out unless all is asked for.
func (c *call) shown(kind string) (func(market.Status) bool, *refusal) {
	var f struct {
		Primary   string `json:"primary_status"`
		Secondary string `json:"secondary_status"`
	}
	if v := c.q.Get("filtering"); v != "" && json.Unmarshal([]byte(v), &f) != nil {
		return nil, bad("filtering: Not a valid object.")
	}
	everything := f.Primary == "STATUS_ALL" || f.Secondary == kind+"_STATUS_ALL"
	return func(s market.Status) bool { return everything || s != market.Deleted }, nil
}

// money in whole units of the currency.
func money(micros int64) json.Number {
	return json.Number(strconv.FormatFloat(float64(micros)/1e6, 'f', 2, 64))
}

const then = "2026-01-05 03:04:05"

func (c *call) campaigns() *refusal {
	shown, e := c.shown("CAMPAIGN")
	if e != nil {
		return e
	}
	budgets := map[int64]market.Budget{}
	for _, b := range c.s.m.Budgets(c.account.ID) {
		budgets[b.ID] = b
	}
	var out []any
	for _, x := range c.s.m.Campaigns(c.account.ID) {
		if !shown(x.Status) {
			continue
		}
		op, second := state(x.Status, "CAMPAIGN")
		objective := "TRAFFIC"
		if x.Form == market.AppAds {
			objective = "APP_PROMOTION"
		}
		o := map[string]any{"advertiser_id": ID(c.account.ID), "campaign_id": ID(x.ID), "campaign_name": x.Name, "objective_type": objective, "operation_status": op, "secondary_status": second,
			"budget": json.Number("0.0"), "budget_mode": "BUDGET_MODE_INFINITE", "budget_optimize_on": false, "campaign_type": "REGULAR_CAMPAIGN", "create_time": then, "modify_time": then, "is_new_structure": true}
		if b := budgets[x.Budget]; b.ID != 0 && !b.Shared {
			o["budget"], o["budget_mode"], o["budget_optimize_on"] = money(b.Amount), "BUDGET_MODE_DAY", true
		}
		out = append(out, o)
	}
	return c.paged(out)
}

func (c *call) groups() *refusal {
	shown, e := c.shown("ADGROUP")
	if e != nil {
		return e
	}
	var out []any
	for _, x := range c.s.m.AdGroups(c.account.ID) {
		if !shown(x.Status) {
			continue
		}
		op, second := state(x.Status, "ADGROUP")
		o := map[string]any{"advertiser_id": ID(c.account.ID), "campaign_id": ID(x.Campaign), "adgroup_id": ID(x.ID), "adgroup_name": x.Name, "operation_status": op, "secondary_status": second,
			"budget": json.Number("0.0"), "budget_mode": "BUDGET_MODE_INFINITE", "bid_type": "BID_TYPE_NO_BID", "bid_price": nil, "conversion_bid_price": json.Number("0.0"), "billing_event": "CPC",
			"optimization_goal": "CLICK", "placements": []string{"PLACEMENT_TIKTOK"}, "create_time": then, "modify_time": then, "pacing": "PACING_MODE_SMOOTH"}
		if x.Bid > 0 {
			o["bid_type"], o["bid_price"] = "BID_TYPE_CUSTOM", money(x.Bid)
		}
		out = append(out, o)
	}
	return c.paged(out)
}

func (c *call) ads() *refusal {
	shown, e := c.shown("AD")
	if e != nil {
		return e
	}
	campaign := map[int64]int64{}
	for _, g := range c.s.m.AdGroups(c.account.ID) {
		campaign[g.ID] = g.Campaign
	}
	var out []any
	for _, x := range c.s.m.Ads(c.account.ID) {
		if shown(x.Status) {
			op, second := state(x.Status, "AD")
			out = append(out, map[string]any{"advertiser_id": ID(c.account.ID), "campaign_id": ID(campaign[x.AdGroup]), "adgroup_id": ID(x.AdGroup), "ad_id": ID(x.ID), "ad_name": x.Name,
				"operation_status": op, "secondary_status": second, "ad_text": strings.Join(x.Headlines, " "), "ad_format": "SINGLE_VIDEO", "landing_page_url": x.URL,
				"call_to_action": "LEARN_MORE", "create_time": then, "modify_time": then, "identity_type": "CUSTOMIZED_USER"})
		}
	}
	return c.paged(out)
}
