package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"argo/tables/ads/appleads/appleadssim"
	"argo/tables/ads/googleads/googleadssim"
	"argo/tables/ads/kakaokeyword/kakaokeywordsim"
	"argo/tables/ads/kakaomoment/kakaomomentsim"
	"argo/tables/ads/metaads/metaadssim"
	"argo/tables/ads/naversearchad/naversearchadsim"
	"argo/tables/ads/tiktokads/tiktokadssim"
	"argo/tables/market"
	"argo/tables/mmp/appsflyer/appsflyersim"
)

// player plays one vendor on the simulated market, for argo demo, which
// plays them all, and for argo simulate. Credentials are made up here; limits
// by the minute and the day, which a demonstration on the wall clock would only
// wait for, are off.
type player struct {
	source string // the source that reads it, and the connection's name
	// countries whose audience its accounts have, in turn; none: it has the
	// market's first accounts, or shows what all channels brought (a tracker).
	countries []string
	play      func(m *market.Market) vendorPlay
}

// vendorPlay is a vendor on stage: what answers, and how to connect to it.
type vendorPlay struct {
	http.Handler
	// options of a connection, by key. In texts {{url}} is where the vendor
	// listens, {{secret NAME}} the reference of one of the secrets.
	options map[string]any
	secrets map[string]string
}

// simulators lists every vendor that can be played, by source.
var simulators = []player{
	{source: "apple_ads", countries: []string{"US", "JP"}, play: func(m *market.Market) vendorPlay {
		o := appleadssim.Options{ClientID: "SEARCHADS.demo-client", TeamID: "SEARCHADS.demo-team", KeyID: "demo-key", PrivateKey: appleadssim.NewKey(), Requests: -1}
		return vendorPlay{appleadssim.New(m, o),
			map[string]any{"base_url": "{{url}}", "token_url": "{{url}}/auth/oauth2/token", "client_id": o.ClientID, "team_id": o.TeamID, "key_id": o.KeyID,
				"private_key": "{{secret private_key}}", "since": string(m.Start())},
			map[string]string{"private_key": o.PrivateKey}}
	}},
	{source: "appsflyer", play: func(m *market.Market) vendorPlay {
		o := appsflyersim.Options{Token: "demo-appsflyer-token", ShortInterval: -1, LongPerApp: -1, LongPerToken: -1}
		var apps []any
		for _, a := range m.Apps() {
			apps = append(apps, map[string]any{"id": a.ID, "name": a.Name, "time_zone": a.Zone, "currency": a.Currency})
		}
		return vendorPlay{appsflyersim.New(m, o),
			map[string]any{"base_url": "{{url}}", "token": "{{secret token}}", "since": string(m.Start()), "apps": apps},
			map[string]string{"token": o.Token}}
	}},
	{source: "google_ads", play: func(m *market.Market) vendorPlay {
		o := demoGoogle(m)
		return vendorPlay{googleadssim.New(m, o),
			map[string]any{"base_url": "{{url}}", "token_url": "{{url}}/token", "developer_token": "{{secret developer_token}}",
				"client_id": "{{secret client_id}}", "client_secret": "{{secret client_secret}}", "refresh_token": "{{secret refresh_token}}",
				"login_customer_id": o.ManagerID, "since": string(m.Start())},
			map[string]string{"developer_token": o.DeveloperToken, "client_id": o.ClientID, "client_secret": o.ClientSecret, "refresh_token": o.RefreshToken}}
	}},
	{source: "kakao_keyword", countries: []string{"KR"}, play: func(m *market.Market) vendorPlay {
		o := kakaokeywordsim.Options{Token: "demo-keyword-business-token", Interval: -1}
		return vendorPlay{kakaokeywordsim.New(m, o),
			map[string]any{"base_url": "{{url}}", "business_token": "{{secret business_token}}", "since": string(m.Start())},
			map[string]string{"business_token": o.Token}}
	}},
	{source: "kakao_moment", countries: []string{"KR"}, play: func(m *market.Market) vendorPlay {
		o := kakaomomentsim.Options{Token: "demo-kakao-business-token", Interval: -1}
		return vendorPlay{kakaomomentsim.New(m, o),
			map[string]any{"base_url": "{{url}}", "business_token": "{{secret business_token}}", "since": string(m.Start())},
			map[string]string{"business_token": o.Token}}
	}},
	{source: "meta_ads", countries: []string{"KR", "US", "JP"}, play: func(m *market.Market) vendorPlay {
		o := metaadssim.Options{Token: "demo-meta-token", AppSecret: "demo-meta-app-secret", RequireProof: true, Hourly: -1, Score: -1, ReportTime: 3 * time.Second}
		return vendorPlay{metaadssim.New(m, o),
			map[string]any{"base_url": "{{url}}", "access_token": "{{secret access_token}}", "app_secret": "{{secret app_secret}}", "since": string(m.Start())},
			map[string]string{"access_token": o.Token, "app_secret": o.AppSecret}}
	}},
	{source: "naver_searchad", countries: []string{"KR"}, play: func(m *market.Market) vendorPlay {
		o := naversearchadsim.Options{APIKey: "demo-naver-licence", SecretKey: "demo-naver-secret-key", CustomerID: 9000001, PerSecond: -1, ReportsPerSecond: -1, Build: -1}
		return vendorPlay{naversearchadsim.New(m, o),
			map[string]any{"base_url": "{{url}}", "api_key": "{{secret api_key}}", "secret_key": "{{secret secret_key}}",
				"customer_id": strconv.FormatInt(o.CustomerID, 10), "since": string(m.Start())},
			map[string]string{"api_key": o.APIKey, "secret_key": o.SecretKey}}
	}},
	{source: "tiktok_ads", countries: []string{"KR", "US", "JP"}, play: func(m *market.Market) vendorPlay {
		o := tiktokadssim.Options{Token: "demo-tiktok-token", AppID: "7000000000000000001", Secret: "demo-tiktok-app-secret", PerSecond: -1}
		return vendorPlay{tiktokadssim.New(m, o),
			map[string]any{"base_url": "{{url}}", "access_token": "{{secret access_token}}", "app_id": o.AppID, "app_secret": "{{secret app_secret}}", "since": string(m.Start())},
			map[string]string{"access_token": o.Token, "app_secret": o.Secret}}
	}},
}

