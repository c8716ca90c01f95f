package googleadssim

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"argo/tables"
	"argo/tables/market"
)

// batch checks the operations of one request against the market.
type batch struct {
	account   int64
	unit      int64 // smallest amount of the currency in micros
	campaigns map[int64]market.Campaign
	budgets   map[int64]market.Budget
	groups    map[int64]market.AdGroup
	ads       map[int64]market.Ad
	keywords  map[int64]market.Keyword
	seen      map[string]bool
	temporary map[string]bool // resource names of creations with negative ids
}

func (c *call) newBatch() *batch {
	a, _ := c.m.Account(c.customer.id)
	return &batch{account: a.ID, unit: a.Unit(), seen: map[string]bool{}, temporary: map[string]bool{},
		campaigns: index(c.m.Campaigns(a.ID), func(x market.Campaign) int64 { return x.ID }),
		budgets:   index(c.m.Budgets(a.ID), func(x market.Budget) int64 { return x.ID }),
		groups:    index(c.m.AdGroups(a.ID), func(x market.AdGroup) int64 { return x.ID }),
		ads:       index(c.m.Ads(a.ID), func(x market.Ad) int64 { return x.ID }),
		keywords:  index(c.m.Keywords(a.ID), func(x market.Keyword) int64 { return x.ID })}
}

func index[T any](list []T, id func(T) int64) map[int64]T {
	out := make(map[int64]T, len(list))
	for _, x := range list {
		out[id(x)] = x
	}
	return out
}

// fail adds an error to the step, at a field of the resource ("" for none).
func (s *step) fail(kind, code, field, format string, args ...any) {
	where := slices.Clone(s.location)
	if field != "" {
		verb := "update"
		if s.op.Create != nil {
			verb = "create"
		}
		where = append(where, element{verb, nil})
		for _, part := range strings.Split(field, ".") {
			where = append(where, element{snake(part), nil})
		}
	}
	s.errors = append(s.errors, adsError{kind: kind, code: code, message: fmt.Sprintf(format, args...), location: where})
}

var humps = regexp.MustCompile(`[A-Z]`)

// snake is the snake_case form of a lowerCamelCase name.
func snake(s string) string {
	return humps.ReplaceAllStringFunc(s, func(x string) string { return "_" + strings.ToLower(x) })
}

// prepare turns an operation into a change of the market, or notes its errors.
// The error is for requests that the front end refuses as a whole.
func (b *batch) prepare(s *step) error {
	s.change = market.Change{Kind: s.kind, Account: b.account}
	switch {
	case s.op.Create != nil:
		if s.op.UpdateMask != "" {
			s.fail("fieldMaskError", "FIELD_MASK_NOT_ALLOWED", "", "The field mask is not allowed for this operation.")
			return nil
		}
		return b.create(s)
	case s.op.Update != nil:
		return b.update(s)
	case s.op.Remove != nil:
		if s.op.UpdateMask != "" {
			s.fail("fieldMaskError", "FIELD_MASK_NOT_ALLOWED", "", "The field mask is not allowed for this operation.")
			return nil
		}
		s.change.Op = market.Remove
		if b.target(s, *s.op.Remove) && s.kind == market.KindBudget && b.users(s.change.ID, 0) > 0 {
			s.fail("campaignBudgetError", "CAMPAIGN_BUDGET_IN_USE", "", "The campaign budget cannot be removed because it is in use.")
		}
		return nil
	}
	s.fail("requestError", "OPERATION_REQUIRED", "", "An operation must have one of create, update and remove.")
	return nil
}

// users counts the campaigns on a budget that are not removed, but for one.
func (b *batch) users(budget, but int64) int {
	n := 0
	for _, c := range b.campaigns {
		if c.Budget == budget && c.Status != market.Deleted && c.ID != but {
			n++
		}
	}
	return n
}

var names = regexp.MustCompile(`^customers/(\d+)/([A-Za-z]+)/(-?\d+)(?:~(-?\d+))?$`)

