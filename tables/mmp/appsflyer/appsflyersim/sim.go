// Package appsflyersim plays the AppsFlyer aggregate Pull API.
package appsflyersim

import (
	"net/http"

	"argo/tables/market"
)

// Options of a simulator.
type Options struct{ Token string }

// Sim serves the API.
type Sim struct {
	Faults *market.Faults
}

// New plays the API over m.
func New(m *market.Market, o Options) *Sim { return &Sim{Faults: &market.Faults{}} }

func (s *Sim) ServeHTTP(w http.ResponseWriter, r *http.Request) {}
