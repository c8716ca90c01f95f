package kakaomomentsim

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"argo/tables/market"
)

// campaignType and goal by the market's form.
var typeGoal = map[market.Form][3]string{ // type, goal, format of its creatives
	market.Search:  {"TALK_BIZ_BOARD", "VISITING", "IMAGE_BANNER"},
	market.Demand:  {"TALK_BIZ_BOARD", "CONVERSION", "IMAGE_BANNER"},
	market.Display: {"DISPLAY", "VISITING", "IMAGE_NATIVE"},
	market.AppAds:  {"DISPLAY", "CONVERSION", "IMAGE_NATIVE"},
	market.Video:   {"VIDEO", "VIEW", "VIDEO_NATIVE"},
}

// entity answers GET of lists and of single objects.
func (c *call) entity(kind, id string) *refusal {
	wanted := int64(-1)
	if id != "" && id != "balance" {
		n, err := strconv.ParseInt(id, 10, 64)
		if err != nil || n < 0 {
			return &refusal{status: 404, code: -2, text: "no such path"}
		}
		wanted = n
	}
	parent := func(name string) (int64, *refusal) {
		n, err := strconv.ParseInt(c.r.URL.Query().Get(name), 10, 64)
		if err != nil {
			return 0, bad("%s is required", name)
		}
		return n, nil
	}
	shown, e := c.configs()
	if e != nil {
		return e
	}
	var items []any
	switch {
	case kind == "adAccounts" && id == "balance":
		write(c.w, 200, map[string]any{"id": AccountID(c.account.ID), "bizWalletId": 70000 + AccountID(c.account.ID), "cash": 1_250_000, "freeCash": 50_000})
		return nil
	case kind == "adAccounts" && wanted >= 0:
		if wanted != AccountID(c.account.ID) {
			return moment(400, 21006, "존재하지 않는 광고계정입니다.")
		}
		write(c.w, 200, map[string]any{"id": wanted, "name": c.account.Name, "type": "BUSINESS", "config": "ON", "isAdminStop": false, "isOutOfBalance": false,
			"statusDescription": "운영중", "bizWalletId": 70000 + wanted,
			"advertiser": map[string]any{"businessRegistrationNumber": "0000000000", "name": c.account.Advertiser}})
		return nil
	case kind == "campaigns":
		for _, x := range c.s.m.Campaigns(c.account.ID) {
			if x.ID == wanted {
				write(c.w, 200, c.campaign(x, true))
				return nil
			}
			if wanted < 0 && shown(x.Status) {
				items = append(items, c.campaign(x, false))
			}
		}
	case kind == "adGroups":
		of := int64(0)
		if wanted < 0 {
			if of, e = parent("campaignId"); e != nil {
				return e
			}
		}
		for _, x := range c.s.m.AdGroups(c.account.ID) {
			if x.ID == wanted {
				write(c.w, 200, c.adGroup(x, true))
				return nil
			}
			if wanted < 0 && x.Campaign == of && shown(x.Status) {
				items = append(items, c.adGroup(x, false))
			}
		}
	case kind == "creatives":
		of := int64(0)
		if wanted < 0 {
			if of, e = parent("adGroupId"); e != nil {
				return e
			}
		}
		for _, x := range c.s.m.Ads(c.account.ID) {
			if x.ID == wanted {
				write(c.w, 200, c.creative(x, true))
				return nil
			}
			if wanted < 0 && x.AdGroup == of && shown(x.Status) {
				items = append(items, c.creative(x, false))
			}
		}
	default:
		return &refusal{status: 404, code: -2, text: "no such path"}
	}
	if wanted >= 0 {
		return missing(kind)
	}
	return c.list("content", nil, items)
}

func missing(kind string) *refusal {
	return moment(400, 0, "존재하지 않는 "+map[string]string{"campaigns": "캠페인", "adGroups": "광고그룹", "creatives": "소재"}[kind]+"입니다.")
}

func brief(id int64, name string, s market.Status) map[string]any {
	return map[string]any{"id": id, "name": name, "config": config(s), "userConfig": config(s), "systemConfig": "ON"}
}

