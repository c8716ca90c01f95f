package market

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// FaultKind says how a call goes wrong.
type FaultKind string

// The kinds. What a channel answers to each is the simulator's to know.
const (
	Unauthorized FaultKind = "401"       // the access token is refused, as if it had expired
	DeniedCall   FaultKind = "denied"    // valid credentials, but not for this account
	Throttle     FaultKind = "429"       // rate or quota: Retry says for how long
	Internal     FaultKind = "500"       // the channel failed
	Unavailable  FaultKind = "503"       // the channel is down
	Drop         FaultKind = "drop"      // the connection closes without a reply
	Slow         FaultKind = "slow"      // the reply comes after Delay on the world's clock
	Hang         FaultKind = "hang"      // the reply never comes: the caller gives up
	Truncate     FaultKind = "truncate"  // the body ends after Bytes
	Midstream    FaultKind = "midstream" // a streamed reply fails after its first part
	Late         FaultKind = "late"      // the reply shows the figures of Delay ago: the channel's pipeline is behind
	// The last two are answers that look right and are not: only totals tell.
	Missing FaultKind = "missing" // a row of a report is left out
	Repeat  FaultKind = "repeat"  // a page of a report, or its first half, comes twice
)

var faultKinds = []FaultKind{Unauthorized, DeniedCall, Throttle, Internal, Unavailable, Drop, Slow, Hang, Truncate, Midstream, Late, Missing, Repeat}

// FaultPlan is a plan that every connector has to stand.
type FaultPlan struct {
	Name, Doc string
	Text      string // for ParseFaults, of any simulator
	// Hidden says that the reply does not show what is wrong with it.
	Hidden bool
}

// FaultPlans are what channels are known to do. After each of them a connector has
// given the rows as they are, or an error and nothing; of those that are Hidden
// the control totals tell, where the channel gives any, and a later reading puts
// them right. Restatement is not among them: it is the world's own Law.
var FaultPlans = []FaultPlan{
	{"expired token", "The access token ends in the middle of a run", "* 401 nth=2 times=1", false},
	{"revoked token", "No credential is accepted any more", "* 401", false},
	{"denied, then granted", "The user has no access to an account, and gets it after three calls", "* denied times=3", false},
	{"too many requests", "One call too many; the reply says for how long to wait", "* 429 nth=1 retry=12s", false},
	{"quota of the day", "The channel takes no call for most of a day", "* 429 retry=20h", false},
	{"internal error", "One call fails", "* 500 nth=1", false},
	{"down", "The channel is down for eight calls", "* 503 times=8", false},
	{"lost replies", "Two connections close without a reply", "* drop nth=1 times=2", false},
	{"lost after the effect", "A call takes effect and its reply is lost", "* drop nth=1 after", false},
	{"slow", "Every reply takes half a minute", "* slow delay=30s", false},
	{"truncated", "Two bodies end before their end", "* truncate nth=1 times=2 bytes=300", false},
	{"broken stream", "A stream fails after its first part", "* midstream nth=1", false},
	{"late data", "What was delivered shows six hours late", "* late delay=6h", true},
	{"missing row", "A report lacks a row", "* missing nth=1", true},
	{"repeated page", "A page of a report comes twice", "* repeat nth=1", true},
}

// Fault is one entry of a plan.
//
// Its text form, for goldens and the command line, is the simulator's name, the
// kind, and what differs from the default:
//
//	googleads 401 times=1
//	googleads 429 nth=1 retry=12s
//	googleads 503 nth=2 after path=:mutate
//	appsflyer 429 account=com.example.branda retry=20h times=3
//	googleads denied account=1000000102
//	googleads slow delay=30s path=:searchStream
//	googleads truncate nth=1 bytes=4096
//	googleads late delay=6h account=1000000102
//	googleads missing nth=1 path=:searchStream
type Fault struct {
	Sim  string // name of the simulator; "*" is any
	Kind FaultKind
	// Path and Account choose calls: Path is a part of method and path
	// ("POST /v25/customers/1/googleAds:search"), Account the whole of the
	// account or app; "" is any.
	Path, Account string
	// Nth is the first matching call that fails, counted from 1; 0 is the first.
	Nth int
	// Times is how many matching calls fail from there on; 0 is one where Nth
	// is given, otherwise all.
	Times int
	// After: the call takes effect before it fails (500, 503, drop, hang).
	After bool
	Retry time.Duration // what Throttle tells the caller to wait; 0: the channel's default
	Delay time.Duration // of Slow and Late
	Bytes int           // of Truncate
}

func (f Fault) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", f.Sim, f.Kind)
	if f.Nth > 0 {
		fmt.Fprintf(&b, " nth=%d", f.Nth)
	}
	if f.Times > 0 {
		fmt.Fprintf(&b, " times=%d", f.Times)
	}
	if f.After {
		b.WriteString(" after")
	}
	if f.Path != "" {
		fmt.Fprintf(&b, " path=%s", f.Path)
	}
	if f.Account != "" {
		fmt.Fprintf(&b, " account=%s", f.Account)
	}
	if f.Retry > 0 {
		fmt.Fprintf(&b, " retry=%s", short(f.Retry))
	}
	if f.Delay > 0 {
		fmt.Fprintf(&b, " delay=%s", short(f.Delay))
	}
	if f.Bytes > 0 {
		fmt.Fprintf(&b, " bytes=%d", f.Bytes)
	}
	return b.String()
}

