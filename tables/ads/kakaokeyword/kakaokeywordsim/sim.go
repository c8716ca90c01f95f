// Package kakaokeywordsim plays the reading side of the Kakao Keyword Ad Open API,
// v1, on a simulated market: ad accounts, campaigns, ad groups, keywords,
// creatives and their reports. It shares no type with the connector. Of the
// market it shows accounts in KRW and campaigns of the form search.
//
// Sources of the shapes: Kakao's own pages (developers.kakao.com/docs, keyword-ad:
// paths, metricsGroups, dates as yyyyMMdd, dimensions in camelCase, the error
// envelope that it shares with Kakao Moment), what public clients read (lists are
// bare arrays) and the columns that public warehouses keep of its reports (rimp,
// rank, ppc, conv_purchase_7d …). There is no machine-readable specification and
// no client of the vendor.
//
// Chosen here, since no public source says: that reports of campaigns, ad groups,
// keywords and creatives take one campaignId and an optional adGroupId, that one
// report of an account comes in five seconds, that today is asked for with
// datePreset alone, the shares of devices, hours and placements, and what is answered
// for what is not there. As at Kakao Moment a day is fixed at 08:00 of the next one
// and its conversions eight days later.
package kakaokeywordsim

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"argo/tables/market"
)

// Options of a simulator.
type Options struct {
	Token string // business token; "" is "token"
	// Interval between two reports of an account, 5 s. Negative: no limit.
	Interval time.Duration
	// Bare gives a list of one as the object alone, and NoContent answers 204
	// where a list is empty, as gateways in front of the API were seen to do.
	Bare, NoContent bool
	// QuotaAs400 answers a call too many with 400 and code -10 instead of 429.
	QuotaAs400 bool
}

// Sim is an http.Handler. Safe for concurrent use.
type Sim struct {
	// Faults is what goes wrong, under the name "kakaokeyword"; accounts are ad
	// account ids.
	Faults *market.Faults

	m *market.Market
	o Options

	mu       sync.Mutex
	last     map[string]time.Time // limit → last call
	exceeded map[string]int
}

// New plays the API over m.
func New(m *market.Market, o Options) *Sim {
	o.Token = cmp.Or(o.Token, "token")
	o.Interval = cmp.Or(o.Interval, 5*time.Second)
	return &Sim{Faults: &market.Faults{}, m: m, o: o, last: map[string]time.Time{}, exceeded: map[string]int{}}
}

// firstAccount is taken from the market's ids: Kakao's have five to seven digits.
const firstAccount = 1_000_000_000

// AccountID is the ad account id of an account of the market.
func AccountID(id int64) int64 { return id - firstAccount }

const prefix = "/openapi/v1"

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
		body = map[string]any{"code": -813, "msg": "KakaoKeywordException", "extras": extras}
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
	}
	return &refusal{status: 405, code: -2, text: "method not allowed"}
}

// list answers with a list below name.
func (c *call) list(name string, rest map[string]any, items []any) *refusal {
	if len(items) == 0 && c.s.o.NoContent {
		c.w.WriteHeader(http.StatusNoContent)
		return nil
	}
	if name == "" { // a bare array
		if items == nil {
			items = []any{}
		}
		if len(items) == 1 && c.s.o.Bare {
			write(c.w, 200, items[0])
		} else {
			write(c.w, 200, items)
		}
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
// and an endpoint.
func (c *call) pace(limit string) *refusal {
	s := c.s
	if s.o.Interval < 0 {
		return nil
	}
	now := s.m.Now()
	key := fmt.Sprint(c.account.ID, " ", limit)
	s.mu.Lock()
	defer s.mu.Unlock()
	if last, ok := s.last[key]; ok && now.Sub(last) < s.o.Interval {
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

func config(s market.Status) string {
	return map[market.Status]string{market.Enabled: "ON", market.Paused: "OFF", market.Deleted: "DEL"}[s]
}