func demoGoogle(m *market.Market) googleadssim.Options {
	return googleadssim.Options{
		ClientID: "demo-client", ClientSecret: "demo-client-secret", RefreshToken: "demo-refresh-token",
		DeveloperToken: "demo-developer-token", ManagerID: strconv.FormatInt(m.Managers()[0].ID, 10),
	}
}

// channelsOf is the market's channels for the simulators, each with so many accounts.
func channelsOf(accounts int) (out []market.Channel) {
	for _, s := range simulators {
		if len(s.countries) > 0 {
			out = append(out, market.Channel{Name: s.source, Countries: s.countries, Accounts: accounts})
		}
	}
	return out
}

// on is the market as the simulator's vendor sees it.
func (s player) on(m *market.Market) *market.Market {
	if len(s.countries) == 0 && s.source != "google_ads" {
		return m
	}
	return m.On(s.source)
}

// connection is the play's options with addresses and references filled in.
func (p vendorPlay) connection(url string, ref func(secret string) string) map[string]any {
	var fill func(v any) any
	fill = func(v any) any {
		switch v := v.(type) {
		case string:
			v = strings.ReplaceAll(v, "{{url}}", url)
			for name := range p.secrets {
				v = strings.ReplaceAll(v, "{{secret "+name+"}}", ref(name))
			}
			return v
		case []any:
			out := make([]any, len(v))
			for i := range v {
				out[i] = fill(v[i])
			}
			return out
		case map[string]any:
			out := map[string]any{}
			for k := range v {
				out[k] = fill(v[k])
			}
			return out
		}
		return v
	}
	return fill(p.options).(map[string]any)
}

// writeConnection writes a connection as YAML, below "connections:".
func writeConnection(w io.Writer, source string, options map[string]any) error {
	var b strings.Builder
	fmt.Fprintf(&b, "  - name: %s\n    source: %[1]s\n    options:\n", source)
	for _, k := range slices.Sorted(maps.Keys(options)) {
		list, ok := options[k].([]any)
		if !ok {
			list = []any{options[k]}
		} else {
			fmt.Fprintf(&b, "      %s:\n", k)
		}
		for _, v := range list {
			text, err := json.Marshal(v) // JSON is YAML
			if err != nil {
				return fmt.Errorf("options of %s: %s: %w", source, k, err)
			}
			if ok {
				fmt.Fprintf(&b, "        - %s\n", text)
			} else {
				fmt.Fprintf(&b, "      %s: %s\n", k, text)
			}
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
