package rest

import (
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"argo/tables"
)

// Places of a purpose in counts; common is what no purpose owns, and foreign
// what the source counted and nobody here sent.
const (
	acting = iota
	asking
	refreshing
	backfilling
	foreign

	common = backfilling
)

// place of a purpose.
func place(p tables.Purpose) int {
	if i := slices.Index(tables.Purposes, p); i >= 0 {
		return i
	}
	return asking
}

var (
	// shares are kept for their purpose.
	shares = [backfilling]float64{acting: 0.05, asking: 0.40, refreshing: 0.15}
	// standing is the part of the limit that is kept for a purpose however much of
	// a window has passed; the rest of its share comes evenly. The sum stays below
	// 5 %, together with what stretches lose.
	standing = [backfilling]float64{acting: 0.006, asking: 0.024, refreshing: 0.005}
)

const (
	// hold is how long a request without a reply may take to arrive, and transit
	// how long it is on its way at most: a bucket counts what arrives, and what a
	// dead process had under way would keep it from filling.
	hold    = time.Minute
	transit = 5 * time.Second
	// skew is how far the clock of a source may be from ours, at a midnight.
	skew = 2 * time.Second
	// small is a limit of which a claim is a few units: these are whole, or nobody
	// could ever use the fractions.
	small = 200
	// stretches of a rolling window: what is used in one expires together, a window
	// after its end.
	stretches = 128
)

// span are units that were used from one moment to another: From, To in Unix
// microseconds, then the units by place.
type span [2 + foreign + 1]int64

func (s span) sum() (n int) {
	for _, x := range s[2:] {
		n += int(x)
	}
	return n
}

// spans are kept as text: a long list is read and written at every request.
type spans []span

// MarshalText writes the varints of all, From as the distance from the last
// From and To as that from From.
func (l spans) MarshalText() ([]byte, error) {
	var b []byte
	last := int64(0)
	for _, s := range l {
		b = binary.AppendVarint(binary.AppendVarint(b, s[0]-last), s[1]-s[0])
		for _, n := range s[2:] {
			b = binary.AppendVarint(b, n)
		}
		last = s[0]
	}
	return base64.RawStdEncoding.AppendEncode(nil, b), nil
}

func (l *spans) UnmarshalText(text []byte) error {
	b, err := base64.RawStdEncoding.AppendDecode(nil, text)
	for *l = nil; err == nil && len(b) > 0; {
		var s span
		for i := range s {
			v, n := binary.Varint(b)
			if n <= 0 {
				return io.ErrUnexpectedEOF
			}
			s[i], b = v, b[n:]
		}
		if n := len(*l); n > 0 {
			s[0] += (*l)[n-1][0]
		}
		s[1] += s[0]
		*l = append(*l, s)
	}
	return err
}

// flight is a request under way.
type flight struct {
	ID    string `json:"id"`
	At    int64  `json:"at"`
	Until int64  `json:"until"` // when it counts as arrived without a reply
	Units int    `json:"units"`
	Place int    `json:"place"`
}

// budget is the state of one Limit, as it is kept. Moments are Unix
// microseconds.
type budget struct {
	Law    Law      `json:"law"`
	Parent string   `json:"parent,omitempty"`
	Seen   int64    `json:"seen"`            // when it was last looked at
	Limit  int      `json:"limit,omitempty"` // what the source says that it is
	Until  int64    `json:"until,omitempty"` // parked
	Why    string   `json:"why,omitempty"`
	Flight []flight `json:"flight,omitempty"`
	// Level of a bucket: what each purpose owns, and the rest. A request under
	// way has been taken from it, and lowers the brim until its reply.
	Level *[backfilling + 1]float64 `json:"level,omitempty"`
	Log   spans                     `json:"log,omitempty"` // rolling: in order
	Days  spans                     `json:"days,omitempty"`
	// Of a window: until when a purpose has used what comes to it evenly, and what
	// stands for it.
	Due  [backfilling]int64   `json:"due"`
	Kept [backfilling]float64 `json:"kept"`
}

// open reads the state of a limit and brings it to now. A state that cannot be
// read, or is of another kind of law, is a new budget.
func open(state []byte, law Law, parent string, now time.Time) *budget {
	b := &budget{}
	if json.Unmarshal(state, b) != nil {
		b = &budget{}
	}
	if b.Law.Kind != law.Kind {
		b = &budget{Until: b.Until, Why: b.Why}
	}
	if b.Law != law {
		b.Limit = 0
	}
	b.Law, b.Parent = law, parent
	b.tidy(now)
	return b
}