// parseName gives the last id of a resource name of the collection and the
// batch's customer.
func (b *batch) parseName(text, collection string) (customer, id, parent int64, ok bool) {
	m := names.FindStringSubmatch(text)
	two := collection == "adGroupAds" || collection == "adGroupCriteria"
	if m == nil || m[2] != collection || two != (m[4] != "") {
		return 0, 0, 0, false
	}
	customer, _ = strconv.ParseInt(m[1], 10, 64)
	id, _ = strconv.ParseInt(m[3], 10, 64)
	if two {
		parent = id
		id, _ = strconv.ParseInt(m[4], 10, 64)
	}
	return customer, id, parent, true
}

// target finds what a resource name stands for and puts its id into the change.
func (b *batch) target(s *step, text string) bool {
	if text == "" {
		s.fail("requestError", "RESOURCE_NAME_MISSING", "resourceName", "Resource name is missing.")
		return false
	}
	customer, id, parent, ok := b.parseName(text, collections[s.kind])
	if !ok {
		s.fail("requestError", "RESOURCE_NAME_MALFORMED", "resourceName", "Resource name '%s' is malformed: it must be of the form 'customers/{customer_id}/%s/...'.", text, collections[s.kind])
		return false
	}
	if b.seen[text] {
		s.fail("mutateError", "ID_EXISTS_IN_MULTIPLE_MUTATES", "resourceName", "Resource '%s' is in more than one operation.", text)
		return false
	}
	b.seen[text] = true
	s.change.ID = id
	if customer == b.account && b.temporary[text] {
		return true
	}
	status, found := b.status(s.kind, id, parent)
	switch {
	case customer != b.account || !found:
		s.fail("mutateError", "RESOURCE_NOT_FOUND", "resourceName", "Resource '%s' was not found.", text)
	case status != market.Deleted:
		return true
	case s.kind == market.KindBudget:
		s.fail("campaignBudgetError", "CAMPAIGN_BUDGET_REMOVED", "resourceName", "The requested campaign budget no longer exists.")
	case s.kind == market.KindAd:
		s.fail("adGroupAdError", "CANNOT_OPERATE_ON_REMOVED_ADGROUPAD", "resourceName", "Cannot operate on removed ad group ads.")
	default:
		s.fail("contextError", "OPERATION_NOT_PERMITTED_FOR_REMOVED_RESOURCE", "resourceName", "The operation is not allowed for removed resources.")
	}
	return false
}

func (b *batch) status(kind market.Kind, id, parent int64) (market.Status, bool) {
	switch kind {
	case market.KindCampaign:
		x, ok := b.campaigns[id]
		return x.Status, ok
	case market.KindBudget:
		x, ok := b.budgets[id]
		return x.Status, ok
	case market.KindAdGroup:
		x, ok := b.groups[id]
		return x.Status, ok
	case market.KindAd:
		x, ok := b.ads[id]
		return x.Status, ok && x.AdGroup == parent
	}
	x, ok := b.keywords[id]
	return x.Status, ok && x.AdGroup == parent
}

// update changes what the mask names; what the mask names and the body lacks
// is cleared.
func (b *batch) update(s *step) error {
	tree, err := object(s.op.Update)
	if err != nil {
		return err
	}
	s.change.Op = market.Update
	resource, _ := tree["resourceName"].(string)
	if !b.target(s, resource) {
		return nil
	}
	if s.op.UpdateMask == "" {
		s.fail("fieldMaskError", "FIELD_MASK_MISSING", "", "The field mask must be provided for update operations.")
		return nil
	}
	for _, path := range strings.Split(s.op.UpdateMask, ",") {
		parts := strings.Split(strings.TrimSpace(path), ".")
		for i := range parts {
			parts[i] = camel(parts[i])
		}
		path = strings.Join(parts, ".")
		top := parts[0]
		below, message := nested[top]
		switch {
		case !messages[s.kind][top], len(parts) > 1 && message && !below[parts[1]]:
			s.fail("fieldMaskError", "FIELD_NOT_FOUND", "", "The field mask contained an invalid field: '%s'.", path)
			continue
		case top == "resourceName":
			continue
		case readOnly[top] || immutable[s.kind][top]:
			s.fail("fieldError", "IMMUTABLE_FIELD", path, "The field cannot be modified: '%s'.", path)
			continue
		case message && len(parts) == 1:
			s.fail("fieldMaskError", "FIELD_HAS_SUBFIELDS", "", "The field mask contained a field with subfields: '%s'.", path)
			continue
		}
		v, present := any(tree), false
		for _, p := range parts {
			m, _ := v.(map[string]any)
			v, present = m[p]
		}
		if err := b.field(s, path, v, present); err != nil {
			return err
		}
	}
	return nil
}

