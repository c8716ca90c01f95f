package automation

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"argo/tables/fault"

	"github.com/cockroachdb/apd/v3"
)

const (
	memory     = 8 * 24 * time.Hour // of Question.Past
	askFor     = 24 * time.Hour     // how long a question or a hold stands where nothing else is said
	gateFor    = 30 * time.Second   // a change of an account is judged and recorded within this
	planStage  = "plan"
	sendStage  = "send"
	cannotTell = "it could not be judged: "
)

// outcome is what all guardrails together say about a run.
type outcome struct {
	Decision // the strictest
	sentence string
	quorum   int
	expires  time.Duration
	until    time.Time
	verdicts []Verdict
}

var strictness = []Decision{Allow, Clamp, Approve, Hold, Deny}

func (o *outcome) take(v Verdict) {
	o.verdicts = append(o.verdicts, v)
	if v.Decision == Approve {
		o.quorum = max(o.quorum, v.Quorum, 1)
		if e := cmp.Or(v.Expires, askFor); o.expires == 0 || e < o.expires {
			o.expires = e
		}
	}
	if slices.Index(strictness, v.Decision) > slices.Index(strictness, o.Decision) {
		o.Decision, o.sentence, o.until = v.Decision, v.say(), v.Until
	}
}

func (v Verdict) say() string { return fmt.Sprintf("guardrail %s: %s", v.Kind, v.Sentence) }

// judge asks the guardrails about the changes of a run that pick chooses. That
// they cannot be asked denies.
func (r *Runner) judge(ctx context.Context, a Action, run Run, stage string, pick func(RunChange) bool) outcome {
	out := outcome{Decision: Allow}
	if r.o.Guardrails == nil {
		return out
	}
	fail := func(err error) outcome {
		return outcome{Decision: Deny, sentence: "the guardrails: " + cannotTell + err.Error()}
	}
	wants, any, err := r.o.Guardrails.Wants(ctx, run.Source)
	if err != nil {
		return fail(err)
	}
	if !any {
		return out
	}
	var changes []Change
	var asked []RunChange
	for _, c := range run.Changes {
		if pick(c) {
			changes, asked = append(changes, c.Change), append(asked, c)
		}
	}
	facts, err := r.facts(ctx, a, changes, wants)
	if err != nil {
		return fail(err)
	}
	var past []Past
	if r.o.Book != nil {
		if past, err = r.o.Book.Past(ctx, run.Source, r.o.Now().Add(-memory)); err != nil {
			return fail(err)
		}
	}
	for i, c := range asked {
		verdicts, err := r.o.Guardrails.Judge(ctx, Question{Now: r.o.Now(), Stage: stage, Run: run, Change: c, Facts: facts[i], Past: past})
		if err != nil {
			return fail(err)
		}
		for _, v := range verdicts {
			v.Change, v.Stage, v.At = c.ID, stage, r.o.Now()
			out.take(v)
		}
	}
	return out
}

func (r *Runner) facts(ctx context.Context, a Action, changes []Change, wants Wants) (facts []Facts, err error) {
	if a.Facts == nil {
		return make([]Facts, len(changes)), nil
	}
	defer r.recovered(&err, a.Name)
	facts, err = a.Facts(ctx, changes, wants)
	if err == nil && len(facts) != len(changes) {
		err = fault.New(fault.Internal, "%s knows %d of %d objects", a.Name, len(facts), len(changes))
	}
	for i := range facts {
		facts[i].Known = true
	}
	return facts, err
}

// weigh judges a planned run, makes its changes as small as the guardrails
// want, and judges what is left.
func (r *Runner) weigh(ctx context.Context, a Action, run *Run) outcome {
	proposed := func(c RunChange) bool { return c.State == Proposed }
	first := r.judge(ctx, a, *run, planStage, proposed)
	if first.Decision == Deny || !slices.ContainsFunc(first.verdicts, func(v Verdict) bool { return v.Decision == Clamp }) {
		return first
	}
	run.Changes = slices.Clone(run.Changes)
	for i := range run.Changes {
		c := &run.Changes[i]
		if least, ok := tightest(c.Change, first.verdicts); ok {
			if agree(least.After, c.Before) {
				first.Decision, first.sentence = Deny, least.say()+": nothing is left of the change"
				return first
			}
			c.Change.Note = strings.TrimPrefix(fmt.Sprintf("%s; limited from %s to %s by %s", c.Change.Note, c.After, least.After, least.say()), "; ")
			c.After = least.After
		}
	}
	second := r.judge(ctx, a, *run, planStage, proposed)
	for i := range second.verdicts {
		if v := second.verdicts[i]; v.Decision == Clamp {
			second.Decision, second.sentence = Deny, v.say()+": no value fits every limit"
		}
	}
	second.verdicts = append(first.verdicts, second.verdicts...)
	return second
}