func (b *budget) state() []byte {
	text, err := json.Marshal(b)
	if err != nil {
		panic(err) // numbers and texts
	}
	return text
}

// hold is how long a request counts as under way without a reply.
func (l Law) hold() time.Duration {
	if l.Kind == "bucket" {
		return transit
	}
	return hold
}

func (b *budget) limit() int {
	if b.Limit > 0 {
		return b.Limit
	}
	return b.Law.Limit
}

// window is how long a window counts in microseconds: a rolling one for the
// length of a stretch longer, from its beginning.
func (b *budget) window() int64 {
	n := b.Law.length().Microseconds()
	if b.Law.Kind == "rolling" {
		n += n / stretches
	}
	return n
}

// pending are the units under way.
func (b *budget) pending() (n int) {
	for _, f := range b.Flight {
		n += f.Units
	}
	return n
}

// tidy brings the budget to now. A clock that was set back makes nothing
// younger than now: what was used counts a little longer, never for ever.
func (b *budget) tidy(now time.Time) {
	t := now.UnixMicro()
	if back := b.Seen - t; back > 0 {
		for i := range b.Log {
			b.Log[i][0], b.Log[i][1] = min(b.Log[i][0], t), min(b.Log[i][1], t)
		}
		for q, due := range b.Due {
			b.Due[q] = min(due, t+b.window())
		}
		for i, f := range b.Flight {
			b.Flight[i].At, b.Flight[i].Until = min(f.At, t), min(f.Until, t+hold.Microseconds())
		}
		if b.Until > 0 {
			b.Until -= back
		}
		if back > time.Hour.Microseconds() && len(b.Days) > 0 { // the day of then is the day of now
			from, to := b.Law.day(now)
			all := span{from.UnixMicro(), to.UnixMicro()}
			for _, d := range b.Days {
				for q := 2; q < len(all); q++ {
					all[q] += d[q]
				}
			}
			b.Days = spans{all}
		}
	}
	for _, f := range b.Flight {
		if f.Until <= t {
			b.count(f, time.UnixMicro(f.Until))
		}
	}
	if b.Law.Kind == "bucket" {
		b.expire(t)
		b.Level = b.fill(now)
	}
	b.Flight = slices.DeleteFunc(b.Flight, func(f flight) bool { return f.Until <= t })
	b.Log = slices.DeleteFunc(b.Log, func(s span) bool { return s[0]+b.window() <= t })
	b.Days = slices.DeleteFunc(b.Days, func(s span) bool { return s[1] <= t-2*skew.Microseconds() })
	if b.Until <= t {
		b.Until, b.Why = 0, ""
	}
	b.Seen = t
	b.back(refreshing, now)
}

// expire ends the requests of a bucket that count as arrived by t, each at its
// own moment: from then on it fills behind them, whoever looks at it, and however
// late.
func (b *budget) expire(t int64) {
	slices.SortStableFunc(b.Flight, func(x, y flight) int { return cmp.Compare(x.Until, y.Until) })
	for len(b.Flight) > 0 && b.Flight[0].Until <= t {
		if at := b.Flight[0].Until; at > b.Seen {
			b.Level, b.Seen = b.fill(time.UnixMicro(at)), at
		}
		b.Flight = b.Flight[1:]
	}
}

// fill is the level of a bucket at t. What a full pool cannot take flows to the
// others; nothing rises above the brim.
func (b *budget) fill(t time.Time) *[backfilling + 1]float64 {
	limit := float64(b.limit())
	var brim [backfilling + 1]float64
	brim[common] = limit
	for q := range shares {
		brim[q] = math.Round(shares[q] * limit)
		brim[common] -= brim[q]
	}
	if b.Level == nil {
		return &brim
	}
	level := *b.Level
	come := 0.0
	if d := t.UnixMicro() - b.Seen; d > 0 && b.Law.Every > 0 {
		come = float64(d) / float64(b.Law.Every.Microseconds())
	}
	rest := come
	for q := range shares {
		if brim[q] > 0 {
			x := max(0, min(come*shares[q], brim[q]-level[q]))
			level[q] += x
			rest -= x
		}
	}
	for _, q := range []int{common, acting, asking, refreshing} {
		x := max(0, min(rest, brim[q]-level[q]))
		level[q] += x
		rest -= x
	}
	over := float64(b.pending()) - limit
	for q, l := range level {
		level[q] = min(l, brim[q])
		over += level[q]
	}
	for q := common; q >= 0 && over > 0; q-- {
		x := max(0, min(over, level[q]))
		level[q] -= x
		over -= x
	}
	return &level
}

