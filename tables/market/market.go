// Package market is the simulated ad world that every simulator draws from.
package market

import "argo/tables"

// Options of a world.
type Options struct {
	Seed  uint64
	Start tables.Day // first day with data
	Clock Clock      // nil: the wall clock
}

// Market is a world.
type Market struct{ o Options }

// New makes the world of o.
func New(o Options) *Market { return &Market{o: o} }
