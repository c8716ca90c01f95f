package googleadssim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"argo/tables/market"
)

// maxOperations of one mutate.
const maxOperations = 10000

type mutateRequest struct {
	CustomerID          string            `json:"customerId"`
	Operations          []json.RawMessage `json:"operations"`
	MutateOperations    []json.RawMessage `json:"mutateOperations"`
	PartialFailure      bool              `json:"partialFailure"`
	ValidateOnly        bool              `json:"validateOnly"`
	ResponseContentType string            `json:"responseContentType"`
}

// operation holds exactly one of create, update and remove.
type operation struct {
	UpdateMask string          `json:"updateMask"`
	Create     json.RawMessage `json:"create"`
	Update     json.RawMessage `json:"update"`
	Remove     *string         `json:"remove"`
	// Keys that some operations have and that decide nothing here.
	PolicyValidationParameter json.RawMessage `json:"policyValidationParameter"`
	ExemptPolicyViolationKeys json.RawMessage `json:"exemptPolicyViolationKeys"`
}

// step is an operation on its way to the market.
type step struct {
	kind     market.Kind
	location []element // of the operation
	op       operation
	change   market.Change
	errors   []adsError
}

func (c *call) mutate(kind market.Kind) error {
	var req mutateRequest
	if err := c.decode(&req); err != nil {
		return err
	}
	if req.MutateOperations != nil {
		return badJSON("Unknown name \"mutateOperations\": Cannot find field.")
	}
	steps := make([]*step, len(req.Operations))
	for i, text := range req.Operations {
		s := &step{kind: kind, location: []element{{"operations", &i}}}
		if err := s.read(text); err != nil {
			return err
		}
		steps[i] = s
	}
	results, failed, err := c.carryOut(req, steps)
	if err != nil {
		return err
	}
	answer := map[string]any{}
	if failed != nil {
		answer["partialFailureError"] = failed
	}
	if results != nil {
		answer["results"] = results
	}
	writeJSON(c.w, 200, answer)
	return nil
}

// mutateAll is googleAds:mutate: operations of several kinds in one.
func (c *call) mutateAll() error {
	var req mutateRequest
	if err := c.decode(&req); err != nil {
		return err
	}
	if req.Operations != nil {
		return badJSON("Unknown name \"operations\": Cannot find field.")
	}
	steps := make([]*step, len(req.MutateOperations))
	for i, text := range req.MutateOperations {
		var one map[string]json.RawMessage
		if err := json.Unmarshal(text, &one); err != nil {
			return badJSON("Invalid value at 'mutate_operations[%d]'.", i)
		}
		if len(one) != 1 {
			return single(400, "requestError", "OPERATION_REQUIRED", "Exactly one operation must be set in mutate_operations[%d].", i)
		}
		for label, text := range one {
			message, suffix := strings.CutSuffix(label, "Operation")
			kind, ok := kindOf(message)
			switch {
			case otherOperations[label]:
				return &notModelled{label}
			case !ok || !suffix:
				return badJSON("Unknown name %q at 'mutate_operations[%d]': Cannot find field.", label, i)
			}
			s := &step{kind: kind, location: []element{{"mutate_operations", &i}, {prefixes[kind] + "_operation", nil}}}
			if err := s.read(text); err != nil {
				return err
			}
			steps[i] = s
		}
	}
	results, failed, err := c.carryOut(req, steps)
	if err != nil {
		return err
	}
	answer := map[string]any{}
	if failed != nil {
		answer["partialFailureError"] = failed
	}
	if results != nil {
		responses := make([]any, len(results))
		for i, r := range results {
			responses[i] = map[string]any{}
			if len(r) > 0 {
				responses[i] = map[string]any{camel(prefixes[steps[i].kind]) + "Result": r}
			}
		}
		answer["mutateOperationResponses"] = responses
	}
	writeJSON(c.w, 200, answer)
	return nil
}

func kindOf(message string) (market.Kind, bool) {
	for kind, prefix := range prefixes {
		if camel(prefix) == message {
			return kind, true
		}
	}
	return "", false
}

