package kakaokeywordsim

import (
	"strconv"

	"argo/tables/market"
)

// entity answers GET of lists and of the account.
func (c *call) entity(kind, id string) *refusal {
	q := c.r.URL.Query()
	parent := func(name string) (int64, *refusal) {
		n, err := strconv.ParseInt(q.Get(name), 10, 64)
		if err != nil {
			return 0, bad("%s is required", name)
		}
		return n, nil
	}
	var items []any
	switch {
	case kind == "adAccounts" && id == "balance":
		write(c.w, 200, map[string]any{"id": AccountID(c.account.ID), "cash": 830_000, "freeCash": 10_000})
		return nil
	case kind == "adAccounts" && id == strconv.FormatInt(AccountID(c.account.ID), 10):
		write(c.w, 200, map[string]any{"id": AccountID(c.account.ID), "name": c.account.Name, "config": "ON", "ownerCompany": map[string]any{"name": c.account.Advertiser}})
		return nil
	case id != "":
		return &refusal{status: 404, code: -2, text: "no such path"}
	case kind == "campaigns":
		for _, x := range c.campaigns() {
			item := brief(x.ID, x.Name, x.Status)
			item["bizChannelId"] = 40000 + x.ID%100
			if item["dailyBudgetAmount"] = nil; c.budget(x) > 0 {
				item["dailyBudgetAmount"] = c.budget(x)
			}
			items = append(items, item)
		}
	case kind == "adGroups":
		of, e := parent("campaignId")
		if e != nil {
			return e
		}
		for _, x := range c.s.m.AdGroups(c.account.ID) {
			if x.Campaign != of {
				continue
			}
			item := brief(x.ID, x.Name, x.Status)
			item["campaignId"], item["bidAmount"], item["dailyBudgetAmount"], item["dailyBudgetAmountOver"] = of, max(70, x.Bid/1_000_000), 50_000, false
			item["placements"], item["deviceTypes"], item["useKeywordExtension"], item["exceptionKeywords"] = []string{"DAUM", "KAKAO", "PARTNER"}, []string{"PC", "MOBILE"}, true, []string{}
			item["mobileBidWeight"], item["pcBidWeight"], item["keywordExtensionBidWeight"], item["contentBidAmount"] = 100, 100, 100, 0
			item["schedule"] = map[string]any{"beginDate": "20260901"}
			items = append(items, item)
		}
	case kind == "keywords":
		of, e := parent("adGroupId")
		if e != nil {
			return e
		}
		for _, x := range c.s.m.Keywords(c.account.ID) {
			if x.AdGroup == of && !x.Negative {
				item := brief(x.ID, "", x.Status)
				delete(item, "name")
				item["text"], item["bidType"] = x.Text, "ADGROUP"
				if item["bidAmount"] = nil; x.Bid > 0 {
					item["bidType"], item["bidAmount"] = "KEYWORD", x.Bid/1_000_000
				}
				items = append(items, item)
			}
		}
	case kind == "creatives":
		of, e := parent("adGroupId")
		if e != nil {
			return e
		}
		for _, x := range c.s.m.Ads(c.account.ID) {
			if x.AdGroup == of {
				item := brief(x.ID, x.Name, x.Status)
				item["rspvLandingUrl"], item["reviewStatus"] = x.URL, "APPROVED"
				items = append(items, item)
			}
		}
	default:
		return &refusal{status: 404, code: -2, text: "no such path"}
	}
	return c.list("", nil, items)
}

// campaigns of the account that are searches.
func (c *call) campaigns() (out []market.Campaign) {
	for _, x := range c.s.m.Campaigns(c.account.ID) {
		if x.Form == market.Search {
			out = append(out, x)
		}
	}
	return out
}

func brief(id int64, name string, s market.Status) map[string]any {
	return map[string]any{"id": id, "name": name, "config": config(s), "status": []string{map[string]string{"ON": "LIVE", "OFF": "OFF_BY_USER", "DEL": "DELETED"}[config(s)]}}
}

// budget of a campaign in won a day; 0: none of its own.
func (c *call) budget(x market.Campaign) int64 {
	for _, b := range c.s.m.Budgets(c.account.ID) {
		if b.ID == x.Budget && !b.Shared {
			return b.Amount / 1_000_000
		}
	}
	return 0
}
