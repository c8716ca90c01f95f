package lake

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
)

// csvFile is an open CSV file behind its header.
type csvFile struct {
	*csvReader
	io.Closer
	names []string
	first [][]byte // a record that was read to learn the width
	pad   bool
}

// openCSV opens the file; d is its dialect where it is known already. An empty
// file has no columns.
func (ds *dataset) openCSV(path, name string, d *dialect) (*csvFile, error) {
	text, err := openText(path, name, ds.charset)
	if err != nil {
		return nil, err
	}
	f := &csvFile{Closer: text, pad: ds.CSV.Pad}
	if err := f.begin(bufio.NewReaderSize(text, sampleSize), &ds.CSV, d); err != nil && err != io.EOF {
		text.Close()
		return nil, err
	}
	return f, nil
}

func (f *csvFile) begin(in *bufio.Reader, o *csvOptions, d *dialect) error {
	if d == nil {
		sample, err := in.Peek(sampleSize)
		if err != nil && err != io.EOF {
			return err
		}
		found, err := o.sniff(sample, err == io.EOF)
		if err != nil {
			return err
		}
		d = &found
	}
	f.csvReader = newCSVReader(in, *d)
	if err := f.skip(o.Skip); err != nil {
		return err
	}
	if len(o.Columns) > 0 {
		f.names = names(o.Columns)
		if !d.Header {
			return nil
		}
	}
	cells, err := f.csvReader.next()
	if err != nil {
		return err
	}
	header := make([]string, len(cells))
	if d.Header {
		for i, c := range cells {
			header[i] = string(c)
		}
	} else {
		for _, c := range cells {
			f.first = append(f.first, bytes.Clone(c))
		}
	}
	if len(o.Columns) == 0 {
		f.names = names(header)
	}
	return nil
}

// next gives a record with as many cells as there are names.
func (f *csvFile) next() ([][]byte, error) {
	cells, err := f.first, error(nil)
	if f.first = nil; cells == nil {
		cells, err = f.csvReader.next()
	}
	if err != nil || len(cells) == len(f.names) {
		return cells, err
	}
	for f.pad && len(cells) < len(f.names) {
		cells = append(cells, nil)
	}
	for f.pad && len(cells) > len(f.names) && len(cells[len(cells)-1]) == 0 {
		cells = cells[:len(cells)-1]
	}
	if len(cells) == len(f.names) {
		return cells, nil
	}
	p := &problem{Line: f.start, What: fmt.Sprintf("there are %d cells where the header has %d", len(cells), len(f.names)),
		Hint: "mend the line, or set csv: {delimiter: …, quote: …} if they were guessed wrong"}
	if !f.d.Header {
		p.What = fmt.Sprintf("there are %d cells where the first line has %d", len(cells), len(f.names))
	}
	if len(cells) < len(f.names) {
		p.Hint += "; csv: {pad: true} fills short lines with NULL"
	}
	return nil, p
}

func (ds *dataset) profileCSV(ctx context.Context, p *profile, path, name string) error {
	f, err := ds.openCSV(path, name, nil)
	if err != nil {
		return err
	}
	defer f.Close()
	p.Dialect = f.d
	all := make([]stats, len(f.names))
	for i, name := range f.names {
		all[i] = newStats()
		p.Columns = append(p.Columns, fileColumn{Name: name, Stats: &all[i]})
	}
	for f.names != nil {
		cells, err := f.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if p.Rows++; p.Rows%1024 == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		for i, cell := range cells {
			if len(cell) > 0 && !ds.isNull(cell) {
				all[i].add(ds.number(cell))
			}
		}
	}
	return nil
}

// isNull says whether the cell spells NULL by the options.
func (ds *dataset) isNull(cell []byte) bool {
	for _, n := range ds.CSV.Nulls {
		if string(cell) == n {
			return true
		}
	}
	return false
}

// number spells a cell with the options' decimal point and thousands as
// everybody else does, and says how it may be read: what is not spelled by
// the options is no number.
func (ds *dataset) number(cell []byte) ([]byte, class) {
	point, thousands := ds.CSV.decimal(), ds.CSV.Thousands
	if thousands == "" && point == "." {
		return cell, asAny
	}
	whole, behind, fraction := strings.Cut(trim(view(cell)), point)
	if thousands != "" && strings.Contains(whole, thousands) {
		for i, g := range strings.Split(strings.TrimPrefix(whole, "-"), thousands) {
			if i > 0 && len(g) != 3 || i == 0 && (g == "" || len(g) > 3) {
				return cell, asAny &^ asNumber
			}
		}
		whole = strings.ReplaceAll(whole, thousands, "")
	}
	if strings.Contains(whole, ".") {
		return cell, asAny &^ asNumber
	}
	if fraction {
		whole += "." + behind
	}
	if _, ok := parseNumber(whole); !ok {
		return cell, asAny &^ asNumber
	}
	return []byte(whole), asAny
}
