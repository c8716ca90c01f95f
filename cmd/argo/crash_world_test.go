package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"argo/tables"
	"argo/tables/market"

	"github.com/go-sql-driver/mysql"
)

// crashWorld knows the truth that the gateway is measured against.
type crashWorld struct {
	t        *testing.T
	world    *market.Market
	v        *vendor
	dir      string
	account  market.Account
	campaign market.Campaign
	before   int // actions of the world before the first CALL
	acts     int // CALLs so far
}

// window is how long the test's gateway waits before it believes a read.
const window = "500ms"

func (w *crashWorld) configure(url string) string {
	w.t.Helper()
	google := demoGoogle(w.world)
	for name, value := range map[string]string{"password": demoPassword, "developer_token": google.DeveloperToken,
		"client_id": google.ClientID, "client_secret": google.ClientSecret, "refresh_token": google.RefreshToken} {
		if err := writeFile(filepath.Join(w.dir, name), []byte(value)); err != nil {
			w.t.Fatal(err)
		}
	}
	for _, a := range w.world.Accounts() {
		if a.Status == market.Enabled && w.account.ID == 0 {
			w.account = a
		}
	}
	for _, c := range w.world.Campaigns(w.account.ID) {
		if c.Status == market.Enabled {
			w.campaign = c
			break
		}
	}
	if w.campaign.ID == 0 {
		w.t.Fatal("the market has no enabled campaign in its first account")
	}
	w.before = len(w.world.Actions())
	path := filepath.Join(w.dir, "argo.yaml")
	err := writeFile(path, fmt.Appendf(nil, `
data_dir: data
users: [{name: demo, password: "file:%[1]s/password", act: true}]
connections:
  - name: google_ads
    source: google_ads
    options:
      base_url: %[2]s
      token_url: %[2]s/token
      developer_token: file:%[1]s/developer_token
      client_id: file:%[1]s/client_id
      client_secret: file:%[1]s/client_secret
      refresh_token: file:%[1]s/refresh_token
      login_customer_id: "%[3]s"
      in_flight_window: %[4]s
      since: %[5]s
`, w.dir, url, google.ManagerID, window, w.world.Start()))
	if err != nil {
		w.t.Fatal(err)
	}
	return path
}

// today in the account's calendar; facts of earlier days do not depend on what
// the test does to campaigns.
func (w *crashWorld) today() tables.Day { return tables.DayOf(w.world.Now().In(w.account.Location())) }

// truth of a range of days, from the market itself.
func (w *crashWorld) truth(days tables.Days) (f market.Figures) {
	for fact := range w.world.Facts(market.Query{Account: w.account.ID, Days: days}) {
		f.Add(fact.Figures)
	}
	return f
}

// compare runs one query over days and holds its answer against the truth; an
// error is given back, a wrong number fails the test.
func (w *crashWorld) compare(ctx context.Context, db *sql.DB, days tables.Days) error {
	var impressions, clicks sql.NullInt64
	var micros sql.NullString
	err := db.QueryRowContext(ctx, `SELECT SUM(impressions), SUM(clicks), CAST(SUM(cost) * 1000000 AS DECIMAL(30,0))
		FROM google_ads.campaign_performance WHERE customer_id = ? AND date BETWEEN ? AND ?`,
		w.account.ID, string(days.From), string(days.To)).Scan(&impressions, &clicks, &micros)
	if err != nil {
		return err
	}
	want := w.truth(days)
	if impressions.Int64 != want.Impressions || clicks.Int64 != want.Clicks || micros.Valid && micros.String != fmt.Sprint(want.Cost) {
		w.t.Errorf("%v: %d impressions, %d clicks, cost %s; the truth is %d, %d, %d", days,
			impressions.Int64, clicks.Int64, micros.String, want.Impressions, want.Clicks, want.Cost)
	}
	return nil
}

// fetch reads random days until the gateway dies.
func (w *crashWorld) fetch(ctx context.Context, db *sql.DB) {
	for {
		to := w.today().Add(-1 - rand.IntN(60))
		if err := w.compare(ctx, db, tables.Days{From: to.Add(-rand.IntN(20)), To: to}); gone(err) {
			return
		}
		// Make the next fetch cold again now and then, as a second table does.
		if _, err := db.ExecContext(ctx, "SET argo_max_age = '1ms'"); gone(err) {
			return
		}
	}
}

// gone says that the gateway died, and did not merely answer with an error.
func gone(err error) bool {
	var answered *mysql.MySQLError
	return err != nil && !errors.As(err, &answered)
}

