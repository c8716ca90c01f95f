// Package kakaomomentsim plays the Kakao Moment Open API, v4, on a simulated
// market: ad accounts, campaigns, ad groups, creatives, their reports, and the
// changes of on/off, daily budget and bid. It shares no type with the connector.
//
// A world with a server in front of it:
//
//	clock := market.NewClock(time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC))
//	world := market.New(market.Options{Seed: 1, Clock: clock, Channels: []market.Channel{{Name: "kakao_moment", Countries: []string{"KR"}, Accounts: 2}}})
//	sim := kakaomomentsim.New(world.On("kakao_moment"), kakaomomentsim.Options{Token: "token"})
//	server := httptest.NewServer(sim) // GET server.URL + /openapi/v4/adAccounts/pages
//	sim.Faults.Script("kakaomoment 429 nth=1")
//
// On the wall clock of a demonstration, lift the limits: Interval of -1.
//
// Sources of the shapes: Kakao's own pages (developers.kakao.com/docs,
// kakaomoment/report, campaign, ad-group, creatives, error-code: paths,
// parameters, limits, error envelope, code -813 with 400, 403 and 429), and the
// field names that public clients decode (adGroup: bidStrategy, bidAmount,
// dailyBudgetAmount; creative: format, reviewStatus; report: dimensions in snake
// case). There is no machine-readable specification and no client of the vendor.
//
// Chosen here, since no public source says: the values of age_band, gender,
// placement and location; the names of VIDEO metrics; that cost_per_imp is of
// 1,000 impressions; what is answered for a campaign that is not there; that a
// daily budget of an ad group does not change what it delivers.
//
// A day's delivery moves until 08:00 of the next day and is fixed then; the
// conversions of 1d and 7d belong to the day of the click and are fixed at 08:00
// of the second and the eighth day after it. Only accounts in KRW are shown, and
// campaigns whose budget is shared in the market have no daily budget of their
// own: giving one makes it.
package kakaomomentsim

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"argo/tables/market"
)

// Options of a simulator.
type Options struct {
	Token string // business token; "" is "token"
	// Interval between two reports of an account, 5 s; reports of ad groups and
	// changes have a fifth of it. Negative: no limit.
	Interval time.Duration
	// Bare gives a list of one as the object alone, and NoContent answers 204
	// where a list is empty, as gateways in front of the API were seen to do.
	Bare, NoContent bool
	// QuotaAs400 answers a call too many with 400 and code -10 instead of 429.
	QuotaAs400 bool
}

// Sim is an http.Handler. Safe for concurrent use.
type Sim struct {
	// Faults is what goes wrong, under the name "kakaomoment"; accounts are ad
	// account ids.
	Faults *market.Faults

	m *market.Market
	o Options

	mu       sync.Mutex
	last     map[string]time.Time // limit → last call
	exceeded map[string]int
	budgets  map[int64]int64 // of ad groups that got one: won a day
}

// New plays the API over m.
func New(m *market.Market, o Options) *Sim {
	o.Token = cmp.Or(o.Token, "token")
	o.Interval = cmp.Or(o.Interval, 5*time.Second)
	return &Sim{Faults: &market.Faults{}, m: m, o: o, last: map[string]time.Time{}, exceeded: map[string]int{}, budgets: map[int64]int64{}}
}

// firstAccount is taken from the market's ids: Kakao's have five to seven digits.
const firstAccount = 1_000_000_000

// AccountID is the ad account id of an account of the market.
func AccountID(id int64) int64 { return id - firstAccount }

const prefix = "/openapi/v4"

var kst = time.FixedZone("KST", 9*60*60)

// refusal is an answer that is no result.
type refusal struct {
	status, code, detail int
	text                 string
}

func bad(format string, args ...any) *refusal {
	return &refusal{status: 400, code: -2, text: fmt.Sprintf(format, args...)}
}

// moment is an error of Kakao Moment itself.
func moment(status, detail int, text string) *refusal {
	return &refusal{status: status, code: -813, detail: detail, text: text}
}

func (s *Sim) refuse(w http.ResponseWriter, e *refusal) {
	body := map[string]any{"code": e.code, "msg": e.text}
	if e.code == -813 {
		extras := map[string]any{"detailMsg": e.text}
		if e.detail != 0 {
			extras["detailCode"] = e.detail
		}
		body = map[string]any{"code": -813, "msg": "KakaoMomentException", "extras": extras}
	}
	write(w, e.status, body)
}

func write(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // maps of texts and numbers
	}
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.WriteHeader(status)
	_, _ = w.Write(b) // a reader that has gone is not our concern
}

// call is a request that got in.
type call struct {
	s       *Sim
	w       http.ResponseWriter
	r       *http.Request
	account market.Account // zero: none was named
	fault   market.Fault
}

// ServeHTTP answers one call.
func (s *Sim) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.play(w, r, r.Header.Get("adAccountId"), func(w http.ResponseWriter, f market.Fault) {
		if e := s.serve(w, r, f); e != nil {
			s.refuse(w, e)
		}
	})
}

