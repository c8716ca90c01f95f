package naversearchadsim

import (
	"cmp"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"argo/tables"
	"argo/tables/market"
)

// ncc answers below /ncc.
func (s *Sim) ncc(w http.ResponseWriter, c *call, path string) *refusal {
	kind, id, _ := strings.Cut(path, "/")
	if c.Method == http.MethodPut {
		return s.put(w, c, kind, id)
	}
	if c.Method != http.MethodGet {
		return business(405, 1004, "Method Not Allowed")
	}
	b := s.base(c.account)
	q := c.URL.Query()
	all, known := s.entities(b, kind, q)
	if !known {
		return business(404, 1001, "Not Found")
	}
	if id != "" {
		q = url.Values{"ids": {id}}
	}
	name := idNames[kind]
	if ids := q.Get("ids"); ids != "" {
		want := strings.Split(ids, ",")
		if len(ids) > 8000 {
			return &refusal{status: 414, html: "414 Request-URI Too Large"}
		}
		all = slices.DeleteFunc(all, func(x map[string]any) bool { return !slices.Contains(want, x[name].(string)) })
		if id != "" {
			if len(all) == 0 {
				return missing(kind)
			}
			return answer(w, all[0])
		}
	} else {
		need := map[string]string{"adgroups": "nccCampaignId", "keywords": "nccAdgroupId", "ads": "nccAdgroupId", "ad-extensions": "ownerId"}[kind]
		if v := q.Get(need); need != "" {
			if v == "" {
				return business(400, 1002, "Required parameter '"+need+"' is not present")
			}
			all = slices.DeleteFunc(all, func(x map[string]any) bool { return x[need] != v })
		}
		if v := q.Get("campaignType"); v != "" && kind == "campaigns" {
			all = slices.DeleteFunc(all, func(x map[string]any) bool { return x["campaignTp"] != v })
		}
		if kind == "campaigns" || kind == "adgroups" || kind == "keywords" {
			size, err := strconv.Atoi(cmp.Or(q.Get("recordSize"), "1000"))
			if err != nil || size < 1 || size > 1000 {
				return business(400, 1002, "recordSize")
			}
			from := 0
			if after := q.Get("baseSearchId"); after != "" {
				from = slices.IndexFunc(all, func(x map[string]any) bool { return x[name] == after }) + 1
				if from == 0 || q.Get("selector") != "NEXT" {
					return business(400, 1002, "baseSearchId")
				}
			}
			all = all[from:min(len(all), from+size)]
		}
	}
	var out []any
	for _, x := range all {
		out = append(out, x)
	}
	return s.list(w, out)
}

var idNames = map[string]string{"campaigns": "nccCampaignId", "adgroups": "nccAdgroupId", "keywords": "nccKeywordId", "ads": "nccAdId",
	"ad-extensions": "nccAdExtensionId", "channels": "nccBusinessChannelId", "shared-budgets": "sharedBudgetId"}

func missing(kind string) *refusal {
	switch kind {
	case "campaigns":
		return business(404, 3501, "Campaign does not exist.")
	case "adgroups":
		return business(404, 3701, "Ad group does not exist.")
	case "keywords":
		return business(404, 3901, "Keyword does not exist.")
	case "ads":
		return business(404, 3801, "Ad does not exist.")
	}
	return business(404, 1001, "Not Found")
}

// entities of a kind, in the order of their ids; deleted ones are not listed.
func (s *Sim) entities(b *base, kind string, q url.Values) (out []map[string]any, known bool) {
	edited := s.edits(b.account.ID)
	switch kind {
	case "campaigns":
		for _, id := range slices.Sorted(maps.Keys(b.campaigns)) {
			if x := b.campaigns[id]; x.Status != market.Deleted {
				out = append(out, s.campaign(b, x, edited))
			}
		}
	case "adgroups":
		for _, id := range slices.Sorted(maps.Keys(b.groups)) {
			if x := b.groups[id]; b.lives(x) {
				out = append(out, adgroup(b, x, edited))
			}
		}
	case "keywords":
		for _, id := range slices.Sorted(maps.Keys(b.groups)) {
			for _, k := range b.keywords[id] {
				if b.lives(b.groups[id]) && k.Status != market.Deleted {
					out = append(out, keyword(b, k, edited))
				}
			}
		}
	case "ads":
		for _, id := range slices.Sorted(maps.Keys(b.groups)) {
			for _, a := range b.ads[id] {
				if b.lives(b.groups[id]) && a.Status != market.Deleted {
					out = append(out, ad(b, a, edited))
				}
			}
		}
	case "ad-extensions":
		for _, id := range slices.Sorted(maps.Keys(b.groups)) {
			for n, tp := range extensionTypes {
				if g := b.groups[id]; b.lives(g) {
					out = append(out, map[string]any{"nccAdExtensionId": extensionID(id, n), "ownerId": groupID(b.form(g.Campaign), id), "customerId": b.account.ID, "type": tp,
						"adExtension": map[string]any{"headline": g.Name}, "pcChannelId": channelID(b.account.ID), "mobileChannelId": channelID(b.account.ID), "userLock": false, "usePeriod": false, "inspectStatus": "APPROVED",
						"status": "ELIGIBLE", "statusReason": "ELIGIBLE", "regTm": regTm, "editTm": regTm})
				}
			}
		}
	case "channels":
		out = append(out, map[string]any{"nccBusinessChannelId": channelID(b.account.ID), "customerId": b.account.ID, "name": b.account.Advertiser, "channelTp": "SITE", "channelKey": "https://www.example.com",
			"businessInfo": map[string]any{"site": "https://www.example.com"}, "pcInspectStatus": "APPROVED", "mobileInspectStatus": "APPROVED", "status": "ELIGIBLE", "statusReason": "ELIGIBLE", "regTm": regTm, "editTm": regTm})
	case "shared-budgets":
		for _, id := range slices.Sorted(maps.Keys(b.budgets)) {
			if x := b.budgets[id]; x.Shared && x.Status != market.Deleted {
				n := 0
				for _, c := range b.campaigns {
					if c.Budget == id && c.Status != market.Deleted {
						n++
					}
				}
				out = append(out, map[string]any{"sharedBudgetId": sharedID(id), "customerId": b.account.ID, "name": x.Name, "dailyBudget": x.Amount / 1_000_000, "deliveryMethod": "STANDARD", "ownerType": "CAMPAIGN",
					"budgetLock": false, "numberInUse": n, "expectCost": 0, "status": "ELIGIBLE", "statusReason": "ELIGIBLE", "regTm": regTm, "editTm": stamp(edited, market.KindBudget, id)})
			}
		}
	default:
		return nil, false
	}
	return out, true
}