var described = map[string]string{"ON": "운영중", "OFF": "사용자 OFF", "DEL": "삭제"}

func (c *call) campaign(x market.Campaign, whole bool) map[string]any {
	out := brief(x.ID, x.Name, x.Status)
	if !whole {
		return out
	}
	tg := typeGoal[x.Form]
	out["adAccountId"] = AccountID(c.account.ID)
	out["campaignTypeGoal"] = map[string]any{"campaignType": tg[0], "goal": tg[1]}
	out["objective"] = map[string]any{"type": "PIXEL_AND_SDK", "value": strconv.FormatInt(900000+x.ID%1000, 10)}
	if out["dailyBudgetAmount"] = nil; c.budget(x) > 0 {
		out["dailyBudgetAmount"] = c.budget(x)
	}
	out["isDailyBudgetAmountOver"], out["trackId"], out["kclid"] = false, nil, false
	out["statusDescription"], out["status"] = described[config(x.Status)], []string{}
	return out
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

func (c *call) adGroup(x market.AdGroup, whole bool) map[string]any {
	out := brief(x.ID, x.Name, x.Status)
	if !whole {
		return out
	}
	i := slices.IndexFunc(c.s.m.Campaigns(c.account.ID), func(p market.Campaign) bool { return p.ID == x.Campaign })
	parent := c.s.m.Campaigns(c.account.ID)[i]
	out["campaign"] = map[string]any{"id": parent.ID, "name": parent.Name}
	out["pricingType"], out["pacing"], out["bidStrategy"], out["bidAmount"] = "CPC", "NONE", "AUTOBID", nil
	if x.Bid > 0 {
		out["bidStrategy"], out["bidAmount"] = "MANUAL", x.Bid/1_000_000
	}
	out["dailyBudgetAmount"] = c.s.groupBudget(x.ID, c.budget(parent))
	out["deviceTypes"], out["placements"] = []string{"ANDROID", "IOS", "PC"}, []string{"KAKAO_TALK", "DAUM", "KAKAO_SERVICE", "NETWORK"}
	out["allAvailableDeviceType"], out["allAvailablePlacement"], out["adult"], out["isValidPeriod"] = true, true, false, true
	out["targeting"] = map[string]any{"ages": []any{}, "gender": nil}
	out["schedule"] = map[string]any{"beginDate": string(parent.Begin), "endDate": nil}
	out["isDailyBudgetAmountOver"], out["statusDescription"] = false, described[config(x.Status)]
	return out
}

func (s *Sim) groupBudget(id, parent int64) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n, ok := s.budgets[id]; ok {
		return n
	}
	return max(10_000, parent/2/10*10)
}

func (c *call) creative(x market.Ad, whole bool) map[string]any {
	out := brief(x.ID, x.Name, x.Status)
	delete(out, "userConfig")
	out["type"] = "DISPLAY"
	if !whole {
		return out
	}
	format := ""
	for _, g := range c.s.m.AdGroups(c.account.ID) {
		for _, p := range c.s.m.Campaigns(c.account.ID) {
			if g.ID == x.AdGroup && p.ID == g.Campaign {
				format = typeGoal[p.Form][2]
			}
		}
	}
	out["creativeId"], out["adGroupId"], out["format"] = x.ID+5_000_000_000, x.AdGroup, format
	out["reviewStatus"], out["creativeStatus"], out["statusDescription"] = "APPROVED", "OPERATING", described[config(x.Status)]
	out["pcLandingUrl"], out["mobileLandingUrl"] = x.URL, x.URL
	out["title"], out["description"] = strings.Join(x.Headlines[:min(1, len(x.Headlines))], ""), strings.Join(x.Descriptions[:min(1, len(x.Descriptions))], "")
	return out
}