// act budgets, pauses and enables the campaign until the gateway dies. It goes
// on where it stopped, so that nearly every CALL changes something.
func (w *crashWorld) act(ctx context.Context, db *sql.DB) {
	for ; ; w.acts++ {
		var err error
		switch w.acts % 4 {
		case 1:
			_, err = db.ExecContext(ctx, "CALL google_ads.pause_campaign(?)", w.campaign.ID)
		case 3:
			_, err = db.ExecContext(ctx, "CALL google_ads.enable_campaign(?)", w.campaign.ID)
		default:
			_, err = db.ExecContext(ctx, "CALL google_ads.set_budget(?, ?)", w.campaign.ID, 50000+rand.IntN(1000000))
		}
		if gone(err) {
			return
		}
	}
}

// inspect holds a gateway that has just started against the truth.
func (w *crashWorld) inspect(ctx context.Context, db *sql.DB, when string) {
	w.t.Helper()
	// No segment is lost or torn: index and folder agree, and all days that are
	// cached are right.
	indexed := map[string]bool{}
	rows, err := db.QueryContext(ctx, "SELECT id FROM argo.segments")
	if err != nil {
		w.t.Fatalf("%s: %v", when, err)
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			w.t.Fatal(err)
		}
		indexed[id] = true
	}
	files, err := filepath.Glob(filepath.Join(w.dir, "data", "segments", "*.parquet"))
	if err != nil {
		w.t.Fatal(err)
	}
	for _, f := range files {
		id := strings.TrimSuffix(filepath.Base(f), ".parquet")
		if !indexed[id] {
			w.t.Errorf("%s: segment file %s is in no index", when, id)
		}
		delete(indexed, id)
	}
	for id := range indexed {
		w.t.Errorf("%s: segment %s has no file", when, id)
	}
	if err := w.compare(ctx, db, tables.Days{From: w.today().Add(-80), To: w.today().Add(-1)}); err != nil {
		w.t.Errorf("%s: %v", when, err)
	}
}

// settle waits until the ledger has no open run and holds it against what the
// vendor recorded.
func (w *crashWorld) settle(ctx context.Context, db *sql.DB) {
	w.t.Helper()
	const open = "SELECT COUNT(*), MIN(CONCAT_WS(' ', run_id, state, field, read_back, note)) FROM argo.runs" +
		" WHERE state IN ('proposed','executing','unknown','succeeded')"
	deadline := time.Now().Add(30 * time.Second)
	for {
		var n int
		var first sql.NullString
		if err := db.QueryRowContext(ctx, open).Scan(&n, &first); err != nil {
			w.t.Fatal(err)
		}
		if n == 0 {
			break
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("%d runs are still open, one of them %s", n, first.String)
		}
		<-time.After(50 * time.Millisecond)
	}
	// Every run has a final state, and a sentence where it is not the plain one.
	applied := map[string]int{}
	for _, a := range w.world.Actions()[w.before:] {
		for _, f := range a.Fields {
			applied[fmt.Sprintf("%s>%s", f.Name, f.New)]++
		}
	}
	rows, err := db.QueryContext(ctx, "SELECT run_id, state, field, `after`, attempts, note FROM argo.runs ORDER BY run_id")
	if err != nil {
		w.t.Fatal(err)
	}
	defer rows.Close()
	states := map[string]int{}
	sent := 0
	for rows.Next() {
		var id, state string
		var field, after, note sql.NullString
		var attempts int
		if err := rows.Scan(&id, &state, &field, &after, &attempts, &note); err != nil {
			w.t.Fatal(err)
		}
		states[state]++
		if attempts > 1 {
			w.t.Errorf("run %s was sent %d times", id, attempts)
		}
		sent += attempts
		switch state {
		case "verified", "unchanged":
		case "failed", "cancelled", "conflict":
			if note.String == "" {
				w.t.Errorf("run %s is %s without a word why", id, state)
			}
		default:
			w.t.Errorf("run %s is %s", id, state)
		}
	}
	if err := rows.Err(); err != nil {
		w.t.Fatal(err)
	}
	w.v.mu.Lock()
	defer w.v.mu.Unlock()
	if w.v.mutates > sent {
		w.t.Errorf("the vendor got %d mutates for %d attempts in the ledger: something was sent twice or unrecorded", w.v.mutates, sent)
	}
	if n := len(w.world.Actions()) - w.before; n > states["verified"]+states["conflict"]+states["failed"] {
		w.t.Errorf("%d changes took effect for %v", n, states)
	}
	w.t.Logf("runs by state: %v; applied: %d kinds of change", states, len(applied))
	if _, err := os.Stat(filepath.Join(w.dir, "data", "state.db")); err != nil {
		w.t.Error(err)
	}
}
