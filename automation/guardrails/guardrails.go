// Package guardrails judges changes by policies: rows that people set, each of a
// kind with parameters and a scope. The strictest verdict wins, and of several
// limits the tightest, never the most specific.
//
// A kind is one file: a pure function of a question and its parameters, so that
// the same facts give the same verdict. What a kind has to know and does not,
// denies. The package knows no channel, no ledger and no SQL.
package guardrails

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/big"
	"path"
	"slices"
	"strings"
	"time"

	"argo/automation"
	"argo/tables/fault"
)

// Kind of a guardrail.
type Kind struct {
	Name, Doc string
	Sample    string // its parameters with their defaults, JSON
	wants     automation.Wants
	parse     func(params string) (judge, error)
}

// judge gives a verdict with Decision and Sentence, and what belongs to them.
type judge func(q automation.Question, p automation.Policy) automation.Verdict

// Kinds lists them by name.
func Kinds() []Kind {
	return []Kind{
		approval, blackout, blastRadius, breaker, cooldown, flipFlop, killSwitch, lastOneStanding, learningPhase,
		maxChange, maxValue, minData, minValue, outage, spendCapDay, spendCapMonth,
	}
}

// Scopes are the kinds of scopes, from the widest.
var Scopes = []string{"global", "channel", "account", "campaign"}

// only narrows a policy of any kind.
type only struct {
	Actions []string `json:"actions,omitempty"` // patterns of actions: "set_*"; none: all
	By      []string `json:"by,omitempty"`      // patterns of who asks: "rule:*"; none: everybody
}

func (o only) narrow() only { return o }

func (o only) check() error {
	for _, pattern := range slices.Concat(o.Actions, o.By) {
		if _, err := path.Match(pattern, ""); err != nil {
			return fault.New(fault.Invalid, "%q is not a pattern", pattern)
		}
	}
	return nil
}

func (o only) about(r automation.Run) bool {
	match := func(patterns []string, s string) bool {
		return len(patterns) == 0 || slices.ContainsFunc(patterns, func(p string) bool { ok, _ := path.Match(p, s); return ok })
	}
	return match(o.Actions, r.Action) && match(o.By, r.By)
}

// kind makes one of its default parameters, a check of others, and what it says.
func kind[P interface{ narrow() only }](name, doc string, defaults P, wants automation.Wants, check func(P) error,
	say func(q automation.Question, p automation.Policy, params P) automation.Verdict) Kind {
	sample, err := json.Marshal(defaults)
	if err != nil {
		panic(err) // a defect of this package
	}
	return Kind{Name: name, Doc: doc, Sample: string(sample), wants: wants, parse: func(text string) (judge, error) {
		params := defaults
		if strings.TrimSpace(text) != "" {
			dec := json.NewDecoder(bytes.NewReader([]byte(text)))
			dec.DisallowUnknownFields()
			if err := dec.Decode(&params); err != nil {
				return nil, fault.New(fault.Invalid, "the parameters of %s cannot be read: %v", name, err).WithHint("with their defaults: '%s'", sample)
			}
			if dec.More() {
				return nil, fault.New(fault.Invalid, "something stands after the parameters of %s", name).WithHint("with their defaults: '%s'", sample)
			}
		}
		err := params.narrow().check()
		if err == nil && check != nil {
			err = check(params)
		}
		if err != nil {
			if f := fault.As(err); f != nil && f.Hint == "" {
				return nil, f.WithHint("with their defaults: '%s'", sample)
			}
			return nil, err
		}
		return func(q automation.Question, p automation.Policy) automation.Verdict {
			if !params.narrow().about(q.Run) {
				return allow("it is about other actions")
			}
			return say(q, p, params)
		}, nil
	}}
}

func find(name string) (Kind, bool) {
	for _, k := range Kinds() {
		if k.Name == name {
			return k, true
		}
	}
	return Kind{}, false
}

// Check says whether a policy can be set. Faults: Invalid.
func Check(p automation.Policy) error {
	k, ok := find(p.Kind)
	if !ok {
		var names []string
		for _, k := range Kinds() {
			names = append(names, k.Name)
		}
		return fault.New(fault.Invalid, "there is no guardrail %q", p.Kind).WithHint("one of %s", strings.Join(names, ", "))
	}
	if !slices.Contains(Scopes, p.ScopeKind) || (p.ScopeKind == "global") != (p.Scope == "") {
		return fault.New(fault.Invalid, "%q %q is not a scope", p.ScopeKind, p.Scope).
			WithHint("'global', or one of %s and which: 'account', '1000000101'", strings.Join(Scopes[1:], ", "))
	}
	_, err := k.parse(p.Params)
	return err
}

// Policies are where policies are kept.
type Policies interface {
	Policies(ctx context.Context, dropped bool) ([]automation.Policy, error)
}

// Set judges by the policies that are in force at the moment. It implements
// automation.Guardrails and is safe for concurrent use.
type Set struct{ Policies Policies }

