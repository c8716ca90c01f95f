package automation

import (
	"context"
	"fmt"
	"time"

	"argo/tables/fault"
)

// Decision of a guardrail, by strictness.
type Decision string

// The decisions, from the mildest to the strictest.
const (
	Allow   Decision = "allow"
	Clamp   Decision = "clamp"   // go on with a smaller change
	Approve Decision = "approve" // somebody has to say yes
	Hold    Decision = "hold"    // not now
	Deny    Decision = "deny"    // no
)

// Verdict of a guardrail about one change.
type Verdict struct {
	Guardrail string // id of the policy
	Kind      string
	Change    string // id of the change
	Stage     string // "plan", or "send": again, on facts read anew
	Decision  Decision
	Sentence  string        // why, for a person
	After     string        // with Clamp: the value that is allowed
	Until     time.Time     // with Hold: when it ends; zero: when the policy does
	Quorum    int           // with Approve: how many have to say yes
	Expires   time.Duration // with Approve: how long the question stands
	At        time.Time
}

// Policy is a guardrail as it was set: a row of argo.guardrails.
type Policy struct {
	ID        string // ULID
	Version   int
	Kind      string // "max_change_pct"
	ScopeKind string // global, channel, account, campaign
	Scope     string // of that kind: "google_ads", "1000000101"; "" of global
	Params    string // JSON, as its kind reads it
	SetBy     string
	SetAt     time.Time
	DroppedAt time.Time // zero: in force
}

// Wants are the facts that cost calls to the channel.
type Wants struct {
	Siblings bool // Facts.Siblings, Facts.Budgets
	Spend    bool // Facts.SpentToday, Facts.SpentMonth
	Results  bool // Facts.Conversions, Facts.Spend30, Facts.TargetCPA
	Learning bool // Facts.Learning, Facts.EditedAt
}

// Facts is what guardrails know of the object of a change, read from the
// channel when it is planned and again before it is sent. Money is decimal text
// in the account's currency. What is not known is zero, and a guardrail that
// needs it says so and denies.
type Facts struct {
	Known     bool     // the action tells facts at all; the Runner sets it
	Currency  string   // of the account
	Campaigns []string // ids of the campaigns that it touches
	Kind      string   // campaign, budget, ad_group, ad, keyword
	Turns     string   // "on" or "off": what a change of status does; "" of another field
	On        string   // the word of a status that turns on: "ENABLED"
	Step      string   // smallest difference of two values of the field
	Minimum   string   // smallest value the channel takes
	Edits     bool     // Learning and EditedAt were read
	Learning  bool
	EditedAt  time.Time // last edit of it that counts as significant
	// Siblings are the objects of its kind beside it that run now, itself
	// included where it does: targets as in Change.
	Siblings []string
	// Budgets are the daily budgets of the account that campaigns that run
	// spend: by target.
	Budgets     map[string]string
	Spends      bool   // the budget of the change is one of them now
	Budget      string // target of the budget that a change of status turns on or off
	BudgetValue string
	Over        string // how much of a daily budget the channel may spend on one day: "2"
	SpentToday  string
	SpentMonth  string // of the account's calendar
	DaysLeft    int    // of the month in the account's calendar, today included
	Conversions string // of the last 30 days
	Spend30     string
	TargetCPA   string
	Zone        string // of the account's calendar
}

// Past is a change that was sent before, or is being sent.
type Past struct {
	Run, Source, Action, By, UndoOf string
	RunChange
}

// Question about one change of a run.
type Question struct {
	Now    time.Time
	Stage  string // as in Verdict
	Run    Run    // with all its changes
	Change RunChange
	Facts  Facts
	Past   []Past // of the source, the last 8 days at least, oldest first
}