// create makes a new entity of the body.
func (b *batch) create(s *step) error {
	tree, err := object(s.op.Create)
	if err != nil {
		return err
	}
	s.change.Op = market.Create
	if text, _ := tree["resourceName"].(string); text != "" {
		_, id, _, ok := b.parseName(text, collections[s.kind])
		if !ok || id >= 0 {
			s.fail("newResourceCreationError", "CANNOT_SET_ID_FOR_CREATE", "resourceName", "The ID of a new resource cannot be set; temporary IDs are negative.")
			return nil
		}
		if b.temporary[text] {
			s.fail("newResourceCreationError", "DUPLICATE_TEMP_IDS", "resourceName", "The temporary ID is used by another operation.")
			return nil
		}
		b.temporary[text], s.change.ID = true, id
	}
	for _, name := range required[s.kind] {
		if _, ok := tree[name]; !ok {
			s.fail("fieldError", "REQUIRED", name, "The required field was not present.")
		}
	}
	if s.kind == market.KindCampaign {
		if _, ok := tree["containsEuPoliticalAdvertising"]; !ok {
			s.fail("mutateError", "EU_POLITICAL_ADVERTISING_DECLARATION_REQUIRED", "containsEuPoliticalAdvertising", "The declaration about EU political advertising is required.")
		}
		if tree["manualCpc"] == nil && tree["maximizeConversions"] == nil && tree["maximizeConversionValue"] == nil && tree["targetSpend"] == nil {
			s.fail("fieldError", "REQUIRED", "campaignBiddingStrategy", "The required field was not present.")
		}
	}
	// In a fixed order, so that equal requests give equal worlds.
	var paths []string
	for k, v := range tree {
		inner, message := v.(map[string]any)
		if _, modelled := nested[k]; !message || !modelled || k == "ad" || k == "keyword" || len(inner) == 0 {
			paths = append(paths, k)
			continue
		}
		for sub := range inner {
			paths = append(paths, k+"."+sub)
		}
	}
	slices.Sort(paths)
	for _, path := range paths {
		v := any(tree)
		for _, p := range strings.Split(path, ".") {
			v = v.(map[string]any)[p]
		}
		if path == "resourceName" {
			continue
		}
		if err := b.field(s, path, v, true); err != nil {
			return err
		}
	}
	return nil
}

var required = map[market.Kind][]string{
	market.KindCampaign: {"name", "advertisingChannelType", "campaignBudget"},
	market.KindBudget:   {"amountMicros"},
	market.KindAdGroup:  {"name", "campaign"},
	market.KindAd:       {"adGroup", "ad"},
	market.KindKeyword:  {"adGroup", "keyword"},
}

// set adds a field to the change.
func (s *step) set(name, value string) {
	s.change.Set = append(s.change.Set, market.Set{Name: name, Value: value})
}

