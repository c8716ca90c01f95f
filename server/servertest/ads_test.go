package servertest_test

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"argo/server/servertest"
)

func TestHarmonisedModel(t *testing.T) {
	servertest.RunGolden(t, "testdata/ads.txtar", world(t))
}

func TestModelOfTruth(t *testing.T) {
	servertest.RunGolden(t, "testdata/truth_ads.txtar", world(t))
}

// texts are all values of a statement's rows, in one text.
func texts(t *testing.T, c *sql.Conn, query string) string {
	t.Helper()
	rows, err := c.QueryContext(context.Background(), query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for rows.Next() {
		values, places := make([]sql.NullString, len(names)), make([]any, len(names))
		for i := range values {
			places[i] = &values[i]
		}
		if err := rows.Scan(places...); err != nil {
			t.Fatal(err)
		}
		for _, v := range values {
			out.WriteString(v.String + " ")
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return out.String()
}

func session(t *testing.T, s *servertest.Server, user, ref string) *sql.Conn {
	t.Helper()
	c, err := s.Open(t, user, ref, "", "").Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// TestModelRights: who may not read a connection sees nothing of it in the
// model, and changes nothing without the right to act.
func TestModelRights(t *testing.T) {
	w := world(t)
	w.Config = strings.Replace(w.Config, "users:\n", "users:\n  - {name: viewer, password: env:VIEWER, databases: [appsflyer]}\n", 1)
	s := servertest.Start(t, w.Options)
	all := session(t, s, w.User, w.Ref)
	if _, err := all.ExecContext(context.Background(), "INSERT INTO ads.account_mapping (connection, account_id, advertiser) VALUES ('google_ads', '1000000101', 'Secret'), ('appsflyer', 'com.example.branda', 'A')"); err != nil {
		t.Fatal(err)
	}
	texts(t, all, "SELECT SUM(clicks) FROM ads.performance WHERE date = '2026-11-10'")
	s.Calls.Take()
	c := session(t, s, "viewer", "env:VIEWER")
	for _, query := range []string{
		"SELECT * FROM ads.performance WHERE date = '2026-11-10'", "SELECT * FROM ads.campaigns", "SELECT * FROM ads.accounts",
		"SELECT * FROM ads.account_mapping", "SHOW CREATE VIEW ads.performance", "SELECT * FROM ads.truth WHERE date = '2026-11-10' AND source = 'channel'",
		"SELECT view_definition FROM information_schema.views WHERE table_name IN ('performance', 'campaigns')", "SELECT * FROM ads.daily_vat",
		"EXPLAIN SELECT * FROM ads.performance",
	} {
		if got := texts(t, c, query); strings.Contains(got, "google") || strings.Contains(got, "Secret") || strings.Contains(got, "1000000") {
			t.Errorf("%s shows %s", query, got)
		}
	}
	for _, call := range s.Calls.Take() {
		if strings.Contains(call, "google.test") {
			t.Errorf("a call to a channel that the user may not read: %s", call)
		}
	}
	if got := texts(t, c, "SELECT connection FROM ads.account_mapping"); got != "appsflyer " {
		t.Errorf("mapping of %q", got)
	}
	for query, want := range map[string]string{
		"INSERT INTO ads.rates (date, from_currency, to_currency, rate) VALUES ('2026-11-01', 'USD', 'KRW', 1400)": "it takes the right to act",
		"UPDATE ads.account_mapping SET advertiser = 'B'":                                                          "it takes the right to act",
		"DELETE FROM ads.account_mapping":                                                                          "it takes the right to act",
		"CALL ads.create_naming_rule('x', '{a}|{b}')":                                                              "execute command denied",
		"SELECT * FROM google_ads.campaigns":                                                                       "denied",
	} {
		if _, err := c.ExecContext(context.Background(), query); err == nil || !strings.Contains(strings.ToLower(err.Error()), want) {
			t.Errorf("%s: %v, want %s", query, err, want)
		}
	}
}

// TestModelPartial: a branch that fails leaves the others to answer, with a
// warning; in strict mode, or where nothing else is read, the statement fails.
func TestModelPartial(t *testing.T) {
	w := world(t)
	i := strings.Index(w.Config, "  - name: google_ads")
	j := strings.Index(w.Config, "  - name: appsflyer")
	second := strings.Replace(w.Config[i:j], "name: google_ads", "name: second", 1)
	second = strings.Replace(second, "env:REFRESH_TOKEN", "env:WRONG", 1)
	w.Config = w.Config[:j] + second + w.Config[j:]
	s := servertest.Start(t, w.Options)
	c := session(t, s, w.User, w.Ref)
	if got := texts(t, c, "SELECT connection, SUM(clicks) > 0 FROM ads.performance WHERE date = '2026-11-10' GROUP BY 1"); got != "google_ads 1 " {
		t.Errorf("rows of %q", got)
	}
	if got := texts(t, c, "SHOW WARNINGS"); !strings.Contains(got, "second") && !strings.Contains(got, "1429") {
		t.Errorf("warnings %q", got)
	}
	for _, query := range []string{
		"SELECT /*+ SET_VAR(argo_strict = 1) */ SUM(clicks) FROM ads.performance WHERE date = '2026-11-10'",
		"SELECT SUM(clicks) FROM ads.performance WHERE date = '2026-11-10' AND connection = 'second'",
	} {
		if _, err := c.ExecContext(context.Background(), query); err == nil {
			t.Errorf("%s succeeds", query)
		}
	}
}

// TestOwnViews: a folder of the configuration adds views, and branches for
// sources that Argo has none for.
func TestOwnViews(t *testing.T) {
	w := world(t)
	dir := t.TempDir()
	for name, text := range map[string]string{
		"brands.sql":    "CREATE VIEW brands (\n  brand VARCHAR(64) COMMENT 'b',\n  clicks BIGINT COMMENT 'c [count]'\n) COMMENT 'd'\nAS SELECT account_name AS brand, SUM(clicks) AS clicks FROM ads.performance GROUP BY account_name;\n",
		"appsflyer.sql": "-- branch of performance\nSELECT date, app_id AS account_id, clicks FROM daily;\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w.Config = "views: " + dir + "\n" + w.Config
	s := servertest.Start(t, w.Options)
	c := session(t, s, w.User, w.Ref)
	if got := texts(t, c, "SELECT DISTINCT channel FROM ads.performance WHERE date = '2026-11-10' ORDER BY 1"); got != "appsflyer google_ads " {
		t.Errorf("channels %q", got)
	}
	if got := texts(t, c, "SELECT COUNT(*) > 3 FROM ads.brands"); got != "1 " {
		t.Errorf("brands %q", got)
	}
	if got := texts(t, c, "SELECT installs > 0 FROM (SELECT SUM(installs) AS installs FROM ads.trackers WHERE date = '2026-11-10') AS t"); got != "1 " {
		t.Errorf("installs %q: a branch of one's own replaces the branch of that view alone", got)
	}
}
