package googleads_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"argo/automation"
	kit "argo/automation/ads/googleads"
	"argo/tables"
	"argo/tables/ads/googleads"
	"argo/tables/fault"

	"github.com/cockroachdb/apd/v3"
)

// account plays one account each in KRW, USD and KWD with a campaign and a
// budget, in the few words of the API that the actions use.
type vendor struct {
	*httptest.Server
	mu        sync.Mutex
	status    map[string]string // by account
	micros    map[string]string
	period    string
	shared    []string
	mutations []string
	refuse    func() (int, string) // instead of applying
	after     func() (int, string) // after applying
}

var zones = map[string]string{"111": "KRW", "222": "USD", "333": "KWD"}

func newVendor(t *testing.T) *vendor {
	v := &vendor{status: map[string]string{"111": "ENABLED", "222": "PAUSED", "333": "REMOVED"}, period: "DAILY",
		micros: map[string]string{"111": "50000000000", "222": "12500000", "333": "1000000"}}
	v.Server = httptest.NewServer(v)
	t.Cleanup(v.Close)
	return v
}

func (v *vendor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v.mu.Lock()
	defer v.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	body, _ := io.ReadAll(r.Body)
	if r.URL.Path == "/token" {
		io.WriteString(w, `{"access_token":"a","expires_in":3599}`)
		return
	}
	account, verb, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v25/customers/"), "/")
	if verb != "googleAds:searchStream" {
		v.mutations = append(v.mutations, r.URL.Path+" "+string(body))
		if v.refuse != nil {
			code, reply := v.refuse()
			w.WriteHeader(code)
			io.WriteString(w, reply)
			return
		}
		var m struct {
			Operations []struct {
				Update struct{ Status, AmountMicros, ResourceName string }
			}
		}
		json.Unmarshal(body, &m)
		u := m.Operations[0].Update
		if u.Status != "" {
			v.status[account] = u.Status
		} else {
			v.micros[account] = u.AmountMicros
		}
		if v.after != nil {
			code, reply := v.after()
			w.WriteHeader(code)
			io.WriteString(w, reply)
			return
		}
		fmt.Fprintf(w, `{"results":[{"resourceName":%q}]}`, u.ResourceName)
		return
	}
	var q struct{ Query string }
	json.Unmarshal(body, &q)
	has := func(s string) bool { return strings.Contains(q.Query, s) }
	budget := fmt.Sprintf(`"campaignBudget":{"resourceName":"customers/%s/campaignBudgets/9","id":"9","name":"Pool","period":%q,"amountMicros":%q,"explicitlyShared":%v,"referenceCount":"%d"}`,
		account, v.period, v.micros[account], len(v.shared) > 0, max(1, len(v.shared)))
	switch {
	case has("FROM customer_client"):
		var all []string
		for id, currency := range zones {
			all = append(all, fmt.Sprintf(`{"customerClient":{"id":%q,"descriptiveName":"Brand %s","status":"ENABLED","currencyCode":%q,"timeZone":"Asia/Seoul"}}`, id, id, currency))
		}
		fmt.Fprintf(w, `[{"results":[%s]}]`, strings.Join(all, ","))
	case has("campaign.id = "+account) && has("FROM campaign "):
		fmt.Fprintf(w, `[{"results":[{"campaign":{"resourceName":"customers/%s/campaigns/%s","id":%q,"name":"Autumn","status":%q},%s}]}]`, account, account, account, v.status[account], budget)
	case has("campaign_budget.id = 9") && has("FROM campaign_budget"):
		fmt.Fprintf(w, `[{"results":[{%s}]}]`, budget)
	case has("campaign_budget.id = 9") && has("FROM campaign "):
		var all []string
		for _, n := range v.shared {
			all = append(all, fmt.Sprintf(`{"campaign":{"name":%q}}`, n))
		}
		fmt.Fprintf(w, `[{"results":[%s]}]`, strings.Join(all, ","))
	default:
		io.WriteString(w, `[]`)
	}
}