// field checks one value and adds it to the change.
func (b *batch) field(s *step, path string, v any, present bool) error {
	text, isText := v.(string)
	creating := s.change.Op == market.Create
	switch path {
	case "status":
		return b.statusField(s, text, present)
	case "name":
		b.nameField(s, text)
	case "amountMicros":
		b.amountField(s, v)
	case "explicitlyShared":
		shared, _ := v.(bool)
		switch {
		case creating:
			s.set("shared", strconv.FormatBool(shared))
		case !shared:
			s.fail("campaignBudgetError", "CANNOT_UPDATE_CAMPAIGN_BUDGET_TO_IMPLICITLY_SHARED", path, "Cannot update a campaign budget to implicitly shared.")
		default:
			s.set("shared", "true")
		}
	case "campaignBudget":
		b.reference(s, path, "budget", text, market.KindBudget)
	case "campaign":
		b.reference(s, path, "campaign", text, market.KindCampaign)
	case "adGroup":
		b.reference(s, path, "ad_group", text, market.KindAdGroup)
	case "cpcBidMicros":
		b.bidField(s, v, present)
	case "manualCpc", "manualCpc.enhancedCpcEnabled":
		s.bidding("manual_cpc")
	case "maximizeConversions":
		s.bidding("maximize_conversions")
	case "maximizeConversions.targetCpaMicros":
		s.bidding("maximize_conversions")
		n, ok := integer(v)
		if present && (!ok || n < 0) {
			s.fail("rangeError", "TOO_LOW", path, "Too low.")
		} else if n%b.unit != 0 {
			s.fail("biddingError", "BID_TOO_MANY_FRACTIONAL_DIGITS", path, "Bid has too many fractional digits.")
		} else {
			s.set("target_cpa", strconv.FormatInt(n, 10))
		}
	case "maximizeConversionValue":
		s.bidding("maximize_conversion_value")
	case "maximizeConversionValue.targetRoas":
		s.bidding("maximize_conversion_value")
		n, ok := v.(json.Number)
		roas, err := strconv.ParseFloat(string(n), 64)
		if present && (!ok || err != nil || roas < 0 || roas > 1000) {
			s.fail("rangeError", "TOO_HIGH", path, "The target must be between 0 and 1000.")
		} else {
			s.set("target_roas", strconv.FormatFloat(roas, 'g', -1, 64))
		}
	case "targetSpend", "targetSpend.cpcBidCeilingMicros":
		s.bidding("target_spend")
	case "startDateTime", "endDateTime":
		b.dateField(s, path, text)
	case "advertisingChannelType":
		form := ""
		for f, word := range channels {
			if word == text {
				form = string(f)
			}
		}
		if form == "" {
			s.fail("campaignError", "ADVERTISING_CHANNEL_TYPE_NOT_AVAILABLE_FOR_ACCOUNT_TYPE", path, "The channel type is not available for the account.")
			return nil
		}
		s.set("form", form)
	case "keyword":
		b.keywordField(s, v)
	case "negative":
		negative, _ := v.(bool)
		s.set("negative", strconv.FormatBool(negative))
	case "ad":
		return b.adField(s, v)
	case "containsEuPoliticalAdvertising", "deliveryMethod", "period", "type", "advertisingChannelSubType":
		if !isText {
			return badJSON("Invalid value at 'operations': '%s'.", path)
		}
	default:
		if strings.HasPrefix(path, "networkSettings") && creating {
			return nil // the form of the campaign decides its networks
		}
		return &notModelled{prefixes[s.kind] + "." + snake(path)}
	}
	return nil
}

// bidding sets the strategy once.
func (s *step) bidding(strategy string) {
	if !slices.ContainsFunc(s.change.Set, func(x market.Set) bool { return x.Name == "bidding" }) {
		s.set("bidding", strategy)
	}
}

func (b *batch) statusField(s *step, text string, present bool) error {
	switch {
	case !present || text == "UNSPECIFIED":
		s.fail("fieldError", "FIELD_CANNOT_BE_CLEARED", "status", "The field cannot be cleared.")
	case text == "ENABLED" || text == "PAUSED" && s.kind != market.KindBudget:
		s.set("status", strings.ToLower(text))
	case text == "REMOVED" || text == "UNKNOWN" || text == "PAUSED":
		s.fail("enumError", "ENUM_VALUE_NOT_PERMITTED", "status", "Enum value '%s' is not permitted.", text)
	default:
		return badJSON("Invalid value at 'operations.status' (%s), %q", "type.googleapis.com/google.ads.googleads."+version+".enums", text)
	}
	return nil
}

func (b *batch) nameField(s *step, text string) {
	switch {
	case text == "" && s.kind == market.KindCampaign:
		s.fail("campaignError", "INVALID_CAMPAIGN_NAME", "name", "The campaign name is empty.")
	case text == "":
		s.fail("stringLengthError", "EMPTY", "name", "Too short.")
	case utf8.RuneCountInString(text) > 255:
		s.fail("stringLengthError", "TOO_LONG", "name", "Too long.")
	case b.taken(s, text):
		codes := map[market.Kind][2]string{market.KindCampaign: {"campaignError", "DUPLICATE_CAMPAIGN_NAME"},
			market.KindBudget: {"campaignBudgetError", "DUPLICATE_NAME"}, market.KindAdGroup: {"adGroupError", "DUPLICATE_ADGROUP_NAME"}}
		s.fail(codes[s.kind][0], codes[s.kind][1], "name", "The name is used by another one that is not removed.")
	default:
		s.set("name", text)
	}
}

