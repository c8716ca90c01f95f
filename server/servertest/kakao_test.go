package servertest_test

import (
	"net/http"
	"regexp"
	"testing"
	"time"

	"argo/server/servertest"
	"argo/tables/ads/kakaomoment/kakaomomentsim"
	"argo/tables/market"
)

func TestKakaoMoment(t *testing.T) {
	clock := market.NewClock(time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC))
	m := market.New(market.Options{Seed: 1, Start: "2026-08-24", Clock: clock,
		Channels: []market.Channel{{Name: "kakao_moment", Countries: []string{"KR"}, Accounts: 2}}})
	// Who waits on this clock moves it at once, also past the end of a request
	// that is on its way: the connector's own tests hold the intervals.
	sim := kakaomomentsim.New(m.On("kakao_moment"), kakaomomentsim.Options{Token: "env:BUSINESS_TOKEN", Interval: -1})
	servertest.RunGolden(t, "../../tables/ads/kakaomoment/testdata/sql.txtar", servertest.Setup{
		Options: servertest.Options{Clock: clock, Vendors: map[string]http.Handler{"kakao.test": sim}, Config: `
users:
  - {name: demo, password: env:PASSWORD, act: true}
connections:
  - name: kakao_moment
    source: kakao_moment
    options:
      base_url: http://kakao.test
      business_token: env:BUSINESS_TOKEN
      since: 2026-08-24
`},
		Faults: map[string]*market.Faults{"kakaomoment": sim.Faults},
		User:   "demo", Ref: "env:PASSWORD", Mask: regexp.MustCompile(`\b01[0-9A-HJKMNP-TV-Z]{24}\b|\d\d:\d\d:\d\d UTC on`),
	})
}
