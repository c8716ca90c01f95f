package cache_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"testing"
	"testing/synctest"
	"time"

	"argo/cache"
	"argo/tables"
	"argo/tables/fault"
)

// TestUntied: rows that do not add up are read once more at once, then given
// with a warning, and read again soon.
func TestUntied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := context.Background()
		wrong, fail := 0, error(nil) // replies that do not add up, and what happens to the next one
		f := setup(t, func(_ *cache.Options, table *tables.Table) {
			scan := table.Scan
			table.Scan = func(ctx context.Context, s tables.Scan) iter.Seq2[tables.Row, error] {
				return func(yield func(tables.Row, error) bool) {
					total := int64(0)
					for row, err := range scan(ctx, s) {
						if err == nil {
							for i, name := range s.Columns {
								if name == "cost" {
									total += row[i].(int64)
								}
							}
						}
						if !yield(row, err) {
							return
						}
					}
					if fail != nil && wrong == 0 {
						yield(nil, fail)
						return
					}
					if wrong > 0 {
						wrong--
						total += 5
					}
					s.Totals(map[string]any{"cost": total})
				}
			}
		})
		calls := func(want int) {
			t.Helper()
			f.source.mu.Lock()
			defer f.source.mu.Unlock()
			if len(f.source.calls) != want {
				t.Errorf("%d calls, not %d: %q", len(f.source.calls), want, f.source.calls)
			}
			f.source.calls = nil
		}
		ask := func(d tables.Days, want string) {
			t.Helper()
			trace := &tables.Trace{}
			files, release, err := f.table.Files(tables.WithTrace(ctx, trace), query("1", d, "cost", "_quality"))
			if err != nil {
				t.Fatal(err)
			}
			defer release()
			warned := ""
			for _, w := range trace.Warnings() {
				if fault.Is(w, fault.Untied) {
					warned += w.Error()
				}
			}
			for _, file := range files {
				if file.Const["_quality"] != want {
					t.Errorf("%v is %v, not %s", file.Days, file.Const["_quality"], want)
				}
			}
			if (warned != "") != (want == "break") {
				t.Errorf("the warning is %q", warned)
			}
		}
		young, old := days("11-20", "11-21"), days("11-01", "11-04")

		wrong = 1 // the report was not complete yet
		ask(young, "ok")
		calls(2)
		f.stored(1)

		wrong = 2
		ask(old, "break")
		calls(2)
		ask(old, "break")
		calls(0)
		var got string
		for r, err := range f.cache.Reconcile(ctx, cache.Filter{}) {
			if err != nil {
				t.Fatal(err)
			}
			got += fmt.Sprintln(r.Days, r.Column, r.Rows, r.Check.Source, r.Difference, r.Break)
		}
		if want := "{2026-11-01 2026-11-04} cost 4 9 -5 true\n{2026-11-20 2026-11-21} cost 2 2 0 false\n"; got != want && got != "{2026-11-20 2026-11-21} cost 2 2 0 false\n{2026-11-01 2026-11-04} cost 4 9 -5 true\n" {
			t.Errorf("argo.reconcile has\n%s", got)
		}
		pass(17 * time.Hour) // settled days are not asked for all day long; from 18 on they may be renewed
		ask(old, "break")
		calls(0)
		pass(8 * time.Hour)
		ask(old, "ok")
		calls(1)
		pass(1000 * time.Hour)
		ask(old, "ok")
		calls(0)

		// Recent ones soon.
		today := tables.Days{From: "2027-01-02", To: "2027-01-02"}
		wrong = 2
		ask(today, "break")
		calls(2)
		pass(14 * time.Minute)
		ask(today, "break")
		pass(2 * time.Minute)
		synctest.Wait()
		ask(today, "ok")

		// Where the second reading fails the first one stands.
		f.source.mu.Lock()
		f.source.calls = nil
		f.source.mu.Unlock()
		wrong, fail = 1, errors.New("cut off")
		ask(days("10-01", "10-04"), "break")
		calls(2)
		fail = nil
	})
}
