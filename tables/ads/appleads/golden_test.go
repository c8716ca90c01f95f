package appleads_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"argo/tables"
	"argo/tables/ads/appleads"
	"argo/tables/ads/appleads/appleadssim"
	"argo/tables/fault"
	"argo/tables/market"
	"argo/tables/tabletest"
	"net/http/httptest"
	"time"
)

var update = flag.Bool("update", false, "write testdata anew")

// recorder keeps the requests to a simulator, without those for tokens.
type recorder struct {
	http.Handler
	said []string
}

func (r *recorder) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, _ := io.ReadAll(q.Body)
	q.Body = io.NopCloser(bytes.NewReader(body))
	if !strings.HasSuffix(q.URL.Path, "/token") {
		r.said = append(r.said, strings.TrimSpace(fmt.Sprintf("%s %s\n%s\n%s", q.Method, q.URL.Path, q.Header.Get("X-AP-Context"), body)))
	}
	r.Handler.ServeHTTP(w, q)
}

func (r *recorder) take() string {
	out := strings.Join(r.said, "\n") + "\n"
	r.said = nil
	return out
}

// TestGolden holds the exact requests of every table, for many days, one day,
// and one campaign, and the first row of what they become.
func TestGolden(t *testing.T) {
	golden := tabletest.OpenGolden(t, "testdata/appleads.txtar", *update)
	for _, version := range []string{"v1", "v5"} {
		clock := market.NewClock(time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC))
		sim := appleadssim.New(market.New(market.Options{Seed: 1, Start: "2026-09-23", Clock: clock}), appleadssim.Options{PrivateKey: key})
		r := &recorder{Handler: sim}
		server := httptest.NewServer(r)
		defer server.Close()
		o := sim.Options()
		conn, err := appleads.Source.Open(t.Context(), tables.Env{Name: "apple_ads", Now: clock.Now, Sleep: clock.Sleep,
			Decode: tabletest.Decode(map[string]any{"base_url": server.URL, "token_url": server.URL + "/auth/oauth2/token", "client_id": o.ClientID, "team_id": o.TeamID,
				"key_id": o.KeyID, "private_key": "env:KEY", "version": version}),
			Secret: func(context.Context, string) (string, error) { return key, nil }})
		if err != nil {
			t.Fatal(err)
		}
		for _, table := range conn.Tables {
			if version == "v5" && table.Name != "accounts" && table.Day != "" && strings.Count(table.Name, "_") > 1 {
				continue
			}
			scan := tables.Scan{Table: table.Name, Columns: tabletest.Names(table)}
			if table.Account != "" {
				scan.Account = versions[version]
			}
			if table.Day != "" {
				scan.Days = tables.Days{From: "2026-11-18", To: "2026-11-19"}
				scan.Totals = func(map[string]any) {}
			}
			rows, err := tabletest.Rows(t.Context(), table, scan)
			if err != nil || len(rows) == 0 && table.Name != "negative_keywords" {
				t.Errorf("%s %s: %d rows, %v", version, table.Name, len(rows), err)
				continue
			}
			if table.Day != "" {
				scan.Days.From = scan.Days.To
				scan.Where = tables.Predicate{"campaign_id": {In: []any{int64(102001)}}, "campaign_name": {In: []any{"x"}}}
				if _, err := tabletest.Rows(t.Context(), table, scan); err != nil {
					t.Errorf("%s %s: %v", version, table.Name, err)
				}
			}
			golden.Compare(version+"/"+table.Name+".http", r.take())
			golden.Compare(version+"/"+table.Name+".rows", tabletest.Print(scan.Columns, rows[:min(1, len(rows))]))
		}
	}
}

func TestConfig(t *testing.T) {
	good := map[string]any{"client_id": "c", "team_id": "t", "key_id": "k", "private_key": "env:KEY"}
	open := func(name string, value any, secret string) error {
		all := map[string]any{name: value}
		for k, v := range good {
			if _, ok := all[k]; !ok {
				all[k] = v
			}
		}
		_, err := appleads.Source.Open(t.Context(), tables.Env{Name: "apple_ads", Now: time.Now, Decode: tabletest.Decode(all),
			Secret: func(context.Context, string) (string, error) { return secret, nil }})
		return err
	}
	for name, value := range map[string]any{"client_id": "", "team_id": "", "key_id": "", "private_key": "", "accounts": []string{"x"}, "since": "1 January",
		"version": "v4", "page_size": 5000, "in_flight_window": "soon", "bse_url": "x"} {
		if err := open(name, value, key); !fault.Is(err, fault.Config) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v is %v", name, value, err)
		}
	}
	for _, secret := range []string{"no key", "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"} {
		if err := open("version", "v1", secret); !fault.Is(err, fault.Auth) || !strings.Contains(err.Error(), "private_key") {
			t.Errorf("a key that is none: %v", err)
		}
	}
	if err := open("version", "v5", strings.ReplaceAll(key, "\n", `\n`)); err != nil {
		t.Errorf("a key in one line: %v", err)
	}
}