var extensionTypes = []string{"HEADLINE", "DESCRIPTION_EXTRA"}

const regTm = "2026-01-02T00:00:00.000Z"

type entity struct {
	kind market.Kind
	id   int64
}

// edits are when entities were changed last.
func (s *Sim) edits(account int64) map[entity]time.Time {
	out := map[entity]time.Time{}
	for _, a := range s.m.Actions() {
		if a.Account == account {
			out[entity{a.Kind, a.ID}] = a.At
		}
	}
	return out
}

func stamp(edited map[entity]time.Time, kind market.Kind, id int64) string {
	if at, ok := edited[entity{kind, id}]; ok {
		return at.UTC().Format("2006-01-02T15:04:05.000Z")
	}
	return regTm
}

func (b *base) lives(g market.AdGroup) bool {
	return g.Status != market.Deleted && b.campaigns[g.Campaign].Status != market.Deleted
}

func state(s market.Status, word string) (lock bool, status, reason string) {
	if s == market.Paused {
		return true, "PAUSED", word + "_PAUSED"
	}
	return false, "ELIGIBLE", "ELIGIBLE"
}

func (s *Sim) campaign(b *base, x market.Campaign, edited map[entity]time.Time) map[string]any {
	lock, status, reason := state(x.Status, "CAMPAIGN")
	out := map[string]any{"nccCampaignId": campaignID(x.Form, x.ID), "customerId": b.account.ID, "name": x.Name, "campaignTp": types[x.Form].campaign, "userLock": lock, "status": status, "statusReason": reason,
		"deliveryMethod": "STANDARD", "usePeriod": x.End != "", "trackingMode": "TRACKING_DISABLED", "regTm": regTm, "editTm": stamp(edited, market.KindCampaign, x.ID), "useDailyBudget": false, "dailyBudget": 0}
	if x.End != "" {
		out["periodStartDt"], out["periodEndDt"] = string(x.Begin)+"T00:00:00.000Z", string(x.End)+"T00:00:00.000Z"
	}
	s.mu.Lock()
	uncapped := s.uncapped[x.ID]
	s.mu.Unlock()
	switch budget := b.budgets[x.Budget]; {
	case budget.Shared:
		out["sharedBudgetId"], out["sharedBudgetName"], out["sharedDailyBudget"], out["sharedBudgetLock"], out["sharedBudgetDeliveryMethod"] = sharedID(budget.ID), budget.Name, budget.Amount/1_000_000, false, "STANDARD"
	case !uncapped:
		out["useDailyBudget"], out["dailyBudget"] = true, budget.Amount/1_000_000
	}
	return out
}

// bid of an ad group in won, on the step of ten.
func bid(micros int64) int64 {
	if micros == 0 {
		return 70
	}
	return max(70, micros/1_000_000/10*10)
}

func adgroup(b *base, x market.AdGroup, edited map[entity]time.Time) map[string]any {
	lock, status, reason := state(x.Status, "GROUP")
	form := b.form(x.Campaign)
	return map[string]any{"nccAdgroupId": groupID(form, x.ID), "nccCampaignId": campaignID(form, x.Campaign), "customerId": b.account.ID, "name": x.Name, "adgroupType": types[form].group, "bidAmt": bid(x.Bid),
		"contentsNetworkBidAmt": 70, "useCntsNetworkBidAmt": false, "pcNetworkBidWeight": 100, "mobileNetworkBidWeight": 100, "useDailyBudget": false, "dailyBudget": 0, "budgetLock": false, "userLock": lock,
		"pcChannelId": channelID(b.account.ID), "mobileChannelId": channelID(b.account.ID), "useExpSearch": form == market.Search, "adRollingType": "PERFORMANCE", "systemBiddingType": "NONE",
		"status": status, "statusReason": reason, "regTm": regTm, "editTm": stamp(edited, market.KindAdGroup, x.ID)}
}

