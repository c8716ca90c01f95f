package cache

import (
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"
)

const someID = "01KAN0000000000000000000A1"

func TestSettledPlace(t *testing.T) {
	for account, want := range map[string]string{
		"123-456-7890":   "123-456-7890",
		"":               "__HIVE_DEFAULT_PARTITION__",
		"..":             "..",
		"../../etc":      "..%2F..%2Fetc",
		"가을 100%":        "가을%20100%25",
		"a=b\\c:d*e\x00": "a%3Db%5Cc%3Ad%2Ae%00",
		"\xff":           "%FF",
	} {
		place := SettledPlace(Span{Source: "google_ads", Table: "campaigns", Account: account}, "2026-09", someID)
		if place != "settled/source=google_ads/table=campaigns/account="+want+"/month=2026-09/"+someID {
			t.Errorf("account %q: %s", account, place)
		}
		if err := CheckPlace(place); err != nil {
			t.Error(err)
		}
	}
}

func TestCheckPlace(t *testing.T) {
	for _, place := range []string{"", "..", "../" + someID, "/" + someID, "a//" + someID, "./" + someID, ".hidden/" + someID, someID + "/x",
		strings.ToLower(someID), someID[:25], someID + "0", "8" + someID[1:], "a\\b/" + someID, "c:/" + someID, "a=b=c/" + someID,
		"a=b c/" + someID, "a=\x00/" + someID, "a=\xff/" + someID, "=x/" + someID, someID + ".parquet"} {
		if CheckPlace(place) == nil {
			t.Errorf("%q was accepted", place)
		}
	}
}

// FuzzPlace: every account has a place of its own, which reads back as it.
func FuzzPlace(f *testing.F) {
	f.Add("123", "456")
	f.Add("a/b", "a%2Fb")
	f.Fuzz(func(t *testing.T, a, b string) {
		pa := SettledPlace(Span{Account: a}, "2026-09", someID)
		if err := CheckPlace(strings.Replace(pa, "source=/table=", "source=s/table=t", 1)); err != nil {
			t.Error(err)
		}
		if pb := SettledPlace(Span{Account: b}, "2026-09", someID); a != b && pa == pb && a != "" && b != "" {
			t.Errorf("%q and %q share %s", a, b, pa)
		}
		_, value, _ := strings.Cut(pa, "/account=")
		value, _, _ = strings.Cut(value, "/")
		if back, err := url.PathUnescape(value); utf8.ValidString(a) && a != "" && (err != nil || back != a) {
			t.Errorf("%q came back as %q: %v", a, back, err)
		}
	})
}
