package metaadssim

import (
	"cmp"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"argo/tables"
	"argo/tables/market"
)

// update changes a campaign, an ad set or an ad.
func (c *call) update(o *object) (any, error) {
	if c.o.ReadOnly {
		return nil, &apiError{status: 403, code: 200, kind: "OAuthException", message: "(#200) If you want to manage advertisements, please provide ads_management permission"}
	}
	kind := map[string]market.Kind{"campaign": market.KindCampaign, "adset": market.KindAdGroup, "ad": market.KindAd}[o.kind]
	if kind == "" {
		return nil, &apiError{status: 400, code: 3, kind: "OAuthException", message: "(#3) Application does not have the capability to make this API call."}
	}
	refuse := func(subcode int, blame, title, user string) *apiError {
		return &apiError{status: 400, code: 100, subcode: subcode, kind: "OAuthException", message: "Invalid parameter", title: title, user: user, blame: blame}
	}
	if o.values["status"] == "DELETED" {
		return nil, refuse(1487056, "", "Object has been deleted", "You can't edit an object that has been deleted.")
	}
	w := c.world(o.account)
	var changes []market.Change
	set := func(k market.Kind, id int64, name, value string) {
		changes = append(changes, market.Change{Op: market.Update, Kind: k, Account: o.account.ID, ID: id, Set: []market.Set{{Name: name, Value: value}}})
	}
	if s := c.form.Get("status"); s != "" {
		word, ok := map[string]market.Status{"ACTIVE": market.Enabled, "PAUSED": market.Paused, "DELETED": market.Deleted}[s]
		switch {
		case s == "ARCHIVED":
			return nil, refuse(1487000, "status", "Not modelled", "Archiving is not modelled.")
		case !ok:
			return nil, invalid("Param status must be one of {ACTIVE, PAUSED, DELETED, ARCHIVED} - got %q.", s)
		case s == "DELETED":
			changes = append(changes, market.Change{Op: market.Remove, Kind: kind, Account: o.account.ID, ID: o.id})
		default:
			set(kind, o.id, "status", string(word))
		}
	}
	if s := c.form.Get("name"); s != "" {
		set(kind, o.id, "name", s)
	}
	var after func()
	if s := c.form.Get("daily_budget"); s != "" {
		n, err := strconv.ParseInt(s, 10, 64)
		switch {
		case err != nil || n <= 0:
			return nil, invalid("Param daily_budget must be an integer greater than 0")
		case o.kind == "ad":
			return nil, invalid("Param daily_budget is not valid for an ad")
		case n < least(o.account.Currency):
			return nil, refuse(1885272, "daily_budget", "Your budget is too low", "Your budget is too low. The minimum is "+text(least(o.account.Currency))+" minor units of "+o.account.Currency+" a day.")
		case n > 1_000_000_000_000:
			return nil, refuse(1885273, "daily_budget", "Your budget is too high", "Your budget is too high.")
		}
		_, has := o.values["daily_budget"]
		var change []market.Change
		switch {
		case o.kind == "campaign" && !has:
			return nil, refuse(1885621, "daily_budget", "Can't set a campaign budget", "The budget of this campaign is set at the level of its ad sets.")
		case o.kind == "adset" && !has:
			return nil, refuse(1885621, "daily_budget", "Can't set an ad set budget", "The budget of this ad set is set at the level of its campaign.")
		case o.kind == "campaign":
			b := w.budgets[w.byID[o.id].Budget]
			amount := strconv.FormatInt(micros(n, o.account.Currency), 10)
			if b.Shared { // Meta shares no budget: the campaign gets its own
				change = []market.Change{
					{Op: market.Create, Kind: market.KindBudget, Account: o.account.ID, ID: -1, Set: []market.Set{{Name: "name", Value: "Budget"}, {Name: "amount", Value: amount}, {Name: "status", Value: string(market.Enabled)}, {Name: "shared", Value: "true"}}},
					{Op: market.Update, Kind: market.KindCampaign, Account: o.account.ID, ID: o.id, Set: []market.Set{{Name: "budget", Value: "-1"}}}}
				break
			}
			change = []market.Change{{Op: market.Update, Kind: market.KindBudget, Account: o.account.ID, ID: b.ID, Set: []market.Set{{Name: "amount", Value: amount}}}}
		default:
			if err := c.mayChange(o.id, o.values["daily_budget"] != text(n)); err != nil {
				return nil, err
			}
			campaign := w.byID[w.groupByID[o.id].Campaign]
			daily := c.daily(w, campaign)
			daily[o.id] = n
			total := int64(0)
			for _, x := range daily {
				total += x
			}
			change = []market.Change{{Op: market.Update, Kind: market.KindBudget, Account: o.account.ID, ID: campaign.Budget, Set: []market.Set{{Name: "amount", Value: strconv.FormatInt(micros(total, o.account.Currency), 10)}}}}
			after = func() {
				c.mu.Lock()
				defer c.mu.Unlock()
				for id, x := range daily {
					c.split[id] = x
				}
				c.changes[o.id] = append(c.changes[o.id], c.m.Now())
			}
		}
		changes = append(changes, change...)
	}
	if s := c.form.Get("bid_amount"); s != "" {
		n, err := strconv.ParseInt(s, 10, 64)
		switch {
		case err != nil || n < 0:
			return nil, invalid("Param bid_amount must be an integer greater than or equal to 0")
		case o.kind != "adset":
			return nil, invalid("Param bid_amount is not valid here")
		case n == 0 || o.values["bid_amount"] == nil && c.form.Get("bid_strategy") != "LOWEST_COST_WITH_BID_CAP":
			return nil, refuse(1815857, "bid_amount", "Bid amount isn't allowed", "The bid strategy of this ad set takes no bid amount.")
		}
		set(kind, o.id, "bid", strconv.FormatInt(micros(n, o.account.Currency), 10))
	}
	validate := strings.Contains(c.form.Get("execution_options"), "validate_only")
	if validate {
		if err := c.m.Check(changes...); err != nil {
			return nil, asAPI(err)
		}
		return map[string]any{"success": true}, nil
	}
	if len(changes) > 0 {
		if _, err := c.m.Apply(c.o.User, "api", changes...); err != nil {
			return nil, asAPI(err)
		}
	}
	if after != nil {
		after()
	}
	return map[string]any{"success": true}, nil
}

