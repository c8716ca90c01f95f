package rest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"argo/tables"
)

// arrival of units at the source, by the source's own clock.
type arrival struct {
	at    time.Time
	units int
}

// broken says where a log of arrivals breaks a law, "" where it does not: by
// the text of the law and nothing of its implementation.
func broken(law Law, log []arrival) string {
	slices.SortFunc(log, func(a, b arrival) int { return a.at.Compare(b.at) })
	switch law.Kind {
	case "day":
		zone, err := time.LoadLocation(law.Zone)
		if err != nil {
			return err.Error()
		}
		days := map[string]int{}
		for _, a := range log {
			d := a.at.In(zone).Format(time.DateOnly)
			if days[d] += a.units; days[d] > law.Limit {
				return fmt.Sprintf("%d on %s", days[d], d)
			}
		}
	case "rolling":
		for i, a := range log {
			n := 0
			for _, b := range log[:i+1] {
				if a.at.Sub(b.at) < law.Window {
					n += b.units
				}
			}
			if n > law.Limit {
				return fmt.Sprintf("%d until %s", n, a.at)
			}
		}
	case "bucket":
		level, at := float64(law.Limit), time.Time{}
		for i, a := range log {
			if i > 0 {
				level = min(float64(law.Limit), level+float64(a.at.Sub(at))/float64(law.Every))
			}
			at = a.at
			if level -= float64(a.units); level < -1e-3 {
				return fmt.Sprintf("%f short at %s", -level, at)
			}
		}
	}
	return ""
}

var noon = time.Date(2026, 10, 31, 12, 0, 0, 0, time.UTC)

// FuzzLaws lets requests come, travel, arrive, and die at random, and holds what
// arrived against the law. The clock of the source is up to two seconds off.
func FuzzLaws(f *testing.F) {
	for seed := range uint64(30) {
		f.Add(seed, uint8(seed%6), uint16(300))
	}
	laws := []Law{Bucket(100*time.Millisecond, 20), Bucket(time.Second, 1), Daily(24, ""), Daily(300, "America/Los_Angeles"),
		Rolling(1, time.Minute), Rolling(200, 24*time.Hour)}
	f.Fuzz(func(t *testing.T, seed uint64, kind uint8, steps uint16) {
		law := laws[int(kind)%len(laws)]
		r := rand.New(rand.NewPCG(seed, 7))
		off := time.Duration(r.IntN(4000)-2000) * time.Millisecond
		now := noon
		var state []byte
		type sent struct {
			id    string
			at    time.Time
			units int
		}
		var under []sent
		var log []arrival
		took := [backfilling + 1]int{}
		// Most steps of a law of a day are long, those of a bucket short.
		pace := law.length() / 100
		for step := range int(steps) % 2000 {
			if r.IntN(3) > 0 {
				now = now.Add(time.Duration(r.Int64N(int64(pace) + 1)))
			}
			b := open(state, law, "", now)
			if len(under) > 0 && r.IntN(2) == 0 {
				i := r.IntN(len(under))
				s := under[i]
				under = slices.Delete(under, i, i+1)
				if r.IntN(10) == 0 {
					b.end(s.id, false, now)
				} else { // it arrived at some moment between
					b.end(s.id, true, now)
					log = append(log, arrival{s.at.Add(time.Duration(r.Int64N(int64(now.Sub(s.at)) + 1))).Add(off), s.units})
				}
			} else if p, units := r.IntN(backfilling+1), 1+r.IntN(2)*r.IntN(2); b.available(p, now) >= units {
				took[p]++
				s := sent{strconv.Itoa(step), now, units}
				b.take(flight{ID: s.id, At: now.UnixMicro(), Until: now.Add(hold).UnixMicro(), Units: units, Place: p})
				if r.IntN(20) == 0 { // its process dies
					log = append(log, arrival{now.Add(time.Duration(r.Int64N(int64(hold)))).Add(off), units})
				} else {
					under = append(under, s)
				}
			}
			for _, s := range under { // a reply takes no longer than a process holds
				if now.Sub(s.at) > hold {
					log = append(log, arrival{s.at.Add(time.Duration(r.Int64N(int64(hold)))).Add(off), s.units})
				}
			}
			under = slices.DeleteFunc(under, func(s sent) bool { return now.Sub(s.at) > hold })
			state = b.state()
		}
		if what := broken(law, log); what != "" {
			t.Errorf("%s: %s", law, what)
		}
	})
}