// Wants implements automation.Guardrails.
func (s Set) Wants(ctx context.Context, source string) (wants automation.Wants, any bool, err error) {
	policies, err := s.Policies.Policies(ctx, false)
	if err != nil {
		return wants, false, err
	}
	for _, p := range policies {
		if p.ScopeKind == "channel" && p.Scope != source {
			continue
		}
		any = true
		if k, ok := find(p.Kind); ok {
			wants.Siblings = wants.Siblings || k.wants.Siblings
			wants.Spend = wants.Spend || k.wants.Spend
			wants.Results = wants.Results || k.wants.Results
			wants.Learning = wants.Learning || k.wants.Learning
		}
	}
	return wants, any, nil
}

// Judge implements automation.Guardrails.
func (s Set) Judge(ctx context.Context, q automation.Question) ([]automation.Verdict, error) {
	policies, err := s.Policies.Policies(ctx, false)
	if err != nil {
		return nil, err
	}
	var out []automation.Verdict
	for _, p := range policies {
		if !inScope(p, q) {
			continue
		}
		v := one(q, p)
		v.Guardrail, v.Kind = p.ID, p.Kind
		out = append(out, v)
	}
	return out, nil
}

// one judges by one policy. One that cannot be read any more denies.
func one(q automation.Question, p automation.Policy) automation.Verdict {
	k, ok := find(p.Kind)
	if !ok {
		return deny("guardrail %s is of a kind that is not known here", p.ID)
	}
	say, err := k.parse(p.Params)
	if err != nil {
		return deny("guardrail %s cannot be read: %v", p.ID, err)
	}
	if k.wants != (automation.Wants{}) && !q.Facts.Known {
		return deny("%s does not tell what this guardrail has to know", q.Run.Action)
	}
	return say(q, p)
}

func inScope(p automation.Policy, q automation.Question) bool {
	switch p.ScopeKind {
	case "global":
		return true
	case "channel":
		return p.Scope == q.Run.Source
	case "account":
		return p.Scope == q.Change.Account
	case "campaign": // where that is not known, better too much
		return !q.Facts.Known || slices.Contains(q.Facts.Campaigns, p.Scope)
	}
	return true // of a scope that is not known here: better too much
}

func allow(format string, args ...any) automation.Verdict {
	return automation.Verdict{Decision: automation.Allow, Sentence: fmt.Sprintf(format, args...)}
}

func deny(format string, args ...any) automation.Verdict {
	return automation.Verdict{Decision: automation.Deny, Sentence: fmt.Sprintf(format, args...)}
}

func hold(until time.Time, format string, args ...any) automation.Verdict {
	return automation.Verdict{Decision: automation.Hold, Until: until, Sentence: fmt.Sprintf(format, args...)}
}

func clamp(after *big.Rat, format string, args ...any) automation.Verdict {
	return automation.Verdict{Decision: automation.Clamp, After: plain(after), Sentence: fmt.Sprintf(format, args...)}
}

func approve(format string, args ...any) automation.Verdict {
	return automation.Verdict{Decision: automation.Approve, Quorum: 1, Sentence: fmt.Sprintf(format, args...)}
}

// number reads decimal text; false where it is none.
func number(s string) (*big.Rat, bool) {
	if s == "" || strings.ContainsAny(s, "/eExX_") {
		return nil, false
	}
	return new(big.Rat).SetString(s)
}

// plain writes a number as short as it is exact.
func plain(r *big.Rat) string {
	if r.IsInt() {
		return r.Num().String()
	}
	return strings.TrimRight(strings.TrimRight(r.FloatString(6), "0"), ".")
}

// values of a change that is one of a number.
func values(c automation.Change) (before, after *big.Rat, ok bool) {
	before, ok1 := number(c.Before)
	after, ok2 := number(c.After)
	return before, after, ok1 && ok2
}

// round takes a value to the field's step, down or up.
func round(v *big.Rat, f automation.Facts, up bool) *big.Rat {
	step, ok := number(f.Step)
	if !ok || step.Sign() <= 0 {
		step = big.NewRat(1, 1_000_000)
	}
	n := new(big.Rat).Quo(v, step)
	whole := new(big.Int).Div(n.Num(), n.Denom()) // towards minus infinity
	if up && !n.IsInt() {
		whole.Add(whole, big.NewInt(1))
	}
	return new(big.Rat).Mul(new(big.Rat).SetInt(whole), step)
}

// percent of a value: 20 and 1000 give 200.
func percent(v *big.Rat, p float64) *big.Rat {
	r := new(big.Rat)
	if r.SetFloat64(p) == nil {
		return r
	}
	return r.Mul(r, v).Quo(r, big.NewRat(100, 1))
}

// same says that a change in the past is of the same field of the same object.
func same(p automation.Past, q automation.Question) bool {
	return p.Run != q.Run.ID && p.Account == q.Change.Account && p.Target == q.Change.Target && p.Field == q.Change.Field
}

// took says that a change that was sent has taken effect, or may have.
func took(p automation.Past) bool { return p.State != automation.Failed }

// group of fields that share a cooldown.
func group(field string) string {
	switch {
	case strings.Contains(field, "status"):
		return "status"
	case strings.Contains(field, "bid") || strings.Contains(field, "cpc") || strings.Contains(field, "target"):
		return "bid"
	}
	return "budget"
}
