package naversearchadsim

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"argo/tables/market"
)

// update is the body of a PUT: what is absent is nil.
type update struct {
	NccCampaignID  string `json:"nccCampaignId"`
	NccAdgroupID   string `json:"nccAdgroupId"`
	NccKeywordID   string `json:"nccKeywordId"`
	NccAdID        string `json:"nccAdId"`
	SharedBudgetID string `json:"sharedBudgetId"`
	CustomerID     int64  `json:"customerId"`
	UserLock       *bool  `json:"userLock"`
	UseDailyBudget *bool  `json:"useDailyBudget"`
	DailyBudget    *int64 `json:"dailyBudget"`
	BidAmt         *int64 `json:"bidAmt"`
	UseGroupBidAmt *bool  `json:"useGroupBidAmt"`
}

// put changes one entity, or several where the body is an array. Without fields=
// it answers 200 and changes nothing.
func (s *Sim) put(w http.ResponseWriter, c *call, kind, id string) *refusal {
	body, err := io.ReadAll(c.Body)
	if err != nil {
		return business(400, 1007, "Invalid JSON")
	}
	fields := c.URL.Query().Get("fields")
	if id != "" {
		var u update
		if json.Unmarshal(body, &u) != nil {
			return business(400, 1007, "Invalid JSON")
		}
		if e := s.change(c, kind, id, fields, u); e != nil {
			return e
		}
		return answer(w, s.one(c, kind, id))
	}
	var all []update
	if kind != "keywords" && kind != "shared-budgets" || json.Unmarshal(body, &all) != nil || len(all) > 200 {
		return business(400, 1007, "Invalid JSON")
	}
	var out []any
	for _, u := range all {
		id := u.NccKeywordID
		if kind == "shared-budgets" {
			id = u.SharedBudgetID
		}
		e := s.change(c, kind, id, fields, u)
		x := s.one(c, kind, id)
		if e != nil && (kind != "keywords" || x == nil) {
			return e
		}
		if e != nil {
			x["resultStatus"] = map[string]any{"code": e.body.(map[string]any)["code"], "message": e.body.(map[string]any)["title"]}
		}
		out = append(out, x)
	}
	return answer(w, out)
}

func (s *Sim) one(c *call, kind, id string) map[string]any {
	all, _ := s.entities(s.base(c.account), kind, nil)
	for _, x := range all {
		if x[idNames[kind]] == id {
			return x
		}
	}
	return nil
}

// rules of amounts in won.
func budgetOK(n int64) bool { return n >= 70 && n <= 1_000_000_000 && n%10 == 0 }
func bidOK(n int64) bool    { return n >= 70 && n <= 100_000 && n%10 == 0 }

func (s *Sim) change(c *call, kind, id, fields string, u update) *refusal {
	now := s.one(c, kind, id)
	if now == nil {
		return missing(kind)
	}
	n, _ := number(id, "")
	named := map[string]string{"campaigns": u.NccCampaignID, "adgroups": u.NccAdgroupID, "keywords": u.NccKeywordID, "ads": u.NccAdID, "shared-budgets": u.SharedBudgetID}[kind]
	if named != id {
		return business(400, 1002, "The id of the body is not that of the path.")
	}
	if kind == "campaigns" && u.CustomerID != c.customer {
		return business(400, 1005, "Cannot handle the request.")
	}
	entity := map[string]market.Kind{"campaigns": market.KindCampaign, "adgroups": market.KindAdGroup, "keywords": market.KindKeyword, "ads": market.KindAd, "shared-budgets": market.KindBudget}[kind]
	set := func(kind market.Kind, id int64, name, value string) *refusal {
		_, err := s.m.Apply("api@agency.example", "api", market.Change{Op: market.Update, Kind: kind, Account: c.account.ID, ID: id, Set: []market.Set{{Name: name, Value: value}}})
		var gone *market.Removed
		switch {
		case errors.As(err, &gone):
			return business(400, 1003, "Invalid status.")
		case err != nil:
			return business(500, 500, "Unknown error occurred.")
		}
		return nil
	}
	won := func(n int64) string { return strconv.FormatInt(n*1_000_000, 10) }
	switch {
	case fields == "":
		return nil // accepted, and nothing changes
	case fields == "userLock" && entity != market.KindBudget && entity != "":
		if u.UserLock == nil {
			return business(400, map[string]int{"adgroups": 3713, "keywords": 3915}[kind], "userLock is required.")
		}
		if kind == "keywords" && now["userLock"] == *u.UserLock {
			return business(400, 3918, "Nothing was changed.")
		}
		status := market.Enabled
		if *u.UserLock {
			status = market.Paused
		}
		return set(entity, n, "status", string(status))
	case fields == "budget" && kind == "campaigns":
		if u.UseDailyBudget == nil || !*u.UseDailyBudget { // the cap is gone
			s.mu.Lock()
			s.uncapped[n] = true
			s.mu.Unlock()
			return nil
		}
		if u.DailyBudget == nil || !budgetOK(*u.DailyBudget) {
			return business(400, 3505, "Invalid daily budget.")
		}
		for _, x := range s.m.Campaigns(c.account.ID) {
			if x.ID == n && now["sharedBudgetId"] == nil {
				s.mu.Lock()
				delete(s.uncapped, n)
				s.mu.Unlock()
				return set(market.KindBudget, x.Budget, "amount", won(*u.DailyBudget))
			}
		}
		return nil // a member's own budget has no effect
	case fields == "budget" && kind == "shared-budgets":
		if u.DailyBudget == nil || !budgetOK(*u.DailyBudget) {
			return business(400, 1010, "Invalid daily budget.")
		}
		return set(market.KindBudget, n, "amount", won(*u.DailyBudget))
	case fields == "bidAmt" && kind == "adgroups":
		if u.BidAmt == nil || !bidOK(*u.BidAmt) {
			return business(400, 3703, "Invalid bid amount.")
		}
		return set(market.KindAdGroup, n, "bid", won(*u.BidAmt))
	case fields == "bidAmt" && kind == "keywords":
		switch {
		case u.UseGroupBidAmt == nil || u.BidAmt == nil:
			return business(400, 3916, "useGroupBidAmt and bidAmt are required.")
		case *u.UseGroupBidAmt:
			return set(market.KindKeyword, n, "bid", "0")
		case !bidOK(*u.BidAmt):
			return business(400, 3904, "Invalid bid amount.")
		case now["bidAmt"] == *u.BidAmt && now["useGroupBidAmt"] == false:
			return business(400, 3918, "Nothing was changed.")
		}
		return set(market.KindKeyword, n, "bid", won(*u.BidAmt))
	}
	if strings.Contains("userLock budget bidAmt period", fields) {
		return business(400, 3726, "The field cannot be changed.")
	}
	return business(400, 1002, "Invalid fields.")
}