// short is the duration without zero parts: 20h, not 20h0m0s.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-2]
	}
	return s
}

// ParseFaults reads a plan: one fault a line, empty lines and lines that begin
// with # are skipped.
func ParseFaults(text string) ([]Fault, error) {
	var out []Fault
	for i, line := range strings.Split(text, "\n") {
		words := strings.Fields(line)
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		f, err := parseFault(words)
		if err != nil {
			return nil, fmt.Errorf("fault plan, line %d: %w", i+1, err)
		}
		out = append(out, f)
	}
	return out, nil
}

func parseFault(words []string) (f Fault, err error) {
	if len(words) < 2 {
		return f, fmt.Errorf("%q is not a fault; write for example: googleads 429 nth=1 retry=12s", strings.Join(words, " "))
	}
	f.Sim, f.Kind = words[0], FaultKind(words[1])
	if !slices.Contains(faultKinds, f.Kind) {
		return f, fmt.Errorf("%q is not a kind of fault; there are %v", words[1], faultKinds)
	}
	for _, w := range words[2:] {
		key, value, _ := strings.Cut(w, "=")
		switch key {
		case "nth":
			f.Nth, err = strconv.Atoi(value)
		case "times":
			f.Times, err = strconv.Atoi(value)
		case "after":
			f.After = true
		case "path":
			f.Path = value
		case "account":
			f.Account = value
		case "retry":
			f.Retry, err = time.ParseDuration(value)
		case "delay":
			f.Delay, err = time.ParseDuration(value)
		case "bytes":
			f.Bytes, err = strconv.Atoi(value)
		default:
			err = fmt.Errorf("there is no such word")
		}
		if err != nil {
			return f, fmt.Errorf("%q: %w", w, err)
		}
	}
	return f, nil
}

// Call is what a simulator asks about.
type Call struct {
	Sim     string // "googleads", "appsflyer"
	Path    string // method, space, path
	Account string
}

// Faults is a plan of what goes wrong, and the record of what did. The zero
// value lets everything pass. Safe for concurrent use.
type Faults struct {
	mu        sync.Mutex
	plan      []planned
	noise     *noise
	intensity float64
	hits      []string
}

type planned struct {
	Fault
	seen int
}

// Add appends faults to the plan; of several that match a call the first one
// strikes, but each counts the call.
func (f *Faults) Add(faults ...Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, x := range faults {
		f.plan = append(f.plan, planned{Fault: x})
	}
}

// Script adds a plan in text form.
func (f *Faults) Script(text string) error {
	faults, err := ParseFaults(text)
	if err != nil {
		return err
	}
	f.Add(faults...)
	return nil
}

// Random makes calls fail beyond the plan, from a stream of the seed: at
// intensity 1 one in fifty, at 3 one in six; 0 ends it. The kinds are those
// that pass by themselves: expired tokens, short throttles, failures before and
// after the effect, lost replies, slow and torn bodies.
func (f *Faults) Random(seed uint64, intensity float64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.noise, f.intensity = stream(seed, 0, "", ofFaults), intensity
}

// Clear ends the plan and the random faults.
func (f *Faults) Clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.plan, f.noise, f.hits = nil, nil, nil
}

// Next says what happens to the call; ok is false where it passes.
func (f *Faults) Next(c Call) (fault Fault, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.plan {
		p := &f.plan[i]
		if p.Sim != "*" && p.Sim != c.Sim || p.Account != "" && p.Account != c.Account || !strings.Contains(c.Path, p.Path) {
			continue
		}
		p.seen++
		first, times := max(p.Nth, 1), p.Times
		if times == 0 && p.Nth > 0 {
			times = 1
		}
		if !ok && p.seen >= first && (times == 0 || p.seen < first+times) {
			fault, ok = p.Fault, true
		}
	}
	if !ok && f.noise != nil {
		if x := f.noise.unit(); x < f.intensity*f.intensity*0.018+f.intensity*0.002 {
			fault, ok = f.random(c.Sim), true
		}
	}
	if ok {
		f.hits = append(f.hits, fmt.Sprintf("%s %s: %s", c.Sim, c.Path, fault.Kind))
	}
	return fault, ok
}

func (f *Faults) random(sim string) Fault {
	x := Fault{Sim: sim, After: f.noise.unit() < 0.5}
	kinds := []FaultKind{Unauthorized, Throttle, Internal, Unavailable, Drop, Slow, Truncate, Midstream}
	x.Kind = kinds[f.noise.intn(len(kinds))]
	x.Retry = time.Duration(1+f.noise.intn(20)) * time.Second
	x.Delay = time.Duration(1+f.noise.intn(5)) * time.Second
	x.Bytes = 1 + f.noise.intn(2000)
	return x
}

// Hits lists the calls that failed so far: simulator, method, path and kind.
func (f *Faults) Hits() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.hits)
}
