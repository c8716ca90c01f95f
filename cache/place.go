package cache

import (
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/oklog/ulid/v2"
)

// SettledPlace is where a compacted segment lies in a Store: a hive path, so
// that other engines read the partitions off it. month is "2026-09".
func SettledPlace(s Span, month, id string) string {
	return "settled/" + Partition(s.Source, s.Table, s.Account) + "/month=" + escape(month) + "/" + id
}

// null is hive's name for NULL: the account of a table without accounts.
const null = "__HIVE_DEFAULT_PARTITION__"

// Partition is the hive path of a table and account. Different ones have
// different paths.
func Partition(source, table, account string) string {
	value := escape(account)
	switch account {
	case "":
		value = null
	case null:
		value = "%5F" + null[1:]
	}
	return "source=" + escape(source) + "/table=" + escape(table) + "/account=" + value
}

// OfPartition undoes Partition.
func OfPartition(path string) (source, table, account string, ok bool) {
	folders := strings.Split(path, "/")
	if len(folders) != 3 {
		return "", "", "", false
	}
	var values [3]string
	for i, name := range []string{"source=", "table=", "account="} {
		value, found := strings.CutPrefix(folders[i], name)
		text, err := url.PathUnescape(value)
		if !found || err != nil {
			return "", "", "", false
		}
		if i < 2 || value != null {
			values[i] = text
		}
	}
	return values[0], values[1], values[2], true
}

// escape writes a value of a hive partition: what is neither a letter, a digit
// nor one of "_.-" is %XX, as readers of hive paths undo it. Letters beyond
// ASCII stay as they are, since Hive itself takes %XX for a character and not
// for a byte.
func escape(value string) string {
	const hex = "0123456789ABCDEF"
	valid := utf8.ValidString(value)
	var b strings.Builder
	for i := range len(value) {
		c := value[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '_', c == '.', c == '-', c >= utf8.RuneSelf && valid:
			b.WriteByte(c)
		default:
			b.WriteByte('%')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		}
	}
	return b.String()
}

// CheckPlace says what is wrong with a place that is to become a path or a key:
// it ends in a ULID in its canonical spelling, and every folder before it is
// name=value or a plain word, escaped as SettledPlace does. Nothing else gets
// past it: no "..", no hidden file, no second spelling of the same place.
func CheckPlace(place string) error {
	folders := strings.Split(place, "/")
	id := folders[len(folders)-1]
	if u, err := ulid.ParseStrict(id); err != nil || u.String() != id {
		return fmt.Errorf("the place %q does not end in a ULID", place)
	}
	for _, folder := range folders[:len(folders)-1] {
		name, value, _ := strings.Cut(folder, "=")
		if name == "" || name[0] == '.' || escape(name) != name || !utf8.ValidString(value) || strings.ContainsFunc(value, func(r rune) bool {
			return r != '%' && r < utf8.RuneSelf && escape(string(r)) != string(r)
		}) {
			return fmt.Errorf("the place %q has a folder that is not name=value", place)
		}
	}
	return nil
}
