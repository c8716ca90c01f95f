package market

import (
	"fmt"
	"strconv"
	"time"
)

// Op is what an action does.
type Op string

// The operations.
const (
	Create Op = "create"
	Update Op = "update"
	Remove Op = "remove"
)

// Change is what somebody wants done to one entity.
//
// A created entity gets an id from the world; a negative ID in a Create is a
// temporary one that later changes of the same Apply may refer to, as ID or as
// the value of "budget", "campaign" and "ad_group".
//
// Fields by kind, all values as text (money in micros): campaign: name, status,
// form, budget, bidding, target_cpa, target_roas, begin, end · budget: name,
// status, amount, shared · ad_group: campaign, name, status, bid · ad:
// ad_group, name, status, headlines and descriptions (JSON lists), url ·
// keyword: ad_group, text, match, status, bid, negative.
type Change struct {
	Op          Op
	Kind        Kind
	Account, ID int64
	Set         []Set
}

// Set is a field with its new value.
type Set struct{ Name, Value string }

// Field of an entity before and after an action; Old is "" for a creation.
type Field struct {
	Name string `json:"name"`
	Old  string `json:"old"`
	New  string `json:"new"`
}

// Action is a change that was applied: the ordered log of them is the history
// of the world.
type Action struct {
	Seq     int64     `json:"seq"`
	At      time.Time `json:"at"`  // UTC, microseconds
	By      string    `json:"by"`  // e-mail address
	Via     string    `json:"via"` // "api", "ui"
	Op      Op        `json:"op"`
	Kind    Kind      `json:"kind"`
	Account int64     `json:"account"`
	ID      int64     `json:"id"`
	Fields  []Field   `json:"fields"`
}

// references are fields that hold the id of another entity.
var references = map[string]Kind{"budget": KindBudget, "campaign": KindCampaign, "ad_group": KindAdGroup}

// Apply does all changes at the clock's present moment, or none of them. With a
// journal attached they are on disk before they take effect. An update that
// changes nothing is recorded all the same, as channels do. Errors: *NotFound,
// *Removed, or a value that is not one of its field.
func (m *Market) Apply(by, via string, changes ...Change) ([]Action, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.state.Load()
	at := m.clock.Now().UTC().Truncate(time.Microsecond)
	if at.Before(s.last.At) {
		at = s.last.At
	}
	next, done, err := s.plan(by, via, at, changes)
	if err != nil {
		return nil, err
	}
	if m.journal != nil {
		if err := m.journal.append(done); err != nil {
			return nil, err
		}
	}
	m.state.Store(next)
	return done, nil
}

// Check says what Apply would say, without effect.
func (m *Market) Check(changes ...Change) error {
	_, _, err := m.state.Load().plan("", "", m.clock.Now(), changes)
	return err
}

// Actions lists what was applied so far, the edits before the origin included.
// The slice is the caller's to read only.
func (m *Market) Actions() []Action { return m.state.Load().log }

func (s *state) plan(by, via string, at time.Time, changes []Change) (*state, []Action, error) {
	temporary := map[string]int64{}
	var done []Action
	for _, c := range changes {
		a := Action{Seq: s.last.Seq + 1, At: at, By: by, Via: via, Op: c.Op, Kind: c.Kind, Account: c.Account, ID: c.ID}
		if id, ok := temporary[string(c.Kind)+strconv.FormatInt(c.ID, 10)]; ok && c.Op != Create {
			a.ID = id
		}
		sets := c.Set
		var h holder
		if c.Op == Create {
			a.ID = 900_000_000 + a.Seq
			if c.ID < 0 {
				temporary[string(c.Kind)+strconv.FormatInt(c.ID, 10)] = a.ID
			}
			if h = blank(c.Kind, c.Account, a.ID); h == nil {
				return nil, nil, fmt.Errorf("there is no kind %q", c.Kind)
			}
		} else {
			var ok bool
			if h, ok = s.holder(c.Kind, c.Account, a.ID); !ok {
				return nil, nil, &NotFound{c.Kind, c.Account, c.ID}
			}
			if text(h.field("status")) == string(Deleted) {
				return nil, nil, &Removed{c.Kind, a.ID}
			}
			if c.Op == Remove {
				sets = []Set{{"status", string(Deleted)}}
			}
		}
		for _, f := range sets {
			if kind, ok := references[f.Name]; ok {
				if id, ok := temporary[string(kind)+f.Value]; ok {
					f.Value = strconv.FormatInt(id, 10)
				}
			}
			p := h.field(f.Name)
			field := Field{Name: f.Name}
			if p != nil && c.Op != Create {
				field.Old = text(p)
			}
			if err := assign(p, f.Value); err != nil {
				return nil, nil, fmt.Errorf("%s %d: %s: %w", c.Kind, a.ID, f.Name, err)
			}
			field.New = text(p)
			if kind, ok := references[f.Name]; ok {
				id, _ := strconv.ParseInt(field.New, 10, 64)
				if _, ok := s.holder(kind, c.Account, id); !ok {
					return nil, nil, &NotFound{kind, c.Account, id}
				}
			}
			a.Fields = append(a.Fields, field)
		}
		s = s.apply(a)
		done = append(done, a)
	}
	return s, done, nil
}
