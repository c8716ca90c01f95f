package tables

import (
	"context"
	"testing"
	"time"
)

func at(s string) time.Time {
	t, err := time.Parse("2006-01-02 15:04", s)
	if err != nil {
		panic(err)
	}
	return t
}

func TestFreshnessByAgeOfTheDay(t *testing.T) {
	f := Freshness{Steps: []Step{{1, 15 * time.Minute}, {7, 6 * time.Hour}, {30, 24 * time.Hour}}, Entity: 10 * time.Minute}
	for _, c := range []struct {
		name         string
		fetched, now string
		day          Day
		maxAge       time.Duration
		want         bool
	}{
		{"today, just read", "2026-11-22 10:00", "2026-11-22 10:14", "2026-11-22", 0, true},
		{"today, stale", "2026-11-22 10:00", "2026-11-22 10:15", "2026-11-22", 0, false},
		{"yesterday, read before it ended", "2026-11-21 23:50", "2026-11-22 00:06", "2026-11-21", 0, false},
		{"yesterday, read after it ended", "2026-11-22 00:10", "2026-11-22 06:09", "2026-11-21", 0, true},
		{"six days old is good for six hours", "2026-11-22 01:00", "2026-11-22 06:59", "2026-11-16", 0, true},
		{"seven days old is good for a day", "2026-11-22 01:00", "2026-11-22 23:00", "2026-11-15", 0, true},
		{"settled when read: for ever", "2026-01-01 00:00", "2026-11-22 00:00", "2025-12-02", 0, true},
		{"read before it was settled: once more", "2025-12-31 23:59", "2026-11-22 00:00", "2025-12-02", 0, false},
		{"a small max age does not touch settled days", "2026-01-01 00:00", "2026-11-22 00:00", "2025-12-02", time.Second, true},
		{"a small max age caps the rest", "2026-11-22 01:00", "2026-11-22 01:10", "2026-11-16", 5 * time.Minute, false},
		{"a large max age does not prolong", "2026-11-22 10:00", "2026-11-22 10:15", "2026-11-22", time.Hour, false},
		{"an entity", "2026-11-22 10:00", "2026-11-22 10:09", "", 0, true},
		{"a stale entity", "2026-11-22 10:00", "2026-11-22 10:10", "", 0, false},
	} {
		if got := f.Good(at(c.fetched), c.day, at(c.now), c.maxAge); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestFreshnessKeeps(t *testing.T) {
	delivery := Freshness{Steps: []Step{{1, 15 * time.Minute}, {8, 6 * time.Hour}, {36, 72 * time.Hour}}}
	for _, c := range []struct {
		fetched string
		day     Day
		keep    time.Duration
		forever bool
	}{
		{"2026-11-22 23:59", "2026-11-22", 15 * time.Minute, false},
		{"2026-11-22 00:00", "2026-11-23", 15 * time.Minute, false}, // a day that has not begun
		{"2026-11-23 00:00", "2026-11-22", 6 * time.Hour, false},
		{"2026-11-29 23:59", "2026-11-22", 6 * time.Hour, false},
		{"2026-11-30 00:00", "2026-11-22", 72 * time.Hour, false},
		{"2026-12-27 23:59", "2026-11-22", 72 * time.Hour, false},
		{"2026-12-28 00:00", "2026-11-22", 0, true},
	} {
		if keep, forever := delivery.Keep(at(c.fetched), c.day); keep != c.keep || forever != c.forever {
			t.Errorf("%s read at %s: %s, %v", c.day, c.fetched, keep, forever)
		}
	}
	if n := delivery.Settled(); n != 36 {
		t.Errorf("settled after %d days", n)
	}
	if n := (Freshness{Entity: time.Hour}).Settled(); n != 0 {
		t.Errorf("what has no days settles after %d", n)
	}
}

// Where an older reading is good a newer one is, at every moment after both:
// the plan of a scan may look at the newest alone.
func TestFreshnessPrefersTheNewer(t *testing.T) {
	f := Freshness{Steps: []Step{{1, 15 * time.Minute}, {3, time.Hour}, {8, 6 * time.Hour}, {32, 24 * time.Hour}, {92, 7 * 24 * time.Hour}}}
	const day = Day("2026-08-01")
	start := day.Time()
	hours := []int{0, 1, 23, 24, 47, 71, 72, 190, 192, 500, 767, 768, 2000, 2207, 2208, 3000}
	for i, a := range hours {
		for _, b := range hours[i:] {
			for _, after := range []time.Duration{0, 10 * time.Minute, 2 * time.Hour, 30 * time.Hour, 300 * time.Hour} {
				older, newer := start.Add(time.Duration(a)*time.Hour), start.Add(time.Duration(b)*time.Hour)
				now := newer.Add(after)
				for _, maxAge := range []time.Duration{0, time.Minute, 3 * time.Hour} {
					if f.Good(older, day, now, maxAge) && !f.Good(newer, day, now, maxAge) {
						t.Errorf("at %s the reading of %s is good and that of %s is not", now, older, newer)
					}
				}
			}
		}
	}
}

func TestDays(t *testing.T) {
	d := Days{"2024-02-27", "2024-03-02"}
	if d.Len() != 5 {
		t.Errorf("a leap year's turn of the month has %d days", d.Len())
	}
	got := d.Chunks(2)
	want := []Days{{"2024-03-01", "2024-03-02"}, {"2024-02-28", "2024-02-29"}, {"2024-02-27", "2024-02-27"}}
	if len(got) != 3 || got[0] != want[0] || got[1] != want[1] || got[2] != want[2] {
		t.Errorf("chunks: %v", got)
	}
	if _, ok := d.Intersect(Days{"2024-03-03", "2024-03-09"}); ok {
		t.Error("disjoint ranges intersect")
	}
}

func TestSplits(t *testing.T) {
	table := Table{Name: "p", Account: "customer_id", Day: "date", Since: "2026-11-01",
		Accounts: func(context.Context) ([]Account, error) {
			return []Account{{ID: "1", Zone: "Asia/Seoul"}, {ID: "2", Zone: "America/New_York"}}, nil
		}}
	now := time.Date(2026, 11, 22, 0, 30, 0, 0, time.UTC) // 09:30 in Seoul, the 21st in New York
	for _, c := range []struct {
		name  string
		where Predicate
		want  []Scan
	}{
		{"everything", nil, []Scan{{Account: "1", Days: Days{"2026-11-01", "2026-11-22"}}, {Account: "2", Days: Days{"2026-11-01", "2026-11-21"}}}},
		{"one account, as a number", Predicate{"customer_id": {In: []any{int64(2)}}}, []Scan{{Account: "2", Days: Days{"2026-11-01", "2026-11-21"}}}},
		{"a range beyond today", Predicate{"date": {From: Day("2026-11-22"), To: Day("2027-01-01")}}, []Scan{{Account: "1", Days: Days{"2026-11-22", "2026-11-22"}}}},
		{"a list of days", Predicate{"date": {In: []any{Day("2026-11-03"), Day("2026-11-05"), Day("2026-11-04"), Day("2026-11-09"), Day("2020-01-01")}}, "customer_id": {In: []any{int64(1)}}}, []Scan{
			{Account: "1", Days: Days{"2026-11-09", "2026-11-09"}}, {Account: "1", Days: Days{"2026-11-03", "2026-11-05"}}}},
		{"two ranges", Predicate{"date": {From: Day("2026-11-02"), Spans: []Span{{Day("2026-11-02"), Day("2026-11-03")}, {Day("2026-11-20"), nil}}}, "customer_id": {In: []any{int64(1)}}}, []Scan{
			{Account: "1", Days: Days{"2026-11-20", "2026-11-22"}}, {Account: "1", Days: Days{"2026-11-02", "2026-11-03"}}}},
		{"nothing can match", Predicate{"campaign_id": {In: []any{}}}, nil},
		{"before the extent", Predicate{"date": {To: Day("2026-10-31")}}, nil},
	} {
		got, err := table.Splits(context.Background(), nil, c.where, now)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != len(c.want) {
			t.Errorf("%s: %d scans: %v", c.name, len(got), got)
			continue
		}
		for i := range got {
			if got[i].Account != c.want[i].Account || got[i].Days != c.want[i].Days {
				t.Errorf("%s: scan %d: %s %v", c.name, i, got[i].Account, got[i].Days)
			}
		}
	}
}

// Day.Time reads what time.Parse reads, and nothing else.
func FuzzDayTime(f *testing.F) {
	for _, s := range []string{"", "2026-11-22", "2024-02-29", "2026-02-29", "2026-13-01", "2026-00-10", "2026-01-00", "0000-01-01", "9999-12-31", "2026-1-01", "2026/01/01", "-026-01-01", "2026-01-0x", "+026-01-01"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		want, err := time.Parse("2006-01-02", s)
		if err != nil {
			want = time.Time{}
		}
		if got := Day(s).Time(); !got.Equal(want) {
			t.Errorf("%q is %s, not %s", s, got, want)
		}
	})
}