// taken says whether a live sibling has the name. Budgets are unique where
// they are shared.
func (b *batch) taken(s *step, text string) bool {
	switch s.kind {
	case market.KindCampaign:
		for _, x := range b.campaigns {
			if x.Name == text && x.Status != market.Deleted && x.ID != s.change.ID {
				return true
			}
		}
	case market.KindBudget:
		for _, x := range b.budgets {
			if x.Name == text && x.Shared && x.Status != market.Deleted && x.ID != s.change.ID {
				return true
			}
		}
	case market.KindAdGroup:
		campaign := b.groups[s.change.ID].Campaign
		for _, x := range s.change.Set {
			if x.Name == "campaign" {
				campaign, _ = strconv.ParseInt(x.Value, 10, 64)
			}
		}
		for _, x := range b.groups {
			if x.Name == text && x.Status != market.Deleted && x.ID != s.change.ID && x.Campaign == campaign {
				return true
			}
		}
	}
	return false
}

// largestAmount of a daily budget; the API's own is not published.
const largestAmount = int64(1_000_000_000_000_000)

func (b *batch) amountField(s *step, v any) {
	n, ok := integer(v)
	fail := func(code, message string) { s.fail("campaignBudgetError", code, "amountMicros", "%s", message) }
	switch {
	case v == nil:
		s.fail("fieldError", "FIELD_CANNOT_BE_CLEARED", "amountMicros", "The field cannot be cleared.")
	case !ok:
		s.fail("fieldError", "INVALID_VALUE", "amountMicros", "The value is not an integer.")
	case n < 0:
		fail("NEGATIVE_MONEY_AMOUNT", "A money amount cannot be negative.")
	case n%b.unit != 0:
		fail("NON_MULTIPLE_OF_MINIMUM_CURRENCY_UNIT", "A money amount was not a multiple of a minimum unit.")
	case n < 100*b.unit:
		fail("BUDGET_BELOW_PER_DAY_MINIMUM", "The budget is below the per-day minimum.")
	case n > largestAmount:
		fail("MONEY_AMOUNT_TOO_LARGE", "A money amount was greater than the maximum allowed.")
	default:
		s.set("amount", strconv.FormatInt(n, 10))
	}
}

func (b *batch) bidField(s *step, v any, present bool) {
	n, ok := integer(v)
	switch {
	case !present || v == nil:
		s.set("bid", "0")
	case !ok:
		s.fail("fieldError", "INVALID_VALUE", "cpcBidMicros", "The value is not an integer.")
	case n <= 0:
		s.fail("biddingError", "BID_TOO_SMALL", "cpcBidMicros", "Bid is too small.")
	case n%b.unit != 0:
		s.fail("biddingError", "BID_TOO_MANY_FRACTIONAL_DIGITS", "cpcBidMicros", "Bid has too many fractional digits.")
	case n > largestAmount/1000:
		s.fail("biddingError", "BID_TOO_BIG", "cpcBidMicros", "Bid is too big.")
	default:
		s.set("bid", strconv.FormatInt(n, 10))
	}
}

func (b *batch) dateField(s *step, path, text string) {
	name := map[string]string{"startDateTime": "begin", "endDateTime": "end"}[path]
	if text == "" && name == "end" {
		s.set(name, "")
		return
	}
	day, clock, _ := strings.Cut(text, " ")
	d, err := tables.ParseDay(day)
	if err != nil || clock != map[string]string{"begin": "00:00:00", "end": "23:59:59"}[name] {
		s.fail("dateError", "INVALID_STRING_DATE_TIME_SECONDS", path, "The date and time must be of the form 'yyyy-MM-dd HH:mm:ss', at the start or the end of a day.")
		return
	}
	s.set(name, string(d))
}

