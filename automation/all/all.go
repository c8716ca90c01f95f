// Package all is the list of kits: the write sides of the sources. A channel
// that can be changed adds one line here. It knows nothing of what a kit does.
package all

import (
	"argo/automation"
	"argo/automation/ads/appleads"
	"argo/automation/ads/googleads"
	"argo/automation/ads/kakaomoment"
	"argo/automation/ads/metaads"
	"argo/automation/ads/naversearchad"
)

// Kits lists every kit, by source.
func Kits() []automation.Kit {
	return []automation.Kit{
		appleads.Kit,
		googleads.Kit,
		kakaomoment.Kit,
		metaads.Kit,
		naversearchad.Kit,
	}
}
