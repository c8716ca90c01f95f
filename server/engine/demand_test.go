package engine

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"argo/tables"

	ast "github.com/dolthub/vitess/go/vt/sqlparser"
)

// TestMerge: whatever several references want, each finds every cell with its
// columns, and no cell is asked for twice.
func TestMerge(t *testing.T) {
	names := []string{"a", "b", "c", "d"}
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 7))
		apart := seed%5 == 0 // a and d do not go together
		incompatible := func(columns []string) error {
			if apart && slices.Contains(columns, "a") && slices.Contains(columns, "d") {
				return errors.New("a and d do not go together")
			}
			return nil
		}
		scans := make([][]tables.Scan, 1+r.IntN(4))
		for i := range scans {
			columns := slices.Clone(names[:1+r.IntN(len(names))])
			if incompatible(columns) != nil {
				columns = []string{"d"}
			}
			for _, account := range []string{"1", "2"} {
				// Runs of one reference never overlap: they are of one domain.
				for day := 1 + r.IntN(6); day < 20 && r.IntN(3) > 0; {
					to := day + r.IntN(5)
					scans[i] = append(scans[i], tables.Scan{Account: account, Columns: columns, Days: tables.Days{From: day11(day), To: day11(to)}})
					day = to + 2 + r.IntN(4)
				}
			}
		}
		asks := merge(scans, incompatible)
		if seed%3 == 0 {
			dear := tables.Table{Incompatible: incompatible, Estimate: func(_ context.Context, s tables.Scan) (tables.Estimate, error) {
				return tables.Estimate{Calls: (s.Days.Len() + 4) / 5}, nil
			}}
			var err error
			if asks, err = pack(t.Context(), &dear, asks); err != nil {
				t.Fatal(err)
			}
		}
		type cell struct {
			account string
			day     tables.Day
		}
		asked := map[cell]int{}
		for _, a := range asks {
			if incompatible(a.scan.Columns) != nil {
				t.Fatalf("seed %d: %v are asked for together", seed, a.scan.Columns)
			}
			for d := a.scan.Days.From; d <= a.scan.Days.To; d = d.Add(1) {
				asked[cell{a.scan.Account, d}]++
			}
		}
		wanted := map[cell]bool{}
		for i, list := range scans {
			for _, s := range list {
				for d := s.Days.From; d <= s.Days.To; d = d.Add(1) {
					wanted[cell{s.Account, d}] = true
					if !slices.ContainsFunc(asks, func(a ask) bool {
						return a.scan.Account == s.Account && a.scan.Days.Contains(d) && slices.Contains(a.leaves, i) &&
							!slices.ContainsFunc(s.Columns, func(c string) bool { return !slices.Contains(a.scan.Columns, c) })
					}) {
						t.Fatalf("seed %d: %s of account %s with %v is not asked for by %d\n%v", seed, d, s.Account, s.Columns, i, asks)
					}
				}
			}
		}
		for c, n := range asked {
			if n > 1 && !apart || !wanted[c] {
				t.Fatalf("seed %d: %v is asked for %d times, wanted: %v", seed, c, n, wanted[c])
			}
		}
	}
}

func day11(n int) tables.Day { return tables.Day("2026-10-31").Add(n) }

func TestParseMoment(t *testing.T) {
	seoul := time.FixedZone("", 9*3600)
	for text, want := range map[string]string{
		"2026-11-16 09:00":              "2026-11-16T00:00:00Z",
		" 2026-11-16 09:00:00 ":         "2026-11-16T00:00:00Z",
		"2026-11-16T09:00:00.123456789": "2026-11-16T00:00:00.123456Z",
		"2026-11-16 09:00:00+00:00":     "2026-11-16T09:00:00Z",
		"2026-11-16 09:00-03:30":        "2026-11-16T12:30:00Z",
		"2026-11-16":                    "2026-11-15T15:00:00Z",
		"20261116":                      "2026-11-15T15:00:00Z",
		"20261116090000":                "2026-11-16T00:00:00Z",
		"":                              "",
		"2026-02-30":                    "",
		"09:00":                         "",
		"main":                          "",
		"2026-11-16 25:00":              "",
	} {
		at, err := parseMoment(text, seoul)
		if err == nil && at.Format(time.RFC3339Nano) != want || err != nil && want != "" {
			t.Errorf("%q is %v, %v; want %s", text, at, err, want)
		}
		if err == nil {
			if again, err := parseMoment(then(at, seoul), seoul); err != nil || !again.Equal(at) {
				t.Errorf("%q written as %s is %v, %v", text, then(at, seoul), again, err)
			}
		}
	}
}

func TestSetVars(t *testing.T) {
	for query, want := range map[string]string{
		"SELECT /*+ SET_VAR(argo_strict = 1) */ 1":                                                              "map[argo_strict:1]",
		"EXPLAIN FETCH SELECT /*+ MAX_EXECUTION_TIME(5) set_var(ARGO_MAX_CALLS=50) SET_VAR(sort_buffer=1) */ 1": "map[argo_max_calls:50]",
		"(select/*+SET_VAR(argo_as_of='2026-11-16 09:00')SET_VAR(argo_max_age=\"5m\")*/ 1)":                     "map[argo_as_of:2026-11-16 09:00 argo_max_age:5m]",
		"SELECT 1 /* SET_VAR(argo_strict = 1) */":                                                               "map[]",
		"SELECT '/*+ SET_VAR(argo_strict = 1) */'":                                                              "map[]",
	} {
		if got := fmt.Sprint(setVars(query)); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
}

// FuzzDoors: what the doors before and behind the parser do to a statement
// never fails, and doing it again changes nothing.
func FuzzDoors(f *testing.F) {
	for _, q := range []string{
		"EXPLAIN FETCH SELECT * FROM a.t AS OF '2026-11-16 09:00' x JOIN a.t FOR SYSTEM_TIME AS OF NOW() - INTERVAL 1 DAY y USING (id)",
		"describe /* fetch */ fetch (select 1) union select 2 from t as of ?",
		"DESC fetch", "EXPLAIN fetch t", "EXPLAIN FETCH WITH c AS (SELECT id FROM t AS OF @x) SELECT * FROM c",
		"SELECT /*+ SET_VAR(argo_as_of = '2026-11-16') */ 'explain fetch select 1' FROM t AS OF CAST('2026-11-16' AS DATETIME)",
		"-- x\nEXPLAIN\nFETCH\nTABLE t", "SELECT * FROM t FOR SYSTEM_TIME ALL", "CALL p() AS OF '2026-11-16'", "SHOW TABLES FROM a AS OF '2026-11-16'",
	} {
		f.Add(q)
	}
	f.Fuzz(func(t *testing.T, query string) {
		once := explainFetchForm(query)
		if again := explainFetchForm(once); again != once {
			t.Errorf("%q becomes %q and then %q", query, once, again)
		}
		if once != query && !strings.Contains(once, "FORMAT="+fetchFormat) {
			t.Errorf("%q becomes %q", query, once)
		}
		setVars(query)
		parsed, err := ast.Parse(once)
		if err != nil {
			return
		}
		p := parser{e: &Engine{}}
		s, err := p.adapt(t.Context(), parsed, nil)
		if err != nil || s == nil {
			return
		}
		if _, err := p.adapt(t.Context(), s, nil); err != nil {
			t.Errorf("%q is adapted once and not twice: %v", query, err)
		}
	})
}
