package servertest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"argo/server/servertest"
)

// The example of the README answers SQL over the wire, and what EXPLAIN FETCH
// says of a range that is cached is that it takes no call.
func TestReadmeAPI(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(text), "<!-- http -->\n")
	block, _, ok := strings.Cut(after, "\n\n<!--")
	if !ok {
		t.Fatal("the README has no example of the source http")
	}
	var calls atomic.Int64
	api := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		q := r.URL.Query()
		switch {
		case r.Header.Get("Authorization") != "Bearer env:TOKEN":
			http.Error(w, `{"code":"E401"}`, 401)
		case r.URL.Path == "/v2/advertisers":
			fmt.Fprint(w, `{"code":"OK","pages":1,"data":[{"id":1001,"name":"Brand A"},{"id":1002,"name":"Brand B"}]}`)
		default:
			from, err1 := time.Parse("20060102", q.Get("start"))
			to, err2 := time.Parse("20060102", q.Get("end"))
			if err1 != nil || err2 != nil || to.Sub(from) > 30*24*time.Hour {
				http.Error(w, `{"code":"E400"}`, 400)
				return
			}
			all := []any{}
			for d := from; !d.After(to); d = d.AddDate(0, 0, 1) {
				all = append(all, map[string]any{"day": d.Format(time.DateOnly), "campaign": map[string]string{"id": "c1"}, "spend_micros": 1_500_000, "clicks": 2})
			}
			at, _ := strconv.Atoi(q.Get("cursor"))
			data := map[string]any{"items": all[at:min(len(all), at+20)], "total": len(all)}
			if at+20 < len(all) {
				data["next"] = strconv.Itoa(at + 20)
			}
			json.NewEncoder(w).Encode(map[string]any{"code": "OK", "data": data})
		}
	})
	s := servertest.Start(t, servertest.Options{Vendors: map[string]http.Handler{"api.partner.example": api},
		Config: "users:\n  - {name: demo, password: env:PASSWORD}\n" + strings.ReplaceAll(block+"\n", "\n    ", "\n")[4:]})
	db := s.Open(t, "demo", "env:PASSWORD", "partner", "")
	const query = "SELECT account_id, currency, SUM(cost), SUM(clicks), COUNT(*) FROM report WHERE date BETWEEN '2026-10-01' AND '2026-11-10' GROUP BY 1, 2 ORDER BY 1"
	for range 2 {
		got := cells(t, db, query)
		if strings.TrimSpace(got) != "1001|KRW|61.500000|82|41\n1002|KRW|61.500000|82|41" {
			t.Fatalf("%s", got)
		}
		if n := calls.Load(); n != 7 { // the accounts; two pages of 31 days and one of 10, twice
			t.Errorf("%d calls", n)
		}
	}
}

// A corrected export is what the next statement sees once a minute has passed.
func TestExports(t *testing.T) {
	dir := t.TempDir()
	write := func(name, rows string) {
		t.Helper()
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte("Date,Campaign,Cost\n"+rows), 0o600); err != nil {
			t.Fatal(err)
		}
		at := time.Date(2026, 11, 20, 0, 0, len(name), 0, time.UTC)
		if err := os.Chtimes(file, at, at); err != nil {
			t.Fatal(err)
		}
	}
	write("r_a.csv", "2026-11-01,x,\"₩1,200\"\n2026-11-02,x,(200)\n")
	s := servertest.Start(t, servertest.Options{Config: fmt.Sprintf(`
users:
  - {name: demo, password: env:PASSWORD}
connections:
  - name: exports
    source: files
    options:
      accounts: [{id: a, currency: KRW, time_zone: Asia/Seoul}]
      tables:
        - name: report
          path: %q
          file: "r_{account}*"
          since: 2026-10-01
          key: [campaign]
          columns:
            - {name: date, type: day, from: Date}
            - {name: campaign, type: id, from: Campaign}
            - {name: cost, type: money, from: Cost, unit: account currency}
            - {name: currency, type: id, from: $currency}
`, dir)})
	db := s.Open(t, "demo", "env:PASSWORD", "exports", "")
	const query = "SELECT SUM(cost), COUNT(*) FROM report WHERE date <= '2026-11-10'"
	if got := strings.TrimSpace(cells(t, db, query)); got != "1000.000000|2" {
		t.Fatal(got)
	}
	write("r_a__.csv", "2026-11-02,x,300\n")
	s.Clock.Advance(2 * time.Minute)
	if got := strings.TrimSpace(cells(t, db, query)); !strings.HasPrefix(got, "1500.000000|2") {
		t.Fatal(got)
	}
}
