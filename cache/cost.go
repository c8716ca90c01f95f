package cache

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"sync"
	"time"

	"argo/tables"
)

// Costs is what the fetches of one table of a source were measured to cost.
// The time of a fetch is taken to be a fixed part, a part per cell and a part
// per value (row × column); which share each has comes out of a regression over
// the last fetches, in which older ones fade. It is a value: the same
// measurements in the same order give the same costs and the same decisions.
type Costs struct {
	N float64 // fetches measured, faded
	// XX, XY and YY are the normal equations of the regression over
	// (1, cells, thousands of values), weighted by the size of the fetch, so that
	// a long report does not drown a short call.
	XX           [3][3]float64
	XY           [3]float64
	YY           float64
	Cells, Rows  float64 // faded
	Values, Size float64 // faded; Size in bytes of the file
}

// Fetched is one fetch that succeeded.
type Fetched struct {
	Cells, Rows, Bytes int64
	Columns            int
	Elapsed            time.Duration
}

const (
	// fade is the weight of a fetch in relation to the next one: about the last
	// fifty count.
	fade = 0.98
	// callWorth is what saving a call is worth at least, however fast the source
	// is: quota runs out before time does.
	callWorth = 100 * time.Millisecond
	// widthFree is the time that wider rows may always take.
	widthFree = 250 * time.Millisecond
	// enough fetches to see what their time depends on.
	enough = 8
	// valueMost is what a thousand values take at most, in ms: no reply is that
	// slow, what seems so is chance.
	valueMost = 1000
	// widthBytes is what wider rows may add to a segment's file.
	widthBytes = 64 << 20
)

// With gives the costs after one more fetch. One that took far longer than
// expected is counted as slow, not as that slow: it waited for a budget or
// was repeated.
func (c Costs) With(f Fetched) Costs {
	ms := float64(max(f.Elapsed, 0)) / float64(time.Millisecond)
	if c.N > 2 {
		expected := c.fit()
		ms = min(ms, 1000+4*dot(expected, f.features()))
	}
	x := f.features()
	w := 1 / (1 + x[1]/10 + x[2]/10)
	w *= w
	for i := range x {
		for j := range x {
			c.XX[i][j] = fade*c.XX[i][j] + w*x[i]*x[j]
		}
		c.XY[i] = fade*c.XY[i] + w*x[i]*ms
	}
	c.YY = fade*c.YY + w*ms*ms
	c.N = fade*c.N + 1
	c.Cells = fade*c.Cells + float64(f.Cells)
	c.Rows = fade*c.Rows + float64(f.Rows)
	c.Values = fade*c.Values + float64(f.Rows)*float64(f.Columns)
	c.Size = fade*c.Size + float64(f.Bytes)
	return c
}

func (f Fetched) features() [3]float64 {
	return [3]float64{1, float64(f.Cells), float64(f.Rows) * float64(f.Columns) / 1000}
}

// Known says that something was measured.
func (c Costs) Known() bool { return c.N > 0 }

// PerCall is the fixed part of a fetch.
func (c Costs) PerCall() time.Duration { return millis(c.fit()[0]) }

// PerCell is the time of a cell beyond its values.
func (c Costs) PerCell() time.Duration { return millis(c.fit()[1]) }

// PerKiloValue is the time of a thousand values (row × column).
func (c Costs) PerKiloValue() time.Duration { return millis(c.fit()[2]) }

// RowsOf is the expected number of rows of so many cells, -1 where nothing was
// measured.
func (c Costs) RowsOf(cells int64) int64 {
	if c.Cells == 0 {
		return -1
	}
	return int64(math.Round(float64(cells) * c.Rows / c.Cells))
}

// BytesOf is the expected size of a file.
func (c Costs) BytesOf(cells int64, columns int) int64 {
	if c.Values == 0 {
		return 0
	}
	return int64(c.Size / c.Values * float64(max(0, c.RowsOf(cells))) * float64(columns))
}

// Time is the expected time of fetches one after another, 0 where nothing was
// measured.
func (c Costs) Time(calls int, cells int64, columns int) time.Duration {
	fit := c.fit()
	return millis(float64(calls)*fit[0] + c.cellTime(fit, cells, columns))
}

// cellTime is the time of cells alone, in ms.
func (c Costs) cellTime(fit [3]float64, cells int64, columns int) float64 {
	return float64(cells)*fit[1] + float64(max(0, c.RowsOf(cells)))*float64(columns)/1000*fit[2]
}