// available says how many units a purpose may take at t, which is not before
// now, if nobody takes any until then. It never falls with t.
func (b *budget) available(p int, t time.Time) int {
	limit := b.limit()
	if limit <= 0 {
		return math.MaxInt32
	}
	if b.Law.Kind == "bucket" {
		level, all := b.fill(t), 0.0
		for _, l := range level {
			all += l
		}
		if all >= float64(limit)-1e-6 { // full: more would be lost
			return limit
		}
		n := level[common]
		switch {
		case p == acting:
			n = all
		case p != common:
			n += level[p]
		}
		return int(math.Floor(n + 1e-6))
	}
	free := float64(limit)
	for _, at := range b.points(t) {
		left := float64(limit - at.used)
		for q := range shares {
			if q != p && p != acting {
				left -= b.claim(q, at, t)
			}
		}
		free = min(free, left)
	}
	return int(math.Floor(free + 1e-6))
}

// kept are the units that only a purpose may take now, and an action.
func (b *budget) kept(q int, now time.Time) int {
	if b.Level != nil {
		return int(math.Floor(b.Level[q] + 1e-6))
	}
	most := 0.0
	for _, at := range b.points(now) {
		most = max(most, b.claim(q, at, now))
	}
	return int(math.Round(most))
}

// point is a moment at which a window may end: a window must hold what it holds
// then already, and what the purposes may still use until then.
type point struct {
	from, to int64 // of the window
	used     int
}

// points of the windows that a request at t falls into.
func (b *budget) points(t time.Time) []point {
	under := b.pending()
	if b.Law.Kind == "day" {
		var out []point
		for _, d := range b.days(t.Add(-skew), t.Add(skew)) {
			out = append(out, point{d[0], d[1], under + d.sum()})
		}
		return out
	}
	us, window := t.UnixMicro(), b.window()
	first, used := len(b.Log), under
	for i := len(b.Log) - 1; i >= 0 && b.Log[i][0]+window > us; i-- {
		first, used = i, used+b.Log[i].sum()
	}
	out := make([]point, 1, len(b.Log)-first+2)
	out[0] = point{us - window, us, used}
	for _, s := range b.Log[first:] { // until it expires
		out = append(out, point{s[0], s[0] + window, used})
		used -= s.sum()
	}
	return append(out, point{us, us + window, used})
}

// claim are the units that are kept for a purpose until a window ends: what
// stands for it, and what comes to it from now on.
func (b *budget) claim(q int, at point, t time.Time) float64 {
	return b.Kept[q] + b.whole(max(0, float64(at.to-max(at.from, b.Due[q], t.UnixMicro())))*b.rate(q))
}

// whole rounds a part of a small limit.
func (b *budget) whole(x float64) float64 {
	if b.limit() < small {
		return math.Round(x)
	}
	return x
}

// rate is how many units of a window come to a purpose in a microsecond.
func (b *budget) rate(q int) float64 {
	return (shares[q] - standing[q]) * float64(b.limit()) / float64(b.window())
}

// slack is what no purpose claims.
func (b *budget) slack(now time.Time) float64 {
	free := math.Inf(1)
	for _, at := range b.points(now) {
		left := float64(b.limit() - at.used)
		for q := range shares {
			left -= b.claim(q, at, now)
		}
		free = min(free, left)
	}
	return free
}

