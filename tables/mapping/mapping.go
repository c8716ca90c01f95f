// Package mapping turns what a foreign text or JSON says into the values of
// columns that somebody described in a configuration: decimals from "₩1,200",
// "(12)" or micros, days in any order, times in a zone, JSON.
//
// A value that does not fit its column is an error and never a guess or a NULL.
// Errors show the shape of a value ("99.99.9999"), never the value: it is data.
// It knows no file, no network and no source.
package mapping

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"argo/tables"

	"github.com/cockroachdb/apd/v3"
)

// Strings is one text or a list of texts in YAML.
type Strings []string

// UnmarshalYAML reads either.
func (s *Strings) UnmarshalYAML(unmarshal func(any) error) error {
	var list []string
	if err := unmarshal(&list); err == nil {
		*s = list
		return nil
	}
	var one string
	if err := unmarshal(&one); err != nil {
		return err
	}
	*s = Strings{one}
	return nil
}

// Column as it is written in a configuration.
type Column struct {
	Name string `yaml:"name"`
	// From is where the value is: a path in JSON ("metrics.clicks"), the header of
	// a sheet, in order of preference; default Name. What begins with $ is not
	// of the row: $account, $account_name, $currency, $time_zone, $day; $row is all of it.
	From    Strings `yaml:"from"`
	Value   string  `yaml:"value"`   // the same for every row, instead of From
	Type    string  `yaml:"type"`    // default text
	Format  Strings `yaml:"format"`  // of days and times, as STR_TO_DATE spells them; unix, unix_ms
	Zone    string  `yaml:"zone"`    // of times without an offset; default the account's
	In      string  `yaml:"in"`      // micros, cents, minor, or a power of ten that a unit has
	Decimal string  `yaml:"decimal"` // the decimal point of texts; default .
	Percent bool    `yaml:"percent"` // 12.5 % is 0.125
	Round   bool    `yaml:"round"`   // digits that the type has no place for are rounded, half up
	Nulls   Strings `yaml:"nulls"`   // texts that stand for no value
	Default string  `yaml:"default"` // what no value stands for
	// Optional: a sheet may lack it.
	Optional    bool   `yaml:"optional"`
	Doc         string `yaml:"doc"`
	Unit        string `yaml:"unit"`
	NonAdditive bool   `yaml:"non_additive"`
}

// Role of a column.
type Role uint8

// The roles.
const (
	Plain Role = iota
	AsDay
	AsAccount
)

// Field is a column that has been understood.
type Field struct {
	tables.Column
	Role     Role
	From     []string
	Optional bool
	c        Column
	formats  []*Layout
	zone     *time.Location
	shift    int32 // digits that the value moves to the right of the point
	minor    bool
	constant any
}

// Special says that the value is not of the row itself: $account.
func (f *Field) Special() bool { return f.c.Value != "" || strings.HasPrefix(f.From[0], "$") }

// About is what a row belongs to.
type About struct {
	Account tables.Account
	Day     tables.Day // where the row is for one day
	// Sheet says that values are cells: an empty one is no value, and where Serial
	// is true a number in a column of days counts days as Excel does, from 1904
	// where Since1904.
	Sheet, Serial, Since1904 bool
}

var (
	columnName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)
	typeName   = regexp.MustCompile(`^([a-z]+)(?:\(\s*([0-9]{1,5})\s*(?:,\s*([0-9]{1,2})\s*)?\))?$`)
)

// Types lists what a type may be, for messages.
const Types = "int, decimal(18,6), money, double, text, varchar(100), id, bool, date, datetime, json, day, account"

