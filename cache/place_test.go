package cache

import (
	"strings"
	"testing"
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
	f.Add("", "__HIVE_DEFAULT_PARTITION__")
	f.Fuzz(func(t *testing.T, a, b string) {
		place := SettledPlace(Span{Source: a + "s", Table: b + "t", Account: a}, "2026-09", someID)
		if err := CheckPlace(place); err != nil {
			t.Error(err)
		}
		pa, pb := Partition("s", "t", a), Partition("s", "t", b)
		if a != b && pa == pb {
			t.Errorf("%q and %q share %s", a, b, pa)
		}
		if source, table, account, ok := OfPartition(Partition(b, a, a)); !ok || source != b || table != a || account != a {
			t.Errorf("%q and %q came back as %q, %q, %q", b, a, source, table, account)
		}
	})
}
