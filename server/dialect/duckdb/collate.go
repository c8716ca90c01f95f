package duckdb

import (
	"bufio"
	"bytes"
	"compress/gzip"
	_ "embed"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"sync"
	"unicode/utf8"
)

// The collation utf8mb4_0900_ai_ci compares the primary weights of the Unicode
// Collation Algorithm 9.0 (DUCET): case and accents are ignored, characters
// without a weight do not exist, nothing is padded, and MySQL applies no
// contractions. uca900.bin.gz holds the weights of every code point that is
// neither a Hangul syllable nor implicit, as a MySQL server gives them
// (WEIGHT_STRING): unsigned varints of the distance to the last code point,
// the number of weights, and the zigzag distances of the weights.
//
//go:embed uca900.bin.gz
var uca900 []byte

type collation struct {
	weights map[rune][]uint16
	latin   [0x180][]uint16 // the same, for speed
	fold    map[rune]rune   // to the smallest code point of equal weights, where that is another
	single  []uint16        // weights that a key spells in one byte, rising
	code    [1 << 16]byte   // lead byte of a weight
	short   [1 << 16]bool   // the lead byte is all of it
	ascii   [128][]byte     // key of an ASCII character
}

var ci = sync.OnceValue(loadCollation)

func loadCollation() *collation {
	c := &collation{weights: make(map[rune][]uint16, 30000), fold: make(map[rune]rune, 20000)}
	z, err := gzip.NewReader(bytes.NewReader(uca900))
	if err != nil {
		panic("the embedded collation cannot be read: " + err.Error())
	}
	in := bufio.NewReader(z)
	var code rune
	var last int64
	for {
		step, err := binary.ReadUvarint(in)
		if errors.Is(err, io.EOF) {
			break
		}
		n, _ := binary.ReadUvarint(in)
		code += rune(step)
		w := make([]uint16, n)
		for i := range w {
			d, err := binary.ReadVarint(in)
			if err != nil {
				panic("the embedded collation is torn: " + err.Error())
			}
			last += d
			w[i] = uint16(last)
		}
		c.weights[code] = w
	}
	for r := range c.latin {
		c.latin[r] = c.lookup(rune(r))
	}
	c.numberLeads()
	for r := range c.ascii {
		c.ascii[r] = c.appendWeights(nil, c.latin[r])
	}
	c.numberFolds()
	return c
}

// lookup gives the weights of r in order; none for an ignorable character.
func (c *collation) lookup(r rune) []uint16 {
	if w, ok := c.weights[r]; ok {
		return w
	}
	if s := r - 0xAC00; s >= 0 && s < 11172 { // Hangul syllables are their jamo
		w := slices.Concat(c.weights[0x1100+s/588], c.weights[0x1161+s%588/28])
		if s%28 != 0 {
			w = append(w, c.weights[0x11A7+s%28]...)
		}
		return w
	}
	if 0x17000 <= r && r <= 0x187EC || 0x18800 <= r && r <= 0x18AF2 { // Tangut
		return []uint16{0xFB00, uint16(r-0x17000) | 0x8000}
	}
	base := uint16(0xFBC0)
	switch {
	case 0x4E00 <= r && r <= 0x9FD5, 0xFA0E <= r && r <= 0xFA29: // the others of this block have entries
		base = 0xFB40
	case 0x3400 <= r && r <= 0x4DB5, 0x20000 <= r && r <= 0x2A6D6, 0x2A700 <= r && r <= 0x2B734,
		0x2B740 <= r && r <= 0x2B81D, 0x2B820 <= r && r <= 0x2CEA1:
		base = 0xFB80
	}
	return []uint16{base + uint16(r>>15), uint16(r&0x7FFF) | 0x8000}
}

func (c *collation) of(r rune) []uint16 {
	if int(r) < len(c.latin) {
		return c.latin[r]
	}
	return c.lookup(r)
}