// Compile understands a column. The error begins with what is wrong with which
// key and says what to write.
func (c Column) Compile() (*Field, error) {
	if !columnName.MatchString(c.Name) {
		return nil, fmt.Errorf("name: %q: a column's name is lower-case letters, digits and _, beginning with a letter", c.Name)
	}
	f := &Field{Column: tables.Column{Name: c.Name, Doc: c.Doc, Unit: c.Unit, NonAdditive: c.NonAdditive}, From: c.From, Optional: c.Optional, c: c}
	if len(f.From) == 0 {
		f.From = []string{c.Name}
		if c.Type == "account" {
			f.From = []string{"$account"}
		}
	}
	for _, from := range f.From {
		if from == "" {
			return nil, errors.New("from: an empty name; write the field's path, the header, or leave from out")
		}
		if strings.HasPrefix(from, "$") && (len(f.From) > 1 || !slices.Contains([]string{"$account", "$account_name", "$currency", "$time_zone", "$day", "$row"}, from)) {
			return nil, fmt.Errorf("from: %q is none of $account, $account_name, $currency, $time_zone, $day and $row, each alone", from)
		}
	}
	m := typeName.FindStringSubmatch(strings.ToLower(strings.TrimSpace(c.Type)))
	if c.Type == "" {
		m = []string{"text", "text", "", ""}
	}
	if m == nil {
		return nil, fmt.Errorf("type: %q is no type; write one of %s", c.Type, Types)
	}
	a, b, sized := 0, 0, m[2] != ""
	if sized {
		a, _ = strconv.Atoi(m[2])
		b, _ = strconv.Atoi(m[3])
	}
	takes := 0
	switch m[1] {
	case "int", "bigint":
		f.Type = tables.BigInt
	case "double":
		f.Type = tables.Float
	case "money":
		f.Type = tables.Money
	case "decimal":
		if takes = 2; !sized {
			a, b = 18, 6
		}
		if f.Type = tables.Dec(a, b); a < 1 || a > 38 || b > a {
			return nil, fmt.Errorf("type: %q: a decimal has 1 to 38 digits, of which some stand behind the point: decimal(18,6)", c.Type)
		}
	case "text":
		f.Type = tables.LongText
	case "varchar", "id":
		if takes = 1; !sized {
			a = 255
		}
		if a < 1 || a > 16383 {
			return nil, fmt.Errorf("type: %q: a text has 1 to 16383 characters", c.Type)
		}
		f.Type = tables.Type{Kind: tables.Text, Length: a}
		if m[1] == "id" {
			f.Type.Kind = tables.ID
		}
	case "bool":
		f.Type = tables.Boolean
	case "date":
		f.Type = tables.DateType
	case "day":
		f.Type, f.Role, f.NotNull = tables.DateType, AsDay, true
	case "datetime":
		f.Type = tables.Timestamp
	case "json":
		f.Type = tables.Document
	case "account":
		f.Type, f.Role, f.NotNull = tables.Type{Kind: tables.ID, Length: 255}, AsAccount, true
	default:
		return nil, fmt.Errorf("type: %q is no type; write one of %s", c.Type, Types)
	}
	if sized && takes == 0 || m[3] != "" && takes == 1 {
		return nil, fmt.Errorf("type: %q takes no such numbers; write one of %s", c.Type, Types)
	}
	k := f.Type.Kind
	temporal, number := k == tables.Date || k == tables.DateTime, k == tables.Decimal || k == tables.Int || k == tables.Double
	if f.From[0] == "$row" && k != tables.JSON {
		return nil, errors.New("type: $row is json")
	}
	if len(c.Format) > 0 && !temporal {
		return nil, errors.New("format: is for day, date and datetime")
	}
	for _, text := range c.Format {
		l, err := ParseLayout(text)
		if err != nil {
			return nil, fmt.Errorf("format: %w", err)
		}
		if !l.dated || k == tables.Date && l.clocked && l.special == "" {
			return nil, fmt.Errorf("format: %q does not give a %s: it needs %%Y, %%m and %%d, and for a day nothing of the clock", text, c.Type)
		}
		f.formats = append(f.formats, l)
	}
	if len(f.formats) == 0 && k == tables.Date {
		f.formats = isoDates
	} else if len(f.formats) == 0 && k == tables.DateTime {
		f.formats = isoTimes
	}
	if c.Zone != "" {
		if !temporal {
			return nil, errors.New("zone: is for datetime and for days that are read from times")
		}
		l, err := Zone(c.Zone)
		if err != nil {
			return nil, fmt.Errorf("zone: %w", err)
		}
		f.zone = l
	}
	if (c.In != "" || c.Percent || c.Round || c.Decimal != "") && !number {
		return nil, errors.New("in, percent, round and decimal are for int, decimal, money and double")
	}
	switch c.In {
	case "":
	case "micros":
		f.shift = 6
	case "cents":
		f.shift = 2
	case "minor":
		f.minor = true
	default:
		n := strings.TrimLeft(strings.TrimPrefix(c.In, "1"), "0")
		if !strings.HasPrefix(c.In, "1") || n != "" || len(c.In) > 13 {
			return nil, fmt.Errorf("in: %q is none of micros, cents, minor and a power of ten such as 1000", c.In)
		}
		f.shift = int32(len(c.In) - 1)
	}
	if c.In != "" && k != tables.Decimal {
		return nil, errors.New("in: is for money and decimal")
	}
	if c.Percent {
		f.shift += 2
	}
	if c.Decimal != "" && c.Decimal != "." && c.Decimal != "," {
		return nil, fmt.Errorf("decimal: %q is neither . nor ,", c.Decimal)
	}
	if c.Value != "" {
		if len(c.From) > 0 {
			return nil, errors.New("value: there is from as well; keep one")
		}
		if f.Role != Plain {
			return nil, errors.New("value: a day or an account is not the same for every row")
		}
		v, err := f.Read(c.Value, About{})
		if err != nil {
			return nil, fmt.Errorf("value: %w", err)
		}
		f.constant = v
	}
	if c.Default != "" {
		if _, err := f.Read(c.Default, About{}); err != nil {
			return nil, fmt.Errorf("default: %w", err)
		}
	}
	if f.Doc == "" {
		switch {
		case c.Value != "":
			f.Doc = "Always " + c.Value
		case f.Role == AsAccount:
			f.Doc = "Account"
		default:
			f.Doc = strings.Join(f.From, ", else ") + ", as the source gives it"
		}
	}
	return f, nil
}