// run lets purposes take whatever they may for a while, each as often as its
// demand says, and gives what each got.
func run(law Law, state *[]byte, from time.Time, d, step time.Duration, demand func(p int, now time.Time) int) (got [backfilling + 1]int, refused [backfilling + 1]int) {
	for now := from; now.Before(from.Add(d)); now = now.Add(step) {
		b := open(*state, law, "", now)
		for p := range got {
			for range demand(p, now) {
				if b.available(p, now) < 1 {
					refused[p]++
					break
				}
				id := strconv.Itoa(p)
				b.take(flight{ID: id, At: now.UnixMicro(), Until: now.Add(hold).UnixMicro(), Units: 1, Place: p})
				b.end(id, true, now)
				got[p]++
			}
		}
		*state = b.state()
	}
	return got, refused
}

// A backlog uses at least 95 % of a limit that nobody else wants, from the
// first day on, and leaves the others what is theirs at any moment.
func TestShares(t *testing.T) {
	for _, law := range []Law{Daily(24, ""), Daily(120, "Asia/Seoul"), Daily(15000, ""), Rolling(2880, 24*time.Hour), Rolling(15000, 24*time.Hour)} {
		var state []byte
		start := time.Date(2026, 11, 22, 0, 0, 5, 0, time.UTC)
		if law.Zone == "Asia/Seoul" {
			start = start.Add(-9 * time.Hour)
		}
		for day := range 2 {
			from := start.Add(time.Duration(day) * 24 * time.Hour)
			got, _ := run(law, &state, from, 24*time.Hour-10*time.Second, 30*time.Second, func(p int, _ time.Time) int {
				if p == backfilling {
					return 1 << 20
				}
				return 0
			})
			if n := got[backfilling]; float64(n) < 0.95*float64(law.Limit) || n > law.Limit {
				t.Errorf("%s: a backlog used %d on day %d", law, n, day+1)
			}
			for q, want := range standing {
				b := open(state, law, "", from.Add(24*time.Hour-20*time.Second))
				if n := b.available(q, from.Add(24*time.Hour-20*time.Second)); n < int(want*float64(law.Limit)) {
					t.Errorf("%s: %d are left for %s at the end of day %d", law, n, tables.Purposes[q], day+1)
				}
			}
		}
	}
}

// Whoever asks evenly for less than its share is never refused, however much
// the others want at any moment.
func TestShareIsNeverRefused(t *testing.T) {
	for _, law := range []Law{Daily(15000, ""), Rolling(15000, 24*time.Hour), Rolling(2880, 24*time.Hour), Bucket(2*time.Second, 120)} {
		for p := range shares {
			var state []byte
			r := rand.New(rand.NewPCG(uint64(p), 1))
			each := time.Duration(float64(law.length()) / (shares[p] * float64(law.Limit)) / 0.95)
			step, next := 20*time.Second, noon.Add(10*time.Second)
			if law.Kind == "bucket" {
				step = time.Second
			}
			got, refused := run(law, &state, noon.Add(10*time.Second), 37*time.Hour, step, func(q int, now time.Time) int {
				if q != p {
					return map[bool]int{false: 1 << 20}[q == acting] // actions may take all
				}
				if now.Before(next) || now.Truncate(24*time.Hour).Equal(now) { // at midnight two days must have room
					return 0
				}
				next = next.Add(each/2 + time.Duration(r.Int64N(int64(each))))
				return 1
			})
			if p < refreshing && refused[p] > 0 || refused[p]*50 > got[p] { // what is refreshed may wait a minute
				t.Errorf("%s: %s was refused %d times of %d at its own rate; the others got %v", law, tables.Purposes[p], refused[p], got[p]+refused[p], got)
			}
			if all := got[0] + got[1] + got[2] + got[3]; float64(all) < 1.4*float64(law.Limit) {
				t.Errorf("%s: %v in a day and a half", law, got)
			}
		}
	}
}