// numberLeads assigns lead bytes that keep the order of the weights: one byte
// for each weight of ASCII, the modern jamo and the kana, and one for each gap
// between two of them, which the two bytes of the weight follow. So a key of
// Latin text is as long as the text, and one of Korean text shorter.
func (c *collation) numberLeads() {
	used := map[uint16]bool{}
	for _, span := range [][2]rune{{0, 0x7F}, {0x1100, 0x1112}, {0x1161, 0x1175}, {0x11A8, 0x11C2}, {0x3041, 0x3096}} {
		for r := span[0]; r <= span[1]; r++ {
			for _, w := range c.lookup(r) {
				used[w] = true
			}
		}
	}
	inUse := make([]bool, 1<<16)
	for _, ws := range c.weights {
		for _, w := range ws {
			inUse[w] = true
		}
	}
	for w := 0x8000; w < 1<<16; w++ { // both halves of implicit weights
		inUse[w] = true
	}
	lead, gap := 0, false
	for w := range 1 << 16 {
		switch {
		case used[uint16(w)]:
			lead++
			c.code[w], c.short[w], gap = byte(lead), true, false
		case inUse[w]:
			if !gap {
				lead, gap = lead+1, true
			}
			c.code[w] = byte(lead)
		}
	}
	if lead > 255 {
		panic("the collation needs more lead bytes than there are")
	}
}

func (c *collation) numberFolds() {
	first := make(map[string]rune, 20000)
	codes := make([]rune, 0, len(c.weights))
	for r, w := range c.weights {
		if len(w) > 0 {
			codes = append(codes, r)
		}
	}
	slices.Sort(codes)
	for _, r := range codes {
		k := string(c.appendWeights(nil, c.weights[r]))
		if f, ok := first[k]; ok {
			c.fold[r] = f
		} else {
			first[k] = r
		}
	}
	for r := rune(0xAC00); r <= 0xD7A3; r++ { // ㉮ has the weights of 가
		if f, ok := first[string(c.appendWeights(nil, c.lookup(r)))]; ok {
			c.fold[r] = f
		}
	}
	// A compatibility ideograph has the implicit weights of another character.
	for _, r := range codes {
		if w := c.weights[r]; len(w) == 2 && w[0] >= 0xFB40 && w[1] >= 0x8000 {
			base := w[0] &^ 0x3F
			if t := rune(w[0]-base)<<15 | rune(w[1]&0x7FFF); t != r && slices.Equal(c.lookup(t), w) {
				c.fold[r] = t
			}
		}
	}
}

func (c *collation) appendWeights(key []byte, ws []uint16) []byte {
	for _, w := range ws {
		key = append(key, c.code[w])
		if !c.short[w] {
			key = append(key, byte(w>>8), byte(w))
		}
	}
	return key
}

// appendKey appends the key of s: two texts are equal in MySQL's default
// collation exactly if their keys are, and sort as their keys do.
func (c *collation) appendKey(key []byte, s string) []byte {
	for i := 0; i < len(s); {
		if b := s[i]; b < utf8.RuneSelf {
			key = append(key, c.ascii[b]...)
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		key = c.appendWeights(key, c.of(r))
		i += n
	}
	return key
}

// Key is the sort key of s in utf8mb4_0900_ai_ci: keys compare byte by byte as
// MySQL compares the texts.
func Key(s string) []byte { return ci().appendKey(make([]byte, 0, len(s)+8), s) }

// foldRune gives the character that stands for all that LIKE takes for equal to r.
func (c *collation) foldRune(r rune) rune {
	if f, ok := c.fold[r]; ok {
		return f
	}
	return r
}

// foldText folds every character: LIKE compares character by character, and
// each by its weights, so ß is not like ss.
func (c *collation) foldText(out []byte, s string) []byte {
	for i := 0; i < len(s); {
		if b := s[i]; b < utf8.RuneSelf {
			if 'a' <= b && b <= 'z' {
				b -= 'a' - 'A' // the capital is the smaller code point
			}
			out = append(out, b)
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		out = utf8.AppendRune(out, c.foldRune(r))
		i += n
	}
	return out
}

// index finds the character position, counted from 0, at or after from where
// the weights of needle follow in hay, or -1. It is what LOCATE does: a match
// starts at a character, may end within one, and an ignorable one is nothing.
func (c *collation) index(hay, needle string, from int) int {
	nk := c.appendKey(nil, needle)
	var hk []byte
	starts := make([]int, 0, len(hay)+1)
	for _, r := range hay {
		starts = append(starts, len(hk))
		hk = c.appendWeights(hk, c.of(r))
	}
	starts = append(starts, len(hk))
	for i := from; i < len(starts); i++ {
		if bytes.HasPrefix(hk[starts[i]:], nk) {
			return i
		}
	}
	return -1
}