// mayChange refuses a fifth change of an ad set's budget in an hour.
func (c *call) mayChange(id int64, differs bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.m.Now()
	c.changes[id] = slices.DeleteFunc(c.changes[id], func(t time.Time) bool { return now.Sub(t) >= time.Hour })
	if len(c.changes[id]) >= 4 && differs {
		return &apiError{status: 400, code: 613, subcode: 1487632, kind: "OAuthException", message: "(#613) Calls to this api have exceeded the rate limit.", title: "Ad Set Budget Change Limit",
			user: "You can only change your ad set budget 4 times per hour. You can make a change after an hour."}
	}
	return nil
}

func asAPI(err error) error {
	var none *market.NotFound
	var removed *market.Removed
	switch {
	case errors.As(err, &none):
		return missing(text(none.ID))
	case errors.As(err, &removed):
		return &apiError{status: 400, code: 100, subcode: 1487056, kind: "OAuthException", message: "Invalid parameter", title: "Object has been deleted", user: "You can't edit an object that has been deleted."}
	}
	return invalid("%s", err)
}

var activityFields = []string{"actor_id", "actor_name", "application_id", "application_name", "date_time_in_timezone", "event_time", "event_type", "extra_data", "object_id", "object_name", "object_type", "translated_event_type"}

// activities is the log of changes, the newest first.
func (c *call) activities(a market.Account) (any, error) {
	sel, err := parseFields(c.form.Get("fields"))
	if err != nil {
		return nil, err
	}
	if len(sel) == 0 {
		sel = []selection{{name: "event_time"}, {name: "event_type"}}
	}
	for _, s := range sel {
		if !slices.Contains(activityFields, s.name) {
			return nil, invalid("Tried accessing nonexisting field (%s) on node type (AdActivity)", s.name)
		}
	}
	bound := func(name string, usual time.Time) (time.Time, error) {
		text := c.form.Get(name)
		if text == "" {
			return usual, nil
		}
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return time.Unix(n, 0), nil
		}
		if d, err := tables.ParseDay(text); err == nil {
			return d.Time(), nil
		}
		return usual, invalid("Param %s must be a valid time", name)
	}
	since, err1 := bound("since", c.m.Now().AddDate(0, 0, -7))
	until, err2 := bound("until", c.m.Now())
	if err := errors.Join(err1, err2); err != nil {
		return nil, cmp.Or(err1, err2)
	}
	w := c.world(a)
	var all []map[string]any
	for _, x := range c.m.Actions() {
		at := x.At.Truncate(time.Second)
		if x.Account != a.ID || at.Before(since) || at.After(until) {
			continue
		}
		for _, f := range x.Fields {
			if e := w.event(x, f); e != nil {
				e["event_time"], e["date_time_in_timezone"] = at.UTC().Format(clock), at.In(a.Location()).Format("01/02/2006 at 3:04 PM")
				e["actor_id"], e["actor_name"] = "300000000000001", x.By
				if x.Via == "api" {
					e["application_id"], e["application_name"] = "600000000000001", "Agency app"
				}
				all = append(all, e)
			}
			if x.Op == market.Create {
				break
			}
		}
	}
	slices.Reverse(all)
	from, to, err := c.window(len(all))
	if err != nil {
		return nil, err
	}
	rows := []any{}
	for _, e := range all[from:to] {
		row := map[string]any{}
		for _, s := range sel {
			if e[s.name] != nil {
				row[s.name] = e[s.name]
			}
		}
		rows = append(rows, row)
	}
	return c.paged(rows, from, to, len(all)), nil
}

