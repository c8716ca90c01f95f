package files

import (
	"archive/zip"
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"argo/tables/lake"
	"argo/tables/mapping"

	"github.com/xuri/excelize/v2"
)

// grid is a file as rows of cells: each gives its number, as an editor or Excel
// shows it. exact says that a row of another length than the header is wrong.
type grid struct {
	each      func(take func(number int, cells []string) error) error
	exact     bool
	serial    bool // days may be numbers
	since1904 bool
}

// problem is what is wrong with a file, and where.
type problem struct {
	row  int    // 0: nowhere in particular
	cell string // column by its header
	what string
}

func (p *problem) Error() string {
	s := p.what
	if p.cell != "" {
		s = "column " + strconv.Quote(p.cell) + ": " + s
	}
	if p.row > 0 {
		s = "line " + strconv.Itoa(p.row) + ", " + s
	}
	return s
}

// maxUnzipped is how many bytes a workbook may unpack to.
const maxUnzipped = 2 << 30

var exponent = regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?[eE][+-]?[0-9]+$`)

// excelNumber is a number of Excel with the 15 digits that it has; other texts
// stay as they are.
func excelNumber(s string) string {
	digits := 0
	for _, c := range s {
		if c >= '0' && c <= '9' {
			digits++
		}
	}
	if digits <= 15 && !exponent.MatchString(s) {
		return s
	}
	if !exponent.MatchString(s) && (!strings.Contains(s, ".") || strings.Trim(s, "-.0123456789") != "" || strings.Count(s, ".") > 1) {
		return s
	}
	x, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return s
	}
	short, err := strconv.ParseFloat(strconv.FormatFloat(x, 'g', 15, 64), 64)
	if err != nil {
		return s
	}
	return strconv.FormatFloat(short, 'f', -1, 64)
}

// openExcel reads one sheet of a workbook.
func openExcel(file, sheet string) (grid, func() error, error) {
	z, err := zip.OpenReader(file)
	if err != nil {
		return grid{}, nil, &problem{what: "it is no .xlsx, or half of one: " + err.Error()}
	}
	z.Close()
	f, err := excelize.OpenFile(file, excelize.Options{RawCellValue: true, UnzipSizeLimit: maxUnzipped, UnzipXMLSizeLimit: 64 << 20})
	if err != nil {
		return grid{}, nil, &problem{what: "the workbook cannot be read: " + err.Error()}
	}
	names := f.GetSheetList()
	switch {
	case len(names) == 0:
		f.Close()
		return grid{}, nil, &problem{what: "the workbook has no sheet"}
	case sheet == "":
		sheet = names[0]
	case !slices.Contains(names, sheet):
		f.Close()
		return grid{}, nil, &problem{what: fmt.Sprintf("there is no sheet %q; there are %q", sheet, names)}
	}
	g := grid{serial: true}
	if p, err := f.GetWorkbookProps(); err == nil && p.Date1904 != nil {
		g.since1904 = *p.Date1904
	}
	g.each = func(take func(int, []string) error) error {
		rows, err := f.Rows(sheet)
		if err != nil {
			return &problem{what: "the sheet cannot be read: " + err.Error()}
		}
		defer rows.Close()
		for n := 1; rows.Next(); n++ {
			cells, err := rows.Columns(excelize.Options{RawCellValue: true})
			if err != nil {
				return &problem{row: n, what: "the row cannot be read: " + err.Error()}
			}
			for i := range cells {
				cells[i] = excelNumber(cells[i])
			}
			if err := take(n, cells); err != nil {
				return err
			}
		}
		if err := rows.Error(); err != nil {
			return &problem{what: "the sheet cannot be read: " + err.Error()}
		}
		return nil
	}
	return g, f.Close, nil
}

// openCSV reads a text. Without a delimiter the one is taken with which the most
// of the wanted headers are found within the first rows.
func openCSV(file, name, encoding, delimiter string, within int, found func([]string) int) (grid, func() error, error) {
	comma := rune(0)
	if delimiter != "" {
		comma, _ = utf8.DecodeRuneInString(delimiter)
	}
	open := func() (io.ReadCloser, error) {
		r, err := lake.Text(file, name, encoding)
		if err != nil {
			return nil, err
		}
		return r, nil
	}
	if comma == 0 {
		r, err := open()
		if err != nil {
			return grid{}, nil, err
		}
		head, err := io.ReadAll(io.LimitReader(r, 1<<20))
		r.Close()
		if err != nil && len(head) == 0 {
			return grid{}, nil, &problem{what: err.Error()}
		}
		best := -1
		for _, c := range ",\t;|" {
			in := csv.NewReader(bytes.NewReader(head))
			in.Comma, in.FieldsPerRecord = c, -1
			in.LazyQuotes = true
			most := 0
			for range within {
				cells, err := in.Read()
				if err != nil {
					break
				}
				most = max(most, found(cells))
			}
			if most > best {
				best, comma = most, c
			}
		}
	}
	return grid{exact: true, each: func(take func(int, []string) error) error {
		r, err := open()
		if err != nil {
			return err
		}
		defer r.Close()
		in := csv.NewReader(bufio.NewReaderSize(r, 64<<10))
		in.Comma, in.FieldsPerRecord, in.ReuseRecord = comma, -1, true
		for {
			cells, err := in.Read()
			if errors.Is(err, io.EOF) {
				return nil
			}
			var bad *csv.ParseError
			if errors.As(err, &bad) {
				return &problem{row: bad.Line, what: bad.Err.Error()}
			}
			if err != nil {
				return &problem{what: err.Error()}
			}
			line, _ := in.FieldPos(0)
			for i, c := range cells {
				if !utf8.ValidString(c) {
					return &problem{row: line, cell: strconv.Itoa(i + 1), what: "is not UTF-8; say what the file is in: encoding: cp949, shift_jis …"}
				}
			}
			if err := take(line, cells); err != nil {
				return err
			}
		}
	}}, func() error { return nil }, nil
}

func isExcel(name string) bool {
	ext := strings.ToLower(path.Ext(name))
	return ext == ".xlsx" || ext == ".xlsm"
}

func trim(s string) string {
	return strings.TrimFunc(s, func(r rune) bool {
		return r == '\ufeff' || r == '\u200b' || r == '\u00a0' || r == ' ' || r == '\t' || r == '\r' || r == '\n'
	})
}

func same(a, b string) bool { return strings.EqualFold(trim(a), trim(b)) }

// places finds the column of each field in a row of headers; -1 where one is not.
func (t *table) places(cells []string) (at []int, found int) {
	at = make([]int, len(t.fields))
	for i, f := range t.fields {
		at[i] = -1
		if f.Special() {
			continue
		}
		for _, from := range f.From {
			if j := slices.IndexFunc(cells, func(c string) bool { return same(c, from) }); j >= 0 {
				at[i] = j
				found++
				break
			}
		}
	}
	return at, found
}

// decode gives every row of a file: values by field, nil where a field is not read
// from the row. Errors are problems.
func (t *table) decode(g grid, n named, take func(row int, values []any) error) error {
	var (
		at     []int
		header []string
		seen   int
		best   []int
		most   = -1
		about  = mapping.About{Sheet: true, Serial: g.serial, Since1904: g.since1904}
	)
	if n.days.From == n.days.To {
		about.Day = n.days.From
	}
	err := g.each(func(number int, cells []string) error {
		if at == nil {
			if seen++; seen > t.o.HeaderWithin {
				return t.noHeader(best)
			}
			places, found := t.places(cells)
			if found > most {
				most, best = found, places
			}
			for i, f := range t.fields {
				if places[i] < 0 && !f.Special() && !f.Optional {
					return nil
				}
			}
			at, header = places, slices.Clone(cells)
			for i, f := range t.fields {
				for j := at[i] + 1; at[i] >= 0 && j < len(cells); j++ {
					if same(cells[j], cells[at[i]]) {
						return &problem{row: number, cell: f.From[0], what: "the header is there twice"}
					}
				}
			}
			return nil
		}
		empty := true
		for _, c := range cells {
			empty = empty && trim(c) == ""
		}
		if empty || t.skips(header, cells) {
			return nil
		}
		if g.exact && len(cells) != len(header) && !(len(cells) > len(header) && strings.TrimSpace(strings.Join(cells[len(header):], "")) == "") {
			return &problem{row: number, what: fmt.Sprintf("the row has %d cells, the header %d; a row that is none is left out by skip:", len(cells), len(header))}
		}
		values := make([]any, len(t.fields))
		read := func(i int) error {
			f := t.fields[i]
			var v any
			var err error
			switch {
			case f.Role == mapping.AsAccount && f.From[0] == "$account":
				if v = n.account; n.account == "" {
					for id := range t.s.accounts {
						v = id
					}
				}
			case f.From[0] == "$row":
				m := map[string]any{}
				for j, h := range header {
					if h = trim(h); h != "" && j < len(cells) {
						m[h] = cells[j]
					}
				}
				v, err = f.Read(m, about)
			case f.Special():
				v, err = f.Constant(about)
			case at[i] >= 0 && at[i] < len(cells):
				v, err = f.Read(cells[at[i]], about)
			default:
				v, err = f.Read(nil, about)
			}
			if err != nil {
				return &problem{row: number, cell: f.From[0], what: err.Error() + "; a row that is none is left out by skip:"}
			}
			values[i] = v
			return nil
		}
		if t.of >= 0 { // the others may need the account
			if err := read(t.of); err != nil {
				return err
			}
			id := values[t.of].(string)
			about.Account = t.account(id)
			if n.account != "" && id != n.account {
				return &problem{row: number, cell: t.fields[t.of].From[0], what: "the row is of another account than the file's name says"}
			}
		}
		for i := range t.fields {
			if i == t.of {
				continue
			}
			if err := read(i); err != nil {
				return err
			}
		}
		return take(number, values)
	})
	if err == nil && at == nil {
		err = t.noHeader(best)
	}
	return err
}

func (t *table) noHeader(best []int) error {
	var missing []string
	for i, f := range t.fields {
		if !f.Special() && !f.Optional && (best == nil || best[i] < 0) {
			missing = append(missing, strconv.Quote(strings.Join(f.From, " or ")))
		}
	}
	return &problem{what: fmt.Sprintf("no row among the first %d is the header: the row that is most like it lacks %s; names stand in from:, header_within: says how far to look, encoding: what the file is in", t.o.HeaderWithin, strings.Join(missing, ", "))}
}

// skips says whether a row is none by the rules.
func (t *table) skips(header, cells []string) bool {
	for _, k := range t.o.Skip {
		is := func(c string) bool {
			return k.Empty && trim(c) == "" || slices.ContainsFunc(k.Equals, func(s string) bool { return same(s, c) }) ||
				slices.ContainsFunc(k.Begins, func(s string) bool { return strings.HasPrefix(trim(c), s) })
		}
		if k.Column == "" {
			if slices.ContainsFunc(cells, is) {
				return true
			}
			continue
		}
		j := slices.IndexFunc(header, func(h string) bool { return same(h, k.Column) })
		if j >= len(cells) && k.Empty || j >= 0 && j < len(cells) && is(cells[j]) {
			return true
		}
	}
	return false
}
