package servertest_test

import (
	"net/http"
	"regexp"
	"testing"
	"time"

	"argo/server/servertest"
	"argo/tables/ads/metaads/metaadssim"
	"argo/tables/market"
)

// TestMetaAds: statements over the wire, and what reaches Meta for them.
func TestMetaAds(t *testing.T) {
	clock := market.NewClock(time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC))
	m := market.New(market.Options{Seed: 1, Start: "2026-08-24", Clock: clock})
	sim := metaadssim.New(m, metaadssim.Options{Token: "env:META_TOKEN", SyncRows: 2000})
	servertest.RunGolden(t, "../../tables/ads/metaads/testdata/sql.txtar", servertest.Setup{
		Options: servertest.Options{Clock: clock, Vendors: map[string]http.Handler{"meta.test": sim}, Config: `
users:
  - {name: demo, password: env:PASSWORD, act: true}
connections:
  - name: meta_ads
    source: meta_ads
    options:
      base_url: http://meta.test
      access_token: env:META_TOKEN
      since: 2026-08-24
`},
		Faults: map[string]*market.Faults{"metaads": sim.Faults},
		User:   "demo", Ref: "env:PASSWORD", Mask: regexp.MustCompile(`sim[0-9a-z]+\b|\b01[0-9A-HJKMNP-TV-Z]{24}\b|\d\d:\d\d:\d\d UTC on`),
	})
}