func TestBucketSharesItsRate(t *testing.T) {
	var state []byte
	law := Bucket(100*time.Millisecond, 20)
	got, _ := run(law, &state, noon, 10*time.Minute, 50*time.Millisecond, func(p int, _ time.Time) int { return 100 * min(p, 1) })
	t.Logf("all want all: %v", got)
	if all := got[0] + got[1] + got[2] + got[3]; all < 6000 || all > 6020 {
		t.Errorf("%d in ten minutes of ten a second", all)
	}
	if got[refreshing] < 850 {
		t.Errorf("refresh got %d, its share is 900", got[refreshing])
	}
	state = nil
	got, _ = run(law, &state, noon, 10*time.Minute, 50*time.Millisecond, func(p int, _ time.Time) int {
		if p == backfilling {
			return 100
		}
		return 0
	})
	if got[backfilling] < 6000 {
		t.Errorf("backfill alone got %d", got[backfilling])
	}
	if b := open(state, law, "", noon.Add(10*time.Minute)); b.available(acting, noon.Add(10*time.Minute)) < 1 || b.available(asking, noon.Add(10*time.Minute)) < 8 {
		t.Errorf("under saturation there is %v", b.Level)
	}
}

// What a process sent that died counts as arrived a minute later, and the bucket
// fills behind it from then on, though nobody has written its state since: who
// looks and may not take yet writes nothing.
func TestRequestsOfTheDead(t *testing.T) {
	law := Bucket(100*time.Millisecond, 20)
	b := open(nil, law, "", noon)
	for i := range 20 {
		at := noon.Add(time.Duration(i) * time.Millisecond)
		b.take(flight{ID: fmt.Sprint(i), At: at.UnixMicro(), Until: at.Add(hold).UnixMicro(), Units: 1, Place: acting})
	}
	state := b.state()
	for _, c := range []struct {
		after time.Duration
		want  int
	}{{0, 0}, {59 * time.Second, 0}, {hold + 10*time.Millisecond, 0}, {hold + time.Second, 10}, {hold + 1200*time.Millisecond, 12}, {hold + time.Hour, 20}} {
		if n := open(state, law, "", noon.Add(c.after)).available(acting, noon.Add(c.after)); n != c.want {
			t.Errorf("%s after they were sent there are %d, not %d", c.after, n, c.want)
		}
	}
}

func TestWait(t *testing.T) {
	for _, c := range []struct {
		law  Law
		take int
		want time.Duration
	}{
		{Bucket(time.Second, 1), 1, time.Second},
		{Rolling(1, 61*time.Second), 1, 61 * time.Second},
		{Daily(2, ""), 2, 12*time.Hour + skew},
		{Rolling(2, 24*time.Hour), 2, 24 * time.Hour},
	} {
		b := open(nil, c.law, "", noon)
		for i := range c.take {
			b.take(flight{ID: fmt.Sprint(i), At: noon.UnixMicro(), Until: noon.Add(hold).UnixMicro(), Units: 1, Place: asking})
			b.end(fmt.Sprint(i), true, noon)
		}
		if b.available(asking, noon) > 0 {
			t.Errorf("%s: there are %d left", c.law, b.available(asking, noon))
		}
		if d := b.wait(asking, 1, noon); d < c.want || d > c.want+c.want/stretches+2*time.Millisecond {
			t.Errorf("%s: the wait is %s, want %s", c.law, d, c.want)
		}
	}
}

// A clock that is set back, by seconds over midnight, by hours or by years,
// gives nothing twice and stops nothing for ever.
func TestClockSetBack(t *testing.T) {
	for _, law := range []Law{Bucket(time.Hour, 24), Daily(24, ""), Rolling(24, 24*time.Hour)} {
		for _, back := range []time.Duration{time.Second, time.Minute, 3 * time.Hour, 26 * time.Hour, 3 * 365 * 24 * time.Hour} {
			var state []byte
			all := func(int, time.Time) int { return 100 }
			midnight := time.Date(2026, 11, 23, 0, 0, 10, 0, time.UTC)
			got, _ := run(law, &state, midnight, time.Second, time.Second, all)
			again, _ := run(law, &state, midnight.Add(-back), time.Second, time.Second, all)
			if n := got[0] + got[1] + got[2] + got[3]; n < 20 {
				t.Errorf("%s: at first there are %d", law, n)
			}
			if n := again[0] + again[1] + again[2] + again[3]; n > 1 { // a second of a bucket
				t.Errorf("%s: the clock went back by %s and %d more were given", law, back, n)
			}
			later, _ := run(law, &state, midnight.Add(-back).Add(25*time.Hour), time.Second, time.Second, all)
			if n := later[0] + later[1] + later[2] + later[3]; n < 20 {
				t.Errorf("%s: a day after the clock went back by %s there are %d", law, back, n)
			}
		}
	}
}