// sent gives the mutations so far.
func (v *vendor) sent() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	out := v.mutations
	v.mutations = nil
	return out
}

func (v *vendor) actions(t *testing.T) map[string]automation.Action {
	t.Helper()
	env := tables.Env{
		Name: "google_ads",
		Decode: func(config any) error {
			return json.Unmarshal(fmt.Appendf(nil, `{"BaseURL":%q,"TokenURL":"%s/token","DeveloperToken":"d","ClientID":"i","ClientSecret":"s","RefreshToken":"r","LoginCustomerID":"999"}`, v.URL, v.URL), config)
		},
		Secret: func(_ context.Context, ref string) (string, error) { return "secret-" + ref, nil },
		Now:    func() time.Time { return time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC) },
		Sleep:  func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
	}
	conn, err := googleads.Source.Open(t.Context(), env)
	if err != nil {
		t.Fatal(err)
	}
	list, err := kit.Kit.Open(t.Context(), conn, env)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]automation.Action{}
	for _, a := range list {
		out[a.Name] = a
	}
	return out
}

func decimal(s string) *apd.Decimal {
	d, _, err := apd.NewFromString(s)
	if err != nil {
		panic(err)
	}
	return d
}

func TestPlan(t *testing.T) {
	v := newVendor(t)
	actions := v.actions(t)
	for _, c := range []struct {
		action string
		args   automation.Args
		want   string // account target field before after unit
		kind   fault.Kind
		says   string
	}{
		{"pause_campaign", automation.Args{"campaign_id": int64(111)}, "111 customers/111/campaigns/111 status ENABLED PAUSED ", "", ""},
		{"pause_campaign", automation.Args{"campaign_id": "222"}, "222 customers/222/campaigns/222 status PAUSED PAUSED ", "", ""},
		{"enable_campaign", automation.Args{"campaign_id": decimal("222")}, "222 customers/222/campaigns/222 status PAUSED ENABLED ", "", ""},
		{"enable_campaign", automation.Args{"campaign_id": int64(333)}, "", fault.Invalid, "campaign 333 (Autumn) is removed"},
		{"pause_campaign", automation.Args{"campaign_id": int64(444)}, "", fault.NotFound, "none of the 3 accounts"},
		{"pause_campaign", automation.Args{"campaign_id": nil}, "", fault.Invalid, "NULL"},
		{"pause_campaign", automation.Args{"campaign_id": "camp' OR 1"}, "", fault.Invalid, "not a campaign id"},
		{"pause_campaign", automation.Args{"campaign_id": decimal("1.5")}, "", fault.Invalid, "not a campaign id"},
		{"pause_campaign", automation.Args{"campaign_id": int64(-1)}, "", fault.Invalid, "not a campaign id"},
		{"set_budget", automation.Args{"campaign_id": int64(111), "amount": int64(60000)}, "111 customers/111/campaignBudgets/9 amount 50000 60000 KRW", "", ""},
		{"set_budget", automation.Args{"campaign_id": int64(111), "amount": decimal("50000.00")}, "111 customers/111/campaignBudgets/9 amount 50000 50000 KRW", "", ""},
		{"set_budget", automation.Args{"campaign_id": int64(111), "amount": decimal("50000.5")}, "", fault.Invalid, "not a multiple of 1 KRW"},
		{"set_budget", automation.Args{"campaign_id": int64(222), "amount": decimal("12.5")}, "222 customers/222/campaignBudgets/9 amount 12.5 12.5 USD", "", ""},
		{"set_budget", automation.Args{"campaign_id": int64(222), "amount": "20.25"}, "222 customers/222/campaignBudgets/9 amount 12.5 20.25 USD", "", ""},
		{"set_budget", automation.Args{"campaign_id": int64(222), "amount": decimal("1E+3")}, "222 customers/222/campaignBudgets/9 amount 12.5 1000 USD", "", ""},
		{"set_budget", automation.Args{"campaign_id": int64(222), "amount": decimal("0.005")}, "", fault.Invalid, "not a multiple of 0.01 USD"},
		{"set_budget", automation.Args{"campaign_id": int64(222), "amount": decimal("0.0000000001")}, "", fault.Invalid, "not a multiple of 0.01 USD"},
		{"set_budget", automation.Args{"campaign_id": int64(222), "amount": int64(0)}, "", fault.Invalid, "not above zero"},
		{"set_budget", automation.Args{"campaign_id": int64(222), "amount": int64(-5)}, "", fault.Invalid, "not above zero"},
		{"set_budget", automation.Args{"campaign_id": int64(222), "amount": decimal("1E+30")}, "", fault.Invalid, "out of range"},
		{"set_budget", automation.Args{"campaign_id": int64(222), "amount": decimal("99999999999999")}, "", fault.Invalid, "out of range"},
		{"set_budget", automation.Args{"campaign_id": int64(222), "amount": decimal("NaN")}, "", fault.Invalid, "not an amount"},
		{"set_budget", automation.Args{"campaign_id": int64(222), "amount": nil}, "", fault.Invalid, "not an amount"},
		{"set_budget", automation.Args{"campaign_id": int64(333), "amount": int64(1)}, "", fault.Invalid, "removed"},
	} {
		changes, err := actions[c.action].Plan(t.Context(), c.args)
		got := ""
		for _, x := range changes {
			got += strings.Join([]string{x.Account, x.Target, x.Field, x.Before, x.After, x.Unit}, " ")
		}
		if got != c.want || fault.KindOf(err) != c.kind || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s %v: %q, %v; want %q, %s %q", c.action, c.args, got, err, c.want, c.kind, c.says)
		}
	}
	if sent := v.sent(); sent != nil {
		t.Errorf("a plan changes something: %v", sent)
	}
}

