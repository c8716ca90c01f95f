package duckdb

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"math"
	"net/netip"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	lru "github.com/hashicorp/golang-lru/v2"

	"argo/tables/fault"
)

// maxText is the longest text that a function makes, as MySQL's
// max_allowed_packet: beyond it the result is NULL.
const maxText = 64 << 20

var textFunctions = []Function{
	{Name: "argo_ci", Args: []ValueKind{Varchar}, Result: Blob, Eval: func(a []Value) (Value, error) {
		return text(string(Key(a[0].Text)))
	}},
	{Name: "argo_fold", Args: []ValueKind{Varchar}, Result: Varchar, Eval: func(a []Value) (Value, error) {
		return text(string(ci().foldText(nil, a[0].Text)))
	}},
	{Name: "argo_upper", Args: []ValueKind{Varchar}, Result: Varchar, Eval: func(a []Value) (Value, error) {
		return text(strings.Map(upperRune, a[0].Text))
	}},
	{Name: "argo_lower", Args: []ValueKind{Varchar}, Result: Varchar, Eval: func(a []Value) (Value, error) {
		return text(strings.Map(unicode.ToLower, a[0].Text))
	}},
	// argo_substr(text, position, length): SUBSTRING with its negative positions.
	{Name: "argo_substr", Args: []ValueKind{Varchar, BigInt, BigInt}, Result: Varchar, Eval: func(a []Value) (Value, error) {
		return text(substr(a[0].Text, a[1].Int, a[2].Int))
	}},
	{Name: "argo_right", Args: []ValueKind{Varchar, BigInt}, Result: Varchar, Eval: func(a []Value) (Value, error) {
		n := int64(utf8.RuneCountInString(a[0].Text))
		return text(runes(a[0].Text, max(n-max(a[1].Int, 0), 0), n))
	}},
	// argo_instr(text, part, start, ci): LOCATE, counted from 1.
	{Name: "argo_instr", Args: []ValueKind{Varchar, Varchar, BigInt, Bool}, Result: BigInt, Eval: func(a []Value) (Value, error) {
		return integer(instr(a[0].Text, a[1].Text, a[2].Int, a[3].Int != 0))
	}},
	{Name: "argo_lpad", Args: []ValueKind{Varchar, BigInt, Varchar}, Result: Varchar, Eval: func(a []Value) (Value, error) {
		fill, ok := padding(a)
		if fill == "" || !ok {
			return orNull(Value{Text: runes(a[0].Text, 0, a[1].Int)}, ok)
		}
		return text(fill + a[0].Text)
	}},
	{Name: "argo_rpad", Args: []ValueKind{Varchar, BigInt, Varchar}, Result: Varchar, Eval: func(a []Value) (Value, error) {
		fill, ok := padding(a)
		if fill == "" || !ok {
			return orNull(Value{Text: runes(a[0].Text, 0, a[1].Int)}, ok)
		}
		return text(a[0].Text + fill)
	}},
	{Name: "argo_repeat", Args: []ValueKind{Varchar, BigInt}, Result: Varchar, Eval: func(a []Value) (Value, error) {
		n := max(a[1].Int, 0)
		if len(a[0].Text) > 0 && n > int64(maxText/len(a[0].Text)) {
			return nothing()
		}
		return text(strings.Repeat(a[0].Text, int(n)))
	}},
	// argo_trim(text, what, side): side is both, leading or trailing.
	{Name: "argo_trim", Args: []ValueKind{Varchar, Varchar, Varchar}, Result: Varchar, Eval: func(a []Value) (Value, error) {
		s, what := a[0].Text, a[1].Text
		if what == "" {
			return text(s)
		}
		if a[2].Text != "trailing" {
			for strings.HasPrefix(s, what) {
				s = s[len(what):]
			}
		}
		if a[2].Text != "leading" {
			for strings.HasSuffix(s, what) {
				s = s[:len(s)-len(what)]
			}
		}
		return text(s)
	}},
	{Name: "argo_substring_index", Args: []ValueKind{Varchar, Varchar, BigInt}, Result: Varchar, Eval: func(a []Value) (Value, error) {
		return text(substringIndex(a[0].Text, a[1].Text, a[2].Int))
	}},
	{Name: "argo_find_in_set", Args: []ValueKind{Varchar, Varchar, Bool}, Result: BigInt, Eval: func(a []Value) (Value, error) {
		return integer(findInSet(a[0].Text, a[1].Text, a[2].Int != 0))
	}},
	{Name: "argo_insert", Args: []ValueKind{Varchar, BigInt, BigInt, Varchar}, Result: Varchar, Eval: func(a []Value) (Value, error) {
		s, pos, n := a[0].Text, a[1].Int, a[2].Int
		size := int64(utf8.RuneCountInString(s))
		if pos < 1 || pos > size {
			return text(s)
		}
		if n < 0 || n > size-pos+1 {
			n = size - pos + 1
		}
		return text(runes(s, 0, pos-1) + a[3].Text + runes(s, pos-1+n, size))
	}},
	{Name: "argo_reverse", Args: []ValueKind{Varchar}, Result: Varchar, Eval: func(a []Value) (Value, error) {
		out := make([]byte, 0, len(a[0].Text))
		for s := a[0].Text; s != ""; {
			_, n := utf8.DecodeLastRuneInString(s)
			out = append(out, s[len(s)-n:]...)
			s = s[:len(s)-n]
		}
		return text(string(out))
	}},
	{Name: "argo_ascii", Args: []ValueKind{Varchar}, Result: BigInt, Eval: func(a []Value) (Value, error) {
		if a[0].Text == "" {
			return integer(0)
		}
		return integer(int64(a[0].Text[0]))
	}},
	{Name: "argo_ord", Args: []ValueKind{Varchar}, Result: BigInt, Eval: func(a []Value) (Value, error) {
		_, n := utf8.DecodeRuneInString(a[0].Text)
		var code int64
		for _, b := range []byte(a[0].Text[:n]) {
			code = code<<8 | int64(b)
		}
		return integer(code)
	}},
	{Name: "argo_quote", Args: []ValueKind{Varchar}, Result: Varchar, Nulls: true, Eval: func(a []Value) (Value, error) {
		if a[0].Null {
			return text("NULL")
		}
		return text("'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\x00", `\0`, "\x1a", `\Z`).Replace(a[0].Text) + "'")
	}},
	{Name: "argo_soundex", Args: []ValueKind{Varchar}, Result: Varchar, Eval: func(a []Value) (Value, error) {
		return text(soundex(a[0].Text))
	}},
	{Name: "argo_unhex", Args: []ValueKind{Varchar}, Result: Blob, Eval: func(a []Value) (Value, error) {
		s := a[0].Text
		if len(s)%2 == 1 {
			s = "0" + s
		}
		b, err := hex.DecodeString(s)
		return orNull(Value{Text: string(b)}, err == nil)
	}},
	{Name: "argo_to_base64", Args: []ValueKind{Varchar}, Result: Varchar, Eval: func(a []Value) (Value, error) {
		s := base64.StdEncoding.EncodeToString([]byte(a[0].Text))
		var out strings.Builder
		for len(s) > 76 {
			out.WriteString(s[:76] + "\n")
			s = s[76:]
		}
		return text(out.String() + s)
	}},
	{Name: "argo_from_base64", Args: []ValueKind{Varchar}, Result: Blob, Eval: func(a []Value) (Value, error) {
		b, err := base64.StdEncoding.DecodeString(strings.NewReplacer(" ", "", "\n", "", "\r", "", "\t", "").Replace(a[0].Text))
		return orNull(Value{Text: string(b)}, err == nil)
	}},
	{Name: "argo_md5", Args: []ValueKind{Varchar}, Result: Varchar, Eval: func(a []Value) (Value, error) {
		h := md5.Sum([]byte(a[0].Text))
		return text(hex.EncodeToString(h[:]))
	}},
	{Name: "argo_sha1", Args: []ValueKind{Varchar}, Result: Varchar, Eval: func(a []Value) (Value, error) {
		h := sha1.Sum([]byte(a[0].Text))
		return text(hex.EncodeToString(h[:]))
	}},
	{Name: "argo_sha2", Args: []ValueKind{Varchar, BigInt}, Result: Varchar, Eval: func(a []Value) (Value, error) {
		in := []byte(a[0].Text)
		switch a[1].Int {
		case 0, 256:
			h := sha256.Sum256(in)
			return text(hex.EncodeToString(h[:]))
		case 224:
			h := sha256.Sum224(in)
			return text(hex.EncodeToString(h[:]))
		case 384:
			h := sha512.Sum384(in)
			return text(hex.EncodeToString(h[:]))
		case 512:
			h := sha512.Sum512(in)
			return text(hex.EncodeToString(h[:]))
		}
		return nothing()
	}},
	{Name: "argo_char", Args: []ValueKind{}, More: BigInt, Result: Blob, Nulls: true, Eval: func(a []Value) (Value, error) {
		var out []byte
		for _, v := range a {
			if v.Null {
				continue
			}
			b := binary.BigEndian.AppendUint32(nil, uint32(v.Int))
			for len(b) > 1 && b[0] == 0 {
				b = b[1:]
			}
			out = append(out, b...)
		}
		return text(string(out))
	}},
	{Name: "argo_is_ipv4", Args: []ValueKind{Varchar}, Result: Bool, Eval: func(a []Value) (Value, error) {
		ip, err := netip.ParseAddr(a[0].Text)
		return truth(err == nil && ip.Is4())
	}},
	{Name: "argo_is_ipv6", Args: []ValueKind{Varchar}, Result: Bool, Eval: func(a []Value) (Value, error) {
		ip, err := netip.ParseAddr(a[0].Text)
		return truth(err == nil && ip.Is6() && ip.Zone() == "")
	}},
	{Name: "argo_is_uuid", Args: []ValueKind{Varchar}, Result: Bool, Eval: func(a []Value) (Value, error) {
		return truth(uuidPattern.MatchString(a[0].Text))
	}},
	{Name: "argo_inet_aton", Args: []ValueKind{Varchar}, Result: UBigInt, Eval: func(a []Value) (Value, error) {
		ip, err := netip.ParseAddr(a[0].Text)
		if err != nil || !ip.Is4() {
			return nothing()
		}
		b := ip.As4()
		return integer(int64(binary.BigEndian.Uint32(b[:])))
	}},
	{Name: "argo_inet_ntoa", Args: []ValueKind{BigInt}, Result: Varchar, Eval: func(a []Value) (Value, error) {
		if a[0].Int < 0 || a[0].Int > math.MaxUint32 {
			return nothing()
		}
		return text(netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, uint32(a[0].Int)))).String())
	}},
	// argo_cut keeps at most n bytes, whole characters: group_concat_max_len.
	{Name: "argo_cut", Args: []ValueKind{Varchar, BigInt}, Result: Varchar, Eval: func(a []Value) (Value, error) {
		s := a[0].Text
		if n := int(a[1].Int); len(s) > n {
			for n > 0 && !utf8.RuneStart(s[n]) {
				n--
			}
			s = s[:n]
		}
		return text(s)
	}},
	// argo_like(text, pattern, escape, ci): LIKE with a pattern that is not constant.
	{Name: "argo_like", Args: []ValueKind{Varchar, Varchar, Varchar, Bool}, Result: Bool, Eval: func(a []Value) (Value, error) {
		return truth(likePattern(a[1].Text, a[2].Text, a[3].Int != 0).match(a[0].Text))
	}},
	// argo_regexp(text, pattern, flags); the flags as in REGEXP_LIKE.
	{Name: "argo_regexp", Args: []ValueKind{Varchar, Varchar, Varchar}, Result: Bool, Eval: func(a []Value) (Value, error) {
		re, err := compileRegexp(a[1].Text, a[2].Text)
		if err != nil {
			return null, err
		}
		return truth(re.MatchString(a[0].Text))
	}},
	// argo_regexp_replace(text, pattern, replacement, position, occurrence, flags).
	{Name: "argo_regexp_replace", Args: []ValueKind{Varchar, Varchar, Varchar, BigInt, BigInt, Varchar}, Result: Varchar, Eval: func(a []Value) (Value, error) {
		re, err := compileRegexp(a[1].Text, a[5].Text)
		if err != nil {
			return null, err
		}
		s, from := a[0].Text, byteOffset(a[0].Text, a[3].Int)
		if from < 0 {
			return null, fault.New(fault.Invalid, "Index out of bounds in regular expression search.")
		}
		out, last, template := s[:from], from, goTemplate(a[2].Text)
		for i, m := range re.FindAllStringSubmatchIndex(s[from:], -1) {
			if a[4].Int > 0 && int64(i+1) != a[4].Int {
				continue
			}
			out += s[last:from+m[0]] + string(re.ExpandString(nil, template, s[from:], m))
			last = from + m[1]
		}
		return text(out + s[last:])
	}},
	// argo_regexp_substr(text, pattern, position, occurrence, flags).
	{Name: "argo_regexp_substr", Args: []ValueKind{Varchar, Varchar, BigInt, BigInt, Varchar}, Result: Varchar, Eval: func(a []Value) (Value, error) {
		m, err := findRegexp(a[0].Text, a[1].Text, a[2].Int, a[3].Int, a[4].Text)
		if err != nil || m == nil {
			return null, err
		}
		return text(a[0].Text[m[0]:m[1]])
	}},
	// argo_regexp_instr(text, pattern, position, occurrence, end, flags).
	{Name: "argo_regexp_instr", Args: []ValueKind{Varchar, Varchar, BigInt, BigInt, BigInt, Varchar}, Result: BigInt, Eval: func(a []Value) (Value, error) {
		m, err := findRegexp(a[0].Text, a[1].Text, a[2].Int, a[3].Int, a[5].Text)
		if err != nil {
			return null, err
		}
		if m == nil {
			return integer(0)
		}
		return integer(int64(utf8.RuneCountInString(a[0].Text[:m[min(a[4].Int, 1)]])) + 1)
	}},
}