// reference checks that the resource named exists and may be used.
func (b *batch) reference(s *step, path, field, text string, kind market.Kind) {
	customer, id, _, ok := b.parseName(text, collections[kind])
	status, found := b.status(kind, id, 0)
	switch {
	case !ok:
		s.fail("requestError", "RESOURCE_NAME_MALFORMED", path, "Resource name '%s' is malformed.", text)
	case b.temporary[text]:
		s.set(field, strconv.FormatInt(id, 10))
	case customer != b.account || !found:
		s.fail("mutateError", "RESOURCE_NOT_FOUND", path, "Resource '%s' was not found.", text)
	case status == market.Deleted && kind == market.KindBudget:
		s.fail("campaignBudgetError", "CAMPAIGN_BUDGET_REMOVED", path, "The requested campaign budget no longer exists.")
	case status == market.Deleted:
		s.fail("contextError", "OPERATION_NOT_PERMITTED_FOR_REMOVED_RESOURCE", path, "The operation is not allowed for removed resources.")
	case kind == market.KindBudget && !b.budgets[id].Shared && b.users(id, s.change.ID) > 0:
		s.fail("campaignBudgetError", "CANNOT_USE_IMPLICITLY_SHARED_CAMPAIGN_BUDGET_WITH_MULTIPLE_CAMPAIGNS", path, "Cannot use an implicitly shared campaign budget with multiple campaigns.")
	default:
		s.set(field, strconv.FormatInt(id, 10))
	}
}

func (b *batch) keywordField(s *step, v any) {
	m, _ := v.(map[string]any)
	text, _ := m["text"].(string)
	match, _ := m["matchType"].(string)
	switch {
	case text == "" || strings.ContainsAny(text, "!@%,*"):
		s.fail("criterionError", "KEYWORD_HAS_INVALID_CHARS", "keyword.text", "Keyword text has invalid characters.")
	case utf8.RuneCountInString(text) > 80:
		s.fail("criterionError", "KEYWORD_TEXT_TOO_LONG", "keyword.text", "Keyword text should be at most 80 chars.")
	case len(strings.Fields(text)) > 10:
		s.fail("criterionError", "KEYWORD_HAS_TOO_MANY_WORDS", "keyword.text", "Keyword has more than 10 words.")
	case !slices.Contains([]string{"EXACT", "PHRASE", "BROAD"}, match):
		s.fail("fieldError", "REQUIRED", "keyword.matchType", "The required field was not present.")
	default:
		s.set("text", text)
		s.set("match", strings.ToLower(match))
	}
}

// adField makes a responsive search ad: 3 to 15 headlines of at most 30
// characters, 2 to 4 descriptions of at most 90, one final URL.
func (b *batch) adField(s *step, v any) error {
	m, _ := v.(map[string]any)
	rsa, ok := m["responsiveSearchAd"].(map[string]any)
	if !ok {
		return &notModelled{"ad types other than responsive_search_ad"}
	}
	urls, _ := m["finalUrls"].([]any)
	if len(urls) == 0 {
		s.fail("fieldError", "REQUIRED", "ad.finalUrls", "The required field was not present.")
		return nil
	}
	for _, list := range []struct {
		name                 string
		least, most, longest int
	}{{"headlines", 3, 15, 30}, {"descriptions", 2, 4, 90}} {
		items, _ := rsa[list.name].([]any)
		if len(items) < list.least || len(items) > list.most {
			s.fail("adError", "INVALID_NUMBER_OF_ELEMENTS", "ad.responsiveSearchAd."+list.name, "An invalid number of elements was specified.")
			continue
		}
		var texts []string
		for _, x := range items {
			asset, _ := x.(map[string]any)
			text, _ := asset["text"].(string)
			if text == "" || utf8.RuneCountInString(text) > list.longest {
				s.fail("stringLengthError", "TOO_LONG", "ad.responsiveSearchAd."+list.name, "Too long.")
				continue
			}
			texts = append(texts, text)
		}
		s.set(list.name, string(marshal(texts)))
	}
	if url, ok := urls[0].(string); ok {
		s.set("url", url)
	}
	return nil
}
