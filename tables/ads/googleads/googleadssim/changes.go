package googleadssim

import (
	"fmt"
	"strings"
	"time"

	"argo/tables/market"
)

// change is an action of the world as change_event shows it.
type change struct {
	market.Action
	zone     *time.Location
	campaign int64 // 0: none
	group    int64
	row      row // the entity as it is now, for resource names
}

const dateTime = "2006-01-02 15:04:05.000000"

var changeTypes = map[market.Kind]string{market.KindCampaign: "CAMPAIGN", market.KindBudget: "CAMPAIGN_BUDGET", market.KindAdGroup: "AD_GROUP",
	market.KindAd: "AD_GROUP_AD", market.KindKeyword: "AD_GROUP_CRITERION"}

// collections are the parts of resource names by kind of entity.
var collections = map[market.Kind]string{market.KindCampaign: "campaigns", market.KindBudget: "campaignBudgets", market.KindAdGroup: "adGroups",
	market.KindAd: "adGroupAds", market.KindKeyword: "adGroupCriteria"}

// prefixes are the resources by kind of entity.
var prefixes = map[market.Kind]string{market.KindCampaign: "campaign", market.KindBudget: "campaign_budget", market.KindAdGroup: "ad_group",
	market.KindAd: "ad_group_ad", market.KindKeyword: "ad_group_criterion"}

// changed maps the world's fields to the resource's, with how their text reads.
var changed = map[market.Kind]map[string]string{
	market.KindCampaign: {"name": "name", "status": "status", "budget": "campaignBudget", "target_cpa": "maximizeConversions.targetCpaMicros",
		"target_roas": "maximizeConversionValue.targetRoas", "form": "advertisingChannelType", "begin": "startDateTime", "end": "endDateTime"},
	market.KindBudget:  {"name": "name", "status": "status", "amount": "amountMicros", "shared": "explicitlyShared"},
	market.KindAdGroup: {"name": "name", "status": "status", "bid": "cpcBidMicros", "campaign": "campaign"},
	market.KindAd:      {"status": "status", "ad_group": "adGroup"},
	market.KindKeyword: {"status": "status", "bid": "cpcBidMicros", "text": "keyword.text", "match": "keyword.matchType", "negative": "negative", "ad_group": "adGroup"},
}

func changeFields() []*field {
	e := func(get func(*change) any) func(*row) any { return func(r *row) any { return get(r.change) } }
	return []*field{
		plain("change_event.resource_name", "RESOURCE_NAME", e(func(c *change) any {
			return name(c.Account, "changeEvents", c.At.UnixMicro(), c.Seq, 0)
		})),
		plain("change_event.change_date_time", "DATE", e(func(c *change) any { return c.At.In(c.zone).Format(dateTime) })),
		enum("change_event.change_resource_type", "AD AD_GROUP AD_GROUP_CRITERION CAMPAIGN CAMPAIGN_BUDGET AD_GROUP_BID_MODIFIER CAMPAIGN_CRITERION AD_GROUP_AD ASSET CUSTOMER_ASSET CAMPAIGN_ASSET AD_GROUP_ASSET ASSET_SET ASSET_SET_ASSET CAMPAIGN_ASSET_SET",
			e(func(c *change) any { return changeTypes[c.Kind] })),
		plain("change_event.change_resource_name", "RESOURCE_NAME", e(func(c *change) any {
			return c.target()
		})),
		enum("change_event.client_type", "GOOGLE_ADS_WEB_CLIENT GOOGLE_ADS_AUTOMATED_RULE GOOGLE_ADS_SCRIPTS GOOGLE_ADS_BULK_UPLOAD GOOGLE_ADS_API GOOGLE_ADS_EDITOR GOOGLE_ADS_MOBILE_APP OTHER", e(func(c *change) any {
			if c.Via == "api" {
				return "GOOGLE_ADS_API"
			}
			return "GOOGLE_ADS_WEB_CLIENT"
		})),
		plain("change_event.user_email", "STRING", e(func(c *change) any { return c.By })),
		enum("change_event.resource_change_operation", "CREATE UPDATE REMOVE", e(func(c *change) any { return upper(c.Op) })),
		plain("change_event.changed_fields", "MESSAGE", e(func(c *change) any {
			if c.Op != market.Update {
				return nil
			}
			var out []string
			for _, f := range c.Fields {
				if path, ok := changed[c.Kind][f.Name]; ok {
					out = append(out, path)
				}
			}
			return strings.Join(out, ",")
		})),
		plain("change_event.old_resource", "MESSAGE", e(func(c *change) any {
			if c.Op == market.Create {
				return nil
			}
			return c.resource(func(f market.Field) string { return f.Old })
		})),
		plain("change_event.new_resource", "MESSAGE", e(func(c *change) any {
			if c.Op == market.Remove {
				return nil
			}
			return c.resource(func(f market.Field) string { return f.New })
		})),
		plain("change_event.campaign", "RESOURCE_NAME", e(func(c *change) any {
			if c.campaign == 0 {
				return nil
			}
			return name(c.Account, "campaigns", c.campaign)
		})),
		plain("change_event.ad_group", "RESOURCE_NAME", e(func(c *change) any {
			if c.group == 0 {
				return nil
			}
			return name(c.Account, "adGroups", c.group)
		})),
		plain("change_event.asset", "RESOURCE_NAME", never),
	}
}

// target is the resource name of what was changed.
func (c *change) target() string {
	switch c.Kind {
	case market.KindAd:
		return name(c.Account, "adGroupAds", c.row.ad.AdGroup, c.ID)
	case market.KindKeyword:
		return name(c.Account, "adGroupCriteria", c.row.keyword.AdGroup, c.ID)
	}
	return name(c.Account, collections[c.Kind], c.ID)
}

// resource is the ChangedResource with only the changed fields filled.
func (c *change) resource(of func(market.Field) string) any {
	groups := map[string][]string{} // fields by the message they are in
	var order []string
	for _, f := range c.Fields {
		path, ok := changed[c.Kind][f.Name]
		if !ok || of(f) == "" {
			continue
		}
		message, leaf, nested := strings.Cut(path, ".")
		if !nested {
			message, leaf = "", path
		}
		if groups[message] == nil {
			order = append(order, message)
		}
		groups[message] = append(groups[message], quote(leaf)+":"+c.json(f.Name, of(f)))
	}
	var parts []string
	for _, message := range order {
		fields := strings.Join(groups[message], ",")
		if message != "" {
			fields = quote(message) + ":{" + fields + "}"
		}
		parts = append(parts, fields)
	}
	return raw("{" + quote(camel(prefixes[c.Kind])) + ":{" + strings.Join(parts, ",") + "}}")
}

// json is a field's text as the resource spells it.
func (c *change) json(field, text string) string {
	switch field {
	case "status", "match":
		return quote(strings.ToUpper(text))
	case "form":
		return quote(channels[market.Form(text)])
	case "budget":
		return quote(fmt.Sprintf("customers/%d/campaignBudgets/%s", c.Account, text))
	case "campaign":
		return quote(fmt.Sprintf("customers/%d/campaigns/%s", c.Account, text))
	case "ad_group":
		return quote(fmt.Sprintf("customers/%d/adGroups/%s", c.Account, text))
	case "begin":
		return quote(text + " 00:00:00")
	case "end":
		return quote(text + " 23:59:59")
	case "shared", "negative", "target_roas":
		return text
	}
	return quote(text) // names, and int64 as text
}