func keyword(b *base, x market.Keyword, edited map[entity]time.Time) map[string]any {
	lock, status, reason := state(x.Status, "KEYWORD")
	g := b.groups[x.AdGroup]
	amount := int64(0)
	if x.Bid > 0 {
		amount = bid(x.Bid)
	}
	return map[string]any{"nccKeywordId": keywordID(x.ID), "nccAdgroupId": groupID(b.form(g.Campaign), g.ID), "nccCampaignId": campaignID(b.form(g.Campaign), g.Campaign), "customerId": b.account.ID, "keyword": x.Text,
		"bidAmt": amount, "useGroupBidAmt": x.Bid == 0, "userLock": lock, "inspectStatus": "APPROVED", "nccQi": map[string]any{"qiGrade": max(1, min(7, x.Quality*7/10))}, "adRelevanceScore": min(3, 1+x.Quality/4), "expectedClickScore": min(3, 1+x.Quality/4),
		"status": status, "statusReason": reason, "regTm": regTm, "editTm": stamp(edited, market.KindKeyword, x.ID)}
}

var adTypes = map[market.Form]string{market.Search: "TEXT_45", market.Display: "SHOPPING_PRODUCT_AD", market.Demand: "CONTENTS_AD_INFORMATION", market.Video: "BRAND_SEARCH_AD", market.AppAds: "PLACE_AD"}

func ad(b *base, x market.Ad, edited map[entity]time.Time) map[string]any {
	lock, status, reason := state(x.Status, "AD")
	g := b.groups[x.AdGroup]
	form := b.form(g.Campaign)
	out := map[string]any{"nccAdId": adID(form, x.ID), "nccAdgroupId": groupID(form, g.ID), "customerId": b.account.ID, "type": adTypes[form], "userLock": lock, "inspectStatus": "APPROVED",
		"ad":     map[string]any{"headline": first(x.Headlines), "description": first(x.Descriptions), "pc": map[string]any{"final": x.URL}, "mobile": map[string]any{"final": x.URL}},
		"status": status, "statusReason": reason, "regTm": regTm, "editTm": stamp(edited, market.KindAd, x.ID)}
	if form == market.Display {
		out["adAttr"] = map[string]any{"bidAmt": 100, "useGroupBidAmt": true}
		out["referenceKey"] = strconv.FormatInt(x.ID, 10)
	}
	return out
}

func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}

// billing answers below /billing.
func (s *Sim) billing(w http.ResponseWriter, c *call, path string) *refusal {
	b := s.base(c.account)
	if path == "bizmoney" {
		return answer(w, map[string]any{"customerId": c.customer, "bizmoney": 1_000_000 + int64(hash(c.customer))%9_000_000, "budgetLock": false, "refundLock": false})
	}
	q := c.URL.Query()
	from, err1 := time.Parse("20060102", q.Get("searchStartDt"))
	to, err2 := time.Parse("20060102", q.Get("searchEndDt"))
	if err1 != nil || err2 != nil || from.After(to) {
		return business(400, 1002, "searchStartDt, searchEndDt")
	}
	var out []any
	for d := tables.DayOf(from); d <= min(tables.DayOf(to), tables.DayOf(s.m.Now().In(seoul)).Add(-1)); d = d.Add(1) {
		day := strings.ReplaceAll(string(d), "-", "")
		sums, total := map[int]int64{}, int64(0)
		for _, x := range s.cells(b, d, s.m.Now()) {
			sums[types[b.form(x.campaign)].master] += x.cost
			total += x.cost
		}
		switch path {
		case "bizmoney/histories/exhaust":
			for _, tp := range slices.Sorted(maps.Keys(sums)) {
				out = append(out, map[string]any{"settleDt": day, "customerId": c.customer, "campaignTp": tp, "activityCd": "USE", "prodInfoCd": "NORMAL", "useRefundableAmt": sums[tp], "useNonrefundableAmt": 0})
			}
		case "bizmoney/histories/charge":
			if d.Time().Day() == 1 {
				out = append(out, map[string]any{"statDt": day, "displayCd": "CARD", "displayName": "Card", "newRefundableAmt": 10_000_000, "newNonRefundableAmt": 0})
			}
		case "bizmoney/histories/period":
			out = append(out, map[string]any{"settleDt": day, "customerId": c.customer, "refundableAmt": 5_000_000, "nonRefundableAmt": 0, "useRefundableAmt": total, "useNonRefundableAmt": 0})
		default:
			return business(404, 1001, "Not Found")
		}
	}
	return s.list(w, out)
}