// Zone is a time zone by its IANA name.
func Zone(name string) (*time.Location, error) {
	l, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		return nil, fmt.Errorf("%q is not an IANA time zone such as Asia/Seoul", name)
	}
	return l, nil
}

// digits holds any number that is read here exactly.
var digits = apd.BaseContext.WithPrecision(200)

// Constant gives what a field that is not of the row itself says.
func (f *Field) Constant(a About) (any, error) {
	if f.c.Value != "" {
		return f.constant, nil
	}
	text := map[string]string{"$account": a.Account.ID, "$account_name": a.Account.Name, "$currency": a.Account.Currency, "$time_zone": a.Account.Zone, "$day": string(a.Day)}[f.From[0]]
	if text == "" {
		return f.Read(nil, a)
	}
	if f.Type.Kind == tables.Date {
		return a.Day, nil
	}
	return f.Read(text, a)
}

// Read gives the value as tables.Row wants it. v is nil, a string, a
// json.Number, a bool, or what else encoding/json gives.
func (f *Field) Read(v any, a About) (any, error) {
	if s, ok := v.(string); ok {
		t := strings.TrimFunc(s, blank)
		if slices.Contains(f.c.Nulls, t) {
			v = nil
		} else if t == "" && (f.Type.Kind != tables.Text && f.Type.Kind != tables.ID || a.Sheet && !f.NotNull) {
			v = nil
		}
	}
	if v == nil && f.c.Default != "" {
		v, a.Serial = f.c.Default, false
	}
	if v == nil {
		if f.NotNull && a.Sheet && (f.Type.Kind == tables.Text || f.Type.Kind == tables.ID) && f.Role == Plain {
			return "", nil
		}
		if f.NotNull {
			return nil, errors.New("there is no value, and the column is part of what identifies a row; default: gives one")
		}
		return nil, nil
	}
	switch f.Type.Kind {
	case tables.Int, tables.Decimal, tables.Double:
		return f.number(v, a)
	case tables.Text, tables.ID:
		return f.text(v)
	case tables.Bool:
		return truth(v)
	case tables.Date, tables.DateTime:
		return f.moment(v, a)
	}
	return document(v)
}

func blank(r rune) bool { return unicode.IsSpace(r) || r == '\ufeff' || r == '\u200b' }

func (f *Field) text(v any) (any, error) {
	var s string
	switch v := v.(type) {
	case string:
		s = v
	case json.Number:
		s = v.String()
	case bool:
		s = strconv.FormatBool(v)
	default:
		return nil, errors.New("is an object or a list; its type is json")
	}
	if !utf8.ValidString(s) {
		return nil, errors.New("is not UTF-8")
	}
	limit := f.Type.Length
	if n := utf8.RuneCountInString(s); n > limit {
		return nil, fmt.Errorf("has %d characters, its type %s", n, f.Type)
	}
	if f.Role == AsAccount && s == "" {
		return nil, errors.New("there is no account")
	}
	return s, nil
}

func truth(v any) (any, error) {
	switch v := v.(type) {
	case bool:
		return v, nil
	case string, json.Number:
		switch strings.ToLower(strings.TrimFunc(fmt.Sprint(v), blank)) {
		case "true", "1", "y", "yes", "on":
			return true, nil
		case "false", "0", "n", "no", "off":
			return false, nil
		}
	}
	return nil, errors.New("is neither true nor false")
}

