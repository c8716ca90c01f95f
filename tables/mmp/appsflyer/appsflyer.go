// Package appsflyer reads the aggregate reports of AppsFlyer's Pull API.
package appsflyer

import (
	"context"

	"argo/tables"
)

// Source is AppsFlyer.
var Source = tables.Source{Name: "appsflyer", Open: open}

func open(ctx context.Context, env tables.Env) (*tables.Connection, error) {
	return &tables.Connection{}, nil
}