// upperRune maps as Unicode 9 does: Georgian had no capitals then.
func upperRune(r rune) rune {
	if 0x10D0 <= r && r <= 0x10FF {
		return r
	}
	return unicode.ToUpper(r)
}

// runes gives the characters [from, to) of s, clipped.
func runes(s string, from, to int64) string {
	if from >= to {
		return ""
	}
	start, i := len(s), int64(0)
	for at := range s {
		if i == from {
			start = at
		}
		if i == to {
			return s[start:at]
		}
		i++
	}
	return s[start:]
}

func substr(s string, pos, n int64) string {
	if n <= 0 || pos == 0 {
		return ""
	}
	if pos < 0 {
		if pos += int64(utf8.RuneCountInString(s)) + 1; pos < 1 {
			return ""
		}
	}
	return runes(s, pos-1, pos-1+min(n, maxText))
}

func instr(s, part string, start int64, fold bool) int64 {
	if start < 1 || start > int64(len(s))+1 {
		return 0
	}
	if fold {
		return int64(ci().index(s, part, int(start-1))) + 1
	}
	from := byteOffset(s, start)
	if from < 0 {
		return 0
	}
	i := strings.Index(s[from:], part)
	if i < 0 {
		return 0
	}
	return int64(utf8.RuneCountInString(s[:from+i])) + 1
}