// Guardrails judge changes.
type Guardrails interface {
	// Wants says whether any policy is about the source, and which facts it wants.
	Wants(ctx context.Context, source string) (wants Wants, any bool, err error)
	// Judge gives a verdict for every policy that is about the change, those that
	// allow it too. The same question gives the same verdicts.
	Judge(ctx context.Context, q Question) ([]Verdict, error)
}

// Book keeps what people decide beside the ledger: policies, verdicts, votes.
// Every change of a policy and every vote is also an event of the ledger's
// chain. Every method is one transaction, fsynced before it returns. Safe for
// concurrent use and over processes.
type Book interface {
	// Policies are those in force, or with dropped all versions that ever were,
	// by kind, scope and id.
	Policies(ctx context.Context, dropped bool) ([]Policy, error)
	// SetPolicy adds a policy, or with the ID of one in force its next version.
	SetPolicy(ctx context.Context, p Policy) (Policy, error)
	// DropPolicy ends the policy. Faults: NotFound.
	DropPolicy(ctx context.Context, id, by string, at time.Time) (Policy, error)
	// Past lists the changes of a source that were sent since a moment, by time.
	Past(ctx context.Context, source string, since time.Time) ([]Past, error)
	// Record keeps verdicts of a run.
	Record(ctx context.Context, run string, verdicts []Verdict) error
	// Verdicts of a run, in the order they were given.
	Verdicts(ctx context.Context, run string) ([]Verdict, error)
	// Ask opens the question of a run; a second time it changes nothing.
	Ask(ctx context.Context, a Approval) error
	// Vote adds a vote and gives the question as it is now. Faults: NotFound where
	// nothing is asked; Denied for who asked; Conflict for a second vote.
	Vote(ctx context.Context, run string, v Vote) (Approval, error)
	// Approval of a run; false where none was asked.
	Approval(ctx context.Context, run string) (Approval, bool, error)
}

// Approval is a question to people about a run.
type Approval struct {
	Run     string
	Quorum  int // how many have to say yes; one no ends it
	Expires time.Time
	AskedBy string // the name without host; may not vote
	AskedAt time.Time
	Votes   []Vote
}

// Yes counts those who approve.
func (a Approval) Yes() (n int) {
	for _, v := range a.Votes {
		if v.Yes {
			n++
		}
	}
	return n
}

// Admit says whether somebody may vote: not who asked, and nobody twice.
func (a Approval) Admit(v Vote) error {
	if v.By == a.AskedBy {
		return fault.New(fault.Denied, "%s has asked for run %s and cannot approve it", v.By, a.Run).WithHint("somebody else who may approve does: CALL actions.approve('%s')", a.Run)
	}
	for _, o := range a.Votes {
		if o.By == v.By {
			return fault.New(fault.Conflict, "%s has voted on run %s already", v.By, a.Run)
		}
	}
	return nil
}

// Vote of a person.
type Vote struct {
	By      string // the name without host
	Yes     bool
	Comment string
	At      time.Time
}

// Event of a vote in the ledger's chain, without Seq and hashes.
func (v Vote) Event(run string) Event {
	word := State("no")
	if v.Yes {
		word = "yes"
	}
	return Event{Run: run, Change: "vote of " + v.By, To: word, At: v.At, Actor: v.By, Note: v.Comment}
}

// Event of a policy that was set or dropped in the ledger's chain, without Seq
// and hashes. Its run is none.
func (p Policy) Event() Event {
	e := Event{Change: "guardrail " + p.ID, To: "set", At: p.SetAt, Actor: p.SetBy,
		Note: fmt.Sprintf("%s of %s, version %d: %s", p.Kind, p.where(), p.Version, p.Params)}
	if !p.DroppedAt.IsZero() {
		e.To, e.At, e.Note = "dropped", p.DroppedAt, fmt.Sprintf("%s of %s", p.Kind, p.where())
	}
	return e
}

func (p Policy) where() string {
	if p.Scope == "" {
		return p.ScopeKind
	}
	return p.ScopeKind + " " + p.Scope
}