// change answers PUT: 200 with an empty body.
func (c *call) change(kind, verb string) *refusal {
	var q struct {
		ID                int64  `json:"id"`
		Config            string `json:"config"`
		DailyBudgetAmount *int64 `json:"dailyBudgetAmount"`
		BidAmount         *int64 `json:"bidAmount"`
	}
	if e := c.body(&q); e != nil {
		return e
	}
	var of market.Kind
	var status market.Status
	found := false
	var campaign market.Campaign
	var group market.AdGroup
	switch kind {
	case "campaigns":
		of = market.KindCampaign
		for _, x := range c.s.m.Campaigns(c.account.ID) {
			if x.ID == q.ID {
				found, status, campaign = true, x.Status, x
			}
		}
	case "adGroups":
		of = market.KindAdGroup
		for _, x := range c.s.m.AdGroups(c.account.ID) {
			if x.ID == q.ID {
				found, status, group = true, x.Status, x
			}
		}
	case "creatives":
		of = market.KindAd
		for _, x := range c.s.m.Ads(c.account.ID) {
			if x.ID == q.ID {
				found, status = true, x.Status
			}
		}
	default:
		return &refusal{status: 404, code: -2, text: "no such path"}
	}
	fifths := 1
	if kind == "campaigns" && verb == "onOff" {
		fifths = 5
	}
	if e := c.pace("PUT "+kind+"/"+verb, fifths); e != nil {
		return e
	}
	if !found || status == market.Deleted {
		return missing(kind)
	}
	update := market.Change{Op: market.Update, Kind: of, Account: c.account.ID, ID: q.ID}
	won := func(n int64) string { return strconv.FormatInt(n*1_000_000, 10) }
	within := func(n, low, high int64) *refusal {
		switch {
		case n < low:
			return moment(400, 31011, "일예산은 최소 금액 이상이어야 합니다.")
		case n > high || n%10 != 0:
			return bad("the amount has to be a multiple of 10 up to %d", high)
		}
		return nil
	}
	var changes []market.Change
	switch {
	case verb == "onOff":
		if q.Config != "ON" && q.Config != "OFF" {
			return bad("config is not valid")
		}
		update.Set = []market.Set{{Name: "status", Value: string(map[string]market.Status{"ON": market.Enabled, "OFF": market.Paused}[q.Config])}}
		changes = append(changes, update)
	case verb == "dailyBudgetAmount" && kind == "campaigns":
		if q.DailyBudgetAmount == nil {
			return bad("a campaign without a daily budget is not played")
		}
		if e := within(*q.DailyBudgetAmount, 50_000, 1_000_000_000); e != nil {
			return e
		}
		amount := []market.Set{{Name: "amount", Value: won(*q.DailyBudgetAmount)}}
		if c.budget(campaign) > 0 {
			changes = append(changes, market.Change{Op: market.Update, Kind: market.KindBudget, Account: c.account.ID, ID: campaign.Budget, Set: amount})
			break
		}
		update.Set = []market.Set{{Name: "budget", Value: "-1"}}
		changes = append(changes, market.Change{Op: market.Create, Kind: market.KindBudget, Account: c.account.ID, ID: -1,
			Set: append(amount, market.Set{Name: "name", Value: campaign.Name}, market.Set{Name: "status", Value: string(market.Enabled)}, market.Set{Name: "shared", Value: "false"})}, update)
	case verb == "dailyBudgetAmount" && kind == "adGroups":
		if q.DailyBudgetAmount == nil {
			return bad("dailyBudgetAmount is required")
		}
		if e := within(*q.DailyBudgetAmount, 10_000, 500_000_000); e != nil {
			return e
		}
		c.s.mu.Lock()
		c.s.budgets[q.ID] = *q.DailyBudgetAmount
		c.s.mu.Unlock()
	case verb == "bidAmount" && kind == "adGroups":
		switch {
		case q.BidAmount == nil || *q.BidAmount < 10 || *q.BidAmount > 100_000:
			return bad("bidAmount is not valid")
		case group.Bid == 0:
			return bad("bidAmount cannot be set with bidStrategy AUTOBID")
		}
		update.Set = []market.Set{{Name: "bid", Value: won(*q.BidAmount)}}
		changes = append(changes, update)
	default:
		return &refusal{status: 404, code: -2, text: "no such path"}
	}
	if len(changes) > 0 {
		if _, err := c.s.m.Apply("ae@agency.example", "api", changes...); err != nil {
			return moment(400, 0, err.Error())
		}
	}
	c.w.WriteHeader(http.StatusOK)
	return nil
}