// byteOffset of the character at position pos, counted from 1; that after the
// last one counts; -1 beyond.
func byteOffset(s string, pos int64) int {
	if pos < 1 {
		return -1
	}
	i := int64(1)
	for at := range s {
		if i == pos {
			return at
		}
		i++
	}
	if i == pos {
		return len(s)
	}
	return -1
}

// padding of LPAD and RPAD: "" where the text is long enough already.
func padding(a []Value) (fill string, ok bool) {
	want := a[1].Int
	if want < 0 || want > maxText {
		return "", false
	}
	have := int64(utf8.RuneCountInString(a[0].Text))
	if have >= want || a[2].Text == "" {
		return "", true
	}
	n := int64(utf8.RuneCountInString(a[2].Text))
	return runes(strings.Repeat(a[2].Text, int((want-have)/n)+1), 0, want-have), true
}

func substringIndex(s, delimiter string, n int64) string {
	if delimiter == "" || n == 0 {
		return ""
	}
	if n > 0 {
		at := 0
		for ; n > 0; n-- {
			i := strings.Index(s[at:], delimiter)
			if i < 0 {
				return s
			}
			at += i + len(delimiter)
		}
		return s[:at-len(delimiter)]
	}
	at := len(s)
	for ; n < 0; n++ {
		i := strings.LastIndex(s[:at], delimiter)
		if i < 0 {
			return s
		}
		at = i
	}
	return s[at+len(delimiter):]
}