func document(v any) (any, error) {
	if s, ok := v.(string); ok && json.Valid([]byte(s)) && len(s) > 0 && (s[0] == '{' || s[0] == '[') {
		return s, nil // JSON in a text
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, errors.New("cannot be written as JSON")
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

func (f *Field) number(v any, a About) (any, error) {
	var d *apd.Decimal
	var err error
	percent := false
	switch v := v.(type) {
	case json.Number:
		d, err = plain(v.String())
	case string:
		d, percent, err = Number(v, f.c.Decimal)
	default:
		return nil, errors.New("is not a number")
	}
	if err != nil {
		return nil, err
	}
	if percent && !f.c.Percent {
		return nil, errors.New("is a percentage; percent: true makes it a ratio")
	}
	shift := f.shift
	if f.minor {
		n, err := MinorDigits(a.Account.Currency)
		if err != nil {
			return nil, err
		}
		shift += n
	}
	d.Exponent -= shift
	switch f.Type.Kind {
	case tables.Double:
		x, err := d.Float64()
		if err != nil || math.IsInf(x, 0) {
			return nil, errors.New("is too large for double")
		}
		return x, nil
	case tables.Int:
		if f.c.Round {
			d, err = round(d, 0)
		} else {
			d.Reduce(d)
		}
		n, err2 := d.Int64()
		if err != nil || err2 != nil {
			return nil, errors.New("is not a whole number of 64 bits; type: decimal(18,6), or round: true")
		}
		return n, nil
	}
	scale := int32(f.Type.Scale)
	if d.Reduce(d); d.Exponent < -scale {
		if !f.c.Round {
			return nil, fmt.Errorf("has more digits behind the point than %s; write a wider type, or round: true", f.Type)
		}
		if d, err = round(d, scale); err != nil {
			return nil, errors.New("cannot be rounded")
		}
	}
	if d.NumDigits()+int64(d.Exponent) > int64(f.Type.Precision-f.Type.Scale) && !d.IsZero() {
		return nil, fmt.Errorf("is too large for %s; write a wider type", f.Type)
	}
	if d.IsZero() {
		d.Negative = false
	}
	return d, nil
}

func round(d *apd.Decimal, scale int32) (*apd.Decimal, error) {
	c := *digits
	c.Rounding = apd.RoundHalfUp
	out := new(apd.Decimal)
	_, err := c.Quantize(out, d, -scale)
	return out, err
}

var plainNumber = regexp.MustCompile(`^-?[0-9]{1,60}(\.[0-9]{0,60})?([eE][+-]?[0-9]{1,2})?$|^-?\.[0-9]{1,60}$`)

// plain reads a number as JSON and programs write it.
func plain(s string) (*apd.Decimal, error) {
	if !plainNumber.MatchString(s) {
		return nil, fmt.Errorf("is not a number: it looks like %s", Shape(s))
	}
	d, _, err := apd.NewFromString(s)
	if err != nil {
		return nil, errors.New("is not a number")
	}
	return d, nil
}

// Number reads a number as people write it: "1,234", "₩1,200", "(12)", "12-",
// "△3", "1.234,50" where point is ",". Separators of thousands have to stand where
// they belong. percent says that a % followed.
func Number(s, point string) (d *apd.Decimal, percent bool, err error) {
	whole := s
	s = strings.TrimFunc(s, blank)
	bad := func() (*apd.Decimal, bool, error) {
		return nil, false, fmt.Errorf("is not a number: it looks like %s", Shape(whole))
	}
	negative := false
	if in, ok := strings.CutPrefix(s, "("); ok {
		if s, ok = strings.CutSuffix(in, ")"); !ok {
			return bad()
		}
		negative = true
	}
	signs, marks := 0, 0
	for again := true; again; {
		again = false
		s = strings.TrimFunc(s, blank)
		for _, mark := range []string{"₩", "￦", "$", "¥", "￥", "€", "£", "원", "円", "%"} {
			for _, cut := range []func(string, string) (string, bool){strings.CutPrefix, strings.CutSuffix} {
				if t, ok := cut(s, mark); ok && marks == 0 {
					s, again = t, true
					marks++
					percent = mark == "%"
				}
			}
		}
		for _, sign := range []string{"-", "−", "△", "▲", "+"} {
			t, ok := strings.CutPrefix(s, sign)
			if !ok && sign == "-" {
				t, ok = strings.CutSuffix(s, sign)
			}
			if ok && signs == 0 && !negative {
				s, again = t, true
				signs++
				negative = sign != "+"
			}
		}
	}
	group := ","
	if point == "," {
		group = "."
	} else {
		point = "."
	}
	front, back, pointed := strings.Cut(s, point)
	exponent := ""
	if i := strings.IndexAny(s, "eE"); i >= 0 && !strings.Contains(s, group) {
		if j := strings.IndexAny(back, "eE"); j >= 0 {
			back, exponent = back[:j], back[j:]
		} else if j := strings.IndexAny(front, "eE"); j >= 0 && !pointed {
			front, exponent = front[:j], front[j:]
		}
	}
	if strings.Contains(front, group) {
		parts := strings.Split(front, group)
		for i, p := range parts {
			if len(p) != 3 && i > 0 || len(p) < 1 || len(p) > 3 {
				return bad()
			}
		}
		front = strings.Join(parts, "")
	}
	if pointed && back == "" || front == "" && back == "" || strings.Trim(front+back, "0123456789") != "" {
		return bad()
	}
	if front == "" {
		front = "0"
	}
	text := front
	if pointed {
		text += "." + back
	}
	if d, err = plain(text + exponent); err != nil {
		return bad()
	}
	d.Negative = negative && !d.IsZero()
	return d, percent, nil
}

// MinorDigits is how many digits the minor unit of a currency stands behind the
// point (ISO 4217): 0 of KRW, 2 of USD, 3 of KWD.
func MinorDigits(currency string) (int32, error) {
	switch currency {
	case "":
		return 0, errors.New("is in the minor unit of a currency, and the account has none: accounts: [{id: …, currency: KRW}]")
	case "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF":
		return 0, nil
	case "BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND":
		return 3, nil
	}
	return 2, nil
}

// moment reads a day or a time.
func (f *Field) moment(v any, a About) (any, error) {
	var s string
	switch v := v.(type) {
	case string:
		s = strings.TrimFunc(v, blank)
	case json.Number:
		s = v.String()
	default:
		return nil, errors.New("is not a date")
	}
	zone := f.zone
	if zone == nil {
		zone = a.Account.Location()
	}
	for _, l := range f.formats {
		if t, ok := l.Parse(s, zone); ok {
			return f.stored(t, l.special != "" || l.offset, zone)
		}
	}
	if a.Serial {
		if t, ok := serial(s, a.Since1904, zone); ok {
			return f.stored(t, false, zone)
		}
	}
	var names []string
	for _, l := range f.formats {
		names = append(names, strconv.Quote(l.Text))
	}
	return nil, fmt.Errorf("is not a %s: it looks like %s and not like format: [%s]", kindName(f.Type.Kind), Shape(s), strings.Join(names[:min(3, len(names))], ", "))
}

func kindName(k tables.Kind) string {
	if k == tables.Date {
		return "date"
	}
	return "time"
}

func (f *Field) stored(t time.Time, absolute bool, zone *time.Location) (any, error) {
	if t.Year() < 1000 || t.Year() > 9999 {
		return nil, errors.New("is of a year that no DATE has")
	}
	if f.Type.Kind == tables.DateTime {
		return t.UTC().Truncate(time.Microsecond), nil
	}
	if absolute {
		t = t.In(zone)
	}
	return tables.DayOf(t), nil
}

// serial reads a date as Excel stores it: days since 1899-12-30, or 1904-01-01,
// with the time of day behind the point.
func serial(s string, since1904 bool, zone *time.Location) (time.Time, bool) {
	x, err := strconv.ParseFloat(s, 64)
	if err != nil || x < 61 || x >= 2958466 { // before that Excel has a day that never was
		return time.Time{}, false
	}
	from := time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC)
	if since1904 {
		from = time.Date(1904, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	whole, part := math.Modf(x)
	t := from.AddDate(0, 0, int(whole)).Add(time.Duration(math.Round(part*86400e3)) * time.Millisecond)
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), zone), true
}

// Shape is what a text looks like without what it says: digits are 9, letters a.
func Shape(s string) string {
	var b strings.Builder
	n := 0
	for _, r := range s {
		if n++; n > 24 {
			b.WriteString("…")
			break
		}
		switch {
		case unicode.IsDigit(r):
			r = '9'
		case unicode.IsLetter(r):
			r = 'a'
		case !unicode.IsPrint(r):
			r = '.'
		}
		b.WriteRune(r)
	}
	return strconv.Quote(b.String())
}
