package cache

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"testing"
	"time"

	"argo/tables"
)

// A version of more rows than are held is read in pieces, and gives the same.
func TestDiffInPieces(t *testing.T) {
	table := tables.Table{Name: "campaigns", Account: "account", Key: []string{"account", "id", "rate"}, Columns: []tables.Column{
		{Name: "account", Type: tables.Ident}, {Name: "id", Type: tables.Varchar}, {Name: "rate", Type: tables.Money},
		{Name: "budget", Type: tables.Money}, {Name: "at", Type: tables.Timestamp}, {Name: "share", Type: tables.Float}}}
	row := func(id, budget int, share any) tables.Row {
		return tables.Row{fmt.Sprintf("c%d\"", id%40), money("0.50"), money(fmt.Sprint(budget)), epoch0.Add(time.Hour), share}
	}
	var old, new []tables.Row
	for i := range 60 { // of which 20 have the key of another one
		old = append(old, row(i, i, nil))
		if i%7 > 0 {
			new = append(new, row(i, i+i%5/4, 0.5))
		}
	}
	reads := 0
	read := func(_ context.Context, place string, columns []tables.Column) iter.Seq2[tables.Row, error] {
		if names := fmt.Sprint(columns); len(columns) != 5 {
			t.Fatal(names)
		}
		reads++
		if place == "old" {
			return seq(old...)
		}
		return seq(new...)
	}
	run := func(rows int) (out []string) {
		columns := []string{"at", "budget", "share"}
		d := diff{t: table, zone: time.UTC, rows: rows, pair: pair{columns: columns, days: map[tables.Day]bool{"": true},
			old: reading{Segment{ID: "old", Rows: 60}, Part{FetchedAt: epoch0}}, new: reading{Segment{ID: "new"}, Part{FetchedAt: epoch0}}}}
		d.read = func(ctx context.Context, place string, c []tables.Column) iter.Seq2[tables.Row, error] {
			inner := read(ctx, place, c)
			return func(yield func(tables.Row, error) bool) {
				for r, err := range inner { // in the order that was asked for: id, rate, at, budget, share
					if !yield(tables.Row{r[0], r[1], r[3], r[2], r[4]}, err) {
						return
					}
				}
			}
		}
		goOn, err := d.run(context.Background(), func(r Restatement) bool {
			out = append(out, fmt.Sprintln(r.Day, r.Entity, r.Column, r.Old, r.New, r.Row, r.OldFinality))
			return true
		})
		if err != nil || !goOn {
			t.Fatal(err)
		}
		slices.Sort(out)
		return out
	}
	whole := run(1000)
	if reads != 2 || len(whole) == 0 {
		t.Errorf("%d reads, %d differences", reads, len(whole))
	}
	if whole[0] != " {\"id\": \"c0\\\"\", \"rate\": 0.50} at "+fmt.Sprintln(epoch0.Add(time.Hour), nil, "vanished", "") {
		t.Error(whole[0])
	}
	for _, rows := range []int{30, 10, 1} {
		reads = 0
		if got := run(rows); !slices.Equal(got, whole) || reads != 2*(60/rows+1) {
			t.Errorf("in pieces of %d: %d, not %d differences; %d reads", rows, len(got), len(whole), reads)
		}
	}
}

// Days that are not alike are sorted within the limit all the same.
func TestOrderInBoundedMemory(t *testing.T) {
	table := tables.Table{Name: "perf", Day: "date", Key: []string{"date", "id"}, Columns: []tables.Column{{Name: "id", Type: tables.BigInt}, {Name: "date", Type: tables.DateType}}}
	var files [2][]tables.Row
	from := []Use{{Segment: Segment{ID: "0", Span: Span{Days: tables.Days{From: "2026-08-20", To: "2026-09-10"}}}, Days: tables.Days{From: "2026-09-01", To: "2026-09-10"}},
		{Segment: Segment{ID: "1", Span: Span{Days: tables.Days{From: "2026-09-11", To: "2026-09-30"}}}, Days: tables.Days{From: "2026-09-11", To: "2026-09-30"}}}
	want := 0
	for i := range files {
		for day := range cells(from[i].Segment.Days) {
			n := 1
			if day == "2026-09-05" || day >= "2026-09-28" {
				n = 40
			}
			for id := range n {
				files[i] = append(files[i], tables.Row{int64(id * 7 % n), day})
				if day >= "2026-09-01" {
					want++
				}
			}
		}
		from[i].Segment.Rows = int64(len(files[i]))
	}
	for _, limit := range []int{1, 5, 30, 50, 1000} {
		reads := 0
		o := ordering{t: table, from: from, columns: table.Columns, limit: limit, read: func(_ context.Context, place string, _ []tables.Column) iter.Seq2[tables.Row, error] {
			reads++
			return seq(files[place[0]-'0']...)
		}}
		n, last := 0, ""
		for row, err := range o.rows(context.Background()) {
			if err != nil {
				t.Fatal(err)
			}
			if is := fmt.Sprintf("%s %02d", row[1], row[0]); is <= last {
				t.Fatalf("%s comes after %s", is, last)
			} else {
				last = is
			}
			n++
		}
		if n != want || limit == 1000 && reads != 2 || reads > 40 {
			t.Errorf("limit %d: %d rows, not %d, in %d reads", limit, n, want, reads)
		}
	}
}

// What is older is so by the day: a compacted segment is as new as its newest
// part and older than what read another of its days since.
func TestOlderByTheDay(t *testing.T) {
	day := func(from, to tables.Day) tables.Days {
		return tables.Days{From: "2026-09-" + from, To: "2026-09-" + to}
	}
	at := func(h int) time.Time { return epoch0.Add(time.Duration(h) * time.Hour) }
	compacted := Segment{ID: "c", Span: Span{Days: day("01", "10")}, FetchedAt: at(9), Parts: []Part{{Days: day("01", "05"), FetchedAt: at(1)}, {Days: day("06", "10"), FetchedAt: at(9)}}}
	early := Segment{ID: "a", Span: Span{Days: day("04", "05")}, FetchedAt: at(0)}
	since := Segment{ID: "b", Span: Span{Days: day("03", "03")}, FetchedAt: at(5)}
	before := Segment{ID: "d", Span: Span{Days: day("08", "09")}, FetchedAt: at(5)}
	have := []Segment{compacted, early, since, before}
	for _, c := range []struct {
		of   Segment
		want string
	}{{early, ""}, {since, "cad"}, {before, ""}, {compacted, "ad"}} {
		got := ""
		for _, s := range older(have, []Segment{c.of}) {
			got += s.ID
		}
		if got != c.want {
			t.Errorf("older than %s are %q, not %q", c.of.ID, got, c.want)
		}
	}
}