func TestSharedBudget(t *testing.T) {
	v := newVendor(t)
	v.shared = []string{"Brand A", "Autumn KR", "Coats"}
	changes, err := v.actions(t)["set_budget"].Plan(t.Context(), automation.Args{"campaign_id": int64(111), "amount": int64(1000)})
	if err != nil || changes[0].Note != `the budget "Pool" is shared by 3 campaigns: Autumn KR, Brand A, Coats` {
		t.Errorf("%+v, %v", changes, err)
	}
	v.period = "CUSTOM_PERIOD"
	if _, err := v.actions(t)["set_budget"].Plan(t.Context(), automation.Args{"campaign_id": int64(111), "amount": int64(1000)}); !fault.Is(err, fault.Invalid) {
		t.Errorf("a budget for a whole period: %v", err)
	}
}

func TestApplyAndReadBack(t *testing.T) {
	v := newVendor(t)
	actions := v.actions(t)
	for _, c := range []struct {
		action string
		args   automation.Args
		want   string
	}{
		{"pause_campaign", automation.Args{"campaign_id": int64(111)}, `/v25/customers/111/campaigns:mutate {"operations":[{"update":{"resourceName":"customers/111/campaigns/111","status":"PAUSED"},"updateMask":"status"}]}`},
		{"enable_campaign", automation.Args{"campaign_id": int64(111)}, `/v25/customers/111/campaigns:mutate {"operations":[{"update":{"resourceName":"customers/111/campaigns/111","status":"ENABLED"},"updateMask":"status"}]}`},
		{"set_budget", automation.Args{"campaign_id": int64(222), "amount": decimal("20.25")}, `/v25/customers/222/campaignBudgets:mutate {"operations":[{"update":{"amountMicros":"20250000","resourceName":"customers/222/campaignBudgets/9"},"updateMask":"amountMicros"}]}`},
	} {
		a := actions[c.action]
		changes, err := a.Plan(t.Context(), c.args)
		if err != nil {
			t.Fatal(err)
		}
		before, err := a.ReadBack(t.Context(), changes[0])
		if before != changes[0].Before || err != nil {
			t.Errorf("%s: reads %q before, plan says %q (%v)", c.action, before, changes[0].Before, err)
		}
		if err := a.Apply(t.Context(), changes[0]); err != nil {
			t.Fatal(err)
		}
		if sent := v.sent(); len(sent) != 1 || sent[0] != c.want {
			t.Errorf("%s sends %v, want %s", c.action, sent, c.want)
		}
		after, err := a.ReadBack(t.Context(), changes[0])
		if after != changes[0].After || err != nil {
			t.Errorf("%s: reads %q back, want %q (%v)", c.action, after, changes[0].After, err)
		}
	}
}

