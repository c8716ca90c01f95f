// Package samples carries real data that the demo shows and tests read; the
// README beside it says where each file is from. It knows nothing of how the
// files are read.
package samples

import _ "embed"

// FacebookCampaigns is a CSV of ad-level results: a header and 1,143 rows.
//
//go:embed facebook_campaigns.csv
var FacebookCampaigns []byte