// read decodes an operation strictly.
func (s *step) read(text json.RawMessage) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&s.op); err != nil {
		if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
			return badJSON("Unknown name %s at 'operations': Cannot find field.", name)
		}
		return badJSON("Invalid value at 'operations'.")
	}
	if s.op.PolicyValidationParameter != nil && s.kind != market.KindAd || s.op.ExemptPolicyViolationKeys != nil && s.kind != market.KindKeyword {
		return badJSON("Unknown name at 'operations': Cannot find field.")
	}
	n := 0
	for _, set := range []bool{s.op.Create != nil, s.op.Update != nil, s.op.Remove != nil} {
		if set {
			n++
		}
	}
	if n > 1 {
		return badJSON("Invalid value at 'operations': oneof field 'operation' is already set.")
	}
	for _, body := range []json.RawMessage{s.op.Create, s.op.Update} {
		if body == nil {
			continue
		}
		tree, err := object(body)
		if err != nil {
			return err
		}
		if err := known(messages[s.kind], nested, "", tree); err != nil {
			return err
		}
	}
	return nil
}

func object(text json.RawMessage) (map[string]any, error) {
	var tree map[string]any
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	if err := dec.Decode(&tree); err != nil {
		return nil, badJSON("Invalid value at 'operations'.")
	}
	return tree, nil
}

