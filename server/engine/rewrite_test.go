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
