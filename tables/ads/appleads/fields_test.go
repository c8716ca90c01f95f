package appleads

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"argo/tables/fault"
	"argo/tables/rest"
	"argo/tables/tabletest"
)

// Whatever a row is, it becomes values or a fault.
func FuzzRow(f *testing.F) {
	for _, s := range []string{
		`{"metadata":{"id":1,"campaignId":2,"adGroupId":3,"keyword":{"id":4}},"m":{"impressions":5,"localSpend":{"amount":"1.25","currency":"USD"},"ttr":0.2},"date":"2026-11-01 05"}`,
		`{"metadata":{"campaignId":2},"m":{"taps":null,"localSpend":{"amount":"1e99"}},"date":"2026-11-01T25"}`,
		`{"o":{"id":1,"status":"ACTIVE","bid":{"amount":"x"},"creationTime":"2026-11-01T00:00:00.000","deleted":true}}`, `{"o":{"id":"9007199254740993"}}`,
	} {
		f.Add([]byte(s))
	}
	all := append(performance(), entities...)
	f.Fuzz(func(t *testing.T, text []byte) {
		var r Record
		dec := json.NewDecoder(bytes.NewReader(text))
		dec.UseNumber()
		if dec.Decode(&r) != nil {
			return
		}
		for _, v5 := range []bool{false, true} {
			for _, s := range all {
				var read []reader
				for _, f := range s.fields {
					read = append(read, f.reader(v5))
				}
				row, err := rowOf(r, read, "1")
				if err != nil && !fault.Is(err, fault.Broken) {
					t.Fatalf("%v is no fault of a reply", err)
				}
				for i, v := range row {
					if v == nil && s.fields[i].NotNull {
						t.Fatalf("%s.%s is NULL", s.name, s.fields[i].Name)
					}
				}
			}
		}
	})
}

// Whatever an error's body is, it has a class, and a date is a day or none.
func FuzzReply(f *testing.F) {
	f.Add(400, []byte(`{"error":{"code":"INVALID_ARGUMENT","message":"m","details":[{"code":"x","message":"y"}]}}`))
	f.Add(400, []byte(`{"data":null,"error":{"errors":[{"messageCode":"INVALID_INPUT","message":"m","field":"f"}]}}`))
	f.Add(503, []byte(`<html>`))
	f.Add(200, []byte(`2026-11-01 05`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		c := &Client{name: "apple_ads"}
		k := c.classify(rest.Reply{About: "Apple Ads", Status: status, Head: http.Header{}, Body: body, Whole: true})
		if status >= 300 && k.Fault == nil {
			t.Fatalf("HTTP %d is accepted", status)
		}
		if d, h, err := moment(string(body)); err == nil && (d == "" || h < -1 || h > 23) {
			t.Fatalf("%q is %s %d", body, d, h)
		}
	})
}

func TestValues(t *testing.T) {
	number := func(s string) json.Number { return json.Number(s) }
	for _, c := range []struct {
		read func(any) (any, error)
		in   any
		want string // "" for an error
	}{
		{readMoney, "1.5", "1.500000"}, {readMoney, "12000", "12000.000000"}, {readMoney, number("0.01"), "0.010000"}, {readMoney, "1e30", ""}, {readMoney, "NaN", ""}, {readMoney, true, ""},
		{readInt, number("9007199254740993"), "9007199254740993"}, {readInt, "7", "7"}, {readInt, number("1.5"), ""},
		{readWord, "ACTIVE", "ENABLED"}, {readWord, "PAUSED", "PAUSED"},
		{readDay, "2026-11-01 05", "2026-11-01"}, {readDay, "2026-13-01", ""}, {readHour, "2026-11-01 05", "5"}, {readHour, "2026-11-01T23:00", "23"}, {readHour, "2026-11-01 24", ""}, {readHour, "2026-11-01", ""},
		{readClock, "2025-09-01T08:00:00.000", "2025-09-01 08:00:00"}, {readClock, "2025-09-01T08:00:00Z", "2025-09-01 08:00:00"}, {readClock, "soon", ""},
	} {
		v, err := c.read(c.in)
		if got := tabletest.Show(v); err != nil && c.want != "" || err == nil && got != c.want {
			t.Errorf("%v: %s, %v, want %s", c.in, got, err, c.want)
		}
	}
}