// What Apply says decides whether a change is final: a definite refusal is
// Refused, Invalid, Denied or Auth, everything else leaves the outcome open.
func TestApplyFaults(t *testing.T) {
	envelope := func(status int, code string) func() (int, string) {
		group, name, _ := strings.Cut(code, ".")
		return func() (int, string) {
			return status, fmt.Sprintf(`{"error":{"code":%d,"message":"x","details":[{"errors":[{"errorCode":{%q:%q},"message":"It says no."}],"requestId":"q"}]}}`, status, group, name)
		}
	}
	for _, c := range []struct {
		name     string
		refuse   func() (int, string)
		after    func() (int, string)
		kind     fault.Kind
		requests int
	}{
		{"too large", envelope(400, "campaignBudgetError.MONEY_AMOUNT_TOO_LARGE"), nil, fault.Refused, 1},
		{"denied", envelope(403, "authorizationError.ACTION_NOT_PERMITTED"), nil, fault.Denied, 1},
		{"developer token", envelope(401, "authenticationError.DEVELOPER_TOKEN_INVALID"), nil, fault.Refused, 1},
		{"throttled", envelope(429, "quotaError.RESOURCE_TEMPORARILY_EXHAUSTED"), nil, fault.Refused, 5},
		{"concurrent", envelope(409, "databaseError.CONCURRENT_MODIFICATION"), nil, fault.Refused, 5},
		{"500 before", envelope(500, "internalError.INTERNAL_ERROR"), nil, fault.Unknown, 1},
		{"500 after", nil, envelope(500, "internalError.INTERNAL_ERROR"), fault.Unknown, 1},
		{"dropped", nil, func() (int, string) { panic(http.ErrAbortHandler) }, fault.Unknown, 1},
		{"nonsense", nil, func() (int, string) { return 200, "<html>" }, fault.Unknown, 1},
	} {
		v := newVendor(t)
		a := v.actions(t)["pause_campaign"]
		changes, err := a.Plan(t.Context(), automation.Args{"campaign_id": int64(111)})
		if err != nil {
			t.Fatal(err)
		}
		v.mu.Lock()
		v.refuse, v.after = c.refuse, c.after
		v.mu.Unlock()
		err = a.Apply(t.Context(), changes[0])
		if n := len(v.sent()); !fault.Is(err, c.kind) || n != c.requests {
			t.Errorf("%s: %v (%s) after %d requests, want %s after %d", c.name, err, fault.KindOf(err), n, c.kind, c.requests)
		}
	}
	// Nothing was sent: definite.
	v := newVendor(t)
	a := v.actions(t)["pause_campaign"]
	changes, err := a.Plan(t.Context(), automation.Args{"campaign_id": int64(111)})
	if err != nil {
		t.Fatal(err)
	}
	v.Close()
	if err := a.Apply(t.Context(), changes[0]); !fault.Is(err, fault.Refused) || !strings.Contains(err.Error(), "nothing was changed") {
		t.Errorf("unreachable: %v", err)
	}
}

func TestSheet(t *testing.T) {
	for name, a := range newVendor(t).actions(t) {
		if !regexp.MustCompile(`^[a-z_]+$`).MatchString(name) || a.Doc == "" || len(a.Params) == 0 || len(a.Touches) == 0 || a.Window == 0 || a.Params[0].Name != "campaign_id" {
			t.Errorf("%+v", a)
		}
	}
}