// known refuses names that the messages do not have.
func known(names map[string]bool, below map[string]map[string]bool, path string, tree map[string]any) error {
	for k, v := range tree {
		if !names[k] {
			return badJSON("Unknown name %q at 'operations': Cannot find field.", path+k)
		}
		if next, ok := below[path+k]; ok {
			if inner, ok := v.(map[string]any); ok {
				if err := known(next, below, path+k+".", inner); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// carryOut checks all steps and applies them: all or none, or with
// partialFailure those without an error. Results are nil with validateOnly.
func (c *call) carryOut(req mutateRequest, steps []*step) ([]map[string]any, any, error) {
	if !slices.Contains([]string{"", "UNSPECIFIED", "RESOURCE_NAME_ONLY", "MUTABLE_RESOURCE"}, req.ResponseContentType) {
		return nil, nil, badJSON("Invalid value at 'response_content_type' (type.googleapis.com/google.ads.googleads.%s.enums.ResponseContentTypeEnum.ResponseContentType), %q", version, req.ResponseContentType)
	}
	switch {
	case c.customer.manager:
		return nil, nil, single(400, "requestError", "CANNOT_BE_EXECUTED_BY_MANAGER_ACCOUNT", "The request cannot be executed by a manager account.")
	case len(steps) == 0:
		return nil, nil, single(400, "requestError", "REQUIRED_FIELD_MISSING", "Required field is missing: operations.")
	case len(steps) > maxOperations:
		return nil, nil, single(400, "requestError", "TOO_MANY_MUTATE_OPERATIONS", "The request has too many operations: %d, at most %d are allowed.", len(steps), maxOperations)
	}
	if err := c.spend(len(steps), c.r.URL.Path[:strings.LastIndex(c.r.URL.Path, "/")]); err != nil {
		return nil, nil, err
	}
	b := c.newBatch()
	var changes []market.Change
	var errs []adsError
	for _, s := range steps {
		if err := b.prepare(s); err != nil {
			return nil, nil, err
		}
		if errs = append(errs, s.errors...); len(s.errors) == 0 {
			changes = append(changes, s.change)
		}
	}
	if len(errs) > 0 && !req.PartialFailure {
		return nil, nil, failure(400, errs...)
	}
	var failed any
	if len(errs) > 0 {
		failed = map[string]any{"code": 3, "message": "Multiple errors in 'details'. First error: " + errs[0].message,
			"details": []any{failureOf(errs, c.request)}}
	}
	if req.ValidateOnly {
		if err := c.m.Check(changes...); err != nil {
			return nil, nil, marketError(err)
		}
		return nil, failed, nil
	}
	done, err := c.m.Apply(c.o.User, "api", changes...)
	if err != nil {
		return nil, nil, marketError(err)
	}
	results := make([]map[string]any, len(steps))
	for i, s := range steps {
		results[i] = map[string]any{}
		if len(s.errors) > 0 {
			continue
		}
		a := done[0]
		done = done[1:]
		results[i]["resourceName"] = c.nameOf(a)
		if req.ResponseContentType == "MUTABLE_RESOURCE" && a.Op != market.Remove {
			if results[i][camel(prefixes[s.kind])], err = c.mutable(a); err != nil {
				return nil, nil, err
			}
		}
	}
	return results, failed, nil
}

// marketError words what the market refused after the checks here.
func marketError(err error) error {
	var missing *market.NotFound
	var removed *market.Removed
	switch {
	case errors.As(err, &missing):
		return single(400, "mutateError", "RESOURCE_NOT_FOUND", "Resource was not found.")
	case errors.As(err, &removed):
		return single(400, "contextError", "OPERATION_NOT_PERMITTED_FOR_REMOVED_RESOURCE", "The operation is not allowed for removed resources.")
	}
	return fmt.Errorf("apply to the market: %w", err)
}

// nameOf is the resource name of what an action changed.
func (c *call) nameOf(a market.Action) string {
	switch a.Kind {
	case market.KindAd:
		for _, x := range c.m.Ads(a.Account) {
			if x.ID == a.ID {
				return name(a.Account, "adGroupAds", x.AdGroup, x.ID)
			}
		}
	case market.KindKeyword:
		for _, x := range c.m.Keywords(a.Account) {
			if x.ID == a.ID {
				return name(a.Account, "adGroupCriteria", x.AdGroup, x.ID)
			}
		}
	}
	return name(a.Account, collections[a.Kind], a.ID)
}

var mutableFields = map[market.Kind]string{
	market.KindCampaign: "campaign.name, campaign.status, campaign.advertising_channel_type, campaign.campaign_budget, campaign.manual_cpc.enhanced_cpc_enabled, campaign.maximize_conversions.target_cpa_micros, campaign.maximize_conversion_value.target_roas, campaign.start_date_time, campaign.end_date_time",
	market.KindBudget:   "campaign_budget.name, campaign_budget.amount_micros, campaign_budget.explicitly_shared, campaign_budget.delivery_method",
	market.KindAdGroup:  "ad_group.name, ad_group.status, ad_group.type, ad_group.campaign, ad_group.cpc_bid_micros",
	market.KindAd:       "ad_group_ad.status, ad_group_ad.ad_group, ad_group_ad.ad.id, ad_group_ad.ad.final_urls, ad_group_ad.ad.responsive_search_ad.headlines, ad_group_ad.ad.responsive_search_ad.descriptions",
	market.KindKeyword:  "ad_group_criterion.status, ad_group_criterion.ad_group, ad_group_criterion.keyword.text, ad_group_criterion.keyword.match_type, ad_group_criterion.negative, ad_group_criterion.cpc_bid_micros",
}

// mutable is the changed resource with its mutable fields.
func (c *call) mutable(a market.Action) (any, error) {
	p, err := c.plan(fmt.Sprintf("SELECT %s FROM %s WHERE %s.resource_name = '%s'", mutableFields[a.Kind], prefixes[a.Kind], prefixes[a.Kind], c.nameOf(a)))
	if err != nil {
		return nil, err
	}
	rows := evaluate(c.m, p, c.customer, c.all, 0, time.Time{})
	if len(rows) != 1 {
		return nil, fmt.Errorf("%s is not there after its mutation", c.nameOf(a))
	}
	var out map[string]json.RawMessage
	if err := json.Unmarshal(p.shape().append(nil, rows[0]), &out); err != nil {
		return nil, fmt.Errorf("read back %s: %w", c.nameOf(a), err)
	}
	return out[camel(prefixes[a.Kind])], nil
}

// integer reads an int64, which JSON may carry as a string or a number.
func integer(v any) (int64, bool) {
	switch v := v.(type) {
	case string:
		n, err := strconv.ParseInt(v, 10, 64)
		return n, err == nil
	case json.Number:
		n, err := v.Int64()
		return n, err == nil
	}
	return 0, false
}