func findInSet(s, set string, fold bool) int64 {
	if set == "" {
		return 0
	}
	key := func(s string) string { return s }
	if fold {
		key = func(s string) string { return string(Key(s)) }
	}
	want := key(s)
	for i, item := range strings.Split(set, ",") {
		if key(item) == want {
			return int64(i) + 1
		}
	}
	return 0
}

func soundex(s string) string {
	const codes = "01230120022455012623010202" // of A to Z; 0 is skipped
	var out []byte
	var last byte
	for _, r := range s {
		if !unicode.IsLetter(r) {
			continue
		}
		if r = unicode.ToUpper(r); r > 'Z' || r < 'A' {
			if len(out) == 0 {
				out = utf8.AppendRune(out, r)
			}
			last = '0'
			continue
		}
		code := codes[r-'A']
		if len(out) == 0 {
			out = append(out, byte(r))
		} else if code != '0' && code != last {
			out = append(out, code)
		}
		last = code
	}
	for n := utf8.RuneCount(out); 0 < n && n < 4; n++ {
		out = append(out, '0')
	}
	return string(out)
}

var uuidPattern = regexp.MustCompile(`(?i)^(\{[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32})$`)

// regexps caches compiled patterns by flags and text.
var regexps, _ = lru.New[string, *regexp.Regexp](512)

