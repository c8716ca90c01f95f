// Package all is the list of sources. Adding a channel is one folder and one
// line here. It knows nothing of what a source does.
package all

import (
	"argo/tables"
	"argo/tables/ads/appleads"
	"argo/tables/ads/googleads"
	"argo/tables/ads/kakaokeyword"
	"argo/tables/ads/kakaomoment"
	"argo/tables/ads/metaads"
	"argo/tables/ads/naversearchad"
	"argo/tables/ads/tiktokads"
	"argo/tables/declarative"
	"argo/tables/lake"
	"argo/tables/lake/files"
	"argo/tables/mmp/appsflyer"
)

// Sources lists every source that a configuration can name, by name.
func Sources() []tables.Source {
	return []tables.Source{
		appleads.Source,
		appsflyer.Source,
		files.Source,
		googleads.Source,
		declarative.Source,
		kakaokeyword.Source,
		kakaomoment.Source,
		lake.Source,
		metaads.Source,
		naversearchad.Source,
		tiktokads.Source,
	}
}
