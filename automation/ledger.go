package automation

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"slices"
	"strconv"
	"time"
)

// rank orders states from the least final to the most, and the final ones from
// the worst to the best: a run is where the first of its changes is.
var rank = []State{Executing, Unknown, Proposed, Succeeded, Approved, Held, Awaiting, Conflict, Failed, Denied, Rejected, Expired, Cancelled,
	Verified, DryRun, Unchanged}

// Rollup is the state of a run with these changes.
func Rollup(changes []RunChange) State {
	best := len(rank) - 1 // nothing to change is Unchanged
	for _, c := range changes {
		if i := slices.Index(rank, c.State); i >= 0 {
			best = min(best, i)
		}
	}
	return rank[best]
}

// moves are the transitions of a change. A state that may follow itself does
// so to take a note.
var moves = map[State][]State{
	Proposed:  {Executing, Held, Denied, Conflict, Cancelled, Unchanged},
	Awaiting:  {Approved, Held, Rejected, Expired, Denied, Conflict, Cancelled},
	Approved:  {Executing, Held, Expired, Denied, Conflict, Cancelled, Unchanged},
	Held:      {Approved, Awaiting, Expired, Denied, Conflict, Cancelled},
	Executing: {Unknown, Succeeded, Failed},
	Unknown:   {Unknown, Verified, Failed, Conflict},
	Succeeded: {Succeeded, Verified, Conflict},
}

// Allowed says whether a change may go from one state to another; a Ledger
// refuses everything else.
func Allowed(from, to State) bool { return slices.Contains(moves[from], to) }

// InFlight says that the channel may be changing because of a change in this
// state: a Ledger lets no other change of the same source, account, target and
// field be executed meanwhile.
func (s State) InFlight() bool { return s == Executing || s == Unknown || s == Succeeded }

// Digest is a hash over what a run intends, which never changes after it was
// inserted: who, why, what, from which value to which.
func Digest(r Run) string {
	h := sha256.New()
	fields(h, "run", r.ID, r.Source, r.Action, r.Args, r.By, r.Reason, r.Key, micros(r.CreatedAt))
	if r.UndoOf != "" || !r.NotBefore.IsZero() || !r.Expires.IsZero() {
		fields(h, "more", r.UndoOf, micros(r.NotBefore), micros(r.Expires))
	}
	for _, c := range r.Changes {
		fields(h, "change", c.ID, c.Account, c.Target, c.Entity, c.Field, c.Before, c.After, c.Unit, c.Change.Note)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Sum is the hash of an event: over its fields and the hash of the event
// before it. Times count to the microsecond.
func (e Event) Sum() string {
	h := sha256.New()
	fields(h, strconv.FormatInt(e.Seq, 10), e.Run, e.Change, string(e.From), string(e.To), micros(e.At), e.Actor, e.Note, e.Digest, e.PrevHash)
	return hex.EncodeToString(h.Sum(nil))
}

// fields writes each text with its length before it, so that no two lists of
// texts are the same bytes.
func fields(h hash.Hash, texts ...string) {
	for _, s := range texts {
		fmt.Fprintf(h, "%d:%s,", len(s), s)
	}
}

func micros(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return strconv.FormatInt(t.UnixMicro(), 10)
}

// Entry is a run as a Ledger stores it at its insertion: times to the
// microsecond, every change with Fence 1, the state rolled up.
func Entry(r Run) Run {
	r.CreatedAt = r.CreatedAt.UTC().Truncate(time.Microsecond)
	r.NotBefore, r.Expires = r.NotBefore.UTC().Truncate(time.Microsecond), r.Expires.UTC().Truncate(time.Microsecond)
	r.Changes = slices.Clone(r.Changes)
	for i := range r.Changes {
		r.Changes[i].Fence, r.Changes[i].At = 1, r.CreatedAt
	}
	return r.Follow(r.CreatedAt)
}

// Follow gives the run the state that its changes have at a moment.
func (r Run) Follow(at time.Time) Run {
	r.State, r.EndedAt = Rollup(r.Changes), time.Time{}
	if !r.State.Open() {
		r.EndedAt = at
	}
	return r
}

// Step is a change after a move, as a Ledger stores it: stored is what it has,
// asked what the caller of Advance gave.
func Step(stored, asked RunChange, to State, note, readBack string) RunChange {
	stored.State, stored.Attempts, stored.At = to, asked.Attempts, asked.At.UTC().Truncate(time.Microsecond)
	stored.Note, stored.ReadBack = cmp.Or(note, stored.Note), cmp.Or(readBack, stored.ReadBack)
	stored.Fence++
	return stored
}

// Opening gives the events of a run's insertion, without Seq and hashes: the
// run with its digest, then each change in its first state.
func Opening(r Run) []Event {
	events := []Event{{Run: r.ID, To: r.State, At: r.CreatedAt, Actor: r.By, Note: r.Reason, Digest: Digest(r)}}
	for _, c := range r.Changes {
		events = append(events, Event{Run: r.ID, Change: c.ID, To: c.State, At: r.CreatedAt, Actor: r.By, Note: c.Note})
	}
	return events
}

// VerifyChain checks that the events, all of a ledger or its newest part in
// the order of Seq, are what was written: none altered, left out or moved; and
// that each of the runs intends what it did when it was inserted and stands
// where its events say. It cannot see that the newest events were cut off.
func VerifyChain(events []Event, runs ...Run) error {
	digests, states := map[string]string{}, map[string]State{}
	for i, e := range events {
		switch {
		case e.Hash != e.Sum():
			return fmt.Errorf("event %d was altered", e.Seq)
		case i == 0 && e.Seq == 1 && e.PrevHash != "":
			return fmt.Errorf("event 1 follows another")
		case i > 0 && e.Seq != events[i-1].Seq+1:
			return fmt.Errorf("event %d follows event %d", e.Seq, events[i-1].Seq)
		case i > 0 && e.PrevHash != events[i-1].Hash:
			return fmt.Errorf("event %d does not follow from the one before it", e.Seq)
		}
		if e.Change == "" {
			digests[e.Run] = e.Digest
			continue
		}
		was, known := states[e.Run+" "+e.Change]
		if _, opened := digests[e.Run]; opened && (was != e.From || known != (e.From != "") || e.From != "" && !Allowed(e.From, e.To)) {
			return fmt.Errorf("event %d moves change %s from %q to %q, which was %q", e.Seq, e.Change, e.From, e.To, was)
		}
		states[e.Run+" "+e.Change] = e.To
	}
	for _, r := range runs {
		if d, ok := digests[r.ID]; !ok || d != Digest(r) {
			return fmt.Errorf("run %s is not what was inserted", r.ID)
		}
		for _, c := range r.Changes {
			if s := states[r.ID+" "+c.ID]; s != c.State {
				return fmt.Errorf("change %s is %s, its last event says %s", c.ID, c.State, cmp.Or(s, "nothing"))
			}
		}
		if s := Rollup(r.Changes); s != r.State && len(r.Changes) > 0 {
			return fmt.Errorf("run %s is %s, its changes say %s", r.ID, r.State, s)
		}
	}
	return nil
}