// fit gives ms per call, per cell and per thousand values: of the least squares
// that are not negative those of the fewest terms that explain the times, by
// Akaike's measure with a doubled penalty. So where the fetches were all of one
// shape, or their times are mostly chance, the fixed part has it all: only what
// was seen to grow with the size is taken to depend on it.
func (c Costs) fit() (best [3]float64) {
	if c.YY == 0 {
		return best
	}
	a := c.XX
	a[1][1] *= 1.000001
	a[2][2] *= 1.000001
	least := math.Inf(1)
	for set := 1; set < 8; set++ {
		x, ok := solve(a, c.XY, set)
		if !ok || set > 1 && c.N < enough || x[2] > valueMost {
			continue
		}
		rest := c.YY - 2*dot(x, c.XY) // the sum of squares that is left
		for i := range x {
			rest += x[i] * dot(c.XX[i], x)
		}
		if score := c.N*math.Log(max(rest, 1e-6*c.YY)) + 4*float64(bits.OnesCount(uint(set|1))); score < least {
			best, least = x, score
		}
	}
	return best
}

// solve gives the x of ax = b over the unknowns in set, the others 0; ok is
// false where there is none, or one is negative.
func solve(a [3][3]float64, b [3]float64, set int) (x [3]float64, ok bool) {
	for i := range a {
		if set&(1<<i) == 0 {
			a[i], b[i] = [3]float64{}, 0
			for j := range a {
				a[j][i] = 0
			}
			a[i][i] = 1
		}
	}
	for i := range a { // the matrix is positive semidefinite: no pivoting
		if a[i][i] <= 1e-12*math.Abs(b[i]) || a[i][i] == 0 {
			return x, false
		}
		for j := i + 1; j < 3; j++ {
			by := a[j][i] / a[i][i]
			for k := range a[j] {
				a[j][k] -= by * a[i][k]
			}
			b[j] -= by * b[i]
		}
	}
	for i := 2; i >= 0; i-- {
		x[i] = b[i]
		for j := i + 1; j < 3; j++ {
			x[i] -= a[i][j] * x[j]
		}
		if x[i] /= a[i][i]; x[i] < 0 || math.IsNaN(x[i]) || math.IsInf(x[i], 0) {
			return x, false
		}
	}
	return x, true
}

func dot(a, b [3]float64) float64 { return a[0]*b[0] + a[1]*b[1] + a[2]*b[2] }

func millis(ms float64) time.Duration { return time.Duration(ms * float64(time.Millisecond)) }

// about writes a time for a sentence, to two digits.
func about(d time.Duration) string {
	unit, name := time.Millisecond, "ms"
	switch {
	case d < unit:
		return "less than 1 ms"
	case d >= 10*time.Second:
		unit, name = time.Second, "s"
	}
	n, round := int64(d/unit), int64(1)
	for n/round >= 100 {
		round *= 10
	}
	return fmt.Sprintf("about %d %s", (n+round/2)/round*round, name)
}

