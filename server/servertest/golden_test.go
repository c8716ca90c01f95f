package servertest_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"argo/server/servertest"
	"argo/tables/ads/googleads/googleadssim"
	"argo/tables/market"
	"argo/tables/mmp/appsflyer/appsflyersim"
)

// world is a simulated agency behind an Argo.
func world(t *testing.T) servertest.Setup {
	t.Helper()
	clock := market.NewClock(time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC))
	m := market.New(market.Options{Seed: 1, Start: "2026-08-24", Clock: clock})
	google := googleadssim.New(m, googleadssim.Options{
		ClientID: "env:CLIENT_ID", ClientSecret: "env:CLIENT_SECRET", RefreshToken: "env:REFRESH_TOKEN", DeveloperToken: "env:DEVELOPER_TOKEN",
	})
	tracker := appsflyersim.New(m, appsflyersim.Options{Token: "env:APPSFLYER_TOKEN"})
	var apps strings.Builder
	for _, a := range m.Apps() {
		fmt.Fprintf(&apps, "        - {id: %s, name: %q, time_zone: %s, currency: %s}\n", a.ID, a.Name, a.Zone, a.Currency)
	}
	config := `
users:
  - {name: demo, password: env:PASSWORD, act: true}
connections:
  - name: google_ads
    source: google_ads
    options:
      base_url: http://google.test
      token_url: http://google.test/token
      developer_token: env:DEVELOPER_TOKEN
      client_id: env:CLIENT_ID
      client_secret: env:CLIENT_SECRET
      refresh_token: env:REFRESH_TOKEN
      login_customer_id: "` + strconv.FormatInt(m.Managers()[0].ID, 10) + `"
      since: 2026-08-24
  - name: appsflyer
    source: appsflyer
    options:
      base_url: http://tracker.test
      token: env:APPSFLYER_TOKEN
      since: 2026-08-24
      apps:
` + apps.String()
	return servertest.Setup{
		Options: servertest.Options{Config: config, Clock: clock, Vendors: map[string]http.Handler{"google.test": google, "tracker.test": tracker}},
		Faults:  map[string]*market.Faults{"googleads": google.Faults, "appsflyer": tracker.Faults},
		User:    "demo", Ref: "env:PASSWORD", Mask: regexp.MustCompile(`sim[0-9a-z]+\b|\b01[0-9A-HJKMNP-TV-Z]{24}\b|\d\d:\d\d:\d\d UTC on`),
	}
}

func TestGoogleAds(t *testing.T) {
	servertest.RunGolden(t, "../../tables/ads/googleads/testdata/sql.txtar", world(t))
}

func TestGoogleAdsThrift(t *testing.T) {
	servertest.RunGolden(t, "../../tables/ads/googleads/testdata/thrift.txtar", world(t))
}

func TestAppsFlyer(t *testing.T) {
	servertest.RunGolden(t, "../../tables/mmp/appsflyer/testdata/sql.txtar", world(t))
}

func TestTruth(t *testing.T) {
	servertest.RunGolden(t, "testdata/truth.txtar", world(t))
}
