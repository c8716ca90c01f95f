// Package googleadssim plays the Google Ads API over REST.
package googleadssim

import (
	"net/http"

	"argo/tables/market"
)

// Options of a simulator.
type Options struct {
	ClientID, ClientSecret, RefreshToken, DeveloperToken, ManagerID string
}

// Sim serves the API and the token endpoint at /token.
type Sim struct {
	Faults *market.Faults
}

// New plays the API over m.
func New(m *market.Market, o Options) *Sim { return &Sim{Faults: &market.Faults{}} }

func (s *Sim) ServeHTTP(w http.ResponseWriter, r *http.Request) {}

// Record writes every exchange of h to dir.
func Record(dir string, h http.Handler) http.Handler { return h }