// back makes the claims such that there is something behind each. Where there
// is too little, p gives up its own first, then the least urgent; what stands
// grows again before anybody may take what nobody claims.
func (b *budget) back(p int, now time.Time) {
	if b.Law.Kind == "bucket" || b.limit() <= 0 {
		return
	}
	free := b.slack(now)
	for _, q := range []int{p, refreshing, asking, acting} {
		if free < 0 && q < backfilling {
			b.Kept[q] = max(0, b.Kept[q]+free)
			free = b.slack(now)
		}
	}
	for _, q := range []int{p, refreshing, asking, acting} {
		if free < -1e-6 && q < backfilling {
			b.Due[q] = min(max(b.Due[q], now.UnixMicro())+int64(-free/b.rate(q)), now.UnixMicro()+b.window())
			free = b.slack(now)
		}
	}
	for q := range shares {
		if more := b.whole(standing[q]*float64(b.limit())) - b.Kept[q]; more > 0 && free > 0 {
			b.Kept[q] += min(more, free)
			free = b.slack(now)
		}
	}
}

// use notes that a purpose has used units of its share.
func (b *budget) use(p, units int, now time.Time) {
	if b.Law.Kind == "bucket" || p >= backfilling || b.limit() <= 0 {
		return
	}
	us := now.UnixMicro()
	end := us + b.window()
	if b.Law.Kind == "day" {
		end = b.days(now)[0][1]
	}
	b.Due[p] = min(max(b.Due[p], us)+int64(float64(units)/b.rate(p)), end)
}

// days gives the days of two moments, and one that lies ahead of them because a
// clock was set back.
func (b *budget) days(moments ...time.Time) []span {
	var out []span
	for _, t := range moments {
		from, to := b.Law.day(t)
		s := span{from.UnixMicro(), to.UnixMicro()}
		if !slices.ContainsFunc(out, func(o span) bool { return o[0] == s[0] }) {
			out = append(out, s)
		}
	}
	for _, d := range b.Days {
		if i := slices.IndexFunc(out, func(o span) bool { return o[0] == d[0] }); i >= 0 {
			out[i] = d
		} else if d[0] > out[len(out)-1][0] {
			out = append(out, d)
		}
	}
	return out
}

// wait says how long it takes until a purpose may take units, if nobody else
// takes any and the replies to what is under way come now.
func (b *budget) wait(p, units int, now time.Time) time.Duration {
	if len(b.Flight) > 0 {
		x := *b
		x.Log, x.Days, x.Flight = slices.Clone(b.Log), slices.Clone(b.Days), nil
		for _, f := range b.Flight {
			x.count(f, now)
		}
		b = &x
	}
	lo, hi := time.Duration(0), b.Law.length()+time.Hour+2*skew
	if b.Law.Kind == "bucket" {
		hi = b.Law.length() + b.Law.Every
	}
	for hi-lo > time.Millisecond {
		if mid := lo + (hi-lo)/2; b.available(p, now.Add(mid)) >= units {
			hi = mid
		} else {
			lo = mid
		}
	}
	return hi
}

// take starts a request.
func (b *budget) take(f flight) {
	b.Flight = append(b.Flight, f)
	if b.Level != nil {
		b.draw(min(f.Place, common), f.Units)
	}
	now := time.UnixMicro(f.At)
	if f.Place < backfilling && b.Law.Kind != "bucket" && b.limit() > 0 {
		// From what comes evenly; what has not come yet is taken from what stands.
		before := b.Due[f.Place]
		b.use(f.Place, f.Units, now)
		if x := min(b.Kept[f.Place], -b.slack(now), float64(f.Units)); x > 0 {
			b.Kept[f.Place] -= x
			b.Due[f.Place] = max(before, b.Due[f.Place]-int64(x/b.rate(f.Place)))
		}
	}
	b.back(f.Place, now)
}

// draw takes from a bucket: first what the purpose owns, then what nobody owns,
// then, for an action or from one that is full, what the others own.
func (b *budget) draw(p, units int) {
	left := float64(units)
	for _, q := range []int{p, common, refreshing, asking, acting} {
		x := max(0, min(left, b.Level[q]))
		b.Level[q] -= x
		left -= x
	}
	b.Level[common] -= left
}

// end ends a request: it counts as arrived between its start and now, or, where
// nothing of it was sent, as never taken.
func (b *budget) end(id string, sent bool, now time.Time) {
	i := slices.IndexFunc(b.Flight, func(f flight) bool { return f.ID == id })
	switch {
	case i >= 0 && sent:
		b.count(b.Flight[i], now)
	case i >= 0 && b.Level != nil:
		b.Level[min(b.Flight[i].Place, common)] += float64(b.Flight[i].Units)
	case i >= 0:
		b.use(b.Flight[i].Place, -b.Flight[i].Units, now)
	}
	if i >= 0 {
		b.Flight = slices.Delete(b.Flight, i, i+1)
		if b.Level != nil {
			b.Level = b.fill(now) // no higher than the brim
		}
	}
}