// tightest is the clamp of the change that leaves least of it.
func tightest(c Change, verdicts []Verdict) (least Verdict, ok bool) {
	var best *apd.Decimal
	before, _, err := apd.NewFromString(c.Before)
	if err != nil {
		return least, false
	}
	for _, v := range verdicts {
		if v.Decision != Clamp || v.Change != c.ID {
			continue
		}
		after, _, err := apd.NewFromString(v.After)
		if err != nil {
			continue
		}
		var d apd.Decimal
		if _, err := apd.BaseContext.WithPrecision(60).Sub(&d, after, before); err != nil {
			continue
		}
		if d.Abs(&d); best == nil || d.Cmp(best) < 0 {
			best, least, ok = &d, v, true
		}
	}
	return least, ok
}

// gate makes sure that changes of an account are judged and recorded as
// executing one after another, so that two that fit one by one do not together
// pass a limit of the account. leave ends it.
func (t *task) gate(ctx context.Context) (leave func(), err error) {
	key := "gate " + t.run.Source + " " + t.c.Account
	for waited, pause := time.Duration(0), 20*time.Millisecond; ; pause = min(2*pause, 500*time.Millisecond) {
		now := t.r.o.Now()
		holder, err := t.r.o.Ledger.Lease(ctx, key, t.run.ID, now, now.Add(gateFor))
		if err != nil {
			return nil, err
		}
		if holder == t.run.ID {
			return func() {
				if err := t.r.o.Ledger.Release(context.WithoutCancel(t.r.ctx), key, t.run.ID); err != nil {
					t.r.o.Log.Warn("the gate of an account was not released; it opens by itself", "run", t.run.ID, "err", err)
				}
			}, nil
		}
		if waited >= gateFor {
			return nil, fault.New(fault.Conflict, "run %s is being judged for the same account", holder)
		}
		if err := t.r.o.Sleep(ctx, pause); err != nil {
			return nil, err
		}
		waited += pause
	}
}

// again judges a change just before it is sent. done says that it has ended or
// is held, with the reason as err; otherwise leave ends the gate, after the
// change was recorded as executing.
func (t *task) again(ctx context.Context) (leave func(), done bool, err error) {
	leave = func() {}
	if t.r.o.Guardrails == nil {
		return leave, false, nil
	}
	if _, any, err := t.r.o.Guardrails.Wants(ctx, t.run.Source); err == nil && !any {
		return leave, false, nil
	}
	if leave, err = t.gate(ctx); err != nil {
		if ctx.Err() != nil {
			return nil, true, t.callOff(Cancelled, context.Cause(ctx), "nothing was sent: the CALL was cancelled")
		}
		return nil, true, t.callOff(Cancelled, err, "nothing was sent: %v", err)
	}
	out := t.r.judge(ctx, t.a, t.run, sendStage, func(c RunChange) bool { return c.ID == t.c.ID })
	if t.r.o.Book != nil && len(out.verdicts) > 0 {
		if err := t.r.o.Book.Record(context.WithoutCancel(ctx), t.run.ID, out.verdicts); err != nil {
			out.Decision, out.sentence = Deny, "the guardrails: "+cannotTell+err.Error()
		}
	}
	switch {
	case ctx.Err() != nil:
		err = t.callOff(Cancelled, context.Cause(ctx), "nothing was sent: the CALL was cancelled")
	case out.Decision == Hold:
		err = t.callOff(Held, fault.New(fault.Held, "%s", out.sentence), "%s", out.sentence)
	case out.Decision == Clamp:
		out.sentence += " (that is the limit by now: call it again with a value within it)"
		err = t.callOff(Denied, fault.New(fault.Refused, "%s", out.sentence), "%s", out.sentence)
	case out.Decision == Approve && !t.r.approved(ctx, t.run.ID, out.quorum):
		out.sentence += " (that is so since it was planned: call it again)"
		err = t.callOff(Denied, fault.New(fault.Refused, "%s", out.sentence), "%s", out.sentence)
	case out.Decision == Deny:
		err = t.callOff(Denied, fault.New(fault.Refused, "%s", out.sentence), "%s", out.sentence)
	default:
		return leave, false, nil
	}
	leave()
	return nil, true, err
}

// approved says that at least so many people have approved a run.
func (r *Runner) approved(ctx context.Context, run string, quorum int) bool {
	if r.o.Book == nil {
		return false
	}
	a, ok, err := r.o.Book.Approval(ctx, run)
	return err == nil && ok && a.Yes() >= quorum
}