// compileRegexp compiles an ICU pattern as far as Go's syntax, a subset, goes.
func compileRegexp(pattern, flags string) (*regexp.Regexp, error) {
	key := flags + "/" + pattern
	if re, ok := regexps.Get(key); ok {
		return re, nil
	}
	if pattern == "" {
		return nil, fault.New(fault.Invalid, "Illegal argument to a regular expression.")
	}
	opts := ""
	for _, f := range flags {
		switch f {
		case 'i':
			opts = strings.ReplaceAll(opts, "i", "") + "i"
		case 'c':
			opts = strings.ReplaceAll(opts, "i", "")
		case 'm':
			opts += "m"
		case 'n':
			opts += "s"
		default:
			return nil, fault.New(fault.Unsupported, "the regular expression flag %q is not supported", string(f)).
				WithHint("use c, i, m or n")
		}
	}
	prefix := ""
	if opts != "" {
		prefix = "(?" + opts + ")"
	}
	re, err := regexp.Compile(prefix + pattern)
	if err != nil {
		return nil, fault.New(fault.Unsupported, "the regular expression %q is not supported", pattern).
			WithHint("look-around and back references are not available")
	}
	regexps.Add(key, re)
	return re, nil
}

func findRegexp(s, pattern string, pos, occurrence int64, flags string) ([]int, error) {
	re, err := compileRegexp(pattern, flags)
	if err != nil {
		return nil, err
	}
	from := byteOffset(s, pos)
	if from < 0 {
		return nil, fault.New(fault.Invalid, "Index out of bounds in regular expression search.")
	}
	all := re.FindAllStringIndex(s[from:], int(min(max(occurrence, 1), 1<<30)))
	if int64(len(all)) < max(occurrence, 1) {
		return nil, nil
	}
	m := all[len(all)-1]
	return []int{from + m[0], from + m[1]}, nil
}

// goTemplate turns ICU's replacement ($1, \$) into that of Go's Expand.
func goTemplate(s string) string {
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s):
			i++
			if s[i] == '$' {
				out.WriteByte('$')
			}
			out.WriteByte(s[i])
		case s[i] == '$' && i+1 < len(s) && isDigit(s[i+1]):
			out.WriteString("${" + s[i+1:i+2] + "}")
			i++
		case s[i] == '$':
			out.WriteString("$$")
		default:
			out.WriteByte(s[i])
		}
	}
	return out.String()
}