// event is what the log says of an action; nil: nothing.
func (w *world) event(x market.Action, f market.Field) map[string]any {
	kinds := map[market.Kind]struct {
		base               int64
		typ, create, event string
	}{
		market.KindCampaign: {campaigns, "CAMPAIGN_GROUP", "create_campaign_group", "update_campaign_"},
		market.KindBudget:   {campaigns, "CAMPAIGN_GROUP", "", "update_campaign_"},
		market.KindAdGroup:  {adSets, "CAMPAIGN", "create_ad_set", "update_ad_set_"},
		market.KindAd:       {ads, "ADGROUP", "create_ad", "update_ad_"},
	}
	k, ok := kinds[x.Kind]
	if !ok {
		return nil
	}
	id, name := x.ID, ""
	switch x.Kind {
	case market.KindBudget:
		for _, c := range w.campaigns {
			if c.Budget == x.ID {
				id, name = c.ID, c.Name
				break
			}
		}
		if name == "" {
			return nil
		}
	case market.KindCampaign:
		name = w.byID[id].Name
	case market.KindAdGroup:
		name = w.groupByID[id].Name
	}
	event := k.create
	if x.Op != market.Create {
		suffix := map[string]string{"status": "run_status", "amount": "budget", "name": "name", "bid": "bidding"}[f.Name]
		if event = k.event + suffix; suffix == "" {
			return nil
		}
	} else if event == "" {
		return nil
	}
	value := func(s string) any {
		if n, err := strconv.ParseInt(s, 10, 64); err == nil && (f.Name == "amount" || f.Name == "bid") {
			return minor(n, w.Currency)
		}
		if f.Name == "status" {
			return map[string]string{"enabled": "Active", "paused": "Inactive", "removed": "Deleted"}[s]
		}
		return s
	}
	extra, err := json.Marshal(map[string]any{"old_value": value(f.Old), "new_value": value(f.New)})
	if err != nil {
		return nil
	}
	return map[string]any{"event_type": event, "translated_event_type": strings.ReplaceAll(event, "_", " "), "object_id": text(k.base + id), "object_name": name, "object_type": k.typ, "extra_data": string(extra)}
}
