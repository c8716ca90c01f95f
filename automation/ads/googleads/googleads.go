// Package googleads is the write side of Google Ads.
package googleads

import (
	"context"

	"argo/automation"
	"argo/tables"
)

// Kit is the actions of Google Ads.
var Kit = automation.Kit{Source: "google_ads", Open: open}

func open(ctx context.Context, conn *tables.Connection, env tables.Env) ([]automation.Action, error) {
	return nil, nil
}