// An entry of zeros is no row; what is withheld is one, with NULL.
func TestWithheld(t *testing.T) {
	s := performance()[0]
	var adds []field
	for _, f := range s.fields {
		if f.additive() {
			adds = append(adds, f)
		}
	}
	for text, want := range map[string]bool{
		`{"m":{"impressions":0,"localSpend":{"amount":"0.00"}}}`: true, `{"m":{}}`: true, `{"m":{"impressions":null}}`: false, `{"m":{"impressions":0,"taps":1}}`: false, `{"m":{"localSpend":{"amount":"0.01"}}}`: false,
	} {
		var r Record
		if err := rest.Decode(strings.NewReader(text), &r); err != nil {
			t.Fatal(err)
		}
		if got, err := (&Client{}).nothing(r, adds); got != want || err != nil {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
}

// What the headers say of the window is obeyed, and what a reply means.
func TestReplies(t *testing.T) {
	now := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	head := func(s ...string) http.Header {
		h := http.Header{}
		for i := 0; i < len(s); i += 2 {
			h.Set(s[i], s[i+1])
		}
		return h
	}
	ask := &rest.Request{Limits: []rest.Limit{{Key: "k"}}}
	for _, c := range []struct {
		status int
		head   http.Header
		want   time.Duration
	}{
		{200, head("RateLimit-Remaining", "0", "RateLimit-Reset", "40"), 40 * time.Second},
		{200, head("RateLimit-Remaining", "1", "RateLimit-Reset", "40"), 0},
		{429, head("RateLimit-Reset", "40", "Retry-After", "90"), 90 * time.Second},
		{429, head(), 0},
	} {
		seen := observe(rest.Reply{Request: ask, Status: c.status, Head: c.head, Now: now})
		if (len(seen) == 1) != (c.want > 0) || len(seen) == 1 && seen[0].Until != now.Add(c.want) {
			t.Errorf("%d %v: %v", c.status, c.head, seen)
		}
	}
	write := &rest.Request{Write: true}
	for _, c := range []struct {
		request *rest.Request
		status  int
		body    string
		kind    fault.Kind
		says    string
	}{
		{ask, 401, `{"error":{"code":"UNAUTHORIZED"}}`, fault.Auth, "private_key"},
		{ask, 403, ``, fault.Denied, "role"},
		{ask, 400, `{"error":{"code":"INVALID_ARGUMENT","message":"bad","details":[{"code":"X","message":"why"}]}}`, fault.Internal, "bad. why [INVALID_ARGUMENT]"},
		{write, 400, `{"data":null,"error":{"errors":[{"messageCode":"INVALID_INPUT","message":"too low","field":"bid"}]}}`, fault.Refused, "too low (bid) [INVALID_INPUT]"},
		{ask, 200, `{"result":null,"error":{"code":"INTERNAL","message":"oops"}}`, fault.Internal, "oops"},
		{ask, 503, `<html>`, fault.Unavailable, "HTTP 503"},
		{ask, 404, ``, fault.NotFound, "version: v1"},
		{ask, 429, ``, fault.Throttled, "too many"},
	} {
		k := (&Client{name: "apple_ads", v5: true}).classify(rest.Reply{About: "Apple Ads", Request: c.request, Status: c.status, Head: http.Header{}, Body: []byte(c.body), Whole: true, Now: now})
		if k.Fault == nil || k.Fault.Kind != c.kind || !strings.Contains(k.Fault.Error(), c.says) {
			t.Errorf("%d %s: %+v", c.status, c.body, k.Fault)
		}
	}
}
