package duckdb

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"
	"testing"
	"unicode/utf8"
)

// TestWeights compares the weights of every code point with what a MySQL server
// gives: the sum is that of the lines "code point TAB HEX(WEIGHT_STRING(…))".
func TestWeights(t *testing.T) {
	const recorded = "e5c46bc2f1a920da48aa9d1e0617688f96a1c1b0a90bd1ddec78c14a9f13fbd7"
	sum := sha256.New()
	c := ci()
	for r := rune(0); r <= utf8.MaxRune; r++ {
		if 0xD800 <= r && r <= 0xDFFF {
			continue
		}
		fmt.Fprintf(sum, "%d\t", r)
		for _, w := range c.of(r) {
			fmt.Fprintf(sum, "%04X", w)
		}
		fmt.Fprintln(sum)
	}
	if got := fmt.Sprintf("%x", sum.Sum(nil)); got != recorded {
		t.Errorf("the weights differ from MySQL's: %s", got)
	}
}

// TestFold: two characters fold to one exactly if they have the same weights.
func TestFold(t *testing.T) {
	c := ci()
	byKey, byFold := map[string]rune{}, map[rune]string{}
	for r := rune(0); r <= utf8.MaxRune; r++ {
		ws := c.of(r)
		if 0xD800 <= r && r <= 0xDFFF || len(ws) == 0 {
			continue
		}
		key, fold := string(c.appendWeights(nil, ws)), c.foldRune(r)
		if f, ok := byKey[key]; ok && f != fold {
			t.Fatalf("%U folds to %U, its equals to %U", r, fold, f)
		}
		if k, ok := byFold[fold]; ok && k != key {
			t.Fatalf("%U folds to %U, which has other weights", r, fold)
		}
		byKey[key], byFold[fold] = fold, key
	}
}

// TestKeysSortAsWeights: the short spelling of weights keeps their order.
func TestKeysSortAsWeights(t *testing.T) {
	c := ci()
	type entry struct {
		weights []uint16
		key     []byte
	}
	var all []entry
	for r := rune(0); r <= 0x2FFFF; r += 7 {
		if ws := c.of(r); len(ws) > 0 && !(0xD800 <= r && r <= 0xDFFF) {
			all = append(all, entry{ws, c.appendWeights(nil, ws)})
		}
	}
	slices.SortFunc(all, func(a, b entry) int { return slices.Compare(a.weights, b.weights) })
	for i := 1; i < len(all); i++ {
		if got, want := bytes.Compare(all[i-1].key, all[i].key), slices.Compare(all[i-1].weights, all[i].weights); got != want {
			t.Fatalf("keys of %x and %x compare as %d, not %d", all[i-1].weights, all[i].weights, got, want)
		}
	}
}

// TestCompare has pairs as MySQL compares them in utf8mb4_0900_ai_ci.
func TestCompare(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"abc", "ABC", 0}, {"a", "a ", -1}, {"a", "B", -1}, {"z", "Ä", 1}, {"ß", "ss", 0}, {"Ａ①", "a1", 0}, {"か", "カ", 0},
		{"が", "か", 0}, {"캠페인", "캠페인", 0}, {"가", "나", -1}, {"", "\x00", 0}, {"a\u200bb", "ab", 0}, {"_", "-", -1}, {"9", "a", -1},
		{"é", "e\u0301", 0}, {"æ", "ae", 0}, {"и", "й", -1}, {"漢", "字", 1}, {"😀", "a", -1}, {"%", "％", 0},
	} {
		if got := bytes.Compare(Key(c.a), Key(c.b)); got != c.want {
			t.Errorf("%q against %q gives %d, MySQL %d", c.a, c.b, got, c.want)
		}
	}
}

func TestLocate(t *testing.T) {
	for _, c := range []struct {
		text, part string
		start      int64
		want       int64
	}{
		{"xß", "ss", 1, 2}, {"xss", "ß", 1, 2}, {"Straße", "SS", 1, 5}, {"xé", "É", 1, 2}, {"cafe", "é", 1, 4}, {"xab", "ＡB", 1, 2},
		{"ab", "\x00", 1, 1}, {"a\x00b", "b", 1, 2}, {"ß", "s", 1, 1}, {"ßx", "sx", 1, 0}, {"sx", "ß", 1, 0}, {"a", "", 1, 1},
		{"a", "", 2, 2}, {"a", "", 3, 0}, {"xxa", "a", 0, 0}, {"か", "が", 1, 1}, {"", "\x00", 1, 1}, {"a\x00\x00b", "\x00b", 1, 2}, {"한글", "한", 1, 1},
	} {
		if got := instr(c.text, c.part, c.start, true); got != c.want {
			t.Errorf("LOCATE(%q, %q, %d) = %d, MySQL %d", c.part, c.text, c.start, got, c.want)
		}
	}
	if got := instr("aXbx", "x", 1, false); got != 4 {
		t.Errorf("byte by byte: %d", got)
	}
}

func TestLike(t *testing.T) {
	for _, c := range []struct {
		text, pattern, escape string
		want                  bool
	}{
		{"a", "A%", `\`, true}, {"a%b", `a\%b`, `\`, true}, {"a_b", "a|_b", "|", true}, {"ab", `a\`, `\`, false}, {`a\`, `a\`, `\`, true},
		{`a\`, `a\\`, `\`, true}, {"abc", "%", `\`, true}, {"ß", "s%", `\`, false}, {"Ａb", "ab", `\`, true}, {"ß", "ss", `\`, false},
		{"a\x00b", "ab", `\`, false}, {"①", "1", `\`, true}, {"％", `\%`, `\`, true}, {"_x", "＿x", `\`, true}, {"x", "X_", `\`, false},
		{"xy", "X_", `\`, true}, {"が", "か", `\`, true}, {"ab", `ab\\%`, `\`, false}, {"aXbXc", "a%x%c", `\`, true}, {"", "%", `\`, true},
		{"", "_", `\`, false}, {"aaab", "%ab", `\`, true}, {"mississippi", "m%iss%pi", `\`, true}, {"한글날", "한_날", `\`, true},
	} {
		p := likePattern(c.pattern, c.escape, true)
		if got := p.match(c.text); got != c.want {
			t.Errorf("%q LIKE %q is %v, MySQL says %v", c.text, c.pattern, got, c.want)
		}
	}
}

func FuzzLikeSQL(f *testing.F) {
	f.Add(`a\%_b`, `\`)
	f.Fuzz(func(t *testing.T, s, escape string) {
		if !utf8.ValidString(s) || !utf8.ValidString(escape) {
			return
		}
		p := likePattern(s, escape, false)
		text, clause := p.sql()
		esc := ""
		if clause != "" {
			esc = `\`
		}
		if q := likePattern(text, esc, false); !slices.Equal(p.tokens, q.tokens) {
			t.Fatalf("%q becomes %q%s: %v, not %v", s, text, clause, q.tokens, p.tokens)
		}
	})
}

func BenchmarkKey(b *testing.B) {
	c := ci()
	var key []byte
	for b.Loop() {
		key = c.appendKey(key[:0], "Campaign Autumn KR 2026 브랜드")
	}
}