func TestObservation(t *testing.T) {
	for _, law := range []Law{Bucket(time.Minute, 100), Daily(100, ""), Rolling(100, time.Hour)} {
		b := open(nil, law, "app", noon)
		b.note(Observation{Percent: 75}, noon)
		if b.used(noon) != 75 {
			t.Errorf("%s: used %d of 75 %%", law, b.used(noon))
		}
		b.note(Observation{Used: 10}, noon) // it has not seen all that was sent
		if b.used(noon) != 75 {
			t.Errorf("%s: used %d after an older figure", law, b.used(noon))
		}
		b.note(Observation{Used: 80, Limit: 80, Until: noon.Add(time.Minute), Reason: "later"}, noon)
		if b.available(acting, noon) > 0 || b.limit() != 80 {
			t.Errorf("%s: %d of %d are left", law, b.available(acting, noon), b.limit())
		}
		rows := Budgets(map[string][]byte{"a": b.state(), "other": []byte("{}"), "b": []byte("x")}, noon)
		if len(rows) != 1 || rows[0].Parent != "app" || rows[0].Used != 80 || rows[0].Limit != 80 || rows[0].Available != 0 ||
			!rows[0].ParkedUntil.Equal(noon.Add(time.Minute)) || rows[0].Reason != "later" {
			t.Errorf("%s: %+v", law, rows)
		}
		b = open(b.state(), law, "app", noon.Add(2*time.Minute))
		if b.Until != 0 || b.limit() != 80 {
			t.Errorf("%s: two minutes later %+v", law, b)
		}
	}
	rows := Budgets(map[string][]byte{"t": open(nil, Rolling(15000, 24*time.Hour), "", noon).state()}, noon)
	if got := fmt.Sprint(rows[0].Available, rows[0].Reserved, rows[0].Law); got != "15000 map[action:750 people:6000 refresh:2250]15000 in any 24h" {
		t.Error(got)
	}
}

func BenchmarkBudget(b *testing.B) {
	var state []byte
	law := Rolling(15000, 24*time.Hour)
	run(law, &state, noon, 24*time.Hour, 30*time.Second, func(int, time.Time) int { return 1 })
	now := noon.Add(24 * time.Hour)
	b.ReportMetric(float64(len(state)), "bytes")
	for b.Loop() {
		x := open(state, law, "", now)
		if x.available(backfilling, now) < 1 {
			x.wait(backfilling, 1, now)
		}
		_ = x.state()
	}
}

// A request under way is expected to end: who comes behind it waits for what
// comes back then, and is not refused as if it went on for ever.
func TestWaitBehindOneUnderWay(t *testing.T) {
	now := time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)
	for _, law := range []Law{Rolling(1, time.Minute), Rolling(20, time.Minute)} {
		b := open(nil, law, "", now)
		for i := range law.Limit {
			b.take(flight{ID: strconv.Itoa(i), At: now.UnixMicro(), Until: now.Add(hold).UnixMicro(), Units: 1, Place: asking})
		}
		if n := b.available(asking, now); n > 0 {
			t.Errorf("%s: %d are free beside those under way", law, n)
		}
		before := string(b.state())
		if d := b.wait(asking, 1, now); d < time.Minute || d > time.Minute+2*time.Second {
			t.Errorf("%s: behind one under way it takes %s", law, d)
		}
		if after := string(b.state()); after != before {
			t.Errorf("%s: asking how long changes %s to %s", law, before, after)
		}
	}
}
