package servertest_test

import (
	"net/http"
	"regexp"
	"testing"
	"time"

	"argo/server/servertest"
	"argo/tables/ads/naversearchad/naversearchadsim"
	"argo/tables/market"
)

func TestNaverSearchAd(t *testing.T) {
	clock := market.NewClock(time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC))
	m := market.New(market.Options{Seed: 1, Start: "2026-10-24", Clock: clock, Channels: []market.Channel{{Name: "naver_searchad", Countries: []string{"KR"}, Accounts: 2}}})
	naver := naversearchadsim.New(m.On("naver_searchad"), naversearchadsim.Options{APIKey: "env:NAVER_KEY", SecretKey: "env:NAVER_SECRET"})
	servertest.RunGolden(t, "../../tables/ads/naversearchad/testdata/sql.txtar", servertest.Setup{
		Options: servertest.Options{Clock: clock, Vendors: map[string]http.Handler{"naver.test": naver}, Config: `
users:
  - {name: demo, password: env:PASSWORD, act: true}
connections:
  - name: naver_searchad
    source: naver_searchad
    options:
      base_url: http://naver.test
      api_key: env:NAVER_KEY
      secret_key: env:NAVER_SECRET
      customer_id: "9000001"
      since: 2026-10-24
`},
		Faults: map[string]*market.Faults{"naversearchad": naver.Faults},
		User:   "demo", Ref: "env:PASSWORD", Mask: regexp.MustCompile(`\b01[0-9A-HJKMNP-TV-Z]{24}\b|\d\d:\d\d:\d\d UTC on`),
	})
}
