package lake

import (
	"bytes"
	"fmt"
	"io"
	"strings"
)

// csvOptions is how the CSV files of a data set are written, where that is not
// to be found out.
type csvOptions struct {
	Delimiter string   `yaml:"delimiter" json:",omitempty"` // one character, or tab
	Quote     string   `yaml:"quote" json:",omitempty"`     // one character, or none
	Escape    string   `yaml:"escape" json:",omitempty"`    // one character; default: a quote is doubled
	Header    *bool    `yaml:"header" json:",omitempty"`
	Columns   []string `yaml:"columns" json:",omitempty"`  // names, instead of the header's
	Skip      int      `yaml:"skip" json:",omitempty"`     // lines in front of the header
	Nulls     []string `yaml:"nulls" json:",omitempty"`    // spellings of NULL; an empty cell is NULL always
	Encoding  string   `yaml:"encoding" json:",omitempty"` // default UTF-8, or as the byte order mark says
	Decimal   string   `yaml:"decimal" json:",omitempty"`  // "," for 1,5
	Thousands string   `yaml:"thousands" json:",omitempty"`
	Pad       bool     `yaml:"pad" json:",omitempty"` // a short record ends in NULLs
}

// char reads an option of one ASCII character; zero where it is not given.
func char(option, s string) (byte, error) {
	switch strings.ToLower(s) {
	case "", "none":
		return 0, nil
	case "tab", `\t`:
		return '\t', nil
	}
	if len(s) != 1 || s[0] >= 0x80 || s[0] == '\n' || s[0] == '\r' {
		return 0, fmt.Errorf("csv.%s: %q is not one ASCII character", option, s)
	}
	return s[0], nil
}

// dialect is what the options say, zero where they are silent.
func (o *csvOptions) dialect() (d dialect, err error) {
	for _, f := range []struct {
		name, value string
		to          *byte
	}{{"delimiter", o.Delimiter, &d.Delimiter}, {"quote", o.Quote, &d.Quote}, {"escape", o.Escape, &d.Escape}} {
		if *f.to, err = char(f.name, f.value); err != nil {
			return d, err
		}
	}
	if d.Delimiter != 0 && d.Delimiter == d.Quote {
		return d, fmt.Errorf("csv: the delimiter and the quote are the same character")
	}
	if o.Skip < 0 {
		return d, fmt.Errorf("csv.skip: %d is less than none", o.Skip)
	}
	for name, value := range map[string]string{"decimal": o.Decimal, "thousands": o.Thousands} {
		if len(value) > 1 || value != "" && !strings.Contains(".,' _", value) {
			return d, fmt.Errorf("csv.%s: %q is none of . , ' _ and blank", name, value)
		}
	}
	if o.Thousands != "" && o.Thousands == o.decimal() {
		return d, fmt.Errorf("csv: %q cannot be both the decimal point and between thousands", o.Thousands)
	}
	_, err = charset(o.Encoding)
	return d, err
}

func (o *csvOptions) decimal() string {
	if o.Decimal == "" {
		return "."
	}
	return o.Decimal
}

// sampleSize is how much of a file is looked at to find its dialect. Types are
// found from all of it.
const sampleSize = 256 << 10

// sniff finds the dialect from the beginning of a text: the delimiter (of
// comma, tab, semicolon and bar) that gives most records the width of the
// first one, and of equals the one that gives the most columns; double quotes,
// or single ones where every record has some; and whether the first record is
// a header. whole says that the sample is all there is. What the options say
// is not guessed.
func (o *csvOptions) sniff(sample []byte, whole bool) (dialect, error) {
	given, err := o.dialect()
	if err != nil {
		return given, err
	}
	if o.Encoding == "" && bytes.IndexByte(sample[:min(len(sample), 1024)], 0) >= 0 {
		return given, &problem{Line: 1, What: "there are NUL bytes: the file may be UTF-16 without a byte order mark, or no text at all",
			Hint: "if it is text, say which: csv: {encoding: utf-16le}"}
	}
	given.Newline = '\n'
	if bytes.IndexByte(sample, '\n') < 0 && bytes.IndexByte(sample, '\r') >= 0 {
		given.Newline = '\r'
	}
	if cut := bytes.LastIndexByte(sample, given.Newline); !whole && cut >= 0 {
		sample = sample[:cut+1] // a record that is cut says nothing
	}
	best := given
	if o.Quote == "" {
		best.Quote = '"'
	}
	found := o.probe(sample, best)
	if o.Quote == "" && bytes.IndexByte(sample, '"') < 0 && bytes.IndexByte(sample, '\'') >= 0 {
		given.Quote = '\''
		if single := o.probe(sample, given); single.share == 1 && single.enclosed {
			found = single
		}
	}
	found.d.Header = len(o.Columns) == 0 && isHeader(found.first)
	if o.Header != nil {
		found.d.Header = *o.Header
	}
	return found.d, nil
}

// reading is what a dialect makes of a sample.
type reading struct {
	d        dialect
	first    []string
	share    float64 // of the records, as wide as the first
	enclosed bool    // every record behind the first has a cell in quotes
}

// probe gives the best reading over the possible delimiters.
func (o *csvOptions) probe(sample []byte, d dialect) (best reading) {
	delimiters := []byte{',', '\t', ';', '|'}
	if d.Delimiter != 0 {
		delimiters = []byte{d.Delimiter}
	}
	for i, delimiter := range delimiters {
		d.Delimiter = delimiter
		r := o.read(sample, d)
		wide := len(r.first) > 1
		if i == 0 || wide && (len(best.first) <= 1 || r.share > best.share || r.share == best.share && len(r.first) > len(best.first)) {
			best = r
		}
	}
	return best
}

// read reads the sample by a dialect, up to the first record that it cannot be.
func (o *csvOptions) read(sample []byte, d dialect) reading {
	r := reading{d: d, enclosed: true}
	c := newCSVReader(bytes.NewReader(sample), d)
	if c.skip(o.Skip) != nil {
		return r
	}
	same, all := 0, 0
	for ; all < 1000; all++ {
		cells, err := c.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			all++
			break
		}
		if all == 0 {
			for _, cell := range cells {
				r.first = append(r.first, string(cell))
			}
		} else if c.enclosed == 0 {
			r.enclosed = false
		}
		if len(cells) == len(r.first) {
			same++
		}
	}
	r.share = float64(same) / float64(max(all, 1))
	r.enclosed = r.enclosed && all > 1
	return r
}

// isHeader says whether the first record names the columns: it does unless it
// is empty or one of its cells is a number, a date or a truth value.
func isHeader(cells []string) bool {
	named := false
	for _, cell := range cells {
		cell = trim(cell)
		if can, _, _ := classes(cell, asAny); can != 0 {
			return false
		}
		named = named || cell != ""
	}
	return named
}

// names makes the names of columns from a header: without blanks around,
// column_N where there is none, and _2, _3 … behind one that is there already
// in any case.
func names(header []string) []string {
	out := make([]string, len(header))
	taken := map[string]bool{}
	for _, h := range header {
		taken[fold(strings.TrimSpace(h))] = true
	}
	used := map[string]bool{}
	for i, h := range header {
		name := strings.TrimSpace(h)
		if name == "" {
			name = fmt.Sprintf("column_%d", i+1)
		}
		base := name
		for n := 2; used[fold(name)] || name != strings.TrimSpace(h) && taken[fold(name)]; n++ {
			name = fmt.Sprintf("%s_%d", base, n)
		}
		used[fold(name)] = true
		out[i] = name
	}
	return out
}

// fold is how names are compared: SQL does not tell cases of column names.
func fold(name string) string { return strings.ToLower(name) }