// many writes a number of things for a sentence.
func many(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// Widen says which columns a fetch of so many cells takes, and why. want is
// what the statement needs, held what the segments around hold of the same
// cells; both are sorted. All columns of the table that can be had together are
// taken where nothing was measured or the wider rows cost less than a call
// would; else the held ones, so that two statements with different columns do
// not fetch the same days in turn for ever; else the wanted ones.
func Widen(t tables.Table, want, held []string, cells int64, c Costs) (columns []string, why string) {
	held = slices.DeleteFunc(sorted(append(slices.Clone(held), want...)), func(name string) bool { return t.Lookup(name) == nil })
	if len(held) > len(want) && !together(t, held) {
		held = want
	}
	all := compatible(t, held)
	fit := c.fit()
	extra := func(wide, narrow []string) (time.Duration, int64) {
		n := len(wide) - len(narrow)
		return millis(c.cellTime(fit, cells, len(wide)) - c.cellTime(fit, cells, len(narrow))), c.BytesOf(cells, n)
	}
	call := max(millis(fit[0]), callWorth)
	if len(all) == len(want) {
		return want, ""
	}
	if len(all) > len(held) {
		took, bytes := extra(all, held)
		switch {
		case !c.Known():
			return all, fmt.Sprintf("all %d columns that can be had together taken: it is the first fetch of %s, and another column later costs a call", len(all), t.Name)
		case took < max(call, widthFree) && bytes < widthBytes:
			return all, fmt.Sprintf("%s taken along: that takes %s, a call for it later %s", many(len(all)-len(want), "more column"), about(took), about(call))
		}
	}
	if len(held) == len(want) {
		took, _ := extra(all, want)
		return want, fmt.Sprintf("%s left out: that would take %s, a call for it later %s", many(len(all)-len(want), "other column"), about(took), about(call))
	}
	took, _ := extra(held, want)
	if alone := c.Time(1, cells, len(want)); c.Known() && took > 10*call && took > alone {
		return want, fmt.Sprintf("%s that the cache holds of these days not renewed: that would take %s, the wanted columns alone %s", many(len(held)-len(want), "column"), about(took), about(alone))
	}
	return held, fmt.Sprintf("%s that the cache holds of these days renewed with the wanted ones, %s, so that one file answers both", many(len(held)-len(want), "column"), about(took))
}

// together says whether the source gives columns in one reply.
func together(t tables.Table, columns []string) bool {
	return t.Incompatible == nil || t.Incompatible(columns) == nil
}

// compatible gives base and every other column of the table, in its order, that
// the source gives beside it and those before.
func compatible(t tables.Table, base []string) []string {
	all := slices.Clone(base)
	for _, c := range t.Columns {
		all = append(all, c.Name)
	}
	if all = sorted(all); together(t, all) {
		return all
	}
	all = slices.Clone(base)
	for _, c := range t.Columns {
		if !slices.Contains(all, c.Name) && together(t, append(all[:len(all):len(all)], c.Name)) {
			all = append(all, c.Name)
		}
	}
	return sorted(all)
}

// Bridge joins gaps of one account into one call across the days between them
// where that saves a call and fetching these days again costs less than one.
// gaps run from the newest to the oldest, as Plan gives them, and so does the
// outcome, which holds each of them. may says of a day between that it may be
// fetched again: the cache answers it, it is not settled, nobody is fetching it.
func Bridge(gaps []tables.Days, columns, maxDays int, c Costs, may func(tables.Day) bool) (out []tables.Days, why string) {
	if !c.Known() || len(gaps) < 2 {
		return gaps, ""
	}
	fit := c.fit()
	call := max(millis(fit[0]), callWorth)
	chunks := func(d tables.Days) int {
		if maxDays <= 0 {
			return 1
		}
		return (d.Len() + maxDays - 1) / maxDays
	}
	var days, saved int
	var took time.Duration
	for _, g := range gaps {
		if len(out) > 0 {
			last := &out[len(out)-1]
			between, joined := tables.Days{From: g.To.Add(1), To: last.From.Add(-1)}, tables.Days{From: g.From, To: last.To}
			again := millis(c.cellTime(fit, int64(between.Len()), columns))
			n := chunks(*last) + chunks(g) - chunks(joined)
			if n > 0 && again < time.Duration(n)*call && all(between, may) {
				*last = joined
				days, saved, took = days+between.Len(), saved+n, took+again
				continue
			}
		}
		out = append(out, g)
	}
	if saved > 0 {
		why = fmt.Sprintf("%s between fetched again, %s, which saves %s of %s", many(days, "day"), about(took), many(saved, "call"), about(call))
	}
	return out, why
}

func all(d tables.Days, ok func(tables.Day) bool) bool {
	for day := range cells(d) {
		if !ok(day) {
			return false
		}
	}
	return true
}

// meter keeps the costs of every table that the process fetches.
type meter struct {
	index Index
	now   func() time.Time
	warn  func(ctx context.Context, message string, args ...any)

	mu sync.Mutex
	of map[[2]string]*metered
}

type metered struct {
	Costs
	saved time.Time
}

// saveAfter is how often the costs of a table are saved at most, once the first
// fetches are: to lose a few of them is harmless.
const saveAfter = time.Minute

// Costs gives what was measured, by this process or one before it. What cannot
// be read was not measured.
func (m *meter) Costs(ctx context.Context, source, table string) Costs {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.get(ctx, source, table).Costs
}

// get loads the costs once; m.mu is held.
func (m *meter) get(ctx context.Context, source, table string) *metered {
	k := [2]string{source, table}
	if got := m.of[k]; got != nil {
		return got
	}
	got := &metered{}
	blob, err := m.index.Costs(ctx, source, table)
	if err == nil && len(blob) > 0 {
		err = json.Unmarshal(blob, &got.Costs)
	}
	if err != nil {
		if ctx.Err() != nil {
			return got // asked again by the next
		}
		m.warn(ctx, "the measured costs of a table were not read", "source", source, "table", table, "err", err)
		got = &metered{}
	}
	if m.of == nil {
		m.of = map[[2]string]*metered{}
	}
	m.of[k] = got
	return got
}

// Add measures a fetch.
func (m *meter) Add(ctx context.Context, source, table string, f Fetched) {
	m.mu.Lock()
	got := m.get(ctx, source, table)
	got.Costs = got.With(f)
	now := m.now()
	due := got.N < 8 || now.Sub(got.saved) >= saveAfter
	if due {
		got.saved = now
	}
	costs := got.Costs
	m.mu.Unlock()
	if !due {
		return
	}
	blob, err := json.Marshal(costs)
	if err == nil {
		err = m.index.SaveCosts(ctx, source, table, blob)
	}
	if err != nil && ctx.Err() == nil {
		m.warn(ctx, "the measured costs of a table were not saved", "source", source, "table", table, "err", err)
	}
}