func (s *Sim) serve(w http.ResponseWriter, r *http.Request, f market.Fault) *refusal {
	switch r.Header.Get("Authorization") {
	case "Bearer " + s.o.Token:
	case "Bearer login-token": // of Kakao Login, not of the business authentication
		return &refusal{status: 401, code: -401, text: "target biz token is not supplied"}
	default:
		return &refusal{status: 401, code: -401, text: "this access token does not exist"}
	}
	path, ok := strings.CutPrefix(r.URL.Path, prefix+"/")
	if !ok {
		return &refusal{status: 404, code: -2, text: "no such path"}
	}
	c := &call{s: s, w: w, r: r, fault: f}
	kind, verb, _ := strings.Cut(path, "/")
	if kind == "adAccounts" && verb == "pages" && r.Method == http.MethodGet {
		return c.pages()
	}
	id, err := strconv.ParseInt(r.Header.Get("adAccountId"), 10, 64)
	if err != nil {
		return bad("adAccountId is required")
	}
	a, ok := s.m.Account(id + firstAccount)
	if !ok || a.Currency != "KRW" {
		return moment(400, 21006, "존재하지 않는 광고계정입니다.")
	}
	if a.Status != market.Enabled {
		return moment(403, 9004, "권한이 없습니다.")
	}
	c.account = a
	switch {
	case r.Method == http.MethodGet && verb == "report":
		return c.report(kind)
	case r.Method == http.MethodGet:
		return c.entity(kind, verb)
	case r.Method == http.MethodPut:
		return c.change(kind, verb)
	}
	return &refusal{status: 405, code: -2, text: "method not allowed"}
}

// list answers with a list below name.
func (c *call) list(name string, rest map[string]any, items []any) *refusal {
	if len(items) == 0 && c.s.o.NoContent {
		c.w.WriteHeader(http.StatusNoContent)
		return nil
	}
	body := maps.Clone(rest)
	if body == nil {
		body = map[string]any{}
	}
	if body[name] = items; len(items) == 1 && c.s.o.Bare {
		body[name] = items[0]
	}
	if items == nil {
		body[name] = []any{}
	}
	write(c.w, 200, body)
	return nil
}

// pace refuses a call that comes too soon after the one before: of an account
// and an endpoint, so many fifths of the interval.
func (c *call) pace(limit string, fifths int) *refusal {
	s := c.s
	if s.o.Interval < 0 {
		return nil
	}
	now := s.m.Now()
	key := fmt.Sprint(c.account.ID, " ", limit)
	s.mu.Lock()
	defer s.mu.Unlock()
	if last, ok := s.last[key]; ok && now.Sub(last) < s.o.Interval/5*time.Duration(fifths) {
		s.exceeded[limit]++
		return s.tooMany()
	}
	s.last[key] = now
	return nil
}

func (s *Sim) tooMany() *refusal {
	if s.o.QuotaAs400 {
		return &refusal{status: 400, code: -10, text: "API limit has been exceeded."}
	}
	return moment(429, 0, "요청 횟수 제한을 초과했습니다.")
}

// Exceeded is how often a limit was exceeded, by endpoint. Planned faults are
// not among them.
func (s *Sim) Exceeded() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.exceeded)
}

// pages lists the ad accounts that the token's user is a member of.
func (c *call) pages() *refusal {
	q := c.r.URL.Query()
	page, size := 0, 10
	for name, p := range map[string]*int{"page": &page, "size": &size} {
		if v := q.Get(name); v != "" {
			n, err := strconv.Atoi(v)
			if err != nil || n < 0 || name == "size" && (n < 1 || n > 2000) {
				return bad("%s is not valid", name)
			}
			*p = n
		}
	}
	var all []any
	for _, a := range c.s.m.Accounts() {
		if a.Currency == "KRW" && a.Status == market.Enabled {
			all = append(all, map[string]any{"id": AccountID(a.ID), "name": a.Name, "memberType": "MASTER", "config": "ON"})
		}
	}
	from := min(page*size, len(all))
	part := all[from:min(from+size, len(all))]
	return c.list("content", map[string]any{"totalElements": len(all), "totalPages": (len(all) + size - 1) / size, "number": page, "size": size,
		"last": from+size >= len(all)}, part)
}

// configs reads the parameter config: ON and OFF where it is not given.
func (c *call) configs() (func(market.Status) bool, *refusal) {
	want := []string{"ON", "OFF"}
	if v := c.r.URL.Query()["config"]; len(v) > 0 {
		want = strings.Split(strings.Join(v, ","), ",")
	}
	for _, w := range want {
		if w != "ON" && w != "OFF" && w != "DEL" {
			return nil, bad("config is not valid")
		}
	}
	return func(s market.Status) bool { return slices.Contains(want, config(s)) }, nil
}

func config(s market.Status) string {
	return map[market.Status]string{market.Enabled: "ON", market.Paused: "OFF", market.Deleted: "DEL"}[s]
}

func (c *call) body(v any) *refusal {
	b, err := io.ReadAll(io.LimitReader(c.r.Body, 1<<20))
	if err != nil || json.Unmarshal(b, v) != nil {
		return bad("the body is not valid")
	}
	return nil
}
