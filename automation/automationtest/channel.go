package automationtest

import (
	"context"
	"fmt"
	"sync"
	"time"

	"argo/automation"
	"argo/tables"
	"argo/tables/fault"
)

// Fault of one request that changes something.
type Fault string

// What may happen to it.
const (
	None       Fault = ""
	Refused    Fault = "refused"     // the channel says no
	BeforeSend Fault = "before send" // the connection failed; it may look as if it had been sent
	LostReply  Fault = "lost reply"  // applied, then the connection broke
	Late       Fault = "late"        // the connection broke; it is applied after Channel.Delay
	Dropped    Fault = "dropped"     // the connection broke; it is never applied
	Panic      Fault = "panic"       // the connector has a defect, after it was applied
)

// Faults are all of them.
var Faults = []Fault{None, Refused, BeforeSend, LostReply, Late, Dropped, Panic}

// Channel is an ad channel of one account in which every object has fields.
// It is safe for concurrent use.
type Channel struct {
	Now   func() time.Time
	Fault Fault         // of the requests to come
	Delay time.Duration // of a late one
	Lag   time.Duration // how long reads still show the value before
	// Hook, where non-nil, is called before every request with what it is
	// ("plan", "read", "apply") and the how manieth of these it is.
	Hook func(what string, n int)

	mu     sync.Mutex
	values map[string]string
	before map[string]string // values until shown
	shown  map[string]time.Time
	late   []pending
	counts map[string]int
	down   error
	Log    []string // every change of a value: "argo target field value"
}

type pending struct {
	at     time.Time
	change automation.Change
}

// NewChannel makes one with a campaign "c1" that is enabled and has a budget
// of 100.
func NewChannel(now func() time.Time) *Channel {
	return &Channel{Now: now, Delay: 30 * time.Second, counts: map[string]int{}, before: map[string]string{}, shown: map[string]time.Time{},
		values: map[string]string{"c1 status": "ENABLED", "c1 amount": "100"}}
}

func (c *Channel) set(who, key, value string) {
	c.before[key], c.shown[key] = c.values[key], c.Now().Add(c.Lag)
	c.values[key] = value
	c.Log = append(c.Log, who+" "+key+" "+value)
}

// tick applies what was late until now; c.mu is held.
func (c *Channel) tick() {
	rest := c.late[:0]
	for _, p := range c.late {
		if c.Now().Before(p.at) {
			rest = append(rest, p)
			continue
		}
		c.set("argo", p.change.Target+" "+p.change.Field, p.change.After)
	}
	c.late = rest
}

func (c *Channel) request(what string) (func(), error) {
	c.mu.Lock()
	c.counts[what]++
	n, hook := c.counts[what], c.Hook
	c.mu.Unlock()
	if hook != nil {
		hook(what, n)
	}
	c.mu.Lock()
	c.tick()
	return c.mu.Unlock, c.down
}

// Edit is a person's change in the channel's own console.
func (c *Channel) Edit(target, field, value string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tick()
	c.set("person", target+" "+field, value)
}

// Value is what the channel has.
func (c *Channel) Value(target, field string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tick()
	return c.values[target+" "+field]
}

// Down makes every request fail from now on; nil ends it.
func (c *Channel) Down(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.down = err
}

// Count says how many requests of a kind arrived.
func (c *Channel) Count(what string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.counts[what]
}

func (c *Channel) read(what string, change automation.Change) (string, error) {
	done, err := c.request(what)
	defer done()
	if err != nil {
		return "", err
	}
	key := change.Target + " " + change.Field
	v, ok := c.values[key]
	if !ok {
		return "", fault.New(fault.NotFound, "there is no %s", change.Target)
	}
	if at, ok := c.shown[key]; ok && c.Now().Before(at) {
		v = c.before[key]
	}
	return v, nil
}

// Set is the action set(field, value) of campaign c1; the arguments are texts
// by field: one change each, in the order status, amount.
func (c *Channel) Set() automation.Action {
	return automation.Action{
		Name: "set", Doc: "Sets fields.", Touches: []string{"campaigns"}, Window: 2 * time.Minute,
		Params: []automation.Param{{Name: "status", Type: tables.Ident}, {Name: "amount", Type: tables.Ident}},
		Plan: func(ctx context.Context, args automation.Args) (out []automation.Change, err error) {
			for _, field := range []string{"status", "amount"} {
				v, ok := args[field]
				if !ok {
					continue
				}
				ch := automation.Change{Account: "1", Target: "c1", Entity: "campaign c1 (Brand A)", Field: field, After: fmt.Sprint(v)}
				if ch.Before, err = c.read("plan", ch); err != nil {
					return nil, err
				}
				out = append(out, ch)
			}
			return out, acting(ctx)
		},
		Apply: func(ctx context.Context, ch automation.Change) error {
			done, err := c.request("apply")
			defer done()
			if err == nil && tables.PurposeOf(ctx) != tables.Acting {
				err = errPurpose
			}
			if err != nil {
				return err
			}
			lost := fault.New(fault.Unavailable, "the connection broke")
			key := ch.Target + " " + ch.Field
			switch c.Fault {
			case Refused:
				return fault.New(fault.Refused, "the campaign is removed")
			case Late:
				c.late = append(c.late, pending{c.Now().Add(c.Delay), ch})
				return lost
			case BeforeSend, Dropped:
				return lost
			case LostReply:
				c.set("argo", key, ch.After)
				return lost
			case Panic:
				c.set("argo", key, ch.After)
				panic("index out of range")
			}
			c.set("argo", key, ch.After)
			return ctx.Err()
		},
		ReadBack: func(ctx context.Context, ch automation.Change) (string, error) {
			v, err := c.read("read", ch)
			if err == nil {
				err = acting(ctx)
			}
			return v, err
		},
	}
}

// errPurpose is what a call is told whose share of the quota would be another
// one's.
var errPurpose = fault.New(fault.Internal, "a call of an action is not for an action")

func acting(ctx context.Context) error {
	if tables.PurposeOf(ctx) != tables.Acting {
		return errPurpose
	}
	return ctx.Err()
}
