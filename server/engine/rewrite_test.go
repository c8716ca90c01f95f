package engine

import "testing"

func TestPatternEscapes(t *testing.T) {
	for in, want := range map[string]string{
		`SELECT 'a\_b'`:                        `SELECT 'a\\_b'`,
		`SELECT "a\%b", 'c\nd'`:                `SELECT "a\\%b", 'c\nd'`,
		`SELECT 'a\\_b'`:                       `SELECT 'a\\_b'`,
		`SELECT 'it''s \_' LIKE '\%'`:          `SELECT 'it''s \\_' LIKE '\\%'`,
		`SELECT '\'\_'`:                        `SELECT '\'\\_'`,
		"SELECT `a\\_b`":                       "SELECT `a\\_b`",
		"SELECT 1 -- it's \\_\n, 'a\\_'":       "SELECT 1 -- it's \\_\n, 'a\\\\_'",
		"SELECT 1 # it's \\_\n, 'a\\_'":        "SELECT 1 # it's \\_\n, 'a\\\\_'",
		`SELECT /* it's \_ */ 'a\_' /* ' */`:   `SELECT /* it's \_ */ 'a\\_' /* ' */`,
		`SELECT '\`:                            `SELECT '\`,
		`SELECT 'open \_`:                      `SELECT 'open \\_`,
		`SELECT '/* no comment \_', "-- '\_'"`: `SELECT '/* no comment \\_', "-- '\\_'"`,
	} {
		got := patternEscapes(in)
		if got != want {
			t.Errorf("%s\n got %s\nwant %s", in, got, want)
		}
		if again := patternEscapes(got); again != got {
			t.Errorf("%s: a second time gives %s", in, again)
		}
	}
}

func TestTypedLiterals(t *testing.T) {
	for in, want := range map[string]string{
		`SELECT DATE'2026-01-31', TIME "1:2:3"`:   `SELECT CAST('2026-01-31' AS DATE/*written DATE'2026-01-31'*/), CAST("1:2:3" AS TIME/*written TIME "1:2:3"*/)`,
		`SELECT timestamp '2026-01-31 1:2:3.25'`:  `SELECT CAST('2026-01-31 1:2:3.25' AS DATETIME(2)/*written timestamp '2026-01-31 1:2:3.25'*/)`,
		`SELECT {ts '2026-01-31 1:2:3'}, {d'2'}`:  `SELECT CAST('2026-01-31 1:2:3' AS DATETIME/*written {ts '2026-01-31 1:2:3'}*/), CAST('2' AS DATE/*written {d'2'}*/)`,
		`SELECT a.date 'x', 'DATE ''y''', d 'z'`:  `SELECT a.date 'x', 'DATE ''y''', d 'z'`,
		"SELECT 1 -- DATE 'x'\n, `date` 'x'":      "SELECT 1 -- DATE 'x'\n, `date` 'x'",
		`SELECT DATE('2026-01-31'), date, 'x */'`: `SELECT DATE('2026-01-31'), date, 'x */'`,
	} {
		got := typedLiterals(in)
		if got != want {
			t.Errorf("%s\n got %s\nwant %s", in, got, want)
		}
		if again := typedLiterals(got); again != got {
			t.Errorf("%s: a second time gives %s", in, again)
		}
		if back := rewritten.ReplaceAllString(got, "$1"); back != in {
			t.Errorf("%s is named %s", in, back)
		}
	}
}

func TestCalledByName(t *testing.T) {
	for in, want := range map[string]string{
		"CALL actions.undo('x')":                  "CALL actions.`undo`('x')",
		" /* a */ call `actions` . release ();":   " /* a */ call `actions` . `release` ();",
		"CALL actions.`undo`('x')":                "CALL actions.`undo`('x')",
		"CALL p('a.undo(')":                       "CALL p('a.undo(')",
		"SELECT 'call actions.undo(1)', a.b(1)":   "SELECT 'call actions.undo(1)', a.b(1)",
		"CALL google_ads.pause_campaign":          "CALL google_ads.pause_campaign",
		"-- call x.y(\nCALL actions.undo('x', 1)": "-- call x.y(\nCALL actions.`undo`('x', 1)",
	} {
		if got := calledByName(in); got != want {
			t.Errorf("%s\n got %s\nwant %s", in, got, want)
		}
	}
}

func FuzzRewrite(f *testing.F) {
	f.Add(`SELECT 'a\_b', @a := 1`)
	f.Add("SELECT /* ' */ `\\_` -- x\n")
	f.Fuzz(func(t *testing.T, query string) {
		once := patternEscapes(query)
		if patternEscapes(once) != once {
			t.Errorf("%q changes twice", query)
		}
		rewrite(query)
	})
}
