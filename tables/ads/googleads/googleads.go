// Package googleads reads Google Ads over its REST interface.
package googleads

import (
	"context"

	"argo/tables"
)

// Source is Google Ads.
var Source = tables.Source{Name: "google_ads", Open: open}

// Client speaks to the API; the write side uses it.
type Client struct{}

func open(ctx context.Context, env tables.Env) (*tables.Connection, error) {
	return &tables.Connection{Handle: &Client{}}, nil
}