// count notes units that reached the source between f.At and t.
func (b *budget) count(f flight, t time.Time) {
	switch b.Law.Kind {
	case "day":
		at := time.UnixMicro(f.At)
		for _, s := range b.days(at.Add(-skew), at.Add(skew), t.Add(-skew), t.Add(skew)) {
			i := slices.IndexFunc(b.Days, func(o span) bool { return o[0] == s[0] })
			if i < 0 {
				b.Days = append(b.Days, s)
				slices.SortFunc(b.Days, func(x, y span) int { return int(x[0]/1e6 - y[0]/1e6) })
				i = slices.IndexFunc(b.Days, func(o span) bool { return o[0] == s[0] })
			}
			b.Days[i][2+f.Place] += int64(f.Units)
		}
	case "rolling":
		us := t.UnixMicro()
		n := len(b.Log)
		if n == 0 || us-b.Log[n-1][0] > b.Law.Window.Microseconds()/stretches {
			b.Log = append(b.Log, span{us, us})
			n++
		}
		b.Log[n-1][1] = max(b.Log[n-1][1], us)
		b.Log[n-1][2+f.Place] += int64(f.Units)
	}
}

// used are the units that the source would say are used.
func (b *budget) used(now time.Time) (n int) {
	under := b.pending()
	switch b.Law.Kind {
	case "bucket":
		left := 0.0
		for _, l := range b.fill(now) {
			left += l
		}
		return b.limit() - int(math.Floor(left+1e-6))
	case "day":
		return under + b.days(now)[0].sum()
	}
	for _, s := range b.Log {
		n += s.sum()
	}
	return under + n
}

// note takes over what a source said about the budget.
func (b *budget) note(o Observation, now time.Time) {
	defer b.back(refreshing, now)
	if o.Limit > 0 && o.Limit != b.limit() {
		if b.Limit = o.Limit; b.Level != nil {
			b.Level = b.fill(now)
		}
	}
	used := max(o.Used, int(math.Ceil(o.Percent/100*float64(b.limit()))))
	if more := used - b.used(now); more > 0 {
		if b.Level != nil {
			b.draw(common, more)
		} else {
			b.count(flight{At: now.UnixMicro(), Units: more, Place: foreign}, now)
		}
	}
	if until := o.Until.UnixMicro(); !o.Until.IsZero() && until > b.Until {
		b.Until, b.Why = until, o.Reason
	}
}

// Budget is the state of a Limit at a moment: a row of argo.quotas.
type Budget struct {
	Scope, Parent string // keys; Parent is "" of the widest
	Law           string // in words
	Limit         int    // units; 0: none
	Window        time.Duration
	Used          int // requests under way included
	Available     int // of the limit; what is reserved included
	Reserved      map[tables.Purpose]int
	ParkedUntil   time.Time // zero: not parked
	Reason        string    // why it is parked
}

// Budgets reads the states that tables.Quotas keeps, by scope. What is not the
// state of a budget is left out.
func Budgets(states map[string][]byte, now time.Time) []Budget {
	var out []Budget
	for key, state := range states {
		var b budget
		if json.Unmarshal(state, &b) != nil || b.Law.Kind == "" {
			continue
		}
		b.tidy(now)
		x := Budget{Scope: key, Parent: b.Parent, Law: b.Law.String(), Limit: b.limit(), Window: b.Law.length(), Used: b.used(now),
			Reserved: map[tables.Purpose]int{}, Reason: b.Why}
		if b.Limit > 0 {
			law := b.Law
			law.Limit = b.Limit
			x.Law = law.String()
		}
		if x.Limit > 0 {
			x.Available = max(0, x.Limit-x.Used)
			for q := range shares {
				if n := min(b.kept(q, now), x.Available); n > 0 {
					x.Reserved[tables.Purposes[q]] = n
				}
			}
		}
		if b.Until > 0 {
			x.ParkedUntil = time.UnixMicro(b.Until).UTC()
		}
		out = append(out, x)
	}
	slices.SortFunc(out, func(x, y Budget) int { return strings.Compare(x.Scope, y.Scope) })
	return out
}
