package servertest_test

import (
	"net/http"
	"regexp"
	"strconv"
	"testing"
	"time"

	"argo/server/servertest"
	"argo/tables/ads/appleads/appleadssim"
	"argo/tables/market"
)

// TestAppleAds: statements over the wire, and what reaches Apple for them.
func TestAppleAds(t *testing.T) {
	clock := market.NewClock(time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC))
	m := market.New(market.Options{Seed: 1, Start: "2026-08-24", Clock: clock})
	sim := appleadssim.New(m, appleadssim.Options{})
	servertest.RunGolden(t, "../../tables/ads/appleads/testdata/sql.txtar", servertest.Setup{
		Options: servertest.Options{Clock: clock, Vendors: map[string]http.Handler{"apple.test": sim}, Config: `
users:
  - {name: demo, password: env:PASSWORD, act: true}
connections:
  - name: apple_ads
    source: apple_ads
    options:
      base_url: http://apple.test
      token_url: http://apple.test/auth/oauth2/token
      client_id: SEARCHADS.client
      team_id: SEARCHADS.team
      key_id: key
      private_key: ` + strconv.Quote(sim.Options().PrivateKey) + `
      since: 2026-08-24
`},
		Faults: map[string]*market.Faults{"appleads": sim.Faults},
		User:   "demo", Ref: "env:PASSWORD", Mask: regexp.MustCompile(`sim[0-9a-z]+\b|\b01[0-9A-HJKMNP-TV-Z]{24}\b|\d\d:\d\d:\d\d UTC on`),
	})
}
